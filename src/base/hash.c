/*
 * hash.c: SHA-256, BLAKE2b and SipHash-2-4 (64 and 128 bits) of libsodium under our names. None of
 * these needs sodium_init. The numbers are part of stored data and must never change.
 */
#include "base/hash.h"

#include "base/assert.h"
#include "base/word.h"

#include <assert.h>
#include <sodium.h>

static_assert(SK_DIGEST_SIZE == crypto_hash_sha256_BYTES, "a digest is a SHA-256");
static_assert(SK_MAC_SIZE == crypto_shorthash_siphashx24_BYTES, "a MAC has 128 bits");
static_assert(crypto_shorthash_siphashx24_KEYBYTES == 16, "as the header says");
static_assert(crypto_shorthash_siphash24_BYTES == sizeof(uint64_t), "an id's hash is one number");

/* libsodium may read no byte of an empty message, but the pointer should not be NULL. */
static const unsigned char *bytes_of(struct sk_str s)
{
    return (const unsigned char *)(s.size > 0 ? s.data : "");
}

struct sk_digest sk_digest_of(struct sk_str bytes)
{
    struct sk_digest digest;
    crypto_hash_sha256(digest.bytes, bytes_of(bytes), bytes.size);
    return digest;
}

struct sk_digest sk_digest_fast_of(struct sk_str bytes)
{
    struct sk_digest digest;
    (void)crypto_generichash(digest.bytes, sizeof digest.bytes, bytes_of(bytes), bytes.size, NULL,
                             0);
    return digest;
}

bool sk_digest_equal(const struct sk_digest *a, const struct sk_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void sk_digest_hex(const struct sk_digest *digest, size_t bytes_count, char *out)
{
    static const char hex[] = "0123456789abcdef";
    SK_ASSERT(bytes_count <= SK_DIGEST_SIZE);
    for (size_t i = 0; i < bytes_count; i++) {
        out[2 * i] = hex[digest->bytes[i] >> 4];
        out[2 * i + 1] = hex[digest->bytes[i] & 15];
    }
    out[2 * bytes_count] = '\0';
}

uint64_t sk_hash_id(struct sk_str id)
{
    static const unsigned char key[crypto_shorthash_siphash24_KEYBYTES] = { 0 };
    unsigned char bytes[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(bytes, bytes_of(id), id.size, key);
    return sk_word_at((const char *)bytes); /* little-endian on every machine */
}

void sk_mac(const uint8_t key[32], struct sk_str bytes, uint8_t out[SK_MAC_SIZE])
{
    (void)crypto_shorthash_siphashx24(out, bytes_of(bytes), bytes.size, key);
}

bool sk_mac_equal(const uint8_t a[SK_MAC_SIZE], const uint8_t b[SK_MAC_SIZE])
{
    return sodium_memcmp(a, b, SK_MAC_SIZE) == 0;
}

uint64_t sk_mix(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
