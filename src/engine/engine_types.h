/*
 * engine_types.h: the structs that the files of engine/ share. Their functions: engine_private.h.
 *
 *   machine   a saga or a lock in memory (machine.c; loading: load.c; its commands: command.c)
 *   job       a command that waits until its machine can take it (job.c)
 *   waiter    somebody outside who is owed an answer (waiter.c)
 *   work      the part of one shard: what its machines decided since the last one (work.c)
 *   flight    an invocation on its way (dispatch.c)
 *   outgoing  a message to another shard's machine; incoming: one that arrived (message.c)
 *   alarm     something due at an instant (alarm.c)
 *
 *   N1  durable_seq <= work_seq (while in a work) <= the machine's seq.
 *   N2  At most one batch is submitted; a shard has at most one work (or the pieces of one that was
 *       refused, or a probe before it) of which the store has not said DONE, and one list of
 *       machines that decided since.
 *   N3  Only a work that is DONE moves durable_seq, and only then does anything leave (law 2).
 *   N4  A machine lives while its shard is held and anything points to it (sk_machine_is_idle).
 *   N5  Callbacks of users run from one place, sk_waiters_flush, with no list half walked.
 */
#ifndef SK_ENGINE_ENGINE_TYPES_H
#define SK_ENGINE_ENGINE_TYPES_H

#include "base/assert.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/scratch.h"
#include "base/tickets.h"
#include "engine/engine.h"
#include "engine/table.h"

enum {
    SK_LOADS_MAX = 64,         /* machines being read at once */
    SK_JOBS_MAX = 10000,       /* commands waiting for one machine */
    SK_JOBS_RESERVE = 1000,    /* more of operators: a saga can always still be cancelled */
    SK_ALARMS_PER_TURN = 1024, /* then the loop breathes */
    SK_PAUSE_MS = 100,         /* first pause of a degraded shard or a failed read … */
    SK_PAUSE_MS_MAX = 5000,    /* … doubled up to this */
    SK_PATIENCE_MS = 10000,    /* who asked something of a degraded shard is told after so long */
    SK_REOPENS_MAX = 5,        /* then the engine stops serving */
    SK_BREAKS_SHARED = 2,      /* so often another part of the batch may have been the cause */
    SK_PROOFS_MAX = 3,         /* then the part can never be written */
    SK_REFUSALS_MAX = 3,       /* of a saga's suspension; then it is tried with each sweep only */
    SK_REOPEN_LOOK_MS = 1000,  /* meanwhile, how often somebody may lose patience */
    SK_STOP_EXTRA_MS = 10000,  /* after the grace: for what is decided to become durable */
    SK_RETRY_AFTER_MS = 1000,  /* told with SKALD_E_AGAIN */
    SK_WAITERS_SPARE_MAX = 8192,
    SK_MACHINES_SPARE_MAX = 4096,
    SK_HISTOGRAM_BUCKETS = 160,
    SK_TASK_SOURCES_MAX = 64 /* members of a group, as bits */
};

struct sk_histogram {
    uint64_t buckets[SK_HISTOGRAM_BUCKETS];
    uint64_t count, max;
};

struct sk_poll;
struct sk_machine;
struct sk_work;
struct sk_plan_entry;
struct sk_load;
struct sk_start_key;
struct sk_starting;
struct sk_removal;

/* Survives the engine while a store or a helper thread may still call back. */
struct sk_shell {
    struct sk_engine *engine; /* NULL once freed */
    uint32_t refs;
};

/* What waits for a read and belongs to the engine: freed with it if the read has not come back. */
struct sk_owned {
    struct sk_list node;
    void (*free)(struct sk_owned *owned);
};

struct sk_alarm;
typedef void sk_alarm_fn(struct sk_engine *engine, struct sk_alarm *alarm);
struct sk_alarm {
    struct sk_heap_node node;
    sk_alarm_fn *fn;
    struct sk_list homeless; /* engine->alarms_homeless; zero: in no list */
    int64_t homeless_at_ms;
};

/* ---- waiters --------------------------------------------------------------------------------- */

struct sk_waiter_owned {      /* waiter.c says how they come and go */
    struct sk_buf violations; /* with SKALD_E_INVALID: JSON, why the input was refused */
    struct sk_buf saga_id;    /* without a machine: errand.c */
};

