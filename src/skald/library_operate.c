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

enum skald_status skald_stats(skald_engine *engine, skald_reply **out_reply, skald_error *error)
{
    return ask_page(engine, V1 "/stats", NULL, out_reply, error);
}
