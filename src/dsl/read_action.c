/*
 * read_action.c: actions: whom to ask and with what. A service that names no endpoint takes it from
 * `services`, or from the first action of the document that gives one for the same name.
 */
#include "base/hash.h"
#include "dsl/read.h"

#include <stdio.h>

/* ---- known services -------------------------------------------------------------------------- */

static struct sk_known_service **bucket_of(struct sk_compiler *c, struct sk_str name)
{
    return &c->services[sk_hash_id(name) % SK_SERVICE_BUCKETS];
}

const struct sk_dsl_node *sk_known_endpoint(struct sk_compiler *c, struct sk_str name)
{
    const struct sk_known_service *known = *bucket_of(c, name);
    while (known != NULL && !sk_str_equal(known->name, name)) known = known->next;
    return known == NULL ? NULL : known->endpoint;
}

static void know_service(struct sk_compiler *c, struct sk_str name,
                         const struct sk_dsl_node *endpoint)
{
    if (endpoint == NULL || !sk_dsl_is_scalar(endpoint) || sk_known_endpoint(c, name) != NULL)
        return;
    struct sk_known_service *known = SK_ARENA_NEW(&c->scratch, struct sk_known_service);
    if (known == NULL) return;
    struct sk_known_service **bucket = bucket_of(c, name);
    *known = (struct sk_known_service){ *bucket, name, endpoint };
    *bucket = known;
}

/* Free data: what looks like a service in there is none. */
static bool is_data(struct sk_str key)
{
    static const char *const names[] = { "body",   "parameters", "payload",   "custom",
                                         "input",  "metadata",   "variables", "input_schema",
                                         "output", NULL };
    return sk_word_index(key, names, -1) >= 0;
}

static void collect(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (sk_dsl_is_map(node) && is_data(child->key)) continue;
        const struct sk_dsl_node *name = sk_dsl_get(child, "name");
        if (sk_dsl_is_map(node) && sk_str_is(child->key, "service") && name != NULL &&
            sk_dsl_is_scalar(name)) {
            know_service(c, name->text, sk_dsl_get(child, "endpoint"));
        }
        collect(c, child);
    }
}

void sk_collect_services(struct sk_compiler *c)
{
    const struct sk_dsl_node *services = sk_dsl_get(c->root, "services");
    const struct sk_dsl_node *child = services == NULL ? NULL : services->first;
    for (; child != NULL; child = child->next) {
        if (sk_dsl_is_map(child)) know_service(c, child->key, sk_dsl_get(child, "endpoint"));
    }
    collect(c, c->root);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static bool is_same_header(struct sk_str a, struct sk_str b)
{
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        char x = a.data[i], y = b.data[i];
        if (x >= 'A' && x <= 'Z') x = (char)(x - 'A' + 'a');
        if (y >= 'A' && y <= 'Z') y = (char)(y - 'A' + 'a');
        if (x != y) return false;
    }
    return true;
}

static bool has_pair(const struct sk_dsl_node *map, struct sk_str name)
{
    const struct sk_dsl_node *child = map == NULL ? NULL : map->first;
    while (child != NULL && !is_same_header(child->key, name)) child = child->next;
    return child != NULL;
}

/* The pairs of `map` after those of `base` that it does not replace. */
static const struct sk_pair *read_pairs(struct sk_compiler *c, const struct sk_dsl_node *base,
                                        const struct sk_dsl_node *map, enum sk_text_place place,
                                        uint32_t *out_count)
{
    *out_count = 0;
    if (base != NULL && !sk_dsl_is_map(base)) base = NULL;
    if (map != NULL && !sk_dsl_is_map(map)) map = NULL;
    size_t count = (base == NULL ? 0 : base->count) + (map == NULL ? 0 : map->count);
    if (count == 0) return NULL;
    struct sk_pair *pairs = SK_ARENA_ARRAY(c->arena, struct sk_pair, count);
    if (pairs == NULL) return NULL;
    const struct sk_dsl_node *maps[] = { base, map };
    for (int i = 0; i < 2; i++) {
        const struct sk_dsl_node *child = maps[i] == NULL ? NULL : maps[i]->first;
        for (; child != NULL; child = child->next) {
            bool is_replaced = i == 0 && has_pair(map, child->key);
            if (is_replaced || child->type == SK_JSON_NULL) continue;
            pairs[(*out_count)++] = (struct sk_pair){ sk_arena_copy(c->arena, child->key),
                                                      sk_read_template(c, child, place) };
        }
    }
    return pairs;
}

