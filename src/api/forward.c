/* forward.c: see forward.h. */
#include "api/forward.h"

#include "api/carried.h"
#include "api/routes.h"
#include "api/stream.h"
#include "engine/group.h"

enum { AGAIN_MS = 20 };

struct sk_peers {
    struct sk_group *group;
    struct sk_peers_lock lock;
    _Atomic(unsigned) streams;
    struct sk_ring_store *rings[2];
    uint32_t count;
    struct sk_api *apis[]; /* each looked at on its own loop only */
};

/* One request on its way. It is touched by one loop at a time: its posts hand it over; `x` is the
 * sender's alone. */
struct sk_forward {
    struct sk_carried asked; /* first; at the sibling; copies */
    struct sk_list node;     /* there: among those it is asked, or that cannot go back */
    struct sk_peers *peers;
    uint32_t from, to;
    struct sk_exchange *x;     /* NULL: it has gone */
    sk_forward_done *done;     /* NULL: the reply is the exchange's */
    struct sk_api *at;         /* the sibling's; NULL: there was none */
    int status;                /* 0: nobody was there */
    struct sk_buf fields, out; /* of the reply: names and values, each with its NUL; the body */
    char text[];
};

/* ---- peers ----------------------------------------------------------------------------------- */

struct sk_peers *sk_peers_new(struct sk_group *group, const struct sk_peers_lock *lock)
{
    uint32_t count = sk_group_count(group);
    struct sk_peers *peers = sk_alloc(sizeof *peers + count * sizeof peers->apis[0]);
    if (peers == NULL) return NULL;
    peers->group = group;
    peers->lock = *lock;
    peers->count = count;
    return peers;
}

void sk_peers_free(struct sk_peers *peers)
{
    sk_free(peers);
}

uint32_t sk_peers_count(const struct sk_peers *peers)
{
    return peers->count;
}

_Atomic(unsigned) *sk_peers_streams(struct sk_peers *peers)
{
    return &peers->streams;
}

void sk_peers_enter(struct sk_peers *peers)
{
    peers->lock.enter(peers->lock.context);
}

void sk_peers_leave(struct sk_peers *peers)
{
    peers->lock.leave(peers->lock.context);
}

struct sk_ring_store **sk_peers_ring(struct sk_peers *peers, bool is_rte)
{
    return &peers->rings[is_rte];
}

struct visit {
    struct sk_peers *peers;
    uint32_t member;
    sk_peer_fn *fn;
    void *context;
};

static void on_visit(struct sk_engine *engine, void *context)
{
    struct visit visit = *(struct visit *)context;
    sk_free(context);
    visit.fn(engine == NULL ? NULL : visit.peers->apis[visit.member], visit.context);
}

enum skald_status sk_peers_post(struct sk_peers *peers, uint32_t member, sk_peer_fn *fn,
                                void *context)
{
    struct visit *visit = sk_alloc(sizeof *visit);
    if (visit == NULL) return SKALD_E_MEMORY;
    *visit = (struct visit){ peers, member, fn, context };
    enum skald_status status = sk_group_post(peers->group, member, on_visit, visit);
    if (status != SKALD_OK) sk_free(visit);
    return status;
}

/* ---- back ------------------------------------------------------------------------------------ */

static void forward_free(struct sk_forward *forward)
{
    sk_buf_release(&forward->fields);
    sk_buf_release(&forward->out);
    sk_free(forward);
}

static void reply_gone(struct sk_exchange *x)
{
    struct sk_problem problem =
        sk_problem_http(503, SK_STR("the part of this server that serves the saga is going down"),
                        SK_STR("send it again, with the same id or Idempotency-Key, once GET "
                               "/readyz answers 200"));
    problem.retry_after_ms = 1000;
    sk_exchange_problem(x, &problem);
}

