/* testkit.c: see testkit.h. */
#include "skald/testkit_private.h"

#include "base/assert.h"
#include "base/time.h"
#include "core/explain.h"
#include "invoke/function.h"
#include "store/memory.h"

#include <stdlib.h>

/* ---- memory ---------------------------------------------------------------------------------- */

static void *must(void *pointer)
{
    if (pointer == NULL) sk_panic("test kit: out of memory", __FILE__, __LINE__);
    return pointer;
}

struct sk_str sk_testkit_copy(struct sk_testkit *kit, struct sk_str text)
{
    if (text.size == 0) return (struct sk_str){ NULL, 0 };
    struct sk_str copy = sk_arena_copy(&kit->arena, text);
    (void)must((void *)(uintptr_t)copy.data);
    return copy;
}

void *sk_testkit_grow(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) return items;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return must(sk_realloc(items, *capacity * size));
}

/* Everything that happens without time passing. */
void sk_testkit_settle(struct sk_testkit *kit)
{
    enum { TURNS_MAX = 10000000 };
    int64_t now_ms = sk_testkit_now(kit);
    for (uint32_t i = 0;
         sk_virtual_runtime_step(kit->runtime, now_ms) || sk_testkit_take_tasks(kit); i++) {
        if (i >= TURNS_MAX)
            sk_panic("test kit: the engine never comes to rest", __FILE__, __LINE__);
    }
}

/* ---- what happened --------------------------------------------------------------------------- */

static struct sk_str step_name(const struct sk_saga *saga, uint32_t step)
{
    return step < saga->plan->steps_count ? saga->plan->steps[step].id : (struct sk_str){ NULL, 0 };
}

static void keep_saga(struct sk_testkit *kit, struct sk_str id)
{
    kit->sagas =
        sk_testkit_grow(kit->sagas, kit->sagas_count, &kit->sagas_capacity, sizeof *kit->sagas);
    kit->sagas[kit->sagas_count++] = id;
}

static void on_event(void *context, const struct sk_saga *saga, const struct sk_event *event)
{
    struct sk_testkit *kit = context;
    struct sk_buf json;
    sk_buf_init(&json, 0);
    if (event->type != SK_EVENT_SAGA_SNAPSHOT) sk_event_json(event, &json);
    kit->events =
        sk_testkit_grow(kit->events, kit->events_count, &kit->events_capacity, sizeof *kit->events);
    struct sk_testkit_event *kept = &kit->events[kit->events_count++];
    *kept = (struct sk_testkit_event){
        .saga = sk_testkit_copy(kit, saga->start.id),
        .step = sk_testkit_copy(kit, step_name(saga, event->step)),
        .type = event->type,
        .item = event->item,
        .attempt = event->attempt,
        .seq = event->seq,
        .at_ms = event->at_ms,
        .text = sk_testkit_copy(kit, event->text),
        .note = sk_testkit_copy(kit, event->note),
        .json = sk_testkit_copy(kit, sk_buf_view(&json)),
    };
    sk_buf_release(&json);
    if (event->type == SK_EVENT_SAGA_ACCEPTED) keep_saga(kit, kept->saga);
}

uint32_t sk_testkit_events_count(const struct sk_testkit *kit)
{
    return kit->events_count;
}

const struct sk_testkit_event *sk_testkit_event_at(const struct sk_testkit *kit, uint32_t index)
{
    return &kit->events[index];
}

void sk_testkit_timeline(const struct sk_testkit *kit, struct sk_str saga, struct sk_buf *out)
{
    int64_t start_ms = 0;
    for (uint32_t i = 0; i < kit->events_count; i++) {
        const struct sk_testkit_event *e = &kit->events[i];
        char after[SK_DURATION_TEXT_SIZE];
        if (!sk_str_equal(e->saga, saga)) continue;
        if (start_ms == 0) start_ms = e->at_ms;
        sk_duration_format(e->at_ms - start_ms, after);
        sk_buf_printf(out, "  +%-9s %s", after, sk_event_type_name(e->type));
        if (e->step.size > 0) sk_buf_printf(out, " %.*s", SK_STR_ARGS(e->step));
        if (e->item >= 0) sk_buf_printf(out, ".%d", e->item);
        if (e->attempt > 1) sk_buf_printf(out, " (attempt %u)", e->attempt);
        bool is_new = e->text.size > 0 && !sk_str_equal(e->text, e->step);
        if (is_new) sk_buf_printf(out, ": %.*s", SK_STR_ARGS(e->text));
        if (e->note.size > 0)
            sk_buf_printf(out, "%s%.*s", is_new ? ", " : ": ", SK_STR_ARGS(e->note));
        sk_buf_append_char(out, '\n');
    }
}

