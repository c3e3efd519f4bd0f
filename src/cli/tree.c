/* tree.c: asks for a saga and its events and folds them into a tree. Drawing is in tree_draw.c. */
#include "cli/tree_private.h"

#include "base/time.h"

#include <stdlib.h>
#include <time.h>

enum { LOOK_EVERY_MS = 100, PATIENCE_MS = 30 * 1000, EVENTS_LIMIT = 500 };

/* ---- small things ---------------------------------------------------------------------------- */

int64_t tree_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int64_t ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&pause, NULL);
}

static struct sk_str text_of(struct sk_str object, const char *member, struct sk_arena *arena)
{
    struct sk_str value = sk_json_member(object, sk_str_of(member));
    if (sk_json_type(value) != SK_JSON_STRING) return (struct sk_str){ 0 };
    return sk_arena_copy(arena, sk_json_string(value, arena));
}

static uint32_t number_of(struct sk_str object, const char *member)
{
    int64_t value = 0;
    (void)sk_json_to_i64(sk_json_member(object, sk_str_of(member)), &value);
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

int64_t tree_time_of(struct sk_str object, const char *member)
{
    struct sk_str value = sk_json_member(object, sk_str_of(member));
    int64_t at_ms = 0;
    if (sk_json_type(value) != SK_JSON_STRING || value.size < 2) return 0;
    return sk_time_parse(sk_str_sub(value, 1, value.size - 2), &at_ms) ? at_ms : 0;
}

void cli_saga_path(struct sk_buf *out, const char *id, const char *tail)
{
    sk_buf_append_text(out, "/api/v1/sagas/");
    cli_escape(out, id);
    sk_buf_append_text(out, tail);
}

struct cli_tree *cli_tree_new(const struct cli *cli, struct cli_client *client, const char *id)
{
    struct cli_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL) return NULL;
    tree->cli = cli;
    tree->client = client;
    tree->id = id;
    sk_arena_init(&tree->arena);
    sk_arena_init(&tree->kept);
    return tree;
}

void cli_tree_free(struct cli_tree *tree)
{
    if (tree == NULL) return;
    sk_buf_release(&tree->json);
    sk_arena_release(&tree->arena);
    sk_arena_release(&tree->kept);
    free(tree->steps);
    free(tree->undo_order);
    free(tree);
}

struct sk_str cli_tree_state(const struct cli_tree *tree)
{
    return tree->state;
}

bool cli_tree_has_ended(const struct cli_tree *tree)
{
    return tree->ended_ms > 0 && tree->seen_seq >= tree->seq;
}

struct sk_str cli_tree_json(const struct cli_tree *tree)
{
    return sk_buf_view(&tree->json);
}

static struct tree_step *step_named(const struct cli_tree *tree, struct sk_str id)
{
    for (size_t i = 0; i < tree->steps_count; i++) {
        if (sk_str_equal(tree->steps[i].id, id)) return &tree->steps[i];
    }
    return NULL;
}

struct sk_str cli_tree_step_state(const struct cli_tree *tree, const char *step)
{
    const struct tree_step *found = step_named(tree, sk_str_of(step));
    return found == NULL ? (struct sk_str){ 0 } : found->state;
}

/* ---- the saga -------------------------------------------------------------------------------- */

/* The steps of a saga never change, so what the events told of them is kept. */
static bool make_steps(struct cli_tree *tree, struct sk_str list)
{
    if (tree->steps != NULL) return true;
    tree->steps_count = sk_json_count(list);
    tree->steps = calloc(tree->steps_count + 1, sizeof *tree->steps);
    tree->undo_order = calloc(tree->steps_count + 1, sizeof *tree->undo_order);
    if (tree->steps == NULL || tree->undo_order == NULL) return false;
    struct sk_json_iter it = sk_json_walk(list);
    for (size_t i = 0; sk_json_next(&it); i++) {
        tree->steps[i].id = text_of(it.value, "id", &tree->kept);
    }
    return !tree->kept.failed;
}

static void read_step(struct cli_tree *tree, struct tree_step *step, struct sk_str json)
{
    struct sk_str undo = sk_json_member(json, SK_STR("compensation"));
    struct sk_str error = sk_json_member(json, SK_STR("error"));
    step->state = text_of(json, "state", &tree->arena);
    step->waits_for = text_of(json, "waits_for", &tree->arena);
    step->is_maybe = sk_json_type(sk_json_member(json, SK_STR("maybe"))) == SK_JSON_TRUE;
    step->action.attempts = number_of(json, "attempts");
    step->error_code = step->error_message = (struct sk_str){ 0 };
    if (sk_json_type(error) == SK_JSON_OBJECT) {
        step->error_code = text_of(error, "code", &tree->arena);
        step->error_message = text_of(error, "message", &tree->arena);
    }
    if (sk_json_type(undo) == SK_JSON_OBJECT) step->undo.attempts = number_of(undo, "attempts");
}

