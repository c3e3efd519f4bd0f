/*
 * library_request.c: questions to the engine, and who waits for them.
 *
 *   any thread                       the loop
 *   put together, post ────────────► ask_on_loop: sk_api_ask ─► … the engine …
 *   wait for `is_done`  ◄─────────── on_answer: reply made, told
 *
 *   Q1  A question is the loop's from its post to its answer, then its asker's again.
 *   Q2  An answer always comes: from the engine, or (closing) from sk_api_free.
 */
#include "skald/library.h"

#include "invoke/percent.h"

#include <stdio.h>

struct question {
    skald_engine *engine;
    struct sk_local_question local;
    struct sk_arena arena; /* its texts */
    skald_reply *reply;    /* NULL: none came, `status` says why */
    enum skald_status status;
    bool is_done;             /* under the lock; when somebody waits */
    skald_request_done *done; /* NULL: somebody waits */
    void *user;
};

/* ---- making one ------------------------------------------------------------------------------ */

static enum sk_http_method method_of(const char *name)
{
    static const enum sk_http_method methods[] = { SK_HTTP_GET, SK_HTTP_POST, SK_HTTP_PUT,
                                                   SK_HTTP_PATCH, SK_HTTP_DELETE };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (name != NULL && strcmp(sk_http_method_name(methods[i]), name) == 0) return methods[i];
    }
    return SK_HTTP_OTHER;
}

static enum skald_status check(const char *method, const char *path, skald_error *error)
{
    if (method_of(method) == SK_HTTP_OTHER) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "the method is \"GET\", \"POST\", \"PUT\", \"PATCH\" or \"DELETE\"");
    }
    if (path == NULL || path[0] != '/') {
        return sk_error_set(error, SKALD_E_ARGUMENT, "a path begins with '/', as in /api/v1/sagas");
    }
    return SKALD_OK;
}

static void question_free(struct question *question)
{
    sk_arena_release(&question->arena);
    sk_free(question);
}

