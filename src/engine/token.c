/*
 * token.c: the token with which a pending answer is completed: which attempt, and a MAC over it and
 * the saga's id. It holds no secret and is no proof of identity, only of having been asked.
 *
 *     token := hex(step.item.operation.attempt.round as LEB128) "." hex(MAC of 16 bytes)
 *
 *   T1  A token is valid for one (saga, step, item, operation, attempt, round) and one key.
 *   T2  The comparison takes the same time whatever differs.
 */
#include "engine/engine_private.h"

enum { TOKEN_FORMAT = 2, FIELDS_SIZE_MAX = 40 };

static void put_hex(struct sk_buf *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *room = sk_buf_reserve(out, 2 * size);
    if (room == NULL) return;
    for (size_t i = 0; i < size; i++) {
        room[2 * i] = digits[bytes[i] >> 4];
        room[2 * i + 1] = digits[bytes[i] & 15u];
    }
    out->size += 2 * size;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static bool read_hex(struct sk_str text, uint8_t *out, size_t size_max, size_t *out_size)
{
    if (text.size % 2 != 0 || text.size / 2 > size_max) return false;
    for (size_t i = 0; i < text.size / 2; i++) {
        int high = digit_value(text.data[2 * i]), low = digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    *out_size = text.size / 2;
    return true;
}

/* What the MAC covers: the saga's id with its size before it, then the fields to the end. */
static void put_covered(struct sk_buf *buf, struct sk_str saga_id)
{
    sk_buf_append_char(buf, TOKEN_FORMAT);
    sk_put_str(buf, saga_id);
}

/* What is covered is written where the token will stand, so that it needs no memory of its own. */
void sk_token_make(const uint8_t key[32], struct sk_str saga_id, const struct sk_effect *effect,
                   struct sk_buf *out)
{
    size_t start = out->size;
    put_covered(out, saga_id);
    size_t fields_start = out->size;
    sk_put_u64(out, effect->step);
    sk_put_i64(out, effect->item);
    sk_put_u64(out, (uint64_t)effect->operation);
    sk_put_u64(out, effect->attempt);
    sk_put_u64(out, effect->round);
    if (out->failed) return;
    uint8_t fields[FIELDS_SIZE_MAX], mac[SK_MAC_SIZE];
    size_t fields_size = out->size - fields_start;
    SK_ASSERT(fields_size <= sizeof fields);
    memcpy(fields, out->data + fields_start, fields_size);
    sk_mac(key, (struct sk_str){ out->data + start, out->size - start }, mac);
    out->size = start;
    put_hex(out, fields, fields_size);
    sk_buf_append_char(out, '.');
    put_hex(out, mac, sizeof mac);
}

/* False: out of memory. */
static bool make_mac(const uint8_t key[32], struct sk_str saga_id, struct sk_str fields,
                     uint8_t out[SK_MAC_SIZE])
{
    struct sk_buf covered;
    sk_buf_init(&covered, 0);
    put_covered(&covered, saga_id);
    sk_buf_append_str(&covered, fields);
    bool is_made = !covered.failed;
    if (is_made) sk_mac(key, sk_buf_view(&covered), out);
    sk_buf_release(&covered);
    return is_made;
}

bool sk_token_check(const uint8_t key[32], struct sk_str token, struct sk_str saga_id,
                    struct sk_effect *out_effect)
{
    size_t dot = sk_str_find(token, '.');
    if (dot == token.size) return false;
    uint8_t fields[FIELDS_SIZE_MAX], given[SK_MAC_SIZE], mac[SK_MAC_SIZE];
    size_t fields_size = 0, mac_size = 0;
    if (!read_hex(sk_str_sub(token, 0, dot), fields, sizeof fields, &fields_size)) return false;
    if (!read_hex(sk_str_sub(token, dot + 1, token.size - dot - 1), given, SK_MAC_SIZE, &mac_size))
        return false;
    struct sk_str bytes = { (const char *)fields, fields_size };
    if (mac_size != SK_MAC_SIZE || !make_mac(key, saga_id, bytes, mac)) return false;
    if (!sk_mac_equal(mac, given)) return false;
    struct sk_reader reader = sk_reader_of(bytes);
    struct sk_effect effect = { .step = (uint32_t)sk_get_u64(&reader) };
    effect.item = (int32_t)sk_get_i64(&reader);
    effect.operation = (enum sk_operation)sk_get_u64(&reader);
    effect.attempt = (uint32_t)sk_get_u64(&reader);
    effect.round = (uint32_t)sk_get_u64(&reader);
    if (reader.bad) return false;
    *out_effect = effect;
    return true;
}
