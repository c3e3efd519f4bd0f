/*
 * cmd_demo.c: `skald demo`: the sample sagas with their participants, over real HTTP, in a folder
 * of its own. What it does it does with the commands that everybody has, and shows them:
 *
 *   participants, server ─► define ─► an order that completes ─► one that is undone ─►
 *   one during which the server is killed ─► a transfer ─► the books, compared with what they must
 *   be
 *
 * On a terminal everything then stays up until Ctrl-C. However it ends, no process and no file
 * stays behind: children die with their parent (process.h), a thread of its own waits for signals.
 */
#include "cli/demo.h"

#include "cli/folder.h"
#include "skald/assemble.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    DELAY_TERMINAL_MS = 250,
    DELAY_MS = 40,
    ARGUMENTS_MAX = 24,
    GRACE_MS = 3000,
    READY_MS_MAX = 30000
};

static const char *const order_file = "order-processing/order.saga.yaml";
static const char *const transfer_file = "bank-transfer/transfer.saga.yaml";

static const struct cli_option options[] = {
    { "once", 0, CLI_FLAG, NULL, "end after the show, on a terminal too",
      .offset = offsetof(struct demo, once) },
    { "keep", 0, CLI_FLAG, NULL, "keep the folder with the store, the books and the logs",
      .offset = offsetof(struct demo, keep) },
    { "delay", 0, CLI_INT, "MS", "how long a participant takes (250; 40 without a terminal)",
      .offset = offsetof(struct demo, delay_ms), .min = 0, .max = 10000 },
    { "examples", 0, CLI_TEXT, "DIR", "where the sample definitions are (found by itself)",
      .offset = offsetof(struct demo, examples) },
    { 0 },
};

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(const struct demo *demo, const char *text)
{
    bool has_colours = cli_has_colours(demo->cli);
    (void)fprintf(demo->cli->out, "\n%s%s%s\n", has_colours ? "\033[1m" : "", text,
                  has_colours ? "\033[0m" : "");
    (void)fflush(demo->cli->out);
}

/* Quotes what a shell would take apart. */
static void print_argument(FILE *out, const char *text)
{
    bool is_plain = text[0] != 0 && strpbrk(text, " \"'{}[]$&*?()<>|;\\") == NULL;
    (void)fprintf(out, is_plain ? " %s" : " '%s'", text);
}

/* Runs a command of this binary as if it had been typed; its exit code must be `expected`. */
static bool run(struct demo *demo, int expected, const struct cli_command *command,
                const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX];
    int argc = 0;
    struct cli cli = *demo->cli;
    cli.command = command;
    /* The commands only read their arguments; main's type is older than const. */
    argv[argc++] = (char *)(uintptr_t)command->name;
    (void)fprintf(cli.out, "$ skald %s", command->name);
    for (; *arguments != NULL; arguments++) {
        print_argument(cli.out, *arguments);
        argv[argc++] = (char *)(uintptr_t)*arguments;
    }
    (void)fputc('\n', cli.out);
    argv[argc++] = (char *)(uintptr_t) "--server";
    argv[argc++] = demo->server.address;
    argv[argc] = NULL;
    int code = command->main(&cli, argc, argv);
    (void)fflush(cli.out);
    if (code == expected) return true;
    (void)cli_fail(demo->cli, CLI_FAILED, "demo-differs", NULL,
                   "that should have ended with exit code %d, not %d", expected, code);
    return false;
}

/* ---- the folder and the programs ------------------------------------------------------------- */

static bool join(char *out, const char *folder, const char *name)
{
    int size = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return size > 0 && size < PATH_MAX;
}

