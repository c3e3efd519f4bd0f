/* format_private.h: what the files of the formatter share. */
#ifndef SK_DSL_FORMAT_PRIVATE_H
#define SK_DSL_FORMAT_PRIVATE_H

#include "dsl/format.h"

#include <yaml.h>

/* One pass: `source` has LF line ends and is UTF-8. `comments` gets every comment in a line of its
 * own. */
enum skald_status format_layout(struct sk_str source, struct sk_buf *out, struct sk_buf *comments,
                                skald_error *error) SK_MUST_CHECK;
/* Do both texts have the same events: nodes, values, styles, anchors, tags? */
bool format_same_events(struct sk_str a, struct sk_str b);
/* "line 3, column 7: …" of a parser that has failed. */
enum skald_status format_syntax_error(const yaml_parser_t *parser, skald_error *error);

#endif
