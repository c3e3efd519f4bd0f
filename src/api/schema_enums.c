/* schema_enums.c: the enumerations of replies, from the tables of those who own them. */
#include "api/schemas.h"

#include "core/explain.h"
#include "core/preview.h"

static const char *saga_state(size_t i)
{
    if (i >= SK_SAGA_STATES_COUNT) return NULL;
    return i < SK_SAGA_PENDING ? "" : sk_saga_state_name((enum sk_saga_state)i);
}

static const char *step_state(size_t i)
{
    return i >= SK_STEP_STATES_COUNT ? NULL : sk_step_state_name((enum sk_step_state)i);
}

static const char *step_type(size_t i)
{
    return i >= SK_KINDS_COUNT ? NULL : sk_step_kind_name((enum sk_step_kind)i);
}

static const char *reason(size_t i)
{
    return i >= SK_REASONS_COUNT ? NULL : sk_reason_name((enum sk_reason)i);
}

static const char *wait_for(size_t i)
{
    return i >= SK_FOR_COUNT ? NULL : sk_wait_for_name((enum sk_wait_for)i);
}

static const char *event_type(size_t i)
{
    if (i >= SK_EVENT_TYPES_MAX) return NULL;
    return sk_event_type_known((uint32_t)i) ? sk_event_type_name((enum sk_event_type)i) : "";
}

static const char *undo_state(size_t i)
{
    static const char *const names[] = { "open", "done", "skipped", "failed", "residue" };
    return i >= sizeof names / sizeof names[0] ? NULL : names[i];
}

static const char *explain_kind(size_t i)
{
    return i >= SK_EXPLAIN_KINDS_COUNT ? NULL : sk_explain_kind_name((enum sk_explain_kind)i);
}

static const char *explain_operation(size_t i)
{
    static const char *const names[] = { "action", "compensation", "verify", "poll", "wait" };
    return i >= sizeof names / sizeof names[0] ? NULL : names[i];
}

static const char *preview_what(size_t i)
{
    return i >= SK_PREVIEW_WHATS_COUNT ? NULL : sk_preview_what_name((enum sk_preview_what)i);
}

static const char *severity(size_t i)
{
    static const char *const names[] = { "error", "warning", "advice" };
    return i >= sizeof names / sizeof names[0] ? NULL : names[i];
}

static const char *breaker_state(size_t i)
{
    static const char *const names[] = { "closed", "open", "half_open" };
    return i >= sizeof names / sizeof names[0] ? NULL : names[i];
}

const struct sk_schema_enum sk_schema_enums[] = {
    { "saga-state", saga_state },     { "step-state", step_state },
    { "step-type", step_type },       { "reason", reason },
    { "wait-for", wait_for },         { "event-type", event_type },
    { "undo-state", undo_state },     { "severity", severity },
    { "explain-kind", explain_kind }, { "explain-operation", explain_operation },
    { "preview-what", preview_what }, { "breaker-state", breaker_state },
};
const size_t sk_schema_enums_count = sizeof sk_schema_enums / sizeof sk_schema_enums[0];
