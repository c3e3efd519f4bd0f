/* One saga as a file: out of one world and into another; suspended if it had not ended; answered
 * when durable; files that were tampered with are refused and never believed. */
#include "world.h"

#include "definitions.h"
#include "engine/transfer_file.h"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, order_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

/* Another store, without anything in it. */
static void go_elsewhere(void)
{
    world_release(&world);
    world_init(&world, 4);
    world_open(&world);
}

struct text {
    enum skald_status status;
    uint32_t count;
    char bytes[32768];
};

static void on_export(void *context, enum skald_status status, struct sk_str text,
                      const skald_error *error)
{
    struct text *out = context;
    (void)error;
    out->status = status;
    out->count += 1;
    assert_true(text.size < sizeof out->bytes);
    if (text.size > 0) memcpy(out->bytes, text.data, text.size);
    out->bytes[text.size] = 0;
}

static void export(const char *id, struct text *out)
{
    *out = (struct text){ .count = 0 };
    sk_engine_export(world.engine, sk_str_of(id), on_export, out);
    assert_int_equal(0, out->count);
    world_run(&world);
    assert_int_equal(1, out->count);
}

static struct answer import(const char *text)
{
    struct answer answer = { 0 };
    sk_engine_import(world.engine, sk_str_of(text), SK_STR("ada"), world_on_answer, &answer);
    assert_false(answer.is_there);
    world_run(&world);
    assert_int_equal(1, answer.count);
    return answer;
}

static void what_ended_is_made_again(void **state)
{
    (void)state;
    static struct text here, there;
    (void)world_start(&world, "order", "o-1", "{\"n\":1}");
    struct answer before = world_get(&world, "o-1");
    uint32_t events = world_stored_events(&world, "o-1");
    export("o-1", &here);
    assert_int_equal(SKALD_OK, here.status);
    go_elsewhere();
    struct answer answer = import(here.bytes);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "o-1"));
    assert_int_equal(events, world_stored_events(&world, "o-1"));
    assert_int_equal(0, world.invoker.calls_count);
    struct answer after = world_get(&world, "o-1");
    assert_string_equal(before.output, after.output);
    assert_int_equal(before.seq, after.seq);
    export("o-1", &there);
    char *at = strstr(there.bytes, "\"definition\""), *was = strstr(here.bytes, "\"definition\"");
    assert_string_equal(was, at); /* all but the time of the export */
    assert_int_equal(SKALD_E_CONFLICT, import(here.bytes).status);
}

static void nothing_to_export(void **state)
{
    (void)state;
    static struct text text;
    export("nobody", &text);
    assert_int_equal(SKALD_E_NOT_FOUND, text.status);
}

/* On the wire there; here it is suspended, survives a crash, and is redriven when resumed. */
static void what_runs_arrives_suspended(void **state)
{
    (void)state;
    static struct text text;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "o-2", "{}");
    assert_int_equal(1, world.invoker.calls_count);
    export("o-2", &text);
    go_elsewhere();
    struct answer answer = import(text.bytes);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_SUSPENDED, answer.shown);
    world_advance(&world, 3600000);
    assert_int_equal(0, world.invoker.calls_count);
    world_crash(&world);
    world_open(&world);
    answer = world_get(&world, "o-2");
    assert_int_equal(SK_SAGA_SUSPENDED, answer.shown);
    assert_int_equal(0, world.invoker.calls_count);
    struct sk_command resume = { .kind = SK_COMMAND_RESUME,
                                 .step = SK_STEP_NONE,
                                 .item = -1,
                                 .who = SK_STR("ada"),
                                 .why = SK_STR("moved") };
    sk_engine_command(world.engine, SK_STR("o-2"), &resume, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    /* its time-out passed meanwhile: what may have happened is settled under its key, and undone */
    assert_int_equal(SK_SAGA_COMPENSATING, answer.state);
    world_advance(&world, 60000);
    assert_int_equal(SK_SAGA_TIMED_OUT, world_get(&world, "o-2").state);
    assert_string_equal("o-2/reserve/action", world.invoker.calls[0].key);
    assert_string_equal("o-2/reserve/compensation", world.invoker.calls[1].key);
}

static void it_is_answered_when_durable(void **state)
{
    (void)state;
    static struct text text;
    (void)world_start(&world, "order", "o-3", "{}");
    export("o-3", &text);
    go_elsewhere();
    world_define(&world, order_yaml);
    struct answer answer = { 0 };
    world.store.is_holding = true;
    sk_engine_import(world.engine, sk_str_of(text.bytes), SK_STR("ada"), world_on_answer, &answer);
    world_run(&world);
    assert_false(answer.is_there);
    world.store.is_holding = false;
    world_crash(&world); /* nobody was told */
    world_open(&world);
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, "o-3").status);
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 2;
    sk_engine_import(world.engine, sk_str_of(text.bytes), SK_STR("ada"), world_on_answer, &answer);
    world_run(&world);
    assert_false(answer.is_there);
    world_advance(&world, 60000);
    assert_true(answer.is_there);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "o-3"));
}

