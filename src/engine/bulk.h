/*
 * bulk.h: one command for all sagas that a filter finds, in the background, durably: a batch
 * survives a restart and goes on where it was.
 */
#ifndef SK_ENGINE_BULK_H
#define SK_ENGINE_BULK_H

#include "core/decide.h"
#include "store/store.h"

struct sk_engine;
struct sk_reply;

enum sk_bulk_state { SK_BULK_RUNNING, SK_BULK_FINISHED, SK_BULK_CANCELLED };
const char *sk_bulk_state_name(enum sk_bulk_state state);

/* SK_COMMANDS_COUNT as a kind: remove the saga. */
#define SK_BULK_DELETE SK_COMMANDS_COUNT
const char *sk_bulk_command_name(enum sk_command_kind kind);
/* SK_COMMAND_START: no command of that name is for batches. */
enum sk_command_kind sk_bulk_command_of(struct sk_str name);

struct sk_bulk_request {
    struct sk_str id; /* 1–200 bytes; the same again is the same batch */
    enum sk_command_kind kind;
    struct sk_str by, reason;
    bool past_pivot;
    struct sk_list_filter filter; /* without cursor, offset, sort */
};

/* Why a saga was left as it was. */
enum sk_bulk_refusal {
    SK_BULK_WRONG_STATE,
    SK_BULK_NOT_FOUND,
    SK_BULK_LIMIT,
    SK_BULK_OTHER,
    SK_BULK_REFUSALS_COUNT
};
const char *sk_bulk_refusal_name(enum sk_bulk_refusal refusal);

struct sk_bulk_view { /* borrowed from the engine: for one call */
    struct sk_str id, by, reason;
    enum sk_command_kind kind;
    enum sk_bulk_state state;
    bool has_matched;
    uint64_t matched; /* when it began */
    uint64_t seen, done, failed, refused[SK_BULK_REFUSALS_COUNT];
    int64_t created_at_ms, finished_at_ms;
    struct sk_str last_error;
};

enum { SK_BULKS_RUNNING_MAX = 16, SK_BULKS_KEPT_MAX = 1000 };

typedef void sk_bulk_done(void *context, enum skald_status status, const skald_error *error,
                          const struct sk_bulk_view *view, bool is_replayed);
/* `done` when the batch is durable. SKALD_E_CONFLICT: the id stands for another request; LIMIT: so
 * many run already. */
void sk_engine_bulk_start(struct sk_engine *engine, const struct sk_bulk_request *request,
                          sk_bulk_done *done, void *context);
/* No further saga is told; what was told stays told. */
void sk_engine_bulk_cancel(struct sk_engine *engine, struct sk_str id, sk_bulk_done *done,
                           void *context);
/* Those of this node's shards: false: none of that id. */
bool sk_engine_bulk_get(struct sk_engine *engine, struct sk_str id, struct sk_bulk_view *out_view);
/* The newest first; each by a call of `fn`, which returns false to end. */
void sk_engine_bulk_each(struct sk_engine *engine,
                         bool (*fn)(void *context, const struct sk_bulk_view *view), void *context);

#endif
