/* figures.c: the figures of all engines of the process as those of one. */
#include "engine/engine_private.h"

#include "engine/gather.h"

struct asked {
    struct sk_owned owned;
    sk_figures_done *done;
    void *context;
};

struct figures { /* of one engine */
    struct sk_engine_stats stats;
    struct sk_histogram histogram;
};

static void free_asked(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct asked, owned));
}

static void look(struct sk_gather_part *part)
{
    struct figures *figures = SK_ARENA_NEW(&part->arena, struct figures);
    part->told = figures;
    if (figures != NULL) {
        sk_engine_stats(part->engine, &figures->stats);
        figures->histogram = part->engine->histogram;
    }
    sk_gather_tell(part);
}

static int64_t later_of(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static void add(struct sk_engine_stats *sum, const struct sk_engine_stats *one)
{
    static const size_t counts[] = {
#define COUNT(field) offsetof(struct sk_engine_stats, field)
        COUNT(sagas_active),  COUNT(sagas_parked),      COUNT(sagas_pending),
        COUNT(sagas_cached),  COUNT(started),           COUNT(ended),
        COUNT(events),        COUNT(batches),           COUNT(invocations),
        COUNT(redriven),      COUNT(compensating),      COUNT(sweep_scanned),
        COUNT(sweep_failed),  COUNT(sweep_processed),   COUNT(stuck),
        COUNT(removed),       COUNT(retention_removed), COUNT(hooks_started),
        COUNT(hooks_retried), COUNT(hooks_completed),   COUNT(hooks_failed),
#undef COUNT
    };
    enum { COUNTS = sizeof counts / sizeof counts[0], OTHERS = 6 };
    _Static_assert(sizeof *sum == (COUNTS + OTHERS) * sizeof(uint64_t), "a figure is left out");
    for (size_t i = 0; i < COUNTS; i++) {
        uint64_t *to = (uint64_t *)(void *)((char *)sum + counts[i]);
        *to += *(const uint64_t *)(const void *)((const char *)one + counts[i]);
    }
    sum->shards_owned += one->shards_owned;
    sum->shards_degraded += one->shards_degraded;
    sum->sweep_at_ms = later_of(sum->sweep_at_ms, one->sweep_at_ms);
    sum->retention_at_ms = later_of(sum->retention_at_ms, one->retention_at_ms);
}

static void on_told(void *context, enum skald_status status, const skald_error *error,
                    struct sk_gather_part *const *parts, uint32_t count)
{
    struct asked *asked = context;
    struct figures sum = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        const struct figures *one = parts[i]->told;
        add(&sum.stats, &one->stats);
        sk_histogram_merge(&sum.histogram, &one->histogram);
    }
    sk_histogram_tell(&sum.histogram, &sum.stats);
    sk_disown(&asked->owned);
    asked->done(asked->context, status, error, status == SKALD_OK ? &sum.stats : NULL);
    sk_free(asked);
}

void sk_engine_stats_all(struct sk_engine *engine, sk_figures_done *done, void *context)
{
    if (engine->options.group == NULL) {
        struct sk_engine_stats stats;
        sk_engine_stats(engine, &stats);
        done(context, SKALD_OK, NULL, &stats);
        return;
    }
    struct asked *asked = sk_alloc(sizeof *asked);
    if (asked == NULL) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, SKALD_E_MEMORY, &error, NULL);
        return;
    }
    asked->done = done;
    asked->context = context;
    sk_own(engine, &asked->owned, free_asked);
    sk_engine_gather(engine, look, NULL, on_told, asked);
}
