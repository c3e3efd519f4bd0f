/*
 * task.c: which tasks there are: an index of the sagas, rebuilt from them and nothing else.
 *
 *      queue --> groups, one a (namespace, definition), in turns --> offered, by priority and age
 *      saga  --> its tasks
 *
 *   A1  After every change of a saga in memory its tasks are compared with the index, so the index
 *       is what the sagas say. It holds no pointer to a machine: a saga that left memory keeps its
 *       places, and is read again when a worker takes one of its tasks.
 *   A2  The head of a saga with an offered task says "due", so a take-over reads it back before the
 *       shard serves: nothing else needs to be stored.
 *   A3  Groups take turns, whatever their priorities: a busy definition cannot starve another.
 *   A4  What a worker is being given stands in no group until that is decided.
 */
#include "engine/engine_private.h"

#include <stdlib.h>

struct sk_task {
    UT_hash_handle hh; /* of its saga, by key */
    struct key {
        uint32_t step;
        int32_t item;
        uint32_t operation;
    } key;
    struct sk_task_saga *saga;
    struct sk_task_group *group;
    struct sk_heap_node place; /* in group->offered */
    int64_t since_ms;
    bool is_leased, is_taking, is_seen;
};

struct sk_task_saga {
    UT_hash_handle hh; /* engine->task_sagas */
    struct sk_task *tasks;
    uint32_t shard;
    struct sk_str id;
    char text[];
};

/* ---- queues and groups ----------------------------------------------------------------------- */

struct sk_task_queue *sk_task_queue_get(struct sk_engine *engine, struct sk_str name)
{
    struct sk_task_queue *queue = NULL;
    SK_TABLE_FIND(engine->task_queues, name, queue);
    if (queue != NULL) return queue;
    queue = sk_alloc(sizeof *queue + name.size + 1);
    if (queue == NULL) return NULL;
    if (name.size > 0) memcpy(queue->text, name.data, name.size);
    queue->name = (struct sk_str){ queue->text, name.size };
    sk_list_init(&queue->turns);
    sk_list_init(&queue->polls);
    bool is_added = false;
    SK_TABLE_ADD(engine->task_queues, queue, queue->name, is_added);
    if (is_added) return queue;
    sk_free(queue);
    return NULL;
}

void sk_task_queue_let_go(struct sk_engine *engine, struct sk_task_queue *queue)
{
    bool is_used =
        queue->groups != NULL || !sk_list_is_empty(&queue->polls) || queue->claims_count > 0;
    if (is_used) return;
    sk_interest_end(engine, queue); /* ours; that of siblings keeps it */
    if (queue->interested != 0) return;
    SK_TABLE_REMOVE(engine->task_queues, queue);
    sk_free(queue);
}

static struct sk_task_group *group_get(struct sk_engine *engine, struct sk_str queue_name,
                                       const struct sk_saga *saga)
{
    struct sk_task_queue *queue = sk_task_queue_get(engine, queue_name);
    struct sk_task_group *group = NULL;
    struct sk_str space = saga->start.space, id = saga->plan->id;
    struct sk_str name;
    if (queue == NULL) return NULL;
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_put_str(&text, space);
    sk_put_str(&text, id);
    name = sk_buf_view(&text);
    if (!text.failed) SK_TABLE_FIND(queue->groups, name, group);
    if (group == NULL && !text.failed) group = sk_alloc(sizeof *group + name.size + 1);
    if (group != NULL && group->queue == NULL) {
        memcpy(group->text, name.data, name.size);
        group->name = (struct sk_str){ group->text, name.size };
        group->queue = queue;
        sk_list_init(&group->turn);
        bool is_added = false;
        SK_TABLE_ADD(queue->groups, group, group->name, is_added);
        if (!is_added) {
            sk_free(group);
            group = NULL;
        }
    }
    sk_buf_release(&text);
    if (group == NULL) sk_task_queue_let_go(engine, queue);
    return group;
}

