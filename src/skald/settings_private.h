/* settings_private.h: what the files settings*.c share. */
#ifndef SK_SKALD_SETTINGS_PRIVATE_H
#define SK_SKALD_SETTINGS_PRIVATE_H

#include "dsl/node.h"
#include "skald/settings.h"

/* That a path was said, and where. */
struct sk_setting_given {
    struct sk_setting_given *next;
    struct sk_str path, origin;
};

/* What reading one layer needs. */
struct sk_setting_reader {
    struct sk_settings *settings;
    struct sk_diagnostics *diagnostics;
    bool is_text; /* environment and flags: lists with commas, maps as YAML inside the text */
};

/* Takes one value by its row into `base` + offset. `node` NULL = the row's default. */
void sk_setting_take(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                     const struct sk_dsl_node *node);
/* Every row of the table gets its default. */
void sk_setting_defaults(struct sk_setting_reader *reader, const struct sk_setting_table *table,
                         char *base);
/* The members of a map by the rows of a table. */
void sk_settings_take_map(struct sk_setting_reader *reader, const struct sk_setting_table *table,
                          char *base, const struct sk_dsl_node *map);
void sk_setting_complain(struct sk_setting_reader *reader, enum sk_severity severity,
                         const char *code, const struct sk_dsl_node *node, const char *remedy,
                         const char *format, ...) SK_PRINTF(6, 7);
/* settings_services.c: `services` and `hosts.allow` into the options of the node, checked. False:
 * out of memory. */
bool sk_settings_take_services(struct sk_settings *settings, struct sk_diagnostics *diagnostics);
/* An integer field of 4 or 8 bytes. */
int64_t sk_setting_load(const struct sk_setting *row, const char *base);
void sk_setting_store(const struct sk_setting *row, char *base, int64_t value);
/* The value in force, masked, as YAML. */
void sk_setting_format(const struct sk_setting *row, const char *base, struct sk_buf *out);

#endif
