/*
 * histogram.c: the engine's own share of a step's latency, from the command to the effect's
 * departure without the time in which the store had a batch, in buckets that grow by an eighth.
 */
#include "engine/engine_private.h"

enum { STEPS_PER_OCTAVE = 8 };

/* Below 8 µs each its own; then eight buckets per power of two. */
static uint32_t bucket_of(uint64_t us)
{
    if (us < STEPS_PER_OCTAVE) return (uint32_t)us;
    uint32_t octave = 0;
    while ((us >> octave) >= 2u * STEPS_PER_OCTAVE) octave += 1;
    uint32_t bucket = octave * STEPS_PER_OCTAVE + (uint32_t)(us >> octave);
    return bucket < SK_HISTOGRAM_BUCKETS ? bucket : SK_HISTOGRAM_BUCKETS - 1;
}

static uint64_t upper_bound(uint32_t bucket)
{
    if (bucket < 2 * STEPS_PER_OCTAVE) return bucket;
    uint32_t octave = bucket / STEPS_PER_OCTAVE - 1;
    return ((uint64_t)(bucket % STEPS_PER_OCTAVE) + STEPS_PER_OCTAVE + 1) << octave;
}

void sk_histogram_add(struct sk_histogram *histogram, int64_t us)
{
    uint64_t value = us > 0 ? (uint64_t)us : 0;
    histogram->buckets[bucket_of(value)] += 1;
    histogram->count += 1;
    if (value > histogram->max) histogram->max = value;
}

void sk_histogram_merge(struct sk_histogram *into, const struct sk_histogram *from)
{
    for (uint32_t i = 0; i < SK_HISTOGRAM_BUCKETS; i++) into->buckets[i] += from->buckets[i];
    into->count += from->count;
    if (from->max > into->max) into->max = from->max;
}

uint64_t sk_histogram_at(const struct sk_histogram *histogram, double share)
{
    if (histogram->count == 0) return 0;
    uint64_t wanted = (uint64_t)(share * (double)histogram->count);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < SK_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted) {
            uint64_t bound = upper_bound(i);
            return bound < histogram->max ? bound : histogram->max;
        }
    }
    return histogram->max;
}

void sk_histogram_tell(const struct sk_histogram *histogram, struct sk_engine_stats *out_stats)
{
    out_stats->own_us_p50 = sk_histogram_at(histogram, 0.5);
    out_stats->own_us_p99 = sk_histogram_at(histogram, 0.99);
    out_stats->own_us_max = histogram->max;
}
