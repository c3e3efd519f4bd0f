/* schemas_server.c: what replies about the server and what it does look like; see schemas.h. */
#include "api/schemas.h"

/* ---- participants ---------------------------------------------------------------------------- */

static const struct sk_member circuit_breaker[] = {
    { "service", "text", "its name; of an action without a service the target's host" },
    { "state", "@breaker-state", NULL },
    { "failures", "count", "in a row" },
    { "successes", "count", "while half open" },
    { "opened_count", "count", "since the start of this process" },
    { "changed_at", "time?", NULL },
    { "retry_at", "time?", "while open: when it becomes half open" },
    { "in_flight", "count", "calls on the wire" },
    { "waiting", "count", "calls in line" },
    { "sent", "count", "since the start of this process" },
    { "refused", "count", "told to come again, nothing sent" },
    { "limits", "Limits", "in force" },
    { 0 },
};

static const struct sk_member limits[] = {
    { "max_in_flight", "count?", "null = no limit" },
    { "rate_per_s", "number?", "null = no limit" },
    { "burst", "count?", NULL },
    { "circuit_breaker", "bool", "false: it never opens" },
    { "threshold", "count", NULL },
    { "timeout_ms", "count", NULL },
    { "half_open_requests", "count", NULL },
    { 0 },
};

/* ---- what went wrong ------------------------------------------------------------------------- */

static const struct sk_member dead_letter[] = {
    { "id", "text", "<saga>/<seq>/<number>" },
    { "saga", "text?", NULL },
    { "definition", "text?", NULL },
    { "version", "text?", NULL },
    { "step", "text?", NULL },
    { "item", "int?", "of a foreach, from 0" },
    { "why", "text?", "compensation_failed, maybe_not_settled, step_refused" },
    { "seq", "count", "of the event after which it was written" },
    { "at", "time?", NULL },
    { 0 },
};

static const struct sk_member lock[] = {
    { "key", "text?", NULL },
    { "holder", "text?", "a saga" },
    { "since", "time?", "when it was granted" },
    { "waiters_total", "count", NULL },
    { "waiters", "LockWaiter[]", "first come, first served; the first 1000" },
    { 0 },
};

static const struct sk_member lock_waiter[] = {
    { "saga", "text?", NULL },
    { "since", "time?", NULL },
    { 0 },
};

static const struct sk_member recovery[] = {
    { "scanned", "count", "sagas the sweep looked at, since the start" },
    { "processed", "count", "repaired" },
    { "failed", "count", "could not be repaired" },
    { "redriven", "count", "attempts repeated after a crash" },
    { "last_run_at", "time?", NULL },
    { "stuck", "StuckSaga[]", "active, without a new event for long, and waiting for nothing" },
    { "stuck_total", "count", "more than the list when it was cut at 1000" },
    { 0 },
};

static const struct sk_member stuck_saga[] = {
    { "saga", "text", NULL },
    { "definition", "text", NULL },
    { "state", "@saga-state", NULL },
    { "updated_at", "time?", "of its last event" },
    { 0 },
};

static const struct sk_member cluster[] = {
    { "node", "text?", "this one" },
    { "version", "text", NULL },
    { "incarnation", "count", "of the store: raised when it is restored" },
    { "schema", "count", NULL },
    { "loops", "count", "engines of this node, each on a loop of its own: server.loops" },
    { "shards_total", "count", NULL },
    { "nodes", "Node[]", NULL },
    { "shards", "Shard[]", NULL },
    { 0 },
};

static const struct sk_member node[] = {
    { "node", "text?", NULL },
    { "is_this", "bool", NULL },
    { "version", "text?", "only of this one" },
    { "shards_owned", "count", NULL },
    { 0 },
};

static const struct sk_member shard[] = {
    { "shard", "count", NULL },
    { "owner", "text?", "a node" },
    { "epoch", "count", "raised by every take-over" },
    { "position", "count", "of the next event" },
    { "expires_at", "time?", "of the lease; null: it does not expire" },
    { 0 },
};

/* ---- the server ------------------------------------------------------------------------------ */

static const struct sk_member violation[] = {
    { "pointer", "text", "into the input (RFC 6901); empty = the input itself" },
    { "message", "text", "what is wrong there" },
    { 0 },
};

static const struct sk_member problem[] = {
    { "type", "text", "/problems/… : the same for all problems of a kind; what it means is there" },
    { "title", "text", NULL },
    { "status", "count", NULL },
    { "detail", "text", "what is wrong, here" },
    { "remedy", "text", "what would be right" },
    { "code?", "text", "the status of the library: SKALD_E_STATE" },
    { "line?", "count", "in the body" },
    { "column?", "count", NULL },
    { "diagnostics?", "Diagnostic[]", "of a definition: all mistakes at once" },
    { "violations?", "Violation[]", "of an input that does not fit its schema" },
    { 0 },
};

static const struct sk_member trouble[] = {
    { "name", "text", NULL },   { "kind", "text", "problem, definition, outcome or notice" },
    { "means", "text", NULL },  { "check", "text?", "where to look" },
    { "remedy", "text", NULL }, { 0 },
};

static const struct sk_member status[] = {
    { "status", "text", "\"alive\" or \"ready\"" },
    { 0 },
};

static const struct sk_member version[] = {
    { "name", "text", NULL },
    { "version", "text", NULL },
    { "api", "text", "\"v1\"" },
    { 0 },
};

