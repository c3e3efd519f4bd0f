/*
 * test_runtime.c: the libevent runtime with real threads, clocks, signals, pipes and files. Waits
 * on events only; a test that hangs is ended by the test driver's time limit.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/json.h"
#include "runtime/clock.h"
#include "runtime/files.h"
#include "runtime/libevent_runtime.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sk_libevent_runtime *make(const struct sk_libevent_options *options)
{
    struct sk_libevent_options quiet = { .log = { .is_off = true } };
    struct sk_libevent_runtime *runtime = NULL;
    skald_error error = { 0 };
    enum skald_status status =
        sk_libevent_runtime_new(options != NULL ? options : &quiet, &runtime, &error);
    if (status != SKALD_OK) fail_msg("%s", error.message);
    return runtime;
}

static void run(struct sk_libevent_runtime *runtime)
{
    skald_error error = { 0 };
    assert_int_equal(sk_libevent_runtime_run(runtime, &error), SKALD_OK);
}

static void stop(void *runtime)
{
    sk_libevent_runtime_stop(runtime);
}

/* ---- clock -------------------------------------------------------------------------------- */

static void test_clock_follows_monotonic(void **state)
{
    (void)state;
    struct sk_clock clock;
    sk_clock_init(&clock, 1000, 5000000);
    assert_int_equal(sk_clock_now_us(&clock, 1000), 5000000);
    assert_int_equal(sk_clock_now_us(&clock, 1700), 5000700);
    assert_int_equal(sk_clock_now_us(&clock, 900), 5000000); /* a reading from before */
    assert_false(sk_clock_is_due(&clock, 1000 + SK_CLOCK_ALIGN_EVERY_US - 1));
    assert_true(sk_clock_is_due(&clock, 1000 + SK_CLOCK_ALIGN_EVERY_US));
}

/* A wall clock that is set by `jump_s`: engine time never goes back, gains or loses at most 1 s in
 * 10 s, and arrives. */
static void follow_jump(int64_t jump_s)
{
    struct sk_clock clock;
    int64_t mono = 0, wall = INT64_C(1700000000000000), last = wall;
    sk_clock_init(&clock, mono, wall);
    wall += jump_s * 1000000;
    int jumps = 0;
    for (int i = 0; i < 4000; i++) {
        mono += 100000;
        wall += 100000;
        int64_t now = sk_clock_now_us(&clock, mono);
        assert_true(now >= last + 90000 - 1);
        assert_true(now <= last + 110000 + 1);
        last = now;
        if (sk_clock_is_due(&clock, mono)) jumps += sk_clock_align(&clock, mono, wall) != 0;
        assert_true(llabs(sk_clock_now_us(&clock, mono) - last) <= 1);
    }
    assert_int_equal(jumps, llabs(jump_s) > 5 ? 1 : 0);
    assert_true(llabs(wall - last) < 1000);
}

static void test_clock_is_realigned_slowly(void **state)
{
    (void)state;
    follow_jump(0);
    follow_jump(1);
    follow_jump(-4);
    follow_jump(30);
    follow_jump(-30);
}

static void test_clock_does_not_overshoot(void **state)
{
    (void)state;
    struct sk_clock clock;
    sk_clock_init(&clock, 0, 0);
    (void)sk_clock_align(&clock, 1000000, 2000000); /* one second behind */
    int64_t hour = INT64_C(3600) * 1000000;
    assert_int_equal(sk_clock_now_us(&clock, hour), hour + 1000000);
}

static void test_time_is_that_of_the_wall(void **state)
{
    (void)state;
    struct sk_libevent_runtime *runtime = make(NULL);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    struct timespec wall;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &wall), 0);
    int64_t wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
    assert_true(llabs(port->ops->now_ms(port) - wall_ms) < 2000);
    int64_t first = port->ops->monotonic_us(port);
    assert_true(port->ops->monotonic_us(port) >= first);
    sk_libevent_runtime_free(runtime);
}

static void test_random_bytes_differ(void **state)
{
    (void)state;
    struct sk_libevent_runtime *runtime = make(NULL);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    static uint8_t many[3][10000]; /* across the pages in which chance is drawn */
    memset(many, 0, sizeof many);
    port->ops->random(port, many[0], sizeof many[0]);
    port->ops->random(port, many[1], sizeof many[1]);
    for (size_t i = 0; i + 16 <= sizeof many[0]; i += 16) {
        assert_memory_not_equal(many[0] + i, many[1] + i, 16);
        assert_memory_not_equal(many[0] + i, many[2], 16);
    }
    sk_libevent_runtime_free(runtime);
}

/* ---- post --------------------------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 2000 };

struct postbox {
    struct sk_libevent_runtime *runtime;
    pthread_t loop;
    uint32_t next[POSTERS];
    uint32_t total, out_of_order, elsewhere;
};
struct letter {
    struct postbox *box;
    uint32_t poster, number;
};
struct poster {
    struct postbox *box;
    uint32_t index;
    struct letter letters[POSTS];
};

static void on_letter(void *context)
{
    struct letter *letter = context;
    struct postbox *box = letter->box;
    if (box->next[letter->poster] != letter->number) box->out_of_order += 1;
    if (pthread_equal(pthread_self(), box->loop) == 0) box->elsewhere += 1;
    box->next[letter->poster] = letter->number + 1;
    box->total += 1;
    if (box->total == POSTERS * POSTS) sk_libevent_runtime_stop(box->runtime);
}

static void *poster_main(void *context)
{
    struct poster *poster = context;
    struct sk_runtime *port = sk_libevent_runtime_port(poster->box->runtime);
    for (uint32_t i = 0; i < POSTS; i++) {
        poster->letters[i] = (struct letter){ poster->box, poster->index, i };
        if (port->ops->post(port, on_letter, &poster->letters[i]) != SKALD_OK) abort();
    }
    return NULL;
}

static void test_posts_arrive_in_order(void **state)
{
    (void)state;
    struct postbox box = { .runtime = make(NULL), .loop = pthread_self() };
    struct poster *posters = calloc(POSTERS, sizeof *posters);
    pthread_t threads[POSTERS];
    assert_non_null(posters);
    for (uint32_t i = 0; i < POSTERS; i++) {
        posters[i].box = &box;
        posters[i].index = i;
        assert_int_equal(pthread_create(&threads[i], NULL, poster_main, &posters[i]), 0);
    }
    run(box.runtime);
    for (uint32_t i = 0; i < POSTERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(box.total, POSTERS * POSTS);
    assert_int_equal(box.out_of_order, 0);
    assert_int_equal(box.elsewhere, 0);
    sk_libevent_runtime_free(box.runtime);
    free(posters);
}

struct ping {
    struct sk_libevent_runtime *runtime;
    uint64_t posts;
    bool is_inside, was_nested, is_over;
};

static void on_ping(void *context)
{
    struct ping *ping = context;
    struct sk_runtime *port = sk_libevent_runtime_port(ping->runtime);
    if (ping->is_over) return;
    if (ping->is_inside) ping->was_nested = true;
    ping->is_inside = true;
    ping->posts += 1;
    assert_int_equal(port->ops->post(port, on_ping, ping), SKALD_OK);
    ping->is_inside = false;
}

static void on_ping_timer(void *context)
{
    struct ping *ping = context;
    ping->is_over = true;
    sk_libevent_runtime_stop(ping->runtime);
}

/* A function that posts itself for ever must not keep timers from firing. */
static void test_posts_do_not_starve_timers(void **state)
{
    (void)state;
    struct ping ping = { .runtime = make(NULL) };
    struct sk_runtime *port = sk_libevent_runtime_port(ping.runtime);
    struct sk_runtime_timer *timer = port->ops->timer_new(port, on_ping_timer, &ping);
    port->ops->timer_arm(timer, port->ops->now_ms(port) + 5);
    assert_int_equal(port->ops->post(port, on_ping, &ping), SKALD_OK);
    run(ping.runtime);
    assert_true(ping.posts > 1);
    assert_false(ping.was_nested);
    port->ops->timer_free(timer);
    sk_libevent_runtime_free(ping.runtime);
}

static void test_stop_before_run(void **state)
{
    (void)state;
    struct sk_libevent_runtime *runtime = make(NULL);
    sk_libevent_runtime_stop(runtime);
    sk_libevent_runtime_stop(runtime);
    run(runtime);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    assert_int_equal(port->ops->post(port, stop, runtime), SKALD_OK);
    run(runtime); /* it can run again, and waits for the new stop */
    sk_libevent_runtime_free(runtime);
}

