/*
 * test_invoke_http.c: the HTTP invoker against participants that answer well, badly or not at
 * all, and the tables of outcomes row by row. Everything waits on events.
 */
#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "invoke/http.h"
#include "invoke/http_outcome.h"
#include "participant.h"
#include "runtime/libevent_runtime.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- the tables --------------------------------------------------------------------------- */

enum {
    ACTION = SK_OPERATION_ACTION,
    UNDO = SK_OPERATION_COMPENSATION,
    VERIFY = SK_OPERATION_VERIFY,
    POLL = SK_OPERATION_POLL
};
enum {
    YES = SK_OUTCOME_SUCCEEDED,
    NO = SK_OUTCOME_FAILED,
    AGAIN = SK_OUTCOME_RETRYABLE,
    MAYBE = SK_OUTCOME_UNKNOWN,
    LATER = SK_OUTCOME_PENDING
};

static const struct {
    int operation;
    bool is_maybe;
    uint16_t status;
    bool has_retry_after;
    const char *body;
    int expected;
    const char *code, *output;
} rows[] = {
    { ACTION, false, 200, false, "{\"a\":1}", YES, "", "{\"a\":1}" },
    { ACTION, false, 201, false, "", YES, "", "" },
    { ACTION, false, 204, false, " \r\n", YES, "", "" },
    { ACTION, false, 200, false, "plain \"text\"", YES, "", "\"plain \\\"text\\\"\"" },
    { ACTION, false, 200, false, "\xff", MAYBE, "bad_body", "" },
    { ACTION, false, 202, false, "3", YES, "", "3" },
    { ACTION, false, 408, false, "", AGAIN, "http_408", "" },
    { ACTION, false, 425, false, "", AGAIN, "http_425", "" },
    { ACTION, false, 429, false, "", AGAIN, "too_many_requests", "" },
    { ACTION, false, 503, true, "", AGAIN, "service_unavailable", "" },
    { ACTION, false, 503, false, "", MAYBE, "service_unavailable", "" },
    { ACTION, false, 500, true, "", MAYBE, "http_500", "" },
    { ACTION, false, 502, false, "", MAYBE, "http_502", "" },
    { ACTION, false, 504, false, "", MAYBE, "gateway_timeout", "" },
    { ACTION, false, 599, false, "", MAYBE, "http_599", "" },
    { ACTION, false, 999, false, "", MAYBE, "http_999", "" },
    { ACTION, false, 410, false, "", NO, "http_410", "" },
    { ACTION, true, 410, false, "", NO, "http_410", "" },
    { ACTION, false, 404, false, "", NO, "not_found", "" },
    { ACTION, true, 404, false, "", NO, "not_found", "" },
    { ACTION, false, 400, false, "", NO, "validation", "" },
    { ACTION, false, 401, false, "", NO, "permission_denied", "" },
    { ACTION, false, 409, false, "", NO, "http_409", "" },
    { ACTION, true, 409, false, "", AGAIN, "http_409", "" },
    { ACTION, false, 451, false, "", NO, "http_451", "" },
    { ACTION, false, 302, false, "", NO, "unexpected_status", "" },
    { ACTION, false, 101, false, "", NO, "unexpected_status", "" },
    { UNDO, false, 200, false, "", YES, "", "" },
    { UNDO, false, 200, false, "\xff", MAYBE, "bad_body", "" },
    { UNDO, false, 408, false, "", AGAIN, "http_408", "" },
    { UNDO, false, 425, false, "", AGAIN, "http_425", "" },
    { UNDO, false, 429, false, "", AGAIN, "too_many_requests", "" },
    { UNDO, false, 503, true, "", AGAIN, "service_unavailable", "" },
    { UNDO, false, 503, false, "", MAYBE, "service_unavailable", "" },
    { UNDO, false, 500, false, "", MAYBE, "http_500", "" },
    { UNDO, false, 410, false, "gone", YES, "", "" },
    { UNDO, false, 404, false, "", NO, "not_found", "" },
    { UNDO, true, 404, false, "", YES, "", "" },
    { UNDO, true, 409, false, "", NO, "http_409", "" },
    { UNDO, false, 400, false, "", NO, "validation", "" },
    { UNDO, false, 303, false, "", NO, "unexpected_status", "" },
    { VERIFY, true, 200, false, "{\"happened\":true,\"output\":1}", YES, "",
      "{\"happened\":true,\"output\":1}" },
    { VERIFY, true, 200, false, "{\"happened\":false}", YES, "", "{\"happened\":false}" },
    { VERIFY, true, 200, false, "{\"happened\":null}", YES, "", "{\"happened\":null}" },
    { VERIFY, true, 200, false, "{\"happened\":\"yes\"}", MAYBE, "bad_body", "" },
    { VERIFY, true, 200, false, "", MAYBE, "bad_body", "" },
    { VERIFY, true, 200, false, "true", MAYBE, "bad_body", "" },
    { VERIFY, true, 409, false, "", NO, "http_409", "" },
    { VERIFY, true, 404, false, "", NO, "not_found", "" },
    { VERIFY, true, 429, false, "", AGAIN, "too_many_requests", "" },
    { VERIFY, true, 500, false, "", MAYBE, "http_500", "" },
    { VERIFY, true, 503, true, "", AGAIN, "service_unavailable", "" },
    { VERIFY, true, 301, false, "", NO, "unexpected_status", "" },
    { POLL, false, 200, false, "[1]", YES, "", "[1]" },
    { POLL, false, 500, false, "", MAYBE, "http_500", "" },
    /* what a body may say, and what it may not (O1, O2) */
    { ACTION, false, 422, false, "{\"error\":{\"code\":\"no_funds\"}}", NO, "no_funds", "" },
    { ACTION, false, 400, false, "{\"error\":{\"retryable\":true}}", AGAIN, "validation", "" },
    { ACTION, false, 429, false, "{\"error\":{\"retryable\":false}}", NO, "too_many_requests", "" },
    { ACTION, true, 409, false, "{\"error\":{\"code\":\"dup\",\"retryable\":false}}", NO, "dup",
      "" },
    { ACTION, false, 500, false, "{\"error\":{\"code\":\"x\",\"retryable\":true}}", MAYBE, "x",
      "" },
    { ACTION, false, 500, false, "{\"error\":{\"code\":17,\"retryable\":false}}", MAYBE, "17", "" },
    { ACTION, false, 400, false, "{\"error\":{\"code\":\"\"}}", NO, "validation", "" },
    { ACTION, false, 400, false, "{\"error\":\"text\"}", NO, "validation", "" },
    { ACTION, false, 200, false, "{\"error\":{\"code\":\"x\"}}", YES, "",
      "{\"error\":{\"code\":\"x\"}}" },
    { UNDO, false, 400, false, "{\"error\":{\"retryable\":true}}", AGAIN, "validation", "" },
};

static struct sk_outcome judge(const struct sk_http_question *question,
                               const struct sk_http_answer *answer, struct sk_arena *arena)
{
    struct sk_outcome outcome;
    sk_http_outcome(question, answer, arena, &outcome);
    return outcome;
}

static void assert_text(struct sk_str got, const char *expected)
{
    if (sk_str_is(got, expected)) return;
    fail_msg("\"%.*s\" is not \"%s\"", SK_STR_ARGS(got), expected);
}

static void test_every_row_of_the_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_arena arena;
        sk_arena_init(&arena);
        struct sk_http_question question = { .operation = (enum sk_operation)rows[i].operation,
                                             .is_maybe = rows[i].is_maybe };
        struct sk_http_answer answer = { .is_sent = true,
                                         .status = rows[i].status,
                                         .has_retry_after = rows[i].has_retry_after,
                                         .retry_after_ms = rows[i].has_retry_after ? 7000 : 0,
                                         .body = sk_str_of(rows[i].body) };
        struct sk_outcome outcome = judge(&question, &answer, &arena);
        if ((int)outcome.class_ != rows[i].expected)
            fail_msg("row %zu, status %u", i, rows[i].status);
        assert_text(outcome.code, rows[i].code);
        assert_text(outcome.output, rows[i].output);
        assert_true(outcome.is_answered);
        assert_int_equal(outcome.status, rows[i].status);
        assert_int_equal(outcome.retry_after_ms, answer.retry_after_ms);
        assert_int_equal(outcome.message.size > 0, rows[i].expected != YES);
        sk_arena_release(&arena);
    }
}

static void test_pending_answers(void **state)
{
    (void)state;
    static const uint16_t two_oh_two[] = { 202 };
    struct sk_arena arena;
    sk_arena_init(&arena);
    struct sk_http_answer answer = { .is_sent = true, .status = 202, .is_pending = true };
    struct sk_http_question question = { .operation = SK_OPERATION_ACTION };
    assert_int_equal(judge(&question, &answer, &arena).class_, LATER);
    assert_true(judge(&question, &answer, &arena).is_answered);
    question.success = two_oh_two;
    question.success_count = 1;
    assert_int_equal(judge(&question, &answer, &arena).class_, LATER);
    question.operation = SK_OPERATION_COMPENSATION;
    assert_int_equal(judge(&question, &answer, &arena).class_, LATER);
    question.fail = two_oh_two;
    question.fail_count = 1;
    question.success_count = 0;
    assert_int_equal(judge(&question, &answer, &arena).class_, NO);
    question = (struct sk_http_question){ .operation = SK_OPERATION_POLL };
    assert_int_equal(judge(&question, &answer, &arena).class_, YES);
    question.operation = SK_OPERATION_ACTION;
    answer.status = 200;
    assert_int_equal(judge(&question, &answer, &arena).class_, YES);
    sk_arena_release(&arena);
}

static void test_a_definition_redefines_statuses(void **state)
{
    (void)state;
    static const uint16_t success[] = { 404, 302 }, fail[] = { 500, 200 }, retry[] = { 400, 502 };
    struct sk_http_question question = { .operation = SK_OPERATION_ACTION,
                                         .success = success,
                                         .success_count = 2,
                                         .fail = fail,
                                         .fail_count = 2,
                                         .retry = retry,
                                         .retry_count = 2 };
    static const struct {
        uint16_t status;
        int expected;
    } cases[] = { { 404, YES },   { 302, YES },   { 500, NO },  { 200, NO },
                  { 400, AGAIN }, { 502, AGAIN }, { 201, YES }, { 503, MAYBE } };
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sk_http_answer answer = { .is_sent = true, .status = cases[i].status };
        assert_int_equal(judge(&question, &answer, &arena).class_, cases[i].expected);
    }
    sk_arena_release(&arena);
}

static void test_what_was_lost(void **state)
{
    (void)state;
    static const struct {
        enum sk_http_failure failure;
        bool is_sent;
        int expected;
        const char *code;
    } cases[] = {
        { SK_HTTP_REFUSED, false, AGAIN, "connection_refused" },
        { SK_HTTP_CONNECT_TIMEOUT, false, AGAIN, "connection_timeout" },
        { SK_HTTP_NETWORK, false, AGAIN, "network" },
        { SK_HTTP_NETWORK, true, MAYBE, "network" },
        { SK_HTTP_TIMEOUT, true, MAYBE, "timeout" },
        { SK_HTTP_TOO_LARGE, true, MAYBE, "body_too_large" },
        { SK_HTTP_NO_SECRET, false, AGAIN, "secret_unknown" },
        { SK_HTTP_BAD_HEADER, false, NO, "invalid_header" },
        { SK_HTTP_BAD_URL, false, NO, "invalid_url" },
    };
    struct sk_http_question question = { .operation = SK_OPERATION_ACTION };
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sk_http_answer answer = { .failure = cases[i].failure, .is_sent = cases[i].is_sent };
        struct sk_outcome outcome = judge(&question, &answer, &arena);
        assert_int_equal(outcome.class_, cases[i].expected);
        assert_text(outcome.code, cases[i].code);
        assert_false(outcome.is_answered);
        assert_int_equal(outcome.status, 0);
    }
    sk_arena_release(&arena);
}

