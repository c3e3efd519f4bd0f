/*
 * apply.c: the apply thread: reads the log behind the commits and brings the index up to it. It
 * asks the loop for each call of the index and waits for the answer (errands).
 *
 * A batch is begun when enough has come or its first record is old enough, and at once when a read
 * waits for it. A read that had to wait for a good deal has the thread work in smaller portions for
 * some time (`is_watched`): who looks at lists is not to wait for the laziness that is for the
 * others.
 *
 * A part that the index has already (a crash lost the memory of it) is passed over; one that
 * follows nothing the index has is a hole in the log: nothing can be built on that.
 */
#include "store/journal/parts.h"

#include "base/assert.h"
#include "store/threads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    RETRY_MS = 500,
    ROUNDS_MAX = 8,
    /* Bytes that begin a batch: watched, and lazy. */
    WATCHED_BYTES = 4 << 20,
    LAZY_BYTES = 16 << 20,
    LAZY_DELAYS = 4,      /* times the delay */
    LONG_BYTES = 1 << 20, /* a read that waits for so much is noticed */
    WATCHED_MS = 10000,
};

/* ---- errands --------------------------------------------------------------------------------- */

/* False: closing. */
static bool run_errand(struct sk_journal *journal, enum errand_kind kind)
{
    struct errand *errand = &journal->errand;
    pthread_mutex_lock(&journal->lock);
    errand->kind = kind;
    errand->is_done = false;
    journal_send_messenger(journal);
    while (!errand->is_done && !journal->is_closing)
        pthread_cond_wait(&journal->has_answer, &journal->lock);
    bool is_done = errand->is_done;
    pthread_mutex_unlock(&journal->lock);
    return is_done;
}

static void get_stuck(struct sk_journal *journal, const char *why)
{
    pthread_mutex_lock(&journal->lock);
    journal->is_stuck = true;
    (void)snprintf(journal->why, sizeof journal->why, "%.*s", (int)sizeof journal->why - 1, why);
    pthread_cond_broadcast(&journal->has_room);
    journal_send_messenger(journal);
    pthread_mutex_unlock(&journal->lock);
}

/* False: closing. */
static bool pause_ms(struct sk_journal *journal, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&journal->lock);
    int code = 0;
    while (!journal->is_closing && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&journal->has_answer, &journal->lock, &until);
    bool is_closing = journal->is_closing;
    pthread_mutex_unlock(&journal->lock);
    return !is_closing;
}

/* ---- giving a batch to the index ------------------------------------------------------------- */

/* The parts that are not in the index yet move to the front. */
static void keep_missing(struct sk_journal *journal, struct sk_batch *batch)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        const struct sk_part *part = &batch->parts[i];
        if (journal->indexed[part->shard].position < part->first_position + sk_part_width(part))
            batch->parts[kept++] = *part;
    }
    batch->parts_count = kept;
}

/* What the answers say: the worst of them. */
static enum sk_part_result worst_of(struct sk_journal *journal, const struct sk_batch *batch,
                                    const struct sk_part **out_part)
{
    enum sk_part_result worst = SK_PART_DONE;
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        const struct sk_part *part = &batch->parts[i];
        if (part->result == SK_PART_DONE)
            journal->indexed[part->shard].position = part->first_position + sk_part_width(part);
        if (part->result > worst || part->result == SK_PART_REFUSED) {
            worst = part->result;
            *out_part = part;
        }
        if (worst == SK_PART_REFUSED) break;
    }
    return worst;
}

static bool submit_batch(struct sk_journal *journal, struct sk_batch *batch)
{
    for (int round = 0; batch->parts_count > 0; round++) {
        const struct sk_part *part = NULL;
        journal->errand.batch = batch;
        if (!run_errand(journal, ERRAND_SUBMIT)) return false;
        enum sk_part_result result = worst_of(journal, batch, &part);
        if (result == SK_PART_DONE) return true;
        char why[300];
        (void)
            snprintf(why, sizeof why,
                     "the index does not take what the journal holds (shard %u, position %llu): %s",
                     part->shard, (unsigned long long)part->first_position, part->message);
        if (result == SK_PART_REFUSED || round >= ROUNDS_MAX) {
            if (result != SK_PART_PASSING) {
                get_stuck(journal, why);
                return false;
            }
        }
        if (!pause_ms(journal, RETRY_MS)) return false;
        if (result == SK_PART_BROKEN && !run_errand(journal, ERRAND_REOPEN)) return false;
        if (result != SK_PART_PASSING && !run_errand(journal, ERRAND_SHARDS)) return false;
        keep_missing(journal, batch);
    }
    return true;
}

