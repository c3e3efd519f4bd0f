/*
 * test_invoke_function.c: C functions as participants, on the loop and on helper threads. Waits on
 * events and semaphores only.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "invoke/function.h"
#include "runtime/libevent_runtime.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct world {
    struct sk_libevent_runtime *runtime;
    struct sk_invoker *invoker;
    pthread_t loop;
    uint32_t left, left_at_turn;
    sem_t gate, begun; /* for functions that wait */
    atomic_uint runs;
    atomic_bool was_on_loop;
};

struct call {
    struct world *world;
    uint32_t done_count;
    bool is_inside_start, was_inside_start;
    struct sk_outcome outcome; /* class and numbers only */
    char code[64], output[256], message[256];
};

static void open_world(struct world *world, uint32_t helpers_max)
{
    struct sk_libevent_options options = { .helpers_max = helpers_max,
                                           .offload_max = 2,
                                           .log = { .is_off = true } };
    memset(world, 0, sizeof *world);
    assert_int_equal(sk_libevent_runtime_new(&options, &world->runtime, NULL), SKALD_OK);
    assert_int_equal(sk_function_invoker_new(sk_libevent_runtime_port(world->runtime),
                                             &world->invoker, NULL),
                     SKALD_OK);
    world->loop = pthread_self();
    sem_init(&world->gate, 0, 0);
    sem_init(&world->begun, 0, 0);
}

static void close_world(struct world *world)
{
    world->invoker->ops->free(world->invoker);
    sk_libevent_runtime_free(world->runtime);
    sem_destroy(&world->gate);
    sem_destroy(&world->begun);
}

static void copy(char *to, size_t size, struct sk_str text)
{
    (void)snprintf(to, size, "%.*s", SK_STR_ARGS(text));
}

static void on_done(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct call *call = context;
    assert_int_equal(ticket, (uint64_t)(uintptr_t)call);
    assert_true(pthread_equal(pthread_self(), call->world->loop) != 0);
    call->was_inside_start = call->is_inside_start;
    call->done_count += 1;
    call->outcome = *outcome;
    copy(call->code, sizeof call->code, outcome->code);
    copy(call->output, sizeof call->output, outcome->output);
    copy(call->message, sizeof call->message, outcome->message);
    if (--call->world->left == 0) sk_libevent_runtime_stop(call->world->runtime);
}

static struct sk_invocation invocation_of(const char *name, enum sk_operation operation)
{
    return (struct sk_invocation){
        .operation = operation,
        .saga_id = SK_STR("order-42"),
        .step_id = SK_STR("pay"),
        .item = 3,
        .attempt = 2,
        .round = 1,
        .key = SK_STR("order-42/pay/3/action"),
        .token = SK_STR("tok"),
        .deadline_ms = 77,
        .timeout_ms = 20000,
        .target = sk_str_of(name),
        .body = SK_STR("{\"amount\":5}"),
        .is_maybe = true,
    };
}

static enum skald_status begin(struct world *world, struct call *call,
                               struct sk_invocation invocation)
{
    *call = (struct call){ .world = world, .is_inside_start = true };
    invocation.ticket = (uint64_t)(uintptr_t)call;
    enum skald_status status =
        world->invoker->ops->start(world->invoker, &invocation, on_done, call);
    call->is_inside_start = false;
    if (status == SKALD_OK) world->left += 1;
    return status;
}

static void wait_for_calls(struct world *world)
{
    assert_int_equal(sk_libevent_runtime_run(world->runtime, NULL), SKALD_OK);
}

static void call_with(struct world *world, struct call *call, struct sk_invocation invocation)
{
    assert_int_equal(begin(world, call, invocation), SKALD_OK);
    assert_int_equal(call->done_count, 0);
    wait_for_calls(world);
    assert_int_equal(call->done_count, 1);
    assert_false(call->was_inside_start);
}

