/*
 * test_monkey.c: random lives. Any command at any time, any answer to any call: nothing breaks an
 * assertion, a refused command changes nothing, replay is live, an active saga always has something
 * to come (law 11), and once everything is answered kindly it ends.
 */
#include "play.h"

#include "core/explain.h"
#include "core/preview.h"

enum { SEEDS = 400, STEPS = 120, CALM_STEPS = 3000 };

/* ---- definitions ----------------------------------------------------------------------------- */

#define UNDO3                                                                                 \
    ", compensation: { type: automatic, retry_policy: { type: fixed_delay, max_attempts: 2, " \
    "initial_delay: 1s } }"
#define VERIFY ", verify: { service: { name: shop, path: /v } }"
#define RETRY2 \
    ", timeout: 3s, retry_policy: { type: fixed_delay, max_attempts: 2, initial_delay: 1s }"
#define ONCE ", timeout: 3s, retry_policy: { type: no_retry }"

static const struct {
    const char *keys, *steps;
} definitions[] = {
    { ", timeout: 30s",
      SKT_STEP("a", RETRY2 UNDO3) SKT_STEP("b", RETRY2 VERIFY) SKT_STEP("c", ONCE VERIFY UNDO3)
          SKT_STEP("d", ONCE) SKT_STEP("z", RETRY2) },
    { ", timeout: 30s",
      SKT_STEP("a", RETRY2 UNDO3) SKT_STEP("p", ", pivot: true" RETRY2 VERIFY UNDO3) SKT_STEP(
          "y",
          RETRY2 UNDO3) "  - { id: w, name: W, type: wait, wait: { signal: go, timeout: 9s } }\n"
                        "  - { id: c, name: C, type: saga, action: { saga: { "
                        "definition: leaf } } }\n" },
    { ", recovery: forward, timeout: 30s",
      SKT_STEP("a", RETRY2 UNDO3) "  - { id: e, name: E, type: service" RETRY2
                                  ", foreach: { items: \"{{ .input.list }}\", "
                                  "var: it, parallel: 2, action: { service: { name: shop, "
                                  "path: /e } }, compensation: { "
                                  "type: automatic } } }\n"
                                  "  - { id: q, name: Q, type: wait, wait: { poll: { "
                                  "action: { service: { name: shop, path: "
                                  "/q } }, interval: 1s, until: \"$response.ok\", fail_if: "
                                  "\"$response.no\", timeout: 9s } "
                                  "} }\n" },
    { ", timeout: 30s",
      "  - { id: c, name: C, type: saga, action: { saga: { definition: leaf } } }\n"
      "  - { id: e, name: E, type: service" RETRY2 VERIFY
      ", foreach: { items: \"{{ .input.list }}\", var: it, parallel: 2, action: { service: { name: "
      "shop, path: /e } }, compensation: { type: automatic, on_failure: { action: retry, "
      "retry_policy: { type: fixed_delay, max_attempts: 2, initial_delay: 1s } } } } }\n"
      "  - { id: m, name: M, type: service, async: true" RETRY2
      ", dependencies: [c], action: { service: { name: shop, path: /m } }, compensation: { type: "
      "automatic } }\n"
      "  - { id: k, name: K, type: service, continue_on_error: true, pending_timeout: 5s" RETRY2
      ", action: { service: { name: shop, path: /k } }, compensation: { type: automatic, when: "
      "completed } }\n"
      "  - { id: n, name: N, type: wait, wait: { for: 4s } }\n" SKT_STEP("z", ONCE) },
    { ", order: graph, timeout: 30s",
      SKT_STEP("a", RETRY2 UNDO3) SKT_STEP("b", ", step_timeout: 5s" RETRY2 UNDO3)
          SKT_STEP("c", ", dependencies: [a, b]" RETRY2 VERIFY)
              SKT_STEP("d", ", dependencies: [a]" RETRY2
                            ", compensation: { type: automatic, strategy: best_effort }") },
    { NULL, /* a whole definition: parallel undo, a pivot over items, children by item */
      "saga: { id: t, name: T, timeout: 30s }\n"
      "services: { shop: { endpoint: \"http://shop\" } }\n"
      "global_compensation: { strategy: parallel, max_attempts: 2 }\n"
      "steps:\n" SKT_STEP("a", RETRY2 UNDO3) SKT_STEP("b", RETRY2 VERIFY UNDO3)
          SKT_STEP("c", ", dependencies: [a]" RETRY2 UNDO3) SKT_STEP(
              "d",
              ", dependencies: [a, b]" ONCE
                  VERIFY) "  - { id: e, name: E, type: service, dependencies: [c]" RETRY2
                          ", foreach: { items: \"{{ .input.list }}\", var: "
                          "it, parallel: 3, action: { service: { name: "
                          "shop, path: /e } }, compensation: { type: automatic } } }\n" SKT_STEP(
                              "f", ", dependencies: [d, e], idempotent: true" RETRY2 UNDO3) },
    { NULL,
      "saga: { id: t, name: T, timeout: 30s, order: sequential }\n"
      "services: { shop: { endpoint: \"http://shop\" } }\n"
      "global_compensation: { strategy: best_effort, max_attempts: 2 }\n"
      "steps:\n" SKT_STEP(
          "a",
          RETRY2
              UNDO3) "  - { id: p, name: P, type: service, pivot: true" RETRY2
                     ", foreach: { items: \"{{ .input.list }}\", var: it, "
                     "parallel: 2, action: { service: { name: "
                     "shop, path: /p } }, compensation: { type: automatic } } }\n"
                     "  - { id: m, name: M, type: service, async: true" RETRY2
                     ", foreach: { items: \"{{ .input.list }}\", var: it, "
                     "action: { service: { name: shop, path: "
                     "/m } }, compensation: { type: skip } } }\n"
                     "  - { id: c, name: C, type: saga, action: { saga: { "
                     "definition: leaf } }, compensation: { "
                     "type: custom, action: { service: { name: shop, path: /u } } } }\n" SKT_STEP(
                         "z", RETRY2) },
};
enum { DEFINITIONS = sizeof definitions / sizeof definitions[0] };

