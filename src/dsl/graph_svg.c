/*
 * graph_svg.c: a plan's graph as a picture, laid out here: levels from top to bottom, an edge over
 * several levels runs through a bend in each of them, the order within a level follows the
 * neighbours (barycentre), and boxes are drawn towards the middle of what they are joined to.
 *
 *   V1  Every edge joins a place with one of the next level: a step, or a bend of a longer edge.
 *   V2  Places of one level stand in `order`, at least a gap apart.
 *
 * Big graphs (more than PLACES_MAX places) are drawn without bends.
 */
#include "dsl/graph.h"

enum {
    BOX_WIDTH = 220,
    BOX_HEIGHT = 64,
    BEND_WIDTH = 24,
    GAP = 36,
    LEVEL_HEIGHT = 124,
    MARGIN = 40,
    TITLE_HEIGHT = 64,
    PLACES_MAX = 4000,
    SWEEPS = 8,
    NAME_CHARACTERS_MAX = 26,
    REMARK_CHARACTERS_MAX = 36
};

struct place {
    uint32_t step; /* SK_STEP_NONE = a bend */
    uint32_t level;
    uint32_t order;
    double x;      /* its middle */
    double weight; /* sort key of a sweep */
};

struct link {
    uint32_t from, to; /* places of neighbouring levels, or any without bends */
    uint32_t edge;
};

struct picture {
    const struct sk_plan *plan;
    struct sk_arena arena;
    struct place *places;
    uint32_t places_count;
    struct link *links;
    uint32_t links_count;
    uint32_t **levels; /* places of a level, in order */
    uint32_t *sizes;   /* of the levels */
    uint32_t levels_count;
    uint32_t edges_count;
    double width;
};

/* ---- places and links ------------------------------------------------------------------------ */

static uint32_t bends_of(const struct sk_plan *plan)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            count += step->level - plan->steps[step->dependencies[k]].level - 1;
        }
    }
    return count + plan->steps_count > PLACES_MAX ? 0 : (uint32_t)count;
}

static void add_link(struct picture *p, uint32_t from, uint32_t to)
{
    p->links[p->links_count++] = (struct link){ from, to, p->edges_count };
}

static void add_edge(struct picture *p, uint32_t from, uint32_t to, bool has_bends)
{
    uint32_t at = from;
    for (uint32_t level = p->plan->steps[from].level + 1;
         has_bends && level < p->plan->steps[to].level; level++) {
        uint32_t bend = p->places_count++;
        p->places[bend] = (struct place){ .step = SK_STEP_NONE, .level = level };
        add_link(p, at, bend);
        at = bend;
    }
    add_link(p, at, to);
    p->edges_count += 1;
}

static bool make_places(struct picture *p)
{
    const struct sk_plan *plan = p->plan;
    uint32_t bends_count = bends_of(plan), edges_count = 0;
    for (uint32_t i = 0; i < plan->steps_count; i++)
        edges_count += plan->steps[i].dependencies_count;
    p->places = SK_ARENA_ARRAY(&p->arena, struct place, (size_t)plan->steps_count + bends_count);
    p->links = SK_ARENA_ARRAY(&p->arena, struct link, (size_t)edges_count + bends_count);
    if (p->arena.failed) return false;
    p->places_count = plan->steps_count;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        p->places[i] = (struct place){ .step = i, .level = plan->steps[i].level };
    }
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            add_edge(p, step->dependencies[k], i, bends_count > 0);
        }
    }
    return true;
}

static bool make_levels(struct picture *p)
{
    p->levels_count = sk_graph_levels(p->plan);
    p->levels = SK_ARENA_ARRAY(&p->arena, uint32_t *, p->levels_count);
    p->sizes = SK_ARENA_ARRAY(&p->arena, uint32_t, p->levels_count);
    if (p->arena.failed) return false;
    for (uint32_t i = 0; i < p->places_count; i++) p->sizes[p->places[i].level] += 1;
    for (uint32_t level = 0; level < p->levels_count; level++) {
        p->levels[level] = SK_ARENA_ARRAY(&p->arena, uint32_t, p->sizes[level]);
        p->sizes[level] = 0;
    }
    if (p->arena.failed) return false;
    for (uint32_t i = 0; i < p->places_count; i++) {
        struct place *place = &p->places[i];
        place->order = p->sizes[place->level]++;
        p->levels[place->level][place->order] = i;
    }
    return true;
}

/* ---- order within levels --------------------------------------------------------------------- */

/* The mean of the neighbours' positions, above or below; its own where there are none. */
static void weigh(struct picture *p, bool is_from_above, double *sums, uint32_t *counts, bool by_x)
{
    memset(sums, 0, p->places_count * sizeof *sums);
    memset(counts, 0, p->places_count * sizeof *counts);
    for (uint32_t i = 0; i < p->links_count; i++) {
        uint32_t target = is_from_above ? p->links[i].to : p->links[i].from;
        const struct place *other = &p->places[is_from_above ? p->links[i].from : p->links[i].to];
        sums[target] += by_x ? other->x : (double)other->order / (double)p->sizes[other->level];
        counts[target] += 1;
    }
}

