/* main.c: skald-scenario [--moves] FILE…: plays text scenarios against the production core (see
 * README.md); --moves prints the moves of steps that their sagas made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moves.h"
#include "script.h"

static char *read_file(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    char *text = NULL;
    size_t size = 0, room = 0;
    for (;;) {
        if (size == room) text = realloc(text, room = room == 0 ? 65536 : room * 2);
        size_t got = text == NULL ? 0 : fread(text + size, 1, room - size, file);
        if (got == 0) break;
        size += got;
    }
    fclose(file);
    *out_size = size;
    return text;
}

/* From the line after `definition` to `end`. */
static bool run_definition(struct script *script, struct sk_str *rest)
{
    const char *from = rest->data;
    size_t size = 0;
    while (rest->size > 0) {
        struct sk_str line = sk_script_next_line(rest);
        script->number++;
        if (sk_str_is(line, "end")) {
            size = (size_t)(line.data - from);
            break;
        }
    }
    if (size == 0) return script_fail(script, "a definition ends with a line `end`");
    if (world_define(&script->world, (struct sk_str){ from, size }, sk_str_of(script->file)))
        return true;
    return script_fail(script, "%s", script->world.problem);
}

/* What had happened until a line failed. */
static void print_history(const struct script *script)
{
    if (script->current == NULL) return;
    for (const struct world_event *e = script->current->first; e != NULL; e = e->next) {
        struct sk_buf text;
        sk_buf_init(&text, 0);
        sk_event_json(&e->event, &text);
        fprintf(stderr, "  %3u %s", (unsigned)e->event.seq, sk_event_type_name(e->event.type));
        if (e->event.step != SK_STEP_NONE)
            fprintf(stderr, " %.*s",
                    SK_STR_ARGS(script->current->saga.plan->steps[e->event.step].id));
        if (e->event.item >= 0) fprintf(stderr, ".%d", e->event.item);
        if (e->event.type != SK_EVENT_SAGA_SNAPSHOT) fprintf(stderr, " %s", sk_buf_text(&text));
        fputc('\n', stderr);
        sk_buf_release(&text);
    }
}

static bool run_file(const char *path, struct moves *moves)
{
    size_t size = 0;
    char *text = read_file(path, &size);
    struct script *script = calloc(1, sizeof *script);
    if (text == NULL || script == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(script);
        return false;
    }
    world_init(&script->world);
    script->file = path;
    struct sk_str rest = { text, size };
    bool ok = true;
    while (ok && rest.size > 0) {
        struct sk_str line = sk_script_next_line(&rest);
        script->number++;
        ok = sk_str_is(line, "definition") ? run_definition(script, &rest)
                                           : script_run_line(script, line);
    }
    if (!ok) print_history(script);
    if (ok && script->expectations == 0)
        ok = script_fail(script, "a scenario that expects nothing cannot fail");
    for (uint32_t i = 0; i < script->world.sagas_count; i++)
        moves_add(moves, script->world.sagas[i]);
    world_release(&script->world);
    free(script);
    free(text);
    return ok;
}

int main(int argc, char **argv)
{
    struct moves moves = { 0 };
    int failed = 0, first = argc > 1 && strcmp(argv[1], "--moves") == 0 ? 2 : 1;
    if (argc <= first) {
        fprintf(stderr, "usage: skald-scenario [--moves] FILE...\n");
        return 2;
    }
    for (int i = first; i < argc; i++) failed += !run_file(argv[i], &moves);
    if (first == 2) moves_print(&moves);
    return failed == 0 ? 0 : 1;
}
