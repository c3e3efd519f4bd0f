/*
 * test_journal_log.c: the log on a disk that does the worst its contract allows. Whatever was
 * committed is there after every crash, in order and as it was; damage is named and never read as
 * data.
 */
#ifdef SK_WITH_JOURNAL

#include "fake_disk.h"
#include "store/journal/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

enum { NUMBERS_MAX = 20000, SEGMENT = 4096, INCARNATION = 77 };

/* What was written, by number: the length and the first bytes of the payload tell it. */
struct history {
    struct fake_disk *fake;
    struct sk_log *log;
    uint64_t seed, draws;
    bool is_even;
    uint64_t stamps[NUMBERS_MAX];  /* of the last try of that number */
    uint64_t refused[NUMBERS_MAX]; /* of a try that was answered with a no */
    uint64_t durable;              /* acknowledged */
    uint64_t expected;             /* while reading */
    uint64_t first;                /* the oldest that was read */
};

static uint64_t draw(struct history *h)
{
    return sk_mix(h->seed, ++h->draws);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum skald_status on_record(void *context, const struct sk_record *record,
                                   skald_error *error)
{
    struct history *h = context;
    uint64_t stamp = 0;
    (void)error;
    if (h->expected == 0) h->first = h->expected = record->number;
    assert_int_equal(h->expected, record->number);
    assert_true(record->payload.size >= sizeof stamp);
    memcpy(&stamp, record->payload.data, sizeof stamp);
    if (record->number <= h->durable) assert_int_equal(h->stamps[record->number], stamp);
    assert_true(stamp != h->refused[record->number]);
    h->stamps[record->number] = stamp; /* it is the log's from now on */
    h->expected += 1;
    return SKALD_OK;
}

static enum skald_status open_log(struct history *h, skald_error *error)
{
    struct sk_log_options options = { .disk = fake_disk_port(h->fake),
                                      .incarnation = INCARNATION,
                                      .segment_size = SEGMENT };
    h->expected = 0;
    h->log = NULL;
    return sk_log_open(&options, on_record, h, &h->log, error);
}

/* Opens after a crash and says what must be true. */
static void must_open(struct history *h)
{
    skald_error error = { 0 };
    enum skald_status status = open_log(h, &error);
    if (status != SKALD_OK)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)h->seed, error.message);
    assert_int_equal(SKALD_OK, status);
    assert_true(sk_log_durable(h->log) >= h->durable);
    h->durable = sk_log_durable(h->log);
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum skald_status commit_group(struct history *h, uint32_t records)
{
    for (uint32_t i = 0; i < records; i++) {
        uint64_t stamp = draw(h);
        struct sk_buf *buf = sk_log_begin(h->log);
        sk_buf_append(buf, &stamp, sizeof stamp);
        for (uint64_t n = h->is_even ? 90 : draw(h) % 200; n > 0; n--)
            sk_buf_append_char(buf, (char)n);
        uint64_t number = sk_log_end(h->log, SK_RECORD_PART);
        assert_true(number > 0 && number < NUMBERS_MAX);
        h->stamps[number] = stamp;
    }
    skald_error error;
    enum skald_status status = sk_log_commit(h->log, &error);
    if (status == SKALD_OK) h->durable = sk_log_durable(h->log);
    for (uint64_t n = h->durable + 1; status == SKALD_E_FULL && n <= h->durable + records; n++)
        h->refused[n] = h->stamps[n];
    return status;
}

static void crash(struct history *h)
{
    sk_log_free(h->log);
    h->log = NULL;
    fake_disk_crash(h->fake);
}

static struct history *begin(uint64_t seed)
{
    struct history *h = calloc(1, sizeof *h);
    h->seed = seed;
    h->fake = fake_disk_new(seed);
    must_open(h);
    return h;
}

