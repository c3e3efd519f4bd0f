/* tickets.c: see tickets.h. */
#include "base/tickets.h"

#include "base/arena.h"
#include "base/assert.h"

enum { BUCKETS_MIN = 64 };

static struct sk_ticket **bucket_of(const struct sk_tickets *tickets, uint64_t number)
{
    return &tickets->buckets[number & (tickets->buckets_count - 1)];
}

void sk_tickets_release(struct sk_tickets *tickets)
{
    sk_free((void *)tickets->buckets);
    *tickets = (struct sk_tickets){ 0 };
}

static void grow(struct sk_tickets *tickets)
{
    size_t count = tickets->buckets_count == 0 ? BUCKETS_MIN : tickets->buckets_count * 2;
    struct sk_ticket **buckets = sk_alloc(count * sizeof *buckets);
    if (buckets == NULL) return;
    struct sk_tickets bigger = { buckets, count, tickets->count };
    for (size_t i = 0; i < tickets->buckets_count; i++) {
        while (tickets->buckets[i] != NULL) {
            struct sk_ticket *ticket = tickets->buckets[i];
            tickets->buckets[i] = ticket->next;
            struct sk_ticket **bucket = bucket_of(&bigger, ticket->number);
            ticket->next = *bucket;
            *bucket = ticket;
        }
    }
    sk_free((void *)tickets->buckets);
    *tickets = bigger;
}

enum skald_status sk_tickets_put(struct sk_tickets *tickets, struct sk_ticket *ticket,
                                 uint64_t number)
{
    SK_ASSERT(number != 0);
    if (tickets->count >= tickets->buckets_count) grow(tickets);
    if (tickets->buckets == NULL) return SKALD_E_MEMORY;
    struct sk_ticket **bucket = bucket_of(tickets, number);
    *ticket = (struct sk_ticket){ number, *bucket };
    *bucket = ticket;
    tickets->count += 1;
    return SKALD_OK;
}

struct sk_ticket *sk_tickets_find(const struct sk_tickets *tickets, uint64_t number)
{
    if (tickets->buckets == NULL) return NULL;
    struct sk_ticket *ticket = *bucket_of(tickets, number);
    while (ticket != NULL && ticket->number != number) ticket = ticket->next;
    return ticket;
}

void sk_tickets_remove(struct sk_tickets *tickets, struct sk_ticket *ticket)
{
    struct sk_ticket **at = bucket_of(tickets, ticket->number);
    while (*at != ticket) {
        SK_ASSERT(*at != NULL); /* it is in the table */
        at = &(*at)->next;
    }
    *at = ticket->next;
    *ticket = (struct sk_ticket){ 0 };
    tickets->count -= 1;
}

struct sk_ticket *sk_tickets_from(const struct sk_tickets *tickets, size_t *at)
{
    while (*at < tickets->buckets_count && tickets->buckets[*at] == NULL) *at += 1;
    return *at < tickets->buckets_count ? tickets->buckets[*at] : NULL;
}
