/* graph.h: what the formats of a plan's graph share. Private to dsl/. */
#ifndef SK_DSL_GRAPH_H
#define SK_DSL_GRAPH_H

#include "dsl/dsl.h"

struct sk_paint {
    const char *fill, *line;
};

/* Colours of a step: by its state when there is one, else by its kind. */
struct sk_paint sk_graph_paint(const struct sk_step *step, const char *state);
/* "http · pivot · after 3 items …": what a reader wants to know beside the name. */
void sk_graph_remark(const struct sk_step *step, struct sk_buf *out);
/* Text inside XML and HTML-like labels. */
void sk_graph_escape(struct sk_buf *out, struct sk_str text);
/* Number of levels of a plan. */
uint32_t sk_graph_levels(const struct sk_plan *plan);

enum skald_status sk_graph_svg(const struct sk_plan *plan, const char *const *states,
                               struct sk_buf *out) SK_MUST_CHECK;

#endif