static void group_let_go(struct sk_engine *engine, struct sk_task_group *group)
{
    struct sk_task_queue *queue = group->queue;
    if (group->tasks_count > 0) return;
    sk_list_remove(&group->turn);
    sk_heap_release(&group->offered);
    SK_TABLE_REMOVE(queue->groups, group);
    sk_free(group);
    sk_task_queue_let_go(engine, queue);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static void withdraw(struct sk_task *task)
{
    struct sk_task_group *group = task->group;
    if (task->place.place == 0) return;
    sk_heap_remove(&group->offered, &task->place);
    group->queue->waiting_count -= 1;
    if (group->offered.count == 0) sk_list_remove(&group->turn);
}

/* Out of memory: the sweep settles the saga again. */
static void offer(struct sk_engine *engine, struct sk_task *task, int32_t priority)
{
    struct sk_task_group *group = task->group;
    if (task->place.place != 0 || task->is_taking) return;
    uint64_t order = ++engine->next_order;
    if (sk_heap_put(&group->offered, &task->place, -(int64_t)priority, order) != SKALD_OK) return;
    task->since_ms = sk_engine_now(engine);
    group->queue->waiting_count += 1;
    if (sk_list_is_empty(&group->turn)) sk_list_push(&group->queue->turns, &group->turn);
    bool is_awaited =
        !sk_list_is_empty(&group->queue->polls) || sk_interest_is_untold(group->queue);
    if (is_awaited) sk_polls_match_soon(engine);
}

static void set_leased(struct sk_task *task, bool is_leased)
{
    if (task->is_leased == is_leased) return;
    task->is_leased = is_leased;
    if (is_leased)
        task->group->queue->leased_count += 1;
    else
        task->group->queue->leased_count -= 1;
}

static void remove_task(struct sk_engine *engine, struct sk_task *task)
{
    withdraw(task);
    set_leased(task, false);
    HASH_DELETE(hh, task->saga->tasks, task);
    task->group->tasks_count -= 1;
    group_let_go(engine, task->group);
    sk_free(task);
}

static void saga_let_go(struct sk_engine *engine, struct sk_task_saga *saga)
{
    if (saga->tasks != NULL) return;
    SK_TABLE_REMOVE(engine->task_sagas, saga);
    sk_free(saga);
}

static struct sk_task *find_task(const struct sk_task_saga *saga, const struct key *key)
{
    struct sk_task *task = NULL;
    HASH_FIND(hh, saga->tasks, key, sizeof *key, task);
    return task;
}

/* ---- settling -------------------------------------------------------------------------------- */

struct settling {
    struct sk_engine *engine;
    const struct sk_machine *machine;
    struct sk_task_saga *entry;
};

static struct sk_task_saga *saga_get(struct sk_engine *engine, const struct sk_machine *machine)
{
    struct sk_task_saga *saga = sk_alloc(sizeof *saga + machine->id.size + 1);
    if (saga == NULL) return NULL;
    memcpy(saga->text, machine->id.data, machine->id.size);
    saga->id = (struct sk_str){ saga->text, machine->id.size };
    saga->shard = machine->shard->index;
    bool is_added = false;
    SK_TABLE_ADD(engine->task_sagas, saga, saga->id, is_added);
    if (is_added) return saga;
    sk_free(saga);
    return NULL;
}

static struct sk_task *add_task(struct settling *s, const struct key *key, struct sk_str queue)
{
    if (s->entry == NULL) s->entry = saga_get(s->engine, s->machine);
    if (s->entry == NULL) return NULL;
    struct sk_task_group *group = group_get(s->engine, queue, &s->machine->as.saga);
    if (group == NULL) return NULL;
    struct sk_task *task = sk_alloc(sizeof *task);
    if (task != NULL) {
        task->key = *key;
        task->saga = s->entry;
        task->group = group;
        HASH_ADD(hh, s->entry->tasks, key, sizeof task->key, task);
    }
    if (task != NULL && task->hh.tbl != NULL) {
        group->tasks_count += 1;
        return task;
    }
    sk_free(task);
    group_let_go(s->engine, group);
    return NULL;
}

static void on_task(void *context, const struct sk_task_view *view)
{
    struct settling *s = context;
    const struct sk_saga *saga = &s->machine->as.saga;
    bool may_be_taken = !saga->is_suspended && !s->engine->options.rules.starts_nothing;
    if (!view->is_leased && !may_be_taken) return;
    struct key key = { view->step, view->item, (uint32_t)view->operation };
    struct sk_task *task = s->entry == NULL ? NULL : find_task(s->entry, &key);
    if (task == NULL) task = add_task(s, &key, view->queue);
    if (task == NULL) return;
    task->is_seen = true;
    set_leased(task, view->is_leased);
    if (view->is_leased)
        withdraw(task);
    else
        offer(s->engine, task, saga->start.priority);
}

static bool has_tasks(const struct sk_machine *machine)
{
    return machine->state == SK_MACHINE_READY && !machine->is_lock &&
           (machine->as.saga.plan->kinds >> SK_KIND_TASK & 1u) != 0u;
}

void sk_tasks_settle(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    if (!has_tasks(machine)) return;
    struct settling s = { .engine = engine, .machine = machine };
    SK_TABLE_FIND(engine->task_sagas, machine->id, s.entry);
    struct sk_task *task, *next;
    if (s.entry != NULL) {
        HASH_ITER(hh, s.entry->tasks, task, next) task->is_seen = false;
    }
    if (sk_shard_is_held(machine->shard)) sk_saga_tasks(&machine->as.saga, on_task, &s);
    if (s.entry == NULL) return;
    HASH_ITER(hh, s.entry->tasks, task, next)
    {
        if (!task->is_seen && !task->is_taking) remove_task(engine, task);
    }
    saga_let_go(engine, s.entry);
}

/* ---- for poll.c ------------------------------------------------------------------------------ */

bool sk_task_pop(struct sk_task_queue *queue, struct sk_task_name *out)
{
    if (sk_list_is_empty(&queue->turns)) return false;
    struct sk_task_group *group = sk_container_of(queue->turns.next, struct sk_task_group, turn);
    struct sk_task *task = sk_container_of(sk_heap_first(&group->offered), struct sk_task, place);
    withdraw(task);
    task->is_taking = true;
    if (!sk_list_is_empty(&group->turn)) { /* A3 */
        sk_list_remove(&group->turn);
        sk_list_push(&queue->turns, &group->turn);
    }
    *out = (struct sk_task_name){ .saga_id = task->saga->id,
                                  .step = task->key.step,
                                  .item = task->key.item,
                                  .operation = (enum sk_operation)task->key.operation };
    return true;
}

void sk_task_taken(struct sk_engine *engine, const struct sk_task_name *name)
{
    struct sk_task_saga *saga = NULL;
    SK_TABLE_FIND(engine->task_sagas, name->saga_id, saga);
    struct key key = { name->step, name->item, (uint32_t)name->operation };
    struct sk_task *task = saga == NULL ? NULL : find_task(saga, &key);
    if (task == NULL) return;
    task->is_taking = false;
    struct sk_machine *machine = sk_machine_find(engine, name->saga_id);
    if (machine != NULL && has_tasks(machine))
        sk_tasks_settle(machine);
    else
        offer(engine, task, 0); /* read again by the next worker */
}

/* ---- shards, figures, the end ---------------------------------------------------------------- */

void sk_tasks_forget(struct sk_engine *engine, const struct sk_shard *shard)
{
    struct sk_task_saga *saga, *next_saga;
    HASH_ITER(hh, engine->task_sagas, saga, next_saga)
    {
        if (shard != NULL && saga->shard != shard->index) continue;
        struct sk_task *task, *next;
        HASH_ITER(hh, saga->tasks, task, next) remove_task(engine, task);
        saga_let_go(engine, saga);
    }
}

static int64_t oldest_of(const struct sk_task_queue *queue)
{
    int64_t oldest = 0;
    struct sk_task_group *group, *next;
    HASH_ITER(hh, queue->groups, group, next)
    {
        for (size_t i = 0; i < group->offered.count; i++) {
            const struct sk_task *task =
                sk_container_of(group->offered.nodes[i], struct sk_task, place);
            if (oldest == 0 || task->since_ms < oldest) oldest = task->since_ms;
        }
    }
    return oldest;
}

static int by_name(const void *a, const void *b)
{
    const struct sk_queue_view *one = a, *other = b;
    return sk_str_compare(one->name, other->name);
}

void sk_engine_queues(struct sk_engine *engine, sk_queue_fn *fn, void *context)
{
    size_t count = HASH_COUNT(engine->task_queues), at = 0;
    struct sk_queue_view *views = count == 0 ? NULL : sk_alloc(count * sizeof *views);
    struct sk_task_queue *queue, *next;
    if (views == NULL) return;
    HASH_ITER(hh, engine->task_queues, queue, next)
    {
        uint32_t polls = queue->claims_count;
        bool is_idle = queue->groups == NULL && sk_list_is_empty(&queue->polls) && polls == 0;
        if (is_idle) continue; /* siblings have workers for it, no more */
        for (const struct sk_list *p = queue->polls.next; p != &queue->polls; p = p->next) polls++;
        views[at++] = (struct sk_queue_view){ .name = queue->name,
                                              .waiting = queue->waiting_count,
                                              .leased = queue->leased_count,
                                              .polls = polls,
                                              .oldest_ms = oldest_of(queue) };
    }
    qsort(views, at, sizeof *views, by_name);
    for (size_t i = 0; i < at; i++) fn(context, &views[i]);
    sk_free(views);
}
