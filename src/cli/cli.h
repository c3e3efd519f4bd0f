/*
 * cli.h: the commands of `skald`: one row each, from which the dispatcher, `skald help`, every
 * `--help` and the reference page are made. A new command is a file cmd_<name>.c that defines a
 * `const struct cli_command cli_<name>`, its declaration below and its row in main.c; then a row in
 * tests/integration/cli_pages.py, a schema in docs/schemas/cli.schema.json, and scripts/record-cli.
 */
#ifndef SK_CLI_CLI_H
#define SK_CLI_CLI_H

#include "cli/options.h"

#include <skald/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes of every command. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,      /* the saga or the check failed */
    CLI_WRONG_USE = 2,   /* the command line or its files are wrong */
    CLI_OUT_OF_REACH = 3 /* no server answers */
};

struct cli;

struct cli_command {
    const char *name; /* "serve" */
    /* argv[0] is the command's name; argc and argv are what is left after it was found. */
    int (*main)(const struct cli *cli, int argc, char **argv);
    const char *summary;              /* one sentence, without its full stop */
    const char *usage;                /* what stands after "skald serve ": "[options] FILE..." */
    const char *example;              /* one line that works as it stands */
    const struct cli_option *options; /* ends with a row without a name; may be NULL */
    const char *const *verbs;         /* what its first argument may be, for completion; or NULL */
    bool has_settings;                /* the flags of skald/settings.c are options too … */
    size_t settings_offset;           /* … kept in this struct cli_given of its options */
};

/* What a command is called with. */
struct cli {
    const struct cli_command *command;
    FILE *out, *err;
    bool is_terminal; /* `out` is one: tables and colours for people */
};

/* "skald: text\n" on cli->err; then a line with the remedy, if any, and the name of the entry in
 * base/troubles.c that says more. Returns `code`. */
int cli_fail(const struct cli *cli, int code, const char *entry, const char *remedy,
             const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The command line itself is wrong: entry "wrong-use". Returns CLI_WRONG_USE. */
int cli_misuse(const struct cli *cli, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What a lower layer says; the entry is that of its status. Returns `code`. */
int cli_fail_error(const struct cli *cli, int code, const char *remedy, const skald_error *error);
/* The command's page on `out`: usage, options with their defaults, example. */
void cli_help(const struct cli *cli, FILE *out);
/* The commands in the order of the help; NULL past the last. */
const struct cli_command *cli_command_at(size_t index);

/* One a line, so that new ones do not get into each other's way. */
extern const struct cli_command cli_serve;
extern const struct cli_command cli_define;
extern const struct cli_command cli_start;
extern const struct cli_command cli_list;
extern const struct cli_command cli_delete;
extern const struct cli_command cli_batch;
extern const struct cli_command cli_batches;
extern const struct cli_command cli_schedule;
extern const struct cli_command cli_show;
extern const struct cli_command cli_events;
extern const struct cli_command cli_watch;
extern const struct cli_command cli_explain;
extern const struct cli_command cli_replay;
extern const struct cli_command cli_export;
extern const struct cli_command cli_import;
extern const struct cli_command cli_cancel;
extern const struct cli_command cli_force_cancel;
extern const struct cli_command cli_force_complete;
extern const struct cli_command cli_retry;
extern const struct cli_command cli_skip_step;
extern const struct cli_command cli_suspend;
extern const struct cli_command cli_resume;
extern const struct cli_command cli_signal;
extern const struct cli_command cli_complete;
extern const struct cli_command cli_validate;
extern const struct cli_command cli_dry_run;
extern const struct cli_command cli_visualize;
extern const struct cli_command cli_schema;
extern const struct cli_command cli_trouble;
extern const struct cli_command cli_demo;
extern const struct cli_command cli_bench;
extern const struct cli_command cli_breakers;
extern const struct cli_command cli_completion;
extern const struct cli_command cli_dead_letters;
extern const struct cli_command cli_locks;
extern const struct cli_command cli_recovery;
extern const struct cli_command cli_stats;
extern const struct cli_command cli_tasks;
extern const struct cli_command cli_config;
extern const struct cli_command cli_store;
extern const struct cli_command cli_openapi;
extern const struct cli_command cli_version;
extern const struct cli_command cli_test;
extern const struct cli_command cli_format;

#endif
