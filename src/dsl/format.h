/*
 * format.h: a YAML text in the one shape that Skald's own definitions have. Pure.
 *
 *   Z1  The meaning never changes: the formatted text has the same nodes, values, anchors, tags,
 *       quotes and comments in the same order, or nothing is given back.
 *   Z2  Formatting twice is formatting once.
 *
 * What is changed: indentation (two columns a level, lists one level inside their key), blanks
 * around `-`, `:`, `,`, braces and brackets, blanks at line ends, line ends (LF), more than one
 * empty line in a row, the newline at the end. What is not: line breaks, words, quotes, the order.
 */
#ifndef SK_DSL_FORMAT_H
#define SK_DSL_FORMAT_H

#include "base/buf.h"
#include "base/error.h"

/* Appends to `out`. SKALD_E_SYNTAX: this is no YAML; the message names line and column.
 * SKALD_E_TOO_LARGE. SKALD_E_UNSUPPORTED: it cannot be formatted without changing what it means.
 * SKALD_E_MEMORY. */
enum skald_status sk_dsl_format(struct sk_str source, struct sk_buf *out,
                                skald_error *error) SK_MUST_CHECK;

#endif
