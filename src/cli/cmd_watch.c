/*
 * cmd_watch.c: `skald watch`: one saga as a live tree (a line for each event where there is no
 * terminal) up to its end, or the events of all sagas as they come.
 */
#include "cli/stream.h"
#include "cli/table.h"
#include "cli/tree.h"

struct watch {
    struct cli_remote remote;
    int64_t timeout_ms, limit;
    const char *definition, *types;
    bool from_start;
};

static const struct cli_option options[] = {
    { "timeout", 't', CLI_DURATION, "TIME", "stop watching after this time (never)",
      .offset = offsetof(struct watch, timeout_ms) },
    { "definition", 'd', CLI_TEXT, "ID", "of all sagas: only those of this definition",
      .offset = offsetof(struct watch, definition) },
    { "type", 0, CLI_TEXT, "TYPES", "of all sagas: only these events: step.failed,saga.*",
      .offset = offsetof(struct watch, types) },
    { "from-start", 0, CLI_FLAG, NULL, "of all sagas: what has happened before, too",
      .offset = offsetof(struct watch, from_start) },
    { "limit", 'l', CLI_INT, "N", "of all sagas: stop after so many events",
      .offset = offsetof(struct watch, limit), .min = 1, .max = INT64_MAX },
    CLI_REMOTE_OPTIONS(struct watch),
    { 0 },
};

struct watching {
    const struct cli *cli;
    const struct watch *watch;
    const struct cli_tree *tree; /* of one saga */
    int64_t events_count;
};

/* ---- one saga -------------------------------------------------------------------------------- */

static bool print_json(void *context, struct sk_str data)
{
    struct watching *watching = context;
    (void)fprintf(watching->cli->out, "%.*s\n", SK_STR_ARGS(data));
    (void)fflush(watching->cli->out);
    watching->events_count++;
    bool is_full = watching->watch->limit > 0 && watching->events_count >= watching->watch->limit;
    return !is_full && ferror(watching->cli->out) == 0;
}

static bool print_event(void *context, struct sk_str data)
{
    struct watching *watching = context;
    cli_tree_print_event(watching->tree, data);
    (void)fflush(watching->cli->out);
    return ferror(watching->cli->out) == 0;
}

static int stream_saga(const struct cli *cli, const struct watch *watch,
                       const struct cli_client *client, const struct cli_tree *tree, const char *id)
{
    struct watching watching = { .cli = cli, .watch = watch, .tree = tree };
    struct sk_buf path = { 0 };
    cli_saga_path(&path, id, "/events");
    struct cli_stream stream = { .path = sk_buf_text(&path),
                                 .fn = watch->remote.is_json ? print_json : print_event,
                                 .context = &watching,
                                 .timeout_ms = watch->timeout_ms };
    int code = cli_stream_follow(cli, client, &stream);
    sk_buf_release(&path);
    return code;
}

/* On a terminal the tree is drawn over and over, for its clocks run; elsewhere events come as they
 * happen, and the last look says how it ended. */
static int follow_saga(const struct cli *cli, const struct watch *watch, struct cli_client *client,
                       struct cli_tree *tree, const char *id)
{
    struct cli_follow follow = { .timeout_ms = watch->timeout_ms };
    if (cli->is_terminal && !watch->remote.is_json) return cli_tree_follow(tree, &follow);
    int code = cli_tree_look(tree);
    if (code == CLI_GO_ON) code = stream_saga(cli, watch, client, tree, id);
    return code == CLI_GO_ON ? cli_tree_look(tree) : code;
}

static int watch_saga(const struct cli *cli, const struct watch *watch, struct cli_client *client,
                      const char *id)
{
    struct cli_tree *tree = cli_tree_new(cli, client, id);
    if (tree == NULL) return cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    int code = follow_saga(cli, watch, client, tree, id);
    if (code == CLI_GO_ON) {
        bool has_completed =
            cli_tree_has_ended(tree) && sk_str_is(cli_tree_state(tree), "completed");
        code = has_completed ? CLI_DONE : CLI_FAILED;
    }
    cli_tree_free(tree);
    return code;
}

/* ---- all sagas ------------------------------------------------------------------------------- */

