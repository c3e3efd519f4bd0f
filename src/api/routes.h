/*
 * routes.h: everything that can be asked, as one table. The dispatcher, `Allow`, the page at
 * /api/v1 and the OpenAPI document walk it, so what is documented is what answers. A new resource
 * is a row in routes.c and a handler in the file of its noun; a reply that looks like nothing
 * before is a row in schemas.c too. A part of the path that varies is a row of sk_path_params.
 */
#ifndef SK_API_ROUTES_H
#define SK_API_ROUTES_H

#include "api/api_private.h"
#include "api/inputs.h"

struct sk_route {
    enum sk_http_method method;
    /* "{saga}" and its like stand for one segment each (sk_path_params); in their order they become
     * the exchange's params. */
    const char *path;
    void (*handle)(struct sk_exchange *x);
    const char *tag;              /* what it is about: "sagas" */
    const char *name;             /* the operation's id, of its own: "startSaga" */
    const char *help;             /* one line */
    const struct sk_input *query; /* NULL = none */
    const struct sk_input *body;  /* an object with these members; NULL = see body_types */
    const char *body_types;       /* a body that the handler reads itself: its media types, apart by
                                     blanks. NULL: JSON if `body` is set, else no body */
    const char *example;          /* of the body: JSON, or text of the first of body_types */
    /* Statuses beside those that follow from the row: 400 where there is something to get wrong,
     * 413 and 415 with a body, 503 unless before_ready. "201 200 404 409" */
    const char *statuses;
    const char *reply;      /* the body of every 2xx but 204, a type of schemas.h: "Saga",
                               "list:Event"; NULL = none */
    const char *reply_type; /* its media type; NULL = application/json */
    const char *stream;     /* with `Accept: text/event-stream`: the type of each event's data */
    /* Whose shard it belongs to: place.c, forward.h; NULL = any loop answers. */
    bool (*place)(struct sk_exchange *x, struct sk_str *out_id);
    bool takes_key;    /* an Idempotency-Key */
    bool before_ready; /* is answered while the engine is still starting */
};
extern const struct sk_route sk_routes[];
extern const size_t sk_routes_count;
/* The same of another engine, only where settings ask for them: rte.c. */
extern const struct sk_route sk_rte_routes[];
extern const size_t sk_rte_routes_count;
/* The routes one after the other; NULL after the last. */
static inline const struct sk_route *sk_route_at(size_t index, bool with_rte)
{
    if (index < sk_routes_count) return &sk_routes[index];
    index -= sk_routes_count;
    return with_rte && index < sk_rte_routes_count ? &sk_rte_routes[index] : NULL;
}

struct sk_path_param {
    const char *segment; /* "{saga}" */
    bool (*is_sound)(struct sk_str value);
    const char *pattern; /* the same as a regular expression */
    const char *help;    /* what it is, and what is allowed */
    const char *example;
};
extern const struct sk_path_param sk_path_params[];
extern const size_t sk_path_params_count;

/* The route, with the exchange's params set; NULL: it has been answered (404, 405, 400). */
const struct sk_route *sk_route_find(struct sk_exchange *x);
/* Takes the next segment (without its '/') off the path; false at the end. */
bool sk_path_next(struct sk_str *path, struct sk_str *out_segment);
/* The row of "{saga}"; NULL = none. */
const struct sk_path_param *sk_path_param_of(struct sk_str segment);

/* place.c */
bool sk_place_param(struct sk_exchange *x, struct sk_str *out_id);
bool sk_place_start(struct sk_exchange *x, struct sk_str *out_id);
bool sk_place_import(struct sk_exchange *x, struct sk_str *out_id);
bool sk_place_schedule(struct sk_exchange *x, struct sk_str *out_id);
bool sk_place_key(struct sk_exchange *x, struct sk_str *out_id);

/* definitions.c */
void sk_handle_define(struct sk_exchange *x);
void sk_handle_definitions(struct sk_exchange *x);
void sk_handle_definition(struct sk_exchange *x);
extern const struct sk_input sk_define_query[], sk_definitions_query[], sk_definition_query[];

/* sagas.c */
void sk_handle_start(struct sk_exchange *x);
void sk_handle_saga(struct sk_exchange *x);
void sk_handle_steps(struct sk_exchange *x);
void sk_handle_remove(struct sk_exchange *x);
extern const struct sk_input sk_start_body[], sk_start_query[], sk_saga_query[];

