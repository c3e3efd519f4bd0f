/* script.h: one line of a scenario, played. Its words: skald/script_line.h. */
#ifndef SK_TESTS_SCENARIO_SCRIPT_H
#define SK_TESTS_SCENARIO_SCRIPT_H

#include "world.h"

#include "skald/script_line.h"

struct script {
    struct world world;
    const char *file;
    uint32_t number;            /* of the present line */
    struct world_saga *current; /* the saga that lines without a prefix mean */
    uint32_t expectations;
    uint32_t signals; /* sent so far: gives those without an id one of their own */
};

/* False: said on stderr with file and line. */
bool script_fail(struct script *script, const char *format, ...) SK_PRINTF(2, 3);

struct call_name {
    uint32_t step;
    int32_t item;
    enum sk_operation operation;
    bool has_operation;
};
bool script_call(struct script *script, struct sk_str word, struct call_name *out);
bool script_expect(struct script *script, const struct sk_script_line *line);
bool script_run_line(struct script *script, struct sk_str text);

#endif
