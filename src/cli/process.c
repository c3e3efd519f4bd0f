/* process.c: see process.h. */
#include "cli/process.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_TIMEOUT_MS = 30 * 1000, LINE_SIZE_MAX = 512, LOG_TAIL_SIZE = 2000 };

/* ---- starting -------------------------------------------------------------------------------- */

/* In the child: never returns. */
static void become(const char *const *argv, int out_fd, int log_fd, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0); /* Ctrl-C is the parent's alone */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null_fd = open("/dev/null", O_RDONLY);
    bool is_set = getppid() == parent && null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 &&
                  dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(log_fd, STDERR_FILENO) >= 0;
    /* execv does not change what it is given; its type is older than const. */
    if (is_set) (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* The first line, without its end; false when none came in time. */
static bool read_line(int fd, char *out, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        int ready = poll(&wait, 1, START_TIMEOUT_MS);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        ssize_t got = read(fd, out + used, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        if (out[used] == '\n') break;
        used++;
    }
    out[used] = 0;
    return true;
}

static void print_tail(const struct cli *cli, const char *log)
{
    char tail[LOG_TAIL_SIZE + 1];
    FILE *file = fopen(log, "re");
    if (file == NULL) return;
    if (fseek(file, -LOG_TAIL_SIZE, SEEK_END) != 0) rewind(file);
    size_t size = fread(tail, 1, LOG_TAIL_SIZE, file);
    tail[size] = 0;
    (void)fclose(file);
    (void)fprintf(cli->err, "%s", tail);
}

/* Its first line ends with the address. */
static bool read_address(struct cli_process *process)
{
    char line[LINE_SIZE_MAX];
    if (!read_line(process->out_fd, line, sizeof line)) return false;
    const char *address = strstr(line, "http://");
    if (address == NULL || strlen(address) >= sizeof process->address) return false;
    memcpy(process->address, address, strlen(address) + 1);
    return true;
}

int cli_process_start(const struct cli *cli, const char *const *argv, const char *log,
                      struct cli_process *out_process)
{
    int pipes[2];
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    *out_process = (struct cli_process){ .out_fd = -1 };
    if (log_fd < 0 || pipe2(pipes, O_CLOEXEC) != 0) {
        if (log_fd >= 0) (void)close(log_fd);
        return cli_fail(cli, CLI_FAILED, "file", NULL, "%s: %s", log, strerror(errno));
    }
    (void)fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) become(argv, pipes[1], log_fd, parent);
    (void)close(pipes[1]);
    (void)close(log_fd);
    out_process->out_fd = pipes[0];
    out_process->pid = pid > 0 ? pid : 0;
    if (pid > 0 && read_address(out_process)) return CLI_GO_ON;
    cli_process_end(out_process, SIGKILL, 0);
    print_tail(cli, log);
    return cli_fail(cli, CLI_FAILED, "no-process", NULL, "%s did not start", argv[0]);
}

/* ---- ending ---------------------------------------------------------------------------------- */

void cli_process_end(struct cli_process *process, int signal_number, int grace_ms)
{
    if (process->pid > 0) {
        (void)kill(process->pid, signal_number);
        bool has_ended = false;
        for (int waited_ms = 0; waited_ms < grace_ms && !has_ended; waited_ms += 10) {
            has_ended = waitpid(process->pid, NULL, WNOHANG) == process->pid;
            struct timespec pause = { .tv_nsec = 10 * 1000000 };
            if (!has_ended) (void)nanosleep(&pause, NULL);
        }
        if (!has_ended) {
            (void)kill(process->pid, SIGKILL);
            while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) continue;
        }
        process->pid = 0;
    }
    if (process->out_fd >= 0) (void)close(process->out_fd);
    process->out_fd = -1;
}
