/*
 * cmd_command.c: what people tell a saga: cancel and its kin, signals, the completion of a pending
 * answer. All are one POST; what differs is the path and the members of the body, which stand in
 * the tables of options.
 */
#include "cli/client.h"
#include "cli/preview.h"
#include "cli/tree.h"

#include <stdlib.h>

struct command {
    struct cli_remote remote;
    const char *by, *reason, *step, *input, *output, *data, *id, *token, *outcome, *code, *message;
    int64_t item;
    bool past_pivot, preview;
};

#define WHO_OPTIONS                                                  \
    { "by",                                                          \
      0,                                                             \
      CLI_TEXT,                                                      \
      "NAME",                                                        \
      "who asks (USER); kept in the history",                        \
      .offset = offsetof(struct command, by) },                      \
    {                                                                \
        "reason", 'r', CLI_TEXT, "TEXT", "why; kept in the history", \
            .offset = offsetof(struct command, reason)               \
    }
#define STEP_OPTIONS                                                                         \
    { "step", 0, CLI_TEXT, "STEP", "which step", .offset = offsetof(struct command, step) }, \
    {                                                                                        \
        "item", 0, CLI_INT, "N", "which item of it, from 0",                                 \
            .offset = offsetof(struct command, item), .min = 0, .max = 1000000               \
    }

static const struct cli_option who_options[] = {
    WHO_OPTIONS,
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};
#define PREVIEW_OPTION                                                 \
    {                                                                  \
        "preview", 'p', CLI_FLAG, NULL,                                \
            "only show what would be undone, in which order; changes " \
            "nothing",                                                 \
            .offset = offsetof(struct command, preview)                \
    }
static const struct cli_option cancel_options[] = {
    WHO_OPTIONS,
    PREVIEW_OPTION,
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};
static const struct cli_option force_cancel_options[] = {
    WHO_OPTIONS,
    PREVIEW_OPTION,
    { "past-pivot", 0, CLI_FLAG, NULL, "also after the pivot",
      .offset = offsetof(struct command, past_pivot) },
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};
static const struct cli_option retry_options[] = {
    WHO_OPTIONS,
    STEP_OPTIONS,
    { "input", 'i', CLI_TEXT, "JSON|@FILE", "in place of the step's",
      .offset = offsetof(struct command, input) },
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};
static const struct cli_option skip_options[] = {
    WHO_OPTIONS,
    STEP_OPTIONS,
    { "output", 0, CLI_TEXT, "JSON|@FILE", "what the step counts with",
      .offset = offsetof(struct command, output) },
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};
static const struct cli_option signal_options[] = {
    { "data", 0, CLI_TEXT, "JSON|@FILE", "what the signal carries",
      .offset = offsetof(struct command, data) },
    { "id", 0, CLI_TEXT, "ID", "of the signal; the same again changes nothing",
      .offset = offsetof(struct command, id) },
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};
static const struct cli_option complete_options[] = {
    { "token", 0, CLI_TEXT, "TOKEN", "the Skald-Token of the pending answer",
      .offset = offsetof(struct command, token) },
    { "output", 0, CLI_TEXT, "JSON|@FILE", "of the step, when it succeeded",
      .offset = offsetof(struct command, output) },
    { "code", 0, CLI_TEXT, "CODE", "of the error: then the step failed",
      .offset = offsetof(struct command, code) },
    { "message", 0, CLI_TEXT, "TEXT", "of the error", .offset = offsetof(struct command, message) },
    CLI_REMOTE_OPTIONS(struct command),
    { 0 },
};

/* ---- one POST -------------------------------------------------------------------------------- */

