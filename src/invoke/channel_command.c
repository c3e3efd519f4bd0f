/*
 * channel_command.c: one command: spawned without a shell, watched by its pidfd on the loop, killed
 * with its group at its time-out.
 *
 *   C1  The input lies in memory before it starts (a memfd): no pipe can fill, nothing blocks.
 *   C2  It inherits standard input, output (/dev/null) and error (read here, its beginning kept),
 *       and no other descriptor; no SKALD_SECRET_ variable; default signals.
 *   C3  It is waited for by its pidfd only, so no other child of the process is touched.
 */
#include "invoke/channel_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what it gets ---------------------------------------------------------------------------- */

/* -1: out of memory or descriptors. */
static int input_file(struct sk_str input)
{
    int fd = memfd_create("skald-notification", MFD_CLOEXEC);
    size_t written = 0;
    while (fd >= 0 && written < input.size) {
        ssize_t n = write(fd, input.data + written, input.size - written);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            (void)close(fd);
            return -1;
        }
        written += (size_t)n;
    }
    if (fd >= 0) (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static char **environment_of(struct sk_sending *sending)
{
    static const char secret[] = "SKALD_SECRET_";
    size_t count = 0;
    while (environ[count] != NULL) count++;
    char **variables = SK_ARENA_ARRAY(&sending->arena, char *, count + 2);
    struct sk_buf key;
    sk_buf_init(&key, 0);
    sk_buf_append_text(&key, "SKALD_IDEMPOTENCY_KEY=");
    sk_buf_append_str(&key, sending->key);
    char *key_text = sk_arena_text(&sending->arena, sk_buf_view(&key));
    if (key.failed) key_text = NULL;
    sk_buf_release(&key);
    if (variables == NULL || key_text == NULL) return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], secret, sizeof secret - 1) != 0) variables[kept++] = environ[i];
    variables[kept] = key_text;
    return variables;
}

static bool prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                    int input_fd, int said_fd)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return posix_spawn_file_actions_adddup2(actions, input_fd, STDIN_FILENO) == 0 &&
           posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) ==
               0 &&
           posix_spawn_file_actions_adddup2(actions, said_fd, STDERR_FILENO) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1) == 0 &&
           posix_spawnattr_setpgroup(attributes, 0) == 0 &&
           posix_spawnattr_setsigmask(attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
           posix_spawnattr_setflags(attributes, flags) == 0;
}

/* 0, or an errno. */
static int spawn(struct sk_sending *sending, int input_fd, int said_fd, char **variables)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int number = ENOMEM;
    /* posix_spawn takes argv without const and leaves it as it is */
    char *const *argv = (char *const *)(uintptr_t)sending->channel->command;
    if (prepare(&actions, &attributes, input_fd, said_fd))
        number = posix_spawnp(&sending->run.pid, argv[0], &actions, &attributes, argv, variables);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return number;
}

/* ---- its end --------------------------------------------------------------------------------- */

static void read_said(struct sk_command_run *run)
{
    char bytes[1024];
    for (;;) {
        ssize_t n = read(run->said_fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            (void)event_del(&run->on_said);
            return;
        }
        size_t room = sizeof run->said - run->said_size;
        size_t taken = (size_t)n < room ? (size_t)n : room;
        memcpy(run->said + run->said_size, bytes, taken);
        run->said_size += taken;
    }
}

static void release(struct sk_command_run *run)
{
    (void)event_del(&run->on_exit);
    (void)event_del(&run->on_said);
    (void)close(run->pid_fd);
    (void)close(run->said_fd);
}

static void on_said(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_sending *sending = context;
    read_said(&sending->run);
}

static void on_exit_of(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_sending *sending = context;
    struct sk_command_run *run = &sending->run;
    siginfo_t info = { .si_pid = 0 };
    if (waitid(P_PIDFD, (id_t)run->pid_fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
        (void)event_add(&run->on_exit, NULL); /* woken for nothing */
        return;
    }
    read_said(run);
    release(run);
    bool is_exit = info.si_code == CLD_EXITED;
    sk_sending_exited(sending, !is_exit, info.si_status);
}

static bool watch(struct sk_sending *sending)
{
    struct sk_command_run *run = &sending->run;
    struct event_base *base = sending->invoker->options.base;
    (void)event_assign(&run->on_said, base, run->said_fd, EV_READ | EV_PERSIST, on_said, sending);
    (void)event_assign(&run->on_exit, base, run->pid_fd, EV_READ, on_exit_of, sending);
    return event_add(&run->on_said, NULL) == 0 && event_add(&run->on_exit, NULL) == 0;
}

static void kill_group(const struct sk_command_run *run)
{
    siginfo_t info;
    (void)kill(-run->pid, SIGKILL); /* not waited for yet, so the group is still its own */
    while (waitid(P_PID, (id_t)run->pid, &info, WEXITED) != 0 && errno == EINTR) {}
}

void sk_command_kill(struct sk_sending *sending)
{
    kill_group(&sending->run);
    release(&sending->run);
}

/* ---- its beginning --------------------------------------------------------------------------- */

static enum skald_status start_watched(struct sk_sending *sending, int input_fd, int said_fd,
                                       char **variables)
{
    struct sk_command_run *run = &sending->run;
    int number = spawn(sending, input_fd, said_fd, variables);
    if (number != 0) {
        (void)snprintf(sending->message, sizeof sending->message, "%s: %s",
                       sending->channel->command[0], strerrordesc_np(number));
        return number == ENOMEM || number == EAGAIN ? SKALD_E_MEMORY : SKALD_E_IO;
    }
    run->pid_fd = (int)syscall(SYS_pidfd_open, run->pid, 0u);
    if (run->pid_fd >= 0 && watch(sending)) return SKALD_OK;
    kill_group(run);
    if (run->pid_fd >= 0) {
        (void)event_del(&run->on_said);
        (void)close(run->pid_fd);
    }
    return SKALD_E_MEMORY;
}

enum skald_status sk_command_spawn(struct sk_sending *sending)
{
    struct sk_command_run *run = &sending->run;
    int pair[2] = { -1, -1 };
    int input_fd = input_file(sending->input);
    char **variables = environment_of(sending);
    enum skald_status status = SKALD_E_MEMORY;
    *run = (struct sk_command_run){ .pid_fd = -1, .said_fd = -1 };
    if (input_fd >= 0 && variables != NULL && pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0) {
        run->said_fd = pair[0];
        (void)fcntl(pair[1], F_SETFL, 0); /* its own end waits like any other */
        status = start_watched(sending, input_fd, pair[1], variables);
        (void)close(pair[1]);
        if (status != SKALD_OK) (void)close(pair[0]);
    }
    if (input_fd >= 0) (void)close(input_fd);
    return status;
}
