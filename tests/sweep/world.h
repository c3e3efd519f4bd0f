/*
 * world.h: one engine with its API on the real SQLite store, in virtual time, in this thread: what
 * a server is but for sockets and clocks. Requests go the way that clients' requests go.
 */
#ifndef SWEEP_WORLD_H
#define SWEEP_WORLD_H

#include "loop.h"

#include "api/local.h"
#include "base/buf.h"

enum { WORLD_BODY_SIZE = 16384, WORLD_TEXT_SIZE = 512, WORLD_ENDS_MAX = 64 };

struct world_end {
    char saga[128];
    bool is_over;
};

struct world {
    char path[WORLD_TEXT_SIZE]; /* of the store's file, or the journal's folder */
    bool is_journal;
    int64_t now_ms; /* goes on over openings */
    bool is_open;
    bool is_broken;                        /* the engine said that it stops: "store.broken" */
    char why[WORLD_TEXT_SIZE];             /* … and why */
    struct world_end ends[WORLD_ENDS_MAX]; /* what the observers were told */
    uint32_t ends_count;

    struct loop *loop;
    struct sk_store *store;
    struct sk_engine *engine;
    struct sk_api *api;
    bool is_loud; /* prints the log */
};

/* Opens the store and the engine, and waits until sagas are served. What failed is taken down
 * again. */
enum skald_status world_open(struct world *world, skald_error *error);
/* Stops gracefully and takes everything down; what is broken too. */
void world_close(struct world *world);
/* Time passes, and everything in it happens. */
void world_run(struct world *world, int64_t ms);

/* A request: the HTTP status (0: no answer, for the API is going down; -1: no memory for the
 * question) and, NUL-terminated and cut, what was answered. */
int world_ask(struct world *world, enum sk_http_method method, const char *path, const char *type,
              const char *body, char *out_body, size_t size);
/* The observers were told that this saga is over. */
bool world_is_over(const struct world *world, const char *saga);
/* Known from elsewhere: it ended in an earlier life. */
void world_end_known(struct world *world, const char *saga);

#endif
