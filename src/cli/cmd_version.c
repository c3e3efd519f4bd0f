/* cmd_version.c: `skald version`: what this binary is and what was built into it. */
#include "cli/cli.h"

#include "skald/assemble.h"

static int version_main(const struct cli *cli, int argc, char **argv)
{
    struct cli_args args;
    int code = cli_parse(cli, NULL, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_fail(cli, CLI_WRONG_USE, NULL, "version takes no arguments");
    }
    char stores[128], invokers[128];
    sk_node_stores(stores, sizeof stores);
    sk_node_invokers(invokers, sizeof invokers);
    (void)fprintf(cli->out, "skald %s\nstores: %s\ninvokers: %s\n", SKALD_BUILD_VERSION, stores,
                  invokers);
    return CLI_DONE;
}

const struct cli_command cli_version = {
    .name = "version",
    .main = version_main,
    .summary = "Print the version and what was built in",
    .usage = "",
    .example = "skald version",
};
