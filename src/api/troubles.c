/* troubles.c: what the name of an error means: where the `type` of a problem leads. */
#include "base/troubles.h"

#include "api/routes.h"

static void put_text(struct sk_json_writer *w, const char *key, const char *text)
{
    sk_json_key(w, key);
    if (text == NULL) {
        sk_json_put_null(w);
    } else {
        sk_json_put_text(w, text);
    }
}

void sk_handle_trouble(struct sk_exchange *x)
{
    const struct sk_trouble *row = sk_trouble_next(x->params[0], NULL);
    if (row == NULL) {
        struct sk_problem problem = sk_problem_http(
            404, SK_STR("no trouble of Skald's has this name"),
            SK_STR("docs/troubleshooting.md lists them; a participant's code is in its own docs"));
        sk_exchange_problem(x, &problem);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (; row != NULL; row = sk_trouble_next(x->params[0], row)) {
        sk_json_begin_object(&w);
        put_text(&w, "name", row->name);
        put_text(&w, "kind", sk_trouble_kind_name(row->kind));
        put_text(&w, "means", row->means);
        put_text(&w, "check", row->check);
        put_text(&w, "remedy", row->remedy);
        sk_json_end_object(&w);
    }
    sk_json_end_array(&w);
    put_text(&w, "next", NULL);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}
