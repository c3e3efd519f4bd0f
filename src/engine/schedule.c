/*
 * schedule.c: see schedule.h. Firing; what people ask is in schedule_ask.c.
 *
 *      armed --an instant is due--> the last saga's head, if it matters --> ended, or allowed:
 *      started --durable--> record --> armed
 *          `--> still runs: skip: record | queue, cancel: queued, looked at again every second
 *
 *   C1  last_at is the instant looked at last; it is written after its saga's start is durable. A
 *       crash between the two looks at it again: its key finds the saga that is there.
 *   C2  One instant of a schedule is looked at at a time (is_busy).
 *   C3  Instants that were missed: those within catch_up, each; without catch_up the latest one.
 *   C4  Where sagas must not overlap, it is written which instant is begun before its start is
 *       asked for, and until that is answered no other instant is looked at: its saga may be there
 *       although nobody could say so, a store that was away having kept the answer back.
 */
#include "engine/schedule_private.h"

#include "base/time.h"

enum { LOOK_MS = 1000, TRIES_MAX = 30 };

/* ---- life ------------------------------------------------------------------------------------ */

static void on_alarm(struct sk_engine *engine, struct sk_alarm *alarm);

static void free_schedule(struct sk_owned *owned)
{
    struct sk_schedule *schedule = sk_container_of(owned, struct sk_schedule, owned);
    sk_arena_release(&schedule->arena);
    sk_buf_release(&schedule->last_saga);
    sk_free(schedule);
}

struct sk_schedule *sk_schedule_new(struct sk_engine *engine, struct sk_str id)
{
    struct sk_schedule *schedule = sk_alloc(sizeof *schedule);
    if (schedule == NULL) return NULL;
    schedule->engine = engine;
    schedule->shard = sk_shard_of(engine, id);
    sk_arena_init(&schedule->arena);
    sk_buf_init(&schedule->last_saga, 0);
    schedule->request.id = sk_arena_copy(&schedule->arena, id);
    schedule->alarm.fn = on_alarm;
    sk_list_init(&schedule->node);
    sk_own(engine, &schedule->owned, free_schedule);
    return schedule;
}

void sk_schedule_drop(struct sk_schedule *schedule)
{
    sk_list_remove(&schedule->node);
    sk_alarm_clear(schedule->engine, &schedule->alarm);
    schedule->shard = NULL;
    if (schedule->calls > 0) return;
    sk_disown(&schedule->owned);
    free_schedule(&schedule->owned);
}

bool sk_schedule_end_call(struct sk_schedule *schedule)
{
    schedule->calls -= 1;
    if (schedule->shard != NULL) return true;
    sk_schedule_drop(schedule);
    return false;
}

struct sk_schedule *sk_schedule_find(struct sk_engine *engine, struct sk_str id)
{
    for (struct sk_list *at = engine->schedules.next; at != &engine->schedules; at = at->next) {
        struct sk_schedule *schedule = sk_container_of(at, struct sk_schedule, node);
        if (sk_str_equal(schedule->request.id, id)) return schedule;
    }
    return NULL;
}

void sk_schedule_enlist(struct sk_schedule *schedule)
{
    struct sk_list *at = schedule->engine->schedules.prev;
    while (at != &schedule->engine->schedules &&
           sk_str_compare(sk_container_of(at, struct sk_schedule, node)->request.id,
                          schedule->request.id) > 0) {
        at = at->prev;
    }
    sk_list_push_front(at, &schedule->node); /* right behind `at` */
}

/* ---- when ------------------------------------------------------------------------------------ */

/* The first instant after `after_ms`; INT64_MAX = none. */
static int64_t next_after(const struct sk_schedule *schedule, int64_t after_ms)
{
    const struct sk_schedule_request *r = &schedule->request;
    if (r->cron.size == 0) return schedule->last_at_ms >= r->at_ms ? INT64_MAX : r->at_ms;
    int64_t next_ms = sk_cron_next(&schedule->cron, after_ms);
    return next_ms < 0 ? INT64_MAX : next_ms;
}

