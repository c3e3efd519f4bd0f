/*
 * cmd_completion.c: `skald completion bash|zsh`: a script for the shell, made from the table of
 * commands, their options and words, and the table of settings. Nothing is asked at completion
 * time: the script knows all it needs.
 */
#include "cli/cli.h"

#include "skald/settings.h"

#include <string.h>

typedef void option_fn(FILE *out, const struct cli_command *command,
                       const struct cli_option *option);

static void each_option(FILE *out, option_fn *fn)
{
    const struct cli_command *command = NULL;
    for (size_t c = 0; (command = cli_command_at(c)) != NULL; c++) {
        struct cli_option option;
        for (size_t i = 0; cli_option_at(command, i, &option); i++) fn(out, command, &option);
    }
}

static bool has_word(const char *text, const char *word)
{
    return text != NULL && strstr(text, word) != NULL;
}

static bool takes_file(const struct cli_option *option)
{
    static const char *const words[] = { "FILE", "PATH", "DIR", "FOLDER" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has_word(option->value, words[i])) return true;
    }
    return false;
}

/* --set NAME=VALUE */
static bool takes_setting(const struct cli_option *option)
{
    return strcmp(option->name, "set") == 0;
}

static void put_words(FILE *out, const char *const *words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        (void)fprintf(out, "%s%s", i == 0 ? "" : " ", words[i]);
    }
}

static void put_settings(FILE *out, const char *after)
{
    const char *before = "";
    for (size_t i = 0; i < sk_settings_table.rows_count; i++) {
        if (sk_settings_table.rows[i].type == SK_SETTING_MAP) continue;
        (void)fprintf(out, "%s%s%s", before, sk_settings_table.rows[i].name, after);
        before = " ";
    }
}

/* ---- bash ------------------------------------------------------------------------------------ */

static void bash_value(FILE *out, const struct cli_command *command,
                       const struct cli_option *option)
{
    if (option->kind == CLI_FLAG) return;
    (void)fprintf(out, "    '%s --%s'", command->name, option->name);
    if (option->letter != 0) (void)fprintf(out, "|'%s -%c'", command->name, option->letter);
    (void)fputs(") ", out);
    if (option->choices != NULL) {
        (void)fputs("_skald_words '", out);
        put_words(out, option->choices);
        (void)fputs("'; ", out);
    } else if (takes_setting(option)) {
        (void)fputs("compopt -o nospace 2>/dev/null; _skald_words '", out);
        put_settings(out, "=");
        (void)fputs("'; ", out);
    } else if (takes_file(option)) {
        (void)fputs("_skald_files; ", out);
    }
    (void)fputs("return ;;\n", out);
}

static void bash_options(FILE *out)
{
    const struct cli_command *command = NULL;
    for (size_t c = 0; (command = cli_command_at(c)) != NULL; c++) {
        struct cli_option option;
        (void)fprintf(out, "    '%s -') _skald_words '--help", command->name);
        for (size_t i = 0; cli_option_at(command, i, &option); i++)
            (void)fprintf(out, " --%s", option.name);
        (void)fputs("' ;;\n", out);
    }
}

static void bash_arguments(FILE *out)
{
    const struct cli_command *command = NULL;
    for (size_t c = 0; (command = cli_command_at(c)) != NULL; c++) {
        if (command->verbs != NULL) {
            (void)fprintf(out, "    '%s 2') _skald_words '", command->name);
            put_words(out, command->verbs);
            (void)fputs("' ;;\n", out);
        }
        if (has_word(command->usage, "FILE"))
            (void)fprintf(out, "    '%s '*) _skald_files ;;\n", command->name);
    }
}

/* Words that hold = are three words to bash. */
static const char bash_head[] =
    "# skald completion bash; put it into ~/.bashrc as: source <(skald completion bash)\n"
    "_skald_words() { COMPREPLY=($(compgen -W \"$1\" -- \"$cur\")); }\n"
    "_skald_files() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); }\n"
    "_skald() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local command=${COMP_WORDS[1]}\n"
    "    COMPREPLY=()\n"
    "    if [ \"$cur\" = = ]; then cur=; prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    elif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        _skald_words '";

