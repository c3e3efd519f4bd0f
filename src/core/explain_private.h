/* explain_private.h: shared by the files of explain only. */
#ifndef SK_CORE_EXPLAIN_PRIVATE_H
#define SK_CORE_EXPLAIN_PRIVATE_H

#include "base/time.h"
#include "core/explain.h"
#include "core/rehearse.h"

/* explain_text.c */
/* "step pay pauses after attempt 1 of 4 (busy)" */
void sk_explain_waits(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                      struct sk_buf *out);
/* The whole sentence; the entries' texts are there. */
void sk_explain_sentence(const struct sk_saga *saga, int64_t now_ms,
                         const struct sk_explanation *explanation, struct sk_buf *out);
/* "step pay", "item 3 of step notify" */
void sk_explain_unit(const struct sk_saga *saga, uint32_t step, int32_t item, struct sk_buf *out);
/* "the saga is suspended (why)" */
void sk_explain_suspended(const struct sk_saga *saga, struct sk_buf *out);

/* explain_then.c: what happens at entry->until_ms if nothing else comes before; appends nothing
 * when nothing happens by itself. False: out of memory. */
bool sk_explain_then(const struct sk_saga *saga, int64_t now_ms, const struct sk_rules *rules,
                     const struct sk_explain_entry *entry, struct sk_buf *out) SK_MUST_CHECK;

#endif
