/*
 * commit.c: the commit thread: takes what waits, makes it durable as one group, answers.
 *
 *   waiting --> group in one transaction --all fine--> COMMIT --> answers
 *                  |                                     |
 *                  | a part is refused: ROLLBACK         | failed: ROLLBACK
 *                  v                                     v
 *               again, a savepoint a part             passing: each part PASSING or FENCED by
 *               `known`
 *                                                     broken:  all BROKEN, nothing more until
 *                                                     reopen
 */
#include "store/sqlite/parts.h"

#include "base/assert.h"
#include "store/threads.h"

/* What became of a whole group. */
enum group_end { GROUP_DONE, GROUP_REFUSED, GROUP_FAILED };

/* ---- inside the transaction ------------------------------------------------------------------ */

/* is_alone: under a savepoint of its own, so that a refused part takes nothing with it. */
static enum group_end write_part(struct sk_sqlite_store *store, struct sk_part *part,
                                 int64_t now_ms, bool is_alone, struct sk_sqlite_fault *fault)
{
    struct sk_sqlite_writer *writer = &store->writer;
    int code = is_alone ? sk_sqlite_run(writer->sql[SQL_SAVEPOINT]) : SQLITE_OK;
    enum sk_part_result result = SK_PART_BROKEN;
    if (code == SQLITE_OK) result = sk_sqlite_write_part(writer, part, now_ms, fault);
    if (code == SQLITE_OK && result == SK_PART_REFUSED && is_alone) {
        sk_part_end(part, SK_PART_REFUSED, "%s", fault->text);
        code = sk_sqlite_run(writer->sql[SQL_ROLLBACK_TO]);
        result = SK_PART_FENCED; /* nothing of it is left: go on */
    }
    bool is_fine = result == SK_PART_DONE || result == SK_PART_FENCED;
    if (code == SQLITE_OK && is_fine && is_alone) code = sk_sqlite_run(writer->sql[SQL_RELEASE]);
    if (code != SQLITE_OK) {
        sk_sqlite_fault_take(writer->db, code, fault);
        return GROUP_FAILED;
    }
    if (is_fine) return GROUP_DONE;
    return result == SK_PART_REFUSED ? GROUP_REFUSED : GROUP_FAILED;
}

static enum group_end write_one(struct sk_sqlite_store *store, struct sk_store_request *request,
                                bool is_alone, struct sk_sqlite_fault *fault)
{
    if (request->call != SK_STORE_SUBMIT) {
        int code = sk_sqlite_write_request(&store->writer, request);
        if (code == SQLITE_OK) return GROUP_DONE;
        sk_sqlite_fault_take(store->writer.db, code, fault);
        return GROUP_FAILED;
    }
    enum group_end end = GROUP_DONE;
    for (uint32_t i = 0; i < request->batch->parts_count && end == GROUP_DONE; i++)
        end = write_part(store, &request->batch->parts[i], request->now_ms, is_alone, fault);
    return end;
}

static enum group_end run_group(struct sk_sqlite_store *store, struct sk_list *group, bool is_alone,
                                struct sk_sqlite_fault *fault)
{
    struct sk_sqlite_writer *writer = &store->writer;
    enum group_end end = GROUP_DONE;
    int code = sk_sqlite_run(writer->sql[SQL_BEGIN]);
    writer->family = 0; /* what it told may have been rolled back */
    writer->is_alone = is_alone;
    struct sk_list *node = group->next;
    for (; code == SQLITE_OK && end == GROUP_DONE && node != group; node = node->next)
        end = write_one(store, sk_store_request_of(node), is_alone, fault);
    if (code == SQLITE_OK && end == GROUP_DONE) code = sk_sqlite_run(writer->sql[SQL_COMMIT]);
    if (code != SQLITE_OK) {
        sk_sqlite_fault_take(writer->db, code, fault);
        end = GROUP_FAILED;
    }
    if (end != GROUP_DONE && sqlite3_get_autocommit(writer->db) == 0) {
        /* A rollback that fails leaves a transaction that nothing can be built on. */
        code = sk_sqlite_run(writer->sql[SQL_ROLLBACK]);
        if (code != SQLITE_OK && sqlite3_get_autocommit(writer->db) == 0) {
            sk_sqlite_fault_take(writer->db, SQLITE_IOERR, fault);
            end = GROUP_FAILED;
        }
    }
    return end;
}

/* ---- after it -------------------------------------------------------------------------------- */

