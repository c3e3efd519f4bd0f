/* scenario.c: see scenario.h. */
#include "skald/scenario_private.h"

#include "base/json.h"
#include "base/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPEAT_MAX = 100000, LOCKS_MAX = 32 };

/* ---- saying what is wrong -------------------------------------------------------------------- */

static void say(struct scenario *s, const char *format, va_list arguments)
{
    char text[2048];
    (void)vsnprintf(text, sizeof text, format, arguments);
    if (!s->has_failed) sk_buf_append_text(&s->message, text);
    s->has_failed = true;
}

bool scenario_fail(struct scenario *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(s, format, arguments);
    va_end(arguments);
    return false;
}

bool scenario_wrong(struct scenario *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(s, format, arguments);
    va_end(arguments);
    s->is_wrong = true;
    return false;
}

bool scenario_needs_saga(struct scenario *s)
{
    return s->current.size > 0 ||
           scenario_wrong(s, "start a saga first: start order-1 with {\"amount\": 100}");
}

bool scenario_json(struct scenario *s, const struct sk_script_line *line, struct sk_str *out)
{
    skald_error error;
    *out = sk_script_json(line);
    if (out->size == 0 || sk_json_check(*out, &error) == SKALD_OK) return true;
    return scenario_wrong(s, "this is no JSON: %s", error.message);
}

static const struct scenario_step *find_step(const struct scenario *s, struct sk_str id)
{
    for (uint32_t i = s->steps_count; i > 0; i--)
        if (sk_str_equal(s->steps[i - 1].id, id)) return &s->steps[i - 1];
    return NULL;
}

static bool no_such_step(struct scenario *s, struct sk_str id)
{
    const char *names[SK_SCENARIO_STEPS_MAX];
    if (s->steps_count == 0)
        return scenario_wrong(s, "define a saga first: define order.saga.yaml");
    for (uint32_t i = 0; i < s->steps_count; i++) names[i] = s->steps[i].id.data;
    int near = sk_str_nearest(id, names, s->steps_count);
    if (near >= 0) {
        return scenario_wrong(s, "no step %.*s in the definitions; did you mean %s?",
                              SK_STR_ARGS(id), names[near]);
    }
    return scenario_wrong(s, "no step %.*s in the definitions", SK_STR_ARGS(id));
}

bool scenario_call(struct scenario *s, struct sk_str word, struct sk_script_call *out)
{
    *out = sk_script_call_of(word);
    if (sk_str_is(out->step, "*")) {
        out->step = (struct sk_str){ NULL, 0 };
        return true;
    }
    const struct scenario_step *step = find_step(s, out->step);
    if (step == NULL) return no_such_step(s, out->step);
    if (!out->has_operation && step->is_wait) out->operation = SK_OPERATION_POLL;
    return true;
}

/* ---- start ----------------------------------------------------------------------------------- */

static bool read_start_option(struct scenario *s, const struct sk_script_line *line,
                              struct sk_start_request *request)
{
    uint64_t attempts = 0;
    struct sk_str timeout = sk_script_option(line, "timeout");
    struct sk_str max_attempts = sk_script_option(line, "max_attempts");
    if (timeout.size > 0 && !sk_duration_parse(timeout, &request->timeout_ms))
        return scenario_wrong(s, "timeout=%.*s is no duration: write 30s", SK_STR_ARGS(timeout));
    if (max_attempts.size > 0 && !sk_str_to_u64(max_attempts, &attempts))
        return scenario_wrong(s, "max_attempts is a number");
    request->max_attempts = (uint32_t)attempts;
    request->version = sk_script_option(line, "version");
    request->business_key = sk_script_option(line, "business_key");
    return true;
}

static void split_keys(struct sk_str list, struct sk_str *keys, uint32_t *out_count)
{
    while (list.size > 0 && *out_count < LOCKS_MAX) {
        size_t comma = sk_str_find(list, ',');
        keys[(*out_count)++] = sk_str_sub(list, 0, comma);
        list = sk_str_sub(list, comma + 1, list.size);
    }
}

