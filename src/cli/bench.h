/* bench.h: what cmd_bench.c (the run) and bench_report.c (the figures) share. */
#ifndef SK_CLI_BENCH_H
#define SK_CLI_BENCH_H

#include "cli/cli.h"
#include "skald/assemble.h"

#include <limits.h>
#include <sys/resource.h>

struct bench;
/* Processor time of this process's threads, by what they do (their names tell). */
struct bench_threads {
    double loop, commit, index, other; /* seconds */
};
struct bench_slot {
    struct bench_loop *loop;
    int64_t started_us;
};
/* What one loop of the node does; touched on that loop. */
struct bench_loop {
    struct bench *bench;
    uint32_t index;
    size_t sagas_count, slots_count; /* its share */
    struct bench_slot *slots;
    size_t started_count, accepted_count, ended_count;
    int64_t *times_us, *accepted_us; /* its stretch of the bench's */
    struct sk_engine_stats stats;
    skald_error error;
    bool is_finished;
};

struct bench {
    const struct cli *cli;
    int64_t sagas_count, slots_count, loops_count;
    const char *store, *record;
    bool is_json, is_parked, has_client_ids;

    struct sk_node *node;
    struct bench_slot *slots;
    struct bench_loop *loops;
    uint32_t loops_left;
    size_t accepted_count, ended_count;
    int64_t *times_us;    /* start to end, as they ended */
    int64_t *accepted_us; /* start to durable, as they were accepted */
    int64_t started_us, ended_us, settled_us;
    struct rusage usage_start, usage_end;
    struct bench_threads threads_start, threads_end;
    struct sk_engine_stats stats;
    int64_t store_size;       /* bytes; 0 = unknown */
    const char *store_system; /* the kind of file system; "" = none or unknown */
    skald_error error;
    bool is_finished;
};

/* The size of the store's files, and what they lie on. */
void bench_measure_store(struct bench *bench, const char *url);
void bench_measure_threads(struct bench_threads *out);
/* Prints the figures, and records them if that was asked for. An exit code. */
int bench_report(struct bench *bench);

#endif
