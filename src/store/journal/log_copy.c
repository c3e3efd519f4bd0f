/*
 * log_copy.c: a copy of a log that another process writes (C1 to C3 in log.h). It sees the files
 * alone, not the writer's memory, and holds nothing up.
 *
 * A pass lists the segments and reads them in order, each judged as at an opening. What it read of
 * the log is the log's by its hashes alone, whatever the writer did meanwhile. What it could not
 * read may be damage or the writer's doing: a segment that was let go is gone or is another one by
 * now; a list may have been taken while names changed; of two groups the later may have been seen
 * and the earlier, written before it, not. So the next pass judges the last one:
 *
 *   names are not the same any more   nothing is known: again
 *   another place than before         the writer goes on: again
 *   the same place, the same names    damage. For what the first pass saw behind the place says
 *                                     that the place was durable then (record.h, J2), and the
 *                                     second pass began later.
 */
#include "store/journal/log_parts.h"

#include <string.h>

/* While a moment of the index is held (docs/internals/journal.md) so many segments do not go. */
enum { PASSES_MAX = 100 };

static enum skald_status clear_folder(struct sk_disk *to, skald_error *error)
{
    struct sk_arena arena;
    const char *const *names = NULL;
    uint32_t count = 0;
    sk_arena_init(&arena);
    enum skald_status status = to->ops->list(to, &arena, &names, &count, error);
    for (uint32_t i = 0; i < count && status == SKALD_OK; i++)
        status = to->ops->remove(to, names[i], error);
    sk_arena_release(&arena);
    return status;
}

/* Only what is the log's: what stands behind it may be half of something. */
static enum skald_status write_segment(struct sk_disk *to, const struct segment *segment,
                                       const struct sk_buf *bytes, skald_error *error)
{
    char name[SEGMENT_NAME_SIZE];
    int file = -1;
    sk_segment_name(segment->first, name);
    enum skald_status status = to->ops->open(to, name, true, &file, error);
    if (status != SKALD_OK) return status;
    status = to->ops->write(to, file, 0, bytes->data, (size_t)segment->bytes, error);
    to->ops->close(to, file);
    return status;
}

/* What one pass came to. */
struct pass {
    enum skald_status status;
    skald_error error;
    bool may_be_writer; /* not OK, and perhaps the writer's doing */
    bool has_its_names; /* … but the segments are called behind it as they were before it */
    uint64_t next;      /* number of the record that could not be read */
};

static void read_log(struct scan *scan, struct sk_disk *to, struct pass *pass)
{
    struct sk_buf bytes = { 0 };
    pass->status = clear_folder(to, &pass->error);
    if (pass->status == SKALD_OK) pass->status = sk_log_find_segments(scan, &pass->error);
    if (pass->status == SKALD_OK && scan->segments_count == 0) {
        pass->may_be_writer = true;
        pass->status = sk_error_set(&pass->error, SKALD_E_NOT_FOUND,
                                    "the folder of the journal's log holds no segment");
    }
    for (uint32_t i = 0; i < scan->segments_count && pass->status == SKALD_OK; i++) {
        pass->status = sk_log_scan_segment(scan, i, &bytes, &pass->error);
        pass->may_be_writer = pass->status == SKALD_E_CORRUPT || pass->status == SKALD_E_NOT_FOUND;
        if (pass->status == SKALD_OK)
            pass->status = write_segment(to, &scan->segments[i], &bytes, &pass->error);
    }
    pass->next = scan->next;
    sk_buf_release(&bytes);
}

static bool are_same(const struct scan *a, const struct scan *b)
{
    bool is_same = a->segments_count == b->segments_count;
    for (uint32_t i = 0; i < a->segments_count && is_same; i++)
        is_same = a->segments[i].first == b->segments[i].first;
    return is_same;
}

static void run_pass(struct sk_disk *from, struct sk_disk *to, struct pass *pass)
{
    struct scan scan = { .disk = from }, now = { .disk = from };
    *pass = (struct pass){ 0 };
    sk_arena_init(&scan.arena);
    sk_arena_init(&now.arena);
    read_log(&scan, to, pass);
    if (pass->may_be_writer) {
        skald_error error;
        enum skald_status status = sk_log_find_segments(&now, &error);
        if (status == SKALD_OK) {
            pass->has_its_names = are_same(&now, &scan);
        } else {
            *pass = (struct pass){ .status = status, .error = error };
        }
    }
    sk_arena_release(&scan.arena);
    sk_arena_release(&now.arena);
}

/* Is it damage? `last` is the pass before. */
static bool is_damage(const struct pass *pass, const struct pass *last)
{
    return pass->has_its_names && last->has_its_names && pass->next == last->next;
}

enum skald_status sk_log_copy(struct sk_disk *from, struct sk_disk *to, skald_error *error)
{
    struct pass last = { 0 }, pass = { 0 };
    for (int i = 0; i < PASSES_MAX; i++) {
        run_pass(from, to, &pass);
        if (pass.status == SKALD_OK) return SKALD_OK;
        if (!pass.may_be_writer || is_damage(&pass, &last))
            return sk_error_set(error, pass.status, "%s", pass.error.message);
        last = pass;
    }
    return sk_error_set(error, SKALD_E_BUSY,
                        "the journal changed each time that it was read; try again");
}
