/* cmd_start.c: `skald start`: starts a saga and, with --wait, shows how it goes until it has
 * ended. */
#include "cli/client.h"
#include "cli/tree.h"

#include "base/time.h"

struct start {
    struct cli_remote remote;
    const char *version, *id, *key, *input, *context, *business_key, *space;
    struct cli_list tags, attributes, lock_keys;
    int64_t timeout_ms, wait_timeout_ms, max_attempts, priority;
    bool wait;
};

static const struct cli_option options[] = {
    { "input", 'i', CLI_TEXT, "JSON|@FILE", "the saga's input",
      .offset = offsetof(struct start, input) },
    { "id", 0, CLI_TEXT, "ID", "of the saga (drawn); the same start again changes nothing",
      .offset = offsetof(struct start, id) },
    { "key", 'k', CLI_TEXT, "KEY", "Idempotency-Key, where there is no id",
      .offset = offsetof(struct start, key) },
    { "version", 0, CLI_TEXT, "VERSION", "of the definition (the one defined last)",
      .offset = offsetof(struct start, version) },
    { "context", 0, CLI_TEXT, "JSON|@FILE", "request ids, tokens, URLs",
      .offset = offsetof(struct start, context) },
    { "business-key", 0, CLI_TEXT, "TEXT", "how the business calls it",
      .offset = offsetof(struct start, business_key) },
    { "tag", 't', CLI_LIST, "TEXT", "a searchable text", .offset = offsetof(struct start, tags) },
    { "attribute", 'a', CLI_LIST, "NAME=VALUE", "a searchable name and value",
      .offset = offsetof(struct start, attributes) },
    { "lock-key", 0, CLI_LIST, "KEY", "held from start to end",
      .offset = offsetof(struct start, lock_keys) },
    { "timeout", 0, CLI_DURATION, "DURATION", "of the saga (the definition's)",
      .offset = offsetof(struct start, timeout_ms) },
    { "max-attempts", 0, CLI_INT, "N", "of each step (the definition's)",
      .offset = offsetof(struct start, max_attempts), .min = 1, .max = 1000000 },
    { "priority", 0, CLI_INT, "N", "of admission: higher comes first (0)",
      .offset = offsetof(struct start, priority), .min = INT32_MIN, .max = INT32_MAX },
    { "namespace", 'n', CLI_TEXT, "NAME", "whom it belongs to",
      .offset = offsetof(struct start, space) },
    { "wait", 'w', CLI_FLAG, NULL, "show it until it has ended; 1 unless it completed",
      .offset = offsetof(struct start, wait) },
    { "wait-timeout", 0, CLI_DURATION, "DURATION", "wait no longer than this",
      .offset = offsetof(struct start, wait_timeout_ms) },
    CLI_REMOTE_OPTIONS(struct start),
    { 0 },
};

/* ---- the body -------------------------------------------------------------------------------- */

static int put_attributes(const struct cli *cli, struct sk_json_writer *w,
                          const struct cli_list *list)
{
    if (list->count == 0) return CLI_GO_ON;
    sk_json_key(w, "attributes");
    sk_json_begin_object(w);
    for (size_t i = 0; i < list->count; i++) {
        struct sk_str whole = sk_str_of(list->items[i]);
        size_t equals = sk_str_find(whole, '=');
        if (equals == 0 || equals == whole.size) {
            return cli_misuse(cli, "write it like --attribute region=north",
                              "--attribute '%s' has no name or no value", list->items[i]);
        }
        sk_json_key_str(w, sk_str_sub(whole, 0, equals));
        sk_json_put_str(w, sk_str_sub(whole, equals + 1, whole.size));
    }
    sk_json_end_object(w);
    return CLI_GO_ON;
}

static void put_numbers(struct sk_json_writer *w, const struct start *start)
{
    char timeout[SK_DURATION_TEXT_SIZE];
    if (start->timeout_ms > 0) {
        sk_duration_format(start->timeout_ms, timeout);
        cli_put_text(w, "timeout", timeout);
    }
    if (start->max_attempts > 0) {
        sk_json_key(w, "max_attempts");
        sk_json_put_i64(w, start->max_attempts);
    }
    if (start->priority != 0) {
        sk_json_key(w, "priority");
        sk_json_put_i64(w, start->priority);
    }
}

static int write_body(const struct cli *cli, const struct start *start, const char *definition,
                      struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    cli_put_text(&w, "definition", definition);
    cli_put_text(&w, "version", start->version);
    cli_put_text(&w, "id", start->id);
    cli_put_text(&w, "business_key", start->business_key);
    cli_put_text(&w, "namespace", start->space);
    cli_put_list(&w, "tags", &start->tags);
    cli_put_list(&w, "lock_keys", &start->lock_keys);
    put_numbers(&w, start);
    int code = put_attributes(cli, &w, &start->attributes);
    if (code == CLI_GO_ON) code = cli_put_json(cli, &w, "input", start->input);
    if (code == CLI_GO_ON) code = cli_put_json(cli, &w, "context", start->context);
    sk_json_end_object(&w);
    return code;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int see_through(const struct cli *cli, struct cli_client *client, const struct start *start,
                       const char *id)
{
    struct cli_tree *tree = cli_tree_new(cli, client, id);
    struct cli_follow follow = { .timeout_ms = start->wait_timeout_ms,
                                 .is_silent = start->remote.is_json };
    int code = CLI_FAILED;
    if (tree != NULL) code = cli_tree_follow(tree, &follow);
    if (code == CLI_GO_ON) {
        struct sk_str state = cli_tree_state(tree);
        bool has_completed = cli_tree_has_ended(tree) && sk_str_is(state, "completed");
        if (start->remote.is_json) {
            (void)fprintf(cli->out, "%.*s\n", SK_STR_ARGS(cli_tree_json(tree)));
        } else if (!cli->is_terminal) {
            cli_tree_print(tree);
        }
        code = has_completed ? CLI_DONE : CLI_FAILED;
        if (!cli_tree_has_ended(tree)) {
            (void)cli_fail(cli, code, "not-ended", "skald show --watch goes on watching",
                           "%s has not ended yet: it is %.*s", id, SK_STR_ARGS(state));
        }
    }
    cli_tree_free(tree);
    return code;
}

static int report(const struct cli *cli, struct cli_client *client, const struct start *start,
                  const struct cli_reply *reply)
{
    struct sk_buf id = { 0 }, state = { 0 };
    struct sk_str saga = sk_buf_view(&reply->body);
    int code = CLI_DONE;
    sk_json_unescape(sk_json_member(saga, SK_STR("id")), &id);
    sk_json_unescape(sk_json_member(saga, SK_STR("state")), &state);
    if (start->wait) {
        code = see_through(cli, client, start, sk_buf_text(&id));
    } else if (start->remote.is_json) {
        (void)fprintf(cli->out, "%.*s\n", SK_STR_ARGS(saga));
    } else if (reply->is_replayed) {
        (void)fprintf(cli->out, "%s was started before and is %s\n", sk_buf_text(&id),
                      sk_buf_text(&state));
    } else {
        (void)fprintf(cli->out, "%s started\n", sk_buf_text(&id));
    }
    sk_buf_release(&id);
    sk_buf_release(&state);
    return code;
}

static int start_main(const struct cli *cli, int argc, char **argv)
{
    struct start start = { 0 };
    struct cli_args args;
    struct cli_client *client;
    struct sk_buf body = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_parse(cli, &start, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, "skald start order --input '{\"amount\": 12}'",
                          "start wants the id of one definition");
    }
    code = cli_client_new(cli, &start.remote, &client);
    if (code != CLI_GO_ON) return code;
    code = write_body(cli, &start, args.items[0], &body);
    if (code == CLI_GO_ON) {
        struct cli_request request = {
            .method = "POST", .path = "/api/v1/sagas", .body = sk_buf_view(&body), .key = start.key
        };
        code = cli_client_call(client, &request, &reply);
    }
    if (code == CLI_GO_ON) code = report(cli, client, &start, &reply);
    cli_reply_release(&reply);
    sk_buf_release(&body);
    cli_client_free(client);
    return code;
}

const struct cli_command cli_start = {
    .name = "start",
    .main = start_main,
    .summary = "Start a saga, and with --wait see it to its end",
    .usage = "[options] DEFINITION",
    .example = "skald start order --wait --input '{\"amount\": 299.99}'",
    .options = options,
};
