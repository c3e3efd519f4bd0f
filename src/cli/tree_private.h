/* tree_private.h: what tree.c (asking) and tree_draw.c (drawing) share. */
#ifndef SK_CLI_TREE_PRIVATE_H
#define SK_CLI_TREE_PRIVATE_H

#include "base/arena.h"
#include "cli/table.h"
#include "cli/tree.h"

/* One action or compensation, with all its attempts. */
struct tree_call {
    int64_t started_ms, ended_ms; /* 0 = not yet */
    uint32_t attempts, redriven_count;
    bool has_failed;
};

struct tree_step {
    struct sk_str id, state, waits_for, error_code, error_message;
    bool is_maybe;
    struct tree_call action, undo;
};

struct cli_tree {
    const struct cli *cli;
    struct cli_client *client;
    const char *id;
    struct sk_buf json;    /* the last look */
    struct sk_arena arena; /* texts of the last look; the steps' fold is kept */
    struct sk_arena kept;  /* ids */
    struct sk_str definition, version, state, reason, error_code, error_message;
    int64_t created_ms, ended_ms;
    uint64_t seq, seen_seq; /* of the saga; of the last event that was read */
    struct tree_step *steps;
    size_t steps_count;
    size_t *undo_order; /* indices of steps, as their undoing began */
    size_t undo_count;
    bool is_out_of_reach;
    size_t drawn_lines; /* on the terminal, above the cursor */
};

/* Draws over what was drawn before. */
void tree_redraw(struct cli_tree *tree);
/* One line for an event of the history. */
void tree_print_event(const struct cli_tree *tree, struct sk_str event);
int64_t tree_now_ms(void);
int64_t tree_time_of(struct sk_str object, const char *member); /* 0 = none */

#endif