/* Which definition, input and context: words in any order. */
static bool read_start_words(struct scenario *s, const struct sk_script_line *line,
                             struct sk_start_request *request)
{
    skald_error error;
    for (uint32_t i = 2; i < line->count; i++) {
        struct sk_str w = line->words[i];
        bool is_json = w.data[0] == '{' || w.data[0] == '[' || w.data[0] == '"';
        bool is_option = sk_str_find(w, '=') < w.size;
        if (is_json && sk_json_check(w, &error) != SKALD_OK)
            return scenario_wrong(s, "this is no JSON: %s", error.message);
        if (is_json && sk_str_is(line->words[i - 1], "context")) {
            request->context = w;
        } else if (is_json) {
            request->input = w;
        } else if (!is_option && !sk_str_is(w, "with") && !sk_str_is(w, "context")) {
            request->definition = w;
        }
    }
    return read_start_option(s, line, request);
}

/* start ID [DEFINITION] [with JSON] [context JSON] [options]. SKALD_E_SYNTAX: said already. */
static enum skald_status do_start(struct scenario *s, const struct sk_script_line *line,
                                  skald_error *error)
{
    struct sk_str keys[LOCKS_MAX];
    struct sk_start_request request = { .definition = s->definition, .lock_keys = keys };
    bool is_right = (line->count >= 2 || scenario_wrong(s, "start ID [DEFINITION] with {…}")) &&
                    (s->definition.size > 0 || scenario_wrong(s, "define a saga first"));
    if (!is_right || !read_start_words(s, line, &request)) return SKALD_E_SYNTAX;
    request.id = line->words[1];
    split_keys(sk_script_option(line, "locks"), keys, &request.lock_keys_count);
    enum skald_status status = sk_testkit_start(s->kit, &request, error);
    if (status == SKALD_E_NOT_FOUND) {
        (void)scenario_wrong(s, "the start is refused: %s", error->message);
        return SKALD_E_SYNTAX;
    }
    if (status == SKALD_OK) s->current = sk_arena_copy(&s->arena, request.id);
    return status;
}

/* ---- reply ----------------------------------------------------------------------------------- */

/* always | first | N times */
static bool read_times(const struct sk_script_line *line, uint32_t *at, uint32_t *out_times)
{
    struct sk_str word = *at < line->count ? line->words[*at] : (struct sk_str){ NULL, 0 };
    uint64_t times = 0;
    *out_times = 1;
    if (sk_str_is(word, "always") || sk_str_is(word, "first")) {
        *out_times = sk_str_is(word, "always") ? SK_REPLY_ALWAYS : 1;
        *at += 1;
        return true;
    }
    if (!sk_str_to_u64(word, &times)) return true;
    bool is_right =
        *at + 1 < line->count && times > 0 && times < REPEAT_MAX &&
        (sk_str_is(line->words[*at + 1], "times") || sk_str_is(line->words[*at + 1], "time"));
    *out_times = (uint32_t)times;
    *at += 2;
    return is_right;
}

/* What a participant of the real world would send along. */
static void fill_outcome(struct sk_outcome *outcome, struct sk_str json, struct sk_arena *arena)
{
    bool is_message =
        outcome->class_ != SK_OUTCOME_SUCCEEDED && json.size > 0 && json.data[0] == '"';
    if (is_message) outcome->message = sk_json_string(json, arena);
    if (outcome->class_ == SK_OUTCOME_FAILED) {
        outcome->has_error_code = true;
        if (outcome->status == 0) outcome->status = 422;
    }
    if (outcome->class_ == SK_OUTCOME_RETRYABLE) outcome->is_answered = true;
}

static bool do_reply(struct scenario *s, const struct sk_script_line *line)
{
    static const char usage[] = "reply STEP [always|first|N times] ok|fail CODE|retry CODE|unknown|"
                                "pending|silent [JSON] [after 2s]";
    struct sk_testkit_reply reply = { .times = 1 };
    struct sk_script_call call;
    struct sk_str json;
    uint32_t at = 2;
    if (line->count < 3) return scenario_wrong(s, "%s", usage);
    if (!scenario_call(s, line->words[1], &call) || !scenario_json(s, line, &json)) return false;
    if (!read_times(line, &at, &reply.times)) return scenario_wrong(s, "%s", usage);
    reply.step = call.step;
    reply.item = call.item;
    reply.operation = call.operation;
    reply.is_silent = at < line->count && sk_str_is(line->words[at], "silent");
    if (!reply.is_silent && !sk_script_outcome(line, at, &reply.outcome))
        return scenario_wrong(s, "%s", usage);
    fill_outcome(&reply.outcome, json, &s->arena);
    for (uint32_t i = at; i < line->count; i++) {
        if (!sk_str_is(line->words[i], "after")) continue;
        if (i + 1 == line->count || !sk_duration_parse(line->words[i + 1], &reply.after_ms))
            return scenario_wrong(s, "after what? `after 2s`");
    }
    sk_testkit_reply(s->kit, &reply);
    return true;
}

