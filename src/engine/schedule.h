/*
 * schedule.h: definitions that start by the clock: by a cron expression (UTC) or once at an
 * instant. Durable; each belongs to the shard of its id, so one node at a time looks after it.
 *
 * A saga is started under the key `<schedule>@<instant>`, so an instant that is looked at twice
 * starts it once.
 */
#ifndef SK_ENGINE_SCHEDULE_H
#define SK_ENGINE_SCHEDULE_H

#include "base/error.h"
#include "base/str.h"

struct sk_engine;

/* What happens at an instant while the saga of the last one has not ended. */
enum sk_overlap {
    SK_OVERLAP_SKIP,   /* nothing: the instant is passed over */
    SK_OVERLAP_ALLOW,  /* it starts all the same */
    SK_OVERLAP_QUEUE,  /* it starts when that has ended; one waits, the latest */
    SK_OVERLAP_CANCEL, /* that is cancelled; it starts when it has ended */
    SK_OVERLAPS_COUNT
};
const char *sk_overlap_name(enum sk_overlap overlap);

struct sk_schedule_request {
    struct sk_str id;
    struct sk_str cron; /* five fields or @daily …; or … */
    int64_t at_ms;      /* … once, then */
    struct sk_str definition, version;
    /* JSON; strings in it are templates: {{ .timestamp }} is the instant, {{ .context.schedule }}
     * the schedule's id, {{ .context.run }} the number of the run */
    struct sk_str input;
    struct sk_str context, business_key, space, attributes, tags;
    int64_t priority;
    enum sk_overlap overlap;
    /* Instants missed while nobody looked: all of this window are made up; 0 = only the latest. */
    int64_t catch_up_ms;
    struct sk_str by;
};

enum sk_schedule_state { SK_SCHEDULE_ACTIVE, SK_SCHEDULE_PAUSED, SK_SCHEDULE_DONE };
const char *sk_schedule_state_name(enum sk_schedule_state state);

struct sk_schedule_view { /* borrowed from the engine: for one call */
    const struct sk_schedule_request *request;
    enum sk_schedule_state state;
    int64_t created_at_ms;
    int64_t last_at_ms;   /* the instant looked at last; 0 = none yet */
    int64_t queued_at_ms; /* waits for the last saga's end; 0 = none */
    struct sk_str last_saga, last_error;
    uint64_t runs, skipped, failed;
};
/* The next instants after now, at most `max`: how many there are. */
uint32_t sk_schedule_next(const struct sk_engine *engine, const struct sk_schedule_view *view,
                          int64_t *out_at_ms, uint32_t max);

enum { SK_SCHEDULES_MAX = 10000 };

typedef void sk_schedule_done(void *context, enum skald_status status, const skald_error *error,
                              const struct sk_schedule_view *view, bool is_replayed);
/* `done` when it is durable. SKALD_E_SYNTAX: the cron expression or a template; CONFLICT: the id
 * stands for another one; LIMIT: so many are there. The definition is looked for at each start. */
void sk_engine_schedule(struct sk_engine *engine, const struct sk_schedule_request *request,
                        sk_schedule_done *done, void *context);

enum sk_schedule_act {
    SK_SCHEDULE_PAUSE,
    SK_SCHEDULE_RESUME,  /* instants of the pause are not made up */
    SK_SCHEDULE_TRIGGER, /* starts one now, whatever runs; done when that is durable */
    SK_SCHEDULE_DELETE
};
void sk_engine_schedule_act(struct sk_engine *engine, struct sk_str id, enum sk_schedule_act act,
                            sk_schedule_done *done, void *context);
/* Those of this node's shards. */
bool sk_engine_schedule_get(struct sk_engine *engine, struct sk_str id,
                            struct sk_schedule_view *out_view);
/* By id, from the one after `after` on; until fn returns false. */
void sk_engine_schedule_each(struct sk_engine *engine, struct sk_str after,
                             bool (*fn)(void *context, const struct sk_schedule_view *view),
                             void *context);

#endif
