/* cmd_schema.c: `skald schema`: the keys of a definition, for editors and for the reference
 * page. */
#include "cli/cli.h"
#include "cli/options.h"
#include "dsl/schema.h"

struct schema {
    int format;
};

static const char *const formats[] = { "json", "markdown", NULL };

static const struct cli_option options[] = {
    { "format", 'f', CLI_CHOICE, "FORMAT", "json", .offset = offsetof(struct schema, format),
      .choices = formats },
    { 0 },
};

static int schema_main(const struct cli *cli, int argc, char **argv)
{
    struct schema schema = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &schema, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, "skald validate FILE checks one", "schema takes no arguments");
    }
    struct sk_buf text = { 0 };
    if (schema.format == 0) {
        sk_dsl_schema_json(&text);
    } else {
        sk_dsl_schema_markdown(&text);
    }
    if (text.failed) code = cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    if (!text.failed) (void)fputs(sk_buf_text(&text), cli->out);
    sk_buf_release(&text);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_schema = {
    .name = "schema",
    .main = schema_main,
    .summary = "Print the JSON Schema of definitions, for editors",
    .usage = "[options]",
    .example = "skald schema > saga.schema.json",
    .options = options,
};
