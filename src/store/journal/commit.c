/*
 * commit.c: the commit thread: takes what waits, judges each part by what the log has made of its
 * shard (S1), writes the group's records with one write and one sync, answers. Parts that come one
 * by one are committed by the loop (P4).
 *
 * `shards` runs ahead inside a group, so that several parts of a shard can go together; `undo`
 * takes it back when the group is not durable.
 */
#include "store/journal/parts.h"
#include "store/patience.h"
#include "store/threads.h"

#include <string.h>
#include <time.h>

enum { SINGLES_MIN = 8 }; /* that show that parts come one by one */

struct undo {
    struct undo *next;
    uint32_t shard;
    uint64_t epoch, position;
    uint8_t batch_id[SK_BATCH_ID_SIZE];
};

/* ---- shards ---------------------------------------------------------------------------------- */

static void keep_shard(struct sk_journal *journal, struct group *group, uint32_t index)
{
    const struct journal_shard *shard = &journal->shards[index];
    struct undo *undo; /* a group that cannot be taken back must not begin */
    for (int tries = 0; (undo = SK_ARENA_NEW(&group->arena, struct undo)) == NULL; tries++) {
        group->arena.failed = false;
        sk_be_patient(tries, "out of memory: what a group of the journal began with");
    }
    *undo = (struct undo){ group->undo, index, shard->epoch, shard->position, { 0 } };
    memcpy(undo->batch_id, shard->batch_id, SK_BATCH_ID_SIZE);
    group->undo = undo;
}

static void undo_shards(struct sk_journal *journal, struct group *group)
{
    for (const struct undo *undo = group->undo; undo != NULL; undo = undo->next) {
        struct journal_shard *shard = &journal->shards[undo->shard];
        shard->epoch = undo->epoch;
        shard->position = undo->position;
        memcpy(shard->batch_id, undo->batch_id, SK_BATCH_ID_SIZE);
    }
    group->undo = NULL;
}

static void fill_row(const struct sk_journal *journal, uint32_t index, struct sk_arena *arena,
                     struct sk_shard_row *row)
{
    const struct journal_shard *shard = &journal->shards[index];
    *row = (struct sk_shard_row){ .shard = index,
                                  .epoch = shard->epoch,
                                  .position = shard->position,
                                  .expires_at_ms = shard->expires_at_ms };
    memcpy(row->batch_id, shard->batch_id, SK_BATCH_ID_SIZE);
    if (shard->owner_size > 0)
        row->owner = sk_arena_copy(arena, (struct sk_str){ shard->owner, shard->owner_size });
}

/* ---- parts ----------------------------------------------------------------------------------- */

static bool judge_part(const struct sk_journal *journal, struct sk_part *part)
{
    if (part->shard >= journal->index.shards_count) {
        sk_part_end(part, SK_PART_REFUSED, "no shard %u", part->shard);
        return false;
    }
    const struct journal_shard *shard = &journal->shards[part->shard];
    return sk_part_is_next(part, shard->epoch, shard->position) && sk_part_has_no_twins(part);
}

static void write_part(struct sk_journal *journal, struct group *group,
                       struct sk_store_request *request, struct sk_part *part)
{
    if (!judge_part(journal, part)) return;
    sk_record_put_part(sk_log_begin(journal->log), part);
    uint64_t number = sk_log_end(journal->log, SK_RECORD_PART);
    if (number == 0) {
        sk_part_end(part, SK_PART_PASSING, "out of memory");
        return;
    }
    keep_shard(journal, group, part->shard);
    struct journal_shard *shard = &journal->shards[part->shard];
    shard->position = part->first_position + sk_part_width(part);
    memcpy(shard->batch_id, part->batch_id, SK_BATCH_ID_SIZE);
    part->result = SK_PART_DONE; /* if the group gets so far */
    part->message[0] = 0;
    request->number = number;
}

/* ---- leases and definitions ------------------------------------------------------------------ */

static enum skald_status judge_lease(struct sk_journal *journal, struct sk_store_request *request)
{
    if (request->shard >= journal->index.shards_count)
        return sk_error_set(&request->error, SKALD_E_ARGUMENT, "no shard %u", request->shard);
    fill_row(journal, request->shard, &request->arena, &request->row);
    const struct sk_shard_row *row = &request->row;
    return request->call == SK_STORE_RENEW
               ? sk_lease_may_renew(row, request->epoch, &request->error)
               : sk_lease_may_take(row, request->epoch, request->owner, request->now_ms,
                                   &request->error);
}

/* The row as it will be; the table learns owner and time when it is durable. */
static void write_lease(struct sk_journal *journal, struct group *group,
                        struct sk_store_request *request)
{
    request->status = judge_lease(journal, request);
    if (request->status != SKALD_OK) return;
    bool is_take = request->call == SK_STORE_TAKE;
    struct sk_shard_row *row = &request->row;
    row->expires_at_ms = request->expires_at_ms;
    if (is_take) {
        row->epoch += 1;
        row->owner = request->owner;
    } else if (request->expires_at_ms == 0) {
        row->owner = (struct sk_str){ 0 };
    }
    sk_record_put_lease(sk_log_begin(journal->log), row);
    request->number = sk_log_end(journal->log, is_take ? SK_RECORD_TAKE : SK_RECORD_RENEW);
    if (request->number == 0) {
        request->status = sk_error_set(&request->error, SKALD_E_MEMORY, "out of memory");
        return;
    }
    keep_shard(journal, group, request->shard);
    journal->shards[request->shard].epoch = row->epoch;
}

