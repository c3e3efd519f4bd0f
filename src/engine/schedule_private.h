/* schedule_private.h: a schedule in memory; shared by schedule.c, schedule_ask.c and
 * schedule_record.c. */
#ifndef SK_ENGINE_SCHEDULE_PRIVATE_H
#define SK_ENGINE_SCHEDULE_PRIVATE_H

#include "base/cron.h"
#include "engine/engine_private.h"
#include "engine/schedule.h"
#include "expr/expr.h"

struct sk_schedule {
    struct sk_owned owned;
    struct sk_list node; /* engine->schedules, by id */
    struct sk_engine *engine;
    struct sk_shard *shard; /* NULL: lost or deleted; freed once nothing comes back */
    struct sk_arena arena;  /* of the request and its template */
    struct sk_schedule_request request;
    struct sk_digest digest;
    struct sk_cron cron; /* if request.cron */
    const struct sk_document *input;
    enum sk_schedule_state state, known_state; /* the second durably: that one is shown (law 2) */
    bool is_gone;                              /* deleted */
    bool is_known;                             /* durably: before, nobody is told of it (law 2) */
    int64_t created_at_ms, last_at_ms, queued_at_ms;
    int64_t begun_at_ms; /* C4: the instant whose start has been asked for; 0 = none */
    uint64_t runs, skipped, failed;
    struct sk_buf last_saga;
    char error_text[160];
    struct sk_alarm alarm;
    bool is_busy; /* an instant is being looked at */
    uint32_t calls;
    uint32_t tries; /* of the present instant */
};

/* schedule_record.c */
/* Copies it, parses cron and template; `error` says what is wrong. */
enum skald_status sk_schedule_set_request(struct sk_schedule *schedule,
                                          const struct sk_schedule_request *request,
                                          skald_error *error) SK_MUST_CHECK;
bool sk_schedule_digest(const struct sk_schedule_request *request, struct sk_digest *out_digest);
bool sk_schedule_decode(struct sk_schedule *schedule, struct sk_str body);
void sk_schedule_write(struct sk_schedule *schedule, sk_record_done *done, void *context);
void sk_schedule_view_of(const struct sk_schedule *schedule, struct sk_schedule_view *out_view);

/* schedule.c */
struct sk_schedule *sk_schedule_new(struct sk_engine *engine, struct sk_str id);
struct sk_schedule *sk_schedule_find(struct sk_engine *engine, struct sk_str id);
void sk_schedule_enlist(struct sk_schedule *schedule);
/* Out of sight; out of memory once nothing comes back to it. */
void sk_schedule_drop(struct sk_schedule *schedule);
/* One call less; frees what was dropped. False: it was. */
bool sk_schedule_end_call(struct sk_schedule *schedule);
/* Sets the alarm for what comes next. */
void sk_schedule_arm(struct sk_schedule *schedule);
/* Starts the saga of this instant; done(schedule, …) when it is durable, or refused. */
typedef void sk_schedule_started(struct sk_schedule *schedule, const struct sk_reply *reply,
                                 void *context);
void sk_schedule_start(struct sk_schedule *schedule, int64_t at_ms, sk_schedule_started *done,
                       void *context);
void sk_schedule_note_start(struct sk_schedule *schedule, const struct sk_reply *reply);

#endif
