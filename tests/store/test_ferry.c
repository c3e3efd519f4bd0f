/* test_ferry.c: the suite on a port of a ferry, with the memory store at the other end. */
#include "store/ferry.h"
#include "store/memory.h"
#include "world.h"

static struct sk_ferry *ferry;
static struct sk_store_ops ops;

static void close_ferry(struct sk_store *store)
{
    (void)store;
    sk_ferry_free(ferry);
    ferry = NULL;
}

static enum skald_status open_port(struct world *world, struct sk_store **out_store,
                                   skald_error *error)
{
    struct sk_runtime *runtime = fake_runtime_port(world->runtime);
    struct sk_store *memory = NULL;
    enum skald_status status = sk_memory_store_new(runtime, WORLD_SHARDS, &memory, error);
    if (status != SKALD_OK) return status;
    status = sk_ferry_new(memory, runtime, &runtime, 1, &ferry, error);
    if (status != SKALD_OK) {
        memory->ops->free(memory);
        return status;
    }
    *out_store = sk_ferry_port(ferry, 0);
    ops = *(*out_store)->ops;
    ops.free = close_ferry; /* a port itself closes nothing */
    (*out_store)->ops = &ops;
    return SKALD_OK;
}

int main(void)
{
    static const struct backend port = { .name = "ferry", .open = open_port };
    return suite_run(&port);
}
