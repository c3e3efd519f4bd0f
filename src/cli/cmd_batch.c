/*
 * cmd_batch.c: `skald batch`: one command for all sagas that a filter finds, with its progress on a
 * terminal; `skald batches`: those there are, and ending one.
 */
#include "cli/saga_filter.h"
#include "cli/table.h"

#include <stdlib.h>
#include <time.h>

struct batch {
    struct cli_remote remote;
    struct cli_saga_filter filter;
    const char *by, *reason, *id;
    bool is_dry_run, no_wait, past_pivot;
};

static const struct cli_option options[] = {
    CLI_SAGA_FILTER_OPTIONS(struct batch, "saga-reason"),
    { "by", 0, CLI_TEXT, "NAME", "who asks (USER); kept in each history",
      .offset = offsetof(struct batch, by) },
    { "reason", 'r', CLI_TEXT, "TEXT", "why; kept in each history",
      .offset = offsetof(struct batch, reason) },
    { "past-pivot", 0, CLI_FLAG, NULL, "also after the pivot: force-cancel",
      .offset = offsetof(struct batch, past_pivot) },
    { "dry-run", 0, CLI_FLAG, NULL, "only say how many sagas are meant, and some of them",
      .offset = offsetof(struct batch, is_dry_run) },
    { "id", 0, CLI_TEXT, "ID", "of the batch: the same again is the same batch",
      .offset = offsetof(struct batch, id) },
    { "no-wait", 0, CLI_FLAG, NULL, "do not wait until it has finished",
      .offset = offsetof(struct batch, no_wait) },
    CLI_REMOTE_OPTIONS(struct batch),
    { 0 },
};

/* ---- what is said ---------------------------------------------------------------------------- */

static int64_t number_of(struct sk_str object, const char *name)
{
    int64_t number = 0;
    (void)sk_json_to_i64(sk_json_member(object, sk_str_of(name)), &number);
    return number;
}

static bool text_is(struct sk_str object, const char *name, const char *text)
{
    struct sk_str span = sk_json_member(object, sk_str_of(name));
    return sk_json_type(span) == SK_JSON_STRING && sk_json_string_is(span, sk_str_of(text));
}

static int64_t refused_of(struct sk_str object)
{
    int64_t sum = 0;
    struct sk_json_iter it = sk_json_walk(sk_json_member(object, SK_STR("refused")));
    while (sk_json_next(&it)) {
        int64_t n = 0;
        if (sk_json_to_i64(it.value, &n)) sum += n;
    }
    return sum;
}

static void print_progress(FILE *out, struct sk_str batch, const char *end)
{
    struct sk_str matched = sk_json_member(batch, SK_STR("matched"));
    bool is_counted = sk_json_type(matched) == SK_JSON_NUMBER;
    (void)fprintf(out, "%lld of %.*s told: %lld done, %lld refused, %lld failed%s",
                  (long long)number_of(batch, "seen"), is_counted ? (int)matched.size : 3,
                  is_counted ? matched.data : "...", (long long)number_of(batch, "done"),
                  (long long)refused_of(batch), (long long)number_of(batch, "failed"), end);
    (void)fflush(out);
}

static void print_end(const struct cli *cli, struct sk_str batch)
{
    struct sk_buf id = { 0 }, state = { 0 }, error = { 0 };
    struct sk_str last = sk_json_member(batch, SK_STR("last_error"));
    sk_json_unescape(sk_json_member(batch, SK_STR("id")), &id);
    sk_json_unescape(sk_json_member(batch, SK_STR("state")), &state);
    (void)fprintf(cli->out, "batch %s is %s: ", sk_buf_text(&id), sk_buf_text(&state));
    print_progress(cli->out, batch, "\n");
    if (sk_json_type(last) == SK_JSON_STRING) {
        sk_json_unescape(last, &error);
        (void)fprintf(cli->out, "the last that was not done: %s\n", sk_buf_text(&error));
    }
    sk_buf_release(&id);
    sk_buf_release(&state);
    sk_buf_release(&error);
}

