/*
 * start_request.c: what was asked, checked and brought into the form that saga.accepted fixes for
 * ever.
 *
 *   X1  The digest covers definition and version as asked, input, context and options, canonically:
 *       the same request in another spelling is the same request.
 *   X2  Lock keys are sorted by (home shard, key) without duplicates: every saga asks in that
 *       order.
 */
#include "engine/starting.h"

#include "base/trace.h"

static enum skald_status check_json(struct sk_str text, size_t size_max, enum sk_json_type type,
                                    const char *what, skald_error *error)
{
    if (text.size == 0) return SKALD_OK;
    if (text.size > size_max) {
        return sk_error_set(error, SKALD_E_TOO_LARGE,
                            "%s has %zu bytes; limits.input_max allows %zu", what, text.size,
                            size_max);
    }
    if (sk_json_check(text, error) != SKALD_OK) {
        (void)sk_error_wrap(error, "%s", what);
        return sk_error_wrap(error, "not JSON");
    }
    if (type != SK_JSON_NONE && sk_json_type(text) != type) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s must be a JSON %s", what,
                            type == SK_JSON_ARRAY ? "array of strings" : "object");
    }
    return SKALD_OK;
}

static enum skald_status check_tags(struct sk_str tags, size_t size_max, skald_error *error)
{
    enum skald_status status = check_json(tags, size_max, SK_JSON_ARRAY, "tags", error);
    if (status != SKALD_OK || tags.size == 0) return status;
    struct sk_json_iter it = sk_json_walk(tags);
    while (sk_json_next(&it)) {
        if (sk_json_type(it.value) == SK_JSON_STRING) continue;
        return sk_error_set(error, SKALD_E_ARGUMENT, "tags must be a JSON array of strings");
    }
    return SKALD_OK;
}

static enum skald_status check(const struct sk_start_request *request, size_t size_max,
                               skald_error *error)
{
    enum skald_status status = SKALD_OK;
    if (!sk_id_is_name(request->definition)) {
        return sk_error_set(error, SKALD_E_NOT_FOUND, "no definition of that name");
    }
    if (request->id.size > 0 && !sk_id_is_client(request->id)) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "an id is 1 to 200 of A-Z a-z 0-9 - _ :");
    }
    if (request->space.size > 0 && !sk_id_is_client(request->space)) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "a namespace is 1 to 200 of A-Z a-z 0-9 - _ :");
    }
    if (request->idempotency_key.size > 255 || request->business_key.size > 255) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "a key has 255 bytes at most");
    }
    if (request->timeout_ms < 0)
        return sk_error_set(error, SKALD_E_ARGUMENT, "timeout is negative");
    if (request->lock_keys_count > SK_LOCK_KEYS_MAX) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "more than %d lock keys", SK_LOCK_KEYS_MAX);
    }
    for (uint32_t i = 0; i < request->lock_keys_count; i++) {
        if (request->lock_keys[i].size == 0 || request->lock_keys[i].size > 255) {
            return sk_error_set(error, SKALD_E_ARGUMENT, "a lock key has 1 to 255 bytes");
        }
    }
    if ((status = check_json(request->input, size_max, SK_JSON_NONE, "input", error)) != SKALD_OK)
        return status;
    if ((status = check_json(request->context, size_max, SK_JSON_OBJECT, "context", error)) !=
        SKALD_OK)
        return status;
    if ((status = check_json(request->attributes, size_max, SK_JSON_OBJECT, "attributes", error)) !=
        SKALD_OK)
        return status;
    return check_tags(request->tags, size_max, error);
}

static void put_json(struct sk_buf *out, struct sk_str json)
{
    sk_json_canonical(json, out);
    sk_buf_append_char(out, '\n'); /* which no canonical JSON holds */
}

static bool digest_of(struct sk_engine *engine, const struct sk_start_request *request,
                      struct sk_digest *out_digest)
{
    struct sk_buf *text = sk_scratch_take(&engine->scratch, 0);
    sk_put_str(text, request->definition);
    sk_put_str(text, request->version);
    sk_put_str(text, request->space);
    sk_put_str(text, request->business_key);
    sk_put_i64(text, request->timeout_ms);
    sk_put_u64(text, request->max_attempts);
    sk_put_i64(text, request->priority);
    sk_put_u64(text, request->lock_keys_count);
    for (uint32_t i = 0; i < request->lock_keys_count; i++) sk_put_str(text, request->lock_keys[i]);
    put_json(text, request->input);
    put_json(text, request->context);
    put_json(text, request->attributes);
    put_json(text, request->tags);
    bool is_made = !text->failed;
    if (is_made) *out_digest = sk_digest_fast_of(sk_buf_view(text));
    sk_scratch_give_back(&engine->scratch, text);
    return is_made;
}