static void learn_lease(struct sk_journal *journal, const struct sk_store_request *request)
{
    struct journal_shard *shard = &journal->shards[request->shard];
    char *owner =
        sk_alloc_patiently(request->row.owner.size + 1, "out of memory: the owner of a shard");
    if (request->row.owner.size > 0)
        memcpy(owner, request->row.owner.data, request->row.owner.size);
    sk_free(shard->owner);
    shard->owner = owner;
    shard->owner_size = request->row.owner.size;
    shard->expires_at_ms = request->row.expires_at_ms;
}

static void write_definition(struct sk_journal *journal, struct sk_store_request *request)
{
    sk_record_put_definition(sk_log_begin(journal->log), &request->definition,
                             request->keep_latest);
    request->number = sk_log_end(journal->log, SK_RECORD_DEFINE);
    request->status = request->number > 0
                          ? SKALD_OK
                          : sk_error_set(&request->error, SKALD_E_MEMORY, "out of memory");
}

static void write_request(struct sk_journal *journal, struct group *group,
                          struct sk_store_request *request)
{
    switch (request->call) {
    case SK_STORE_SUBMIT:
        for (uint32_t i = 0; i < request->batch->parts_count; i++)
            write_part(journal, group, request, &request->batch->parts[i]);
        break;
    case SK_STORE_TAKE:
    case SK_STORE_RENEW: write_lease(journal, group, request); break;
    case SK_STORE_DEFINE: write_definition(journal, request); break;
    case SK_STORE_READ:
    case SK_STORE_REOPEN: break;
    }
}

/* ---- after the sync -------------------------------------------------------------------------- */

static void touch_parts(struct sk_journal *journal, const struct sk_store_request *request)
{
    for (uint32_t i = 0; i < request->batch->parts_count; i++) {
        const struct sk_part *part = &request->batch->parts[i];
        if (part->result == SK_PART_DONE) touched_add(journal->touched, part, request->number);
    }
}

static void finish_request(struct sk_journal *journal, struct sk_store_request *request)
{
    bool is_lease = request->call == SK_STORE_TAKE || request->call == SK_STORE_RENEW;
    if (request->call == SK_STORE_SUBMIT) touch_parts(journal, request);
    if (is_lease && request->status == SKALD_OK) learn_lease(journal, request);
    if (request->call != SK_STORE_READ) return;
    for (uint32_t i = 0; i < journal->index.shards_count; i++) {
        struct sk_shard_row *row = SK_ROWS_ADD(&request->rows, shards);
        if (row != NULL) fill_row(journal, i, &request->rows.arena, row);
    }
    if (request->rows.arena.failed)
        request->rows.status = sk_error_set(&request->rows.error, SKALD_E_MEMORY, "out of memory");
}

/* S5: only what is next in line may come again as it is. */
static void fail_part(const struct sk_journal *journal, struct sk_part *part,
                      enum sk_part_result result, const char *why)
{
    if (part->result != SK_PART_DONE && part->result != SK_PART_PASSING) return;
    const struct journal_shard *shard = &journal->shards[part->shard];
    bool is_next = shard->epoch == part->epoch && shard->position == part->first_position;
    if (is_next || result == SK_PART_BROKEN) {
        sk_part_end(part, result, "%s", why);
    } else {
        sk_part_end(part, SK_PART_FENCED, "an earlier part of the shard was not stored: %s", why);
    }
}

static void fail_request(struct sk_journal *journal, struct sk_store_request *request,
                         enum skald_status status, const char *why)
{
    bool is_broken = status != SKALD_E_FULL && status != SKALD_E_MEMORY;
    enum sk_part_result result = is_broken ? SK_PART_BROKEN : SK_PART_PASSING;
    if (request->call == SK_STORE_SUBMIT) {
        for (uint32_t i = 0; i < request->batch->parts_count; i++)
            fail_part(journal, &request->batch->parts[i], result, why);
    } else if (request->call == SK_STORE_READ) {
        if (is_broken) request->rows.status = sk_error_set(&request->rows.error, status, "%s", why);
    } else if (request->number > 0 || request->status == SKALD_OK) {
        request->status = sk_error_set(&request->error, status, "%s", why);
    }
}

static void publish(struct sk_journal *journal, uint64_t bytes)
{
    pthread_mutex_lock(&journal->lock);
    journal->durable = sk_log_durable(journal->log);
    journal->durable_bytes += bytes;
    if (journal->durable_bytes >= journal->wake_bytes) pthread_cond_signal(&journal->has_records);
    pthread_mutex_unlock(&journal->lock);
}

