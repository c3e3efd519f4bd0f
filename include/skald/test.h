/*
 * test.h: a kit for tests of your own sagas and step functions: the real engine in virtual time,
 * with participants that do as they are told and remember what they were asked. Include it beside
 * <skald/skald.h>; docs/testing.md is the guide.
 *
 *     skald_test *test;
 *     skald_test_new(NULL, &test, &error);
 *     skald_test_define_file(test, "order.saga.yaml", &error);
 *     skald_test_register(test, "reserve", reserve, release, &stock, &error);
 *     if (skald_test_play(test,
 *                         "reply pay fail card_declined\n"
 *                         "start order-1 with {\"amount\": 1500}\n"
 *                         "expect saga order-1 compensated error=card_declined\n"
 *                         "expect compensations reserve\n", &error) != SKALD_OK)
 *         fail(skald_test_report(test));
 *     skald_test_free(test);
 *
 * Everything happens inside the calls, on the caller's thread: no thread, no server, no file, no
 * waiting. The same calls give the same history. One test object is used by one thread at a time;
 * several may live side by side. Out of memory ends the process.
 */
#ifndef SKALD_TEST_H
#define SKALD_TEST_H

#include <skald/api.h>
#include <skald/function.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_test skald_test;

typedef struct skald_test_options {
    size_t size;
    uint64_t seed; /* of everything drawn: jitter, ids */
} skald_test_options;
SKALD_DEFINE_INIT(skald_test_options)

/* A world with an engine on an empty store; its clock stands at 2026-01-01T00:00:00Z. */
SKALD_API enum skald_status skald_test_new(const skald_test_options *options, skald_test **out_test,
                                           skald_error *error) SKALD_MUST_CHECK;
/* NULL is fine. */
SKALD_API void skald_test_free(skald_test *test);

/* ---- setting up ------------------------------------------------------------------------------ */

/* As skald_define_file and skald_define_text. */
SKALD_API enum skald_status skald_test_define_file(skald_test *test, const char *path,
                                                   skald_error *error);
SKALD_API enum skald_status skald_test_define_text(skald_test *test, const char *text,
                                                   skald_error *error);
/* Sample definitions to test functions with: "sequence" (steps first, second, third), "parallel"
 * (first, left and right, last), "signal" (first, a wait for the signal `go`, last), "foreach" (one
 * step over .input.items), "pivot" (first, a pivot, last). Each step calls the function of its own
 * name, each compensation is automatic. NULL: there is none of this name. */
SKALD_API const char *skald_test_fixture(const char *name);

/* Your own step functions, as skald_register; they run inside the calls of this header. A reply
 * that was told for a step (`reply pay first retry busy`) comes before its function, one that was
 * told for every step (`reply * always ok`) after it. */
SKALD_API enum skald_status skald_test_register(skald_test *test, const char *name,
                                                skald_function *action,
                                                skald_function *compensation, void *user,
                                                skald_error *error);
SKALD_API enum skald_status skald_test_register_with(skald_test *test, const char *name,
                                                     const skald_function_options *options,
                                                     skald_error *error);

/* ---- playing --------------------------------------------------------------------------------- */

/*
 * Lines of a scenario (docs/testing.md): replies, starts, signals, crashes, expectations. Later
 * calls go on where earlier ones ended. SKALD_E_FAILED: something is not as expected;
 * SKALD_E_SYNTAX: a line is wrong. The error is the first line of skald_test_report.
 */
SKALD_API enum skald_status skald_test_play(skald_test *test, const char *lines, skald_error *error)
    SKALD_MUST_CHECK;
/* What the last skald_test_play found: the line, what was expected, what happened, the saga's
 * history. "" when it passed. The test's, until the next play. */
SKALD_API const char *skald_test_report(const skald_test *test);

/* Starts a saga. input_json NULL = null. */
SKALD_API enum skald_status skald_test_start(skald_test *test, const char *definition,
                                             const char *saga, const char *input_json,
                                             skald_error *error);
/* Time passes; everything due on the way happens at its moment. */
SKALD_API void skald_test_advance(skald_test *test, int64_t ms);
/* Time passes until no saga can go on without help from outside. */
SKALD_API void skald_test_run(skald_test *test);
/* The engine dies now and comes up again on what it had stored. */
SKALD_API enum skald_status skald_test_crash(skald_test *test, skald_error *error) SKALD_MUST_CHECK;

/* ---- looking --------------------------------------------------------------------------------- */

/* Engine time, ms since 1970. */
SKALD_API int64_t skald_test_now_ms(const skald_test *test);
/* SKALD_STATE_NONE: no such saga. */
SKALD_API enum skald_state skald_test_state(skald_test *test, const char *saga);
/* Any operation of the API, as skald_request: "GET", "/api/v1/sagas/order-1". out_reply may be
 * NULL. */
SKALD_API enum skald_status skald_test_request(skald_test *test, const char *method,
                                               const char *path, const char *body,
                                               skald_reply **out_reply, skald_error *error);

/* A call that left the engine. The texts live as long as the test; none is NULL. */
typedef struct skald_test_call {
    size_t size;
    const char *saga, *step, *key;
    const char *target, *method; /* "http://shop/payments", "POST"; of a function its name, "" */
    const char *headers;         /* "name: value\n" lines */
    const char *body;            /* JSON; "" = none */
    const char *token;           /* completes a pending answer; "" = none */
    const char *code;            /* of the answer, when it was no success */
    enum skald_operation operation;
    int32_t item; /* -1 = none */
    uint32_t attempt, round;
    int64_t at_ms;
    bool is_answered;
} skald_test_call;
SKALD_DEFINE_INIT(skald_test_call)

SKALD_API uint32_t skald_test_calls_count(const skald_test *test);
/* The call number `index`, in the order in which they left; `out_call` was initialised. false:
 * there is none. */
SKALD_API bool skald_test_call_at(const skald_test *test, uint32_t index,
                                  skald_test_call *out_call);

#ifdef __cplusplus
}
#endif
#endif
