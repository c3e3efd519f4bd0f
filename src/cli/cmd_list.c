/* cmd_list.c: `skald list`: sagas by filters, the newest first. */
#include "cli/client.h"
#include "cli/table.h"

struct list {
    struct cli_remote remote;
    const char *state, *definition, *business_key, *tag, *attribute, *space, *parent, *cursor;
    int64_t limit;
    bool only_residue;
};

static const struct cli_option options[] = {
    { "state", 0, CLI_TEXT, "STATE[,STATE]", "only in these states",
      .offset = offsetof(struct list, state) },
    { "definition", 'd', CLI_TEXT, "ID", "only of this definition",
      .offset = offsetof(struct list, definition) },
    { "business-key", 0, CLI_TEXT, "TEXT", "only with this key",
      .offset = offsetof(struct list, business_key) },
    { "tag", 't', CLI_TEXT, "TEXT", "only with this tag", .offset = offsetof(struct list, tag) },
    { "attribute", 'a', CLI_TEXT, "NAME:VALUE", "only with this attribute",
      .offset = offsetof(struct list, attribute) },
    { "namespace", 'n', CLI_TEXT, "NAME", "only of this namespace",
      .offset = offsetof(struct list, space) },
    { "parent", 0, CLI_TEXT, "ID", "only children of this saga",
      .offset = offsetof(struct list, parent) },
    { "residue", 0, CLI_FLAG, NULL, "only those that left something standing",
      .offset = offsetof(struct list, only_residue) },
    { "limit", 'l', CLI_INT, "N", "rows of a page (50)", .offset = offsetof(struct list, limit),
      .min = 1, .max = 1000 },
    { "cursor", 0, CLI_TEXT, "CURSOR", "where the page before ended",
      .offset = offsetof(struct list, cursor) },
    CLI_REMOTE_OPTIONS(struct list),
    { 0 },
};

/* Empty where there is none (null). */
static struct sk_str text_of(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(value) != SK_JSON_STRING) return (struct sk_str){ 0 };
    return sk_json_string(value, &table->arena);
}

static void put_member(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str text = text_of(table, object, name);
    bool is_state = strcmp(name, "state") == 0;
    cli_table_put(table, text, is_state ? cli_state_colour(text) : CLI_PLAIN);
}

/* "2026-01-02T03:04:05.678Z" → "2026-01-02 03:04:05" */
static void put_time(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str text = text_of(table, object, name);
    char *copy = sk_arena_text(&table->arena, sk_str_sub(text, 0, 19));
    if (copy == NULL) return;
    if (text.size > 10) copy[10] = ' ';
    cli_table_put_text(table, copy);
}

static void print_rows(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "ID",     "DEFINITION", "VERSION", "STATE",
                                          "REASON", "CREATED",    "ENDED",   NULL };
    struct cli_table table;
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    cli_table_init(&table, header);
    while (sk_json_next(&it)) {
        put_member(&table, it.value, "id");
        put_member(&table, it.value, "definition");
        put_member(&table, it.value, "version");
        put_member(&table, it.value, "state");
        put_member(&table, it.value, "reason");
        put_time(&table, it.value, "created_at");
        put_time(&table, it.value, "ended_at");
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
    struct sk_buf next = { 0 };
    struct sk_str cursor = sk_json_member(answer, SK_STR("next"));
    if (sk_json_type(cursor) == SK_JSON_STRING) sk_json_unescape(cursor, &next);
    if (next.size > 0) (void)fprintf(cli->err, "more: --cursor %s\n", sk_buf_text(&next));
    sk_buf_release(&next);
}

static int list_main(const struct cli *cli, int argc, char **argv)
{
    struct list list = { .limit = 50 };
    struct cli_args args;
    struct cli_client *client;
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    char limit[24];
    int code = cli_parse(cli, &list, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_fail(cli, CLI_WRONG_USE, "filter with options: skald list --help",
                        "list takes no arguments");
    }
    code = cli_client_new(cli, &list.remote, &client);
    if (code != CLI_GO_ON) return code;
    (void)snprintf(limit, sizeof limit, "%lld", (long long)list.limit);
    sk_buf_append_text(&path, "/api/v1/sagas");
    cli_query(&path, "limit", limit);
    cli_query(&path, "state", list.state);
    cli_query(&path, "definition", list.definition);
    cli_query(&path, "business_key", list.business_key);
    cli_query(&path, "tag", list.tag);
    cli_query(&path, "attribute", list.attribute);
    cli_query(&path, "namespace", list.space);
    cli_query(&path, "parent", list.parent);
    cli_query(&path, "cursor", list.cursor);
    if (list.only_residue) cli_query(&path, "residue", "true");
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && list.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_rows(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_list = {
    .name = "list",
    .main = list_main,
    .summary = "List sagas, the newest first, by filters",
    .usage = "[options]",
    .example = "skald list --state running,compensating --definition order",
    .options = options,
};
