/* library_schedule.c: see <skald/schedule.h>: each operation asks the table of routes. */
#include "skald/library.h"

#include <stdio.h>

#define SCHEDULES "/api/v1/schedules"

static void clear(skald_reply **out_reply)
{
    if (out_reply != NULL) *out_reply = NULL;
}

static enum skald_status put_schedule(struct sk_ask *ask, const skald_schedule_options *options,
                                      skald_error *error)
{
    const struct {
        const char *name, *json;
    } values[] = {
        { "input", options->input_json },
        { "context", options->context_json },
        { "attributes", options->attributes_json },
        { "tags", options->tags_json },
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        enum skald_status status = sk_ask_json(ask, values[i].name, values[i].json, error);
        if (status != SKALD_OK) return status;
    }
    sk_ask_text(ask, "id", options->id);
    sk_ask_text(ask, "cron", options->cron);
    sk_ask_text(ask, "at", options->at);
    sk_ask_text(ask, "version", options->version);
    sk_ask_text(ask, "business_key", options->business_key);
    sk_ask_text(ask, "namespace", options->space);
    sk_ask_text(ask, "overlap", options->overlap);
    sk_ask_text(ask, "by", options->by);
    if (options->priority != 0) sk_ask_number(ask, "priority", options->priority);
    sk_ask_duration(ask, "catch_up", options->catch_up_ms);
    ask->key = options->idempotency_key;
    return SKALD_OK;
}

enum skald_status skald_create_schedule(skald_engine *engine, const char *definition,
                                        const skald_schedule_options *given,
                                        skald_reply **out_reply, skald_error *error)
{
    skald_schedule_options options;
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "POST", SCHEDULES);
    sk_ask_text(&ask, "definition", definition);
    status = put_schedule(&ask, &options, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_list_schedules(skald_engine *engine, uint32_t limit, const char *cursor,
                                       skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    char text[16];
    (void)snprintf(text, sizeof text, "%u", limit);
    sk_ask_init(&ask, "GET", SCHEDULES);
    sk_ask_query(&ask, "limit", limit > 0 ? text : NULL);
    sk_ask_query(&ask, "cursor", cursor);
    return sk_ask_send(&ask, engine, out_reply, error);
}

static enum skald_status ask_one(skald_engine *engine, const char *method, const char *schedule,
                                 const char *verb, skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    if (schedule == NULL || schedule[0] == 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "the schedule's id is missing");
    }
    sk_ask_init(&ask, method, SCHEDULES);
    sk_ask_segment(&ask, schedule);
    if (verb != NULL) sk_ask_segment(&ask, verb);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_get_schedule(skald_engine *engine, const char *schedule,
                                     skald_reply **out_reply, skald_error *error)
{
    return ask_one(engine, "GET", schedule, NULL, out_reply, error);
}

enum skald_status skald_delete_schedule(skald_engine *engine, const char *schedule,
                                        skald_reply **out_reply, skald_error *error)
{
    return ask_one(engine, "DELETE", schedule, NULL, out_reply, error);
}

enum skald_status skald_pause_schedule(skald_engine *engine, const char *schedule,
                                       skald_reply **out_reply, skald_error *error)
{
    return ask_one(engine, "POST", schedule, "pause", out_reply, error);
}

enum skald_status skald_resume_schedule(skald_engine *engine, const char *schedule,
                                        skald_reply **out_reply, skald_error *error)
{
    return ask_one(engine, "POST", schedule, "resume", out_reply, error);
}

enum skald_status skald_trigger_schedule(skald_engine *engine, const char *schedule,
                                         skald_reply **out_reply, skald_error *error)
{
    return ask_one(engine, "POST", schedule, "trigger", out_reply, error);
}
