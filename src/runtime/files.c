/* files.c: see files.h. */
#include "runtime/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { READ_PART_SIZE = 64 * 1024, OWNER_SIZE_MAX = 200, HOST_SIZE_MAX = 128 };

static enum skald_status status_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR: return SKALD_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EISDIR: return SKALD_E_ARGUMENT;
    case ENOSPC:
    case EDQUOT: return SKALD_E_FULL;
    case ENOMEM:
    case EMFILE:
    case ENFILE: return SKALD_E_AGAIN;
    default: return SKALD_E_IO;
    }
}

static enum skald_status set_errno(skald_error *error, const char *path)
{
    int number = errno;
    return sk_error_set(error, status_of_errno(number), "%s: %s", path, strerror(number));
}

static ssize_t read_part(int fd, char *into, size_t size)
{
    ssize_t got;
    do {
        got = read(fd, into, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Reads to the end, not to the size that stat told: a pipe or /dev/stdin has none. */
static enum skald_status read_to_end(int fd, const char *path, size_t size_max, struct sk_buf *out,
                                     skald_error *error)
{
    size_t before = out->size;
    for (;;) {
        char *into = sk_buf_reserve(out, READ_PART_SIZE);
        if (into == NULL) {
            return sk_error_set(error, SKALD_E_MEMORY, "%s: out of memory", path);
        }
        ssize_t got = read_part(fd, into, READ_PART_SIZE);
        if (got < 0) return set_errno(error, path);
        if (got == 0) return SKALD_OK;
        out->size += (size_t)got;
        if (out->size - before > size_max) {
            return sk_error_set(error, SKALD_E_TOO_LARGE, "%s: larger than %zu bytes", path,
                                size_max);
        }
    }
}

enum skald_status sk_file_read(const char *path, size_t size_max, struct sk_buf *out,
                               skald_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return set_errno(error, path);
    size_t before = out->size;
    bool had_failed = out->failed;
    enum skald_status status = read_to_end(fd, path, size_max, out, error);
    if (status != SKALD_OK) {
        out->size = before;
        out->failed = had_failed;
    }
    (void)close(fd);
    return status;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static enum skald_status set_owner(skald_error *error, const char *path, int fd)
{
    char owner[OWNER_SIZE_MAX + 1] = "";
    ssize_t got = pread(fd, owner, OWNER_SIZE_MAX, 0);
    owner[got > 0 ? got : 0] = '\0';
    owner[strcspn(owner, "\r\n")] = '\0';
    return sk_error_set(error, SKALD_E_BUSY, "%s: held by %s", path,
                        owner[0] == '\0' ? "another process" : owner);
}

static enum skald_status write_owner(int fd, const char *path, skald_error *error)
{
    char host[HOST_SIZE_MAX] = "";
    (void)gethostname(host, sizeof host - 1);
    char owner[OWNER_SIZE_MAX];
    int size = snprintf(owner, sizeof owner, "pid %ld on host %s\n", (long)getpid(), host);
    if (ftruncate(fd, 0) != 0) return set_errno(error, path);
    ssize_t written = pwrite(fd, owner, (size_t)size, 0);
    if (written != size) {
        if (written >= 0) errno = ENOSPC;
        return set_errno(error, path);
    }
    return SKALD_OK;
}

enum skald_status sk_file_lock_take(const char *path, struct sk_file_lock *out, skald_error *error)
{
    *out = (struct sk_file_lock){ .fd = -1 };
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return set_errno(error, path);
    enum skald_status status;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? set_owner(error, path, fd) : set_errno(error, path);
    } else {
        status = write_owner(fd, path, error);
    }
    if (status != SKALD_OK) {
        (void)close(fd);
        return status;
    }
    out->fd = fd;
    return SKALD_OK;
}

void sk_file_lock_release(struct sk_file_lock *lock)
{
    if (lock->fd < 0) return;
    /* Nobody is to be told of an owner that is no more; the lock goes with the descriptor. */
    if (ftruncate(lock->fd, 0) != 0) errno = 0;
    (void)close(lock->fd);
    lock->fd = -1;
}

/* ---- file systems ---------------------------------------------------------------------------- */

/* Numbers from linux/magic.h and statfs(2); not every system's headers have them all. */
static const struct {
    uint32_t magic;
    const char *kind;
} network_kinds[] = {
    { 0x00006969u, "nfs" },  { 0x0000517Bu, "smb" },   { 0xFE534D42u, "smb" },
    { 0xFF534D42u, "smb" },  { 0x73757245u, "coda" },  { 0x5346414Fu, "afs" },
    { 0x00C36400u, "ceph" }, { 0x01021997u, "9p" },    { 0x0BD00BD0u, "lustre" },
    { 0x01161970u, "gfs2" }, { 0x7461636Fu, "ocfs2" }, { 0x19830326u, "fhgfs" },
    { 0x47504653u, "gpfs" },
};

static bool folder_of(const char *path, char *out, size_t out_size)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return snprintf(out, out_size, ".") > 0;
    int size = slash == path ? 1 : (int)(slash - path);
    int written = snprintf(out, out_size, "%.*s", size, path);
    return written > 0 && (size_t)written < out_size;
}

const char *sk_file_network_kind(const char *path)
{
    struct statfs info;
    if (statfs(path, &info) != 0) {
        char folder[PATH_MAX];
        if (!folder_of(path, folder, sizeof folder) || statfs(folder, &info) != 0) return NULL;
    }
    uint32_t magic = (uint32_t)info.f_type;
    for (size_t i = 0; i < sizeof network_kinds / sizeof network_kinds[0]; i++) {
        if (network_kinds[i].magic == magic) return network_kinds[i].kind;
    }
    return NULL;
}
