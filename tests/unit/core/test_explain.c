/*
 * test_explain.c: what a saga waits for, in every state: the exact sentences. Each row makes a saga
 * by a few commands; its time is 2026-01-01T00:00:00Z plus what the row let pass.
 */
#include "play.h"

#include "core/explain.h"

/* ---- makers ---------------------------------------------------------------------------------- */

#define RETRY ", retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 5s }"
#define UNDO_RETRY                                                                            \
    ", compensation: { type: automatic, retry_policy: { type: fixed_delay, max_attempts: 2, " \
    "initial_delay: 1s } }"
enum { A, B, C };

static struct skt_play *play_of(const char *keys, const char *steps)
{
    return skt_play_new(skt_plan_of(keys, steps), NULL);
}
static struct skt_play *three(void)
{
    return play_of("", SKT_STEP("a", RETRY SKT_UNDO) SKT_STEP("b", RETRY UNDO_RETRY)
                           SKT_STEP("c", RETRY));
}
static void undone(struct skt_play *play, uint32_t step, enum sk_outcome_class class_)
{
    skt_reply(play, step, -1, SK_OPERATION_COMPENSATION, class_, "busy", "");
}
static void ordered(struct skt_play *play, enum sk_command_kind kind)
{
    assert_int_equal(skt_do(play, skt_command(kind)), SKALD_OK);
}

