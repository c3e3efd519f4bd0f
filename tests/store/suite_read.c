/* suite_read.c: orders, pages and filters (S3, rows.h R7, R8). */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

void heads_by_id(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "a", 2, 5, 1);
    world_saga(world, 1, "b", 3, 5, 1);
    struct sk_read read = { .kind = SK_READ_HEAD, .id = SK_STR("b") };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->heads_count, 1);
    assert_int_equal(rows->heads[0].shard, 1);
    read.id = SK_STR("c");
    assert_int_equal(world_read(world, &read)->heads_count, 0);
}

void events_page_by_seq(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "a", 2, 5, 10);
    world_saga(world, 0, "b", 2, 5, 3);
    struct sk_read read = { .kind = SK_READ_EVENTS, .no = 1, .limit = 4 };
    uint64_t seq = 0;
    for (int page = 0; page < 3; page++) {
        const struct sk_rows *rows = world_read(world, &read);
        assert_int_equal(rows->events_count, page < 2 ? 4 : 2);
        assert_int_equal(rows->has_more, page < 2);
        for (uint32_t i = 0; i < rows->events_count; i++)
            assert_int_equal(rows->events[i].seq, ++seq);
        read.after = seq;
    }
    read.after = 6;
    read.limit = 4;
    assert_false(world_read(world, &read)->has_more); /* exactly the limit */
    read.after = UINT64_MAX;
    assert_int_equal(world_read(world, &read)->events_count, 0);
}

void positions_page_and_have_holes(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "a", 3, 5, 3); /* 1–3 */
    struct sk_part empty = world_part(world, 0);
    world_must(world, &empty);          /* 4 */
    world_saga(world, 0, "b", 2, 5, 2); /* 5–6 */
    world_saga(world, 1, "c", 2, 5, 2);
    struct sk_read read = { .kind = SK_READ_POSITIONS, .after = 2 };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->events_count, 3);
    assert_int_equal(rows->events[0].position, 3);
    assert_int_equal(rows->events[1].position, 5);
    assert_int_equal(rows->events[1].no, 5);
    assert_true(sk_str_is(rows->events[0].saga_id, "a"));
    assert_true(sk_str_is(rows->events[1].saga_id, "b"));
    assert_false(rows->events[1].is_lock);
    read.bytes_max = 1; /* cut, but not before one row */
    rows = world_read(world, &read);
    assert_int_equal(rows->events_count, 1);
    assert_true(rows->has_more);
    read.bytes_max = 0;

    uint64_t removed = 1;
    struct sk_part part = world_part(world, 0);
    part.removed = &removed;
    part.removed_count = 1;
    world_must(world, &part);
    read.after = 0;
    read.limit = 1;
    rows = world_read(world, &read);
    assert_int_equal(rows->events_count, 1);
    assert_int_equal(rows->events[0].position, 5);
    assert_true(rows->has_more);
    read.shard = WORLD_SHARDS;
    assert_int_equal(world_read(world, &read)->events_count, 0);
}

static void put_head(struct world *world, uint32_t shard, struct sk_head head)
{
    struct sk_part part = world_part(world, shard);
    head.no = part.first_position;
    part.heads = &head;
    part.heads_count = 1;
    world_must(world, &part);
}

void active_heads(void **state)
{
    struct world *world = *state;
    static const bool is_ended[] = {
        [3] = true, [5] = true, [6] = true, [7] = true, [8] = true, [9] = false
    };
    char id[16];
    for (uint8_t s = 1; s <= 9; s++) {
        snprintf(id, sizeof id, "state-%u", s);
        put_head(world, 0, head_of(0, id, s, 5));
    }
    struct sk_head open = head_of(0, "open", 3, 5);
    open.open = 1;
    put_head(world, 0, open);
    put_head(world, 1, head_of(0, "elsewhere", 2, 5));

    struct sk_read read = { .kind = SK_READ_ACTIVE };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->heads_count, 5);
    uint64_t last = 0;
    for (uint32_t i = 0; i < rows->heads_count; i++) {
        assert_true(!is_ended[rows->heads[i].state] || rows->heads[i].open > 0);
        assert_true(rows->heads[i].no > last);
        last = rows->heads[i].no;
    }
    read.limit = 2;
    rows = world_read(world, &read);
    assert_true(rows->has_more);
    assert_int_equal(rows->heads_count, 2);
    read.after = rows->heads[1].no;
    read.limit = 3;
    rows = world_read(world, &read);
    assert_int_equal(rows->heads_count, 3);
    assert_false(rows->has_more);

    /* An ended one is no longer active; one that goes back is again. */
    struct sk_head ended = head_of(2, "state-2", 3, 5);
    struct sk_part part = world_part(world, 0);
    part.heads = &ended;
    part.heads_count = 1;
    world_must(world, &part);
    read = (struct sk_read){ .kind = SK_READ_ACTIVE };
    assert_int_equal(world_read(world, &read)->heads_count, 4);
    ended.state = 4;
    part = world_part(world, 0);
    part.heads = &ended;
    part.heads_count = 1;
    world_must(world, &part);
    assert_int_equal(world_read(world, &read)->heads_count, 5);
}

