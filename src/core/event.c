/*
 * event.c: names, codec and readable form of events. One table says what each optional field of a
 * type is called; an unnamed field of a type is never written by the rules.
 */
#include "core/event.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

struct event_row {
    enum sk_event_type type;
    const char *name;
    const char *fields[SK_FIELDS_COUNT];
};

#define DEADLINE [SK_FIELD_WHEN] = "deadline"
#define REQUEST [SK_FIELD_EXTRA] = "request", [SK_FIELD_BODY] = "body"
/* who took it, of a task */
#define WORKER [SK_FIELD_KIND] = "waits_for", [SK_FIELD_TEXT] = "worker"
#define FAILURE [SK_FIELD_TEXT] = "code", [SK_FIELD_NOTE] = "message"
#define HOOK [SK_FIELD_KIND] = "on", [SK_FIELD_FLAGS] = "hook", [SK_FIELD_NUMBER] = "cause"
#define WHO [SK_FIELD_TEXT] = "by", [SK_FIELD_NOTE] = "reason", [SK_FIELD_EXTRA] = "command_id"

static const struct event_row rows[] = {
    { SK_EVENT_SAGA_ACCEPTED,
      "saga.accepted",
      { [SK_FIELD_WHEN] = "acquire_deadline",
        [SK_FIELD_BODY] = "input",
        [SK_FIELD_EXTRA] = "start" } },
    { SK_EVENT_SAGA_STARTED, "saga.started", { DEADLINE } },
    { SK_EVENT_SAGA_COMPLETED,
      "saga.completed",
      { [SK_FIELD_KIND] = "cause", [SK_FIELD_BODY] = "output", [SK_FIELD_EXTRA] = "left" } },
    { SK_EVENT_SAGA_COMPENSATING,
      "saga.compensating",
      { [SK_FIELD_KIND] = "cause", [SK_FIELD_FLAGS] = "forced", FAILURE } },
    { SK_EVENT_SAGA_COMPENSATED, "saga.compensated", { [SK_FIELD_NUMBER] = "residue" } },
    { SK_EVENT_SAGA_FAILED, "saga.failed", { [SK_FIELD_NUMBER] = "open", FAILURE } },
    { SK_EVENT_SAGA_CANCELLED, "saga.cancelled", { [SK_FIELD_NUMBER] = "residue" } },
    { SK_EVENT_SAGA_TIMED_OUT,
      "saga.timed_out",
      { [SK_FIELD_KIND] = "cause", [SK_FIELD_NUMBER] = "residue" } },
    { SK_EVENT_SAGA_SUSPENDED, "saga.suspended", { FAILURE } },
    { SK_EVENT_SAGA_RESUMED, "saga.resumed", { [SK_FIELD_TEXT] = "code" } },
    { SK_EVENT_SAGA_ALERTED, "saga.alerted", { [SK_FIELD_KIND] = "critical", FAILURE } },
    { SK_EVENT_SAGA_SNAPSHOT, "saga.snapshot", { [SK_FIELD_EXTRA] = "state" } },
    { SK_EVENT_STEP_STARTED,
      "step.started",
      { DEADLINE, REQUEST, [SK_FIELD_NUMBER] = "items", [SK_FIELD_WHEN2] = "due", WORKER } },
    { SK_EVENT_STEP_COMPLETED,
      "step.completed",
      { [SK_FIELD_BODY] = "output",
        [SK_FIELD_TEXT] = "signal",
        [SK_FIELD_FLAGS] = "by_operator" } },
    { SK_EVENT_STEP_FAILED,
      "step.failed",
      { [SK_FIELD_KIND] = "class", [SK_FIELD_FLAGS] = "marks", FAILURE } },
    { SK_EVENT_STEP_UNKNOWN,
      "step.unknown",
      { [SK_FIELD_WHEN] = "unanswered_until", [SK_FIELD_FLAGS] = "abandoned", FAILURE } },
    { SK_EVENT_STEP_RETRYING, "step.retrying", { DEADLINE, REQUEST, WORKER } },
    { SK_EVENT_STEP_REDRIVEN,
      "step.redriven",
      { DEADLINE, [SK_FIELD_WHEN2] = "unanswered_until" } },
    { SK_EVENT_STEP_WAITING,
      "step.waiting",
      { [SK_FIELD_WHEN] = "until",
        [SK_FIELD_KIND] = "waits_for",
        FAILURE,
        [SK_FIELD_FLAGS] = "marks" } },
    { SK_EVENT_STEP_SKIPPED,
      "step.skipped",
      { [SK_FIELD_KIND] = "cause",
        [SK_FIELD_BODY] = "output",
        [SK_FIELD_WHEN] = "unanswered_until" } },
    { SK_EVENT_STEP_LATE,
      "step.late",
      { [SK_FIELD_KIND] = "meaning",
        [SK_FIELD_FLAGS] = "class",
        FAILURE,
        [SK_FIELD_BODY] = "output" } },
    { SK_EVENT_VERIFY_STARTED, "verify.started", { DEADLINE, REQUEST } },
    { SK_EVENT_VERIFY_COMPLETED,
      "verify.completed",
      { [SK_FIELD_KIND] = "happened", [SK_FIELD_BODY] = "output" } },
    { SK_EVENT_VERIFY_FAILED, "verify.failed", { [SK_FIELD_WHEN] = "next", FAILURE } },
    { SK_EVENT_COMPENSATION_STARTED, "compensation.started", { DEADLINE, REQUEST, WORKER } },
    { SK_EVENT_COMPENSATION_COMPLETED, "compensation.completed", { [SK_FIELD_BODY] = "output" } },
    { SK_EVENT_COMPENSATION_FAILED,
      "compensation.failed",
      { [SK_FIELD_KIND] = "residue", FAILURE } },
    { SK_EVENT_COMPENSATION_UNKNOWN, "compensation.unknown", { FAILURE } },
    { SK_EVENT_COMPENSATION_RETRYING,
      "compensation.retrying",
      { DEADLINE, REQUEST, WORKER, [SK_FIELD_FLAGS] = "redriven" } },
    { SK_EVENT_COMPENSATION_SKIPPED, "compensation.skipped", { [SK_FIELD_KIND] = "cause" } },
    { SK_EVENT_COMPENSATION_WAITING,
      "compensation.waiting",
      { [SK_FIELD_WHEN] = "until",
        [SK_FIELD_KIND] = "waits_for",
        [SK_FIELD_FLAGS] = "marks",
        FAILURE } },
    { SK_EVENT_LOCK_REQUESTED,
      "lock.requested",
      { [SK_FIELD_TEXT] = "key", [SK_FIELD_WHEN] = "until" } },
    { SK_EVENT_LOCK_GRANTED, "lock.granted", { [SK_FIELD_TEXT] = "key" } },
    { SK_EVENT_LOCK_RELEASED, "lock.released", { [SK_FIELD_TEXT] = "key" } },
    { SK_EVENT_HOOK_STARTED, "hook.started", { DEADLINE, REQUEST, HOOK } },
    { SK_EVENT_HOOK_COMPLETED, "hook.completed", { HOOK } },
    { SK_EVENT_HOOK_FAILED, "hook.failed", { HOOK, FAILURE, [SK_FIELD_WHEN] = "next" } },
    { SK_EVENT_SIGNAL_RECEIVED,
      "signal.received",
      { [SK_FIELD_TEXT] = "name", [SK_FIELD_EXTRA] = "id", [SK_FIELD_BODY] = "data" } },
    { SK_EVENT_OPERATOR_CANCEL, "operator.cancel", { WHO, [SK_FIELD_KIND] = "frozen" } },
    { SK_EVENT_OPERATOR_FORCE_CANCEL, "operator.force_cancel", { WHO } },
    { SK_EVENT_OPERATOR_FORCE_COMPLETE, "operator.force_complete", { WHO } },
    { SK_EVENT_OPERATOR_RETRY,
      "operator.retry",
      { WHO, [SK_FIELD_BODY] = "input", [SK_FIELD_KIND] = "of" } },
    { SK_EVENT_OPERATOR_SKIP_STEP, "operator.skip_step", { WHO, [SK_FIELD_BODY] = "output" } },
    { SK_EVENT_OPERATOR_SUSPEND, "operator.suspend", { WHO } },
    { SK_EVENT_OPERATOR_RESUME, "operator.resume", { WHO } },
};
enum { ROWS_COUNT = sizeof rows / sizeof rows[0] };

