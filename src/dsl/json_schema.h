/*
 * json_schema.h: JSON Schemas of inputs. Pure, and bounded whatever is written in a schema or sent
 * as an input: docs/decisions/0006-json-schema.md says why it is ours.
 *
 * The dialect is that of draft 2020-12 without $dynamicRef, unevaluated… and references to other
 * documents; forms of older drafts that mean the same are understood too (definitions, a list in
 * `items` with additionalItems, dependencies, a boolean exclusiveMinimum). `format`, titles and the
 * like are notes for people. What is not known is told, with its place.
 *
 *   J1  A check costs no more than its budget: then it ends with SKALD_E_LIMIT, never with an
 *       answer that was not worked out.
 *   J2  A schema that would lead back to itself without having gone into the value is refused when
 *       it is compiled.
 */
#ifndef SK_DSL_JSON_SCHEMA_H
#define SK_DSL_JSON_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct sk_json_schema;

enum {
    SK_SCHEMA_NODES_MAX = 2000,   /* schemas within a schema */
    SK_SCHEMA_DEPTH_MAX = 256,    /* of them within each other, references followed */
    SK_SCHEMA_VIOLATIONS_MAX = 50 /* told of one value */
};
/* Roughly ten nanoseconds each. */
#define SK_SCHEMA_BUDGET_SMALL INT64_C(50000)
#define SK_SCHEMA_BUDGET INT64_C(20000000)

/* Something is wrong with a schema: `pointer` (RFC 6901) leads to it. An error or a warning. */
typedef void sk_schema_complain(void *context, bool is_error, struct sk_str pointer,
                                const char *message, const char *remedy);
/* `schema` is checked JSON and must outlive the result, as `arena` does. SKALD_E_INVALID after
 * errors; SKALD_E_MEMORY. */
enum skald_status sk_json_schema_compile(struct sk_str schema, struct sk_arena *arena,
                                         sk_schema_complain *complain, void *context,
                                         const struct sk_json_schema **out) SK_MUST_CHECK;

/* `pointer` leads into the value; "" is the value itself. */
typedef void sk_schema_violation(void *context, struct sk_str pointer, struct sk_str message);
/* SKALD_OK: it fits. SKALD_E_INVALID: it does not, and `each` was told why, as often as there are
 * reasons and not more than SK_SCHEMA_VIOLATIONS_MAX. SKALD_E_LIMIT: it would cost more than the
 * budget. SKALD_E_MEMORY. `value` is checked JSON. Any thread. */
enum skald_status sk_json_schema_check(const struct sk_json_schema *schema, struct sk_str value,
                                       int64_t budget, sk_schema_violation *each,
                                       void *context) SK_MUST_CHECK;

#endif
