/*
 * settings_read.c: layers of settings over the defaults: files (by the reader of definitions, so
 * that every value has its place), environment, flags; and the walk over what is in force.
 */
#include "base/limits.h"
#include "runtime/files.h"
#include "skald/channels.h"
#include "skald/definition_file.h"
#include "skald/settings_private.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

enum { NAME_MAX_SIZE = 256, ENTRIES_MAX = 10000, NAMES_MAX = 256 };

void sk_setting_complain(struct sk_setting_reader *reader, enum sk_severity severity,
                         const char *code, const struct sk_dsl_node *node, const char *remedy,
                         const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct sk_mark mark = sk_mark_of(node, reader->diagnostics);
    sk_diagnose(reader->diagnostics, severity, code, &mark, remedy, "%s", message);
}

/* ---- origins --------------------------------------------------------------------------------- */

static struct sk_setting_given *given_of(const struct sk_settings *settings, struct sk_str path)
{
    struct sk_setting_given *given = settings->given;
    while (given != NULL && !sk_str_equal(given->path, path)) given = given->next;
    return given;
}

/* A null unsets: its origin is the default again. */
static void remember(struct sk_setting_reader *reader, const struct sk_dsl_node *node)
{
    struct sk_arena *arena = &reader->settings->arena;
    struct sk_buf origin = { 0 };
    if (node->type == SK_JSON_NULL) {
        sk_buf_append_text(&origin, "default");
    } else {
        sk_buf_append_str(&origin, *node->file);
        if (node->line > 0) sk_buf_printf(&origin, ":%u", node->line);
    }
    struct sk_str path = sk_dsl_path(node, arena);
    struct sk_setting_given *given = given_of(reader->settings, path);
    if (given == NULL) {
        given = SK_ARENA_NEW(arena, struct sk_setting_given);
        if (given == NULL) return;
        *given = (struct sk_setting_given){ .next = reader->settings->given, .path = path };
        reader->settings->given = given;
    }
    given->origin = sk_arena_copy(arena, sk_buf_view(&origin));
    sk_buf_release(&origin);
}

/* ---- unknown names --------------------------------------------------------------------------- */

/* The part of a row's name that belongs at this level: "sagas_max" of "limits." + "sagas_max". */
static struct sk_str segment_of(const struct sk_setting *row, struct sk_str prefix)
{
    struct sk_str name = sk_str_of(row->name);
    if (!sk_str_starts(name, prefix)) return (struct sk_str){ 0 };
    struct sk_str rest = sk_str_sub(name, prefix.size, name.size);
    return sk_str_sub(rest, 0, sk_str_find(rest, '.'));
}

/* The same last word elsewhere in the table: `timeout` for `saga_timeout` at the top. */
static const struct sk_setting *row_ending(const struct sk_setting_table *table, struct sk_str word)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        const char *dot = strrchr(table->rows[i].name, '.');
        if (dot != NULL && sk_str_is(word, dot + 1)) return &table->rows[i];
    }
    return NULL;
}

static void refuse_unknown(struct sk_setting_reader *reader, const struct sk_setting_table *table,
                           struct sk_str prefix, const struct sk_dsl_node *node)
{
    char copies[NAMES_MAX][64], remedy[192];
    const char *names[NAMES_MAX] = { NULL };
    size_t count = 0;
    for (size_t i = 0; i < table->rows_count && count < NAMES_MAX; i++) {
        struct sk_str segment = segment_of(&table->rows[i], prefix);
        if (segment.size == 0 || segment.size >= sizeof copies[0]) continue;
        (void)snprintf(copies[count], sizeof copies[0], "%.*s", SK_STR_ARGS(segment));
        names[count] = copies[count];
        count++;
    }
    int near = sk_str_nearest(node->key, names, count);
    for (size_t i = 0; i < count && near < 0 && node->key.size >= 3; i++) {
        if (sk_str_starts(sk_str_of(names[i]), node->key)) near = (int)i;
    }
    const struct sk_setting *elsewhere = row_ending(table, node->key);
    if (near >= 0) {
        (void)snprintf(remedy, sizeof remedy, "did you mean `%.*s%s`?", SK_STR_ARGS(prefix),
                       names[near]);
    } else if (elsewhere != NULL) {
        (void)snprintf(remedy, sizeof remedy, "did you mean `%s`?", elsewhere->name);
    } else {
        (void)snprintf(remedy, sizeof remedy, "`skald config list` shows all settings");
    }
    struct sk_mark mark = sk_mark_of_key(node, reader->diagnostics);
    sk_diagnose(reader->diagnostics, SK_SEVERITY_ERROR, "unknown_setting", &mark, remedy,
                "no setting has this name");
}

