/*
 * letter.c: which dead letter of a saga is open, and what closes it. A letter is written with a
 * critical alert about a step, and every such alert writes one; so the fold of the history knows
 * the open ones without storing anything of its own. What closes one stands in the same part as the
 * event that does.
 *
 *   E1  A unit has one letter at most: the next one closes the one before it.
 *   E2  A letter is closed by the end of what it is about: the step or its undo succeeds, is
 *       skipped, or is given up in another way; its verify tells whether it happened; or the saga
 *       ends with nothing left to do.
 *   E3  saga->letters_count says how many units have one; where it is 0, which is nearly always,
 *       nothing is looked at.
 */
#include "core/core_private.h"

static bool ends_all(const struct sk_event *event)
{
    return event->type == SK_EVENT_SAGA_COMPLETED || event->type == SK_EVENT_SAGA_COMPENSATED ||
           event->type == SK_EVENT_SAGA_CANCELLED || event->type == SK_EVENT_SAGA_TIMED_OUT;
}

static bool settles(const struct sk_event *event)
{
    enum sk_event_type type = event->type;
    if (type == SK_EVENT_COMPENSATION_FAILED) return event->kind != 0;          /* let stand */
    if (type == SK_EVENT_SAGA_ALERTED) return event->kind == SK_ALERT_CRITICAL; /* E1 */
    return type == SK_EVENT_STEP_COMPLETED || type == SK_EVENT_STEP_FAILED ||
           type == SK_EVENT_STEP_SKIPPED || type == SK_EVENT_COMPENSATION_COMPLETED ||
           type == SK_EVENT_COMPENSATION_SKIPPED || type == SK_EVENT_VERIFY_COMPLETED;
}

/* Calls fn for each open letter that the event closes. */
static void each_closed(struct sk_saga *saga, const struct sk_event *event,
                        void (*fn)(void *context, uint32_t step, int32_t item,
                                   struct sk_unit *unit),
                        void *context)
{
    bool is_all = ends_all(event);
    bool is_one = event->step != SK_STEP_NONE && settles(event);
    if (!is_all && !is_one) return;
    uint32_t first = is_all ? 0 : event->step;
    uint32_t end = is_all ? saga->plan->steps_count : event->step + 1;
    for (uint32_t s = first; s < end; s++) {
        struct sk_step_run *run = &saga->steps[s];
        for (uint32_t i = 0; i < run->units_count; i++) {
            int32_t item = sk_item_of(&saga->plan->steps[s], i);
            bool is_meant = is_all || event->item < 0 || event->item == item;
            if (is_meant && run->units[i].letter_seq != 0) fn(context, s, item, &run->units[i]);
        }
    }
}

static void close_one(void *context, uint32_t step, int32_t item, struct sk_unit *unit)
{
    sk_turn_close_letter(context, step, item, unit->letter_seq);
}

void sk_letters_close(struct sk_turn *turn, const struct sk_event *event)
{
    each_closed(turn->saga, event, close_one, turn);
}

static void forget_one(void *context, uint32_t step, int32_t item, struct sk_unit *unit)
{
    (void)step;
    (void)item;
    struct sk_saga *saga = context;
    unit->letter_seq = 0;
    saga->letters_count -= 1;
}

void sk_letters_forget(struct sk_saga *saga, const struct sk_event *event)
{
    each_closed(saga, event, forget_one, saga);
}

void sk_letters_count(struct sk_saga *saga)
{
    saga->letters_count = 0;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++)
            saga->letters_count += saga->steps[s].units[i].letter_seq != 0 ? 1u : 0u;
    }
}