static void end(struct history *h)
{
    sk_log_free(h->log);
    fake_disk_free(h->fake);
    free(h);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void everything_committed_survives_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct history *h = begin(seed);
        for (int life = 0; life < 12; life++) {
            if (draw(h) % 4 > 0) fake_disk_set_budget(h->fake, draw(h) % 60);
            enum skald_status status = SKALD_OK;
            for (int i = 0; i < 20 && status == SKALD_OK; i++) {
                status = commit_group(h, 1 + (uint32_t)(draw(h) % 5));
                if (draw(h) % 8 == 0 && h->durable > 20) sk_log_trim(h->log, h->durable - 20);
            }
            crash(h);
            must_open(h);
            assert_true(h->first <= 1 || h->first <= h->durable);
        }
        end(h);
    }
}

static void a_failed_sync_gives_the_segment_up(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct history *h = begin(seed);
        skald_error error;
        for (int i = 0; i < 5; i++) assert_int_equal(SKALD_OK, commit_group(h, 2));
        fake_disk_fail_sync(h->fake);
        assert_int_equal(SKALD_E_IO, commit_group(h, 3));
        assert_int_equal(SKALD_E_IO, commit_group(h, 1)); /* until it is reopened */
        assert_int_equal(SKALD_OK, sk_log_reopen(h->log, &error));
        for (int i = 0; i < 5; i++) assert_int_equal(SKALD_OK, commit_group(h, 2));
        crash(h);
        must_open(h);
        assert_int_equal(20, h->durable);
        end(h);
    }
}

static void without_room_nothing_is_lost(void **state)
{
    (void)state;
    struct history *h = begin(9);
    fake_disk_set_limit(h->fake, 3 * SEGMENT);
    enum skald_status status = SKALD_OK;
    while (status == SKALD_OK) status = commit_group(h, 3);
    assert_int_equal(SKALD_E_FULL, status);
    assert_int_equal(SKALD_E_FULL, commit_group(h, 3));
    fake_disk_set_limit(h->fake, UINT64_MAX);
    for (int i = 0; i < 50; i++) assert_int_equal(SKALD_OK, commit_group(h, 3));
    crash(h);
    must_open(h);
    end(h);
}

/* A group that found no room left some of its records behind: they are not the log's, though they
 * stand right where the next ones could. */
static void what_was_refused_never_comes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct history *h = begin(seed);
        fake_disk_set_limit(h->fake, 2 * SEGMENT);
        h->is_even = true; /* records of one size: the next one may fit exactly */
        enum skald_status status = commit_group(h, 60); /* larger than a segment */
        assert_int_equal(SKALD_E_FULL, status);
        fake_disk_set_limit(h->fake, UINT64_MAX);
        for (uint64_t i = draw(h) % 3; i < 3; i++) assert_int_equal(SKALD_OK, commit_group(h, 1));
        crash(h);
        must_open(h);
        end(h);
    }
}

