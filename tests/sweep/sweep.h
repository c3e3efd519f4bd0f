/*
 * sweep.h: what a scenario gets and what it gives back. A scenario runs once in a process of its
 * own: with the fault, till everything is closed; and then again without, on what is left.
 */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "fault.h"

#include <stddef.h>

/* How a run with a fault ended, when nothing is wrong with it. */
enum sweep_end {
    SWEEP_UNMET,    /* there was no n-th call */
    SWEEP_WENT_ON,  /* nobody outside noticed */
    SWEEP_TOLD,     /* a call told a clear error; the same process went on */
    SWEEP_REOPENED, /* it could not go on, said so, and a new start went on from the store */
    SWEEP_ENDS_COUNT
};

enum { SWEEP_TEXT_SIZE = 600 };

/* In memory that the child shares with the sweep. */
struct sweep_report {
    enum sweep_end end;
    bool is_whole;                 /* the run came to its end */
    char failure[SWEEP_TEXT_SIZE]; /* "" = nothing is wrong */
    char told[SWEEP_TEXT_SIZE];    /* the first error that was told */
    char where[64];
    uint64_t calls, hits;
};

struct sweep_fault {
    enum fault_kind kind;
    enum fault_code code;
    uint64_t at, length; /* at 0: none */
};

struct sweep_run {
    struct sweep_fault fault;
    struct sweep_report *report;
    const char *folder; /* empty; the scenario's own */
    bool is_journal;    /* the store is a journal; else SQLite */
    bool is_late;       /* the fault is armed once the store is open; else before */
    bool is_loud;
};

struct sweep_scenario {
    const char *name, *what;
    void (*run)(struct sweep_run *run);
    bool is_late;    /* as in struct sweep_run */
    bool is_journal; /* as well */
    bool is_real;    /* real time passes in it: pauses are dear */
    bool is_program; /* runs the real binary: its allocations and files only */
    unsigned kinds;  /* bit per enum fault_kind */
};

/* Opening a new store alone takes more calls than all that follows: so each has two scenarios, one
 * with the fault from the opening on, one from there on. */
extern const struct sweep_scenario sweep_order, sweep_order_opening;
extern const struct sweep_scenario sweep_journal, sweep_journal_opening;
extern const struct sweep_scenario sweep_library, sweep_library_opening;
extern const struct sweep_scenario sweep_validate, sweep_serve, sweep_loops;

/* Notes what is wrong, once: what follows from it is not told. */
__attribute__((format(printf, 2, 3))) void sweep_fail(struct sweep_run *run, const char *format,
                                                      ...);
/* An error was told to whoever asked. It must say something. */
void sweep_told(struct sweep_run *run, const char *what, int status, const char *message);
/* The place for the fault to begin is here, if it is this one. */
void sweep_arm(const struct sweep_run *run, bool is_late);
/* The fault is over: takes its figures, and judges memory. `blocks` were there before. */
void sweep_end_fault(struct sweep_run *run, int64_t blocks);

#endif
