/*
 * json_pattern.c: see json_pattern.h. Recursive descent writes a program; {m,n} repeats the text of
 * what it stands behind, by parsing it again.
 */
#include "dsl/json_pattern.h"

#include "base/limits.h"

enum op {
    OP_CHAR,
    OP_ANY,
    OP_CLASS,
    OP_SPLIT,
    OP_JUMP,
    OP_BEGIN,
    OP_END,
    OP_WORD,
    OP_NOT_WORD,
    OP_MATCH
};

enum { GROUPS_MAX = 50, RANGES_MAX = 100, CODE_MAX = 0x10FFFF };

struct range {
    uint32_t from, to;
};

struct state {
    enum op op;
    uint32_t c;    /* OP_CHAR */
    uint32_t x, y; /* OP_SPLIT, OP_JUMP: where to */
    const struct range *ranges;
    uint32_t ranges_count;
    bool is_negated;
};

struct sk_json_pattern {
    const struct state *states;
    uint32_t count;
};

/* ---- parsing --------------------------------------------------------------------------------- */

struct parser {
    struct sk_str text;
    size_t at;
    struct sk_arena *arena;
    struct state *states;
    uint32_t count;
    uint32_t depth;
    const char *wrong; /* NULL = nothing yet */
    bool is_too_large;
};

static void complain(struct parser *p, const char *what)
{
    if (p->wrong == NULL) p->wrong = what;
    p->at = p->text.size;
}

static uint32_t emit(struct parser *p, struct state state)
{
    if (p->count >= SK_JSON_PATTERN_STATES_MAX) {
        p->is_too_large = true;
        complain(p, "it is too large once its repetitions are written out");
        return 0;
    }
    p->states[p->count] = state;
    return p->count++;
}

static bool at_end(const struct parser *p)
{
    return p->at >= p->text.size;
}

static bool next_is(const struct parser *p, char c)
{
    return !at_end(p) && p->text.data[p->at] == c;
}

static bool take(struct parser *p, char c)
{
    if (!next_is(p, c)) return false;
    p->at += 1;
    return true;
}

static uint32_t decode(struct sk_str text, size_t *at)
{
    size_t size = sk_utf8_sequence(sk_str_sub(text, *at, text.size - *at));
    const unsigned char *b = (const unsigned char *)text.data + *at;
    uint32_t c = b[0];
    if (size == 2) c = (c & 0x1Fu) << 6 | (b[1] & 0x3Fu);
    if (size == 3) c = (c & 0x0Fu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu);
    if (size == 4)
        c = (c & 0x07u) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu);
    *at += size == 0 ? 1 : size;
    return c;
}

static const struct range digits[] = { { '0', '9' } };
static const struct range words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
static const struct range spaces[] = { { 9, 13 },          { ' ', ' ' },       { 0xA0, 0xA0 },
                                       { 0x1680, 0x1680 }, { 0x2000, 0x200A }, { 0x2028, 0x2029 },
                                       { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x3000, 0x3000 },
                                       { 0xFEFF, 0xFEFF } };
static const struct {
    char letter;
    const struct range *ranges;
    uint32_t count;
} sets[] = { { 'd', digits, 1 }, { 'w', words, 4 }, { 's', spaces, 10 } };

/* \d and its like; false: the letter names no set. */
static bool is_set(char letter, struct state *out)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        bool is_negated = letter == sets[i].letter - 'a' + 'A';
        if (letter != sets[i].letter && !is_negated) continue;
        *out = (struct state){ .op = OP_CLASS,
                               .ranges = sets[i].ranges,
                               .ranges_count = sets[i].count,
                               .is_negated = is_negated };
        return true;
    }
    return false;
}

static uint32_t take_hex(struct parser *p, size_t digits_count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < digits_count; i++) {
        char c = at_end(p) ? 0 : p->text.data[p->at];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            complain(p, "\\x takes two hexadecimal digits and \\u four");
            return 0;
        }
        value = value * 16 + digit;
        p->at += 1;
    }
    return value;
}

