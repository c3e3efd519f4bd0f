/*
 * judge.h: what has to hold after a scenario, whatever the fault was: by the books of the
 * participants, and by the store's own check. What is wrong is the run's failure.
 */
#ifndef SWEEP_JUDGE_H
#define SWEEP_JUDGE_H

#include "sweep.h"

/* The effects of sagas that completed: each is done, and not undone. */
void judge_done(struct sweep_run *run, const char *const *keys, size_t keys_count);
/* Those that are meant are of sagas that were undone: what is done of them is undone. */
void judge_undone(struct sweep_run *run, bool (*is_meant)(const char *key));
/* Closed, as its URL says where. */
void judge_store(struct sweep_run *run, const char *url);

#endif
