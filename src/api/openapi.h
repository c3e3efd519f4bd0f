/*
 * openapi.h: the OpenAPI 3.1 document of this server, made from its own tables: routes.c (paths,
 * statuses), the inputs of each noun (parameters and bodies), schemas.c (replies). There is nothing
 * to keep in step by hand.
 */
#ifndef SK_API_OPENAPI_H
#define SK_API_OPENAPI_H

#include "api/inputs.h"
#include "base/json.h"

/* Appends the whole document; with_rte: also what compat.rte adds. The same bytes every time. */
void sk_openapi_write(struct sk_buf *out, bool with_rte);

/* ---- openapi_schema.c: JSON Schema (2020-12), for openapi.c ---- */

/* A type as schemas.h writes them; `help` may be NULL. */
void sk_openapi_type(struct sk_json_writer *w, struct sk_str type, const char *help);
/* What a member of a body or a parameter of a query may be. */
void sk_openapi_input(struct sk_json_writer *w, const struct sk_input *input);
/* The object that `inputs` describe. */
void sk_openapi_inputs(struct sk_json_writer *w, const struct sk_input *inputs);
/* The object that components/schemas names: all rows of sk_schema_tables. */
void sk_openapi_schemas(struct sk_json_writer *w, bool with_rte);
/* A value of that type, for readers; it fits its schema. */
void sk_openapi_example(struct sk_json_writer *w, struct sk_str type);

#endif
