/*
 * library.c: see <skald/engine.h>: an engine's life.
 *
 *   NEW ──skald_run──► OPENING ──► RUNNING ──┐
 *    │                    └──► FAILED ───────┼─skald_close─► CLOSING ──loop has ended──► DOWN
 *    └───────────────────────────────────────┘
 *
 *   Y1  `state` changes under the lock; everybody who waits is told by `changed`.
 *   Y2  The node, the API and all that is built on the loop are touched on the loop's thread only:
 *       by mail, or by skald_open and skald_close while no loop runs.
 *   Y3  The engine is freed when no call is under way any more (users_count).
 */
#include "skald/library.h"

#include "engine/group.h"
#include "runtime/thread.h"

/* No wire, so no bound of its own: exports of sagas are long. What each operation bounds, it
 * does. */
enum { BODY_SIZE_MAX = 1 << 30 };

struct sk_runtime *sk_library_runtime(skald_engine *engine)
{
    return sk_libevent_runtime_port(sk_node_runtime(engine->node));
}

bool sk_library_is_on_loop(skald_engine *engine)
{
    return pthread_equal(pthread_self(), engine->thread) != 0;
}

bool sk_library_is_on_any_loop(skald_engine *engine)
{
    return sk_library_is_on_loop(engine) || sk_node_is_on_loop(engine->node);
}

const char *skald_version(void)
{
    return SKALD_BUILD_VERSION;
}

/* ---- options --------------------------------------------------------------------------------- */

enum skald_status sk_options_take(const void *given, size_t size, void *out_options,
                                  skald_error *error)
{
    memset(out_options, 0, size);
    if (given == NULL) return SKALD_OK;
    size_t theirs;
    memcpy(&theirs, given, sizeof theirs);
    const char *bytes = given;
    if (theirs < size) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "the options say they are %zu bytes long, not %zu: make them with "
                            "SKALD_OPTIONS or their init function",
                            theirs, size);
    }
    for (size_t i = size; i < theirs; i++) {
        if (bytes[i] == 0) continue;
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "an option is set that this version of the library does not know");
    }
    memcpy(out_options, given, size);
    return SKALD_OK;
}

static struct sk_log_options log_options(const skald_options *options)
{
    static const enum sk_log_level levels[] = { SK_LOG_ERROR, SK_LOG_ERROR, SK_LOG_WARN,
                                                SK_LOG_INFO, SK_LOG_DEBUG };
    bool is_off = options->log_level == SKALD_LOG_OFF;
    return (struct sk_log_options){ .fd = options->log_fd,
                                    .format = SK_LOG_JSON,
                                    .level = levels[options->log_level],
                                    .has_level = true,
                                    .is_off = is_off };
}

static enum skald_status check_options(const skald_options *options, skald_error *error)
{
    if ((int)options->log_level < SKALD_LOG_OFF || options->log_level > SKALD_LOG_DEBUG) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "log_level is none of enum skald_log_level");
    }
    if (options->helpers_max > SK_HELPERS_MAX) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "helpers_max is %u; %d at most",
                            options->helpers_max, SK_HELPERS_MAX);
    }
    if (options->loops > SK_GROUP_MAX) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "loops is %u; %d at most", options->loops,
                            SK_GROUP_MAX);
    }
    bool is_negative = options->grace_ms < 0 || options->sweep_interval_ms < 0;
    if (is_negative) return sk_error_set(error, SKALD_E_ARGUMENT, "a time below zero");
    return SKALD_OK;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void set_state(skald_engine *engine, enum sk_library_state state)
{
    (void)pthread_mutex_lock(&engine->lock);
    engine->state = state;
    (void)pthread_cond_broadcast(&engine->changed);
    (void)pthread_mutex_unlock(&engine->lock);
}

static void *loop_main(void *context)
{
    skald_engine *engine = context;
    (void)pthread_mutex_lock(&engine->lock); /* `thread` is written once we can have it */
    (void)pthread_mutex_unlock(&engine->lock);
    skald_error error = { .status = SKALD_OK };
    if (sk_libevent_runtime_run(sk_node_runtime(engine->node), &error) != SKALD_OK) {
        engine->stop_status = error.status;
    }
    return NULL;
}

