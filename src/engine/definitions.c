/*
 * definitions.c: define: a definition is read, checked, compiled, stored, and from then on known.
 *
 *      source --helper: sk_dsl_compile--> plan --what this build has--> children --> store.define
 *      --> known
 *
 *   Y1  The row is durable before anybody is told, and before any start that names it.
 *   Y2  What is refused here cannot fail at run time for a reason visible in the definition: kinds
 *       without an adapter, modes, a child whose pivot could not be undone.
 *   Y3  Siblings know it before anybody is told: a start may name it on any loop.
 */
#include "engine/engine_private.h"

#include "engine/group.h"

#include <stdio.h>

struct defining {
    struct sk_owned owned; /* while its children are looked for */
    struct sk_shell *shell;
    sk_define_reply_fn *done;
    void *context;
    struct sk_buf source, file_name, json;
    struct sk_dsl_options options;
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan;
    enum skald_status status;
    uint32_t next_step;
    bool is_new;
    uint32_t untold;   /* siblings that have not said that they know it */
    bool keeps_latest; /* a definition of this id that is there already stays the latest */
};

static void free_defining(struct defining *defining)
{
    sk_disown(&defining->owned);
    sk_buf_release(&defining->source);
    sk_buf_release(&defining->file_name);
    sk_buf_release(&defining->json);
    sk_diagnostics_release(&defining->diagnostics);
    sk_plan_free(defining->plan);
    sk_shell_unref(defining->shell);
    sk_free(defining);
}

static void free_owned(struct sk_owned *owned)
{
    free_defining(sk_container_of(owned, struct defining, owned));
}

/* Answers and frees. */
static void finish(struct defining *defining, enum skald_status status, const skald_error *error)
{
    struct sk_define_reply reply = { .status = status,
                                     .error = status != SKALD_OK ? error : NULL,
                                     .diagnostics = &defining->diagnostics,
                                     .is_new = defining->is_new };
    if (defining->plan != NULL) {
        reply.id = defining->plan->id;
        reply.version = defining->plan->version;
        reply.digest = defining->plan->digest;
    }
    if (defining->shell->engine != NULL) defining->done(defining->context, &reply);
    free_defining(defining);
}

static void do_compile(void *context)
{
    struct defining *defining = context;
    defining->status = sk_dsl_compile(sk_buf_view(&defining->source), &defining->options,
                                      &defining->plan, &defining->json, &defining->diagnostics);
}

/* ---- storing --------------------------------------------------------------------------------- */

/* `entry` may be gone again since the siblings were told: then the plan goes with the reply. */
static void answer(struct defining *defining, struct sk_plan_entry *entry)
{
    const struct sk_plan *plan = defining->plan;
    if (entry != NULL && entry->plan == NULL && !entry->is_loading) {
        /* The reply's texts come from the entry's plan then: it lives as long as the engine. */
        entry->plan = defining->plan;
        struct sk_define_reply reply = { .status = SKALD_OK,
                                         .diagnostics = &defining->diagnostics,
                                         .id = plan->id,
                                         .version = plan->version,
                                         .digest = plan->digest,
                                         .is_new = defining->is_new };
        defining->plan = NULL;
        defining->done(defining->context, &reply);
        free_defining(defining);
        return;
    }
    finish(defining, SKALD_OK, NULL);
}

/* Y3 */
static void on_told(void *context, const struct sk_reply *reply)
{
    struct defining *defining = context;
    struct sk_engine *engine = defining->shell->engine;
    /* A sibling that is down reads all definitions when it comes up. */
    bool is_known = reply->status == SKALD_OK || reply->status == SKALD_E_AGAIN;
    if (!is_known) defining->status = reply->status;
    defining->untold -= 1;
    if (defining->untold > 0) return;
    sk_disown(&defining->owned);
    if (defining->status != SKALD_OK) {
        skald_error error;
        (void)sk_error_set(&error, defining->status, "not every loop knows it: send it again");
        finish(defining, defining->status, &error);
        return;
    }
    struct sk_plan_entry *entry = NULL;
    HASH_FIND(hh, engine->plans, defining->plan->digest.bytes, SK_DIGEST_SIZE, entry);
    answer(defining, entry);
}

