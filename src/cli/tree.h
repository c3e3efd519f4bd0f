/*
 * tree.h: one saga as people see it: its steps with states, attempts and durations, below them what
 * was undone, the last first. On a terminal it is redrawn in place while the saga runs; elsewhere
 * each event is a line.
 *
 * A tree outlives its server: while none answers it keeps asking, for as long as it is told to.
 */
#ifndef SK_CLI_TREE_H
#define SK_CLI_TREE_H

#include "cli/client.h"

struct cli_tree;

struct cli_follow {
    int64_t timeout_ms;  /* 0 = until the saga has ended */
    int64_t patience_ms; /* how long a server may be out of reach; 0 = 30 s */
    /* Asked after each look; true ends the following. NULL = never. */
    bool (*stop)(void *context, const struct cli_tree *tree);
    void *context;
    bool is_silent; /* draws and prints nothing */
};

/* `client` and `id` are borrowed. NULL: out of memory. */
struct cli_tree *cli_tree_new(const struct cli *cli, struct cli_client *client, const char *id);
void cli_tree_free(struct cli_tree *tree); /* NULL is fine */

/* Looks once. CLI_GO_ON, or the exit code after a message. */
int cli_tree_look(struct cli_tree *tree);
/* CLI_GO_ON: the saga has ended, `stop` said so or the time is over; else the exit code, after a
 * message. */
int cli_tree_follow(struct cli_tree *tree, const struct cli_follow *follow);
/* One line for an event of the history; after a look. */
void cli_tree_print_event(const struct cli_tree *tree, struct sk_str event);
/* The whole tree on cli->out. */
void cli_tree_print(const struct cli_tree *tree);

struct sk_str cli_tree_state(const struct cli_tree *tree); /* "completed"; empty before a look */
bool cli_tree_has_ended(const struct cli_tree *tree);
/* "running"; empty when there is no such step. */
struct sk_str cli_tree_step_state(const struct cli_tree *tree, const char *step);
/* The saga as the server showed it last. */
struct sk_str cli_tree_json(const struct cli_tree *tree);

/* Appends "/api/v1/sagas/<id><tail>". */
void cli_saga_path(struct sk_buf *out, const char *id, const char *tail);
/* One line for people: code, message, what it waits for; nothing from events that say no more. */
void cli_event_detail(struct sk_str event, struct sk_buf *out);
/* What GET …/explain answers: the sentence and, of several things, a table. */
void cli_explanation_print(const struct cli *cli, struct sk_str answer);
/* "12 ms", "3.4 s", "2 min 5 s" */
void cli_duration_text(int64_t ms, char out[32]);

#endif