static void add(struct world *world, const char *name, struct sk_function_handlers handlers)
{
    handlers.context = world;
    assert_int_equal(sk_function_register(world->invoker, sk_str_of(name), &handlers, NULL),
                     SKALD_OK);
}

/* ---- functions ---------------------------------------------------------------------------- */

static void note_run(struct world *world)
{
    atomic_fetch_add(&world->runs, 1);
    atomic_store(&world->was_on_loop, pthread_equal(pthread_self(), world->loop) != 0);
}

static void say_request(struct sk_function_call *call, void *context)
{
    const struct sk_function_request *request = sk_function_request_of(call);
    note_run(context);
    char output[256];
    int size =
        snprintf(output, sizeof output,
                 "[%d,\"%.*s\",\"%.*s\",\"%.*s\",\"%.*s\",\"%.*s\",%.*s,"
                 "%d,%u,%u,%d,%d]",
                 (int)request->operation, SK_STR_ARGS(request->name), SK_STR_ARGS(request->saga_id),
                 SK_STR_ARGS(request->step_id), SK_STR_ARGS(request->key),
                 SK_STR_ARGS(request->token), SK_STR_ARGS(request->input), request->item,
                 request->attempt, request->round, (int)request->deadline_ms, request->is_maybe);
    sk_function_succeed(call, (struct sk_str){ output, (size_t)size });
}

static void say_undone(struct sk_function_call *call, void *context)
{
    (void)context;
    sk_function_succeed(call, SK_STR("\"undone\""));
}

static void say_happened(struct sk_function_call *call, void *context)
{
    (void)context;
    sk_function_succeed(call, SK_STR("{\"happened\":true}"));
}

/* What to answer stands in the name. */
static void say_by_name(struct sk_function_call *call, void *context)
{
    struct sk_str name = sk_function_request_of(call)->name;
    note_run(context);
    if (sk_str_is(name, "no")) sk_function_fail(call, SK_STR("sold_out"), SK_STR("none left"));
    if (sk_str_is(name, "bare-no")) sk_function_fail(call, SK_STR(""), SK_STR(""));
    if (sk_str_is(name, "again")) sk_function_retry(call, SK_STR("busy"), SK_STR("later"), 900);
    if (sk_str_is(name, "maybe")) sk_function_unknown(call, SK_STR("lost"), SK_STR("who knows"));
    if (sk_str_is(name, "pend")) sk_function_pend(call);
    if (sk_str_is(name, "null")) sk_function_succeed(call, SK_STR(""));
    if (sk_str_is(name, "bad")) sk_function_succeed(call, SK_STR("{not json"));
    if (sk_str_is(name, "twice")) {
        sk_function_fail(call, SK_STR("first"), SK_STR(""));
        sk_function_succeed(call, SK_STR("2"));
    }
}

static void say_too_much(struct sk_function_call *call, void *context)
{
    (void)context;
    size_t size = SK_PAYLOAD_SIZE_MAX + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '1', size);
    sk_function_succeed(call, (struct sk_str){ text, size });
    free(text);
}

static void wait_for_gate(struct sk_function_call *call, void *context)
{
    struct world *world = context;
    note_run(world);
    sem_post(&world->begun);
    sem_wait(&world->gate);
    sk_function_succeed(call, SK_STR("1"));
}

/* ---- tests -------------------------------------------------------------------------------- */

static void test_a_function_sees_its_request(void **state)
{
    (void)state;
    for (int is_blocking = 0; is_blocking < 2; is_blocking++) {
        struct world world;
        struct call call;
        open_world(&world, 1);
        add(&world, "say",
            (struct sk_function_handlers){ .action = say_request,
                                           .is_blocking = is_blocking != 0 });
        call_with(&world, &call, invocation_of("say", SK_OPERATION_ACTION));
        assert_string_equal(call.output,
                            "[0,\"say\",\"order-42\",\"pay\",\"order-42/pay/3/action\","
                            "\"tok\",{\"amount\":5},3,2,1,77,1]");
        assert_int_equal(call.outcome.class_, SK_OUTCOME_SUCCEEDED);
        assert_true(call.outcome.is_answered);
        assert_int_equal(atomic_load(&world.was_on_loop), is_blocking == 0);
        close_world(&world);
    }
}

