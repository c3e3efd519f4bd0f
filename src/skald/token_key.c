/*
 * token_key.c: see token_key.h.
 *
 * The file is 64 hexadecimal digits and a line break. It is written under another name, synced and
 * then linked to its own, so that a crash leaves either no key or a whole one, and of two processes
 * that draw one at the same time the second reads the first one's.
 */
#include "skald/token_key.h"

#include "runtime/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE = 2 * SK_TOKEN_KEY_SIZE + 1, FILE_SIZE_MAX = 1024 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(struct sk_str text, uint8_t out_key[SK_TOKEN_KEY_SIZE])
{
    text = sk_str_trim(text);
    if (text.size != FILE_SIZE - 1) return false;
    for (size_t i = 0; i < SK_TOKEN_KEY_SIZE; i++) {
        int high = hex_value(text.data[2 * i]), low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out_key[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static enum skald_status read_key(const char *path, uint8_t out_key[SK_TOKEN_KEY_SIZE],
                                  skald_error *error)
{
    struct sk_buf text = { 0 };
    enum skald_status status = sk_file_read(path, FILE_SIZE_MAX, &text, error);
    if (status == SKALD_OK && !parse(sk_buf_view(&text), out_key)) {
        status =
            sk_error_set(error, SKALD_E_CORRUPT,
                         "%s is not a key of 64 hexadecimal digits; put the right file back, or "
                         "delete it if no pending answer is still to come",
                         path);
    }
    sk_buf_release(&text);
    return status;
}

static enum skald_status set_errno(skald_error *error, const char *path)
{
    int number = errno;
    enum skald_status status = number == ENOSPC ? SKALD_E_FULL : SKALD_E_IO;
    return sk_error_set(error, status, "%s: %s", path, strerror(number));
}

static enum skald_status sync_folder(const char *path, skald_error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == path) size = 1;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)size, path);
    int fd = open(size == 0 ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return set_errno(error, folder);
    int rc = fsync(fd);
    enum skald_status status = rc == 0 ? SKALD_OK : set_errno(error, folder);
    (void)close(fd);
    return status;
}

static enum skald_status write_draft(const char *draft, const uint8_t key[SK_TOKEN_KEY_SIZE],
                                     skald_error *error)
{
    char text[FILE_SIZE + 1];
    for (size_t i = 0; i < SK_TOKEN_KEY_SIZE; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)key[i]);
    }
    text[FILE_SIZE - 1] = '\n';
    (void)unlink(draft); /* left by a crash */
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) return set_errno(error, draft);
    ssize_t written = write(fd, text, FILE_SIZE);
    bool is_whole = written == FILE_SIZE && fsync(fd) == 0;
    enum skald_status status = is_whole ? SKALD_OK : set_errno(error, draft);
    (void)close(fd);
    return status;
}

static enum skald_status draw(struct sk_runtime *runtime, const char *path,
                              uint8_t out_key[SK_TOKEN_KEY_SIZE], skald_error *error)
{
    char draft[PATH_MAX];
    int size = snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof draft) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s: the path is too long", path);
    }
    runtime->ops->random(runtime, out_key, SK_TOKEN_KEY_SIZE);
    enum skald_status status = write_draft(draft, out_key, error);
    if (status != SKALD_OK) goto out;
    bool is_mine = link(draft, path) == 0;
    if (!is_mine && errno != EEXIST) {
        status = set_errno(error, path);
        goto out;
    }
    status = is_mine ? sync_folder(path, error) : read_key(path, out_key, error);
out:
    (void)unlink(draft);
    return status;
}

static void say(struct sk_runtime *runtime, enum sk_log_level level, const char *event,
                const char *path, const char *what)
{
    char message[PATH_MAX + 128];
    (void)snprintf(message, sizeof message, "%s: %s", path, what);
    struct sk_log_line line = {
        .level = level, .event = sk_str_of(event), .duration_ms = -1, .message = sk_str_of(message)
    };
    runtime->ops->log(runtime, &line);
}

static void warn_if_open(struct sk_runtime *runtime, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || (info.st_mode & (S_IRWXG | S_IRWXO)) == 0) return;
    say(runtime, SK_LOG_WARN, "token_key.open", path,
        "others may read the key of pending tokens; chmod 600 it");
}

enum skald_status sk_token_key_load(struct sk_runtime *runtime, const char *path,
                                    uint8_t out_key[SK_TOKEN_KEY_SIZE], skald_error *error)
{
    skald_error absent;
    enum skald_status status = read_key(path, out_key, &absent);
    if (status == SKALD_E_NOT_FOUND) {
        status = draw(runtime, path, out_key, error);
        if (status != SKALD_OK) {
            (void)sk_error_wrap(error, "key of pending tokens");
            return status;
        }
        say(runtime, SK_LOG_INFO, "token_key.drawn", path,
            "a new key for pending tokens; tokens given out before it are of no use");
        return SKALD_OK;
    }
    if (status != SKALD_OK) {
        return sk_error_set(error, status, "key of pending tokens: %s", absent.message);
    }
    warn_if_open(runtime, path);
    return SKALD_OK;
}
