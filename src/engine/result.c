/*
 * result.c: what became of a part, and what follows.
 *
 *   DONE       durable_seq moves; then effects, messages, answers leave (law 2)
 *   PASSING    the shard is degraded; the same part again after a pause
 *   NOT_KNOWN  the shard row tells: ours = done, our predecessor = again, else fenced
 *   FENCED     the shard's memory is dropped; taken again if it is wanted here
 *   REFUSED    halved by machine until one is left: that one is read again and suspended
 *   BROKEN     the store is reopened, then every shard row is compared as for NOT_KNOWN; a part
 *              that breaks it again and again (V3) is as good as REFUSED
 *
 *   V1  A part is retried only if the shard row proves that it was not committed, or the store said
 *       so.
 *   V2  A work is in shard->works until it is DONE, dropped, or proved impossible.
 *   V3  A work that came back BROKEN twice goes alone, behind a probe: a part of nothing, which
 *       moves the shard's row. Where the probe is written and the work then breaks the handle,
 *       SK_PROOFS_MAX times, its rows cannot be written, and the others must not wait for it. A
 *       probe that is not written says that the store is broken for all: nobody is to blame.
 */
#include "engine/engine_private.h"

/* ---- done ------------------------------------------------------------------------------------ */

static void observe(struct sk_engine *engine, const struct sk_item *item)
{
    bool is_watched = engine->options.on_event != NULL || !sk_list_is_empty(&engine->observers);
    if (!is_watched || item->machine == NULL || item->machine->is_lock ||
        !item->machine->is_folded) {
        return;
    }
    for (uint32_t i = 0; item->decision != NULL && i < item->decision->events_count; i++) {
        struct sk_decided *decided = &item->decision->events[i];
        sk_event_point(&decided->event,
                       (struct sk_str){ item->decision->data.data + decided->data_offset,
                                        decided->data_size });
        sk_observers_event(engine, &item->machine->as.saga, &decided->event);
    }
}

static void count_hooks(struct sk_engine *engine, const struct sk_decision *decision)
{
    struct sk_engine_stats *stats = &engine->stats;
    for (uint32_t i = 0; i < decision->events_count; i++) {
        const struct sk_event *event = &decision->events[i].event;
        if (event->type == SK_EVENT_HOOK_STARTED && event->attempt == 1) stats->hooks_started += 1;
        if (event->type == SK_EVENT_HOOK_COMPLETED) stats->hooks_completed += 1;
        if (event->type != SK_EVENT_HOOK_FAILED) continue;
        if (event->when_ms != 0)
            stats->hooks_retried += 1;
        else
            stats->hooks_failed += 1;
    }
}

static void count_item(struct sk_engine *engine, const struct sk_item *item)
{
    if (item->decision != NULL) engine->stats.events += item->decision->events_count;
    if (item->decision != NULL) count_hooks(engine, item->decision);
    if (!item->has_tally) return;
    if (item->is_first) engine->stats.started += 1;
    bool is_end = sk_saga_state_is_end((enum sk_saga_state)item->tally_state);
    bool was_end = item->had_tally && sk_saga_state_is_end((enum sk_saga_state)item->tally_before);
    if (is_end && !was_end) engine->stats.ended += 1;
    bool was_undoing = item->had_tally && item->tally_before == SK_SAGA_COMPENSATING;
    if (item->tally_state == SK_SAGA_COMPENSATING && !was_undoing) engine->stats.compensating += 1;
}

/* Its rows are gone: the next request begins it anew. */
static void forget_removed(struct sk_machine *machine)
{
    sk_flights_cancel(machine); /* what was given up long ago */
    sk_machine_unfold(machine);
    machine->is_removing = false;
    machine->durable_seq = machine->sent_seq = machine->rested_seq = 0;
    machine->no = 0;
    sk_removal_done(machine);
}

/* Its messages wait under the ids and in the order of their rows. */
static void add_messages(struct sk_work *work, const struct sk_item *item, uint32_t *io_rows)
{
    const struct sk_part *part = &work->part;
    for (uint32_t i = 0; item->decision != NULL && i < item->decision->messages_count; i++) {
        struct sk_message message = item->decision->messages[i];
        message.id = part->messages[*io_rows].id;
        sk_outbox_add(work->shard, &message, part->first_position << 20 | *io_rows);
        *io_rows += 1;
    }
}