static void test_what_a_function_may_say(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum sk_outcome_class class_;
        const char *code, *output;
        bool is_answered;
    } cases[] = {
        { "no", SK_OUTCOME_FAILED, "sold_out", "", true },
        { "bare-no", SK_OUTCOME_FAILED, "function_error", "", true },
        { "again", SK_OUTCOME_RETRYABLE, "busy", "", true },
        { "maybe", SK_OUTCOME_UNKNOWN, "lost", "", true },
        { "pend", SK_OUTCOME_PENDING, "", "", true },
        { "null", SK_OUTCOME_SUCCEEDED, "", "", true },
        { "bad", SK_OUTCOME_UNKNOWN, "bad_body", "", false },
        { "twice", SK_OUTCOME_SUCCEEDED, "", "2", true },
        { "nothing", SK_OUTCOME_UNKNOWN, "no_reply", "", false },
    };
    struct world world;
    open_world(&world, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct call call;
        add(&world, cases[i].name, (struct sk_function_handlers){ .action = say_by_name });
        call_with(&world, &call, invocation_of(cases[i].name, SK_OPERATION_ACTION));
        if (call.outcome.class_ != cases[i].class_) fail_msg("%s", cases[i].name);
        assert_string_equal(call.code, cases[i].code);
        assert_string_equal(call.output, cases[i].output);
        assert_int_equal(call.outcome.is_answered, cases[i].is_answered);
        assert_int_equal(call.outcome.retry_after_ms,
                         strcmp(cases[i].name, "again") == 0 ? 900 : 0);
    }
    struct call call;
    add(&world, "much", (struct sk_function_handlers){ .action = say_too_much });
    call_with(&world, &call, invocation_of("much", SK_OPERATION_ACTION));
    assert_string_equal(call.code, "body_too_large");
    assert_int_equal(call.outcome.class_, SK_OUTCOME_UNKNOWN);
    close_world(&world);
}

static void test_roles(void **state)
{
    (void)state;
    struct world world;
    struct call call;
    open_world(&world, 1);
    add(&world, "pay",
        (struct sk_function_handlers){
            .action = say_request, .compensation = say_undone, .verify = say_happened });
    add(&world, "plain", (struct sk_function_handlers){ .action = say_undone });
    call_with(&world, &call, invocation_of("pay", SK_OPERATION_COMPENSATION));
    assert_string_equal(call.output, "\"undone\"");
    call_with(&world, &call, invocation_of("pay", SK_OPERATION_VERIFY));
    assert_string_equal(call.output, "{\"happened\":true}");
    /* Another function's action in that role. */
    call_with(&world, &call, invocation_of("plain", SK_OPERATION_COMPENSATION));
    assert_string_equal(call.output, "\"undone\"");
    call_with(&world, &call, invocation_of("plain", SK_OPERATION_VERIFY));
    assert_string_equal(call.code, "bad_body"); /* it does not say whether it happened */
    /* An automatic compensation never falls back on the action. */
    struct sk_action automatic = { .is_automatic = true };
    struct sk_invocation invocation = invocation_of("plain", SK_OPERATION_COMPENSATION);
    invocation.action = &automatic;
    call_with(&world, &call, invocation);
    assert_string_equal(call.code, "function_unknown");
    assert_int_equal(call.outcome.class_, SK_OUTCOME_RETRYABLE);
    close_world(&world);
}