struct sk_str sk_start_key_text(struct sk_arena *arena, struct sk_str space, struct sk_str key)
{
    size_t size = space.size + 1 + key.size;
    char *text = sk_arena_alloc(arena, size + 1);
    if (text == NULL) return (struct sk_str){ 0 };
    if (space.size > 0) memcpy(text, space.data, space.size);
    text[space.size] = '/'; /* no namespace holds one */
    memcpy(text + space.size + 1, key.data, key.size);
    text[size] = 0;
    return (struct sk_str){ text, size };
}

static void make_key(struct sk_starting *starting, const struct sk_start_request *request)
{
    if (request->id.size > 0 || request->idempotency_key.size == 0) return;
    starting->key = sk_start_key_text(&starting->arena, request->space, request->idempotency_key);
}

/* The context with the traceparent of the request in it. */
static struct sk_str traced(struct sk_arena *arena, const struct sk_start_request *request)
{
    struct sk_str context = request->context;
    bool has_one = context.size > 0 && sk_json_member(context, SK_STR("traceparent")).size > 0;
    if (has_one || !sk_traceparent_is_sound(request->traceparent)) {
        return sk_arena_copy(arena, context);
    }
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sk_json_writer w = sk_json_writer_of(&text);
    sk_json_begin_object(&w);
    sk_json_key(&w, "traceparent");
    sk_json_put_str(&w, request->traceparent);
    struct sk_json_iter it = sk_json_walk(context);
    while (context.size > 0 && sk_json_next(&it)) {
        struct sk_str name = { it.name.data - 1, it.name.size + 2 };
        sk_json_key_str(&w, sk_json_string(name, arena));
        sk_json_put_raw(&w, it.value);
    }
    sk_json_end_object(&w);
    if (text.failed) arena->failed = true;
    struct sk_str copy = sk_arena_copy(arena, sk_buf_view(&text));
    sk_buf_release(&text);
    return copy;
}

