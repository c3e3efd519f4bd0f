/*
 * json_pattern.h: regular expressions of JSON Schemas (`pattern`, `patternProperties`): the part of
 * ECMA-262 that needs no looking back or ahead. They are run as a set of states side by side, so
 * the cost grows with length × size of the pattern and never faster, whatever is written.
 *
 * Known: characters, `.`, [classes], \d \w \s and their opposites, \b \B, ^ $, ( ) (?: ), |, * + ?
 * {m,n} (greedy or not makes no difference to a yes or no), \n \r \t \f \v \0 \xHH \uHHHH \cX.
 * Refused: \1 back references, (?= (?! (?<= (?<! looking around, \p{…}.
 */
#ifndef SK_DSL_JSON_PATTERN_H
#define SK_DSL_JSON_PATTERN_H

#include "base/arena.h"
#include "base/error.h"

struct sk_json_pattern;

enum { SK_JSON_PATTERN_SIZE_MAX = 1000, SK_JSON_PATTERN_STATES_MAX = 2000 };

/* SKALD_E_INVALID with a message; SKALD_E_LIMIT: too large once its {m,n} are written out;
 * SKALD_E_MEMORY. */
enum skald_status sk_json_pattern_compile(struct sk_str text, struct sk_arena *arena,
                                          const struct sk_json_pattern **out,
                                          skald_error *error) SK_MUST_CHECK;
/* Is there a match anywhere in `text` (UTF-8)? Takes the states it visits off *budget; when that
 * runs out, or memory does (*out_failed), the answer means nothing. */
bool sk_json_pattern_found(const struct sk_json_pattern *pattern, struct sk_str text,
                           int64_t *budget, bool *out_failed);

#endif
