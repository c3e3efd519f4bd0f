/*
 * generate_defect.c: definitions with exactly one known defect, which must be refused. Each stands
 * in a sound definition of a few steps, in a member of the saga, of the document, or in steps of
 * its own behind the sound ones.
 *
 * A text may hold, replaced when it is written: @A = the ids of all sound steps, as a list's
 * inside; @P = a definition with a pivot.
 */
#include "generate.h"

#define CALL                                                                     \
    "\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p0\"," \
    "\"endpoint\":\"http://p0\"}}"
#define X_CALL "{\"id\":\"x\"," CALL
#define SKIP ",\"compensation\":{\"type\":\"skip\"}"

/* Where the text belongs. */
enum part { IN_STEPS, IN_SAGA, IN_DOCUMENT, IN_PLACE_OF_ALL };
enum { NEEDS_NOTHING, NEEDS_PIVOT_CHILD };

static const struct defect {
    const char *name;
    enum part part;
    const char *text;
    int needs;
} defects[] = {
    /* the graph */
    { "unknown dependency", IN_STEPS, X_CALL ",\"dependencies\":[\"nobody\"]}", 0 },
    { "dependency on itself", IN_STEPS, X_CALL ",\"dependencies\":[\"x\"]}", 0 },
    { "cycle", IN_STEPS,
      X_CALL ",\"dependencies\":[\"y\"]},{\"id\":\"y\"," CALL ",\"dependencies\":[\"x\"]}", 0 },
    { "long cycle", IN_STEPS,
      X_CALL ",\"dependencies\":[\"z\"]},{\"id\":\"y\"," CALL
             ",\"dependencies\":[\"x\"]},{\"id\":\"z\"," CALL ",\"dependencies\":[\"y\",\"s0\"]}",
      0 },
    { "double id", IN_STEPS, "{\"id\":\"s0\"," CALL "}", 0 },
    /* pivots */
    { "pivot that is no cut", IN_STEPS,
      X_CALL ",\"pivot\":true,\"dependencies\":[@A]},{\"id\":\"y\"," CALL "}", 0 },
    { "two pivots", IN_STEPS,
      X_CALL ",\"pivot\":true,\"dependencies\":[@A]},{\"id\":\"y\"," CALL
             ",\"pivot\":true,\"dependencies\":[\"x\"]}",
      0 },
    { "async pivot", IN_STEPS, X_CALL ",\"pivot\":true,\"async\":true,\"dependencies\":[@A]}", 0 },
    { "optional pivot", IN_STEPS,
      X_CALL ",\"pivot\":true,\"continue_on_error\":true,\"dependencies\":[@A]}", 0 },
    { "pivot with no_retry and no verify", IN_STEPS,
      X_CALL ",\"pivot\":true,\"dependencies\":[@A],\"retry_policy\":{\"type\":\"no_retry\"}}", 0 },
    { "no_retry after the pivot without verify", IN_STEPS,
      X_CALL ",\"pivot\":true,\"dependencies\":[@A]},{\"id\":\"y\"," CALL
             ",\"dependencies\":[\"x\"],\"retry_policy\":{\"type\":\"no_retry\"}}",
      0 },
    { "no_retry and recovery forward without verify", IN_DOCUMENT,
      "\"saga\":{\"id\":\"bad\",\"name\":\"B\",\"recovery\":\"forward\"},\"steps\":[" X_CALL
      ",\"retry_policy\":{\"type\":\"no_retry\"}}]",
      0 },
    /* children */
    { "child with a pivot before a pivot", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"saga\",\"action\":{\"saga\":{\"definition\":"
      "\"@P\"}}}",
      NEEDS_PIVOT_CHILD },
    { "child with a pivot for each item of a pivot", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"saga\",\"pivot\":true,\"dependencies\":[@A],"
      "\"foreach\":{\"items\":\"{{ .input.few }}\",\"var\":\"it\",\"action\":{\"saga\":"
      "{\"definition\":\"@P\"}}}}",
      NEEDS_PIVOT_CHILD },
    { "unknown child", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"saga\",\"action\":{\"saga\":{\"definition\":"
      "\"gone\"}}}",
      0 },
    { "unknown version of a child", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"saga\",\"action\":{\"saga\":{\"definition\":\"d0\","
      "\"version\":\"77\"}}}",
      0 },
    { "child of itself without a condition", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"saga\",\"action\":{\"saga\":{\"definition\":"
      "\"bad\"}}}",
      0 },
    /* what this build has not */
    { "a message", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"message\",\"action\":{\"message\":{\"topic\":"
      "\"t\"}}}",
      0 },
    { "a message's reply", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"message\",\"action\":{\"message\":{\"topic\":\"t\","
      "\"reply\":{\"topic\":\"r\",\"timeout\":\"5s\"}}}}",
      0 },
    { "grpc", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"grpc\",\"action\":{\"service\":{\"name\":\"p0\","
      "\"endpoint\":\"p0:90\",\"method\":\"Do\"}}}",
      0 },
    { "custom", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"custom\",\"action\":{\"custom\":{\"type\":\"mine\","
      "\"a\":1}}}",
      0 },
    { "mode choreography", IN_DOCUMENT,
      "\"saga\":{\"id\":\"bad\",\"name\":\"B\",\"mode\":\"choreography\"},\"steps\":[{\"id\":\"x\","
      "\"name\":\"X\",\"on\":\"order.made\",\"publish\":\"done\"}]",
      0 },
    { "choreography in an orchestration", IN_STEPS, X_CALL ",\"publish\":\"done\"}", 0 },
    { "a hook of type custom", IN_SAGA,
      "\"on_failure\":{\"actions\":[{\"custom\":{\"type\":\"mine\"}}]}", 0 },
    /* actions */
    { "no action", IN_STEPS, "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\"}", 0 },
    { "no type", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"action\":{\"function\":{\"name\":\"f0\"}}}", 0 },
    { "no name", IN_STEPS,
      "{\"id\":\"x\",\"type\":\"function\",\"action\":{\"function\":{\"name\":\"f0\"}}}", 0 },
    { "unknown type", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"htp\",\"action\":{\"function\":{\"name\":\"f0\"}}}",
      0 },
    { "two actions", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"action\":{\"function\":{"
      "\"name\":\"f0\"},"
      "\"task\":\"q1\"}}",
      0 },
    { "an action of another type", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"action\":{\"task\":\"q1\"}}", 0 },
    { "an action beside foreach", IN_STEPS,
      X_CALL ",\"foreach\":{\"items\":\"{{ .input.list }}\",\"var\":\"it\",\"action\":"
             "{\"service\":{\"name\":\"p0\",\"endpoint\":\"http://p0\"}}}}",
      0 },
    { "a service that nobody knows", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p77\"}}}",
      0 },
    { "a service's name", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"No_1\","
      "\"endpoint\":\"http://p0\"}}}",
      0 },
    { "no URL", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p0\","
      "\"endpoint\":\"p0/path\"}}}",
      0 },
    { "no HTTP verb", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p0\","
      "\"endpoint\":\"http://p0\",\"method\":\"TAKE\"}}}",
      0 },
    { "a status in two lists", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p0\","
      "\"endpoint\":\"http://p0\",\"fail\":[503,500],\"retry\":[503]}}}",
      0 },
    { "a header of two lines", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p0\","
      "\"endpoint\":\"http://p0\",\"headers\":{\"a\":\"b\\r\\nc: d\"}}}}",
      0 },
    { "a secret in a body", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"p0\","
      "\"endpoint\":\"http://p0\",\"body\":\"${secret:KEY}\"}}}",
      0 },
    { "an unset variable", IN_SAGA, "\"description\":\"${NOBODY_SET_THIS}\"", 0 },
    /* questions and hooks */
    { "a verify that is a task", IN_STEPS, X_CALL ",\"verify\":{\"task\":\"q1\"}}", 0 },
    { "a poll that is a saga", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\",\"wait\":{\"poll\":{\"action\":{\"saga\":"
      "{\"definition\":\"d0\"}},\"interval\":\"1s\",\"until\":\"$response.ready\"}}}",
      0 },
    { "a hook that is a task", IN_STEPS,
      X_CALL ",\"on_success\":{\"actions\":[{\"task\":\"q1\"}]}}", 0 },
    { "a hook that is a saga", IN_SAGA,
      "\"on_failure\":{\"actions\":[{\"saga\":{\"definition\":\"d0\"}}]}", 0 },
    { "a notification without target", IN_SAGA,
      "\"on_failure\":{\"notifications\":[{\"type\":\"slack\"}]}", 0 },
    { "a notification of no kind", IN_SAGA,
      "\"on_failure\":{\"notifications\":[{\"type\":\"pigeon\",\"target\":\"me\"}]}", 0 },
    /* waits, lists, conditions */
    { "a wait for nothing", IN_STEPS, "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\",\"wait\":{}}",
      0 },
    { "a wait for two things", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\",\"wait\":{\"for\":\"1s\",\"signal\":\"go\"}}",
      0 },
    { "no wait", IN_STEPS, "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\"}", 0 },
    { "a wait in another type", IN_STEPS, X_CALL ",\"wait\":{\"for\":\"1s\"}}", 0 },
    { "a wait until no instant", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\",\"wait\":{\"until\":\"tomorrow\"}}", 0 },
    { "a poll without an end", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\",\"wait\":{\"poll\":{\"action\":{\"function\":"
      "{\"name\":\"f0\"}},\"interval\":\"1s\"}}}",
      0 },
    { "foreach over a constant", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"foreach\":{\"items\":\"abc\","
      "\"var\":\"it\","
      "\"action\":{\"function\":{\"name\":\"f0\"}}}}",
      0 },
    { "foreach over a taken name", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"foreach\":{\"items\":\"{{"
      " .input.list }}\","
      "\"var\":\"input\",\"action\":{\"function\":{\"name\":\"f0\"}}}}",
      0 },
    { "foreach of none at once", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"foreach\":{\"items\":\"{{"
      " .input.list }}\","
      "\"var\":\"it\",\"parallel\":0,\"action\":{\"function\":{\"name\":\"f0\"}}}}",
      0 },
    { "an expression and a function", IN_STEPS,
      X_CALL ",\"condition\":{\"expression\":\"true\",\"function\":\"c0\"}}", 0 },
    { "a condition of neither", IN_STEPS, X_CALL ",\"condition\":{\"variables\":{}}}", 0 },
    { "no expression", IN_STEPS, X_CALL ",\"condition\":{\"expression\":\"$input.n >\"}}", 0 },
    { "a reference to nothing", IN_STEPS,
      X_CALL ",\"condition\":{\"expression\":\"$elsewhere.n > 1\"}}", 0 },
    /* templates */
    { "an async step's output", IN_STEPS,
      X_CALL ",\"async\":true},{\"id\":\"y\",\"name\":\"Y\",\"type\":\"function\",\"dependencies\":"
             "[\"x\"],\"action\":{\"function\":{\"name\":\"f0\",\"parameters\":"
             "\"{{ .output.x.id }}\"}}}",
      0 },
    { "its own output", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"action\":{\"function\":{"
      "\"name\":\"f0\","
      "\"parameters\":\"{{ .output.x }}\"}}}",
      0 },
    { "an unknown step's output", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"action\":{\"function\":{"
      "\"name\":\"f0\","
      "\"parameters\":\"{{ .output.nobody.n }}\"}}}",
      0 },
    { "the attempt in a request", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"action\":{\"function\":{"
      "\"name\":\"f0\","
      "\"parameters\":\"{{ .attempt }}\"}}}",
      0 },
    { "the error in a request", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"action\":{\"function\":{"
      "\"name\":\"f0\","
      "\"parameters\":\"{{ .error.code }}\"}}}",
      0 },
    { "a branch that never ends", IN_SAGA, "\"output\":\"{{ if .input.n }}yes\"", 0 },
    { "an unknown pipe", IN_SAGA, "\"output\":\"{{ .input.n | sideways }}\"", 0 },
    { "the time in a key", IN_STEPS, X_CALL ",\"idempotency_key\":\"{{ .timestamp }}\"}", 0 },
    { "an output in a lock key", IN_SAGA, "\"lock_keys\":[\"{{ .output.s0 }}\"]", 0 },
    /* times and policies */
    { "an attempt longer than its step", IN_STEPS,
      X_CALL ",\"timeout\":\"9s\",\"step_timeout\":\"5s\"}", 0 },
    { "an action longer than its step", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"function\",\"timeout\":\"1s\",\"action\":{"
      "\"function\":"
      "{\"name\":\"f0\",\"timeout\":\"2s\"}}}",
      0 },
    { "an attempt longer than its saga", IN_DOCUMENT,
      "\"saga\":{\"id\":\"bad\",\"name\":\"B\",\"timeout\":\"5s\"},\"steps\":[" X_CALL
      ",\"timeout\":\"6s\"}]",
      0 },
    { "too short a saga", IN_SAGA, "\"timeout\":\"500ms\"", 0 },
    { "no unit", IN_STEPS, X_CALL ",\"timeout\":5}", 0 },
    { "no duration", IN_STEPS, X_CALL ",\"timeout\":\"soon\"}", 0 },
    { "a cap below the first pause", IN_STEPS,
      X_CALL ",\"retry_policy\":{\"type\":\"fixed_delay\",\"initial_delay\":\"5s\","
             "\"max_delay\":\"2s\"}}",
      0 },
    { "no attempt at all", IN_STEPS,
      X_CALL ",\"retry_policy\":{\"type\":\"fixed_delay\",\"max_attempts\":0}}", 0 },
    { "no kind of policy", IN_STEPS, X_CALL ",\"retry_policy\":{\"max_attempts\":3}}", 0 },
    { "a factor below one", IN_STEPS,
      X_CALL ",\"retry_policy\":{\"type\":\"exponential_backoff\",\"multiplier\":0.5}}", 0 },
    { "a jitter of no kind", IN_STEPS,
      X_CALL ",\"retry_policy\":{\"type\":\"fixed_delay\",\"jitter\":\"some\"}}", 0 },
    /* compensations */
    { "another strategy than the global one", IN_DOCUMENT,
      "\"saga\":{\"id\":\"bad\",\"name\":\"B\"},\"global_compensation\":{\"strategy\":"
      "\"sequential\"},"
      "\"steps\":[" X_CALL ",\"compensation\":{\"type\":\"skip\",\"strategy\":\"parallel\"}}]",
      0 },
    { "no compensation where one is required", IN_DOCUMENT,
      "\"saga\":{\"id\":\"bad\",\"name\":\"B\"},\"global_compensation\":{\"strategy\":"
      "\"sequential\","
      "\"compensation\":\"required\"},\"steps\":[" X_CALL "}]",
      0 },
    { "a compensation without its action", IN_STEPS,
      X_CALL ",\"compensation\":{\"type\":\"custom\"}}", 0 },
    { "an automatic compensation of a wait", IN_STEPS,
      "{\"id\":\"x\",\"name\":\"X\",\"type\":\"wait\",\"wait\":{\"for\":\"1s\"},\"compensation\":"
      "{\"type\":\"automatic\"}}",
      0 },
    { "a compensation of no kind", IN_STEPS, X_CALL ",\"compensation\":{\"timeout\":\"1s\"}}", 0 },
    /* the document */
    { "an id that is none", IN_STEPS, "{\"id\":\"-x\"," CALL "}", 0 },
    { "an input schema that is none", IN_SAGA, "\"input_schema\":{\"type\":\"thing\"}", 0 },
    { "a NUL", IN_SAGA, "\"description\":\"\\u0000\"", 0 },
    { "a key twice", IN_SAGA, "\"tags\":[],\"tags\":[]", 0 },
    { "no steps", IN_DOCUMENT, "\"saga\":{\"id\":\"bad\",\"name\":\"B\"},\"steps\":[]", 0 },
    { "no saga", IN_DOCUMENT, "\"steps\":[" X_CALL "}]", 0 },
    { "no map", IN_PLACE_OF_ALL, "[1,2]", 0 },
    { "no JSON", IN_PLACE_OF_ALL,
      "{\"saga\":{\"id\":\"bad\",\"name\":\"B\"},\"steps\":[" X_CALL "]", 0 },
    { "nothing", IN_PLACE_OF_ALL, "", 0 },
};