static const struct event_row *row_of(uint32_t number)
{
    for (uint32_t i = 0; i < ROWS_COUNT; i++)
        if ((uint32_t)rows[i].type == number) return &rows[i];
    return NULL;
}

bool sk_event_type_known(uint32_t number)
{
    return row_of(number) != NULL;
}

const char *sk_event_type_name(enum sk_event_type type)
{
    const struct event_row *row = row_of((uint32_t)type);
    return row == NULL ? "unknown" : row->name;
}

uint32_t sk_event_type_number(struct sk_str name)
{
    for (uint32_t i = 0; i < ROWS_COUNT; i++)
        if (sk_str_is(name, rows[i].name)) return (uint32_t)rows[i].type;
    return 0;
}

const char *sk_event_field_name(enum sk_event_type type, enum sk_field field)
{
    const struct event_row *row = row_of((uint32_t)type);
    return row == NULL ? NULL : row->fields[field];
}

/* ---- codec ----------------------------------------------------------------------------------- */

static const struct sk_str *span_of(const struct sk_event *event, enum sk_field field)
{
    switch (field) {
    case SK_FIELD_TEXT: return &event->text;
    case SK_FIELD_NOTE: return &event->note;
    case SK_FIELD_BODY: return &event->body;
    case SK_FIELD_EXTRA: return &event->extra;
    case SK_FIELD_WHEN:
    case SK_FIELD_WHEN2:
    case SK_FIELD_KIND:
    case SK_FIELD_FLAGS:
    case SK_FIELD_NUMBER:
    case SK_FIELDS_COUNT: break;
    }
    return NULL;
}