static const struct sk_member schedule[] = {
    { "id", "text", NULL },
    { "state", "text", "active, paused or done" },
    { "cron", "text?", "null for one that starts once" },
    { "at", "time?", "null for one by cron" },
    { "definition", "text", NULL },
    { "version", "text?", "null: the latest at each start" },
    { "input", "any", "with its templates" },
    { "context", "any", NULL },
    { "business_key", "text?", NULL },
    { "namespace", "text?", NULL },
    { "attributes", "any", NULL },
    { "tags", "any", NULL },
    { "priority", "int", NULL },
    { "overlap", "text", "skip, allow, queue or cancel" },
    { "catch_up", "text?", "null: only the latest missed instant is made up" },
    { "by", "text?", NULL },
    { "created_at", "time?", NULL },
    { "next", "text[]", "the next instants, five at most" },
    { "last_at", "time?", "the instant looked at last" },
    { "last_saga", "text?", "the saga started last" },
    { "queued_at", "time?", "an instant that waits for the last saga's end" },
    { "runs", "count", "sagas started" },
    { "skipped", "count", "instants passed over because the last saga still ran" },
    { "failed", "count", "instants at which the start was refused" },
    { "last_error", "text?", "why, the last time" },
    { 0 },
};

static const struct sk_member batch[] = {
    { "id", "text?", "null for a dry run" },
    { "command", "text", NULL },
    { "by", "text", NULL },
    { "reason", "text", NULL },
    { "state", "text", "running, finished or cancelled; dry_run" },
    { "matched", "count?", "sagas that the filter found when it began; null until counted" },
    { "seen", "count", "told so far" },
    { "done", "count", "of them: done, or done before" },
    { "failed", "count", "of them: could not be told" },
    { "refused", "count{}", "of them: left as they were, by reason" },
    { "last_error", "text?", "the last refusal or failure in words" },
    { "created_at", "time?", NULL },
    { "finished_at", "time?", NULL },
    { "sample?", "text[]", "of a dry run: ids of some that are meant" },
    { 0 },
};

static const struct sk_member stats[] = {
    { "by_state", "count{}", "sagas by state, exactly" },
    { "totals", "Totals", NULL },
    { "definitions", "DefinitionStats[]", NULL },
    { "engine", "EngineStats", "figures of this node since it started" },
    { "channels", "any", "notifications by type: configured, sent, failed, in_flight, waiting" },
    { "streams", "count", "streams of events that are open" },
    { 0 },
};

static const struct sk_member totals[] = {
    { "sagas", "int", "all that are in the store" },
    { "active", "int", "not ended" },
    { "ended", "int", NULL },
    { "pending", "int", NULL },
    { "completed", "int", NULL },
    { "failed", "int", "an undo failed: a person must look" },
    { "failure_rate", "number", "ended as anything but completed, of all that ended" },
    { 0 },
};

static const struct sk_member definition_stats[] = {
    { "definition", "text?", NULL },
    { "version", "text?", NULL },
    { "by_state", "count{}", NULL },
    { 0 },
};

static const struct sk_member engine_stats[] = {
    { "sagas_active", "count", NULL },
    { "sagas_parked", "count", NULL },
    { "sagas_pending", "count", NULL },
    { "sagas_cached", "count", NULL },
    { "stuck", "count", "without progress, and nothing awaited" },
    { "started", "count", NULL },
    { "ended", "count", NULL },
    { "compensating", "count", "sagas that began to be undone" },
    { "events", "count", NULL },
    { "batches", "count", NULL },
    { "invocations", "count", NULL },
    { "redriven", "count", "attempts repeated after a crash" },
    { "hooks_started", "count", NULL },
    { "hooks_completed", "count", NULL },
    { "hooks_failed", "count", "for good" },
    { "hooks_retried", "count", NULL },
    { "shards_owned", "count", NULL },
    { "shards_degraded", "count", NULL },
    { "removed", "count", "finished sagas removed, asked for or by retention" },
    { "retention_removed", "count", "of them by age or number" },
    { "retention_at", "time?", "end of the last look at what may be removed" },
    { "sweep_scanned", "count", NULL },
    { "sweep_processed", "count", NULL },
    { "sweep_failed", "count", NULL },
    { "sweep_at", "time?", NULL },
    { "own_us_p50", "count", "the engine's own share of a step, in µs" },
    { "own_us_p99", "count", NULL },
    { "own_us_max", "count", NULL },
    { 0 },
};

/* ---- all ------------------------------------------------------------------------------------- */

const struct sk_schema sk_server_schemas[] = {
    { "Violation", "Where an input does not fit its schema", violation },
    { "Problem", "What went wrong (RFC 9457)", problem },
    { "Trouble", "What the name of an error means", trouble },
    { "CircuitBreaker", "How a participant is doing", circuit_breaker },
    { "Limits", "How hard a participant is driven", limits },
    { "DeadLetter", "What was given up", dead_letter },
    { "Lock", "A key that is held", lock },
    { "LockWaiter", "A saga that waits for a key", lock_waiter },
    { "Recovery", "What the sweep has found", recovery },
    { "StuckSaga", "A saga that does not move", stuck_saga },
    { "Cluster", "Nodes and shards", cluster },
    { "Node", "A node", node },
    { "Shard", "A slice of the sagas", shard },
    { "Status", "How the server is", status },
    { "Version", "What the server is", version },
    { "Schedule", "A definition that starts by the clock", schedule },
    { "Batch", "One command for many sagas", batch },
    { "Stats", "Figures", stats },
    { "Totals", "Sagas in sum", totals },
    { "DefinitionStats", "Sagas of one version of a definition", definition_stats },
    { "EngineStats", "Figures of one node", engine_stats },
    { 0 },
};
