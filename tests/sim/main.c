/*
 * main.c: skald-sim: simulates worlds until told to stop, and ends with 1 at the first broken law.
 *
 *   skald-sim --seed N [--sagas K]      world N, and the following ones until K sagas were
 *   simulated skald-sim --seeds A..B              those worlds
 *   skald-sim --seconds S [--from N]    fresh worlds for so long
 *   skald-sim --standard                fixed worlds, which must reach every row of reached.h
 *   skald-sim --total K --state FILE    K sagas in all, going on where FILE says the last run
 *   stopped
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The standard seeds are STANDARD_SEEDS worlds from 1 on. */
enum { SAGAS_FOR_ALL = 100000, STANDARD_SEEDS = 900 };

struct arguments {
    struct sim_run_options run;
    uint64_t first, last; /* last: included; 0 = open */
    uint64_t sagas;       /* stop when so many were simulated; 0 = no such bound */
    double seconds;       /* 0 = no such bound */
    uint32_t jobs;
    const char *state;
    bool is_quiet, has_first, is_one, is_standard;
};

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(const char *problem)
{
    fprintf(
        stderr,
        "skald-sim: %s\n"
        "  --seed N [--sagas K]     world N and the following ones, until K sagas were simulated\n"
        "  --seeds A..B             those worlds\n"
        "  --seconds S [--from N]   fresh worlds for so long\n"
        "  --total K --state FILE   K sagas in all, resumable\n"
        "  --standard               the same worlds always; they must reach everything\n"
        "  --trace                  prints everything that happens (with --seed)\n"
        "  --check-determinism      runs each world twice and compares the traces\n"
        "  --jobs J                 so many processes at once\n",
        problem);
    return 2;
}

/* ---- running --------------------------------------------------------------------------------- */

static void progress(const struct arguments *a, const struct sim_totals *totals, double start_s,
                     double *last_s)
{
    double now_s = clock_s();
    if (a->is_quiet || now_s - *last_s < 10) return;
    *last_s = now_s;
    printf("%8.0f s  %" PRIu64 " seeds  %" PRIu64 " sagas  %.0f sagas/s\n", now_s - start_s,
           totals->seeds, totals->sagas, (double)totals->sagas / (now_s - start_s));
    fflush(stdout);
}

static void save(const struct arguments *a, uint64_t next_seed, uint64_t sagas)
{
    if (a->state == NULL) return;
    char name[4096];
    snprintf(name, sizeof name, "%s.new", a->state);
    FILE *file = fopen(name, "w");
    if (file == NULL) return;
    fprintf(file, "%" PRIu64 " %" PRIu64 "\n", next_seed, sagas);
    if (fclose(file) == 0) (void)rename(name, a->state);
}

/* Seeds first, first + stride, …; adds to `totals`. */
static void run_seeds(const struct arguments *a, uint64_t first, uint64_t stride,
                      struct sim_totals *totals)
{
    double start_s = clock_s(), last_s = start_s, saved_s = start_s;
    for (uint64_t seed = first; a->last == 0 || seed <= a->last; seed += stride) {
        sim_run(seed, &a->run, totals);
        if (a->is_one || (a->sagas > 0 && totals->sagas * stride >= a->sagas)) break;
        double now_s = clock_s();
        if (a->seconds > 0 && now_s - start_s >= a->seconds) break;
        if (now_s - saved_s > 5) {
            save(a, seed + 1, totals->sagas);
            saved_s = now_s;
        }
        progress(a, totals, start_s, &last_s);
    }
}

