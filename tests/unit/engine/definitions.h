/* definitions.h: the definitions the engine's tests run. */
#ifndef SKT_ENGINE_DEFINITIONS_H
#define SKT_ENGINE_DEFINITIONS_H

/* Three steps in a row, the first two with an undo. */
static const char order_yaml[] =
    "saga: {id: order, name: Order, version: '1', order: sequential}\n"
    "steps:\n"
    "  - id: reserve\n"
    "    name: Reserve\n"
    "    type: function\n"
    "    action: {function: {name: reserve}}\n"
    "    compensation: {type: custom, action: {function: {name: release}}}\n"
    "  - id: charge\n"
    "    name: Charge\n"
    "    type: function\n"
    "    action: {function: {name: charge}}\n"
    "    compensation: {type: custom, action: {function: {name: refund}}}\n"
    "  - id: ship\n"
    "    name: Ship\n"
    "    type: function\n"
    "    action: {function: {name: ship}}\n";

static const char single_yaml[] =
    "saga: {id: single, name: Single, version: '1'}\n"
    "steps:\n"
    "  - id: only\n"
    "    name: Only\n"
    "    type: function\n"
    "    action: {function: {name: only}}\n"
    "    compensation: {type: custom, action: {function: {name: undo-only}}}\n";

static const char parent_yaml[] =
    "saga: {id: parent, name: Parent, version: '1', order: sequential}\n"
    "steps:\n"
    "  - id: child\n"
    "    name: Child\n"
    "    type: saga\n"
    "    action: {saga: {definition: single, input: {n: 1}}}\n"
    "  - id: after\n"
    "    name: After\n"
    "    type: function\n"
    "    action: {function: {name: after}}\n";

static const char locked_yaml[] = "saga: {id: locked, name: Locked, version: '1',\n"
                                  "       lock_keys: ['account-{{ .input.account }}', 'global']}\n"
                                  "steps:\n"
                                  "  - id: work\n"
                                  "    name: Work\n"
                                  "    type: function\n"
                                  "    action: {function: {name: work}}\n";

static const char waiting_yaml[] =
    "saga: {id: waiting, name: Waiting, version: '1', order: sequential}\n"
    "steps:\n"
    "  - id: pause\n"
    "    name: Pause\n"
    "    type: wait\n"
    "    wait: {for: 10m}\n"
    "  - id: then\n"
    "    name: Then\n"
    "    type: function\n"
    "    action: {function: {name: then}}\n";

/* A task of the queue "packers". */
static const char packing_yaml[] =
    "saga: {id: packing, name: Packing, version: '1'}\n"
    "steps:\n"
    "  - id: pack\n"
    "    name: Pack\n"
    "    type: task\n"
    "    action: {task: packers}\n"
    "    retry_policy: {type: fixed_delay, max_attempts: 3, initial_delay: 1s}\n"
    "    compensation: {type: skip}\n";

#endif