const char *sk_testkit_operation_name(enum sk_operation operation)
{
    static const char *const names[] = { "action", "compensation", "verify",
                                         "hook",   "poll",         "decision" };
    return names[operation];
}

int64_t sk_testkit_now(const struct sk_testkit *kit)
{
    return sk_virtual_runtime_now(kit->runtime);
}

/* ---- the engine's life ----------------------------------------------------------------------- */

struct opening {
    bool is_told;
    enum skald_status status;
    skald_error error;
};

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    struct opening *opening = context;
    opening->is_told = true;
    opening->status = status;
    if (error != NULL) opening->error = *error;
}

static bool is_mocked(enum sk_step_kind kind)
{
    return kind != SK_KIND_SAGA && kind != SK_KIND_WAIT && kind != SK_KIND_EVENT;
}

static enum skald_status open_engine(struct sk_testkit *kit, skald_error *error)
{
    struct sk_engine_options options = kit->options.engine;
    struct opening opening = { 0 };
    options.runtime = sk_virtual_runtime_port(kit->runtime);
    options.store = kit->store;
    options.node = SK_STR("test");
    for (int kind = 0; kind < SK_KINDS_COUNT; kind++) {
        if (is_mocked((enum sk_step_kind)kind)) options.invokers[kind] = &kit->mock.port;
    }
    options.on_event = on_event;
    options.notifier = &kit->mock.port;
    options.on_notice = NULL;
    options.observer_context = kit;
    enum skald_status status = sk_engine_new(&options, &kit->engine, error);
    if (status != SKALD_OK) return status;
    struct sk_api_options api = { .engine = kit->engine,
                                  .runtime = options.runtime,
                                  .is_local = true };
    status = sk_api_new(&api, &kit->api, error);
    if (status != SKALD_OK) return status;
    sk_engine_open(kit->engine, on_opened, &opening);
    sk_testkit_settle(kit);
    if (!opening.is_told)
        return sk_error_set(error, SKALD_E_INTERNAL, "the engine did not come up");
    if (opening.status != SKALD_OK)
        return sk_error_set(error, opening.status, "%s", opening.error.message);
    return SKALD_OK;
}

enum skald_status sk_testkit_new(const struct sk_testkit_options *options,
                                 struct sk_testkit **out_kit, skald_error *error)
{
    struct sk_testkit *kit = must(sk_alloc(sizeof *kit));
    struct sk_virtual_options virtual_options = { .seed = options->seed,
                                                  .log = options->log,
                                                  .log_context = options->log_context };
    kit->options = *options;
    sk_arena_init(&kit->arena);
    kit->runtime = must(sk_virtual_runtime_new(&virtual_options));
    sk_mock_init(&kit->mock, kit);
    enum skald_status status =
        sk_memory_store_new(sk_virtual_runtime_port(kit->runtime), 0, &kit->store, error);
    if (status == SKALD_OK) {
        status =
            sk_function_invoker_new(sk_virtual_runtime_port(kit->runtime), &kit->functions, error);
    }
    if (status == SKALD_OK) status = open_engine(kit, error);
    if (status != SKALD_OK) {
        sk_testkit_free(kit);
        return status;
    }
    *out_kit = kit;
    return SKALD_OK;
}

static void close_engine(struct sk_testkit *kit)
{
    sk_engine_free(kit->engine);
    kit->engine = NULL;
    sk_api_free(kit->api);
    kit->api = NULL;
}

