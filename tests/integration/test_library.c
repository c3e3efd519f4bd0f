/*
 * test_library.c: the public C API as an embedding program uses it: nothing but <skald/skald.h>.
 * Waits for sagas and semaphores, never for time.
 */
#include <skald/skald.h>

#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WAIT_MS = 60000 };

/* ---- a world: an engine and what its functions saw ------------------------------------------- */

struct world {
    skald_engine *engine;
    atomic_int reserved, released, charged;
    sem_t pending;
    char token[256];
    char seen[512]; /* what a function read, as text */
    bool is_declined;
};

static const char order[] = "saga: {id: order, name: Order, version: '1', order: sequential}\n"
                            "steps:\n"
                            "  - id: reserve\n"
                            "    name: Reserve\n"
                            "    type: function\n"
                            "    action: {function: {name: reserve, parameters: {of: \"{{ "
                            ".input.user.email }}\"}}}\n"
                            "    compensation: {type: automatic}\n"
                            "  - id: charge\n"
                            "    name: Charge\n"
                            "    type: function\n"
                            "    action: {function: {name: charge}}\n"
                            "    compensation: {type: skip}\n";

static const char approve[] = "saga: {id: approve, name: Approve, version: '1'}\n"
                              "steps:\n"
                              "  - id: ask\n"
                              "    name: Ask\n"
                              "    type: function\n"
                              "    action: {function: {name: ask}}\n"
                              "    compensation: {type: skip}\n";

static const char waits[] = "saga: {id: waits, name: Waits, version: '1'}\n"
                            "steps:\n"
                            "  - id: go\n"
                            "    name: Go\n"
                            "    type: wait\n"
                            "    wait: {signal: {name: go}}\n";

static void reserve(skald_call *call, void *user)
{
    struct world *world = user;
    double amount = 0;
    int64_t pieces = 0, nothing = 7;
    assert_true(skald_input_number(call, "amount", &amount));
    assert_true(skald_input_integer(call, "lines[1].pieces", &pieces));
    assert_false(skald_input_integer(call, "lines[2].pieces", &nothing));
    (void)snprintf(world->seen, sizeof world->seen, "%s|%s|%s|%s|%.1f|%lld|%lld|%u|%d|%s",
                   skald_call_saga(call), skald_call_step(call), skald_call_key(call),
                   skald_input_text(call, "user.email"), amount, (long long)pieces,
                   (long long)nothing, skald_call_attempt(call), skald_call_item(call),
                   skald_parameter_text(call, "of"));
    if (atomic_fetch_add(&world->reserved, 1) == 0) {
        skald_retry(call, "deadlock", "once more", 1);
        return;
    }
    skald_succeed(call, "{\"id\": \"r-1\", \"places\": [1, 2]}");
}

static void release(skald_call *call, void *user)
{
    struct world *world = user;
    assert_int_equal(skald_call_operation(call), SKALD_OPERATION_COMPENSATION);
    assert_string_equal(skald_output_text(call, "reserve", "id"), "r-1");
    atomic_fetch_add(&world->released, 1);
    skald_succeed(call, NULL);
}

static void charge(skald_call *call, void *user)
{
    struct world *world = user;
    int64_t place = 0;
    assert_string_equal(skald_output_text(call, "reserve", "id"), "r-1");
    assert_string_equal(skald_output_json(call, "reserve", "id"), "\"r-1\"");
    assert_true(skald_output_integer(call, "reserve", "places[1]", &place));
    assert_int_equal(place, 2);
    assert_null(skald_output_text(call, "charge", ""));
    assert_null(skald_input_json(call, "user.name"));
    atomic_fetch_add(&world->charged, 1);
    if (world->is_declined) {
        skald_fail(call, "declined", "the card was declined");
    } else {
        skald_succeed(call, "{\"paid\": true}");
    }
}

static void ask(skald_call *call, void *user)
{
    struct world *world = user;
    (void)snprintf(world->token, sizeof world->token, "%s", skald_call_token(call));
    skald_pending(call);
    sem_post(&world->pending);
}

/* All of this with several loops, too: scripts/test says so. */
static uint32_t loops(void)
{
    const char *text = getenv("SKALD_SERVER_LOOPS");
    return text == NULL ? 0 : (uint32_t)strtoul(text, NULL, 10);
}

static void open_world(struct world *world)
{
    memset(world, 0, sizeof *world);
    sem_init(&world->pending, 0, 0);
    skald_error error = { .message = "" };
    skald_options options = SKALD_OPTIONS(skald_options, .store = "memory:", .loops = loops());
    assert_int_equal(skald_open(&options, &world->engine, &error), SKALD_OK);
    assert_int_equal(skald_register(world->engine, "reserve", reserve, release, world, &error),
                     SKALD_OK);
    assert_int_equal(skald_register_with(world->engine, "charge",
                                         &SKALD_OPTIONS(skald_function_options, .action = charge,
                                                        .user = world, .is_non_blocking = true),
                                         &error),
                     SKALD_OK);
    assert_int_equal(skald_register(world->engine, "ask", ask, NULL, world, &error), SKALD_OK);
}

static void close_world(struct world *world)
{
    assert_int_equal(skald_close(world->engine), SKALD_OK);
    sem_destroy(&world->pending);
}

static void define(struct world *world, const char *text)
{
    skald_error error = { .message = "" };
    enum skald_status status = skald_define_text(world->engine, text, NULL, NULL, &error);
    if (status != SKALD_OK) fail_msg("%s", error.message);
}

static void start(struct world *world, const char *definition, const char *id)
{
    static const char input[] = "{\"user\": {\"email\": \"a@b\"}, \"amount\": 2.5,"
                                " \"lines\": [{\"pieces\": 1}, {\"pieces\": 3}]}";
    skald_error error = { .message = "" };
    enum skald_status status =
        skald_start(world->engine, definition, input, &SKALD_OPTIONS(skald_start_options, .id = id),
                    NULL, &error);
    if (status != SKALD_OK) fail_msg("%s", error.message);
}

static skald_reply *wait_for(struct world *world, const char *id, enum skald_state state)
{
    skald_reply *saga = NULL;
    skald_error error = { .message = "" };
    assert_int_equal(skald_wait(world->engine, id, WAIT_MS, &saga, &error), SKALD_OK);
    assert_string_equal(skald_state_name(skald_reply_state(saga)), skald_state_name(state));
    return saga;
}

