/* saga_filter.c: see saga_filter.h. */
#include "cli/saga_filter.h"

struct text_row {
    const char *name;
    size_t offset;
};

#define ROW(name, field)                              \
    {                                                 \
        name, offsetof(struct cli_saga_filter, field) \
    }
static const struct text_row texts[] = {
    ROW("state", state),
    ROW("reason", reason),
    ROW("definition", definition),
    ROW("version", version),
    ROW("business_key", business_key),
    ROW("namespace", space),
    ROW("parent", parent),
    ROW("created_from", created_from),
    ROW("created_to", created_to),
    ROW("updated_from", updated_from),
    ROW("updated_to", updated_to),
    ROW("ended_from", ended_from),
    ROW("ended_to", ended_to),
};

enum { TEXTS_COUNT = sizeof texts / sizeof texts[0] };

static const char *text_at(const struct cli_saga_filter *filter, size_t i)
{
    const char *base = (const char *)filter;
    return *(const char *const *)(const void *)(base + texts[i].offset);
}

void cli_saga_filter_query(const struct cli_saga_filter *filter, struct sk_buf *path)
{
    for (size_t i = 0; i < TEXTS_COUNT; i++) cli_query(path, texts[i].name, text_at(filter, i));
    for (size_t i = 0; i < filter->tags.count; i++) cli_query(path, "tag", filter->tags.items[i]);
    for (size_t i = 0; i < filter->attributes.count; i++) {
        cli_query(path, "attribute", filter->attributes.items[i]);
    }
    if (filter->only_residue) cli_query(path, "residue", "true");
}

void cli_saga_filter_json(const struct cli_saga_filter *filter, struct sk_json_writer *w)
{
    sk_json_begin_object(w);
    for (size_t i = 0; i < TEXTS_COUNT; i++) {
        const char *text = text_at(filter, i);
        if (text == NULL) continue;
        sk_json_key(w, texts[i].name);
        sk_json_put_text(w, text);
    }
    cli_put_list(w, "tag", &filter->tags);
    cli_put_list(w, "attribute", &filter->attributes);
    if (filter->only_residue) {
        sk_json_key(w, "residue");
        sk_json_put_bool(w, true);
    }
    sk_json_end_object(w);
}
