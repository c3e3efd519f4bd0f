/*
 * cmd_config.c: `skald config check FILE…`: every problem of configuration files, without a server;
 * `skald config list`: the table of settings. The page docs/configuration.md is made from
 * `skald config list --markdown`.
 */
#include "base/json.h"
#include "cli/settings_args.h"
#include "cli/table.h"

struct config {
    bool is_json, is_markdown;
};

static const struct cli_option options[] = {
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs", offsetof(struct config, is_json), 0, 0,
      NULL },
    { "markdown", 0, CLI_FLAG, NULL, "list: as the tables of the documentation",
      offsetof(struct config, is_markdown), 0, 0, NULL },
    { 0 },
};

/* ---- check ----------------------------------------------------------------------------------- */

static int check(const struct cli *cli, const struct config *config, struct cli_args *args)
{
    struct cli_args files = { .count = args->count - 1 };
    struct sk_settings settings;
    struct sk_diagnostics diagnostics;
    struct sk_buf text = { 0 };
    skald_error error = { .message = "" };
    memcpy(files.items, args->items + 1, files.count * sizeof files.items[0]);
    if (files.count == 0) {
        return cli_misuse(cli, "skald config check production.yaml",
                          "config check wants the files, in the order of --config");
    }
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = cli_settings_check(&files, &settings, &diagnostics, &error);
    int code = status == SKALD_OK ? CLI_DONE : CLI_FAILED;
    if (status != SKALD_OK && status != SKALD_E_INVALID) {
        code = cli_fail_error(cli, CLI_WRONG_USE, NULL, &error);
    } else if (config->is_json) {
        sk_buf_append_text(&text, code == CLI_DONE ? "{\"valid\":true" : "{\"valid\":false");
        sk_buf_append_text(&text, ",\"diagnostics\":");
        sk_diagnostics_json(&diagnostics, &text);
        sk_buf_append_text(&text, "}\n");
    } else {
        sk_diagnostics_print(&diagnostics, &text);
        if (code == CLI_DONE) sk_buf_append_text(&text, "valid\n");
    }
    (void)fputs(sk_buf_text(&text), cli->out);
    sk_buf_release(&text);
    sk_diagnostics_release(&diagnostics);
    sk_settings_release(&settings);
    return code;
}

/* ---- list ------------------------------------------------------------------------------------ */

struct listing {
    const struct cli *cli;
    struct cli_table table;
    struct sk_json_writer writer;
    struct sk_buf name, rule;
};

typedef void listing_fn(struct listing *listing, const struct sk_setting *row);

/* Each row with its whole name ("services.<name>.endpoint") in listing->name. */
static void each(struct listing *listing, const struct sk_setting_table *table, listing_fn *fn)
{
    size_t outer = listing->name.size;
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct sk_setting *row = &table->rows[i];
        sk_buf_append_text(&listing->name, row->name);
        sk_buf_clear(&listing->rule);
        sk_setting_rule(row, &listing->rule);
        if (row->zero != NULL) sk_buf_printf(&listing->rule, "; 0 = %s", row->zero);
        if (row->must_be_secret) sk_buf_append_text(&listing->rule, "secrets as ${secret:NAME}");
        fn(listing, row);
        if (row->type == SK_SETTING_MAP) {
            sk_buf_append_text(&listing->name, ".<name>.");
            each(listing, row->table, fn);
        }
        listing->name.size = outer;
    }
}

static void list_text(struct listing *listing, const struct sk_setting *row)
{
    cli_table_put(&listing->table, sk_buf_view(&listing->name), CLI_BOLD);
    cli_table_put_text(&listing->table, row->standard == NULL ? "-" : row->standard);
    cli_table_put_text(&listing->table, sk_setting_type_name(row->type));
    cli_table_put_text(&listing->table, row->help);
}

static void put_text(struct sk_json_writer *w, const char *name, const char *text)
{
    sk_json_key(w, name);
    if (text == NULL) {
        sk_json_put_null(w);
    } else {
        sk_json_put_text(w, text);
    }
}