/* ---- sagas ----------------------------------------------------------------------------------- */

static void test_completes(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    define(&world, order);
    start(&world, "order", "order-1");
    skald_reply *saga = wait_for(&world, "order-1", SKALD_STATE_COMPLETED);
    assert_string_equal(skald_reply_id(saga), "order-1");
    assert_int_equal(skald_reply_count(saga, "steps"), 2);
    assert_string_equal(skald_reply_text(saga, "steps[0].output.id"), "r-1");
    assert_true(skald_reply_flag(saga, "output.charge.paid"));
    int64_t retries = 0;
    assert_true(skald_reply_integer(saga, "retries", &retries));
    assert_int_equal(retries, 1);
    skald_reply_free(saga);
    assert_string_equal(world.seen, "order-1|reserve|order-1/reserve/action|a@b|2.5|3|7|2|-1|a@b");
    close_world(&world);
}

static void test_is_undone(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    world.is_declined = true;
    define(&world, order);
    start(&world, "order", "order-2");
    skald_reply *saga = wait_for(&world, "order-2", SKALD_STATE_COMPENSATED);
    assert_string_equal(skald_reply_text(saga, "error.code"), "declined");
    assert_true(skald_state_is_end(skald_reply_state(saga)));
    skald_reply_free(saga);
    assert_int_equal(atomic_load(&world.released), 1);
    close_world(&world);
}

static void test_start_twice(void **state)
{
    (void)state;
    struct world world;
    skald_reply *saga = NULL;
    skald_error error = { .message = "" };
    open_world(&world);
    define(&world, waits);
    skald_start_options options = SKALD_OPTIONS(skald_start_options, .id = "w-1");
    assert_int_equal(skald_start(world.engine, "waits", "1", &options, &saga, &error), SKALD_OK);
    assert_int_equal(skald_reply_status(saga), 201);
    assert_false(skald_reply_is_replayed(saga));
    skald_reply_free(saga);
    assert_int_equal(skald_start(world.engine, "waits", "1", &options, &saga, &error), SKALD_OK);
    assert_true(skald_reply_is_replayed(saga));
    skald_reply_free(saga);
    assert_int_equal(skald_start(world.engine, "waits", "2", &options, &saga, &error),
                     SKALD_E_CONFLICT);
    assert_int_equal(error.status, SKALD_E_CONFLICT);
    assert_non_null(skald_reply_text(saga, "remedy"));
    skald_reply_free(saga);
    close_world(&world);
}

static void test_pending_is_completed(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    open_world(&world);
    define(&world, approve);
    start(&world, "approve", "a-1");
    sem_wait(&world.pending);
    assert_int_equal(skald_complete(world.engine, "a-1", "ask", "nonsense", "1", NULL, &error),
                     SKALD_E_ARGUMENT);
    assert_int_equal(skald_complete(world.engine, "a-1", "ask", world.token, "{\"by\": \"m\"}",
                                    NULL, &error),
                     SKALD_OK);
    skald_reply *saga = wait_for(&world, "a-1", SKALD_STATE_COMPLETED);
    assert_string_equal(skald_reply_text(saga, "output.ask.by"), "m");
    skald_reply_free(saga);

    start(&world, "approve", "a-2");
    sem_wait(&world.pending);
    assert_int_equal(skald_complete_failed(world.engine, "a-2", "ask", world.token, "refused",
                                           "not by me", NULL, &error),
                     SKALD_OK);
    saga = wait_for(&world, "a-2", SKALD_STATE_COMPENSATED);
    assert_string_equal(skald_reply_text(saga, "error.code"), "refused");
    skald_reply_free(saga);
    close_world(&world);
}

