/* schedule_ask.c: what people ask of schedules: new ones, pause, resume, trigger, delete. Answers
 * come when what they tell is durable. */
#include "engine/schedule_private.h"

struct asking {
    struct sk_owned owned;
    struct sk_engine *engine;
    struct sk_schedule *schedule; /* calls counts it; NULL: the answer is known */
    sk_schedule_done *done;
    void *context;
    bool is_new, is_replayed;
    enum sk_schedule_state state; /* as it was written */
    enum skald_status status;
    skald_error error;
};

static void free_asking(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct asking, owned));
}

static struct asking *asking_new(struct sk_engine *engine, sk_schedule_done *done, void *context)
{
    struct asking *asking = sk_alloc(sizeof *asking);
    if (asking == NULL) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, SKALD_E_MEMORY, &error, NULL, false);
        return NULL;
    }
    asking->engine = engine;
    asking->done = done;
    asking->context = context;
    sk_own(engine, &asking->owned, free_asking);
    return asking;
}

static void answer(struct asking *asking)
{
    struct sk_schedule *schedule = asking->schedule;
    struct sk_schedule_view view;
    if (asking->status == SKALD_OK && schedule != NULL) {
        sk_schedule_view_of(schedule, &view);
        asking->done(asking->context, SKALD_OK, NULL, &view, asking->is_replayed);
    } else {
        asking->done(asking->context, asking->status, &asking->error, NULL, false);
    }
    sk_disown(&asking->owned);
    sk_free(asking);
    if (schedule != NULL) (void)sk_schedule_end_call(schedule);
}

static void on_turn(struct sk_engine *engine, void *context)
{
    (void)engine;
    answer(context);
}

/* Not from inside the call. */
static void answer_later(struct asking *asking, enum skald_status status, const char *message)
{
    asking->status = status;
    if (status != SKALD_OK && asking->error.status != status)
        (void)sk_error_set(&asking->error, status, "%s", message);
    if (sk_engine_defer(asking->engine, on_turn, asking) != SKALD_OK) answer(asking);
}

static void refer_to(struct asking *asking, struct sk_schedule *schedule)
{
    asking->schedule = schedule;
    schedule->calls += 1;
}

static void on_recorded(struct sk_engine *engine, void *context, enum skald_status status)
{
    (void)engine;
    struct asking *asking = context;
    struct sk_schedule *schedule = asking->schedule;
    asking->status = status;
    if (status != SKALD_OK) {
        (void)sk_error_set(&asking->error, status,
                           "the schedule's shard is not served by this node now");
    }
    bool has_gone =
        (asking->is_new && status != SKALD_OK) || (schedule->is_gone && status == SKALD_OK);
    if (has_gone && schedule->shard != NULL) {
        sk_schedule_drop(schedule);
    } else if (schedule->shard != NULL) {
        if (status != SKALD_OK) schedule->is_gone = false;
        if (status == SKALD_OK) schedule->is_known = true;
        if (status == SKALD_OK) schedule->known_state = asking->state;
        sk_schedule_arm(schedule);
    }
    answer(asking);
}

static void record(struct asking *asking)
{
    asking->state = asking->schedule->state;
    sk_schedule_write(asking->schedule, on_recorded, asking);
}

static const char *place_refusal(const struct sk_engine *engine, const struct sk_shard *shard)
{
    bool is_served =
        engine->phase == SK_PHASE_OPEN && shard != NULL && shard->state == SK_SHARD_SERVING;
    return is_served ? NULL : "the schedule's shard is not served by this node now";
}

/* ---- new ------------------------------------------------------------------------------------- */

static void meet_existing(struct asking *asking, struct sk_schedule *schedule,
                          const struct sk_schedule_request *request)
{
    struct sk_digest digest;
    bool is_same = sk_schedule_digest(request, &digest) &&
                   sk_digest_equal(&digest, &schedule->digest) && !schedule->is_gone;
    if (!is_same) {
        answer_later(asking, SKALD_E_CONFLICT, "this id stands for another schedule");
        return;
    }
    if (!schedule->is_known) {
        answer_later(asking, SKALD_E_AGAIN, "the schedule is being recorded: ask again");
        return;
    }
    refer_to(asking, schedule);
    asking->is_replayed = true;
    answer_later(asking, SKALD_OK, "");
}

static bool has_room(const struct sk_engine *engine)
{
    uint32_t count = 0;
    for (const struct sk_list *at = engine->schedules.next; at != &engine->schedules; at = at->next)
        count += 1;
    return count < SK_SCHEDULES_MAX;
}

