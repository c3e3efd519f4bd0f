/*
 * poll_sibling.c: workers that wait at one engine of a group and tasks that another one has.
 *
 *      the engine with the worker                        its siblings, with tasks or without
 *        a queue's first poll ── interest ───────────────►  noted
 *        so many are there    ◄── offer: how many wait ───  at once; and when there are tasks that
 *             │                                             nobody here waits for
 *        a poll in the line ──── claim ──────────────────►  a poll like any other, at the end of
 *             │                                             their line, that does not wait
 *        answered             ◄── given, how many are left ─
 *        the queue is gone  ──── no interest ────────────►  forgotten
 *
 *   J1  A task is taken where its saga is; what a claim brings is durable, as with any poll (P2).
 *       When nobody is there any more to be told of it, it is given back.
 *   J2  `credit` is how many tasks a sibling is believed to have for us: no more is claimed at
 *       once. A sibling that has told of some (`told`) tells no more until an answer has said that
 *       none is left; the last answer under way always says how it is.
 *   J3  Siblings and the own tasks take turns (next_source), so that no engine's tasks are left
 *       lying while another one's keep the workers busy.
 *   J4  A queue's first poll is served, or told that there is nothing, when all siblings have said
 *       whether they have anything, or after SK_HEAR_MS: so a poll brings what there is anywhere.
 *   J5  Each note may be lost for want of memory: the sweep looks again (sk_interests_sweep).
 */
#include "engine/engine_private.h"

#include "engine/group.h"

struct note { /* interest, offer, no interest */
    struct sk_group *group;
    uint32_t from_member, to_member;
    uint32_t count;
    bool is_wanted;
    struct sk_str queue;
    char text[];
};

struct claim {
    struct sk_owned owned; /* at the sibling */
    struct sk_alarm again; /* there, while it waits for memory to go back with */
    struct sk_group *group;
    uint32_t from_member, member;
    struct sk_engine *at;   /* the sibling's */
    struct sk_shell *shell; /* the asker's, as is the poll */
    struct sk_poll *poll;
    struct sk_arena arena;
    struct sk_poll_request request;
    struct sk_task_given *given;
    uint32_t given_count, left;
};

static uint64_t bit_of(uint32_t member)
{
    return UINT64_C(1) << member;
}

static struct sk_task_queue *find_queue(struct sk_engine *engine, struct sk_str name)
{
    struct sk_task_queue *queue = NULL;
    SK_TABLE_FIND(engine->task_queues, name, queue);
    return queue;
}

/* ---- notes ----------------------------------------------------------------------------------- */

/* False: out of memory. */
static bool tell(struct sk_group *group, uint32_t from, uint32_t to, sk_group_fn *fn,
                 const struct note *what)
{
    struct note *note = sk_alloc(sizeof *note + what->queue.size + 1);
    if (note == NULL) return false;
    *note = *what;
    note->group = group;
    note->from_member = from;
    note->to_member = to;
    if (what->queue.size > 0) memcpy(note->text, what->queue.data, what->queue.size);
    note->queue.data = note->text;
    if (sk_group_post(group, to, fn, note) == SKALD_OK) return true;
    sk_free(note);
    return false;
}

static void on_offer(struct sk_engine *engine, void *context);

/* Whoever asked waits for the answer; without memory for it, not for ever (J4). */
static bool answer_interest(const struct note *note, uint32_t count)
{
    struct note offer = { .count = count, .queue = note->queue };
    return tell(note->group, note->to_member, note->from_member, on_offer, &offer);
}

/* ---- where the tasks are --------------------------------------------------------------------- */

