/*
 * recovery.c: from an open or a take-over to serving: what the store knows comes back into memory.
 *
 *      meta, definitions --> take each shard --> outbox, inbox --> heads that are due (unparked, or
 *      with a time that has come): loaded, folded, RECOVER --> SERVING --> heads that are parked:
 *      only when
 *
 *   J1  There is no other recovery path than load, fold, RECOVER, react (law 3).
 *   J2  A shard serves when everything that is due has been folded; parked sagas come on demand.
 *   J3  The number of machines being folded is bounded (PAGE_MAX per shard, SK_LOADS_MAX being
 *       read).
 */
#include "engine/engine_private.h"

enum { PAGE_MAX = 512, OPEN_FAILURES_MAX = 5 };

struct reading {
    struct sk_owned owned;
    struct sk_shard *shard;
    uint64_t term;
};
typedef void rows_fn(struct sk_shard *shard, struct sk_rows *rows);

static void free_reading(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct reading, owned));
}

/* The shard that asked, or NULL when it was lost meanwhile. */
static struct sk_shard *answered(void *context)
{
    struct reading *reading = context;
    struct sk_shard *shard = reading->shard;
    bool is_mine = shard->term == reading->term && sk_shard_is_held(shard);
    sk_disown(&reading->owned);
    sk_free(reading);
    return is_mine ? shard : NULL;
}

/* A read of recovery's failed, or there is no memory: the alarm goes on where it stopped. */
static void try_later(struct sk_shard *shard, const char *why)
{
    struct sk_engine *engine = shard->engine;
    sk_engine_notice(engine, SK_LOG_WARN, "recovery.paused", SK_STR(""), why, SK_STR(""));
    shard->pause_ms = shard->pause_ms == 0 ? SK_PAUSE_MS : shard->pause_ms * 2;
    if (shard->pause_ms > SK_PAUSE_MS_MAX) shard->pause_ms = SK_PAUSE_MS_MAX;
    sk_alarm_set(engine, &shard->alarm, sk_engine_now(engine) + shard->pause_ms);
}

/* Damage does not pass: whoever opens the engine is told, and does not wait for ever. */
static void read_failed(struct sk_shard *shard, const struct sk_rows *rows)
{
    bool is_damage = rows->status == SKALD_E_CORRUPT;
    if (is_damage && sk_open_damaged(shard->engine, &rows->error)) return;
    try_later(shard, rows->error.message);
}

static void ask(struct sk_shard *shard, const struct sk_read *read, sk_engine_rows *done)
{
    struct reading *reading = sk_alloc(sizeof *reading);
    if (reading == NULL) {
        shard->is_paging = false;
        try_later(shard, "out of memory");
        return;
    }
    reading->shard = shard;
    reading->term = shard->term;
    sk_own(shard->engine, &reading->owned, free_reading);
    sk_engine_store_read(shard->engine, read, done, reading);
}

/* ---- heads ----------------------------------------------------------------------------------- */

bool sk_recovery_load_head(struct sk_shard *shard, const struct sk_head *head)
{
    struct sk_engine *engine = shard->engine;
    if (head->is_lock || sk_machine_find(engine, head->id) != NULL) return true;
    struct sk_machine *machine = sk_machine_new(engine, shard, head->id);
    if (machine == NULL) return false;
    if (shard->state == SK_SHARD_LOADING ||
        (shard->state == SK_SHARD_DEGRADED && shard->was_loading)) {
        machine->is_recovering = true;
        shard->loading_count += 1;
    }
    sk_load_start(machine, head);
    return true;
}

static void on_parked_heads(struct sk_engine *engine, void *context, struct sk_rows *rows);

static void read_parked_heads(struct sk_shard *shard)
{
    shard->is_paging = true;
    struct sk_read read = { .kind = SK_READ_ACTIVE,
                            .shard = shard->index,
                            .after = shard->after_no,
                            .no = shard->after_no };
    ask(shard, &read, on_parked_heads);
}

