/*
 * letters.c: dead letters: what the engine gave up and a person must see to. The id of a letter is
 * "<saga>/<seq>/<number>", and stands so in paths. A cursor is "<at ms>_<id>" of the last row seen.
 */
#include "api/routes.h"

#include "api/shapes.h"
#include "base/id.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500 };

struct letters {
    int64_t limit;
    struct sk_str cursor, saga; /* as asked */
    struct sk_str by, reason;
    struct sk_str id, command_id;
    uint32_t step;
    int32_t item;
    uint32_t named_count;
    struct sk_digest *definitions; /* by row, once its head was read */
    bool *is_known;
    bool is_one, is_retry;
};

#define ROW(name, kind, field, help, size_max, is_required)                            \
    {                                                                                  \
        name, kind, offsetof(struct letters, field), help, 0, 0, size_max, is_required \
    }

const struct sk_input sk_letters_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct letters, limit), "rows of a page", 1, LIMIT_MAX, 0,
      false },
    ROW("cursor", SK_INPUT_TEXT, cursor, "`next` of the page before", 0, false),
    { 0 },
};

const struct sk_input sk_letter_retry_body[] = {
    ROW("by", SK_INPUT_TEXT, by, "say who asks: {\"by\": \"name\", \"reason\": \"why\"}", 200,
        true),
    ROW("reason", SK_INPUT_PROSE, reason, "say why: {\"by\": \"name\", \"reason\": \"why\"}", 0,
        true),
    { 0 },
};

/* A body of a DELETE is lost on the way too often. */
const struct sk_input sk_letter_discard_query[] = {
    ROW("by", SK_INPUT_TEXT, by, "say who asks: ?by=name&reason=why", 200, true),
    ROW("reason", SK_INPUT_TEXT, reason, "say why: ?by=name&reason=why", 0, true),
    { 0 },
};

bool sk_number_is_sound(struct sk_str text)
{
    uint64_t value;
    return text.size <= 19 && sk_str_to_u64(text, &value);
}

/* ---- what a letter says ---------------------------------------------------------------------- */

static struct sk_str saga_of(struct sk_exchange *x, const struct sk_dead_letter_row *row)
{
    return sk_json_string(sk_json_member(row->body, SK_STR("saga")), &x->arena);
}

static int64_t number_of(const struct sk_dead_letter_row *row, const char *name, int64_t otherwise)
{
    int64_t value = otherwise;
    struct sk_str span = sk_json_member(row->body, sk_str_of(name));
    return span.size > 0 && sk_json_to_i64(span, &value) ? value : otherwise;
}

static void shape(struct sk_exchange *x, struct sk_json_writer *w, uint32_t i)
{
    const struct letters *letters = x->state;
    const struct sk_dead_letter_row *row = &x->rows.letters[i];
    const struct sk_definition_name *name =
        letters->is_known[i] ? sk_name_find(x->api, &letters->definitions[i]) : NULL;
    struct sk_str none = { 0 };
    int64_t step = number_of(row, "step", -1), item = number_of(row, "item", -1);
    bool has_step = name != NULL && step >= 0 && step < (int64_t)name->steps_count;
    sk_json_begin_object(w);
    sk_shape_text(w, "id", row->id);
    sk_shape_text(w, "saga", saga_of(x, row));
    sk_shape_text(w, "definition", name == NULL ? none : name->id);
    sk_shape_text(w, "version", name == NULL ? none : name->version);
    sk_shape_text(w, "step", has_step ? name->steps[step] : none);
    sk_json_key(w, "item");
    if (item >= 0) {
        sk_json_put_i64(w, item);
    } else {
        sk_json_put_null(w);
    }
    sk_shape_text(w, "why", sk_json_string(sk_json_member(row->body, SK_STR("why")), &x->arena));
    sk_shape_count(w, "seq", row->seq);
    sk_shape_time(w, "at", row->at_ms);
    sk_json_end_object(w);
}