struct sk_waiter {
    struct sk_list node; /* in machine->waiters, machine->watchers, engine->ready or nowhere */
    struct sk_engine *engine;
    struct sk_machine *machine; /* NULL = none (yet) */
    sk_engine_done *done;
    void *context;
    uint64_t need_seq; /* answered when this is durable */
    uint64_t order;
    int64_t asked_at_ms;
    const struct sk_shard *trusted; /* W5: only its lease says that the answer is true; or NULL */
    bool is_read, is_watch;         /* get; wait */
    bool is_replayed, is_pending_direction;
    bool has_failed;
    struct sk_waiter_owned owned;
    int64_t retry_after_ms;
    struct sk_alarm alarm; /* wait's time-out */
    skald_error error;     /* status OK = none. Last: a waiter that is used again zeroes the rest */
};

/* ---- machines -------------------------------------------------------------------------------- */

enum sk_machine_state {
    SK_MACHINE_LOADING, /* its rows are being read, or wait for their turn */
    SK_MACHINE_ABSENT,  /* not in the store, nothing decided */
    SK_MACHINE_READY,
    SK_MACHINE_STALE /* its memory was given up, or its load failed: to be read again */
};

/* What the rules say of a saga as it stands; asked anew when it has moved on. */
struct sk_outlook {
    uint64_t seq; /* 0 = never asked */
    int64_t wake_at_ms;
    bool is_over, is_flying, is_working;
};

struct sk_machine {
    UT_hash_handle hh; /* engine->machines */
    struct sk_list in_shard;
    struct sk_engine *engine;
    struct sk_shard *shard;
    struct sk_str id;
    uint64_t no, order;
    enum sk_machine_state state;
    bool is_lock;
    bool is_folded; /* `as` holds something */
    bool is_held;   /* takes no commands until what it decided is durable: readers wait */
    struct sk_starting *resolving; /* a child's start waits for its plan */
    bool is_culprit;               /* to be suspended once read again */
    bool is_imported;              /* its start key stays with the store it came from */
    bool needs_recover;            /* attempts without outcome */
    uint32_t refusals;             /* of its rows, one after the other */
    enum skald_status unreadable;  /* STALE, and will stay so: who asks is told at once */
    bool is_recovering;            /* counted in shard->loading_count */
    bool is_admitted, in_slot;
    bool has_tally;
    uint8_t tally_state; /* as counted last */
    union {
        struct sk_saga saga;
        struct sk_lock lock;
    } as;
    struct sk_arena memory;    /* of a saga before it, for the next fold */
    struct sk_outlook outlook; /* only through sk_machine_outlook */
    uint64_t settled_seq;      /* sk_machine_settle has nothing to do until it moves on; 0 = has */
    struct sk_plan_entry *entry;
    struct sk_start_key *start_key; /* until its start is durable */
    uint64_t durable_seq, work_seq, sent_seq;
    struct sk_work *work;         /* the one it is in, NULL = none */
    struct sk_decision *decision; /* since then; NULL = nothing */
    struct sk_list removal;       /* shard->removals: its rows may go */
    struct sk_removal *leaving;   /* a saga that is about to be removed (removal.c) */
    uint64_t rested_seq;          /* a lock: its seq at the last sweep, when it was idle */
    bool is_removing;
    struct sk_list dirty;  /* shard->dirty */
    struct sk_list unsent; /* shard->unsent: effects wait for the lease */
    struct sk_list lru;    /* engine->idle */
    struct sk_list jobs, waiters, watchers, flights;
    uint32_t jobs_count, flights_count;
    struct sk_list arrivals; /* incoming messages decided upon, not yet in a work */
    struct sk_alarm wake;
    struct sk_heap_node admission; /* engine->admissions */
    struct sk_list load;           /* engine->loads */
    struct sk_load *reading;
    uint32_t load_failures;
    uint32_t ready_count;                /* waiters of it in engine->ready */
    int64_t wake_floor_ms;               /* a wake that decided nothing is not repeated at once */
    int64_t decided_us, decided_busy_us; /* own share of the latency */
    char id_text[];
};

/* ---- shards ---------------------------------------------------------------------------------- */

