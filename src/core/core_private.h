/* core_private.h: shared by the files of core/ only. */
#ifndef SK_CORE_PRIVATE_H
#define SK_CORE_PRIVATE_H

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "core/decide.h"
#include "core/retry.h"

/* ---- meanings of event fields that are small numbers ----------------------------------------- */

enum {
    SK_MARK_MAYBE_CLEARED = 1,
    SK_MARK_CHILD_FAILED = 2,
    SK_MARK_SECOND_POLICY = 4,
    SK_MARK_CLEAR_NO = 8
};
enum sk_skip_cause { SK_SKIP_CONDITION = 1, SK_SKIP_UNDO = 2, SK_SKIP_OPERATOR = 3 };
enum sk_undo_skip_cause {
    SK_UNDO_SKIP_NOT_DECLARED = 1,
    SK_UNDO_SKIP_ONLY_COMPLETED = 2, /* residue */
    SK_UNDO_SKIP_OPERATOR = 3,       /* residue */
    SK_UNDO_SKIP_UNSETTLED = 4       /* maybe, nothing declared, verify could not tell: failed */
};
enum sk_late_meaning {
    SK_LATE_RECORDED,
    SK_LATE_MAYBE_AGAIN,
    SK_LATE_UNDO_DUE,
    SK_LATE_REOPENS,
    SK_LATE_RESIDUE
};
enum { SK_HAPPENED = 1, SK_NOT_HAPPENED = 2 };
enum { SK_ALERT_WARNING = 0, SK_ALERT_CRITICAL = 1 };
enum { SK_ALERT_WISH_TIMEOUT = 1, SK_ALERT_TIMEOUT_SEEN = 2 };

/* ---- looking at a saga ----------------------------------------------------------------------- */

static inline const struct sk_step *sk_step_of(const struct sk_saga *saga, uint32_t step)
{
    return &saga->plan->steps[step];
}
static inline bool sk_step_is_foreach(const struct sk_step *step)
{
    return step->items != NULL;
}
/* Undoing the step is undoing its child saga. */
static inline bool sk_undoes_child(const struct sk_step *step)
{
    return step->kind == SK_KIND_SAGA && (step->compensation.type == SK_UNDO_NONE ||
                                          step->compensation.type == SK_UNDO_AUTOMATIC);
}
/* The unit of (step, item); NULL when there is none. item -1 is the only unit of a step without
 * foreach. */
static inline struct sk_unit *sk_saga_unit(const struct sk_saga *saga, uint32_t step, int32_t item)
{
    if (step >= saga->plan->steps_count) return NULL;
    const struct sk_step_run *run = &saga->steps[step];
    if (!sk_step_is_foreach(&saga->plan->steps[step])) return item == -1 ? &run->units[0] : NULL;
    return item >= 0 && (uint32_t)item < run->units_count ? &run->units[item] : NULL;
}
/* An attempt is due or on the wire, an answer is pending, or a verify runs: its outcome is still
 * open. */
static inline bool sk_unit_is_busy(const struct sk_unit *unit)
{
    return unit->state == SK_STEP_RUNNING || unit->state == SK_STEP_WAITING;
}
/* Done or maybe: the undoing covers it. */
bool sk_unit_may_have_happened(const struct sk_unit *unit);
static inline bool sk_call_is_busy(const struct sk_call *call)
{
    return call->state != SK_CALL_IDLE;
}
/* A stored request line can be taken apart: "METHOD target\n…". */
bool sk_line_is_whole(struct sk_str line);
struct sk_call *sk_unit_call(struct sk_unit *unit, enum sk_operation operation);
/* The step must succeed: recovery forward, or after a pivot that completed. */
bool sk_step_must_succeed(const struct sk_saga *saga, uint32_t step);
/* A pivot is in flight, pending or maybe: the direction is frozen. */
bool sk_saga_is_frozen(const struct sk_saga *saga);
/* Every unit's undo is settled (or there was nothing to undo). */
bool sk_step_undo_is_settled(const struct sk_saga *saga, uint32_t step);
/* Law 6: from when on its compensation or verify may start: every attempt answered (0), or the
 * latest deadline of the unanswered ones plus skew. */
