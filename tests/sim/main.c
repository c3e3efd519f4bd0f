/*
 * main.c: skald-sim: simulates worlds until told to stop, and ends with 1 at the first broken law.
 * What it can be told stands in arguments.c; `skald-sim --help` prints it.
 */
#include "spoil.h"
#include "supervise.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SAGAS_FOR_ALL = 1000000, SAGAS_FOR_NAMES = 10000 };

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_counts(const struct sim_totals *t)
{
    printf("judged:");
    for (uint32_t i = 0; i < SIM_CHECKERS_COUNT; i++) {
        printf("%s %s %" PRIu64, i > 0 ? "," : "", sim_checker_name((enum sim_checker)i),
               t->judged[i]);
    }
    printf("\nended:");
    for (uint32_t i = 1; i < SK_SAGA_STATES_COUNT; i++) {
        if (t->ends[i] > 0)
            printf(" %s %" PRIu64, sk_saga_state_name((enum sk_saga_state)i), t->ends[i]);
    }
    printf("; excused %" PRIu64 "\nparts: done %" PRIu64 " passing %" PRIu64 " not-known %" PRIu64
           " fenced %" PRIu64 " refused %" PRIu64 " broken %" PRIu64 "; events %" PRIu64
           ", requests %" PRIu64 ", commands %" PRIu64 "\n",
           t->excused, t->results[SK_PART_DONE], t->results[SK_PART_PASSING],
           t->results[SK_PART_NOT_KNOWN], t->results[SK_PART_FENCED], t->results[SK_PART_REFUSED],
           t->results[SK_PART_BROKEN], t->events, t->visits, t->commands);
}

/* A run whose checkers never ran proves nothing. A single world may well lack a lock or a pivot. */
static int verdict(const struct sim_arguments *a, const struct sim_totals *t, double seconds)
{
    int status = 0;
    print_counts(t);
    bool must_reach_all = a->is_standard || t->sagas >= SAGAS_FOR_ALL;
    bool names_all = must_reach_all || t->sagas > SAGAS_FOR_NAMES;
    enum sim_reached_show show = names_all ? SIM_REACHED_NAMES : SIM_REACHED_TABLE;
    if (!a->is_one && sim_reached_print(&t->reached, show) > 0 && must_reach_all) {
        printf("FAIL so many sagas must have reached everything\n");
        status = 1;
    }
    for (uint32_t i = 0; i < SIM_CHECKERS_COUNT; i++) {
        bool is_required = t->seeds >= 50 || i == SIM_CHECK_WRITE_AHEAD ||
                           i == SIM_CHECK_LIVENESS || i == SIM_CHECK_OWNER;
        if (t->judged[i] > 0 || !is_required) continue;
        printf("FAIL checker \"%s\" never ran\n", sim_checker_name((enum sim_checker)i));
        status = 1;
    }
    printf("%s: %" PRIu64 " sagas in %" PRIu64 " worlds from seed %" PRIu64 ", %" PRIu64
           " of them twice; %.1f s, %.0f sagas/s\n",
           status == 0 ? "clean" : "FAILED", t->sagas, t->seeds, a->first, t->twice, seconds,
           (double)t->sagas / (seconds > 0.001 ? seconds : 0.001));
    return status;
}

/* What is rare may come a little later when somebody has changed the worlds: so many more of them,
 * then it counts as unreached. */
static int go_on(struct sim_arguments *a, struct sim_totals *totals)
{
    uint64_t first = a->first, size = a->last / 4, most = a->last + a->last / 2;
    int status = 0;
    while (status == 0 && a->last < most &&
           sim_reached_print(&totals->reached, SIM_REACHED_SILENT) > 0) {
        a->first = a->last + 1;
        a->last += size;
        status = sim_supervise(a, totals);
    }
    a->first = first;
    return status;
}

int main(int argc, char **argv)
{
    struct sim_arguments a = { 0 };
    struct sim_totals totals = { 0 };
    const char *problem = NULL;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("skald-sim: sagas in worlds made from numbers\n%s", sim_usage);
        return 0;
    }
    if (!sim_arguments_read(&a, argc - 1, argv + 1, &problem)) {
        fprintf(stderr, "skald-sim: %s\n%s", problem, sim_usage);
        return 2;
    }
    /* Worlds come and go: their memory stays with the process. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 26);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (a.seeds_file != NULL) return sim_run_kept(&a);
    if (a.broken != NULL) return sim_run_spoils(&a);
    if (!a.has_first)
        a.first = (uint64_t)time(NULL) * 1000000u + (uint64_t)getpid() % 1000u * 1000u;
    double start_s = clock_s();
    if (sim_supervise(&a, &totals) != 0) return 1;
    if (a.is_standard && go_on(&a, &totals) != 0) return 1;
    return totals.seeds == 0 ? 0 : verdict(&a, &totals, clock_s() - start_s);
}
