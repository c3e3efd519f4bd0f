/*
 * operate.h: what operators see and do beside single sagas: the events of all of them, what the
 * engine noticed, dead letters, locks, many sagas at once, circuit breakers, recovery. The same
 * operations as the HTTP API, with the same answers (docs/http-api.md).
 *
 * For all of them: any thread but the engine's own; texts in are borrowed for the call; *out_reply
 * is the caller's, may be NULL when it is not wanted, and is after a failure the problem document
 * or NULL. Errors are those of skald_request (engine.h).
 */
#ifndef SKALD_OPERATE_H
#define SKALD_OPERATE_H

#include <skald/api.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

typedef struct skald_page_options {
    size_t size;
    const char *type;       /* "step.failed,saga.*"; NULL = all */
    const char *saga;       /* events only: of one saga */
    const char *definition; /* events only: of sagas of this definition */
    const char *query;      /* further parameters of the path, percent-encoded */
    const char *cursor;     /* `next` of the page before, "start", "now"; NULL = the oldest */
    uint32_t limit;         /* of a page; 0 = the default of the API */
} skald_page_options;
SKALD_DEFINE_INIT(skald_page_options)

/* The durable events of all sagas, oldest first: {items, next, cursor}. What a program reads that
 * must miss nothing and was away for a while; skald_subscribe is for one that is there. */
SKALD_API enum skald_status skald_list_events(skald_engine *engine,
                                              const skald_page_options *options,
                                              skald_reply **out_reply, skald_error *error);
/* What the engine noticed that belongs to no saga (the store was slow, a breaker opened); kept in
 * memory, the last 1024. */
SKALD_API enum skald_status skald_list_observations(skald_engine *engine,
                                                    const skald_page_options *options,
                                                    skald_reply **out_reply, skald_error *error);

/* Participants that have been called, with requests in flight and the state of their breaker. */
SKALD_API enum skald_status skald_list_breakers(skald_engine *engine, skald_reply **out_reply,
                                                skald_error *error);
/* Closes the breaker of a service; who and why are kept in the log. SKALD_E_NOT_FOUND. */
SKALD_API enum skald_status skald_reset_breaker(skald_engine *engine, const char *service,
                                                const char *by, const char *reason,
                                                skald_reply **out_reply, skald_error *error);

/* ---- what was given up ----------------------------------------------------------------------- */

/* What a person must see to, newest first: {items, next}. Of the options limit and cursor. */
SKALD_API enum skald_status skald_list_dead_letters(skald_engine *engine,
                                                    const skald_page_options *options,
                                                    skald_reply **out_reply, skald_error *error);
/* One of them by the `id` that the list gives. SKALD_E_NOT_FOUND. */
SKALD_API enum skald_status skald_get_dead_letter(skald_engine *engine, const char *letter,
                                                  skald_reply **out_reply, skald_error *error);
/* Retries what it stands for, as an operator; the letter is then gone, the reply is the saga. */
SKALD_API enum skald_status skald_retry_dead_letter(skald_engine *engine, const char *letter,
                                                    const char *by, const char *reason,
                                                    skald_reply **out_reply, skald_error *error);
/* Deletes it: somebody has seen to it. The reply is empty. */
SKALD_API enum skald_status skald_discard_dead_letter(skald_engine *engine, const char *letter,
                                                      const char *by, const char *reason,
                                                      skald_reply **out_reply, skald_error *error);

/* Lock keys that are held: by whom, since when, who waits. `key` NULL = all; of the options limit
 * and cursor. */
SKALD_API enum skald_status skald_list_locks(skald_engine *engine, const char *key,
                                             const skald_page_options *options,
                                             skald_reply **out_reply, skald_error *error);

/* ---- many sagas at once ---------------------------------------------------------------------- */

typedef struct skald_batch_options {
    size_t size;
    const char *by, *reason;     /* required; kept in each history */
    const char *idempotency_key; /* the same again starts nothing */
    bool past_pivot;             /* force-cancel: also after the pivot */
    bool is_dry_run;             /* only says how many sagas are meant, and some of them */
} skald_batch_options;
SKALD_DEFINE_INIT(skald_batch_options)

/*
 * One command (cancel, force-cancel, force-complete, retry, suspend, resume, delete) for all sagas
 * of a filter, in the background: `filter_json` is an object with the parameters of GET
 * /api/v1/sagas, at least one. The reply has its id and progress. It goes on after a restart.
 */
SKALD_API enum skald_status skald_start_batch(skald_engine *engine, const char *command,
                                              const char *filter_json,
                                              const skald_batch_options *options,
                                              skald_reply **out_reply, skald_error *error);
/* Newest first, with their progress; limit 0 = the default of the API. */
SKALD_API enum skald_status skald_list_batches(skald_engine *engine, uint32_t limit,
                                               skald_reply **out_reply, skald_error *error);
SKALD_API enum skald_status skald_get_batch(skald_engine *engine, const char *batch,
                                            skald_reply **out_reply, skald_error *error);
/* Tells no further saga; what was told stays told. */
SKALD_API enum skald_status skald_cancel_batch(skald_engine *engine, const char *batch,
                                               skald_reply **out_reply, skald_error *error);

/* ---- the engine ------------------------------------------------------------------------------ */

/* What the sweep has found and repaired, and sagas that are stuck. */
SKALD_API enum skald_status skald_recovery(skald_engine *engine, skald_reply **out_reply,
                                           skald_error *error);
/* Sweeps now. */
SKALD_API enum skald_status skald_run_recovery(skald_engine *engine, skald_reply **out_reply,
                                               skald_error *error);
/* This node, and who owns which shard. */
SKALD_API enum skald_status skald_cluster(skald_engine *engine, skald_reply **out_reply,
                                          skald_error *error);

#ifdef __cplusplus
}
#endif
#endif
