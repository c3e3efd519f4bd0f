/* transfer_file.c: see transfer_file.h. */
#include "engine/transfer_file.h"

#include "base/base64.h"
#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

#include <stdio.h>

static const char remedy[] = "export the saga again from the server that has it";

/* ---- writing --------------------------------------------------------------------------------- */

static void put_time(struct sk_json_writer *w, const char *name, int64_t at_ms)
{
    char text[SK_TIME_TEXT_SIZE];
    sk_json_key(w, name);
    if (at_ms == 0) {
        sk_json_put_null(w);
        return;
    }
    sk_time_format(at_ms, text);
    sk_json_put_text(w, text);
}

static void put_text(struct sk_json_writer *w, const char *name, struct sk_str text)
{
    sk_json_key(w, name);
    sk_json_put_str(w, text);
}

static void put_definition(struct sk_json_writer *w, const struct sk_definition_row *row)
{
    char digest[2 * SK_DIGEST_SIZE + 1];
    sk_digest_hex(&row->digest, SK_DIGEST_SIZE, digest);
    sk_json_key(w, "definition");
    sk_json_begin_object(w);
    put_text(w, "id", row->id);
    put_text(w, "version", row->version);
    put_text(w, "digest", sk_str_of(digest));
    sk_json_key(w, "source");
    sk_json_put_raw(w, row->source);
    sk_json_end_object(w);
}

static void put_head(struct sk_json_writer *w, const struct sk_head *head)
{
    sk_json_key(w, "saga");
    sk_json_begin_object(w);
    put_text(w, "id", head->id);
    put_text(w, "namespace", head->space);
    put_text(w, "state", sk_str_of(sk_saga_state_name((enum sk_saga_state)head->state)));
    put_text(w, "reason", sk_str_of(sk_reason_name((enum sk_reason)head->reason)));
    sk_json_key(w, "seq");
    sk_json_put_u64(w, head->seq);
    put_time(w, "created_at", head->created_at_ms);
    put_time(w, "updated_at", head->updated_at_ms);
    put_time(w, "ended_at", head->ended_at_ms);
    sk_json_end_object(w);
}

static void put_event(struct sk_json_writer *w, const struct sk_event_row *row,
                      const struct sk_plan *plan)
{
    sk_json_begin_object(w);
    sk_json_key(w, "seq");
    sk_json_put_u64(w, row->seq);
    sk_json_key(w, "at_ms");
    sk_json_put_i64(w, row->at_ms);
    put_text(w, "type", sk_str_of(sk_event_type_name((enum sk_event_type)row->type)));
    sk_json_key(w, "step");
    if (row->step < plan->steps_count)
        sk_json_put_str(w, plan->steps[row->step].id);
    else
        sk_json_put_null(w);
    sk_json_key(w, "item");
    sk_json_put_i64(w, row->item);
    sk_json_key(w, "attempt");
    sk_json_put_u64(w, row->attempt);
    sk_json_key(w, "round");
    sk_json_put_u64(w, row->round);
    struct sk_buf data;
    sk_buf_init(&data, 0);
    sk_base64_encode(row->data, &data);
    put_text(w, "data", sk_buf_view(&data));
    if (data.failed) w->out->failed = true;
    sk_buf_release(&data);
    sk_json_end_object(w);
}

static void put_mask(struct sk_json_writer *w, const struct sk_mask *mask)
{
    if (mask == NULL || mask->names_count == 0) return;
    sk_json_key(w, "sensitive");
    sk_json_begin_array(w);
    for (size_t i = 0; i < mask->names_count; i++) sk_json_put_text(w, mask->names[i]);
    sk_json_end_array(w);
}

/* T3. False: out of memory. */
static bool sum_of(struct sk_str file, char out_hex[2 * SK_DIGEST_SIZE + 1])
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_json_canonical_without(file, "sum", &text);
    bool is_whole = !text.failed;
    struct sk_digest digest = sk_digest_of(sk_buf_view(&text));
    sk_digest_hex(&digest, SK_DIGEST_SIZE, out_hex);
    sk_buf_release(&text);
    return is_whole;
}

static void append_sum(struct sk_buf *out)
{
    char hex[2 * SK_DIGEST_SIZE + 1];
    if (out->failed) return;
    if (!sum_of(sk_buf_view(out), hex)) out->failed = true;
    out->size -= 1; /* the brace */
    sk_buf_printf(out, ",\"sum\":\"%s\"}", hex);
}

