/* limits_line.c: one lane of a service's line: sagas take turns, each one's calls in their
 * order. */
#include "invoke/limits_parts.h"

void sk_line_init(struct sk_line *line)
{
    line->turns = NULL;
    line->count = 0;
    sk_list_init(&line->ring);
}

static struct sk_saga_turn *turn_of(struct sk_line *line, struct sk_str saga_id)
{
    struct sk_saga_turn *turn = NULL;
    HASH_FIND(hh, line->turns, saga_id.data, saga_id.size, turn);
    if (turn != NULL) return turn;
    turn = sk_alloc(sizeof *turn + saga_id.size);
    if (turn == NULL) return NULL;
    sk_list_init(&turn->calls);
    turn->id_size = saga_id.size;
    if (saga_id.size > 0) memcpy(turn->id, saga_id.data, saga_id.size);
    HASH_ADD_KEYPTR(hh, line->turns, turn->id, turn->id_size, turn);
    if (turn->hh.tbl == NULL) {
        sk_free(turn);
        return NULL;
    }
    sk_list_push(&line->ring, &turn->ring);
    return turn;
}

bool sk_line_enter(struct sk_line *line, struct sk_call *call)
{
    struct sk_saga_turn *turn = turn_of(line, call->invocation.saga_id);
    if (turn == NULL) return false;
    call->turn = turn;
    sk_list_push(&turn->calls, &call->link);
    line->count += 1;
    sk_gate_line(call->service, call->lane, 1);
    return true;
}

static void drop_if_empty(struct sk_line *line, struct sk_saga_turn *turn)
{
    if (!sk_list_is_empty(&turn->calls)) return;
    sk_list_remove(&turn->ring);
    HASH_DEL(line->turns, turn);
    sk_free(turn);
}

void sk_line_leave(struct sk_call *call)
{
    struct sk_line *line = &call->service->lines[call->lane];
    sk_list_remove(&call->link);
    line->count -= 1;
    sk_gate_line(call->service, call->lane, -1);
    drop_if_empty(line, call->turn);
    call->turn = NULL;
}

struct sk_call *sk_line_first(const struct sk_line *line)
{
    if (sk_list_is_empty(&line->ring)) return NULL;
    struct sk_saga_turn *turn = sk_container_of(line->ring.next, struct sk_saga_turn, ring);
    return sk_container_of(turn->calls.next, struct sk_call, link);
}

struct sk_call *sk_line_take(struct sk_line *line)
{
    struct sk_call *call = sk_line_first(line);
    if (call == NULL) return NULL;
    struct sk_saga_turn *turn = call->turn;
    sk_list_remove(&turn->ring);
    sk_list_push(&line->ring, &turn->ring);
    sk_line_leave(call);
    return call;
}
