/*
 * keys.h: every key of a definition in one table: name, type, range, words, help. The check of a
 * file, its "did you mean", the JSON Schema for editors and the reference page walk the same rows.
 * What rows cannot say (one key against another) is in check_*.c.
 */
#ifndef SK_DSL_KEYS_H
#define SK_DSL_KEYS_H

#include "dsl/node.h"

enum sk_key_type {
    SK_KEY_TEXT,      /* a scalar, taken as text; max = characters */
    SK_KEY_NAME,      /* ^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$, ≤ 100 */
    SK_KEY_SERVICE,   /* ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$, ≤ 100 */
    SK_KEY_VARIABLE,  /* ^[a-zA-Z_][a-zA-Z0-9_]*$ */
    SK_KEY_TEMPLATE,  /* a scalar that may hold {{ }} */
    SK_KEY_CONDITION, /* an expression */
    SK_KEY_DURATION,  /* min … max in ms */
    SK_KEY_TIMEOUT,   /* a duration, or a template that yields one */
    SK_KEY_BOOL,
    SK_KEY_COUNT,     /* an integer, min … max */
    SK_KEY_FACTOR,    /* a number, min … max */
    SK_KEY_WORD,      /* one of names */
    SK_KEY_JITTER,    /* true, false or one of names */
    SK_KEY_MAP,       /* of the keys in map */
    SK_KEY_LIST,      /* of maps with the keys in map */
    SK_KEY_MAPS,      /* name → map with the keys in map */
    SK_KEY_NAMES,     /* a list of step ids */
    SK_KEY_TEXTS,     /* a scalar or a list of scalars */
    SK_KEY_TEMPLATES, /* a list of templates */
    SK_KEY_STATUSES,  /* a list of HTTP statuses */
    SK_KEY_PAIRS,     /* name → template */
    SK_KEY_OBJECT,    /* any map */
    SK_KEY_TEXT_MAP,  /* a text, or a map with the keys in map */
    SK_KEY_ANY
};

struct sk_key_map;

struct sk_key {
    const char *name;
    enum sk_key_type type;
    bool is_required;
    bool may_hold_secret;
    int64_t min, max;
    const char *const *names; /* SK_KEY_WORD, SK_KEY_JITTER; ends with NULL */
    const struct sk_key_map *map;
    const char *help;
};

struct sk_key_map {
    const char *name; /* for the reference: "step", "retry policy" */
    const struct sk_key *keys;
    size_t keys_count;
    bool is_open; /* other keys are welcome (custom actions) */
};

/* The whole document. */
extern const struct sk_key_map sk_keys_document;

/* Words in the order of the enumerations they are lowered to. */
extern const char *const sk_words_mode[];       /* enum sk_mode */
extern const char *const sk_words_order[];      /* graph, sequential */
extern const char *const sk_words_recovery[];   /* backward, forward */
extern const char *const sk_words_undo[];       /* custom, skip, automatic */
extern const char *const sk_words_on_failure[]; /* enum sk_on_failure */
extern const char *const sk_words_step_type[];  /* see SK_TYPE_… */
extern const char *const sk_words_lock[];       /* release, hold */
extern const char *const sk_words_when[];       /* possible, completed */
extern const char *const sk_words_required[];   /* optional, required */

enum sk_step_type {
    SK_TYPE_SERVICE,
    SK_TYPE_HTTP,
    SK_TYPE_GRPC,
    SK_TYPE_FUNCTION,
    SK_TYPE_MESSAGE,
    SK_TYPE_CUSTOM,
    SK_TYPE_SAGA,
    SK_TYPE_WAIT,
    SK_TYPE_TASK,
    SK_TYPE_NONE
};

/* Checks a tree against the rows: unknown keys (errors when strict), missing ones, types, ranges,
 * words, patterns, secrets where they must not stand. */
void sk_keys_check(const struct sk_dsl_node *root, bool is_strict,
                   struct sk_diagnostics *diagnostics);
/* "did you mean `x`?", or `otherwise`; `out` has `size` bytes. `names` ends with NULL. */
const char *sk_did_you_mean(struct sk_str word, const char *const *names, const char *otherwise,
                            char *out, size_t size);
/* The place of `word` in names, or `otherwise`. */
int sk_word_index(struct sk_str word, const char *const *names, int otherwise);
bool sk_is_service_name(struct sk_str text);

#endif
