/*
 * settings_args.h: the settings of a server as a command takes them: `--config FILE` several times,
 * the flags that the rows of skald/settings.c ask for, `--set NAME=VALUE`, and the environment.
 * Precedence: default, files in order, environment, flags, --set.
 */
#ifndef SK_CLI_SETTINGS_ARGS_H
#define SK_CLI_SETTINGS_ARGS_H

#include "cli/cli.h"
#include "skald/settings.h"

struct cli_settings_args {
    struct cli_list config, set; /* rows of their own in each command's table */
    struct cli_given given;      /* cli_command.settings_offset points here */
};

/* Reads all layers; what is wrong or doubtful is printed on cli->err. CLI_GO_ON, or the exit code.
 * `out` is released by the caller in every case. */
int cli_settings_load(const struct cli *cli, const struct cli_settings_args *args,
                      struct sk_settings *out);
/* The files alone, without environment and flags (`skald config check`); the diagnostics are the
 * caller's. SKALD_E_INVALID when they say what is wrong; `error` for a file that cannot be read. */
enum skald_status cli_settings_check(const struct cli_args *files, struct sk_settings *out,
                                     struct sk_diagnostics *diagnostics, skald_error *error);
/* The settings in force with their origins: a table for people, JSON for programs. */
int cli_settings_print(const struct cli *cli, const struct sk_settings *settings, bool is_json);

#endif
