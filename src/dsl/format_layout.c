/*
 * format_layout.c: one pass over the tokens of a YAML text: each is copied as it stands, what lies
 * between two of them (blanks, comments, line ends) is written anew.
 *
 *   L1  Line breaks between tokens stay line breaks, so the style of no collection changes.
 *   L2  A line's column follows from the block collections that are open at its first token.
 *   L3  A comment of its own line goes to the column of the next token, or, when it stood deeper,
 *       to the collection it stood in.
 *   L4  The lines of a block scalar move together.
 */
#include "dsl/format_private.h"

#include "base/arena.h"

enum { DEPTH_MAX = 256, STEP = 2 };

enum place_kind { PLACE_MAP, PLACE_LIST, PLACE_BARE_LIST /* its dashes stand below its key */ };

struct place {
    enum place_kind kind;
    size_t old_column, column;
};

struct stack {
    struct place items[DEPTH_MAX];
    uint32_t count, flow_depth;
};

/* A token that can be seen: bytes [from, to) of the source. */
struct token {
    yaml_token_type_t type;
    size_t from, to, old_column, column;
    yaml_scalar_style_t style;
};

struct layout {
    struct sk_str source;
    struct sk_buf *out, *comments;
    yaml_parser_t parser;
    struct stack now, before; /* before: at the last token that was written */
    size_t chars, bytes;      /* the same place, in characters and in bytes */
    struct token last;        /* the last one written; YAML_NO_TOKEN = none yet */
    bool key_next;            /* an implicit key begins with the next token */
};

/* ---- places ---------------------------------------------------------------------------------- */

static const struct place *top_of(const struct stack *stack)
{
    return stack->count > 0 ? &stack->items[stack->count - 1] : NULL;
}

/* Where the content of the innermost block collection stands. */
static size_t content_column(const struct stack *stack)
{
    const struct place *top = top_of(stack);
    return (top == NULL ? 0 : top->column + STEP) + (size_t)stack->flow_depth * STEP;
}

static bool push(struct layout *l, enum place_kind kind, size_t old_column)
{
    if (l->now.count == DEPTH_MAX) return false;
    struct place place = { .kind = kind,
                           .old_column = old_column,
                           .column = content_column(&l->now) };
    l->now.items[l->now.count++] = place;
    return true;
}

static void leave_bare_list(struct layout *l)
{
    const struct place *top = top_of(&l->now);
    if (l->now.flow_depth == 0 && top != NULL && top->kind == PLACE_BARE_LIST) l->now.count -= 1;
}

static bool is_closer(yaml_token_type_t type)
{
    return type == YAML_FLOW_SEQUENCE_END_TOKEN || type == YAML_FLOW_MAPPING_END_TOKEN;
}

static bool is_document_mark(yaml_token_type_t type)
{
    return type == YAML_VERSION_DIRECTIVE_TOKEN || type == YAML_TAG_DIRECTIVE_TOKEN ||
           type == YAML_DOCUMENT_START_TOKEN || type == YAML_DOCUMENT_END_TOKEN;
}

/* The column of a line that begins with this token. */
static size_t line_column(const struct layout *l, yaml_token_type_t type)
{
    const struct place *top = top_of(&l->now);
    if (is_document_mark(type)) return 0;
    if (l->now.flow_depth > 0) {
        /* what lies in a map's value steps from the key, not from the content */
        bool is_map = top != NULL && top->kind == PLACE_MAP;
        size_t column = content_column(&l->now) - (is_map ? STEP : 0);
        return column - (is_closer(type) ? STEP : 0);
    }
    bool is_own = type == YAML_BLOCK_ENTRY_TOKEN || type == YAML_KEY_TOKEN ||
                  type == YAML_VALUE_TOKEN || l->key_next;
    return is_own && top != NULL ? top->column : content_column(&l->now);
}

/* ---- between tokens -------------------------------------------------------------------------- */

static void put_blanks(struct sk_buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) sk_buf_append_char(out, ' ');
}

static void put_line_end(struct sk_buf *out)
{
    if (out->size > 0) sk_buf_append_char(out, '\n');
}

static struct sk_str trim_end(struct sk_str text)
{
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1]) != NULL) text.size--;
    return text;
}

