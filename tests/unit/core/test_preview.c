/*
 * test_preview.c: the preview of a cancel says what the cancel then does. Each row stops a saga
 * somewhere, asks for the preview, and cancels it: every attempt that is awaited succeeds, every
 * undo too. The steps whose undoing began or was skipped must come in the order of the preview, and
 * the saga must end as it said.
 */
#include "play.h"

#include "core/preview.h"

#define RETRY ", retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 5s }"

static const char chain[] = SKT_STEP("a", SKT_UNDO) SKT_STEP("b", RETRY SKT_UNDO) SKT_STEP("c", "")
    SKT_STEP("d", RETRY SKT_UNDO);
static const char web[] = SKT_STEP("a", SKT_UNDO) SKT_STEP("b", SKT_UNDO ", dependencies: [a]")
    SKT_STEP("c", SKT_UNDO ", dependencies: [a]")
        SKT_STEP("d", RETRY SKT_UNDO ", dependencies: [b, c]");
static const char mixed[] = SKT_STEP("a", ", compensation: { type: skip }")
    SKT_STEP("b", RETRY ", compensation: { type: automatic, when: completed }")
        SKT_STEP("c", RETRY SKT_UNDO)
            SKT_STEP("d", ", verify: { service: { name: shop, path: /v } }, "
                          "retry_policy: { type: no_retry }") SKT_STEP("e", SKT_UNDO);
static const char list[] =
    "  - { id: a, name: A, type: service, foreach: { items: '{{ .input.list }}', var: x, parallel: "
    "2, action: { service: { name: shop, path: /t } } }, compensation: { type: automatic } }\n"
    "  - { id: ok, name: O, type: wait, dependencies: [a], wait: { signal: go } }\n" SKT_STEP(
        "z", SKT_UNDO ", dependencies: [a]");
static const char pivot[] =
    SKT_STEP("a", SKT_UNDO) SKT_STEP("b", ", pivot: true") SKT_STEP("c", "");
static const char async[] =
    SKT_STEP("a", SKT_UNDO) SKT_STEP("b", SKT_UNDO ", async: true") SKT_STEP("c", SKT_UNDO);
static const char child[] =
    SKT_STEP("a",
             SKT_UNDO) "  - { id: ship, name: S, type: saga, action: { saga: { definition: s } "
                       "} }\n" SKT_STEP("z", SKT_UNDO);

static const char hooks[] =
    SKT_STEP("a", SKT_UNDO ", on_success: { actions: [ { service: { name: shop, path: /h } } ] }")
        SKT_STEP("b", SKT_UNDO);

/* What happens before the preview: a step's letter and what its action is answered with: S
 * succeeded, R retryable, U unknown, P pending, '+' lets 20 s pass, '!' a child completes. */
struct row {
    const char *name, *keys, *steps, *story;
    enum sk_command_kind kind;
    bool past_pivot;
    const char
        *expected;   /* "b a"; "b? a" when b may have happened; "~" in flight, "|" a new turn */
    const char *end; /* or the refusal */
};

#define PARALLEL ", order: graph }\nglobal_compensation: { strategy: parallel"
#define CANCEL SK_COMMAND_CANCEL, false
#define FORCE SK_COMMAND_FORCE_CANCEL, false
#define FORCE_PAST SK_COMMAND_FORCE_CANCEL, true

