/*
 * doors.h: the API of a node: one sk_api on each of its loops, which pass on to each other what
 * concerns another loop's sagas (api/forward.h). With an address they listen on it, all on the same
 * port; without one they are the local door of a program (api/local.h), which asks the first.
 *
 *   sk_doors_new ─► sk_doors_open … loops … sk_doors_stop ─► sk_doors_drain ─► sk_doors_free
 *
 *   D1  An API is made and freed on its loop, or while that does not run.
 *   D2  All are made before the first listens: a request finds the APIs that it is passed on to.
 */
#ifndef SK_SKALD_DOORS_H
#define SK_SKALD_DOORS_H

#include "api/api.h"
#include "skald/assemble.h"

struct sk_doors;

/* Nothing is made yet. Of the options all but those of a loop: base, engine, runtime, limiter,
 * peers, member, is_open; what bounds connections is shared by the loops (streams they count
 * together). The host is copied. NULL: out of memory. */
struct sk_doors *sk_doors_new(struct sk_node *node, const struct sk_api_options *options);
/* Both on the loop of this number, or while it does not run: all are made, then all listen, the
 * first one first. Port 0: the first finds one, the others take it. */
enum skald_status sk_doors_make(struct sk_doors *doors, uint32_t loop,
                                skald_error *error) SK_MUST_CHECK;
enum skald_status sk_doors_listen(struct sk_doors *doors, uint32_t loop, uint16_t port,
                                  skald_error *error) SK_MUST_CHECK;
/* All of both, while no loop runs. */
enum skald_status sk_doors_open(struct sk_doors *doors, uint16_t port,
                                skald_error *error) SK_MUST_CHECK;
/* 0 before they listen. */
uint16_t sk_doors_port(const struct sk_doors *doors);
/* Of the first loop; for api/local.h. */
struct sk_api *sk_doors_first(struct sk_doors *doors);

/* On the first loop: no new connections, on any. */
void sk_doors_stop(struct sk_doors *doors);
/* After that, on the first loop: `done` once all replies have been written, or after a moment. */
void sk_doors_drain(struct sk_doors *doors, void (*done)(void *context), void *context);
/* One API, as sk_doors_make; it may not have been asked anything. */
void sk_doors_unmake(struct sk_doors *doors, uint32_t loop);
/* After sk_node_close, before sk_node_free. NULL is fine. */
void sk_doors_free(struct sk_doors *doors);

#endif
