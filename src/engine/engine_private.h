/*
 * engine_private.h: the structs that the files of engine/ share, and who may call whom.
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
 *       refused) of which the store has not said DONE, and one list of machines that decided since.
 *   N3  Only a work that is DONE moves durable_seq, and only then does anything leave (law 2).
 *   N4  A machine lives while its shard is held and anything points to it (sk_machine_is_idle).
 *   N5  Callbacks of users run from one place, sk_waiters_flush, with no list half walked.
 */
#ifndef SK_ENGINE_ENGINE_PRIVATE_H
#define SK_ENGINE_ENGINE_PRIVATE_H

#include "base/assert.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/list.h"
#include "engine/engine.h"
#include "engine/table.h"

enum {
    SK_LOADS_MAX = 64,         /* machines being read at once */
    SK_JOBS_MAX = 10000,       /* commands waiting for one machine */
    SK_ALARMS_PER_TURN = 1024, /* then the loop breathes */
    SK_PAUSE_MS = 100,         /* first pause of a degraded shard or a failed read … */
    SK_PAUSE_MS_MAX = 5000,    /* … doubled up to this */
    SK_REOPENS_MAX = 5,        /* then the engine stops serving */
    SK_STOP_EXTRA_MS = 10000,  /* after the grace: for what is decided to become durable */
    SK_RETRY_AFTER_MS = 1000,  /* told with SKALD_E_AGAIN */
    SK_HISTOGRAM_BUCKETS = 160
};

struct sk_machine;
struct sk_work;
struct sk_plan_entry;
struct sk_load;
struct sk_start_key;
struct sk_starting;

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
};

/* ---- waiters ---------------------------------------------------------------------------------- */

struct sk_waiter {
    struct sk_list node; /* in machine->waiters, machine->watchers, engine->ready or nowhere */
    struct sk_engine *engine;
    struct sk_machine *machine; /* NULL = none (yet) */
    sk_engine_done *done;
    void *context;
    uint64_t need_seq; /* answered when this is durable */
    uint64_t order;
    bool is_read, is_watch; /* get; wait */
    bool is_replayed, is_pending_direction;
    bool has_failed;
    skald_error error; /* status OK = none */
    int64_t retry_after_ms;
    struct sk_alarm alarm; /* wait's time-out */
};

/* ---- machines --------------------------------------------------------------------------------- */

enum sk_machine_state {
    SK_MACHINE_LOADING, /* its rows are being read, or wait for their turn */
    SK_MACHINE_ABSENT,  /* not in the store, nothing decided */
    SK_MACHINE_READY,
    SK_MACHINE_STALE /* its memory was given up while it was in a work, or its load failed: read again */
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
    bool needs_recover;            /* attempts without outcome */
    bool is_recovering;            /* counted in shard->loading_count */
    bool is_admitted, in_slot;
    bool has_tally;
    uint8_t tally_state; /* as counted last */
    union {
        struct sk_saga saga;
        struct sk_lock lock;
    } as;
    struct sk_plan_entry *entry;
    struct sk_start_key *start_key; /* until its start is durable */
    uint64_t durable_seq, work_seq, sent_seq;
    struct sk_work *work;         /* the one it is in, NULL = none */
    struct sk_decision *decision; /* since then; NULL = nothing */
    struct sk_list dirty;         /* shard->dirty */
    struct sk_list unsent;        /* shard->unsent: effects wait for the lease */
    struct sk_list lru;           /* engine->idle */
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

/* ---- shards ----------------------------------------------------------------------------------- */

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
    SK_SHARD_DEGRADED, /* serving, but the store is away: commands are decided, new starts refused */
    SK_SHARD_FENCED    /* to be dropped once its work has returned */
};

struct sk_parked {
    int64_t wake_at_ms;
    uint64_t no;
};