static void append_text(struct sk_buf *out, struct sk_str event, const char *name)
{
    struct sk_str value = sk_json_member(event, sk_str_of(name));
    if (sk_json_type(value) == SK_JSON_STRING) sk_json_unescape(value, out);
}

static void put(const struct cli *cli, enum cli_colour colour, struct sk_str text, int width)
{
    struct sk_buf safe = { 0 };
    cli_text_safe(&safe, text);
    bool is_coloured = colour != CLI_PLAIN && cli_has_colours(cli);
    (void)fprintf(cli->out, "%s%-*s%s", is_coloured ? cli_colour_code(colour) : "", width,
                  sk_buf_text(&safe), is_coloured ? "\033[0m" : "");
    sk_buf_release(&safe);
}

/* "2026-01-02T03:04:05.678Z  order-1  step.completed  pay" */
static bool print_line(void *context, struct sk_str event)
{
    struct watching *watching = context;
    const struct cli *cli = watching->cli;
    struct sk_buf text = { 0 };
    append_text(&text, event, "at");
    put(cli, CLI_DIM, sk_buf_view(&text), 0);
    (void)fputs("  ", cli->out);
    sk_buf_clear(&text);
    append_text(&text, event, "saga");
    put(cli, CLI_BOLD, sk_buf_view(&text), 0);
    (void)fputs("  ", cli->out);
    sk_buf_clear(&text);
    append_text(&text, event, "type");
    size_t dot = sk_str_find(sk_buf_view(&text), '.');
    put(cli, cli_state_colour(sk_str_sub(sk_buf_view(&text), dot + 1, text.size)),
        sk_buf_view(&text), 0);
    sk_buf_clear(&text);
    append_text(&text, event, "step");
    if (text.size > 0) (void)fputs("  ", cli->out);
    put(cli, CLI_PLAIN, sk_buf_view(&text), 0);
    sk_buf_clear(&text);
    cli_event_detail(event, &text);
    if (text.size > 0) (void)fputs("  ", cli->out);
    put(cli, CLI_DIM, sk_buf_view(&text), 0);
    sk_buf_release(&text);
    (void)fputc('\n', cli->out);
    (void)fflush(cli->out);
    watching->events_count++;
    bool is_full = watching->watch->limit > 0 && watching->events_count >= watching->watch->limit;
    return !is_full && ferror(cli->out) == 0;
}

static int watch_all(const struct cli *cli, const struct watch *watch,
                     const struct cli_client *client)
{
    struct watching watching = { .cli = cli, .watch = watch };
    struct sk_buf path = { 0 };
    sk_buf_append_text(&path, "/api/v1/events");
    cli_query(&path, "definition", watch->definition);
    cli_query(&path, "type", watch->types);
    cli_query(&path, "cursor", watch->from_start ? "start" : NULL);
    struct cli_stream stream = { .path = sk_buf_text(&path),
                                 .fn = watch->remote.is_json ? print_json : print_line,
                                 .context = &watching,
                                 .timeout_ms = watch->timeout_ms };
    int code = cli_stream_follow(cli, client, &stream);
    sk_buf_release(&path);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int watch_main(const struct cli *cli, int argc, char **argv)
{
    struct watch watch = { 0 };
    struct cli_args args;
    struct cli_client *client;
    int code = cli_parse(cli, &watch, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    bool has_filter =
        watch.definition != NULL || watch.types != NULL || watch.from_start || watch.limit > 0;
    if (args.count > 1 || (args.count == 1 && has_filter)) {
        return cli_misuse(cli, "skald watch order-42, or skald watch --type 'saga.*'",
                          "watch wants one saga, or filters for all");
    }
    code = cli_client_new(cli, &watch.remote, &client);
    if (code != CLI_GO_ON) return code;
    code = args.count == 1 ? watch_saga(cli, &watch, client, args.items[0])
                           : watch_all(cli, &watch, client);
    cli_client_free(client);
    return code;
}

const struct cli_command cli_watch = {
    .name = "watch",
    .main = watch_main,
    .summary = "Watch a saga to its end, or what happens to all of them",
    .usage = "[options] [ID]",
    .example = "skald watch order-42",
    .options = options,
};
