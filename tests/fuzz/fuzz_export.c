/*
 * fuzz_export.c: sagas as files, which anybody may hand to a server.
 *
 *   1  A file is read, or refused with words; so are all its prefixes of events.
 *   2  What was read is imported by a server over its API, or refused as documented; the server
 *      goes on serving, answers each question about the saga, and comes up again after a crash.
 *   3  What the server then exports can be read again.
 */
#include "engine/transfer_file.h"
#include "oracle.h"
#include "plans.h"

#include "base/base64.h"

enum { TURNS_MAX = 6 };

/* ---- asking about it ------------------------------------------------------------------------- */

static int ask(struct sk_testkit *kit, enum sk_http_method method, const char *path,
               struct sk_str id, const char *end, struct sk_str body, struct sk_buf *out)
{
    struct sk_buf text;
    struct fuzz_answer answer;
    sk_buf_init(&text, 0);
    sk_buf_append_text(&text, path);
    sk_buf_append_str(&text, id);
    sk_buf_append_text(&text, end);
    struct fuzz_request request = { .method = method,
                                    .path = sk_buf_view(&text),
                                    .type = SK_STR("application/json"),
                                    .body = body };
    fuzz_world_ask(kit, &request, &answer);
    fuzz_check_answer(&request, &answer, true);
    if (out != NULL) sk_buf_append_str(out, sk_buf_view(&answer.body));
    int status = answer.status;
    fuzz_answer_release(&answer);
    sk_buf_release(&text);
    return status;
}

static void ask_all(struct sk_testkit *kit, struct sk_str id)
{
    static const char *const ends[] = { "", "/events", "/steps", "/explain", "/cancel/preview" };
    struct sk_str none = { NULL, 0 };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        (void)ask(kit, SK_HTTP_GET, "/api/v1/sagas/", id, ends[i], none, NULL);
    FUZZ_CHECK(ask(kit, SK_HTTP_GET, "/api/v1/sagas", none, "", none, NULL) == 200, "the list");
    FUZZ_CHECK(ask(kit, SK_HTTP_GET, "/api/v1/events", none, "", none, NULL) == 200, "the feed");
}

static void check_export(struct sk_testkit *kit, struct sk_str id)
{
    struct sk_buf text;
    struct sk_transfer transfer;
    skald_error error = { 0 };
    sk_buf_init(&text, 0);
    int status =
        ask(kit, SK_HTTP_GET, "/api/v1/sagas/", id, "/export", (struct sk_str){ NULL, 0 }, &text);
    if (status == 200) {
        FUZZ_CHECK(sk_transfer_read(sk_buf_view(&text), NULL, &transfer, &error) == SKALD_OK,
                   "its own export: %s", error.message);
        sk_transfer_release(&transfer);
    }
    sk_buf_release(&text);
}

static void import(struct sk_str text, struct sk_str id)
{
    static const char by[] = "{\"by\":\"ada\",\"reason\":\"chance\"}";
    struct sk_testkit *kit = fuzz_world_new();
    skald_error error = { 0 };
    fuzz_world_reply(kit, SK_OUTCOME_SUCCEEDED);
    int status = ask(kit, SK_HTTP_POST, "/api/v1/sagas/import", SK_STR(""), "", text, NULL);
    if (status == 201) {
        ask_all(kit, id);
        check_export(kit, id);
        (void)ask(kit, SK_HTTP_POST, "/api/v1/sagas/", id, "/resume", SK_STR(by), NULL);
        sk_testkit_advance(kit, 3600 * 1000);
        (void)ask(kit, SK_HTTP_POST, "/api/v1/sagas/", id, "/cancel", SK_STR(by), NULL);
        sk_testkit_advance(kit, 60 * 1000);
        ask_all(kit, id);
        FUZZ_CHECK(sk_testkit_crash(kit, &error) == SKALD_OK, "%s", error.message);
        ask_all(kit, id);
        check_export(kit, id);
    }
    sk_testkit_free(kit);
}

static void fold_prefixes(const struct sk_transfer *transfer)
{
    for (uint64_t seq = 1; seq <= transfer->events_count && seq < 8; seq++) {
        struct sk_saga saga;
        skald_error error = { 0 };
        enum skald_status status = sk_transfer_fold(transfer, seq, &saga, &error);
        FUZZ_CHECK(status == SKALD_OK, "up to %u: %s", (unsigned)seq, error.message);
        FUZZ_CHECK(saga.seq == seq, "seq");
        sk_saga_release(&saga);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str text = { (const char *)data, size };
    struct sk_transfer transfer;
    skald_error error = { 0 };
    enum skald_status status = sk_transfer_read(text, NULL, &transfer, &error);
    if (status == SKALD_OK) {
        fold_prefixes(&transfer);
        import(text, transfer.id);
    } else {
        fuzz_check_error(status, &error, "an export");
    }
    sk_transfer_release(&transfer);
    return 0;
}

/* ---- mutating -------------------------------------------------------------------------------- */

/* Without its sum, which would refuse each change, as an export of format 1. */
static void take_sum_out(struct sk_buf *text)
{
    struct sk_str whole = sk_buf_view(text);
    struct sk_str sum = sk_json_member(whole, SK_STR("sum"));
    struct sk_str format = sk_json_trim(sk_json_member(whole, SK_STR("skald_export")));
    if (sum.size == 0 || format.size != 1) return;
    text->data[format.data - whole.data] = '1';
    text->size = (size_t)(sum.data - whole.data) - strlen(",\"sum\":");
    sk_buf_append_char(text, '}');
}

/* A true export of a saga that has gone some way. */
static void put_export(struct fuzz_chance *chance, struct sk_buf *out)
{
    static const char *const definitions[] = { "line", "child", "graph", "forward" };
    struct sk_testkit *kit = fuzz_world_new();
    struct sk_buf body;
    sk_buf_init(&body, 0);
    sk_buf_printf(&body,
                  "{\"definition\":\"%s\",\"id\":\"s-1\",\"input\":{\"amount\":5,\"list\":"
                  "[1,2],\"name\":\"a\"},\"tags\":[\"x\"]}",
                  definitions[fuzz_draw(chance, 4)]);
    (void)ask(kit, SK_HTTP_POST, "/api/v1/sagas", SK_STR(""), "", sk_buf_view(&body), NULL);
    for (uint32_t i = fuzz_draw(chance, TURNS_MAX); i > 0; i--) {
        fuzz_world_reply(kit, (enum sk_outcome_class)fuzz_draw(chance, 5));
        sk_testkit_advance(kit, 1000 * (1 + (int64_t)fuzz_draw(chance, 100)));
    }
    (void)ask(kit, SK_HTTP_GET, "/api/v1/sagas/", SK_STR("s-1"), "/export",
              (struct sk_str){ NULL, 0 }, out);
    take_sum_out(out);
    sk_buf_release(&body);
    sk_testkit_free(kit);
}

/* The bytes of one event, changed inside their base64. */
static bool put_other_bytes(struct fuzz_chance *chance, struct sk_str text, struct sk_buf *out)
{
    enum { ROOM = 32 };
    struct sk_str events = sk_json_member(text, SK_STR("events"));
    size_t count = sk_json_type(events) == SK_JSON_ARRAY ? sk_json_count(events) : 0;
    if (count == 0) return false;
    struct sk_str event = sk_json_element(events, fuzz_draw(chance, (uint32_t)count));
    if (sk_json_type(event) != SK_JSON_OBJECT) return false;
    struct sk_str span = sk_json_trim(sk_json_member(event, SK_STR("data")));
    struct sk_buf name, bytes;
    sk_buf_init(&name, 0);
    sk_buf_init(&bytes, 0);
    if (sk_json_type(span) == SK_JSON_STRING) sk_json_unescape(span, &name);
    bool is_done = name.size > 0 && sk_base64_decode(sk_buf_view(&name), &bytes) &&
                   bytes.size > 0 && sk_buf_reserve(&bytes, ROOM) != NULL;
    if (is_done) {
        bytes.size = LLVMFuzzerMutate((uint8_t *)bytes.data, bytes.size, bytes.size + ROOM);
        sk_buf_append(out, text.data, (size_t)(span.data - text.data));
        sk_buf_append_char(out, '"');
        sk_base64_encode(sk_buf_view(&bytes), out);
        sk_buf_append_char(out, '"');
        const char *end = span.data + span.size;
        sk_buf_append(out, end, (size_t)(text.data + text.size - end));
    }
    sk_buf_release(&name);
    sk_buf_release(&bytes);
    return is_done;
}

static const char *const words[] = { "null",
                                     "0",
                                     "-1",
                                     "1",
                                     "2",
                                     "\"\"",
                                     "\"a\"",
                                     "\"AAA=\"",
                                     "\"step.started\"",
                                     "\"step.completed\"",
                                     "\"saga.started\"",
                                     "\"running\"",
                                     "\"completed\"",
                                     "[]",
                                     "{}",
                                     "1767225600000",
                                     "9223372036854775807",
                                     "\"s-2\"",
                                     NULL };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct fuzz_chance chance = { seed };
    struct sk_str text = { (const char *)data, size };
    struct sk_buf out;
    bool is_json = sk_json_check(text, NULL) == SKALD_OK && sk_json_type(text) == SK_JSON_OBJECT;
    sk_buf_init(&out, 0);
    uint32_t how = fuzz_draw(&chance, 30);
    if (!is_json || how == 0)
        put_export(&chance, &out);
    else if (how < 15)
        (void)put_other_bytes(&chance, text, &out);
    bool fits = !out.failed && out.size > 0 && out.size <= max_size;
    if (fits) memcpy(data, out.data, out.size);
    size = fits ? out.size : fuzz_mutate_json(data, size, max_size, seed, words);
    sk_buf_release(&out);
    return size;
}
