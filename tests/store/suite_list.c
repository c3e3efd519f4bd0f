/* suite_list.c: lists in every order and by any filter, compared with the plain meaning of each
 * condition. */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAGAS = 90, FILTERS = 600 };

struct listed {
    struct sk_head head;
    char id[16];
    const char *definition, *version;
    bool is_red, is_small;
};

static uint32_t chance; /* the same in every run */

static uint32_t draw(uint32_t below)
{
    chance = chance * 1664525u + 1013904223u;
    return (chance >> 8) % below;
}

static const char *const definitions[][2] = {
    { "order", "1" }, { "order", "2" }, { "refund", "1" }, { "trip", "1" }
};

static void define_all(struct world *world)
{
    for (size_t i = 0; i < 4; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s %s", definitions[i][0], definitions[i][1]);
        struct sk_definition_row row = { .digest = digest_of(text),
                                         .id = sk_str_of(definitions[i][0]),
                                         .version = sk_str_of(definitions[i][1]),
                                         .source = SK_STR("s") };
        assert_int_equal(world_define(world, &row, false, NULL), SKALD_OK);
    }
}

static void draw_head(struct listed *saga, uint32_t i)
{
    static const char *const spaces[] = { "", "shop", "bank" };
    static const char *const keys[] = { "", "", "k1", "k2" };
    static const char *const parents[] = { "", "", "p1" };
    snprintf(saga->id, sizeof saga->id, "s%u", i * 7 % SAGAS);
    saga->head = head_of(0, saga->id, (uint8_t)(1 + draw(9)), 100 + draw(20));
    struct sk_head *head = &saga->head;
    head->reason = (uint8_t)draw(4);
    head->has_residue = draw(4) == 0;
    head->space = sk_str_of(spaces[draw(3)]);
    head->business_key = sk_str_of(keys[draw(4)]);
    head->parent = sk_str_of(parents[draw(3)]);
    head->updated_at_ms = head->created_at_ms + draw(20);
    bool is_ended = (SK_STATES_ENDED >> head->state & 1u) != 0;
    head->ended_at_ms = is_ended ? head->updated_at_ms + draw(3) : 0;
    head->open = is_ended && draw(4) == 0 ? 1 : 0;
    uint32_t definition = draw(4);
    char text[32];
    saga->definition = definitions[definition][0];
    saga->version = definitions[definition][1];
    snprintf(text, sizeof text, "%s %s", saga->definition, saga->version);
    head->definition = digest_of(text);
    saga->is_red = draw(3) == 0;
    saga->is_small = draw(3) == 0;
}

static void put_all(struct world *world, struct listed *sagas)
{
    chance = 7;
    define_all(world);
    for (uint32_t i = 0; i < SAGAS; i++) {
        struct listed *saga = &sagas[i];
        draw_head(saga, i);
        struct sk_part part = world_part(world, i % WORLD_SHARDS);
        saga->head.no = part.first_position;
        struct sk_tag_row tags[2];
        part.tags = tags;
        if (saga->is_red)
            tags[part.tags_count++] =
                (struct sk_tag_row){ SK_STR("tag"), SK_STR("red"), saga->head.no };
        if (saga->is_small)
            tags[part.tags_count++] =
                (struct sk_tag_row){ SK_STR("size"), SK_STR("small"), saga->head.no };
        /* First as it began, then as it is: indexes must follow. */
        struct sk_head first = saga->head;
        first.state = 2;
        first.reason = 0;
        first.open = 0;
        first.has_residue = false;
        first.ended_at_ms = 0;
        first.updated_at_ms = first.created_at_ms;
        part.heads = &first;
        part.heads_count = 1;
        world_must(world, &part);
        part = world_part(world, i % WORLD_SHARDS);
        part.heads = &saga->head;
        part.heads_count = 1;
        world_must(world, &part);
    }
}

/* ---- what a filter means --------------------------------------------------------------------- */

static bool text_fits(struct sk_str wanted, struct sk_str have)
{
    return wanted.size == 0 || sk_str_equal(wanted, have);
}

static bool time_fits(int64_t at, int64_t from, int64_t to, bool is_set)
{
    if (from == 0 && to == 0) return true;
    return is_set && (from == 0 || at >= from) && (to == 0 || at < to);
}

