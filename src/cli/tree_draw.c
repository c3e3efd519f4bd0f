/*
 * tree_draw.c: how a tree looks. Lines are cut to the terminal's width, because a line that wraps
 * would be counted wrongly when the tree is drawn over.
 */
#include "cli/tree_private.h"

#include <inttypes.h>

enum { WIDTH_WITHOUT_TERMINAL = 1000, NAME_WIDTH_MAX = 40, HEIGHT_MIN = 6 };

/* ---- a line ---------------------------------------------------------------------------------- */

struct line {
    struct sk_buf text;
    size_t left; /* columns */
    bool has_colours;
};

static void put(struct line *line, enum cli_colour colour, struct sk_str text)
{
    struct sk_buf safe = { 0 }, cut = { 0 };
    cli_text_safe(&safe, text);
    cli_text_cut(&cut, sk_buf_view(&safe), line->left);
    line->left -= cli_text_width(sk_buf_view(&cut));
    bool is_coloured = line->has_colours && colour != CLI_PLAIN && cut.size > 0;
    if (is_coloured) sk_buf_append_text(&line->text, cli_colour_code(colour));
    sk_buf_append_str(&line->text, sk_buf_view(&cut));
    if (is_coloured) sk_buf_append_text(&line->text, "\033[0m");
    sk_buf_release(&safe);
    sk_buf_release(&cut);
}

static void put_text(struct line *line, enum cli_colour colour, const char *text)
{
    put(line, colour, sk_str_of(text));
}

/* The text and blanks up to `width`. */
static void put_padded(struct line *line, enum cli_colour colour, struct sk_str text, size_t width)
{
    size_t have = cli_text_width(text);
    put(line, colour, text);
    for (; have < width; have++) put_text(line, CLI_PLAIN, " ");
}

void cli_duration_text(int64_t ms, char out[32])
{
    if (ms < 0) ms = 0;
    if (ms < 1000) {
        (void)snprintf(out, 32, "%" PRId64 " ms", ms);
    } else if (ms < 60000) {
        (void)snprintf(out, 32, "%" PRId64 ".%" PRId64 " s", ms / 1000, ms % 1000 / 100);
    } else {
        (void)snprintf(out, 32, "%" PRId64 " min %" PRId64 " s", ms / 60000, ms % 60000 / 1000);
    }
}

static void put_duration(struct line *line, const struct tree_call *call)
{
    char text[32];
    if (call->started_ms == 0) return;
    int64_t end_ms = call->ended_ms > 0 ? call->ended_ms : tree_now_ms();
    cli_duration_text(end_ms - call->started_ms, text);
    put_text(line, CLI_DIM, "  ");
    put_text(line, CLI_DIM, text);
}

static void put_attempts(struct line *line, const struct tree_call *call)
{
    char text[64] = "";
    if (call->attempts > 1) {
        (void)snprintf(text, sizeof text, "  %" PRIu32 " attempts", call->attempts);
    }
    put_text(line, CLI_YELLOW, text);
    if (call->redriven_count > 0) put_text(line, CLI_YELLOW, "  repeated after a crash");
}

/* ---- the tree -------------------------------------------------------------------------------- */

struct glyph {
    const char *state, *utf8, *ascii;
};
static const struct glyph glyphs[] = {
    { "pending", "·", "." },      { "running", "▶", ">" },     { "waiting", "…", "~" },
    { "completed", "✔", "+" },    { "failed", "✘", "x" },      { "skipped", "–", "-" },
    { "compensating", "↩", "<" }, { "compensated", "↩", "<" }, { "compensation_failed", "✘", "x" },
};

static const char *glyph_of(struct sk_str state)
{
    for (size_t i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++) {
        if (!sk_str_is(state, glyphs[i].state)) continue;
        return cli_has_utf8() ? glyphs[i].utf8 : glyphs[i].ascii;
    }
    return "?";
}

static const char *branch_of(bool is_last)
{
    if (!cli_has_utf8()) return is_last ? "`- " : "|- ";
    return is_last ? "└─ " : "├─ ";
}

struct picture {
    const struct cli_tree *tree;
    struct sk_buf text;
    size_t lines_count, width, name_width;
};

static struct line begin_line(const struct picture *picture)
{
    return (struct line){ .left = picture->width,
                          .has_colours = cli_has_colours(picture->tree->cli) };
}