static inline int64_t sk_unit_law6_at(const struct sk_unit *unit)
{
    return unit->unanswered_until_ms == 0 ? 0 : unit->unanswered_until_ms + SK_SKEW_ALLOWANCE_MS;
}
/* Does the undoing of this saga still owe this unit something? */
bool sk_unit_undo_is_settled(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit);

/* ---- deciding -------------------------------------------------------------------------------- */

/* One decide call. */
struct sk_turn {
    struct sk_saga *saga;
    const struct sk_rules *rules;
    struct sk_decision *decision;
    skald_error *error;
    int64_t now_ms;
    uint64_t entropy;
    uint64_t entropy_used;
    uint32_t attempt; /* `.attempt` of the limit being rendered, 0 = none */
    struct sk_scratch *scratch;
    uint64_t seq_before;      /* the saga's when the command came */
    bool failed;              /* out of memory */
    bool is_too_large;        /* see sk_turn_is_too_large */
    struct sk_str error_seen; /* `.error` of what is being rendered; empty = the saga's first */
};

/* rules->history_max: a saga that goes forward is suspended each time it has grown by so many
 * events more (the operator's resume grants the next ones). Undoing is never held back. */
void sk_suspend_when_long(struct sk_turn *turn);
/* An event of this unit with the columns filled in; item -1 for a step without foreach. */
struct sk_event sk_turn_event(const struct sk_turn *turn, enum sk_event_type type, uint32_t step,
                              int32_t item);
/* Encodes and keeps an event that is about to be folded; false: out of memory. */
bool sk_decision_keep(struct sk_decision *decision, const struct sk_event *event);
/* What the fold of the event kept last said: memory fails the decision; anything else is a bug, or
 * the fault of a history that was restored. */
void sk_decision_check(struct sk_decision *decision, enum skald_status status, bool is_restored);
/* Numbers, encodes, folds. */
void sk_turn_emit(struct sk_turn *turn, struct sk_event *event);
void sk_turn_message(struct sk_turn *turn, enum sk_message_kind kind, struct sk_str to,
                     struct sk_str body, uint32_t n);
void sk_turn_letter(struct sk_turn *turn, uint32_t step, int32_t item, const char *why);
void sk_turn_close_letter(struct sk_turn *turn, uint32_t step, int32_t item, uint64_t seq);

/* ---- letter.c -------------------------------------------------------------------------------- */

/* Of an event that is about to be folded: the letters it closes. */
void sk_letters_close(struct sk_turn *turn, const struct sk_event *event);
/* The same in the fold. */
void sk_letters_forget(struct sk_saga *saga, const struct sk_event *event);
/* After the state was read from bytes. */
void sk_letters_count(struct sk_saga *saga);
void sk_turn_alert(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t severity,
                   uint32_t flags, const char *code, struct sk_str message);
uint64_t sk_turn_entropy(struct sk_turn *turn);
/* Was anything rendered since the last call that is larger than its limit? It came out empty, and
 * must be refused: no memory of the engine's would ever let it pass. */
bool sk_turn_is_too_large(struct sk_turn *turn);
#define SK_TOO_LARGE SK_STR("what is to be sent is too large (4 MiB, headers 2 MiB) or too deep")

/* action.c */
void sk_action_start(struct sk_turn *turn, uint32_t step,
                     int32_t item); /* the first attempt of a unit */
void sk_action_again(struct sk_turn *turn, uint32_t step,
                     int32_t item); /* a retry or a delayed redrive that is due */
void sk_action_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                       const struct sk_outcome *outcome);
void sk_action_fail(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t class_,
                    uint32_t marks, struct sk_str code, struct sk_str message);
/* A clear no that no participant gave: a wait's time-out, a time that cannot be read. Fails, or
 * waits for a human where the step must succeed. */
