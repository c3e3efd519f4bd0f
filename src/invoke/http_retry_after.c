/* http_retry_after.c: the Retry-After header: seconds, or a date in any form HTTP allows. */
#include "invoke/http_outcome.h"

#include <curl/curl.h>

enum { DATE_SIZE_MAX = 63 };

static bool is_digits(struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return text.size > 0;
}

bool sk_http_retry_after(struct sk_str value, int64_t now_ms, int64_t *out_ms)
{
    struct sk_str text = sk_str_trim(value);
    int64_t ms;
    if (is_digits(text)) {
        uint64_t seconds = 0;
        bool fits = sk_str_to_u64(text, &seconds) && seconds < SK_HTTP_RETRY_AFTER_MS_MAX / 1000;
        ms = fits ? (int64_t)seconds * 1000 : SK_HTTP_RETRY_AFTER_MS_MAX;
    } else {
        /* Every HTTP date begins with the name of a day; curl would read much more than dates. */
        char date[DATE_SIZE_MAX + 1];
        if (text.size < 8 || text.size > DATE_SIZE_MAX || text.data[0] < 'A') return false;
        memcpy(date, text.data, text.size);
        date[text.size] = '\0';
        time_t at = curl_getdate(date, NULL);
        if (at == (time_t)-1) return false;
        ms = (int64_t)at * 1000 - now_ms;
    }
    if (ms > SK_HTTP_RETRY_AFTER_MS_MAX) ms = SK_HTTP_RETRY_AFTER_MS_MAX;
    *out_ms = ms < 0 ? 0 : ms;
    return true;
}