static void reply(struct sk_exchange *x)
{
    const struct letters *letters = x->state;
    const struct sk_rows *rows = &x->rows;
    struct sk_json_writer w = sk_exchange_writer(x);
    if (letters->is_one) {
        shape(x, &w, 0);
        sk_exchange_reply(x, 200);
        return;
    }
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < rows->letters_count; i++) shape(x, &w, i);
    sk_json_end_array(&w);
    sk_json_key(&w, "next");
    if (rows->has_more && rows->letters_count > 0) {
        const struct sk_dead_letter_row *last = &rows->letters[rows->letters_count - 1];
        struct sk_buf cursor = { 0 };
        sk_buf_append_i64(&cursor, last->at_ms);
        sk_buf_append_char(&cursor, '_');
        sk_buf_append_str(&cursor, last->id);
        sk_json_put_str(&w, sk_buf_view(&cursor));
        sk_buf_release(&cursor);
    } else {
        sk_json_put_null(&w);
    }
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

/* ---- whose they are: head, then the definition's names --------------------------------------- */

static void name_next(struct sk_exchange *x);

static void on_head(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct letters *letters = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    uint32_t i = letters->named_count++;
    if (rows->heads_count == 0) { /* removed meanwhile: the letter alone is left */
        name_next(x);
        return;
    }
    letters->definitions[i] = rows->heads[0].definition;
    letters->is_known[i] = true;
    const struct sk_definition_name *name = sk_name_find(x->api, &letters->definitions[i]);
    if (name != NULL && name->has_steps) {
        name_next(x);
    } else {
        sk_name_learn_steps(x, &letters->definitions[i], name_next);
    }
}

static void name_next(struct sk_exchange *x)
{
    const struct letters *letters = x->state;
    if (letters->named_count >= x->rows.letters_count) {
        reply(x);
        return;
    }
    struct sk_str saga = saga_of(x, &x->rows.letters[letters->named_count]);
    sk_exchange_read_head(x, saga, on_head);
}

static void refuse_gone(struct sk_exchange *x)
{
    struct sk_problem problem =
        sk_problem_http(404, SK_STR("there is no dead letter with this id, or not any more"),
                        SK_STR("GET /api/v1/dead-letters lists them"));
    sk_exchange_problem(x, &problem);
}

