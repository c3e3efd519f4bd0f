/*
 * saga_filter.h: which sagas are meant, as clients say it: the parameters of a list and the filter
 * of a batch are the same rows.
 */
#ifndef SK_API_SAGA_FILTER_H
#define SK_API_SAGA_FILTER_H

#include "api/inputs.h"

struct sk_saga_filter {
    struct sk_str states, reasons, definition, version, business_key, space, parent;
    struct sk_texts tags, attributes;
    int64_t created_from_ms, created_to_ms, updated_from_ms, updated_to_ms;
    int64_t ended_from_ms, ended_to_ms;
    bool only_residue;
};

#define SK_SAGA_FILTER_ROW(name, kind, type, field, help)              \
    {                                                                  \
        name, kind, offsetof(type, filter.field), help, 0, 0, 0, false \
    }
/* The rows of a table whose struct has a member `filter`. */
#define SK_SAGA_FILTER_ROWS(type)                                                                  \
    SK_SAGA_FILTER_ROW("state", SK_INPUT_TEXT, type, states,                                       \
                       "one or several, with commas; words of other systems as rte:FAILED"),       \
        SK_SAGA_FILTER_ROW("reason", SK_INPUT_TEXT, type, reasons, "one or several, with commas"), \
        SK_SAGA_FILTER_ROW("definition", SK_INPUT_NAME, type, definition, "any version of it"),    \
        SK_SAGA_FILTER_ROW("version", SK_INPUT_TEXT, type, version, "of the definition"),          \
        SK_SAGA_FILTER_ROW("business_key", SK_INPUT_TEXT, type, business_key, "exactly"),          \
        SK_SAGA_FILTER_ROW("tag", SK_INPUT_TEXTS, type, tags, "one of its tags; all must match"),  \
        SK_SAGA_FILTER_ROW("attribute", SK_INPUT_TEXTS, type, attributes,                          \
                           "name:value; all must match"),                                          \
        SK_SAGA_FILTER_ROW("namespace", SK_INPUT_TEXT, type, space, "exactly"),                    \
        SK_SAGA_FILTER_ROW("parent", SK_INPUT_TEXT, type, parent, "children of this saga"),        \
        SK_SAGA_FILTER_ROW("residue", SK_INPUT_FLAG, type, only_residue,                           \
                           "only those where something was left standing"),                        \
        SK_SAGA_FILTER_ROW("created_from", SK_INPUT_INSTANT, type, created_from_ms,                \
                           "accepted then or later"),                                              \
        SK_SAGA_FILTER_ROW("created_to", SK_INPUT_INSTANT, type, created_to_ms,                    \
                           "accepted before then"),                                                \
        SK_SAGA_FILTER_ROW("updated_from", SK_INPUT_INSTANT, type, updated_from_ms,                \
                           "last event then or later"),                                            \
        SK_SAGA_FILTER_ROW("updated_to", SK_INPUT_INSTANT, type, updated_to_ms,                    \
                           "last event before then"),                                              \
        SK_SAGA_FILTER_ROW("ended_from", SK_INPUT_INSTANT, type, ended_from_ms,                    \
                           "ended then or later"),                                                 \
        SK_SAGA_FILTER_ROW("ended_to", SK_INPUT_INSTANT, type, ended_to_ms, "ended before then")

/* The store's filter; its texts live in the exchange. false: the request has been refused. */
bool sk_saga_filter_read(struct sk_exchange *x, const struct sk_saga_filter *from,
                         struct sk_list_filter *out_filter) SK_MUST_CHECK;

#endif
