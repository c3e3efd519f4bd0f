/*
 * limits.c: the limiter as an invoker. See limits.h; the diagram of a call's life stands in
 * limits_parts.h.
 *
 *   M1  A call is out of the table, its line and its service's counts before `done` is called, and
 *       what became possible by its end has been sent before that: nothing is touched afterwards.
 *   M2  A cancel sends nothing from inside: the next in line goes on the next turn of the loop.
 *       Whoever cancels may be about to cancel that one too (a shard that was lost).
 */
#include "invoke/limits_parts.h"

#include "base/spare.h"

#include <stdio.h>

enum { SPARE_MAX = 256, RETRY_SOON_MS = 1000 };

static const struct sk_runtime_ops *ops_of(const struct sk_limiter *limiter)
{
    return limiter->options.runtime->ops;
}

static int64_t now_ms(const struct sk_limiter *limiter)
{
    return ops_of(limiter)->now_ms(limiter->options.runtime);
}

static int64_t now_us(const struct sk_limiter *limiter)
{
    return ops_of(limiter)->monotonic_us(limiter->options.runtime);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static struct sk_call *call_new(struct sk_limited *invoker, struct sk_served *service,
                                const struct sk_invocation *invocation)
{
    struct sk_limiter *limiter = invoker->limiter;
    struct sk_call *call = SK_SPARE_TAKE(&limiter->spare, struct sk_call, link);
    if (call != NULL) {
        limiter->spare_count -= 1;
    } else {
        call = sk_alloc(sizeof *call);
        if (call == NULL) return NULL;
        sk_list_init(&call->link);
        sk_arena_init(&call->arena);
    }
    call->invoker = invoker;
    call->service = service;
    call->ticket = invocation->ticket;
    call->lane = sk_lane_of(invocation->operation);
    HASH_ADD(hh, limiter->calls, ticket, sizeof call->ticket, call);
    if (call->hh.tbl == NULL) {
        sk_arena_release(&call->arena);
        sk_free(call);
        return NULL;
    }
    service->calls_count += 1;
    return call;
}

static void stop_timer(struct sk_call *call)
{
    ops_of(call->service->limiter)->timer_free(call->timer);
    call->timer = NULL;
}

/* Out of the table and of every list; the memory is kept for the next one. */
static void call_recycle(struct sk_call *call)
{
    struct sk_limiter *limiter = call->service->limiter;
    stop_timer(call);
    HASH_DEL(limiter->calls, call);
    sk_list_remove(&call->link);
    call->service->calls_count -= 1;
    sk_arena_release(&call->arena); /* leaves it as just initialised */
    sk_arena_init(&call->arena);
    if (limiter->spare_count >= SPARE_MAX) {
        sk_free(call);
        return;
    }
    SK_SPARE_PUT(&limiter->spare, call, link);
    limiter->spare_count += 1;
}

/* ---- refusing -------------------------------------------------------------------------------- */

/* L1, L4. */
static void refuse(struct sk_call *call, const char *code, int64_t retry_after_ms)
{
    struct sk_limiter *limiter = call->service->limiter;
    call->place = SK_CALL_REFUSED;
    call->code = code;
    call->retry_after_ms = retry_after_ms;
    sk_gate_refused(call->service);
    if (sk_list_is_empty(&limiter->refused)) {
        ops_of(limiter)->timer_arm(limiter->refusals, now_ms(limiter));
    }
    sk_list_push(&limiter->refused, &call->link);
}

static int64_t until_half_open(const struct sk_served *service)
{
    struct sk_breaker breaker = sk_gate_breaker(service);
    int64_t ms = breaker.retry_at_ms - now_ms(service->limiter);
    return breaker.state == SK_BREAKER_OPEN && ms > 0 ? ms : RETRY_SOON_MS;
}

static void describe(const struct sk_call *call, char *out, size_t size)
{
    const struct sk_served *service = call->service;
    const char *why = "the request could not be made";
    if (strcmp(call->code, "queue_timeout") == 0) {
        why = "it waited in line for half of its time";
    } else if (strcmp(call->code, "circuit_open") == 0) {
        why = "its circuit breaker is open after failures in a row";
    } else if (strcmp(call->code, "rate_limited") == 0) {
        why = "its rate limit leaves no room in time";
    } else if (strcmp(call->code, "queue_full") == 0) {
        why = "too many calls wait for it already";
    }
    (void)snprintf(out, size, "not sent to %.*s: %s", (int)service->state->name_size,
                   service->state->name, why);
}

static void on_refusals(void *context)
{
    struct sk_limiter *limiter = context;
    struct sk_list now;
    sk_list_init(&now);
    while (!sk_list_is_empty(&limiter->refused)) {
        struct sk_list *node = limiter->refused.next;
        sk_list_remove(node);
        sk_list_push(&now, node);
    }
    /* A `done` may cancel others of this list: they take themselves out of it. */
    while (!sk_list_is_empty(&now)) {
        struct sk_call *call = sk_container_of(now.next, struct sk_call, link);
        char message[SK_LIMITS_NAME_MAX + 128];
        describe(call, message, sizeof message);
        struct sk_outcome outcome = { .class_ = SK_OUTCOME_RETRYABLE,
                                      .code = sk_str_of(call->code),
                                      .message = sk_str_of(message),
                                      .is_answered = true,
                                      .retry_after_ms = call->retry_after_ms };
        sk_invoke_done *done = call->done;
        void *done_context = call->context;
        uint64_t ticket = call->ticket;
        call_recycle(call);
        done(done_context, ticket, &outcome);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

/* It is open: nobody waits for what will not come soon. */
static void empty_lines(struct sk_served *service)
{
    int64_t wait_ms = until_half_open(service);
    for (int lane = 0; lane < SK_LANES_COUNT; lane++) {
        for (struct sk_call *call; (call = sk_line_take(&service->lines[lane])) != NULL;) {
            stop_timer(call);
            refuse(call, "circuit_open", wait_ms);
        }
    }
}

/* A change of the breaker is told, and what it means for the line is done. */
static void on_change(struct sk_served *service, struct sk_str by, struct sk_str reason)
{
    sk_gate_notice(service, by, reason);
    if (sk_gate_breaker(service).state == SK_BREAKER_OPEN) empty_lines(service);
}

static void account(struct sk_call *call, enum sk_health health)
{
    struct sk_served *service = call->service;
    if (sk_gate_end(service, call, health)) on_change(service, SK_STR(""), SK_STR(""));
}

static void on_done(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct sk_call *call = context;
    struct sk_served *service = call->service;
    SK_ASSERT(call->place == SK_CALL_FLYING && call->ticket == ticket);
    sk_invoke_done *done = call->done;
    void *done_context = call->context;
    account(call, sk_health_of(outcome));
    sk_served_pump(service);
    call_recycle(call);
    done(done_context, ticket, outcome);
}

/* The gate has let it pass. */
static enum skald_status send(struct sk_call *call, const struct sk_invocation *invocation)
{
    struct sk_invoker *inner = call->invoker->inner;
    enum skald_status status = inner->ops->start(inner, invocation, on_done, call);
    if (status != SKALD_OK) account(call, SK_HEALTH_NEUTRAL);
    return status;
}

/* The gate is free for the first in line. False: a limiter of the share was quicker. */
static bool send_first(struct sk_line *line)
{
    struct sk_call *call = sk_line_first(line);
    struct sk_invocation *invocation = &call->invocation;
    int64_t at_us = now_us(call->service->limiter);
    int64_t left_ms = invocation->timeout_ms - (at_us - call->arrived_us) / 1000;
    bool is_late =
        left_ms <= 0 || (invocation->send_until_us != 0 && at_us >= invocation->send_until_us);
    if (!is_late && sk_gate_try(call->service, call) != SK_GATE_FREE) return false;
    (void)sk_line_take(line);
    stop_timer(call);
    invocation->timeout_ms = left_ms;
    if (is_late) {
        refuse(call, "queue_timeout", 0);
        return true;
    }
    enum skald_status status = send(call, invocation);
    if (status != SKALD_OK) {
        refuse(call, skald_status_name(status), 0);
        return true;
    }
    sk_arena_release(&call->arena);
    sk_arena_init(&call->arena);
    return true;
}

/* L2. */
void sk_served_pump(struct sk_served *service)
{
    for (int lane = SK_LANE_UNDO; lane < SK_LANES_COUNT; lane++) {
        while (service->lines[lane].count > 0 &&
               sk_gate_of(service, (enum sk_lane)lane) == SK_GATE_FREE &&
               send_first(&service->lines[lane])) {}
    }
    if (sk_gate_breaker(service).state == SK_BREAKER_OPEN) (void)sk_gate_of(service, SK_LANE_DO);
    if (sk_gate_breaker(service).state == SK_BREAKER_OPEN) empty_lines(service); /* L5 */
    sk_gate_schedule(service);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void on_waited(void *context)
{
    struct sk_call *call = context;
    struct sk_served *service = call->service;
    enum sk_gate gate = sk_gate_of(service, call->lane);
    sk_line_leave(call);
    stop_timer(call);
    if (gate == SK_GATE_RATE) {
        refuse(call, "rate_limited", sk_gate_token_ms(service, 1));
    } else if (gate == SK_GATE_BREAKER) {
        refuse(call, "circuit_open", until_half_open(service));
    } else {
        refuse(call, "queue_timeout", 0);
    }
}

static void copy_invocation(struct sk_call *call, const struct sk_invocation *from)
{
    struct sk_invocation *to = &call->invocation;
    *to = *from;
    struct sk_str *texts[] = { &to->saga_id, &to->step_id, &to->key,  &to->token,      &to->method,
                               &to->target,  &to->headers, &to->body, &to->traceparent };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->size > 0) *texts[i] = sk_arena_copy(&call->arena, *texts[i]);
    }
}

/* False: out of memory, nothing is kept. */
static bool wait_in_line(struct sk_call *call, const struct sk_invocation *invocation)
{
    struct sk_limiter *limiter = call->service->limiter;
    copy_invocation(call, invocation);
    call->place = SK_CALL_WAITING;
    call->arrived_us = now_us(limiter);
    call->timer = ops_of(limiter)->timer_new(limiter->options.runtime, on_waited, call);
    if (call->arena.failed || call->timer == NULL ||
        !sk_line_enter(&call->service->lines[call->lane], call))
        return false;
    int64_t wait_ms = invocation->timeout_ms / 2;
    ops_of(limiter)->timer_arm(call->timer, now_ms(limiter) + (wait_ms > 0 ? wait_ms : 1));
    return true;
}

/* NULL: it may wait. */
static const char *reason_to_refuse(struct sk_call *call, enum sk_gate gate,
                                    const struct sk_invocation *invocation, int64_t *out_after_ms)
{
    struct sk_served *service = call->service;
    uint32_t waiting = service->lines[SK_LANE_UNDO].count;
    if (call->lane == SK_LANE_DO) waiting += service->lines[SK_LANE_DO].count;
    if (gate == SK_GATE_BREAKER && sk_gate_breaker(service).state == SK_BREAKER_OPEN) {
        *out_after_ms = until_half_open(service);
        return "circuit_open";
    }
    if (service->lines[call->lane].count >= service->limiter->options.queue_max) {
        *out_after_ms = RETRY_SOON_MS;
        return "queue_full";
    }
    *out_after_ms = sk_gate_token_ms(service, waiting + 1);
    bool is_hopeless = sk_gate_has_rate(service) && *out_after_ms > invocation->timeout_ms / 2;
    return is_hopeless ? "rate_limited" : NULL;
}

/* ---- the port -------------------------------------------------------------------------------- */

static enum skald_status start(struct sk_invoker *port, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    struct sk_limited *invoker = sk_container_of(port, struct sk_limited, port);
    struct sk_served *service = sk_served_of(invoker->limiter, invocation);
    struct sk_call *call = service == NULL ? NULL : call_new(invoker, service, invocation);
    if (call == NULL) return SKALD_E_MEMORY;
    call->done = done;
    call->context = context;
    /* Whoever comes while others of its lane wait goes behind them. */
    bool has_line = service->lines[call->lane].count > 0;
    enum sk_gate gate = has_line ? sk_gate_of(service, call->lane) : sk_gate_try(service, call);
    enum skald_status status = SKALD_OK;
    int64_t after_ms = 0;
    if (gate == SK_GATE_FREE && !has_line) {
        status = send(call, invocation);
    } else {
        const char *code = reason_to_refuse(call, gate, invocation, &after_ms);
        if (code != NULL) {
            refuse(call, code, after_ms);
        } else if (!wait_in_line(call, invocation)) {
            status = SKALD_E_MEMORY;
        } else {
            sk_served_pump(service);
        }
    }
    if (status != SKALD_OK) call_recycle(call);
    return status;
}

static void cancel(struct sk_invoker *port, uint64_t ticket)
{
    struct sk_limited *invoker = sk_container_of(port, struct sk_limited, port);
    struct sk_limiter *limiter = invoker->limiter;
    struct sk_call *call = NULL;
    HASH_FIND(hh, limiter->calls, &ticket, sizeof ticket, call);
    if (call == NULL || call->invoker != invoker) return;
    struct sk_served *service = call->service;
    if (call->place == SK_CALL_WAITING) sk_line_leave(call);
    if (call->place == SK_CALL_FLYING) {
        invoker->inner->ops->cancel(invoker->inner, ticket);
        account(call, SK_HEALTH_NEUTRAL);
        ops_of(limiter)->timer_arm(service->timer, now_ms(limiter)); /* M2 */
    }
    call_recycle(call);
}

static void invoker_free(struct sk_invoker *port)
{
    if (port == NULL) return;
    struct sk_limited *invoker = sk_container_of(port, struct sk_limited, port);
    struct sk_call *call, *next;
    HASH_ITER(hh, invoker->limiter->calls, call, next)
    {
        if (call->invoker == invoker) cancel(port, call->ticket);
    }
    invoker->inner->ops->free(invoker->inner);
    invoker->limiter->invokers_count -= 1;
    sk_free(invoker);
}

static const struct sk_invoker_ops limited_ops = { .start = start,
                                                   .cancel = cancel,
                                                   .free = invoker_free };

enum skald_status sk_limiter_wrap(struct sk_limiter *limiter, struct sk_invoker *inner,
                                  struct sk_invoker **out)
{
    struct sk_limited *invoker = sk_alloc(sizeof *invoker);
    if (invoker == NULL) return SKALD_E_MEMORY;
    *invoker = (struct sk_limited){ { &limited_ops }, limiter, inner };
    limiter->invokers_count += 1;
    *out = &invoker->port;
    return SKALD_OK;
}

/* ---- the limiter ----------------------------------------------------------------------------- */

enum skald_status sk_limiter_new(const struct sk_limiter_options *options, struct sk_limiter **out,
                                 skald_error *error)
{
    struct sk_limiter *limiter = sk_alloc(sizeof *limiter);
    if (limiter == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    limiter->options = *options;
    if (limiter->options.queue_max == 0) limiter->options.queue_max = SK_LIMITS_QUEUE_MAX;
    sk_list_init(&limiter->order);
    sk_list_init(&limiter->refused);
    sk_list_init(&limiter->spare);
    sk_share_join(limiter);
    limiter->refusals = ops_of(limiter)->timer_new(options->runtime, on_refusals, limiter);
    if (limiter->refusals == NULL) {
        sk_share_leave(limiter);
        sk_free(limiter);
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    *out = limiter;
    return SKALD_OK;
}

void sk_limiter_free(struct sk_limiter *limiter)
{
    if (limiter == NULL) return;
    SK_ASSERT(limiter->invokers_count == 0 && limiter->calls == NULL);
    sk_share_leave(limiter);
    while (!sk_list_is_empty(&limiter->order)) {
        sk_served_free(sk_container_of(limiter->order.next, struct sk_served, node));
    }
    struct sk_call *call;
    while ((call = SK_SPARE_TAKE(&limiter->spare, struct sk_call, link)) != NULL) sk_free(call);
    ops_of(limiter)->timer_free(limiter->refusals);
    sk_free(limiter);
}

void sk_limiter_each(const struct sk_limiter *limiter,
                     void (*each)(void *context, const struct sk_limiter_view *view), void *context)
{
    if (limiter->options.share != NULL) {
        (void)sk_share_each(limiter->options.share, (struct sk_str){ 0 }, each, context);
        return;
    }
    for (struct sk_list *at = limiter->order.next; at != &limiter->order; at = at->next) {
        struct sk_limiter_view view =
            sk_gate_view(sk_container_of(at, struct sk_served, node)->state);
        each(context, &view);
    }
}

static struct sk_served *find(const struct sk_limiter *limiter, struct sk_str name)
{
    struct sk_served *service = NULL;
    if (name.size == 0) return NULL;
    HASH_FIND(hh, limiter->services, name.data, name.size, service);
    return service;
}

static void keep_view(void *context, const struct sk_limiter_view *view)
{
    *(struct sk_limiter_view *)context = *view;
}

bool sk_limiter_find(const struct sk_limiter *limiter, struct sk_str name,
                     struct sk_limiter_view *out_view)
{
    if (limiter->options.share != NULL && name.size > 0)
        return sk_share_each(limiter->options.share, name, keep_view, out_view);
    const struct sk_served *service = find(limiter, name);
    if (service != NULL) *out_view = sk_gate_view(service->state);
    return service != NULL;
}

bool sk_limiter_reset(struct sk_limiter *limiter, struct sk_str name, struct sk_str by,
                      struct sk_str reason)
{
    struct sk_limiter_view view;
    if (!sk_limiter_find(limiter, name, &view)) return false;
    struct sk_served *service = find(limiter, name);
    if (service == NULL) service = sk_served_add(limiter, name); /* only others have called it */
    if (service == NULL) return false;
    if (sk_gate_reset(service)) on_change(service, by, reason);
    sk_served_pump(service);
    return true;
}
