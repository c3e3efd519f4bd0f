/* engine_private.h: what the files of engine/ call of each other, file by file. */
#ifndef SK_ENGINE_ENGINE_PRIVATE_H
#define SK_ENGINE_ENGINE_PRIVATE_H

#include "engine/engine_types.h"

/* ---- engine.c -------------------------------------------------------------------------------- */

int64_t sk_engine_now_us(const struct sk_engine *engine);
uint64_t sk_engine_entropy(struct sk_engine *engine);
struct sk_shell *sk_shell_ref(struct sk_shell *shell);
void sk_shell_unref(struct sk_shell *shell);
/* An observation: to the observer and the log. `json` may be empty. */
void sk_engine_notice(struct sk_engine *engine, enum sk_log_level level, const char *what,
                      struct sk_str saga_id, const char *message, struct sk_str json);
/* Runs fn on the loop after the present turn, unless the engine was freed meanwhile. */
typedef void sk_engine_fn(struct sk_engine *engine, void *context);
enum skald_status sk_engine_defer(struct sk_engine *engine, sk_engine_fn *fn,
                                  void *context) SK_MUST_CHECK;
void sk_own(struct sk_engine *engine, struct sk_owned *owned, void (*free)(struct sk_owned *owned));
void sk_disown(struct sk_owned *owned);
/* A turn's end: cut a batch if none is out, then answer who can be answered. */
void sk_engine_turn(struct sk_engine *engine);

/* ---- letter.c -------------------------------------------------------------------------------- */

/* Whoever asked is answered: it is durable (SKALD_OK), or will not be written now. */
void sk_discards_end(struct sk_list *discards, enum skald_status status);
/* Those of the shard that were asked before then and are not being written. */
void sk_discards_lose_patience(struct sk_shard *shard, int64_t asked_before_ms);
/* With the engine: nobody is answered. */
void sk_discards_release(struct sk_list *discards);

/* ---- observe.c ------------------------------------------------------------------------------- */

void sk_observers_event(struct sk_engine *engine, const struct sk_saga *saga,
                        const struct sk_event *event);
void sk_observers_notice(struct sk_engine *engine, const struct sk_log_line *line);
void sk_observers_release(struct sk_engine *engine);

/* A read whose done comes only while the engine lives; when it cannot start, with SKALD_E_MEMORY
 * and, as all others, not from inside the call (unless memory is out: then at once). */
typedef void sk_engine_rows(struct sk_engine *engine, void *context, struct sk_rows *rows);
void sk_engine_store_read(struct sk_engine *engine, const struct sk_read *read,
                          sk_engine_rows *done, void *context);

/* ---- alarm.c --------------------------------------------------------------------------------- */

void sk_alarm_set(struct sk_engine *engine, struct sk_alarm *alarm, int64_t at_ms);
void sk_alarm_clear(struct sk_engine *engine, struct sk_alarm *alarm);
bool sk_alarm_is_set(const struct sk_alarm *alarm);
enum skald_status sk_alarms_init(struct sk_engine *engine) SK_MUST_CHECK;
void sk_alarms_release(struct sk_engine *engine);

/* ---- waiter.c -------------------------------------------------------------------------------- */

struct sk_waiter *sk_waiter_new(struct sk_engine *engine, sk_engine_done *done, void *context);
void sk_waiter_free(struct sk_waiter *waiter); /* NULL is fine */
/* Answers at the end of the turn with this error, whatever is durable. */
void sk_waiter_fail(struct sk_waiter *waiter, enum skald_status status, const char *message);
/* There is no such saga, as far as this node knows. */
void sk_waiter_not_there(struct sk_waiter *waiter, const struct sk_shard *shard);
void sk_waiter_fail_error(struct sk_waiter *waiter, enum skald_status status,
                          const skald_error *error);
/* Answers at the end of the turn, with no saga. */
void sk_waiter_succeed(struct sk_waiter *waiter);
/* Answers when machine's need_seq is durable; an error beside it (law 2 holds for refusals too). */
void sk_waiter_attach(struct sk_waiter *waiter, struct sk_machine *machine, uint64_t need_seq);
/* After a change, or a part became durable: who can be answered moves to `ready`. */
void sk_waiters_check(struct sk_machine *machine);
void sk_waiters_fail_all(struct sk_machine *machine, enum skald_status status, const char *message,
                         bool also_durable);
