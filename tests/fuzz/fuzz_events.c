/*
 * fuzz_events.c: stored events, as a corrupt or hostile database gives them: bytes → decode → fold.
 * The input is one byte for the definition, then records: type, step, item, attempt, round (a byte
 * each; step and item 255 = none), milliseconds since the last (two bytes), size of the data (two
 * bytes), data. A record of type 255 is no event but a whole state (a snapshot).
 *
 *   1  An event folds, or is refused as corrupt; a saga that refused one is still to be released.
 *   2  The state that was folded is one that the rest of the core can live with: it is looked at,
 *      written, read back, and driven on (drive.h) without breaking an invariant.
 *   3  What decodes is encoded again to bytes that decode to the same fields.
 *   4  The same for the machine of a lock.
 */
#include "drive.h"
#include "plans.h"

enum { RECORDS_MAX = 200, RECORD_HEAD = 9, SNAPSHOT = 255, TURNS = 12, HISTORY_TURNS = 24 };

struct record {
    uint8_t type, step, item, attempt, round;
    uint32_t after_ms;
    struct sk_str data;
};
struct history {
    uint8_t plan;
    struct record records[RECORDS_MAX];
    uint32_t count;
};

/* ---- the input ------------------------------------------------------------------------------- */

static void read_history(const uint8_t *data, size_t size, struct history *history)
{
    struct fuzz_bytes bytes = { data, size };
    history->plan = fuzz_u8(&bytes);
    history->count = 0;
    while (bytes.left >= RECORD_HEAD && history->count < RECORDS_MAX) {
        struct record *record = &history->records[history->count++];
        record->type = fuzz_u8(&bytes);
        record->step = fuzz_u8(&bytes);
        record->item = fuzz_u8(&bytes);
        record->attempt = fuzz_u8(&bytes);
        record->round = fuzz_u8(&bytes);
        record->after_ms = fuzz_u16(&bytes);
        record->data = fuzz_take(&bytes, fuzz_u16(&bytes));
    }
}

static void put_u16(struct sk_buf *out, size_t number)
{
    sk_buf_append_char(out, (char)(number & 0xff));
    sk_buf_append_char(out, (char)(number >> 8 & 0xff));
}

static void put_record(struct sk_buf *out, const struct record *record)
{
    size_t size = record->data.size > 0xffff ? 0xffff : record->data.size;
    sk_buf_append_char(out, (char)record->type);
    sk_buf_append_char(out, (char)record->step);
    sk_buf_append_char(out, (char)record->item);
    sk_buf_append_char(out, (char)record->attempt);
    sk_buf_append_char(out, (char)record->round);
    put_u16(out, record->after_ms);
    put_u16(out, size);
    sk_buf_append(out, record->data.data, size);
}

static struct sk_event event_of(const struct record *record, uint64_t seq, int64_t at_ms)
{
    return (struct sk_event){ .seq = seq,
                              .at_ms = at_ms,
                              .type = (enum sk_event_type)record->type,
                              .step = record->step == 255 ? SK_STEP_NONE : record->step,
                              .item = record->item == 255 ? -1 : record->item,
                              .attempt = record->attempt,
                              .round = record->round };
}

/* ---- folding --------------------------------------------------------------------------------- */

static void check_codec(const struct sk_event *event)
{
    struct sk_buf bytes, json;
    struct sk_event again = *event;
    sk_buf_init(&bytes, 0);
    sk_buf_init(&json, 0);
    sk_event_encode(event, &bytes);
    FUZZ_CHECK(sk_event_decode(sk_buf_view(&bytes), &again), "it does not decode");
    FUZZ_CHECK(again.when_ms == event->when_ms && again.when2_ms == event->when2_ms &&
                   again.kind == event->kind && again.flags == event->flags &&
                   again.number == event->number && sk_str_equal(again.text, event->text) &&
                   sk_str_equal(again.note, event->note) && sk_str_equal(again.body, event->body) &&
                   sk_str_equal(again.extra, event->extra),
               "other fields");
    /* `body` is checked where events come in; people's form of it relies on that. */
    if (sk_json_check(event->body, NULL) == SKALD_OK || event->body.size == 0) {
        sk_event_json(event, &json);
        fuzz_check_json(sk_buf_view(&json), "the event");
    }
    sk_buf_release(&bytes);
    sk_buf_release(&json);
}

/* A state that was read is written as bytes that are read as the same state. */
static void check_state(const struct sk_saga *saga)
{
    struct sk_buf once, twice;
    struct sk_saga again;
    sk_buf_init(&once, 0);
    sk_buf_init(&twice, 0);
    FUZZ_CHECK(sk_saga_init(&again, saga->plan), "memory");
    sk_saga_encode(saga, &once);
    enum skald_status status = sk_saga_decode(&again, sk_buf_view(&once));
    FUZZ_CHECK(status == SKALD_OK, "its own bytes: %s", skald_status_name(status));
    sk_saga_encode(&again, &twice);
    FUZZ_CHECK(sk_str_equal(sk_buf_view(&once), sk_buf_view(&twice)), "another state");
    sk_saga_release(&again);
    sk_buf_release(&once);
    sk_buf_release(&twice);
}

