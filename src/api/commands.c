/* commands.c: what operators, senders of signals and holders of pending tokens tell a saga. */
#include "api/routes.h"

#include "api/shapes.h"
#include "base/limits.h"

static const char *remedy_of(enum skald_status status)
{
    if (status == SKALD_E_NOT_FOUND) {
        return "check the id of the saga and of the step; GET /api/v1/sagas lists sagas, "
               "GET /api/v1/sagas/{id}/steps its steps";
    }
    if (status == SKALD_E_LIMIT) return "wait until the saga has consumed some of what is stored";
    return NULL;
}

static void on_done(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status != SKALD_OK) {
        struct sk_problem problem = sk_problem_of(reply->status, reply->error);
        problem.retry_after_ms = reply->retry_after_ms;
        const char *remedy = remedy_of(reply->status);
        if (remedy != NULL) problem.remedy = sk_str_of(remedy);
        sk_exchange_problem(x, &problem);
        return;
    }
    if (reply->is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
    struct sk_json_writer w = sk_exchange_writer(x);
    if (reply->saga != NULL) {
        sk_shape_saga(&w, reply->saga);
    } else {
        sk_json_put_null(&w);
    }
    sk_exchange_reply(x, reply->is_pending_direction ? 202 : 200);
}

/* ---- operators' commands --------------------------------------------------------------------- */

struct order {
    struct sk_str by, reason, step, input, output;
    int64_t item;
    bool past_pivot;
};

const struct sk_input sk_command_body[] = {
    { "by", SK_INPUT_TEXT, offsetof(struct order, by),
      "say who asks: {\"by\": \"name\", \"reason\": \"why\"}; it is kept in the history", 0, 0, 200,
      true },
    { "reason", SK_INPUT_PROSE, offsetof(struct order, reason),
      "say why: {\"by\": \"name\", \"reason\": \"why\"}; it is kept in the history", 0, 0, 0,
      true },
    { "step", SK_INPUT_NAME, offsetof(struct order, step), "which step: retry, skip-step", 0, 0, 0,
      false },
    { "item", SK_INPUT_NUMBER, offsetof(struct order, item), "which item of it, from 0", 0,
      SK_ITEMS_MAX - 1, 0, false },
    { "input", SK_INPUT_JSON, offsetof(struct order, input), "in place of the step's: retry", 0, 0,
      0, false },
    { "output", SK_INPUT_JSON, offsetof(struct order, output), "the step counts with: skip-step", 0,
      0, 0, false },
    { "past_pivot", SK_INPUT_FLAG, offsetof(struct order, past_pivot),
      "also after the pivot: force-cancel", 0, 0, 0, false },
    { 0 },
};

static enum sk_command_kind kind_of(const struct sk_exchange *x)
{
    const char *name = strrchr(x->route->path, '/') + 1;
    int kind = SK_COMMAND_CANCEL;
    while (kind < SK_COMMAND_RESUME &&
           strcmp(sk_command_name((enum sk_command_kind)kind), name) != 0) {
        kind += 1;
    }
    return (enum sk_command_kind)kind;
}

/* A member that this command would not look at is a misunderstanding, better told at once. */
static bool check_fit(struct sk_exchange *x, enum sk_command_kind kind, const struct order *order)
{
    bool is_retry = kind == SK_COMMAND_RETRY, is_skip = kind == SK_COMMAND_SKIP_STEP;
    const char *misplaced = NULL;
    if (order->step.size > 0 && !is_retry && !is_skip) misplaced = "step";
    if (order->item >= 0 && !is_retry && !is_skip) misplaced = "item";
    if (order->input.size > 0 && !is_retry) misplaced = "input";
    if (order->output.size > 0 && !is_skip) misplaced = "output";
    if (order->past_pivot && kind != SK_COMMAND_FORCE_CANCEL) misplaced = "past_pivot";
    if (misplaced != NULL) {
        sk_exchange_refuse(x, "leave it out, or send another command", "%s does not take %s",
                           sk_command_name(kind), misplaced);
        return false;
    }
    if ((is_skip || order->item >= 0 || order->input.size > 0) && order->step.size == 0) {
        sk_exchange_refuse(x, "name the step: {\"step\": \"pay\", …}", "step is missing");
        return false;
    }
    return true;
}

