/*
 * clock.h: engine time out of two clocks. Pure: the readings come in as arguments.
 *
 *   C1  Engine time never goes back.
 *   C2  Between two re-alignments it follows the monotonic clock, bent by at most 1 s in 10 s, so
 *       it approaches the wall clock and never jumps to it.
 *   C3  A correction lasts at most SK_CLOCK_WINDOW_US: a process that sleeps long does not
 *       overshoot.
 */
#ifndef SK_RUNTIME_CLOCK_H
#define SK_RUNTIME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SK_CLOCK_WINDOW_US = 10 * 1000 * 1000, /* what a correction is spread over */
    SK_CLOCK_SLEW_US_MAX = 1000 * 1000,    /* the largest correction in one window */
    SK_CLOCK_JUMP_US = 5 * 1000 * 1000,    /* a step of the wall clock worth a warning */
    SK_CLOCK_ALIGN_EVERY_US = 1000 * 1000
};

struct sk_clock {
    int64_t anchor_mono_us, anchor_us; /* engine time at the last alignment */
    int64_t slew_us;                   /* to be added over the window that begins at the anchor */
    int64_t wall_us;                   /* the wall clock at the last alignment */
};

void sk_clock_init(struct sk_clock *clock, int64_t mono_us, int64_t wall_us);
int64_t sk_clock_now_us(const struct sk_clock *clock, int64_t mono_us);
bool sk_clock_is_due(const struct sk_clock *clock, int64_t mono_us);
/* Re-aligns; the result is by how much the wall clock jumped since the last time, 0 when by less
 * than SK_CLOCK_JUMP_US (a jump of the clock, or a machine that was suspended). */
int64_t sk_clock_align(struct sk_clock *clock, int64_t mono_us, int64_t wall_us);

#endif