/* ---- chance ---------------------------------------------------------------------------------- */

/* What a failure prints: the one command that replays it. */
#define REPLAY "replay: SKT_SEED=%d unit_core_monkey"

static uint64_t seed_now;

/* Instead of the one of tests/support: names the seed. */
_Noreturn void sk_panic(const char *condition, const char *file, int line)
{
    print_error("%s:%d: broken invariant: %s; " REPLAY "\n", file, line, condition, (int)seed_now);
    abort();
}

struct monkey {
    struct skt_play *play;
    uint64_t state;
    uint64_t refused, decided;
};

static uint32_t below(struct monkey *m, uint32_t bound)
{
    m->state ^= m->state << 13;
    m->state ^= m->state >> 7;
    m->state ^= m->state << 17;
    return (uint32_t)((m->state >> 20) % bound);
}

struct choice {
    struct sk_effect effects[64];
    uint32_t count;
};

static void collect(void *context, const struct sk_effect *effect)
{
    struct choice *c = context;
    if (c->count < 64) c->effects[c->count++] = *effect;
}

/* ---- what a monkey does ---------------------------------------------------------------------- */

/* Asked at any time, it says what the saga waits for. */
static void explain(struct monkey *m)
{
    const struct sk_saga *saga = &m->play->saga;
    struct sk_explanation e;
    uint64_t seq = saga->seq;
    assert_true(sk_saga_explain(saga, m->play->now_ms, &m->play->rules, &e));
    assert_true(e.sentence.size > 0 && saga->seq == seq);
    bool has_ended = sk_saga_state_is_end(saga->state);
    if (!has_ended && (e.kind == SK_EXPLAIN_NOTHING || e.kind == SK_EXPLAIN_ENDED))
        fail_msg("not explained: %.*s; " REPLAY, SK_STR_ARGS(e.sentence), (int)seed_now);
    sk_explanation_release(&e);
}

/* A cancel does what its preview said: refused with the same words, or accepted. */
static void foresee(struct monkey *m, const struct sk_command *command, struct sk_preview *out)
{
    const struct sk_saga *saga = &m->play->saga;
    uint64_t seq = saga->seq;
    assert_true(sk_saga_preview(saga, command->kind, command->is_past_pivot_allowed,
                                m->play->now_ms, &m->play->rules, out));
    assert_true(saga->seq == seq && !out->is_cut);
    /* with nothing going wrong, all of it ends */
    bool is_driven = out->status == SKALD_OK && !out->is_pending;
    if (is_driven && !sk_saga_state_is_end(out->end))
        fail_msg("the preview stops at %s; " REPLAY, sk_saga_state_name(out->end), (int)seed_now);
}