static enum skald_status start_loop(skald_engine *engine, skald_error *error)
{
    (void)pthread_mutex_lock(&engine->lock);
    int rc = sk_thread_start(&engine->thread, loop_main, engine);
    (void)pthread_mutex_unlock(&engine->lock);
    if (rc == 0) return SKALD_OK;
    return sk_error_set(error, SKALD_E_AGAIN, "the system gives no further thread");
}

struct job {
    skald_engine *engine;
    sk_runtime_fn *fn;
    void *context;
    bool is_done;
};

static void run_job(void *context)
{
    struct job *job = context;
    job->fn(job->context);
    (void)pthread_mutex_lock(&job->engine->lock);
    job->is_done = true;
    (void)pthread_cond_broadcast(&job->engine->changed);
    (void)pthread_mutex_unlock(&job->engine->lock);
}

/* Y4: mail that is posted under the lock before the state is CLOSING arrives before the loop is
 * told to stop, for mail keeps its order. So nobody waits for a loop that has ended. */
enum skald_status sk_library_do(skald_engine *engine, sk_runtime_fn *fn, void *context)
{
    if (!sk_library_is_on_loop(engine)) return sk_library_do_at(engine, 0, fn, context);
    fn(context);
    return SKALD_OK;
}

enum skald_status sk_library_do_at(skald_engine *engine, uint32_t loop, sk_runtime_fn *fn,
                                   void *context)
{
    struct job job = { .engine = engine, .fn = fn, .context = context };
    struct sk_runtime *runtime = sk_libevent_runtime_port(sk_node_runtime_at(engine->node, loop));
    enum skald_status status = SKALD_E_CLOSED;
    (void)pthread_mutex_lock(&engine->lock);
    if (engine->state < SK_LIBRARY_CLOSING) {
        engine->users_count += 1;
        status = runtime->ops->post(runtime, run_job, &job);
        while (status == SKALD_OK && !job.is_done) {
            (void)pthread_cond_wait(&engine->changed, &engine->lock);
        }
        sk_library_leave(engine);
    }
    (void)pthread_mutex_unlock(&engine->lock);
    return status;
}

/* ---- open ------------------------------------------------------------------------------------ */

static void free_engine(skald_engine *engine)
{
    sk_node_free(engine->node);
    sk_functions_release(&engine->functions);
    sk_settings_release(&engine->settings);
    (void)pthread_cond_destroy(&engine->changed);
    (void)pthread_mutex_destroy(&engine->lock);
    sk_free(engine);
}

static enum skald_status make_node(skald_engine *engine, const skald_options *options,
                                   skald_error *error)
{
    enum skald_status status = sk_library_configure(engine, options, error);
    if (status != SKALD_OK) return status;
    engine->settings.node.runtime.log = log_options(options);
    status = sk_node_new(&engine->settings.node, &engine->node, error);
    if (status != SKALD_OK) return status;
    sk_functions_init(&engine->functions, engine->node);
    struct sk_api_options api = sk_library_api_options(engine);
    api.wait_ms_max = INT64_MAX / 4;
    api.is_local = true;
    api.body_size_max = BODY_SIZE_MAX;
    engine->doors = sk_doors_new(engine->node, &api);
    if (engine->doors == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    return sk_doors_open(engine->doors, 0, error);
}

enum skald_status skald_open(const skald_options *given, skald_engine **out_engine,
                             skald_error *error)
{
    *out_engine = NULL;
    skald_options options;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status == SKALD_OK) status = check_options(&options, error);
    if (status != SKALD_OK) return status;
    skald_engine *engine = sk_alloc(sizeof *engine);
    if (engine == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    sk_functions_init(&engine->functions, NULL);
    sk_list_init(&engine->subscriptions);
    (void)pthread_mutex_init(&engine->lock, NULL);
    (void)pthread_cond_init(&engine->changed, NULL);
    status = make_node(engine, &options, error);
    if (status == SKALD_OK) status = start_loop(engine, error);
    if (status != SKALD_OK) {
        if (engine->node != NULL) sk_node_close(engine->node);
        sk_doors_free(engine->doors);
        free_engine(engine);
        return status;
    }
    *out_engine = engine;
    return SKALD_OK;
}

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    skald_engine *engine = context;
    (void)pthread_mutex_lock(&engine->lock);
    if (status != SKALD_OK) {
        (void)sk_error_set(&engine->failure, status, "%s",
                           error == NULL ? skald_status_text(status) : error->message);
    }
    if (engine->state == SK_LIBRARY_OPENING) {
        engine->state = status == SKALD_OK ? SK_LIBRARY_RUNNING : SK_LIBRARY_FAILED;
    }
    (void)pthread_cond_broadcast(&engine->changed);
    (void)pthread_mutex_unlock(&engine->lock);
}