/* ---- maps ------------------------------------------------------------------------------------ */

void sk_setting_defaults(struct sk_setting_reader *reader, const struct sk_setting_table *table,
                         char *base)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        sk_setting_take(reader, &table->rows[i], base, NULL);
    }
}

static bool is_entry_name(struct sk_str name)
{
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (!isalnum(c) && strchr("-_", c) == NULL) return false;
    }
    return name.size > 0 && name.size <= SK_NAME_SIZE_MAX;
}

static struct sk_setting_entry *entry_named(const struct sk_setting_map *map, struct sk_str name)
{
    struct sk_setting_entry *entry = map->first;
    while (entry != NULL && !sk_str_is(name, entry->name)) entry = entry->next;
    return entry;
}

static struct sk_setting_entry *add_entry(struct sk_setting_reader *reader,
                                          const struct sk_setting_table *table,
                                          struct sk_setting_map *map, struct sk_str name)
{
    struct sk_setting_entry *entry = sk_arena_alloc(&reader->settings->arena, table->entry_size);
    if (entry == NULL) return NULL;
    entry->name = sk_arena_text(&reader->settings->arena, name);
    sk_setting_defaults(reader, table, (char *)entry);
    if (map->last == NULL) {
        map->first = entry;
    } else {
        map->last->next = entry;
    }
    map->last = entry;
    map->count += 1;
    return entry;
}

static void drop_entry(struct sk_setting_map *map, struct sk_str name)
{
    struct sk_setting_entry *before = NULL, *entry = map->first;
    while (entry != NULL && !sk_str_is(name, entry->name)) {
        before = entry;
        entry = entry->next;
    }
    if (entry == NULL) return;
    if (before == NULL) {
        map->first = entry->next;
    } else {
        before->next = entry->next;
    }
    if (map->last == entry) map->last = before;
    map->count -= 1;
}

static void take_entries(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                         const struct sk_dsl_node *node)
{
    struct sk_setting_map *map = (struct sk_setting_map *)(void *)(base + row->offset);
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (child->type == SK_JSON_NULL) {
            drop_entry(map, child->key);
        } else if (!is_entry_name(child->key)) {
            sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_name", child,
                                "letters, digits, - and _ make a name, 100 at most",
                                "'%.*s' is no name", SK_STR_ARGS(child->key));
        } else if (!sk_dsl_is_map(child)) {
            sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_type", child,
                                "write its settings below the name", "a map belongs here");
        } else if (map->count >= ENTRIES_MAX) {
            sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_range", child, "use fewer",
                                "more than %d of them", ENTRIES_MAX);
        } else {
            struct sk_setting_entry *entry = entry_named(map, child->key);
            if (entry == NULL) entry = add_entry(reader, row->table, map, child->key);
            if (entry == NULL) return;
            sk_settings_take_map(reader, row->table, (char *)entry, child);
        }
    }
}

/* The YAML inside a variable or a flag: "{books: {endpoint: http://books}}", "[a, b]". */
static void take_yaml_text(struct sk_setting_reader *reader, const struct sk_setting *row,
                           char *base, const struct sk_dsl_node *node)
{
    struct sk_dsl_options options = { .file_name = *node->file };
    struct sk_tree tree;
    enum skald_status status = sk_tree_read(node->text, &options, reader->diagnostics, &tree);
    bool is_right = status == SKALD_OK && (row->type == SK_SETTING_LIST ? sk_dsl_is_list(tree.root)
                                                                        : sk_dsl_is_map(tree.root));
    if (status == SKALD_OK && !is_right) {
        sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_type", node,
                            row->type == SK_SETTING_LIST ? "write YAML: [a, b]"
                                                         : "write YAML: {name: …}",
                            "this is something else");
    } else if (status == SKALD_OK) {
        tree.root->parent = node->parent; /* for the path; its siblings stay where they are */
        tree.root->key = node->key;
        tree.root->line = 0;
        if (row->type == SK_SETTING_MAP) {
            take_entries(reader, row, base, tree.root);
        } else {
            sk_setting_take(reader, row, base, tree.root);
        }
    } else if (status == SKALD_E_MEMORY) {
        reader->settings->arena.failed = true;
    }
    sk_tree_release(&tree);
}