static const uint16_t *read_statuses(struct sk_compiler *c, const struct sk_dsl_node *node,
                                     uint32_t *out_count)
{
    *out_count = 0;
    if (node == NULL || !sk_dsl_is_list(node) || node->count == 0) return NULL;
    uint16_t *statuses = SK_ARENA_ARRAY(c->arena, uint16_t, node->count);
    for (const struct sk_dsl_node *child = node->first; statuses != NULL && child != NULL;
         child = child->next) {
        int64_t status = 0;
        bool is_number = child->type == SK_JSON_NUMBER && sk_json_to_i64(child->text, &status);
        if (is_number && status >= 100 && status <= 599)
            statuses[(*out_count)++] = (uint16_t)status;
    }
    return statuses;
}

static bool has_status(const uint16_t *statuses, uint32_t count, uint16_t status)
{
    uint32_t i = 0;
    while (i < count && statuses[i] != status) i++;
    return i < count;
}

static void check_statuses(struct sk_compiler *c, const struct sk_dsl_node *node,
                           const struct sk_action *action)
{
    const struct {
        const uint16_t *statuses;
        uint32_t count;
    } lists[] = { { action->success, action->success_count },
                  { action->fail, action->fail_count },
                  { action->retry, action->retry_count } };
    for (int a = 0; a < 3; a++) {
        for (int b = a + 1; b < 3; b++) {
            for (uint32_t i = 0; i < lists[a].count; i++) {
                if (!has_status(lists[b].statuses, lists[b].count, lists[a].statuses[i])) continue;
                sk_complain(c, SK_SEVERITY_ERROR, "status_twice", node,
                            "keep it in one of success, fail, retry",
                            "the status %d stands in two lists", lists[a].statuses[i]);
                return;
            }
        }
    }
}

/* ---- service --------------------------------------------------------------------------------- */

static struct sk_str read_verb(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    static const char *const verbs[] = { "GET",    "POST", "PUT",     "PATCH",
                                         "DELETE", "HEAD", "OPTIONS", NULL };
    struct sk_str written = sk_read_text(c, node, "method");
    if (written.size == 0) return SK_STR("POST");
    char upper[16] = "";
    for (size_t i = 0; i < written.size && i + 1 < sizeof upper; i++) {
        char ch = written.data[i];
        upper[i] = ch >= 'a' && ch <= 'z' ? (char)(ch - 'a' + 'A') : ch;
    }
    int verb = written.size < sizeof upper ? sk_word_index(sk_str_of(upper), verbs, -1) : -1;
    if (verb >= 0) return sk_str_of(verbs[verb]);
    sk_complain(c, SK_SEVERITY_ERROR, "unknown_word", sk_dsl_get(node, "method"),
                "one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS", "%.*s is no HTTP method",
                (int)(written.size < 40 ? written.size : 40), written.data);
    return SK_STR("POST");
}

/* What stands behind the scheme: a host, perhaps a port, then anything that needs no escaping. A
 * name of other letters is written in its ASCII form (xn--…). */
static bool is_sound_url(struct sk_str text)
{
    size_t end = 0, host_end = 0;
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= 0x20 || c >= 0x7f) return false;
        if (c == '$') return true; /* an escaped secret: complained of already */
    }
    while (end < text.size && strchr("/?#", text.data[end]) == NULL) end++;
    struct sk_str host = sk_str_sub(text, 0, end);
    size_t at = sk_str_find(host, '@');
    if (at < host.size) host = sk_str_sub(host, at + 1, host.size - at - 1);
    bool is_v6 = host.size > 0 && host.data[0] == '[';
    host_end = sk_str_find(host, is_v6 ? ']' : ':') + (is_v6 ? 1 : 0);
    if (host_end == 0 || host_end > host.size) return false;
    if (host_end == host.size) return true;
    struct sk_str port = sk_str_sub(host, host_end + 1, host.size - host_end - 1);
    return host.data[host_end] == ':' && sk_str_to_u64(port, &number) && number > 0 &&
           number <= UINT16_MAX;
}

static void check_endpoint(struct sk_compiler *c, const struct sk_dsl_node *node,
                           const struct sk_template *endpoint, bool is_grpc)
{
    if (node == NULL || endpoint == NULL || !sk_template_is_constant(endpoint) || node->has_secret)
        return;
    struct sk_str text = node->text;
    bool is_url = sk_str_starts(text, SK_STR("http://")) || sk_str_starts(text, SK_STR("https://"));
    size_t colon = sk_str_find(text, ':');
    if (is_url) is_url = is_sound_url(sk_str_sub(text, colon + 3, text.size - colon - 3));
    bool is_host = colon > 0 && colon + 1 < text.size && sk_str_find(text, '/') == text.size;
    if (is_url || (is_grpc && is_host)) return;
    sk_complain(c, SK_SEVERITY_ERROR, "bad_endpoint", node,
                is_grpc ? "host:port, http://… or https://…" : "http://host:port or https://host",
                "%.*s is no endpoint", (int)(text.size < 100 ? text.size : 100), text.data);
}

