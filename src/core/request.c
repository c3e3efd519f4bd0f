/*
 * request.c: from a step's templates to the request that is sent, and back out of the state.
 *
 * A request is resolved once, at the first start of its round, and stored in that event; every
 * attempt sends the stored bytes. Stored form (extra): "METHOD target\n" then "name: value\n" per
 * header; the body beside it. `${secret:…}` stays as written: the invoker resolves it when it
 * sends.
 */
#include "core/core_private.h"

#include "base/time.h"

/* ---- the scope of templates ------------------------------------------------------------------ */

static struct sk_buf *take_buf(struct sk_turn *turn, size_t size_max)
{
    return sk_scratch_take(turn->scratch, size_max);
}

/* What the buffer holds lives on in the turn's arena; the buffer goes back. */
static struct sk_str in_scratch(struct sk_turn *turn, struct sk_buf *buf)
{
    struct sk_str copy = { NULL, 0 };
    if (buf->is_full)
        turn->is_too_large = true;
    else
        copy = sk_arena_copy(&turn->scratch->arena, sk_buf_view(buf));
    if ((buf->failed && !buf->is_full) || turn->scratch->arena.failed) turn->failed = true;
    sk_scratch_give_back(turn->scratch, buf);
    return copy;
}

/* Of a body that was composed of several: each may be as deep as can be read. */
static struct sk_str body_in_scratch(struct sk_turn *turn, struct sk_buf *buf)
{
    bool is_too_deep = !buf->failed && sk_json_is_too_deep(sk_buf_view(buf));
    struct sk_str body = in_scratch(turn, buf);
    if (is_too_deep) turn->is_too_large = true;
    return is_too_deep ? (struct sk_str){ NULL, 0 } : body;
}

static struct sk_str quoted(struct sk_turn *turn, struct sk_str text)
{
    struct sk_buf *buf = take_buf(turn, 0);
    sk_json_quote(buf, text);
    return in_scratch(turn, buf);
}

static struct sk_str number_of(struct sk_turn *turn, uint64_t value)
{
    struct sk_buf *buf = take_buf(turn, 0);
    sk_buf_append_u64(buf, value);
    return in_scratch(turn, buf);
}

static struct sk_str instant_of(struct sk_turn *turn, const struct sk_unit *unit)
{
    char text[SK_TIME_TEXT_SIZE];
    sk_time_format(unit != NULL && unit->first_start_at_ms != 0 ? unit->first_start_at_ms
                                                                : turn->now_ms,
                   text);
    return quoted(turn, sk_str_of(text));
}

struct sk_str sk_error_json(struct sk_turn *turn, uint32_t step, struct sk_str code,
                            struct sk_str message)
{
    struct sk_buf *buf = take_buf(turn, 0);
    struct sk_json_writer w = sk_json_writer_of(buf);
    sk_json_begin_object(&w);
    sk_json_key(&w, "step");
    sk_json_put_str(&w, sk_step_of(turn->saga, step)->id);
    sk_json_key(&w, "code");
    sk_json_put_str(&w, code);
    sk_json_key(&w, "message");
    sk_json_put_str(&w, message);
    sk_json_end_object(&w);
    return in_scratch(turn, buf);
}

static struct sk_str error_of(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    if (turn->error_seen.size > 0) return turn->error_seen;
    if (saga->error_step == SK_STEP_NONE) return (struct sk_str){ NULL, 0 };
    return sk_error_json(turn, saga->error_step, saga->error_code, saga->error_message);
}

static struct sk_str scope_get(const void *pointer, enum sk_root root, uint32_t step_index)
{
    const struct sk_scope_context *c = pointer;
    struct sk_turn *turn = c->turn;
    const struct sk_saga *saga = turn->saga;
    const struct sk_unit *unit =
        c->step == SK_STEP_NONE ? NULL : sk_saga_unit(saga, c->step, c->item);
    switch (root) {
    case SK_ROOT_INPUT: return saga->start.input;
    case SK_ROOT_OUTPUT:
        /* a compensation of one item reads that item's own output */
        if (step_index == c->step && unit != NULL && unit->output.size > 0) return unit->output;
        return saga->steps[step_index].output;
    case SK_ROOT_CONTEXT: return saga->start.context;
    case SK_ROOT_VARIABLES: return c->variables;
    case SK_ROOT_ERROR: return error_of(turn);
    case SK_ROOT_TIMESTAMP: return instant_of(turn, unit);
    case SK_ROOT_SAGA_ID: return quoted(turn, saga->start.id);
    case SK_ROOT_STEP_ID:
        return c->step == SK_STEP_NONE ? (struct sk_str){ NULL, 0 }
                                       : quoted(turn, sk_step_of(saga, c->step)->id);
    case SK_ROOT_STEP_NAME:
        return c->step == SK_STEP_NONE ? (struct sk_str){ NULL, 0 }
                                       : quoted(turn, sk_step_of(saga, c->step)->name);
    case SK_ROOT_ATTEMPT: return number_of(turn, turn->attempt == 0 ? 1u : turn->attempt);
    case SK_ROOT_ITEM: return unit == NULL ? (struct sk_str){ NULL, 0 } : unit->item;
    case SK_ROOT_RESPONSE: return c->response;
    case SK_ROOTS_COUNT: break;
    }
    return (struct sk_str){ NULL, 0 };
}