static void print_dry_run(const struct cli *cli, struct sk_str batch)
{
    struct sk_str matched = sk_json_member(batch, SK_STR("matched"));
    bool is_counted = sk_json_type(matched) == SK_JSON_NUMBER;
    (void)fprintf(cli->out, "%.*s sagas are meant\n", is_counted ? (int)matched.size : 4,
                  is_counted ? matched.data : "many");
    struct sk_json_iter it = sk_json_walk(sk_json_member(batch, SK_STR("sample")));
    while (sk_json_next(&it)) {
        struct sk_buf id = { 0 };
        sk_json_unescape(it.value, &id);
        (void)fprintf(cli->out, "  %s\n", sk_buf_text(&id));
        sk_buf_release(&id);
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void write_body(const struct batch *batch, const char *command, struct sk_buf *body)
{
    struct sk_json_writer w = sk_json_writer_of(body);
    sk_json_begin_object(&w);
    sk_json_key(&w, "command");
    sk_json_put_text(&w, command);
    sk_json_key(&w, "by");
    sk_json_put_text(&w, batch->by);
    sk_json_key(&w, "reason");
    sk_json_put_text(&w, batch->reason);
    sk_json_key(&w, "filter");
    cli_saga_filter_json(&batch->filter, &w);
    if (batch->past_pivot) {
        sk_json_key(&w, "past_pivot");
        sk_json_put_bool(&w, true);
    }
    if (batch->is_dry_run) {
        sk_json_key(&w, "dry_run");
        sk_json_put_bool(&w, true);
    }
    sk_json_end_object(&w);
}

static void pause_a_little(void)
{
    struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    (void)nanosleep(&pause, NULL);
}

/* Until it has finished; the reply is then its last state. */
static int watch(const struct cli *cli, struct cli_client *client, struct cli_reply *reply)
{
    struct sk_buf path = { 0 }, id = { 0 };
    int code = CLI_GO_ON;
    bool has_line = false;
    sk_json_unescape(sk_json_member(sk_buf_view(&reply->body), SK_STR("id")), &id);
    sk_buf_append_text(&path, "/api/v1/batches/");
    cli_escape(&path, sk_buf_text(&id));
    while (code == CLI_GO_ON && text_is(sk_buf_view(&reply->body), "state", "running")) {
        if (cli->is_terminal) {
            print_progress(cli->err, sk_buf_view(&reply->body), "\r");
            has_line = true;
        }
        pause_a_little();
        struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
        code = cli_client_call(client, &request, reply);
    }
    if (has_line) (void)fputc('\n', cli->err);
    sk_buf_release(&path);
    sk_buf_release(&id);
    return code;
}

static int run_batch(const struct cli *cli, const struct batch *batch, const char *command)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct sk_buf body = { 0 };
    int code = cli_client_new(cli, &batch->remote, &client);
    if (code != CLI_GO_ON) return code;
    write_body(batch, command, &body);
    struct cli_request request = { .method = "POST",
                                   .path = "/api/v1/sagas/batch",
                                   .body = sk_buf_view(&body),
                                   .key = batch->id };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && !batch->is_dry_run && !batch->no_wait) {
        code = watch(cli, client, &reply);
    }
    struct sk_str answer = sk_buf_view(&reply.body);
    bool has_failed = code == CLI_GO_ON && number_of(answer, "failed") > 0;
    if (code == CLI_GO_ON && batch->remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON && batch->is_dry_run) {
        print_dry_run(cli, answer);
    } else if (code == CLI_GO_ON) {
        print_end(cli, answer);
    }
    cli_reply_release(&reply);
    sk_buf_release(&body);
    cli_client_free(client);
    if (code != CLI_GO_ON) return code;
    return has_failed ? CLI_FAILED : CLI_DONE;
}

