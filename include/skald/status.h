/*
 * status.h: what a call may return, and what the caller can do about it.
 *
 * One list gives number, name, class and text of every status; a retired number is never used
 * again. Callers switch on the class (the remedy), not on the number. Detail goes into an optional,
 * caller-owned skald_error, which is left untouched on success.
 */
#ifndef SKALD_STATUS_H
#define SKALD_STATUS_H

#ifndef SKALD_API
#if defined(__GNUC__)
#define SKALD_API __attribute__((visibility("default")))
#else
#define SKALD_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The remedy. */
enum skald_class {
    SKALD_CLASS_OK,
    SKALD_CLASS_USAGE,      /* the caller asked for something wrong: change the call */
    SKALD_CLASS_RETRY,      /* nothing happened: the same call may succeed later */
    SKALD_CLASS_COMPENSATE, /* a clear business "no" */
    SKALD_CLASS_UNKNOWN,    /* it may or may not have happened: look before repeating */
    SKALD_CLASS_FATAL       /* this handle is of no use any more: close it */
};

/* name, number, class, text */
#define SKALD_STATUS_MAP(X)                                                      \
    X(SKALD_OK, 0, OK, "success")                                                \
    X(SKALD_E_ARGUMENT, -101, USAGE, "invalid argument")                         \
    X(SKALD_E_LIMIT, -102, RETRY, "a configured limit is reached")               \
    X(SKALD_E_MEMORY, -103, RETRY, "out of memory")                              \
    X(SKALD_E_NOT_FOUND, -104, USAGE, "not found")                               \
    X(SKALD_E_CONFLICT, -105, USAGE, "conflicts with what is already there")     \
    X(SKALD_E_STATE, -106, USAGE, "not possible in the present state")           \
    X(SKALD_E_SYNTAX, -107, USAGE, "malformed text")                             \
    X(SKALD_E_INVALID, -108, USAGE, "the definition is not valid")               \
    X(SKALD_E_UNSUPPORTED, -109, USAGE, "not part of this build")                \
    X(SKALD_E_TOO_LARGE, -110, USAGE, "larger than a limit allows")              \
    X(SKALD_E_AGAIN, -201, RETRY, "not possible now; try again later")           \
    X(SKALD_E_CLOSED, -202, RETRY, "closed or closing")                          \
    X(SKALD_E_FENCED, -203, RETRY, "another owner has taken over")               \
    X(SKALD_E_BUSY, -204, RETRY, "in use by another process")                    \
    X(SKALD_E_FULL, -205, RETRY, "no space left")                                \
    X(SKALD_E_TIMEOUT, -206, RETRY, "the time ran out")                          \
    X(SKALD_E_FAILED, -301, COMPENSATE, "the participant said no")               \
    X(SKALD_E_NO_REPLY, -302, UNKNOWN, "no usable answer; it may have happened") \
    X(SKALD_E_IO, -401, FATAL, "input or output error")                          \
    X(SKALD_E_CORRUPT, -402, FATAL, "damaged data")                              \
    X(SKALD_E_VERSION, -403, FATAL, "written by a newer version")                \
    X(SKALD_E_INTERNAL, -404, FATAL, "internal error")

enum skald_status {
#define X(name, code, class_, text) name = (code),
    SKALD_STATUS_MAP(X)
#undef X
};

enum { SKALD_ERROR_MESSAGE_SIZE = 512 };

/* Owned by the caller; written only on failure. The message is wrapped outward:
 * "open store: orders.db: disk I/O error". Always NUL-terminated UTF-8. */
typedef struct skald_error {
    enum skald_status status;
    char message[SKALD_ERROR_MESSAGE_SIZE];
} skald_error;

/* The class of a status; an unknown number (from a newer library) is FATAL. */
SKALD_API enum skald_class skald_status_class(enum skald_status status);
/* The name ("SKALD_E_LIMIT") and the text of a status; static storage. */
SKALD_API const char *skald_status_name(enum skald_status status);
SKALD_API const char *skald_status_text(enum skald_status status);

#ifdef __cplusplus
}
#endif
#endif