enum skald_status sk_starting_fill(struct sk_starting *starting,
                                   const struct sk_start_request *request, skald_error *error)
{
    size_t size_max = starting->engine->options.input_size_max;
    enum skald_status status = check(request, size_max, error);
    if (status != SKALD_OK) return status;
    struct sk_arena *arena = &starting->arena;
    starting->definition = sk_arena_copy(arena, request->definition);
    starting->version = sk_arena_copy(arena, request->version);
    make_key(starting, request);
    struct sk_str input = request->input.size > 0 ? request->input : SK_STR("null");
    starting->start =
        (struct sk_start){ .id = sk_arena_copy(arena, request->id),
                           .space = sk_arena_copy(arena, request->space),
                           .input = sk_arena_copy(arena, input),
                           .context = traced(arena, request),
                           .business_key = sk_arena_copy(arena, request->business_key),
                           .attributes = sk_arena_copy(arena, request->attributes),
                           .tags = sk_arena_copy(arena, request->tags),
                           .start_key = starting->key,
                           .timeout_ms = request->timeout_ms,
                           .max_attempts = request->max_attempts,
                           .priority = request->priority,
                           .parent_item = -1 };
    struct sk_str *keys = SK_ARENA_ARRAY(arena, struct sk_str, request->lock_keys_count);
    for (uint32_t i = 0; keys != NULL && i < request->lock_keys_count; i++) {
        keys[i] = sk_arena_copy(arena, request->lock_keys[i]);
    }
    starting->lock_keys = keys;
    starting->lock_keys_count = request->lock_keys_count;
    if (arena->failed || !digest_of(starting->engine, request, &starting->start.request_digest)) {
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    return SKALD_OK;
}

enum skald_status sk_starting_fill_child(struct sk_starting *starting, struct sk_str body,
                                         skald_error *error)
{
    struct sk_reader reader = sk_reader_of(body);
    struct sk_str record = sk_get_str(&reader);
    struct sk_str input = sk_get_str(&reader);
    if (reader.bad || !sk_start_decode(record, &starting->arena, &starting->start)) {
        return starting->arena.failed
                   ? sk_error_set(error, SKALD_E_MEMORY, "out of memory")
                   : sk_error_set(error, SKALD_E_CORRUPT, "the start record is damaged");
    }
    starting->start.input = input.size > 0 ? input : SK_STR("null");
    starting->start.request_digest = sk_digest_fast_of(record);
    return SKALD_OK;
}

/* ---- with the plan --------------------------------------------------------------------------- */

static struct sk_str get_value(const void *context, enum sk_root root, uint32_t step_index)
{
    (void)step_index;
    const struct sk_start *start = context;
    if (root == SK_ROOT_INPUT) return start->input;
    if (root == SK_ROOT_CONTEXT) return start->context;
    return SK_STR("");
}

static struct sk_str render(const struct sk_template *template, const struct sk_start *start,
                            struct sk_arena *arena)
{
    struct sk_scope scope = { .context = start, .get = get_value };
    struct sk_arena scratch;
    struct sk_buf text;
    sk_arena_init(&scratch);
    sk_buf_init(&text, 0);
    sk_template_render_text(template, &scope, &scratch, &text);
    if (text.failed || scratch.failed) arena->failed = true;
    struct sk_str copy = sk_arena_copy(arena, sk_buf_view(&text));
    sk_buf_release(&text);
    sk_arena_release(&scratch);
    return copy;
}

/* X2: before (home shard, key) of b? */
static int compare_keys(const struct sk_engine *engine, struct sk_str a, struct sk_str b)
{
    uint32_t home_a = sk_lock_home(engine, a), home_b = sk_lock_home(engine, b);
    if (home_a != home_b) return home_a < home_b ? -1 : 1;
    return sk_str_compare(a, b);
}

/* Insertion into a sorted list of SK_LOCK_KEYS_MAX at most; false when it is full. */
static bool insert_key(const struct sk_engine *engine, struct sk_str *keys, uint32_t *count,
                       struct sk_str key)
{
    uint32_t at = *count;
    if (key.size == 0) return true; /* a template that renders to nothing asks for nothing */
    for (uint32_t i = 0; i < *count; i++) {
        if (sk_str_equal(keys[i], key)) return true;
    }
    if (*count == SK_LOCK_KEYS_MAX) return false;
    while (at > 0 && compare_keys(engine, key, keys[at - 1]) < 0) {
        keys[at] = keys[at - 1];
        at -= 1;
    }
    keys[at] = key;
    *count += 1;
    return true;
}

enum skald_status sk_starting_complete(struct sk_starting *starting, skald_error *error)
{
    const struct sk_engine *engine = starting->engine;
    const struct sk_plan *plan = starting->entry->plan;
    struct sk_start *start = &starting->start;
    struct sk_str *keys = SK_ARENA_ARRAY(&starting->arena, struct sk_str, SK_LOCK_KEYS_MAX);
    uint32_t count = 0;
    bool has_room = true;
    for (uint32_t i = 0; keys != NULL && i < plan->lock_keys_count; i++) {
        struct sk_str key = render(plan->lock_keys[i], start, &starting->arena);
        if (key.size > 255)
            return sk_error_set(error, SKALD_E_ARGUMENT, "a lock key has 255 bytes at most");
        has_room = insert_key(engine, keys, &count, key) && has_room;
    }
    for (uint32_t i = 0; keys != NULL && i < starting->lock_keys_count; i++) {
        has_room = insert_key(engine, keys, &count, starting->lock_keys[i]) && has_room;
    }
    if (!has_room)
        return sk_error_set(error, SKALD_E_LIMIT, "more than %d lock keys", SK_LOCK_KEYS_MAX);
    start->lock_keys = keys;
    start->lock_keys_count = count;
    int64_t acquire_ms = engine->options.acquire_timeout_ms;
    start->acquire_timeout_ms = acquire_ms < 0 ? 0 : acquire_ms;
    if (plan->has_children) {
        start->children = starting->children;
        start->children_count = plan->steps_count;
    }
    if (start->depth > SK_CHILD_DEPTH_MAX) {
        return sk_error_set(error, SKALD_E_LIMIT, "sagas within sagas deeper than %d",
                            SK_CHILD_DEPTH_MAX);
    }
    if (starting->arena.failed) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    return SKALD_OK;
}
