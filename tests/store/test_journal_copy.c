/*
 * test_journal_copy.c: a log is copied (log.h C1 to C3) while its writer goes on between any two
 * calls of the copier's, and in the middle of each read: then a piece of 512 bytes is what it was
 * before or what it is behind it, by its own coin.
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
#include "base/list.h"

enum { NUMBERS_MAX = 20000, SEGMENT = 4096, INCARNATION = 77, SECTOR = 512 };

enum call { CALL_LIST, CALL_OPEN, CALL_READ };

struct world {
    struct sk_disk base; /* what the copier sees of `from` */
    struct fake_disk *from, *to;
    struct sk_log *log;
    uint64_t seed, draws;
    uint64_t stamps[NUMBERS_MAX]; /* what the writer wrote last under that number */
    uint64_t pinned;              /* only up to this one segments may go: the index's moment */
    uint32_t lists, reads;        /* calls of the copier's so far */
    bool is_copying, is_given_up;
    /* The writer's turn: before the call, and in the middle of a read. */
    void (*turn)(struct world *w, enum call call);
    /* What a read gives, at last. */
    void (*spoil)(struct world *w, uint8_t *bytes, size_t size);
    /* of the copy */
    uint64_t first, last, last_group; /* 0: it holds no record … */
    uint64_t end;                     /* … and this is the number before the next */
    uint64_t copied[NUMBERS_MAX], groups[NUMBERS_MAX];
};

static uint64_t draw(struct world *w)
{
    return sk_mix(w->seed, ++w->draws);
}

/* ---- the copier's view ----------------------------------------------------------------------- */

static struct world *world_of(struct sk_disk *disk)
{
    return sk_container_of(disk, struct world, base);
}

static void take_turn(struct world *w, enum call call)
{
    if (w->turn != NULL) w->turn(w, call);
}

static enum skald_status view_list(struct sk_disk *disk, struct sk_arena *arena,
                                   const char *const **out_names, uint32_t *out_count,
                                   skald_error *error)
{
    struct world *w = world_of(disk);
    struct sk_disk *real = fake_disk_port(w->from);
    w->lists += 1;
    take_turn(w, CALL_LIST);
    return real->ops->list(real, arena, out_names, out_count, error);
}

static enum skald_status view_open(struct sk_disk *disk, const char *name, bool creates,
                                   int *out_file, skald_error *error)
{
    struct sk_disk *real = fake_disk_port(world_of(disk)->from);
    assert_false(creates);
    take_turn(world_of(disk), CALL_OPEN);
    return real->ops->open(real, name, creates, out_file, error);
}

static void view_close(struct sk_disk *disk, int file)
{
    struct sk_disk *real = fake_disk_port(world_of(disk)->from);
    real->ops->close(real, file);
}

static enum skald_status view_size(struct sk_disk *disk, int file, uint64_t *out_size,
                                   skald_error *error)
{
    struct sk_disk *real = fake_disk_port(world_of(disk)->from);
    return real->ops->size(real, file, out_size, error);
}

static enum skald_status view_read(struct sk_disk *disk, int file, uint64_t offset, void *out,
                                   size_t size, size_t *out_size, skald_error *error)
{
    struct world *w = world_of(disk);
    struct sk_disk *real = fake_disk_port(w->from);
    size_t before_size = 0;
    uint8_t *before = malloc(size + 1), *bytes = out;
    w->reads += 1;
    enum skald_status status =
        real->ops->read(real, file, offset, before, size, &before_size, error);
    take_turn(w, CALL_READ);
    if (status == SKALD_OK)
        status = real->ops->read(real, file, offset, out, size, out_size, error);
    for (size_t at = 0; at < before_size; at += SECTOR) {
        size_t piece = before_size - at < SECTOR ? before_size - at : SECTOR;
        if (draw(w) % 2 == 0) memcpy(bytes + at, before + at, piece);
    }
    if (w->spoil != NULL) w->spoil(w, bytes, *out_size);
    free(before);
    return status;
}

/* It reads only: the rest is not there. */
static const struct sk_disk_ops view_ops = {
    .list = view_list,
    .open = view_open,
    .close = view_close,
    .size = view_size,
    .read = view_read,
};

/* ---- the writer ------------------------------------------------------------------------------ */

