/* source.c: see source.h. */
#include "cli/source.h"

#include "cli/table.h"
#include "skald/definition_file.h"

#include <sys/stat.h>

int cli_source_load(const struct cli *cli, const char *path, bool is_strict,
                    struct cli_source *source)
{
    struct sk_definition_file_options options = { .is_strict = is_strict };
    skald_error error = { .message = "" };
    *source = (struct cli_source){ .path = path };
    sk_diagnostics_init(&source->diagnostics);
    enum skald_status status = sk_definition_file_read(path, &options, &source->expanded,
                                                       &source->plan, &source->diagnostics, &error);
    if (status == SKALD_OK) return CLI_GO_ON;
    if (source->diagnostics.errors_count > 0) return CLI_FAILED;
    struct stat file;
    bool is_folder = stat(path, &file) == 0 && S_ISDIR(file.st_mode);
    return cli_fail_error(cli, CLI_WRONG_USE,
                          is_folder ? "name the files in it; `skald validate` takes folders, too"
                                    : NULL,
                          &error);
}

void cli_source_release(struct cli_source *source)
{
    sk_plan_free(source->plan);
    sk_diagnostics_release(&source->diagnostics);
    sk_buf_release(&source->expanded);
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