/* The last instant up to now: looked for in a growing window, so that years cost little. */
static int64_t latest_until(const struct sk_schedule *schedule, int64_t now_ms, int64_t first_ms)
{
    static const int64_t windows_ms[] = { 120000, 3600000, 86400000, 32 * 86400000LL,
                                          366 * 86400000LL };
    for (size_t i = 0; i < sizeof windows_ms / sizeof windows_ms[0]; i++) {
        int64_t from_ms = now_ms - windows_ms[i];
        int64_t at_ms = from_ms > first_ms ? next_after(schedule, from_ms) : first_ms;
        if (at_ms > now_ms) continue;
        for (int64_t later = at_ms; later <= now_ms; later = next_after(schedule, later)) {
            at_ms = later;
        }
        return at_ms;
    }
    return first_ms;
}

/* The instant to look at now; INT64_MAX = none is due. */
static int64_t due(const struct sk_schedule *schedule, int64_t now_ms)
{
    int64_t since_ms = schedule->last_at_ms > 0 ? schedule->last_at_ms : schedule->created_at_ms;
    int64_t first_ms = next_after(schedule, since_ms);
    if (first_ms > now_ms || schedule->request.cron.size == 0)
        return first_ms > now_ms ? INT64_MAX : first_ms;
    int64_t window_ms = schedule->request.catch_up_ms;
    if (window_ms == 0) return latest_until(schedule, now_ms, first_ms);
    if (first_ms < now_ms - window_ms) first_ms = next_after(schedule, now_ms - window_ms - 1);
    return first_ms > now_ms ? INT64_MAX : first_ms;
}

void sk_schedule_arm(struct sk_schedule *schedule)
{
    struct sk_engine *engine = schedule->engine;
    if (schedule->state != SK_SCHEDULE_ACTIVE || schedule->is_gone) {
        sk_alarm_clear(engine, &schedule->alarm);
        return;
    }
    int64_t now_ms = sk_engine_now(engine);
    int64_t since_ms = schedule->last_at_ms > 0 ? schedule->last_at_ms : schedule->created_at_ms;
    int64_t next_ms = next_after(schedule, since_ms);
    if (schedule->queued_at_ms > 0 && next_ms > now_ms + LOOK_MS) next_ms = now_ms + LOOK_MS;
    if (schedule->begun_at_ms > 0) next_ms = now_ms + LOOK_MS;
    if (next_ms == INT64_MAX) return;
    sk_alarm_set(engine, &schedule->alarm, next_ms > now_ms ? next_ms : now_ms + 1);
}

/* ---- starting -------------------------------------------------------------------------------- */

struct starting {
    struct sk_owned owned;
    struct sk_schedule *schedule;
    sk_schedule_started *done;
    void *context;
};

static void free_starting(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct starting, owned));
}

static void on_started(void *context, const struct sk_reply *reply)
{
    struct starting *starting = context;
    struct sk_schedule *schedule = starting->schedule;
    sk_schedule_started *done = starting->done;
    void *done_context = starting->context;
    sk_disown(&starting->owned);
    sk_free(starting);
    done(schedule, reply, done_context);
}

struct values {
    struct sk_str timestamp, context; /* JSON */
};

static struct sk_str get_value(const void *context, enum sk_root root, uint32_t step_index)
{
    (void)step_index;
    const struct values *values = context;
    if (root == SK_ROOT_TIMESTAMP) return values->timestamp;
    return root == SK_ROOT_CONTEXT ? values->context : (struct sk_str){ 0 };
}

/* The input of this instant; false: out of memory. */
static bool render_input(const struct sk_schedule *schedule, const char *instant,
                         struct sk_buf *out)
{
    if (schedule->input == NULL) return true;
    struct sk_buf timestamp = { 0 }, context = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&timestamp);
    sk_json_put_text(&w, instant);
    w = sk_json_writer_of(&context);
    sk_json_begin_object(&w);
    sk_json_key(&w, "schedule");
    sk_json_put_str(&w, schedule->request.id);
    sk_json_key(&w, "run");
    sk_json_put_u64(&w, schedule->runs + 1);
    sk_json_end_object(&w);
    struct values values = { sk_buf_view(&timestamp), sk_buf_view(&context) };
    struct sk_scope scope = { .context = &values, .get = get_value };
    struct sk_arena scratch;
    sk_arena_init(&scratch);
    if (!timestamp.failed && !context.failed)
        sk_document_render(schedule->input, &scope, &scratch, out);
    bool is_made = !timestamp.failed && !context.failed && !out->failed && !scratch.failed;
    sk_arena_release(&scratch);
    sk_buf_release(&timestamp);
    sk_buf_release(&context);
    return is_made;
}

