/*
 * main.c: the fault sweep. Each scenario is run again and again, each time in a process of its own,
 * with the n-th call of a kind failing: n = 1, 2, … up to --upto, then each --then-th to the end.
 *
 * A series is a scenario, a kind, what the call says and how many calls in a row fail. A run that
 * is wrong prints what is wrong and the one command that does it again.
 */
#include "sweep.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SERIES_MAX = 128, FAILURES_SHOWN = 20, PATIENCE_S = 120, PROGRESS_S = 30 };
/* A process is dear: of a program the first so many calls are tried one by one. */
enum { PROGRAM_UPTO = 300, REAL_LENGTH_MAX = 4 };

static const struct sweep_scenario *const scenarios[] = {
    &sweep_order,           &sweep_order_opening, &sweep_journal,
    &sweep_journal_opening, &sweep_library,       &sweep_library_opening,
    &sweep_validate,        &sweep_serve,         &sweep_loops,
};
enum { SCENARIOS_COUNT = sizeof scenarios / sizeof scenarios[0] };

/* "Only the n-th", and "for a while". */
static const struct variant {
    enum fault_code code;
    uint64_t length;
} variants[] = {
    { FAULT_NULL, 1 },   { FAULT_NULL, 30 },    { FAULT_EIO, 1 },     { FAULT_EIO, 15 },
    { FAULT_ENOSPC, 1 }, { FAULT_ENOSPC, 100 }, { FAULT_EMFILE, 1 },  { FAULT_SHORT, 1 },
    { FAULT_BUSY, 1 },   { FAULT_BUSY, 40 },    { FAULT_FULL, 1 },    { FAULT_FULL, 40 },
    { FAULT_IOERR, 1 },  { FAULT_NOMEM, 1 },    { FAULT_CORRUPT, 1 }, { FAULT_READONLY, 1 },
};
enum { VARIANTS_COUNT = sizeof variants / sizeof variants[0] };

static struct options {
    const char *scenario, *kind, *code, *state;
    uint64_t at, length, every, upto, then, first;
    double seconds;
    bool is_loud, lists;
} options = { .every = 1, .upto = 5000, .then = 97, .first = 1 };

struct series {
    const struct sweep_scenario *scenario;
    struct sweep_fault fault;
    uint64_t next; /* n */
    bool is_done;
    uint64_t runs, ends[SWEEP_ENDS_COUNT], failures, calls;
};

static struct series all[SERIES_MAX];
static size_t all_count;
static char base[256];
static struct sweep_report *report;

/* ---- what scenarios call --------------------------------------------------------------------- */

void sweep_fail(struct sweep_run *run, const char *format, ...)
{
    fault_hold();
    va_list arguments;
    va_start(arguments, format);
    char *text = run->report->failure;
    if (text[0] == 0) (void)vsnprintf(text, SWEEP_TEXT_SIZE, format, arguments);
    va_end(arguments);
    fault_release();
}

void sweep_told(struct sweep_run *run, const char *what, int status, const char *message)
{
    if (message[0] == 0) sweep_fail(run, "%s: %d, and no word why", what, status);
    if (run->report->told[0] == 0)
        (void)snprintf(run->report->told, SWEEP_TEXT_SIZE, "%s: %d %s", what, status, message);
}

void sweep_arm(const struct sweep_run *run, bool is_late)
{
    const struct sweep_fault *fault = &run->fault;
    if (is_late == run->is_late) fault_arm(fault->kind, fault->code, fault->at, fault->length);
}

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void); /* NOLINT: the sanitizer's */

void sweep_end_fault(struct sweep_run *run, int64_t blocks)
{
    struct sweep_report *to = run->report;
    to->calls = fault_calls();
    to->hits = fault_hits();
    (void)snprintf(to->where, sizeof to->where, "%s", fault_where());
    if (to->hits == 0)
        to->end = SWEEP_UNMET;
    else if (to->end != SWEEP_REOPENED)
        to->end = to->told[0] != 0 ? SWEEP_TOLD : SWEEP_WENT_ON;
    int64_t more = fault_blocks() - blocks;
    if (more > 0) sweep_fail(run, "%lld blocks of memory are not given back", (long long)more);
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        sweep_fail(run, "memory leaks: see the sanitizer's report");
}

