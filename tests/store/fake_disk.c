/* fake_disk.c: see fake_disk.h. */
#include "fake_disk.h"

#include "base/hash.h"
#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256, HANDLES_MAX = 64, NAMES_MAX = 4096, SECTOR = 512 };

struct file {
    bool is_there;
    uint8_t *bytes, *safe; /* as they are; as they were when it was synced */
    uint64_t size, safe_size;
};

struct entry {
    char name[32];
    int file; /* -1 = none */
};

struct fake_disk {
    struct sk_disk base;
    uint64_t seed, draws, calls, budget, limit;
    bool fails_sync;
    struct file files[FILES_MAX];
    int files_count;
    struct entry names[FILES_MAX], safe_names[FILES_MAX];
    struct {
        struct entry names[FILES_MAX];
    } * pending[NAMES_MAX]; /* after each change of names since the folder's sync */
    int pending_count;
    int handles[HANDLES_MAX]; /* file, -1 = free */
};

static uint64_t draw(struct fake_disk *fake)
{
    return sk_mix(fake->seed, ++fake->draws);
}

static struct fake_disk *fake_of(struct sk_disk *disk)
{
    return sk_container_of(disk, struct fake_disk, base);
}

static enum skald_status call(struct fake_disk *fake, skald_error *error)
{
    fake->calls += 1;
    if (fake->calls <= fake->budget) return SKALD_OK;
    return sk_error_set(error, SKALD_E_IO, "the process is dead");
}

static struct entry *find(struct fake_disk *fake, const char *name)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (fake->names[i].file >= 0 && strcmp(fake->names[i].name, name) == 0)
            return &fake->names[i];
    return NULL;
}

static struct entry *free_entry(struct fake_disk *fake)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (fake->names[i].file < 0) return &fake->names[i];
    abort();
}

static void note_names(struct fake_disk *fake)
{
    if (fake->pending_count == NAMES_MAX) abort();
    int i = fake->pending_count++;
    fake->pending[i] = malloc(sizeof *fake->pending[i]);
    memcpy(fake->pending[i]->names, fake->names, sizeof fake->names);
}

static void forget_names(struct fake_disk *fake)
{
    for (int i = 0; i < fake->pending_count; i++) free(fake->pending[i]);
    fake->pending_count = 0;
}

/* ---- the port -------------------------------------------------------------------------------- */

static enum skald_status fake_list(struct sk_disk *disk, struct sk_arena *arena,
                                   const char *const **out_names, uint32_t *out_count,
                                   skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    enum skald_status status = call(fake, error);
    const char **names = SK_ARENA_ARRAY(arena, const char *, FILES_MAX);
    uint32_t count = 0;
    for (int i = 0; i < FILES_MAX; i++)
        if (fake->names[i].file >= 0)
            names[count++] = sk_arena_text(arena, sk_str_of(fake->names[i].name));
    *out_names = names;
    *out_count = count;
    return status;
}

static int new_file(struct fake_disk *fake)
{
    for (int i = 0; i < FILES_MAX; i++) {
        if (fake->files[i].is_there) continue;
        fake->files[i] = (struct file){ .is_there = true };
        return i;
    }
    abort();
}

static enum skald_status fake_open(struct sk_disk *disk, const char *name, bool creates,
                                   int *out_file, skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    enum skald_status status = call(fake, error);
    if (status != SKALD_OK) return status;
    struct entry *entry = find(fake, name);
    if (!creates && entry == NULL) return sk_error_set(error, SKALD_E_NOT_FOUND, "%s", name);
    if (creates && entry != NULL) return sk_error_set(error, SKALD_E_CONFLICT, "%s", name);
    if (creates) {
        entry = free_entry(fake);
        entry->file = new_file(fake);
        (void)snprintf(entry->name, sizeof entry->name, "%s", name);
        note_names(fake);
    }
    for (int i = 0; i < HANDLES_MAX; i++) {
        if (fake->handles[i] >= 0) continue;
        fake->handles[i] = entry->file;
        *out_file = i;
        return SKALD_OK;
    }
    abort();
}

static void fake_close(struct sk_disk *disk, int file)
{
    fake_of(disk)->handles[file] = -1;
}

static struct file *file_of(struct sk_disk *disk, int handle)
{
    return &fake_of(disk)->files[fake_of(disk)->handles[handle]];
}

static enum skald_status fake_size(struct sk_disk *disk, int file, uint64_t *out_size,
                                   skald_error *error)
{
    *out_size = file_of(disk, file)->size;
    return call(fake_of(disk), error);
}

