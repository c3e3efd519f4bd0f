/* supervise.c: one child a job; the first that finds something ends the others. */
#include "supervise.h"

#include "shrink.h"
#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, WORLD_SECONDS_MAX = 300 };

struct job {
    pid_t pid;
    uint32_t index;
    struct sim_verdict *verdict;
    struct sim_totals *totals; /* shared with the child */
    FILE *report;              /* of the child that failed, while the parent shrinks */
};

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- many worlds ----------------------------------------------------------------------------- */

static void progress(const struct sim_arguments *a, const struct sim_totals *totals, double start_s,
                     double *last_s)
{
    double now_s = clock_s();
    if (a->is_quiet || now_s - *last_s < 10) return;
    *last_s = now_s;
    printf("%8.0f s  %" PRIu64 " worlds  %" PRIu64 " sagas  %.0f sagas/s%s\n", now_s - start_s,
           totals->seeds, totals->sagas, (double)totals->sagas / (now_s - start_s),
           a->jobs > 1 ? "  (one of the processes)" : "");
    fflush(stdout);
}

static void save(const struct sim_arguments *a, uint64_t next_seed, uint64_t sagas)
{
    if (a->state == NULL) return;
    char name[4096];
    snprintf(name, sizeof name, "%s.new", a->state);
    FILE *file = fopen(name, "w");
    if (file == NULL) return;
    fprintf(file, "%" PRIu64 " %" PRIu64 "\n", next_seed, sagas);
    if (fclose(file) == 0) (void)rename(name, a->state);
}

static uint64_t resume(const struct sim_arguments *a, struct sim_totals *totals)
{
    FILE *file = a->state == NULL ? NULL : fopen(a->state, "r");
    uint64_t first = a->first;
    char text[64] = "";
    char *end = text;
    if (file == NULL) return first;
    if (fgets(text, sizeof text, file) != NULL) {
        uint64_t next = strtoull(text, &end, 10);
        uint64_t sagas = strtoull(end, &end, 10);
        if (*end == '\n') {
            first = next;
            totals->sagas = sagas;
        }
    }
    fclose(file);
    return first;
}

/* Seeds first, first + stride, …; adds to `totals`. */
static void run_seeds(const struct sim_arguments *a, uint64_t first, uint64_t stride,
                      struct sim_totals *totals)
{
    double start_s = clock_s(), last_s = start_s, saved_s = start_s;
    for (uint64_t seed = first; a->last == 0 || seed <= a->last; seed += stride) {
        if (sim_verdict != NULL) {
            sim_verdict->seed = seed;
            (void)alarm(WORLD_SECONDS_MAX);
        }
        sim_run(seed, &a->run, totals);
        if (a->is_one || (a->sagas > 0 && totals->sagas * stride >= a->sagas)) break;
        double now_s = clock_s();
        if (a->seconds > 0 && now_s - start_s >= a->seconds) break;
        if (now_s - saved_s > 5 && a->jobs == 1) {
            save(a, seed + 1, a->sagas_before + totals->sagas);
            saved_s = now_s;
        }
        if (first == a->first) progress(a, totals, start_s, &last_s);
    }
    (void)alarm(0);
}

/* ---- what was found -------------------------------------------------------------------------- */

struct replay {
    uint64_t seed;
    struct sim_run_options options;
};

static void run_again(void *context)
{
    struct replay *replay = context;
    struct sim_totals totals = { 0 };
    sim_is_shrunk = true;
    sim_run(replay->seed, &replay->options, &totals);
}

static void print_command(const char *what, uint64_t seed, const struct sim_run_options *options)
{
    struct sk_buf arguments;
    sk_buf_init(&arguments, 0);
    sim_cut_print(&options->cut, &arguments);
    printf("%s: skald-sim --seed %" PRIu64 "%s%s\n", what, seed,
           options->checks_determinism ? " --check-determinism" : "", sk_buf_text(&arguments));
    sk_buf_release(&arguments);
    fflush(stdout);
}

static void print_file(FILE *file)
{
    char text[4096];
    size_t size;
    rewind(file);
    while ((size = fread(text, 1, sizeof text, file)) > 0) (void)fwrite(text, 1, size, stdout);
    fflush(stdout);
}

static void report_shrunk(const struct sim_arguments *a, struct job *job)
{
    const struct sim_verdict *found = job->verdict;
    struct replay replay = { found->seed, a->run };
    bool is_determinism = strcmp(found->checker, "determinism") == 0;
    if (is_determinism) replay.options.checks_determinism = true;
    printf("\nFAIL %s: %s%s%s\n", found->checker, found->saga_id,
           found->saga_id[0] != '\0' ? ": " : "", found->sentence);
    print_command("replay", found->seed, &replay.options);
    printf("shrinking, for %.0f s at most (--no-shrink: not at all)\n", a->shrink_s);
    fflush(stdout);
    struct sim_shrunk shrunk = sim_shrink(found, &replay.options, a->shrink_s);
    if (!shrunk.is_repeated) {
        printf("this world alone, again, does not fail; the report as it was:\n");
        print_file(job->report);
        return;
    }
    struct replay smaller = replay;
    smaller.options.cut = shrunk.cut;
    smaller.options.runs_once = !is_determinism;
    (void)sim_run_apart(job->verdict, false, WORLD_SECONDS_MAX, run_again, &smaller);
    printf("\nshrunk in %.1f s, %" PRIu64 " tries\n", shrunk.seconds, shrunk.tries);
    print_command("replay as found", replay.seed, &replay.options);
    print_command("replay as shrunk", replay.seed, &smaller.options);
}

/* ---- children -------------------------------------------------------------------------------- */

