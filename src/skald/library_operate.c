/* library_operate.c: see <skald/operate.h>: each operation as a question to the table of routes. */
#include "skald/library.h"

#include <stdio.h>

#define V1 "/api/v1"

static void clear(skald_reply **out_reply)
{
    if (out_reply != NULL) *out_reply = NULL;
}

static enum skald_status ask_page(skald_engine *engine, const char *path,
                                  const skald_page_options *given, skald_reply **out_reply,
                                  skald_error *error)
{
    skald_page_options options;
    struct sk_ask ask;
    char limit[16];
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "GET", path);
    if (options.query != NULL && options.query[0] != 0) {
        sk_buf_append_char(&ask.path, '?');
        sk_buf_append_text(&ask.path, options.query);
        ask.has_query = true;
    }
    sk_ask_query(&ask, "type", options.type);
    sk_ask_query(&ask, "saga", options.saga);
    sk_ask_query(&ask, "definition", options.definition);
    sk_ask_query(&ask, "cursor", options.cursor);
    (void)snprintf(limit, sizeof limit, "%u", options.limit);
    if (options.limit > 0) sk_ask_query(&ask, "limit", limit);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_list_events(skald_engine *engine, const skald_page_options *options,
                                    skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/events", options, out_reply, error);
}

enum skald_status skald_list_observations(skald_engine *engine, const skald_page_options *options,
                                          skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/events/observations", options, out_reply, error);
}

enum skald_status skald_list_breakers(skald_engine *engine, skald_reply **out_reply,
                                      skald_error *error)
{
    return ask_page(engine, V1 "/circuit-breakers", NULL, out_reply, error);
}

enum skald_status skald_reset_breaker(skald_engine *engine, const char *service, const char *by,
                                      const char *reason, skald_reply **out_reply,
                                      skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "POST", V1 "/circuit-breakers");
    sk_ask_segment(&ask, service);
    sk_ask_segment(&ask, "reset");
    sk_ask_text(&ask, "by", by);
    sk_ask_text(&ask, "reason", reason);
    return sk_ask_send(&ask, engine, out_reply, error);
}

/* ---- dead letters, locks --------------------------------------------------------------------- */

enum skald_status skald_list_dead_letters(skald_engine *engine, const skald_page_options *options,
                                          skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/dead-letters", options, out_reply, error);
}

/* A letter's id is three segments of a path: <saga>/<event>/<number>. */
static enum skald_status ask_letter(struct sk_ask *ask, const char *method, const char *letter,
                                    skald_error *error)
{
    struct sk_arena arena;
    sk_arena_init(&arena);
    struct sk_str rest = sk_str_of(letter);
    uint32_t count = 0;
    sk_ask_init(ask, method, V1 "/dead-letters");
    for (; rest.size > 0; count++) {
        size_t end = sk_str_find(rest, '/');
        sk_ask_segment(ask, sk_arena_text(&arena, sk_str_sub(rest, 0, end)));
        rest = sk_str_sub(rest, end + 1, rest.size);
    }
    if (arena.failed) ask->path.failed = true;
    sk_arena_release(&arena);
    if (count == 3) return SKALD_OK;
    (void)sk_ask_drop(ask, SKALD_OK);
    return sk_error_set(error, SKALD_E_ARGUMENT,
                        "no id of a dead letter: it is <saga>/<event>/<number>, as lists give it");
}

enum skald_status skald_get_dead_letter(skald_engine *engine, const char *letter,
                                        skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_letter(&ask, "GET", letter, error);
    return status == SKALD_OK ? sk_ask_send(&ask, engine, out_reply, error) : status;
}

enum skald_status skald_retry_dead_letter(skald_engine *engine, const char *letter, const char *by,
                                          const char *reason, skald_reply **out_reply,
                                          skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_letter(&ask, "POST", letter, error);
    if (status != SKALD_OK) return status;
    sk_ask_segment(&ask, "retry");
    sk_ask_text(&ask, "by", by);
    sk_ask_text(&ask, "reason", reason);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_discard_dead_letter(skald_engine *engine, const char *letter,
                                            const char *by, const char *reason,
                                            skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_letter(&ask, "DELETE", letter, error);
    if (status != SKALD_OK) return status;
    sk_ask_query(&ask, "by", by);
    sk_ask_query(&ask, "reason", reason);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_list_locks(skald_engine *engine, const char *key,
                                   const skald_page_options *options, skald_reply **out_reply,
                                   skald_error *error)
{
    if (key == NULL) return ask_page(engine, V1 "/locks", options, out_reply, error);
    struct sk_ask ask;
    sk_ask_init(&ask, "GET", V1 "/locks");
    sk_ask_query(&ask, "key", key);
    return sk_ask_send(&ask, engine, out_reply, error);
}

/* ---- batches --------------------------------------------------------------------------------- */

static enum skald_status put_batch(struct sk_ask *ask, const char *command, const char *filter_json,
                                   const skald_batch_options *options, skald_error *error)
{
    sk_ask_text(ask, "command", command);
    sk_ask_text(ask, "by", options->by);
    sk_ask_text(ask, "reason", options->reason);
    ask->key = options->idempotency_key;
    enum skald_status status = sk_ask_json(ask, "filter", filter_json, error);
    const char *past_pivot = options->past_pivot ? "true" : NULL;
    if (status == SKALD_OK) status = sk_ask_json(ask, "past_pivot", past_pivot, error);
    const char *dry_run = options->is_dry_run ? "true" : NULL;
    if (status == SKALD_OK) status = sk_ask_json(ask, "dry_run", dry_run, error);
    return status;
}

enum skald_status skald_start_batch(skald_engine *engine, const char *command,
                                    const char *filter_json, const skald_batch_options *given,
                                    skald_reply **out_reply, skald_error *error)
{
    skald_batch_options options;
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "POST", V1 "/sagas/batch");
    status = put_batch(&ask, command, filter_json, &options, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_list_batches(skald_engine *engine, uint32_t limit, skald_reply **out_reply,
                                     skald_error *error)
{
    skald_page_options options = SKALD_OPTIONS(skald_page_options, .limit = limit);
    return ask_page(engine, V1 "/batches", &options, out_reply, error);
}

enum skald_status skald_get_batch(skald_engine *engine, const char *batch, skald_reply **out_reply,
                                  skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "GET", V1 "/batches");
    sk_ask_segment(&ask, batch);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_cancel_batch(skald_engine *engine, const char *batch,
                                     skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "POST", V1 "/batches");
    sk_ask_segment(&ask, batch);
    sk_ask_segment(&ask, "cancel");
    return sk_ask_send(&ask, engine, out_reply, error);
}

/* ---- the engine ------------------------------------------------------------------------------ */

enum skald_status skald_recovery(skald_engine *engine, skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/recovery", NULL, out_reply, error);
}

enum skald_status skald_run_recovery(skald_engine *engine, skald_reply **out_reply,
                                     skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "POST", V1 "/recovery/run");
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_cluster(skald_engine *engine, skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/cluster", NULL, out_reply, error);
}

enum skald_status skald_stats(skald_engine *engine, skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/stats", NULL, out_reply, error);
}
