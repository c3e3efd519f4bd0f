/* dry_run.h: what the parts of a dry run share. Private to dsl/. */
#ifndef SK_DSL_DRY_RUN_H
#define SK_DSL_DRY_RUN_H

#include "base/json.h"
#include "dsl/dsl.h"

struct sk_dry_step {
    bool is_skipped;
    struct sk_str request; /* JSON; empty = none */
    uint32_t items_count;  /* foreach; 1 otherwise */
    bool is_count_known;
    int64_t worst_ms; /* of the action, all attempts and pauses */
};

struct sk_dry_run {
    const struct sk_plan *plan;
    struct sk_arena arena;
    struct sk_str input; /* checked JSON */
    struct sk_dry_step *steps;
    uint32_t *execution, execution_count;
    uint32_t *compensation, compensation_count;
    uint32_t fail_step; /* SK_STEP_NONE = none */
    bool is_fail_maybe;
    int64_t forward_ms, undo_ms;
    struct sk_buf warnings; /* one a line */
};

void sk_dry_warn(struct sk_dry_run *run, const char *format, ...) SK_PRINTF(2, 3);
/* Conditions and requests; fills is_skipped, request and items_count. */
void sk_dry_resolve(struct sk_dry_run *run);
/* Fills worst_ms, forward_ms and undo_ms; after the orders are known. */
void sk_dry_measure(struct sk_dry_run *run);
void sk_dry_print_json(struct sk_dry_run *run, struct sk_buf *out);
void sk_dry_print_text(struct sk_dry_run *run, struct sk_buf *out);

#endif
