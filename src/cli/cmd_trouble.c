/* cmd_trouble.c: `skald trouble`: what the name of an error means, what to check, what helps. */
#include "base/json.h"
#include "base/troubles.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <string.h>

struct trouble {
    int format;
};

enum { FORMAT_TEXT, FORMAT_JSON, FORMAT_MARKDOWN };
static const char *const formats[] = { "text", "json", "markdown", NULL };

static const struct cli_option options[] = {
    { "format", 'f', CLI_CHOICE, "FORMAT", "text", .offset = offsetof(struct trouble, format),
      .choices = formats },
    { 0 },
};

static void put_json(struct sk_json_writer *w, const struct sk_trouble *row)
{
    const struct {
        const char *key, *text;
    } members[] = { { "name", row->name },
                    { "kind", sk_trouble_kind_name(row->kind) },
                    { "means", row->means },
                    { "check", row->check },
                    { "remedy", row->remedy } };
    sk_json_begin_object(w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        sk_json_key(w, members[i].key);
        if (members[i].text == NULL) {
            sk_json_put_null(w);
        } else {
            sk_json_put_text(w, members[i].text);
        }
    }
    sk_json_end_object(w);
}

static void put_text(struct sk_buf *out, const struct sk_trouble *row)
{
    sk_buf_printf(out, "%s (%s)\n  means   %s\n", row->name, sk_trouble_kind_name(row->kind),
                  row->means);
    if (row->check != NULL) sk_buf_printf(out, "  check   %s\n", row->check);
    sk_buf_printf(out, "  remedy  %s\n", row->remedy);
}

/* Those of the name, or all when there is none; how many. */
static size_t put_rows(struct sk_buf *out, const char *name, bool is_json)
{
    size_t count = 0, found = 0;
    const struct sk_trouble *rows = sk_troubles(&count);
    struct sk_json_writer w = sk_json_writer_of(out);
    if (is_json) sk_json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        if (name != NULL && strcmp(name, rows[i].name) != 0) continue;
        if (is_json) {
            put_json(&w, &rows[i]);
        } else if (name == NULL) {
            sk_buf_printf(out, "%-28s %s\n", rows[i].name, rows[i].means);
        } else {
            put_text(out, &rows[i]);
        }
        found += 1;
    }
    if (is_json) {
        sk_json_end_array(&w);
        sk_buf_append_char(out, '\n');
    }
    return found;
}

static int trouble_main(const struct cli *cli, int argc, char **argv)
{
    struct trouble trouble = { 0 };
    struct cli_args args;
    int code = cli_parse(cli, &trouble, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 1) {
        return cli_misuse(cli, "skald trouble lists them", "trouble wants one name");
    }
    struct sk_buf text = { 0 };
    const char *name = args.count == 1 ? args.items[0] : NULL;
    size_t found = 1;
    if (trouble.format == FORMAT_MARKDOWN) {
        sk_troubles_markdown(&text);
    } else {
        found = put_rows(&text, name, trouble.format == FORMAT_JSON);
    }
    code = CLI_DONE;
    if (text.failed) {
        code = cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    } else if (found == 0) {
        code = cli_misuse(cli,
                          "a code that a participant gave is in that participant's own docs; skald "
                          "trouble lists Skald's",
                          "no trouble is called '%s'", name);
    } else {
        (void)fputs(sk_buf_text(&text), cli->out);
    }
    sk_buf_release(&text);
    return code;
}

const struct cli_command cli_trouble = {
    .name = "trouble",
    .main = trouble_main,
    .summary = "Say what the name of an error means, what to check and what helps",
    .usage = "[options] [NAME]",
    .example = "skald trouble store-full",
    .options = options,
};
