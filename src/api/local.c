/* local.c: see local.h. */
#include "api/local.h"

#include "api/api_private.h"
#include "api/carried.h"
#include "api/routes.h"

#include <strings.h>

struct local {
    struct sk_carried asked; /* first */
    struct sk_list node;     /* among the API's */
    struct sk_local_answer answer;
    sk_local_done *done;
    void *context;
};

static struct local *local_of(struct sk_http_request *request)
{
    return sk_container_of(request, struct local, asked.request);
}

/* What a caller in the same process can use; the rest is for the wire. */
static void reply_header(struct sk_http_request *request, const char *name, const char *value)
{
    struct sk_local_answer *answer = &local_of(request)->answer;
    if (strcasecmp(name, "Skald-Replayed") == 0) answer->is_replayed = true;
    uint64_t seconds = 0;
    if (strcasecmp(name, "Retry-After") == 0 && sk_str_to_u64(sk_str_of(value), &seconds)) {
        answer->retry_after_ms = seconds < 86400 ? (int64_t)seconds * 1000 : 86400000;
    }
}

static void finish(struct local *local, int status, struct sk_str body)
{
    sk_list_remove(&local->node);
    local->answer.status = status;
    local->answer.body = body;
    local->done(local->context, &local->answer);
    sk_free(local);
}

static void reply(struct sk_http_request *request, int status, const char *reason,
                  struct sk_str body)
{
    (void)reason;
    finish(local_of(request), status, body);
}

static const struct sk_http_request_ops local_ops = { .is_gone = sk_carried_is_gone,
                                                      .view = sk_carried_view,
                                                      .header = sk_carried_header,
                                                      .reply_header = reply_header,
                                                      .reply = reply };

enum skald_status sk_api_ask(struct sk_api *api, const struct sk_local_question *question,
                             sk_local_done *done, void *context)
{
    struct local *local = sk_alloc(sizeof *local);
    if (local == NULL) return SKALD_E_MEMORY;
    bool has_type = question->type.size > 0;
    *local = (struct local){ .asked = { .request = { &local_ops },
                                        .view = { .method = question->method,
                                                  .path = question->path,
                                                  .query = question->query,
                                                  .body = question->body },
                                        .headers = { [SK_CARRIED_KEY] = question->key,
                                                     [SK_CARRIED_TYPE] =
                                                         has_type ? question->type
                                                                  : SK_STR("application/json") } },
                             .done = done,
                             .context = context };
    sk_list_push(&api->locals, &local->node);
    sk_api_take(api, &local->asked.request);
    return SKALD_OK;
}

void sk_locals_free(struct sk_api *api)
{
    while (!sk_list_is_empty(&api->locals)) {
        finish(sk_container_of(api->locals.next, struct local, node), 0, (struct sk_str){ 0 });
    }
}
