/*
 * scan.c: a text being compiled: its tokens, its limits and its first error.
 *
 * An error names the place (offset in bytes) and the remedy: the word that was meant, or the list
 * of what is possible.
 */
#include "expr/expr_private.h"

#include <stdarg.h>
#include <stdio.h>

enum { POSSIBLE_MAX = 20 }; /* names listed in one message */

bool sk_scan_begin(struct sk_scan *scan)
{
    if (scan->text.size > SK_EXPR_SIZE_MAX) {
        return sk_scan_fail(scan, SK_EXPR_SIZE_MAX, "longer than %d bytes", SK_EXPR_SIZE_MAX);
    }
    return true;
}

bool sk_scan_fail(struct sk_scan *scan, size_t offset, const char *format, ...)
{
    if (scan->status != SKALD_OK) {
        return false;
    }
    scan->status = SKALD_E_SYNTAX;
    if (scan->error != NULL) {
        char message[SKALD_ERROR_MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        scan->error->offset = offset;
        (void)sk_error_set(&scan->error->error, SKALD_E_SYNTAX, "%s", message);
    }
    return false;
}

bool sk_scan_fail_memory(struct sk_scan *scan)
{
    sk_scan_fail(scan, scan->at, "%s", skald_status_text(SKALD_E_MEMORY));
    if (scan->error != NULL) {
        scan->error->error.status = SKALD_E_MEMORY;
    }
    scan->status = SKALD_E_MEMORY;
    return false;
}

bool sk_scan_fail_unknown(struct sk_scan *scan, size_t offset, const char *what, struct sk_str word,
                          const char *const *candidates, size_t candidates_count)
{
    char possible[SKALD_ERROR_MESSAGE_SIZE] = "nothing";
    size_t size = 0;
    int nearest = sk_str_nearest(word, candidates, candidates_count);
    if (nearest >= 0) {
        return sk_scan_fail(scan, offset, "%s '%.*s'; did you mean '%s'?", what, SK_STR_ARGS(word),
                            candidates[nearest]);
    }
    for (size_t i = 0; i < candidates_count && size + 1 < sizeof possible; i++) {
        const char *name = i < POSSIBLE_MAX ? candidates[i] : "…";
        int added =
            snprintf(possible + size, sizeof possible - size, "%s%s", i > 0 ? ", " : "", name);
        size += (size_t)added;
        if (i == POSSIBLE_MAX) {
            break;
        }
    }
    return sk_scan_fail(scan, offset, "%s '%.*s'; possible here: %s", what, SK_STR_ARGS(word),
                        possible);
}

void *sk_scan_alloc(struct sk_scan *scan, size_t size)
{
    void *memory = sk_arena_alloc(scan->arena, size);
    if (memory == NULL) {
        sk_scan_fail_memory(scan);
    }
    return memory;
}

bool sk_scan_is_end(const struct sk_scan *scan)
{
    return scan->at == scan->text.size;
}

char sk_scan_peek(const struct sk_scan *scan)
{
    return scan->at < scan->text.size ? scan->text.data[scan->at] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void sk_scan_blanks(struct sk_scan *scan)
{
    while (is_blank(sk_scan_peek(scan))) {
        scan->at += 1;
    }
}

bool sk_scan_next_is(const struct sk_scan *scan, const char *token)
{
    return sk_str_starts(sk_str_sub(scan->text, scan->at, scan->text.size), sk_str_of(token));
}

bool sk_scan_take(struct sk_scan *scan, const char *token)
{
    if (!sk_scan_next_is(scan, token)) {
        return false;
    }
    scan->at += strlen(token);
    return true;
}

static bool is_segment_byte(const struct sk_scan *scan)
{
    char c = sk_scan_peek(scan);
    bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   c == '_' || (unsigned char)c >= 0x80;
    return is_word || (c == '-' && !sk_scan_next_is(scan, "-}}"));
}

struct sk_str sk_scan_segment(struct sk_scan *scan)
{
    size_t from = scan->at;
    while (is_segment_byte(scan)) {
        scan->at += 1;
    }
    return sk_str_sub(scan->text, from, scan->at - from);
}

/* Behind a backslash; 0 when nothing is known by that letter. */
static char escaped(char c)
{
    static const char letters[] = "\\\"'/nrt";
    static const char meanings[] = "\\\"'/\n\r\t";
    const char *found = memchr(letters, c, sizeof letters - 1);
    return (char)(found != NULL ? meanings[found - letters] : '\0');
}

bool sk_scan_string(struct sk_scan *scan, struct sk_value *out_value)
{
    size_t from = scan->at;
    char quote = sk_scan_peek(scan);
    size_t size = 0;
    char *text = sk_scan_alloc(scan, scan->text.size - scan->at);
    if (text == NULL) {
        return false;
    }
    for (scan->at += 1; !sk_scan_is_end(scan); scan->at++) {
        char c = sk_scan_peek(scan);
        if (c == quote) {
            scan->at += 1;
            *out_value = sk_value_string((struct sk_str){ text, size });
            return true;
        }
        if (c == '\\') {
            scan->at += 1;
            c = escaped(sk_scan_peek(scan));
            if (c == '\0') {
                return sk_scan_fail(scan, scan->at - 1,
                                    "unknown escape; possible: \\\\ \\\" \\' \\/ \\n \\r \\t");
            }
        }
        text[size++] = c;
    }
    return sk_scan_fail(scan, from, "the string is not closed; it needs another %c", quote);
}

bool sk_scan_number(struct sk_scan *scan, struct sk_value *out_value)
{
    size_t from = scan->at;
    scan->at += 1;
    while (is_segment_byte(scan) || sk_scan_peek(scan) == '.' || sk_scan_peek(scan) == '+') {
        scan->at += 1;
    }
    struct sk_str number = sk_str_sub(scan->text, from, scan->at - from);
    if (sk_json_check(number, NULL) != SKALD_OK) {
        return sk_scan_fail(scan, from, "'%.*s' is not a number; put text in quotes: '%.*s'",
                            SK_STR_ARGS(number), SK_STR_ARGS(number));
    }
    number = sk_arena_copy(scan->arena, number);
    *out_value = (struct sk_value){ SK_JSON_NUMBER, number };
    return number.data != NULL || sk_scan_fail_memory(scan);
}

bool sk_scan_enter(struct sk_scan *scan)
{
    if (scan->depth == SK_EXPR_DEPTH_MAX) {
        return sk_scan_fail(scan, scan->at, "nested too deeply (%d levels are allowed)",
                            SK_EXPR_DEPTH_MAX);
    }
    scan->depth += 1;
    return true;
}

void sk_scan_leave(struct sk_scan *scan)
{
    scan->depth -= 1;
}
