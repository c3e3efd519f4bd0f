/* world.c: keeps the events of each saga as stored bytes, hands messages over, lets time pass from
 * wake to wake. */
#include "world.h"

#include "core/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"

void world_init(struct world *world)
{
    *world = (struct world){ .now_ms = 1767225600000 }; /* 2026-01-01T00:00:00Z */
    world->rules = (struct sk_rules){ .takeups_max = 3,
                                      .takeup_pause_ms = 30000,
                                      .verify_timeout_ms = 10000,
                                      .attempt_timeout_ms = 10000 };
}

static void release_saga(struct world_saga *saga)
{
    for (struct world_event *e = saga->first; e != NULL;) {
        struct world_event *next = e->next;
        free(e->data);
        free(e);
        e = next;
    }
    sk_saga_release(&saga->saga);
    model_free(saga->model);
    free(saga);
}

void world_release(struct world *world)
{
    for (uint32_t i = 0; i < world->sagas_count; i++) release_saga(world->sagas[i]);
    for (uint32_t i = 0; i < world->locks_count; i++) sk_lock_release(&world->locks[i]);
    for (uint32_t i = 0; i < world->plans_count; i++) {
        sk_plan_free(world->plans[i]);
        model_definition_free(world->definitions[i]);
    }
    for (struct world_message *m = world->messages_first; m != NULL;) {
        struct world_message *next = m->next;
        free(m->bytes);
        free(m);
        m = next;
    }
}

bool world_define(struct world *world, struct sk_str source, struct sk_str file)
{
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .file_name = file };
    struct sk_plan *plan = NULL;
    struct sk_buf json;
    sk_diagnostics_init(&diagnostics);
    sk_buf_init(&json, 0);
    enum skald_status status = sk_dsl_compile(source, &options, &plan, &json, &diagnostics);
    if (status != SKALD_OK) {
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_diagnostics_print(&diagnostics, &text);
        snprintf(world->problem, sizeof world->problem, "%s", sk_buf_text(&text));
        sk_buf_release(&text);
    } else {
        world->definitions[world->plans_count] = model_definition_new(json.data, json.size);
        world->plans[world->plans_count++] = plan;
    }
    sk_buf_release(&json);
    sk_diagnostics_release(&diagnostics);
    return status == SKALD_OK;
}

struct world_saga *world_find(struct world *world, struct sk_str id)
{
    for (uint32_t i = 0; i < world->sagas_count; i++)
        if (sk_str_equal(world->sagas[i]->saga.start.id, id)) return world->sagas[i];
    return NULL;
}

static const struct sk_plan *find_plan(struct world *world, struct sk_str id)
{
    for (uint32_t i = world->plans_count; i > 0; i--)
        if (sk_str_equal(world->plans[i - 1]->id, id)) return world->plans[i - 1];
    return NULL;
}

static const struct sk_plan *find_digest(struct world *world, const struct sk_digest *digest)
{
    for (uint32_t i = 0; i < world->plans_count; i++)
        if (sk_digest_equal(&world->plans[i]->digest, digest)) return world->plans[i];
    return NULL;
}

static void keep_event(struct world_saga *saga, const struct sk_decision *decision,
                       const struct sk_decided *decided)
{
    struct world_event *e = calloc(1, sizeof *e);
    e->data = malloc(decided->data_size + 1);
    memcpy(e->data, decision->data.data + decided->data_offset, decided->data_size);
    e->event = decided->event;
    if (!sk_event_decode((struct sk_str){ e->data, decided->data_size }, &e->event)) abort();
    if (saga->last != NULL)
        saga->last->next = e;
    else
        saga->first = e;
    saga->last = e;
}

