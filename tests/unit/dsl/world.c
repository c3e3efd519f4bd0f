/* world.c: see world.h. */
#include "world.h"

static void append_long(struct sk_buf *out)
{
    for (int i = 0; i < 9 * 1024 * 1024 / 16; i++) sk_buf_append_text(out, "0123456789abcdef");
}

static bool look_up(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    static const struct {
        const char *name, *value;
    } rows[] = { { "HOST", "example.org" }, { "COUNT", "3" },  { "EMPTY", "" },
                 { "TRICK", "${HOST}" },    { "DOLLAR", "$" }, { "BAD", "a\x01z" },
                 { "LATIN", "\xe9" },       { "NOTHING", "~" } };
    if (sk_str_is(name, "LONG")) {
        append_long(out);
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!sk_str_is(name, rows[i].name)) continue;
        sk_buf_append_text(out, rows[i].value);
        return true;
    }
    return false;
}

static enum skald_status include(void *context, struct sk_str path, struct sk_buf *out,
                                 skald_error *error)
{
    const struct skt_world *world = context;
    for (size_t i = 0; i < world->files_count; i++) {
        if (!sk_str_equal(world->files[i].path, path)) continue;
        sk_buf_append_str(out, world->files[i].bytes);
        return out->failed ? SKALD_E_MEMORY : SKALD_OK;
    }
    return sk_error_set(error, SKALD_E_NOT_FOUND, "no such file");
}

void skt_world_init(struct skt_world *world)
{
    *world = (struct skt_world){ .files_count = 0 };
    world->options = (struct sk_dsl_options){ .file_name = SK_STR("order.yaml"),
                                              .environment = look_up,
                                              .include = include,
                                              .context = world };
}

void skt_world_file(struct skt_world *world, struct sk_str path, struct sk_str bytes)
{
    world->files[world->files_count].path = path;
    world->files[world->files_count++].bytes = bytes;
}

struct sk_plan *skt_compile(struct skt_world *world, struct sk_str source, struct sk_buf *out_text)
{
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan = NULL;
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(source, &world->options, &plan, NULL, &diagnostics);
    sk_diagnostics_print(&diagnostics, out_text);
    if (status != SKALD_OK && status != SKALD_E_INVALID) {
        sk_buf_append_text(out_text, skald_status_name(status));
        sk_buf_append_char(out_text, '\n');
    }
    sk_diagnostics_release(&diagnostics);
    return plan;
}
