/*
 * scope.h: the world that expressions and templates look at in their fuzzers: three steps, a
 * foreach variable, and one JSON object whose members are the roots. It watches what is looked at.
 */
#ifndef SKALD_FUZZ_SCOPE_H
#define SKALD_FUZZ_SCOPE_H

#include "expr/expr.h"

struct fuzz_scope {
    struct sk_scope port;       /* its context is this struct */
    struct sk_str world;        /* checked JSON */
    const struct sk_refs *refs; /* nothing else may be looked at */
};
extern const struct sk_names fuzz_names;
/* `world` is taken when it is an object; else there is one to go with. */
void fuzz_scope_init(struct fuzz_scope *scope, struct sk_str world);
/* A compile error: within the text, with words. */
void fuzz_check_expr_error(enum skald_status status, const struct sk_expr_error *error,
                           size_t text_size);

#endif
