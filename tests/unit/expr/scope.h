/*
 * scope.h: the world that the tests of expr/ look at: three steps, a foreach variable, one JSON
 * object whose members are the roots.
 */
#ifndef SKT_EXPR_SCOPE_H
#define SKT_EXPR_SCOPE_H

#include "expr/expr.h"

/* Steps create-order, check-stock, 3ds_auth; item "supplier"; all roots but `response` allowed. */
extern const struct sk_names skt_names;
/* The same with no steps, no item and no root. */
extern const struct sk_names skt_no_names;
extern const struct sk_scope skt_scope;

#endif