/* As the sibling has written it. */
static void reply_as_it_is(struct sk_exchange *x, const struct sk_forward *forward)
{
    if (forward->status == 0) {
        reply_gone(x);
        return;
    }
    const char *at = forward->fields.data, *end = at + forward->fields.size;
    while (at != NULL && at < end) {
        const char *value = at + strlen(at) + 1;
        sk_http_reply_header(x->http, at, value);
        at = value + strlen(value) + 1;
    }
    sk_http_reply(x->http, forward->status, sk_problem_reason(forward->status),
                  sk_buf_view(&forward->out));
    sk_exchange_free(x);
}

/* The sender may have no engine any more: its connections are still written to. */
static void land(struct sk_engine *engine, void *context)
{
    (void)engine;
    struct sk_forward *forward = context;
    struct sk_exchange *x = forward->x;
    if (x != NULL) {
        x->forward = NULL;
        if (forward->done != NULL) {
            forward->done(x, forward->status, sk_buf_view(&forward->out));
        } else {
            reply_as_it_is(x, forward);
        }
    }
    forward_free(forward);
}

static void go_back(struct sk_forward *forward)
{
    sk_list_remove(&forward->node);
    if (sk_group_post(forward->peers->group, forward->from, land, forward) == SKALD_OK) return;
    struct sk_api *api = forward->at;
    sk_list_push(&api->unsent, &forward->node);
    struct sk_runtime *runtime = api->options.runtime;
    runtime->ops->timer_arm(api->unsent_timer, runtime->ops->now_ms(runtime) + AGAIN_MS);
}

static void on_again(void *context)
{
    struct sk_api *api = context;
    struct sk_list waiting;
    sk_list_init(&waiting);
    while (!sk_list_is_empty(&api->unsent)) {
        struct sk_list *first = api->unsent.next;
        sk_list_remove(first);
        sk_list_push(&waiting, first);
    }
    while (!sk_list_is_empty(&waiting))
        go_back(sk_container_of(waiting.next, struct sk_forward, node));
}

/* Where an API or its engine is taken down; no loop runs then, so that the sender may be told
 * here if there is no memory to post it. */
static void go_back_at_once(struct sk_forward *forward)
{
    sk_list_remove(&forward->node);
    if (sk_group_post(forward->peers->group, forward->from, land, forward) != SKALD_OK)
        land(NULL, forward);
}

/* ---- there ----------------------------------------------------------------------------------- */

static struct sk_forward *forward_of(struct sk_http_request *request)
{
    return sk_container_of(request, struct sk_forward, asked.request);
}

static void reply_header(struct sk_http_request *request, const char *name, const char *value)
{
    struct sk_buf *fields = &forward_of(request)->fields;
    sk_buf_append_text(fields, name);
    sk_buf_append_char(fields, 0);
    sk_buf_append_text(fields, value);
    sk_buf_append_char(fields, 0);
}

static void reply(struct sk_http_request *request, int status, const char *reason,
                  struct sk_str body)
{
    (void)reason;
    struct sk_forward *forward = forward_of(request);
    sk_buf_append_str(&forward->out, body);
    forward->status = status;
    if (forward->out.failed || forward->fields.failed) {
        /* Without its body the answer would say something else than it means. */
        sk_buf_release(&forward->out);
        sk_buf_release(&forward->fields);
        forward->status = 503;
    }
    go_back(forward);
}

static const struct sk_http_request_ops ops = { .is_gone = sk_carried_is_gone,
                                                .view = sk_carried_view,
                                                .header = sk_carried_header,
                                                .reply_header = reply_header,
                                                .reply = reply };

static void arrive(struct sk_engine *engine, void *context)
{
    struct sk_forward *forward = context;
    forward->at = engine == NULL ? NULL : forward->peers->apis[forward->to];
    if (forward->at == NULL) {
        go_back_at_once(forward);
        return;
    }
    sk_list_push(&forward->at->visitors, &forward->node);
    sk_api_take(forward->at, &forward->asked.request);
}

/* ---- leaving --------------------------------------------------------------------------------- */

static struct sk_str append_text(char **at, struct sk_str text)
{
    struct sk_str copy = { *at, text.size };
    if (text.size > 0) memcpy(*at, text.data, text.size);
    *at += text.size;
    **at = 0;
    *at += 1;
    return copy;
}

