/* rte_events.c: GET /api/events: the last events of this node, by the names of the RTE engine. */
#include "api/rte.h"

#include "api/routes.h"
#include "api/shapes.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* What has no name there is left out. */
static const char *name_of(const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_SAGA_ACCEPTED: return "tx.created";
    case SK_EVENT_SAGA_COMPLETED: return "tx.completed";
    case SK_EVENT_SAGA_COMPENSATING: return "tx.failed";
    case SK_EVENT_SAGA_TIMED_OUT: return "tx.timeout";
    case SK_EVENT_SAGA_CANCELLED: return "tx.cancelled";
    case SK_EVENT_SAGA_FAILED: return "tx.compensation_failed";
    case SK_EVENT_STEP_STARTED: return "step.started";
    case SK_EVENT_STEP_COMPLETED: return "step.completed";
    case SK_EVENT_STEP_FAILED: return "step.failed";
    case SK_EVENT_SAGA_ALERTED: return event->kind == 1 ? "alert.critical" : "alert.warning";
    default: return NULL;
    }
}

static void on_event(struct sk_ring *ring, const struct sk_saga *saga, const struct sk_event *event)
{
    const char *name = name_of(event);
    if (name == NULL) return;
    struct sk_buf data = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&data);
    bool has_step = event->step < saga->plan->steps_count;
    sk_json_begin_object(&w);
    sk_shape_text(&w, "tx_type", saga->plan->id);
    sk_shape_text(&w, "step_name",
                  has_step ? saga->plan->steps[event->step].id : (struct sk_str){ 0 });
    sk_json_end_object(&w);
    struct sk_log_line line = { .level = SK_LOG_INFO,
                                .event = sk_str_of(name),
                                .saga_id = saga->start.id,
                                .message = event->type == SK_EVENT_SAGA_ACCEPTED
                                               ? (struct sk_str){ 0 }
                                               : event->note,
                                .data = data.failed ? (struct sk_str){ 0 } : sk_buf_view(&data) };
    sk_ring_add(ring, &line);
    sk_buf_release(&data);
}

static void on_notice(struct sk_ring *ring, const struct sk_log_line *line)
{
    if (sk_str_starts(line->event, SK_STR("circuit."))) sk_ring_add(ring, line);
}

const struct sk_ring_source sk_ring_rte = { .on_event = on_event, .on_notice = on_notice };

/* ---- the list -------------------------------------------------------------------------------- */

struct events {
    struct sk_str type, tx_id;
    int64_t limit;
};

const struct sk_input sk_rte_events_query[] = {
    { "type", SK_INPUT_TEXT, offsetof(struct events, type), "only of this type", 0, 0, 0, false },
    { "tx_id", SK_INPUT_TEXT, offsetof(struct events, tx_id), "only of this transaction", 0, 0, 0,
      false },
    { "limit", SK_INPUT_NUMBER, offsetof(struct events, limit), "how many at most", 1, LIMIT_MAX, 0,
      false },
    { 0 },
};

static bool is_wanted(const struct events *events, const struct sk_observation *o)
{
    return (events->type.size == 0 || sk_str_equal(events->type, o->type)) &&
           (events->tx_id.size == 0 || sk_str_equal(events->tx_id, o->saga));
}

static void put_member(struct sk_json_writer *w, const char *name, struct sk_str data)
{
    sk_shape_raw(w, name, data.size == 0 ? data : sk_json_member(data, sk_str_of(name)));
}

static void put_event(struct sk_json_writer *w, const struct sk_observation *o)
{
    bool is_notice = sk_str_starts(o->type, SK_STR("circuit."));
    struct sk_str data = is_notice ? (struct sk_str){ 0 } : o->data;
    sk_json_begin_object(w);
    sk_shape_text(w, "type", o->type);
    sk_shape_text(w, "tx_id", o->saga);
    put_member(w, "tx_type", data);
    put_member(w, "step_name", data);
    sk_shape_time(w, "timestamp", o->at_ms);
    sk_shape_text(w, "error", o->message);
    sk_shape_raw(w, "data", is_notice ? o->data : (struct sk_str){ 0 });
    sk_json_end_object(w);
}

/* The newest first, as that console shows them. */
void sk_handle_rte_events(struct sk_exchange *x)
{
    struct events events = { .limit = LIMIT_DEFAULT };
    if (!sk_inputs_read_query(x, sk_rte_events_query, &events)) return;
    const struct sk_ring *ring = x->api->rte_events;
    int64_t count = 0, total = 0;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "events");
    sk_json_begin_array(&w);
    struct sk_observation o;
    struct sk_buf text = { 0 };
    for (uint64_t number = sk_ring_last(ring); number > 0; number--) {
        if (!sk_ring_next(ring, number - 1, &o, &text) || o.number != number)
            break; /* older ones have made room */
        if (!is_wanted(&events, &o)) continue;
        total += 1;
        if (++count <= events.limit) put_event(&w, &o);
    }
    if (text.failed) x->out.failed = true;
    sk_buf_release(&text);
    sk_json_end_array(&w);
    sk_shape_number(&w, "total", total);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}
