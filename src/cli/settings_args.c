/* settings_args.c: see settings_args.h. */
#include "cli/settings_args.h"

#include "base/json.h"
#include "cli/table.h"

#include <stdlib.h>

extern char **environ;

/* ---- files ----------------------------------------------------------------------------------- */

/* SKALD_CONFIG, where no --config says more: paths with colons between them. */
static enum skald_status read_listed(struct sk_settings *settings, const char *list,
                                     struct sk_diagnostics *diagnostics, skald_error *error)
{
    struct sk_str rest = sk_str_of(list);
    enum skald_status worst = SKALD_OK;
    while (rest.size > 0) {
        size_t size = sk_str_find(rest, ':');
        const char *path = sk_arena_text(&settings->arena, sk_str_sub(rest, 0, size));
        rest = sk_str_sub(rest, size + 1, rest.size);
        if (path == NULL) return SKALD_E_MEMORY;
        if (path[0] == 0) continue;
        enum skald_status status = sk_settings_read_file(settings, path, diagnostics, error);
        if (status != SKALD_OK && status != SKALD_E_INVALID) return status;
        if (status != SKALD_OK) worst = status;
    }
    return worst;
}

static enum skald_status read_files(struct sk_settings *settings, const char *const *paths,
                                    size_t count, struct sk_diagnostics *diagnostics,
                                    skald_error *error)
{
    enum skald_status worst = SKALD_OK;
    for (size_t i = 0; i < count; i++) {
        enum skald_status status = sk_settings_read_file(settings, paths[i], diagnostics, error);
        if (status != SKALD_OK && status != SKALD_E_INVALID) return status;
        if (status != SKALD_OK) worst = status;
    }
    return worst;
}

enum skald_status cli_settings_check(const struct cli_args *files, struct sk_settings *out,
                                     struct sk_diagnostics *diagnostics, skald_error *error)
{
    enum skald_status status = sk_settings_init(out);
    if (status == SKALD_OK) {
        status = read_files(out, files->items, files->count, diagnostics, error);
    }
    if (status == SKALD_OK) status = sk_settings_finish(out, diagnostics);
    if (status == SKALD_E_MEMORY) (void)sk_error_set(error, status, "out of memory");
    return status;
}

/* ---- flags ----------------------------------------------------------------------------------- */

/* What was said several times (--define a --define b) is one list. */
static void join(const struct cli_given *given, const char *name, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_array(&w);
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->items[i].name, name) == 0) sk_json_put_text(&w, given->items[i].text);
    }
    sk_json_end_array(&w);
}

static enum skald_status take_flags(struct sk_settings *settings, const struct cli_given *given,
                                    struct sk_diagnostics *diagnostics)
{
    for (size_t i = 0; i < given->count; i++) {
        const struct sk_setting *row = sk_setting_named(sk_str_of(given->items[i].name));
        struct sk_buf list = { 0 }, origin = { 0 };
        if (row->type == SK_SETTING_LIST) join(given, row->name, &list);
        sk_buf_printf(&origin, "--%s", row->flag);
        enum skald_status status =
            sk_settings_set(settings, row->name,
                            list.size > 0 ? sk_buf_text(&list) : given->items[i].text,
                            sk_buf_text(&origin), diagnostics);
        sk_buf_release(&list);
        sk_buf_release(&origin);
        if (status != SKALD_OK && status != SKALD_E_INVALID) return status;
    }
    return SKALD_OK;
}

static int take_sets(const struct cli *cli, const struct cli_settings_args *args,
                     struct sk_settings *settings, struct sk_diagnostics *diagnostics)
{
    for (size_t i = 0; i < args->set.count; i++) {
        struct sk_str text = sk_str_of(args->set.items[i]);
        size_t equals = sk_str_find(text, '=');
        if (equals == text.size || equals == 0) {
            return cli_misuse(cli, "write it like --set limits.sagas_max=500",
                              "--set '%s' is no NAME=VALUE", args->set.items[i]);
        }
        const char *name = sk_arena_text(&settings->arena, sk_str_sub(text, 0, equals));
        if (name != NULL) {
            (void)!sk_settings_set(settings, name, text.data + equals + 1, "--set", diagnostics);
        }
    }
    return CLI_GO_ON;
}

/* ---- all layers ------------------------------------------------------------------------------ */