/* The first `count` records; how many of them folded. */
static uint32_t fold(const struct history *history, uint32_t count, struct sk_saga *saga)
{
    int64_t at_ms = FUZZ_NOW_MS;
    FUZZ_CHECK(sk_saga_init(saga, fuzz_plan(history->plan % FUZZ_PLANS_COUNT)), "memory");
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = &history->records[i];
        if (record->type == SNAPSHOT) {
            sk_saga_release(saga);
            FUZZ_CHECK(sk_saga_init(saga, fuzz_plan(history->plan % FUZZ_PLANS_COUNT)), "memory");
            enum skald_status status = sk_saga_decode(saga, record->data);
            FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_CORRUPT || status == SKALD_E_VERSION,
                       "a state: %s", skald_status_name(status));
            if (status == SKALD_OK) check_state(saga);
            sk_saga_release(saga); /* the engine folds; it reads no state but its own */
            FUZZ_CHECK(sk_saga_init(saga, fuzz_plan(history->plan % FUZZ_PLANS_COUNT)), "memory");
            continue;
        }
        struct sk_event event = event_of(record, saga->seq + 1, at_ms += record->after_ms);
        enum skald_status status = sk_saga_restore(saga, &event, record->data);
        FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_CORRUPT || status == SKALD_E_VERSION,
                   "event %u: %s", record->type, skald_status_name(status));
        if (status != SKALD_OK) return i;
        check_codec(&event);
    }
    return count;
}

