/* operators.c: cancels, suspensions, retries, skips, force and signals, at any moment, some of them
 * twice. */
#include "check.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

#include <stdio.h>

struct operation {
    struct sim_world *world;
    struct sk_str saga_id, command_id;
    enum sk_command_kind kind;
    uint32_t step;
    int32_t item;
    struct sk_str name, body; /* of a signal; an edited input, or what a skipped step counts with */
    bool is_again, is_past_pivot_allowed;
};

/* What was acknowledged as an event of its own must stand in the history. */
static void check_recorded(const struct operation *op)
{
    static const enum sk_event_type types[SK_COMMANDS_COUNT] = {
        [SK_COMMAND_CANCEL] = SK_EVENT_OPERATOR_CANCEL,
        [SK_COMMAND_FORCE_CANCEL] = SK_EVENT_OPERATOR_FORCE_CANCEL,
        [SK_COMMAND_FORCE_COMPLETE] = SK_EVENT_OPERATOR_FORCE_COMPLETE,
        [SK_COMMAND_SKIP_STEP] = SK_EVENT_OPERATOR_SKIP_STEP,
    };
    struct sim_row *row = sim_store_row(op->world->store, op->saga_id);
    if (types[op->kind] == 0) return;
    for (uint32_t i = 0; row != NULL && i < row->events_count; i++) {
        if (row->events[i].type != (uint32_t)types[op->kind]) continue;
        struct sk_event event = sim_event_of(&row->events[i]);
        if (sk_str_equal(event.extra, op->command_id)) return;
    }
    sim_fail(op->world, "acknowledged starts", op->saga_id,
             "%s %.*s was acknowledged and is not in the history", sk_command_name(op->kind),
             SK_STR_ARGS(op->command_id));
}

static void note_answer(const struct operation *op, const struct sk_reply *reply)
{
    struct sim_world *world = op->world;
    bool is_signal = op->kind == SK_COMMAND_SIGNAL, has_body = op->body.size > 0;
    if (reply->status == SKALD_E_NOT_FOUND) sim_reached(world, SIM_REACHED_COMMAND_NO_STEP);
    if (is_signal && reply->status == SKALD_E_LIMIT) sim_reached(world, SIM_REACHED_SIGNAL_LIMIT);
    if (is_signal && reply->status == SKALD_E_CONFLICT)
        sim_reached(world, SIM_REACHED_SIGNAL_CONFLICT);
    if (reply->status != SKALD_OK) return;
    if (reply->is_replayed) sim_reached(world, SIM_REACHED_COMMAND_REPLAYED);
    if (reply->is_pending_direction) sim_reached(world, SIM_REACHED_CANCEL_RECORDED);
    if (op->kind == SK_COMMAND_RETRY && has_body) sim_reached(world, SIM_REACHED_RETRY_EDITED);
    if (op->kind == SK_COMMAND_SKIP_STEP && has_body) sim_reached(world, SIM_REACHED_SKIP_OUTPUT);
}

static void on_operated(void *context, const struct sk_reply *reply)
{
    struct operation *op = context;
    struct sim_world *world = op->world;
    sim_note(world, "operated", (uint64_t)op->kind, (uint64_t)(int64_t)reply->status, op->saga_id);
    if (reply->saga != NULL) sim_check_seen(world, reply->saga);
    bool is_decided = reply->status == SKALD_OK || reply->status == SKALD_E_STATE;
    if (is_decided && !op->is_again) {
        sim_reached_command(world, sim_store_row(world->store, op->saga_id), op->kind,
                            op->command_id, reply->status == SKALD_OK, reply->saga);
    }
    note_answer(op, reply);
    if (reply->status != SKALD_OK) return;
    world->load->counts.commands_done += 1;
    if (op->kind != SK_COMMAND_SIGNAL) check_recorded(op);
}

static bool give(struct operation *op)
{
    struct sim_world *world = op->world;
    struct sim_node *node =
        sim_node_for(world, (uint32_t)(sk_hash_id(op->saga_id) % world->profile.shards_count));
    if (node == NULL) return false;
    struct sk_command command = {
        .kind = op->kind,
        .step = op->step,
        .item = op->item,
        .id = op->command_id,
        .who = SK_STR("operator"),
        .why = SK_STR("simulated"),
        .name = op->name,
        .body = op->body,
        .is_past_pivot_allowed = op->is_past_pivot_allowed,
    };
    world->load->counts.commands += 1;
    sim_note(world, "operate", (uint64_t)op->kind, op->step, op->saga_id);
    sk_engine_command(node->engine, op->saga_id, &command, (struct sk_str){ 0 }, on_operated, op);
    return true;
}