static void end_line(struct picture *picture, struct line *line)
{
    sk_buf_append_str(&picture->text, sk_buf_view(&line->text));
    sk_buf_append_char(&picture->text, '\n');
    sk_buf_release(&line->text);
    picture->lines_count++;
}

static void put_error(struct line *line, struct sk_str code, struct sk_str message)
{
    if (code.size == 0 && message.size == 0) return;
    put_text(line, CLI_PLAIN, "  ");
    put(line, CLI_RED, code);
    if (message.size > 0) {
        put_text(line, CLI_RED, code.size > 0 ? ": " : "");
        put(line, CLI_DIM, message);
    }
}

static void draw_head(struct picture *picture)
{
    const struct cli_tree *tree = picture->tree;
    struct line line = begin_line(picture);
    put_text(&line, CLI_BOLD, tree->id);
    put_text(&line, CLI_PLAIN, "  ");
    put(&line, CLI_PLAIN, tree->definition);
    put_text(&line, CLI_PLAIN, " ");
    put(&line, CLI_PLAIN, tree->version);
    put_text(&line, CLI_PLAIN, "  ");
    put(&line, cli_state_colour(tree->state), tree->state);
    if (tree->reason.size > 0) {
        put_text(&line, CLI_DIM, " (");
        put(&line, CLI_DIM, tree->reason);
        put_text(&line, CLI_DIM, ")");
    }
    struct tree_call whole = { .started_ms = tree->created_ms, .ended_ms = tree->ended_ms };
    put_duration(&line, &whole);
    if (tree->is_out_of_reach) put_text(&line, CLI_RED, "  (the server is out of reach)");
    end_line(picture, &line);
}

static void draw_step(struct picture *picture, const struct tree_step *step, bool is_last)
{
    struct line line = begin_line(picture);
    enum cli_colour colour = cli_state_colour(step->state);
    put_text(&line, CLI_DIM, branch_of(is_last));
    put_text(&line, colour, glyph_of(step->state));
    put_text(&line, CLI_PLAIN, " ");
    put_padded(&line, CLI_PLAIN, step->id, picture->name_width);
    put_text(&line, CLI_PLAIN, "  ");
    put_padded(&line, colour, step->state, sizeof "compensating" - 1);
    put_duration(&line, &step->action);
    put_attempts(&line, &step->action);
    if (step->is_maybe) put_text(&line, CLI_YELLOW, "  maybe");
    if (step->waits_for.size > 0) {
        put_text(&line, CLI_DIM, "  waits for ");
        put(&line, CLI_DIM, step->waits_for);
    }
    bool is_done = sk_str_is(step->state, "completed");
    if (!is_done) put_error(&line, step->error_code, step->error_message);
    end_line(picture, &line);
}

static void draw_undo(struct picture *picture, const struct tree_step *step, bool is_last)
{
    const struct tree_call *undo = &step->undo;
    struct line line = begin_line(picture);
    const char *state = undo->ended_ms == 0 ? "compensating"
                        : undo->has_failed  ? "compensation_failed"
                                            : "compensated";
    put_text(&line, CLI_PLAIN, "   ");
    put_text(&line, CLI_DIM, branch_of(is_last));
    put_text(&line, cli_state_colour(sk_str_of(state)), glyph_of(sk_str_of(state)));
    put_text(&line, CLI_PLAIN, " ");
    put_padded(&line, CLI_PLAIN, step->id, picture->name_width);
    put_duration(&line, undo);
    put_attempts(&line, undo);
    end_line(picture, &line);
}

static void draw(struct picture *picture)
{
    const struct cli_tree *tree = picture->tree;
    draw_head(picture);
    for (size_t i = 0; i < tree->steps_count; i++) {
        size_t width = cli_text_width(tree->steps[i].id);
        if (width > picture->name_width) picture->name_width = width;
    }
    if (picture->name_width > NAME_WIDTH_MAX) picture->name_width = NAME_WIDTH_MAX;
    for (size_t i = 0; i < tree->steps_count; i++) {
        draw_step(picture, &tree->steps[i], i + 1 == tree->steps_count);
    }
    if (tree->undo_count == 0) return;
    struct line line = begin_line(picture);
    put_text(&line, CLI_DIM, "   undone, the last first:");
    end_line(picture, &line);
    for (size_t i = 0; i < tree->undo_count; i++) {
        draw_undo(picture, &tree->steps[tree->undo_order[i]], i + 1 == tree->undo_count);
    }
}