/* After the shard serves: where those stand that sleep. */
static void on_parked_heads(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct sk_shard *shard = answered(context);
    if (shard == NULL) return;
    shard->is_paging = false;
    if (rows->status != SKALD_OK) {
        read_failed(shard, rows);
        return;
    }
    for (uint32_t i = 0; i < rows->heads_count; i++) {
        const struct sk_head *head = &rows->heads[i];
        bool is_here = head->is_lock || sk_machine_find(engine, head->id) != NULL;
        if (!is_here && !sk_parked_add(shard, head->no, head->wake_at_ms)) {
            try_later(shard, "out of memory");
            return;
        }
        shard->after_no = head->no;
    }
    if (rows->has_more && rows->heads_count > 0) {
        read_parked_heads(shard);
    } else {
        shard->has_parked_heads = true;
    }
}

static void on_due_heads(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_shard *shard = answered(context);
    if (shard == NULL) return;
    shard->is_paging = false;
    if (rows->status != SKALD_OK) {
        read_failed(shard, rows);
        return;
    }
    shard->pause_ms = 0;
    for (uint32_t i = 0; i < rows->heads_count; i++) {
        if (!sk_recovery_load_head(shard, &rows->heads[i])) {
            try_later(shard, "out of memory");
            return;
        }
        shard->after_no = rows->heads[i].no;
    }
    if (!rows->has_more || rows->heads_count == 0) shard->has_all_heads = true;
    sk_recovery_check(shard);
}

static void read_due_heads(struct sk_shard *shard)
{
    shard->is_paging = true;
    struct sk_read read = { .kind = SK_READ_ACTIVE,
                            .shard = shard->index,
                            .after = shard->after_no,
                            .no = shard->after_no,
                            .only_due = true,
                            .due_at_ms = sk_engine_now(shard->engine),
                            .limit = PAGE_MAX };
    ask(shard, &read, on_due_heads);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void on_records(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_shard *shard = answered(context);
    if (shard == NULL) return;
    shard->is_paging = false;
    if (rows->status != SKALD_OK) {
        read_failed(shard, rows);
        return;
    }
    sk_records_load(shard, rows);
    shard->has_messages = true;
    read_due_heads(shard);
}

static void on_consumed(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_shard *shard = answered(context);
    if (shard == NULL) return;
    if (rows->status != SKALD_OK || !sk_inbox_load(shard, rows)) {
        shard->is_paging = false;
        if (rows->status != SKALD_OK)
            read_failed(shard, rows);
        else
            try_later(shard, "out of memory");
        return;
    }
    struct sk_read read = { .kind = SK_READ_RECORDS, .shard = shard->index, .limit = UINT32_MAX };
    ask(shard, &read, on_records);
}

static void on_messages(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_shard *shard = answered(context);
    if (shard == NULL) return;
    if (rows->status != SKALD_OK) {
        shard->is_paging = false;
        read_failed(shard, rows);
        return;
    }
    sk_outbox_load(shard, rows);
    struct sk_read read = { .kind = SK_READ_CONSUMED, .shard = shard->index, .limit = UINT32_MAX };
    ask(shard, &read, on_consumed);
}

void sk_recovery_start(struct sk_shard *shard)
{
    shard->after_no = 0;
    shard->has_messages = shard->has_all_heads = shard->has_parked_heads = false;
    sk_recovery_continue(shard);
}

void sk_recovery_continue(struct sk_shard *shard)
{
    if (shard->is_paging || shard->has_parked_heads) return;
    if (shard->has_all_heads) {
        if (sk_shard_is_serving(shard)) read_parked_heads(shard);
        return;
    }
    if (shard->has_messages) {
        read_due_heads(shard);
        return;
    }
    shard->is_paging = true;
    struct sk_read read = { .kind = SK_READ_MESSAGES, .shard = shard->index, .limit = UINT32_MAX };
    ask(shard, &read, on_messages);
}

void sk_recovery_check(struct sk_shard *shard)
{
    if (shard->state != SK_SHARD_LOADING) return;
    if (!shard->has_all_heads && shard->has_messages && !shard->is_paging &&
        shard->loading_count < PAGE_MAX) {
        read_due_heads(shard);
    }
    if (!shard->has_all_heads || shard->loading_count > 0) return;
    shard->state = SK_SHARD_SERVING;
    shard->after_no = 0;
    read_parked_heads(shard);
    if (shard->engine->servings != NULL) sk_messages_unhand(shard); /* a sibling lost it */
    sk_messages_for(shard);
    sk_sibling_announce(shard);
    sk_open_check(shard->engine);
}
