/*
 * cmd_bench.c: `skald bench`: how fast this machine runs sagas. The whole engine in this process,
 * on a store of the caller's choice, with three steps whose participants are functions that answer
 * at once: what is measured is the engine and its store, nothing else.
 *
 *   start ─► accepted ─► wait ─► ended ─► the next start        K of these at a time, N in all
 *
 * With --parked each saga waits for the signal `go`, which nobody sends: what is measured is how
 * fast they are accepted and how much each takes in the store, which is left for a server to serve.
 *
 * Not here: how a record looks (bench_report.c).
 */
#include "cli/bench.h"

#include "base/assert.h"
#include "cli/bench_saga.h"
#include "cli/folder.h"
#include "engine/group.h"
#include "invoke/function.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MS = 10 * 60 * 1000, STOP_GRACE_MS = 10000 };

static const char parked_definition[] =
    "{\"saga\":{\"id\":\"parked\",\"name\":\"Parked\",\"version\":\"1\"},\"steps\":[{\"id\":"
    "\"wait\",\"name\":\"wait\",\"type\":\"wait\",\"wait\":{\"signal\":\"go\"}}]}";
static const struct cli_option options[] = {
    { "sagas", 0, CLI_INT, "N", "how many (20000)", .offset = offsetof(struct bench, sagas_count),
      .min = 1, .max = 10000000 },
    { "in-flight", 0, CLI_INT, "K", "how many at a time (1000)",
      .offset = offsetof(struct bench, slots_count), .min = 1, .max = 100000 },
    { "loops", 0, CLI_INT, "N", "engines, each on a loop of its own (1)",
      .offset = offsetof(struct bench, loops_count), .min = 1, .max = SK_GROUP_MAX },
    { "store", 0, CLI_TEXT, "URL", "where (in a folder of its own, removed afterwards)",
      .offset = offsetof(struct bench, store) },
    { "client-ids", 0, CLI_FLAG, NULL, "each start brings a random id of its own",
      .offset = offsetof(struct bench, has_client_ids) },
    { "parked", 0, CLI_FLAG, NULL,
      "sagas parked-1 … that wait for the signal `go`, left in --store for a server",
      .offset = offsetof(struct bench, is_parked) },
    { "record", 0, CLI_TEXT, "FOLDER", "append the figures to a dated page there",
      .offset = offsetof(struct bench, record) },
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs",
      .offset = offsetof(struct bench, is_json) },
    { 0 },
};

/* ---- the end --------------------------------------------------------------------------------- */

static struct sk_runtime *home_of(struct bench *bench)
{
    return sk_libevent_runtime_port(sk_node_runtime(bench->node));
}

static int64_t now_us(struct bench *bench)
{
    struct sk_runtime *runtime = home_of(bench);
    return runtime->ops->monotonic_us(runtime);
}

static void on_stopped(void *context, enum skald_status status, const skald_error *error)
{
    struct bench *bench = context;
    if (status != SKALD_OK && bench->error.status == SKALD_OK) {
        (void)sk_error_set(&bench->error, status, "%s", error == NULL ? "" : error->message);
    }
    sk_libevent_runtime_stop(sk_node_runtime(bench->node));
}

/* What the store still had to do is done: its work counts, too. */
static void on_settled(void *context, struct sk_rows *rows)
{
    struct bench *bench = context;
    (void)rows;
    (void)getrusage(RUSAGE_SELF, &bench->usage_end);
    bench_measure_threads(&bench->threads_end);
    bench->settled_us = now_us(bench);
    sk_node_stop(bench->node, STOP_GRACE_MS, on_stopped, bench);
}

static void add_stats(struct sk_engine_stats *sum, const struct sk_engine_stats *more)
{
    sum->events += more->events;
    sum->batches += more->batches;
    if (more->own_us_p50 > sum->own_us_p50) sum->own_us_p50 = more->own_us_p50;
    if (more->own_us_p99 > sum->own_us_p99) sum->own_us_p99 = more->own_us_p99;
    if (more->own_us_max > sum->own_us_max) sum->own_us_max = more->own_us_max;
}

