/*
 * errand.c: what is asked of this engine and concerns a saga that a sibling serves: carried there,
 * and its answer back. Who asked cannot be shown the saga (it lives on another loop): the reply has
 * its id, and no state.
 *
 *   asker's loop ──request, copied──► sibling's loop: done there as if asked there ──answer──►
 *   asker's
 *
 *   R1  An errand is carried once: the sibling does it or answers that it cannot now.
 *   R2  The waiter stays with the asker; when its engine is gone by the time the answer comes,
 *       there is nobody to tell.
 */
#include "engine/engine_private.h"

#include "engine/group.h"

enum errand_kind { ERRAND_START, ERRAND_COMMAND, ERRAND_REMOVE, ERRAND_LEARN };

struct errand {
    struct sk_owned owned; /* at the sibling, while it waits for memory to go back with */
    struct sk_alarm again;
    enum errand_kind kind;
    struct sk_group *group;
    uint32_t from_member;
    struct sk_engine *at;   /* the sibling that does it */
    struct sk_shell *shell; /* the asker's, as is the waiter */
    struct sk_waiter *waiter;
    struct sk_arena arena;
    struct sk_str saga_id, step_name;
    struct sk_job *job; /* ERRAND_COMMAND: holds the command */
    bool needs_store;
    struct sk_start_request request;
    struct sk_digest digest; /* ERRAND_LEARN: of saga_id, step_name, which are id and version */
    bool is_latest;
    /* answered */
    enum skald_status status;
    skald_error error;
    struct sk_buf answered_id, violations;
    bool is_replayed, is_pending_direction;
    int64_t retry_after_ms;
};

static void errand_free(struct errand *errand)
{
    if (errand->job != NULL) sk_job_free(errand->job);
    sk_arena_release(&errand->arena);
    sk_buf_release(&errand->answered_id);
    sk_buf_release(&errand->violations);
    sk_free(errand);
}

/* ---- back ------------------------------------------------------------------------------------ */

static void tell(struct errand *errand)
{
    struct sk_waiter *waiter = errand->waiter;
    struct sk_engine *engine = waiter->engine;
    waiter->is_replayed = errand->is_replayed;
    waiter->is_pending_direction = errand->is_pending_direction;
    waiter->retry_after_ms = errand->retry_after_ms;
    sk_buf_append_str(&waiter->owned.saga_id, sk_buf_view(&errand->answered_id));
    sk_buf_append_str(&waiter->owned.violations, sk_buf_view(&errand->violations));
    if (errand->status == SKALD_OK) {
        sk_waiter_succeed(waiter);
    } else {
        sk_waiter_fail_error(waiter, errand->status, &errand->error);
    }
    sk_engine_turn(engine);
}

static void land(struct sk_engine *engine, void *context)
{
    struct errand *errand = context;
    struct sk_engine *asker = errand->shell->engine; /* of the life that asked */
    (void)engine;
    if (asker != NULL) {
        tell(errand);
    } else {
        sk_waiter_free(errand->waiter);
    }
    sk_shell_unref(errand->shell);
    errand_free(errand);
}

/* Nothing came of it: the sibling goes down. */
static void give_up(struct errand *errand)
{
    errand->status = sk_error_set(&errand->error, SKALD_E_AGAIN,
                                  "the saga's shard is not served by this node now");
    if (sk_group_post(errand->group, errand->from_member, land, errand) != SKALD_OK)
        errand_free(errand); /* no memory, at the end of a process */
}

static void free_owned(struct sk_owned *owned)
{
    give_up(sk_container_of(owned, struct errand, owned));
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm);

static void go_back(struct sk_engine *engine, struct errand *errand)
{
    sk_disown(&errand->owned);
    if (sk_group_post(errand->group, errand->from_member, land, errand) == SKALD_OK) return;
    sk_own(engine, &errand->owned, free_owned);
    errand->again.fn = on_again;
    sk_alarm_set(engine, &errand->again, sk_engine_now(engine) + SK_RETRY_AFTER_MS);
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm)
{
    go_back(engine, sk_container_of(alarm, struct errand, again));
}

static void on_done(void *context, const struct sk_reply *reply)
{
    struct errand *errand = context;
    errand->status = reply->status;
    if (reply->error != NULL) errand->error = *reply->error;
    errand->is_replayed = reply->is_replayed;
    errand->is_pending_direction = reply->is_pending_direction;
    errand->retry_after_ms = reply->retry_after_ms;
    sk_buf_append_str(&errand->answered_id, reply->saga_id);
    sk_buf_append_str(&errand->violations, reply->violations);
    go_back(errand->at, errand);
}

/* ---- there ----------------------------------------------------------------------------------- */

static void learn(struct sk_engine *engine, struct errand *errand)
{
    bool is_new = false;
    bool is_known = sk_plans_add(engine, &errand->digest, errand->saga_id, errand->step_name,
                                 errand->is_latest, &is_new) != NULL;
    if (!is_known) errand->status = sk_error_set(&errand->error, SKALD_E_MEMORY, "out of memory");
    go_back(engine, errand);
}

