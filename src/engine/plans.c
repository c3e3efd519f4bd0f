/*
 * plans.c: definitions known and plans compiled. All definitions are registered at open; a plan is
 * compiled when it is first needed, from the stored source, on a helper thread.
 *
 *   G1  A digest names one definition for ever; an entry is never removed while the engine lives.
 *   G2  plan->refs counts the machines that use it.
 *   G3  What is asked for while it is being read or compiled is answered once, for all who asked.
 *   G4  A source whose digest is another one was damaged in the store and is never compiled.
 */
#include "engine/engine_private.h"

struct compile {
    struct sk_shell *shell;
    struct sk_digest digest;
    struct sk_buf source;
    struct sk_dsl_options options;
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan;
    enum skald_status status;
};

struct lookup {
    struct sk_owned owned;
    sk_plan_fn *fn;
    void *context;
    struct sk_arena arena;
    struct sk_str id, version;
    struct sk_digest digest;
    bool has_digest, must_compile;
};

/* ---- the registry ---------------------------------------------------------------------------- */

static struct sk_plan_entry *find(struct sk_engine *engine, const struct sk_digest *digest)
{
    struct sk_plan_entry *entry = NULL;
    HASH_FIND(hh, engine->plans, digest->bytes, SK_DIGEST_SIZE, entry);
    return entry;
}

static void make_name(struct sk_str id, struct sk_str version, struct sk_buf *out)
{
    sk_buf_append_str(out, id);
    if (version.size == 0) return;
    sk_buf_append_char(out, '\n');
    sk_buf_append_str(out, version);
}

static struct sk_plan_entry *known(struct sk_engine *engine, struct sk_str id,
                                   struct sk_str version)
{
    struct sk_buf text;
    struct sk_plan_name *name = NULL;
    sk_buf_init(&text, 0);
    make_name(id, version, &text);
    struct sk_str view = sk_buf_view(&text);
    if (!text.failed) SK_TABLE_FIND(engine->plan_names, view, name);
    sk_buf_release(&text);
    return name == NULL ? NULL : name->entry;
}

bool sk_plans_knows(struct sk_engine *engine, struct sk_str id)
{
    return known(engine, id, SK_STR("")) != NULL;
}

static bool set_name(struct sk_engine *engine, struct sk_str id, struct sk_str version,
                     struct sk_plan_entry *entry)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    make_name(id, version, &text);
    struct sk_str view = sk_buf_view(&text);
    struct sk_plan_name *name = NULL;
    bool is_set = !text.failed;
    if (is_set) SK_TABLE_FIND(engine->plan_names, view, name);
    if (is_set && name == NULL) {
        name = sk_alloc(sizeof *name + view.size + 1);
        is_set = name != NULL;
        if (is_set) {
            memcpy(name->text, view.data, view.size);
            name->name = (struct sk_str){ name->text, view.size };
            SK_TABLE_ADD(engine->plan_names, name, name->name, is_set);
            if (!is_set) sk_free(name);
        }
    }
    if (is_set) name->entry = entry;
    sk_buf_release(&text);
    return is_set;
}

struct sk_plan_entry *sk_plans_add(struct sk_engine *engine, const struct sk_digest *digest,
                                   struct sk_str id, struct sk_str version, bool is_latest,
                                   bool *out_is_new)
{
    struct sk_plan_entry *entry = find(engine, digest);
    *out_is_new = entry == NULL;
    if (entry == NULL) {
        entry = sk_alloc(sizeof *entry + id.size + version.size + 2);
        if (entry == NULL) return NULL;
        entry->digest = *digest;
        sk_list_init(&entry->waiters);
        memcpy(entry->text, id.data, id.size);
        entry->id = (struct sk_str){ entry->text, id.size };
        if (version.size > 0) memcpy(entry->text + id.size + 1, version.data, version.size);
        entry->version = (struct sk_str){ entry->text + id.size + 1, version.size };
        HASH_ADD_KEYPTR(hh, engine->plans, entry->digest.bytes, SK_DIGEST_SIZE, entry);
        if (entry->hh.tbl == NULL) {
            sk_free(entry);
            return NULL;
        }
    }
    bool is_named = set_name(engine, id, version, entry);
    if (is_latest) is_named = set_name(engine, id, SK_STR(""), entry) && is_named;
    return is_named ? entry : NULL;
}

enum skald_status sk_plans_load(struct sk_engine *engine, const struct sk_rows *rows)
{
    for (uint32_t i = 0; i < rows->definitions_count; i++) {
        const struct sk_definition_row *row = &rows->definitions[i];
        bool is_new = false;
        if (sk_plans_add(engine, &row->digest, row->id, row->version, row->is_latest, &is_new) ==
            NULL) {
            return SKALD_E_MEMORY;
        }
    }
    return SKALD_OK;
}

