/* schedules.c: definitions that start by the clock. */
#include "api/routes.h"

#include "api/gathered.h"
#include "api/shapes.h"
#include "base/id.h"
#include "base/time.h"
#include "engine/schedule.h"

enum { NEXT_MAX = 5, LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

struct schedule {
    struct sk_schedule_request request;
    struct sk_str overlap;
};

#define ROW(name, kind, field, help)                                       \
    {                                                                      \
        name, kind, offsetof(struct schedule, field), help, 0, 0, 0, false \
    }

const struct sk_input sk_schedule_body[] = {
    ROW("id", SK_INPUT_ID, request.id, "of the schedule; drawn if it is missing"),
    ROW("cron", SK_INPUT_TEXT, request.cron,
        "minute hour day month weekday, in UTC: \"30 4 * * mon-fri\"; or @daily and its like"),
    ROW("at", SK_INPUT_INSTANT, request.at_ms, "once, then, in place of cron"),
    { "definition", SK_INPUT_NAME, offsetof(struct schedule, request.definition),
      "name what is to be started", 0, 0, 0, true },
    ROW("version", SK_INPUT_TEXT, request.version, "of it; without it the latest at each start"),
    ROW("input", SK_INPUT_JSON, request.input,
        "of each saga; {{ .timestamp }} in a text is the instant"),
    ROW("context", SK_INPUT_OBJECT, request.context, "of each saga"),
    ROW("business_key", SK_INPUT_TEXT, request.business_key, "of each saga"),
    ROW("namespace", SK_INPUT_ID, request.space, "of each saga"),
    ROW("attributes", SK_INPUT_SCALARS, request.attributes, "of each saga"),
    ROW("tags", SK_INPUT_TAGS, request.tags, "of each saga"),
    { "priority", SK_INPUT_NUMBER, offsetof(struct schedule, request.priority), "of each saga",
      -1000000, 1000000, 0, false },
    ROW("overlap", SK_INPUT_TEXT, overlap,
        "while the last one runs: skip (the default), allow, queue or cancel"),
    ROW("catch_up", SK_INPUT_DURATION, request.catch_up_ms,
        "instants missed in so long a time are all made up; without it only the latest"),
    { "by", SK_INPUT_TEXT, offsetof(struct schedule, request.by), "who made it", 0, 0, 200, false },
    { 0 },
};

/* ---- shape ----------------------------------------------------------------------------------- */

static void put_next(const struct sk_engine *engine, struct sk_json_writer *w,
                     const struct sk_schedule_view *view)
{
    int64_t next[NEXT_MAX];
    bool is_active = view->state == SK_SCHEDULE_ACTIVE;
    uint32_t count = is_active ? sk_schedule_next(engine, view, next, NEXT_MAX) : 0;
    sk_json_key(w, "next");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < count; i++) {
        char text[SK_TIME_TEXT_SIZE];
        sk_time_format(next[i], text);
        sk_json_put_text(w, text);
    }
    sk_json_end_array(w);
}

static void put_schedule(const struct sk_engine *engine, struct sk_json_writer *w,
                         const struct sk_schedule_view *view)
{
    const struct sk_schedule_request *r = view->request;
    char catch_up[SK_DURATION_TEXT_SIZE];
    sk_duration_format(r->catch_up_ms, catch_up);
    sk_json_begin_object(w);
    sk_shape_text(w, "id", r->id);
    sk_shape_text(w, "state", sk_str_of(sk_schedule_state_name(view->state)));
    sk_shape_text(w, "cron", r->cron);
    sk_shape_time(w, "at", r->at_ms);
    sk_shape_text(w, "definition", r->definition);
    sk_shape_text(w, "version", r->version);
    sk_shape_raw(w, "input", r->input);
    sk_shape_raw(w, "context", r->context);
    sk_shape_text(w, "business_key", r->business_key);
    sk_shape_text(w, "namespace", r->space);
    sk_shape_raw(w, "attributes", r->attributes);
    sk_shape_raw(w, "tags", r->tags);
    sk_shape_number(w, "priority", r->priority);
    sk_shape_text(w, "overlap", sk_str_of(sk_overlap_name(r->overlap)));
    sk_shape_text(w, "catch_up", sk_str_of(r->catch_up_ms > 0 ? catch_up : NULL));
    sk_shape_text(w, "by", r->by);
    sk_shape_time(w, "created_at", view->created_at_ms);
    put_next(engine, w, view);
    sk_shape_time(w, "last_at", view->last_at_ms);
    sk_shape_text(w, "last_saga", view->last_saga);
    sk_shape_time(w, "queued_at", view->queued_at_ms);
    sk_shape_count(w, "runs", view->runs);
    sk_shape_count(w, "skipped", view->skipped);
    sk_shape_count(w, "failed", view->failed);
    sk_shape_text(w, "last_error", view->last_error);
    sk_json_end_object(w);
}

static void reply_schedule(struct sk_exchange *x, int status, const struct sk_schedule_view *view)
{
    struct sk_json_writer w = sk_exchange_writer(x);
    put_schedule(sk_engine_of(x), &w, view);
    sk_exchange_reply(x, status);
}

/* ---- new ------------------------------------------------------------------------------------- */

static void on_made(void *context, enum skald_status status, const skald_error *error,
                    const struct sk_schedule_view *view, bool is_replayed)
{
    struct sk_exchange *x = context;
    if (status == SKALD_E_SYNTAX) {
        sk_exchange_refuse(x, "see docs/keeping.md: cron expressions, templates", "%s",
                           error->message);
    } else if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
    } else {
        if (is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
        reply_schedule(x, is_replayed ? 200 : 201, view);
    }
}