static void print_bash(FILE *out)
{
    const struct cli_command *command = NULL;
    (void)fputs(bash_head, out);
    for (size_t c = 0; (command = cli_command_at(c)) != NULL; c++)
        (void)fprintf(out, "%s ", command->name);
    (void)fputs("help'\n        return\n    fi\n    case \"$command $prev\" in\n", out);
    each_option(out, bash_value);
    (void)fputs("    esac\n    if [ \"${cur:0:1}\" = - ]; then case \"$command -\" in\n", out);
    bash_options(out);
    (void)fputs("    esac; return; fi\n    case \"$command $COMP_CWORD\" in\n", out);
    bash_arguments(out);
    (void)fputs("    esac\n}\ncomplete -F _skald skald\n", out);
}

/* ---- zsh ------------------------------------------------------------------------------------- */

/* Inside single quotes; a colon and brackets mean something to _arguments and _describe. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", out);
            continue;
        }
        if (strchr(":[]\\", *text) != NULL) (void)fputc('\\', out);
        (void)fputc(*text, out);
    }
}

static void zsh_option(FILE *out, const struct cli_option *option)
{
    bool is_many = option->kind == CLI_LIST || option->kind == CLI_SETTING;
    (void)fprintf(out, "        '%s--%s%s[", is_many ? "*" : "", option->name,
                  option->kind == CLI_FLAG ? "" : "=");
    zsh_text(out, option->help);
    (void)fputc(']', out);
    if (option->kind != CLI_FLAG) {
        (void)fputc(':', out);
        zsh_text(out, option->value == NULL ? "value" : option->value);
        (void)fputc(':', out);
        if (option->choices != NULL) {
            (void)fputc('(', out);
            put_words(out, option->choices);
            (void)fputc(')', out);
        } else if (takes_setting(option)) {
            (void)fputc('(', out);
            put_settings(out, "=");
            (void)fputc(')', out);
        } else if (takes_file(option)) {
            (void)fputs("_files", out);
        }
    }
    (void)fputs("' \\\n", out);
}

static void print_zsh(FILE *out)
{
    const struct cli_command *command = NULL;
    (void)fputs("#compdef skald\n# skald completion zsh > \"${fpath[1]}/_skald\"\n"
                "_skald() {\n  local -a commands\n  commands=(\n",
                out);
    for (size_t c = 0; (command = cli_command_at(c)) != NULL; c++) {
        (void)fprintf(out, "    '%s:", command->name);
        zsh_text(out, command->summary);
        (void)fputs("'\n", out);
    }
    (void)fputs("  )\n  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
                "  local command=$words[2]\n  shift words; (( CURRENT-- ))\n  case $command in\n",
                out);
    for (size_t c = 0; (command = cli_command_at(c)) != NULL; c++) {
        struct cli_option option;
        (void)fprintf(out, "    %s) _arguments \\\n", command->name);
        for (size_t i = 0; cli_option_at(command, i, &option); i++) zsh_option(out, &option);
        if (command->verbs != NULL) {
            (void)fputs("        '1:what:(", out);
            put_words(out, command->verbs);
            (void)fputs(")' \\\n", out);
        }
        if (has_word(command->usage, "FILE")) (void)fputs("        '*:file:_files' \\\n", out);
        (void)fputs("        '--help[this page]' ;;\n", out);
    }
    (void)fputs(
        "  esac\n}\n"
        "if [ \"$funcstack[1]\" = _skald ]; then _skald \"$@\"; else compdef _skald skald; fi\n",
        out);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int completion_main(const struct cli *cli, int argc, char **argv)
{
    struct cli_args args;
    int code = cli_parse(cli, NULL, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count == 1 && strcmp(args.items[0], "bash") == 0) {
        print_bash(cli->out);
        return CLI_DONE;
    }
    if (args.count == 1 && strcmp(args.items[0], "zsh") == 0) {
        print_zsh(cli->out);
        return CLI_DONE;
    }
    return cli_misuse(cli, "source <(skald completion bash)",
                      "completion wants the name of the shell: bash or zsh");
}

static const char *const verbs[] = { "bash", "zsh", NULL };

const struct cli_command cli_completion = {
    .name = "completion",
    .main = completion_main,
    .summary = "Print a script that completes commands, options and words in bash or zsh",
    .usage = "bash | zsh",
    .example = "skald completion bash > ~/.local/share/bash-completion/completions/skald",
    .verbs = verbs,
};
