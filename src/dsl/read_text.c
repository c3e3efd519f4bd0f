/*
 * read_text.c: scalars, templates, conditions and documents of a definition, and what they refer
 * to.
 *
 * A document's compiler says that one of its strings is wrong; the strings are then compiled one by
 * one to report all of them, each at its own place.
 */
#include "base/time.h"
#include "dsl/read.h"

#include <stdarg.h>
#include <stdio.h>

#define BIT(name) SK_ROOT_BIT(SK_ROOT_##name)
#define SAGA_ROOTS (BIT(INPUT) | BIT(CONTEXT) | BIT(SAGA_ID))
#define STEP_ROOTS \
    (SAGA_ROOTS | BIT(OUTPUT) | BIT(TIMESTAMP) | BIT(STEP_ID) | BIT(STEP_NAME) | BIT(ITEM))

static const struct {
    uint32_t roots;
    bool has_own_output; /* the step's own output can be there */
} places[SK_PLACES_COUNT] = {
    [SK_PLACE_REQUEST] = { STEP_ROOTS, false },
    [SK_PLACE_TIMEOUT] = { STEP_ROOTS | BIT(ATTEMPT), false },
    [SK_PLACE_UNDO] = { STEP_ROOTS | BIT(ERROR), true },
    [SK_PLACE_HOOK] = { STEP_ROOTS | BIT(ERROR), true },
    [SK_PLACE_ITEMS] = { STEP_ROOTS, false },
    [SK_PLACE_KEY] = { STEP_ROOTS & ~(BIT(TIMESTAMP) | BIT(ITEM)), false },
    [SK_PLACE_CONDITION] = { BIT(INPUT) | BIT(OUTPUT) | BIT(CONTEXT) | BIT(VARIABLES), false },
    [SK_PLACE_VARIABLES] = { STEP_ROOTS, false },
    [SK_PLACE_ANSWER] = { BIT(INPUT) | BIT(OUTPUT) | BIT(CONTEXT) | BIT(RESPONSE), false },
    [SK_PLACE_LOCK] = { SAGA_ROOTS, false },
    [SK_PLACE_OUTPUT] = { SAGA_ROOTS | BIT(OUTPUT) | BIT(TIMESTAMP), true },
};

