/*
 * schema.h: the keys of a definition for others than the reader: as a JSON Schema for editors, and
 * as a page of tables for people. Both walk the rows of keys.h, so they cannot say anything else.
 *
 * The schema is looser than `skald validate`: what rows cannot say (one key against another) it
 * does not say, and a text may be a number or true wherever YAML would read one.
 */
#ifndef SK_DSL_SCHEMA_H
#define SK_DSL_SCHEMA_H

#include "base/buf.h"

/* Appends the schema (draft-07, which the language servers of editors know); one line per key. */
void sk_dsl_schema_json(struct sk_buf *out);
/* Appends the page, in Markdown. */
void sk_dsl_schema_markdown(struct sk_buf *out);

#endif
