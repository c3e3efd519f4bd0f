/*
 * test_journal_merge.c: parts one by one and the same parts merged leave the same rows (merge.h).
 * Both go into memory stores; random parts of one shard write, write again, deliver, forget, trim
 * and remove.
 */
#include "world.h"

#ifdef SK_WITH_JOURNAL

#include "base/hash.h"
#include "store/journal/merge.h"
#include "store/journal/record.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 60, SAGAS_MAX = 400 };

struct made {
    uint64_t no, seq;
    bool is_removed;
};

struct maker {
    uint64_t seed, draws;
    struct sk_arena arena;
    struct made sagas[SAGAS_MAX];
    uint32_t sagas_count;
    uint64_t position;
    uint32_t messages, messages_gone, consumed, consumed_gone, letters;
};

static uint64_t below(struct maker *m, uint64_t n)
{
    return sk_mix(m->seed, ++m->draws) % n;
}

static struct sk_str name_of(struct maker *m, const char *what, uint64_t number)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%s-%llu", what, (unsigned long long)number);
    return sk_arena_copy(&m->arena, sk_str_of(text));
}

/* Appends a copy of `row` to a list of the part. */
#define ADD(m, part, list, row)                                                    \
    memcpy(sk_rows_add(&(m)->arena, (void **)&(part)->list, &(part)->list##_count, \
                       sizeof *(part)->list),                                      \
           &(row), sizeof *(part)->list)

static void add_events(struct maker *m, struct sk_part *part, struct made *saga)
{
    uint64_t count = 1 + below(m, 3);
    for (uint64_t i = 0; i < count; i++) {
        struct sk_event_row row = event_of(saga->no, ++saga->seq, "data");
        row.step = (uint32_t)below(m, 5);
        ADD(m, part, events, row);
    }
    struct sk_head head = head_of(saga->no, "?", (uint8_t)(1 + below(m, 9)), 1000);
    head.id = name_of(m, "saga", saga->no);
    head.seq = saga->seq;
    head.open = (uint32_t)below(m, 2);
    head.updated_at_ms = (int64_t)(1000 + below(m, 1000));
    ADD(m, part, heads, head);
    struct sk_tally_row tally = { digest_of("d"), (uint8_t)(1 + below(m, 3)),
                                  (int64_t)below(m, 5) - 2 };
    ADD(m, part, tallies, tally);
}

static void add_sagas(struct maker *m, struct sk_part *part)
{
    for (uint64_t n = below(m, 4); n > 0 && m->sagas_count < SAGAS_MAX; n--) {
        struct made *saga = &m->sagas[m->sagas_count++];
        saga->no = m->position + part->events_count;
        add_events(m, part, saga);
        struct sk_tag_row tag = { SK_STR("tag"), name_of(m, "t", below(m, 3)), saga->no };
        ADD(m, part, tags, tag);
        struct sk_start_key_row key = { name_of(m, "key", saga->no), name_of(m, "saga", saga->no),
                                        digest_of("k"), INT64_MAX };
        ADD(m, part, keys, key);
    }
    for (uint64_t n = below(m, 4); n > 0 && m->sagas_count > 0; n--) {
        struct made *saga = &m->sagas[below(m, m->sagas_count)];
        bool is_in = false;
        for (uint32_t i = 0; i < part->heads_count; i++)
            is_in = is_in || part->heads[i].no == saga->no;
        if (!saga->is_removed && !is_in) add_events(m, part, saga);
    }
}

static void add_messages(struct maker *m, struct sk_part *part)
{
    struct sk_message_row message = { name_of(m, "m", m->messages++), 1, 2, SK_STR("t"),
                                      SK_STR("b") };
    ADD(m, part, messages, message);
    struct sk_consumed_row consumed = { name_of(m, "c", m->consumed++), 1 };
    ADD(m, part, consumed, consumed);
    if (below(m, 2) == 0) {
        struct sk_str gone = name_of(m, "m", m->messages_gone++);
        ADD(m, part, messages_gone, gone);
    }
    if (below(m, 2) == 0) {
        struct sk_str gone = name_of(m, "c", m->consumed_gone++);
        ADD(m, part, consumed_gone, gone);
    }
}