/* ---- timers ------------------------------------------------------------------------------- */

enum { TIMERS = 5 };

struct timers {
    struct sk_libevent_runtime *runtime;
    struct sk_runtime *port;
    struct sk_runtime_timer *items[TIMERS];
    char fired[64];
    size_t fired_count;
    int64_t early_count;
    int again;
};
struct alarm {
    struct timers *timers;
    int64_t at_ms;
    char name;
};

static void note(struct alarm *alarm)
{
    struct timers *timers = alarm->timers;
    if (timers->port->ops->now_ms(timers->port) < alarm->at_ms) timers->early_count += 1;
    assert_true(timers->fired_count + 1 < sizeof timers->fired);
    timers->fired[timers->fired_count++] = alarm->name;
}

static void on_alarm(void *context)
{
    note(context);
}

static void on_last_alarm(void *context)
{
    struct alarm *alarm = context;
    note(alarm);
    sk_libevent_runtime_stop(alarm->timers->runtime);
}

static void test_timers_fire_in_order(void **state)
{
    (void)state;
    struct timers timers = { .runtime = make(NULL) };
    timers.port = sk_libevent_runtime_port(timers.runtime);
    const struct sk_runtime_ops *ops = timers.port->ops;
    int64_t now = ops->now_ms(timers.port);
    struct alarm alarms[TIMERS] = {
        { &timers, now + 20, 'c' }, { &timers, now - 1000, 'a' }, { &timers, now + 20, 'd' },
        { &timers, now + 10, 'b' }, { &timers, now + 30, 'e' },
    };
    for (size_t i = 0; i < TIMERS; i++) {
        timers.items[i] =
            ops->timer_new(timers.port, i == 4 ? on_last_alarm : on_alarm, &alarms[i]);
        assert_non_null(timers.items[i]);
        ops->timer_arm(timers.items[i], alarms[i].at_ms);
    }
    run(timers.runtime);
    assert_string_equal(timers.fired, "abcde");
    assert_int_equal(timers.early_count, 0);
    for (size_t i = 0; i < TIMERS; i++) ops->timer_free(timers.items[i]);
    ops->timer_free(NULL);
    sk_libevent_runtime_free(timers.runtime);
}

static void on_meddling_alarm(void *context)
{
    struct alarm *alarm = context;
    struct timers *timers = alarm->timers;
    const struct sk_runtime_ops *ops = timers->port->ops;
    note(alarm);
    ops->timer_disarm(timers->items[1]);
    ops->timer_free(timers->items[0]); /* itself */
    timers->items[0] = NULL;
    ops->timer_free(timers->items[2]); /* one that is due in the same pass */
    timers->items[2] = NULL;
    ops->timer_arm(timers->items[3], 0); /* earlier than it was */
}

static void on_repeating_alarm(void *context)
{
    struct alarm *alarm = context;
    struct timers *timers = alarm->timers;
    note(alarm);
    timers->again += 1;
    if (timers->again < 10) timers->port->ops->timer_arm(timers->items[3], 0);
    if (timers->again == 10) sk_libevent_runtime_stop(timers->runtime);
}

static void test_timers_may_be_changed_while_they_fire(void **state)
{
    (void)state;
    struct timers timers = { .runtime = make(NULL) };
    timers.port = sk_libevent_runtime_port(timers.runtime);
    const struct sk_runtime_ops *ops = timers.port->ops;
    int64_t far = ops->now_ms(timers.port) + 3600 * 1000;
    struct alarm alarms[4] = {
        { &timers, 0, 'm' }, { &timers, 0, 'x' }, { &timers, 0, 'y' }, { &timers, 0, 'r' }
    };
    sk_runtime_fn *const fns[4] = { on_meddling_alarm, on_alarm, on_alarm, on_repeating_alarm };
    for (size_t i = 0; i < 4; i++) {
        timers.items[i] = ops->timer_new(timers.port, fns[i], &alarms[i]);
        assert_non_null(timers.items[i]);
        ops->timer_arm(timers.items[i], i == 3 ? far : 0);
    }
    run(timers.runtime);
    assert_string_equal(timers.fired, "mrrrrrrrrrr");
    ops->timer_arm(timers.items[1], INT64_MAX); /* the end of time is not now */
    ops->timer_free(timers.items[1]);
    ops->timer_free(timers.items[3]);
    sk_libevent_runtime_free(timers.runtime);
}