void sk_handle_command(struct sk_exchange *x)
{
    struct order order = { .item = -1 };
    enum sk_command_kind kind = kind_of(x);
    struct sk_str id;
    if (!sk_exchange_command_id(x, &id)) return;
    if (!sk_inputs_read_body(x, sk_command_body, &order)) return;
    if (!check_fit(x, kind, &order)) return;
    struct sk_command command = {
        .kind = kind,
        .id = id,
        .who = order.by,
        .why = order.reason,
        .step = SK_STEP_NONE,
        .item = (int32_t)order.item,
        .body = kind == SK_COMMAND_SKIP_STEP ? order.output : order.input,
        .is_past_pivot_allowed = order.past_pivot,
    };
    sk_engine_command(sk_engine_of(x), x->params[0], &command, order.step, on_done, x);
}

/* ---- signals --------------------------------------------------------------------------------- */

struct signal {
    struct sk_str name, id, data;
};

const struct sk_input sk_signal_body[] = {
    { "name", SK_INPUT_TEXT, offsetof(struct signal, name),
      "name the signal: {\"name\": \"approved\", …}", 0, 0, 200, true },
    { "id", SK_INPUT_TEXT, offsetof(struct signal, id),
      "of the signal: the same id again changes nothing", 0, 0, 200, false },
    { "data", SK_INPUT_JSON, offsetof(struct signal, data), "any value", 0, 0, 0, false },
    { 0 },
};

void sk_handle_signal(struct sk_exchange *x)
{
    struct signal signal = { 0 };
    struct sk_str id;
    if (!sk_exchange_command_id(x, &id)) return;
    if (!sk_inputs_read_body(x, sk_signal_body, &signal)) return;
    struct sk_command command = {
        .kind = SK_COMMAND_SIGNAL,
        .id = signal.id.size > 0 ? signal.id : id,
        .name = signal.name,
        .body = signal.data,
        .step = SK_STEP_NONE,
        .item = -1,
    };
    sk_engine_command(sk_engine_of(x), x->params[0], &command, (struct sk_str){ 0 }, on_done, x);
}

/* ---- pending answers ------------------------------------------------------------------------- */

struct completion {
    struct sk_str token, outcome, output, error;
};

const struct sk_input sk_complete_body[] = {
    { "token", SK_INPUT_TEXT, offsetof(struct completion, token),
      "send the Skald-Token that came with the request", 0, 0, 0, true },
    { "outcome", SK_INPUT_TEXT, offsetof(struct completion, outcome),
      "it is \"succeeded\" or \"failed\"", 0, 0, 0, true },
    { "output", SK_INPUT_JSON, offsetof(struct completion, output), "of the step, if it succeeded",
      0, 0, 0, false },
    { "error", SK_INPUT_OBJECT, offsetof(struct completion, error), "{code, message}, if it failed",
      0, 0, 0, false },
    { 0 },
};

static bool text_of(struct sk_exchange *x, struct sk_str object, const char *name,
                    struct sk_str *out_text)
{
    struct sk_str span = sk_json_trim(sk_json_member(object, sk_str_of(name)));
    enum sk_json_type type = sk_json_type(span);
    if (type == SK_JSON_NONE || type == SK_JSON_NULL) return true;
    if (type != SK_JSON_STRING) {
        sk_exchange_refuse(x, "write {\"error\": {\"code\": \"out_of_stock\", \"message\": \"…\"}}",
                           "error.%s is no text", name);
        return false;
    }
    *out_text = sk_json_string(span, &x->arena);
    return true;
}

static bool read_outcome(struct sk_exchange *x, const struct completion *completion,
                         struct sk_outcome *out)
{
    bool has_succeeded = sk_str_is(completion->outcome, "succeeded");
    if (!has_succeeded && !sk_str_is(completion->outcome, "failed")) {
        sk_exchange_refuse(x, "it is \"succeeded\" or \"failed\"", "outcome is neither");
        return false;
    }
    *out = (struct sk_outcome){
        .class_ = has_succeeded ? SK_OUTCOME_SUCCEEDED : SK_OUTCOME_FAILED,
        .is_answered = true,
    };
    if (has_succeeded) {
        out->output = completion->output;
        return true;
    }
    if (!text_of(x, completion->error, "code", &out->code)) return false;
    if (!text_of(x, completion->error, "message", &out->message)) return false;
    out->has_error_code = out->code.size > 0;
    if (!out->has_error_code) out->code = SK_STR("failed");
    return true;
}

void sk_handle_complete(struct sk_exchange *x)
{
    struct completion completion = { 0 };
    struct sk_outcome outcome;
    struct sk_str key; /* the token itself makes a completion repeatable */
    if (!sk_exchange_key(x, &key)) return;
    if (!sk_inputs_read_body(x, sk_complete_body, &completion)) return;
    if (!read_outcome(x, &completion, &outcome)) return;
    sk_engine_complete(sk_engine_of(x), x->params[0], x->params[1], completion.token, &outcome,
                       on_done, x);
}
