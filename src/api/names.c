/* names.c: see api_private.h. */
#include "api/api_private.h"

#include "base/assert.h"

#define uthash_fatal(message) sk_panic((message), __FILE__, __LINE__)

#include <uthash.h>

struct sk_name_row {
    struct sk_digest digest; /* the key */
    struct sk_definition_name name;
    struct sk_arena arena; /* of the texts */
    UT_hash_handle hh;
};

struct learning {
    struct sk_exchange *x;
    struct sk_digest digest;
    void (*then)(struct sk_exchange *x);
};

const struct sk_definition_name *sk_name_find(const struct sk_api *api,
                                              const struct sk_digest *digest)
{
    struct sk_name_row *row = NULL;
    HASH_FIND(hh, api->names, digest->bytes, SK_DIGEST_SIZE, row);
    return row == NULL ? NULL : &row->name;
}

static void on_read(void *context, struct sk_rows *rows)
{
    struct learning *learning = context;
    struct sk_exchange *x = learning->x;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    struct sk_name_row *row = sk_alloc(sizeof *row);
    if (row == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    *row = (struct sk_name_row){ .digest = learning->digest };
    sk_arena_init(&row->arena);
    if (rows->definitions_count > 0) {
        row->name.id = sk_arena_copy(&row->arena, rows->definitions[0].id);
        row->name.version = sk_arena_copy(&row->arena, rows->definitions[0].version);
    }
    struct sk_name_row *known = NULL;
    HASH_FIND(hh, x->api->names, row->digest.bytes, SK_DIGEST_SIZE, known);
    if (known == NULL) {
        HASH_ADD(hh, x->api->names, digest.bytes, SK_DIGEST_SIZE, row);
    } else { /* another exchange was quicker */
        sk_arena_release(&row->arena);
        sk_free(row);
    }
    learning->then(x);
}

void sk_name_learn(struct sk_exchange *x, const struct sk_digest *digest,
                   void (*then)(struct sk_exchange *x))
{
    if (sk_name_find(x->api, digest) != NULL) {
        then(x);
        return;
    }
    struct learning *learning = SK_ARENA_NEW(&x->arena, struct learning);
    if (learning == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    *learning = (struct learning){ .x = x, .digest = *digest, .then = then };
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .digest = &learning->digest, .limit = 1 };
    sk_engine_read(sk_engine_of(x), &read, on_read, learning);
}

void sk_names_free(struct sk_api *api)
{
    struct sk_name_row *row, *next;
    HASH_ITER(hh, api->names, row, next)
    {
        HASH_DEL(api->names, row);
        sk_arena_release(&row->arena);
        sk_free(row);
    }
}
