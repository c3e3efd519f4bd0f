/* suite_write.c: parts: what they leave, and when they are turned away (S1, S2, S5, rows.h
 * R1–R6). */
#include "suite.h"

#include <stdlib.h>

static const struct sk_rows *events_of_saga(struct world *world, uint32_t shard, uint64_t no)
{
    return world_read(world, &(struct sk_read){ .kind = SK_READ_EVENTS, .shard = shard, .no = no });
}

static const struct sk_rows *head_by_id(struct world *world, const char *id)
{
    return world_read(world, &(struct sk_read){ .kind = SK_READ_HEAD, .id = sk_str_of(id) });
}

static struct sk_shard_row shard_row(struct world *world, uint32_t shard)
{
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_SHARDS });
    assert_int_equal(rows->shards_count, WORLD_SHARDS);
    assert_int_equal(rows->shards[shard].shard, shard);
    return rows->shards[shard];
}

void a_new_store_is_empty(void **state)
{
    struct world *world = *state;
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_META });
    assert_int_equal(rows->status, SKALD_OK);
    assert_string_equal(rows->meta.hash, "siphash24");
    assert_int_equal(rows->meta.shards_count, WORLD_SHARDS);
    assert_int_equal(rows->meta.schema, 4);
    assert_true(rows->meta.incarnation != 0);
    for (uint32_t i = 0; i < WORLD_SHARDS; i++) {
        struct sk_shard_row row = shard_row(world, i);
        assert_int_equal(row.epoch, 0);
        assert_int_equal(row.position, 1); /* R1 */
        assert_int_equal(row.owner.size, 0);
    }
    for (int kind = SK_READ_HEAD; kind <= SK_READ_CURSOR; kind++) {
        rows = world_read(world, &(struct sk_read){ .kind = (enum sk_read_kind)kind,
                                                    .id = SK_STR("x"),
                                                    .key = SK_STR("x") });
        assert_int_equal(rows->status, SKALD_OK);
        assert_false(rows->has_more);
        assert_int_equal(rows->heads_count + rows->events_count + rows->messages_count +
                             rows->consumed_count + rows->definitions_count + rows->tallies_count +
                             rows->keys_count + rows->letters_count + rows->cursors_count,
                         0);
    }
}

void an_event_comes_back_as_it_was(void **state)
{
    struct world *world = *state;
    struct sk_event_row events[2] = { event_of(1, 1, "first"), event_of(1, 2, "") };
    events[1].step = 999;
    events[1].item = 9999;
    struct sk_part part = world_part(world, 2);
    part.events = events;
    part.events_count = 2;
    world_must(world, &part);

    const struct sk_rows *rows = events_of_saga(world, 2, 1);
    assert_int_equal(rows->events_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct sk_event_row *have = &rows->events[i];
        assert_int_equal(have->no, 1);
        assert_int_equal(have->seq, events[i].seq);
        assert_int_equal(have->position, 1 + i);
        assert_int_equal(have->at_ms, events[i].at_ms);
        assert_int_equal(have->type, events[i].type);
        assert_int_equal(have->step, events[i].step);
        assert_int_equal(have->item, events[i].item);
        assert_int_equal(have->attempt, events[i].attempt);
        assert_int_equal(have->round, events[i].round);
        assert_true(sk_str_equal(have->data, events[i].data));
    }
}

void a_part_moves_its_shard(void **state)
{
    struct world *world = *state;
    world_saga(world, 1, "a", 2, 5, 3);
    struct sk_shard_row row = shard_row(world, 1);
    assert_int_equal(row.position, 4);
    assert_int_equal(row.batch_id[0], 1);
    assert_int_equal(row.batch_id[15], 1);
    assert_int_equal(shard_row(world, 0).position, 1);
}

void an_empty_part_moves_its_shard_by_one(void **state)
{
    struct world *world = *state;
    struct sk_part part = world_part(world, 0);
    world_must(world, &part);
    assert_int_equal(shard_row(world, 0).position, 2);
    world_must(world, &(struct sk_part){ .shard = 0, .first_position = 2 });
    assert_int_equal(shard_row(world, 0).position, 3);
}

