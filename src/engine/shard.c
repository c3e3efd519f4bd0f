/*
 * shard.c: one shard's ownership: taken, renewed, lost, given back.
 *
 *   H1  Every take raises the epoch (S4 of store.h), from the one that was heard of last; what an
 *       earlier term asked of the store is ignored when it answers (term).
 *   H2  A shard that was lost is dropped only when none of its works is with the store.
 *   H3  Effects leave only while the lease has more than lease_margin left, by the monotonic clock,
 *       and counted from the moment before the store was asked.
 */
#include "engine/engine_private.h"

struct asking {
    struct sk_shell *shell;
    uint32_t index;
    uint64_t term;
    int64_t asked_us;
};

bool sk_shard_is_held(const struct sk_shard *shard)
{
    return shard->state == SK_SHARD_LOADING || shard->state == SK_SHARD_SERVING ||
           shard->state == SK_SHARD_DEGRADED;
}

bool sk_shard_is_serving(const struct sk_shard *shard)
{
    return shard->state == SK_SHARD_SERVING ||
           (shard->state == SK_SHARD_DEGRADED && !shard->was_loading);
}

int64_t sk_shard_send_until_us(const struct sk_shard *shard)
{
    if (shard->lease_until_us == INT64_MAX) return 0;
    return shard->lease_until_us - shard->engine->options.lease_margin_ms * 1000;
}

bool sk_shard_may_send(const struct sk_shard *shard)
{
    if (shard->lease_until_us == INT64_MAX) return true;
    return sk_engine_now_us(shard->engine) < sk_shard_send_until_us(shard);
}

struct sk_shard *sk_shard_at(struct sk_engine *engine, uint64_t hash)
{
    return &engine->shards[engine->shards_count == 0 ? 0 : hash % engine->shards_count];
}

struct sk_shard *sk_shard_of(struct sk_engine *engine, struct sk_str id)
{
    return sk_shard_at(engine, sk_hash_id(id));
}

static struct asking *ask(struct sk_shard *shard)
{
    struct asking *asking = sk_alloc(sizeof *asking);
    if (asking == NULL) return NULL;
    *asking = (struct asking){ sk_shell_ref(shard->engine->shell), shard->index, shard->term,
                               sk_engine_now_us(shard->engine) };
    return asking;
}

/* The shard that asked, or NULL when it is another one now. */
static struct sk_shard *answered(void *context, struct asking *out_asking)
{
    struct asking *asking = context;
    *out_asking = *asking;
    struct sk_engine *engine = asking->shell->engine;
    sk_shell_unref(asking->shell);
    sk_free(asking);
    if (engine == NULL) return NULL;
    struct sk_shard *shard = &engine->shards[out_asking->index];
    return shard->term == out_asking->term ? shard : NULL;
}

/* A store of one process is guarded by its own lock: a lease there must not outlive the process, or
 * the same node under a new name (a container's) would find its shards held for ever. */
static int64_t expires_at(const struct sk_engine *engine)
{
    return engine->store->is_shared ? sk_engine_now(engine) + engine->options.lease_ms : 1;
}

/* ---- renewing -------------------------------------------------------------------------------- */

static void send_unsent(struct sk_shard *shard)
{
    struct sk_list again;
    sk_list_init(&again);
    while (!sk_list_is_empty(&shard->unsent)) {
        struct sk_list *node = shard->unsent.next;
        sk_list_remove(node);
        sk_list_push(&again, node);
    }
    while (!sk_list_is_empty(&again)) {
        struct sk_machine *machine = sk_container_of(again.next, struct sk_machine, unsent);
        sk_list_remove(&machine->unsent);
        sk_dispatch(machine);
        sk_machine_settle(machine);
    }
}

void sk_shard_send_unsent(struct sk_shard *shard)
{
    if (sk_shard_is_held(shard) && sk_shard_may_send(shard)) send_unsent(shard);
}

static void on_renewed(void *context, enum skald_status status, const struct sk_shard_row *row,
                       const skald_error *error)
{
    (void)row;
    struct asking asking;
    struct sk_shard *shard = answered(context, &asking);
    if (shard == NULL || !sk_shard_is_held(shard)) return;
    struct sk_engine *engine = shard->engine;
    shard->is_renewing = false;
    int64_t next_ms = engine->options.lease_ms / 3;
    if (status == SKALD_OK) {
        shard->lease_until_us = asking.asked_us + engine->options.lease_ms * 1000;
        send_unsent(shard);
    } else if (status == SKALD_E_FENCED) {
        sk_shard_fence(shard, error->message);
        sk_engine_turn(engine);
        return;
    } else {
        if (status == SKALD_E_IO) sk_result_reopen(engine);
        next_ms = next_ms < 1000 ? next_ms : 1000;
    }
    sk_alarm_set(engine, &shard->renewal, sk_engine_now(engine) + next_ms);
    sk_engine_turn(engine);
}

