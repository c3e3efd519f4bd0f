/*
 * retention.c: finished sagas go when their time is over, or when there are too many of them.
 *
 *      every retention.interval:  AGE --pages--> tallies --> COUNT (all) --> COUNT (each
 *      definition) --pages--> rest
 *      a page: read (at most PAGE) --> each that is ours begins its removal --> all answered -->
 *      a pause --> the next
 *
 *   K1  Nothing goes before max(retention, idempotency window): until then a repeated start must
 *       find its saga. An unresolved `failed` is a person's business and stays.
 *   K2  At most PAGE removals are under way, each in an ordinary part: the loop and the commits of
 *       others are never kept waiting by more than that.
 *   K3  A pass forgets everything at a crash: the next one begins anew and finds what is left.
 *   K4  COUNT removes in the order of acceptance, by the tallies: exact at the moment of reading.
 */
#include "engine/engine_private.h"

#include "engine/group.h"

enum { PAGE = 64, PAUSE_MS = 20 };
#define STATES_SETTLED                                                               \
    (1u << SK_SAGA_COMPLETED | 1u << SK_SAGA_COMPENSATED | 1u << SK_SAGA_CANCELLED | \
     1u << SK_SAGA_TIMED_OUT)

enum phase { PHASE_AGE, PHASE_COUNT };

struct goal {                 /* of PHASE_COUNT */
    struct sk_str definition; /* empty = of all */
    uint64_t excess;
};

struct sk_retention {
    struct sk_owned owned;
    struct sk_engine *engine;
    struct sk_alarm alarm; /* the next page or pass */
    enum phase phase;
    struct sk_arena arena; /* of the pass: goals */
    struct goal *goals;
    uint32_t goals_count, goal;
    struct sk_arena cursor_arena;
    int64_t cursor_ms;
    struct sk_str cursor_id;
    uint32_t under_way;
    bool is_passing, has_more, is_paging;
};

static void free_retention(struct sk_owned *owned)
{
    struct sk_retention *retention = sk_container_of(owned, struct sk_retention, owned);
    sk_arena_release(&retention->arena);
    sk_arena_release(&retention->cursor_arena);
    sk_free(retention);
}

static void next_page(struct sk_retention *retention);

/* ---- the pass -------------------------------------------------------------------------------- */

static void end_pass(struct sk_retention *retention)
{
    struct sk_engine *engine = retention->engine;
    retention->is_passing = false;
    engine->stats.retention_at_ms = sk_engine_now(engine);
    sk_alarm_set(engine, &retention->alarm,
                 engine->stats.retention_at_ms + engine->options.retention_interval_ms);
}

static void set_cursor(struct sk_retention *retention, int64_t at_ms, struct sk_str id)
{
    sk_arena_clear(&retention->cursor_arena);
    retention->cursor_ms = at_ms;
    retention->cursor_id = sk_arena_copy(&retention->cursor_arena, id);
}

static void pause_then_next(struct sk_retention *retention)
{
    struct sk_engine *engine = retention->engine;
    sk_alarm_set(engine, &retention->alarm, sk_engine_now(engine) + PAUSE_MS);
}

static void on_tallies(struct sk_engine *engine, void *context, struct sk_rows *rows);

/* This goal or phase is done. */
static void next_goal(struct sk_retention *retention)
{
    struct sk_engine *engine = retention->engine;
    set_cursor(retention, 0, (struct sk_str){ 0 });
    bool has_max =
        engine->options.retention_max > 0 || engine->options.retention_max_per_definition > 0;
    if (retention->phase == PHASE_AGE && has_max) {
        retention->phase = PHASE_COUNT;
        struct sk_read read = { .kind = SK_READ_TALLIES };
        sk_engine_store_read(engine, &read, on_tallies, retention);
        return;
    }
    if (retention->phase == PHASE_COUNT && retention->goal + 1 < retention->goals_count) {
        retention->goal += 1;
        pause_then_next(retention);
        return;
    }
    end_pass(retention);
}

