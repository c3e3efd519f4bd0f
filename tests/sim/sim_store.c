/* sim_store.c: submission and its faults (T2–T4), ownership, definitions. */
#include "check.h"

#include "node.h"
#include "reached.h"

#include "dsl/dsl.h"

/* A batch on its way to the disk. */
struct sim_submission {
    struct sim_handle *handle;
    struct sk_batch *batch;
    sk_batch_done *done;
    void *context;
    uint32_t *order, *is_answered; /* by place, by part */
    uint32_t committed_upto;       /* places decided */
    uint32_t step;                 /* places decided by one event: 1 = apart, all = together */
    bool is_started, is_dead;      /* is_dead: the node has crashed */
    uint64_t life;                 /* of the node that submitted it */
    struct sim_submission *next;
};

static struct sim_handle *handle_of(struct sk_store *port)
{
    return sk_container_of(port, struct sim_handle, port);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct sim_row *sim_store_row(const struct sim_store *store, struct sk_str saga_id)
{
    struct sim_row *row = sim_map_get(&store->by_id, saga_id);
    return row == NULL || row->is_removed ? NULL : row;
}

struct sim_row *sim_shard_row(const struct sim_shard *shard, uint64_t no)
{
    uint32_t low = 0, high = shard->rows_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (shard->rows[middle]->head.no < no)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == shard->rows_count || shard->rows[low]->head.no != no) return NULL;
    return shard->rows[low]->is_removed ? NULL : shard->rows[low];
}

struct sim_definition *sim_store_definition(const struct sim_store *store,
                                            const struct sk_digest *digest)
{
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        if (sk_digest_equal(&store->definitions[i].row.digest, digest))
            return &store->definitions[i];
    }
    return NULL;
}

const struct sk_plan *sim_store_plan(struct sim_store *store, const struct sk_digest *digest)
{
    struct sim_definition *definition = sim_store_definition(store, digest);
    if (definition == NULL) return NULL;
    if (definition->plan != NULL) return definition->plan;
    struct sk_diagnostics diagnostics;
    sk_diagnostics_init(&diagnostics);
    struct sk_dsl_options options = { 0 };
    if (sk_dsl_compile(definition->row.source, &options, &definition->plan, NULL, &diagnostics) !=
        SKALD_OK) {
        sim_fail(store->world, "simulator", (struct sk_str){ 0 },
                 "a stored definition does not compile");
    }
    sk_diagnostics_release(&diagnostics);
    return definition->plan;
}

/* ---- submit ---------------------------------------------------------------------------------- */

static bool is_poison(const struct sim_store *store, const struct sk_part *part)
{
    static const char mark[] = "poisoned";
    if (!store->world->profile.has_poison || store->is_honest) return false;
    for (uint32_t i = 0; i < part->events_count; i++) {
        struct sk_str data = part->events[i].data;
        if (data.size > 0 && memmem(data.data, data.size, mark, sizeof mark - 1) != NULL)
            return true;
    }
    return false;
}

static enum sk_part_result draw_result(struct sim_handle *handle, const struct sk_part *part,
                                       bool *out_commits)
{
    struct sim_store *store = handle->store;
    const struct sim_profile *p = &store->world->profile;
    struct sim_rng *rng = &store->world->faults;
    bool matches = sim_store_matches(store, part);
    *out_commits = false;
    if (handle->is_broken) return SK_PART_BROKEN;
    enum sim_fault cut = sim_handle_cut(handle);
    if (cut != SIM_FAULTS_COUNT) {
        bool takes_nothing = cut == SIM_FAULT_DISK_FULL || cut == SIM_FAULT_DISK_READ_ONLY;
        struct sim_rng *dice = sim_dice(store->world, cut);
        if (takes_nothing || sim_chance(dice, 600)) return SK_PART_PASSING;
        *out_commits = matches && sim_chance(dice, 500);
        return SK_PART_NOT_KNOWN;
    }
    if (!store->is_honest && sim_chance(rng, p->store_passing)) return SK_PART_PASSING;
    if (is_poison(store, part)) return SK_PART_REFUSED;
    if (!store->is_honest && sim_chance(rng, p->store_broken)) {
        handle->is_broken = true;
        *out_commits = matches && sim_chance(rng, 500);
        return SK_PART_BROKEN;
    }
    if (!store->is_honest && sim_chance(rng, p->store_not_known)) {
        *out_commits = matches && sim_chance(rng, 500);
        return SK_PART_NOT_KNOWN;
    }
    *out_commits = matches;
    return matches ? SK_PART_DONE : SK_PART_FENCED;
}

