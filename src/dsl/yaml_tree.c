/*
 * yaml_tree.c: libyaml's events as a tree with marks.
 *
 *   - Depth is refused while events are pulled: libyaml is quadratic on "[[[[".
 *   - An alias is a copy of what its anchor names, counted against the limit of nodes; an alias
 *     inside its own anchor is refused.
 *   - `<<` takes in the members of a map (or of a list of maps) that the map does not have itself.
 *   - Exactly one document.
 */
#include "base/hash.h"
#include "dsl/node.h"

#include <yaml.h>

enum { ANCHORS_MAX = 1000, BUCKETS = 256 };

struct anchor {
    struct anchor *next;
    struct sk_str name;
    struct sk_dsl_node *node;
};

/* A container that is being read. */
struct frame {
    struct sk_dsl_node *node;
    struct sk_str key;
    struct sk_mark key_mark;
    bool has_key, is_merge;
    struct sk_dsl_node *merges; /* values of `<<`, in order; their `next` is the chain */
    struct sk_dsl_node *merges_last;
};

struct loader {
    const struct sk_source *source;
    yaml_parser_t parser;
    struct frame frames[SK_YAML_DEPTH_MAX];
    uint32_t depth; /* frames in use */
    struct anchor *anchors[BUCKETS];
    uint32_t anchors_count;
    struct sk_dsl_node *root;
};

static struct sk_arena *arena_of(struct loader *loader)
{
    return &loader->source->tree->arena;
}

static struct sk_mark mark_at(const struct loader *loader, yaml_mark_t at)
{
    return (struct sk_mark){ .file = *loader->source->file,
                             .line = (uint32_t)at.line + 1,
                             .column = (uint32_t)at.column + 1 };
}

static bool refuse(struct loader *loader, const char *code, const struct sk_mark *mark,
                   const char *remedy, const char *problem)
{
    sk_diagnose(loader->source->tree->diagnostics, SK_SEVERITY_ERROR, code, mark, remedy, "%s",
                problem);
    return false;
}

/* ---- anchors --------------------------------------------------------------------------------- */

static struct sk_str text_of(const yaml_char_t *text)
{
    return sk_str_of((const char *)text);
}

static struct anchor **bucket_of(struct loader *loader, struct sk_str name)
{
    return &loader->anchors[sk_hash_id(name) % BUCKETS];
}

static bool put_anchor(struct loader *loader, const yaml_char_t *name, struct sk_dsl_node *node,
                       const struct sk_mark *mark)
{
    if (name == NULL) return true;
    if (loader->anchors_count == ANCHORS_MAX) {
        return refuse(loader, "too_many_anchors", mark, "use fewer", "more than 1000 anchors");
    }
    struct anchor *anchor = SK_ARENA_NEW(arena_of(loader), struct anchor);
    struct sk_str copy = sk_arena_copy(arena_of(loader), text_of(name));
    if (arena_of(loader)->failed) return false;
    struct anchor **bucket = bucket_of(loader, copy);
    *anchor = (struct anchor){ *bucket, copy, node };
    *bucket = anchor;
    loader->anchors_count += 1;
    return true;
}

static struct sk_dsl_node *find_anchor(struct loader *loader, struct sk_str name)
{
    struct anchor *anchor = *bucket_of(loader, name);
    while (anchor != NULL && !sk_str_equal(anchor->name, name)) anchor = anchor->next;
    return anchor == NULL ? NULL : anchor->node;
}

static struct sk_dsl_node *copy_node(struct loader *loader, const struct sk_dsl_node *from,
                                     const struct sk_mark *mark, uint32_t depth)
{
    struct sk_dsl_node *node = sk_tree_node(loader->source, from->type, mark, depth);
    if (node == NULL) return NULL;
    *node = *from;
    node->parent = node->first = node->last = node->next = NULL;
    node->count = 0;
    for (const struct sk_dsl_node *child = from->first; child != NULL; child = child->next) {
        struct sk_dsl_node *copy = copy_node(loader, child, mark, depth + 1);
        if (copy == NULL) return NULL;
        sk_dsl_add_child(node, copy);
    }
    return node;
}

/* ---- placing values -------------------------------------------------------------------------- */

