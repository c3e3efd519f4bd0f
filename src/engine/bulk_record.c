/* bulk_record.c: the names of batches' parts, and what is stored of a batch. */
#include "engine/bulk_private.h"

const char *sk_bulk_state_name(enum sk_bulk_state state)
{
    static const char *const names[] = { "running", "finished", "cancelled" };
    return names[state];
}

const char *sk_bulk_refusal_name(enum sk_bulk_refusal refusal)
{
    static const char *const names[] = { "wrong_state", "not_found", "limit", "other" };
    return names[refusal];
}

static const enum sk_command_kind kinds[] = {
    SK_COMMAND_CANCEL, SK_COMMAND_FORCE_CANCEL, SK_COMMAND_FORCE_COMPLETE,
    SK_COMMAND_RETRY,  SK_COMMAND_SUSPEND,      SK_COMMAND_RESUME,
    SK_BULK_DELETE,
};

const char *sk_bulk_command_name(enum sk_command_kind kind)
{
    return kind == SK_BULK_DELETE ? "delete" : sk_command_name(kind);
}

enum sk_command_kind sk_bulk_command_of(struct sk_str name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (sk_str_is(name, sk_bulk_command_name(kinds[i]))) return kinds[i];
    }
    return SK_COMMAND_START;
}

/* ---- the record ------------------------------------------------------------------------------ */

void sk_bulk_put_request(struct sk_buf *out, const struct sk_bulk_request *r)
{
    const struct sk_list_filter *f = &r->filter;
    sk_put_u64(out, r->kind);
    sk_put_u64(out, r->past_pivot);
    sk_put_str(out, r->by);
    sk_put_str(out, r->reason);
    sk_put_u64(out, f->states);
    sk_put_u64(out, f->reasons);
    const struct sk_str texts[] = { f->space, f->business_key, f->parent, f->definition_id,
                                    f->definition_version };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) sk_put_str(out, texts[i]);
    const int64_t times[] = { f->created_from_ms, f->created_to_ms, f->updated_from_ms,
                              f->updated_to_ms,   f->ended_from_ms, f->ended_to_ms };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) sk_put_i64(out, times[i]);
    sk_put_u64(out, f->only_residue);
    sk_put_u64(out, f->tags_count);
    for (uint32_t i = 0; i < f->tags_count; i++) {
        sk_put_str(out, f->tags[i].key);
        sk_put_str(out, f->tags[i].value);
    }
}

bool sk_bulk_get_request(struct sk_reader *reader, struct sk_arena *arena,
                         struct sk_bulk_request *r)
{
    struct sk_list_filter *f = &r->filter;
    r->kind = (enum sk_command_kind)sk_get_u64(reader);
    r->past_pivot = sk_get_u64(reader) != 0;
    r->by = sk_get_str(reader);
    r->reason = sk_get_str(reader);
    f->states = (uint32_t)sk_get_u64(reader);
    f->reasons = (uint32_t)sk_get_u64(reader);
    struct sk_str *texts[] = { &f->space, &f->business_key, &f->parent, &f->definition_id,
                               &f->definition_version };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) *texts[i] = sk_get_str(reader);
    int64_t *times[] = { &f->created_from_ms, &f->created_to_ms, &f->updated_from_ms,
                         &f->updated_to_ms,   &f->ended_from_ms, &f->ended_to_ms };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) *times[i] = sk_get_i64(reader);
    f->only_residue = sk_get_u64(reader) != 0;
    uint64_t tags_count = sk_get_u64(reader);
    if (reader->bad || tags_count > SK_LIST_TAGS_MAX) return false;
    struct sk_list_tag *tags = SK_ARENA_ARRAY(arena, struct sk_list_tag, tags_count + 1);
    if (tags == NULL) return false;
    for (; f->tags_count < tags_count; f->tags_count++) {
        tags[f->tags_count].key = sk_get_str(reader);
        tags[f->tags_count].value = sk_get_str(reader);
    }
    f->tags = tags;
    return !reader->bad && sk_bulk_command_name(r->kind) != NULL;
}

