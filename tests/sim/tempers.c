/*
 * tempers.c: participants, and what stands before them, at their worst: bodies that nobody can use,
 * proxies that answer in their place, 409 and 410 and 404, Retry-After of any size, services that
 * are down for a while, books that are lost, a no to what was done, a verify that never knows.
 *
 *   B5  Nothing here says that something did not happen which did, but for a participant that lies,
 *       and one that has lost its book: what they did is excused, and counted (check_undo.c).
 */
#include "participants.h"

enum { HUGE_SIZE = 12000 };

/* Participants 0 and 1 are kind ones, and no one is odd in the calm. */
static bool is_odd(struct sim_books *books, const struct sim_unit_book *unit, enum sim_fault fault)
{
    return unit->participant->temper > 0 && sim_strikes(books->world, fault);
}

static struct sk_str huge_body(struct sim_books *books)
{
    if (books->huge.size > 0) return books->huge;
    char *text = sk_arena_alloc(&books->world->arena, HUGE_SIZE);
    memset(text, 'x', HUGE_SIZE);
    text[0] = text[HUGE_SIZE - 1] = '"';
    books->huge = (struct sk_str){ text, HUGE_SIZE };
    return books->huge;
}

static int64_t odd_pause_ms(struct sim_world *world)
{
    static const int64_t pauses[] = { 0, 1, 999, 7000, 30000, 90000 };
    return pauses[sim_below(sim_dice(world, SIM_FAULT_RETRY_AFTER),
                            sizeof pauses / sizeof pauses[0])];
}

static const char *act_and_fail_to_say(struct sim_books *books, struct sim_unit_book *unit,
                                       struct sim_key_book *key, const struct sim_request *request,
                                       const char *what)
{
    sim_books_apply(books, unit, request);
    key->decided = SIM_APPLIED;
    return what;
}

const char *sim_temper_act(struct sim_books *books, struct sim_unit_book *unit,
                           struct sim_key_book *key, const struct sim_request *request,
                           struct sim_answer *out)
{
    if (is_odd(books, unit, SIM_FAULT_BODY_GARBAGE)) {
        sim_answer(out, 200, SK_STR("\xff\xfe{\"ok\":"));
        return act_and_fail_to_say(books, unit, key, request, "act-garbage");
    }
    if (is_odd(books, unit, SIM_FAULT_BODY_HUGE)) {
        sim_answer(out, 200, huge_body(books));
        if (sim_chance(sim_dice(books->world, SIM_FAULT_BODY_HUGE), 300))
            sim_answer_nothing(out, SK_HTTP_TOO_LARGE, true);
        return act_and_fail_to_say(books, unit, key, request, "act-huge");
    }
    if (is_odd(books, unit, SIM_FAULT_CONFLICT)) {
        sim_answer(out, 409, SK_STR("{\"error\":{\"code\":\"in_progress\"}}"));
        return "act-conflict";
    }
    if (is_odd(books, unit, SIM_FAULT_RETRY_AFTER)) {
        sim_answer_busy(out, odd_pause_ms(books->world));
        return "act-retry-after";
    }
    if (is_odd(books, unit, SIM_FAULT_LIES)) {
        (void)act_and_fail_to_say(books, unit, key, request, "");
        key->decided = SIM_REFUSED;
        unit->is_excused = true;
        sim_answer_refusal(out);
        return "act-lies";
    }
    return NULL;
}

/* 410 and 404 are true: nothing is there. */
const char *sim_temper_undo(struct sim_books *books, struct sim_unit_book *unit,
                            struct sim_answer *out)
{
    bool is_standing = unit->applied_order > unit->undone_order;
    if (!is_standing && is_odd(books, unit, SIM_FAULT_GONE)) {
        bool is_404 = sim_chance(sim_dice(books->world, SIM_FAULT_GONE), 500);
        sim_books_undo(books, unit);
        sim_answer(out, is_404 ? 404 : 410, SK_STR(""));
        return is_404 ? "undo-not-found" : "undo-gone";
    }
    if (is_odd(books, unit, SIM_FAULT_BODY_GARBAGE)) {
        sim_books_undo(books, unit);
        sim_answer(out, 200, SK_STR("\xff\xfe"));
        return "undo-garbage";
    }
    if (is_odd(books, unit, SIM_FAULT_RETRY_AFTER)) {
        sim_answer_busy(out, odd_pause_ms(books->world));
        return "undo-retry-after";
    }
    return NULL;
}

