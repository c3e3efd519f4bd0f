/* participants.c: B1–B4. */
#include "participants.h"
#include "reached.h"
#include "sim_store.h"

#include <stdio.h>
#include <stdlib.h>

void sim_books_init(struct sim_books *books, struct sim_world *world)
{
    *books = (struct sim_books){ .world = world };
    sim_map_init(&books->units, &world->arena);
    sim_map_init(&books->hooks, &world->arena);
    sim_map_init(&books->sagas, &world->arena);
    struct sim_rng rng;
    sim_rng_init(&rng, world->seed, 4);
    for (uint32_t i = 0; i < SIM_PARTICIPANTS; i++) {
        struct sim_participant *p = &books->participants[i];
        *p = (struct sim_participant){
            .index = i,
            .is_guarded = (i & 1u) == 0,    /* 0, 2, 4, 6 */
            .is_idempotent = (i & 2u) == 0, /* 0, 1, 4, 5 */
            .temper = i < 2 ? 0 : 1000,
            .usual_us = sim_between(&rng, SIM_MS, 40 * SIM_MS),
        };
        int64_t off = world->profile.clock_offset_ms;
        p->clock_offset_ms = sim_between(&rng, -off, off);
    }
    sim_tempers_init(books);
}

/* Services are called p0 … p7. */
struct sim_participant *sim_participant_of(struct sim_books *books, struct sk_str service)
{
    uint32_t index = 0;
    if (service.size >= 2) index = (uint32_t)(uint8_t)(service.data[1] - '0') % SIM_PARTICIPANTS;
    return &books->participants[index];
}

struct sim_saga_book *sim_books_saga(const struct sim_books *books, struct sk_str saga_id)
{
    return sim_map_get(&books->sagas, saga_id);
}

static struct sim_unit_book *unit_of(struct sim_books *books, const struct sim_request *request)
{
    char text[512];
    int size = snprintf(text, sizeof text, "%.*s/%.*s/%d", SK_STR_ARGS(request->saga_id),
                        SK_STR_ARGS(request->step_id), request->item);
    struct sk_str name = { text, (size_t)size };
    struct sim_unit_book *unit = sim_map_get(&books->units, name);
    if (unit != NULL) return unit;
    struct sk_arena *arena = &books->world->arena;
    unit = SK_ARENA_NEW(arena, struct sim_unit_book);
    unit->saga_id = request->saga_id;
    unit->step_id = request->step_id;
    unit->item = request->item;
    unit->participant = sim_participant_of(books, request->service);
    sim_map_put(&books->units, name, unit);
    struct sim_saga_book *saga = sim_books_saga(books, request->saga_id);
    if (saga == NULL) {
        saga = SK_ARENA_NEW(arena, struct sim_saga_book);
        sim_map_put(&books->sagas, request->saga_id, saga);
    }
    unit->next = saga->units;
    saga->units = unit;
    return unit;
}

static struct sim_key_book *key_of(struct sim_books *books, struct sim_unit_book *unit,
                                   struct sk_str key)
{
    for (struct sim_key_book *book = unit->keys; book != NULL; book = book->next) {
        if (sk_str_equal(book->key, key)) return book;
    }
    struct sim_key_book *book = SK_ARENA_NEW(&books->world->arena, struct sim_key_book);
    book->key = key;
    book->next = unit->keys;
    unit->keys = book;
    return book;
}