void sk_testkit_free(struct sk_testkit *kit)
{
    if (kit == NULL) return;
    close_engine(kit);
    sk_mock_release(&kit->mock);
    if (kit->functions != NULL) kit->functions->ops->free(kit->functions);
    if (kit->store != NULL) kit->store->ops->free(kit->store);
    sk_virtual_runtime_free(kit->runtime);
    sk_free(kit->events);
    sk_free(kit->sagas);
    sk_arena_release(&kit->arena);
    sk_free(kit);
}

enum skald_status sk_testkit_crash(struct sk_testkit *kit, skald_error *error)
{
    sk_testkit_settle(kit);
    close_engine(kit);
    sk_mock_crashed(&kit->mock);
    sk_testkit_settle(kit);
    return open_engine(kit, error);
}

/* ---- doing ----------------------------------------------------------------------------------- */

struct answer {
    struct sk_testkit *kit;
    bool is_told;
    enum skald_status status;
    skald_error error;
    sk_testkit_look_fn *look;
    void *look_context;
    struct sk_str id;
};

static void on_reply(void *context, const struct sk_reply *reply)
{
    struct answer *answer = context;
    answer->is_told = true;
    answer->status = reply->status;
    if (reply->error != NULL && reply->status != SKALD_OK) answer->error = *reply->error;
    if (answer->look == NULL || reply->status != SKALD_OK) return;
    if (reply->saga != NULL) {
        answer->look(answer->look_context, reply->saga);
    } else {
        answer->status = sk_error_set(&answer->error, SKALD_E_NOT_FOUND, "no such saga");
    }
}

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct answer *answer = context;
    answer->is_told = true;
    answer->status = reply->status;
    answer->id = sk_testkit_copy(answer->kit, reply->id);
    if (reply->status == SKALD_OK) return;
    const struct sk_diagnostics *all = reply->diagnostics;
    for (uint32_t i = 0; all != NULL && i < all->count; i++) {
        if (all->items[i].severity != SK_SEVERITY_ERROR) continue;
        (void)sk_error_set(&answer->error, reply->status, "line %u: %.*s: %.*s", all->items[i].line,
                           SK_STR_ARGS(all->items[i].path), SK_STR_ARGS(all->items[i].message));
        return;
    }
    if (reply->error != NULL) answer->error = *reply->error;
}

/* The answers of the memory store are there once all posts have run; a call that waits for time
 * gets some. */
static enum skald_status await(struct answer *answer, skald_error *error)
{
    enum { GIVE_UP_MS = 60 * 1000 };
    int64_t until_ms = sk_testkit_now(answer->kit) + GIVE_UP_MS;
    sk_testkit_settle(answer->kit);
    while (!answer->is_told && sk_testkit_step(answer->kit, until_ms)) {}
    if (!answer->is_told) sk_panic("test kit: the engine does not answer", __FILE__, __LINE__);
    if (answer->status == SKALD_OK) return SKALD_OK;
    return sk_error_set(error, answer->status, "%s",
                        answer->error.message[0] != 0 ? answer->error.message
                                                      : skald_status_text(answer->status));
}

enum skald_status sk_testkit_define(struct sk_testkit *kit, struct sk_str source,
                                    struct sk_str file_name, struct sk_str *out_id,
                                    skald_error *error)
{
    struct answer answer = { .kit = kit };
    sk_engine_define(kit->engine, source, file_name, on_defined, &answer);
    enum skald_status status = await(&answer, error);
    if (status == SKALD_OK && out_id != NULL) *out_id = answer.id;
    return status;
}

enum skald_status sk_testkit_start(struct sk_testkit *kit, const struct sk_start_request *request,
                                   skald_error *error)
{
    struct answer answer = { .kit = kit };
    sk_engine_start(kit->engine, request, on_reply, &answer);
    return await(&answer, error);
}

enum skald_status sk_testkit_command(struct sk_testkit *kit, struct sk_str saga,
                                     const struct sk_command *command, struct sk_str step,
                                     skald_error *error)
{
    struct answer answer = { .kit = kit };
    sk_engine_command(kit->engine, saga, command, step, on_reply, &answer);
    return await(&answer, error);
}

