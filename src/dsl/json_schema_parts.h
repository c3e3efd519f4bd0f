/* json_schema_parts.h: a compiled schema; json_schema.c and
 * json_schema_values.c make it, json_schema_check.c reads it. */
#ifndef SK_DSL_JSON_SCHEMA_PARTS_H
#define SK_DSL_JSON_SCHEMA_PARTS_H

#include "base/json.h"
#include "dsl/json_pattern.h"
#include "dsl/json_schema.h"

enum sk_rule_kind {
    SK_RULE_TYPE, /* mask */
    SK_RULE_ENUM, /* value: an array */
    SK_RULE_CONST,
    SK_RULE_MULTIPLE_OF,
    SK_RULE_MAXIMUM,
    SK_RULE_EXCLUSIVE_MAXIMUM,
    SK_RULE_MINIMUM,
    SK_RULE_EXCLUSIVE_MINIMUM,
    SK_RULE_MAX_LENGTH,
    SK_RULE_MIN_LENGTH,
    SK_RULE_PATTERN,
    SK_RULE_MAX_ITEMS,
    SK_RULE_MIN_ITEMS,
    SK_RULE_UNIQUE_ITEMS,
    SK_RULE_PREFIX_ITEMS, /* nodes */
    SK_RULE_ITEMS,        /* nodes[0], from `count` on */
    SK_RULE_CONTAINS,     /* nodes[0]; count = least, most */
    SK_RULE_MAX_PROPERTIES,
    SK_RULE_MIN_PROPERTIES,
    SK_RULE_REQUIRED,           /* value: an array of names */
    SK_RULE_PROPERTIES,         /* names, nodes */
    SK_RULE_PATTERN_PROPERTIES, /* patterns, nodes */
    SK_RULE_ADDITIONAL,         /* nodes[0]: members that neither of the two above names */
    SK_RULE_PROPERTY_NAMES,     /* nodes[0] */
    SK_RULE_DEPENDENT_REQUIRED, /* names; values: arrays of names */
    SK_RULE_DEPENDENT_SCHEMAS,  /* names, nodes */
    SK_RULE_ALL_OF,             /* nodes */
    SK_RULE_ANY_OF,
    SK_RULE_ONE_OF,
    SK_RULE_NOT, /* nodes[0] */
    SK_RULE_IF,  /* nodes[0]; then = nodes[1], else = nodes[2], either may be NULL */
    SK_RULE_REF  /* nodes[0] */
};

struct sk_json_schema; /* a node */

struct sk_rule {
    enum sk_rule_kind kind;
    uint32_t mask;        /* SK_RULE_TYPE: bit per enum sk_json_type, and SK_TYPE_INTEGER */
    struct sk_str value;  /* as written: of the number, the enumeration … */
    uint64_t count, most; /* lengths and numbers of things */
    uint32_t size;        /* of the lists below */
    const struct sk_json_schema **nodes;
    const struct sk_str *names; /* unescaped */
    const struct sk_str *values;
    const struct sk_json_pattern **patterns;
};

enum { SK_TYPE_INTEGER = 1u << 16 };

struct sk_json_schema {
    bool is_never; /* false, the schema */
    struct sk_str source;
    struct sk_rule *rules;
    uint32_t rules_count;
    const struct sk_rule *properties, *pattern_properties; /* for SK_RULE_ADDITIONAL */
    uint8_t mark;                                          /* J2: while compiling */
};

/* ---- compiling ------------------------------------------------------------------------------- */

/* Where the compiler is in the schema. */
struct sk_schema_place {
    const struct sk_schema_place *up;
    struct sk_str name; /* unescaped; of an element its index, in `digits` */
    char digits[12];
};

struct sk_schema_compiler {
    struct sk_arena *arena;
    struct sk_str root;
    struct sk_json_schema **nodes;
    uint32_t count, errors;
    uint32_t depth;
    bool is_full;
    sk_schema_complain *complain;
    void *context;
};

/* json_schema_values.c */
void sk_schema_tell(struct sk_schema_compiler *c, bool is_error,
                    const struct sk_schema_place *place, const char *message, const char *remedy);
struct sk_schema_place sk_schema_inside(const struct sk_schema_place *up, struct sk_str name);
struct sk_schema_place sk_schema_element(const struct sk_schema_place *up, size_t index);
/* The member's name, unescaped. */
struct sk_str sk_schema_name(struct sk_schema_compiler *c, const struct sk_json_iter *it);
struct sk_str *sk_schema_names_new(struct sk_schema_compiler *c, size_t count);
bool sk_schema_are_names(struct sk_str list);

/* Reads the value of one keyword into its rule, and tells what is wrong with it. */
typedef void sk_schema_read(struct sk_schema_compiler *c, struct sk_rule *rule,
                            const struct sk_schema_place *place);
sk_schema_read sk_schema_read_type, sk_schema_read_number, sk_schema_read_count,
    sk_schema_read_values, sk_schema_read_any, sk_schema_read_flag, sk_schema_read_names,
    sk_schema_read_dependent_names;

#endif
