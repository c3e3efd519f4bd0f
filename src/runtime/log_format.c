/*
 * log_format.c: one log line as JSON or as text. Pure. Whatever a participant or a definition may
 * have put into a line, it stays one line: JSON escapes control bytes, the text form replaces them.
 */
#include "runtime/log_sink.h"

#include "base/json.h"
#include "base/time.h"

static const char *level_name(enum sk_log_level level)
{
    switch (level) {
    case SK_LOG_DEBUG: return "debug";
    case SK_LOG_INFO: return "info";
    case SK_LOG_WARN: return "warn";
    case SK_LOG_ERROR: return "error";
    }
    return "info";
}

/* `data` is valid JSON, in which a raw line break can only stand between tokens. */
static void append_on_one_line(struct sk_buf *out, struct sk_str json)
{
    for (size_t i = 0; i < json.size; i++) {
        char c = json.data[i];
        sk_buf_append_char(out, c == '\n' || c == '\r' ? ' ' : c);
    }
}

static void put_unless_empty(struct sk_json_writer *w, const char *name, struct sk_str text)
{
    if (text.size == 0) return;
    sk_json_key(w, name);
    sk_json_put_str(w, text);
}

void sk_log_format_json(struct sk_buf *out, int64_t at_ms, const struct sk_log_line *line)
{
    char at[SK_TIME_TEXT_SIZE];
    sk_time_format(at_ms, at);
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "timestamp");
    sk_json_put_text(&w, at);
    sk_json_key(&w, "level");
    sk_json_put_text(&w, level_name(line->level));
    put_unless_empty(&w, "saga_id", line->saga_id);
    put_unless_empty(&w, "step_id", line->step_id);
    put_unless_empty(&w, "event", line->event);
    if (line->duration_ms >= 0) {
        sk_json_key(&w, "duration_ms");
        sk_json_put_i64(&w, line->duration_ms);
    }
    put_unless_empty(&w, "message", line->message);
    if (line->data.size > 0) {
        sk_json_key(&w, "metadata");
        append_on_one_line(out, line->data);
    }
    sk_json_end_object(&w);
    sk_buf_append_char(out, '\n');
}

static void append_plain(struct sk_buf *out, struct sk_str text)
{
    bool is_utf8 = sk_utf8_valid(text);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        /* 0xC2 0x80-0x9F are the C1 controls: a terminal may obey them too. */
        bool is_c1 = c == 0xC2 && i + 1 < text.size && (unsigned char)text.data[i + 1] < 0xA0;
        bool is_bad = c < 0x20 || c == 0x7F || (c >= 0x80 && !is_utf8) || is_c1;
        sk_buf_append_char(out, is_bad ? '?' : (char)c);
        if (is_c1 && is_utf8) i += 1;
    }
}

static const char *level_colour(enum sk_log_level level)
{
    switch (level) {
    case SK_LOG_DEBUG: return "\033[2m";
    case SK_LOG_INFO: return "\033[32m";
    case SK_LOG_WARN: return "\033[33m";
    case SK_LOG_ERROR: return "\033[31;1m";
    }
    return "";
}

static const char *level_label(enum sk_log_level level)
{
    switch (level) {
    case SK_LOG_DEBUG: return "DEBUG";
    case SK_LOG_INFO: return "INFO ";
    case SK_LOG_WARN: return "WARN ";
    case SK_LOG_ERROR: return "ERROR";
    }
    return "INFO ";
}

void sk_log_format_text(struct sk_buf *out, int64_t at_ms, const struct sk_log_line *line,
                        bool has_colours)
{
    char at[SK_TIME_TEXT_SIZE];
    sk_time_format(at_ms, at);
    /* A terminal needs the time of day only: "03:04:05.678". */
    struct sk_str clock = sk_str_sub(sk_str_of(at), 11, 12);
    const char *off = has_colours ? "\033[0m" : "";
    const char *dim = has_colours ? "\033[2m" : "";
    sk_buf_printf(out, "%s%.*s%s %s%s%s", dim, SK_STR_ARGS(clock), off,
                  has_colours ? level_colour(line->level) : "", level_label(line->level), off);
    if (line->event.size > 0) {
        sk_buf_append_char(out, ' ');
        append_plain(out, line->event);
    }
    if (line->saga_id.size > 0) {
        sk_buf_append_char(out, ' ');
        append_plain(out, line->saga_id);
    }
    if (line->step_id.size > 0) {
        sk_buf_append_char(out, '/');
        append_plain(out, line->step_id);
    }
    if (line->message.size > 0) {
        sk_buf_append_text(out, "  ");
        append_plain(out, line->message);
    }
    if (line->duration_ms >= 0) sk_buf_printf(out, " (%lld ms)", (long long)line->duration_ms);
    if (line->data.size > 0) {
        sk_buf_printf(out, " %s", dim);
        append_plain(out, line->data);
        sk_buf_append_text(out, off);
    }
    sk_buf_append_char(out, '\n');
}