struct sk_scope sk_scope_of(const struct sk_scope_context *context)
{
    return (struct sk_scope){ context, scope_get };
}

struct sk_str sk_render_text(struct sk_turn *turn, const struct sk_template *template,
                             uint32_t step, int32_t item)
{
    if (sk_template_is_constant(template)) return sk_template_constant(template);
    struct sk_scope_context context = { .turn = turn, .step = step, .item = item };
    struct sk_scope scope = sk_scope_of(&context);
    struct sk_buf *buf = take_buf(turn, SK_PAYLOAD_SIZE_MAX);
    sk_template_render_text(template, &scope, &turn->scratch->arena, buf);
    return in_scratch(turn, buf);
}

struct sk_str sk_render_document(struct sk_turn *turn, const struct sk_document *document,
                                 uint32_t step, int32_t item)
{
    struct sk_scope_context context = { .turn = turn, .step = step, .item = item };
    struct sk_scope scope = sk_scope_of(&context);
    struct sk_buf *buf = take_buf(turn, SK_PAYLOAD_SIZE_MAX);
    sk_document_render(document, &scope, &turn->scratch->arena, buf);
    return in_scratch(turn, buf);
}

/* For a header or a target: values can neither end the line nor ask for a secret. */
static struct sk_str render_line(struct sk_turn *turn, const struct sk_template *template,
                                 const struct sk_event *event)
{
    if (sk_template_is_constant(template)) return sk_template_constant(template);
    struct sk_scope_context context = { .turn = turn, .step = event->step, .item = event->item };
    struct sk_scope scope = sk_scope_of(&context);
    struct sk_buf *buf = take_buf(turn, SK_PAYLOAD_SIZE_MAX);
    sk_template_render_line(template, &scope, &turn->scratch->arena, buf);
    return in_scratch(turn, buf);
}

bool sk_condition_holds(struct sk_turn *turn, const struct sk_condition *condition, uint32_t step,
                        int32_t item, struct sk_str response)
{
    const struct sk_document *variables = sk_step_of(turn->saga, step)->variables;
    struct sk_scope_context context = {
        .turn = turn, .step = step, .item = item, .response = response
    };
    if (variables != NULL) context.variables = sk_render_document(turn, variables, step, item);
    struct sk_scope scope = sk_scope_of(&context);
    return sk_condition_eval(condition, &scope, &turn->scratch->arena);
}

/* ---- resolving ------------------------------------------------------------------------------- */

/* Percent-encodes all but unreserved characters and whole `${secret:NAME}`. */
static void append_escaped(struct sk_buf *out, struct sk_str value)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t secret_end = 0;
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        struct sk_str rest = sk_str_sub(value, i, value.size - i);
        if (sk_str_starts(rest, SK_STR("${secret:"))) secret_end = i + sk_str_find(rest, '}') + 1;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain || i < secret_end) {
            sk_buf_append_char(out, (char)c);
            continue;
        }
        sk_buf_append_char(out, '%');
        sk_buf_append_char(out, hex[c >> 4]);
        sk_buf_append_char(out, hex[c & 15]);
    }
}

/* One header value must stay one line: control bytes become spaces. */
static void append_line_text(struct sk_buf *out, struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        sk_buf_append_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
}

