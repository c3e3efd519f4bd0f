/* secret.c: see secret.h. */
#include "skald/secret.h"

#include "runtime/files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE_MAX = 200 };

static bool is_file_name(struct sk_str name)
{
    bool has_dots = false;
    for (size_t i = 0; i + 1 < name.size; i++) {
        has_dots = has_dots || (name.data[i] == '.' && name.data[i + 1] == '.');
    }
    return name.size > 0 && name.size <= NAME_SIZE_MAX && name.data[0] != '/' &&
           name.data[0] != '.' && !has_dots;
}

static bool read_from_folder(const char *folder, struct sk_str name, struct sk_buf *out)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%.*s", folder, SK_STR_ARGS(name));
    if (size < 0 || (size_t)size >= sizeof path || !is_file_name(name)) return false;
    size_t before = out->size;
    if (sk_file_read(path, SK_SECRET_SIZE_MAX, out, NULL) != SKALD_OK) return false;
    if (out->size > before && out->data[out->size - 1] == '\n') out->size -= 1;
    if (out->size > before && out->data[out->size - 1] == '\r') out->size -= 1;
    return true;
}

bool sk_secret_read(const char *folder, struct sk_str name, struct sk_buf *out)
{
    char variable[NAME_SIZE_MAX + 32];
    int size = snprintf(variable, sizeof variable, "SKALD_SECRET_%.*s", SK_STR_ARGS(name));
    if (size < 0 || (size_t)size >= sizeof variable) return false;
    const char *value = getenv(variable);
    if (value != NULL) {
        sk_buf_append_text(out, value);
        return true;
    }
    return folder != NULL && read_from_folder(folder, name, out);
}

enum skald_status sk_secret_expand(const char *folder, struct sk_str text, struct sk_buf *out,
                                   skald_error *error)
{
    static const struct sk_str mark = { "${secret:", 9 };
    for (size_t at = 0; at < text.size;) {
        struct sk_str rest = sk_str_sub(text, at, text.size);
        size_t end = sk_str_find(rest, '}');
        if (!sk_str_starts(rest, mark) || end == rest.size) {
            sk_buf_append_char(out, rest.data[0]);
            at += 1;
            continue;
        }
        struct sk_str name = sk_str_sub(rest, mark.size, end - mark.size);
        if (!sk_secret_read(folder, name, out)) {
            return sk_error_set(error, SKALD_E_NOT_FOUND,
                                "there is no secret %.*s: set SKALD_SECRET_%.*s, or put a file of "
                                "that name into secrets.folder",
                                SK_STR_ARGS(name), SK_STR_ARGS(name));
        }
        at += end + 1;
    }
    return out->failed ? sk_error_set(error, SKALD_E_MEMORY, "out of memory") : SKALD_OK;
}

enum skald_status sk_secret_resolve(const char *folder, struct sk_arena *arena, const char **text,
                                    skald_error *error)
{
    if (*text == NULL || strstr(*text, "${secret:") == NULL) return SKALD_OK;
    struct sk_buf value = { 0 };
    enum skald_status status = sk_secret_expand(folder, sk_str_of(*text), &value, error);
    const char *copy = status == SKALD_OK ? sk_arena_text(arena, sk_buf_view(&value)) : NULL;
    if (status == SKALD_OK && copy == NULL)
        status = sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    if (status == SKALD_OK) *text = copy;
    sk_buf_release(&value);
    return status;
}
