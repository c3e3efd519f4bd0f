/* error.h: filling and wrapping a skald_error. `error` may always be NULL. */
#ifndef SK_BASE_ERROR_H
#define SK_BASE_ERROR_H

#include <skald/status.h>

#define SK_MUST_CHECK __attribute__((warn_unused_result))
#define SK_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Sets status and message (cut at the buffer's end, never inside a UTF-8 sequence); returns
 * status. */
enum skald_status sk_error_set(skald_error *error, enum skald_status status, const char *format,
                               ...) SK_PRINTF(3, 4);
/* Puts "prefix: " in front of the present message; returns the status it holds
 * (SKALD_E_INTERNAL for NULL: where the error is optional, keep the status beside it). */
enum skald_status sk_error_wrap(skald_error *error, const char *format, ...) SK_PRINTF(2, 3);

/* This status and no words yet: on the hot path, where zeroing all of it would show. */
static inline void sk_error_begin(skald_error *error, enum skald_status status)
{
    error->status = status;
    error->message[0] = '\0';
}

#endif
