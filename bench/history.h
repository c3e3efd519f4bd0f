/*
 * history.h: the history of one saga as the core makes it (`core history`): what the raw limits
 * write. A line an event: transition, type, step, item, attempt, round, and its data in hex ("-" =
 * none). A transition is what one commit of a saga alone holds.
 */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_EVENTS_MAX = 64, HISTORY_DATA_MAX = 4096 };

struct history_event {
    unsigned transition, type, step, attempt, round;
    int item;
    uint8_t data[HISTORY_DATA_MAX];
    uint32_t size;
};

struct history {
    struct history_event events[HISTORY_EVENTS_MAX];
    uint32_t events_count, transitions_count;
};

static inline _Noreturn void bench_fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline uint32_t history_hex(const char *text, uint8_t *out)
{
    uint32_t size = 0;
    for (; text[0] != 0 && text[1] != 0 && size < HISTORY_DATA_MAX; text += 2) {
        const char pair[3] = { text[0], text[1], 0 };
        out[size++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

/* Ends the program when there is nothing to read. */
static inline void history_read(const char *path, struct history *history)
{
    static char hex[2 * HISTORY_DATA_MAX + 1];
    FILE *file = fopen(path, "re");
    if (file == NULL) bench_fail(path);
    struct history_event e = { 0 };
    history->events_count = history->transitions_count = 0;
    while (history->events_count < HISTORY_EVENTS_MAX &&
           fscanf(file, "%u %u %u %d %u %u %8192s", &e.transition, &e.type, &e.step, &e.item,
                  &e.attempt, &e.round, hex) == 7) {
        e.size = strcmp(hex, "-") == 0 ? 0 : history_hex(hex, e.data);
        history->events[history->events_count++] = e;
        history->transitions_count = e.transition + 1;
    }
    (void)fclose(file);
    if (history->events_count == 0) {
        (void)fprintf(stderr, "%s: no history\n", path);
        exit(1);
    }
}

/* argv[i]'s value as a number; the programs of this folder take all their arguments in order. */
static inline uint64_t bench_number(const char *text)
{
    return strtoull(text, NULL, 10);
}

#endif
