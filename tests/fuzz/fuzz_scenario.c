/*
 * fuzz_scenario.c: the files that users write for `skald test`.
 *
 *   1  Each scenario of a file is reported once: passed, or failed at a line of the file with
 *      words. Nothing else happens, whatever is written.
 *   2  The same file gives the same report.
 *
 * What a user may ask for and nobody can wait for is left out: lines that read other files, turns
 * beyond 99, pauses beyond a minute.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "fuzz.h"
#include "skald/scenario.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static bool holds(struct sk_str line, const char *word)
{
    return memmem(line.data, line.size, word, strlen(word)) != NULL;
}

static bool is_too_much(struct sk_str line)
{
    uint64_t turns = 0;
    struct sk_str trimmed = sk_str_trim(line);
    if (line.size == 0) return false;
    if (holds(line, "define") && !holds(line, "definition")) return true;
    if (!holds(line, "repeat")) return false;
    if (!sk_str_starts(trimmed, SK_STR("repeat "))) return true;
    struct sk_str rest = sk_str_sub(trimmed, 7, trimmed.size);
    struct sk_str count = sk_str_sub(rest, 0, sk_str_find(rest, ' '));
    struct sk_str what = sk_str_sub(rest, count.size, rest.size);
    return !sk_str_to_u64(count, &turns) || turns > 99 || (what.size > 0 && holds(what, "repeat"));
}

static void put_tame(struct sk_str text, struct sk_buf *out)
{
    struct sk_str line;
    while (fuzz_line(&text, &line)) {
        if (is_too_much(line)) continue;
        if (line.size > 0 && holds(line, "advance"))
            sk_buf_append_text(out, "advance 40s");
        else
            sk_buf_append_str(out, line);
        sk_buf_append_char(out, '\n');
    }
}

struct seen {
    struct sk_buf text;
    uint32_t lines_count;
};

static void on_report(void *context, const struct sk_scenario_report *report)
{
    struct seen *seen = context;
    FUZZ_CHECK(report->line >= 1 && report->line <= seen->lines_count + 1, "line %u", report->line);
    if (!report->has_passed) {
        FUZZ_CHECK(report->message.size > 0, "it fails without words");
        FUZZ_CHECK(report->failed_line <= seen->lines_count, "line %u of %u", report->failed_line,
                   seen->lines_count);
    }
    if (report->has_passed) FUZZ_CHECK(report->expectations > 0, "it expects nothing");
    sk_buf_printf(&seen->text, "%u %d %d %u %lld\n", report->line, report->has_passed,
                  report->is_wrong, report->failed_line, (long long)report->virtual_ms);
    sk_buf_append_str(&seen->text, report->message);
    sk_buf_append_str(&seen->text, report->expected);
    sk_buf_append_str(&seen->text, report->actual);
    sk_buf_append_str(&seen->text, report->timeline);
}

static void play(const char *path, struct seen *seen)
{
    skald_error error = { 0 };
    sk_buf_init(&seen->text, 0);
    FUZZ_CHECK(sk_scenario_play(path, on_report, seen, &error) == SKALD_OK, "%s", error.message);
    FUZZ_CHECK(seen->text.size > 0, "no report");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen once = { .lines_count = 0 }, twice;
    struct sk_buf text;
    char path[64];
    sk_buf_init(&text, 0);
    put_tame((struct sk_str){ (const char *)data, size }, &text);
    for (size_t i = 0; i < text.size; i++) once.lines_count += text.data[i] == '\n' ? 1 : 0;
    twice.lines_count = once.lines_count;
    int fd = memfd_create("scenario", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, sk_buf_text(&text), text.size) == (ssize_t)text.size,
               "no file");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    play(path, &once);
    play(path, &twice);
    FUZZ_CHECK(sk_str_equal(sk_buf_view(&once.text), sk_buf_view(&twice.text)),
               "the first time\n%s\nthe second\n%s", sk_buf_text(&once.text),
               sk_buf_text(&twice.text));
    (void)close(fd);
    sk_buf_release(&once.text);
    sk_buf_release(&twice.text);
    sk_buf_release(&text);
    return 0;
}

static const char *const fragments[] = {
    "scenario another\n",
    "definition\nsaga: {id: d, name: D}\nsteps:\n  - {id: a, name: A, type: function, action: "
    "{function: {name: a}}, compensation: {type: automatic}}\nend\n",
    "start s-1\n",
    "start s-2 d with {\"amount\": 5, \"list\": [1, 2]} context {\"u\": 1} timeout=30s\n",
    "reply a ok {\"id\": 7}\n",
    "reply a 2 times retry busy retry_after=3s\n",
    "reply * always ok\n",
    "reply *.compensation always ok\n",
    "reply a fail no \"words\" status=402 after 2s\n",
    "reply a silent\n",
    "reply a first unknown\n",
    "reply a pending\n",
    "reply e.0 ok\n",
    "advance 5s\n",
    "run\n",
    "crash\n",
    "signal go {\"x\": 1} id=7\n",
    "complete a ok {\"id\": 1}\n",
    "cancel\n",
    "suspend\n",
    "resume\n",
    "retry a {\"n\": 1}\n",
    "skip-step a {}\n",
    "force-cancel past-pivot\n",
    "force-complete\n",
    "refused cancel\n",
    "repeat 3 reply a ok {\"n\": <n>}\n",
    "s-1> cancel\n",
    "expect saga completed\n",
    "expect saga s-1 compensated reason=step error=no residue=0 open=0\n",
    "expect calls a, b\n",
    "expect compensations none\n",
    "expect wire a\n",
    "expect step a completed attempts=1 not-maybe\n",
    "expect output a {\"id\": 7}\n",
    "expect body a {}\n",
    "expect key a s-1/a/action\n",
    "expect event step.completed a\n",
    "expect no event step.failed\n",
    "expect count 2 step.started\n",
    "expect time < 10s\n",
    "expect wake never\n",
    NULL
};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return fuzz_mutate_lines(data, size, max_size, seed, fragments);
}