/* Behind a '\': one character. */
static uint32_t take_escape(struct parser *p)
{
    static const char letters[] = "nrtfv0", meant[] = "\n\r\t\f\v\0";
    if (at_end(p)) {
        complain(p, "it ends with a \\");
        return 0;
    }
    char c = p->text.data[p->at];
    const char *place = memchr(letters, c, sizeof letters - 1);
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (place != NULL) {
        p->at += 1;
        return (unsigned char)meant[place - letters];
    }
    if (c == 'x' || c == 'u') {
        p->at += 1;
        return take_hex(p, c == 'x' ? 2 : 4);
    }
    if (c == 'c' && p->at + 1 < p->text.size) {
        p->at += 2;
        return (uint32_t)p->text.data[p->at - 1] & 0x1Fu;
    }
    if (c >= '1' && c <= '9') complain(p, "back references (\\1) are not supported");
    if (c == 'p' || c == 'P') complain(p, "\\p{…} is not supported");
    if (is_letter) complain(p, "this letter means nothing behind a \\");
    return p->wrong != NULL ? 0 : decode(p->text, &p->at);
}

/* ---- classes --------------------------------------------------------------------------------- */

struct class_ {
    struct range ranges[RANGES_MAX];
    uint32_t count;
};

static void add_range(struct parser *p, struct class_ *class_, uint32_t from, uint32_t to)
{
    if (class_->count >= RANGES_MAX) {
        complain(p, "a class holds too many ranges");
        return;
    }
    class_->ranges[class_->count++] = (struct range){ from, to };
}

/* A set inside a class; an opposite one as the ranges between. */
static void add_set(struct parser *p, struct class_ *class_, const struct state *set)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < set->ranges_count; i++) {
        const struct range *range = &set->ranges[i];
        if (!set->is_negated) {
            add_range(p, class_, range->from, range->to);
        } else if (range->from > from) {
            add_range(p, class_, from, range->from - 1);
        }
        from = range->to + 1;
    }
    if (set->is_negated) add_range(p, class_, from, CODE_MAX);
}

/* One character of a class, or a whole set (true). */
static bool take_class_part(struct parser *p, struct class_ *class_, uint32_t *out_c)
{
    struct state set;
    if (!take(p, '\\')) {
        *out_c = decode(p->text, &p->at);
        return false;
    }
    if (!at_end(p) && is_set(p->text.data[p->at], &set)) {
        p->at += 1;
        add_set(p, class_, &set);
        return true;
    }
    *out_c = take(p, 'b') ? '\b' : take(p, '-') ? '-' : take_escape(p);
    return false;
}

static void parse_class(struct parser *p)
{
    struct class_ class_ = { .count = 0 };
    bool is_negated = take(p, '^');
    while (!at_end(p) && !next_is(p, ']')) {
        uint32_t from = 0, to = 0;
        if (take_class_part(p, &class_, &from)) continue;
        to = from;
        bool is_range =
            next_is(p, '-') && p->at + 1 < p->text.size && p->text.data[p->at + 1] != ']';
        if (is_range) {
            p->at += 1;
            if (take_class_part(p, &class_, &to)) complain(p, "a range ends with a set");
        }
        if (to < from) complain(p, "a range in a class runs backwards");
        add_range(p, &class_, from, to);
    }
    if (!take(p, ']')) complain(p, "a [ without its ]");
    struct range *ranges = SK_ARENA_ARRAY(p->arena, struct range, class_.count + 1);
    if (ranges == NULL) return;
    memcpy(ranges, class_.ranges, class_.count * sizeof *ranges);
    (void)emit(p, (struct state){ .op = OP_CLASS,
                                  .ranges = ranges,
                                  .ranges_count = class_.count,
                                  .is_negated = is_negated });
}

/* ---- the grammar ----------------------------------------------------------------------------- */

static void parse_choice(struct parser *p);

static void parse_group(struct parser *p)
{
    if (take(p, '?')) {
        if (!take(p, ':')) {
            complain(p, "of the groups that begin with (? only (?: is supported");
            return;
        }
    }
    p->depth += 1;
    if (p->depth > GROUPS_MAX) {
        complain(p, "groups within groups too deep");
    } else {
        parse_choice(p);
        if (!take(p, ')')) complain(p, "a ( without its )");
    }
    p->depth -= 1;
}

