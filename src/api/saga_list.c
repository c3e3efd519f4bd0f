/*
 * saga_list.c: the list of sagas by filters, page by page. A cursor is "<created_at ms>_<id>" of
 * the last row seen: pages stay in step while sagas come and go.
 */
#include "api/routes.h"

#include "api/shapes.h"

#include <stdio.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000 };

struct list {
    struct sk_str cursor, states, definition, business_key, tag, attribute, space, parent;
    int64_t limit;
    bool only_residue;
    uint32_t named_count; /* of the page's rows */
};

#define ROW(name, kind, field, help)                                   \
    {                                                                  \
        name, kind, offsetof(struct list, field), help, 0, 0, 0, false \
    }

const struct sk_input sk_sagas_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct list, limit), "rows of a page", 1, LIMIT_MAX, 0,
      false },
    ROW("cursor", SK_INPUT_TEXT, cursor, "`next` of the page before"),
    ROW("state", SK_INPUT_TEXT, states, "one or several, with commas"),
    ROW("definition", SK_INPUT_NAME, definition, "any version of it"),
    ROW("business_key", SK_INPUT_TEXT, business_key, "exactly"),
    ROW("tag", SK_INPUT_TEXT, tag, "one of its tags"),
    ROW("attribute", SK_INPUT_TEXT, attribute, "name:value"),
    ROW("namespace", SK_INPUT_TEXT, space, "exactly"),
    ROW("parent", SK_INPUT_TEXT, parent, "children of this saga"),
    ROW("residue", SK_INPUT_FLAG, only_residue, "only those where something was left standing"),
    { 0 },
};

static bool read_states(struct sk_exchange *x, struct sk_str text, uint32_t *out_states)
{
    const char *names[SK_SAGA_STATES_COUNT];
    size_t names_count = 0;
    for (int i = SK_SAGA_PENDING; i < SK_SAGA_STATES_COUNT; i++) {
        names[names_count++] = sk_saga_state_name((enum sk_saga_state)i);
    }
    while (text.size > 0) {
        size_t end = sk_str_find(text, ',');
        struct sk_str name = sk_str_trim(sk_str_sub(text, 0, end));
        text = sk_str_sub(text, end + 1, text.size);
        enum sk_saga_state state = sk_saga_state_of(name);
        if (state != (enum sk_saga_state)0) {
            *out_states |= UINT32_C(1) << state;
            continue;
        }
        int near = sk_str_nearest(name, names, names_count);
        char remedy[200] = "states are pending, running, completed, compensating, compensated, "
                           "failed, cancelled, timed_out, suspended";
        if (near >= 0) (void)snprintf(remedy, sizeof remedy, "did you mean '%s'?", names[near]);
        name.size = name.size > 100 ? 100 : name.size;
        sk_exchange_refuse(x, remedy, "there is no state '%.*s'", SK_STR_ARGS(name));
        return false;
    }
    return true;
}

static bool read_cursor(struct sk_exchange *x, struct sk_str cursor, struct sk_list_filter *filter)
{
    if (cursor.size == 0) return true;
    size_t bar = sk_str_find(cursor, '_');
    struct sk_str id = sk_str_sub(cursor, bar + 1, cursor.size);
    if (sk_str_to_i64(sk_str_sub(cursor, 0, bar), &filter->cursor_created_at_ms) && id.size > 0) {
        filter->cursor_id = id;
        return true;
    }
    sk_exchange_refuse(x, "pass what `next` of the page before said",
                       "the cursor is not one of ours");
    return false;
}

static bool read_tag(struct sk_exchange *x, const struct list *list, struct sk_list_filter *filter)
{
    if (list->tag.size > 0 && list->attribute.size > 0) {
        sk_exchange_refuse(x, "ask by one and look at the other in the answer",
                           "tag and attribute cannot be asked together");
        return false;
    }
    if (list->tag.size > 0) {
        filter->tag_key = SK_STR("tag");
        filter->tag_value = list->tag;
    }
    size_t colon = sk_str_find(list->attribute, ':');
    if (list->attribute.size > 0 && (colon == 0 || colon == list->attribute.size)) {
        sk_exchange_refuse(x, "write it as name:value", "attribute has no name or no value");
        return false;
    }
    if (list->attribute.size > 0) {
        filter->tag_key = sk_str_sub(list->attribute, 0, colon);
        filter->tag_value = sk_str_sub(list->attribute, colon + 1, list->attribute.size);
    }
    return true;
}

static void put_next(struct sk_json_writer *w, const struct sk_rows *rows)
{
    sk_json_key(w, "next");
    if (!rows->has_more || rows->heads_count == 0) {
        sk_json_put_null(w);
        return;
    }
    const struct sk_head *last = &rows->heads[rows->heads_count - 1];
    struct sk_buf cursor = { 0 };
    sk_buf_append_i64(&cursor, last->created_at_ms);
    sk_buf_append_char(&cursor, '_');
    sk_buf_append_str(&cursor, last->id);
    sk_json_put_str(w, sk_buf_view(&cursor));
    sk_buf_release(&cursor);
}

static void reply(struct sk_exchange *x)
{
    const struct sk_head *heads = x->rows.heads;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < x->rows.heads_count; i++) {
        const struct sk_definition_name *name = sk_name_find(x->api, &heads[i].definition);
        struct sk_str none = { 0 };
        sk_shape_head(&w, &heads[i], name == NULL ? none : name->id,
                      name == NULL ? none : name->version);
    }
    sk_json_end_array(&w);
    put_next(&w, &x->rows);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

/* Until the names of all definitions on the page are known. */
static void name_next(struct sk_exchange *x)
{
    struct list *list = x->state;
    for (; list->named_count < x->rows.heads_count; list->named_count++) {
        const struct sk_digest *digest = &x->rows.heads[list->named_count].definition;
        if (sk_name_find(x->api, digest) != NULL) continue;
        sk_name_learn(x, digest, name_next);
        return;
    }
    reply(x);
}

static void on_heads(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    name_next(x);
}

void sk_handle_sagas(struct sk_exchange *x)
{
    struct list *list = SK_ARENA_NEW(&x->arena, struct list);
    if (list == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    list->limit = LIMIT_DEFAULT;
    x->state = list;
    struct sk_list_filter filter = { 0 };
    if (!sk_inputs_read_query(x, sk_sagas_query, list)) return;
    if (!read_states(x, list->states, &filter.states)) return;
    if (!read_cursor(x, list->cursor, &filter)) return;
    if (!read_tag(x, list, &filter)) return;
    filter.space = list->space;
    filter.business_key = list->business_key;
    filter.parent = list->parent;
    filter.definition_id = list->definition;
    filter.only_residue = list->only_residue;
    struct sk_read read = { .kind = SK_READ_LIST,
                            .filter = filter,
                            .limit = (uint32_t)list->limit };
    sk_engine_read(sk_engine_of(x), &read, on_heads, x);
}
