/*
 * log_sink.c: the queue and the thread behind the log.
 *
 * Two buffers: lines are appended to `filling` under the lock; the thread swaps it with its empty
 * one and writes without the lock. Before each write the thread waits for room with poll and writes
 * at most PIPE_BUF bytes: O_NONBLOCK would change the descriptor for every process that shares it.
 */
#include "runtime/log_sink.h"

#include "base/arena.h"
#include "base/buf.h"
#include "runtime/thread.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { WAIT_MS_AT_END = 1000, POLL_MS = 100 };

struct sk_log_sink {
    int fd;
    bool is_text, is_off;
    enum sk_log_level level;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct sk_buf filling; /* the lock's */
    struct sk_buf writing; /* the thread's */
    uint64_t dropped, dropped_told;
    bool is_closing;
};

static bool is_closing(struct sk_log_sink *sink)
{
    (void)pthread_mutex_lock(&sink->lock);
    bool closing = sink->is_closing;
    (void)pthread_mutex_unlock(&sink->lock);
    return closing;
}

/* False: given up (the reader is gone, or does not read while we are closing). */
static bool write_all(struct sk_log_sink *sink, struct sk_str bytes)
{
    int waited_ms = 0;
    while (bytes.size > 0) {
        struct pollfd waiting = { .fd = sink->fd, .events = POLLOUT };
        int ready = poll(&waiting, 1, POLL_MS);
        if (ready == 0 && is_closing(sink)) waited_ms += POLL_MS;
        if (waited_ms >= WAIT_MS_AT_END) return false;
        if (ready <= 0) continue;
        size_t part = bytes.size < PIPE_BUF ? bytes.size : PIPE_BUF;
        ssize_t written = write(sink->fd, bytes.data, part);
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written < 0) return false;
        bytes = sk_str_sub(bytes, (size_t)written, bytes.size - (size_t)written);
        waited_ms = 0;
    }
    return true;
}

static void *writer_main(void *context)
{
    struct sk_log_sink *sink = context;
    sk_thread_name("skald-log");
    (void)pthread_mutex_lock(&sink->lock);
    for (;;) {
        while (sink->filling.size == 0 && !sink->is_closing) {
            (void)pthread_cond_wait(&sink->filled, &sink->lock);
        }
        if (sink->filling.size == 0) break;
        struct sk_buf full = sink->filling;
        sink->filling = sink->writing;
        sink->writing = full;
        (void)pthread_mutex_unlock(&sink->lock);
        bool is_written = write_all(sink, sk_buf_view(&sink->writing));
        (void)pthread_mutex_lock(&sink->lock);
        if (!is_written) sink->dropped += 1;
        sk_buf_clear(&sink->writing);
    }
    (void)pthread_mutex_unlock(&sink->lock);
    return NULL;
}

static enum skald_status start_thread(struct sk_log_sink *sink)
{
    sink->has_thread = sk_thread_start(&sink->thread, writer_main, sink) == 0;
    return sink->has_thread ? SKALD_OK : SKALD_E_AGAIN;
}

enum skald_status sk_log_sink_new(const struct sk_log_options *options, struct sk_log_sink **out,
                                  skald_error *error)
{
    *out = NULL;
    struct sk_log_sink *sink = sk_alloc(sizeof *sink);
    if (sink == NULL) return sk_error_set(error, SKALD_E_MEMORY, "log: out of memory");
    sink->fd = options->fd == 0 ? STDERR_FILENO : options->fd;
    sink->level = options->has_level ? options->level : SK_LOG_INFO;
    sink->is_off = options->is_off;
    sink->is_text =
        options->format == SK_LOG_TEXT || (options->format == SK_LOG_AUTO && isatty(sink->fd) == 1);
    sk_buf_init(&sink->filling, SK_LOG_QUEUE_SIZE_MAX);
    sk_buf_init(&sink->writing, SK_LOG_QUEUE_SIZE_MAX);
    (void)pthread_mutex_init(&sink->lock, NULL);
    (void)pthread_cond_init(&sink->filled, NULL);
    if (!sink->is_off && start_thread(sink) != SKALD_OK) {
        sk_log_sink_free(sink);
        return sk_error_set(error, SKALD_E_AGAIN, "log: no thread to be had");
    }
    *out = sink;
    return SKALD_OK;
}

void sk_log_sink_free(struct sk_log_sink *sink)
{
    if (sink == NULL) return;
    (void)pthread_mutex_lock(&sink->lock);
    sink->is_closing = true;
    (void)pthread_cond_signal(&sink->filled);
    (void)pthread_mutex_unlock(&sink->lock);
    if (sink->has_thread) (void)pthread_join(sink->thread, NULL);
    sk_buf_release(&sink->filling);
    sk_buf_release(&sink->writing);
    (void)pthread_cond_destroy(&sink->filled);
    (void)pthread_mutex_destroy(&sink->lock);
    sk_free(sink);
}

/* Appends a whole line or nothing. */
static bool append_line(struct sk_log_sink *sink, int64_t at_ms, const struct sk_log_line *line)
{
    struct sk_buf *out = &sink->filling;
    size_t before = out->size;
    if (sink->is_text) {
        sk_log_format_text(out, at_ms, line, true);
    } else {
        sk_log_format_json(out, at_ms, line);
    }
    if (!out->failed) return true;
    out->failed = false;
    out->size = before;
    return false;
}

static void tell_dropped(struct sk_log_sink *sink, int64_t at_ms)
{
    char text[80];
    int size = snprintf(text, sizeof text, "%llu log lines were dropped: the reader is too slow",
                        (unsigned long long)(sink->dropped - sink->dropped_told));
    struct sk_log_line line = { .level = SK_LOG_WARN,
                                .event = SK_STR("log.dropped"),
                                .duration_ms = -1,
                                .message = { text, (size_t)size } };
    if (append_line(sink, at_ms, &line)) sink->dropped_told = sink->dropped;
}

bool sk_log_sink_takes(const struct sk_log_sink *sink, enum sk_log_level level)
{
    return !sink->is_off && level >= sink->level;
}

void sk_log_sink_write(struct sk_log_sink *sink, int64_t at_ms, const struct sk_log_line *line)
{
    if (!sk_log_sink_takes(sink, line->level)) return;
    (void)pthread_mutex_lock(&sink->lock);
    bool was_empty = sink->filling.size == 0;
    if (sink->dropped > sink->dropped_told) tell_dropped(sink, at_ms);
    if (!append_line(sink, at_ms, line)) sink->dropped += 1;
    if (was_empty && sink->filling.size > 0) (void)pthread_cond_signal(&sink->filled);
    (void)pthread_mutex_unlock(&sink->lock);
}

uint64_t sk_log_sink_dropped(struct sk_log_sink *sink)
{
    (void)pthread_mutex_lock(&sink->lock);
    uint64_t dropped = sink->dropped;
    (void)pthread_mutex_unlock(&sink->lock);
    return dropped;
}