/*
 *   NOT_OWNED --own--> TAKING --taken--> LOADING --read--> SERVING <--> DEGRADED
 *       ^                 ^                 |                 |            |
 *       +---- given back -+---- wanted -- FENCED <------------+------------+
 */
enum sk_shard_state {
    SK_SHARD_NOT_OWNED,
    SK_SHARD_TAKING,
    SK_SHARD_LOADING,
    SK_SHARD_SERVING,
    SK_SHARD_DEGRADED, /* the store is away: commands are decided, new starts refused */
    SK_SHARD_FENCED    /* to be dropped once its work has returned */
};

struct sk_parked {
    int64_t wake_at_ms;
    uint64_t no;
};

/* Who serves a shard, as a sibling has told: sibling.c. */
struct sk_serving {
    uint32_t member; /* of the group */
    uint64_t epoch;  /* of the shard there; 0 = nobody has told */
    uint64_t link;
};

struct sk_shard {
    struct sk_engine *engine;
    uint32_t index;
    enum sk_shard_state state;
    bool is_wanted;
    bool is_leaving;  /* of our own will: the lease is given back once it is dropped */
    bool was_loading; /* before it was degraded */
    uint64_t epoch, position;
    uint64_t term;          /* counts takings: late answers of an earlier one are dropped */
    int64_t lease_until_us; /* monotonic; INT64_MAX = for ever */
    bool is_renewing;
    struct sk_list machines;
    struct sk_list dirty; /* machines, in order of their first decision */
    struct sk_list unsent;
    struct sk_list removals;
    struct sk_list records;  /* struct sk_record_write: not in a work yet */
    struct sk_list works;    /* submitted or waiting to be; usually none or one */
    struct sk_list in_dirty; /* engine->dirty_shards */
    int64_t pause_ms, retry_at_ms;
    bool is_verifying;          /* the shard row is being read */
    struct sk_outgoing *outbox; /* by id */
    struct sk_list outgoing;    /* all, oldest first */
    struct sk_list waiting;     /* outgoing: not handed over, oldest first */
    struct sk_list gone;        /* outgoing: consumed, to be deleted */
    uint64_t link;              /* sibling.c: raised when a sibling's message had to be dropped */
    bool is_link_untold;        /* to all siblings */
    bool is_outbox_incomplete;
    bool is_reading_outbox;
    uint64_t outbox_position;     /* when that read began */
    struct sk_incoming *inbox;    /* by id */
    struct sk_list forget;        /* incoming: to be forgotten */
    struct sk_list consumed_only; /* incoming: consumed without any machine */
    struct sk_list discards;      /* dead letters to be deleted: struct sk_discard */
    uint64_t after_no;            /* recovery: pages of active heads */
    uint32_t loading_count;
    bool has_messages, has_all_heads, has_parked_heads, is_paging;
    struct sk_parked *parked; /* heap: sagas that are not in memory and have a time to wake */
    size_t parked_count, parked_capacity;
    struct sk_alarm parked_alarm;
    struct sk_alarm alarm; /* take again, retry the work, go on with recovery */
    struct sk_alarm renewal;
};

/* ---- works: parts ---------------------------------------------------------------------------- */

struct sk_item {                  /* what one machine gives to a part */
    struct sk_machine *machine;   /* NULL: it was dropped meanwhile, or the shard's own rows */
    struct sk_decision *decision; /* owned; NULL = no events */
    uint64_t no;                  /* when is_first: set by each sk_work_make_part */
    uint64_t from_seq, upto_seq;  /* (from, upto] */
    struct sk_str id;
    bool has_head, is_first, is_removal;
    struct sk_head head;
    bool has_tally, had_tally;
    uint8_t tally_state, tally_before;
    struct sk_start_key_row *key;
    struct sk_tag_row *tags;
    uint32_t tags_count;
    struct sk_list arrivals;
    int64_t decided_us, decided_busy_us;
};

struct sk_discard { /* a dead letter that somebody wants gone: letter.c */
    struct sk_list node;
    struct sk_waiter *waiter;
    int64_t asked_at_ms;
    struct sk_str id;
    char text[];
};

enum sk_work_state { SK_WORK_WAITING, SK_WORK_SUBMITTED };

