/*
 * check_graph.c: pass one: ids, dependencies and flags of all steps, and what is wrong with the
 * graph they make: unknown and double ids, cycles, a pivot that is no cut, a graph without any
 * edge.
 */
#include "dsl/read.h"

#include <stdio.h>

/* ---- ids ------------------------------------------------------------------------------------- */

static uint32_t find_step(const struct sk_compiler *c, struct sk_str id, uint32_t before)
{
    for (uint32_t i = 0; i < before; i++) {
        if (sk_str_equal(c->step_ids[i], id)) return i;
    }
    return SK_STEP_NONE;
}

static void read_ids(struct sk_compiler *c)
{
    for (uint32_t i = 0; i < c->steps_count; i++) {
        struct sk_str id = sk_read_text(c, c->step_nodes[i], "id");
        c->step_ids[i] = id;
        c->plan->steps[i].id = id;
        uint32_t first = id.size == 0 ? SK_STEP_NONE : find_step(c, id, i);
        if (first == SK_STEP_NONE) continue;
        sk_complain(c, SK_SEVERITY_ERROR, "duplicate_step", sk_dsl_get(c->step_nodes[i], "id"),
                    "give each step its own id",
                    "the id %.*s is already that of step %u, in line %u", SK_STR_ARGS(id),
                    first + 1, c->step_nodes[first]->line);
    }
}

/* ---- dependencies ---------------------------------------------------------------------------- */

static void refuse_unknown(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    const char **names = SK_ARENA_ARRAY(&c->scratch, const char *, (size_t)c->steps_count + 1);
    if (names == NULL) return;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->steps_count; i++) {
        if (c->step_ids[i].size > 0)
            names[count++] = c->step_ids[i].data; /* arena texts end with a NUL */
    }
    names[count] = NULL;
    char remedy[SK_NAME_SIZE_MAX + 40];
    sk_complain(c, SK_SEVERITY_ERROR, "unknown_step", node,
                sk_did_you_mean(node->text, names, "name a step of this definition", remedy,
                                sizeof remedy),
                "there is no step %.*s", (int)(node->text.size < 100 ? node->text.size : 100),
                node->text.data);
}

/* The index that a dependency names, or SK_STEP_NONE after a diagnostic. */
static uint32_t resolve(struct sk_compiler *c, const struct sk_dsl_node *node, uint32_t step)
{
    if (!sk_dsl_is_scalar(node) || node->type == SK_JSON_NULL) return SK_STEP_NONE;
    uint32_t found = find_step(c, node->text, c->steps_count);
    if (found == SK_STEP_NONE) {
        refuse_unknown(c, node);
    } else if (found == step) {
        sk_complain(c, SK_SEVERITY_ERROR, "dependency_cycle", node, "remove it",
                    "%.*s → %.*s: depends on itself", SK_STR_ARGS(node->text),
                    SK_STR_ARGS(node->text));
        return SK_STEP_NONE;
    }
    return found;
}

static void read_list(struct sk_compiler *c, const struct sk_dsl_node *list, struct sk_step *step,
                      uint32_t index)
{
    uint32_t *dependencies = SK_ARENA_ARRAY(c->arena, uint32_t, list->count);
    if (dependencies == NULL) return;
    for (const struct sk_dsl_node *child = list->first; child != NULL; child = child->next) {
        uint32_t found = resolve(c, child, index);
        if (found == SK_STEP_NONE) continue;
        bool is_known = false;
        for (uint32_t i = 0; i < step->dependencies_count; i++)
            is_known = is_known || dependencies[i] == found;
        if (is_known) {
            sk_complain(c, SK_SEVERITY_WARNING, "duplicate_dependency", child, "remove it",
                        "%.*s is named twice", SK_STR_ARGS(child->text));
        } else {
            dependencies[step->dependencies_count++] = found;
        }
    }
    step->dependencies = dependencies;
}

static void read_dependencies(struct sk_compiler *c, bool is_sequential)
{
    for (uint32_t i = 0; i < c->steps_count; i++) {
        struct sk_step *step = &c->plan->steps[i];
        const struct sk_dsl_node *list = sk_dsl_get(c->step_nodes[i], "dependencies");
        if (list != NULL && sk_dsl_is_list(list) && list->count > 0) {
            read_list(c, list, step, i);
        } else if (list == NULL && is_sequential && i > 0) {
            uint32_t *above = SK_ARENA_NEW(c->arena, uint32_t);
            if (above == NULL) return;
            *above = i - 1;
            step->dependencies = above;
            step->dependencies_count = 1;
        }
    }
}