struct sk_shard {
    struct sk_engine *engine;
    uint32_t index;
    enum sk_shard_state state;
    bool is_wanted;
    bool was_loading; /* before it was degraded */
    uint64_t epoch, position;
    uint64_t term;          /* counts takings: late answers of an earlier one are dropped */
    int64_t lease_until_us; /* monotonic; INT64_MAX = for ever */
    bool is_renewing;
    struct sk_list machines;
    struct sk_list dirty; /* machines, in order of their first decision */
    struct sk_list unsent;
    struct sk_list works;    /* submitted or waiting to be; usually none or one */
    struct sk_list in_dirty; /* engine->dirty_shards */
    int64_t pause_ms, retry_at_ms;
    bool is_verifying;          /* the shard row is being read */
    struct sk_outgoing *outbox; /* by id */
    struct sk_list outgoing;    /* all, oldest first */
    struct sk_list waiting;     /* outgoing: not handed over, oldest first */
    struct sk_list gone;        /* outgoing: consumed, to be deleted */
    bool is_outbox_incomplete;
    bool is_reading_outbox;
    struct sk_incoming *inbox;    /* by id */
    struct sk_list forget;        /* incoming: to be forgotten */
    struct sk_list consumed_only; /* incoming: consumed without any machine */
    uint64_t after_no;            /* recovery: pages of active heads */
    uint32_t loading_count;
    bool has_messages, has_all_heads, has_parked_heads, is_paging;
    struct sk_parked *parked; /* heap: sagas that are not in memory and have a time to wake */
    size_t parked_count, parked_capacity;
    struct sk_alarm parked_alarm;
    struct sk_alarm alarm; /* take again, retry the work, go on with recovery */
    struct sk_alarm renewal;
};

/* ---- works: parts ----------------------------------------------------------------------------- */

struct sk_item {                  /* what one machine gives to a part */
    struct sk_machine *machine;   /* NULL: it was dropped meanwhile, or the shard's own rows */
    struct sk_decision *decision; /* owned; NULL = no events */
    uint64_t no;                  /* when is_first: set by each sk_work_make_part */
    uint64_t from_seq, upto_seq;  /* (from, upto] */
    struct sk_str id;
    bool has_head, is_first;
    struct sk_head head;
    bool has_tally, had_tally;
    uint8_t tally_state, tally_before;
    struct sk_start_key_row *key;
    struct sk_tag_row *tags;
    uint32_t tags_count;
    struct sk_list arrivals;
    int64_t decided_us, decided_busy_us;
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
    struct sk_part part;
};

struct sk_flush { /* a batch on its way */
    struct sk_shell *shell;
    struct sk_batch batch;
    struct sk_work **works;
    struct sk_arena arena;
};

/* ---- messages --------------------------------------------------------------------------------- */

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
    struct sk_str id;
    char text[];
};

/* ---- flights ---------------------------------------------------------------------------------- */

struct sk_flight {
    UT_hash_handle hh;   /* engine->flights, by ticket */
    struct sk_list node; /* machine->flights */
    struct sk_machine *machine;
    uint64_t ticket;
    struct sk_effect effect;
    enum sk_step_kind kind;
    int64_t sent_us;
};

/* ---- definitions ------------------------------------------------------------------------------ */

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

/* ---- the engine ------------------------------------------------------------------------------- */

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
    struct sk_machine *machines;
    struct sk_flight *flights;
    struct sk_plan_entry *plans;
    struct sk_plan_name *plan_names;
    struct sk_start_key *start_keys; /* being started: start.c */
    struct sk_list starting;         /* starts that wait for a read */
    struct sk_list owned;            /* struct sk_owned */
    uint64_t next_order, next_ticket;

    struct sk_heap alarms;
    struct sk_runtime_timer *timer;
    struct sk_alarm cut_alarm, sweep_alarm, open_alarm, progress_alarm, stop_alarm, reopen_alarm;

    struct sk_flush *flush; /* submitted */
    bool is_turn_posted, is_reopening;
    uint32_t reopens;
    struct sk_list dirty_shards;
    struct sk_list works_spare;
    struct sk_list decisions_spare; /* struct sk_spare_decision */
    struct sk_list ready;           /* waiters to be answered */
    bool is_flushing;

    struct sk_list loads; /* machines waiting to be read */
    uint32_t reading_count;
    struct sk_list idle; /* machines that may leave memory, oldest first */
    uint32_t idle_count;

    struct sk_heap admissions; /* pending sagas by priority, then age */
    uint32_t slots_used;

    sk_engine_opened *opened, *stopped;
    void *opened_context, *stopped_context;
    int64_t opened_at_ms, stop_at_ms;
    uint32_t giving_back;
    bool is_giving_back, has_lost_at_stop;
    uint32_t open_failures;
    uint64_t recovered;

    int64_t busy_us, busy_since_us; /* the store's share: time with a batch submitted */
    uint64_t histogram[SK_HISTOGRAM_BUCKETS];
    uint64_t histogram_count, histogram_max;
    struct sk_engine_stats stats;
    char *node_text;
};

