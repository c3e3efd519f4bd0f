/* suite.h: the tests that every back-end must pass, in files by subject. */
#ifndef TESTS_STORE_SUITE_H
#define TESTS_STORE_SUITE_H

#include "world.h"

#define SUITE_WRITE(X)                                         \
    X(a_new_store_is_empty)                                    \
    X(an_event_comes_back_as_it_was)                           \
    X(a_part_moves_its_shard)                                  \
    X(an_empty_part_moves_its_shard_by_one)                    \
    X(an_old_epoch_is_fenced)                                  \
    X(another_position_is_fenced)                              \
    X(a_committed_part_is_fenced_when_it_comes_again)          \
    X(a_fenced_part_leaves_its_batch_alone)                    \
    X(batches_in_flight_commit_in_order)                       \
    X(after_a_fence_the_shard_stays_fenced)                    \
    X(a_refused_part_leaves_nothing_and_takes_nothing_with_it) \
    X(a_part_refused_at_its_end_leaves_nothing)                \
    X(twins_inside_a_part_are_refused)                         \
    X(an_unknown_shard_is_refused)                             \
    X(a_head_is_replaced_by_number)                            \
    X(big_payloads)                                            \
    X(nul_bytes_in_payloads)                                   \
    X(trims_delete_the_prefix)                                 \
    X(removal_takes_all_rows)                                  \
    X(an_id_can_come_again_after_removal)                      \
    X(free_drops_answers)

#define SUITE_READ(X)                    \
    X(heads_by_id)                       \
    X(events_page_by_seq)                \
    X(positions_page_and_have_holes)     \
    X(active_heads)                      \
    X(active_heads_that_are_due)         \
    X(lists_page_newest_first_with_ties) \
    X(lists_filter)                      \
    X(lists_filter_by_every_pair)        \
    X(lists_leave_locks_out)             \
    X(an_answer_is_cut_by_bytes)         \
    X(reads_see_whole_parts)

#define SUITE_LIST(X)                     \
    X(lists_sort_and_page_in_every_order) \
    X(lists_mean_what_they_say)           \
    X(lists_by_version)                   \
    X(lists_pass_over_an_offset)

#define SUITE_ROWS(X)                    \
    X(messages_live_until_delivered)     \
    X(messages_page_in_order_of_writing) \
    X(consumed_live_until_forgotten)     \
    X(start_keys_expire)                 \
    X(tallies_add_up)                    \
    X(dead_letters)                      \
    X(cursors)                           \
    X(records)                           \
    X(definitions_are_insert_only)       \
    X(definitions_page)                  \
    X(take_raises_the_epoch)             \
    X(a_running_lease_keeps_others_out)  \
    X(a_take_that_comes_late_is_fenced)  \
    X(renew_keeps_the_epoch)             \
    X(reopen_changes_nothing)            \
    X(everything_survives_closing)

#define X(name) void name(void **state);
SUITE_WRITE(X)
SUITE_READ(X)
SUITE_LIST(X)
SUITE_ROWS(X)
#undef X

#endif
