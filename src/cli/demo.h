/* demo.h: what cmd_demo.c (the show) and demo_books.c (the books at its end) share. */
#ifndef SK_CLI_DEMO_H
#define SK_CLI_DEMO_H

#include "cli/client.h"
#include "cli/process.h"
#include "cli/table.h"
#include "cli/tree.h"

#include <limits.h>
#include <signal.h>

struct demo {
    const struct cli *cli;
    bool once, keep;
    int64_t delay_ms;
    const char *examples;
    char folder[PATH_MAX], examples_found[PATH_MAX], path[PATH_MAX];
    char binary[PATH_MAX], participants_binary[PATH_MAX];
    struct cli_process participants, server;
    sigset_t signals;
    bool is_serving; /* atomic */
};

/* Prints the participants' books; false when they are not what the show must leave. */
bool demo_show_books(struct demo *demo);

#endif