static void finish_item(struct sk_work *work, struct sk_item *item, uint32_t *io_rows)
{
    struct sk_shard *shard = work->shard;
    struct sk_machine *machine = item->machine;
    if (machine != NULL) {
        machine->work = NULL;
        if (!item->is_removal) machine->durable_seq = item->upto_seq;
        machine->refusals = 0;
        if (item->is_removal) forget_removed(machine);
        if (item->is_first) machine->no = item->no;
        if (item->is_first) sk_start_key_end(machine);
    }
    count_item(shard->engine, item);
    observe(shard->engine, item);
    add_messages(work, item, io_rows);
    while (!sk_list_is_empty(&item->arrivals)) {
        struct sk_incoming *incoming =
            sk_container_of(item->arrivals.next, struct sk_incoming, node);
        sk_list_remove(&incoming->node);
        sk_inbox_durable(shard, incoming);
    }
}

static void finish_own_rows(struct sk_work *work)
{
    struct sk_shard *shard = work->shard;
    while (!sk_list_is_empty(&work->gone)) {
        struct sk_outgoing *outgoing = sk_container_of(work->gone.next, struct sk_outgoing, gone);
        sk_list_remove(&outgoing->gone);
        sk_outbox_remove(shard, outgoing);
    }
    while (!sk_list_is_empty(&work->forget)) {
        struct sk_incoming *incoming = sk_container_of(work->forget.next, struct sk_incoming, node);
        sk_list_remove(&incoming->node);
        sk_inbox_remove(shard, incoming);
    }
    while (!sk_list_is_empty(&work->consumed_only)) {
        struct sk_incoming *incoming =
            sk_container_of(work->consumed_only.next, struct sk_incoming, node);
        sk_list_remove(&incoming->node);
        sk_inbox_durable(shard, incoming);
    }
    sk_discards_end(&work->discards, SKALD_OK);
    sk_records_end(shard->engine, &work->records, SKALD_OK);
}

static void recover_from_degraded(struct sk_shard *shard)
{
    shard->pause_ms = 0;
    shard->retry_at_ms = 0;
    if (shard->state != SK_SHARD_DEGRADED) return;
    shard->state = shard->was_loading ? SK_SHARD_LOADING : SK_SHARD_SERVING;
    sk_engine_notice(shard->engine, SK_LOG_INFO, "store.recovered", SK_STR(""), "the store is back",
                     SK_STR(""));
    sk_recovery_check(shard);
}

/* What was waiting for durability leaves. */
static void let_out(struct sk_item *item)
{
    struct sk_machine *machine = item->machine;
    if (machine == NULL) return;
    if (machine->state == SK_MACHINE_READY) {
        machine->decided_us = item->decided_us;
        machine->decided_busy_us = item->decided_busy_us;
        sk_dispatch(machine);
    }
    sk_machine_after_work(machine);
    sk_waiters_check(machine);
    sk_jobs_run(machine);
    sk_machine_settle(machine);
    if (item->is_removal && machine->state == SK_MACHINE_ABSENT) sk_machine_discard(machine);
}

static void finish_work(struct sk_work *work)
{
    struct sk_shard *shard = work->shard;
    uint32_t events_count = work->part.events_count;
    shard->position += events_count > 0 ? events_count : 1;
    sk_list_remove(&work->node);
    recover_from_degraded(shard);
    shard->engine->is_finishing = true; /* machines of the work must not go meanwhile */
    uint32_t rows = 0;                  /* of messages */
    for (uint32_t i = 0; i < work->items_count; i++) finish_item(work, &work->items[i], &rows);
    finish_own_rows(work);
    for (uint32_t i = 0; i < work->items_count; i++) let_out(&work->items[i]);
    shard->engine->is_finishing = false;
    sk_work_give_back(work);
    sk_outbox_deliver(shard);
    if (!sk_list_is_empty(&shard->works) || sk_shard_has_more(shard)) sk_shard_mark_dirty(shard);
}

/* ---- passing --------------------------------------------------------------------------------- */

static void degrade(struct sk_shard *shard, const char *why)
{
    struct sk_engine *engine = shard->engine;
    if (shard->state != SK_SHARD_DEGRADED) {
        shard->was_loading = shard->state == SK_SHARD_LOADING;
        shard->state = SK_SHARD_DEGRADED;
        sk_engine_notice(engine, SK_LOG_WARN, "store.degraded", SK_STR(""), why, SK_STR(""));
    }
    shard->pause_ms = shard->pause_ms == 0 ? SK_PAUSE_MS : shard->pause_ms * 2;
    if (shard->pause_ms > SK_PAUSE_MS_MAX) shard->pause_ms = SK_PAUSE_MS_MAX;
    shard->retry_at_ms = sk_engine_now(engine) + shard->pause_ms;
    sk_alarm_set(engine, &shard->alarm, shard->retry_at_ms);
    sk_waiters_lose_patience(shard);
}

