/*
 * path.c: references such as input.items[0].sku: read once, resolved to numbers, looked up often.
 *
 * The first segment is a root or the foreach variable (which hides a root of the same name); of
 * `output` the second is a step that must exist. Everything behind is looked up in the value and
 * may be missing.
 */
#include "expr/expr_private.h"

static const char *const root_names[SK_ROOTS_COUNT] = {
    [SK_ROOT_INPUT] = "input",
    [SK_ROOT_OUTPUT] = "output",
    [SK_ROOT_CONTEXT] = "context",
    [SK_ROOT_VARIABLES] = "variables",
    [SK_ROOT_ERROR] = "error",
    [SK_ROOT_TIMESTAMP] = "timestamp",
    [SK_ROOT_SAGA_ID] = "saga_id",
    [SK_ROOT_STEP_ID] = "step_id",
    [SK_ROOT_STEP_NAME] = "step_name",
    [SK_ROOT_ATTEMPT] = "attempt",
    [SK_ROOT_ITEM] = "", /* goes by the name the definition gives it */
    [SK_ROOT_RESPONSE] = "response",
};

enum sk_root sk_root_named(struct sk_str name)
{
    enum sk_root root = SK_ROOT_INPUT;
    while (root < SK_ROOTS_COUNT && (name.size == 0 || !sk_str_is(name, root_names[root]))) {
        root += 1;
    }
    return root;
}

static bool fail_root(struct sk_scan *scan, size_t offset, char sign, struct sk_str name)
{
    const char *candidates[SK_ROOTS_COUNT];
    size_t count = 0;
    bool is_root = sk_root_named(name) != SK_ROOTS_COUNT;
    for (size_t root = 0; root < SK_ROOTS_COUNT; root++) {
        if (root != SK_ROOT_ITEM && (scan->names->roots_allowed & SK_ROOT_BIT(root)) != 0) {
            candidates[count++] = root_names[root];
        }
    }
    if (scan->names->item_name.size > 0) {
        candidates[count] = sk_arena_text(scan->arena, scan->names->item_name);
        if (candidates[count++] == NULL) {
            return sk_scan_fail_memory(scan);
        }
    }
    if (name.size == 0) {
        return sk_scan_fail(scan, offset,
                            "a name is missing behind '%c'; write for instance %cinput.id", sign,
                            sign);
    }
    return sk_scan_fail_unknown(scan, offset,
                                is_root ? "there is no value here for" : "unknown name", name,
                                candidates, count);
}

static bool fail_step(struct sk_scan *scan, size_t offset, char sign, struct sk_str name)
{
    size_t count = scan->names->steps_count;
    const char **candidates = SK_ARENA_ARRAY(scan->arena, const char *, count);
    for (size_t i = 0; candidates != NULL && i < count; i++) {
        candidates[i] = sk_arena_text(scan->arena, scan->names->steps[i]);
    }
    if (scan->arena->failed) {
        return sk_scan_fail_memory(scan);
    }
    if (name.size == 0) {
        return sk_scan_fail(scan, offset, "%coutput needs a step: %coutput.<step-id>", sign, sign);
    }
    return sk_scan_fail_unknown(scan, offset, "unknown step", name, candidates, count);
}

/* Behind '[': a number or a quoted name, and ']'. */
static bool scan_bracket(struct sk_scan *scan, struct sk_segment *segment)
{
    size_t from = scan->at;
    char c = sk_scan_peek(scan);
    if (c == '"' || c == '\'') {
        struct sk_value name;
        if (!sk_scan_string(scan, &name)) {
            return false;
        }
        segment->name = name.text;
    } else {
        uint64_t index = 0;
        if (!sk_str_to_u64(sk_scan_segment(scan), &index)) {
            return sk_scan_fail(scan, from, "inside [ ] stands a number from 0, or a quoted name");
        }
        segment->index = (size_t)index;
    }
    return sk_scan_take(scan, "]") || sk_scan_fail(scan, scan->at, "expected ']'");
}

/* ".name" or "[0]"; a segment with NULL name and NULL result = no further segment. */
static bool scan_segment(struct sk_scan *scan, struct sk_segment **out_segment)
{
    size_t from = scan->at;
    bool is_dot = sk_scan_take(scan, ".");
    *out_segment = NULL;
    if (!is_dot && !sk_scan_take(scan, "[")) {
        return true;
    }
    struct sk_segment *segment = sk_scan_alloc(scan, sizeof *segment);
    if (segment == NULL) {
        return false;
    }
    *out_segment = segment;
    if (!is_dot) {
        return scan_bracket(scan, segment);
    }
    struct sk_str name = sk_scan_segment(scan);
    if (name.size == 0) {
        return sk_scan_fail(scan, from, "a name is missing behind '.'");
    }
    segment->name = sk_arena_copy(scan->arena, name);
    return segment->name.data != NULL || sk_scan_fail_memory(scan);
}

static bool resolve_root(struct sk_scan *scan, size_t from, char sign, struct sk_path *path)
{
    struct sk_str name = sk_scan_segment(scan);
    if (name.size > 0 && sk_str_equal(name, scan->names->item_name)) {
        path->root = SK_ROOT_ITEM;
    } else {
        path->root = sk_root_named(name);
        bool is_allowed = path->root != SK_ROOTS_COUNT &&
                          (scan->names->roots_allowed & SK_ROOT_BIT(path->root)) != 0;
        if (!is_allowed) {
            return fail_root(scan, from, sign, name);
        }
    }
    scan->refs->roots |= SK_ROOT_BIT(path->root);
    return true;
}

static bool resolve_step(struct sk_scan *scan, char sign, struct sk_path *path)
{
    size_t from = scan->at;
    struct sk_segment *segment = NULL;
    struct sk_str name = { NULL, 0 };
    if (!scan_segment(scan, &segment)) {
        return false;
    }
    if (segment != NULL && segment->name.data != NULL) {
        name = segment->name;
        from += 1;
    }
    for (uint32_t i = 0; name.size > 0 && i < scan->names->steps_count; i++) {
        if (sk_str_equal(name, scan->names->steps[i])) {
            path->step_index = i;
            sk_bitset_add(&scan->refs->steps, i);
            return true;
        }
    }
    return fail_step(scan, from, sign, name);
}

bool sk_path_scan(struct sk_scan *scan, char sign, struct sk_path *out_path)
{
    *out_path = (struct sk_path){ 0 };
    if (!resolve_root(scan, scan->at, sign, out_path)) {
        return false;
    }
    if (out_path->root == SK_ROOT_OUTPUT && !resolve_step(scan, sign, out_path)) {
        return false;
    }
    struct sk_segment **end = &out_path->segments;
    do {
        if (!scan_segment(scan, end)) {
            return false;
        }
        end = *end != NULL ? &(*end)->next : NULL;
    } while (end != NULL);
    return true;
}

struct sk_str sk_path_get(const struct sk_path *path, const struct sk_scope *scope)
{
    struct sk_str value = scope->get(scope->context, path->root, path->step_index);
    for (const struct sk_segment *s = path->segments; s != NULL && value.size > 0; s = s->next) {
        value = s->name.data != NULL ? sk_json_member(value, s->name)
                                     : sk_json_element(value, s->index);
    }
    return sk_json_trim(value);
}
