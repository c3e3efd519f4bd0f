/*
 * settings.c: the table of settings. Reading is in settings_read.c, values in settings_value.c.
 *
 * To add a setting:
 *
 *   1. Give it a field: in an options struct that is part of struct sk_settings (node.engine,
 *      node.http …) or in struct sk_settings itself. Integers may have 4 or 8 bytes.
 *   2. Add a row below, in its group:
 *        { "limits.history_max", SK_SETTING_INT, "100000", .min = 1000, .max = 100000000,
 *          AT(node.engine.history_max), .help = "events of one saga; then it is suspended" },
 *      The default is written as in YAML and is what the field holds when nobody says otherwise.
 *      Where the field's own 0 means "default" but people should write 0 for "none", say what 0
 *      is (.zero = "waits for ever") and what is to be stored for it (.zero_as = -1).
 *   3. Use the field. A text and the items of lists live as long as the settings.
 *   4. `scripts/config-docs` writes the row into docs/configuration.md; a test wants it there.
 *
 * That is all: the file reader, SKALD_LIMITS_HISTORY_MAX, --set limits.history_max=…, `skald config
 * list`, `skald serve --print-config` and completion know it. A flag of its own: .flag = "history-
 * max", .value = "N"; few deserve one.
 *
 * A map "name → settings" (services, channels): a struct for one entry that begins with struct
 * sk_setting_entry, a table of rows with IN(struct …, field) and one row of type SK_SETTING_MAP:
 *
 *        struct sk_service_settings { struct sk_setting_entry entry; const char *endpoint; … };
 *        static const struct sk_setting service_rows[] = {
 *            { "endpoint", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, endpoint),
 *              .may_hold_secret = true, .help = "URL of the service" },
 *            { "circuit_breaker.threshold", SK_SETTING_INT, "5", .min = 1, .max = 1000, … },
 *        };
 *        static const struct sk_setting_table service_table =
 *            TABLE("service", service_rows, struct sk_service_settings);
 *        …
 *        { "services", SK_SETTING_MAP, AT(services), .table = &service_table, .help = "…" },
 *
 * and for (struct sk_setting_entry *e = settings->services.first; e != NULL; e = e->next) where it
 * is used. Names with dots nest in YAML (circuit_breaker: { threshold: 5 }). What one setting says
 * against another is checked in sk_settings_finish (settings_read.c).
 */
#include "skald/settings.h"

#include "base/limits.h"
#include "engine/group.h"
#include "skald/channels.h"

#include <limits.h>

#define AT(field) \
    .offset = offsetof(struct sk_settings, field), .size = sizeof(((struct sk_settings *)0)->field)
#define IN(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define TABLE(title, table_rows, type)                                                       \
    {                                                                                        \
        .name = (title), .rows = (table_rows),                                               \
        .rows_count = sizeof(table_rows) / sizeof(table_rows)[0], .entry_size = sizeof(type) \
    }

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY ((int64_t)24 * HOUR)
#define YEAR (365 * DAY)

static const char *const log_formats[] = { "auto", "json", "text", NULL };
static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };

/* ---- one service ----------------------------------------------------------------------------- */

static const char *const client_words[] = { "libevent", "libcurl", NULL };
static const char *const http2_words[] = { "server", "auto", "off", "direct", NULL };
static const char *const breaker_words[] = { "definition", "on", "off", NULL };