/* ---- not known ------------------------------------------------------------------------------- */

static void judge_break(struct sk_work *work);

static void judge_by_row(struct sk_shard *shard, const struct sk_shard_row *row)
{
    struct sk_work *work = NULL;
    if (!sk_list_is_empty(&shard->works)) {
        work = sk_container_of(shard->works.next, struct sk_work, node);
    }
    if (row == NULL || row->epoch != shard->epoch) {
        sk_shard_fence(shard, "another owner has taken the shard");
        return;
    }
    if (row->position == shard->position) {
        if (work != NULL) judge_break(work);            /* it was not committed */
        bool is_back = sk_list_is_empty(&shard->works); /* nothing is out */
        if (is_back) recover_from_degraded(shard);
        sk_shard_mark_dirty(shard); /* the same part again, or what came meanwhile */
        return;
    }
    uint64_t size = work == NULL || work->part.events_count == 0 ? 1 : work->part.events_count;
    bool is_ours = work != NULL && row->position == shard->position + size &&
                   memcmp(row->batch_id, work->part.batch_id, SK_BATCH_ID_SIZE) == 0;
    if (is_ours) {
        finish_work(work);
    } else {
        sk_shard_fence(shard, "the shard's stored position is not what this node left");
    }
}

static const struct sk_shard_row *find_row(const struct sk_rows *rows, uint32_t index)
{
    for (uint32_t i = 0; i < rows->shards_count; i++) {
        if (rows->shards[i].shard == index) return &rows->shards[i];
    }
    return NULL;
}

static void on_shard_rows(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)context;
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        if (!shard->is_verifying) continue;
        if (shard->state == SK_SHARD_FENCED) {
            shard->is_verifying = false;
            sk_shard_drop(shard);
        } else if (rows->status != SKALD_OK) {
            degrade(shard, rows->error.message); /* the alarm asks again */
        } else {
            shard->is_verifying = false;
            judge_by_row(shard, find_row(rows, shard->index));
        }
    }
}

void sk_result_verify(struct sk_shard *shard)
{
    shard->is_verifying = true;
    struct sk_read read = { .kind = SK_READ_SHARDS, .limit = SK_SHARDS_MAX };
    sk_engine_store_read(shard->engine, &read, on_shard_rows, NULL);
}

/* ---- refused --------------------------------------------------------------------------------- */

static bool has_own_rows(const struct sk_work *work)
{
    return !sk_list_is_empty(&work->gone) || !sk_list_is_empty(&work->forget) ||
           !sk_list_is_empty(&work->consumed_only) || !sk_list_is_empty(&work->discards) ||
           !sk_list_is_empty(&work->records);
}

/* From the end, so that out of memory leaves both works whole. */
static void rest_moves(struct sk_work *from, struct sk_work *to, uint32_t first)
{
    uint32_t count = from->items_count - first;
    to->items = SK_ARENA_ARRAY(&to->arena, struct sk_item, count);
    if (to->items == NULL) return;
    while (to->items_count < count) {
        struct sk_item *item = &to->items[count - 1 - to->items_count];
        struct sk_item *last = &from->items[from->items_count - 1];
        struct sk_machine *machine = last->machine;
        if (!sk_item_move(item, last, &to->arena)) break;
        if (machine != NULL) machine->work = to;
        to->items_count += 1;
        from->items_count -= 1;
    }
    to->items += count - to->items_count;
}

static void drop_own_rows(struct sk_work *work)
{
    /* They are asked for again by the sweep; the machines' rows matter more. */
    while (!sk_list_is_empty(&work->gone)) sk_list_remove(work->gone.next);
    while (!sk_list_is_empty(&work->forget)) sk_list_remove(work->forget.next);
    while (!sk_list_is_empty(&work->consumed_only)) {
        struct sk_incoming *incoming =
            sk_container_of(work->consumed_only.next, struct sk_incoming, node);
        sk_list_remove(&incoming->node);
        sk_inbox_lost(work->shard, incoming);
    }
    sk_discards_end(&work->discards, SKALD_E_AGAIN);
    sk_records_end(work->shard->engine, &work->records, SKALD_E_INTERNAL);
}

