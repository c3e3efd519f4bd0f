/*
 * shim.c: a library that is preloaded into a server (LD_PRELOAD) and makes its disk and its clock
 * misbehave, as a page of memory says that a test has mapped as well.
 *
 * It does not touch the server's memory, sockets or threads. Without SKALD_SHIM in the environment,
 * or with a page of zeros, everything is as it was.
 *
 *   1  Only descriptors of regular files are slowed or failed: never sockets, pipes or logs that
 *      are written with writev.
 *   2  A countdown that reaches 0 stays there: each failure that is asked for happens once.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The order of the fields is known to shim.py. */
struct page {
    _Atomic int64_t sync_delay_us;  /* each sync takes so much longer */
    _Atomic int64_t sync_failures;  /* so many of the next syncs fail with EIO */
    _Atomic int64_t write_failures; /* so many of the next writes fail with EIO */
    _Atomic int64_t is_full;        /* writes that would make a file larger fail with ENOSPC */
    _Atomic int64_t wall_offset_us; /* added to the wall clock */
    _Atomic int64_t syncs_count, writes_count, failures_count; /* what was met */
};

static struct page *page;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    /* dlsym gives a void pointer for a function: POSIX says that this works. */
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("SKALD_SHIM");
    if (path == NULL) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) page = mapped;
}

static void pause_us(int64_t us)
{
    struct timespec left = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    while (us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

static int fails(_Atomic int64_t *countdown)
{
    int64_t left = atomic_load(countdown);
    while (left > 0) {
        if (!atomic_compare_exchange_weak(countdown, &left, left - 1)) continue;
        atomic_fetch_add(&page->failures_count, 1);
        return 1;
    }
    return 0;
}

static int sync_like(int fd, int (*real)(int))
{
    if (page == NULL) return real(fd);
    atomic_fetch_add(&page->syncs_count, 1);
    pause_us(atomic_load(&page->sync_delay_us));
    if (fails(&page->sync_failures)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

int fsync(int fd)
{
    return sync_like(fd, real_fsync);
}

int fdatasync(int fd)
{
    return sync_like(fd, real_fdatasync);
}

/* end: where the write ends, or -1 for at the file's end. 0, or the error it meets. */
static int trouble(int fd, off_t end)
{
    struct stat info;
    if (page == NULL) return 0;
    int64_t is_full = atomic_load(&page->is_full);
    if (is_full == 0 && atomic_load(&page->write_failures) == 0) return 0;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return 0;
    if (fails(&page->write_failures)) return EIO;
    if (is_full == 0 || (end >= 0 && end <= info.st_size)) return 0;
    atomic_fetch_add(&page->failures_count, 1);
    return ENOSPC;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    if (page != NULL) atomic_fetch_add(&page->writes_count, 1);
    int error = trouble(fd, at + (off_t)size);
    if (error == 0) return real_pwrite(fd, data, size, at);
    errno = error;
    return -1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

ssize_t write(int fd, const void *data, size_t size)
{
    int error = fd > STDERR_FILENO ? trouble(fd, -1) : 0;
    if (error == 0) return real_write(fd, data, size);
    errno = error;
    return -1;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int result = real_clock_gettime(clock, out);
    if (result != 0 || clock != CLOCK_REALTIME || page == NULL) return result;
    int64_t offset_us = atomic_load(&page->wall_offset_us);
    int64_t ns = out->tv_nsec + offset_us % 1000000 * 1000;
    out->tv_sec += offset_us / 1000000;
    if (ns < 0) {
        ns += 1000000000;
        out->tv_sec -= 1;
    }
    if (ns >= 1000000000) {
        ns -= 1000000000;
        out->tv_sec += 1;
    }
    out->tv_nsec = (long)ns;
    return result;
}
