/*
 * cmd_define.c: `skald define`: makes definitions known to a server. Includes and `${NAME}` are
 * resolved here, so what is sent is complete and what is stored is what was checked.
 */
#include "cli/client.h"
#include "cli/source.h"
#include "cli/table.h"

struct define {
    struct cli_remote remote;
    bool is_strict;
};

static const struct cli_option options[] = {
    { "strict", 0, CLI_FLAG, NULL, "unknown keys are errors",
      .offset = offsetof(struct define, is_strict) },
    CLI_REMOTE_OPTIONS(struct define),
    { 0 },
};

static void report(const struct cli *cli, struct sk_str reply)
{
    struct sk_buf id = { 0 }, version = { 0 };
    bool is_new = sk_json_type(sk_json_member(reply, SK_STR("is_new"))) == SK_JSON_TRUE;
    sk_json_unescape(sk_json_member(reply, SK_STR("id")), &id);
    sk_json_unescape(sk_json_member(reply, SK_STR("version")), &version);
    (void)fprintf(cli->out, "%s %s %s\n", sk_buf_text(&id), sk_buf_text(&version),
                  is_new ? "defined" : "was defined already");
    sk_buf_release(&id);
    sk_buf_release(&version);
}

static int send(const struct cli *cli, struct cli_client *client, const struct define *define,
                const struct cli_source *source)
{
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    sk_buf_append_text(&path, "/api/v1/definitions");
    cli_query(&path, "file", source->path);
    struct cli_request request = { .method = "POST",
                                   .path = sk_buf_text(&path),
                                   .body = sk_buf_view(&source->expanded) };
    int code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && define->remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        report(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    return code;
}

static int define_file(const struct cli *cli, struct cli_client *client,
                       const struct define *define, const char *path)
{
    struct cli_source source;
    int code = cli_source_load(cli, path, define->is_strict, &source);
    if (code == CLI_FAILED || (code == CLI_GO_ON && !define->remote.is_json)) {
        cli_source_print(cli, &source, cli->err);
    }
    if (code == CLI_GO_ON) code = send(cli, client, define, &source);
    cli_source_release(&source);
    return code;
}

static int define_main(const struct cli *cli, int argc, char **argv)
{
    struct define define = { 0 };
    struct cli_args args;
    struct cli_client *client;
    int code = cli_parse(cli, &define, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0) {
        return cli_misuse(cli, "skald define order.saga.yaml", "define wants a file");
    }
    code = cli_client_new(cli, &define.remote, &client);
    if (code != CLI_GO_ON) return code;
    for (size_t i = 0; i < args.count && code != CLI_OUT_OF_REACH; i++) {
        int result = define_file(cli, client, &define, args.items[i]);
        if (result > code) code = result;
    }
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_define = {
    .name = "define",
    .main = define_main,
    .summary = "Make definitions known to the server",
    .usage = "[options] FILE...",
    .example = "skald define order.saga.yaml",
    .options = options,
};
