/*
 * library_settings.c: from skald_options to what a node is made of: the defaults of the settings,
 * then configuration files, then single settings, then the fields that are set.
 */
#include "skald/library.h"

static enum skald_status refuse_settings(const struct sk_diagnostics *diagnostics,
                                         enum skald_status status, skald_error *error)
{
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        const struct sk_diagnostic *item = &diagnostics->items[i];
        if (item->severity != SK_SEVERITY_ERROR) continue;
        return sk_error_set(error, SKALD_E_ARGUMENT, "%.*s:%u: %.*s: %.*s", SK_STR_ARGS(item->file),
                            item->line, SK_STR_ARGS(item->path), SK_STR_ARGS(item->message));
    }
    return sk_error_set(error, status, "settings: %s", skald_status_text(status));
}

/* "name=value" */
static enum skald_status set_one(struct sk_settings *settings, const char *text,
                                 struct sk_diagnostics *diagnostics)
{
    struct sk_arena arena;
    sk_arena_init(&arena);
    struct sk_str whole = sk_str_of(text);
    size_t mark = sk_str_find(whole, '=');
    const char *name = sk_arena_text(&arena, sk_str_sub(whole, 0, mark));
    enum skald_status status = SKALD_E_MEMORY;
    if (name != NULL) {
        status = sk_settings_set(settings, name, mark < whole.size ? text + mark + 1 : "",
                                 "skald_options.settings", diagnostics);
    }
    sk_arena_release(&arena);
    return status;
}

static enum skald_status read_settings(struct sk_settings *settings, const skald_options *options,
                                       skald_error *error)
{
    struct sk_diagnostics diagnostics;
    skald_error fault = { .message = "" };
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_settings_init(settings);
    const char *const *at = options->config_files;
    for (; status == SKALD_OK && at != NULL && *at != NULL; at++) {
        status = sk_settings_read_file(settings, *at, &diagnostics, &fault);
    }
    at = options->settings;
    for (; status == SKALD_OK && at != NULL && *at != NULL; at++) {
        status = set_one(settings, *at, &diagnostics);
    }
    if (status == SKALD_OK) status = sk_settings_finish(settings, &diagnostics);
    if (status != SKALD_OK && fault.message[0] != 0) {
        (void)sk_error_set(error, status, "%s", fault.message);
    } else if (status != SKALD_OK) {
        status = refuse_settings(&diagnostics, status, error);
    }
    sk_diagnostics_release(&diagnostics);
    return status;
}

static void put_options(struct sk_node_options *node, const skald_options *options)
{
    bool is_configured = options->config_files != NULL || options->settings != NULL;
    if (options->store != NULL || !is_configured) {
        node->store_url = options->store == NULL ? "memory:" : options->store;
    }
    if (options->node != NULL) node->name = options->node;
    if (options->helpers_max != 0) node->runtime.helpers_max = options->helpers_max;
    if (options->waiting_max != 0) node->runtime.offload_max = options->waiting_max;
    if (options->sagas_max != 0) node->engine.sagas_max = options->sagas_max;
    if (options->pending_max != 0) node->engine.pending_max = options->pending_max;
    if (options->loops != 0) node->loops = options->loops;
    if (options->sweep_interval_ms != 0) {
        node->engine.sweep_interval_ms = options->sweep_interval_ms;
    }
}

enum skald_status sk_library_configure(skald_engine *engine, const skald_options *options,
                                       skald_error *error)
{
    enum skald_status status = read_settings(&engine->settings, options, error);
    if (status != SKALD_OK) return status;
    put_options(&engine->settings.node, options);
    engine->grace_ms = options->grace_ms == 0 ? engine->settings.grace_ms : options->grace_ms;
    return SKALD_OK;
}
