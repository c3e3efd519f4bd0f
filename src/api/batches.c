/* batches.c: one command for all sagas of a filter, in the background: started, watched, ended. */
#include "api/routes.h"
#include "api/saga_filter.h"

#include "api/gathered.h"
#include "api/shapes.h"
#include "base/id.h"
#include "engine/bulk.h"

enum { LIMIT_DEFAULT = 50, SAMPLE_MAX = 20 };

struct batch {
    struct sk_str command, filter_json, by, reason;
    bool past_pivot, is_dry_run;
    struct sk_saga_filter filter;
    struct sk_bulk_request request;
    struct sk_read read;
    struct sk_bulk_view view; /* of a dry run */
};

const struct sk_input sk_batch_body[] = {
    { "command", SK_INPUT_TEXT, offsetof(struct batch, command),
      "name it: cancel, force-cancel, force-complete, retry, suspend, resume or delete", 0, 0, 40,
      true },
    { "filter", SK_INPUT_OBJECT, offsetof(struct batch, filter_json),
      "which sagas: the parameters of GET /sagas, at least one; tag and attribute as lists", 0, 0,
      0, true },
    { "by", SK_INPUT_TEXT, offsetof(struct batch, by), "say who asks; it is kept in each history",
      0, 0, 200, true },
    { "reason", SK_INPUT_PROSE, offsetof(struct batch, reason),
      "say why; it is kept in each history", 0, 0, 0, true },
    { "past_pivot", SK_INPUT_FLAG, offsetof(struct batch, past_pivot),
      "also after the pivot: force-cancel", 0, 0, 0, false },
    { "dry_run", SK_INPUT_FLAG, offsetof(struct batch, is_dry_run),
      "only say how many sagas are meant, and some of them", 0, 0, 0, false },
    { 0 },
};

static const struct sk_input filter_inputs[] = {
    SK_SAGA_FILTER_ROWS(struct batch),
    { 0 },
};

/* ---- shape ----------------------------------------------------------------------------------- */

/* `heads`: of a dry run; NULL = a batch. */
static void put_batch(struct sk_json_writer *w, const struct sk_bulk_view *view,
                      const struct sk_rows *heads)
{
    sk_json_begin_object(w);
    sk_shape_text(w, "id", view->id);
    sk_shape_text(w, "command", sk_str_of(sk_bulk_command_name(view->kind)));
    sk_shape_text(w, "by", view->by);
    sk_shape_text(w, "reason", view->reason);
    sk_shape_text(w, "state",
                  sk_str_of(heads != NULL ? "dry_run" : sk_bulk_state_name(view->state)));
    sk_json_key(w, "matched");
    if (view->has_matched) {
        sk_json_put_u64(w, view->matched);
    } else {
        sk_json_put_null(w);
    }
    sk_shape_count(w, "seen", view->seen);
    sk_shape_count(w, "done", view->done);
    sk_shape_count(w, "failed", view->failed);
    sk_json_key(w, "refused");
    sk_json_begin_object(w);
    for (int i = 0; i < SK_BULK_REFUSALS_COUNT; i++) {
        sk_shape_count(w, sk_bulk_refusal_name((enum sk_bulk_refusal)i), view->refused[i]);
    }
    sk_json_end_object(w);
    sk_shape_text(w, "last_error", view->last_error);
    sk_shape_time(w, "created_at", view->created_at_ms);
    sk_shape_time(w, "finished_at", view->finished_at_ms);
    if (heads != NULL) {
        sk_json_key(w, "sample");
        sk_json_begin_array(w);
        for (uint32_t i = 0; i < heads->heads_count; i++) sk_json_put_str(w, heads->heads[i].id);
        sk_json_end_array(w);
    }
    sk_json_end_object(w);
}

