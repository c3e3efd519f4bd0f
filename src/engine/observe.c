/*
 * observe.c: who watches is told, in order: the options' observer, then those that came later. What
 * they are told is durable; a callback may take its observer out, but no other.
 */
#include "engine/engine_private.h"

void sk_engine_observe(struct sk_engine *engine, struct sk_observer *observer)
{
    sk_list_push(&engine->observers, &observer->node);
}

void sk_engine_unobserve(struct sk_observer *observer)
{
    sk_list_remove(&observer->node);
}

void sk_engine_tell_observers(struct sk_engine *engine, const struct sk_log_line *line)
{
    sk_observers_notice(engine, line);
}

void sk_observers_event(struct sk_engine *engine, const struct sk_saga *saga,
                        const struct sk_event *event)
{
    if (engine->options.on_event != NULL)
        engine->options.on_event(engine->options.observer_context, saga, event);
    for (struct sk_list *at = engine->observers.next, *next; at != &engine->observers; at = next) {
        struct sk_observer *observer = sk_container_of(at, struct sk_observer, node);
        next = at->next;
        if (observer->on_event != NULL) observer->on_event(observer, saga, event);
    }
}

void sk_observers_notice(struct sk_engine *engine, const struct sk_log_line *line)
{
    for (struct sk_list *at = engine->observers.next, *next; at != &engine->observers; at = next) {
        struct sk_observer *observer = sk_container_of(at, struct sk_observer, node);
        next = at->next;
        if (observer->on_notice != NULL) observer->on_notice(observer, line);
    }
}

void sk_observers_release(struct sk_engine *engine)
{
    while (!sk_list_is_empty(&engine->observers)) sk_list_remove(engine->observers.next);
}
