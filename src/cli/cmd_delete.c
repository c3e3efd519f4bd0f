/* cmd_delete.c: `skald delete`: finished sagas leave the store, with their history. */
#include "cli/client.h"
#include "cli/tree.h"

struct delete
{
    struct cli_remote remote;
};

static const struct cli_option options[] = {
    CLI_REMOTE_OPTIONS(struct delete),
    { 0 },
};

static int delete_one(const struct cli *cli, const struct delete *delete, struct cli_client *client,
                      const char *id)
{
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    cli_saga_path(&path, id, "");
    struct cli_request request = { .method = "DELETE", .path = sk_buf_text(&path) };
    int code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && delete->remote.is_json) {
        struct sk_buf line = { 0 };
        struct sk_json_writer w = sk_json_writer_of(&line);
        sk_json_begin_object(&w);
        sk_json_key(&w, "deleted");
        sk_json_put_text(&w, id);
        sk_json_end_object(&w);
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&line));
        sk_buf_release(&line);
    } else if (code == CLI_GO_ON) {
        (void)fprintf(cli->out, "%s is deleted\n", id);
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    return code;
}

static int delete_main(const struct cli *cli, int argc, char **argv)
{
    struct delete delete = { 0 };
    struct cli_args args;
    struct cli_client *client;
    int code = cli_parse(cli, &delete, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0) {
        return cli_misuse(cli, cli->command->example, "delete wants ids of sagas");
    }
    code = cli_client_new(cli, &delete.remote, &client);
    if (code != CLI_GO_ON) return code;
    int worst = CLI_DONE;
    for (size_t i = 0; i < args.count; i++) {
        code = delete_one(cli, &delete, client, args.items[i]);
        if (code != CLI_GO_ON && code > worst) worst = code;
    }
    cli_client_free(client);
    return worst;
}

const struct cli_command cli_delete = {
    .name = "delete",
    .main = delete_main,
    .summary = "Remove finished sagas with their history",
    .usage = "[options] ID...",
    .example = "skald delete order-42",
    .options = options,
};
