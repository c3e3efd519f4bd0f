/* str.h: a borrowed piece of text or bytes: pointer and size, not NUL-terminated. */
#ifndef SK_BASE_STR_H
#define SK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sk_str {
    const char *data; /* may be NULL only while size is 0 */
    size_t size;
};

#define SK_STR(literal) ((struct sk_str){ (literal), sizeof(literal) - 1 })
/* For printf: "%.*s", SK_STR_ARGS(s) */
#define SK_STR_ARGS(s) ((int)(s).size), ((s).size > 0 ? (s).data : "")

static inline struct sk_str sk_str_of(const char *text)
{
    return (struct sk_str){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool sk_str_equal(struct sk_str a, struct sk_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool sk_str_is(struct sk_str a, const char *text)
{
    return sk_str_equal(a, sk_str_of(text));
}

/* Byte order, as memcmp; a prefix is less. */
int sk_str_compare(struct sk_str a, struct sk_str b);
bool sk_str_starts(struct sk_str s, struct sk_str prefix);
/* Index of the first `c`, or s.size. */
static inline size_t sk_str_find(struct sk_str s, char c)
{
    const char *found = s.size > 0 ? (const char *)memchr(s.data, c, s.size) : NULL;
    return found != NULL ? (size_t)(found - s.data) : s.size;
}

static inline struct sk_str sk_str_sub(struct sk_str s, size_t from, size_t size)
{
    if (from >= s.size) return (struct sk_str){ s.size > 0 ? s.data + s.size : s.data, 0 };
    size_t room = s.size - from;
    return (struct sk_str){ s.data + from, size < room ? size : room };
}

/* Without ASCII white space at both ends. */
struct sk_str sk_str_trim(struct sk_str s);
/* Strict decimal, whole text: false on anything else or overflow. */
bool sk_str_to_u64(struct sk_str s, uint64_t *out_value);
bool sk_str_to_i64(struct sk_str s, int64_t *out_value);
/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms, ≤ U+10FFFF). */
bool sk_utf8_valid(struct sk_str s);
/* Size of the valid sequence at the start of s (1–4), or 0 when there is none. */
size_t sk_utf8_sequence(struct sk_str s);
/* The candidate nearest to `word` by edit distance, or -1 when none is near enough to suggest. */
int sk_str_nearest(struct sk_str word, const char *const *candidates, size_t candidates_count);

#endif
