/* Secrets from the environment and from files; what is no name of a secret is not looked up. */
#include "skald/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/skald-secret-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    write_file("plain", "hunter2");
    write_file("line", "hunter3\n");
    write_file("dos", "hunter4\r\n");
    write_file("lines", "a\n\n");
    write_file("empty", "");
    return setenv("SKALD_SECRET_env", "from-env", 1) + setenv("SKALD_SECRET_plain2", "", 1);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = { "plain", "line", "dos", "lines", "empty" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expected; /* NULL = none */
    } rows[] = {
        { "plain", "hunter2" }, { "line", "hunter3" },  { "dos", "hunter4" },
        { "lines", "a\n" },     { "empty", "" },        { "env", "from-env" },
        { "plain2", "" },       { "missing", NULL },    { "", NULL },
        { "../plain", NULL },   { "a/../plain", NULL }, { "/etc/passwd", NULL },
        { ".", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf out = { 0 };
        bool is_there = sk_secret_read(folder, sk_str_of(rows[i].name), &out);
        if (is_there != (rows[i].expected != NULL)) fail_msg("'%s'", rows[i].name);
        if (is_there) assert_string_equal(sk_buf_text(&out), rows[i].expected);
        sk_buf_release(&out);
    }
    struct sk_buf out = { 0 };
    assert_false(sk_secret_read(NULL, SK_STR("plain"), &out));
    assert_true(sk_secret_read(NULL, SK_STR("env"), &out));
    sk_buf_release(&out);
}

static void test_expand(void **state)
{
    (void)state;
    struct sk_buf out = { 0 };
    skald_error error = { .message = "" };
    assert_int_equal(sk_secret_expand(folder, SK_STR("Bearer ${secret:line}, ${secret:env}!"), &out,
                                      &error),
                     SKALD_OK);
    assert_string_equal(sk_buf_text(&out), "Bearer hunter3, from-env!");
    sk_buf_clear(&out);
    assert_int_equal(sk_secret_expand(folder, SK_STR("$ {x} ${secret:open"), &out, &error),
                     SKALD_OK);
    assert_string_equal(sk_buf_text(&out), "$ {x} ${secret:open");
    assert_int_equal(sk_secret_expand(folder, SK_STR("${secret:missing}"), &out, &error),
                     SKALD_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "SKALD_SECRET_missing"));
    struct sk_arena arena;
    const char *texts[] = { "${secret:plain}", "as it is", NULL };
    sk_arena_init(&arena);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sk_secret_resolve(folder, &arena, &texts[i], &error), SKALD_OK);
    assert_string_equal(texts[0], "hunter2");
    assert_string_equal(texts[1], "as it is");
    assert_null(texts[2]);
    sk_arena_release(&arena);
    sk_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_expand),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