/* The folder of this binary, and up from it the one that holds examples/. */
static int find_parts(struct demo *demo)
{
    char found[PATH_MAX], tried[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", demo->binary, sizeof demo->binary - 1);
    if (size <= 0)
        return cli_fail(demo->cli, CLI_FAILED, "file", NULL, "/proc/self/exe: %s", strerror(errno));
    demo->binary[size] = 0;
    memcpy(found, demo->binary, (size_t)size + 1);
    *strrchr(found, '/') = 0;
    if (!join(demo->participants_binary, found, "example-participants") ||
        access(demo->participants_binary, X_OK) != 0) {
        return cli_fail(demo->cli, CLI_FAILED, "demo-missing", "build them with `make build`",
                        "the sample participants are not beside this binary: %s",
                        demo->participants_binary);
    }
    while (demo->examples == NULL) {
        if (join(tried, found, "examples") && join(demo->path, tried, order_file) &&
            access(demo->path, R_OK) == 0) {
            memcpy(demo->examples_found, tried, sizeof tried);
            demo->examples = demo->examples_found;
            break;
        }
        char *slash = strrchr(found, '/');
        if (slash == NULL) break;
        *slash = 0;
    }
    if (demo->examples != NULL) return CLI_GO_ON;
    return cli_fail(demo->cli, CLI_FAILED, "demo-missing", "name their folder with --examples DIR",
                    "the sample definitions are not above this binary");
}

static int make_folder(struct demo *demo)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == 0) parent = "/tmp";
    if (!join(demo->folder, parent, "skald-demo-XXXXXX") || mkdtemp(demo->folder) == NULL) {
        demo->folder[0] = 0;
        return cli_fail(demo->cli, CLI_FAILED, "file", NULL, "%s: %s", parent, strerror(errno));
    }
    return CLI_GO_ON;
}

static void remove_folder(const struct demo *demo)
{
    if (demo->folder[0] != 0 && !demo->keep) cli_remove_folder(demo->folder);
}

static int start_participants(struct demo *demo)
{
    char books[PATH_MAX], log[PATH_MAX], delay[24];
    if (!join(books, demo->folder, "books.db") || !join(log, demo->folder, "participants.log")) {
        return CLI_FAILED;
    }
    (void)snprintf(delay, sizeof delay, "%lld", (long long)demo->delay_ms);
    const char *const argv[] = { demo->participants_binary,
                                 "--books",
                                 books,
                                 "--listen",
                                 "127.0.0.1:0",
                                 "--delay",
                                 delay,
                                 NULL };
    int code = cli_process_start(demo->cli, argv, log, &demo->participants);
    if (code != CLI_GO_ON) return code;
    (void)setenv("PARTICIPANTS_URL", demo->participants.address, 1);
    return CLI_GO_ON;
}

/* It listens before it has recovered; meanwhile it answers 503. */
static int await_ready(const struct demo *demo)
{
    struct cli_remote remote = { .server = demo->server.address };
    struct cli_client *client;
    struct cli_reply reply = { 0 };
    struct cli_request request = { .method = "GET", .path = "/readyz" };
    if (cli_client_new(demo->cli, &remote, &client) != CLI_GO_ON) return CLI_FAILED;
    int code = cli_client_try(client, &request, &reply);
    for (int waited_ms = 0; code != CLI_GO_ON && waited_ms < READY_MS_MAX; waited_ms += 20) {
        struct timespec pause = { .tv_nsec = 20 * 1000000 };
        (void)nanosleep(&pause, NULL);
        code = cli_client_try(client, &request, &reply);
    }
    if (code != CLI_GO_ON) code = cli_client_complain(client, &reply);
    cli_reply_release(&reply);
    cli_client_free(client);
    return code;
}

/* The first time on a free port, later on the same again. */
static int start_server(struct demo *demo)
{
    char store[PATH_MAX + 16], log[PATH_MAX], listen[CLI_ADDRESS_SIZE] = "127.0.0.1:0";
    (void)snprintf(store, sizeof store, SK_NODE_STORE_KIND ":%s/store", demo->folder);
    if (!join(log, demo->folder, "server.log")) return CLI_FAILED;
    if (demo->server.address[0] != 0) {
        (void)snprintf(listen, sizeof listen, "%s", demo->server.address + strlen("http://"));
    }
    const char *const argv[] = { demo->binary, "serve",        "--store", store, "--listen",
                                 listen,       "--log-format", "json",    NULL };
    int code = cli_process_start(demo->cli, argv, log, &demo->server);
    return code == CLI_GO_ON ? await_ready(demo) : code;
}

/* ---- the end, however it comes --------------------------------------------------------------- */

static void clean_up(struct demo *demo)
{
    cli_process_end(&demo->server, SIGTERM, GRACE_MS);
    cli_process_end(&demo->participants, SIGTERM, GRACE_MS);
    remove_folder(demo);
}