static void open_on_loop(void *context)
{
    skald_engine *engine = context;
    sk_node_open(engine->node, on_opened, engine);
}

void sk_library_leave(skald_engine *engine)
{
    engine->users_count -= 1;
    (void)pthread_cond_broadcast(&engine->changed);
}

enum skald_status sk_library_enter(skald_engine *engine, skald_error *error)
{
    struct sk_runtime *runtime = sk_library_runtime(engine);
    engine->users_count += 1;
    if (engine->state == SK_LIBRARY_NEW) {
        enum skald_status status = runtime->ops->post(runtime, open_on_loop, engine);
        if (status == SKALD_OK) engine->state = SK_LIBRARY_OPENING;
    }
    while (engine->state == SK_LIBRARY_OPENING) {
        (void)pthread_cond_wait(&engine->changed, &engine->lock);
    }
    if (engine->state == SK_LIBRARY_RUNNING) return SKALD_OK;
    sk_library_leave(engine);
    if (engine->state == SK_LIBRARY_NEW)
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    if (engine->state == SK_LIBRARY_FAILED) {
        return sk_error_set(error, engine->failure.status, "%s", engine->failure.message);
    }
    return sk_error_set(error, SKALD_E_CLOSED, "the engine is closing");
}

enum skald_status skald_run(skald_engine *engine, skald_error *error)
{
    if (sk_library_is_on_any_loop(engine)) {
        return sk_error_set(error, SKALD_E_STATE,
                            "skald_run waits for the engine, and this is the engine's own thread");
    }
    (void)pthread_mutex_lock(&engine->lock);
    enum skald_status status = sk_library_enter(engine, error);
    if (status == SKALD_OK) sk_library_leave(engine);
    (void)pthread_mutex_unlock(&engine->lock);
    return status;
}

/* ---- close ----------------------------------------------------------------------------------- */

static void on_stopped(void *context, enum skald_status status, const skald_error *error)
{
    skald_engine *engine = context;
    (void)error;
    engine->stop_status = status;
    sk_library_drain(engine);
}

static void stop_on_loop(void *context)
{
    skald_engine *engine = context;
    sk_library_stop_serving(engine);
    sk_node_stop(engine->node, engine->grace_ms, on_stopped, engine);
}

static void await_users(skald_engine *engine)
{
    (void)pthread_mutex_lock(&engine->lock);
    while (engine->users_count > 0) (void)pthread_cond_wait(&engine->changed, &engine->lock);
    (void)pthread_mutex_unlock(&engine->lock);
}

enum skald_status skald_close(skald_engine *engine)
{
    if (engine == NULL) return SKALD_OK;
    if (sk_library_is_on_any_loop(engine)) return SKALD_E_STATE;
    struct sk_runtime *runtime = sk_library_runtime(engine);
    set_state(engine, SK_LIBRARY_CLOSING);
    if (runtime->ops->post(runtime, stop_on_loop, engine) != SKALD_OK) {
        engine->stop_status = SKALD_E_AGAIN; /* as a crash would; the next open recovers */
        sk_libevent_runtime_stop(sk_node_runtime(engine->node));
    }
    (void)pthread_join(engine->thread, NULL);
    sk_node_close(engine->node);
    sk_doors_free(engine->served);
    sk_doors_free(engine->doors);
    engine->doors = engine->served = NULL;
    set_state(engine, SK_LIBRARY_DOWN);
    sk_library_subscriptions_free(engine);
    await_users(engine);
    enum skald_status status = engine->stop_status;
    free_engine(engine);
    return status;
}
