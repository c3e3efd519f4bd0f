/*
 * http_multi.c: libcurl's "multi socket" interface on libevent. libcurl says which sockets and
 * which moment it waits for; the loop says when they have come; finished exchanges are handed to
 * http.c.
 *
 * Never called by libcurl's own callbacks: curl_multi_socket_action is entered from the loop only.
 */
#include "invoke/http_parts.h"

/* What libcurl keeps for us beside each of its sockets. */
struct watch {
    struct event event;
    struct sk_http_invoker *invoker;
};

static void collect(struct sk_http_invoker *invoker)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(invoker->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode result = message->data.result;
        char *transfer = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        sk_http_on_curl((struct sk_http_transfer *)(void *)transfer, result);
    }
}

static void on_socket_ready(evutil_socket_t fd, short what, void *context)
{
    const struct watch *watch = context;
    struct sk_http_invoker *invoker = watch->invoker; /* the watch may be gone after the action */
    int bits = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
               ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    int running = 0;
    (void)curl_multi_socket_action(invoker->multi, fd, bits, &running);
    collect(invoker);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_http_invoker *invoker = context;
    int running = 0;
    (void)curl_multi_socket_action(invoker->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(invoker);
}

static void forget_socket(struct sk_http_invoker *invoker, curl_socket_t fd, struct watch *watch)
{
    if (watch == NULL) return;
    (void)event_del(&watch->event);
    (void)curl_multi_assign(invoker->multi, fd, NULL);
    sk_free(watch);
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    (void)easy;
    struct sk_http_invoker *invoker = context;
    struct watch *watch = assigned;
    if (what == CURL_POLL_REMOVE) {
        forget_socket(invoker, fd, watch);
        return 0;
    }
    bool is_new = watch == NULL;
    if (is_new) {
        watch = sk_alloc(sizeof *watch);
        if (watch == NULL) return -1;
        watch->invoker = invoker;
    } else {
        (void)event_del(&watch->event);
    }
    short kinds = (short)(((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                          ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST);
    bool is_added = event_assign(&watch->event, invoker->options.base, fd, kinds, on_socket_ready,
                                 watch) == 0 &&
                    event_add(&watch->event, NULL) == 0;
    if (is_new && is_added) (void)curl_multi_assign(invoker->multi, fd, watch);
    if (is_new && !is_added) sk_free(watch);
    return is_added ? 0 : -1;
}

static int on_timer_change(CURLM *multi, long delay_ms, void *context)
{
    (void)multi;
    struct sk_http_invoker *invoker = context;
    if (delay_ms < 0) {
        (void)evtimer_del(&invoker->multi_timer);
        return 0;
    }
    struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = (delay_ms % 1000) * 1000 };
    return evtimer_add(&invoker->multi_timer, &delay) == 0 ? 0 : -1;
}

enum skald_status sk_http_multi_init(struct sk_http_invoker *invoker)
{
    (void)evtimer_assign(&invoker->multi_timer, invoker->options.base, on_timer, invoker);
    invoker->multi = curl_multi_init();
    CURLM *multi = invoker->multi;
    if (multi == NULL) return SKALD_E_MEMORY;
    bool is_set = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_change) == CURLM_OK &&
                  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, invoker) == CURLM_OK &&
                  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_change) == CURLM_OK &&
                  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, invoker) == CURLM_OK &&
                  curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
                  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                                    (long)invoker->options.connections_max) == CURLM_OK;
    return is_set ? SKALD_OK : SKALD_E_UNSUPPORTED;
}

void sk_http_multi_release(struct sk_http_invoker *invoker)
{
    if (invoker->multi == NULL) return;
    (void)curl_multi_cleanup(invoker->multi);
    (void)evtimer_del(&invoker->multi_timer);
    invoker->multi = NULL;
}
