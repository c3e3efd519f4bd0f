/* id.h: ids of sagas and of definitions. */
#ifndef SK_BASE_ID_H
#define SK_BASE_ID_H

#include "base/limits.h"
#include "base/str.h"

enum { SK_UUID_TEXT_SIZE = 37 };

/* 1–200 of A-Z a-z 0-9 - _ : (what a client may give). */
bool sk_id_is_client(struct sk_str id);
/* A saga's id as the engine knows it: client ids, and children's
 * "<parent>.<step>[.<item>][~r<n>]". */
bool sk_id_is_saga(struct sk_str id);
/* ^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$, ≤ 100: definitions and steps. */
bool sk_id_is_name(struct sk_str id);
/* UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits. */
void sk_uuid7_format(int64_t at_ms, const uint8_t random[10], char out[SK_UUID_TEXT_SIZE]);

#endif