/* The store is away: whoever has waited long for what it does not take is told so. */
void sk_waiters_lose_patience(struct sk_shard *shard);
void sk_waiters_flush(struct sk_engine *engine);
void sk_waiters_release(struct sk_engine *engine);
void sk_waiters_release_spare(struct sk_engine *engine);
/* The machine goes away: whoever is about to be answered of it is told so. */
void sk_waiters_detach(struct sk_machine *machine);
/* A get or a wait on a machine that is READY. */
void sk_read_machine(struct sk_machine *machine, struct sk_waiter *waiter);

/* ---- machine.c ------------------------------------------------------------------------------- */

struct sk_machine *sk_machine_find(struct sk_engine *engine, struct sk_str id);
/* In memory, or a new one that is being loaded; NULL: out of memory. */
struct sk_machine *sk_machine_get(struct sk_engine *engine, struct sk_str id);
/* A new one in state ABSENT, not looked up in the store. */
struct sk_machine *sk_machine_new(struct sk_engine *engine, struct sk_shard *shard,
                                  struct sk_str id);
/* The same for who has hashed the id already (sk_hash_id), for its shard or in another table. */
struct sk_machine *sk_machine_find_at(struct sk_engine *engine, struct sk_str id, uint64_t hash);
struct sk_machine *sk_machine_get_at(struct sk_engine *engine, struct sk_str id, uint64_t hash);
struct sk_machine *sk_machine_new_at(struct sk_engine *engine, struct sk_shard *shard,
                                     struct sk_str id, uint64_t hash);
uint64_t sk_machine_seq(const struct sk_machine *machine);
bool sk_machine_is_saga(const struct sk_machine *machine);
/* Of a saga that is READY. */
const struct sk_outlook *sk_machine_outlook(struct sk_machine *machine);
/* After every change: its alarm, its slot, whether it may leave memory. */
void sk_machine_settle(struct sk_machine *machine);
bool sk_machine_is_clean(const struct sk_machine *machine); /* READY and everything durable */
bool sk_machine_is_idle(struct sk_machine *machine);        /* it may leave memory */
/* Nothing of it is needed any more: out of memory if nobody points to it. */
void sk_machine_discard(struct sk_machine *machine);
/* Gives up what is not durable; read again if anything is stored. Waiters for what is lost fail. */
void sk_machine_reset(struct sk_machine *machine, enum skald_status status, const char *why);
/* Reset, and tried anew with each sweep only; whoever asks meanwhile is told this status. */
void sk_machine_set_aside(struct sk_machine *machine, enum skald_status status, const char *why);
/* A decision did not fit its restored history: told, and set aside. `waiter` may be NULL. */
void sk_machine_break(struct sk_machine *machine, struct sk_waiter *waiter, const char *why);
/* Out of the engine; whoever waits fails. */
void sk_machine_drop(struct sk_machine *machine, enum skald_status status, const char *why);
void sk_machine_free_all(struct sk_engine *engine);
void sk_machines_release_spare(struct sk_engine *engine);
/* Forgets the state, not the machine. */
void sk_machine_unfold(struct sk_machine *machine);
void sk_machines_shrink(struct sk_engine *engine);
/* Its work has returned. */
void sk_machine_after_work(struct sk_machine *machine);

/* ---- slot.c ---------------------------------------------------------------------------------- */

void sk_slot_settle(struct sk_machine *machine);
void sk_slot_leave(struct sk_machine *machine);
bool sk_slot_is_free(const struct sk_engine *engine);
void sk_slots_admit(struct sk_engine *engine);

/* ---- load.c ---------------------------------------------------------------------------------- */

/* Puts it into the queue of loads; `head` may be NULL (then it is looked for by id). */
void sk_load_start(struct sk_machine *machine, const struct sk_head *head);
void sk_load_forget(struct sk_machine *machine);
void sk_loads_continue(struct sk_engine *engine);

/* ---- job.c, command.c ------------------------------------------------------------------------ */

enum sk_job_kind {
    SK_JOB_COMMAND,
    SK_JOB_START,
    SK_JOB_MESSAGE,
    SK_JOB_READ,
    SK_JOB_IMPORT,
    SK_JOB_REMOVE
};
struct sk_importing;
struct sk_starting;
struct sk_job {
    struct sk_list node;
    enum sk_job_kind kind;
    struct sk_arena arena;
    struct sk_command command;
    struct sk_outcome outcome;
    struct sk_message message;
    struct sk_str step_name;
    bool needs_step;
    bool is_asked; /* verdict.c: its outcome has a verdict, or will get none */
    struct sk_incoming *incoming;
    struct sk_starting *starting;
    struct sk_importing *importing;
    struct sk_waiter *waiter;
};
/* A deep copy; NULL: out of memory. */
struct sk_job *sk_job_new(enum sk_job_kind kind, const struct sk_command *command,
                          struct sk_str step_name, struct sk_waiter *waiter);
void sk_job_free(struct sk_job *job);
void sk_job_push(struct sk_machine *machine, struct sk_job *job);
/* One that has been taken out comes first again. */
void sk_job_put_back(struct sk_machine *machine, struct sk_job *job);
/* Runs what waits, as far as the machine can take it. */
void sk_jobs_run(struct sk_machine *machine);
/* Those with somebody waiting. */
void sk_jobs_fail_waiters(struct sk_machine *machine, enum skald_status status,
                          const char *message);
void sk_jobs_release(struct sk_machine *machine);

/* Decides at once if it can, else queues. `waiter` may be NULL. */
void sk_command_give(struct sk_machine *machine, const struct sk_command *command,
                     struct sk_waiter *waiter);
/* The machine is READY. False: out of memory, it was reset (the waiter has been answered). */
bool sk_command_decide(struct sk_machine *machine, const struct sk_command *command,
                       struct sk_waiter *waiter);
/* To the saga, wherever it is served; the command is sound. needs_store: not while it is away. */
void sk_command_ask_for(struct sk_engine *engine, struct sk_str saga_id,
                        const struct sk_command *command, struct sk_str step_name, bool needs_store,
                        sk_engine_done *done, void *context);
/* The machine for a command from outside, or NULL (the waiter has been answered).
 * needs_store: not while the store is away. */
struct sk_machine *sk_command_addressee(struct sk_engine *engine, struct sk_str saga_id,
                                        bool needs_store, struct sk_waiter *waiter);
bool sk_command_can_run(const struct sk_machine *machine);
/* The decision that collects what the machine decides; NULL: out of memory. Marks it dirty. */
struct sk_decision *sk_machine_decision(struct sk_machine *machine);
void sk_decision_give_back(struct sk_engine *engine, struct sk_decision *decision);
void sk_decisions_release(struct sk_engine *engine);
void sk_machine_mark_dirty(struct sk_machine *machine);
void sk_shard_mark_dirty(struct sk_shard *shard);

/* ---- work.c, rows.c, batch.c, result.c ------------------------------------------------------- */

bool sk_work_fill(struct sk_work *work, uint32_t events_max);
struct sk_work *sk_work_new(struct sk_shard *shard);
void sk_work_free(struct sk_work *work);
void sk_work_give_back(struct sk_work *work);
void sk_works_release_spare(struct sk_engine *engine);
uint32_t sk_work_events(const struct sk_work *work);
/* Makes the part's rows for the shard's present position. */
bool sk_work_make_part(struct sk_work *work) SK_MUST_CHECK;
/* Head, key and tags as the machine now is, in the arena. */
bool sk_item_describe(struct sk_item *item, struct sk_arena *arena);
/* The same item with its texts in another arena; takes decision and arrivals. */
bool sk_item_move(struct sk_item *to, struct sk_item *from, struct sk_arena *arena) SK_MUST_CHECK;
/* Something of it waits for its next part. */
bool sk_shard_has_more(const struct sk_shard *shard);
void sk_batch_schedule(struct sk_engine *engine);
void sk_batch_cut(struct sk_engine *engine);
void sk_result_apply(struct sk_work *work);
void sk_result_verify(struct sk_shard *shard);
/* The handle is broken: whoever is told so first has it opened anew. */
void sk_result_reopen(struct sk_engine *engine);

/* ---- dispatch.c ------------------------------------------------------------------------------ */

/* Sends what became due and durable. */
void sk_dispatch(struct sk_machine *machine);
void sk_flights_cancel(struct sk_machine *machine);
void sk_flights_release(struct sk_engine *engine); /* with the engine, after all machines */
/* For verdict.c. Add: NULL without memory. End: the flight is gone, and the rules hear of its
 * outcome. */
