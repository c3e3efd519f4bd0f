/* shrink_json.c: pieces of checked JSON, and the text without one of them. */
#include "shrink_json.h"

#include "base/json.h"

#include <stdlib.h>

struct collection {
    struct sk_str text;
    struct sim_piece *pieces;
    uint32_t count;
};

static void collect(struct collection *all, struct sk_str value, bool are_steps, uint32_t depth)
{
    enum sk_json_type type = sk_json_type(value);
    if ((type != SK_JSON_OBJECT && type != SK_JSON_ARRAY) || depth > 20) return;
    struct sk_json_iter it = sk_json_walk(value);
    while (sk_json_next(&it) && all->count < SIM_PIECES_MAX) {
        const char *from = it.is_object ? it.name.data - 1 : it.value.data;
        struct sim_piece *piece = &all->pieces[all->count++];
        *piece = (struct sim_piece){ .from = (size_t)(from - all->text.data),
                                     .size = (size_t)(it.value.data + it.value.size - from),
                                     .is_step = are_steps && !it.is_object };
        collect(all, it.value, depth == 0 && sk_str_is(it.name, "steps"), depth + 1);
    }
}

static int compare(const void *a, const void *b)
{
    const struct sim_piece *x = a, *y = b;
    if (x->is_step != y->is_step) return x->is_step ? -1 : 1;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

uint32_t sim_pieces(struct sk_str text, struct sim_piece pieces[SIM_PIECES_MAX])
{
    struct collection all = { .text = text, .pieces = pieces };
    collect(&all, text, false, 0);
    qsort(pieces, all.count, sizeof *pieces, compare);
    return all.count;
}

/* With one of the commas beside it. */
static void cut(struct sk_str text, size_t from, size_t to, struct sk_buf *out)
{
    if (to < text.size && text.data[to] == ',')
        to += 1;
    else if (from > 0 && text.data[from - 1] == ',')
        from -= 1;
    sk_buf_append(out, text.data, from);
    sk_buf_append(out, text.data + to, text.size - to);
}

/* Where the quoted name stands as an element: behind '[' or ',' and before ']' or ','. */
static size_t find_element(struct sk_str text, struct sk_str quoted)
{
    for (size_t i = 1; i + quoted.size < text.size; i++) {
        if (memcmp(text.data + i, quoted.data, quoted.size) != 0) continue;
        char before = text.data[i - 1], behind = text.data[i + quoted.size];
        if ((before == '[' || before == ',') && (behind == ']' || behind == ',')) return i;
    }
    return text.size;
}

void sim_without_piece(struct sk_str text, const struct sim_piece *piece, struct sk_buf *out)
{
    struct sk_buf now, next;
    sk_buf_init(&now, 0);
    sk_buf_init(&next, 0);
    cut(text, piece->from, piece->from + piece->size, &now);
    struct sk_str step = sk_str_sub(text, piece->from, piece->size);
    struct sk_str id = piece->is_step ? sk_json_member(step, SK_STR("id")) : (struct sk_str){ 0 };
    while (id.size > 0) {
        struct sk_str left = sk_buf_view(&now);
        size_t at = find_element(left, id);
        if (at == left.size) break;
        sk_buf_clear(&next);
        cut(left, at, at + id.size, &next);
        struct sk_buf swap = now;
        now = next;
        next = swap;
    }
    sk_buf_append_str(out, sk_buf_view(&now));
    sk_buf_release(&now);
    sk_buf_release(&next);
}
