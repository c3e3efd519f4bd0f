#include "world.h"

#include "engine/group.h"
#include "store/memory.h"

/* ---- runtime ------------------------------------------------------------------------------- */

static struct world_runtime *runtime_of(struct sk_runtime *runtime)
{
    return (struct world_runtime *)runtime;
}

static int64_t now_ms(struct sk_runtime *runtime)
{
    return runtime_of(runtime)->now_ms;
}

static int64_t monotonic_us(struct sk_runtime *runtime)
{
    return (runtime_of(runtime)->now_ms - runtime_of(runtime)->moved_ms) * 1000;
}

static void random_bytes(struct sk_runtime *runtime, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)sk_mix(7, runtime_of(runtime)->random_state++);
    }
}

static struct sk_runtime_timer *timer_new(struct sk_runtime *runtime, sk_runtime_fn *fn,
                                          void *context)
{
    struct sk_runtime_timer *timer = calloc(1, sizeof *timer);
    timer->runtime = runtime_of(runtime);
    timer->fn = fn;
    timer->context = context;
    timer->next = timer->runtime->timers;
    timer->runtime->timers = timer;
    return timer;
}

static void timer_arm(struct sk_runtime_timer *timer, int64_t at_ms)
{
    timer->at_ms = at_ms;
    timer->is_armed = true;
}

static void timer_disarm(struct sk_runtime_timer *timer)
{
    timer->is_armed = false;
}

static void timer_free(struct sk_runtime_timer *timer)
{
    if (timer == NULL) return;
    struct sk_runtime_timer **at = &timer->runtime->timers;
    while (*at != timer) at = &(*at)->next;
    *at = timer->next;
    free(timer);
}

static enum skald_status post(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context)
{
    struct world_runtime *self = runtime_of(runtime);
    struct post *added = calloc(1, sizeof *added);
    added->fn = fn;
    added->context = context;
    *self->last = added;
    self->last = &added->next;
    return SKALD_OK;
}

static enum skald_status offload(struct sk_runtime *runtime, sk_runtime_fn *work,
                                 sk_runtime_fn *done, void *context)
{
    work(context);
    return post(runtime, done, context);
}

static void log_line(struct sk_runtime *runtime, const struct sk_log_line *line)
{
    (void)runtime;
    if (getenv("SKT_LOG") == NULL) return;
    fprintf(stderr, "%.*s %.*s %.*s %.*s\n", SK_STR_ARGS(line->event), SK_STR_ARGS(line->saga_id),
            SK_STR_ARGS(line->message), SK_STR_ARGS(line->data));
}

static const struct sk_runtime_ops runtime_ops = {
    .now_ms = now_ms,
    .monotonic_us = monotonic_us,
    .random = random_bytes,
    .timer_new = timer_new,
    .timer_arm = timer_arm,
    .timer_disarm = timer_disarm,
    .timer_free = timer_free,
    .post = post,
    .offload = offload,
    .log = log_line,
};

void world_run(struct world *world)
{
    struct world_runtime *runtime = &world->runtime;
    for (uint32_t i = 0; runtime->first != NULL; i++) {
        assert_true(i < 1000000);
        struct post *first = runtime->first;
        runtime->first = first->next;
        if (runtime->first == NULL) runtime->last = &runtime->first;
        first->fn(first->context);
        free(first);
    }
}

static struct sk_runtime_timer *next_timer(struct world_runtime *runtime, int64_t until_ms)
{
    struct sk_runtime_timer *next = NULL;
    for (struct sk_runtime_timer *timer = runtime->timers; timer != NULL; timer = timer->next) {
        if (!timer->is_armed || timer->at_ms > until_ms) continue;
        if (next == NULL || timer->at_ms < next->at_ms) next = timer;
    }
    return next;
}

void world_advance(struct world *world, int64_t ms)
{
    int64_t until_ms = world->runtime.now_ms + ms;
    world_run(world);
    for (uint32_t i = 0;; i++) {
        assert_true(i < 1000000);
        struct sk_runtime_timer *timer = next_timer(&world->runtime, until_ms);
        if (timer == NULL) break;
        if (timer->at_ms > world->runtime.now_ms) world->runtime.now_ms = timer->at_ms;
        timer->is_armed = false;
        timer->fn(timer->context);
        world_run(world);
    }
    world->runtime.now_ms = until_ms;
}

