/* check_keys.c: a tree against the rows of keys.c. Every problem is reported; nothing is
 * changed. */
#include "base/assert.h"
#include "base/id.h"
#include "base/time.h"
#include "dsl/keys.h"

#include <stdio.h>

struct checker {
    struct sk_diagnostics *diagnostics;
    bool is_strict;
};

static void check_map(struct checker *checker, const struct sk_dsl_node *node,
                      const struct sk_key_map *map);

int sk_word_index(struct sk_str word, const char *const *names, int otherwise)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (sk_str_is(word, names[i])) return i;
    }
    return otherwise;
}

const char *sk_did_you_mean(struct sk_str word, const char *const *names, const char *otherwise,
                            char *out, size_t size)
{
    size_t count = 0;
    while (names[count] != NULL) count++;
    int nearest = sk_str_nearest(word, names, count);
    if (nearest < 0) return otherwise;
    (void)snprintf(out, size, "did you mean `%s`?", names[nearest]);
    return out;
}

bool sk_is_service_name(struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_inside = c == '-' && i > 0 && i + 1 < text.size;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || is_inside)) return false;
    }
    return text.size > 0 && text.size <= SK_NAME_SIZE_MAX;
}

static bool is_variable(struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(i > 0 && c >= '0' && c <= '9')) return false;
    }
    return text.size > 0;
}

static const char *type_name(enum sk_json_type type)
{
    switch (type) {
    case SK_JSON_NONE: break;
    case SK_JSON_NULL: return "null";
    case SK_JSON_FALSE:
    case SK_JSON_TRUE: return "a truth value";
    case SK_JSON_NUMBER: return "a number";
    case SK_JSON_STRING: return "a text";
    case SK_JSON_ARRAY: return "a list";
    case SK_JSON_OBJECT: return "a map";
    }
    return "nothing";
}

static void report(struct checker *checker, const struct sk_dsl_node *node, const char *code,
                   const char *remedy, const char *problem)
{
    struct sk_mark mark = sk_mark_of(node, checker->diagnostics);
    struct sk_str text = node->text;
    if (!sk_dsl_is_scalar(node)) text = sk_str_of(type_name(node->type));
    sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, code, &mark, remedy, "%.*s%s %s",
                (int)(text.size < 80 ? text.size : 80), text.data, text.size > 80 ? "…" : "",
                problem);
}

static bool expect(struct checker *checker, const struct sk_dsl_node *node, bool is_right,
                   const char *what)
{
    if (is_right) return true;
    struct sk_mark mark = sk_mark_of(node, checker->diagnostics);
    struct sk_str text = node->text;
    bool is_shown = sk_dsl_is_scalar(node) && node->type != SK_JSON_NULL && text.size <= 40;
    sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "wrong_type", &mark, what,
                "%.*s%s%s does not fit here", is_shown ? (int)text.size : 0, text.data,
                is_shown ? ", " : "", type_name(node->type));
    return false;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static size_t characters(struct sk_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    return count;
}

static void check_text(struct checker *checker, const struct sk_dsl_node *node,
                       const struct sk_key *key)
{
    if (!expect(checker, node, sk_dsl_is_scalar(node), "write a text")) return;
    if (key->is_required && sk_str_trim(node->text).size == 0) {
        struct sk_mark mark = sk_mark_of(node, checker->diagnostics);
        sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "empty_text", &mark, "write a text",
                    "must not be empty");
    }
    if (key->max > 0 && characters(node->text) > (size_t)key->max) {
        char remedy[64];
        (void)snprintf(remedy, sizeof remedy, "at most %lld characters", (long long)key->max);
        report(checker, node, "too_long", remedy, "is too long");
    }
}