static enum sim_reached_row row_of_result(enum sk_part_result result)
{
    switch (result) {
    case SK_PART_DONE: return SIM_REACHED_PART_DONE;
    case SK_PART_PASSING: return SIM_REACHED_PART_PASSING;
    case SK_PART_NOT_KNOWN: return SIM_REACHED_PART_NOT_KNOWN;
    case SK_PART_FENCED: return SIM_REACHED_PART_FENCED;
    case SK_PART_REFUSED: return SIM_REACHED_PART_REFUSED;
    case SK_PART_BROKEN: break;
    }
    return SIM_REACHED_PART_BROKEN;
}

static void commit_part(struct sim_submission *s, uint32_t index)
{
    struct sim_handle *handle = s->handle;
    struct sk_part *part = &s->batch->parts[index];
    bool commits = false;
    enum sk_part_result result = draw_result(handle, part, &commits);
    if (commits) sim_store_apply(handle->store, handle->node, s->life, part);
    s->is_answered[index] = 1;
    handle->store->counts.results[result] += 1;
    sim_reached(handle->store->world, row_of_result(result));
    if (result != SK_PART_DONE) {
        sim_note(handle->store->world, "part-not-done", part->shard, (uint64_t)result,
                 (struct sk_str){ 0 });
    }
    part->result = result;
    part->message[0] = '\0';
}

static void on_done(void *context)
{
    struct sim_submission *s = context;
    s->done(s->context, s->batch);
}

static void start_next(struct sim_handle *handle);

static void on_commit(void *context)
{
    struct sim_submission *s = context;
    struct sim_handle *handle = s->handle;
    if (s->is_dead) return;
    for (uint32_t i = 0; i < s->step && s->committed_upto < s->batch->parts_count; i++) {
        commit_part(s, s->order[s->committed_upto++]);
    }
    struct sim_world *world = handle->store->world;
    if (s->committed_upto < s->batch->parts_count) {
        sim_after(world, sim_latency(&world->faults, world->profile.commit_us), on_commit, s);
        return;
    }
    handle->queue = s->next;
    if (handle->queue == NULL) handle->queue_end = NULL;
    int64_t delay_us = sim_latency(&world->faults, 50);
    if (sim_strikes(world, SIM_FAULT_COMMIT_LATE))
        delay_us += sim_between(sim_dice(world, SIM_FAULT_COMMIT_LATE), SIM_S, 8 * SIM_S);
    sim_answer_at(handle->node, delay_us, on_done, s);
    start_next(handle);
}

static void start_next(struct sim_handle *handle)
{
    struct sim_submission *s = handle->queue;
    struct sim_world *world = handle->store->world;
    if (s == NULL || s->is_started) return;
    s->is_started = true;
    int64_t delay_us = sim_latency(&world->faults, world->profile.commit_us);
    if (!handle->store->is_honest && sim_chance(&world->faults, world->profile.store_slow)) {
        sim_reached(world, SIM_REACHED_FAULT_COMMIT_SLOW);
        delay_us += sim_between(&world->faults, SIM_S, 8 * SIM_S);
    }
    sim_after(world, delay_us, on_commit, s);
}

/* Parts of one shard keep their order; otherwise any order. */
static void shuffle(struct sim_submission *s, struct sim_rng *rng)
{
    uint32_t count = s->batch->parts_count;
    for (uint32_t i = 0; i < count; i++) s->order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t k = sim_below(rng, i), a = s->order[i - 1];
        s->order[i - 1] = s->order[k];
        s->order[k] = a;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = i + 1; k < count; k++) {
            uint32_t a = s->order[i], b = s->order[k];
            if (a < b || s->batch->parts[a].shard != s->batch->parts[b].shard) continue;
            s->order[i] = b;
            s->order[k] = a;
        }
    }
}

