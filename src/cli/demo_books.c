/* demo_books.c: the participants' totals as tables, compared with what the show must leave. */
#include "cli/demo.h"

#include <inttypes.h>
#include <math.h>

/* What must stand in the books: two orders valid, one void; nothing of it twice. */
static const struct {
    const char *group, *name, *column;
    double value;
} expected[] = {
    { "papers", "order", "valid", 2 },
    { "papers", "order", "void", 1 },
    { "papers", "payment", "valid", 2 },
    { "papers", "payment", "amount", 374.99 },
    { "papers", "shipment", "valid", 2 },
    { "papers", "audit", "valid", 1 },
    { "stock", "item1", "reserved", 2 },
    { "stock", "item2", "reserved", 1 },
    { "stock", "item3", "reserved", 1 },
    { "accounts", "account001", "balance", 9000 },
    { "accounts", "account002", "balance", 6000 },
    { "accounts", "account003", "balance", 8000 },
};

static double number_of(struct sk_str books, const char *group, const char *name,
                        const char *column)
{
    struct sk_str row = sk_json_member(books, sk_str_of(group));
    row = sk_json_type(row) == SK_JSON_OBJECT ? sk_json_member(row, sk_str_of(name)) : row;
    double value = 0;
    if (sk_json_type(row) != SK_JSON_OBJECT) return 0;
    struct sk_str span = sk_json_member(row, sk_str_of(column));
    return sk_json_type(span) == SK_JSON_NUMBER && sk_json_to_double(span, &value) ? value : 0;
}

static void put_number(struct cli_table *table, struct sk_str row, const char *column, int digits)
{
    char text[40];
    double value = 0;
    (void)sk_json_to_double(sk_json_member(row, sk_str_of(column)), &value);
    (void)snprintf(text, sizeof text, "%.*f", digits, value);
    cli_table_put_text(table, text);
}

struct column {
    const char *title, *member;
    int digits;
};

static void print_group(const struct cli *cli, struct sk_str group, const char *title,
                        const struct column *columns, size_t columns_count)
{
    const char *header[CLI_COLUMNS_MAX + 1] = { title };
    struct cli_table table;
    for (size_t i = 0; i < columns_count; i++) header[i + 1] = columns[i].title;
    cli_table_init(&table, header);
    struct sk_json_iter it = sk_json_walk(group);
    while (sk_json_next(&it)) {
        cli_table_put(&table, it.name, CLI_PLAIN);
        for (size_t i = 0; i < columns_count; i++) {
            table.is_right[i + 1] = true;
            put_number(&table, it.value, columns[i].member, columns[i].digits);
        }
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
    (void)fputc('\n', cli->out);
}

static void print_books(const struct cli *cli, struct sk_str books)
{
    static const struct column papers[] = { { "VALID", "valid", 0 },
                                            { "VOID", "void", 0 },
                                            { "AMOUNT", "amount", 2 } };
    static const struct column stock[] = { { "PIECES", "pieces", 0 },
                                           { "RESERVED", "reserved", 0 } };
    static const struct column accounts[] = { { "BALANCE", "balance", 2 } };
    (void)fputc('\n', cli->out);
    print_group(cli, sk_json_member(books, SK_STR("papers")), "PAPER", papers, 3);
    print_group(cli, sk_json_member(books, SK_STR("stock")), "STOCK", stock, 2);
    print_group(cli, sk_json_member(books, SK_STR("accounts")), "ACCOUNT", accounts, 1);
}

static bool compare(const struct cli *cli, struct sk_str books)
{
    bool is_right = true;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        double value = number_of(books, expected[i].group, expected[i].name, expected[i].column);
        if (fabs(value - expected[i].value) < 0.001) continue;
        (void)cli_fail(cli, CLI_FAILED, "demo-differs", NULL,
                       "the books say %s %s %.2f; it should be %.2f", expected[i].name,
                       expected[i].column, value, expected[i].value);
        is_right = false;
    }
    return is_right;
}

bool demo_show_books(struct demo *demo)
{
    struct cli_remote remote = { .server = demo->participants.address };
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct cli_request request = { .method = "GET", .path = "/books" };
    if (cli_client_new(demo->cli, &remote, &client) != CLI_GO_ON) return false;
    bool is_right = cli_client_call(client, &request, &reply) == CLI_GO_ON;
    if (is_right) {
        print_books(demo->cli, sk_buf_view(&reply.body));
        is_right = compare(demo->cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    cli_client_free(client);
    return is_right;
}
