/*
 * histories.c: --histories FOLDER: keeps, as exported files, sagas whose histories have types of
 * events that none kept before has. The files of tests/unit/engine/histories were made so, and
 * are read for ever (test_histories.c); a new type of event calls for one more.
 */
#include "run.h"

#include "engine/transfer_file.h"

#include <stdio.h>

enum { FILE_SIZE_MAX = 200000 };

static bool has_type[SK_EVENT_TYPES_MAX];

static uint32_t count_new(const struct sim_row *row, bool marks)
{
    uint32_t found = 0;
    bool seen[SK_EVENT_TYPES_MAX] = { false };
    for (uint32_t i = 0; i < row->events_count; i++) {
        uint32_t type = row->events[i].type;
        if (!has_type[type] && !seen[type]) found += 1;
        seen[type] = true;
        if (marks) has_type[type] = true;
    }
    return found;
}

static bool write_file(const char *folder, const struct sim_row *row, struct sk_str text)
{
    char name[512];
    (void)snprintf(name, sizeof name, "%s/%.*s.json", folder, SK_STR_ARGS(row->head.id));
    FILE *file = fopen(name, "w");
    if (file == NULL) return false;
    bool is_written = fwrite(text.data, 1, text.size, file) == text.size;
    is_written = fputc('\n', file) != EOF && is_written;
    return fclose(file) == 0 && is_written;
}

void sim_histories_keep(struct sim_world *world, const char *folder)
{
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (row->head.is_lock || row->is_removed || count_new(row, false) == 0) continue;
        if (memchr(row->head.id.data, '.', row->head.id.size) != NULL) continue; /* a child */
        const struct sim_definition *definition =
            sim_store_definition(world->store, &row->head.definition);
        struct sk_transfer_source source = {
            .head = &row->head,
            .definition = &definition->row,
            .events = row->events,
            .events_count = row->events_count,
            .plan = sim_store_plan(world->store, &row->head.definition),
            .now_ms = sim_now_ms(world),
        };
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_transfer_write(&source, &text);
        if (text.size <= FILE_SIZE_MAX && write_file(folder, row, sk_buf_view(&text)))
            (void)count_new(row, true);
        sk_buf_release(&text);
    }
}
