/* fuzz.c: see fuzz.h. */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "%s:%d: must hold: %s: ", file, line, condition);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

/* ---- inputs ---------------------------------------------------------------------------------- */

uint8_t fuzz_u8(struct fuzz_bytes *bytes)
{
    if (bytes->left == 0) return 0;
    bytes->left -= 1;
    return *bytes->at++;
}

uint32_t fuzz_u16(struct fuzz_bytes *bytes)
{
    uint32_t low = fuzz_u8(bytes);
    return low | (uint32_t)fuzz_u8(bytes) << 8;
}

int64_t fuzz_i64(struct fuzz_bytes *bytes)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 8) value |= (uint64_t)fuzz_u8(bytes) << shift;
    return (int64_t)value;
}

uint32_t fuzz_below(struct fuzz_bytes *bytes, uint32_t count)
{
    if (count == 0) return 0;
    return (count <= 256 ? fuzz_u8(bytes) : fuzz_u16(bytes)) % count;
}

struct sk_str fuzz_take(struct fuzz_bytes *bytes, size_t size)
{
    if (size > bytes->left) size = bytes->left;
    struct sk_str taken = { (const char *)bytes->at, size };
    bytes->at += size;
    bytes->left -= size;
    return taken;
}

char *fuzz_text(struct sk_str text)
{
    char *copy = malloc(text.size + 1);
    FUZZ_CHECK(copy != NULL, "memory");
    if (text.size > 0) memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

bool fuzz_line(struct sk_str *rest, struct sk_str *out_line)
{
    if (rest->size == 0) return false;
    size_t end = sk_str_find(*rest, '\n');
    *out_line = sk_str_sub(*rest, 0, end);
    *rest = sk_str_sub(*rest, end + 1, rest->size);
    return true;
}

void fuzz_split(struct sk_str text, const char *mark, struct sk_str *before, struct sk_str *after)
{
    struct sk_str rest = text, line;
    while (fuzz_line(&rest, &line)) {
        if (!sk_str_is(line, mark)) continue;
        *before = sk_str_sub(text, 0, (size_t)(line.data - text.data));
        *after = rest;
        return;
    }
    *before = text;
    *after = (struct sk_str){ NULL, 0 };
}

/* ---- checks ---------------------------------------------------------------------------------- */

void fuzz_check_json(struct sk_str text, const char *what)
{
    skald_error error = { 0 };
    FUZZ_CHECK(sk_json_check(text, &error) == SKALD_OK, "%s is no JSON: %s\n%.*s", what,
               error.message, SK_STR_ARGS(text));
}

void fuzz_check_error(enum skald_status status, const skald_error *error, const char *what)
{
    FUZZ_CHECK(status != SKALD_OK && status != SKALD_E_MEMORY && status != SKALD_E_INTERNAL,
               "%s: %s", what, skald_status_name(status));
    FUZZ_CHECK(error->status == status, "%s: %s is told as %s", what, skald_status_name(status),
               skald_status_name(error->status));
    FUZZ_CHECK(error->message[0] != '\0' && sk_utf8_valid(sk_str_of(error->message)),
               "%s: the message is no text", what);
}

/* ---- chance ---------------------------------------------------------------------------------- */

uint32_t fuzz_draw(struct fuzz_chance *chance, uint32_t below)
{
    chance->state = chance->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below == 0 ? 0 : (uint32_t)(chance->state >> 33) % below;
}
