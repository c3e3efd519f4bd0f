/*
 * alarm.c: everything that is due at an instant of engine time: one heap, one timer of the runtime.
 *
 *   A1  The runtime's timer is armed for the first alarm, or disarmed when there is none.
 *   A2  An alarm for which the heap finds no memory is not lost: it waits in a list, for which the
 *       timer comes every SK_PAUSE_MS, and fires from there if its time has come.
 *   A3  Ties are broken by the order of creation, so that a seed gives one run.
 */
#include "engine/engine_private.h"

static void arm(struct sk_engine *engine)
{
    const struct sk_heap_node *first = sk_heap_first(&engine->alarms);
    int64_t at_ms = first == NULL ? INT64_MAX : first->when;
    if (!sk_list_is_empty(&engine->alarms_homeless)) {
        int64_t soon_ms = sk_engine_now(engine) + SK_PAUSE_MS;
        at_ms = soon_ms < at_ms ? soon_ms : at_ms;
    }
    if (at_ms == INT64_MAX) {
        engine->runtime->ops->timer_disarm(engine->timer);
    } else {
        engine->runtime->ops->timer_arm(engine->timer, at_ms);
    }
}

/* ---- without memory -------------------------------------------------------------------------- */

static void leave_homeless(struct sk_alarm *alarm)
{
    if (alarm->homeless.next != NULL) sk_list_remove(&alarm->homeless);
    alarm->homeless = (struct sk_list){ NULL, NULL };
}

static void make_homeless(struct sk_engine *engine, struct sk_alarm *alarm, int64_t at_ms)
{
    alarm->homeless_at_ms = at_ms;
    sk_list_push(&engine->alarms_homeless, &alarm->homeless);
    arm(engine);
    sk_engine_notice(engine, SK_LOG_WARN, "memory.alarm", SK_STR(""), "an alarm waits for memory",
                     SK_STR(""));
}

/* Those that were there when it began, once each: an alarm that fires may become homeless again. */
static void house_homeless(struct sk_engine *engine, int64_t now_ms, const struct sk_shell *shell)
{
    size_t count = 0;
    const struct sk_list *list = &engine->alarms_homeless;
    for (const struct sk_list *at = list->next; at != list; at = at->next) count += 1;
    for (; count > 0 && shell->engine != NULL && !sk_list_is_empty(list); count--) {
        struct sk_alarm *alarm = sk_container_of(list->next, struct sk_alarm, homeless);
        leave_homeless(alarm);
        if (alarm->homeless_at_ms > now_ms) {
            sk_alarm_set(engine, alarm, alarm->homeless_at_ms);
        } else {
            alarm->fn(engine, alarm);
        }
    }
}

bool sk_alarm_is_set(const struct sk_alarm *alarm)
{
    return alarm->node.place != 0 || alarm->homeless.next != NULL;
}

/* ---- alarms ---------------------------------------------------------------------------------- */

static void on_timer(void *context)
{
    struct sk_engine *engine = context;
    int64_t now_ms = sk_engine_now(engine);
    struct sk_shell *shell = sk_shell_ref(engine->shell);
    house_homeless(engine, now_ms, shell);
    for (uint32_t i = 0; shell->engine != NULL && i < SK_ALARMS_PER_TURN; i++) {
        struct sk_heap_node *node = sk_heap_first(&engine->alarms);
        if (node == NULL || node->when > now_ms) break;
        struct sk_alarm *alarm = sk_container_of(node, struct sk_alarm, node);
        sk_heap_remove(&engine->alarms, node);
        alarm->fn(engine, alarm);
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
    leave_homeless(alarm);
    if (sk_heap_put(&engine->alarms, &alarm->node, at_ms, order) != SKALD_OK) {
        make_homeless(engine, alarm, at_ms);
        return;
    }
    const struct sk_heap_node *first = sk_heap_first(&engine->alarms);
    if (first->when != before_ms) arm(engine);
}

void sk_alarm_clear(struct sk_engine *engine, struct sk_alarm *alarm)
{
    leave_homeless(alarm);
    sk_heap_remove(&engine->alarms, &alarm->node);
}

enum skald_status sk_alarms_init(struct sk_engine *engine)
{
    sk_list_init(&engine->alarms_homeless);
    engine->timer = engine->runtime->ops->timer_new(engine->runtime, on_timer, engine);
    return engine->timer != NULL ? SKALD_OK : SKALD_E_MEMORY;
}

void sk_alarms_release(struct sk_engine *engine)
{
    engine->runtime->ops->timer_free(engine->timer);
    engine->timer = NULL;
    while (!sk_list_is_empty(&engine->alarms_homeless))
        leave_homeless(sk_container_of(engine->alarms_homeless.next, struct sk_alarm, homeless));
    sk_heap_release(&engine->alarms);
}
