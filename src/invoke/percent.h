/*
 * percent.h: a text as one segment of a path or one value of a query: every byte that is not
 * unreserved (RFC 3986, 2.3) is percent-encoded, so no value breaks out of its place. Templates of
 * addresses do the same for themselves (core/request.c), where references to secrets stay whole.
 */
#ifndef SK_INVOKE_PERCENT_H
#define SK_INVOKE_PERCENT_H

#include "base/buf.h"

static inline void sk_percent_append(struct sk_buf *out, struct sk_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            sk_buf_append_char(out, (char)c);
            continue;
        }
        sk_buf_append_char(out, '%');
        sk_buf_append_char(out, hex[c >> 4]);
        sk_buf_append_char(out, hex[c & 15]);
    }
}

#endif
