/*
 * test_hash.c: known answers, so that stored digests and shards never change their meaning.
 */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_digest(void **state)
{
    (void)state;
    char hex[2 * SK_DIGEST_SIZE + 1];
    struct sk_digest empty = sk_digest_of(sk_str_of(NULL));
    sk_digest_hex(&empty, SK_DIGEST_SIZE, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct sk_digest abc = sk_digest_of(SK_STR("abc"));
    sk_digest_hex(&abc, 6, hex);
    assert_string_equal(hex, "ba7816bf8f01");
    struct sk_digest fast = sk_digest_fast_of(SK_STR("abc")); /* by Python's hashlib.blake2b */
    sk_digest_hex(&fast, SK_DIGEST_SIZE, hex);
    assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    struct sk_digest again = sk_digest_of(SK_STR("abc"));
    assert_true(sk_digest_equal(&abc, &again));
    assert_false(sk_digest_equal(&abc, &empty));
}

/* Computed with an independent SipHash-2-4, key zero, little-endian. */
static void test_hash_of_ids(void **state)
{
    (void)state;
    assert_true(sk_hash_id(SK_STR("")) == UINT64_C(0x1e924b9d737700d7));
    assert_true(sk_hash_id(SK_STR("order-42")) == sk_hash_id(SK_STR("order-42")));
    assert_true(sk_hash_id(SK_STR("order-42")) != sk_hash_id(SK_STR("order-43")));
}

static void test_mac(void **state) /* the reference implementation's answers for 0 and 1 bytes */
{
    (void)state;
    static const uint8_t of_nothing[SK_MAC_SIZE] = {
        0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
        0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93
    };
    static const uint8_t of_zero[SK_MAC_SIZE] = { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                                  0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 };
    uint8_t key[32], mac[SK_MAC_SIZE], other[SK_MAC_SIZE];
    for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
    sk_mac(key, SK_STR(""), mac);
    assert_memory_equal(mac, of_nothing, sizeof of_nothing);
    sk_mac(key, (struct sk_str){ "\0", 1 }, other);
    assert_memory_equal(other, of_zero, sizeof of_zero);
    assert_false(sk_mac_equal(mac, other));
    assert_true(sk_mac_equal(mac, mac));
}

static void test_mix_is_splitmix64(void **state)
{
    (void)state;
    assert_true(sk_mix(0, 0) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(sk_mix(0, 1) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(sk_mix(1, 0) != sk_mix(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_hash_of_ids),
        cmocka_unit_test(test_mac),
        cmocka_unit_test(test_mix_is_splitmix64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
