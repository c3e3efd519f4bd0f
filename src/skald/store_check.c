/* store_check.c: see store_check.h. */
#include "skald/store_check.h"

#include "dsl/dsl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct sk_checked_plan {
    struct sk_checked_plan *next;
    struct sk_digest digest;
    struct sk_plan *plan;
};

void sk_store_checker_init(struct sk_store_checker *checker, struct sk_store_report *report)
{
    *checker = (struct sk_store_checker){ .report = report };
    sk_arena_init(&checker->arena);
}

void sk_store_checker_release(struct sk_store_checker *checker)
{
    while (checker->plans != NULL) {
        struct sk_checked_plan *plan = checker->plans;
        checker->plans = plan->next;
        sk_plan_free(plan->plan);
        sk_free(plan);
    }
    sk_arena_release(&checker->arena);
}

void sk_store_checker_problem(void *context, const char *text)
{
    struct sk_store_checker *checker = context;
    checker->report->problems += 1;
    checker->report->problem(checker->report->context, text);
}

static void complain(struct sk_store_checker *checker, const char *format, ...) SK_PRINTF(2, 3);
static void complain(struct sk_store_checker *checker, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sk_store_checker_problem(checker, text);
}

/* ---- definitions ----------------------------------------------------------------------------- */

static const struct sk_plan *plan_of(const struct sk_store_checker *checker,
                                     const struct sk_digest *digest)
{
    const struct sk_checked_plan *plan = checker->plans;
    while (plan != NULL && !sk_digest_equal(&plan->digest, digest)) plan = plan->next;
    return plan == NULL ? NULL : plan->plan;
}

void sk_store_checker_definition(void *context, const struct sk_definition_row *row)
{
    struct sk_store_checker *checker = context;
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { 0 };
    struct sk_plan *plan = NULL;
    checker->report->definitions += 1;
    struct sk_digest digest = sk_digest_of(row->source);
    if (!sk_digest_equal(&digest, &row->digest)) {
        complain(checker, "definition %.*s %.*s: its source has another digest",
                 SK_STR_ARGS(row->id), SK_STR_ARGS(row->version));
    }
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(row->source, &options, &plan, NULL, &diagnostics);
    sk_diagnostics_release(&diagnostics);
    if (status == SKALD_E_MEMORY) checker->is_out_of_memory = true;
    if (status != SKALD_OK) {
        complain(checker, "definition %.*s %.*s: this build cannot read it: %s",
                 SK_STR_ARGS(row->id), SK_STR_ARGS(row->version), skald_status_text(status));
        return;
    }
    struct sk_checked_plan *checked = sk_alloc(sizeof *checked);
    if (checked == NULL) {
        checker->is_out_of_memory = true;
        sk_plan_free(plan);
        return;
    }
    *checked = (struct sk_checked_plan){ checker->plans, row->digest, plan };
    checker->plans = checked;
}

/* ---- sagas and locks ------------------------------------------------------------------------- */

void sk_store_checker_head(void *context, const struct sk_head *head)
{
    struct sk_store_checker *checker = context;
    sk_arena_clear(&checker->arena);
    checker->head = *head;
    checker->head.id = sk_arena_copy(&checker->arena, head->id);
    checker->head.space = sk_arena_copy(&checker->arena, head->space);
    checker->head.business_key = sk_arena_copy(&checker->arena, head->business_key);
    checker->head.parent = sk_arena_copy(&checker->arena, head->parent);
    const struct sk_plan *plan = head->is_lock ? NULL : plan_of(checker, &head->definition);
    *(head->is_lock ? &checker->report->locks : &checker->report->sagas) += 1;
    checker->is_folding = head->is_lock ? sk_lock_init(&checker->lock, checker->head.id)
                                        : plan != NULL && sk_saga_init(&checker->saga, plan);
    bool is_short = checker->arena.failed || (!checker->is_folding && (head->is_lock || plan));
    if (is_short) checker->is_out_of_memory = true; /* a definition that is missing was told */
}

