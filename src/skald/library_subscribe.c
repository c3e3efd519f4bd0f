/*
 * library_subscribe.c: see <skald/subscribe.h>.
 *
 *   each loop: on_event ─► note (copied) ─► queue ─► the subscription's thread: callback
 *
 *   B1  No loop ever waits for a subscriber: it takes the queue's lock for as long as it takes to
 *       put a pointer in, and drops (and counts) when the queue is full or memory is short.
 *   B2  The callback runs without any lock.
 *   B3  A subscription is freed by whoever joins its thread; by the thread itself when it was ended
 *       from its own callback.
 *   B4  Events of one saga come from one loop, so they come in their order.
 */
#include "skald/library.h"

#include "runtime/thread.h"
#include "skald/node.h"
#include "store/patience.h"

enum { QUEUE_DEFAULT = 10000, QUEUE_MAX = 1000000, QUEUE_BYTES_MAX = 64 * 1024 * 1024 };

struct note {
    struct sk_list node;
    struct sk_arena arena;
    skald_event event;
};

struct watch { /* of one loop */
    struct sk_observer observer;
    skald_subscription *s;
};

struct skald_subscription {
    skald_engine *engine;
    struct sk_list node;   /* among the engine's; its lock */
    struct sk_arena arena; /* of the filters */
    struct sk_str types, saga;
    skald_on_event *callback;
    void *user;
    pthread_t thread;

    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t filled, settled;
    uint32_t unsettled; /* loops that were told to watch, or not to any more, and have not yet */
    struct sk_list notes;
    uint32_t notes_count, queue_max;
    size_t notes_bytes;
    uint64_t lost;
    bool is_ending;   /* no further notes come */
    bool is_dropping; /* and those that wait are not wanted */
    bool is_orphan;   /* B3: the thread frees it */

    struct watch watches[]; /* by loop */
};

/* ---- the loop's side ------------------------------------------------------------------------- */

/* "a.b" by "a.b", "a.*", "*.b" and "*". */
static bool fits(struct sk_str pattern, struct sk_str name)
{
    if (sk_str_is(pattern, "*")) return true;
    bool ends_open = pattern.size > 0 && pattern.data[pattern.size - 1] == '*';
    if (ends_open) return sk_str_starts(name, sk_str_sub(pattern, 0, pattern.size - 1));
    if (pattern.size == 0 || pattern.data[0] != '*') return sk_str_equal(pattern, name);
    struct sk_str tail = sk_str_sub(pattern, 1, pattern.size);
    return name.size >= tail.size &&
           sk_str_equal(sk_str_sub(name, name.size - tail.size, tail.size), tail);
}

static bool is_wanted(const skald_subscription *s, struct sk_str type, struct sk_str saga)
{
    if (s->saga.size > 0 && !sk_str_equal(s->saga, saga)) return false;
    if (s->types.size == 0) return true;
    for (struct sk_str rest = s->types; rest.size > 0;) {
        size_t comma = sk_str_find(rest, ',');
        if (fits(sk_str_trim(sk_str_sub(rest, 0, comma)), type)) return true;
        rest = sk_str_sub(rest, comma + 1, rest.size);
    }
    return false;
}

static void note_free(struct note *note)
{
    if (note == NULL) return;
    sk_arena_release(&note->arena);
    sk_free(note);
}

/* `note` NULL: there was no memory for it. */
static void put(skald_subscription *s, struct note *note)
{
    (void)pthread_mutex_lock(&s->lock);
    bool has_room =
        note != NULL && s->notes_count < s->queue_max && s->notes_bytes < QUEUE_BYTES_MAX;
    if (has_room) {
        note->event.lost = s->lost;
        s->lost = 0;
        s->notes_count += 1;
        s->notes_bytes += note->arena.bytes;
        sk_list_push(&s->notes, &note->node);
        (void)pthread_cond_signal(&s->filled);
    } else {
        s->lost += 1;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!has_room) note_free(note);
}

static const char *copy(struct sk_arena *arena, struct sk_str text)
{
    return sk_arena_text(arena, text);
}

