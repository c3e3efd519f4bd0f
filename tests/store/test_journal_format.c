/*
 * test_journal_format.c: the journal's bytes are what they were: golden/journal-1.hex is read for
 * ever, and what is written today is that, byte for byte. SKT_GOLDEN=print prints today's.
 */
#ifdef SK_WITH_JOURNAL

#include "store/journal/record.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sk_digest digest(uint8_t first)
{
    struct sk_digest d;
    for (uint32_t i = 0; i < SK_DIGEST_SIZE; i++) d.bytes[i] = (uint8_t)(first + i);
    return d;
}

/* Something in every field of every row. */
static const struct sk_part *sample_part(void)
{
    static struct sk_event_row events[2];
    static struct sk_head heads[1];
    static struct sk_start_key_row keys[1];
    static struct sk_tag_row tags[1];
    static struct sk_tally_row tallies[1];
    static struct sk_message_row messages[1];
    static struct sk_consumed_row consumed[1];
    static struct sk_dead_letter_row letters[1];
    static struct sk_cursor_row cursors[1];
    static struct sk_record_row records[1];
    static struct sk_trim_row trims[1];
    static struct sk_str gone[1];
    static uint64_t removed[1] = { 3 };
    static struct sk_part part;
    events[0] =
        (struct sk_event_row){ 7, 1,     1767225600123, 1,    UINT32_MAX, -1, 0, 0, SK_STR("first"),
                               0, { 0 }, { { 0 } },     false };
    events[1] = (struct sk_event_row){ 7, 2,     1767225600124, 20,   3, 14, 2, 1, SK_STR("a\0b"),
                                       0, { 0 }, { { 0 } },     false };
    heads[0] = (struct sk_head){ .shard = 5,
                                 .no = 7,
                                 .id = SK_STR("order-1"),
                                 .space = SK_STR("n"),
                                 .definition = digest(1),
                                 .state = 2,
                                 .reason = 1,
                                 .has_residue = true,
                                 .is_lock = false,
                                 .open = 4,
                                 .priority = -2,
                                 .wake_at_ms = INT64_MAX,
                                 .deadline_ms = 99,
                                 .business_key = SK_STR("bk"),
                                 .parent = SK_STR("p"),
                                 .seq = 2,
                                 .created_at_ms = 1,
                                 .updated_at_ms = 2,
                                 .ended_at_ms = 3 };
    keys[0] = (struct sk_start_key_row){ SK_STR("k"), SK_STR("order-1"), digest(2), 500 };
    tags[0] = (struct sk_tag_row){ SK_STR("tag"), SK_STR("vip"), 7 };
    tallies[0] = (struct sk_tally_row){ digest(1), 2, -1 };
    messages[0] = (struct sk_message_row){ SK_STR("m"), 6, 2, SK_STR("t"), SK_STR("body") };
    consumed[0] = (struct sk_consumed_row){ SK_STR("c"), 4 };
    letters[0] = (struct sk_dead_letter_row){ SK_STR("l"), 7, 2, 1000, SK_STR("why") };
    cursors[0] = (struct sk_cursor_row){ SK_STR("feed"), 12 };
    records[0] = (struct sk_record_row){ SK_RECORD_SCHEDULE, SK_STR("r"), SK_STR("b"), true, 0 };
    trims[0] = (struct sk_trim_row){ 7, 2 };
    gone[0] = SK_STR("g");
    part = (struct sk_part){ .shard = 5, .epoch = 9, .first_position = 70, .batch_id = "batch-id" };
#define LIST(name) part.name = (name), part.name##_count = 1
    LIST(heads), LIST(keys), LIST(tags), LIST(tallies), LIST(messages), LIST(consumed);
    LIST(letters), LIST(cursors), LIST(records), LIST(trims), LIST(removed);
#undef LIST
    part.events = events, part.events_count = 2;
    part.messages_gone = part.consumed_gone = part.letters_gone = gone;
    part.messages_gone_count = part.consumed_gone_count = part.letters_gone_count = 1;
    return &part;
}

static void write_all(struct sk_buf *out)
{
    uint8_t header[SK_SEGMENT_HEADER_SIZE];
    struct sk_segment_header segment = { 0x1122334455667788u, 41, 0x99u };
    struct sk_shard_row lease = {
        .shard = 5, .epoch = 9, .owner = SK_STR("node-1"), .expires_at_ms = INT64_MAX
    };
    struct sk_definition_row definition = {
        digest(1), SK_STR("order"), SK_STR("1.0"), SK_STR("{}"), 77, false
    };
    sk_segment_header_put(&segment, header);
    sk_buf_append(out, header, sizeof header);
    size_t begin = sk_record_begin(out);
    sk_record_put_lease(out, &lease);
    uint64_t hash = sk_record_end(out, begin, SK_RECORD_TAKE, 41, 41, 0x99u);
    begin = sk_record_begin(out);
    sk_record_put_definition(out, &definition, true);
    hash = sk_record_end(out, begin, SK_RECORD_DEFINE, 42, 42, hash);
    begin = sk_record_begin(out);
    sk_record_put_part(out, sample_part());
    hash = sk_record_end(out, begin, SK_RECORD_PART, 43, 42, hash);
    begin = sk_record_begin(out);
    lease.expires_at_ms = 0;
    sk_record_put_lease(out, &lease);
    (void)sk_record_end(out, begin, SK_RECORD_RENEW, 44, 44, hash);
}