/* Once: reads the clocks while everything is still there, then stops the engines. */
static void finish(struct bench *bench)
{
    if (bench->is_finished) return;
    bench->is_finished = true;
    bench->ended_us = now_us(bench);
    sk_engine_read(sk_node_engine(bench->node), &(struct sk_read){ .kind = SK_READ_TALLIES },
                   on_settled, bench);
}

/* On the first loop: one of them has done its share, or could not. */
static void loop_finished(void *context)
{
    const struct bench_loop *loop = context;
    struct bench *bench = loop->bench;
    add_stats(&bench->stats, &loop->stats);
    bench->accepted_count += loop->accepted_count;
    bench->ended_count += loop->ended_count;
    bench->loops_left -= 1;
    if (bench->error.status == SKALD_OK) bench->error = loop->error;
    if (bench->loops_left == 0 || bench->error.status != SKALD_OK) finish(bench);
}

static void finish_loop(struct bench_loop *loop, enum skald_status status, const skald_error *error)
{
    struct sk_runtime *home = home_of(loop->bench);
    if (loop->is_finished) return;
    loop->is_finished = true;
    if (status != SKALD_OK) {
        const char *text = error == NULL ? skald_status_text(status) : error->message;
        (void)sk_error_set(&loop->error, status, "%s", text);
    }
    sk_engine_stats(sk_node_engine_at(loop->bench->node, loop->index), &loop->stats);
    if (home->ops->post(home, loop_finished, loop) != SKALD_OK)
        sk_panic("out of memory", __FILE__, __LINE__);
}

/* ---- the sagas ------------------------------------------------------------------------------- */

static struct sk_engine *engine_of(const struct bench_loop *loop)
{
    return sk_node_engine_at(loop->bench->node, loop->index);
}

static void start_one(struct bench_loop *loop, struct bench_slot *slot);

/* This one is over: the next one. */
static void go_on(struct bench_loop *loop, struct bench_slot *slot)
{
    loop->times_us[loop->ended_count++] = now_us(loop->bench) - slot->started_us;
    if (loop->ended_count == loop->sagas_count) {
        finish_loop(loop, SKALD_OK, NULL);
    } else if (loop->started_count < loop->sagas_count) {
        start_one(loop, slot);
    }
}

static void on_ended(void *context, const struct sk_reply *reply)
{
    struct bench_slot *slot = context;
    struct bench_loop *loop = slot->loop;
    if (loop->is_finished) return;
    if (reply->status != SKALD_OK || reply->saga->state != SK_SAGA_COMPLETED) {
        finish_loop(loop, reply->status == SKALD_OK ? SKALD_E_INTERNAL : reply->status,
                    reply->error);
        return;
    }
    go_on(loop, slot);
}

static void on_accepted(void *context, const struct sk_reply *reply)
{
    struct bench_slot *slot = context;
    struct bench_loop *loop = slot->loop;
    if (loop->is_finished) return;
    if (reply->status != SKALD_OK) {
        finish_loop(loop, reply->status, reply->error);
        return;
    }
    loop->accepted_us[loop->accepted_count++] = now_us(loop->bench) - slot->started_us;
    if (loop->bench->is_parked) {
        go_on(loop, slot);
        return;
    }
    sk_engine_wait(engine_of(loop), reply->saga->start.id, WAIT_MS, on_ended, slot);
}

/* Of a client that knows where its saga belongs: there is no other way between the loops here. */
static void draw_id(const struct bench_loop *loop, char *out, size_t size)
{
    struct sk_runtime *runtime =
        sk_libevent_runtime_port(sk_node_runtime_at(loop->bench->node, loop->index));
    uint32_t count = sk_node_loops(loop->bench->node);
    do {
        uint64_t luck[2];
        runtime->ops->random(runtime, luck, sizeof luck);
        (void)snprintf(out, size, "%016" PRIx64 "%08" PRIx32, luck[0], (uint32_t)luck[1]);
    } while (sk_engine_shard_of(engine_of(loop), sk_str_of(out)) % count != loop->index);
}