static bool read_overlap(struct sk_exchange *x, struct schedule *schedule)
{
    for (int i = 0; i < SK_OVERLAPS_COUNT; i++) {
        if (!sk_str_is(schedule->overlap, sk_overlap_name((enum sk_overlap)i))) continue;
        schedule->request.overlap = (enum sk_overlap)i;
        return true;
    }
    if (schedule->overlap.size == 0) return true;
    sk_exchange_refuse(x, "it is skip, allow, queue or cancel", "overlap is none of these");
    return false;
}

void sk_handle_schedule(struct sk_exchange *x)
{
    struct schedule *schedule = SK_EXCHANGE_STATE(x, struct schedule);
    struct sk_str key;
    if (schedule == NULL) return;
    if (!sk_exchange_command_id(x, &key)) return;
    if (!sk_inputs_read_body(x, sk_schedule_body, schedule)) return;
    struct sk_schedule_request *r = &schedule->request;
    if (r->id.size == 0) r->id = key;
    if (!sk_id_is_client(r->id)) {
        sk_exchange_refuse(x, "send 1 to 200 of A-Z a-z 0-9 - _ : as id or Idempotency-Key",
                           "the id of the schedule is none");
        return;
    }
    if ((r->cron.size > 0) == (r->at_ms > 0)) {
        sk_exchange_refuse(x,
                           "send {\"cron\": \"30 4 * * *\"} or {\"at\": \"2030-01-02T03:04:05Z\"}",
                           "a schedule has either cron or at");
        return;
    }
    if (!read_overlap(x, schedule)) return;
    sk_engine_schedule(sk_engine_of(x), r, on_made, x);
}

/* ---- look ------------------------------------------------------------------------------------ */

struct list {
    struct sk_str cursor;
    int64_t limit;
};

const struct sk_input sk_schedules_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct list, limit), "how many at most", 1, LIMIT_MAX, 0,
      false },
    { "cursor", SK_INPUT_TEXT, offsetof(struct list, cursor), "`next` of the page before", 0, 0, 0,
      false },
    { 0 },
};

static bool take_one(void *context, const struct sk_schedule_view *view)
{
    struct sk_gathered *rows = context;
    struct sk_gather_part *part = rows->part;
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_gathered_writer(rows, &json);
    put_schedule(part->engine, &w, view);
    sk_gathered_add(rows, 0, view->request->id, &json);
    return rows->count < part->question.number && !part->arena.failed;
}

static void look(struct sk_gather_part *part)
{
    struct sk_gathered *rows = sk_gathered_new(part);
    if (rows != NULL) sk_engine_schedule_each(part->engine, part->question.text, take_one, rows);
    sk_gather_tell(part);
}

static void on_schedules(void *context, enum skald_status status, const skald_error *error,
                         struct sk_gather_part *const *parts, uint32_t count)
{
    struct sk_exchange *x = context;
    const struct list *list = x->state;
    struct sk_gathered_list all;
    if (!sk_gathered_list(x, status, error, parts, count, &all)) return;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    const struct sk_gathered_row *last = sk_gathered_put(&w, "items", &all, (uint64_t)list->limit);
    bool has_more = last != NULL && all.count > list->limit;
    sk_shape_text(&w, "next", has_more ? last->id : (struct sk_str){ 0 });
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

void sk_handle_schedules(struct sk_exchange *x)
{
    struct list *list = SK_EXCHANGE_STATE(x, struct list);
    if (list == NULL) return;
    list->limit = LIMIT_DEFAULT;
    if (!sk_inputs_read_query(x, sk_schedules_query, list)) return;
    struct sk_gather_question question = { list->limit + 1, list->cursor };
    sk_engine_gather(sk_engine_of(x), look, &question, on_schedules, x);
}

static void fail_unknown(struct sk_exchange *x)
{
    struct sk_problem problem = sk_problem_http(404, SK_STR("there is no such schedule"),
                                                SK_STR("GET /api/v1/schedules lists them"));
    sk_exchange_problem(x, &problem);
}

void sk_handle_schedule_one(struct sk_exchange *x)
{
    struct sk_schedule_view view;
    if (sk_engine_schedule_get(sk_engine_of(x), x->params[0], &view)) {
        reply_schedule(x, 200, &view);
    } else {
        fail_unknown(x);
    }
}

/* ---- change ---------------------------------------------------------------------------------- */

static void on_changed(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_schedule_view *view, bool is_replayed)
{
    (void)is_replayed;
    struct sk_exchange *x = context;
    struct sk_schedule_view found;
    bool is_there = sk_engine_schedule_get(sk_engine_of(x), x->params[0], &found);
    if (status == SKALD_E_NOT_FOUND && !is_there) {
        fail_unknown(x);
    } else if (status == SKALD_E_NOT_FOUND) {
        struct sk_problem problem =
            sk_problem_http(409, SK_STR("its definition is not there"),
                            SK_STR("define it, or delete the schedule and make it anew"));
        sk_exchange_problem(x, &problem);
    } else if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
    } else if (x->view.method == SK_HTTP_DELETE) {
        sk_buf_clear(&x->out);
        sk_exchange_reply(x, 204);
    } else {
        reply_schedule(x, 200, view);
    }
}

void sk_handle_schedule_act(struct sk_exchange *x)
{
    const char *name = strrchr(x->route->path, '/') + 1;
    enum sk_schedule_act act = SK_SCHEDULE_TRIGGER;
    if (x->route->method == SK_HTTP_DELETE) act = SK_SCHEDULE_DELETE;
    if (strcmp(name, "pause") == 0) act = SK_SCHEDULE_PAUSE;
    if (strcmp(name, "resume") == 0) act = SK_SCHEDULE_RESUME;
    sk_engine_schedule_act(sk_engine_of(x), x->params[0], act, on_changed, x);
}