static const struct row rows[] = {
    { "nothing done", "", chain, "", CANCEL, "a~", "cancelled" },
    { "chain", "", chain, "aS bS cS", CANCEL, "d~|c=nothing b|a", "cancelled" },
    { "a pause ends", "", chain, "aS bR", CANCEL, "a", "cancelled" },
    { "maybe", "", chain, "aS bU", CANCEL, "b?|a", "cancelled" },
    { "forced: in flight is maybe", "", chain, "aS bS cS", FORCE, "d?|c=nothing b|a", "cancelled" },
    { "accepted", "", chain, "aS bP", CANCEL, "b?|a", "cancelled" },
    { "parallel", PARALLEL, web, "aS bS cS", CANCEL, "d~|b c|a", "cancelled" },
    { "graph, one by one", ", order: graph", web, "aS bS cS dR", CANCEL, "c|b|a", "cancelled" },
    { "residue and questions", "", mixed, "aS bU", CANCEL, "b?=residue|a=nothing", "cancelled" },
    { "verified", "", mixed, "aS bS cS dU", CANCEL, "d?=ask|c|b|a=nothing", "cancelled" },
    { "items", ", order: graph", list, "xS", CANCEL, "a.1~ a.2~|a.0", "cancelled" },
    { "items done", ", order: graph", list, "xS xS xS", CANCEL, "z~|a.2 a.1|a.0", "cancelled" },
    { "async", "", async, "aS", CANCEL, "c~|b~|a", "cancelled" },
    { "child in flight", "", child, "aS", CANCEL, "a", "cancelled" },
    { "child done", "", child, "aS !", CANCEL, "z~|ship=child|a", "cancelled" },
    { "hooks are let be", "", hooks, "aS", CANCEL, "b~|a", "cancelled" },
    { "past the pivot", "", pivot, "aS bS", CANCEL, "",
      "the saga is past its pivot and only goes forward; force-cancel with --past-pivot undoes it "
      "all the same" },
    { "past the pivot by force", "", pivot, "aS bS", FORCE_PAST, "c?=unsettled b=nothing a",
      "failed" },
    { "ended", "", pivot, "aS bS cS", CANCEL, "", "the saga has ended" },
};

/* ---- the story before ------------------------------------------------------------------------ */

static void child_ends(struct skt_play *play, uint32_t step, enum sk_saga_state state)
{
    struct sk_buf body;
    sk_buf_init(&body, 0);
    sk_child_end_encode(state, step, -1, skt_unit(play, step)->action.round, &body);
    struct sk_message message = { .kind = SK_MESSAGE_CHILD_ENDED, .body = sk_buf_view(&body) };
    struct sk_command command = skt_command(SK_COMMAND_MESSAGE);
    command.message = &message;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    sk_buf_release(&body);
}

static void first_call(void *context, const struct sk_effect *effect)
{
    struct sk_effect *first = context;
    if (first->start_seq == 0) *first = *effect;
}

/* `x` stands for the first call on the wire. */
static void tell(struct skt_play *play, char name, char what)
{
    static const char classes[] = "SFRUP";
    enum sk_outcome_class class_ = (enum sk_outcome_class)(strchr(classes, what) - classes);
    struct sk_effect call = { .start_seq = 0 };
    if (name != 'x') {
        char id[2] = { name, 0 };
        skt_answer(play, sk_plan_step(play->plan, sk_str_of(id)), class_);
        return;
    }
    sk_saga_react(&play->saga, 0, UINT64_MAX, first_call, &call);
    skt_reply(play, call.step, call.item, call.operation, class_, "code", "");
}

