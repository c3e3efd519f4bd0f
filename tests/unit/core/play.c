/* play.c: see play.h. */
#include "play.h"

#include "dsl/dsl.h"

struct sk_plan *skt_plan(const char *yaml)
{
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .file_name = SK_STR("t.yaml") };
    struct sk_plan *plan = NULL;
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(sk_str_of(yaml), &options, &plan, NULL, &diagnostics);
    if (status != SKALD_OK) {
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_diagnostics_print(&diagnostics, &text);
        fail_msg("%s", sk_buf_text(&text));
    }
    sk_diagnostics_release(&diagnostics);
    return plan;
}

struct sk_plan *skt_plan_of(const char *saga_keys, const char *steps)
{
    /* sequential unless the keys say otherwise */
    const char *order = strstr(saga_keys, "order:") == NULL ? ", order: sequential" : "";
    static const char form[] = "saga: { id: t, name: T%s%s }\n"
                               "services: { shop: { endpoint: \"http://shop\" } }\n"
                               "steps:\n%s";
    size_t size = sizeof form + strlen(order) + strlen(saga_keys) + strlen(steps);
    char *text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, form, order, saga_keys, steps);
    struct sk_plan *plan = skt_plan(text);
    free(text);
    return plan;
}

struct sk_command skt_command(enum sk_command_kind kind)
{
    return (struct sk_command){
        .kind = kind, .step = SK_STEP_NONE, .item = -1, .who = SK_STR("ann"), .why = SK_STR("test")
    };
}

struct skt_play *skt_play_new(struct sk_plan *plan, const struct sk_start *start)
{
    static const struct sk_start usual = { .id = { "s", 1 }, .input = { "{\"n\":1}", 7 } };
    struct skt_play *play = calloc(1, sizeof *play);
    assert_non_null(play);
    play->plan = plan;
    play->now_ms = SKT_NOW_MS;
    play->rules = (struct sk_rules){ .takeups_max = 3,
                                     .takeup_pause_ms = 30000,
                                     .verify_timeout_ms = 10000,
                                     .attempt_timeout_ms = 10000 };
    sk_decision_init(&play->decision);
    assert_true(sk_saga_init(&play->saga, plan));
    struct sk_command command = skt_command(SK_COMMAND_START);
    command.start = start == NULL ? &usual : start;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    if (start == NULL) assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    return play;
}

void skt_play_free(struct skt_play *play)
{
    for (uint32_t i = 0; i < play->events_count; i++) free(play->data[i]);
    sk_decision_release(&play->decision);
    sk_saga_release(&play->saga);
    sk_plan_free(play->plan);
    free(play);
}

enum skald_status skt_do(struct skt_play *play, struct sk_command command)
{
    if (play->probe != NULL) play->probe(play, &command);
    sk_decision_clear(&play->decision);
    enum skald_status status = sk_saga_decide(&play->saga, &command, play->now_ms, &play->rules,
                                              &play->decision, &play->error);
    for (uint32_t i = 0; i < play->decision.events_count && status != SKALD_E_MEMORY; i++) {
        const struct sk_decided *decided = &play->decision.events[i];
        uint32_t n = play->events_count;
        assert_true(n < SKT_EVENTS_MAX);
        play->data[n] = malloc(decided->data_size + 1);
        assert_non_null(play->data[n]);
        memcpy(play->data[n], play->decision.data.data + decided->data_offset, decided->data_size);
        play->events[n] = decided->event;
        assert_true(sk_event_decode((struct sk_str){ play->data[n], decided->data_size },
                                    &play->events[n]));
        play->events_count = n + 1;
    }
    return status;
}

struct search {
    struct sk_effect wanted;
    bool found;
};

static void look(void *context, const struct sk_effect *effect)
{
    struct search *s = context;
    if (effect->step != s->wanted.step || effect->item != s->wanted.item ||
        effect->operation != s->wanted.operation)
        return;
    s->wanted = *effect;
    s->found = true;
}

void skt_reply(struct skt_play *play, uint32_t step, int32_t item, enum sk_operation operation,
               enum sk_outcome_class class_, const char *code, const char *output)
{
    struct search s = { .wanted = { .step = step, .item = item, .operation = operation } };
    sk_saga_react(&play->saga, 0, UINT64_MAX, look, &s);
    assert_true(s.found);
    struct sk_outcome outcome = { .class_ = class_,
                                  .code = sk_str_of(code),
                                  .output = sk_str_of(output),
                                  .is_answered = class_ <= SK_OUTCOME_FAILED };
    struct sk_command command = skt_command(SK_COMMAND_OUTCOME);
    command.step = step;
    command.item = item;
    command.operation = operation;
    command.attempt = s.wanted.attempt;
    command.round = s.wanted.round;
    command.start_seq = s.wanted.start_seq;
    command.outcome = &outcome;
    assert_int_equal(skt_do(play, command), SKALD_OK);
}

void skt_answer(struct skt_play *play, uint32_t step, enum sk_outcome_class class_)
{
    skt_reply(play, step, -1, SK_OPERATION_ACTION, class_, "code",
              class_ == SK_OUTCOME_SUCCEEDED ? "{\"ok\":true}" : "");
}

void skt_advance(struct skt_play *play, int64_t ms)
{
    play->now_ms += ms;
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_WAKE)), SKALD_OK);
}

void skt_refold(const struct skt_play *play, struct sk_saga *out)
{
    assert_true(sk_saga_init(out, play->plan));
    for (uint32_t i = 0; i < play->events_count; i++)
        assert_int_equal(sk_saga_evolve(out, &play->events[i]), SKALD_OK);
    struct sk_buf live, folded;
    sk_buf_init(&live, 0);
    sk_buf_init(&folded, 0);
    sk_saga_encode(&play->saga, &live);
    sk_saga_encode(out, &folded);
    assert_int_equal(live.size, folded.size);
    assert_memory_equal(live.data, folded.data, live.size);
    sk_buf_release(&live);
    sk_buf_release(&folded);
}

const struct sk_unit *skt_unit(const struct skt_play *play, uint32_t step)
{
    return sk_saga_unit(&play->saga, step, sk_step_is_foreach(&play->plan->steps[step]) ? 0 : -1);
}