/* ---- compiling ------------------------------------------------------------------------------- */

static void answer_all(struct sk_plan_entry *entry, enum skald_status status,
                       const skald_error *error)
{
    entry->is_loading = false;
    struct sk_list waiters;
    sk_list_init(&waiters);
    while (!sk_list_is_empty(&entry->waiters)) {
        struct sk_list *node = entry->waiters.next;
        sk_list_remove(node);
        sk_list_push(&waiters, node);
    }
    while (!sk_list_is_empty(&waiters)) {
        struct sk_plan_waiter *waiter = sk_container_of(waiters.next, struct sk_plan_waiter, node);
        sk_list_remove(&waiter->node);
        struct sk_plan_waiter copy = *waiter;
        sk_free(waiter);
        copy.fn(copy.context, status, entry, error);
    }
}

static void free_compile(struct compile *compile)
{
    sk_buf_release(&compile->source);
    sk_diagnostics_release(&compile->diagnostics);
    sk_plan_free(compile->plan);
    sk_shell_unref(compile->shell);
    sk_free(compile);
}

static void do_compile(void *context)
{
    struct compile *compile = context;
    struct sk_digest digest = sk_digest_of(sk_buf_view(&compile->source));
    if (!sk_digest_equal(&digest, &compile->digest)) { /* G4 */
        compile->status = SKALD_E_CORRUPT;
        return;
    }
    compile->status = sk_dsl_compile(sk_buf_view(&compile->source), &compile->options,
                                     &compile->plan, NULL, &compile->diagnostics);
}

static void on_compiled(void *context)
{
    struct compile *compile = context;
    struct sk_engine *engine = compile->shell->engine;
    if (engine == NULL) {
        free_compile(compile);
        return;
    }
    struct sk_plan_entry *entry = find(engine, &compile->digest);
    skald_error error = { .status = SKALD_OK };
    enum skald_status status = compile->status;
    if (status == SKALD_OK && entry->plan == NULL) {
        entry->plan = compile->plan;
        entry->plan->digest = entry->digest;
        compile->plan = NULL;
    } else if (status != SKALD_OK) {
        if (status != SKALD_E_MEMORY) status = SKALD_E_CORRUPT;
        (void)sk_error_set(&error, status,
                           "the stored definition %.*s cannot be compiled: it is damaged, or made "
                           "for a build with more in it",
                           SK_STR_ARGS(entry->id));
    }
    free_compile(compile);
    answer_all(entry, status, &error);
    sk_engine_turn(engine);
}

static void compile_source(struct sk_engine *engine, struct sk_plan_entry *entry,
                           struct sk_str source)
{
    struct compile *compile = sk_alloc(sizeof *compile);
    enum skald_status status = SKALD_E_MEMORY;
    if (compile != NULL) {
        compile->shell = sk_shell_ref(engine->shell);
        compile->digest = entry->digest;
        compile->options = engine->options.dsl;
        compile->options.file_name = SK_STR("stored definition");
        compile->options.is_strict = false;
        sk_diagnostics_init(&compile->diagnostics);
        sk_buf_init(&compile->source, 0);
        sk_buf_append_str(&compile->source, source);
        if (!compile->source.failed) {
            status =
                engine->runtime->ops->offload(engine->runtime, do_compile, on_compiled, compile);
        }
    }
    if (status == SKALD_OK) return;
    if (compile != NULL) free_compile(compile);
    skald_error error;
    (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
    answer_all(entry, SKALD_E_MEMORY, &error);
}

static void on_source(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct sk_plan_entry *entry = context;
    skald_error error = rows->error;
    if (rows->status != SKALD_OK) {
        answer_all(entry, rows->status, &error);
    } else if (rows->definitions_count == 0) {
        (void)sk_error_set(&error, SKALD_E_CORRUPT, "a definition is missing in the store");
        answer_all(entry, SKALD_E_CORRUPT, &error);
    } else {
        compile_source(engine, entry, rows->definitions[0].source);
    }
}

void sk_plans_compiled(struct sk_engine *engine, struct sk_plan_entry *entry, sk_plan_fn *fn,
                       void *context)
{
    if (entry->plan != NULL) {
        fn(context, SKALD_OK, entry, NULL);
        return;
    }
    struct sk_plan_waiter *waiter = sk_alloc(sizeof *waiter);
    if (waiter == NULL) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        fn(context, SKALD_E_MEMORY, NULL, &error);
        return;
    }
    waiter->fn = fn;
    waiter->context = context;
    sk_list_init(&waiter->node);
    sk_list_push(&entry->waiters, &waiter->node);
    if (entry->is_loading) return;
    entry->is_loading = true;
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .digest = &entry->digest };
    sk_engine_store_read(engine, &read, on_source, entry);
}

