/*
 * channel_parts.h: what the files of the invoker of notifications share with each other and nobody
 * else.
 *
 *   channel.c          the invoker: which channel, the queue, the time-out, the figures
 *   channel_command.c  one command: spawned, watched, killed
 *   channel_body.c     {{ path }} and ${secret:NAME} filled in
 *
 * The life of a sending; it is in the table of tickets from start to end:
 *
 *   start ──► WAITING ──► RUNNING (a command) ───────────► ended
 *      │         └────────────── time-out ─────────────────► ▲
 *      ├──► POSTED (with the HTTP invoker) ────────────────► ┤
 *      └──► BARRED (cannot be sent) ──── next turn ────────► ┘
 */
#ifndef SK_INVOKE_CHANNEL_PARTS_H
#define SK_INVOKE_CHANNEL_PARTS_H

#include "base/arena.h"
#include "base/list.h"
#include "invoke/channel.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <sys/types.h>
/* Out of memory is an answer, not the end of the process: hh.tbl is then NULL after HASH_ADD. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct sk_channel_invoker;

enum sk_sending_place {
    SK_SENDING_WAITING,
    SK_SENDING_RUNNING,
    SK_SENDING_POSTED,
    SK_SENDING_BARRED
};
enum { SK_COMMAND_SAID_MAX = 512 };

/* One running command. */
struct sk_command_run {
    pid_t pid;
    int pid_fd, said_fd;
    struct event on_exit, on_said;
    char said[SK_COMMAND_SAID_MAX]; /* the beginning of its standard error */
    size_t said_size;
};

struct sk_sending {
    UT_hash_handle hh;   /* by ticket */
    struct sk_list link; /* in invoker->waiting */
    struct sk_channel_invoker *invoker;
    enum sk_sending_place place;
    uint32_t type;                    /* index of the types */
    const struct sk_channel *channel; /* NULL: BARRED, or a webhook without configuration */
    uint64_t ticket;
    sk_invoke_done *done;
    void *context;
    struct event timer; /* the time-out; for BARRED the next turn */
    struct sk_arena arena;
    struct sk_str key, input; /* of a command */
    struct sk_command_run run;
    const char *why; /* BARRED: code */
    char message[256];
};

struct sk_channel_type {
    const struct sk_channel *channel; /* NULL = not configured */
    _Atomic uint64_t sent, failed;    /* these are read by other loops, too: sk_channel_figures */
    _Atomic uint32_t in_flight, waiting;
};

struct sk_channel_invoker {
    struct sk_invoker port; /* first */
    struct sk_channel_options options;
    _Atomic uint32_t told; /* where the options name no other */
    struct sk_channel_type types[SK_CHANNEL_TYPES_COUNT];
    struct sk_sending *sendings; /* uthash by ticket */
    struct sk_list waiting;
    uint32_t waiting_count, running_count;
};

/* channel_command.c. SKALD_OK: sk_sending_exited will come from the loop, once. */
enum skald_status sk_command_spawn(struct sk_sending *sending) SK_MUST_CHECK;
/* Kills it with its children, and waits for it; nothing comes any more. */
void sk_command_kill(struct sk_sending *sending);
/* channel.c: the command has ended: its exit code, or the signal that ended it. */
void sk_sending_exited(struct sk_sending *sending, bool is_signal, int number);

/* channel_body.c: appends `text` with {{ path }} and ${secret:NAME} filled in; false: a secret is
 * missing (its name in *out_name). In a URL values are percent-encoded and secrets are left to
 * whoever sends; in JSON they are escaped, and a string that is one {{ path }} becomes the
 * value. */
enum sk_filling { SK_FILL_URL, SK_FILL_JSON };
bool sk_channel_fill(const struct sk_channel_options *options, struct sk_str text,
                     struct sk_str notification, enum sk_filling filling, struct sk_buf *out,
                     struct sk_str *out_name);

#endif