void sk_engine_schedule(struct sk_engine *engine, const struct sk_schedule_request *request,
                        sk_schedule_done *done, void *context)
{
    struct asking *asking = asking_new(engine, done, context);
    if (asking == NULL) return;
    struct sk_schedule *schedule = sk_schedule_find(engine, request->id);
    struct sk_shard *shard = engine->shards_count == 0 ? NULL : sk_shard_of(engine, request->id);
    const char *refusal = place_refusal(engine, shard);
    if (refusal != NULL) {
        answer_later(asking, SKALD_E_AGAIN, refusal);
        return;
    }
    if (schedule != NULL) {
        meet_existing(asking, schedule, request);
        return;
    }
    if (!has_room(engine)) {
        answer_later(asking, SKALD_E_LIMIT, "so many schedules are there already");
        return;
    }
    schedule = sk_schedule_new(engine, request->id);
    enum skald_status status = SKALD_E_MEMORY;
    if (schedule != NULL) status = sk_schedule_set_request(schedule, request, &asking->error);
    if (status != SKALD_OK) {
        if (schedule != NULL) sk_schedule_drop(schedule);
        answer_later(asking, status, "out of memory");
        return;
    }
    schedule->created_at_ms = sk_engine_now(engine);
    sk_schedule_enlist(schedule);
    refer_to(asking, schedule);
    asking->is_new = true;
    record(asking);
    sk_engine_turn(engine);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void on_triggered(struct sk_schedule *schedule, const struct sk_reply *reply, void *context)
{
    struct asking *asking = context;
    schedule->calls -= 1; /* the start's; asking still counts */
    if (reply->status != SKALD_OK) {
        asking->status = reply->status;
        if (reply->error != NULL) asking->error = *reply->error;
        answer(asking);
        return;
    }
    if (schedule->shard == NULL) {
        answer(asking);
        return;
    }
    sk_schedule_note_start(schedule, reply);
    record(asking);
    sk_engine_turn(asking->engine);
}

static void set_paused(struct sk_schedule *schedule, bool is_paused)
{
    if (is_paused && schedule->state == SK_SCHEDULE_ACTIVE) schedule->state = SK_SCHEDULE_PAUSED;
    if (!is_paused && schedule->state == SK_SCHEDULE_PAUSED) {
        int64_t now_ms = sk_engine_now(schedule->engine);
        schedule->state = SK_SCHEDULE_ACTIVE;
        /* What the pause held back is not made up; a single instant is. */
        bool is_cron = schedule->request.cron.size > 0;
        if (is_cron && schedule->last_at_ms < now_ms) schedule->last_at_ms = now_ms;
    }
}

void sk_engine_schedule_act(struct sk_engine *engine, struct sk_str id, enum sk_schedule_act act,
                            sk_schedule_done *done, void *context)
{
    struct asking *asking = asking_new(engine, done, context);
    if (asking == NULL) return;
    struct sk_schedule *schedule = sk_schedule_find(engine, id);
    if (schedule == NULL || schedule->is_gone || !schedule->is_known) {
        answer_later(asking, SKALD_E_NOT_FOUND, "no such schedule");
        return;
    }
    const char *refusal = place_refusal(engine, schedule->shard);
    if (refusal != NULL) {
        answer_later(asking, SKALD_E_AGAIN, refusal);
        return;
    }
    refer_to(asking, schedule);
    switch (act) {
    case SK_SCHEDULE_TRIGGER:
        sk_schedule_start(schedule, sk_engine_now(engine), on_triggered, asking);
        return;
    case SK_SCHEDULE_PAUSE: set_paused(schedule, true); break;
    case SK_SCHEDULE_RESUME: set_paused(schedule, false); break;
    case SK_SCHEDULE_DELETE: schedule->is_gone = true; break;
    }
    sk_schedule_arm(schedule);
    record(asking);
    sk_engine_turn(engine);
}

/* ---- looking --------------------------------------------------------------------------------- */

bool sk_engine_schedule_get(struct sk_engine *engine, struct sk_str id,
                            struct sk_schedule_view *out_view)
{
    const struct sk_schedule *schedule = sk_schedule_find(engine, id);
    bool is_known = schedule != NULL && schedule->is_known;
    if (is_known) sk_schedule_view_of(schedule, out_view);
    return is_known;
}

void sk_engine_schedule_each(struct sk_engine *engine, struct sk_str after,
                             bool (*fn)(void *context, const struct sk_schedule_view *view),
                             void *context)
{
    for (struct sk_list *at = engine->schedules.next; at != &engine->schedules; at = at->next) {
        const struct sk_schedule *schedule = sk_container_of(at, struct sk_schedule, node);
        struct sk_schedule_view view;
        if (!schedule->is_known || sk_str_compare(schedule->request.id, after) <= 0) continue;
        sk_schedule_view_of(schedule, &view);
        if (!fn(context, &view)) return;
    }
}
