/* testkit_public.c: see <skald/test.h>: a scenario that is played from C, line by line. */
#include <skald/test.h>

#include "invoke/function.h"
#include "skald/library.h"
#include "skald/scenario_private.h"

struct skald_test {
    struct scenario *scenario;
    struct sk_list handlers;
    struct sk_buf report;
    char file[8]; /* "test", for messages */
};

/* ---- life ------------------------------------------------------------------------------------ */

enum skald_status skald_test_new(const skald_test_options *given, skald_test **out_test,
                                 skald_error *error)
{
    skald_test_options options;
    *out_test = NULL;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    skald_test *test = sk_alloc(sizeof *test);
    if (test == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    sk_list_init(&test->handlers);
    memcpy(test->file, "test", sizeof "test");
    struct sk_testkit_options kit = { .seed = options.seed };
    test->scenario = scenario_new(test->file, &kit);
    if (test->scenario == NULL || test->scenario->has_failed) {
        status = sk_error_set(error, SKALD_E_MEMORY, "the test's engine does not come up");
        skald_test_free(test);
        return status;
    }
    *out_test = test;
    return SKALD_OK;
}

void skald_test_free(skald_test *test)
{
    if (test == NULL) return;
    scenario_free(test->scenario);
    while (!sk_list_is_empty(&test->handlers)) {
        struct sk_library_handler *handler =
            sk_container_of(test->handlers.next, struct sk_library_handler, node);
        sk_list_remove(&handler->node);
        sk_free(handler);
    }
    sk_buf_release(&test->report);
    sk_free(test);
}

/* ---- playing --------------------------------------------------------------------------------- */

static void put_part(struct sk_buf *out, const char *label, struct sk_str text)
{
    if (text.size > 0) sk_buf_printf(out, "  %s %.*s\n", label, SK_STR_ARGS(text));
}

static void write_report(skald_test *test, size_t *out_first_size)
{
    struct scenario *s = test->scenario;
    struct sk_buf *out = &test->report;
    sk_buf_printf(out, "line %u: %.*s: %s", s->number, SK_STR_ARGS(s->text),
                  sk_buf_text(&s->message));
    *out_first_size = out->size;
    sk_buf_append_char(out, '\n');
    put_part(out, "expected", sk_buf_view(&s->expected));
    put_part(out, "happened", sk_buf_view(&s->actual));
    if (s->current.size > 0) sk_testkit_timeline(s->kit, s->current, out);
}

static enum skald_status end_play(skald_test *test, skald_error *error)
{
    struct scenario *s = test->scenario;
    size_t first_size = 0;
    if (!s->has_failed) return SKALD_OK;
    write_report(test, &first_size);
    enum skald_status status = s->is_wrong ? SKALD_E_SYNTAX : SKALD_E_FAILED;
    return sk_error_set(error, status, "%.*s", (int)first_size, sk_buf_text(&test->report));
}

static void begin_play(skald_test *test)
{
    scenario_reset(test->scenario);
    sk_buf_clear(&test->report);
}

enum skald_status skald_test_play(skald_test *test, const char *lines, skald_error *error)
{
    begin_play(test);
    /* words of these lines may stay in use: the saga that later lines mean */
    struct sk_str text = sk_arena_copy(&test->scenario->arena, sk_str_of(lines));
    (void)scenario_run(test->scenario, text, 0);
    return end_play(test, error);
}

const char *skald_test_report(const skald_test *test)
{
    return test->report.size == 0 ? "" : sk_buf_text((struct sk_buf *)(uintptr_t)&test->report);
}

enum skald_status skald_test_define_file(skald_test *test, const char *path, skald_error *error)
{
    begin_play(test);
    test->scenario->number = 0;
    test->scenario->text = sk_str_of("define");
    (void)scenario_define_file(test->scenario, sk_str_of(path));
    enum skald_status status = end_play(test, error);
    return status == SKALD_OK ? status : SKALD_E_INVALID;
}

enum skald_status skald_test_define_text(skald_test *test, const char *text, skald_error *error)
{
    begin_play(test);
    test->scenario->number = 0;
    test->scenario->text = sk_str_of("define");
    (void)scenario_define_text(test->scenario, sk_str_of(text));
    enum skald_status status = end_play(test, error);
    return status == SKALD_OK ? status : SKALD_E_INVALID;
}

enum skald_status skald_test_register_with(skald_test *test, const char *name,
                                           const skald_function_options *given, skald_error *error)
{
    skald_function_options options;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    struct sk_library_handler *handler = sk_alloc(sizeof *handler);
    if (handler == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    handler->options = options;
    struct sk_function_handlers handlers = sk_library_handlers_of(handler);
    status = sk_function_register(sk_testkit_functions(test->scenario->kit), sk_str_of(name),
                                  &handlers, error);
    if (status != SKALD_OK) {
        sk_free(handler);
        return status;
    }
    sk_list_push(&test->handlers, &handler->node);
    return SKALD_OK;
}

enum skald_status skald_test_register(skald_test *test, const char *name, skald_function *action,
                                      skald_function *compensation, void *user, skald_error *error)
{
    skald_function_options options = SKALD_OPTIONS(skald_function_options, .action = action,
                                                   .compensation = compensation, .user = user);
    return skald_test_register_with(test, name, &options, error);
}

enum skald_status skald_test_start(skald_test *test, const char *definition, const char *saga,
                                   const char *input_json, skald_error *error)
{
    struct scenario *s = test->scenario;
    if (input_json != NULL) {
        enum skald_status checked = sk_json_check(sk_str_of(input_json), error);
        if (checked != SKALD_OK) return checked;
    }
    struct sk_start_request request = { .definition = sk_str_of(definition),
                                        .id = sk_str_of(saga),
                                        .input = sk_str_of(input_json) };
    enum skald_status status = sk_testkit_start(s->kit, &request, error);
    if (status == SKALD_OK) s->current = sk_arena_copy(&s->arena, request.id);
    return status;
}

void skald_test_advance(skald_test *test, int64_t ms)
{
    sk_testkit_advance(test->scenario->kit, ms);
}

void skald_test_run(skald_test *test)
{
    (void)sk_testkit_rest(test->scenario->kit, INT64_C(366) * 24 * 3600 * 1000);
}

enum skald_status skald_test_crash(skald_test *test, skald_error *error)
{
    return sk_testkit_crash(test->scenario->kit, error);
}

/* ---- looking --------------------------------------------------------------------------------- */

int64_t skald_test_now_ms(const skald_test *test)
{
    return sk_testkit_now(test->scenario->kit);
}

static void on_answer(void *context, const struct sk_local_answer *answer)
{
    skald_reply **reply = context;
    *reply = sk_reply_new(answer);
}

static enum sk_http_method method_of(const char *name)
{
    static const enum sk_http_method methods[] = { SK_HTTP_GET, SK_HTTP_POST, SK_HTTP_PUT,
                                                   SK_HTTP_PATCH, SK_HTTP_DELETE };
    for (size_t i = 0; name != NULL && i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(sk_http_method_name(methods[i]), name) == 0) return methods[i];
    }
    return SK_HTTP_OTHER;
}

enum skald_status skald_test_request(skald_test *test, const char *method, const char *path,
                                     const char *body, skald_reply **out_reply, skald_error *error)
{
    struct sk_str whole = sk_str_of(path);
    size_t mark = sk_str_find(whole, '?');
    struct sk_local_question question = { .method = method_of(method),
                                          .path = sk_str_sub(whole, 0, mark),
                                          .query = sk_str_sub(whole, mark + 1, whole.size),
                                          .body = sk_str_of(body) };
    skald_reply *reply = NULL;
    if (out_reply != NULL) *out_reply = NULL;
    if (question.method == SK_HTTP_OTHER || whole.size == 0 || whole.data[0] != '/')
        return sk_error_set(error, SKALD_E_ARGUMENT, "a method and a path that begins with '/'");
    sk_testkit_ask(test->scenario->kit, &question, on_answer, &reply);
    if (reply == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    int http = skald_reply_status(reply);
    enum skald_status status = http >= 200 && http < 300 ? SKALD_OK : sk_reply_error(reply, error);
    if (out_reply != NULL) {
        *out_reply = reply;
    } else {
        skald_reply_free(reply);
    }
    return status;
}

static void look_state(void *context, const struct sk_saga *saga)
{
    enum sk_saga_state *state = context;
    *state = sk_saga_shown_state(saga);
}

enum skald_state skald_test_state(skald_test *test, const char *saga)
{
    enum sk_saga_state state = 0;
    enum skald_status status =
        sk_testkit_look(test->scenario->kit, sk_str_of(saga), look_state, &state, NULL);
    return status == SKALD_OK ? (enum skald_state)state : SKALD_STATE_NONE;
}

uint32_t skald_test_calls_count(const skald_test *test)
{
    return sk_testkit_calls_count(test->scenario->kit);
}

/* Copies of the kit end with a NUL. */
static const char *text_of(struct sk_str text)
{
    return text.size == 0 ? "" : text.data;
}

bool skald_test_call_at(const skald_test *test, uint32_t index, skald_test_call *out_call)
{
    if (index >= skald_test_calls_count(test) || out_call->size < sizeof out_call->size)
        return false;
    const struct sk_testkit_call *seen = sk_testkit_call_at(test->scenario->kit, index);
    bool is_success = seen->outcome.class_ == SK_OUTCOME_SUCCEEDED;
    skald_test_call call = {
        .size = out_call->size,
        .saga = text_of(seen->saga),
        .step = text_of(seen->step),
        .key = text_of(seen->key),
        .target = text_of(seen->target),
        .method = text_of(seen->method),
        .headers = text_of(seen->headers),
        .body = text_of(seen->body),
        .token = text_of(seen->token),
        .code = is_success ? "" : text_of(seen->outcome.code),
        .operation = (enum skald_operation)seen->operation,
        .item = seen->item,
        .attempt = seen->attempt,
        .round = seen->round,
        .at_ms = seen->at_ms,
        .is_answered = seen->state == SK_TESTKIT_ANSWERED,
    };
    size_t size = out_call->size < sizeof call ? out_call->size : sizeof call;
    memcpy(out_call, &call, size);
    return true;
}

/* The public numbers are the core's. */
_Static_assert((int)SKALD_STATE_SUSPENDED == (int)SK_SAGA_SUSPENDED, "states");
_Static_assert((int)SKALD_STATE_PENDING == (int)SK_SAGA_PENDING, "states");
_Static_assert((int)SKALD_OPERATION_POLL == (int)SK_OPERATION_POLL, "operations");