static void suspend_culprit(struct sk_work *work)
{
    static const char refused[] = "the store refused what was to be written";
    struct sk_item *item = &work->items[0];
    struct sk_machine *machine = item->machine;
    sk_engine_notice(work->shard->engine, SK_LOG_ERROR, "saga.refused", item->id,
                     work->part.message, SK_STR(""));
    while (!sk_list_is_empty(&item->arrivals)) {
        struct sk_incoming *incoming =
            sk_container_of(item->arrivals.next, struct sk_incoming, node);
        sk_list_remove(&incoming->node);
        sk_inbox_lost(work->shard, incoming);
    }
    if (machine == NULL) return;
    machine->work = NULL;
    machine->is_culprit = true;
    uint32_t refusals = machine->refusals;
    if (refusals >= SK_REFUSALS_MAX && machine->durable_seq > 0) {
        sk_machine_set_aside(machine, SKALD_E_INTERNAL, refused);
        return;
    }
    machine->refusals += 1;
    sk_machine_reset(machine, SKALD_E_INTERNAL, refused);
    sk_machine_after_work(machine);
    if (refusals == 0 || machine->state != SK_MACHINE_STALE) return;
    /* Its suspension was refused, too. */
    struct sk_engine *engine = machine->engine;
    sk_alarm_set(engine, &machine->wake, sk_engine_now(engine) + (SK_PAUSE_MS << refusals));
}

static void refuse(struct sk_work *work)
{
    struct sk_shard *shard = work->shard;
    uint32_t count = work->items_count;
    if (count > 1 || (count == 1 && has_own_rows(work))) {
        struct sk_work *rest = sk_work_new(shard);
        if (rest == NULL) {
            degrade(shard, "out of memory while a refused part was halved");
            return;
        }
        rest_moves(work, rest, count / 2);
        rest->breaks = work->breaks;
        rest->proofs = work->proofs;
        rest->node.prev = rest->node.next = &rest->node;
        sk_list_push_front(&work->node, &rest->node); /* right behind it */
        shard->engine->runtime->ops->random(shard->engine->runtime, work->part.batch_id,
                                            SK_BATCH_ID_SIZE);
    } else {
        if (count == 1) suspend_culprit(work);
        drop_own_rows(work);
        sk_work_give_back(work);
    }
    sk_shard_mark_dirty(shard);
}

/* ---- broken ---------------------------------------------------------------------------------- */

static void put_probe_before(struct sk_work *work)
{
    struct sk_work *probe = sk_work_new(work->shard);
    if (probe == NULL) return; /* then this time proves nothing */
    sk_list_push_front(&work->shard->works, &probe->node);
    work->has_probe = true;
    /* It will stand at another position, so it is another part. */
    struct sk_runtime *runtime = work->shard->engine->runtime;
    runtime->ops->random(runtime, work->part.batch_id, SK_BATCH_ID_SIZE);
}

/* V3: of the shard's first work, which is not in the store. */
static void judge_break(struct sk_work *work)
{
    bool is_probe = work->items_count == 0 && !has_own_rows(work);
    if (!work->has_broken || is_probe) return;
    work->has_broken = false;
    work->breaks += 1;
    work->proofs += work->has_probe ? 1 : 0;
    work->has_probe = false;
    if (work->proofs >= SK_PROOFS_MAX) {
        work->proofs = SK_PROOFS_MAX - 1; /* of its halves once more is enough */
        refuse(work);
    } else if (work->breaks >= SK_BREAKS_SHARED) {
        put_probe_before(work);
    }
}

static void on_reopened(void *context, enum skald_status status, const skald_error *error);

static void reopen(struct sk_engine *engine)
{
    engine->store->ops->reopen(engine->store, on_reopened, sk_shell_ref(engine->shell));
}

/* Meanwhile nothing is cut or retried: who waits is told so here (SK_PATIENCE_MS). */
static void on_reopen_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    int64_t now_ms = sk_engine_now(engine);
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        if (sk_shard_is_held(&engine->shards[i])) sk_waiters_lose_patience(&engine->shards[i]);
    }
    if (now_ms >= engine->reopen_at_ms) {
        reopen(engine);
    } else {
        int64_t next_ms = now_ms + SK_REOPEN_LOOK_MS;
        sk_alarm_set(engine, alarm,
                     next_ms < engine->reopen_at_ms ? next_ms : engine->reopen_at_ms);
    }
    sk_engine_turn(engine);
}