/* ---- one run --------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static void remove_folder(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void in_folder(char *out, size_t size, const char *name)
{
    (void)snprintf(out, size, "%s/%s", base, name);
}

static void run_scenario(const struct sweep_scenario *scenario, const struct sweep_fault *fault)
{
    char folder[300];
    in_folder(folder, sizeof folder, "run");
    remove_folder(folder);
    (void)mkdir(folder, 0700);
    struct sweep_run run = { .fault = *fault,
                             .report = report,
                             .folder = folder,
                             .is_journal = scenario->is_journal,
                             .is_late = scenario->is_late,
                             .is_loud = options.is_loud };
    scenario->run(&run);
}

static void copy_to_stdout(const char *path)
{
    enum { SHOWN_MAX = 6000 };
    char text[SHOWN_MAX + 1];
    FILE *file = fopen(path, "r");
    if (file == NULL) return;
    size_t size = fread(text, 1, SHOWN_MAX, file);
    (void)fclose(file);
    text[size] = 0;
    if (size > 0) printf("%s\n", text);
}

static _Noreturn void be_child(const struct series *series, const struct sweep_fault *fault,
                               const char *errors)
{
    if (!options.is_loud && freopen(errors, "w", stderr) == NULL) _exit(3);
    (void)alarm(PATIENCE_S);
    run_scenario(series->scenario, fault);
    report->is_whole = true;
    _exit(0);
}

static void judge_end(int status)
{
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        (void)snprintf(report->failure, SWEEP_TEXT_SIZE,
                       number == SIGALRM ? "hangs" : "ends by signal %d (%s)", number,
                       strsignal(number));
    } else if (!report->is_whole || WEXITSTATUS(status) != 0) {
        (void)snprintf(report->failure, SWEEP_TEXT_SIZE, "ends with exit code %d",
                       WEXITSTATUS(status));
    }
}

static void tell_failure(const struct series *series, const struct sweep_fault *fault,
                         const char *errors)
{
    printf("WRONG: %s %s %s n=%llu (%s): %s\n", series->scenario->name,
           fault_kind_name(fault->kind), fault_code_name(fault->code),
           (unsigned long long)fault->at, report->where, report->failure);
    if (report->told[0] != 0) printf("  told: %s\n", report->told);
    copy_to_stdout(errors);
    printf("  again: sweep --scenario %s --kind %s --code %s --at %llu --length %llu --loud\n",
           series->scenario->name, fault_kind_name(fault->kind), fault_code_name(fault->code),
           (unsigned long long)fault->at, (unsigned long long)fault->length);
    (void)fflush(stdout);
}

/* false: something is wrong. */
static bool run_one(struct series *series, uint64_t n)
{
    if (series->scenario == NULL) return false; /* for the analyzer: make_series sets it */
    struct sweep_fault fault = series->fault;
    fault.at = n;
    char errors[300];
    in_folder(errors, sizeof errors, "stderr");
    memset(report, 0, sizeof *report);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) be_child(series, &fault, errors);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("sweep: fork");
        exit(2);
    }
    judge_end(status);
    series->runs += 1;
    if (report->failure[0] == 0) {
        series->ends[report->end] += 1;
        return true;
    }
    series->failures += 1;
    tell_failure(series, &fault, errors);
    return false;
}

/* ---- series ---------------------------------------------------------------------------------- */

/* A store that fails again and again is tried with pauses of seconds. */
static uint64_t length_in(const struct sweep_scenario *scenario, const struct variant *variant)
{
    bool is_store = fault_code_kind(variant->code) != FAULT_ALLOCATION;
    bool is_long = variant->length > REAL_LENGTH_MAX;
    return scenario->is_real && is_store && is_long ? REAL_LENGTH_MAX : variant->length;
}

static bool is_wanted(const struct sweep_scenario *scenario, const struct variant *variant)
{
    enum fault_kind kind = fault_code_kind(variant->code);
    if ((scenario->kinds >> kind & 1u) == 0) return false;
    /* A sanitizer must be the first of a program: nothing can be preloaded into ours then. */
    if (scenario->is_program && fault_has_sanitizer()) return false;
    if (options.scenario != NULL && strcmp(options.scenario, scenario->name) != 0) return false;
    if (options.kind != NULL && strcmp(options.kind, fault_kind_name(kind)) != 0) return false;
    if (options.code != NULL && strcmp(options.code, fault_code_name(variant->code)) != 0)
        return false;
    return options.length == 0 || options.length == length_in(scenario, variant);
}

static void make_series(void)
{
    for (size_t s = 0; s < SCENARIOS_COUNT; s++) {
        for (size_t v = 0; v < VARIANTS_COUNT; v++) {
            if (!is_wanted(scenarios[s], &variants[v])) continue;
            struct series *series = &all[all_count];
            *series = (struct series){ .scenario = scenarios[s] };
            series->fault = (struct sweep_fault){ .kind = fault_code_kind(variants[v].code),
                                                  .code = variants[v].code,
                                                  .length = length_in(scenarios[s], &variants[v]) };
            series->next = options.first;
            all_count += 1;
        }
    }
}

