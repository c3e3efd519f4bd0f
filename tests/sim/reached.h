/*
 * reached.h: what a run must have reached. A simulation proves nothing about what never happened in
 * it, so everything that is to happen has a row here, is counted where it happens, and a run of
 * enough worlds that left a row at nought fails.
 *
 *   R1  A row is counted when the thing has happened, not when it was asked for.
 *   R2  Counting decides nothing: no code of the world reads a count.
 *   R3  What may follow on what is a table (reached_moves.c), written from docs/internals/
 *       semantics.md and not from the core: a move that is not in it ends the run.
 *
 * A new kind of fault, feature or work is one row of SIM_REACHED_MAP and one call of sim_reached().
 * The rows "participant" are what participants.c says of a visit.
 */
#ifndef SIM_REACHED_H
#define SIM_REACHED_H

#include "core/decide.h"
#include "fields.h"
#include "generate.h"
#include "world.h"

/* name, group, text. Groups stand together. */
/* Not aligned, so that rows of many hands do not meet. */
/* clang-format off */
#define SIM_REACHED_MAP(X) \
    X(FAULT_CRASH, "fault", "crash of a node") \
    X(FAULT_STOP, "fault", "stop of a node") \
    X(FAULT_PAUSE, "fault", "pause of a node") \
    X(FAULT_MOVE, "fault", "shard moved") \
    X(FAULT_CLOCK_OFF, "fault", "clock is off") \
    X(FAULT_CLOCK_DRIFTS, "fault", "clock drifts") \
    X(FAULT_COMMIT_SLOW, "fault", "slow commit") \
    X(FAULT_READ_FAILS, "fault", "read fails") \
    X(FAULT_CRASH_COMMITS, "fault", "part out at a crash committed") \
    X(FAULT_CRASH_DROPS, "fault", "part out at a crash lost") \
    X(FAULT_CONNECTION_REFUSED, "fault", "connection refused") \
    X(FAULT_REQUEST_LOST, "fault", "request lost") \
    X(FAULT_REQUEST_LATE, "fault", "request late") \
    X(FAULT_REQUEST_TWICE, "fault", "request repeated") \
    X(FAULT_REPLY_LOST, "fault", "reply lost") \
    X(FAULT_READ_SLOW, "fault", "read-slow") \
    X(FAULT_READ_BROKEN, "fault", "read-broken") \
    X(FAULT_READ_DAMAGED, "fault", "read-damaged") \
    X(FAULT_LEASE_UNSURE, "fault", "lease-unsure") \
    X(FAULT_DEFINE_UNSURE, "fault", "define-unsure") \
    X(FAULT_COMMIT_LATE, "fault", "commit-late") \
    X(FAULT_COMMIT_LINGERS, "fault", "commit-lingers") \
    X(FAULT_COMMIT_PAUSED, "fault", "commit-paused") \
    X(FAULT_DISK_FULL, "fault", "disk-full") \
    X(FAULT_DISK_READ_ONLY, "fault", "disk-read-only") \
    X(FAULT_STORE_AWAY, "fault", "store-away") \
    X(FAULT_PARTITION, "fault", "partition") \
    X(FAULT_SEIZED, "fault", "seized") \
    X(FAULT_RIVAL, "fault", "rival") \
    X(FAULT_SETTINGS, "fault", "settings") \
    X(FAULT_CLOCK_JUMP, "fault", "clock-jump") \
    X(FAULT_RESTORE, "fault", "restore") \
    X(FAULT_LINK_HELD, "fault", "link-held") \
    X(FAULT_MESSAGE_TWICE, "fault", "message-twice") \
    X(MESSAGE_AGAIN, "fault", "message forgotten and sent again") \
    X(FAULT_BODY_GARBAGE, "fault", "body-garbage") \
    X(FAULT_BODY_HUGE, "fault", "body-huge") \
    X(FAULT_CONFLICT, "fault", "conflict") \
    X(FAULT_GONE, "fault", "gone") \
    X(FAULT_PROXY, "fault", "proxy") \
    X(FAULT_RETRY_AFTER, "fault", "retry-after") \
    X(FAULT_REPLY_LATE, "fault", "reply-late") \
    X(FAULT_VERIFY_NULL, "fault", "verify-null") \
    X(FAULT_LIES, "fault", "lies") \
    X(FAULT_DOWN, "fault", "down") \
    X(FAULT_AMNESIA, "fault", "amnesia") \
    X(FAULT_TOKEN_FORGED, "fault", "token-forged") \
    X(FAULT_TOKEN_EARLIER, "fault", "token-earlier") \
    X(FAULT_TOKEN_AGAIN, "fault", "token-again") \
    X(FAULT_LETTER_LATE, "fault", "letter-late") \
    X(PART_DONE, "part", "done") \
    X(PART_PASSING, "part", "passing") \
    X(PART_NOT_KNOWN, "part", "not known") \
    X(PART_FENCED, "part", "fenced") \
    X(PART_REFUSED, "part", "refused") \
    X(PART_BROKEN, "part", "broken") \
    X(VISIT_ACT, "participant", "act") \
    X(VISIT_ACT_AGAIN, "participant", "act-again") \
    X(VISIT_REFUSE_AGAIN, "participant", "refuse-again") \
    X(VISIT_GUARD_TOMBSTONE, "participant", "guard-tombstone") \
    X(VISIT_GUARD_DEADLINE, "participant", "guard-deadline") \
    X(VISIT_ACT_BUSY, "participant", "act-busy") \
    X(VISIT_ACT_BROKE_BEFORE, "participant", "act-broke-before") \
    X(VISIT_ACT_SAYS_NO, "participant", "act-says-no") \
    X(VISIT_ACT_REFUSED, "participant", "act-refused") \
    X(VISIT_ACT_ACCEPTED, "participant", "act-accepted") \
    X(VISIT_ACT_BROKE_AFTER, "participant", "act-broke-after") \
    X(VISIT_UNDO, "participant", "undo") \
    X(VISIT_UNDO_NO_AGAIN, "participant", "undo-no-again") \
    X(VISIT_UNDO_BUSY, "participant", "undo-busy") \
    X(VISIT_UNDO_BROKE_BEFORE, "participant", "undo-broke-before") \
    X(VISIT_UNDO_REFUSED, "participant", "undo-refused") \
    X(VISIT_UNDO_BROKE_AFTER, "participant", "undo-broke-after") \
    X(VISIT_UNDO_ACCEPTED, "participant", "undo-accepted") \
    X(VISIT_VERIFY_BROKE, "participant", "verify-broke") \
    X(VISIT_VERIFY_NULL, "participant", "verify-null") \
    X(VISIT_VERIFY_YES, "participant", "verify-yes") \
    X(VISIT_VERIFY_NO, "participant", "verify-no") \
    X(VISIT_POLL_BROKE, "participant", "poll-broke") \
    X(VISIT_POLL_READY, "participant", "poll-ready") \
    X(VISIT_POLL_LOST, "participant", "poll-lost") \
    X(VISIT_POLL_NOT_YET, "participant", "poll-not-yet") \
    X(MADE_SEQUENTIAL, "made", "strategy sequential") \
    X(MADE_PARALLEL, "made", "strategy parallel") \
    X(MADE_BEST_EFFORT, "made", "strategy best_effort") \
    X(MADE_30_STEPS, "made", "30 steps") \
    X(MADE_PIVOT, "made", "pivot") \
    X(MADE_PIVOT_FOREACH, "made", "pivot with items") \
    X(MADE_PIVOT_TASK, "made", "pivot that is a task") \
    X(MADE_PIVOT_CHILD, "made", "pivot that is a child") \
    X(MADE_PIVOT_CONDITION, "made", "pivot with a condition") \
    X(MADE_FORWARD, "made", "recovery forward") \
    X(MADE_ASYNC, "made", "async") \
    X(MADE_MAY_FAIL, "made", "continue_on_error") \
    X(MADE_UNDO_REQUIRED, "made", "compensation required") \
    X(MADE_NO_UNDO, "made", "no compensation") \
    X(MADE_AUTOMATIC_TASK, "made", "task undone automatically") \
    X(MADE_UNDO_TASK, "made", "undo that is a task") \
    X(MADE_TASK_VERIFY, "made", "task with a verify") \
    X(MADE_LOCKS, "made", "lock keys") \
    X(MADE_LOCK_FOR_EVER, "made", "lock awaited for ever") \
    X(MADE_FOREACH, "made", "foreach") \
    X(MADE_FOREACH_PARALLEL, "made", "items at once") \
    X(MADE_CHILD_WITH_PIVOT, "made", "child with a pivot") \
    X(MADE_CHILD_OWN_UNDO, "made", "child undone by the step's own") \
    X(MADE_CHILD_FOREACH, "made", "child for each item") \
    X(MADE_CHILD_OF_ITSELF, "made", "child of itself") \
    X(MADE_DEPTH_3, "made", "children three deep") \
    X(MADE_NO_RETRY, "made", "no_retry") \
    X(MADE_RETRYABLE_LIST, "made", "retryable_errors") \
    X(MADE_DECIDE, "made", "decide") \
    X(MADE_CONDITION_FUNCTION, "made", "condition that is asked") \
    X(MADE_STATUSES, "made", "lists of statuses") \
    X(MADE_TIMEOUT_TEMPLATE, "made", "time-out by attempt") \
    X(MADE_POLL_FAIL_IF, "made", "poll with fail_if") \
    X(MADE_INPUT_SCHEMA, "made", "input schema") \
    X(MADE_OUTPUT, "made", "output template") \
    X(DECIDE_AGAIN, "decide", "once more") \
    X(DECIDE_GIVE_UP, "decide", "no further attempt") \
    X(DECIDE_NOTHING, "decide", "no verdict") \
    X(DECIDE_BREAKS, "decide", "it breaks") \
    X(STATUS_BY_LIST, "decide", "a list of statuses") \
    X(VISIT_ACT_GARBAGE, "participant", "act-garbage") \
    X(VISIT_ACT_HUGE, "participant", "act-huge") \
    X(VISIT_ACT_CONFLICT, "participant", "act-conflict") \
    X(VISIT_ACT_RETRY_AFTER, "participant", "act-retry-after") \
    X(VISIT_ACT_LIES, "participant", "act-lies") \
    X(VISIT_UNDO_NOT_FOUND, "participant", "undo-not-found") \
    X(VISIT_UNDO_GONE, "participant", "undo-gone") \
    X(VISIT_UNDO_GARBAGE, "participant", "undo-garbage") \
    X(VISIT_UNDO_RETRY_AFTER, "participant", "undo-retry-after") \
    X(VISIT_VERIFY_NULL_AGAIN, "participant", "verify-null-again") \
    X(VISIT_VERIFY_GARBAGE, "participant", "verify-garbage") \
    X(COMMAND_REPLAYED, "command", "the same again") \
    X(COMMAND_NO_STEP, "command", "of no step or item") \
    X(CANCEL_RECORDED, "command", "a cancel that waits for the pivot") \
    X(RETRY_EDITED, "command", "a retry with another input") \
    X(SKIP_OUTPUT, "command", "a skip with an output") \
    X(SIGNAL_LIMIT, "command", "a signal too many") \
    X(SIGNAL_CONFLICT, "command", "a signal's id with other data") \
    X(START_ID, "start", "with an id") \
    X(START_KEY, "start", "with a key") \
    X(START_NEITHER, "start", "with neither") \
    X(START_MISFIT, "start", "input that does not fit") \
    X(START_LOCKS, "start", "with lock keys") \
    X(START_REPLAYED, "start", "the same again") \
    X(START_CONFLICT, "start", "the same id, another input") \
    X(BATCH_CANCEL, "batch", "cancel") \
    X(BATCH_FORCE_CANCEL, "batch", "force-cancel") \
    X(BATCH_FORCE_COMPLETE, "batch", "force-complete") \
    X(BATCH_RETRY, "batch", "retry") \
    X(BATCH_SUSPEND, "batch", "suspend") \
    X(BATCH_RESUME, "batch", "resume") \
    X(BATCH_DELETE, "batch", "delete") \
    X(BATCH_REPLAYED, "batch", "the same again") \
    X(BATCH_CONFLICT, "batch", "the same id, another request") \
    X(BATCH_FINISHED, "batch", "finished") \
    X(BATCH_STOPPED, "batch", "stopped") \
    X(SCHEDULE_REPLAYED, "schedule", "the same again") \
    X(SCHEDULE_CONFLICT, "schedule", "the same id, another one") \
    X(SCHEDULE_INVALID, "schedule", "what is none") \
    X(SCHEDULE_PAUSED, "schedule", "paused") \
    X(SCHEDULE_RESUMED, "schedule", "resumed") \
    X(SCHEDULE_TRIGGERED, "schedule", "triggered") \
    X(SCHEDULE_DELETED, "schedule", "deleted by people") \
    X(SCHEDULE_INSTANT, "schedule", "an instant that counts") \
    X(SCHEDULE_SKIPPED, "schedule", "an instant passed over") \
    X(SCHEDULE_FAILED, "schedule", "a start that failed") \
    X(OVERLAP_SKIP, "schedule", "overlap skip") \
    X(OVERLAP_ALLOW, "schedule", "overlap allow") \
    X(OVERLAP_QUEUE, "schedule", "overlap queue") \
    X(OVERLAP_CANCEL, "schedule", "overlap cancel") \
    X(LOOK_LOCK, "look", "at a lock") \
    X(LOOK_PLAN, "look", "at a definition") \
    X(LOOK_LIST, "look", "at lists") \
    X(LOOK_FIGURES, "look", "at figures") \
    X(LOOK_NOTICE, "look", "an observer is told of notices") \
    X(LETTER_DISCARDED, "look", "a dead letter discarded") \
    X(EXPORTED, "move", "exported") \
    X(REMOVED_ON_DEMAND, "move", "removed on demand") \
    X(REMOVAL_REFUSED, "move", "removal refused") \
    X(IMPORTED, "move", "imported") \
    X(IMPORT_CONFLICT, "move", "imported, but it is there") \
    X(IMPORT_REFUSED, "move", "a damaged file refused") \
    X(WORLD_SPLIT, "world", "shards of one store at several nodes") \
    X(WORLD_GROUPED, "world", "shards of one store at siblings") \
    X(MESSAGE_TO_SIBLING, "world", "message handed to a sibling") \
    X(START_AT_SIBLING, "world", "start that a sibling carried out") \
    X(TASK_OF_SIBLING, "world", "task that a sibling gave") \
    X(GATHERED, "world", "figures of all siblings") \
    X(GATHERED_NOT, "world", "figures that not all siblings told") \
    X(WORLD_REMOVAL, "world", "finished sagas removed by age") \
    X(WORLD_REMOVAL_BY_COUNT, "world", "finished sagas removed by count")
