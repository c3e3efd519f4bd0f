/* trace.c: see trace.h. */
#include "base/trace.h"

#include "base/hash.h"

#include <stdio.h>

enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

static bool is_hex(struct sk_str text, size_t from, size_t size, bool may_be_zero)
{
    bool is_zero = true;
    for (size_t i = from; i < from + size; i++) {
        char c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
        is_zero = is_zero && c == '0';
    }
    return may_be_zero || !is_zero;
}

bool sk_traceparent_is_sound(struct sk_str text)
{
    if (text.size != SK_TRACEPARENT_SIZE) return false;
    bool has_dashes = text.data[TRACE_AT - 1] == '-' && text.data[SPAN_AT - 1] == '-' &&
                      text.data[FLAGS_AT - 1] == '-';
    bool is_forbidden = text.data[0] == 'f' && text.data[1] == 'f';
    return has_dashes && !is_forbidden && is_hex(text, 0, 2, true) &&
           is_hex(text, TRACE_AT, 32, false) && is_hex(text, SPAN_AT, 16, false) &&
           is_hex(text, FLAGS_AT, 2, true);
}

void sk_traceparent_child(struct sk_str parent, struct sk_str name, uint32_t number,
                          char out[SK_TRACEPARENT_SIZE + 1])
{
    uint64_t span = sk_mix(sk_hash_id(name) ^ sk_hash_id(parent), number);
    if (span == 0) span = 1;
    (void)snprintf(out, SK_TRACEPARENT_SIZE + 1, "00-%.32s-%016llx-%.2s", parent.data + TRACE_AT,
                   (unsigned long long)span, parent.data + FLAGS_AT);
}
