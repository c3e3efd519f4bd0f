/*
 * serve.c: `skald serve`: a node with the HTTP API in front of it, from start to graceful stop.
 *
 *   definitions read ─► store open ─► LISTENING ─► RECOVERED ─► defined ─► READY ─► STOPPING ─►
 *   gone
 *
 * The port is bound before recovery begins: who asks meanwhile is told to come again. A signal
 * stops gracefully; a second one, or a loop that fails, ends at once, which is as safe as a crash.
 */
#include "cli/cli.h"

#include "cli/settings_args.h"
#include "skald/definition_file.h"
#include "skald/doors.h"
#include "skald/listen.h"
#include "skald/plugins.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    DESCRIPTORS_OWN = 32,   /* store, log, commands of channels; 16 are open with a journal */
    DESCRIPTORS_A_LOOP = 8, /* its event base, listener, libcurl; 7 are open */
    /* A connection out at worst: libcurl looks a name up (a pair of sockets, and the resolver's).
     * Later it is one, but each of the two clients may keep as many as are allowed. */
    DESCRIPTORS_OUT = 3
};

struct options {
    struct cli_settings_args settings;
    const char *ready_file;
    bool is_print_only, is_json;
};

static const struct cli_option table[] = {
    { "config", 'c', CLI_LIST, "FILE", "settings from a YAML file; later ones override",
      offsetof(struct options, settings.config), 0, 0, NULL },
    { "set", 0, CLI_LIST, "NAME=VALUE", "any setting: --set limits.sagas_max=500",
      offsetof(struct options, settings.set), 0, 0, NULL },
    { "ready-file", 0, CLI_TEXT, "PATH", "written with the server's URL once sagas are served",
      offsetof(struct options, ready_file), 0, 0, NULL },
    { "print-config", 0, CLI_FLAG, NULL, "print the settings in force, with where they come from",
      offsetof(struct options, is_print_only), 0, 0, NULL },
    { "json", 0, CLI_FLAG, NULL, "with --print-config: print JSON",
      offsetof(struct options, is_json), 0, 0, NULL },
    { 0 },
};

struct server {
    const struct cli *cli;
    struct options options;
    struct sk_settings settings;
    struct sk_listen listen;
    struct sk_buf *definitions; /* as JSON, one for each --define */
    size_t definitions_count, defined_count;
    struct sk_node *node;
    struct sk_functions functions; /* of plugins */
    struct sk_doors *doors;
    bool is_stopping;
    int code;
};

static struct sk_runtime *runtime_of(struct server *server)
{
    return sk_libevent_runtime_port(sk_node_runtime(server->node));
}

static void say(struct server *server, enum sk_log_level level, const char *event,
                const char *message)
{
    struct sk_runtime *runtime = runtime_of(server);
    struct sk_log_line line = {
        .level = level, .event = sk_str_of(event), .duration_ms = -1, .message = sk_str_of(message)
    };
    runtime->ops->log(runtime, &line);
}

