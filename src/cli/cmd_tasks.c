/* cmd_tasks.c: `skald tasks`: the queues of tasks: how many wait for a worker, since when, and how
 * many workers have. */
#include "cli/client.h"
#include "cli/table.h"

struct tasks {
    struct cli_remote remote;
};

static const struct cli_option options[] = {
    CLI_REMOTE_OPTIONS(struct tasks),
    { 0 },
};

static void put_row(struct cli_table *table, struct sk_str view)
{
    static const char *const names[] = { "queue", "waiting", "in_flight", "workers_waiting",
                                         "oldest" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sk_str value = sk_json_member(view, sk_str_of(names[i]));
        if (sk_json_type(value) == SK_JSON_NULL) value = SK_STR("-");
        if (sk_json_type(value) == SK_JSON_STRING) value = sk_json_string(value, &table->arena);
        cli_table_put(table, value, CLI_PLAIN);
    }
}

static void print_queues(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "QUEUE",           "WAITING",       "IN FLIGHT",
                                          "WORKERS WAITING", "WAITING SINCE", NULL };
    struct cli_table table;
    cli_table_init(&table, header);
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    while (sk_json_next(&it)) put_row(&table, it.value);
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static int tasks_main(const struct cli *cli, int argc, char **argv)
{
    struct tasks tasks = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &tasks, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, "skald tasks", "tasks does not understand '%s'", args.items[0]);
    }
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct cli_request request = { .method = "GET", .path = "/api/v1/tasks" };
    code = cli_client_new(cli, &tasks.remote, &client);
    if (code != CLI_GO_ON) return code;
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && tasks.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_queues(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_tasks = {
    .name = "tasks",
    .main = tasks_main,
    .summary = "Show the queues that workers fetch tasks from",
    .usage = "[options]",
    .example = "skald tasks --json",
    .options = options,
};
