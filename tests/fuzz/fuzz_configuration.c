/*
 * fuzz_configuration.c: settings of a server, in layers. The input is up to four sections, each but
 * the first begun by a line `---- file`, `---- environment` or `---- flags`; the first is a file.
 *
 *   1  Each layer is taken or refused with diagnostics that have words; nothing else happens.
 *   2  Every value in force is in its row's range and has a text, which is JSON-safe text and is
 *      read back as the same text (but for secrets and maps).
 *   3  Secrets are not shown: a literal token never comes out of a view.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "fuzz.h"
#include "skald/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { VARIABLES_MAX = 64 };

static void check_diagnostics(const struct sk_diagnostics *diagnostics)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        const struct sk_diagnostic *d = &diagnostics->items[i];
        FUZZ_CHECK(d->code.size > 0 && d->message.size > 0, "diagnostic %u says nothing", i);
    }
    sk_diagnostics_json(diagnostics, &text);
    fuzz_check_json(sk_buf_view(&text), "the diagnostics");
    sk_buf_release(&text);
}

static void take_file(struct sk_settings *settings, struct sk_str text,
                      struct sk_diagnostics *diagnostics)
{
    char path[64];
    skald_error error = { 0 };
    int fd = memfd_create("settings", 0);
    FUZZ_CHECK(fd >= 0 &&
                   write(fd, text.size > 0 ? text.data : "", text.size) == (ssize_t)text.size,
               "no file");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    uint32_t errors_count = diagnostics->errors_count;
    enum skald_status status = sk_settings_read_file(settings, path, diagnostics, &error);
    (void)close(fd);
    bool is_told = diagnostics->errors_count > errors_count;
    FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_INVALID, "%s: %s", skald_status_name(status),
               error.message);
    FUZZ_CHECK(is_told == (status == SKALD_E_INVALID), "%s", skald_status_name(status));
}

static void take_environment(struct sk_settings *settings, struct sk_str text,
                             struct sk_diagnostics *diagnostics)
{
    char *variables[VARIABLES_MAX + 1];
    size_t count = 0;
    struct sk_str line;
    while (count < VARIABLES_MAX && fuzz_line(&text, &line)) {
        variables[count++] = fuzz_text(line);
    }
    variables[count] = NULL;
    enum skald_status status = sk_settings_read_environment(settings, variables, diagnostics);
    FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_INVALID, "%s", skald_status_name(status));
    while (count > 0) free(variables[--count]);
}

static void take_flags(struct sk_settings *settings, struct sk_str text,
                       struct sk_diagnostics *diagnostics)
{
    struct sk_str line;
    while (fuzz_line(&text, &line)) {
        char *name = fuzz_text(line);
        char *value = strchr(name, '=');
        if (value != NULL) {
            *value = '\0';
            enum skald_status status =
                sk_settings_set(settings, name, value + 1, "--set", diagnostics);
            FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_INVALID, "%s",
                       skald_status_name(status));
        }
        free(name);
    }
}

static void take_sections(struct sk_settings *settings, struct sk_str text,
                          struct sk_diagnostics *diagnostics)
{
    struct sk_str rest = text, line, kind = SK_STR("file");
    const char *from = text.data;
    bool has_more = true;
    while (has_more) {
        has_more = fuzz_line(&rest, &line);
        bool is_mark = has_more && sk_str_starts(line, SK_STR("---- "));
        if (has_more && !is_mark) continue;
        const char *end = is_mark ? line.data : text.data + text.size;
        struct sk_str section = { from, (size_t)(end - from) };
        if (sk_str_is(kind, "environment"))
            take_environment(settings, section, diagnostics);
        else if (sk_str_is(kind, "flags"))
            take_flags(settings, section, diagnostics);
        else
            take_file(settings, section, diagnostics);
        if (!is_mark) continue;
        kind = sk_str_sub(line, 5, line.size);
        from = rest.size > 0 ? rest.data : text.data + text.size;
    }
}

/* ---- what is in force ------------------------------------------------------------------------ */

struct looking {
    struct sk_settings *again;
    struct sk_diagnostics diagnostics;
    uint32_t count;
};

