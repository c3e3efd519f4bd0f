/*
 * fuzz_api.c: the whole HTTP API, several requests against one engine. The input is text; blocks
 * are apart by lines `---`. A block is a request (head, empty line, body)
 *
 *     POST /api/v1/sagas?x=y
 *     key: Idempotency-Key
 *     type: Content-Type            (application/json without it)
 *
 * or one of `advance 5s`, `crash`, `reply ok | fail | retry | unknown | pending`. In a target and a
 * body @token stands for the token of the last call that left, @cursor for the last page's cursor,
 * @export for the last export.
 *
 *   1  Each request is answered once, with a status that the OpenAPI document names for it, and a
 *      body that fits its schema there; from 400 on a problem. Never 500.
 *   2  The engine comes up again after a crash, and still answers.
 */
#include "api/inputs.h"
#include "api/routes.h"
#include "base/time.h"
#include "oracle.h"
#include "plans.h"

#include <stdio.h>

enum { BLOCKS_MAX = 24, ADVANCE_MAX_MS = 3600 * 1000 };

/* ---- playing --------------------------------------------------------------------------------- */

struct world {
    struct sk_testkit *kit;
    struct sk_buf cursor, export; /* of the last answers */
    bool has_imported;
};

static struct sk_str last_token(const struct world *world)
{
    for (uint32_t i = sk_testkit_calls_count(world->kit); i > 0; i--) {
        const struct sk_testkit_call *call = sk_testkit_call_at(world->kit, i - 1);
        if (call->token.size > 0) return call->token;
    }
    return SK_STR("00.00");
}

static void put_filled(const struct world *world, struct sk_str text, struct sk_buf *out)
{
    sk_buf_init(out, 0);
    while (text.size > 0) {
        if (sk_str_starts(text, SK_STR("@token"))) {
            sk_buf_append_str(out, last_token(world));
            text = sk_str_sub(text, 6, text.size);
        } else if (sk_str_starts(text, SK_STR("@cursor"))) {
            sk_buf_append_str(out, sk_buf_view(&world->cursor));
            text = sk_str_sub(text, 7, text.size);
        } else if (sk_str_starts(text, SK_STR("@export"))) {
            sk_buf_append_str(out, sk_buf_view(&world->export));
            text = sk_str_sub(text, 7, text.size);
        } else {
            sk_buf_append_char(out, text.data[0]);
            text = sk_str_sub(text, 1, text.size);
        }
    }
}

static enum sk_http_method method_of(struct sk_str name)
{
    for (int m = SK_HTTP_GET; m <= SK_HTTP_OPTIONS; m++) {
        if (sk_str_is(name, sk_http_method_name((enum sk_http_method)m)))
            return (enum sk_http_method)m;
    }
    return SK_HTTP_OTHER;
}

static void remember(struct world *world, const struct fuzz_request *request,
                     const struct fuzz_answer *answer)
{
    struct sk_str body = sk_buf_view(&answer->body);
    if (answer->status != 200 || sk_json_check(body, NULL) != SKALD_OK) return;
    struct sk_str next = sk_json_trim(sk_json_member(body, SK_STR("next")));
    if (sk_json_type(body) == SK_JSON_OBJECT && sk_json_type(next) == SK_JSON_STRING) {
        sk_buf_clear(&world->cursor);
        sk_json_unescape(next, &world->cursor);
    }
    struct sk_str end = sk_str_sub(request->path, request->path.size - 7, 7);
    if (request->path.size > 7 && sk_str_is(end, "/export")) {
        sk_buf_clear(&world->export);
        sk_buf_append_str(&world->export, body);
    }
}

