/* table.c: see table.h. */
#include "cli/table.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the terminal ---------------------------------------------------------------------------- */

bool cli_has_colours(const struct cli *cli)
{
    const char *off = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return cli->is_terminal && (off == NULL || off[0] == 0) && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}

bool cli_has_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || value[0] == 0) continue;
        return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return true; /* nothing said: what terminals do today */
}

size_t cli_terminal_width(FILE *out)
{
    struct winsize size = { 0 };
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col > 0 ? size.ws_col : 80;
}

size_t cli_terminal_height(FILE *out)
{
    struct winsize size = { 0 };
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_row > 0 ? size.ws_row : 24;
}

const char *cli_colour_code(enum cli_colour colour)
{
    switch (colour) {
    case CLI_PLAIN: return "";
    case CLI_BOLD: return "\033[1m";
    case CLI_DIM: return "\033[2m";
    case CLI_GREEN: return "\033[32m";
    case CLI_RED: return "\033[31m";
    case CLI_YELLOW: return "\033[33m";
    case CLI_BLUE: return "\033[34m";
    }
    return "";
}

enum cli_colour cli_state_colour(struct sk_str state)
{
    static const struct {
        const char *name;
        enum cli_colour colour;
    } rows[] = {
        { "completed", CLI_GREEN },
        { "failed", CLI_RED },
        { "compensation_failed", CLI_RED },
        { "running", CLI_BLUE },
        { "compensating", CLI_YELLOW },
        { "compensated", CLI_YELLOW },
        { "cancelled", CLI_YELLOW },
        { "timed_out", CLI_YELLOW },
        { "suspended", CLI_RED },
        { "waiting", CLI_BLUE },
        { "skipped", CLI_DIM },
        { "pending", CLI_DIM },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (sk_str_is(state, rows[i].name)) return rows[i].colour;
    }
    return CLI_PLAIN;
}

/* ---- width ----------------------------------------------------------------------------------- */

struct range {
    uint32_t first, last;
};

/* Takes no column: combining marks, joiners, variation selectors. Sorted. */
static const struct range narrow[] = {
    { 0x0300, 0x036F },   { 0x0483, 0x0489 }, { 0x0591, 0x05BD }, { 0x0610, 0x061A },
    { 0x064B, 0x065F },   { 0x0900, 0x0902 }, { 0x093C, 0x093C }, { 0x0941, 0x0948 },
    { 0x0E31, 0x0E31 },   { 0x0E34, 0x0E3A }, { 0x0E47, 0x0E4E }, { 0x1AB0, 0x1AFF },
    { 0x1DC0, 0x1DFF },   { 0x200B, 0x200F }, { 0x202A, 0x202E }, { 0x2060, 0x2064 },
    { 0x20D0, 0x20F0 },   { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F }, { 0xFEFF, 0xFEFF },
    { 0xE0100, 0xE01EF },
};
/* Takes two: East Asian wide and full-width forms, emoji. Sorted. */
static const struct range wide[] = {
    { 0x1100, 0x115F },   { 0x231A, 0x231B },   { 0x2329, 0x232A },   { 0x23E9, 0x23EC },
    { 0x25FD, 0x25FE },   { 0x2614, 0x2615 },   { 0x2648, 0x2653 },   { 0x26A1, 0x26A1 },
    { 0x2705, 0x2705 },   { 0x274C, 0x274C },   { 0x2753, 0x2755 },   { 0x2795, 0x2797 },
    { 0x2E80, 0x303E },   { 0x3041, 0x33FF },   { 0x3400, 0x4DBF },   { 0x4E00, 0x9FFF },
    { 0xA000, 0xA4CF },   { 0xA960, 0xA97F },   { 0xAC00, 0xD7A3 },   { 0xF900, 0xFAFF },
    { 0xFE30, 0xFE6F },   { 0xFF00, 0xFF60 },   { 0xFFE0, 0xFFE6 },   { 0x1F300, 0x1F64F },
    { 0x1F680, 0x1F6FF }, { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD },
};

static bool is_in(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count && ranges[i].first <= c; i++) {
        if (c <= ranges[i].last) return true;
    }
    return false;
}

