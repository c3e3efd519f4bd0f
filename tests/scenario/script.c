/* script.c: the lines that do something. */
#include "script.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/time.h"

bool script_fail(struct script *script, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%u: ", script->file, script->number);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

const char *const script_hook_names[SK_HOOK_ONS_COUNT] = {
    [SK_HOOK_ON_SUCCESS] = "on_success",
    [SK_HOOK_ON_FAILURE] = "on_failure",
    [SK_HOOK_ON_COMPENSATION_FAILURE] = "on_undo_failure",
};

const struct sk_hook_run *script_hook(const struct script *script, const struct call_name *name)
{
    for (const struct sk_hook_run *r = script->current->saga.hooks; r != NULL; r = r->next)
        if (r->on == name->on && r->step == name->step && r->item == name->item &&
            r->index == name->index)
            return r;
    return NULL;
}

/* "on_failure" or, for those after the first of its list, "on_failure/1". */
static void read_hook_name(struct sk_str word, struct call_name *out)
{
    size_t slash = sk_str_find(word, '/');
    uint64_t index = 0;
    for (uint32_t on = 1; on < SK_HOOK_ONS_COUNT; on++) {
        if (!sk_str_is(sk_str_sub(word, 0, slash), script_hook_names[on])) continue;
        out->on = (enum sk_hook_on)on;
        out->operation = SK_OPERATION_HOOK;
        out->has_operation = true;
    }
    if (slash < word.size &&
        sk_str_to_u64(sk_str_sub(word, slash + 1, word.size - slash - 1), &index))
        out->index = (uint32_t)index;
}

bool script_call(struct script *script, struct sk_str word, struct call_name *out)
{
    struct call_name hook = { .item = -1 };
    size_t colon = sk_str_find(word, ':');
    if (colon < word.size)
        read_hook_name(sk_str_sub(word, colon + 1, word.size - colon - 1), &hook);
    if (hook.has_operation) word = sk_str_sub(word, 0, colon);
    struct sk_script_call call = sk_script_call_of(word);
    *out = (struct call_name){ .item = call.item,
                               .operation = call.operation,
                               .has_operation = call.has_operation };
    if (hook.has_operation) {
        *out = hook;
        out->item = call.item;
    }
    if (script->current == NULL) return script_fail(script, "no saga has been started");
    out->step = sk_plan_step(script->current->saga.plan, call.step);
    if (out->operation == SK_OPERATION_HOOK && sk_str_is(call.step, "saga")) return true;
    if (out->step == SK_STEP_NONE)
        return script_fail(script, "the saga has no step %.*s", SK_STR_ARGS(call.step));
    if (!out->has_operation && script->current->saga.plan->steps[out->step].kind == SK_KIND_WAIT)
        out->operation = SK_OPERATION_POLL;
    return true;
}

/* ---- doing ----------------------------------------------------------------------------------- */

static bool read_outcome(struct script *script, const struct sk_script_line *line, uint32_t at,
                         struct sk_outcome *out)
{
    return sk_script_outcome(line, at, out) ||
           script_fail(script, "reply STEP succeeded|failed|retryable|unknown|pending");
}

struct search {
    const struct script *script;
    struct call_name name;
    struct sk_effect effect;
    bool found;
};

static void match_call(void *context, const struct sk_effect *effect)
{
    struct search *s = context;
    if (effect->step != s->name.step || effect->item != s->name.item ||
        effect->operation != s->name.operation)
        return;
    if (effect->operation == SK_OPERATION_HOOK) {
        const struct sk_hook_run *run = script_hook(s->script, &s->name);
        if (run == NULL || run->call.start_seq != effect->start_seq) return;
    }
    s->effect = *effect;
    s->found = true;
}

static bool do_reply(struct script *script, const struct sk_script_line *line)
{
    struct search search = { .script = script };
    struct sk_outcome outcome;
    if (line->count < 3 || !script_call(script, line->words[1], &search.name)) return false;
    if (!read_outcome(script, line, 2, &outcome)) return false;
    sk_saga_react(&script->current->saga, 0, UINT64_MAX, match_call, &search);
    if (!search.found) return script_fail(script, "there is no such call on the wire");
    struct sk_command command = { .kind = SK_COMMAND_OUTCOME,
                                  .step = search.name.step,
                                  .item = search.name.item,
                                  .operation = search.name.operation,
                                  .attempt = search.effect.attempt,
                                  .round = search.effect.round,
                                  .start_seq = search.effect.start_seq,
                                  .outcome = &outcome };
    skald_error error;
    if (world_decide(&script->world, script->current, &command, &error) != SKALD_OK)
        return script_fail(script, "%s", error.message);
    return true;
}

static enum skald_status do_complete(struct script *script, const struct sk_script_line *line,
                                     skald_error *error)
{
    struct call_name name;
    struct sk_outcome outcome;
    uint32_t at = 2;
    uint64_t attempt = 0;
    if (line->count < 3 || !script_call(script, line->words[1], &name)) return SKALD_E_SYNTAX;
    const struct sk_step_run *run = &script->current->saga.steps[name.step];
    const struct sk_unit *unit = &run->units[name.item < 0 ? 0 : name.item];
    const struct sk_call *call =
        name.operation == SK_OPERATION_COMPENSATION ? &unit->undo : &unit->action;
    attempt = call->attempt;
    if (sk_str_to_u64(sk_script_option(line, "attempt"), &attempt)) at++;
    if (!read_outcome(script, line, at, &outcome)) return SKALD_E_SYNTAX;
    struct sk_command command = { .kind = SK_COMMAND_COMPLETE,
                                  .step = name.step,
                                  .item = name.item,
                                  .operation = name.operation,
                                  .attempt = (uint32_t)attempt,
                                  .round = call->round,
                                  .outcome = &outcome };
    return world_decide(&script->world, script->current, &command, error);
}

/* take STEP [worker=NAME] [lease=30s]; heartbeat STEP [lease=30s] [attempt=N] */
static enum skald_status do_task(struct script *script, const struct sk_script_line *line,
                                 enum sk_command_kind kind, skald_error *error)
{
    struct call_name name;
    uint64_t attempt = 0;
    int64_t lease_ms = 30000;
    if (line->count < 2 || !script_call(script, line->words[1], &name)) return SKALD_E_SYNTAX;
    const struct sk_step_run *run = &script->current->saga.steps[name.step];
    const struct sk_unit *unit = &run->units[name.item < 0 ? 0 : name.item];
    const struct sk_call *call =
        name.operation == SK_OPERATION_COMPENSATION ? &unit->undo : &unit->action;
    attempt = call->attempt;
    (void)sk_str_to_u64(sk_script_option(line, "attempt"), &attempt);
    (void)sk_duration_parse(sk_script_option(line, "lease"), &lease_ms);
    struct sk_str worker = sk_script_option(line, "worker");
    struct sk_command command = { .kind = kind,
                                  .step = name.step,
                                  .item = name.item,
                                  .operation = name.operation,
                                  .attempt = (uint32_t)attempt,
                                  .round = call->round,
                                  .who = worker.size > 0 ? worker : SK_STR("w1"),
                                  .lease_ms = lease_ms };
    return world_decide(&script->world, script->current, &command, error);
}

/* An outcome of the wire whose attempt is not waited for any more. */
static enum skald_status do_late(struct script *script, const struct sk_script_line *line,
                                 skald_error *error)
{
    struct call_name name;
    struct sk_outcome outcome;
    uint64_t attempt = 1;
    if (line->count < 3) script_fail(script, "late STEP [attempt=N] OUTCOME");
    if (line->count < 3 || !script_call(script, line->words[1], &name)) return SKALD_E_SYNTAX;
    bool given = sk_str_to_u64(sk_script_option(line, "attempt"), &attempt);
    if (!read_outcome(script, line, given ? 3 : 2, &outcome)) return SKALD_E_SYNTAX;
    struct sk_command command = { .kind = SK_COMMAND_OUTCOME,
                                  .step = name.step,
                                  .item = name.item,
                                  .operation = name.operation,
                                  .attempt = (uint32_t)attempt,
                                  .start_seq = 1, /* of no call */
                                  .outcome = &outcome };
    return world_decide(&script->world, script->current, &command, error);
}

static enum skald_status do_operator(struct script *script, const struct sk_script_line *line,
                                     enum sk_command_kind kind, skald_error *error)
{
    struct sk_command command = {
        .kind = kind, .step = SK_STEP_NONE, .item = -1, .who = SK_STR("ann"), .why = SK_STR("test")
    };
    struct call_name name;
    bool takes_step = kind == SK_COMMAND_RETRY || kind == SK_COMMAND_SKIP_STEP;
    if (takes_step && line->count > 1 && line->words[1].data[0] != '{') {
        if (!script_call(script, line->words[1], &name)) return SKALD_E_SYNTAX;
        command.step = name.step;
        command.item = name.item;
    }
    command.body = takes_step ? sk_script_json(line) : (struct sk_str){ NULL, 0 };
    command.id = sk_script_option(line, "id");
    command.is_past_pivot_allowed = sk_script_has(line, "past-pivot");
    return world_decide(&script->world, script->current, &command, error);
}

static enum skald_status do_signal(struct script *script, const struct sk_script_line *line,
                                   skald_error *error)
{
    struct sk_command command = { .kind = SK_COMMAND_SIGNAL, .step = SK_STEP_NONE, .item = -1 };
    char id[32];
    snprintf(id, sizeof id, "signal-%u", ++script->signals);
    command.name = line->words[1];
    command.id =
        sk_script_option(line, "id").size > 0 ? sk_script_option(line, "id") : sk_str_of(id);
    command.body = sk_script_json(line);
    return world_decide(&script->world, script->current, &command, error);
}

static bool do_start(struct script *script, const struct sk_script_line *line)
{
    struct sk_str keys[8];
    struct sk_start start = { .input = sk_script_json(line), .lock_keys = keys };
    uint64_t number = 0;
    if (line->count < 3) return script_fail(script, "start ID DEFINITION [JSON]");
    if (sk_str_to_u64(sk_script_option(line, "max_attempts"), &number))
        start.max_attempts = (uint32_t)number;
    (void)sk_duration_parse(sk_script_option(line, "timeout"), &start.timeout_ms);
    (void)sk_duration_parse(sk_script_option(line, "acquire_timeout"), &start.acquire_timeout_ms);
    struct sk_str list = sk_script_option(line, "locks");
    while (list.size > 0 && start.lock_keys_count < 8) {
        size_t comma = sk_str_find(list, ',');
        keys[start.lock_keys_count++] = sk_str_sub(list, 0, comma);
        list = comma < list.size ? sk_str_sub(list, comma + 1, list.size - comma - 1)
                                 : (struct sk_str){ NULL, 0 };
    }
    script->world.holds_slots = sk_script_has(line, "held");
    if (!world_start(&script->world, line->words[1], line->words[2], &start))
        return script_fail(script, "%s", script->world.problem);
    script->current = world_find(&script->world, line->words[1]);
    return true;
}

/* SKALD_E_SYNTAX: said already. */
static enum skald_status do_command(struct script *script, const struct sk_script_line *line,
                                    skald_error *error)
{
    struct sk_str verb = line->words[0];
    if (sk_str_is(verb, "signal") && line->count > 1) return do_signal(script, line, error);
    if (sk_str_is(verb, "complete")) return do_complete(script, line, error);
    if (sk_str_is(verb, "late")) return do_late(script, line, error);
    if (sk_str_is(verb, "take")) return do_task(script, line, SK_COMMAND_TAKE, error);
    if (sk_str_is(verb, "heartbeat")) return do_task(script, line, SK_COMMAND_HEARTBEAT, error);
    if (sk_str_is(verb, "skip")) return do_operator(script, line, SK_COMMAND_SKIP_STEP, error);
    if (sk_str_is(verb, "admit") || sk_str_is(verb, "sweep")) {
        bool is_sweep = sk_str_is(verb, "sweep");
        struct sk_command command = { .kind = is_sweep ? SK_COMMAND_SWEEP : SK_COMMAND_ADMIT,
                                      .step = SK_STEP_NONE,
                                      .item = -1 };
        return world_decide(&script->world, script->current, &command, error);
    }
    for (int kind = SK_COMMAND_CANCEL; kind < SK_COMMANDS_COUNT; kind++)
        if (sk_str_is(verb, sk_command_name((enum sk_command_kind)kind)))
            return do_operator(script, line, (enum sk_command_kind)kind, error);
    script_fail(script, "%.*s: no such command (see README.md)", SK_STR_ARGS(verb));
    return SKALD_E_SYNTAX;
}

static bool do_refused(struct script *script, const struct sk_script_line *line)
{
    struct sk_script_line rest = { .count = line->count - 1 };
    memcpy(rest.words, line->words + 1, rest.count * sizeof rest.words[0]);
    skald_error error;
    uint64_t seq = script->current->saga.seq;
    script->expectations++;
    enum skald_status status = do_command(script, &rest, &error);
    if (status == SKALD_E_SYNTAX) return false;
    if (status == SKALD_OK) return script_fail(script, "the command was not refused");
    if (script->current->saga.seq != seq)
        return script_fail(script, "a refused command left events");
    return true;
}

/* limit history 20 */
static bool do_limit(struct script *script, const struct sk_script_line *line)
{
    uint64_t value = 0;
    if (line->count != 3 || !sk_str_to_u64(line->words[2], &value) || value > UINT32_MAX)
        return script_fail(script, "limit history 20, or limit signals 2");
    if (sk_str_is(line->words[1], "history")) {
        script->world.rules.history_max = value;
        return true;
    }
    script->world.rules.signals_max = (uint32_t)value;
    return sk_str_is(line->words[1], "signals") || script_fail(script, "no such limit");
}

static bool do_line(struct script *script, const struct sk_script_line *line)
{
    struct sk_str verb = line->words[0];
    int64_t ms = 0;
    skald_error error;
    if (sk_str_is(verb, "start")) return do_start(script, line);
    if (sk_str_is(verb, "limit")) return do_limit(script, line);
    if (script->current == NULL) return script_fail(script, "start a saga first");
    if (sk_str_is(verb, "expect")) return script_expect(script, line);
    if (sk_str_is(verb, "reply")) return do_reply(script, line);
    if (sk_str_is(verb, "refused") && line->count > 1) return do_refused(script, line);
    if (sk_str_is(verb, "crash"))
        return world_crash(&script->world) || script_fail(script, "%s", script->world.problem);
    if (sk_str_is(verb, "advance")) {
        if (line->count < 2 || !sk_duration_parse(line->words[1], &ms))
            return script_fail(script, "advance 5s");
        return world_advance(&script->world, ms) ||
               script_fail(script, "%s", script->world.problem);
    }
    enum skald_status status = do_command(script, line, &error);
    if (status == SKALD_E_SYNTAX) return false;
    return status == SKALD_OK || script_fail(script, "refused: %s", error.message);
}

/* `repeat N LINE`, with `<n>` in it for the number of the turn, from 1. */
static bool do_repeat(struct script *script, struct sk_str text)
{
    struct sk_script_line line;
    uint64_t count = 0;
    sk_script_line_split(text, &line);
    if (line.count < 3 || !sk_str_to_u64(line.words[1], &count))
        return script_fail(script, "repeat N LINE");
    size_t offset = (size_t)(line.words[2].data - text.data);
    struct sk_str pattern = sk_str_sub(text, offset, text.size - offset);
    bool ok = true;
    for (uint64_t n = 1; ok && n <= count; n++) {
        struct sk_buf turn;
        sk_buf_init(&turn, 0);
        for (size_t i = 0; i < pattern.size; i++) {
            bool is_number = sk_str_starts(sk_str_sub(pattern, i, pattern.size - i), SK_STR("<n>"));
            if (is_number)
                sk_buf_append_u64(&turn, n);
            else
                sk_buf_append_char(&turn, pattern.data[i]);
            if (is_number) i += 2;
        }
        sk_script_line_split(sk_buf_view(&turn), &line);
        ok = do_line(script, &line);
        sk_buf_release(&turn);
    }
    return ok;
}

static bool run_text(struct script *script, struct sk_str text)
{
    struct sk_script_line line;
    if (sk_str_starts(text, SK_STR("repeat "))) return do_repeat(script, text);
    sk_script_line_split(text, &line);
    return line.count == 0 || do_line(script, &line);
}

bool script_run_line(struct script *script, struct sk_str text)
{
    struct world_saga *before = script->current;
    struct sk_str trimmed = sk_str_trim(text);
    size_t arrow = sk_str_find(trimmed, '>');
    size_t space = sk_str_find(trimmed, ' ');
    bool has_prefix = arrow < space;
    if (has_prefix) {
        script->current = world_find(&script->world, sk_str_sub(trimmed, 0, arrow));
        if (script->current == NULL)
            return script_fail(script, "no such saga: %.*s", (int)arrow, trimmed.data);
        trimmed = sk_str_sub(trimmed, arrow + 1, trimmed.size - arrow - 1);
    }
    bool ok = run_text(script, trimmed);
    if (has_prefix) script->current = before;
    if (!ok) return false;
    return world_check(&script->world) || script_fail(script, "%s", script->world.problem);
}
