/*
 * operate.h: what operators see and do beside single sagas: the events of all of them, what the
 * engine noticed, the participants' circuit breakers. The same operations as the HTTP API, with the
 * same answers (docs/http-api.md).
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

#ifdef __cplusplus
}
#endif
#endif