/* A step whose action is "plain" and whose verify names "plain" too: it must not act again. */
static void test_verify_never_acts(void **state)
{
    (void)state;
    struct world world;
    struct call call;
    open_world(&world, 1);
    add(&world, "plain", (struct sk_function_handlers){ .action = say_by_name });
    struct sk_plan *plan = sk_plan_new();
    assert_non_null(plan);
    struct sk_action action = { .kind = SK_KIND_FUNCTION, .service = SK_STR("plain") };
    struct sk_step step = { .id = SK_STR("pay"), .kind = SK_KIND_FUNCTION, .action = &action };
    struct sk_str id = step.id;
    plan->steps = &step;
    plan->steps_count = 1;
    plan->step_ids = &id;
    struct sk_invocation invocation = invocation_of("plain", SK_OPERATION_VERIFY);
    invocation.plan = plan;
    invocation.action = &action;
    call_with(&world, &call, invocation);
    assert_string_equal(call.code, "function_unknown");
    assert_int_equal(atomic_load(&world.runs), 0);
    sk_plan_free(plan);
    close_world(&world);
}

static void test_registry(void **state)
{
    (void)state;
    struct world world;
    struct call call;
    skald_error error = { 0 };
    open_world(&world, 1);
    struct sk_function_handlers handlers = { .action = say_by_name, .context = &world };
    struct sk_function_handlers none = { 0 };
    struct sk_invoker *invoker = world.invoker;
    assert_int_equal(sk_function_register(invoker, SK_STR("a"), &handlers, &error), SKALD_OK);
    assert_int_equal(sk_function_register(invoker, SK_STR("a"), &handlers, &error),
                     SKALD_E_CONFLICT);
    assert_int_equal(sk_function_register(invoker, SK_STR(""), &handlers, &error),
                     SKALD_E_ARGUMENT);
    assert_int_equal(sk_function_register(invoker, SK_STR("b"), &none, &error), SKALD_E_ARGUMENT);
    assert_true(sk_function_is_known(invoker, SK_STR("a")));
    assert_false(sk_function_is_known(invoker, SK_STR("b")));
    assert_false(sk_function_is_known(invoker, SK_STR("")));
    call_with(&world, &call, invocation_of("b", SK_OPERATION_ACTION));
    assert_int_equal(call.outcome.class_, SK_OUTCOME_RETRYABLE);
    assert_string_equal(call.code, "function_unknown");
    assert_non_null(strstr(call.message, "\"b\""));
    close_world(&world);
}

static void test_time_out_of_a_running_function(void **state)
{
    (void)state;
    struct world world;
    struct call running, queued;
    open_world(&world, 1);
    add(&world, "wait",
        (struct sk_function_handlers){ .action = wait_for_gate, .is_blocking = true });
    assert_int_equal(begin(&world, &running, invocation_of("wait", SK_OPERATION_ACTION)), SKALD_OK);
    sem_wait(&world.begun); /* the only helper is taken */
    struct sk_invocation invocation = invocation_of("wait", SK_OPERATION_ACTION);
    invocation.timeout_ms = 10;
    assert_int_equal(begin(&world, &queued, invocation), SKALD_OK);
    world.left = 1;
    wait_for_calls(&world);
    assert_int_equal(queued.outcome.class_, SK_OUTCOME_RETRYABLE); /* it never began */
    assert_string_equal(queued.code, "timeout");
    assert_false(queued.outcome.is_answered);
    assert_int_equal(running.done_count, 0);
    sem_post(&world.gate);
    world.left = 1;
    wait_for_calls(&world);
    assert_string_equal(running.output, "1");

    assert_int_equal(begin(&world, &running, invocation), SKALD_OK);
    world.left = 1;
    sem_wait(&world.begun);
    wait_for_calls(&world);
    assert_int_equal(running.outcome.class_, SK_OUTCOME_UNKNOWN);
    assert_string_equal(running.code, "timeout");
    sem_post(&world.gate);
    close_world(&world); /* its late answer is nobody's */
    assert_int_equal(running.done_count, 1);
    assert_int_equal(queued.done_count, 1);
}