static uint32_t depth_of(const struct loader *loader)
{
    return loader->source->depth + loader->depth;
}

static bool take_key(struct loader *loader, struct frame *frame, struct sk_str key,
                     const struct sk_mark *mark, bool is_merge)
{
    if (key.size > SK_KEY_SIZE_MAX) {
        return refuse(loader, "key_too_long", mark, "shorten it", "a key of more than 1024 bytes");
    }
    if (key.size > 0 && memchr(key.data, 0, key.size) != NULL) {
        return refuse(loader, "nul_byte", mark, "remove it", "a key that holds a NUL character");
    }
    frame->key = sk_arena_copy(arena_of(loader), key);
    frame->key_mark = *mark;
    frame->has_key = true;
    frame->is_merge = is_merge;
    return !arena_of(loader)->failed;
}

static bool take_merge(struct loader *loader, struct frame *frame, struct sk_dsl_node *value,
                       const struct sk_mark *mark)
{
    bool is_good = sk_dsl_is_map(value) || sk_dsl_is_list(value);
    for (struct sk_dsl_node *child = value->first; sk_dsl_is_list(value) && child != NULL;
         child = child->next) {
        is_good = is_good && sk_dsl_is_map(child);
    }
    if (!is_good) {
        return refuse(loader, "merge_value", mark, "give << an alias of a map, or a list of them",
                      "only maps can be merged");
    }
    value->next = NULL;
    if (frame->merges == NULL) {
        frame->merges = value;
    } else {
        frame->merges_last->next = value;
    }
    frame->merges_last = value;
    return true;
}

/* A whole value: into the innermost container, or as the root. */
static bool place(struct loader *loader, struct sk_dsl_node *node, const struct sk_mark *mark)
{
    if (loader->depth == 0) {
        loader->root = node;
        return true;
    }
    struct frame *frame = &loader->frames[loader->depth - 1];
    if (!sk_dsl_is_map(frame->node)) {
        sk_dsl_add_child(frame->node, node);
        return true;
    }
    if (!frame->has_key) {
        return refuse(loader, "key_type", mark, "write a plain name before the colon",
                      "a key must be a text, a number or a word");
    }
    frame->has_key = false;
    if (frame->is_merge) return take_merge(loader, frame, node, mark);
    node->key = frame->key;
    node->key_line = frame->key_mark.line;
    node->key_column = frame->key_mark.column;
    sk_dsl_add_child(frame->node, node);
    return true;
}

/* Copies, because an anchor may name the map that is merged. */
static bool add_members(struct loader *loader, struct sk_dsl_node *map,
                        const struct sk_dsl_node *from)
{
    struct sk_mark mark = { .file = *map->file, .line = map->line, .column = map->column };
    for (const struct sk_dsl_node *child = from->first; child != NULL; child = child->next) {
        struct sk_dsl_node *copy = copy_node(loader, child, &mark, depth_of(loader));
        if (copy == NULL) return false;
        sk_dsl_add_child(map, copy);
    }
    return true;
}

/* N2: the map's own members first, then those of each merge in turn. */
static bool finish_map(struct loader *loader, struct frame *frame)
{
    struct sk_dsl_node *map = frame->node;
    uint32_t own_count = map->count;
    for (const struct sk_dsl_node *merge = frame->merges; merge != NULL; merge = merge->next) {
        if (sk_dsl_is_map(merge)) {
            if (!add_members(loader, map, merge)) return false;
            continue;
        }
        for (const struct sk_dsl_node *element = merge->first; element != NULL;
             element = element->next) {
            if (!add_members(loader, map, element)) return false;
        }
    }
    return sk_tree_unique(loader->source, map, own_count);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_waiting_for_key(const struct loader *loader)
{
    if (loader->depth == 0) return false;
    const struct frame *frame = &loader->frames[loader->depth - 1];
    return sk_dsl_is_map(frame->node) && !frame->has_key;
}

static bool on_alias(struct loader *loader, const yaml_event_t *event, const struct sk_mark *mark)
{
    struct sk_dsl_node *target = find_anchor(loader, text_of(event->data.alias.anchor));
    if (target == NULL) {
        return refuse(loader, "unknown_alias", mark, "define it above with &name",
                      "an alias without its anchor");
    }
    if (target->is_open) {
        return refuse(loader, "alias_cycle", mark, "break the circle",
                      "an alias inside its own anchor");
    }
    if (is_waiting_for_key(loader)) {
        if (!sk_dsl_is_scalar(target)) return place(loader, target, mark);
        return take_key(loader, &loader->frames[loader->depth - 1], target->text, mark, false);
    }
    struct sk_dsl_node *node = copy_node(loader, target, mark, depth_of(loader));
    return node != NULL && place(loader, node, mark);
}

/* What a tag asks of a scalar: 's' text, 'p' plain, 'i' include, 0 unknown. */
static char tag_kind(struct sk_str tag, bool is_plain)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    if (tag.size == 0) return is_plain ? 'p' : 's';
    if (sk_str_is(tag, "!")) return 's';
    if (sk_str_is(tag, "!include")) return 'i';
    if (!sk_str_starts(tag, SK_STR(prefix))) return 0;
    struct sk_str name = sk_str_sub(tag, sizeof prefix - 1, tag.size);
    if (sk_str_is(name, "str")) return 's';
    bool is_known = sk_str_is(name, "int") || sk_str_is(name, "float") || sk_str_is(name, "bool") ||
                    sk_str_is(name, "null");
    return is_known ? 'p' : 0;
}

