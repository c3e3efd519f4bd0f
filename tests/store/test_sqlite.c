/* test_sqlite.c: the suite on SQLite. */
#include "world.h"

#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"

int main(void)
{
    return suite_run(&sqlite_backend);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif
