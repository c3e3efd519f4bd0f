/*
 * cmd_store.c: `skald store backup FILE | restore FILE | copy URL | check | dump | schema`: what an
 * operator does to the store itself, without its server (backup and schema also beside a running
 * one).
 */
#include "base/json.h"
#include "cli/settings_args.h"
#include "skald/store_tools.h"

#include <inttypes.h>

struct store {
    struct cli_settings_args settings;
    const char *url;
    bool is_json, replaces;
};

static const struct cli_option options[] = {
    { "store", 's', CLI_TEXT, "URL", "the store (" SK_NODE_STORE ", or what the settings say)",
      offsetof(struct store, url), 0, 0, NULL },
    { "config", 'c', CLI_LIST, "FILE", "settings from a YAML file, for the store's URL",
      offsetof(struct store, settings.config), 0, 0, NULL },
    { "replace", 0, CLI_FLAG, NULL,
      "restore, copy: over a store that is there; it is kept as .replaced",
      offsetof(struct store, replaces), 0, 0, NULL },
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs", offsetof(struct store, is_json), 0, 0,
      NULL },
    { 0 },
};

struct run {
    const struct cli *cli;
    const struct store *store;
    const char *url;
    const char *file; /* of backup and restore; of copy a URL */
    int told;         /* tenths of the way */
};

/* ---- progress -------------------------------------------------------------------------------- */

static void on_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct run *run = context;
    int tenths = total == 0 ? 10 : (int)(done * 10 / total);
    if (tenths == run->told) return;
    run->told = tenths;
    (void)fprintf(run->cli->err, "%3d %%  %" PRIu64 " of %" PRIu64 " %s\n", tenths * 10, done,
                  total, what);
}

static struct sk_store_watcher watcher_of(struct run *run)
{
    return (struct sk_store_watcher){ on_progress, run };
}

static int fail(const struct run *run, const skald_error *error, const char *remedy)
{
    bool is_use = skald_status_class(error->status) == SKALD_CLASS_USAGE;
    return cli_fail_error(run->cli, is_use ? CLI_WRONG_USE : CLI_FAILED, remedy, error);
}

static void put_file(struct sk_json_writer *w, const struct run *run, const char *verb)
{
    sk_json_begin_object(w);
    sk_json_key(w, "store");
    sk_json_put_text(w, run->url);
    sk_json_key(w, verb);
    sk_json_put_text(w, run->file);
    sk_json_end_object(w);
}

static int print_done(const struct run *run, const char *verb, const char *sentence)
{
    struct sk_buf json = { 0 };
    if (run->store->is_json) {
        struct sk_json_writer w = sk_json_writer_of(&json);
        put_file(&w, run, verb);
        (void)fprintf(run->cli->out, "%s\n", sk_buf_text(&json));
        sk_buf_release(&json);
    } else {
        (void)fprintf(run->cli->out, "%s %s\n", sentence, run->file);
    }
    return CLI_DONE;
}

/* ---- backup, restore ------------------------------------------------------------------------- */

static int backup(struct run *run)
{
    skald_error error = { .message = "" };
    if (sk_store_backup(run->url, run->file, watcher_of(run), &error) != SKALD_OK)
        return fail(run, &error, NULL);
    return print_done(run, "backup", "backed up to");
}

static int restore(struct run *run)
{
    skald_error error = { .message = "" };
    enum skald_status status =
        sk_store_restore(run->url, run->file, run->store->replaces, watcher_of(run), &error);
    if (status != SKALD_OK) return fail(run, &error, NULL);
    return print_done(run, "restored", "restored from");
}

/* ---- check ----------------------------------------------------------------------------------- */

struct problems {
    const struct run *run;
    struct sk_json_writer writer;
};

static void on_problem(void *context, const char *text)
{
    struct problems *problems = context;
    if (problems->run->store->is_json) {
        sk_json_put_text(&problems->writer, text);
    } else {
        (void)fprintf(problems->run->cli->out, "%s\n", text);
    }
}

static void put_count(struct sk_json_writer *w, const char *name, uint64_t value)
{
    sk_json_key(w, name);
    sk_json_put_u64(w, value);
}

