/* clock.c: see clock.h. */
#include "runtime/clock.h"

void sk_clock_init(struct sk_clock *clock, int64_t mono_us, int64_t wall_us)
{
    *clock = (struct sk_clock){
        .anchor_mono_us = mono_us, .anchor_us = wall_us, .slew_us = 0, .wall_us = wall_us
    };
}

int64_t sk_clock_now_us(const struct sk_clock *clock, int64_t mono_us)
{
    int64_t passed_us = mono_us - clock->anchor_mono_us;
    if (passed_us < 0) passed_us = 0;
    int64_t bent_us = passed_us < SK_CLOCK_WINDOW_US ? passed_us : SK_CLOCK_WINDOW_US;
    /* |slew| ≤ window / 10, so this grows with passed_us: C1. */
    return clock->anchor_us + passed_us + clock->slew_us * bent_us / SK_CLOCK_WINDOW_US;
}

bool sk_clock_is_due(const struct sk_clock *clock, int64_t mono_us)
{
    return mono_us - clock->anchor_mono_us >= SK_CLOCK_ALIGN_EVERY_US;
}

int64_t sk_clock_align(struct sk_clock *clock, int64_t mono_us, int64_t wall_us)
{
    int64_t passed_us = mono_us - clock->anchor_mono_us;
    int64_t jump_us = wall_us - clock->wall_us - passed_us;
    int64_t now_us = sk_clock_now_us(clock, mono_us);
    int64_t slew_us = wall_us - now_us;
    if (slew_us > SK_CLOCK_SLEW_US_MAX) slew_us = SK_CLOCK_SLEW_US_MAX;
    if (slew_us < -SK_CLOCK_SLEW_US_MAX) slew_us = -SK_CLOCK_SLEW_US_MAX;
    *clock = (struct sk_clock){
        .anchor_mono_us = mono_us, .anchor_us = now_us, .slew_us = slew_us, .wall_us = wall_us
    };
    return jump_us > SK_CLOCK_JUMP_US || jump_us < -SK_CLOCK_JUMP_US ? jump_us : 0;
}