static enum skald_status ignore(void *context, const struct sk_record *record, skald_error *error)
{
    (void)context, (void)record, (void)error;
    return SKALD_OK;
}

static struct world *begin(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    w->base.ops = &view_ops;
    w->seed = seed;
    w->from = fake_disk_new(seed);
    w->to = fake_disk_new(seed + 1);
    struct sk_log_options options = { .disk = fake_disk_port(w->from),
                                      .incarnation = INCARNATION,
                                      .segment_size = SEGMENT };
    skald_error error;
    assert_int_equal(SKALD_OK, sk_log_open(&options, ignore, NULL, &w->log, &error));
    return w;
}

static void end(struct world *w)
{
    sk_log_free(w->log);
    fake_disk_free(w->from);
    fake_disk_free(w->to);
    free(w);
}

static enum skald_status write_group(struct world *w, uint32_t records, size_t size)
{
    skald_error error;
    uint64_t stamps[64];
    for (uint32_t i = 0; i < records; i++) {
        stamps[i] = draw(w);
        struct sk_buf *buf = sk_log_begin(w->log);
        sk_buf_append(buf, &stamps[i], sizeof stamps[i]);
        for (size_t n = 0; n < size; n++) sk_buf_append_char(buf, (char)n);
        uint64_t number = sk_log_end(w->log, SK_RECORD_PART);
        assert_true(number > 0 && number < NUMBERS_MAX);
        if (number <= sk_log_durable(w->log)) abort();
    }
    uint64_t first = sk_log_durable(w->log) + 1;
    enum skald_status status = sk_log_commit(w->log, &error);
    for (uint32_t i = 0; status == SKALD_OK && i < records; i++) w->stamps[first + i] = stamps[i];
    return status;
}

static void commit(struct world *w)
{
    assert_int_equal(SKALD_OK,
                     write_group(w, 1 + (uint32_t)(draw(w) % 4), (size_t)(draw(w) % 300)));
}

static void commit_until(struct world *w, uint64_t number)
{
    while (sk_log_durable(w->log) < number) commit(w);
}

/* A group that is written and not acknowledged, and the segment is given up. */
static void fail_sync(struct world *w)
{
    fake_disk_fail_sync(w->from);
    assert_int_equal(SKALD_E_IO, write_group(w, 2, 100));
    w->is_given_up = true;
}

static void reopen(struct world *w)
{
    skald_error error;
    assert_int_equal(SKALD_OK, sk_log_reopen(w->log, &error));
    w->is_given_up = false;
}

/* A group that finds no room: half of it is written, and what comes next goes over it. */
static void be_full(struct world *w)
{
    fake_disk_set_limit(w->from, 1);
    assert_int_equal(SKALD_E_FULL, write_group(w, 60, 60));
    fake_disk_set_limit(w->from, UINT64_MAX);
}

/* ---- judging the copy ------------------------------------------------------------------------ */

static enum skald_status on_copied(void *context, const struct sk_record *record,
                                   skald_error *error)
{
    struct world *w = context;
    (void)error;
    if (w->first == 0) w->first = record->number;
    w->last = record->number;
    w->last_group = record->group;
    w->groups[record->number] = record->group;
    memcpy(&w->copied[record->number], record->payload.data, sizeof w->copied[0]);
    return SKALD_OK;
}

static void read_copy(struct world *w)
{
    struct sk_log_options options = { .disk = fake_disk_port(w->to),
                                      .incarnation = INCARNATION,
                                      .segment_size = SEGMENT };
    struct sk_log *log = NULL;
    skald_error error = { 0 };
    w->first = w->last = 0;
    enum skald_status status = sk_log_open(&options, on_copied, w, &log, &error);
    if (status != SKALD_OK)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)w->seed, error.message);
    assert_int_equal(SKALD_OK, status);
    w->end = sk_log_durable(log);
    sk_log_free(log);
}

