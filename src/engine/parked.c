/*
 * parked.c: when the sagas that are not in memory are due: 16 bytes each, a binary heap per shard.
 *
 *   Z1  Every active saga of a held shard that is out of memory and has a time to wake stands here,
 *       from its eviction or from the pages read after a take-over. One too many costs a read, no
 *       more.
 */
#include "engine/engine_private.h"

enum { DUE_PER_ALARM = 64 };

static bool is_before(const struct sk_parked *a, const struct sk_parked *b)
{
    return a->wake_at_ms != b->wake_at_ms ? a->wake_at_ms < b->wake_at_ms : a->no < b->no;
}

static void set_alarm(struct sk_shard *shard)
{
    if (shard->parked_count > 0) {
        sk_alarm_set(shard->engine, &shard->parked_alarm, shard->parked[0].wake_at_ms);
    }
}

bool sk_parked_add(struct sk_shard *shard, uint64_t no, int64_t wake_at_ms)
{
    if (wake_at_ms == INT64_MAX) return true; /* waits for the outside only */
    if (shard->parked_count == shard->parked_capacity) {
        size_t capacity = shard->parked_capacity == 0 ? 64 : shard->parked_capacity * 2;
        struct sk_parked *parked = sk_realloc(shard->parked, capacity * sizeof *parked);
        if (parked == NULL) return false;
        shard->parked = parked;
        shard->parked_capacity = capacity;
    }
    struct sk_parked added = { wake_at_ms, no };
    size_t at = shard->parked_count++;
    while (at > 0 && is_before(&added, &shard->parked[(at - 1) / 2])) {
        shard->parked[at] = shard->parked[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    shard->parked[at] = added;
    if (at == 0) set_alarm(shard);
    return true;
}

static struct sk_parked pop(struct sk_shard *shard)
{
    struct sk_parked first = shard->parked[0];
    struct sk_parked last = shard->parked[--shard->parked_count];
    size_t at = 0;
    while (2 * at + 1 < shard->parked_count) {
        size_t child = 2 * at + 1;
        if (child + 1 < shard->parked_count &&
            is_before(&shard->parked[child + 1], &shard->parked[child])) {
            child += 1;
        }
        if (!is_before(&shard->parked[child], &last)) break;
        shard->parked[at] = shard->parked[child];
        at = child;
    }
    if (shard->parked_count > 0) shard->parked[at] = last;
    return first;
}

struct reading {
    struct sk_owned owned;
    struct sk_shard *shard;
    uint64_t term;
    struct sk_parked what;
};

static void free_reading(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct reading, owned));
}

static void on_head(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct reading *reading = context;
    struct sk_shard *shard = reading->shard;
    struct sk_parked what = reading->what;
    bool is_mine = shard->term == reading->term && sk_shard_is_held(shard);
    sk_disown(&reading->owned);
    sk_free(reading);
    if (!is_mine) return;
    if (rows->status != SKALD_OK) {
        (void)sk_parked_add(shard, what.no, sk_engine_now(engine) + 1000);
    } else if (rows->heads_count > 0 && rows->heads[0].no == what.no) {
        (void)sk_recovery_load_head(shard, &rows->heads[0]);
    }
}

static void on_due(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_shard *shard = sk_container_of(alarm, struct sk_shard, parked_alarm);
    int64_t now_ms = sk_engine_now(engine);
    for (uint32_t i = 0; i < DUE_PER_ALARM && shard->parked_count > 0; i++) {
        if (shard->parked[0].wake_at_ms > now_ms || !sk_shard_is_held(shard)) break;
        struct reading *reading = sk_alloc(sizeof *reading);
        if (reading == NULL) break;
        reading->shard = shard;
        reading->term = shard->term;
        reading->what = pop(shard);
        sk_own(engine, &reading->owned, free_reading);
        struct sk_read read = { .kind = SK_READ_ACTIVE,
                                .shard = shard->index,
                                .after = reading->what.no - 1,
                                .no = reading->what.no - 1,
                                .limit = 1 };
        sk_engine_store_read(engine, &read, on_head, reading);
    }
    if (shard->parked_count == 0) return;
    int64_t next_ms = shard->parked[0].wake_at_ms;
    sk_alarm_set(engine, &shard->parked_alarm, next_ms > now_ms ? next_ms : now_ms + 1);
}

void sk_parked_init(struct sk_shard *shard)
{
    shard->parked_alarm.fn = on_due;
}

void sk_parked_release(struct sk_shard *shard)
{
    sk_alarm_clear(shard->engine, &shard->parked_alarm);
    sk_free(shard->parked);
    shard->parked = NULL;
    shard->parked_count = shard->parked_capacity = 0;
}
