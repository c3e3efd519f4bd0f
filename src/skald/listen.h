/* listen.h: where a server listens, as people write it. */
#ifndef SK_SKALD_LISTEN_H
#define SK_SKALD_LISTEN_H

#include "base/error.h"
#include "base/str.h"

enum { SK_HOST_SIZE_MAX = 256 };

struct sk_listen {
    char host[SK_HOST_SIZE_MAX]; /* without brackets, ends with a NUL */
    uint16_t port;               /* 0 = any free one */
};

/* "8080", ":8080", "host:8080", "[::1]:8080"; without a host 127.0.0.1. SKALD_E_ARGUMENT. */
enum skald_status sk_listen_read(struct sk_str text, struct sk_listen *out_listen,
                                 skald_error *error) SK_MUST_CHECK;

#endif
