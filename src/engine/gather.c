/* gather.c: see gather.h. */
#include "engine/gather.h"

#include "engine/engine_private.h"
#include "engine/group.h"

struct gather;

struct part {
    struct sk_gather_part view;
    struct sk_owned owned; /* of the member's engine, until it has told */
    struct sk_alarm again; /* at the member, while it waits for memory to go back with */
    struct gather *gather;
    bool is_told;
};

/* Touched by the asker's loop only, but for what does not change while it is under way. */
struct gather {
    struct sk_owned owned;
    struct sk_alarm alarm;
    struct sk_engine *engine; /* the asker's; NULL: nobody waits any more */
    struct sk_group *group;   /* NULL: no siblings */
    uint32_t from_member;
    sk_gather_look *look;
    sk_gather_done *done;
    void *context;
    struct sk_gather_question question;
    enum skald_status status;
    uint32_t count, left;                       /* parts; of them those that have not come back */
    struct sk_gather_part *parts[SK_GROUP_MAX]; /* come back */
    char text[];
};

/* ---- the asker's side ------------------------------------------------------------------------ */

static struct part *part_of(struct sk_gather_part *view)
{
    return sk_container_of(view, struct part, view);
}

static void free_part(struct part *part)
{
    sk_arena_release(&part->view.arena);
    sk_free(part);
}

static void free_parts(struct gather *gather)
{
    for (uint32_t i = 0; i < gather->count; i++) {
        if (gather->parts[i] != NULL) free_part(part_of(gather->parts[i]));
        gather->parts[i] = NULL;
    }
}

/* H2: whatever is still out is dropped when it comes. */
static void finish(struct gather *gather)
{
    struct sk_engine *engine = gather->engine;
    skald_error error = { .message = "" };
    enum skald_status status = gather->status;
    if (status == SKALD_OK && gather->left > 0) status = SKALD_E_AGAIN;
    if (status == SKALD_E_AGAIN) {
        (void)sk_error_set(&error, status, "not every loop of this process answers now");
    } else if (status != SKALD_OK) {
        (void)sk_error_set(&error, status, "%s", skald_status_text(status));
    }
    bool is_whole = status == SKALD_OK;
    sk_alarm_clear(engine, &gather->alarm);
    sk_disown(&gather->owned);
    gather->engine = NULL;
    gather->done(gather->context, status, is_whole ? NULL : &error, is_whole ? gather->parts : NULL,
                 is_whole ? gather->count : 0);
    free_parts(gather);
    if (gather->left == 0) sk_free(gather);
}

static void on_late(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)engine;
    finish(sk_container_of(alarm, struct gather, alarm));
}

/* H3 */
static void forget(struct sk_owned *owned)
{
    struct gather *gather = sk_container_of(owned, struct gather, owned);
    gather->engine = NULL;
    free_parts(gather);
    if (gather->left == 0) sk_free(gather);
}

static void keep(struct gather *gather, struct part *part)
{
    if (part->view.arena.failed) gather->status = SKALD_E_MEMORY;
    if (!part->is_told && gather->status == SKALD_OK) gather->status = SKALD_E_AGAIN;
    gather->parts[part->view.member] = &part->view;
}

/* `part` NULL: it could not even be asked. */
static void count_in(struct gather *gather, struct part *part)
{
    gather->left -= 1;
    if (gather->engine != NULL) {
        if (part != NULL) keep(gather, part);
        if (gather->left == 0) finish(gather);
        return;
    }
    if (part != NULL) free_part(part);
    if (gather->left == 0) sk_free(gather);
}

static void land(struct sk_engine *engine, void *context)
{
    struct part *part = context;
    (void)engine; /* the asker's present one, which need not be the one that asked */
    count_in(part->gather, part);
}

/* ---- the member's side ----------------------------------------------------------------------- */

static void go_back(struct part *part)
{
    struct gather *gather = part->gather;
    /* No memory at the end of an engine: the asker has its alarm, and what it holds is lost. */
    if (sk_group_post(gather->group, gather->from_member, land, part) != SKALD_OK) free_part(part);
}