static void test_retry_after(void **state)
{
    (void)state;
    const int64_t now = INT64_C(784111777000); /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *text;
        int64_t expected_ms; /* -1 = not one */
    } cases[] = {
        { "0", 0 },
        { "120", 120000 },
        { " 5 ", 5000 },
        { "-1", -1 },
        { "1.5", -1 },
        { "", -1 },
        { "99999999999999999999999", SK_HTTP_RETRY_AFTER_MS_MAX },
        { "soon", -1 },
        { "Sun, 06 Nov 1994 08:49:47 GMT", 10000 },
        { "Sunday, 06-Nov-94 08:49:47 GMT", 10000 },
        { "Sun Nov  6 08:49:47 1994", 10000 },
        { "Sun, 06 Nov 1994 08:49:00 GMT", 0 },
        { "Sun, 06 Nov 2094 08:49:47 GMT", SK_HTTP_RETRY_AFTER_MS_MAX },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        bool is_one = sk_http_retry_after(sk_str_of(cases[i].text), now, &ms);
        if (is_one != (cases[i].expected_ms >= 0)) fail_msg("%s", cases[i].text);
        assert_int_equal(ms, cases[i].expected_ms);
    }
}

/* ---- calls -------------------------------------------------------------------------------- */

struct world {
    struct sk_libevent_runtime *runtime;
    struct sk_invoker *invoker;
    struct skt_polite *polite;
    struct skt_rude *rude;
    uint32_t left; /* calls that are not over; the loop runs until 0 */
};

struct call {
    struct world *world;
    uint32_t done_count;
    bool is_inside_start, was_inside_start;
    struct sk_outcome outcome; /* its spans are in `text` */
    struct sk_buf text;
};

static bool find_secret(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    if (sk_str_is(name, "TOKEN")) sk_buf_append_text(out, "s3cret&=");
    if (sk_str_is(name, "SPLIT")) sk_buf_append_text(out, "a\r\nEvil: 1");
    return sk_str_is(name, "TOKEN") || sk_str_is(name, "SPLIT");
}

/* All that calls is run twice, by each of the two. */
static enum sk_http_client client;

static void open_with(struct world *world, struct sk_http_options options)
{
    struct sk_libevent_options quiet = { .log = { .is_off = true } };
    skald_error error = { 0 };
    *world = (struct world){ 0 };
    assert_int_equal(sk_libevent_runtime_new(&quiet, &world->runtime, &error), SKALD_OK);
    options.runtime = sk_libevent_runtime_port(world->runtime);
    options.base = sk_libevent_runtime_base(world->runtime);
    options.secret = find_secret;
    options.client = client;
    if (sk_http_invoker_new(&options, &world->invoker, &error) != SKALD_OK) {
        fail_msg("%s", error.message);
    }
    world->polite = skt_polite_new();
    world->rude = skt_rude_new();
}

static void close_world(struct world *world)
{
    world->invoker->ops->free(world->invoker);
    skt_rude_free(world->rude);
    skt_polite_free(world->polite);
    sk_libevent_runtime_free(world->runtime);
}

static struct sk_str keep(struct call *call, struct sk_str text)
{
    size_t at = call->text.size;
    sk_buf_append_str(&call->text, text);
    return sk_str_sub(sk_buf_view(&call->text), at, text.size);
}

static void on_done(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct call *call = context;
    assert_int_equal(ticket, (uint64_t)(uintptr_t)call);
    call->was_inside_start = call->is_inside_start;
    call->done_count += 1;
    call->outcome = *outcome;
    sk_buf_init(&call->text, 0);
    /* Reserved first, so that the views stay where they are. */
    (void)sk_buf_reserve(&call->text,
                         outcome->output.size + outcome->code.size + outcome->message.size + 1);
    call->outcome.output = keep(call, outcome->output);
    call->outcome.code = keep(call, outcome->code);
    call->outcome.message = keep(call, outcome->message);
    call->world->left -= 1;
    if (call->world->left == 0) sk_libevent_runtime_stop(call->world->runtime);
}

static const struct sk_action plain_action = { .kind = SK_KIND_HTTP,
                                               .service = { "shop", 4 },
                                               .method = { "POST", 4 } };

static struct sk_invocation invocation_to(const char *target)
{
    return (struct sk_invocation){
        .operation = SK_OPERATION_ACTION,
        .action = &plain_action,
        .saga_id = SK_STR("order-42"),
        .step_id = SK_STR("pay"),
        .item = -1,
        .attempt = 2,
        .round = 1,
        .key = SK_STR("order-42/pay/action"),
        .timeout_ms = 20000,
        .target = sk_str_of(target),
        .method = SK_STR("POST"),
    };
}

static void begin(struct world *world, struct call *call, struct sk_invocation invocation)
{
    *call = (struct call){ .world = world, .is_inside_start = true };
    invocation.ticket = (uint64_t)(uintptr_t)call;
    world->left += 1;
    enum skald_status status =
        world->invoker->ops->start(world->invoker, &invocation, on_done, call);
    assert_int_equal(status, SKALD_OK);
    call->is_inside_start = false;
}

static void wait_for_calls(struct world *world)
{
    skald_error error;
    assert_int_equal(sk_libevent_runtime_run(world->runtime, &error), SKALD_OK);
}

static void call_with(struct world *world, struct call *call, struct sk_invocation invocation)
{
    begin(world, call, invocation);
    wait_for_calls(world);
    assert_int_equal(call->done_count, 1);
    assert_false(call->was_inside_start);
}

static const char *url(uint16_t port, const char *path)
{
    static char text[4][256];
    static unsigned next;
    char *at = text[next++ % 4];
    (void)snprintf(at, sizeof text[0], "http://127.0.0.1:%u%s", port, path);
    return at;
}

static const char *polite(const struct world *world, const char *path)
{
    return url(skt_polite_port(world->polite), path);
}

static const char *rude(const struct world *world, const char *path)
{
    return url(skt_rude_port(world->rude), path);
}

static void expect(struct world *world, const char *target, int expected, const char *code,
                   const char *output)
{
    struct call call;
    call_with(world, &call, invocation_to(target));
    if ((int)call.outcome.class_ != expected) {
        fail_msg("%s: %d %.*s: %.*s", target, (int)call.outcome.class_,
                 SK_STR_ARGS(call.outcome.code), SK_STR_ARGS(call.outcome.message));
    }
    assert_text(call.outcome.code, code);
    assert_text(call.outcome.output, output);
    assert_int_equal(call.outcome.is_answered, call.outcome.status != 0);
    sk_buf_release(&call.text);
}

static void test_answers(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, polite(&world, "/json"), YES, "", "{\"ok\": true}");
    expect(&world, polite(&world, "/empty"), YES, "", "");
    expect(&world, polite(&world, "/status/204"), YES, "", "");
    expect(&world, polite(&world, "/text"), YES, "", "\"hello \\\"you\\\"\"");
    expect(&world, polite(&world, "/bad-utf8"), MAYBE, "bad_body", "");
    expect(&world, polite(&world, "/error"), NO, "no_funds", "");
    expect(&world, polite(&world, "/redirect"), NO, "unexpected_status", "");
    expect(&world, polite(&world, "/pending"), LATER, "", "");
    expect(&world, polite(&world, "/status/503"), MAYBE, "service_unavailable", "");
    expect(&world, polite(&world, "/status/503/after/3"), AGAIN, "service_unavailable", "");
    struct call call;
    call_with(&world, &call, invocation_to(polite(&world, "/status/429/after/7")));
    assert_int_equal(call.outcome.retry_after_ms, 7000);
    sk_buf_release(&call.text);
    call_with(&world, &call, invocation_to(polite(&world, "/large")));
    assert_int_equal(call.outcome.class_, YES);
    assert_int_equal(call.outcome.output.size, 3 * 1024 * 1024);
    sk_buf_release(&call.text);
    /* One after the other, so one connection carried them all. */
    assert_int_equal(skt_polite_connections(world.polite), 1);
    close_world(&world);
}

/* By name: a resolver's thread, and an address of the other family that refuses. */
static void test_a_host_with_a_name(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    char target[64];
    (void)snprintf(target, sizeof target, "HTTP://LocalHost:%u/json",
                   skt_polite_port(world.polite));
    for (int i = 0; i < 3; i++) expect(&world, target, YES, "", "{\"ok\": true}");
    /* libcurl finds the address, once; libevent keeps its own connection there. */
    bool is_found_apart = client == SK_HTTP_CLIENT_LIBEVENT;
    assert_int_equal(skt_polite_connections(world.polite), is_found_apart ? 2 : 1);
    close_world(&world);
}

static void test_participants_that_misbehave(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, rude(&world, "/close"), MAYBE, "network", "");
    expect(&world, rude(&world, "/garbage"), MAYBE, "network", "");
    expect(&world, rude(&world, "/half"), MAYBE, "network", "");
    expect(&world, rude(&world, "/half-chunk"), MAYBE, "network", "");
    expect(&world, rude(&world, "/reset"), MAYBE, "network", "");
    expect(&world, rude(&world, "/endless"), MAYBE, "body_too_large", "");
    expect(&world, rude(&world, "/long-head"), MAYBE, "network", "");
    struct sk_invocation never = invocation_to(rude(&world, "/never"));
    never.timeout_ms = 300;
    struct call call;
    call_with(&world, &call, never);
    assert_int_equal(call.outcome.class_, MAYBE);
    assert_text(call.outcome.code, "timeout");
    assert_false(call.outcome.is_answered);
    sk_buf_release(&call.text);
    close_world(&world);
}

/* Answers that a client may read in several ways: right, or unknown; never wrong. What libevent's
 * client cannot read libcurl is asked for from then on. */
static void test_odd_answers(void **state)
{
    (void)state;
    static const struct {
        const char *path, *output;
        enum { BOTH, LIBCURL_LATER, LIBEVENT_NEVER } who;
    } cases[] = {
        { "/odd/old", "{\"a\":1}", BOTH },
        { "/odd/kept", "{\"a\":1}", BOTH },
        { "/odd/closing", "{\"a\":1}", BOTH },
        { "/odd/100", "{\"a\":1}", BOTH },
        { "/odd/204", "", BOTH },
        { "/odd/chunks", "{\"a\":1}", BOTH },
        { "/odd/103", "{\"a\":1}", LIBCURL_LATER },
        { "/odd/extension", "{\"a\":1}", LIBCURL_LATER },
        { "/odd/lengths", "", LIBEVENT_NEVER },
        { "/odd/encoding", "", LIBEVENT_NEVER },
        { "/odd/space", "", LIBEVENT_NEVER },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_libevent = client == SK_HTTP_CLIENT_LIBEVENT;
        if (cases[i].who == LIBEVENT_NEVER && !is_libevent) continue;
        struct world world;
        open_with(&world, (struct sk_http_options){ 0 });
        const char *target = rude(&world, cases[i].path);
        if (is_libevent && cases[i].who != BOTH) expect(&world, target, MAYBE, "network", "");
        if (cases[i].who != LIBEVENT_NEVER) {
            expect(&world, target, YES, "", cases[i].output);
            expect(&world, target, YES, "", cases[i].output);
        }
        close_world(&world);
    }
}

/* The first header of the second answer continues none: not one of the first answer either. */
static void test_a_folded_header(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, rude(&world, "/odd/204"), YES, "", "");
    expect(&world, rude(&world, "/odd/folded"), MAYBE, "network", "");
    expect(&world, rude(&world, "/odd/204"), YES, "", "");
    close_world(&world);
}

static void test_what_never_left(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, url(skt_refusing_port(), "/"), AGAIN, "connection_refused", "");
    expect(&world, "http://0123456789012345678901234567890123456789012345678901234567890123456789/",
           AGAIN, "network", "");
    char https[64];
    (void)snprintf(https, sizeof https, "https://127.0.0.1:%u/json", skt_polite_port(world.polite));
    expect(&world, https, AGAIN, "network", ""); /* it does not speak TLS */
    expect(&world, "/only/a/path", NO, "invalid_url", "");
    expect(&world, "", NO, "invalid_url", "");
    expect(&world, "ftp://host/", NO, "invalid_url", "");
    expect(&world, "http://", NO, "invalid_url", "");
    expect(&world, polite(&world, "/a b"), NO, "invalid_url", "");
    expect(&world, polite(&world, "/a\r\nX: 1"), NO, "invalid_url", "");
    assert_int_equal(skt_polite_requests(world.polite), 0);
    close_world(&world);
}

static void test_a_handshake_that_does_not_end(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connect_timeout_ms = 50 });
    char https[64];
    (void)snprintf(https, sizeof https, "https://127.0.0.1:%u/", skt_silent_port());
    expect(&world, https, AGAIN, "connection_timeout", "");
    close_world(&world);
    open_with(&world, (struct sk_http_options){ 0 });
    struct sk_invocation invocation = invocation_to(https);
    invocation.timeout_ms = 50; /* the attempt's own limit comes first */
    struct call call;
    call_with(&world, &call, invocation);
    assert_int_equal(call.outcome.class_, AGAIN);
    assert_text(call.outcome.code, "connection_timeout");
    sk_buf_release(&call.text);
    close_world(&world);
}