static void report(const struct cli *cli, const struct command *command, const char *id,
                   const struct cli_reply *reply)
{
    struct sk_str saga = sk_buf_view(&reply->body);
    if (command->remote.is_json) {
        (void)fprintf(cli->out, "%.*s\n", SK_STR_ARGS(saga));
        return;
    }
    struct sk_buf state = { 0 };
    struct sk_str span = sk_json_type(saga) == SK_JSON_OBJECT
                             ? sk_json_member(saga, SK_STR("state"))
                             : (struct sk_str){ 0 };
    if (sk_json_type(span) == SK_JSON_STRING) sk_json_unescape(span, &state);
    if (reply->status == 202) {
        (void)fprintf(cli->out, "%s: accepted; decided once its present step is settled\n", id);
    } else {
        (void)fprintf(cli->out, "%s is %s%s\n", id, sk_buf_text(&state),
                      reply->is_replayed ? " (this was said before)" : "");
    }
    sk_buf_release(&state);
}

static int post(const struct cli *cli, const struct command *command, const char *id,
                struct sk_buf *path, struct sk_buf *body)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    int code = cli_client_new(cli, &command->remote, &client);
    if (code != CLI_GO_ON) return code;
    struct cli_request request = { .method = "POST",
                                   .path = sk_buf_text(path),
                                   .body = sk_buf_view(body) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON) report(cli, command, id, &reply);
    cli_reply_release(&reply);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

/* ---- operators' commands --------------------------------------------------------------------- */

static int write_order(const struct cli *cli, const struct command *command, struct sk_buf *body)
{
    struct sk_json_writer w = sk_json_writer_of(body);
    sk_json_begin_object(&w);
    cli_put_text(&w, "by", command->by);
    cli_put_text(&w, "reason", command->reason);
    cli_put_text(&w, "step", command->step);
    if (command->item >= 0) {
        sk_json_key(&w, "item");
        sk_json_put_i64(&w, command->item);
    }
    if (command->past_pivot) {
        sk_json_key(&w, "past_pivot");
        sk_json_put_bool(&w, true);
    }
    int code = cli_put_json(cli, &w, "input", command->input);
    if (code == CLI_GO_ON) code = cli_put_json(cli, &w, "output", command->output);
    sk_json_end_object(&w);
    return code;
}

static int operator_main(const struct cli *cli, int argc, char **argv)
{
    struct command command = { .by = getenv("USER"), .item = -1 };
    struct cli_args args;
    struct sk_buf path = { 0 }, body = { 0 };
    const char *name = cli->command->name;
    int code = cli_parse(cli, &command, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, cli->command->example, "%s wants the id of a saga", name);
    }
    if (command.preview) {
        struct cli_preview preview = { .id = args.items[0],
                                       .force = strcmp(name, "force-cancel") == 0,
                                       .past_pivot = command.past_pivot };
        return cli_preview_show(cli, &command.remote, &preview);
    }
    if (command.by == NULL || command.by[0] == 0 || command.reason == NULL) {
        return cli_misuse(cli, cli->command->example,
                          "%s wants to know who asks and why: --by NAME --reason TEXT", name);
    }
    cli_saga_path(&path, args.items[0], "/");
    sk_buf_append_text(&path, name);
    code = write_order(cli, &command, &body);
    if (code == CLI_GO_ON) code = post(cli, &command, args.items[0], &path, &body);
    sk_buf_release(&path);
    sk_buf_release(&body);
    return code;
}

#define OPERATOR(symbol, name_, summary_, options_)                                          \
    const struct cli_command symbol = {                                                      \
        .name = (name_),                                                                     \
        .main = operator_main,                                                               \
        .summary = (summary_),                                                               \
        .usage = "[options] ID",                                                             \
        .example = "skald " name_ " order-42 --by ada --reason 'the customer asked for it'", \
        .options = (options_),                                                               \
    }

OPERATOR(cli_cancel, "cancel", "Undo what was done and end a saga", cancel_options);
OPERATOR(cli_force_cancel, "force-cancel", "Cancel without awaiting what is in flight",
         force_cancel_options);
OPERATOR(cli_force_complete, "force-complete", "End a saga as completed, whatever is open",
         who_options);