static void add_rest(struct maker *m, struct sk_part *part)
{
    uint64_t letter = below(m, 5);
    struct sk_dead_letter_row row = { name_of(m, "l", letter), 1, below(m, 9),
                                      (int64_t)below(m, 50), SK_STR("why") };
    if (below(m, 2) == 0) ADD(m, part, letters, row);
    struct sk_str gone = name_of(m, "l", below(m, 5));
    if (below(m, 3) == 0) ADD(m, part, letters_gone, gone);
    struct sk_cursor_row cursor = { name_of(m, "cur", below(m, 2)), below(m, 99) };
    ADD(m, part, cursors, cursor);
    struct sk_record_row record = { .kind = SK_RECORD_BULK,
                                    .id = name_of(m, "r", below(m, 3)),
                                    .body = name_of(m, "body", below(m, 99)),
                                    .is_gone = below(m, 3) == 0 };
    ADD(m, part, records, record);
    if (m->sagas_count == 0) return;
    struct made *saga = &m->sagas[below(m, m->sagas_count)];
    bool is_in = false;
    for (uint32_t i = 0; i < part->heads_count; i++) is_in = is_in || part->heads[i].no == saga->no;
    if (below(m, 6) == 0 && !is_in && !saga->is_removed) {
        ADD(m, part, removed, saga->no);
        saga->is_removed = true;
    } else if (below(m, 4) == 0 && !saga->is_removed) {
        struct sk_trim_row trim = { saga->no, 1 + below(m, saga->seq) };
        ADD(m, part, trims, trim);
    }
}

static struct sk_part make_part(struct maker *m)
{
    struct sk_part part = { .shard = 0, .epoch = 1, .first_position = m->position };
    if (below(m, 5) > 0) add_sagas(m, &part);
    if (below(m, 3) == 0) add_messages(m, &part);
    if (below(m, 3) == 0) add_rest(m, &part);
    memcpy(part.batch_id, &m->position, sizeof m->position);
    m->position += sk_part_width(&part);
    return part;
}

/* ---- both ways ------------------------------------------------------------------------------- */

static enum skald_status open_memory(struct world *world, struct sk_store **out_store,
                                     skald_error *error)
{
    return sk_memory_store_new(fake_runtime_port(world->runtime), WORLD_SHARDS, out_store, error);
}

static const struct backend memory = { .name = "memory", .open = open_memory };

/* As the log would bring it. */
static struct sk_part through_bytes(struct maker *m, const struct sk_part *part)
{
    struct sk_buf buf = { 0 };
    struct sk_part again;
    sk_record_put_part(&buf, part);
    struct sk_str payload = sk_arena_copy(&m->arena, sk_buf_view(&buf));
    sk_buf_release(&buf);
    assert_true(sk_record_get_part(payload, &m->arena, &again));
    return again;
}

