/* carried.c: see carried.h. */
#include "api/carried.h"

#include "base/list.h"

#include <strings.h>

const char *const sk_carried_names[SK_CARRIED_COUNT] = {
    [SK_CARRIED_KEY] = "Idempotency-Key",
    [SK_CARRIED_TYPE] = "Content-Type",
    [SK_CARRIED_TRACE] = "traceparent",
};

static const struct sk_carried *carried_of(struct sk_http_request *request)
{
    return sk_container_of(request, struct sk_carried, request);
}

struct sk_http_view sk_carried_view(struct sk_http_request *request)
{
    return carried_of(request)->view;
}

struct sk_str sk_carried_header(struct sk_http_request *request, const char *name)
{
    for (size_t i = 0; i < SK_CARRIED_COUNT; i++) {
        if (strcasecmp(name, sk_carried_names[i]) == 0) return carried_of(request)->headers[i];
    }
    return (struct sk_str){ NULL, 0 };
}

bool sk_carried_is_gone(struct sk_http_request *request)
{
    (void)request;
    return false;
}