static void keep_message(struct world *world, const struct sk_message *m)
{
    struct world_message *copy = calloc(1, sizeof *copy);
    size_t size = m->id.size + m->from.size + m->to.size + m->body.size;
    copy->bytes = malloc(size + 1);
    char *at = copy->bytes;
    copy->message.kind = m->kind;
    const struct sk_str from[] = { m->id, m->from, m->to, m->body };
    struct sk_str *to[] = { &copy->message.id, &copy->message.from, &copy->message.to,
                            &copy->message.body };
    for (int i = 0; i < 4; i++) {
        if (from[i].size > 0) memcpy(at, from[i].data, from[i].size);
        *to[i] = (struct sk_str){ at, from[i].size };
        at += from[i].size;
    }
    if (world->messages_last != NULL)
        world->messages_last->next = copy;
    else
        world->messages_first = copy;
    world->messages_last = copy;
}

/* ---- the second model ------------------------------------------------------------------------ */

static const struct model_definition *definition_of(const struct world *world,
                                                    const struct sk_plan *plan)
{
    for (uint32_t i = 0; i < world->plans_count; i++)
        if (world->plans[i] == plan) return world->definitions[i];
    abort();
}

static void disagree(struct world *world, const struct world_saga *saga, const char *problem)
{
    if (world->disagreement[0] != '\0') return;
    snprintf(world->disagreement, sizeof world->disagreement, "saga %.*s, second model: %s",
             SK_STR_ARGS(saga->saga.start.id), problem);
}

static void show_event(struct world *world, struct world_saga *saga)
{
    const struct sk_plan *plan = saga->saga.plan;
    const struct sk_event *event = &saga->last->event;
    char problem[BRIDGE_PROBLEM_SIZE];
    const char *broken = NULL;
    if (event->type == SK_EVENT_SAGA_ACCEPTED) {
        saga->model =
            bridge_accept(definition_of(world, plan), plan, event, &world->rules, problem);
        if (saga->model == NULL) broken = problem;
    } else if (saga->model != NULL && world->disagreement[0] == '\0') {
        broken = bridge_event(saga->model, plan, event);
    }
    if (broken != NULL) disagree(world, saga, broken);
}

static void compare(struct world *world, struct world_saga *saga)
{
    char problem[BRIDGE_PROBLEM_SIZE];
    if (saga->model == NULL || world->disagreement[0] != '\0') return;
    const char *missing = model_rest(saga->model, world->now_ms);
    if (missing != NULL) disagree(world, saga, missing);
    if (!bridge_compare(saga->model, &saga->saga, problem)) disagree(world, saga, problem);
}

/* ---------------------------------------------------------------------------------------------- */

static void close_letter(struct world_saga *saga, const struct sk_letter *closed)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < saga->letters_count; i++)
        if (saga->letters[i].seq != closed->seq) saga->letters[kept++] = saga->letters[i];
    saga->letters_count = kept;
}

static enum skald_status decide_quietly(struct world *world, struct world_saga *saga,
                                        struct sk_command *command, skald_error *error)
{
    struct sk_decision decision;
    sk_decision_init(&decision);
    command->entropy = saga->saga.seq + 1;
    enum skald_status status =
        sk_saga_decide(&saga->saga, command, world->now_ms, &world->rules, &decision, error);
    for (uint32_t i = 0; i < decision.events_count; i++) {
        keep_event(saga, &decision, &decision.events[i]);
        show_event(world, saga);
    }
    compare(world, saga);
    for (uint32_t i = 0; i < decision.messages_count; i++)
        keep_message(world, &decision.messages[i]);
    for (uint32_t i = 0; i < decision.closed_count; i++) close_letter(saga, &decision.closed[i]);
    for (uint32_t i = 0; i < decision.letters_count; i++)
        if (saga->letters_count < WORLD_LETTERS_MAX)
            saga->letters[saga->letters_count++] = decision.letters[i];
    sk_decision_release(&decision);
    return status;
}