/* ---- requests ----------------------------------------------------------------------------- */

static struct sk_str echoed(const struct call *call, const char *name)
{
    struct sk_str headers = sk_json_member(call->outcome.output, SK_STR("headers"));
    struct sk_str value = sk_json_member(headers, sk_str_of(name));
    return value.size >= 2 ? sk_str_sub(value, 1, value.size - 2) : value;
}

static void check_headers(struct world *world, struct sk_invocation invocation)
{
    struct call call;
    call_with(world, &call, invocation);
    static const struct {
        const char *name, *value;
    } expected[] = {
        { "Idempotency-Key", "order-42/pay/action" },
        { "Skald-Saga-Id", "order-42" },
        { "Skald-Step-Id", "pay" },
        { "Skald-Operation", "action" },
        { "Skald-Attempt", "2" },
        { "Skald-Deadline", "2025-01-01T12:00:00.123Z" },
        { "Skald-Token", "tok.en" },
        { "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
        { "X-Shop", "a: b" },
        { "X-Empty", "" },
        { "authorization", "Bearer s3cret&=" },
        { "Content-Type", "application/json" },
        { "Content-Length", "12" },
        { "TRACEPARENT", "" },
        { "Expect", "" },
        { "Proxy-Connection", "" },
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_text(echoed(&call, expected[i].name), expected[i].value);
    }
    assert_true(sk_str_starts(echoed(&call, "User-Agent"), SK_STR("skald/")));
    struct sk_str output = call.outcome.output;
    assert_text(sk_json_member(output, SK_STR("method")), "\"POST\"");
    assert_text(sk_json_member(output, SK_STR("uri")), "\"/echo?a=1\"");
    assert_text(sk_json_member(output, SK_STR("body")), "\"{\\\"amount\\\":5}\"");
    sk_buf_release(&call.text);
}

/* On a new connection, on the same when it is kept, and there with a Host of the definition. */
static void test_headers_of_a_request(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    struct sk_invocation invocation = invocation_to(polite(&world, "/echo?a=1"));
    invocation.body = SK_STR("{\"amount\":5}");
    invocation.token = SK_STR("tok.en");
    invocation.traceparent = SK_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    invocation.deadline_ms = INT64_C(1735732800123);
    invocation.headers = SK_STR("X-Shop: a: b\nX-Empty:\nSkald-Attempt: 9\nIdempotency-Key: mine\n"
                                "Content-Length: 1\nTRACEPARENT: x\nauthorization: Bearer "
                                "${secret:TOKEN}\nProxy-Connection: close\n");
    check_headers(&world, invocation);
    check_headers(&world, invocation);
    invocation.headers = SK_STR("Host: shop.example\n");
    struct call call;
    call_with(&world, &call, invocation);
    assert_text(echoed(&call, "Host"), "shop.example");
    assert_text(echoed(&call, "Content-Length"), "12");
    sk_buf_release(&call.text);
    close_world(&world);
}

static void test_methods_and_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body, *length, *type;
    } cases[] = {
        { "GET", "", "", "" },
        { "POST", "", "0", "" },
        { "PUT", "1", "1", "application/json" },
        { "DELETE", "", "", "" },
        { "PATCH", "", "0", "" },
        { "DELETE", "{}", "2", "application/json" },
        { "GET", "", "", "" },
    };
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sk_invocation invocation = invocation_to(polite(&world, "/echo"));
        invocation.method = sk_str_of(cases[i].method);
        invocation.body = sk_str_of(cases[i].body);
        invocation.operation = SK_OPERATION_COMPENSATION;
        struct call call;
        call_with(&world, &call, invocation);
        struct sk_str method = sk_json_member(call.outcome.output, SK_STR("method"));
        assert_text(sk_str_sub(method, 1, method.size - 2), cases[i].method);
        assert_text(echoed(&call, "Content-Length"), cases[i].length);
        assert_text(echoed(&call, "Content-Type"), cases[i].type);
        assert_text(echoed(&call, "Skald-Operation"), "compensation");
        assert_text(echoed(&call, "Skald-Token"), "");
        sk_buf_release(&call.text);
    }
    struct sk_invocation head = invocation_to(polite(&world, "/json"));
    head.method = SK_STR("HEAD");
    struct call call;
    call_with(&world, &call, head);
    assert_int_equal(call.outcome.class_, YES);
    sk_buf_release(&call.text);
    head.method = SK_STR("BAD METHOD");
    call_with(&world, &call, head);
    assert_int_equal(call.outcome.class_, NO);
    sk_buf_release(&call.text);
    struct sk_invocation typed = invocation_to(polite(&world, "/echo"));
    typed.body = SK_STR("\"x\"");
    typed.headers = SK_STR("content-type: text/plain\nUSER-AGENT: me\n");
    call_with(&world, &call, typed);
    assert_text(echoed(&call, "content-type"), "text/plain");
    assert_text(echoed(&call, "Content-Type"), "");
    assert_text(echoed(&call, "USER-AGENT"), "me");
    sk_buf_release(&call.text);
    close_world(&world);
}

static void test_secrets(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    struct call call;
    call_with(&world, &call, invocation_to(polite(&world, "/echo?k=${secret:TOKEN}&x=${secret:")));
    assert_text(sk_json_member(call.outcome.output, SK_STR("uri")),
                "\"/echo?k=s3cret%26%3D&x=${secret:\"");
    sk_buf_release(&call.text);

    expect(&world, polite(&world, "/echo?k=${secret:NONE}"), AGAIN, "secret_unknown", "");
    struct sk_invocation invocation = invocation_to(polite(&world, "/echo"));
    invocation.headers = SK_STR("X-Key: ${secret:SPLIT}\n");
    call_with(&world, &call, invocation);
    assert_int_equal(call.outcome.class_, NO);
    assert_text(call.outcome.code, "invalid_header");
    assert_null(strstr(sk_buf_text(&call.text), "Evil"));
    sk_buf_release(&call.text);

    /* An id that looks like a secret is only text. */
    invocation = invocation_to(polite(&world, "/echo"));
    invocation.key = SK_STR("${secret:TOKEN}");
    call_with(&world, &call, invocation);
    assert_text(echoed(&call, "Idempotency-Key"), "${secret:TOKEN}");
    sk_buf_release(&call.text);
    close_world(&world);
}

