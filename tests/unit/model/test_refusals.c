/*
 * test_refusals.c: the second model knows what may not be. Each row is a history, event by event,
 * that the model takes in but for its last event, which breaks a law; or, where no law is named,
 * one that it takes in whole. A model that accepts everything fails here.
 *
 * One event a line: "TIME TYPE [STEP[.ITEM]] [attempt=N] [round=N] [when=T] [due=T] [kind=N]
 * [flags=N] [number=N] [text=WORD] [id=WORD]"; "rest T" asks what is missing at that time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

#define CHAIN                                                                                   \
    "{\"saga\":{\"id\":\"o\",\"name\":\"O\",\"order\":\"sequential\"},\"steps\":["              \
    "{\"id\":\"a\",\"name\":\"A\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"s\"}}," \
    "\"compensation\":{\"type\":\"automatic\"}},"                                               \
    "{\"id\":\"b\",\"name\":\"B\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"s\"}}," \
    "\"compensation\":{\"type\":\"automatic\"},\"retry_policy\":{\"type\":\"fixed_delay\","     \
    "\"max_attempts\":2,\"initial_delay\":\"5s\"}}]}"
#define PIVOT                                                                      \
    "{\"saga\":{\"id\":\"o\",\"name\":\"O\",\"order\":\"sequential\"},\"steps\":[" \
    "{\"id\":\"a\",\"name\":\"A\",\"type\":\"http\",\"pivot\":true,"               \
    "\"action\":{\"service\":{\"name\":\"s\"}}},"                                  \
    "{\"id\":\"b\",\"name\":\"B\",\"type\":\"http\",\"action\":{\"service\":{\"name\":\"s\"}}}]}"
#define LIST                                                                           \
    "{\"saga\":{\"id\":\"o\",\"name\":\"O\"},\"steps\":[{\"id\":\"a\",\"name\":\"A\"," \
    "\"type\":\"http\",\"foreach\":{\"items\":\"{{.input.l}}\",\"var\":\"it\","        \
    "\"action\":{\"service\":{\"name\":\"s\"}},\"compensation\":{\"type\":\"automatic\"}}}]}"
#define VERIFIED                                                                       \
    "{\"saga\":{\"id\":\"o\",\"name\":\"O\"},\"steps\":[{\"id\":\"a\",\"name\":\"A\"," \
    "\"type\":\"http\",\"action\":{\"service\":{\"name\":\"s\"}},\"retry_policy\":"    \
    "{\"type\":\"no_retry\"},\"verify\":{\"service\":{\"name\":\"s\"}}}]}"

#define BEGUN "0 saga.accepted\n0 saga.started when=300000\n"
#define A_OUT BEGUN "0 step.started a attempt=1 when=10000\n"
#define B_OUT A_OUT "1 step.completed a\n1 step.started b attempt=1 when=10001\n"
#define B_LOST B_OUT "2 step.unknown b when=10001 text=lost\n"
#define UNDOING                                                                  \
    B_OUT "2 step.failed b kind=1 flags=8 text=no\n2 saga.compensating kind=1\n" \
          "2 compensation.started a attempt=1 when=10002\n"

static const struct row {
    const char *definition, *history, *law; /* NULL = none is broken */
} rows[] = {
    { CHAIN, A_OUT "rest 0\n", NULL },
    { CHAIN, UNDOING "3 compensation.completed a\n3 saga.compensated\nrest 3\n", NULL },
    /* order, law 7 */
    { CHAIN, A_OUT "0 step.started b attempt=1 when=10000\n", "law 7" },
    { CHAIN, BEGUN "rest 0\n", "could begin" },
    { CHAIN, A_OUT "1 step.completed a\nrest 1\n", "could begin" },
    { CHAIN, A_OUT "1 saga.completed\n", "before all its steps" },
    { CHAIN, A_OUT "0 step.started a attempt=1 when=10000\n", "second time" },
    { CHAIN, A_OUT "1 step.completed b\n", "never tried" },
    { CHAIN, "0 saga.started when=300000\n", "begins by" },
    { CHAIN, A_OUT "-1 step.completed a\n", "time went back" },
    /* policy and time */
    { CHAIN, B_LOST "2 step.waiting b when=4000 kind=1\n", "pauses for" },
    { CHAIN,
      B_LOST "2 step.waiting b when=5002 kind=1\n5001 step.retrying b attempt=2 when=15001\n",
      "before its pause" },
    { CHAIN,
      B_LOST "2 step.waiting b when=5002 kind=1\n5002 step.retrying b attempt=3 when=15002\n",
      "not the next attempt" },
    { CHAIN, B_LOST "2 step.failed b kind=3 text=lost\n", "its policy has 2" },
    { CHAIN, BEGUN "0 step.started a attempt=1 when=20000\n", "deadline" },
    { CHAIN, "0 saga.accepted\n0 saga.started when=1000\n", "time-out" },
    { CHAIN, B_OUT "3 saga.compensating kind=3\n", "before that has passed" },
    { CHAIN, B_LOST "rest 2\n", "nothing followed" },
    /* maybe, law 5 and 6 */
    { CHAIN, B_OUT "2 step.failed b kind=3\n", "not maybe" },
    { CHAIN, B_LOST "2 step.failed b kind=1 flags=9 text=no\n", "idempotent" },
    { CHAIN,
      B_OUT "2 step.failed b kind=1 flags=8\n2 saga.compensating kind=1\n"
            "2 compensation.started b attempt=1 when=10002\n",
      "law 5" },
    { CHAIN,
      B_LOST "2 step.waiting b when=5002 kind=1\n2 operator.cancel\n"
             "2 saga.compensating kind=2\n2 step.failed b kind=3\n"
             "12000 compensation.started b attempt=1 when=22000\n",
      "law 6" },
    { CHAIN,
      B_LOST "2 step.waiting b when=5002 kind=1\n2 operator.cancel\n"
             "2 saga.compensating kind=2\n2 step.failed b kind=3\n"
             "12001 compensation.started a attempt=1 when=22001\n",
      "law 7" },
    { VERIFIED, A_OUT "1 step.unknown a when=10000\n11999 verify.started a attempt=1 when=21999\n",
      "law 6" },
    { VERIFIED, A_OUT "1 step.unknown a when=10000\n1 step.failed a kind=3\n", "verify was not" },
    { VERIFIED, A_OUT "1 step.redriven a attempt=1 when=10001\n", "not repeated" },
    /* undoing */
    { CHAIN, UNDOING "3 step.started b attempt=1 when=10003\n", "it starts and was settled" },
    { CHAIN, UNDOING "3 saga.compensated\n", "before everything" },
    { CHAIN, UNDOING "3 compensation.completed a\n3 saga.cancelled\n", "another name" },
    { CHAIN, UNDOING "3 compensation.completed a\n3 saga.failed\n", "everything is undone" },
    { CHAIN, UNDOING "3 compensation.failed a flags=8\n3 saga.compensated\n",
      "an undo of it failed" },
    { CHAIN, UNDOING "3 compensation.failed a kind=1\n", "nothing lets it stand" },
    { CHAIN, UNDOING "3 compensation.completed a\n3 compensation.started a attempt=2 when=10003\n",
      "undone already" },
    { CHAIN, UNDOING "3 compensation.completed a\nrest 3\n", "does not end" },
    { CHAIN, B_OUT "2 step.failed b kind=1 flags=8\nrest 2\n", "nothing is undone" },
    { CHAIN, B_OUT "2 saga.compensating kind=1\n", "none failed" },
    { CHAIN, B_OUT "2 saga.compensating kind=2\n", "nobody asked" },
    /* pivot */
    { PIVOT, A_OUT "1 operator.cancel\n", "while a pivot is open" },
    { PIVOT, B_OUT "2 operator.cancel\n", "only goes forward" },
    { PIVOT, B_OUT "2 step.failed b kind=1 flags=8\n", "must succeed" },
    { PIVOT, A_OUT "1 step.unknown a when=10000\n1 step.failed a kind=3\n", "pivot is given up" },
    /* suspended, operators */
    { CHAIN, B_OUT "2 operator.suspend\nrest 2\n", "nothing came" },
    { CHAIN,
      A_OUT "1 operator.suspend\n1 saga.suspended text=operator\n1 step.completed a\n"
            "1 step.started b attempt=1 when=10001\n",
      "suspended" },
    { CHAIN, A_OUT "1 operator.resume\n", "not suspended" },
    { CHAIN, A_OUT "1 operator.retry a\n", "does not wait" },
    { CHAIN, A_OUT "1 operator.skip_step a\n", "in flight" },
    { CHAIN, "0 saga.accepted\n0 operator.force_complete\n", "before it began" },
    { CHAIN, A_OUT "1 signal.received text=go id=1\n1 signal.received text=go id=1\n",
      "was there" },
    { CHAIN, UNDOING "3 signal.received text=go id=1\n", "no signal" },
    /* redrives */
    { CHAIN,
      A_OUT "1 step.redriven a attempt=1 when=10001\n1 step.redriven a attempt=1 when=10001\n"
            "1 step.redriven a attempt=1 when=10001\n1 step.redriven a attempt=1 when=10001\n"
            "1 step.redriven a attempt=1 when=10001\n1 step.redriven a attempt=1 when=10001\n",
      "more than 5" },
    /* foreach */
    { LIST, BEGUN "0 step.started a number=3\n0 step.started a.1 attempt=1 when=10000\n",
      "before the one above" },
    { LIST,
      BEGUN "0 step.started a number=3\n0 step.started a.0 attempt=1 when=10000\n"
            "0 step.started a.1 attempt=1 when=10000\n",
      "more items at once" },
    { LIST,
      BEGUN "0 step.started a number=3\n0 step.started a.0 attempt=1 when=10000\n"
            "1 step.failed a.0 kind=1 flags=8\n1 step.started a.1 attempt=1 when=10001\n",
      "has failed" },
    { LIST,
      BEGUN "0 step.started a number=2\n0 step.started a.0 attempt=1 when=10000\n"
            "1 step.completed a.0\n1 step.completed a\n",
      "never tried" },
    /* late answers */
    { CHAIN, UNDOING "3 step.late b attempt=1 kind=4\n", "by the rules 2" },
    { CHAIN, UNDOING "3 compensation.completed a\n3 saga.compensated\n3 saga.compensating kind=1\n",
      "nothing asked for it" },
    /* hooks */
    { CHAIN, A_OUT "1 hook.started a attempt=1 kind=1 number=3\n", "nothing called for" },
};

