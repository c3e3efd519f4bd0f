/*
 * dispatch.c: effects leave: from what the saga's state makes due to an invoker, and the outcome
 * back.
 *
 *   F1  Nothing is sent whose event is not durable (law 2), whose deadline has passed, or while the
 *       shard's lease runs out (lease − margin): checked immediately before each send.
 *   F2  The slot for the result is there before the effect leaves: the flight is allocated first.
 *   F3  An effect whose call has moved on in memory is not reported by react any more: its event is
 *       history, its attempt was never on the wire.
 *   F4  Every effect that is not sent ends `retryable` at once, answered: nothing has left.
 */
#include "engine/engine_private.h"

#include "base/spare.h"

#include "base/trace.h"

#define SK_NO_CHANNEL "channel_not_configured"

/* Mostly one; a wide saga's do not fit into `few`. */
enum { FEW = 8 };
struct due {
    struct sk_effect few[FEW];
    struct sk_effect *items; /* few, or allocated */
    uint32_t count, capacity;
    bool failed;
};

static void free_due(struct due *due)
{
    if (due->items != due->few) sk_free(due->items);
}

static void collect(void *context, const struct sk_effect *effect)
{
    struct due *due = context;
    if (due->count == due->capacity && !due->failed) {
        uint32_t capacity = due->capacity * 2;
        bool was_few = due->items == due->few;
        struct sk_effect *items = sk_realloc(was_few ? NULL : due->items, capacity * sizeof *items);
        if (items != NULL) {
            if (was_few) memcpy(items, due->few, sizeof due->few);
            due->items = items;
            due->capacity = capacity;
        } else {
            due->failed = true;
        }
    }
    if (!due->failed) due->items[due->count++] = *effect;
}

/* ---- flights --------------------------------------------------------------------------------- */

struct sk_flight *sk_flight_find(const struct sk_engine *engine, uint64_t ticket)
{
    struct sk_ticket *found = sk_tickets_find(&engine->flights, ticket);
    return found == NULL ? NULL : sk_container_of(found, struct sk_flight, ticket);
}

static struct sk_flight *take_flight(struct sk_engine *engine)
{
    struct sk_flight *flight = SK_SPARE_TAKE(&engine->flights_spare, struct sk_flight, node);
    return flight != NULL ? flight : sk_alloc(sizeof *flight);
}

void sk_flights_release(struct sk_engine *engine)
{
    struct sk_flight *flight;
    while ((flight = SK_SPARE_TAKE(&engine->flights_spare, struct sk_flight, node)) != NULL)
        sk_free(flight);
    sk_tickets_release(&engine->flights);
}

void sk_flight_forget(struct sk_engine *engine, struct sk_flight *flight)
{
    sk_list_remove(&flight->node);
    flight->machine->flights_count -= 1;
    sk_tickets_remove(&engine->flights, &flight->ticket);
    sk_asked_free(flight->machine, flight->asked);
    flight->asked = NULL;
    SK_SPARE_PUT(&engine->flights_spare, flight, node);
}

