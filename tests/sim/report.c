/*
 * report.c: how a run that found something ends: what is wrong, the saga's definition and history,
 * what its participants saw, the end of the trace, and the one command that replays it.
 */
#include "check.h"
#include "node.h"
#include "workload.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void print_event(const struct sim_world *world, const struct sim_row *row, uint32_t index)
{
    struct sk_event event = sim_event_of(&row->events[index]);
    const struct sim_definition *definition =
        sim_store_definition(world->store, &row->head.definition);
    struct sk_buf json;
    sk_buf_init(&json, 0);
    sk_event_json(&event, &json);
    char step[24] = "";
    if (event.step != SK_STEP_NONE && definition != NULL)
        snprintf(step, sizeof step, "step %u", event.step);
    if (event.item >= 0)
        snprintf(step + strlen(step), sizeof step - strlen(step), "[%d]", event.item);
    printf("  %4" PRIu64 " %10.3f s  %-24s %-10s a%u r%u  %.*s\n", event.seq,
           (double)(event.at_ms - SIM_EPOCH_MS) / 1e3, sk_event_type_name(event.type), step,
           event.attempt, event.round, (int)(json.size < 160 ? json.size : 160),
           json.size > 0 ? json.data : "");
    sk_buf_release(&json);
}

static const char *operation_name(enum sk_operation operation)
{
    static const char *const names[] = { "action", "compensation", "verify", "hook", "poll" };
    return names[operation];
}

static void print_books(const struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_saga_book *book = sim_books_saga(world->books, saga_id);
    if (book == NULL) return;
    for (const struct sim_unit_book *unit = book->units; unit != NULL; unit = unit->next) {
        printf("  %.*s item %d at participant %u (%s, %s): applied %u, undone %u\n",
               SK_STR_ARGS(unit->step_id), unit->item, unit->participant->index,
               unit->participant->is_guarded ? "guarded" : "unguarded",
               unit->participant->is_idempotent ? "idempotent" : "repeats", unit->applied_count,
               unit->undone_count);
        for (const struct sim_visit *visit = unit->visits; visit != NULL; visit = visit->next) {
            printf("       %10.3f s  %-12s a%u r%u  %s\n", (double)visit->at_us / 1e6,
                   operation_name(visit->operation), visit->attempt, visit->round, visit->what);
        }
    }
}

static void print_saga(const struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_row *row = world->store == NULL ? NULL : sim_store_row(world->store, saga_id);
    if (row == NULL) return;
    const struct sim_definition *definition =
        sim_store_definition(world->store, &row->head.definition);
    printf("\nsaga %.*s, shard %u\n", SK_STR_ARGS(saga_id), row->head.shard);
    if (definition != NULL) printf("%.*s\n", SK_STR_ARGS(definition->row.source));
    printf("\nhistory\n");
    for (uint32_t i = 0; i < row->events_count; i++) print_event(world, row, i);
    printf("\nbooks\n");
    print_books(world, saga_id);
    if (row->head.parent.size > 0) printf("parent %.*s\n", SK_STR_ARGS(row->head.parent));
}

static void print_command(const struct sim_world *world)
{
    printf("\nreplay: skald-sim --seed %" PRIu64 "\n", world->seed);
    fflush(stdout);
}

void sim_fail(struct sim_world *world, const char *checker, struct sk_str saga_id,
              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("\nFAIL seed %" PRIu64 " at %.6f s, %s: %.*s: ", world->seed,
           (double)world->now_us / 1e6, checker, SK_STR_ARGS(saga_id));
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    if (saga_id.size > 0) print_saga(world, saga_id);
    if (!world->is_tracing) {
        printf("\nthe end of the trace\n");
        sim_print_notes(world, 40);
    }
    print_command(world);
    exit(1);
}

/* A broken invariant of the production code. */
void sk_panic(const char *condition, const char *file, int line)
{
    printf("\nPANIC %s:%d: broken invariant: %s\n", file, line, condition);
    if (sim_current != NULL) {
        sim_print_notes(sim_current, 60);
        print_command(sim_current);
    }
    fflush(stdout);
    abort();
}
