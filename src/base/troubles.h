/*
 * troubles.h: what every name means that an error carries, what to check, and what helps: the kinds
 * of problems of the API, the codes of diagnostics, of outcomes and alerts, the notices in the log,
 * what the command line says, the statuses of the library.
 * One table for `skald trouble`, the page docs/troubleshooting.md and the API's /problems/….
 */
#ifndef SK_BASE_TROUBLES_H
#define SK_BASE_TROUBLES_H

#include "base/buf.h"

enum sk_trouble_kind {
    SK_TROUBLE_PROBLEM,    /* the end of a problem's type: "store-full" */
    SK_TROUBLE_DEFINITION, /* a diagnostic's code: "unknown_key" */
    SK_TROUBLE_OUTCOME,    /* error.code of a step, an alert's code: "timeout" */
    SK_TROUBLE_NOTICE,     /* an event of the log that belongs to no step: "store.degraded" */
    SK_TROUBLE_COMMAND,    /* what the command line says without a server: "wrong-use" */
    SK_TROUBLE_STATUS      /* enum skald_status by name: "SKALD_E_BUSY" */
};
const char *sk_trouble_kind_name(enum sk_trouble_kind kind);

struct sk_trouble {
    enum sk_trouble_kind kind;
    const char *name, *means;
    const char *check; /* NULL = nothing beyond what the message names */
    const char *remedy;
};

/* All of them; static storage. */
const struct sk_trouble *sk_troubles(size_t *out_count);
/* The first of this name after `after` (NULL = from the start); NULL = none. */
const struct sk_trouble *sk_trouble_next(struct sk_str name, const struct sk_trouble *after);
/* Appends the page. */
void sk_troubles_markdown(struct sk_buf *out);

#endif