static void on_event(struct sk_observer *observer, const struct sk_saga *saga,
                     const struct sk_event *event)
{
    skald_subscription *s = sk_container_of(observer, struct watch, observer)->s;
    const char *type = sk_event_type_name(event->type);
    if (!is_wanted(s, sk_str_of(type), saga->start.id)) return;
    struct note *note = sk_alloc(sizeof *note);
    struct sk_buf data = { 0 };
    sk_event_json(event, &data);
    if (note != NULL) {
        bool has_step = event->step < saga->plan->steps_count;
        sk_arena_init(&note->arena);
        note->event = (skald_event){
            .saga = copy(&note->arena, saga->start.id),
            .definition = copy(&note->arena, saga->plan->id),
            .type = type,
            .step = has_step ? copy(&note->arena, saga->plan->steps[event->step].id) : NULL,
            .data_json = data.size == 0 ? "null" : copy(&note->arena, sk_buf_view(&data)),
            .seq = event->seq,
            .at_ms = event->at_ms,
            .item = event->item,
            .attempt = event->attempt,
            .round = event->round,
        };
    }
    bool is_whole = note != NULL && !note->arena.failed && !data.failed;
    sk_buf_release(&data);
    if (!is_whole) note_free(note);
    put(s, is_whole ? note : NULL);
}

static void on_notice(struct sk_observer *observer, const struct sk_log_line *line)
{
    skald_subscription *s = sk_container_of(observer, struct watch, observer)->s;
    if (!is_wanted(s, line->event, line->saga_id)) return;
    struct note *note = sk_alloc(sizeof *note);
    if (note != NULL) {
        sk_arena_init(&note->arena);
        note->event = (skald_event){
            .saga = line->saga_id.size == 0 ? NULL : copy(&note->arena, line->saga_id),
            .type = copy(&note->arena, line->event),
            .data_json = line->data.size == 0 ? "null" : copy(&note->arena, line->data),
            .item = -1,
        };
    }
    bool is_whole = note != NULL && !note->arena.failed;
    if (!is_whole) note_free(note);
    put(s, is_whole ? note : NULL);
}

/* ---- the subscription's thread --------------------------------------------------------------- */

