/* disk.c: the port of disk.h on a folder of the file system. */
#include "store/journal/disk.h"

#include "base/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    struct sk_disk base;
    int fd;
};

static int fd_of(struct sk_disk *disk)
{
    return sk_container_of(disk, struct folder, base)->fd;
}

static enum skald_status fail(const char *what, skald_error *error)
{
    enum skald_status status = SKALD_E_IO;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) status = SKALD_E_FULL;
    if (errno == ENOENT) status = SKALD_E_NOT_FOUND;
    if (errno == EEXIST) status = SKALD_E_CONFLICT;
    if (errno == ENOMEM) status = SKALD_E_MEMORY;
    return sk_error_set(error, status, "%s: %s", what, strerror(errno));
}

static enum skald_status folder_list(struct sk_disk *disk, struct sk_arena *arena,
                                     const char *const **out_names, uint32_t *out_count,
                                     skald_error *error)
{
    uint32_t count = 0, capacity = 0;
    const char **names = NULL;
    int fd = openat(fd_of(disk), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        if (fd >= 0) close(fd);
        return fail("the journal's folder", error);
    }
    const struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        if (count == capacity) {
            capacity = capacity == 0 ? 16 : 2 * capacity;
            const char **more = SK_ARENA_ARRAY(arena, const char *, capacity);
            if (more == NULL) break;
            if (count > 0) memcpy(more, names, count * sizeof *names);
            names = more;
        }
        names[count++] = sk_arena_text(arena, sk_str_of(entry->d_name));
    }
    closedir(stream);
    if (arena->failed) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    *out_names = names;
    *out_count = count;
    return SKALD_OK;
}

static enum skald_status folder_open(struct sk_disk *disk, const char *name, bool creates,
                                     int *out_file, skald_error *error)
{
    int flags = O_RDWR | O_CLOEXEC | (creates ? O_CREAT | O_EXCL : 0);
    *out_file = openat(fd_of(disk), name, flags, 0640);
    return *out_file >= 0 ? SKALD_OK : fail(name, error);
}

static void folder_close(struct sk_disk *disk, int file)
{
    (void)disk;
    (void)close(file);
}

static enum skald_status folder_size(struct sk_disk *disk, int file, uint64_t *out_size,
                                     skald_error *error)
{
    (void)disk;
    struct stat info;
    if (fstat(file, &info) != 0) return fail("its size", error);
    *out_size = (uint64_t)info.st_size;
    return SKALD_OK;
}

static enum skald_status folder_read(struct sk_disk *disk, int file, uint64_t offset, void *out,
                                     size_t size, size_t *out_size, skald_error *error)
{
    (void)disk;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, (char *)out + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail("reading", error);
        if (got == 0) break;
        done += (size_t)got;
    }
    *out_size = done;
    return SKALD_OK;
}

static enum skald_status folder_write(struct sk_disk *disk, int file, uint64_t offset,
                                      const void *bytes, size_t size, skald_error *error)
{
    (void)disk;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pwrite(file, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail("writing", error);
        done += (size_t)got;
    }
    return SKALD_OK;
}

static enum skald_status folder_sync(struct sk_disk *disk, int file, skald_error *error)
{
    (void)disk;
    return fdatasync(file) == 0 ? SKALD_OK : fail("syncing", error);
}

static enum skald_status folder_rename(struct sk_disk *disk, const char *from, const char *to,
                                       skald_error *error)
{
    int fd = fd_of(disk);
    return renameat(fd, from, fd, to) == 0 ? SKALD_OK : fail(from, error);
}

static enum skald_status folder_remove(struct sk_disk *disk, const char *name, skald_error *error)
{
    return unlinkat(fd_of(disk), name, 0) == 0 ? SKALD_OK : fail(name, error);
}

static enum skald_status folder_sync_folder(struct sk_disk *disk, skald_error *error)
{
    return fsync(fd_of(disk)) == 0 ? SKALD_OK : fail("syncing the journal's folder", error);
}

static void folder_free(struct sk_disk *disk)
{
    struct folder *folder = sk_container_of(disk, struct folder, base);
    if (folder->fd >= 0) (void)close(folder->fd);
    sk_free(folder);
}

static const struct sk_disk_ops folder_ops = {
    .list = folder_list,
    .open = folder_open,
    .close = folder_close,
    .size = folder_size,
    .read = folder_read,
    .write = folder_write,
    .sync = folder_sync,
    .rename = folder_rename,
    .remove = folder_remove,
    .sync_folder = folder_sync_folder,
    .free = folder_free,
};

enum skald_status sk_disk_open(const char *path, struct sk_disk **out_disk, skald_error *error)
{
    struct folder *folder = sk_alloc(sizeof *folder);
    if (folder == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    folder->base.ops = &folder_ops;
    bool is_made = mkdir(path, 0750) == 0 || errno == EEXIST;
    folder->fd = is_made ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder->fd < 0) {
        enum skald_status status = fail(path, error);
        folder_free(&folder->base);
        return status;
    }
    *out_disk = &folder->base;
    return SKALD_OK;
}
