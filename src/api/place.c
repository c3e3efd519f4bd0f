/*
 * place.c: whose shard a request belongs to: the id that says so, from the request alone. False:
 * nobody's, so any loop can answer; also when the request is refused anyway.
 */
#include "api/routes.h"

bool sk_place_param(struct sk_exchange *x, struct sk_str *out_id)
{
    *out_id = x->params[0];
    return true;
}

/* A text of the body, which is an object; false: there is no such text. */
static bool text_of(struct sk_exchange *x, struct sk_str object, const char *name,
                    struct sk_str *out_text)
{
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(value) != SK_JSON_STRING) return false;
    *out_text = sk_json_string(value, &x->arena);
    return out_text->size > 0;
}

static bool is_object(struct sk_str body)
{
    skald_error error;
    return sk_json_check(body, &error) == SKALD_OK && sk_json_type(body) == SK_JSON_OBJECT;
}

static struct sk_str key_of(struct sk_exchange *x)
{
    return sk_str_trim(sk_http_request_header(x->http, "Idempotency-Key"));
}

/* One without id and key is started where it came in: its id is drawn for a shard of this loop. */
bool sk_place_start(struct sk_exchange *x, struct sk_str *out_id)
{
    struct sk_str key = key_of(x), space = { NULL, 0 };
    if (!is_object(x->view.body)) return false;
    if (text_of(x, x->view.body, "id", out_id)) return true;
    if (key.size == 0) return false;
    (void)text_of(x, x->view.body, "namespace", &space);
    *out_id = sk_start_key_text(&x->arena, space, key);
    return out_id->size > 0;
}

bool sk_place_import(struct sk_exchange *x, struct sk_str *out_id)
{
    if (!is_object(x->view.body)) return false;
    struct sk_str saga = sk_json_member(x->view.body, SK_STR("saga"));
    return sk_json_type(saga) == SK_JSON_OBJECT && text_of(x, saga, "id", out_id);
}

bool sk_place_schedule(struct sk_exchange *x, struct sk_str *out_id)
{
    if (is_object(x->view.body) && text_of(x, x->view.body, "id", out_id)) return true;
    *out_id = key_of(x);
    return out_id->size > 0;
}

bool sk_place_key(struct sk_exchange *x, struct sk_str *out_id)
{
    *out_id = key_of(x);
    return out_id->size > 0;
}
