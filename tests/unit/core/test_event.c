/*
 * test_event.c: the names of events and fields, their stored form (round trips, damage) and their
 * readable form.
 */
#include "play.h"

#include "base/json.h"

/* Every number that is an event, in order, with its name: both are stored and never change. */
static const struct {
    uint32_t number;
    const char *name;
    const char *fields; /* by enum sk_field: names, "-" = none */
} types[] = {
    { 1, "saga.accepted", "acquire_deadline - - - - - - input start" },
    { 2, "saga.started", "deadline - - - - - - - -" },
    { 3, "saga.completed", "- - cause - - - - output left" },
    { 4, "saga.compensating", "- - cause forced - code message - -" },
    { 5, "saga.compensated", "- - - - residue - - - -" },
    { 6, "saga.failed", "- - - - open code message - -" },
    { 7, "saga.cancelled", "- - - - residue - - - -" },
    { 8, "saga.timed_out", "- - cause - residue - - - -" },
    { 9, "saga.suspended", "- - - - - code message - -" },
    { 10, "saga.resumed", "- - - - - code - - -" },
    { 11, "saga.alerted", "- - critical - - code message - -" },
    { 12, "saga.snapshot", "- - - - - - - - state" },
    { 20, "step.started", "deadline due waits_for - items worker - body request" },
    { 21, "step.completed", "- - - by_operator - signal - output -" },
    { 22, "step.failed", "- - class marks - code message - -" },
    { 23, "step.unknown", "unanswered_until - - abandoned - code message - -" },
    { 24, "step.retrying", "deadline - waits_for - - worker - body request" },
    { 25, "step.redriven", "deadline unanswered_until - - - - - - -" },
    { 26, "step.waiting", "until - waits_for marks - code message - -" },
    { 27, "step.skipped", "unanswered_until - cause - - - - output -" },
    { 28, "step.late", "- - meaning class - code message output -" },
    { 40, "verify.started", "deadline - - - - - - body request" },
    { 41, "verify.completed", "- - happened - - - - output -" },
    { 42, "verify.failed", "next - - - - code message - -" },
    { 50, "compensation.started", "deadline - waits_for - - worker - body request" },
    { 51, "compensation.completed", "- - - - - - - output -" },
    { 52, "compensation.failed", "- - residue - - code message - -" },
    { 53, "compensation.unknown", "- - - - - code message - -" },
    { 54, "compensation.retrying", "deadline - waits_for redriven - worker - body request" },
    { 55, "compensation.skipped", "- - cause - - - - - -" },
    { 56, "compensation.waiting", "until - waits_for marks - code message - -" },
    { 60, "lock.requested", "until - - - - key - - -" },
    { 61, "lock.granted", "- - - - - key - - -" },
    { 62, "lock.released", "- - - - - key - - -" },
    { 70, "hook.started", "deadline - on hook cause - - body request" },
    { 71, "hook.completed", "- - on hook cause - - - -" },
    { 72, "hook.failed", "next - on hook cause code message - -" },
    { 80, "signal.received", "- - - - - name - data id" },
    { 90, "operator.cancel", "- - frozen - - by reason - command_id" },
    { 91, "operator.force_cancel", "- - - - - by reason - command_id" },
    { 92, "operator.force_complete", "- - - - - by reason - command_id" },
    { 93, "operator.retry", "- - of - - by reason input command_id" },
    { 94, "operator.skip_step", "- - - - - by reason output command_id" },
    { 95, "operator.suspend", "- - - - - by reason - command_id" },
    { 96, "operator.resume", "- - - - - by reason - command_id" },
};
enum { TYPES = sizeof types / sizeof types[0] };