static void append_target(struct sk_turn *turn, const struct sk_action *action,
                          const struct sk_event *event, struct sk_buf *line)
{
    if (action->topic != NULL) {
        append_line_text(line, render_line(turn, action->topic, event));
        return;
    }
    if (action->kind != SK_KIND_HTTP && action->kind != SK_KIND_GRPC) {
        append_line_text(line, action->kind == SK_KIND_TASK ? action->queue : action->service);
        return;
    }
    if (action->endpoint != NULL)
        append_line_text(line, render_line(turn, action->endpoint, event));
    if (action->path != NULL) {
        struct sk_str path = render_line(turn, action->path, event);
        bool is_secret = path.size > 0 && path.data[0] == '{' && line->size > 0 &&
                         line->data[line->size - 1] == '$';
        if (is_secret) line->data[line->size - 1] = '('; /* no `${secret:` out of two halves */
        append_line_text(line, path);
    }
    for (uint32_t i = 0; i < action->query_count; i++) {
        sk_buf_append_char(line, i == 0 ? '?' : '&');
        append_escaped(line, action->query[i].name);
        sk_buf_append_char(line, '=');
        append_escaped(line, render_line(turn, action->query[i].value, event));
    }
}

/* What an automatic compensation sends: the step's input and output. */
static void append_automatic(const struct sk_unit *unit, struct sk_buf *body)
{
    struct sk_json_writer w = sk_json_writer_of(body);
    sk_json_begin_object(&w);
    sk_json_key(&w, "input");
    sk_json_put_raw(&w, unit->action.body);
    sk_json_key(&w, "output");
    sk_json_put_raw(&w, unit->output);
    sk_json_end_object(&w);
}

static bool takes_input(const struct sk_action *action)
{
    return action->body == NULL &&
           (action->kind == SK_KIND_FUNCTION || action->kind == SK_KIND_CUSTOM);
}

void sk_request_resolve(struct sk_turn *turn, const struct sk_action *action,
                        enum sk_operation operation, struct sk_event *event)
{
    (void)sk_turn_is_too_large(turn);
    struct sk_buf *line = take_buf(turn, SK_LINE_SIZE_MAX);
    sk_buf_append_str(line, action->method);
    sk_buf_append_char(line, ' ');
    append_target(turn, action, event, line);
    sk_buf_append_char(line, '\n');
    for (uint32_t i = 0; i < action->headers_count; i++) {
        append_line_text(line, action->headers[i].name);
        sk_buf_append_text(line, ": ");
        append_line_text(line, render_line(turn, action->headers[i].value, event));
        sk_buf_append_char(line, '\n');
    }
    event->extra = in_scratch(turn, line);
    if (operation == SK_OPERATION_COMPENSATION && action->is_automatic) {
        struct sk_buf *body = take_buf(turn, 2 * SK_PAYLOAD_SIZE_MAX + 64); /* input and output */
        append_automatic(sk_saga_unit(turn->saga, event->step, event->item), body);
        event->body = body_in_scratch(turn, body);
    } else if (action->body != NULL) {
        event->body = sk_render_document(turn, action->body, event->step, event->item);
    } else if (takes_input(action)) {
        event->body = turn->saga->start.input;
    }
}

/* ---- notifications --------------------------------------------------------------------------- */

/* What a notification without a message says. */
static void default_message(const struct sk_turn *turn, const struct sk_event *event,
                            struct sk_buf *out)
{
    const struct sk_saga *saga = turn->saga;
    sk_buf_printf(out, "%.*s %.*s: ", SK_STR_ARGS(saga->plan->id), SK_STR_ARGS(saga->start.id));
    if (event->kind == SK_HOOK_ON_COMPENSATION_FAILURE) sk_buf_append_text(out, "undo of ");
    if (event->step != SK_STEP_NONE)
        sk_buf_printf(out, "step %.*s ", SK_STR_ARGS(sk_step_of(saga, event->step)->id));
    if (event->step == SK_STEP_NONE)
        sk_buf_append_text(out, sk_saga_state_name(saga->state));
    else
        sk_buf_append_text(out, event->kind == SK_HOOK_ON_SUCCESS ? "completed" : "failed");
}