static const struct sk_setting service_rows[] = {
    { "endpoint", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.endpoint),
      .may_hold_secret = true,
      .help = "where it is; in place of the one that a definition gives under `services`" },
    { "headers", SK_SETTING_PAIRS, NULL, IN(struct sk_service_settings, headers),
      .may_hold_secret = true, .must_be_secret = true,
      .help = "sent with every request, unless the definition sends one of that name" },
    { "timeout", SK_SETTING_DURATION, "0s", 0, DAY,
      IN(struct sk_service_settings, options.timeout_ms), .zero = "as the definition says",
      .help = "an attempt is given up by then, if it is not sooner by itself" },
    { "max_in_flight", SK_SETTING_INT, "0", 0, 1000000,
      IN(struct sk_service_settings, options.limits.in_flight_max),
      .zero = "as the definition says", .help = "requests at once; more wait in line" },
    { "rate_limit", SK_SETTING_NUMBER, "0", 0, 1000000,
      IN(struct sk_service_settings, options.limits.rate_per_s), .zero = "as the definition says",
      .help = "requests a second on the long run" },
    { "burst", SK_SETTING_INT, "0", 0, 1000000,
      IN(struct sk_service_settings, options.limits.burst), .zero = "a second's worth",
      .help = "requests at once after a pause, with rate_limit" },
    { "circuit_breaker.enabled", SK_SETTING_WORD, "definition",
      IN(struct sk_service_settings, options.limits.breaker), .words = breaker_words,
      .help = "whether it opens at all" },
    { "circuit_breaker.threshold", SK_SETTING_INT, "0", 0, 1000000,
      IN(struct sk_service_settings, options.limits.breaker_threshold),
      .zero = "as the definition says", .help = "failures in a row that open it" },
    { "circuit_breaker.timeout", SK_SETTING_DURATION, "0s", 0, DAY,
      IN(struct sk_service_settings, options.limits.breaker_timeout_ms),
      .zero = "as the definition says", .help = "open for so long, then half open" },
    { "circuit_breaker.half_open_requests", SK_SETTING_INT, "0", 0, 1000,
      IN(struct sk_service_settings, options.limits.breaker_probes),
      .zero = "as the definition says",
      .help = "probes at once while half open, and successes that close it" },
    { "tls.ca_file", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.tls.ca_file),
      .help = "certificates (PEM) of the authorities it is trusted by" },
    { "tls.ca_path", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.tls.ca_path),
      .help = "a folder of such certificates, named by their hash (openssl rehash)" },
    { "tls.cert_file", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.tls.cert_file),
      .help = "our own certificate (PEM), for a service that asks for one" },
    { "tls.key_file", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.tls.key_file),
      .help = "its key (PEM), where it does not stand in cert_file" },
    { "tls.key_password", SK_SETTING_TEXT, NULL,
      IN(struct sk_service_settings, options.tls.key_password), .may_hold_secret = true,
      .must_be_secret = true, .help = "of the key, where it has one" },
    { "proxy", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.proxy),
      .may_hold_secret = true,
      .help = "such as http://proxy:3128; `direct` = none, whatever "
              "http.proxy says" },
    { "no_proxy", SK_SETTING_TEXT, NULL, IN(struct sk_service_settings, options.no_proxy),
      .help = "hosts called directly, in place of http.no_proxy" },
    { "http2", SK_SETTING_WORD, "server", IN(struct sk_service_settings, options.http2),
      .words = http2_words,
      .help = "auto = where TLS offers it; direct = without asking, also without TLS" },
};
static const struct sk_setting_table service_table =
    TABLE("service", service_rows, struct sk_service_settings);

/* ---- how notifications of one type are sent ------------------------------------------------- */

static const struct sk_setting channel_rows[] = {
    { "url", SK_SETTING_TEXT, NULL, IN(struct sk_channel_settings, url), .may_hold_secret = true,
      .help = "where the notification is sent, with {{ target }} and the like filled in" },
    { "method", SK_SETTING_TEXT, "POST", IN(struct sk_channel_settings, method),
      .help = "of that request" },
    { "headers", SK_SETTING_PAIRS, NULL, IN(struct sk_channel_settings, headers),
      .may_hold_secret = true, .must_be_secret = true, .help = "of that request" },
    { "body", SK_SETTING_TEXT, NULL, IN(struct sk_channel_settings, body), .may_hold_secret = true,
      .help = "JSON with {{ message }} and the like filled in; the whole notification when empty" },
    { "command", SK_SETTING_LIST, NULL, IN(struct sk_channel_settings, command),
      .help = "in place of a url: program and arguments, the JSON on its standard input" },
    { "timeout", SK_SETTING_DURATION, "0s", 0, DAY, IN(struct sk_channel_settings, timeout_ms),
      .zero = "that of the hook", .help = "of one sending" },
};
static const struct sk_setting_table channel_table =
    TABLE("channel", channel_rows, struct sk_channel_settings);

/* ---- all ------------------------------------------------------------------------------------- */