void world_move_clock(struct world *world, int64_t ms)
{
    world->runtime.now_ms += ms;
    world->runtime.moved_ms += ms;
}

/* ---- store --------------------------------------------------------------------------------- */

static struct world_store *store_of(struct sk_store *store)
{
    return (struct world_store *)store;
}

struct forward {
    struct world_store *store;
    struct sk_batch *batch; /* the engine's */
    sk_batch_done *done;
    void *context;
    struct sk_batch inner;
    uint32_t *places;
    enum fate *fates;
};

static bool part_has(const struct sk_part *part, const char *saga)
{
    if (saga == NULL) return true;
    for (uint32_t i = 0; i < part->heads_count; i++) {
        if (sk_str_is(part->heads[i].id, saga)) return true;
    }
    return false;
}

static enum sk_part_result result_of(enum fate fate)
{
    switch (fate) {
    case FATE_COMMIT: return SK_PART_DONE;
    case FATE_PASSING: return SK_PART_PASSING;
    case FATE_NOT_KNOWN_DONE:
    case FATE_NOT_KNOWN_LOST: return SK_PART_NOT_KNOWN;
    case FATE_FENCED: return SK_PART_FENCED;
    case FATE_REFUSED: return SK_PART_REFUSED;
    case FATE_BROKEN: return SK_PART_BROKEN;
    }
    return SK_PART_DONE;
}

static void finish_forward(void *context)
{
    struct forward *forward = context;
    for (uint32_t i = 0; i < forward->batch->parts_count; i++) {
        struct sk_part *part = &forward->batch->parts[i];
        if (forward->fates[i] == FATE_COMMIT) continue;
        part->result = result_of(forward->fates[i]);
        snprintf(part->message, sizeof part->message, "as told by the test");
    }
    forward->store->in_flight -= 1;
    forward->done(forward->context, forward->batch);
    free(forward->places);
    free(forward->fates);
    free(forward->inner.parts);
    free(forward);
}

static void on_inner(void *context, struct sk_batch *batch)
{
    struct forward *forward = context;
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        forward->batch->parts[forward->places[i]].result = batch->parts[i].result;
    }
    finish_forward(forward);
}

static void ignore_take(void *context, enum skald_status status, const struct sk_shard_row *row,
                        const skald_error *error)
{
    (void)context, (void)status, (void)row, (void)error;
}

static void pass_on(struct world_store *store, struct sk_batch *batch, sk_batch_done *done,
                    void *context)
{
    struct forward *forward = calloc(1, sizeof *forward);
    *forward = (struct forward){ .store = store, .batch = batch, .done = done, .context = context };
    forward->places = calloc(batch->parts_count, sizeof *forward->places);
    forward->fates = calloc(batch->parts_count, sizeof *forward->fates);
    forward->inner.parts = calloc(batch->parts_count, sizeof *forward->inner.parts);
    bool is_hit = false;
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        bool is_mine = store->fates_count > 0 && part_has(&batch->parts[i], store->fate_saga);
        forward->fates[i] = is_mine ? store->fate : FATE_COMMIT;
        is_hit = is_hit || is_mine;
        if (is_mine && store->fate == FATE_FENCED) {
            store->inner->ops->take(store->inner, batch->parts[i].shard, batch->parts[i].epoch,
                                    SK_STR("other"), 0, ignore_take, NULL);
        }
        if (is_mine && store->fate != FATE_NOT_KNOWN_DONE) continue;
        forward->places[forward->inner.parts_count] = i;
        forward->inner.parts[forward->inner.parts_count++] = batch->parts[i];
    }
    if (is_hit) store->fates_count -= 1;
    if (forward->inner.parts_count > 0) {
        store->world->is_in_store = true;
        store->inner->ops->submit(store->inner, &forward->inner, on_inner, forward);
        store->world->is_in_store = false;
    } else {
        (void)!post(&store->runtime->base, finish_forward, forward);
    }
}