void active_heads_that_are_due(void **state)
{
    struct world *world = *state;
    const int64_t wakes[] = { 0, 100, 101, INT64_MAX };
    char id[16];
    for (size_t i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "w%zu", i);
        struct sk_head head = head_of(0, id, 2, 5);
        head.wake_at_ms = wakes[i];
        put_head(world, 0, head);
    }
    struct sk_read read = { .kind = SK_READ_ACTIVE, .only_due = true, .due_at_ms = 100 };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->heads_count, 2);
    assert_str(rows->heads[1].id, "w1");
    read.due_at_ms = INT64_MAX;
    assert_int_equal(world_read(world, &read)->heads_count, 4);
}

void lists_page_newest_first_with_ties(void **state)
{
    struct world *world = *state;
    const char *const ids[] = { "b", "d", "a", "c", "e", "f" };
    const int64_t times[] = { 10, 10, 10, 10, 20, 5 };
    for (uint32_t i = 0; i < 6; i++)
        put_head(world, i % WORLD_SHARDS, head_of(0, ids[i], 2, times[i]));
    struct sk_read read = { .kind = SK_READ_LIST, .limit = 2 };
    char seen[8] = { 0 };
    size_t count = 0;
    for (int page = 0; page < 3; page++) {
        const struct sk_rows *rows = world_read(world, &read);
        assert_int_equal(rows->heads_count, 2);
        assert_int_equal(rows->has_more, page < 2);
        for (uint32_t i = 0; i < 2; i++) seen[count++] = rows->heads[i].id.data[0];
        read.filter.cursor_created_at_ms = rows->heads[1].created_at_ms;
        read.filter.cursor_id = rows->heads[1].id;
    }
    assert_string_equal(seen, "edcbaf");
    assert_int_equal(world_read(world, &read)->heads_count, 0);
}

static void put_listed(struct world *world)
{
    struct sk_definition_row definition = { .digest = digest_of("order 1"),
                                            .id = SK_STR("order"),
                                            .version = SK_STR("1"),
                                            .source = SK_STR("s") };
    assert_int_equal(world_define(world, &definition, false, NULL), SKALD_OK);
    definition.digest = digest_of("order 2");
    definition.version = SK_STR("2");
    assert_int_equal(world_define(world, &definition, false, NULL), SKALD_OK);

    const uint8_t states[] = { 2, 3, 6, 6 };
    const char *const ids[] = { "running", "completed", "failed", "residue" };
    for (uint32_t i = 0; i < 4; i++) {
        struct sk_part part = world_part(world, i);
        struct sk_head head = head_of(part.first_position, ids[i], states[i], 100 + (int64_t)i);
        head.has_residue = i == 3;
        head.space = i == 0 ? SK_STR("other") : SK_STR("default");
        head.business_key = i < 2 ? SK_STR("bk") : (struct sk_str){ 0 };
        head.parent = i == 2 ? SK_STR("completed") : (struct sk_str){ 0 };
        if (i == 1) head.definition = digest_of("order 2");
        if (i == 2) head.definition = digest_of("unknown");
        struct sk_tag_row tags[2] = { { SK_STR("tag"), SK_STR("red"), head.no },
                                      { SK_STR("size"), SK_STR("red"), head.no } };
        part.heads = &head;
        part.heads_count = 1;
        part.tags = tags;
        part.tags_count = i % 2 == 0 ? 2 : 0;
        world_must(world, &part);
    }
}

static const struct sk_list_tag red = { { "tag", 3 }, { "red", 3 } };
static const struct sk_list_tag blue = { { "tag", 3 }, { "blue", 4 } };

static void expect_list(struct world *world, const struct sk_list_filter *filter,
                        const char *wanted)
{
    struct sk_read read = { .kind = SK_READ_LIST, .filter = *filter };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->status, SKALD_OK);
    char have[128] = { 0 };
    for (uint32_t i = 0; i < rows->heads_count; i++) {
        size_t size = strlen(have);
        snprintf(have + size, sizeof have - size, "%s%.*s", i > 0 ? " " : "",
                 SK_STR_ARGS(rows->heads[i].id));
    }
    assert_string_equal(have, wanted);
}
#define EXPECT_LIST(world, wanted, ...) \
    expect_list((world), &(struct sk_list_filter){ __VA_ARGS__ }, (wanted))

void lists_filter(void **state)
{
    struct world *world = *state;
    put_listed(world);
    EXPECT_LIST(world, "residue failed completed running", .states = 0);
    EXPECT_LIST(world, "residue failed", .states = 1u << 6);
    EXPECT_LIST(world, "running", .states = 1u << 2 | 1u << 1);
    EXPECT_LIST(world, "completed running", .states = 1u << 2 | 1u << 3);
    EXPECT_LIST(world, "running", .space = SK_STR("other"));
    EXPECT_LIST(world, "completed running", .business_key = SK_STR("bk"));
    EXPECT_LIST(world, "failed", .parent = SK_STR("completed"));
    EXPECT_LIST(world, "residue completed running", .definition_id = SK_STR("order"));
    EXPECT_LIST(world, "", .definition_id = SK_STR("none"));
    EXPECT_LIST(world, "failed running", .tags = &red, .tags_count = 1);
    EXPECT_LIST(world, "", .tags = &blue, .tags_count = 1);
    EXPECT_LIST(world, "residue", .only_residue = true);
    EXPECT_LIST(world, "residue failed", .created_from_ms = 102);
    EXPECT_LIST(world, "completed running", .created_to_ms = 102);
    EXPECT_LIST(world, "failed completed", .cursor_created_at_ms = 103,
                .cursor_id = SK_STR("residue"), .created_from_ms = 101);
}

