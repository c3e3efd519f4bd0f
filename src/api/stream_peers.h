/*
 * stream_peers.h: streams of one loop and events of another. Each loop that has streams tells its
 * siblings so, and is told from then on what became durable there; what is sent is still read from
 * the store (T1), so nothing here needs to arrive twice or in order.
 *
 *       loop with streams                          its siblings
 *       the first stream ────── "tell me" ───────► noted
 *       all streams look ◄───── "heard" ──────────  what came before can be read
 *       woken            ◄───── news, once a turn ─ events became durable
 *       no stream is left ───── "no more" ───────► forgotten
 *
 *   V1  Whatever could not be told for want of memory becomes "anything may have happened", told
 *       again with the next beat.
 *   V2  News of one turn are one note, bounded; beyond it they are "anything" too.
 */
#ifndef SK_API_STREAM_PEERS_H
#define SK_API_STREAM_PEERS_H

#include "api/stream.h"

struct sk_stream_peers;

/* NULL: out of memory. Only for an API that has peers. */
struct sk_stream_peers *sk_stream_peers_new(struct sk_api *api);
void sk_stream_peers_free(struct sk_stream_peers *sp); /* NULL is fine */
/* There are streams here, or none any more; also with each beat. */
void sk_stream_peers_listen(struct sk_stream_peers *sp, bool has_streams);
/* An event is durable here. True: somebody is to be told at the end of the turn. */
bool sk_stream_peers_note(struct sk_stream_peers *sp, const struct sk_stream_news *news);
/* An observation stands in the ring of all loops; the same. */
bool sk_stream_peers_note_observation(struct sk_stream_peers *sp);
/* The end of the turn, and each beat. */
void sk_stream_peers_tell(struct sk_stream_peers *sp);

#endif
