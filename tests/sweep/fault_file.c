/*
 * fault_file.c: the file operations of the whole process, ours and its libraries'. Each is made
 * anew from the system call, so that it does not matter what else lies between.
 *
 * Only files count: what works on a descriptor is counted when the descriptor came from open()
 * here. Pipes, sockets and event descriptors are none of our business. Closing does not fail:
 * nobody can do anything about it, and Linux has closed the descriptor all the same.
 */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

enum { DESCRIPTORS_MAX = 4096 };

static atomic_bool is_file[DESCRIPTORS_MAX];

static bool counts(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS_MAX && atomic_load(&is_file[fd]);
}

/* What a call may say: a full disk is told by what needs room, a full table by what makes a
 * descriptor, and only bytes can be half done. Anything may say EIO. */
enum may { MAY_FAIL = 1u, MAY_NEED_ROOM = 2u, MAY_MAKE_DESCRIPTOR = 4u, MAY_BE_SHORT = 8u };

static unsigned needed(enum fault_code code)
{
    if (code == FAULT_ENOSPC) return MAY_NEED_ROOM;
    if (code == FAULT_EMFILE) return MAY_MAKE_DESCRIPTOR;
    return code == FAULT_SHORT ? MAY_BE_SHORT : MAY_FAIL;
}

static bool strikes(const char *what, unsigned may, enum fault_code *out_code)
{
    if ((needed(fault_code()) & (may | MAY_FAIL)) == 0) return false;
    return fault_strikes(FAULT_FILE, what, out_code);
}

/* true: the call fails and errno is set. */
static bool fails(const char *what, unsigned may)
{
    enum fault_code code;
    if (!strikes(what, may, &code)) return false;
    errno = code == FAULT_ENOSPC ? ENOSPC : code == FAULT_EMFILE ? EMFILE : EIO;
    return true;
}

/* For reads and writes: 0 = as asked; -1 = fails; else do only so much. */
static ssize_t part_of(const char *what, size_t size, unsigned may)
{
    enum fault_code code;
    if (!strikes(what, may | MAY_BE_SHORT, &code)) return 0;
    if (code == FAULT_SHORT) return size > 1 ? (ssize_t)(size / 2) : 0;
    errno = code == FAULT_ENOSPC ? ENOSPC : EIO;
    return -1;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved */

/* ---- descriptors ----------------------------------------------------------------------------- */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    unsigned room = (flags & O_CREAT) != 0 ? MAY_NEED_ROOM : 0;
    if (fails("open", MAY_MAKE_DESCRIPTOR | room)) return -1;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS_MAX) atomic_store(&is_file[fd], true);
    return fd;
}

static bool has_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

#define OPEN(name)                                                             \
    VISIBLE int name(const char *path, int flags, ...)                         \
    {                                                                          \
        va_list more;                                                          \
        va_start(more, flags);                                                 \
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): begun above */ \
        mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;              \
        va_end(more);                                                          \
        return open_at(AT_FDCWD, path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)

VISIBLE int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX) atomic_store(&is_file[fd], false);
    return (int)syscall(SYS_close, fd);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

VISIBLE ssize_t read(int fd, void *buffer, size_t size)
{
    ssize_t part = counts(fd) ? part_of("read", size, 0) : 0;
    return part < 0 ? -1 : syscall(SYS_read, fd, buffer, part > 0 ? (size_t)part : size);
}

VISIBLE ssize_t write(int fd, const void *buffer, size_t size)
{
    ssize_t part = counts(fd) ? part_of("write", size, MAY_NEED_ROOM) : 0;
    return part < 0 ? -1 : syscall(SYS_write, fd, buffer, part > 0 ? (size_t)part : size);
}

static ssize_t read_at(int fd, void *buffer, size_t size, off_t offset)
{
    ssize_t part = counts(fd) ? part_of("pread", size, 0) : 0;
    return part < 0 ? -1 : syscall(SYS_pread64, fd, buffer, part > 0 ? (size_t)part : size, offset);
}

static ssize_t write_at(int fd, const void *buffer, size_t size, off_t offset)
{
    ssize_t part = counts(fd) ? part_of("pwrite", size, MAY_NEED_ROOM) : 0;
    return part < 0 ? -1
                    : syscall(SYS_pwrite64, fd, buffer, part > 0 ? (size_t)part : size, offset);
}

VISIBLE ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    return read_at(fd, buffer, size, offset);
}

