/* world.c: see world.h. */
#include "world.h"

#include "books.h"
#include "fault.h"

#include "base/assert.h"
#include "skald/journal_folder.h"
#include "skald/token_key.h"
#include "store/sqlite/sqlite.h"

#include <stdio.h>
#include <string.h>

enum { OPEN_MS_MAX = 10 * 60 * 1000, STOP_MS_MAX = 5 * 60 * 1000, SHARDS = 4 };

/* ---- what is heard --------------------------------------------------------------------------- */

static void on_log(void *context, const struct sk_log_line *line)
{
    struct world *world = context;
    fault_hold();
    if (sk_str_is(line->event, "store.broken")) {
        world->is_broken = true;
        snprintf(world->why, sizeof world->why, "%.*s", SK_STR_ARGS(line->message));
    }
    if (world->is_loud)
        fprintf(stderr, "  %lld %.*s %.*s %.*s\n", (long long)world->now_ms,
                SK_STR_ARGS(line->event), SK_STR_ARGS(line->saga_id), SK_STR_ARGS(line->message));
    fault_release();
}

static struct world_end *find_end(struct world *world, struct sk_str saga)
{
    for (uint32_t i = 0; i < world->ends_count; i++)
        if (sk_str_is(saga, world->ends[i].saga)) return &world->ends[i];
    if (world->ends_count == WORLD_ENDS_MAX) return NULL;
    struct world_end *end = &world->ends[world->ends_count++];
    end->is_over = false;
    snprintf(end->saga, sizeof end->saga, "%.*s", SK_STR_ARGS(saga));
    return end;
}

static bool is_end(enum sk_event_type type)
{
    return type == SK_EVENT_SAGA_COMPLETED || type == SK_EVENT_SAGA_COMPENSATED ||
           type == SK_EVENT_SAGA_CANCELLED || type == SK_EVENT_SAGA_TIMED_OUT ||
           type == SK_EVENT_SAGA_FAILED;
}

static void on_event(void *context, const struct sk_saga *saga, const struct sk_event *event)
{
    struct world *world = context;
    fault_hold();
    struct world_end *end = find_end(world, saga->start.id);
    if (end != NULL && is_end(event->type)) end->is_over = true;
    if (end != NULL && event->type == SK_EVENT_SAGA_COMPENSATING) end->is_over = false;
    if (world->is_loud)
        fprintf(stderr, "  %lld %.*s %llu %s step %d item %d attempt %u\n",
                (long long)world->now_ms, SK_STR_ARGS(saga->start.id),
                (unsigned long long)event->seq, sk_event_type_name(event->type), (int)event->step,
                event->item, event->attempt);
    fault_release();
}

bool world_is_over(const struct world *world, const char *saga)
{
    for (uint32_t i = 0; i < world->ends_count; i++)
        if (strcmp(saga, world->ends[i].saga) == 0) return world->ends[i].is_over;
    return false;
}

