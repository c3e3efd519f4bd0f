/*
 * schedule.h: definitions that are started by the clock. The same operations as the HTTP API, with
 * the same answers (docs/http-api.md). Schedules are durable, and each instant starts one saga at
 * most, whatever crashes.
 *
 * For all of them: any thread but the engine's own; texts in are borrowed for the call; *out_reply
 * is the caller's, may be NULL when it is not wanted, and is after a failure the problem document
 * or NULL. Errors are those of skald_request (engine.h).
 */
#ifndef SKALD_SCHEDULE_H
#define SKALD_SCHEDULE_H

#include <skald/api.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

typedef struct skald_schedule_options {
    size_t size;
    const char *id;              /* of the schedule; NULL = drawn */
    const char *idempotency_key; /* the same again makes nothing new */
    const char *cron;            /* "30 4 * * mon-fri", in UTC; or "@daily" and its like */
    const char *at;              /* once, then, in place of cron: "2030-01-31T08:00:00Z" */
    const char *version;         /* of the definition; NULL = the latest at each start */
    const char *input_json;      /* of each saga; {{ .timestamp }} in a text is the instant */
    const char *context_json;    /* of each saga: object */
    const char *attributes_json; /* of each saga: object of scalars */
    const char *tags_json;       /* of each saga: list of texts */
    const char *business_key;    /* of each saga */
    const char *space;           /* of each saga: `namespace` */
    const char *overlap;         /* while the last one runs: "skip" (NULL), "allow", "queue",
                                    "cancel" */
    int64_t catch_up_ms;         /* instants missed in so long a time are all made up; 0 = only the
                                    latest */
    const char *by;              /* who made it */
    int32_t priority;            /* of each saga */
} skald_schedule_options;
SKALD_DEFINE_INIT(skald_schedule_options)

/* Starts a definition by a cron expression, or once. SKALD_E_CONFLICT: another one has this id. */
SKALD_API enum skald_status skald_create_schedule(skald_engine *engine, const char *definition,
                                                  const skald_schedule_options *options,
                                                  skald_reply **out_reply, skald_error *error);
/* By id: {items, next}; limit 0 = the default of the API, cursor NULL = from the first. */
SKALD_API enum skald_status skald_list_schedules(skald_engine *engine, uint32_t limit,
                                                 const char *cursor, skald_reply **out_reply,
                                                 skald_error *error);
/* One with its next instants. SKALD_E_NOT_FOUND, here and below. */
SKALD_API enum skald_status skald_get_schedule(skald_engine *engine, const char *schedule,
                                               skald_reply **out_reply, skald_error *error);
/* Starts nothing more; sagas that were started stay. The reply is empty. */
SKALD_API enum skald_status skald_delete_schedule(skald_engine *engine, const char *schedule,
                                                  skald_reply **out_reply, skald_error *error);
/* Starts nothing until resumed; instants of the pause are not made up. */
SKALD_API enum skald_status skald_pause_schedule(skald_engine *engine, const char *schedule,
                                                 skald_reply **out_reply, skald_error *error);
SKALD_API enum skald_status skald_resume_schedule(skald_engine *engine, const char *schedule,
                                                  skald_reply **out_reply, skald_error *error);
/* Starts one now, whatever runs. */
SKALD_API enum skald_status skald_trigger_schedule(skald_engine *engine, const char *schedule,
                                                   skald_reply **out_reply, skald_error *error);

#ifdef __cplusplus
}
#endif
#endif