/* A segment may go once its records survive a power cut in the index, too (G3). */
static void trim(struct sk_journal *journal)
{
    uint64_t safe = journal->index.safe_commits(journal->index.store), number = 0;
    uint32_t passed = 0;
    while (passed < journal->marks_count && journal->marks[passed].commits <= safe)
        number = journal->marks[passed++].number;
    if (passed == 0) return;
    journal->marks_count -= passed;
    memmove(journal->marks, journal->marks + passed, journal->marks_count * sizeof *journal->marks);
    sk_log_trim(journal->log, number);
}

static void note_applied(struct sk_journal *journal)
{
    struct mark mark = { journal->index.commits(journal->index.store), journal->read_number };
    if (journal->marks_count == MARKS_MAX) journal->marks_count -= 1; /* the last one is newer */
    journal->marks[journal->marks_count++] = mark;
    touched_forget(journal->touched, journal->read_number);
    pthread_mutex_lock(&journal->lock);
    journal->applied = journal->read_number;
    journal->applied_bytes = journal->read_bytes;
    pthread_cond_signal(&journal->has_room);
    journal_send_messenger(journal);
    pthread_mutex_unlock(&journal->lock);
    trim(journal);
}

/* False: closing or stuck. */
static bool flush(struct sk_journal *journal)
{
    bool is_done = submit_batch(journal, sk_merge_batch(journal->merge));
    if (is_done) sk_merge_clear(journal->merge);
    if (is_done) note_applied(journal);
    return is_done;
}

/* ---- one record ------------------------------------------------------------------------------ */

static bool add_part(struct sk_journal *journal, const struct sk_record *record)
{
    struct sk_arena *arena = sk_merge_arena(journal->merge);
    struct sk_part part;
    struct sk_str payload = sk_arena_copy(arena, record->payload);
    if (arena->failed) return false;
    sk_arena_clear(&journal->unpacked);
    bool is_read = sk_record_get_part(payload, &journal->unpacked, &part);
    SK_ASSERT(is_read || journal->unpacked.failed); /* its hash was right */
    if (!is_read) arena->failed = true;             /* there is one answer to all want of memory */
    return is_read && sk_merge_add(journal->merge, &part);
}

/* Has the index got it? Only the first three numbers of the payload are looked at. */
static bool is_indexed(const struct sk_journal *journal, const struct sk_record *record)
{
    struct sk_reader reader = sk_reader_of(record->payload);
    uint64_t shard = sk_get_u64(&reader);
    (void)sk_get_u64(&reader);
    uint64_t first = sk_get_u64(&reader);
    return shard < journal->index.shards_count && first < journal->indexed[shard].position;
}

static bool apply_take(struct sk_journal *journal, const struct sk_record *record)
{
    struct sk_shard_row row;
    if (!sk_record_get_lease(record->payload, &row) || row.shard >= journal->index.shards_count)
        return true;
    while (journal->indexed[row.shard].epoch < row.epoch) {
        journal->errand.shard = row.shard;
        if (!run_errand(journal, ERRAND_TAKE)) return false;
        if (journal->errand.status != SKALD_OK && !pause_ms(journal, RETRY_MS)) return false;
    }
    return true;
}

static bool apply_definition(struct sk_journal *journal, const struct sk_record *record)
{
    struct errand *errand = &journal->errand;
    if (!sk_record_get_definition(record->payload, &errand->definition, &errand->keep_latest))
        return true;
    do {
        if (!run_errand(journal, ERRAND_DEFINE)) return false;
        if (errand->status == SKALD_E_CONFLICT) {
            get_stuck(journal, errand->error.message);
            return false;
        }
    } while (errand->status != SKALD_OK && pause_ms(journal, RETRY_MS));
    return errand->status == SKALD_OK;
}

/* False: closing, stuck, or no memory. */
static bool apply_record(struct sk_journal *journal, const struct sk_record *record)
{
    switch (record->type) {
    case SK_RECORD_PART: return is_indexed(journal, record) || add_part(journal, record);
    case SK_RECORD_TAKE: return flush(journal) && apply_take(journal, record);
    case SK_RECORD_DEFINE:
        /* Those of this process went straight to the index (store.c). */
        if (record->number > journal->recovered) return true;
        return flush(journal) && apply_definition(journal, record);
    case SK_RECORD_RENEW: return true;
    }
    return true;
}