/* ---- engine.c --------------------------------------------------------------------------------- */

int64_t sk_engine_now(const struct sk_engine *engine);
int64_t sk_engine_now_us(const struct sk_engine *engine);
uint64_t sk_engine_entropy(struct sk_engine *engine);
struct sk_shell *sk_shell_ref(struct sk_shell *shell);
void sk_shell_unref(struct sk_shell *shell);
/* An observation: to the observer and the log. `json` may be empty. */
void sk_engine_notice(struct sk_engine *engine, enum sk_log_level level, const char *what,
                      struct sk_str saga_id, const char *message, struct sk_str json);
/* Runs fn on the loop after the present turn, unless the engine was freed meanwhile. */
typedef void sk_engine_fn(struct sk_engine *engine, void *context);
enum skald_status sk_engine_defer(struct sk_engine *engine, sk_engine_fn *fn,
                                  void *context) SK_MUST_CHECK;
void sk_own(struct sk_engine *engine, struct sk_owned *owned, void (*free)(struct sk_owned *owned));
void sk_disown(struct sk_owned *owned);
/* A turn's end: cut a batch if none is out, then answer who can be answered. */
void sk_engine_turn(struct sk_engine *engine);
/* A read whose done comes only while the engine lives; on failure to start it comes with SKALD_E_MEMORY
 * and, as all others, not from inside the call (unless memory is out: then at once). */
typedef void sk_engine_rows(struct sk_engine *engine, void *context, struct sk_rows *rows);
void sk_engine_store_read(struct sk_engine *engine, const struct sk_read *read,
                          sk_engine_rows *done, void *context);

/* ---- alarm.c ---------------------------------------------------------------------------------- */

void sk_alarm_set(struct sk_engine *engine, struct sk_alarm *alarm, int64_t at_ms);
void sk_alarm_clear(struct sk_engine *engine, struct sk_alarm *alarm);
enum skald_status sk_alarms_init(struct sk_engine *engine) SK_MUST_CHECK;
void sk_alarms_release(struct sk_engine *engine);

/* ---- waiter.c --------------------------------------------------------------------------------- */

struct sk_waiter *sk_waiter_new(struct sk_engine *engine, sk_engine_done *done, void *context);
/* Answers at the end of the turn with this error, whatever is durable. */
void sk_waiter_fail(struct sk_waiter *waiter, enum skald_status status, const char *message);
void sk_waiter_fail_error(struct sk_waiter *waiter, enum skald_status status,
                          const skald_error *error);
/* Answers when machine's need_seq is durable; an error beside it (law 2 holds for refusals too). */
void sk_waiter_attach(struct sk_waiter *waiter, struct sk_machine *machine, uint64_t need_seq);
/* After the machine changed or a part of it became durable: who can be answered moves to `ready`. */
void sk_waiters_check(struct sk_machine *machine);
void sk_waiters_fail_all(struct sk_machine *machine, enum skald_status status, const char *message,
                         bool also_durable);
void sk_waiters_flush(struct sk_engine *engine);
void sk_waiters_release(struct sk_engine *engine);
/* The machine goes away: whoever is about to be answered of it is told so. */
void sk_waiters_detach(struct sk_machine *machine);
/* A get or a wait on a machine that is READY. */
void sk_read_machine(struct sk_machine *machine, struct sk_waiter *waiter);

