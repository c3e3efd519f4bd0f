/*
 * settings_view.c: looking at settings: rows by name, their environment variables, and the walk
 * over the values in force. Reading the environment is here too, for it goes by the same names.
 */
#include "skald/settings_private.h"

#include <ctype.h>
#include <stdio.h>

enum { VARIABLE_SIZE_MAX = 128, NAMES_MAX = 512, PREFIX_SIZE = 6 /* SKALD_ */ };

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct sk_setting *row_named(const struct sk_setting_table *table, struct sk_str path)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct sk_setting *row = &table->rows[i];
        struct sk_str name = sk_str_of(row->name);
        if (sk_str_equal(name, path)) return row;
        bool is_inside =
            path.size > name.size && path.data[name.size] == '.' && sk_str_starts(path, name);
        if (!is_inside) continue;
        if (row->type == SK_SETTING_PAIRS) return row;
        if (row->type != SK_SETTING_MAP) continue;
        struct sk_str rest = sk_str_sub(path, name.size + 1, path.size);
        size_t dot = sk_str_find(rest, '.');
        return row_named(row->table, sk_str_sub(rest, dot + 1, rest.size));
    }
    return NULL;
}

const struct sk_setting *sk_setting_named(struct sk_str path)
{
    return row_named(&sk_settings_table, path);
}

void sk_setting_variable(const struct sk_setting *row, char *out, size_t size)
{
    (void)snprintf(out, size, "SKALD_%s", row->name);
    for (char *c = out; *c != 0; c++) {
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
    }
}

/* ---- environment ----------------------------------------------------------------------------- */

/* Read by others: the command line's server, the list of files, secrets. */
static bool is_other(struct sk_str name)
{
    return sk_str_is(name, "SKALD_SERVER") || sk_str_is(name, "SKALD_CONFIG") ||
           sk_str_starts(name, SK_STR("SKALD_SECRET_"));
}

static const struct sk_setting *row_of_variable(struct sk_str name)
{
    for (size_t i = 0; i < sk_settings_table.rows_count; i++) {
        char variable[VARIABLE_SIZE_MAX];
        sk_setting_variable(&sk_settings_table.rows[i], variable, sizeof variable);
        if (sk_str_is(name, variable)) return &sk_settings_table.rows[i];
    }
    return NULL;
}

/* Platforms make such names too (SKALD_PORT=tcp://…): a warning is for what was probably meant:
 * near to a setting, or in a group of settings. */
static void warn_unknown(struct sk_diagnostics *diagnostics, struct sk_str name)
{
    char copies[NAMES_MAX][VARIABLE_SIZE_MAX], remedy[VARIABLE_SIZE_MAX + 32];
    const char *names[NAMES_MAX] = { NULL };
    size_t count = 0;
    bool is_of_group = false;
    for (; count < sk_settings_table.rows_count && count < NAMES_MAX; count++) {
        char *copy = copies[count];
        sk_setting_variable(&sk_settings_table.rows[count], copy, sizeof copies[0]);
        struct sk_str group = sk_str_of(copy);
        size_t size = PREFIX_SIZE + sk_str_find(sk_str_sub(group, PREFIX_SIZE, group.size), '_');
        is_of_group = is_of_group || (size < group.size && name.size > size &&
                                      sk_str_starts(name, sk_str_sub(group, 0, size + 1)));
        names[count] = copy + PREFIX_SIZE;
    }
    /* what Kubernetes sets for a service called skald */
    if (sk_str_starts(name, SK_STR("SKALD_SERVICE_"))) return;
    struct sk_str own = sk_str_sub(name, PREFIX_SIZE, name.size);
    int near = sk_str_nearest(own, names, count);
    bool is_typing_error = near >= 0 && own.size >= 2 && strncmp(names[near], own.data, 2) == 0;
    if (!is_typing_error && !is_of_group) return;
    (void)snprintf(remedy, sizeof remedy, near < 0 ? "%s" : "did you mean SKALD_%s?",
                   near < 0 ? "`skald config list` shows all settings" : names[near]);
    struct sk_mark mark = { .file = SK_STR("environment") };
    sk_diagnose(diagnostics, SK_SEVERITY_WARNING, "unknown_variable", &mark, remedy,
                "%.*s is no setting and is not used", SK_STR_ARGS(name));
}

enum skald_status sk_settings_read_environment(struct sk_settings *settings, char *const *variables,
                                               struct sk_diagnostics *diagnostics)
{
    uint32_t errors_count = diagnostics->errors_count;
    for (; *variables != NULL; variables++) {
        struct sk_str whole = sk_str_of(*variables);
        struct sk_str name = sk_str_sub(whole, 0, sk_str_find(whole, '='));
        if (!sk_str_starts(name, SK_STR("SKALD_")) || name.size == whole.size || is_other(name))
            continue;
        const struct sk_setting *row = row_of_variable(name);
        if (row == NULL) {
            warn_unknown(diagnostics, name);
            continue;
        }
        char origin[VARIABLE_SIZE_MAX + 16];
        (void)snprintf(origin, sizeof origin, "environment %.*s", SK_STR_ARGS(name));
        enum skald_status status =
            sk_settings_set(settings, row->name, *variables + name.size + 1, origin, diagnostics);
        if (status != SKALD_OK && status != SKALD_E_INVALID) return status;
    }
    return diagnostics->errors_count > errors_count ? SKALD_E_INVALID : SKALD_OK;
}

/* ---- values in force ------------------------------------------------------------------------- */

struct walk {
    const struct sk_settings *settings;
    sk_setting_fn *fn;
    void *context;
    struct sk_buf path, text;
};

static void show(struct walk *walk, const struct sk_setting *row, const char *base)
{
    sk_buf_clear(&walk->text);
    sk_setting_format(row, base, &walk->text);
    struct sk_setting_view view = { .row = row,
                                    .path = sk_buf_view(&walk->path),
                                    .text = sk_buf_view(&walk->text),
                                    .origin = SK_STR("default") };
    const struct sk_setting_given *given = walk->settings->given;
    while (given != NULL && !sk_str_equal(given->path, view.path)) given = given->next;
    if (given != NULL) view.origin = given->origin;
    view.is_default = sk_str_is(view.origin, "default");
    walk->fn(walk->context, &view);
}

static void walk_table(struct walk *walk, const struct sk_setting_table *table, const char *base)
{
    size_t outer = walk->path.size;
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct sk_setting *row = &table->rows[i];
        sk_buf_append_text(&walk->path, row->name);
        if (row->type != SK_SETTING_MAP) {
            show(walk, row, base);
        } else {
            const struct sk_setting_map *map =
                (const struct sk_setting_map *)(const void *)(base + row->offset);
            size_t inner = walk->path.size;
            for (const struct sk_setting_entry *e = map->first; e != NULL; e = e->next) {
                sk_buf_printf(&walk->path, ".%s.", e->name);
                walk_table(walk, row->table, (const char *)e);
                walk->path.size = inner;
            }
        }
        walk->path.size = outer;
    }
}

enum skald_status sk_settings_each(const struct sk_settings *settings, sk_setting_fn *fn,
                                   void *context)
{
    struct walk walk = { .settings = settings, .fn = fn, .context = context };
    walk_table(&walk, &sk_settings_table, (const char *)settings);
    bool has_failed = walk.path.failed || walk.text.failed;
    sk_buf_release(&walk.path);
    sk_buf_release(&walk.text);
    return has_failed ? SKALD_E_MEMORY : SKALD_OK;
}
