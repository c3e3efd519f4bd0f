/* definition_file.c: see definition_file.h. */
#include "skald/definition_file.h"

#include "base/limits.h"
#include "runtime/files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLE_SIZE_MAX = 256 };

struct folder {
    char path[PATH_MAX]; /* real, without symbolic links */
};

/* dsl/ has checked the path; what symbolic links make of it is checked here. */
static enum skald_status include(void *context, struct sk_str path, struct sk_buf *out,
                                 skald_error *error)
{
    const struct folder *folder = context;
    char joined[PATH_MAX], real[PATH_MAX];
    int size = snprintf(joined, sizeof joined, "%s/%.*s", folder->path, SK_STR_ARGS(path));
    if (size < 0 || (size_t)size >= sizeof joined) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "the path is too long");
    }
    if (realpath(joined, real) == NULL) {
        return sk_error_set(error, SKALD_E_NOT_FOUND, "%s: there is no such file", joined);
    }
    size_t root = strlen(folder->path);
    bool is_inside = strncmp(real, folder->path, root) == 0 && (real[root] == '/' || root == 1);
    if (!is_inside) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s: lies outside the definition's folder",
                            joined);
    }
    return sk_file_read(real, SK_YAML_SIZE_MAX, out, error);
}

bool sk_environment_value(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    char variable[VARIABLE_SIZE_MAX];
    if (name.size >= sizeof variable) return false;
    memcpy(variable, name.data, name.size);
    variable[name.size] = 0;
    const char *value = getenv(variable);
    if (value != NULL) sk_buf_append_text(out, value);
    return value != NULL;
}

static enum skald_status find_folder(const char *path, struct folder *out, skald_error *error)
{
    char text[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? snprintf(text, sizeof text, ".")
                             : snprintf(text, sizeof text, "%.*s", (int)(slash - path) + 1, path);
    bool is_there = size > 0 && (size_t)size < sizeof text && realpath(text, out->path) != NULL;
    return is_there ? SKALD_OK
                    : sk_error_set(error, SKALD_E_NOT_FOUND, "%s: there is no such file", path);
}

enum skald_status sk_definition_file_read(const char *path,
                                          const struct sk_definition_file_options *options,
                                          struct sk_buf *out_json, struct sk_plan **out_plan,
                                          struct sk_diagnostics *diagnostics, skald_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct folder folder;
    struct sk_buf source = { 0 };
    struct sk_plan *plan = NULL;
    enum skald_status status = find_folder(is_stdin ? "." : path, &folder, error);
    if (status != SKALD_OK) return status;
    status = sk_file_read(is_stdin ? "/dev/stdin" : path, SK_YAML_SIZE_MAX + 1, &source, error);
    if (status == SKALD_E_TOO_LARGE) {
        (void)sk_error_set(error, status,
                           "%s: larger than the %d MB that a definition may have; keep data out of "
                           "it, or split it into sagas that start others",
                           path, SK_YAML_SIZE_MAX / (1024 * 1024));
    }
    if (status != SKALD_OK) goto out;
    struct sk_dsl_options dsl = options == NULL ? (struct sk_dsl_options){ 0 } : options->dsl;
    dsl.is_strict = options != NULL && options->is_strict;
    dsl.file_name = sk_str_of(is_stdin ? "stdin" : path);
    dsl.include = include;
    dsl.environment = sk_environment_value;
    dsl.context = &folder;
    status = sk_dsl_compile(sk_buf_view(&source), &dsl, &plan, out_json, diagnostics);
    if (status != SKALD_OK) {
        (void)sk_error_set(error, status, "%s: %s", path, skald_status_text(status));
        goto out;
    }
    if (out_plan != NULL) {
        *out_plan = plan;
    } else {
        sk_plan_free(plan);
    }
out:
    sk_buf_release(&source);
    return status;
}
