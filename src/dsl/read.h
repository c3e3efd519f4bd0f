/*
 * read.h: from the checked tree to a plan. Private to dsl/.
 *
 *   R1  Rows (keys.h) were checked before: a reader takes what has the right shape and passes over
 *       the rest in silence, for it was reported.
 *   R2  Everything a plan points to lives in the plan's arena; nothing of the tree survives.
 *   R3  Pass one gives ids, dependencies and flags of all steps, so that pass two can judge
 *       references.
 */
#ifndef SK_DSL_READ_H
#define SK_DSL_READ_H

#include "dsl/keys.h"

/* Where a text stands: what it may refer to. */
enum sk_text_place {
    SK_PLACE_REQUEST, /* of an action, verify or poll */
    SK_PLACE_TIMEOUT,
    SK_PLACE_UNDO, /* of a compensation */
    SK_PLACE_HOOK,
    SK_PLACE_ITEMS, /* foreach.items; wait.for, wait.until */
    SK_PLACE_KEY,   /* idempotency_key */
    SK_PLACE_CONDITION,
    SK_PLACE_VARIABLES,
    SK_PLACE_ANSWER, /* until and fail_if of a poll */
    SK_PLACE_LOCK,
    SK_PLACE_OUTPUT, /* of the saga */
    SK_PLACES_COUNT
};

enum { SK_SERVICE_BUCKETS = 256 };

/* The first endpoint that the document gives for a service. */
struct sk_known_service {
    struct sk_known_service *next;
    struct sk_str name;
    const struct sk_dsl_node *endpoint;
};

struct sk_compiler {
    const struct sk_dsl_options *options;
    struct sk_diagnostics *diagnostics;
    struct sk_plan *plan;
    struct sk_arena *arena;  /* the plan's */
    struct sk_arena scratch; /* of this compilation */
    const struct sk_dsl_node *root;
    const struct sk_dsl_node **step_nodes; /* by index; NULL where the element is no map */
    uint32_t steps_count;
    struct sk_str *step_ids;
    struct sk_bitset *ancestors; /* by index; NULL while the graph has errors */
    struct sk_known_service *services[SK_SERVICE_BUCKETS];
    /* defaults of the document */
    struct sk_retry_policy retry;
    enum sk_strategy strategy;
    int64_t undo_timeout_ms;
    struct sk_retry_policy undo_retry;
    bool is_undo_required;
    /* the step being read */
    uint32_t step_index; /* SK_STEP_NONE in the saga itself */
    enum sk_step_type step_type;
    struct sk_str item_name;
};

/* Reports at a node. */
void sk_complain(struct sk_compiler *c, enum sk_severity severity, const char *code,
                 const struct sk_dsl_node *node, const char *remedy, const char *format, ...)
    SK_PRINTF(6, 7);

/* Scalars of a map's member; the second value where it is missing or has the wrong shape. */
struct sk_str sk_read_text(struct sk_compiler *c, const struct sk_dsl_node *map, const char *name);
bool sk_read_bool(const struct sk_dsl_node *map, const char *name);
int64_t sk_read_count(const struct sk_dsl_node *map, const char *name, int64_t otherwise);
int64_t sk_read_duration(const struct sk_dsl_node *map, const char *name, int64_t otherwise);
int sk_read_word(const struct sk_dsl_node *map, const char *name, const char *const *words,
                 int otherwise);
/* The subtree as JSON in the plan; empty when missing. */
struct sk_str sk_read_json(struct sk_compiler *c, const struct sk_dsl_node *node);

/* Compiled texts; NULL when `node` is NULL or after a diagnostic. */
const struct sk_template *sk_read_template(struct sk_compiler *c, const struct sk_dsl_node *node,
                                           enum sk_text_place place);
const struct sk_condition *sk_read_condition(struct sk_compiler *c, const struct sk_dsl_node *node,
                                             enum sk_text_place place);
const struct sk_document *sk_read_document(struct sk_compiler *c, const struct sk_dsl_node *node,
                                           enum sk_text_place place);
const struct sk_template *sk_constant_template(struct sk_compiler *c, struct sk_str text);

/* `action`: a map with one sub-key. `type` = what it must be, SK_TYPE_NONE = whatever it is. */
const struct sk_action *sk_read_action(struct sk_compiler *c, const struct sk_dsl_node *node,
                                       enum sk_step_type type, enum sk_text_place place);
void sk_collect_services(struct sk_compiler *c);
/* `input_schema`, compiled; what is wrong with it is told at its place. */
void sk_read_schema(struct sk_compiler *c, const struct sk_dsl_node *node);
/* The limits under `services`, into the plan. */
void sk_read_services(struct sk_compiler *c);
const struct sk_dsl_node *sk_known_endpoint(struct sk_compiler *c, struct sk_str name);

/* `otherwise` is what stands when `node` is NULL. */
struct sk_retry_policy sk_read_retry(struct sk_compiler *c, const struct sk_dsl_node *node,
                                     const struct sk_retry_policy *otherwise);
/* The server's default policy for actions. */
struct sk_retry_policy sk_default_retry(const struct sk_dsl_options *options);
void sk_read_compensation(struct sk_compiler *c, const struct sk_dsl_node *node,
                          struct sk_step *step);
struct sk_hooks sk_read_hooks(struct sk_compiler *c, const struct sk_dsl_node *node,
                              enum sk_text_place place);
void sk_read_wait(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_step *step);

/* condition.c: a condition that is a function becomes a step of its own: the function of a step's
 * condition (NULL = none), the step that asks it, and what is left of the first. */
const struct sk_dsl_node *sk_condition_function(const struct sk_dsl_node *step);
const struct sk_dsl_node *sk_condition_asker(struct sk_compiler *c, const struct sk_dsl_node *step);
const struct sk_dsl_node *sk_condition_rest(struct sk_compiler *c, const struct sk_dsl_node *step);
void sk_check_condition(struct sk_compiler *c, const struct sk_dsl_node *condition);
void sk_read_graph(struct sk_compiler *c);      /* pass one */
void sk_read_steps(struct sk_compiler *c);      /* pass two */
void sk_read_saga(struct sk_compiler *c);       /* with the document's defaults; before pass two */
void sk_read_saga_texts(struct sk_compiler *c); /* those that refer to steps; after pass one */

/* One key against another. */
void sk_check_graph(struct sk_compiler *c);
void sk_check_times(struct sk_compiler *c);
void sk_check_steps(struct sk_compiler *c);

#endif