void sk_action_refuse(struct sk_turn *turn, uint32_t step, int32_t item, struct sk_str code,
                      struct sk_str message);
void sk_action_complete(struct sk_turn *turn, uint32_t step, int32_t item, struct sk_str output,
                        struct sk_str signal);
/* What follows an attempt that is neither a success nor to be tried again: verify, park, or
 * fail. */
void sk_action_give_up(struct sk_turn *turn, uint32_t step, int32_t item,
                       const struct sk_outcome *outcome);
void sk_poll_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                     const struct sk_outcome *outcome);
/* The policy of the step with the start's narrowing. */
uint32_t sk_attempts_max(const struct sk_saga *saga, const struct sk_retry_policy *policy);
/* verify.c */
void sk_verify_start(struct sk_turn *turn, uint32_t step, int32_t item);
void sk_verify_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                       const struct sk_outcome *outcome);
/* Should a verify be asked of this unit now or later? */
bool sk_verify_is_wanted(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit);
/* undo.c */
void sk_undo_begin(struct sk_turn *turn, enum sk_reason reason, struct sk_str code,
                   struct sk_str message, bool is_forced);
void sk_undo_advance(struct sk_turn *turn);
/* One unit stops going forward: what flies is awaited (or, forced, abandoned), what pauses ends. */
void sk_undo_stop_unit(struct sk_turn *turn, uint32_t step, int32_t item, bool is_forced);
void sk_undo_skip(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_undo_skip_cause cause);
/* Every unit's item number: -1 for a step without foreach. */
static inline int32_t sk_item_of(const struct sk_step *step, uint32_t unit_index)
{
    return sk_step_is_foreach(step) ? (int32_t)unit_index : -1;
}
void sk_undo_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                     const struct sk_outcome *outcome);
void sk_undo_again(struct sk_turn *turn, uint32_t step, int32_t item, bool is_redrive);
void sk_undo_start(struct sk_turn *turn, uint32_t step, int32_t item);
/* A worker takes it, until then. */
void sk_undo_take(struct sk_turn *turn, const struct sk_command *command, int64_t deadline_ms);
int64_t sk_undo_wake_at(const struct sk_saga *saga);
/* Calls fn for every unit whose turn to be undone it is (U2), whether its undo has begun or not. */
typedef void sk_undo_unit_fn(void *context, uint32_t step, int32_t item);
void sk_undo_each_in_turn(const struct sk_saga *saga, sk_undo_unit_fn *fn, void *context);
/* advance.c */
void sk_tick(struct sk_turn *turn);
/* Tried until it is settled: it must succeed, or it is a pivot of which nobody knows. */
bool sk_unit_is_never_given_up(const struct sk_saga *saga, uint32_t step,
                               const struct sk_unit *unit);
/* When a timer of this unit is due: INT64_MAX = at no time. */
int64_t sk_unit_wake_at(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit);
void sk_advance(struct sk_turn *turn);
/* `left`: what a force-complete leaves, else empty. */
void sk_saga_finish(struct sk_turn *turn, enum sk_event_type type, enum sk_reason reason,
                    struct sk_str left);
/* message.c: locks */
void sk_locks_ask_next(struct sk_turn *turn);
void sk_locks_give_back(struct sk_turn *turn);
bool sk_locks_all_held(const struct sk_saga *saga);
/* Admitted, and the first key asked for: from here on lock_timeout bounds the waiting. */
bool sk_locks_are_asked(const struct sk_saga *saga);
/* message.c: children */
enum skald_status sk_message_receive(struct sk_turn *turn, const struct sk_message *message);
void sk_child_start(struct sk_turn *turn, uint32_t step, int32_t item, struct sk_str input);
void sk_child_tell(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_message_kind kind);
void sk_parent_tell(struct sk_turn *turn, bool is_left_undone);
/* Appends the id of the child saga of this step (and item) in this round. */
void sk_child_id(const struct sk_saga *saga, uint32_t step, int32_t item, uint32_t round,
                 struct sk_buf *out);
