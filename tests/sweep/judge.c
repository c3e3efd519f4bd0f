/* judge.c: see judge.h. */
#include "judge.h"

#include "books.h"
#include "skald/store_tools.h"

void judge_done(struct sweep_run *run, const char *const *keys, size_t keys_count)
{
    for (size_t i = 0; i < keys_count; i++) {
        const struct effect *effect = books_find(keys[i]);
        bool is_done = effect != NULL && effect->is_done;
        if (!is_done || effect->is_undone)
            sweep_fail(run, "%s of a completed saga is %s", keys[i],
                       is_done ? "undone" : "not done");
    }
}

void judge_undone(struct sweep_run *run, bool (*is_meant)(const char *key))
{
    for (uint32_t i = 0; i < books_count(); i++) {
        const struct effect *effect = books_at(i);
        if (is_meant(effect->key) && effect->is_done && !effect->is_undone)
            sweep_fail(run, "%s of an undone saga is done and not undone", effect->key);
    }
}

static void on_problem(void *context, const char *text)
{
    sweep_fail(context, "the store's own check: %s", text);
}

void judge_store(struct sweep_run *run, const char *url)
{
    skald_error error = { .status = SKALD_OK };
    struct sk_store_report report = { .problem = on_problem, .context = run };
    if (sk_store_check(url, (struct sk_store_watcher){ 0 }, &report, &error) != SKALD_OK)
        sweep_fail(run, "check of the store: %s", error.message);
}