static void parse_atom(struct parser *p)
{
    struct state set;
    if (take(p, '(')) {
        parse_group(p);
    } else if (take(p, '[')) {
        parse_class(p);
    } else if (take(p, '.')) {
        (void)emit(p, (struct state){ .op = OP_ANY });
    } else if (take(p, '^')) {
        (void)emit(p, (struct state){ .op = OP_BEGIN });
    } else if (take(p, '$')) {
        (void)emit(p, (struct state){ .op = OP_END });
    } else if (next_is(p, '*') || next_is(p, '+') || next_is(p, '?')) {
        complain(p, "a repetition of nothing");
    } else if (!take(p, '\\')) {
        (void)emit(p, (struct state){ .op = OP_CHAR, .c = decode(p->text, &p->at) });
    } else if (take(p, 'b')) {
        (void)emit(p, (struct state){ .op = OP_WORD });
    } else if (take(p, 'B')) {
        (void)emit(p, (struct state){ .op = OP_NOT_WORD });
    } else if (!at_end(p) && is_set(p->text.data[p->at], &set)) {
        p->at += 1;
        (void)emit(p, set);
    } else {
        (void)emit(p, (struct state){ .op = OP_CHAR, .c = take_escape(p) });
    }
}

static bool take_number(struct parser *p, uint32_t *out_value)
{
    size_t from = p->at;
    uint32_t value = 0;
    while (!at_end(p) && p->text.data[p->at] >= '0' && p->text.data[p->at] <= '9') {
        if (value < 100000) value = value * 10 + (uint32_t)(p->text.data[p->at] - '0');
        p->at += 1;
    }
    *out_value = value;
    return p->at > from;
}

/* {m}, {m,}, {m,n}; false, and nothing taken: it is no such thing but plain text. */
static bool take_counts(struct parser *p, uint32_t *out_least, uint32_t *out_most)
{
    size_t from = p->at;
    bool is_sound = take(p, '{') && take_number(p, out_least);
    *out_most = *out_least;
    if (is_sound && take(p, ',') && !take_number(p, out_most)) *out_most = UINT32_MAX;
    is_sound = is_sound && take(p, '}');
    if (!is_sound) p->at = from;
    return is_sound;
}

/* Room for one state at `start`: what stands behind moves up. */
static void insert(struct parser *p, uint32_t start, struct state state)
{
    (void)emit(p, state);
    if (p->wrong != NULL) return;
    memmove(&p->states[start + 1], &p->states[start], (p->count - 1 - start) * sizeof state);
    p->states[start] = state;
    for (uint32_t i = start + 1; i < p->count; i++) {
        struct state *moved = &p->states[i];
        if (moved->op != OP_SPLIT && moved->op != OP_JUMP) continue;
        if (moved->x >= start) moved->x += 1;
        if (moved->y >= start) moved->y += 1;
    }
}

/* `size` states from `from` on once more; they lead nowhere but among and just behind
 * themselves. */
static void copy(struct parser *p, uint32_t from, uint32_t size)
{
    uint32_t shift = p->count - from;
    for (uint32_t i = 0; i < size && p->wrong == NULL; i++) {
        struct state state = p->states[from + i];
        if (state.op == OP_SPLIT || state.op == OP_JUMP) {
            state.x += shift;
            state.y += shift;
        }
        (void)emit(p, state);
    }
}

/* x{0,3} is (x(x(x)?)?)?: every split leads behind the last one. */
static void optional(struct parser *p, uint32_t start, uint32_t size, uint32_t least, uint32_t most)
{
    uint32_t first = start, block = start;
    if (least == 0) {
        insert(p, start, (struct state){ .op = OP_SPLIT });
        p->states[start].y = UINT32_MAX;
        block = start + 1;
    } else {
        first = p->count;
    }
    for (uint32_t i = least == 0 ? 1 : least; i < most && p->wrong == NULL; i++) {
        (void)emit(p, (struct state){ .op = OP_SPLIT, .y = UINT32_MAX });
        copy(p, block, size);
    }
    for (uint32_t i = first; i < p->count; i++) {
        if (p->states[i].op != OP_SPLIT || p->states[i].y != UINT32_MAX) continue;
        p->states[i].x = i + 1;
        p->states[i].y = p->count;
    }
}

