/* json_path.h: values of a JSON document by a path of the public API: "steps[0].error.code". Pure.
 */
#ifndef SK_SKALD_JSON_PATH_H
#define SK_SKALD_JSON_PATH_H

#include "base/json.h"

/* `document` is checked JSON or empty. The span at the path; {NULL, 0} when there is nothing or the
 * path cannot be read. An empty path is the whole. */
struct sk_str sk_json_at(struct sk_str document, const char *path);

/* As the public readers give them: a string unescaped, anything else as JSON, NULL for null and
 * nothing; NUL-terminated, in the arena. */
const char *sk_json_text_at(struct sk_str document, const char *path, struct sk_arena *arena);
/* As JSON. */
const char *sk_json_value_at(struct sk_str document, const char *path, struct sk_arena *arena);
bool sk_json_number_at(struct sk_str document, const char *path, double *out_number);
bool sk_json_integer_at(struct sk_str document, const char *path, int64_t *out_number);

#endif