/* The index has given up, or the log was given up: nothing is written. */
static enum skald_status why_not(struct sk_journal *journal, skald_error *error)
{
    pthread_mutex_lock(&journal->lock);
    bool is_stuck = journal->is_stuck;
    if (is_stuck) (void)sk_error_set(error, SKALD_E_CORRUPT, "%s", journal->why);
    pthread_mutex_unlock(&journal->lock);
    if (is_stuck) return SKALD_E_CORRUPT;
    if (!journal->is_failed) return SKALD_OK;
    return sk_error_set(error, SKALD_E_IO, "the journal is broken and waits to be reopened");
}

/* Nothing of the group was written: what a part says then is why not. */
static void refuse_group(struct group *group)
{
    for (struct sk_list *node = group->requests.next; node != &group->requests; node = node->next) {
        struct sk_store_request *request = sk_store_request_of(node);
        for (uint32_t i = 0; request->batch != NULL && i < request->batch->parts_count; i++)
            request->batch->parts[i].result = SK_PART_DONE;
    }
}

static void write_group(struct sk_journal *journal, struct group *group)
{
    skald_error error = { 0 };
    uint64_t before = journal->written_bytes;
    enum skald_status status = why_not(journal, &error);
    if (status == SKALD_OK) {
        for (struct sk_list *node = group->requests.next; node != &group->requests;
             node = node->next)
            write_request(journal, group, sk_store_request_of(node));
        journal->written_bytes += sk_log_group_size(journal->log);
        status = sk_log_commit(journal->log, &error);
        if (status == SKALD_E_IO) journal->is_failed = true;
    } else {
        refuse_group(group);
    }
    if (status != SKALD_OK) undo_shards(journal, group);
    for (struct sk_list *node = group->requests.next; node != &group->requests; node = node->next) {
        if (status == SKALD_OK) {
            finish_request(journal, sk_store_request_of(node));
        } else {
            fail_request(journal, sk_store_request_of(node), status, error.message);
        }
    }
    if (status == SKALD_OK) publish(journal, journal->written_bytes - before);
}

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void commit_group(struct sk_journal *journal, struct group *group)
{
    int64_t start_us = monotonic_us();
    write_group(journal, group);
    journal->is_quick = monotonic_us() - start_us <= journal->quick_us;
    group->undo = NULL;
    sk_arena_clear(&group->arena);
}

static void reopen(struct sk_journal *journal, struct group *group)
{
    struct sk_store_request *request = sk_store_requests_first(&group->requests);
    journal->is_failed = false;
    request->status = why_not(journal, &request->error);
    if (request->status == SKALD_OK) request->status = sk_log_reopen(journal->log, &request->error);
    journal->is_failed = request->status != SKALD_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool has_room(const struct sk_journal *journal)
{
    return journal->durable_bytes - journal->applied_bytes <= journal->lag_max ||
           journal->is_stuck || journal->is_closing;
}

/* False: closing, and nothing is left. */
static bool wait_group(struct sk_journal *journal, struct sk_list *group)
{
    pthread_mutex_lock(&journal->lock);
    while (sk_list_is_empty(&journal->writes) && !journal->is_closing)
        pthread_cond_wait(&journal->has_writes, &journal->lock);
    while (!has_room(journal)) pthread_cond_wait(&journal->has_room, &journal->lock); /* G5 */
    sk_store_requests_take_group(&journal->writes, group);
    journal->is_committing = true;
    pthread_mutex_unlock(&journal->lock);
    return !sk_list_is_empty(group);
}

/* Whoever hears of it finds the thread done with it. */
static void end_group(struct sk_journal *journal, struct sk_list *group)
{
    pthread_mutex_lock(&journal->lock);
    sk_store_requests_deliver(group, journal->delivery);
    journal->is_committing = false;
    pthread_mutex_unlock(&journal->lock);
}

void *journal_commit_main(void *argument)
{
    struct sk_journal *journal = argument;
    struct group *group = &journal->group;
    sk_thread_name(SK_THREAD_COMMIT);
    while (wait_group(journal, &group->requests)) {
        if (sk_store_requests_first(&group->requests)->call == SK_STORE_REOPEN) {
            reopen(journal, group);
        } else {
            commit_group(journal, group);
        }
        end_group(journal, &group->requests);
    }
    return NULL;
}

/* ---- on the loop ----------------------------------------------------------------------------- */

bool journal_take_single(struct sk_journal *journal)
{
    const struct sk_store_request *first = sk_store_requests_first(&journal->writes);
    bool is_one = journal->writes.next->next == &journal->writes && !journal->is_committing;
    if (is_one && first->call != SK_STORE_SUBMIT) return false;
    bool is_single = is_one && first->batch->parts_count == 1 && journal->is_quick &&
                     sk_delivery_is_empty(journal->delivery);
    journal->singles = is_single ? journal->singles + 1 : 0;
    if (journal->singles <= SINGLES_MIN || !has_room(journal)) return false;
    sk_store_requests_take_group(&journal->writes, &journal->group.requests);
    return true;
}

void journal_commit_single(struct sk_journal *journal)
{
    commit_group(journal, &journal->group);
    sk_store_requests_deliver(&journal->group.requests, journal->delivery);
}
