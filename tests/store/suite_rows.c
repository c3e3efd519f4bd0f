/* suite_rows.c: the life of the smaller rows, of leases and of definitions (S4, rows.h R4–R9). */
#include "suite.h"

#include <stdio.h>

void messages_live_until_delivered(void **state)
{
    struct world *world = *state;
    struct sk_message_row messages[2] = {
        { SK_STR("s/1/a"), 3, 7, SK_STR("target"), SK_STR("body") },
        { SK_STR("s/2/b"), 1, 8, SK_STR("@lock/x"), SK_STR("") }
    };
    struct sk_part part = world_part(world, 0);
    part.messages = messages;
    part.messages_count = 2;
    world_must(world, &part);
    struct sk_read read = { .kind = SK_READ_MESSAGES };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->messages_count, 2);
    assert_str(rows->messages[0].id, "s/1/a");
    assert_int_equal(rows->messages[0].to_shard, 3);
    assert_int_equal(rows->messages[0].kind, 7);
    assert_str(rows->messages[0].target, "target");
    assert_str(rows->messages[0].body, "body");
    read.shard = 3;
    assert_int_equal(world_read(world, &read)->messages_count, 0); /* rows of the sender */

    part = world_part(world, 0);
    part.messages = messages;
    part.messages_count = 1;
    if (!world->backend->finds_twins_late)
        assert_int_equal(world_submit(world, &part), SK_PART_REFUSED); /* R4 */

    struct sk_str gone[2] = { SK_STR("s/1/a"), SK_STR("never was") };
    part = world_part(world, 0);
    part.messages_gone = gone;
    part.messages_gone_count = 2;
    world_must(world, &part);
    read.shard = 0;
    rows = world_read(world, &read);
    assert_int_equal(rows->messages_count, 1);
    assert_str(rows->messages[0].id, "s/2/b");
}

void messages_page_in_order_of_writing(void **state)
{
    struct world *world = *state;
    const char *const ids[] = { "z", "b", "y", "a", "x", "c" };
    for (size_t i = 0; i < 6; i += 2) {
        struct sk_message_row messages[2] = { { .id = sk_str_of(ids[i]) },
                                              { .id = sk_str_of(ids[i + 1]) } };
        struct sk_part part = world_part(world, 0);
        part.messages = messages;
        part.messages_count = 2;
        world_must(world, &part);
    }
    struct sk_read read = { .kind = SK_READ_MESSAGES, .limit = 4 };
    const struct sk_rows *rows = world_read(world, &read);
    assert_true(rows->has_more);
    for (size_t i = 0; i < 4; i++) assert_str(rows->messages[i].id, ids[i]);
    read.id = rows->messages[3].id;
    rows = world_read(world, &read);
    assert_false(rows->has_more);
    assert_int_equal(rows->messages_count, 2);
    assert_str(rows->messages[0].id, "x");
    assert_str(rows->messages[1].id, "c");
}

void consumed_live_until_forgotten(void **state)
{
    struct world *world = *state;
    struct sk_consumed_row consumed[3] = { { SK_STR("m/2"), 3 },
                                           { SK_STR("m/1"), 1 },
                                           { SK_STR("m/3"), 0 } };
    struct sk_part part = world_part(world, 2);
    part.consumed = consumed;
    part.consumed_count = 3;
    world_must(world, &part);
    part = world_part(world, 2);
    part.consumed = consumed;
    part.consumed_count = 1;
    if (!world->backend->finds_twins_late)
        assert_int_equal(world_submit(world, &part), SK_PART_REFUSED); /* twice is a bug */

    struct sk_read read = { .kind = SK_READ_CONSUMED, .shard = 2, .limit = 2 };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->consumed_count, 2);
    assert_true(rows->has_more);
    assert_str(rows->consumed[0].id, "m/1");
    assert_int_equal(rows->consumed[0].from_shard, 1);
    read.id = rows->consumed[1].id;
    rows = world_read(world, &read);
    assert_int_equal(rows->consumed_count, 1);
    assert_str(rows->consumed[0].id, "m/3");

    struct sk_str gone = SK_STR("m/2");
    part = world_part(world, 2);
    part.consumed_gone = &gone;
    part.consumed_gone_count = 1;
    world_must(world, &part);
    part = world_part(world, 2);
    part.consumed = consumed;
    part.consumed_count = 1;
    world_must(world, &part);
}

static enum sk_part_result put_key(struct world *world, const char *saga, int64_t expires_at_ms)
{
    struct sk_start_key_row key = { SK_STR("ns/key"), sk_str_of(saga), digest_of(saga),
                                    expires_at_ms };
    struct sk_part part = world_part(world, 1);
    part.keys = &key;
    part.keys_count = 1;
    return world_submit(world, &part);
}

void start_keys_expire(void **state)
{
    struct world *world = *state;
    fake_runtime_set_now(world->runtime, 1000);
    assert_int_equal(put_key(world, "first", 2000), SK_PART_DONE);
    struct sk_read read = {
        .kind = SK_READ_START_KEY, .shard = 1, .key = SK_STR("ns/key"), .due_at_ms = 1999
    };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->keys_count, 1);
    assert_str(rows->keys[0].key, "ns/key");
    assert_str(rows->keys[0].saga_id, "first");
    struct sk_digest digest = digest_of("first");
    assert_true(sk_digest_equal(&rows->keys[0].digest, &digest));
    assert_int_equal(rows->keys[0].expires_at_ms, 2000);
    read.due_at_ms = 2000;
    assert_int_equal(world_read(world, &read)->keys_count, 0);
    read.shard = 0;
    read.due_at_ms = 0;
    assert_int_equal(world_read(world, &read)->keys_count, 0);

    fake_runtime_set_now(world->runtime, 1999);
    if (!world->backend->finds_twins_late)
        assert_int_equal(put_key(world, "second", 9000), SK_PART_REFUSED);
    fake_runtime_set_now(world->runtime, 2000);
    assert_int_equal(put_key(world, "second", 9000), SK_PART_DONE);
    read.shard = 1;
    rows = world_read(world, &read);
    assert_str(rows->keys[0].saga_id, "second");
}

static void add_tally(struct world *world, uint32_t shard, const char *definition, uint8_t state,
                      int64_t n)
{
    struct sk_tally_row tally = { digest_of(definition), state, n };
    struct sk_part part = world_part(world, shard);
    part.tallies = &tally;
    part.tallies_count = 1;
    world_must(world, &part);
}

void tallies_add_up(void **state)
{
    struct world *world = *state;
    add_tally(world, 0, "a", 2, 5);
    add_tally(world, 0, "a", 2, -2);
    add_tally(world, 1, "a", 2, 10);
    add_tally(world, 1, "a", 3, 1);
    add_tally(world, 2, "b", 2, 1);
    add_tally(world, 3, "b", 2, -1); /* zero in sum */
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_TALLIES });
    assert_int_equal(rows->tallies_count, 2);
    struct sk_digest a = digest_of("a");
    assert_true(sk_digest_equal(&rows->tallies[0].definition, &a));
    assert_int_equal(rows->tallies[0].state, 2);
    assert_int_equal(rows->tallies[0].n, 13);
    assert_int_equal(rows->tallies[1].state, 3);
    assert_int_equal(rows->tallies[1].n, 1);
}

static void put_letter(struct world *world, uint32_t shard, const char *id, int64_t at_ms)
{
    struct sk_dead_letter_row letter = { sk_str_of(id), 5, 6, at_ms, SK_STR("{}") };
    struct sk_part part = world_part(world, shard);
    part.letters = &letter;
    part.letters_count = 1;
    world_must(world, &part);
}

void dead_letters(void **state)
{
    struct world *world = *state;
    put_letter(world, 0, "a", 10);
    put_letter(world, 0, "b", 10);
    put_letter(world, 1, "c", 20);
    put_letter(world, 0, "a", 11); /* replaced */
    struct sk_read read = { .kind = SK_READ_DEAD_LETTERS, .shard = SK_SHARD_ALL, .limit = 2 };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->letters_count, 2);
    assert_true(rows->has_more);
    assert_str(rows->letters[0].id, "c");
    assert_str(rows->letters[1].id, "a");
    assert_int_equal(rows->letters[1].no, 5);
    assert_int_equal(rows->letters[1].seq, 6);
    assert_int_equal(rows->letters[1].at_ms, 11);
    assert_str(rows->letters[1].body, "{}");
    read.filter.cursor_created_at_ms = 11;
    read.filter.cursor_id = SK_STR("a");
    rows = world_read(world, &read);
    assert_int_equal(rows->letters_count, 1);
    assert_str(rows->letters[0].id, "b");

    read = (struct sk_read){ .kind = SK_READ_DEAD_LETTERS, .shard = 1 };
    assert_int_equal(world_read(world, &read)->letters_count, 1);
    read.id = SK_STR("b");
    assert_int_equal(world_read(world, &read)->letters_count, 0);
    read.shard = SK_SHARD_ALL;
    assert_int_equal(world_read(world, &read)->letters_count, 1);
    read.shard = 0;
    assert_int_equal(world_read(world, &read)->letters_count, 1);

    struct sk_str gone = SK_STR("b");
    struct sk_part part = world_part(world, 0);
    part.letters_gone = &gone;
    part.letters_gone_count = 1;
    world_must(world, &part);
    assert_int_equal(world_read(world, &read)->letters_count, 0);
}

