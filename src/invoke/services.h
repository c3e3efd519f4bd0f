/*
 * services.h: what the server's configuration says about participants, by service name: where they
 * are, what every request carries, how hard they may be driven, how TLS and proxies are used. The
 * invokers, the limiter and the check of definitions read it; nothing changes it once it is made.
 */
#ifndef SK_INVOKE_SERVICES_H
#define SK_INVOKE_SERVICES_H

#include "base/error.h"
#include "core/plan.h"

enum sk_http2 {
    SK_HTTP2_DEFAULT, /* the server's setting, else auto */
    SK_HTTP2_AUTO,    /* where TLS offers it (ALPN) */
    SK_HTTP2_OFF,     /* HTTP/1.1 */
    SK_HTTP2_DIRECT   /* at once, without asking: "prior knowledge", also without TLS */
};

/* Files are PEM. NULL = the server's setting, else none (for ca_*: the system's). */
struct sk_tls_options {
    const char *ca_file, *ca_path;
    const char *cert_file, *key_file; /* the client's own; key_file NULL = it stands in cert_file */
    const char *key_password;
};

/* NULL and 0 mean "not said". A value of the configuration wins over the definition's, with one
 * exception: an `endpoint` that an action writes itself is its own. */
struct sk_service_options {
    const char *name;
    const char *endpoint; /* http://… or https://…, may hold ${secret:NAME} */
    const char *const
        *headers; /* "Name: value"; added where the definition sends none of the name */
    uint32_t headers_count;
    int64_t timeout_ms; /* an attempt is given up by this time, if it is not sooner by itself */
    struct sk_limits limits;
    struct sk_tls_options tls;
    const char *proxy;    /* "http://host:3128"; "direct" = none for this service */
    const char *no_proxy; /* "localhost,.internal" */
    enum sk_http2 http2;
};

struct sk_services;

struct sk_services *sk_services_new(void); /* NULL: out of memory */
void sk_services_free(struct sk_services *services);
/* Copies. SKALD_E_ARGUMENT says what is wrong, with the service's name. */
enum skald_status sk_services_add(struct sk_services *services,
                                  const struct sk_service_options *options,
                                  skald_error *error) SK_MUST_CHECK;
/* NULL: the configuration says nothing of it. `services` may be NULL. */
const struct sk_service_options *sk_services_find(const struct sk_services *services,
                                                  struct sk_str name);

#endif