static void fold_lock(const struct history *history)
{
    struct sk_lock lock;
    struct sk_decision decision;
    uint64_t seq = 0;
    sk_decision_init(&decision);
    FUZZ_CHECK(sk_lock_init(&lock, SK_STR("@lock/x")), "memory");
    for (uint32_t i = 0; i < history->count; i++) {
        const struct record *record = &history->records[i];
        struct sk_event event = event_of(record, seq + 1, FUZZ_NOW_MS);
        if (!sk_event_type_known(record->type) || !sk_event_decode(record->data, &event)) break;
        if (sk_lock_evolve(&lock, &event) == SKALD_OK) seq += 1;
    }
    struct sk_message message = { .kind = SK_MESSAGE_LOCK_REQUEST,
                                  .id = SK_STR("m"),
                                  .from = SK_STR("s"),
                                  .to = SK_STR("@lock/x") };
    FUZZ_CHECK(sk_lock_decide(&lock, &message, FUZZ_NOW_MS, &decision) == SKALD_OK, "request");
    message.kind = SK_MESSAGE_LOCK_RELEASE;
    FUZZ_CHECK(sk_lock_decide(&lock, &message, FUZZ_NOW_MS, &decision) == SKALD_OK, "release");
    (void)sk_lock_is_idle(&lock);
    sk_lock_release(&lock);
    sk_decision_release(&decision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct history history; /* of this run alone */
    struct sk_saga saga;
    struct fuzz_drive drive;
    read_history(data, size, &history);
    fold_lock(&history);
    uint32_t folded = fold(&history, history.count, &saga);
    if (folded < history.count) { /* what had been folded before the damage */
        sk_saga_release(&saga);
        uint32_t again = fold(&history, folded, &saga);
        FUZZ_CHECK(again == folded, "%u folded, now %u", folded, again);
    }
    if (saga.seq > 0) {
        fuzz_look_at(&saga, saga.at_ms);
        fuzz_drive_init(&drive, &saga, size * 7919 + history.count);
        fuzz_drive_run(&drive, TURNS);
        fuzz_drive_release(&drive);
    }
    sk_saga_release(&saga);
    return 0;
}

/* ---- mutating -------------------------------------------------------------------------------- */

struct writing {
    struct sk_buf *out;
    int64_t at_ms;
};

static void write_event(void *context, const struct sk_event *event, struct sk_str data)
{
    struct writing *writing = context;
    struct record record = { .type = (uint8_t)event->type,
                             .step = event->step > 254 ? 255 : (uint8_t)event->step,
                             .item = event->item < 0 ? 255 : (uint8_t)event->item,
                             .attempt = (uint8_t)event->attempt,
                             .round = (uint8_t)event->round,
                             .after_ms = (uint32_t)(event->at_ms - writing->at_ms) & 0xffff,
                             .data = data };
    writing->at_ms = event->at_ms;
    put_record(writing->out, &record);
}

/* A true history, and sometimes its state at the end. */
static void write_true_history(struct fuzz_chance *chance, struct sk_buf *out)
{
    uint32_t plan = fuzz_draw(chance, FUZZ_PLANS_COUNT);
    struct sk_saga saga;
    struct fuzz_drive drive;
    struct writing writing = { out, FUZZ_NOW_MS };
    sk_buf_append_char(out, (char)plan);
    FUZZ_CHECK(sk_saga_init(&saga, fuzz_plan(plan)), "memory");
    fuzz_drive_init(&drive, &saga, chance->state);
    drive.on_event = write_event;
    drive.context = &writing;
    (void)fuzz_drive_start(&drive, SK_STR("{\"amount\":5,\"list\":[1,2],\"name\":\"a\"}"));
    fuzz_drive_run(&drive, fuzz_draw(chance, HISTORY_TURNS));
    if (fuzz_draw(chance, 4) == 0) {
        struct sk_buf state;
        sk_buf_init(&state, 0);
        sk_saga_encode(&saga, &state);
        struct record record = { .type = SNAPSHOT, .data = sk_buf_view(&state) };
        sk_buf_clear(out);
        sk_buf_append_char(out, (char)plan);
        put_record(out, &record);
        sk_buf_release(&state);
    }
    fuzz_drive_release(&drive);
    sk_saga_release(&saga);
}

static void change_fields(struct fuzz_chance *chance, struct record *record, struct sk_buf *bytes)
{
    static const char *const texts[] = { "",
                                         "go",
                                         "a",
                                         "account-a",
                                         "timeout",
                                         "b",
                                         "POST http://shop/a\nX: 1\n",
                                         "{\"list\":[1,2,3]}",
                                         "[1,2]",
                                         "null" };
    struct sk_event event = event_of(record, 1, 1);
    if (!sk_event_decode(record->data, &event)) return;
    struct sk_str text = sk_str_of(texts[fuzz_draw(chance, sizeof texts / sizeof texts[0])]);
    switch (fuzz_draw(chance, 9)) {
    case 0: event.kind = fuzz_draw(chance, 16); break;
    case 1: event.flags ^= 1u << fuzz_draw(chance, 8); break;
    case 2: event.number = fuzz_draw(chance, 3) == 0 ? UINT64_MAX : fuzz_draw(chance, 20); break;
    case 3: event.when_ms = fuzz_draw(chance, 3) == 0 ? INT64_MAX : event.when_ms + 1000; break;
    case 4: event.when2_ms = fuzz_draw(chance, 3) == 0 ? INT64_MIN : FUZZ_NOW_MS; break;
    case 5: event.text = text; break;
    case 6: event.note = text; break;
    case 7: event.body = text; break;
    default: event.extra = text; break;
    }
    sk_event_encode(&event, bytes);
    record->data = sk_buf_view(bytes);
}

static void change_columns(struct fuzz_chance *chance, struct record *record)
{
    static const uint8_t types[] = { 1,  2,  3,  4,  5,  6,  9,  10, 20, 21, 22, 23, 24, 25, 26,
                                     27, 28, 40, 41, 42, 50, 51, 52, 53, 54, 55, 56, 60, 61, 62,
                                     70, 71, 72, 80, 90, 91, 92, 93, 94, 95, 96, 12, 7,  8,  11 };
    switch (fuzz_draw(chance, 5)) {
    case 0: record->type = types[fuzz_draw(chance, sizeof types)]; break;
    case 1: record->step = (uint8_t)(fuzz_draw(chance, 7) + 250 * fuzz_draw(chance, 2)); break;
    case 2: record->item = (uint8_t)(255 - fuzz_draw(chance, 3)); break;
    case 3: record->attempt = (uint8_t)fuzz_draw(chance, 5); break;
    default: record->round = (uint8_t)fuzz_draw(chance, 3); break;
    }
}

static void put_mutated(struct fuzz_chance *chance, const struct history *history, uint32_t at,
                        struct sk_buf *out)
{
    struct record record = history->records[at];
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    switch (fuzz_draw(chance, 7)) {
    case 0: break; /* dropped */
    case 1:
        put_record(out, &record);
        put_record(out, &record);
        break;
    case 2:
        put_record(out, &history->records[fuzz_draw(chance, history->count)]);
        put_record(out, &record);
        break;
    case 3:
        sk_buf_append_str(&bytes, record.data);
        if (sk_buf_reserve(&bytes, 64) != NULL && record.data.size > 0)
            bytes.size = LLVMFuzzerMutate((uint8_t *)bytes.data, bytes.size, bytes.size + 64);
        record.data = sk_buf_view(&bytes);
        put_record(out, &record);
        break;
    case 4:
        change_columns(chance, &record);
        put_record(out, &record);
        break;
    default:
        change_fields(chance, &record, &bytes);
        put_record(out, &record);
        break;
    }
    sk_buf_release(&bytes);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    static struct history history;
    struct fuzz_chance chance = { seed };
    struct sk_buf out;
    read_history(data, size, &history);
    sk_buf_init(&out, 0);
    if (history.count == 0 || fuzz_draw(&chance, 24) == 0) {
        write_true_history(&chance, &out);
    } else if (fuzz_draw(&chance, 16) > 0) {
        uint32_t at = fuzz_draw(&chance, history.count);
        sk_buf_append_char(&out, (char)history.plan);
        for (uint32_t i = 0; i < history.count; i++) {
            if (i == at)
                put_mutated(&chance, &history, i, &out);
            else
                put_record(&out, &history.records[i]);
        }
    }
    bool fits = out.size > 0 && out.size <= max_size;
    if (fits) memcpy(data, out.data, out.size);
    size = fits ? out.size : LLVMFuzzerMutate(data, size, max_size);
    sk_buf_release(&out);
    return size;
}