void world_end_known(struct world *world, const char *saga)
{
    struct world_end *end = find_end(world, sk_str_of(saga));
    if (end != NULL) end->is_over = true;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void settle(struct world *world)
{
    do {
        loop_settle(world->loop);
    } while (books_answer());
    loop_settle(world->loop);
}

static bool step(struct world *world, int64_t until_ms)
{
    settle(world);
    bool has_moved = loop_step(world->loop, until_ms);
    settle(world);
    world->now_ms = loop_now(world->loop);
    return has_moved;
}

void world_run(struct world *world, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    while (step(world, until_ms)) {}
}

/* ---- life ------------------------------------------------------------------------------------ */

struct told {
    bool is_told;
    enum skald_status status;
    skald_error error;
};

static void on_told(void *context, enum skald_status status, const skald_error *error)
{
    struct told *told = context;
    told->is_told = true;
    told->status = status;
    if (error != NULL) told->error = *error;
}

static void await(struct world *world, const struct told *told, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    settle(world);
    while (!told->is_told && step(world, until_ms)) {}
}

static void take_down(struct world *world)
{
    sk_engine_free(world->engine);
    world->engine = NULL;
    sk_api_free(world->api);
    world->api = NULL;
    books_forget_calls();
    loop_settle(world->loop); /* what the store still has of the engine's comes back */
    if (world->store != NULL) world->store->ops->free(world->store);
    world->store = NULL;
    loop_free(world->loop);
    world->loop = NULL;
    world->is_open = false;
}

static enum skald_status open_parts(struct world *world, struct sk_engine_options *options,
                                    skald_error *error)
{
    char key[WORLD_TEXT_SIZE + 8];
    snprintf(key, sizeof key, "%s.key", world->path);
    struct sk_sqlite_options store = { .path = world->path,
                                       .runtime = options->runtime,
                                       .shards_count = SHARDS,
                                       .readers_count = 1,
                                       .cache_kib = 1024 };
    struct sk_store *inner = NULL;
    enum skald_status status =
        world->is_journal ? sk_journal_folder_open(world->path, options->runtime, &inner, error)
                          : sk_sqlite_store_open(&store, &inner, error);
    if (status != SKALD_OK) return status;
    options->store = world->store = loop_wrap_store(world->loop, inner);
    status = sk_token_key_load(options->runtime, key, options->token_key, error);
    if (status == SKALD_OK) status = sk_engine_new(options, &world->engine, error);
    if (status != SKALD_OK) return status;
    struct sk_api_options api = { .engine = world->engine,
                                  .runtime = options->runtime,
                                  .is_local = true };
    return sk_api_new(&api, &world->api, error);
}

enum skald_status world_open(struct world *world, skald_error *error)
{
    world->loop = loop_new(world->now_ms, on_log, world);
    world->now_ms = loop_now(world->loop);
    world->is_broken = false;
    struct sk_engine_options options = { .runtime = loop_port(world->loop),
                                         .node = SK_STR("sweep"),
                                         .on_event = on_event,
                                         .observer_context = world };
    options.invokers[SK_KIND_FUNCTION] = books_invoker();
    options.invokers[SK_KIND_TASK] = NULL;
    enum skald_status status = open_parts(world, &options, error);
    struct told told = { .status = SKALD_E_TIMEOUT };
    if (status == SKALD_OK) {
        sk_engine_open(world->engine, on_told, &told);
        await(world, &told, OPEN_MS_MAX);
        status = told.status;
        if (status != SKALD_OK) (void)sk_error_set(error, status, "%s", told.error.message);
    }
    world->is_open = status == SKALD_OK;
    if (!world->is_open) take_down(world);
    return status;
}

void world_close(struct world *world)
{
    if (!world->is_open) return;
    struct told told = { 0 };
    sk_engine_stop(world->engine, 1000, on_told, &told);
    await(world, &told, STOP_MS_MAX);
    if (!told.is_told) sk_panic("the engine does not stop", __FILE__, __LINE__);
    take_down(world);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asked {
    bool is_told;
    int status;
    char *body;
    size_t size;
};

static void on_answer(void *context, const struct sk_local_answer *answer)
{
    struct asked *asked = context;
    asked->is_told = true;
    asked->status = answer->status;
    snprintf(asked->body, asked->size, "%.*s", SK_STR_ARGS(answer->body));
}

int world_ask(struct world *world, enum sk_http_method method, const char *path, const char *type,
              const char *body, char *out_body, size_t size)
{
    enum { PATIENCE_MS = 10 * 60 * 1000 };
    struct asked asked = { .body = out_body, .size = size };
    struct sk_str whole = sk_str_of(path);
    size_t mark = sk_str_find(whole, '?');
    struct sk_local_question question = { .method = method,
                                          .path = sk_str_sub(whole, 0, mark),
                                          .type = sk_str_of(type),
                                          .body = sk_str_of(body) };
    if (mark < whole.size) question.query = sk_str_sub(whole, mark + 1, whole.size);
    out_body[0] = 0;
    if (sk_api_ask(world->api, &question, on_answer, &asked) != SKALD_OK) return -1;
    int64_t until_ms = world->now_ms + PATIENCE_MS;
    settle(world);
    while (!asked.is_told && step(world, until_ms)) {}
    if (!asked.is_told) sk_panic("a request is never answered", __FILE__, __LINE__);
    return asked.status;
}