static void arrive(struct sk_engine *engine, void *context)
{
    struct errand *errand = context;
    errand->at = engine;
    if (engine == NULL) {
        give_up(errand);
        return;
    }
    sk_own(engine, &errand->owned, free_owned);
    bool was_on_errand = engine->is_on_errand;
    engine->is_on_errand = true; /* R1 */
    switch (errand->kind) {
    case ERRAND_START: sk_engine_start(engine, &errand->request, on_done, errand); break;
    case ERRAND_COMMAND:
        sk_command_ask_for(engine, errand->saga_id, &errand->job->command, errand->step_name,
                           errand->needs_store, on_done, errand);
        break;
    case ERRAND_REMOVE: sk_engine_remove(engine, errand->saga_id, on_done, errand); break;
    case ERRAND_LEARN: learn(engine, errand); break;
    }
    engine->is_on_errand = was_on_errand;
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool sk_errand_is_due(const struct sk_engine *engine, struct sk_str id)
{
    if (engine->servings == NULL || engine->is_on_errand) return false;
    return sk_sibling_serving(engine, sk_engine_shard_of(engine, id)) != NULL;
}

static struct errand *errand_new(struct sk_engine *engine, enum errand_kind kind,
                                 struct sk_waiter *waiter)
{
    struct errand *errand = sk_alloc(sizeof *errand);
    if (errand == NULL) return NULL;
    errand->kind = kind;
    errand->group = engine->options.group;
    errand->from_member = engine->options.group_member;
    errand->waiter = waiter;
    sk_list_init(&errand->owned.node);
    sk_arena_init(&errand->arena);
    sk_buf_init(&errand->answered_id, 0);
    sk_buf_init(&errand->violations, 0);
    return errand;
}

static void leave_for(struct sk_engine *engine, struct errand *errand, uint32_t member,
                      struct sk_waiter *waiter)
{
    bool is_sent = errand != NULL && !errand->arena.failed;
    if (is_sent) {
        errand->shell = sk_shell_ref(engine->shell);
        is_sent = sk_group_post(errand->group, member, arrive, errand) == SKALD_OK;
        if (!is_sent) sk_shell_unref(errand->shell);
    }
    if (is_sent) return;
    if (errand != NULL) errand_free(errand);
    sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
}

/* `id` says where to. */
static void leave(struct sk_engine *engine, struct errand *errand, struct sk_str id,
                  struct sk_waiter *waiter)
{
    uint32_t shard = sk_engine_shard_of(engine, id);
    leave_for(engine, errand, sk_sibling_serving(engine, shard)->member, waiter);
}

void sk_errand_command(struct sk_engine *engine, struct sk_str saga_id,
                       const struct sk_command *command, struct sk_str step_name, bool needs_store,
                       struct sk_waiter *waiter)
{
    struct errand *errand = errand_new(engine, ERRAND_COMMAND, waiter);
    if (errand != NULL) {
        errand->saga_id = sk_arena_copy(&errand->arena, saga_id);
        errand->step_name = sk_arena_copy(&errand->arena, step_name);
        errand->needs_store = needs_store;
        errand->job = sk_job_new(SK_JOB_COMMAND, command, SK_STR(""), NULL);
        if (errand->job == NULL) errand->arena.failed = true;
    }
    leave(engine, errand, saga_id, waiter);
}

void sk_errand_remove(struct sk_engine *engine, struct sk_str saga_id, struct sk_waiter *waiter)
{
    struct errand *errand = errand_new(engine, ERRAND_REMOVE, waiter);
    if (errand != NULL) errand->saga_id = sk_arena_copy(&errand->arena, saga_id);
    leave(engine, errand, saga_id, waiter);
}

static void copy_request(struct errand *errand, const struct sk_start_request *from)
{
    struct sk_start_request *to = &errand->request;
    struct sk_arena *arena = &errand->arena;
    *to = *from;
    struct sk_str *texts[] = { &to->definition,      &to->version, &to->id,
                               &to->idempotency_key, &to->input,   &to->context,
                               &to->business_key,    &to->space,   &to->traceparent,
                               &to->attributes,      &to->tags };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sk_arena_copy(arena, *texts[i]);
    struct sk_str *keys = SK_ARENA_ARRAY(arena, struct sk_str, from->lock_keys_count);
    for (uint32_t i = 0; keys != NULL && i < from->lock_keys_count; i++)
        keys[i] = sk_arena_copy(arena, from->lock_keys[i]);
    to->lock_keys = keys;
}

void sk_errand_start(struct sk_engine *engine, struct sk_str place,
                     const struct sk_start_request *request, struct sk_waiter *waiter)
{
    struct errand *errand = errand_new(engine, ERRAND_START, waiter);
    if (errand != NULL) copy_request(errand, request);
    leave(engine, errand, place, waiter);
}

void sk_errand_learn(struct sk_engine *engine, uint32_t member, const struct sk_plan *plan,
                     bool is_latest, struct sk_waiter *waiter)
{
    struct errand *errand = errand_new(engine, ERRAND_LEARN, waiter);
    if (errand != NULL) {
        errand->saga_id = sk_arena_copy(&errand->arena, plan->id);
        errand->step_name = sk_arena_copy(&errand->arena, plan->version);
        errand->digest = plan->digest;
        errand->is_latest = is_latest;
    }
    leave_for(engine, errand, member, waiter);
}
