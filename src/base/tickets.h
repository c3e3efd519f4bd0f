/*
 * tickets.h: things found by a number that was counted up: a hash table whose chains run through
 * the things themselves. Numbers that follow each other fall into buckets of their own.
 *
 *   - A number is put in once at a time; 0 is none.
 *   - Only the first put needs memory: later ones find the chains longer instead.
 */
#ifndef SK_BASE_TICKETS_H
#define SK_BASE_TICKETS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct sk_ticket {
    uint64_t number;
    struct sk_ticket *next;
};

struct sk_tickets {
    struct sk_ticket **buckets;
    size_t buckets_count, count; /* buckets_count is 0 or a power of two */
};

/* Those that are in it are not touched. */
void sk_tickets_release(struct sk_tickets *tickets);
enum skald_status sk_tickets_put(struct sk_tickets *tickets, struct sk_ticket *ticket,
                                 uint64_t number) SK_MUST_CHECK;
/* NULL: it is not there. */
struct sk_ticket *sk_tickets_find(const struct sk_tickets *tickets, uint64_t number);
void sk_tickets_remove(struct sk_tickets *tickets, struct sk_ticket *ticket);
/* One of bucket *at or behind it, where it is left at; NULL: no more. For taking all out: begin
 * with 0. */
struct sk_ticket *sk_tickets_from(const struct sk_tickets *tickets, size_t *at);

#endif
