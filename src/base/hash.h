/* hash.h: the hashes Skald needs, all libsodium's; nothing here reads a clock or random
 * bytes. */
#ifndef SK_BASE_HASH_H
#define SK_BASE_HASH_H

#include "base/str.h"

enum { SK_DIGEST_SIZE = 32, SK_MAC_SIZE = 16 };

struct sk_digest {
    uint8_t bytes[SK_DIGEST_SIZE];
};

/* SHA-256. */
struct sk_digest sk_digest_of(struct sk_str bytes);
/* BLAKE2b with 256 bits: as hard to collide for a third of the work. For what every start pays. */
struct sk_digest sk_digest_fast_of(struct sk_str bytes);
bool sk_digest_equal(const struct sk_digest *a, const struct sk_digest *b);
/* Lower-case hex of the first `bytes_count` bytes into out (2 × bytes_count + 1). */
void sk_digest_hex(const struct sk_digest *digest, size_t bytes_count, char *out);

/* The recorded hash of ids ("siphash24", key zero): which shard an id belongs to. */
uint64_t sk_hash_id(struct sk_str id);

/* SipHash-2-4 with a result of 128 bits, under the key's first 16 bytes; compared in constant
 * time. */
void sk_mac(const uint8_t key[32], struct sk_str bytes, uint8_t out[SK_MAC_SIZE]);
bool sk_mac_equal(const uint8_t a[SK_MAC_SIZE], const uint8_t b[SK_MAC_SIZE]);

/* A deterministic stream of bits from (seed, index): splitmix64. Not a hash of content; used for
 * jitter. */
uint64_t sk_mix(uint64_t seed, uint64_t index);

#endif
