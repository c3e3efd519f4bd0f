/* scenario_file.c: a file of scenarios: its sections, and what is told of each. */
#include "runtime/files.h"
#include "skald/scenario_private.h"

enum { FILE_SIZE_MAX = 16 * 1024 * 1024 };

struct section {
    struct sk_str name, text;
    uint32_t line_before; /* of its first line */
};

struct playing {
    const char *path;
    struct section preamble;
    sk_scenario_fn *fn;
    void *context;
};

/* Up to the next line `scenario NAME`; false at the end of the file. */
static bool next_section(struct sk_str *rest, uint32_t *number, struct section *out,
                         struct sk_str *out_name)
{
    struct sk_str whole = *rest;
    bool is_inside = false; /* a definition */
    while (rest->size > 0) {
        struct sk_str line = sk_script_next_line(rest), trimmed = sk_str_trim(line);
        *number += 1;
        if (sk_str_is(trimmed, "definition")) is_inside = true;
        if (sk_str_is(trimmed, "end")) is_inside = false;
        bool is_mark = !is_inside && (sk_str_is(trimmed, "scenario") ||
                                      sk_str_starts(trimmed, SK_STR("scenario ")));
        if (!is_mark) continue;
        out->text = (struct sk_str){ whole.data, (size_t)(line.data - whole.data) };
        *out_name = sk_str_trim(sk_str_sub(trimmed, strlen("scenario"), trimmed.size));
        return true;
    }
    out->text = whole;
    return false;
}

static void tell(struct scenario *s, const struct playing *playing, const struct section *section)
{
    struct sk_buf timeline;
    sk_buf_init(&timeline, 0);
    if (s->has_failed && s->current.size > 0) sk_testkit_timeline(s->kit, s->current, &timeline);
    struct sk_scenario_report report = {
        .file = playing->path,
        .name = section->name,
        .line = section->line_before > 0 ? section->line_before : 1,
        .has_passed = !s->has_failed,
        .is_wrong = s->is_wrong,
        .expectations = s->expectations,
        .virtual_ms = s->kit == NULL ? 0 : sk_testkit_now(s->kit) - s->start_ms,
        .failed_line = s->number,
        .text = s->text,
        .message = sk_str_trim(sk_buf_view(&s->message)),
        .expected = sk_buf_view(&s->expected),
        .actual = sk_buf_view(&s->actual),
        .timeline = sk_buf_view(&timeline),
    };
    playing->fn(playing->context, &report);
    sk_buf_release(&timeline);
}

static void play_section(const struct playing *playing, const struct section *section)
{
    struct sk_testkit_options options = { .seed = 1 };
    struct scenario *s = scenario_new(playing->path, &options);
    if (s == NULL) return;
    bool ok = !s->has_failed && scenario_run(s, playing->preamble.text, 0) &&
              scenario_run(s, section->text, section->line_before);
    if (ok && s->expectations == 0)
        (void)scenario_wrong(s, "a scenario that expects nothing cannot fail");
    tell(s, playing, section);
    scenario_free(s);
}

static void play_all(struct playing *playing, struct sk_str rest)
{
    uint32_t number = 0;
    struct sk_str name = { NULL, 0 };
    bool has_more = next_section(&rest, &number, &playing->preamble, &name);
    if (!has_more) {
        const char *slash = strrchr(playing->path, '/');
        struct section whole = { .name = sk_str_of(slash == NULL ? playing->path : slash + 1),
                                 .text = playing->preamble.text };
        playing->preamble.text = (struct sk_str){ NULL, 0 };
        play_section(playing, &whole);
    }
    while (has_more) {
        struct section section = { .name = name, .line_before = number };
        has_more = next_section(&rest, &number, &section, &name);
        play_section(playing, &section);
    }
}

enum skald_status sk_scenario_play(const char *path, sk_scenario_fn *fn, void *context,
                                   skald_error *error)
{
    struct sk_buf text;
    struct playing playing = { .path = path, .fn = fn, .context = context };
    sk_buf_init(&text, 0);
    enum skald_status status = sk_file_read(path, FILE_SIZE_MAX, &text, error);
    if (status == SKALD_OK) {
        play_all(&playing, sk_buf_view(&text));
    }
    sk_buf_release(&text);
    return status;
}
