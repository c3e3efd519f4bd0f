/*
 * schemas.c: what replies about sagas and definitions look like; see schemas.h. The order of
 * members is that of shapes.c. What is about the server: schemas_server.c.
 */
#include "api/schemas.h"

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
    { "skald_export", "count", "the format: 2" },
    { "exported_at", "time", NULL },
    { "definition", "ExportDefinition", NULL },
    { "saga", "ExportSaga", NULL },
    { "sensitive?", "text[]", "names of values that are not to be shown" },
    { "events", "ExportEvent[]", "all of them, oldest first" },
    { "sum?", "digest", "of the file without it; format 1 had none" },
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
    { "graph?", "Graph?", "its steps as a graph; null if this build cannot run it; not in lists" },
    { 0 },
};

static const struct sk_member graph[] = {
    { "id", "text", NULL },           { "name", "text", NULL },
    { "version", "text", NULL },      { "levels_count", "count", NULL },
    { "steps", "GraphStep[]", NULL }, { 0 },
};

static const struct sk_member graph_step[] = {
    { "id", "text", NULL },
    { "name", "text", NULL },
    { "kind", "@step-type", NULL },
    { "level", "count", "0 = without dependencies" },
    { "compensation", "text", "none, custom, skip or automatic" },
    { "pivot", "bool", NULL },
    { "async", "bool", NULL },
    { "foreach", "bool", NULL },
    { "conditional", "bool", NULL },
    { "continue_on_error", "bool", NULL },
    { "dependencies", "text[]", "ids of steps" },
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

/* ---- all ------------------------------------------------------------------------------------- */

const struct sk_schema sk_saga_schemas[] = {
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
    { "Graph", "A definition's steps", graph },
    { "GraphStep", "A step of a definition", graph_step },
    { "Defined", "What became of a definition", defined },
    { "Diagnostic", "A mistake in a definition", diagnostic },
    { 0 },
};

const struct sk_schema *const sk_schema_tables[] = { sk_saga_schemas, sk_task_schemas,
                                                     sk_server_schemas, sk_rte_schemas, NULL };
