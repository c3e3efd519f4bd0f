/* cmd_list.c: `skald list`: sagas by filters, the newest first. */
#include "cli/saga_filter.h"
#include "cli/table.h"

struct list {
    struct cli_remote remote;
    struct cli_saga_filter filter;
    const char *cursor;
    int64_t limit, page;
    int sort;
    bool is_ascending, wants_total;
};

static const char *const sorts[] = { "created", "updated", "ended", NULL };

static const struct cli_option options[] = {
    CLI_SAGA_FILTER_OPTIONS(struct list, "reason"),
    { "sort", 0, CLI_CHOICE, "created|updated|ended",
      "by what, the newest first (created); ended: only those that have",
      .offset = offsetof(struct list, sort), .choices = sorts },
    { "asc", 0, CLI_FLAG, NULL, "the oldest first", .offset = offsetof(struct list, is_ascending) },
    CLI_PAGE_OPTIONS(struct list, 1000),
    { "page", 0, CLI_INT, "N", "this page instead, from 1, with the total",
      .offset = offsetof(struct list, page), .min = 1, .max = 100000 },
    { "total", 0, CLI_FLAG, NULL, "count them all", .offset = offsetof(struct list, wants_total) },
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
    int64_t total = 0;
    if (sk_json_to_i64(sk_json_member(answer, SK_STR("total")), &total))
        (void)fprintf(cli->err, "total: %lld\n", (long long)total);
}

static void put_number(struct sk_buf *path, const char *name, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    cli_query(path, name, text);
}

static int list_main(const struct cli *cli, int argc, char **argv)
{
    struct list list = { .limit = 50 };
    struct cli_args args;
    struct cli_client *client;
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_parse(cli, &list, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) {
        return cli_misuse(cli, "filter with options: skald list --help", "list takes no arguments");
    }
    code = cli_client_new(cli, &list.remote, &client);
    if (code != CLI_GO_ON) return code;
    sk_buf_append_text(&path, "/api/v1/sagas");
    put_number(&path, list.page > 0 ? "page_size" : "limit", list.limit);
    if (list.page > 0) put_number(&path, "page", list.page);
    cli_saga_filter_query(&list.filter, &path);
    cli_query(&path, "cursor", list.cursor);
    if (list.sort > 0) cli_query(&path, "sort", sorts[list.sort]);
    if (list.is_ascending) cli_query(&path, "order", "asc");
    if (list.wants_total) cli_query(&path, "total", "true");
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