static struct skt_play *play_of(const struct row *row)
{
    struct sk_start start = { .id = SK_STR("s"), .input = SK_STR("{\"list\":[1,2,3]}") };
    struct skt_play *play = skt_play_new(skt_plan_of(row->keys, row->steps), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    for (const char *c = row->story; *c != 0; c++) {
        if (*c == ' ') continue;
        if (*c == '!') {
            child_ends(play, 1, SK_SAGA_COMPLETED);
        } else {
            tell(play, c[0], c[1]);
            c++;
        }
    }
    return play;
}

/* ---- what really happens --------------------------------------------------------------------- */

struct calls {
    struct sk_effect items[32];
    uint32_t count;
};

static void keep_call(void *context, const struct sk_effect *effect)
{
    struct calls *calls = context;
    if (effect->operation == SK_OPERATION_HOOK) return;
    assert_true(calls->count < 32);
    calls->items[calls->count++] = *effect;
}

static bool children_end(struct skt_play *play)
{
    bool any = false;
    for (uint32_t s = 0; s < play->plan->steps_count; s++) {
        const struct sk_unit *unit = skt_unit(play, s);
        if (unit->undo.what == SK_FOR_CHILD)
            child_ends(play, s, SK_SAGA_COMPENSATED);
        else if (sk_unit_is_busy(unit) && unit->action.what == SK_FOR_CHILD)
            child_ends(play, s, SK_SAGA_CANCELLED);
        else
            continue;
        any = true;
    }
    return any;
}

static void to_the_end(struct skt_play *play)
{
    for (int i = 0; i < 100 && !sk_saga_state_is_end(play->saga.state); i++) {
        struct calls calls = { .count = 0 };
        sk_saga_react(&play->saga, 0, UINT64_MAX, keep_call, &calls);
        for (uint32_t c = 0; c < calls.count; c++) {
            const struct sk_effect *call = &calls.items[c];
            skt_reply(play, call->step, call->item, call->operation, SK_OUTCOME_SUCCEEDED, "",
                      call->operation == SK_OPERATION_VERIFY ? "{\"happened\":true}" : "");
        }
        if (calls.count > 0 || children_end(play)) continue;
        assert_true(sk_saga_wake_at(&play->saga) != INT64_MAX);
        skt_advance(play, sk_saga_wake_at(&play->saga) - play->now_ms);
    }
}

static bool is_undo(enum sk_event_type type)
{
    return type == SK_EVENT_COMPENSATION_STARTED || type == SK_EVENT_COMPENSATION_SKIPPED ||
           type == SK_EVENT_VERIFY_STARTED;
}

/* The order in which undoing began after the event `from`, each unit once. */
static void print_real(const struct skt_play *play, uint32_t from, struct sk_buf *out)
{
    for (uint32_t i = from; i < play->events_count; i++) {
        const struct sk_event *event = &play->events[i];
        bool is_first = is_undo(event->type);
        for (uint32_t k = from; k < i; k++)
            if (is_undo(play->events[k].type) && play->events[k].step == event->step &&
                play->events[k].item == event->item)
                is_first = false;
        if (!is_first) continue;
        sk_buf_append_str(out, play->plan->steps[event->step].id);
        if (event->item >= 0) sk_buf_printf(out, ".%d", event->item);
        sk_buf_append_char(out, ' ');
    }
}

/* ---- what the preview says ------------------------------------------------------------------- */

static bool is_silent(const struct skt_play *play, const struct sk_preview_row *row)
{
    return play->plan->steps[row->step].compensation.type == SK_UNDO_SKIP;
}

static void print_order(const struct skt_play *play, const struct sk_preview *preview,
                        struct sk_buf *out)
{
    for (uint32_t i = 0; i < preview->rows_count; i++) {
        const struct sk_preview_row *row = &preview->rows[i];
        if (is_silent(play, row)) continue;
        sk_buf_append_str(out, play->plan->steps[row->step].id);
        if (row->item >= 0) sk_buf_printf(out, ".%d", row->item);
        sk_buf_append_char(out, ' ');
    }
}

static void print_preview(const struct skt_play *play, const struct sk_preview *preview,
                          struct sk_buf *out)
{
    for (uint32_t i = 0; i < preview->rows_count; i++) {
        const struct sk_preview_row *row = &preview->rows[i];
        if (i > 0) sk_buf_append_char(out, row->turn != preview->rows[i - 1].turn ? '|' : ' ');
        sk_buf_append_str(out, play->plan->steps[row->step].id);
        if (row->item >= 0) sk_buf_printf(out, ".%d", row->item);
        if (row->is_in_flight) sk_buf_append_char(out, '~');
        if (row->is_maybe) sk_buf_append_char(out, '?');
        if (row->what != SK_PREVIEW_UNDO)
            sk_buf_printf(out, "=%s", sk_preview_what_name(row->what));
    }
}

static bool same(const char *row, const char *what, struct sk_buf *have, const char *want)
{
    bool ok = strcmp(sk_buf_text(have), want) == 0;
    if (!ok) print_error("%s: %s: [%s], expected [%s]\n", row, what, sk_buf_text(have), want);
    return ok;
}

static bool check(const struct row *row)
{
    struct skt_play *play = play_of(row);
    struct sk_preview preview;
    struct sk_buf text, order, real;
    sk_buf_init(&text, 0);
    sk_buf_init(&order, 0);
    sk_buf_init(&real, 0);
    uint64_t seq = play->saga.seq;
    assert_true(sk_saga_preview(&play->saga, row->kind, row->past_pivot, play->now_ms, &play->rules,
                                &preview));
    assert_int_equal(play->saga.seq, seq);
    print_preview(play, &preview, &text);
    bool ok = same(row->name, "preview", &text, row->expected);
    struct sk_command command = skt_command(row->kind);
    command.is_past_pivot_allowed = row->past_pivot;
    uint32_t from = play->events_count;
    ok = skt_do(play, command) == preview.status && ok;
    if (preview.status != SKALD_OK) {
        ok = strcmp(preview.error.message, play->error.message) == 0 &&
             strcmp(preview.error.message, row->end) == 0 && ok;
    } else {
        to_the_end(play);
        print_order(play, &preview, &order);
        print_real(play, from, &real);
        ok = same(row->name, "order", &order, sk_buf_text(&real)) && ok;
        ok = preview.end == play->saga.state && ok;
        ok = strcmp(sk_saga_state_name(preview.end), row->end) == 0 && ok;
    }
    if (!ok) print_error("%s: not as it was previewed\n", row->name);
    sk_buf_release(&text);
    sk_buf_release(&order);
    sk_buf_release(&real);
    sk_preview_release(&preview);
    skt_play_free(play);
    return ok;
}

static void test_rows(void **state)
{
    (void)state;
    uint32_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) wrong += !check(&rows[i]);
    assert_int_equal(wrong, 0);
}

