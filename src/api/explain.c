/* explain.c: what a saga waits for; what a cancel would do. Both only look. */
#include "api/routes.h"

#include "core/explain.h"
#include "core/preview.h"

static void fail(struct sk_exchange *x, const struct sk_reply *reply)
{
    struct sk_problem problem = sk_problem_of(reply->status, reply->error);
    problem.retry_after_ms = reply->retry_after_ms;
    if (reply->status == SKALD_E_NOT_FOUND) problem.remedy = SK_STR("GET /api/v1/sagas lists them");
    sk_exchange_problem(x, &problem);
}

/* ---- explain --------------------------------------------------------------------------------- */

/* {id, state, reason, seq} and what the explanation says. */
static void put_explanation(struct sk_exchange *x, const struct sk_saga *saga,
                            const struct sk_explanation *explanation)
{
    struct sk_buf members = { 0 };
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_explanation_json(explanation, saga->plan, &members);
    sk_json_begin_object(&w);
    sk_json_key(&w, "saga");
    sk_json_put_str(&w, saga->start.id);
    sk_json_key(&w, "state");
    sk_json_put_text(&w, sk_saga_state_name(sk_saga_shown_state(saga)));
    sk_json_key(&w, "seq");
    sk_json_put_u64(&w, saga->seq);
    struct sk_json_iter it = sk_json_walk(sk_buf_view(&members));
    while (sk_json_next(&it)) {
        sk_json_key_str(&w, it.name);
        sk_json_put_raw(&w, it.value);
    }
    sk_json_end_object(&w);
    if (members.failed) x->out.failed = true;
    sk_buf_release(&members);
}

static void on_explain(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    const struct sk_engine *engine = sk_engine_of(x);
    struct sk_explanation explanation;
    if (reply->status != SKALD_OK) {
        fail(x, reply);
        return;
    }
    bool is_made =
        sk_saga_explain(reply->saga, sk_engine_now(engine), sk_engine_rules(engine), &explanation);
    if (is_made) put_explanation(x, reply->saga, &explanation);
    sk_explanation_release(&explanation);
    if (is_made)
        sk_exchange_reply(x, 200);
    else
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
}

void sk_handle_explain(struct sk_exchange *x)
{
    sk_engine_get(sk_engine_of(x), x->params[0], on_explain, x);
}

/* ---- preview --------------------------------------------------------------------------------- */

struct preview {
    bool force, past_pivot;
};

const struct sk_input sk_preview_query[] = {
    { "force", SK_INPUT_FLAG, offsetof(struct preview, force),
      "of a force-cancel: what is in flight is not awaited", 0, 0, 0, false },
    { "past_pivot", SK_INPUT_FLAG, offsetof(struct preview, past_pivot),
      "also after the pivot: with force", 0, 0, 0, false },
    { 0 },
};

static void on_preview(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    const struct preview *asked = x->state;
    const struct sk_engine *engine = sk_engine_of(x);
    struct sk_preview preview;
    if (reply->status != SKALD_OK) {
        fail(x, reply);
        return;
    }
    bool is_made =
        sk_saga_preview(reply->saga, asked->force ? SK_COMMAND_FORCE_CANCEL : SK_COMMAND_CANCEL,
                        asked->past_pivot, sk_engine_now(engine), sk_engine_rules(engine),
                        &preview);
    (void)sk_exchange_writer(x);
    if (is_made) sk_preview_json(&preview, reply->saga->plan, &x->out);
    sk_preview_release(&preview);
    if (is_made)
        sk_exchange_reply(x, 200);
    else
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
}

void sk_handle_preview(struct sk_exchange *x)
{
    struct preview *asked = SK_EXCHANGE_STATE(x, struct preview);
    if (asked == NULL) return;
    if (!sk_inputs_read_query(x, sk_preview_query, asked)) return;
    if (asked->past_pivot && !asked->force) {
        sk_exchange_refuse(x, "ask with force=true, or leave it out",
                           "past_pivot goes with force only");
        return;
    }
    sk_engine_get(sk_engine_of(x), x->params[0], on_preview, x);
}
