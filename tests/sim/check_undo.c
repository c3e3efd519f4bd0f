/*
 * check_undo.c: laws 5 and 6. At the end the participants' books and the sagas agree: what was
 * applied belongs to a completed saga, or was undone after its last application, or stands in what
 * the saga exempts (nothing declared, `skip`, residue), or in the open list of a failed one.
 *
 * Excused, and counted: what an unguarded participant did after its deadline, and what the network
 * repeated after a no (participants.c); no engine could have known of it.
 */
#include "check.h"

#include "base/json.h"

static _Noreturn void fail(struct sim_world *world, const struct sim_unit_book *book,
                           const struct sk_saga *saga, const char *what)
{
    sim_fail(world, "undo what may have happened", book->saga_id,
             "%.*s, item %d, is applied %u and undone %u times; %s (saga %s)",
             SK_STR_ARGS(book->step_id), book->item, book->applied_count, book->undone_count, what,
             sk_saga_state_name(saga->state));
}

static bool has_begun_undoing(const struct sim_row *row)
{
    for (uint32_t i = 0; i < row->events_count; i++) {
        if (row->events[i].type == SK_EVENT_SAGA_COMPENSATING) return true;
    }
    return false;
}

/* What may stand although the saga was undone. */
static bool is_exempt(const struct sk_saga *saga, const struct sk_step *step,
                      const struct sk_unit *unit)
{
    enum sk_compensation_type type = step->compensation.type;
    if (type == SK_UNDO_NONE || type == SK_UNDO_SKIP) return true;
    if (unit->undo_state == SK_UNDO_RESIDUE || unit->undo_state == SK_UNDO_SKIPPED) return true;
    return saga->state == SK_SAGA_FAILED && unit->undo_state == SK_UNDO_FAILED;
}

/* What was done in the time that a restore took back, and the saga has not asked for again by the
 * same key (a retry has another): nobody can know of it. What it has asked for again is judged at
 * participants that keep their keys. */
static bool is_lost(const struct sim_unit_book *book)
{
    bool keeps_keys = book->participant->is_guarded && book->participant->is_idempotent;
    if (!book->is_restored || !book->is_heard_again || !keeps_keys) return book->is_restored;
    for (const struct sim_key_book *key = book->keys; key != NULL; key = key->next) {
        if (key->is_lost && key->decided == SIM_APPLIED) return true;
    }
    return false;
}

/* Its no was told twice, and the second one is the answer to that attempt that is recorded late:
 * the yes behind it is no news any more (law 12). Whoever contradicts himself has no better one. */
static bool has_said_no_late(const struct sim_row *row, const struct sim_unit_book *book,
                             uint32_t step)
{
    for (uint32_t i = 0; book->has_contradicted && i < row->events_count; i++) {
        if (row->events[i].type != SK_EVENT_STEP_LATE || row->events[i].step != step) continue;
        struct sk_event event = sim_event_of(&row->events[i]);
        if (event.item == book->item && event.flags != SK_OUTCOME_SUCCEEDED) return true;
    }
    return false;
}

/* Completed by force: what is not done properly stands in the list of what was left, or came late
 * and stands in the residue. */
static bool is_told(const struct sk_saga *saga, const struct sk_step *step,
                    const struct sk_unit *unit, const struct sim_unit_book *book)
{
    static const char *const lists[] = { "done", "maybe", "in_flight" };
    if (unit->state == SK_STEP_COMPLETED || unit->undo_state == SK_UNDO_RESIDUE) return true;
    if (unit->undo_state == SK_UNDO_SKIPPED || book->is_excused || saga->left.size == 0)
        return saga->left.size > 0 || book->is_excused;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct sk_json_iter it = sk_json_walk(sk_json_member(saga->left, sk_str_of(lists[i])));
        while (sk_json_next(&it)) {
            if (sk_json_string_is(it.value, step->id)) return true;
        }
    }
    return false;
}

