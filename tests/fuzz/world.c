/* world.c: see world.h. */
#include "world.h"

#include "api/api_private.h"
#include "api/carried.h"
#include "plans.h"
#include "skald/testkit_private.h"

#include <stdio.h>
#include <strings.h>

enum { STEPS_MAX = 100000 };

/* ---- one request ----------------------------------------------------------------------------- */

struct asking {
    struct sk_carried asked; /* first */
    struct fuzz_answer *answer;
};

static struct asking *asking_of(struct sk_http_request *http)
{
    return sk_container_of(http, struct asking, asked.request);
}

static void reply_header(struct sk_http_request *http, const char *name, const char *value)
{
    struct fuzz_answer *answer = asking_of(http)->answer;
    if (strcasecmp(name, "Content-Type") == 0)
        (void)snprintf(answer->type, sizeof answer->type, "%s", value);
    if (strcasecmp(name, "Allow") == 0) answer->has_allow = true;
    if (strcasecmp(name, "Retry-After") == 0) answer->has_retry_after = true;
}

static void reply(struct sk_http_request *http, int status, const char *reason, struct sk_str body)
{
    struct fuzz_answer *answer = asking_of(http)->answer;
    FUZZ_CHECK(answer->status == 0, "a second answer");
    FUZZ_CHECK(status >= 200 && reason != NULL && reason[0] != '\0', "status %d", status);
    answer->status = status;
    sk_buf_append_str(&answer->body, body);
}

static const struct sk_http_request_ops ops = { .is_gone = sk_carried_is_gone,
                                                .view = sk_carried_view,
                                                .header = sk_carried_header,
                                                .reply_header = reply_header,
                                                .reply = reply };

void fuzz_ask(struct sk_api *api, const struct fuzz_request *request, struct fuzz_answer *answer,
              bool (*pump)(void *context), void *context)
{
    *answer = (struct fuzz_answer){ .status = 0 };
    sk_buf_init(&answer->body, 0);
    struct asking asking = { .asked = { .request = { &ops },
                                        .view = { .method = request->method,
                                                  .path = request->path,
                                                  .query = request->query,
                                                  .body = request->body },
                                        .headers = { [SK_CARRIED_KEY] = request->key,
                                                     [SK_CARRIED_TYPE] = request->type } },
                             .answer = answer };
    sk_api_take(api, &asking.asked.request);
    for (int i = 0; answer->status == 0; i++)
        FUZZ_CHECK(i < STEPS_MAX && pump(context), "no answer to %.*s", SK_STR_ARGS(request->path));
}

struct stepping {
    struct sk_testkit *kit;
    bool is_settled;
};

/* Time moves only where nothing else helps: ?wait= gets the time that it waits for. */
static bool step(void *context)
{
    struct stepping *stepping = context;
    if (stepping->is_settled)
        (void)sk_testkit_step(stepping->kit, INT64_MAX / 4);
    else
        sk_testkit_settle(stepping->kit);
    stepping->is_settled = true;
    return true;
}

void fuzz_world_ask(struct sk_testkit *kit, const struct fuzz_request *request,
                    struct fuzz_answer *answer)
{
    struct stepping stepping = { .kit = kit };
    fuzz_ask(kit->api, request, answer, step, &stepping);
}

void fuzz_answer_release(struct fuzz_answer *answer)
{
    sk_buf_release(&answer->body);
}

/* ---- the world ------------------------------------------------------------------------------- */

struct sk_testkit *fuzz_world_new(void)
{
    struct sk_testkit_options options = { .seed = 1 };
    struct sk_testkit *kit = NULL;
    skald_error error = { 0 };
    FUZZ_CHECK(sk_testkit_new(&options, &kit, &error) == SKALD_OK, "%s", error.message);
    for (uint32_t i = 0; i < FUZZ_PLANS_COUNT; i++) {
        enum skald_status status = sk_testkit_define(kit, sk_str_of(fuzz_plan_source(i)),
                                                     SK_STR("plan.yaml"), NULL, &error);
        FUZZ_CHECK(status == SKALD_OK, "%s", error.message);
    }
    return kit;
}

void fuzz_world_reply(struct sk_testkit *kit, enum sk_outcome_class class_)
{
    struct sk_testkit_reply rule = { .item = -1,
                                     .times = SK_REPLY_ALWAYS,
                                     .outcome = { .class_ = class_ } };
    rule.outcome.is_answered = class_ != SK_OUTCOME_UNKNOWN;
    if (class_ == SK_OUTCOME_SUCCEEDED) rule.outcome.output = SK_STR("{\"ok\":true}");
    if (class_ == SK_OUTCOME_FAILED) rule.outcome.code = SK_STR("declined");
    for (int operation = 0; operation <= SK_OPERATION_DECISION; operation++) {
        rule.operation = (enum sk_operation)operation;
        sk_testkit_reply(kit, &rule);
    }
}