static void submit(struct sk_store *self, struct sk_batch *batch, sk_batch_done *done,
                   void *context)
{
    struct world_store *store = store_of(self);
    store->batches_count += 1;
    store->parts_count += batch->parts_count;
    store->parts_in_last = batch->parts_count;
    store->in_flight += 1;
    if (store->in_flight > store->in_flight_max) store->in_flight_max = store->in_flight;
    if (!store->is_holding) {
        pass_on(store, batch, done, context);
        return;
    }
    struct held *held = calloc(1, sizeof *held);
    *held = (struct held){ .batch = batch, .done = done, .context = context };
    struct held **at = &store->held;
    while (*at != NULL) at = &(*at)->next;
    *at = held;
}

void world_unhold(struct world *world, bool keep_holding)
{
    struct world_store *store = &world->store;
    store->is_holding = keep_holding;
    struct held *held = store->held;
    store->held = NULL;
    while (held != NULL) {
        struct held *next = held->next;
        pass_on(store, held->batch, held->done, held->context);
        free(held);
        held = next;
    }
    world_run(world);
}

struct reading {
    struct world_store *store;
    sk_read_done *done;
    void *context;
    bool is_damaged;
};

static void finish_damaged(void *context, struct sk_rows *rows)
{
    struct reading reading = *(struct reading *)context;
    free(context);
    if (reading.store->is_broken) {
        rows->status = sk_error_set(&rows->error, SKALD_E_IO, "disk on fire");
    } else if (reading.is_damaged) {
        rows->status = sk_error_set(&rows->error, SKALD_E_CORRUPT, "a page is damaged");
    } else if (rows->events_count > 0) {
        rows->events_count -= 1;
    }
    reading.done(reading.context, rows);
}

static void finish_vanished(void *context, struct sk_rows *rows)
{
    struct reading reading = *(struct reading *)context;
    free(context);
    rows->events_count = rows->heads_count = 0;
    reading.done(reading.context, rows);
}

static void read_rows(struct sk_store *self, const struct sk_read *read, sk_read_done *done,
                      void *context)
{
    struct world_store *store = store_of(self);
    if (store->is_breaking && read->kind == store->breaking_read) {
        store->is_breaking = false;
        store->is_broken = true;
    }
    bool is_cut = store->loses_last_event && read->kind == SK_READ_EVENTS;
    bool is_damaged = store->is_damaged && read->kind == store->breaking_read;
    if (store->is_broken || is_cut || is_damaged) {
        struct reading *reading = calloc(1, sizeof *reading);
        *reading = (struct reading){ store, done, context, is_damaged };
        done = finish_damaged;
        context = reading;
    }
    bool is_of_one = read->kind == SK_READ_EVENTS || read->kind == SK_READ_HEAD;
    if (store->vanishes && read->kind == SK_READ_EVENTS) store->has_vanished = true;
    if (store->has_vanished && is_of_one) {
        struct reading *reading = calloc(1, sizeof *reading);
        *reading = (struct reading){ store, done, context, false };
        done = finish_vanished;
        context = reading;
    }
    store->world->is_in_store = true;
    store->inner->ops->read(store->inner, read, done, context);
    store->world->is_in_store = false;
}

static void take(struct sk_store *self, uint32_t shard, uint64_t epoch, struct sk_str owner,
                 int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct sk_store *inner = store_of(self)->inner;
    store_of(self)->world->is_in_store = true;
    inner->ops->take(inner, shard, epoch, owner, expires_at_ms, done, context);
    store_of(self)->world->is_in_store = false;
}

static void renew(struct sk_store *self, uint32_t shard, uint64_t epoch, int64_t expires_at_ms,
                  sk_take_done *done, void *context)
{
    struct sk_store *inner = store_of(self)->inner;
    store_of(self)->world->is_in_store = true;
    inner->ops->renew(inner, shard, epoch, expires_at_ms, done, context);
    store_of(self)->world->is_in_store = false;
}

