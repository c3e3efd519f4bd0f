/* answers.c: see answers.h. */
#include "answers.h"

#include "participants.h"
#include "reached.h"

void sim_answer(struct sim_answer *out, uint16_t status, struct sk_str body)
{
    *out = (struct sim_answer){ 0 };
    out->http.is_sent = true;
    out->http.status = status;
    out->http.body = body;
}

void sim_answer_refusal(struct sim_answer *out)
{
    sim_answer(out, 422, SK_STR("{\"error\":{\"code\":\"insufficient_funds\"}}"));
}

void sim_answer_busy(struct sim_answer *out, int64_t retry_after_ms)
{
    sim_answer(out, 503, SK_STR(""));
    out->http.has_retry_after = true;
    out->http.retry_after_ms = retry_after_ms;
}

void sim_answer_pending(struct sim_answer *out)
{
    sim_answer(out, 202, SK_STR(""));
    out->http.is_pending = true;
}

void sim_answer_nothing(struct sim_answer *out, enum sk_http_failure failure, bool is_sent)
{
    *out = (struct sim_answer){ 0 };
    out->http.failure = failure;
    out->http.is_sent = is_sent;
    out->http.message = SK_STR("nothing came back");
}

static bool is_listed(const struct sim_request *request, uint16_t status)
{
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < request->statuses[i].count; k++) {
            if (request->statuses[i].items[k] == status) return true;
        }
    }
    return false;
}

void sim_answer_conclude(struct sim_world *world, const struct sim_request *request,
                         struct sim_answer *answer)
{
    const struct sim_statuses *lists = request->statuses;
    struct sk_http_question question = { .operation = request->operation,
                                         .is_maybe = request->is_maybe,
                                         .success = lists[0].items,
                                         .fail = lists[1].items,
                                         .retry = lists[2].items,
                                         .success_count = lists[0].count,
                                         .fail_count = lists[1].count,
                                         .retry_count = lists[2].count };
    sk_http_outcome(&question, &answer->http, &world->arena, &answer->outcome);
    if (answer->http.failure == SK_HTTP_WHOLE && is_listed(request, answer->http.status))
        sim_reached(world, SIM_REACHED_STATUS_BY_LIST);
}