/* Folds the answer of GET /sagas/<id>. */
static bool read_saga(struct cli_tree *tree, struct cli_reply *reply)
{
    sk_buf_release(&tree->json);
    tree->json = reply->body;
    reply->body = (struct sk_buf){ 0 };
    sk_arena_clear(&tree->arena);
    struct sk_str saga = sk_buf_view(&tree->json);
    struct sk_str error = sk_json_member(saga, SK_STR("error"));
    tree->definition = text_of(saga, "definition", &tree->arena);
    tree->version = text_of(saga, "version", &tree->arena);
    tree->state = text_of(saga, "state", &tree->arena);
    tree->reason = text_of(saga, "reason", &tree->arena);
    tree->error_code = tree->error_message = (struct sk_str){ 0 };
    if (sk_json_type(error) == SK_JSON_OBJECT) {
        tree->error_code = text_of(error, "code", &tree->arena);
        tree->error_message = text_of(error, "message", &tree->arena);
    }
    tree->created_ms = tree_time_of(saga, "created_at");
    tree->ended_ms = tree_time_of(saga, "ended_at");
    tree->seq = number_of(saga, "seq");
    struct sk_str steps = sk_json_member(saga, SK_STR("steps"));
    if (!make_steps(tree, steps)) return false;
    struct sk_json_iter it = sk_json_walk(steps);
    for (size_t i = 0; i < tree->steps_count && sk_json_next(&it); i++) {
        read_step(tree, &tree->steps[i], it.value);
    }
    return !tree->arena.failed;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void begin_undo(struct cli_tree *tree, struct tree_step *step)
{
    size_t index = (size_t)(step - tree->steps);
    for (size_t i = 0; i < tree->undo_count; i++) {
        if (tree->undo_order[i] == index) return;
    }
    tree->undo_order[tree->undo_count++] = index;
}

static void fold_call(struct tree_call *call, struct sk_str what, int64_t at_ms)
{
    if (sk_str_is(what, "started") && call->started_ms == 0) call->started_ms = at_ms;
    if (sk_str_is(what, "redriven")) call->redriven_count++;
    bool has_failed = sk_str_is(what, "failed");
    if (has_failed || sk_str_is(what, "completed") || sk_str_is(what, "skipped")) {
        call->ended_ms = at_ms;
        call->has_failed = has_failed;
    }
}

static void fold_event(struct cli_tree *tree, struct sk_str event)
{
    struct sk_arena arena;
    sk_arena_init(&arena);
    struct sk_str type = text_of(event, "type", &arena);
    struct tree_step *step = step_named(tree, text_of(event, "step", &arena));
    int64_t at_ms = tree_time_of(event, "at");
    size_t dot = sk_str_find(type, '.');
    struct sk_str what = sk_str_sub(type, dot + 1, type.size);
    if (step != NULL && sk_str_starts(type, SK_STR("step."))) {
        fold_call(&step->action, what, at_ms);
    } else if (step != NULL && sk_str_starts(type, SK_STR("compensation."))) {
        begin_undo(tree, step);
        fold_call(&step->undo, what, at_ms);
    }
    tree->seen_seq = number_of(event, "seq");
    sk_arena_release(&arena);
}

/* Reads on where the last look ended; `print` says each event. */
static int read_events(struct cli_tree *tree, bool print, struct cli_reply *reply)
{
    int code = CLI_GO_ON;
    for (bool has_more = true; has_more && code == CLI_GO_ON;) {
        struct sk_buf path = { 0 };
        cli_saga_path(&path, tree->id, "/events");
        sk_buf_printf(&path, "?limit=%d&after=%llu", EVENTS_LIMIT,
                      (unsigned long long)tree->seen_seq);
        struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
        code = cli_client_try(tree->client, &request, reply);
        sk_buf_release(&path);
        if (code != CLI_GO_ON) break;
        struct sk_str answer = sk_buf_view(&reply->body);
        struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
        while (sk_json_next(&it)) {
            fold_event(tree, it.value);
            if (print) tree_print_event(tree, it.value);
        }
        has_more = sk_json_type(sk_json_member(answer, SK_STR("next"))) == SK_JSON_NUMBER;
    }
    return code;
}

/* ---- looking --------------------------------------------------------------------------------- */

static int look(struct cli_tree *tree, bool print, struct cli_reply *reply)
{
    struct sk_buf path = { 0 };
    cli_saga_path(&path, tree->id, "");
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    int code = cli_client_try(tree->client, &request, reply);
    sk_buf_release(&path);
    if (code != CLI_GO_ON) return code;
    if (!read_saga(tree, reply)) {
        (void)cli_fail(tree->cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
        exit(CLI_FAILED);
    }
    return read_events(tree, print, reply);
}

int cli_tree_look(struct cli_tree *tree)
{
    struct cli_reply reply = { 0 };
    int code = look(tree, false, &reply);
    if (code != CLI_GO_ON) code = cli_client_complain(tree->client, &reply);
    cli_reply_release(&reply);
    return code;
}

/* A server that is away or just starting may come back; anything else will not change. */
static bool may_come_back(const struct cli_reply *reply)
{
    return reply->status == 0 || reply->status == 503;
}

int cli_tree_follow(struct cli_tree *tree, const struct cli_follow *follow)
{
    bool is_drawn = !follow->is_silent && tree->cli->is_terminal;
    int64_t started_ms = monotonic_ms(), reached_ms = started_ms;
    int64_t patience_ms = follow->patience_ms > 0 ? follow->patience_ms : PATIENCE_MS;
    struct cli_reply reply = { 0 };
    int code;
    for (;;) {
        code = look(tree, !follow->is_silent && !is_drawn, &reply);
        int64_t now = monotonic_ms();
        tree->is_out_of_reach = code != CLI_GO_ON;
        if (code == CLI_GO_ON) reached_ms = now;
        if (is_drawn) tree_redraw(tree);
        bool has_patience = may_come_back(&reply) && now - reached_ms < patience_ms;
        if (code != CLI_GO_ON && !has_patience) {
            code = cli_client_complain(tree->client, &reply);
            break;
        }
        bool is_stopped = follow->stop != NULL && follow->stop(follow->context, tree);
        bool is_over = follow->timeout_ms > 0 && now - started_ms >= follow->timeout_ms;
        if ((code == CLI_GO_ON && cli_tree_has_ended(tree)) || is_stopped || is_over) {
            code = CLI_GO_ON;
            break;
        }
        pause_ms(LOOK_EVERY_MS);
    }
    cli_reply_release(&reply);
    return code;
}
