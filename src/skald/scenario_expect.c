/* scenario_expect.c: the lines that begin with `expect`. What was expected and what happened stand
 * beside each other in the report. */
#include "skald/scenario_private.h"

#include "base/json.h"
#include "base/time.h"

#include <inttypes.h>

typedef bool expectation(struct scenario *s, const struct sk_script_line *line);

/* Both sides are said once and the line has failed. */
static bool differ(struct scenario *s, const char *what, struct sk_str expected,
                   struct sk_str actual)
{
    sk_buf_append_str(&s->expected, expected);
    sk_buf_append_str(&s->actual, actual);
    return scenario_fail(s, "%s", what);
}

static bool differ_number(struct scenario *s, const char *what, struct sk_str expected,
                          uint64_t actual)
{
    sk_buf_append_u64(&s->actual, actual);
    return differ(s, what, expected, (struct sk_str){ NULL, 0 });
}

static bool number_is(struct scenario *s, const struct sk_script_line *line, const char *name,
                      uint64_t actual)
{
    struct sk_str option = sk_script_option(line, name);
    uint64_t wanted = 0;
    if (option.size == 0) return true;
    if (!sk_str_to_u64(option, &wanted)) return scenario_wrong(s, "%s is a number", name);
    return wanted == actual || differ_number(s, name, option, actual);
}

/* ---- looking at a saga ----------------------------------------------------------------------- */

struct look {
    struct scenario *s;
    const struct sk_script_line *line;
    bool (*judge)(struct scenario *s, const struct sk_script_line *line,
                  const struct sk_saga *saga);
    bool ok;
};

static void on_look(void *context, const struct sk_saga *saga)
{
    struct look *look = context;
    look->ok = look->judge(look->s, look->line, saga);
}

static bool look_at(struct scenario *s, const struct sk_script_line *line,
                    bool (*judge)(struct scenario *s, const struct sk_script_line *line,
                                  const struct sk_saga *saga))
{
    struct look look = { .s = s, .line = line, .judge = judge };
    skald_error error;
    if (!scenario_needs_saga(s)) return false;
    if (sk_testkit_look(s->kit, s->current, on_look, &look, &error) != SKALD_OK)
        return scenario_fail(s, "saga %.*s: %s", SK_STR_ARGS(s->current), error.message);
    return look.ok;
}

/* ---- saga ------------------------------------------------------------------------------------ */

/* The state, its reason, and what it is waiting for. */
static void describe(const struct scenario *s, const struct sk_saga *saga, struct sk_buf *out)
{
    sk_buf_append_text(out, sk_saga_state_name(sk_saga_shown_state(saga)));
    if (saga->reason != SK_REASON_NONE)
        sk_buf_printf(out, " (reason: %s)", sk_reason_name(saga->reason));
    if (saga->error_code.size > 0) {
        sk_buf_printf(out, ", error %.*s", SK_STR_ARGS(saga->error_code));
        if (saga->error_step < saga->plan->steps_count)
            sk_buf_printf(out, " of step %.*s",
                          SK_STR_ARGS(saga->plan->steps[saga->error_step].id));
    }
    const struct sk_testkit_call *call = sk_testkit_unanswered(s->kit);
    if (call != NULL) {
        bool is_action = call->operation == SK_OPERATION_ACTION;
        sk_buf_printf(out, "; nobody answers %.*s%s%s: write `reply %.*s%s%s …` before",
                      SK_STR_ARGS(call->step), is_action ? "" : ".",
                      is_action ? "" : sk_testkit_operation_name(call->operation),
                      SK_STR_ARGS(call->step), is_action ? "" : ".",
                      is_action ? "" : sk_testkit_operation_name(call->operation));
    } else if (!sk_saga_is_over(saga)) {
        sk_buf_append_text(out, "; ");
        sk_testkit_explain(s->kit, saga, out);
    }
}