static void take_row(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                     const struct sk_dsl_node *node)
{
    uint32_t errors_count = reader->diagnostics->errors_count;
    bool is_map = row->type == SK_SETTING_MAP;
    bool is_list = row->type == SK_SETTING_LIST && node->text.size > 0 && node->text.data[0] == '[';
    bool is_many = is_map || row->type == SK_SETTING_PAIRS || is_list;
    if (is_many && reader->is_text && sk_dsl_is_scalar(node) && node->text.size > 0) {
        take_yaml_text(reader, row, base, node);
    } else if (is_map && sk_dsl_is_map(node)) {
        take_entries(reader, row, base, node);
    } else if (is_map && node->type != SK_JSON_NULL) {
        sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_type", node,
                            "write names, and their settings below", "a map belongs here");
    } else {
        sk_setting_take(reader, row, base, node);
    }
    if (!is_map && reader->diagnostics->errors_count == errors_count) remember(reader, node);
}

struct place {
    struct sk_setting_reader *reader;
    const struct sk_setting_table *table;
    char *base;
};

static void take_members(const struct place *place, struct sk_str prefix,
                         const struct sk_dsl_node *map);

static void take_member(const struct place *place, struct sk_str prefix,
                        const struct sk_dsl_node *node)
{
    char path[NAME_MAX_SIZE];
    int size = snprintf(path, sizeof path, "%.*s%.*s", SK_STR_ARGS(prefix), SK_STR_ARGS(node->key));
    bool is_group = false;
    for (size_t i = 0; i < place->table->rows_count; i++) {
        const struct sk_setting *row = &place->table->rows[i];
        if (size < 0 || (size_t)size >= sizeof path) break;
        if (strcmp(row->name, path) == 0) {
            take_row(place->reader, row, place->base, node);
            return;
        }
        size_t length = (size_t)size;
        is_group = is_group || (strncmp(row->name, path, length) == 0 && row->name[length] == '.');
    }
    if (!is_group) {
        refuse_unknown(place->reader, place->table, prefix, node);
    } else if (sk_dsl_is_map(node)) {
        (void)snprintf(path + size, sizeof path - (size_t)size, ".");
        take_members(place, sk_str_of(path), node);
    } else if (node->type != SK_JSON_NULL) {
        sk_setting_complain(place->reader, SK_SEVERITY_ERROR, "setting_type", node,
                            "write its settings below the name", "a map belongs here");
    }
}

static void take_members(const struct place *place, struct sk_str prefix,
                         const struct sk_dsl_node *map)
{
    for (const struct sk_dsl_node *child = map->first; child != NULL; child = child->next) {
        take_member(place, prefix, child);
    }
}

void sk_settings_take_map(struct sk_setting_reader *reader, const struct sk_setting_table *table,
                          /* NOLINTNEXTLINE(readability-non-const-parameter): rows write there */
                          char *base, const struct sk_dsl_node *map)
{
    const struct place place = { .reader = reader, .table = table, .base = base };
    take_members(&place, SK_STR(""), map);
}

/* ---- layers ---------------------------------------------------------------------------------- */

static enum skald_status outcome(const struct sk_setting_reader *reader, uint32_t errors_count)
{
    if (reader->settings->arena.failed || reader->diagnostics->arena.failed) return SKALD_E_MEMORY;
    return reader->diagnostics->errors_count > errors_count ? SKALD_E_INVALID : SKALD_OK;
}

enum skald_status sk_settings_init(struct sk_settings *settings)
{
    struct sk_diagnostics diagnostics;
    sk_diagnostics_init(&diagnostics);
    *settings = (struct sk_settings){ .node.runtime.log.has_level = true };
    sk_arena_init(&settings->arena);
    struct sk_setting_reader reader = { .settings = settings, .diagnostics = &diagnostics };
    sk_setting_defaults(&reader, &sk_settings_table, (char *)settings);
    enum skald_status status = outcome(&reader, 0);
    sk_diagnostics_release(&diagnostics);
    return status;
}

void sk_settings_release(struct sk_settings *settings)
{
    sk_arena_release(&settings->arena);
    *settings = (struct sk_settings){ 0 };
}

/* Blank lines and comments alone: the settings are what they were. */
static bool says_nothing(struct sk_str text)
{
    while (text.size > 0) {
        size_t size = sk_str_find(text, '\n');
        struct sk_str line = sk_str_trim(sk_str_sub(text, 0, size));
        if (line.size > 0 && line.data[0] != '#') return false;
        text = sk_str_sub(text, size + 1, text.size);
    }
    return true;
}

