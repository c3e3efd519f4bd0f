/*
 * cmd_replay.c: `skald replay`: a saga as it was after any event of its history: its state, what
 * was due in the world, and why. Folded here, from an export: of the server, or of a file without
 * any.
 */
#include "api/shapes.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/tree.h"
#include "core/explain.h"
#include "engine/transfer_file.h"

enum { FILE_SIZE_MAX = 512 * 1024 * 1024 };

struct replay {
    struct cli_remote remote;
    const char *file;
    int64_t at;
};

static const struct cli_option options[] = {
    { "at", 0, CLI_INT, "SEQ", "after this event (the last one)",
      .offset = offsetof(struct replay, at), .min = 1, .max = INT64_MAX },
    { "file", 'f', CLI_TEXT, "FILE", "an export (`skald export`), in place of an id: no server",
      .offset = offsetof(struct replay, file) },
    CLI_REMOTE_OPTIONS(struct replay),
    { 0 },
};

/* The numbers of the settings' defaults: another server's may differ. */
static const struct sk_rules rules = { .takeups_max = 3,
                                       .takeup_pause_ms = 30000,
                                       .verify_timeout_ms = 10000,
                                       .attempt_timeout_ms = 10000 };

struct moment {
    struct sk_saga saga;
    const struct sk_transfer *transfer;
    const struct sk_event_row *row; /* the last event that happened */
    struct sk_explanation explanation;
};

/* ---- what was due ---------------------------------------------------------------------------- */

static const char *operation_name(enum sk_operation operation)
{
    static const char *const names[] = { "action", "compensation", "verify", "hook", "poll" };
    return names[operation];
}

struct listing {
    const struct moment *moment;
    struct sk_json_writer *w; /* NULL: into the table */
    struct cli_table *table;
};

static void list_effect(void *context, const struct sk_effect *effect)
{
    struct listing *listing = context;
    const struct sk_saga *saga = &listing->moment->saga;
    struct sk_buf key = { 0 }, step = { 0 };
    char deadline[SK_TIME_TEXT_SIZE] = "";
    struct sk_request request = sk_saga_request(saga, effect, &key);
    if (effect->step < saga->plan->steps_count)
        sk_buf_append_str(&step, saga->plan->steps[effect->step].id);
    if (effect->deadline_ms > 0) sk_time_format(effect->deadline_ms, deadline);
    if (listing->w == NULL) {
        if (effect->item >= 0) sk_buf_printf(&step, ".%d", effect->item);
        cli_table_put(listing->table, sk_buf_view(&step), CLI_PLAIN);
        cli_table_put_text(listing->table, operation_name(effect->operation));
        struct sk_buf attempt = { 0 };
        sk_buf_append_u64(&attempt, effect->attempt);
        cli_table_put(listing->table, sk_buf_view(&attempt), CLI_PLAIN);
        sk_buf_release(&attempt);
        cli_table_put_text(listing->table, deadline);
        cli_table_put(listing->table, sk_buf_view(&key), CLI_PLAIN);
    } else {
        struct sk_json_writer *w = listing->w;
        sk_json_begin_object(w);
        sk_shape_text(w, "step", sk_buf_view(&step));
        sk_json_key(w, "item");
        sk_json_put_i64(w, effect->item);
        sk_shape_text(w, "operation", sk_str_of(operation_name(effect->operation)));
        sk_json_key(w, "attempt");
        sk_json_put_u64(w, effect->attempt);
        sk_shape_text(w, "deadline", sk_str_of(deadline));
        sk_shape_text(w, "key", sk_buf_view(&key));
        sk_shape_text(w, "method", request.method);
        struct sk_buf target = { 0 };
        sk_mask_request(&listing->moment->transfer->mask, request.target, &target);
        sk_shape_text(w, "target", sk_buf_view(&target));
        if (target.failed) w->out->failed = true;
        sk_buf_release(&target);
        sk_json_key(w, "body");
        sk_json_put_raw(w, request.body);
        sk_json_end_object(w);
    }
    sk_buf_release(&step);
    sk_buf_release(&key);
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_json(const struct cli *cli, const struct moment *moment)
{
    struct sk_buf out = { 0 }, reason = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&out);
    if (moment->transfer->mask.names_count > 0) w.mask = &moment->transfer->mask;
    sk_json_begin_object(&w);
    sk_json_key(&w, "at");
    sk_json_put_u64(&w, moment->saga.seq);
    sk_json_key(&w, "events_total");
    sk_json_put_u64(&w, moment->transfer->events_count);
    sk_json_key(&w, "event");
    sk_shape_event(&w, moment->saga.plan, moment->row);
    sk_json_key(&w, "saga");
    sk_shape_saga(&w, &moment->saga);
    sk_json_key(&w, "due");
    sk_json_begin_array(&w);
    struct listing listing = { .moment = moment, .w = &w };
    sk_saga_react(&moment->saga, 0, UINT64_MAX, list_effect, &listing);
    sk_json_end_array(&w);
    sk_json_key(&w, "explain");
    sk_explanation_json(&moment->explanation, moment->saga.plan, &reason);
    sk_json_put_raw(&w, sk_buf_view(&reason));
    sk_json_end_object(&w);
    (void)fprintf(cli->out, "%s\n", sk_buf_text(&out));
    sk_buf_release(&out);
    sk_buf_release(&reason);
}