static void judge(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga,
                  const struct sim_unit_book *book)
{
    uint32_t index = sk_plan_step(saga->plan, book->step_id);
    uint32_t place = book->item < 0 ? 0 : (uint32_t)book->item;
    bool is_there = index != SK_STEP_NONE && place < saga->steps[index].units_count;
    if (is_lost(book)) {
        world->checks->excused += 1;
        return;
    }
    if (!is_there) fail(world, book, saga, "there is no such step or item");
    const struct sk_step *step = &saga->plan->steps[index];
    const struct sk_unit *unit = &saga->steps[index].units[place];
    world->checks->judged[SIM_CHECK_UNDO] += 1;
    if (unit->first_start_seq == 0) fail(world, book, saga, "it was never started");
    bool is_standing = book->applied_order > book->undone_order;
    bool is_undone_saga = saga->state != SK_SAGA_COMPLETED;
    if (!is_undone_saga && book->undone_count > 0 && !book->is_restored &&
        !has_begun_undoing(row)) {
        fail(world, book, saga, "it was undone in a saga that went forward");
    }
    if (!is_undone_saga && unit->state == SK_STEP_COMPLETED && !book->applied_count &&
        !saga->is_forced && step->kind != SK_KIND_WAIT) {
        fail(world, book, saga, "it counts as completed and never happened");
    }
    /* Removed before anybody took what its participant had to say. */
    bool is_unheard = book->owed > 0 || has_said_no_late(row, book, index);
    if (is_standing && saga->is_forced && !is_undone_saga && !is_unheard &&
        !is_told(saga, step, unit, book))
        fail(world, book, saga, "it stands, and nobody who looks at the forced saga is told");
    if (!is_undone_saga || !is_standing || is_exempt(saga, step, unit)) return;
    if (book->is_excused || is_unheard) {
        world->checks->excused += 1;
        return;
    }
    fail(world, book, saga, "it stands");
}

static const struct sim_unit_book *find_book(const struct sim_saga_book *book,
                                             struct sk_str step_id, int32_t item)
{
    const struct sim_unit_book *unit = book == NULL ? NULL : book->units;
    while (unit != NULL && (unit->item != item || !sk_str_equal(unit->step_id, step_id)))
        unit = unit->next;
    return unit;
}

/* The other way round: what the saga says was done stands in the books. */
static void judge_unit(struct sim_world *world, const struct sim_row *row,
                       const struct sim_saga_book *books, const struct sk_saga *saga, uint32_t step,
                       uint32_t place)
{
    const struct sk_step *s = &saga->plan->steps[step];
    const struct sk_unit *unit = &saga->steps[step].units[place];
    if (s->kind != SK_KIND_HTTP && s->kind != SK_KIND_FUNCTION) return;
    const struct sim_unit_book *book =
        find_book(books, s->id, s->items == NULL ? -1 : (int32_t)place);
    world->checks->judged[SIM_CHECK_UNDO] += 1;
    if (unit->state == SK_STEP_COMPLETED && (book == NULL || book->applied_count == 0))
        sim_fail(world, "undo what may have happened", row->head.id,
                 "%.*s counts as completed and never happened", SK_STR_ARGS(s->id));
    if (unit->undo_state == SK_UNDO_DONE && (book == NULL || book->undone_count == 0))
        sim_fail(world, "undo what may have happened", row->head.id,
                 "%.*s counts as undone and never was", SK_STR_ARGS(s->id));
    if (unit->undo_state == SK_UNDO_RESIDUE && saga->residue_count == 0)
        sim_fail(world, "undo what may have happened", row->head.id,
                 "%.*s stands and the saga lists no residue", SK_STR_ARGS(s->id));
}

void sim_check_undo(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga)
{
    const struct sim_saga_book *books = sim_books_saga(world->books, row->head.id);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++)
            judge_unit(world, row, books, saga, s, i);
    }
    const struct sim_unit_book *unit = books == NULL ? NULL : books->units;
    for (; unit != NULL; unit = unit->next) {
        if (unit->applied_count + unit->undone_count > 0) judge(world, row, saga, unit);
    }
}