const char *sim_temper_verify(struct sim_books *books, struct sim_unit_book *unit,
                              struct sim_answer *out)
{
    struct sim_world *world = books->world;
    if (is_odd(books, unit, SIM_FAULT_VERIFY_NULL))
        unit->nulls = 1 + sim_below(sim_dice(world, SIM_FAULT_VERIFY_NULL), 12);
    if (unit->nulls > 0 && !world->is_calm) {
        unit->nulls -= 1;
        sim_answer(out, 200, SK_STR("{\"happened\":null}"));
        return "verify-null-again";
    }
    if (is_odd(books, unit, SIM_FAULT_BODY_GARBAGE)) {
        sim_answer(out, 200, SK_STR("\"perhaps\""));
        return "verify-garbage";
    }
    return NULL;
}

/* ---- on the way ------------------------------------------------------------------------------ */

static void refuse_at_door(struct sim_world *world, struct sim_answer *out)
{
    static const enum sk_http_failure failures[] = { SK_HTTP_REFUSED, SK_HTTP_NETWORK,
                                                     SK_HTTP_CONNECT_TIMEOUT, SK_HTTP_NETWORK };
    uint32_t i = sim_below(sim_dice(world, SIM_FAULT_DOWN), 4);
    sim_answer_nothing(out, failures[i], i == 3); /* the last: reset behind the first bytes */
}

bool sim_temper_line(struct sim_books *books, const struct sim_request *request,
                     struct sim_answer *out)
{
    static const uint16_t statuses[] = { 401, 403, 404, 405, 413, 414, 431, 302, 502, 504, 103 };
    struct sim_world *world = books->world;
    const struct sim_participant *who = sim_participant_of(books, request->service);
    if (who->down_until_us > world->now_us && !world->is_calm) {
        refuse_at_door(world, out);
    } else if (who->temper > 0 && sim_strikes(world, SIM_FAULT_PROXY)) {
        uint32_t i =
            sim_below(sim_dice(world, SIM_FAULT_PROXY), sizeof statuses / sizeof statuses[0]);
        uint16_t status = statuses[i];
        /* B5: to an undo a 404 says that nothing is there. */
        if (status == 404 && request->operation == SK_OPERATION_COMPENSATION) status = 403;
        sim_answer(out, status, SK_STR("<html>who are you?</html>"));
    } else {
        return false;
    }
    sim_answer_conclude(world, request, out);
    return true;
}

int64_t sim_temper_delay(struct sim_world *world)
{
    if (!sim_strikes(world, SIM_FAULT_REPLY_LATE)) return 0;
    return sim_between(sim_dice(world, SIM_FAULT_REPLY_LATE), 500 * SIM_MS, 20 * SIM_S);
}

/* ---- for a while ----------------------------------------------------------------------------- */

/* Its store was restored, or emptied: keys and tombstones are gone. */
static void lose_book(struct sim_books *books, const struct sim_participant *who)
{
    const struct sim_map *units = &books->units;
    for (uint32_t i = 0; i < units->capacity; i++) {
        struct sim_unit_book *unit = units->slots[i].value;
        if (unit == NULL || unit->participant != who) continue;
        unit->has_tombstone = false;
        unit->is_excused = true;
        for (struct sim_key_book *key = unit->keys; key != NULL; key = key->next)
            key->decided = SIM_UNDECIDED;
    }
}

static void on_second(void *context)
{
    struct sim_books *books = context;
    struct sim_world *world = books->world;
    if (world->is_calm) return;
    for (uint32_t i = 2; i < SIM_PARTICIPANTS; i++) {
        struct sim_participant *who = &books->participants[i];
        if (sim_strikes(world, SIM_FAULT_DOWN))
            who->down_until_us =
                world->now_us + sim_between(sim_dice(world, SIM_FAULT_DOWN), SIM_S, 15 * SIM_S);
        if (sim_strikes(world, SIM_FAULT_AMNESIA)) lose_book(books, who);
    }
    sim_after(world, SIM_S, on_second, books);
}

void sim_tempers_init(struct sim_books *books)
{
    const uint32_t *rates = books->world->profile.faults;
    if (rates[SIM_FAULT_DOWN] + rates[SIM_FAULT_AMNESIA] > 0)
        sim_after(books->world, SIM_S, on_second, books);
}