static void check_pattern(struct checker *checker, const struct sk_dsl_node *node,
                          enum sk_key_type type)
{
    if (!expect(checker, node, sk_dsl_is_scalar(node), "write a name")) return;
    if (type == SK_KEY_NAME && !sk_id_is_name(node->text)) {
        report(checker, node, "bad_name",
               "1 to 100 letters, digits, - and _, with a letter or digit first and last",
               "is not a valid id");
    } else if (type == SK_KEY_SERVICE && !sk_is_service_name(node->text)) {
        report(checker, node, "bad_name",
               "1 to 100 lower-case letters, digits and -, with a letter or digit first and last",
               "is not a valid service name");
    } else if (type == SK_KEY_VARIABLE && !is_variable(node->text)) {
        report(checker, node, "bad_name", "letters, digits and _, no digit first",
               "is not a valid variable name");
    }
}

static bool has_template(struct sk_str text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] == '{' && text.data[i + 1] == '{') return true;
    }
    return false;
}

static void check_duration(struct checker *checker, const struct sk_dsl_node *node,
                           const struct sk_key *key)
{
    int64_t ms = 0;
    if (!expect(checker, node, sk_dsl_is_scalar(node), "write a duration such as 30s")) return;
    if (!sk_duration_parse(node->text, &ms)) {
        bool is_number = node->type == SK_JSON_NUMBER;
        report(checker, node, "bad_duration",
               is_number ? "add the unit: ms, s, m, h or d"
                         : "write a duration such as 250ms, 30s or 1h30m",
               "is not a duration");
        return;
    }
    if (ms >= key->min && ms <= key->max) return;
    char low[SK_DURATION_TEXT_SIZE], high[SK_DURATION_TEXT_SIZE], remedy[128];
    sk_duration_format(key->min, low);
    sk_duration_format(key->max, high);
    (void)snprintf(remedy, sizeof remedy, "from %s to %s", low, high);
    report(checker, node, "out_of_range", remedy, "is out of range");
}

static void check_number(struct checker *checker, const struct sk_dsl_node *node,
                         const struct sk_key *key)
{
    bool is_whole = key->type == SK_KEY_COUNT;
    int64_t whole = 0;
    double value = 0;
    char remedy[96];
    (void)snprintf(remedy, sizeof remedy, "%s from %lld to %lld",
                   is_whole ? "a whole number" : "a number", (long long)key->min,
                   (long long)key->max);
    if (!expect(checker, node, node->type == SK_JSON_NUMBER, remedy)) return;
    bool is_good = sk_json_to_double(node->text, &value) && value >= (double)key->min &&
                   value <= (double)key->max && (!is_whole || sk_json_to_i64(node->text, &whole));
    if (!is_good) report(checker, node, "out_of_range", remedy, "is out of range");
}

static void list_words(const char *const *names, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "one of");
    for (int i = 0; names[i] != NULL && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s %s", i > 0 ? "," : "", names[i]);
    }
}

static void check_word(struct checker *checker, const struct sk_dsl_node *node,
                       const char *const *names)
{
    char words[256], remedy[128];
    list_words(names, words, sizeof words);
    if (!expect(checker, node, sk_dsl_is_scalar(node), words)) return;
    if (sk_word_index(node->text, names, -1) >= 0) return;
    report(checker, node, "unknown_word",
           sk_did_you_mean(node->text, names, words, remedy, sizeof remedy), "is not known here");
}

/* ---- lists and maps -------------------------------------------------------------------------- */

static void check_scalars(struct checker *checker, const struct sk_dsl_node *node,
                          const struct sk_key *key)
{
    if (key->type == SK_KEY_TEXTS && sk_dsl_is_scalar(node)) return;
    if (!expect(checker, node, sk_dsl_is_list(node), "write a list: [a, b]")) return;
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (key->type == SK_KEY_STATUSES) {
            static const struct sk_key status = { .type = SK_KEY_COUNT, .min = 100, .max = 599 };
            check_number(checker, child, &status);
            continue;
        }
        bool is_text = sk_dsl_is_scalar(child) && child->type != SK_JSON_NULL;
        (void)expect(checker, child, is_text, "write a text");
    }
}

/* Line breaks in a name or a value would be further headers. */
static bool is_one_line(struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static void check_pairs(struct checker *checker, const struct sk_dsl_node *node)
{
    if (!expect(checker, node, sk_dsl_is_map(node), "write a map: name: value")) return;
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (child->key.size == 0 || !is_one_line(child->key)) {
            struct sk_mark mark = sk_mark_of_key(child, checker->diagnostics);
            sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "control_character", &mark,
                        "write a name on one line", "not a name that can be sent");
        }
        if (!expect(checker, child, sk_dsl_is_scalar(child), "write a text")) continue;
        if (is_one_line(child->text)) continue;
        struct sk_mark mark = sk_mark_of(child, checker->diagnostics);
        sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "control_character", &mark,
                    "keep it on one line", "holds a line break or a control character");
    }
}

static void check_list(struct checker *checker, const struct sk_dsl_node *node,
                       const struct sk_key *key)
{
    if (!expect(checker, node, sk_dsl_is_list(node), "write a list, each element after a dash"))
        return;
    if (key->max > 0 && (node->count < key->min || node->count > key->max)) {
        struct sk_mark mark = sk_mark_of(node, checker->diagnostics);
        sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "out_of_range", &mark, NULL,
                    "%u elements; %lld to %lld are possible", node->count, (long long)key->min,
                    (long long)key->max);
    }
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (expect(checker, child, sk_dsl_is_map(child), "write a map: key: value")) {
            check_map(checker, child, key->map);
        }
    }
}

static void check_maps(struct checker *checker, const struct sk_dsl_node *node,
                       const struct sk_key *key)
{
    if (!expect(checker, node, sk_dsl_is_map(node), "write a map: name: …")) return;
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (!sk_is_service_name(child->key)) {
            struct sk_mark mark = sk_mark_of_key(child, checker->diagnostics);
            sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "bad_name", &mark,
                        "lower-case letters, digits and -", "not a valid service name");
        }
        if (expect(checker, child, sk_dsl_is_map(child), "write a map: key: value")) {
            check_map(checker, child, key->map);
        }
    }
}

/* Secrets may stand where they are resolved at send time, nowhere else. */
static void refuse_secrets(struct checker *checker, const struct sk_dsl_node *node)
{
    if (node->has_secret) {
        report(checker, node, "secret_place", "secrets stand in headers, query and endpoint only",
               "holds a secret");
    }
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        refuse_secrets(checker, child);
    }
}

/* Where secrets are resolved, an escaped one would be taken for a real one. */
static void refuse_literals(struct checker *checker, const struct sk_dsl_node *node)
{
    for (size_t i = 0; !node->has_secret && i + 9 <= node->text.size; i++) {
        if (memcmp(node->text.data + i, "${secret:", 9) != 0) continue;
        report(checker, node, "secret_place", "use a single $ for a secret",
               "looks like a secret where secrets are resolved");
        break;
    }
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        refuse_literals(checker, child);
    }
}

/* A value of a row whose type is a container. */
static void check_container(struct checker *checker, const struct sk_dsl_node *node,
                            const struct sk_key *key)
{
    if (key->type == SK_KEY_TEXT_MAP && sk_dsl_is_scalar(node)) {
        check_text(checker, node, key);
    } else if (key->type == SK_KEY_LIST) {
        check_list(checker, node, key);
    } else if (key->type == SK_KEY_MAPS) {
        check_maps(checker, node, key);
    } else if (expect(checker, node, sk_dsl_is_map(node), "write a map: key: value")) {
        check_map(checker, node, key->map);
    }
}

static void check_value(struct checker *checker, const struct sk_dsl_node *node,
                        const struct sk_key *key)
{
    bool has_rows = key->map != NULL && !sk_dsl_is_scalar(node);
    if (key->may_hold_secret) {
        refuse_literals(checker, node);
    } else if (!has_rows) {
        refuse_secrets(checker, node);
    }
    switch (key->type) {
    case SK_KEY_TEXT: check_text(checker, node, key); break;
    case SK_KEY_NAME:
    case SK_KEY_SERVICE:
    case SK_KEY_VARIABLE: check_pattern(checker, node, key->type); break;
    case SK_KEY_TEMPLATE:
    case SK_KEY_CONDITION: check_text(checker, node, key); break;
    case SK_KEY_TIMEOUT:
        if (!sk_dsl_is_scalar(node) || !has_template(node->text))
            check_duration(checker, node, key);
        break;
    case SK_KEY_DURATION: check_duration(checker, node, key); break;
    case SK_KEY_BOOL:
        (void)expect(checker, node, node->type == SK_JSON_TRUE || node->type == SK_JSON_FALSE,
                     "write true or false");
        break;
    case SK_KEY_COUNT:
    case SK_KEY_FACTOR: check_number(checker, node, key); break;
    case SK_KEY_WORD: check_word(checker, node, key->names); break;
    case SK_KEY_JITTER:
        if (node->type != SK_JSON_TRUE && node->type != SK_JSON_FALSE)
            check_word(checker, node, key->names);
        break;
    case SK_KEY_NAMES:
    case SK_KEY_TEXTS:
    case SK_KEY_TEMPLATES:
    case SK_KEY_STATUSES: check_scalars(checker, node, key); break;
    case SK_KEY_PAIRS: check_pairs(checker, node); break;
    case SK_KEY_OBJECT:
        (void)expect(checker, node, sk_dsl_is_map(node), "write a map: key: value");
        break;
    case SK_KEY_MAP:
    case SK_KEY_LIST:
    case SK_KEY_MAPS:
    case SK_KEY_TEXT_MAP: check_container(checker, node, key); break;
    case SK_KEY_ANY: break;
    }
}

/* ---- names of keys --------------------------------------------------------------------------- */

enum { NAMES_MAX = 40 }; /* keys of one map, with the closing NULL */

static const struct sk_key *find_row(const struct sk_key_map *map, struct sk_str name)
{
    for (size_t i = 0; i < map->keys_count; i++) {
        if (sk_str_is(name, map->keys[i].name)) return &map->keys[i];
    }
    return NULL;
}

static void refuse_key(struct checker *checker, const struct sk_dsl_node *member,
                       const struct sk_key_map *map)
{
    const char *names[NAMES_MAX] = { NULL };
    for (size_t i = 0; i < map->keys_count && i + 1 < NAMES_MAX; i++) names[i] = map->keys[i].name;
    char remedy[128], otherwise[128];
    (void)snprintf(otherwise, sizeof otherwise, "it is ignored; not a key of the %s", map->name);
    struct sk_mark mark = sk_mark_of_key(member, checker->diagnostics);
    struct sk_str key = member->key;
    sk_diagnose(checker->diagnostics, checker->is_strict ? SK_SEVERITY_ERROR : SK_SEVERITY_WARNING,
                "unknown_key", &mark, sk_did_you_mean(key, names, otherwise, remedy, sizeof remedy),
                "unknown key %.*s", (int)(key.size < 80 ? key.size : 80), key.data);
}

static void check_map(struct checker *checker, const struct sk_dsl_node *node,
                      const struct sk_key_map *map)
{
    SK_ASSERT(map != NULL); /* each row with a map type has one */
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        const struct sk_key *key = find_row(map, child->key);
        if (key == NULL) {
            if (!map->is_open) refuse_key(checker, child, map);
            refuse_secrets(checker, child);
        } else if (child->type != SK_JSON_NULL) {
            check_value(checker, child, key);
        }
    }
    for (size_t i = 0; i < map->keys_count; i++) {
        const struct sk_key *key = &map->keys[i];
        if (!key->is_required || sk_dsl_get(node, key->name) != NULL) continue;
        struct sk_mark mark = sk_mark_of(node, checker->diagnostics);
        sk_diagnose(checker->diagnostics, SK_SEVERITY_ERROR, "missing_key", &mark, key->help,
                    "`%s` is missing", key->name);
    }
}

void sk_keys_check(const struct sk_dsl_node *root, bool is_strict,
                   struct sk_diagnostics *diagnostics)
{
    struct checker checker = { diagnostics, is_strict };
    if (expect(&checker, root, sk_dsl_is_map(root), "a definition starts with saga:")) {
        check_map(&checker, root, &sk_keys_document);
    }
}