static bool on_scalar(struct loader *loader, const yaml_event_t *event, const struct sk_mark *mark)
{
    struct sk_str written = { (const char *)event->data.scalar.value, event->data.scalar.length };
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    char kind = tag_kind(text_of(event->data.scalar.tag), is_plain);
    if (kind == 0) {
        return refuse(loader, "unknown_tag", mark, "remove it, or use !include path",
                      "an unknown tag");
    }
    if (is_waiting_for_key(loader)) {
        bool is_merge = is_plain && sk_str_is(written, "<<");
        struct frame *frame = &loader->frames[loader->depth - 1];
        if (event->data.scalar.anchor != NULL) {
            struct sk_dsl_node *key =
                sk_tree_node(loader->source, SK_JSON_STRING, mark, depth_of(loader));
            if (key != NULL) key->text = sk_arena_copy(arena_of(loader), written);
            if (key == NULL || !put_anchor(loader, event->data.scalar.anchor, key, mark))
                return false;
        }
        return take_key(loader, frame, written, mark, is_merge);
    }
    struct sk_dsl_node *node;
    if (kind == 'i') {
        uint32_t errors_count = loader->source->tree->diagnostics->errors_count;
        node = sk_include_read(loader->source, sk_str_trim(written), mark, depth_of(loader));
        bool is_reported = loader->source->tree->diagnostics->errors_count > errors_count;
        if (node == NULL && is_reported) { /* null stands in, to find what else is wrong */
            node = sk_tree_node(loader->source, SK_JSON_NULL, mark, depth_of(loader));
        }
        if (node == NULL) return false;
    } else {
        node = sk_tree_node(loader->source, SK_JSON_STRING, mark, depth_of(loader));
        if (node == NULL) return false;
        size_t quotes = is_plain ? 0 : 2;
        bool is_one_line =
            event->start_mark.line == event->end_mark.line &&
            event->end_mark.column - event->start_mark.column == written.size + quotes;
        node->text_column = is_one_line ? mark->column + (is_plain ? 0 : 1) : 0;
        struct sk_str copy = sk_arena_copy(arena_of(loader), written);
        if (!sk_tree_scalar(loader->source, node, copy, kind == 'p')) return false;
    }
    return put_anchor(loader, event->data.scalar.anchor, node, mark) && place(loader, node, mark);
}

static bool on_start(struct loader *loader, enum sk_json_type type, const yaml_char_t *anchor,
                     struct sk_str tag, const struct sk_mark *mark)
{
    if (tag.size > 0 && !sk_str_is(tag, "!") && !sk_str_is(tag, "tag:yaml.org,2002:map") &&
        !sk_str_is(tag, "tag:yaml.org,2002:seq")) {
        return refuse(loader, "unknown_tag", mark, "remove it", "an unknown tag");
    }
    struct sk_dsl_node *node = sk_tree_node(loader->source, type, mark, depth_of(loader));
    if (node == NULL) return false;
    node->is_open = true;
    if (!put_anchor(loader, anchor, node, mark)) return false;
    loader->frames[loader->depth++] = (struct frame){ .node = node };
    return true;
}

