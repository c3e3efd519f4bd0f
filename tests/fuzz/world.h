/*
 * world.h: an engine on virtual time and the memory store, asked as the HTTP API is asked, with all
 * headers and without a socket. Participants do as `fuzz_world_reply` says.
 */
#ifndef SKALD_FUZZ_WORLD_H
#define SKALD_FUZZ_WORLD_H

#include "api/http_server.h"
#include "fuzz.h"
#include "skald/testkit.h"

struct sk_api;

struct fuzz_request {
    enum sk_http_method method;
    struct sk_str path, query, key, type, body;
};

struct fuzz_answer {
    int status; /* 0 = none has come */
    char type[64];
    bool has_allow, has_retry_after;
    struct sk_buf body;
};

/* With the definitions of plans.h. The caller frees it by sk_testkit_free. */
struct sk_testkit *fuzz_world_new(void);
/* `answer` is the caller's to release; the answer has come when this returns. `pump` lets the world
 * go on: false, it stands still. */
void fuzz_ask(struct sk_api *api, const struct fuzz_request *request, struct fuzz_answer *answer,
              bool (*pump)(void *context), void *context);
/* The same in the world of the kit. */
void fuzz_world_ask(struct sk_testkit *kit, const struct fuzz_request *request,
                    struct fuzz_answer *answer);
void fuzz_answer_release(struct fuzz_answer *answer);
/* Every call is answered so from now on. */
void fuzz_world_reply(struct sk_testkit *kit, enum sk_outcome_class class_);

#endif
