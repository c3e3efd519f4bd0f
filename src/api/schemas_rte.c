/* schemas_rte.c: what the replies of rte.c and rte_events.c look like; see schemas.h. */
#include "api/schemas.h"

static const struct sk_member transaction[] = {
    { "tx_id", "text", "the saga's id" },
    { "tx_type", "text", "the definition" },
    { "status", "text", "CREATED, LOCKED, EXECUTING, COMPLETED …" },
    { "current_step", "count", "steps that have begun" },
    { "total_steps", "count", NULL },
    { "step_names", "text[]", NULL },
    { "lock_keys", "text[]", NULL },
    { "input", "any", NULL },
    { "context", "any", NULL },
    { "output", "any", NULL },
    { "error_msg", "text?", NULL },
    { "retry_count", "count", NULL },
    { "created_at", "time?", NULL },
    { "updated_at", "time?", NULL },
    { "completed_at", "time?", NULL },
    { "timeout_at", "time?", NULL },
    { 0 },
};

static const struct sk_member page[] = {
    { "transactions", "RteTransaction[]", NULL },
    { "total", "count", NULL },
    { "page", "count", "from 1" },
    { "page_size", "count", NULL },
    { 0 },
};

static const struct sk_member step[] = {
    { "step_index", "count", "from 0" },
    { "step_name", "text", NULL },
    { "status", "text", "PENDING, EXECUTING, COMPLETED, FAILED, COMPENSATED …" },
    { "output", "any", NULL },
    { "error_msg", "text?", NULL },
    { "retry_count", "count", NULL },
    { "started_at", "time?", NULL },
    { 0 },
};

static const struct sk_member detail[] = {
    { "transaction", "RteTransaction", NULL },
    { "steps", "RteStep[]", NULL },
    { 0 },
};

static const struct sk_member stats[] = {
    { "total_transactions", "count", NULL },
    { "pending_transactions", "count", "waiting or running" },
    { "compensating_transactions", "count", NULL },
    { "completed_transactions", "count", NULL },
    { "compensated_transactions", "count", NULL },
    { "failed_transactions", "count", "an undo failed" },
    { "timeout_transactions", "count", NULL },
    { "cancelled_transactions", "count", NULL },
    { 0 },
};

static const struct sk_member recovery[] = {
    { "is_running", "bool", NULL },       { "scanned_count", "count", NULL },
    { "processed_count", "count", NULL }, { "failed_count", "count", NULL },
    { "last_scan_at", "time?", NULL },    { 0 },
};

static const struct sk_member breaker[] = {
    { "service", "text", NULL },
    { "state", "text", "CLOSED, OPEN or HALF_OPEN" },
    { "failures", "count", "in a row" },
    { "successes", "count", "while half open" },
    { "last_state_change", "time?", NULL },
    { 0 },
};

static const struct sk_member breakers[] = {
    { "circuit_breakers", "RteBreaker[]", NULL },
    { 0 },
};

static const struct sk_member event[] = {
    { "type", "text", "tx.created, step.failed, circuit.opened, alert.critical …" },
    { "tx_id", "text?", NULL },
    { "tx_type", "text?", NULL },
    { "step_name", "text?", NULL },
    { "timestamp", "time?", NULL },
    { "error", "text?", NULL },
    { "data", "any", NULL },
    { 0 },
};

static const struct sk_member events[] = {
    { "events", "RteEvent[]", "the newest first" },
    { "total", "count", "of those kept in memory" },
    { 0 },
};

const struct sk_schema sk_rte_schemas[] = {
    { "RteTransaction", "A saga as a transaction of the RTE engine", transaction },
    { "RtePage", "A page of transactions", page },
    { "RteStep", "A step of a transaction", step },
    { "RteDetail", "A transaction with its steps", detail },
    { "RteStats", "Transactions by status", stats },
    { "RteRecovery", "What the sweep has done", recovery },
    { "RteBreaker", "A circuit breaker", breaker },
    { "RteBreakers", "Circuit breakers", breakers },
    { "RteEvent", "An event by the names of the RTE engine", event },
    { "RteEvents", "The last events", events },
    { 0 },
};