/* What check says after `act`. */
static int judge(struct run *run, const char *url,
                 enum skald_status (*act)(struct run *, struct sk_store_report *, skald_error *))
{
    struct sk_buf json = { 0 };
    struct problems problems = { .run = run, .writer = sk_json_writer_of(&json) };
    struct sk_json_writer *w = &problems.writer;
    struct sk_store_report report = { .problem = on_problem, .context = &problems };
    skald_error error = { .message = "" };
    sk_json_begin_object(w);
    sk_json_key(w, "problems");
    sk_json_begin_array(w);
    enum skald_status status = act(run, &report, &error);
    sk_json_end_array(w);
    put_count(w, "sagas", report.sagas);
    put_count(w, "locks", report.locks);
    put_count(w, "events", report.events);
    put_count(w, "definitions", report.definitions);
    sk_json_end_object(w);
    int code = report.problems == 0 ? CLI_DONE : CLI_FAILED;
    if (status != SKALD_OK) {
        code = fail(run, &error,
                    status == SKALD_E_BUSY
                        ? "`skald store backup FILE` works while it is served; check the copy"
                        : NULL);
    } else if (run->store->is_json) {
        (void)fprintf(run->cli->out, "%s\n", sk_buf_text(&json));
    } else {
        (void)fprintf(run->cli->out,
                      "%s: %" PRIu64 " sagas, %" PRIu64 " events, %" PRIu64 " definitions; ", url,
                      report.sagas, report.events, report.definitions);
        if (report.problems == 0) {
            (void)fputs("all is well\n", run->cli->out);
        } else {
            (void)fprintf(run->cli->out, "%" PRIu64 " problems\n", report.problems);
        }
    }
    sk_buf_release(&json);
    return code;
}

static enum skald_status act_check(struct run *run, struct sk_store_report *report,
                                   skald_error *error)
{
    return sk_store_check(run->url, watcher_of(run), report, error);
}

static int check(struct run *run)
{
    return judge(run, run->url, act_check);
}

/* ---- copy, dump ------------------------------------------------------------------------------ */

static enum skald_status act_copy(struct run *run, struct sk_store_report *report,
                                  skald_error *error)
{
    return sk_store_copy(run->url, run->file, run->store->replaces, watcher_of(run), report, error);
}

static int copy(struct run *run)
{
    return judge(run, run->file, act_copy);
}

static void print_line(void *context, const char *line, size_t size)
{
    const struct run *run = context;
    (void)fprintf(run->cli->out, "%.*s\n", (int)size, line);
}

static int dump(struct run *run)
{
    skald_error error = { .message = "" };
    if (sk_store_dump(run->url, print_line, run, &error) != SKALD_OK)
        return fail(run, &error, NULL);
    return CLI_DONE;
}

/* ---- schema ---------------------------------------------------------------------------------- */

static void put_look(struct sk_json_writer *w, const struct sk_store_look *look)
{
    char incarnation[24];
    (void)snprintf(incarnation, sizeof incarnation, "%016" PRIx64, look->incarnation);
    sk_json_begin_object(w);
    put_count(w, "schema", look->schema);
    put_count(w, "schema_of_this_build", look->schema_known);
    put_count(w, "shards", look->shards);
    sk_json_key(w, "incarnation");
    sk_json_put_text(w, incarnation);
    put_count(w, "epoch_max", look->epoch_max);
    put_count(w, "bytes", (uint64_t)look->bytes);
    put_count(w, "sagas", (uint64_t)look->sagas);
    put_count(w, "locks", (uint64_t)look->locks);
    put_count(w, "events", (uint64_t)look->events);
    put_count(w, "definitions", (uint64_t)look->definitions);
    put_count(w, "dead_letters", (uint64_t)look->dead_letters);
    sk_json_key(w, "in_use_by");
    if (look->is_in_use) {
        sk_json_put_i64(w, look->pid);
    } else {
        sk_json_put_null(w);
    }
    sk_json_end_object(w);
}

