/* test_journal.c: the suite on the journal with SQLite as its index: applied at once, late, and in
 * segments so small that every few records begin a new one. */
#include "world.h"

#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)

#include "store/journal/journal.h"
#include "store/sqlite/sqlite.h"

#include <stdio.h>
#include <sys/stat.h>

struct setting {
    uint32_t apply_rows, apply_delay_ms;
    uint64_t segment_size, lag_max;
};

static struct setting setting;

static enum skald_status open_journal(struct world *world, struct sk_store **out_store,
                                      skald_error *error)
{
    char path[200];
    struct sk_journal_options options = { .runtime = fake_runtime_port(world->runtime),
                                          .apply_rows = setting.apply_rows,
                                          .apply_delay_ms = setting.apply_delay_ms,
                                          .segment_size = setting.segment_size,
                                          .lag_max = setting.lag_max };
    struct sk_sqlite_options index = { .path = world->path,
                                       .runtime = options.runtime,
                                       .shards_count = WORLD_SHARDS,
                                       .read_ms_max = world->read_ms_max,
                                       .is_index = true };
    enum skald_status status = sk_sqlite_store_open(&index, &options.index.store, error);
    if (status != SKALD_OK) return status;
    options.index.shards_count = sk_sqlite_store_shards_count(options.index.store);
    options.index.incarnation = sk_sqlite_store_incarnation(options.index.store);
    options.index.shard = sk_sqlite_store_shard;
    options.index.commits = sk_sqlite_store_commits;
    options.index.safe_commits = sk_sqlite_store_safe_commits;
    (void)snprintf(path, sizeof path, "%s.log", world->path);
    status = sk_disk_open(path, &options.disk, error);
    if (status != SKALD_OK) return status;
    return sk_journal_store_open(&options, out_store, error);
}

static const struct backend journal = { .name = "journal",
                                        .is_durable = true,
                                        .finds_twins_late = true,
                                        .open = open_journal };

int main(void)
{
    static const struct setting settings[] = {
        { .apply_rows = 1, .apply_delay_ms = 1, .segment_size = 1 << 16 },
        { .apply_rows = 1000000, .apply_delay_ms = 1000000, .segment_size = 1 << 16 },
        { .apply_rows = 10, .apply_delay_ms = 5, .segment_size = 512 },
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        setting = settings[i];
        failed += suite_run(&journal);
    }
    return failed;
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif
