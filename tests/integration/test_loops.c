/*
 * test_loops.c: a node with several loops, in real threads (the thread sanitizer runs this): sagas
 * with children and lock keys whose shards belong to different loops, on each store; a process that
 * ends without a word and whose store is opened with another number of loops.
 *
 * It is a process of its own: of a node that is freed without a stop nobody frees what its store
 * was asked and has not answered.
 */
#include "engine/group.h"
#include "invoke/function.h"
#include "skald/assemble.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SAGAS = 60, LOOPS_MAX = 3, WAIT_MS = 60000, GRACE_MS = 10000 };

#define TRUNK(version, name)                                                           \
    "saga: {id: trunk, name: " name ", version: '" version "', order: sequential,\n"   \
    "       lock_keys: ['row-{{ .input.row }}', 'column-{{ .input.column }}']}\n"      \
    "steps:\n"                                                                         \
    "  - {id: branch, name: Branch, type: saga, action: {saga: {definition: leaf}}}\n" \
    "  - {id: after, name: After, type: function, action: {function: {name: work}}}\n"

static const char *const definitions[] = {
    "saga: {id: leaf, name: Leaf, version: '1'}\n"
    "steps:\n"
    "  - {id: only, name: Only, type: function, action: {function: {name: work}}}\n",
    TRUNK("1", "Sapling"),
    TRUNK("2", "Trunk"), /* what a start means that names no version, on every loop */
};

struct world;
struct hand { /* one loop's share; touched on that loop */
    struct world *world;
    uint32_t loop;
    uint32_t wanted, ended;
};
struct world {
    uint32_t loops;
    struct sk_node *node;
    struct hand hands[LOOPS_MAX];
    uint32_t defined;
    uint32_t finished; /* hands that are through, and their sagas */
    uint32_t ended;
    bool crashes; /* once all sagas are accepted */
    enum skald_status status;
};
struct job {
    struct hand *hand;
    char id[32];
};

static struct sk_runtime *runtime_at(struct world *world, uint32_t loop)
{
    return sk_libevent_runtime_port(sk_node_runtime_at(world->node, loop));
}

static void post(struct world *world, uint32_t loop, sk_runtime_fn *fn, void *context)
{
    struct sk_runtime *runtime = runtime_at(world, loop);
    assert_int_equal(SKALD_OK, runtime->ops->post(runtime, fn, context));
}

static void end(struct world *world, enum skald_status status)
{
    if (status != SKALD_OK) world->status = status;
    sk_libevent_runtime_stop(sk_node_runtime(world->node));
}

static void on_stopped(void *context, enum skald_status status, const skald_error *error)
{
    (void)error;
    end(context, status);
}

static void hand_done(void *context)
{
    struct hand *hand = context;
    struct world *world = hand->world;
    world->ended += hand->ended;
    world->finished += 1;
    if (world->finished < world->loops) return;
    if (world->crashes) {
        end(world, SKALD_OK);
    } else {
        sk_node_stop(world->node, GRACE_MS, on_stopped, world);
    }
}

static void count(struct hand *hand)
{
    hand->ended += 1;
    if (hand->ended == hand->wanted) post(hand->world, 0, hand_done, hand);
}

static void on_ended(void *context, const struct sk_reply *reply)
{
    struct job *job = context;
    struct hand *hand = job->hand;
    bool is_right = reply->status == SKALD_OK && reply->saga->state == SK_SAGA_COMPLETED;
    if (!is_right) {
        fprintf(stderr, "%s: %s %d\n", job->id, skald_status_name(reply->status),
                reply->saga == NULL ? -1 : (int)reply->saga->state);
        abort();
    }
    free(job);
    count(hand);
}

static void on_accepted(void *context, const struct sk_reply *reply)
{
    struct job *job = context;
    struct world *world = job->hand->world;
    if (reply->status != SKALD_OK) {
        fprintf(stderr, "%s: %s\n", job->id, reply->error->message);
        abort();
    }
    assert_true(sk_str_is(reply->saga->plan->version, "2"));
    if (world->crashes) {
        struct hand *hand = job->hand;
        free(job);
        count(hand);
        return;
    }
    sk_engine_wait(sk_node_engine_at(world->node, job->hand->loop), reply->saga->start.id, WAIT_MS,
                   on_ended, job);
}

static bool is_ours(const struct hand *hand, uint32_t n, char id[32])
{
    const struct sk_engine *engine = sk_node_engine_at(hand->world->node, hand->loop);
    (void)snprintf(id, 32, "trunk-%u", n);
    return sk_engine_shard_of(engine, sk_str_of(id)) % hand->world->loops == hand->loop;
}