static void fail_start(struct sk_schedule *schedule, sk_schedule_started *done, void *context)
{
    skald_error error;
    (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
    done(schedule, &(struct sk_reply){ .status = SKALD_E_MEMORY, .error = &error }, context);
}

void sk_schedule_start(struct sk_schedule *schedule, int64_t at_ms, sk_schedule_started *done,
                       void *context)
{
    const struct sk_schedule_request *r = &schedule->request;
    char instant[SK_TIME_TEXT_SIZE];
    struct sk_buf key = { 0 }, input = { 0 };
    struct starting *starting = sk_alloc(sizeof *starting);
    sk_time_format(at_ms, instant);
    sk_buf_append_str(&key, r->id);
    sk_buf_append_char(&key, '@');
    sk_buf_append_text(&key, instant);
    schedule->calls += 1;
    if (starting == NULL || key.failed || !render_input(schedule, instant, &input)) {
        sk_free(starting);
        fail_start(schedule, done, context);
    } else {
        starting->schedule = schedule;
        starting->done = done;
        starting->context = context;
        sk_own(schedule->engine, &starting->owned, free_starting);
        struct sk_start_request request = { .definition = r->definition,
                                            .version = r->version,
                                            .idempotency_key = sk_buf_view(&key),
                                            .input = sk_buf_view(&input),
                                            .context = r->context,
                                            .business_key = r->business_key,
                                            .space = r->space,
                                            .attributes = r->attributes,
                                            .tags = r->tags,
                                            .priority = (int32_t)r->priority };
        sk_engine_start(schedule->engine, &request, on_started, starting);
    }
    sk_buf_release(&key);
    sk_buf_release(&input);
}

static void note_refusal(struct sk_schedule *schedule, const struct sk_reply *reply)
{
    const char *why = reply->error != NULL ? reply->error->message : "the start was refused";
    size_t size = strlen(why);
    if (size >= sizeof schedule->error_text) size = sizeof schedule->error_text - 1;
    memcpy(schedule->error_text, why, size);
    schedule->error_text[size] = 0;
}

void sk_schedule_note_start(struct sk_schedule *schedule, const struct sk_reply *reply)
{
    bool is_there = reply->status == SKALD_OK && reply->saga_id.size > 0;
    schedule->error_text[0] = 0;
    if (is_there) {
        schedule->runs += 1;
        sk_buf_clear(&schedule->last_saga);
        sk_buf_append_str(&schedule->last_saga, reply->saga_id);
        return;
    }
    schedule->failed += 1;
    note_refusal(schedule, reply);
}

/* ---- one instant ----------------------------------------------------------------------------- */

/* Looked at: whatever came of it. */
static void pass(struct sk_schedule *schedule, int64_t at_ms)
{
    schedule->is_busy = false;
    schedule->tries = 0;
    schedule->begun_at_ms = 0;
    if (at_ms > schedule->last_at_ms) schedule->last_at_ms = at_ms;
    bool is_over = schedule->request.cron.size == 0 && schedule->queued_at_ms == 0;
    if (is_over && schedule->state == SK_SCHEDULE_ACTIVE) schedule->state = SK_SCHEDULE_DONE;
    /* Its instant's saga is durable: that it is done follows from it. */
    if (schedule->state == SK_SCHEDULE_DONE) schedule->known_state = SK_SCHEDULE_DONE;
    sk_schedule_write(schedule, NULL, NULL);
    sk_schedule_arm(schedule);
}

struct instant {
    struct sk_owned owned;
    struct sk_schedule *schedule;
    int64_t at_ms;
};

static void free_instant(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct instant, owned));
}

