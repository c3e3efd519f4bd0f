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

static void test_mac(void **state) /* RFC 4231, test case 1, its key padded with zeros */
{
    (void)state;
    uint8_t key[32] = { 0 };
    uint8_t mac[SK_MAC_SIZE];
    uint8_t other[SK_MAC_SIZE];
    static const uint8_t wanted[] = { 0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53 };
    memset(key, 0x0b, 20);
    sk_mac(key, SK_STR("Hi There"), mac);
    assert_memory_equal(mac, wanted, sizeof wanted);
    sk_mac(key, SK_STR("Hi there"), other);
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
