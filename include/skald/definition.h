/*
 * definition.h: telling the engine what sagas do.
 *
 * What is defined is durable, and (id, version) is bound to one content for ever: the same again is
 * SKALD_OK, another content under the same version SKALD_E_CONFLICT (docs/definitions.md). A step's
 * functions need not be registered yet.
 */
#ifndef SKALD_DEFINITION_H
#define SKALD_DEFINITION_H

#include <skald/api.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

/*
 * Defines what a YAML (or JSON) file says; `!include` and `${NAME}` are resolved here. The reply:
 * {id, version, digest, is_new, warnings}. SKALD_E_NOT_FOUND: no such file. SKALD_E_INVALID: the
 * message names the first mistake, the reply's `diagnostics` all of them.
 */
SKALD_API enum skald_status skald_define_file(skald_engine *engine, const char *path,
                                              skald_reply **out_reply, skald_error *error);
/* The same from a text; it includes nothing. `file_name` is for messages; NULL = "text". */
SKALD_API enum skald_status skald_define_text(skald_engine *engine, const char *text,
                                              const char *file_name, skald_reply **out_reply,
                                              skald_error *error);

/* All definitions and versions: {items: […]}. */
SKALD_API enum skald_status skald_list_definitions(skald_engine *engine, skald_reply **out_reply,
                                                   skald_error *error);
/* One with its source; version NULL = the one defined last. SKALD_E_NOT_FOUND. */
SKALD_API enum skald_status skald_get_definition(skald_engine *engine, const char *definition,
                                                 const char *version, skald_reply **out_reply,
                                                 skald_error *error);

#ifdef __cplusplus
}
#endif
#endif
