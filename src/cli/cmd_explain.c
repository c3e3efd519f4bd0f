/* cmd_explain.c: `skald explain`: what a saga waits for, until when, and what happens then. */
#include "cli/client.h"
#include "cli/table.h"
#include "cli/tree.h"

struct explain {
    struct cli_remote remote;
};

static const struct cli_option explain_options[] = {
    CLI_REMOTE_OPTIONS(struct explain),
    { 0 },
};

static void put_member(struct cli_table *table, struct sk_str row, const char *name)
{
    struct sk_str value = sk_json_member(row, sk_str_of(name));
    bool is_text = sk_json_type(value) == SK_JSON_STRING;
    bool is_number = sk_json_type(value) == SK_JSON_NUMBER;
    struct sk_str text = is_text     ? sk_json_string(value, &table->arena)
                         : is_number ? value
                                     : (struct sk_str){ 0 };
    cli_table_put(table, text, CLI_PLAIN);
}

void cli_explanation_print(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "STEP", "ITEM", "FOR", "UNTIL", "WAITS", "THEN", NULL };
    struct sk_buf sentence = { 0 }, safe = { 0 };
    struct sk_str waiting = sk_json_member(answer, SK_STR("waiting"));
    struct sk_str text = sk_json_member(answer, SK_STR("sentence"));
    if (sk_json_type(text) == SK_JSON_STRING) sk_json_unescape(text, &sentence);
    cli_text_safe(&safe, sk_buf_view(&sentence));
    (void)fprintf(cli->out, "%s\n", sk_buf_text(&safe));
    sk_buf_release(&sentence);
    sk_buf_release(&safe);
    if (sk_json_type(waiting) != SK_JSON_ARRAY || sk_json_count(waiting) < 2) return;
    struct cli_table table;
    struct sk_json_iter it = sk_json_walk(waiting);
    cli_table_init(&table, header);
    while (sk_json_next(&it)) {
        put_member(&table, it.value, "step");
        put_member(&table, it.value, "item");
        put_member(&table, it.value, "waits_for");
        put_member(&table, it.value, "until");
        put_member(&table, it.value, "waits");
        put_member(&table, it.value, "then");
    }
    (void)fputc('\n', cli->out);
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static int explain_main(const struct cli *cli, int argc, char **argv)
{
    struct explain explain = { 0 };
    struct cli_args args;
    struct cli_client *client;
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_parse(cli, &explain, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald list shows them", "explain wants the id of a saga");
    }
    code = cli_client_new(cli, &explain.remote, &client);
    if (code != CLI_GO_ON) return code;
    cli_saga_path(&path, args.items[0], "/explain");
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && explain.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        cli_explanation_print(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_explain = {
    .name = "explain",
    .main = explain_main,
    .summary = "Say what a saga waits for, until when, and what happens then",
    .usage = "[options] ID",
    .example = "skald explain order-42",
    .options = explain_options,
};