static struct picture picture_of(const struct cli_tree *tree)
{
    size_t width = cli_terminal_width(tree->cli->out);
    struct picture picture = { .tree = tree, .width = width > 0 ? width : WIDTH_WITHOUT_TERMINAL };
    draw(&picture);
    return picture;
}

void cli_tree_print(const struct cli_tree *tree)
{
    struct picture picture = picture_of(tree);
    (void)fputs(sk_buf_text(&picture.text), tree->cli->out);
    sk_buf_release(&picture.text);
}

/* What has scrolled off the top cannot be drawn over: of a tree that is taller than the terminal
 * the head and the end are shown. */
static void fit_height(struct picture *picture)
{
    size_t height = cli_terminal_height(picture->tree->cli->out);
    if (height < HEIGHT_MIN || picture->lines_count < height) return;
    struct sk_str whole = sk_buf_view(&picture->text);
    size_t head = sk_str_find(whole, '\n') + 1, left_out = picture->lines_count - (height - 3) - 1;
    struct sk_str rest = sk_str_sub(whole, head, whole.size);
    for (size_t i = 0; i < left_out; i++) {
        rest = sk_str_sub(rest, sk_str_find(rest, '\n') + 1, rest.size);
    }
    struct sk_buf fitted = { 0 };
    sk_buf_append_str(&fitted, sk_str_sub(whole, 0, head));
    sk_buf_printf(&fitted, "   (%zu lines)\n", left_out);
    sk_buf_append_str(&fitted, rest);
    sk_buf_release(&picture->text);
    picture->text = fitted;
    picture->lines_count = height - 1;
}

void tree_redraw(struct cli_tree *tree)
{
    if (tree->steps == NULL) return;
    struct picture picture = picture_of(tree);
    fit_height(&picture);
    if (tree->drawn_lines > 0) {
        (void)fprintf(tree->cli->out, "\033[%zuA\r\033[J", tree->drawn_lines);
    }
    (void)fputs(sk_buf_text(&picture.text), tree->cli->out);
    (void)fflush(tree->cli->out);
    tree->drawn_lines = picture.lines_count;
    sk_buf_release(&picture.text);
}

/* ---- events as lines ------------------------------------------------------------------------- */

static void append_member(struct sk_str object, const char *name, const char *before,
                          struct sk_buf *out)
{
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(value) != SK_JSON_STRING || value.size <= 2) return;
    if (out->size > 0) sk_buf_append_text(out, before);
    sk_json_unescape(value, out);
}

void cli_event_detail(struct sk_str event, struct sk_buf *out)
{
    struct sk_str data = sk_json_member(event, SK_STR("data"));
    if (sk_json_type(data) != SK_JSON_OBJECT) return;
    append_member(data, "code", " ", out);
    append_member(data, "message", ": ", out);
    append_member(data, "name", " ", out);
    append_member(data, "key", " ", out);
    append_member(data, "by", " by ", out);
    append_member(data, "reason", ": ", out);
    append_member(data, "until", " until ", out);
}

void tree_print_event(const struct cli_tree *tree, struct sk_str event)
{
    struct sk_buf type = { 0 }, step = { 0 }, detail = { 0 }, safe = { 0 };
    int64_t attempt = 0;
    append_member(event, "type", "", &type);
    append_member(event, "step", "", &step);
    (void)sk_json_to_i64(sk_json_member(event, SK_STR("attempt")), &attempt);
    cli_event_detail(event, &detail);
    int64_t after_ms = tree_time_of(event, "at") - tree->created_ms;
    cli_text_safe(&safe, sk_buf_view(&detail));
    bool is_more = step.size > 0 || safe.size > 0;
    (void)fprintf(tree->cli->out, "  +%" PRId64 ".%03" PRId64 " s  %-*s", after_ms / 1000,
                  after_ms % 1000, is_more ? 24 : 0, sk_buf_text(&type));
    if (is_more) (void)fprintf(tree->cli->out, " %-*s", safe.size > 0 ? 16 : 0, sk_buf_text(&step));
    if (attempt > 1) (void)fprintf(tree->cli->out, " attempt %" PRId64, attempt);
    if (safe.size > 0) (void)fprintf(tree->cli->out, " %s", sk_buf_text(&safe));
    (void)fputc('\n', tree->cli->out);
    (void)fflush(tree->cli->out);
    sk_buf_release(&type);
    sk_buf_release(&step);
    sk_buf_release(&detail);
    sk_buf_release(&safe);
}

void cli_tree_print_event(const struct cli_tree *tree, struct sk_str event)
{
    tree_print_event(tree, event);
}