/* What is repeated stands in the program once, from `start` on. */
static void repeat(struct parser *p, uint32_t start, uint32_t least, uint32_t most)
{
    uint32_t size = p->count - start;
    if (most < least) {
        complain(p, "{m,n} with n less than m");
    } else if (most == 0) {
        p->count = start;
    } else if (least == 0 && most == UINT32_MAX) {
        insert(p, start, (struct state){ .op = OP_SPLIT });
        (void)emit(p, (struct state){ .op = OP_JUMP, .x = start });
        p->states[start].x = start + 1;
        p->states[start].y = p->count;
    } else {
        for (uint32_t i = 1; i < least && p->wrong == NULL; i++) copy(p, start, size);
        uint32_t last = p->count - size;
        if (most == UINT32_MAX) {
            (void)emit(p, (struct state){ .op = OP_SPLIT, .x = last, .y = p->count + 1 });
        } else {
            optional(p, start, size, least, most);
        }
    }
}

static void parse_term(struct parser *p)
{
    uint32_t start = p->count, least = 1, most = 1;
    bool is_repeated = true;
    parse_atom(p);
    if (take(p, '*')) {
        least = 0;
        most = UINT32_MAX;
    } else if (take(p, '+')) {
        most = UINT32_MAX;
    } else if (take(p, '?')) {
        least = 0;
    } else {
        is_repeated = take_counts(p, &least, &most);
    }
    if (!is_repeated || p->wrong != NULL) return;
    (void)take(p, '?'); /* not greedy: the same answer */
    repeat(p, start, least, most);
    if (next_is(p, '*') || next_is(p, '+') || next_is(p, '?')) complain(p, "a repetition of one");
}

static void parse_sequence(struct parser *p)
{
    while (!at_end(p) && !next_is(p, '|') && !next_is(p, ')')) parse_term(p);
}

static void parse_choice(struct parser *p)
{
    uint32_t start = p->count;
    parse_sequence(p);
    while (take(p, '|') && p->wrong == NULL) {
        insert(p, start, (struct state){ .op = OP_SPLIT });
        uint32_t jump = emit(p, (struct state){ .op = OP_JUMP });
        p->states[start].x = start + 1;
        p->states[start].y = p->count;
        parse_sequence(p);
        p->states[jump].x = p->count;
    }
}

enum skald_status sk_json_pattern_compile(struct sk_str text, struct sk_arena *arena,
                                          const struct sk_json_pattern **out, skald_error *error)
{
    struct parser p = { .text = text, .arena = arena };
    if (text.size > SK_JSON_PATTERN_SIZE_MAX) {
        return sk_error_set(error, SKALD_E_LIMIT, "it is longer than %d bytes",
                            SK_JSON_PATTERN_SIZE_MAX);
    }
    p.states = sk_alloc(SK_JSON_PATTERN_STATES_MAX * sizeof *p.states);
    struct sk_json_pattern *pattern = SK_ARENA_NEW(arena, struct sk_json_pattern);
    struct state *states = NULL;
    if (p.states != NULL && pattern != NULL) {
        parse_choice(&p);
        if (p.wrong == NULL && !at_end(&p)) complain(&p, "a ) without its (");
        (void)emit(&p, (struct state){ .op = OP_MATCH });
        states = SK_ARENA_ARRAY(arena, struct state, p.count);
    }
    if (states != NULL) {
        memcpy(states, p.states, p.count * sizeof *states);
        *pattern = (struct sk_json_pattern){ states, p.count };
        *out = pattern;
    }
    sk_free(p.states);
    if (states == NULL || arena->failed)
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    if (p.wrong == NULL) return SKALD_OK;
    return sk_error_set(error, p.is_too_large ? SKALD_E_LIMIT : SKALD_E_INVALID, "%s", p.wrong);
}

