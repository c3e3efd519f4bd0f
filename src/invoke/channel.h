/*
 * channel.h: the invoker of notifications: email, slack, webhook, sms, pagerduty. Each type is
 * configured as an HTTP request or as a command; a webhook without configuration is posted to its
 * target. A type without configuration fails with `channel_not_configured`, said once in the log.
 *
 * An invocation's method is the type, its target the notification's target, its body the JSON that
 * docs/notifications.md describes. What is sent: that JSON, or `body` with every {{ path }} in it
 * filled in from it ("{{message}}", "{{metadata.run}}").
 *
 * HTTP: by the HTTP invoker it is given; its answer means what it means for a hook.
 * Command: argv as it stands, never through a shell; the JSON on its standard input, the key in
 * SKALD_IDEMPOTENCY_KEY. Exit code 0 is sent, any other is tried again; beyond the time limit it is
 * killed with all its children. Its own environment has no SKALD_SECRET_ variables.
 */
#ifndef SK_INVOKE_CHANNEL_H
#define SK_INVOKE_CHANNEL_H

#include "base/buf.h"
#include "invoke/invoke.h"
#include "runtime/runtime.h"

struct event_base;

enum {
    SK_CHANNEL_COMMANDS_MAX = 4,  /* running at once */
    SK_CHANNEL_WAITING_MAX = 1000 /* more are tried again later */
};

/* Appends the secret's value: true; or false when there is none of that name. */
typedef bool sk_channel_secret(void *context, struct sk_str name, struct sk_buf *out);

/* One type as it is configured; texts outlive the invoker. */
struct sk_channel {
    const char *type;
    const char *url;    /* may hold {{ path }} and ${secret:NAME}; NULL: the target, or a command */
    const char *method; /* NULL = POST */
    const char *headers;        /* "name: value\n" lines; may hold ${secret:NAME}; NULL = none */
    const char *body;           /* may hold both; NULL = the notification as it is */
    const char *const *command; /* argv, ends with NULL; NULL = HTTP */
    int64_t timeout_ms;         /* 0 = that of the hook */
};

struct sk_channel_options {
    struct sk_runtime *runtime; /* required; outlives the invoker */
    struct event_base *base;    /* required: the loop of `runtime` */
    struct sk_invoker *http;    /* NULL = not in this build; outlives the invoker */
    const struct sk_channel *channels;
    uint32_t channels_count;
    uint32_t commands_max, waiting_max; /* 0 = as above */
    /* By type, what people have been told of already; shared by the loops of a node. NULL = it
     * keeps that itself. */
    _Atomic uint32_t *told;
    sk_channel_secret *secret; /* for bodies; NULL = there are no secrets */
    void *secret_context;
};

/* SKALD_E_ARGUMENT: a type twice, an unknown type, neither or both of url and command. */
enum skald_status sk_channel_invoker_new(const struct sk_channel_options *options,
                                         struct sk_invoker **out, skald_error *error) SK_MUST_CHECK;

/* Figures of one type since the start. */
struct sk_channel_figures {
    const char *type;
    bool is_configured;
    uint64_t sent, failed; /* attempts by their end */
    uint32_t in_flight, waiting;
};
/* As many rows as there are types; returns their number. From any thread. */
enum { SK_CHANNEL_TYPES_COUNT = 5 };
uint32_t sk_channel_figures(const struct sk_invoker *invoker,
                            struct sk_channel_figures out[SK_CHANNEL_TYPES_COUNT]);

#endif
