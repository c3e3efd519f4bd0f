/* cmd_openapi.c: `skald openapi`: the description of the HTTP API, without a server. */
#include "cli/cli.h"

#include "api/openapi.h"

struct openapi {
    bool with_rte;
};

static const struct cli_option options[] = {
    { "rte", 0, CLI_FLAG, NULL, "with what the setting compat.rte adds",
      .offset = offsetof(struct openapi, with_rte) },
    { 0 },
};

static int openapi_main(const struct cli *cli, int argc, char **argv)
{
    struct openapi openapi = { 0 };
    struct cli_args args;
    struct sk_buf out = { 0 };
    int code = cli_parse(cli, &openapi, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, NULL, "openapi takes no arguments");
    }
    sk_openapi_write(&out, openapi.with_rte);
    if (out.failed) {
        sk_buf_release(&out);
        return cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    }
    (void)fprintf(cli->out, "%s\n", sk_buf_text(&out));
    sk_buf_release(&out);
    return CLI_DONE;
}

const struct cli_command cli_openapi = {
    .name = "openapi",
    .main = openapi_main,
    .summary = "Print the OpenAPI 3.1 description of the HTTP API",
    .usage = "[options]",
    .example = "skald openapi > openapi.json",
    .options = options,
};
