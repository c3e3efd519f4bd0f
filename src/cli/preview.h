/* preview.h: what a cancel would do, asked and printed; for `skald cancel --preview` and its
 * kin. */
#ifndef SK_CLI_PREVIEW_H
#define SK_CLI_PREVIEW_H

#include "cli/client.h"

struct cli_preview {
    const char *id;
    bool force, past_pivot;
};

/* CLI_DONE: it would be accepted; CLI_FAILED: refused, and the reason was printed; or another exit
 * code after a message. */
int cli_preview_show(const struct cli *cli, const struct cli_remote *remote,
                     const struct cli_preview *preview);

#endif
