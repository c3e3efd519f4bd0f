/*
 * journal_backup.h: a backup of a journal's folder that a server, another process, works in.
 *
 * Everything that was acknowledged before the call is in it; of what was acknowledged during the
 * call some may be, as of a crash. Why the result is a store: docs/internals/journal.md.
 */
#ifndef SK_SKALD_JOURNAL_BACKUP_H
#define SK_SKALD_JOURNAL_BACKUP_H

#include "store/sqlite/tools.h"

/*
 * `file`, which must not be there, appears complete: one SQLite store. Beside it lies FILE.making
 * meanwhile, a folder with room for the log and the index; what a backup that was killed left of it
 * is removed by the next one to the same file. The server's folder is not written to. Blocks.
 *
 * CORRUPT: the log is damaged. CONFLICT: `file` is there, or FILE.making is somebody else's. BUSY:
 * another backup to it is being made. FULL: no room.
 */
enum skald_status sk_journal_backup(const char *folder, const char *file,
                                    struct sk_sqlite_watcher watcher,
                                    skald_error *error) SK_MUST_CHECK;

#endif