struct sk_flight *sk_flight_add(struct sk_machine *machine, const struct sk_effect *effect,
                                struct sk_invoker *invoker);
struct sk_flight *sk_flight_find(const struct sk_engine *engine, uint64_t ticket);
void sk_flight_forget(struct sk_engine *engine, struct sk_flight *flight);
void sk_flight_end(struct sk_engine *engine, struct sk_flight *flight,
                   const struct sk_outcome *outcome);

/* ---- verdict.c ------------------------------------------------------------------------------- */

struct sk_asked;
/* Asks the policy's `decide`, if there is one and it could change anything, whether to try again;
 * the flight ends with its answer. False: nobody is asked, the outcome stands as it is. */
bool sk_verdict_ask(struct sk_engine *engine, struct sk_flight *flight,
                    const struct sk_outcome *outcome);
/* The same for an answer that came by token: the job is held, and runs with the verdict. False: it
 * runs as it is. */
bool sk_verdict_hold(struct sk_machine *machine, struct sk_job *job);
void sk_asked_free(struct sk_machine *machine, struct sk_asked *asked); /* NULL is fine */

/* ---- outbox.c, inbox.c ----------------------------------------------------------------------- */

/* After a part is durable: one of its messages, under the id of its row. */
void sk_outbox_add(struct sk_shard *shard, const struct sk_message *message, uint64_t order);
void sk_outbox_deliver(struct sk_shard *shard);
void sk_outbox_row(const struct sk_message *message, uint64_t no, uint64_t order, uint32_t to_shard,
                   struct sk_arena *arena, struct sk_message_row *out_row);
void sk_outbox_load(struct sk_shard *shard, const struct sk_rows *rows);
/* Its row is deleted: the target may forget it. */
void sk_outbox_remove(struct sk_shard *shard, struct sk_outgoing *outgoing);
/* The target has it durably. True: there is no such row any more, the target may forget it. */
bool sk_outbox_consumed(struct sk_shard *shard, struct sk_str id);
/* The target lost it: to be handed over again. */
void sk_outbox_again(struct sk_shard *shard, struct sk_str id);
/* Everything handed to this shard is to be sent again. */
void sk_messages_unhand(struct sk_shard *to);
/* This shard now serves: what waits for it is handed over. */
void sk_messages_for(struct sk_shard *to);
void sk_messages_sweep(struct sk_engine *engine);
/* Something could not be handed over for want of memory: again in a second. */
void sk_messages_again_soon(struct sk_engine *engine);
void sk_messages_release(struct sk_shard *shard);

/* False: out of memory. *out_state: DURABLE = consumed before, else QUEUED. */
bool sk_inbox_receive(struct sk_shard *shard, uint32_t from_shard, uint32_t from_member,
                      const struct sk_message *message, enum sk_incoming_state *out_state);
bool sk_inbox_load(struct sk_shard *shard, const struct sk_rows *rows);
void sk_inbox_consume(struct sk_machine *machine, struct sk_incoming *incoming);
void sk_inbox_durable(struct sk_shard *shard, struct sk_incoming *incoming);
void sk_inbox_forget(struct sk_shard *shard, struct sk_str id);
void sk_inbox_remove(struct sk_shard *shard, struct sk_incoming *incoming);
/* Not decided after all: the sender sends it again. */
void sk_inbox_lost(struct sk_shard *shard, struct sk_incoming *incoming);
void sk_inbox_sweep(struct sk_shard *shard);
/* To the parent, in this machine's next part: the child it means was never started. */
bool sk_inbox_reply_ended(struct sk_machine *machine, struct sk_str parent, uint32_t step,
                          int32_t item, uint32_t round, const char *code, const char *why);
/* A job with a message; takes the job. */
void sk_message_run(struct sk_machine *machine, struct sk_job *job);

/* ---- sibling.c ------------------------------------------------------------------------------- */