/* ---- commands -------------------------------------------------------------------------------- */

static enum skald_status do_complete(struct scenario *s, const struct sk_script_line *line,
                                     skald_error *error)
{
    struct sk_script_call call;
    struct sk_outcome outcome;
    struct sk_str json;
    if (line->count < 3 || !sk_script_outcome(line, 2, &outcome) ||
        outcome.class_ > SK_OUTCOME_FAILED) {
        (void)scenario_wrong(s, "complete STEP ok|fail CODE [JSON]");
        return SKALD_E_SYNTAX;
    }
    if (!scenario_call(s, line->words[1], &call) || !scenario_json(s, line, &json))
        return SKALD_E_SYNTAX;
    fill_outcome(&outcome, json, &s->arena);
    return sk_testkit_complete(s->kit, s->current, call.step, call.item, call.operation, &outcome,
                               error);
}

static enum skald_status do_signal(struct scenario *s, const struct sk_script_line *line,
                                   skald_error *error)
{
    struct sk_command command = { .kind = SK_COMMAND_SIGNAL, .step = SK_STEP_NONE, .item = -1 };
    char id[32];
    if (line->count < 2) {
        (void)scenario_wrong(s, "signal NAME [JSON] [id=ID]");
        return SKALD_E_SYNTAX;
    }
    if (!scenario_json(s, line, &command.body)) return SKALD_E_SYNTAX;
    (void)snprintf(id, sizeof id, "signal-%u", ++s->signals);
    struct sk_str given = sk_script_option(line, "id");
    command.name = line->words[1];
    command.id = given.size > 0 ? given : sk_str_of(id);
    return sk_testkit_command(s->kit, s->current, &command, (struct sk_str){ NULL, 0 }, error);
}

static enum skald_status do_operator(struct scenario *s, const struct sk_script_line *line,
                                     enum sk_command_kind kind, skald_error *error)
{
    char id[32];
    struct sk_script_call call = { .item = -1 };
    bool takes_step = kind == SK_COMMAND_RETRY || kind == SK_COMMAND_SKIP_STEP;
    struct sk_command command = { .kind = kind,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .who = SK_STR("tester"),
                                  .why = SK_STR("scenario"),
                                  .is_past_pivot_allowed = sk_script_has(line, "past-pivot") };
    (void)snprintf(id, sizeof id, "command-%u", ++s->commands);
    struct sk_str given = sk_script_option(line, "id");
    command.id = given.size > 0 ? given : sk_str_of(id);
    if (takes_step && line->count > 1 && line->words[1].data[0] != '{') {
        if (!scenario_call(s, line->words[1], &call)) return SKALD_E_SYNTAX;
        command.item = call.item;
    }
    if (takes_step && !scenario_json(s, line, &command.body)) return SKALD_E_SYNTAX;
    return sk_testkit_command(s->kit, s->current, &command, call.step, error);
}

static const char *const verbs[] = { "define",   "definition", "start",        "reply",
                                     "advance",  "run",        "crash",        "signal",
                                     "complete", "cancel",     "retry",        "skip",
                                     "expect",   "repeat",     "force-cancel", "force-complete",
                                     "resume",   "skip-step",  "suspend",      "refused" };

enum { VERBS_COUNT = sizeof verbs / sizeof verbs[0] };

static bool is_verb(struct sk_str word)
{
    for (size_t i = 0; i < VERBS_COUNT; i++)
        if (sk_str_is(word, verbs[i])) return true;
    return false;
}

