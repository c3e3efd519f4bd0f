/* scenario_private.h: what the files of the scenario player share. */
#ifndef SK_SKALD_SCENARIO_PRIVATE_H
#define SK_SKALD_SCENARIO_PRIVATE_H

#include "skald/scenario.h"
#include "skald/script_line.h"
#include "skald/testkit.h"

enum { SK_SCENARIO_STEPS_MAX = 4096, SK_SCENARIO_SAGAS_MAX = 1024 };

struct scenario_step {
    struct sk_str id;
    bool is_wait;
};

struct scenario {
    const char *file;
    struct sk_testkit *kit;
    struct sk_arena arena;
    struct sk_str definition; /* the one defined last */
    struct sk_str current;    /* the saga that lines without a prefix mean; empty = none yet */
    struct scenario_step steps[SK_SCENARIO_STEPS_MAX]; /* of all definitions */
    uint32_t steps_count;
    uint32_t number; /* of the present line */
    struct sk_str text;
    uint32_t expectations, signals, commands;
    int64_t start_ms;
    /* the failure */
    bool has_failed, is_wrong;
    struct sk_buf message, expected, actual;
};

/* False, for the caller to hand on: what was expected did not happen. */
bool scenario_fail(struct scenario *s, const char *format, ...) SK_PRINTF(2, 3);
/* False: the line itself is wrong. */
bool scenario_wrong(struct scenario *s, const char *format, ...) SK_PRINTF(2, 3);
/* A call of a step that some definition has; false after a message. */
bool scenario_call(struct scenario *s, struct sk_str word, struct sk_script_call *out);
/* A member of the line that is JSON, checked; empty when there is none. */
bool scenario_json(struct scenario *s, const struct sk_script_line *line, struct sk_str *out);
/* Relative to the scenario's folder. */
bool scenario_define_file(struct scenario *s, struct sk_str name);
bool scenario_define_text(struct scenario *s, struct sk_str source);
bool scenario_needs_saga(struct scenario *s);
/* A world of its own; NULL: out of memory. What is wrong already is in has_failed. */
struct scenario *scenario_new(const char *file, const struct sk_testkit_options *options);
void scenario_free(struct scenario *s); /* NULL is fine */
/* Plays a text whose first line has the number line_before + 1. False: the failure is in `s`. */
bool scenario_run(struct scenario *s, struct sk_str text, uint32_t line_before);
/* Forgets the failure. */
void scenario_reset(struct scenario *s);
bool scenario_expect(struct scenario *s, const struct sk_script_line *line);

#endif
