/*
 * model.h: the second model: what a saga may do, said once more, plainly and slowly, from
 * docs/internals/semantics.md alone. It shares no code with the core (scripts/layers sees to it)
 * and reads the definition as the user wrote it.
 *
 * It decides nothing. It is shown what happened, event by event, and says whether that may be; then
 * it tells what must be true of the saga now, for a comparison with what the core believes. It
 * leaves free what the semantics leave free (which of two steps first, the time of an answer, the
 * value of a condition) and nothing else.
 *
 * It does not evaluate expressions or templates, looks into no output, and knows nothing of
 * requests, keys, nodes and stores: other judges do.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_definition;
struct model;

struct model_text {
    const char *data;
    size_t size;
};

/* Reads a definition in its JSON form; NULL: no definition (the reader is not strict). */
struct model_definition *model_definition_new(const char *json, size_t size);
void model_definition_free(struct model_definition *definition);
/* The place of a step's id in the definition, or -1. */
int model_definition_step(const struct model_definition *definition, struct model_text id);

/* What a start fixes beside the definition. Borrowed for model_new. */
struct model_start {
    int64_t timeout_ms;                 /* 0 = the definition's */
    unsigned max_attempts;              /* 0 = the definition's */
    const struct model_text *lock_keys; /* in the order in which they are to be asked for */
    unsigned lock_keys_count;
    const struct model_text *inherited_keys; /* an ancestor holds them */
    unsigned inherited_keys_count;
    bool has_parent;
};

/* The engine's settings that the rules depend on; 0 = the default. */
struct model_rules {
    unsigned takeups_max;       /* 3 */
    int64_t takeup_pause_ms;    /* 30 s */
    int64_t verify_timeout_ms;  /* 10 s */
    unsigned hook_attempts_max; /* 5 */
    bool is_varying; /* other engines of other settings take part: then none of them bounds */
};

/* The definition must live as long as the model. */
struct model *model_new(const struct model_definition *definition, const struct model_start *start,
                        const struct model_rules *rules);
void model_free(struct model *model);

/* One fact of a history. What the numbers mean for each type: docs/internals/semantics.md, "What
 * the events carry". */
struct model_event {
    uint64_t seq;
    int64_t at_ms;
    const char *type;       /* "step.started" */
    struct model_text step; /* its id; no data = none */
    int32_t item;           /* -1 = none */
    uint32_t attempt, round;
    int64_t when_ms, when2_ms;
    uint32_t kind, flags;
    uint64_t number;
    struct model_text text, extra;
};

/* The next event of the history. NULL: it may come now, and the model has taken it in. Otherwise
 * the law that it breaks, as a sentence; the model is of no use afterwards. Valid until the next
 * call. */
const char *model_event(struct model *model, const struct model_event *event);

/* Between two decisions, everything that follows at once has followed: NULL, or what is missing.
 * `now_ms` is the time of the decision. */
const char *model_rest(struct model *model, int64_t now_ms);

/* When nothing is to come any more: NULL, or why it cannot rest so (law 11). */
const char *model_end_check(struct model *model, int64_t now_ms);

/* An invocation is about to leave. NULL: it may. `operation`: "action", "compensation", "verify",
 * "poll", "hook". */
struct model_sending {
    const char *operation;
    struct model_text step;
    int32_t item;
    uint32_t attempt, round;
    int64_t deadline_ms;
    uint64_t started_by; /* the event that made it due; 0 = not known */
};
const char *model_may_send(struct model *model, const struct model_sending *sending);

/* ---- what must be true now ------------------------------------------------------------------- */

struct model_saga_view {
    uint64_t seq;
    const char *state;  /* "running"; not "suspended" */
    const char *reason; /* "step", "cancel" …; "" = none */
    const char *wish;   /* recorded while a pivot was open; "" = none */
    bool is_suspended, is_past_pivot, is_forced;
    unsigned open; /* after the end: what is still under way */
    unsigned residue;
    unsigned late_count, signals_stored;
};
void model_saga(const struct model *model, struct model_saga_view *out);

struct model_unit_view {
    const char *state; /* "waiting" */
    bool maybe;
    uint32_t attempt, round;           /* of the action */
    uint32_t undo_attempt, undo_round; /* of the compensation */
    bool is_flying;                    /* an action's attempt is due or on the wire */
    bool is_undo_flying, is_verify_flying;
    int64_t loose_until_ms; /* latest deadline of attempts that nobody answered; 0 = none */
};
unsigned model_steps_count(const struct model *model);
const char *model_step_id(const struct model *model, unsigned step);
const char *model_step_state(const struct model *model, unsigned step);
/* One, or one per item. */
unsigned model_units_count(const struct model *model, unsigned step);
void model_unit(const struct model *model, unsigned step, unsigned place,
                struct model_unit_view *out);

#endif
