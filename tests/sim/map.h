/* map.h: text → pointer, for the world's tables. Memory comes from the world's arena; nothing is
 * removed. */
#ifndef SIM_MAP_H
#define SIM_MAP_H

#include "base/arena.h"

struct sim_map_slot {
    struct sk_str key;
    uint64_t hash;
    void *value;
};

struct sim_map {
    struct sk_arena *arena;
    struct sim_map_slot *slots;
    uint32_t capacity, count; /* capacity: a power of two, or 0 */
};

void sim_map_init(struct sim_map *map, struct sk_arena *arena);
void *sim_map_get(const struct sim_map *map, struct sk_str key); /* NULL when missing */
/* The key is copied when it is new; the value replaces what was there. */
void sim_map_put(struct sim_map *map, struct sk_str key, void *value);

uint64_t sim_hash(uint64_t seed, const void *bytes, size_t size);

#endif
