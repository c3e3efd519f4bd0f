/*
 * limits_parts.h: what the files of the limiter share with each other and nobody else.
 *
 *   limits.c        the invoker: start, cancel, free; the ends of calls; views
 *   limits_line.c   who waits and whose turn it is
 *   limits_gate.c   may something be sent now: breaker, requests at once, rate; which limits apply
 *   limits_share.c  that state, where the limiters of several loops share it
 *   breaker.c       the breaker's states, pure
 *
 * The life of a call; it is in the table of tickets from start to end:
 *
 *   start ──► FLYING ──the inner invoker's done──────────────► ended
 *     │          ▲                                               ▲
 *     ├──► WAITING ──its time is up, or the breaker opened──► REFUSED ──next turn──► ended
 *     └───────────────────────────────────────────────────────►  ▲
 */
#ifndef SK_INVOKE_LIMITS_PARTS_H
#define SK_INVOKE_LIMITS_PARTS_H

#include "invoke/limits.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"

/* Ids of sagas come from clients; out of memory is an answer (hh.tbl is then NULL). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, size, out) \
    ((out) = (unsigned)sk_hash_id((struct sk_str){ (const char *)(key), (size) }))
#include <uthash.h>

struct sk_limited; /* an invoker */
struct sk_call;

/* The waiting calls of one saga in one lane; it stands in the ring while there are any. */
struct sk_saga_turn {
    UT_hash_handle hh; /* line->turns, by saga id */
    struct sk_list ring;
    struct sk_list calls;
    size_t id_size;
    char id[];
};

struct sk_line {
    struct sk_saga_turn *turns;
    struct sk_list ring; /* the next to be served first */
    uint32_t count;
};

/* What holds for a service in the whole process: under the share's lock, if there is one. */
struct sk_gate_state {
    UT_hash_handle hh;             /* share->states, by name */
    struct sk_list node;           /* share->order */
    struct sk_limits_share *share; /* NULL: of one limiter alone */
    struct sk_breaker breaker;
    struct sk_limits limits;
    struct sk_digest said_by; /* the definition that the limits were taken from */
    bool has_limits;
    uint32_t in_flight, waiting[SK_LANES_COUNT];
    double tokens;
    int64_t tokens_at_us;
    uint64_t sent, refused;
    uint64_t lined;       /* by member: it has calls in line */
    uint32_t users_count; /* struct sk_served */
    size_t name_size;
    char name[];
};

/* A service, or a target that belongs to none, as one limiter serves it. */
struct sk_served {
    UT_hash_handle hh; /* limiter->services, by name */
    struct sk_list node;
    struct sk_limiter *limiter;
    struct sk_gate_state *state;
    struct sk_line lines[SK_LANES_COUNT];
    uint32_t calls_count;
    struct sk_runtime_timer *timer; /* the next token, the end of OPEN, or soon */
    size_t name_size;
    char name[];
};

enum sk_call_place { SK_CALL_FLYING, SK_CALL_WAITING, SK_CALL_REFUSED };

struct sk_call {
    UT_hash_handle hh;   /* limiter->calls, by ticket */
    struct sk_list link; /* turn->calls, limiter->refused or limiter->spare */
    struct sk_limited *invoker;
    struct sk_served *service;
    struct sk_saga_turn *turn; /* WAITING */
    enum sk_call_place place;
    enum sk_lane lane;
    uint64_t ticket;
    sk_invoke_done *done;
    void *context;
    uint32_t generation;
    struct sk_runtime_timer *timer; /* WAITING: L3 */
    struct sk_arena arena;          /* WAITING: the copy of what is to be sent */
    struct sk_invocation invocation;
    int64_t arrived_us;
    const char *code; /* REFUSED */
    int64_t retry_after_ms;
};

struct sk_limited {
    struct sk_invoker port; /* first */
    struct sk_limiter *limiter;
    struct sk_invoker *inner;
};

struct sk_limiter {
    struct sk_limiter_options options;
    struct sk_served *services; /* uthash by name */
    struct sk_list order;       /* the same, oldest first */
    uint32_t services_count;
    struct sk_call *calls; /* uthash by ticket */
    struct sk_list refused;
    struct sk_runtime_timer *refusals;
    struct sk_list spare; /* ended calls, kept for their memory */
    uint32_t spare_count, invokers_count;
};

/* limits_gate.c */
/* The state of the service that the invocation calls; NULL: too many, or no memory. */
struct sk_served *sk_served_of(struct sk_limiter *limiter, const struct sk_invocation *invocation);
void sk_served_free(struct sk_served *service);
/* A new one; NULL: too many, or no memory. */
struct sk_served *sk_served_add(struct sk_limiter *limiter, struct sk_str name);
enum sk_gate { SK_GATE_FREE, SK_GATE_BREAKER, SK_GATE_IN_FLIGHT, SK_GATE_RATE };
/* What holds back a call of this lane now. */
enum sk_gate sk_gate_of(struct sk_served *service, enum sk_lane lane);
/* The same; when it is free the call has passed. */
enum sk_gate sk_gate_try(struct sk_served *service, struct sk_call *call);
/* What has passed is over. True: the breaker has changed. */
bool sk_gate_end(struct sk_served *service, struct sk_call *call, enum sk_health health);
/* By hand. True: the breaker has changed. */
bool sk_gate_reset(struct sk_served *service);
/* It did not pass, and will not. */
void sk_gate_refused(struct sk_served *service);
/* A call has come into this limiter's line, or left it. */
void sk_gate_line(struct sk_served *service, enum sk_lane lane, int change);
struct sk_breaker sk_gate_breaker(const struct sk_served *service);
/* Until the n-th token from now is there. */
int64_t sk_gate_token_ms(const struct sk_served *service, uint32_t n);
bool sk_gate_has_rate(const struct sk_served *service);
void sk_gate_notice(struct sk_served *service, struct sk_str by, struct sk_str reason);
/* Arms the service's timer for whatever its line waits for. */
void sk_gate_schedule(struct sk_served *service);

/* limits_share.c */
/* Found or made, and used once more; NULL: out of memory. */
struct sk_gate_state *sk_gate_state_use(struct sk_limiter *limiter, struct sk_str name);
void sk_gate_state_leave(struct sk_gate_state *state);
void sk_gate_lock(const struct sk_gate_state *state);
void sk_gate_unlock(const struct sk_gate_state *state);
/* Those of these members have calls in line that may go now, or must not wait any longer. */
void sk_gate_poke(struct sk_served *service, uint64_t members);
/* All that any member serves; `name` empty = all. False: none. */
bool sk_share_each(const struct sk_limits_share *share, struct sk_str name,
                   void (*each)(void *context, const struct sk_limiter_view *view), void *context);
struct sk_limiter_view sk_gate_view(const struct sk_gate_state *state);
void sk_share_join(struct sk_limiter *limiter);
void sk_share_leave(struct sk_limiter *limiter);

/* limits_line.c */
void sk_line_init(struct sk_line *line);
/* False: out of memory. */
bool sk_line_enter(struct sk_line *line, struct sk_call *call);
void sk_line_leave(struct sk_call *call);
struct sk_call *sk_line_first(const struct sk_line *line); /* NULL: nobody waits */
/* The first leaves; its saga goes to the end of the ring. */
struct sk_call *sk_line_take(struct sk_line *line);

/* limits.c: sends what may be sent, refuses what the breaker holds. */
void sk_served_pump(struct sk_served *service);

#endif
