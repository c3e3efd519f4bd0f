/*
 * routes.h: everything that can be asked, as one table: the dispatcher, `Allow` and (later) the
 * OpenAPI page walk it. A new resource is a row here and a handler in the file of its noun.
 */
#ifndef SK_API_ROUTES_H
#define SK_API_ROUTES_H

#include "api/api_private.h"
#include "api/inputs.h"

struct sk_route {
    enum sk_http_method method;
    /* "{saga}", "{definition}" and "{step}" stand for one segment each; in their order they become
     * the exchange's params. */
    const char *path;
    void (*handle)(struct sk_exchange *x);
    const struct sk_input *query; /* NULL = none */
    const struct sk_input *body;  /* NULL = none, or the handler's own business */
    const char *help;
    bool before_ready; /* is answered while the engine is still starting */
};

enum { SK_ROUTES_COUNT = 23 };
extern const struct sk_route sk_routes[SK_ROUTES_COUNT];

/* The route, with the exchange's params set; NULL: it has been answered (404, 405, 400). */
const struct sk_route *sk_route_find(struct sk_exchange *x);

/* definitions.c */
void sk_handle_define(struct sk_exchange *x);
void sk_handle_definitions(struct sk_exchange *x);
void sk_handle_definition(struct sk_exchange *x);
extern const struct sk_input sk_define_query[], sk_definitions_query[], sk_definition_query[];

/* sagas.c */
void sk_handle_start(struct sk_exchange *x);
void sk_handle_saga(struct sk_exchange *x);
void sk_handle_steps(struct sk_exchange *x);
extern const struct sk_input sk_start_body[], sk_saga_query[];

/* saga_list.c */
void sk_handle_sagas(struct sk_exchange *x);
extern const struct sk_input sk_sagas_query[];

/* history.c */
void sk_handle_events(struct sk_exchange *x);
extern const struct sk_input sk_events_query[];

/* commands.c: which command is the last segment of the path. */
void sk_handle_command(struct sk_exchange *x);
void sk_handle_signal(struct sk_exchange *x);
void sk_handle_complete(struct sk_exchange *x);
extern const struct sk_input sk_command_body[], sk_signal_body[], sk_complete_body[];

/* server_info.c */
void sk_handle_stats(struct sk_exchange *x);
void sk_handle_healthz(struct sk_exchange *x);
void sk_handle_readyz(struct sk_exchange *x);
void sk_handle_version(struct sk_exchange *x);
void sk_handle_page(struct sk_exchange *x);

#endif