void sk_complain(struct sk_compiler *c, enum sk_severity severity, const char *code,
                 const struct sk_dsl_node *node, const char *remedy, const char *format, ...)
{
    char message[768];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct sk_mark mark = sk_mark_of(node, c->diagnostics);
    sk_diagnose(c->diagnostics, severity, code, &mark, remedy, "%s", message);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static struct sk_str text_of(const struct sk_dsl_node *node)
{
    return node != NULL && sk_dsl_is_scalar(node) ? node->text : (struct sk_str){ 0 };
}

struct sk_str sk_read_text(struct sk_compiler *c, const struct sk_dsl_node *map, const char *name)
{
    struct sk_str text = text_of(sk_dsl_get(map, name));
    return text.size == 0 ? text : sk_arena_copy(c->arena, text);
}

bool sk_read_bool(const struct sk_dsl_node *map, const char *name)
{
    const struct sk_dsl_node *node = sk_dsl_get(map, name);
    return node != NULL && node->type == SK_JSON_TRUE;
}

int64_t sk_read_count(const struct sk_dsl_node *map, const char *name, int64_t otherwise)
{
    const struct sk_dsl_node *node = sk_dsl_get(map, name);
    int64_t value = 0;
    bool is_good = node != NULL && node->type == SK_JSON_NUMBER &&
                   sk_json_to_i64(node->text, &value) && value > 0;
    return is_good && value <= UINT32_MAX ? value : otherwise;
}

int64_t sk_read_duration(const struct sk_dsl_node *map, const char *name, int64_t otherwise)
{
    int64_t ms = 0;
    struct sk_str text = text_of(sk_dsl_get(map, name));
    return text.size > 0 && sk_duration_parse(text, &ms) ? ms : otherwise;
}

int sk_read_word(const struct sk_dsl_node *map, const char *name, const char *const *words,
                 int otherwise)
{
    struct sk_str text = text_of(sk_dsl_get(map, name));
    return text.size == 0 ? otherwise : sk_word_index(text, words, otherwise);
}

struct sk_str sk_read_json(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    if (node == NULL) return (struct sk_str){ 0 };
    struct sk_buf json;
    sk_buf_init(&json, 0);
    sk_dsl_write_json(node, false, &json);
    struct sk_str copy = { 0 };
    if (json.failed) {
        c->arena->failed = true;
    } else {
        copy = sk_arena_copy(c->arena, sk_buf_view(&json));
    }
    sk_buf_release(&json);
    return copy;
}

/* ---- references ------------------------------------------------------------------------------ */

static void check_reference(struct sk_compiler *c, const struct sk_dsl_node *node, uint32_t step,
                            enum sk_text_place place)
{
    struct sk_str id = c->step_ids[step];
    if (step == c->step_index) {
        if (places[place].has_own_output) return;
        sk_complain(c, SK_SEVERITY_ERROR, "own_output", node,
                    "its compensation and hooks can read it",
                    "reads the output of its own step %.*s, which is not there yet",
                    SK_STR_ARGS(id));
    } else if (c->plan->steps[step].is_detached) {
        sk_complain(c, SK_SEVERITY_ERROR, "async_output", node, "remove `async`, or do not read it",
                    "reads the output of the async step %.*s, for which nobody waits",
                    SK_STR_ARGS(id));
    } else if (c->step_index != SK_STEP_NONE && c->ancestors != NULL &&
               !sk_bitset_has(&c->ancestors[c->step_index], step)) {
        char remedy[SK_NAME_SIZE_MAX + 40];
        (void)snprintf(remedy, sizeof remedy, "add %.*s to `dependencies`", SK_STR_ARGS(id));
        sk_complain(
            c, SK_SEVERITY_WARNING, "not_an_ancestor", node, remedy,
            "reads the output of %.*s, which may not be there yet: no dependency leads to it",
            SK_STR_ARGS(id));
    }
}

static bool is_reference_good(const struct sk_compiler *c, uint32_t step, enum sk_text_place place)
{
    if (step == c->step_index) return places[place].has_own_output;
    if (c->plan->steps[step].is_detached) return false;
    return c->step_index == SK_STEP_NONE || c->ancestors == NULL ||
           sk_bitset_has(&c->ancestors[c->step_index], step);
}

static bool are_references_good(const struct sk_compiler *c, const struct sk_refs *refs,
                                enum sk_text_place place)
{
    if (refs->steps.words == NULL) return true;
    uint32_t step = sk_bitset_next(&refs->steps, 0);
    for (; step < refs->steps.bits_count; step = sk_bitset_next(&refs->steps, step + 1)) {
        if (!is_reference_good(c, step, place)) return false;
    }
    return true;
}

static void check_references(struct sk_compiler *c, const struct sk_dsl_node *node,
                             const struct sk_refs *refs, enum sk_text_place place)
{
    if (refs->steps.words == NULL) return;
    uint32_t step = sk_bitset_next(&refs->steps, 0);
    for (; step < refs->steps.bits_count; step = sk_bitset_next(&refs->steps, step + 1)) {
        check_reference(c, node, step, place);
    }
}

/* ---- compiled texts -------------------------------------------------------------------------- */

static struct sk_names names_at(const struct sk_compiler *c, enum sk_text_place place)
{
    return (struct sk_names){ .steps = c->step_ids,
                              .steps_count = c->steps_count,
                              .item_name = c->item_name,
                              .roots_allowed = places[place].roots };
}

static void report_text(struct sk_compiler *c, const struct sk_dsl_node *node, const char *code,
                        enum skald_status status, const struct sk_expr_error *error)
{
    if (status == SKALD_E_MEMORY) {
        c->arena->failed = true;
        return;
    }
    struct sk_mark mark = sk_mark_of(node, c->diagnostics);
    if (node->text_column > 0 && error->offset <= node->text.size) {
        mark.column = node->text_column + (uint32_t)error->offset;
    }
    sk_diagnose(c->diagnostics, SK_SEVERITY_ERROR, code, &mark, NULL, "%s", error->error.message);
}

static const struct sk_template *compile_template(struct sk_compiler *c,
                                                  const struct sk_dsl_node *node,
                                                  enum sk_text_place place, struct sk_arena *arena)
{
    struct sk_names names = names_at(c, place);
    struct sk_expr_error error = { .offset = 0 };
    const struct sk_template *template = NULL;
    enum skald_status status = sk_template_compile(node->text, &names, arena, &template, &error);
    if (status != SKALD_OK) {
        report_text(c, node, "bad_template", status, &error);
        return NULL;
    }
    check_references(c, node, sk_template_refs(template), place);
    return template;
}

const struct sk_template *sk_read_template(struct sk_compiler *c, const struct sk_dsl_node *node,
                                           enum sk_text_place place)
{
    if (node == NULL || !sk_dsl_is_scalar(node) || c->arena->failed) return NULL;
    return compile_template(c, node, place, c->arena);
}

const struct sk_template *sk_constant_template(struct sk_compiler *c, struct sk_str text)
{
    struct sk_names names = { 0 };
    struct sk_expr_error error;
    const struct sk_template *template = NULL;
    if (sk_template_compile(text, &names, c->arena, &template, &error) != SKALD_OK)
        c->arena->failed = true;
    return template;
}

const struct sk_condition *sk_read_condition(struct sk_compiler *c, const struct sk_dsl_node *node,
                                             enum sk_text_place place)
{
    if (node == NULL || !sk_dsl_is_scalar(node) || c->arena->failed) return NULL;
    struct sk_names names = names_at(c, place);
    struct sk_expr_error error = { .offset = 0 };
    const struct sk_condition *condition = NULL;
    enum skald_status status =
        sk_condition_compile(node->text, &names, c->arena, &condition, &error);
    if (status != SKALD_OK) {
        report_text(c, node, "bad_expression", status, &error);
        return NULL;
    }
    check_references(c, node, sk_condition_refs(condition), place);
    return condition;
}

/* Each text of a document by itself, for its diagnostics only. */
static void report_strings(struct sk_compiler *c, const struct sk_dsl_node *node,
                           enum sk_text_place place)
{
    if (node->type == SK_JSON_STRING) (void)compile_template(c, node, place, &c->scratch);
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        report_strings(c, child, place);
    }
}

const struct sk_document *sk_read_document(struct sk_compiler *c, const struct sk_dsl_node *node,
                                           enum sk_text_place place)
{
    if (node == NULL || c->arena->failed) return NULL;
    struct sk_buf json;
    sk_buf_init(&json, 0);
    sk_dsl_write_json(node, false, &json);
    struct sk_names names = names_at(c, place);
    struct sk_expr_error error = { .offset = 0 };
    const struct sk_document *document = NULL;
    enum skald_status status = SKALD_E_MEMORY;
    if (!json.failed) {
        status = sk_document_compile(sk_buf_view(&json), &names, c->arena, &document, &error);
    }
    sk_buf_release(&json);
    if (status == SKALD_E_MEMORY) {
        c->arena->failed = true;
        return NULL;
    }
    bool is_good = status == SKALD_OK;
    if (is_good && are_references_good(c, sk_document_refs(document), place)) return document;
    uint32_t known = c->diagnostics->count;
    report_strings(c, node, place);
    if (c->diagnostics->count > known) return document;
    if (is_good) { /* it is in the name of a member */
        check_references(c, node, sk_document_refs(document), place);
    } else {
        report_text(c, node, "bad_template", status, &error);
    }
    return document;
}
