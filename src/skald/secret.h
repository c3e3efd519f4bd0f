/*
 * secret.h: the values behind `${secret:NAME}`: the environment's SKALD_SECRET_NAME, else the file
 * NAME of a folder (as Docker and Kubernetes mount them; one line end at its end is not part of
 * it). They are looked up each time they are used, so that a changed file is seen, and are never
 * kept, printed or stored.
 */
#ifndef SK_SKALD_SECRET_H
#define SK_SKALD_SECRET_H

#include "base/arena.h"
#include "base/buf.h"

enum { SK_SECRET_SIZE_MAX = 64 * 1024 };

/* Appends the value: true; false when there is none. `folder` may be NULL. */
bool sk_secret_read(const char *folder, struct sk_str name, struct sk_buf *out);
/* A text with `${secret:NAME}` in it, resolved. SKALD_E_NOT_FOUND names the secret. */
enum skald_status sk_secret_expand(const char *folder, struct sk_str text, struct sk_buf *out,
                                   skald_error *error) SK_MUST_CHECK;
/* A text of an option, in place: what holds a secret is replaced by its value in the arena. NULL
 * stays NULL. */
enum skald_status sk_secret_resolve(const char *folder, struct sk_arena *arena, const char **text,
                                    skald_error *error) SK_MUST_CHECK;

#endif
