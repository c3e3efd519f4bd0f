/* schema.c: see schema.h. */
#include "dsl/schema.h"

#include "base/assert.h"
#include "base/json.h"
#include "dsl/keys.h"

enum { MAPS_MAX = 64 };

/* The maps of the table, each once, the outermost first. */
struct maps {
    const struct sk_key_map *items[MAPS_MAX];
    size_t count;
};

static void collect(struct maps *maps, const struct sk_key_map *map)
{
    for (size_t i = 0; i < maps->count; i++) {
        if (maps->items[i] == map) return;
    }
    SK_ASSERT(maps->count < MAPS_MAX);
    maps->items[maps->count++] = map;
    for (size_t i = 0; i < map->keys_count; i++) {
        if (map->keys[i].map != NULL) collect(maps, map->keys[i].map);
    }
}

/* ---- JSON Schema ----------------------------------------------------------------------------- */

static const char template_pattern[] = "\\{\\{";
static const char duration_pattern[] = "^(0|([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h|d)"
                                       "(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h|d))*)$";
/* ${NAME} is put in before anything is read. */
static const char environment_pattern[] = "\\$\\{";

static void put_pair(struct sk_json_writer *w, const char *key, const char *value)
{
    sk_json_key(w, key);
    sk_json_put_text(w, value);
}

/* {"pattern": …} as one of several. */
static void put_pattern(struct sk_json_writer *w, const char *pattern)
{
    sk_json_begin_object(w);
    put_pair(w, "type", "string");
    put_pair(w, "pattern", pattern);
    sk_json_end_object(w);
}

static void put_either(struct sk_json_writer *w, const char *first, const char *second)
{
    sk_json_key(w, "anyOf");
    sk_json_begin_array(w);
    put_pattern(w, first);
    if (second != NULL) put_pattern(w, second);
    put_pattern(w, environment_pattern);
    sk_json_end_array(w);
}

static void put_types(struct sk_json_writer *w, const char *const *types)
{
    sk_json_key(w, "type");
    sk_json_begin_array(w);
    for (; *types != NULL; types++) sk_json_put_text(w, *types);
    sk_json_end_array(w);
}

static void put_scalar(struct sk_json_writer *w)
{
    static const char *const types[] = { "string", "number", "boolean", "null", NULL };
    put_types(w, types);
}

static void put_ref(struct sk_json_writer *w, const struct sk_key_map *map)
{
    struct sk_buf target = { 0 };
    sk_buf_printf(&target, "#/definitions/%s", map->name);
    put_pair(w, "$ref", sk_buf_text(&target));
    sk_buf_release(&target);
}

static void put_range(struct sk_json_writer *w, const char *type, const struct sk_key *key)
{
    put_pair(w, "type", type);
    sk_json_key(w, "minimum");
    sk_json_put_i64(w, key->min);
    sk_json_key(w, "maximum");
    sk_json_put_i64(w, key->max);
}

static void put_words(struct sk_json_writer *w, const struct sk_key *key, bool also_bool)
{
    sk_json_key(w, "enum");
    sk_json_begin_array(w);
    if (also_bool) {
        sk_json_put_bool(w, true);
        sk_json_put_bool(w, false);
    }
    for (const char *const *name = key->names; *name != NULL; name++) sk_json_put_text(w, *name);
    sk_json_end_array(w);
}

/* {"type": "array", "items": …}; open after the items' object has begun. */
static void begin_list(struct sk_json_writer *w)
{
    put_pair(w, "type", "array");
    sk_json_key(w, "items");
    sk_json_begin_object(w);
}

static void put_list(struct sk_json_writer *w, const struct sk_key *key)
{
    begin_list(w);
    if (key->type == SK_KEY_LIST) put_ref(w, key->map);
    if (key->type == SK_KEY_NAMES) put_pair(w, "type", "string");
    if (key->type == SK_KEY_TEMPLATES) put_scalar(w);
    if (key->type == SK_KEY_STATUSES) {
        put_pair(w, "type", "integer");
        sk_json_key(w, "minimum");
        sk_json_put_i64(w, 100);
        sk_json_key(w, "maximum");
        sk_json_put_i64(w, 599);
    }
    sk_json_end_object(w);
}

