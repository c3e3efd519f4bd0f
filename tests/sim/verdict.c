/* verdict.c: shared memory, children, and what their deaths mean. */
#include "verdict.h"

#include "workload.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct sim_verdict *sim_verdict;
bool sim_is_silent, sim_is_shrunk;
FILE *sim_report_file;

struct sim_verdict *sim_verdict_new(void)
{
    void *memory = mmap(NULL, sizeof(struct sim_verdict), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void sim_verdict_free(struct sim_verdict *verdict)
{
    if (verdict != NULL) (void)munmap(verdict, sizeof *verdict);
}

/* ---- the child's side ------------------------------------------------------------------------ */

/* Children are named after their parents: "<start's saga>.<step>…". */
static uint32_t start_above(const struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_load *load = world->load;
    if (load == NULL) return SIM_NO_START;
    for (uint32_t i = 0; i < load->starts_count; i++) {
        struct sk_str id = load->starts[i].saga_id;
        if (id.size == 0) id = load->starts[i].id;
        if (id.size == 0 || !sk_str_starts(saga_id, id)) continue;
        if (saga_id.size == id.size || saga_id.data[id.size] == '.') return i;
    }
    return SIM_NO_START;
}

/* "definition":"dN" of the children. */
static uint32_t children_in(struct sk_str source)
{
    static const char text[] = "\"definition\":\"d";
    enum { SIZE = sizeof text - 1 };
    uint32_t bits = 0;
    for (size_t i = 0; i + SIZE < source.size; i++) {
        uint32_t child = (uint32_t)(uint8_t)(source.data[i + SIZE] - '0');
        if (memcmp(source.data + i, text, SIZE) == 0 && child < SIM_DEFINITIONS_MAX)
            bits |= 1u << child;
    }
    return bits;
}

static void note_sources(const struct sim_world *world, struct sim_verdict *verdict)
{
    const struct sim_load *load = world->load;
    if (load == NULL) return;
    for (uint32_t i = 0; i < load->starts_count; i++) {
        const struct sim_start *start = &load->starts[i];
        if (start->world != NULL && start->tries > 0) verdict->used |= 1u << start->definition;
    }
    for (uint32_t i = 0; i < load->generated.count && i < SIM_DEFINITIONS_MAX; i++) {
        struct sk_str source = load->sources[i];
        if (source.size > SIM_SOURCE_MAX) continue;
        verdict->source_sizes[i] = (uint32_t)source.size;
        if (source.size > 0) memcpy(verdict->sources[i], source.data, source.size);
    }
    for (uint32_t i = load->generated.count; i > 0; i--) { /* children are earlier ones */
        if ((verdict->used >> (i - 1) & 1u) != 0)
            verdict->used |= children_in(load->sources[i - 1]);
    }
}

void sim_verdict_note(struct sim_world *world, const char *checker, struct sk_str saga_id,
                      const char *sentence)
{
    struct sim_verdict *verdict = sim_verdict;
    if (verdict == NULL || verdict->is_broken) return;
    (void)snprintf(verdict->checker, sizeof verdict->checker, "%s", checker);
    (void)snprintf(verdict->sentence, sizeof verdict->sentence, "%s", sentence);
    (void)snprintf(verdict->saga_id, sizeof verdict->saga_id, "%.*s", SK_STR_ARGS(saga_id));
    verdict->start = SIM_NO_START;
    if (world != NULL) {
        verdict->at_us = world->now_us;
        verdict->profile = world->profile;
        if (saga_id.size > 0) verdict->start = start_above(world, saga_id);
        note_sources(world, verdict);
    }
    verdict->is_broken = true;
}

/* ---- the parent's side ----------------------------------------------------------------------- */

bool sim_verdict_of_end(struct sim_verdict *verdict, int status)
{
    if (verdict->is_broken) return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return false;
    verdict->start = SIM_NO_START;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(verdict->checker, sizeof verdict->checker, "the world has an end");
    else if (WIFSIGNALED(status))
        (void)snprintf(verdict->checker, sizeof verdict->checker, "killed by signal %d",
                       WTERMSIG(status));
    else
        (void)snprintf(verdict->checker, sizeof verdict->checker, "ended with code %d",
                       WEXITSTATUS(status));
    (void)snprintf(verdict->sentence, sizeof verdict->sentence,
                   "the process of the simulator died without a word");
    return verdict->is_broken = true;
}

static _Noreturn void be_child(bool is_silent, uint32_t seconds_max, sim_apart_fn *fn,
                               void *context)
{
    sim_is_silent = is_silent;
    if (is_silent) {
        int nowhere = open("/dev/null", O_WRONLY);
        (void)dup2(nowhere, STDOUT_FILENO);
        (void)dup2(nowhere, STDERR_FILENO);
    }
    (void)alarm(seconds_max);
    fn(context);
    fflush(stdout);
    _exit(0);
}

bool sim_run_apart(struct sim_verdict *verdict, bool is_silent, uint32_t seconds_max,
                   sim_apart_fn *fn, void *context)
{
    int status = 0;
    memset(verdict, 0, offsetof(struct sim_verdict, sources));
    sim_verdict = verdict;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) be_child(is_silent, seconds_max, fn, context);
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    return sim_verdict_of_end(verdict, status);
}
