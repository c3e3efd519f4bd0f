/* cmd_transfer.c: `skald export` and `skald import`: one saga as a file. */
#include "cli/client.h"
#include "cli/table.h"
#include "cli/tree.h"

#include <stdlib.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 512 * 1024 * 1024 };

struct transfer {
    struct cli_remote remote;
    const char *output, *by;
};

static const struct cli_option export_options[] = {
    { "output", 'o', CLI_TEXT, "FILE", "where to write it (standard output)",
      .offset = offsetof(struct transfer, output) },
    CLI_REMOTE_OPTIONS(struct transfer),
    { 0 },
};

static const struct cli_option import_options[] = {
    { "by", 0, CLI_TEXT, "NAME", "who asks (USER); kept in the history",
      .offset = offsetof(struct transfer, by) },
    CLI_REMOTE_OPTIONS(struct transfer),
    { 0 },
};

/* ---- export ---------------------------------------------------------------------------------- */

/* Beside the name first, so that no half of a file bears it. */
static int write_file(const struct cli *cli, const char *path, struct sk_str text)
{
    struct sk_buf beside = { 0 };
    sk_buf_append_text(&beside, path);
    sk_buf_append_text(&beside, ".part");
    FILE *file = fopen(sk_buf_text(&beside), "wbe");
    bool is_written = file != NULL && fwrite(text.data, 1, text.size, file) == text.size &&
                      fputc('\n', file) != EOF && fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (file != NULL && fclose(file) != 0) is_written = false;
    if (is_written && rename(sk_buf_text(&beside), path) != 0) is_written = false;
    if (!is_written && file != NULL) (void)remove(sk_buf_text(&beside));
    sk_buf_release(&beside);
    if (is_written) return CLI_DONE;
    return cli_fail(cli, CLI_FAILED, "file", "name a file in a folder that may be written to",
                    "%s cannot be written", path);
}

static int export_main(const struct cli *cli, int argc, char **argv)
{
    struct transfer transfer = { 0 };
    struct cli_args args;
    struct cli_client *client;
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_parse(cli, &transfer, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald list shows them", "export wants the id of a saga");
    }
    code = cli_client_new(cli, &transfer.remote, &client);
    if (code != CLI_GO_ON) return code;
    cli_saga_path(&path, args.items[0], "/export");
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && transfer.output != NULL) {
        code = write_file(cli, transfer.output, sk_buf_view(&reply.body));
    } else if (code == CLI_GO_ON) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_export = {
    .name = "export",
    .main = export_main,
    .summary = "Write a saga into a file: its definition and its whole history",
    .usage = "[options] ID",
    .example = "skald export order-42 -o order-42.json",
    .options = export_options,
};

/* ---- import ---------------------------------------------------------------------------------- */

static void print_imported(const struct cli *cli, struct sk_str saga)
{
    struct sk_buf id = { 0 }, state = { 0 };
    sk_json_unescape(sk_json_member(saga, SK_STR("id")), &id);
    sk_json_unescape(sk_json_member(saga, SK_STR("state")), &state);
    (void)fprintf(cli->out, "%s is here and %s\n", sk_buf_text(&id), sk_buf_text(&state));
    if (sk_str_is(sk_buf_view(&state), "suspended")) {
        (void)fprintf(cli->out,
                      "once no other server runs it: skald resume %s --reason 'moved here'\n",
                      sk_buf_text(&id));
    }
    sk_buf_release(&id);
    sk_buf_release(&state);
}

static int import_main(const struct cli *cli, int argc, char **argv)
{
    struct transfer transfer = { .by = getenv("USER") };
    struct cli_args args;
    struct cli_client *client = NULL;
    struct sk_buf path = { 0 }, text = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_parse(cli, &transfer, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald export ID -o FILE makes one",
                          "import wants the file of an export, or - for standard input");
    }
    code = cli_read_file(cli, args.items[0], FILE_SIZE_MAX, &text);
    if (code == CLI_GO_ON) code = cli_client_new(cli, &transfer.remote, &client);
    sk_buf_append_text(&path, "/api/v1/sagas/import");
    if (transfer.by != NULL && transfer.by[0] != 0) cli_query(&path, "by", transfer.by);
    struct cli_request request = { .method = "POST",
                                   .path = sk_buf_text(&path),
                                   .body = sk_buf_view(&text) };
    if (code == CLI_GO_ON) code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && transfer.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_imported(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    sk_buf_release(&text);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_import = {
    .name = "import",
    .main = import_main,
    .summary = "Make the saga of an export on this server; suspended if it has not ended",
    .usage = "[options] FILE",
    .example = "skald import order-42.json",
    .options = import_options,
};
