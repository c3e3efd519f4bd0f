/*
 * table.h: uthash as the engine uses it: hashed by siphash (ids come from clients), memory from
 * sk_alloc, and running out of memory is an answer. Iteration is in order of insertion, so it is
 * the same in every run of one seed.
 */
#ifndef SK_ENGINE_TABLE_H
#define SK_ENGINE_TABLE_H

#include "base/arena.h"
#include "base/hash.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) sk_alloc(size)
#define uthash_free(pointer, size) sk_free(pointer)
#define HASH_FUNCTION(key, size, out) \
    ((out) = (unsigned)sk_hash_id((struct sk_str){ (const char *)(key), (size) }))
#include <uthash.h>

/* Adds by a text key; false: out of memory, and the item is in no table. */
#define SK_TABLE_ADD(table, item, text, out_is_added)                   \
    do {                                                                \
        HASH_ADD_KEYPTR(hh, (table), (text).data, (text).size, (item)); \
        (out_is_added) = (item)->hh.tbl != NULL;                        \
    } while (0)
#define SK_TABLE_FIND(table, text, out_item) \
    HASH_FIND(hh, (table), (text).data, (text).size, (out_item))
/* The same for who has hashed the text already: `hash` is sk_hash_id of it. */
#define SK_TABLE_ADD_AT(table, item, text, hash, out_is_added)                               \
    do {                                                                                     \
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, (table), (text).data, (text).size, (unsigned)(hash), \
                                    (item));                                                 \
        (out_is_added) = (item)->hh.tbl != NULL;                                             \
    } while (0)
#define SK_TABLE_FIND_AT(table, text, hash, out_item) \
    HASH_FIND_BYHASHVALUE(hh, (table), (text).data, (text).size, (unsigned)(hash), (out_item))
#define SK_TABLE_REMOVE(table, item) HASH_DELETE(hh, (table), (item))

#endif