static size_t blanks_before(struct sk_str text)
{
    size_t count = 0;
    while (count < text.size && (text.data[count] == ' ' || text.data[count] == '\t')) count++;
    return count;
}

static void put_comment(struct layout *l, struct sk_str comment)
{
    sk_buf_append_str(l->out, comment);
    sk_buf_append_str(l->comments, comment);
    sk_buf_append_char(l->comments, '\n');
}

static size_t comment_column(const struct layout *l, size_t old_column, const struct token *next)
{
    if (next != NULL && old_column <= next->old_column) return next->column;
    for (uint32_t i = l->before.count; i > 0; i--) {
        const struct place *place = &l->before.items[i - 1];
        size_t least = place->old_column + (place->kind == PLACE_BARE_LIST ? 1 : 0);
        if (least <= old_column) return place->column;
    }
    return next == NULL ? 0 : next->column;
}

/* One blank or none between two tokens of one line. */
static bool has_blank_between(yaml_token_type_t last, yaml_token_type_t next)
{
    if (next == YAML_VALUE_TOKEN) {
        return last != YAML_SCALAR_TOKEN && !is_closer(last);
    }
    if (next == YAML_FLOW_ENTRY_TOKEN) {
        return last == YAML_VALUE_TOKEN || last == YAML_ANCHOR_TOKEN || last == YAML_TAG_TOKEN;
    }
    if (last == YAML_FLOW_SEQUENCE_START_TOKEN) return false;
    if (last == YAML_FLOW_MAPPING_START_TOKEN) return next != YAML_FLOW_MAPPING_END_TOKEN;
    if (next == YAML_FLOW_SEQUENCE_END_TOKEN) {
        return last == YAML_VALUE_TOKEN || last == YAML_ANCHOR_TOKEN || last == YAML_TAG_TOKEN;
    }
    return true;
}

/* What follows the last token in its line. */
static void put_line_rest(struct layout *l, struct sk_str rest)
{
    size_t blanks = blanks_before(rest);
    struct sk_str comment = trim_end(sk_str_sub(rest, blanks, rest.size));
    if (comment.size == 0) return;
    bool has_tab = memchr(rest.data, '\t', blanks) != NULL;
    if (l->out->size > 0) put_blanks(l->out, blanks == 0 || has_tab ? 1 : blanks);
    put_comment(l, comment);
}

