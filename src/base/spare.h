/*
 * spare.h: a pool is a list of objects that were given back, each by a node of its own. Here is how
 * they come and go, so that no pool hides a use after the giving back (poison.h): all but the node
 * is poisoned. The owner bounds its pool, and says what a new object needs and what an old one
 * keeps.
 *
 * The last one that came is the first to go, for it is in the processor's cache; under the address
 * sanitizer the first one, so that what is given back stays poisoned for long.
 */
#ifndef SK_BASE_SPARE_H
#define SK_BASE_SPARE_H

#include "base/list.h"
#include "base/poison.h"

static inline void sk_spare_put(struct sk_list *spares, void *object, size_t size,
                                struct sk_list *node)
{
#ifdef SK_HAS_POISON
    sk_list_push(spares, node);
#else
    sk_list_push_front(spares, node);
#endif
    sk_poison(object, size);
    sk_unpoison(node, sizeof *node);
}

/* NULL: there is none. node_offset: of the node in the object. */
static inline void *sk_spare_take(struct sk_list *spares, size_t size, size_t node_offset)
{
    if (sk_list_is_empty(spares)) return NULL;
    struct sk_list *node = spares->next;
    sk_list_remove(node);
    void *object = (char *)node - node_offset;
    sk_unpoison(object, size);
    return object;
}

#define SK_SPARE_PUT(spares, object, node) \
    sk_spare_put((spares), (object), sizeof *(object), &(object)->node)
#define SK_SPARE_TAKE(spares, type, node) \
    ((type *)sk_spare_take((spares), sizeof(type), offsetof(type, node)))

#endif
