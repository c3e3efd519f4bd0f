/*
 * options.h: long options from a table. `--name value`, `--name=value`, `-n value`; `--` ends them;
 * what is no option is an argument. Every command also knows `--help`.
 *
 *   struct serve { const char *listen; bool verbose; int64_t grace_ms; };
 *   static const struct cli_option options[] = {
 *       { "listen", 'l', CLI_TEXT, "HOST:PORT", "address to listen on (127.0.0.1:8080)",
 *         .offset = offsetof(struct serve, listen) },
 *       { 0 },
 *   };
 *   struct serve serve = { .listen = "127.0.0.1:8080" };
 *   struct cli_args args;
 *   int code = cli_parse(cli, &serve, argc, argv, &args);
 *   if (code != CLI_GO_ON) return code;
 */
#ifndef SK_CLI_OPTIONS_H
#define SK_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_option_kind {
    CLI_FLAG,     /* bool */
    CLI_TEXT,     /* const char *, borrowed from argv */
    CLI_INT,      /* int64_t in [min, max] */
    CLI_DURATION, /* int64_t, milliseconds: "30s" */
    CLI_CHOICE,   /* int: the index in `choices` */
    CLI_LIST,     /* struct cli_list: may be given several times */
    CLI_SETTING   /* one of skald/settings.c: kept as text in the command's struct cli_given */
};

enum { CLI_LIST_MAX = 256, CLI_ARGS_MAX = 256, CLI_GO_ON = -1 };

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

/* Settings that were given as flags, in order. */
struct cli_given {
    struct {
        const char *name, *text; /* of the setting: "store.url" */
    } items[CLI_LIST_MAX];
    size_t count;
};

/* What stood on the command line beside the options. */
struct cli_args {
    const char *items[CLI_ARGS_MAX];
    size_t count;
};

struct cli_option {
    const char *name; /* "listen"; NULL ends the table */
    char letter;      /* 'l', or 0 */
    enum cli_option_kind kind;
    const char *value; /* how its value is called in the help: "HOST:PORT" */
    const char *help;
    size_t offset;              /* of its field in the command's options */
    int64_t min, max;           /* CLI_INT; both 0 = any. CLI_SETTING: min = its row */
    const char *const *choices; /* CLI_CHOICE and some settings; ends with NULL */
};

struct cli;
struct cli_command;

/* The options of a command: its own, then, if it takes settings, those that have a flag. False past
 * the last one. */
bool cli_option_at(const struct cli_command *command, size_t index, struct cli_option *out);

/* Fills the fields of `out` that are named on the command line, by the options of cli->command.
 * CLI_GO_ON; or the exit code: CLI_DONE after --help, CLI_WRONG_USE after a message. */
int cli_parse(const struct cli *cli, void *out, int argc, char **argv, struct cli_args *out_args);

#endif