static struct skt_play *slot(void)
{
    struct sk_start start = { .id = SK_STR("s"), .acquire_timeout_ms = 30000 };
    return skt_play_new(skt_plan_of("", SKT_STEP("a", "")), &start);
}
static struct skt_play *slot_for_ever(void)
{
    struct sk_start start = { .id = SK_STR("s") };
    return skt_play_new(skt_plan_of("", SKT_STEP("a", "")), &start);
}
static struct skt_play *lock(void)
{
    static const struct sk_str keys[] = { { "account:7", 9 } };
    struct sk_start start = { .id = SK_STR("s"), .lock_keys = keys, .lock_keys_count = 1 };
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", "")), &start);
    ordered(play, SK_COMMAND_ADMIT);
    return play;
}
static struct skt_play *suspended_pending(void)
{
    struct skt_play *play = slot();
    ordered(play, SK_COMMAND_SUSPEND);
    return play;
}
static struct skt_play *in_flight(void)
{
    return three();
}
static struct skt_play *last_attempt(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    for (int i = 0; i < 2; i++) {
        skt_answer(play, B, SK_OUTCOME_RETRYABLE);
        skt_advance(play, 5000);
    }
    return play;
}
static struct skt_play *backoff(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_RETRYABLE);
    skt_advance(play, 2000);
    return play;
}
static struct skt_play *maybe_again(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 5000);
    return play;
}
static struct skt_play *step_limit(void)
{
    struct skt_play *play = play_of("", SKT_STEP("a", RETRY ", step_timeout: 4s"));
    skt_answer(play, A, SK_OUTCOME_RETRYABLE);
    return play;
}
static struct skt_play *pending_answer(void)
{
    struct skt_play *play = play_of("", SKT_STEP("a", RETRY ", pending_timeout: 1h"));
    skt_answer(play, A, SK_OUTCOME_PENDING);
    return play;
}
static struct skt_play *pending_for_ever(void)
{
    struct skt_play *play =
        play_of("", SKT_STEP("a", RETRY) SKT_STEP("b", ", pending_timeout: 1h"));
    skt_answer(play, A, SK_OUTCOME_PENDING);
    return play;
}
static struct skt_play *saga_timeout(void)
{
    struct skt_play *play =
        play_of(", timeout: 1m", SKT_STEP("a", RETRY SKT_UNDO) SKT_STEP("b", RETRY SKT_UNDO));
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, B, SK_OUTCOME_PENDING);
    return play;
}
static struct skt_play *timer(void)
{
    return play_of("",
                   "  - { id: cool, name: C, type: wait, wait: { for: 1h } }\n" SKT_STEP("a", ""));
}
static struct skt_play *signal_limit(void)
{
    struct skt_play *play =
        play_of("", SKT_STEP("a", SKT_UNDO) "  - { id: ok, name: O, type: wait, wait: { signal: "
                                            "approved, timeout: 24h } }\n");
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *signal_for_ever(void)
{
    return play_of("", "  - { id: ok, name: O, type: wait, wait: { signal: approved } }\n");
}
static const char poll_step[] =
    "  - { id: seen, name: S, type: wait, wait: { poll: { action: { service: { name: shop, path: "
    "/seen, method: GET } }, interval: 30s, until: '$response.ok', timeout: 1h } } "
    "}\n";
static struct skt_play *polling(void)
{
    return play_of("", poll_step);
}
static struct skt_play *poll_pause(void)
{
    struct skt_play *play = polling();
    skt_reply(play, 0, -1, SK_OPERATION_POLL, SK_OUTCOME_SUCCEEDED, "", "{\"ok\":false}");
    return play;
}
static struct skt_play *child(void)
{
    return play_of(
        "",
        SKT_STEP(
            "a",
            SKT_UNDO) "  - { id: ship, name: S, type: saga, action: { saga: { definition: ship } } "
                      "}\n");
}
static struct skt_play *child_waits(void)
{
    struct skt_play *play = child();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *child_cancelled(void)
{
    struct skt_play *play = child_waits();
    ordered(play, SK_COMMAND_CANCEL);
    return play;
}
static struct skt_play *pivot_play(void)
{
    struct skt_play *play = play_of("", SKT_STEP("a", SKT_UNDO) SKT_STEP("b", ", pivot: true" RETRY)
                                            SKT_STEP("c", RETRY));
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *frozen_cancel(void)
{
    struct skt_play *play = pivot_play();
    ordered(play, SK_COMMAND_CANCEL);
    return play;
}
static struct skt_play *overtaken(void)
{
    struct skt_play *play = frozen_cancel();
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *overtaken_for_good(void)
{
    struct skt_play *play = overtaken();
    skt_answer(play, C, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *must_retry(void)
{
    struct skt_play *play = pivot_play();
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    for (int i = 0; i < 3; i++) {
        if (i > 0) skt_advance(play, 5000);
        skt_answer(play, C, SK_OUTCOME_RETRYABLE);
    }
    return play;
}
static struct skt_play *human(void)
{
    struct skt_play *play = pivot_play();
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, C, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *human_maybe(void)
{
    struct skt_play *play = pivot_play();
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, C, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 5000);
    skt_answer(play, C, SK_OUTCOME_FAILED);
    return play;
}
#define VERIFY \
    ", verify: { service: { name: shop, path: /v, method: GET } }, retry_policy: { type: no_retry }"
static struct skt_play *verify_law6(void)
{
    struct skt_play *play = play_of("", SKT_STEP("a", VERIFY SKT_UNDO));
    skt_answer(play, A, SK_OUTCOME_UNKNOWN);
    return play;
}
static struct skt_play *verifying(void)
{
    struct skt_play *play = verify_law6();
    skt_advance(play, 12000);
    return play;
}
static struct skt_play *verify_pause(void)
{
    struct skt_play *play = verifying();
    skt_reply(play, A, -1, SK_OPERATION_VERIFY, SK_OUTCOME_UNKNOWN, "http_500", "");
    return play;
}
static struct skt_play *awaited(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    ordered(play, SK_COMMAND_CANCEL);
    return play;
}
static struct skt_play *undoing(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, C, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *undo_pause(void)
{
    struct skt_play *play = undoing();
    undone(play, B, SK_OUTCOME_RETRYABLE);
    return play;
}
static struct skt_play *undo_last(void)
{
    struct skt_play *play = undoing();
    undone(play, B, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *undo_accepted(void)
{
    struct skt_play *play = undoing();
    undone(play, B, SK_OUTCOME_PENDING);
    return play;
}
static struct skt_play *sweep(void)
{
    struct skt_play *play = undo_pause();
    skt_advance(play, 1000);
    undone(play, B, SK_OUTCOME_UNKNOWN);
    undone(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *law6(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, B, SK_OUTCOME_UNKNOWN);
    ordered(play, SK_COMMAND_CANCEL);
    return play;
}
static struct skt_play *failed(void)
{
    struct skt_play *play = undoing();
    undone(play, B, SK_OUTCOME_FAILED);
    undone(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *suspended(void)
{
    struct skt_play *play = three();
    ordered(play, SK_COMMAND_SUSPEND);
    return play;
}
static struct skt_play *killer(void)
{
    struct skt_play *play = three();
    for (int i = 0; i < 6; i++) ordered(play, SK_COMMAND_RECOVER);
    return play;
}
static struct skt_play *completed(void)
{
    struct skt_play *play = three();
    for (uint32_t s = 0; s < 3; s++) skt_answer(play, s, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *compensated(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *cancelled(void)
{
    struct skt_play *play = awaited();
    skt_answer(play, B, SK_OUTCOME_FAILED);
    undone(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *cancelled_early(void)
{
    struct skt_play *play = slot();
    ordered(play, SK_COMMAND_CANCEL);
    return play;
}
static struct skt_play *no_slot(void)
{
    struct skt_play *play = slot();
    skt_advance(play, 30000);
    return play;
}
static struct skt_play *no_lock(void)
{
    struct skt_play *play = lock();
    skt_advance(play, 30000);
    return play;
}
static struct skt_play *residue(void)
{
    struct skt_play *play =
        play_of("",
                SKT_STEP("a", ", compensation: { type: automatic, on_failure: { action: ignore } }")
                    SKT_STEP("b", ""));
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, B, SK_OUTCOME_FAILED);
    undone(play, A, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *forced(void)
{
    struct skt_play *play = last_attempt();
    ordered(play, SK_COMMAND_FORCE_COMPLETE);
    return play;
}
static struct skt_play *async_after_end(void)
{
    struct skt_play *play = play_of("", SKT_STEP("a", ", async: true") SKT_STEP("b", ""));
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *hook_after_end(void)
{
    struct skt_play *play =
        play_of("",
                SKT_STEP("a", ", on_success: { actions: [ { service: { name: shop, path: /h } } "
                              "] }"));
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *stopping(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    play->rules.starts_nothing = true;
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *stopping_in_undo(void)
{
    struct skt_play *play = three();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    play->rules.starts_nothing = true;
    skt_answer(play, B, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *stopping_before_law6(void)
{
    struct skt_play *play =
        play_of("", SKT_STEP("a", SKT_UNDO) SKT_STEP("b", "") SKT_STEP("c", ""));
    ordered(play, SK_COMMAND_RECOVER);
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, B, SK_OUTCOME_SUCCEEDED);
    play->rules.starts_nothing = true;
    skt_answer(play, C, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *stopping_with_a_bad_list(void)
{
    struct skt_play *play =
        play_of(", recovery: forward",
                "  - { id: a, name: A, type: service, foreach: { items: '{{ .saga_id }}', var: "
                "it, action: { service: { name: shop, path: /a } } } }\n");
    play->rules.starts_nothing = true;
    ordered(play, SK_COMMAND_RESUME);
    return play;
}
static struct skt_play *decided_by_a_function(void)
{
    return play_of("", SKT_STEP("a", ", retry_policy: { type: fixed_delay, max_attempts: 3, "
                                     "initial_delay: 5s, decide: ask-again }"));
}
static struct skt_play *two_at_once(void)
{
    struct skt_play *play =
        play_of(", order: graph", SKT_STEP("a", RETRY) SKT_STEP("b", RETRY) SKT_STEP("c", RETRY));
    skt_answer(play, B, SK_OUTCOME_RETRYABLE);
    return play;
}
/* 120 items at once, of which the one before the last pauses. */
static struct skt_play *items(void)
{
    static char input[1024] = "{\"list\":[0";
    for (int i = 1; i < 120 && strlen(input) < 1000; i++) strcat(input, ",7");
    strcat(input, "]}");
    struct sk_start start = { .id = SK_STR("s"), .input = sk_str_of(input) };
    struct skt_play *play = skt_play_new(
        skt_plan_of("", "  - { id: tell, name: T, type: service, foreach: { items: '{{ .input.list "
                        "}}', var: x, parallel: 120, action: { service: { name: shop, path: /t } } "
                        "} }\n"),
        &start);
    ordered(play, SK_COMMAND_ADMIT);
    skt_reply(play, 0, 118, SK_OPERATION_ACTION, SK_OUTCOME_RETRYABLE, "busy", "");
    return play;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct skt_play *(*make)(void);
    const char *waits_for, *sentence;
} rows[] = {
#define ROW(make, kind, sentence)   \
    {                               \
#make, make, kind, sentence \
    }
    ROW(slot, "slot",
        "The saga is accepted and waits for a free slot; if none is free by "
        "2026-01-01T00:00:30.000Z (in 30s), the saga ends timed_out."),
    ROW(slot_for_ever, "slot",
        "The saga is accepted and waits for a free slot, without a time limit."),
    ROW(lock, "lock",
        "The saga waits for the lock key account:7; if it is not granted by "
        "2026-01-01T00:00:30.000Z (in 30s), the saga ends timed_out."),
    ROW(suspended_pending, "suspended",
        "The saga is suspended (operator) while pending: nothing new starts until a person "
        "resumes it; beneath it 1 thing more is awaited."),
    ROW(in_flight, "reply",
        "Attempt 1 of 3 of step a is on the wire; if no answer has come by "
        "2026-01-01T00:00:10.000Z (in 10s), attempt 2 follows after a pause."),
    ROW(last_attempt, "reply",
        "Attempt 3 of 3 of step b is on the wire; if no answer has come by "
        "2026-01-01T00:00:20.000Z (in 10s), the step fails as one that may have happened and "
        "the saga is undone, step b first."),
    ROW(backoff, "backoff",
        "Step a pauses after attempt 1 of 3 (code) until 2026-01-01T00:00:05.000Z (in 3s); "
        "then attempt 2 starts."),
    ROW(maybe_again, "reply",
        "Attempt 2 of 3 of step a is on the wire (an earlier one may have happened); if no "
        "answer has come by 2026-01-01T00:00:15.000Z (in 10s), attempt 3 follows after a "
        "pause."),
    ROW(step_limit, "backoff",
        "Step a pauses after attempt 1 of 3 (code) until 2026-01-01T00:00:04.000Z (in 4s); "
        "then the step fails and the saga, with nothing to undo, ends compensated."),
    ROW(pending_answer, "answer",
        "Step a was accepted by its participant, whose answer is awaited; if no answer has "
        "come by 2026-01-01T01:00:00.000Z (in 1h), attempt 2 follows after a pause."),
    ROW(pending_for_ever, "answer",
        "Step a was accepted by its participant, whose answer is awaited, without a time "
        "limit."),
    ROW(saga_timeout, "answer",
        "Step b was accepted by its participant, whose answer is awaited; the saga's "
        "time-out is 2026-01-01T00:01:00.000Z (in 1m): then the saga is undone, step b first."),
    ROW(timer, "timer",
        "Step cool waits for its time until 2026-01-01T01:00:00.000Z (in 1h); then the step "
        "is done and step a starts."),
    ROW(signal_limit, "signal",
        "Step ok waits for the signal approved; if it has not come by "
        "2026-01-02T00:00:00.000Z (in 24h), the step fails and the saga is undone, step a "
        "first."),
    ROW(signal_for_ever, "signal", "Step ok waits for the signal approved, without a time limit."),
    ROW(polling, "reply",
        "A poll of step seen is on the wire; if no answer has come by "
        "2026-01-01T00:00:10.000Z (in 10s), it is polled again after the interval."),
    ROW(poll_pause, "poll",
        "Step seen pauses between two polls until 2026-01-01T00:00:30.000Z (in 30s); then it "
        "is polled again."),
    ROW(child_waits, "child", "Step ship waits for the end of its child saga s.ship."),
    ROW(child_cancelled, "child",
        "The saga is being undone because it was cancelled; step ship waits for the end of "
        "its child saga s.ship."),
    ROW(pivot_play, "reply",
        "Attempt 1 of 3 of step b is on the wire; if no answer has come by "
        "2026-01-01T00:00:10.000Z (in 10s), attempt 2 follows after a pause."),
    ROW(frozen_cancel, "reply",
        "The cancel is recorded and decided once the pivot is settled; attempt 1 of 3 of "
        "step b is on the wire; if no answer has come by 2026-01-01T00:00:10.000Z (in 10s), "
        "attempt 2 follows after a pause."),
    ROW(overtaken, "reply",
        "The cancel was overtaken by the pivot, which succeeded; attempt 1 of step c is on "
        "the wire; if no answer has come by 2026-01-01T00:00:10.000Z (in 10s), attempt 2 "
        "follows after a pause."),
    ROW(overtaken_for_good, "ended",
        "The cancel was overtaken by the pivot, which succeeded; the saga has "
        "completed."),
    ROW(must_retry, "backoff",
        "Step c, which is tried until it is settled, pauses after attempt 3 (code) until "
        "2026-01-01T00:00:15.000Z (in 5s); then attempt 4 starts."),
    ROW(human, "human",
        "Step c must succeed and was refused (code): a person must retry it, with another "
        "input if need be, or skip it; the saga's time-out is 2026-01-01T00:05:00.000Z (in "
        "5m): then a warning is raised, nothing else."),
    ROW(human_maybe, "human",
        "Step c must succeed and was refused (code): a person must retry it (it may have "
        "happened, so it keeps its input) or skip it; the saga's time-out is "
        "2026-01-01T00:05:00.000Z (in 4m55s): then a warning is raised, nothing else."),
    ROW(verify_law6, "unanswered",
        "An attempt of step a is unanswered and may still arrive, so its participant is left "
        "unasked until 2026-01-01T00:00:12.000Z (in 12s); then the participant is asked "
        "whether it happened."),
    ROW(verifying, "reply",
        "The participant is asked whether step a happened; if no answer has come by "
        "2026-01-01T00:00:22.000Z (in 10s), the participant is asked again after a pause."),
    ROW(verify_pause, "backoff",
        "Whether step a happened is not known (code); its participant is left unasked until "
        "2026-01-01T00:00:17.000Z (in 5s); then the participant is asked whether it happened."),
    ROW(awaited, "reply",
        "The saga is being undone because it was cancelled; attempt 1 of 3 of step b is on "
        "the wire; if no answer has come by 2026-01-01T00:00:10.000Z (in 10s), the step "
        "fails as one that may have happened."),
    ROW(undoing, "reply",
        "The saga is being undone because step c failed (code); attempt 1 of 2 of undoing "
        "step b is on the wire; if no answer has come by 2026-01-01T00:00:10.000Z (in 10s), "
        "attempt 2 follows after a pause; once it is undone, step a is undone."),
    ROW(undo_pause, "backoff",
        "The saga is being undone because step c failed (code); undoing step b pauses after "
        "attempt 1 of 2 (busy) until 2026-01-01T00:00:01.000Z (in 1s); then attempt 2 of the "
        "undo starts."),
    ROW(undo_last, "reply",
        "The saga is being undone because step c failed (code); attempt 1 of 5 of undoing "
        "step a is on the wire; if no answer has come by 2026-01-01T00:00:10.000Z (in 10s), "
        "attempt 2 follows after a pause; once it is undone, the saga ends compensated."),
    ROW(undo_accepted, "answer",
        "The saga is being undone because step c failed (code); undoing step b was accepted "
        "by its participant, whose answer is awaited, without a time limit; once it is "
        "undone, step a is undone."),
    ROW(sweep, "sweep",
        "The saga is being undone because step c failed (code); undoing step b has used up "
        "its attempts (busy) and waits for the recovery sweep until 2026-01-01T00:00:31.000Z "
        "(in 30s); then attempt 3 of the undo starts."),
    ROW(law6, "unanswered",
        "The saga is being undone because it was cancelled; an attempt of step b is "
        "unanswered and may still arrive, so it is left as it is until "
        "2026-01-01T00:00:12.000Z (in 12s); then it is undone."),
    ROW(failed, "ended",
        "The saga ended failed while it was undone because step c failed (code); undoing "
        "failed for: b; a person must retry it or complete it by force."),
    ROW(suspended, "suspended",
        "The saga is suspended (operator) while running: nothing new starts until a person "
        "resumes it; beneath it 1 thing more is awaited."),
    ROW(killer, "suspended",
        "The saga is suspended (redriven_too_often) while running: nothing new starts until "
        "a person resumes it; beneath it 1 thing more is awaited."),
    ROW(completed, "ended", "The saga has completed."),
    ROW(compensated, "ended",
        "The saga ended compensated because step a failed (code); what was to be undone is "
        "undone."),
    ROW(cancelled, "ended", "The saga was cancelled; what was to be undone is undone."),
    ROW(cancelled_early, "ended", "The saga was cancelled, before anything was done."),
    ROW(no_slot, "ended",
        "The saga ended timed_out because no slot became free in time, before anything was "
        "done."),
    ROW(no_lock, "ended",
        "The saga ended timed_out because its lock keys were not granted in time, before "
        "anything was done."),
    ROW(residue, "ended",
        "The saga ended compensated because step b failed (code); what was to be undone is "
        "undone; left standing: a."),
    ROW(forced, "ended", "The saga was completed by force; done: a; still in flight then: b."),
    ROW(async_after_end, "reply",
        "The saga has completed; still open: attempt 1 of 4 of step a is on the wire; if no "
        "answer has come by 2026-01-01T00:00:10.000Z (in 10s), attempt 2 follows after a "
        "pause."),
    ROW(hook_after_end, "ended", "The saga has completed; hooks that have not ended: 1."),
    ROW(decided_by_a_function, "reply",
        "Attempt 1 of 3 of step a is on the wire; if no answer has come by "
        "2026-01-01T00:00:10.000Z (in 10s), the function ask-again decides whether attempt 2 "
        "follows."),
    ROW(stopping, "nothing",
        "The saga waits for nothing but its server, which is stopping or starting; then step "
        "c starts."),
    ROW(stopping_in_undo, "nothing",
        "The saga is being undone because step b failed (code); the saga waits for nothing "
        "but its server, which is stopping or starting; then step a is undone."),
    ROW(stopping_before_law6, "nothing",
        "The saga is being undone because step c failed (code); the saga waits for nothing "
        "but its server, which is stopping or starting; then step b is passed over."),
    ROW(stopping_with_a_bad_list, "nothing",
        "The saga waits for nothing but its server, which is stopping or starting; then the "
        "saga is suspended (bad_items)."),
    ROW(two_at_once, "backoff",
        "Step b pauses after attempt 1 of 3 (code) until 2026-01-01T00:00:05.000Z (in 5s); "
        "then attempt 2 starts; beside it 2 things more are awaited."),
#undef ROW
};
enum { ROWS_COUNT = sizeof rows / sizeof rows[0] };

static void test_sentences(void **state)
{
    (void)state;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < ROWS_COUNT; i++) {
        struct skt_play *play = rows[i].make();
        struct sk_explanation e;
        assert_true(sk_saga_explain(&play->saga, play->now_ms, &play->rules, &e));
        bool ok = sk_str_is(e.sentence, rows[i].sentence) &&
                  strcmp(sk_explain_kind_name(e.kind), rows[i].waits_for) == 0;
        if (!ok)
            print_error("%s: %s\n    \"%.*s\"\n", rows[i].name, sk_explain_kind_name(e.kind),
                        SK_STR_ARGS(e.sentence));
        wrong += !ok;
        sk_explanation_release(&e);
        skt_play_free(play);
    }
    assert_int_equal(wrong, 0);
}

static void test_list(void **state)
{
    (void)state;
    struct skt_play *play = items();
    struct sk_explanation e;
    assert_true(sk_saga_explain(&play->saga, play->now_ms, &play->rules, &e));
    assert_int_equal(e.entries_total, 120);
    assert_int_equal(e.entries_count, SK_EXPLAIN_ENTRIES_MAX);
    assert_int_equal(e.kind, SK_EXPLAIN_BACKOFF);
    assert_int_equal(e.entries[e.main].item, 118); /* kept though the list was full */
    assert_true(e.entries[e.main].then.size > 0);
    assert_int_equal(e.entries[0].item, 0);
    assert_true(e.entries[0].then.size == 0);
    sk_explanation_release(&e);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