static int batch_main(const struct cli *cli, int argc, char **argv)
{
    struct batch batch = { .by = getenv("USER") };
    struct cli_args args;
    int code = cli_parse(cli, &batch, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count != 1) {
        return cli_misuse(cli, cli->command->example,
                          "batch wants a command: cancel, force-cancel, force-complete, retry, "
                          "suspend, resume or delete");
    }
    if (batch.by == NULL || batch.by[0] == 0 || batch.reason == NULL) {
        return cli_misuse(cli, cli->command->example,
                          "batch wants to know who asks and why: --by NAME --reason TEXT");
    }
    return run_batch(cli, &batch, args.items[0]);
}

const struct cli_command cli_batch = {
    .name = "batch",
    .main = batch_main,
    .summary = "One command for all sagas that a filter finds",
    .usage = "[options] COMMAND",
    .example =
        "skald batch cancel --state running --definition order --by ada -r 'recall' --dry-run",
    .options = options,
};

/* ---- those there are ------------------------------------------------------------------------- */

struct batches {
    struct cli_remote remote;
    const char *cancel;
};

static const struct cli_option batches_options[] = {
    { "cancel", 0, CLI_TEXT, "ID", "tell no further saga of this one",
      .offset = offsetof(struct batches, cancel) },
    CLI_REMOTE_OPTIONS(struct batches),
    { 0 },
};

static void put_text(struct cli_table *table, struct sk_str object, const char *name)
{
    struct sk_str span = sk_json_member(object, sk_str_of(name));
    bool is_text = sk_json_type(span) == SK_JSON_STRING;
    if (is_text) span = sk_json_string(span, &table->arena);
    if (sk_str_is(span, "null")) span = SK_STR("");
    cli_table_put(table, span, CLI_PLAIN);
}

static void print_batches(const struct cli *cli, struct sk_str answer)
{
    static const char *const header[] = { "ID",      "COMMAND", "STATE",  "MATCHED", "DONE",
                                          "REFUSED", "FAILED",  "REASON", NULL };
    struct cli_table table;
    struct sk_json_iter it = sk_json_walk(sk_json_member(answer, SK_STR("items")));
    cli_table_init(&table, header);
    while (sk_json_next(&it)) {
        char refused[24];
        (void)snprintf(refused, sizeof refused, "%lld", (long long)refused_of(it.value));
        put_text(&table, it.value, "id");
        put_text(&table, it.value, "command");
        put_text(&table, it.value, "state");
        put_text(&table, it.value, "matched");
        put_text(&table, it.value, "done");
        cli_table_put(&table, sk_arena_copy(&table.arena, sk_str_of(refused)), CLI_PLAIN);
        put_text(&table, it.value, "failed");
        put_text(&table, it.value, "reason");
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static int batches_main(const struct cli *cli, int argc, char **argv)
{
    struct batches batches = { 0 };
    struct cli_args args;
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct sk_buf path = { 0 };
    int code = cli_parse(cli, &batches, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 1) {
        return cli_misuse(cli, cli->command->example, "batches wants one id at most");
    }
    code = cli_client_new(cli, &batches.remote, &client);
    if (code != CLI_GO_ON) return code;
    const char *id = batches.cancel != NULL ? batches.cancel
                     : args.count == 1      ? args.items[0]
                                            : NULL;
    sk_buf_append_text(&path, id == NULL ? "/api/v1/batches?limit=1000" : "/api/v1/batches/");
    if (id != NULL) cli_escape(&path, id);
    if (batches.cancel != NULL) sk_buf_append_text(&path, "/cancel");
    struct cli_request request = { .method = batches.cancel != NULL ? "POST" : "GET",
                                   .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON && batches.remote.is_json) {
        (void)fprintf(cli->out, "%s\n", sk_buf_text(&reply.body));
    } else if (code == CLI_GO_ON && id != NULL) {
        print_end(cli, sk_buf_view(&reply.body));
    } else if (code == CLI_GO_ON) {
        print_batches(cli, sk_buf_view(&reply.body));
    }
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code == CLI_GO_ON ? CLI_DONE : code;
}

const struct cli_command cli_batches = {
    .name = "batches",
    .main = batches_main,
    .summary = "Batches and their progress; end one",
    .usage = "[options] [ID]",
    .example = "skald batches --cancel recall-7",
    .options = batches_options,
};