/* clang-format on */

enum sim_reached_row {
#define X(name, group, text) SIM_REACHED_##name,
    SIM_REACHED_MAP(X)
#undef X
        SIM_REACHED_COUNT
};

/* How a saga stands when a command comes: the columns of the page's table. */
#define SIM_COLUMNS(X)         \
    X(PENDING, "pending")      \
    X(RUNNING, "running")      \
    X(PAST, "past pivot")      \
    X(UNDOING, "compensating") \
    X(COMPLETED, "completed")  \
    X(FAILED, "failed")        \
    X(UNDONE, "undone")        \
    X(SUSPENDED, "suspended")

enum sim_column {
#define X(name, text) SIM_COLUMN_##name,
    SIM_COLUMNS(X)
#undef X
        SIM_COLUMNS_COUNT
};

/* Counters alone, all uint64_t: totals are added as one array. */
struct sim_reached {
    uint64_t rows[SIM_REACHED_COUNT];
    uint64_t events[SK_EVENT_TYPES_MAX];
    uint64_t defects[SIM_DEFECTS_MAX]; /* refused definitions: generate_defect.c */
    uint64_t fields[SIM_FIELDS_MAX];   /* of definitions, by saga: fields.h */
    uint64_t saga_moves[SK_SAGA_STATES_COUNT]
                       [SK_SAGA_STATES_COUNT]; /* as shown; from 0: accepted */
    uint64_t unit_moves[SK_STEP_STATES_COUNT][SK_STEP_STATES_COUNT];
    uint64_t list_moves[SK_STEP_STATES_COUNT][SK_STEP_STATES_COUNT]; /* a foreach as a whole */
    uint64_t accepted[SK_COMMANDS_COUNT][SIM_COLUMNS_COUNT];
    uint64_t refused[SK_COMMANDS_COUNT][SIM_COLUMNS_COUNT];
};