static void append_url(const struct server *server, struct sk_buf *out)
{
    bool is_v6 = strchr(server->listen.host, ':') != NULL;
    sk_buf_printf(out, is_v6 ? "http://[%s]:%u" : "http://%s:%u", server->listen.host,
                  (unsigned)sk_doors_port(server->doors));
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void on_drained(void *context)
{
    struct server *server = context;
    sk_libevent_runtime_stop(sk_node_runtime(server->node));
}

static void on_stopped(void *context, enum skald_status status, const skald_error *error)
{
    struct server *server = context;
    if (status != SKALD_OK) {
        say(server, SK_LOG_ERROR, "server.stopped", error == NULL ? "" : error->message);
        server->code = CLI_FAILED;
    }
    sk_doors_drain(server->doors, on_drained, server);
}

static void stop(struct server *server, const char *why)
{
    if (server->is_stopping) return;
    server->is_stopping = true;
    say(server, SK_LOG_INFO, "server.stopping", why);
    sk_doors_stop(server->doors);
    sk_node_stop(server->node, server->settings.grace_ms, on_stopped, server);
}

static void on_signal(void *context, int number)
{
    struct server *server = context;
    (void)number;
    if (server->node == NULL || server->doors == NULL) { /* still starting: nothing to finish */
        _exit(CLI_FAILED);
    }
    if (!server->is_stopping) {
        stop(server, "no new work; what is in flight is awaited; once more to stop at once");
        return;
    }
    say(server, SK_LOG_WARN, "server.killed", "stopped at once; the next start recovers");
    server->code = CLI_FAILED;
    sk_libevent_runtime_stop(sk_node_runtime(server->node));
}

static void on_notice(void *context, struct sk_str what, struct sk_str json)
{
    struct server *server = context;
    (void)json;
    if (!sk_str_is(what, "store.broken") || server->node == NULL || server->doors == NULL) return;
    server->code = CLI_FAILED;
    stop(server, "the store is of no use any more");
}

/* ---- starting -------------------------------------------------------------------------------- */

static bool write_ready_file(struct server *server, struct sk_str url)
{
    const char *path = server->options.ready_file;
    struct sk_buf draft = { 0 };
    sk_buf_append_text(&draft, path);
    sk_buf_append_text(&draft, ".new");
    FILE *file = fopen(sk_buf_text(&draft), "we");
    bool is_whole = file != NULL && fprintf(file, "%.*s\n", SK_STR_ARGS(url)) > 0;
    if (file != NULL) is_whole = fclose(file) == 0 && is_whole;
    is_whole = is_whole && rename(sk_buf_text(&draft), path) == 0;
    sk_buf_release(&draft);
    return is_whole;
}

static void on_ready(struct server *server)
{
    struct sk_buf url = { 0 };
    append_url(server, &url);
    say(server, SK_LOG_INFO, "server.ready", sk_buf_text(&url));
    bool is_wanted = server->options.ready_file != NULL;
    if (is_wanted && !write_ready_file(server, sk_buf_view(&url))) {
        sk_buf_clear(&url);
        sk_buf_printf(&url, "%s: the ready file cannot be written: %s", server->options.ready_file,
                      strerror(errno));
        server->code = CLI_FAILED;
        stop(server, sk_buf_text(&url));
    }
    sk_buf_release(&url);
}

static void define_next(struct server *server);

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct server *server = context;
    if (reply->status != SKALD_OK) {
        struct sk_buf text = { 0 };
        sk_buf_printf(&text, "%s: ", server->settings.definitions.items[server->defined_count]);
        bool has_list = reply->diagnostics != NULL && reply->diagnostics->errors_count > 0;
        if (has_list) {
            sk_diagnostics_print(reply->diagnostics, &text);
        } else {
            sk_buf_append_text(&text, reply->error == NULL ? skald_status_text(reply->status)
                                                           : reply->error->message);
        }
        say(server, SK_LOG_ERROR, "definition.refused", sk_buf_text(&text));
        sk_buf_release(&text);
        server->code = CLI_FAILED;
        stop(server, "a definition was refused");
        return;
    }
    server->defined_count += 1;
    define_next(server);
}

static void define_next(struct server *server)
{
    if (server->is_stopping) return;
    size_t at = server->defined_count;
    if (at == server->definitions_count) {
        on_ready(server);
        return;
    }
    sk_engine_define(sk_node_engine(server->node), sk_buf_view(&server->definitions[at]),
                     sk_str_of(server->settings.definitions.items[at]), on_defined, server);
}

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    struct server *server = context;
    if (server->is_stopping) return;
    if (status == SKALD_OK) {
        define_next(server);
        return;
    }
    say(server, SK_LOG_ERROR, "server.failed", error == NULL ? "" : error->message);
    server->code = CLI_FAILED;
    server->is_stopping = true;
    sk_libevent_runtime_stop(sk_node_runtime(server->node));
}

/* ---- the command line ------------------------------------------------------------------------ */