void cursors(void **state)
{
    struct world *world = *state;
    struct sk_cursor_row rows[2] = { { SK_STR("nats"), 5 }, { SK_STR("kafka"), UINT32_MAX } };
    struct sk_part part = world_part(world, 0);
    part.cursors = rows;
    part.cursors_count = 2;
    world_must(world, &part);
    rows[0].position = 6;
    part = world_part(world, 0);
    part.cursors = rows;
    part.cursors_count = 1;
    world_must(world, &part);
    struct sk_read read = { .kind = SK_READ_CURSOR };
    const struct sk_rows *have = world_read(world, &read);
    assert_int_equal(have->cursors_count, 2);
    assert_str(have->cursors[0].name, "kafka");
    assert_true(have->cursors[0].position == UINT32_MAX);
    read.key = SK_STR("nats");
    have = world_read(world, &read);
    assert_int_equal(have->cursors_count, 1);
    assert_int_equal(have->cursors[0].position, 6);
    read.shard = 1;
    assert_int_equal(world_read(world, &read)->cursors_count, 0);
}

static enum skald_status define(struct world *world, const char *id, const char *version,
                                const char *source, bool keep_latest)
{
    struct sk_definition_row row = { .digest = digest_of(source),
                                     .id = sk_str_of(id),
                                     .version = sk_str_of(version),
                                     .source = sk_str_of(source),
                                     .created_at_ms = 55 };
    skald_error error = { 0 };
    enum skald_status status = world_define(world, &row, keep_latest, &error);
    assert_int_equal(error.status, status);
    assert_int_equal(error.message[0] != '\0', status != SKALD_OK);
    return status;
}

static void expect_latest(struct world *world, const char *version)
{
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .id = SK_STR("order") };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->definitions_count, 1);
    assert_str(rows->definitions[0].version, version);
    assert_true(rows->definitions[0].is_latest);
}

void records(void **state)
{
    struct world *world = *state;
    struct sk_record_row rows[] = {
        { .kind = SK_RECORD_SCHEDULE, .id = SK_STR("b"), .body = SK_STR("one") },
        { .kind = SK_RECORD_BULK, .id = SK_STR("b"), .body = SK_STR("other") },
        { .kind = SK_RECORD_SCHEDULE, .id = SK_STR("c"), .body = SK_STR("x") },
        { .kind = SK_RECORD_SCHEDULE, .id = SK_STR("b"), .body = SK_STR("two") },
    };
    struct sk_part part = world_part(world, 1);
    part.records = rows;
    part.records_count = 4;
    world_must(world, &part);
    struct sk_record_row more = { .kind = SK_RECORD_SCHEDULE, .id = SK_STR("a") };
    part = world_part(world, 2);
    part.records = &more;
    part.records_count = 1;
    world_must(world, &part);

    struct sk_read read = { .kind = SK_READ_RECORDS,
                            .record_kind = SK_RECORD_SCHEDULE,
                            .shard = SK_SHARD_ALL,
                            .limit = 2 };
    const struct sk_rows *have = world_read(world, &read);
    assert_int_equal(have->records_count, 2);
    assert_true(have->has_more);
    assert_str(have->records[0].id, "a");
    assert_int_equal(have->records[0].shard, 2);
    assert_int_equal(have->records[0].body.size, 0);
    assert_str(have->records[1].body, "two");
    read.id = SK_STR("b");
    have = world_read(world, &read);
    assert_int_equal(have->records_count, 1);
    assert_str(have->records[0].id, "c");
    read = (struct sk_read){ .kind = SK_READ_RECORDS, .record_kind = SK_RECORD_BULK, .shard = 1 };
    assert_str(world_read(world, &read)->records[0].body, "other");
    read.key = SK_STR("c");
    assert_int_equal(world_read(world, &read)->records_count, 0);
    read.record_kind = SK_RECORD_SCHEDULE;
    assert_int_equal(world_read(world, &read)->records_count, 1);

    rows[0].is_gone = true;
    part = world_part(world, 1);
    part.records = rows;
    part.records_count = 1;
    world_must(world, &part);
    read.key = SK_STR("b");
    assert_int_equal(world_read(world, &read)->records_count, 0);
    read.record_kind = SK_RECORD_BULK;
    assert_int_equal(world_read(world, &read)->records_count, 1);
}