struct sk_work {
    struct sk_list node; /* shard->works or engine->works_spare */
    struct sk_shard *shard;
    enum sk_work_state state;
    struct sk_arena arena; /* items and what they hold */
    struct sk_arena rows;  /* the part's rows: made anew when it is cut */
    struct sk_item *items;
    uint32_t items_count, items_capacity;
    struct sk_list gone, forget, consumed_only; /* the shard's own rows */
    struct sk_list records;                     /* struct sk_record_write */
    struct sk_list discards;                    /* struct sk_discard */
    struct sk_part part;
    uint32_t breaks; /* how often the handle broke with it … */
    uint32_t proofs; /* … alone, and right after a probe was written: result.c, V3 */
    bool has_broken; /* not judged yet */
    bool has_probe;  /* written right before it, or about to be */
};

struct sk_flush { /* a batch on its way */
    struct sk_shell *shell;
    struct sk_batch batch;
    struct sk_work **works;
    struct sk_arena arena;
};

/* ---- messages -------------------------------------------------------------------------------- */

enum sk_outgoing_state { SK_OUTGOING_WAITING, SK_OUTGOING_HANDED, SK_OUTGOING_GONE };
struct sk_outgoing {
    UT_hash_handle hh;   /* shard->outbox */
    struct sk_list node; /* shard->outgoing */
    struct sk_list gone; /* shard->waiting, shard->gone, work->gone */
    enum sk_outgoing_state state;
    uint32_t to_shard;
    uint64_t order; /* of its event in the sender's shard */
    struct sk_message message;
    char text[];
};

enum sk_incoming_state {
    SK_INCOMING_QUEUED,
    SK_INCOMING_DECIDED,
    SK_INCOMING_DURABLE,
    SK_INCOMING_FORGET
};
struct sk_incoming {
    UT_hash_handle hh;   /* shard->inbox */
    struct sk_list node; /* arrivals, forget, consumed_only */
    enum sk_incoming_state state;
    uint32_t from_shard;
    uint32_t from_member; /* of the group: who handed it over */
    struct sk_str id;
    char text[];
};

/* ---- flights --------------------------------------------------------------------------------- */

struct sk_flight {
    struct sk_ticket ticket; /* engine->flights */
    struct sk_list node;     /* machine->flights, or engine->flights_spare */
    struct sk_machine *machine;
    struct sk_effect effect;
    struct sk_invoker *invoker;
    struct sk_asked *asked; /* verdict.c: the outcome that is being asked about; else NULL */
};

/* ---- tasks ----------------------------------------------------------------------------------- */

struct sk_task;
struct sk_task_saga;

struct sk_task_name {
    struct sk_str saga_id;
    uint32_t step;
    int32_t item;
    enum sk_operation operation;
};

struct sk_task_group {   /* of one namespace and definition in one queue */
    UT_hash_handle hh;   /* queue->groups */
    struct sk_list turn; /* queue->turns, while it has something to offer */
    struct sk_task_queue *queue;
    struct sk_heap offered;
    uint32_t tasks_count; /* offered, being taken or leased */
    struct sk_str name;
    char text[];
};

struct sk_task_far {  /* a sibling's tasks in a queue: poll_sibling.c */
    uint32_t credit;  /* that it is believed to have for us */
    uint32_t claimed; /* of them asked for, and not answered */
};

struct sk_task_queue {
    UT_hash_handle hh; /* engine->task_queues */
    struct sk_task_group *groups;
    struct sk_list turns, polls;
    uint32_t waiting_count, leased_count;
    uint64_t interested;     /* siblings whose workers want its tasks, as bits … */
    uint64_t told;           /* … and of them those who know that some wait here */
    struct sk_task_far *far; /* by member; NULL: nobody has been told of workers here */
    uint64_t unheard;        /* siblings that have not said yet whether they have any */
    int64_t hear_until_ms;   /* so long they are waited for */
    uint32_t claims_count;   /* on their way */
    uint32_t next_source;    /* whose turn it is to give */
    bool is_interest_incomplete;
    struct sk_str name;
    char text[];
};

/* ---- definitions ----------------------------------------------------------------------------- */

typedef void sk_plan_fn(void *context, enum skald_status status, struct sk_plan_entry *entry,
                        const skald_error *error);
