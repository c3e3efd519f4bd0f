/*
 * scenario_program.c: the binary itself, with fail_at.so preloaded: `skald validate`, and `skald
 * serve` that starts, is asked for a saga and is told to stop.
 *
 * Judged: it works, or it ends with an exit code that is not 0 and a line that says why; never by a
 * signal, and never not at all. A server that starts again without the fault has every saga that
 * was acknowledged, and its store passes the check.
 */
#include "sweep.h"

#include "client.h"
#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 600, TEXT_SIZE = 4096, TURN_MS = 5, PATIENCE_TURNS = 4000 };

static const char tea_yaml[] = "saga: {id: tea, name: Tea, version: '1', timeout: 1h}\n"
                               "steps:\n"
                               "- {id: brew, name: Brew, type: wait, wait: {for: 1ms}}\n"
                               "- {id: pour, name: Pour, type: wait, dependencies: [brew],\n"
                               "   condition: {expression: '$input.cups > 1'}, wait: {for: 1ms}}\n";
static const char tea_start[] = "{\"definition\":\"tea\",\"id\":\"tea-1\",\"input\":{\"cups\":2}}";

struct program {
    struct sweep_run *run;
    pid_t pid;
    int status; /* once it has ended */
    bool is_over, is_faulty;
    const char *loops; /* of serve */
    char out[PATH_SIZE], err[PATH_SIZE], report[PATH_SIZE], store[PATH_SIZE];
};

/* ---- processes ------------------------------------------------------------------------------- */

static void in_folder(const struct program *program, char out[PATH_SIZE], const char *name)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", program->run->folder, name);
}

/* Beside this program, wherever that was built. */
static void beside(char out[PATH_SIZE], const char *name)
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_SIZE - 64);
    if (size < 0) size = 0;
    out[size] = 0;
    char *slash = strrchr(out, '/');
    size_t place = slash == NULL ? 0 : (size_t)(slash - out) + 1;
    (void)snprintf(out + place, PATH_SIZE - place, "%s", name);
}

static _Noreturn void become(const struct program *program, char *const arguments[])
{
    char library[PATH_SIZE], fault[64];
    const struct sweep_fault *at = &program->run->fault;
    int out = open(program->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err = open(program->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) _exit(126);
    if (program->is_faulty) {
        beside(library, "fail_at.so");
        (void)snprintf(fault, sizeof fault, "%s:%llu:%llu", fault_code_name(at->code),
                       (unsigned long long)at->at, (unsigned long long)at->length);
        (void)setenv("LD_PRELOAD", library, 1);
        (void)setenv("FAIL_AT", fault, 1);
        (void)setenv("FAIL_AT_REPORT", program->report, 1);
    }
    execv(arguments[0], arguments);
    _exit(127);
}

static void spawn(struct program *program, char *const arguments[])
{
    program->is_over = false;
    (void)unlink(program->out);
    (void)unlink(program->report);
    program->pid = fork();
    if (program->pid == 0) become(program, arguments);
}

static void pause_turn(void)
{
    (void)nanosleep(&(struct timespec){ .tv_nsec = TURN_MS * 1000000L }, NULL);
}

static bool has_ended(struct program *program)
{
    if (!program->is_over)
        program->is_over = waitpid(program->pid, &program->status, WNOHANG) == program->pid;
    return program->is_over;
}

static void await_end(struct program *program)
{
    for (int i = 0; i < PATIENCE_TURNS && !has_ended(program); i++) pause_turn();
    if (program->is_over) return;
    sweep_fail(program->run, "the program does not end");
    (void)kill(program->pid, SIGKILL);
    (void)waitpid(program->pid, &program->status, 0);
    program->is_over = true;
}

static void read_file(const char *path, char text[TEXT_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, TEXT_SIZE - 1);
    if (fd >= 0) (void)close(fd);
    text[size < 0 ? 0 : size] = 0;
}

/* ---- judging --------------------------------------------------------------------------------- */

static void read_report(struct program *program)
{
    struct sweep_report *to = program->run->report;
    char text[TEXT_SIZE], *end;
    read_file(program->report, text);
    to->calls = strtoull(text, &end, 10);
    to->hits = strtoull(end, &end, 10);
    (void)snprintf(to->where, sizeof to->where, "%.*s", (int)strcspn(end, "\n"), end);
}

/* The last line that it said for people or for the log. */
static const char *last_line(char *text)
{
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == '\n') text[--size] = 0;
    char *line = strrchr(text, '\n');
    return line == NULL ? text : line + 1;
}