static void tell_siblings(struct sk_engine *engine, struct defining *defining)
{
    uint32_t count = sk_group_count(engine->options.group);
    sk_own(engine, &defining->owned, free_owned);
    defining->untold = count; /* this one too: nothing ends from inside the loop */
    for (uint32_t i = 0; i < count; i++) {
        struct sk_waiter *waiter = sk_waiter_new(engine, on_told, defining);
        if (waiter == NULL) continue; /* told already that there is no memory */
        if (i == engine->options.group_member) {
            sk_waiter_succeed(waiter);
        } else {
            sk_errand_learn(engine, i, defining->plan, !defining->keeps_latest, waiter);
        }
    }
    sk_engine_turn(engine);
}

static void on_stored(void *context, enum skald_status status, const skald_error *error)
{
    struct defining *defining = context;
    struct sk_engine *engine = defining->shell->engine;
    if (engine != NULL && status == SKALD_E_IO) {
        sk_result_reopen(engine);
        if (engine->phase == SK_PHASE_OPEN) status = SKALD_E_AGAIN; /* once it is back */
    }
    if (engine == NULL || status != SKALD_OK) {
        finish(defining, status, error);
        return;
    }
    const struct sk_plan *plan = defining->plan;
    struct sk_plan_entry *entry = sk_plans_add(engine, &plan->digest, plan->id, plan->version,
                                               !defining->keeps_latest, &defining->is_new);
    if (entry == NULL) {
        skald_error no_memory;
        (void)sk_error_set(&no_memory, SKALD_E_MEMORY, "out of memory");
        finish(defining, SKALD_E_MEMORY, &no_memory);
        return;
    }
    if (engine->servings != NULL) {
        tell_siblings(engine, defining);
    } else {
        answer(defining, entry);
    }
}

static void store(struct sk_engine *engine, struct defining *defining)
{
    sk_disown(&defining->owned);
    const struct sk_plan *plan = defining->plan;
    struct sk_definition_row row = { .digest = plan->digest,
                                     .id = plan->id,
                                     .version = plan->version,
                                     .source = sk_buf_view(&defining->json),
                                     .created_at_ms = sk_engine_now(engine) };
    if (defining->keeps_latest) defining->keeps_latest = sk_plans_knows(engine, plan->id);
    engine->store->ops->define(engine->store, &row, defining->keeps_latest, on_stored, defining);
}

/* ---- what this build has --------------------------------------------------------------------- */

static bool has_kind(const struct sk_engine *engine, enum sk_step_kind kind)
{
    return kind == SK_KIND_WAIT || kind == SK_KIND_SAGA || kind == SK_KIND_TASK ||
           engine->options.invokers[kind] != NULL;
}

/* The server knows services too, and hosts that must not be called. `step` NULL: of the saga. */
static enum skald_status check_service(const struct sk_engine *engine, const struct sk_step *step,
                                       const struct sk_action *action, skald_error *error)
{
    const struct sk_engine_options *options = &engine->options;
    enum skald_status status = SKALD_OK;
    if (action == NULL || action->kind != SK_KIND_HTTP) return SKALD_OK;
    if (options->check_service == NULL && action->endpoint == NULL) {
        status = sk_error_set(error, SKALD_E_INVALID,
                              "nobody knows where the service %.*s is: give the action an "
                              "`endpoint`, or name it under `services`",
                              SK_STR_ARGS(action->service));
    } else if (options->check_service != NULL &&
               (action->endpoint == NULL || action->fixed_endpoint.size > 0)) {
        status = options->check_service(options->service_context, action->service,
                                        action->fixed_endpoint, error);
    }
    if (status != SKALD_OK && step != NULL) {
        (void)sk_error_wrap(error, "step %.*s", SK_STR_ARGS(step->id));
    }
    return status;
}