static void sort_level(struct picture *p, uint32_t level)
{
    uint32_t *list = p->levels[level];
    for (uint32_t i = 1; i < p->sizes[level]; i++) { /* stable, and nearly sorted */
        uint32_t moving = list[i], at = i;
        for (; at > 0 && p->places[list[at - 1]].weight > p->places[moving].weight; at--)
            list[at] = list[at - 1];
        list[at] = moving;
    }
    for (uint32_t i = 0; i < p->sizes[level]; i++) p->places[list[i]].order = i;
}

static void sweep(struct picture *p, bool is_down, double *sums, uint32_t *counts)
{
    for (uint32_t n = 0; n < p->levels_count; n++) {
        uint32_t level = is_down ? n : p->levels_count - 1 - n;
        weigh(p, is_down, sums, counts, false);
        for (uint32_t i = 0; i < p->sizes[level]; i++) {
            uint32_t index = p->levels[level][i];
            struct place *place = &p->places[index];
            place->weight = counts[index] > 0 ? sums[index] / counts[index]
                                              : (double)place->order / (double)p->sizes[level];
        }
        sort_level(p, level);
    }
}

/* ---- coordinates ----------------------------------------------------------------------------- */

static double width_of(const struct place *place)
{
    return place->step == SK_STEP_NONE ? BEND_WIDTH : BOX_WIDTH;
}

static double gap_between(const struct place *left, const struct place *right)
{
    return (width_of(left) + width_of(right)) / 2 + GAP;
}

/* Each place where `weight` wants it, but V2: pushed right, then back left around the middle. */
static void settle(struct picture *p, uint32_t level)
{
    uint32_t *list = p->levels[level], count = p->sizes[level];
    double shift = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct place *place = &p->places[list[i]];
        place->x = place->weight;
        if (i == 0) continue;
        const struct place *left = &p->places[list[i - 1]];
        double least = left->x + gap_between(left, place);
        if (place->x < least) place->x = least;
    }
    for (uint32_t i = 0; i < count; i++) shift += p->places[list[i]].weight - p->places[list[i]].x;
    for (uint32_t i = 0; i < count; i++) p->places[list[i]].x += shift / count;
}

static void spread(struct picture *p)
{
    for (uint32_t level = 0; level < p->levels_count; level++) {
        for (uint32_t i = 0; i < p->sizes[level]; i++) p->places[p->levels[level][i]].weight = 0;
        settle(p, level);
    }
}

static void pull_together(struct picture *p, bool is_down, double *sums, uint32_t *counts)
{
    for (uint32_t n = 0; n < p->levels_count; n++) {
        uint32_t level = is_down ? n : p->levels_count - 1 - n;
        weigh(p, is_down, sums, counts, true);
        for (uint32_t i = 0; i < p->sizes[level]; i++) {
            uint32_t index = p->levels[level][i];
            struct place *place = &p->places[index];
            place->weight = counts[index] > 0 ? sums[index] / counts[index] : place->x;
        }
        settle(p, level);
    }
}

static void move_into_view(struct picture *p, double least_width)
{
    double low = 0, high = 0;
    for (uint32_t i = 0; i < p->places_count; i++) {
        const struct place *place = &p->places[i];
        double half = width_of(place) / 2;
        if (i == 0 || place->x - half < low) low = place->x - half;
        if (i == 0 || place->x + half > high) high = place->x + half;
    }
    double extra = high - low < least_width ? (least_width - (high - low)) / 2 : 0;
    for (uint32_t i = 0; i < p->places_count; i++) p->places[i].x += MARGIN + extra - low;
    p->width = high - low + 2 * extra + 2 * MARGIN;
}