static void renew(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_shard *shard = sk_container_of(alarm, struct sk_shard, renewal);
    if (!sk_shard_is_held(shard) || shard->is_renewing) return;
    struct asking *asking = ask(shard);
    if (asking == NULL) {
        sk_alarm_set(engine, alarm, sk_engine_now(engine) + SK_PAUSE_MS);
        return;
    }
    shard->is_renewing = true;
    engine->store->ops->renew(engine->store, shard->index, shard->epoch, expires_at(engine),
                              on_renewed, asking);
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void pause_taking(struct sk_shard *shard, int64_t pause_ms)
{
    shard->state = SK_SHARD_NOT_OWNED;
    if (shard->is_wanted)
        sk_alarm_set(shard->engine, &shard->alarm, sk_engine_now(shard->engine) + pause_ms);
}

static void on_taken(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    struct asking asking;
    struct sk_shard *shard = answered(context, &asking);
    if (shard == NULL || shard->state != SK_SHARD_TAKING) return;
    struct sk_engine *engine = shard->engine;
    if (status == SKALD_E_FENCED) { /* news: the first take of a node knows no epoch yet */
        shard->epoch = row->epoch;
        shard->state = SK_SHARD_NOT_OWNED;
        if (shard->is_wanted) sk_shard_take(shard);
    } else if (status != SKALD_OK) {
        if (status != SKALD_E_BUSY) {
            sk_engine_notice(engine, SK_LOG_WARN, "lease.refused", SK_STR(""), error->message,
                             SK_STR(""));
        }
        if (status == SKALD_E_IO) sk_result_reopen(engine);
        pause_taking(shard, 1000);
    } else {
        shard->epoch = row->epoch;
        shard->position = row->position;
        shard->lease_until_us = INT64_MAX;
        shard->pause_ms = shard->retry_at_ms = 0;
        if (engine->store->is_shared) {
            shard->lease_until_us = asking.asked_us + engine->options.lease_ms * 1000;
            sk_alarm_set(engine, &shard->renewal,
                         sk_engine_now(engine) + engine->options.lease_ms / 3);
        }
        shard->state = SK_SHARD_LOADING;
        if (shard->is_wanted) {
            sk_recovery_start(shard);
        } else {
            sk_shard_give_back(shard);
        }
    }
    sk_engine_turn(engine);
}

void sk_shard_take(struct sk_shard *shard)
{
    struct sk_engine *engine = shard->engine;
    if (shard->state != SK_SHARD_NOT_OWNED || engine->phase == SK_PHASE_BROKEN ||
        engine->phase == SK_PHASE_STOPPED || engine->phase == SK_PHASE_STOPPING) {
        return;
    }
    shard->term += 1;
    struct asking *asking = ask(shard);
    if (asking == NULL) {
        pause_taking(shard, 1000);
        return;
    }
    shard->state = SK_SHARD_TAKING;
    engine->store->ops->take(engine->store, shard->index, shard->epoch, engine->options.node,
                             expires_at(engine), on_taken, asking);
}

/* ---- losing ---------------------------------------------------------------------------------- */

static bool is_writing(const struct sk_shard *shard)
{
    for (const struct sk_list *at = shard->works.next; at != &shard->works; at = at->next) {
        if (sk_container_of(at, struct sk_work, node)->state == SK_WORK_SUBMITTED) return true;
    }
    return false;
}

void sk_shard_fence(struct sk_shard *shard, const char *why)
{
    if (!sk_shard_is_held(shard)) return;
    sk_engine_notice(shard->engine, shard->is_leaving ? SK_LOG_DEBUG : SK_LOG_WARN,
                     shard->is_leaving ? "lease.returned" : "lease.lost", SK_STR(""), why,
                     SK_STR(""));
    shard->state = SK_SHARD_FENCED;
    for (struct sk_list *at = shard->machines.next; at != &shard->machines; at = at->next) {
        sk_flights_cancel(sk_container_of(at, struct sk_machine, in_shard));
    }
    sk_tasks_forget(shard->engine, shard); /* not for its workers to ask for any more */
    if (!is_writing(shard)) sk_shard_drop(shard);
}

static void on_given_back(void *context, enum skald_status status, const struct sk_shard_row *row,
                          const skald_error *error)
{
    (void)status, (void)row, (void)error; /* a lease that is not given back runs out */
    struct sk_shell *shell = context;
    struct sk_engine *engine = shell->engine;
    sk_shell_unref(shell);
    if (engine == NULL) return;
    engine->giving_back -= 1;
    sk_engine_turn(engine);
}

static void return_lease(struct sk_shard *shard)
{
    struct sk_engine *engine = shard->engine;
    engine->giving_back += 1;
    engine->store->ops->renew(engine->store, shard->index, shard->epoch, 0, on_given_back,
                              sk_shell_ref(engine->shell));
}

void sk_shard_drop(struct sk_shard *shard)
{
    if (is_writing(shard)) return; /* H2: its result comes here again */
    struct sk_engine *engine = shard->engine;
    while (!sk_list_is_empty(&shard->machines)) { /* before the works they stand in */
        struct sk_machine *machine =
            sk_container_of(shard->machines.next, struct sk_machine, in_shard);
        sk_machine_drop(machine, SKALD_E_FENCED, "another owner has taken the saga's shard");
    }
    while (!sk_list_is_empty(&shard->works)) {
        sk_work_give_back(sk_container_of(shard->works.next, struct sk_work, node));
    }
    sk_discards_end(&shard->discards, SKALD_E_AGAIN);
    sk_records_forget(shard);
    sk_messages_release(shard);
    sk_messages_unhand(shard);
    sk_parked_release(shard);
    sk_tasks_forget(shard->engine, shard);
    sk_list_remove(&shard->in_dirty);
    sk_alarm_clear(engine, &shard->alarm);
    sk_alarm_clear(engine, &shard->renewal);
    shard->is_verifying = shard->is_renewing = shard->is_reading_outbox = false;
    shard->has_all_heads = shard->is_paging = false;
    shard->loading_count = 0;
    shard->after_no = 0;
    shard->term += 1;
    if (shard->is_leaving) return_lease(shard);
    shard->is_leaving = false;
    pause_taking(shard, SK_PAUSE_MS);
    sk_open_check(engine);
}

void sk_shard_give_back(struct sk_shard *shard)
{
    if (!sk_shard_is_held(shard)) return;
    shard->is_leaving = true;
    sk_shard_fence(shard, "given back");
}

static void on_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_shard *shard = sk_container_of(alarm, struct sk_shard, alarm);
    switch (shard->state) {
    case SK_SHARD_NOT_OWNED:
        if (shard->is_wanted) sk_shard_take(shard);
        break;
    case SK_SHARD_TAKING:
    case SK_SHARD_FENCED: break;
    case SK_SHARD_LOADING:
    case SK_SHARD_SERVING:
    case SK_SHARD_DEGRADED:
        /* Its time has come, whatever the clock says by the end of the turn: it may be set back a
         * little meanwhile, and nobody would ask again. */
        shard->retry_at_ms = 0;
        if (shard->is_verifying && !engine->is_reopening) sk_result_verify(shard);
        sk_recovery_continue(shard);
        sk_shard_mark_dirty(shard);
        break;
    }
}

void sk_shard_init(struct sk_shard *shard, struct sk_engine *engine, uint32_t index)
{
    *shard = (struct sk_shard){ .engine = engine, .index = index, .link = 1 };
    struct sk_list *lists[] = { &shard->machines, &shard->dirty,         &shard->unsent,
                                &shard->works,    &shard->removals,      &shard->in_dirty,
                                &shard->outgoing, &shard->waiting,       &shard->gone,
                                &shard->forget,   &shard->consumed_only, &shard->discards,
                                &shard->records };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) sk_list_init(lists[i]);
    shard->alarm.fn = on_alarm;
    shard->renewal.fn = renew;
    sk_parked_init(shard);
}

void sk_engine_own(struct sk_engine *engine, uint32_t shard, bool own)
{
    if (shard >= engine->shards_count) return;
    struct sk_shard *owned = &engine->shards[shard];
    owned->is_wanted = own;
    if (own) {
        sk_shard_take(owned);
    } else {
        sk_shard_give_back(owned);
    }
    sk_engine_turn(engine);
}