void definitions_are_insert_only(void **state)
{
    struct world *world = *state;
    assert_int_equal(define(world, "order", "1", "one", true), SKALD_OK);
    expect_latest(world, "1"); /* there is no other to keep */
    assert_int_equal(define(world, "order", "1", "one", false), SKALD_OK);
    assert_int_equal(define(world, "order", "1", "changed", false), SKALD_E_CONFLICT);
    assert_int_equal(define(world, "order", "3", "one", false), SKALD_E_CONFLICT);
    assert_int_equal(define(world, "order", "2", "two", false), SKALD_OK);
    expect_latest(world, "2");
    assert_int_equal(define(world, "order", "3", "three", true), SKALD_OK);
    expect_latest(world, "2");
    assert_int_equal(define(world, "order", "1", "one", false), SKALD_OK);
    expect_latest(world, "1");

    struct sk_digest digest = digest_of("two");
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .digest = &digest };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->definitions_count, 1);
    assert_str(rows->definitions[0].id, "order");
    assert_str(rows->definitions[0].version, "2");
    assert_str(rows->definitions[0].source, "two");
    assert_int_equal(rows->definitions[0].created_at_ms, 55);
    assert_false(rows->definitions[0].is_latest);
    read = (struct sk_read){ .kind = SK_READ_DEFINITIONS,
                             .id = SK_STR("order"),
                             .version = SK_STR("3") };
    assert_int_equal(world_read(world, &read)->definitions_count, 1);
    read.version = SK_STR("4");
    assert_int_equal(world_read(world, &read)->definitions_count, 0);
}

void definitions_page(void **state)
{
    struct world *world = *state;
    const char *const names[][2] = { { "a", "1" }, { "a", "2" }, { "b", "1" }, { "c", "1" } };
    char source[16];
    for (size_t i = 4; i-- > 0;) {
        snprintf(source, sizeof source, "%s %s", names[i][0], names[i][1]);
        assert_int_equal(define(world, names[i][0], names[i][1], source, false), SKALD_OK);
    }
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .limit = 1 };
    for (size_t i = 0; i < 4; i++) {
        const struct sk_rows *rows = world_read(world, &read);
        assert_int_equal(rows->definitions_count, 1);
        assert_int_equal(rows->has_more, i < 3);
        assert_str(rows->definitions[0].id, names[i][0]);
        assert_str(rows->definitions[0].version, names[i][1]);
        read.key = rows->definitions[0].id;
        read.version = rows->definitions[0].version;
    }
}

void take_raises_the_epoch(void **state)
{
    struct world *world = *state;
    struct lease lease = world_lease(world, 2, "node-a", INT64_MAX);
    assert_int_equal(lease.status, SKALD_OK);
    assert_int_equal(lease.row.shard, 2);
    assert_int_equal(lease.row.epoch, 1);
    assert_int_equal(lease.row.position, 1);
    assert_str(lease.row.owner, "node-a");
    assert_true(lease.row.expires_at_ms == INT64_MAX);
    lease = world_lease(world, 2, "node-a", INT64_MAX); /* again by itself */
    assert_int_equal(lease.row.epoch, 2);
}

void a_running_lease_keeps_others_out(void **state)
{
    struct world *world = *state;
    fake_runtime_set_now(world->runtime, 1000);
    assert_int_equal(world_lease(world, 0, "node-a", 2000).status, SKALD_OK);
    struct lease lease = world_lease(world, 0, "node-b", 3000);
    assert_int_equal(lease.status, SKALD_E_BUSY);
    assert_non_null(strstr(lease.error.message, "node-a"));
    assert_str(lease.row.owner, "node-a"); /* R9 */
    assert_int_equal(lease.row.epoch, 1);
    fake_runtime_set_now(world->runtime, 2000);
    lease = world_lease(world, 0, "node-b", 3000);
    assert_int_equal(lease.status, SKALD_OK);
    assert_int_equal(lease.row.epoch, 2);
}

