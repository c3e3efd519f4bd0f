/*
 * bridge.h: shows the second model what the core has decided, and compares the two. The one place
 * that knows both; it turns names and numbers and decides nothing.
 */
#ifndef MODEL_BRIDGE_H
#define MODEL_BRIDGE_H

#include "core/decide.h"
#include "model/model.h"

enum { BRIDGE_PROBLEM_SIZE = 640 };

/* A model of the saga that this saga.accepted begins (shown to it already), or NULL with the
 * sentence in `problem`. `rules` NULL: engines of other settings take part. */
struct model *bridge_accept(const struct model_definition *definition, const struct sk_plan *plan,
                            const struct sk_event *accepted, const struct sk_rules *rules,
                            char problem[BRIDGE_PROBLEM_SIZE]);
/* The next event. NULL = it may come now. */
const char *bridge_event(struct model *model, const struct sk_plan *plan,
                         const struct sk_event *event);
/* Both are at the same event. False: they differ, and `problem` says in what. */
bool bridge_compare(const struct model *model, const struct sk_saga *saga,
                    char problem[BRIDGE_PROBLEM_SIZE]);
/* An effect is about to leave. NULL = it may. */
const char *bridge_effect(struct model *model, const struct sk_plan *plan,
                          const struct sk_effect *effect);
const char *bridge_operation_name(enum sk_operation operation);

#endif
