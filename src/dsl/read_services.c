/*
 * read_services.c: what a definition says under `services` about how hard a participant may be
 * driven: requests at once, requests a second, the circuit breaker. Endpoints, headers and
 * time-outs of services go into the actions themselves: read_action.c.
 */
#include "dsl/read.h"

#include "base/time.h"

static void refuse_rate(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    sk_complain(c, SK_SEVERITY_ERROR, "bad_rate", node,
                "a number of requests a second, or as in 100/s, 600/m, 5000/h", "%.*s is no rate",
                (int)(node->text.size < 40 ? node->text.size : 40), node->text.data);
}

/* "10", 2.5, "600/m" */
static double read_rate_text(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 } };
    struct sk_str text = sk_str_trim(node->text);
    size_t slash = sk_str_find(text, '/');
    struct sk_str number = sk_str_trim(sk_str_sub(text, 0, slash));
    double seconds = 1, value = 0;
    if (slash < text.size) {
        struct sk_str unit = sk_str_trim(sk_str_sub(text, slash + 1, text.size - slash - 1));
        seconds = 0;
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            if (sk_str_is(unit, units[i].unit)) seconds = units[i].seconds;
        }
    }
    skald_error error = { .message = "" };
    bool is_number = number.size > 0 && sk_json_check(number, &error) == SKALD_OK &&
                     sk_json_type(number) == SK_JSON_NUMBER && sk_json_to_double(number, &value);
    if (is_number && seconds > 0 && value > 0 && value <= 1e6) return value / seconds;
    refuse_rate(c, node);
    return 0;
}

static void read_rate(struct sk_compiler *c, const struct sk_dsl_node *node,
                      struct sk_limits *limits)
{
    if (node == NULL || node->type == SK_JSON_NULL) return;
    if (sk_dsl_is_scalar(node)) {
        limits->rate_per_s = read_rate_text(c, node);
        return;
    }
    if (!sk_dsl_is_map(node)) return;
    int64_t per_ms = sk_read_duration(node, "per", 1000);
    if (per_ms <= 0) per_ms = 1000;
    limits->rate_per_s = (double)sk_read_count(node, "requests", 0) * 1000.0 / (double)per_ms;
    limits->burst = (uint32_t)sk_read_count(node, "burst", 0);
}

static void read_breaker(struct sk_compiler *c, const struct sk_dsl_node *node,
                         struct sk_limits *limits)
{
    if (node == NULL || node->type == SK_JSON_NULL) return;
    if (sk_dsl_is_scalar(node)) {
        bool is_bool = node->type == SK_JSON_TRUE || node->type == SK_JSON_FALSE;
        limits->breaker = node->type == SK_JSON_FALSE ? SK_BREAKER_OFF : SK_BREAKER_ON;
        if (is_bool) return;
        sk_complain(c, SK_SEVERITY_ERROR, "unknown_word", node,
                    "true, false, or a map with threshold, timeout, half_open_requests",
                    "%.*s is no circuit breaker",
                    (int)(node->text.size < 40 ? node->text.size : 40), node->text.data);
        return;
    }
    if (!sk_dsl_is_map(node)) return;
    bool is_off = sk_dsl_get(node, "enabled") != NULL && !sk_read_bool(node, "enabled");
    limits->breaker = is_off ? SK_BREAKER_OFF : SK_BREAKER_ON;
    limits->breaker_threshold = (uint32_t)sk_read_count(node, "threshold", 0);
    limits->breaker_timeout_ms = sk_read_duration(node, "timeout", 0);
    limits->breaker_probes = (uint32_t)sk_read_count(node, "half_open_requests", 0);
}

static bool says_anything(const struct sk_limits *limits)
{
    return limits->in_flight_max > 0 || limits->rate_per_s > 0 ||
           limits->breaker != SK_BREAKER_UNSAID;
}

void sk_read_services(struct sk_compiler *c)
{
    const struct sk_dsl_node *map = sk_dsl_get(c->root, "services");
    if (map == NULL || !sk_dsl_is_map(map) || map->count == 0) return;
    struct sk_service *services = SK_ARENA_ARRAY(c->arena, struct sk_service, map->count);
    const struct sk_dsl_node *child = services == NULL ? NULL : map->first;
    for (; child != NULL; child = child->next) {
        struct sk_limits limits = { 0 };
        if (!sk_dsl_is_map(child)) continue;
        limits.in_flight_max = (uint32_t)sk_read_count(child, "max_in_flight", 0);
        read_rate(c, sk_dsl_get(child, "rate_limit"), &limits);
        read_breaker(c, sk_dsl_get(child, "circuit_breaker"), &limits);
        if (!says_anything(&limits)) continue;
        services[c->plan->services_count++] =
            (struct sk_service){ sk_arena_copy(c->arena, child->key), limits };
    }
    c->plan->services = services;
}