static bool tags_fit(const struct sk_list_filter *f, const struct listed *saga)
{
    for (uint32_t i = 0; i < f->tags_count; i++) {
        bool is_red = sk_str_is(f->tags[i].value, "red");
        if (is_red ? !saga->is_red : !saga->is_small) return false;
    }
    return true;
}

static bool fits(const struct sk_list_filter *f, const struct listed *saga)
{
    const struct sk_head *h = &saga->head;
    bool is_ended = h->ended_at_ms != 0;
    if (f->states != 0 && (f->states & 1u << h->state) == 0) return false;
    if (f->reasons != 0 && (f->reasons & 1u << h->reason) == 0) return false;
    if (f->only_residue && !h->has_residue) return false;
    if (f->only_closed && (!is_ended || h->open > 0)) return false;
    if (f->sort == SK_SORT_ENDED && !is_ended) return false;
    return text_fits(f->space, h->space) && text_fits(f->business_key, h->business_key) &&
           text_fits(f->parent, h->parent) &&
           text_fits(f->definition_id, sk_str_of(saga->definition)) &&
           text_fits(f->definition_version, sk_str_of(saga->version)) &&
           time_fits(h->created_at_ms, f->created_from_ms, f->created_to_ms, true) &&
           time_fits(h->updated_at_ms, f->updated_from_ms, f->updated_to_ms, true) &&
           time_fits(h->ended_at_ms, f->ended_from_ms, f->ended_to_ms, is_ended) &&
           tags_fit(f, saga);
}

static const struct sk_list_tag tags[] = { { { "tag", 3 }, { "red", 3 } },
                                           { { "size", 4 }, { "small", 5 } } };

static struct sk_list_filter draw_filter(void)
{
    struct sk_list_filter f = { .sort = (enum sk_list_sort)draw(3), .is_ascending = draw(2) == 0 };
    if (draw(3) == 0) f.states = 1u << (1 + draw(9));
    if (draw(4) == 0) f.states |= draw(0x3ff) & 0x3feu;
    if (draw(6) == 0) f.reasons = 1u << draw(4);
    if (draw(8) == 0) f.reasons |= draw(16);
    if (draw(5) == 0) f.space = SK_STR("shop");
    if (draw(6) == 0) f.business_key = SK_STR("k1");
    if (draw(6) == 0) f.parent = SK_STR("p1");
    if (draw(3) == 0) f.definition_id = sk_str_of(definitions[draw(4)][0]);
    if (f.definition_id.size > 0 && draw(2) == 0) f.definition_version = SK_STR("2");
    f.tags = &tags[draw(2)];
    if (draw(5) == 0) f.tags_count = 1;
    if (draw(8) == 0) f.tags = tags, f.tags_count = 2;
    if (draw(6) == 0) f.created_from_ms = 100 + draw(20);
    if (draw(6) == 0) f.created_to_ms = 100 + draw(20);
    if (draw(6) == 0) f.updated_from_ms = 100 + draw(40);
    if (draw(6) == 0) f.updated_to_ms = 100 + draw(40);
    if (draw(6) == 0) f.ended_from_ms = 100 + draw(40);
    if (draw(6) == 0) f.ended_to_ms = 100 + draw(40);
    f.only_residue = draw(6) == 0;
    f.only_closed = draw(6) == 0;
    return f;
}

/* Walks the list in pages; the rows' places in `sagas` in their order. */
static uint32_t walk(struct world *world, struct sk_list_filter filter, uint32_t limit,
                     const struct listed *sagas, uint32_t *out_places)
{
    uint32_t count = 0;
    struct sk_read read = { .kind = SK_READ_LIST, .filter = filter, .limit = limit };
    for (;;) {
        const struct sk_rows *rows = world_read(world, &read);
        if (rows->status != SKALD_OK) fprintf(stderr, "%s\n", rows->error.message);
        assert_int_equal(rows->status, SKALD_OK);
        for (uint32_t i = 0; i < rows->heads_count; i++) {
            uint32_t place = 0;
            while (!sk_str_equal(sagas[place].head.id, rows->heads[i].id)) place += 1;
            assert_true(count < SAGAS);
            out_places[count++] = place;
        }
        if (!rows->has_more) return count;
        assert_int_equal(rows->heads_count, limit);
        const struct sk_head *last = &rows->heads[rows->heads_count - 1];
        read.filter.cursor_created_at_ms = sk_list_time(&filter, last);
        read.filter.cursor_id = last->id;
    }
}

