/*
 * core.c: transitions of the pure core alone: decide (which folds what it emits) and react, on N
 * sagas that stand just before the transition. No loop, store or participant.
 *
 *     core CASE COUNT        prints {"count", "seconds", "events", "effects", "allocations"}
 *     core                   prints the cases
 *     core history           prints the history of a completed saga, for history.h
 *
 * All that is counted happens in measured() and what it calls: valgrind's --toggle-collect=measured
 * sees the instructions of the transitions and of nothing else.
 */
#include "clock.h"

#include "core/decide.h"
#include "dsl/dsl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP(id, source)                                                                           \
    "{\"id\":\"" id "\",\"name\":\"" id "\",\"type\":\"function\",\"action\":{\"function\":"       \
    "{\"name\":\"bench\",\"parameters\":{\"order\":\"{{ " source ".order }}\"}}},\"compensation\"" \
    ":{\"type\":\"custom\",\"action\":{\"function\":{\"name\":\"undo\",\"parameters\":{"           \
    "\"order\":\"{{ .output." id ".order }}\"}}}}}"

static const char definition[] =
    "{\"saga\":{\"id\":\"core\",\"name\":\"Core\",\"version\":\"1\",\"order\":\"sequential\"},"
    "\"steps\":[" STEP("one", ".input") "," STEP("two", ".output.one") "," STEP("three",
                                                                                ".output.two") "]}";
static const char input[] = "{\"order\":\"4711\",\"customer\":\"Ada\",\"amount\":299.99,"
                            "\"items\":[{\"item_id\":\"item1\",\"quantity\":2}]}";

enum { NOW_MS_STEP = 10 };
static const int64_t first_ms = INT64_C(1790000000000);

/* What happens to a saga; a digit is the step. */
struct core_case {
    const char *name, *title;
    const char *before; /* not measured */
    const char
        *measured; /* S start, Y yes, N no, R retryable, W wake, U undone, F fold of it all */
};

static const struct core_case cases[] = {
    { "start", "start", "", "S" },
    { "step", "step completed, the next one due", "S", "Y0" },
    { "retry", "attempt failed, to be repeated", "S", "R0" },
    { "again", "its pause is over, the next attempt due", "SR0", "W" },
    { "failure", "step failed, the first compensation due", "SY0Y1", "N2" },
    { "undo", "compensated, the next one due", "SY0Y1N2", "U1" },
    { "undone", "all undone: the end", "SY0Y1N2U1", "U0" },
    { "end", "last step completed: the end", "SY0Y1", "Y2" },
    { "saga", "a whole saga of three steps", "", "SY0Y1Y2" },
    { "fold", "a finished saga's nine events folded (recovery)", "SY0Y1Y2", "F" },
};

struct tally {
    uint64_t events, effects;
};

struct one {
    struct sk_saga saga;
    struct sk_event *history; /* for `fold`; its spans lie in data */
    struct sk_buf data;
    uint32_t history_count;
    int64_t now_ms;
    char id[40];
};

static const struct sk_rules rules = { .takeups_max = 3,
                                       .takeup_pause_ms = 30000,
                                       .verify_timeout_ms = 10000,
                                       .attempt_timeout_ms = 10000 };

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "core: %s\n", what);
    exit(1);
}

/* The allocator below everything pure, counted: linked with --wrap. */
static uint64_t allocations;
void *__real_sk_alloc(size_t size);
void *__real_sk_realloc(void *pointer, size_t size);
void *__wrap_sk_alloc(size_t size);
void *__wrap_sk_realloc(void *pointer, size_t size);

void *__wrap_sk_alloc(size_t size)
{
    allocations++;
    return __real_sk_alloc(size);
}

void *__wrap_sk_realloc(void *pointer, size_t size)
{
    allocations++;
    return __real_sk_realloc(pointer, size);
}

static void on_effect(void *context, const struct sk_effect *effect)
{
    (void)effect;
    ((struct tally *)context)->effects++;
}

static void decide(struct one *one, const struct sk_command *command, struct sk_decision *decision,
                   struct tally *tally)
{
    skald_error error = { .message = "" };
    uint64_t before = one->saga.seq;
    uint32_t events_before = decision->events_count;
    if (sk_saga_decide(&one->saga, command, one->now_ms, &rules, decision, &error) != SKALD_OK)
        fail(error.message);
    tally->events += decision->events_count - events_before;
    sk_saga_react(&one->saga, before, one->saga.seq, on_effect, tally);
}

