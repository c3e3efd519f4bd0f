/*
 * scenario.h: plays text scenarios of users: their own definitions, the real engine in virtual
 * time, participants that answer as the text says. The language: docs/testing.md.
 *
 *   scenario_file.c     files and their sections
 *   scenario.c          the lines that do something
 *   scenario_define.c   its definitions
 *   scenario_expect.c   the lines that begin with `expect`
 *
 * A file holds one scenario, or several, each after a line `scenario NAME`; what stands before the
 * first of these lines is played before each.
 */
#ifndef SK_SKALD_SCENARIO_H
#define SK_SKALD_SCENARIO_H

#include "base/buf.h"
#include "base/error.h"

/* What came of one scenario. Borrowed for the call. */
struct sk_scenario_report {
    const char *file;
    struct sk_str name;
    uint32_t line; /* where it begins */
    bool has_passed;
    bool is_wrong;         /* the text cannot be played: a mistake in it, not in the sagas */
    uint32_t expectations; /* that were met */
    int64_t virtual_ms;    /* how long it took in its own time */
    /* when it has not passed */
    uint32_t failed_line;
    struct sk_str text, message;    /* the line; what is the matter */
    struct sk_str expected, actual; /* may be empty */
    struct sk_str timeline;         /* of the saga in question, a line each; may be empty */
};
typedef void sk_scenario_fn(void *context, const struct sk_scenario_report *report);

/* Calls `fn` once for each scenario of the file. An error: the file cannot be read. */
enum skald_status sk_scenario_play(const char *path, sk_scenario_fn *fn, void *context,
                                   skald_error *error) SK_MUST_CHECK;

#endif
