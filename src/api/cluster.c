/* cluster.c: this node and the shards: who owns which; what the sweep has found and repaired. */
#include "api/forward.h"
#include "api/routes.h"

#include "api/gathered.h"
#include "api/shapes.h"

/* ---- recovery -------------------------------------------------------------------------------- */

enum { STUCK_SHOWN_MAX = 1000 };

struct recovery {
    bool is_run_first;
    struct sk_engine_stats stats;
};

static void take_stuck(void *context, const struct sk_saga *saga)
{
    struct sk_gathered *rows = context;
    rows->total += 1;
    if (rows->count >= STUCK_SHOWN_MAX) return;
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_gathered_writer(rows, &json);
    sk_json_begin_object(&w);
    sk_shape_text(&w, "saga", saga->start.id);
    sk_shape_text(&w, "definition", saga->plan->id);
    sk_shape_text(&w, "state", sk_str_of(sk_saga_state_name(sk_saga_shown_state(saga))));
    sk_shape_time(&w, "updated_at", saga->at_ms);
    sk_json_end_object(&w);
    sk_gathered_add(rows, saga->at_ms, saga->start.id, &json);
}

/* The question's number: the sweep goes first. */
static void look(struct sk_gather_part *part)
{
    struct sk_gathered *rows = sk_gathered_new(part);
    if (part->question.number != 0) sk_engine_sweep(part->engine);
    if (rows != NULL) sk_engine_each_stuck(part->engine, take_stuck, rows);
    sk_gather_tell(part);
}

static void reply_recovery(struct sk_exchange *x, const struct sk_gathered_list *stuck)
{
    const struct recovery *recovery = x->state;
    const struct sk_engine_stats *stats = &recovery->stats;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_shape_count(&w, "scanned", stats->sweep_scanned);
    sk_shape_count(&w, "processed", stats->sweep_processed);
    sk_shape_count(&w, "failed", stats->sweep_failed);
    sk_shape_count(&w, "redriven", stats->redriven);
    sk_shape_time(&w, "last_run_at", stats->sweep_at_ms);
    (void)sk_gathered_put(&w, "stuck", stuck, STUCK_SHOWN_MAX);
    sk_shape_count(&w, "stuck_total", stuck->total);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void on_figures(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_engine_stats *stats);

static void on_stuck(void *context, enum skald_status status, const skald_error *error,
                     struct sk_gather_part *const *parts, uint32_t count)
{
    struct sk_exchange *x = context;
    struct recovery *recovery = x->state;
    struct sk_gathered_list stuck;
    if (status == SKALD_OK && recovery->is_run_first) { /* what it has done is in the figures now */
        recovery->is_run_first = false;
        sk_engine_stats_all(sk_engine_of(x), on_figures, x);
        return;
    }
    if (sk_gathered_list(x, status, error, parts, count, &stuck)) reply_recovery(x, &stuck);
}

static void ask_stuck(struct sk_exchange *x)
{
    const struct recovery *recovery = x->state;
    struct sk_gather_question question = { .number = recovery->is_run_first };
    sk_engine_gather(sk_engine_of(x), look, &question, on_stuck, x);
}

static void on_figures(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_engine_stats *stats)
{
    struct sk_exchange *x = context;
    struct recovery *recovery = x->state;
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return;
    }
    recovery->stats = *stats;
    ask_stuck(x);
}

static bool begin_recovery(struct sk_exchange *x, bool is_run_first)
{
    struct recovery *recovery = SK_EXCHANGE_STATE(x, struct recovery);
    if (recovery == NULL) return false;
    recovery->is_run_first = is_run_first;
    return true;
}

void sk_handle_recovery(struct sk_exchange *x)
{
    if (begin_recovery(x, false)) sk_engine_stats_all(sk_engine_of(x), on_figures, x);
}

void sk_handle_recovery_run(struct sk_exchange *x)
{
    if (begin_recovery(x, true)) ask_stuck(x);
}

/* ---- shards ---------------------------------------------------------------------------------- */

static uint32_t owned_by(const struct sk_rows *rows, struct sk_str owner)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows->shards_count; i++) {
        if (sk_str_equal(rows->shards[i].owner, owner)) count += 1;
    }
    return count;
}

static bool is_first_of(const struct sk_rows *rows, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (sk_str_equal(rows->shards[i].owner, rows->shards[at].owner)) return false;
    }
    return true;
}

static void put_node(struct sk_json_writer *w, struct sk_exchange *x, const struct sk_rows *rows,
                     struct sk_str node)
{
    bool is_here = sk_str_equal(node, sk_engine_node(sk_engine_of(x)));
    sk_json_begin_object(w);
    sk_shape_text(w, "node", node);
    sk_shape_flag(w, "is_this", is_here);
    sk_shape_text(w, "version", is_here ? SK_STR(SKALD_BUILD_VERSION) : (struct sk_str){ 0 });
    sk_shape_count(w, "shards_owned", owned_by(rows, node));
    sk_json_end_object(w);
}

static void put_nodes(struct sk_json_writer *w, struct sk_exchange *x, const struct sk_rows *rows)
{
    struct sk_str here = sk_engine_node(sk_engine_of(x));
    sk_json_begin_array(w);
    put_node(w, x, rows, here);
    for (uint32_t i = 0; i < rows->shards_count; i++) {
        struct sk_str owner = rows->shards[i].owner;
        if (owner.size == 0 || sk_str_equal(owner, here) || !is_first_of(rows, i)) continue;
        put_node(w, x, rows, owner);
    }
    sk_json_end_array(w);
}

static void on_shards(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    struct sk_meta meta = sk_engine_meta(sk_engine_of(x));
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_shape_text(&w, "node", sk_engine_node(sk_engine_of(x)));
    sk_shape_text(&w, "version", SK_STR(SKALD_BUILD_VERSION));
    sk_shape_count(&w, "incarnation", meta.incarnation);
    sk_shape_count(&w, "schema", meta.schema);
    sk_shape_count(&w, "loops",
                   x->api->options.peers == NULL ? 1 : sk_peers_count(x->api->options.peers));
    sk_shape_count(&w, "shards_total", rows->shards_count);
    sk_json_key(&w, "nodes");
    put_nodes(&w, x, rows);
    sk_json_key(&w, "shards");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < rows->shards_count; i++) {
        const struct sk_shard_row *row = &rows->shards[i];
        sk_json_begin_object(&w);
        sk_shape_count(&w, "shard", row->shard);
        sk_shape_text(&w, "owner", row->owner);
        sk_shape_count(&w, "epoch", row->epoch);
        sk_shape_count(&w, "position", row->position);
        /* What a store of one process has (1, see engine/shard.c) does not run out. */
        sk_shape_time(&w, "expires_at", row->expires_at_ms == 1 ? 0 : row->expires_at_ms);
        sk_json_end_object(&w);
    }
    sk_json_end_array(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

void sk_handle_cluster(struct sk_exchange *x)
{
    struct sk_read read = { .kind = SK_READ_SHARDS };
    sk_engine_read(sk_engine_of(x), &read, on_shards, x);
}
