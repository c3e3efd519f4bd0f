/* testkit_fixtures.c: sample definitions for tests of functions. */
#include <skald/test.h>

/* clang-format off: YAML */
#define HEAD(id) "saga: { id: " id ", name: " id ", version: \"1\" }\nsteps:\n"
#define STEP(id, after)                                                                  \
    "  - id: " id "\n    name: " id "\n    type: function\n"                             \
    "    dependencies: [" after "]\n"                                                    \
    "    action: { function: { name: " id ", parameters: { of: \"{{ .input }}\" } } }\n" \
    "    compensation: { type: automatic }\n"

static const char wait_for_go[] = HEAD("signal")
    STEP("first", "") "  - id: wait\n    name: wait\n    type: wait\n    dependencies: [first]\n"
                      "    wait: { signal: go }\n" STEP("last", "wait");

static const char each_item[] = HEAD(
    "foreach") "  - id: each\n    name: each\n    type: function\n"
               "    foreach:\n      items: \"{{ .input.items }}\"\n      var: item\n"
               "      action: { function: { name: each, parameters: { of: \"{{ .item }}\" } } }\n"
               "    compensation: { type: automatic }\n";

static const struct {
    const char *name, *text;
} fixtures[] = {
    { "sequence",
      HEAD("sequence") STEP("first", "") STEP("second", "first") STEP("third", "second") },
    { "parallel", HEAD("parallel") STEP("first", "") STEP("left", "first") STEP("right", "first")
                      STEP("last", "left, right") },
    { "signal", wait_for_go },
    { "foreach", each_item },
    { "pivot", HEAD("pivot") STEP("first", "")
                   STEP("commit", "first") "    pivot: true\n" STEP("last", "commit") },
};
/* clang-format on */

const char *skald_test_fixture(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof fixtures / sizeof fixtures[0]; i++)
        if (strcmp(fixtures[i].name, name) == 0) return fixtures[i].text;
    return NULL;
}