struct metronome {
    struct sk_libevent_runtime *runtime;
    struct sk_runtime_timer *timer;
    uint32_t beats;
};

static void on_beat(void *context)
{
    struct metronome *metronome = context;
    struct sk_runtime *port = sk_libevent_runtime_port(metronome->runtime);
    port->ops->timer_arm(metronome->timer, 0);
    metronome->beats += 1;
    if (metronome->beats == 3) assert_int_equal(port->ops->post(port, stop, metronome->runtime), 0);
}

/* A timer that arms itself for "now" for ever must not keep posts from arriving. */
static void test_timers_do_not_starve_posts(void **state)
{
    (void)state;
    struct metronome metronome = { .runtime = make(NULL) };
    struct sk_runtime *port = sk_libevent_runtime_port(metronome.runtime);
    metronome.timer = port->ops->timer_new(port, on_beat, &metronome);
    port->ops->timer_arm(metronome.timer, 0);
    run(metronome.runtime);
    assert_true(metronome.beats >= 3 && metronome.beats < 10);
    port->ops->timer_free(metronome.timer);
    sk_libevent_runtime_free(metronome.runtime);
}

/* ---- helpers ------------------------------------------------------------------------------ */

struct work {
    struct sk_libevent_runtime *runtime;
    sem_t *gate; /* waited for by the work; NULL = no waiting */
    sem_t *begun;
    pthread_t loop;
    bool was_elsewhere, is_done;
    uint32_t *left; /* stops the loop when it gets to 0 */
};

static void do_work(void *context)
{
    struct work *work = context;
    if (work->begun != NULL) sem_post(work->begun);
    if (work->gate != NULL) sem_wait(work->gate);
    work->was_elsewhere = pthread_equal(pthread_self(), work->loop) == 0;
}

static void on_work_done(void *context)
{
    struct work *work = context;
    assert_true(pthread_equal(pthread_self(), work->loop) != 0);
    work->is_done = true;
    if (--*work->left == 0) sk_libevent_runtime_stop(work->runtime);
}

static void test_offload_is_bounded(void **state)
{
    (void)state;
    struct sk_libevent_options options = { .helpers_max = 1,
                                           .offload_max = 2,
                                           .log = { .is_off = true } };
    struct sk_libevent_runtime *runtime = make(&options);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    sem_t gate, begun;
    sem_init(&gate, 0, 0);
    sem_init(&begun, 0, 0);
    uint32_t left = 3;
    struct work works[4];
    for (size_t i = 0; i < 4; i++) {
        works[i] = (struct work){ .runtime = runtime, .loop = pthread_self(), .left = &left };
    }
    works[0].gate = &gate;
    works[0].begun = &begun;
    assert_int_equal(port->ops->offload(port, do_work, on_work_done, &works[0]), SKALD_OK);
    sem_wait(&begun); /* the only helper is busy now */
    assert_int_equal(port->ops->offload(port, do_work, on_work_done, &works[1]), SKALD_OK);
    assert_int_equal(port->ops->offload(port, do_work, on_work_done, &works[2]), SKALD_OK);
    assert_int_equal(port->ops->offload(port, do_work, on_work_done, &works[3]), SKALD_E_LIMIT);
    sem_post(&gate);
    run(runtime);
    for (size_t i = 0; i < 3; i++) assert_true(works[i].is_done && works[i].was_elsewhere);
    assert_false(works[3].is_done);
    sk_libevent_runtime_free(runtime);
    sem_destroy(&gate);
    sem_destroy(&begun);
}

