/*
 * cmd_validate.c: `skald validate`: every problem of the definitions named, at once, without a
 * server. A folder stands for the definitions in it, at any depth: *.saga.yaml, .yml, .json.
 */
#include "base/json.h"
#include "cli/source.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>

struct validate {
    bool is_strict, is_json;
};

static const struct cli_option options[] = {
    { "strict", 0, CLI_FLAG, NULL, "unknown keys are errors",
      .offset = offsetof(struct validate, is_strict) },
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs",
      .offset = offsetof(struct validate, is_json) },
    { 0 },
};

struct run {
    const struct cli *cli;
    const struct validate *validate;
    struct sk_buf json;
    struct sk_json_writer writer;
    size_t files_count, bad_count;
    int code; /* CLI_GO_ON, or CLI_WRONG_USE once a file could not be read */
};

static void report_json(struct run *run, const struct cli_source *source)
{
    struct sk_buf list = { 0 };
    sk_diagnostics_json(&source->diagnostics, &list);
    sk_json_begin_object(&run->writer);
    sk_json_key(&run->writer, "file");
    sk_json_put_text(&run->writer, source->path);
    sk_json_key(&run->writer, "valid");
    sk_json_put_bool(&run->writer, source->plan != NULL);
    sk_json_key(&run->writer, "diagnostics");
    sk_json_put_raw(&run->writer, sk_buf_view(&list));
    sk_json_end_object(&run->writer);
    sk_buf_release(&list);
}

static void report_text(struct run *run, const struct cli_source *source)
{
    cli_source_print(run->cli, source, run->cli->out);
    if (source->plan == NULL) return;
    (void)fprintf(run->cli->out, "%s: valid: %.*s", source->path, SK_STR_ARGS(source->plan->id));
    if (source->plan->version.size > 0) {
        (void)fprintf(run->cli->out, " %.*s", SK_STR_ARGS(source->plan->version));
    }
    (void)fprintf(run->cli->out, ", %u steps\n", source->plan->steps_count);
}

static void check_file(struct run *run, const char *path)
{
    struct cli_source source;
    int code = cli_source_load(run->cli, path, run->validate->is_strict, &source);
    run->files_count++;
    if (code != CLI_GO_ON) run->bad_count++;
    if (code == CLI_WRONG_USE) {
        run->code = code;
    } else if (run->validate->is_json) {
        report_json(run, &source);
    } else {
        report_text(run, &source);
    }
    cli_source_release(&source);
}

static bool is_definition(const char *name)
{
    static const char *const endings[] = { ".saga.yaml", ".saga.yml", ".saga.json" };
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (size > ending && strcmp(name + size - ending, endings[i]) == 0) return true;
    }
    return false;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void check_folder(struct run *run, const char *path)
{
    char *roots[] = { (char *)(uintptr_t)path, NULL }; /* fts takes it as it is and leaves it so */
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    size_t before = run->files_count;
    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_F && is_definition(entry->fts_name)) {
            check_file(run, entry->fts_path);
        }
    }
    if (tree != NULL) (void)fts_close(tree);
    if (run->files_count == before) {
        run->code = cli_misuse(run->cli, "definitions are called *.saga.yaml",
                               "%s holds no definition", path);
    }
}

static int validate_main(const struct cli *cli, int argc, char **argv)
{
    struct validate validate = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &validate, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0) {
        return cli_misuse(cli, "skald validate order.saga.yaml",
                          "validate wants a file or a folder");
    }
    struct run run = { .cli = cli, .validate = &validate, .code = CLI_GO_ON };
    run.writer = sk_json_writer_of(&run.json);
    sk_json_begin_array(&run.writer);
    for (size_t i = 0; i < args.count; i++) {
        struct stat status;
        bool is_folder = stat(args.items[i], &status) == 0 && S_ISDIR(status.st_mode);
        if (is_folder) {
            check_folder(&run, args.items[i]);
        } else {
            check_file(&run, args.items[i]);
        }
    }
    sk_json_end_array(&run.writer);
    if (validate.is_json) (void)fprintf(cli->out, "%s\n", sk_buf_text(&run.json));
    sk_buf_release(&run.json);
    if (run.code != CLI_GO_ON) return run.code;
    return run.bad_count > 0 ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cli_validate = {
    .name = "validate",
    .main = validate_main,
    .summary = "Check definitions and say everything that is wrong",
    .usage = "[options] FILE|FOLDER...",
    .example = "skald validate --strict order.saga.yaml",
    .options = options,
};