static void start_one(struct bench_loop *loop, struct bench_slot *slot)
{
    struct sk_start_request request = { .definition = SK_STR("bench"),
                                        .input = { bench_input, sizeof bench_input - 1 } };
    char id[32];
    loop->started_count++;
    if (loop->bench->is_parked) {
        (void)snprintf(id, sizeof id, "parked-%zu", loop->started_count);
        request.definition = SK_STR("parked");
        request.id = sk_str_of(id);
    } else if (loop->bench->has_client_ids) {
        draw_id(loop, id, sizeof id);
        request.id = sk_str_of(id);
    }
    slot->loop = loop;
    slot->started_us = now_us(loop->bench);
    sk_engine_start(engine_of(loop), &request, on_accepted, slot);
}

static void begin_loop(void *context)
{
    struct bench_loop *loop = context;
    if (loop->sagas_count == 0) finish_loop(loop, SKALD_OK, NULL);
    for (size_t i = 0; i < loop->slots_count && i < loop->sagas_count; i++)
        start_one(loop, &loop->slots[i]);
}

/* ---- from open to the first start ------------------------------------------------------------ */

static void answer(struct sk_function_call *call, void *context)
{
    (void)context;
    sk_function_succeed(call, sk_function_request_of(call)->input);
}

static void fail(struct bench *bench, enum skald_status status, const skald_error *error)
{
    if (bench->error.status == SKALD_OK) {
        const char *text = error == NULL ? skald_status_text(status) : error->message;
        (void)sk_error_set(&bench->error, status, "%s", text);
    }
    finish(bench);
}

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct bench *bench = context;
    if (reply->status != SKALD_OK) {
        fail(bench, reply->status, reply->error);
        return;
    }
    (void)getrusage(RUSAGE_SELF, &bench->usage_start);
    bench_measure_threads(&bench->threads_start);
    bench->started_us = now_us(bench);
    bench->loops_left = (uint32_t)bench->loops_count;
    for (uint32_t i = 0; i < (uint32_t)bench->loops_count; i++) {
        struct sk_runtime *runtime = sk_libevent_runtime_port(sk_node_runtime_at(bench->node, i));
        if (runtime->ops->post(runtime, begin_loop, &bench->loops[i]) != SKALD_OK)
            fail(bench, SKALD_E_MEMORY, NULL);
    }
}

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    struct bench *bench = context;
    if (status != SKALD_OK) {
        fail(bench, status, error);
        return;
    }
    const char *source = bench->is_parked ? parked_definition : bench_definition;
    sk_engine_define(sk_node_engine(bench->node), sk_str_of(source), SK_STR("bench"), on_defined,
                     bench);
}

static bool register_functions(struct bench *bench, skald_error *error)
{
    struct sk_function_handlers handlers = { .action = answer };
    for (uint32_t i = 0; i < sk_node_loops(bench->node); i++) {
        struct sk_invoker *functions = sk_node_functions_at(bench->node, i);
        if (functions == NULL ||
            sk_function_register(functions, SK_STR("bench"), &handlers, error) != SKALD_OK)
            return false;
    }
    return true;
}

