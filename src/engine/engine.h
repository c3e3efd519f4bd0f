/*
 * engine.h: the loop. Gathers commands, decides, makes the new events durable in one commit for the
 * whole batch, and only then lets out what depends on them. Knows only ports: runtime, store,
 * invoke.
 *
 * Everything here is called on the loop's thread; every `done` comes on the loop, never from inside
 * the call, and only when what it tells is durable (law 2). Spans passed in are copied; spans
 * handed to a `done` are borrowed for that call.
 */
#ifndef SK_ENGINE_ENGINE_H
#define SK_ENGINE_ENGINE_H

#include "base/list.h"
#include "base/mask.h"
#include "core/decide.h"
#include "dsl/dsl.h"
#include "engine/task.h"
#include "invoke/invoke.h"
#include "runtime/runtime.h"
#include "store/store.h"

struct sk_engine;
struct sk_group;

/* How a message goes from one shard to another. */
enum sk_carriage {
    SK_CARRY_NOW,
    SK_CARRY_TWICE, /* as when it was handed over, and nobody knew whether */
    SK_CARRY_LATER  /* not now: asked again within a second or so */
};

/* Zero means "default" throughout. */
struct sk_engine_options {
    struct sk_runtime *runtime;
    struct sk_store *store;
    struct sk_invoker *invokers[SK_KINDS_COUNT]; /* NULL = not in this build; not owned */
    struct sk_invoker *notifier; /* of notifications; NULL = none is configured; not owned */
    struct sk_str node;          /* this node's name: the shards' owner */
    uint8_t token_key[32];       /* MAC of pending tokens; the same after a restart */
    struct sk_rules rules;
    struct sk_dsl_options dsl;     /* defaults for definitions */
    int64_t acquire_timeout_ms;    /* 30 s; < 0 = waits */
    int64_t sweep_interval_ms;     /* 30 s */
    int64_t stuck_after_ms;        /* 5 min */
    int64_t idempotency_window_ms; /* 24 h */
    /* Finished sagas are removed when they ended so long ago (0 = kept for ever), and the oldest
     * when there are more than so many of them, in all or of one definition (0 = no limit); never
     * within idempotency_window_ms. */
    int64_t retention_ms;
    uint64_t retention_max, retention_max_per_definition;
    int64_t retention_interval_ms;     /* 1 min */
    int64_t lease_ms, lease_margin_ms; /* shared stores: 15 s, 3 s */
    uint32_t sagas_max;        /* max_concurrent_sagas: with work in flight or due; 100000 */
    uint32_t pending_max;      /* accepted and waiting; 100000 */
    uint32_t batch_events_max; /* 8192 */
    uint32_t jobs_max;         /* commands waiting for one saga; 10000; beyond it SKALD_E_AGAIN */
    size_t input_size_max;  /* of a start: input, context, attributes; signals; edits: 4 MiB … */
    size_t output_size_max; /* … of a step; a larger one makes its outcome unknown */
    size_t definition_size_max; /* 10 MiB */
    struct sk_mask mask;        /* names of values that are shown as ***; outlives the engine */
    uint32_t cache_sagas_max;   /* parked and ended sagas kept in memory; 10000 */
    /* May an action call this service at this endpoint (empty: it names none, or one that is known
     * only at run time)? Asked at define; SKALD_OK, or why not. NULL: whoever names an endpoint
     * may. */
    enum skald_status (*check_service)(void *context, struct sk_str service, struct sk_str endpoint,
                                       skald_error *error);
    void *service_context;
    bool no_take; /* wait to be told by sk_engine_own; simulator and clusters */
    /* The engines beside it (group.h), of which it is this one: it takes those shards of which
     * sk_group_member_of names it. NULL: it is alone. The group outlives the engine. */
    struct sk_group *group;
    uint32_t group_member;
    /* Every durable event, in order per saga, for observers; may be NULL. The saga may already be
     * ahead of the event: only what its start fixed may be shown. */
    void (*on_event)(void *context, const struct sk_saga *saga, const struct sk_event *event);
    /* Observations that belong to no saga: "recovery.progress", "store.degraded", … */
    void (*on_notice)(void *context, struct sk_str what, struct sk_str json);
    void *observer_context;
    /* Asked for each message that is about to be handed over, with observer_context; NULL: at
     * once. The simulator's links between shards: one that holds a message up holds up all that
     * come behind it on the same way. */
    enum sk_carriage (*carry)(void *context, uint32_t from_shard, uint32_t to_shard,
                              struct sk_str message_id);
};

/* The reply to most calls. */
struct sk_reply {
    enum skald_status status;
    const skald_error *error; /* when status is not OK */
    /* State as of its durable_seq; NULL when there is none, or a sibling serves it (errand.c). */
    const struct sk_saga *saga;
    struct sk_str saga_id;      /* empty: none, or not known */
    const struct sk_lock *lock; /* of sk_engine_get_lock */
    struct sk_str violations;   /* of a start whose input does not fit: JSON, a list of
                                   {"pointer", "message"}; else empty */
    bool is_replayed;           /* a start that was there already, a command seen before */
    bool is_pending_direction;  /* cancel accepted (202) but decided when the pivot is settled */
    int64_t retry_after_ms;     /* with SKALD_E_AGAIN and SKALD_E_LIMIT */
};
typedef void sk_engine_done(void *context, const struct sk_reply *reply);

