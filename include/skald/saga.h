/*
 * saga.h: starting sagas, looking at them, and everything that operators may do to one: the same
 * operations as the HTTP API, with the same answers (docs/http-api.md).
 *
 * For all of them: any thread but the engine's own (engine.h says which that is); texts in are
 * borrowed for the call; *out_reply is the caller's, may be NULL when it is not wanted, and is
 * after a failure the problem document or NULL (skald_request). Errors are those of skald_request;
 * named below is what they mean here. Where nothing else is said, the reply is the saga as it is
 * after the operation.
 */
#ifndef SKALD_SAGA_H
#define SKALD_SAGA_H

#include <skald/api.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

/* ---- start and look -------------------------------------------------------------------------- */

typedef struct skald_start_options {
    size_t size;
    const char *id;              /* 1 to 200 of A-Z a-z 0-9 - _ : ; NULL = drawn */
    const char *idempotency_key; /* used when id is NULL; 200 bytes at most */
    const char *version;         /* of the definition; NULL = the one defined last */
    const char *context_json;    /* object: request ids, tokens, URLs */
    const char *business_key;    /* how the business calls it */
    const char *attributes_json; /* object of scalars; searchable */
    const char *tags_json;       /* list of texts; searchable */
    const char *lock_keys_json; /* list of texts; held from start to end, beside the definition's */
    const char *space;          /* `namespace`: whom it belongs to */
    int64_t timeout_ms;         /* in place of the definition's; 0 = that */
    uint32_t max_attempts;      /* of each step, at most; 0 = the definition's */
    int32_t priority;           /* of admission: higher comes first */
} skald_start_options;
SKALD_DEFINE_INIT(skald_start_options)

/*
 * Starts a saga. When it returns SKALD_OK the saga exists, whatever crashes next. Starting again
 * under the same id (or key) with the same content starts nothing: SKALD_OK, the saga as it is, and
 * skald_reply_is_replayed; with another content SKALD_E_CONFLICT. `input_json` is any JSON value;
 * NULL = null. SKALD_E_NOT_FOUND: no such definition. SKALD_E_AGAIN: too many are waiting;
 * skald_reply_retry_after_ms. After SKALD_E_CLOSED or a lost process, start again under the same
 * id: that is what ids are for.
 */
SKALD_API enum skald_status skald_start(skald_engine *engine, const char *definition,
                                        const char *input_json, const skald_start_options *options,
                                        skald_reply **out_reply, skald_error *error);

/* The saga as of its durable state. SKALD_E_NOT_FOUND. */
SKALD_API enum skald_status skald_get(skald_engine *engine, const char *saga,
                                      skald_reply **out_reply, skald_error *error);
/* As get, once the saga has ended; or after timeout_ms (> 0) as it then is: look at
 * skald_reply_state. */
SKALD_API enum skald_status skald_wait(skald_engine *engine, const char *saga, int64_t timeout_ms,
                                       skald_reply **out_reply, skald_error *error);
/* Its steps with the items of each: {items: […]}. */
SKALD_API enum skald_status skald_steps(skald_engine *engine, const char *saga,
                                        skald_reply **out_reply, skald_error *error);
/* Its history, `limit` events (0 = 100) after number `after` (0 = from the first): {items: […]}. */
SKALD_API enum skald_status skald_events(skald_engine *engine, const char *saga, uint64_t after,
                                         uint32_t limit, skald_reply **out_reply,
                                         skald_error *error);

typedef struct skald_list_options {
    size_t size;
    const char *state;      /* "failed"; several with commas */
    const char *definition; /* its id */
    const char *business_key;
    const char *space;
    const char *parent; /* the children of a saga */
    const char *query;  /* further parameters of GET /api/v1/sagas, percent-encoded:
                                 "sort=updated_at&tag=vip" */
    const char *cursor; /* `next` of the page before */
    uint32_t limit;     /* 0 = 50 */
} skald_list_options;
SKALD_DEFINE_INIT(skald_list_options)

/* Heads of sagas, newest first: {items: […], next}. */
SKALD_API enum skald_status skald_list(skald_engine *engine, const skald_list_options *options,
                                       skald_reply **out_reply, skald_error *error);

/* What it is waiting for, until when, and what happens then: {text, …}. */
SKALD_API enum skald_status skald_explain(skald_engine *engine, const char *saga,
                                          skald_reply **out_reply, skald_error *error);
/* What a cancel would await, undo and leave, in order; nothing is done. is_forced: a force-cancel,
 * with past_pivot also after the pivot. */
SKALD_API enum skald_status skald_preview_cancel(skald_engine *engine, const char *saga,
                                                 bool is_forced, bool past_pivot,
                                                 skald_reply **out_reply, skald_error *error);
