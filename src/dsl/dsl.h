/*
 * dsl.h: YAML (or JSON, its subset) → plan, with every problem found at once and marked.
 * Pure: files and environment come in as callbacks. The vocabulary is that of docs/definitions.md.
 */
#ifndef SK_DSL_DSL_H
#define SK_DSL_DSL_H

#include "core/plan.h"

enum sk_severity { SK_SEVERITY_ERROR, SK_SEVERITY_WARNING, SK_SEVERITY_ADVICE };

struct sk_diagnostic {
    enum sk_severity severity;
    struct sk_str
        code; /* stable, for the troubleshooting page: "unknown_key", "dependency_cycle" */
    struct sk_str file;
    uint32_t line, column; /* 1-based; 0 = the file as a whole */
    struct sk_str path;    /* "steps[2].action.service.path"; empty = the document */
    struct sk_str message; /* what is wrong */
    struct sk_str remedy;  /* what would be right; may be empty */
};

struct sk_diagnostics {
    struct sk_arena arena;       /* holds the texts */
    struct sk_diagnostic *items; /* in file order */
    uint32_t count, capacity;
    uint32_t errors_count;
};
void sk_diagnostics_init(struct sk_diagnostics *diagnostics);
void sk_diagnostics_release(struct sk_diagnostics *diagnostics);
/* "order.yaml:12:7: error: steps[0].timeout: … (remedy) [bad_duration]\n" for each. */
void sk_diagnostics_print(const struct sk_diagnostics *diagnostics, struct sk_buf *out);
/* A JSON array of objects with the fields above. */
void sk_diagnostics_json(const struct sk_diagnostics *diagnostics, struct sk_buf *out);

struct sk_dsl_options {
    struct sk_str file_name; /* for messages; empty = "definition" */
    bool is_strict;          /* unknown keys are errors */
    /* Server defaults, put into the plan; 0 = 10 s, 5 min, 30 s (lock: < 0 = waits). A policy with
     * max_attempts 0 = fixed 5 s × 4, and of compensations exponential 1 s … 1 min × 5. */
    int64_t attempt_timeout_ms, saga_timeout_ms, lock_timeout_ms;
    struct sk_retry_policy retry, undo_retry; /* without lists of errors */
    enum sk_strategy strategy;
    int64_t undo_timeout_ms; /* 0 = the step's */
    /* `!include`: appends the file's bytes; path is relative to the definition's folder (written,
     * it is relative to the including file's) and already checked to stay inside. NULL = includes
     * are refused. */
    enum skald_status (*include)(void *context, struct sk_str path, struct sk_buf *out,
                                 skald_error *error);
    /* `${NAME}`: true and the value, or false. NULL = every name is unset. */
    bool (*environment)(void *context, struct sk_str name, struct sk_buf *out);
    void *context;
};

/* The source after includes and environment, as one JSON text in document order: what is stored,
 * what the digest (SHA-256 of these bytes) covers, and what sk_dsl_compile reads again at
 * recovery. */
enum skald_status sk_dsl_expand(struct sk_str source, const struct sk_dsl_options *options,
                                struct sk_buf *out_json,
                                struct sk_diagnostics *diagnostics) SK_MUST_CHECK;

/* Whole: reads, expands, checks, compiles. On SKALD_OK *out_plan is the caller's (sk_plan_free) and
 * *out_json, when not NULL, the expanded source. SKALD_E_INVALID: the diagnostics say why, all at
 * once. SKALD_E_MEMORY. Warnings and advice do not fail. */
enum skald_status sk_dsl_compile(struct sk_str source, const struct sk_dsl_options *options,
                                 struct sk_plan **out_plan, struct sk_buf *out_json,
                                 struct sk_diagnostics *diagnostics) SK_MUST_CHECK;

/* The words of policies, in the order of their enumerations; each list ends with NULL. */
extern const char *const sk_words_strategy[]; /* enum sk_strategy */
extern const char *const sk_words_retry[];    /* enum sk_retry_type */
extern const char *const sk_words_jitter[];   /* none, quarter, full: enum sk_jitter */

/* ---- tools over a plan ----------------------------------------------------------------------- */

enum sk_graph_format { SK_GRAPH_DOT, SK_GRAPH_MERMAID, SK_GRAPH_SVG, SK_GRAPH_JSON, SK_GRAPH_TEXT };
/* `states` colours the steps: by step index, a step state's name, or NULL. SVG is laid out by
 * levels. */
enum skald_status sk_dsl_graph(const struct sk_plan *plan, enum sk_graph_format format,
                               const char *const *states, struct sk_buf *out) SK_MUST_CHECK;

struct sk_dry_run_options {
    struct sk_str input;      /* checked JSON; empty = {} */
    struct sk_str fail_step;  /* empty = none */
    struct sk_str fail_class; /* failed (default), retryable, unknown */
    bool as_json;
};
/* Levels, order of execution and of compensation, resolved requests, skipped steps, worst-case
 * duration. */
enum skald_status sk_dsl_dry_run(const struct sk_plan *plan,
                                 const struct sk_dry_run_options *options, struct sk_buf *out,
                                 skald_error *error) SK_MUST_CHECK;

#endif
