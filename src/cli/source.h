/*
 * source.h: a definition from a file, read on this side of the wire: includes are looked up beside
 * the file and `${NAME}` in this process' environment, so that a server never reads its own files
 * or secrets for a client.
 */
#ifndef SK_CLI_SOURCE_H
#define SK_CLI_SOURCE_H

#include "cli/cli.h"
#include "dsl/dsl.h"

struct cli_source {
    const char *path;       /* borrowed; "-" = standard input */
    struct sk_buf expanded; /* one JSON text, after includes and environment */
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan; /* NULL when it is not valid */
};

/* Reads, expands, checks and compiles. CLI_GO_ON: plan is there. CLI_FAILED: the diagnostics say
 * why (nothing was printed). CLI_WRONG_USE: the file cannot be read (printed). Release it in any
 * case. */
int cli_source_load(const struct cli *cli, const char *path, bool is_strict,
                    struct cli_source *source);
void cli_source_release(struct cli_source *source);
/* The diagnostics as text, a line each, in colour on a terminal. */
void cli_source_print(const struct cli *cli, const struct cli_source *source, FILE *out);

#endif
