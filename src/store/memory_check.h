/* memory_check.h: may this part be applied? Private to src/store/memory*.c. */
#ifndef SK_STORE_MEMORY_CHECK_H
#define SK_STORE_MEMORY_CHECK_H

#include "store/memory_data.h"

/* false: result and message are set. Changes no table (M3). */
bool sk_memory_check(const struct memory_data *data, struct sk_part *part, int64_t now_ms);

#endif