static void test_injected_headers_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "X-A: b\rSkald-Attempt: 1\n",
        "X-A: b\x01\n",
        "X-A: \x7f\n",
        "X-A b\n",
        "X A: b\n",
        ": b\n",
        "X-A\r: b\n",
        "X-B: 1\nX-A\t: b\n",
    };
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct sk_invocation invocation = invocation_to(polite(&world, "/echo"));
        invocation.headers = sk_str_of(headers[i]);
        struct call call;
        call_with(&world, &call, invocation);
        if (call.outcome.class_ != SK_OUTCOME_FAILED) fail_msg("header %zu got out", i);
        assert_text(call.outcome.code, "invalid_header");
        sk_buf_release(&call.text);
    }
    struct sk_invocation invocation = invocation_to(polite(&world, "/echo"));
    invocation.key = SK_STR("a\nb");
    struct call call;
    call_with(&world, &call, invocation);
    assert_text(call.outcome.code, "invalid_header");
    sk_buf_release(&call.text);
    assert_int_equal(skt_polite_requests(world.polite), 0);
    close_world(&world);
}

/* ---- connections -------------------------------------------------------------------------- */

enum { MANY = 40 };

static void end_as(struct call *call, int expected, const char *code)
{
    assert_int_equal(call->done_count, 1);
    assert_int_equal(call->outcome.class_, expected);
    assert_text(call->outcome.code, code);
    sk_buf_release(&call->text);
}

static void test_connections_are_limited_and_kept(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 3 });
    static struct call calls[MANY];
    for (size_t i = 0; i < MANY; i++) {
        begin(&world, &calls[i], invocation_to(polite(&world, "/slow")));
    }
    wait_for_calls(&world);
    for (size_t i = 0; i < MANY; i++) end_as(&calls[i], YES, "");
    assert_int_equal(skt_polite_requests(world.polite), MANY);
    assert_int_equal(skt_polite_slow_max(world.polite), 3);
    assert_int_equal(skt_polite_connections(world.polite), 3);
    close_world(&world);
}

/* The time-out also covers the wait for a free connection; then nothing was sent. */
static void test_time_out_in_line(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 1 });
    struct call first, second;
    begin(&world, &first, invocation_to(rude(&world, "/never")));
    struct sk_invocation invocation = invocation_to(rude(&world, "/never"));
    invocation.timeout_ms = 20;
    begin(&world, &second, invocation);
    world.left = 1; /* nobody waits for the first */
    wait_for_calls(&world);
    assert_int_equal(first.done_count, 0);
    end_as(&second, AGAIN, "connection_timeout");
    close_world(&world);
}

/* Half of its time spent in line: it is not sent with the rest, which would likely lose its
 * answer. */
static void test_late_in_line(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 1 });
    struct call first, second, third;
    struct sk_invocation hanging = invocation_to(rude(&world, "/never"));
    hanging.timeout_ms = 120;
    begin(&world, &first, hanging);
    struct sk_invocation waiting = invocation_to(rude(&world, "/never"));
    waiting.timeout_ms = 200; /* half of it has passed when the first one ends */
    begin(&world, &second, waiting);
    begin(&world, &third, invocation_to(rude(&world, "/moody"))); /* has the time to wait */
    wait_for_calls(&world);
    end_as(&first, MAYBE, "timeout");
    end_as(&second, AGAIN, "connection_timeout");
    end_as(&third, YES, "");
    assert_int_equal(skt_rude_requests(world.rude), 2);
    close_world(&world);
}

/* ---- connections to all hosts together ------------------------------------------------------ */

enum { FIRST_COUNT = 7, SECOND_COUNT = 3, BOTH_COUNT = FIRST_COUNT + SECOND_COUNT };

static const char *slow_of(const struct skt_polite *server)
{
    return url(skt_polite_port(server), "/slow");
}

/* The same participant under two names: two hosts to the invoker. */
static void test_connections_to_all_hosts_are_limited(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 4, .connections_max = 3 });
    static struct call calls[MANY];
    char second[64];
    (void)snprintf(second, sizeof second, "http://127.1:%u/slow", skt_polite_port(world.polite));
    for (size_t i = 0; i < MANY; i++) {
        begin(&world, &calls[i], invocation_to(i % 3 == 0 ? second : slow_of(world.polite)));
    }
    wait_for_calls(&world);
    for (size_t i = 0; i < MANY; i++) end_as(&calls[i], YES, "");
    assert_int_equal(skt_polite_requests(world.polite), MANY);
    assert_int_equal(skt_polite_slow_max(world.polite), 3);
    close_world(&world);
}

struct turn {
    struct world *world;
    char *said, name;
};

static void on_turn(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct turn *turn = context;
    (void)ticket;
    assert_int_equal(outcome->class_, YES);
    turn->said[strlen(turn->said)] = turn->name;
    if (strlen(turn->said) == BOTH_COUNT) sk_libevent_runtime_stop(turn->world->runtime);
}

/* The first host has all connections and a long line; the second one comes later and need not wait
 * for the end of it. Each change of hosts closes the idle connection to the other. */
static void test_hosts_take_turns(void **state)
{
    (void)state;
    char said[BOTH_COUNT + 1] = "";
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_max = 1 });
    struct skt_polite *other = skt_polite_new();
    struct turn first = { &world, said, 'a' }, second = { &world, said, 'b' };
    for (uint64_t i = 0; i < BOTH_COUNT; i++) {
        bool is_first = i < FIRST_COUNT;
        struct sk_invocation next = invocation_to(slow_of(is_first ? world.polite : other));
        next.ticket = i + 1;
        enum skald_status status =
            world.invoker->ops->start(world.invoker, &next, on_turn, is_first ? &first : &second);
        assert_int_equal(status, SKALD_OK);
    }
    wait_for_calls(&world);
    assert_string_equal(said, "aabababaaa");
    assert_int_equal(skt_polite_connections(world.polite), 4);
    assert_int_equal(skt_polite_connections(other), 3);
    close_world(&world);
    skt_polite_free(other);
}

/* What is idle is used again, and closed only where another host needs its place: the oldest, which
 * libcurl tells by milliseconds. */
