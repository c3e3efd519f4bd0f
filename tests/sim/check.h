/*
 * check.h: the judges. Each has a file check_<name>.c, watches, and ends the run with sim_fail when
 * a law is broken. Each counts what it has judged: a run in which one of them judged nothing proves
 * nothing.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "core/decide.h"
#include "invoke/invoke.h"
#include "participants.h"
#include "sim_store.h"
#include "world.h"

#define SIM_CHECKERS(X)                                      \
    X(WRITE_AHEAD, "write ahead")          /* law 2 */       \
    X(STARTS, "acknowledged starts")       /* law 10 */      \
    X(UNDO, "undo what may have happened") /* laws 5, 6 */   \
    X(ORDER, "undo order")                 /* law 7 */       \
    X(REQUESTS, "key and request")         /* law 4 */       \
    X(REPLAY, "replay = live")             /* law 3 */       \
    X(OWNER, "one owner")                  /* law 9 */       \
    X(LIVENESS, "every saga ends")         /* law 11 */      \
    X(PIVOT, "nothing undone past a pivot")                  \
    X(LOCKS, "locks are exclusive")                          \
    X(POLICY, "time and policy")                             \
    X(HOOKS, "hooks")                                        \
    X(TASKS, "tasks")                                        \
    X(ROWS, "rows agree")                                    \
    X(RETENTION, "retention")                                \
    X(EXPLAIN, "explained")                     /* law 11 */ \
    X(ONCE, "undone once")                      /* law 5 */  \
    X(GOES_ON, "a failing undo stops no other") /* law 8 */  \
    X(LAW6, "no undo before its action")        /* law 6 */  \
    X(LATE, "late answers")                     /* law 12 */ \
    X(TIMERS, "no timer early")                              \
    X(ATTEMPTS, "attempts within policy")                    \
    X(PURE, "decide is pure") /* law 1 */                    \
    X(MEMORY, "memory is given back")                        \
    X(LETTERS, "dead letters")                               \
    X(FAIR, "locks are fair")                                \
    X(BOUNDS, "bounded queues")                              \
    X(BATCHES, "batches")                                    \
    X(SCHEDULES, "schedules")                                \
    X(MODEL, "second model")

enum sim_checker {
#define X(name, text) SIM_CHECK_##name,
    SIM_CHECKERS(X)
#undef X
        SIM_CHECKERS_COUNT
};
const char *sim_checker_name(enum sim_checker checker);

struct sim_checks {
    uint64_t judged[SIM_CHECKERS_COUNT];
    uint64_t excused; /* promises that hold for guarded participants only */
    uint64_t ends[SK_SAGA_STATES_COUNT];
    struct sim_map queues;      /* a lock's machine → who waits: check_lock_queue.c */
    uint64_t decisions;         /* check_pure.c … */
    bool spoils_twins;          /* … on purpose: spoil.c */
    struct sim_map holders;     /* lock key → struct sim_row *: check_locks.c */
    struct sim_map requests;    /* key → hash of the request: check_requests.c */
    struct sk_buf live, folded; /* check_replay.c */
    uint64_t replay_clock;
    uint64_t removed;       /* sagas, by retention */
    int64_t active_at_calm; /* check_liveness.c */
    int64_t last_end_us;    /* of any saga */
};

void sim_checks_init(struct sim_world *world);
void sim_checks_release(struct sim_world *world);
/* Everything at the end of a run: every saga in the store, with its state folded from its
 * events. */
void sim_check_end(struct sim_world *world);

/* An event has become durable (called by the store as its part commits). */
void sim_check_event(struct sim_world *world, struct sim_row *row,
                     const struct sk_event_row *event);
/* Before a part commits, of that life of the node. */
void sim_check_owner(struct sim_world *world, const struct sim_shard *shard,
                     const struct sim_node *node, uint64_t life, const struct sk_part *part);
/* An invocation leaves a node. */
void sim_check_sender(struct sim_world *world, struct sim_node *node,
                      const struct sk_invocation *invocation);