void an_old_epoch_is_fenced(void **state)
{
    struct world *world = *state;
    struct sk_part old = world_part(world, 0);
    world_take(world, 0);
    struct sk_event_row event = event_of(1, 1, "x");
    old.events = &event;
    old.events_count = 1;
    assert_int_equal(world_submit(world, &old), SK_PART_FENCED);
    assert_true(old.message[0] != '\0');
    assert_int_equal(events_of_saga(world, 0, 1)->events_count, 0);
    struct sk_part now = world_part(world, 0);
    world_must(world, &now);
}

void another_position_is_fenced(void **state)
{
    struct world *world = *state;
    struct sk_part part = world_part(world, 0);
    part.first_position = 2;
    assert_int_equal(world_submit(world, &part), SK_PART_FENCED);
    part.first_position = 0;
    assert_int_equal(world_submit(world, &part), SK_PART_FENCED);
    assert_int_equal(shard_row(world, 0).position, 1);
}

void a_committed_part_is_fenced_when_it_comes_again(void **state)
{
    struct world *world = *state;
    struct sk_event_row event = event_of(1, 1, "x");
    struct sk_part part = world_part(world, 0);
    part.events = &event;
    part.events_count = 1;
    world_must(world, &part);
    assert_int_equal(world_submit(world, &part), SK_PART_FENCED);
    assert_int_equal(events_of_saga(world, 0, 1)->events_count, 1);
}

void a_fenced_part_leaves_its_batch_alone(void **state)
{
    struct world *world = *state;
    struct sk_event_row events[3] = { event_of(1, 1, "a"), event_of(1, 1, "b"),
                                      event_of(1, 1, "c") };
    struct sk_part parts[3];
    for (uint32_t i = 0; i < 3; i++) {
        parts[i] = world_part(world, i);
        parts[i].events = &events[i];
        parts[i].events_count = 1;
    }
    parts[1].epoch = 9;
    struct pending pending;
    world_send(world, &pending, parts, 3);
    world_wait(world, &pending);
    assert_int_equal(parts[0].result, SK_PART_DONE);
    assert_int_equal(parts[1].result, SK_PART_FENCED);
    assert_int_equal(parts[2].result, SK_PART_DONE);
    assert_int_equal(events_of_saga(world, 0, 1)->events_count, 1);
    assert_int_equal(events_of_saga(world, 1, 1)->events_count, 0);
    assert_int_equal(events_of_saga(world, 2, 1)->events_count, 1);
}

void batches_in_flight_commit_in_order(void **state)
{
    enum { BATCHES = 50 };
    struct world *world = *state;
    static struct sk_event_row events[BATCHES];
    static struct sk_part parts[BATCHES];
    static struct pending pending[BATCHES];
    for (uint32_t i = 0; i < BATCHES; i++) {
        events[i] = event_of(1, i + 1, "x");
        parts[i] = (struct sk_part){
            .shard = 0, .first_position = i + 1, .events = &events[i], .events_count = 1
        };
        world_send(world, &pending[i], &parts[i], 1);
    }
    for (uint32_t i = 0; i < BATCHES; i++) {
        world_wait(world, &pending[i]);
        assert_int_equal(parts[i].result, SK_PART_DONE);
        if (i > 0) assert_true(pending[i].order > pending[i - 1].order);
    }
    const struct sk_rows *rows = events_of_saga(world, 0, 1);
    assert_int_equal(rows->events_count, BATCHES);
    for (uint32_t i = 0; i < BATCHES; i++) assert_int_equal(rows->events[i].position, i + 1);
}

void after_a_fence_the_shard_stays_fenced(void **state)
{
    struct world *world = *state;
    struct sk_part parts[3] = { { .shard = 0, .first_position = 1 },
                                { .shard = 0, .first_position = 5 },
                                { .shard = 0, .first_position = 6 } };
    struct pending pending[3];
    for (int i = 0; i < 3; i++) world_send(world, &pending[i], &parts[i], 1);
    world_wait(world, &pending[2]);
    assert_int_equal(parts[0].result, SK_PART_DONE);
    assert_int_equal(parts[1].result, SK_PART_FENCED);
    assert_int_equal(parts[2].result, SK_PART_FENCED);
}

