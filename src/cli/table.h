/*
 * table.h: text for people: columns that line up whatever the script, colours where they help, and
 * nothing that a terminal could take for a command.
 */
#ifndef SK_CLI_TABLE_H
#define SK_CLI_TABLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/cli.h"

enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GREEN, CLI_RED, CLI_YELLOW, CLI_BLUE };

/* A terminal, and neither NO_COLOR nor TERM=dumb says no. */
bool cli_has_colours(const struct cli *cli);
/* Does the locale speak UTF-8? Else trees are drawn in ASCII. */
bool cli_has_utf8(void);
/* "\033[32m" or "". */
const char *cli_colour_code(enum cli_colour colour);
/* The colour of a state of a saga or step. */
enum cli_colour cli_state_colour(struct sk_str state);

/* Columns that the text takes on a terminal; it must be as cli_text_safe leaves it. */
size_t cli_text_width(struct sk_str text);
/* Appends the text with control characters and broken UTF-8 as U+FFFD. */
void cli_text_safe(struct sk_buf *out, struct sk_str text);
/* Appends as much of the text as `width` columns hold; "…" says that there was more. */
void cli_text_cut(struct sk_buf *out, struct sk_str text, size_t width);
/* Columns and rows of the terminal behind `out`; 0 = it is none. */
size_t cli_terminal_width(FILE *out);
size_t cli_terminal_height(FILE *out);

enum { CLI_COLUMNS_MAX = 12 };

struct cli_cell {
    struct sk_str text;
    size_t width;
    enum cli_colour colour;
};
struct cli_table {
    struct sk_arena arena;
    size_t columns_count;
    bool is_right[CLI_COLUMNS_MAX]; /* numbers line up on the right; set after _init */
    struct cli_cell *cells;         /* the header's first */
    size_t cells_count, cells_capacity;
};

/* `header` ends with NULL. */
void cli_table_init(struct cli_table *table, const char *const *header);
void cli_table_release(struct cli_table *table);
/* The next cell; rows fill from left to right. */
void cli_table_put(struct cli_table *table, struct sk_str text, enum cli_colour colour);
void cli_table_put_text(struct cli_table *table, const char *text);
/* Out of memory shows as a failed stream. */
void cli_table_print(const struct cli_table *table, const struct cli *cli);

#endif
