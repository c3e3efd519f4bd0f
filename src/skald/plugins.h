/*
 * plugins.h: shared objects with functions (include/skald/plugin.h), and all functions in C that
 * are registered with a node, wherever they come from.
 *
 * On the thread that runs the loop, or before it runs. Freed when no function can be called any
 * more: after the runtime.
 */
#ifndef SK_SKALD_PLUGINS_H
#define SK_SKALD_PLUGINS_H

#include <skald/plugin.h>

#include "base/error.h"
#include "base/list.h"

struct sk_node;

struct sk_functions {
    struct sk_node *node;    /* they are known to all its loops */
    struct sk_list handlers; /* library_function.c */
    struct sk_list plugins;
};

void sk_functions_init(struct sk_functions *functions, struct sk_node *node);
void sk_functions_release(struct sk_functions *functions);

/* library_function.c: one more. `options` have been taken (sk_options_take). */
enum skald_status sk_functions_add(struct sk_functions *functions, const char *name,
                                   const skald_function_options *options,
                                   skald_error *error) SK_MUST_CHECK;
void sk_handlers_free(struct sk_list *handlers);
/* Loads a plugin and lets it register its functions. */
enum skald_status sk_functions_load(struct sk_functions *functions, const char *path,
                                    skald_error *error) SK_MUST_CHECK;

#endif