static void stop_folding(struct sk_store_checker *checker)
{
    if (!checker->is_folding) return;
    if (checker->head.is_lock) {
        sk_lock_release(&checker->lock);
    } else {
        sk_saga_release(&checker->saga);
    }
    checker->is_folding = false;
}

void sk_store_checker_event(void *context, const struct sk_event_row *row)
{
    struct sk_store_checker *checker = context;
    checker->report->events += 1;
    if (!checker->is_folding) return;
    struct sk_event event = { .seq = row->seq,
                              .at_ms = row->at_ms,
                              .type = (enum sk_event_type)row->type,
                              .step = row->step,
                              .item = row->item,
                              .attempt = row->attempt,
                              .round = row->round };
    enum skald_status status = SKALD_E_VERSION;
    if (!checker->head.is_lock) {
        status = sk_saga_restore(&checker->saga, &event, row->data);
    } else if (sk_event_type_known(row->type)) {
        status = sk_event_read(row->data, &event) ? sk_lock_evolve(&checker->lock, &event)
                                                  : SKALD_E_CORRUPT;
    }
    if (status == SKALD_OK) return;
    if (status == SKALD_E_MEMORY) checker->is_out_of_memory = true;
    complain(checker, "%.*s: event %" PRIu64 " (%s) cannot be folded: %s",
             SK_STR_ARGS(checker->head.id), row->seq,
             sk_event_type_known(row->type) ? sk_event_type_name(event.type) : "unknown",
             skald_status_text(status));
    stop_folding(checker);
}

static void compare(struct sk_store_checker *checker, const char *name, int64_t head, int64_t fold)
{
    if (head == fold) return;
    complain(checker, "%.*s: %s is %" PRId64 " in its head, but its events say %" PRId64,
             SK_STR_ARGS(checker->head.id), name, head, fold);
}

static void compare_text(struct sk_store_checker *checker, const char *name, struct sk_str head,
                         struct sk_str fold)
{
    if (sk_str_equal(head, fold)) return;
    complain(checker, "%.*s: %s is '%.*s' in its head, but its events say '%.*s'",
             SK_STR_ARGS(checker->head.id), name, SK_STR_ARGS(head), SK_STR_ARGS(fold));
}

static void compare_saga(struct sk_store_checker *checker)
{
    const struct sk_saga *saga = &checker->saga;
    const struct sk_head *head = &checker->head;
    compare_text(checker, "the id", head->id, saga->start.id);
    compare_text(checker, "the state",
                 sk_str_of(sk_saga_state_name((enum sk_saga_state)head->state)),
                 sk_str_of(sk_saga_state_name(sk_saga_shown_state(saga))));
    compare_text(checker, "the namespace", head->space, saga->start.space);
    compare_text(checker, "the business key", head->business_key, saga->start.business_key);
    compare_text(checker, "the parent", head->parent, saga->start.parent);
    compare(checker, "the number of the last event", (int64_t)head->seq, (int64_t)saga->seq);
    compare(checker, "the reason", head->reason, (int64_t)saga->reason);
    compare(checker, "the residue", head->has_residue ? 1 : 0, saga->residue_count > 0 ? 1 : 0);
    compare(checker, "what is open", head->open, sk_saga_open(saga));
    compare(checker, "the priority", head->priority, saga->start.priority);
    compare(checker, "the deadline", head->deadline_ms, saga->deadline_ms);
    compare(checker, "the creation", head->created_at_ms, saga->created_at_ms);
    compare(checker, "the last change", head->updated_at_ms, saga->at_ms);
    compare(checker, "the end", head->ended_at_ms, saga->ended_at_ms);
}

void sk_store_checker_end(void *context)
{
    struct sk_store_checker *checker = context;
    if (!checker->is_folding) return;
    if (checker->head.is_lock) {
        compare(checker, "the number of the last event", (int64_t)checker->head.seq,
                (int64_t)checker->lock.seq);
    } else {
        compare_saga(checker);
    }
    stop_folding(checker);
}
