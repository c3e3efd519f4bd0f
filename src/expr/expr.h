/*
 * expr.h: conditions and templates over JSON spans, compiled once with a definition and evaluated
 * often. Pure: the values come from a scope, nothing else is looked at.
 *
 *   condition  $input.amount > 100 && $output.check-stock.ok      →  bool
 *   template   /orders/{{ .output.create-order.id }}              →  text, or a JSON value
 *   document   {"id": "{{ .input.id }}", "n": 3}                  →  JSON
 *
 * Paths: the first segment names a root; of `output` the second names a step. Segments may hold
 * hyphens and start with a digit; `[n]` indexes an array. A missing path is null (empty inside
 * text).
 */
#ifndef SK_EXPR_EXPR_H
#define SK_EXPR_EXPR_H

#include "base/arena.h"
#include "base/bitset.h"
#include "base/buf.h"
#include "base/error.h"

enum sk_root {
    SK_ROOT_INPUT,
    SK_ROOT_OUTPUT, /* of the step given beside it */
    SK_ROOT_CONTEXT,
    SK_ROOT_VARIABLES, /* condition.variables */
    SK_ROOT_ERROR,     /* {"step","code","message"}: in compensations and hooks */
    SK_ROOT_TIMESTAMP, /* a JSON string, RFC 3339 */
    SK_ROOT_SAGA_ID,
    SK_ROOT_STEP_ID,
    SK_ROOT_STEP_NAME,
    SK_ROOT_ATTEMPT,  /* a JSON number */
    SK_ROOT_ITEM,     /* the foreach variable */
    SK_ROOT_RESPONSE, /* the answer of a poll: in `until` and `fail_if` */
    SK_ROOTS_COUNT
};

/* What a compiled text may refer to. All borrowed for the compile call only. */
struct sk_names {
    const struct sk_str *steps; /* ids, by step index */
    uint32_t steps_count;
    struct sk_str item_name; /* the foreach variable, empty = none */
    uint32_t roots_allowed;  /* bit per sk_root */
};
#define SK_ROOT_BIT(root) (UINT32_C(1) << (root))

/* Where the values come from. `get` returns the JSON span of a root (checked JSON; for
 * SK_ROOT_OUTPUT of step `step_index`), or an empty span when there is none. Spans must stay valid
 * during the call that evaluates. */
struct sk_scope {
    const void *context;
    struct sk_str (*get)(const void *context, enum sk_root root, uint32_t step_index);
};

/* What a compiled text refers to; for validation. */
struct sk_refs {
    struct sk_bitset steps; /* outputs read */
    uint32_t roots;         /* bit per sk_root */
};

/* A compile error: offset in bytes of the text, and the message in `error`. */
struct sk_expr_error {
    size_t offset;
    skald_error error;
};

/* ---- conditions ------------------------------------------------------------------------------ */

struct sk_condition;
/* SKALD_E_SYNTAX (with place and remedy) or SKALD_E_MEMORY. The result lives in the arena; nesting
 * is bounded (64), so evaluation needs bounded stack. */
enum skald_status sk_condition_compile(struct sk_str text, const struct sk_names *names,
                                       struct sk_arena *arena,
                                       const struct sk_condition **out_condition,
                                       struct sk_expr_error *error) SK_MUST_CHECK;
const struct sk_refs *sk_condition_refs(const struct sk_condition *condition);
/* Never fails: what cannot be compared is false. `scratch` is for intermediate text, cleared by the
 * owner; when it has failed (memory) the answer means nothing. */
bool sk_condition_eval(const struct sk_condition *condition, const struct sk_scope *scope,
                       struct sk_arena *scratch);

/* ---- templates ------------------------------------------------------------------------------- */

struct sk_template;
enum skald_status sk_template_compile(struct sk_str text, const struct sk_names *names,
                                      struct sk_arena *arena,
                                      const struct sk_template **out_template,
                                      struct sk_expr_error *error) SK_MUST_CHECK;
const struct sk_refs *sk_template_refs(const struct sk_template *template);
/* No {{ }} in it at all: the text is what it is. */
bool sk_template_is_constant(const struct sk_template *template);
/* The text of one that is; borrowed from it. */
struct sk_str sk_template_constant(const struct sk_template *template);
/* The duration that one means, read when it was compiled; 0 = it is none. */
int64_t sk_template_duration_ms(const struct sk_template *template);
/* Appends text (strings unquoted, objects as JSON, null as nothing). `out` fails when memory is
 * short, in `scratch` too: one check is enough, here and below. */
void sk_template_render_text(const struct sk_template *template, const struct sk_scope *scope,
                             struct sk_arena *scratch, struct sk_buf *out);
/* The same for one line of a request (a header, a target): what values bring in can neither end the
 * line nor form a `${secret:…}`, which is resolved when the request is sent. */
void sk_template_render_line(const struct sk_template *template, const struct sk_scope *scope,
                             struct sk_arena *scratch, struct sk_buf *out);
/* Appends a JSON value: exactly one {{ path or pipe }} keeps its type, everything else is a
 * string. */
void sk_template_render_json(const struct sk_template *template, const struct sk_scope *scope,
                             struct sk_arena *scratch, struct sk_buf *out);

/* ---- documents: JSON whose strings are templates --------------------------------------------- */

struct sk_document;
/* `json` is checked JSON (as dsl makes it from YAML). Member names are templates too (as text). The
 * error's offset is that of the template inside its string; `error_pointer` in the message names
 * the member path ("body.items[2].sku"). */
enum skald_status sk_document_compile(struct sk_str json, const struct sk_names *names,
                                      struct sk_arena *arena,
                                      const struct sk_document **out_document,
                                      struct sk_expr_error *error) SK_MUST_CHECK;
const struct sk_refs *sk_document_refs(const struct sk_document *document);
/* Appends JSON that sk_json_check accepts; `out` fails also when values from outside would make it
 * nest deeper than SK_JSON_DEPTH_MAX. */
void sk_document_render(const struct sk_document *document, const struct sk_scope *scope,
                        struct sk_arena *scratch, struct sk_buf *out);

#endif
