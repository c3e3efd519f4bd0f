/* cmd_dead_letters.c: `skald dead-letters`: what was given up: look, retry, discard. */
#include "cli/client.h"
#include "cli/table.h"

#include <stdlib.h>

struct letters {
    struct cli_remote remote;
    const char *by, *reason, *cursor;
    int64_t limit;
};

static const struct cli_option options[] = {
    { "by", 0, CLI_TEXT, "NAME", "who asks (USER); kept in the history or the log",
      .offset = offsetof(struct letters, by) },
    { "reason", 'r', CLI_TEXT, "TEXT", "why; kept in the history or the log",
      .offset = offsetof(struct letters, reason) },
    CLI_PAGE_OPTIONS(struct letters, 500),
    CLI_REMOTE_OPTIONS(struct letters),
    { 0 },
};

static struct sk_str text_of(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(value) == SK_JSON_NULL) return (struct sk_str){ 0 };
    if (sk_json_type(value) != SK_JSON_STRING) return value;
    return sk_json_string(value, &table->arena);
}

static void print_list(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "ID", "DEFINITION", "STEP", "ITEM", "WHY", "AT", NULL };
    static const char *const members[] = { "id", "definition", "step", "item", "why", "at" };
    struct cli_table table;
    struct sk_buf next = { 0 };
    cli_table_init(&table, header);
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    while (sk_json_next(&it)) {
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
            cli_table_put(&table, text_of(&table, it.value, members[i]), CLI_PLAIN);
        }
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
    struct sk_str cursor = sk_json_member(answer, SK_STR("next"));
    if (sk_json_type(cursor) == SK_JSON_STRING) sk_json_unescape(cursor, &next);
    if (next.size > 0) (void)fprintf(cli->err, "more: --cursor %s\n", sk_buf_text(&next));
    sk_buf_release(&next);
}

static int call(const struct cli *cli, const struct letters *letters,
                const struct cli_request *request, const char *done)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    int code = cli_client_new(cli, &letters->remote, &client);
    if (code != CLI_GO_ON) return code;
    code = cli_client_call(client, request, &reply);
    if (code == CLI_GO_ON && letters->remote.is_json && reply.body.size > 0) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON && letters->remote.is_json) {
        (void)fputs("{}\n", cli->out);
    } else if (code == CLI_GO_ON && done != NULL) {
        (void)fprintf(cli->out, "%s\n", done);
    } else if (code == CLI_GO_ON) {
        print_list(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int list(const struct cli *cli, const struct letters *letters)
{
    struct sk_buf path = { 0 };
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%lld", (long long)letters->limit);
    sk_buf_append_text(&path, "/api/v1/dead-letters");
    cli_query(&path, "limit", limit);
    cli_query(&path, "cursor", letters->cursor);
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    int code = call(cli, letters, &request, NULL);
    sk_buf_release(&path);
    return code;
}

static int act(const struct cli *cli, const struct letters *letters, const char *id, bool is_retry)
{
    struct sk_buf path = { 0 }, body = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&body);
    sk_buf_append_text(&path, "/api/v1/dead-letters/");
    sk_buf_append_text(&path, id); /* three segments as they stand */
    if (is_retry) {
        sk_buf_append_text(&path, "/retry");
        sk_json_begin_object(&w);
        sk_json_key(&w, "by");
        sk_json_put_text(&w, letters->by);
        sk_json_key(&w, "reason");
        sk_json_put_text(&w, letters->reason);
        sk_json_end_object(&w);
    } else {
        cli_query(&path, "by", letters->by);
        cli_query(&path, "reason", letters->reason);
    }
    struct cli_request request = { .method = is_retry ? "POST" : "DELETE",
                                   .path = sk_buf_text(&path),
                                   .body = sk_buf_view(&body) };
    int code = call(cli, letters, &request, is_retry ? "retried" : "discarded");
    sk_buf_release(&path);
    sk_buf_release(&body);
    return code;
}

static int letters_main(const struct cli *cli, int argc, char **argv)
{
    struct letters letters = { .by = getenv("USER"), .limit = 50 };
    struct cli_args args;
    int code = cli_parse(cli, &letters, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0) return list(cli, &letters);
    bool is_retry = strcmp(args.items[0], "retry") == 0;
    if (args.count != 2 || (!is_retry && strcmp(args.items[0], "discard") != 0)) {
        return cli_misuse(cli, "skald dead-letters, or skald dead-letters retry|discard ID",
                          "dead-letters does not understand '%s'", args.items[0]);
    }
    if (letters.by == NULL || letters.by[0] == 0 || letters.reason == NULL) {
        return cli_misuse(cli, cli->command->example,
                          "%s wants to know who asks and why: --by NAME --reason TEXT",
                          args.items[0]);
    }
    return act(cli, &letters, args.items[1], is_retry);
}

const struct cli_command cli_dead_letters = {
    .name = "dead-letters",
    .main = letters_main,
    .summary = "List what was given up; retry or discard one",
    .usage = "[retry ID | discard ID] [options]",
    .example = "skald dead-letters retry order-42/17/0 --by ada --reason 'stock is back'",
    .options = options,
};