static void read_golden(struct sk_buf *out)
{
    char path[1024];
    const char *root = getenv("SKALD_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/tests/store/golden/journal-1.hex",
                   root == NULL ? "." : root);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char digits[3] = "";
    int c;
    for (size_t i = 0; (c = fgetc(file)) != EOF;) {
        if (c == '\n') continue;
        digits[i % 2] = (char)c;
        if (++i % 2 == 0) sk_buf_append_char(out, (char)strtoul(digits, NULL, 16));
    }
    (void)fclose(file);
}

static void bytes_are_what_they_were(void **state)
{
    (void)state;
    struct sk_buf now = { 0 }, golden = { 0 };
    write_all(&now);
    const char *wish = getenv("SKT_GOLDEN");
    if (wish != NULL && strcmp(wish, "print") == 0) {
        for (size_t i = 0; i < now.size; i++)
            printf("%02x%s", (uint8_t)now.data[i], i % 32 == 31 ? "\n" : "");
        printf("\n");
    }
    read_golden(&golden);
    assert_int_equal(golden.size, now.size);
    assert_memory_equal(golden.data, now.data, now.size);
    sk_buf_release(&now);
    sk_buf_release(&golden);
}

static struct sk_record next_record(const struct sk_buf *bytes, size_t *at)
{
    struct sk_record record;
    size_t needed = 0;
    struct sk_str rest = { bytes->data + *at, bytes->size - *at };
    assert_int_equal(SK_RECORD_WHOLE, sk_record_get(rest, &record, &needed));
    *at += needed;
    return record;
}

static void golden_bytes_are_read(void **state)
{
    (void)state;
    struct sk_buf bytes = { 0 };
    read_golden(&bytes);
    struct sk_segment_header header;
    assert_int_equal(SKALD_OK, sk_segment_header_get((const uint8_t *)bytes.data, &header, NULL));
    assert_int_equal(41, header.first);
    size_t at = SK_SEGMENT_HEADER_SIZE;
    struct sk_shard_row lease;
    assert_true(sk_record_get_lease(next_record(&bytes, &at).payload, &lease));
    assert_int_equal(9, lease.epoch);
    struct sk_definition_row definition;
    bool keeps = false;
    assert_true(sk_record_get_definition(next_record(&bytes, &at).payload, &definition, &keeps));
    assert_true(keeps);
    struct sk_record record = next_record(&bytes, &at);
    assert_int_equal(43, record.number);
    assert_int_equal(42, record.group);
    struct sk_arena arena;
    struct sk_part part;
    struct sk_buf again = { 0 };
    sk_arena_init(&arena);
    assert_true(sk_record_get_part(record.payload, &arena, &part));
    sk_record_put_part(&again, &part); /* every field, for the writer writes them all */
    assert_int_equal(record.payload.size, again.size);
    assert_memory_equal(record.payload.data, again.data, again.size);
    assert_int_equal(5, part.heads[0].shard);
    sk_buf_release(&again);
    sk_arena_release(&arena);
    sk_buf_release(&bytes);
}

static void hostile_payloads_are_refused(void **state)
{
    (void)state;
    struct sk_buf whole = { 0 };
    sk_record_put_part(&whole, sample_part());
    for (size_t size = 0; size < whole.size; size++) { /* cut off anywhere */
        struct sk_arena arena;
        struct sk_part part;
        sk_arena_init(&arena);
        assert_false(sk_record_get_part((struct sk_str){ whole.data, size }, &arena, &part));
        sk_arena_release(&arena);
    }
    for (uint64_t round = 0; round < 20000; round++) { /* changed somewhere: no crash */
        struct sk_arena arena;
        struct sk_part part;
        sk_arena_init(&arena);
        char *copy = malloc(whole.size + 1);
        memcpy(copy, whole.data, whole.size);
        for (uint64_t i = 0; i < 3; i++) {
            uint64_t luck = sk_mix(round, i);
            copy[luck % (whole.size + 1)] = (char)(luck >> 32);
        }
        (void)sk_record_get_part((struct sk_str){ copy, whole.size }, &arena, &part);
        free(copy);
        sk_arena_release(&arena);
    }
    sk_buf_release(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_what_they_were),
        cmocka_unit_test(golden_bytes_are_read),
        cmocka_unit_test(hostile_payloads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif
