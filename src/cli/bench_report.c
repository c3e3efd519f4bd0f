/* bench_report.c: the figures of a run, for people, for programs and for docs/proof/. */
#include "cli/bench.h"

#include "base/json.h"
#include "cli/table.h"
#include "store/threads.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* ---- the store ------------------------------------------------------------------------------- */

static const char *system_of(const char *path)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } kinds[] = { { 0xEF53, "ext4" },    { 0x01021994, "tmpfs" }, { 0x794c7630, "overlay" },
                  { 0x58465342, "xfs" }, { 0x9123683E, "btrfs" }, { 0x2fc12fc1, "zfs" } };
    struct statfs status;
    if (statfs(path, &status) != 0) return "";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((uint32_t)status.f_type == kinds[i].magic) return kinds[i].name;
    }
    return "";
}

void bench_measure_store(struct bench *bench, const char *url)
{
    static const char *const endings[] = { "", "-wal", "/index.db", "/index.db-wal" };
    char path[PATH_MAX];
    bench->store_system = "";
    const char *place = strchr(url, ':');
    if (place == NULL || place[1] == 0) return;
    bench->store_system = system_of(place + 1);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        struct stat status;
        (void)snprintf(path, sizeof path, "%s%s", place + 1, endings[i]);
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
            bench->store_size += status.st_size;
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

/* The name of a thread, and how long it has run: the first number of schedstat, nanoseconds. */
static bool read_line(const char *number, const char *what, char *line, int size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/%s", number, what);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    bool is_read = fgets(line, size, file) != NULL;
    (void)fclose(file);
    line[strcspn(line, "\n")] = 0;
    return is_read;
}

static bool read_thread(const char *number, char name[32], double *out_seconds)
{
    char line[128];
    uint64_t ran_ns = 0;
    if (!read_line(number, "comm", name, 32)) return false;
    if (!read_line(number, "schedstat", line, sizeof line)) return false;
    struct sk_str text = sk_str_of(line);
    if (!sk_str_to_u64(sk_str_sub(text, 0, sk_str_find(text, ' ')), &ran_ns)) return false;
    *out_seconds = (double)ran_ns / 1e9;
    return true;
}

void bench_measure_threads(struct bench_threads *out)
{
    *out = (struct bench_threads){ 0 };
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) return;
    char main_thread[24];
    (void)snprintf(main_thread, sizeof main_thread, "%d", (int)getpid());
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char name[32];
        double seconds = 0;
        if (entry->d_name[0] == '.' || !read_thread(entry->d_name, name, &seconds)) continue;
        double *place = &out->other;
        bool is_loop = strncmp(name, "skald-loop-", strlen("skald-loop-")) == 0;
        if (is_loop || strcmp(entry->d_name, main_thread) == 0) place = &out->loop;
        if (strcmp(name, SK_THREAD_COMMIT) == 0) place = &out->commit;
        if (strcmp(name, SK_THREAD_INDEX) == 0) place = &out->index;
        *place += seconds;
    }
    (void)closedir(folder);
}

/* ---- figures --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* `values` is sorted. */
static int64_t percentile(const int64_t *values, size_t count, size_t percent)
{
    if (count == 0) return 0;
    size_t at = count * percent / 100;
    return values[at < count ? at : count - 1];
}

static double seconds_of(struct timeval start, struct timeval end)
{
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_usec - start.tv_usec) / 1e6;
}

struct figure {
    const char *name, *text, *unit;
    double value;
    int digits;
};
enum { FIGURES_COUNT = 24 };

static void collect(struct bench *bench, struct figure out[FIGURES_COUNT])
{
    size_t count = bench->ended_count;
    qsort(bench->times_us, count, sizeof *bench->times_us, by_value);
    qsort(bench->accepted_us, bench->accepted_count, sizeof *bench->accepted_us, by_value);
    double seconds = (double)(bench->ended_us - bench->started_us) / 1e6;
    double user = seconds_of(bench->usage_start.ru_utime, bench->usage_end.ru_utime);
    double system = seconds_of(bench->usage_start.ru_stime, bench->usage_end.ru_stime);
    double sagas = (double)count;
    const struct sk_engine_stats *stats = &bench->stats;
    const struct bench_threads *start = &bench->threads_start, *end = &bench->threads_end;
#define MS(values, n, percent) ((double)percentile(bench->values, n, percent) / 1000)
    struct figure figures[FIGURES_COUNT] = {
        { "sagas", "sagas", "", sagas, 0 },
        { "in_flight", "in flight", "", (double)bench->slots_count, 0 },
        { "seconds", "time", "s", seconds, 2 },
        { "sagas_per_second", "rate", "sagas/s", sagas / seconds, 0 },
        { "steps_per_second", "steps", "steps/s", (bench->is_parked ? 1 : 3) * sagas / seconds, 0 },
        { "accepted_ms_p50", "accepted, median", "ms", MS(accepted_us, bench->accepted_count, 50),
          2 },
        { "accepted_ms_p99", "accepted, 99 %", "ms", MS(accepted_us, bench->accepted_count, 99),
          2 },
        { "saga_ms_p50", "start to end, median", "ms", MS(times_us, count, 50), 2 },
        { "saga_ms_p95", "start to end, 95 %", "ms", MS(times_us, count, 95), 2 },
        { "saga_ms_p99", "start to end, 99 %", "ms", MS(times_us, count, 99), 2 },
        { "own_ms_p50", "own share of a step, median", "ms", (double)stats->own_us_p50 / 1000, 2 },
        { "own_ms_p99", "own share of a step, 99 %", "ms", (double)stats->own_us_p99 / 1000, 2 },
        { "settled_seconds", "time until the store has nothing left to do", "s",
          (double)(bench->settled_us - bench->started_us) / 1e6, 2 },
        { "events", "events", "", (double)stats->events, 0 },
        { "commits", "commits", "", (double)stats->batches, 0 },
        { "events_per_batch", "events a commit", "",
          stats->batches > 0 ? (double)stats->events / (double)stats->batches : 0, 1 },
        { "cpu_user_us_per_saga", "CPU a saga, user", "µs", user * 1e6 / sagas, 0 },
        { "cpu_system_us_per_saga", "CPU a saga, system", "µs", system * 1e6 / sagas, 0 },
        { "cpu_loop_us_per_saga", "… of it the loop", "µs", (end->loop - start->loop) * 1e6 / sagas,
          1 },
        { "cpu_commit_us_per_saga", "… the commit thread", "µs",
          (end->commit - start->commit) * 1e6 / sagas, 1 },
        { "cpu_index_us_per_saga", "… a journal's index", "µs",
          (end->index - start->index) * 1e6 / sagas, 1 },
        { "cpu_other_us_per_saga", "… all other threads", "µs",
          (end->other - start->other) * 1e6 / sagas, 1 },
        { "memory_mib_max", "memory, highest", "MiB", (double)bench->usage_end.ru_maxrss / 1024,
          1 },
        { "store_bytes_per_saga", "store a saga", "bytes", (double)bench->store_size / sagas, 0 },
    };
#undef MS
    memcpy(out, figures, sizeof figures);
}