void sim_check_invocation(struct sim_world *world, const struct sk_invocation *invocation);
void sim_check_request(struct sim_world *world, const struct sk_invocation *invocation);
/* A node tells an observer or a client of a saga. */
void sim_check_observed(struct sim_world *world, const struct sk_saga *saga,
                        const struct sk_event *event);
void sim_check_seen(struct sim_world *world, const struct sk_saga *saga);
void sim_check_explained(struct sim_world *world, const struct sk_saga *saga);
void sim_check_live(struct sim_world *world, const struct sk_saga *saga);
void sim_check_started(struct sim_world *world, struct sk_str saga_id);
void sim_check_lock_event(struct sim_world *world, struct sim_row *row,
                          const struct sk_event *event);

void sim_check_lock_queue(struct sim_world *world, const struct sim_row *row,
                          const struct sk_event *event);
/* A batch is handed to the store. */
void sim_check_submitted(struct sim_world *world, const struct sim_handle *handle,
                         const struct sk_batch *batch);
void sim_check_bounds_end(struct sim_world *world);
/* The store went back to how it was at `from_us`: what was noted of later is forgotten. */
void sim_check_locks_restored(struct sim_world *world);
void sim_check_lock_queues_restored(struct sim_world *world);
void sim_check_requests_restored(struct sim_world *world, int64_t from_us);

/* At the end, one saga: its row and its folded state. */
void sim_check_undo(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga);
void sim_check_order(struct sim_world *world, const struct sim_row *row,
                     const struct sk_saga *saga);
void sim_check_pivot(struct sim_world *world, const struct sim_row *row,
                     const struct sk_saga *saga);
/* The calm begins: who is still under way. */
void sim_check_liveness_begins(struct sim_world *world);
void sim_check_liveness(struct sim_world *world, const struct sim_row *row,
                        const struct sk_saga *saga);
/* timetable.c: a saga at its end may be one that a schedule has started. */
void sim_timetable_saw(struct sim_world *world, const struct sim_row *row,
                       const struct sk_saga *saga);
void sim_check_starts_end(struct sim_world *world);
void sim_check_locks_end(struct sim_world *world);
void sim_check_lock_queues_end(struct sim_world *world);
void sim_check_letters(struct sim_world *world, const struct sim_row *row);
void sim_check_letters_end(struct sim_world *world);
void sim_check_rows(struct sim_world *world);
/* A saga as it is stored, at its end: all judges of one saga. */
void sim_check_saga(struct sim_world *world, const struct sim_row *row);
/* The row is about to go. */
void sim_check_removed(struct sim_world *world, const struct sim_row *row);
void sim_check_kept(struct sim_world *world);
void sim_check_policy(struct sim_world *world, const struct sim_row *row,
                      const struct sk_saga *saga);

void sim_check_tasks(struct sim_world *world, const struct sim_row *row,
                     const struct sk_saga *saga);
/* check_model.c: an event is durable; a part is; a saga is shown; an invocation leaves. */
void sim_check_model_event(struct sim_world *world, struct sim_row *row,
                           const struct sk_event *event);
void sim_check_model_part(struct sim_world *world, const struct sim_shard *shard,
                          const struct sim_node *node, uint64_t life, const struct sk_part *part);
void sim_check_model_saga(struct sim_world *world, const struct sk_saga *saga);
void sim_check_model_sending(struct sim_world *world, const struct sk_invocation *invocation);
void sim_check_model_end(struct sim_world *world, const struct sim_row *row,
                         const struct sk_saga *saga);
void sim_check_model_release(struct sim_world *world); /* also before a store is put back */
void sim_check_hooks(struct sim_world *world, const struct sim_row *row,
                     const struct sk_saga *saga);

/* Folds a stored history; the caller releases the saga. */
void sim_fold(struct sim_world *world, const struct sim_row *row, struct sk_saga *out_saga);
/* The stored event as the core reads it; spans are borrowed from the row. */
struct sk_event sim_event_of(const struct sk_event_row *row);

#endif