static bool on_end(struct loader *loader)
{
    struct frame *frame = &loader->frames[loader->depth - 1];
    struct sk_dsl_node *node = frame->node;
    node->is_open = false;
    if (sk_dsl_is_map(node) && !finish_map(loader, frame)) return false;
    loader->depth -= 1;
    struct sk_mark mark = { .file = *node->file, .line = node->line, .column = node->column };
    return place(loader, node, &mark);
}

static bool on_event(struct loader *loader, const yaml_event_t *event)
{
    struct sk_mark mark = mark_at(loader, event->start_mark);
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return true;
    case YAML_DOCUMENT_START_EVENT:
        if (loader->root == NULL) return true;
        return refuse(loader, "several_documents", &mark, "put each definition into its own file",
                      "a second document");
    case YAML_ALIAS_EVENT: return on_alias(loader, event, &mark);
    case YAML_SCALAR_EVENT: return on_scalar(loader, event, &mark);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(loader, SK_JSON_ARRAY, event->data.sequence_start.anchor,
                        text_of(event->data.sequence_start.tag), &mark);
    case YAML_MAPPING_START_EVENT:
        return on_start(loader, SK_JSON_OBJECT, event->data.mapping_start.anchor,
                        text_of(event->data.mapping_start.tag), &mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(loader);
    }
    return true;
}

static void refuse_syntax(struct loader *loader)
{
    const yaml_parser_t *parser = &loader->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        arena_of(loader)->failed = true;
        return;
    }
    struct sk_mark mark = mark_at(loader, parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) { /* knows an offset only */
        mark.line = mark.column = 1;
        for (size_t i = 0; i < parser->problem_offset && i < loader->source->bytes.size; i++) {
            bool is_line = loader->source->bytes.data[i] == '\n';
            mark.line += is_line ? 1 : 0;
            mark.column = is_line ? 1 : mark.column + 1;
        }
    }
    size_t at = parser->problem_mark.index;
    bool is_variable = at > 0 && at < loader->source->bytes.size &&
                       loader->source->bytes.data[at - 1] == '$' &&
                       loader->source->bytes.data[at] == '{';
    sk_diagnose(loader->source->tree->diagnostics, SK_SEVERITY_ERROR, "yaml_syntax", &mark,
                is_variable ? "inside { } and [ ] a variable needs quotes: \"${NAME}\""
                            : "check indentation, quotes and brackets around this place",
                "not valid YAML: %s%s%s", parser->context == NULL ? "" : parser->context,
                parser->context == NULL ? "" : ", ",
                parser->problem == NULL ? "unreadable" : parser->problem);
}

static bool pull_events(struct loader *loader)
{
    bool is_good = true, is_done = false;
    while (is_good && !is_done) {
        yaml_event_t event;
        if (yaml_parser_parse(&loader->parser, &event) == 0) {
            refuse_syntax(loader);
            return false;
        }
        is_good = on_event(loader, &event);
        is_done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return is_good;
}

struct sk_dsl_node *sk_yaml_read(const struct sk_source *source)
{
    struct loader *loader = sk_alloc(sizeof *loader);
    if (loader == NULL || yaml_parser_initialize(&loader->parser) == 0) {
        sk_free(loader);
        source->tree->arena.failed = true;
        return NULL;
    }
    loader->source = source;
    yaml_parser_set_encoding(&loader->parser, YAML_UTF8_ENCODING);
    const char *bytes = source->bytes.size > 0 ? source->bytes.data : "";
    yaml_parser_set_input_string(&loader->parser, (const unsigned char *)bytes, source->bytes.size);
    bool is_good = pull_events(loader);
    struct sk_dsl_node *root = is_good ? loader->root : NULL;
    yaml_parser_delete(&loader->parser);
    sk_free(loader);
    if (is_good && root == NULL) {
        struct sk_mark mark = { .file = *source->file, .line = 1, .column = 1 };
        sk_diagnose(source->tree->diagnostics, SK_SEVERITY_ERROR, "empty", &mark,
                    "a definition starts with saga:", "the document is empty");
    }
    return root;
}
