/*
 * token_key.h: the key that signs pending tokens. It must be the same after a restart, or answers
 * that are still to come would be refused: so it lies in a file of its own beside the database,
 * readable by its owner only (docs/decisions/0004).
 */
#ifndef SK_SKALD_TOKEN_KEY_H
#define SK_SKALD_TOKEN_KEY_H

#include "base/error.h"
#include "runtime/runtime.h"

enum { SK_TOKEN_KEY_SIZE = 32 };

/* Reads the key from `path`, or draws one and writes it there durably. Errors name the file and the
 * remedy; a damaged file is an error and never overwritten. Blocks. */
enum skald_status sk_token_key_load(struct sk_runtime *runtime, const char *path,
                                    uint8_t out_key[SK_TOKEN_KEY_SIZE],
                                    skald_error *error) SK_MUST_CHECK;

#endif
