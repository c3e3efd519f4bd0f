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
    enum sk_hook_on on; /* of SK_OPERATION_HOOK; step SK_STEP_NONE = the saga's */
    uint32_t index;
};
/* The hook that is meant, or NULL: it has ended, or was never called for. */
const struct sk_hook_run *script_hook(const struct script *script, const struct call_name *name);
extern const char *const script_hook_names[SK_HOOK_ONS_COUNT];
bool script_call(struct script *script, struct sk_str word, struct call_name *out);
bool script_expect(struct script *script, const struct sk_script_line *line);
bool script_run_line(struct script *script, struct sk_str text);

#endif