enum skald_status sk_settings_read_file(struct sk_settings *settings, const char *path,
                                        struct sk_diagnostics *diagnostics, skald_error *error)
{
    struct sk_setting_reader reader = { .settings = settings, .diagnostics = diagnostics };
    struct sk_buf source = { 0 };
    uint32_t errors_count = diagnostics->errors_count;
    enum skald_status status = sk_file_read(path, SK_YAML_SIZE_MAX, &source, error);
    if (status != SKALD_OK) goto out;
    struct sk_dsl_options options = { .file_name = sk_arena_copy(&settings->arena, sk_str_of(path)),
                                      .environment = sk_environment_value };
    struct sk_tree tree;
    bool is_empty = says_nothing(sk_buf_view(&source));
    status = is_empty ? SKALD_OK : sk_tree_read(sk_buf_view(&source), &options, diagnostics, &tree);
    if (is_empty) goto out;
    if (status == SKALD_OK && sk_dsl_is_map(tree.root)) {
        sk_settings_take_map(&reader, &sk_settings_table, (char *)settings, tree.root);
    } else if (status == SKALD_OK && tree.root->type != SK_JSON_NULL) {
        sk_setting_complain(&reader, SK_SEVERITY_ERROR, "setting_type", tree.root,
                            "write settings, such as `listen: 127.0.0.1:8080`",
                            "the file holds no map");
    }
    sk_tree_release(&tree);
    if (status == SKALD_OK) status = outcome(&reader, errors_count);
out:
    sk_buf_release(&source);
    return status;
}

/* A node for each part of the name, the last with the text: as a file would have said it. */
static struct sk_dsl_node *tree_of(struct sk_arena *arena, const char *name, const char *text,
                                   const char *origin)
{
    struct sk_str *file = SK_ARENA_NEW(arena, struct sk_str);
    struct sk_dsl_node *root = SK_ARENA_NEW(arena, struct sk_dsl_node);
    if (file == NULL || root == NULL) return NULL;
    *file = sk_arena_copy(arena, sk_str_of(origin));
    *root = (struct sk_dsl_node){ .type = SK_JSON_OBJECT, .height = 1, .file = file };
    struct sk_dsl_node *parent = root;
    struct sk_str rest = sk_arena_copy(arena, sk_str_of(name));
    while (true) {
        size_t dot = sk_str_find(rest, '.');
        bool is_last = dot == rest.size;
        struct sk_dsl_node *node = SK_ARENA_NEW(arena, struct sk_dsl_node);
        if (node == NULL) return NULL;
        *node = (struct sk_dsl_node){ .type = is_last ? SK_JSON_STRING : SK_JSON_OBJECT,
                                      .height = 1,
                                      .file = file,
                                      .key = sk_str_sub(rest, 0, dot) };
        sk_dsl_add_child(parent, node);
        if (is_last) {
            node->text = sk_arena_copy(arena, sk_str_of(text));
            return root;
        }
        parent = node;
        rest = sk_str_sub(rest, dot + 1, rest.size);
    }
}

enum skald_status sk_settings_set(struct sk_settings *settings, const char *name, const char *text,
                                  const char *origin, struct sk_diagnostics *diagnostics)
{
    struct sk_setting_reader reader = { .settings = settings,
                                        .diagnostics = diagnostics,
                                        .is_text = true };
    uint32_t errors_count = diagnostics->errors_count;
    struct sk_dsl_node *root = tree_of(&settings->arena, name, text, origin);
    if (root == NULL) return SKALD_E_MEMORY;
    sk_settings_take_map(&reader, &sk_settings_table, (char *)settings, root);
    return outcome(&reader, errors_count);
}

enum skald_status sk_settings_finish(struct sk_settings *settings,
                                     struct sk_diagnostics *diagnostics)
{
    static const struct sk_mark nowhere = { .file = { "settings", 8 } };
    struct sk_engine_options *engine = &settings->node.engine;
    engine->mask = (struct sk_mask){ settings->sensitive.items, settings->sensitive.count };
    if (engine->lease_margin_ms >= engine->lease_ms) {
        sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "setting_range", &nowhere,
                    "lower lease.margin, or raise lease.duration",
                    "lease.margin is not shorter than lease.duration");
    }
    const struct sk_retry_policy *policies[] = { &engine->dsl.retry, &engine->dsl.undo_retry };
    static const char *const groups[] = { "retry", "compensation" };
    for (size_t i = 0; i < 2; i++) {
        if (policies[i]->max_ms == 0 || policies[i]->max_ms >= policies[i]->initial_ms) continue;
        sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "setting_range", &nowhere,
                    "raise max_delay, or 0 for none", "%s.max_delay is less than %s.initial_delay",
                    groups[i], groups[i]);
    }
    if (!sk_settings_take_services(settings, diagnostics)) return SKALD_E_MEMORY;
    if (sk_channels_finish(settings, diagnostics) != SKALD_OK) return SKALD_E_MEMORY;
    return diagnostics->errors_count > 0 ? SKALD_E_INVALID : SKALD_OK;
}
