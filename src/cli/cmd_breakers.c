/* cmd_breakers.c: `skald breakers`: the participants called so far, and closing a breaker by
 * hand. */
#include "cli/client.h"
#include "cli/table.h"

#include <stdlib.h>

struct breakers {
    struct cli_remote remote;
    const char *by, *reason;
};

static const struct cli_option options[] = {
    { "by", 0, CLI_TEXT, "NAME", "who asks for the reset (USER); kept in the log",
      .offset = offsetof(struct breakers, by) },
    { "reason", 'r', CLI_TEXT, "TEXT", "why; kept in the log",
      .offset = offsetof(struct breakers, reason) },
    CLI_REMOTE_OPTIONS(struct breakers),
    { 0 },
};

static struct sk_str text_of(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(value) == SK_JSON_NULL) return SK_STR("-");
    if (sk_json_type(value) != SK_JSON_STRING) return value;
    return sk_json_string(value, &table->arena);
}

static enum cli_colour colour_of(struct sk_str state)
{
    if (sk_str_is(state, "open")) return CLI_RED;
    return sk_str_is(state, "half_open") ? CLI_YELLOW : CLI_GREEN;
}

static void put_row(struct cli_table *table, struct sk_str view)
{
    static const char *const counts[] = { "failures", "in_flight", "waiting", "sent", "refused" };
    struct sk_str state = text_of(table, view, "state");
    struct sk_str limits = sk_json_member(view, SK_STR("limits"));
    cli_table_put(table, text_of(table, view, "service"), CLI_PLAIN);
    cli_table_put(table, state, colour_of(state));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        cli_table_put(table, text_of(table, view, counts[i]), CLI_PLAIN);
    }
    cli_table_put(table, text_of(table, limits, "max_in_flight"), CLI_PLAIN);
    cli_table_put(table, text_of(table, limits, "rate_per_s"), CLI_PLAIN);
    cli_table_put(table, text_of(table, view, "retry_at"), CLI_PLAIN);
}

static void print_views(const struct cli *cli, struct sk_str answer, bool is_list)
{
    static const char *const header[] = { "SERVICE", "STATE",      "FAILURES", "IN FLIGHT",
                                          "WAITING", "SENT",       "REFUSED",  "MAX IN FLIGHT",
                                          "PER S",   "RETRIES AT", NULL };
    struct cli_table table;
    cli_table_init(&table, header);
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    while (is_list && sk_json_next(&it)) put_row(&table, it.value);
    if (!is_list) put_row(&table, answer);
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static int call(const struct cli *cli, const struct breakers *breakers,
                const struct cli_request *request)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    int code = cli_client_new(cli, &breakers->remote, &client);
    if (code != CLI_GO_ON) return code;
    code = cli_client_call(client, request, &reply);
    if (code == CLI_GO_ON && breakers->remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_views(cli, sk_buf_view(&reply.body), strcmp(request->method, "GET") == 0);
    }
    cli_reply_release(&reply);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int reset(const struct cli *cli, const struct breakers *breakers, const char *service)
{
    struct sk_buf path = { 0 }, body = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&body);
    sk_buf_append_text(&path, "/api/v1/circuit-breakers/");
    cli_escape(&path, service);
    sk_buf_append_text(&path, "/reset");
    sk_json_begin_object(&w);
    sk_json_key(&w, "by");
    sk_json_put_text(&w, breakers->by);
    sk_json_key(&w, "reason");
    sk_json_put_text(&w, breakers->reason);
    sk_json_end_object(&w);
    struct cli_request request = { .method = "POST",
                                   .path = sk_buf_text(&path),
                                   .body = sk_buf_view(&body) };
    int code = call(cli, breakers, &request);
    sk_buf_release(&path);
    sk_buf_release(&body);
    return code;
}

static int breakers_main(const struct cli *cli, int argc, char **argv)
{
    struct breakers breakers = { .by = getenv("USER") };
    struct cli_args args;
    int code = cli_parse(cli, &breakers, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    bool is_reset = args.count == 2 && strcmp(args.items[0], "reset") == 0;
    bool has_who = breakers.by != NULL && breakers.by[0] != 0 && breakers.reason != NULL;
    if (is_reset && !has_who) {
        return cli_misuse(cli, cli->command->example,
                          "reset wants to know who asks and why: --by NAME --reason TEXT");
    }
    if (is_reset) {
        return reset(cli, &breakers, args.items[1]);
    }
    if (args.count > 0) {
        return cli_misuse(cli, "skald breakers, or skald breakers reset SERVICE",
                          "breakers does not understand '%s'", args.items[0]);
    }
    struct cli_request request = { .method = "GET", .path = "/api/v1/circuit-breakers" };
    return call(cli, &breakers, &request);
}

static const char *const verbs[] = { "reset", NULL };

const struct cli_command cli_breakers = {
    .name = "breakers",
    .main = breakers_main,
    .summary = "Show the circuit breakers of services, or close one",
    .usage = "[reset SERVICE] [options]",
    .example = "skald breakers reset payments --by ada --reason 'it is back'",
    .options = options,
    .verbs = verbs,
};
