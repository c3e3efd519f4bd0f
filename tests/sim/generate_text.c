/* generate_text.c: random templates, expressions, texts and values. */
#include "generate_private.h"

/* ---- values ---------------------------------------------------------------------------------- */

void sim_generate_text(struct sim_rng *rng, bool may_hold_nul, struct sk_buf *out)
{
    static const char *const texts[] = {
        "\"\"",
        "\"plain\"",
        "\"Grüße aus Ísafjörður\"",
        "\"Ω≈ç√ 日本語 المرحبا\"",
        "\"🚀👩‍🚀\"",
        "\"\\u001f\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\ud83d\\ude80 \\u00e9\"",
        "\"$input.n && {\\\"a\\\":1}\"",
        "\"line\\nbreak\\ttab\"",
        "\"-0\"",
        "\"null\"",
        "\" blanks \"",
        "\"\\u0000 not in a definition\"",
    };
    uint32_t count = (uint32_t)(sizeof texts / sizeof texts[0]);
    sk_buf_append_text(out, texts[sim_below(rng, may_hold_nul ? count : count - 1)]);
}

static void put_number(struct sim_rng *rng, struct sk_buf *out)
{
    static const char *const numbers[] = { "0",
                                           "-1",
                                           "0.1",
                                           "1e300",
                                           "-1E-300",
                                           "9007199254740993",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "123456789012345678901234567890",
                                           "3.141592653589793238462643" };
    sk_buf_append_text(out, numbers[sim_below(rng, sizeof numbers / sizeof numbers[0])]);
}

void sim_generate_json(struct sim_rng *rng, uint32_t depth, bool may_hold_nul, struct sk_buf *out)
{
    static const char *const words[] = { "null", "true", "false" };
    uint32_t kind = sim_below(rng, depth > 0 ? 6 : 3), count = sim_below(rng, 4);
    switch (kind) {
    case 0: sk_buf_append_text(out, words[sim_below(rng, 3)]); return;
    case 1: put_number(rng, out); return;
    case 2: sim_generate_text(rng, may_hold_nul, out); return;
    case 3:
        sk_buf_append_text(out, "[");
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0) sk_buf_append_text(out, ",");
            sim_generate_json(rng, depth - 1, may_hold_nul, out);
        }
        sk_buf_append_text(out, "]");
        return;
    default:
        sk_buf_append_text(out, "{");
        for (uint32_t i = 0; i < count; i++) {
            sk_buf_printf(out, "%s\"m%u\":", i > 0 ? "," : "", i);
            sim_generate_json(rng, depth - 1, may_hold_nul, out);
        }
        sk_buf_append_text(out, "}");
    }
}

/* ---- templates ------------------------------------------------------------------------------- */

uint32_t sim_pick_source(struct shape *s)
{
    if (s->step >= s->steps_count) return s->steps_count;
    uint32_t from = pick(s, s->steps_count);
    for (uint32_t i = 0; i < s->steps_count; i++) {
        uint32_t before = (from + i) % s->steps_count;
        if ((s->ancestors[s->step] >> before & 1u) != 0 && !s->is_async[before]) return before;
    }
    return s->steps_count;
}

/* A path and what may follow it in a pipe. */
static void put_path(struct shape *s, enum place place)
{
    static const char *const inputs[] = {
        ".input.n", ".input.user", ".input.missing.deep", ".input.list[0]", ".input.text",
        ".input",   ".input.deep", ".input.amount",       ".input.any.m0",  ".context.request",
        ".saga_id", ".input.flag"
    };
    static const char *const own[] = { ".step_id", ".step_name", ".timestamp" };
    uint32_t source = sim_pick_source(s);
    bool is_of_step = s->step < s->steps_count;
    uint32_t kind = pick(s, 10);
    if (kind < 3 && source < s->steps_count) {
        static const char *const tails[] = { "", ".n", ".ok", "[0]" };
        sk_buf_printf(s->out, ".output.s%u%s%s", source, s->suffix, tails[pick(s, 4)]);
    } else if (kind == 3 && is_of_step) {
        text(s, own[pick(s, 3)]);
    } else if (kind == 4 && s->is_item) {
        text(s, coin(s, 500) ? ".it" : ".it.a");
    } else if (kind == 5 && place != PLACE_REQUEST) {
        static const char *const errors[] = { ".error.code", ".error.message", ".error.step" };
        text(s, errors[pick(s, 3)]);
    } else if (kind == 6 && place != PLACE_REQUEST && is_of_step) {
        sk_buf_printf(s->out, ".output.s%u%s", s->step, s->suffix);
    } else {
        text(s, inputs[pick(s, sizeof inputs / sizeof inputs[0])]);
    }
}

static void put_branches(struct shape *s, enum place place)
{
    static const char *const tests[] = {
        "gt .input.n 4",
        "eq .input.user 'u1'",
        "and .input.flag (lt .input.n 3)",
        "not .input.flag",
        "or .input.flag .input.missing",
        "le .input.n 2",
        "ge .input.n 9",
        "ne .input.text ''",
    };
    sk_buf_printf(s->out, "{{ if %s }}", tests[pick(s, sizeof tests / sizeof tests[0])]);
    text(s, "{{ ");
    put_path(s, place);
    text(s, " }}");
    if (coin(s, 400)) sk_buf_printf(s->out, "{{ else if eq .input.n %u }}two", pick(s, 10));
    if (coin(s, 600)) text(s, "{{ else }}other");
    text(s, "{{ end }}");
}

void sim_put_template(struct shape *s, enum place place)
{
    static const char *const pipes[] = { "upper", "lower",          "trim",  "json",
                                         "len",   "default 'none'", "quote", "default 0" };
    text(s, "\"");
    uint32_t kind = pick(s, 10);
    if (kind == 0) {
        put_branches(s, place);
    } else if (kind == 1) {
        text(s, "about {{ ");
        put_path(s, place);
        text(s, " }}, {{ .saga_id | upper }}");
    } else {
        text(s, "{{ ");
        put_path(s, place);
        if (coin(s, 250))
            sk_buf_printf(s->out, " | %s", pipes[pick(s, sizeof pipes / sizeof pipes[0])]);
        text(s, " }}");
    }
    text(s, "\"");
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void put_term(struct shape *s)
{
    static const char *const terms[] = { "$input.n < 6",
                                         "$input.flag",
                                         "!$input.flag",
                                         "$input.user != 'u7'",
                                         "$input.user contains 'u'",
                                         "$input.n in [1, 3, 5, 7, 9]",
                                         "len($input.few) == 2",
                                         "len($input.user) >= 2",
                                         "$input.missing == null",
                                         "$context.request == 'r-1'",
                                         "$input.amount > 10.5",
                                         "($input.n >= 2 || $input.n <= 7)",
                                         "true",
                                         "$input.missing > 3" };
    uint32_t source = sim_pick_source(s);
    if (source < s->steps_count && coin(s, 300)) {
        sk_buf_printf(s->out, "$output.s%u%s.n == 7", source, s->suffix);
        return;
    }
    text(s, terms[pick(s, sizeof terms / sizeof terms[0])]);
}

void sim_put_expression(struct shape *s)
{
    text(s, "\"");
    put_term(s);
    for (uint32_t i = 0; i < 3 && coin(s, 350); i++) {
        text(s, coin(s, 500) ? " && " : " || ");
        put_term(s);
    }
    text(s, "\"");
}
