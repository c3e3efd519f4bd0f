/*
 * preview.h: what a cancel or force-cancel would do: whether it is accepted, what is awaited first,
 * what is undone in which order, what is not. Pure: the saga is only looked at. It is rehearsed
 * with the rules themselves (rehearse.h), so refusal and order are those of decide.
 *
 * The future is not known, so the preview takes the case with the most to undo: every attempt that
 * is awaited succeeds, every question whether a step happened is answered yes, and every
 * compensation succeeds.
 */
#ifndef SK_CORE_PREVIEW_H
#define SK_CORE_PREVIEW_H

#include "core/decide.h"

#define SK_PREVIEW_MAP(X)                                                                       \
    X(UNDO, "undo")                                                                             \
    X(ASK, "ask")             /* nothing declared and maybe: its participant is asked */        \
    X(NOTHING, "nothing")     /* no compensation is declared, or `skip`: it counts as undone */ \
    X(RESIDUE, "residue")     /* left standing: `when: completed` */                            \
    X(UNSETTLED, "unsettled") /* maybe and nothing declared: the saga ends failed */            \
    X(CHILD, "child")         /* undoing its child saga undoes it */                            \
    X(REPAIR, "repair")       /* its child saga failed and must be repaired */

enum sk_preview_what {
#define X(name, text) SK_PREVIEW_##name,
    SK_PREVIEW_MAP(X)
#undef X
        SK_PREVIEW_WHATS_COUNT
};
const char *sk_preview_what_name(enum sk_preview_what what);

enum { SK_PREVIEW_ROWS_MAX = 1000 };

struct sk_preview_row {
    uint32_t step;
    int32_t item;
    enum sk_preview_what what; /* undone rows */
    bool is_maybe;             /* it may have happened */
    bool is_in_flight;         /* only if the attempt that is awaited succeeds */
    uint32_t turn;             /* from 1; rows of the same turn are undone at the same time */
    int64_t until_ms;          /* awaited rows: the attempt's deadline, 0 = none */
};

struct sk_preview {
    struct sk_arena arena;
    enum skald_status status; /* what decide would say */
    skald_error error;        /* why not, when it is refused */
    bool is_pending;          /* accepted and decided only when the pivot is settled */
    enum sk_saga_state end;   /* as which it would end; 0 = that was not reached */
    struct sk_preview_row *awaited;
    uint32_t awaited_count;
    struct sk_preview_row *rows; /* in the order of the undoing */
    uint32_t rows_count;
    bool is_cut; /* there is more than SK_PREVIEW_ROWS_MAX, or than is worth the time */
};

/* kind: SK_COMMAND_CANCEL or SK_COMMAND_FORCE_CANCEL. False: out of memory. Release in any case. */
bool sk_saga_preview(const struct sk_saga *saga, enum sk_command_kind kind,
                     bool is_past_pivot_allowed, int64_t now_ms, const struct sk_rules *rules,
                     struct sk_preview *out) SK_MUST_CHECK;
void sk_preview_release(struct sk_preview *preview);
/* {accepted, detail, pending, ends, awaited: [ … ], undone: [ … ], truncated} */
void sk_preview_json(const struct sk_preview *preview, const struct sk_plan *plan,
                     struct sk_buf *out);

#endif
