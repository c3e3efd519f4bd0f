/*
 * codec.c: the binary form of numbers and spans. Unsigned numbers are LEB128 (seven bits a byte,
 * low first), signed ones zigzag first, a span is its size and its bytes.
 *
 * One value has one encoding: the reader refuses padded numbers, so equal bytes mean equal values
 * and the other way round.
 */
#include "base/buf.h"

enum { LEB128_SIZE_MAX = 10 };

void sk_put_u64(struct sk_buf *buf, uint64_t value)
{
    if (value < 0x80) { /* most are */
        sk_buf_append_char(buf, (char)value);
        return;
    }
    unsigned char bytes[LEB128_SIZE_MAX];
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (unsigned char)value;
    sk_buf_append(buf, bytes, size);
}

void sk_put_i64(struct sk_buf *buf, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    sk_put_u64(buf, ((uint64_t)value << 1) ^ sign);
}

void sk_put_str(struct sk_buf *buf, struct sk_str s)
{
    sk_put_u64(buf, s.size);
    sk_buf_append_str(buf, s);
}

static uint64_t damaged(struct sk_reader *reader)
{
    reader->bad = true;
    return 0;
}

uint64_t sk_get_u64(struct sk_reader *reader)
{
    uint64_t value = 0;
    if (reader->bad) {
        return 0;
    }
    for (unsigned shift = 0; shift < 7 * LEB128_SIZE_MAX; shift += 7) {
        if (reader->at == reader->end) {
            return damaged(reader);
        }
        unsigned char byte = (unsigned char)*reader->at++;
        if (shift == 63 && byte > 1) { /* more than 64 bits */
            return damaged(reader);
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return byte == 0 && shift > 0 ? damaged(reader) : value;
        }
    }
    return damaged(reader);
}

int64_t sk_get_i64(struct sk_reader *reader)
{
    uint64_t raw = sk_get_u64(reader);
    int64_t half = (int64_t)(raw >> 1);
    return (raw & 1) != 0 ? -half - 1 : half;
}

struct sk_str sk_get_str(struct sk_reader *reader)
{
    uint64_t size = sk_get_u64(reader);
    if (reader->bad) {
        return (struct sk_str){ NULL, 0 };
    }
    if (size > (uint64_t)(reader->end - reader->at)) {
        damaged(reader);
        return (struct sk_str){ NULL, 0 };
    }
    struct sk_str s = { reader->at, (size_t)size };
    reader->at += s.size;
    return s;
}
