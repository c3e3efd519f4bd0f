/*
 * shrink.c: greedy, coarse before fine, in rounds until nothing more goes, with ever more lucks a
 * cut, or the time is over. A cut counts when the same checker complains, whatever it says.
 */
#include "shrink.h"

#include "shrink_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LUCKS_FEW = 8, LUCKS_MANY = 512, LUCKS_OF_CROWD = 3, CROWD = 20, CHILD_SECONDS_MAX = 20 };

struct shrink {
    uint64_t seed;
    struct sim_run_options options; /* cut: the smallest so far */
    struct sim_verdict *verdict;    /* of the last try */
    struct sim_verdict *found;      /* of options.cut */
    char checker[sizeof((struct sim_verdict *)NULL)->checker];
    struct sk_arena arena; /* definitions */
    double end_s;
    uint64_t tries, lucks; /* so many lucks a cut gets: more, round by round */
};

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- one try --------------------------------------------------------------------------------- */

struct lucky_run {
    struct shrink *shrink;
    struct sim_run_options options;
    uint64_t first, count; /* lucks */
};

static uint64_t luck_of(const struct lucky_run *run, uint64_t n)
{
    uint64_t own = run->shrink->options.cut.luck;
    return n == 0 ? own : n <= own ? n - 1 : n; /* the one that worked first, then 0, 1, … */
}

static void run_lucks(void *context)
{
    struct lucky_run *run = context;
    struct sim_totals totals = { 0 };
    for (uint64_t n = run->first; n < run->count && clock_s() < run->shrink->end_s; n++) {
        run->options.cut.luck = sim_verdict->luck = luck_of(run, n);
        sim_run(run->shrink->seed, &run->options, &totals);
    }
}

/* Does this cut break the same law, with one luck or another? Then it is the smallest so far. */
static bool breaks(struct shrink *shrink, const struct sim_cut *cut, uint64_t lucks)
{
    struct lucky_run run = { shrink, shrink->options, 0, lucks };
    run.options.cut = *cut;
    while (run.first < lucks && clock_s() < shrink->end_s) {
        shrink->tries += 1;
        if (!sim_run_apart(shrink->verdict, true, CHILD_SECONDS_MAX, run_lucks, &run)) return false;
        if (strcmp(shrink->verdict->checker, shrink->checker) == 0) {
            struct sim_verdict *swap = shrink->found;
            shrink->found = shrink->verdict;
            shrink->verdict = swap;
            shrink->options.cut = *cut;
            shrink->options.cut.luck = shrink->found->luck;
            return true;
        }
        /* Another law, or no definition any more: then no luck helps. */
        if (strcmp(shrink->verdict->checker, "workload") == 0) return false;
        while (run.first < lucks && luck_of(&run, run.first) != shrink->verdict->luck) run.first++;
        run.first += 1;
    }
    return false;
}

/* ---- starts ---------------------------------------------------------------------------------- */

static uint32_t kept_starts(const struct shrink *shrink, uint32_t kept[SIM_ONLY_MAX])
{
    uint32_t count = 0, most = shrink->found->profile.sagas_count;
    for (uint32_t i = 0; i < most && i < SIM_ONLY_MAX; i++) {
        if (sim_cut_has_start(&shrink->options.cut, i)) kept[count++] = i;
    }
    return count;
}

static struct sim_cut with_starts(const struct shrink *shrink, const uint32_t *starts,
                                  uint32_t count)
{
    struct sim_cut cut = shrink->options.cut;
    memset(cut.only, 0, sizeof cut.only);
    cut.has_only = true;
    for (uint32_t i = 0; i < count; i++)
        cut.only[starts[i] / 64] |= UINT64_C(1) << (starts[i] % 64);
    return cut;
}

/* The others in pieces of `size`. */
static bool drop_pieces(struct shrink *shrink, uint32_t size)
{
    uint32_t kept[SIM_ONLY_MAX], rest[SIM_ONLY_MAX];
    uint32_t count = kept_starts(shrink, kept);
    bool has_dropped = false;
    for (uint32_t from = 0; from < count && count > 1;) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < count; i++) {
            bool is_dropped = i >= from && i < from + size && kept[i] != shrink->found->start;
            if (!is_dropped) rest[n++] = kept[i];
        }
        struct sim_cut cut = with_starts(shrink, rest, n);
        if (n > 0 && n < count &&
            breaks(shrink, &cut, n > CROWD ? LUCKS_OF_CROWD : shrink->lucks)) {
            has_dropped = true;
            count = kept_starts(shrink, kept);
        } else {
            from += size;
        }
        if (clock_s() >= shrink->end_s) break;
    }
    return has_dropped;
}

static bool drop_starts(struct shrink *shrink)
{
    uint32_t kept[SIM_ONLY_MAX];
    uint32_t count = kept_starts(shrink, kept);
    bool has_dropped = false;
    if (count <= 1) return false;
    if (shrink->found->start != SIM_NO_START) {
        struct sim_cut cut = with_starts(shrink, &shrink->found->start, 1);
        if (breaks(shrink, &cut, LUCKS_MANY)) return true;
    }
    for (uint32_t size = (count + 1) / 2; size > 0; size /= 2)
        has_dropped = drop_pieces(shrink, size) || has_dropped;
    return has_dropped;
}

/* ---- faults, nodes, shards ------------------------------------------------------------------- */

