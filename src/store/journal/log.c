/* log.c: the writing side of the log, its segments' lives, and the opening. */
#include "store/journal/log_parts.h"

#include <stdio.h>
#include <string.h>

enum { ZEROS_SIZE = 1 << 20 };

/* ---- segments -------------------------------------------------------------------------------- */

static enum skald_status write_zeros(struct sk_log *log, int file, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    char *zeros = sk_alloc(ZEROS_SIZE);
    if (zeros == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint64_t at = 0; at < log->segment_size && status == SKALD_OK; at += ZEROS_SIZE) {
        uint64_t left = log->segment_size - at;
        status = log->disk->ops->write(log->disk, file, at, zeros,
                                       left < ZEROS_SIZE ? (size_t)left : ZEROS_SIZE, error);
    }
    sk_free(zeros);
    if (status == SKALD_OK) status = log->disk->ops->sync(log->disk, file, error);
    return status;
}

/* A file of full size under the name of a spare one, if there is none. `files` is held. */
static enum skald_status make_spare(struct sk_log *log, skald_error *error)
{
    struct sk_disk *disk = log->disk;
    int file = -1;
    if (log->has_spare) return SKALD_OK;
    (void)disk->ops->remove(disk, UNREADY_NAME, NULL); /* what an earlier try left */
    enum skald_status status = disk->ops->open(disk, UNREADY_NAME, true, &file, error);
    if (status != SKALD_OK) return status;
    status = write_zeros(log, file, error);
    disk->ops->close(disk, file);
    if (status == SKALD_OK) status = disk->ops->rename(disk, UNREADY_NAME, SPARE_NAME, error);
    if (status != SKALD_OK) (void)disk->ops->remove(disk, UNREADY_NAME, NULL);
    log->has_spare = status == SKALD_OK;
    return status;
}

/* Writing a whole file of zeros takes the disk from the commits: not before it is needed. */
static bool is_spare_wanted(struct sk_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint32_t count = log->segments_count;
    uint64_t bytes = count > 0 ? log->segments[count - 1].bytes : 0;
    pthread_mutex_unlock(&log->lock);
    return bytes >= log->segment_size / 4;
}

void sk_log_prepare(struct sk_log *log)
{
    if (!is_spare_wanted(log)) return;
    pthread_mutex_lock(&log->files);
    (void)make_spare(log, NULL); /* without room for it the next segment's begin says so */
    pthread_mutex_unlock(&log->files);
}

static enum skald_status note_segment(struct sk_log *log, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    pthread_mutex_lock(&log->lock);
    if (log->segments_count == log->segments_capacity) {
        uint32_t capacity = log->segments_capacity == 0 ? 8 : 2 * log->segments_capacity;
        struct segment *more = sk_realloc(log->segments, capacity * sizeof *more);
        if (more == NULL) {
            status = sk_error_set(error, SKALD_E_MEMORY, "out of memory");
        } else {
            log->segments = more;
            log->segments_capacity = capacity;
        }
    }
    if (status == SKALD_OK) {
        if (log->segments_count > 0) log->segments[log->segments_count - 1].end = log->next;
        log->segments[log->segments_count++] =
            (struct segment){ log->next, UINT64_MAX, SK_SEGMENT_HEADER_SIZE };
    }
    pthread_mutex_unlock(&log->lock);
    return status;
}

/* The spare file becomes the segment that begins with the next record (L2). `files` is held. */
static enum skald_status name_spare(struct sk_log *log, int *out_file, skald_error *error)
{
    struct sk_disk *disk = log->disk;
    uint8_t bytes[SK_SEGMENT_HEADER_SIZE];
    char name[SEGMENT_NAME_SIZE];
    struct sk_segment_header header = { log->incarnation, log->next, log->prev };
    sk_segment_header_put(&header, bytes);
    sk_segment_name(log->next, name);
    enum skald_status status = make_spare(log, error);
    if (status == SKALD_OK) status = disk->ops->open(disk, SPARE_NAME, false, out_file, error);
    if (status == SKALD_OK)
        status = disk->ops->write(disk, *out_file, 0, bytes, sizeof bytes, error);
    if (status == SKALD_OK) status = disk->ops->sync(disk, *out_file, error);
    if (status == SKALD_OK) status = disk->ops->rename(disk, SPARE_NAME, name, error);
    if (status == SKALD_OK) log->has_spare = false;
    if (status == SKALD_OK) status = disk->ops->sync_folder(disk, error);
    return status;
}

