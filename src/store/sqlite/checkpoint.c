/*
 * checkpoint.c: moves the log into the database, beside the commits and not inside them.
 *
 * When the log has checkpoint_pages pages: PASSIVE passes without the gate, which hinder no commit,
 * until what the commits wrote meanwhile is small; then one more pass with the gate held. After it
 * everything is in the database, and unless a reader still looks at the log (readers stop after
 * read_ms_max) the next commit begins the log from its start. So its size stays near the threshold.
 *
 * Rejected: RESTART and TRUNCATE, which wait for writers by polling with SQLITE_BUSY; and a log
 * that is cut, since writing over an old log syncs without a change of the file's size. (The log is
 * cut to a limit only after it had grown far beyond, by journal_size_limit.)
 */
#include "store/sqlite/parts.h"

#include "store/threads.h"

enum { PASSES_MAX = 4, TAIL_PAGES = 1024 };

/* out_tail: pages that are in the log and not in the database. */
static int pass(struct sk_sqlite_store *store, int *out_tail)
{
    int in_log = 0, moved = 0;
    int code = sqlite3_wal_checkpoint_v2(store->checkpointer, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                         &in_log, &moved);
    *out_tail = in_log > moved ? in_log - moved : 0;
    return code;
}

static uint32_t pages_now(struct sk_sqlite_store *store)
{
    pthread_mutex_lock(&store->lock);
    uint32_t pages = store->log_pages;
    pthread_mutex_unlock(&store->lock);
    return pages;
}

static int checkpoint(struct sk_sqlite_store *store, int *out_tail)
{
    int code = SQLITE_OK;
    for (int i = 0; i < PASSES_MAX; i++) {
        uint32_t before = pages_now(store);
        code = pass(store, out_tail);
        if (code != SQLITE_OK) return code;
        uint32_t after = pages_now(store);
        if (after < before || after - before <= TAIL_PAGES) break;
    }
    sk_sqlite_gate_enter(store);
    uint64_t commits = atomic_load(&store->commits);
    code = pass(store, out_tail);
    sk_sqlite_gate_leave(store);
    if (code == SQLITE_OK && *out_tail == 0) atomic_store(&store->safe_commits, commits);
    return code;
}

static void checkpoint_log(struct sk_sqlite_store *store)
{
    int tail = 0;
    pthread_rwlock_rdlock(&store->open);
    int code = atomic_load(&store->is_broken) ? SQLITE_OK : checkpoint(store, &tail);
    if (code != SQLITE_OK) {
        struct sk_sqlite_fault fault;
        sk_sqlite_fault_take(store->checkpointer, code, &fault);
        /* Passing (disk full, busy): the log only grows; again later. Else: Q6. */
        if (sk_sqlite_fault_result(&fault) == SK_PART_BROKEN) atomic_store(&store->is_broken, true);
    }
    pthread_rwlock_unlock(&store->open);

    pthread_mutex_lock(&store->lock);
    store->log_pages_next = store->log_pages + store->options.checkpoint_pages;
    pthread_mutex_unlock(&store->lock);
}

void *sk_sqlite_checkpoint_main(void *argument)
{
    struct sk_sqlite_store *store = argument;
    sk_thread_name(store->options.is_index ? SK_THREAD_INDEX : SK_THREAD_CHECKPOINT);
    for (;;) {
        pthread_mutex_lock(&store->lock);
        while (store->log_pages < store->log_pages_next && !atomic_load(&store->is_closing))
            pthread_cond_wait(&store->has_pages, &store->lock);
        pthread_mutex_unlock(&store->lock);
        if (atomic_load(&store->is_closing)) return NULL;
        checkpoint_log(store);
    }
}
