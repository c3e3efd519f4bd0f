/* fold.h: the fold of one event, shared by evolve.c and its parts. Nothing else includes it. */
#ifndef SK_CORE_FOLD_H
#define SK_CORE_FOLD_H

#include "core/core_private.h"

struct fold {
    struct sk_saga *saga;
    const struct sk_event *event;
    struct sk_step_run *run; /* of event->step, or NULL */
    struct sk_unit *unit;    /* of (step, item), or NULL */
    const struct sk_step *step;
    bool bad; /* this event cannot follow */
};

/* fold.c: the moves that all parts make. */
struct sk_str sk_fold_keep(struct fold *f, struct sk_str s); /* a copy in the saga's arena */
void sk_fold_move(struct fold *f, enum sk_step_state to);
void sk_fold_error(struct fold *f); /* the unit's error is the event's */
void sk_fold_fly(struct fold *f, struct sk_call *call);
/* A worker has it: until the event's deadline. */
void sk_fold_lease(struct fold *f, struct sk_call *call);
void sk_fold_land(struct sk_call *call);
void sk_fold_pause(struct sk_call *call, enum sk_call_state state, uint32_t what,
                   int64_t due_at_ms);

/* fold_step.c */
void sk_fold_step_started(struct fold *f);
void sk_fold_completed(struct fold *f);
void sk_fold_failed(struct fold *f);
void sk_fold_unknown(struct fold *f);
void sk_fold_retrying(struct fold *f);
void sk_fold_redriven(struct fold *f);
void sk_fold_waiting(struct fold *f);
void sk_fold_skipped(struct fold *f);
void sk_fold_late(struct fold *f);
void sk_fold_verify(struct fold *f);

/* fold_hook.c */
/* The event being folded calls for these hooks of its step, or of the saga. */
void sk_fold_want_hooks(struct fold *f, enum sk_hook_on on);
void sk_fold_hook(struct fold *f);

/* fold_undo.c */
void sk_fold_undo_started(struct fold *f);
void sk_fold_undo_completed(struct fold *f);
void sk_fold_undo_failed(struct fold *f);
void sk_fold_undo_unknown(struct fold *f);
void sk_fold_undo_retrying(struct fold *f);
void sk_fold_undo_skipped(struct fold *f);
/* A foreach's own state, once the undo of all its units is settled: by a compensation's event, or
 * by the end of an attempt that was awaited. Where nothing was undone it stays what it was. */
void sk_fold_settle_undo(struct fold *f);
/* The same where nothing more of it is undone, whatever is open. */
void sk_fold_conclude_list(struct sk_step_run *run);
void sk_fold_undo_waiting(struct fold *f);

#endif
