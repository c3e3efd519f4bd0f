/* schemas.c: see schemas.h. The order of members is that of shapes.c. */
#include "api/schemas.h"

#include "core/explain.h"
#include "core/preview.h"

/* ---- enumerations: from the core's own tables ------------------------------------------------ */

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

/* ---- sagas ----------------------------------------------------------------------------------- */

static const struct sk_member saga[] = {
    { "id", "text", NULL },
    { "definition", "text", NULL },
    { "version", "text", NULL },
    { "namespace", "text?", "whom it belongs to" },
    { "state", "@saga-state", NULL },
    { "suspended_in?", "@saga-state", "while suspended: the state it will go on in" },
    { "suspend_reason?", "text?", NULL },
    { "reason", "@reason?", "why it is undone, or ended as it did" },
    { "requested?", "@reason", "asked for; waits for the pivot, or was overtaken by it" },
    { "residue", "text[]", "steps of which something was left standing" },
    { "left?", "Left", "of a saga completed by force: what it left" },
    { "open", "count", "work that outlives the end" },
    { "business_key", "text?", NULL },
    { "tags", "text[]", NULL },
    { "attributes", "object", NULL },
    { "input", "any", NULL },
    { "context", "any", NULL },
    { "output", "any", NULL },
    { "error", "SagaError?", "the failure that began the undoing" },
    { "steps_total", "count", NULL },
    { "steps_completed", "count", NULL },
    { "steps_failed", "count", NULL },
    { "retries", "count", NULL },
    { "seq", "count", "of its last event" },
    { "created_at", "time?", NULL },
    { "started_at", "time?", NULL },
    { "updated_at", "time?", NULL },
    { "ended_at", "time?", NULL },
    { "deadline", "time?", NULL },
    { "parent", "text?", "the saga that started it" },
    { "steps", "Step[]", "without the items of a foreach" },
    { 0 },
};

static const struct sk_member saga_row[] = {
    { "id", "text", NULL },
    { "definition", "text?", NULL },
    { "version", "text?", NULL },
    { "namespace", "text?", NULL },
    { "state", "@saga-state", NULL },
    { "reason", "@reason?", NULL },
    { "has_residue", "bool", "something was left standing" },
    { "open", "count", "work that outlives the end" },
    { "business_key", "text?", NULL },
    { "priority", "int", NULL },
    { "seq", "count", "of its last event" },
    { "created_at", "time?", NULL },
    { "updated_at", "time?", NULL },
    { "ended_at", "time?", NULL },
    { "deadline", "time?", NULL },
    { "parent", "text?", NULL },
    { 0 },
};

static const struct sk_member saga_page[] = {
    { "items", "SagaRow[]", NULL },
    { "next", "text?", "the cursor of the next page; null at the end" },
    { "total?", "count?", "where it was asked for; null if counting took too long" },
    { "page?", "count", "where it was asked by pages" },
    { "page_size?", "count", NULL },
    { 0 },
};

static const struct sk_member saga_error[] = {
    { "step", "text?", NULL },
    { "code", "text?", NULL },
    { "message", "text?", NULL },
    { 0 },
};

static const struct sk_member step_error[] = {
    { "code", "text?", NULL },
    { "message", "text?", NULL },
    { 0 },
};

static const struct sk_member step[] = {
    { "id", "text", NULL },
    { "name", "text?", NULL },
    { "index", "count", "its place in the definition, from 0" },
    { "type", "@step-type", NULL },
    { "state", "@step-state", NULL },
    { "maybe?", "bool", "it may have happened" },
    { "attempts?", "count", NULL },
    { "round?", "count", "raised by an operator's retry" },
    { "waits_for?", "@wait-for?", NULL },
    { "due_at?", "time?", "when that is over" },
    { "deadline?", "time?", "of the attempt in flight" },
    { "started_at?", "time?", NULL },
    { "output?", "any", NULL },
    { "error?", "StepError?", NULL },
    { "compensation?", "Compensation?", "null until it is due" },
    { "items_total?", "count", "of a foreach" },
    { "items_settled?", "count", "of a foreach" },
    { "items?", "Item[]", "of a foreach, where they were asked for" },
    { 0 },
};

static const struct sk_member item[] = {
    { "item", "count", "from 0" },
    { "state", "@step-state", NULL },
    { "value", "any", NULL },
    { "maybe", "bool", NULL },
    { "attempts", "count", NULL },
    { "round", "count", NULL },
    { "waits_for", "@wait-for?", NULL },
    { "due_at", "time?", NULL },
    { "deadline", "time?", NULL },
    { "started_at", "time?", NULL },
    { "output", "any", NULL },
    { "error", "StepError?", NULL },
    { "compensation", "Compensation?", NULL },
    { 0 },
};

