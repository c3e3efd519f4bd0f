/* cmd_stats.c: `skald stats` and `skald recovery`: the server's figures, one a line. */
#include "cli/client.h"
#include "cli/table.h"

struct stats {
    struct cli_remote remote;
};

static const struct cli_option options[] = {
    CLI_REMOTE_OPTIONS(struct stats),
    { 0 },
};

/* "engine.batches   12": what is a list or empty is left out. */
static void print_figures(struct cli_table *table, const char *prefix, struct sk_str object)
{
    struct sk_json_iter it = sk_json_walk(object);
    while (sk_json_next(&it)) {
        enum sk_json_type type = sk_json_type(it.value);
        struct sk_buf name = { 0 };
        sk_buf_append_text(&name, prefix);
        sk_buf_append_str(&name, it.name);
        if (type == SK_JSON_OBJECT && prefix[0] == 0) {
            sk_buf_append_char(&name, '.');
            print_figures(table, sk_buf_text(&name), it.value);
        } else if (type == SK_JSON_NUMBER || type == SK_JSON_STRING) {
            struct sk_str value =
                type == SK_JSON_STRING ? sk_json_string(it.value, &table->arena) : it.value;
            cli_table_put(table, sk_arena_copy(&table->arena, sk_buf_view(&name)), CLI_PLAIN);
            cli_table_put(table, value, CLI_PLAIN);
        }
        sk_buf_release(&name);
    }
}

static int show(const struct cli *cli, const struct stats *stats, const char *method,
                const char *path)
{
    static const char *const header[] = { "FIGURE", "VALUE", NULL };
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    int code = cli_client_new(cli, &stats->remote, &client);
    if (code != CLI_GO_ON) return code;
    struct cli_request request = { .method = method, .path = path };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && stats->remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        struct cli_table table;
        cli_table_init(&table, header);
        table.is_right[1] = true;
        print_figures(&table, "", sk_buf_view(&reply.body));
        cli_table_print(&table, cli);
        cli_table_release(&table);
    }
    cli_reply_release(&reply);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int stats_main(const struct cli *cli, int argc, char **argv)
{
    struct stats stats = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &stats, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) return cli_misuse(cli, NULL, "stats takes no arguments");
    return show(cli, &stats, "GET", "/api/v1/stats");
}

static int recovery_main(const struct cli *cli, int argc, char **argv)
{
    struct stats stats = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &stats, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0) return show(cli, &stats, "GET", "/api/v1/recovery");
    if (args.count == 1 && strcmp(args.items[0], "run") == 0) {
        return show(cli, &stats, "POST", "/api/v1/recovery/run");
    }
    return cli_misuse(cli, "skald recovery, or skald recovery run",
                      "recovery does not understand '%s'", args.items[0]);
}

const struct cli_command cli_stats = {
    .name = "stats",
    .main = stats_main,
    .summary = "Show the figures of the server",
    .usage = "[options]",
    .example = "skald stats --json",
    .options = options,
};

const struct cli_command cli_recovery = {
    .name = "recovery",
    .main = recovery_main,
    .summary = "Show what the sweep has found and repaired, or sweep now",
    .usage = "[run] [options]",
    .example = "skald recovery run",
    .options = options,
};
