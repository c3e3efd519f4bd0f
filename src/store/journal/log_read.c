/* log_read.c: records again, one by one, while the log goes on growing. */
#include "store/journal/log_parts.h"

#include <string.h>

enum { CHUNK_SIZE = 1 << 20 };

struct sk_log_reader {
    struct sk_log *log;
    uint64_t next;          /* number of the next record */
    struct segment segment; /* the one that is open … */
    int file;               /* … here; -1 = none */
    uint64_t offset;        /* in the file, of what follows the chunk */
    struct sk_buf chunk;
    size_t at; /* in the chunk */
};

struct sk_log_reader *sk_log_reader_new(struct sk_log *log)
{
    struct sk_log_reader *reader = sk_alloc(sizeof *reader);
    if (reader == NULL) return NULL;
    reader->log = log;
    reader->file = -1;
    sk_buf_init(&reader->chunk, 0);
    pthread_mutex_lock(&log->lock);
    reader->next = log->segments[0].first;
    pthread_mutex_unlock(&log->lock);
    return reader;
}

static void leave(struct sk_log_reader *reader)
{
    if (reader->file >= 0) reader->log->disk->ops->close(reader->log->disk, reader->file);
    reader->file = -1;
    sk_buf_clear(&reader->chunk);
    reader->at = 0;
}

void sk_log_reader_free(struct sk_log_reader *reader)
{
    if (reader == NULL) return;
    leave(reader);
    sk_buf_release(&reader->chunk);
    sk_free(reader);
}

/* The segment that holds the next record, as it is now. */
static struct segment find_segment(const struct sk_log_reader *reader)
{
    struct sk_log *log = reader->log;
    pthread_mutex_lock(&log->lock);
    struct segment found = log->segments[0];
    for (uint32_t i = 0; i < log->segments_count; i++)
        if (log->segments[i].first <= reader->next) found = log->segments[i];
    pthread_mutex_unlock(&log->lock);
    return found;
}

static enum skald_status enter(struct sk_log_reader *reader, skald_error *error)
{
    uint64_t before = reader->segment.first;
    reader->segment = find_segment(reader);
    if (reader->file >= 0 && reader->segment.first == before) return SKALD_OK;
    leave(reader);
    char name[SEGMENT_NAME_SIZE];
    sk_segment_name(reader->segment.first, name);
    reader->offset = SK_SEGMENT_HEADER_SIZE;
    return reader->log->disk->ops->open(reader->log->disk, name, false, &reader->file, error);
}

/* Drops what was read, and has at least `needed` bytes from there on, if there are so many; never
 * any that are not durable: they might be written anew. */
static enum skald_status fill(struct sk_log_reader *reader, size_t needed, skald_error *error)
{
    struct sk_buf *chunk = &reader->chunk;
    size_t left = chunk->size - reader->at, got = 0;
    if (left > 0) memmove(chunk->data, chunk->data + reader->at, left);
    chunk->size = left;
    reader->at = 0;
    uint64_t wanted = needed > CHUNK_SIZE ? needed - left : CHUNK_SIZE;
    if (wanted > reader->segment.bytes - reader->offset)
        wanted = reader->segment.bytes - reader->offset;
    char *room = sk_buf_reserve(chunk, (size_t)wanted);
    if (room == NULL) {
        chunk->failed = false;
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    struct sk_disk *disk = reader->log->disk;
    enum skald_status status =
        disk->ops->read(disk, reader->file, reader->offset, room, (size_t)wanted, &got, error);
    chunk->size += got;
    reader->offset += got;
    return status;
}

enum skald_status sk_log_read(struct sk_log_reader *reader, struct sk_record *out_record,
                              skald_error *error)
{
    enum { TRIES_MAX = 3 }; /* as it is; with a chunk; with all of a large record */
    enum skald_status status = enter(reader, error);
    for (int tries = 0; tries < TRIES_MAX && status == SKALD_OK; tries++) {
        size_t needed = 0;
        struct sk_str rest = { reader->chunk.data + reader->at, reader->chunk.size - reader->at };
        enum sk_record_end end = sk_record_get(rest, out_record, &needed);
        if (end == SK_RECORD_NONE) break;
        if (end == SK_RECORD_WHOLE && out_record->number != reader->next) break;
        if (end == SK_RECORD_WHOLE) {
            reader->at += needed;
            reader->next += 1;
            return SKALD_OK;
        }
        status = fill(reader, needed, error);
    }
    if (status != SKALD_OK) return status;
    return sk_error_set(error, SKALD_E_CORRUPT, "record %llu of the journal cannot be read again",
                        (unsigned long long)reader->next);
}
