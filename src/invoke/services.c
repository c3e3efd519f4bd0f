/* services.c: see services.h. */
#include "invoke/services.h"

#include "base/arena.h"

#define HASH_NONFATAL_OOM 1
#include <strings.h>
#include <uthash.h>

enum { SERVICES_MAX = 10000, HEADERS_MAX = 100 };

struct row {
    UT_hash_handle hh;
    struct sk_service_options options;
};

struct sk_services {
    struct sk_arena arena;
    struct row *rows; /* uthash by name */
    uint32_t count;
};

struct sk_services *sk_services_new(void)
{
    struct sk_services *services = sk_alloc(sizeof *services);
    if (services != NULL) sk_arena_init(&services->arena);
    return services;
}

void sk_services_free(struct sk_services *services)
{
    if (services == NULL) return;
    HASH_CLEAR(hh, services->rows);
    sk_arena_release(&services->arena);
    sk_free(services);
}

const struct sk_service_options *sk_services_find(const struct sk_services *services,
                                                  struct sk_str name)
{
    struct row *row = NULL;
    if (services == NULL || name.size == 0) return NULL;
    HASH_FIND(hh, services->rows, name.data, name.size, row);
    return row == NULL ? NULL : &row->options;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static bool is_name(struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_inner = c == '-' && i > 0 && i + 1 < text.size;
        if (!is_inner && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return false;
    }
    return text.size > 0 && text.size <= 100;
}

static bool is_endpoint(const char *text)
{
    bool is_http = strncasecmp(text, "http://", 7) == 0 && text[7] != 0;
    bool is_https = strncasecmp(text, "https://", 8) == 0 && text[8] != 0;
    for (const char *c = text; *c != 0; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7F) return false;
    }
    return is_http || is_https;
}

static bool is_header(const char *text)
{
    const char *colon = strchr(text, ':');
    for (const char *c = text; *c != 0; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7F) return false;
        if (colon != NULL && c < colon && *c == ' ') return false;
    }
    return colon != NULL && colon != text;
}

static enum skald_status check(const struct sk_service_options *options, skald_error *error)
{
    const char *name = options->name == NULL ? "" : options->name;
    if (!is_name(sk_str_of(name))) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "services.%s: a service's name is lower-case letters, digits and -, "
                            "100 at most",
                            name);
    }
    if (options->endpoint != NULL && !is_endpoint(options->endpoint)) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "services.%s.endpoint: '%s' is no endpoint; write http://host:port or "
                            "https://host",
                            name, options->endpoint);
    }
    if (options->headers_count > HEADERS_MAX) {
        return sk_error_set(error, SKALD_E_LIMIT, "services.%s.headers: %d are possible", name,
                            HEADERS_MAX);
    }
    for (uint32_t i = 0; i < options->headers_count; i++) {
        if (is_header(options->headers[i])) continue;
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "services.%s.headers: header %u is not written as Name: value", name,
                            i + 1);
    }
    if (options->tls.key_file != NULL && options->tls.cert_file == NULL) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "services.%s.tls: there is a key_file but no cert_file", name);
    }
    return SKALD_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void copy(struct sk_arena *arena, const char **text)
{
    if (*text != NULL) *text = sk_arena_text(arena, sk_str_of(*text));
}

static void copy_texts(struct sk_arena *arena, struct sk_service_options *options)
{
    const char **texts[] = { &options->name,         &options->endpoint,
                             &options->tls.ca_file,  &options->tls.ca_path,
                             &options->tls.key_file, &options->tls.cert_file,
                             &options->proxy,        &options->tls.key_password,
                             &options->no_proxy };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) copy(arena, texts[i]);
    if (options->headers_count == 0) return;
    const char **headers = SK_ARENA_ARRAY(arena, const char *, options->headers_count);
    for (uint32_t i = 0; headers != NULL && i < options->headers_count; i++) {
        headers[i] = options->headers[i];
        copy(arena, &headers[i]);
    }
    options->headers = headers;
}

enum skald_status sk_services_add(struct sk_services *services,
                                  const struct sk_service_options *options, skald_error *error)
{
    enum skald_status status = check(options, error);
    if (status != SKALD_OK) return status;
    if (sk_services_find(services, sk_str_of(options->name)) != NULL) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "services.%s stands there twice",
                            options->name);
    }
    if (services->count >= SERVICES_MAX) {
        return sk_error_set(error, SKALD_E_LIMIT, "more than %d services", SERVICES_MAX);
    }
    struct row *row = SK_ARENA_NEW(&services->arena, struct row);
    if (row == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    row->options = *options;
    copy_texts(&services->arena, &row->options);
    if (services->arena.failed) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    HASH_ADD_KEYPTR(hh, services->rows, row->options.name, strlen(row->options.name), row);
    if (row->hh.tbl == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    services->count += 1;
    return SKALD_OK;
}