OPERATOR(cli_retry, "retry", "Try again at once what waits or has failed", retry_options);
OPERATOR(cli_suspend, "suspend", "Start nothing new in a saga until it is resumed", who_options);
OPERATOR(cli_resume, "resume", "Let a suspended saga go on", who_options);

const struct cli_command cli_skip_step = {
    .name = "skip-step",
    .main = operator_main,
    .summary = "Count a step, or its undo, as settled",
    .usage = "[options] ID --step STEP",
    .example = "skald skip-step order-42 --step ship --by ada --reason 'shipped by hand'",
    .options = skip_options,
};

/* ---- signals --------------------------------------------------------------------------------- */

static int signal_main(const struct cli *cli, int argc, char **argv)
{
    struct command command = { 0 };
    struct cli_args args;
    struct sk_buf path = { 0 }, body = { 0 };
    int code = cli_parse(cli, &command, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 2) {
        return cli_misuse(cli, cli->command->example,
                          "signal wants the id of a saga and the name of the signal");
    }
    struct sk_json_writer w = sk_json_writer_of(&body);
    sk_json_begin_object(&w);
    cli_put_text(&w, "name", args.items[1]);
    cli_put_text(&w, "id", command.id);
    code = cli_put_json(cli, &w, "data", command.data);
    sk_json_end_object(&w);
    cli_saga_path(&path, args.items[0], "/signals");
    if (code == CLI_GO_ON) code = post(cli, &command, args.items[0], &path, &body);
    sk_buf_release(&path);
    sk_buf_release(&body);
    return code;
}

const struct cli_command cli_signal = {
    .name = "signal",
    .main = signal_main,
    .summary = "Send a signal that a step of a saga waits for, or will",
    .usage = "[options] ID NAME",
    .example = "skald signal order-42 approved --data '{\"by\": \"ada\"}'",
    .options = signal_options,
};

/* ---- pending answers ------------------------------------------------------------------------- */

static int write_completion(const struct cli *cli, const struct command *command,
                            struct sk_buf *body)
{
    bool has_failed = command->code != NULL;
    struct sk_json_writer w = sk_json_writer_of(body);
    sk_json_begin_object(&w);
    cli_put_text(&w, "token", command->token);
    cli_put_text(&w, "outcome", has_failed ? "failed" : "succeeded");
    int code = cli_put_json(cli, &w, "output", command->output);
    if (has_failed) {
        sk_json_key(&w, "error");
        sk_json_begin_object(&w);
        cli_put_text(&w, "code", command->code);
        cli_put_text(&w, "message", command->message);
        sk_json_end_object(&w);
    }
    sk_json_end_object(&w);
    return code;
}

static int complete_main(const struct cli *cli, int argc, char **argv)
{
    struct command command = { 0 };
    struct cli_args args;
    struct sk_buf path = { 0 }, body = { 0 };
    int code = cli_parse(cli, &command, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 2 || command.token == NULL) {
        return cli_misuse(cli, cli->command->example,
                          "complete wants the id of a saga, a step and --token");
    }
    if (command.code != NULL && command.output != NULL) {
        return cli_misuse(cli, "leave one of them out",
                          "a step has either an --output or an error --code");
    }
    cli_saga_path(&path, args.items[0], "/steps/");
    cli_escape(&path, args.items[1]);
    sk_buf_append_text(&path, "/complete");
    code = write_completion(cli, &command, &body);
    if (code == CLI_GO_ON) code = post(cli, &command, args.items[0], &path, &body);
    sk_buf_release(&path);
    sk_buf_release(&body);
    return code;
}

const struct cli_command cli_complete = {
    .name = "complete",
    .main = complete_main,
    .summary = "Complete a pending answer by its token",
    .usage = "[options] ID STEP --token TOKEN",
    .example = "skald complete order-42 pay --token TOKEN --output '{\"paid\": true}'",
    .options = complete_options,
};
