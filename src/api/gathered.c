/* gathered.c: see gathered.h. */
#include "api/gathered.h"

#include "api/api_private.h"

#include <stdlib.h>

struct sk_gathered *sk_gathered_new(struct sk_gather_part *part)
{
    struct sk_gathered *rows = SK_ARENA_NEW(&part->arena, struct sk_gathered);
    if (rows != NULL) rows->part = part;
    part->told = rows;
    return rows;
}

struct sk_json_writer sk_gathered_writer(const struct sk_gathered *rows, struct sk_buf *json)
{
    struct sk_json_writer w = sk_json_writer_of(json);
    const struct sk_mask *mask = sk_engine_mask(rows->part->engine);
    if (mask->names_count > 0) w.mask = mask;
    return w;
}

void sk_gathered_add(struct sk_gathered *rows, int64_t order, struct sk_str id, struct sk_buf *json)
{
    struct sk_arena *arena = &rows->part->arena;
    struct sk_gathered_row *row = SK_ARENA_NEW(arena, struct sk_gathered_row);
    if (json->failed) arena->failed = true;
    if (row != NULL) {
        row->order = order;
        row->id = sk_arena_copy(arena, id);
        row->json = sk_arena_copy(arena, sk_buf_view(json));
        row->next = rows->last;
        rows->last = row;
        rows->count += 1;
    }
    sk_buf_release(json);
}

void sk_gathered_fail(struct sk_gathered *rows, enum skald_status status, const skald_error *error)
{
    rows->status = status;
    if (error != NULL) rows->error = *error;
}

/* ---- one after the other --------------------------------------------------------------------- */

struct walking { /* in the part's arena */
    struct sk_gathered *rows;
    const struct sk_gathered_walk *walk;
    struct sk_reader ids;
    struct sk_str id; /* of the last one, and its place */
    int64_t place;
};

static void walk_on(struct walking *walking);

static void on_reply(void *context, const struct sk_reply *reply)
{
    struct walking *walking = context;
    struct sk_gathered *rows = walking->rows;
    struct sk_buf json = { 0 };
    if (reply->status != SKALD_OK && reply->status != SKALD_E_NOT_FOUND) {
        sk_gathered_fail(rows, reply->status, reply->error);
        sk_gather_tell(rows->part);
        return;
    }
    struct sk_json_writer w = sk_gathered_writer(rows, &json);
    if (reply->status == SKALD_OK && walking->walk->put(&w, reply))
        sk_gathered_add(rows, walking->place, walking->id, &json);
    else
        sk_buf_release(&json);
    walk_on(walking);
}

static void walk_on(struct walking *walking)
{
    struct sk_gather_part *part = walking->rows->part;
    while (walking->ids.at < walking->ids.end && !walking->ids.bad && !part->arena.failed) {
        walking->id = sk_get_str(&walking->ids);
        walking->place += 1;
        if (!sk_gather_has(part, walking->id)) continue;
        walking->walk->ask(part->engine, walking->id, on_reply, walking);
        return;
    }
    sk_gather_tell(part);
}

void sk_gathered_walk(struct sk_gather_part *part, const struct sk_gathered_walk *walk)
{
    struct walking *walking = SK_ARENA_NEW(&part->arena, struct walking);
    struct sk_gathered *rows = sk_gathered_new(part);
    if (walking == NULL || rows == NULL) {
        sk_gather_tell(part);
        return;
    }
    walking->rows = rows;
    walking->walk = walk;
    walking->ids = sk_reader_of(part->question.text);
    walk_on(walking);
}

void sk_gathered_ask(struct sk_exchange *x, struct sk_buf *ids, sk_gather_look *look,
                     sk_gather_done *done)
{
    struct sk_gather_question question = { .text = sk_buf_view(ids) };
    if (ids->failed) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
    } else {
        sk_engine_gather(sk_engine_of(x), look, &question, done, x);
    }
    sk_buf_release(ids);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct sk_gathered_row *one = *(const struct sk_gathered_row *const *)a;
    const struct sk_gathered_row *other = *(const struct sk_gathered_row *const *)b;
    if (one->order != other->order) return one->order < other->order ? -1 : 1;
    return sk_str_compare(one->id, other->id);
}

bool sk_gathered_list(struct sk_exchange *x, enum skald_status status, const skald_error *error,
                      struct sk_gather_part *const *parts, uint32_t count,
                      struct sk_gathered_list *out_list)
{
    *out_list = (struct sk_gathered_list){ 0 };
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return false;
    }
    size_t room = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sk_gathered *rows = parts[i]->told;
        if (rows->status != SKALD_OK) {
            sk_exchange_fail(x, rows->status, rows->error.status == SKALD_OK ? NULL : &rows->error);
            return false;
        }
        room += rows->count;
        out_list->total += rows->total;
    }
    out_list->rows = SK_ARENA_ARRAY(&x->arena, const struct sk_gathered_row *, room + 1);
    if (out_list->rows == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct sk_gathered *rows = parts[i]->told;
        for (const struct sk_gathered_row *row = rows->last; row != NULL; row = row->next)
            out_list->rows[out_list->count++] = row;
    }
    qsort(out_list->rows, out_list->count, sizeof *out_list->rows, compare);
    return true;
}

const struct sk_gathered_row *sk_gathered_put(struct sk_json_writer *w, const char *name,
                                              const struct sk_gathered_list *list, uint64_t limit)
{
    const struct sk_gathered_row *last = NULL;
    const struct sk_mask *mask = w->mask;
    w->mask = NULL; /* the rows are masked already */
    sk_json_key(w, name);
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < list->count && i < limit; i++) {
        last = list->rows[i];
        sk_json_put_raw(w, last->json);
    }
    sk_json_end_array(w);
    w->mask = mask;
    return last;
}