static const struct sk_member compensation[] = {
    { "state", "@undo-state", NULL },
    { "attempts", "count", NULL },
    { "round", "count", NULL },
    { "waits_for", "@wait-for?", NULL },
    { "due_at", "time?", NULL },
    { "deadline", "time?", NULL },
    { 0 },
};

static const struct sk_member event[] = {
    { "seq", "count", "its number in the saga, from 1" },
    { "at", "time?", NULL },
    { "type", "@event-type", NULL },
    { "step", "text?", NULL },
    { "item", "int?", "of a foreach, from 0" },
    { "attempt", "count", "0 = does not apply" },
    { "round", "count", NULL },
    { "data", "object?", "what the type adds" },
    { 0 },
};

static const struct sk_member export[] = {
    { "skald_export", "count", "the format: 1" },
    { "exported_at", "time", NULL },
    { "definition", "ExportDefinition", NULL },
    { "saga", "ExportSaga", NULL },
    { "events", "ExportEvent[]", "all of them, oldest first" },
    { 0 },
};

static const struct sk_member export_definition[] = {
    { "id", "text", NULL },
    { "version", "text", NULL },
    { "digest", "digest", NULL },
    { "source", "object", NULL },
    { 0 },
};

static const struct sk_member export_saga[] = {
    { "id", "text", NULL },
    { "namespace", "text", "empty: none" },
    { "state", "@saga-state", NULL },
    { "reason", "text", "empty: none" },
    { "seq", "count", "of its last event" },
    { "created_at", "time?", NULL },
    { "updated_at", "time?", NULL },
    { "ended_at", "time?", NULL },
    { 0 },
};

static const struct sk_member export_event[] = {
    { "seq", "count", NULL },
    { "at_ms", "count", "since 1970" },
    { "type", "@event-type", NULL },
    { "step", "text?", NULL },
    { "item", "int", "-1: none" },
    { "attempt", "count", NULL },
    { "round", "count", NULL },
    { "data", "text", "base64 of the stored bytes" },
    { 0 },
};

static const struct sk_member left[] = {
    { "done", "text[]", "steps that happened and stay" },
    { "maybe", "text[]", "steps that may have happened" },
    { "in_flight", "text[]", "steps whose answer, or whose undo's, was still to come" },
    { 0 },
};

#define WAITED_FOR                                                                            \
    { "waits_for", "@explain-kind", NULL }, { "step", "text?", "null: the saga as a whole" }, \
        { "item", "int?", "of a foreach, from 0" },                                           \
        { "operation", "@explain-operation?", "which of the step's calls" },                  \
        { "attempt", "count?", NULL }, { "max_attempts", "count?", "null: without limit" },   \
        { "until", "time?", "when something happens by itself" },                             \
        { "waits", "text", "what is awaited, in words" },                                     \
    {                                                                                         \
        "then", "text?", "what happens then, in words"                                        \
    }

static const struct sk_member explanation[] = {
    { "saga", "text", NULL },
    { "state", "@saga-state", NULL },
    { "seq", "count", "of its last event" },
    { "sentence", "text", "all of it in one sentence" },
    WAITED_FOR,
    { "waiting", "Waiting[]",
      "everything that is awaited; the first 8 and the most telling one "
      "say what happens then" },
    { "waiting_total", "count", "more than the list when it was cut at 100" },
    { 0 },
};

static const struct sk_member waiting[] = {
    WAITED_FOR,
    { 0 },
};

static const struct sk_member cancel_preview[] = {
    { "accepted", "bool", NULL },
    { "detail", "text?", "why not: what the command would be refused with" },
    { "pending", "bool", "it would be recorded, and decided once the pivot is settled" },
    { "ends", "@saga-state?", "as what the saga would end" },
    { "awaited", "PreviewAwaited[]", "what is in flight and awaited first" },
    { "undone", "PreviewUndone[]", "in order, if all that is awaited succeeds" },
    { "truncated", "bool", "there is more than is listed; `ends` is null then" },
    { 0 },
};

static const struct sk_member preview_awaited[] = {
    { "step", "text", NULL },
    { "item", "int?", NULL },
    { "maybe", "bool", "an earlier attempt may have happened" },
    { "until", "time?", "its deadline" },
    { 0 },
};

static const struct sk_member preview_undone[] = {
    { "step", "text", NULL },
    { "item", "int?", NULL },
    { "maybe", "bool", "it may have happened" },
    { "in_flight", "bool", "only if the attempt that is awaited succeeds" },
    { "what", "@preview-what",
      "undo; child: its saga is undone; ask: its participant is asked; "
      "nothing: no compensation; residue: left standing; unsettled, "
      "repair: a person must look" },
    { "turn", "count", "rows of one turn are undone at the same time" },
    { 0 },
};