static void act(struct monkey *m, struct sk_command command)
{
    uint64_t seq = m->play->saga.seq;
    struct sk_preview preview = { .status = SKALD_OK };
    bool is_cancel = command.kind == SK_COMMAND_CANCEL || command.kind == SK_COMMAND_FORCE_CANCEL;
    command.entropy = m->state;
    if (is_cancel) foresee(m, &command, &preview);
    enum skald_status status = skt_do(m->play, command);
    if (is_cancel && status != preview.status)
        fail_msg("the preview said %s; " REPLAY, preview.error.message, (int)seed_now);
    if (is_cancel && status != SKALD_OK)
        assert_string_equal(preview.error.message, m->play->error.message);
    if (is_cancel) sk_preview_release(&preview);
    if (m->decided % 4 == 0) explain(m);
    assert_int_not_equal(status, SKALD_E_MEMORY);
    if (status != SKALD_OK) assert_true(m->play->saga.seq == seq);
    m->refused += status != SKALD_OK;
    m->decided += status == SKALD_OK;
}

static struct sk_outcome some_outcome(struct monkey *m)
{
    static const struct sk_str outputs[] = { { "{\"ok\":true}", 11 },
                                             { "{\"no\":true}", 11 },
                                             { "{\"happened\":true}", 17 },
                                             { "{\"happened\":false}", 18 },
                                             { NULL, 0 } };
    enum sk_outcome_class class_ = (enum sk_outcome_class)below(m, 5);
    if (below(m, 3) == 0) class_ = SK_OUTCOME_SUCCEEDED;
    struct sk_outcome outcome = { .class_ = class_,
                                  .is_answered = class_ <= SK_OUTCOME_FAILED,
                                  .status = below(m, 2) == 0 ? 402 : 503 };
    if (class_ == SK_OUTCOME_SUCCEEDED)
        outcome.output = outputs[below(m, 5)];
    else if (class_ != SK_OUTCOME_PENDING)
        outcome.code = SK_STR("code");
    return outcome;
}

static void reply(struct monkey *m, const struct sk_effect *effect,
                  const struct sk_outcome *outcome)
{
    struct sk_command command = skt_command(SK_COMMAND_OUTCOME);
    command.step = effect->step;
    command.item = effect->item;
    command.operation = effect->operation;
    command.attempt = effect->attempt;
    command.round = effect->round;
    command.start_seq = effect->start_seq;
    command.outcome = outcome;
    bool answers_later =
        effect->operation == SK_OPERATION_ACTION || effect->operation == SK_OPERATION_COMPENSATION;
    struct sk_outcome plain = { .class_ = SK_OUTCOME_UNKNOWN, .code = SK_STR("lost") };
    if (outcome->class_ == SK_OUTCOME_PENDING && !answers_later) command.outcome = &plain;
    act(m, command);
}

static void reply_some(struct monkey *m)
{
    struct choice c = { .count = 0 };
    sk_saga_react(&m->play->saga, 0, UINT64_MAX, collect, &c);
    if (c.count == 0) return;
    struct sk_outcome outcome = some_outcome(m);
    reply(m, &c.effects[below(m, c.count)], &outcome);
}

static void some_unit(struct monkey *m, uint32_t *out_step, int32_t *out_item)
{
    *out_step = below(m, m->play->plan->steps_count);
    bool is_foreach = sk_step_is_foreach(&m->play->plan->steps[*out_step]);
    *out_item = is_foreach ? (int32_t)below(m, 4) - 1 : -1;
}

static void stray_answer(struct monkey *m)
{
    struct sk_outcome outcome = some_outcome(m);
    struct sk_command command =
        skt_command(below(m, 2) == 0 ? SK_COMMAND_OUTCOME : SK_COMMAND_COMPLETE);
    some_unit(m, &command.step, &command.item);
    command.operation = (enum sk_operation)below(m, 5);
    command.attempt = below(m, 3);
    command.round = below(m, 5) == 0;
    command.start_seq = below(m, 40);
    bool can_pend = command.kind == SK_COMMAND_COMPLETE;
    if (can_pend && outcome.class_ > SK_OUTCOME_FAILED) outcome.class_ = SK_OUTCOME_FAILED;
    command.outcome = &outcome;
    act(m, command);
}

static void operate(struct monkey *m)
{
    struct sk_command command = skt_command((enum sk_command_kind)(
        SK_COMMAND_CANCEL + below(m, SK_COMMANDS_COUNT - SK_COMMAND_CANCEL)));
    bool takes_step = command.kind == SK_COMMAND_RETRY || command.kind == SK_COMMAND_SKIP_STEP;
    if (takes_step && below(m, 3) > 0) some_unit(m, &command.step, &command.item);
    if (takes_step && below(m, 3) == 0) command.body = SK_STR("{\"edited\":1}");
    command.is_past_pivot_allowed = below(m, 3) == 0;
    bool is_rash = command.kind != SK_COMMAND_RETRY && command.kind != SK_COMMAND_RESUME;
    if (is_rash && below(m, 4) > 0) return; /* rarely, or no saga would live long */
    act(m, command);
}

