/*
 * inputs.h: what a request may carry, as tables: the members of a JSON body, the parameters of a
 * query. The reader, its messages and (later) the OpenAPI page walk the same rows.
 *
 * Payloads are not taken apart: they are checked once as JSON and passed on as the text they are.
 */
#ifndef SK_API_INPUTS_H
#define SK_API_INPUTS_H

#include "api/exchange.h"

enum sk_input_kind {
    SK_INPUT_TEXT,     /* struct sk_str: one line, without control bytes */
    SK_INPUT_PROSE,    /* struct sk_str: may have line breaks */
    SK_INPUT_NAME,     /* struct sk_str: id of a definition or a step */
    SK_INPUT_ID,       /* struct sk_str: id of a saga, given by a client */
    SK_INPUT_JSON,     /* struct sk_str: any value, as text */
    SK_INPUT_OBJECT,   /* struct sk_str: an object, as text */
    SK_INPUT_SCALARS,  /* struct sk_str: an object of texts, numbers and truth values, as text */
    SK_INPUT_TAGS,     /* struct sk_str: a list of texts, as text */
    SK_INPUT_TEXTS,    /* struct sk_texts: a list of texts */
    SK_INPUT_DURATION, /* int64_t: "30s", in ms; > 0 */
    SK_INPUT_INSTANT,  /* int64_t: RFC 3339, or "90m" for that long ago; in ms, > 0 */
    SK_INPUT_NUMBER,   /* int64_t in [min, max] */
    SK_INPUT_FLAG      /* bool */
};

struct sk_texts {
    const struct sk_str *items;
    uint32_t count;
};

enum { SK_INPUT_TEXT_SIZE_MAX = 1000, SK_INPUT_LIST_MAX = 100 };

struct sk_input {
    const char *name; /* NULL ends the table */
    enum sk_input_kind kind;
    size_t offset; /* of its field */
    const char *help;
    int64_t min, max; /* SK_INPUT_NUMBER */
    size_t size_max;  /* of a text; 0 = SK_INPUT_TEXT_SIZE_MAX */
    bool is_required; /* there and not empty */
};

/* Reads the body (an object; nothing at all counts as {}) into `out`; a member that is null counts
 * as missing, except for SK_INPUT_JSON. false: the request has been refused, with the place and a
 * remedy. */
bool sk_inputs_read_body(struct sk_exchange *x, const struct sk_input *inputs,
                         void *out) SK_MUST_CHECK;
/* The same for an object inside the body. */
bool sk_inputs_read_object(struct sk_exchange *x, const struct sk_input *inputs,
                           struct sk_str object, void *out) SK_MUST_CHECK;
/* Reads the query; only texts, numbers, durations, instants and flags; TEXTS may come several
 * times. */
bool sk_inputs_read_query(struct sk_exchange *x, const struct sk_input *inputs,
                          void *out) SK_MUST_CHECK;
/* The media type of the body is one of the list (ending with NULL); false: 415 has been sent. */
bool sk_inputs_check_type(struct sk_exchange *x, const char *const *types) SK_MUST_CHECK;

#endif
