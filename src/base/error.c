/*
 * error.c: filling and wrapping a caller's skald_error. A message that is too long loses its end
 * (and a wrap the end of what it wraps), never half a character; what is not UTF-8 becomes '?'.
 */
#include "base/error.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

/* The first bytes of a sequence that goes on behind the end of the text. */
static bool is_unfinished(struct sk_str s)
{
    unsigned char first = (unsigned char)s.data[0];
    size_t whole = first < 0xe0 ? 2 : (first < 0xf0 ? 3 : 4);
    size_t size = 1;
    while (size < s.size && ((unsigned char)s.data[size] & 0xc0) == 0x80) {
        size += 1;
    }
    return first >= 0xc2 && first <= 0xf4 && size == s.size && size < whole;
}

static void make_utf8(char *text)
{
    size_t text_size = strlen(text);
    size_t at = 0;
    while (at < text_size) {
        struct sk_str rest = { text + at, text_size - at };
        size_t size = sk_utf8_sequence(rest);
        if (size == 0 && is_unfinished(rest)) {
            text[at] = '\0';
            return;
        }
        if (size == 0) {
            text[at] = '?';
            size = 1;
        }
        at += size;
    }
}

enum skald_status sk_error_set(skald_error *error, enum skald_status status, const char *format,
                               ...)
{
    if (error == NULL) {
        return status;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
    make_utf8(error->message);
    return status;
}

enum skald_status sk_error_wrap(skald_error *error, const char *format, ...)
{
    if (error == NULL) {
        return SKALD_E_INTERNAL;
    }
    char prefix[SKALD_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix - 2, format, arguments);
    va_end(arguments);
    make_utf8(prefix);
    struct sk_str head = { prefix, strlen(prefix) + 2 };
    prefix[head.size - 2] = ':';
    prefix[head.size - 1] = ' ';
    size_t room = sizeof error->message - 1 - head.size;
    size_t kept = strlen(error->message);
    kept = kept < room ? kept : room;
    memmove(error->message + head.size, error->message, kept);
    memcpy(error->message, head.data, head.size);
    error->message[head.size + kept] = '\0';
    make_utf8(error->message);
    return error->status;
}