static bool no_such_verb(struct scenario *s, struct sk_str verb)
{
    int near = sk_str_nearest(verb, verbs, VERBS_COUNT);
    return scenario_wrong(s, "no command '%.*s'%s%s%s", SK_STR_ARGS(verb),
                          near >= 0 ? "; did you mean `" : " (see docs/testing.md)",
                          near >= 0 ? verbs[near] : "", near >= 0 ? "`?" : "");
}

/* SKALD_E_SYNTAX: said already. */
static enum skald_status do_command(struct scenario *s, const struct sk_script_line *line,
                                    skald_error *error)
{
    struct sk_str verb = line->words[0];
    if (sk_str_is(verb, "start")) return do_start(s, line, error);
    if (!is_verb(verb)) {
        (void)no_such_verb(s, verb);
        return SKALD_E_SYNTAX;
    }
    if (!scenario_needs_saga(s)) return SKALD_E_SYNTAX;
    if (sk_str_is(verb, "signal")) return do_signal(s, line, error);
    if (sk_str_is(verb, "complete")) return do_complete(s, line, error);
    if (sk_str_is(verb, "skip")) return do_operator(s, line, SK_COMMAND_SKIP_STEP, error);
    for (int kind = SK_COMMAND_CANCEL; kind < SK_COMMANDS_COUNT; kind++)
        if (sk_str_is(verb, sk_command_name((enum sk_command_kind)kind)))
            return do_operator(s, line, (enum sk_command_kind)kind, error);
    (void)scenario_wrong(s, "%.*s cannot stand here", SK_STR_ARGS(verb));
    return SKALD_E_SYNTAX;
}

