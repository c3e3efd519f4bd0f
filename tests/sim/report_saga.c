/* report_saga.c: a definition in the manner of YAML, and a saga's time as a table of three columns:
 * its history, what reached the participants, what befell the world. */
#include "report.h"

#include "base/json.h"
#include "check.h"
#include "node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the definition -------------------------------------------------------------------------- */

enum { INLINE_MAX = 88 };

/* On one line: quotes only where they are needed. */
static void put_inline(struct sk_buf *out, struct sk_str value)
{
    enum sk_json_type type = sk_json_type(value);
    if (type != SK_JSON_OBJECT && type != SK_JSON_ARRAY) {
        bool is_plain = type == SK_JSON_STRING && value.size > 2;
        for (size_t i = 1; is_plain && i + 1 < value.size; i++) {
            char c = value.data[i];
            bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                           (i > 1 && ((c >= '0' && c <= '9') || c == '-'));
            is_plain = is_word;
        }
        sk_buf_append_str(out, is_plain ? sk_str_sub(value, 1, value.size - 2) : value);
        return;
    }
    struct sk_json_iter it = sk_json_walk(value);
    sk_buf_append_char(out, it.is_object ? '{' : '[');
    while (sk_json_next(&it)) {
        if (it.index > 1 || out->data[out->size - 1] != (it.is_object ? '{' : '['))
            sk_buf_append_text(out, ", ");
        if (it.is_object) sk_buf_printf(out, "%.*s: ", SK_STR_ARGS(it.name));
        put_inline(out, it.value);
    }
    sk_buf_append_char(out, it.is_object ? '}' : ']');
}

static void put_block(struct sk_buf *out, struct sk_str value, uint32_t indent, bool is_begun)
{
    struct sk_json_iter it = sk_json_walk(value);
    while (sk_json_next(&it)) {
        bool is_long = it.value.size > INLINE_MAX;
        enum sk_json_type type = sk_json_type(it.value);
        bool is_block = is_long && (type == SK_JSON_OBJECT || type == SK_JSON_ARRAY);
        if (!is_begun) sk_buf_printf(out, "%*s", (int)indent, "");
        is_begun = false;
        if (it.is_object)
            sk_buf_printf(out, "%.*s:%s", SK_STR_ARGS(it.name), is_block ? "\n" : " ");
        else
            sk_buf_append_text(out, "- ");
        if (is_block) {
            put_block(out, it.value, indent + 2, !it.is_object);
            continue;
        }
        put_inline(out, it.value);
        sk_buf_append_char(out, '\n');
    }
}

void sim_print_definition(struct sk_str json)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    put_block(&text, json, 2, false);
    printf("%s", sk_buf_text(&text));
    sk_buf_release(&text);
}

/* ---- the timeline ---------------------------------------------------------------------------- */

enum { LINES_MAX = 4096, SHOWN_FIRST = 30, SHOWN_LAST = 90, HISTORY_WIDTH = 58, BOOKS_WIDTH = 34 };

struct line {
    int64_t at_us;
    uint32_t order;
    const struct sk_event_row *event;
    const struct sim_visit *visit;
    const struct sim_unit_book *unit;
    const struct sim_note *note;
};

struct lines {
    const struct sim_world *world;
    const struct sk_plan *plan;
    struct line *items;
    uint32_t count;
};

static void add(struct lines *lines, struct line line)
{
    if (lines->count >= LINES_MAX) return;
    line.order = lines->count;
    lines->items[lines->count++] = line;
}

static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->at_us != y->at_us) return x->at_us < y->at_us ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* What befalls a world, or this saga; the rest of the trace is told by the other columns. */
static bool is_fault(const struct sim_note *note, const struct sim_row *row)
{
    bool is_of_saga = strcmp(note->what, "operate") == 0 || strcmp(note->what, "no-answer") == 0;
    bool is_of_shard = strcmp(note->what, "take") == 0 || strcmp(note->what, "move") == 0 ||
                       strcmp(note->what, "part-not-done") == 0;
    if (is_of_saga) return sk_str_starts(sk_str_of(note->text), row->head.id);
    if (is_of_shard) return note->a == row->head.shard;
    static const char *const whats[] = { "crash", "pause", "stop", "stopped", "calm", "restore" };
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        if (strcmp(note->what, whats[i]) == 0) return true;
    }
    return false;
}

static void collect_notes(struct lines *lines, const struct sim_row *row, int64_t from_us,
                          int64_t to_us)
{
    const struct sim_world *world = lines->world;
    uint64_t kept = world->notes_count < SIM_NOTES_KEPT ? world->notes_count : SIM_NOTES_KEPT;
    for (uint64_t i = world->notes_count - kept; i < world->notes_count; i++) {
        const struct sim_note *note = &world->notes[i % SIM_NOTES_KEPT];
        if (note->at_us < from_us || note->at_us > to_us || !is_fault(note, row)) continue;
        add(lines, (struct line){ .at_us = note->at_us, .note = note });
    }
}

