/*
 * runtime.h: the port to time, chance and the loop. Two implementations: libevent (production) and
 * the simulator's twin. Everything is called on the loop's thread, but `post`, which any thread may
 * call.
 */
#ifndef SK_RUNTIME_RUNTIME_H
#define SK_RUNTIME_RUNTIME_H

#include "base/error.h"
#include "base/str.h"

struct sk_runtime;
struct sk_runtime_timer;

enum sk_log_level { SK_LOG_DEBUG, SK_LOG_INFO, SK_LOG_WARN, SK_LOG_ERROR };

/* One line of the log. Empty strings are left out; `data` is a JSON object or empty. */
struct sk_log_line {
    enum sk_log_level level;
    struct sk_str event; /* "step.completed", "store.degraded" */
    struct sk_str saga_id, step_id;
    int64_t duration_ms; /* < 0 = none */
    struct sk_str message;
    struct sk_str data;
};

typedef void sk_runtime_fn(void *context);

struct sk_runtime_ops {
    /* Engine time, ms since 1970: the wall clock at start advanced by the monotonic clock. */
    int64_t (*now_ms)(struct sk_runtime *runtime);
    /* Monotonic microseconds; only differences mean something. */
    int64_t (*monotonic_us)(struct sk_runtime *runtime);
    void (*random)(struct sk_runtime *runtime, void *out, size_t size);
    /* One-shot timers on engine time. `arm` moves an armed one. */
    struct sk_runtime_timer *(*timer_new)(struct sk_runtime *runtime, sk_runtime_fn *fn,
                                          void *context);
    void (*timer_arm)(struct sk_runtime_timer *timer, int64_t at_ms);
    void (*timer_disarm)(struct sk_runtime_timer *timer);
    void (*timer_free)(struct sk_runtime_timer *timer); /* NULL is fine */
    /* Runs fn on the loop, after the present turn; from any thread; in order per posting thread.
     * SKALD_E_MEMORY: not posted. */
    enum skald_status (*post)(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context);
    /* Runs `work` on a helper thread and then `done` on the loop. Both get `context`. */
    enum skald_status (*offload)(struct sk_runtime *runtime, sk_runtime_fn *work,
                                 sk_runtime_fn *done, void *context);
    void (*log)(struct sk_runtime *runtime, const struct sk_log_line *line);
    /* Is a line of this level written at all? It saves making it. May be NULL: yes. */
    bool (*logs)(struct sk_runtime *runtime, enum sk_log_level level);
};

/* The first member of every implementation's struct. */
struct sk_runtime {
    const struct sk_runtime_ops *ops;
};

#endif