static void on_interest(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    uint64_t bit = bit_of(note->from_member);
    struct sk_task_queue *queue = NULL;
    if (engine == NULL) {
        (void)answer_interest(note, 0);
    } else if (note->is_wanted) {
        queue = sk_task_queue_get(engine, note->queue);
        if (queue != NULL) queue->interested |= bit;
        bool is_answered = answer_interest(note, queue == NULL ? 0 : queue->waiting_count);
        if (queue != NULL && is_answered && queue->waiting_count > 0)
            queue->told |= bit;
        else if (queue != NULL)
            queue->told &= ~bit;
    } else {
        queue = find_queue(engine, note->queue);
        if (queue != NULL) {
            queue->interested &= ~bit;
            queue->told &= ~bit;
            sk_task_queue_let_go(engine, queue);
        }
    }
    sk_free(note);
}

void sk_interest_offer(struct sk_engine *engine, struct sk_task_queue *queue)
{
    const struct sk_engine_options *options = &engine->options;
    struct note offer = { .count = queue->waiting_count, .queue = queue->name };
    if (queue->waiting_count == 0 || !sk_list_is_empty(&queue->polls)) return;
    for (uint32_t i = 0; i < sk_group_count(options->group); i++) {
        if ((queue->interested & ~queue->told & bit_of(i)) == 0) continue;
        if (tell(options->group, options->group_member, i, on_offer, &offer))
            queue->told |= bit_of(i);
    }
}

bool sk_interest_is_untold(const struct sk_task_queue *queue)
{
    return (queue->interested & ~queue->told) != 0;
}

/* ---- where the workers are ------------------------------------------------------------------- */

static void say_interest(struct sk_engine *engine, struct sk_task_queue *queue, uint32_t member)
{
    const struct sk_engine_options *options = &engine->options;
    struct note interest = { .is_wanted = true, .queue = queue->name };
    if (member == options->group_member) return;
    if (!tell(options->group, options->group_member, member, on_interest, &interest)) {
        queue->is_interest_incomplete = true;
        return;
    }
    queue->unheard |= bit_of(member);
    queue->hear_until_ms = sk_engine_now(engine) + SK_HEAR_MS;
}

void sk_interest_tell(struct sk_engine *engine, struct sk_task_queue *queue)
{
    struct sk_group *group = engine->options.group;
    if (group == NULL || (queue->far != NULL && !queue->is_interest_incomplete)) return;
    uint32_t count = sk_group_count(group);
    if (queue->far == NULL) queue->far = sk_alloc(count * sizeof *queue->far);
    queue->is_interest_incomplete = queue->far == NULL; /* the next poll tries again */
    for (uint32_t i = 0; queue->far != NULL && i < count; i++) say_interest(engine, queue, i);
}

void sk_interest_tell_again(struct sk_engine *engine, uint32_t member)
{
    struct sk_task_queue *queue, *next;
    HASH_ITER(hh, engine->task_queues, queue, next)
    {
        if (queue->far == NULL) continue;
        queue->far[member].credit = 0;
        say_interest(engine, queue, member);
    }
}

void sk_interest_end(struct sk_engine *engine, struct sk_task_queue *queue)
{
    const struct sk_engine_options *options = &engine->options;
    struct note nothing = { .queue = queue->name };
    if (queue->far == NULL) return;
    for (uint32_t i = 0; i < sk_group_count(options->group); i++) {
        /* Lost: that member offers, and hears it then. */
        if (i != options->group_member)
            (void)tell(options->group, options->group_member, i, on_interest, &nothing);
    }
    sk_free(queue->far);
    queue->far = NULL;
    queue->unheard = 0;
}

void sk_interests_release(struct sk_engine *engine)
{
    struct sk_task_queue *queue, *next;
    HASH_ITER(hh, engine->task_queues, queue, next)
    {
        queue->interested = 0;
        queue->claims_count = 0;
        sk_free(queue->far); /* nobody is told: who offers something finds nobody here */
        queue->far = NULL;
        sk_task_queue_let_go(engine, queue);
    }
}

static void on_offer(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    struct sk_task_queue *queue = engine == NULL ? NULL : find_queue(engine, note->queue);
    if (queue != NULL && queue->far != NULL) {
        queue->unheard &= ~bit_of(note->from_member);
        queue->far[note->from_member].credit = note->count;
        sk_polls_match_soon(engine);
    } else if (note->count > 0) {
        struct note nothing = { .queue = note->queue };
        (void)tell(note->group, note->to_member, note->from_member, on_interest, &nothing);
    }
    sk_free(note);
}

