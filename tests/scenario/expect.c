/* expect.c: the lines that begin with `expect`. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/time.h"
#include "core/explain.h"
#include "core/preview.h"
#include "script.h"

static const char *operation_name(enum sk_operation operation)
{
    static const char *const names[] = { "", ":compensation", ":verify", "", ":poll" };
    return names[operation];
}

struct listing {
    const struct sk_saga *saga;
    struct sk_buf text;
};

static void append_hook_name(struct listing *l, uint64_t start_seq)
{
    const struct sk_hook_run *run = l->saga->hooks;
    while (run != NULL && run->call.start_seq != start_seq) run = run->next;
    if (run == NULL) return;
    sk_buf_printf(&l->text, ":%s", script_hook_names[run->on]);
    if (run->index > 0) sk_buf_printf(&l->text, "/%u", run->index);
}

static void list_call(void *context, const struct sk_effect *effect)
{
    struct listing *l = context;
    bool is_step = effect->step != SK_STEP_NONE;
    if (l->text.size > 0) sk_buf_append_char(&l->text, ' ');
    sk_buf_append_str(&l->text, is_step ? l->saga->plan->steps[effect->step].id : SK_STR("saga"));
    if (effect->item >= 0) sk_buf_printf(&l->text, ".%d", effect->item);
    if (effect->operation == SK_OPERATION_HOOK)
        append_hook_name(l, effect->start_seq);
    else
        sk_buf_append_text(&l->text, operation_name(effect->operation));
}

static bool expect_calls(struct script *script, const struct sk_script_line *line)
{
    struct listing l = { .saga = &script->current->saga };
    struct sk_buf wanted;
    sk_buf_init(&l.text, 0);
    sk_buf_init(&wanted, 0);
    sk_saga_react(l.saga, 0, UINT64_MAX, list_call, &l);
    for (uint32_t i = 2; i < line->count && !sk_str_is(line->words[2], "none"); i++) {
        if (wanted.size > 0) sk_buf_append_char(&wanted, ' ');
        sk_buf_append_str(&wanted, line->words[i]);
    }
    bool ok = sk_str_equal(sk_buf_view(&wanted), sk_buf_view(&l.text));
    if (!ok)
        script_fail(script, "calls on the wire: [%s], expected [%s]", sk_buf_text(&l.text),
                    sk_buf_text(&wanted));
    sk_buf_release(&wanted);
    sk_buf_release(&l.text);
    return ok;
}

static bool number_is(struct script *script, const struct sk_script_line *line, const char *name,
                      uint64_t actual)
{
    struct sk_str option = sk_script_option(line, name);
    uint64_t wanted = 0;
    if (option.size == 0) return true;
    if (sk_str_to_u64(option, &wanted) && wanted == actual) return true;
    return script_fail(script, "%s is %" PRIu64 ", expected %.*s", name, actual,
                       SK_STR_ARGS(option));
}

static bool expect_saga(struct script *script, const struct sk_script_line *line)
{
    const struct sk_saga *saga = &script->current->saga;
    const char *state = sk_saga_state_name(sk_saga_shown_state(saga));
    struct sk_str reason = sk_script_option(line, "reason");
    struct sk_str error = sk_script_option(line, "error");
    if (!sk_str_is(line->words[2], state))
        return script_fail(script, "the saga is %s (%s), expected %.*s", state,
                           sk_reason_name(saga->reason), SK_STR_ARGS(line->words[2]));
    if (reason.size > 0 && !sk_str_is(reason, sk_reason_name(saga->reason)))
        return script_fail(script, "the reason is %s", sk_reason_name(saga->reason));
    if (error.size > 0 && !sk_str_equal(error, saga->error_code))
        return script_fail(script, "the error is %.*s", SK_STR_ARGS(saga->error_code));
    if (sk_script_has(line, "past-pivot") && !saga->is_past_pivot)
        return script_fail(script, "the saga is not past its pivot");
    return number_is(script, line, "residue", saga->residue_count) &&
           number_is(script, line, "open", sk_saga_open(saga)) &&
           number_is(script, line, "retries", saga->retries_count);
}

static bool expect_step(struct script *script, const struct sk_script_line *line)
{
    struct call_name name;
    if (line->count < 4 || !script_call(script, line->words[2], &name))
        return script_fail(script, "expect step STEP STATE");
    const struct sk_saga *saga = &script->current->saga;
    const struct sk_step_run *run = &saga->steps[name.step];
    bool is_item = name.item >= 0;
    const struct sk_unit *unit =
        is_item ? &run->units[name.item] : (run->units_count > 0 ? &run->units[0] : NULL);
    enum sk_step_state state = is_item && unit != NULL ? unit->state : run->state;
    if (!sk_str_is(line->words[3], sk_step_state_name(state)))
        return script_fail(script, "step %.*s is %s", SK_STR_ARGS(line->words[2]),
                           sk_step_state_name(state));
    if (unit == NULL) return true;
    if (sk_script_has(line, "maybe") && !unit->maybe)
        return script_fail(script, "the step is not maybe");
    if (sk_script_has(line, "not-maybe") && unit->maybe)
        return script_fail(script, "the step is maybe");
    struct sk_str waits = sk_script_option(line, "waits");
    enum sk_wait_for what = unit->undo.what != SK_FOR_NOTHING ? unit->undo.what : unit->action.what;
    if (waits.size > 0 && !sk_str_is(waits, sk_wait_for_name(what)))
        return script_fail(script, "it waits for %s", sk_wait_for_name(what));
    return number_is(script, line, "attempts", unit->action.attempt) &&
           number_is(script, line, "round", unit->action.round + 1u) &&
           number_is(script, line, "undo-attempts", unit->undo.attempt);
}

static uint32_t count_events(const struct script *script, struct sk_str type, uint32_t step,
                             int32_t item, struct sk_str code)
{
    uint32_t count = 0;
    for (const struct world_event *e = script->current->first; e != NULL; e = e->next) {
        if (!sk_str_is(type, sk_event_type_name(e->event.type))) continue;
        if (step != SK_STEP_NONE && (e->event.step != step || (item >= 0 && e->event.item != item)))
            continue;
        if (code.size > 0 && !sk_str_equal(code, e->event.text)) continue;
        count++;
    }
    return count;
}

/* event TYPE [STEP] [code=CODE] | no event … | count N … */
static bool expect_event(struct script *script, const struct sk_script_line *line, uint32_t at,
                         uint64_t wanted, bool exactly)
{
    struct call_name name = { .step = SK_STEP_NONE, .item = -1 };
    struct sk_str type = line->words[at];
    if (sk_event_type_number(type) == 0) return script_fail(script, "no such event type");
    bool has_step =
        at + 1 < line->count && sk_str_find(line->words[at + 1], '=') == line->words[at + 1].size;
    if (has_step && !script_call(script, line->words[at + 1], &name))
        return script_fail(script, "no such step");
    uint32_t count =
        count_events(script, type, name.step, name.item, sk_script_option(line, "code"));
    bool ok = exactly ? count == wanted : count >= wanted;
    return ok || script_fail(script, "%.*s happened %u times", SK_STR_ARGS(type), count);
}