/* ---- how many are too many ------------------------------------------------------------------- */

/* Siblings do the same at the same time, each for its own shards. */
static uint64_t share_of(const struct sk_engine *engine, uint64_t excess)
{
    const struct sk_engine_options *options = &engine->options;
    if (options->group == NULL) return excess;
    uint32_t count = sk_group_count(options->group);
    return excess / count + (options->group_member < excess % count ? 1 : 0);
}

static void add_goal(struct sk_retention *retention, struct sk_str definition, uint64_t have,
                     uint64_t max)
{
    if (max == 0 || have <= max) return;
    uint64_t excess = share_of(retention->engine, have - max);
    if (excess == 0) return;
    retention->goals[retention->goals_count++] = (struct goal){
        .definition = sk_arena_copy(&retention->arena, definition),
        .excess = excess,
    };
}

static struct sk_str definition_name(const struct sk_engine *engine, const struct sk_digest *digest)
{
    struct sk_plan_entry *entry = NULL;
    HASH_FIND(hh, engine->plans, digest->bytes, SK_DIGEST_SIZE, entry);
    return entry == NULL ? (struct sk_str){ 0 } : entry->id;
}

struct family {
    struct sk_str definition;
    uint64_t count;
};

static void count_family(struct family *families, uint32_t *count, struct sk_str definition,
                         uint64_t n)
{
    uint32_t i = 0;
    while (i < *count && !sk_str_equal(families[i].definition, definition)) i += 1;
    if (i == *count) families[(*count)++] = (struct family){ definition, 0 };
    families[i].count += n;
}

static void set_goals(struct sk_retention *retention, const struct sk_rows *rows)
{
    const struct sk_engine_options *options = &retention->engine->options;
    struct sk_arena *arena = &retention->arena;
    sk_arena_clear(arena);
    retention->goal = retention->goals_count = 0;
    struct family *families = SK_ARENA_ARRAY(arena, struct family, rows->tallies_count + 1);
    retention->goals = SK_ARENA_ARRAY(arena, struct goal, rows->tallies_count + 1);
    if (arena->failed) return;
    uint32_t families_count = 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < rows->tallies_count; i++) {
        const struct sk_tally_row *row = &rows->tallies[i];
        if (row->n <= 0 || (STATES_SETTLED >> row->state & 1u) == 0) continue;
        total += (uint64_t)row->n;
        struct sk_str name = definition_name(retention->engine, &row->definition);
        if (name.size > 0) count_family(families, &families_count, name, (uint64_t)row->n);
    }
    add_goal(retention, (struct sk_str){ 0 }, total, options->retention_max);
    for (uint32_t i = 0; i < families_count; i++) {
        add_goal(retention, families[i].definition, families[i].count,
                 options->retention_max_per_definition);
    }
}

