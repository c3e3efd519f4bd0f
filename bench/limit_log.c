/*
 * limit_log.c: the raw limit of an append log: the events of N sagas, K transitions to a group,
 * each group one write and one fdatasync. Nobody decides, folds, answers or reads anything.
 *
 *     limit-log FOLDER HISTORY SAGAS IN_FLIGHT
 *
 * What it shares with a real log: a header with checksum, size, number, group and predecessor
 * before each record; segments that were written whole beforehand and are written over, so that a
 * sync changes no file sizes.
 */
#include "clock.h"
#include "history.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SEGMENT_SIZE = 32 << 20, SEGMENTS = 2, COLUMNS_SIZE = 24, TRANSITION_SIZE_MAX = 64 << 10 };

struct record {
    uint64_t hash; /* of what follows */
    uint32_t size, type;
    uint64_t number, group, before;
};

struct log {
    const struct history *history;
    int files[SEGMENTS];
    uint32_t file;   /* the present one */
    off_t at;        /* in it */
    uint8_t *buffer; /* of the group */
    size_t size, capacity;
    uint64_t number, group, before;
    uint64_t bytes, syncs;
};

/* Segments of zeros, on the disk. */
static void prepare(struct log *log, const char *folder)
{
    char path[PATH_MAX];
    uint8_t *zeros = calloc(1, SEGMENT_SIZE);
    if (zeros == NULL) bench_fail("memory");
    for (int i = 0; i < SEGMENTS; i++) {
        (void)snprintf(path, sizeof path, "%s/%d.log", folder, i);
        log->files[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (log->files[i] < 0 || write(log->files[i], zeros, SEGMENT_SIZE) != SEGMENT_SIZE ||
            fsync(log->files[i]) != 0) {
            bench_fail(path);
        }
    }
    free(zeros);
}

/* One event of the saga as a record: header, columns, data; padded to 8. */
static void put(struct log *log, const struct history_event *event, uint64_t saga, uint64_t seq)
{
    size_t payload = COLUMNS_SIZE + event->size, whole = sizeof(struct record) + payload;
    uint8_t *out = log->buffer + log->size;
    struct record header = { .size = (uint32_t)payload,
                             .type = event->type,
                             .number = log->number++,
                             .group = log->group,
                             .before = log->before };
    uint64_t columns[COLUMNS_SIZE / 8] = { saga, seq, event->step };
    memcpy(out + sizeof header, columns, sizeof columns);
    memcpy(out + sizeof header + COLUMNS_SIZE, event->data, event->size);
    memcpy(out, &header, sizeof header);
    header.hash = XXH3_64bits(out + sizeof header.hash, whole - sizeof header.hash);
    memcpy(out, &header.hash, sizeof header.hash);
    log->before = header.hash;
    log->size += (whole + 7) & ~(size_t)7;
}

static void commit(struct log *log)
{
    if (log->size == 0) return;
    if (log->at + (off_t)log->size > SEGMENT_SIZE) {
        log->file = (log->file + 1) % SEGMENTS;
        log->at = 0;
    }
    int fd = log->files[log->file];
    for (size_t done = 0; done < log->size;) {
        ssize_t n = pwrite(fd, log->buffer + done, log->size - done, log->at + (off_t)done);
        if (n < 0) bench_fail("write");
        done += (size_t)n;
    }
    if (fdatasync(fd) != 0) bench_fail("fdatasync");
    log->at += (off_t)log->size;
    log->bytes += log->size;
    log->size = 0;
    log->syncs++;
    log->group++;
}

/* As many sagas abreast as are in flight: each commit has one transition of each. */
static void run(struct log *log, uint64_t sagas, uint64_t in_flight)
{
    const struct history *history = log->history;
    for (uint64_t first = 0; first < sagas; first += in_flight) {
        uint64_t end = first + in_flight < sagas ? first + in_flight : sagas;
        for (uint32_t transition = 0; transition < history->transitions_count; transition++) {
            for (uint64_t saga = first; saga < end; saga++) {
                if (log->size + TRANSITION_SIZE_MAX > log->capacity) commit(log);
                for (uint32_t i = 0; i < history->events_count; i++) {
                    if (history->events[i].transition == transition)
                        put(log, &history->events[i], saga, i + 1);
                }
            }
            commit(log);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: limit-log FOLDER HISTORY SAGAS IN_FLIGHT\n");
        return 2;
    }
    static struct history history;
    history_read(argv[2], &history);
    struct log log = { .history = &history, .capacity = SEGMENT_SIZE };
    log.buffer = malloc(log.capacity);
    if (log.buffer == NULL) bench_fail("memory");
    memset(log.buffer, 0, log.capacity); /* its pages are there before the clock runs */
    prepare(&log, argv[1]);
    struct bench_clock start = bench_clock_now();
    run(&log, bench_number(argv[3]), bench_number(argv[4]));
    struct bench_clock end = bench_clock_now();
    (void)printf("{\"events\":%" PRIu64 ",\"commits\":%" PRIu64 ",\"bytes\":%" PRIu64
                 ",\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
                 log.number, log.syncs, log.bytes, end.wall - start.wall, end.cpu - start.cpu);
    for (int i = 0; i < SEGMENTS; i++) (void)close(log.files[i]);
    free(log.buffer);
    return 0;
}