static void define(struct sk_store *self, const struct sk_definition_row *row, bool keep_latest,
                   sk_define_done *done, void *context)
{
    struct sk_store *inner = store_of(self)->inner;
    store_of(self)->world->is_in_store = true;
    inner->ops->define(inner, row, keep_latest, done, context);
    store_of(self)->world->is_in_store = false;
}

struct reopening {
    struct world_store *store;
    sk_define_done *done;
    void *context;
};

static void finish_reopen(void *context)
{
    struct reopening reopening = *(struct reopening *)context;
    free(context);
    bool fails = reopening.store->reopens_failing > 0;
    if (fails) reopening.store->reopens_failing -= 1;
    if (!fails) reopening.store->is_broken = false;
    skald_error error = { .status = SKALD_E_IO, .message = "disk on fire" };
    reopening.done(reopening.context, fails ? SKALD_E_IO : SKALD_OK, fails ? &error : NULL);
}

static void reopen(struct sk_store *self, sk_define_done *done, void *context)
{
    struct reopening *reopening = calloc(1, sizeof *reopening);
    *reopening = (struct reopening){ store_of(self), done, context };
    store_of(self)->reopens_count += 1;
    (void)!post(&store_of(self)->runtime->base, finish_reopen, reopening);
}

static void free_store(struct sk_store *self)
{
    struct sk_store *inner = store_of(self)->inner;
    inner->ops->free(inner);
}

static const struct sk_store_ops store_ops = {
    .submit = submit,
    .read = read_rows,
    .take = take,
    .renew = renew,
    .define = define,
    .reopen = reopen,
    .free = free_store,
};

/* ---- invoker ------------------------------------------------------------------------------- */

static void on_head_at_send(void *context, struct sk_rows *rows)
{
    struct call *call = context;
    call->was_durable = rows->heads_count > 0;
}

struct auto_answer {
    struct world *world;
    uint32_t call;
};

static void answer_by_itself(void *context)
{
    struct auto_answer *answer = context;
    struct world_invoker *invoker = &answer->world->invoker;
    struct call *call = &invoker->calls[answer->call];
    if (!call->is_answered && !call->is_cancelled) {
        bool fails = invoker->fails != NULL && strcmp(call->name, invoker->fails) == 0;
        world_answer(answer->world, answer->call, fails ? SK_OUTCOME_FAILED : SK_OUTCOME_SUCCEEDED,
                     fails ? "" : "{\"ok\":true}");
    }
    free(answer);
}

static void copy_text(char *to, size_t size, struct sk_str text)
{
    snprintf(to, size, "%.*s", SK_STR_ARGS(text));
}

static enum skald_status start_call(struct sk_invoker *self, const struct sk_invocation *invocation,
                                    sk_invoke_done *done, void *context)
{
    struct world_invoker *invoker = (struct world_invoker *)self;
    assert_true(invoker->calls_count < CALLS_MAX);
    uint32_t index = invoker->calls_count++;
    struct call *call = &invoker->calls[index];
    *call = (struct call){ .ticket = invocation->ticket,
                           .operation = invocation->operation,
                           .attempt = invocation->attempt,
                           .item = invocation->item,
                           .deadline_ms = invocation->deadline_ms,
                           .timeout_ms = invocation->timeout_ms,
                           .done = done,
                           .context = context };
    copy_text(call->saga, sizeof call->saga, invocation->saga_id);
    copy_text(call->step, sizeof call->step, invocation->step_id);
    copy_text(call->name, sizeof call->name, invocation->target);
    copy_text(call->key, sizeof call->key, invocation->key);
    copy_text(call->token, sizeof call->token, invocation->token);
    struct sk_store *inner = invoker->world->store.inner;
    struct sk_read read = { .kind = SK_READ_HEAD, .id = sk_str_of(call->saga) };
    invoker->world->is_in_store = true;
    inner->ops->read(inner, &read, on_head_at_send, call);
    invoker->world->is_in_store = false;
    if (!invoker->is_manual) {
        struct auto_answer *answer = calloc(1, sizeof *answer);
        *answer = (struct auto_answer){ invoker->world, index };
        (void)!post(&invoker->world->runtime.base, answer_by_itself, answer);
    }
    return SKALD_OK;
}

