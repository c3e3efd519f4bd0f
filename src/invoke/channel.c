/*
 * channel.c: the invoker of notifications: which channel a notification goes to, the queue of
 * commands, their time-outs, what an end means. The diagram stands in channel_parts.h.
 *
 *   N1  `done` is called from the loop's own callbacks, never from inside `start`.
 *   N2  A sending is out of the table and of the queue before its `done` is called.
 *   N3  At most commands_max commands run and waiting_max wait; beyond that start says so, and the
 *       hook is tried again.
 */
#include "invoke/channel_parts.h"

#include "base/assert.h"
#include "base/limits.h"

#include <stdio.h>

static const char *const type_names[SK_CHANNEL_TYPES_COUNT] = { "email", "slack", "webhook", "sms",
                                                                "pagerduty" };
enum { TYPE_WEBHOOK = 2 };

static struct sk_channel_invoker *whole_of(struct sk_invoker *port)
{
    return sk_container_of(port, struct sk_channel_invoker, port);
}

/* SK_CHANNEL_TYPES_COUNT: no such type. */
static uint32_t type_of(struct sk_str name)
{
    uint32_t i = 0;
    while (i < SK_CHANNEL_TYPES_COUNT && !sk_str_is(name, type_names[i])) i++;
    return i;
}

/* ---- sendings -------------------------------------------------------------------------------- */

static void free_sending(struct sk_sending *sending)
{
    sk_arena_release(&sending->arena);
    sk_free(sending);
}

static void run_next(struct sk_channel_invoker *invoker);

/* N2. */
static void detach(struct sk_sending *sending)
{
    struct sk_channel_invoker *invoker = sending->invoker;
    struct sk_channel_type *type = &invoker->types[sending->type];
    HASH_DEL(invoker->sendings, sending);
    (void)evtimer_del(&sending->timer);
    if (sending->place == SK_SENDING_WAITING) {
        sk_list_remove(&sending->link);
        invoker->waiting_count -= 1;
        type->waiting -= 1;
    } else {
        type->in_flight -= 1;
        if (sending->place == SK_SENDING_RUNNING) invoker->running_count -= 1;
    }
}

static void end(struct sk_sending *sending, const struct sk_outcome *outcome)
{
    struct sk_channel_invoker *invoker = sending->invoker;
    struct sk_channel_type *type = &invoker->types[sending->type];
    detach(sending);
    if (outcome->class_ == SK_OUTCOME_SUCCEEDED)
        type->sent += 1;
    else
        type->failed += 1;
    run_next(invoker);
    sending->done(sending->context, sending->ticket, outcome);
    free_sending(sending);
}

static void end_with(struct sk_sending *sending, enum sk_outcome_class class_, const char *code,
                     struct sk_str message)
{
    struct sk_outcome outcome = { .class_ = class_,
                                  .code = sk_str_of(code),
                                  .message = message,
                                  .is_answered = class_ != SK_OUTCOME_UNKNOWN };
    end(sending, &outcome);
}

/* ---- commands -------------------------------------------------------------------------------- */

void sk_sending_exited(struct sk_sending *sending, bool is_signal, int number)
{
    char code[32];
    (void)snprintf(code, sizeof code, is_signal ? "signal_%d" : "exit_%d", number);
    struct sk_str said = { sending->run.said, sending->run.said_size };
    if (!sk_utf8_valid(said)) said = SK_STR("");
    bool is_sent = !is_signal && number == 0;
    end_with(sending, is_sent ? SK_OUTCOME_SUCCEEDED : SK_OUTCOME_RETRYABLE, is_sent ? "" : code,
             sk_str_trim(said));
}

static bool set_timer(struct sk_sending *sending, int64_t delay_ms)
{
    struct timeval delay = { .tv_sec = (time_t)(delay_ms / 1000),
                             .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000 };
    return evtimer_add(&sending->timer, &delay) == 0;
}

static void bar(struct sk_sending *sending, const char *why)
{
    sending->place = SK_SENDING_BARRED;
    sending->why = why;
}

