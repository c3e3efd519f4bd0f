/* saga_filter.h: which sagas are meant, on the command line: the options of `list` and `batch`. */
#ifndef SK_CLI_SAGA_FILTER_H
#define SK_CLI_SAGA_FILTER_H

#include "cli/client.h"

struct cli_saga_filter {
    const char *state, *reason, *definition, *version, *business_key, *space, *parent;
    const char *created_from, *created_to, *updated_from, *updated_to, *ended_from, *ended_to;
    struct cli_list tags, attributes;
    bool only_residue;
};

#define CLI_FILTER_TEXT(name, letter, type, field, value, help)                     \
    {                                                                               \
        name, letter, CLI_TEXT, value, help, .offset = offsetof(type, filter.field) \
    }
/* The rows; `type` is the command's options with a field `filter`; `reason` is the name of the
 * option for why a saga was undone. */
#define CLI_SAGA_FILTER_OPTIONS(type, reason_name)                                                 \
    CLI_FILTER_TEXT("state", 0, type, state, "STATE[,STATE]",                                      \
                    "only in these states; words of other systems as rte:FAILED"),                 \
        CLI_FILTER_TEXT(reason_name, 0, type, reason, "REASON[,REASON]",                           \
                        "only undone or ended so"),                                                \
        CLI_FILTER_TEXT("definition", 'd', type, definition, "ID", "only of this definition"),     \
        CLI_FILTER_TEXT("version", 0, type, version, "VERSION", "only of this version of it"),     \
        CLI_FILTER_TEXT("business-key", 0, type, business_key, "TEXT", "only with this key"),      \
        { "tag",                                                                                   \
          't',                                                                                     \
          CLI_LIST,                                                                                \
          "TEXT",                                                                                  \
          "only with this tag; several: all of them",                                              \
          .offset = offsetof(type, filter.tags) },                                                 \
        { "attribute",                                                                             \
          'a',                                                                                     \
          CLI_LIST,                                                                                \
          "NAME:VALUE",                                                                            \
          "only with this attribute; several: all of them",                                        \
          .offset = offsetof(type, filter.attributes) },                                           \
        CLI_FILTER_TEXT("namespace", 'n', type, space, "NAME", "only of this namespace"),          \
        CLI_FILTER_TEXT("parent", 0, type, parent, "ID", "only children of this saga"),            \
        CLI_FILTER_TEXT("created-from", 0, type, created_from, "TIME",                             \
                        "accepted then or later: 2026-01-02T03:04:05Z, or 90m for that long ago"), \
        CLI_FILTER_TEXT("created-to", 0, type, created_to, "TIME", "accepted before then"),        \
        CLI_FILTER_TEXT("updated-from", 0, type, updated_from, "TIME",                             \
                        "last event then or later"),                                               \
        CLI_FILTER_TEXT("updated-to", 0, type, updated_to, "TIME", "last event before then"),      \
        CLI_FILTER_TEXT("ended-from", 0, type, ended_from, "TIME", "ended then or later"),         \
        CLI_FILTER_TEXT("ended-to", 0, type, ended_to, "TIME", "ended before then"),               \
    {                                                                                              \
        "residue", 0, CLI_FLAG, NULL, "only those that left something standing",                   \
            .offset = offsetof(type, filter.only_residue)                                          \
    }

/* As parameters of a query, behind `path`. */
void cli_saga_filter_query(const struct cli_saga_filter *filter, struct sk_buf *path);
/* As an object. */
void cli_saga_filter_json(const struct cli_saga_filter *filter, struct sk_json_writer *w);

#endif