static enum skald_status check_hooks(const struct sk_engine *engine, const struct sk_step *step,
                                     const struct sk_hooks *hooks, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    for (uint32_t i = 0; status == SKALD_OK && i < hooks->count; i++) {
        status = check_service(engine, step, hooks->items[i].action, error);
        if (status != SKALD_OK) (void)sk_error_wrap(error, "a hook");
    }
    return status;
}

static enum skald_status check_all_hooks(const struct sk_engine *engine, const struct sk_plan *plan,
                                         skald_error *error)
{
    enum skald_status status = check_hooks(engine, NULL, &plan->on_success, error);
    if (status == SKALD_OK) status = check_hooks(engine, NULL, &plan->on_failure, error);
    for (uint32_t s = 0; status == SKALD_OK && s < plan->steps_count; s++) {
        const struct sk_step *step = &plan->steps[s];
        status = check_hooks(engine, step, &step->on_success, error);
        if (status == SKALD_OK) status = check_hooks(engine, step, &step->on_failure, error);
    }
    return status;
}

static enum skald_status check_services(const struct sk_engine *engine, const struct sk_plan *plan,
                                        skald_error *error)
{
    for (uint32_t s = 0; s < plan->steps_count; s++) {
        const struct sk_step *step = &plan->steps[s];
        const struct sk_action *actions[] = { step->action, step->compensation.action, step->verify,
                                              step->wait.poll };
        for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
            enum skald_status status = check_service(engine, step, actions[i], error);
            if (status != SKALD_OK) return status;
        }
    }
    return SKALD_OK;
}

static enum skald_status check_build(const struct sk_engine *engine, const struct sk_plan *plan,
                                     skald_error *error)
{
    if (plan->mode != SK_MODE_ORCHESTRATION) {
        return sk_error_set(
            error, SKALD_E_UNSUPPORTED,
            "mode choreography and mode hybrid need a bus, which is not part of this build");
    }
    for (int kind = 0; kind < SK_KINDS_COUNT; kind++) {
        bool is_used = (plan->kinds >> kind & 1u) != 0;
        if (!is_used || has_kind(engine, (enum sk_step_kind)kind)) continue;
        return sk_error_set(error, SKALD_E_UNSUPPORTED,
                            "steps of type %s are not part of this build",
                            sk_step_kind_name((enum sk_step_kind)kind));
    }
    enum skald_status status = check_services(engine, plan, error);
    return status == SKALD_OK ? check_all_hooks(engine, plan, error) : status;
}

/* ---- children -------------------------------------------------------------------------------- */

static void check_children(struct sk_engine *engine, struct defining *defining);

static void on_child(void *context, enum skald_status status, struct sk_plan_entry *entry,
                     const skald_error *error)
{
    struct defining *defining = context;
    struct sk_engine *engine = defining->shell->engine;
    const struct sk_step *step = &defining->plan->steps[defining->next_step];
    if (status != SKALD_OK) {
        finish(defining, status, error);
        return;
    }
    bool declares =
        step->compensation.type == SK_UNDO_CUSTOM || step->compensation.type == SK_UNDO_SKIP;
    /* The items of a pivot are undone when one of them fails. */
    bool is_pivot = step->is_pivot && step->items == NULL;
    bool is_allowed = is_pivot || step->is_after_pivot || defining->plan->is_forward || declares;
    if (entry->plan->pivot != SK_STEP_NONE && !is_allowed) {
        skald_error refused;
        (void)sk_error_set(
            &refused, SKALD_E_INVALID,
            "step %.*s: the child %.*s has a pivot, so it cannot be undone: put the step at or "
            "after a pivot, or give it a compensation of its own",
            SK_STR_ARGS(step->id), SK_STR_ARGS(entry->id));
        finish(defining, SKALD_E_INVALID, &refused);
        return;
    }
    defining->next_step += 1;
    check_children(engine, defining);
}

