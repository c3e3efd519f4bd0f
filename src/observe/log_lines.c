/* log_lines.c: see log_lines.h. */
#include "observe/log_lines.h"

#include "base/json.h"

#include <stdio.h>

enum { DATA_SIZE_MAX = 2000 };

/* What an operator must see is a warning, what a human must act on an error, what only completes
 * the picture is for debugging. */
static enum sk_log_level level_of(const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_SAGA_FAILED:
    case SK_EVENT_SAGA_SUSPENDED: return SK_LOG_ERROR;
    case SK_EVENT_SAGA_ALERTED:
    case SK_EVENT_SAGA_TIMED_OUT:
    case SK_EVENT_STEP_FAILED:
    case SK_EVENT_STEP_UNKNOWN:
    case SK_EVENT_STEP_LATE:
    case SK_EVENT_VERIFY_FAILED:
    case SK_EVENT_COMPENSATION_FAILED:
    case SK_EVENT_COMPENSATION_UNKNOWN:
    case SK_EVENT_HOOK_FAILED: return SK_LOG_WARN;
    case SK_EVENT_SAGA_SNAPSHOT:
    case SK_EVENT_STEP_STARTED:
    case SK_EVENT_STEP_WAITING:
    case SK_EVENT_VERIFY_STARTED:
    case SK_EVENT_COMPENSATION_STARTED:
    case SK_EVENT_COMPENSATION_WAITING:
    case SK_EVENT_LOCK_REQUESTED:
    case SK_EVENT_LOCK_GRANTED:
    case SK_EVENT_LOCK_RELEASED:
    case SK_EVENT_HOOK_STARTED:
    case SK_EVENT_HOOK_COMPLETED: return SK_LOG_DEBUG;
    default: return SK_LOG_INFO;
    }
}

static const struct sk_unit *unit_of(const struct sk_saga *saga, const struct sk_event *event)
{
    if (event->step >= saga->plan->steps_count) return NULL;
    const struct sk_step_run *run = &saga->steps[event->step];
    uint32_t unit = event->item < 0 ? 0 : (uint32_t)event->item;
    return unit < run->units_count ? &run->units[unit] : NULL;
}

/* Of a step: from its first start, with all attempts and pauses; of a saga: from its acceptance. */
static int64_t duration_of(const struct sk_saga *saga, const struct sk_event *event)
{
    const struct sk_unit *unit = unit_of(saga, event);
    switch (event->type) {
    case SK_EVENT_STEP_COMPLETED:
    case SK_EVENT_STEP_FAILED:
    case SK_EVENT_COMPENSATION_COMPLETED:
    case SK_EVENT_COMPENSATION_FAILED:
        if (unit == NULL || unit->first_start_at_ms == 0) return -1;
        return event->at_ms - unit->first_start_at_ms;
    case SK_EVENT_SAGA_COMPLETED:
    case SK_EVENT_SAGA_COMPENSATED:
    case SK_EVENT_SAGA_FAILED:
    case SK_EVENT_SAGA_CANCELLED:
    case SK_EVENT_SAGA_TIMED_OUT: return event->at_ms - saga->created_at_ms;
    default: return -1;
    }
}

static void put_text(struct sk_json_writer *w, const char *name, struct sk_str text)
{
    if (text.size == 0) return;
    sk_json_key(w, name);
    sk_json_put_str(w, text);
}

static void put_number(struct sk_json_writer *w, const char *name, uint64_t value)
{
    sk_json_key(w, name);
    sk_json_put_u64(w, value);
}

static void put_data(struct sk_json_writer *w, const struct sk_saga *saga,
                     const struct sk_event *event)
{
    const struct sk_plan *plan = saga->plan;
    sk_json_begin_object(w);
    put_text(w, "definition", plan->id);
    put_text(w, "version", plan->version);
    const struct sk_action *action =
        event->step < plan->steps_count ? plan->steps[event->step].action : NULL;
    if (action != NULL) put_text(w, "service", action->service);
    put_number(w, "seq", event->seq);
    if (event->item >= 0) put_number(w, "item", (uint64_t)event->item);
    if (event->attempt > 0) put_number(w, "attempt", event->attempt);
    if (event->round > 0) put_number(w, "round", event->round);
    const char *text_name = sk_event_field_name(event->type, SK_FIELD_TEXT);
    if (text_name != NULL) put_text(w, text_name, event->text);
    sk_json_end_object(w);
}

void sk_log_event(struct sk_runtime *runtime, const struct sk_saga *saga,
                  const struct sk_event *event)
{
    enum sk_log_level level = level_of(event);
    if (runtime->ops->logs != NULL && !runtime->ops->logs(runtime, level)) return;
    struct sk_buf data;
    sk_buf_init(&data, DATA_SIZE_MAX);
    struct sk_json_writer w = sk_json_writer_of(&data);
    put_data(&w, saga, event);
    struct sk_log_line line = {
        .level = level,
        .event = sk_str_of(sk_event_type_name(event->type)),
        .saga_id = saga->start.id,
        .duration_ms = duration_of(saga, event),
        .message = event->note,
        .data = data.failed ? (struct sk_str){ 0 } : sk_buf_view(&data),
    };
    if (event->step < saga->plan->steps_count) line.step_id = saga->plan->steps[event->step].id;
    runtime->ops->log(runtime, &line);
    sk_buf_release(&data);
}