static void log_visit(struct sim_books *books, struct sim_unit_book *unit,
                      const struct sim_request *request, const char *what)
{
    struct sim_visit *visit = SK_ARENA_NEW(&books->world->arena, struct sim_visit);
    *visit = (struct sim_visit){
        books->world->now_us, request->operation, request->attempt, request->round, what, NULL
    };
    if (unit->visits_last != NULL)
        unit->visits_last->next = visit;
    else
        unit->visits = visit;
    unit->visits_last = visit;
    books->visits += 1;
    sim_reached_visit(books->world, what);
    sim_note(books->world, what, (uint64_t)request->operation, (uint64_t)request->attempt,
             request->key);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Functions that are asked for a condition are called c0 … c7: the same answer to the same key. */
static const char *said_by_function(struct sk_str key)
{
    static const char *const answers[] = { "true", "true", "false", "{\"no\":\"answer\"}" };
    return answers[sk_hash_id(key) % 4];
}

static void answer_success(struct sim_books *books, const struct sim_request *request,
                           struct sim_answer *out)
{
    bool is_poison = books->world->profile.has_poison && sim_chance(&books->world->faults, 5);
    bool is_asked = request->service.size > 0 && request->service.data[0] == 'c';
    const char *usual = is_poison ? "{\"ok\":true,\"note\":\"poisoned\"}" : "{\"ok\":true,\"n\":7}";
    sim_answer(out, 200, sk_str_of(is_asked ? said_by_function(request->key) : usual));
}

static const char *broke(struct sim_answer *out, const char *what)
{
    sim_answer(out, 500, SK_STR("oops"));
    return what;
}

static const char *busy(struct sim_answer *out, const char *what)
{
    sim_answer_busy(out, 0);
    return what;
}

static const char *refused(struct sim_answer *out, const char *what)
{
    sim_answer_refusal(out);
    return what;
}

/* Whether this fault strikes this visit. */
static bool strikes(struct sim_books *books, const struct sim_unit_book *unit, uint32_t permille)
{
    struct sim_world *world = books->world;
    return !world->is_calm && unit->participant->temper > 0 && sim_chance(&world->faults, permille);
}

/* ---- action ---------------------------------------------------------------------------------- */

static bool is_late(const struct sim_books *books, const struct sim_unit_book *unit,
                    const struct sim_request *request)
{
    return sim_now_ms(books->world) + unit->participant->clock_offset_ms > request->deadline_ms;
}

/* A node whose clock was set by more than the skew allowance thinks deadlines over that are not; a
 * guard does not mind. */
static bool has_wrong_clocks(const struct sim_books *books)
{
    return books->world->profile.faults[SIM_FAULT_CLOCK_JUMP] > 0;
}

/* Law 6, the engine's half: what arrives for the first time and in time is never behind its
 * compensation. */
static void check_not_overtaken(struct sim_books *books, const struct sim_unit_book *unit,
                                const struct sim_request *request)
{
    if (!unit->has_tombstone || request->deliveries > 0 || is_late(books, unit, request)) return;
    if (has_wrong_clocks(books) || unit->is_restored) return;
    sim_fail(books->world, "undo what may have happened", unit->saga_id,
             "%.*s was compensated while attempt %u could still arrive in time",
             SK_STR_ARGS(request->key), request->attempt);
}

/* Excused is what no engine can know of: an unguarded participant that acts after the deadline, and
 * a request which the network repeats after its first copy was answered with a no. */
void sim_books_apply(struct sim_books *books, struct sim_unit_book *unit,
                     const struct sim_request *request)
{
    bool is_standing = unit->applied_order > unit->undone_order;
    unit->applied_count += 1;
    unit->applied_order = ++books->order;
    books->applied += 1;
    if (!is_standing && (request->deliveries > 0 || is_late(books, unit, request)))
        unit->is_excused = true;
    bool is_settled = unit->undone_count > 0 || unit->is_denied;
    if (is_settled && has_wrong_clocks(books)) unit->is_excused = true;
}

static void accept_for_later(struct sim_books *books, struct sim_unit_book *unit,
                             struct sim_key_book *key, const struct sim_request *request,
                             struct sim_answer *out)
{
    bool succeeds = !sim_chance(&books->world->faults, 300);
    if (succeeds) {
        sim_books_apply(books, unit, request);
        key->decided = SIM_APPLIED;
    } else {
        /* What the network repeats is refused later, and that no may be heard before the first
         * copy's yes: of an attempt the first answer counts. */
        if (request->deliveries > 0 && key->decided == SIM_APPLIED) unit->is_excused = true;
        key->decided = SIM_REFUSED;
    }
    sim_answer_pending(out);
    struct sim_request later = *request;
    bool has_earlier = unit->token.size > 0 && unit->token_round == request->round &&
                       unit->token_attempt < request->attempt;
    if (has_earlier && sim_strikes(books->world, SIM_FAULT_TOKEN_EARLIER))
        later.token = unit->token;
    sim_complete_later(books->world, &later, succeeds);
}

static const char *act(struct sim_books *books, struct sim_unit_book *unit,
                       const struct sim_request *request, struct sim_answer *out)
{
    const struct sim_profile *p = &books->world->profile;
    const struct sim_participant *who = unit->participant;
    struct sim_key_book *key = key_of(books, unit, request->key);
    check_not_overtaken(books, unit, request);
    if (who->is_idempotent && key->decided == SIM_APPLIED)
        return answer_success(books, request, out), "act-again";
    if (who->is_idempotent && key->decided == SIM_REFUSED) return refused(out, "refuse-again");
    if (who->is_guarded && unit->has_tombstone) {
        sim_answer(out, 410, SK_STR("{\"error\":{\"code\":\"compensated\"}}"));
        return "guard-tombstone";
    }
    if (who->is_guarded && is_late(books, unit, request)) {
        sim_answer(out, 408, SK_STR(""));
        return "guard-deadline";
    }
    const char *odd = sim_temper_act(books, unit, key, request, out);
    if (odd != NULL) return odd;
    if (strikes(books, unit, p->retryable)) {
        return busy(out, "act-busy");
    }
    if (strikes(books, unit, p->unclear)) {
        return broke(out, "act-broke-before");
    }
    if (request->token.size > 0 && strikes(books, unit, p->contradicts)) {
        sim_books_apply(books, unit, request);
        key->decided = SIM_APPLIED;
        unit->has_contradicted = true;
        sim_complete_later(books->world, request, true);
        return refused(out, "act-says-no");
    }
    if (strikes(books, unit, p->refuses)) {
        key->decided = SIM_REFUSED;
        return refused(out, "act-refused");
    }
    if (strikes(books, unit, p->pending) && request->token.size > 0) {
        return accept_for_later(books, unit, key, request, out), "act-accepted";
    }
    sim_books_apply(books, unit, request);
    key->decided = SIM_APPLIED;
    if (strikes(books, unit, p->unclear_applied)) {
        return broke(out, "act-broke-after");
    }
    return answer_success(books, request, out), "act";
}

/* ---- compensation, verify, the rest ---------------------------------------------------------- */

void sim_books_undo(struct sim_books *books, struct sim_unit_book *unit)
{
    unit->has_tombstone = true;
    unit->undone_count += 1;
    unit->undone_order = ++books->order;
    books->undone += 1;
}

static const char *undo(struct sim_books *books, struct sim_unit_book *unit,
                        const struct sim_request *request, struct sim_answer *out)
{
    const struct sim_profile *p = &books->world->profile;
    struct sim_key_book *key = key_of(books, unit, request->key);
    if (unit->participant->is_idempotent && key->decided == SIM_REFUSED)
        return refused(out, "undo-no-again");
    const char *odd = sim_temper_undo(books, unit, out);
    if (odd != NULL) return odd;
    if (strikes(books, unit, p->retryable)) {
        return busy(out, "undo-busy");
    }
    if (strikes(books, unit, p->unclear)) {
        return broke(out, "undo-broke-before");
    }
    if (strikes(books, unit, p->undo_refuses)) {
        key->decided = SIM_REFUSED;
        return refused(out, "undo-refused");
    }
    sim_books_undo(books, unit);
    key->decided = SIM_APPLIED;
    if (strikes(books, unit, p->unclear_applied)) {
        return broke(out, "undo-broke-after");
    }
    if (strikes(books, unit, p->pending) && request->token.size > 0) {
        sim_answer_pending(out);
        sim_complete_later(books->world, request, true);
        return "undo-accepted";
    }
    return answer_success(books, request, out), "undo";
}

static const char *verify(struct sim_books *books, struct sim_unit_book *unit,
                          struct sim_answer *out)
{
    const char *odd = sim_temper_verify(books, unit, out);
    if (odd != NULL) return odd;
    if (strikes(books, unit, books->world->profile.unclear)) {
        return broke(out, "verify-broke");
    }
    if (strikes(books, unit, books->world->profile.retryable)) {
        sim_answer(out, 200, SK_STR("{\"happened\":null}"));
        return "verify-null";
    }
    bool happened = unit->applied_order > unit->undone_order;
    if (!happened) unit->is_denied = true;
    sim_answer(out, 200,
               happened ? SK_STR("{\"happened\":true,\"output\":{\"ok\":true,\"n\":7}}")
                        : SK_STR("{\"happened\":false}"));
    return happened ? "verify-yes" : "verify-no";
}

static const char *poll(struct sim_books *books, struct sim_unit_book *unit, struct sim_answer *out)
{
    if (strikes(books, unit, books->world->profile.unclear)) {
        return broke(out, "poll-broke");
    }
    if (strikes(books, unit, books->world->profile.fails / 4)) {
        sim_answer(out, 200, SK_STR("{\"ready\":false,\"lost\":true}"));
        return "poll-lost";
    }
    bool is_ready = sim_chance(&books->world->faults, books->world->is_calm ? 900 : 400);
    sim_answer(out, 200, is_ready ? SK_STR("{\"ready\":true}") : SK_STR("{\"ready\":false}"));
    return is_ready ? "poll-ready" : "poll-not-yet";
}

/* Whether to try again. It need not be an answer that anybody understands. */
static void decide(struct sim_books *books, const struct sim_request *request,
                   struct sim_answer *out)
{
    static const char *const answers[] = { "true",
                                           "false",
                                           "{\"retry\":true,\"after_ms\":1500}",
                                           "{\"retry\":false}",
                                           "\"perhaps\"",
                                           "{\"retry\":true,\"after_ms\":-5}" };
    struct sim_world *world = books->world;
    *out = (struct sim_answer){ 0 };
    books->visits += 1;
    sim_note(world, "decide", (uint64_t)request->operation, request->attempt, request->key);
    if (!world->is_calm && sim_chance(&world->faults, 100)) {
        sim_reached(world, SIM_REACHED_DECIDE_BREAKS);
        out->outcome = (struct sk_outcome){ .class_ = SK_OUTCOME_FAILED, .code = SK_STR("broken") };
        return;
    }
    uint32_t index = sim_below(&world->faults, 6);
    out->outcome = (struct sk_outcome){ .class_ = SK_OUTCOME_SUCCEEDED,
                                        .output = sk_str_of(answers[index]),
                                        .is_answered = true };
    sim_reached(world, index == 0 || index == 2   ? SIM_REACHED_DECIDE_AGAIN
                       : index == 1 || index == 3 ? SIM_REACHED_DECIDE_GIVE_UP
                                                  : SIM_REACHED_DECIDE_NOTHING);
}

/* What is told to people and other services: noted, and refused now and then. */
static void hear(struct sim_books *books, const struct sim_request *request, struct sim_answer *out)
{
    struct sim_world *world = books->world;
    const struct sim_profile *p = &world->profile;
    sim_map_put(&books->hooks, request->key, books);
    books->visits += 1;
    sim_note(world, "hook", (uint64_t)request->operation, request->attempt, request->key);
    if (!world->is_calm && sim_chance(&world->faults, p->retryable))
        sim_answer(out, 429, SK_STR(""));
    else if (!world->is_calm && sim_chance(&world->faults, p->unclear))
        sim_answer(out, 500, SK_STR(""));
    else if (!world->is_calm && sim_chance(&world->faults, 50))
        sim_answer_refusal(out);
    else
        answer_success(books, request, out);
}

void sim_books_excuse(struct sim_books *books, const struct sim_request *request)
{
    unit_of(books, request)->is_excused = true;
}

void sim_books_restored(struct sim_books *books, int64_t from_us)
{
    const struct sim_map *units = &books->units;
    for (uint32_t i = 0; i < units->capacity; i++) {
        struct sim_unit_book *unit = units->slots[i].value;
        if (unit != NULL && unit->visits_last->at_us > from_us) {
            unit->is_restored = true;
            unit->is_heard_again = false;
            for (struct sim_key_book *key = unit->keys; key != NULL; key = key->next)
                key->is_lost |= key->acted_us > from_us;
        }
    }
}

void sim_participant_visit(struct sim_books *books, struct sim_request *request,
                           struct sim_answer *out)
{
    if (request->operation == SK_OPERATION_HOOK) {
        hear(books, request, out);
        request->deliveries += 1;
        sim_answer_conclude(books->world, request, out);
        return;
    }
    if (request->operation == SK_OPERATION_DECISION) {
        decide(books, request, out);
        request->deliveries += 1;
        return;
    }
    struct sim_unit_book *unit = unit_of(books, request);
    request->unit = unit;
    const char *what = NULL;
    bool is_of_lost_time = sim_store_lost(books->world->store, request->sent_us);
    uint32_t applied = unit->applied_count;
    if (is_of_lost_time)
        unit->is_restored = true;
    else if (request->operation == SK_OPERATION_ACTION && unit->is_restored)
        unit->is_heard_again = true;
    switch (request->operation) {
    case SK_OPERATION_ACTION: what = act(books, unit, request, out); break;
    case SK_OPERATION_COMPENSATION: what = undo(books, unit, request, out); break;
    case SK_OPERATION_VERIFY: what = verify(books, unit, out); break;
    case SK_OPERATION_POLL: what = poll(books, unit, out); break;
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION: break; /* above */
    }
    /* Done now, and not asked for again since: a worker who got his task before. */
    if (is_of_lost_time && unit->applied_count > applied) unit->is_heard_again = false;
    if (request->operation == SK_OPERATION_ACTION) {
        struct sim_key_book *key = key_of(books, unit, request->key);
        key->acted_us = books->world->now_us;
        key->is_lost = is_of_lost_time && (key->is_lost || unit->applied_count > applied);
    }
    if (request->operation == SK_OPERATION_ACTION && unit->token.size == 0) {
        unit->token = request->token;
        unit->token_attempt = request->attempt;
        unit->token_round = request->round;
    }
    request->deliveries += 1;
    log_visit(books, unit, request, what);
    sim_answer_conclude(books->world, request, out);
}
