/* base64.h: bytes as text in JSON files: RFC 4648, section 4, with padding. */
#ifndef SK_BASE_BASE64_H
#define SK_BASE_BASE64_H

#include "base/buf.h"

void sk_base64_encode(struct sk_str bytes, struct sk_buf *out);
/* Appends the bytes; false: the text is not base64 (or memory is out: out->failed). */
bool sk_base64_decode(struct sk_str text, struct sk_buf *out) SK_MUST_CHECK;

#endif