static void on_fired(struct sk_schedule *schedule, const struct sk_reply *reply, void *context)
{
    struct instant *instant = context;
    int64_t at_ms = instant->at_ms;
    sk_disown(&instant->owned);
    sk_free(instant);
    if (!sk_schedule_end_call(schedule)) return;
    bool may_pass = skald_status_class(reply->status) == SKALD_CLASS_RETRY;
    bool has_tries = ++schedule->tries < TRIES_MAX;
    if (may_pass && (has_tries || schedule->begun_at_ms == at_ms)) {
        if (!has_tries) note_refusal(schedule, reply); /* for people; it goes on */
        schedule->is_busy = false;
        sk_alarm_set(schedule->engine, &schedule->alarm, sk_engine_now(schedule->engine) + LOOK_MS);
        return;
    }
    sk_schedule_note_start(schedule, reply);
    if (schedule->queued_at_ms <= at_ms) schedule->queued_at_ms = 0;
    pass(schedule, at_ms);
}

static void fire(struct instant *instant)
{
    sk_schedule_start(instant->schedule, instant->at_ms, on_fired, instant);
}

/* In the middle of a commit's answer: the start itself comes in a turn of its own. */
static void on_begun(struct sk_engine *engine, void *context, enum skald_status status)
{
    struct instant *instant = context;
    struct sk_schedule *schedule = instant->schedule;
    sk_disown(&instant->owned);
    sk_free(instant);
    if (!sk_schedule_end_call(schedule)) return;
    bool is_begun = status == SKALD_OK;
    if (!is_begun) schedule->begun_at_ms = 0; /* nothing was asked for */
    schedule->is_busy = false;
    sk_alarm_set(engine, &schedule->alarm, sk_engine_now(engine) + (is_begun ? 0 : LOOK_MS));
}

/* C4 */
static void begin(struct instant *instant)
{
    struct sk_schedule *schedule = instant->schedule;
    bool may_overlap = schedule->request.overlap == SK_OVERLAP_ALLOW;
    if (may_overlap || schedule->begun_at_ms == instant->at_ms) {
        fire(instant);
        return;
    }
    schedule->begun_at_ms = instant->at_ms;
    schedule->calls += 1;
    sk_schedule_write(schedule, on_begun, instant);
}

static void on_told(void *context, const struct sk_reply *reply)
{
    (void)context, (void)reply; /* it ends, or it has ended: the head tells */
}

static void cancel_last(struct sk_schedule *schedule, int64_t at_ms)
{
    char instant[SK_TIME_TEXT_SIZE];
    struct sk_buf id = { 0 };
    sk_time_format(at_ms, instant);
    sk_buf_append_str(&id, schedule->request.id);
    sk_buf_append_char(&id, '@');
    sk_buf_append_text(&id, instant);
    struct sk_command command = { .kind = SK_COMMAND_CANCEL,
                                  .id = sk_buf_view(&id),
                                  .who = schedule->request.id,
                                  .why = SK_STR("its schedule starts the next one"),
                                  .step = SK_STEP_NONE,
                                  .item = -1 };
    sk_engine_command(schedule->engine, sk_buf_view(&schedule->last_saga), &command, SK_STR(""),
                      on_told, NULL);
    sk_buf_release(&id);
}

/* The last saga still runs. */
static void overlap(struct sk_schedule *schedule, int64_t at_ms)
{
    bool was_queued = schedule->queued_at_ms == at_ms;
    switch (schedule->request.overlap) {
    case SK_OVERLAP_ALLOW:
    case SK_OVERLAP_SKIP: schedule->skipped += 1; break;
    case SK_OVERLAP_CANCEL:
    case SK_OVERLAP_QUEUE:
        if (was_queued) {
            schedule->is_busy = false;
            sk_schedule_arm(schedule);
            return;
        }
        if (schedule->queued_at_ms > 0) schedule->skipped += 1; /* the latest one waits */
        schedule->queued_at_ms = at_ms;
        if (schedule->request.overlap == SK_OVERLAP_CANCEL) cancel_last(schedule, at_ms);
        break;
    case SK_OVERLAPS_COUNT: break;
    }
    pass(schedule, at_ms);
}

