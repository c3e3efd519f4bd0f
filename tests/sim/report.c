/*
 * report.c: how a run that found something ends: which law is broken, the saga's definition, what
 * happened to it, its participants' books, the end of the trace, and the one command that repeats
 * it.
 */
#include "report.h"

#include "check.h"
#include "cut.h"
#include "node.h"
#include "verdict.h"
#include "workload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *checker, *law;
} laws[] = {
    { "write ahead", "law 2: nothing is seen outside whose event is not durable" },
    { "acknowledged starts", "law 10: nothing that was acknowledged is lost" },
    { "undo what may have happened",
      "laws 5, 6: what was done belongs to a completed saga, or is undone and never done again" },
    { "undo order", "law 7: compensations run against the order of the steps' first starts" },
    { "key and request", "law 4: the same operation has the same key and the same request" },
    { "replay = live", "law 3: the fold of the stored events is the state" },
    { "one owner", "law 9: one owner of a shard writes and sends" },
    { "every saga ends", "law 11: every saga ends once faults cease" },
    { "nothing undone past a pivot", "what is past its pivot is not undone" },
    { "locks are exclusive", "a key has one holder, the first that asked" },
    { "time and policy", "no pause ends early, no attempt goes beyond the policy" },
    { "hooks", "each end calls for its hooks once, and each of them ends" },
    { "tasks", "a task has one worker at a time" },
    { "rows agree", "what is stored beside the histories agrees with them" },
    { "retention", "what is over for good goes, and nothing else" },
    { "explained", "law 11: an active saga waits for something that can be named" },
    { "undone once",
      "laws 5, 8: what was done or may have been is undone once, and nothing else is" },
    { "a failing undo stops no other", "law 8: a failing compensation does not stop the others" },
    { "no undo before its action", "law 6: no undo begins while an attempt may still arrive" },
    { "late answers",
      "law 12: the first late answer of each attempt is recorded, and means what it may" },
    { "no timer early", "no pause, time-out or lease ends before its time" },
    { "attempts within policy", "no attempt goes beyond the policy" },
    { "decide is pure", "law 1: the same command on the same state makes the same bytes" },
    { "memory is given back", "when its nodes are gone, so is all memory they took" },
    { "dead letters", "what needs a person has a dead letter, and nothing else has" },
    { "locks are fair", "a key goes to whoever asked first" },
    { "bounded queues", "what waits is bounded" },
    { "batches", "a batch ends, tells each saga once, and leaves none out" },
    { "schedules", "an instant starts one saga, and not before its time" },
    { "second model", "docs/internals/semantics.md, as another program understands it" },
    { "moves", "a state follows only on what it may follow on" },
    { "determinism", "law 1: the same commands in the same order make the same bytes" },
};

static const char *law_of(const char *checker)
{
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        if (strcmp(laws[i].checker, checker) == 0) return laws[i].law;
    }
    return "";
}

/* ---- the saga -------------------------------------------------------------------------------- */

static void print_books(const struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_saga_book *book =
        world->books == NULL ? NULL : sim_books_saga(world->books, saga_id);
    for (const struct sim_unit_book *unit = book == NULL ? NULL : book->units; unit != NULL;
         unit = unit->next) {
        printf("  %.*s%s", SK_STR_ARGS(unit->step_id), unit->item < 0 ? "" : " item ");
        if (unit->item >= 0) printf("%d", unit->item);
        printf(" at p%u (%s, %s): done %u, undone %u\n", unit->participant->index,
               unit->participant->is_guarded ? "guarded" : "unguarded",
               unit->participant->is_idempotent ? "idempotent" : "does again what is repeated",
               unit->applied_count, unit->undone_count);
    }
}