/* ---- cycles ---------------------------------------------------------------------------------- */

enum colour { WHITE, GREY, BLACK };

struct search {
    struct sk_compiler *c;
    enum colour colours[SK_STEPS_MAX];
    uint32_t path[SK_STEPS_MAX];
    uint32_t length;
    bool has_cycle;
};

static void report_cycle(struct search *search, uint32_t from)
{
    struct sk_compiler *c = search->c;
    search->has_cycle = true;
    uint32_t start = search->length;
    while (search->path[start - 1] != from) start--;
    char text[600];
    size_t at = 0;
    for (uint32_t i = start - 1; i < search->length && at < sizeof text; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%.*s → ",
                               SK_STR_ARGS(c->step_ids[search->path[i]]));
    }
    bool is_whole = at + c->step_ids[from].size + 1 < sizeof text;
    if (is_whole)
        (void)snprintf(text + at, sizeof text - at, "%.*s", SK_STR_ARGS(c->step_ids[from]));
    const struct sk_dsl_node *last = c->step_nodes[search->path[search->length - 1]];
    const struct sk_dsl_node *list = sk_dsl_get(last, "dependencies");
    sk_complain(c, SK_SEVERITY_ERROR, "dependency_cycle", list == NULL ? last : list,
                "remove one of these dependencies", "these steps wait for each other: %s%s", text,
                is_whole ? "" : " …");
}

/* Depth first; its depth is bounded by the number of steps. Fills the ancestors on the way back. */
static void visit(struct search *search, uint32_t index)
{
    struct sk_compiler *c = search->c;
    const struct sk_step *step = &c->plan->steps[index];
    search->colours[index] = GREY;
    search->path[search->length++] = index;
    for (uint32_t k = 0; k < step->dependencies_count; k++) {
        uint32_t before = step->dependencies[k];
        if (search->colours[before] == GREY) {
            report_cycle(search, before);
            continue;
        }
        if (search->colours[before] == WHITE) visit(search, before);
        sk_bitset_add(&c->ancestors[index], before);
        sk_bitset_add_all(&c->ancestors[index], &c->ancestors[before]);
    }
    search->length -= 1;
    search->colours[index] = BLACK;
}

static void find_ancestors(struct sk_compiler *c)
{
    struct search *search = SK_ARENA_NEW(&c->scratch, struct search);
    c->ancestors = SK_ARENA_ARRAY(&c->scratch, struct sk_bitset, c->steps_count);
    for (uint32_t i = 0; c->ancestors != NULL && i < c->steps_count; i++) {
        c->ancestors[i] = sk_bitset_new(&c->scratch, c->steps_count);
    }
    if (c->scratch.failed || c->arena->failed) {
        c->ancestors = NULL;
        return;
    }
    search->c = c;
    for (uint32_t i = 0; i < c->steps_count; i++) {
        if (search->colours[i] == WHITE) visit(search, i);
    }
    if (search->has_cycle) c->ancestors = NULL;
}

/* ---- pass one -------------------------------------------------------------------------------- */

static bool make_steps(struct sk_compiler *c)
{
    const struct sk_dsl_node *list = sk_dsl_get(c->root, "steps");
    if (list == NULL || !sk_dsl_is_list(list) || list->count > SK_STEPS_MAX) return false;
    uint32_t count = list->count;
    for (const struct sk_dsl_node *child = list->first; child != NULL; child = child->next) {
        if (sk_condition_function(child) != NULL) count += 1;
    }
    if (count > SK_STEPS_MAX) {
        sk_complain(c, SK_SEVERITY_ERROR, "out_of_range", list, "ask fewer functions",
                    "%u steps with those that ask for conditions; the limit is %d", count,
                    SK_STEPS_MAX);
        return false;
    }
    c->plan->steps = SK_ARENA_ARRAY(c->arena, struct sk_step, count);
    c->step_ids = SK_ARENA_ARRAY(c->arena, struct sk_str, count);
    c->step_nodes = SK_ARENA_ARRAY(&c->scratch, const struct sk_dsl_node *, count);
    if (c->arena->failed || c->scratch.failed) return false;
    for (const struct sk_dsl_node *child = list->first; child != NULL; child = child->next) {
        const struct sk_dsl_node *node = child; /* what is no map has no keys */
        sk_check_condition(c, sk_dsl_get(child, "condition"));
        if (sk_condition_function(child) != NULL) {
            c->step_nodes[c->steps_count++] = sk_condition_asker(c, child);
            node = sk_condition_rest(c, child);
        }
        c->step_nodes[c->steps_count++] = node;
    }
    if (c->scratch.failed) return false;
    c->plan->steps_count = c->steps_count;
    return true;
}

