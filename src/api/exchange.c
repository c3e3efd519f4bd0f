/* exchange.c: see exchange.h. */
#include "api/api_private.h"
#include "api/forward.h"
#include "api/stream.h"

#include "base/id.h"

#include <stdarg.h>
#include <stdio.h>

enum { KEY_SIZE_MAX = 200, DRAWS_MAX = 10000 };

void sk_exchange_free(struct sk_exchange *x)
{
    sk_list_remove(&x->node);
    sk_stream_release(x);
    sk_forward_forget(x);
    sk_buf_release(&x->out);
    sk_arena_release(&x->rows.arena);
    sk_arena_release(&x->arena);
    sk_free(x);
}

void *sk_exchange_state(struct sk_exchange *x, size_t size)
{
    void *state = sk_arena_alloc(&x->arena, size);
    if (state == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return NULL;
    }
    x->state = state;
    return state;
}

/* ---- replies --------------------------------------------------------------------------------- */

struct sk_json_writer sk_exchange_writer_on(const struct sk_exchange *x, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    const struct sk_mask *mask = sk_engine_mask(x->api->options.engine);
    if (mask->names_count > 0) w.mask = mask;
    return w;
}

struct sk_json_writer sk_exchange_writer(struct sk_exchange *x)
{
    sk_buf_clear(&x->out);
    return sk_exchange_writer_on(x, &x->out);
}

static void send(struct sk_exchange *x, int status, const char *type, struct sk_str body)
{
    if (x->stream != NULL) { /* too late for a status: only a failure comes here */
        sk_stream_fail(x, body);
        return;
    }
    sk_http_reply_header(x->http, "Content-Type", type);
    sk_http_reply_header(x->http, "Cache-Control", "no-store");
    sk_http_reply_header(x->http, "X-Content-Type-Options", "nosniff");
    sk_http_reply(x->http, status, sk_problem_reason(status), body);
    sk_exchange_free(x);
}

static void send_no_memory(struct sk_exchange *x)
{
    if (x->stream == NULL) sk_http_reply_header(x->http, "Retry-After", "1");
    send(x, 503, "application/problem+json",
         SK_STR("{\"type\":\"/problems/out-of-memory\",\"title\":\"out of memory\","
                "\"status\":503,\"detail\":\"the server is short of memory\","
                "\"remedy\":\"send it again later\"}"));
}

void sk_exchange_reply_as(struct sk_exchange *x, int status, const char *type)
{
    if (x->out.failed || x->arena.failed) {
        send_no_memory(x);
        return;
    }
    send(x, status, type, sk_buf_view(&x->out));
}

void sk_exchange_reply(struct sk_exchange *x, int status)
{
    sk_exchange_reply_as(x, status, "application/json");
}

static void add_retry_after(struct sk_exchange *x, const struct sk_problem *problem)
{
    if (x->stream != NULL || (problem->status != 503 && problem->status != 429)) return;
    int64_t seconds = (problem->retry_after_ms + 999) / 1000;
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)(seconds < 1 ? 1 : seconds));
    sk_http_reply_header(x->http, "Retry-After", text);
}

void sk_exchange_end_page(struct sk_exchange *x, struct sk_json_writer *w, struct sk_buf *cursor,
                          bool has_more)
{
    sk_json_key(w, "next");
    if (has_more) {
        sk_json_put_str(w, sk_buf_view(cursor));
    } else {
        sk_json_put_null(w);
    }
    sk_json_key(w, "cursor");
    sk_json_put_str(w, sk_buf_view(cursor));
    sk_json_end_object(w);
    if (cursor->failed) x->out.failed = true;
    sk_exchange_reply(x, 200);
}

void sk_exchange_problem(struct sk_exchange *x, const struct sk_problem *problem)
{
    sk_buf_clear(&x->out);
    sk_problem_write(problem, &x->out);
    add_retry_after(x, problem);
    sk_exchange_reply_as(x, problem->status, "application/problem+json");
}

void sk_exchange_fail(struct sk_exchange *x, enum skald_status status, const skald_error *error)
{
    struct sk_problem problem = sk_problem_of(status, error);
    sk_exchange_problem(x, &problem);
}

void sk_exchange_refuse(struct sk_exchange *x, const char *remedy, const char *format, ...)
{
    char detail[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    struct sk_problem problem = sk_problem_http(400, sk_str_of(detail), sk_str_of(remedy));
    sk_exchange_problem(x, &problem);
}

void sk_exchange_read_head(struct sk_exchange *x, struct sk_str id, sk_read_done *done)
{
    struct sk_read read = {
        .kind = SK_READ_HEAD, .shard = sk_engine_shard_of(sk_engine_of(x), id), .id = id, .limit = 1
    };
    sk_engine_read(sk_engine_of(x), &read, done, x);
}

const struct sk_head *sk_exchange_head(struct sk_exchange *x, const struct sk_rows *rows)
{
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return NULL;
    }
    if (rows->heads_count > 0) return &rows->heads[0];
    struct sk_problem problem = sk_problem_http(404, SK_STR("there is no saga with this id"),
                                                SK_STR("GET /api/v1/sagas lists them"));
    sk_exchange_problem(x, &problem);
    return NULL;
}

void sk_exchange_keep_rows(struct sk_exchange *x, struct sk_rows *rows)
{
    sk_arena_release(&x->rows.arena);
    x->rows = *rows;
    sk_arena_init(&rows->arena); /* nothing left to release for the store */
}

/* ---- keys ------------------------------------------------------------------------------------ */

bool sk_exchange_key(struct sk_exchange *x, struct sk_str *out_key)
{
    *out_key = sk_str_trim(sk_http_request_header(x->http, "Idempotency-Key"));
    bool is_sound = out_key->size <= KEY_SIZE_MAX && sk_utf8_valid(*out_key);
    for (size_t i = 0; i < out_key->size && is_sound; i++) {
        unsigned char c = (unsigned char)out_key->data[i];
        is_sound = c >= 0x20 && c != 0x7f;
    }
    if (!is_sound) {
        sk_exchange_refuse(x, "send up to 200 printable bytes, for instance a UUID",
                           "the Idempotency-Key is too long or holds control characters");
    }
    return is_sound;
}

bool sk_exchange_command_id(struct sk_exchange *x, struct sk_str *out_id)
{
    if (!sk_exchange_key(x, out_id)) return false;
    if (out_id->size > 0) return true;
    struct sk_runtime *runtime = x->api->options.runtime;
    uint8_t random[10];
    char text[SK_UUID_TEXT_SIZE];
    for (int i = 0; i < DRAWS_MAX; i++) { /* what gets this id is to be of this loop */
        runtime->ops->random(runtime, random, sizeof random);
        sk_uuid7_format(runtime->ops->now_ms(runtime), random, text);
        if (sk_forward_member(x, sk_str_of(text)) == x->api->options.member) break;
    }
    *out_id = sk_arena_copy(&x->arena, sk_str_of(text));
    return true;
}

/* ---- percent-encoding ------------------------------------------------------------------------ */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool sk_percent_decode(struct sk_str text, bool plus_is_blank, struct sk_arena *arena,
                       struct sk_str *out_text)
{
    char *to = sk_arena_alloc(arena, text.size + 1);
    size_t size = 0;
    if (to == NULL) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = text.size - i > 2 ? hex_value(text.data[i + 1]) : -1;
            int low = text.size - i > 2 ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        to[size++] = c;
    }
    *out_text = (struct sk_str){ to, size };
    return sk_utf8_valid(*out_text);
}