static inline void sim_reached(const struct sim_world *world, enum sim_reached_row row)
{
    world->reached->rows[row] += 1;
}

/* What a participant did, by the text of its row. */
void sim_reached_visit(struct sim_world *world, const char *what);

struct sim_row;

/* A saga's states from event to event, as its history is folded: R3. */
struct sim_moves {
    struct sim_world *world;
    enum sk_saga_state saga;
    enum sk_step_state unit, list;
};
void sim_moves_before(struct sim_moves *moves, const struct sk_saga *saga,
                      const struct sk_event *event);
void sim_moves_after(struct sim_moves *moves, const struct sk_saga *saga,
                     const struct sk_event *event);

enum sim_column sim_column_of(const struct sk_saga *saga);
/* A command was acknowledged (with the event it made, or without one) or refused. */
void sim_reached_command(struct sim_world *world, const struct sim_row *row,
                         enum sk_command_kind kind, struct sk_str command_id, bool is_accepted,
                         const struct sk_saga *seen);

/* reached_report.c: the table at the end of a run, with the names of what is missing. How many
 * rows are unreached that must be reached. */
enum sim_reached_show { SIM_REACHED_SILENT, SIM_REACHED_TABLE, SIM_REACHED_NAMES };
uint32_t sim_reached_print(const struct sim_reached *reached, enum sim_reached_show show);
/* reached_moves.c: what must be reached: for the report. */
bool sim_saga_may_move(enum sk_saga_state from, enum sk_saga_state to);
bool sim_unit_may_move(enum sk_step_state from, enum sk_step_state to);
bool sim_list_may_move(enum sk_step_state from, enum sk_step_state to);
/* So rare that a run need not reach it: counted and named, kept by scenarios. */
bool sim_move_is_rare(bool is_list, enum sk_step_state from, enum sk_step_state to);
bool sim_command_may(enum sk_command_kind kind, enum sim_column column, bool is_accepted);
const char *sim_column_name(enum sim_column column);

#endif