/* A pivot in flight: accepted, decided later; nothing can be said of the order. */
static void test_frozen(void **state)
{
    (void)state;
    struct row row = { "frozen", "", pivot, "aS", CANCEL, "", "" };
    struct skt_play *play = play_of(&row);
    struct sk_preview preview;
    assert_true(sk_saga_preview(&play->saga, SK_COMMAND_CANCEL, false, play->now_ms, &play->rules,
                                &preview));
    assert_int_equal(preview.status, SKALD_OK);
    assert_true(preview.is_pending);
    assert_int_equal(preview.awaited_count, 1);
    assert_int_equal(preview.awaited[0].step, 1);
    assert_int_equal(preview.rows_count, 0);
    sk_preview_release(&preview);
    skt_play_free(play);
}

static void test_json(void **state)
{
    (void)state;
    struct row row = { "json", "", chain, "aS", CANCEL, "", "" };
    struct skt_play *play = play_of(&row);
    struct sk_preview preview;
    struct sk_buf json;
    sk_buf_init(&json, 0);
    assert_true(sk_saga_preview(&play->saga, SK_COMMAND_CANCEL, false, play->now_ms, &play->rules,
                                &preview));
    sk_preview_json(&preview, play->plan, &json);
    assert_string_equal(
        sk_buf_text(&json),
        "{\"accepted\":true,\"detail\":null,\"pending\":false,\"ends\":\"cancelled\",\"awaited\":[{"
        "\"step\":\"b\",\"item\":null,\"maybe\":false,\"until\":\"2026-01-01T00:00:10.000Z\"}],"
        "\"undone\":[{\"step\":\"b\",\"item\":null,\"maybe\":false,\"in_flight\":true,\"what\":"
        "\"undo\",\"turn\":1},{\"step\":\"a\",\"item\":null,\"maybe\":false,\"in_flight\":false,"
        "\"what\":\"undo\",\"turn\":2}],\"truncated\":false}");
    sk_buf_release(&json);
    sk_preview_release(&preview);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
