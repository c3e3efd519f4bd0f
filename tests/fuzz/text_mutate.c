/*
 * text_mutate.c: the mutators of fuzz.h. Each builds the new text beside the old one and takes it
 * only when it fits.
 */
#include "fuzz.h"

#include <stdlib.h>

enum { LINES_MAX = 512, VALUES_MAX = 512, DEPTH_MAX = 24 };

static struct sk_str pick(struct fuzz_chance *chance, const char *const *words)
{
    uint32_t count = 0;
    while (words[count] != NULL) count += 1;
    return count == 0 ? (struct sk_str){ NULL, 0 } : sk_str_of(words[fuzz_draw(chance, count)]);
}

/* Takes the new text if it is one. */
static size_t adopt(uint8_t *data, size_t size, size_t max_size, struct sk_buf *text)
{
    bool fits = !text->failed && text->size > 0 && text->size <= max_size;
    if (fits) memcpy(data, text->data, text->size);
    size_t new_size = fits ? text->size : LLVMFuzzerMutate(data, size, max_size);
    sk_buf_release(text);
    return new_size;
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct lines {
    struct sk_str items[LINES_MAX];
    uint32_t count;
};

static void put_line(struct sk_buf *out, uint32_t indent, struct sk_str text)
{
    for (uint32_t i = 0; i < indent; i++) sk_buf_append_char(out, ' ');
    sk_buf_append_str(out, text);
    sk_buf_append_char(out, '\n');
}

static uint32_t indent_of(struct sk_str line)
{
    uint32_t indent = 0;
    while (indent < line.size && line.data[indent] == ' ') indent += 1;
    return indent;
}

/* A fragment may hold several lines: all are indented alike. */
static void put_fragment(struct sk_buf *out, uint32_t indent, struct sk_str fragment)
{
    struct sk_str line;
    while (fuzz_line(&fragment, &line)) put_line(out, indent, line);
}

static void put_new_value(struct sk_buf *out, struct sk_str line, struct sk_str fragment)
{
    size_t colon = sk_str_find(line, ':');
    size_t from = sk_str_find(fragment, ':');
    struct sk_str value =
        from < fragment.size ? sk_str_sub(fragment, from + 1, fragment.size) : fragment;
    sk_buf_append_str(out, sk_str_sub(line, 0, colon));
    sk_buf_append_text(out, ": ");
    sk_buf_append_str(out, sk_str_trim(value));
    sk_buf_append_char(out, '\n');
}

static void put_changed(struct sk_buf *out, struct fuzz_chance *chance, const struct lines *lines,
                        uint32_t at, const char *const *fragments)
{
    struct sk_str line = lines->items[at];
    struct sk_str other = lines->items[fuzz_draw(chance, lines->count)];
    uint32_t indent = indent_of(line);
    switch (fuzz_draw(chance, 8)) {
    case 0: break; /* dropped */
    case 1:
        put_line(out, 0, line);
        put_line(out, 0, line);
        break;
    case 2: put_line(out, 0, other); break;
    case 3: put_line(out, 2, line); break;
    case 4: put_line(out, 0, sk_str_sub(line, indent < 2 ? indent : 2, line.size)); break;
    case 5: put_new_value(out, line, pick(chance, fragments)); break;
    default:
        put_line(out, 0, line);
        put_fragment(out, indent + 2 * fuzz_draw(chance, 2), pick(chance, fragments));
        break;
    }
}

size_t fuzz_mutate_lines(uint8_t *data, size_t size, size_t max_size, unsigned int seed,
                         const char *const *fragments)
{
    struct fuzz_chance chance = { seed };
    struct lines *lines = calloc(1, sizeof *lines);
    struct sk_str rest = { (const char *)data, size };
    while (lines != NULL && lines->count < LINES_MAX &&
           fuzz_line(&rest, &lines->items[lines->count]))
        lines->count += 1;
    if (lines == NULL || fuzz_draw(&chance, 3) == 0) {
        free(lines);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    struct sk_buf text;
    sk_buf_init(&text, 0);
    uint32_t at = fuzz_draw(&chance, lines->count);
    for (uint32_t i = 0; i < lines->count; i++) {
        if (i == at)
            put_changed(&text, &chance, lines, i, fragments);
        else
            put_line(&text, 0, lines->items[i]);
    }
    if (lines->count == 0) put_fragment(&text, 0, pick(&chance, fragments));
    sk_buf_append_str(&text, rest);
    free(lines);
    return adopt(data, size, max_size, &text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Every value of a text, and the member or element that it is. */
struct value {
    struct sk_str span, name; /* name: raw, without quotes; empty in an array */
    bool is_member;
};
struct values {
    struct value items[VALUES_MAX];
    uint32_t count;
};

static void collect(struct values *values, struct sk_str span, int depth)
{
    enum sk_json_type type = sk_json_type(span);
    if (depth > DEPTH_MAX || (type != SK_JSON_OBJECT && type != SK_JSON_ARRAY)) return;
    struct sk_json_iter it = sk_json_walk(span);
    while (sk_json_next(&it) && values->count < VALUES_MAX) {
        values->items[values->count++] =
            (struct value){ sk_json_trim(it.value), it.name, it.is_object };
        collect(values, it.value, depth + 1);
    }
}

/* The member or element with everything before it; without, where it is to go. */
static void put_entry(struct sk_buf *out, const struct value *value, struct sk_str name,
                      struct sk_str span)
{
    if (value->is_member) {
        sk_buf_append_char(out, '"');
        sk_buf_append_str(out, name);
        sk_buf_append_text(out, "\":");
    }
    sk_buf_append_str(out, span);
}

static void put_value(struct sk_buf *out, struct fuzz_chance *chance, const struct value *value,
                      const struct value *other, const char *const *words)
{
    switch (fuzz_draw(chance, 8)) {
    case 0: put_entry(out, value, other->name, value->span); break;
    case 1: put_entry(out, value, value->name, other->span); break;
    case 2:
        put_entry(out, value, value->name, value->span);
        sk_buf_append_char(out, ',');
        put_entry(out, value, other->is_member ? other->name : value->name, other->span);
        break;
    case 3:
        put_entry(out, value, value->name, SK_STR("["));
        sk_buf_append_str(out, value->span);
        sk_buf_append_char(out, ']');
        break;
    case 4: put_entry(out, value, SK_STR("x"), SK_STR("null")); break; /* as good as dropped */
    default: put_entry(out, value, value->name, pick(chance, words)); break;
    }
}

size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned int seed,
                        const char *const *words)
{
    struct fuzz_chance chance = { seed };
    struct sk_str text = { (const char *)data, size };
    bool is_json = sk_json_check(text, NULL) == SKALD_OK;
    struct values *values = is_json && fuzz_draw(&chance, 4) > 0 ? calloc(1, sizeof *values) : NULL;
    if (values != NULL) collect(values, text, 0);
    if (values == NULL || values->count == 0) {
        free(values);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    const struct value *value = &values->items[fuzz_draw(&chance, values->count)];
    const struct value *other = &values->items[fuzz_draw(&chance, values->count)];
    /* Where its entry begins: at its name's quote, which JSON has before blanks and a colon. */
    const char *from = value->is_member ? value->name.data - 1 : value->span.data;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    sk_buf_append(&out, text.data, (size_t)(from - text.data));
    put_value(&out, &chance, value, other, words);
    const char *end = value->span.data + value->span.size;
    sk_buf_append(&out, end, (size_t)(text.data + text.size - end));
    free(values);
    return adopt(data, size, max_size, &out);
}