static void start(struct one *one, struct sk_decision *decision, struct tally *tally)
{
    struct sk_start request = { .id = sk_str_of(one->id),
                                .input = SK_STR(input),
                                .definition = one->saga.plan->digest };
    struct sk_command command = {
        .kind = SK_COMMAND_START, .step = SK_STEP_NONE, .item = -1, .start = &request
    };
    decide(one, &command, decision, tally);
    command = (struct sk_command){ .kind = SK_COMMAND_ADMIT, .step = SK_STEP_NONE, .item = -1 };
    decide(one, &command, decision, tally);
}

static void answer(struct one *one, char op, uint32_t step, struct sk_decision *decision,
                   struct tally *tally)
{
    struct sk_unit *unit = &one->saga.steps[step].units[0];
    const struct sk_call *call = op == 'U' ? &unit->undo : &unit->action;
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_SUCCEEDED,
                                  .output = SK_STR("{\"order\":\"4711\"}"),
                                  .is_answered = true };
    if (op == 'N' || op == 'R') {
        outcome =
            (struct sk_outcome){ .class_ = op == 'N' ? SK_OUTCOME_FAILED : SK_OUTCOME_RETRYABLE,
                                 .code = SK_STR("out_of_stock"),
                                 .message = SK_STR("none left"),
                                 .is_answered = true };
    }
    struct sk_command command = {
        .kind = SK_COMMAND_OUTCOME,
        .step = step,
        .item = -1,
        .operation = op == 'U' ? SK_OPERATION_COMPENSATION : SK_OPERATION_ACTION,
        .attempt = call->attempt,
        .round = call->round,
        .start_seq = call->start_seq,
        .outcome = &outcome,
    };
    decide(one, &command, decision, tally);
}

/* The events so far, decoded again; then the saga is empty. */
static void keep_history(struct one *one, const struct sk_decision *decision)
{
    one->history = calloc(decision->events_count, sizeof *one->history);
    sk_buf_append(&one->data, decision->data.data, decision->data.size);
    if (one->history == NULL) fail("memory");
    for (uint32_t i = 0; i < decision->events_count; i++) {
        const struct sk_decided *decided = &decision->events[i];
        struct sk_str data = { (const char *)one->data.data + decided->data_offset,
                               decided->data_size };
        one->history[i] = decided->event;
        if (!sk_event_decode(data, &one->history[i])) fail("a decided event does not decode");
    }
    one->history_count = decision->events_count;
}

static void fold(struct one *one, struct tally *tally)
{
    for (uint32_t i = 0; i < one->history_count; i++) {
        if (sk_saga_evolve(&one->saga, &one->history[i]) != SKALD_OK) fail("evolve");
    }
    tally->events += one->history_count;
}

static void play(struct one *one, const char *ops, struct sk_decision *decision,
                 struct tally *tally)
{
    for (; ops[0] != 0; ops++) {
        one->now_ms += NOW_MS_STEP;
        if (ops[0] == 'S') {
            start(one, decision, tally);
        } else if (ops[0] == 'W') {
            struct sk_command wake = { .kind = SK_COMMAND_WAKE, .step = SK_STEP_NONE, .item = -1 };
            one->now_ms = sk_saga_wake_at(&one->saga);
            decide(one, &wake, decision, tally);
        } else if (ops[0] == 'F') {
            fold(one, tally);
        } else {
            answer(one, ops[0], (uint32_t)(ops[1] - '0'), decision, tally);
            ops++;
        }
    }
}

/* What valgrind counts. The decision is cleared for each saga, as a batch does. */
__attribute__((noinline)) void measured(struct one *all, uint32_t count, const char *ops,
                                        struct sk_decision *decision, struct tally *tally);
void measured(struct one *all, uint32_t count, const char *ops, struct sk_decision *decision,
              struct tally *tally)
{
    for (uint32_t i = 0; i < count; i++) {
        sk_decision_clear(decision);
        play(&all[i], ops, decision, tally);
    }
}

static struct sk_plan *make_plan(void)
{
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .file_name = SK_STR("core") };
    struct sk_plan *plan = NULL;
    sk_diagnostics_init(&diagnostics);
    if (sk_dsl_compile(SK_STR(definition), &options, &plan, NULL, &diagnostics) != SKALD_OK) {
        struct sk_buf text = { 0 };
        sk_diagnostics_print(&diagnostics, &text);
        fail(sk_buf_text(&text));
    }
    sk_diagnostics_release(&diagnostics);
    return plan;
}