bool sk_interest_is_unheard(const struct sk_engine *engine, const struct sk_task_queue *queue)
{
    return queue->unheard != 0 && sk_engine_now(engine) < queue->hear_until_ms;
}

/* J3 */
uint32_t sk_interest_source(const struct sk_engine *engine, const struct sk_task_queue *queue,
                            bool only_own)
{
    struct sk_group *group = engine->options.group;
    bool has_own = !sk_list_is_empty(&queue->turns);
    if (group == NULL || queue->far == NULL || only_own)
        return has_own ? SK_SOURCE_OWN : SK_SOURCE_NONE;
    uint32_t count = sk_group_count(group);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t member = (queue->next_source + i) % count;
        bool is_own = member == engine->options.group_member;
        if (is_own && has_own) return SK_SOURCE_OWN;
        if (!is_own && queue->far[member].credit > 0) return member;
    }
    return SK_SOURCE_NONE;
}

/* ---- claims: there --------------------------------------------------------------------------- */

static void claim_free(struct claim *claim)
{
    sk_arena_release(&claim->arena);
    sk_free(claim);
}

static void land(struct sk_engine *engine, void *context);

static void free_owned(struct sk_owned *owned)
{
    struct claim *claim = sk_container_of(owned, struct claim, owned);
    claim->given_count = claim->left = 0; /* leases run out */
    /* No memory, at the end of an engine: the asker's poll ends with its engine. */
    if (sk_group_post(claim->group, claim->from_member, land, claim) != SKALD_OK) claim_free(claim);
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm);

static void go_back(struct sk_engine *engine, struct claim *claim)
{
    sk_disown(&claim->owned);
    if (sk_group_post(claim->group, claim->from_member, land, claim) == SKALD_OK) return;
    sk_own(engine, &claim->owned, free_owned);
    claim->again.fn = on_again;
    sk_alarm_set(engine, &claim->again, sk_engine_now(engine) + SK_RETRY_AFTER_MS);
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm)
{
    go_back(engine, sk_container_of(alarm, struct claim, again));
}

static void give_all_back(struct sk_engine *engine, const struct sk_task_given *given,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) sk_poll_give_back(engine, &given[i]);
}

bool sk_task_given_copy(struct sk_arena *arena, struct sk_task_given *to,
                        const struct sk_task_given *from)
{
    struct sk_str *texts[] = { &to->saga_id,      &to->definition, &to->space,
                               &to->business_key, &to->step_id,    &to->queue,
                               &to->key,          &to->token,      &to->input };
    *to = *from;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sk_arena_copy(arena, *texts[i]);
    return !arena->failed;
}

static void on_offer_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)alarm;
    sk_interests_sweep(engine);
}

/* What waits here and cannot be given now, for the store is away or the engine stops, is offered
 * again in a moment: the asker would be back at once. */
static void say_left(struct sk_engine *engine, struct sk_task_queue *queue, struct claim *claim,
                     bool is_empty)
{
    uint64_t bit = bit_of(claim->from_member);
    bool is_held_up = is_empty && queue->waiting_count > 0;
    claim->left = is_held_up ? 0 : queue->waiting_count;
    if (queue->waiting_count > 0)
        queue->told |= bit;
    else
        queue->told &= ~bit;
    if (!is_held_up) return;
    engine->offer_alarm.fn = on_offer_alarm;
    sk_alarm_set(engine, &engine->offer_alarm, sk_engine_now(engine) + SK_RETRY_AFTER_MS);
}