/* Nothing of the log has changed when it fails. */
static enum skald_status begin_segment(struct sk_log *log, skald_error *error)
{
    int file = -1;
    pthread_mutex_lock(&log->files);
    enum skald_status status = name_spare(log, &file, error);
    pthread_mutex_unlock(&log->files);
    if (status == SKALD_OK) status = note_segment(log, error);
    if (status != SKALD_OK) {
        if (file >= 0) log->disk->ops->close(log->disk, file);
        return status;
    }
    if (log->file >= 0) log->disk->ops->close(log->disk, log->file);
    log->file = file;
    log->offset = SK_SEGMENT_HEADER_SIZE;
    return SKALD_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct sk_buf *sk_log_begin(struct sk_log *log)
{
    if (log->group.size == 0) {
        log->group_first = log->next;
        log->group_prev = log->prev;
    }
    log->record_begin = sk_record_begin(&log->group);
    return &log->group;
}

uint64_t sk_log_end(struct sk_log *log, enum sk_record_type type)
{
    uint64_t hash =
        sk_record_end(&log->group, log->record_begin, type, log->next, log->group_first, log->prev);
    if (log->group.failed) {
        log->group.failed = false;
        log->group.size = log->record_begin;
        return 0;
    }
    log->prev = hash;
    return log->next++;
}

static void forget_group(struct sk_log *log)
{
    log->next = log->group_first;
    log->prev = log->group_prev;
    sk_buf_clear(&log->group);
}

enum skald_status sk_log_commit(struct sk_log *log, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    struct sk_disk *disk = log->disk;
    size_t size = log->group.size;
    if (size == 0) return SKALD_OK;
    uint64_t next = log->next, prev = log->prev;
    if (log->file < 0) {
        status = sk_error_set(error, SKALD_E_IO, "the journal is broken and waits to be reopened");
    } else if (log->offset > SK_SEGMENT_HEADER_SIZE && log->offset + size > log->segment_size) {
        log->next = log->group_first;
        log->prev = log->group_prev;
        status = begin_segment(log, error);
        log->next = next;
        log->prev = prev;
    }
    if (status == SKALD_OK)
        status = disk->ops->write(disk, log->file, log->offset, log->group.data, size, error);
    if (status == SKALD_OK) status = disk->ops->sync(disk, log->file, error);
    bool may_pass = status == SKALD_E_FULL || status == SKALD_E_MEMORY;
    if (status != SKALD_OK && !may_pass && log->file >= 0) { /* L4 */
        disk->ops->close(disk, log->file);
        log->file = -1;
    }
    if (status != SKALD_OK) {
        forget_group(log);
        return may_pass ? status : SKALD_E_IO;
    }
    log->offset += size;
    sk_buf_clear(&log->group);
    pthread_mutex_lock(&log->lock);
    log->durable = log->next - 1;
    log->segments[log->segments_count - 1].bytes = log->offset;
    pthread_mutex_unlock(&log->lock);
    return SKALD_OK;
}

/* The segment that was given up may begin where the next one has to: nothing of it counts. */
static void drop_empty_segment(struct sk_log *log)
{
    pthread_mutex_lock(&log->lock);
    bool is_empty =
        log->segments_count > 0 && log->segments[log->segments_count - 1].first == log->next;
    if (is_empty) log->segments_count -= 1;
    pthread_mutex_unlock(&log->lock);
}

enum skald_status sk_log_reopen(struct sk_log *log, skald_error *error)
{
    if (log->file >= 0) return SKALD_OK;
    drop_empty_segment(log);
    return begin_segment(log, error);
}

size_t sk_log_group_size(const struct sk_log *log)
{
    return log->group.size;
}

uint64_t sk_log_durable(const struct sk_log *log)
{
    struct sk_log *open = (struct sk_log *)log;
    pthread_mutex_lock(&open->lock);
    uint64_t durable = log->durable;
    pthread_mutex_unlock(&open->lock);
    return durable;
}

uint64_t sk_log_first(struct sk_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t first = log->segments[0].first;
    pthread_mutex_unlock(&log->lock);
    return first;
}

uint64_t sk_log_bytes(struct sk_log *log)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&log->lock);
    for (uint32_t i = 0; i < log->segments_count; i++)
        bytes += log->segments[i].bytes - SK_SEGMENT_HEADER_SIZE;
    pthread_mutex_unlock(&log->lock);
    return bytes;
}

