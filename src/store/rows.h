/*
 * rows.h: what every back-end does alike with the rows of the port.
 *
 * Where store.h leaves something open, all back-ends answer so (tests/store asserts it):
 *
 *   R1  A shard begins at epoch 0, position 1: no saga has the number 0, and `after = 0` means all.
 *   R2  Inside a part: first `removed`, then what is inserted, then `*_gone` and `trims`.
 *   R3  A head's id, space, definition, is_lock, business_key, parent and created_at are those of
 *       its first writing; later heads of the same number change the other fields only.
 *   R4  REFUSED: a (no, seq), message id or consumed id that is there already, the id of another
 *       saga, a running start key of another saga, a shard that does not exist, a position ≥ 2^48.
 *       A dead letter, a cursor or a tag that is there already is replaced. A store whose index is
 *       behind its log finds twins inside the part at once; others when it comes to index them: it
 *       is BROKEN then. No engine sends any.
 *   R5  A start key is expired at t when expires_at_ms <= t; the time of a part is when it was
 *       submitted.
 *   R6  `removed` takes the saga's head, events, tags, start keys and dead letters; messages stay.
 *   R7  Orders and how to go on (limit cuts; has_more tells):
 *         EVENTS seq, `after`; ACTIVE no, `after`; POSITIONS position, `after`
 *         LIST by (time, id) as filter.sort and is_ascending say, the newest first without them;
 *         filter.cursor_*, then offset; locks are not listed; a saga that has not ended has no
 *         ended_at and is left out by each condition on it
 *         MESSAGES in the order they were written, `id` = the last one seen (gone: from the start)
 *         CONSUMED by id, `id` = the last one seen
 *         DEFINITIONS all: by (id, version), (`key`, `version`) = the last one seen; by digest or
 *         by id: one DEAD_LETTERS newest (at, id) first, filter.cursor_*; `id` = only that one;
 *                      shard SK_SHARD_ALL = of every shard
 *         RECORDS by id, `id` = the last one seen, `key` = only that one
 *         CURSOR by name, of `shard`, `key` = only that one; TALLIES by (definition, state), zeros
 *         left out
 *   R8  An answer is also cut, with has_more, after bytes_max (SK_READ_BYTES_MAX at most) bytes,
 *       but never before one row.
 *   R9  take(): the row given to done is the new one; with BUSY and FENCED it is the present one.
 */
#ifndef SK_STORE_ROWS_H
#define SK_STORE_ROWS_H

#include "store/store.h"

enum {
    SK_READ_LIMIT_DEFAULT = 1000,
    SK_READ_BYTES_MAX = 64 * 1024 * 1024,
    SK_POSITION_BITS = 48,
};
#define SK_POSITION_MAX ((UINT64_C(1) << SK_POSITION_BITS) - 1)

/* How far a part moves its shard (S1). */
static inline uint64_t sk_part_width(const struct sk_part *part)
{
    return part->events_count > 0 ? part->events_count : 1;
}

/* The ended states of core/saga.h: completed, compensated, failed, cancelled, timed_out. */
#define SK_STATES_ENDED ((1u << 3) | (1u << 5) | (1u << 6) | (1u << 7) | (1u << 8))
static inline bool sk_head_is_active(const struct sk_head *head)
{
    return (SK_STATES_ENDED >> head->state & 1u) == 0 || head->open > 0;
}

uint32_t sk_read_limit(const struct sk_read *read);
/* true: the answer holds all it may (R8, limit); the reader sets has_more if there is another
 * row. */
bool sk_rows_is_full(const struct sk_rows *rows, uint32_t count, const struct sk_read *read,
                     uint32_t limit);

/* What the list of this filter is sorted by. */
static inline int64_t sk_list_time(const struct sk_list_filter *filter, const struct sk_head *head)
{
    if (filter->sort == SK_SORT_UPDATED) return head->updated_at_ms;
    return filter->sort == SK_SORT_ENDED ? head->ended_at_ms : head->created_at_ms;
}
/* < 0: a stands before b. */
int sk_list_compare(const struct sk_list_filter *filter, const struct sk_head *a,
                    const struct sk_head *b);
/* All conditions but those on definition and tags, which are no part of a head; `seen` = also the
 * cursor. */
bool sk_list_matches(const struct sk_list_filter *filter, const struct sk_head *head, bool seen);

/* Room for one more element in an array that lives in an arena and grows by doubling. Returns the
 * new element, zeroed, or NULL with the arena failed. */
void *sk_rows_add(struct sk_arena *arena, void **array, uint32_t *count, size_t size);
#define SK_ROWS_ADD(rows, member)                                                  \
    sk_rows_add(&(rows)->arena, (void **)&(rows)->member, &(rows)->member##_count, \
                sizeof *(rows)->member)

/* Deep copies: the texts go into the arena, which the caller checks for `failed`. */
void sk_read_copy(struct sk_arena *arena, const struct sk_read *from, struct sk_read *to);
void sk_definition_row_copy(struct sk_arena *arena, const struct sk_definition_row *from,
                            struct sk_definition_row *to);
void sk_head_copy(struct sk_arena *arena, const struct sk_head *from, struct sk_head *to);
void sk_shard_row_copy(struct sk_arena *arena, const struct sk_shard_row *from,
                       struct sk_shard_row *to);

/* S1: is this the part that comes next in its shard, which is there? Else it is FENCED, or REFUSED
 * where the shard is full. */
bool sk_part_is_next(struct sk_part *part, uint64_t epoch, uint64_t position);
/* R4, as far as the part alone tells; else it is REFUSED, or PASSING when memory is out. */
bool sk_part_has_no_twins(struct sk_part *part);
/* May a shard with this row be taken by `owner` (BUSY: another's lease runs), or its lease be
 * renewed, by whoever knows `epoch` (FENCED: it has moved on)? */
enum skald_status sk_lease_may_take(const struct sk_shard_row *row, uint64_t epoch,
                                    struct sk_str owner, int64_t now_ms,
                                    skald_error *error) SK_MUST_CHECK;
enum skald_status sk_lease_may_renew(const struct sk_shard_row *row, uint64_t epoch,
                                     skald_error *error) SK_MUST_CHECK;
/* Sets result and message. */
void sk_part_end(struct sk_part *part, enum sk_part_result result, const char *format, ...)
    SK_PRINTF(3, 4);

#endif