/* Who serves this shard, if a sibling does, as far as is known; NULL: nobody, or this engine. */
const struct sk_serving *sk_sibling_serving(const struct sk_engine *engine, uint32_t index);
/* This shard begins to be served here. */
void sk_sibling_announce(struct sk_shard *shard);
/* Those that a sibling may not have heard of, or all. */
void sk_siblings_sweep(struct sk_engine *engine, bool is_all);
/* A sibling serves to_shard. False: out of memory, and it does not come. */
bool sk_sibling_hand(struct sk_shard *from, uint32_t to_shard, const struct sk_message *message);
/* The message's row is deleted. */
void sk_sibling_forget(struct sk_shard *from, uint32_t to_shard, uint32_t member, struct sk_str id);
/* What came from a shard of that member is durably consumed; is not decided after all. */
void sk_sibling_consumed(struct sk_shard *shard, uint32_t from_shard, uint32_t member,
                         struct sk_str id);
void sk_sibling_lost(struct sk_shard *shard, uint32_t from_shard, uint32_t member,
                     struct sk_str id);

/* ---- errand.c -------------------------------------------------------------------------------- */

/* What concerns this id is a sibling's to do. */
bool sk_errand_is_due(const struct sk_engine *engine, struct sk_str id);
/* Only when it is; the waiter is answered when the sibling has done it, with no saga. `place`: the
 * saga's id or the start key. */
void sk_errand_start(struct sk_engine *engine, struct sk_str place,
                     const struct sk_start_request *request, struct sk_waiter *waiter);
void sk_errand_command(struct sk_engine *engine, struct sk_str saga_id,
                       const struct sk_command *command, struct sk_str step_name, bool needs_store,
                       struct sk_waiter *waiter);
void sk_errand_remove(struct sk_engine *engine, struct sk_str saga_id, struct sk_waiter *waiter);
/* That member hears of a definition that is durable. */
void sk_errand_learn(struct sk_engine *engine, uint32_t member, const struct sk_plan *plan,
                     bool is_latest, struct sk_waiter *waiter);

/* ---- start.c --------------------------------------------------------------------------------- */

void sk_start_run(struct sk_machine *machine, struct sk_job *job);
/* Takes the job. */
void sk_start_child(struct sk_machine *machine, struct sk_job *job);
/* The machine goes away while its plan is looked for. */
void sk_start_forget(struct sk_machine *machine);
uint32_t sk_lock_home(const struct sk_engine *engine, struct sk_str key);
/* The start under this key is durable, or its machine goes away. */
void sk_start_key_end(struct sk_machine *machine);
void sk_starting_free(struct sk_starting *starting);
void sk_starting_release(struct sk_engine *engine);
void sk_starting_release_spare(struct sk_engine *engine); /* with the engine, after all machines */

/* Why no saga may begin in this shard now; NULL: it may. */
const char *sk_start_refusal(const struct sk_engine *engine, const struct sk_shard *shard,
                             enum skald_status *out_status);
/* ABSENT becomes READY with an empty saga of this plan; false: out of memory. */
bool sk_start_fold_nothing(struct sk_machine *machine, struct sk_plan_entry *entry);

/* ---- transfer.c ------------------------------------------------------------------------------ */

/* Takes job->importing; the machine is ABSENT or READY. */
void sk_import_run(struct sk_machine *machine, struct sk_job *job);
/* Its waiter is the caller's business. NULL is fine. */
void sk_importing_free(struct sk_importing *importing);

/* ---- task.c, poll.c -------------------------------------------------------------------------- */

/* After a change: the index of tasks is what the saga says. */
void sk_tasks_settle(struct sk_machine *machine);
/* The tasks of this shard's sagas; NULL: of all. */
void sk_tasks_forget(struct sk_engine *engine, const struct sk_shard *shard);
/* NULL: out of memory. It lives while it has tasks or polls. */
struct sk_task_queue *sk_task_queue_get(struct sk_engine *engine, struct sk_str name);
void sk_task_queue_let_go(struct sk_engine *engine, struct sk_task_queue *queue);
/* The next one in turn, to be taken; texts are borrowed until sk_task_taken. */
bool sk_task_pop(struct sk_task_queue *queue, struct sk_task_name *out);
/* The taking is over, whatever became of it. */
void sk_task_taken(struct sk_engine *engine, const struct sk_task_name *name);
void sk_polls_match_soon(struct sk_engine *engine);
void sk_polls_stop(struct sk_engine *engine);
void sk_polls_release(struct sk_engine *engine);
/* What a sibling gave to this poll; false: nobody wants it any more. */
bool sk_poll_claimed(struct sk_poll *poll, const struct sk_task_given *given, uint32_t count);
/* A worker was not told of it after all: the attempt ends `retryable`, if its saga is here. */
void sk_poll_give_back(struct sk_engine *engine, const struct sk_task_given *given);
/* A command of the engine's own with somebody waiting; the saga is read if need be. */
void sk_command_ask(struct sk_engine *engine, struct sk_str saga_id,
                    const struct sk_command *command, sk_engine_done *done, void *context);