void sk_bulk_put_figures(struct sk_buf *out, const struct sk_bulk *bulk)
{
    const struct sk_bulk_view *v = &bulk->figures;
    sk_put_u64(out, v->state);
    sk_put_u64(out, v->has_matched);
    sk_put_u64(out, v->matched);
    sk_put_u64(out, v->seen);
    sk_put_u64(out, v->done);
    sk_put_u64(out, v->failed);
    for (int i = 0; i < SK_BULK_REFUSALS_COUNT; i++) sk_put_u64(out, v->refused[i]);
    sk_put_i64(out, v->created_at_ms);
    sk_put_i64(out, v->finished_at_ms);
    sk_put_i64(out, bulk->cursor_ms);
    sk_put_str(out, sk_buf_view(&bulk->cursor_id));
    sk_put_str(out, sk_str_of(bulk->error_text));
}

void sk_bulk_set_text(char *to, size_t size, struct sk_str text)
{
    size_t length = text.size < size - 1 ? text.size : size - 1;
    if (length > 0) memcpy(to, text.data, length);
    to[length] = 0;
}

bool sk_bulk_get_figures(struct sk_reader *reader, struct sk_bulk *bulk)
{
    struct sk_bulk_view *v = &bulk->figures;
    v->state = (enum sk_bulk_state)sk_get_u64(reader);
    v->has_matched = sk_get_u64(reader) != 0;
    v->matched = sk_get_u64(reader);
    v->seen = sk_get_u64(reader);
    v->done = sk_get_u64(reader);
    v->failed = sk_get_u64(reader);
    for (int i = 0; i < SK_BULK_REFUSALS_COUNT; i++) v->refused[i] = sk_get_u64(reader);
    v->created_at_ms = sk_get_i64(reader);
    v->finished_at_ms = sk_get_i64(reader);
    bulk->cursor_ms = sk_get_i64(reader);
    sk_buf_append_str(&bulk->cursor_id, sk_get_str(reader));
    sk_bulk_set_text(bulk->error_text, sizeof bulk->error_text, sk_get_str(reader));
    return !reader->bad && v->state <= SK_BULK_CANCELLED;
}

bool sk_bulk_digest_of(const struct sk_bulk_request *request, struct sk_digest *out_digest)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_bulk_put_request(&text, request);
    bool is_made = !text.failed;
    if (is_made) *out_digest = sk_digest_of(sk_buf_view(&text));
    sk_buf_release(&text);
    return is_made;
}

/* The request's texts into the batch's arena. */
bool sk_bulk_copy_request(struct sk_bulk *bulk, const struct sk_bulk_request *request)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_bulk_put_request(&text, request);
    struct sk_reader reader = sk_reader_of(sk_arena_copy(&bulk->arena, sk_buf_view(&text)));
    bool is_copied = !text.failed && !bulk->arena.failed &&
                     sk_bulk_get_request(&reader, &bulk->arena, &bulk->request);
    sk_buf_release(&text);
    return is_copied && sk_bulk_digest_of(&bulk->request, &bulk->digest);
}

void sk_bulk_write(struct sk_bulk *bulk, sk_record_done *done, void *context)
{
    struct sk_buf body;
    sk_buf_init(&body, 0);
    sk_bulk_put_request(&body, &bulk->request);
    sk_bulk_put_figures(&body, bulk);
    struct sk_record_row row = { .kind = SK_RECORD_BULK,
                                 .id = bulk->request.id,
                                 .body = sk_buf_view(&body),
                                 .is_gone = bulk->is_gone };
    if (!body.failed) {
        sk_record_put(bulk->shard, &row, done, context);
    } else if (done != NULL) {
        done(bulk->engine, context, SKALD_E_MEMORY);
    }
    sk_buf_release(&body);
}

void sk_bulk_view_of(const struct sk_bulk *bulk, struct sk_bulk_view *out)
{
    *out = bulk->figures;
    if (!bulk->is_end_known) { /* B4 */
        out->state = SK_BULK_RUNNING;
        out->finished_at_ms = 0;
    }
    out->id = bulk->request.id;
    out->by = bulk->request.by;
    out->reason = bulk->request.reason;
    out->kind = bulk->request.kind;
    out->last_error = sk_str_of(bulk->error_text);
}
