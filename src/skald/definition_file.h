/*
 * definition_file.h: a definition from a file of this machine: includes and `${NAME}` are resolved
 * here, where the file is, and never by a server that is sent the text. What is sent is the
 * expanded JSON; messages still name the lines of the file.
 */
#ifndef SK_SKALD_DEFINITION_FILE_H
#define SK_SKALD_DEFINITION_FILE_H

#include "dsl/dsl.h"

struct sk_definition_file_options {
    bool is_strict;            /* unknown keys are errors */
    struct sk_dsl_options dsl; /* defaults; file_name, is_strict and the callbacks are set here */
};

/* `${NAME}` of this process, for struct sk_dsl_options; no context. */
bool sk_environment_value(void *context, struct sk_str name, struct sk_buf *out);

/* Reads, expands, checks and compiles `path` ("-" = standard input; includes are then relative to
 * the present folder). `options`, out_json and out_plan may be NULL; the plan is the caller's.
 * `diagnostics` is initialised by the caller. SKALD_E_INVALID: they say why; every other failure is
 * in `error`. */
enum skald_status sk_definition_file_read(const char *path,
                                          const struct sk_definition_file_options *options,
                                          struct sk_buf *out_json, struct sk_plan **out_plan,
                                          struct sk_diagnostics *diagnostics,
                                          skald_error *error) SK_MUST_CHECK;

#endif