static uint32_t mask_of(const struct sk_event *event)
{
    uint32_t mask = 0;
    if (event->when_ms != 0) mask |= 1u << SK_FIELD_WHEN;
    if (event->when2_ms != 0) mask |= 1u << SK_FIELD_WHEN2;
    if (event->kind != 0) mask |= 1u << SK_FIELD_KIND;
    if (event->flags != 0) mask |= 1u << SK_FIELD_FLAGS;
    if (event->number != 0) mask |= 1u << SK_FIELD_NUMBER;
    if (event->text.size > 0) mask |= 1u << SK_FIELD_TEXT;
    if (event->note.size > 0) mask |= 1u << SK_FIELD_NOTE;
    if (event->body.size > 0) mask |= 1u << SK_FIELD_BODY;
    if (event->extra.size > 0) mask |= 1u << SK_FIELD_EXTRA;
    return mask;
}

void sk_event_encode(const struct sk_event *event, struct sk_buf *out)
{
    uint32_t mask = mask_of(event);
    sk_buf_append_char(out, (char)(mask & 0xffu));
    sk_buf_append_char(out, (char)(mask >> 8u));
    if (event->when_ms != 0) sk_put_i64(out, event->when_ms);
    if (event->when2_ms != 0) sk_put_i64(out, event->when2_ms);
    if (event->kind != 0) sk_put_u64(out, event->kind);
    if (event->flags != 0) sk_put_u64(out, event->flags);
    if (event->number != 0) sk_put_u64(out, event->number);
    if (event->text.size > 0) sk_put_str(out, event->text);
    if (event->note.size > 0) sk_put_str(out, event->note);
    if (event->body.size > 0) sk_put_str(out, event->body);
    if (event->extra.size > 0) sk_put_str(out, event->extra);
}

