/* names.c: the names of states, reasons and commands, as people and the API see them. */
#include "core/decide.h"

static const char *const saga_names[SK_SAGA_STATES_COUNT] = {
    [SK_SAGA_PENDING] = "pending",         [SK_SAGA_RUNNING] = "running",
    [SK_SAGA_COMPLETED] = "completed",     [SK_SAGA_COMPENSATING] = "compensating",
    [SK_SAGA_COMPENSATED] = "compensated", [SK_SAGA_FAILED] = "failed",
    [SK_SAGA_CANCELLED] = "cancelled",     [SK_SAGA_TIMED_OUT] = "timed_out",
    [SK_SAGA_SUSPENDED] = "suspended",
};

static const char *const reason_names[SK_REASONS_COUNT] = {
    [SK_REASON_NONE] = "",
    [SK_REASON_STEP] = "step",
    [SK_REASON_CANCEL] = "cancel",
    [SK_REASON_TIMEOUT] = "timeout",
    [SK_REASON_PARENT] = "parent",
    [SK_REASON_FORCED] = "forced",
    [SK_REASON_ACQUIRE_TIMEOUT] = "acquire_timeout",
    [SK_REASON_LOCK_TIMEOUT] = "lock_timeout",
};

static const char *const step_names[SK_STEP_STATES_COUNT] = {
    [SK_STEP_PENDING] = "pending",
    [SK_STEP_RUNNING] = "running",
    [SK_STEP_WAITING] = "waiting",
    [SK_STEP_COMPLETED] = "completed",
    [SK_STEP_FAILED] = "failed",
    [SK_STEP_SKIPPED] = "skipped",
    [SK_STEP_COMPENSATING] = "compensating",
    [SK_STEP_COMPENSATED] = "compensated",
    [SK_STEP_COMPENSATION_FAILED] = "compensation_failed",
};

static const char *const wait_names[SK_FOR_COUNT] = {
    [SK_FOR_NOTHING] = "",        [SK_FOR_BACKOFF] = "backoff", [SK_FOR_ANSWER] = "answer",
    [SK_FOR_TIMER] = "timer",     [SK_FOR_SIGNAL] = "signal",   [SK_FOR_POLL] = "poll",
    [SK_FOR_CHILD] = "child",     [SK_FOR_HUMAN] = "human",     [SK_FOR_SWEEP] = "sweep",
    [SK_FOR_REDRIVE] = "redrive", [SK_FOR_WORKER] = "worker",   [SK_FOR_LEASE] = "lease",
};

static const char *const command_names[SK_COMMANDS_COUNT] = {
    [SK_COMMAND_START] = "start",
    [SK_COMMAND_ADMIT] = "admit",
    [SK_COMMAND_RECOVER] = "recover",
    [SK_COMMAND_WAKE] = "wake",
    [SK_COMMAND_OUTCOME] = "outcome",
    [SK_COMMAND_COMPLETE] = "complete",
    [SK_COMMAND_MESSAGE] = "message",
    [SK_COMMAND_SIGNAL] = "signal",
    [SK_COMMAND_SWEEP] = "sweep",
    [SK_COMMAND_TAKE] = "take",
    [SK_COMMAND_HEARTBEAT] = "heartbeat",
    [SK_COMMAND_CANCEL] = "cancel",
    [SK_COMMAND_FORCE_CANCEL] = "force-cancel",
    [SK_COMMAND_FORCE_COMPLETE] = "force-complete",
    [SK_COMMAND_RETRY] = "retry",
    [SK_COMMAND_SKIP_STEP] = "skip-step",
    [SK_COMMAND_SUSPEND] = "suspend",
    [SK_COMMAND_RESUME] = "resume",
};

const char *sk_saga_state_name(enum sk_saga_state state)
{
    if (state < SK_SAGA_PENDING || state >= SK_SAGA_STATES_COUNT) return "unknown";
    return saga_names[state];
}

enum sk_saga_state sk_saga_state_of(struct sk_str name)
{
    for (int i = SK_SAGA_PENDING; i < SK_SAGA_STATES_COUNT; i++)
        if (sk_str_is(name, saga_names[i])) return (enum sk_saga_state)i;
    return (enum sk_saga_state)0;
}

bool sk_saga_state_is_end(enum sk_saga_state state)
{
    switch (state) {
    case SK_SAGA_COMPLETED:
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_FAILED:
    case SK_SAGA_CANCELLED:
    case SK_SAGA_TIMED_OUT: return true;
    case SK_SAGA_PENDING:
    case SK_SAGA_RUNNING:
    case SK_SAGA_COMPENSATING:
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: return false;
    }
    return false;
}

const char *sk_reason_name(enum sk_reason reason)
{
    if (reason < SK_REASON_NONE || reason >= SK_REASONS_COUNT) return "unknown";
    return reason_names[reason];
}

const char *sk_step_state_name(enum sk_step_state state)
{
    return step_names[state];
}

const char *sk_wait_for_name(enum sk_wait_for what)
{
    return wait_names[what];
}

const char *sk_command_name(enum sk_command_kind kind)
{
    return command_names[kind];
}