/* ---- running --------------------------------------------------------------------------------- */

struct set {
    uint32_t *items;
    uint32_t count;
};

struct run {
    const struct sk_json_pattern *pattern;
    struct sk_str text;
    size_t at;         /* of the next character */
    uint32_t before;   /* the one before, or UINT32_MAX */
    uint32_t *marks;   /* by state: the step in which it was added */
    uint32_t *pending; /* states to be looked at: a stack */
    uint32_t step;
    int64_t *budget;
    bool is_found;
};

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool holds(const struct run *run, enum op op)
{
    uint32_t after = UINT32_MAX;
    size_t at = run->at;
    if (at < run->text.size) after = decode(run->text, &at);
    bool is_edge = (run->before != UINT32_MAX && is_word(run->before)) !=
                   (after != UINT32_MAX && is_word(after));
    if (op == OP_BEGIN) return run->before == UINT32_MAX;
    if (op == OP_END) return after == UINT32_MAX;
    return op == OP_WORD ? is_edge : !is_edge;
}

/* Adds a state and all that is reached from it without a character. Each state at most once a
 * step, so the stack holds no more than two for each. */
static void add(struct run *run, struct set *set, uint32_t first)
{
    uint32_t count = 0;
    run->pending[count++] = first;
    while (count > 0) {
        uint32_t i = run->pending[--count];
        const struct state *state = &run->pattern->states[i];
        if (run->marks[i] == run->step) continue;
        run->marks[i] = run->step;
        *run->budget -= 1;
        switch (state->op) {
        case OP_JUMP: run->pending[count++] = state->x; break;
        case OP_SPLIT:
            run->pending[count++] = state->y;
            run->pending[count++] = state->x;
            break;
        case OP_BEGIN:
        case OP_END:
        case OP_WORD:
        case OP_NOT_WORD:
            if (holds(run, state->op)) run->pending[count++] = i + 1;
            break;
        case OP_MATCH: run->is_found = true; break;
        case OP_CHAR:
        case OP_ANY:
        case OP_CLASS: set->items[set->count++] = i; break;
        }
    }
}

static bool takes(const struct state *state, uint32_t c)
{
    if (state->op == OP_CHAR) return state->c == c;
    if (state->op == OP_ANY) return c != '\n' && c != '\r' && c != 0x2028 && c != 0x2029;
    bool is_in = false;
    for (uint32_t i = 0; i < state->ranges_count && !is_in; i++) {
        is_in = c >= state->ranges[i].from && c <= state->ranges[i].to;
    }
    return is_in != state->is_negated;
}

bool sk_json_pattern_found(const struct sk_json_pattern *pattern, struct sk_str text,
                           int64_t *budget, bool *out_failed)
{
    size_t count = pattern->count;
    uint32_t *memory = sk_alloc((5 * count + 2) * sizeof *memory); /* zeroed */
    if (memory == NULL) {
        *out_failed = true;
        return false;
    }
    *budget -= 10 + (int64_t)count;
    struct set now = { .items = memory };
    struct set next = { .items = memory + count };
    struct run run = { .pattern = pattern,
                       .text = text,
                       .before = UINT32_MAX,
                       .marks = memory + 2 * count,
                       .pending = memory + 3 * count,
                       .step = 1,
                       .budget = budget };
    add(&run, &now, 0);
    while (!run.is_found && run.at<text.size && * budget> 0) {
        uint32_t c = decode(text, &run.at);
        run.before = c;
        run.step += 1;
        next.count = 0;
        for (uint32_t i = 0; i < now.count; i++) {
            *budget -= 1;
            if (takes(&pattern->states[now.items[i]], c)) add(&run, &next, now.items[i] + 1);
        }
        add(&run, &next, 0); /* a match may begin here */
        struct set swap = now;
        now = next;
        next = swap;
    }
    sk_free(memory);
    return run.is_found;
}