static void *await_signal(void *context)
{
    struct demo *demo = context;
    int number = 0;
    (void)sigwait(&demo->signals, &number);
    bool is_serving = __atomic_load_n(&demo->is_serving, __ATOMIC_ACQUIRE);
    if (is_serving) (void)fputs("\nstopping\n", demo->cli->out);
    (void)fflush(demo->cli->out);
    clean_up(demo);
    _exit(is_serving ? CLI_DONE : 128 + number);
}

static int watch_signals(struct demo *demo)
{
    pthread_t thread;
    (void)sigemptyset(&demo->signals);
    (void)sigaddset(&demo->signals, SIGINT);
    (void)sigaddset(&demo->signals, SIGTERM);
    (void)sigaddset(&demo->signals, SIGHUP);
    bool is_set = pthread_sigmask(SIG_BLOCK, &demo->signals, NULL) == 0 &&
                  pthread_create(&thread, NULL, await_signal, demo) == 0 &&
                  pthread_detach(thread) == 0;
    return is_set ? CLI_GO_ON
                  : cli_fail(demo->cli, CLI_FAILED, "out-of-memory", NULL, "no thread can be made");
}

/* ---- what is ordered ------------------------------------------------------------------------- */

static const char good_order[] = "{\"customer\":\"Ada\",\"amount\":299.99,\"items\":["
                                 "{\"item_id\":\"item1\",\"quantity\":2},"
                                 "{\"item_id\":\"item2\",\"quantity\":1}],"
                                 "\"address\":\"12 St James Square\"}";
static const char dear_order[] = "{\"customer\":\"Charles\",\"amount\":1500,\"items\":["
                                 "{\"item_id\":\"item1\",\"quantity\":2}],"
                                 "\"address\":\"1 Dorset Street\"}";
static const char slow_order[] = "{\"customer\":\"Grace\",\"amount\":75,\"items\":["
                                 "{\"item_id\":\"item3\",\"quantity\":1}],"
                                 "\"address\":\"Pier 3\",\"fault\":{\"pay\":\"slow:1500\"}}";
static const char transfer[] = "{\"from\":\"account001\",\"to\":\"account002\",\"amount\":1000}";

/* ---- the show -------------------------------------------------------------------------------- */

static bool define_both(struct demo *demo)
{
    char order[PATH_MAX], transfer_path[PATH_MAX];
    if (!join(order, demo->examples, order_file) ||
        !join(transfer_path, demo->examples, transfer_file)) {
        return false;
    }
    tell(demo, "Two definitions: an order in four steps, a bank transfer in three.");
    return run(demo, CLI_DONE, &cli_define, (const char *const[]){ order, transfer_path, NULL });
}

static bool show_orders(struct demo *demo)
{
    tell(demo, "An order that completes.");
    bool is_right = run(demo, CLI_DONE, &cli_start,
                        (const char *const[]){ "order", "--id", "order-1", "--wait", "--input",
                                               good_order, NULL });
    tell(demo, "An order whose payment is declined: what was done is undone, the last first.");
    return run(demo, CLI_FAILED, &cli_start,
               (const char *const[]){ "order", "--id", "order-2", "--wait", "--input", dear_order,
                                      NULL }) &&
           is_right;
}

static bool is_paying(void *context, const struct cli_tree *tree)
{
    (void)context;
    return sk_str_is(cli_tree_step_state(tree, "pay"), "running");
}

/* Follows order-3 up to `stop`, or to its end. */
static bool follow_third(struct demo *demo, bool (*stop)(void *, const struct cli_tree *),
                         bool *out_completed)
{
    struct cli_remote remote = { .server = demo->server.address };
    struct cli_client *client;
    if (cli_client_new(demo->cli, &remote, &client) != CLI_GO_ON) return false;
    struct cli_tree *tree = cli_tree_new(demo->cli, client, "order-3");
    struct cli_follow follow = { .stop = stop, .patience_ms = GRACE_MS * 10 };
    bool is_right = tree != NULL && cli_tree_follow(tree, &follow) == CLI_GO_ON;
    if (is_right) *out_completed = sk_str_is(cli_tree_state(tree), "completed");
    if (is_right && stop == NULL && !demo->cli->is_terminal) cli_tree_print(tree);
    cli_tree_free(tree);
    cli_client_free(client);
    return is_right;
}

