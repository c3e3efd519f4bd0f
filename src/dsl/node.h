/*
 * node.h: a definition as a tree with marks, after includes and environment. Private to dsl/,
 * but that configuration files are read by the same reader (skald/settings_read.c).
 *
 *   N1  Every node knows its place (file, line, column) and its parent, so that a diagnostic can
 *       name both "order.yaml:12:7" and "steps[2].action.service.path".
 *   N2  A map has no two members of one name; merge keys are already merged in.
 *   N3  `text` is what the definition means, `raw` how it is written in the expanded source:
 *       reading the expanded source again gives the same tree.
 *   N4  Depth, number of nodes and bytes are bounded (limits.h).
 */
#ifndef SK_DSL_NODE_H
#define SK_DSL_NODE_H

#include "base/json.h"
#include "base/limits.h"
#include "dsl/dsl.h"

enum { SK_KEY_SIZE_MAX = 1024 }; /* of a member's name */

struct sk_dsl_node {
    enum sk_json_type type; /* never SK_JSON_NONE */
    uint32_t line, column;  /* 1-based */
    uint32_t key_line, key_column;
    uint32_t index;       /* in the parent */
    uint32_t count;       /* children */
    uint32_t height;      /* 1 for a scalar or an empty container */
    bool is_open;         /* still being read: an alias to it would be a cycle */
    uint32_t text_column; /* of the first byte of `text`, when columns are bytes; else 0 */
    bool has_secret;      /* holds ${secret:NAME} */
    const struct sk_str *file;
    struct sk_str key;        /* of a map's member */
    struct sk_str text;       /* scalars; a number as valid JSON */
    const struct sk_str *raw; /* NULL = text */
    struct sk_dsl_node *parent, *first, *last, *next;
};

static inline bool sk_dsl_is_scalar(const struct sk_dsl_node *node)
{
    return node->type < SK_JSON_ARRAY;
}
static inline bool sk_dsl_is_map(const struct sk_dsl_node *node)
{
    return node->type == SK_JSON_OBJECT;
}
static inline bool sk_dsl_is_list(const struct sk_dsl_node *node)
{
    return node->type == SK_JSON_ARRAY;
}

void sk_dsl_add_child(struct sk_dsl_node *parent, struct sk_dsl_node *child);
/* The member of a map; NULL when `map` is NULL or no map, or the member is missing or null. */
const struct sk_dsl_node *sk_dsl_get(const struct sk_dsl_node *map, const char *name);
/* "steps[2].timeout"; empty for the root. */
struct sk_str sk_dsl_path(const struct sk_dsl_node *node, struct sk_arena *arena);
/* The subtree as JSON: as the definition means it, or as the expanded source writes it. */
void sk_dsl_write_json(const struct sk_dsl_node *node, bool is_raw, struct sk_buf *out);
/* `yes`, `0x1f`, `null` … of a plain scalar to a type and, for numbers, valid JSON. False for what
 * JSON cannot say (.inf, .nan, a hexadecimal number over 64 bits); SK_JSON_STRING for everything
 * else. */
bool sk_scalar_resolve(struct sk_str text, struct sk_arena *arena, enum sk_json_type *out_type,
                       struct sk_str *out_text);

/* ---- diagnostics ----------------------------------------------------------------------------- */

enum { SK_DIAGNOSTICS_MAX = 200 };

struct sk_mark {
    struct sk_str file;
    uint32_t line, column;
    struct sk_str path;
};

/* `remedy` may be NULL. Texts are copied. */
void sk_diagnose(struct sk_diagnostics *diagnostics, enum sk_severity severity, const char *code,
                 const struct sk_mark *mark, const char *remedy, const char *format, ...)
    SK_PRINTF(6, 7);
struct sk_mark sk_mark_of(const struct sk_dsl_node *node, struct sk_diagnostics *diagnostics);
struct sk_mark sk_mark_of_key(const struct sk_dsl_node *member, struct sk_diagnostics *diagnostics);
/* Into file order; the main file first. */
void sk_diagnostics_sort(struct sk_diagnostics *diagnostics, struct sk_str main_file);

/* ---- reading --------------------------------------------------------------------------------- */

struct sk_tree {
    struct sk_arena arena;    /* holds the nodes and their texts */
    struct sk_dsl_node *root; /* NULL after an error */
    const struct sk_dsl_options *options;
    struct sk_diagnostics *diagnostics;
    uint32_t nodes_count;
    size_t bytes_count; /* of all files read */
};

/* One file being read; `up` are those that include it. */
struct sk_source {
    const struct sk_source *up;
    struct sk_tree *tree;
    struct sk_str bytes;
    struct sk_str path;        /* relative to the definition's folder; empty for the definition */
    const struct sk_str *file; /* for messages */
    uint32_t depth;            /* nodes around the place of inclusion */
    uint32_t includes_count;   /* around it */
};

/* Reads the whole definition. SKALD_E_INVALID: the diagnostics say why; SKALD_E_MEMORY. `tree` is
 * released by sk_tree_release in every case. */
enum skald_status sk_tree_read(struct sk_str source, const struct sk_dsl_options *options,
                               struct sk_diagnostics *diagnostics,
                               struct sk_tree *out_tree) SK_MUST_CHECK;
void sk_tree_release(struct sk_tree *tree);

/* One file, YAML or JSON; NULL after a diagnostic or without memory. */
struct sk_dsl_node *sk_source_read(const struct sk_source *source);
struct sk_dsl_node *sk_yaml_read(const struct sk_source *source);
struct sk_dsl_node *sk_json_read(const struct sk_source *source); /* of checked JSON */
/* `!include path`, met at a node of this depth. */
struct sk_dsl_node *sk_include_read(const struct sk_source *source, struct sk_str path,
                                    const struct sk_mark *mark, uint32_t depth);

/* A new node, counted; NULL past the limits (diagnosed) or without memory. */
struct sk_dsl_node *sk_tree_node(const struct sk_source *source, enum sk_json_type type,
                                 const struct sk_mark *mark, uint32_t depth);
/* Sets text, raw, type and has_secret of a scalar from what is written; `is_plain` = without
 * quotes. What is wrong is diagnosed and reading goes on, to find all of it. False without
 * memory. */
bool sk_tree_scalar(const struct sk_source *source, struct sk_dsl_node *node, struct sk_str written,
                    bool is_plain);
/* N2: refuses double names and drops merged members that are overridden. `merged` says from which
 * child on the members come from merge keys (their count when none do). False without memory. */
bool sk_tree_unique(const struct sk_source *source, struct sk_dsl_node *map, uint32_t merged);
/* ${NAME} in `written`: the text as meant; *out_raw as to be written again, NULL when the same. */
bool sk_environment_expand(const struct sk_source *source, struct sk_dsl_node *node,
                           struct sk_str written, struct sk_str *out_text);

#endif