static void reply_batch(struct sk_exchange *x, int status, const struct sk_bulk_view *view)
{
    struct sk_json_writer w = sk_exchange_writer(x);
    put_batch(&w, view, NULL);
    sk_exchange_reply(x, status);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void on_sample(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct batch *batch = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    put_batch(&w, &batch->view, rows);
    sk_exchange_reply(x, 200);
}

static void on_count(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct batch *batch = x->state;
    if (rows->status != SKALD_OK && rows->status != SKALD_E_TIMEOUT) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    batch->view.has_matched = rows->status == SKALD_OK;
    batch->view.matched = rows->total;
    batch->read.kind = SK_READ_LIST;
    sk_engine_read(sk_engine_of(x), &batch->read, on_sample, x);
}

static void dry_run(struct sk_exchange *x, struct batch *batch)
{
    const struct sk_bulk_request *r = &batch->request;
    batch->view = (struct sk_bulk_view){ .by = r->by, .reason = r->reason, .kind = r->kind };
    batch->read =
        (struct sk_read){ .kind = SK_READ_COUNT, .filter = r->filter, .limit = SAMPLE_MAX };
    batch->read.filter.is_ascending = true;
    sk_engine_read(sk_engine_of(x), &batch->read, on_count, x);
}

static void on_started(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_bulk_view *view, bool is_replayed)
{
    struct sk_exchange *x = context;
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return;
    }
    if (is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
    reply_batch(x, is_replayed ? 200 : 202, view);
}

static bool read_request(struct sk_exchange *x, struct batch *batch)
{
    struct sk_bulk_request *r = &batch->request;
    r->kind = sk_bulk_command_of(batch->command);
    if (r->kind == SK_COMMAND_START) {
        sk_exchange_refuse(
            x, "it is cancel, force-cancel, force-complete, retry, suspend, resume or delete",
            "there is no command '%.*s' for batches", SK_STR_ARGS(batch->command));
        return false;
    }
    if (batch->past_pivot && r->kind != SK_COMMAND_FORCE_CANCEL) {
        sk_exchange_refuse(x, "leave it out, or send another command",
                           "%s does not take past_pivot", sk_bulk_command_name(r->kind));
        return false;
    }
    if (!sk_inputs_read_object(x, filter_inputs, batch->filter_json, batch)) return false;
    if (sk_json_count(batch->filter_json) == 0) {
        sk_exchange_refuse(x, "narrow it, for instance {\"state\": \"running,suspended\"}",
                           "an empty filter means every saga there is");
        return false;
    }
    if (!sk_saga_filter_read(x, &batch->filter, &r->filter)) return false;
    r->by = batch->by;
    r->reason = batch->reason;
    r->past_pivot = batch->past_pivot;
    return true;
}

void sk_handle_batch(struct sk_exchange *x)
{
    struct batch *batch = SK_EXCHANGE_STATE(x, struct batch);
    if (batch == NULL) return;
    if (!sk_exchange_command_id(x, &batch->request.id)) return;
    if (!sk_inputs_read_body(x, sk_batch_body, batch)) return;
    if (!sk_id_is_client(batch->request.id)) {
        sk_exchange_refuse(x, "send 1 to 200 of A-Z a-z 0-9 - _ : as Idempotency-Key, or none",
                           "the Idempotency-Key becomes the id of the batch, and is none");
        return;
    }
    if (!read_request(x, batch)) return;
    if (batch->is_dry_run) {
        dry_run(x, batch);
    } else {
        sk_engine_bulk_start(sk_engine_of(x), &batch->request, on_started, x);
    }
}

/* ---- watch and end --------------------------------------------------------------------------- */

struct list {
    int64_t limit;
};

const struct sk_input sk_batches_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct list, limit), "how many at most", 1,
      SK_BULKS_KEPT_MAX, 0, false },
    { 0 },
};

static bool take_one(void *context, const struct sk_bulk_view *view)
{
    struct sk_gathered *rows = context;
    struct sk_gather_part *part = rows->part;
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_gathered_writer(rows, &json);
    put_batch(&w, view, NULL);
    sk_gathered_add(rows, -view->created_at_ms, view->id, &json); /* the newest first */
    return rows->count < part->question.number && !part->arena.failed;
}

static void look(struct sk_gather_part *part)
{
    struct sk_gathered *rows = sk_gathered_new(part);
    if (rows != NULL) sk_engine_bulk_each(part->engine, take_one, rows);
    sk_gather_tell(part);
}

static void on_batches(void *context, enum skald_status status, const skald_error *error,
                       struct sk_gather_part *const *parts, uint32_t count)
{
    struct sk_exchange *x = context;
    const struct list *list = x->state;
    struct sk_gathered_list all;
    if (!sk_gathered_list(x, status, error, parts, count, &all)) return;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    (void)sk_gathered_put(&w, "items", &all, (uint64_t)list->limit);
    sk_json_key(&w, "next");
    sk_json_put_null(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

void sk_handle_batches(struct sk_exchange *x)
{
    struct list *list = SK_EXCHANGE_STATE(x, struct list);
    if (list == NULL) return;
    list->limit = LIMIT_DEFAULT;
    if (!sk_inputs_read_query(x, sk_batches_query, list)) return;
    struct sk_gather_question question = { .number = list->limit };
    sk_engine_gather(sk_engine_of(x), look, &question, on_batches, x);
}

static void fail_unknown(struct sk_exchange *x)
{
    struct sk_problem problem = sk_problem_http(404, SK_STR("there is no such batch"),
                                                SK_STR("GET /api/v1/batches lists them"));
    sk_exchange_problem(x, &problem);
}

void sk_handle_batch_one(struct sk_exchange *x)
{
    struct sk_bulk_view view;
    if (sk_engine_bulk_get(sk_engine_of(x), x->params[0], &view)) {
        reply_batch(x, 200, &view);
    } else {
        fail_unknown(x);
    }
}

static void on_cancelled(void *context, enum skald_status status, const skald_error *error,
                         const struct sk_bulk_view *view, bool is_replayed)
{
    struct sk_exchange *x = context;
    if (status == SKALD_E_NOT_FOUND) {
        fail_unknown(x);
    } else if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
    } else {
        if (is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
        reply_batch(x, 200, view);
    }
}

void sk_handle_batch_cancel(struct sk_exchange *x)
{
    sk_engine_bulk_cancel(sk_engine_of(x), x->params[0], on_cancelled, x);
}