static void list_json(struct listing *listing, const struct sk_setting *row)
{
    struct sk_json_writer *w = &listing->writer;
    char variable[128];
    sk_setting_variable(row, variable, sizeof variable);
    bool is_top = sk_str_is(sk_buf_view(&listing->name), row->name);
    sk_json_begin_object(w);
    sk_json_key(w, "name");
    sk_json_put_str(w, sk_buf_view(&listing->name));
    put_text(w, "type", sk_setting_type_name(row->type));
    put_text(w, "default", row->standard);
    put_text(w, "rule", listing->rule.size == 0 ? NULL : sk_buf_text(&listing->rule));
    put_text(w, "variable", is_top ? variable : NULL);
    put_text(w, "flag", row->flag);
    put_text(w, "help", row->help);
    sk_json_end_object(w);
}

static void list_markdown(struct listing *listing, const struct sk_setting *row)
{
    FILE *out = listing->cli->out;
    (void)fprintf(out, "| `%s` | %s | %s%s%s | %s", sk_buf_text(&listing->name),
                  sk_setting_type_name(row->type), row->standard == NULL ? "" : "`",
                  row->standard == NULL ? "" : row->standard, row->standard == NULL ? "" : "`",
                  row->help);
    if (listing->rule.size > 0) (void)fprintf(out, " (%s)", sk_buf_text(&listing->rule));
    (void)fprintf(out, " | %s%s%s |\n", row->flag == NULL ? "" : "`--",
                  row->flag == NULL ? "" : row->flag, row->flag == NULL ? "" : "`");
}

static int list(const struct cli *cli, const struct config *config)
{
    static const char *const header[] = { "SETTING", "DEFAULT", "TYPE", "WHAT IT IS", NULL };
    struct listing listing = { .cli = cli };
    struct sk_buf json = { 0 };
    if (config->is_json) {
        listing.writer = sk_json_writer_of(&json);
        sk_json_begin_object(&listing.writer);
        sk_json_key(&listing.writer, "settings");
        sk_json_begin_array(&listing.writer);
        each(&listing, &sk_settings_table, list_json);
        sk_json_end_array(&listing.writer);
        sk_json_end_object(&listing.writer);
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&json));
    } else if (config->is_markdown) {
        (void)fputs("| setting | type | default | what it is | flag |\n"
                    "| --- | --- | --- | --- | --- |\n",
                    cli->out);
        each(&listing, &sk_settings_table, list_markdown);
    } else {
        cli_table_init(&listing.table, header);
        each(&listing, &sk_settings_table, list_text);
        cli_table_print(&listing.table, cli);
        cli_table_release(&listing.table);
    }
    bool has_failed = listing.name.failed || listing.rule.failed || json.failed;
    sk_buf_release(&listing.name);
    sk_buf_release(&listing.rule);
    sk_buf_release(&json);
    return has_failed ? cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory")
                      : CLI_DONE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int config_main(const struct cli *cli, int argc, char **argv)
{
    struct config config = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &config, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    const char *verb = args.count > 0 ? args.items[0] : "";
    if (strcmp(verb, "check") == 0) return check(cli, &config, &args);
    if (strcmp(verb, "list") == 0) {
        if (args.count == 1) return list(cli, &config);
        return cli_misuse(cli, NULL, "config list takes no arguments");
    }
    return cli_misuse(cli, "skald config check FILE..., or skald config list",
                      verb[0] == 0 ? "config wants to know what: check or list%s"
                                   : "config knows check and list, not '%s'",
                      verb);
}

static const char *const verbs[] = { "check", "list", NULL };

const struct cli_command cli_config = {
    .name = "config",
    .main = config_main,
    .summary = "Check files of settings, or list all settings",
    .usage = "check FILE... | list [options]",
    .example = "skald config check production.yaml",
    .options = options,
    .verbs = verbs,
};