static void test_names(void **state)
{
    (void)state;
    size_t next = 0;
    for (uint32_t n = 0; n < 300; n++) {
        bool is_type = next < TYPES && types[next].number == n;
        assert_int_equal(sk_event_type_known(n), is_type);
        if (!is_type) {
            assert_string_equal(sk_event_type_name((enum sk_event_type)n), "unknown");
            assert_null(sk_event_field_name((enum sk_event_type)n, SK_FIELD_BODY));
            continue;
        }
        assert_string_equal(sk_event_type_name((enum sk_event_type)n), types[next].name);
        assert_int_equal(sk_event_type_number(sk_str_of(types[next].name)), n);
        next++;
    }
    assert_int_equal(next, TYPES);
    assert_int_equal(sk_event_type_number(SK_STR("step")), 0);
    assert_int_equal(sk_event_type_number(SK_STR("")), 0);
}

static void test_every_field_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        struct sk_str rest = sk_str_of(types[i].fields);
        for (int f = 0; f < SK_FIELDS_COUNT; f++) {
            size_t end = sk_str_find(rest, ' ');
            struct sk_str wanted = sk_str_sub(rest, 0, end);
            rest = end < rest.size ? sk_str_sub(rest, end + 1, rest.size - end - 1)
                                   : (struct sk_str){ NULL, 0 };
            const char *name =
                sk_event_field_name((enum sk_event_type)types[i].number, (enum sk_field)f);
            if (!sk_str_is(wanted, name == NULL ? "-" : name))
                fail_msg("%s field %d is %s", types[i].name, f, name == NULL ? "-" : name);
        }
    }
}

/* ---- stored form ----------------------------------------------------------------------------- */

/* One event for every set of present fields. */
static struct sk_event event_of(uint32_t mask, int64_t sign)
{
    struct sk_event event = { .type = SK_EVENT_STEP_STARTED, .item = -1 };
    if ((mask >> SK_FIELD_WHEN & 1u) != 0u) event.when_ms = sign * 1767225600123;
    if ((mask >> SK_FIELD_WHEN2 & 1u) != 0u) event.when2_ms = sign;
    if ((mask >> SK_FIELD_KIND & 1u) != 0u) event.kind = UINT32_MAX;
    if ((mask >> SK_FIELD_FLAGS & 1u) != 0u) event.flags = 1;
    if ((mask >> SK_FIELD_NUMBER & 1u) != 0u) event.number = UINT64_MAX;
    if ((mask >> SK_FIELD_TEXT & 1u) != 0u) event.text = SK_STR("c\xc3\xa9");
    if ((mask >> SK_FIELD_NOTE & 1u) != 0u) event.note = SK_STR("why\n");
    if ((mask >> SK_FIELD_BODY & 1u) != 0u) event.body = SK_STR("{\"a\":[1,2]}");
    if ((mask >> SK_FIELD_EXTRA & 1u) != 0u) event.extra = (struct sk_str){ "\0\xff\x01", 3 };
    return event;
}

static void assert_same(const struct sk_event *a, const struct sk_event *b)
{
    assert_int_equal(a->when_ms, b->when_ms);
    assert_int_equal(a->when2_ms, b->when2_ms);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_true(a->number == b->number);
    assert_true(sk_str_equal(a->text, b->text));
    assert_true(sk_str_equal(a->note, b->note));
    assert_true(sk_str_equal(a->body, b->body));
    assert_true(sk_str_equal(a->extra, b->extra));
}

/* A copy whose end is the heap block's end, so that a sanitizer sees the first byte too far. */
static bool decode_exactly(const char *bytes, size_t size, struct sk_event *out, char **out_copy)
{
    char *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    if (size > 0) memcpy(copy, bytes, size);
    *out_copy = copy;
    return sk_event_decode((struct sk_str){ copy, size }, out);
}

static void test_round_trips(void **state)
{
    (void)state;
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    for (uint32_t mask = 0; mask < 1u << SK_FIELDS_COUNT; mask++) {
        struct sk_event event = event_of(mask, mask % 2 == 0 ? 1 : -1), back = { .kind = 7 };
        sk_buf_clear(&bytes);
        sk_event_encode(&event, &bytes);
        assert_int_equal((uint8_t)bytes.data[0] | (uint32_t)(uint8_t)bytes.data[1] << 8, mask);
        char *copy = NULL;
        assert_true(decode_exactly(bytes.data, bytes.size, &back, &copy));
        assert_same(&event, &back);
        free(copy);
        struct sk_event moved = event;
        moved.text.data = moved.note.data = moved.body.data = moved.extra.data = NULL;
        sk_event_point(&moved, sk_buf_view(&bytes));
        assert_same(&event, &moved);
    }
    assert_false(bytes.failed);
    sk_buf_release(&bytes);
}

