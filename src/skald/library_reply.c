/* library_reply.c: see <skald/reply.h>. */
#include "skald/json_path.h"
#include "skald/library.h"

#include "core/saga.h"

#include <assert.h>

struct skald_reply {
    struct sk_buf body;
    struct sk_str document; /* the body, or nothing when it is no JSON */
    struct sk_arena arena;  /* of texts that were read */
    int status;
    bool is_replayed;
    int64_t retry_after_ms;
};

skald_reply *sk_reply_new(const struct sk_local_answer *answer)
{
    skald_reply *reply = sk_alloc(sizeof *reply);
    if (reply == NULL) return NULL;
    *reply = (skald_reply){ .status = answer->status,
                            .is_replayed = answer->is_replayed,
                            .retry_after_ms = answer->retry_after_ms };
    sk_arena_init(&reply->arena);
    sk_buf_append_str(&reply->body, answer->body);
    sk_buf_append_char(&reply->body, 0);
    if (reply->body.failed) {
        skald_reply_free(reply);
        return NULL;
    }
    struct sk_str text = { reply->body.data, reply->body.size - 1 };
    if (sk_json_check(text, NULL) == SKALD_OK) reply->document = text;
    return reply;
}

void skald_reply_free(skald_reply *reply)
{
    if (reply == NULL) return;
    sk_buf_release(&reply->body);
    sk_arena_release(&reply->arena);
    sk_free(reply);
}

/* ---- failures -------------------------------------------------------------------------------- */

static enum skald_status status_of_name(struct sk_str name)
{
#define X(id, number, class_, text) \
    if (sk_str_is(name, #id)) return id;
    SKALD_STATUS_MAP(X)
#undef X
    return SKALD_OK;
}

static enum skald_status status_of_http(int http)
{
    switch (http) {
    case 404: return SKALD_E_NOT_FOUND;
    case 409: return SKALD_E_CONFLICT;
    case 413: return SKALD_E_TOO_LARGE;
    case 422: return SKALD_E_INVALID;
    case 429: return SKALD_E_LIMIT;
    case 503: return SKALD_E_AGAIN;
    default: return http >= 400 && http < 500 ? SKALD_E_ARGUMENT : SKALD_E_INTERNAL;
    }
}

enum skald_status sk_reply_error(const skald_reply *reply, skald_error *error)
{
    struct sk_arena arena;
    sk_arena_init(&arena);
    const char *code = sk_json_text_at(reply->document, "code", &arena);
    const char *detail = sk_json_text_at(reply->document, "detail", &arena);
    enum skald_status status = status_of_name(sk_str_of(code));
    if (status == SKALD_OK) status = status_of_http(reply->status);
    (void)sk_error_set(error, status, "%s", detail == NULL ? skald_status_text(status) : detail);
    sk_arena_release(&arena);
    return status;
}

/* ---- readers --------------------------------------------------------------------------------- */

const char *skald_reply_json(const skald_reply *reply, size_t *out_size)
{
    if (out_size != NULL) *out_size = reply->body.size - 1;
    return reply->body.data;
}

int skald_reply_status(const skald_reply *reply)
{
    return reply->status;
}

bool skald_reply_is_replayed(const skald_reply *reply)
{
    return reply->is_replayed;
}

int64_t skald_reply_retry_after_ms(const skald_reply *reply)
{
    return reply->retry_after_ms;
}

const char *skald_reply_text(skald_reply *reply, const char *path)
{
    return sk_json_text_at(reply->document, path, &reply->arena);
}

const char *skald_reply_value(skald_reply *reply, const char *path)
{
    return sk_json_value_at(reply->document, path, &reply->arena);
}

bool skald_reply_number(const skald_reply *reply, const char *path, double *out_number)
{
    return sk_json_number_at(reply->document, path, out_number);
}

bool skald_reply_integer(const skald_reply *reply, const char *path, int64_t *out_number)
{
    return sk_json_integer_at(reply->document, path, out_number);
}

bool skald_reply_flag(const skald_reply *reply, const char *path)
{
    return sk_json_type(sk_json_at(reply->document, path)) == SK_JSON_TRUE;
}

size_t skald_reply_count(const skald_reply *reply, const char *path)
{
    return sk_json_count(sk_json_at(reply->document, path));
}

/* ---- sagas ----------------------------------------------------------------------------------- */

/* The stored numbers of the core and the public ones are the same, for ever. */
static_assert((int)SKALD_STATE_PENDING == (int)SK_SAGA_PENDING &&
                  (int)SKALD_STATE_RUNNING == (int)SK_SAGA_RUNNING &&
                  (int)SKALD_STATE_COMPLETED == (int)SK_SAGA_COMPLETED &&
                  (int)SKALD_STATE_COMPENSATING == (int)SK_SAGA_COMPENSATING &&
                  (int)SKALD_STATE_COMPENSATED == (int)SK_SAGA_COMPENSATED &&
                  (int)SKALD_STATE_FAILED == (int)SK_SAGA_FAILED &&
                  (int)SKALD_STATE_CANCELLED == (int)SK_SAGA_CANCELLED &&
                  (int)SKALD_STATE_TIMED_OUT == (int)SK_SAGA_TIMED_OUT &&
                  (int)SKALD_STATE_SUSPENDED == (int)SK_SAGA_SUSPENDED &&
                  (int)SKALD_STATE_SUSPENDED + 1 == (int)SK_SAGA_STATES_COUNT,
              "a state was added: add it to enum skald_state, too");

const char *skald_reply_id(skald_reply *reply)
{
    return skald_reply_text(reply, "id");
}

enum skald_state skald_reply_state(const skald_reply *reply)
{
    struct sk_str span = sk_json_at(reply->document, "state");
    for (int state = SK_SAGA_PENDING; state < SK_SAGA_STATES_COUNT; state++) {
        const char *name = sk_saga_state_name((enum sk_saga_state)state);
        if (sk_json_type(span) == SK_JSON_STRING && sk_json_string_is(span, sk_str_of(name))) {
            return (enum skald_state)state;
        }
    }
    return SKALD_STATE_NONE;
}

static bool is_state(enum skald_state state)
{
    return state > SKALD_STATE_NONE && (int)state < (int)SK_SAGA_STATES_COUNT;
}

const char *skald_state_name(enum skald_state state)
{
    return is_state(state) ? sk_saga_state_name((enum sk_saga_state)state) : "";
}

bool skald_state_is_end(enum skald_state state)
{
    return is_state(state) && sk_saga_state_is_end((enum sk_saga_state)state);
}