static int report(const struct cli *cli, enum skald_status status,
                  const struct sk_diagnostics *diagnostics, const skald_error *error)
{
    int code = CLI_GO_ON;
    if (status == SKALD_E_INVALID) {
        code = cli_fail(cli, CLI_WRONG_USE, "settings", NULL,
                        "the settings have %u %s:", diagnostics->errors_count,
                        diagnostics->errors_count == 1 ? "error" : "errors");
    } else if (status != SKALD_OK) {
        code = cli_fail(cli, status == SKALD_E_MEMORY ? CLI_FAILED : CLI_WRONG_USE,
                        skald_status_name(status), NULL, "%s",
                        error->message[0] == 0 ? skald_status_text(status) : error->message);
    }
    struct sk_buf text = { 0 };
    sk_diagnostics_print(diagnostics, &text);
    if (text.size > 0) (void)fputs(sk_buf_text(&text), cli->err);
    sk_buf_release(&text);
    return code;
}

int cli_settings_load(const struct cli *cli, const struct cli_settings_args *args,
                      struct sk_settings *out)
{
    struct sk_diagnostics diagnostics;
    skald_error error = { .message = "" };
    const char *listed = getenv("SKALD_CONFIG");
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_settings_init(out);
    if (status == SKALD_OK && args->config.count > 0) {
        status = read_files(out, args->config.items, args->config.count, &diagnostics, &error);
    } else if (status == SKALD_OK && listed != NULL) {
        status = read_listed(out, listed, &diagnostics, &error);
    }
    int code = CLI_GO_ON;
    if (status == SKALD_OK || status == SKALD_E_INVALID) {
        status = sk_settings_read_environment(out, environ, &diagnostics);
    }
    if (status == SKALD_OK || status == SKALD_E_INVALID) {
        status = take_flags(out, &args->given, &diagnostics);
        code = take_sets(cli, args, out, &diagnostics);
    }
    if (status == SKALD_OK && code == CLI_GO_ON) status = sk_settings_finish(out, &diagnostics);
    if (out->arena.failed) status = SKALD_E_MEMORY;
    if (code == CLI_GO_ON) code = report(cli, status, &diagnostics, &error);
    sk_diagnostics_release(&diagnostics);
    return code;
}

/* ---- printing -------------------------------------------------------------------------------- */

struct printing {
    struct cli_table table;
    struct sk_json_writer writer;
};

static void put_row(void *context, const struct sk_setting_view *view)
{
    struct printing *printing = context;
    cli_table_put(&printing->table, view->path, CLI_PLAIN);
    cli_table_put(&printing->table, view->text, view->is_default ? CLI_DIM : CLI_BOLD);
    cli_table_put(&printing->table, view->origin, view->is_default ? CLI_DIM : CLI_PLAIN);
}

static void put_json(void *context, const struct sk_setting_view *view)
{
    struct sk_json_writer *w = &((struct printing *)context)->writer;
    bool is_json = sk_json_check(view->text, NULL) == SKALD_OK;
    sk_json_begin_object(w);
    sk_json_key(w, "name");
    sk_json_put_str(w, view->path);
    sk_json_key(w, "value");
    if (is_json) {
        sk_json_put_raw(w, view->text);
    } else {
        sk_json_put_str(w, view->text);
    }
    sk_json_key(w, "origin");
    sk_json_put_str(w, view->origin);
    sk_json_end_object(w);
}

int cli_settings_print(const struct cli *cli, const struct sk_settings *settings, bool is_json)
{
    static const char *const header[] = { "SETTING", "VALUE", "FROM", NULL };
    struct printing printing;
    enum skald_status status;
    if (is_json) {
        struct sk_buf json = { 0 };
        printing.writer = sk_json_writer_of(&json);
        sk_json_begin_object(&printing.writer);
        sk_json_key(&printing.writer, "settings");
        sk_json_begin_array(&printing.writer);
        status = sk_settings_each(settings, put_json, &printing);
        sk_json_end_array(&printing.writer);
        sk_json_end_object(&printing.writer);
        if (json.failed) status = SKALD_E_MEMORY;
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&json));
        sk_buf_release(&json);
    } else {
        cli_table_init(&printing.table, header);
        status = sk_settings_each(settings, put_row, &printing);
        cli_table_print(&printing.table, cli);
        cli_table_release(&printing.table);
    }
    return status == SKALD_OK ? CLI_DONE
                              : cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
}