static void child_ends(struct monkey *m, enum sk_saga_state state)
{
    const struct sk_saga *saga = &m->play->saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        if (saga->plan->steps[s].kind != SK_KIND_SAGA) continue;
        struct sk_buf body;
        sk_buf_init(&body, 0);
        sk_put_u64(&body, (uint64_t)state);
        sk_put_u64(&body, s);
        sk_put_i64(&body, -1);
        sk_put_u64(&body, saga->steps[s].units[0].action.round);
        sk_put_str(&body, SK_STR("1"));
        sk_put_str(&body, SK_STR(""));
        sk_put_str(&body, SK_STR(""));
        struct sk_message message = { .kind = SK_MESSAGE_CHILD_ENDED, .body = sk_buf_view(&body) };
        struct sk_command command = skt_command(SK_COMMAND_MESSAGE);
        command.message = &message;
        act(m, command);
        sk_buf_release(&body);
    }
}

static void crash(struct monkey *m)
{
    struct sk_saga folded;
    skt_refold(m->play, &folded); /* judges: replay is live */
    sk_saga_release(&m->play->saga);
    m->play->saga = folded;
    act(m, skt_command(SK_COMMAND_RECOVER));
}

static void wait_some(struct monkey *m)
{
    int64_t at = sk_saga_wake_at(&m->play->saga);
    int64_t step = below(m, 3000);
    if (at != INT64_MAX && below(m, 2) == 0 && at > m->play->now_ms) step = at - m->play->now_ms;
    m->play->now_ms += step;
    act(m, skt_command(SK_COMMAND_WAKE));
}

static void tell(struct monkey *m, enum sk_message_kind kind)
{
    struct sk_message message = { .kind = kind, .body = SK_STR("k") };
    struct sk_command command = skt_command(SK_COMMAND_MESSAGE);
    command.message = &message;
    act(m, command);
}

static void send_signal(struct monkey *m)
{
    char id[24];
    snprintf(id, sizeof id, "%u", below(m, 1000000));
    struct sk_command command = skt_command(SK_COMMAND_SIGNAL);
    command.name = SK_STR("go");
    command.id = sk_str_of(id);
    act(m, command);
}

static void step(struct monkey *m)
{
    switch (below(m, 12)) {
    case 0: operate(m); break;
    case 1: stray_answer(m); break;
    case 2: child_ends(m, (enum sk_saga_state)(1 + below(m, 9))); break;
    case 3: crash(m); break;
    case 4: send_signal(m); break;
    case 5: tell(m, SK_MESSAGE_LOCK_GRANTED); break;
    case 6:
        if (below(m, 20) == 0) tell(m, SK_MESSAGE_CHILD_CANCEL);
        if (below(m, 20) == 0) tell(m, SK_MESSAGE_CHILD_COMPENSATE);
        break;
    case 7:
    case 8: wait_some(m); break;
    default: reply_some(m); break;
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool waits_for_somebody(const struct sk_saga *saga)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            enum sk_wait_for what[] = { unit->action.what, unit->undo.what };
            for (int k = 0; k < 2; k++)
                if (what[k] == SK_FOR_ANSWER || what[k] == SK_FOR_SIGNAL ||
                    what[k] == SK_FOR_CHILD || what[k] == SK_FOR_HUMAN)
                    return true;
        }
    }
    return false;
}

static void print_history(const struct skt_play *play)
{
    for (uint32_t i = 0; i < play->events_count; i++) {
        const struct sk_event *e = &play->events[i];
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_event_json(e, &text);
        print_error("%4u %+6d %s %d.%d a%u r%u %s\n", (unsigned)e->seq,
                    (int)(e->at_ms - (int64_t)SKT_NOW_MS), sk_event_type_name(e->type),
                    e->step == SK_STEP_NONE ? -1 : (int)e->step, (int)e->item, e->attempt, e->round,
                    sk_buf_text(&text));
        sk_buf_release(&text);
    }
}

/* Law 11. */
static void judge(const struct monkey *m, uint64_t seed)
{
    const struct sk_saga *saga = &m->play->saga;
    bool is_active =
        saga->state == SK_SAGA_RUNNING || saga->state == SK_SAGA_COMPENSATING ||
        (sk_saga_state_is_end(saga->state) && sk_saga_open(saga) > 0 && !saga->retry_after_locks);
    if (!is_active || saga->is_suspended) return;
    if (sk_saga_is_flying(saga) || sk_saga_wake_at(saga) != INT64_MAX || waits_for_somebody(saga))
        return;
    print_history(m->play);
    fail_msg(REPLAY ": the saga is %s and nothing is to come", (int)seed,
             sk_saga_state_name(saga->state));
}

