/* listen.c: see listen.h. */
#include "skald/listen.h"

#include <string.h>

enum skald_status sk_listen_read(struct sk_str text, struct sk_listen *out_listen,
                                 skald_error *error)
{
    struct sk_str host = SK_STR("127.0.0.1"), port = text;
    for (size_t i = text.size; i > 0; i--) {
        if (text.data[i - 1] != ':') continue;
        port = sk_str_sub(text, i, text.size);
        if (i > 1) host = sk_str_sub(text, 0, i - 1);
        break;
    }
    bool has_brackets = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    bool is_bare_v6 = !has_brackets && sk_str_find(host, ':') < host.size;
    if (has_brackets) host = sk_str_sub(host, 1, host.size - 2);
    uint64_t number = 0;
    if (is_bare_v6 || !sk_str_to_u64(port, &number) || number > UINT16_MAX ||
        host.size >= SK_HOST_SIZE_MAX) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "'%.*s' is no address: write it like 127.0.0.1:8080, [::1]:8080 or :0",
                            SK_STR_ARGS(text));
    }
    memcpy(out_listen->host, host.data, host.size);
    out_listen->host[host.size] = 0;
    out_listen->port = (uint16_t)number;
    return SKALD_OK;
}