static bool do_refused(struct scenario *s, const struct sk_script_line *line)
{
    struct sk_script_line rest = { .count = line->count - 1 };
    memcpy(rest.words, line->words + 1, rest.count * sizeof rest.words[0]);
    skald_error error;
    enum skald_status status = do_command(s, &rest, &error);
    if (status == SKALD_E_SYNTAX && s->has_failed) return false;
    if (status == SKALD_OK) return scenario_fail(s, "the command was not refused");
    s->expectations++;
    return true;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool do_advance(struct scenario *s, const struct sk_script_line *line)
{
    int64_t ms = 0;
    if (line->count < 2 || !sk_duration_parse(line->words[1], &ms))
        return scenario_wrong(s, "advance by how much? `advance 5s`");
    sk_testkit_advance(s->kit, ms);
    return true;
}

static bool do_run(struct scenario *s)
{
    int64_t year_ms = INT64_C(366) * 24 * 3600 * 1000;
    if (!sk_testkit_rest(s->kit, year_ms))
        return scenario_fail(s, "the sagas are not at rest after a year");
    const struct sk_testkit_call *call = sk_testkit_unanswered(s->kit);
    if (call == NULL) return true;
    return scenario_fail(s, "nobody answers %.*s of saga %.*s: write `reply %.*s …` before",
                         SK_STR_ARGS(call->step), SK_STR_ARGS(call->saga), SK_STR_ARGS(call->step));
}

static bool do_define(struct scenario *s, const struct sk_script_line *line)
{
    bool ok = line->count > 1 || scenario_wrong(s, "define which file?");
    for (uint32_t i = 1; ok && i < line->count; i++) ok = scenario_define_file(s, line->words[i]);
    return ok;
}

static bool do_crash(struct scenario *s)
{
    skald_error error;
    return sk_testkit_crash(s->kit, &error) == SKALD_OK || scenario_fail(s, "%s", error.message);
}

static bool do_line(struct scenario *s, const struct sk_script_line *line)
{
    struct sk_str verb = line->words[0];
    skald_error error;
    if (sk_str_is(verb, "define")) return do_define(s, line);
    if (sk_str_is(verb, "reply")) return do_reply(s, line);
    if (sk_str_is(verb, "expect")) return scenario_expect(s, line);
    if (sk_str_is(verb, "advance")) return do_advance(s, line);
    if (sk_str_is(verb, "run")) return do_run(s);
    if (sk_str_is(verb, "crash")) return do_crash(s);
    if (sk_str_is(verb, "refused") && line->count > 1) return do_refused(s, line);
    enum skald_status status = do_command(s, line, &error);
    if (status == SKALD_E_SYNTAX && s->has_failed) return false;
    return status == SKALD_OK || scenario_fail(s, "refused: %s", error.message);
}

/* `<n>` in the pattern becomes the number of the turn. */
static void put_turn(struct sk_buf *out, struct sk_str pattern, uint64_t n)
{
    for (size_t i = 0; i < pattern.size; i++) {
        if (sk_str_starts(sk_str_sub(pattern, i, 3), SK_STR("<n>"))) {
            sk_buf_append_u64(out, n);
            i += 2;
        } else {
            sk_buf_append_char(out, pattern.data[i]);
        }
    }
}

static bool do_repeat(struct scenario *s, struct sk_str text)
{
    struct sk_script_line line;
    uint64_t count = 0;
    sk_script_line_split(text, &line);
    if (line.count < 3 || !sk_str_to_u64(line.words[1], &count) || count > REPEAT_MAX)
        return scenario_wrong(s, "repeat N LINE");
    size_t offset = (size_t)(line.words[2].data - text.data);
    struct sk_str pattern = sk_str_sub(text, offset, text.size);
    bool ok = true;
    for (uint64_t n = 1; ok && n <= count; n++) {
        struct sk_buf turn;
        sk_buf_init(&turn, 0);
        put_turn(&turn, pattern, n);
        sk_script_line_split(sk_buf_view(&turn), &line);
        ok = line.count == 0 || do_line(s, &line);
        sk_buf_release(&turn);
    }
    return ok;
}

static bool run_line(struct scenario *s, struct sk_str text)
{
    struct sk_str before = s->current, trimmed = sk_str_trim(text);
    size_t arrow = sk_str_find(trimmed, '>');
    bool has_prefix = arrow < sk_str_find(trimmed, ' ');
    struct sk_script_line line;
    s->text = trimmed;
    if (has_prefix) {
        s->current = sk_str_sub(trimmed, 0, arrow);
        trimmed = sk_str_trim(sk_str_sub(trimmed, arrow + 1, trimmed.size));
    }
    bool ok = true;
    if (sk_str_starts(trimmed, SK_STR("repeat "))) {
        ok = do_repeat(s, trimmed);
    } else {
        sk_script_line_split(trimmed, &line);
        ok = line.count == 0 || do_line(s, &line);
    }
    if (has_prefix && ok) s->current = before;
    return ok;
}

/* From the line after `definition` to the line `end`. */
static bool run_definition(struct scenario *s, struct sk_str *rest)
{
    const char *from = rest->data;
    while (rest->size > 0) {
        struct sk_str line = sk_script_next_line(rest);
        s->number++;
        if (!sk_str_is(sk_str_trim(line), "end")) continue;
        return scenario_define_text(s, (struct sk_str){ from, (size_t)(line.data - from) });
    }
    return scenario_wrong(s, "a definition ends with a line `end`");
}

bool scenario_run(struct scenario *s, struct sk_str text, uint32_t line_before)
{
    bool ok = true;
    s->number = line_before;
    while (ok && text.size > 0) {
        struct sk_str line = sk_script_next_line(&text);
        s->number++;
        s->text = sk_str_trim(line);
        ok = sk_str_is(s->text, "definition") ? run_definition(s, &text) : run_line(s, line);
    }
    return ok;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct scenario *scenario_new(const char *file, const struct sk_testkit_options *options)
{
    struct scenario *s = sk_alloc(sizeof *s);
    skald_error error;
    if (s == NULL) return NULL;
    s->file = file;
    sk_arena_init(&s->arena);
    if (sk_testkit_new(options, &s->kit, &error) != SKALD_OK) {
        (void)scenario_wrong(s, "%s", error.message);
    } else {
        s->start_ms = sk_testkit_now(s->kit);
    }
    return s;
}

void scenario_free(struct scenario *s)
{
    if (s == NULL) return;
    sk_testkit_free(s->kit);
    sk_arena_release(&s->arena);
    sk_buf_release(&s->message);
    sk_buf_release(&s->expected);
    sk_buf_release(&s->actual);
    sk_free(s);
}

void scenario_reset(struct scenario *s)
{
    s->has_failed = s->is_wrong = false;
    sk_buf_clear(&s->message);
    sk_buf_clear(&s->expected);
    sk_buf_clear(&s->actual);
}