/* The character of a valid sequence. */
static uint32_t decode(const char *bytes, size_t size)
{
    static const uint8_t masks[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t c = (uint8_t)bytes[0] & masks[size];
    for (size_t i = 1; i < size; i++) c = c << 6 | ((uint8_t)bytes[i] & 0x3Fu);
    return c;
}

static size_t width_of(uint32_t c)
{
    if (is_in(narrow, sizeof narrow / sizeof narrow[0], c)) return 0;
    return is_in(wide, sizeof wide / sizeof wide[0], c) ? 2 : 1;
}

size_t cli_text_width(struct sk_str text)
{
    size_t width = 0;
    while (text.size > 0) {
        size_t size = sk_utf8_sequence(text);
        if (size == 0) size = 1;
        width += width_of(decode(text.data, size));
        text = sk_str_sub(text, size, text.size - size);
    }
    return width;
}

void cli_text_safe(struct sk_buf *out, struct sk_str text)
{
    while (text.size > 0) {
        size_t size = sk_utf8_sequence(text);
        uint32_t c = size == 0 ? 0 : decode(text.data, size);
        bool is_control = c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
                          (c >= 0x2066 && c <= 0x2069);
        if (is_control) {
            sk_buf_append_text(out, "\xEF\xBF\xBD");
        } else {
            sk_buf_append(out, text.data, size);
        }
        if (size == 0) size = 1;
        text = sk_str_sub(text, size, text.size - size);
    }
}

void cli_text_cut(struct sk_buf *out, struct sk_str text, size_t width)
{
    if (cli_text_width(text) <= width) {
        sk_buf_append_str(out, text);
        return;
    }
    size_t used = 0, at = 0;
    while (at < text.size) {
        struct sk_str rest = sk_str_sub(text, at, text.size - at);
        size_t size = sk_utf8_sequence(rest);
        if (size == 0) size = 1;
        used += width_of(decode(rest.data, size));
        if (used + 1 > width) break;
        at += size;
    }
    sk_buf_append(out, text.data, at);
    if (width > 0) sk_buf_append_text(out, "…");
}

/* ---- tables ---------------------------------------------------------------------------------- */

void cli_table_init(struct cli_table *table, const char *const *header)
{
    *table = (struct cli_table){ 0 };
    sk_arena_init(&table->arena);
    while (header[table->columns_count] != NULL) table->columns_count++;
    for (size_t i = 0; i < table->columns_count; i++) {
        cli_table_put(table, sk_str_of(header[i]), CLI_BOLD);
    }
}

void cli_table_release(struct cli_table *table)
{
    sk_arena_release(&table->arena);
    free(table->cells);
    *table = (struct cli_table){ 0 };
}

void cli_table_put(struct cli_table *table, struct sk_str text, enum cli_colour colour)
{
    if (table->cells_count == table->cells_capacity) {
        size_t capacity = table->cells_capacity * 2 + 64;
        struct cli_cell *grown = realloc(table->cells, capacity * sizeof *grown);
        if (grown == NULL) {
            table->arena.failed = true;
            return;
        }
        table->cells = grown;
        table->cells_capacity = capacity;
    }
    struct sk_buf safe = { 0 };
    cli_text_safe(&safe, text);
    struct sk_str kept = sk_arena_copy(&table->arena, sk_buf_view(&safe));
    sk_buf_release(&safe);
    table->cells[table->cells_count++] =
        (struct cli_cell){ .text = kept, .width = cli_text_width(kept), .colour = colour };
}

void cli_table_put_text(struct cli_table *table, const char *text)
{
    cli_table_put(table, sk_str_of(text), CLI_PLAIN);
}

static void print_cell(const struct cli_cell *cell, size_t width, bool is_right, bool is_last,
                       bool has_colours, FILE *out)
{
    int blanks = (int)(width - cell->width);
    if (is_right) (void)fprintf(out, "%*s", blanks, "");
    bool is_coloured = has_colours && cell->colour != CLI_PLAIN;
    if (is_coloured) (void)fputs(cli_colour_code(cell->colour), out);
    if (cell->text.size > 0) (void)fwrite(cell->text.data, 1, cell->text.size, out);
    if (is_coloured) (void)fputs("\033[0m", out);
    if (is_last) {
        (void)fputc('\n', out);
    } else {
        (void)fprintf(out, "%*s  ", is_right ? 0 : blanks, "");
    }
}

void cli_table_print(const struct cli_table *table, const struct cli *cli)
{
    size_t widths[CLI_COLUMNS_MAX] = { 0 };
    bool has_colours = cli_has_colours(cli);
    for (size_t i = 0; i < table->cells_count; i++) {
        size_t *width = &widths[i % table->columns_count];
        if (table->cells[i].width > *width) *width = table->cells[i].width;
    }
    for (size_t i = 0; i < table->cells_count; i++) {
        size_t column = i % table->columns_count;
        print_cell(&table->cells[i], widths[column], table->is_right[column],
                   column + 1 == table->columns_count, has_colours, cli->out);
    }
}
