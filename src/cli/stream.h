/*
 * stream.h: follows a stream of the server (Server-Sent Events): one callback for each event. A
 * stream outlives its server: when it breaks off it is taken up again where it ended.
 */
#ifndef SK_CLI_STREAM_H
#define SK_CLI_STREAM_H

#include "cli/client.h"

/* False ends the following. `data` is the event's JSON in one line, borrowed. */
typedef bool cli_stream_fn(void *context, struct sk_str data);

struct cli_stream {
    const char *path; /* escaped, with its query */
    cli_stream_fn *fn;
    void *context;
    int64_t timeout_ms;  /* the whole following; 0 = to its end */
    int64_t patience_ms; /* how long a server may be out of reach; 0 = 30 s */
};

/* CLI_GO_ON: the stream has come to its end, `fn` said so or the time is over; else the exit code,
 * after a message. */
int cli_stream_follow(const struct cli *cli, const struct cli_client *client,
                      const struct cli_stream *stream);

#endif