/* ---- poll_sibling.c -------------------------------------------------------------------------- */

enum { SK_SOURCE_OWN = SK_TASK_SOURCES_MAX, SK_SOURCE_NONE, SK_HEAR_MS = 1000 };
/* Somebody waits here for tasks of this queue: siblings are told, once. */
void sk_interest_tell(struct sk_engine *engine, struct sk_task_queue *queue);
/* A sibling that has just come up has not heard it. */
void sk_interest_tell_again(struct sk_engine *engine, uint32_t member);
/* The queue is let go. */
void sk_interest_end(struct sk_engine *engine, struct sk_task_queue *queue);
/* Some siblings want what waits here, and do not know of it. */
bool sk_interest_is_untold(const struct sk_task_queue *queue);
void sk_interest_offer(struct sk_engine *engine, struct sk_task_queue *queue);
/* Who gives next: a member, SK_SOURCE_OWN, or SK_SOURCE_NONE. */
uint32_t sk_interest_source(const struct sk_engine *engine, const struct sk_task_queue *queue,
                            bool only_own);
/* Some siblings have not said yet whether they have any, and may still do so in time. */
bool sk_interest_is_unheard(const struct sk_engine *engine, const struct sk_task_queue *queue);
/* False: out of memory. */
bool sk_task_given_copy(struct sk_arena *arena, struct sk_task_given *to,
                        const struct sk_task_given *from);
/* Asks a sibling for tasks for this poll: sk_poll_claimed comes, once, while the engine lives.
 * False: out of memory. */
bool sk_claim_begin(struct sk_engine *engine, struct sk_task_queue *queue, uint32_t member,
                    const struct sk_poll_request *request, struct sk_poll *poll);
void sk_interests_sweep(struct sk_engine *engine);
/* With the engine, after its polls. */
void sk_interests_release(struct sk_engine *engine);

/* ---- plans.c --------------------------------------------------------------------------------- */

/* `fn` may come from inside the call when nothing has to be read. */
void sk_plans_by_digest(struct sk_engine *engine, const struct sk_digest *digest, sk_plan_fn *fn,
                        void *context);
/* Only finds the digest; the entry's plan may be NULL. */
void sk_plans_by_name(struct sk_engine *engine, struct sk_str id, struct sk_str version,
                      sk_plan_fn *fn, void *context);
void sk_plans_compiled(struct sk_engine *engine, struct sk_plan_entry *entry, sk_plan_fn *fn,
                       void *context);
struct sk_plan_entry *sk_plans_add(struct sk_engine *engine, const struct sk_digest *digest,
                                   struct sk_str id, struct sk_str version, bool is_latest,
                                   bool *out_is_new);
enum skald_status sk_plans_load(struct sk_engine *engine, const struct sk_rows *rows) SK_MUST_CHECK;
/* Some version of this id is defined, as far as this node knows. */
bool sk_plans_knows(struct sk_engine *engine, struct sk_str id);
/* As sk_engine_define; keeps_latest: what is the latest of its id stays so. definitions.c */
void sk_define(struct sk_engine *engine, struct sk_str source, struct sk_str file_name,
               bool keeps_latest, sk_define_reply_fn *done, void *context);
void sk_plans_release(struct sk_engine *engine);

/* ---- shard.c, recovery.c --------------------------------------------------------------------- */

