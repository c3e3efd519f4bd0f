/* channels.c: see channels.h. */
#include "skald/channels.h"

#include "dsl/node.h"

static const char *const types[] = { "email", "slack", "webhook", "sms", "pagerduty" };
enum { TYPES_COUNT = sizeof types / sizeof types[0] };

static bool is_type(const char *name)
{
    for (size_t i = 0; i < TYPES_COUNT; i++)
        if (strcmp(name, types[i]) == 0) return true;
    return false;
}

static void complain(struct sk_diagnostics *diagnostics, const char *code, const char *remedy,
                     const char *name, const char *what)
{
    static const struct sk_mark nowhere = { .file = { "settings", 8 } };
    sk_diagnose(diagnostics, SK_SEVERITY_ERROR, code, &nowhere, remedy, "channels.%s: %s", name,
                what);
}

static void check(const struct sk_channel_settings *given, struct sk_diagnostics *diagnostics)
{
    const char *name = given->entry.name;
    bool has_command = given->command.count > 0;
    bool is_webhook = strcmp(name, "webhook") == 0;
    if (!is_type(name))
        complain(diagnostics, "setting_unknown", "one of email, slack, webhook, sms, pagerduty",
                 name, "is no type of notification");
    else if (has_command && given->url != NULL)
        complain(diagnostics, "setting_range", "keep one of the two", name,
                 "has a url and a command");
    else if (!has_command && given->url == NULL && !is_webhook)
        complain(diagnostics, "setting_range",
                 "channels.<type>.url, or channels.<type>.command: [program, argument]", name,
                 "has neither a url nor a command");
}

/* "name: value\n" lines. */
static const char *headers_text(const struct sk_setting_pairs *headers, struct sk_arena *arena)
{
    if (headers->count == 0) return NULL;
    struct sk_buf text;
    sk_buf_init(&text, 0);
    for (size_t i = 0; i < headers->count; i++)
        sk_buf_printf(&text, "%s: %s\n", headers->items[i].name, headers->items[i].text);
    const char *copy = sk_arena_text(arena, sk_buf_view(&text));
    if (text.failed) arena->failed = true;
    sk_buf_release(&text);
    return copy;
}

static const char *const *argv_of(const struct sk_setting_list *command, struct sk_arena *arena)
{
    if (command->count == 0) return NULL;
    const char **argv = SK_ARENA_ARRAY(arena, const char *, command->count + 1);
    for (size_t i = 0; argv != NULL && i < command->count; i++) argv[i] = command->items[i];
    return argv;
}

enum skald_status sk_channels_finish(struct sk_settings *settings,
                                     struct sk_diagnostics *diagnostics)
{
    struct sk_arena *arena = &settings->arena;
    struct sk_channel *channels =
        SK_ARENA_ARRAY(arena, struct sk_channel, settings->channels.count);
    uint32_t count = 0;
    for (struct sk_setting_entry *e = settings->channels.first; channels != NULL && e != NULL;
         e = e->next) {
        const struct sk_channel_settings *given =
            (const struct sk_channel_settings *)(const void *)e; /* entry is its first member */
        check(given, diagnostics);
        channels[count++] = (struct sk_channel){ .type = e->name,
                                                 .url = given->url,
                                                 .method = given->method,
                                                 .headers = headers_text(&given->headers, arena),
                                                 .body = given->body,
                                                 .command = argv_of(&given->command, arena),
                                                 .timeout_ms = given->timeout_ms };
    }
    settings->node.channels = channels;
    settings->node.channels_count = count;
    return arena->failed ? SKALD_E_MEMORY : SKALD_OK;
}
