/* test_memory.c: the suite on the memory store. */
#include "store/memory.h"
#include "world.h"

static enum skald_status open_memory(struct world *world, struct sk_store **out_store,
                                     skald_error *error)
{
    return sk_memory_store_new(fake_runtime_port(world->runtime), WORLD_SHARDS, out_store, error);
}

int main(void)
{
    static const struct backend memory = { .name = "memory", .open = open_memory };
    return suite_run(&memory);
}