static const struct sk_member feed_event[] = {
    { "saga", "text?", NULL },
    { "definition", "text?", NULL },
    { "version", "text?", NULL },
    { "seq", "count", "its number in the saga, from 1" },
    { "at", "time?", NULL },
    { "type", "@event-type", NULL },
    { "step", "text?", NULL },
    { "item", "int?", "of a foreach, from 0" },
    { "attempt", "count", "0 = does not apply" },
    { "round", "count", NULL },
    { "data", "object?", "what the type adds" },
    { 0 },
};

static const struct sk_member event_page[] = {
    { "items", "FeedEvent[]", "in order for each saga, sorted by time" },
    { "next", "text?", "cursor of the next page; null = there is no more now" },
    { "cursor", "text", "where to go on, also when there is no more now" },
    { 0 },
};

static const struct sk_member observation[] = {
    { "number", "count", "from 1, in this process" },
    { "at", "time?", NULL },
    { "type", "text?", "store.degraded, alert.critical …" },
    { "level", "text?", "debug, info, warning or error" },
    { "saga", "text?", "which it is about, if any" },
    { "message", "text?", NULL },
    { "data", "any", NULL },
    { 0 },
};

static const struct sk_member observation_page[] = {
    { "items", "Observation[]", "oldest first" },
    { "next", "text?", "cursor of the next page; null = there is no more now" },
    { "cursor", "text", "where to go on, also when there is no more now" },
    { 0 },
};

/* ---- definitions ----------------------------------------------------------------------------- */

static const struct sk_member definition[] = {
    { "id", "text", NULL },
    { "version", "text", NULL },
    { "digest", "digest", "SHA-256 of its canonical form" },
    { "created_at", "time?", NULL },
    { "is_latest", "bool", "what a start without version runs" },
    { "source?", "any", "an object if it came as JSON, else the text; not in lists" },
    { 0 },
};

static const struct sk_member defined[] = {
    { "id", "text", NULL },
    { "version", "text", NULL },
    { "digest", "digest", NULL },
    { "is_new", "bool", "false: the same was defined before" },
    { "warnings", "Diagnostic[]", NULL },
    { 0 },
};

static const struct sk_member diagnostic[] = {
    { "severity", "@severity", NULL },
    { "code", "text", NULL },
    { "file", "text", NULL },
    { "line", "count", NULL },
    { "column", "count", NULL },
    { "path", "text", "steps[2].action.service.path" },
    { "message", "text", "what is wrong" },
    { "remedy", "text", "what would be right" },
    { 0 },
};

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

const struct sk_schema sk_schemas[] = {
    { "Saga", "One run of a definition", saga },
    { "SagaRow", "A saga in a list: no payloads, no steps", saga_row },
    { "SagaPage", "A page of a list of sagas", saga_page },
    { "Left", "What a force-complete left", left },
    { "Export", "A saga as a file", export },
    { "ExportDefinition", "The definition of an exported saga", export_definition },
    { "ExportSaga", "The facts of an exported saga", export_saga },
    { "ExportEvent", "An event of an exported saga", export_event },
    { "Explanation", "What a saga waits for", explanation },
    { "Waiting", "One thing that is awaited", waiting },
    { "CancelPreview", "What a cancel would do", cancel_preview },
    { "PreviewAwaited", "An attempt that a cancel awaits", preview_awaited },
    { "PreviewUndone", "A step or item that a cancel undoes", preview_undone },
    { "SagaError", "Why a saga is undone", saga_error },
    { "Step", "A step of a saga", step },
    { "StepError", "Why a step failed", step_error },
    { "Item", "An item of a foreach", item },
    { "Compensation", "The undoing of a step", compensation },
    { "Event", "One fact of a saga's history", event },
    { "FeedEvent", "An event, and whose it is", feed_event },
    { "EventPage", "Events of all sagas", event_page },
    { "Observation", "Something this node observed", observation },
    { "ObservationPage", "Observations", observation_page },
    { "Definition", "A definition", definition },
    { "Defined", "What became of a definition", defined },
    { "Diagnostic", "A mistake in a definition", diagnostic },
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
    { "Stats", "Figures", stats },
    { "Totals", "Sagas in sum", totals },
    { "DefinitionStats", "Sagas of one version of a definition", definition_stats },
    { "EngineStats", "Figures of one node", engine_stats },
};
const size_t sk_schemas_count = sizeof sk_schemas / sizeof sk_schemas[0];
