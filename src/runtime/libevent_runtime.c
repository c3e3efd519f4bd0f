/*
 * libevent_runtime.c: puts mailbox, helpers, timers, clock, chance and log behind the runtime port.
 *
 *   new ──► idle ──_run──► running ──_stop, seen by on_wake──► idle ──_free──► gone
 *
 * R1  `is_stopping` is written by any thread and read by the loop after the mail: what was posted
 *     before the stop is called before _run returns.
 * R2  SIGPIPE never ends the process on behalf of the loop or a helper thread.
 */
#include "runtime/libevent_parts.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/list.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static struct sk_libevent_runtime *whole_of(struct sk_runtime *port)
{
    return sk_container_of(port, struct sk_libevent_runtime, port);
}

/* ---- time, chance, log ----------------------------------------------------------------------- */

static int64_t read_clock_us(clockid_t id)
{
    struct timespec at;
    int rc = clock_gettime(id, &at);
    SK_ASSERT(rc == 0);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static void warn_of_jump(struct sk_libevent_runtime *runtime, int64_t now_us, int64_t jump_us)
{
    char text[160];
    int size = snprintf(text, sizeof text,
                        "the wall clock jumped by %+.1f s; engine time follows by 1 s in 10 s",
                        (double)jump_us / 1e6);
    struct sk_log_line line = { .level = SK_LOG_WARN,
                                .event = SK_STR("clock.jumped"),
                                .duration_ms = -1,
                                .message = { text, (size_t)size } };
    sk_log_sink_write(runtime->log, now_us / 1000, &line);
}

int64_t sk_libevent_now_us(struct sk_libevent_runtime *runtime)
{
    int64_t mono_us = read_clock_us(CLOCK_MONOTONIC);
    if (sk_clock_is_due(&runtime->clock, mono_us)) {
        int64_t jump_us = sk_clock_align(&runtime->clock, mono_us, read_clock_us(CLOCK_REALTIME));
        if (jump_us != 0) {
            warn_of_jump(runtime, sk_clock_now_us(&runtime->clock, mono_us), jump_us);
        }
    }
    return sk_clock_now_us(&runtime->clock, mono_us);
}

static int64_t port_now_ms(struct sk_runtime *port)
{
    return sk_libevent_now_us(whole_of(port)) / 1000;
}

static int64_t port_monotonic_us(struct sk_runtime *port)
{
    (void)port;
    return read_clock_us(CLOCK_MONOTONIC);
}

static void fill_pool(struct sk_libevent_runtime *runtime)
{
    size_t done = 0;
    while (done < SK_RANDOM_POOL_SIZE) {
        ssize_t got = getrandom(runtime->random_pool + done, SK_RANDOM_POOL_SIZE - done, 0);
        SK_ASSERT(got > 0 || errno == EINTR);
        if (got > 0) done += (size_t)got;
    }
    runtime->random_left = SK_RANDOM_POOL_SIZE;
}

/* Drawn ahead in pages: an id that must fall into a given shard is drawn dozens of times. */
static void port_random(struct sk_runtime *port, void *out, size_t size)
{
    struct sk_libevent_runtime *runtime = whole_of(port);
    uint8_t *to = out;
    while (size > 0) {
        if (runtime->random_left == 0) fill_pool(runtime);
        size_t part = size < runtime->random_left ? size : runtime->random_left;
        uint8_t *from = runtime->random_pool + (SK_RANDOM_POOL_SIZE - runtime->random_left);
        memcpy(to, from, part);
        memset(from, 0, part); /* used bytes are nobody's any more */
        runtime->random_left -= part;
        to += part;
        size -= part;
    }
}

static void port_log(struct sk_runtime *port, const struct sk_log_line *line)
{
    struct sk_libevent_runtime *runtime = whole_of(port);
    sk_log_sink_write(runtime->log, sk_libevent_now_us(runtime) / 1000, line);
}

static bool port_logs(struct sk_runtime *port, enum sk_log_level level)
{
    return sk_log_sink_takes(whole_of(port)->log, level);
}

/* ---- other threads --------------------------------------------------------------------------- */

static enum skald_status port_post(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    struct sk_mail *mail = sk_alloc(sizeof *mail);
    if (mail == NULL) return SKALD_E_MEMORY;
    mail->fn = fn;
    mail->context = context;
    sk_mailbox_put(&whole_of(port)->mailbox, mail);
    return SKALD_OK;
}

static enum skald_status port_offload(struct sk_runtime *port, sk_runtime_fn *work,
                                      sk_runtime_fn *done, void *context)
{
    return sk_helpers_run(&whole_of(port)->helpers, work, done, context);
}

static const struct sk_runtime_ops libevent_ops = {
    .now_ms = port_now_ms,
    .monotonic_us = port_monotonic_us,
    .random = port_random,
    .timer_new = sk_timers_new,
    .timer_arm = sk_timers_arm,
    .timer_disarm = sk_timers_disarm,
    .timer_free = sk_timers_free,
    .post = port_post,
    .offload = port_offload,
    .log = port_log,
    .logs = port_logs,
};

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_libevent_runtime *runtime = context;
    bool is_stopping = __atomic_load_n(&runtime->is_stopping, __ATOMIC_ACQUIRE);
    (void)sk_mailbox_deliver(&runtime->mailbox);
    if (is_stopping) (void)event_base_loopbreak(runtime->base);
}