static void read_service(struct sk_compiler *c, const struct sk_dsl_node *node,
                         struct sk_action *action, enum sk_text_place place)
{
    bool is_grpc = c->step_type == SK_TYPE_GRPC;
    action->kind = is_grpc ? SK_KIND_GRPC : SK_KIND_HTTP;
    action->service = sk_read_text(c, node, "name");
    char name[SK_NAME_SIZE_MAX + 1] = "";
    if (action->service.size <= SK_NAME_SIZE_MAX && action->service.size > 0) {
        memcpy(name, action->service.data, action->service.size);
    }
    const struct sk_dsl_node *shared = sk_dsl_get(sk_dsl_get(c->root, "services"), name);
    const struct sk_dsl_node *endpoint = sk_dsl_get(node, "endpoint");
    if (endpoint == NULL) endpoint = sk_known_endpoint(c, action->service);
    action->endpoint = sk_read_template(c, endpoint, place);
    check_endpoint(c, endpoint, action->endpoint, is_grpc);
    action->is_endpoint_shared = endpoint != NULL && sk_dsl_get(node, "endpoint") == NULL;
    if (endpoint != NULL && action->endpoint != NULL && sk_template_is_constant(action->endpoint)) {
        action->fixed_endpoint = sk_arena_copy(c->arena, endpoint->text);
    }
    action->method = is_grpc ? sk_read_text(c, node, "method") : read_verb(c, node);
    if (is_grpc && action->method.size == 0) {
        sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node, "the name of the RPC",
                    "`method` is missing");
    }
    action->path = sk_read_template(c, sk_dsl_get(node, "path"), place);
    action->headers = read_pairs(c, sk_dsl_get(shared, "headers"), sk_dsl_get(node, "headers"),
                                 place, &action->headers_count);
    action->query = read_pairs(c, NULL, sk_dsl_get(node, "query"), place, &action->query_count);
    action->body = sk_read_document(c, sk_dsl_get(node, "body"), place);
    const struct sk_dsl_node *timeout = sk_dsl_get(node, "timeout");
    if (timeout == NULL) timeout = sk_dsl_get(shared, "timeout");
    action->timeout = sk_read_template(c, timeout, SK_PLACE_TIMEOUT);
    action->success = read_statuses(c, sk_dsl_get(node, "success"), &action->success_count);
    action->fail = read_statuses(c, sk_dsl_get(node, "fail"), &action->fail_count);
    action->retry = read_statuses(c, sk_dsl_get(node, "retry"), &action->retry_count);
    check_statuses(c, node, action);
}

/* ---- the other kinds ------------------------------------------------------------------------- */

static void read_function(struct sk_compiler *c, const struct sk_dsl_node *node,
                          struct sk_action *action, enum sk_text_place place)
{
    action->kind = SK_KIND_FUNCTION;
    action->service = sk_read_text(c, node, "handler");
    if (action->service.size == 0) action->service = sk_read_text(c, node, "name");
    action->body = sk_read_document(c, sk_dsl_get(node, "parameters"), place);
    action->timeout = sk_read_template(c, sk_dsl_get(node, "timeout"), SK_PLACE_TIMEOUT);
}

static void read_message(struct sk_compiler *c, const struct sk_dsl_node *node,
                         struct sk_action *action, enum sk_text_place place)
{
    action->kind = SK_KIND_MESSAGE;
    action->topic = sk_read_template(c, sk_dsl_get(node, "topic"), place);
    action->broker = sk_read_text(c, node, "broker");
    if (action->broker.size == 0) action->broker = SK_STR("default");
    action->body = sk_read_document(c, sk_dsl_get(node, "payload"), place);
    action->headers =
        read_pairs(c, NULL, sk_dsl_get(node, "headers"), place, &action->headers_count);
    action->routing_key = sk_read_template(c, sk_dsl_get(node, "routing_key"), place);
    const struct sk_dsl_node *reply = sk_dsl_get(node, "reply");
    action->reply_topic = sk_read_text(c, reply, "topic");
    action->reply_timeout_ms = sk_read_duration(reply, "timeout", 0);
    action->timeout = sk_read_template(c, sk_dsl_get(node, "timeout"), SK_PLACE_TIMEOUT);
}