static void look(void *context, const struct sk_setting_view *view)
{
    struct looking *looking = context;
    struct sk_buf name, text;
    looking->count += 1;
    FUZZ_CHECK(view->row != NULL && view->path.size > 0 && view->origin.size > 0, "a view");
    FUZZ_CHECK(sk_utf8_valid(view->text), "%.*s is no text", SK_STR_ARGS(view->path));
    if (view->is_default || view->row->may_hold_secret || view->row->type == SK_SETTING_MAP ||
        view->row->type == SK_SETTING_PAIRS)
        return;
    /* The text is YAML, as a file would hold it: `a: {b: …}` for a.b. */
    sk_buf_init(&name, 0);
    sk_buf_init(&text, 0);
    struct sk_str rest = view->path;
    while (rest.size > 0) {
        size_t dot = sk_str_find(rest, '.');
        sk_buf_append_text(&text, "{");
        sk_buf_append_str(&text, sk_str_sub(rest, 0, dot));
        sk_buf_append_text(&text, ": ");
        sk_buf_append_char(&name, '}');
        rest = sk_str_sub(rest, dot + 1, rest.size);
    }
    sk_buf_append_str(&text, view->text);
    sk_buf_append_str(&text, sk_buf_view(&name));
    uint32_t errors_count = looking->diagnostics.errors_count;
    take_file(looking->again, sk_buf_view(&text), &looking->diagnostics);
    FUZZ_CHECK(looking->diagnostics.errors_count == errors_count, "%s", sk_buf_text(&text));
    sk_buf_release(&name);
    sk_buf_release(&text);
}

static void keep_text(void *context, const struct sk_setting_view *view)
{
    struct sk_buf *out = context;
    if (view->row->may_hold_secret || view->row->type == SK_SETTING_PAIRS) return;
    sk_buf_append_str(out, view->path);
    sk_buf_append_char(out, '=');
    sk_buf_append_str(out, view->text);
    sk_buf_append_char(out, '\n');
}

static void check_view(struct sk_settings *settings)
{
    struct sk_settings again;
    struct looking looking = { .again = &again };
    struct sk_buf before, after;
    FUZZ_CHECK(sk_settings_init(&again) == SKALD_OK, "memory");
    sk_diagnostics_init(&looking.diagnostics);
    FUZZ_CHECK(sk_settings_each(settings, look, &looking) == SKALD_OK, "memory");
    FUZZ_CHECK(looking.count > 50, "%u settings", looking.count);
    sk_buf_init(&before, 0);
    sk_buf_init(&after, 0);
    FUZZ_CHECK(sk_settings_each(settings, keep_text, &before) == SKALD_OK, "memory");
    FUZZ_CHECK(sk_settings_each(&again, keep_text, &after) == SKALD_OK, "memory");
    if (settings->services.count == 0 && settings->channels.count == 0)
        FUZZ_CHECK(sk_str_equal(sk_buf_view(&before), sk_buf_view(&after)), "%s\nbecame\n%s",
                   sk_buf_text(&before), sk_buf_text(&after));
    sk_buf_release(&before);
    sk_buf_release(&after);
    sk_diagnostics_release(&looking.diagnostics);
    sk_settings_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_settings settings;
    struct sk_diagnostics diagnostics;
    FUZZ_CHECK(sk_settings_init(&settings) == SKALD_OK, "memory");
    sk_diagnostics_init(&diagnostics);
    take_sections(&settings, (struct sk_str){ (const char *)data, size }, &diagnostics);
    enum skald_status status = sk_settings_finish(&settings, &diagnostics);
    FUZZ_CHECK((status == SKALD_E_INVALID) == (diagnostics.errors_count > 0), "%s",
               skald_status_name(status));
    check_diagnostics(&diagnostics);
    if (status == SKALD_OK) check_view(&settings);
    sk_diagnostics_release(&diagnostics);
    sk_settings_release(&settings);
    return 0;
}

static const char *const fragments[] = {
    "listen: 127.0.0.1:8080\n",
    "store: sqlite:orders.db\n",
    "log: {level: debug, format: json}\n",
    "limits:\n  sagas_max: 1000\n  input_size: 64kB\n",
    "retention:\n  age: 30d\n  count: 5\n",
    "retry: {type: exponential_backoff, max_attempts: 3, initial_delay: 1s, max_delay: 5s}\n",
    "services:\n  books:\n    endpoint: http://books\n    headers: {X-A: \"${secret:A}\"}\n",
    "services: {books: {timeout: 3s, max_in_flight: 2, rate_limit: 1.5, circuit_breaker: on}}\n",
    "services: {books: null}\n",
    "channels: {ops: {type: slack, url: \"${secret:SLACK}\"}}\n",
    "hosts: {allow: [a.example, \"*.b.example\", 10.0.0.0/8]}\n",
    "sensitive: [password, card.number]\n",
    "definitions: [a.yaml, b.yaml]\n",
    "lease: {duration: 5s, margin: 6s}\n",
    "store: null\n",
    "---- file\n",
    "---- environment\n",
    "---- flags\n",
    "SKALD_LISTEN=0.0.0.0:1\n",
    "SKALD_SERVICES={books: {endpoint: http://b}}\n",
    "SKALD_SENSITIVE=a,b\n",
    "SKALD_LIMITS_SAGAS_MAX=12\n",
    "services.books.headers.X-B=v\n",
    "limits.sagas_max=-1\n",
    "log.level=loud\n",
    "value: 9223372036854775808\n",
    "value: 1e400\n",
    "value: 99999999d\n",
    "value: [a, [b]]\n",
    NULL
};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return fuzz_mutate_lines(data, size, max_size, seed, fragments);
}