static void on_signal_event(evutil_socket_t number, short what, void *context)
{
    (void)what;
    struct sk_libevent_runtime *runtime = context;
    runtime->on_signal(runtime->signal_context, (int)number);
}

static enum skald_status make_base(struct sk_libevent_runtime *runtime)
{
    struct event_config *config = event_config_new();
    if (config == NULL) return SKALD_E_MEMORY;
    /* Of a reply's "wait until it can be written" and "no more", in one turn, nothing is left to
     * tell the system. It must not be used with descriptors that are duplicates: there are none. */
    int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST;
    int rc = event_config_set_flag(config, flags);
    if (rc == 0) runtime->base = event_base_new_with_config(config);
    event_config_free(config);
    return runtime->base != NULL ? SKALD_OK : SKALD_E_AGAIN;
}

static enum skald_status take_signals(struct sk_libevent_runtime *runtime)
{
    static const int numbers[2] = { SIGINT, SIGTERM };
    if (runtime->on_signal == NULL) return SKALD_OK;
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < 2; i++) {
        struct event *event = evsignal_new(runtime->base, numbers[i], on_signal_event, runtime);
        if (event == NULL) return SKALD_E_MEMORY;
        runtime->signal_events[i] = event;
        if (event_add(event, NULL) != 0) return SKALD_E_AGAIN;
    }
    return SKALD_OK;
}

static enum skald_status make_parts(struct sk_libevent_runtime *runtime)
{
    enum skald_status status = make_base(runtime);
    if (status == SKALD_OK) status = sk_timers_init(&runtime->timers, runtime);
    if (status != SKALD_OK) return status;
    runtime->wake_event =
        event_new(runtime->base, runtime->mailbox.wake_fd, EV_READ | EV_PERSIST, on_wake, runtime);
    if (runtime->wake_event == NULL) return SKALD_E_MEMORY;
    if (event_add(runtime->wake_event, NULL) != 0) return SKALD_E_AGAIN;
    return take_signals(runtime);
}

static enum skald_status take_log(struct sk_libevent_runtime *runtime,
                                  const struct sk_libevent_options *options, skald_error *error)
{
    runtime->log = options->shared_log;
    runtime->owns_log = runtime->log == NULL;
    return runtime->owns_log ? sk_log_sink_new(&options->log, &runtime->log, error) : SKALD_OK;
}

