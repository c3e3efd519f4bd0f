/*
 * sum.h: a checksum of each event, so that a disk that changed it is found out when it is read.
 *
 * SQLite notices damage of its own structures and none of what it was given to keep. An event whose
 * sum differs is never handed on: it would be folded into a state that nobody decided. Sums guard
 * against accidents, not against people: there is no key in them.
 */
#ifndef SK_STORE_SQLITE_SUM_H
#define SK_STORE_SQLITE_SUM_H

#include "store/store.h"

/* `key` and `saga` are the row's (sk_sqlite_key). Fits the column: 0 … 2^32 - 1. */
int64_t sk_sqlite_sum(int64_t key, int64_t saga, const struct sk_event_row *row);

#endif