VISIBLE ssize_t pread64(int fd, void *buffer, size_t size, off_t offset)
{
    return read_at(fd, buffer, size, offset);
}

VISIBLE ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    return write_at(fd, buffer, size, offset);
}

VISIBLE ssize_t pwrite64(int fd, const void *buffer, size_t size, off_t offset)
{
    return write_at(fd, buffer, size, offset);
}

VISIBLE int fsync(int fd)
{
    return counts(fd) && fails("fsync", MAY_NEED_ROOM) ? -1 : 0; /* F3 */
}

VISIBLE int fdatasync(int fd)
{
    return counts(fd) && fails("fdatasync", MAY_NEED_ROOM) ? -1 : 0;
}

VISIBLE int ftruncate(int fd, off_t size)
{
    return counts(fd) && fails("ftruncate", MAY_NEED_ROOM) ? -1
                                                           : (int)syscall(SYS_ftruncate, fd, size);
}

VISIBLE int ftruncate64(int fd, off_t size)
{
    return counts(fd) && fails("ftruncate", MAY_NEED_ROOM) ? -1
                                                           : (int)syscall(SYS_ftruncate, fd, size);
}

VISIBLE void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (counts(fd) && fails("mmap", 0)) return MAP_FAILED;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): what the system call gives */
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

VISIBLE void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, size, protection, flags, fd, offset);
}

/* ---- names ----------------------------------------------------------------------------------- */

VISIBLE int rename(const char *from, const char *to)
{
    return fails("rename", MAY_NEED_ROOM) ? -1 : (int)syscall(SYS_rename, from, to);
}

VISIBLE int unlink(const char *path)
{
    return fails("unlink", 0) ? -1 : (int)syscall(SYS_unlink, path);
}

VISIBLE int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", MAY_NEED_ROOM) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

VISIBLE int flock(int fd, int operation)
{
    return counts(fd) && fails("flock", 0) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

/* Taking a lock and asking for one may fail; giving one back does not, on any disk of one
 * machine. */
static bool is_locking(int command, const void *argument)
{
    const struct flock *lock = argument;
    if (command == F_GETLK) return true;
    return (command == F_SETLK || command == F_SETLKW) && lock->l_type != F_UNLCK;
}

/* All commands have one argument at most. */
static int control(int fd, int command, void *argument)
{
    if (is_locking(command, argument) && counts(fd) && fails("fcntl", 0)) return -1;
    int result = (int)syscall(SYS_fcntl, fd, command, argument);
    bool is_copy = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    if (is_copy && result >= 0 && result < DESCRIPTORS_MAX)
        atomic_store(&is_file[result], counts(fd));
    return result;
}

#define FCNTL(name)                            \
    VISIBLE int name(int fd, int command, ...) \
    {                                          \
        va_list more;                          \
        va_start(more, command);               \
        void *argument = va_arg(more, void *); \
        va_end(more);                          \
        return control(fd, command, argument); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* The kernel's struct is the C library's on the machines that have these calls. */
static int stat_at(int folder, const char *path, void *out, int flags)
{
    return fails("stat", 0) ? -1 : (int)syscall(SYS_newfstatat, folder, path, out, flags);
}

static int stat_of(int fd, void *out)
{
    return counts(fd) && fails("fstat", 0) ? -1 : (int)syscall(SYS_fstat, fd, out);
}

VISIBLE int stat(const char *restrict path, struct stat *restrict out)
{
    return stat_at(AT_FDCWD, path, out, 0);
}

VISIBLE int stat64(const char *restrict path, struct stat64 *restrict out)
{
    return stat_at(AT_FDCWD, path, out, 0);
}

VISIBLE int lstat(const char *restrict path, struct stat *restrict out)
{
    return stat_at(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

VISIBLE int lstat64(const char *restrict path, struct stat64 *restrict out)
{
    return stat_at(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

VISIBLE int fstat(int fd, struct stat *out)
{
    return stat_of(fd, out);
}

VISIBLE int fstat64(int fd, struct stat64 *out)
{
    return stat_of(fd, out);
}

VISIBLE int statfs(const char *path, struct statfs *out)
{
    return fails("statfs", 0) ? -1 : (int)syscall(SYS_statfs, path, out);
}

VISIBLE int access(const char *path, int mode)
{
    return fails("access", 0) ? -1 : (int)syscall(SYS_access, path, mode);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