static void print_steps(const struct cli *cli, const struct sk_saga *saga)
{
    static const char *const header[] = { "STEP", "STATE", "ATTEMPTS", "MAYBE", NULL };
    struct cli_table table;
    cli_table_init(&table, header);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step_run *run = &saga->steps[s];
        uint32_t attempts = 0;
        bool maybe = false;
        for (uint32_t i = 0; i < run->units_count; i++) {
            attempts += run->units[i].action.attempt;
            maybe = maybe || run->units[i].maybe;
        }
        char count[16];
        (void)snprintf(count, sizeof count, "%u", (unsigned)attempts);
        struct sk_str state = sk_str_of(sk_step_state_name(run->state));
        cli_table_put(&table, saga->plan->steps[s].id, CLI_PLAIN);
        cli_table_put(&table, state, cli_state_colour(state));
        cli_table_put_text(&table, count);
        cli_table_put_text(&table, maybe ? "maybe" : "");
    }
    cli_table_print(&table, cli);
    cli_table_release(&table);
}

static void print_due(const struct cli *cli, const struct moment *moment)
{
    static const char *const header[] = { "DUE", "WHAT", "ATTEMPT", "DEADLINE", "KEY", NULL };
    struct cli_table table;
    cli_table_init(&table, header);
    struct listing listing = { .moment = moment, .table = &table };
    sk_saga_react(&moment->saga, 0, UINT64_MAX, list_effect, &listing);
    if (table.cells_count > sizeof header / sizeof header[0] - 1) cli_table_print(&table, cli);
    cli_table_release(&table);
}

static void print_text(const struct cli *cli, const struct moment *moment)
{
    struct sk_buf line = { 0 }, safe = { 0 };
    char at[SK_TIME_TEXT_SIZE];
    const struct sk_saga *saga = &moment->saga;
    const struct sk_event_row *row = moment->row;
    sk_time_format(row->at_ms, at);
    sk_buf_append_str(&line, saga->start.id);
    sk_buf_printf(&line, " after event %llu of %u: %s %s", (unsigned long long)saga->seq,
                  (unsigned)moment->transfer->events_count, at,
                  sk_event_type_name((enum sk_event_type)row->type));
    if (row->step < saga->plan->steps_count) {
        sk_buf_append_char(&line, ' ');
        sk_buf_append_str(&line, saga->plan->steps[row->step].id);
    }
    cli_text_safe(&safe, sk_buf_view(&line));
    (void)fprintf(cli->out, "%s\nstate: %s\n\n", sk_buf_text(&safe),
                  sk_saga_state_name(sk_saga_shown_state(saga)));
    print_steps(cli, saga);
    print_due(cli, moment);
    sk_buf_clear(&safe);
    cli_text_safe(&safe, moment->explanation.sentence);
    (void)fprintf(cli->out, "\n%s\n", sk_buf_text(&safe));
    sk_buf_release(&line);
    sk_buf_release(&safe);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int fetch(const struct cli *cli, const struct replay *replay, const char *id,
                 struct sk_buf *out)
{
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct sk_buf path = { 0 };
    int code = cli_client_new(cli, &replay->remote, &client);
    if (code != CLI_GO_ON) return code;
    cli_saga_path(&path, id, "/export");
    struct cli_request request = { .method = "GET", .path = sk_buf_text(&path) };
    code = cli_client_call(client, &request, &reply);
    if (code == CLI_GO_ON) sk_buf_append_str(out, sk_buf_view(&reply.body));
    cli_reply_release(&reply);
    sk_buf_release(&path);
    cli_client_free(client);
    return code;
}

static int show(const struct cli *cli, const struct replay *replay,
                const struct sk_transfer *transfer)
{
    struct moment moment = { .transfer = transfer };
    skald_error error;
    uint64_t at = replay->at == 0 ? transfer->events_count : (uint64_t)replay->at;
    if (at > transfer->events_count) {
        return cli_misuse(cli, "skald events shows them", "--at %llu: the history has %u events",
                          (unsigned long long)at, (unsigned)transfer->events_count);
    }
    int code = CLI_DONE;
    moment.row = &transfer->events[at - 1];
    if (sk_transfer_fold(transfer, at, &moment.saga, &error) != SKALD_OK)
        code = cli_fail_error(cli, CLI_FAILED, NULL, &error);
    bool is_explained = code == CLI_DONE && sk_saga_explain(&moment.saga, moment.row->at_ms, &rules,
                                                            &moment.explanation);
    if (is_explained && replay->remote.is_json)
        print_json(cli, &moment);
    else if (is_explained)
        print_text(cli, &moment);
    else if (code == CLI_DONE)
        code = cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    sk_explanation_release(&moment.explanation);
    sk_saga_release(&moment.saga);
    return code;
}

static int replay_main(const struct cli *cli, int argc, char **argv)
{
    struct replay replay = { 0 };
    struct cli_args args;
    struct sk_buf text = { 0 };
    struct sk_transfer transfer = { .events_count = 0 };
    skald_error error;
    int code = cli_parse(cli, &replay, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count + (replay.file != NULL ? 1u : 0u) != 1) {
        return cli_misuse(cli, cli->command->example,
                          "replay wants the id of a saga, or --file FILE");
    }
    code = replay.file != NULL ? cli_read_file(cli, replay.file, FILE_SIZE_MAX, &text)
                               : fetch(cli, &replay, args.items[0], &text);
    if (code == CLI_GO_ON &&
        sk_transfer_read(sk_buf_view(&text), NULL, &transfer, &error) != SKALD_OK)
        code = cli_fail(cli, CLI_FAILED, "invalid-export", NULL, "%s: %s",
                        replay.file != NULL ? replay.file : args.items[0], error.message);
    if (code == CLI_GO_ON) code = show(cli, &replay, &transfer);
    sk_transfer_release(&transfer);
    sk_buf_release(&text);
    return code;
}

const struct cli_command cli_replay = {
    .name = "replay",
    .main = replay_main,
    .summary = "Show a saga as it was after any event: its state, what was due, and why",
    .usage = "[options] ID | --file FILE",
    .example = "skald replay order-42 --at 5",
    .options = options,
};
