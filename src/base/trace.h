/*
 * trace.h: trace contexts of the W3C (the header `traceparent`), as far as they are passed on: a
 * text "00-<trace id>-<span id>-<flags>" and the one of a child span, derived from what the child
 * is, so that it is the same at every replay. Pure.
 */
#ifndef SK_BASE_TRACE_H
#define SK_BASE_TRACE_H

#include "base/str.h"

enum { SK_TRACEPARENT_SIZE = 55 };

/* Version 00 (or a later one of the same form), no id of zeros, lower case. */
bool sk_traceparent_is_sound(struct sk_str text);
/* The parent's trace and flags with the child's own span id: a hash of its name (the idempotency
 * key) and its number (the attempt). `parent` is sound. Writes a NUL. */
void sk_traceparent_child(struct sk_str parent, struct sk_str name, uint32_t number,
                          char out[SK_TRACEPARENT_SIZE + 1]);

#endif