static void a_reader_follows_the_writer(void **state)
{
    (void)state;
    struct history *h = begin(3);
    struct sk_log_reader *reader = sk_log_reader_new(h->log);
    struct sk_record record;
    skald_error error;
    for (uint64_t number = 1; number < 2000; number++) {
        while (h->durable < number)
            assert_int_equal(SKALD_OK, commit_group(h, 1 + (uint32_t)(draw(h) % 40)));
        assert_int_equal(SKALD_OK, sk_log_read(reader, &record, &error));
        assert_int_equal(number, record.number);
        assert_memory_equal(&h->stamps[number], record.payload.data, sizeof h->stamps[number]);
        if (number % 50 == 0) sk_log_trim(h->log, number - 1);
    }
    assert_true(fake_disk_files(h->fake) < 20); /* segments go */
    sk_log_reader_free(reader);
    end(h);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static struct history *with_segments(uint64_t seed)
{
    struct history *h = begin(seed);
    for (int i = 0; i < 60; i++) assert_int_equal(SKALD_OK, commit_group(h, 2));
    sk_log_free(h->log);
    h->log = NULL;
    return h;
}

static void must_refuse(struct history *h, const char *word)
{
    skald_error error = { 0 };
    assert_int_equal(SKALD_E_CORRUPT, open_log(h, &error));
    if (strstr(error.message, word) == NULL) fprintf(stderr, "%s: no %s\n", error.message, word);
    assert_non_null(strstr(error.message, word));
}

static void one_bit_anywhere_is_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct history *h = with_segments(seed);
        const char *name = fake_disk_name(h->fake, (uint32_t)(draw(h) % 2)); /* not the last */
        uint64_t size = 0;
        uint8_t *bytes = fake_disk_bytes(h->fake, name, &size);
        uint64_t at = draw(h) % 2500; /* where records stand, and the header */
        bytes[at] ^= (uint8_t)(1u << draw(h) % 8);
        skald_error error = { 0 };
        enum skald_status status = open_log(h, &error);
        /* A bit of padding means nothing. */
        if (status == SKALD_OK) {
            assert_true(sk_log_durable(h->log) >= h->durable);
        } else {
            assert_true(status == SKALD_E_CORRUPT || status == SKALD_E_VERSION);
            assert_non_null(strstr(error.message, name));
        }
        end(h);
    }
}

static void a_missing_segment_is_named(void **state)
{
    (void)state;
    struct history *h = with_segments(5);
    char second[32];
    (void)snprintf(second, sizeof second, "%s", fake_disk_name(h->fake, 1));
    fake_disk_remove(h->fake, second);
    must_refuse(h, "segment is missing");
    end(h);
}

static void segments_in_another_order_are_named(void **state)
{
    (void)state;
    struct history *h = with_segments(6);
    char first[32], second[32];
    (void)snprintf(first, sizeof first, "%s", fake_disk_name(h->fake, 0));
    (void)snprintf(second, sizeof second, "%s", fake_disk_name(h->fake, 1));
    fake_disk_rename(h->fake, first, "x");
    fake_disk_rename(h->fake, second, first);
    fake_disk_rename(h->fake, "x", second);
    must_refuse(h, "renamed");
    end(h);
}

static void another_stores_segment_is_named(void **state)
{
    (void)state;
    struct history *h = with_segments(7);
    struct sk_log_options options = { .disk = fake_disk_port(h->fake), .incarnation = 78 };
    skald_error error = { 0 };
    h->expected = 0;
    assert_int_equal(SKALD_E_CORRUPT, sk_log_open(&options, on_record, h, &h->log, &error));
    assert_non_null(strstr(error.message, "another store"));
    h->log = NULL;
    end(h);
}

/* Durable records are damaged in the last segment, too, if something durable follows them. */
static void damage_is_no_torn_tail(void **state)
{
    (void)state;
    struct history *h = begin(8);
    for (int i = 0; i < 4; i++) assert_int_equal(SKALD_OK, commit_group(h, 1));
    sk_log_free(h->log);
    h->log = NULL;
    uint64_t size = 0;
    uint8_t *bytes = fake_disk_bytes(h->fake, fake_disk_name(h->fake, 0), &size);
    bytes[SK_SEGMENT_HEADER_SIZE + 20] ^= 1; /* the number of the first record */
    must_refuse(h, "is damaged");
    end(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_committed_survives_crashes),
        cmocka_unit_test(a_failed_sync_gives_the_segment_up),
        cmocka_unit_test(without_room_nothing_is_lost),
        cmocka_unit_test(what_was_refused_never_comes_back),
        cmocka_unit_test(a_reader_follows_the_writer),
        cmocka_unit_test(one_bit_anywhere_is_found),
        cmocka_unit_test(a_missing_segment_is_named),
        cmocka_unit_test(segments_in_another_order_are_named),
        cmocka_unit_test(another_stores_segment_is_named),
        cmocka_unit_test(damage_is_no_torn_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif
