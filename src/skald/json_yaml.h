/* json_yaml.h: JSON as YAML that people like to read: blocks for what holds something, and strings
 * in double quotes where a plain word could be taken for something else. Pure. */
#ifndef SK_SKALD_JSON_YAML_H
#define SK_SKALD_JSON_YAML_H

#include "base/json.h"

/* Appends checked JSON (an object) as a YAML document that means the same. */
void sk_json_yaml(struct sk_str json, struct sk_buf *out);

#endif