static void what_is_bound_to_others_is_refused(void **state)
{
    (void)state;
    static struct text text;
    world_define(&world, locked_yaml);
    world_define(&world, single_yaml);
    world_define(&world, parent_yaml);
    world.invoker.is_manual = true;
    (void)world_start(&world, "locked", "l-1", "{\"account\":1}");
    (void)world_start(&world, "parent", "p-1", "{}");
    static const char *const ids[] = { "l-1", "p-1", "p-1.child" };
    for (size_t i = 0; i < 3; i++) {
        export(ids[i], &text);
        assert_int_equal(SKALD_OK, text.status);
        assert_int_equal(SKALD_E_STATE, import(text.bytes).status);
    }
}

/* The engine goes while a file is being read, or its definition stored: nothing is left behind. */
static void the_engine_goes_meanwhile(void **state)
{
    (void)state;
    static struct text text;
    struct answer answer = { 0 };
    (void)world_start(&world, "order", "o-4", "{}");
    export("o-4", &text);
    sk_engine_export(world.engine, SK_STR("o-4"), on_export, &text);
    sk_engine_import(world.engine, sk_str_of(text.bytes), SK_STR("ada"), world_on_answer, &answer);
    world_crash(&world);
    world_open(&world);
    world_run(&world);
    assert_false(answer.is_there);
}

/* ---- tampering ------------------------------------------------------------------------------- */

static uint32_t random_below(uint64_t *state, size_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 20) % bound);
}

/* One to three bytes changed, taken out or doubled. */
static struct sk_str tampered(const char *text, uint64_t *chance, char *out)
{
    static const char bytes[] = "0123456789abcdefABCDEF+/=\"{}[],:-. \\";
    size_t size = strlen(text);
    memcpy(out, text, size + 1);
    for (uint32_t n = 1 + random_below(chance, 3); n > 0; n--) {
        size_t at = random_below(chance, size);
        switch (random_below(chance, 3)) {
        case 0: out[at] = bytes[random_below(chance, sizeof bytes - 1)]; break;
        case 1:
            memmove(out + at, out + at + 1, size - at - 1);
            size -= 1;
            break;
        default:
            memmove(out + at + 1, out + at, size - at);
            size += 1;
            break;
        }
    }
    return (struct sk_str){ out, size };
}

/* As exports were before they had a sum. */
static void take_sum_out(char *text)
{
    char *format = strstr(text, "\"skald_export\":2"), *sum = strstr(text, ",\"sum\":");
    assert_non_null(format);
    assert_non_null(sum);
    format[strlen("\"skald_export\":")] = '1';
    sum[0] = '}';
    sum[1] = 0;
}

static void no_change_is_overlooked(void **state)
{
    (void)state;
    static struct text text;
    static char changed[sizeof text.bytes];
    (void)world_start(&world, "order", "o-6", "{\"n\":[1,2,{\"a\":\"b\"}]}");
    export("o-6", &text);
    size_t size = strlen(text.bytes);
    for (size_t at = 0; at < size; at++) {
        struct sk_transfer transfer;
        skald_error error = { .message = "" };
        memcpy(changed, text.bytes, sizeof changed);
        changed[at] = changed[at] == '1' ? '0' : '1';
        struct sk_str file = { changed, size };
        enum skald_status status = sk_transfer_read(file, NULL, &transfer, &error);
        assert_true(status == SKALD_E_INVALID || status == SKALD_E_SYNTAX);
        sk_transfer_release(&transfer);
    }
    assert_int_equal(SKALD_E_INVALID, import("{\"skald_export\":2}").status);
}

static void tampering_is_never_believed(void **state)
{
    (void)state;
    static struct text text;
    static char changed[sizeof text.bytes + 8];
    uint64_t chance = 88172645463325252ull;
    uint32_t refused = 0, read = 0;
    world.invoker.fails = "ship";
    (void)world_start(&world, "order", "o-5", "{\"n\":[1,2,{\"a\":\"b\"}]}");
    export("o-5", &text);
    take_sum_out(text.bytes);
    for (int n = 0; n < 4000; n++) {
        struct sk_str file = tampered(text.bytes, &chance, changed);
        struct sk_transfer transfer;
        skald_error error = { .message = "" };
        enum skald_status status = sk_transfer_read(file, NULL, &transfer, &error);
        if (status == SKALD_OK) {
            struct sk_saga saga; /* what is believed can be folded and written again */
            assert_int_equal(SKALD_OK, sk_transfer_fold(&transfer, 0, &saga, &error));
            sk_saga_release(&saga);
            read += 1;
        } else {
            assert_true(status == SKALD_E_INVALID || status == SKALD_E_SYNTAX);
            assert_true(strlen(error.message) > 10);
            refused += 1;
        }
        sk_transfer_release(&transfer);
    }
    assert_true(refused > 2000 && read > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_ended_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_to_export, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_runs_arrives_suspended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_answered_when_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_bound_to_others_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_engine_goes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_change_is_overlooked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tampering_is_never_believed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