enum skald_status sk_libevent_runtime_new(const struct sk_libevent_options *options,
                                          struct sk_libevent_runtime **out, skald_error *error)
{
    static const struct sk_libevent_options defaults;
    if (options == NULL) options = &defaults;
    *out = NULL;
    if (options->helpers_max > SK_HELPERS_MAX) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "runtime: at most %d helper threads",
                            SK_HELPERS_MAX);
    }
    struct sk_libevent_runtime *runtime = sk_alloc(sizeof *runtime);
    if (runtime == NULL) return sk_error_set(error, SKALD_E_MEMORY, "runtime: out of memory");
    runtime->port.ops = &libevent_ops;
    runtime->on_signal = options->on_signal;
    runtime->signal_context = options->signal_context;
    sk_clock_init(&runtime->clock, read_clock_us(CLOCK_MONOTONIC), read_clock_us(CLOCK_REALTIME));
    enum skald_status status = sk_mailbox_init(&runtime->mailbox);
    sk_helpers_init(&runtime->helpers, &runtime->mailbox,
                    options->helpers_max == 0 ? SK_HELPERS_DEFAULT : options->helpers_max,
                    options->offload_max == 0 ? SK_OFFLOAD_DEFAULT : options->offload_max);
    if (status == SKALD_OK) status = make_parts(runtime);
    if (status != SKALD_OK) {
        (void)sk_error_set(error, status, "runtime: no event loop to be had: %s",
                           skald_status_text(status));
    } else {
        status = take_log(runtime, options, error);
    }
    if (status != SKALD_OK) {
        sk_libevent_runtime_free(runtime);
        return status;
    }
    *out = runtime;
    return SKALD_OK;
}

void sk_libevent_runtime_free(struct sk_libevent_runtime *runtime)
{
    if (runtime == NULL) return;
    sk_helpers_release(&runtime->helpers);
    while (sk_mailbox_deliver(&runtime->mailbox) > 0) {}
    sk_timers_release(&runtime->timers);
    for (size_t i = 0; i < 2; i++) {
        if (runtime->signal_events[i] != NULL) event_free(runtime->signal_events[i]);
    }
    if (runtime->wake_event != NULL) event_free(runtime->wake_event);
    if (runtime->base != NULL) event_base_free(runtime->base);
    sk_mailbox_release(&runtime->mailbox);
    if (runtime->owns_log) sk_log_sink_free(runtime->log);
    sk_free(runtime);
}

size_t sk_libevent_runtime_deliver(struct sk_libevent_runtime *runtime)
{
    return sk_mailbox_deliver(&runtime->mailbox);
}

struct sk_runtime *sk_libevent_runtime_port(struct sk_libevent_runtime *runtime)
{
    return &runtime->port;
}

struct event_base *sk_libevent_runtime_base(struct sk_libevent_runtime *runtime)
{
    return runtime->base;
}

struct sk_log_sink *sk_libevent_runtime_log(struct sk_libevent_runtime *runtime)
{
    return runtime->log;
}

enum skald_status sk_libevent_runtime_run(struct sk_libevent_runtime *runtime, skald_error *error)
{
    sigset_t pipe_only, before;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    int rc = event_base_loop(runtime->base, EVLOOP_NO_EXIT_ON_EMPTY);
    if (sigismember(&before, SIGPIPE) == 0) {
        /* One that is pending would be delivered by the unblocking. */
        static const struct timespec no_time;
        while (sigtimedwait(&pipe_only, NULL, &no_time) > 0) {}
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    __atomic_store_n(&runtime->is_stopping, false, __ATOMIC_RELEASE);
    if (rc < 0) return sk_error_set(error, SKALD_E_IO, "runtime: the event loop failed");
    return SKALD_OK;
}

void sk_libevent_runtime_stop(struct sk_libevent_runtime *runtime)
{
    __atomic_store_n(&runtime->is_stopping, true, __ATOMIC_RELEASE);
    sk_mailbox_wake(&runtime->mailbox);
}
