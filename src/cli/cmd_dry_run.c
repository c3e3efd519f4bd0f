/*
 * cmd_dry_run.c: `skald dry-run`: what a definition would do with an input, without a server and
 * without calling anybody.
 */
#include "cli/client.h"
#include "cli/source.h"
#include "cli/table.h"

struct dry_run {
    const char *input, *fail;
    bool is_json;
};

static const struct cli_option options[] = {
    { "input", 'i', CLI_TEXT, "JSON|@FILE", "the saga's input ({})",
      .offset = offsetof(struct dry_run, input) },
    { "fail", 'f', CLI_TEXT, "STEP[:CLASS]",
      "let this step fail: failed (a clear no), retryable or unknown",
      .offset = offsetof(struct dry_run, fail) },
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs",
      .offset = offsetof(struct dry_run, is_json) },
    { 0 },
};

/* "pay:unknown" */
static int set_failure(const struct cli *cli, const char *text, const struct sk_plan *plan,
                       struct sk_dry_run_options *out)
{
    static const char *const classes[] = { "failed", "retryable", "unknown" };
    struct sk_str whole = sk_str_of(text);
    size_t colon = sk_str_find(whole, ':');
    out->fail_step = sk_str_sub(whole, 0, colon);
    out->fail_class =
        colon < whole.size ? sk_str_sub(whole, colon + 1, whole.size) : SK_STR("failed");
    if (sk_plan_step(plan, out->fail_step) == SK_STEP_NONE) {
        const char *names[64];
        size_t count = 0;
        for (; count < plan->steps_count && count < 64; count++) {
            names[count] = plan->steps[count].id.data; /* the arena ends texts with NUL */
        }
        int near = sk_str_nearest(out->fail_step, names, count);
        char remedy[160];
        (void)snprintf(remedy, sizeof remedy, "did you mean '%s'?", near < 0 ? "" : names[near]);
        return cli_misuse(cli, near < 0 ? NULL : remedy, "--fail: there is no step '%.*s'",
                          SK_STR_ARGS(out->fail_step));
    }
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (sk_str_is(out->fail_class, classes[i])) return CLI_GO_ON;
    }
    return cli_misuse(cli, "it is failed, retryable or unknown",
                      "--fail: '%.*s' is no class of failure", SK_STR_ARGS(out->fail_class));
}

static int print_run(const struct cli *cli, const struct dry_run *dry_run,
                     const struct cli_source *source)
{
    struct sk_buf input = { 0 }, text = { 0 };
    struct sk_dry_run_options run = { .as_json = dry_run->is_json };
    int code = CLI_GO_ON;
    if (dry_run->input != NULL) code = cli_read_json(cli, "--input", dry_run->input, &input);
    run.input = sk_buf_view(&input);
    if (code == CLI_GO_ON && dry_run->fail != NULL) {
        code = set_failure(cli, dry_run->fail, source->plan, &run);
    }
    skald_error error;
    if (code == CLI_GO_ON && sk_dsl_dry_run(source->plan, &run, &text, &error) != SKALD_OK) {
        code = cli_fail_error(cli, CLI_FAILED, NULL, &error);
    }
    if (code == CLI_GO_ON) {
        (void)fprintf(cli->out, "%s%s", sk_buf_text(&text), dry_run->is_json ? "\n" : "");
    }
    sk_buf_release(&text);
    sk_buf_release(&input);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int dry_run_main(const struct cli *cli, int argc, char **argv)
{
    struct dry_run dry_run = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &dry_run, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald dry-run order.saga.yaml", "dry-run wants one file");
    }
    struct cli_source source;
    code = cli_source_load(cli, args.items[0], false, &source);
    if (code == CLI_FAILED) cli_source_print(cli, &source, cli->err);
    if (code == CLI_GO_ON) code = print_run(cli, &dry_run, &source);
    cli_source_release(&source);
    return code;
}

const struct cli_command cli_dry_run = {
    .name = "dry-run",
    .main = dry_run_main,
    .summary = "Show what a definition would do, without calling anybody",
    .usage = "[options] FILE",
    .example = "skald dry-run order.saga.yaml --input '{\"amount\": 1500}' --fail pay",
    .options = options,
};
