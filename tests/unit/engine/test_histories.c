/*
 * Histories that earlier builds have stored (histories/NN.json, exported) are read and folded for
 * ever: a file there is never changed. Each type of event is in one of them; for a new one, keep
 * another: skald-sim --seeds 1..400 --histories FOLDER.
 */
#include "engine/transfer_file.h"

#include "base/json.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FILE_SIZE_MAX = 200000, FILES_MIN = 17 };

static char folder_name[900];
static char file_text[FILE_SIZE_MAX];
static bool has_type[SK_EVENT_TYPES_MAX];

static struct sk_str read_file(const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", folder_name, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(file_text, 1, sizeof file_text, file);
    assert_true(size > 0 && size < sizeof file_text);
    assert_int_equal(0, fclose(file));
    return (struct sk_str){ file_text, size };
}

static void read_event(const struct sk_event_row *row)
{
    struct sk_event event;
    struct sk_buf text;
    sk_buf_init(&text, 0);
    assert_true(sk_transfer_event(row, &event));
    sk_event_json(&event, &text);
    assert_true(sk_json_check(sk_buf_view(&text), NULL) == SKALD_OK);
    sk_buf_release(&text);
    has_type[row->type] = true;
}

static void read_history(const char *name)
{
    struct sk_transfer transfer;
    struct sk_saga saga;
    skald_error error = { 0 };
    enum skald_status status = sk_transfer_read(read_file(name), NULL, &transfer, &error);
    if (status != SKALD_OK) fail_msg("%s: %s", name, error.message);
    for (uint32_t i = 0; i < transfer.events_count; i++) {
        read_event(&transfer.events[i]);
        if (i % 16 != 0 && i + 20 < transfer.events_count) continue;
        assert_int_equal(SKALD_OK, sk_transfer_fold(&transfer, i + 1u, &saga, &error));
        assert_int_equal(i + 1u, saga.seq);
        sk_saga_release(&saga);
    }
    assert_int_equal(SKALD_OK, sk_transfer_fold(&transfer, 0, &saga, &error));
    assert_true(saga.state == transfer.state || sk_saga_shown_state(&saga) == transfer.state);
    sk_saga_release(&saga);
    sk_transfer_release(&transfer);
}

static void old_histories_are_read(void **state)
{
    (void)state;
    uint32_t count = 0;
    const char *root = getenv("SKALD_SOURCE_DIR");
    (void)snprintf(folder_name, sizeof folder_name, "%s/tests/unit/engine/histories",
                   root != NULL ? root : ".");
    DIR *folder = opendir(folder_name);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        read_history(entry->d_name);
        count += 1;
    }
    assert_int_equal(0, closedir(folder));
    assert_true(count >= FILES_MIN);
    for (uint32_t type = 0; type < SK_EVENT_TYPES_MAX; type++) {
        if (sk_event_type_known(type) && !has_type[type])
            fail_msg("no kept history has %s", sk_event_type_name((enum sk_event_type)type));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(old_histories_are_read) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