/* The whole saga as a JSON document: definition, facts, all events (docs/moving-a-saga.md); the
 * reply is it. */
SKALD_API enum skald_status skald_export(skald_engine *engine, const char *saga,
                                         skald_reply **out_reply, skald_error *error);
/* Makes the saga of such a document here; one that has not ended arrives suspended. `by` (may be
 * NULL) is kept in its history. SKALD_E_CONFLICT: there is one of its id. SKALD_E_INVALID. */
SKALD_API enum skald_status skald_import(skald_engine *engine, const char *export_json,
                                         const char *by, skald_reply **out_reply,
                                         skald_error *error);
/* Removes a saga that has ended, with its history; the reply is empty. SKALD_E_STATE: it has not,
 * or something still needs it. */
SKALD_API enum skald_status skald_delete(skald_engine *engine, const char *saga,
                                         skald_reply **out_reply, skald_error *error);

/* ---- operators' commands --------------------------------------------------------------------- */

/*
 * Who and why are required: they are kept in the history. Idempotent by command_id. What a command
 * means in which state is the table of docs/internals/semantics.md; where it does not fit:
 * SKALD_E_STATE with the reason.
 */
typedef struct skald_command_options {
    size_t size;
    const char *by, *reason;
    const char *command_id;  /* the same again changes nothing; NULL = a new command */
    const char *step;        /* retry (optional), skip-step (required) */
    int32_t item_plus_one;   /* of a foreach: item 0 is 1; 0 = the whole step */
    const char *input_json;  /* retry: in place of the step's input */
    const char *output_json; /* skip-step: what the step counts with */
    bool past_pivot;         /* force-cancel: also after the pivot */
} skald_command_options;
SKALD_DEFINE_INIT(skald_command_options)

/* Undoes what was done and ends. skald_reply_status is 202 while a pivot in flight decides. */
SKALD_API enum skald_status skald_cancel(skald_engine *engine, const char *saga,
                                         const skald_command_options *options,
                                         skald_reply **out_reply, skald_error *error);
/* Cancels without awaiting what is in flight. */
SKALD_API enum skald_status skald_force_cancel(skald_engine *engine, const char *saga,
                                               const skald_command_options *options,
                                               skald_reply **out_reply, skald_error *error);
/* Ends as completed, whatever is open. */
SKALD_API enum skald_status skald_force_complete(skald_engine *engine, const char *saga,
                                                 const skald_command_options *options,
                                                 skald_reply **out_reply, skald_error *error);
/* Tries again at once what waits or has failed. */
SKALD_API enum skald_status skald_retry_saga(skald_engine *engine, const char *saga,
                                             const skald_command_options *options,
                                             skald_reply **out_reply, skald_error *error);
/* Counts a step, or its undo, as settled. */
SKALD_API enum skald_status skald_skip_step(skald_engine *engine, const char *saga,
                                            const skald_command_options *options,
                                            skald_reply **out_reply, skald_error *error);
/* Starts nothing new until resumed. */
SKALD_API enum skald_status skald_suspend(skald_engine *engine, const char *saga,
                                          const skald_command_options *options,
                                          skald_reply **out_reply, skald_error *error);
SKALD_API enum skald_status skald_resume(skald_engine *engine, const char *saga,
                                         const skald_command_options *options,
                                         skald_reply **out_reply, skald_error *error);

/* ---- signals and pending answers ------------------------------------------------------------- */

/* Sends a signal that a step waits for, or will: stored when it comes early. The same id again
 * changes nothing; id NULL = drawn, data_json NULL = null. SKALD_E_LIMIT: 1000 wait already. */
SKALD_API enum skald_status skald_signal(skald_engine *engine, const char *saga, const char *name,
                                         const char *id, const char *data_json,
                                         skald_reply **out_reply, skald_error *error);

/*
 * Completes a pending answer (skald_pending, or a participant's 202) by its token. With the same
 * content again SKALD_OK, with another SKALD_E_CONFLICT. output_json NULL = null.
 * SKALD_E_ARGUMENT: no token of this step.
 */
SKALD_API enum skald_status skald_complete(skald_engine *engine, const char *saga, const char *step,
                                           const char *token, const char *output_json,
                                           skald_reply **out_reply, skald_error *error);
/* The same with a clear no. */
SKALD_API enum skald_status skald_complete_failed(skald_engine *engine, const char *saga,
                                                  const char *step, const char *token,
                                                  const char *code, const char *message,
                                                  skald_reply **out_reply, skald_error *error);

#ifdef __cplusplus
}
#endif
#endif
