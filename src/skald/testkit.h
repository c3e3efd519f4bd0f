/*
 * testkit.h: a user's own definitions with the real engine, in virtual time, with participants that
 * do as they are told. Under `skald test` (scenario.h) and the public skald_test_* calls.
 *
 *   testkit.c        the engine on the memory store, its time, its crashes, what it did
 *   testkit_mock.c   the participants: every call that left the engine, and the answers
 *   testkit_task.c   the workers of queues
 *
 *   U1  Nothing waits: a call of this header returns when nothing more can happen without time
 *       passing or somebody from outside.
 *   U2  The same calls give the same history, byte for byte.
 *   U3  A call that no reply fits stays on the wire until a reply comes or its time is over.
 *   U4  A participant keeps its promise: the same attempt of the same call, repeated after a crash,
 *       gets the answer that it was given before.
 *
 * One thread. Out of memory ends the process: a test has nobody to tell.
 */
#ifndef SK_SKALD_TESTKIT_H
#define SK_SKALD_TESTKIT_H

#include "api/local.h"
#include "engine/engine.h"

struct sk_testkit;

struct sk_testkit_options {
    uint64_t seed;
    struct sk_engine_options engine; /* defaults where zero; ports, node and observers are ours */
    void (*log)(void *context, const struct sk_log_line *line); /* NULL = dropped */
    void *log_context;
};

enum skald_status sk_testkit_new(const struct sk_testkit_options *options,
                                 struct sk_testkit **out_kit, skald_error *error) SK_MUST_CHECK;
void sk_testkit_free(struct sk_testkit *kit); /* NULL is fine */

/* ---- doing ----------------------------------------------------------------------------------- */

/* What `skald define` does; the errors of an invalid definition are in error->message. out_id: the
 * definition's id, valid as long as the kit; may be NULL. */
enum skald_status sk_testkit_define(struct sk_testkit *kit, struct sk_str source,
                                    struct sk_str file_name, struct sk_str *out_id,
                                    skald_error *error) SK_MUST_CHECK;
enum skald_status sk_testkit_start(struct sk_testkit *kit, const struct sk_start_request *request,
                                   skald_error *error) SK_MUST_CHECK;
/* Operators' commands and signals, as sk_engine_command. */
enum skald_status sk_testkit_command(struct sk_testkit *kit, struct sk_str saga,
                                     const struct sk_command *command, struct sk_str step,
                                     skald_error *error) SK_MUST_CHECK;
/* Time passes; everything due on the way happens at its moment. */
void sk_testkit_advance(struct sk_testkit *kit, int64_t ms);
/* One step: to the next moment at which something is due, at most to until_ms. False: there is
 * none, and it is until_ms now. */
bool sk_testkit_step(struct sk_testkit *kit, int64_t until_ms);
/* The engine's process dies now and comes up again on what it had made durable; calls on the wire
 * are lost to it. */
enum skald_status sk_testkit_crash(struct sk_testkit *kit, skald_error *error) SK_MUST_CHECK;
/* Time runs on until no saga can go on without help from outside: each has ended, or waits without
 * a time-out, or waits for an answer that nobody has scripted. False: not within for_ms. */
bool sk_testkit_rest(struct sk_testkit *kit, int64_t for_ms);

/* ---- participants ---------------------------------------------------------------------------- */

enum { SK_REPLY_ALWAYS = UINT32_MAX };

struct sk_testkit_reply {
    struct sk_str saga; /* empty = of any saga */
    struct sk_str step; /* empty = every step */
    int32_t item;       /* -1 = every item */
    enum sk_operation operation;
    uint32_t times;            /* how many calls get it; SK_REPLY_ALWAYS; 0 = 1 */
    int64_t after_ms;          /* how long the participant takes */
    bool is_silent;            /* it never answers */
    struct sk_outcome outcome; /* its spans are copied */
};
/* How calls are answered from now on. Counted ones come before standing ones, in the order in which
 * they were given; of the standing ones the nearest fit (a step's own before `every step`), and
 * then the last given. A fitting call that is on the wire unanswered gets it at once. */
void sk_testkit_reply(struct sk_testkit *kit, const struct sk_testkit_reply *reply);
/* The answer to a call that was answered `pending`: its last attempt. */
enum skald_status sk_testkit_complete(struct sk_testkit *kit, struct sk_str saga,
                                      struct sk_str step, int32_t item, enum sk_operation operation,
                                      const struct sk_outcome *outcome,
                                      skald_error *error) SK_MUST_CHECK;

enum sk_testkit_call_state {
    SK_TESTKIT_ON_WIRE,
    SK_TESTKIT_ANSWERED,
    SK_TESTKIT_TIMED_OUT, /* nobody answered in time */
    SK_TESTKIT_LOST       /* the engine died or stopped waiting */
};
/* A call that left the engine. Spans live as long as the kit. */
struct sk_testkit_call {
    struct sk_str saga, step, key, token, target, method, headers, body, service;
    int32_t item;
    enum sk_operation operation;
    uint32_t attempt, round;
    int64_t at_ms, deadline_ms;
    enum sk_testkit_call_state state;
    bool has_reply;            /* a reply was chosen, now or for later */
    struct sk_outcome outcome; /* of the reply */
};
/* In the order in which they left. */
uint32_t sk_testkit_calls_count(const struct sk_testkit *kit);
const struct sk_testkit_call *sk_testkit_call_at(const struct sk_testkit *kit, uint32_t index);
/* The first call on the wire that no reply fits, or NULL. */
const struct sk_testkit_call *sk_testkit_unanswered(const struct sk_testkit *kit);

/* Functions of this process that answer where no reply was told: sk_function_register. */
struct sk_invoker *sk_testkit_functions(struct sk_testkit *kit);

/* ---- looking --------------------------------------------------------------------------------- */

int64_t sk_testkit_now(const struct sk_testkit *kit);
/* Any operation of the HTTP API; `done` comes before it returns. */
void sk_testkit_ask(struct sk_testkit *kit, const struct sk_local_question *question,
                    sk_local_done *done, void *context);
typedef void sk_testkit_look_fn(void *context, const struct sk_saga *saga);
/* The saga as it is, borrowed for the call. SKALD_E_NOT_FOUND. */
enum skald_status sk_testkit_look(struct sk_testkit *kit, struct sk_str saga,
                                  sk_testkit_look_fn *fn, void *context,
                                  skald_error *error) SK_MUST_CHECK;

/* What the saga waits for, in a sentence; nothing once it has ended. */
void sk_testkit_explain(const struct sk_testkit *kit, const struct sk_saga *saga,
                        struct sk_buf *out);

/* One event of a saga's history, in words. */
struct sk_testkit_event {
    struct sk_str saga, step;
    enum sk_event_type type;
    int32_t item;
    uint32_t attempt;
    uint64_t seq;
    int64_t at_ms;
    struct sk_str text, note; /* a code, a message */
    struct sk_str json;       /* its optional fields by name */
};
uint32_t sk_testkit_events_count(const struct sk_testkit *kit);
const struct sk_testkit_event *sk_testkit_event_at(const struct sk_testkit *kit, uint32_t index);
/* The history for people: "  +1.5s   step.completed pay\n" for each event of the saga. */
void sk_testkit_timeline(const struct sk_testkit *kit, struct sk_str saga, struct sk_buf *out);
const char *sk_testkit_operation_name(enum sk_operation operation); /* "compensation" */

#endif
