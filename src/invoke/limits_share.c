/*
 * limits_share.c: the state of services that limiters of several loops share (L5 of limits.h), and
 * how one of them is told that something has become possible.
 *
 *   P1  The lock is held for a look at the state of a service or a change of it, never while
 *       something is sent, told or waited for.
 *   P2  A poke names its service: the limiter may have forgotten it, or be gone, when it comes.
 */
#include "invoke/limits_parts.h"

struct sk_limits_share {
    struct sk_limits_lock lock;
    struct sk_gate_state *states; /* uthash by name */
    struct sk_list order;         /* the same, oldest first */
    struct sk_limiter *members[SK_LIMITS_MEMBERS_MAX];
};

/* To another loop. */
struct poke {
    struct sk_limits_share *share;
    uint32_t member;
    size_t name_size;
    char name[];
};

static void enter(const struct sk_limits_share *share)
{
    share->lock.enter(share->lock.context);
}

static void leave(const struct sk_limits_share *share)
{
    share->lock.leave(share->lock.context);
}

struct sk_limits_share *sk_limits_share_new(const struct sk_limits_lock *lock)
{
    struct sk_limits_share *share = sk_alloc(sizeof *share);
    if (share == NULL) return NULL;
    share->lock = *lock;
    sk_list_init(&share->order);
    return share;
}

void sk_limits_share_free(struct sk_limits_share *share)
{
    if (share == NULL) return;
    SK_ASSERT(share->states == NULL);
    sk_free(share);
}

void sk_share_join(struct sk_limiter *limiter)
{
    struct sk_limits_share *share = limiter->options.share;
    if (share == NULL) return;
    SK_ASSERT(limiter->options.member < SK_LIMITS_MEMBERS_MAX);
    enter(share);
    share->members[limiter->options.member] = limiter;
    leave(share);
}

void sk_share_leave(struct sk_limiter *limiter)
{
    struct sk_limits_share *share = limiter->options.share;
    if (share == NULL) return;
    enter(share);
    share->members[limiter->options.member] = NULL;
    leave(share);
}

void sk_gate_lock(const struct sk_gate_state *state)
{
    if (state->share != NULL) enter(state->share);
}

void sk_gate_unlock(const struct sk_gate_state *state)
{
    if (state->share != NULL) leave(state->share);
}

/* ---- states ---------------------------------------------------------------------------------- */

static struct sk_gate_state *state_new(struct sk_limiter *limiter, struct sk_str name)
{
    struct sk_runtime *runtime = limiter->options.runtime;
    struct sk_gate_state *state = sk_alloc(sizeof *state + name.size);
    if (state == NULL) return NULL;
    sk_list_init(&state->node);
    state->share = limiter->options.share;
    state->tokens_at_us = runtime->ops->monotonic_us(runtime);
    state->name_size = name.size;
    memcpy(state->name, name.data, name.size);
    return state;
}

/* Under the lock. */
static struct sk_gate_state *find_or_add(struct sk_limiter *limiter, struct sk_str name)
{
    struct sk_limits_share *share = limiter->options.share;
    struct sk_gate_state *state = NULL;
    HASH_FIND(hh, share->states, name.data, name.size, state);
    if (state != NULL) return state;
    state = state_new(limiter, name);
    if (state == NULL) return NULL;
    HASH_ADD(hh, share->states, name, state->name_size, state);
    if (state->hh.tbl == NULL) {
        sk_free(state);
        return NULL;
    }
    sk_list_push(&share->order, &state->node);
    return state;
}

struct sk_gate_state *sk_gate_state_use(struct sk_limiter *limiter, struct sk_str name)
{
    struct sk_limits_share *share = limiter->options.share;
    if (share == NULL) return state_new(limiter, name);
    enter(share);
    struct sk_gate_state *state = find_or_add(limiter, name);
    if (state != NULL) state->users_count += 1;
    leave(share);
    return state;
}

void sk_gate_state_leave(struct sk_gate_state *state)
{
    struct sk_limits_share *share = state->share;
    if (share == NULL) {
        sk_free(state);
        return;
    }
    enter(share);
    state->users_count -= 1;
    bool is_last = state->users_count == 0;
    if (is_last) {
        HASH_DEL(share->states, state);
        sk_list_remove(&state->node);
    }
    leave(share);
    if (is_last) sk_free(state);
}

/* ---- pokes ----------------------------------------------------------------------------------- */

static void on_poke(void *context)
{
    struct poke *poke = context;
    struct sk_limits_share *share = poke->share;
    enter(share);
    struct sk_limiter *limiter = share->members[poke->member]; /* of this loop: it stays */
    leave(share);
    struct sk_served *service = NULL;
    if (limiter != NULL) HASH_FIND(hh, limiter->services, poke->name, poke->name_size, service);
    if (service != NULL) sk_served_pump(service);
    sk_free(poke);
}

static void poke_one(struct sk_limits_share *share, const struct sk_gate_state *state,
                     uint32_t member, struct sk_runtime *runtime)
{
    struct poke *poke = sk_alloc(sizeof *poke + state->name_size);
    if (poke == NULL) return; /* what waits there has a time of its own */
    *poke = (struct poke){ .share = share, .member = member, .name_size = state->name_size };
    memcpy(poke->name, state->name, state->name_size);
    if (runtime->ops->post(runtime, on_poke, poke) != SKALD_OK) sk_free(poke);
}

void sk_gate_poke(struct sk_served *service, uint64_t members)
{
    struct sk_limits_share *share = service->state->share;
    for (uint32_t i = 0; i < SK_LIMITS_MEMBERS_MAX; i++) {
        if ((members >> i & 1u) == 0) continue;
        enter(share);
        struct sk_limiter *limiter = share->members[i];
        struct sk_runtime *runtime = limiter == NULL ? NULL : limiter->options.runtime;
        leave(share);
        if (runtime != NULL) poke_one(share, service->state, i, runtime);
    }
}

/* ---- views ----------------------------------------------------------------------------------- */

struct sk_limiter_view sk_gate_view(const struct sk_gate_state *state)
{
    return (struct sk_limiter_view){ .service = { state->name, state->name_size },
                                     .breaker = state->breaker,
                                     .limits = state->limits,
                                     .in_flight = state->in_flight,
                                     .waiting = { state->waiting[SK_LANE_UNDO],
                                                  state->waiting[SK_LANE_DO] },
                                     .sent = state->sent,
                                     .refused = state->refused };
}

bool sk_share_each(const struct sk_limits_share *share, struct sk_str name,
                   void (*each)(void *context, const struct sk_limiter_view *view), void *context)
{
    bool is_found = false;
    enter(share);
    for (const struct sk_list *at = share->order.next; at != &share->order; at = at->next) {
        struct sk_limiter_view view = sk_gate_view(sk_container_of(at, struct sk_gate_state, node));
        if (name.size > 0 && !sk_str_equal(view.service, name)) continue;
        each(context, &view);
        is_found = true;
    }
    leave(share);
    return is_found;
}
