/*
 * fill.c: finished sagas by the million, straight through the store port: the parts that the engine
 * would have written, a part for each of a saga's four commits, without deciding each saga anew.
 * For bench-growth.
 *
 *     fill STORE SAGAS       STORE is sqlite:FILE or journal:DIR; fills up to SAGAS in all
 *
 * One saga of `skald bench`'s definition is run through the core; every other one is its history
 * with an id and times of its own. So `skald store check` folds them, and `skald bench` goes on in
 * the same store. It can be stopped and started again: a shard's position tells what is there.
 *
 * Not for use beside a server: it takes all shards.
 */
#include "clock.h"

#include "base/id.h"
#include "cli/bench_saga.h"
#include "core/decide.h"
#include "dsl/dsl.h"
#include "runtime/libevent_runtime.h"
#include "runtime/runtime.h"
#include "skald/journal_folder.h"
#include "store/sqlite/sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_MAX = 16,
    COMMITS_MAX = 8,
    PART_SAGAS = 128,
    PARTS_FLYING = 32,
    ID_SIZE = 36,
    SAGA_PAUSE_MS = 1, /* between the starts of two sagas */
    REPORT_EVERY = 250000,
};

static const char any_id[] = "00000000-0000-7000-8000-000000000000";

/* The saga that all are copies of. */
struct model {
    struct sk_plan *plan;
    struct sk_buf source;
    struct sk_event_row events[EVENTS_MAX]; /* at_ms from the start on */
    uint32_t events_count;
    uint32_t commits[COMMITS_MAX + 1]; /* commit i begins with this event; then the end */
    uint32_t commits_count;
    struct sk_buf data;
    size_t id_at;        /* where the id stands in the first event; SIZE_MAX = nowhere */
    int64_t deadline_ms; /* an instant that stands in the events' data, so the same for all */
};

/* One commit of the sagas of a job. */
struct commit {
    struct part_job *job;
    struct sk_batch batch;
    struct sk_part part;
    struct sk_head heads[PART_SAGAS];
};

/* Sagas of one shard that are written abreast: a part for each of their commits. */
struct part_job {
    struct fill *fill;
    uint32_t shard, count, done_count;
    struct commit commits[COMMITS_MAX];
    struct sk_event_row events[PART_SAGAS * EVENTS_MAX]; /* in the order of their positions */
    int64_t at_ms[PART_SAGAS];
    char ids[PART_SAGAS][SK_UUID_TEXT_SIZE];
    char *first_data; /* PART_SAGAS times the first event's */
    struct sk_tally_row tally;
};

struct fill {
    struct sk_libevent_runtime *loop;
    struct sk_runtime *runtime;
    struct sk_store *store;
    struct model model;
    uint32_t shards_count, taken_count;
    struct sk_shard_row *shards; /* epoch and next position */
    struct part_job **open;      /* by shard: being filled, or NULL */
    uint32_t flying_count;
    uint64_t wanted, there, asked; /* sagas: in all, durable, given to the store or being filled */
    uint64_t at_first;             /* what was there when we came */
    int64_t now_ms;
    uint64_t luck[2];
    bool is_ending;
};

static _Noreturn void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "fill: %s: %s\n", what, why);
    exit(1);
}

/* ---- the model ------------------------------------------------------------------------------- */

static void decide(struct sk_saga *saga, struct sk_command command, int64_t now_ms,
                   struct sk_decision *decision)
{
    static const struct sk_rules rules = { .takeups_max = 3,
                                           .takeup_pause_ms = 30000,
                                           .verify_timeout_ms = 10000,
                                           .attempt_timeout_ms = 10000 };
    skald_error error = { .message = "" };
    if (sk_saga_decide(saga, &command, now_ms, &rules, decision, &error) != SKALD_OK)
        fail("decide", error.message);
}

static void run_model(struct model *model, int64_t now_ms, struct sk_decision *decision)
{
    struct sk_saga saga;
    struct sk_start start = { .id = SK_STR(any_id),
                              .input = SK_STR(bench_input),
                              .definition = model->plan->digest };
    struct sk_outcome yes = { .class_ = SK_OUTCOME_SUCCEEDED,
                              .output = SK_STR("{\"order\":\"4711\"}"),
                              .is_answered = true };
    if (!sk_saga_init(&saga, model->plan)) fail("memory", "none");
    decide(&saga,
           (struct sk_command){
               .kind = SK_COMMAND_START, .step = SK_STEP_NONE, .item = -1, .start = &start },
           now_ms, decision);
    decide(&saga, (struct sk_command){ .kind = SK_COMMAND_ADMIT, .step = SK_STEP_NONE, .item = -1 },
           now_ms, decision);
    for (uint32_t step = 0; step < model->plan->steps_count; step++) {
        decide(&saga,
               (struct sk_command){ .kind = SK_COMMAND_OUTCOME,
                                    .step = step,
                                    .item = -1,
                                    .operation = SK_OPERATION_ACTION,
                                    .attempt = 1,
                                    .start_seq = saga.steps[step].units[0].action.start_seq,
                                    .outcome = &yes },
               now_ms + 2 * step + 2, decision);
    }
    if (saga.state != SK_SAGA_COMPLETED) fail("model", "it has not completed");
    model->deadline_ms = saga.deadline_ms;
    sk_saga_release(&saga);
}

