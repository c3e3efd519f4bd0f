/*
 * fake_disk.h: a folder in memory behind the journal's disk port (store/journal/disk.h), with the
 * nastiest behaviour that its contract allows.
 *
 *   - What was written since a file's last sync is lost at a crash, or there, or there in pieces of
 *     512 bytes, each by its own coin; names since the last sync of the folder by a prefix.
 *   - After `budget` calls nothing answers any more (IO): the process is dead, crash() comes next.
 *   - A limit on all bytes: FULL. One sync that fails: IO, and what it should have kept is unsure.
 */
#ifndef TESTS_STORE_FAKE_DISK_H
#define TESTS_STORE_FAKE_DISK_H

#include "store/journal/disk.h"

#include <stdint.h>

struct fake_disk;

struct fake_disk *fake_disk_new(uint64_t seed);
void fake_disk_free(struct fake_disk *fake);
/* The port; its `free` frees nothing. */
struct sk_disk *fake_disk_port(struct fake_disk *fake);

void fake_disk_crash(struct fake_disk *fake);
/* Calls that still work; UINT64_MAX = all. */
void fake_disk_set_budget(struct fake_disk *fake, uint64_t calls);
uint64_t fake_disk_calls(const struct fake_disk *fake);           /* so far */
void fake_disk_set_limit(struct fake_disk *fake, uint64_t bytes); /* UINT64_MAX = none */
void fake_disk_fail_sync(struct fake_disk *fake);                 /* the next one */

/* For damage done on purpose: the bytes as they are, and the name of the i-th file by name. */
uint32_t fake_disk_files(const struct fake_disk *fake);
const char *fake_disk_name(const struct fake_disk *fake, uint32_t index);
uint8_t *fake_disk_bytes(struct fake_disk *fake, const char *name, uint64_t *out_size);
void fake_disk_remove(struct fake_disk *fake, const char *name);
void fake_disk_rename(struct fake_disk *fake, const char *from, const char *to);

#endif
