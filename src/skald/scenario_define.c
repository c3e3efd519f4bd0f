/* scenario_define.c: the definitions of a scenario: from files beside it, and from its own text. */
#include "skald/definition_file.h"
#include "skald/scenario_private.h"

#include <limits.h>
#include <stdio.h>

static void keep_steps(struct scenario *s, const struct sk_plan *plan)
{
    for (uint32_t i = 0; i < plan->steps_count && s->steps_count < SK_SCENARIO_STEPS_MAX; i++) {
        s->steps[s->steps_count++] =
            (struct scenario_step){ .id = sk_arena_copy(&s->arena, plan->steps[i].id),
                                    .is_wait = plan->steps[i].kind == SK_KIND_WAIT };
    }
}

static bool define_json(struct scenario *s, struct sk_str json, const struct sk_plan *plan,
                        const char *file)
{
    skald_error error;
    keep_steps(s, plan);
    enum skald_status status =
        sk_testkit_define(s->kit, json, sk_str_of(file), &s->definition, &error);
    return status == SKALD_OK || scenario_wrong(s, "%s: %s", file, error.message);
}

static bool end_define(struct scenario *s, enum skald_status status, const char *file,
                       const struct sk_diagnostics *diagnostics, const skald_error *error,
                       const struct sk_buf *json, const struct sk_plan *plan)
{
    if (status == SKALD_OK) return define_json(s, sk_buf_view(json), plan, file);
    if (status != SKALD_E_INVALID) return scenario_wrong(s, "%s", error->message);
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_diagnostics_print(diagnostics, &text);
    (void)scenario_wrong(s, "the definition is not valid\n%s", sk_buf_text(&text));
    sk_buf_release(&text);
    return false;
}

bool scenario_define_file(struct scenario *s, struct sk_str name)
{
    char path[PATH_MAX];
    const char *slash = strrchr(s->file, '/');
    int folder_size = slash == NULL || name.data[0] == '/' ? 0 : (int)(slash - s->file) + 1;
    int size = snprintf(path, sizeof path, "%.*s%.*s", folder_size, s->file, SK_STR_ARGS(name));
    if (size < 0 || (size_t)size >= sizeof path) return scenario_wrong(s, "the path is too long");
    struct sk_buf json;
    struct sk_plan *plan = NULL;
    struct sk_diagnostics diagnostics;
    skald_error error = { 0 };
    sk_buf_init(&json, 0);
    sk_diagnostics_init(&diagnostics);
    enum skald_status status =
        sk_definition_file_read(path, NULL, &json, &plan, &diagnostics, &error);
    bool ok = end_define(s, status, path, &diagnostics, &error, &json, plan);
    sk_plan_free(plan);
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&json);
    return ok;
}

bool scenario_define_text(struct scenario *s, struct sk_str source)
{
    struct sk_buf json;
    struct sk_plan *plan = NULL;
    struct sk_diagnostics diagnostics;
    skald_error error = { 0 };
    struct sk_dsl_options options = { .file_name = sk_str_of(s->file) };
    sk_buf_init(&json, 0);
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(source, &options, &plan, &json, &diagnostics);
    bool ok = end_define(s, status, s->file, &diagnostics, &error, &json, plan);
    sk_plan_free(plan);
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&json);
    return ok;
}