static void free_owned(struct sk_owned *owned)
{
    go_back(sk_container_of(owned, struct part, owned));
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)engine;
    sk_gather_tell(&sk_container_of(alarm, struct part, again)->view);
}

void sk_gather_tell(struct sk_gather_part *view)
{
    struct part *part = part_of(view);
    struct gather *gather = part->gather;
    struct sk_engine *engine = view->engine;
    part->is_told = true;
    sk_disown(&part->owned);
    if (view->member == gather->from_member) {
        count_in(gather, part);
        return;
    }
    if (sk_group_post(gather->group, gather->from_member, land, part) == SKALD_OK) return;
    sk_own(engine, &part->owned, free_owned);
    part->again.fn = on_again;
    sk_alarm_set(engine, &part->again, sk_engine_now(engine) + SK_RETRY_AFTER_MS);
}

bool sk_gather_has(const struct sk_gather_part *part, struct sk_str id)
{
    const struct sk_engine *engine = part->engine;
    const struct sk_group *group = engine->options.group;
    return group == NULL ||
           sk_group_member_of(group, sk_engine_shard_of(engine, id)) == part->member;
}

static void drop_own(struct sk_owned *owned)
{
    struct part *part = sk_container_of(owned, struct part, owned);
    count_in(part->gather, part);
}

static void arrive(struct sk_engine *engine, void *context)
{
    struct part *part = context;
    bool is_asker = part->view.member == part->gather->from_member;
    if (engine == NULL) {
        go_back(part);
        return;
    }
    part->view.engine = engine;
    sk_own(engine, &part->owned, is_asker ? drop_own : free_owned);
    part->gather->look(&part->view);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct gather *gather_new(struct sk_engine *engine,
                                 const struct sk_gather_question *question)
{
    size_t size = question == NULL ? 0 : question->text.size;
    struct gather *gather = sk_alloc(sizeof *gather + size + 1);
    if (gather == NULL) return NULL;
    if (question != NULL) gather->question = *question;
    if (size > 0) memcpy(gather->text, question->text.data, size);
    gather->question.text = (struct sk_str){ gather->text, size };
    gather->engine = engine;
    gather->group = engine->options.group;
    gather->from_member = gather->group == NULL ? 0 : engine->options.group_member;
    gather->count = gather->group == NULL ? 1 : sk_group_count(gather->group);
    gather->left = gather->count + 1; /* nothing ends before all are asked */
    sk_own(engine, &gather->owned, forget);
    return gather;
}

static void ask(struct gather *gather, uint32_t member)
{
    struct part *part = sk_alloc(sizeof *part);
    if (part == NULL) {
        gather->status = SKALD_E_MEMORY;
        count_in(gather, NULL);
        return;
    }
    part->gather = gather;
    part->view.member = member;
    part->view.question = gather->question;
    sk_arena_init(&part->view.arena);
    sk_list_init(&part->owned.node);
    if (member == gather->from_member) {
        arrive(gather->engine, part);
    } else if (sk_group_post(gather->group, member, arrive, part) != SKALD_OK) {
        gather->status = SKALD_E_MEMORY;
        free_part(part);
        count_in(gather, NULL);
    }
}

void sk_engine_gather(struct sk_engine *engine, sk_gather_look *look,
                      const struct sk_gather_question *question, sk_gather_done *done,
                      void *context)
{
    struct gather *gather = gather_new(engine, question);
    if (gather == NULL) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, SKALD_E_MEMORY, &error, NULL, 0);
        return;
    }
    gather->look = look;
    gather->done = done;
    gather->context = context;
    uint32_t count = gather->count;
    if (count > 1) {
        gather->alarm.fn = on_late;
        sk_alarm_set(engine, &gather->alarm, sk_engine_now(engine) + SK_GATHER_WAIT_MS);
    }
    for (uint32_t i = 0; i < count; i++) ask(gather, i);
    count_in(gather, NULL);
}
