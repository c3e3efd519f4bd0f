/* client_curl.c: the calls by libcurl, as src/invoke/http_multi.c drives it: a connection's socket
 * stays registered for reading while nobody uses it. */
#include "limit_http.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTORS_MAX = 8192 };

struct curl_client;

/* A handle and what the call on it needs. */
struct slot {
    struct curl_client *client;
    CURL *easy;
    struct flow *flow;
    struct slot *next;
    struct call call;
    struct curl_slist headers[LIMIT_HEADERS_COUNT + 1];
    char texts[LIMIT_HEADERS_COUNT][160];
    char answer[4096];
    size_t answer_size;
};

struct watch {
    struct event event;
    struct curl_client *client;
    short kinds;
    bool is_wanted;
};

struct curl_client {
    struct client client; /* first */
    struct event_base *base;
    CURLM *multi;
    struct event timer;
    struct watch *watches; /* by descriptor */
    struct slot *idle;
    struct line line;
    char urls[5][64];
};

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct slot *slot = context;
    size_t room = sizeof slot->answer - slot->answer_size;
    size_t taken = size * count < room ? size * count : room;
    memcpy(slot->answer + slot->answer_size, data, taken);
    slot->answer_size += taken;
    return size * count;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static void send_flow(struct curl_client *client, struct slot *slot, struct flow *flow)
{
    struct call *call = &slot->call;
    char url[96];
    limit_describe(flow, call);
    for (size_t i = 0; i < LIMIT_HEADERS_COUNT; i++) {
        (void)snprintf(slot->texts[i], sizeof slot->texts[i], "%s: %s", limit_header_names[i],
                       call->values[i]);
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s",
                   (unsigned)limit_options_of(client->client.limit)->port, call->path);
    slot->flow = flow;
    slot->answer_size = 0;
    (void)curl_easy_setopt(slot->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, call->body);
    (void)curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
    (void)curl_multi_add_handle(client->multi, slot->easy);
}

static void call(struct client *base, struct flow *flow)
{
    struct curl_client *client = (struct curl_client *)base;
    struct slot *slot = client->idle;
    if (slot == NULL) {
        line_put(&client->line, flow);
        return;
    }
    client->idle = slot->next;
    send_flow(client, slot, flow);
}

static void collect(struct curl_client *client)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) continue;
        char *context = NULL;
        long status = 0;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        struct slot *slot = (struct slot *)(void *)context;
        struct flow *flow = slot->flow;
        (void)curl_multi_remove_handle(client->multi, slot->easy);
        struct flow *next = line_take(&client->line);
        if (next != NULL) {
            send_flow(client, slot, next);
        } else {
            slot->next = client->idle;
            client->idle = slot;
        }
        limit_on_answer(client->client.limit, flow, (int)status);
    }
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
    struct watch *watch = context;
    int running = 0;
    if (!watch->is_wanted) {
        (void)event_del(&watch->event);
        watch->kinds = 0;
        return;
    }
    int bits = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
               ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(watch->client->multi, fd, bits, &running);
    collect(watch->client);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct curl_client *client = context;
    int running = 0;
    (void)fd;
    (void)what;
    (void)curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(client);
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    struct curl_client *client = context;
    struct watch *watch = &client->watches[fd];
    (void)easy;
    (void)assigned;
    if (what == CURL_POLL_REMOVE) {
        watch->is_wanted = false;
        if (watch->kinds != 0 && watch->kinds != (EV_READ | EV_PERSIST)) {
            (void)event_del(&watch->event);
            watch->kinds = 0;
        }
        return 0;
    }
    short kinds = (short)(((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                          ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST);
    watch->client = client;
    watch->is_wanted = true;
    if (watch->kinds == kinds) return 0;
    if (watch->kinds != 0) (void)event_del(&watch->event);
    (void)event_assign(&watch->event, client->base, fd, kinds, on_ready, watch);
    (void)event_add(&watch->event, NULL);
    watch->kinds = kinds;
    return 0;
}

static int on_timer_change(CURLM *multi, long delay_ms, void *context)
{
    struct curl_client *client = context;
    (void)multi;
    if (delay_ms < 0) {
        (void)event_del(&client->timer);
        return 0;
    }
    struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = (delay_ms % 1000) * 1000 };
    return event_add(&client->timer, &delay);
}

static void add_slot(struct curl_client *client)
{
    struct slot *slot = limit_alloc(sizeof *slot);
    CURL *easy = curl_easy_init();
    slot->client = client;
    slot->easy = easy;
    for (size_t i = 0; i <= LIMIT_HEADERS_COUNT; i++) {
        slot->headers[i].data = i < LIMIT_HEADERS_COUNT ? slot->texts[i] : (char *)"Expect:";
        slot->headers[i].next = i < LIMIT_HEADERS_COUNT ? &slot->headers[i + 1] : NULL;
    }
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->headers);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    slot->next = client->idle;
    client->idle = slot;
}

struct client *limit_client_curl(struct limit *limit, struct event_base *base)
{
    static const struct client_ops ops = { call };
    struct curl_client *client = limit_alloc(sizeof *client);
    uint32_t connections = limit_options_of(limit)->connections_max;
    client->client = (struct client){ &ops, limit };
    client->base = base;
    client->watches = limit_alloc(DESCRIPTORS_MAX * sizeof *client->watches);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    client->multi = curl_multi_init();
    (void)event_assign(&client->timer, base, -1, 0, on_timer, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (uint32_t i = 0; i < connections; i++) add_slot(client);
    return &client->client;
}
