/* time.h: instants and durations as text. An instant is milliseconds since 1970-01-01 UTC (int64),
 * a duration is milliseconds (int64). Nothing here knows what time it is. */
#ifndef SK_BASE_TIME_H
#define SK_BASE_TIME_H

#include "base/buf.h"

enum { SK_TIME_TEXT_SIZE = 32, SK_DURATION_TEXT_SIZE = 40 };

/* "2026-01-02T03:04:05.678Z"; out has SK_TIME_TEXT_SIZE bytes. */
void sk_time_format(int64_t at_ms, char *out);
/* RFC 3339 with any offset and 0–9 fraction digits (cut to ms); whole text; years 0001–9999. */
bool sk_time_parse(struct sk_str text, int64_t *out_at_ms);
/* Go's durations (ns us µs ms s m h, compounds, fractions, "0") and d; ≥ 0; rounded to the nearest
 * ms, a positive one to at least 1 ms. */
bool sk_duration_parse(struct sk_str text, int64_t *out_ms);
/* "1h30m", "1.5s", "250ms", "0s". */
void sk_duration_format(int64_t ms, char *out);

#endif
