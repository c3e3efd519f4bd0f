/*
 * event.h: the facts of a saga's history. Immutable, numbered seq 1… in the saga.
 *
 * Every event has the same shape: fixed columns and up to nine optional fields. What a field means
 * depends on the type and stands in ONE place, the table of event.c, which the codec's reader for
 * people (sk_event_json), the docs and the tests walk. The stored form of the optional fields is
 *
 *     data := mask:u16 LE, then each present field in the order of enum sk_field:
 *             numbers as LEB128 (signed ones zigzag), spans as size and bytes
 *
 * so folding parses no JSON and copies nothing it does not keep.
 */
#ifndef SK_CORE_EVENT_H
#define SK_CORE_EVENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* name, number (stored; never used again), text */
#define SK_EVENT_MAP(X)                                       \
    X(SAGA_ACCEPTED, 1, "saga.accepted")                      \
    X(SAGA_STARTED, 2, "saga.started")                        \
    X(SAGA_COMPLETED, 3, "saga.completed")                    \
    X(SAGA_COMPENSATING, 4, "saga.compensating")              \
    X(SAGA_COMPENSATED, 5, "saga.compensated")                \
    X(SAGA_FAILED, 6, "saga.failed")                          \
    X(SAGA_CANCELLED, 7, "saga.cancelled")                    \
    X(SAGA_TIMED_OUT, 8, "saga.timed_out")                    \
    X(SAGA_SUSPENDED, 9, "saga.suspended")                    \
    X(SAGA_RESUMED, 10, "saga.resumed")                       \
    X(SAGA_ALERTED, 11, "saga.alerted")                       \
    X(SAGA_SNAPSHOT, 12, "saga.snapshot")                     \
    X(STEP_STARTED, 20, "step.started")                       \
    X(STEP_COMPLETED, 21, "step.completed")                   \
    X(STEP_FAILED, 22, "step.failed")                         \
    X(STEP_UNKNOWN, 23, "step.unknown")                       \
    X(STEP_RETRYING, 24, "step.retrying")                     \
    X(STEP_REDRIVEN, 25, "step.redriven")                     \
    X(STEP_WAITING, 26, "step.waiting")                       \
    X(STEP_SKIPPED, 27, "step.skipped")                       \
    X(STEP_LATE, 28, "step.late")                             \
    X(VERIFY_STARTED, 40, "verify.started")                   \
    X(VERIFY_COMPLETED, 41, "verify.completed")               \
    X(VERIFY_FAILED, 42, "verify.failed")                     \
    X(COMPENSATION_STARTED, 50, "compensation.started")       \
    X(COMPENSATION_COMPLETED, 51, "compensation.completed")   \
    X(COMPENSATION_FAILED, 52, "compensation.failed")         \
    X(COMPENSATION_UNKNOWN, 53, "compensation.unknown")       \
    X(COMPENSATION_RETRYING, 54, "compensation.retrying")     \
    X(COMPENSATION_SKIPPED, 55, "compensation.skipped")       \
    X(COMPENSATION_WAITING, 56, "compensation.waiting")       \
    X(LOCK_REQUESTED, 60, "lock.requested")                   \
    X(LOCK_GRANTED, 61, "lock.granted")                       \
    X(LOCK_RELEASED, 62, "lock.released")                     \
    X(HOOK_STARTED, 70, "hook.started")                       \
    X(HOOK_COMPLETED, 71, "hook.completed")                   \
    X(HOOK_FAILED, 72, "hook.failed")                         \
    X(SIGNAL_RECEIVED, 80, "signal.received")                 \
    X(OPERATOR_CANCEL, 90, "operator.cancel")                 \
    X(OPERATOR_FORCE_CANCEL, 91, "operator.force_cancel")     \
    X(OPERATOR_FORCE_COMPLETE, 92, "operator.force_complete") \
    X(OPERATOR_RETRY, 93, "operator.retry")                   \
    X(OPERATOR_SKIP_STEP, 94, "operator.skip_step")           \
    X(OPERATOR_SUSPEND, 95, "operator.suspend")               \
    X(OPERATOR_RESUME, 96, "operator.resume")

enum sk_event_type {
#define X(name, number, text) SK_EVENT_##name = (number),
    SK_EVENT_MAP(X)
#undef X
        SK_EVENT_TYPES_MAX = 128
};

enum sk_field {
    SK_FIELD_WHEN,   /* an instant: deadline, due time */
    SK_FIELD_WHEN2,  /* a second one */
    SK_FIELD_KIND,   /* a small enumeration of the type's own */
    SK_FIELD_FLAGS,  /* bits of the type's own */
    SK_FIELD_NUMBER, /* a count */
    SK_FIELD_TEXT,   /* a code or a name */
    SK_FIELD_NOTE,   /* text for people: message, reason */
    SK_FIELD_BODY,   /* checked JSON: output, input, request body */
    SK_FIELD_EXTRA,  /* the type's own bytes: request line and headers, start options, snapshot */
    SK_FIELDS_COUNT
};

struct sk_event {
    uint64_t seq;
    int64_t at_ms;
    enum sk_event_type type;
    uint32_t step;    /* index, or SK_STEP_NONE */
    int32_t item;     /* 0 …, or -1 */
    uint32_t attempt; /* 0 = does not apply */
    uint32_t round;   /* 0 = first */
    int64_t when_ms, when2_ms;
    uint32_t kind, flags;
    uint64_t number;
    struct sk_str text, note, body, extra;
};

/* Appends the optional fields' stored form. Zero and empty fields take no room. */
void sk_event_encode(const struct sk_event *event, struct sk_buf *out);
/* Fills the optional fields from `data` (spans are borrowed from it). false: damaged. */
bool sk_event_decode(struct sk_str data, struct sk_event *event) SK_MUST_CHECK;
/* `data` is what sk_event_encode made of this event: its spans point into it again. */
void sk_event_point(struct sk_event *event, struct sk_str data);
/* The same for an event from a store or a file, whose columns are in `event`: also false for a type
 * that is not known, a body that is no JSON, an instant that cannot be reckoned with. */
bool sk_event_read(struct sk_str data, struct sk_event *event) SK_MUST_CHECK;
/* false: a number that this build does not know (written by a newer one, or damaged). */
bool sk_event_type_known(uint32_t number);
const char *sk_event_type_name(enum sk_event_type type); /* "step.started" */
/* The number of a name, or 0. */
uint32_t sk_event_type_number(struct sk_str name);
/* The name by which people know a field of this type ("deadline"), or NULL when it has none. */
const char *sk_event_field_name(enum sk_event_type type, enum sk_field field);
/* Appends the optional fields as one JSON object, named by the table. */
void sk_event_json(const struct sk_event *event, struct sk_buf *out);

#endif