static void read_custom(struct sk_compiler *c, const struct sk_dsl_node *node,
                        struct sk_action *action, enum sk_text_place place)
{
    action->kind = SK_KIND_CUSTOM;
    action->service = sk_read_text(c, node, "type");
    action->body = sk_read_document(c, node, place);
}

static void read_child(struct sk_compiler *c, const struct sk_dsl_node *node,
                       struct sk_action *action, enum sk_text_place place)
{
    action->kind = SK_KIND_SAGA;
    action->definition = sk_read_text(c, node, "definition");
    action->version = sk_read_text(c, node, "version");
    action->body = sk_read_document(c, sk_dsl_get(node, "input"), place);
}

static void read_task(struct sk_compiler *c, const struct sk_dsl_node *node,
                      struct sk_action *action, enum sk_text_place place)
{
    action->kind = SK_KIND_TASK;
    action->queue = sk_dsl_is_scalar(node) ? sk_arena_copy(c->arena, node->text)
                                           : sk_read_text(c, node, "queue");
    action->body = sk_read_document(c, sk_dsl_get(node, "input"), place);
}

typedef void read_kind(struct sk_compiler *c, const struct sk_dsl_node *node,
                       struct sk_action *action, enum sk_text_place place);

static const struct {
    const char *key;
    read_kind *read;
} kinds[] = { { "service", read_service }, { "function", read_function },
              { "message", read_message }, { "custom", read_custom },
              { "saga", read_child },      { "task", read_task } };
enum { KINDS_COUNT = sizeof kinds / sizeof kinds[0] };

static const char *key_of_type(enum sk_step_type type)
{
    switch (type) {
    case SK_TYPE_SERVICE:
    case SK_TYPE_HTTP:
    case SK_TYPE_GRPC: return "service";
    case SK_TYPE_FUNCTION: return "function";
    case SK_TYPE_MESSAGE: return "message";
    case SK_TYPE_CUSTOM: return "custom";
    case SK_TYPE_SAGA: return "saga";
    case SK_TYPE_TASK: return "task";
    case SK_TYPE_WAIT:
    case SK_TYPE_NONE: break;
    }
    return NULL;
}

/* The sub-key that counts: the one that fits the type, else the only one. -1 after a diagnostic. */
static int choose_kind(struct sk_compiler *c, const struct sk_dsl_node *node,
                       enum sk_step_type type)
{
    const char *wanted = key_of_type(type);
    int found = -1, found_count = 0;
    for (int i = 0; i < KINDS_COUNT; i++) {
        if (sk_dsl_get(node, kinds[i].key) == NULL) continue;
        found_count += 1;
        bool is_wanted = wanted != NULL && strcmp(kinds[i].key, wanted) == 0;
        if (found < 0 || is_wanted) found = i;
    }
    if (found_count > 1) {
        sk_complain(c, SK_SEVERITY_ERROR, "several_actions", node,
                    "keep one; further ones are steps of their own",
                    "an action does one thing, and %d are given", found_count);
        return -1;
    }
    if (found_count == 0) {
        sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node,
                    wanted == NULL ? "one of service, function, message, custom, saga, task" : NULL,
                    wanted == NULL ? "an action without its target"
                                   : "`%s` is missing for this type",
                    wanted);
        return -1;
    }
    if (wanted != NULL && strcmp(kinds[found].key, wanted) != 0) {
        char remedy[96];
        (void)snprintf(remedy, sizeof remedy, "change the step's type to %s, or write `%s`",
                       kinds[found].key, wanted);
        sk_complain(c, SK_SEVERITY_ERROR, "type_differs", sk_dsl_get(node, kinds[found].key),
                    remedy, "an action for %s does not fit the step's type %s", kinds[found].key,
                    sk_words_step_type[type]);
        return -1;
    }
    return found;
}

const struct sk_action *sk_read_action(struct sk_compiler *c, const struct sk_dsl_node *node,
                                       enum sk_step_type type, enum sk_text_place place)
{
    if (node == NULL || !sk_dsl_is_map(node)) return NULL;
    int kind = choose_kind(c, node, type);
    if (kind < 0) return NULL;
    const struct sk_dsl_node *inside = sk_dsl_get(node, kinds[kind].key);
    bool may_be_text = kinds[kind].read == read_task;
    if (!sk_dsl_is_map(inside) && !(may_be_text && sk_dsl_is_scalar(inside))) return NULL;
    struct sk_action *action = SK_ARENA_NEW(c->arena, struct sk_action);
    if (action != NULL) kinds[kind].read(c, inside, action, place);
    return action;
}