/* ---- finding --------------------------------------------------------------------------------- */

static void free_lookup(struct sk_owned *owned)
{
    struct lookup *lookup = sk_container_of(owned, struct lookup, owned);
    sk_arena_release(&lookup->arena);
    sk_free(lookup);
}

static void end_lookup(struct sk_engine *engine, struct lookup *lookup, struct sk_plan_entry *entry,
                       enum skald_status status, const skald_error *error)
{
    struct lookup copy = *lookup;
    sk_disown(&lookup->owned);
    sk_arena_release(&lookup->arena);
    sk_free(lookup);
    if (status == SKALD_OK && copy.must_compile) {
        sk_plans_compiled(engine, entry, copy.fn, copy.context);
    } else {
        copy.fn(copy.context, status, entry, error);
    }
}

/* Defined by another node meanwhile, or not at all. */
static void on_found(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct lookup *lookup = context;
    skald_error error = rows->error;
    if (rows->status != SKALD_OK) {
        end_lookup(engine, lookup, NULL, rows->status, &error);
        return;
    }
    enum skald_status status = sk_plans_load(engine, rows);
    struct sk_plan_entry *entry = lookup->has_digest ? find(engine, &lookup->digest)
                                                     : known(engine, lookup->id, lookup->version);
    if (entry == NULL && rows->definitions_count > 0 && !lookup->has_digest) {
        entry = find(engine, &rows->definitions[0].digest);
    }
    if (entry == NULL) {
        status = status != SKALD_OK   ? status
                 : lookup->has_digest ? SKALD_E_CORRUPT
                                      : SKALD_E_NOT_FOUND;
        (void)sk_error_set(&error, status, "no definition %.*s%s%.*s", SK_STR_ARGS(lookup->id),
                           lookup->version.size > 0 ? " version " : "",
                           SK_STR_ARGS(lookup->version));
        end_lookup(engine, lookup, NULL, status, &error);
    } else {
        end_lookup(engine, lookup, entry, SKALD_OK, NULL);
    }
}

static void look_up(struct sk_engine *engine, const struct lookup *what)
{
    struct lookup *lookup = sk_alloc(sizeof *lookup);
    if (lookup != NULL) {
        *lookup = *what;
        sk_arena_init(&lookup->arena);
        lookup->id = sk_arena_copy(&lookup->arena, what->id);
        lookup->version = sk_arena_copy(&lookup->arena, what->version);
    }
    if (lookup == NULL || lookup->arena.failed) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        if (lookup != NULL) sk_arena_release(&lookup->arena);
        sk_free(lookup);
        what->fn(what->context, SKALD_E_MEMORY, NULL, &error);
        return;
    }
    sk_own(engine, &lookup->owned, free_lookup);
    struct sk_read read = { .kind = SK_READ_DEFINITIONS,
                            .id = lookup->id,
                            .version = lookup->version };
    if (lookup->has_digest) read.digest = &lookup->digest;
    sk_engine_store_read(engine, &read, on_found, lookup);
}

void sk_plans_by_digest(struct sk_engine *engine, const struct sk_digest *digest, sk_plan_fn *fn,
                        void *context)
{
    struct sk_plan_entry *entry = find(engine, digest);
    if (entry != NULL) {
        sk_plans_compiled(engine, entry, fn, context);
        return;
    }
    look_up(engine, &(struct lookup){ .fn = fn,
                                      .context = context,
                                      .digest = *digest,
                                      .has_digest = true,
                                      .must_compile = true });
}

void sk_plans_by_name(struct sk_engine *engine, struct sk_str id, struct sk_str version,
                      sk_plan_fn *fn, void *context)
{
    struct sk_plan_entry *entry = known(engine, id, version);
    if (entry != NULL) {
        fn(context, SKALD_OK, entry, NULL);
        return;
    }
    look_up(engine, &(struct lookup){ .fn = fn, .context = context, .id = id, .version = version });
}

void sk_plans_release(struct sk_engine *engine)
{
    struct sk_plan_name *name, *next_name;
    HASH_ITER(hh, engine->plan_names, name, next_name)
    {
        HASH_DELETE(hh, engine->plan_names, name);
        sk_free(name);
    }
    struct sk_plan_entry *entry, *next;
    HASH_ITER(hh, engine->plans, entry, next)
    {
        while (!sk_list_is_empty(&entry->waiters)) {
            struct sk_plan_waiter *waiter =
                sk_container_of(entry->waiters.next, struct sk_plan_waiter, node);
            sk_list_remove(&waiter->node);
            sk_free(waiter);
        }
        HASH_DELETE(hh, engine->plans, entry);
        sk_plan_free(entry->plan);
        sk_free(entry);
    }
}