static void put_notification(struct sk_turn *turn, const struct sk_hook *hook,
                             const struct sk_event *event, struct sk_buf *out)
{
    static const char *const ons[SK_HOOK_ONS_COUNT] = {
        [SK_HOOK_ON_SUCCESS] = "on_success",
        [SK_HOOK_ON_FAILURE] = "on_failure",
        [SK_HOOK_ON_COMPENSATION_FAILURE] = "on_compensation_failure",
    };
    const struct sk_saga *saga = turn->saga;
    char at[SK_TIME_TEXT_SIZE];
    sk_time_format(turn->now_ms, at);
    struct sk_buf *message = take_buf(turn, 0);
    if (hook->message != NULL)
        sk_buf_append_str(message, sk_render_text(turn, hook->message, event->step, event->item));
    else
        default_message(turn, event, message);
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "type");
    sk_json_put_str(&w, hook->type);
    sk_json_key(&w, "target");
    if (hook->target != NULL)
        sk_json_put_str(&w, sk_render_text(turn, hook->target, event->step, event->item));
    else
        sk_json_put_null(&w);
    sk_json_key(&w, "message");
    sk_json_put_str(&w, sk_buf_view(message));
    sk_json_key(&w, "metadata");
    if (hook->metadata != NULL)
        sk_json_put_raw(&w, sk_render_document(turn, hook->metadata, event->step, event->item));
    else
        sk_json_put_null(&w);
    sk_json_key(&w, "on");
    sk_json_put_text(&w, ons[event->kind]);
    sk_json_key(&w, "definition");
    sk_json_put_str(&w, saga->plan->id);
    sk_json_key(&w, "saga");
    sk_json_put_str(&w, saga->start.id);
    sk_json_key(&w, "state");
    sk_json_put_text(&w, sk_saga_state_name(saga->state));
    sk_json_key(&w, "step");
    if (event->step != SK_STEP_NONE)
        sk_json_put_str(&w, sk_step_of(saga, event->step)->id);
    else
        sk_json_put_null(&w);
    sk_json_key(&w, "error");
    sk_json_put_raw(&w, error_of(turn));
    sk_json_key(&w, "at");
    sk_json_put_text(&w, at);
    sk_json_end_object(&w);
    if (message->failed) out->failed = true;
    sk_scratch_give_back(turn->scratch, message);
}

void sk_request_notification(struct sk_turn *turn, const struct sk_hook *hook,
                             struct sk_event *event)
{
    (void)sk_turn_is_too_large(turn);
    struct sk_buf *line = take_buf(turn, SK_LINE_SIZE_MAX);
    sk_buf_append_str(line, hook->type);
    sk_buf_append_char(line, ' ');
    if (hook->target != NULL) append_line_text(line, render_line(turn, hook->target, event));
    sk_buf_append_char(line, '\n');
    event->extra = in_scratch(turn, line);
    struct sk_buf *body = take_buf(turn, 2 * SK_PAYLOAD_SIZE_MAX);
    put_notification(turn, hook, event, body);
    event->body = body_in_scratch(turn, body);
}

/* ---- time limits ----------------------------------------------------------------------------- */

static int64_t limit_of(struct sk_turn *turn, const struct sk_template *template, uint32_t step,
                        int32_t item)
{
    if (template == NULL) return 0;
    int64_t ms = sk_template_duration_ms(template);
    if (!sk_template_is_constant(template)) {
        struct sk_str text = sk_str_trim(sk_render_text(turn, template, step, item));
        if (!sk_duration_parse(text, &ms)) ms = 0;
    }
    return ms > 0 ? ms : turn->rules->attempt_timeout_ms;
}

static int64_t least(int64_t a, int64_t b)
{
    if (a == 0) return b;
    return b == 0 || a < b ? a : b;
}

static int64_t deadline_of(struct sk_turn *turn, uint32_t step, int32_t item,
                           enum sk_operation operation)
{
    const struct sk_saga *saga = turn->saga;
    const struct sk_step *s = sk_step_of(saga, step);
    int64_t step_limit = least(limit_of(turn, s->timeout, step, item), 0);
    if (step_limit == 0) step_limit = turn->rules->attempt_timeout_ms;
    switch (operation) {
    case SK_OPERATION_COMPENSATION:
        return turn->now_ms +
               (s->compensation.timeout_ms > 0 ? s->compensation.timeout_ms : step_limit);
    case SK_OPERATION_VERIFY: {
        int64_t ms = limit_of(turn, s->verify->timeout, step, item);
        return turn->now_ms + (ms > 0 ? ms : turn->rules->verify_timeout_ms);
    }
    case SK_OPERATION_POLL:
        return turn->now_ms + least(limit_of(turn, s->wait.poll->timeout, step, item), step_limit);
    case SK_OPERATION_ACTION:
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION: break;
    }
    int64_t deadline =
        turn->now_ms + least(limit_of(turn, s->action->timeout, step, item), step_limit);
    const struct sk_unit *unit = sk_saga_unit(saga, step, item);
    if (s->step_timeout_ms > 0 && unit != NULL) {
        int64_t from = unit->first_start_at_ms != 0 ? unit->first_start_at_ms : turn->now_ms;
        /* Once it has passed, whoever still tries is not bound by it: see is_never_given_up. */
        if (from + s->step_timeout_ms > turn->now_ms)
            deadline = least(deadline, from + s->step_timeout_ms);
    }
    bool is_bounded = saga->state == SK_SAGA_RUNNING && !saga->is_past_pivot &&
                      !saga->plan->is_forward && !s->is_detached;
    if (is_bounded && saga->deadline_ms > turn->now_ms)
        deadline = least(deadline, saga->deadline_ms);
    return deadline <= turn->now_ms ? turn->now_ms + 1 : deadline;
}