static void ask(struct world *world, struct sk_str head, struct sk_str body)
{
    struct sk_str line, target;
    struct fuzz_request request = { .type = SK_STR("application/json") };
    struct fuzz_answer answer;
    struct sk_buf filled_target, filled_body;
    if (!fuzz_line(&head, &line)) return;
    size_t blank = sk_str_find(line, ' ');
    request.method = method_of(sk_str_sub(line, 0, blank));
    put_filled(world, sk_str_sub(line, blank + 1, line.size), &filled_target);
    put_filled(world, body, &filled_body);
    target = sk_buf_view(&filled_target);
    size_t mark = sk_str_find(target, '?');
    request.path = sk_str_sub(target, 0, mark);
    request.query = sk_str_sub(target, mark + 1, target.size);
    request.body = sk_buf_view(&filled_body);
    while (fuzz_line(&head, &line)) {
        if (sk_str_starts(line, SK_STR("key: "))) request.key = sk_str_sub(line, 5, line.size);
        if (sk_str_starts(line, SK_STR("type: "))) request.type = sk_str_sub(line, 6, line.size);
    }
    fuzz_world_ask(world->kit, &request, &answer);
    fuzz_check_answer(&request, &answer, world->has_imported);
    bool is_import = answer.status == 201 && sk_str_is(request.path, "/api/v1/sagas/import");
    world->has_imported = world->has_imported || is_import;
    remember(world, &request, &answer);
    fuzz_answer_release(&answer);
    sk_buf_release(&filled_target);
    sk_buf_release(&filled_body);
}

