/*
 * fuzz_differential.c: the core and the second model (tests/model), side by side. The input is one
 * byte for the definition, then one for each turn: what the participants, the clock, the operators
 * and the workers do is drawn from it (drive.h).
 *
 *   1  Whatever the core decides, the model says that it may come now.
 *   2  After each turn nothing is missing that must follow at once, by the model.
 *   3  After each turn both say the same of the saga, its steps and their items.
 *   4  An effect that is due for the core may leave by the model.
 */
#include "drive.h"
#include "plans.h"

#include "dsl/dsl.h"
#include "model/bridge/bridge.h"

enum { TURNS_MAX = 150 };

struct pair {
    struct fuzz_drive drive;
    struct sk_saga saga;
    const struct sk_plan *plan;
    const struct model_definition *definition;
    struct model *model;
};

/* As the model reads it, once a process. */
static const struct model_definition *definition_of(uint32_t index)
{
    static struct model_definition *definitions[FUZZ_PLANS_COUNT];
    if (definitions[index] != NULL) return definitions[index];
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .file_name = SK_STR("plan.yaml") };
    struct sk_buf json;
    sk_buf_init(&json, 0);
    sk_diagnostics_init(&diagnostics);
    enum skald_status status =
        sk_dsl_expand(sk_str_of(fuzz_plan_source(index)), &options, &json, &diagnostics);
    FUZZ_CHECK(status == SKALD_OK, "definition %u", index);
    definitions[index] = model_definition_new(json.data, json.size);
    FUZZ_CHECK(definitions[index] != NULL, "the model cannot read definition %u", index);
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&json);
    return definitions[index];
}

static void on_event(void *context, const struct sk_event *event, struct sk_str data)
{
    struct pair *pair = context;
    char problem[BRIDGE_PROBLEM_SIZE];
    (void)data;
    if (event->type == SK_EVENT_SAGA_ACCEPTED) {
        pair->model =
            bridge_accept(pair->definition, pair->plan, event, &pair->drive.rules, problem);
        FUZZ_CHECK(pair->model != NULL, "%s", problem);
        return;
    }
    const char *broken = bridge_event(pair->model, pair->plan, event);
    FUZZ_CHECK(broken == NULL, "%s", broken);
}

static void look_at_effect(void *context, const struct sk_effect *effect)
{
    struct pair *pair = context;
    const char *broken = bridge_effect(pair->model, pair->plan, effect);
    FUZZ_CHECK(broken == NULL, "step %u, attempt %u: %s", effect->step, effect->attempt, broken);
}

static void judge(struct pair *pair)
{
    char problem[BRIDGE_PROBLEM_SIZE];
    const char *missing = model_rest(pair->model, pair->saga.at_ms);
    FUZZ_CHECK(missing == NULL, "%s", missing);
    bool is_same = bridge_compare(pair->model, &pair->saga, problem);
    FUZZ_CHECK(is_same, "%s", problem);
    sk_saga_react(&pair->saga, 0, UINT64_MAX, look_at_effect, pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sk_command admit = { .kind = SK_COMMAND_ADMIT,
                                             .step = SK_STEP_NONE,
                                             .item = -1 };
    struct fuzz_bytes bytes = { data, size };
    uint32_t index = fuzz_u8(&bytes) % FUZZ_PLANS_COUNT;
    struct pair pair = { .plan = fuzz_plan(index), .definition = definition_of(index) };
    FUZZ_CHECK(sk_saga_init(&pair.saga, pair.plan), "memory");
    fuzz_drive_init(&pair.drive, &pair.saga, 1);
    pair.drive.on_event = on_event;
    pair.drive.context = &pair;
    enum skald_status status =
        fuzz_drive_start(&pair.drive, SK_STR("{\"amount\":7,\"list\":[1,2]}"));
    FUZZ_CHECK(status == SKALD_OK, "%s", skald_status_name(status));
    (void)fuzz_drive_do(&pair.drive, &admit);
    judge(&pair);
    for (uint32_t turn = 1; turn <= TURNS_MAX && bytes.left > 0; turn++) {
        /* Each turn has its own chance, so that a changed byte changes what comes then. */
        pair.drive.chance.state =
            (fuzz_u8(&bytes) + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) + turn;
        fuzz_drive_run(&pair.drive, 1);
        judge(&pair);
    }
    model_free(pair.model);
    fuzz_drive_release(&pair.drive);
    sk_saga_release(&pair.saga);
    return 0;
}