static int run(struct bench *bench, const char *store)
{
    const struct cli *cli = bench->cli;
    struct sk_node_options node_options = { .store_url = store,
                                            .loops = (uint32_t)bench->loops_count,
                                            .runtime = { .log = { .is_off = true } } };
    skald_error error = { .message = "" };
    if (sk_node_new(&node_options, &bench->node, &error) != SKALD_OK) {
        bool is_use = error.status == SKALD_E_ARGUMENT || error.status == SKALD_E_UNSUPPORTED;
        return cli_fail_error(cli, is_use ? CLI_WRONG_USE : CLI_FAILED, NULL, &error);
    }
    bool is_set = register_functions(bench, &error);
    if (is_set) {
        sk_node_open(bench->node, on_opened, bench);
        is_set = sk_libevent_runtime_run(sk_node_runtime(bench->node), &error) == SKALD_OK;
    }
    sk_node_free(bench->node);
    bench->node = NULL;
    if (is_set && bench->error.status == SKALD_OK) return CLI_GO_ON;
    return cli_fail_error(cli, CLI_FAILED, NULL, is_set ? &bench->error : &error);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run_in_folder(struct bench *bench)
{
    char folder[PATH_MAX / 2], store[PATH_MAX];
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == 0) parent = "/tmp";
    int size = snprintf(folder, sizeof folder, "%s/skald-bench-XXXXXX", parent);
    if (size < 0 || (size_t)size >= sizeof folder || mkdtemp(folder) == NULL) {
        return cli_fail(bench->cli, CLI_FAILED, "file", NULL, "%s: %s", parent, strerror(errno));
    }
    (void)snprintf(store, sizeof store, SK_NODE_STORE_KIND ":%s/bench", folder);
    int code = run(bench, store);
    bench_measure_store(bench, store);
    cli_remove_folder(folder);
    return code;
}

/* Sagas, slots and places for figures, to the loops. */
static void share_out(struct bench *bench)
{
    size_t sagas = 0, slots = 0, count = (size_t)bench->loops_count;
    for (size_t i = 0; i < count; i++) {
        struct bench_loop *loop = &bench->loops[i];
        size_t sagas_upto = (size_t)bench->sagas_count * (i + 1) / count;
        size_t slots_upto = (size_t)bench->slots_count * (i + 1) / count;
        *loop = (struct bench_loop){ .bench = bench,
                                     .index = (uint32_t)i,
                                     .sagas_count = sagas_upto - sagas,
                                     .slots_count = slots_upto - slots,
                                     .slots = bench->slots + slots,
                                     .times_us = bench->times_us + sagas,
                                     .accepted_us = bench->accepted_us + sagas };
        sagas = sagas_upto;
        slots = slots_upto;
    }
}

static int bench_main(const struct cli *cli, int argc, char **argv)
{
    struct bench bench = {
        .cli = cli, .sagas_count = 20000, .slots_count = 1000, .loops_count = 1
    };
    struct cli_args args;
    int code = cli_parse(cli, &bench, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) return cli_misuse(cli, NULL, "bench takes no arguments");
    if (bench.is_parked && bench.store == NULL) {
        return cli_misuse(cli, "name one with --store sqlite:FILE",
                          "--parked leaves its sagas in a store");
    }
    if (bench.is_parked && bench.loops_count > 1)
        return cli_misuse(cli, "leave out --loops", "--parked numbers its sagas on one loop");
    if (bench.slots_count < bench.loops_count)
        return cli_misuse(cli, "raise --in-flight", "each loop needs a saga in flight");
    bench.slots = calloc((size_t)bench.slots_count, sizeof *bench.slots);
    bench.loops = calloc((size_t)bench.loops_count, sizeof *bench.loops);
    bench.times_us = calloc((size_t)bench.sagas_count, sizeof *bench.times_us);
    bench.accepted_us = calloc((size_t)bench.sagas_count, sizeof *bench.accepted_us);
    if (bench.slots == NULL || bench.loops == NULL || bench.times_us == NULL ||
        bench.accepted_us == NULL) {
        code = cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    } else if (bench.store == NULL) {
        share_out(&bench);
        code = run_in_folder(&bench);
    } else {
        share_out(&bench);
        code = run(&bench, bench.store);
        bench_measure_store(&bench, bench.store);
    }
    if (code == CLI_GO_ON) code = bench_report(&bench);
    free(bench.slots);
    free(bench.loops);
    free(bench.times_us);
    free(bench.accepted_us);
    return code;
}

const struct cli_command cli_bench = {
    .name = "bench",
    .main = bench_main,
    .summary = "Measure how fast sagas run here, engine and store alone",
    .usage = "[options]",
    .example = "skald bench --sagas 50000 --in-flight 1000",
    .options = options,
};