int64_t sk_hook_deadline(struct sk_turn *turn, const struct sk_action *action,
                         const struct sk_event *event)
{
    int64_t limit = 0;
    turn->attempt = event->attempt;
    if (action != NULL) limit = limit_of(turn, action->timeout, event->step, event->item);
    turn->attempt = 0;
    int64_t usual = turn->rules->hook_timeout_ms;
    if (limit == 0) limit = usual > 0 ? usual : SK_HOOK_TIMEOUT_MS;
    return turn->now_ms + limit;
}

int64_t sk_deadline_of(struct sk_turn *turn, const struct sk_event *event,
                       enum sk_operation operation)
{
    turn->attempt = event->attempt;
    int64_t deadline = deadline_of(turn, event->step, event->item, operation);
    turn->attempt = 0;
    return deadline;
}

/* ---- out of the state ------------------------------------------------------------------------ */

static const struct sk_action *action_of(const struct sk_step *step, enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_ACTION: return step->action;
    case SK_OPERATION_COMPENSATION: return step->compensation.action;
    case SK_OPERATION_VERIFY: return step->verify;
    case SK_OPERATION_POLL: return step->wait.poll;
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION: break;
    }
    return NULL;
}

static struct sk_request request_of(const struct sk_call *call)
{
    size_t line_end = sk_str_find(call->line, '\n');
    size_t space = sk_str_find(call->line, ' ');
    /* Evolve and decode let nothing else fly than what sk_line_is_whole. */
    SK_ASSERT(space < line_end && line_end < call->line.size);
    return (struct sk_request){
        .method = sk_str_sub(call->line, 0, space),
        .target = sk_str_sub(call->line, space + 1, line_end - space - 1),
        .headers = sk_str_sub(call->line, line_end + 1, call->line.size - line_end - 1),
        .body = call->body,
    };
}

struct sk_request sk_saga_request(const struct sk_saga *saga, const struct sk_effect *effect,
                                  struct sk_buf *key)
{
    if (effect->operation == SK_OPERATION_HOOK) {
        const struct sk_hook *hook = NULL;
        struct sk_request request = request_of(sk_hook_call(saga, effect->start_seq, &hook, key));
        request.action = hook->action;
        return request;
    }
    struct sk_unit *unit = sk_saga_unit(saga, effect->step, effect->item);
    struct sk_request request = request_of(sk_unit_call(unit, effect->operation));
    request.action = action_of(sk_step_of(saga, effect->step), effect->operation);
    request.is_maybe = unit->maybe;
    uint32_t round = effect->operation == SK_OPERATION_VERIFY ? unit->action.round : effect->round;
    sk_saga_key(saga, effect->step, effect->item, effect->operation, round, key);
    return request;
}

static struct sk_str upstream_output(const struct sk_saga *saga, const struct sk_effect *effect,
                                     uint32_t step)
{
    if (step != effect->step) {
        bool is_ancestor = sk_bitset_has(&sk_step_of(saga, effect->step)->ancestors, step);
        return is_ancestor ? saga->steps[step].output : (struct sk_str){ NULL, 0 };
    }
    bool is_after =
        effect->operation == SK_OPERATION_COMPENSATION || effect->operation == SK_OPERATION_VERIFY;
    const struct sk_unit *unit = sk_saga_unit(saga, effect->step, effect->item);
    if (!is_after) return (struct sk_str){ NULL, 0 };
    return unit != NULL && unit->output.size > 0 ? unit->output : saga->steps[step].output;
}

void sk_saga_upstream(const struct sk_saga *saga, const struct sk_effect *effect,
                      struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    for (uint32_t i = 0; i < saga->plan->steps_count && effect->step < saga->plan->steps_count;
         i++) {
        struct sk_str output = upstream_output(saga, effect, i);
        if (output.size == 0) continue;
        sk_json_key_str(&w, saga->plan->step_ids[i]);
        sk_json_put_raw(&w, output);
    }
    sk_json_end_object(&w);
}
