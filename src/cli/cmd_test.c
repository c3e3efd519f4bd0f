/*
 * cmd_test.c: `skald test`: plays scenarios and says what did not happen as expected. Nothing is
 * contacted: the engine runs inside, in virtual time. A folder stands for the *.scenario files in
 * it, at any depth.
 */
#include "base/json.h"
#include "base/time.h"
#include "cli/table.h"
#include "skald/scenario.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>

struct test {
    bool is_json;
    const char *junit;
};

static const struct cli_option options[] = {
    { "junit", 0, CLI_TEXT, "FILE", "write the results as JUnit XML too, for build servers",
      .offset = offsetof(struct test, junit) },
    { "json", 0, CLI_FLAG, NULL, "print JSON, for programs",
      .offset = offsetof(struct test, is_json) },
    { 0 },
};

struct run {
    const struct cli *cli;
    const struct test *test;
    struct sk_buf json, xml;
    struct sk_json_writer writer;
    uint32_t passed_count, failed_count, files_count;
    bool is_wrong; /* a text that cannot be played, or a file that cannot be read */
};

/* ---- for people ------------------------------------------------------------------------------ */

static void print_safe(FILE *out, struct sk_str text)
{
    struct sk_str rest = text;
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, '\n');
        struct sk_buf safe = { 0 };
        cli_text_safe(&safe, sk_str_sub(rest, 0, end));
        (void)fprintf(out, "%s%s", sk_buf_text(&safe), end < rest.size ? "\n" : "");
        sk_buf_release(&safe);
        rest = sk_str_sub(rest, end + 1, rest.size);
    }
}

static void print_part(FILE *out, const char *label, struct sk_str text)
{
    if (text.size == 0) return;
    (void)fprintf(out, "    %-9s ", label);
    print_safe(out, text);
    (void)fputc('\n', out);
}

