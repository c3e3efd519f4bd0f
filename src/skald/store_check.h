/*
 * store_check.h: judges the rows of a store one after the other: definitions first, then each head
 * with its events, which are folded and compared with it. Knows no back-end. The functions fit
 * struct sk_sqlite_scan.
 */
#ifndef SK_SKALD_STORE_CHECK_H
#define SK_SKALD_STORE_CHECK_H

#include "core/decide.h"
#include "skald/store_tools.h"
#include "store/store.h"

struct sk_checked_plan;

struct sk_store_checker {
    struct sk_store_report *report;
    struct sk_checked_plan *plans; /* by digest */
    struct sk_arena arena;         /* texts of the present head */
    struct sk_head head;
    bool is_folding; /* nothing has been wrong with this head so far */
    struct sk_saga saga;
    struct sk_lock lock;
    bool is_out_of_memory;
};

void sk_store_checker_init(struct sk_store_checker *checker, struct sk_store_report *report);
void sk_store_checker_release(struct sk_store_checker *checker);
/* `context` is the checker. */
void sk_store_checker_problem(void *context, const char *text);
void sk_store_checker_definition(void *context, const struct sk_definition_row *row);
void sk_store_checker_head(void *context, const struct sk_head *head);
void sk_store_checker_event(void *context, const struct sk_event_row *row);
void sk_store_checker_end(void *context);

#endif