/* ---- machine.c -------------------------------------------------------------------------------- */

bool sk_id_is_lock(struct sk_str id);
struct sk_machine *sk_machine_find(struct sk_engine *engine, struct sk_str id);
/* In memory, or a new one that is being loaded; NULL: out of memory. */
struct sk_machine *sk_machine_get(struct sk_engine *engine, struct sk_str id);
/* A new one in state ABSENT, not looked up in the store. */
struct sk_machine *sk_machine_new(struct sk_engine *engine, struct sk_shard *shard,
                                  struct sk_str id);
uint64_t sk_machine_seq(const struct sk_machine *machine);
bool sk_machine_is_saga(const struct sk_machine *machine);
/* After every change: its alarm, its slot, whether it may leave memory. */
void sk_machine_settle(struct sk_machine *machine);
bool sk_machine_is_clean(const struct sk_machine *machine); /* READY and everything durable */
/* Gives up what is not durable; read again if there is something to read. Waiters for what is lost fail. */
void sk_machine_reset(struct sk_machine *machine, enum skald_status status, const char *why);
/* Out of the engine; whoever waits fails. */
void sk_machine_drop(struct sk_machine *machine, enum skald_status status, const char *why);
void sk_machine_free_all(struct sk_engine *engine);
/* Forgets the state, not the machine. */
void sk_machine_unfold(struct sk_machine *machine);
void sk_machines_shrink(struct sk_engine *engine);
/* Its work has returned. */
void sk_machine_after_work(struct sk_machine *machine);

/* ---- slot.c ----------------------------------------------------------------------------------- */

void sk_slot_settle(struct sk_machine *machine);
void sk_slot_leave(struct sk_machine *machine);
bool sk_slot_is_free(const struct sk_engine *engine);
void sk_slots_admit(struct sk_engine *engine);

/* ---- load.c ----------------------------------------------------------------------------------- */

/* Puts it into the queue of loads; `head` may be NULL (then it is looked for by id). */
void sk_load_start(struct sk_machine *machine, const struct sk_head *head);
void sk_load_forget(struct sk_machine *machine);
void sk_loads_continue(struct sk_engine *engine);

/* ---- job.c, command.c ------------------------------------------------------------------------- */

enum sk_job_kind { SK_JOB_COMMAND, SK_JOB_START, SK_JOB_MESSAGE, SK_JOB_READ };
struct sk_starting;
struct sk_job {
    struct sk_list node;
    enum sk_job_kind kind;
    struct sk_arena arena;
    struct sk_command command;
    struct sk_outcome outcome;
    struct sk_message message;
    struct sk_str step_name;
    bool needs_step;
    struct sk_incoming *incoming;
    struct sk_starting *starting;
    struct sk_waiter *waiter;
};
/* A deep copy; NULL: out of memory. */
struct sk_job *sk_job_new(enum sk_job_kind kind, const struct sk_command *command,
                          struct sk_str step_name, struct sk_waiter *waiter);
void sk_job_free(struct sk_job *job);
void sk_job_push(struct sk_machine *machine, struct sk_job *job);
/* Runs what waits, as far as the machine can take it. */
void sk_jobs_run(struct sk_machine *machine);
/* Those with somebody waiting. */
void sk_jobs_fail_waiters(struct sk_machine *machine, enum skald_status status,
                          const char *message);
void sk_jobs_release(struct sk_machine *machine);

/* Decides at once if it can, else queues. `waiter` may be NULL. */
void sk_command_give(struct sk_machine *machine, const struct sk_command *command,
                     struct sk_waiter *waiter);
/* The machine is READY. False: out of memory, the machine was reset (the waiter has been answered). */
bool sk_command_decide(struct sk_machine *machine, const struct sk_command *command,
                       struct sk_waiter *waiter);