static struct model_text rest_of(const char *word, const char *key)
{
    size_t size = strlen(key);
    if (strncmp(word, key, size) != 0) return (struct model_text){ NULL, 0 };
    return (struct model_text){ word + size, strlen(word + size) };
}

static void read_word(struct model_event *event, char *word)
{
    static const char *const keys[] = { "attempt=", "round=",  "when=", "due=", "kind=",
                                        "flags=",   "number=", "text=", "id=" };
    for (int i = 0; i < 9; i++) {
        struct model_text value = rest_of(word, keys[i]);
        if (value.data == NULL) continue;
        long long number = strtoll(value.data, NULL, 10);
        switch (i) {
        case 0: event->attempt = (uint32_t)number; return;
        case 1: event->round = (uint32_t)number; return;
        case 2: event->when_ms = number; return;
        case 3: event->when2_ms = number; return;
        case 4: event->kind = (uint32_t)number; return;
        case 5: event->flags = (uint32_t)number; return;
        case 6: event->number = (uint64_t)number; return;
        case 7: event->text = value; return;
        default: event->extra = value; return;
        }
    }
    char *dot = strchr(word, '.');
    if (dot != NULL) event->item = (int32_t)strtol(dot + 1, NULL, 10);
    event->step = (struct model_text){ word, dot == NULL ? strlen(word) : (size_t)(dot - word) };
}