/* Names of this loop's shards, the same in each life: started again they are what they were. */
static void begin(void *context)
{
    struct hand *hand = context;
    char id[32], input[48];
    for (uint32_t n = 0; n < SAGAS; n++) hand->wanted += is_ours(hand, n, id) ? 1 : 0;
    assert_true(hand->wanted > 0);
    for (uint32_t n = 0; n < SAGAS; n++) {
        if (!is_ours(hand, n, id)) continue;
        struct job *job = calloc(1, sizeof *job);
        job->hand = hand;
        memcpy(job->id, id, sizeof id);
        (void)snprintf(input, sizeof input, "{\"row\":%u,\"column\":%u}", n % 7, n % 5);
        struct sk_start_request request = { .definition = SK_STR("trunk"),
                                            .id = sk_str_of(job->id),
                                            .input = sk_str_of(input) };
        sk_engine_start(sk_node_engine_at(hand->world->node, hand->loop), &request, on_accepted,
                        job);
    }
}

/* ---- a life ---------------------------------------------------------------------------------- */

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct world *world = context;
    assert_int_equal(SKALD_OK, reply->status);
    world->defined += 1;
    if (world->defined < sizeof definitions / sizeof definitions[0]) {
        sk_engine_define(sk_node_engine(world->node), sk_str_of(definitions[world->defined]),
                         SK_STR("test"), on_defined, world);
        return;
    }
    for (uint32_t i = 0; i < world->loops; i++) post(world, i, begin, &world->hands[i]);
}

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    struct world *world = context;
    if (status != SKALD_OK) fprintf(stderr, "open: %s\n", error->message);
    assert_int_equal(SKALD_OK, status);
    sk_engine_define(sk_node_engine(world->node), sk_str_of(definitions[0]), SK_STR("test"),
                     on_defined, world);
}

static void work(struct sk_function_call *call, void *context)
{
    (void)context;
    sk_function_succeed(call, SK_STR("{}"));
}

static void live(const char *store, uint32_t loops, bool crashes)
{
    struct world world = { .loops = loops, .crashes = crashes };
    struct sk_node_options options = { .store_url = store,
                                       .loops = loops,
                                       .runtime = { .log = { .is_off = true } } };
    struct sk_function_handlers handlers = { .action = work };
    skald_error error = { .message = "" };
    enum skald_status status = sk_node_new(&options, &world.node, &error);
    if (status != SKALD_OK) fprintf(stderr, "%s: %s\n", store, error.message);
    assert_int_equal(SKALD_OK, status);
    for (uint32_t i = 0; i < loops; i++) {
        world.hands[i] = (struct hand){ .world = &world, .loop = i };
        assert_int_equal(SKALD_OK, sk_function_register(sk_node_functions_at(world.node, i),
                                                        SK_STR("work"), &handlers, &error));
    }
    sk_node_open(world.node, on_opened, &world);
    assert_int_equal(SKALD_OK, sk_libevent_runtime_run(sk_node_runtime(world.node), &error));
    if (crashes) _exit(world.status == SKALD_OK && world.ended == SAGAS ? 0 : 1);
    sk_node_free(world.node);
    assert_int_equal(SKALD_OK, world.status);
    assert_int_equal(SAGAS, world.ended);
}

static void live_and_crash(const char *store, uint32_t loops)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live(store, loops, true);
        _exit(1);
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_int_equal(0, status);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void sagas_of_all_loops_complete(void **state)
{
    (void)state;
    live("memory:", 1, false);
    live("memory:", 2, false);
    live("memory:", 3, false);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

/* They were accepted; what became of them meanwhile, the next life finds. */
static void another_number_of_loops_goes_on(const char *scheme)
{
    char folder[] = "/tmp/skald-loops-XXXXXX", store[128];
    assert_non_null(mkdtemp(folder));
    snprintf(store, sizeof store, "%s:%s/store", scheme, folder);
    live_and_crash(store, 2);
    live_and_crash(store, 3);
    live_and_crash(store, 1);
    live(store, 2, false);
    assert_int_equal(0, nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS));
}

static void sqlite_is_shared_by_loops(void **state)
{
    (void)state;
    another_number_of_loops_goes_on("sqlite");
}

static void a_journal_is_shared_by_loops(void **state)
{
    (void)state;
    another_number_of_loops_goes_on("journal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sagas_of_all_loops_complete),
        cmocka_unit_test(sqlite_is_shared_by_loops),
        cmocka_unit_test(a_journal_is_shared_by_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