static void tell_series(const struct series *series)
{
    if (series->scenario == NULL) return;
    printf("%-15s %-10s %-8s x%-4llu %7llu faults: %llu went on, %llu told, %llu reopened, "
           "%llu wrong%s\n",
           series->scenario->name, fault_kind_name(series->fault.kind),
           fault_code_name(series->fault.code), (unsigned long long)series->fault.length,
           (unsigned long long)(series->runs - series->ends[SWEEP_UNMET]),
           (unsigned long long)series->ends[SWEEP_WENT_ON],
           (unsigned long long)series->ends[SWEEP_TOLD],
           (unsigned long long)series->ends[SWEEP_REOPENED], (unsigned long long)series->failures,
           series->is_done ? "" : " (so far)");
    (void)fflush(stdout);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- going on later -------------------------------------------------------------------------- */

static void save_state(void)
{
    if (options.state == NULL) return;
    char part[512];
    (void)snprintf(part, sizeof part, "%s.part", options.state);
    FILE *file = fopen(part, "w");
    if (file == NULL) return;
    for (size_t i = 0; i < all_count; i++) {
        const struct series *s = &all[i];
        (void)fprintf(file, "%s %s %llu %llu %d %llu %llu %llu %llu %llu %llu\n", s->scenario->name,
                      fault_code_name(s->fault.code), (unsigned long long)s->fault.length,
                      (unsigned long long)s->next, (int)s->is_done, (unsigned long long)s->runs,
                      (unsigned long long)s->ends[0], (unsigned long long)s->ends[1],
                      (unsigned long long)s->ends[2], (unsigned long long)s->ends[3],
                      (unsigned long long)s->failures);
    }
    (void)fclose(file);
    (void)rename(part, options.state);
}

/* The numbers of a line of save_state; false: it is another kind of line. */
static bool read_numbers(const char *text, uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        numbers[i] = strtoull(text, &end, 10);
        if (end == text) return false;
        text = end;
    }
    return true;
}

static void load_line(const char *line)
{
    enum { NUMBERS = 5 + SWEEP_ENDS_COUNT };
    uint64_t n[NUMBERS];
    for (size_t i = 0; i < all_count; i++) {
        struct series *s = &all[i];
        char name[64];
        int size = snprintf(name, sizeof name, "%s %s ", s->scenario->name,
                            fault_code_name(s->fault.code));
        if (strncmp(line, name, (size_t)size) != 0) continue;
        if (!read_numbers(line + size, n, NUMBERS) || n[0] != s->fault.length) continue;
        s->next = n[1];
        s->is_done = n[2] != 0;
        s->runs = n[3];
        for (int end = 0; end < SWEEP_ENDS_COUNT; end++) s->ends[end] = n[4 + end];
        s->failures = n[4 + SWEEP_ENDS_COUNT];
    }
}

static void load_state(void)
{
    FILE *file = options.state == NULL ? NULL : fopen(options.state, "r");
    if (file == NULL) return;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) load_line(line);
    (void)fclose(file);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Dense at first: openings have few calls of many kinds. */
static uint64_t stride_at(const struct series *series, uint64_t n)
{
    uint64_t upto = options.upto;
    bool is_program = series->scenario != NULL && series->scenario->is_program;
    if (is_program && upto > PROGRAM_UPTO) upto = PROGRAM_UPTO;
    uint64_t stride = options.every < 1 + n / 4 ? options.every : 1 + n / 4;
    return n >= upto && stride < options.then ? options.then : stride;
}

static void run_series(struct series *series, double until_s)
{
    double told_s = now_s();
    while (!series->is_done && series->failures < FAILURES_SHOWN && now_s() < until_s) {
        uint64_t n = series->next;
        (void)run_one(series, n);
        series->is_done = report->failure[0] == 0 && report->end == SWEEP_UNMET;
        series->next = n + stride_at(series, n);
        if (now_s() - told_s < PROGRESS_S) continue;
        told_s = now_s();
        printf("n=%llu ", (unsigned long long)n);
        tell_series(series);
        save_state();
    }
    save_state();
    tell_series(series);
}

/* Without a fault, in this process: what is made once and kept is made now, and everything must be
 * as it should. */
static bool warm_up(const struct sweep_scenario *scenario)
{
    struct sweep_fault none = { 0 };
    if (scenario == NULL) return false;
    for (int i = 0; i < 2; i++) {
        memset(report, 0, sizeof *report);
        double start_s = now_s();
        run_scenario(scenario, &none);
        if (report->failure[0] != 0 && i > 0) {
            printf("WRONG: %s without a fault: %s\n", scenario->name, report->failure);
            return false;
        }
        if (i > 0)
            printf("%s: one run takes %.0f ms\n", scenario->name, (now_s() - start_s) * 1000);
    }
    return true;
}