/* Every pair of conditions at once, against the saga that meets them all: whichever index leads,
 * the other condition must still be tested, and the statement must exist. */
void lists_filter_by_every_pair(void **state)
{
    struct world *world = *state;
    put_listed(world);
    for (unsigned pair = 0; pair < 1u << 9; pair++) {
        struct sk_list_filter f = { 0 };
        if ((pair & 1) != 0) f.states = 1u << 2;
        if ((pair & 2) != 0) f.space = SK_STR("other");
        if ((pair & 4) != 0) f.business_key = SK_STR("bk");
        if ((pair & 8) != 0) f.definition_id = SK_STR("order");
        if ((pair & 16) != 0) f.tags = &red, f.tags_count = 1;
        if ((pair & 32) != 0) f.created_from_ms = 100;
        if ((pair & 64) != 0) f.created_to_ms = 101;
        if ((pair & 128) != 0) f.cursor_created_at_ms = 100, f.cursor_id = SK_STR("s");
        f.only_residue = (pair & 256) != 0;
        bool is_alone = (pair & (1 | 2 | 64 | 128)) != 0;
        if (f.only_residue) {
            struct sk_read read = { .kind = SK_READ_LIST, .filter = f };
            const struct sk_rows *rows = world_read(world, &read);
            assert_int_equal(rows->status, SKALD_OK);
            assert_true(!is_alone || rows->heads_count == 0);
        } else if (is_alone) {
            expect_list(world, &f, "running");
        }
    }
}

void lists_leave_locks_out(void **state)
{
    struct world *world = *state;
    struct sk_head lock = head_of(0, "@lock/a", 2, 5);
    lock.is_lock = true;
    lock.business_key = SK_STR("bk");
    put_head(world, 0, lock);
    EXPECT_LIST(world, "", .states = 0);
    EXPECT_LIST(world, "", .states = 1u << 2);
    EXPECT_LIST(world, "", .business_key = SK_STR("bk"));
    struct sk_read read = { .kind = SK_READ_ACTIVE };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->heads_count, 1);
    assert_true(rows->heads[0].is_lock);
}

void an_answer_is_cut_by_bytes(void **state)
{
    enum { SIZE = 4 * 1024 * 1024, COUNT = 20 };
    struct world *world = *state;
    char *data = calloc(1, SIZE);
    assert_non_null(data);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct sk_event_row event = event_of(1, i + 1, "");
        event.data = (struct sk_str){ data, SIZE };
        struct sk_part part = world_part(world, 0);
        part.events = &event;
        part.events_count = 1;
        world_must(world, &part);
    }
    free(data);
    struct sk_read read = { .kind = SK_READ_EVENTS, .no = 1 };
    const struct sk_rows *rows = world_read(world, &read);
    assert_true(rows->has_more);
    assert_in_range(rows->events_count, 15, 17);
    read.after = rows->events_count;
    rows = world_read(world, &read);
    assert_false(rows->has_more);
    assert_int_equal(rows->events_count + read.after, COUNT);
}

struct seen {
    struct world *world;
    uint32_t answers, wrong;
    bool is_done;
};

static void on_seen(void *context, struct sk_rows *rows)
{
    struct seen *seen = context;
    if (rows->status != SKALD_OK || rows->events_count % 7 != 0) seen->wrong += 1;
    seen->answers += 1;
    seen->is_done = true;
}

/* Parts of 7 events while reads run beside them: no read may see a part of a part. */
void reads_see_whole_parts(void **state)
{
    enum { PARTS = 100 };
    struct world *world = *state;
    static struct sk_part parts[PARTS];
    static struct pending pending[PARTS];
    static struct sk_event_row events[PARTS][7];
    struct seen seen = { .world = world };
    struct sk_read read = { .kind = SK_READ_POSITIONS };
    for (uint32_t i = 0; i < PARTS; i++) {
        for (uint32_t k = 0; k < 7; k++) events[i][k] = event_of(1, i * 7 + k + 1, "some data");
        parts[i] =
            (struct sk_part){ .first_position = 1 + i * 7, .events = events[i], .events_count = 7 };
        world_send(world, &pending[i], &parts[i], 1);
        world->store->ops->read(world->store, &read, on_seen, &seen);
        if (i % 10 == 9) world_wait(world, &pending[i]);
    }
    while (seen.answers < PARTS) {
        seen.is_done = false;
        assert_true(fake_runtime_run_until(world->runtime, &seen.is_done));
    }
    assert_int_equal(seen.wrong, 0);
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->events_count, PARTS * 7);
}
