/*
 * shapes.h: how everything looks as JSON; the only place that says so. Clients rely on these names:
 * a member may be added, none may be renamed, and one that is always there stays so (null when it
 * has no value). Instants are RFC 3339 with milliseconds; items are numbered from 0.
 */
#ifndef SK_API_SHAPES_H
#define SK_API_SHAPES_H

#include "base/json.h"
#include "core/saga.h"
#include "engine/engine.h"

/* A saga with its steps. */
void sk_shape_saga(struct sk_json_writer *w, const struct sk_saga *saga);
/* A step; with_items: each item of a foreach too. */
void sk_shape_step(struct sk_json_writer *w, const struct sk_saga *saga, uint32_t step,
                   bool with_items);
/* A row of a list: what the store's narrow table knows. */
void sk_shape_head(struct sk_json_writer *w, const struct sk_head *head, struct sk_str definition,
                   struct sk_str version);
/* `plan` may be NULL: then the step is null and its index still there. */
void sk_shape_event(struct sk_json_writer *w, const struct sk_plan *plan,
                    const struct sk_event_row *row);
/* The same in a list of many sagas: whose it is stands in it too. */
struct sk_event_names {
    struct sk_str saga, definition, version, step; /* empty = null */
};
void sk_shape_feed_event(struct sk_json_writer *w, const struct sk_event_names *names,
                         const struct sk_event_row *row);
/* `graph`: NULL = a row of a list; else JSON, or empty where there is no plan. */
void sk_shape_definition(struct sk_json_writer *w, const struct sk_definition_row *row,
                         const struct sk_str *graph);
void sk_shape_stats(struct sk_json_writer *w, const struct sk_engine_stats *stats);

/* Members. Text, time and raw JSON are null when there is nothing. */
void sk_shape_count(struct sk_json_writer *w, const char *name, uint64_t count);
void sk_shape_number(struct sk_json_writer *w, const char *name, int64_t number);
void sk_shape_flag(struct sk_json_writer *w, const char *name, bool is_so);
void sk_shape_raw(struct sk_json_writer *w, const char *name, struct sk_str json);
void sk_shape_time(struct sk_json_writer *w, const char *name, int64_t at_ms);
void sk_shape_text(struct sk_json_writer *w, const char *name, struct sk_str text);

/* Sums over shards and definitions. */
void sk_count_states(const struct sk_tally_row *rows, uint32_t count,
                     int64_t out_counts[SK_SAGA_STATES_COUNT]);

#endif
