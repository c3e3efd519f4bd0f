/*
 * log_sink.h: where log lines go: JSON lines for programs, coloured text for a terminal. A thread
 * of its own writes them, so that a slow reader (a full pipe, a stopped terminal) never holds the
 * loop: when SK_LOG_QUEUE_SIZE_MAX bytes wait, further lines are dropped and counted, and the count
 * is the next line that gets through ("log.dropped").
 *
 * sk_log_sink_write may be called from any thread.
 */
#ifndef SK_RUNTIME_LOG_SINK_H
#define SK_RUNTIME_LOG_SINK_H

#include "runtime/runtime.h"

struct sk_buf;

enum { SK_LOG_QUEUE_SIZE_MAX = 4 * 1024 * 1024 };

enum sk_log_format { SK_LOG_AUTO /* text on a terminal, else JSON */, SK_LOG_JSON, SK_LOG_TEXT };

struct sk_log_options {
    int fd; /* borrowed; 0 = standard error */
    enum sk_log_format format;
    enum sk_log_level level; /* lines below it are not written */
    bool has_level;          /* false = SK_LOG_INFO */
    bool is_off;             /* nothing is written at all */
};

struct sk_log_sink;

enum skald_status sk_log_sink_new(const struct sk_log_options *options, struct sk_log_sink **out,
                                  skald_error *error) SK_MUST_CHECK;
/* Writes what is queued, but waits at most a second for a reader that does not read. NULL is fine.
 */
void sk_log_sink_free(struct sk_log_sink *sink);
/* Would a line of this level be written? */
bool sk_log_sink_takes(const struct sk_log_sink *sink, enum sk_log_level level);
void sk_log_sink_write(struct sk_log_sink *sink, int64_t at_ms, const struct sk_log_line *line);
/* Lines that were dropped since the start. */
uint64_t sk_log_sink_dropped(struct sk_log_sink *sink);

/* The two formats, pure; each appends one line with its newline. */
void sk_log_format_json(struct sk_buf *out, int64_t at_ms, const struct sk_log_line *line);
void sk_log_format_text(struct sk_buf *out, int64_t at_ms, const struct sk_log_line *line,
                        bool has_colours);

#endif