static struct sk_forward *forward_new(struct sk_exchange *x, uint32_t member,
                                      const struct sk_carried *asked)
{
    const struct sk_http_view *view = &asked->view;
    size_t size = view->path.size + view->query.size + view->body.size + 3;
    for (size_t i = 0; i < SK_CARRIED_COUNT; i++) size += asked->headers[i].size + 1;
    struct sk_forward *forward = sk_alloc(sizeof *forward + size);
    if (forward == NULL) return NULL;
    *forward = (struct sk_forward){ .asked = *asked,
                                    .peers = x->api->options.peers,
                                    .from = x->api->options.member,
                                    .to = member,
                                    .x = x };
    forward->asked.request.ops = &ops;
    sk_list_init(&forward->node);
    char *at = forward->text;
    forward->asked.view.path = append_text(&at, view->path);
    forward->asked.view.query = append_text(&at, view->query);
    forward->asked.view.body = append_text(&at, view->body);
    for (size_t i = 0; i < SK_CARRIED_COUNT; i++) {
        struct sk_str copy = append_text(&at, asked->headers[i]);
        if (asked->headers[i].data != NULL) forward->asked.headers[i] = copy;
    }
    return forward;
}

static bool leave(struct sk_forward *forward)
{
    if (forward == NULL) return false;
    struct sk_exchange *x = forward->x;
    x->forward = forward;
    if (sk_group_post(forward->peers->group, forward->to, arrive, forward) == SKALD_OK) return true;
    x->forward = NULL;
    forward_free(forward);
    return false;
}

uint32_t sk_forward_member(const struct sk_exchange *x, struct sk_str id)
{
    const struct sk_api_options *options = &x->api->options;
    if (options->peers == NULL) return options->member;
    return sk_group_member_of(options->peers->group, sk_engine_shard_of(options->engine, id));
}

bool sk_forward(struct sk_exchange *x)
{
    struct sk_str id = { NULL, 0 };
    const struct sk_route *route = x->route;
    if (x->api->options.peers == NULL || route->place == NULL) return false;
    if (route->stream != NULL && sk_stream_is_wanted(x)) return false; /* F4 */
    if (!route->place(x, &id)) return false;
    uint32_t member = sk_forward_member(x, id);
    if (member == x->api->options.member) return false;
    struct sk_carried asked = { .view = x->view };
    for (size_t i = 0; i < SK_CARRIED_COUNT; i++)
        asked.headers[i] = sk_http_request_header(x->http, sk_carried_names[i]);
    if (!leave(forward_new(x, member, &asked))) sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
    return true;
}

bool sk_forward_to(struct sk_exchange *x, uint32_t member, const struct sk_forward_ask *ask,
                   sk_forward_done *done)
{
    struct sk_carried asked = {
        .view = { .method = ask->method, .path = ask->path, .body = ask->body },
        .headers = { [SK_CARRIED_TYPE] = SK_STR("application/json") }
    };
    struct sk_forward *forward = forward_new(x, member, &asked);
    if (forward != NULL) forward->done = done;
    return leave(forward);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum skald_status sk_forwards_init(struct sk_api *api)
{
    struct sk_runtime *runtime = api->options.runtime;
    if (api->options.peers == NULL) return SKALD_OK;
    api->unsent_timer = runtime->ops->timer_new(runtime, on_again, api);
    if (api->unsent_timer == NULL) return SKALD_E_MEMORY;
    api->options.peers->apis[api->options.member] = api;
    return SKALD_OK;
}

void sk_forwards_release(struct sk_api *api)
{
    struct sk_list *lists[] = { &api->visitors, &api->unsent };
    if (api->options.peers == NULL) return;
    api->options.peers->apis[api->options.member] = NULL;
    for (size_t i = 0; i < 2; i++) {
        while (!sk_list_is_empty(lists[i]))
            go_back_at_once(sk_container_of(lists[i]->next, struct sk_forward, node));
    }
    api->options.runtime->ops->timer_free(api->unsent_timer);
}

void sk_forward_forget(struct sk_exchange *x)
{
    if (x->forward != NULL) x->forward->x = NULL;
    x->forward = NULL;
}