void a_refused_part_leaves_nothing_and_takes_nothing_with_it(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "taken", 2, 5, 1);
    /* One batch: a good part, one that takes an id of another shard, a good one; then, in a batch
     * of its own, the successor of the refused one. */
    struct sk_event_row events[3] = { event_of(2, 1, "a"), event_of(1, 1, "b"),
                                      event_of(1, 1, "c") };
    struct sk_head heads[3] = { head_of(2, "fine", 2, 5), head_of(1, "taken", 2, 5),
                                head_of(1, "fine too", 2, 5) };
    struct sk_tally_row tally = { digest_of("d"), 2, 1 };
    struct sk_message_row message = { SK_STR("m"), 0, 1, SK_STR("t"), SK_STR("b") };
    struct sk_part parts[4];
    for (uint32_t i = 0; i < 3; i++) {
        parts[i] = world_part(world, i);
        parts[i].events = &events[i];
        parts[i].heads = &heads[i];
        parts[i].events_count = parts[i].heads_count = 1;
        parts[i].tallies = &tally;
        parts[i].tallies_count = 1;
        parts[i].messages = &message;
        parts[i].messages_count = 1;
    }
    struct sk_head twins[2] = { head_of(1, "twin", 2, 5), head_of(2, "twin", 2, 5) };
    if (world->backend->finds_twins_late) { /* R4: of what is stored; not inside a part */
        parts[1].heads = twins;
        parts[1].heads_count = 2;
    }
    parts[3] = (struct sk_part){ .shard = 1, .first_position = 2 };
    struct pending pending[2];
    world_send(world, &pending[0], parts, 3);
    world_send(world, &pending[1], &parts[3], 1);
    world_wait(world, &pending[1]);
    assert_int_equal(parts[0].result, SK_PART_DONE);
    assert_int_equal(parts[1].result, SK_PART_REFUSED);
    assert_true(parts[1].message[0] != '\0');
    assert_int_equal(parts[2].result, SK_PART_DONE);
    assert_int_equal(parts[3].result, SK_PART_FENCED); /* S5 */
    assert_int_equal(events_of_saga(world, 1, 1)->events_count, 0);
    assert_int_equal(shard_row(world, 1).position, 1);
    assert_int_equal(head_by_id(world, "taken")->heads[0].shard, 0);
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_TALLIES });
    assert_int_equal(rows->tallies[0].n, 2);
    rows = world_read(world, &(struct sk_read){ .kind = SK_READ_MESSAGES, .shard = 1 });
    assert_int_equal(rows->messages_count, 0);
}

/* What it had written before its start key was looked at goes with it. */
void a_part_refused_at_its_end_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct sk_start_key_row key = { SK_STR("k"), SK_STR("first"), digest_of("r"), INT64_MAX };
    struct sk_event_row events[3] = { event_of(1, 1, "a"), event_of(2, 1, "b"),
                                      event_of(1, 1, "c") };
    struct sk_head heads[3] = { head_of(1, "first", 2, 5), head_of(2, "second", 2, 5),
                                head_of(1, "other", 2, 5) };
    struct sk_part part = world_part(world, 0);
    part.events = &events[0];
    part.heads = &heads[0];
    part.keys = &key;
    part.events_count = part.heads_count = part.keys_count = 1;
    world_must(world, &part);
    struct sk_start_key_row again[2] = {
        { SK_STR("k"), SK_STR("second"), digest_of("r"), INT64_MAX },
        { SK_STR("k"), SK_STR("third"), digest_of("r"), INT64_MAX }
    };
    struct sk_part parts[2] = { world_part(world, 0), world_part(world, 1) };
    for (uint32_t i = 0; i < 2; i++) {
        parts[i].events = &events[i + 1];
        parts[i].heads = &heads[i + 1];
        parts[i].events_count = parts[i].heads_count = 1;
    }
    parts[0].keys = again;
    parts[0].keys_count = world->backend->finds_twins_late ? 2 : 1; /* R4 */
    struct pending pending;
    world_send(world, &pending, parts, 2);
    world_wait(world, &pending);
    assert_int_equal(parts[0].result, SK_PART_REFUSED);
    assert_int_equal(parts[1].result, SK_PART_DONE);
    assert_int_equal(head_by_id(world, "second")->heads_count, 0);
    assert_int_equal(events_of_saga(world, 0, 2)->events_count, 0);
    assert_int_equal(shard_row(world, 0).position, 2);
    assert_int_equal(head_by_id(world, "other")->heads_count, 1);
}