struct sk_start_request {
    struct sk_str definition, version; /* version empty = latest defined */
    struct sk_str id;                  /* empty = drawn */
    struct sk_str idempotency_key;     /* used when id is empty */
    struct sk_str input, context, business_key, space;
    /* W3C; kept in the context under this name unless it holds one. No part of the request's
     * digest: it differs each time a client asks again. What is not sound is left out. */
    struct sk_str traceparent;
    struct sk_str attributes, tags; /* JSON object; JSON array of strings */
    const struct sk_str *lock_keys;
    uint32_t lock_keys_count;
    int64_t timeout_ms;
    uint32_t max_attempts;
    int32_t priority;
};

enum skald_status sk_engine_new(const struct sk_engine_options *options,
                                struct sk_engine **out_engine, skald_error *error) SK_MUST_CHECK;
/* Takes the shards, loads what is active, redrives; `done` when sagas are served (progress goes to
 * the log). */
typedef void sk_engine_opened(void *context, enum skald_status status, const skald_error *error);
void sk_engine_open(struct sk_engine *engine, sk_engine_opened *done, void *context);
/* Graceful: no new starts, effects in flight awaited up to grace_ms, everything decided made
 * durable, shards given back. `done` once; then sk_engine_free. */
void sk_engine_stop(struct sk_engine *engine, int64_t grace_ms, sk_engine_opened *done,
                    void *context);
/* At once, as a crash would: nothing is flushed. NULL is fine. */
void sk_engine_free(struct sk_engine *engine);
/* What is to be masked wherever it is shown or sent to others than the participants. */
const struct sk_mask *sk_engine_mask(const struct sk_engine *engine);
bool sk_engine_is_ready(const struct sk_engine *engine);

/* Definitions: `done` with status and, on SKALD_E_INVALID, the diagnostics as JSON in the error's
 * place. */
struct sk_define_reply {
    enum skald_status status;
    const skald_error *error;
    const struct sk_diagnostics *diagnostics; /* always there, maybe only warnings */
    struct sk_str id, version;
    struct sk_digest digest;
    bool is_new;
};
typedef void sk_define_reply_fn(void *context, const struct sk_define_reply *reply);
void sk_engine_define(struct sk_engine *engine, struct sk_str source, struct sk_str file_name,
                      sk_define_reply_fn *done, void *context);

void sk_engine_start(struct sk_engine *engine, const struct sk_start_request *request,
                     sk_engine_done *done, void *context);
/* Operators' commands and signals. `command->step` is found by name when step_name is not empty. */
void sk_engine_command(struct sk_engine *engine, struct sk_str saga_id,
                       const struct sk_command *command, struct sk_str step_name,
                       sk_engine_done *done, void *context);
/* Removes a finished saga with all its rows; SKALD_E_STATE says why not. */
void sk_engine_remove(struct sk_engine *engine, struct sk_str saga_id, sk_engine_done *done,
                      void *context);
/* A worker goes on with a task: its lease is extended as far as it may. lease_ms 0 = the default.
 * SKALD_E_STATE: the lease is over. See sk_engine_lease. */
void sk_engine_heartbeat(struct sk_engine *engine, struct sk_str saga_id, struct sk_str token,
                         int64_t lease_ms, sk_engine_done *done, void *context);
/* Completion of a pending answer or a task: outcome SUCCEEDED, FAILED or (known not to have
 * happened) RETRYABLE. SKALD_E_ARGUMENT for a bad token. */
void sk_engine_complete(struct sk_engine *engine, struct sk_str saga_id, struct sk_str step_name,
                        struct sk_str token, const struct sk_outcome *outcome, sk_engine_done *done,
                        void *context);
/* The saga as of its durable state; from memory or the store. */
void sk_engine_get(struct sk_engine *engine, struct sk_str saga_id, sk_engine_done *done,
                   void *context);
/* As get, but answers when the saga has ended or timeout_ms has passed (then as it is). */
void sk_engine_wait(struct sk_engine *engine, struct sk_str saga_id, int64_t timeout_ms,
                    sk_engine_done *done, void *context);
/* Lists, events, tallies: straight from the store (durable by S3). SK_READ_HEAD gives shard and
 * no. */
void sk_engine_read(struct sk_engine *engine, const struct sk_read *read, sk_read_done *done,
                    void *context);
/* One saga as a file (transfer_file.h). Export: `done` with the text, borrowed for the call; the
 * status NOT_FOUND when there is no such saga. Import makes the same saga here: CONFLICT when the
 * id is taken, INVALID when the file is damaged, STATE when the saga cannot live without what stays
 * behind. One that has not ended arrives suspended, for the reason `imported`. */
typedef void sk_export_done(void *context, enum skald_status status, struct sk_str text,
                            const skald_error *error);
void sk_engine_export(struct sk_engine *engine, struct sk_str saga_id, sk_export_done *done,
                      void *context);
