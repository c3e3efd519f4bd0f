/* ring.c: see ring.h. */
#include "api/ring.h"

#include "api/stream.h"

enum { MESSAGE_SIZE_MAX = 1000, DATA_SIZE_MAX = 4000 };

struct entry {
    struct sk_observation observation;
    struct sk_buf text; /* what the texts point into */
};

struct sk_ring {
    struct sk_api *api;
    const struct sk_ring_source *source;
    struct sk_observer observer;
    int64_t born_ms;
    uint64_t last;
    uint32_t capacity;
    struct entry *entries; /* by number % capacity */
};

static struct sk_str part_of(const struct sk_buf *text, size_t *at, size_t size)
{
    struct sk_str part = { text->data + *at, size };
    *at += size;
    return part;
}

static struct sk_str cut(struct sk_str text, size_t size_max)
{
    size_t size = 0;
    while (size < text.size) {
        size_t step = sk_utf8_sequence(sk_str_sub(text, size, text.size));
        step = step == 0 ? 1 : step;
        if (size + step > size_max) break;
        size += step;
    }
    return sk_str_sub(text, 0, size);
}

void sk_ring_add(struct sk_ring *ring, const struct sk_log_line *line)
{
    struct entry *entry = &ring->entries[(ring->last + 1) % ring->capacity];
    struct sk_str message = cut(line->message, MESSAGE_SIZE_MAX);
    struct sk_str data = line->data.size > DATA_SIZE_MAX ? (struct sk_str){ 0 } : line->data;
    sk_buf_clear(&entry->text);
    sk_buf_append_str(&entry->text, line->event);
    sk_buf_append_str(&entry->text, line->saga_id);
    sk_buf_append_str(&entry->text, message);
    sk_buf_append_str(&entry->text, data);
    ring->last += 1;
    struct sk_runtime *runtime = ring->api->options.runtime;
    struct sk_observation *o = &entry->observation;
    *o = (struct sk_observation){ .number = ring->last,
                                  .at_ms = runtime->ops->now_ms(runtime),
                                  .level = line->level };
    if (entry->text.failed) { /* its number stays: a hole */
        sk_buf_release(&entry->text);
        return;
    }
    size_t at = 0;
    o->type = part_of(&entry->text, &at, line->event.size);
    o->saga = part_of(&entry->text, &at, line->saga_id.size);
    o->message = part_of(&entry->text, &at, message.size);
    o->data = part_of(&entry->text, &at, data.size);
    if (ring->source == &sk_ring_observations) sk_streams_wake_observers(ring->api);
}

static void pass_notice(struct sk_observer *observer, const struct sk_log_line *line)
{
    struct sk_ring *ring = sk_container_of(observer, struct sk_ring, observer);
    ring->source->on_notice(ring, line);
}

static void pass_event(struct sk_observer *observer, const struct sk_saga *saga,
                       const struct sk_event *event)
{
    struct sk_ring *ring = sk_container_of(observer, struct sk_ring, observer);
    ring->source->on_event(ring, saga, event);
}

static void on_event(struct sk_ring *ring, const struct sk_saga *saga, const struct sk_event *event)
{
    if (event->type != SK_EVENT_SAGA_ALERTED) return;
    bool is_critical = event->kind == 1;
    struct sk_log_line line = { .level = is_critical ? SK_LOG_ERROR : SK_LOG_WARN,
                                .event = is_critical ? SK_STR("alert.critical")
                                                     : SK_STR("alert.warning"),
                                .saga_id = saga->start.id,
                                .message = event->note.size > 0 ? event->note : event->text };
    sk_ring_add(ring, &line);
}

const struct sk_ring_source sk_ring_observations = { .on_event = on_event,
                                                     .on_notice = sk_ring_add };

enum skald_status sk_ring_new(struct sk_api *api, const struct sk_ring_source *source,
                              struct sk_ring **out_ring)
{
    struct sk_ring *ring = sk_alloc(sizeof *ring);
    uint32_t capacity = api->options.observations_max;
    struct entry *entries = sk_alloc(capacity * sizeof *entries);
    if (ring == NULL || entries == NULL) {
        sk_free(ring);
        sk_free(entries);
        return SKALD_E_MEMORY;
    }
    struct sk_runtime *runtime = api->options.runtime;
    *ring = (struct sk_ring){ .api = api,
                              .source = source,
                              .observer = { .on_event = pass_event, .on_notice = pass_notice },
                              .born_ms = runtime->ops->now_ms(runtime),
                              .capacity = capacity,
                              .entries = entries };
    for (uint32_t i = 0; i < capacity; i++) sk_buf_init(&entries[i].text, 0);
    sk_engine_observe(api->options.engine, &ring->observer);
    *out_ring = ring;
    return SKALD_OK;
}

void sk_ring_free(struct sk_ring *ring)
{
    if (ring == NULL) return;
    sk_engine_unobserve(&ring->observer);
    for (uint32_t i = 0; i < ring->capacity; i++) sk_buf_release(&ring->entries[i].text);
    sk_free(ring->entries);
    sk_free(ring);
}

const struct sk_observation *sk_ring_next(const struct sk_ring *ring, uint64_t after)
{
    uint64_t oldest = ring->last > ring->capacity ? ring->last - ring->capacity + 1 : 1;
    uint64_t number = after + 1 < oldest ? oldest : after + 1;
    for (; number <= ring->last; number++) {
        const struct sk_observation *o = &ring->entries[number % ring->capacity].observation;
        if (o->type.size > 0) return o;
    }
    return NULL;
}

uint64_t sk_ring_last(const struct sk_ring *ring)
{
    return ring->last;
}

int64_t sk_ring_born_ms(const struct sk_ring *ring)
{
    return ring->born_ms;
}