static void must_refuse(struct world *world, struct sk_part part)
{
    assert_int_equal(world_submit(world, &part), SK_PART_REFUSED);
    assert_int_equal(shard_row(world, part.shard).position, part.first_position);
}

void twins_inside_a_part_are_refused(void **state)
{
    struct world *world = *state;
    struct sk_part part = world_part(world, 0);
    struct sk_event_row events[3] = { event_of(1, 2, "a"), event_of(2, 1, "b"),
                                      event_of(1, 2, "c") };
    part.events = events;
    part.events_count = 3;
    must_refuse(world, part);

    part = world_part(world, 0);
    struct sk_head heads[2] = { head_of(1, "same", 2, 5), head_of(2, "same", 2, 5) };
    part.heads = heads;
    part.heads_count = 2;
    must_refuse(world, part);

    part = world_part(world, 0);
    struct sk_message_row messages[2] = { { .id = SK_STR("m") }, { .id = SK_STR("m") } };
    part.messages = messages;
    part.messages_count = 2;
    must_refuse(world, part);

    part = world_part(world, 0);
    struct sk_consumed_row consumed[2] = { { SK_STR("c"), 1 }, { SK_STR("c"), 1 } };
    part.consumed = consumed;
    part.consumed_count = 2;
    must_refuse(world, part);

    part = world_part(world, 0);
    struct sk_start_key_row keys[2] = { { SK_STR("k"), SK_STR("a"), digest_of("x"), INT64_MAX },
                                        { SK_STR("k"), SK_STR("b"), digest_of("x"), INT64_MAX } };
    part.keys = keys;
    part.keys_count = 2;
    must_refuse(world, part);
}

void an_unknown_shard_is_refused(void **state)
{
    struct world *world = *state;
    struct sk_part part = { .shard = WORLD_SHARDS, .first_position = 1 };
    assert_int_equal(world_submit(world, &part), SK_PART_REFUSED);
    assert_int_equal(world_lease(world, WORLD_SHARDS, "me", INT64_MAX).status, SKALD_E_ARGUMENT);
    assert_int_equal(world_renew(world, WORLD_SHARDS, 0, 5).status, SKALD_E_ARGUMENT);
}

void a_head_is_replaced_by_number(void **state)
{
    struct world *world = *state;
    struct sk_head head = head_of(1, "a", 2, 500);
    head.business_key = SK_STR("key");
    head.parent = SK_STR("parent");
    struct sk_part part = world_part(world, 3);
    part.heads = &head;
    part.heads_count = 1;
    world_must(world, &part);

    struct sk_head later = head;
    later.state = 6;
    later.reason = 9;
    later.has_residue = true;
    later.open = 4000000000u;
    later.priority = 7;
    later.wake_at_ms = INT64_MAX;
    later.deadline_ms = 0;
    later.seq = 12;
    later.updated_at_ms = 600;
    later.ended_at_ms = 601;
    part = world_part(world, 3);
    part.heads = &later;
    part.heads_count = 1;
    world_must(world, &part);

    const struct sk_rows *rows = head_by_id(world, "a");
    assert_int_equal(rows->heads_count, 1);
    const struct sk_head *have = &rows->heads[0];
    assert_int_equal(have->shard, 3);
    assert_int_equal(have->no, 1);
    assert_str(have->id, "a");
    assert_str(have->space, "default");
    assert_true(sk_digest_equal(&have->definition, &head.definition));
    assert_int_equal(have->state, 6);
    assert_int_equal(have->reason, 9);
    assert_true(have->has_residue);
    assert_false(have->is_lock);
    assert_true(have->open == 4000000000u);
    assert_int_equal(have->priority, 7);
    assert_true(have->wake_at_ms == INT64_MAX);
    assert_int_equal(have->deadline_ms, 0);
    assert_str(have->business_key, "key");
    assert_str(have->parent, "parent");
    assert_int_equal(have->seq, 12);
    assert_int_equal(have->created_at_ms, 500);
    assert_int_equal(have->updated_at_ms, 600);
    assert_int_equal(have->ended_at_ms, 601);
}