struct sk_flight *sk_flight_add(struct sk_machine *machine, const struct sk_effect *effect,
                                struct sk_invoker *invoker)
{
    struct sk_engine *engine = machine->engine;
    struct sk_flight *flight = take_flight(engine);
    if (flight == NULL) return NULL;
    if (sk_tickets_put(&engine->flights, &flight->ticket, ++engine->next_ticket) != SKALD_OK) {
        sk_free(flight);
        return NULL;
    }
    flight->machine = machine;
    flight->effect = *effect;
    flight->invoker = invoker;
    flight->asked = NULL;
    sk_list_push(&machine->flights, &flight->node);
    machine->flights_count += 1;
    return flight;
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static void give_outcome(struct sk_machine *machine, const struct sk_effect *effect,
                         const struct sk_outcome *outcome)
{
    struct sk_command command = { .kind = SK_COMMAND_OUTCOME,
                                  .entropy = sk_engine_entropy(machine->engine),
                                  .step = effect->step,
                                  .item = effect->item,
                                  .operation = effect->operation,
                                  .attempt = effect->attempt,
                                  .round = effect->round,
                                  .start_seq = effect->start_seq,
                                  .outcome = outcome };
    sk_command_give(machine, &command, NULL);
}

/* It happened, or not: what cannot be kept tells nothing. */
static const struct sk_outcome unusable = {
    .class_ = SK_OUTCOME_UNKNOWN,
    .code = { "output_too_large", 16 },
    .message = { "the output is larger than limits.output_max", 43 },
};

void sk_flight_end(struct sk_engine *engine, struct sk_flight *flight,
                   const struct sk_outcome *outcome)
{
    struct sk_machine *machine = flight->machine;
    struct sk_effect effect = flight->effect;
    struct sk_asked *asked = flight->asked; /* the outcome may be part of it */
    flight->asked = NULL;
    sk_flight_forget(engine, flight);
    give_outcome(machine, &effect, outcome);
    sk_asked_free(machine, asked);
    sk_machine_settle(machine);
    sk_engine_turn(engine);
}

static void on_outcome(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct sk_engine *engine = context;
    struct sk_flight *flight = sk_flight_find(engine, ticket);
    if (flight == NULL) return;
    bool is_too_large = outcome->output.size > engine->options.output_size_max;
    if (is_too_large) outcome = &unusable;
    if (sk_verdict_ask(engine, flight, outcome)) return;
    sk_flight_end(engine, flight, outcome);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* What a function of this process may read beside its parameters; bytes of `outputs`. */
static void add_values(struct sk_invocation *invocation, const struct sk_saga *saga,
                       const struct sk_effect *effect, struct sk_buf *outputs)
{
    if (invocation->action == NULL || invocation->action->kind != SK_KIND_FUNCTION) return;
    sk_saga_upstream(saga, effect, outputs);
    invocation->outputs = sk_buf_view(outputs);
    invocation->input = saga->start.input;
    bool is_item = effect->step < saga->plan->steps_count && effect->item >= 0 &&
                   (uint32_t)effect->item < saga->steps[effect->step].units_count;
    if (is_item) invocation->value = saga->steps[effect->step].units[effect->item].item;
}

/* A request without an action is a notification. NULL: nothing here can send it. */
static struct sk_invoker *invoker_of(const struct sk_engine *engine,
                                     const struct sk_request *request)
{
    return request->action == NULL ? engine->options.notifier
                                   : engine->options.invokers[request->action->kind];
}

/* A span of its own for each attempt, below the one that started the saga; empty = it has none. */
static struct sk_str trace_of(const struct sk_saga *saga, struct sk_str key, uint32_t attempt,
                              char out[SK_TRACEPARENT_SIZE + 1])
{
    struct sk_str context = saga->start.context;
    if (context.size == 0) return SK_STR("");
    struct sk_str span = sk_json_member(context, SK_STR("traceparent"));
    bool is_sound = sk_json_type(span) == SK_JSON_STRING && span.size == SK_TRACEPARENT_SIZE + 2;
    if (!is_sound) return SK_STR("");
    struct sk_str parent = sk_str_sub(span, 1, SK_TRACEPARENT_SIZE);
    if (!sk_traceparent_is_sound(parent)) return SK_STR("");
    sk_traceparent_child(parent, key, attempt, out);
    return sk_str_of(out);
}

static enum skald_status invoke(struct sk_machine *machine, const struct sk_effect *effect,
                                const struct sk_request *request, struct sk_str key,
                                struct sk_str token, int64_t now_ms)
{
    struct sk_engine *engine = machine->engine;
    const struct sk_saga *saga = &machine->as.saga;
    struct sk_invoker *invoker = invoker_of(engine, request);
    struct sk_flight *flight = sk_flight_add(machine, effect, invoker);
    if (flight == NULL) return SKALD_E_MEMORY;
    char traceparent[SK_TRACEPARENT_SIZE + 1];
    struct sk_invocation invocation = {
        .ticket = flight->ticket.number,
        .operation = effect->operation,
        .plan = saga->plan,
        .action = request->action,
        .saga_id = machine->id,
        .step_id = effect->step < saga->plan->steps_count ? saga->plan->steps[effect->step].id
                                                          : SK_STR(""),
        .item = effect->item,
        .attempt = effect->attempt,
        .round = effect->round,
        .key = key,
        .token = token,
        .traceparent = trace_of(saga, key, effect->attempt, traceparent),
        .deadline_ms = effect->deadline_ms,
        .timeout_ms = effect->deadline_ms > 0 ? effect->deadline_ms - now_ms
                                              : engine->options.rules.attempt_timeout_ms,
        .send_until_us = sk_shard_send_until_us(machine->shard),
        .target = request->target,
        .method = request->method,
        .headers = request->headers,
        .body = request->body,
        .is_maybe = request->is_maybe
    };
    struct sk_buf *outputs = sk_scratch_take(&engine->scratch, 0);
    add_values(&invocation, saga, effect, outputs);
    enum skald_status status = outputs->failed
                                   ? SKALD_E_MEMORY
                                   : invoker->ops->start(invoker, &invocation, on_outcome, engine);
    sk_scratch_give_back(&engine->scratch, outputs);
    if (status != SKALD_OK) {
        sk_flight_forget(engine, flight);
        return status;
    }
    engine->stats.invocations += 1;
    return SKALD_OK;
}

/* Empty: it has left. Otherwise the code with which it ends. */
static struct sk_str send(struct sk_machine *machine, const struct sk_effect *effect)
{
    struct sk_engine *engine = machine->engine;
    int64_t now_ms = sk_engine_now(engine);
    if (effect->deadline_ms > 0 && effect->deadline_ms <= now_ms) {
        return SK_STR("deadline_passed");
    }
    struct sk_buf *key = sk_scratch_take(&engine->scratch, 0);
    struct sk_buf *token = sk_scratch_take(&engine->scratch, 0);
    struct sk_request request = sk_saga_request(&machine->as.saga, effect, key);
    bool takes_token =
        effect->operation == SK_OPERATION_ACTION || effect->operation == SK_OPERATION_COMPENSATION;
    if (takes_token) sk_token_make(engine->options.token_key, machine->id, effect, token);
    struct sk_str code = SK_STR("");
    if (invoker_of(engine, &request) == NULL) {
        code = request.action == NULL ? SK_STR(SK_NO_CHANNEL) : SK_STR("unsupported");
    } else if (key->failed || token->failed) {
        code = sk_str_of(skald_status_name(SKALD_E_MEMORY));
    } else {
        enum skald_status status =
            invoke(machine, effect, &request, sk_buf_view(key), sk_buf_view(token), now_ms);
        if (status != SKALD_OK) code = sk_str_of(skald_status_name(status));
    }
    sk_scratch_give_back(&engine->scratch, token);
    sk_scratch_give_back(&engine->scratch, key);
    return code;
}

static void measure(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    if (machine->decided_us == 0) return;
    int64_t now_us = sk_engine_now_us(engine);
    int64_t busy_us = engine->busy_us;
    if (engine->flush != NULL) busy_us += now_us - engine->busy_since_us;
    sk_histogram_add(&engine->histogram,
                     now_us - machine->decided_us - (busy_us - machine->decided_busy_us));
}

/* Only when all have been tried, for an outcome changes the state that the requests are read from.
 * `codes` NULL: out of memory. */
static void give_unsent(struct sk_machine *machine, const struct sk_effect *effects,
                        const struct sk_str *codes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool is_hopeless = codes != NULL && sk_str_is(codes[i], SK_NO_CHANNEL);
        struct sk_outcome outcome = { .class_ =
                                          is_hopeless ? SK_OUTCOME_FAILED : SK_OUTCOME_RETRYABLE,
                                      .code = codes != NULL ? codes[i] : SK_STR("not_sent"),
                                      .message = SK_STR("not sent"),
                                      .is_answered = true };
        give_outcome(machine, &effects[i], &outcome);
    }
}

static void send_all(struct sk_machine *machine, struct due *due)
{
    struct sk_str few[FEW];
    struct sk_str *codes = due->count <= FEW ? few : sk_alloc(due->count * sizeof *codes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < due->count; i++) {
        struct sk_str code = send(machine, &due->items[i]);
        if (code.size == 0) continue;
        due->items[kept] = due->items[i];
        if (codes != NULL) codes[kept] = code;
        kept += 1;
    }
    if (due->count > kept) measure(machine);
    give_unsent(machine, due->items, codes, kept);
    if (codes != few) sk_free(codes);
}

void sk_dispatch(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    if (machine->is_lock || machine->state != SK_MACHINE_READY ||
        machine->sent_seq >= machine->durable_seq)
        return;
    /* what was due before the stop still leaves; after the grace whoever opens next redrives it */
    if (engine->phase == SK_PHASE_STOPPING && sk_engine_now(engine) >= engine->stop_at_ms) return;
    struct due due;
    due.items = due.few;
    due.count = 0;
    due.capacity = FEW;
    due.failed = false;
    sk_saga_react(&machine->as.saga, machine->sent_seq, machine->durable_seq, collect, &due);
    if (due.failed || (due.count > 0 && !sk_shard_may_send(machine->shard))) {
        if (sk_list_is_empty(&machine->unsent))
            sk_list_push(&machine->shard->unsent, &machine->unsent);
        free_due(&due);
        return;
    }
    machine->sent_seq = machine->durable_seq;
    sk_list_remove(&machine->unsent);
    send_all(machine, &due);
    free_due(&due);
}

void sk_flights_cancel(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    while (!sk_list_is_empty(&machine->flights)) {
        struct sk_flight *flight = sk_container_of(machine->flights.next, struct sk_flight, node);
        flight->invoker->ops->cancel(flight->invoker, flight->ticket.number);
        sk_flight_forget(engine, flight);
    }
}