static void cancel_call(struct sk_invoker *self, uint64_t ticket)
{
    struct world_invoker *invoker = (struct world_invoker *)self;
    for (uint32_t i = 0; i < invoker->calls_count; i++) {
        if (invoker->calls[i].ticket == ticket && !invoker->calls[i].is_answered) {
            invoker->calls[i].is_cancelled = true;
        }
    }
}

static void free_invoker(struct sk_invoker *self)
{
    (void)self;
}

static const struct sk_invoker_ops invoker_ops = {
    .start = start_call,
    .cancel = cancel_call,
    .free = free_invoker,
};

void world_answer(struct world *world, uint32_t index, enum sk_outcome_class class_,
                  const char *output)
{
    struct call *call = &world->invoker.calls[index];
    assert_false(call->is_answered);
    call->is_answered = true;
    struct sk_outcome outcome = { .class_ = class_,
                                  .output = sk_str_of(output),
                                  .code = sk_str_of(class_ == SK_OUTCOME_FAILED ? "refused" : ""),
                                  .is_answered = class_ != SK_OUTCOME_UNKNOWN };
    if (!call->is_cancelled) call->done(call->context, call->ticket, &outcome);
}

int world_call(const struct world *world, const char *name, uint32_t n)
{
    for (uint32_t i = 0; i < world->invoker.calls_count; i++) {
        if (strcmp(world->invoker.calls[i].name, name) != 0) continue;
        if (n == 0) return (int)i;
        n -= 1;
    }
    return -1;
}

/* ---- the engine ---------------------------------------------------------------------------- */

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    (void)error;
    struct world *world = context;
    world->opened_count += 1;
    world->opened_status = status;
}

static void on_notice(void *context, struct sk_str what, struct sk_str json)
{
    (void)json;
    struct world *world = context;
    if (world->notices_count == NOTICES_MAX) return;
    copy_text(world->notices[world->notices_count++], 32, what);
}

static void on_event(void *context, const struct sk_saga *saga, const struct sk_event *event)
{
    (void)saga, (void)event;
    ((struct world *)context)->events_count += 1;
}

uint32_t world_notices(const struct world *world, const char *what)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->notices_count; i++)
        count += strcmp(world->notices[i], what) == 0;
    return count;
}

void world_init(struct world *world, uint32_t shards_count)
{
    memset(world, 0, sizeof *world);
    world->runtime.base.ops = &runtime_ops;
    world->runtime.now_ms = 1767225600000;
    world->runtime.last = &world->runtime.first;
    world->store.base = (struct sk_store){ &store_ops, "test", false };
    world->store.runtime = &world->runtime;
    world->store.world = world;
    skald_error error;
    assert_int_equal(SKALD_OK, sk_memory_store_new(&world->runtime.base, shards_count,
                                                   &world->store.inner, &error));
    world->invoker.base.ops = &invoker_ops;
    world->invoker.world = world;
    world->options.runtime = &world->runtime.base;
    world->options.store = &world->store.base;
    world->options.invokers[SK_KIND_FUNCTION] = &world->invoker.base;
    memset(world->options.token_key, 9, sizeof world->options.token_key);
    world->options.on_notice = on_notice;
    world->options.on_event = on_event;
    world->options.observer_context = world;
}

void world_open_engine(struct world *world)
{
    sk_engine_open(world->engine, on_opened, world);
    world_run(world);
}

void world_open(struct world *world)
{
    skald_error error;
    uint32_t before = world->opened_count;
    assert_int_equal(SKALD_OK, sk_engine_new(&world->options, &world->engine, &error));
    sk_engine_open(world->engine, on_opened, world);
    world_run(world);
    assert_int_equal(before + 1, world->opened_count);
    assert_int_equal(SKALD_OK, world->opened_status);
}