static void judge(struct program *program, const char *what)
{
    struct sweep_run *run = program->run;
    char text[TEXT_SIZE];
    read_file(program->err, text);
    if (WIFSIGNALED(program->status)) {
        sweep_fail(run, "%s ends by signal %d: %.600s", what, WTERMSIG(program->status),
                   last_line(text));
    } else if (WEXITSTATUS(program->status) != 0) {
        if (!program->is_faulty)
            sweep_fail(run, "%s without a fault ends with %d: %.300s", what,
                       WEXITSTATUS(program->status), last_line(text));
        sweep_told(run, what, WEXITSTATUS(program->status), last_line(text));
    }
    if (!program->is_faulty) return;
    read_report(program);
    if (run->report->hits == 0 && WIFEXITED(program->status))
        run->report->end = SWEEP_UNMET;
    else
        run->report->end = run->report->told[0] == 0 ? SWEEP_WENT_ON : SWEEP_TOLD;
}

static void begin(struct program *program, struct sweep_run *run)
{
    *program = (struct program){ .run = run, .is_faulty = run->fault.at > 0 };
    in_folder(program, program->out, "out");
    in_folder(program, program->err, "err");
    in_folder(program, program->report, "report");
    in_folder(program, program->store, "tea.db");
}

/* ---- validate -------------------------------------------------------------------------------- */

static void run_validate(struct sweep_run *run)
{
    struct program program;
    char binary[PATH_SIZE], file[PATH_SIZE];
    begin(&program, run);
    beside(binary, "skald");
    in_folder(&program, file, "tea.saga.yaml");
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = write(fd, tea_yaml, sizeof tea_yaml - 1) == (ssize_t)sizeof tea_yaml - 1;
    (void)close(fd);
    if (!is_written) sweep_fail(run, "the definition cannot be written");
    char *const arguments[] = { binary, "validate", file, NULL };
    spawn(&program, arguments);
    await_end(&program);
    judge(&program, "validate");
}

/* ---- serve ----------------------------------------------------------------------------------- */

/* The port it said; 0: it has ended, or says nothing. */
static uint16_t await_port(struct program *program)
{
    static const char said[] = "listening on http://127.0.0.1:";
    char text[TEXT_SIZE];
    for (int i = 0; i < PATIENCE_TURNS && !has_ended(program); i++) {
        read_file(program->out, text);
        const char *at = strstr(text, said);
        if (at != NULL && strchr(at, '\n') != NULL)
            return (uint16_t)strtoul(at + sizeof said - 1, NULL, 10);
        pause_turn();
    }
    return 0;
}

/* libevent takes a header that it has no memory for as one that it cannot read. */
static bool is_unread(const char *answer)
{
    return strstr(answer, "the request is no HTTP") != NULL;
}

/* The status; 0: no answer, or one to a request that was not read. */
static int ask(uint16_t port, const char *method, const char *path, const char *type,
               const char *body)
{
    char request[2048], answer[1024] = "";
    int size = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        method, path, type, strlen(body), body);
    int fd = client_connect(port, 5);
    int status = 0;
    if (fd >= 0 && send(fd, request, (size_t)size, MSG_NOSIGNAL) == size &&
        recv(fd, answer, sizeof answer - 1, 0) > 12 && strncmp(answer, "HTTP/1.", 7) == 0 &&
        !is_unread(answer))
        status = (int)strtol(answer + 9, NULL, 10);
    if (fd >= 0) (void)close(fd);
    return status;
}

