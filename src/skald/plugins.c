/*
 * plugins.c: see plugins.h: loading shared objects.
 *
 *   P1  Nothing of an object is called before its abi has been looked at.
 *   P2  An object stays as long as the functions that it registered, also when its `open` failed
 *       half-way: what it had registered by then may be known already.
 */
#include "skald/plugins.h"

#include "base/arena.h"
#include "skald/library.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct loaded {
    struct sk_list node;
    void *object;
    const skald_plugin *plugin;
    void *context;
    bool is_open;
};

struct skald_plugin_host {
    struct sk_functions *functions;
};

void sk_functions_init(struct sk_functions *functions, struct sk_node *node)
{
    functions->node = node;
    sk_list_init(&functions->handlers);
    sk_list_init(&functions->plugins);
}

static void unload(struct loaded *loaded)
{
    if (loaded->is_open && loaded->plugin->close != NULL) loaded->plugin->close(loaded->context);
    if (loaded->object != NULL) (void)dlclose(loaded->object);
    sk_free(loaded);
}

void sk_functions_release(struct sk_functions *functions)
{
    sk_handlers_free(&functions->handlers);
    while (!sk_list_is_empty(&functions->plugins)) {
        struct loaded *loaded = sk_container_of(functions->plugins.next, struct loaded, node);
        sk_list_remove(&loaded->node);
        unload(loaded);
    }
}

enum skald_status skald_plugin_register(skald_plugin_host *host, const char *name,
                                        const skald_function_options *given, skald_error *error)
{
    skald_function_options options;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    return status == SKALD_OK ? sk_functions_add(host->functions, name, &options, error) : status;
}

/* dlopen searches the system's folders for a name without a slash; a file is meant. */
static enum skald_status open_object(struct loaded *loaded, const char *path, skald_error *error)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL || access(real, R_OK) != 0) {
        return sk_error_set(error, SKALD_E_NOT_FOUND,
                            "plugin %s: there is no such file, or it cannot be read", path);
    }
    loaded->object = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    if (loaded->object != NULL) return SKALD_OK;
    const char *why = dlerror();
    return sk_error_set(error, SKALD_E_UNSUPPORTED, "plugin %s: it cannot be loaded: %s", path,
                        why == NULL ? "no reason was given" : why);
}

static enum skald_status find_entry(struct loaded *loaded, const char *path, skald_error *error)
{
    loaded->plugin = dlsym(loaded->object, "skald_plugin_entry");
    if (loaded->plugin == NULL) {
        return sk_error_set(error, SKALD_E_UNSUPPORTED,
                            "plugin %s: it exports no skald_plugin_entry; define it with "
                            "SKALD_PLUGIN of <skald/plugin.h>",
                            path);
    }
    if (loaded->plugin->abi != SKALD_PLUGIN_ABI) {
        return sk_error_set(error, SKALD_E_VERSION,
                            "plugin %s: built for version %u of the plugin interface, this is %d: "
                            "build it again with the headers of skald " SKALD_BUILD_VERSION,
                            path, loaded->plugin->abi, SKALD_PLUGIN_ABI);
    }
    if (loaded->plugin->open != NULL) return SKALD_OK;
    return sk_error_set(error, SKALD_E_UNSUPPORTED, "plugin %s: its entry has no `open`", path);
}

enum skald_status sk_functions_load(struct sk_functions *functions, const char *path,
                                    skald_error *error)
{
    struct loaded *loaded = sk_alloc(sizeof *loaded);
    if (loaded == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    enum skald_status status = open_object(loaded, path, error);
    if (status == SKALD_OK) status = find_entry(loaded, path, error);
    if (status != SKALD_OK) {
        unload(loaded);
        return status;
    }
    sk_list_push(&functions->plugins, &loaded->node);
    struct skald_plugin_host host = { functions };
    skald_error fault = { .message = "" };
    status = loaded->plugin->open(&host, &loaded->context, &fault);
    loaded->is_open = status == SKALD_OK;
    if (status == SKALD_OK) return SKALD_OK;
    const char *name = loaded->plugin->name == NULL ? path : loaded->plugin->name;
    return sk_error_set(error, status, "plugin %s: %s", name,
                        fault.message[0] == 0 ? skald_status_text(status) : fault.message);
}

struct loading {
    skald_engine *engine;
    const char *path;
    skald_error *error;
    enum skald_status status;
};

static void load_on_loop(void *context)
{
    struct loading *loading = context;
    loading->status = sk_functions_load(&loading->engine->functions, loading->path, loading->error);
}

enum skald_status skald_load_plugin(skald_engine *engine, const char *path, skald_error *error)
{
    if (path == NULL) return sk_error_set(error, SKALD_E_ARGUMENT, "the path is missing");
    struct loading loading = { .engine = engine, .path = path, .error = error };
    enum skald_status status = sk_library_do(engine, load_on_loop, &loading);
    if (status == SKALD_OK) return loading.status;
    return sk_error_set(error, status, "plugin %s: %s", path, skald_status_text(status));
}