/* `out` is empty. */
void sk_transfer_write(const struct sk_transfer_source *source, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "skald_export");
    sk_json_put_u64(&w, SK_TRANSFER_FORMAT);
    put_time(&w, "exported_at", source->now_ms);
    put_definition(&w, source->definition);
    put_head(&w, source->head);
    put_mask(&w, source->mask);
    sk_json_key(&w, "events");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < source->events_count; i++)
        put_event(&w, &source->events[i], source->plan);
    sk_json_end_array(&w);
    sk_json_end_object(&w);
    append_sum(out);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct sk_transfer *out;
    skald_error *error;
    struct sk_buf bytes; /* reused */
};

/* "events[3].data: it is not base64; export the saga again …" */
static enum skald_status damaged(const struct reading *r, const char *place, const char *what)
{
    return sk_error_set(r->error, SKALD_E_INVALID, "%s: %s; %s", place, what, remedy);
}

static bool get_text(struct sk_str object, const char *name, struct sk_arena *arena,
                     struct sk_str *out_text)
{
    struct sk_str span = sk_json_trim(sk_json_member(object, sk_str_of(name)));
    if (sk_json_type(span) != SK_JSON_STRING) return false;
    *out_text = sk_json_string(span, arena);
    return true;
}

static bool get_number(struct sk_str object, const char *name, int64_t min, int64_t max,
                       int64_t *out_value)
{
    struct sk_str span = sk_json_trim(sk_json_member(object, sk_str_of(name)));
    return sk_json_type(span) == SK_JSON_NUMBER && sk_json_to_i64(span, out_value) &&
           *out_value >= min && *out_value <= max;
}

/* A sum that is there holds for format 1, too: its number may be what was damaged. */
static enum skald_status check_sum(const struct reading *r, struct sk_str root, int64_t format)
{
    struct sk_str sum;
    char hex[2 * SK_DIGEST_SIZE + 1];
    bool is_there = get_text(root, "sum", &r->out->arena, &sum);
    if (!is_there && format == SK_TRANSFER_FORMAT_WITHOUT_SUM) return SKALD_OK;
    if (!is_there) return damaged(r, "sum", "it is missing");
    if (!sum_of(root, hex)) return sk_error_set(r->error, SKALD_E_MEMORY, "out of memory");
    return sk_str_is(sum, hex) ? SKALD_OK : damaged(r, "sum", "it is not that of the file");
}

static enum skald_status read_format(const struct reading *r, struct sk_str root)
{
    int64_t format = 0;
    if (!get_number(root, "skald_export", 1, INT64_MAX, &format)) {
        return sk_error_set(r->error, SKALD_E_INVALID,
                            "skald_export is missing: this is no export of a saga; make one with "
                            "`skald export ID`");
    }
    if (format == SK_TRANSFER_FORMAT || format == SK_TRANSFER_FORMAT_WITHOUT_SUM)
        return check_sum(r, root, format);
    return sk_error_set(r->error, SKALD_E_INVALID,
                        "the export has format %lld, this skald reads %d: use the version that "
                        "wrote it, or a later one",
                        (long long)format, SK_TRANSFER_FORMAT);
}

static enum skald_status read_definition(const struct reading *r, struct sk_str root,
                                         const struct sk_dsl_options *options)
{
    struct sk_transfer *out = r->out;
    struct sk_str object = sk_json_trim(sk_json_member(root, SK_STR("definition")));
    struct sk_str digest;
    char hex[2 * SK_DIGEST_SIZE + 1];
    struct sk_diagnostics diagnostics;
    if (sk_json_type(object) != SK_JSON_OBJECT) return damaged(r, "definition", "it is missing");
    out->source = sk_json_trim(sk_json_member(object, SK_STR("source")));
    if (sk_json_type(out->source) != SK_JSON_OBJECT)
        return damaged(r, "definition.source", "it is no object");
    if (!get_text(object, "digest", &out->arena, &digest))
        return damaged(r, "definition.digest", "it is missing");
    out->source = sk_arena_copy(&out->arena, out->source);
    struct sk_dsl_options own = options != NULL ? *options : (struct sk_dsl_options){ 0 };
    own.file_name = SK_STR("exported definition");
    own.is_strict = false;
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(out->source, &own, &out->plan, NULL, &diagnostics);
    sk_diagnostics_release(&diagnostics);
    if (status == SKALD_E_MEMORY) return sk_error_set(r->error, status, "out of memory");
    if (status != SKALD_OK) return damaged(r, "definition.source", "it cannot be compiled");
    sk_digest_hex(&out->plan->digest, SK_DIGEST_SIZE, hex);
    if (!sk_str_is(digest, hex))
        return damaged(r, "definition.digest", "it is not that of the source");
    return SKALD_OK;
}