static void test_idle_connections_make_room(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_max = 2 });
    struct skt_polite *all[3] = { world.polite, skt_polite_new(), skt_polite_new() };
    static const struct {
        size_t server;
        uint32_t connections;
    } calls[] = { { 0, 1 }, { 1, 1 }, { 0, 1 }, { 1, 1 }, { 2, 1 }, { 1, 1 }, { 0, 2 }, { 2, 2 } };
    size_t count = client == SK_HTTP_CLIENT_LIBCURL ? 5 : sizeof calls / sizeof calls[0];
    for (size_t i = 0; i < count; i++) {
        struct skt_polite *server = all[calls[i].server];
        expect(&world, url(skt_polite_port(server), "/json"), YES, "", "{\"ok\": true}");
        if (skt_polite_connections(server) != calls[i].connections) fail_msg("call %zu", i);
    }
    close_world(&world);
    skt_polite_free(all[1]);
    skt_polite_free(all[2]);
}

/* Its host is no longer held when the last in its line is gone, and stays so while one is left. */
static void test_cancel_and_time_out_while_held(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_max = 1 });
    struct call flying, held[3];
    struct sk_invocation brief = invocation_to(polite(&world, "/json"));
    brief.timeout_ms = 20;
    begin(&world, &flying, invocation_to(rude(&world, "/never")));
    begin(&world, &held[0], invocation_to(polite(&world, "/json")));
    world.invoker->ops->cancel(world.invoker, (uint64_t)(uintptr_t)&held[0]);
    begin(&world, &held[0], brief);
    world.left = 1;
    wait_for_calls(&world);
    end_as(&held[0], AGAIN, "connection_timeout");
    for (size_t i = 0; i < 3; i++) {
        begin(&world, &held[i], invocation_to(polite(&world, "/json")));
    }
    world.invoker->ops->cancel(world.invoker, (uint64_t)(uintptr_t)&held[0]);
    world.invoker->ops->cancel(world.invoker, (uint64_t)(uintptr_t)&held[2]);
    world.invoker->ops->cancel(world.invoker, (uint64_t)(uintptr_t)&flying);
    world.left = 1;
    wait_for_calls(&world);
    end_as(&held[1], YES, "");
    assert_int_equal(skt_polite_requests(world.polite), 1);
    for (size_t i = 0; i < 2; i++) {
        begin(&world, &flying, invocation_to(rude(&world, "/never")));
    }
    begin(&world, &held[0], invocation_to(polite(&world, "/json")));
    close_world(&world); /* with a host that is held */
    assert_int_equal(held[0].done_count, 0);
}

/* As test_late_in_line, in the line of a host that is held by another. */
static void test_late_while_held(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_max = 1 });
    struct call first, late, only_late, last;
    struct sk_invocation hanging = invocation_to(rude(&world, "/never"));
    hanging.timeout_ms = 120;
    begin(&world, &first, hanging);
    struct sk_invocation waiting = invocation_to(polite(&world, "/json"));
    waiting.timeout_ms = 200; /* half of it has passed when the first one ends */
    begin(&world, &late, waiting);
    waiting.target = sk_str_of(rude(&world, "/moody"));
    begin(&world, &only_late, waiting);
    begin(&world, &last, invocation_to(polite(&world, "/json")));
    wait_for_calls(&world);
    end_as(&first, MAYBE, "timeout");
    end_as(&late, AGAIN, "connection_timeout");
    end_as(&only_late, AGAIN, "connection_timeout");
    end_as(&last, YES, "");
    assert_int_equal(skt_polite_requests(world.polite), 1);
    assert_int_equal(skt_rude_requests(world.rude), 1);
    close_world(&world);
}

/* A held host to which nothing can be sent does not stand in the way of the one behind it: here no
 * handle of libcurl can be made, since its key's password is not to be had. */
static void test_no_way_to_send_while_held(void **state)
{
    (void)state;
    struct world world;
    if (client == SK_HTTP_CLIENT_LIBCURL) return; /* there it would be all hosts */
    struct sk_tls_options tls = { .cert_file = "none", .key_password = "${secret:NONE}" };
    open_with(&world, (struct sk_http_options){ .connections_max = 1, .tls = tls });
    struct call first, stuck, last;
    struct sk_invocation hanging = invocation_to(rude(&world, "/never"));
    hanging.timeout_ms = 150;
    begin(&world, &first, hanging);
    struct sk_invocation waiting = invocation_to("https://127.0.0.1:1/");
    waiting.timeout_ms = 600;
    begin(&world, &stuck, waiting);
    begin(&world, &last, invocation_to(polite(&world, "/json")));
    wait_for_calls(&world);
    end_as(&first, MAYBE, "timeout");
    end_as(&stuck, AGAIN, "connection_timeout");
    end_as(&last, YES, "");
    close_world(&world);
}

/* ---- connections that die ------------------------------------------------------------------- */

/* A kept connection that dies under a request of which bytes have left: libcurl sends it again
 * under the same key, and its answer is no proof that the first copy is not still being worked on.
 * libevent's client leaves it at that. */
static void test_a_request_that_was_sent_twice(void **state)
{
    (void)state;
    bool sends_again = client == SK_HTTP_CLIENT_LIBCURL;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, rude(&world, "/moody"), YES, "", "1");
    struct call call;
    call_with(&world, &call, invocation_to(rude(&world, "/moody")));
    assert_int_equal(call.outcome.class_, sends_again ? YES : MAYBE);
    assert_int_equal(call.outcome.status, sends_again ? 200 : 0);
    assert_int_equal(skt_rude_requests(world.rude), sends_again ? 3 : 2);
    assert_false(call.outcome.is_answered);
    sk_buf_release(&call.text);
    close_world(&world);
}

/* The connection died after the participant may have acted, and the second copy was refused: that
 * is no clear no. On a connection of its own it is. */
static void test_a_no_to_the_second_copy(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, rude(&world, "/moody"), YES, "", "1");
    struct call call;
    call_with(&world, &call, invocation_to(rude(&world, "/moody/no")));
    bool sends_again = client == SK_HTTP_CLIENT_LIBCURL;
    assert_int_equal(call.outcome.class_, MAYBE);
    assert_text(call.outcome.code, sends_again ? "validation" : "network");
    assert_false(call.outcome.is_answered);
    assert_int_equal(skt_rude_requests(world.rude), sends_again ? 3 : 2);
    sk_buf_release(&call.text);
    close_world(&world);
    open_with(&world, (struct sk_http_options){ 0 });
    expect(&world, rude(&world, "/moody/no"), NO, "validation", "");
    close_world(&world);
}