void big_payloads(void **state)
{
    enum { SIZE = 4 * 1024 * 1024 };
    struct world *world = *state;
    char *data = malloc(SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)(i * 31 >> 7);
    struct sk_event_row events[2] = { event_of(1, 1, ""), event_of(1, 2, "") };
    events[0].data = events[1].data = (struct sk_str){ data, SIZE };
    struct sk_part part = world_part(world, 0);
    part.events = events;
    part.events_count = 2;
    world_must(world, &part);
    const struct sk_rows *rows = events_of_saga(world, 0, 1);
    assert_int_equal(rows->events_count, 2);
    assert_int_equal(rows->events[1].data.size, SIZE);
    assert_memory_equal(rows->events[1].data.data, data, SIZE);
    free(data);
}

void nul_bytes_in_payloads(void **state)
{
    struct world *world = *state;
    struct sk_str bytes = { "\0a\0\xff\0", 5 };
    struct sk_event_row event = event_of(1, 1, "");
    event.data = bytes;
    struct sk_message_row message = { SK_STR("m"), 1, 2, SK_STR("t"), bytes };
    struct sk_dead_letter_row letter = { SK_STR("l"), 1, 1, 5, bytes };
    struct sk_head head = head_of(1, "a", 2, 5);
    head.business_key = bytes;
    struct sk_tag_row tag = { SK_STR("tag"), bytes, 1 };
    struct sk_part part = world_part(world, 0);
    part.events = &event;
    part.messages = &message;
    part.letters = &letter;
    part.heads = &head;
    part.tags = &tag;
    part.events_count = part.messages_count = part.letters_count = 1;
    part.heads_count = part.tags_count = 1;
    world_must(world, &part);

    assert_true(sk_str_equal(events_of_saga(world, 0, 1)->events[0].data, bytes));
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_MESSAGES });
    assert_true(sk_str_equal(rows->messages[0].body, bytes));
    rows = world_read(world, &(struct sk_read){ .kind = SK_READ_DEAD_LETTERS });
    assert_true(sk_str_equal(rows->letters[0].body, bytes));
    struct sk_read list = { .kind = SK_READ_LIST, .filter = { .business_key = bytes } };
    assert_int_equal(world_read(world, &list)->heads_count, 1);
    list.filter.business_key.size = 2;
    assert_int_equal(world_read(world, &list)->heads_count, 0);
    list.filter = (struct sk_list_filter){ .tags = &(struct sk_list_tag){ SK_STR("tag"), bytes },
                                           .tags_count = 1 };
    assert_int_equal(world_read(world, &list)->heads_count, 1);
}

void trims_delete_the_prefix(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "a", 2, 5, 6);
    world_saga(world, 0, "b", 2, 5, 3);
    struct sk_trim_row trim = { 1, 5 };
    struct sk_part part = world_part(world, 0);
    part.trims = &trim;
    part.trims_count = 1;
    world_must(world, &part);
    const struct sk_rows *rows = events_of_saga(world, 0, 1);
    assert_int_equal(rows->events_count, 2);
    assert_int_equal(rows->events[0].seq, 5);
    assert_int_equal(events_of_saga(world, 0, 7)->events_count, 3);
    assert_int_equal(head_by_id(world, "a")->heads_count, 1);
}