enum skald_status sk_testkit_complete(struct sk_testkit *kit, struct sk_str saga,
                                      struct sk_str step, int32_t item, enum sk_operation operation,
                                      const struct sk_outcome *outcome, skald_error *error)
{
    const struct sk_testkit_call *found = NULL;
    for (uint32_t i = 0; i < sk_testkit_calls_count(kit); i++) {
        const struct sk_testkit_call *call = sk_testkit_call_at(kit, i);
        bool fits = sk_str_equal(call->saga, saga) && sk_str_equal(call->step, step) &&
                    call->operation == operation && (item < 0 || call->item == item);
        if (fits && call->token.size > 0) found = call;
    }
    if (found == NULL) {
        return sk_error_set(error, SKALD_E_NOT_FOUND, "no call of step %.*s was made",
                            SK_STR_ARGS(step));
    }
    struct answer answer = { .kit = kit };
    sk_engine_complete(kit->engine, saga, step, found->token, outcome, on_reply, &answer);
    return await(&answer, error);
}

enum skald_status sk_testkit_look(struct sk_testkit *kit, struct sk_str saga,
                                  sk_testkit_look_fn *fn, void *context, skald_error *error)
{
    struct answer answer = { .kit = kit, .look = fn, .look_context = context };
    sk_engine_get(kit->engine, saga, on_reply, &answer);
    return await(&answer, error);
}

struct sk_invoker *sk_testkit_functions(struct sk_testkit *kit)
{
    return kit->functions;
}

struct asked {
    sk_local_done *done;
    void *context;
    bool is_told;
};

static void on_local(void *context, const struct sk_local_answer *answer)
{
    struct asked *asked = context;
    asked->is_told = true;
    asked->done(asked->context, answer);
}

/* A request that waits (?wait=) gets the time that it waits for. */
void sk_testkit_ask(struct sk_testkit *kit, const struct sk_local_question *question,
                    sk_local_done *done, void *context)
{
    struct asked asked = { .done = done, .context = context };
    if (sk_api_ask(kit->api, question, on_local, &asked) != SKALD_OK) (void)must(NULL);
    sk_testkit_settle(kit);
    while (!asked.is_told) (void)sk_testkit_step(kit, INT64_MAX / 4);
}

void sk_testkit_explain(const struct sk_testkit *kit, const struct sk_saga *saga,
                        struct sk_buf *out)
{
    struct sk_explanation explanation;
    if (sk_saga_is_over(saga)) return;
    if (sk_saga_explain(saga, sk_testkit_now(kit), sk_engine_rules(kit->engine), &explanation))
        sk_buf_append_str(out, explanation.sentence);
    sk_explanation_release(&explanation);
}

/* ---- time ------------------------------------------------------------------------------------ */

bool sk_testkit_step(struct sk_testkit *kit, int64_t until_ms)
{
    bool has_moved = sk_virtual_runtime_step(kit->runtime, until_ms);
    sk_testkit_settle(kit);
    return has_moved;
}

void sk_testkit_advance(struct sk_testkit *kit, int64_t ms)
{
    int64_t now_ms = sk_testkit_now(kit);
    int64_t until_ms = ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ms;
    while (sk_testkit_step(kit, until_ms)) {}
}

static void look_wake(void *context, const struct sk_saga *saga)
{
    bool *moves = context;
    bool is_over = sk_saga_is_over(saga);
    *moves = !is_over && (sk_saga_wake_at(saga) != INT64_MAX || sk_saga_is_flying(saga));
}

/* Does anything move without help? A call on the wire is answered or times out by itself. */
static bool moves_by_itself(struct sk_testkit *kit)
{
    for (uint32_t i = 0; i < kit->sagas_count; i++) {
        bool moves = false;
        enum skald_status status = sk_testkit_look(kit, kit->sagas[i], look_wake, &moves, NULL);
        if (status == SKALD_OK && moves) return true;
    }
    return false;
}

bool sk_testkit_rest(struct sk_testkit *kit, int64_t for_ms)
{
    int64_t until_ms = sk_testkit_now(kit) + for_ms;
    sk_testkit_settle(kit);
    while (sk_testkit_unanswered(kit) == NULL && moves_by_itself(kit)) {
        if (!sk_testkit_step(kit, until_ms)) return false;
    }
    return true;
}