static void test_cancel(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 2 });
    struct call never[3];
    for (size_t i = 0; i < 3; i++) begin(&world, &never[i], invocation_to(rude(&world, "/never")));
    /* Two fly, one waits; the barred one is cancelled before its turn. */
    struct call barred;
    begin(&world, &barred, invocation_to("nowhere"));
    for (size_t i = 0; i < 3; i++) {
        world.invoker->ops->cancel(world.invoker, (uint64_t)(uintptr_t)&never[i]);
    }
    world.invoker->ops->cancel(world.invoker, (uint64_t)(uintptr_t)&barred);
    world.invoker->ops->cancel(world.invoker, 4711);
    world.left = 0;
    expect(&world, polite(&world, "/json"), YES, "", "{\"ok\": true}");
    for (size_t i = 0; i < 3; i++) assert_int_equal(never[i].done_count, 0);
    assert_int_equal(barred.done_count, 0);
    close_world(&world);
}

struct chain {
    struct call call;
    struct call other;
    uint32_t rounds;
};

static void on_link(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct chain *chain = context;
    struct world *world = chain->call.world;
    struct sk_invoker *invoker = world->invoker;
    assert_int_equal(outcome->class_, YES);
    invoker->ops->cancel(invoker, ticket); /* over already: nothing happens */
    invoker->ops->cancel(invoker, (uint64_t)(uintptr_t)&chain->other);
    if (++chain->rounds == 20) {
        sk_libevent_runtime_stop(world->runtime);
        return;
    }
    struct sk_invocation next = invocation_to(polite(world, "/json"));
    next.ticket = ticket + 1;
    assert_int_equal(invoker->ops->start(invoker, &next, on_link, chain), SKALD_OK);
    next = invocation_to(rude(world, "/never"));
    next.ticket = (uint64_t)(uintptr_t)&chain->other;
    assert_int_equal(invoker->ops->start(invoker, &next, on_done, &chain->other), SKALD_OK);
}

static void test_start_and_cancel_inside_done(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ 0 });
    struct chain chain = { .call = { .world = &world } };
    struct sk_invocation first = invocation_to(polite(&world, "/json"));
    first.ticket = 1;
    assert_int_equal(world.invoker->ops->start(world.invoker, &first, on_link, &chain), SKALD_OK);
    wait_for_calls(&world);
    assert_int_equal(chain.rounds, 20);
    assert_int_equal(chain.other.done_count, 0);
    close_world(&world); /* with what is in flight */
}

static void test_free_cancels(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 1 });
    struct call calls[3];
    begin(&world, &calls[0], invocation_to(rude(&world, "/never")));
    begin(&world, &calls[1], invocation_to(rude(&world, "/never")));
    begin(&world, &calls[2], invocation_to("nowhere"));
    close_world(&world);
    for (size_t i = 0; i < 3; i++) assert_int_equal(calls[i].done_count, 0);
}

static void test_many_hosts(void **state)
{
    (void)state;
    struct world world;
    open_with(&world, (struct sk_http_options){ .connections_per_host = 1 });
    for (unsigned i = 0; i < SK_HTTP_HOSTS_MAX + 20; i++) {
        char target[64]; /* all of 127.0.0.0/8 is this machine */
        (void)snprintf(target, sizeof target, "http://127.1.%u.%u:1/", i / 250, 1 + i % 250);
        struct call call;
        call_with(&world, &call, invocation_to(target));
        assert_int_equal(call.outcome.class_, AGAIN);
        sk_buf_release(&call.text);
    }
    close_world(&world);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    struct sk_invoker *invoker = NULL;
    skald_error error = { 0 };
    struct sk_http_options none = { 0 };
    assert_int_equal(sk_http_invoker_new(&none, &invoker, &error), SKALD_E_ARGUMENT);
    assert_null(invoker);
}

int main(void)
{
    const struct CMUnitTest tables[] = {
        cmocka_unit_test(test_every_row_of_the_tables),
        cmocka_unit_test(test_pending_answers),
        cmocka_unit_test(test_a_definition_redefines_statuses),
        cmocka_unit_test(test_what_was_lost),
        cmocka_unit_test(test_retry_after),
    };
    const struct CMUnitTest calls[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_a_host_with_a_name),
        cmocka_unit_test(test_participants_that_misbehave),
        cmocka_unit_test(test_odd_answers),
        cmocka_unit_test(test_a_folded_header),
        cmocka_unit_test(test_what_never_left),
        cmocka_unit_test(test_a_handshake_that_does_not_end),
        cmocka_unit_test(test_headers_of_a_request),
        cmocka_unit_test(test_methods_and_bodies),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_injected_headers_are_refused),
        cmocka_unit_test(test_connections_are_limited_and_kept),
        cmocka_unit_test(test_time_out_in_line),
        cmocka_unit_test(test_late_in_line),
        cmocka_unit_test(test_connections_to_all_hosts_are_limited),
        cmocka_unit_test(test_hosts_take_turns),
        cmocka_unit_test(test_idle_connections_make_room),
        cmocka_unit_test(test_cancel_and_time_out_while_held),
        cmocka_unit_test(test_late_while_held),
        cmocka_unit_test(test_no_way_to_send_while_held),
        cmocka_unit_test(test_a_request_that_was_sent_twice),
        cmocka_unit_test(test_a_no_to_the_second_copy),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_start_and_cancel_inside_done),
        cmocka_unit_test(test_free_cancels),
        cmocka_unit_test(test_many_hosts),
        cmocka_unit_test(test_options_are_checked),
    };
    int failed = cmocka_run_group_tests_name("http outcomes", tables, NULL, NULL);
    client = SK_HTTP_CLIENT_LIBEVENT;
    failed += cmocka_run_group_tests_name("invoke http, libevent", calls, NULL, NULL);
    client = SK_HTTP_CLIENT_LIBCURL;
    failed += cmocka_run_group_tests_name("invoke http, libcurl", calls, NULL, NULL);
    return failed;
}
