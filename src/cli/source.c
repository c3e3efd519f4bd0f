/* source.c: see source.h. */
#include "cli/source.h"

#include "base/limits.h"
#include "cli/client.h"
#include "cli/table.h"
#include "runtime/files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* The path is normalised by the reader; a symbolic link could still lead out of the folder. */
static enum skald_status include(void *context, struct sk_str path, struct sk_buf *out,
                                 skald_error *error)
{
    const struct cli_source *source = context;
    char joined[PATH_MAX], resolved[PATH_MAX];
    int size = snprintf(joined, sizeof joined, "%s/%.*s", source->folder, SK_STR_ARGS(path));
    if (size < 0 || (size_t)size >= sizeof joined) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "the path is too long");
    }
    if (realpath(joined, resolved) == NULL) {
        return sk_error_set(error, SKALD_E_NOT_FOUND, "%s: %s", joined, strerror(errno));
    }
    size_t folder_size = strlen(source->folder);
    bool is_inside =
        strcmp(source->folder, "/") == 0 ||
        (strncmp(resolved, source->folder, folder_size) == 0 && resolved[folder_size] == '/');
    if (!is_inside) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s lies outside the definition's folder",
                            resolved);
    }
    return sk_file_read(resolved, SK_YAML_SIZE_MAX, out, error);
}

static bool environment(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    char text[256];
    if (name.size >= sizeof text) return false;
    memcpy(text, name.data, name.size);
    text[name.size] = 0;
    const char *value = getenv(text);
    if (value != NULL) sk_buf_append_text(out, value);
    return value != NULL;
}

/* The folder of the file, or the present one for standard input. */
static bool find_folder(struct cli_source *source)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(source->path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - source->path) + 1;
    if (size >= sizeof folder) return false;
    if (size > 0) {
        memcpy(folder, source->path, size);
        folder[size] = 0;
    }
    source->folder = realpath(folder, NULL);
    return source->folder != NULL;
}

int cli_source_load(const struct cli *cli, const char *path, bool is_strict,
                    struct cli_source *source)
{
    *source = (struct cli_source){ .path = path };
    sk_diagnostics_init(&source->diagnostics);
    int code = cli_read_file(cli, path, SK_YAML_SIZE_MAX, &source->text);
    if (code != CLI_GO_ON) return code;
    if (!find_folder(source)) {
        return cli_fail(cli, CLI_WRONG_USE, NULL, "%s: %s", path, strerror(errno));
    }
    struct sk_dsl_options options = {
        .file_name = sk_str_of(strcmp(path, "-") == 0 ? "standard input" : path),
        .is_strict = is_strict,
        .include = include,
        .environment = environment,
        .context = source,
    };
    enum skald_status status = sk_dsl_compile(sk_buf_view(&source->text), &options, &source->plan,
                                              &source->expanded, &source->diagnostics);
    if (status == SKALD_OK) return CLI_GO_ON;
    if (status == SKALD_E_INVALID) return CLI_FAILED;
    return cli_fail(cli, CLI_WRONG_USE, NULL, "%s: %s", path, skald_status_text(status));
}

void cli_source_release(struct cli_source *source)
{
    sk_plan_free(source->plan);
    sk_diagnostics_release(&source->diagnostics);
    sk_buf_release(&source->expanded);
    sk_buf_release(&source->text);
    free(source->folder);
    *source = (struct cli_source){ 0 };
}

static enum cli_colour severity_colour(struct sk_str line)
{
    static const struct {
        const char *mark;
        enum cli_colour colour;
    } rows[] = { { ": error: ", CLI_RED },
                 { ": warning: ", CLI_YELLOW },
                 { ": advice: ", CLI_DIM } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (memmem(line.data, line.size, rows[i].mark, strlen(rows[i].mark)) != NULL) {
            return rows[i].colour;
        }
    }
    return CLI_PLAIN;
}

void cli_source_print(const struct cli *cli, const struct cli_source *source, FILE *out)
{
    struct sk_buf text = { 0 }, safe = { 0 };
    sk_diagnostics_print(&source->diagnostics, &text);
    struct sk_str rest = sk_buf_view(&text);
    bool has_colours = cli_has_colours(cli);
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, '\n');
        struct sk_str line = sk_str_sub(rest, 0, end);
        rest = sk_str_sub(rest, end + 1, rest.size);
        sk_buf_clear(&safe);
        cli_text_safe(&safe, line);
        enum cli_colour colour = severity_colour(line);
        (void)fprintf(out, "%s%.*s%s\n", has_colours ? cli_colour_code(colour) : "",
                      SK_STR_ARGS(sk_buf_view(&safe)), has_colours ? "\033[0m" : "");
    }
    sk_buf_release(&safe);
    sk_buf_release(&text);
}
