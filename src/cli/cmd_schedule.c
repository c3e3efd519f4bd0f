/* cmd_schedule.c: `skald schedule`: definitions that start by the clock. */
#include "cli/client.h"
#include "cli/table.h"

#include <stdlib.h>

struct schedule {
    struct cli_remote remote;
    const char *cron, *at, *definition, *version, *input, *context, *business_key, *space, *overlap,
        *catch_up, *by;
    struct cli_list tags;
};

static const struct cli_option options[] = {
    { "cron", 0, CLI_TEXT, "EXPR", "create: minute hour day month weekday in UTC, or @daily",
      .offset = offsetof(struct schedule, cron) },
    { "at", 0, CLI_TEXT, "TIME", "create: once, at this instant (2030-01-02T03:04:05Z)",
      .offset = offsetof(struct schedule, at) },
    { "definition", 'd', CLI_TEXT, "ID", "create: what is to be started",
      .offset = offsetof(struct schedule, definition) },
    { "version", 0, CLI_TEXT, "VERSION", "create: of it (the latest at each start)",
      .offset = offsetof(struct schedule, version) },
    { "input", 'i', CLI_TEXT, "JSON|@FILE", "create: of each saga; {{ .timestamp }} is the instant",
      .offset = offsetof(struct schedule, input) },
    { "context", 0, CLI_TEXT, "JSON|@FILE", "create: of each saga",
      .offset = offsetof(struct schedule, context) },
    { "business-key", 0, CLI_TEXT, "TEXT", "create: of each saga",
      .offset = offsetof(struct schedule, business_key) },
    { "namespace", 'n', CLI_TEXT, "NAME", "create: of each saga",
      .offset = offsetof(struct schedule, space) },
    { "tag", 't', CLI_LIST, "TEXT", "create: of each saga",
      .offset = offsetof(struct schedule, tags) },
    { "overlap", 0, CLI_TEXT, "POLICY",
      "create: while the last one runs: skip (the default), allow, queue or cancel",
      .offset = offsetof(struct schedule, overlap) },
    { "catch-up", 0, CLI_TEXT, "DURATION",
      "create: instants missed in so long a time are all made up (only the latest)",
      .offset = offsetof(struct schedule, catch_up) },
    { "by", 0, CLI_TEXT, "NAME", "create: who made it (USER)",
      .offset = offsetof(struct schedule, by) },
    CLI_REMOTE_OPTIONS(struct schedule),
    { 0 },
};

/* ---- what is said ---------------------------------------------------------------------------- */

static struct sk_str text_of(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str span = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(span) == SK_JSON_STRING) return sk_json_string(span, &table->arena);
    return sk_json_type(span) == SK_JSON_NUMBER ? span : (struct sk_str){ 0 };
}

static void put_row(struct cli_table *table, struct sk_str schedule)
{
    static const char *const members[] = { "id",   "definition", "cron",  "state",
                                           "runs", "skipped",    "failed" };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct sk_str text = text_of(table, schedule, members[i]);
        if (strcmp(members[i], "cron") == 0 && text.size == 0)
            text = text_of(table, schedule, "at");
        cli_table_put(table, text, CLI_PLAIN);
    }
    struct sk_str next = sk_json_element(sk_json_member(schedule, SK_STR("next")), 0);
    bool has_next = sk_json_type(next) == SK_JSON_STRING;
    cli_table_put(table, has_next ? sk_json_string(next, &table->arena) : SK_STR(""), CLI_PLAIN);
    cli_table_put(table, text_of(table, schedule, "last_saga"), CLI_PLAIN);
}