bool sk_command_can_run(const struct sk_machine *machine);
/* The decision that collects what the machine decides; NULL: out of memory. Marks it dirty. */
struct sk_decision *sk_machine_decision(struct sk_machine *machine);
void sk_decision_give_back(struct sk_engine *engine, struct sk_decision *decision);
void sk_decisions_release(struct sk_engine *engine);
void sk_machine_mark_dirty(struct sk_machine *machine);
void sk_shard_mark_dirty(struct sk_shard *shard);

/* ---- work.c, rows.c, batch.c, result.c -------------------------------------------------------- */

bool sk_work_fill(struct sk_work *work, uint32_t events_max);
struct sk_work *sk_work_new(struct sk_shard *shard);
void sk_work_free(struct sk_work *work);
void sk_work_give_back(struct sk_work *work);
uint32_t sk_work_events(const struct sk_work *work);
/* Makes the part's rows for the shard's present position. */
bool sk_work_make_part(struct sk_work *work) SK_MUST_CHECK;
/* Head, key and tags as the machine now is, in the arena. */
bool sk_item_describe(struct sk_item *item, struct sk_arena *arena);
/* The same item with its texts in another arena; takes decision and arrivals. */
bool sk_item_move(struct sk_item *to, struct sk_item *from, struct sk_arena *arena) SK_MUST_CHECK;
void sk_batch_schedule(struct sk_engine *engine);
void sk_batch_cut(struct sk_engine *engine);
void sk_flush_free(struct sk_flush *flush);
void sk_result_apply(struct sk_work *work);
void sk_result_done(struct sk_work *work);
void sk_result_fenced(struct sk_shard *shard);
void sk_result_reopen(struct sk_engine *engine);
void sk_result_verify(struct sk_shard *shard);

/* ---- dispatch.c ------------------------------------------------------------------------------- */

/* Sends what became due and durable. */
void sk_dispatch(struct sk_machine *machine);
void sk_flights_cancel(struct sk_machine *machine);

/* ---- outbox.c, inbox.c ------------------------------------------------------------------------ */

/* After a part is durable: one of its messages. */
void sk_outbox_add(struct sk_shard *shard, const struct sk_message *message, uint64_t order);
void sk_outbox_deliver(struct sk_shard *shard);
void sk_outbox_row(const struct sk_message *message, uint64_t order, uint32_t to_shard,
                   struct sk_arena *arena, struct sk_message_row *out_row);
void sk_outbox_load(struct sk_shard *shard, const struct sk_rows *rows);
/* Its row is deleted: the target may forget it. */
void sk_outbox_remove(struct sk_shard *shard, struct sk_outgoing *outgoing);
/* The target has it durably. True: there is no such row (any more), the target may forget the id. */
bool sk_outbox_consumed(struct sk_shard *shard, struct sk_str id);
/* The target lost it: to be handed over again. */
void sk_outbox_again(struct sk_shard *shard, struct sk_str id);
/* Everything handed to this shard is to be sent again. */
void sk_messages_unhand(struct sk_shard *to);
/* This shard now serves: what waits for it is handed over. */
void sk_messages_for(struct sk_shard *to);
void sk_messages_sweep(struct sk_engine *engine);
void sk_messages_release(struct sk_shard *shard);

/* False: out of memory. *out_state: DURABLE = consumed before, else QUEUED. */
bool sk_inbox_receive(struct sk_shard *shard, uint32_t from_shard, const struct sk_message *message,
                      enum sk_incoming_state *out_state);
bool sk_inbox_load(struct sk_shard *shard, const struct sk_rows *rows);
void sk_inbox_consume(struct sk_machine *machine, struct sk_incoming *incoming);
void sk_inbox_durable(struct sk_shard *shard, struct sk_incoming *incoming);
void sk_inbox_forget(struct sk_shard *shard, struct sk_str id);
void sk_inbox_remove(struct sk_shard *shard, struct sk_incoming *incoming);
/* Not decided after all: the sender sends it again. */
void sk_inbox_lost(struct sk_shard *shard, struct sk_incoming *incoming);
void sk_inbox_sweep(struct sk_shard *shard);
/* To the parent, in this machine's next part: the child it means was never started. */
bool sk_inbox_reply_ended(struct sk_machine *machine, struct sk_str parent, uint32_t step,
                          int32_t item, uint32_t round, const char *code, const char *why);