static void keep_rows(struct model *model, int64_t now_ms, const struct sk_decision *decision)
{
    if (decision->events_count > EVENTS_MAX) fail("model", "too many events");
    sk_buf_append(&model->data, decision->data.data, decision->data.size);
    model->events_count = decision->events_count;
    model->commits_count = 1;
    for (uint32_t i = 0; i < decision->events_count; i++) {
        const struct sk_decided *decided = &decision->events[i];
        const struct sk_event *event = &decided->event;
        const char *data = (const char *)model->data.data + decided->data_offset;
        if (event->type == SK_EVENT_STEP_COMPLETED && model->commits_count < COMMITS_MAX)
            model->commits[model->commits_count++] = i;
        model->events[i] = (struct sk_event_row){ .seq = event->seq,
                                                  .at_ms = event->at_ms - now_ms,
                                                  .type = event->type,
                                                  .step = event->step,
                                                  .item = event->item,
                                                  .attempt = event->attempt,
                                                  .round = event->round,
                                                  .data = { data, decided->data_size } };
    }
    model->commits[model->commits_count] = model->events_count;
    struct sk_str first = model->events[0].data;
    const char *id = memmem(first.data, first.size, any_id, ID_SIZE);
    model->id_at = id == NULL ? SIZE_MAX : (size_t)(id - first.data);
}

static void make_model(struct model *model, int64_t now_ms)
{
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .file_name = SK_STR("bench") };
    struct sk_decision decision;
    sk_diagnostics_init(&diagnostics);
    if (sk_dsl_compile(SK_STR(bench_definition), &options, &model->plan, &model->source,
                       &diagnostics) != SKALD_OK) {
        fail("definition", "it does not compile");
    }
    sk_diagnostics_release(&diagnostics);
    sk_decision_init(&decision);
    run_model(model, now_ms, &decision);
    keep_rows(model, now_ms, &decision);
    sk_decision_release(&decision);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void go_on(struct fill *fill);

