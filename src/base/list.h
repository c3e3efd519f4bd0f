/* list.h: an intrusive doubly linked ring. The head is a node of its own; an empty list points to
 * itself. */
#ifndef SK_BASE_LIST_H
#define SK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct sk_list {
    struct sk_list *prev, *next;
};

#define sk_container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void sk_list_init(struct sk_list *head)
{
    head->prev = head->next = head;
}
static inline bool sk_list_is_empty(const struct sk_list *head)
{
    return head->next == head;
}
static inline void sk_list_push(struct sk_list *head, struct sk_list *node) /* at the end */
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
static inline void sk_list_push_front(struct sk_list *head, struct sk_list *node)
{
    sk_list_push(head->next, node);
}
/* A node that is in no list may be removed again: it points to itself. */
static inline void sk_list_remove(struct sk_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    sk_list_init(node);
}
/* All of `from` behind what is in `to`; `from` is empty then. */
static inline void sk_list_move(struct sk_list *to, struct sk_list *from)
{
    if (sk_list_is_empty(from)) return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    sk_list_init(from);
}

#endif
