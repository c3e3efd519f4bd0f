/* ring.c: see ring.h. */
#include "api/ring.h"

#include "api/forward.h"
#include "api/stream.h"

enum { MESSAGE_SIZE_MAX = 1000, DATA_SIZE_MAX = 4000 };

struct entry {
    struct sk_observation observation;
    struct sk_buf text; /* what the texts point into */
};

/* Of one API, or of those of all loops. */
struct sk_ring_store {
    struct sk_peers *peers; /* whose lock guards what follows; NULL: one API */
    uint32_t users_count;   /* changes while its APIs are made and freed, one after the other */
    int64_t born_ms;
    uint64_t last;
    uint32_t capacity;
    struct entry *entries; /* by number % capacity */
};

struct sk_ring {
    struct sk_api *api;
    const struct sk_ring_source *source;
    struct sk_observer observer;
    struct sk_ring_store *store;
};

static void enter(struct sk_ring_store *store)
{
    if (store->peers != NULL) sk_peers_enter(store->peers);
}

static void leave(struct sk_ring_store *store)
{
    if (store->peers != NULL) sk_peers_leave(store->peers);
}

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

static void set_texts(struct sk_observation *o, const struct sk_buf *text, const size_t sizes[4])
{
    size_t at = 0;
    o->type = part_of(text, &at, sizes[0]);
    o->saga = part_of(text, &at, sizes[1]);
    o->message = part_of(text, &at, sizes[2]);
    o->data = part_of(text, &at, sizes[3]);
}

static void add(struct sk_ring_store *store, int64_t now_ms, const struct sk_log_line *line)
{
    struct entry *entry = &store->entries[(store->last + 1) % store->capacity];
    struct sk_str message = cut(line->message, MESSAGE_SIZE_MAX);
    struct sk_str data = line->data.size > DATA_SIZE_MAX ? (struct sk_str){ 0 } : line->data;
    sk_buf_clear(&entry->text);
    sk_buf_append_str(&entry->text, line->event);
    sk_buf_append_str(&entry->text, line->saga_id);
    sk_buf_append_str(&entry->text, message);
    sk_buf_append_str(&entry->text, data);
    store->last += 1;
    struct sk_observation *o = &entry->observation;
    *o = (struct sk_observation){ .number = store->last, .at_ms = now_ms, .level = line->level };
    if (entry->text.failed) { /* its number stays: a hole */
        sk_buf_release(&entry->text);
        return;
    }
    const size_t sizes[] = { line->event.size, line->saga_id.size, message.size, data.size };
    set_texts(o, &entry->text, sizes);
}

void sk_ring_add(struct sk_ring *ring, const struct sk_log_line *line)
{
    struct sk_runtime *runtime = ring->api->options.runtime;
    int64_t now_ms = runtime->ops->now_ms(runtime);
    enter(ring->store);
    add(ring->store, now_ms, line);
    leave(ring->store);
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

static void store_free(struct sk_ring_store *store)
{
    for (uint32_t i = 0; store->entries != NULL && i < store->capacity; i++)
        sk_buf_release(&store->entries[i].text);
    sk_free(store->entries);
    sk_free(store);
}

static struct sk_ring_store *store_new(const struct sk_api *api)
{
    struct sk_ring_store *store = sk_alloc(sizeof *store);
    if (store == NULL) return NULL;
    struct sk_runtime *runtime = api->options.runtime;
    store->peers = api->options.peers;
    store->born_ms = runtime->ops->now_ms(runtime);
    store->capacity = api->options.observations_max;
    store->entries = sk_alloc(store->capacity * sizeof *store->entries);
    for (uint32_t i = 0; store->entries != NULL && i < store->capacity; i++)
        sk_buf_init(&store->entries[i].text, 0);
    if (store->entries != NULL) return store;
    store_free(store);
    return NULL;
}

/* Where the API's loops have it in common; NULL: it is alone. */
static struct sk_ring_store **place_of(const struct sk_api *api,
                                       const struct sk_ring_source *source)
{
    struct sk_peers *peers = api->options.peers;
    return peers == NULL ? NULL : sk_peers_ring(peers, source != &sk_ring_observations);
}

enum skald_status sk_ring_new(struct sk_api *api, const struct sk_ring_source *source,
                              struct sk_ring **out_ring)
{
    struct sk_ring_store **place = place_of(api, source);
    struct sk_ring_store *store = place != NULL && *place != NULL ? *place : store_new(api);
    struct sk_ring *ring = sk_alloc(sizeof *ring);
    if (ring == NULL || store == NULL) {
        sk_free(ring);
        if (store != NULL && store->users_count == 0) store_free(store);
        return SKALD_E_MEMORY;
    }
    *ring = (struct sk_ring){ .api = api,
                              .source = source,
                              .observer = { .on_event = pass_event, .on_notice = pass_notice },
                              .store = store };
    store->users_count += 1;
    if (place != NULL) *place = store;
    sk_engine_observe(api->options.engine, &ring->observer);
    *out_ring = ring;
    return SKALD_OK;
}

void sk_ring_free(struct sk_ring *ring)
{
    if (ring == NULL) return;
    struct sk_ring_store **place = place_of(ring->api, ring->source);
    sk_engine_unobserve(&ring->observer);
    ring->store->users_count -= 1;
    if (ring->store->users_count == 0) {
        store_free(ring->store);
        if (place != NULL) *place = NULL;
    }
    sk_free(ring);
}

static bool copy(const struct sk_observation *from, struct sk_observation *out, struct sk_buf *text)
{
    const size_t sizes[] = { from->type.size, from->saga.size, from->message.size,
                             from->data.size };
    *out = *from;
    sk_buf_clear(text);
    sk_buf_append_str(text, from->type);
    sk_buf_append_str(text, from->saga);
    sk_buf_append_str(text, from->message);
    sk_buf_append_str(text, from->data);
    if (text->failed) return false;
    set_texts(out, text, sizes);
    return true;
}

bool sk_ring_next(const struct sk_ring *ring, uint64_t after, struct sk_observation *out,
                  struct sk_buf *text)
{
    struct sk_ring_store *store = ring->store;
    bool is_found = false;
    enter(store);
    uint64_t oldest = store->last > store->capacity ? store->last - store->capacity + 1 : 1;
    uint64_t number = after + 1 < oldest ? oldest : after + 1;
    for (; number <= store->last && !is_found; number++) {
        const struct sk_observation *o = &store->entries[number % store->capacity].observation;
        if (o->type.size > 0) is_found = copy(o, out, text);
    }
    leave(store);
    return is_found;
}

uint64_t sk_ring_last(const struct sk_ring *ring)
{
    enter(ring->store);
    uint64_t last = ring->store->last;
    leave(ring->store);
    return last;
}

int64_t sk_ring_born_ms(const struct sk_ring *ring)
{
    return ring->store->born_ms;
}