static struct sk_str start_value(const void *context, enum sk_root root, uint32_t step)
{
    const struct sk_start *start = context;
    (void)step;
    if (root == SK_ROOT_INPUT) return start->input;
    return root == SK_ROOT_CONTEXT ? start->context : (struct sk_str){ NULL, 0 };
}

static bool comes_before(struct sk_str a, struct sk_str b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, size);
    return order != 0 ? order < 0 : a.size < b.size;
}

/* The definition's keys, ascending, where the start names none. */
static void fill_keys(const struct sk_plan *plan, struct sk_start *start, struct sk_str *keys,
                      struct sk_arena *arena)
{
    struct sk_scope scope = { start, start_value };
    if (start->lock_keys_count > 0) return;
    start->lock_keys = keys;
    for (uint32_t i = 0; i < plan->lock_keys_count && i < WORLD_LOCKS_MAX; i++) {
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_template_render_text(plan->lock_keys[i], &scope, arena, &text);
        struct sk_str key = sk_arena_copy(arena, sk_buf_view(&text));
        sk_buf_release(&text);
        uint32_t at = start->lock_keys_count++;
        for (; at > 0 && comes_before(key, keys[at - 1]); at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static bool create(struct world *world, const struct sk_plan *plan, struct sk_start *start)
{
    struct sk_str keys[WORLD_LOCKS_MAX];
    struct sk_arena arena;
    sk_arena_init(&arena);
    fill_keys(plan, start, keys, &arena);
    struct sk_digest children[SK_STEPS_MAX];
    memset(children, 0, sizeof children);
    for (uint32_t s = 0; s < plan->steps_count; s++) {
        if (plan->steps[s].kind != SK_KIND_SAGA) continue;
        const struct sk_plan *child = find_plan(world, plan->steps[s].action->definition);
        if (child != NULL) children[s] = child->digest;
    }
    start->definition = plan->digest;
    start->children = children;
    start->children_count = plan->has_children ? plan->steps_count : 0;
    struct world_saga *saga = calloc(1, sizeof *saga);
    if (!sk_saga_init(&saga->saga, plan)) abort();
    world->sagas[world->sagas_count++] = saga;
    struct sk_command command = {
        .kind = SK_COMMAND_START, .start = start, .step = SK_STEP_NONE, .item = -1
    };
    enum skald_status status = decide_quietly(world, saga, &command, NULL);
    sk_arena_release(&arena);
    if (status != SKALD_OK) return false;
    if (world->holds_slots) return true;
    command = (struct sk_command){ .kind = SK_COMMAND_ADMIT, .step = SK_STEP_NONE, .item = -1 };
    return decide_quietly(world, saga, &command, NULL) == SKALD_OK;
}

static void deliver_to_lock(struct world *world, const struct sk_message *message)
{
    struct sk_lock *lock = NULL;
    for (uint32_t i = 0; i < world->locks_count; i++)
        if (sk_str_equal(world->locks[i].id, message->to)) lock = &world->locks[i];
    if (lock == NULL) {
        lock = &world->locks[world->locks_count++];
        if (!sk_lock_init(lock, message->to)) abort();
    }
    struct sk_decision decision;
    sk_decision_init(&decision);
    if (sk_lock_decide(lock, message, world->now_ms, &decision) != SKALD_OK) abort();
    for (uint32_t i = 0; i < decision.messages_count; i++)
        keep_message(world, &decision.messages[i]);
    sk_decision_release(&decision);
}

static void deliver_child_start(struct world *world, const struct sk_message *message)
{
    struct sk_reader reader = sk_reader_of(message->body);
    struct sk_str record = sk_get_str(&reader);
    struct sk_str input = sk_get_str(&reader);
    struct sk_arena arena;
    struct sk_start start;
    sk_arena_init(&arena);
    if (!sk_start_decode(record, &arena, &start)) abort();
    start.input = input;
    const struct sk_plan *plan = find_digest(world, &start.definition);
    if (plan == NULL)
        snprintf(world->problem, sizeof world->problem,
                 "the child's definition is not in this file");
    else if (world_find(world, start.id) == NULL)
        (void)create(world, plan, &start);
    sk_arena_release(&arena);
}

static void deliver_all(struct world *world)
{
    while (world->messages_first != NULL) {
        struct world_message *m = world->messages_first;
        world->messages_first = m->next;
        if (m->next == NULL) world->messages_last = NULL;
        if (sk_str_starts(m->message.to, SK_STR("@lock/"))) {
            deliver_to_lock(world, &m->message);
        } else if (m->message.kind == SK_MESSAGE_CHILD_START) {
            deliver_child_start(world, &m->message);
        } else {
            struct world_saga *saga = world_find(world, m->message.to);
            struct sk_command command = {
                .kind = SK_COMMAND_MESSAGE, .message = &m->message, .step = SK_STEP_NONE, .item = -1
            };
            if (saga != NULL) (void)decide_quietly(world, saga, &command, NULL);
        }
        free(m->bytes);
        free(m);
    }
}

enum skald_status world_decide(struct world *world, struct world_saga *saga,
                               struct sk_command *command, skald_error *error)
{
    enum skald_status status = decide_quietly(world, saga, command, error);
    deliver_all(world);
    return status;
}

bool world_start(struct world *world, struct sk_str id, struct sk_str definition,
                 struct sk_start *start)
{
    const struct sk_plan *plan = find_plan(world, definition);
    if (plan == NULL || world_find(world, id) != NULL) {
        snprintf(world->problem, sizeof world->problem, "no such definition, or the id is taken");
        return false;
    }
    start->id = id;
    bool ok = create(world, plan, start);
    deliver_all(world);
    return ok;
}

bool world_advance(struct world *world, int64_t ms)
{
    int64_t until = world->now_ms + ms;
    for (int rounds = 0; rounds < 100000; rounds++) {
        int64_t next = INT64_MAX;
        struct world_saga *due = NULL;
        for (uint32_t i = 0; i < world->sagas_count; i++) {
            int64_t at = sk_saga_wake_at(&world->sagas[i]->saga);
            if (at >= next) continue;
            next = at;
            due = world->sagas[i];
        }
        if (due == NULL || next > until) {
            world->now_ms = until;
            return true;
        }
        if (next > world->now_ms) world->now_ms = next;
        struct sk_command command = { .kind = SK_COMMAND_WAKE, .step = SK_STEP_NONE, .item = -1 };
        uint64_t seq = due->saga.seq;
        (void)world_decide(world, due, &command, NULL);
        if (due->saga.seq != seq || sk_saga_wake_at(&due->saga) > world->now_ms) continue;
        snprintf(world->problem, sizeof world->problem, "the saga is due at once for ever");
        return false;
    }
    snprintf(world->problem, sizeof world->problem, "time does not pass: too many wakes");
    return false;
}

static bool fold(const struct world_saga *saga, struct sk_saga *out)
{
    if (!sk_saga_init(out, saga->saga.plan)) return false;
    for (const struct world_event *e = saga->first; e != NULL; e = e->next)
        if (sk_saga_evolve(out, &e->event) != SKALD_OK) return false;
    return true;
}

/* Load from the last snapshot and fold the rest: must give the same. */
static bool fold_from_snapshot(const struct world_saga *saga, struct sk_saga *out)
{
    const struct world_event *last = NULL;
    for (const struct world_event *e = saga->first; e != NULL; e = e->next)
        if (e->event.type == SK_EVENT_SAGA_SNAPSHOT) last = e;
    if (!sk_saga_init(out, saga->saga.plan)) return false;
    struct sk_buf state;
    sk_buf_init(&state, 0);
    bool ok = true;
    if (last == NULL) { /* stand in: encode the live state and read it back */
        sk_saga_encode(&saga->saga, &state);
        ok = sk_saga_decode(out, sk_buf_view(&state)) == SKALD_OK;
    } else {
        ok = sk_saga_decode(out, last->event.extra) == SKALD_OK;
        for (const struct world_event *e = last; ok && e != NULL; e = e->next)
            ok = sk_saga_evolve(out, &e->event) == SKALD_OK;
    }
    sk_buf_release(&state);
    return ok;
}

static bool same(const struct sk_saga *a, const struct sk_saga *b)
{
    struct sk_buf one, two;
    sk_buf_init(&one, 0);
    sk_buf_init(&two, 0);
    sk_saga_encode(a, &one);
    sk_saga_encode(b, &two);
    bool ok = sk_str_equal(sk_buf_view(&one), sk_buf_view(&two));
    sk_buf_release(&one);
    sk_buf_release(&two);
    return ok;
}

/* What is active waits for something, and whoever asks is told what, until when and what then. */
static bool is_explained(struct world *world, const struct sk_saga *saga)
{
    struct sk_explanation explanation;
    bool ok = sk_saga_explain(saga, world->now_ms, &world->rules, &explanation) &&
              explanation.sentence.size > 0 && explanation.kind != SK_EXPLAIN_NOTHING &&
              (explanation.kind != SK_EXPLAIN_ENDED || sk_saga_state_is_end(saga->state));
    for (uint32_t i = 0; ok && i < explanation.entries_count && i < SK_EXPLAIN_THEN_MAX; i++) {
        const struct sk_explain_entry *entry = &explanation.entries[i];
        bool says_then = entry->until_ms <= world->now_ms || entry->then.size > 0;
        ok = entry->waits.size > 0 && (says_then || saga->is_suspended);
    }
    if (!ok)
        snprintf(world->problem, sizeof world->problem, "saga %.*s is not explained: %.*s",
                 SK_STR_ARGS(saga->start.id), SK_STR_ARGS(explanation.sentence));
    sk_explanation_release(&explanation);
    return ok;
}

bool world_check(struct world *world)
{
    if (world->disagreement[0] != '\0') {
        snprintf(world->problem, sizeof world->problem, "%.*s", (int)sizeof world->problem - 1,
                 world->disagreement);
        return false;
    }
    for (uint32_t i = 0; i < world->sagas_count; i++) {
        struct sk_saga replayed = { 0 }, restored = { 0 };
        bool ok = fold(world->sagas[i], &replayed) && same(&world->sagas[i]->saga, &replayed);
        bool ok2 = fold_from_snapshot(world->sagas[i], &restored) &&
                   same(&world->sagas[i]->saga, &restored);
        sk_saga_release(&replayed);
        sk_saga_release(&restored);
        world->checks++;
        if (ok && ok2 && is_explained(world, &world->sagas[i]->saga)) continue;
        if (ok && ok2) return false;
        snprintf(world->problem, sizeof world->problem,
                 "saga %.*s: %s differs from the live state at seq %" PRIu64,
                 SK_STR_ARGS(world->sagas[i]->saga.start.id), ok ? "the snapshot" : "replay",
                 world->sagas[i]->saga.seq);
        return false;
    }
    return true;
}

bool world_crash(struct world *world)
{
    for (uint32_t i = 0; i < world->sagas_count; i++) {
        struct world_saga *saga = world->sagas[i];
        struct sk_saga folded = { 0 };
        if (!fold(saga, &folded)) {
            snprintf(world->problem, sizeof world->problem, "the stored events do not fold");
            sk_saga_release(&folded);
            return false;
        }
        sk_saga_release(&saga->saga);
        saga->saga = folded;
    }
    for (uint32_t i = 0; i < world->sagas_count; i++) {
        struct sk_command command = { .kind = SK_COMMAND_RECOVER,
                                      .step = SK_STEP_NONE,
                                      .item = -1 };
        if (world_decide(world, world->sagas[i], &command, NULL) != SKALD_OK) return false;
    }
    return true;
}