static bool lay_out(struct picture *p)
{
    if (!make_places(p) || !make_levels(p)) return false;
    double *sums = SK_ARENA_ARRAY(&p->arena, double, p->places_count);
    uint32_t *counts = SK_ARENA_ARRAY(&p->arena, uint32_t, p->places_count);
    if (p->arena.failed) return false;
    uint64_t cost = (uint64_t)p->levels_count * p->links_count; /* of one sweep */
    uint32_t sweeps = cost > 10000000 ? 0 : cost > 100000 ? 2 : SWEEPS;
    for (uint32_t i = 0; i < sweeps; i++) sweep(p, i % 2 == 0, sums, counts);
    spread(p);
    for (uint32_t i = 0; i < sweeps; i++) pull_together(p, i % 2 == 0, sums, counts);
    move_into_view(p, 420);
    return true;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static int round_of(double x)
{
    return (int)(x + 0.5);
}

static int top_of(const struct place *place)
{
    return TITLE_HEIGHT + MARGIN / 2 + (int)place->level * LEVEL_HEIGHT;
}

/* At most `characters` of it, with an ellipsis. */
static void put_cut(struct sk_buf *out, struct sk_str text, size_t characters)
{
    size_t at = 0, count = 0;
    while (at < text.size && count < characters) {
        at++;
        while (at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80) at++;
        count++;
    }
    sk_graph_escape(out, sk_str_sub(text, 0, at));
    if (at < text.size) sk_buf_append_text(out, "…");
}

static void draw_link(const struct picture *p, const struct link *link, struct sk_buf *out)
{
    const struct place *from = &p->places[link->from], *to = &p->places[link->to];
    bool is_bend_above = from->step == SK_STEP_NONE, is_bend_below = to->step == SK_STEP_NONE;
    int x1 = round_of(from->x), x2 = round_of(to->x);
    int y1 = top_of(from) + (is_bend_above ? BOX_HEIGHT / 2 : BOX_HEIGHT);
    int y2 = top_of(to) + (is_bend_below ? BOX_HEIGHT / 2 : -2);
    int half = (y2 - y1) / 2;
    sk_buf_printf(out, "<path class=\"edge\" d=\"M%d %dC%d %d %d %d %d %d\"%s/>\n", x1, y1, x1,
                  y1 + half, x2, y2 - half, x2, y2,
                  is_bend_below ? "" : " marker-end=\"url(#arrow)\"");
}

static void draw_step(const struct picture *p, const struct place *place, const char *state,
                      struct sk_buf *out)
{
    const struct sk_step *step = &p->plan->steps[place->step];
    struct sk_paint paint = sk_graph_paint(step, state);
    int x = round_of(place->x) - BOX_WIDTH / 2, y = top_of(place);
    sk_buf_append_text(out, "<g><title>");
    sk_graph_escape(out, step->id);
    if (state != NULL) {
        sk_buf_append_text(out, ": ");
        sk_graph_escape(out, sk_str_of(state));
    }
    sk_buf_printf(
        out,
        "</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\" fill=\"%s\" "
        "stroke=\"%s\" stroke-width=\"%s\"%s/>",
        x, y, BOX_WIDTH, BOX_HEIGHT, paint.fill, paint.line, step->is_pivot ? "3" : "1.5",
        step->is_detached ? " stroke-dasharray=\"6 4\"" : "");
    sk_buf_printf(out, "<text class=\"name\" x=\"%d\" y=\"%d\">", round_of(place->x), y + 27);
    put_cut(out, step->name.size > 0 ? step->name : step->id, NAME_CHARACTERS_MAX);
    sk_buf_printf(out, "</text><text class=\"remark\" x=\"%d\" y=\"%d\">", round_of(place->x),
                  y + 47);
    struct sk_buf remark;
    sk_buf_init(&remark, 0);
    if (state != NULL) sk_buf_printf(&remark, "%s · ", state);
    sk_graph_remark(step, &remark);
    put_cut(out, sk_buf_view(&remark), REMARK_CHARACTERS_MAX);
    if (remark.failed) out->failed = true;
    sk_buf_release(&remark);
    sk_buf_append_text(out, "</text></g>\n");
}

static void draw_head(const struct picture *p, struct sk_buf *out)
{
    int width = round_of(p->width);
    uint32_t levels_count = p->levels_count > 0 ? p->levels_count : 1;
    int height =
        TITLE_HEIGHT + MARGIN + (int)levels_count * LEVEL_HEIGHT - (LEVEL_HEIGHT - BOX_HEIGHT);
    sk_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
                  "height=\"%d\" role=\"img\" font-family=\"system-ui, sans-serif\">\n<title>",
                  width, height, width, height);
    sk_graph_escape(out, p->plan->name);
    sk_buf_append_text(out, "</title>\n<style>.edge{fill:none;stroke:#94a3b8;stroke-width:1.5}"
                            ".name{font-size:14px;font-weight:600;fill:#0f172a;text-anchor:middle}"
                            ".remark{font-size:11px;fill:#475569;text-anchor:middle}"
                            ".title{font-size:18px;font-weight:700;fill:#0f172a;text-anchor:middle}"
                            ".version{font-size:12px;fill:#64748b;text-anchor:middle}</style>\n"
                            "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
                            "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
                            "<path d=\"M0 0L8 4L0 8z\" fill=\"#94a3b8\"/></marker></defs>\n");
    sk_buf_printf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height);
    sk_buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"32\">", width / 2);
    put_cut(out, p->plan->name, 46);
    sk_buf_printf(out, "</text><text class=\"version\" x=\"%d\" y=\"52\">", width / 2);
    put_cut(out, p->plan->id, 60);
    sk_buf_append_char(out, ' ');
    put_cut(out, p->plan->version, 24);
    sk_buf_append_text(out, "</text>\n");
}

enum skald_status sk_graph_svg(const struct sk_plan *plan, const char *const *states,
                               struct sk_buf *out)
{
    struct picture picture = { .plan = plan };
    sk_arena_init(&picture.arena);
    bool is_good = lay_out(&picture);
    if (is_good) {
        draw_head(&picture, out);
        for (uint32_t i = 0; i < picture.links_count; i++)
            draw_link(&picture, &picture.links[i], out);
        for (uint32_t i = 0; i < plan->steps_count; i++) {
            draw_step(&picture, &picture.places[i], states == NULL ? NULL : states[i], out);
        }
        sk_buf_append_text(out, "</svg>\n");
    }
    sk_arena_release(&picture.arena);
    return is_good && !out->failed ? SKALD_OK : SKALD_E_MEMORY;
}