static void complete_all(struct monkey *m, const struct sk_outcome *outcome)
{
    const struct sk_saga *saga = &m->play->saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            bool is_undo = unit->undo.what == SK_FOR_ANSWER;
            if (!is_undo && unit->action.what != SK_FOR_ANSWER) continue;
            const struct sk_call *call = is_undo ? &unit->undo : &unit->action;
            struct sk_command command = skt_command(SK_COMMAND_COMPLETE);
            command.step = s;
            command.item = sk_item_of(&saga->plan->steps[s], i);
            command.operation = is_undo ? SK_OPERATION_COMPENSATION : SK_OPERATION_ACTION;
            command.attempt = call->attempt;
            command.round = call->round;
            command.outcome = outcome;
            act(m, command);
        }
    }
}

/* The world is kind from now on. */
static void calm(struct monkey *m)
{
    struct sk_outcome yes = { .class_ = SK_OUTCOME_SUCCEEDED,
                              .output = SK_STR("{\"ok\":true,\"happened\":true}"),
                              .is_answered = true };
    for (int n = 0; n < CALM_STEPS; n++) {
        struct sk_saga *saga = &m->play->saga;
        if (saga->is_suspended) act(m, skt_command(SK_COMMAND_RESUME));
        if (saga->state == SK_SAGA_PENDING) act(m, skt_command(SK_COMMAND_ADMIT));
        tell(m, SK_MESSAGE_LOCK_GRANTED);
        if (sk_saga_is_over(saga)) return;
        struct choice c = { .count = 0 };
        sk_saga_react(saga, 0, UINT64_MAX, collect, &c);
        if (c.count > 0) {
            reply(m, &c.effects[0], &yes);
            continue;
        }
        complete_all(m, &yes);
        child_ends(m, saga->state == SK_SAGA_RUNNING || sk_saga_state_is_end(saga->state)
                          ? SK_SAGA_COMPLETED
                          : SK_SAGA_COMPENSATED);
        if (saga->state == SK_SAGA_RUNNING) send_signal(m);
        if (saga->state == SK_SAGA_RUNNING) act(m, skt_command(SK_COMMAND_RETRY));
        int64_t at = sk_saga_wake_at(saga);
        m->play->now_ms = at == INT64_MAX || at < m->play->now_ms ? m->play->now_ms + 1000 : at;
        act(m, skt_command(SK_COMMAND_WAKE));
    }
}

/* How many commands were decided. */
static uint64_t live(uint64_t seed)
{
    static const struct sk_str keys[] = { { "k", 1 } };
    seed_now = seed;
    struct monkey m = { .state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
    uint32_t which = (uint32_t)(seed % DEFINITIONS);
    struct sk_start start = { .id = SK_STR("s"),
                              .input = SK_STR("{\"list\":[1,2,3]}"),
                              .parent = below(&m, 2) == 0 ? SK_STR("up") : SK_STR(""),
                              .parent_item = -1,
                              .acquire_timeout_ms = 30000,
                              .lock_keys = keys,
                              .lock_keys_count = below(&m, 3) == 0 };
    struct sk_plan *plan = definitions[which].keys == NULL
                               ? skt_plan(definitions[which].steps)
                               : skt_plan_of(definitions[which].keys, definitions[which].steps);
    m.play = skt_play_new(plan, &start);
    if (below(&m, 10) > 0) act(&m, skt_command(SK_COMMAND_ADMIT));
    for (int n = 0; n < STEPS; n++) {
        step(&m);
        judge(&m, seed);
    }
    calm(&m);
    struct sk_saga *saga = &m.play->saga;
    if (!sk_saga_is_over(saga)) print_history(m.play);
    if (!sk_saga_is_over(saga))
        fail_msg(REPLAY ": %s, open %u, and does not end", (int)seed,
                 sk_saga_state_name(saga->state), sk_saga_open(saga));
    struct sk_saga folded;
    skt_refold(m.play, &folded);
    sk_saga_release(&folded);
    skt_play_free(m.play);
    return m.decided;
}

static void test_random_lives(void **state)
{
    (void)state;
    const char *one = getenv("SKT_SEED");
    uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10);
    uint64_t last = one == NULL ? SEEDS : first;
    const char *many = getenv("SKT_SEEDS");
    if (many != NULL) last = strtoull(many, NULL, 10);
    uint64_t decided = 0;
    for (uint64_t seed = first; seed <= last; seed++) decided += live(seed);
    assert_true(decided > (last - first + 1) * STEPS / 3); /* a test that cannot fail is a defect */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_lives) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