static void pause_reopening(struct sk_engine *engine, const skald_error *error)
{
    sk_engine_notice(engine, SK_LOG_WARN, "store.degraded", SK_STR(""),
                     error == NULL ? "" : error->message, SK_STR(""));
    engine->reopen_at_ms = sk_engine_now(engine) + (1000LL << engine->reopens);
    engine->reopen_alarm.fn = on_reopen_alarm;
    sk_alarm_set(engine, &engine->reopen_alarm, sk_engine_now(engine) + SK_REOPEN_LOOK_MS);
}

static void verify_all(struct sk_engine *engine)
{
    bool has_any = false;
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        if (!sk_shard_is_held(shard)) continue;
        shard->is_verifying = true;
        has_any = true;
    }
    struct sk_read read = { .kind = SK_READ_SHARDS, .limit = SK_SHARDS_MAX };
    if (has_any) sk_engine_store_read(engine, &read, on_shard_rows, NULL);
}

static void fail_rows(struct sk_engine *engine, struct sk_list *discards, struct sk_list *records)
{
    sk_discards_end(discards, SKALD_E_IO);
    sk_records_end(engine, records, SKALD_E_IO);
}

/* Nothing is written any more: who waits for that is told. What is decided and not durable was
 * never acknowledged. */
static void stop_serving(struct sk_engine *engine, const char *why)
{
    static const char broken[] = "the store is broken and could not be reopened";
    engine->phase = SK_PHASE_BROKEN;
    sk_engine_notice(engine, SK_LOG_ERROR, "store.broken", SK_STR(""), why, SK_STR(""));
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next)
    {
        sk_flights_cancel(machine);
        sk_jobs_fail_waiters(machine, SKALD_E_IO, broken);
        sk_waiters_fail_all(machine, SKALD_E_IO, broken, true);
        sk_removal_forget(machine);
    }
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        fail_rows(engine, &shard->discards, &shard->records);
        for (struct sk_list *at = shard->works.next; at != &shard->works; at = at->next) {
            struct sk_work *work = sk_container_of(at, struct sk_work, node);
            fail_rows(engine, &work->discards, &work->records);
        }
    }
    sk_open_check(engine);
    sk_engine_turn(engine);
}

static void on_reopened(void *context, enum skald_status status, const skald_error *error)
{
    struct sk_shell *shell = context;
    struct sk_engine *engine = shell->engine;
    sk_shell_unref(shell);
    if (engine == NULL) return;
    if (status == SKALD_OK) {
        engine->is_reopening = false;
        engine->reopens = 0;
        sk_engine_notice(engine, SK_LOG_WARN, "store.reopened", SK_STR(""),
                         "the store was reopened", SK_STR(""));
        verify_all(engine);
        sk_engine_turn(engine);
        return;
    }
    engine->reopens += 1;
    if (engine->reopens < SK_REOPENS_MAX) {
        pause_reopening(engine, error);
        return;
    }
    stop_serving(engine, error->message);
}

void sk_result_reopen(struct sk_engine *engine)
{
    if (engine->is_reopening || engine->phase == SK_PHASE_BROKEN) return;
    if (engine->flush != NULL)
        return; /* what is out comes back BROKEN itself, and is ours till then */
    engine->is_reopening = true;
    reopen(engine);
}

/* ---- which of the six ------------------------------------------------------------------------ */

void sk_result_apply(struct sk_work *work)
{
    struct sk_shard *shard = work->shard;
    if (shard->state == SK_SHARD_FENCED) { /* it was lost while the store wrote */
        sk_shard_drop(shard);
        return;
    }
    switch (work->part.result) {
    case SK_PART_DONE: finish_work(work); break;
    case SK_PART_PASSING: degrade(shard, work->part.message); break;
    case SK_PART_NOT_KNOWN:
        degrade(shard, work->part.message);
        sk_result_verify(shard);
        break;
    case SK_PART_FENCED: sk_shard_fence(shard, work->part.message); break;
    case SK_PART_REFUSED: refuse(work); break;
    case SK_PART_BROKEN:
        work->has_broken = true;
        degrade(shard, work->part.message);
        sk_result_reopen(shard->engine);
        break;
    }
}
