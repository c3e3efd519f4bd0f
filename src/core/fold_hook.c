/* fold_hook.c: which hooks an event calls for, and what becomes of each. A run stands in the saga's
 * list from the event that wants it until it has ended. */
#include "core/fold.h"

void sk_fold_want_hooks(struct fold *f, enum sk_hook_on on)
{
    struct sk_saga *saga = f->saga;
    uint32_t step = f->step == NULL ? (uint32_t)SK_STEP_NONE : f->event->step;
    const struct sk_hooks *hooks = sk_hooks_at(saga->plan, on, step);
    if (f->bad || hooks == NULL || hooks->count == 0) return;
    struct sk_hook_run **at = &saga->hooks;
    while (*at != NULL) at = &(*at)->next;
    for (uint32_t i = 0; i < hooks->count; i++) {
        struct sk_hook_run *run = SK_ARENA_NEW(&saga->arena, struct sk_hook_run);
        if (run == NULL) return;
        run->cause_seq = f->event->seq;
        run->on = on;
        run->step = step;
        run->item = f->event->item;
        run->index = i;
        *at = run;
        at = &run->next;
    }
}

static struct sk_hook_run **find_run(struct fold *f)
{
    const struct sk_event *e = f->event;
    struct sk_hook_run **at = &f->saga->hooks;
    for (; *at != NULL; at = &(*at)->next) {
        const struct sk_hook_run *run = *at;
        if (run->cause_seq == e->number && run->index == e->flags && (uint32_t)run->on == e->kind &&
            run->step == e->step && run->item == e->item)
            return at;
    }
    return NULL;
}

static void fold_started(struct fold *f, struct sk_call *call)
{
    const struct sk_event *e = f->event;
    bool is_redrive = call->state == SK_CALL_FLYING && call->attempt == e->attempt;
    call->redrives = is_redrive ? call->redrives + 1u : 0u;
    call->state = SK_CALL_FLYING;
    call->what = SK_FOR_NOTHING;
    call->attempt = e->attempt;
    call->start_seq = e->seq;
    call->deadline_ms = e->when_ms;
    call->due_at_ms = 0;
    if (e->extra.size > 0) {
        call->line = sk_fold_keep(f, e->extra);
        call->body = sk_fold_keep(f, e->body);
    }
    if (!f->saga->arena.failed && !sk_line_is_whole(call->line)) f->bad = true;
}

void sk_fold_hook(struct fold *f)
{
    struct sk_hook_run **at = find_run(f);
    if (at == NULL) {
        f->bad = true;
        return;
    }
    struct sk_call *call = &(*at)->call;
    bool is_flying = call->state == SK_CALL_FLYING;
    if (f->event->type == SK_EVENT_HOOK_STARTED) {
        fold_started(f, call);
    } else if (f->event->type == SK_EVENT_HOOK_FAILED && f->event->when_ms != 0) {
        if (!is_flying) f->bad = true;
        sk_fold_pause(call, SK_CALL_PAUSED, SK_FOR_BACKOFF, f->event->when_ms);
    } else {
        if (!is_flying && f->event->type == SK_EVENT_HOOK_COMPLETED) f->bad = true;
        *at = (*at)->next;
    }
}
