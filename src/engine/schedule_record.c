/* schedule_record.c: what is stored of a schedule, and what a request must be. */
#include "base/time.h"
#include "engine/schedule_private.h"

const char *sk_overlap_name(enum sk_overlap overlap)
{
    static const char *const names[] = { "skip", "allow", "queue", "cancel" };
    return names[overlap];
}

const char *sk_schedule_state_name(enum sk_schedule_state state)
{
    static const char *const names[] = { "active", "paused", "done" };
    return names[state];
}

static void put_request(struct sk_buf *out, const struct sk_schedule_request *r)
{
    const struct sk_str texts[] = { r->cron,  r->definition, r->version,
                                    r->input, r->context,    r->business_key,
                                    r->space, r->attributes, r->tags,
                                    r->by };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) sk_put_str(out, texts[i]);
    sk_put_i64(out, r->at_ms);
    sk_put_i64(out, r->priority);
    sk_put_u64(out, r->overlap);
    sk_put_i64(out, r->catch_up_ms);
}

static bool get_request(struct sk_reader *reader, struct sk_schedule_request *r)
{
    struct sk_str *texts[] = { &r->cron,  &r->definition, &r->version,
                               &r->input, &r->context,    &r->business_key,
                               &r->space, &r->attributes, &r->tags,
                               &r->by };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) *texts[i] = sk_get_str(reader);
    r->at_ms = sk_get_i64(reader);
    r->priority = sk_get_i64(reader);
    r->overlap = (enum sk_overlap)sk_get_u64(reader);
    r->catch_up_ms = sk_get_i64(reader);
    return !reader->bad && r->overlap < SK_OVERLAPS_COUNT;
}

bool sk_schedule_digest(const struct sk_schedule_request *request, struct sk_digest *out_digest)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    put_request(&text, request);
    bool is_made = !text.failed;
    if (is_made) *out_digest = sk_digest_of(sk_buf_view(&text));
    sk_buf_release(&text);
    return is_made;
}

/* ---- parsing --------------------------------------------------------------------------------- */

static enum skald_status compile(struct sk_schedule *schedule, skald_error *error)
{
    const struct sk_schedule_request *r = &schedule->request;
    if (r->cron.size > 0) {
        enum skald_status status = sk_cron_parse(r->cron, &schedule->cron, error);
        if (status != SKALD_OK) return sk_error_wrap(error, "cron");
    }
    if (r->input.size == 0) return SKALD_OK;
    struct sk_names names = { .roots_allowed =
                                  SK_ROOT_BIT(SK_ROOT_TIMESTAMP) | SK_ROOT_BIT(SK_ROOT_CONTEXT) };
    struct sk_expr_error where = { 0 };
    enum skald_status status =
        sk_document_compile(r->input, &names, &schedule->arena, &schedule->input, &where);
    if (status == SKALD_OK) return SKALD_OK;
    return sk_error_set(error, status, "input: %s", where.error.message);
}

enum skald_status sk_schedule_set_request(struct sk_schedule *schedule,
                                          const struct sk_schedule_request *request,
                                          skald_error *error)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    put_request(&text, request);
    struct sk_reader reader = sk_reader_of(sk_arena_copy(&schedule->arena, sk_buf_view(&text)));
    bool is_copied = !text.failed && !schedule->arena.failed &&
                     get_request(&reader, &schedule->request) &&
                     sk_schedule_digest(&schedule->request, &schedule->digest);
    sk_buf_release(&text);
    if (!is_copied) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    return compile(schedule, error);
}

/* ---- the record ------------------------------------------------------------------------------ */

void sk_schedule_write(struct sk_schedule *schedule, sk_record_done *done, void *context)
{
    struct sk_buf body;
    sk_buf_init(&body, 0);
    put_request(&body, &schedule->request);
    sk_put_u64(&body, schedule->state);
    sk_put_i64(&body, schedule->created_at_ms);
    sk_put_i64(&body, schedule->last_at_ms);
    sk_put_i64(&body, schedule->queued_at_ms);
    sk_put_u64(&body, schedule->runs);
    sk_put_u64(&body, schedule->skipped);
    sk_put_u64(&body, schedule->failed);
    sk_put_str(&body, sk_buf_view(&schedule->last_saga));
    sk_put_str(&body, sk_str_of(schedule->error_text));
    sk_put_i64(&body, schedule->begun_at_ms);
    struct sk_record_row row = { .kind = SK_RECORD_SCHEDULE,
                                 .id = schedule->request.id,
                                 .body = sk_buf_view(&body),
                                 .is_gone = schedule->is_gone };
    if (!body.failed && schedule->shard != NULL) {
        sk_record_put(schedule->shard, &row, done, context);
    } else if (done != NULL) {
        done(schedule->engine, context, body.failed ? SKALD_E_MEMORY : SKALD_E_AGAIN);
    }
    sk_buf_release(&body);
}

bool sk_schedule_decode(struct sk_schedule *schedule, struct sk_str body)
{
    struct sk_reader reader = sk_reader_of(sk_arena_copy(&schedule->arena, body));
    if (schedule->arena.failed || !get_request(&reader, &schedule->request)) return false;
    schedule->state = schedule->known_state = (enum sk_schedule_state)sk_get_u64(&reader);
    schedule->created_at_ms = sk_get_i64(&reader);
    schedule->last_at_ms = sk_get_i64(&reader);
    schedule->queued_at_ms = sk_get_i64(&reader);
    schedule->runs = sk_get_u64(&reader);
    schedule->skipped = sk_get_u64(&reader);
    schedule->failed = sk_get_u64(&reader);
    sk_buf_append_str(&schedule->last_saga, sk_get_str(&reader));
    struct sk_str text = sk_get_str(&reader);
    size_t size =
        text.size < sizeof schedule->error_text ? text.size : sizeof schedule->error_text - 1;
    if (size > 0) memcpy(schedule->error_text, text.data, size);
    schedule->begun_at_ms = sk_get_i64(&reader);
    return !reader.bad && schedule->state <= SK_SCHEDULE_DONE &&
           sk_schedule_digest(&schedule->request, &schedule->digest) &&
           compile(schedule, NULL) == SKALD_OK;
}

void sk_schedule_view_of(const struct sk_schedule *schedule, struct sk_schedule_view *out_view)
{
    *out_view = (struct sk_schedule_view){ .request = &schedule->request,
                                           .state = schedule->known_state,
                                           .created_at_ms = schedule->created_at_ms,
                                           .last_at_ms = schedule->last_at_ms,
                                           .queued_at_ms = schedule->queued_at_ms,
                                           .last_saga = sk_buf_view(&schedule->last_saga),
                                           .last_error = sk_str_of(schedule->error_text),
                                           .runs = schedule->runs,
                                           .skipped = schedule->skipped,
                                           .failed = schedule->failed };
}

uint32_t sk_schedule_next(const struct sk_engine *engine, const struct sk_schedule_view *view,
                          int64_t *out_at_ms, uint32_t max)
{
    const struct sk_schedule_request *r = view->request;
    struct sk_cron cron;
    uint32_t count = 0;
    int64_t at_ms = sk_engine_now(engine);
    if (view->state == SK_SCHEDULE_DONE || max == 0) return 0;
    if (r->cron.size == 0) {
        out_at_ms[0] = r->at_ms;
        return 1;
    }
    if (sk_cron_parse(r->cron, &cron, NULL) != SKALD_OK) return 0;
    if (view->last_at_ms > at_ms) at_ms = view->last_at_ms;
    while (count < max && (at_ms = sk_cron_next(&cron, at_ms)) >= 0) out_at_ms[count++] = at_ms;
    return count;
}