static bool same_json(struct script *script, const char *what, struct sk_str actual,
                      struct sk_str wanted)
{
    if (actual.size == 0) actual = SK_STR("null");
    if (sk_json_equal(actual, wanted)) return true;
    return script_fail(script, "%s is %.*s", what, SK_STR_ARGS(actual));
}

/* The last call of that name; NULL: none. */
static const struct sk_call *find_call(const struct script *script, const struct call_name *name)
{
    const struct sk_saga *saga = &script->current->saga;
    if (name->operation == SK_OPERATION_HOOK) {
        const struct sk_hook_run *run = script_hook(script, name);
        return run == NULL ? NULL : &run->call;
    }
    struct sk_unit *unit = &saga->steps[name->step].units[name->item < 0 ? 0 : name->item];
    return name->operation == SK_OPERATION_COMPENSATION ? &unit->undo
           : name->operation == SK_OPERATION_VERIFY     ? &unit->verify
                                                        : &unit->action;
}

static void append_key(const struct sk_saga *saga, const struct call_name *name,
                       const struct sk_call *call, struct sk_buf *key)
{
    if (name->operation != SK_OPERATION_HOOK) {
        sk_saga_key(saga, name->step, name->item, name->operation, call->round, key);
        return;
    }
    struct sk_effect effect = { .step = name->step,
                                .item = name->item,
                                .operation = name->operation,
                                .start_seq = call->start_seq };
    if (call->state == SK_CALL_FLYING) (void)sk_saga_request(saga, &effect, key);
}

