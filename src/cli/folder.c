/* folder.c: see folder.h. */
#include "cli/folder.h"

#include <ftw.h>
#include <stdio.h>

enum { FILES_OPEN_MAX = 16 };

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void cli_remove_folder(const char *folder)
{
    (void)nftw(folder, remove_one, FILES_OPEN_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
