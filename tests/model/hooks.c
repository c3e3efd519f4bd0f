/* hooks.c: what is done because something has ended. They change nothing. */
#include "model_private.h"

#include <stdlib.h>

bool call_for_hooks(struct model *model, const struct fact *fact, uint32_t on, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (model->hooks_count == model->hooks_room) {
            model->hooks_room = model->hooks_room == 0 ? 8 : model->hooks_room * 2;
            model->hooks = realloc(model->hooks, model->hooks_room * sizeof *model->hooks);
        }
        model->hooks[model->hooks_count++] = (struct hook){ .cause = fact->event->seq,
                                                            .step = fact->place_of_step,
                                                            .item = fact->event->item,
                                                            .on = on,
                                                            .place = i };
    }
    return true;
}

unsigned open_hooks(const struct model *model)
{
    unsigned open = 0;
    for (unsigned i = 0; i < model->hooks_count; i++) open += model->hooks[i].stage != SETTLED;
    return open;
}

static struct hook *find(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    for (unsigned i = 0; i < model->hooks_count; i++) {
        struct hook *hook = &model->hooks[i];
        if (hook->cause == event->number && hook->on == event->kind &&
            hook->place == event->flags && hook->step == fact->place_of_step &&
            hook->item == event->item && hook->stage != SETTLED)
            return hook;
    }
    model_no(model, "a hook that nothing called for, or that has ended");
    return NULL;
}

bool on_hook_started(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    struct hook *hook = find(model, fact);
    if (hook == NULL) return false;
    if (model->is_suspended) return model_no(model, "a hook starts while the saga is suspended");
    bool is_again = hook->stage == OUT && event->attempt == hook->attempt;
    if (is_again && ++hook->redrives > REDRIVES_MAX)
        return model_no(model, "repeated more than %d times", REDRIVES_MAX);
    if (!is_again && hook->stage == OUT) return model_no(model, "its attempt is out");
    if (!is_again && event->attempt != hook->attempt + 1)
        return model_no(model, "not its next attempt");
    if (hook->stage == PAUSED && event->at_ms < hook->until_ms)
        return model_no(model, "tried again before its pause is over");
    if (event->attempt > model->rules.hook_attempts_max && !model->rules.is_varying)
        return model_no(model, "more than %u attempts", model->rules.hook_attempts_max);
    if (!is_again) hook->redrives = 0;
    hook->stage = OUT;
    hook->attempt = event->attempt;
    hook->deadline_ms = event->when_ms;
    return true;
}

bool on_hook_completed(struct model *model, const struct fact *fact)
{
    struct hook *hook = find(model, fact);
    if (hook == NULL) return false;
    if (hook->stage != OUT) return model_no(model, "it was not out");
    hook->stage = SETTLED;
    return true;
}

/* Doubling from 1 s to 1 min, give or take a quarter. */
static int64_t least_hook_pause_ms(uint32_t attempt)
{
    int64_t pause_ms = 1000;
    for (uint32_t i = 1; i < attempt && pause_ms < 60000; i++) pause_ms *= 2;
    return (pause_ms > 60000 ? 60000 : pause_ms) * 3 / 4;
}

bool on_hook_failed(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    struct hook *hook = find(model, fact);
    if (hook == NULL) return false;
    bool is_unsent = hook->stage == NOT_BEGUN && event->when_ms == 0; /* too large to be sent */
    if (hook->stage != OUT && !is_unsent) return model_no(model, "it was not out");
    hook->stage = event->when_ms == 0 ? SETTLED : PAUSED;
    hook->until_ms = event->when_ms;
    if (event->when_ms == 0) return true;
    if (hook->attempt >= model->rules.hook_attempts_max && !model->rules.is_varying)
        return model_no(model, "it pauses after its last attempt");
    /* A crash of a suspended saga leaves a pause that is over: tried again once it is resumed. */
    if (!model->is_suspended && event->when_ms - event->at_ms < least_hook_pause_ms(hook->attempt))
        return model_no(model, "its pause is too short");
    return true;
}