static bool expect_request(struct script *script, const struct sk_script_line *line, bool is_key)
{
    struct call_name name;
    if (line->count < 4 || !script_call(script, line->words[2], &name))
        return script_fail(script, "expect body STEP JSON");
    const struct sk_saga *saga = &script->current->saga;
    const struct sk_call *call = find_call(script, &name);
    if (call == NULL) return script_fail(script, "there is no such call");
    if (!is_key) return same_json(script, "the body", call->body, line->words[3]);
    struct sk_buf key;
    sk_buf_init(&key, 0);
    append_key(saga, &name, call, &key);
    bool ok = sk_str_equal(sk_buf_view(&key), line->words[3]);
    if (!ok) script_fail(script, "the key is %s", sk_buf_text(&key));
    sk_buf_release(&key);
    return ok;
}

/* line STEP "METHOD target|name: value|…|": the request line and headers, `|` for line ends. */
static bool expect_line(struct script *script, const struct sk_script_line *line)
{
    struct call_name name;
    char text[1024];
    if (line->count < 4 || !script_call(script, line->words[2], &name))
        return script_fail(script, "expect line STEP TEXT");
    const struct sk_call *call = find_call(script, &name);
    if (call == NULL) return script_fail(script, "there is no such call");
    int size = snprintf(text, sizeof text, "\"%.*s\"", SK_STR_ARGS(call->line));
    for (int i = 0; i < size && i < (int)sizeof text; i++)
        if (text[i] == '\n') text[i] = '|';
    return sk_str_is(line->words[3], text) || script_fail(script, "the request line is %s", text);
}

static bool expect_output(struct script *script, const struct sk_script_line *line)
{
    struct call_name name;
    if (line->count == 3)
        return same_json(script, "the output", script->current->saga.output, line->words[2]);
    if (!script_call(script, line->words[2], &name)) return script_fail(script, "no such step");
    const struct sk_step_run *run = &script->current->saga.steps[name.step];
    return same_json(script, "the output",
                     name.item < 0 ? run->output : run->units[name.item].output, line->words[3]);
}

/* letter WHY STEP: there is a dead letter. letters COUNT. */
static bool expect_letter(struct script *script, const struct sk_script_line *line)
{
    struct call_name name;
    if (line->count < 4 || !script_call(script, line->words[3], &name))
        return script_fail(script, "expect letter WHY STEP");
    const struct world_saga *saga = script->current;
    for (uint32_t i = 0; i < saga->letters_count; i++)
        if (sk_str_is(line->words[2], saga->letters[i].why) && saga->letters[i].step == name.step &&
            saga->letters[i].item == name.item)
            return true;
    return script_fail(script, "no such dead letter among %u", saga->letters_count);
}

static bool expect_letters(struct script *script, const struct sk_script_line *line)
{
    uint64_t count = 0;
    if (line->count != 3 || !sk_str_to_u64(line->words[2], &count))
        return script_fail(script, "expect letters COUNT");
    if (script->current->letters_count == count) return true;
    return script_fail(script, "there are %u dead letters", script->current->letters_count);
}

/* lock KEY SAGA | free */
static bool expect_lock(struct script *script, const struct sk_script_line *line)
{
    if (line->count < 4) return script_fail(script, "expect lock KEY SAGA|free");
    struct sk_str holder = { NULL, 0 };
    for (uint32_t i = 0; i < script->world.locks_count; i++) {
        const struct sk_lock *lock = &script->world.locks[i];
        if (sk_str_equal(sk_str_sub(lock->id, 6, lock->id.size - 6), line->words[2]))
            holder = lock->holder;
    }
    if (sk_str_is(line->words[3], "free") ? holder.size == 0 : sk_str_equal(holder, line->words[3]))
        return true;
    return script_fail(script, "the holder is [%.*s]", SK_STR_ARGS(holder));
}

