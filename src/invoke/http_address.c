/*
 * http_address.c: which hosts libevent's client may call, and where they are. Looking up names is
 * left to libcurl: an exchange that it made tells the address that answered, which serves for a
 * minute. Nothing here waits for anything.
 */
#include "invoke/http_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum {
    ADDRESS_AGE_US = 60 * 1000 * 1000,
    LOOK_UP_US = 5 * 1000 * 1000 /* meanwhile the old address serves */
};

static int64_t now_us(const struct sk_http_invoker *invoker)
{
    struct sk_runtime *runtime = invoker->options.runtime;
    return runtime->ops->monotonic_us(runtime);
}

bool sk_http_is_plain(const struct sk_http_invoker *invoker, struct sk_str authority,
                      const struct sk_service_options *profile)
{
    static const char others[] = ".-_:[]";
    const struct sk_http_options *options = &invoker->options;
    enum sk_http2 http2 = profile != NULL ? profile->http2 : SK_HTTP2_DEFAULT;
    if (http2 == SK_HTTP2_DEFAULT) http2 = options->http2;
    bool is_other = options->client == SK_HTTP_CLIENT_LIBCURL || http2 == SK_HTTP2_DIRECT ||
                    sk_http_proxy_of(options, profile)[0] != '\0';
    if (is_other || !sk_str_starts(authority, SK_STR("http://"))) return false;
    /* No name and password, no escapes, no letters beyond ASCII: those are libcurl's to read. */
    for (size_t i = 7; i < authority.size && authority.data[i] != '\n'; i++) {
        char c = authority.data[i];
        bool is_usual = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                        (c != '\0' && strchr(others, c) != NULL);
        if (!is_usual) return false;
    }
    return authority.size > 7;
}

static bool set_address(struct sk_http_host *host, const char *text, long port)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    struct sk_str address = sk_str_of(text);
    if (address.size > 2 && text[0] == '[') address = sk_str_sub(address, 1, address.size - 2);
    if (address.size >= sizeof host->address || port < 1 || port > UINT16_MAX) return false;
    char copy[sizeof host->address] = "";
    memcpy(copy, address.data, address.size);
    if (inet_pton(AF_INET, copy, bytes) != 1 && inet_pton(AF_INET6, copy, bytes) != 1) return false;
    if (strcmp(copy, host->address) != 0) sk_http_wires_close(host);
    memcpy(host->address, copy, sizeof copy);
    host->port = (uint16_t)port;
    return true;
}

void sk_http_read_address(struct sk_http_host *host)
{
    char *name = NULL, *port = NULL, url[300];
    struct sk_str key = { host->key, host->key_size };
    struct sk_str authority = sk_str_sub(key, 0, sk_str_find(key, '\n'));
    CURLU *parts = curl_url();
    if (parts == NULL || authority.size >= sizeof url) {
        curl_url_cleanup(parts);
        return;
    }
    memcpy(url, authority.data, authority.size);
    url[authority.size] = '\0';
    bool is_read = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    host->is_address = is_read && set_address(host, name, strtol(port, NULL, 10));
    curl_free(name);
    curl_free(port);
    curl_url_cleanup(parts);
}

void sk_http_learn_address(struct sk_http_transfer *transfer, bool is_answered)
{
    struct sk_http_host *host = transfer->host;
    char *text = NULL;
    long port = 0;
    if (!host->is_plain || host->is_address) return;
    if (!transfer->answer.is_sent) host->address[0] = '\0';
    if (!is_answered) return;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &text);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
    if (text != NULL && set_address(host, text, port)) {
        host->address_until_us = now_us(transfer->invoker) + ADDRESS_AGE_US;
    }
}

bool sk_http_is_address_known(const struct sk_http_invoker *invoker, struct sk_http_host *host)
{
    if (host->address[0] == '\0') return false;
    if (host->is_address) return true;
    int64_t now = now_us(invoker);
    if (now <= host->address_until_us) return true;
    host->address_until_us = now + LOOK_UP_US;
    return false;
}