static void print_look(FILE *out, const struct sk_store_look *look)
{
    (void)fprintf(out, "schema        %u, this build writes %u%s\n", look->schema,
                  look->schema_known,
                  look->schema < look->schema_known ? "; the next start brings it forward" : "");
    (void)fprintf(out, "shards        %u, highest epoch %" PRIu64 "\n", look->shards,
                  look->epoch_max);
    (void)fprintf(out, "incarnation   %016" PRIx64 "\n", look->incarnation);
    (void)fprintf(out, "size          %" PRId64 " bytes\n", look->bytes);
    (void)fprintf(out,
                  "rows          %" PRId64 " sagas, %" PRId64 " events, %" PRId64
                  " definitions, %" PRId64 " locks, %" PRId64 " dead letters\n",
                  look->sagas, look->events, look->definitions, look->locks, look->dead_letters);
    if (look->is_in_use) {
        (void)fprintf(out, "in use        by process %" PRId64 "\n", look->pid);
    } else {
        (void)fputs("in use        by nobody\n", out);
    }
}

static int schema(struct run *run)
{
    struct sk_store_look look;
    skald_error error = { .message = "" };
    if (sk_store_look(run->url, &look, &error) != SKALD_OK) return fail(run, &error, NULL);
    if (!run->store->is_json) {
        print_look(run->cli->out, &look);
        return CLI_DONE;
    }
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&json);
    put_look(&w, &look);
    (void)fprintf(run->cli->out, "%s\n", sk_buf_text(&json));
    sk_buf_release(&json);
    return CLI_DONE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct verb {
    const char *name;
    const char *argument; /* NULL = none */
    int (*run)(struct run *run);
} verbs[] = {
    { "backup", "FILE", backup }, { "restore", "FILE", restore }, { "copy", "URL", copy },
    { "check", NULL, check },     { "dump", NULL, dump },         { "schema", NULL, schema },
};

enum { VERBS_COUNT = sizeof verbs / sizeof verbs[0] };

static int run_verb(struct run *run, struct store *store, const struct verb *verb,
                    const struct cli_args *args)
{
    size_t wanted = verb->argument != NULL ? 2 : 1;
    if (args->count != wanted) {
        return cli_misuse(run->cli, NULL, "store %s takes %s%s", verb->name,
                          verb->argument != NULL ? "one " : "no arguments",
                          verb->argument != NULL ? verb->argument : "");
    }
    if (store->url != NULL) {
        store->settings.given.items[0].name = "store.url";
        store->settings.given.items[0].text = store->url;
        store->settings.given.count = 1;
    }
    struct sk_settings settings;
    int code = cli_settings_load(run->cli, &store->settings, &settings);
    if (code == CLI_GO_ON) {
        run->url = settings.node.store_url;
        run->file = verb->argument != NULL ? args->items[1] : NULL;
        code = verb->run(run);
    }
    sk_settings_release(&settings);
    return code;
}

static int store_main(const struct cli *cli, int argc, char **argv)
{
    struct store store = { 0 };
    struct run run = { .cli = cli, .store = &store, .told = -1 };
    struct cli_args args;
    int code = cli_parse(cli, &store, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    for (size_t i = 0; i < VERBS_COUNT && args.count > 0; i++) {
        if (strcmp(args.items[0], verbs[i].name) == 0)
            return run_verb(&run, &store, &verbs[i], &args);
    }
    return cli_misuse(cli, "skald store backup FILE, restore FILE, copy URL, check, dump or schema",
                      args.count == 0 ? "store wants to know what to do%s"
                                      : "store does not know '%s'",
                      args.count == 0 ? "" : args.items[0]);
}

static const char *const words[] = { "backup", "restore", "copy", "check", "dump", "schema", NULL };

const struct cli_command cli_store = {
    .name = "store",
    .main = store_main,
    .summary = "Back up, restore, copy, check, dump or describe a store",
    .usage = "backup FILE | restore FILE | copy URL | check | dump | schema [options]",
    .example = "skald store backup /backups/orders.db --store sqlite:orders.db",
    .options = options,
    .verbs = words,
};
