/*
 * world.h: what the tests of the DSL share: a world with a fixed environment and virtual files to
 * include, and a plan as text.
 */
#ifndef SKT_DSL_WORLD_H
#define SKT_DSL_WORLD_H

#include "dsl/dsl.h"

enum { SKT_FILES_MAX = 16 };

/* HOST=example.org COUNT=3 EMPTY= TRICK=${HOST} DOLLAR=$ BAD=<control> LONG=<text of 9 MB>. */
struct skt_world {
    struct sk_dsl_options options; /* its context is the world */
    struct {
        struct sk_str path, bytes;
    } files[SKT_FILES_MAX];
    size_t files_count;
};

void skt_world_init(struct skt_world *world);
void skt_world_file(struct skt_world *world, struct sk_str path, struct sk_str bytes);

/* Compiles, and appends the printed diagnostics; the plan is the caller's, NULL unless SKALD_OK. */
struct sk_plan *skt_compile(struct skt_world *world, struct sk_str source, struct sk_buf *out_text);
/* Every given and derived field, one fact a line. */
void skt_dump_plan(const struct sk_plan *plan, struct sk_buf *out);

#endif