static int64_t time_of(const struct sk_list_filter *f, const struct listed *saga)
{
    const int64_t times[] = { saga->head.created_at_ms, saga->head.updated_at_ms,
                              saga->head.ended_at_ms };
    return times[f->sort];
}

static void expect_order(const struct sk_list_filter *f, const struct listed *sagas,
                         const uint32_t *places, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct listed *a = &sagas[places[i - 1]], *b = &sagas[places[i]];
        if (!f->is_ascending) {
            const struct listed *swap = a;
            a = b;
            b = swap;
        }
        bool is_before = time_of(f, a) < time_of(f, b) ||
                         (time_of(f, a) == time_of(f, b) && strcmp(a->id, b->id) < 0);
        assert_true(is_before);
    }
}

static void check_filter(struct world *world, struct sk_list_filter filter, uint32_t limit,
                         const struct listed *sagas)
{
    uint32_t places[SAGAS], wanted = 0;
    uint32_t count = walk(world, filter, limit, sagas, places);
    for (uint32_t i = 0; i < SAGAS; i++) wanted += fits(&filter, &sagas[i]) ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) assert_true(fits(&filter, &sagas[places[i]]));
    assert_int_equal(count, wanted);
    expect_order(&filter, sagas, places, count);
    struct sk_read read = { .kind = SK_READ_COUNT, .filter = filter };
    read.filter.cursor_created_at_ms = 110; /* a count is of the whole list */
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->status, SKALD_OK);
    assert_int_equal(rows->total, wanted);
}

void lists_sort_and_page_in_every_order(void **state)
{
    struct world *world = *state;
    static struct listed sagas[SAGAS];
    put_all(world, sagas);
    for (uint32_t order = 0; order < 6; order++) {
        struct sk_list_filter filter = { .sort = (enum sk_list_sort)(order / 2),
                                         .is_ascending = order % 2 == 1 };
        check_filter(world, filter, 7, sagas);
        filter.states = 1u << 6;
        check_filter(world, filter, 2, sagas);
        filter.states = 1u << 3 | 1u << 2;
        check_filter(world, filter, 2, sagas);
    }
}

void lists_mean_what_they_say(void **state)
{
    struct world *world = *state;
    static struct listed sagas[SAGAS];
    put_all(world, sagas);
    for (uint32_t i = 0; i < FILTERS; i++) {
        check_filter(world, draw_filter(), 1 + draw(40), sagas);
    }
}

void lists_by_version(void **state)
{
    struct world *world = *state;
    static struct listed sagas[SAGAS];
    put_all(world, sagas);
    struct sk_list_filter filter = { .definition_id = SK_STR("order") };
    check_filter(world, filter, 5, sagas);
    filter.definition_version = SK_STR("1");
    check_filter(world, filter, 5, sagas);
    filter.definition_version = SK_STR("none");
    check_filter(world, filter, 5, sagas);
    filter.definition_id = SK_STR("none");
    check_filter(world, filter, 5, sagas);
}

void lists_pass_over_an_offset(void **state)
{
    struct world *world = *state;
    static struct listed sagas[SAGAS];
    put_all(world, sagas);
    uint32_t places[SAGAS];
    struct sk_list_filter filter = { .sort = SK_SORT_UPDATED };
    assert_int_equal(walk(world, filter, 100, sagas, places), SAGAS);
    struct sk_read read = { .kind = SK_READ_LIST, .filter = filter, .limit = 10 };
    read.filter.offset = 80;
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->heads_count, 10);
    assert_false(rows->has_more);
    for (uint32_t i = 0; i < 10; i++)
        assert_true(sk_str_equal(rows->heads[i].id, sagas[places[80 + i]].head.id));
    read.filter.offset = 70;
    assert_true(world_read(world, &read)->has_more);
    read.filter.offset = SAGAS;
    assert_int_equal(world_read(world, &read)->heads_count, 0);
}