/* Out of the queue; one that cannot be started ends at its timer, which is now. */
static void run_command(struct sk_sending *sending)
{
    struct sk_channel_invoker *invoker = sending->invoker;
    struct sk_channel_type *type = &invoker->types[sending->type];
    sk_list_remove(&sending->link);
    invoker->waiting_count -= 1;
    type->waiting -= 1;
    type->in_flight += 1;
    enum skald_status status = sk_command_spawn(sending);
    if (status == SKALD_OK) {
        sending->place = SK_SENDING_RUNNING;
        invoker->running_count += 1;
        return;
    }
    bar(sending, "command_not_started");
    (void)set_timer(sending, 0);
}

static void run_next(struct sk_channel_invoker *invoker)
{
    while (invoker->running_count < invoker->options.commands_max &&
           !sk_list_is_empty(&invoker->waiting))
        run_command(sk_container_of(invoker->waiting.next, struct sk_sending, link));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_sending *sending = context;
    bool is_hopeless = false;
    switch (sending->place) {
    case SK_SENDING_RUNNING:
        sk_command_kill(sending);
        end_with(sending, SK_OUTCOME_UNKNOWN, "timeout", SK_STR("the command took too long"));
        return;
    case SK_SENDING_WAITING:
        end_with(sending, SK_OUTCOME_RETRYABLE, "queue_timeout",
                 SK_STR("too many notifications were before it"));
        return;
    case SK_SENDING_BARRED:
        is_hopeless = strcmp(sending->why, "channel_not_configured") == 0;
        end_with(sending, is_hopeless ? SK_OUTCOME_FAILED : SK_OUTCOME_RETRYABLE, sending->why,
                 sk_str_of(sending->message));
        return;
    case SK_SENDING_POSTED: return; /* the HTTP invoker has its own */
    }
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static struct sk_sending *find(const struct sk_channel_invoker *invoker, uint64_t ticket)
{
    struct sk_sending *sending = NULL;
    HASH_FIND(hh, invoker->sendings, &ticket, sizeof ticket, sending);
    return sending;
}

static void on_posted(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct sk_sending *sending = find(context, ticket);
    if (sending != NULL) end(sending, outcome);
}

static enum skald_status post(struct sk_sending *sending, const struct sk_invocation *invocation)
{
    struct sk_channel_invoker *invoker = sending->invoker;
    const struct sk_channel *channel = sending->channel;
    struct sk_invocation request = *invocation;
    struct sk_buf url;
    struct sk_str missing;
    sk_buf_init(&url, SK_LINE_SIZE_MAX);
    request.method = SK_STR("POST");
    request.headers = SK_STR("");
    request.body = sending->input;
    if (channel != NULL && channel->method != NULL) request.method = sk_str_of(channel->method);
    if (channel != NULL && channel->headers != NULL) request.headers = sk_str_of(channel->headers);
    if (channel != NULL && channel->url != NULL) {
        (void)sk_channel_fill(&invoker->options, sk_str_of(channel->url), invocation->body,
                              SK_FILL_URL, &url, &missing);
        request.target = sk_buf_view(&url);
    }
    if (channel != NULL && channel->timeout_ms > 0 && channel->timeout_ms < request.timeout_ms)
        request.timeout_ms = channel->timeout_ms;
    struct sk_invoker *http = invoker->options.http;
    enum skald_status status =
        url.failed ? SKALD_E_MEMORY : http->ops->start(http, &request, on_posted, invoker);
    sk_buf_release(&url);
    return status;
}

/* ---- start ----------------------------------------------------------------------------------- */

static void bar_unconfigured(struct sk_sending *sending, struct sk_str type_name)
{
    struct sk_channel_invoker *invoker = sending->invoker;
    bar(sending, "channel_not_configured");
    (void)snprintf(sending->message, sizeof sending->message,
                   "notifications of type %.*s are not configured: set channels.%.*s.url or "
                   "channels.%.*s.command",
                   SK_STR_ARGS(type_name), SK_STR_ARGS(type_name), SK_STR_ARGS(type_name));
    uint32_t bit = 1u << sending->type;
    if ((atomic_fetch_or(invoker->options.told, bit) & bit) != 0) return;
    struct sk_log_line line = { .level = SK_LOG_WARN,
                                .event = SK_STR("channel.not_configured"),
                                .duration_ms = -1,
                                .message = sk_str_of(sending->message) };
    invoker->options.runtime->ops->log(invoker->options.runtime, &line);
}

/* What is sent: the notification, or the channel's own text filled in with it. */
static bool fill_input(struct sk_sending *sending, const struct sk_invocation *invocation)
{
    const struct sk_channel *channel = sending->channel;
    if (channel == NULL || channel->body == NULL) {
        sending->input = sk_arena_copy(&sending->arena, invocation->body);
        return !sending->arena.failed;
    }
    struct sk_buf text;
    struct sk_str missing = { NULL, 0 };
    sk_buf_init(&text, 2 * SK_PAYLOAD_SIZE_MAX);
    bool is_filled = sk_channel_fill(&sending->invoker->options, sk_str_of(channel->body),
                                     invocation->body, SK_FILL_JSON, &text, &missing);
    if (!is_filled) {
        bar(sending, "secret_unknown");
        (void)snprintf(sending->message, sizeof sending->message, "no such secret: %.*s",
                       (int)(missing.size < 100 ? missing.size : 100), missing.data);
    }
    sending->input = sk_arena_copy(&sending->arena, sk_buf_view(&text));
    bool is_whole = !text.failed && !sending->arena.failed;
    sk_buf_release(&text);
    return is_whole;
}

static struct sk_sending *new_sending(struct sk_channel_invoker *invoker,
                                      const struct sk_invocation *invocation, uint32_t type,
                                      sk_invoke_done *done, void *context)
{
    struct sk_sending *sending = sk_alloc(sizeof *sending);
    if (sending == NULL) return NULL;
    *sending = (struct sk_sending){ .invoker = invoker,
                                    .place = SK_SENDING_POSTED,
                                    .type = type,
                                    .channel = invoker->types[type].channel,
                                    .ticket = invocation->ticket,
                                    .done = done,
                                    .context = context };
    sk_arena_init(&sending->arena);
    sk_list_init(&sending->link);
    (void)evtimer_assign(&sending->timer, invoker->options.base, on_timer, sending);
    sending->key = sk_arena_copy(&sending->arena, invocation->key);
    HASH_ADD(hh, invoker->sendings, ticket, sizeof sending->ticket, sending);
    if (sending->hh.tbl != NULL) return sending;
    free_sending(sending);
    return NULL;
}

static enum skald_status enqueue(struct sk_sending *sending, int64_t timeout_ms)
{
    struct sk_channel_invoker *invoker = sending->invoker;
    int64_t own_ms = sending->channel->timeout_ms;
    if (invoker->waiting_count >= invoker->options.waiting_max) return SKALD_E_LIMIT;
    if (own_ms > 0 && own_ms < timeout_ms) timeout_ms = own_ms;
    if (!set_timer(sending, timeout_ms > 0 ? timeout_ms : 1)) return SKALD_E_MEMORY;
    invoker->types[sending->type].in_flight -= 1;
    invoker->types[sending->type].waiting += 1;
    invoker->waiting_count += 1;
    sending->place = SK_SENDING_WAITING;
    sk_list_push(&invoker->waiting, &sending->link);
    run_next(invoker);
    return SKALD_OK;
}

static enum skald_status start(struct sk_invoker *port, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    struct sk_channel_invoker *invoker = whole_of(port);
    uint32_t type = type_of(invocation->method);
    if (type == SK_CHANNEL_TYPES_COUNT) return SKALD_E_ARGUMENT; /* the definition was checked */
    struct sk_sending *sending = new_sending(invoker, invocation, type, done, context);
    if (sending == NULL) return SKALD_E_MEMORY;
    invoker->types[type].in_flight += 1;
    const struct sk_channel *channel = sending->channel;
    bool is_command = channel != NULL && channel->command != NULL;
    bool has_way = channel != NULL || type == TYPE_WEBHOOK;
    if (!has_way || (!is_command && invoker->options.http == NULL))
        bar_unconfigured(sending, invocation->method);
    enum skald_status status = SKALD_OK;
    if (sending->place == SK_SENDING_POSTED && !fill_input(sending, invocation))
        status = SKALD_E_MEMORY;
    if (status == SKALD_OK && sending->place == SK_SENDING_BARRED)
        status = set_timer(sending, 0) ? SKALD_OK : SKALD_E_MEMORY;
    else if (status == SKALD_OK)
        status = is_command ? enqueue(sending, invocation->timeout_ms) : post(sending, invocation);
    if (status == SKALD_OK) return SKALD_OK;
    detach(sending);
    free_sending(sending);
    return status;
}

/* ---- the port -------------------------------------------------------------------------------- */

static void cancel(struct sk_invoker *port, uint64_t ticket)
{
    struct sk_channel_invoker *invoker = whole_of(port);
    struct sk_sending *sending = find(invoker, ticket);
    if (sending == NULL) return;
    struct sk_invoker *http = invoker->options.http;
    if (sending->place == SK_SENDING_POSTED) http->ops->cancel(http, ticket);
    if (sending->place == SK_SENDING_RUNNING) sk_command_kill(sending);
    detach(sending);
    free_sending(sending);
    run_next(invoker);
}

static void invoker_free(struct sk_invoker *port)
{
    if (port == NULL) return;
    struct sk_channel_invoker *invoker = whole_of(port);
    invoker->options.commands_max = 0; /* nothing new */
    struct sk_sending *sending, *next;
    HASH_ITER(hh, invoker->sendings, sending, next) cancel(port, sending->ticket);
    sk_free(invoker);
}

static const struct sk_invoker_ops channel_ops = { .start = start,
                                                   .cancel = cancel,
                                                   .free = invoker_free };

static enum skald_status configure(struct sk_channel_invoker *invoker,
                                   const struct sk_channel *channel, skald_error *error)
{
    uint32_t type = type_of(sk_str_of(channel->type));
    if (type == SK_CHANNEL_TYPES_COUNT)
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "channel %s: the types are email, slack, webhook, sms, pagerduty",
                            channel->type);
    if (invoker->types[type].channel != NULL)
        return sk_error_set(error, SKALD_E_ARGUMENT, "channel %s is there twice", channel->type);
    bool has_command = channel->command != NULL && channel->command[0] != NULL;
    bool may_lack_url = type == TYPE_WEBHOOK && !has_command;
    if ((channel->url != NULL) == has_command && !(may_lack_url && channel->url == NULL))
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "channel %s: give it a url or a command, one of the two",
                            channel->type);
    invoker->types[type].channel = channel;
    return SKALD_OK;
}