static uint64_t draw(struct fill *fill)
{
    uint64_t x = fill->luck[0], y = fill->luck[1]; /* xorshift128+ */
    x ^= x << 23;
    fill->luck[0] = y;
    fill->luck[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
    return fill->luck[1] + y;
}

static void put_saga(struct part_job *job, const char *id, int64_t at_ms)
{
    uint32_t n = job->count++;
    memcpy(job->ids[n], id, SK_UUID_TEXT_SIZE);
    job->at_ms[n] = at_ms;
}

static struct part_job *new_job(struct fill *fill, uint32_t shard)
{
    struct part_job *job = calloc(1, sizeof *job);
    if (job == NULL) fail("memory", "none");
    job->first_data = malloc(PART_SAGAS * fill->model.events[0].data.size);
    if (job->first_data == NULL) fail("memory", "none");
    job->fill = fill;
    job->shard = shard;
    return job;
}

static void on_done(void *context, struct sk_batch *batch)
{
    struct commit *commit = context;
    struct part_job *job = commit->job;
    struct fill *fill = job->fill;
    (void)batch;
    if (commit->part.result != SK_PART_DONE) fail("store", commit->part.message);
    if (++job->done_count < fill->model.commits_count) return;
    uint64_t before = fill->there / REPORT_EVERY;
    fill->there += job->count;
    fill->flying_count--;
    if (fill->there / REPORT_EVERY != before)
        (void)fprintf(stderr, "fill: %" PRIu64 " of %" PRIu64 "\n", fill->there, fill->wanted);
    free(job->first_data);
    free(job);
    go_on(fill);
}

/* The data of a saga's first event, with its id. */
static struct sk_str first_data_of(struct part_job *job, uint32_t saga)
{
    const struct model *model = &job->fill->model;
    struct sk_str whole = model->events[0].data;
    char *data = job->first_data + saga * whole.size;
    memcpy(data, whole.data, whole.size);
    if (model->id_at != SIZE_MAX) memcpy(data + model->id_at, job->ids[saga], ID_SIZE);
    return (struct sk_str){ data, whole.size };
}

static struct sk_head head_of(const struct part_job *job, uint32_t saga, uint64_t no, uint32_t seq)
{
    const struct model *model = &job->fill->model;
    int64_t at_ms = job->at_ms[saga];
    bool is_last = seq == model->events_count;
    int64_t updated_ms = at_ms + model->events[seq - 1].at_ms;
    return (struct sk_head){
        .shard = job->shard,
        .no = no,
        .id = { job->ids[saga], ID_SIZE },
        .definition = model->plan->digest,
        .state = is_last ? SK_SAGA_COMPLETED : SK_SAGA_RUNNING,
        .wake_at_ms = is_last ? INT64_MAX : 0,
        .deadline_ms = model->deadline_ms,
        .seq = seq,
        .created_at_ms = at_ms,
        .updated_at_ms = updated_ms,
        .ended_at_ms = is_last ? updated_ms : 0,
    };
}

/* The n-th commit of all sagas of the job, behind the events that are there; how many events. */
static uint32_t make_commit(struct part_job *job, uint32_t n, uint64_t first, uint32_t there)
{
    const struct model *model = &job->fill->model;
    struct commit *commit = &job->commits[n];
    uint32_t begin = model->commits[n], each = model->commits[n + 1] - begin;
    struct sk_event_row *rows = job->events + there;
    uint32_t first_each = model->commits[1];
    for (uint32_t saga = 0; saga < job->count; saga++) {
        uint64_t no = first + (uint64_t)saga * first_each;
        for (uint32_t i = 0; i < each; i++) {
            struct sk_event_row *row = &rows[saga * each + i];
            *row = model->events[begin + i];
            row->no = no;
            row->at_ms += job->at_ms[saga];
            if (begin + i == 0) row->data = first_data_of(job, saga);
        }
        commit->heads[saga] = head_of(job, saga, no, begin + each);
    }
    commit->job = job;
    commit->part = (struct sk_part){ .shard = job->shard,
                                     .epoch = job->fill->shards[job->shard].epoch,
                                     .first_position = first + there,
                                     .events = rows,
                                     .events_count = job->count * each,
                                     .heads = commit->heads,
                                     .heads_count = job->count };
    commit->batch = (struct sk_batch){ .parts = &commit->part, .parts_count = 1 };
    return job->count * each;
}

/* All commits at once: they end in their order. */
static void submit(struct part_job *job)
{
    struct fill *fill = job->fill;
    const struct model *model = &fill->model;
    uint64_t first = fill->shards[job->shard].position;
    uint32_t there = 0;
    for (uint32_t i = 0; i < model->commits_count; i++) {
        struct sk_part *part = &job->commits[i].part;
        there += make_commit(job, i, first, there);
        uint64_t name[2] = { draw(fill), draw(fill) };
        memcpy(part->batch_id, name, sizeof part->batch_id);
        if (i + 1 < model->commits_count) continue;
        job->tally = (struct sk_tally_row){ .definition = model->plan->digest,
                                            .state = SK_SAGA_COMPLETED,
                                            .n = job->count };
        part->tallies = &job->tally;
        part->tallies_count = 1;
    }
    fill->shards[job->shard].position += there;
    fill->flying_count++;
    for (uint32_t i = 0; i < model->commits_count; i++)
        fill->store->ops->submit(fill->store, &job->commits[i].batch, on_done, &job->commits[i]);
}

/* The next saga, to the shard that its id hashes to. */
static void put_next(struct fill *fill)
{
    char id[SK_UUID_TEXT_SIZE];
    uint8_t random[10];
    uint64_t luck[2] = { draw(fill), draw(fill) };
    memcpy(random, luck, sizeof random);
    int64_t at_ms = fill->now_ms - (int64_t)(fill->wanted - fill->asked) * SAGA_PAUSE_MS;
    sk_uuid7_format(at_ms, random, id);
    uint32_t shard = (uint32_t)(sk_hash_id((struct sk_str){ id, ID_SIZE }) % fill->shards_count);
    if (fill->open[shard] == NULL) fill->open[shard] = new_job(fill, shard);
    put_saga(fill->open[shard], id, at_ms);
    fill->asked++;
    if (fill->open[shard]->count == PART_SAGAS) {
        submit(fill->open[shard]);
        fill->open[shard] = NULL;
    }
}

/* A journal's index is up to its log, which is what the next one finds. */
static void on_settled(void *context, struct sk_rows *rows)
{
    struct fill *fill = context;
    if (rows->status != SKALD_OK) fail("store", rows->error.message);
    sk_libevent_runtime_stop(fill->loop);
}

static void go_on(struct fill *fill)
{
    while (fill->asked < fill->wanted && fill->flying_count < PARTS_FLYING) put_next(fill);
    for (uint32_t i = 0; i < fill->shards_count && fill->asked >= fill->wanted; i++) {
        if (fill->open[i] != NULL) submit(fill->open[i]);
        fill->open[i] = NULL;
    }
    if (fill->flying_count == 0 && fill->asked >= fill->wanted && !fill->is_ending) {
        fill->is_ending = true;
        fill->store->ops->read(fill->store, &(struct sk_read){ .kind = SK_READ_TALLIES },
                               on_settled, fill);
    }
}

/* ---- from open to the first part ------------------------------------------------------------- */

static void on_defined(void *context, enum skald_status status, const skald_error *error)
{
    struct fill *fill = context;
    if (status != SKALD_OK) fail("define", error->message);
    fill->at_first = fill->there;
    fill->asked = fill->there;
    go_on(fill);
}

static void on_taken(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error);

static void take(struct fill *fill, uint32_t shard, uint64_t epoch)
{
    fill->store->ops->take(fill->store, shard, epoch, SK_STR("fill"), INT64_MAX, on_taken, fill);
}

static void on_taken(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    struct fill *fill = context;
    const struct model *model = &fill->model;
    if (status == SKALD_E_FENCED) {
        take(fill, row->shard, row->epoch);
        return;
    }
    if (status != SKALD_OK) fail("take", error->message);
    fill->shards[row->shard] = *row;
    fill->there += row->position / model->events_count;
    if (++fill->taken_count < fill->shards_count) return;
    struct sk_definition_row definition_row = {
        .digest = model->plan->digest,
        .id = model->plan->id,
        .version = model->plan->version,
        .source = sk_buf_view(&model->source),
        .created_at_ms = fill->now_ms,
    };
    fill->store->ops->define(fill->store, &definition_row, false, on_defined, fill);
}

static void on_meta(void *context, struct sk_rows *rows)
{
    struct fill *fill = context;
    if (rows->status != SKALD_OK) fail("store", rows->error.message);
    fill->shards_count = rows->meta.shards_count;
    fill->shards = calloc(fill->shards_count, sizeof *fill->shards);
    fill->open = calloc(fill->shards_count, sizeof *fill->open);
    if (fill->shards == NULL || fill->open == NULL) fail("memory", "none");
    for (uint32_t i = 0; i < fill->shards_count; i++) {
        take(fill, i, 0);
    }
}

static void open_store(struct fill *fill, const char *url)
{
    skald_error error = { .message = "" };
    enum skald_status status = SKALD_E_ARGUMENT;
    if (strncmp(url, "sqlite:", 7) == 0) {
        struct sk_sqlite_options options = { .path = url + 7, .runtime = fill->runtime };
        status = sk_sqlite_store_open(&options, &fill->store, &error);
    } else if (strncmp(url, "journal:", 8) == 0) {
        status = sk_journal_folder_open(url + 8, fill->runtime, &fill->store, &error);
    }
    if (status != SKALD_OK) fail(url, error.message);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: fill STORE SAGAS\n");
        return 2;
    }
    struct fill fill = { .wanted = strtoull(argv[2], NULL, 10) };
    skald_error error = { .message = "" };
    if (sk_libevent_runtime_new(NULL, &fill.loop, &error) != SKALD_OK)
        fail("runtime", error.message);
    fill.runtime = sk_libevent_runtime_port(fill.loop);
    fill.runtime->ops->random(fill.runtime, fill.luck, sizeof fill.luck);
    fill.now_ms = fill.runtime->ops->now_ms(fill.runtime);
    open_store(&fill, argv[1]);
    make_model(&fill.model, fill.now_ms);
    struct bench_clock begin = bench_clock_now();
    fill.store->ops->read(fill.store, &(struct sk_read){ .kind = SK_READ_META }, on_meta, &fill);
    if (sk_libevent_runtime_run(fill.loop, &error) != SKALD_OK) fail("loop", error.message);
    fill.store->ops->free(fill.store);
    struct bench_clock end = bench_clock_now();
    (void)printf("{\"sagas\":%" PRIu64 ",\"written\":%" PRIu64
                 ",\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
                 fill.there, fill.there - fill.at_first, end.wall - begin.wall,
                 end.cpu - begin.cpu);
    sk_libevent_runtime_free(fill.loop);
    sk_plan_free(fill.model.plan);
    sk_buf_release(&fill.model.source);
    sk_buf_release(&fill.model.data);
    free(fill.shards);
    free((void *)fill.open);
    return 0;
}
