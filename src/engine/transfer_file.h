/*
 * transfer_file.h: one saga as a file: its definition, the facts of its head, all its events byte
 * by byte. Written by an export; read by an import and by `skald replay`. No engine is needed.
 *
 *   {"skald_export": 2, "exported_at": "…",
 *    "definition": {"id", "version", "digest", "source": {…}},
 *    "saga": {"id", "namespace", "state", "reason", "seq", "created_at", "updated_at", "ended_at"},
 *    "sensitive": ["card.number"],  (only where the server has such names; nothing is masked here)
 *    "events": [{"seq", "at_ms", "type", "step", "item", "attempt", "round", "data"}, …],
 *    "sum": SHA-256 of all that, in hex}
 *
 *   T1  What is read has been folded: the events give a saga of that id, state and seq.
 *   T2  `data` is base64 of the stored bytes (core/event.h), so nothing is lost or reformatted.
 *   T3  `sum` is that of the canonical form of the file without it: no change of a value is
 *       overlooked, blanks and the order of members may change. Format 1 had none and is read.
 */
#ifndef SK_ENGINE_TRANSFER_FILE_H
#define SK_ENGINE_TRANSFER_FILE_H

#include "base/mask.h"
#include "core/saga.h"
#include "dsl/dsl.h"
#include "store/store.h"

enum {
    SK_TRANSFER_FORMAT = 2,
    SK_TRANSFER_FORMAT_WITHOUT_SUM = 1,
    SK_TRANSFER_EVENTS_MAX = 10 * 1000 * 1000
};

struct sk_transfer {
    struct sk_arena arena;
    struct sk_str id;     /* of the saga */
    struct sk_str source; /* of the definition: JSON */
    struct sk_plan *plan; /* compiled from it */
    enum sk_saga_state state;
    struct sk_mask mask; /* of values that are not to be shown */
    struct sk_event_row *events;
    uint32_t events_count;
};

/* The error says where the file is damaged and what to do. Release it in any case. */
enum skald_status sk_transfer_read(struct sk_str text, const struct sk_dsl_options *options,
                                   struct sk_transfer *out, skald_error *error) SK_MUST_CHECK;
void sk_transfer_release(struct sk_transfer *transfer);
/* Folds the events up to and with this seq (0 = all) into `saga`, which the caller releases in any
 * case. */
enum skald_status sk_transfer_fold(const struct sk_transfer *transfer, uint64_t upto_seq,
                                   struct sk_saga *saga, skald_error *error) SK_MUST_CHECK;

/* An event as it is in the store; false: damaged. Spans are borrowed from the row. */
bool sk_transfer_event(const struct sk_event_row *row, struct sk_event *out_event) SK_MUST_CHECK;

struct sk_transfer_source {
    const struct sk_head *head;
    const struct sk_definition_row *definition;
    const struct sk_event_row *events; /* all */
    uint32_t events_count;
    const struct sk_plan *plan; /* names of steps */
    const struct sk_mask *mask; /* may be NULL */
    int64_t now_ms;
};
void sk_transfer_write(const struct sk_transfer_source *source, struct sk_buf *out);

#endif