/* A stalled connection delivers it when its node has ended and begun anew, under the same name. */
void a_take_that_comes_late_is_fenced(void **state)
{
    struct world *world = *state;
    assert_int_equal(world_lease(world, 0, "node-a", INT64_MAX).status, SKALD_OK);
    uint64_t epoch = world_lease(world, 0, "node-a", INT64_MAX).row.epoch;
    struct lease late = world_lease_at(world, 0, epoch - 1, "node-a", INT64_MAX);
    assert_int_equal(late.status, SKALD_E_FENCED);
    assert_true(late.error.message[0] != '\0');
    assert_int_equal(late.row.epoch, epoch); /* R9 */
    assert_int_equal(world_lease_at(world, 0, epoch + 1, "node-a", INT64_MAX).status,
                     SKALD_E_FENCED);
    assert_int_equal(world_renew(world, 0, epoch, INT64_MAX).status, SKALD_OK);
}

void renew_keeps_the_epoch(void **state)
{
    struct world *world = *state;
    fake_runtime_set_now(world->runtime, 1000);
    assert_int_equal(world_lease(world, 0, "node-a", 2000).status, SKALD_OK);
    struct lease lease = world_renew(world, 0, 1, 5000);
    assert_int_equal(lease.status, SKALD_OK);
    assert_int_equal(lease.row.epoch, 1);
    assert_int_equal(lease.row.expires_at_ms, 5000);
    assert_str(lease.row.owner, "node-a");
    fake_runtime_set_now(world->runtime, 4999);
    assert_int_equal(world_lease(world, 0, "node-b", 9000).status, SKALD_E_BUSY);
    assert_int_equal(world_renew(world, 0, 0, 9000).status, SKALD_E_FENCED);
    lease = world_renew(world, 0, 1, 0); /* gives it back */
    assert_int_equal(lease.status, SKALD_OK);
    assert_int_equal(lease.row.owner.size, 0);
    assert_int_equal(world_lease(world, 0, "node-b", 9000).status, SKALD_OK);
    assert_int_equal(world_renew(world, 0, 1, 9000).status, SKALD_E_FENCED);
}

void reopen_changes_nothing(void **state)
{
    struct world *world = *state;
    world_take(world, 0);
    world_saga(world, 0, "a", 2, 5, 3);
    skald_error error = { 0 };
    enum skald_status status = world_mend(world, &error);
    if (status != SKALD_OK) fprintf(stderr, "reopen: %s\n", error.message);
    assert_int_equal(status, SKALD_OK);
    assert_int_equal(world_lease(world, 0, "other", INT64_MAX).status, SKALD_E_BUSY);
    world_saga(world, 0, "b", 2, 5, 3);
    struct sk_read read = { .kind = SK_READ_POSITIONS };
    assert_int_equal(world_read(world, &read)->events_count, 6);
}

void everything_survives_closing(void **state)
{
    struct world *world = *state;
    if (!world->backend->is_durable) return;
    assert_int_equal(define(world, "order", "1", "one", false), SKALD_OK);
    world_take(world, 1);
    world_saga(world, 1, "a", 2, 5, 3);
    const struct sk_rows *before = world_read(world, &(struct sk_read){ .kind = SK_READ_META });
    world_reopen(world);
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_META });
    assert_true(before->meta.incarnation == rows->meta.incarnation);
    assert_int_equal(rows->meta.shards_count, WORLD_SHARDS);
    rows = world_read(world, &(struct sk_read){ .kind = SK_READ_SHARDS });
    assert_int_equal(rows->shards[1].epoch, 1);
    assert_int_equal(rows->shards[1].position, 4);
    rows = world_read(world, &(struct sk_read){ .kind = SK_READ_EVENTS, .shard = 1, .no = 1 });
    assert_int_equal(rows->events_count, 3);
    expect_latest(world, "1");
    struct lease lease = world_lease(world, 1, "another name", INT64_MAX);
    assert_int_equal(lease.status, SKALD_OK); /* the lease died with its process */
    assert_int_equal(lease.row.epoch, 2);
    world->shards[1].epoch = 2;
    world_saga(world, 1, "b", 2, 5, 3);
}
