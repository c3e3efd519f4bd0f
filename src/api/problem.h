/*
 * problem.h: what went wrong, as application/problem+json (RFC 9457), and the one table from a
 * status of the engine to a status of HTTP.
 */
#ifndef SK_API_PROBLEM_H
#define SK_API_PROBLEM_H

#include "dsl/dsl.h"

struct sk_problem {
    int status;                               /* HTTP */
    const char *slug;                         /* type is "/problems/<slug>" */
    const char *title;                        /* the same for all problems of a type */
    struct sk_str detail;                     /* what is wrong, here */
    struct sk_str remedy;                     /* what would be right */
    const char *code;                         /* "SKALD_E_STATE"; NULL = none */
    uint32_t line, column;                    /* in the body; 0 = none */
    const struct sk_diagnostics *diagnostics; /* of a definition; NULL = none */
    struct sk_str violations;                 /* of an input, as JSON; empty = none */
    int64_t retry_after_ms;                   /* 0 = none */
};

/* By HTTP status alone: slug and title from the table, the rest empty. */
struct sk_problem sk_problem_http(int status, struct sk_str detail, struct sk_str remedy);
/* By a status of the engine; the detail is borrowed from `error`, if there is one. */
struct sk_problem sk_problem_of(enum skald_status status, const skald_error *error);
/* "Not Found" for 404. */
const char *sk_problem_reason(int http_status);

void sk_problem_write(const struct sk_problem *problem, struct sk_buf *out);

#endif
