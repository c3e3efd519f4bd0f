/*
 * main.c: `skald <command>`: finds the row and calls it. What a command does is in its own file.
 */
#include "cli/cli.h"

#include "base/str.h"
#include "runtime/libevent_runtime.h"

#include <signal.h>
#include <unistd.h>

/* In the order of the help; one a line, so that new ones do not get into each other's way. */
/* clang-format off */
static const struct cli_command *const commands[] = {
    &cli_serve,
    &cli_define,
    &cli_start,
    &cli_list,
    &cli_delete,
    &cli_batch,
    &cli_batches,
    &cli_schedule,
    &cli_show,
    &cli_events,
    &cli_watch,
    &cli_explain,
    &cli_replay,
    &cli_export,
    &cli_import,
    &cli_cancel,
    &cli_force_cancel,
    &cli_force_complete,
    &cli_retry,
    &cli_skip_step,
    &cli_suspend,
    &cli_resume,
    &cli_signal,
    &cli_complete,
    &cli_validate,
    &cli_dry_run,
    &cli_visualize,
    &cli_schema,
    &cli_trouble,
    &cli_demo,
    &cli_bench,
    &cli_breakers,
    &cli_dead_letters,
    &cli_locks,
    &cli_recovery,
    &cli_stats,
    &cli_tasks,
    &cli_config,
    &cli_completion,
    &cli_store,
    &cli_openapi,
    &cli_test,
    &cli_format,
    &cli_version,
};
/* clang-format on */

enum { COMMANDS_COUNT = sizeof commands / sizeof commands[0] };

const struct cli_command *cli_command_at(size_t index)
{
    return index < COMMANDS_COUNT ? commands[index] : NULL;
}

static void print_overview(FILE *out)
{
    (void)
        fputs("skald runs sagas: transactions over many services, wholly done or wholly undone.\n\n"
              "usage: skald <command> [options]\n\n",
              out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        (void)fprintf(out, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
    }
    (void)fputs("\nskald <command> --help shows its options and an example.\n", out);
}

static const struct cli_command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    }
    return NULL;
}

static int fail_no_command(const struct cli *cli, const char *name)
{
    const char *names[COMMANDS_COUNT];
    for (size_t i = 0; i < COMMANDS_COUNT; i++) names[i] = commands[i]->name;
    int near = sk_str_nearest(sk_str_of(name), names, COMMANDS_COUNT);
    char remedy[80] = "skald --help lists them";
    if (near >= 0) (void)snprintf(remedy, sizeof remedy, "did you mean `skald %s`?", names[near]);
    return cli_misuse(cli, remedy, "no command '%s'", name);
}

/* `skald help [command]`, `skald --help`. */
static int help_main(struct cli *cli, const char *name)
{
    if (name == NULL) {
        print_overview(cli->out);
        return CLI_DONE;
    }
    cli->command = command_named(name);
    if (cli->command == NULL) return fail_no_command(cli, name);
    cli_help(cli, cli->out);
    return CLI_DONE;
}

/* What was printed must have arrived: a full disk or a closed pipe is a failure. */
static int flushed(const struct cli *cli, int code)
{
    bool has_failed = fflush(cli->out) != 0 || ferror(cli->out) != 0;
    return has_failed && code == CLI_DONE ? CLI_FAILED : code;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    sk_libevent_wait_for_memory();
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is told as a full disk */
    struct cli cli = { .out = stdout, .err = stderr, .is_terminal = isatty(STDOUT_FILENO) == 1 };
    const char *name = argc > 1 ? argv[1] : "";
    if (name[0] == 0) {
        print_overview(cli.err);
        return CLI_WRONG_USE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return flushed(&cli, help_main(&cli, argc > 2 ? argv[2] : NULL));
    }
    if (strcmp(name, "--version") == 0) name = "version";
    cli.command = command_named(name);
    if (cli.command == NULL) return fail_no_command(&cli, name);
    return flushed(&cli, cli.command->main(&cli, argc - 1, argv + 1));
}