static _Noreturn void work(const struct sim_arguments *a, uint64_t first, struct job *job)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* never longer than the parent */
    sim_verdict = job->verdict;
    if (a->shrink_s > 0 && job->report != NULL) sim_report_file = job->report;
    run_seeds(a, first + job->index, a->jobs, job->totals);
    exit(0);
}

static bool begin(const struct sim_arguments *a, uint64_t first, struct job *job)
{
    job->verdict = sim_verdict_new();
    job->totals =
        mmap(NULL, sizeof *job->totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    job->report = tmpfile();
    if (job->verdict == NULL || job->totals == MAP_FAILED) return false;
    fflush(stdout);
    job->pid = fork();
    if (job->pid == 0) work(a, first, job);
    return job->pid > 0;
}

/* Waits for one that breaks, or for all; NULL: none broke. */
static struct job *await(struct job *jobs, uint32_t count)
{
    for (uint32_t left = count; left > 0; left--) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, 0);
        for (uint32_t j = 0; j < count; j++) {
            if (jobs[j].pid != pid) continue;
            jobs[j].pid = 0;
            if (sim_verdict_of_end(jobs[j].verdict, status)) return &jobs[j];
        }
    }
    return NULL;
}

static int run_jobs(const struct sim_arguments *a, uint64_t first, struct sim_totals *totals)
{
    struct job jobs[JOBS_MAX] = { 0 };
    for (uint32_t j = 0; j < a->jobs; j++) {
        jobs[j].index = j;
        if (begin(a, first, &jobs[j])) continue;
        fprintf(stderr, "skald-sim: no process, or no memory\n");
        return 1;
    }
    struct job *broken = await(jobs, a->jobs);
    for (uint32_t j = 0; j < a->jobs; j++) {
        if (jobs[j].pid > 0 && broken != NULL) {
            (void)kill(jobs[j].pid, SIGKILL);
            (void)waitpid(jobs[j].pid, NULL, 0);
        }
        sim_totals_add(totals, jobs[j].totals);
    }
    if (broken == NULL) return 0;
    if (a->shrink_s > 0) report_shrunk(a, broken);
    return 1;
}

int sim_supervise(const struct sim_arguments *a, struct sim_totals *totals)
{
    struct sim_totals before = { 0 };
    uint64_t first = resume(a, &before);
    struct sim_arguments rest = *a;
    int status = 0;
    if (a->sagas > 0 && before.sagas >= a->sagas) return 0;
    if (a->sagas > 0) rest.sagas -= before.sagas;
    rest.first = first;
    rest.sagas_before = before.sagas;
    if (a->run.is_tracing)
        run_seeds(&rest, first, 1, totals);
    else
        status = run_jobs(&rest, first, totals);
    if (status == 0) save(a, first + totals->seeds, before.sagas + totals->sagas);
    return status;
}

/* ---- kept seeds ------------------------------------------------------------------------------ */

enum { WORDS_MAX = 64 };

/* Splits a line in place, as a shell would: blanks, '…', a backslash, # at the end. */
static int split(char *line, char **words)
{
    int count = 0;
    char *to = line;
    while (count < WORDS_MAX) {
        while (*line == ' ' || *line == '\t' || *line == '\n') line++;
        if (*line == '\0' || *line == '#') break;
        words[count++] = to;
        for (bool is_quoted = false; *line != '\0'; line++) {
            if (*line == '\'') {
                is_quoted = !is_quoted;
                continue;
            }
            bool is_blank = *line == ' ' || *line == '\t' || *line == '\n';
            if (is_blank && !is_quoted) break;
            if (*line == '\\' && !is_quoted && line[1] != '\0') line++;
            *to++ = *line;
        }
        bool is_last = *line == '\0';
        *to++ = '\0';
        if (is_last) break;
        line++;
    }
    return count;
}

static int run_line(const struct sim_arguments *a, uint32_t number, char *line,
                    struct sim_totals *totals)
{
    char *words[WORDS_MAX];
    struct sim_arguments one = { 0 };
    const char *problem = NULL;
    int count = split(line, words);
    if (count == 0) return 0;
    if (!sim_arguments_read(&one, count, words, &problem)) {
        fprintf(stderr, "skald-sim: %s, line %u: %s\n", a->seeds_file, number, problem);
        return 1;
    }
    one.shrink_s = a->shrink_s;
    one.is_quiet = true;
    int status = sim_supervise(&one, totals);
    if (status != 0) printf("kept seed of %s, line %u\n", a->seeds_file, number);
    return status;
}

/* Whole and at once: a child that ends would turn an open file back. */
static bool read_file(const char *name, struct sk_buf *out)
{
    char text[4096];
    size_t size;
    FILE *file = fopen(name, "r");
    if (file == NULL) return false;
    while ((size = fread(text, 1, sizeof text, file)) > 0) sk_buf_append(out, text, size);
    return fclose(file) == 0;
}

int sim_run_kept(const struct sim_arguments *a)
{
    struct sim_totals totals = { 0 };
    struct sk_buf text;
    uint32_t number = 0;
    int status = 0;
    double start_s = clock_s();
    sk_buf_init(&text, 0);
    if (!read_file(a->seeds_file, &text)) {
        fprintf(stderr, "skald-sim: %s cannot be read\n", a->seeds_file);
        return 2;
    }
    (void)sk_buf_text(&text);
    char *rest = text.data;
    for (char *line; status == 0 && (line = strsep(&rest, "\n")) != NULL;)
        status = run_line(a, ++number, line, &totals);
    sk_buf_release(&text);
    if (status != 0) return status;
    if (totals.seeds == 0) {
        printf("FAIL no seed is kept in %s\n", a->seeds_file);
        return 1;
    }
    printf("clean: %" PRIu64 " kept worlds, %" PRIu64 " sagas; %.1f s\n", totals.seeds,
           totals.sagas, clock_s() - start_s);
    return 0;
}