static void learn(struct sk_sqlite_store *store, const struct sk_store_request *request)
{
    if (request->call == SK_STORE_TAKE && request->status == SKALD_OK) {
        store->known[request->shard].epoch = request->row.epoch;
        store->known[request->shard].position = request->row.position;
    }
    if (request->call != SK_STORE_SUBMIT) return;
    for (uint32_t i = 0; i < request->batch->parts_count; i++) {
        const struct sk_part *part = &request->batch->parts[i];
        if (part->result == SK_PART_DONE)
            store->known[part->shard].position = part->first_position + sk_part_width(part);
    }
}

static void fail_part(const struct sk_sqlite_store *store, struct sk_part *part,
                      const struct sk_sqlite_fault *fault, enum sk_part_result result)
{
    bool is_here = part->shard < store->shards_count;
    const struct shard_known *known = is_here ? &store->known[part->shard] : NULL;
    bool is_next =
        is_here && known->epoch == part->epoch && known->position == part->first_position;
    if (is_next || result == SK_PART_BROKEN) {
        sk_part_end(part, result, "%s", fault->text);
    } else {
        sk_part_end(part, SK_PART_FENCED, "an earlier part of the shard was not stored: %s",
                    fault->text); /* S5 */
    }
}

static void fail_request(const struct sk_sqlite_store *store, struct sk_store_request *request,
                         const struct sk_sqlite_fault *fault, enum sk_part_result result)
{
    if (request->call != SK_STORE_SUBMIT) {
        request->status = sk_sqlite_fault_status(fault, &request->error);
        return;
    }
    for (uint32_t i = 0; i < request->batch->parts_count; i++)
        fail_part(store, &request->batch->parts[i], fault, result);
}

static void fail_group(struct sk_sqlite_store *store, struct sk_list *group,
                       const struct sk_sqlite_fault *fault)
{
    enum sk_part_result result = sk_sqlite_fault_result(fault);
    if (result == SK_PART_REFUSED)
        result = SK_PART_PASSING; /* a lease or a definition, not a part */
    if (result == SK_PART_BROKEN) atomic_store(&store->is_broken, true);
    for (struct sk_list *node = group->next; node != group; node = node->next)
        fail_request(store, sk_store_request_of(node), fault, result);
}

static void commit_group(struct sk_sqlite_store *store, struct sk_list *group)
{
    struct sk_sqlite_fault fault = { .code = SQLITE_IOERR,
                                     .text = "the store is broken and waits to be reopened" };
    enum group_end end = GROUP_FAILED;
    if (!atomic_load(&store->is_broken)) {
        sk_sqlite_gate_enter(store);
        end = run_group(store, group, false, &fault);
        if (end == GROUP_REFUSED) end = run_group(store, group, true, &fault);
        if (end == GROUP_DONE) atomic_fetch_add(&store->commits, 1);
        sk_sqlite_gate_leave(store);
    }
    if (end == GROUP_DONE) {
        for (struct sk_list *node = group->next; node != group; node = node->next)
            learn(store, sk_store_request_of(node));
    } else {
        fail_group(store, group, &fault);
    }
    sk_store_requests_deliver(group, store->delivery);
}

static void reopen(struct sk_sqlite_store *store, struct sk_list *group)
{
    struct sk_store_request *request = sk_store_requests_first(group);
    pthread_rwlock_unlock(&store->open);
    pthread_rwlock_wrlock(&store->open);
    request->status = sk_sqlite_reconnect(store, &request->error);
    atomic_store(&store->is_broken, request->status != SKALD_OK);
    pthread_rwlock_unlock(&store->open);
    pthread_rwlock_rdlock(&store->open);
    sk_store_requests_deliver(group, store->delivery);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* false: closing, and nothing is left. */
static bool wait_group(struct sk_sqlite_store *store, struct sk_list *group)
{
    pthread_mutex_lock(&store->lock);
    while (sk_list_is_empty(&store->writes) && !atomic_load(&store->is_closing))
        pthread_cond_wait(&store->has_writes, &store->lock);
    sk_store_requests_take_group(&store->writes, group);
    pthread_mutex_unlock(&store->lock);
    return !sk_list_is_empty(group);
}

void *sk_sqlite_commit_main(void *argument)
{
    struct sk_sqlite_store *store = argument;
    struct sk_list group;
    sk_thread_name(store->options.is_index ? SK_THREAD_INDEX : SK_THREAD_COMMIT);
    sk_list_init(&group);
    pthread_rwlock_rdlock(&store->open);
    while (wait_group(store, &group)) {
        if (sk_store_requests_first(&group)->call == SK_STORE_REOPEN) {
            reopen(store, &group);
        } else {
            commit_group(store, &group);
        }
    }
    pthread_rwlock_unlock(&store->open);
    return NULL;
}
