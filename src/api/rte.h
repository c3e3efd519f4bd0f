/*
 * rte.h: the admin API of the RTE engine, for scripts and consoles written for it: ten paths under
 * /api, answered when compat.rte is set. The words of its states are those of core/state_words.h;
 * the names of its events stand in rte_events.c.
 */
#ifndef SK_API_RTE_H
#define SK_API_RTE_H

#include "api/ring.h"

/* The last events, by the names of that engine. */
extern const struct sk_ring_source sk_ring_rte;

#endif