static void on_head(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct instant *instant = context;
    struct sk_schedule *schedule = instant->schedule;
    int64_t at_ms = instant->at_ms;
    if (!sk_schedule_end_call(schedule)) {
        sk_disown(&instant->owned);
        sk_free(instant);
        return;
    }
    bool runs = rows->status == SKALD_OK && rows->heads_count > 0 &&
                !sk_saga_state_is_end((enum sk_saga_state)rows->heads[0].state);
    if (rows->status == SKALD_OK && !runs) {
        begin(instant);
        return;
    }
    sk_disown(&instant->owned);
    sk_free(instant);
    if (runs) {
        overlap(schedule, at_ms);
    } else {
        schedule->is_busy = false;
        sk_alarm_set(engine, &schedule->alarm, sk_engine_now(engine) + LOOK_MS);
    }
}

static void look_at(struct sk_schedule *schedule, int64_t at_ms)
{
    struct sk_engine *engine = schedule->engine;
    struct instant *instant = sk_alloc(sizeof *instant);
    if (instant == NULL) {
        sk_alarm_set(engine, &schedule->alarm, sk_engine_now(engine) + LOOK_MS);
        return;
    }
    instant->schedule = schedule;
    instant->at_ms = at_ms;
    sk_own(engine, &instant->owned, free_instant);
    schedule->is_busy = true;
    bool matters = schedule->request.overlap != SK_OVERLAP_ALLOW && schedule->last_saga.size > 0 &&
                   schedule->begun_at_ms != at_ms;
    if (!matters) {
        begin(instant);
        return;
    }
    schedule->calls += 1;
    struct sk_read read = { .kind = SK_READ_HEAD, .id = sk_buf_view(&schedule->last_saga) };
    sk_engine_store_read(engine, &read, on_head, instant);
}

static void on_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_schedule *schedule = sk_container_of(alarm, struct sk_schedule, alarm);
    if (schedule->is_busy || schedule->state != SK_SCHEDULE_ACTIVE || schedule->shard == NULL)
        return;
    bool can_start = engine->phase == SK_PHASE_OPEN && schedule->shard->state == SK_SHARD_SERVING;
    if (!can_start) {
        sk_alarm_set(engine, alarm, sk_engine_now(engine) + LOOK_MS);
        return;
    }
    int64_t begun_ms = schedule->begun_at_ms;
    int64_t at_ms = begun_ms > 0 ? begun_ms : due(schedule, sk_engine_now(engine));
    if (at_ms == INT64_MAX) at_ms = schedule->queued_at_ms > 0 ? schedule->queued_at_ms : INT64_MAX;
    if (at_ms == INT64_MAX) {
        sk_schedule_arm(schedule);
    } else {
        look_at(schedule, at_ms);
    }
}

/* ---- take-over ------------------------------------------------------------------------------- */

bool sk_schedule_load(struct sk_shard *shard, const struct sk_record_row *row)
{
    struct sk_engine *engine = shard->engine;
    if (sk_schedule_find(engine, row->id) != NULL) return true;
    struct sk_schedule *schedule = sk_schedule_new(engine, row->id);
    if (schedule == NULL) return false;
    if (!sk_schedule_decode(schedule, row->body)) {
        sk_schedule_drop(schedule);
        return false;
    }
    schedule->is_known = true;
    sk_schedule_enlist(schedule);
    if (schedule->state == SK_SCHEDULE_ACTIVE)
        sk_alarm_set(engine, &schedule->alarm, sk_engine_now(engine) + 1);
    return true;
}

void sk_schedules_forget(struct sk_shard *shard)
{
    struct sk_engine *engine = shard->engine;
    struct sk_list *next = NULL;
    for (struct sk_list *at = engine->schedules.next; at != &engine->schedules; at = next) {
        next = at->next;
        struct sk_schedule *schedule = sk_container_of(at, struct sk_schedule, node);
        if (schedule->shard == shard) sk_schedule_drop(schedule);
    }
}