/* NULL or the law that the line breaks. */
static const char *play_line(struct model *model, char *line, uint64_t seq)
{
    char *at = NULL;
    char *first = strtok_r(line, " ", &at), *type = strtok_r(NULL, " ", &at);
    if (strcmp(first, "rest") == 0) return model_rest(model, strtoll(type, NULL, 10));
    struct model_event event = {
        .seq = seq, .at_ms = strtoll(first, NULL, 10), .type = type, .item = -1
    };
    for (char *word = strtok_r(NULL, " ", &at); word != NULL; word = strtok_r(NULL, " ", &at))
        read_word(&event, word);
    return model_event(model, &event);
}

static void play(const struct row *row)
{
    static const struct model_start start;
    static const struct model_rules rules;
    struct model_definition *definition =
        model_definition_new(row->definition, strlen(row->definition));
    assert_non_null(definition);
    struct model *model = model_new(definition, &start, &rules);
    char *text = strdup(row->history), *at = NULL;
    const char *broken = NULL;
    uint64_t seq = 0;
    for (char *line = strtok_r(text, "\n", &at); line != NULL; line = strtok_r(NULL, "\n", &at)) {
        if (broken != NULL) fail_msg("refused too early: %s\n%s", broken, row->history);
        broken = play_line(model, line, ++seq);
    }
    if (row->law == NULL && broken != NULL) fail_msg("refused: %s\n%s", broken, row->history);
    if (row->law != NULL && (broken == NULL || strstr(broken, row->law) == NULL))
        fail_msg("not refused for `%s`, but: %s\n%s", row->law, broken == NULL ? "" : broken,
                 row->history);
    free(text);
    model_free(model);
    model_definition_free(definition);
}

static void test_each_law_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) play(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_law_is_known) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