static struct operation *operation_new(struct sim_world *world, struct sk_str saga_id,
                                       enum sk_command_kind kind, uint32_t step)
{
    struct operation *op = SK_ARENA_NEW(&world->arena, struct operation);
    char text[32];
    int size = snprintf(text, sizeof text, "c-%llu", (unsigned long long)++world->load->command_no);
    *op = (struct operation){ .world = world, .kind = kind, .step = step, .item = -1 };
    if (kind == SK_COMMAND_RETRY && world->load->command_no % 5 == 0)
        op->body = SK_STR("{\"edited\":true}");
    if (kind == SK_COMMAND_SIGNAL) {
        op->name = SK_STR("go");
        op->body = SK_STR("{\"from\":\"outside\"}");
    }
    op->is_past_pivot_allowed = kind == SK_COMMAND_FORCE_CANCEL && step == 0;
    op->saga_id = sk_arena_copy(&world->arena, saga_id);
    op->command_id = sk_arena_copy(&world->arena, (struct sk_str){ text, (size_t)size });
    return op;
}

bool sim_operate(struct sim_world *world, struct sk_str saga_id, uint32_t kind, uint32_t step,
                 int32_t item)
{
    struct operation *op = operation_new(world, saga_id, (enum sk_command_kind)kind, step);
    op->item = item;
    return give(op);
}

bool sim_order(struct sim_world *world, struct sk_str saga_id, const struct sim_order *order)
{
    struct operation *op = operation_new(world, saga_id, order->kind, order->step);
    op->item = order->item;
    op->name = order->name;
    op->body = order->body;
    op->is_past_pivot_allowed = order->is_past_pivot_allowed;
    if (order->id.size > 0) op->command_id = sk_arena_copy(&world->arena, order->id);
    return give(op);
}

bool sim_signal(struct sim_world *world, struct sk_str saga_id)
{
    return give(operation_new(world, saga_id, SK_COMMAND_SIGNAL, SK_STEP_NONE));
}

/* ---- interference ---------------------------------------------------------------------------- */

static void on_operation(void *context)
{
    struct operation *op = context;
    struct sim_world *world = op->world;
    if (world->is_calm) return;
    (void)give(op);
    if (op->is_again) return;
    if (sim_chance(&world->work, 200)) { /* the operator's client sends it twice */
        op->is_again = true;
        sim_after(world, sim_between(&world->work, 1, 3 * SIM_S), on_operation, op);
    }
    if (op->kind != SK_COMMAND_SUSPEND || sim_chance(&world->work, 300)) return;
    struct operation *resume = operation_new(world, op->saga_id, SK_COMMAND_RESUME, SK_STEP_NONE);
    sim_after(world, sim_between(&world->work, SIM_MS, 20 * SIM_S), on_operation, resume);
}

void sim_operators_plan(struct sim_start *start)
{
    static const struct {
        enum sk_command_kind kind;
        uint32_t weight;
        bool has_step;
    } kinds[] = {
        { SK_COMMAND_CANCEL, 400, false },      { SK_COMMAND_SUSPEND, 200, false },
        { SK_COMMAND_RETRY, 120, true },        { SK_COMMAND_SKIP_STEP, 80, true },
        { SK_COMMAND_FORCE_CANCEL, 80, false }, { SK_COMMAND_FORCE_COMPLETE, 40, false },
        { SK_COMMAND_SIGNAL, 80, false },
    };
    struct sim_world *world = start->world;
    struct sim_rng *rng = &world->work;
    if (sim_chance(rng, 600)) {
        sim_after(world, sim_between(rng, 0, 12 * SIM_S), on_operation,
                  operation_new(world, start->saga_id, SK_COMMAND_SIGNAL, SK_STEP_NONE));
    }
    for (uint32_t n = 0; n < 3 && sim_chance(rng, world->profile.commands); n++) {
        uint32_t dice = sim_below(rng, 1000), i = 0;
        while (dice >= kinds[i].weight) dice -= kinds[i++].weight;
        uint32_t step =
            kinds[i].has_step && sim_chance(rng, 700) ? sim_below(rng, 3) : SK_STEP_NONE;
        if (kinds[i].kind == SK_COMMAND_SKIP_STEP && step == SK_STEP_NONE) step = 0;
        if (kinds[i].kind == SK_COMMAND_FORCE_CANCEL)
            step = sim_chance(rng, 500) ? 0 : SK_STEP_NONE;
        sim_after(world, sim_between(rng, 0, sim_chance(rng, 500) ? SIM_S : 20 * SIM_S),
                  on_operation, operation_new(world, start->saga_id, kinds[i].kind, step));
    }
}
