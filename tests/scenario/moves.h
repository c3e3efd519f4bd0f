/* moves.h: which states of steps follow on which in the sagas of scenarios, for
 * test_rare_moves.py. */
#ifndef SK_TESTS_SCENARIO_MOVES_H
#define SK_TESTS_SCENARIO_MOVES_H

#include "world.h"

/* [from][to]. A unit is a step, or an item of a foreach; a list is a foreach as a whole. */
struct moves {
    bool units[SK_STEP_STATES_COUNT][SK_STEP_STATES_COUNT];
    bool lists[SK_STEP_STATES_COUNT][SK_STEP_STATES_COUNT];
};

/* Those of its whole history. */
void moves_add(struct moves *moves, const struct world_saga *saga);
/* One a line: "unit failed compensated", "list running completed". */
void moves_print(const struct moves *moves);

#endif