/* ---- the past -------------------------------------------------------------------------------- */

/* The oldest segment, if all of it is behind the mark; taken out of the list. */
static bool take_oldest(struct sk_log *log, uint64_t number, struct segment *out)
{
    pthread_mutex_lock(&log->lock);
    bool is_past = log->segments_count > 1 && log->segments[0].end <= number + 1;
    if (is_past) {
        *out = log->segments[0];
        log->segments_count -= 1;
        memmove(log->segments, log->segments + 1, log->segments_count * sizeof *log->segments);
    }
    pthread_mutex_unlock(&log->lock);
    return is_past;
}

/* Only a file of full size saves the next segment's writing. */
static bool make_reusable(struct sk_log *log, const char *name)
{
    struct sk_disk *disk = log->disk;
    int file = -1;
    uint64_t size = 0;
    if (disk->ops->open(disk, name, false, &file, NULL) != SKALD_OK) return false;
    bool is_fit = disk->ops->size(disk, file, &size, NULL) == SKALD_OK && size == log->segment_size;
    disk->ops->close(disk, file);
    return is_fit && disk->ops->rename(disk, name, SPARE_NAME, NULL) == SKALD_OK;
}

void sk_log_trim(struct sk_log *log, uint64_t number)
{
    struct segment segment;
    while (take_oldest(log, number, &segment)) {
        char name[SEGMENT_NAME_SIZE];
        sk_segment_name(segment.first, name);
        pthread_mutex_lock(&log->files);
        bool is_kept = !log->has_spare && make_reusable(log, name);
        if (is_kept) log->has_spare = true;
        pthread_mutex_unlock(&log->files);
        if (!is_kept) (void)log->disk->ops->remove(log->disk, name, NULL);
        /* In this order also after a crash: a gap would look like a loss. */
        (void)log->disk->ops->sync_folder(log->disk, NULL);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum skald_status take_over(struct sk_log *log, const struct scan *scan, skald_error *error)
{
    log->next = scan->next == 0 ? 1 : scan->next;
    log->prev = scan->prev;
    log->durable = log->next - 1;
    log->has_spare = false; /* its size is not known */
    log->segments_capacity = scan->segments_count + 8;
    log->segments = sk_alloc(log->segments_capacity * sizeof *log->segments);
    if (log->segments == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint32_t i = 0; i < scan->segments_count; i++) log->segments[i] = scan->segments[i];
    log->segments_count = scan->segments_count;
    if (scan->has_spare) (void)log->disk->ops->remove(log->disk, SPARE_NAME, NULL);
    drop_empty_segment(log);
    return begin_segment(log, error);
}

enum skald_status sk_log_open(const struct sk_log_options *options, sk_log_fn *fn, void *context,
                              struct sk_log **out_log, skald_error *error)
{
    struct sk_log *log = sk_alloc(sizeof *log);
    if (log == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    log->disk = options->disk;
    log->incarnation = options->incarnation;
    log->segment_size = options->segment_size == 0 ? SK_SEGMENT_SIZE : options->segment_size;
    log->file = -1;
    sk_buf_init(&log->group, 0);
    pthread_mutex_init(&log->files, NULL);
    pthread_mutex_init(&log->lock, NULL);
    struct scan scan = {
        .disk = options->disk, .incarnation = options->incarnation, .fn = fn, .context = context
    };
    sk_arena_init(&scan.arena);
    enum skald_status status = sk_log_scan(&scan, error);
    if (status == SKALD_OK) status = take_over(log, &scan, error);
    sk_arena_release(&scan.arena);
    if (status != SKALD_OK) {
        sk_log_free(log);
        return status;
    }
    *out_log = log;
    return SKALD_OK;
}

void sk_log_free(struct sk_log *log)
{
    if (log == NULL) return;
    if (log->file >= 0) log->disk->ops->close(log->disk, log->file);
    pthread_mutex_destroy(&log->files);
    pthread_mutex_destroy(&log->lock);
    sk_buf_release(&log->group);
    sk_free(log->segments);
    sk_free(log);
}