/* Empty lines and comments, up to the token or the end of the text. */
static void put_gap(struct layout *l, struct sk_str gap, const struct token *next)
{
    size_t end = sk_str_find(gap, '\n');
    bool is_start = l->last.type == YAML_NO_TOKEN;
    uint32_t empty_count = 0;
    if (!is_start && end == gap.size && next != NULL) {
        if (has_blank_between(l->last.type, next->type)) sk_buf_append_char(l->out, ' ');
        return;
    }
    if (!is_start) {
        put_line_rest(l, sk_str_sub(gap, 0, end));
        gap = sk_str_sub(gap, end + 1, gap.size);
    }
    while (gap.size > 0) {
        end = sk_str_find(gap, '\n');
        struct sk_str line = sk_str_sub(gap, 0, end);
        bool is_token_line = end == gap.size && next != NULL;
        gap = sk_str_sub(gap, end + 1, gap.size);
        size_t blanks = blanks_before(line);
        struct sk_str comment = trim_end(sk_str_sub(line, blanks, line.size));
        if (is_token_line) break;
        if (comment.size == 0) {
            empty_count++;
            continue;
        }
        if (empty_count > 0) put_line_end(l->out);
        empty_count = 0;
        put_line_end(l->out);
        put_blanks(l->out, comment_column(l, blanks, next));
        put_comment(l, comment);
    }
    if (next == NULL) return;
    if (empty_count > 0) put_line_end(l->out);
    put_line_end(l->out);
    put_blanks(l->out, next->column);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* A plain or quoted scalar: further lines stand at the content's column; blanks before them mean
 * nothing. */
static void put_flow_scalar(struct layout *l, struct sk_str text)
{
    size_t column = content_column(&l->now);
    bool is_first = true;
    while (text.size > 0) {
        size_t end = sk_str_find(text, '\n');
        struct sk_str line = sk_str_sub(text, 0, end);
        bool is_last = end == text.size;
        text = sk_str_sub(text, end + 1, text.size);
        if (!is_first) {
            sk_buf_append_char(l->out, '\n');
            line = sk_str_sub(line, blanks_before(line), line.size);
            if (line.size > 0) put_blanks(l->out, column);
        }
        sk_buf_append_str(l->out, line);
        is_first = false;
        if (is_last) break;
    }
}

/* The column of the first line of a block scalar that is not empty; of none: 0. */
static size_t block_column(struct sk_str lines)
{
    while (lines.size > 0) {
        size_t end = sk_str_find(lines, '\n');
        size_t column = 0;
        while (column < end && lines.data[column] == ' ') column++;
        if (column < end) return column;
        lines = sk_str_sub(lines, end + 1, lines.size);
    }
    return 0;
}

static bool is_blank_line(struct sk_str line)
{
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ') return false;
    return true;
}

/* Digit of an explicit indentation ("|2-"), or 0. */
static size_t indicated(struct sk_str header)
{
    for (size_t i = 1; i < header.size && header.data[i] != ' ' && header.data[i] != '#'; i++)
        if (header.data[i] >= '1' && header.data[i] <= '9') return (size_t)(header.data[i] - '0');
    return 0;
}

static void put_block_scalar(struct layout *l, struct sk_str text)
{
    size_t end = sk_str_find(text, '\n');
    struct sk_str header = trim_end(sk_str_sub(text, 0, end));
    struct sk_str lines = sk_str_sub(text, end + 1, text.size);
    const struct place *top = top_of(&l->now);
    size_t given = indicated(header);
    size_t old = given > 0 ? (top == NULL ? 0 : top->old_column) + given : block_column(lines);
    size_t column = given > 0 ? (top == NULL ? 0 : top->column) + given : content_column(&l->now);
    sk_buf_append_str(l->out, header);
    size_t mark = sk_str_find(header, '#');
    if (mark < header.size) {
        sk_buf_append_str(l->comments, sk_str_sub(header, mark, header.size));
        sk_buf_append_char(l->comments, '\n');
    }
    bool has_more = end < text.size;
    while (has_more) {
        end = sk_str_find(lines, '\n');
        struct sk_str line = sk_str_sub(lines, 0, end);
        has_more = end < lines.size;
        lines = sk_str_sub(lines, end + 1, lines.size);
        sk_buf_append_char(l->out, '\n');
        if (is_blank_line(line) && line.size <= old) continue;
        put_blanks(l->out, column);
        sk_buf_append_str(l->out, sk_str_sub(line, line.size < old ? line.size : old, line.size));
    }
}

/* Where the text of a block scalar ends: empty lines after it are not its own, unless it keeps
 * them ("|+"). */
static size_t block_end(struct sk_str source, const struct token *token)
{
    struct sk_str text = sk_str_sub(source, token->from, token->to - token->from);
    struct sk_str header = sk_str_sub(text, 0, sk_str_find(text, '\n'));
    size_t mark = sk_str_find(header, '#');
    bool keeps = sk_str_find(header, '+') < mark && sk_str_find(header, '+') < header.size;
    size_t old = block_column(sk_str_sub(text, header.size + 1, text.size));
    if (indicated(header) > 0) keeps = true; /* its lines are not told from blanks here */
    size_t end = token->to;
    while (end > token->from && source.data[end - 1] == '\n') {
        end--;
        if (keeps) break;
        size_t begin = end;
        while (begin > token->from && source.data[begin - 1] == ' ') begin--;
        bool is_empty = begin > token->from && source.data[begin - 1] == '\n' && end - begin <= old;
        if (!is_empty) break;
        end = begin;
    }
    return end;
}

static void put_token(struct layout *l, struct token *token)
{
    bool is_scalar = token->type == YAML_SCALAR_TOKEN;
    bool is_block = is_scalar && (token->style == YAML_LITERAL_SCALAR_STYLE ||
                                  token->style == YAML_FOLDED_SCALAR_STYLE);
    if (is_block) token->to = block_end(l->source, token);
    size_t from = l->last.type == YAML_NO_TOKEN ? 0 : l->last.to;
    put_gap(l, sk_str_sub(l->source, from, token->from - from), token);
    struct sk_str text = sk_str_sub(l->source, token->from, token->to - token->from);
    if (is_block) {
        put_block_scalar(l, text);
    } else if (is_scalar) {
        put_flow_scalar(l, text);
    } else {
        sk_buf_append_str(l->out, trim_end(text));
    }
    l->last = *token;
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* The byte of a mark; marks only go forward. */
static size_t byte_of(struct layout *l, const yaml_mark_t *mark)
{
    while (l->chars < mark->index && l->bytes < l->source.size) {
        size_t size = sk_utf8_sequence(sk_str_sub(l->source, l->bytes, 4));
        l->bytes += size > 0 ? size : 1;
        l->chars += 1;
    }
    return l->bytes;
}

/* Before the token is placed. False: too deep. */
static bool open_or_close(struct layout *l, const yaml_token_t *token)
{
    switch (token->type) {
    case YAML_BLOCK_MAPPING_START_TOKEN: return push(l, PLACE_MAP, token->start_mark.column);
    case YAML_BLOCK_SEQUENCE_START_TOKEN: return push(l, PLACE_LIST, token->start_mark.column);
    case YAML_BLOCK_END_TOKEN:
        leave_bare_list(l);
        if (l->now.count > 0) l->now.count -= 1;
        return true;
    case YAML_KEY_TOKEN:
        leave_bare_list(l);
        l->key_next = token->start_mark.index == token->end_mark.index;
        return true;
    case YAML_VALUE_TOKEN: leave_bare_list(l); return true;
    case YAML_BLOCK_ENTRY_TOKEN: {
        const struct place *top = top_of(&l->now);
        if (l->now.flow_depth > 0 || top == NULL || top->kind != PLACE_MAP) return true;
        return push(l, PLACE_BARE_LIST, top->old_column);
    }
    case YAML_DOCUMENT_START_TOKEN:
    case YAML_DOCUMENT_END_TOKEN: l->now = (struct stack){ .count = 0 }; return true;
    default: return true;
    }
}

static bool take(struct layout *l, const yaml_token_t *token)
{
    bool is_scalar = token->type == YAML_SCALAR_TOKEN;
    if (!open_or_close(l, token)) return false;
    if (token->start_mark.index == token->end_mark.index) return true;
    struct token seen = {
        .type = token->type,
        .from = byte_of(l, &token->start_mark),
        .to = byte_of(l, &token->end_mark),
        .old_column = token->start_mark.column,
        .column = line_column(l, token->type),
        .style = is_scalar ? token->data.scalar.style : YAML_ANY_SCALAR_STYLE,
    };
    put_token(l, &seen);
    l->key_next = false;
    if (token->type == YAML_FLOW_SEQUENCE_START_TOKEN ||
        token->type == YAML_FLOW_MAPPING_START_TOKEN)
        l->now.flow_depth += 1;
    if (is_closer(token->type) && l->now.flow_depth > 0) l->now.flow_depth -= 1;
    l->before = l->now;
    return l->now.flow_depth < DEPTH_MAX;
}

static enum skald_status scan(struct layout *l, skald_error *error)
{
    for (;;) {
        yaml_token_t token;
        if (yaml_parser_scan(&l->parser, &token) == 0)
            return format_syntax_error(&l->parser, error);
        bool is_end = token.type == YAML_STREAM_END_TOKEN || token.type == YAML_NO_TOKEN;
        bool ok = is_end || take(l, &token);
        yaml_token_delete(&token);
        if (!ok) return sk_error_set(error, SKALD_E_LIMIT, "nested more than %d deep", DEPTH_MAX);
        if (is_end) return SKALD_OK;
    }
}

enum skald_status format_layout(struct sk_str source, struct sk_buf *out, struct sk_buf *comments,
                                skald_error *error)
{
    struct layout *l = sk_alloc(sizeof *l);
    if (l == NULL || yaml_parser_initialize(&l->parser) == 0) {
        sk_free(l);
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    l->source = source;
    l->out = out;
    l->comments = comments;
    yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l->parser,
                                 (const unsigned char *)(source.size > 0 ? source.data : ""),
                                 source.size);
    enum skald_status status = scan(l, error);
    if (status == SKALD_OK) {
        size_t from = l->last.type == YAML_NO_TOKEN ? 0 : l->last.to;
        put_gap(l, sk_str_sub(source, from, source.size), NULL);
        put_line_end(out);
    }
    yaml_parser_delete(&l->parser);
    sk_free(l);
    return status;
}
