/*
 * cmd_format.c: `skald format`: definitions in one shape: indentation, blanks, line ends. What a
 * file means is read before and after, and nothing is written unless both are the same.
 */
#include "base/json.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "dsl/format.h"
#include "runtime/files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct format {
    bool check, to_stdout, is_json;
};

static const struct cli_option options[] = {
    { "check", 0, CLI_FLAG, NULL, "write nothing; exit code 1 when a file would change",
      .offset = offsetof(struct format, check) },
    { "stdout", 0, CLI_FLAG, NULL, "print the formatted text instead of writing the file",
      .offset = offsetof(struct format, to_stdout) },
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs",
      .offset = offsetof(struct format, is_json) },
    { 0 },
};

struct run {
    const struct cli *cli;
    const struct format *format;
    struct sk_buf json;
    struct sk_json_writer writer;
    int code;
};

static void raise_code(struct run *run, int code)
{
    if (run->code < code) run->code = code;
}

/* Beside the file and then in its place, so that a full disk leaves the old one whole. */
static bool write_file(const char *path, struct sk_str text)
{
    char real[PATH_MAX], temporary[PATH_MAX];
    struct stat status;
    if (realpath(path, real) == NULL || stat(real, &status) != 0) return false;
    int size = snprintf(temporary, sizeof temporary, "%s.XXXXXX", real);
    if (size < 0 || (size_t)size >= sizeof temporary) return false;
    int fd = mkstemp(temporary);
    if (fd < 0) return false;
    FILE *file = fdopen(fd, "w");
    bool ok = file != NULL && fchmod(fd, status.st_mode & 07777) == 0 &&
              fwrite(text.data, 1, text.size, file) == text.size && fflush(file) == 0 &&
              fsync(fd) == 0;
    if (file != NULL) {
        if (fclose(file) != 0) ok = false;
    } else {
        (void)close(fd);
    }
    ok = ok && rename(temporary, real) == 0;
    if (!ok) (void)unlink(temporary);
    return ok;
}

static void report(struct run *run, const char *path, bool has_changed)
{
    const struct format *format = run->format;
    if (format->is_json) {
        sk_json_begin_object(&run->writer);
        sk_json_key(&run->writer, "file");
        sk_json_put_text(&run->writer, path);
        sk_json_key(&run->writer, "changed");
        sk_json_put_bool(&run->writer, has_changed);
        sk_json_end_object(&run->writer);
        return;
    }
    if (!has_changed) return;
    (void)fprintf(run->cli->out, "%s: %s\n", path,
                  format->check ? "would be formatted" : "formatted");
}

static void format_file(struct run *run, const char *path)
{
    const struct format *format = run->format;
    bool is_stdin = strcmp(path, "-") == 0;
    bool prints = !format->check && (is_stdin || format->to_stdout);
    struct sk_buf source = { 0 }, text = { 0 };
    skald_error error;
    if (sk_file_read(is_stdin ? "/dev/stdin" : path, SK_YAML_SIZE_MAX + 1, &source, &error) !=
        SKALD_OK) {
        raise_code(run, cli_fail_error(run->cli, CLI_WRONG_USE, NULL, &error));
        goto out;
    }
    if (sk_dsl_format(sk_buf_view(&source), &text, &error) != SKALD_OK) {
        raise_code(run, cli_fail(run->cli, CLI_FAILED, "malformed", NULL, "%s: %s", path,
                                 error.message));
        goto out;
    }
    bool has_changed = !sk_str_equal(sk_buf_view(&source), sk_buf_view(&text));
    if (has_changed && format->check) raise_code(run, CLI_FAILED);
    if (prints && !format->is_json) {
        (void)fwrite(text.data, 1, text.size, run->cli->out);
    } else if (has_changed && !format->check && !prints && !write_file(path, sk_buf_view(&text))) {
        raise_code(run, cli_fail(run->cli, CLI_WRONG_USE, "file", NULL, "%s: %s", path,
                                 strerror(errno)));
        goto out;
    }
    if (!prints || format->is_json) report(run, is_stdin ? "stdin" : path, has_changed);
out:
    sk_buf_release(&source);
    sk_buf_release(&text);
}

static int format_main(const struct cli *cli, int argc, char **argv)
{
    struct format format = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &format, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0)
        return cli_misuse(cli, "skald format order.saga.yaml",
                          "format wants a file, or - for standard input");
    if (format.is_json && format.to_stdout)
        return cli_misuse(cli, "leave one of them out", "--json and --stdout exclude each other");
    struct run run = { .cli = cli, .format = &format };
    run.writer = sk_json_writer_of(&run.json);
    sk_json_begin_array(&run.writer);
    for (size_t i = 0; i < args.count; i++) format_file(&run, args.items[i]);
    sk_json_end_array(&run.writer);
    if (format.is_json) (void)fprintf(cli->out, "%s\n", sk_buf_text(&run.json));
    sk_buf_release(&run.json);
    return run.code;
}

const struct cli_command cli_format = {
    .name = "format",
    .main = format_main,
    .summary = "Bring definitions into one shape; comments, order and meaning stay",
    .usage = "[options] FILE...",
    .example = "skald format --check order.saga.yaml",
    .options = options,
};