static bool expect_wake(struct script *script, const struct sk_script_line *line)
{
    int64_t at = sk_saga_wake_at(&script->current->saga);
    int64_t wanted = 0;
    char text[SK_DURATION_TEXT_SIZE] = "never";
    if (at != INT64_MAX) sk_duration_format(at - script->world.now_ms, text);
    if (sk_str_is(line->words[2], "never"))
        return at == INT64_MAX || script_fail(script, "it wakes in %s", text);
    bool ok = sk_duration_parse(line->words[2], &wanted) && at == script->world.now_ms + wanted;
    return ok || script_fail(script, "it wakes in %s", text);
}

/* explain "SENTENCE": what it waits for, word by word. */
static bool expect_explain(struct script *script, const struct sk_script_line *line)
{
    struct sk_explanation explanation;
    struct sk_arena arena;
    sk_arena_init(&arena);
    struct sk_str wanted = sk_json_string(line->words[2], &arena);
    bool is_made = sk_saga_explain(&script->current->saga, script->world.now_ms,
                                   &script->world.rules, &explanation);
    bool ok = is_made && sk_str_equal(explanation.sentence, wanted);
    if (!ok) script_fail(script, "explain: \"%.*s\"", SK_STR_ARGS(explanation.sentence));
    sk_explanation_release(&explanation);
    sk_arena_release(&arena);
    return ok;
}

/* preview STEP …: what a cancel would undo, in order. */
static bool expect_preview(struct script *script, const struct sk_script_line *line)
{
    const struct sk_saga *saga = &script->current->saga;
    struct sk_preview preview;
    uint32_t count = sk_str_is(line->words[2], "none") ? 0 : line->count - 2;
    bool ok = sk_saga_preview(saga, SK_COMMAND_CANCEL, false, script->world.now_ms,
                              &script->world.rules, &preview) &&
              preview.status == SKALD_OK && preview.rows_count == count;
    ok = ok && (preview.is_pending || preview.is_cut || preview.end != 0); /* it comes to an end */
    for (uint32_t i = 0; ok && i < preview.rows_count; i++) {
        struct call_name name;
        ok = script_call(script, line->words[i + 2], &name) && name.step == preview.rows[i].step &&
             name.item == preview.rows[i].item;
    }
    if (!ok) {
        script_fail(script, "the preview is (%s):", preview.error.message);
        for (uint32_t i = 0; i < preview.rows_count; i++)
            fprintf(stderr, "  %.*s\n", SK_STR_ARGS(saga->plan->steps[preview.rows[i].step].id));
    }
    sk_preview_release(&preview);
    return ok;
}

bool script_expect(struct script *script, const struct sk_script_line *line)
{
    uint64_t count = 0;
    if (line->count < 3) return script_fail(script, "expect what?");
    script->expectations++;
    struct sk_str what = line->words[1];
    if (sk_str_is(what, "calls")) return expect_calls(script, line);
    if (sk_str_is(what, "saga")) return expect_saga(script, line);
    if (sk_str_is(what, "step")) return expect_step(script, line);
    if (sk_str_is(what, "event")) return expect_event(script, line, 2, 1, false);
    if (sk_str_is(what, "no") && line->count > 3) return expect_event(script, line, 3, 0, true);
    if (sk_str_is(what, "count") && line->count > 3 && sk_str_to_u64(line->words[2], &count))
        return expect_event(script, line, 3, count, true);
    if (sk_str_is(what, "body")) return expect_request(script, line, false);
    if (sk_str_is(what, "key")) return expect_request(script, line, true);
    if (sk_str_is(what, "output")) return expect_output(script, line);
    if (sk_str_is(what, "line")) return expect_line(script, line);
    if (sk_str_is(what, "wake")) return expect_wake(script, line);
    if (sk_str_is(what, "letter")) return expect_letter(script, line);
    if (sk_str_is(what, "letters")) return expect_letters(script, line);
    if (sk_str_is(what, "lock")) return expect_lock(script, line);
    if (sk_str_is(what, "explain")) return expect_explain(script, line);
    if (sk_str_is(what, "preview")) return expect_preview(script, line);
    return script_fail(script, "expect %.*s: no such expectation (see README.md)",
                       SK_STR_ARGS(what));
}