static bool judge_saga(struct scenario *s, const struct sk_script_line *line,
                       const struct sk_saga *saga)
{
    uint32_t at = line->count > 3 && sk_saga_state_of(line->words[3]) != 0 ? 3 : 2;
    struct sk_str wanted = line->words[at];
    struct sk_str reason = sk_script_option(line, "reason");
    struct sk_str error = sk_script_option(line, "error");
    bool is_state = sk_str_is(wanted, sk_saga_state_name(sk_saga_shown_state(saga)));
    bool is_reason = reason.size == 0 || sk_str_is(reason, sk_reason_name(saga->reason));
    bool is_error = error.size == 0 || sk_str_equal(error, saga->error_code);
    if (!is_state || !is_reason || !is_error) {
        for (uint32_t i = at; i < line->count; i++) {
            if (i > at) sk_buf_append_char(&s->expected, ' ');
            sk_buf_append_str(&s->expected, line->words[i]);
        }
        describe(s, saga, &s->actual);
        return scenario_fail(s, "saga %.*s is not as expected", SK_STR_ARGS(saga->start.id));
    }
    if (sk_script_has(line, "past-pivot") && !saga->is_past_pivot)
        return scenario_fail(s, "the saga is not past its pivot");
    return number_is(s, line, "residue", saga->residue_count) &&
           number_is(s, line, "open", sk_saga_open(saga)) &&
           number_is(s, line, "retries", saga->retries_count);
}

static bool judge_over(struct scenario *s, const struct sk_script_line *line,
                       const struct sk_saga *saga)
{
    (void)s;
    (void)line;
    return sk_saga_is_over(saga);
}

/* Where an end is expected, time runs on until the saga has ended or nothing moves any more. */
static bool run_to_end(struct scenario *s, const struct sk_script_line *line)
{
    const int64_t hour_ms = 3600 * 1000;
    for (int64_t hours = 0; hours < INT64_C(24) * 366; hours++) {
        int64_t until_ms = sk_testkit_now(s->kit) + hour_ms;
        do {
            bool is_over = look_at(s, line, judge_over);
            if (s->has_failed) return false;
            if (is_over || sk_testkit_rest(s->kit, 0)) return true;
        } while (sk_testkit_step(s->kit, until_ms));
    }
    return true;
}