enum { DEFECTS = sizeof defects / sizeof defects[0] };
_Static_assert((int)DEFECTS <= (int)SIM_DEFECTS_MAX, "a counter each");

const char *sim_defect_name(uint32_t defect)
{
    return defect < DEFECTS ? defects[defect].name : NULL;
}

static int pivot_child(const struct sim_generated *known)
{
    for (uint32_t i = 0; i < known->count; i++) {
        if (known->has_pivot[i]) return (int)i;
    }
    return -1;
}

static void put_text(const struct sim_generated *known, uint32_t steps, const char *text,
                     struct sk_buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text != '@') {
            sk_buf_append(out, text, 1);
            continue;
        }
        text += 1;
        if (*text == 'P') sk_buf_printf(out, "d%d", pivot_child(known));
        for (uint32_t i = 0; *text == 'A' && i < steps; i++)
            sk_buf_printf(out, "%s\"s%u\"", i > 0 ? "," : "", i);
    }
}

static void put_steps(uint32_t steps, struct sk_buf *out)
{
    for (uint32_t i = 0; i < steps; i++) {
        sk_buf_printf(out, "%s{\"id\":\"s%u\"," CALL SKIP, i > 0 ? "," : "", i);
        if (i > 0) sk_buf_printf(out, ",\"dependencies\":[\"s%u\"]", i - 1);
        sk_buf_append_text(out, "}");
    }
}

