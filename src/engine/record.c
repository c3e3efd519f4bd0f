/*
 * record.c: what the engine keeps beside sagas, durably: schedules, batches. A record belongs to
 * the shard of its id and is written in that shard's part, so the shard's fence is its fence too.
 *
 *   Y1  Writes of one shard become durable in their order. `done` comes when one is, or when it
 *       cannot be any more (the shard was lost, the store refused it).
 *   Y2  Whoever holds the shard has read its records before it serves (sk_records_load).
 */
#include "engine/engine_private.h"

struct sk_record_write {
    struct sk_list node; /* shard->records or work->records */
    struct sk_record_row row;
    sk_record_done *done;
    void *context;
    char text[];
};

void sk_record_put(struct sk_shard *shard, const struct sk_record_row *row, sk_record_done *done,
                   void *context)
{
    struct sk_engine *engine = shard->engine;
    size_t size = row->id.size + row->body.size;
    struct sk_record_write *write = sk_alloc(sizeof *write + size + 1);
    bool is_writing = sk_shard_is_held(shard) && engine->phase != SK_PHASE_BROKEN;
    if (write == NULL || !is_writing) {
        sk_free(write);
        if (done != NULL) done(engine, context, write == NULL ? SKALD_E_MEMORY : SKALD_E_AGAIN);
        return;
    }
    write->row = *row;
    memcpy(write->text, row->id.data, row->id.size);
    if (row->body.size > 0) memcpy(write->text + row->id.size, row->body.data, row->body.size);
    write->row.id = (struct sk_str){ write->text, row->id.size };
    write->row.body = (struct sk_str){ write->text + row->id.size, row->body.size };
    write->done = done;
    write->context = context;
    sk_list_init(&write->node);
    sk_list_push(&shard->records, &write->node);
    sk_shard_mark_dirty(shard);
}

uint32_t sk_records_fill(const struct sk_list *list, struct sk_record_row *rows)
{
    uint32_t count = 0;
    for (const struct sk_list *at = list->next; at != list; at = at->next) {
        if (rows != NULL) rows[count] = sk_container_of(at, struct sk_record_write, node)->row;
        count += 1;
    }
    return count;
}

void sk_records_end(struct sk_engine *engine, struct sk_list *list, enum skald_status status)
{
    while (!sk_list_is_empty(list)) {
        struct sk_record_write *write = sk_container_of(list->next, struct sk_record_write, node);
        sk_list_remove(&write->node);
        sk_record_done *done = write->done;
        void *context = write->context;
        sk_free(write);
        if (done != NULL && engine != NULL) done(engine, context, status);
    }
}

/* ---- take-over ------------------------------------------------------------------------------- */

void sk_records_load(struct sk_shard *shard, const struct sk_rows *rows)
{
    for (uint32_t i = 0; i < rows->records_count; i++) {
        const struct sk_record_row *row = &rows->records[i];
        bool is_read = true;
        switch (row->kind) {
        case SK_RECORD_SCHEDULE: is_read = sk_schedule_load(shard, row); break;
        case SK_RECORD_BULK: is_read = sk_bulk_load(shard, row); break;
        }
        if (is_read) continue;
        sk_engine_notice(shard->engine, SK_LOG_ERROR, "record.damaged", row->id,
                         "a stored schedule or batch cannot be read: it is left alone", SK_STR(""));
    }
}

void sk_records_forget(struct sk_shard *shard)
{
    sk_records_end(shard->engine, &shard->records, SKALD_E_AGAIN);
    sk_bulks_forget(shard);
    sk_schedules_forget(shard);
}