/* saga [ID] STATE [reason=] [error=] [residue=] [open=] [retries=] [past-pivot] */
static bool expect_saga(struct scenario *s, const struct sk_script_line *line)
{
    bool has_id = line->count > 3 && sk_saga_state_of(line->words[3]) != 0;
    enum sk_saga_state wanted = sk_saga_state_of(line->words[has_id ? 3 : 2]);
    if (wanted == 0)
        return scenario_wrong(s, "expect saga ID STATE: a state is pending, running, completed, "
                                 "compensating, compensated, failed, cancelled, timed_out or "
                                 "suspended");
    if (has_id) s->current = sk_arena_copy(&s->arena, line->words[2]);
    if (sk_saga_state_is_end(wanted) && !run_to_end(s, line)) return false;
    return look_at(s, line, judge_saga);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void put_name(struct sk_buf *out, const struct sk_testkit_call *call, bool with_operation)
{
    if (out->size > 0) sk_buf_append_text(out, ", ");
    sk_buf_append_str(out, call->step);
    if (call->item >= 0) sk_buf_printf(out, ".%d", call->item);
    if (with_operation && call->operation != SK_OPERATION_ACTION)
        sk_buf_printf(out, ".%s", sk_testkit_operation_name(call->operation));
}

/* "a, b, c" and "a b c" are the same list; `none` is the empty one. */
static void put_wanted(struct sk_buf *out, const struct sk_script_line *line)
{
    for (uint32_t i = 2; i < line->count; i++) {
        struct sk_str word = line->words[i];
        while (word.size > 0) {
            size_t comma = sk_str_find(word, ',');
            struct sk_str name = sk_str_sub(word, 0, comma);
            word = sk_str_sub(word, comma + 1, word.size);
            if (name.size == 0 || (line->count == 3 && sk_str_is(name, "none"))) continue;
            if (out->size > 0) sk_buf_append_text(out, ", ");
            sk_buf_append_str(out, name);
        }
    }
}

static bool compare_lists(struct scenario *s, const char *what, const struct sk_script_line *line,
                          struct sk_buf *happened)
{
    struct sk_buf wanted;
    sk_buf_init(&wanted, 0);
    put_wanted(&wanted, line);
    bool ok = sk_str_equal(sk_buf_view(&wanted), sk_buf_view(happened));
    if (!ok) {
        (void)differ(s, what, wanted.size > 0 ? sk_buf_view(&wanted) : SK_STR("none"),
                     happened->size > 0 ? sk_buf_view(happened) : SK_STR("none"));
    }
    sk_buf_release(&wanted);
    sk_buf_release(happened);
    return ok;
}

/* The same attempt, repeated after a crash. */
static bool was_made_before(const struct scenario *s, uint32_t index)
{
    const struct sk_testkit_call *call = sk_testkit_call_at(s->kit, index);
    for (uint32_t i = 0; i < index; i++) {
        const struct sk_testkit_call *before = sk_testkit_call_at(s->kit, i);
        if (before->operation == call->operation && sk_str_equal(before->key, call->key))
            return true;
    }
    return false;
}

static bool expect_made(struct scenario *s, const struct sk_script_line *line,
                        enum sk_operation operation, const char *what)
{
    struct sk_buf happened;
    if (!scenario_needs_saga(s)) return false;
    sk_buf_init(&happened, 0);
    for (uint32_t i = 0; i < sk_testkit_calls_count(s->kit); i++) {
        const struct sk_testkit_call *call = sk_testkit_call_at(s->kit, i);
        bool is_first = call->attempt <= 1 && call->round == 0;
        if (call->operation != operation || !is_first || !sk_str_equal(call->saga, s->current) ||
            was_made_before(s, i))
            continue;
        put_name(&happened, call, false);
    }
    return compare_lists(s, what, line, &happened);
}

/* calls a, b, c: the actions in the order in which they were first called. */
static bool expect_calls(struct scenario *s, const struct sk_script_line *line)
{
    return expect_made(s, line, SK_OPERATION_ACTION, "other steps were called");
}

static bool expect_compensations(struct scenario *s, const struct sk_script_line *line)
{
    return expect_made(s, line, SK_OPERATION_COMPENSATION, "other steps were compensated");
}

/* wire a, b: what is on the wire now, in the order of departure. */
static bool expect_wire(struct scenario *s, const struct sk_script_line *line)
{
    struct sk_buf happened;
    if (!scenario_needs_saga(s)) return false;
    sk_buf_init(&happened, 0);
    for (uint32_t i = 0; i < sk_testkit_calls_count(s->kit); i++) {
        const struct sk_testkit_call *call = sk_testkit_call_at(s->kit, i);
        if (call->state == SK_TESTKIT_ON_WIRE && sk_str_equal(call->saga, s->current))
            put_name(&happened, call, true);
    }
    return compare_lists(s, "other calls are on the wire", line, &happened);
}

/* The last call of this name. */
static const struct sk_testkit_call *find_call(const struct scenario *s,
                                               const struct sk_script_call *name)
{
    for (uint32_t i = sk_testkit_calls_count(s->kit); i > 0; i--) {
        const struct sk_testkit_call *call = sk_testkit_call_at(s->kit, i - 1);
        bool is_it = sk_str_equal(call->saga, s->current) && sk_str_equal(call->step, name->step) &&
                     call->operation == name->operation;
        if (is_it && (name->item < 0 || name->item == call->item)) return call;
    }
    return NULL;
}

static bool same_json(struct scenario *s, const char *what, struct sk_str wanted,
                      struct sk_str actual)
{
    skald_error error;
    if (actual.size == 0) actual = SK_STR("null");
    if (sk_json_check(wanted, &error) != SKALD_OK)
        return scenario_wrong(s, "this is no JSON: %s", error.message);
    return sk_json_equal(actual, wanted) || differ(s, what, wanted, actual);
}

/* The call that the line names, or NULL after a message. */
static const struct sk_testkit_call *find_named(struct scenario *s,
                                                const struct sk_script_line *line)
{
    struct sk_script_call name;
    if (line->count < 4) (void)scenario_wrong(s, "expect body|key STEP VALUE");
    if (line->count < 4 || !scenario_needs_saga(s) || !scenario_call(s, line->words[2], &name))
        return NULL;
    const struct sk_testkit_call *call = find_call(s, &name);
    if (call == NULL) (void)scenario_fail(s, "%.*s was not called", SK_STR_ARGS(line->words[2]));
    return call;
}

static bool expect_body(struct scenario *s, const struct sk_script_line *line)
{
    const struct sk_testkit_call *call = find_named(s, line);
    return call != NULL && same_json(s, "another request was sent", line->words[3], call->body);
}

static bool expect_key(struct scenario *s, const struct sk_script_line *line)
{
    const struct sk_testkit_call *call = find_named(s, line);
    if (call == NULL) return false;
    return sk_str_equal(call->key, line->words[3]) ||
           differ(s, "the idempotency key is another", line->words[3], call->key);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* The step and, where the line names an item, the item. */
struct place {
    const struct sk_step_run *run; /* NULL: said already */
    const struct sk_unit *unit;    /* NULL: it has not begun */
    bool is_item;
};

static struct place find_place(struct scenario *s, const struct sk_script_line *line,
                               const struct sk_saga *saga)
{
    struct place place = { .run = NULL };
    struct sk_script_call name = sk_script_call_of(line->words[2]);
    uint32_t step = sk_plan_step(saga->plan, name.step);
    if (step == SK_STEP_NONE) {
        (void)scenario_wrong(s, "saga %.*s has no step %.*s", SK_STR_ARGS(saga->start.id),
                             SK_STR_ARGS(name.step));
        return place;
    }
    const struct sk_step_run *run = &saga->steps[step];
    uint32_t unit = name.item < 0 ? 0 : (uint32_t)name.item;
    place.is_item = name.item >= 0;
    place.unit = unit < run->units_count ? &run->units[unit] : NULL;
    if (place.is_item && place.unit == NULL) {
        (void)scenario_fail(s, "step %.*s has %u items", SK_STR_ARGS(name.step), run->units_count);
        return place;
    }
    place.run = run;
    return place;
}

static bool judge_unit(struct scenario *s, const struct sk_script_line *line,
                       const struct sk_unit *unit)
{
    struct sk_str waits = sk_script_option(line, "waits");
    struct sk_str error = sk_script_option(line, "error");
    enum sk_wait_for what = unit->undo.what != SK_FOR_NOTHING ? unit->undo.what : unit->action.what;
    if (sk_script_has(line, "maybe") && !unit->maybe)
        return scenario_fail(s, "the step is not maybe: it is known whether it happened");
    if (sk_script_has(line, "not-maybe") && unit->maybe)
        return scenario_fail(s, "the step is maybe: it may have happened");
    if (waits.size > 0 && !sk_str_is(waits, sk_wait_for_name(what)))
        return differ(s, "the step waits for something else", waits,
                      sk_str_of(sk_wait_for_name(what)));
    if (error.size > 0 && !sk_str_equal(error, unit->error_code))
        return differ(s, "the step failed with another error", error, unit->error_code);
    return number_is(s, line, "attempts", unit->action.attempt) &&
           number_is(s, line, "round", unit->action.round + 1u) &&
           number_is(s, line, "undo-attempts", unit->undo.attempt);
}

static bool judge_step(struct scenario *s, const struct sk_script_line *line,
                       const struct sk_saga *saga)
{
    struct place place = find_place(s, line, saga);
    const struct sk_unit *unit = place.unit;
    if (place.run == NULL) return false;
    bool is_item = place.is_item && unit != NULL;
    struct sk_str what = line->words[3];
    struct sk_str value = line->count > 4 ? line->words[4] : (struct sk_str){ NULL, 0 };
    if (sk_str_is(what, "output"))
        return same_json(s, "the step's output is another", value,
                         is_item ? unit->output : place.run->output);
    enum sk_step_state state = is_item ? unit->state : place.run->state;
    bool is_attempts = sk_str_is(what, "attempts");
    uint64_t attempts = unit == NULL ? 0 : unit->action.attempt, wanted = 0;
    if (is_attempts && !sk_str_to_u64(value, &wanted))
        return scenario_wrong(s, "expect step STEP attempts 2");
    if (is_attempts)
        return wanted == attempts ||
               differ_number(s, "another number of attempts", value, attempts);
    if (sk_str_find(what, '=') == what.size && !sk_str_is(what, sk_step_state_name(state)))
        return differ(s, "the step is in another state", what,
                      sk_str_of(sk_step_state_name(state)));
    return unit == NULL || judge_unit(s, line, unit);
}

/* step STEP STATE [attempts=] [round=] [maybe] … | step STEP output JSON | step STEP attempts N */
static bool expect_step(struct scenario *s, const struct sk_script_line *line)
{
    struct sk_script_call name;
    if (line->count < 4) return scenario_wrong(s, "expect step STEP STATE [attempts=2]");
    return scenario_call(s, line->words[2], &name) && look_at(s, line, judge_step);
}

static bool judge_output(struct scenario *s, const struct sk_script_line *line,
                         const struct sk_saga *saga)
{
    return same_json(s, "the saga's output is another", line->words[2], saga->output);
}

/* output JSON: the saga's; output STEP JSON: a step's. */
static bool expect_output(struct scenario *s, const struct sk_script_line *line)
{
    if (line->count == 3) return look_at(s, line, judge_output);
    struct sk_script_line other = { .count = 5 };
    other.words[0] = line->words[0];
    other.words[1] = SK_STR("step");
    other.words[2] = line->words[2];
    other.words[3] = SK_STR("output");
    other.words[4] = line->words[3];
    return expect_step(s, &other);
}

/* ---- events and time ------------------------------------------------------------------------- */

static bool count_events(struct scenario *s, const struct sk_script_line *line, uint32_t at,
                         uint32_t *out_count)
{
    struct sk_str type = at < line->count ? line->words[at] : (struct sk_str){ NULL, 0 };
    struct sk_str code = sk_script_option(line, "code");
    struct sk_script_call name = { .item = -1 };
    if (sk_event_type_number(type) == 0)
        return scenario_wrong(s, "no event is called '%.*s'", SK_STR_ARGS(type));
    bool has_step =
        at + 1 < line->count && sk_str_find(line->words[at + 1], '=') == line->words[at + 1].size;
    if (has_step && !scenario_call(s, line->words[at + 1], &name)) return false;
    *out_count = 0;
    for (uint32_t i = 0; i < sk_testkit_events_count(s->kit); i++) {
        const struct sk_testkit_event *e = sk_testkit_event_at(s->kit, i);
        bool is_it = sk_str_equal(e->saga, s->current) &&
                     sk_str_is(type, sk_event_type_name(e->type)) &&
                     (!has_step || sk_str_equal(e->step, name.step)) &&
                     (name.item < 0 || e->item == name.item) &&
                     (code.size == 0 || sk_str_equal(code, e->text));
        *out_count += is_it;
    }
    return true;
}

static bool expect_event(struct scenario *s, const struct sk_script_line *line)
{
    uint32_t count = 0;
    if (!count_events(s, line, 2, &count)) return false;
    return count > 0 || scenario_fail(s, "there was no such event");
}

static bool expect_no(struct scenario *s, const struct sk_script_line *line)
{
    uint32_t count = 0;
    uint32_t at = sk_str_is(line->words[2], "event") ? 3 : 2;
    if (!count_events(s, line, at, &count)) return false;
    return count == 0 || scenario_fail(s, "the event happened %u times", count);
}

static bool expect_count(struct scenario *s, const struct sk_script_line *line)
{
    uint32_t count = 0;
    uint64_t wanted = 0;
    if (!sk_str_to_u64(line->words[2], &wanted))
        return scenario_wrong(s, "expect count 2 step.retrying pay");
    if (!count_events(s, line, 3, &count)) return false;
    return count == wanted ||
           differ_number(s, "the event happened another number of times", line->words[2], count);
}

static bool judge_time(struct scenario *s, const struct sk_script_line *line,
                       const struct sk_saga *saga)
{
    int64_t wanted = 0;
    char text[SK_DURATION_TEXT_SIZE];
    struct sk_str op = line->words[2];
    struct sk_str value = line->words[line->count - 1];
    if (line->count == 3) op = SK_STR("=");
    if (!sk_duration_parse(value, &wanted))
        return scenario_wrong(s, "expect time < 10s: with <, <=, =, >= or >");
    int64_t end_ms = saga->ended_at_ms > 0 ? saga->ended_at_ms : sk_testkit_now(s->kit);
    int64_t took = end_ms - saga->created_at_ms;
    bool is_less = took < wanted, is_same = took == wanted;
    bool ok = (sk_str_is(op, "<") && is_less) || (sk_str_is(op, "=") && is_same) ||
              (sk_str_is(op, "<=") && (is_less || is_same)) ||
              (sk_str_is(op, ">") && !is_less && !is_same) || (sk_str_is(op, ">=") && !is_less);
    if (ok) return true;
    sk_duration_format(took, text);
    sk_buf_printf(&s->expected, "%.*s ", SK_STR_ARGS(op));
    return differ(s, "the saga took another time", value, sk_str_of(text));
}

/* time < 10s: from the saga's start to its end, or to now. */
static bool expect_time(struct scenario *s, const struct sk_script_line *line)
{
    return look_at(s, line, judge_time);
}

static bool judge_wake(struct scenario *s, const struct sk_script_line *line,
                       const struct sk_saga *saga)
{
    int64_t at = sk_saga_wake_at(saga);
    int64_t wanted = 0;
    char text[SK_DURATION_TEXT_SIZE] = "never";
    if (at != INT64_MAX) sk_duration_format(at - sk_testkit_now(s->kit), text);
    bool is_never = sk_str_is(line->words[2], "never");
    if (!is_never && !sk_duration_parse(line->words[2], &wanted))
        return scenario_wrong(s, "expect wake 5s, or never");
    bool ok = is_never ? at == INT64_MAX : at == sk_testkit_now(s->kit) + wanted;
    return ok || differ(s, "the saga is due at another time", line->words[2], sk_str_of(text));
}

static bool expect_wake(struct scenario *s, const struct sk_script_line *line)
{
    return look_at(s, line, judge_wake);
}

/* ---- all ------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    expectation *fn;
} expectations[] = {
    { "saga", expect_saga }, { "calls", expect_calls }, { "compensations", expect_compensations },
    { "wire", expect_wire }, { "step", expect_step },   { "output", expect_output },
    { "body", expect_body }, { "key", expect_key },     { "event", expect_event },
    { "no", expect_no },     { "count", expect_count }, { "time", expect_time },
    { "wake", expect_wake },
};

enum { EXPECTATIONS_COUNT = sizeof expectations / sizeof expectations[0] };

bool scenario_expect(struct scenario *s, const struct sk_script_line *line)
{
    const char *names[EXPECTATIONS_COUNT];
    if (line->count < 3) return scenario_wrong(s, "expect what? `expect saga order-1 completed`");
    for (size_t i = 0; i < EXPECTATIONS_COUNT; i++) {
        names[i] = expectations[i].name;
        if (!sk_str_is(line->words[1], names[i])) continue;
        bool ok = expectations[i].fn(s, line);
        s->expectations += ok;
        return ok;
    }
    int near = sk_str_nearest(line->words[1], names, EXPECTATIONS_COUNT);
    return scenario_wrong(s, "nothing like '%.*s' can be expected%s%s%s",
                          SK_STR_ARGS(line->words[1]), near >= 0 ? "; did you mean `" : "",
                          near >= 0 ? names[near] : "", near >= 0 ? "`?" : "");
}
