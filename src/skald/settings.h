/*
 * settings.h: every setting of a server in one table (settings.c), which the readers of files,
 * environment and flags, `--help`, `--print-config`, `skald config list` and the page
 * docs/configuration.md all walk.
 *
 *   sk_settings_init ─► files, in order ─► environment ─► flags ─► sk_settings_finish
 *
 *   T1  What comes later overrides; maps are merged name by name; a null gives back the default.
 *   T2  Everything wrong is found at once: a diagnostic has its place and says what is right.
 *   T3  A value is parsed by its row wherever it comes from, defaults too.
 *   T4  Secrets are `${secret:NAME}` (secret.h); their values are never held here nor printed.
 *
 * How to add one: the head of settings.c.
 */
#ifndef SK_SKALD_SETTINGS_H
#define SK_SKALD_SETTINGS_H

#include "skald/assemble.h"

enum sk_setting_type {
    SK_SETTING_BOOL,     /* bool */
    SK_SETTING_INT,      /* an integer of 4 or 8 bytes, min … max */
    SK_SETTING_DURATION, /* int64_t, milliseconds: "30s" */
    SK_SETTING_SIZE,     /* an integer of 4 or 8 bytes: "4MiB" */
    SK_SETTING_NUMBER,   /* double, min … max */
    SK_SETTING_TEXT,     /* const char *; NULL = none */
    SK_SETTING_WORD,     /* an enum or int: the place in `words` */
    SK_SETTING_LIST,     /* struct sk_setting_list */
    SK_SETTING_PAIRS,    /* struct sk_setting_pairs: name → text */
    SK_SETTING_MAP       /* struct sk_setting_map: name → the settings of a table of its own */
};

struct sk_setting_list {
    const char *const *items;
    size_t count;
};

struct sk_setting_pair {
    const char *name, *text;
};
struct sk_setting_pairs {
    const struct sk_setting_pair *items;
    size_t count;
};

/* The first member of each entry of a map: for (e = map->first; e != NULL; e = e->next). */
struct sk_setting_entry {
    struct sk_setting_entry *next;
    const char *name;
};
struct sk_setting_map {
    struct sk_setting_entry *first, *last;
    size_t count;
};

struct sk_setting_table;

struct sk_setting {
    const char *name; /* "limits.sagas_max"; in a sub-table without the map's name */
    enum sk_setting_type type;
    const char *standard; /* the default as written in YAML; NULL = none (0, empty) */
    int64_t min, max;    /* INT, NUMBER, DURATION (ms), SIZE (bytes); both 0 = any (not negative) */
    size_t offset, size; /* of its field: AT() of settings.c */
    const char *help;    /* one line, without its full stop */
    const char *zero;    /* what 0 means, if it means more than 0: "no limit" */
    int64_t zero_as;     /* stored in place of 0, where the field's own 0 means "default" */
    const char *const *words;             /* WORD; ends with NULL */
    const struct sk_setting_table *table; /* MAP */
    const char *flag;                     /* of `skald serve`; NULL = none (--set works for all) */
    char letter;                          /* of that flag; 0 = none */
    const char *value;                    /* how the flag's value is called: "HOST:PORT" */
    bool may_hold_secret;                 /* ${secret:NAME} is resolved where it is used */
    bool must_be_secret; /* refused when written out; with PAIRS: for names that sound secret */
};

struct sk_setting_table {
    const char *name; /* of one entry, for the docs: "service"; "" for the whole */
    const struct sk_setting *rows;
    size_t rows_count;
    size_t entry_size; /* of the struct that begins with a struct sk_setting_entry */
};

extern const struct sk_setting_table sk_settings_table;

/* One entry of `services`. */
struct sk_service_settings {
    struct sk_setting_entry entry;
    struct sk_service_options options; /* name and headers are put in by sk_settings_finish */
    struct sk_setting_pairs headers;
};

struct sk_settings {
    struct sk_node_options node; /* store, name, log, engine, participants */
    /* the HTTP server */
    const char *listen;
    int64_t body_size_max, connections_max, idle_timeout_ms, request_timeout_ms, wait_ms_max;
    int64_t streams_max, heartbeat_ms, observations_max;
    bool compat_rte;
    int64_t grace_ms;
    struct sk_setting_list definitions; /* files */
    struct sk_setting_list plugins;     /* files: skald/plugins.h */
    struct sk_setting_list hosts_allow;
    struct sk_setting_map services;   /* of struct sk_service_settings: settings_services.c */
    struct sk_setting_list sensitive; /* names; node.engine.mask points there */
    struct sk_setting_map channels;   /* struct sk_channel_settings */
    /* private to settings_*.c */
    struct sk_arena arena;
    struct sk_setting_given *given; /* what was said, newest first */
};

/* The defaults. */
enum skald_status sk_settings_init(struct sk_settings *settings) SK_MUST_CHECK;
void sk_settings_release(struct sk_settings *settings);

/* One more file over what is there. SKALD_E_INVALID: the diagnostics say why; every other failure
 * is in `error`. */
enum skald_status sk_settings_read_file(struct sk_settings *settings, const char *path,
                                        struct sk_diagnostics *diagnostics,
                                        skald_error *error) SK_MUST_CHECK;
/* SKALD_<NAME> for every row: dots are underscores. Maps are taken as YAML, lists with commas. A
 * variable that is no setting is a warning: platforms invent names too. */
enum skald_status sk_settings_read_environment(struct sk_settings *settings, char *const *variables,
                                               struct sk_diagnostics *diagnostics) SK_MUST_CHECK;
/* One value by its name ("services.stock.timeout"); `origin` is what messages call it
 * ("--listen"). */
enum skald_status sk_settings_set(struct sk_settings *settings, const char *name, const char *text,
                                  const char *origin,
                                  struct sk_diagnostics *diagnostics) SK_MUST_CHECK;
/* What one setting says against another. SKALD_E_INVALID after an error here or before. */
enum skald_status sk_settings_finish(struct sk_settings *settings,
                                     struct sk_diagnostics *diagnostics) SK_MUST_CHECK;

/* ---- looking --------------------------------------------------------------------------------- */

/* A value as it is in force: masked, with where it comes from: "default", "prod.yaml:12",
 * "environment SKALD_LISTEN", "--listen". `text` is YAML. */
struct sk_setting_view {
    const struct sk_setting *row;
    struct sk_str path, text, origin;
    bool is_default;
};
typedef void sk_setting_fn(void *context, const struct sk_setting_view *view);
/* In the order of the table; entries of maps in the order they were given. */
enum skald_status sk_settings_each(const struct sk_settings *settings, sk_setting_fn *fn,
                                   void *context) SK_MUST_CHECK;

/* The row of a path, through maps; NULL = there is none. */
const struct sk_setting *sk_setting_named(struct sk_str path);
/* "SKALD_LIMITS_SAGAS_MAX"; cut at size. */
void sk_setting_variable(const struct sk_setting *row, char *out, size_t size);
/* "duration", "1 to 1000000", "one of auto, json, text". */
const char *sk_setting_type_name(enum sk_setting_type type);
void sk_setting_rule(const struct sk_setting *row, struct sk_buf *out);

/* "4MiB", "64kB", "100": bytes. */
bool sk_size_parse(struct sk_str text, int64_t *out_size);
void sk_size_format(int64_t size, struct sk_buf *out);

#endif