/* Copies; then it must be what log.h says. */
static void must_copy(struct world *w)
{
    skald_error error = { 0 };
    uint64_t durable = sk_log_durable(w->log);
    w->is_copying = true;
    enum skald_status status = sk_log_copy(&w->base, fake_disk_port(w->to), &error);
    w->is_copying = false;
    if (status != SKALD_OK)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)w->seed, error.message);
    assert_int_equal(SKALD_OK, status);
    read_copy(w);
    assert_true(w->end >= durable || w->pinned == durable); /* C1 */
    assert_true(w->first <= w->pinned + 1);                 /* only what the index has is gone */
    for (uint64_t n = w->first; n > 0 && n <= w->last; n++) {
        bool is_live = n <= sk_log_durable(w->log) && w->copied[n] == w->stamps[n];
        bool is_unknown = n > durable && w->groups[n] == w->last_group; /* C2 */
        assert_true(is_live || is_unknown);
    }
}

static void must_refuse(struct world *w, enum skald_status wanted, const char *word)
{
    skald_error error = { 0 };
    enum skald_status status = sk_log_copy(&w->base, fake_disk_port(w->to), &error);
    if (status != wanted || strstr(error.message, word) == NULL)
        fprintf(stderr, "seed %llu: %d %s\n", (unsigned long long)w->seed, status, error.message);
    assert_int_equal(wanted, status);
    assert_non_null(strstr(error.message, word));
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void a_quiet_log_is_copied(void **state)
{
    (void)state;
    struct world *w = begin(1);
    commit_until(w, 100);
    must_copy(w);
    assert_int_equal(sk_log_durable(w->log), w->last);
    assert_int_equal(1, w->lists); /* one pass */
    end(w);
}

static void recycle_once(struct world *w, enum call call)
{
    if (call != CALL_OPEN || w->lists > 1) return;
    w->lists = 1000;
    sk_log_trim(w->log, w->pinned);
    commit_until(w, sk_log_durable(w->log) + 60); /* over the one that went */
}

static void a_segment_goes_between_list_and_copy(void **state)
{
    (void)state;
    struct world *w = begin(2);
    commit_until(w, 60);
    w->pinned = sk_log_durable(w->log);
    commit_until(w, 100);
    w->turn = recycle_once;
    must_copy(w);
    assert_true(w->first > 1 && w->lists > 1000);
    end(w);
}

static void recycle_in_a_read(struct world *w, enum call call)
{
    if (call == CALL_READ && w->reads == 1) recycle_once(w, CALL_OPEN);
}

static void a_segment_is_written_over_while_it_is_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = begin(seed);
        commit_until(w, 60);
        w->pinned = sk_log_durable(w->log);
        commit_until(w, 100);
        w->turn = recycle_in_a_read;
        must_copy(w);
        end(w);
    }
}

static void rotate(struct world *w, enum call call)
{
    (void)call;
    if (w->lists + w->reads < 40) commit_until(w, sk_log_durable(w->log) + 25);
}

static void segments_begin_while_it_is_copied(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = begin(seed);
        commit_until(w, 40);
        w->turn = rotate;
        must_copy(w);
        end(w);
    }
}

/* Where the group that stands before the last one begins, in the only segment. */
static size_t place_before_last(struct world *w)
{
    uint64_t size = 0;
    const char *bytes = (const char *)fake_disk_bytes(w->from, fake_disk_name(w->from, 0), &size);
    size_t at = SK_SEGMENT_HEADER_SIZE, needed = 0, place = 0;
    struct sk_record record;
    while (sk_record_get((struct sk_str){ bytes + at, (size_t)size - at }, &record, &needed) ==
           SK_RECORD_WHOLE) {
        if (record.number == sk_log_durable(w->log) - 1) place = at;
        at += needed;
    }
    return place;
}

static void hide_once(struct world *w, uint8_t *bytes, size_t size)
{
    size_t place = place_before_last(w);
    assert_true(place > 0 && place + SK_RECORD_HEADER_SIZE < size);
    if (w->reads == 1) memset(bytes + place, 0, SK_RECORD_HEADER_SIZE);
}

static void hide_always(struct world *w, uint8_t *bytes, size_t size)
{
    w->reads = 1;
    hide_once(w, bytes, size);
}

/* The writer's two last groups, of which the reader sees the later one first. */
static void a_later_page_is_seen_before_an_earlier_one(void **state)
{
    (void)state;
    struct world *w = begin(4);
    for (int i = 0; i < 5; i++) assert_int_equal(SKALD_OK, write_group(w, 1, 100));
    w->spoil = hide_once;
    must_copy(w);
    assert_int_equal(5, w->last);
    assert_int_equal(2, w->reads);
    w->spoil = hide_always; /* then it is none of the writer's */
    must_refuse(w, SKALD_E_CORRUPT, "record 4 in segment 0000000000000001.log");
    end(w);
}