static void test_zero_fields_take_no_room(void **state)
{
    (void)state;
    struct sk_event event = { .type = SK_EVENT_SAGA_RESUMED };
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_event_encode(&event, &bytes);
    assert_int_equal(bytes.size, 2);
    sk_buf_release(&bytes);
}

/* Every truncation is refused; every flipped bit is refused or gives some event. */
static void test_damage(void **state)
{
    (void)state;
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    struct sk_event event = event_of((1u << SK_FIELDS_COUNT) - 1u, 1), back;
    sk_event_encode(&event, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        char *copy = NULL;
        assert_false(decode_exactly(bytes.data, size, &back, &copy));
        free(copy);
    }
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        char *copy = NULL;
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        if (decode_exactly(bytes.data, bytes.size, &back, &copy)) {
            struct sk_buf text;
            sk_buf_init(&text, 0);
            sk_event_encode(&back, &text); /* all of it may be read */
            sk_buf_release(&text);
        }
        free(copy);
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    static const char unknown_field[] = { 0, 2 };
    static const char too_much[] = { 0, 0, 0 };
    static const char padded[] = { 4, 0, (char)0x80, 0 };
    assert_false(sk_event_decode((struct sk_str){ unknown_field, 2 }, &back));
    assert_false(sk_event_decode((struct sk_str){ too_much, 3 }, &back));
    assert_false(sk_event_decode((struct sk_str){ padded, 4 }, &back));
    assert_false(sk_event_decode((struct sk_str){ NULL, 0 }, &back));
    sk_buf_release(&bytes);
}

/* ---- readable form --------------------------------------------------------------------------- */

static void test_json(void **state)
{
    (void)state;
    static const struct {
        struct sk_event event;
        const char *json;
    } rows[] = {
        { { .type = SK_EVENT_SAGA_RESUMED }, "{}" },
        { { .type = SK_EVENT_STEP_STARTED,
            .when_ms = 1767225600123,
            .when2_ms = 1767225600000,
            .kind = 3,
            .number = 12,
            .body = { "{\"n\":1}", 7 },
            .extra = { "POST /\n", 7 } },
          "{\"deadline\":\"2026-01-01T00:00:00.123Z\",\"due\":\"2026-01-01T00:00:00.000Z\","
          "\"waits_for\":3,\"items\":12,\"body\":{\"n\":1},\"request\":\"POST /\\n\"}" },
        { { .type = SK_EVENT_OPERATOR_CANCEL,
            .kind = 1,
            .text = { "ann", 3 },
            .note = { "\"why\"", 5 },
            .extra = { "c-1", 3 } },
          "{\"frozen\":1,\"by\":\"ann\",\"reason\":\"\\\"why\\\"\",\"command_id\":\"c-1\"}" },
        /* bytes that are no text are shown by their number */
        { { .type = SK_EVENT_SAGA_SNAPSHOT, .extra = { "\xff\xfe\x01", 3 } }, "{\"state\":3}" },
        /* a field that the type does not have is not shown */
        { { .type = SK_EVENT_SAGA_RESUMED, .when_ms = 5, .number = 5, .note = { "x", 1 } }, "{}" },
        { { .type = SK_EVENT_STEP_LATE, .kind = 3, .flags = 1, .text = { "no", 2 } },
          "{\"meaning\":3,\"class\":1,\"code\":\"no\"}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_event_json(&rows[i].event, &text);
        assert_string_equal(sk_buf_text(&text), rows[i].json);
        sk_buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_every_field_name),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_zero_fields_take_no_room),
        cmocka_unit_test(test_damage),      cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