/* saga_list.c */
void sk_handle_sagas(struct sk_exchange *x);
extern const struct sk_input sk_sagas_query[];

/* history.c */
void sk_handle_events(struct sk_exchange *x);
extern const struct sk_input sk_events_query[];

/* explain.c */
void sk_handle_explain(struct sk_exchange *x);
void sk_handle_preview(struct sk_exchange *x);
extern const struct sk_input sk_preview_query[];
/* saga_stream.c: the same as a stream, from above this seq, or the Last-Event-ID. */
void sk_saga_stream(struct sk_exchange *x, uint64_t after);

/* events.c */
void sk_handle_feed(struct sk_exchange *x);
extern const struct sk_input sk_feed_query[];

/* letters.c */
void sk_handle_letters(struct sk_exchange *x);
void sk_handle_letter(struct sk_exchange *x);
void sk_handle_letter_retry(struct sk_exchange *x);
void sk_handle_letter_discard(struct sk_exchange *x);
bool sk_number_is_sound(struct sk_str text);
extern const struct sk_input sk_letters_query[], sk_letter_retry_body[], sk_letter_discard_query[];

/* locks.c */
void sk_handle_locks(struct sk_exchange *x);
extern const struct sk_input sk_locks_query[];

/* cluster.c */
void sk_handle_recovery(struct sk_exchange *x);
void sk_handle_recovery_run(struct sk_exchange *x);
void sk_handle_cluster(struct sk_exchange *x);

/* rte_events.c */
void sk_handle_rte_events(struct sk_exchange *x);
extern const struct sk_input sk_rte_events_query[];

/* observations.c */
void sk_handle_observations(struct sk_exchange *x);
extern const struct sk_input sk_observations_query[];

/* transfer.c */
void sk_handle_export(struct sk_exchange *x);
void sk_handle_import(struct sk_exchange *x);
extern const struct sk_input sk_import_query[];

/* schedules.c */
void sk_handle_schedule(struct sk_exchange *x);
void sk_handle_schedules(struct sk_exchange *x);
void sk_handle_schedule_one(struct sk_exchange *x);
void sk_handle_schedule_act(struct sk_exchange *x);
extern const struct sk_input sk_schedule_body[], sk_schedules_query[];

/* batches.c */
void sk_handle_batch(struct sk_exchange *x);
void sk_handle_batches(struct sk_exchange *x);
void sk_handle_batch_one(struct sk_exchange *x);
void sk_handle_batch_cancel(struct sk_exchange *x);
extern const struct sk_input sk_batch_body[], sk_batches_query[];

/* commands.c: which command is the last segment of the path. */
void sk_handle_command(struct sk_exchange *x);
void sk_handle_signal(struct sk_exchange *x);
void sk_handle_complete(struct sk_exchange *x);
extern const struct sk_input sk_command_body[], sk_signal_body[], sk_complete_body[];

/* tasks.c */
void sk_handle_poll(struct sk_exchange *x);
void sk_handle_heartbeat(struct sk_exchange *x);
void sk_handle_tasks_complete(struct sk_exchange *x);
void sk_handle_tasks_fail(struct sk_exchange *x);
void sk_handle_queues(struct sk_exchange *x);
extern const struct sk_input sk_poll_body[], sk_heartbeat_body[], sk_tasks_complete_body[],
    sk_tasks_fail_body[];

/* breakers.c */
void sk_handle_breakers(struct sk_exchange *x);
void sk_handle_breaker_reset(struct sk_exchange *x);
bool sk_service_is_sound(struct sk_str name);
extern const struct sk_input sk_breaker_body[];

/* server_info.c */
void sk_handle_stats(struct sk_exchange *x);
void sk_handle_healthz(struct sk_exchange *x);
void sk_handle_readyz(struct sk_exchange *x);
void sk_handle_version(struct sk_exchange *x);
/* metrics.c */
void sk_handle_metrics(struct sk_exchange *x);
/* troubles.c */
void sk_handle_trouble(struct sk_exchange *x);
void sk_handle_page(struct sk_exchange *x);
void sk_handle_paths(struct sk_exchange *x);
void sk_handle_openapi(struct sk_exchange *x);

#endif
