/*
 * script_line.h: one line of a scenario: words, options, JSON, the name of a call and what a
 * participant says. Shared by `skald test` and by the core's own scenarios (tests/scenario), so
 * that both speak the same words. Pure: no saga, no file.
 */
#ifndef SK_SKALD_SCRIPT_LINE_H
#define SK_SKALD_SCRIPT_LINE_H

#include "core/outcome.h"

enum { SK_SCRIPT_WORDS_MAX = 64 };

struct sk_script_line {
    struct sk_str words[SK_SCRIPT_WORDS_MAX]; /* one that begins with { [ or " is JSON to its end */
    uint32_t count;
};

/* Up to a `#` outside of JSON. */
void sk_script_line_split(struct sk_str text, struct sk_script_line *out);
/* "name=value" anywhere in the line; empty = not there. */
struct sk_str sk_script_option(const struct sk_script_line *line, const char *name);
bool sk_script_has(const struct sk_script_line *line, const char *word);
/* The first JSON word, or empty. */
struct sk_str sk_script_json(const struct sk_script_line *line);
/* The next line of a text, without its end; the text becomes what is left. */
struct sk_str sk_script_next_line(struct sk_str *rest);

/* "pay", "pay.2" (an item), "pay:compensation", "pay.compensation", "pay:verify", "pay:poll" */
struct sk_script_call {
    struct sk_str step;
    int32_t item; /* -1 = none */
    enum sk_operation operation;
    bool has_operation;
};
struct sk_script_call sk_script_call_of(struct sk_str word);

/* The outcome whose class is the word `at`: succeeded (ok), failed (fail), retryable (retry),
 * unknown, pending; then a code and `status=402`, `code`, `answered`, `retry_after=3s`. Spans are
 * borrowed from the line. False: the word names no class. */
bool sk_script_outcome(const struct sk_script_line *line, uint32_t at, struct sk_outcome *out);

#endif
