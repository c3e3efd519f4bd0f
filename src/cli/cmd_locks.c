/* cmd_locks.c: `skald locks`: keys that are held, by whom, and who waits. */
#include "cli/client.h"
#include "cli/table.h"

enum { WAITERS_SHOWN_MAX = 5 };

struct locks {
    struct cli_remote remote;
    const char *key, *cursor;
    int64_t limit;
};

static const struct cli_option options[] = {
    { "key", 'k', CLI_TEXT, "KEY", "only this key", .offset = offsetof(struct locks, key) },
    CLI_PAGE_OPTIONS(struct locks, 500),
    CLI_REMOTE_OPTIONS(struct locks),
    { 0 },
};

static void put_text(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    bool is_text = sk_json_type(value) == SK_JSON_STRING;
    cli_table_put(table, is_text ? sk_json_string(value, &table->arena) : (struct sk_str){ 0 },
                  CLI_PLAIN);
}

static void put_waiters(struct cli_table *table, struct sk_str lock)
{
    struct sk_buf text = { 0 };
    struct sk_json_iter it = sk_json_walk(sk_json_member(lock, SK_STR("waiters")));
    uint32_t count = 0;
    while (sk_json_next(&it)) {
        if (++count > WAITERS_SHOWN_MAX) continue;
        if (count > 1) sk_buf_append_text(&text, ", ");
        sk_json_unescape(sk_json_member(it.value, SK_STR("saga")), &text);
    }
    if (count > WAITERS_SHOWN_MAX) {
        sk_buf_printf(&text, " and %u more", (unsigned)(count - WAITERS_SHOWN_MAX));
    }
    cli_table_put(table, sk_arena_copy(&table->arena, sk_buf_view(&text)), CLI_PLAIN);
    sk_buf_release(&text);
}

static void print_locks(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "KEY", "HELD BY", "SINCE", "WAITING", NULL };
    struct cli_table table;
    struct sk_buf next = { 0 };
    cli_table_init(&table, header);
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    while (sk_json_next(&it)) {
        put_text(&table, it.value, "key");
        put_text(&table, it.value, "holder");
        put_text(&table, it.value, "since");
        put_waiters(&table, it.value);
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
    struct sk_str cursor = sk_json_member(answer, SK_STR("next"));
    if (sk_json_type(cursor) == SK_JSON_STRING) sk_json_unescape(cursor, &next);
    if (next.size > 0) (void)fprintf(cli->err, "more: --cursor %s\n", sk_buf_text(&next));
    sk_buf_release(&next);
}

static int locks_main(const struct cli *cli, int argc, char **argv)
{
    struct locks locks = { .limit = 50 };
    struct cli_args args;
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct sk_buf path = { 0 };
    char limit[24];
    int code = cli_parse(cli, &locks, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, "skald locks --key KEY", "locks takes no arguments");
    }
    code = cli_client_new(cli, &locks.remote, &client);
    if (code != CLI_GO_ON) return code;
    (void)snprintf(limit, sizeof limit, "%lld", (long long)locks.limit);
    sk_buf_append_text(&path, "/api/v1/locks");
    cli_query(&path, "limit", limit);
    cli_query(&path, "key", locks.key);
    cli_query(&path, "cursor", locks.cursor);
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && locks.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_locks(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    cli_client_free(client);
    sk_buf_release(&path);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_locks = {
    .name = "locks",
    .main = locks_main,
    .summary = "Show the keys that sagas hold, and who waits for them",
    .usage = "[options]",
    .example = "skald locks --key account:7",
    .options = options,
};