/* A job with a message; takes the job. */
void sk_message_run(struct sk_machine *machine, struct sk_job *job);

/* ---- start.c ---------------------------------------------------------------------------------- */

void sk_start_run(struct sk_machine *machine, struct sk_job *job);
/* Takes the job. */
void sk_start_child(struct sk_machine *machine, struct sk_job *job);
/* The machine goes away while its plan is looked for. */
void sk_start_forget(struct sk_machine *machine);
uint32_t sk_lock_home(const struct sk_engine *engine, struct sk_str key);
/* The start under this key is durable, or its machine goes away. */
void sk_start_key_end(struct sk_machine *machine);
void sk_starting_free(struct sk_starting *starting);
void sk_starting_release(struct sk_engine *engine);

/* ---- plans.c ---------------------------------------------------------------------------------- */

/* `fn` may come from inside the call when nothing has to be read. */
void sk_plans_by_digest(struct sk_engine *engine, const struct sk_digest *digest, sk_plan_fn *fn,
                        void *context);
/* Only finds the digest; the entry's plan may be NULL. */
void sk_plans_by_name(struct sk_engine *engine, struct sk_str id, struct sk_str version,
                      sk_plan_fn *fn, void *context);
void sk_plans_compiled(struct sk_engine *engine, struct sk_plan_entry *entry, sk_plan_fn *fn,
                       void *context);
struct sk_plan_entry *sk_plans_known(struct sk_engine *engine, struct sk_str id,
                                     struct sk_str version);
struct sk_plan_entry *sk_plans_add(struct sk_engine *engine, const struct sk_digest *digest,
                                   struct sk_str id, struct sk_str version, bool is_latest,
                                   bool *out_is_new);
enum skald_status sk_plans_load(struct sk_engine *engine, const struct sk_rows *rows) SK_MUST_CHECK;
void sk_plans_release(struct sk_engine *engine);

/* ---- shard.c, recovery.c ---------------------------------------------------------------------- */

void sk_shard_init(struct sk_shard *shard, struct sk_engine *engine, uint32_t index);
void sk_shard_take(struct sk_shard *shard);
void sk_shard_fence(struct sk_shard *shard, const char *why);
/* Nothing of it is out any more: forget it, and take it again if it is wanted. */
void sk_shard_drop(struct sk_shard *shard);
bool sk_shard_is_held(const struct sk_shard *shard);    /* LOADING, SERVING, DEGRADED */
bool sk_shard_is_serving(const struct sk_shard *shard); /* SERVING, DEGRADED */
bool sk_shard_may_send(const struct sk_shard *shard);
void sk_shard_give_back(struct sk_shard *shard);
struct sk_shard *sk_shard_of(struct sk_engine *engine, struct sk_str id);
void sk_recovery_start(struct sk_shard *shard);
void sk_recovery_check(struct sk_shard *shard);
void sk_recovery_continue(struct sk_shard *shard);
/* Brings this saga into memory unless it is there; false: out of memory. */
bool sk_recovery_load_head(struct sk_shard *shard, const struct sk_head *head);
void sk_shard_send_unsent(struct sk_shard *shard);
void sk_parked_init(struct sk_shard *shard);
void sk_parked_release(struct sk_shard *shard);
/* False: out of memory. */
bool sk_parked_add(struct sk_shard *shard, uint64_t no, int64_t wake_at_ms);

/* ---- sweep.c, stop.c, histogram.c ------------------------------------------------------------- */

void sk_sweep_init(struct sk_engine *engine);
void sk_stop_check(struct sk_engine *engine);
void sk_open_check(struct sk_engine *engine);
void sk_histogram_add(struct sk_engine *engine, int64_t us);
uint64_t sk_histogram_at(const struct sk_engine *engine, double share);

#endif