void sk_shard_init(struct sk_shard *shard, struct sk_engine *engine, uint32_t index);
void sk_shard_take(struct sk_shard *shard);
void sk_shard_fence(struct sk_shard *shard, const char *why);
/* Nothing of it is out any more: forget it, and take it again if it is wanted. */
void sk_shard_drop(struct sk_shard *shard);
bool sk_shard_is_held(const struct sk_shard *shard);    /* LOADING, SERVING, DEGRADED */
bool sk_shard_is_serving(const struct sk_shard *shard); /* SERVING, DEGRADED */
bool sk_shard_may_send(const struct sk_shard *shard);
/* Monotonic µs from which on it may not, as the lease now is; 0 = for ever. */
int64_t sk_shard_send_until_us(const struct sk_shard *shard);
void sk_shard_give_back(struct sk_shard *shard);
struct sk_shard *sk_shard_of(struct sk_engine *engine, struct sk_str id);
struct sk_shard *sk_shard_at(struct sk_engine *engine, uint64_t hash); /* sk_hash_id of it */
void sk_recovery_start(struct sk_shard *shard);
void sk_recovery_check(struct sk_shard *shard);
void sk_recovery_continue(struct sk_shard *shard);
/* Brings this saga into memory unless it is there; false: out of memory. */
bool sk_recovery_load_head(struct sk_shard *shard, const struct sk_head *head);
void sk_shard_send_unsent(struct sk_shard *shard);
void sk_parked_init(struct sk_shard *shard);
void sk_parked_release(struct sk_shard *shard);
/* False: out of memory. */
bool sk_parked_add(struct sk_shard *shard, uint64_t no, int64_t wake_at_ms);

/* ---- removal.c, retention.c ------------------------------------------------------------------ */

typedef void sk_removed_fn(struct sk_engine *engine, void *context, bool is_removed);
/* By age: this saga, if it is still as its head says. False: not now, and `done` does not come. */
bool sk_removal_begin(struct sk_engine *engine, const struct sk_head *head, int64_t ended_before_ms,
                      sk_removed_fn *done, void *context);
/* A job of somebody who asked. */
bool sk_removal_can_run(const struct sk_machine *machine);
void sk_removal_run(struct sk_machine *machine, struct sk_waiter *waiter);
/* What its part must know of it. */
void sk_removal_describe(const struct sk_machine *machine, struct sk_item *item);
void sk_removal_done(struct sk_machine *machine);
/* The machine goes away, or is read anew. */
void sk_removal_forget(struct sk_machine *machine);
void sk_retention_init(struct sk_engine *engine);

/* ---- record.c, bulk.c ------------------------------------------------------------------------ */

/* `done` once it is durable, or can not be any more; may be NULL. Without memory, or when the shard
 * is not held, from inside the call. `done` may be in the middle of a commit's answer: what it asks
 * of the engine comes in a turn of its own. */
typedef void sk_record_done(struct sk_engine *engine, void *context, enum skald_status status);
void sk_record_put(struct sk_shard *shard, const struct sk_record_row *row, sk_record_done *done,
                   void *context);
/* The rows of a list of writes; NULL: only counts. */
uint32_t sk_records_fill(const struct sk_list *list, struct sk_record_row *rows);
/* Tells and frees each; engine NULL: only frees. */
void sk_records_end(struct sk_engine *engine, struct sk_list *list, enum skald_status status);
void sk_records_load(struct sk_shard *shard, const struct sk_rows *rows);
void sk_records_forget(struct sk_shard *shard);
/* False: it cannot be read. */
bool sk_bulk_load(struct sk_shard *shard, const struct sk_record_row *row);
void sk_bulks_forget(struct sk_shard *shard);
/* schedule.c: the same */
bool sk_schedule_load(struct sk_shard *shard, const struct sk_record_row *row);
void sk_schedules_forget(struct sk_shard *shard);

/* ---- sweep.c, stop.c, histogram.c ------------------------------------------------------------ */

void sk_sweep_init(struct sk_engine *engine);
void sk_stop_check(struct sk_engine *engine);
void sk_open_check(struct sk_engine *engine);
/* What is to be served cannot be read, and never will: the opening fails with this. False: nobody
 * waits for it, or not any more. */
bool sk_open_damaged(struct sk_engine *engine, const skald_error *error);
void sk_histogram_add(struct sk_histogram *histogram, int64_t us);
void sk_histogram_merge(struct sk_histogram *into, const struct sk_histogram *from);
uint64_t sk_histogram_at(const struct sk_histogram *histogram, double share);
/* The share's figures are those of this histogram. */
void sk_histogram_tell(const struct sk_histogram *histogram, struct sk_engine_stats *out_stats);

#endif