uint32_t sim_generate_defect(const struct sim_generated *known, struct sim_rng *rng,
                             struct sk_buf *out)
{
    uint32_t steps = 1 + sim_below(rng, 4), index = sim_below(rng, DEFECTS);
    while (defects[index].needs == NEEDS_PIVOT_CHILD && pivot_child(known) < 0)
        index = sim_below(rng, DEFECTS);
    const struct defect *defect = &defects[index];
    if (defect->part == IN_PLACE_OF_ALL) {
        sk_buf_append_text(out, defect->text);
        return index;
    }
    sk_buf_append_text(out, "{");
    if (defect->part == IN_DOCUMENT) {
        put_text(known, steps, defect->text, out);
        sk_buf_append_text(out, "}");
        return index;
    }
    sk_buf_append_text(out, "\"saga\":{\"id\":\"bad\",\"name\":\"Bad\"");
    if (defect->part == IN_SAGA) {
        sk_buf_append_text(out, ",");
        put_text(known, steps, defect->text, out);
    }
    sk_buf_append_text(out, "},\"steps\":[");
    put_steps(steps, out);
    if (defect->part == IN_STEPS) {
        sk_buf_append_text(out, ",");
        put_text(known, steps, defect->text, out);
    }
    sk_buf_append_text(out, "]}");
    return index;
}
