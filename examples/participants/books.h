/*
 * books.h: what the sample participants have done, in one SQLite file: papers (orders, payments,
 * shipments, audit notes), stock, accounts, and a ledger of every effect and every undo.
 *
 *   B1  An effect, its ledger lines and its guard row (<skald/guard.h>) are one transaction.
 *   B2  The ledger has no unique key on purpose: if the guard ever let an effect happen twice, the
 *       ledger would show it. tests/chaos reads it.
 *   B3  Money is whole cents.
 *
 * Not here: HTTP, faults (participants.c).
 */
#ifndef EXAMPLE_BOOKS_H
#define EXAMPLE_BOOKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct books;

struct books_request {
    const char *path;        /* "/stock/reserve" */
    const char *key;         /* Idempotency-Key as it came */
    const char *saga, *step; /* for the ledger; may be "" */
    const char *deadline;    /* Skald-Deadline; "" = none */
    json_t *body;            /* an object */
};

struct books_answer {
    int status;   /* HTTP */
    json_t *body; /* the caller's */
};

/* Opens or makes the file; `stock` > 0 sets the pieces of every item in new books. NULL: printed
 * why. */
struct books *books_open(const char *path, int64_t stock);
void books_close(struct books *books);

/* Is there such a path? Does it undo? */
bool books_knows(const char *path, bool *out_is_undo);
/* Carries the request out, once per key, under the guard. */
struct books_answer books_do(struct books *books, const struct books_request *request);
/* {"error":{"code":…,"message":…}} */
struct books_answer books_no(int status, const char *code, const char *message);
/* The totals. */
json_t *books_totals(struct books *books);

#endif
