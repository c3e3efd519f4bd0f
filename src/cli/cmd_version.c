/* cmd_version.c: `skald version`: what this binary is and what was built into it. */
#include "cli/cli.h"

#include "base/json.h"
#include "skald/assemble.h"

struct version {
    bool is_json;
};

static const struct cli_option options[] = {
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs",
      .offset = offsetof(struct version, is_json) },
    { 0 },
};

/* "sqlite, memory" as a list. */
static void put_names(struct sk_json_writer *w, const char *key, const char *names)
{
    struct sk_str rest = sk_str_of(names);
    sk_json_key(w, key);
    sk_json_begin_array(w);
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, ',');
        sk_json_put_str(w, sk_str_trim(sk_str_sub(rest, 0, end)));
        rest = sk_str_sub(rest, end + 1, rest.size);
    }
    sk_json_end_array(w);
}

static int version_main(const struct cli *cli, int argc, char **argv)
{
    struct version version = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &version, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, NULL, "version takes no arguments");
    }
    char stores[128], invokers[128];
    sk_node_stores(stores, sizeof stores);
    sk_node_invokers(invokers, sizeof invokers);
    if (!version.is_json) {
        (void)fprintf(cli->out, "skald %s\nstores: %s\ninvokers: %s\n", SKALD_BUILD_VERSION, stores,
                      invokers);
        return CLI_DONE;
    }
    struct sk_buf out = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "version");
    sk_json_put_text(&w, SKALD_BUILD_VERSION);
    put_names(&w, "stores", stores);
    put_names(&w, "invokers", invokers);
    sk_json_end_object(&w);
    (void)fprintf(cli->out, "%s\n", sk_buf_text(&out));
    sk_buf_release(&out);
    return CLI_DONE;
}

const struct cli_command cli_version = {
    .name = "version",
    .main = version_main,
    .summary = "Print the version and what was built in",
    .usage = "[options]",
    .example = "skald version",
    .options = options,
};