static struct question *question_new(skald_engine *engine, const char *method, const char *path,
                                     struct sk_str body, const skald_request_options *options)
{
    struct question *question = sk_alloc(sizeof *question);
    if (question == NULL) return NULL;
    struct sk_arena *arena = &question->arena;
    sk_arena_init(arena);
    struct sk_str whole = sk_str_of(path);
    size_t mark = sk_str_find(whole, '?');
    question->engine = engine;
    question->local = (struct sk_local_question){
        .method = method_of(method),
        .path = sk_arena_copy(arena, sk_str_sub(whole, 0, mark)),
        .query = sk_arena_copy(arena, sk_str_sub(whole, mark + 1, whole.size)),
        .key = sk_arena_copy(arena, sk_str_of(options->idempotency_key)),
        .type = sk_arena_copy(arena, sk_str_of(options->type)),
        .body = sk_arena_copy(arena, body),
    };
    if (!arena->failed) return question;
    question_free(question);
    return NULL;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static enum skald_status result_of(const struct question *question, skald_error *error)
{
    if (question->reply == NULL) {
        return sk_error_set(error, question->status, "%s",
                            question->status == SKALD_E_CLOSED
                                ? "the engine is closing; look whether it happened when it is open "
                                  "again"
                                : skald_status_text(question->status));
    }
    int status = skald_reply_status(question->reply);
    if (status >= 200 && status < 300) return SKALD_OK;
    return sk_reply_error(question->reply, error);
}

/* Whoever does not wait is told here, outside the lock. */
static void tell(struct question *question)
{
    skald_engine *engine = question->engine;
    skald_error error = { .status = SKALD_OK };
    enum skald_status status = result_of(question, &error);
    question->done(question->user, status, question->reply, &error);
    question_free(question);
    (void)pthread_mutex_lock(&engine->lock);
    sk_library_leave(engine);
    (void)pthread_mutex_unlock(&engine->lock);
}

static void settle(struct question *question)
{
    skald_engine *engine = question->engine;
    if (question->done != NULL) {
        tell(question);
        return;
    }
    (void)pthread_mutex_lock(&engine->lock);
    question->is_done = true;
    (void)pthread_cond_broadcast(&engine->changed);
    (void)pthread_mutex_unlock(&engine->lock);
}

static void on_answer(void *context, const struct sk_local_answer *answer)
{
    struct question *question = context;
    question->status = SKALD_E_CLOSED;
    if (answer->status != 0) {
        question->reply = sk_reply_new(answer);
        question->status = SKALD_E_MEMORY;
    }
    settle(question);
}

/* An answer may have come when sk_api_ask returns (L2): the question is then not ours any more. */
static void ask_on_loop(void *context)
{
    struct question *question = context;
    enum skald_status status =
        sk_api_ask(sk_doors_first(question->engine->doors), &question->local, on_answer, question);
    if (status == SKALD_OK) return;
    question->status = status;
    settle(question);
}

/* ---- the asker's side ------------------------------------------------------------------------ */

static enum skald_status refuse_on_loop(skald_error *error)
{
    return sk_error_set(error, SKALD_E_STATE,
                        "this call waits for the engine, and it was made on the engine's own "
                        "thread: use skald_request_async there, or a function that blocks");
}

static enum skald_status ask_and_wait(struct question *question, skald_error *error)
{
    skald_engine *engine = question->engine;
    struct sk_runtime *runtime = sk_library_runtime(engine);
    (void)pthread_mutex_lock(&engine->lock);
    enum skald_status status = sk_library_enter(engine, error);
    if (status == SKALD_OK) {
        status = runtime->ops->post(runtime, ask_on_loop, question);
        if (status != SKALD_OK) (void)sk_error_set(error, status, "out of memory");
        while (status == SKALD_OK && !question->is_done) {
            (void)pthread_cond_wait(&engine->changed, &engine->lock);
        }
        sk_library_leave(engine);
    }
    (void)pthread_mutex_unlock(&engine->lock);
    return status;
}

static enum skald_status request(skald_engine *engine, const char *method, const char *path,
                                 struct sk_str body, const skald_request_options *options,
                                 skald_reply **out_reply, skald_error *error)
{
    if (out_reply != NULL) *out_reply = NULL;
    if (sk_library_is_on_any_loop(engine)) return refuse_on_loop(error);
    struct question *question = question_new(engine, method, path, body, options);
    if (question == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    enum skald_status status = ask_and_wait(question, error);
    if (status == SKALD_OK) status = result_of(question, error);
    if (out_reply != NULL) {
        *out_reply = question->reply;
    } else {
        skald_reply_free(question->reply);
    }
    question_free(question);
    return status;
}

static struct sk_str body_of(const char *body, const skald_request_options *options)
{
    if (body == NULL || options->body_size == 0) return sk_str_of(body);
    return (struct sk_str){ body, options->body_size };
}

enum skald_status skald_request(skald_engine *engine, const char *method, const char *path,
                                const char *body, const skald_request_options *given,
                                skald_reply **out_reply, skald_error *error)
{
    skald_request_options options;
    if (out_reply != NULL) *out_reply = NULL;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status == SKALD_OK) status = check(method, path, error);
    if (status != SKALD_OK) return status;
    return request(engine, method, path, body_of(body, &options), &options, out_reply, error);
}

static enum skald_status post_async(struct question *question, skald_error *error)
{
    skald_engine *engine = question->engine;
    struct sk_runtime *runtime = sk_library_runtime(engine);
    enum skald_status status = SKALD_E_STATE;
    (void)pthread_mutex_lock(&engine->lock);
    if (engine->state == SK_LIBRARY_RUNNING) {
        status = runtime->ops->post(runtime, ask_on_loop, question);
        if (status == SKALD_OK) engine->users_count += 1;
    }
    (void)pthread_mutex_unlock(&engine->lock);
    if (status == SKALD_OK) return SKALD_OK;
    return sk_error_set(error, status, "%s",
                        status == SKALD_E_STATE ? "the engine is not running: call skald_run first"
                                                : "out of memory");
}

enum skald_status skald_request_async(skald_engine *engine, const char *method, const char *path,
                                      const char *body, const skald_request_options *given,
                                      skald_request_done *done, void *user, skald_error *error)
{
    skald_request_options options;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status == SKALD_OK) status = check(method, path, error);
    if (status == SKALD_OK && done == NULL) {
        status = sk_error_set(error, SKALD_E_ARGUMENT, "somebody must be told: done is NULL");
    }
    if (status != SKALD_OK) return status;
    struct question *question =
        question_new(engine, method, path, body_of(body, &options), &options);
    if (question == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    question->done = done;
    question->user = user;
    status = post_async(question, error);
    if (status != SKALD_OK) question_free(question);
    return status;
}

/* ---- the named operations' ------------------------------------------------------------------- */

void sk_ask_init(struct sk_ask *ask, const char *method, const char *path)
{
    *ask = (struct sk_ask){ .method = method };
    sk_buf_append_text(&ask->path, path);
}

void sk_ask_segment(struct sk_ask *ask, const char *segment)
{
    sk_buf_append_char(&ask->path, '/');
    sk_percent_append(&ask->path, sk_str_of(segment));
}

void sk_ask_query(struct sk_ask *ask, const char *name, const char *value)
{
    if (value == NULL) return;
    sk_buf_append_char(&ask->path, ask->has_query ? '&' : '?');
    ask->has_query = true;
    sk_buf_append_text(&ask->path, name);
    sk_buf_append_char(&ask->path, '=');
    sk_percent_append(&ask->path, sk_str_of(value));
}

static void begin_member(struct sk_ask *ask, const char *name)
{
    if (ask->w.out == NULL) {
        ask->w = sk_json_writer_of(&ask->body);
        sk_json_begin_object(&ask->w);
    }
    sk_json_key(&ask->w, name);
}

void sk_ask_text(struct sk_ask *ask, const char *name, const char *value)
{
    if (value == NULL) return;
    begin_member(ask, name);
    sk_json_put_text(&ask->w, value);
}

void sk_ask_number(struct sk_ask *ask, const char *name, int64_t value)
{
    begin_member(ask, name);
    sk_json_put_i64(&ask->w, value);
}

void sk_ask_duration(struct sk_ask *ask, const char *name, int64_t ms)
{
    char text[32];
    if (ms == 0) return;
    (void)snprintf(text, sizeof text, "%lldms", (long long)ms);
    sk_ask_text(ask, name, text);
}

enum skald_status sk_ask_json(struct sk_ask *ask, const char *name, const char *json,
                              skald_error *error)
{
    if (json == NULL) return SKALD_OK;
    enum skald_status status = sk_json_check(sk_str_of(json), error);
    if (status != SKALD_OK) {
        (void)sk_error_wrap(error, "%s", name);
        return status;
    }
    begin_member(ask, name);
    sk_json_put_raw(&ask->w, sk_str_of(json));
    return SKALD_OK;
}

enum skald_status sk_ask_drop(struct sk_ask *ask, enum skald_status status)
{
    sk_buf_release(&ask->path);
    sk_buf_release(&ask->body);
    return status;
}

enum skald_status sk_ask_send(struct sk_ask *ask, skald_engine *engine, skald_reply **out_reply,
                              skald_error *error)
{
    if (out_reply != NULL) *out_reply = NULL;
    if (ask->w.out != NULL) sk_json_end_object(&ask->w);
    const char *path = sk_buf_text(&ask->path);
    if (ask->path.failed || ask->body.failed) {
        return sk_ask_drop(ask, sk_error_set(error, SKALD_E_MEMORY, "out of memory"));
    }
    skald_request_options options = { .idempotency_key = ask->key, .type = ask->type };
    enum skald_status status =
        request(engine, ask->method, path, sk_buf_view(&ask->body), &options, out_reply, error);
    return sk_ask_drop(ask, status);
}
