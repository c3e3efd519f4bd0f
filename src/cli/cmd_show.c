/* cmd_show.c: `skald show` and `skald events`: one saga, as it stands and as it came to it. */
#include "cli/client.h"
#include "cli/table.h"
#include "cli/tree.h"

#include <stdlib.h>

/* ---- show ------------------------------------------------------------------------------------ */

struct show {
    struct cli_remote remote;
    bool watch;
};

static const struct cli_option show_options[] = {
    { "watch", 'w', CLI_FLAG, NULL, "stay until it has ended; 1 unless it completed",
      .offset = offsetof(struct show, watch) },
    CLI_REMOTE_OPTIONS(struct show),
    { 0 },
};

static void print_json_member(const struct cli *cli, struct sk_str saga, const char *name)
{
    struct sk_str value = sk_json_member(saga, sk_str_of(name));
    bool is_there = sk_json_type(value) != SK_JSON_NULL && sk_json_type(value) != SK_JSON_NONE;
    bool is_empty = sk_json_type(value) == SK_JSON_ARRAY && sk_json_count(value) == 0;
    if (!is_there || is_empty) return;
    struct sk_buf safe = { 0 };
    cli_text_safe(&safe, value);
    (void)fprintf(cli->out, "%-8s %s\n", name, sk_buf_text(&safe));
    sk_buf_release(&safe);
}

static int show(const struct cli *cli, const struct show *show, struct cli_tree *tree)
{
    struct cli_follow follow = { .is_silent = show->remote.is_json };
    int code = show->watch ? cli_tree_follow(tree, &follow) : cli_tree_look(tree);
    if (code != CLI_GO_ON) return code;
    struct sk_str saga = cli_tree_json(tree);
    if (show->remote.is_json) {
        (void)fprintf(cli->out, "%.*s\n", SK_STR_ARGS(saga));
    } else {
        bool is_drawn = show->watch && cli->is_terminal;
        if (!is_drawn) cli_tree_print(tree);
        print_json_member(cli, saga, "input");
        print_json_member(cli, saga, "output");
        print_json_member(cli, saga, "residue");
    }
    bool is_good = !show->watch || sk_str_is(cli_tree_state(tree), "completed");
    return is_good ? CLI_DONE : CLI_FAILED;
}

static int show_main(const struct cli *cli, int argc, char **argv)
{
    struct show options = { 0 };
    struct cli_args args;
    struct cli_client *client;
    int code = cli_parse(cli, &options, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald list shows them", "show wants the id of a saga");
    }
    code = cli_client_new(cli, &options.remote, &client);
    if (code != CLI_GO_ON) return code;
    struct cli_tree *tree = cli_tree_new(cli, client, args.items[0]);
    code = tree == NULL ? CLI_FAILED : show(cli, &options, tree);
    cli_tree_free(tree);
    cli_client_free(client);
    return code;
}

const struct cli_command cli_show = {
    .name = "show",
    .main = show_main,
    .summary = "Show a saga: its steps, attempts, durations and what was undone",
    .usage = "[options] ID",
    .example = "skald show order-42",
    .options = show_options,
};

/* ---- events ---------------------------------------------------------------------------------- */

struct events {
    struct cli_remote remote;
    int64_t after, limit;
};

static const struct cli_option events_options[] = {
    { "after", 0, CLI_INT, "SEQ", "only later ones (0)", .offset = offsetof(struct events, after),
      .min = 0, .max = INT64_MAX },
    { "limit", 'l', CLI_INT, "N", "events of a page (1000)",
      .offset = offsetof(struct events, limit), .min = 1, .max = 1000 },
    CLI_REMOTE_OPTIONS(struct events),
    { 0 },
};

static void put_member(struct cli_table *table, struct sk_str event, const char *name)
{
    struct sk_str value = sk_json_member(event, sk_str_of(name));
    bool is_text = sk_json_type(value) == SK_JSON_STRING;
    bool is_number = sk_json_type(value) == SK_JSON_NUMBER && !sk_str_is(value, "0");
    struct sk_str text = is_text     ? sk_json_string(value, &table->arena)
                         : is_number ? value
                                     : (struct sk_str){ 0 };
    cli_table_put(table, text, CLI_PLAIN);
}

static void put_event(struct cli_table *table, struct sk_str event)
{
    struct sk_buf detail = { 0 };
    put_member(table, event, "seq");
    put_member(table, event, "at");
    put_member(table, event, "type");
    put_member(table, event, "step");
    put_member(table, event, "item");
    put_member(table, event, "attempt");
    cli_event_detail(event, &detail);
    cli_table_put(table, sk_buf_view(&detail), CLI_DIM);
    sk_buf_release(&detail);
}

static void print_events(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "SEQ",  "AT",      "TYPE",   "STEP",
                                          "ITEM", "ATTEMPT", "DETAIL", NULL };
    struct cli_table table;
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    cli_table_init(&table, header);
    table.is_right[0] = true;
    while (sk_json_next(&it)) put_event(&table, it.value);
    cli_table_print(&table, cli);
    cli_table_release(&table);
    struct sk_str next = sk_json_member(answer, SK_STR("next"));
    if (sk_json_type(next) == SK_JSON_NUMBER) {
        (void)fprintf(cli->err, "more: --after %.*s\n", SK_STR_ARGS(next));
    }
}

static int events_main(const struct cli *cli, int argc, char **argv)
{
    struct events events = { .limit = 1000 };
    struct cli_args args;
    struct cli_client *client;
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_parse(cli, &events, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald list shows them", "events wants the id of a saga");
    }
    code = cli_client_new(cli, &events.remote, &client);
    if (code != CLI_GO_ON) return code;
    cli_saga_path(&path, args.items[0], "/events");
    sk_buf_printf(&path, "?after=%lld&limit=%lld", (long long)events.after,
                  (long long)events.limit);
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && events.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_events(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_events = {
    .name = "events",
    .main = events_main,
    .summary = "Show the history of a saga",
    .usage = "[options] ID",
    .example = "skald events order-42",
    .options = events_options,
};