static void submit(struct sk_store *port, struct sk_batch *batch, sk_batch_done *done,
                   void *context)
{
    struct sim_handle *handle = handle_of(port);
    struct sim_world *world = handle->store->world;
    sim_check_submitted(world, handle, batch);
    struct sim_submission *s = SK_ARENA_NEW(&world->arena, struct sim_submission);
    *s = (struct sim_submission){
        .handle = handle,
        .batch = batch,
        .done = done,
        .context = context,
        .life = handle->node->life,
    };
    s->order = SK_ARENA_ARRAY(&world->arena, uint32_t, batch->parts_count + 1);
    s->is_answered = SK_ARENA_ARRAY(&world->arena, uint32_t, batch->parts_count + 1);
    shuffle(s, &world->faults);
    s->step = sim_chance(&world->faults, 500) ? 1 : batch->parts_count + 1;
    if (handle->queue_end != NULL)
        handle->queue_end->next = s;
    else
        handle->queue = s;
    handle->queue_end = s;
    start_next(handle);
    if (sim_strikes(world, SIM_FAULT_COMMIT_PAUSED)) {
        struct sim_rng *dice = sim_dice(world, SIM_FAULT_COMMIT_PAUSED);
        sim_node_pause(handle->node, sim_between(dice, 100 * SIM_MS, 12 * SIM_S));
    }
}

/* ---- crash ----------------------------------------------------------------------------------- */

static void decide_rest(struct sim_submission *s, bool *goes_on)
{
    struct sim_store *store = s->handle->store;
    for (uint32_t i = s->committed_upto; i < s->batch->parts_count; i++) {
        const struct sk_part *part = &s->batch->parts[s->order[i]];
        *goes_on = *goes_on && sim_chance(&store->world->faults, 600);
        sim_reached(store->world,
                    *goes_on ? SIM_REACHED_FAULT_CRASH_COMMITS : SIM_REACHED_FAULT_CRASH_DROPS);
        if (*goes_on && sim_store_matches(store, part))
            sim_store_apply(store, s->handle->node, s->life, part);
    }
    s->committed_upto = s->batch->parts_count;
}

/* The server had it all and commits it now, behind the back of whoever serves by then: only the
 * compare is in its way. */
static void on_lingering(void *context)
{
    struct sim_submission *s = context;
    bool goes_on = !s->handle->store->world->is_over;
    decide_rest(s, &goes_on);
    s->done(s->context, s->batch);
}

void sim_handle_crash(struct sim_handle *handle)
{
    struct sim_world *world = handle->store->world;
    bool goes_on = !handle->is_broken;
    for (struct sim_submission *s = handle->queue; s != NULL; s = s->next) {
        bool lingers =
            goes_on && handle->port.is_shared && sim_strikes(world, SIM_FAULT_COMMIT_LINGERS);
        for (uint32_t i = 0; i < s->batch->parts_count; i++) {
            if (s->is_answered[i] == 0) s->batch->parts[i].result = SK_PART_BROKEN;
        }
        s->is_dead = true;
        if (lingers) {
            struct sim_rng *dice = sim_dice(world, SIM_FAULT_COMMIT_LINGERS);
            sim_answer_at(handle->node, sim_between(dice, SIM_MS, 8 * SIM_S), on_lingering, s);
            goes_on = false; /* what came behind it never arrived */
        } else {
            decide_rest(s, &goes_on);
            sim_answer_at(handle->node, 0, on_done, s);
        }
    }
    handle->queue = handle->queue_end = NULL;
    handle->is_broken = false;
}

/* ---- the port -------------------------------------------------------------------------------- */

static void free_handle(struct sk_store *port)
{
    (void)port; /* the world's */
}

static const struct sk_store_ops ops = {
    .submit = submit,
    .read = sim_store_read,
    .take = sim_store_take,
    .renew = sim_store_renew,
    .define = sim_store_define,
    .reopen = sim_store_reopen,
    .free = free_handle,
};

void sim_store_init(struct sim_store *store, struct sim_world *world)
{
    *store = (struct sim_store){ .world = world };
    store->meta = (struct sk_meta){ "siphash24", world->profile.shards_count, 1, world->seed };
    store->shards = SK_ARENA_ARRAY(&world->arena, struct sim_shard, store->meta.shards_count);
    for (uint32_t i = 0; i < store->meta.shards_count; i++) {
        store->shards[i].row = (struct sk_shard_row){ .shard = i, .position = 1 };
    }
    sim_map_init(&store->by_id, &world->arena);
    sim_store_faults_init(store);
}

void sim_store_release(struct sim_store *store)
{
    for (uint32_t i = 0; i < store->definitions_count; i++)
        sk_plan_free(store->definitions[i].plan);
}

void sim_handle_init(struct sim_handle *handle, struct sim_store *store, struct sim_node *node)
{
    *handle = (struct sim_handle){
        .port = { &ops, "simulated", store->world->profile.is_shared },
        .store = store,
        .node = node,
    };
}
