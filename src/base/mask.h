/*
 * mask.h: values that must not be seen: the members of JSON whose names stand in a list, and the
 * headers and query parameters of a request of such names. A name masks every member called so, at
 * any depth; `customer.card.number` only where these names end the path (elements of arrays add
 * nothing to it). Letters are compared without case. What is stored is never masked.
 */
#ifndef SK_BASE_MASK_H
#define SK_BASE_MASK_H

#include "base/buf.h"

#define SK_MASK_TEXT "***"

struct sk_mask {
    const char *const *names;
    size_t names_count; /* 0 = nothing is masked */
};

/* Checked JSON with "***" in the place of what is masked. */
void sk_json_mask(const struct sk_mask *mask, struct sk_str json, struct sk_buf *out);
/* An edit comes back from where it was shown masked: each masked member that still is "***" gets
 * the value that `original` has in its place. */
void sk_json_unmask(const struct sk_mask *mask, struct sk_str edited, struct sk_str original,
                    struct sk_buf *out);
/* "POST http://host/path?card=4111\nX-Card: 4111\n": values of queries and headers. */
void sk_mask_request(const struct sk_mask *mask, struct sk_str lines, struct sk_buf *out);

#endif
