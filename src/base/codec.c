/*
 * codec.c: the binary form of numbers and spans. Unsigned numbers are LEB128 (seven bits a byte,
 * low first), signed ones zigzag first, a span is its size and its bytes. Numbers of one byte are
 * in buf.h; those of two to eight are packed and unpacked here as one word, where there is room for
 * one.
 *
 * One value has one encoding: the reader refuses padded numbers, so equal bytes mean equal values
 * and the other way round.
 */
#include "base/buf.h"

enum { LEB128_SIZE_MAX = 10, WORD_SIZE = 8, WORD_BITS = 7 * WORD_SIZE };

#define CONTINUED UINT64_C(0x8080808080808080)

/* ---- words: the first byte is the lowest ----------------------------------------------------- */

/* Elsewhere all goes byte by byte. */
enum { HAS_WORDS = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ };

/* Seven bits to a byte, by halves: 56 = 2 * 28 = 4 * 14 = 8 * 7. */
static uint64_t spread(uint64_t value)
{
    value = (value & UINT64_C(0x0fffffff)) | (value & UINT64_C(0x00fffffff0000000)) << 4;
    value = (value & UINT64_C(0x00003fff00003fff)) | (value & UINT64_C(0x0fffc0000fffc000)) << 2;
    return (value & UINT64_C(0x007f007f007f007f)) | (value & UINT64_C(0x3f803f803f803f80)) << 1;
}

static uint64_t gather(uint64_t word)
{
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x0fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

/* ---- writing --------------------------------------------------------------------------------- */

void sk_put_long_u64(struct sk_buf *buf, uint64_t value)
{
    if (HAS_WORDS && value >> WORD_BITS == 0 && !buf->failed &&
        buf->capacity - buf->size > WORD_SIZE) {
        unsigned size = (70u - (unsigned)__builtin_clzll(value | 1)) / 7;
        uint64_t more = CONTINUED >> 8 >> (8 * (WORD_SIZE - size)); /* all bytes but the last */
        uint64_t word = spread(value) | more;
        memcpy(buf->data + buf->size, &word, sizeof word);
        buf->size += size;
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

/* ---- reading --------------------------------------------------------------------------------- */

static uint64_t damaged(struct sk_reader *reader)
{
    reader->bad = true;
    return 0;
}

static uint64_t get_bytewise(struct sk_reader *reader)
{
    uint64_t value = 0;
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

uint64_t sk_get_long_u64(struct sk_reader *reader)
{
    if (reader->bad) return 0;
    if (!HAS_WORDS || reader->end - reader->at < WORD_SIZE) return get_bytewise(reader);
    uint64_t word;
    memcpy(&word, reader->at, sizeof word);
    uint64_t ends = ~word & CONTINUED; /* bytes that end a number */
    if (ends == 0) return get_bytewise(reader);
    unsigned last = (unsigned)__builtin_ctzll(ends) / 8; /* the byte that ends it */
    word &= UINT64_MAX >> (8 * (WORD_SIZE - 1 - last));
    if (last > 0 && word >> (8 * last) == 0) return damaged(reader); /* padded */
    reader->at += last + 1;
    return gather(word);
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
