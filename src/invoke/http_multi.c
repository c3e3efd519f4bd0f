/*
 * http_multi.c: libcurl's "multi socket" interface on libevent. libcurl says which sockets and
 * which moment it waits for; the loop says when they have come; finished exchanges are handed to
 * http.c.
 *
 *   W1  curl_multi_socket_action is entered from the loop only, never from libcurl's own callbacks.
 *   W2  A connection's socket stays registered for reading while nobody uses it, because libcurl
 *       forgets and asks again with every request and each change costs a system call. It is taken
 *       off when it becomes readable unasked, and always before it is closed.
 *   W3  W2 holds only for sockets that libcurl opens and closes through us: those of the resolver
 *       vanish without a word.
 */
#include "invoke/http_parts.h"

#include "base/assert.h"

#include <sys/socket.h>
#include <unistd.h>

struct sk_http_watch {
    UT_hash_handle hh; /* by fd */
    struct event event;
    struct sk_http_invoker *invoker;
    int fd;
    short kinds;        /* registered with the loop; 0 = not registered */
    bool is_connection; /* W3 */
    bool is_wanted;     /* libcurl waits for it */
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

static void unregister(struct sk_http_watch *watch)
{
    if (watch->kinds != 0) (void)event_del(&watch->event);
    watch->kinds = 0;
}

static void on_socket_ready(evutil_socket_t fd, short what, void *context)
{
    struct sk_http_watch *watch = context;
    struct sk_http_invoker *invoker = watch->invoker; /* the watch may be gone after the action */
    if (!watch->is_wanted) {
        unregister(watch); /* closed by its peer; libcurl sees it when it would use it again */
        return;
    }
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

static struct sk_http_watch *find_watch(const struct sk_http_invoker *invoker, int fd)
{
    struct sk_http_watch *watch = NULL;
    HASH_FIND_INT(invoker->watches, &fd, watch);
    return watch;
}

static struct sk_http_watch *add_watch(struct sk_http_invoker *invoker, int fd, bool is_connection)
{
    struct sk_http_watch *watch = sk_alloc(sizeof *watch);
    if (watch == NULL) return NULL;
    watch->invoker = invoker;
    watch->fd = fd;
    watch->is_connection = is_connection;
    HASH_ADD_INT(invoker->watches, fd, watch);
    if (watch->hh.tbl != NULL) return watch;
    sk_free(watch);
    return NULL;
}

static void drop_watch(struct sk_http_watch *watch)
{
    unregister(watch);
    HASH_DEL(watch->invoker->watches, watch);
    sk_free(watch);
}

static void stop_watching(struct sk_http_watch *watch)
{
    watch->is_wanted = false;
    if (!watch->is_connection) {
        drop_watch(watch);
    } else if (watch->kinds != (EV_READ | EV_PERSIST)) {
        unregister(watch);
    }
}

static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    (void)easy;
    (void)assigned;
    struct sk_http_invoker *invoker = context;
    struct sk_http_watch *watch = find_watch(invoker, fd);
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) stop_watching(watch);
        return 0;
    }
    if (watch == NULL) watch = add_watch(invoker, fd, false);
    if (watch == NULL) return -1;
    short kinds = (short)(((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                          ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST);
    watch->is_wanted = true;
    if (watch->kinds == kinds) return 0;
    unregister(watch);
    struct event *event = &watch->event;
    if (event_assign(event, invoker->options.base, fd, kinds, on_socket_ready, watch) != 0)
        return -1;
    if (event_add(event, NULL) != 0) return -1;
    watch->kinds = kinds;
    return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
curl_socket_t sk_http_open_socket(void *context, curlsocktype purpose,
                                  struct curl_sockaddr *address)
{
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    struct sk_http_watch *stale = find_watch(context, fd);
    if (stale != NULL) drop_watch(stale);
    if (add_watch(context, fd, true) != NULL) return fd;
    (void)close(fd);
    return CURL_SOCKET_BAD;
}

int sk_http_close_socket(void *context, curl_socket_t fd)
{
    struct sk_http_watch *watch = find_watch(context, fd);
    if (watch != NULL) drop_watch(watch);
    return close(fd);
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
    long connections_max = (long)invoker->options.connections_max;
    if (multi == NULL) return SKALD_E_MEMORY;
    bool is_set =
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_change) == CURLM_OK &&
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, invoker) == CURLM_OK &&
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_change) == CURLM_OK &&
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, invoker) == CURLM_OK &&
        curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections_max) == CURLM_OK &&
        curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max) == CURLM_OK;
    return is_set ? SKALD_OK : SKALD_E_UNSUPPORTED;
}

void sk_http_multi_release(struct sk_http_invoker *invoker)
{
    if (invoker->multi == NULL) return;
    (void)curl_multi_cleanup(invoker->multi);
    (void)evtimer_del(&invoker->multi_timer);
    struct sk_http_watch *watch, *next;
    HASH_ITER(hh, invoker->watches, watch, next) drop_watch(watch);
    invoker->multi = NULL;
}