static void on_child_found(void *context, enum skald_status status, struct sk_plan_entry *entry,
                           const skald_error *error)
{
    struct defining *defining = context;
    struct sk_engine *engine = defining->shell->engine;
    const struct sk_step *step = &defining->plan->steps[defining->next_step];
    if (status == SKALD_OK) {
        sk_plans_compiled(engine, entry, on_child, defining);
    } else if (status == SKALD_E_NOT_FOUND &&
               sk_str_equal(step->action->definition, defining->plan->id)) {
        defining->next_step += 1; /* a saga within itself: bounded by depth */
        check_children(engine, defining);
    } else if (status == SKALD_E_NOT_FOUND) {
        skald_error missing;
        (void)sk_error_set(&missing, SKALD_E_INVALID,
                           "step %.*s: the child definition %.*s is not defined yet",
                           SK_STR_ARGS(step->id), SK_STR_ARGS(step->action->definition));
        finish(defining, SKALD_E_INVALID, &missing);
    } else {
        finish(defining, status, error);
    }
}

static void check_children(struct sk_engine *engine, struct defining *defining)
{
    const struct sk_plan *plan = defining->plan;
    while (defining->next_step < plan->steps_count) {
        const struct sk_step *step = &plan->steps[defining->next_step];
        if (step->kind == SK_KIND_SAGA && step->action != NULL) {
            sk_plans_by_name(engine, step->action->definition, step->action->version,
                             on_child_found, defining);
            return;
        }
        defining->next_step += 1;
    }
    store(engine, defining);
}

/* ---- define ---------------------------------------------------------------------------------- */

/* One sentence; all of them go to the caller beside it. */
static void name_first_error(const struct sk_diagnostics *diagnostics, skald_error *error)
{
    const struct sk_diagnostic *first = NULL;
    for (uint32_t i = 0; i < diagnostics->count && first == NULL; i++) {
        if (diagnostics->items[i].severity == SK_SEVERITY_ERROR) first = &diagnostics->items[i];
    }
    if (first == NULL) {
        (void)sk_error_set(error, SKALD_E_INVALID, "%s", skald_status_text(SKALD_E_INVALID));
        return;
    }
    char more[48] = "";
    if (diagnostics->errors_count > 1) {
        (void)snprintf(more, sizeof more, "; errors in all: %u", diagnostics->errors_count);
    }
    (void)sk_error_set(error, SKALD_E_INVALID, "%.*s:%u:%u: %.*s%s%.*s%s", SK_STR_ARGS(first->file),
                       first->line, first->column, SK_STR_ARGS(first->path),
                       first->path.size > 0 ? ": " : "", SK_STR_ARGS(first->message), more);
}

static void on_compiled(void *context)
{
    struct defining *defining = context;
    struct sk_engine *engine = defining->shell->engine;
    skald_error error = { .status = SKALD_OK };
    if (engine == NULL) {
        free_defining(defining);
        return;
    }
    enum skald_status status = defining->status;
    if (status == SKALD_E_INVALID) {
        name_first_error(&defining->diagnostics, &error);
    } else if (status != SKALD_OK) {
        (void)sk_error_set(&error, status, "%s", skald_status_text(status));
    } else {
        status = check_build(engine, defining->plan, &error);
    }
    if (status != SKALD_OK) {
        finish(defining, status, &error);
    } else {
        sk_own(engine, &defining->owned, free_owned);
        check_children(engine, defining);
    }
}

void sk_engine_define(struct sk_engine *engine, struct sk_str source, struct sk_str file_name,
                      sk_define_reply_fn *done, void *context)
{
    sk_define(engine, source, file_name, false, done, context);
}

