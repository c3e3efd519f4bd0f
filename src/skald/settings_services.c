/* settings_services.c: `services` and `hosts.allow`, from settings into what a node takes. */
#include "skald/settings_private.h"

/* "Name: value" of each pair. */
static bool take_headers(struct sk_arena *arena, struct sk_service_settings *service)
{
    const struct sk_setting_pairs *pairs = &service->headers;
    const char **headers = SK_ARENA_ARRAY(arena, const char *, pairs->count + 1);
    struct sk_buf line;
    sk_buf_init(&line, 0);
    for (size_t i = 0; headers != NULL && i < pairs->count; i++) {
        sk_buf_clear(&line);
        sk_buf_printf(&line, "%s: %s", pairs->items[i].name, pairs->items[i].text);
        headers[i] = sk_arena_text(arena, sk_buf_view(&line));
    }
    bool is_whole = headers != NULL && !line.failed && !arena->failed;
    sk_buf_release(&line);
    service->options.headers = headers;
    service->options.headers_count = (uint32_t)pairs->count;
    return is_whole;
}

static void check(struct sk_services *services, const struct sk_service_options *options,
                  struct sk_diagnostics *diagnostics)
{
    static const struct sk_mark nowhere = { .file = { "settings", 8 } };
    skald_error error = { .message = "" };
    if (sk_services_add(services, options, &error) == SKALD_OK) return;
    sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "setting_service", &nowhere,
                "skald config list services shows them", "%s", error.message);
}

bool sk_settings_take_services(struct sk_settings *settings, struct sk_diagnostics *diagnostics)
{
    const struct sk_setting_map *map = &settings->services;
    struct sk_arena *arena = &settings->arena;
    struct sk_service_options *all = SK_ARENA_ARRAY(arena, struct sk_service_options, map->count);
    struct sk_services *checked = sk_services_new();
    uint32_t count = 0;
    bool is_whole = checked != NULL && !arena->failed;
    for (struct sk_setting_entry *entry = map->first; is_whole && entry != NULL;
         entry = entry->next) {
        struct sk_service_settings *service =
            sk_container_of(entry, struct sk_service_settings, entry);
        is_whole = take_headers(arena, service);
        service->options.name = entry->name;
        if (is_whole) check(checked, &service->options, diagnostics);
        if (is_whole) all[count++] = service->options;
    }
    sk_services_free(checked);
    settings->node.services = all;
    settings->node.services_count = count;
    settings->node.http.hosts_allowed = settings->hosts_allow.items;
    settings->node.http.hosts_allowed_count = (uint32_t)settings->hosts_allow.count;
    return is_whole;
}