static void report_text(const struct run *run, const struct sk_scenario_report *report)
{
    FILE *out = run->cli->out;
    bool has_colours = cli_has_colours(run->cli);
    char took[SK_DURATION_TEXT_SIZE];
    sk_duration_format(report->virtual_ms, took);
    const char *word = report->has_passed ? "ok  " : "FAIL";
    (void)fprintf(out, "%s%s%s %s: ",
                  has_colours ? cli_colour_code(report->has_passed ? CLI_GREEN : CLI_RED) : "",
                  word, has_colours ? "\033[0m" : "", report->file);
    print_safe(out, report->name);
    if (report->has_passed) {
        (void)fprintf(out, " (%u expectations, %s of virtual time)\n", report->expectations, took);
        return;
    }
    (void)fprintf(out, "\n    %s:%u: ", report->file, report->failed_line);
    print_safe(out, report->text);
    (void)fputs("\n    ", out);
    print_safe(out, report->message);
    (void)fputc('\n', out);
    print_part(out, "expected", report->expected);
    print_part(out, "happened", report->actual);
    if (report->timeline.size == 0) return;
    (void)fputs("    what happened, from the saga's start:\n", out);
    print_safe(out, report->timeline);
    if (report->timeline.data[report->timeline.size - 1] == '\n') (void)fputc('\n', out);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void put_text(struct sk_json_writer *w, const char *name, struct sk_str text)
{
    sk_json_key(w, name);
    if (text.size == 0) {
        sk_json_put_null(w);
    } else {
        sk_json_put_str(w, text);
    }
}

static void report_json(struct run *run, const struct sk_scenario_report *report)
{
    struct sk_json_writer *w = &run->writer;
    sk_json_begin_object(w);
    put_text(w, "file", sk_str_of(report->file));
    put_text(w, "name", report->name);
    sk_json_key(w, "line");
    sk_json_put_u64(w, report->line);
    sk_json_key(w, "passed");
    sk_json_put_bool(w, report->has_passed);
    sk_json_key(w, "expectations");
    sk_json_put_u64(w, report->expectations);
    sk_json_key(w, "virtual_ms");
    sk_json_put_i64(w, report->virtual_ms);
    sk_json_key(w, "failure");
    if (report->has_passed) {
        sk_json_put_null(w);
    } else {
        sk_json_begin_object(w);
        sk_json_key(w, "line");
        sk_json_put_u64(w, report->failed_line);
        put_text(w, "text", report->text);
        put_text(w, "message", report->message);
        put_text(w, "expected", report->expected);
        put_text(w, "happened", report->actual);
        put_text(w, "timeline", report->timeline);
        sk_json_key(w, "is_mistake");
        sk_json_put_bool(w, report->is_wrong);
        sk_json_end_object(w);
    }
    sk_json_end_object(w);
}

/* What XML cannot hold becomes a question mark. */
static void put_xml(struct sk_buf *out, struct sk_str text)
{
    struct sk_buf safe = { 0 };
    for (size_t i = 0; i < text.size;) {
        size_t size = sk_utf8_sequence(sk_str_sub(text, i, text.size));
        sk_buf_append_str(&safe, size == 0 ? SK_STR("?") : sk_str_sub(text, i, size));
        i += size == 0 ? 1 : size;
    }
    for (size_t i = 0; i < safe.size; i++) {
        char c = safe.data[i];
        bool is_control = (unsigned char)c < 0x20 && c != '\n' && c != '\t';
        if (c == '<') {
            sk_buf_append_text(out, "&lt;");
        } else if (c == '&') {
            sk_buf_append_text(out, "&amp;");
        } else if (c == '"') {
            sk_buf_append_text(out, "&quot;");
        } else if (c == '>') {
            sk_buf_append_text(out, "&gt;");
        } else {
            sk_buf_append_char(out, is_control ? '?' : c);
        }
    }
    sk_buf_release(&safe);
}

static void report_xml(struct run *run, const struct sk_scenario_report *report)
{
    struct sk_buf *out = &run->xml;
    sk_buf_append_text(out, "  <testcase classname=\"");
    put_xml(out, sk_str_of(report->file));
    sk_buf_append_text(out, "\" name=\"");
    put_xml(out, report->name);
    sk_buf_printf(out, "\" time=\"%lld.%03d\"", (long long)(report->virtual_ms / 1000),
                  (int)(report->virtual_ms % 1000));
    if (report->has_passed) {
        sk_buf_append_text(out, "/>\n");
        return;
    }
    sk_buf_append_text(out, ">\n    <failure message=\"");
    put_xml(out, report->message);
    sk_buf_printf(out, "\">line %u: ", report->failed_line);
    put_xml(out, report->text);
    sk_buf_append_text(out, "\nexpected: ");
    put_xml(out, report->expected);
    sk_buf_append_text(out, "\nhappened: ");
    put_xml(out, report->actual);
    sk_buf_append_text(out, "\n");
    put_xml(out, report->timeline);
    sk_buf_append_text(out, "</failure>\n  </testcase>\n");
}

static void on_report(void *context, const struct sk_scenario_report *report)
{
    struct run *run = context;
    if (report->has_passed) {
        run->passed_count++;
    } else {
        run->failed_count++;
    }
    run->is_wrong = run->is_wrong || report->is_wrong;
    report_xml(run, report);
    if (run->test->is_json) {
        report_json(run, report);
    } else {
        report_text(run, report);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static void play_file(struct run *run, const char *path)
{
    skald_error error;
    run->files_count++;
    if (sk_scenario_play(path, on_report, run, &error) == SKALD_OK) return;
    (void)cli_fail_error(run->cli, CLI_WRONG_USE, NULL, &error);
    run->is_wrong = true;
}

static bool is_scenario(const char *name)
{
    static const char ending[] = ".scenario";
    size_t size = strlen(name);
    return size >= sizeof ending && strcmp(name + size - (sizeof ending - 1), ending) == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void play_folder(struct run *run, const char *path)
{
    char *roots[] = { (char *)(uintptr_t)path, NULL }; /* fts takes it as it is and leaves it so */
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    uint32_t before = run->files_count;
    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_F && is_scenario(entry->fts_name))
            play_file(run, entry->fts_path);
    }
    if (tree != NULL) (void)fts_close(tree);
    if (run->files_count > before) return;
    run->is_wrong = true;
    (void)cli_misuse(run->cli, "scenarios are called *.scenario", "%s holds no scenario", path);
}

static void write_junit(struct run *run)
{
    FILE *file = fopen(run->test->junit, "w");
    bool ok = file != NULL;
    if (ok) {
        (void)fprintf(file,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"skald test\" "
                      "tests=\"%u\" failures=\"%u\">\n%s</testsuite>\n",
                      run->passed_count + run->failed_count, run->failed_count,
                      sk_buf_text(&run->xml));
        ok = ferror(file) == 0;
    }
    if (file != NULL && fclose(file) != 0) ok = false;
    if (ok) return;
    run->is_wrong = true;
    (void)cli_fail(run->cli, CLI_WRONG_USE, "file", NULL, "%s: %s", run->test->junit,
                   strerror(errno));
}

static void print_total(struct run *run)
{
    if (!run->test->is_json) {
        (void)fprintf(run->cli->out, "%u passed, %u failed\n", run->passed_count,
                      run->failed_count);
        return;
    }
    sk_json_end_array(&run->writer);
    sk_json_key(&run->writer, "passed");
    sk_json_put_u64(&run->writer, run->passed_count);
    sk_json_key(&run->writer, "failed");
    sk_json_put_u64(&run->writer, run->failed_count);
    sk_json_end_object(&run->writer);
    (void)fprintf(run->cli->out, "%s\n", sk_buf_text(&run->json));
}

static int test_main(const struct cli *cli, int argc, char **argv)
{
    struct test test = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &test, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 0) {
        return cli_misuse(cli, "skald test order.scenario",
                          "test wants a scenario or a folder of them");
    }
    struct run run = { .cli = cli, .test = &test };
    run.writer = sk_json_writer_of(&run.json);
    sk_json_begin_object(&run.writer);
    sk_json_key(&run.writer, "scenarios");
    sk_json_begin_array(&run.writer);
    for (size_t i = 0; i < args.count; i++) {
        struct stat status;
        bool is_folder = stat(args.items[i], &status) == 0 && S_ISDIR(status.st_mode);
        if (is_folder) {
            play_folder(&run, args.items[i]);
        } else {
            play_file(&run, args.items[i]);
        }
    }
    print_total(&run);
    if (test.junit != NULL) write_junit(&run);
    sk_buf_release(&run.json);
    sk_buf_release(&run.xml);
    if (run.is_wrong) return CLI_WRONG_USE;
    return run.failed_count > 0 ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cli_test = {
    .name = "test",
    .main = test_main,
    .summary = "Play scenarios against definitions, with scripted participants in virtual time",
    .usage = "[options] FILE.scenario|FOLDER...",
    .example = "skald test examples",
    .options = options,
};
