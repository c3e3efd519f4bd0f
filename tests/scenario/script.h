/* script.h: one line of a scenario: words, options and JSON. */
#ifndef SK_TESTS_SCENARIO_SCRIPT_H
#define SK_TESTS_SCENARIO_SCRIPT_H

#include "world.h"

enum { WORDS_MAX = 24 };

struct line {
    struct sk_str words[WORDS_MAX]; /* a word that begins with { [ or " is JSON to its end */
    uint32_t count;
};

struct script {
    struct world world;
    const char *file;
    uint32_t number;            /* of the present line */
    struct world_saga *current; /* the saga that lines without a prefix mean */
    uint32_t expectations;
    uint32_t signals; /* sent so far: gives those without an id one of their own */
};

void line_split(struct sk_str text, struct line *out);
/* "name=value" anywhere in the line; empty = not there. */
struct sk_str line_option(const struct line *line, const char *name);
bool line_has(const struct line *line, const char *word);
/* The first JSON word, or empty. */
struct sk_str line_json(const struct line *line);
/* False: said on stderr with file and line. */
bool script_fail(struct script *script, const char *format, ...) SK_PRINTF(2, 3);

struct call_name {
    uint32_t step;
    int32_t item;
    enum sk_operation operation;
    bool has_operation;
};
bool script_call(struct script *script, struct sk_str word, struct call_name *out);
bool script_expect(struct script *script, const struct line *line);
bool script_run_line(struct script *script, struct sk_str text);

#endif