/* A write that is under way: its first half is there. */
static void half_of_the_last_group_is_cut_off(void **state)
{
    (void)state;
    struct world *w = begin(5);
    for (int i = 0; i < 4; i++) assert_int_equal(SKALD_OK, write_group(w, 1, 100));
    fail_sync(w);
    uint64_t size = 0;
    uint8_t *bytes = fake_disk_bytes(w->from, fake_disk_name(w->from, 0), &size);
    size_t record = sk_record_size(100 + sizeof(uint64_t));
    memset(bytes + SK_SEGMENT_HEADER_SIZE + 5 * record + 50, 0, record);
    must_copy(w);
    assert_int_equal(5, w->last);
    assert_int_equal(5, w->last_group);
    end(w);
}

static void rotate_thrice(struct world *w, enum call call)
{
    if (call == CALL_LIST && w->lists < 6) commit_until(w, sk_log_durable(w->log) + 25);
}

static void damage_is_told_also_under_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world *w = begin(seed);
        commit_until(w, 60);
        const char *name = fake_disk_name(w->from, (uint32_t)(draw(w) % 2)); /* not the last */
        uint64_t size = 0;
        uint8_t *bytes = fake_disk_bytes(w->from, name, &size);
        bytes[SK_SEGMENT_HEADER_SIZE + 8 + draw(w) % 32] ^= 1; /* its first record's header */
        w->turn = rotate_thrice;
        must_refuse(w, SKALD_E_CORRUPT, name);
        end(w);
    }
}

static void a_missing_segment_is_told(void **state)
{
    (void)state;
    struct world *w = begin(6);
    commit_until(w, 100);
    char second[32];
    (void)snprintf(second, sizeof second, "%s", fake_disk_name(w->from, 1));
    fake_disk_remove(w->from, second);
    must_refuse(w, SKALD_E_CORRUPT, "segment is missing");
    while (fake_disk_files(w->from) > 0) fake_disk_remove(w->from, fake_disk_name(w->from, 0));
    must_refuse(w, SKALD_E_NOT_FOUND, "no segment"); /* that is no empty log */
    end(w);
}

static void no_room_is_told(void **state)
{
    (void)state;
    struct world *w = begin(7);
    commit_until(w, 100);
    fake_disk_set_limit(w->to, 2 * SEGMENT);
    must_refuse(w, SKALD_E_FULL, "no space");
    fake_disk_set_limit(w->to, UINT64_MAX);
    must_copy(w);
    end(w);
}

static void be_unruly(struct world *w, enum call call)
{
    (void)call;
    if (!w->is_copying || w->lists + w->reads > 30) return;
    if (w->is_given_up && draw(w) % 3 == 0) reopen(w);
    if (w->is_given_up) return;
    switch (draw(w) % 8) {
    case 0: sk_log_trim(w->log, w->pinned); break;
    case 1: fail_sync(w); break;
    case 2: be_full(w); break;
    default:
        for (uint64_t n = draw(w) % 6; n > 0; n--) commit(w);
    }
}

static void whatever_the_writer_does_it_is_a_log(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct world *w = begin(seed);
        commit_until(w, 1 + draw(w) % 80);
        w->pinned = draw(w) % (sk_log_durable(w->log) + 1);
        if (draw(w) % 2 == 0) sk_log_trim(w->log, w->pinned);
        if (draw(w) % 4 == 0) fail_sync(w);
        w->turn = be_unruly;
        must_copy(w);
        end(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_log_is_copied),
        cmocka_unit_test(a_segment_goes_between_list_and_copy),
        cmocka_unit_test(a_segment_is_written_over_while_it_is_read),
        cmocka_unit_test(segments_begin_while_it_is_copied),
        cmocka_unit_test(a_later_page_is_seen_before_an_earlier_one),
        cmocka_unit_test(half_of_the_last_group_is_cut_off),
        cmocka_unit_test(damage_is_told_also_under_load),
        cmocka_unit_test(a_missing_segment_is_told),
        cmocka_unit_test(no_room_is_told),
        cmocka_unit_test(whatever_the_writer_does_it_is_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif
