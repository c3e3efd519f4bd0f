/* preview.c: see preview.h. */
#include "cli/preview.h"

#include "cli/table.h"
#include "cli/tree.h"

static bool is_true(struct sk_str answer, const char *name)
{
    return sk_json_type(sk_json_member(answer, sk_str_of(name))) == SK_JSON_TRUE;
}

static void print_text(const struct cli *cli, struct sk_str answer, const char *name,
                       const char *before)
{
    struct sk_buf text = { 0 }, safe = { 0 };
    struct sk_str value = sk_json_member(answer, sk_str_of(name));
    if (sk_json_type(value) == SK_JSON_STRING) sk_json_unescape(value, &text);
    cli_text_safe(&safe, sk_buf_view(&text));
    (void)fprintf(cli->out, "%s%s\n", before, sk_buf_text(&safe));
    sk_buf_release(&text);
    sk_buf_release(&safe);
}

/* "notify.3" */
static void put_unit(struct cli_table *table, struct sk_str row)
{
    struct sk_buf name = { 0 };
    sk_json_unescape(sk_json_member(row, SK_STR("step")), &name);
    struct sk_str item = sk_json_member(row, SK_STR("item"));
    if (sk_json_type(item) == SK_JSON_NUMBER) {
        sk_buf_append_char(&name, '.');
        sk_buf_append_str(&name, item);
    }
    cli_table_put(table, sk_buf_view(&name), CLI_PLAIN);
    sk_buf_release(&name);
}

static void print_awaited(const struct cli *cli, struct sk_str rows)
{
    static const char *const header[] = { "AWAITED FIRST", "UNTIL", NULL };
    struct cli_table table;
    struct sk_json_iter it = sk_json_walk(rows);
    if (sk_json_count(rows) == 0) return;
    cli_table_init(&table, header);
    while (sk_json_next(&it)) {
        struct sk_str until = sk_json_member(it.value, SK_STR("until"));
        bool has_end = sk_json_type(until) == SK_JSON_STRING;
        put_unit(&table, it.value);
        cli_table_put(&table, has_end ? sk_json_string(until, &table.arena) : SK_STR("its end"),
                      CLI_PLAIN);
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static const char *why_of(struct sk_str row)
{
    if (is_true(row, "in_flight")) return "if its attempt succeeds";
    return is_true(row, "maybe") ? "it may have happened" : "";
}

static const char *what_of(struct sk_str row)
{
    static const struct {
        const char *name, *words;
    } names[] = {
        { "undo", "undone" },
        { "ask", "its participant is asked" },
        { "nothing", "nothing to undo" },
        { "residue", "left standing" },
        { "unsettled", "nobody knows: a person must look" },
        { "child", "its child saga is undone" },
        { "repair", "its child saga must be repaired" },
    };
    struct sk_str what = sk_json_member(row, SK_STR("what"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sk_json_string_is(what, sk_str_of(names[i].name))) return names[i].words;
    }
    return "";
}

static void print_undone(const struct cli *cli, struct sk_str rows)
{
    static const char *const header[] = { "TURN", "THEN", "WHAT", "WHY", NULL };
    struct cli_table table;
    struct sk_json_iter it = sk_json_walk(rows);
    if (sk_json_count(rows) == 0) return;
    cli_table_init(&table, header);
    table.is_right[0] = true;
    while (sk_json_next(&it)) {
        cli_table_put(&table, sk_json_member(it.value, SK_STR("turn")), CLI_PLAIN);
        put_unit(&table, it.value);
        cli_table_put_text(&table, what_of(it.value));
        cli_table_put_text(&table, why_of(it.value));
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static int print(const struct cli *cli, struct sk_str answer)
{
    if (!is_true(answer, "accepted")) {
        print_text(cli, answer, "detail", "it would be refused: ");
        return CLI_FAILED;
    }
    print_awaited(cli, sk_json_member(answer, SK_STR("awaited")));
    print_undone(cli, sk_json_member(answer, SK_STR("undone")));
    if (is_true(answer, "pending")) {
        (void)fputs("it would be recorded, and decided once the pivot is settled\n", cli->out);
    } else {
        print_text(cli, answer, "ends", "it would end ");
    }
    return CLI_DONE;
}

int cli_preview_show(const struct cli *cli, const struct cli_remote *remote,
                     const struct cli_preview *preview)
{
    struct cli_client *client;
    struct sk_buf path = { 0 };
    struct cli_reply reply = { 0 };
    int code = cli_client_new(cli, remote, &client);
    if (code != CLI_GO_ON) return code;
    cli_saga_path(&path, preview->id, "/cancel/preview");
    if (preview->force) sk_buf_append_text(&path, "?force=true");
    if (preview->past_pivot) sk_buf_append_text(&path, "&past_pivot=true");
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    struct sk_str answer = sk_buf_view(&reply.body);
    if (code == CLI_GO_ON && remote->is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
        code = is_true(answer, "accepted") ? CLI_DONE : CLI_FAILED;
    } else if (code == CLI_GO_ON) {
        code = print(cli, answer);
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code;
}