bool sk_event_decode(struct sk_str data, struct sk_event *event)
{
    event->when_ms = event->when2_ms = 0;
    event->kind = event->flags = 0;
    event->number = 0;
    event->text = event->note = event->body = event->extra = (struct sk_str){ NULL, 0 };
    if (data.size < 2) return false;
    uint32_t mask = (uint8_t)data.data[0] | (uint32_t)(uint8_t)data.data[1] << 8u;
    if (mask >> SK_FIELDS_COUNT != 0u) return false;
    struct sk_reader reader = sk_reader_of(sk_str_sub(data, 2, data.size - 2));
    if ((mask >> SK_FIELD_WHEN & 1u) != 0u) event->when_ms = sk_get_i64(&reader);
    if ((mask >> SK_FIELD_WHEN2 & 1u) != 0u) event->when2_ms = sk_get_i64(&reader);
    if ((mask >> SK_FIELD_KIND & 1u) != 0u) event->kind = (uint32_t)sk_get_u64(&reader);
    if ((mask >> SK_FIELD_FLAGS & 1u) != 0u) event->flags = (uint32_t)sk_get_u64(&reader);
    if ((mask >> SK_FIELD_NUMBER & 1u) != 0u) event->number = sk_get_u64(&reader);
    if ((mask >> SK_FIELD_TEXT & 1u) != 0u) event->text = sk_get_str(&reader);
    if ((mask >> SK_FIELD_NOTE & 1u) != 0u) event->note = sk_get_str(&reader);
    if ((mask >> SK_FIELD_BODY & 1u) != 0u) event->body = sk_get_str(&reader);
    if ((mask >> SK_FIELD_EXTRA & 1u) != 0u) event->extra = sk_get_str(&reader);
    return !reader.bad && reader.at == reader.end;
}

static size_t size_of_number(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7u) size += 1;
    return size;
}

/* The span that ends there; where the one before it ends. */
static const char *point(struct sk_str *span, const char *end)
{
    span->data = span->size > 0 ? end - span->size : NULL;
    return span->size > 0 ? span->data - size_of_number(span->size) : end;
}

void sk_event_point(struct sk_event *event, struct sk_str data)
{
    const char *end = data.data + data.size;
    end = point(&event->extra, end);
    end = point(&event->body, end);
    end = point(&event->note, end);
    (void)point(&event->text, end);
}

/* ---- readable form --------------------------------------------------------------------------- */

static void put_time(struct sk_json_writer *w, const char *name, int64_t at_ms)
{
    char text[SK_TIME_TEXT_SIZE];
    if (name == NULL || at_ms == 0) return;
    sk_time_format(at_ms, text);
    sk_json_key(w, name);
    sk_json_put_text(w, text);
}

static void put_number(struct sk_json_writer *w, const char *name, uint64_t value)
{
    if (name == NULL || value == 0) return;
    sk_json_key(w, name);
    sk_json_put_u64(w, value);
}

static void put_span(struct sk_json_writer *w, const struct sk_event *event, enum sk_field field)
{
    const char *name = sk_event_field_name(event->type, field);
    struct sk_str value = *span_of(event, field);
    if (name == NULL || value.size == 0) return;
    sk_json_key(w, name);
    bool is_json = field == SK_FIELD_BODY || event->type == SK_EVENT_SAGA_COMPLETED;
    if (is_json && sk_json_check(value, NULL) == SKALD_OK) {
        sk_json_put_raw(w, value);
    } else if (sk_utf8_valid(value)) {
        sk_json_put_str(w, value);
    } else {
        sk_json_put_u64(w, value.size); /* bytes: start record, snapshot */
    }
}

void sk_event_json(const struct sk_event *event, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    put_time(&w, sk_event_field_name(event->type, SK_FIELD_WHEN), event->when_ms);
    put_time(&w, sk_event_field_name(event->type, SK_FIELD_WHEN2), event->when2_ms);
    put_number(&w, sk_event_field_name(event->type, SK_FIELD_KIND), event->kind);
    put_number(&w, sk_event_field_name(event->type, SK_FIELD_FLAGS), event->flags);
    put_number(&w, sk_event_field_name(event->type, SK_FIELD_NUMBER), event->number);
    for (uint32_t f = SK_FIELD_TEXT; f < SK_FIELDS_COUNT; f++)
        put_span(&w, event, (enum sk_field)f);
    sk_json_end_object(&w);
}
