/* stream.c: see stream.h. */
#include "cli/stream.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
    PATIENCE_MS = 30 * 1000,
    PAUSE_MS = 200,
    CONNECT_TIMEOUT_MS = 5000,
    LINE_SIZE_MAX = 64 * 1024 * 1024,
    ID_SIZE_MAX = 512
};

enum after { AFTER_AGAIN, AFTER_END, AFTER_FAIL };

struct following {
    const struct cli *cli;
    const struct cli_stream *stream;
    CURL *easy;
    struct sk_buf line, data, name, problem;
    char last_id[ID_SIZE_MAX];
    char id[ID_SIZE_MAX]; /* of the event that is coming in */
    int64_t until_ms;     /* monotonic; 0 = no limit */
    bool is_over;         /* `event: end`, or told to end */
    bool has_events;      /* since the connection was made */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void take_event(struct following *f)
{
    struct sk_str name = sk_buf_view(&f->name);
    bool is_end = sk_str_is(name, "end");
    if (f->id[0] != 0) memcpy(f->last_id, f->id, sizeof f->last_id);
    f->id[0] = 0;
    if (is_end) {
        f->is_over = true;
    } else if (!sk_str_is(name, "error") && f->data.size > 0) {
        f->has_events = true;
        bool goes_on = f->stream->fn(f->stream->context, sk_buf_view(&f->data));
        f->is_over = !goes_on;
    }
    sk_buf_clear(&f->data);
    sk_buf_clear(&f->name);
}

static void take_line(struct following *f, struct sk_str line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r') line.size--;
    if (line.size == 0) {
        take_event(f);
        return;
    }
    size_t colon = sk_str_find(line, ':');
    struct sk_str field = sk_str_sub(line, 0, colon);
    struct sk_str value = sk_str_sub(line, colon + 1, line.size);
    if (value.size > 0 && value.data[0] == ' ') value = sk_str_sub(value, 1, value.size);
    if (sk_str_is(field, "data")) {
        if (f->data.size > 0) sk_buf_append_char(&f->data, ' '); /* one line of JSON */
        sk_buf_append_str(&f->data, value);
    } else if (sk_str_is(field, "event")) {
        sk_buf_clear(&f->name);
        sk_buf_append_str(&f->name, value);
    } else if (sk_str_is(field, "id") && value.size < sizeof f->id) {
        memcpy(f->id, value.data, value.size);
        f->id[value.size] = 0;
    }
}

static long status_of(const struct following *f)
{
    long status = 0;
    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct following *f = context;
    struct sk_str rest = { bytes, size * count };
    if (status_of(f) != 200) {
        sk_buf_append_str(&f->problem, rest);
        return size * count;
    }
    while (rest.size > 0 && !f->is_over) {
        size_t end = sk_str_find(rest, '\n');
        sk_buf_append_str(&f->line, sk_str_sub(rest, 0, end));
        if (end < rest.size) {
            take_line(f, sk_buf_view(&f->line));
            sk_buf_clear(&f->line);
        }
        rest = sk_str_sub(rest, end + 1, rest.size);
    }
    bool has_failed = f->line.failed || f->data.failed || f->name.failed;
    return f->is_over || has_failed ? 0 : size * count; /* 0 ends the transfer */
}

/* ---- one connection -------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char line[ID_SIZE_MAX + 64];
    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *grown = curl_slist_append(*headers, line);
    if (grown != NULL) *headers = grown;
    return grown != NULL;
}

static CURLcode connect_once(struct following *f, const char *url)
{
    struct curl_slist *headers = NULL;
    bool is_set = add_header(&headers, "Accept", "text/event-stream") &&
                  (f->last_id[0] == 0 || add_header(&headers, "Last-Event-ID", f->last_id));
    curl_easy_reset(f->easy);
    is_set = is_set && curl_easy_setopt(f->easy, CURLOPT_URL, url) == CURLE_OK &&
             curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
             curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) ==
                 CURLE_OK &&
             curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
             curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
             curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f) == CURLE_OK &&
             (strstr(url, "//127.") == NULL && strstr(url, "//localhost") == NULL &&
                      strstr(url, "//[::1]") == NULL
                  ? true
                  : curl_easy_setopt(f->easy, CURLOPT_PROXY, "") == CURLE_OK);
    if (f->until_ms > 0) {
        int64_t left_ms = f->until_ms - monotonic_ms();
        (void)curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 0 ? left_ms : 1));
    }
    f->has_events = false;
    sk_buf_clear(&f->line);
    sk_buf_clear(&f->data);
    sk_buf_clear(&f->name);
    sk_buf_clear(&f->problem);
    CURLcode result = is_set ? curl_easy_perform(f->easy) : CURLE_OUT_OF_MEMORY;
    curl_slist_free_all(headers);
    return result;
}

static enum after judge(struct following *f, CURLcode result, int *out_code)
{
    long status = status_of(f);
    bool is_late = f->until_ms > 0 && monotonic_ms() >= f->until_ms;
    if (f->is_over || is_late || status == 204) return AFTER_END;
    if (result != CURLE_OK && status == 0) return AFTER_AGAIN;
    if (status == 200 || status == 503 || status == 429) return AFTER_AGAIN;
    struct sk_buf detail = { 0 }, entry = { 0 };
    struct sk_str problem = sk_buf_view(&f->problem);
    if (sk_json_check(problem, NULL) != SKALD_OK) problem = (struct sk_str){ 0 };
    cli_problem_entry(problem, (int)status, &entry);
    if (problem.size > 0) {
        struct sk_str text = sk_json_member(problem, SK_STR("detail"));
        if (sk_json_type(text) == SK_JSON_STRING) sk_json_unescape(text, &detail);
    }
    bool is_use = status == 400 || status == 405;
    *out_code =
        cli_fail(f->cli, is_use ? CLI_WRONG_USE : CLI_FAILED, sk_buf_text(&entry), NULL, "%s",
                 detail.size > 0 ? sk_buf_text(&detail) : "the server gives no events");
    sk_buf_release(&entry);
    sk_buf_release(&detail);
    return AFTER_FAIL;
}

static int follow(struct following *f, const char *url)
{
    int64_t patience_ms = f->stream->patience_ms > 0 ? f->stream->patience_ms : PATIENCE_MS;
    int64_t reached_ms = monotonic_ms();
    int code = CLI_GO_ON;
    for (;;) {
        CURLcode result = connect_once(f, url);
        int64_t now_ms = monotonic_ms();
        if (f->has_events || status_of(f) == 200) reached_ms = now_ms;
        enum after after = judge(f, result, &code);
        if (after != AFTER_AGAIN) return code;
        if (now_ms - reached_ms >= patience_ms) {
            return cli_fail(f->cli, CLI_OUT_OF_REACH, "file",
                            "start one with `skald serve`, or name it "
                            "with --server URL",
                            "no server answers: %s", curl_easy_strerror(result));
        }
        struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
        (void)nanosleep(&pause, NULL);
    }
}

int cli_stream_follow(const struct cli *cli, const struct cli_client *client,
                      const struct cli_stream *stream)
{
    struct following *f = calloc(1, sizeof *f);
    struct sk_buf url = { 0 };
    int code = CLI_FAILED;
    if (f != NULL) f->easy = curl_easy_init();
    sk_buf_append_text(&url, cli_client_address(client));
    sk_buf_append_text(&url, stream->path);
    if (f == NULL || f->easy == NULL || url.failed) {
        code = cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    } else {
        f->cli = cli;
        f->stream = stream;
        if (stream->timeout_ms > 0) f->until_ms = monotonic_ms() + stream->timeout_ms;
        sk_buf_init(&f->line, LINE_SIZE_MAX);
        sk_buf_init(&f->data, LINE_SIZE_MAX);
        code = follow(f, sk_buf_text(&url));
        sk_buf_release(&f->line);
        sk_buf_release(&f->data);
        sk_buf_release(&f->name);
        sk_buf_release(&f->problem);
    }
    if (f != NULL) curl_easy_cleanup(f->easy);
    free(f);
    sk_buf_release(&url);
    return code;
}