static void must_agree(struct world *a, struct world *b, const struct sk_read *read)
{
    const struct sk_rows *x = world_read(a, read), *y = world_read(b, read);
    assert_int_equal(x->heads_count, y->heads_count);
    assert_int_equal(x->events_count, y->events_count);
    assert_int_equal(x->messages_count, y->messages_count);
    assert_int_equal(x->consumed_count, y->consumed_count);
    assert_int_equal(x->letters_count, y->letters_count);
    assert_int_equal(x->cursors_count, y->cursors_count);
    assert_int_equal(x->records_count, y->records_count);
    assert_int_equal(x->tallies_count, y->tallies_count);
    assert_int_equal(x->keys_count, y->keys_count);
    struct sk_buf left = { 0 }, right = { 0 };
    /* The journal's own encoder writes every field of every row. */
    struct sk_part p = { .events = x->events,
                         .events_count = x->events_count,
                         .heads = x->heads,
                         .heads_count = x->heads_count,
                         .keys = x->keys,
                         .keys_count = x->keys_count,
                         .messages = x->messages,
                         .messages_count = x->messages_count,
                         .consumed = x->consumed,
                         .consumed_count = x->consumed_count,
                         .letters = x->letters,
                         .letters_count = x->letters_count,
                         .cursors = x->cursors,
                         .cursors_count = x->cursors_count,
                         .records = x->records,
                         .records_count = x->records_count,
                         .tallies = x->tallies,
                         .tallies_count = x->tallies_count };
    struct sk_part q = { .events = y->events,
                         .events_count = y->events_count,
                         .heads = y->heads,
                         .heads_count = y->heads_count,
                         .keys = y->keys,
                         .keys_count = y->keys_count,
                         .messages = y->messages,
                         .messages_count = y->messages_count,
                         .consumed = y->consumed,
                         .consumed_count = y->consumed_count,
                         .letters = y->letters,
                         .letters_count = y->letters_count,
                         .cursors = y->cursors,
                         .cursors_count = y->cursors_count,
                         .records = y->records,
                         .records_count = y->records_count,
                         .tallies = y->tallies,
                         .tallies_count = y->tallies_count };
    sk_record_put_part(&left, &p);
    sk_record_put_part(&right, &q);
    assert_true(sk_str_equal(sk_buf_view(&left), sk_buf_view(&right)));
    sk_buf_release(&left);
    sk_buf_release(&right);
}

static void compare(struct maker *m, struct world *a, struct world *b)
{
    static const enum sk_read_kind kinds[] = { SK_READ_LIST,     SK_READ_POSITIONS,
                                               SK_READ_MESSAGES, SK_READ_CONSUMED,
                                               SK_READ_TALLIES,  SK_READ_DEAD_LETTERS,
                                               SK_READ_CURSOR,   SK_READ_RECORDS,
                                               SK_READ_ACTIVE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        must_agree(a, b, &(struct sk_read){ .kind = kinds[i], .limit = 10000 });
    for (uint32_t i = 0; i < m->sagas_count; i++) {
        uint64_t no = m->sagas[i].no;
        must_agree(a, b, &(struct sk_read){ .kind = SK_READ_EVENTS, .no = no });
        must_agree(a, b, &(struct sk_read){ .kind = SK_READ_HEAD, .id = name_of(m, "saga", no) });
        must_agree(a, b,
                   &(struct sk_read){ .kind = SK_READ_START_KEY, .key = name_of(m, "key", no) });
    }
    struct sk_list_tag tag = { SK_STR("tag"), SK_STR("t-1") };
    must_agree(a, b,
               &(struct sk_read){ .kind = SK_READ_LIST,
                                  .filter = { .tags = &tag, .tags_count = 1 } });
    must_agree(a, b, &(struct sk_read){ .kind = SK_READ_SHARDS });
}

static void merged_is_as_good_as_single(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct maker *m = calloc(1, sizeof *m);
        m->seed = seed;
        m->position = 1;
        sk_arena_init(&m->arena);
        struct world *single = world_new(&memory), *merged = world_new(&memory);
        struct sk_merge *merge = sk_merge_new(WORLD_SHARDS);
        world_take(single, 0);
        world_take(merged, 0);
        for (int i = 0; i < PARTS; i++) {
            struct sk_part part = make_part(m), again = through_bytes(m, &part);
            assert_true(sk_merge_add(merge, &again));
            world_must(single, &part);
        }
        struct sk_batch *batch = sk_merge_batch(merge);
        assert_true(batch->parts_count < PARTS); /* else nothing was merged */
        struct pending pending;
        world_send(merged, &pending, batch->parts, batch->parts_count);
        world_wait(merged, &pending);
        for (uint32_t i = 0; i < batch->parts_count; i++) {
            if (batch->parts[i].result != SK_PART_DONE)
                fprintf(stderr, "seed %llu part %u: %s\n", (unsigned long long)seed, i,
                        batch->parts[i].message);
            assert_int_equal(SK_PART_DONE, batch->parts[i].result);
        }
        compare(m, single, merged);
        sk_merge_free(merge);
        world_free(single);
        world_free(merged);
        sk_arena_release(&m->arena);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(merged_is_as_good_as_single) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif
