/*
 * buf.h: a growable byte string with sticky failure.
 *
 *   - size <= capacity; data may be NULL only while capacity is 0.
 *   - The first append that cannot be done (memory, ceiling) sets `failed` and changes nothing;
 *     later appends do nothing. The owner checks `failed` once, at the end.
 *   - While there is memory, capacity > size, and capacity <= size_max + 1 when there is a ceiling.
 *   - The caller owns the struct; release frees what it holds. Not thread safe.
 */
#ifndef SK_BASE_BUF_H
#define SK_BASE_BUF_H

#include "base/error.h"
#include "base/str.h"

struct sk_buf {
    char *data;
    size_t size, capacity;
    size_t size_max; /* 0 = no ceiling */
    bool failed;
    bool is_full; /* failed at its ceiling (or another limit), not for want of memory */
};

void sk_buf_init(struct sk_buf *buf, size_t size_max);
void sk_buf_release(struct sk_buf *buf);
void sk_buf_clear(struct sk_buf *buf);
/* Where there is no room yet. */
void sk_buf_append_slowly(struct sk_buf *buf, const void *bytes, size_t size);
static inline void sk_buf_append(struct sk_buf *buf, const void *bytes, size_t size)
{
    if (size == 0) return;
    if (buf->failed || size >= buf->capacity - buf->size) {
        sk_buf_append_slowly(buf, bytes, size);
        return;
    }
    memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
}
static inline void sk_buf_append_str(struct sk_buf *buf, struct sk_str s)
{
    sk_buf_append(buf, s.data, s.size);
}
static inline void sk_buf_append_text(struct sk_buf *buf, const char *text)
{
    sk_buf_append(buf, text, strlen(text));
}
static inline void sk_buf_append_char(struct sk_buf *buf, char c)
{
    if (buf->failed || buf->capacity - buf->size < 2) {
        sk_buf_append_slowly(buf, &c, 1);
        return;
    }
    buf->data[buf->size++] = c;
}
void sk_buf_append_u64(struct sk_buf *buf, uint64_t value); /* decimal */
void sk_buf_append_i64(struct sk_buf *buf, int64_t value);
/* For text and integers only: the decimal point of %f follows the locale. */
void sk_buf_printf(struct sk_buf *buf, const char *format, ...) SK_PRINTF(2, 3);
/* Room for `size` more bytes, or NULL (and failed); the caller adds to buf->size what it wrote. */
char *sk_buf_reserve(struct sk_buf *buf, size_t size);
/* NUL-terminated view, the NUL not counted; "" while empty or failed. Borrowed until the next
 * change. */
const char *sk_buf_text(struct sk_buf *buf);
static inline struct sk_str sk_buf_view(const struct sk_buf *buf)
{
    return (struct sk_str){ buf->data, buf->size };
}

/* Binary codec: unsigned LEB128, zigzag for signed, a span is its size and its bytes. Most numbers
 * are one byte. */
void sk_put_long_u64(struct sk_buf *buf, uint64_t value); /* any, but for those of one byte */
static inline void sk_put_u64(struct sk_buf *buf, uint64_t value)
{
    if (value < 0x80) {
        sk_buf_append_char(buf, (char)value);
    } else {
        sk_put_long_u64(buf, value);
    }
}
static inline void sk_put_i64(struct sk_buf *buf, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    sk_put_u64(buf, ((uint64_t)value << 1) ^ sign);
}
static inline void sk_put_str(struct sk_buf *buf, struct sk_str s)
{
    sk_put_u64(buf, s.size);
    sk_buf_append_str(buf, s);
}

/* The reading side: never reads past `end`; the first damage sets `bad` and all later reads give
 * 0. */
struct sk_reader {
    const char *at, *end;
    bool bad;
};
static inline struct sk_reader sk_reader_of(struct sk_str s)
{
    return (struct sk_reader){ s.data, s.size > 0 ? s.data + s.size : s.data, false };
}
uint64_t sk_get_long_u64(struct sk_reader *reader); /* any */
static inline uint64_t sk_get_u64(struct sk_reader *reader)
{
    if (!reader->bad && reader->at != reader->end && (unsigned char)*reader->at < 0x80)
        return (unsigned char)*reader->at++;
    return sk_get_long_u64(reader);
}
static inline int64_t sk_get_i64(struct sk_reader *reader)
{
    uint64_t raw = sk_get_u64(reader);
    int64_t half = (int64_t)(raw >> 1);
    return (raw & 1) != 0 ? -half - 1 : half;
}
struct sk_str sk_get_str(struct sk_reader *reader); /* borrowed from the reader's bytes */

#endif
