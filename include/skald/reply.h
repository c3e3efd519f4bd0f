/*
 * reply.h: what an operation answers: the JSON document of the HTTP API (docs/http-api.md), with
 * readers by path.
 *
 * Ownership: a reply is the caller's; skald_reply_free. Texts read from it are the reply's and end
 * with it. Threads: one reply is used by one thread at a time.
 *
 * Paths: names separated by dots, `[n]` for the n-th element from 0: "error.code",
 * "steps[0].state", "items[2].id". A name that is not there, and null, read as nothing.
 */
#ifndef SKALD_REPLY_H
#define SKALD_REPLY_H

#include <skald/api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_reply skald_reply;

/* A saga's state. Order and numbers stand for ever. */
enum skald_state {
    SKALD_STATE_NONE, /* the reply is no saga */
    SKALD_STATE_PENDING,
    SKALD_STATE_RUNNING,
    SKALD_STATE_COMPLETED,
    SKALD_STATE_COMPENSATING,
    SKALD_STATE_COMPENSATED,
    SKALD_STATE_FAILED,
    SKALD_STATE_CANCELLED,
    SKALD_STATE_TIMED_OUT,
    SKALD_STATE_SUSPENDED
};

/* NULL is fine. */
SKALD_API void skald_reply_free(skald_reply *reply);

/* The whole document, NUL-terminated; *out_size (may be NULL) without the NUL. Never NULL. */
SKALD_API const char *skald_reply_json(const skald_reply *reply, size_t *out_size);
/* The status that HTTP would have said: 200, 201 (new), 202 (a cancel that the pivot decides on),
 * 404, 409 … */
SKALD_API int skald_reply_status(const skald_reply *reply);
/* It had been done before, by the same id or idempotency key; nothing was done now. */
SKALD_API bool skald_reply_is_replayed(const skald_reply *reply);
/* With SKALD_E_AGAIN and SKALD_E_LIMIT: milliseconds after which to try again; 0 = none named. */
SKALD_API int64_t skald_reply_retry_after_ms(const skald_reply *reply);

/* The text at a path: a string without its quotes and escapes, any other value as JSON. NULL when
 * there is nothing, and when memory is short. */
SKALD_API const char *skald_reply_text(skald_reply *reply, const char *path);
/* The value at a path as JSON, with the quotes of a string. NULL when there is nothing. "" is the
 * path of the whole. */
SKALD_API const char *skald_reply_value(skald_reply *reply, const char *path);
/* false, and *out_number untouched, when there is no number (or, integer, none that fits). */
SKALD_API bool skald_reply_number(const skald_reply *reply, const char *path, double *out_number);
SKALD_API bool skald_reply_integer(const skald_reply *reply, const char *path, int64_t *out_number);
/* true only for a true. */
SKALD_API bool skald_reply_flag(const skald_reply *reply, const char *path);
/* Elements of a list or members of an object; 0 for anything else. */
SKALD_API size_t skald_reply_count(const skald_reply *reply, const char *path);

/* Of a saga: "id" and "state". */
SKALD_API const char *skald_reply_id(skald_reply *reply);
SKALD_API enum skald_state skald_reply_state(const skald_reply *reply);
/* "completed"; static. "" for SKALD_STATE_NONE. */
SKALD_API const char *skald_state_name(enum skald_state state);
/* completed, compensated, failed, cancelled, timed_out. */
SKALD_API bool skald_state_is_end(enum skald_state state);

#ifdef __cplusplus
}
#endif
#endif