void sk_define(struct sk_engine *engine, struct sk_str source, struct sk_str file_name,
               bool keeps_latest, sk_define_reply_fn *done, void *context)
{
    struct defining *defining = NULL;
    enum skald_status status = SKALD_E_TOO_LARGE;
    if (source.size <= engine->options.definition_size_max) {
        defining = sk_alloc(sizeof *defining);
        status = SKALD_E_MEMORY;
    }
    if (defining != NULL) {
        sk_list_init(&defining->owned.node);
        defining->shell = sk_shell_ref(engine->shell);
        defining->done = done;
        defining->keeps_latest = keeps_latest;
        defining->context = context;
        sk_buf_init(&defining->source, 0);
        sk_buf_init(&defining->file_name, 0);
        sk_buf_init(&defining->json, 0);
        sk_diagnostics_init(&defining->diagnostics);
        sk_buf_append_str(&defining->source, source);
        sk_buf_append_str(&defining->file_name, file_name);
        defining->options = engine->options.dsl;
        if (file_name.size > 0) defining->options.file_name = sk_buf_view(&defining->file_name);
        if (!defining->source.failed && !defining->file_name.failed) {
            status =
                engine->runtime->ops->offload(engine->runtime, do_compile, on_compiled, defining);
        }
    }
    if (status == SKALD_OK) return;
    skald_error error;
    if (status == SKALD_E_TOO_LARGE) {
        (void)sk_error_set(&error, status,
                           "the definition has %zu bytes; limits.definition_max allows %zu",
                           source.size, engine->options.definition_size_max);
    } else {
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
    }
    if (defining != NULL) {
        finish(defining, SKALD_E_MEMORY, &error);
    } else {
        struct sk_diagnostics none;
        sk_diagnostics_init(&none);
        done(context, &(struct sk_define_reply){
                          .status = error.status, .error = &error, .diagnostics = &none });
    }
}

/* ---- plans for others ------------------------------------------------------------------------ */

struct asking {
    struct sk_owned owned;
    struct sk_engine *engine;
    sk_plan_done *done;
    void *context;
    struct sk_plan_entry *entry;
    enum skald_status status;
    skald_error error;
};

static void free_asking(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct asking, owned));
}

static void tell(struct sk_engine *engine, void *context)
{
    (void)engine;
    struct asking asking = *(struct asking *)context;
    sk_disown(&((struct asking *)context)->owned);
    sk_free(context);
    asking.done(asking.context, asking.status, asking.entry == NULL ? NULL : asking.entry->plan,
                asking.status == SKALD_OK ? NULL : &asking.error);
}

/* Always deferred: the answer may have been known at once. */
static void on_plan(void *context, enum skald_status status, struct sk_plan_entry *entry,
                    const skald_error *error)
{
    struct asking *asking = context;
    asking->status = status;
    asking->entry = status == SKALD_OK ? entry : NULL;
    if (status != SKALD_OK) asking->error = *error;
    if (sk_engine_defer(asking->engine, tell, asking) != SKALD_OK) tell(asking->engine, asking);
}

static void on_name(void *context, enum skald_status status, struct sk_plan_entry *entry,
                    const skald_error *error)
{
    struct asking *asking = context;
    if (status != SKALD_OK) {
        on_plan(asking, status, NULL, error);
    } else {
        sk_plans_compiled(asking->engine, entry, on_plan, asking);
    }
}

void sk_engine_plan(struct sk_engine *engine, const struct sk_digest *digest, struct sk_str id,
                    struct sk_str version, sk_plan_done *done, void *context)
{
    struct asking *asking = sk_alloc(sizeof *asking);
    if (asking == NULL) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, SKALD_E_MEMORY, NULL, &error);
        return;
    }
    asking->engine = engine;
    sk_own(engine, &asking->owned, free_asking);
    asking->done = done;
    asking->context = context;
    if (digest != NULL) {
        sk_plans_by_digest(engine, digest, on_plan, asking);
    } else {
        sk_plans_by_name(engine, id, version, on_name, asking);
    }
}
