/*
 * fault.h: the n-th call of one kind fails. Calls are counted while a fault is armed, on every
 * thread of the process, in the code of Skald and in the libraries it links alike:
 *
 *   allocation  malloc, calloc, realloc and their kin (fault_memory.c)
 *   file        open, read, write, sync, truncate, rename, unlink, lock, stat, map (fault_file.c)
 *   sqlite      calls of SQLite from our store (fault_sqlite.c, by the linker's --wrap)
 *
 *   F1  Nothing is counted and nothing fails while no fault is armed, or between sk_fault_hold and
 *       sk_fault_free of a thread: what the test itself does is not part of the sweep.
 *   F2  `length` calls from the n-th on fail, one after the other; 1 is "only the n-th".
 *   F3  Syncs never reach the disk: the sweep kills no machine.
 *
 * The same sources make fail_at.so, for processes that are not ours to link (fail_at.c).
 */
#ifndef SWEEP_FAULT_H
#define SWEEP_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind { FAULT_ALLOCATION, FAULT_FILE, FAULT_SQLITE, FAULT_KINDS_COUNT };

/* What a call that fails says. Of allocations there is only one thing to say. */
enum fault_code {
    FAULT_NULL,
    FAULT_EIO,
    FAULT_ENOSPC,
    FAULT_EMFILE,
    FAULT_SHORT, /* a read or write that does a part */
    FAULT_BUSY,
    FAULT_FULL,
    FAULT_IOERR,
    FAULT_NOMEM,
    FAULT_CORRUPT,
    FAULT_READONLY,
    FAULT_CODES_COUNT
};

const char *fault_kind_name(enum fault_kind kind);
const char *fault_code_name(enum fault_code code);
/* -1: there is none of this name. */
int fault_kind_of(const char *name);
int fault_code_of(const char *name);
enum fault_kind fault_code_kind(enum fault_code code);

/* at 0 counts and fails nothing. */
void fault_arm(enum fault_kind kind, enum fault_code code, uint64_t at, uint64_t length);
void fault_disarm(void);
/* Since fault_arm: calls of its kind, and how many of them failed. */
uint64_t fault_calls(void);
uint64_t fault_hits(void);
/* What the first failed call was, "pwrite"; "" when there was none. */
const char *fault_where(void);

/* The calling thread is the test's own for a while. They nest. */
void fault_hold(void);
void fault_release(void);

/* For the interposers: one more call of this kind; true: it fails, saying *out_code. `what` is
 * static. */
bool fault_strikes(enum fault_kind kind, const char *what, enum fault_code *out_code);

/* What is armed. */
enum fault_code fault_code(void);

/* Blocks of memory that are there: every allocation counts one up, every release one down. 0 in a
 * build with a sanitizer, which has a better way to find what leaks. */
int64_t fault_blocks(void);
bool fault_has_sanitizer(void);

#endif