static enum skald_status fake_read(struct sk_disk *disk, int handle, uint64_t offset, void *out,
                                   size_t size, size_t *out_size, skald_error *error)
{
    const struct file *file = file_of(disk, handle);
    enum skald_status status = call(fake_of(disk), error);
    if (status != SKALD_OK) return status;
    uint64_t left = offset < file->size ? file->size - offset : 0;
    *out_size = size < left ? size : (size_t)left;
    if (*out_size > 0) memcpy(out, file->bytes + offset, *out_size);
    return SKALD_OK;
}

static uint64_t bytes_used(const struct fake_disk *fake)
{
    uint64_t used = 0;
    for (int i = 0; i < FILES_MAX; i++)
        if (fake->names[i].file >= 0) used += fake->files[fake->names[i].file].size;
    return used;
}

static enum skald_status fake_write(struct sk_disk *disk, int handle, uint64_t offset,
                                    const void *bytes, size_t size, skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    struct file *file = file_of(disk, handle);
    enum skald_status status = call(fake, error);
    bool is_dead = status != SKALD_OK;
    if (is_dead) size = size > 0 ? draw(fake) % size : 0; /* the last write is torn */
    uint64_t end = offset + size;
    if (end > file->size) {
        if (!is_dead && bytes_used(fake) + end - file->size > fake->limit) {
            /* What needs no room is written before the rest is found to need some. */
            if (offset < file->size) memcpy(file->bytes + offset, bytes, file->size - offset);
            return sk_error_set(error, SKALD_E_FULL, "no space left");
        }
        file->bytes = realloc(file->bytes, end);
        memset(file->bytes + file->size, 0, end - file->size);
        file->size = end;
    }
    if (size > 0) memcpy(file->bytes + offset, bytes, size);
    return status;
}

static void keep_bytes(struct file *file)
{
    file->safe = realloc(file->safe, file->size > 0 ? file->size : 1);
    if (file->size > 0) memcpy(file->safe, file->bytes, file->size);
    file->safe_size = file->size;
}

static enum skald_status fake_sync(struct sk_disk *disk, int handle, skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    enum skald_status status = call(fake, error);
    if (status == SKALD_OK && fake->fails_sync) {
        fake->fails_sync = false;
        return sk_error_set(error, SKALD_E_IO, "input/output error");
    }
    if (status == SKALD_OK) keep_bytes(file_of(disk, handle));
    return status;
}

static enum skald_status fake_rename_call(struct sk_disk *disk, const char *from, const char *to,
                                          skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    enum skald_status status = call(fake, error);
    if (status != SKALD_OK) return status;
    if (find(fake, from) == NULL) return sk_error_set(error, SKALD_E_NOT_FOUND, "%s", from);
    fake_disk_rename(fake, from, to);
    note_names(fake);
    return SKALD_OK;
}

static enum skald_status fake_remove_call(struct sk_disk *disk, const char *name,
                                          skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    enum skald_status status = call(fake, error);
    if (status != SKALD_OK) return status;
    if (find(fake, name) == NULL) return sk_error_set(error, SKALD_E_NOT_FOUND, "%s", name);
    fake_disk_remove(fake, name);
    note_names(fake);
    return SKALD_OK;
}

static enum skald_status fake_sync_folder(struct sk_disk *disk, skald_error *error)
{
    struct fake_disk *fake = fake_of(disk);
    enum skald_status status = call(fake, error);
    if (status != SKALD_OK) return status;
    memcpy(fake->safe_names, fake->names, sizeof fake->names);
    forget_names(fake);
    return SKALD_OK;
}

static void fake_free(struct sk_disk *disk)
{
    (void)disk;
}

static const struct sk_disk_ops fake_ops = {
    .list = fake_list,
    .open = fake_open,
    .close = fake_close,
    .size = fake_size,
    .read = fake_read,
    .write = fake_write,
    .sync = fake_sync,
    .rename = fake_rename_call,
    .remove = fake_remove_call,
    .sync_folder = fake_sync_folder,
    .free = fake_free,
};

/* ---- what a crash leaves --------------------------------------------------------------------- */