struct sk_plan_waiter {
    struct sk_list node;
    sk_plan_fn *fn;
    void *context;
};
struct sk_plan_entry {
    UT_hash_handle hh; /* engine->plans, by digest */
    struct sk_digest digest;
    struct sk_str id, version;
    struct sk_plan *plan; /* NULL = not compiled yet */
    bool is_loading;
    struct sk_list waiters;
    char text[];
};
struct sk_plan_name { /* "id", for the latest, or "id\nversion" */
    UT_hash_handle hh;
    struct sk_plan_entry *entry;
    struct sk_str name;
    char text[];
};

/* ---- the engine ------------------------------------------------------------------------------ */

enum sk_phase {
    SK_PHASE_NEW,
    SK_PHASE_OPENING,
    SK_PHASE_OPEN,
    SK_PHASE_STOPPING,
    SK_PHASE_STOPPED,
    SK_PHASE_BROKEN
};

struct sk_engine {
    struct sk_engine_options options;
    struct sk_runtime *runtime;
    struct sk_store *store;
    struct sk_shell *shell;
    enum sk_phase phase;
    struct sk_meta meta;
    struct sk_shard *shards;
    uint32_t shards_count;
    struct sk_serving *servings; /* by shard; NULL: no siblings */
    bool has_asked_siblings;
    bool is_on_errand; /* for a sibling: errand.c */
    bool is_finishing; /* a work: no shard is given back meanwhile */
    struct sk_machine *machines;
    struct sk_list machines_spare; /* by in_shard: freed, with the memory of their sagas */
    uint32_t machines_spare_count;
    struct sk_tickets flights;    /* struct sk_flight */
    struct sk_list flights_spare; /* as many as there have been at once */
    struct sk_plan_entry *plans;
    struct sk_plan_name *plan_names;
    struct sk_start_key *start_keys; /* being started: start.c */
    struct sk_list starting;         /* starts that wait for a read */
    struct sk_list starting_spare;   /* one at most: a start that is over, with its memory */
    struct sk_list owned;            /* struct sk_owned */
    struct sk_list schedules;        /* struct sk_schedule, by id */
    struct sk_list bulks;            /* struct sk_bulk, newest first */
    uint64_t next_order, next_ticket;

    struct sk_heap alarms;
    struct sk_list alarms_homeless; /* for which the heap had no memory */
    struct sk_runtime_timer *timer;
    struct sk_alarm cut_alarm, sweep_alarm, open_alarm, progress_alarm, message_alarm, stop_alarm,
        reopen_alarm;

    struct sk_flush *flush; /* submitted */
    bool is_turn_posted, is_reopening;
    uint32_t reopens; /* that failed, one after the other */
    int64_t reopen_at_ms;
    struct sk_list dirty_shards;
    struct sk_list works_spare;
    struct sk_list decisions_spare; /* struct sk_spare_decision */
    struct sk_scratch scratch;      /* of one decision, of one effect that leaves */
    struct sk_list ready;           /* waiters to be answered */
    struct sk_list waiters_spare;
    uint32_t waiters_spare_count;
    bool is_flushing;

    struct sk_list loads; /* machines waiting to be read */
    uint32_t reading_count;
    struct sk_list idle; /* machines that may leave memory, oldest first */
    uint32_t idle_count;

    struct sk_task_queue *task_queues;
    struct sk_task_saga *task_sagas;
    struct sk_list polls, polls_ended; /* workers; those to be answered */
    uint32_t polls_count;
    struct sk_alarm match_alarm, ended_alarm, offer_alarm;

    struct sk_heap admissions; /* pending sagas by priority, then age */
    uint32_t slots_used;

    struct sk_list observers; /* struct sk_observer */

    sk_engine_opened *opened, *stopped;
    void *opened_context, *stopped_context;
    skald_error open_error; /* why the opening has failed; status 0 = not */
    int64_t opened_at_ms, stop_at_ms;
    uint32_t giving_back;
    bool is_giving_back, has_lost_at_stop;
    uint32_t open_failures;
    uint64_t recovered;

    int64_t busy_us, busy_since_us; /* the store's share: time with a batch submitted */
    struct sk_histogram histogram;  /* of the own share of a step, µs */
    struct sk_engine_stats stats;
    char *node_text;
};

#endif