static struct note *take(skald_subscription *s)
{
    struct note *note = NULL;
    (void)pthread_mutex_lock(&s->lock);
    while (sk_list_is_empty(&s->notes) && !s->is_ending) {
        (void)pthread_cond_wait(&s->filled, &s->lock);
    }
    if (!sk_list_is_empty(&s->notes) && !s->is_dropping) {
        note = sk_container_of(s->notes.next, struct note, node);
        sk_list_remove(&note->node);
        s->notes_count -= 1;
        s->notes_bytes -= note->arena.bytes;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return note;
}

static void subscription_free(skald_subscription *s)
{
    while (!sk_list_is_empty(&s->notes)) {
        struct note *note = sk_container_of(s->notes.next, struct note, node);
        sk_list_remove(&note->node);
        note_free(note);
    }
    sk_arena_release(&s->arena);
    (void)pthread_cond_destroy(&s->settled);
    (void)pthread_cond_destroy(&s->filled);
    (void)pthread_mutex_destroy(&s->lock);
    sk_free(s);
}

static void *deliver(void *context)
{
    skald_subscription *s = context;
    for (;;) {
        struct note *note = take(s);
        if (note == NULL) break;
        s->callback(&note->event, s->user);
        note_free(note);
    }
    (void)pthread_mutex_lock(&s->lock);
    bool is_orphan = s->is_orphan;
    (void)pthread_mutex_unlock(&s->lock);
    if (is_orphan) subscription_free(s);
    return NULL;
}

static void end(skald_subscription *s, bool is_dropping, bool is_orphan)
{
    (void)pthread_mutex_lock(&s->lock);
    s->is_ending = true;
    s->is_dropping = is_dropping;
    s->is_orphan = is_orphan;
    (void)pthread_cond_signal(&s->filled);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- from outside ---------------------------------------------------------------------------- */

static enum skald_status start_thread(skald_subscription *s, skald_error *error)
{
    (void)pthread_mutex_lock(&s->engine->lock); /* `thread` is read by its own callback */
    int rc = sk_thread_start(&s->thread, deliver, s);
    (void)pthread_mutex_unlock(&s->engine->lock);
    if (rc == 0) return SKALD_OK;
    return sk_error_set(error, SKALD_E_AGAIN, "the system gives no further thread");
}

static void settle(skald_subscription *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->unsettled -= 1;
    (void)pthread_cond_signal(&s->settled);
    (void)pthread_mutex_unlock(&s->lock);
}

static void watch_here(void *context)
{
    struct watch *watch = context;
    skald_subscription *s = watch->s;
    uint32_t loop = (uint32_t)(watch - s->watches);
    sk_engine_observe(sk_node_engine_at(s->engine->node, loop), &watch->observer);
    settle(s);
}

static void unwatch_here(void *context)
{
    struct watch *watch = context;
    sk_engine_unobserve(&watch->observer);
    settle(watch->s);
}

/* On the first loop. Another one is told by a post, if it runs; else it is ours to touch (N2). */
static void tell_loops(skald_subscription *s, sk_runtime_fn *fn)
{
    struct sk_node *node = s->engine->node;
    uint32_t count = sk_node_loops(node);
    (void)pthread_mutex_lock(&s->lock);
    s->unsettled += count;
    (void)pthread_mutex_unlock(&s->lock);
    for (uint32_t i = 0; i < count; i++) {
        struct sk_runtime *runtime = sk_libevent_runtime_port(node->loops[i].runtime);
        if (!node->loops[i].has_thread) {
            fn(&s->watches[i]);
            continue;
        }
        for (int tries = 0; runtime->ops->post(runtime, fn, &s->watches[i]) != SKALD_OK; tries++)
            sk_be_patient(tries, "out of memory: the loop takes no posts");
    }
}

static void watch_on_first(void *context)
{
    tell_loops(context, watch_here);
}

static void unwatch_on_first(void *context)
{
    tell_loops(context, unwatch_here);
}

/* So that what happens after skald_subscribe is told, and after skald_unsubscribe nothing. On a
 * loop nobody may wait for another. */
static void await_loops(skald_subscription *s)
{
    if (sk_library_is_on_any_loop(s->engine)) return;
    (void)pthread_mutex_lock(&s->lock);
    while (s->unsettled > 0) (void)pthread_cond_wait(&s->settled, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
}

static skald_subscription *subscription_new(skald_engine *engine,
                                            const skald_subscribe_options *options)
{
    uint32_t loops_count = sk_node_loops(engine->node);
    skald_subscription *s = sk_alloc(sizeof *s + loops_count * sizeof s->watches[0]);
    if (s == NULL) return NULL;
    s->engine = engine;
    for (uint32_t i = 0; i < loops_count; i++) {
        s->watches[i].s = s;
        s->watches[i].observer =
            (struct sk_observer){ .on_event = on_event, .on_notice = on_notice };
    }
    sk_list_init(&s->node);
    sk_list_init(&s->notes);
    sk_arena_init(&s->arena);
    s->types = sk_arena_copy(&s->arena, sk_str_of(options->types));
    s->saga = sk_arena_copy(&s->arena, sk_str_of(options->saga));
    s->queue_max = options->queue_max == 0 ? QUEUE_DEFAULT : options->queue_max;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->filled, NULL);
    (void)pthread_cond_init(&s->settled, NULL);
    if (!s->arena.failed) return s;
    subscription_free(s);
    return NULL;
}

enum skald_status skald_subscribe(skald_engine *engine, const skald_subscribe_options *given,
                                  skald_on_event *callback, void *user,
                                  skald_subscription **out_subscription, skald_error *error)
{
    skald_subscribe_options options;
    *out_subscription = NULL;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    if (callback == NULL || options.queue_max > QUEUE_MAX) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "subscribe: %s",
                            callback == NULL ? "there is no callback"
                                             : "queue_max is above 1000000");
    }
    skald_subscription *s = subscription_new(engine, &options);
    if (s == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    s->callback = callback;
    s->user = user;
    status = start_thread(s, error);
    if (status != SKALD_OK) {
        subscription_free(s);
        return status;
    }
    status = sk_library_do(engine, watch_on_first, s);
    if (status != SKALD_OK) {
        end(s, true, false);
        (void)pthread_join(s->thread, NULL);
        subscription_free(s);
        return sk_error_set(error, status, "subscribe: %s", skald_status_text(status));
    }
    await_loops(s);
    (void)pthread_mutex_lock(&engine->lock);
    sk_list_push(&engine->subscriptions, &s->node);
    (void)pthread_mutex_unlock(&engine->lock);
    *out_subscription = s;
    return SKALD_OK;
}

void skald_unsubscribe(skald_subscription *s)
{
    if (s == NULL) return;
    skald_engine *engine = s->engine;
    if (sk_library_do(engine, unwatch_on_first, s) != SKALD_OK) return; /* skald_close frees it */
    await_loops(s);
    (void)pthread_mutex_lock(&engine->lock);
    sk_list_remove(&s->node);
    bool is_own = pthread_equal(pthread_self(), s->thread) != 0;
    (void)pthread_mutex_unlock(&engine->lock);
    pthread_t thread = s->thread;
    if (is_own) (void)pthread_detach(thread);
    end(s, true, is_own);
    if (is_own) return;
    (void)pthread_join(thread, NULL);
    subscription_free(s);
}

void sk_library_subscriptions_free(skald_engine *engine)
{
    while (!sk_list_is_empty(&engine->subscriptions)) {
        skald_subscription *s =
            sk_container_of(engine->subscriptions.next, skald_subscription, node);
        sk_list_remove(&s->node);
        end(s, false, false);
        (void)pthread_join(s->thread, NULL);
        subscription_free(s);
    }
}
