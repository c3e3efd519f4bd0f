/*
 * cmd_visualize.c: `skald visualize`: a definition as a graph; with --saga coloured by the states
 * of a saga's steps, asked from the server.
 */
#include "cli/client.h"
#include "cli/source.h"

#include <stdlib.h>

struct visualize {
    struct cli_remote remote;
    const char *saga;
    int format;
};

/* In the order of enum sk_graph_format. */
static const char *const formats[] = { "dot", "mermaid", "svg", "json", "text", NULL };

static const struct cli_option options[] = {
    { "format", 'f', CLI_CHOICE, "FORMAT", "text", .offset = offsetof(struct visualize, format),
      .choices = formats },
    { "saga", 0, CLI_TEXT, "ID", "colour the steps by the state of this saga",
      .offset = offsetof(struct visualize, saga) },
    CLI_REMOTE_OPTIONS(struct visualize),
    { 0 },
};

/* The states by step index; the texts live in `arena`. */
static int fetch_states(const struct cli *cli, const struct visualize *visualize,
                        const struct sk_plan *plan, struct sk_arena *arena, const char **out_states)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    int code = cli_client_new(cli, &visualize->remote, &client);
    if (code != CLI_GO_ON) return code;
    struct sk_buf path = { 0 };
    sk_buf_append_text(&path, "/api/v1/sagas/");
    cli_escape(&path, visualize->saga);
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON) {
        struct sk_json_iter it =
            sk_json_walk(sk_json_member(sk_buf_view(&reply.body), SK_STR("steps")));
        while (sk_json_next(&it)) {
            struct sk_str id = sk_json_string(sk_json_member(it.value, SK_STR("id")), arena);
            uint32_t step = sk_plan_step(plan, id);
            if (step == SK_STEP_NONE) continue;
            out_states[step] =
                sk_arena_text(arena,
                              sk_json_string(sk_json_member(it.value, SK_STR("state")), arena));
        }
    }
    sk_buf_release(&path);
    cli_reply_release(&reply);
    cli_client_free(client);
    return code;
}

static int print_graph(const struct cli *cli, const struct visualize *visualize,
                       const struct sk_plan *plan)
{
    struct sk_arena arena;
    struct sk_buf text = { 0 };
    int code = CLI_GO_ON;
    sk_arena_init(&arena);
    const char **states = SK_ARENA_ARRAY(&arena, const char *, plan->steps_count);
    if (states != NULL && visualize->saga != NULL) {
        code = fetch_states(cli, visualize, plan, &arena, states);
    }
    if (code == CLI_GO_ON) {
        enum sk_graph_format format = (enum sk_graph_format)visualize->format;
        enum skald_status status = sk_dsl_graph(plan, format, states, &text);
        if (status == SKALD_OK) {
            (void)fwrite(text.data, 1, text.size, cli->out);
            if (text.size > 0 && text.data[text.size - 1] != '\n') (void)fputc('\n', cli->out);
        } else {
            code = cli_fail(cli, CLI_FAILED, skald_status_name(status), NULL, "%s",
                            skald_status_text(status));
        }
    }
    sk_buf_release(&text);
    sk_arena_release(&arena);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int visualize_main(const struct cli *cli, int argc, char **argv)
{
    struct visualize visualize = { .format = SK_GRAPH_TEXT };
    struct cli_args args;
    int code = cli_parse(cli, &visualize, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald visualize order.saga.yaml", "visualize wants one file");
    }
    if (visualize.remote.is_json) visualize.format = SK_GRAPH_JSON;
    struct cli_source source;
    code = cli_source_load(cli, args.items[0], false, &source);
    if (code == CLI_FAILED) cli_source_print(cli, &source, cli->err);
    if (code == CLI_GO_ON) code = print_graph(cli, &visualize, source.plan);
    cli_source_release(&source);
    return code;
}

const struct cli_command cli_visualize = {
    .name = "visualize",
    .main = visualize_main,
    .summary = "Draw the graph of a definition, coloured by a saga's states",
    .usage = "[options] FILE",
    .example = "skald visualize order.saga.yaml --format svg > order.svg",
    .options = options,
};