void world_open_pair(struct world *world)
{
    skald_error error;
    world->group = sk_group_new(2);
    world->options.group = world->group;
    for (uint32_t i = 0; i < 2; i++) {
        struct sk_engine **engine = i == 0 ? &world->engine : &world->sibling;
        sk_group_set_runtime(world->group, i, &world->runtime.base);
        world->options.group_member = i;
        assert_int_equal(SKALD_OK, sk_engine_new(&world->options, engine, &error));
        sk_engine_open(*engine, on_opened, world);
    }
    world_run(world);
    assert_int_equal(2, world->opened_count);
    assert_int_equal(SKALD_OK, world->opened_status);
}

void world_crash(struct world *world)
{
    sk_engine_free(world->engine);
    world->engine = NULL;
    world_run(world);
}

void world_release(struct world *world)
{
    world_unhold(world, false);
    sk_engine_free(world->engine);
    sk_engine_free(world->sibling);
    world_run(world);
    sk_group_free(world->group);
    world->store.base.ops->free(&world->store.base);
    world_run(world);
    assert_null(world->runtime.timers);
}

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    if (reply->status != SKALD_OK) fprintf(stderr, "%s\n", reply->error->message);
    *(enum skald_status *)context = reply->status;
}

void world_define(struct world *world, const char *yaml)
{
    enum skald_status status = SKALD_E_INTERNAL;
    sk_engine_define(world->engine, sk_str_of(yaml), SK_STR("test.yaml"), on_defined, &status);
    world_run(world);
    assert_int_equal(SKALD_OK, status);
}

static void on_state(void *context, struct sk_rows *rows)
{
    *(enum sk_saga_state *)context =
        rows->heads_count > 0 ? (enum sk_saga_state)rows->heads[0].state : 0;
}

enum sk_saga_state world_stored_state(struct world *world, const char *id)
{
    enum sk_saga_state state = SK_SAGA_STATES_COUNT;
    struct sk_read read = { .kind = SK_READ_HEAD, .id = sk_str_of(id) };
    world->store.inner->ops->read(world->store.inner, &read, on_state, &state);
    world_run(world);
    return state;
}

static void on_seq(void *context, struct sk_rows *rows)
{
    *(uint32_t *)context = rows->heads_count > 0 ? (uint32_t)rows->heads[0].seq : 0;
}

uint32_t world_stored_events(struct world *world, const char *id)
{
    uint32_t seq = UINT32_MAX;
    struct sk_read read = { .kind = SK_READ_HEAD, .id = sk_str_of(id) };
    world->store.inner->ops->read(world->store.inner, &read, on_seq, &seq);
    world_run(world);
    return seq;
}

void world_on_answer(void *context, const struct sk_reply *reply)
{
    struct answer *answer = context;
    uint32_t count = answer->count + 1;
    *answer = (struct answer){ .is_there = true,
                               .count = count,
                               .status = reply->status,
                               .is_replayed = reply->is_replayed,
                               .is_pending_direction = reply->is_pending_direction,
                               .retry_after_ms = reply->retry_after_ms };
    if (reply->error != NULL)
        snprintf(answer->message, sizeof answer->message, "%s", reply->error->message);
    if (reply->saga == NULL) return;
    answer->has_saga = true;
    copy_text(answer->id, sizeof answer->id, reply->saga->start.id);
    copy_text(answer->output, sizeof answer->output, reply->saga->output);
    answer->state = reply->saga->state;
    answer->shown = sk_saga_shown_state(reply->saga);
    answer->seq = reply->saga->seq;
}

struct answer world_start(struct world *world, const char *definition, const char *id,
                          const char *input)
{
    struct answer answer = { 0 };
    struct sk_start_request request = { .definition = sk_str_of(definition),
                                        .id = sk_str_of(id),
                                        .input = sk_str_of(input) };
    sk_engine_start(world->engine, &request, world_on_answer, &answer);
    assert_false(answer.is_there);
    world_run(world);
    assert_true(answer.is_there);
    return answer;
}

struct answer world_get(struct world *world, const char *id)
{
    struct answer answer = { 0 };
    sk_engine_get(world->engine, sk_str_of(id), world_on_answer, &answer);
    assert_false(answer.is_there);
    world_run(world);
    assert_true(answer.is_there);
    return answer;
}