static void test_commands(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    open_world(&world);
    define(&world, waits);
    start(&world, "waits", "w-1");
    skald_command_options why = SKALD_OPTIONS(skald_command_options, .by = "ann", .reason = "why");
    assert_int_equal(skald_suspend(world.engine, "w-1", &why, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_state(reply), SKALD_STATE_SUSPENDED);
    skald_reply_free(reply);
    assert_int_equal(skald_resume(world.engine, "w-1", &why, NULL, &error), SKALD_OK);
    assert_int_equal(skald_signal(world.engine, "w-1", "go", NULL, "{\"n\": 1}", NULL, &error),
                     SKALD_OK);
    skald_reply_free(wait_for(&world, "w-1", SKALD_STATE_COMPLETED));
    assert_int_equal(skald_cancel(world.engine, "w-1", &why, &reply, &error), SKALD_E_STATE);
    skald_reply_free(reply);
    assert_int_equal(skald_cancel(world.engine, "w-1", NULL, NULL, &error), SKALD_E_ARGUMENT);

    start(&world, "waits", "w-2");
    assert_int_equal(skald_cancel(world.engine, "w-2", &why, NULL, &error), SKALD_OK);
    skald_reply_free(wait_for(&world, "w-2", SKALD_STATE_CANCELLED));
    start(&world, "waits", "w-3");
    why.step = "go";
    why.output_json = "{\"skipped\": true}";
    assert_int_equal(skald_skip_step(world.engine, "w-3", &why, NULL, &error), SKALD_OK);
    skald_reply_free(wait_for(&world, "w-3", SKALD_STATE_COMPLETED));
    start(&world, "waits", "w-4");
    why.step = why.output_json = NULL;
    assert_int_equal(skald_force_complete(world.engine, "w-4", &why, NULL, &error), SKALD_OK);
    skald_reply_free(wait_for(&world, "w-4", SKALD_STATE_COMPLETED));
    start(&world, "waits", "w-5");
    assert_int_equal(skald_force_cancel(world.engine, "w-5", &why, NULL, &error), SKALD_OK);
    skald_reply_free(wait_for(&world, "w-5", SKALD_STATE_CANCELLED));
    assert_int_equal(skald_retry_saga(world.engine, "w-5", &why, NULL, &error), SKALD_E_STATE);
    close_world(&world);
}

static void test_lists(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    open_world(&world);
    define(&world, waits);
    for (int i = 0; i < 3; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "w:%d", i);
        start(&world, "waits", id);
    }
    skald_list_options options =
        SKALD_OPTIONS(skald_list_options, .state = "running", .definition = "waits", .limit = 2);
    assert_int_equal(skald_list(world.engine, &options, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 2);
    assert_string_equal(skald_reply_text(reply, "items[0].state"), "running");
    options.cursor = skald_reply_text(reply, "next");
    assert_non_null(options.cursor);
    skald_reply *rest = NULL;
    assert_int_equal(skald_list(world.engine, &options, &rest, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(rest, "items"), 1);
    skald_reply_free(rest);
    skald_reply_free(reply);

    assert_int_equal(skald_events(world.engine, "w:1", 1, 1, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 1);
    assert_string_equal(skald_reply_text(reply, "items[0].type"), "saga.started");
    skald_reply_free(reply);
    assert_int_equal(skald_steps(world.engine, "w:1", &reply, &error), SKALD_OK);
    assert_string_equal(skald_reply_text(reply, "items[0].id"), "go");
    skald_reply_free(reply);
    assert_int_equal(skald_get(world.engine, "nobody", &reply, &error), SKALD_E_NOT_FOUND);
    skald_reply_free(reply);
    assert_int_equal(skald_list_definitions(world.engine, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 1);
    skald_reply_free(reply);
    assert_int_equal(skald_get_definition(world.engine, "waits", "1", &reply, &error), SKALD_OK);
    assert_non_null(skald_reply_text(reply, "source"));
    skald_reply_free(reply);
    assert_int_equal(skald_stats(world.engine, &reply, &error), SKALD_OK);
    int64_t running = 0;
    assert_true(skald_reply_integer(reply, "by_state.running", &running));
    assert_int_equal(running, 3);
    skald_reply_free(reply);
    close_world(&world);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void test_mistakes(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    skald_engine *none = NULL;
    open_world(&world);
    assert_int_equal(skald_define_text(world.engine, "saga: {id: x}\nsteps: []\n", "x.yaml", &reply,
                                       &error),
                     SKALD_E_INVALID);
    assert_non_null(strstr(error.message, "x.yaml:"));
    assert_true(skald_reply_count(reply, "diagnostics") > 0);
    skald_reply_free(reply);
    assert_int_equal(skald_define_file(world.engine, "/nonexistent/a.yaml", NULL, &error),
                     SKALD_E_NOT_FOUND);
    assert_int_equal(skald_start(world.engine, "nothing", NULL, NULL, NULL, &error),
                     SKALD_E_NOT_FOUND);
    assert_int_equal(skald_start(world.engine, "nothing", "{", NULL, NULL, &error), SKALD_E_SYNTAX);
    assert_non_null(strstr(error.message, "input: "));
    assert_int_equal(skald_register(world.engine, "ask", ask, NULL, NULL, &error),
                     SKALD_E_CONFLICT);
    assert_int_equal(skald_register(world.engine, "x", NULL, NULL, NULL, &error), SKALD_E_ARGUMENT);
    assert_int_equal(skald_wait(world.engine, "x", 0, NULL, &error), SKALD_E_ARGUMENT);
    assert_int_equal(skald_request(world.engine, "POKE", "/", NULL, NULL, NULL, &error),
                     SKALD_E_ARGUMENT);
    assert_int_equal(skald_request(world.engine, "GET", "/nowhere", NULL, NULL, &reply, &error),
                     SKALD_E_NOT_FOUND);
    assert_int_equal(skald_reply_status(reply), 404);
    skald_reply_free(reply);

    skald_options options = { .store = "memory:" };
    assert_int_equal(skald_open(&options, &none, &error), SKALD_E_ARGUMENT);
    struct {
        skald_options known;
        int unknown;
    } longer = { .known = { .size = sizeof longer }, .unknown = 1 };
    assert_int_equal(skald_open(&longer.known, &none, &error), SKALD_E_ARGUMENT);
    options = SKALD_OPTIONS(skald_options, .store = "postgres:x");
    assert_int_equal(skald_open(&options, &none, &error), SKALD_E_UNSUPPORTED);
    assert_null(none);
    close_world(&world);
}

/* ---- the engine's thread --------------------------------------------------------------------- */

struct asked {
    struct world *world;
    sem_t told;
    enum skald_status inside, async;
    int status;
};

static void on_reply(void *user, enum skald_status status, skald_reply *reply,
                     const skald_error *error)
{
    struct asked *asked = user;
    (void)error;
    asked->async = status;
    asked->status = skald_reply_status(reply);
    asked->inside = skald_get(asked->world->engine, "w-1", NULL, NULL);
    skald_reply_free(reply);
    sem_post(&asked->told);
}

static void test_async(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    open_world(&world);
    struct asked asked = { .world = &world };
    sem_init(&asked.told, 0, 0);
    assert_int_equal(skald_request_async(world.engine, "GET", "/healthz", NULL, NULL, on_reply,
                                         &asked, &error),
                     SKALD_E_STATE);
    define(&world, waits);
    start(&world, "waits", "w-1");
    assert_int_equal(skald_request_async(world.engine, "GET", "/api/v1/sagas/w-1", NULL, NULL,
                                         on_reply, &asked, &error),
                     SKALD_OK);
    sem_wait(&asked.told);
    assert_int_equal(asked.async, SKALD_OK);
    assert_int_equal(asked.status, 200);
    assert_int_equal(asked.inside, SKALD_E_STATE);
    sem_destroy(&asked.told);
    close_world(&world);
}

static void on_end(void *user, enum skald_status status, skald_reply *reply,
                   const skald_error *error)
{
    (void)error;
    *(enum skald_status *)user = status;
    skald_reply_free(reply);
}

static void test_close_ends_waits(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    enum skald_status status = SKALD_OK;
    open_world(&world);
    define(&world, waits);
    start(&world, "waits", "w-1");
    assert_int_equal(skald_request_async(world.engine, "GET", "/api/v1/sagas/w-1?wait=1h", NULL,
                                         NULL, on_end, &status, &error),
                     SKALD_OK);
    close_world(&world);
    assert_int_equal(status, SKALD_E_CLOSED);
}

/* ---- definitions built in C ------------------------------------------------------------------ */

static const char built[] = "saga:\n"
                            "  id: built\n"
                            "  name: Built\n"
                            "  version: \"1\"\n"
                            "  description: \"made by hand\"\n"
                            "  order: sequential\n"
                            "  timeout: \"60000ms\"\n"
                            "  output: \"{{ .output.charge }}\"\n"
                            "  tags:\n"
                            "    - a\n"
                            "global_retry_policy:\n"
                            "  type: exponential_backoff\n"
                            "  max_attempts: 3\n"
                            "  initial_delay: \"1ms\"\n"
                            "  max_delay: \"10ms\"\n"
                            "  multiplier: 2\n"
                            "steps:\n"
                            "  - id: reserve\n"
                            "    name: Reserve\n"
                            "    type: function\n"
                            "    action:\n"
                            "      function:\n"
                            "        name: reserve\n"
                            "        parameters:\n"
                            "          of: \"{{ .input.user.email }}\"\n"
                            "    retry_policy:\n"
                            "      type: fixed_delay\n"
                            "      max_attempts: 4\n"
                            "      initial_delay: \"1ms\"\n"
                            "      jitter: none\n"
                            "      retryable_errors:\n"
                            "        - deadlock\n"
                            "    compensation:\n"
                            "      type: automatic\n"
                            "  - id: charge\n"
                            "    name: charge\n"
                            "    type: function\n"
                            "    action:\n"
                            "      function:\n"
                            "        name: charge\n"
                            "    condition:\n"
                            "      expression: \"$input.amount > 1\"\n"
                            "    timeout: \"5000ms\"\n"
                            "    compensation:\n"
                            "      type: skip\n";

static skald_definition *build(void)
{
    static const char *const errors[] = { "deadlock", NULL };
    skald_error error = { .message = "" };
    skald_definition *d = skald_definition_new("built", "Built", "1");
    skald_retry_policy all = skald_retry_exponential(2, 1, 2, 10);
    skald_retry_policy own = skald_retry_fixed(3, 1);
    own.retryable_errors = errors;
    own.has_no_jitter = true;
    skald_definition_set_retry(d, &all);
    assert_int_equal(skald_definition_set(d,
                                          &SKALD_OPTIONS(skald_definition_options,
                                                         .description = "made by hand",
                                                         .timeout_ms = 60000,
                                                         .output_json = "\"{{ .output.charge }}\"",
                                                         .more_json = "{\"tags\": [\"a\"]}"),
                                          &error),
                     SKALD_OK);
    assert_int_equal(skald_definition_add_step(
                         d, "reserve",
                         &SKALD_OPTIONS(skald_step_options, .name = "Reserve",
                                        .function = "reserve",
                                        .parameters_json = "{\"of\": \"{{ .input.user.email }}\"}",
                                        .retry = own, .undo = SKALD_UNDO_AUTOMATIC),
                         &error),
                     SKALD_OK);
    assert_int_equal(
        skald_definition_add_step(d, "charge",
                                  &SKALD_OPTIONS(skald_step_options, .function = "charge",
                                                 .condition = "$input.amount > 1",
                                                 .timeout_ms = 5000, .undo = SKALD_UNDO_SKIP),
                                  &error),
        SKALD_OK);
    return d;
}

static void test_built_in_c(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    open_world(&world);
    skald_definition *d = build();
    assert_string_equal(skald_definition_yaml(d), built);
    assert_int_equal(skald_define(world.engine, d, NULL, &error), SKALD_OK);
    start(&world, "built", "b-1");
    skald_reply *saga = wait_for(&world, "b-1", SKALD_STATE_COMPLETED);
    assert_true(skald_reply_flag(saga, "output.paid"));
    skald_reply_free(saga);
    skald_definition_free(d);
    close_world(&world);
}

/* Every field once: what it becomes is YAML that the rules accept. */
static void test_built_with_everything(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    open_world(&world);
    static const char *const on_a[] = { "a", NULL };
    skald_definition *d = skald_definition_new("all", NULL, NULL);
    skald_retry_policy linear = skald_retry_linear(0, 1, 2, 3), none = skald_retry_none();
    assert_int_equal(skald_definition_set(d,
                                          &SKALD_OPTIONS(skald_definition_options, .is_graph = true,
                                                         .is_forward = true),
                                          &error),
                     SKALD_OK);
    skald_step_options a =
        SKALD_OPTIONS(skald_step_options, .function = "reserve", .undo = SKALD_UNDO_FUNCTION,
                      .undo_function = "charge", .undo_parameters_json = "{\"x\": 1}",
                      .undo_timeout_ms = 100, .undo_retry = linear, .verify_function = "ask",
                      .is_idempotent = true, .step_timeout_ms = 20000, .pending_timeout_ms = 10000,
                      .retry = linear);
    skald_step_options b =
        SKALD_OPTIONS(skald_step_options, .function = "charge", .dependencies = on_a,
                      .foreach_items = "{{ .input.list }}", .foreach_var = "one",
                      .foreach_parallel = 2, .continue_on_error = true);
    skald_step_options c = SKALD_OPTIONS(skald_step_options, .type = "wait", .dependencies = on_a,
                                         .more_json = "{\"wait\": {\"for\": \"1s\"}}");
    skald_step_options e = SKALD_OPTIONS(skald_step_options, .function = "ask", .is_async = true,
                                         .dependencies = on_a, .retry = none);
    e.verify_function = "ask";
    assert_int_equal(skald_definition_add_step(d, "a", &a, &error), SKALD_OK);
    assert_int_equal(skald_definition_add_step(d, "b", &b, &error), SKALD_OK);
    assert_int_equal(skald_definition_add_step(d, "c", &c, &error), SKALD_OK);
    assert_int_equal(skald_definition_add_step(d, "e", &e, &error), SKALD_OK);
    if (skald_define(world.engine, d, &reply, &error) != SKALD_OK) {
        fail_msg("%s\n%s\n%s", error.message, skald_reply_json(reply, NULL),
                 skald_definition_yaml(d));
    }
    skald_reply_free(reply);

    a.more_json = "[1]";
    assert_int_equal(skald_definition_add_step(d, "f", &a, &error), SKALD_E_ARGUMENT);
    a.more_json = "{";
    assert_int_equal(skald_definition_add_step(d, "f", &a, &error), SKALD_E_SYNTAX);
    assert_int_equal(skald_definition_add_step(d, "f", NULL, &error), SKALD_E_ARGUMENT);
    assert_int_equal(skald_definition_add_step(d, "c", &c, &error), SKALD_OK);
    assert_int_equal(skald_define(world.engine, d, NULL, &error), SKALD_E_INVALID); /* c twice */
    skald_definition_free(d);
    skald_definition_free(NULL);
    close_world(&world);
}

/* ---- functions that are asked ---------------------------------------------------------------- */

struct judge {
    atomic_int asked, charged;
    const char *verdict; /* NULL: says nothing */
    bool is_regular;
    char seen[256];
};

static void refuse(skald_call *call, void *user)
{
    struct judge *judge = user;
    atomic_fetch_add(&judge->charged, 1);
    if (skald_call_attempt(call) == 3) {
        skald_succeed(call, "1");
    } else {
        skald_fail(call, "odd", "not today");
    }
}

static void judge_retry(skald_call *call, void *user)
{
    struct judge *judge = user;
    atomic_fetch_add(&judge->asked, 1);
    assert_int_equal(skald_call_operation(call), SKALD_OPERATION_DECISION);
    (void)snprintf(judge->seen, sizeof judge->seen, "%s|%s|%s|%s|%s", skald_call_key(call),
                   skald_parameter_text(call, "operation"), skald_parameter_text(call, "outcome"),
                   skald_parameter_text(call, "code"), skald_parameter_text(call, "attempt"));
    if (judge->verdict != NULL) skald_succeed(call, judge->verdict);
}

static void judge_condition(skald_call *call, void *user)
{
    struct judge *judge = user;
    assert_string_equal(skald_parameter_text(call, "who"), "a@b");
    skald_succeed(call, judge->is_regular ? "true" : "false");
}

static void ask_judge(struct world *world, struct judge *judge, const char *id,
                      enum skald_state state, const char *step_states)
{
    skald_error error = { .message = "" };
    open_world(world);
    assert_int_equal(skald_register(world->engine, "refuse", refuse, NULL, judge, &error), 0);
    assert_int_equal(skald_register(world->engine, "judge", judge_retry, NULL, judge, &error), 0);
    assert_int_equal(skald_register(world->engine, "regular", judge_condition, NULL, judge, &error),
                     0);
    skald_definition *d = skald_definition_new("judged", NULL, "1");
    skald_retry_policy policy = skald_retry_fixed(2, 1);
    policy.decide = "judge";
    skald_step_options pay = SKALD_OPTIONS(skald_step_options, .function = "refuse",
                                           .retry = policy, .undo = SKALD_UNDO_SKIP);
    skald_step_options gift =
        SKALD_OPTIONS(skald_step_options, .function = "refuse", .undo = SKALD_UNDO_SKIP,
                      .retry = skald_retry_none(), .continue_on_error = true,
                      .condition_function = "regular",
                      .condition_variables_json = "{\"who\": \"{{ .input.user.email }}\"}");
    assert_int_equal(skald_definition_add_step(d, "pay", &pay, &error), SKALD_OK);
    assert_int_equal(skald_definition_add_step(d, "gift", &gift, &error), SKALD_OK);
    if (skald_define(world->engine, d, NULL, &error) != SKALD_OK) fail_msg("%s", error.message);
    skald_definition_free(d);
    start(world, "judged", id);
    skald_reply *saga = wait_for(world, id, state);
    char states[128];
    (void)snprintf(states, sizeof states, "%s %s %s", skald_reply_text(saga, "steps[0].state"),
                   skald_reply_text(saga, "steps[1].state"),
                   skald_reply_text(saga, "steps[2].state"));
    assert_string_equal(states, step_states);
    assert_string_equal(skald_reply_text(saga, "steps[1].id"), "gift-condition");
    skald_reply_free(saga);
}

static void test_decided_again(void **state)
{
    (void)state;
    struct world world;
    struct judge judge = { .verdict = "{\"retry\": true, \"after_ms\": 2}", .is_regular = true };
    skald_reply *events = NULL;
    ask_judge(&world, &judge, "j-1", SKALD_STATE_COMPLETED, "completed completed failed");
    assert_int_equal(judge.asked, 2); /* a clear no is tried again, for the judge says so */
    assert_int_equal(judge.charged, 4);
    assert_string_equal(judge.seen, "j-1/pay/action/decide/2|action|failed|odd|2");
    assert_int_equal(skald_events(world.engine, "j-1", 0, 0, &events, NULL), SKALD_OK);
    assert_non_null(strstr(skald_reply_json(events, NULL), "not today; judge: once more"));
    skald_reply_free(events);
    close_world(&world);
}

static void test_decided_no_more(void **state)
{
    (void)state;
    struct world world;
    struct judge judge = { .verdict = "false" };
    ask_judge(&world, &judge, "j-2", SKALD_STATE_COMPENSATED, "failed pending pending");
    assert_int_equal(judge.asked, 1);
    assert_int_equal(judge.charged, 1);
    close_world(&world);
}

static void test_no_verdict(void **state)
{
    (void)state;
    struct world world;
    struct judge judge = { .verdict = NULL };
    ask_judge(&world, &judge, "j-3", SKALD_STATE_COMPENSATED, "failed pending pending");
    assert_int_equal(judge.asked, 1); /* and the policy: a clear no is not tried again */
    close_world(&world);
}

static void test_condition_says_no(void **state)
{
    (void)state;
    struct world world;
    struct judge judge = { .verdict = "true", .is_regular = false };
    ask_judge(&world, &judge, "j-4", SKALD_STATE_COMPLETED, "completed completed skipped");
    assert_int_equal(judge.charged, 3);
    close_world(&world);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

struct listener {
    skald_subscription *subscription;
    atomic_int count, out_of_order, foreign;
    uint64_t lost, seq;
    sem_t gate, entered, heard;
    bool waits, leaves;
};

static void hear(const skald_event *event, void *user)
{
    struct listener *listener = user;
    sem_post(&listener->entered);
    if (listener->waits) sem_wait(&listener->gate);
    if (event->seq <= listener->seq) atomic_fetch_add(&listener->out_of_order, 1);
    listener->seq = event->seq;
    listener->lost += event->lost;
    if (event->saga == NULL || strcmp(event->saga, "w-1") != 0) {
        atomic_fetch_add(&listener->foreign, 1);
    }
    atomic_fetch_add(&listener->count, 1);
    if (listener->leaves) skald_unsubscribe(listener->subscription);
    sem_post(&listener->heard);
}

static void subscribe(struct world *world, struct listener *listener, const char *types,
                      uint32_t queue_max)
{
    skald_error error = { .message = "" };
    skald_subscribe_options options = SKALD_OPTIONS(skald_subscribe_options, .types = types,
                                                    .saga = "w-1", .queue_max = queue_max);
    sem_init(&listener->gate, 0, 0);
    sem_init(&listener->entered, 0, 0);
    sem_init(&listener->heard, 0, 0);
    assert_int_equal(skald_subscribe(world->engine, &options, hear, listener,
                                     &listener->subscription, &error),
                     SKALD_OK);
}

static void test_subscriptions(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    struct listener all = { 0 }, ends = { 0 }, slow = { .waits = true }, once = { .leaves = true };
    open_world(&world);
    subscribe(&world, &all, NULL, 0);
    subscribe(&world, &ends, "saga.completed, step.f*", 0);
    subscribe(&world, &slow, "*", 1);
    subscribe(&world, &once, "saga.*", 0);
    define(&world, waits);
    start(&world, "waits", "w-1");
    start(&world, "waits", "w-2");
    sem_wait(&once.heard); /* and is gone */
    assert_int_equal(skald_signal(world.engine, "w-1", "go", NULL, NULL, NULL, &error), SKALD_OK);
    skald_reply *saga = wait_for(&world, "w-1", SKALD_STATE_COMPLETED);
    int64_t events = 0;
    assert_true(skald_reply_integer(saga, "seq", &events));
    skald_reply_free(saga);
    for (int64_t i = 0; i < events; i++) sem_wait(&all.heard);
    sem_wait(&ends.heard);
    skald_unsubscribe(all.subscription);
    for (int i = 0; i < 4; i++) sem_post(&slow.gate);
    close_world(&world); /* what waits is delivered */
    assert_int_equal(all.count, events);
    assert_int_equal(all.out_of_order, 0);
    assert_int_equal(all.foreign, 0);
    assert_int_equal(all.lost, 0);
    assert_int_equal(ends.count, 1);
    assert_int_equal(once.count, 1);
    assert_in_range(slow.count, 1, 2); /* one in its hands, one in the queue; the rest is lost */
}

static void send_note(struct world *world, const char *id)
{
    skald_error error = { .message = "" };
    assert_int_equal(skald_signal(world->engine, "w-1", "note", id, NULL, NULL, &error), SKALD_OK);
    assert_int_equal(skald_get(world->engine, "w-1", NULL, &error), SKALD_OK); /* a turn later */
}

static void test_lost_is_told(void **state)
{
    (void)state;
    struct world world;
    struct listener slow = { .waits = true };
    open_world(&world);
    subscribe(&world, &slow, "signal.received", 1);
    define(&world, waits);
    start(&world, "waits", "w-1");
    send_note(&world, "1");
    sem_wait(&slow.entered); /* has the first in its hands */
    send_note(&world, "2");  /* waits in the queue */
    send_note(&world, "3");
    send_note(&world, "4");
    for (int i = 0; i < 3; i++) sem_post(&slow.gate);
    for (int i = 0; i < 2; i++) sem_wait(&slow.heard);
    assert_int_equal(slow.lost, 0);
    send_note(&world, "5");
    sem_wait(&slow.heard);
    assert_int_equal(slow.lost, 2);
    assert_int_equal(slow.out_of_order, 0);
    close_world(&world);
    assert_int_equal(slow.count, 3);
}

/* ---- over HTTP, with settings ---------------------------------------------------------------- */

static void ask_http(uint16_t port, const char *path, char *out, size_t size)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(dprintf(fd, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path) > 0);
    size_t used = 0;
    ssize_t got;
    while ((got = read(fd, out + used, size - 1 - used)) > 0) used += (size_t)got;
    out[used] = 0;
    (void)close(fd);
}

static void test_serve(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    uint16_t port = 0, second = 0;
    char text[8192];
    open_world(&world);
    assert_int_equal(skald_serve(world.engine, "nonsense", &port, &error), SKALD_E_ARGUMENT);
    assert_int_equal(skald_serve(world.engine, ":0", &port, &error), SKALD_OK);
    assert_int_equal(skald_serve(world.engine, ":0", &second, &error), SKALD_E_CONFLICT);
    define(&world, waits);
    start(&world, "waits", "w-1");
    ask_http(port, "/api/v1/sagas/w-1", text, sizeof text);
    assert_non_null(strstr(text, "200 OK"));
    assert_non_null(strstr(text, "\"state\":\"running\""));
    struct world other;
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)port);
    open_world(&other);
    assert_int_equal(skald_serve(other.engine, text, NULL, &error), SKALD_E_BUSY);
    close_world(&other);
    close_world(&world);
}

static void test_settings(void **state)
{
    (void)state;
    skald_error error = { .message = "" };
    skald_engine *engine = NULL;
    static const char *const good[] = { "limits.input_max=64", "store.url=memory:", NULL };
    static const char *const bad[] = { "limits.input_maxi=64", NULL };
    static const char *const files[] = { "/nonexistent/skald.yaml", NULL };
    skald_options options = SKALD_OPTIONS(skald_options, .settings = bad);
    assert_int_equal(skald_open(&options, &engine, &error), SKALD_E_ARGUMENT);
    assert_non_null(strstr(error.message, "limits.input_max"));
    options = SKALD_OPTIONS(skald_options, .config_files = files);
    assert_int_not_equal(skald_open(&options, &engine, &error), SKALD_OK);
    assert_null(engine);
    options = SKALD_OPTIONS(skald_options, .settings = good);
    assert_int_equal(skald_open(&options, &engine, &error), SKALD_OK);
    assert_int_equal(skald_define_text(engine, waits, NULL, NULL, &error), SKALD_OK);
    assert_int_equal(
        skald_start(engine, "waits",
                    "\"0123456789012345678901234567890123456789012345678901234567890\"", NULL, NULL,
                    &error),
        SKALD_OK);
    assert_int_equal(
        skald_start(engine, "waits",
                    "\"01234567890123456789012345678901234567890123456789012345678901234\"", NULL,
                    NULL, &error),
        SKALD_E_TOO_LARGE);
    assert_int_equal(skald_close(engine), SKALD_OK);
}

/* ---- everything else that can be asked ------------------------------------------------------- */

static void test_moved(void **state)
{
    (void)state;
    struct world from, to;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL, *copy = NULL;
    open_world(&from);
    open_world(&to);
    define(&from, waits);
    start(&from, "waits", "w-1");
    assert_int_equal(skald_explain(from.engine, "w-1", &reply, &error), SKALD_OK);
    assert_non_null(strstr(skald_reply_json(reply, NULL), "go"));
    skald_reply_free(reply);
    assert_int_equal(skald_preview_cancel(from.engine, "w-1", true, true, &reply, &error),
                     SKALD_OK);
    skald_reply_free(reply);
    assert_int_equal(skald_delete(from.engine, "w-1", NULL, &error), SKALD_E_STATE);
    skald_command_options why = SKALD_OPTIONS(skald_command_options, .by = "ann", .reason = "why");
    assert_int_equal(skald_suspend(from.engine, "w-1", &why, NULL, &error), SKALD_OK);
    assert_int_equal(skald_export(from.engine, "w-1", &reply, &error), SKALD_OK);
    if (skald_import(to.engine, skald_reply_json(reply, NULL), "ann", &copy, &error) != SKALD_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(skald_reply_state(copy), SKALD_STATE_SUSPENDED);
    skald_reply_free(copy);
    assert_int_equal(skald_import(to.engine, "{}", NULL, &copy, &error), SKALD_E_INVALID);
    skald_reply_free(copy);
    skald_reply_free(reply);
    assert_int_equal(skald_cancel(from.engine, "w-1", &why, NULL, &error), SKALD_OK);
    skald_reply_free(wait_for(&from, "w-1", SKALD_STATE_CANCELLED));
    assert_int_equal(skald_delete(from.engine, "w-1", &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_status(reply), 204);
    assert_string_equal(skald_reply_json(reply, NULL), "");
    assert_null(skald_reply_text(reply, "id"));
    skald_reply_free(reply);
    assert_int_equal(skald_get(from.engine, "w-1", NULL, &error), SKALD_E_NOT_FOUND);
    close_world(&from);
    close_world(&to);
}

static const char packs[] = "saga: {id: packs, name: Packs, version: '1'}\n"
                            "steps:\n"
                            "  - {id: pack, name: Pack, type: task, action: {task: packers},\n"
                            "     compensation: {type: skip}}\n";

static void test_tasks(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    char tasks[1024];
    open_world(&world);
    define(&world, packs);
    for (int i = 0; i < 2; i++) {
        start(&world, "packs", i == 0 ? "p-1" : "p-2");
        skald_poll_options options = SKALD_OPTIONS(skald_poll_options, .worker = "w", .max = 5,
                                                   .wait_ms = 20000, .lease_ms = 20000);
        assert_int_equal(skald_poll_tasks(world.engine, "packers", &options, &reply, &error),
                         SKALD_OK);
        assert_int_equal(skald_reply_count(reply, "items"), 1);
        (void)snprintf(tasks, sizeof tasks, "[{\"saga\": \"%s\", \"token\": \"%s\"}]",
                       skald_reply_text(reply, "items[0].saga"),
                       skald_reply_text(reply, "items[0].token"));
        skald_reply_free(reply);
        assert_int_equal(skald_heartbeat_tasks(world.engine, tasks, 30000, &reply, &error),
                         SKALD_OK);
        assert_int_equal(skald_reply_count(reply, "items"), 1);
        skald_reply_free(reply);
        assert_int_equal(skald_list_task_queues(world.engine, &reply, &error), SKALD_OK);
        assert_int_equal(skald_reply_count(reply, "items"), 1);
        skald_reply_free(reply);
        if (i == 0) {
            assert_int_equal(skald_complete_tasks(world.engine, tasks, NULL, &error), SKALD_OK);
            skald_reply_free(wait_for(&world, "p-1", SKALD_STATE_COMPLETED));
        } else {
            assert_int_equal(skald_fail_tasks(world.engine, tasks, NULL, &error), SKALD_OK);
            skald_reply_free(wait_for(&world, "p-2", SKALD_STATE_COMPENSATED));
        }
    }
    assert_int_equal(skald_complete_tasks(world.engine, "[", NULL, &error), SKALD_E_SYNTAX);
    close_world(&world);
}

static void test_schedules(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    open_world(&world);
    define(&world, waits);
    skald_schedule_options options =
        SKALD_OPTIONS(skald_schedule_options, .id = "nightly", .cron = "30 4 * * mon-fri",
                      .input_json = "{\"a\": 1}", .tags_json = "[\"by-clock\"]", .by = "ann",
                      .overlap = "allow", .catch_up_ms = 60000, .priority = 3);
    assert_int_equal(skald_create_schedule(world.engine, "waits", &options, NULL, &error),
                     SKALD_OK);
    assert_int_equal(skald_list_schedules(world.engine, 10, NULL, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 1);
    skald_reply_free(reply);
    assert_int_equal(skald_pause_schedule(world.engine, "nightly", NULL, &error), SKALD_OK);
    assert_int_equal(skald_resume_schedule(world.engine, "nightly", NULL, &error), SKALD_OK);
    assert_int_equal(skald_trigger_schedule(world.engine, "nightly", NULL, &error), SKALD_OK);
    assert_int_equal(skald_get_schedule(world.engine, "nightly", &reply, &error), SKALD_OK);
    assert_string_equal(skald_reply_id(reply), "nightly");
    skald_reply_free(reply);
    assert_int_equal(skald_delete_schedule(world.engine, "nightly", NULL, &error), SKALD_OK);
    assert_int_equal(skald_get_schedule(world.engine, "nightly", NULL, &error), SKALD_E_NOT_FOUND);
    assert_int_equal(skald_get_schedule(world.engine, NULL, NULL, &error), SKALD_E_ARGUMENT);
    options.cron = "often";
    assert_int_equal(skald_create_schedule(world.engine, "waits", &options, NULL, &error),
                     SKALD_E_ARGUMENT);
    close_world(&world);
}

static void operate(struct world *world)
{
    skald_engine *engine = world->engine;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    assert_int_equal(skald_list_dead_letters(engine, NULL, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 0);
    skald_reply_free(reply);
    assert_int_equal(skald_get_dead_letter(engine, "w-1/9/0", NULL, &error), SKALD_E_NOT_FOUND);
    assert_int_equal(skald_get_dead_letter(engine, "w-1/9", NULL, &error), SKALD_E_ARGUMENT);
    assert_int_equal(skald_retry_dead_letter(engine, "w-1/9/0", "a", "b", NULL, &error),
                     SKALD_E_NOT_FOUND);
    assert_int_equal(skald_discard_dead_letter(engine, "w-1/9/0", "a", "b", NULL, &error),
                     SKALD_E_NOT_FOUND);
    assert_int_equal(skald_list_locks(engine, NULL, NULL, NULL, &error), SKALD_OK);
    assert_int_equal(skald_list_locks(engine, "account:7", NULL, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 0);
    skald_reply_free(reply);
    assert_int_equal(skald_recovery(engine, NULL, &error), SKALD_OK);
    assert_int_equal(skald_run_recovery(engine, NULL, &error), SKALD_OK);
    assert_int_equal(skald_cluster(engine, NULL, &error), SKALD_OK);

    skald_batch_options options =
        SKALD_OPTIONS(skald_batch_options, .by = "ann", .reason = "over", .is_dry_run = true);
    assert_int_equal(skald_start_batch(engine, "cancel", "{\"definition\": \"waits\"}", &options,
                                       &reply, &error),
                     SKALD_OK);
    skald_reply_free(reply);
    options.is_dry_run = false;
    assert_int_equal(skald_start_batch(engine, "cancel", "{\"definition\": \"waits\"}", &options,
                                       &reply, &error),
                     SKALD_OK);
    skald_reply_free(wait_for(world, "w-1", SKALD_STATE_CANCELLED));
    char id[80];
    (void)snprintf(id, sizeof id, "%s", skald_reply_id(reply));
    skald_reply_free(reply);
    assert_int_equal(skald_get_batch(engine, id, &reply, &error), SKALD_OK);
    assert_string_equal(skald_reply_id(reply), id);
    skald_reply_free(reply);
    assert_int_equal(skald_cancel_batch(engine, id, NULL, &error), SKALD_OK);
    assert_int_equal(skald_list_batches(engine, 0, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 1);
    skald_reply_free(reply);
}

static void test_operating(void **state)
{
    (void)state;
    struct world world;
    skald_error error = { .message = "" };
    skald_reply *reply = NULL;
    open_world(&world);
    define(&world, waits);
    start(&world, "waits", "w-1");
    skald_page_options page = SKALD_OPTIONS(skald_page_options, .type = "saga.*", .limit = 1);
    assert_int_equal(skald_list_events(world.engine, &page, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 1);
    assert_string_equal(skald_reply_text(reply, "items[0].type"), "saga.accepted");
    skald_reply_free(reply);
    assert_int_equal(skald_list_observations(world.engine, NULL, &reply, &error), SKALD_OK);
    assert_non_null(skald_reply_value(reply, "items"));
    skald_reply_free(reply);
    assert_int_equal(skald_list_breakers(world.engine, &reply, &error), SKALD_OK);
    assert_int_equal(skald_reply_count(reply, "items"), 0);
    skald_reply_free(reply);
    operate(&world);
    assert_int_equal(skald_reset_breaker(world.engine, "nobody", "ann", "because", NULL, &error),
                     SKALD_E_NOT_FOUND);
    close_world(&world);
}

/* ---- several engines, several lives ---------------------------------------------------------- */

static void test_sagas_survive(void **state)
{
    (void)state;
    char folder[] = "/tmp/skald-library-XXXXXX", store[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(store, sizeof store, "sqlite:%s/a.db", folder);
    skald_error error = { .message = "" };
    struct world world = { 0 };
    skald_options options = SKALD_OPTIONS(skald_options, .store = store, .loops = loops());
    assert_int_equal(skald_open(&options, &world.engine, &error), SKALD_OK);
    define(&world, waits);
    start(&world, "waits", "w-1");
    skald_engine *second = NULL;
    assert_int_equal(skald_open(&options, &second, &error), SKALD_E_BUSY);
    assert_int_equal(skald_close(world.engine), SKALD_OK);

    assert_int_equal(skald_open(&options, &world.engine, &error), SKALD_OK);
    struct world other;
    open_world(&other); /* side by side */
    assert_int_equal(skald_run(world.engine, &error), SKALD_OK);
    assert_int_equal(skald_get(other.engine, "w-1", NULL, &error), SKALD_E_NOT_FOUND);
    assert_int_equal(skald_signal(world.engine, "w-1", "go", "1", NULL, NULL, &error), SKALD_OK);
    skald_reply_free(wait_for(&world, "w-1", SKALD_STATE_COMPLETED));
    close_world(&other);
    assert_int_equal(skald_close(world.engine), SKALD_OK);
    assert_int_equal(skald_close(NULL), SKALD_OK);
    assert_int_equal(skald_open(&options, &world.engine, &error), SKALD_OK);
    assert_int_equal(skald_close(world.engine), SKALD_OK); /* never run */
    char command[96];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own folder */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completes),
        cmocka_unit_test(test_is_undone),
        cmocka_unit_test(test_start_twice),
        cmocka_unit_test(test_pending_is_completed),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_async),
        cmocka_unit_test(test_close_ends_waits),
        cmocka_unit_test(test_sagas_survive),
        cmocka_unit_test(test_built_in_c),
        cmocka_unit_test(test_built_with_everything),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_operating),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_serve),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_decided_again),
        cmocka_unit_test(test_decided_no_more),
        cmocka_unit_test(test_no_verdict),
        cmocka_unit_test(test_condition_says_no),
        cmocka_unit_test(test_subscriptions),
        cmocka_unit_test(test_lost_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