static void print_rows(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "ID",      "DEFINITION", "WHEN", "STATE",     "RUNS",
                                          "SKIPPED", "FAILED",     "NEXT", "LAST SAGA", NULL };
    struct cli_table table;
    struct sk_str items = sk_json_member(answer, SK_STR("items"));
    cli_table_init(&table, header);
    if (sk_json_type(items) == SK_JSON_ARRAY) {
        struct sk_json_iter it = sk_json_walk(items);
        while (sk_json_next(&it)) put_row(&table, it.value);
    } else {
        put_row(&table, answer);
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int write_body(const struct cli *cli, const struct schedule *schedule, const char *id,
                      struct sk_buf *body)
{
    struct sk_json_writer w = sk_json_writer_of(body);
    sk_json_begin_object(&w);
    cli_put_text(&w, "id", id);
    cli_put_text(&w, "cron", schedule->cron);
    cli_put_text(&w, "at", schedule->at);
    cli_put_text(&w, "definition", schedule->definition);
    cli_put_text(&w, "version", schedule->version);
    cli_put_text(&w, "business_key", schedule->business_key);
    cli_put_text(&w, "namespace", schedule->space);
    cli_put_text(&w, "overlap", schedule->overlap);
    cli_put_text(&w, "catch_up", schedule->catch_up);
    cli_put_text(&w, "by", schedule->by);
    if (schedule->tags.count > 0) {
        sk_json_key(&w, "tags");
        sk_json_begin_array(&w);
        for (size_t i = 0; i < schedule->tags.count; i++)
            sk_json_put_text(&w, schedule->tags.items[i]);
        sk_json_end_array(&w);
    }
    int code = cli_put_json(cli, &w, "input", schedule->input);
    if (code == CLI_GO_ON) code = cli_put_json(cli, &w, "context", schedule->context);
    sk_json_end_object(&w);
    return code;
}

static const struct verb {
    const char *name, *method, *tail;
    bool wants_id;
} verbs[] = {
    { "create", "POST", NULL, true },      { "list", "GET", NULL, false },
    { "show", "GET", "", true },           { "pause", "POST", "/pause", true },
    { "resume", "POST", "/resume", true }, { "trigger", "POST", "/trigger", true },
    { "delete", "DELETE", "", true },
};

static const struct verb *verb_named(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    }
    return NULL;
}

static int ask(const struct cli *cli, const struct schedule *schedule, const struct verb *verb,
               const char *id)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct sk_buf path = { 0 }, body = { 0 };
    int code = cli_client_new(cli, &schedule->remote, &client);
    if (code != CLI_GO_ON) return code;
    sk_buf_append_text(&path, "/api/v1/schedules");
    if (verb->tail != NULL) {
        sk_buf_append_char(&path, '/');
        cli_escape(&path, id);
        sk_buf_append_text(&path, verb->tail);
    } else if (!verb->wants_id) {
        sk_buf_append_text(&path, "?limit=1000");
    } else {
        code = write_body(cli, schedule, id, &body);
    }
    struct cli_request request = { .method = verb->method,
                                   .path = sk_buf_text(&path),
                                   .body = sk_buf_view(&body) };
    if (code == CLI_GO_ON) code = cli_client_call(client, &request, &reply);
    bool is_empty = reply.body.size == 0; /* deleted */
    if (code == CLI_GO_ON && schedule->remote.is_json) {
        (void)fprintf(cli->out, "%s\n", is_empty ? "{}" : sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON && is_empty) {
        (void)fprintf(cli->out, "%s is deleted\n", id);
    } else if (code == CLI_GO_ON) {
        print_rows(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    sk_buf_release(&body);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

static int schedule_main(const struct cli *cli, int argc, char **argv)
{
    struct schedule schedule = { .by = getenv("USER") };
    struct cli_args args;
    int code = cli_parse(cli, &schedule, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    const struct verb *verb = args.count == 0 ? NULL : verb_named(args.items[0]);
    if (verb == NULL) {
        return cli_misuse(cli, cli->command->example,
                          "schedule wants to know what to do: create, list, show, pause, resume, "
                          "trigger or delete");
    }
    if (args.count != (verb->wants_id ? 2u : 1u)) {
        return cli_misuse(cli, cli->command->example, "schedule %s wants %s", verb->name,
                          verb->wants_id ? "one id" : "no id");
    }
    return ask(cli, &schedule, verb, args.count > 1 ? args.items[1] : NULL);
}

const struct cli_command cli_schedule = {
    .name = "schedule",
    .main = schedule_main,
    .summary = "Start definitions by the clock",
    .usage = "[options] create|list|show|pause|resume|trigger|delete [ID]",
    .example = "skald schedule create nightly --cron '30 4 * * mon-fri' --definition settle",
    .options = options,
};