/* Until it is answered with a success, or the server has ended. */
static bool ask_until_done(struct program *program, uint16_t port, const char *method,
                           const char *path, const char *type, const char *body)
{
    enum { TRIES_MAX = 4000 }; /* reopening a store has pauses of seconds */
    for (int i = 0; i < TRIES_MAX && !has_ended(program); i++) {
        int status = ask(port, method, path, type, body);
        if (status >= 200 && status < 300) return true;
        if (status >= 400 && status < 500 && status != 429) {
            sweep_fail(program->run, "%s %s is answered %d", method, path, status);
            return false;
        }
        if (status > 0) sweep_told(program->run, path, status, "an HTTP answer");
        pause_turn();
        pause_turn();
    }
    if (!has_ended(program)) sweep_fail(program->run, "%s %s has no answer", method, path);
    return false;
}

static void start_server(struct program *program)
{
    static char binary[PATH_SIZE], url[PATH_SIZE + 8];
    beside(binary, "skald");
    (void)snprintf(url, sizeof url, "sqlite:%s", program->store);
    const char *const arguments[] = { binary,        "serve",   "--store",      url, "--listen",
                                      "127.0.0.1:0", "--loops", program->loops, NULL };
    spawn(program, (char *const *)arguments);
}

static void stop_server(struct program *program, const char *what)
{
    if (!has_ended(program)) (void)kill(program->pid, SIGTERM);
    await_end(program);
    judge(program, what);
}

static bool start_tea(struct program *program, uint16_t port)
{
    return ask_until_done(program, port, "GET", "/readyz", "text/plain", "") &&
           ask_until_done(program, port, "POST", "/api/v1/definitions", "application/yaml",
                          tea_yaml) &&
           ask_until_done(program, port, "POST", "/api/v1/sagas", "application/json", tea_start);
}

static void serve_again(struct program *program, bool is_acknowledged)
{
    struct sweep_run *run = program->run;
    program->is_faulty = false;
    start_server(program);
    uint16_t port = await_port(program);
    if (port == 0) sweep_fail(run, "serve does not start again");
    if (port != 0) {
        (void)ask_until_done(program, port, "GET", "/readyz", "text/plain", "");
        if (is_acknowledged && ask(port, "GET", "/api/v1/sagas/tea-1", "text/plain", "") != 200)
            sweep_fail(run, "tea-1 was acknowledged and is lost");
        (void)start_tea(program, port);
    }
    stop_server(program, "serve again");
    char url[PATH_SIZE + 8];
    (void)snprintf(url, sizeof url, "sqlite:%s", program->store);
    judge_store(run, url);
}

static void run_server(struct sweep_run *run, const char *loops)
{
    struct program program;
    begin(&program, run);
    program.loops = loops;
    start_server(&program);
    uint16_t port = await_port(&program);
    bool is_acknowledged = port != 0 && start_tea(&program, port);
    stop_server(&program, "serve");
    bool could_not = WIFEXITED(program.status) && WEXITSTATUS(program.status) != 0;
    if (run->fault.at > 0 && could_not && run->report->hits > 0) run->report->end = SWEEP_REOPENED;
    if (run->report->failure[0] == 0) serve_again(&program, is_acknowledged);
}

static void run_serve(struct sweep_run *run)
{
    run_server(run, "1");
}

/* Which loop has a connection is chance: some of the requests are passed on. */
static void run_loops(struct sweep_run *run)
{
    run_server(run, "3");
}

const struct sweep_scenario sweep_validate = {
    .name = "validate",
    .what = "skald validate, the binary",
    .run = run_validate,
    .is_real = true,
    .is_program = true,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE,
};

const struct sweep_scenario sweep_serve = {
    .name = "serve",
    .what = "skald serve, the binary: started, asked, stopped",
    .run = run_serve,
    .is_real = true,
    .is_program = true,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE,
};

const struct sweep_scenario sweep_loops = {
    .name = "loops",
    .what = "the same with three loops",
    .run = run_loops,
    .is_real = true,
    .is_program = true,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE,
};