static void test_free_ends_what_was_accepted(void **state)
{
    (void)state;
    struct sk_libevent_runtime *runtime = make(NULL);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    uint32_t left = 101; /* never 0: nobody stops a loop that is gone */
    struct work works[100];
    for (size_t i = 0; i < 100; i++) {
        works[i] = (struct work){ .runtime = runtime, .loop = pthread_self(), .left = &left };
        assert_int_equal(port->ops->offload(port, do_work, on_work_done, &works[i]), SKALD_OK);
    }
    sk_libevent_runtime_free(runtime);
    assert_int_equal(left, 1);
    for (size_t i = 0; i < 100; i++) assert_true(works[i].is_done);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    struct sk_libevent_options options = { .helpers_max = SK_HELPERS_MAX + 1 };
    struct sk_libevent_runtime *runtime = NULL;
    skald_error error = { 0 };
    assert_int_equal(sk_libevent_runtime_new(&options, &runtime, &error), SKALD_E_ARGUMENT);
    assert_null(runtime);
    sk_libevent_runtime_free(NULL);
}

/* ---- signals ------------------------------------------------------------------------------ */

struct signals {
    struct sk_libevent_runtime *runtime;
    int seen[2], count;
};

static void on_signal(void *context, int number)
{
    struct signals *signals = context;
    signals->seen[signals->count++] = number;
    if (signals->count == 1) raise(SIGTERM);
    if (signals->count == 2) sk_libevent_runtime_stop(signals->runtime);
}

static void raise_int(void *context)
{
    (void)context;
    raise(SIGINT);
}

static void test_signals_come_on_the_loop(void **state)
{
    (void)state;
    struct signals signals = { 0 };
    struct sk_libevent_options options = { .log = { .is_off = true },
                                           .on_signal = on_signal,
                                           .signal_context = &signals };
    signals.runtime = make(&options);
    struct sk_runtime *port = sk_libevent_runtime_port(signals.runtime);
    assert_int_equal(port->ops->post(port, raise_int, NULL), SKALD_OK);
    run(signals.runtime);
    assert_int_equal(signals.seen[0], SIGINT);
    assert_int_equal(signals.seen[1], SIGTERM);
    sk_libevent_runtime_free(signals.runtime);
    signal(SIGPIPE, SIG_DFL);
}

static void write_to_nobody(void *context)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
    sk_libevent_runtime_stop(context);
}

static void test_broken_pipe_does_not_kill(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    struct sk_libevent_runtime *runtime = make(NULL);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    assert_int_equal(port->ops->post(port, write_to_nobody, runtime), SKALD_OK);
    run(runtime);
    sk_libevent_runtime_free(runtime);
}

/* ---- panic -------------------------------------------------------------------------------- */

static void test_panic_says_where(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        sk_panic("a == b", "saga.c", 42);
    }
    close(ends[1]);
    char text[1024] = "";
    size_t size = 0;
    ssize_t got;
    while ((got = read(ends[0], text + size, sizeof text - 1 - size)) > 0) size += (size_t)got;
    close(ends[0]);
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
    assert_non_null(strstr(text, "a == b"));
    assert_non_null(strstr(text, "saga.c:42"));
}

/* ---- log ---------------------------------------------------------------------------------- */

static const struct sk_log_line full_line = {
    .level = SK_LOG_INFO,
    .event = { "step.completed", 14 },
    .saga_id = { "saga-123", 8 },
    .step_id = { "pay", 3 },
    .duration_ms = 150,
    .message = { "a \"b\"\n\x1b[31m\xc2\x9b", 13 },
    .data = { "{\"service\":\n\"orders\"}", 21 },
};

static void test_log_line_as_json(void **state)
{
    (void)state;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    sk_log_format_json(&out, INT64_C(1735732800000), &full_line);
    struct sk_str text = sk_buf_view(&out);
    assert_int_equal(sk_json_check(text, NULL), SKALD_OK);
    assert_int_equal(sk_str_find(text, '\n'), text.size - 1);
    static const struct {
        const char *name, *value;
    } members[] = {
        { "timestamp", "\"2025-01-01T12:00:00.000Z\"" },
        { "level", "\"info\"" },
        { "saga_id", "\"saga-123\"" },
        { "step_id", "\"pay\"" },
        { "event", "\"step.completed\"" },
        { "duration_ms", "150" },
        { "metadata", "{\"service\": \"orders\"}" },
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct sk_str value = sk_json_member(text, sk_str_of(members[i].name));
        if (!sk_str_is(value, members[i].value)) fail_msg("%s", members[i].name);
    }
    assert_int_equal(sk_json_type(sk_json_member(text, SK_STR("message"))), SK_JSON_STRING);

    sk_buf_clear(&out);
    struct sk_log_line bare = { .level = SK_LOG_WARN, .event = SK_STR("x"), .duration_ms = -1 };
    sk_log_format_json(&out, 0, &bare);
    assert_string_equal(sk_buf_text(&out), "{\"timestamp\":\"1970-01-01T00:00:00.000Z\","
                                           "\"level\":\"warn\",\"event\":\"x\"}\n");
    sk_buf_release(&out);
}