/* A scalar or something that is more: {"anyOf": [scalar, …]}; open inside the second. */
static void begin_or(struct sk_json_writer *w)
{
    sk_json_key(w, "anyOf");
    sk_json_begin_array(w);
    sk_json_begin_object(w);
    put_scalar(w);
    sk_json_end_object(w);
    sk_json_begin_object(w);
}

static void end_or(struct sk_json_writer *w)
{
    sk_json_end_object(w);
    sk_json_end_array(w);
}

static void put_map_of(struct sk_json_writer *w, const struct sk_key *key)
{
    put_pair(w, "type", "object");
    if (key->type == SK_KEY_OBJECT) return;
    sk_json_key(w, "additionalProperties");
    sk_json_begin_object(w);
    if (key->type == SK_KEY_MAPS) put_ref(w, key->map);
    if (key->type == SK_KEY_PAIRS) put_scalar(w);
    sk_json_end_object(w);
}

static void put_type(struct sk_json_writer *w, const struct sk_key *key)
{
    switch (key->type) {
    case SK_KEY_TEXT:
    case SK_KEY_TEMPLATE:
    case SK_KEY_CONDITION: put_scalar(w); break;
    case SK_KEY_NAME: put_either(w, "^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$", NULL); break;
    case SK_KEY_SERVICE: put_either(w, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", NULL); break;
    case SK_KEY_VARIABLE: put_either(w, "^[a-zA-Z_][a-zA-Z0-9_]*$", NULL); break;
    case SK_KEY_DURATION: put_either(w, duration_pattern, NULL); break;
    case SK_KEY_TIMEOUT: put_either(w, duration_pattern, template_pattern); break;
    case SK_KEY_BOOL: put_pair(w, "type", "boolean"); break;
    case SK_KEY_COUNT: put_range(w, "integer", key); break;
    case SK_KEY_FACTOR: put_range(w, "number", key); break;
    case SK_KEY_WORD: put_words(w, key, false); break;
    case SK_KEY_JITTER: put_words(w, key, true); break;
    case SK_KEY_MAP: put_ref(w, key->map); break;
    case SK_KEY_LIST:
    case SK_KEY_NAMES:
    case SK_KEY_TEMPLATES:
    case SK_KEY_STATUSES: put_list(w, key); break;
    case SK_KEY_MAPS:
    case SK_KEY_PAIRS:
    case SK_KEY_OBJECT: put_map_of(w, key); break;
    case SK_KEY_TEXTS:
        begin_or(w);
        begin_list(w);
        put_scalar(w);
        sk_json_end_object(w);
        end_or(w);
        break;
    case SK_KEY_TEXT_MAP:
        begin_or(w);
        put_ref(w, key->map);
        end_or(w);
        break;
    case SK_KEY_ANY: break;
    }
}

static void put_key(struct sk_json_writer *w, const struct sk_key *key)
{
    sk_buf_append_text(w->out, "\n        "); /* a line per key: differences stay readable */
    sk_json_key(w, key->name);
    sk_json_begin_object(w);
    put_pair(w, "description", key->help);
    bool is_reference = key->type == SK_KEY_MAP; /* draft-07 ignores what stands beside a $ref */
    if (is_reference) {
        sk_json_key(w, "allOf");
        sk_json_begin_array(w);
        sk_json_begin_object(w);
    }
    put_type(w, key);
    if (is_reference) {
        sk_json_end_object(w);
        sk_json_end_array(w);
    }
    sk_json_end_object(w);
}

/* The members of one map's schema. Unknown keys are welcome, as they are to the reader. */
static void put_map(struct sk_json_writer *w, const struct sk_key_map *map)
{
    put_pair(w, "type", "object");
    sk_json_key(w, "required");
    sk_json_begin_array(w);
    for (size_t i = 0; i < map->keys_count; i++) {
        if (map->keys[i].is_required) sk_json_put_text(w, map->keys[i].name);
    }
    sk_json_end_array(w);
    sk_json_key(w, "properties");
    sk_json_begin_object(w);
    for (size_t i = 0; i < map->keys_count; i++) put_key(w, &map->keys[i]);
    sk_json_end_object(w);
}

void sk_dsl_schema_json(struct sk_buf *out)
{
    struct maps maps = { 0 };
    collect(&maps, &sk_keys_document);
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    put_pair(&w, "$schema", "http://json-schema.org/draft-07/schema#");
    put_pair(&w, "title", "Skald saga definition");
    put_map(&w, maps.items[0]);
    sk_json_key(&w, "definitions");
    sk_json_begin_object(&w);
    for (size_t i = 1; i < maps.count; i++) {
        sk_buf_append_text(out, "\n    ");
        sk_json_key(&w, maps.items[i]->name);
        sk_json_begin_object(&w);
        put_map(&w, maps.items[i]);
        sk_json_end_object(&w);
    }
    sk_json_end_object(&w);
    sk_json_end_object(&w);
    sk_buf_append_text(out, "\n");
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char *type_name(enum sk_key_type type)
{
    switch (type) {
    case SK_KEY_TEXT: return "text";
    case SK_KEY_NAME:
    case SK_KEY_SERVICE:
    case SK_KEY_VARIABLE: return "name";
    case SK_KEY_TEMPLATE: return "template";
    case SK_KEY_CONDITION: return "expression";
    case SK_KEY_DURATION: return "duration";
    case SK_KEY_TIMEOUT: return "duration or template";
    case SK_KEY_BOOL: return "true, false";
    case SK_KEY_COUNT: return "integer";
    case SK_KEY_FACTOR: return "number";
    case SK_KEY_WORD:
    case SK_KEY_JITTER: return "word";
    case SK_KEY_MAP: return "map";
    case SK_KEY_LIST: return "list of maps";
    case SK_KEY_MAPS: return "name → map";
    case SK_KEY_NAMES: return "list of step ids";
    case SK_KEY_TEXTS: return "text or list of texts";
    case SK_KEY_TEMPLATES: return "list of templates";
    case SK_KEY_STATUSES: return "list of HTTP statuses";
    case SK_KEY_PAIRS: return "name → template";
    case SK_KEY_OBJECT: return "any map";
    case SK_KEY_TEXT_MAP: return "text or map";
    case SK_KEY_ANY: return "anything";
    }
    return "";
}

/* GitHub's anchor of a heading: blanks become hyphens. */
static void put_anchor(struct sk_buf *out, const char *name)
{
    for (; *name != 0; name++) sk_buf_append(out, *name == ' ' ? "-" : name, 1);
}

static void put_kind(struct sk_buf *out, const struct sk_key *key)
{
    sk_buf_append_text(out, type_name(key->type));
    if (key->map != NULL) {
        sk_buf_printf(out, " [%s](#", key->map->name);
        put_anchor(out, key->map->name);
        sk_buf_append_text(out, ")");
    }
    if (key->type == SK_KEY_COUNT || key->type == SK_KEY_FACTOR) {
        sk_buf_printf(out, ", %lld … %lld", (long long)key->min, (long long)key->max);
    }
    for (const char *const *name = key->names; name != NULL && *name != NULL; name++) {
        sk_buf_printf(out, "%s`%s`", name == key->names ? ": " : ", ", *name);
    }
}

void sk_dsl_schema_markdown(struct sk_buf *out)
{
    struct maps maps = { 0 };
    collect(&maps, &sk_keys_document);
    sk_buf_append_text(
        out, "# Every key of a definition\n\n"
             "Made by `skald schema --format markdown` from the table that the reader "
             "itself walks; [Writing definitions](definitions.md) explains them. **Bold** "
             "keys are required. `skald schema` prints the same as a JSON Schema for "
             "editors ([schemas/saga.schema.json](schemas/saga.schema.json)).\n");
    for (size_t m = 0; m < maps.count; m++) {
        const struct sk_key_map *map = maps.items[m];
        sk_buf_printf(out, "\n## %s\n\n| key | value | meaning |\n| --- | --- | --- |\n",
                      map->name);
        for (size_t i = 0; i < map->keys_count; i++) {
            const struct sk_key *key = &map->keys[i];
            const char *mark = key->is_required ? "**" : "";
            sk_buf_printf(out, "| %s`%s`%s | ", mark, key->name, mark);
            put_kind(out, key);
            sk_buf_printf(out, " | %s |\n", key->help);
        }
        if (map->is_open) sk_buf_append_text(out, "\nOther keys are passed on as they are.\n");
    }
}