static void on_given(void *context, enum skald_status status, const skald_error *error,
                     const struct sk_task_given *tasks, uint32_t count)
{
    struct claim *claim = context;
    struct sk_engine *engine = claim->at;
    (void)status, (void)error;
    struct sk_task_queue *queue = find_queue(engine, claim->request.queue);
    claim->given = SK_ARENA_ARRAY(&claim->arena, struct sk_task_given, count + 1);
    bool is_kept = claim->given != NULL;
    for (uint32_t i = 0; i < count && is_kept; i++)
        is_kept = sk_task_given_copy(&claim->arena, &claim->given[i], &tasks[i]);
    if (is_kept)
        claim->given_count = count;
    else
        give_all_back(engine, tasks, count);
    if (queue != NULL) say_left(engine, queue, claim, status != SKALD_OK || count == 0);
    go_back(engine, claim);
}

static void arrive(struct sk_engine *engine, void *context)
{
    struct claim *claim = context;
    claim->at = engine;
    if (engine == NULL) {
        free_owned(&claim->owned);
        return;
    }
    sk_own(engine, &claim->owned, free_owned);
    bool was_on_errand = engine->is_on_errand;
    engine->is_on_errand = true; /* it asks no further sibling */
    (void)sk_engine_poll(engine, &claim->request, on_given, claim);
    engine->is_on_errand = was_on_errand;
}

/* J1: back at the sibling. */
static void take_back(struct sk_engine *engine, void *context)
{
    struct claim *claim = context;
    if (engine != NULL) {
        give_all_back(engine, claim->given, claim->given_count);
        sk_engine_turn(engine);
    }
    claim_free(claim);
}

/* ---- claims: here ---------------------------------------------------------------------------- */

static void land(struct sk_engine *engine, void *context)
{
    struct claim *claim = context;
    struct sk_engine *asker = claim->shell->engine; /* of the life that asked */
    (void)engine;
    sk_shell_unref(claim->shell);
    bool is_told = claim->given_count == 0;
    if (asker != NULL) {
        struct sk_task_queue *queue = find_queue(asker, claim->request.queue);
        struct sk_task_far *far = &queue->far[claim->member];
        far->claimed -= claim->request.max;
        far->credit = claim->left > far->claimed ? claim->left - far->claimed : 0;
        is_told = sk_poll_claimed(claim->poll, claim->given, claim->given_count);
        queue->claims_count -= 1;
        sk_task_queue_let_go(asker, queue);
        sk_engine_turn(asker);
    }
    if (is_told || sk_group_post(claim->group, claim->member, take_back, claim) != SKALD_OK)
        claim_free(claim);
}

bool sk_claim_begin(struct sk_engine *engine, struct sk_task_queue *queue, uint32_t member,
                    const struct sk_poll_request *request, struct sk_poll *poll)
{
    struct claim *claim = sk_alloc(sizeof *claim);
    if (claim == NULL) return false;
    claim->group = engine->options.group;
    claim->from_member = engine->options.group_member;
    claim->member = member;
    claim->poll = poll;
    sk_list_init(&claim->owned.node);
    sk_arena_init(&claim->arena);
    claim->request = *request;
    claim->request.queue = sk_arena_copy(&claim->arena, request->queue);
    claim->request.worker = sk_arena_copy(&claim->arena, request->worker);
    claim->shell = sk_shell_ref(engine->shell);
    if (claim->arena.failed || sk_group_post(claim->group, member, arrive, claim) != SKALD_OK) {
        sk_shell_unref(claim->shell);
        claim_free(claim);
        return false;
    }
    struct sk_task_far *far = &queue->far[member];
    queue->claims_count += 1;
    queue->next_source = member + 1;
    far->claimed += request->max;
    far->credit = far->credit > request->max ? far->credit - request->max : 0;
    return true;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

void sk_interests_sweep(struct sk_engine *engine)
{
    struct sk_task_queue *queue, *next;
    if (engine->options.group == NULL) return;
    HASH_ITER(hh, engine->task_queues, queue, next)
    {
        queue->told = 0;
        if (queue->is_interest_incomplete) sk_interest_tell(engine, queue);
    }
    sk_polls_match_soon(engine); /* offers anew */
}
