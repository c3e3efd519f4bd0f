/* names.c: see api_private.h. */
#include "api/api_private.h"

#define HASH_NONFATAL_OOM 1
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
    void (*then_steps)(struct sk_exchange *x);
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
        if (!row->arena.failed) HASH_ADD(hh, x->api->names, digest.bytes, SK_DIGEST_SIZE, row);
        known = row->hh.tbl == NULL ? NULL : row;
    }
    if (known != row) { /* no memory, or another exchange was quicker */
        sk_arena_release(&row->arena);
        sk_free(row);
    }
    if (known == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
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

/* ---- steps ----------------------------------------------------------------------------------- */

static void keep_steps(struct sk_name_row *row, const struct sk_plan *plan)
{
    uint32_t count = plan->steps_count;
    struct sk_str *steps = SK_ARENA_ARRAY(&row->arena, struct sk_str, count + 1);
    for (uint32_t i = 0; steps != NULL && i < count; i++) {
        steps[i] = sk_arena_copy(&row->arena, plan->steps[i].id);
    }
    if (row->arena.failed) return;
    row->name.steps = steps;
    row->name.steps_count = count;
}

/* A plan that cannot be had (a step type that is not in this build) costs the names only. */
static void on_plan(void *context, enum skald_status status, const struct sk_plan *plan,
                    const skald_error *error)
{
    (void)error;
    struct learning *learning = context;
    struct sk_name_row *row = NULL;
    HASH_FIND(hh, learning->x->api->names, learning->digest.bytes, SK_DIGEST_SIZE, row);
    if (row != NULL && !row->name.has_steps) {
        row->name.has_steps = true;
        if (status == SKALD_OK) keep_steps(row, plan);
    }
    learning->then_steps(learning->x);
}

static void learn_steps(struct sk_exchange *x)
{
    struct learning *learning = x->learning;
    sk_engine_plan(sk_engine_of(x), &learning->digest, (struct sk_str){ 0 }, (struct sk_str){ 0 },
                   on_plan, learning);
}

void sk_name_learn_steps(struct sk_exchange *x, const struct sk_digest *digest,
                         void (*then)(struct sk_exchange *x))
{
    struct learning *learning = SK_ARENA_NEW(&x->arena, struct learning);
    if (learning == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    *learning = (struct learning){ .x = x, .digest = *digest, .then_steps = then };
    x->learning = learning;
    sk_name_learn(x, digest, learn_steps);
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