/* False: closing or stuck. */
static bool read_record(struct sk_journal *journal, struct sk_record *out_record)
{
    skald_error error;
    for (;;) {
        enum skald_status status = sk_log_read(journal->reader, out_record, &error);
        if (status == SKALD_OK) return true;
        if (skald_status_class(status) != SKALD_CLASS_RETRY) {
            get_stuck(journal, error.message);
            return false;
        }
        if (!pause_ms(journal, RETRY_MS)) return false;
    }
}

/* Memory ran out in the middle of what was being merged: the log keeps everything, so it is read
 * again from what the index has. False: closing. */
static bool begin_again(struct sk_journal *journal)
{
    struct sk_log_reader *reader;
    sk_merge_clear(journal->merge);
    while ((reader = sk_log_reader_new(journal->log)) == NULL)
        if (!pause_ms(journal, RETRY_MS)) return false;
    sk_log_reader_free(journal->reader);
    journal->reader = reader;
    journal->read_number = 0;
    journal->read_bytes = journal->applied_bytes;
    return pause_ms(journal, RETRY_MS);
}

/* One record; those before `upto` are given to the index as they fill a batch, and at `upto` all.
 * False: as apply_record. */
static bool apply_next(struct sk_journal *journal, const struct sk_record *record, uint64_t upto)
{
    bool is_passed = record->number <= journal->applied; /* read again */
    if (!is_passed && !apply_record(journal, record)) return false;
    journal->read_number = record->number;
    if (!is_passed) journal->read_bytes += sk_record_size(record->payload.size);
    bool is_due = sk_merge_rows(journal->merge) >= journal->apply_rows || record->number >= upto;
    return !is_due || flush(journal);
}

static bool apply_upto(struct sk_journal *journal, uint64_t upto)
{
    while (journal->read_number < upto) {
        struct sk_record record;
        if (!read_record(journal, &record)) return false;
        if (apply_next(journal, &record, upto)) continue;
        if (!sk_merge_arena(journal->merge)->failed || !begin_again(journal)) return false;
    }
    return true;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timespec moment(int64_t at_ms)
{
    return (struct timespec){ .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 };
}

/* Is a batch to be begun? Otherwise out_due_ms is when (INT64_MAX: nothing has come), unless
 * `wake_bytes` are there before. `lock` is held. */
static bool is_due(struct sk_journal *journal, int64_t *since_ms, int64_t *out_due_ms)
{
    int64_t now_ms = monotonic_ms();
    uint64_t waiting = journal->durable_bytes - journal->read_bytes;
    bool has_any = journal->durable > journal->read_number;
    bool is_asked = has_any && journal->demanded > journal->applied;
    if (is_asked && waiting >= LONG_BYTES) journal->watched_until_ms = now_ms + WATCHED_MS;
    bool is_watched = now_ms < journal->watched_until_ms;
    uint64_t enough = is_watched ? WATCHED_BYTES : LAZY_BYTES;
    if (enough > journal->lag_max) enough = journal->lag_max; /* G5: commits wait for it */
    int64_t delay_ms = (int64_t)journal->apply_delay_ms * (is_watched ? 1 : LAZY_DELAYS);
    if (*since_ms == 0 && has_any) *since_ms = now_ms;
    *out_due_ms = has_any ? *since_ms + delay_ms : INT64_MAX;
    journal->wake_bytes = has_any ? journal->read_bytes + enough : 0;
    return has_any && (is_asked || waiting >= enough || now_ms >= *out_due_ms);
}

/* Up to which record the index is to be brought; 0 = closing. */
static uint64_t wait_records(struct sk_journal *journal)
{
    int64_t since_ms = 0, due_ms = 0;
    uint64_t upto = 0;
    pthread_mutex_lock(&journal->lock);
    while (!journal->is_closing && upto == 0) {
        if (is_due(journal, &since_ms, &due_ms)) {
            upto = journal->durable;
        } else if (due_ms < INT64_MAX) {
            struct timespec until = moment(due_ms);
            (void)pthread_cond_timedwait(&journal->has_records, &journal->lock, &until);
        } else {
            pthread_cond_wait(&journal->has_records, &journal->lock);
        }
    }
    pthread_mutex_unlock(&journal->lock);
    return upto;
}

void *journal_apply_main(void *argument)
{
    struct sk_journal *journal = argument;
    uint64_t upto;
    sk_thread_name(SK_THREAD_INDEX);
    sk_log_prepare(journal->log);
    while ((upto = wait_records(journal)) > 0) {
        if (!apply_upto(journal, upto)) break;
        sk_log_prepare(journal->log);
    }
    return NULL;
}
