/*
 * buf.c: the growable byte string.
 *
 *   B1  While data is not NULL, capacity > size: there is always room for the NUL of sk_buf_text;
 *       and capacity - 1 is never above the ceiling, so what fits the capacity needs no other look.
 *   B2  Once `failed`, nothing changes any more but by clear and release.
 *
 * Not here: the binary codec (codec.c), JSON (json_write.c).
 */
#include "base/buf.h"

#include "base/arena.h"
#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>

enum { CAPACITY_MIN = 64 };

void sk_buf_init(struct sk_buf *buf, size_t size_max)
{
    *buf = (struct sk_buf){ .size_max = size_max };
}

void sk_buf_release(struct sk_buf *buf)
{
    if (buf->data != NULL) sk_free(buf->data);
    *buf = (struct sk_buf){ .size_max = buf->size_max };
}

void sk_buf_clear(struct sk_buf *buf)
{
    buf->size = 0;
    buf->failed = buf->is_full = false;
}

static bool grow(struct sk_buf *buf, size_t size_new)
{
    size_t capacity = buf->capacity < CAPACITY_MIN ? CAPACITY_MIN : buf->capacity;
    while (capacity <= size_new) {
        capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    }
    if (buf->size_max > 0 && capacity > buf->size_max) {
        capacity = buf->size_max + 1;
    }
    char *data = sk_realloc(buf->data, capacity);
    if (data == NULL) {
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

char *sk_buf_reserve(struct sk_buf *buf, size_t size)
{
    size_t ceiling = buf->size_max > 0 && buf->size_max < SIZE_MAX ? buf->size_max : SIZE_MAX - 1;
    if (buf->failed) {
        return NULL;
    }
    if (size > ceiling - buf->size) {
        buf->failed = true;
        buf->is_full = buf->size_max > 0;
        return NULL;
    }
    if (buf->size + size >= buf->capacity && !grow(buf, buf->size + size)) {
        buf->failed = true;
        return NULL;
    }
    SK_ASSERT(buf->capacity > buf->size + size); /* B1 */
    return buf->data + buf->size;
}

void sk_buf_append_slowly(struct sk_buf *buf, const void *bytes, size_t size)
{
    char *room = sk_buf_reserve(buf, size);
    if (room != NULL) {
        memcpy(room, bytes, size);
        buf->size += size;
    }
}

void sk_buf_append_u64(struct sk_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    sk_buf_append(buf, digits + at, sizeof digits - at);
}

void sk_buf_append_i64(struct sk_buf *buf, int64_t value)
{
    if (value >= 0) {
        sk_buf_append_u64(buf, (uint64_t)value);
        return;
    }
    if (sk_buf_reserve(buf, 20) != NULL) { /* sign and digits, or neither */
        sk_buf_append_char(buf, '-');
        sk_buf_append_u64(buf, 0 - (uint64_t)value);
    }
}

void sk_buf_printf(struct sk_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *room = size >= 0 ? sk_buf_reserve(buf, (size_t)size) : NULL;
    if (room == NULL) {
        buf->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(room, (size_t)size + 1, format, arguments); /* the NUL has room: B1 */
    va_end(arguments);
    buf->size += (size_t)size;
}

const char *sk_buf_text(struct sk_buf *buf)
{
    if (buf->failed || buf->data == NULL) {
        return "";
    }
    buf->data[buf->size] = '\0';
    return buf->data;
}