void sk_read_graph(struct sk_compiler *c)
{
    if (!make_steps(c)) return;
    const struct sk_dsl_node *saga = sk_dsl_get(c->root, "saga");
    read_ids(c);
    read_dependencies(c, sk_read_word(saga, "order", sk_words_order, 0) == 1);
    for (uint32_t i = 0; i < c->steps_count; i++) {
        struct sk_step *step = &c->plan->steps[i];
        step->is_detached = sk_read_bool(c->step_nodes[i], "async");
        step->may_fail = sk_read_bool(c->step_nodes[i], "continue_on_error");
        step->is_pivot = sk_read_bool(c->step_nodes[i], "pivot");
    }
    find_ancestors(c);
}

/* ---- after pass two -------------------------------------------------------------------------- */

static void check_edges(struct sk_compiler *c)
{
    uint32_t edges_count = 0, own_count = 0;
    for (uint32_t i = 0; i < c->steps_count; i++) {
        edges_count += c->plan->steps[i].dependencies_count;
        own_count += sk_dsl_get(c->step_nodes[i], "dependencies") != NULL ? 1 : 0;
    }
    const struct sk_dsl_node *saga = sk_dsl_get(c->root, "saga");
    bool is_event_driven = c->plan->mode == SK_MODE_CHOREOGRAPHY;
    if (c->steps_count < 2 || edges_count > 0 || own_count == c->steps_count || is_event_driven)
        return;
    if (sk_read_word(saga, "order", sk_words_order, 0) == 1) return;
    sk_complain(c, SK_SEVERITY_WARNING, "no_dependencies", sk_dsl_get(c->root, "steps"),
                "add `dependencies`, or `order: sequential` to saga",
                "none of the %u steps has dependencies: all of them start at once", c->steps_count);
}

static const struct sk_dsl_node *pivot_node(const struct sk_compiler *c, uint32_t step)
{
    return sk_dsl_get(c->step_nodes[step], "pivot");
}

static void check_cut(struct sk_compiler *c, uint32_t pivot)
{
    for (uint32_t i = 0; i < c->steps_count; i++) {
        const struct sk_step *step = &c->plan->steps[i];
        bool is_beside = i != pivot && !step->is_detached && !step->may_fail &&
                         !sk_bitset_has(&c->ancestors[i], pivot) &&
                         !sk_bitset_has(&c->ancestors[pivot], i);
        if (!is_beside || step->is_pivot) continue;
        sk_complain(c, SK_SEVERITY_ERROR, "pivot_no_cut", c->step_nodes[i],
                    "make one depend on the other, or the step `async` or `continue_on_error`",
                    "%.*s is neither before nor after the pivot %.*s", SK_STR_ARGS(step->id),
                    SK_STR_ARGS(c->step_ids[pivot]));
    }
}

static void check_pivots(struct sk_compiler *c)
{
    uint32_t pivot = SK_STEP_NONE;
    for (uint32_t i = 0; i < c->steps_count; i++) {
        const struct sk_step *step = &c->plan->steps[i];
        if (!step->is_pivot) continue;
        if (pivot != SK_STEP_NONE) {
            sk_complain(c, SK_SEVERITY_ERROR, "several_pivots", pivot_node(c, i), "keep one",
                        "%.*s is a pivot already; a saga has one at most",
                        SK_STR_ARGS(c->step_ids[pivot]));
            continue;
        }
        pivot = i;
        if (step->is_detached || step->may_fail) {
            sk_complain(c, SK_SEVERITY_ERROR, "pivot_optional", pivot_node(c, i),
                        "remove `async` or `continue_on_error`",
                        "a pivot decides, so the saga must wait for it");
        } else if (c->ancestors != NULL) {
            check_cut(c, i);
        }
        if (c->plan->is_forward) {
            sk_complain(c, SK_SEVERITY_WARNING, "unused_key", pivot_node(c, i),
                        "remove one of the two",
                        "with recovery: forward the saga goes forward from its start");
        }
    }
    c->plan->pivot = pivot;
}

void sk_check_graph(struct sk_compiler *c)
{
    check_edges(c);
    check_pivots(c);
}