static void on_tallies(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_retention *retention = context;
    retention->goals_count = 0;
    if (rows->status == SKALD_OK) set_goals(retention, rows);
    if (retention->goals_count == 0) {
        end_pass(retention);
    } else {
        next_page(retention);
    }
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void page_done(struct sk_retention *retention)
{
    bool is_reached = retention->phase == PHASE_COUNT && retention->goals_count > 0 &&
                      retention->goals[retention->goal].excess == 0;
    if (retention->has_more && !is_reached) {
        pause_then_next(retention);
    } else {
        next_goal(retention);
    }
}

static void on_removed(struct sk_engine *engine, void *context, bool is_removed)
{
    struct sk_retention *retention = context;
    retention->under_way -= 1;
    if (is_removed) engine->stats.retention_removed += 1;
    if (is_removed && retention->phase == PHASE_COUNT) {
        struct goal *goal = &retention->goals[retention->goal];
        if (goal->excess > 0) goal->excess -= 1;
    }
    if (retention->under_way == 0 && !retention->is_paging) page_done(retention);
}

static int64_t cutoff_of(const struct sk_retention *retention)
{
    const struct sk_engine_options *options = &retention->engine->options;
    int64_t age_ms = options->idempotency_window_ms;
    if (retention->phase == PHASE_AGE && options->retention_ms > age_ms)
        age_ms = options->retention_ms;
    return sk_engine_now(retention->engine) - age_ms;
}

static void on_page(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct sk_retention *retention = context;
    if (rows->status != SKALD_OK || engine->phase != SK_PHASE_OPEN) {
        end_pass(retention); /* the next one tries again */
        return;
    }
    retention->has_more = rows->has_more;
    retention->is_paging = true; /* what ends inside this loop is not yet the page's end */
    uint64_t room = PAGE;
    if (retention->phase == PHASE_COUNT && retention->goals[retention->goal].excess < room)
        room = retention->goals[retention->goal].excess;
    for (uint32_t i = 0; i < rows->heads_count && room > 0; i++) {
        const struct sk_head *head = &rows->heads[i];
        retention->under_way += 1;
        if (sk_removal_begin(engine, head, cutoff_of(retention), on_removed, retention)) {
            room -= 1;
        } else {
            retention->under_way -= 1;
        }
        set_cursor(retention,
                   retention->phase == PHASE_AGE ? head->ended_at_ms : head->created_at_ms,
                   head->id);
    }
    retention->is_paging = false;
    if (retention->under_way == 0) page_done(retention);
}

static void next_page(struct sk_retention *retention)
{
    int64_t cutoff_ms = cutoff_of(retention);
    if (retention->cursor_arena.failed || cutoff_ms <= 0) {
        end_pass(retention);
        return;
    }
    bool is_age = retention->phase == PHASE_AGE;
    struct sk_read read = { .kind = SK_READ_LIST,
                            .filter = { .states = STATES_SETTLED,
                                        .ended_to_ms = cutoff_ms,
                                        .only_closed = true,
                                        .sort = is_age ? SK_SORT_ENDED : SK_SORT_CREATED,
                                        .is_ascending = true,
                                        .cursor_created_at_ms = retention->cursor_ms,
                                        .cursor_id = retention->cursor_id },
                            .limit = PAGE };
    if (!is_age) read.filter.definition_id = retention->goals[retention->goal].definition;
    sk_engine_store_read(retention->engine, &read, on_page, retention);
}

static void on_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_retention *retention = sk_container_of(alarm, struct sk_retention, alarm);
    if (engine->phase != SK_PHASE_OPEN) {
        retention->is_passing = false;
        sk_alarm_set(engine, alarm, sk_engine_now(engine) + engine->options.retention_interval_ms);
        return;
    }
    if (!retention->is_passing) {
        retention->is_passing = true;
        retention->phase = PHASE_AGE;
        set_cursor(retention, 0, (struct sk_str){ 0 });
        if (engine->options.retention_ms == 0) {
            next_goal(retention);
            return;
        }
    }
    next_page(retention);
}

void sk_retention_init(struct sk_engine *engine)
{
    const struct sk_engine_options *options = &engine->options;
    if (options->retention_ms == 0 && options->retention_max == 0 &&
        options->retention_max_per_definition == 0) {
        return; /* everything is kept */
    }
    struct sk_retention *retention = sk_alloc(sizeof *retention);
    if (retention == NULL) {
        sk_engine_notice(engine, SK_LOG_WARN, "memory.retention", SK_STR(""),
                         "no memory for retention: everything is kept until the next start",
                         SK_STR(""));
        return;
    }
    retention->engine = engine;
    sk_arena_init(&retention->arena);
    sk_arena_init(&retention->cursor_arena);
    retention->alarm.fn = on_alarm;
    sk_own(engine, &retention->owned, free_retention);
    sk_alarm_set(engine, &retention->alarm, sk_engine_now(engine) + options->retention_interval_ms);
}
