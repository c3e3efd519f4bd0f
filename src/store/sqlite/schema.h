/*
 * schema.h: the tables, their version, and the way forward from older versions.
 *
 * Row i of the list of migrations leads from version i to i + 1; version 0 is an empty database, so
 * creating a file and bringing an old one forward are one path. A released row is never changed.
 */
#ifndef SK_STORE_SQLITE_SCHEMA_H
#define SK_STORE_SQLITE_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

#define SK_SQLITE_APPLICATION 0x534b4c44 /* "SKLD", in the header of the file */

extern const char *const sk_sqlite_migrations[];
extern const uint32_t sk_sqlite_migrations_count;

/* In one transaction: everything, or (on error) nothing. Fine when there is nothing to do. VERSION
 * when the file is newer than the list. */
enum skald_status sk_sqlite_migrate(sqlite3 *db, const char *const *migrations, uint32_t count,
                                    skald_error *error) SK_MUST_CHECK;
/* old_events.c: the functions of SQL by which schema 4 takes over events: skald_span, skald_sum. */
int sk_sqlite_offer_old_events(sqlite3 *db);
/* The rows of a new file; inside the caller's transaction. */
enum skald_status sk_sqlite_fill(sqlite3 *db, uint32_t shards_count, uint64_t incarnation,
                                 skald_error *error) SK_MUST_CHECK;
/* "written by schema version 7, this build knows up to 1 …" */
enum skald_status sk_sqlite_version_error(int64_t found, uint32_t known, skald_error *error);

#endif