static void play(struct world *world, struct sk_str block)
{
    static const char *const replies[] = { "ok", "fail", "retry", "unknown", "pending" };
    struct sk_str rest = block, line = { NULL, 0 }, head, body;
    skald_error error = { 0 };
    int64_t ms = 0;
    (void)fuzz_line(&rest, &line);
    if (sk_str_starts(line, SK_STR("advance "))) {
        if (!sk_duration_parse(sk_str_sub(line, 8, line.size), &ms)) return;
        sk_testkit_advance(world->kit, ms > ADVANCE_MAX_MS ? ADVANCE_MAX_MS : ms);
    } else if (sk_str_is(line, "crash")) {
        enum skald_status status = sk_testkit_crash(world->kit, &error);
        FUZZ_CHECK(status == SKALD_OK, "it does not come up again: %s", error.message);
    } else if (sk_str_starts(line, SK_STR("reply "))) {
        for (int i = 0; i < 5; i++) {
            if (sk_str_is(sk_str_sub(line, 6, line.size), replies[i]))
                fuzz_world_reply(world->kit, (enum sk_outcome_class)i);
        }
    } else {
        fuzz_split(block, "", &head, &body);
        if (body.size > 0 && body.data[body.size - 1] == '\n') body.size -= 1;
        ask(world, head, body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str rest = { (const char *)data, size }, block;
    struct world world = { .kit = fuzz_world_new() };
    for (int i = 0; rest.size > 0 && i < BLOCKS_MAX; i++) {
        fuzz_split(rest, "---", &block, &rest);
        play(&world, block);
    }
    sk_testkit_free(world.kit);
    sk_buf_release(&world.cursor);
    sk_buf_release(&world.export);
    return 0;
}

/* ---- mutating: requests from the table of routes --------------------------------------------- */

/* What a member of this name may well be, as JSON; by its kind where there is none. */
static const struct {
    const char *name;
    const char *values[6];
} plausible[] = {
    { "definition", { "\"line\"", "\"graph\"", "\"forward\"" } },
    { "id", { "\"s-1\"", "\"s-2\"", "\"e-1\"" } },
    { "input", { "{\"amount\":5,\"list\":[1,2],\"name\":\"a\"}", "null", "{\"list\":[]}" } },
    { "step", { "\"a\"", "\"w\"", "\"t\"", "\"e\"", "\"c\"", "\"z\"" } },
    { "token", { "\"@token\"" } },
    { "outcome", { "\"succeeded\"", "\"failed\"" } },
    { "error", { "{\"code\":\"no\",\"message\":\"none\"}" } },
    { "queue", { "\"packers\"" } },
    { "worker", { "\"w-1\"" } },
    { "wait", { "\"1s\"", "\"0\"" } },
    { "lease", { "\"5s\"", "\"1h\"" } },
    { "name", { "\"go\"" } },
    { "cron", { "\"*/5 * * * *\"", "\"@hourly\"" } },
    { "at", { "\"2026-01-01T00:05:00Z\"" } },
    { "overlap", { "\"skip\"", "\"allow\"", "\"queue\"" } },
    { "command", { "\"cancel\"", "\"retry\"", "\"suspend\"", "\"resume\"", "\"delete\"" } },
    { "filter", { "{\"state\":\"running\"}", "{\"tag\":[\"x\"]}", "{\"definition\":\"line\"}" } },
    { "tasks", { "[{\"saga\":\"s-1\",\"token\":\"@token\"}]" } },
    { "tags", { "[\"x\",\"y\"]" } },
    { "attributes", { "{\"k\":\"v\",\"n\":1}" } },
    { "lock_keys", { "[\"k\"]" } },
    { "cursor", { "\"@cursor\"" } },
    { "state", { "\"running\"", "\"suspended\"", "\"ended\"", "\"failed,completed\"" } },
    { "sort", { "\"updated\"", "\"ended\"" } },
    { "order", { "\"asc\"" } },
    { "from", { "\"start\"", "\"now\"" } },
    { "limit", { "1", "2", "1000" } },
    { "timeout", { "\"1m\"" } },
    { "by", { "\"ada\"" } },
    { "reason", { "\"why\"" } },
};
static const char *const kinds[] = { "\"text\"",    "\"two\\nlines\"", "\"a-1\"",       "\"s-3\"",
                                     "{\"a\":[1]}", "{\"a\":1}",       "{\"a\":\"b\"}", "[\"x\"]",
                                     "[\"x\"]",     "\"30s\"",         "\"90m\"",       "1",
                                     "true" };
static const char *const words[] = { "null",        "true",    "0",
                                     "-1",          "1e99",    "9223372036854775807",
                                     "\"\"",        "\"s-1\"", "\"@token\"",
                                     "[]",          "{}",      "[[[]]]",
                                     "\"\\u0000\"", "\"a b\"", "\"\xc3\xa4\"",
                                     "\"line\"",    "\"go\"",  "{\"state\":\"running\"}",
                                     NULL };

static const char *value_of(struct fuzz_chance *chance, const struct sk_input *input)
{
    if (fuzz_draw(chance, 12) == 0) return words[fuzz_draw(chance, 17)];
    for (size_t i = 0; i < sizeof plausible / sizeof plausible[0]; i++) {
        if (strcmp(plausible[i].name, input->name) != 0) continue;
        uint32_t count = 0;
        while (count < 6 && plausible[i].values[count] != NULL) count += 1;
        return plausible[i].values[fuzz_draw(chance, count)];
    }
    return kinds[input->kind];
}

static void put_path(struct sk_buf *out, struct fuzz_chance *chance, struct sk_str pattern)
{
    static const struct {
        const char *param;
        const char *values[5];
    } params[] = {
        { "{saga}", { "s-1", "s-2", "none", "s-1.c", "%40lock%2Fb" } },
        { "{definition}", { "line", "graph", "forward", "none", "%00" } },
        { "{step}", { "a", "t", "w", "e", "none" } },
        { "{trouble}", { "not-found", "saga.broken", "none", "x", "SKALD_E_IO" } },
        { "{seq}", { "1", "7", "12", "0", "99999999999999999999" } },
        { "{number}", { "0", "1", "2", "3", "x" } },
        { "{schedule}", { "e-1", "s-1", "none", "s-2", "%ff" } },
        { "{batch}", { "e-1", "none", "s-1", "s-2", "a%20b" } },
        { "{service}", { "shop", "none", "http%3A%2F%2Fshop", "x", "%7f" } },
    };
    struct sk_str segment;
    while (sk_path_next(&pattern, &segment)) {
        size_t row = 0;
        while (row < 9 && !sk_str_is(segment, params[row].param)) row += 1;
        sk_buf_append_char(out, '/');
        /* Mostly what is there. */
        uint32_t which = fuzz_draw(chance, 3) > 0 ? 0 : fuzz_draw(chance, 5);
        if (row < 9)
            sk_buf_append_text(out, params[row].values[which]);
        else
            sk_buf_append_str(out, segment);
    }
}

static void put_query(struct sk_buf *out, struct fuzz_chance *chance, const struct sk_input *inputs)
{
    char sign = '?';
    for (const struct sk_input *i = inputs; i != NULL && i->name != NULL; i++) {
        if (!i->is_required && fuzz_draw(chance, 3) > 0) continue;
        struct sk_str value = sk_str_of(value_of(chance, i));
        if (value.size > 1 && value.data[0] == '"') value = sk_str_sub(value, 1, value.size - 2);
        sk_buf_append_char(out, sign);
        sk_buf_append_text(out, i->name);
        sk_buf_append_char(out, '=');
        sk_buf_append_str(out, value);
        sign = '&';
    }
}

static void put_body(struct sk_buf *out, struct fuzz_chance *chance, const struct sk_route *route)
{
    if (route->body == NULL) {
        bool is_import = strcmp(route->name, "importSaga") == 0;
        bool is_define = strcmp(route->name, "define") == 0;
        if (is_define && fuzz_draw(chance, 2) == 0)
            sk_buf_append_text(out, fuzz_plan_source(fuzz_draw(chance, FUZZ_PLANS_COUNT)));
        else
            sk_buf_append_text(out, is_import ? "@export" : route->example);
        return;
    }
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    for (const struct sk_input *i = route->body; i->name != NULL; i++) {
        if (!i->is_required && fuzz_draw(chance, 3) > 0) continue;
        sk_json_key(&w, i->name);
        sk_json_put_raw(&w, sk_str_of(value_of(chance, i)));
    }
    sk_json_end_object(&w);
}

static void put_request(struct sk_buf *out, struct fuzz_chance *chance)
{
    static const char *const acts[] = { "advance 1s",    "advance 90s",  "crash",
                                        "reply ok",      "reply fail",   "reply retry",
                                        "reply unknown", "reply pending" };
    if (fuzz_draw(chance, 4) == 0) {
        sk_buf_append_text(out, acts[fuzz_draw(chance, 8)]);
        sk_buf_append_text(out, "\n---\n");
        return;
    }
    uint32_t which = fuzz_draw(chance, (uint32_t)sk_routes_count);
    /* Without sagas there is nothing to see. */
    if (fuzz_draw(chance, 4) == 0) which = 3;
    const struct sk_route *route = &sk_routes[which];
    bool has_body = route->body != NULL || route->body_types != NULL;
    sk_buf_append_text(out, sk_http_method_name(route->method));
    sk_buf_append_char(out, ' ');
    put_path(out, chance, sk_str_of(route->path));
    put_query(out, chance, route->query);
    sk_buf_append_char(out, '\n');
    if (route->takes_key && fuzz_draw(chance, 3) == 0) sk_buf_append_text(out, "key: k-1\n");
    if (strcmp(route->name, "define") == 0) sk_buf_append_text(out, "type: application/yaml\n");
    sk_buf_append_char(out, '\n');
    if (has_body) put_body(out, chance, route);
    sk_buf_append_text(out, "\n---\n");
}

static void put_mutated(struct sk_buf *out, struct fuzz_chance *chance, struct sk_str block)
{
    struct sk_str head, body;
    fuzz_split(block, "", &head, &body);
    bool of_body = body.size > 1 && fuzz_draw(chance, 3) > 0;
    struct sk_str part = of_body ? body : block;
    sk_buf_append_str(out, of_body ? sk_str_sub(block, 0, block.size - body.size) : SK_STR(""));
    enum { ROOM = 256 };
    char *room = sk_buf_reserve(out, part.size + ROOM);
    if (room == NULL || part.size == 0) return;
    memcpy(room, part.data, part.size);
    uint8_t *bytes = (uint8_t *)room;
    unsigned int seed = fuzz_draw(chance, 1u << 30);
    out->size += of_body ? fuzz_mutate_json(bytes, part.size, part.size + ROOM, seed, words)
                         : LLVMFuzzerMutate(bytes, part.size, part.size + ROOM);
    sk_buf_append_text(out, "\n---\n");
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct fuzz_chance chance = { seed };
    struct sk_str rest = { (const char *)data, size }, blocks[BLOCKS_MAX];
    struct sk_buf out;
    uint32_t count = 0;
    while (rest.size > 0 && count < BLOCKS_MAX) fuzz_split(rest, "---", &blocks[count++], &rest);
    uint32_t at = fuzz_draw(&chance, count), how = fuzz_draw(&chance, 10);
    sk_buf_init(&out, 0);
    for (uint32_t i = 0; i < count; i++) {
        bool is_it = i == at;
        if (is_it && how == 0) continue; /* dropped */
        if (is_it && how >= 6) {
            put_mutated(&out, &chance, blocks[i]);
            continue;
        }
        for (int twice = 0; twice < (is_it && how == 1 ? 2 : 1); twice++) {
            sk_buf_append_str(&out, blocks[i]);
            sk_buf_append_text(&out, "---\n");
        }
        if (is_it && how >= 2) put_request(&out, &chance);
    }
    if (count == 0) put_request(&out, &chance);
    bool fits = !out.failed && out.size > 0 && out.size <= max_size;
    if (fits) memcpy(data, out.data, out.size);
    size = fits ? out.size : LLVMFuzzerMutate(data, size, max_size);
    sk_buf_release(&out);
    return size;
}