/* false: it is no saga, or not stored. */
static bool print_saga(const struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_row *row = world->store == NULL ? NULL : sim_store_row(world->store, saga_id);
    if (row == NULL || row->events_count == 0) return false;
    const struct sim_definition *definition =
        sim_store_definition(world->store, &row->head.definition);
    printf("\nsaga %.*s, in shard %u", SK_STR_ARGS(saga_id), row->head.shard);
    if (row->head.parent.size > 0) printf(", child of %.*s", SK_STR_ARGS(row->head.parent));
    printf("\n\nits definition\n");
    if (definition != NULL) sim_print_definition(definition->row.source);
    printf("\nwhat happened (seconds; events by the engines' clocks)\n");
    sim_print_timeline(world, row);
    printf("\nits participants' books\n");
    print_books(world, saga_id);
    return true;
}

/* No saga in particular: which there are. */
static void print_sagas(const struct sim_world *world)
{
    enum { SHOWN_MAX = 12 };
    uint32_t count = 0;
    if (world->store == NULL) return;
    printf("\nthe sagas\n");
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (row->head.is_lock || count++ >= SHOWN_MAX) continue;
        printf("  %.*s: %s, %u events%s\n", SK_STR_ARGS(row->head.id),
               sk_saga_state_name((enum sk_saga_state)row->head.state), row->events_count,
               row->is_removed ? ", removed" : "");
    }
    if (count > SHOWN_MAX) printf("  and %u more\n", count - SHOWN_MAX);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void print_world(const struct sim_world *world)
{
    const struct sim_profile *p = &world->profile;
    uint32_t starts = world->load == NULL ? 0 : (uint32_t)world->load->counts.starts;
    printf("world: seed %" PRIu64 ", %u start%s, %u node%s, %u shard%s; faults:", world->seed,
           starts, starts == 1 ? "" : "s", p->nodes_count, p->nodes_count == 1 ? "" : "s",
           p->shards_count, p->shards_count == 1 ? "" : "s");
    bool has_faults = false;
    for (uint32_t i = 0; sim_fault_name(i) != NULL; i++) {
        if (!sim_fault_is_on(i, p)) continue;
        printf(" %s", sim_fault_name(i));
        has_faults = true;
    }
    printf("%s\n", has_faults ? "" : " none");
}

static void print_command(const struct sim_world *world)
{
    if (sim_is_shrunk) return; /* the parent tells */
    struct sk_buf arguments;
    sk_buf_init(&arguments, 0);
    sim_cut_print(world->cut, &arguments);
    printf("\nreplay: skald-sim --seed %" PRIu64 "%s\n", world->seed, sk_buf_text(&arguments));
    sk_buf_release(&arguments);
    fflush(stdout);
}

void sim_fail(struct sim_world *world, const char *checker, struct sk_str saga_id,
              const char *format, ...)
{
    char sentence[sizeof sim_verdict->sentence];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    sim_verdict_note(world, checker, saga_id, sentence);
    if (sim_is_silent) _exit(1);
    if (sim_report_file != NULL) (void)dup2(fileno(sim_report_file), STDOUT_FILENO);
    printf("\nFAIL %s: %.*s%s%s\n", checker, SK_STR_ARGS(saga_id), saga_id.size > 0 ? ": " : "",
           sentence);
    if (law_of(checker)[0] != '\0') printf("%s\n", law_of(checker));
    printf("found at %.3f s\n", (double)world->now_us / 1e6);
    print_world(world);
    if (saga_id.size == 0 || !print_saga(world, saga_id)) {
        print_sagas(world);
        printf("\nthe end of the trace (--trace shows all)\n");
        if (!world->is_tracing) sim_print_notes(world, 40);
    }
    print_command(world);
    exit(1);
}

/* A broken invariant of the production code. */
void sk_panic(const char *condition, const char *file, int line)
{
    char sentence[256];
    (void)snprintf(sentence, sizeof sentence, "%s:%d: broken invariant: %s", file, line, condition);
    sim_verdict_note(sim_current, "panic", (struct sk_str){ 0 }, sentence);
    if (sim_is_silent) _exit(1);
    if (sim_report_file != NULL) (void)dup2(fileno(sim_report_file), STDOUT_FILENO);
    printf("\nPANIC %s\n", sentence);
    if (sim_current != NULL) {
        print_world(sim_current);
        sim_print_notes(sim_current, 60);
        print_command(sim_current);
    }
    fflush(stdout);
    abort();
}
