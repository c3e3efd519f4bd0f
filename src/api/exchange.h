/*
 * exchange.h: one request and its reply, and what all handlers share: the route, the parameters of
 * the path, memory that lives until the reply, and the ways to answer.
 *
 * A handler ends by one of the reply functions, now or in a `done` of the engine; the exchange is
 * gone afterwards. It has at most one call to the engine under way (A2).
 */
#ifndef SK_API_EXCHANGE_H
#define SK_API_EXCHANGE_H

#include "api/http_server.h"
#include "api/problem.h"
#include "base/json.h"
#include "base/list.h"
#include "store/store.h"

struct sk_api;
struct sk_route;
struct sk_forward;
struct sk_stream;

enum { SK_PARAMS_MAX = 3 };

struct sk_exchange {
    struct sk_list node; /* among the API's */
    struct sk_api *api;
    struct sk_http_request *http;
    struct sk_http_view view;
    const struct sk_route *route;
    struct sk_arena arena;
    struct sk_rows rows;                 /* read from the store and kept until the reply */
    struct sk_buf out;                   /* the reply's body */
    struct sk_str params[SK_PARAMS_MAX]; /* of the path, decoded and checked */
    void *state;                         /* the handler's own, in the arena */
    void *learning;                      /* names.c */
    struct sk_stream *stream;            /* stream.c: the reply has begun and goes on */
    struct sk_forward *forward;          /* forward.c: a sibling has been asked */
};

/* The handler's own, zeroed, as x->state. NULL: no memory, the exchange has been answered. */
void *sk_exchange_state(struct sk_exchange *x, size_t size) SK_MUST_CHECK;
#define SK_EXCHANGE_STATE(x, type) ((type *)sk_exchange_state((x), sizeof(type)))

/* A JSON writer on `out`, emptied. */
struct sk_json_writer sk_exchange_writer(struct sk_exchange *x);
/* The same on another buffer, as it stands: what is sensitive is masked. */
struct sk_json_writer sk_exchange_writer_on(const struct sk_exchange *x, struct sk_buf *out);
/* Answers with `out` as JSON. */
void sk_exchange_reply(struct sk_exchange *x, int status);
/* The same with another type: text/html, text/plain. */
void sk_exchange_reply_as(struct sk_exchange *x, int status, const char *type);
/* The end of a page that can be followed: "next" (null when there is no more), "cursor", and
 * 200. */
void sk_exchange_end_page(struct sk_exchange *x, struct sk_json_writer *w, struct sk_buf *cursor,
                          bool has_more);
void sk_exchange_problem(struct sk_exchange *x, const struct sk_problem *problem);
/* By a status of the engine. */
void sk_exchange_fail(struct sk_exchange *x, enum skald_status status, const skald_error *error);
/* 400 with what is wrong and what would be right. */
void sk_exchange_refuse(struct sk_exchange *x, const char *remedy, const char *format, ...)
    SK_PRINTF(3, 4);

/* What the store has of a saga: `done` gets its head, or none. */
void sk_exchange_read_head(struct sk_exchange *x, struct sk_str id, sk_read_done *done);
/* In that `done`, when the saga is that of the path. NULL: it failed or is not there (404), the
 * exchange has been answered. Borrowed, as the rows are. */
const struct sk_head *sk_exchange_head(struct sk_exchange *x,
                                       const struct sk_rows *rows) SK_MUST_CHECK;

/* The rows of a read become x->rows: they and their texts live until the reply. */
void sk_exchange_keep_rows(struct sk_exchange *x, struct sk_rows *rows);

/* The Idempotency-Key of the request, checked; false: it has been refused. Empty = none. */
bool sk_exchange_key(struct sk_exchange *x, struct sk_str *out_key) SK_MUST_CHECK;
/* The same, or one drawn at random: the id of a command. */
bool sk_exchange_command_id(struct sk_exchange *x, struct sk_str *out_id) SK_MUST_CHECK;

/* Decodes %xx (and '+', in a query) into the arena; false: bad escapes or no UTF-8. */
bool sk_percent_decode(struct sk_str text, bool plus_is_blank, struct sk_arena *arena,
                       struct sk_str *out_text) SK_MUST_CHECK;

#endif