enum skald_status sk_channel_invoker_new(const struct sk_channel_options *options,
                                         struct sk_invoker **out, skald_error *error)
{
    *out = NULL;
    struct sk_channel_invoker *invoker = sk_alloc(sizeof *invoker);
    if (invoker == NULL) return sk_error_set(error, SKALD_E_MEMORY, "channels: out of memory");
    *invoker = (struct sk_channel_invoker){ .port = { &channel_ops }, .options = *options };
    if (options->told == NULL) invoker->options.told = &invoker->told;
    if (options->commands_max == 0) invoker->options.commands_max = SK_CHANNEL_COMMANDS_MAX;
    if (options->waiting_max == 0) invoker->options.waiting_max = SK_CHANNEL_WAITING_MAX;
    sk_list_init(&invoker->waiting);
    enum skald_status status = SKALD_OK;
    for (uint32_t i = 0; status == SKALD_OK && i < options->channels_count; i++)
        status = configure(invoker, &options->channels[i], error);
    if (status != SKALD_OK) {
        sk_free(invoker);
        return status;
    }
    *out = &invoker->port;
    return SKALD_OK;
}

uint32_t sk_channel_figures(const struct sk_invoker *invoker,
                            struct sk_channel_figures out[SK_CHANNEL_TYPES_COUNT])
{
    const struct sk_channel_invoker *whole =
        (const struct sk_channel_invoker *)(const void *)invoker; /* port is its first member */
    for (uint32_t i = 0; i < SK_CHANNEL_TYPES_COUNT; i++) {
        const struct sk_channel_type *type = &whole->types[i];
        out[i] = (struct sk_channel_figures){ .type = type_names[i],
                                              .is_configured = type->channel != NULL,
                                              .sent = type->sent,
                                              .failed = type->failed,
                                              .in_flight = type->in_flight,
                                              .waiting = type->waiting };
    }
    return SK_CHANNEL_TYPES_COUNT;
}
