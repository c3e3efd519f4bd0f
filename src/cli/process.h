/*
 * process.h: programs that a command runs beside itself (the demo). They end with their parent,
 * however that ends, and say on the first line of their standard output where they listen.
 */
#ifndef SK_CLI_PROCESS_H
#define SK_CLI_PROCESS_H

#include "cli/cli.h"

#include <sys/types.h>

enum { CLI_ADDRESS_SIZE = 128 };

struct cli_process {
    pid_t pid;                      /* 0 = not running */
    int out_fd;                     /* the reading end of its standard output */
    char address[CLI_ADDRESS_SIZE]; /* "http://127.0.0.1:41234" */
};

/* Starts argv[0] (a path) with its standard error appended to the file `log`, and waits until it
 * says where it listens. CLI_GO_ON, or CLI_FAILED after a message with the end of the log. */
int cli_process_start(const struct cli *cli, const char *const *argv, const char *log,
                      struct cli_process *out_process);
/* Sends the signal and waits for the end; after `grace_ms` SIGKILL. Fine when it is not running.
 * Async-signal-safe up to the waiting. */
void cli_process_end(struct cli_process *process, int signal_number, int grace_ms);

#endif