static bool drop_faults(struct shrink *shrink)
{
    struct sim_cut cut = shrink->options.cut;
    const uint64_t before = cut.without;
    for (uint32_t row = 0; sim_fault_name(row) != NULL; row++) {
        if (sim_fault_is_on(row, &shrink->found->profile)) cut.without |= UINT64_C(1) << row;
    }
    if (cut.without == before) return false;
    if (breaks(shrink, &cut, shrink->lucks)) return true;
    for (uint32_t row = 0; sim_fault_name(row) != NULL; row++) {
        if (!sim_fault_is_on(row, &shrink->found->profile)) continue;
        cut = shrink->options.cut;
        cut.without |= UINT64_C(1) << row;
        (void)breaks(shrink, &cut, shrink->lucks);
    }
    return shrink->options.cut.without != before;
}

/* Those that the world never had are off as well: that names fewer. */
static void name_faults(struct sim_cut *cut, const struct sim_profile *profile)
{
    for (uint32_t row = 0; cut->without != 0 && sim_fault_name(row) != NULL; row++) {
        if (!sim_fault_is_on(row, profile)) cut->without |= UINT64_C(1) << row;
    }
}

static bool drop_machines(struct shrink *shrink)
{
    bool has_dropped = false;
    for (uint32_t nodes = 1; nodes < shrink->found->profile.nodes_count; nodes++) {
        struct sim_cut cut = shrink->options.cut;
        cut.nodes = nodes;
        if (breaks(shrink, &cut, shrink->lucks)) has_dropped = true;
    }
    for (uint32_t shards = 1; shards < shrink->found->profile.shards_count; shards *= 2) {
        struct sim_cut cut = shrink->options.cut;
        cut.shards = shards;
        if (breaks(shrink, &cut, shrink->lucks)) has_dropped = true;
    }
    return has_dropped;
}

/* ---- definitions ----------------------------------------------------------------------------- */

static bool drop_piece(struct shrink *shrink, uint32_t index, const struct sim_piece *piece)
{
    struct sk_str text = { shrink->found->sources[index], shrink->found->source_sizes[index] };
    struct sk_buf smaller;
    sk_buf_init(&smaller, 0);
    sim_without_piece(text, piece, &smaller);
    struct sim_cut cut = shrink->options.cut;
    cut.definitions[index] = sk_arena_copy(&shrink->arena, sk_buf_view(&smaller));
    sk_buf_release(&smaller);
    return breaks(shrink, &cut, shrink->lucks);
}

static bool drop_from_definition(struct shrink *shrink, uint32_t index)
{
    static struct sim_piece pieces[SIM_PIECES_MAX];
    bool has_dropped = false;
    uint32_t at = 0;
    while (clock_s() < shrink->end_s) {
        struct sk_str text = { shrink->found->sources[index], shrink->found->source_sizes[index] };
        uint32_t count = sim_pieces(text, pieces);
        while (at < count && clock_s() < shrink->end_s && !drop_piece(shrink, index, &pieces[at]))
            at++;
        if (at >= count) break;
        has_dropped = true;
    }
    return has_dropped;
}

static bool drop_from_definitions(struct shrink *shrink)
{
    bool has_dropped = false;
    if (strcmp(shrink->checker, "workload") == 0) return false; /* it may be about their text */
    for (uint32_t i = 0; i < SIM_DEFINITIONS_MAX; i++) {
        if ((shrink->found->used >> i & 1u) == 0 || shrink->found->source_sizes[i] == 0) continue;
        has_dropped = drop_from_definition(shrink, i) || has_dropped;
    }
    return has_dropped;
}

/* One that nobody needs any more is not worth a word in the command. */
static void forget_definitions(struct shrink *shrink)
{
    for (uint32_t i = 0; i < SIM_DEFINITIONS_MAX; i++) {
        struct sim_cut cut = shrink->options.cut;
        if (cut.definitions[i].size == 0) continue;
        cut.definitions[i] = (struct sk_str){ 0 };
        (void)breaks(shrink, &cut, 1);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

struct sim_shrunk sim_shrink(const struct sim_verdict *found, const struct sim_run_options *options,
                             double seconds_max)
{
    double start_s = clock_s();
    struct shrink shrink = { .seed = found->seed, .options = *options };
    shrink.end_s = start_s + seconds_max;
    shrink.options.is_tracing = false;
    shrink.options.checks_determinism = strcmp(found->checker, "determinism") == 0;
    shrink.options.runs_once = !shrink.options.checks_determinism;
    shrink.verdict = sim_verdict_new();
    shrink.found = sim_verdict_new();
    struct sim_shrunk shrunk = { .cut = options->cut };
    if (shrink.verdict == NULL || shrink.found == NULL) return shrunk;
    sk_arena_init(&shrink.arena);
    memcpy(shrink.checker, found->checker, sizeof shrink.checker);
    struct sim_cut cut = options->cut;
    shrunk.is_repeated = breaks(&shrink, &cut, 1);
    shrink.lucks = LUCKS_FEW;
    while (shrunk.is_repeated && shrink.lucks <= LUCKS_MANY && clock_s() < shrink.end_s) {
        bool goes_on = drop_starts(&shrink);
        goes_on = drop_faults(&shrink) || goes_on;
        goes_on = drop_machines(&shrink) || goes_on;
        goes_on = drop_from_definitions(&shrink) || goes_on;
        if (!goes_on) shrink.lucks *= LUCKS_FEW;
    }
    shrink.end_s = clock_s() + 2;
    if (shrunk.is_repeated) forget_definitions(&shrink);
    shrunk.cut = shrink.options.cut;
    if (shrunk.is_repeated) name_faults(&shrunk.cut, &shrink.found->profile);
    shrunk.tries = shrink.tries;
    shrunk.seconds = clock_s() - start_s;
    sim_verdict_free(shrink.verdict);
    sim_verdict_free(shrink.found);
    sim_verdict = NULL;
    return shrunk; /* the arena stays: the cut's definitions lie in it */
}