/* A saga with a row of every kind. */
static void put_everything(struct world *world, uint32_t shard, const char *id)
{
    struct sk_part part = world_part(world, shard);
    uint64_t no = part.first_position;
    struct sk_event_row event = event_of(no, 1, "x");
    struct sk_head head = head_of(no, id, 3, 5);
    struct sk_tag_row tag = { SK_STR("tag"), SK_STR("v"), no };
    struct sk_start_key_row key = { sk_str_of(id), sk_str_of(id), digest_of("x"), INT64_MAX };
    struct sk_dead_letter_row letter = { sk_str_of(id), no, 1, 5, SK_STR("body") };
    struct sk_message_row message = { sk_str_of(id), 1, 2, SK_STR("t"), SK_STR("b") };
    part.events = &event;
    part.heads = &head;
    part.tags = &tag;
    part.keys = &key;
    part.letters = &letter;
    part.messages = &message;
    part.events_count = part.heads_count = part.tags_count = part.keys_count = 1;
    part.letters_count = part.messages_count = 1;
    world_must(world, &part);
}

void removal_takes_all_rows(void **state)
{
    struct world *world = *state;
    put_everything(world, 0, "gone");
    put_everything(world, 0, "kept");
    uint64_t removed = 1;
    struct sk_part part = world_part(world, 0);
    part.removed = &removed;
    part.removed_count = 1;
    world_must(world, &part);

    assert_int_equal(head_by_id(world, "gone")->heads_count, 0);
    assert_int_equal(head_by_id(world, "kept")->heads_count, 1);
    assert_int_equal(events_of_saga(world, 0, 1)->events_count, 0);
    assert_int_equal(events_of_saga(world, 0, 2)->events_count, 1);
    struct sk_read read = { .kind = SK_READ_LIST,
                            .filter = { .tags = &(struct sk_list_tag){ SK_STR("tag"), SK_STR("v") },
                                        .tags_count = 1 } };
    assert_int_equal(world_read(world, &read)->heads_count, 1);
    read = (struct sk_read){ .kind = SK_READ_START_KEY, .key = SK_STR("gone") };
    assert_int_equal(world_read(world, &read)->keys_count, 0);
    read.key = SK_STR("kept");
    assert_int_equal(world_read(world, &read)->keys_count, 1);
    read = (struct sk_read){ .kind = SK_READ_DEAD_LETTERS };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->letters_count, 1);
    assert_str(rows->letters[0].id, "kept");
    read = (struct sk_read){ .kind = SK_READ_MESSAGES };
    assert_int_equal(world_read(world, &read)->messages_count, 2); /* R6 */
    read = (struct sk_read){ .kind = SK_READ_POSITIONS };
    assert_int_equal(world_read(world, &read)->events_count, 1);
}

void an_id_can_come_again_after_removal(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "again", 3, 5, 2);
    uint64_t removed = 1;
    struct sk_event_row event = event_of(3, 1, "new");
    struct sk_head head = head_of(3, "again", 2, 9);
    struct sk_part part = world_part(world, 0);
    part.removed = &removed;
    part.heads = &head;
    part.events = &event;
    part.removed_count = part.heads_count = part.events_count = 1; /* in one part: R2 */
    world_must(world, &part);
    const struct sk_rows *rows = head_by_id(world, "again");
    assert_int_equal(rows->heads_count, 1);
    assert_int_equal(rows->heads[0].no, 3);
    assert_int_equal(rows->heads[0].created_at_ms, 9);
}

void free_drops_answers(void **state)
{
    struct world *world = *state;
    struct sk_part part = world_part(world, 0);
    struct pending pending;
    world_send(world, &pending, &part, 1);
    world_close(world);
    fake_runtime_run_posted(world->runtime);
    assert_false(pending.is_done);
    assert_int_equal(part.result, SK_PART_DONE); /* it waited for what was submitted */
}
