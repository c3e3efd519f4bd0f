/*
 * console.h: the web console: files that the build made from console/ and that lie in the binary.
 * A build without them (no npm, SKALD_CONSOLE=OFF) has none; `/` then says so.
 *
 *   N1  The only paths are "/" and what begins with "/console/": they are no routes of the API, and
 *       no file of the machine is ever opened.
 *   N2  The page may ask this server alone: no script, style, picture or connection comes from
 *       elsewhere, and no other page may put it into a frame.
 */
#ifndef SK_API_CONSOLE_H
#define SK_API_CONSOLE_H

#include "base/str.h"

struct sk_exchange;

struct sk_console_file {
    const char *path;            /* "/console/app.1a2b3c4d.js"; "/" is the page */
    const char *type;            /* its Content-Type */
    const char *etag;            /* weak, for plain and packed share it: W/"1a2b" */
    bool is_lasting;             /* its content never changes under this path */
    struct sk_str plain, packed; /* as it is, and as gzip */
};
/* Written by scripts/console. */
extern const struct sk_console_file sk_console_files[];
extern const size_t sk_console_files_count;

/* The file at this path; NULL = none. */
const struct sk_console_file *sk_console_find(struct sk_str path);
/* Whether Accept-Encoding takes gzip. */
bool sk_console_takes_gzip(struct sk_str accept_encoding);
/* Whether If-None-Match names this ETag. */
bool sk_console_is_known(struct sk_str if_none_match, const char *etag);
/* Answers a GET or HEAD below /console/; false: it is none, and nothing has been answered. */
bool sk_console_take(struct sk_exchange *x);
/* Answers "/" with the page; false: this build has none. */
bool sk_console_page(struct sk_exchange *x);

#endif