void sk_engine_import(struct sk_engine *engine, struct sk_str text, struct sk_str who,
                      sk_engine_done *done, void *context);
/* The plan behind a digest, or the latest of an id: loaded and compiled when needed; the reply
 * borrows it. */
typedef void sk_plan_done(void *context, enum skald_status status, const struct sk_plan *plan,
                          const skald_error *error);
void sk_engine_plan(struct sk_engine *engine, const struct sk_digest *digest, struct sk_str id,
                    struct sk_str version, sk_plan_done *done, void *context);
/* A lock by its id ("@lock/<key>"), as of its durable state; SKALD_E_NOT_FOUND: nobody has ever
 * held it, or not for long. */
void sk_engine_get_lock(struct sk_engine *engine, struct sk_str lock_id, sk_engine_done *done,
                        void *context);
/* Deletes a dead letter of this saga's shard. Who and why are told to the log and the observers
 * ("letter.discarded"). OK also if it was gone already. */
void sk_engine_discard_letter(struct sk_engine *engine, struct sk_str saga_id,
                              struct sk_str letter_id, struct sk_str who, struct sk_str why,
                              sk_engine_done *done, void *context);
/* The sweep, now and not only every sweep_interval. */
void sk_engine_sweep(struct sk_engine *engine);
/* Sagas in memory without a new event for stuck_after_ms that wait for nothing: as the sweep counts
 * them. `fn` may not call the engine. */
void sk_engine_each_stuck(struct sk_engine *engine,
                          void (*fn)(void *context, const struct sk_saga *saga), void *context);
/* This node's name. */
struct sk_str sk_engine_node(const struct sk_engine *engine);
/* Somebody who watches, beside the options' observer: on the loop, and only what is durable. It may
 * not call the engine from there. */
struct sk_observer {
    struct sk_list node;
    /* Every durable event, in order per saga; as on_event of the options. */
    void (*on_event)(struct sk_observer *observer, const struct sk_saga *saga,
                     const struct sk_event *event);
    /* What belongs to no saga ("store.degraded"), or is no event of it, as the log tells it. */
    void (*on_notice)(struct sk_observer *observer, const struct sk_log_line *line);
};
/* Until sk_engine_unobserve, or the engine is freed; either callback may be NULL. */
void sk_engine_observe(struct sk_engine *engine, struct sk_observer *observer);
void sk_engine_unobserve(struct sk_observer *observer);
/* What an adapter beside the engine has seen and logged ("circuit.opened"): told to the observers
 * as the engine's own. */
void sk_engine_tell_observers(struct sk_engine *engine, const struct sk_log_line *line);
/* The store's own figures; incarnation 0 until it is open. */
struct sk_meta sk_engine_meta(const struct sk_engine *engine);
/* For looking ahead (core/explain.h, core/preview.h): the engine's time and rules. */
int64_t sk_engine_now(const struct sk_engine *engine);
const struct sk_rules *sk_engine_rules(const struct sk_engine *engine);
uint32_t sk_engine_shard_of(const struct sk_engine *engine, struct sk_str saga_id);
/* What chooses the shard of a start that has a key and no id; empty: out of memory. */
struct sk_str sk_start_key_text(struct sk_arena *arena, struct sk_str space, struct sk_str key);

struct sk_engine_stats {
    uint64_t sagas_active, sagas_parked, sagas_pending, sagas_cached;
    uint64_t started, ended, events, batches, invocations, redriven;
    uint64_t compensating; /* sagas that began to compensate */
    uint64_t sweep_scanned, sweep_processed, sweep_failed;
    int64_t sweep_at_ms;
    uint32_t shards_owned, shards_degraded;
    uint64_t stuck;
    uint64_t removed, retention_removed; /* finished sagas: all; of them by age or number */
    int64_t retention_at_ms;             /* end of the last pass; 0 = none yet */
    uint64_t hooks_started, hooks_completed, hooks_failed, hooks_retried;
    /* The engine's own share of a step: from the command to the effect's departure, µs. */
    uint64_t own_us_p50, own_us_p99, own_us_max;
};
void sk_engine_stats(const struct sk_engine *engine, struct sk_engine_stats *out_stats);
/* Those of all engines of the process as one: sums; of instants the latest; the shares of all steps
 * together. `done` as sk_engine_gather's (gather.h): from inside the call where there are no
 * siblings. `stats` is NULL unless status is OK. figures.c */
typedef void sk_figures_done(void *context, enum skald_status status, const skald_error *error,
                             const struct sk_engine_stats *stats);
void sk_engine_stats_all(struct sk_engine *engine, sk_figures_done *done, void *context);

/* Ownership, for the simulator and for clusters (options.no_take): take or leave one shard. */
void sk_engine_own(struct sk_engine *engine, uint32_t shard, bool own);

/* Pending tokens: token.c. Text, about 90 characters. */
void sk_token_make(const uint8_t key[32], struct sk_str saga_id, const struct sk_effect *effect,
                   struct sk_buf *out);
bool sk_token_check(const uint8_t key[32], struct sk_str token, struct sk_str saga_id,
                    struct sk_effect *out_effect);

#endif