static void crash_file(struct fake_disk *fake, struct file *file)
{
    uint64_t size = draw(fake) % 2 == 0 ? file->size : file->safe_size;
    if (size < file->safe_size) size = file->safe_size; /* no journal of ours cuts files */
    uint8_t *left = calloc(1, size > 0 ? size : 1);
    uint32_t mood = (uint32_t)(draw(fake) % 3); /* nothing, everything, by sector */
    for (uint64_t at = 0; at < size; at += SECTOR) {
        uint64_t piece = size - at < SECTOR ? size - at : SECTOR;
        bool is_new = mood == 1 || (mood == 2 && draw(fake) % 2 == 0);
        const uint8_t *from = is_new ? file->bytes : file->safe;
        uint64_t from_size = is_new ? file->size : file->safe_size;
        if (at < from_size)
            memcpy(left + at, from + at, piece < from_size - at ? piece : from_size - at);
    }
    free(file->bytes);
    file->bytes = left;
    file->size = size;
    keep_bytes(file);
}

static void drop_files_without_name(struct fake_disk *fake)
{
    for (int i = 0; i < FILES_MAX; i++) {
        bool is_named = false;
        for (int k = 0; k < FILES_MAX; k++) is_named = is_named || fake->names[k].file == i;
        if (is_named || !fake->files[i].is_there) continue;
        free(fake->files[i].bytes);
        free(fake->files[i].safe);
        fake->files[i] = (struct file){ 0 };
    }
}

void fake_disk_crash(struct fake_disk *fake)
{
    int upto =
        fake->pending_count == 0 ? 0 : (int)(draw(fake) % (uint64_t)(fake->pending_count + 1));
    if (upto == 0)
        memcpy(fake->names, fake->safe_names, sizeof fake->names);
    else
        memcpy(fake->names, fake->pending[upto - 1]->names, sizeof fake->names);
    memcpy(fake->safe_names, fake->names, sizeof fake->names);
    forget_names(fake);
    for (int i = 0; i < HANDLES_MAX; i++) fake->handles[i] = -1;
    for (int i = 0; i < FILES_MAX; i++)
        if (fake->files[i].is_there) crash_file(fake, &fake->files[i]);
    drop_files_without_name(fake);
    fake->budget = UINT64_MAX;
    fake->fails_sync = false;
}

/* ---- the test's own hands -------------------------------------------------------------------- */

struct fake_disk *fake_disk_new(uint64_t seed)
{
    struct fake_disk *fake = calloc(1, sizeof *fake);
    fake->base.ops = &fake_ops;
    fake->seed = seed;
    fake->budget = fake->limit = UINT64_MAX;
    for (int i = 0; i < FILES_MAX; i++) fake->names[i].file = fake->safe_names[i].file = -1;
    for (int i = 0; i < HANDLES_MAX; i++) fake->handles[i] = -1;
    return fake;
}

void fake_disk_free(struct fake_disk *fake)
{
    for (int i = 0; i < FILES_MAX; i++) {
        free(fake->files[i].bytes);
        free(fake->files[i].safe);
    }
    forget_names(fake);
    free(fake);
}

struct sk_disk *fake_disk_port(struct fake_disk *fake)
{
    return &fake->base;
}

void fake_disk_set_budget(struct fake_disk *fake, uint64_t calls)
{
    fake->budget = calls == UINT64_MAX ? calls : fake->calls + calls;
}

uint64_t fake_disk_calls(const struct fake_disk *fake)
{
    return fake->calls;
}

void fake_disk_set_limit(struct fake_disk *fake, uint64_t bytes)
{
    fake->limit = bytes;
}

void fake_disk_fail_sync(struct fake_disk *fake)
{
    fake->fails_sync = true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

uint32_t fake_disk_files(const struct fake_disk *fake)
{
    uint32_t count = 0;
    for (int i = 0; i < FILES_MAX; i++) count += fake->names[i].file >= 0;
    return count;
}

const char *fake_disk_name(const struct fake_disk *fake, uint32_t index)
{
    const char *names[FILES_MAX];
    uint32_t count = 0;
    for (int i = 0; i < FILES_MAX; i++)
        if (fake->names[i].file >= 0) names[count++] = fake->names[i].name;
    qsort(names, count, sizeof *names, compare_names);
    return index < count ? names[index] : NULL;
}

uint8_t *fake_disk_bytes(struct fake_disk *fake, const char *name, uint64_t *out_size)
{
    struct entry *entry = find(fake, name);
    if (entry == NULL) return NULL;
    *out_size = fake->files[entry->file].size;
    return fake->files[entry->file].bytes;
}

void fake_disk_remove(struct fake_disk *fake, const char *name)
{
    struct entry *entry = find(fake, name);
    if (entry != NULL) entry->file = -1;
}

void fake_disk_rename(struct fake_disk *fake, const char *from, const char *to)
{
    fake_disk_remove(fake, to);
    struct entry *entry = find(fake, from);
    if (entry != NULL) (void)snprintf(entry->name, sizeof entry->name, "%s", to);
}
