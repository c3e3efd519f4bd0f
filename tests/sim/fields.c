/* fields.c: F1, F2. */
#include "fields.h"

#include "base/assert.h"
#include "base/json.h"
#include "dsl/keys.h"

#include <stdio.h>

enum { MAPS_MAX = 64, NAME_SIZE = 80 };

struct field {
    const struct sk_key *key;
    const char *word; /* NULL = the key itself */
    bool is_refused;
    char name[NAME_SIZE];
};

struct table {
    const struct sk_key_map *maps[MAPS_MAX];
    uint32_t first[MAPS_MAX]; /* the first row of each map */
    uint32_t maps_count, count;
    struct field fields[SIM_FIELDS_MAX];
};

/* F2: map, key (NULL = all), word (NULL = all). */
static const struct {
    const char *map, *key, *word;
} refused[] = {
    /* the bus */
    { "action", "message", NULL },
    { "message action", NULL, NULL },
    { "reply", NULL, NULL },
    { "step", "type", "message" },
    { "step", "on", NULL },
    { "step", "publish", NULL },
    { "step", "compensate_on", NULL },
    { "step", "publish_on_compensation", NULL },
    { "step", "correlation", NULL },
    { "step", "deadline", NULL },
    { "saga", "mode", "choreography" },
    { "saga", "mode", "hybrid" },
    /* no adapter */
    { "step", "type", "grpc" },
    { "step", "type", "custom" },
    { "action", "custom", NULL },
    { "custom action", NULL, NULL },
};

static bool is_same(const char *wanted, const char *is)
{
    return wanted == NULL || (is != NULL && strcmp(wanted, is) == 0);
}

static bool is_refused(const char *map, const char *key, const char *word)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bool fits = is_same(refused[i].map, map) && is_same(refused[i].key, key);
        if (fits && is_same(refused[i].word, word)) return true;
    }
    return false;
}

static void add(struct table *table, const struct sk_key_map *map, const struct sk_key *key,
                const char *word)
{
    SK_ASSERT(table->count < SIM_FIELDS_MAX);
    struct field *field = &table->fields[table->count++];
    field->key = key;
    field->word = word;
    field->is_refused = is_refused(map->name, key->name, word);
    snprintf(field->name, sizeof field->name, "%s.%s%s%s", map->name, key->name,
             word == NULL ? "" : " ", word == NULL ? "" : word);
}

static void add_map(struct table *table, const struct sk_key_map *map)
{
    for (uint32_t i = 0; i < table->maps_count; i++) {
        if (table->maps[i] == map) return;
    }
    SK_ASSERT(table->maps_count < MAPS_MAX);
    table->first[table->maps_count] = table->count;
    table->maps[table->maps_count++] = map;
    for (size_t i = 0; i < map->keys_count; i++) {
        const struct sk_key *key = &map->keys[i];
        add(table, map, key, NULL);
        const char *const *word = key->names;
        while (word != NULL && *word != NULL) add(table, map, key, *word++);
    }
    for (size_t i = 0; i < map->keys_count; i++) {
        if (map->keys[i].map != NULL) add_map(table, map->keys[i].map);
    }
}

/* Made once a process, before it forks. */
static const struct table *the_table(void)
{
    static struct table table;
    if (table.count == 0) add_map(&table, &sk_keys_document);
    return &table;
}

uint32_t sim_fields_count(void)
{
    return the_table()->count;
}

const char *sim_field_name(uint32_t field)
{
    const struct field *row = &the_table()->fields[field];
    return row->is_refused ? NULL : row->name;
}

/* ---- marking --------------------------------------------------------------------------------- */

static void mark(struct sim_fields *fields, uint32_t field)
{
    fields->bits[field / 64] |= UINT64_C(1) << field % 64;
}

static void mark_map(struct sim_fields *fields, struct sk_str object, const struct sk_key_map *map);

static void mark_value(struct sim_fields *fields, struct sk_str value, const struct sk_key *key)
{
    if (key->map == NULL) return;
    if (sk_json_type(value) != SK_JSON_OBJECT && sk_json_type(value) != SK_JSON_ARRAY) return;
    if (key->type != SK_KEY_LIST && key->type != SK_KEY_MAPS) {
        mark_map(fields, value, key->map);
        return;
    }
    struct sk_json_iter it = sk_json_walk(value);
    while (sk_json_next(&it)) mark_map(fields, it.value, key->map);
}

static void mark_map(struct sim_fields *fields, struct sk_str object, const struct sk_key_map *map)
{
    const struct table *table = the_table();
    uint32_t m = 0;
    while (table->maps[m] != map) m++;
    struct sk_json_iter it = sk_json_walk(object);
    const struct sk_key *key = NULL;
    while (sk_json_next(&it)) {
        for (uint32_t i = table->first[m]; i < table->count; i++) {
            const struct field *field = &table->fields[i];
            bool is_of_map = field->key >= map->keys && field->key < map->keys + map->keys_count;
            if (!is_of_map) break;
            if (!sk_str_is(it.name, field->key->name)) continue;
            key = field->key;
            bool has_word =
                field->word == NULL || (sk_json_type(it.value) == SK_JSON_STRING &&
                                        sk_json_string_is(it.value, sk_str_of(field->word)));
            if (has_word) mark(fields, i);
        }
        if (key != NULL && sk_str_is(it.name, key->name)) mark_value(fields, it.value, key);
    }
}

void sim_fields_mark(struct sim_fields *fields, struct sk_str source)
{
    *fields = (struct sim_fields){ 0 };
    mark_map(fields, source, &sk_keys_document);
}
