/* test_console.c: what a browser says it takes and knows. What is served is a matter of
 * tests/console. */
#include "api/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void gzip_is_taken_when_it_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *accepts;
        bool is_taken;
    } rows[] = {
        { "gzip", true },
        { "deflate, gzip;q=0.5, br", true },
        { "br ,gzip ; q=1.0", true },
        { "x-gzip", true },
        { "", false },
        { "br", false },
        { "gzipped", false },
        { "gzip;q=0", false },
        { "gzip;q=0.000", false },
        { "gzip;q=0.001", true },
        { "gzip;Q=0", false },
        { ",,;;,", false },
        { "deflate;q=0,gzip", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool is_taken = sk_console_takes_gzip(sk_str_of(rows[i].accepts));
        if (is_taken != rows[i].is_taken) fail_msg("\"%s\"", rows[i].accepts);
    }
    assert_false(sk_console_takes_gzip((struct sk_str){ 0 }));
}

static void etags_are_compared_weakly(void **state)
{
    (void)state;
    static const char etag[] = "W/\"1a2b\"";
    static const char *const known[] = { "W/\"1a2b\"", "\"1a2b\"", "\"x\", W/\"1a2b\"", "*" };
    static const char *const other[] = { "", "\"1a2c\"", "1a2b", "W/", "\"1a2b", ",", "W/\"1a2\"" };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(sk_console_is_known(sk_str_of(known[i]), etag));
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(sk_console_is_known(sk_str_of(other[i]), etag));
}

static void files_are_found_by_their_whole_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < sk_console_files_count; i++) {
        struct sk_str path = sk_str_of(sk_console_files[i].path);
        assert_ptr_equal(sk_console_find(path), &sk_console_files[i]);
        assert_true(path.size == 1 || sk_str_starts(path, SK_STR("/console/")));
        assert_true(sk_console_files[i].plain.size > 0);
        assert_true(sk_str_starts(sk_console_files[i].packed, SK_STR("\x1f\x8b")));
    }
    assert_null(sk_console_find(SK_STR("/console/")));
    assert_null(sk_console_find(SK_STR("/console/../console.c")));
    assert_null(sk_console_find(SK_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_taken_when_it_is_named),
        cmocka_unit_test(etags_are_compared_weakly),
        cmocka_unit_test(files_are_found_by_their_whole_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
