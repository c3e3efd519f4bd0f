/*
 * fake_runtime.h: the runtime port for tests of stores: posts in a queue, time by hand, no timers.
 * `run` works on the calling thread, which is the loop.
 */
#ifndef TESTS_STORE_FAKE_RUNTIME_H
#define TESTS_STORE_FAKE_RUNTIME_H

#include "runtime/runtime.h"

#include <stdbool.h>

struct fake_runtime;

struct fake_runtime *fake_runtime_new(void);
/* Runs what is still posted, then frees. */
void fake_runtime_free(struct fake_runtime *runtime);
struct sk_runtime *fake_runtime_port(struct fake_runtime *runtime);
void fake_runtime_set_now(struct fake_runtime *runtime, int64_t now_ms);
/* Runs posts until *flag is true; false after 60 seconds. */
bool fake_runtime_run_until(struct fake_runtime *runtime, const bool *flag);
/* Runs what is posted at present; how many there were. */
size_t fake_runtime_run_posted(struct fake_runtime *runtime);

#endif
