/* clock.h: time and CPU for the bench's small programs. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <sys/resource.h>
#include <time.h>

static inline double clock_seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct bench_clock {
    double wall, cpu; /* of the whole process */
};

static inline struct bench_clock bench_clock_now(void)
{
    return (struct bench_clock){ .wall = clock_seconds(CLOCK_MONOTONIC),
                                 .cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) };
}

#endif