static enum skald_status read_columns(const struct reading *r, struct sk_str object,
                                      const char *place, struct sk_event_row *row)
{
    struct sk_transfer *out = r->out;
    struct sk_str type, step;
    int64_t seq = 0, item = 0, attempt = 0, round = 0;
    row->step = SK_STEP_NONE;
    if (!get_number(object, "seq", 1, INT64_MAX, &seq)) return damaged(r, place, "it has no seq");
    if (!get_number(object, "at_ms", 0, INT64_MAX, &row->at_ms))
        return damaged(r, place, "it has no at_ms");
    if (!get_text(object, "type", &out->arena, &type)) return damaged(r, place, "it has no type");
    row->type = sk_event_type_number(type);
    if (row->type == 0)
        return damaged(r, place, "its type is not known here (a newer skald wrote it?)");
    if (get_text(object, "step", &out->arena, &step)) {
        row->step = sk_plan_step(out->plan, step);
        if (row->step == SK_STEP_NONE)
            return damaged(r, place, "its step is not one of the definition");
    }
    if (!get_number(object, "item", -1, SK_ITEMS_MAX - 1, &item) ||
        !get_number(object, "attempt", 0, UINT32_MAX, &attempt) ||
        !get_number(object, "round", 0, UINT32_MAX, &round))
        return damaged(r, place, "item, attempt or round is no number");
    row->seq = (uint64_t)seq;
    row->item = (int32_t)item;
    row->attempt = (uint32_t)attempt;
    row->round = (uint32_t)round;
    return SKALD_OK;
}

static enum skald_status read_event(struct reading *r, struct sk_str object, uint32_t index)
{
    struct sk_event_row *row = &r->out->events[index];
    struct sk_str data;
    struct sk_event event;
    char place[32];
    (void)snprintf(place, sizeof place, "events[%u]", (unsigned)index);
    if (sk_json_type(object) != SK_JSON_OBJECT) return damaged(r, place, "it is no object");
    enum skald_status status = read_columns(r, object, place, row);
    if (status != SKALD_OK) return status;
    if (!get_text(object, "data", &r->out->arena, &data))
        return damaged(r, place, "it has no data");
    sk_buf_clear(&r->bytes);
    bool is_text = sk_base64_decode(data, &r->bytes);
    if (r->bytes.failed) return sk_error_set(r->error, SKALD_E_MEMORY, "out of memory");
    if (!is_text) return damaged(r, place, "its data is not base64");
    row->data = sk_arena_copy(&r->out->arena, sk_buf_view(&r->bytes));
    if (r->out->arena.failed) return sk_error_set(r->error, SKALD_E_MEMORY, "out of memory");
    if (!sk_transfer_event(row, &event)) return damaged(r, place, "its data is damaged");
    bool is_before = index > 0 && (row->at_ms < row[-1].at_ms || row->seq != row[-1].seq + 1);
    return is_before ? damaged(r, place, "it does not come after the event before it") : SKALD_OK;
}

static enum skald_status read_events(struct reading *r, struct sk_str root)
{
    struct sk_str list = sk_json_trim(sk_json_member(root, SK_STR("events")));
    size_t count = sk_json_type(list) == SK_JSON_ARRAY ? sk_json_count(list) : 0;
    if (count == 0 || count > SK_TRANSFER_EVENTS_MAX)
        return damaged(r, "events", "it is no list, or it is empty");
    r->out->events = SK_ARENA_ARRAY(&r->out->arena, struct sk_event_row, count);
    if (r->out->events == NULL) return sk_error_set(r->error, SKALD_E_MEMORY, "out of memory");
    struct sk_json_iter it = sk_json_walk(list);
    enum skald_status status = SKALD_OK;
    while (status == SKALD_OK && sk_json_next(&it)) {
        status = read_event(r, it.value, r->out->events_count);
        if (status == SKALD_OK) r->out->events_count++;
    }
    return status;
}