static void collect_visits(struct lines *lines, struct sk_str saga_id)
{
    const struct sim_saga_book *book = sim_books_saga(lines->world->books, saga_id);
    for (const struct sim_unit_book *unit = book == NULL ? NULL : book->units; unit != NULL;
         unit = unit->next) {
        for (const struct sim_visit *visit = unit->visits; visit != NULL; visit = visit->next)
            add(lines, (struct line){ .at_us = visit->at_us, .visit = visit, .unit = unit });
    }
}

static struct sk_str step_id(const struct lines *lines, uint32_t step)
{
    if (lines->plan == NULL || step >= lines->plan->steps_count) return (struct sk_str){ 0 };
    return lines->plan->steps[step].id;
}

static void print_event(const struct lines *lines, const struct sk_event_row *row)
{
    struct sk_event event = sim_event_of(row);
    char text[160], item[16] = "";
    if (event.item >= 0) (void)snprintf(item, sizeof item, "[%d]", event.item);
    int size = snprintf(text, sizeof text, "%3" PRIu64 " %s%s%.*s%s", event.seq,
                        sk_event_type_known(row->type) ? sk_event_type_name(event.type) : "?",
                        event.step == SK_STEP_NONE ? "" : " ",
                        SK_STR_ARGS(step_id(lines, event.step)), item);
    size_t room = sizeof text - (size_t)size;
    if (event.attempt > 0) size += snprintf(text + size, room, " attempt %u", event.attempt);
    room = sizeof text - (size_t)size;
    if (event.round > 0) size += snprintf(text + size, room, " round %u", event.round);
    room = sizeof text - (size_t)size;
    if (event.text.size > 0 && event.text.size < room - 4)
        (void)snprintf(text + size, room, " (%.*s)", SK_STR_ARGS(event.text));
    printf("%s\n", text);
}

static const char *operation_name(enum sk_operation operation)
{
    static const char *const names[] = { "action", "undo", "verify", "hook", "poll", "decision" };
    return names[operation];
}

static void print_note(const struct sim_note *note)
{
    if (strcmp(note->what, "operate") == 0 && note->a < SK_COMMANDS_COUNT)
        printf("%s %s\n", sk_command_name((enum sk_command_kind)note->a), note->text);
    else
        printf("%s %" PRIu64 " %" PRIu64 " %s\n", note->what, note->a, note->b, note->text);
}

static void print_line(const struct lines *lines, const struct line *line)
{
    printf("  %9.3f  ", (double)line->at_us / 1e6);
    if (line->event != NULL) {
        print_event(lines, line->event);
    } else if (line->visit != NULL) {
        char text[160], item[16] = "";
        if (line->unit->item >= 0) (void)snprintf(item, sizeof item, "[%d]", line->unit->item);
        (void)snprintf(text, sizeof text, "p%u %s %.*s%s attempt %u: %s",
                       line->unit->participant->index, operation_name(line->visit->operation),
                       SK_STR_ARGS(line->unit->step_id), item, line->visit->attempt,
                       line->visit->what);
        printf("%*s| %s\n", HISTORY_WIDTH, "", text);
    } else {
        printf("%*s| %*s | ", HISTORY_WIDTH, "", BOOKS_WIDTH, "");
        print_note(line->note);
    }
}

void sim_print_timeline(const struct sim_world *world, const struct sim_row *row)
{
    struct lines lines = { .world = world };
    lines.plan = sim_store_plan(world->store, &row->head.definition);
    if (row->events_count == 0) return;
    lines.items = calloc(LINES_MAX, sizeof *lines.items);
    if (lines.items == NULL) return;
    for (uint32_t i = 0; i < row->events_count; i++) {
        int64_t at_us = (row->events[i].at_ms - SIM_EPOCH_MS) * SIM_MS;
        add(&lines, (struct line){ .at_us = at_us, .event = &row->events[i] });
    }
    int64_t from_us = lines.items[0].at_us - 2 * SIM_S;
    int64_t to_us = lines.items[lines.count - 1].at_us + 2 * SIM_S;
    collect_visits(&lines, row->head.id);
    collect_notes(&lines, row, from_us, to_us);
    qsort(lines.items, lines.count, sizeof *lines.items, compare);
    printf("             %-*s| %-*s | the world\n", HISTORY_WIDTH, "its history", BOOKS_WIDTH,
           "its participants");
    for (uint32_t i = 0; i < lines.count; i++) {
        bool is_left_out = i >= SHOWN_FIRST && i + SHOWN_LAST < lines.count;
        if (!is_left_out) print_line(&lines, &lines.items[i]);
        if (i == SHOWN_FIRST && is_left_out)
            printf("     … %u lines left out\n", lines.count - SHOWN_FIRST - SHOWN_LAST);
    }
    free(lines.items);
}
