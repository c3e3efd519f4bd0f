/*
 * plugin.h: functions from a shared object, for a server (`plugins:` of its configuration, `skald
 * serve --plugin FILE`) and for programs (skald_load_plugin).
 *
 *     #include <skald/plugin.h>
 *
 *     static void reserve(skald_call *call, void *user) { … }
 *
 *     static enum skald_status open(skald_plugin_host *host, void **context, skald_error *error)
 *     {
 *         return skald_plugin_register(host, "reserve",
 *             &SKALD_OPTIONS(skald_function_options, .action = reserve), error);
 *     }
 *
 *     SKALD_PLUGIN = { .abi = SKALD_PLUGIN_ABI, .name = "stock", .open = open };
 *
 *     cc -std=c17 -fPIC -shared stock.c $(pkg-config --cflags skald) -o stock.so
 *
 * It is not linked with libskald: what it calls is found in whoever loads it, the functions of
 * function.h and skald_plugin_register alone. A plugin runs with all rights of the server and can
 * take it down: load only what you would link.
 */
#ifndef SKALD_PLUGIN_H
#define SKALD_PLUGIN_H

#include <skald/api.h>
#include <skald/function.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a plugin that was built before cannot be loaded any more. */
enum { SKALD_PLUGIN_ABI = 1 };

/* Whoever loads it; valid during `open`. */
typedef struct skald_plugin_host skald_plugin_host;

/* What a shared object exports as `skald_plugin_entry`. */
typedef struct skald_plugin {
    uint32_t abi;     /* SKALD_PLUGIN_ABI; looked at before anything else */
    const char *name; /* for messages */
    /* Registers the functions. *out_context is the plugin's own, for `close`. Anything but SKALD_OK
     * ends the start of the server, with the error. */
    enum skald_status (*open)(skald_plugin_host *host, void **out_context, skald_error *error);
    void (*close)(
        void *context); /* once no function can be called any more; NULL = nothing to do */
} skald_plugin;

/* Defines the entry. */
#ifdef __cplusplus
#define SKALD_PLUGIN extern "C" SKALD_API const skald_plugin skald_plugin_entry
#else
#define SKALD_PLUGIN                                        \
    SKALD_API extern const skald_plugin skald_plugin_entry; \
    const skald_plugin skald_plugin_entry
#endif

/* As skald_register_with; during `open` only. */
SKALD_API enum skald_status skald_plugin_register(skald_plugin_host *host, const char *name,
                                                  const skald_function_options *options,
                                                  skald_error *error);

/*
 * Loads a plugin into an engine of this program, whose program must export the functions that the
 * plugin calls (linked with the shared library, it does). It stays until skald_close. Before
 * skald_run, like skald_register. SKALD_E_NOT_FOUND: no such file. SKALD_E_UNSUPPORTED: no shared
 * object, or without entry. SKALD_E_VERSION: built for another version. Or what its `open` says.
 */
SKALD_API enum skald_status skald_load_plugin(skald_engine *engine, const char *path,
                                              skald_error *error);

#ifdef __cplusplus
}
#endif
#endif