static bool sweep_all(void)
{
    double until_s = options.seconds > 0 ? now_s() + options.seconds : 1e18;
    bool is_fine = true;
    const struct sweep_scenario *warm = NULL;
    for (size_t i = 0; i < all_count; i++) {
        struct series *series = &all[i];
        if (series->is_done) {
            tell_series(series);
            continue;
        }
        if (series->scenario != warm && !warm_up(series->scenario)) return false;
        warm = series->scenario;
        run_series(series, until_s);
    }
    uint64_t faults = 0;
    for (size_t i = 0; i < all_count; i++) {
        faults += all[i].runs - all[i].ends[SWEEP_UNMET];
        is_fine = is_fine && all[i].failures == 0 && (all[i].is_done || options.seconds > 0);
    }
    printf("sweep: %llu faults in %zu series, %s\n", (unsigned long long)faults, all_count,
           is_fine ? "nothing wrong" : "something is wrong");
    return is_fine && faults > 0;
}

static int run_at(void)
{
    if (all_count != 1) {
        printf("sweep: --at needs --scenario, --code and --length\n");
        return 2;
    }
    bool is_loud = options.is_loud;
    options.is_loud = false;
    if (!warm_up(all[0].scenario)) return 1;
    options.is_loud = is_loud;
    bool is_fine = run_one(&all[0], options.at);
    printf("%s: %llu calls, %llu failed (%s); told: %s\n", is_fine ? "fine" : "WRONG",
           (unsigned long long)report->calls, (unsigned long long)report->hits, report->where,
           report->told);
    return is_fine ? 0 : 1;
}

static void usage(void)
{
    printf("sweep [--scenario NAME] [--kind allocation|file|sqlite] [--code CODE] [--length N]\n"
           "      [--every 1] [--upto 5000] [--then 97] [--from 1] [--seconds S] [--state FILE]\n"
           "sweep --scenario NAME --code CODE --length N --at N [--loud]   one run\n"
           "sweep --list                                                   the series\n");
}

static bool read_arguments(int count, char **arguments)
{
    static const struct option names[] = {
        { "scenario", 1, NULL, 's' }, { "kind", 1, NULL, 'k' },   { "code", 1, NULL, 'c' },
        { "at", 1, NULL, 'a' },       { "length", 1, NULL, 'n' }, { "every", 1, NULL, 'e' },
        { "upto", 1, NULL, 'u' },     { "then", 1, NULL, 't' },   { "from", 1, NULL, 'f' },
        { "seconds", 1, NULL, 'S' },  { "state", 1, NULL, 'p' },  { "loud", 0, NULL, 'l' },
        { "list", 0, NULL, 'L' },     { NULL, 0, NULL, 0 },
    };
    int option;
    while ((option = getopt_long(count, arguments, "", names, NULL)) != -1) {
        switch (option) {
        case 's': options.scenario = optarg; break;
        case 'k': options.kind = optarg; break;
        case 'c': options.code = optarg; break;
        case 'a': options.at = strtoull(optarg, NULL, 10); break;
        case 'n': options.length = strtoull(optarg, NULL, 10); break;
        case 'e': options.every = strtoull(optarg, NULL, 10); break;
        case 'u': options.upto = strtoull(optarg, NULL, 10); break;
        case 't': options.then = strtoull(optarg, NULL, 10); break;
        case 'f': options.first = strtoull(optarg, NULL, 10); break;
        case 'S': options.seconds = strtod(optarg, NULL); break;
        case 'p': options.state = optarg; break;
        case 'l': options.is_loud = true; break;
        case 'L': options.lists = true; break;
        default: return false;
        }
    }
    return optind == count && options.every > 0 && options.then > 0;
}

static bool make_base(void)
{
    const char *roots[] = { getenv("SWEEP_FOLDER"), "/dev/shm", getenv("TMPDIR"), "/tmp" };
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (roots[i] == NULL) continue;
        (void)snprintf(base, sizeof base, "%s/sweep-XXXXXX", roots[i]);
        if (mkdtemp(base) != NULL) return true;
    }
    perror("sweep: no temporary folder");
    return false;
}

int main(int count, char **arguments)
{
    if (!read_arguments(count, arguments)) {
        usage();
        return 2;
    }
    make_series();
    if (all_count == 0) {
        printf("sweep: there is no such series\n");
        return 2;
    }
    for (size_t i = 0; options.lists && i < all_count; i++)
        printf("--scenario %s --code %s --length %llu\n", all[i].scenario->name,
               fault_code_name(all[i].fault.code), (unsigned long long)all[i].fault.length);
    if (options.lists) return 0;
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED || !make_base()) return 2;
    load_state();
    int result = options.at > 0 ? run_at() : sweep_all() ? 0 : 1;
    remove_folder(base);
    return result;
}