static void prepare(struct one *one, uint32_t number, const struct core_case *one_case,
                    const struct sk_plan *plan, struct sk_decision *decision)
{
    struct tally ignored = { 0 };
    one->now_ms = first_ms;
    (void)snprintf(one->id, sizeof one->id, "01a1ffea-fb78-77fb-92cf-%012" PRIx32, number);
    if (!sk_saga_init(&one->saga, plan)) fail("memory");
    sk_decision_clear(decision);
    play(one, one_case->before, decision, &ignored);
    if (strcmp(one_case->measured, "F") == 0) {
        keep_history(one, decision);
        sk_saga_release(&one->saga);
        if (!sk_saga_init(&one->saga, plan)) fail("memory");
    }
}

static void run(const struct core_case *one_case, uint32_t count)
{
    struct sk_plan *plan = make_plan();
    struct one *all = calloc(count, sizeof *all);
    struct sk_decision decision;
    struct tally tally = { 0 };
    if (all == NULL) fail("memory");
    sk_decision_init(&decision);
    for (uint32_t i = 0; i < count; i++) prepare(&all[i], i, one_case, plan, &decision);
    uint64_t allocations_before = allocations;
    struct bench_clock begin = bench_clock_now();
    measured(all, count, one_case->measured, &decision, &tally);
    struct bench_clock end = bench_clock_now();
    (void)printf("{\"count\":%" PRIu32 ",\"seconds\":%.9f,\"events\":%" PRIu64
                 ",\"effects\":%" PRIu64 ",\"allocations\":%" PRIu64 "}\n",
                 count, end.cpu - begin.cpu, tally.events, tally.effects,
                 allocations - allocations_before);
    for (uint32_t i = 0; i < count; i++) {
        sk_saga_release(&all[i].saga);
        sk_buf_release(&all[i].data);
        free(all[i].history);
    }
    free(all);
    sk_decision_release(&decision);
    sk_plan_free(plan);
}

static void print_event(uint32_t transition, const struct sk_decision *decision, uint32_t number)
{
    const struct sk_decided *decided = &decision->events[number];
    const struct sk_event *event = &decided->event;
    (void)printf("%" PRIu32 " %d %" PRIu32 " %" PRId32 " %" PRIu32 " %" PRIu32 " ", transition,
                 (int)event->type, event->step, event->item, event->attempt, event->round);
    const uint8_t *data = (const uint8_t *)decision->data.data + decided->data_offset;
    for (size_t i = 0; i < decided->data_size; i++) (void)printf("%02x", data[i]);
    (void)printf(decided->data_size == 0 ? "-\n" : "\n");
}

/* A transition is what one commit of a saga alone holds. */
static void print_history(void)
{
    static const char *const transitions[] = { "S", "Y0", "Y1", "Y2" };
    struct sk_plan *plan = make_plan();
    struct one one = { .now_ms = first_ms, .id = "01a1ffea-fb78-77fb-92cf-000000000001" };
    struct sk_decision decision;
    struct tally tally = { 0 };
    if (!sk_saga_init(&one.saga, plan)) fail("memory");
    sk_decision_init(&decision);
    for (uint32_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
        sk_decision_clear(&decision);
        play(&one, transitions[i], &decision, &tally);
        for (uint32_t n = 0; n < decision.events_count; n++) print_event(i, &decision, n);
    }
    sk_saga_release(&one.saga);
    sk_decision_release(&decision);
    sk_plan_free(plan);
}

int main(int argc, char **argv)
{
    size_t cases_count = sizeof cases / sizeof cases[0];
    if (argc == 1) {
        for (size_t i = 0; i < cases_count; i++) {
            (void)printf("%s%s\"%s\":\"%s\"", i == 0 ? "{" : "", i == 0 ? "" : ",", cases[i].name,
                         cases[i].title);
        }
        (void)printf("}\n");
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "history") == 0) {
        print_history();
        return 0;
    }
    for (size_t i = 0; i < cases_count && argc == 3; i++) {
        if (strcmp(argv[1], cases[i].name) != 0) continue;
        run(&cases[i], (uint32_t)strtoul(argv[2], NULL, 10));
        return 0;
    }
    (void)fprintf(stderr, "usage: core [history | CASE COUNT]\n");
    return 2;
}