static void print_json(const struct bench *bench, const struct figure *figures)
{
    struct sk_buf text = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&text);
    sk_json_begin_object(&w);
    for (size_t i = 0; i < FIGURES_COUNT; i++) {
        sk_json_key(&w, figures[i].name);
        sk_json_put_double(&w, figures[i].value);
    }
    sk_json_key(&w, "file_system");
    sk_json_put_text(&w, bench->store_system);
    sk_json_end_object(&w);
    (void)fprintf(bench->cli->out, "%s\n", sk_buf_text(&text));
    sk_buf_release(&text);
}

static void print_table(const struct bench *bench, const struct figure *figures)
{
    static const char *const header[] = { "FIGURE", "VALUE", "", NULL };
    struct cli_table table;
    char value[40];
    cli_table_init(&table, header);
    table.is_right[1] = true;
    for (size_t i = 0; i < FIGURES_COUNT; i++) {
        (void)snprintf(value, sizeof value, "%.*f", figures[i].digits, figures[i].value);
        cli_table_put_text(&table, figures[i].text);
        cli_table_put_text(&table, value);
        cli_table_put_text(&table, figures[i].unit);
    }
    cli_table_print(&table, bench->cli);
    cli_table_release(&table);
}

/* ---- the record ------------------------------------------------------------------------------ */

static void write_record(const struct bench *bench, const struct figure *figures, const char *day,
                         FILE *page)
{
    struct utsname machine = { 0 };
    (void)uname(&machine);
    (void)fprintf(page,
                  "\n## Bench of %s\n\nskald %s, %ld cores, %s, store %.*s%s%s. Three steps of "
                  "functions that answer at once:\nthe engine and its store alone (`skald bench "
                  "--sagas %" PRId64 " --in-flight %" PRId64
                  "`).\n\n| figure | value |\n| --- | --- |\n",
                  day, SKALD_BUILD_VERSION, sysconf(_SC_NPROCESSORS_ONLN), machine.machine,
                  (int)strcspn(bench->store == NULL ? SK_NODE_STORE_KIND : bench->store, ":"),
                  bench->store == NULL ? SK_NODE_STORE_KIND : bench->store,
                  bench->store_system[0] == 0 ? "" : " on ", bench->store_system,
                  bench->sagas_count, bench->slots_count);
    for (size_t i = 0; i < FIGURES_COUNT; i++) {
        (void)fprintf(page, "| %s | %.*f%s%s |\n", figures[i].text, figures[i].digits,
                      figures[i].value, figures[i].unit[0] == 0 ? "" : " ", figures[i].unit);
    }
}

/* FOLDER/<date>-bench.md; a second run of the day is appended. */
static int record(const struct bench *bench, const struct figure *figures)
{
    char day[16], path[PATH_MAX];
    time_t now = time(NULL);
    struct tm parts;
    (void)strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now, &parts));
    (void)mkdir(bench->record, 0755);
    int size = snprintf(path, sizeof path, "%s/%s-bench.md", bench->record, day);
    bool is_first = size > 0 && access(path, F_OK) != 0;
    FILE *page = size > 0 && (size_t)size < sizeof path ? fopen(path, "ae") : NULL;
    if (page == NULL) {
        return cli_fail(bench->cli, CLI_FAILED, "file", NULL, "%s: %s", path, strerror(errno));
    }
    if (is_first) (void)fprintf(page, "# Measured on %s\n", day);
    write_record(bench, figures, day, page);
    if (fclose(page) != 0) {
        return cli_fail(bench->cli, CLI_FAILED, "file", NULL, "%s: %s", path, strerror(errno));
    }
    (void)fprintf(bench->cli->err, "recorded in %s\n", path);
    return CLI_DONE;
}

int bench_report(struct bench *bench)
{
    struct figure figures[FIGURES_COUNT];
    collect(bench, figures);
    if (bench->is_json) {
        print_json(bench, figures);
    } else {
        print_table(bench, figures);
    }
    return bench->record == NULL ? CLI_DONE : record(bench, figures);
}
