/* arguments.c: the words of the command line, and the help. */
#include "arguments.h"

/* The standard seeds are STANDARD_SEEDS worlds from 1 on. */
enum { STANDARD_SEEDS = 1000, SHRINK_SECONDS = 40 };

const char sim_usage[] =
    "which worlds\n"
    "  --seed N [--sagas K]     world N and the following ones, until K sagas were simulated\n"
    "  --seeds A..B             those worlds\n"
    "  --seconds S [--from N]   fresh worlds for so long\n"
    "  --total K --state FILE   K sagas in all, resumable\n"
    "  --standard               the same worlds always; they must reach everything\n"
    "  --seeds-file FILE        each line of it: arguments of one run; # begins a remark\n"
    "  --break NAME|all|list    spoils a world on purpose: its judge must complain\n"
    "how\n"
    "  --jobs J                 so many processes at once\n"
    "  --trace                  prints everything that happens (with --seed)\n"
    "  --check-determinism      runs each world twice and compares the traces\n"
    "  --histories FOLDER       keeps sagas with types of events that no other kept one has\n"
    "  --quiet                  no progress\n"
    "  --shrink S               looks S seconds for a smaller world that fails the same way (40)\n"
    "  --no-shrink              prints the report of what was found as it is\n"
    "less of a world, as the shrinker prints it\n"
    "  --only 3-9,17            these starts only\n"
    "  --without crash,late,…   these faults are off (a report names those that are on)\n"
    "  --with late,…|none       all others are off\n"
    "  --nodes N --shards N     at most so many\n"
    "  --define 'd2={…}'        this in the place of a definition\n"
    "  --luck N                 the same world with other chances on its way\n";

static bool number(const char *text, uint64_t *out)
{
    return text != NULL && sk_str_to_u64(sk_str_of(text), out);
}

static bool range(const char *text, uint64_t *first, uint64_t *last)
{
    struct sk_str s = sk_str_of(text);
    size_t dots = sk_str_find(s, '.');
    if (dots + 2 >= s.size || s.data[dots + 1] != '.') return false;
    return sk_str_to_u64(sk_str_sub(s, 0, dots), first) &&
           sk_str_to_u64(sk_str_sub(s, dots + 2, s.size - dots - 2), last);
}

/* Words that stand alone. */
static bool read_flag(struct sim_arguments *a, const char *name)
{
    if (strcmp(name, "--trace") == 0) return a->run.is_tracing = true;
    if (strcmp(name, "--check-determinism") == 0) return a->run.checks_determinism = true;
    if (strcmp(name, "--quiet") == 0) return a->is_quiet = true;
    if (strcmp(name, "--no-shrink") == 0) {
        a->shrink_s = 0;
        return true;
    }
    if (strcmp(name, "--standard") != 0) return false;
    a->first = 1;
    a->last = STANDARD_SEEDS;
    return a->has_first = a->is_standard = true;
}

static bool read_value(struct sim_arguments *a, const char *name, const char *value)
{
    uint64_t n = 0;
    if (value == NULL) return false;
    if (sim_cut_read(&a->run.cut, name, value)) return true;
    if (strcmp(name, "--state") == 0) return (a->state = value) != NULL;
    if (strcmp(name, "--seeds-file") == 0) return (a->seeds_file = value) != NULL;
    if (strcmp(name, "--histories") == 0) return (a->run.histories = value) != NULL;
    if (strcmp(name, "--break") == 0) return (a->broken = value) != NULL;
    if (strcmp(name, "--seeds") == 0) return a->has_first = range(value, &a->first, &a->last);
    if (!number(value, &n)) return false;
    if (strcmp(name, "--seed") == 0 || strcmp(name, "--from") == 0) {
        a->first = n;
        a->is_one = strcmp(name, "--seed") == 0;
        return a->has_first = true;
    }
    if (strcmp(name, "--sagas") == 0 || strcmp(name, "--total") == 0) return (a->sagas = n) > 0;
    if (strcmp(name, "--seconds") == 0) return (a->seconds = (double)n) > 0;
    if (strcmp(name, "--shrink") == 0) return (a->shrink_s = (double)n) >= 0;
    if (strcmp(name, "--jobs") == 0) return (a->jobs = (uint32_t)n) > 0 && n <= 64;
    return false;
}

bool sim_arguments_read(struct sim_arguments *a, int count, char **words, const char **out_problem)
{
    a->jobs = 1;
    a->shrink_s = SHRINK_SECONDS;
    for (int i = 0; i < count; i++) {
        *out_problem = words[i];
        if (read_flag(a, words[i])) continue;
        if (!read_value(a, words[i], i + 1 < count ? words[i + 1] : NULL)) return false;
        i += 1;
    }
    if (a->sagas > 0) a->is_one = false;
    *out_problem = "what shall be simulated?";
    return a->has_first || a->seconds > 0 || a->sagas > 0 || a->seeds_file != NULL ||
           a->broken != NULL;
}