/* T1: the head says what the events say. */
static enum skald_status check_head(const struct reading *r, struct sk_str root)
{
    struct sk_transfer *out = r->out;
    struct sk_str head = sk_json_trim(sk_json_member(root, SK_STR("saga")));
    struct sk_str state;
    int64_t seq = 0;
    struct sk_saga saga;
    if (sk_json_type(head) != SK_JSON_OBJECT) return damaged(r, "saga", "it is missing");
    if (!get_text(head, "id", &out->arena, &out->id) || !sk_id_is_saga(out->id))
        return damaged(r, "saga.id", "it is no id of a saga");
    if (!get_text(head, "state", &out->arena, &state)) return damaged(r, "saga.state", "no state");
    if (!get_number(head, "seq", 1, INT64_MAX, &seq)) return damaged(r, "saga.seq", "no number");
    enum skald_status status = sk_transfer_fold(out, 0, &saga, r->error);
    if (status == SKALD_OK) {
        out->state = saga.state;
        if (!sk_str_equal(saga.start.id, out->id))
            status = damaged(r, "saga.id", "the events are those of another saga");
        else if (!sk_digest_equal(&saga.start.definition, &out->plan->digest))
            status =
                damaged(r, "definition.digest", "the saga was started from another definition");
        else if (saga.seq != (uint64_t)seq)
            status = damaged(r, "saga.seq", "there are more or fewer events");
        else if (!sk_str_is(state, sk_saga_state_name(sk_saga_shown_state(&saga))))
            status = damaged(r, "saga.state", "the events come to another state");
    }
    sk_saga_release(&saga);
    return status;
}

/* What is no text in it names nothing. */
static void read_mask(const struct reading *r, struct sk_str root)
{
    struct sk_str list = sk_json_trim(sk_json_member(root, SK_STR("sensitive")));
    if (sk_json_type(list) != SK_JSON_ARRAY) return;
    struct sk_arena *arena = &r->out->arena;
    const char **names = SK_ARENA_ARRAY(arena, const char *, sk_json_count(list));
    struct sk_json_iter it = sk_json_walk(list);
    while (names != NULL && sk_json_next(&it)) {
        if (sk_json_type(it.value) != SK_JSON_STRING) continue;
        const char *name = sk_arena_text(arena, sk_json_string(it.value, arena));
        if (name != NULL) names[r->out->mask.names_count++] = name;
    }
    r->out->mask.names = names;
}

enum skald_status sk_transfer_read(struct sk_str text, const struct sk_dsl_options *options,
                                   struct sk_transfer *out, skald_error *error)
{
    struct reading r = { .out = out, .error = error };
    *out = (struct sk_transfer){ .events_count = 0 };
    sk_arena_init(&out->arena);
    if (sk_json_check(text, error) != SKALD_OK)
        return sk_error_wrap(error, "the export is not JSON");
    struct sk_str root = sk_json_trim(text);
    if (sk_json_type(root) != SK_JSON_OBJECT) root = SK_STR("{}");
    sk_buf_init(&r.bytes, 0);
    enum skald_status status = read_format(&r, root);
    if (status == SKALD_OK) status = read_definition(&r, root, options);
    if (status == SKALD_OK) status = read_events(&r, root);
    if (status == SKALD_OK) status = check_head(&r, root);
    if (status == SKALD_OK) read_mask(&r, root);
    sk_buf_release(&r.bytes);
    if (status == SKALD_OK && out->arena.failed)
        status = sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    return status;
}

void sk_transfer_release(struct sk_transfer *transfer)
{
    sk_plan_free(transfer->plan);
    sk_arena_release(&transfer->arena);
    *transfer = (struct sk_transfer){ .events_count = 0 };
}

/* ---- folding --------------------------------------------------------------------------------- */

bool sk_transfer_event(const struct sk_event_row *row, struct sk_event *out_event)
{
    *out_event = (struct sk_event){ .seq = row->seq,
                                    .at_ms = row->at_ms,
                                    .type = (enum sk_event_type)row->type,
                                    .step = row->step,
                                    .item = row->item,
                                    .attempt = row->attempt,
                                    .round = row->round };
    return sk_event_read(row->data, out_event);
}

enum skald_status sk_transfer_fold(const struct sk_transfer *transfer, uint64_t upto_seq,
                                   struct sk_saga *saga, skald_error *error)
{
    if (!sk_saga_init(saga, transfer->plan))
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint32_t i = 0; i < transfer->events_count; i++) {
        struct sk_event event;
        if (upto_seq > 0 && transfer->events[i].seq > upto_seq) break;
        bool is_sound = sk_transfer_event(&transfer->events[i], &event);
        enum skald_status status =
            is_sound ? sk_saga_restore(saga, &event, transfer->events[i].data) : SKALD_E_CORRUPT;
        if (status == SKALD_E_MEMORY) return sk_error_set(error, status, "out of memory");
        if (status != SKALD_OK) {
            return sk_error_set(error, SKALD_E_INVALID,
                                "events[%u]: it cannot follow the events before it; %s",
                                (unsigned)i, remedy);
        }
    }
    return SKALD_OK;
}
