/* suite.c: see suite.h. */
#include "suite.h"

int suite_run(const struct backend *backend)
{
#define X(name) { #name, name, world_setup, world_teardown, (void *)(uintptr_t)backend },
    const struct CMUnitTest tests[] = { SUITE_WRITE(X) SUITE_READ(X) SUITE_LIST(X) SUITE_ROWS(X) };
#undef X
    return cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
}