static void test_a_full_pool_refuses(void **state)
{
    (void)state;
    struct world world;
    struct call calls[4];
    open_world(&world, 1);
    add(&world, "wait",
        (struct sk_function_handlers){ .action = wait_for_gate, .is_blocking = true });
    struct sk_invocation invocation = invocation_of("wait", SK_OPERATION_ACTION);
    assert_int_equal(begin(&world, &calls[0], invocation), SKALD_OK);
    sem_wait(&world.begun);
    assert_int_equal(begin(&world, &calls[1], invocation), SKALD_OK);
    assert_int_equal(begin(&world, &calls[2], invocation), SKALD_OK);
    assert_int_equal(begin(&world, &calls[3], invocation), SKALD_E_LIMIT);
    for (int i = 0; i < 3; i++) sem_post(&world.gate);
    wait_for_calls(&world);
    for (int i = 0; i < 3; i++) assert_int_equal(calls[i].done_count, 1);
    assert_int_equal(calls[3].done_count, 0);
    close_world(&world);
}

static void note_turn(void *context)
{
    struct world *world = context;
    world->left_at_turn = world->left;
}

/* Many calls are carried out in rounds, and what was posted meanwhile has its turn between them. */
static void test_many_calls_leave_the_loop_its_turn(void **state)
{
    enum { MANY = 3000 };
    (void)state;
    struct world world;
    struct call *calls = calloc(MANY, sizeof *calls);
    assert_non_null(calls);
    open_world(&world, 1);
    add(&world, "null", (struct sk_function_handlers){ .action = say_by_name });
    for (int i = 0; i < MANY; i++)
        assert_int_equal(begin(&world, &calls[i], invocation_of("null", SK_OPERATION_ACTION)),
                         SKALD_OK);
    struct sk_runtime *runtime = sk_libevent_runtime_port(world.runtime);
    assert_int_equal(runtime->ops->post(runtime, note_turn, &world), SKALD_OK);
    wait_for_calls(&world);
    for (int i = 0; i < MANY; i++) assert_int_equal(calls[i].done_count, 1);
    assert_true(world.left_at_turn > 0 && world.left_at_turn < MANY);
    close_world(&world);
    free(calls);
}

static void test_cancel_and_free(void **state)
{
    (void)state;
    struct world world;
    struct call running, queued, inline_call, last;
    open_world(&world, 1);
    add(&world, "wait",
        (struct sk_function_handlers){ .action = wait_for_gate, .is_blocking = true });
    add(&world, "null", (struct sk_function_handlers){ .action = say_by_name });
    struct sk_invocation invocation = invocation_of("wait", SK_OPERATION_ACTION);
    assert_int_equal(begin(&world, &running, invocation), SKALD_OK);
    sem_wait(&world.begun);
    assert_int_equal(begin(&world, &queued, invocation), SKALD_OK);
    assert_int_equal(begin(&world, &inline_call, invocation_of("null", SK_OPERATION_ACTION)),
                     SKALD_OK);
    const struct sk_invoker_ops *ops = world.invoker->ops;
    ops->cancel(world.invoker, (uint64_t)(uintptr_t)&queued);
    ops->cancel(world.invoker, (uint64_t)(uintptr_t)&inline_call);
    ops->cancel(world.invoker, (uint64_t)(uintptr_t)&inline_call);
    ops->cancel(world.invoker, 4711);
    world.left = 0;
    call_with(&world, &last, invocation_of("null", SK_OPERATION_ACTION));
    sem_post(&world.gate);
    close_world(&world); /* with one running */
    assert_int_equal(running.done_count + queued.done_count + inline_call.done_count, 0);
    assert_int_equal(atomic_load(&world.runs), 2); /* the running one and the last */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_function_sees_its_request),
        cmocka_unit_test(test_what_a_function_may_say),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_verify_never_acts),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_time_out_of_a_running_function),
        cmocka_unit_test(test_a_full_pool_refuses),
        cmocka_unit_test(test_many_calls_leave_the_loop_its_turn),
        cmocka_unit_test(test_cancel_and_free),
    };
    return cmocka_run_group_tests_name("invoke function", tests, NULL, NULL);
}
