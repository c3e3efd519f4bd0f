/*
 * check_letters.c: dead letters exist for what needs a person, and for nothing else: an undo that
 * has failed, a step of which nobody knows whether it happened, a clear no where the step must
 * succeed. A letter is written with the event it is about, and is gone with the event that settles
 * it.
 */
#include "check.h"

#include "core/core_private.h"
#include "workload.h"

static const char *const name = "dead letters";

static bool needs_person(const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_COMPENSATION_FAILED: return event->kind == 0;
    case SK_EVENT_COMPENSATION_SKIPPED: return event->kind == SK_UNDO_SKIP_UNSETTLED;
    case SK_EVENT_STEP_WAITING: return event->kind == SK_FOR_HUMAN;
    default: return false;
    }
}

static bool ends_all(const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_SAGA_COMPLETED:
    case SK_EVENT_SAGA_COMPENSATED:
    case SK_EVENT_SAGA_CANCELLED:
    case SK_EVENT_SAGA_TIMED_OUT: return true;
    default: return false;
    }
}

static bool settles(const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_STEP_COMPLETED:
    case SK_EVENT_STEP_FAILED:
    case SK_EVENT_STEP_SKIPPED:
    case SK_EVENT_VERIFY_COMPLETED:
    case SK_EVENT_COMPENSATION_COMPLETED:
    case SK_EVENT_COMPENSATION_SKIPPED:
    case SK_EVENT_COMPENSATION_FAILED: return true;
    default: return needs_person(event); /* and has a letter of its own */
    }
}

/* Nobody needs to look at what the event is about any more: which later event says so, 0 = none. */
static uint64_t settled_at(const struct sim_row *row, uint32_t at)
{
    struct sk_event event = sim_event_of(&row->events[at]);
    for (uint32_t i = at + 1; i < row->events_count; i++) {
        struct sk_event later = sim_event_of(&row->events[i]);
        bool is_same = later.step == event.step && (later.item == event.item || later.item < 0);
        if (ends_all(&later) || (is_same && settles(&later))) return later.seq;
    }
    return 0;
}

/* A letter of this saga at the event or just behind it (its alert comes between). */
static bool has_letter(const struct sim_shard *shard, const struct sim_row *row, uint64_t seq)
{
    for (uint32_t i = 0; i < shard->letters_count; i++) {
        const struct sk_dead_letter_row *letter = &shard->letters[i];
        if (letter->no == row->head.no && (letter->seq == seq || letter->seq == seq + 1))
            return true;
    }
    return false;
}

void sim_check_letters(struct sim_world *world, const struct sim_row *row)
{
    const struct sim_shard *shard = &world->store->shards[row->head.shard];
    const struct sim_beside *beside = &world->load->beside;
    bool may_lack =
        sim_map_get(&beside->seen_to, row->head.id) != NULL || sim_is_imported(world, row);
    if (may_lack) return; /* a person has deleted one; an export takes none along */
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        if (!needs_person(&event)) continue;
        world->checks->judged[SIM_CHECK_LETTERS] += 1;
        if (settled_at(row, i) != 0) continue; /* its letter is gone: judged below */
        if (has_letter(shard, row, event.seq)) continue;
        sim_fail(world, name, row->head.id, "event %llu, %s, has no dead letter",
                 (unsigned long long)event.seq, sk_event_type_name(event.type));
    }
}

static bool is_about_something(const struct sim_row *row, uint64_t seq)
{
    for (uint32_t i = 0; i < row->events_count; i++) {
        if (row->events[i].seq + 1 < seq || row->events[i].seq > seq) continue;
        struct sk_event event = sim_event_of(&row->events[i]);
        if (needs_person(&event) && settled_at(row, i) == 0) return true;
    }
    return false;
}

/* The other way round. */
void sim_check_letters_end(struct sim_world *world)
{
    for (uint32_t s = 0; s < world->store->meta.shards_count; s++) {
        struct sim_shard *shard = &world->store->shards[s];
        for (uint32_t i = 0; i < shard->letters_count; i++) {
            const struct sk_dead_letter_row *letter = &shard->letters[i];
            const struct sim_row *row = sim_shard_row(shard, letter->no);
            if (row != NULL && !row->is_removed && is_about_something(row, letter->seq)) continue;
            sim_fail(world, name, row == NULL ? (struct sk_str){ 0 } : row->head.id,
                     "the letter %.*s is about nothing", SK_STR_ARGS(letter->id));
        }
    }
}