/* The body of a CHILD_ENDED that no child has sent: for rehearse.c. */
void sk_child_end_encode(enum sk_saga_state state, uint32_t step, int32_t item, uint32_t round,
                         struct sk_buf *out);
/* late.c */
void sk_late_answer(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t attempt,
                    uint32_t round, const struct sk_outcome *outcome);
/* task.c */
bool sk_is_task(const struct sk_action *action);
bool sk_call_is_offered(const struct sk_call *call); /* waits for a worker */
bool sk_call_is_leased(const struct sk_call *call);  /* a worker has it */
void sk_task_offer(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_operation operation);
enum skald_status sk_task_take(struct sk_turn *turn, const struct sk_command *command);
enum skald_status sk_task_heartbeat(struct sk_turn *turn, const struct sk_command *command);
/* hook.c */
const struct sk_hooks *sk_hooks_at(const struct sk_plan *plan, enum sk_hook_on on, uint32_t step);
uint32_t sk_hooks_open(const struct sk_saga *saga);
bool sk_hooks_are_flying(const struct sk_saga *saga);
int64_t sk_hooks_wake_at(const struct sk_saga *saga);
void sk_hooks_react(const struct sk_saga *saga, uint64_t after_seq, uint64_t upto_seq,
                    sk_effect_fn *fn, void *context);
/* The flying call that this event made due; its key is appended. */
const struct sk_call *sk_hook_call(const struct sk_saga *saga, uint64_t start_seq,
                                   const struct sk_hook **out_hook, struct sk_buf *key);
/* Starts what is wanted or due again. */
void sk_hooks_advance(struct sk_turn *turn);
void sk_hook_outcome(struct sk_turn *turn, uint64_t start_seq, const struct sk_outcome *outcome);
void sk_hooks_recover(struct sk_turn *turn);
/* recover.c */
void sk_recover(struct sk_turn *turn);
/* operate.c */
/* A failed saga goes on undoing: exactly the compensations that are open. */
void sk_saga_reopen(struct sk_turn *turn, const struct sk_command *command);
enum skald_status sk_operate(struct sk_turn *turn, const struct sk_command *command);
/* request.c: the resolved request, in the turn's scratch memory: fills event->extra (line) and
 * event->body. */
void sk_request_resolve(struct sk_turn *turn, const struct sk_action *action,
                        enum sk_operation operation, struct sk_event *event);
/* A notification as a channel gets it: "TYPE target\n" and a JSON object. */
void sk_request_notification(struct sk_turn *turn, const struct sk_hook *hook,
                             struct sk_event *event);
/* {"step","code","message"}, in the turn's scratch memory. */
struct sk_str sk_error_json(struct sk_turn *turn, uint32_t step, struct sk_str code,
                            struct sk_str message);
/* `action` NULL: the default limit of an attempt. */
int64_t sk_hook_deadline(struct sk_turn *turn, const struct sk_action *action,
                         const struct sk_event *event);
struct sk_scope_context {
    struct sk_turn *turn;
    uint32_t step;
    int32_t item;
    struct sk_str response, variables;
};
struct sk_scope sk_scope_of(const struct sk_scope_context *context);
/* Renders a template to text in the turn's scratch memory. */
struct sk_str sk_render_text(struct sk_turn *turn, const struct sk_template *template,
                             uint32_t step, int32_t item);
struct sk_str sk_render_document(struct sk_turn *turn, const struct sk_document *document,
                                 uint32_t step, int32_t item);
bool sk_condition_holds(struct sk_turn *turn, const struct sk_condition *condition, uint32_t step,
                        int32_t item, struct sk_str response);
/* The limit of the attempt that `event` begins, as an absolute deadline. */
int64_t sk_deadline_of(struct sk_turn *turn, const struct sk_event *event,
                       enum sk_operation operation);

#endif
