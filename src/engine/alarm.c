/*
 * alarm.c: everything that is due at an instant of engine time: one heap, one timer of the runtime.
 *
 *   A1  The runtime's timer is armed for the first alarm, or disarmed when there is none.
 *   A2  An alarm that could not be put into the heap (no memory) is made good by the sweep, whose
 *       own alarm has its place from the start.
 *   A3  Ties are broken by the order of creation, so that a seed gives one run.
 */
#include "engine/engine_private.h"

static void arm(struct sk_engine *engine)
{
    const struct sk_heap_node *first = sk_heap_first(&engine->alarms);
    if (first == NULL) {
        engine->runtime->ops->timer_disarm(engine->timer);
    } else {
        engine->runtime->ops->timer_arm(engine->timer, first->when);
    }
}

static void on_timer(void *context)
{
    struct sk_engine *engine = context;
    int64_t now_ms = sk_engine_now(engine);
    struct sk_shell *shell = sk_shell_ref(engine->shell);
    for (uint32_t i = 0; i < SK_ALARMS_PER_TURN; i++) {
        struct sk_heap_node *node = sk_heap_first(&engine->alarms);
        if (node == NULL || node->when > now_ms) break;
        struct sk_alarm *alarm = sk_container_of(node, struct sk_alarm, node);
        sk_heap_remove(&engine->alarms, node);
        alarm->fn(engine, alarm);
        if (shell->engine == NULL) break;
    }
    if (shell->engine != NULL) {
        arm(engine);
        sk_engine_turn(engine);
    }
    sk_shell_unref(shell);
}

void sk_alarm_set(struct sk_engine *engine, struct sk_alarm *alarm, int64_t at_ms)
{
    if (alarm->node.place != 0 && alarm->node.when == at_ms) return;
    uint64_t order = alarm->node.order != 0 ? alarm->node.order : ++engine->next_order;
    const struct sk_heap_node *before = sk_heap_first(&engine->alarms);
    int64_t before_ms = before == NULL ? INT64_MAX : before->when;
    if (sk_heap_put(&engine->alarms, &alarm->node, at_ms, order) != SKALD_OK) {
        sk_engine_notice(engine, SK_LOG_WARN, "memory.alarm", SK_STR(""),
                         "an alarm waits for the sweep", SK_STR(""));
        return;
    }
    const struct sk_heap_node *first = sk_heap_first(&engine->alarms);
    if (first->when != before_ms) arm(engine);
}

void sk_alarm_clear(struct sk_engine *engine, struct sk_alarm *alarm)
{
    sk_heap_remove(&engine->alarms, &alarm->node);
}

enum skald_status sk_alarms_init(struct sk_engine *engine)
{
    engine->timer = engine->runtime->ops->timer_new(engine->runtime, on_timer, engine);
    return engine->timer != NULL ? SKALD_OK : SKALD_E_MEMORY;
}

void sk_alarms_release(struct sk_engine *engine)
{
    engine->runtime->ops->timer_free(engine->timer);
    engine->timer = NULL;
    sk_heap_release(&engine->alarms);
}
