/* map.c: open addressing with linear probing, at most half full. */
#include "map.h"

enum { CAPACITY_MIN = 64 };

uint64_t sim_hash(uint64_t seed, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = seed ^ (uint64_t)size * UINT64_C(0x9e3779b97f4a7c15);
    while (size > 0) {
        uint64_t word = 0;
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(&word, at, part);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32u;
        at += part;
        size -= part;
    }
    return hash;
}

void sim_map_init(struct sim_map *map, struct sk_arena *arena)
{
    *map = (struct sim_map){ .arena = arena };
}

static struct sim_map_slot *find(const struct sim_map *map, struct sk_str key, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct sim_map_slot *slot = &map->slots[i];
        if (slot->key.data == NULL) return slot;
        if (slot->hash == hash && sk_str_equal(slot->key, key)) return slot;
    }
}

void *sim_map_get(const struct sim_map *map, struct sk_str key)
{
    if (map->capacity == 0) return NULL;
    return find(map, key, sim_hash(0, key.data, key.size))->value;
}

static void grow(struct sim_map *map)
{
    struct sim_map old = *map;
    map->capacity = old.capacity == 0 ? CAPACITY_MIN : old.capacity * 4;
    map->slots = SK_ARENA_ARRAY(map->arena, struct sim_map_slot, map->capacity);
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key.data == NULL) continue;
        *find(map, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    }
}

void sim_map_put(struct sim_map *map, struct sk_str key, void *value)
{
    if (map->count * 2 >= map->capacity) grow(map);
    uint64_t hash = sim_hash(0, key.data, key.size);
    struct sim_map_slot *slot = find(map, key, hash);
    if (slot->key.data == NULL) {
        *slot = (struct sim_map_slot){ sk_arena_copy(map->arena, key), hash, NULL };
        map->count += 1;
    }
    slot->value = value;
}