static const struct sk_setting rows[] = {
    /* ---- the server ---- */
    { "listen", SK_SETTING_TEXT, "127.0.0.1:8080", AT(listen), .flag = "listen", .letter = 'l',
      .value = "HOST:PORT", .help = "address of the API; port 0 picks a free one" },
    { "node.name", SK_SETTING_TEXT, NULL, AT(node.name), .flag = "node", .value = "NAME",
      .help = "this node's name; the host's when empty" },
    { "store.url", SK_SETTING_TEXT, SK_NODE_STORE, AT(node.store_url), .flag = "store",
      .letter = 's', .value = "URL", .may_hold_secret = true,
      .help = "where sagas are kept: sqlite:PATH, journal:DIR, memory:" },
    { "definitions", SK_SETTING_LIST, NULL, AT(definitions), .flag = "define", .letter = 'd',
      .value = "FILE", .help = "files of definitions that are defined before serving" },
    { "plugins", SK_SETTING_LIST, NULL, AT(plugins), .flag = "plugin", .value = "FILE",
      .help = "shared objects with functions for steps of type function (docs/embedding.md)" },
    { "sensitive", SK_SETTING_LIST, NULL, AT(sensitive),
      .help = "names of JSON members, headers and query parameters whose values are shown as ***: "
              "password, or a path such as customer.card.number" },
    { "secrets.folder", SK_SETTING_TEXT, NULL, AT(node.secrets_folder),
      .help = "folder of which each file is the ${secret:NAME} of its name; SKALD_SECRET_NAME in "
              "the environment comes first" },
    { "log.format", SK_SETTING_WORD, "auto", AT(node.runtime.log.format), .words = log_formats,
      .flag = "log-format", .value = "FORMAT", .help = "auto is text on a terminal, else json" },
    { "log.level", SK_SETTING_WORD, "info", AT(node.runtime.log.level), .words = log_levels,
      .flag = "log-level", .value = "LEVEL", .help = "lines below it are left out" },
    { "server.loops", SK_SETTING_INT, "1", 1, SK_GROUP_MAX, AT(node.loops), .flag = "loops",
      .value = "N",
      .help = "engines, each on a loop and a core of its own with a share of the shards" },
    { "server.body_max", SK_SETTING_SIZE, "4160KiB", 1024, 1 << 30, AT(body_size_max),
      .flag = "body-max", .value = "BYTES", .help = "largest body of a request; 413 beyond" },
    { "server.connections_max", SK_SETTING_INT, "1024", 1, 1000000, AT(connections_max),
      .flag = "connections-max", .value = "N", .help = "open connections; more wait in line" },
    { "server.request_timeout", SK_SETTING_DURATION, "60s", 1, DAY, AT(request_timeout_ms),
      .flag = "request-timeout", .value = "DURATION", .help = "for a request to come in whole" },
    { "server.idle_timeout", SK_SETTING_DURATION, "75s", 1, DAY, AT(idle_timeout_ms),
      .flag = "idle-timeout", .value = "DURATION", .help = "of a connection without a request" },
    { "server.wait_max", SK_SETTING_DURATION, "60s", 1, HOUR, AT(wait_ms_max),
      .help = "longest ?wait= of a request" },
    { "server.streams_max", SK_SETTING_INT, "256", 1, 100000, AT(streams_max),
      .help = "streams of events that are open; 429 beyond" },
    { "server.heartbeat", SK_SETTING_DURATION, "15s", 10, HOUR, AT(heartbeat_ms),
      .help = "a silent stream sends a comment so often" },
    { "server.observations_max", SK_SETTING_INT, "1024", 1, 1000000, AT(observations_max),
      .help = "observations of this node kept in memory" },
    { "compat.rte", SK_SETTING_BOOL, "false", AT(compat_rte),
      .help = "also answer under /api/transactions and the other paths of the RTE engine" },
    { "server.grace", SK_SETTING_DURATION, "10s", 0, DAY, AT(grace_ms), .flag = "grace",
      .value = "DURATION", .help = "how long a stop awaits calls in flight" },
    { "helpers.threads", SK_SETTING_INT, "4", 1, SK_HELPERS_MAX, AT(node.runtime.helpers_max),
      .help = "threads for functions, files and the store's reads" },
    { "helpers.queue_max", SK_SETTING_INT, "4096", 1, 1000000, AT(node.runtime.offload_max),
      .help = "jobs waiting for a helper thread; beyond it a step is retried later" },

    /* ---- limits ---- */
    { "limits.sagas_max", SK_SETTING_INT, "100000", 1, 100000000, AT(node.engine.sagas_max),
      .help = "sagas with work in flight or due; more are accepted and wait as pending" },
    { "limits.pending_max", SK_SETTING_INT, "100000", 1, 100000000, AT(node.engine.pending_max),
      .help = "sagas accepted and waiting; beyond it a start is 503" },
    { "limits.history_max", SK_SETTING_INT, "100000", 100, 1000000000,
      AT(node.engine.rules.history_max), .zero = "no bound",
      .help = "events of one saga; at each multiple it is suspended (history_limit)" },
    { "limits.signals_max", SK_SETTING_INT, "1000", 1, SK_SIGNALS_MAX,
      AT(node.engine.rules.signals_max),
      .help = "signals of one saga that wait to be taken; 429 beyond" },
    { "limits.commands_max", SK_SETTING_INT, "10000", 1, 1000000, AT(node.engine.jobs_max),
      .help = "commands waiting for one saga; 503 beyond, but operators' still find room" },
    { "limits.input_max", SK_SETTING_SIZE, "4MiB", 64, SK_PAYLOAD_SIZE_MAX,
      AT(node.engine.input_size_max),
      .help = "of a start (input, context), a signal or an edit; 413 beyond" },
    { "limits.output_max", SK_SETTING_SIZE, "4MiB", 64, SK_PAYLOAD_SIZE_MAX,
      AT(node.engine.output_size_max),
      .help = "output of a step; a larger one makes the outcome unknown, a completion 413" },
    { "limits.definition_max", SK_SETTING_SIZE, "10MiB", 1024, SK_YAML_SIZE_MAX,
      AT(node.engine.definition_size_max), .help = "source of a definition; 413 beyond" },
    { "limits.cache_max", SK_SETTING_INT, "10000", 1, 100000000, AT(node.engine.cache_sagas_max),
      .help = "parked and ended sagas kept in memory" },
    { "limits.batch_max", SK_SETTING_INT, "8192", 16, 1000000, AT(node.engine.batch_events_max),
      .help = "events written in one commit" },

    /* ---- times ---- */
    { "timeouts.attempt", SK_SETTING_DURATION, "10s", 100, DAY,
      AT(node.engine.dsl.attempt_timeout_ms), .help = "one attempt of a step without its own" },
    { "timeouts.saga", SK_SETTING_DURATION, "5m", SECOND, YEAR, AT(node.engine.dsl.saga_timeout_ms),
      .help = "a saga without its own, unless it waits for something outside" },
    { "timeouts.acquire", SK_SETTING_DURATION, "30s", 0, YEAR, AT(node.engine.acquire_timeout_ms),
      .zero = "waits for ever", .zero_as = -1,
      .help = "how long a pending saga may wait for its turn before it ends timed_out" },
    { "timeouts.lock", SK_SETTING_DURATION, "30s", 0, YEAR, AT(node.engine.dsl.lock_timeout_ms),
      .zero = "waits for ever", .zero_as = -1,
      .help = "how long a saga without its own lock_timeout may wait for its lock keys" },
    { "timeouts.verify", SK_SETTING_DURATION, "10s", 100, DAY,
      AT(node.engine.rules.verify_timeout_ms), .help = "one verify without its own timeout" },

    /* ---- retries and compensation ---- */
    { "retry.type", SK_SETTING_WORD, "fixed_delay", AT(node.engine.dsl.retry.type),
      .words = sk_words_retry, .help = "policy of steps and definitions without their own" },
    { "retry.max_attempts", SK_SETTING_INT, "4", 1, 1000000, AT(node.engine.dsl.retry.max_attempts),
      .help = "attempts in all, the first counted" },
    { "retry.initial_delay", SK_SETTING_DURATION, "5s", 0, YEAR,
      AT(node.engine.dsl.retry.initial_ms), .help = "before the second attempt" },
    { "retry.max_delay", SK_SETTING_DURATION, "0s", 0, YEAR, AT(node.engine.dsl.retry.max_ms),
      .zero = "no bound", .help = "the longest delay" },
    { "retry.multiplier", SK_SETTING_NUMBER, "2", 1, 10, AT(node.engine.dsl.retry.multiplier),
      .help = "of exponential_backoff" },
    { "retry.increment", SK_SETTING_DURATION, "5s", 0, YEAR, AT(node.engine.dsl.retry.increment_ms),
      .help = "of linear_backoff" },
    { "retry.jitter", SK_SETTING_WORD, "none", AT(node.engine.dsl.retry.jitter),
      .words = sk_words_jitter, .help = "chance in the delays: quarter is ±25 %, full 0 … delay" },
    { "compensation.strategy", SK_SETTING_WORD, "sequential", AT(node.engine.dsl.strategy),
      .words = sk_words_strategy, .help = "order of undoing where a definition says none" },
    { "compensation.timeout", SK_SETTING_DURATION, "0s", 0, DAY,
      AT(node.engine.dsl.undo_timeout_ms), .zero = "as long as the step's own attempt",
      .help = "one attempt of a compensation without its own" },
    { "compensation.max_attempts", SK_SETTING_INT, "5", 1, 1000000,
      AT(node.engine.dsl.undo_retry.max_attempts), .help = "attempts of a compensation in all" },
    { "compensation.type", SK_SETTING_WORD, "exponential_backoff",
      AT(node.engine.dsl.undo_retry.type), .words = sk_words_retry, .help = "how its delays grow" },
    { "compensation.initial_delay", SK_SETTING_DURATION, "1s", 0, YEAR,
      AT(node.engine.dsl.undo_retry.initial_ms), .help = "before its second attempt" },
    { "compensation.max_delay", SK_SETTING_DURATION, "1m", 0, YEAR,
      AT(node.engine.dsl.undo_retry.max_ms), .zero = "no bound", .help = "its longest delay" },
    { "compensation.jitter", SK_SETTING_WORD, "none", AT(node.engine.dsl.undo_retry.jitter),
      .words = sk_words_jitter, .help = "chance in its delays" },

    /* ---- recovery, idempotency, ownership ---- */
    { "recovery.interval", SK_SETTING_DURATION, "30s", 10, DAY, AT(node.engine.sweep_interval_ms),
      .help = "between sweeps: what should move and does not is repaired and counted" },
    { "recovery.stuck_after", SK_SETTING_DURATION, "5m", 10, YEAR, AT(node.engine.stuck_after_ms),
      .help = "without an event and without anything awaited a saga counts as stuck" },
    { "recovery.max_retries", SK_SETTING_INT, "3", 1, 1000, AT(node.engine.rules.takeups_max),
      .help = "how often the sweep takes up a compensation whose attempts are used up" },
    { "idempotency.window", SK_SETTING_DURATION, "24h", SECOND, YEAR,
      AT(node.engine.idempotency_window_ms), .help = "how long the key of a start is remembered" },
    { "retention.age", SK_SETTING_DURATION, "0s", 0, 100 * YEAR, AT(node.engine.retention_ms),
      .zero = "kept for ever",
      .help = "finished sagas (but failed ones) are removed so long after their end, though never "
              "within idempotency.window" },
    { "retention.max", SK_SETTING_INT, "0", 0, INT64_MAX, AT(node.engine.retention_max),
      .zero = "no limit", .help = "finished sagas kept; beyond it the oldest are removed" },
    { "retention.max_per_definition", SK_SETTING_INT, "0", 0, INT64_MAX,
      AT(node.engine.retention_max_per_definition), .zero = "no limit",
      .help = "the same for the sagas of each definition" },
    { "retention.interval", SK_SETTING_DURATION, "1m", 10, DAY,
      AT(node.engine.retention_interval_ms), .help = "between two looks at what may be removed" },
    { "lease.duration", SK_SETTING_DURATION, "15s", 100, HOUR, AT(node.engine.lease_ms),
      .help = "of a shard in a shared store" },
    { "lease.margin", SK_SETTING_DURATION, "3s", 10, HOUR, AT(node.engine.lease_margin_ms),
      .help = "before its end nothing is started any more" },

    /* ---- participants over HTTP ---- */
    { "http.connections_per_host", SK_SETTING_INT, "64", 1, 100000,
      AT(node.http.connections_per_host), .help = "at once to one host; more wait in line" },
    { "http.connections_max", SK_SETTING_INT, "1024", 1, 1000000, AT(node.http.connections_max),
      .help = "at once over all hosts; more wait in line, hosts take turns" },
    { "http.connect_timeout", SK_SETTING_DURATION, "5s", 10, HOUR, AT(node.http.connect_timeout_ms),
      .help = "for DNS, TCP and TLS" },
    { "http.idle_timeout", SK_SETTING_DURATION, "50s", SECOND, HOUR, AT(node.http.idle_timeout_ms),
      .help = "a kept connection idle for longer is not used again" },
    { "http.answer_max", SK_SETTING_SIZE, "4MiB", 1024, 4 << 20, AT(node.http.answer_size_max),
      .help = "largest body of a participant's answer" },
    { "http.http2", SK_SETTING_WORD, "auto", AT(node.http.http2), .words = http2_words,
      .help = "auto = where TLS offers it; direct = without asking, also without TLS" },
    { "http.client", SK_SETTING_WORD, "libevent", AT(node.http.client), .words = client_words,
      .help = "who speaks plain HTTP/1.1 (no TLS, no proxy): libcurl takes more of the processor, "
              "and sends again what a kept connection lost" },
    { "http.ca_file", SK_SETTING_TEXT, NULL, AT(node.http.tls.ca_file),
      .help = "certificates (PEM) in place of the system's" },
    { "http.ca_path", SK_SETTING_TEXT, NULL, AT(node.http.tls.ca_path),
      .help = "a folder of such certificates, named by their hash (openssl rehash)" },
    { "http.cert_file", SK_SETTING_TEXT, NULL, AT(node.http.tls.cert_file),
      .help = "our own certificate (PEM), for services that ask for one" },
    { "http.key_file", SK_SETTING_TEXT, NULL, AT(node.http.tls.key_file),
      .help = "its key (PEM), where it does not stand in cert_file" },
    { "http.key_password", SK_SETTING_TEXT, NULL, AT(node.http.tls.key_password),
      .may_hold_secret = true, .must_be_secret = true, .help = "of the key, where it has one" },
    { "http.proxy", SK_SETTING_TEXT, NULL, AT(node.http.proxy), .may_hold_secret = true,
      .help = "such as http://proxy:3128; none when empty" },
    { "http.no_proxy", SK_SETTING_TEXT, NULL, AT(node.http.no_proxy),
      .help = "hosts called directly: localhost,.internal" },
    { "hosts.allow", SK_SETTING_LIST, NULL, AT(hosts_allow), .value = "PATTERN",
      .help = "hosts that may be called: api.example.com, *.internal, localhost:8080; all when "
              "empty" },

    /* ---- how hard participants are driven ---- */
    { "limits.in_flight_max", SK_SETTING_INT, "0", 0, 1000000, AT(node.limits.in_flight_max),
      .zero = "no limit", .help = "requests at once to one service that says nothing else" },
    { "limits.rate_limit", SK_SETTING_NUMBER, "0", 0, 1000000, AT(node.limits.rate_per_s),
      .zero = "no limit", .help = "requests a second to one service that says nothing else" },
    { "limits.queue_max", SK_SETTING_INT, "10000", 1, 1000000, AT(node.queue_max),
      .help = "requests waiting for one service, undoing apart; beyond it they are retried later" },
    { "circuit_breaker.enabled", SK_SETTING_WORD, "on", AT(node.limits.breaker),
      .words = breaker_words, .help = "for services that say nothing else" },
    { "circuit_breaker.threshold", SK_SETTING_INT, "5", 1, 1000000,
      AT(node.limits.breaker_threshold), .help = "failures in a row that open it" },
    { "circuit_breaker.timeout", SK_SETTING_DURATION, "30s", 1, DAY,
      AT(node.limits.breaker_timeout_ms), .help = "open for so long, then half open" },
    { "circuit_breaker.half_open_requests", SK_SETTING_INT, "3", 1, 1000,
      AT(node.limits.breaker_probes),
      .help = "probes at once while half open, and successes that close it" },
    { "services", SK_SETTING_MAP, AT(services), .table = &service_table,
      .help = "participants by name: what they say here wins over definitions" },

    /* ---- hooks and notifications ---- */
    { "hooks.max_attempts", SK_SETTING_INT, "5", 1, 1000, AT(node.engine.rules.hook_attempts_max),
      .help = "attempts of a hook or notification in all" },
    { "hooks.initial_delay", SK_SETTING_DURATION, "1s", 1, HOUR,
      AT(node.engine.rules.hook_pause_ms), .help = "before the second, then doubled up to 1m" },
    { "hooks.timeout", SK_SETTING_DURATION, "30s", 100, DAY, AT(node.engine.rules.hook_timeout_ms),
      .help = "one attempt of a hook whose action says nothing" },
    { "channels", SK_SETTING_MAP, NULL, AT(channels), .table = &channel_table,
      .help = "how notifications of a type (email, slack, webhook, sms, pagerduty) are sent" },
};

const struct sk_setting_table sk_settings_table = TABLE("", rows, struct sk_settings);