/* A pipe gives what it has. */
static bool receive(int pipe, void *out, size_t size)
{
    char *at = out;
    while (size > 0) {
        ssize_t n = read(pipe, at, size);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* One process a job; each sends its totals through a pipe. 1 when one of them failed. */
static int run_jobs(const struct arguments *a, struct sim_totals *totals)
{
    int status = 0;
    int pipes[64][2];
    pid_t children[64];
    fflush(stdout);
    for (uint32_t j = 0; j < a->jobs; j++) {
        if (pipe(pipes[j]) != 0) return usage("no pipe");
        children[j] = fork();
        if (children[j] == 0) {
            struct sim_totals mine = { 0 };
            run_seeds(a, a->first + j, a->jobs, &mine);
            ssize_t written = write(pipes[j][1], &mine, sizeof mine);
            _exit(written == (ssize_t)sizeof mine ? 0 : 1);
        }
        close(pipes[j][1]);
    }
    for (uint32_t j = 0; j < a->jobs; j++) {
        struct sim_totals mine;
        int code = 0;
        if (receive(pipes[j][0], &mine, sizeof mine)) sim_totals_add(totals, &mine);
        (void)waitpid(children[j], &code, 0);
        if (code != 0) status = 1;
        close(pipes[j][0]);
    }
    return status;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

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
static int verdict(const struct arguments *a, const struct sim_totals *t, double seconds)
{
    int status = 0;
    print_counts(t);
    bool must_reach_all = a->is_standard;
    bool names_all = must_reach_all || t->sagas > SAGAS_FOR_ALL / 10;
    if (!a->is_one && sim_reached_print(&t->reached, names_all) > 0 && must_reach_all) {
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

/* ---- arguments ------------------------------------------------------------------------------- */

static bool number(const char *text, uint64_t *out)
{
    return text != NULL && sk_str_to_u64(sk_str_of(text), out);
}

static bool range(const char *text, uint64_t *first, uint64_t *last)
{
    struct sk_str s = sk_str_of(text);
    size_t dots = sk_str_find(s, '.');
    if (dots + 2 >= s.size || s.data[dots + 1] != '.') return false;
    return sk_str_to_u64(sk_str_sub(s, 0, dots), first) &&
           sk_str_to_u64(sk_str_sub(s, dots + 2, s.size - dots - 2), last);
}

static bool read_argument(struct arguments *a, const char *name, const char *value,
                          bool *takes_value)
{
    uint64_t n = 0;
    *takes_value = false;
    if (strcmp(name, "--trace") == 0) return a->run.is_tracing = true;
    if (strcmp(name, "--check-determinism") == 0) return a->run.checks_determinism = true;
    if (strcmp(name, "--quiet") == 0) return a->is_quiet = true;
    if (strcmp(name, "--standard") == 0) {
        a->first = 1;
        a->last = STANDARD_SEEDS;
        return a->has_first = a->is_standard = true;
    }
    *takes_value = true;
    if (value == NULL) return false;
    if (sim_cut_read(&a->run.cut, name, value)) return true;
    if (strcmp(name, "--state") == 0) return (a->state = value) != NULL;
    if (strcmp(name, "--seeds") == 0) return a->has_first = range(value, &a->first, &a->last);
    if (!number(value, &n)) return false;
    if (strcmp(name, "--seed") == 0 || strcmp(name, "--from") == 0) {
        a->first = n;
        a->is_one = strcmp(name, "--seed") == 0;
        return a->has_first = true;
    }
    if (strcmp(name, "--sagas") == 0 || strcmp(name, "--total") == 0) return (a->sagas = n) > 0;
    if (strcmp(name, "--seconds") == 0) return (a->seconds = (double)n) > 0;
    if (strcmp(name, "--jobs") == 0) return (a->jobs = (uint32_t)n) > 0 && n <= 64;
    return false;
}

static void resume(struct arguments *a, struct sim_totals *totals)
{
    FILE *file = a->state == NULL ? NULL : fopen(a->state, "r");
    if (file == NULL) return;
    char text[64] = "";
    char *end = text;
    if (fgets(text, sizeof text, file) != NULL) {
        uint64_t next = strtoull(text, &end, 10);
        uint64_t sagas = strtoull(end, &end, 10);
        if (*end == '\n') {
            a->first = next;
            totals->sagas = sagas;
        }
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    struct arguments a = { .jobs = 1 };
    struct sim_totals totals = { 0 };
    for (int i = 1; i < argc; i++) {
        bool takes_value = false;
        if (!read_argument(&a, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &takes_value))
            return usage(argv[i]);
        if (takes_value) i++;
    }
    if (a.sagas > 0) a.is_one = false;
    if (!a.has_first && a.seconds <= 0 && a.sagas == 0) return usage("what shall be simulated?");
    if (!a.has_first)
        a.first = (uint64_t)time(NULL) * 1000000u + (uint64_t)getpid() % 1000u * 1000u;
    /* Worlds come and go: their memory stays with the process. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 26);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    resume(&a, &totals);
    double start_s = clock_s();
    uint64_t before = totals.sagas;
    int status = 0;
    if (a.jobs > 1)
        status = run_jobs(&a, &totals);
    else if (a.sagas == 0 || totals.sagas < a.sagas)
        run_seeds(&a, a.first, 1, &totals);
    if (status != 0) return 1;
    save(&a, a.first + totals.seeds, totals.sagas);
    totals.sagas -= before;
    if (totals.seeds == 0) return 0;
    return verdict(&a, &totals, clock_s() - start_s);
}