static bool show_crash(struct demo *demo)
{
    bool has_completed = false;
    tell(demo, "An order whose payment takes a while, and a server that is killed meanwhile.");
    if (!run(demo, CLI_DONE, &cli_start,
             (const char *const[]){ "order", "--id", "order-3", "--input", slow_order, NULL }) ||
        !follow_third(demo, is_paying, &has_completed)) {
        return false;
    }
    if (has_completed) {
        (void)cli_fail(demo->cli, CLI_FAILED, "demo-differs", NULL,
                       "order-3 was over before the kill");
        return false;
    }
    (void)fprintf(demo->cli->out, "$ kill -9 %d\n", (int)demo->server.pid);
    cli_process_end(&demo->server, SIGKILL, GRACE_MS);
    (void)fputs("$ skald serve\n", demo->cli->out);
    if (start_server(demo) != CLI_GO_ON) return false;
    if (!follow_third(demo, NULL, &has_completed)) return false;
    if (!has_completed) {
        (void)cli_fail(demo->cli, CLI_FAILED, "demo-differs", NULL,
                       "order-3 should have completed");
    }
    return has_completed;
}

static bool show_transfer(struct demo *demo)
{
    tell(demo, "A bank transfer.");
    return run(demo, CLI_DONE, &cli_start,
               (const char *const[]){ "transfer", "--id", "transfer-1", "--wait", "--input",
                                      transfer, NULL });
}

static bool show(struct demo *demo)
{
    bool is_right = define_both(demo) && show_orders(demo);
    is_right = is_right && show_crash(demo) && show_transfer(demo);
    if (!is_right) return false;
    tell(demo, "All sagas, and the participants' books.");
    is_right = run(demo, CLI_DONE, &cli_list, (const char *const[]){ NULL });
    return demo_show_books(demo) && is_right;
}

static void serve_on(struct demo *demo)
{
    tell(demo, "Everything stays up until Ctrl-C.");
    (void)fprintf(demo->cli->out,
                  "server        %s\nparticipants  %s/books\nfolder        %s\n\n"
                  "  export SKALD_SERVER=%s\n  skald list\n  skald events order-3\n",
                  demo->server.address, demo->participants.address, demo->folder,
                  demo->server.address);
    (void)fflush(demo->cli->out);
    __atomic_store_n(&demo->is_serving, true, __ATOMIC_RELEASE);
    for (;;) (void)pause(); /* await_signal ends the process */
}

static int demo_main(const struct cli *cli, int argc, char **argv)
{
    static struct demo demo; /* also the signal thread's, to the end of the process */
    struct cli_args args;
    demo.cli = cli;
    demo.delay_ms = cli->is_terminal ? DELAY_TERMINAL_MS : DELAY_MS;
    int code = cli_parse(cli, &demo, argc, argv, &args);
    if (code != CLI_GO_ON) return code;
    if (args.count > 0) return cli_misuse(cli, NULL, "demo takes no arguments");
    code = watch_signals(&demo);
    if (code == CLI_GO_ON) code = find_parts(&demo);
    if (code == CLI_GO_ON) code = make_folder(&demo);
    if (code == CLI_GO_ON) code = start_participants(&demo);
    if (code == CLI_GO_ON) code = start_server(&demo);
    if (code == CLI_GO_ON) {
        bool is_right = show(&demo);
        tell(&demo,
             is_right ? "Everything ended as it should." : "Something did not end as it should.");
        code = is_right ? CLI_DONE : CLI_FAILED;
        if (is_right && cli->is_terminal && !demo.once) serve_on(&demo);
        if (!is_right) demo.keep = true;
    }
    if (demo.keep && demo.folder[0] != 0) (void)fprintf(cli->out, "kept: %s\n", demo.folder);
    clean_up(&demo);
    return code;
}

const struct cli_command cli_demo = {
    .name = "demo",
    .main = demo_main,
    .summary = "Watch sample sagas complete, be undone and survive a kill",
    .usage = "[options]",
    .example = "skald demo",
    .options = options,
};
