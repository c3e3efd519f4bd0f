/* check_memory.h: counts what is taken of the allocator: see check_memory.c. */
#ifndef SIM_CHECK_MEMORY_H
#define SIM_CHECK_MEMORY_H

#include "world.h"

/* Taken and not given back, of the whole process. */
uint64_t sim_memory_blocks(void);
/* The world is over and released, but for its trace: as many as before it began? */
void sim_check_memory(struct sim_world *world, uint64_t before);

#endif