static void test_log_line_as_text(void **state)
{
    (void)state;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    sk_log_format_text(&out, INT64_C(1735732800000), &full_line, false);
    assert_string_equal(sk_buf_text(&out),
                        "12:00:00.000 INFO  step.completed saga-123/pay  a \"b\"??[31m? (150 ms) "
                        "{\"service\":?\"orders\"}\n");
    sk_buf_clear(&out);
    sk_log_format_text(&out, 0, &full_line, true);
    assert_non_null(strstr(sk_buf_text(&out), "\033[32mINFO \033[0m"));
    sk_buf_release(&out);
}

/* A reader that does not read costs lines, never time; the lines that arrive are whole. */
static void test_log_does_not_wait_for_its_reader(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct sk_log_options options = { .fd = ends[1] };
    struct sk_log_sink *sink = NULL;
    assert_int_equal(sk_log_sink_new(&options, &sink, NULL), SKALD_OK);
    static char long_text[1000];
    memset(long_text, 'x', sizeof long_text);
    struct sk_log_line line = full_line;
    line.message = (struct sk_str){ long_text, sizeof long_text };
    size_t lines = 3 * (size_t)SK_LOG_QUEUE_SIZE_MAX / sizeof long_text;
    for (size_t i = 0; i < lines; i++) sk_log_sink_write(sink, 0, &line);
    assert_true(sk_log_sink_dropped(sink) > 0);
    line.level = SK_LOG_DEBUG; /* below the default level */
    uint64_t dropped = sk_log_sink_dropped(sink);
    sk_log_sink_write(sink, 0, &line);
    assert_int_equal(sk_log_sink_dropped(sink), dropped);
    sk_log_sink_free(sink); /* gives up: nobody reads */
    close(ends[1]);
    struct sk_buf got;
    sk_buf_init(&got, 0);
    char part[4096];
    ssize_t size;
    while ((size = read(ends[0], part, sizeof part)) > 0) sk_buf_append(&got, part, (size_t)size);
    close(ends[0]);
    struct sk_str rest = sk_buf_view(&got);
    size_t whole = 0;
    for (size_t end; (end = sk_str_find(rest, '\n')) < rest.size; whole++) {
        assert_int_equal(sk_json_check(sk_str_sub(rest, 0, end), NULL), SKALD_OK);
        rest = sk_str_sub(rest, end + 1, rest.size - end - 1);
    }
    assert_true(whole > 0);
    sk_buf_release(&got);
}

static void log_once(void *context)
{
    struct sk_libevent_runtime *runtime = context;
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    port->ops->log(port, &full_line);
    sk_libevent_runtime_stop(runtime);
}

static void test_log_through_the_port(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct sk_libevent_options options = { .log = { .fd = ends[1] } };
    struct sk_libevent_runtime *runtime = make(&options);
    struct sk_runtime *port = sk_libevent_runtime_port(runtime);
    assert_int_equal(port->ops->post(port, log_once, runtime), SKALD_OK);
    run(runtime);
    sk_libevent_runtime_free(runtime); /* writes what is queued */
    close(ends[1]);
    char text[1024] = "";
    ssize_t got = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(got > 0);
    assert_int_equal(sk_json_check((struct sk_str){ text, (size_t)got }, NULL), SKALD_OK);
}

