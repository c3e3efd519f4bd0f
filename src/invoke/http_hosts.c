/*
 * http_hosts.c: which hosts may be called. The URL is taken apart by libcurl's own parser, the one
 * that the request will go through, so that both understand the same host by it.
 */
#include "invoke/http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* '*' stands for any run of characters, also none. Greedy with one place to return to: linear in
 * practice, quadratic at worst, on texts of 255 bytes. */
static bool matches(struct sk_str pattern, struct sk_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, back = 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            back = t;
        } else if (p < pattern.size && strncasecmp(pattern.data + p, text.data + t, 1) == 0) {
            p += 1;
            t += 1;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++back;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') p += 1;
    return p == pattern.size;
}

/* "host", "host:port", "[::1]:port"; a colon inside brackets is none. */
static void split(struct sk_str pattern, struct sk_str *out_host, struct sk_str *out_port)
{
    size_t colon = pattern.size;
    for (size_t i = pattern.size; i > 0 && pattern.data[i - 1] != ']'; i--) {
        if (pattern.data[i - 1] == ':') colon = i - 1;
    }
    *out_host = sk_str_sub(pattern, 0, colon);
    *out_port = colon < pattern.size ? sk_str_sub(pattern, colon + 1, pattern.size - colon - 1)
                                     : SK_STR("");
}

static bool is_plain(struct sk_str host)
{
    for (size_t i = 0; i < host.size; i++) {
        unsigned char c = (unsigned char)host.data[i];
        if (c <= 0x20 || c >= 0x7F) return false; /* names of other letters are written xn--… */
    }
    return host.size > 0;
}

static bool is_listed(const struct sk_http_options *options, struct sk_str host, struct sk_str port)
{
    for (uint32_t i = 0; i < options->hosts_allowed_count; i++) {
        struct sk_str wanted_host, wanted_port;
        split(sk_str_trim(sk_str_of(options->hosts_allowed[i])), &wanted_host, &wanted_port);
        bool is_port =
            wanted_port.size == 0 || sk_str_is(wanted_port, "*") || sk_str_equal(wanted_port, port);
        if (is_port && matches(wanted_host, host)) return true;
    }
    return false;
}

bool sk_http_host_allowed(const struct sk_http_options *options, const char *url, char *out_host,
                          size_t size)
{
    char *host = NULL, *port = NULL;
    bool is_allowed = false;
    CURLU *parts = curl_url();
    (void)snprintf(out_host, size, "an address that cannot be read");
    if (parts == NULL) return false;
    bool is_read = curl_url_set(parts, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    if (is_read) {
        struct sk_str name = sk_str_of(host);
        if (name.size > 1 && name.data[name.size - 1] == '.') name.size -= 1;
        is_allowed = is_plain(name) && is_listed(options, name, sk_str_of(port));
        (void)snprintf(out_host, size, "%s:%s", host, port);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return is_allowed;
}