static int read_listen(struct server *server)
{
    skald_error error = { .message = "" };
    const char *text = server->settings.listen;
    if (sk_listen_read(sk_str_of(text), &server->listen, &error) == SKALD_OK) return CLI_GO_ON;
    return cli_misuse(server->cli, NULL, "listen: %s", error.message);
}

static int read_definition(struct server *server, const char *path, struct sk_buf *out)
{
    struct sk_diagnostics diagnostics;
    struct sk_buf text = { 0 };
    skald_error error = { .message = "" };
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_definition_file_read(path, NULL, out, NULL, &diagnostics, &error);
    sk_diagnostics_print(&diagnostics, &text);
    if (text.size > 0) (void)fputs(sk_buf_text(&text), server->cli->err);
    sk_buf_release(&text);
    sk_diagnostics_release(&diagnostics);
    if (status == SKALD_OK) return CLI_GO_ON;
    return cli_fail_error(server->cli, CLI_WRONG_USE, "skald validate FILE shows all that is wrong",
                          &error);
}

static int read_definitions(struct server *server)
{
    const struct sk_setting_list *files = &server->settings.definitions;
    if (files->count == 0) return CLI_GO_ON;
    server->definitions = calloc(files->count, sizeof *server->definitions);
    if (server->definitions == NULL)
        return cli_fail(server->cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    server->definitions_count = files->count;
    for (size_t i = 0; i < files->count; i++) {
        int code = read_definition(server, files->items[i], &server->definitions[i]);
        if (code != CLI_GO_ON) return code;
    }
    return CLI_GO_ON;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int fail_to_start(struct server *server, const skald_error *error, const char *remedy)
{
    bool is_use = error->status == SKALD_E_ARGUMENT || error->status == SKALD_E_UNSUPPORTED;
    return cli_fail_error(server->cli, is_use ? CLI_WRONG_USE : CLI_FAILED, remedy, error);
}

static int open_node(struct server *server)
{
    struct sk_node_options options = server->settings.node;
    options.runtime.on_signal = on_signal;
    options.runtime.signal_context = server;
    options.on_notice = on_notice;
    options.notice_context = server;
    skald_error error = { .message = "" };
    if (sk_node_new(&options, &server->node, &error) != SKALD_OK) {
        return fail_to_start(server, &error, NULL);
    }
    sk_functions_init(&server->functions, server->node);
    const struct sk_setting_list *plugins = &server->settings.plugins;
    for (size_t i = 0; i < plugins->count; i++) {
        if (sk_functions_load(&server->functions, plugins->items[i], &error) == SKALD_OK) continue;
        return fail_to_start(server, &error, "docs/embedding.md says how a plugin is built");
    }
    return CLI_GO_ON;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static void put_channels(void *context, struct sk_json_writer *w)
{
    sk_node_channels(context, w);
}

static int open_api(struct server *server)
{
    struct sk_api_options options = {
        .host = server->listen.host,
        .body_size_max = (size_t)server->settings.body_size_max,
        .connections_max = (uint32_t)server->settings.connections_max,
        .idle_timeout_ms = server->settings.idle_timeout_ms,
        .request_timeout_ms = server->settings.request_timeout_ms,
        .wait_ms_max = server->settings.wait_ms_max,
        .put_channels = put_channels,
        .channels_context = server->node,
        .streams_max = (uint32_t)server->settings.streams_max,
        .heartbeat_ms = server->settings.heartbeat_ms,
        .compat_rte = server->settings.compat_rte,
        .observations_max = (uint32_t)server->settings.observations_max,
    };
    skald_error error = { .message = "" };
    server->doors = sk_doors_new(server->node, &options);
    if (server->doors == NULL)
        return cli_fail(server->cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    enum skald_status status = sk_doors_open(server->doors, server->listen.port, &error);
    if (status != SKALD_OK) {
        char remedy[SK_HOST_SIZE_MAX + 128];
        (void)snprintf(remedy, sizeof remedy,
                       "`ss -ltnp 'sport = :%u'` shows by whom; --listen %s:0 picks a free one",
                       (unsigned)server->listen.port, server->listen.host);
        return fail_to_start(server, &error, status == SKALD_E_BUSY ? remedy : NULL);
    }
    struct sk_buf url = { 0 };
    append_url(server, &url);
    (void)fprintf(server->cli->out, "listening on %s\n", sk_buf_text(&url));
    (void)fflush(server->cli->out);
    sk_buf_release(&url);
    if (!is_loopback(server->listen.host)) {
        say(server, SK_LOG_WARN, "server.open",
            "whoever reaches this address may start and cancel sagas");
    }
    return CLI_GO_ON;
}

static int run(struct server *server)
{
    skald_error error = { .message = "" };
    sk_node_open(server->node, on_opened, server);
    if (sk_libevent_runtime_run(sk_node_runtime(server->node), &error) != SKALD_OK) {
        return cli_fail_error(server->cli, CLI_FAILED, NULL, &error);
    }
    return server->code;
}

static void close_all(struct server *server)
{
    if (server->node != NULL) sk_node_close(server->node);
    sk_doors_free(server->doors);
    sk_node_free(server->node);
    sk_functions_release(&server->functions);
    for (size_t i = 0; i < server->definitions_count; i++) {
        sk_buf_release(&server->definitions[i]);
    }
    free(server->definitions);
}

/* How many connections in, and as many out, these descriptors are enough for: a multiple of the
 * loops, among which they are divided. */
static int64_t connections_for(int64_t descriptors, int64_t loops)
{
    int64_t left = descriptors - DESCRIPTORS_OWN - DESCRIPTORS_A_LOOP * loops;
    int64_t share = left / (1 + DESCRIPTORS_OUT);
    return share < loops ? loops : share - share % loops;
}

/* As many descriptors as the system allows, and never more connections than there are: one that
 * finds no descriptor would be refused in the middle of a saga, one too many waits in a queue. */
static void share_descriptors(struct server *server)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX) return;

    int64_t share = connections_for((int64_t)limit.rlim_cur, server->settings.node.loops);
    int64_t *in = &server->settings.connections_max;
    uint32_t *out = &server->settings.node.http.connections_max;
    bool is_short = *in > share || *out > share;
    if (*in > share) *in = share;
    if (*out > share) *out = (uint32_t)share;
    if (!is_short) return;
    (void)fprintf(server->cli->err,
                  "skald: %lld descriptors allow %lld connections in and as many out; `ulimit -n` "
                  "raises that\n",
                  (long long)limit.rlim_cur, (long long)share);
}

static int serve_main(const struct cli *cli, int argc, char **argv)
{
    struct server server = { .cli = cli };
    struct cli_args args;
    sk_functions_init(&server.functions, NULL);
    int code = cli_parse(cli, &server.options, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, "to define a file write --define FILE",
                          "serve takes no arguments, but there is '%s'", args.items[0]);
    }
    code = cli_settings_load(cli, &server.options.settings, &server.settings);
    if (code == CLI_GO_ON && server.options.is_print_only) {
        code = cli_settings_print(cli, &server.settings, server.options.is_json);
    }
    if (code == CLI_GO_ON) code = read_listen(&server);
    if (code == CLI_GO_ON) code = read_definitions(&server);
    if (code == CLI_GO_ON) share_descriptors(&server);
    if (code == CLI_GO_ON) code = open_node(&server);
    if (code == CLI_GO_ON) code = open_api(&server);
    if (code == CLI_GO_ON) code = run(&server);
    close_all(&server);
    sk_settings_release(&server.settings);
    return code;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .main = serve_main,
    .summary = "Run sagas and answer over HTTP, until stopped by a signal",
    .usage = "[options]",
    .example = "skald serve --store sqlite:orders.db --listen 127.0.0.1:8080 --define order.yaml",
    .options = table,
    .has_settings = true,
    .settings_offset = offsetof(struct options, settings.given),
};