/* ---- files -------------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/skald-test-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/a", folder);
    (void)unlink(path);
    return rmdir(folder);
}

static void test_file_is_read_whole(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/a", folder);
    static char bytes[200000];
    memset(bytes, 'y', sizeof bytes);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
    struct sk_buf out;
    skald_error error = { 0 };
    sk_buf_init(&out, 0);
    sk_buf_append_text(&out, "head");
    assert_int_equal(sk_file_read(path, sizeof bytes - 1, &out, &error), SKALD_E_TOO_LARGE);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(out.size, 4);
    assert_int_equal(sk_file_read(path, sizeof bytes, &out, &error), SKALD_OK);
    assert_int_equal(out.size, sizeof bytes + 4);
    assert_memory_equal(out.data + 4, bytes, sizeof bytes);
    assert_int_equal(sk_file_read("/nowhere/at/all", 1, &out, &error), SKALD_E_NOT_FOUND);
    assert_int_equal(sk_file_read(folder, 1, &out, &error), SKALD_E_ARGUMENT);
    sk_buf_release(&out);
}

/* The child takes the lock, says so, and dies without letting go. */
static pid_t lock_in_child(const char *path, int *out_release)
{
    int told[2], release[2];
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(release), 0);
    pid_t child = fork();
    if (child == 0) {
        close(release[1]);
        struct sk_file_lock lock;
        char c = sk_file_lock_take(path, &lock, NULL) == SKALD_OK ? 'y' : 'n';
        if (write(told[1], &c, 1) == 1 && read(release[0], &c, 1) < 0) _exit(2);
        _exit(0);
    }
    close(told[1]);
    close(release[0]);
    char c = 0;
    assert_int_equal(read(told[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    close(told[0]);
    *out_release = release[1];
    return child;
}

static void test_lock_names_its_owner(void **state)
{
    (void)state;
    char path[128], owner[64];
    (void)snprintf(path, sizeof path, "%s/a", folder);
    struct sk_file_lock lock, second;
    skald_error error = { 0 };
    int release = -1;
    pid_t child = lock_in_child(path, &release);
    assert_int_equal(sk_file_lock_take(path, &lock, &error), SKALD_E_BUSY);
    (void)snprintf(owner, sizeof owner, "held by pid %ld on host ", (long)child);
    assert_non_null(strstr(error.message, owner));
    close(release);
    assert_int_equal(waitpid(child, NULL, 0), child);

    assert_int_equal(sk_file_lock_take(path, &lock, &error), SKALD_OK);
    assert_int_equal(sk_file_lock_take(path, &second, &error), SKALD_E_BUSY);
    (void)snprintf(owner, sizeof owner, "held by pid %ld on host ", (long)getpid());
    assert_non_null(strstr(error.message, owner));
    sk_file_lock_release(&second); /* was not held: nothing happens */
    sk_file_lock_release(&lock);
    assert_int_equal(sk_file_lock_take(path, &lock, &error), SKALD_OK);
    sk_file_lock_release(&lock);
    assert_int_equal(sk_file_lock_take("/nowhere/at/all", &lock, &error), SKALD_E_NOT_FOUND);
}

static void test_local_file_systems_are_not_network(void **state)
{
    (void)state;
    assert_null(sk_file_network_kind("/proc"));
    assert_null(sk_file_network_kind("/proc/no-such-file"));
    assert_null(sk_file_network_kind("/nowhere/at/all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_follows_monotonic),
        cmocka_unit_test(test_clock_is_realigned_slowly),
        cmocka_unit_test(test_clock_does_not_overshoot),
        cmocka_unit_test(test_time_is_that_of_the_wall),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_posts_arrive_in_order),
        cmocka_unit_test(test_posts_do_not_starve_timers),
        cmocka_unit_test(test_stop_before_run),
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_timers_may_be_changed_while_they_fire),
        cmocka_unit_test(test_timers_do_not_starve_posts),
        cmocka_unit_test(test_offload_is_bounded),
        cmocka_unit_test(test_free_ends_what_was_accepted),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_signals_come_on_the_loop),
        cmocka_unit_test(test_broken_pipe_does_not_kill),
        cmocka_unit_test(test_panic_says_where),
        cmocka_unit_test(test_log_line_as_json),
        cmocka_unit_test(test_log_line_as_text),
        cmocka_unit_test(test_log_does_not_wait_for_its_reader),
        cmocka_unit_test(test_log_through_the_port),
        cmocka_unit_test_setup_teardown(test_file_is_read_whole, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_lock_names_its_owner, make_folder, remove_folder),
        cmocka_unit_test(test_local_file_systems_are_not_network),
    };
    return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
