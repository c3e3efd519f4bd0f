/*
 * json_private.h: what the json_*.c files share: characters of checked strings, decoded one by one
 * without a buffer, and the members of an object in the order of their names.
 */
#ifndef SK_BASE_JSON_PRIVATE_H
#define SK_BASE_JSON_PRIVATE_H

#include "base/json.h"

/* What is between the quotes of a trimmed string span. */
struct sk_str sk_json_inside(struct sk_str string_span);
/* Takes one character (an escape, a pair of surrogate escapes, or plain bytes) off the raw text of
 * a checked string and gives its UTF-8; returns its size, 0 at the end. */
size_t sk_json_take_char(struct sk_str *raw, char out[4]);
/* Order of two raw texts by the bytes of what they mean. */
int sk_json_raw_compare(struct sk_str a, struct sk_str b);
/* Does raw text mean `text`? */
bool sk_json_raw_is(struct sk_str raw, struct sk_str text);
/* Appends raw text of a checked string again with the least escapes, without quotes. */
void sk_json_requote(struct sk_buf *out, struct sk_str raw);

/* Appends the shortest number that reads back; null for infinities and NaN. */
void sk_json_append_double(struct sk_buf *out, double value);

struct sk_json_entry {
    struct sk_str name; /* raw */
    struct sk_str value;
};
/* Members sorted by name, the last of duplicates kept. Few need no memory. */
enum { SK_JSON_FEW = 16 };
struct sk_json_index {
    struct sk_json_entry *entries; /* few, or allocated */
    size_t count;
    struct sk_json_entry few[SK_JSON_FEW];
};
/* False when out of memory. The caller releases it with sk_json_index_release. */
bool sk_json_index_init(struct sk_json_index *index, struct sk_str object) SK_MUST_CHECK;
void sk_json_index_release(struct sk_json_index *index);

#endif