static void on_letters(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct letters *letters = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    if (letters->is_one && rows->letters_count == 0) {
        refuse_gone(x);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    letters->definitions =
        SK_ARENA_ARRAY(&x->arena, struct sk_digest, (size_t)x->rows.letters_count + 1);
    letters->is_known = SK_ARENA_ARRAY(&x->arena, bool, (size_t)x->rows.letters_count + 1);
    if (letters->definitions == NULL || letters->is_known == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    name_next(x);
}

static struct letters *letters_of(struct sk_exchange *x)
{
    struct letters *letters = SK_EXCHANGE_STATE(x, struct letters);
    if (letters == NULL) return NULL;
    letters->limit = LIMIT_DEFAULT;
    return letters;
}

static bool read_cursor(struct sk_exchange *x, struct sk_str cursor, struct sk_list_filter *filter)
{
    if (cursor.size == 0) return true;
    size_t bar = sk_str_find(cursor, '_');
    filter->cursor_id = sk_str_sub(cursor, bar + 1, cursor.size);
    if (sk_str_to_i64(sk_str_sub(cursor, 0, bar), &filter->cursor_created_at_ms) &&
        filter->cursor_id.size > 0) {
        return true;
    }
    sk_exchange_refuse(x, "pass what `next` of the page before said",
                       "the cursor is not one of ours");
    return false;
}

void sk_handle_letters(struct sk_exchange *x)
{
    struct letters *letters = letters_of(x);
    if (letters == NULL || !sk_inputs_read_query(x, sk_letters_query, letters)) return;
    struct sk_read read = { .kind = SK_READ_DEAD_LETTERS,
                            .shard = SK_SHARD_ALL,
                            .limit = (uint32_t)letters->limit };
    if (!read_cursor(x, letters->cursor, &read.filter)) return;
    sk_engine_read(sk_engine_of(x), &read, on_letters, x);
}

/* ---- one ------------------------------------------------------------------------------------- */

static void read_one(struct sk_exchange *x, struct letters *letters, sk_read_done *done)
{
    struct sk_buf id = { 0 };
    for (size_t i = 0; i < 3; i++) {
        if (i > 0) sk_buf_append_char(&id, '/');
        sk_buf_append_str(&id, x->params[i]);
    }
    letters->is_one = true;
    letters->id = sk_arena_copy(&x->arena, sk_buf_view(&id));
    sk_buf_release(&id);
    struct sk_read read = { .kind = SK_READ_DEAD_LETTERS,
                            .shard = sk_engine_shard_of(sk_engine_of(x), x->params[0]),
                            .id = letters->id,
                            .limit = 1 };
    sk_engine_read(sk_engine_of(x), &read, done, x);
}

void sk_handle_letter(struct sk_exchange *x)
{
    struct letters *letters = letters_of(x);
    if (letters != NULL) read_one(x, letters, on_letters);
}

/* ---- discarded, retried ---------------------------------------------------------------------- */

static void on_saga(void *context, const struct sk_reply *answer)
{
    struct sk_exchange *x = context;
    if (answer->status != SKALD_OK) {
        sk_exchange_fail(x, answer->status, answer->error);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_shape_saga(&w, answer->saga);
    sk_exchange_reply(x, 200);
}

static void fail(struct sk_exchange *x, const struct sk_reply *answer)
{
    struct sk_problem problem = sk_problem_of(answer->status, answer->error);
    problem.retry_after_ms = answer->retry_after_ms;
    sk_exchange_problem(x, &problem);
}

static void on_discarded(void *context, const struct sk_reply *answer)
{
    struct sk_exchange *x = context;
    const struct letters *letters = x->state;
    if (answer->status != SKALD_OK) {
        fail(x, answer);
    } else if (letters->is_retry) {
        sk_engine_get(sk_engine_of(x), x->params[0], on_saga, x);
    } else {
        sk_buf_clear(&x->out);
        sk_exchange_reply(x, 204);
    }
}

static void discard(struct sk_exchange *x)
{
    const struct letters *letters = x->state;
    sk_engine_discard_letter(sk_engine_of(x), x->params[0], letters->id, letters->by,
                             letters->reason, on_discarded, x);
}

/* The work is under way again: the letter has had its answer. */
static void on_retried(void *context, const struct sk_reply *answer)
{
    struct sk_exchange *x = context;
    if (answer->status != SKALD_OK) {
        fail(x, answer);
        return;
    }
    if (answer->is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
    discard(x);
}

/* The letter is gone: because this very command has had its effect? */
static void on_seen(void *context, const struct sk_reply *answer)
{
    struct sk_exchange *x = context;
    const struct letters *letters = x->state;
    bool is_seen = false;
    for (uint32_t i = 0; answer->saga != NULL && i < answer->saga->command_ids_count; i++) {
        is_seen = is_seen || sk_str_equal(answer->saga->command_ids[i], letters->command_id);
    }
    if (!is_seen) {
        refuse_gone(x);
        return;
    }
    sk_http_reply_header(x->http, "Skald-Replayed", "true");
    on_saga(x, answer);
}

static void on_letter(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct letters *letters = x->state;
    if (rows->status == SKALD_OK && rows->letters_count == 0 && letters->is_retry) {
        sk_engine_get(sk_engine_of(x), x->params[0], on_seen, x);
        return;
    }
    if (rows->status != SKALD_OK || rows->letters_count == 0) {
        on_letters(x, rows);
        return;
    }
    if (!letters->is_retry) {
        discard(x);
        return;
    }
    struct sk_command command = {
        .kind = SK_COMMAND_RETRY,
        .id = letters->command_id,
        .who = letters->by,
        .why = letters->reason,
        .step = (uint32_t)number_of(&rows->letters[0], "step", SK_STEP_NONE),
        .item = (int32_t)number_of(&rows->letters[0], "item", -1),
    };
    sk_engine_command(sk_engine_of(x), x->params[0], &command, (struct sk_str){ 0 }, on_retried, x);
}

void sk_handle_letter_retry(struct sk_exchange *x)
{
    struct letters *letters = letters_of(x);
    if (letters == NULL || !sk_exchange_command_id(x, &letters->command_id)) return;
    if (!sk_inputs_read_body(x, sk_letter_retry_body, letters)) return;
    letters->is_retry = true;
    read_one(x, letters, on_letter);
}

void sk_handle_letter_discard(struct sk_exchange *x)
{
    struct letters *letters = letters_of(x);
    if (letters == NULL || !sk_inputs_read_query(x, sk_letter_discard_query, letters)) return;
    read_one(x, letters, on_letter);
}
