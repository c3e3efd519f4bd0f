/*
 * json_private.h: what the json_*.c files share: characters of checked strings, decoded one by one
 * without a buffer, and the members of an object in the order of their names.
 */
#ifndef SK_BASE_JSON_PRIVATE_H
#define SK_BASE_JSON_PRIVATE_H

#include "base/json.h"
#include "base/word.h"

static inline bool sk_json_is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
/* What is between the quotes of a trimmed string span. */
static inline struct sk_str sk_json_inside(struct sk_str string_span)
{
    return string_span.size >= 2 ? (struct sk_str){ string_span.data + 1, string_span.size - 2 }
                                 : (struct sk_str){ NULL, 0 };
}
/* Behind the closing quote, or `end`; `at` is at the opening one. */
static inline const char *sk_json_string_end(const char *at, const char *end)
{
    for (at += 1;;) {
        uint64_t mask = 0;
        for (; mask == 0 && end - at >= (ptrdiff_t)sizeof(uint64_t); at += sizeof(uint64_t)) {
            uint64_t word = sk_word_at(at);
            mask = sk_word_equal(word, '"') | sk_word_equal(word, '\\');
        }
        if (mask != 0) at = at - sizeof(uint64_t) + sk_word_first(mask);
        while (at < end && *at != '"' && *at != '\\') at++;
        if (at == end) return end;
        if (*at == '"') return at + 1;
        at += end - at > 1 ? 2 : 1; /* with the escaped byte */
    }
}
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
