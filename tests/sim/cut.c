/* cut.c: X1. A new kind of fault is a row of faults.h, or a field of struct sim_profile (0 = off)
 * and a row here; of names there are at most 64, a bit each. */
#include "cut.h"

#include "world.h"

#include <inttypes.h>

/* name, field; a name may have several rows, one behind the other. */
#define FAULT_FIELDS(X)                      \
    X("passing", store_passing)              \
    X("not-known", store_not_known)          \
    X("broken", store_broken)                \
    X("slow", store_slow)                    \
    X("poison", has_poison)                  \
    X("lost", request_lost)                  \
    X("late", request_late)                  \
    X("twice", request_twice)                \
    X("reply-lost", reply_lost)              \
    X("refuses", refuses)                    \
    X("refuses", fails)                      \
    X("unclear", unclear)                    \
    X("unclear-applied", unclear_applied)    \
    X("busy", retryable)                     \
    X("pending", pending)                    \
    X("undo-refuses", undo_refuses)          \
    X("contradicts", contradicts)            \
    X("crash", crash_gap_us)                 \
    X("stop", stop_gap_us)                   \
    X("pause", pause_gap_us)                 \
    X("move", move_gap_us)                   \
    X("clock", clock_offset_ms)              \
    X("clock", clock_drifts)                 \
    X("commands", commands)                  \
    X("duplicates", duplicates)              \
    X("long-lists", long_lists)              \
    X("batches", batches_count)              \
    X("schedules", schedules_count)          \
    X("onlookers", has_onlookers)            \
    X("retention", retention_ms)             \
    X("retention", retention_max)            \
    X("small-cache", cache_sagas_max)        \
    X("few-slots", slots_max)                \
    X("small-batches", batch_events_max)     \
    X("acquire-timeout", acquire_timeout_ms) \
    X("short-history", history_max)

static const struct {
    const char *name;
    size_t offset, size;
} fields[] = {
#define X(name, field) \
    { (name), offsetof(struct sim_profile, field), sizeof(((struct sim_profile *)NULL)->field) },
    FAULT_FIELDS(X)
#undef X
#define X(name, group, text, worlds, most)                                                 \
    { (group), offsetof(struct sim_profile, faults) + sizeof(uint32_t) * SIM_FAULT_##name, \
      sizeof(uint32_t) },
        SIM_FAULTS(X)
#undef X
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

/* ---- faults ---------------------------------------------------------------------------------- */

static bool is_first_of_name(uint32_t field)
{
    return field == 0 || strcmp(fields[field - 1].name, fields[field].name) != 0;
}

/* The field where a row begins; FIELDS = no such row. */
static uint32_t field_of(uint32_t row)
{
    uint32_t field = 0;
    for (; field < FIELDS; field++) {
        if (is_first_of_name(field) && row-- == 0) break;
    }
    return field;
}

const char *sim_fault_name(uint32_t row)
{
    uint32_t field = field_of(row);
    return field < FIELDS ? fields[field].name : NULL;
}

bool sim_fault_is_on(uint32_t row, const struct sim_profile *profile)
{
    static const char zero[sizeof(int64_t)];
    uint32_t from = field_of(row);
    for (uint32_t i = from; i < FIELDS && (i == from || !is_first_of_name(i)); i++) {
        if (memcmp((const char *)profile + fields[i].offset, zero, fields[i].size) != 0)
            return true;
    }
    return false;
}

static void switch_off(uint32_t row, struct sim_profile *profile)
{
    uint32_t from = field_of(row);
    for (uint32_t i = from; i < FIELDS && (i == from || !is_first_of_name(i)); i++)
        memset((char *)profile + fields[i].offset, 0, fields[i].size);
}

/* ---- the profile ----------------------------------------------------------------------------- */

bool sim_cut_has_start(const struct sim_cut *cut, uint32_t index)
{
    if (!cut->has_only) return true;
    return index < SIM_ONLY_MAX && (cut->only[index / 64] >> (index % 64) & 1u) != 0;
}

void sim_cut_profile(const struct sim_cut *cut, struct sim_profile *profile)
{
    bool had_retention = profile->retention_ms > 0;
    for (uint32_t row = 0; sim_fault_name(row) != NULL; row++) {
        if ((cut->without >> row & 1u) != 0) switch_off(row, profile);
    }
    if (had_retention && profile->retention_ms == 0) profile->chaos_us -= SIM_RETENTION_CHAOS_US;
    /* The starts that are left move together. */
    for (uint32_t i = 0; i < profile->sagas_count; i++) {
        if (!sim_cut_has_start(cut, i)) profile->chaos_us -= profile->rate_gap_us;
    }
    if (cut->nodes > 0 && cut->nodes < profile->nodes_count) profile->nodes_count = cut->nodes;
    if (cut->shards > 0 && cut->shards < profile->shards_count) profile->shards_count = cut->shards;
    if (profile->nodes_count > 1) return;
    profile->is_split = profile->is_grouped = false;
    profile->move_gap_us = 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static struct sk_str word(struct sk_str *rest)
{
    size_t comma = sk_str_find(*rest, ',');
    struct sk_str found = sk_str_sub(*rest, 0, comma);
    *rest = comma < rest->size ? sk_str_sub(*rest, comma + 1, rest->size - comma - 1)
                               : (struct sk_str){ 0 };
    return found;
}

static uint32_t rows_count(void)
{
    uint32_t count = 0;
    while (sim_fault_name(count) != NULL) count++;
    return count;
}

static bool read_faults(struct sk_str list, uint64_t *out)
{
    while (list.size > 0) {
        struct sk_str name = word(&list);
        uint32_t row = 0;
        while (sim_fault_name(row) != NULL && !sk_str_is(name, sim_fault_name(row))) row++;
        if (sim_fault_name(row) == NULL) return false;
        *out |= UINT64_C(1) << row;
    }
    return true;
}

/* `none`, or what is left on. */
static bool read_with(struct sim_cut *cut, struct sk_str list)
{
    uint64_t kept = 0;
    if (!sk_str_is(list, "none") && !read_faults(list, &kept)) return false;
    cut->without |= ((UINT64_C(1) << rows_count()) - 1) & ~kept;
    return true;
}

static bool read_only(struct sim_cut *cut, struct sk_str list)
{
    cut->has_only = true;
    while (list.size > 0) {
        struct sk_str range = word(&list);
        size_t dash = sk_str_find(range, '-');
        uint64_t first = 0, last = 0;
        if (!sk_str_to_u64(sk_str_sub(range, 0, dash), &first)) return false;
        last = first;
        if (dash < range.size &&
            !sk_str_to_u64(sk_str_sub(range, dash + 1, range.size - dash - 1), &last))
            return false;
        if (last >= SIM_ONLY_MAX) return false;
        for (; first <= last; first++) cut->only[first / 64] |= UINT64_C(1) << (first % 64);
    }
    return true;
}

/* dN=JSON */
static bool read_definition(struct sim_cut *cut, struct sk_str text)
{
    if (text.size < 4 || text.data[0] != 'd' || text.data[2] != '=') return false;
    uint32_t index = (uint32_t)(uint8_t)(text.data[1] - '0');
    if (index >= SIM_DEFINITIONS_MAX) return false;
    cut->definitions[index] = sk_str_sub(text, 3, text.size - 3);
    return true;
}

static bool read_number(const char *value, uint64_t most, uint32_t *out)
{
    uint64_t n = 0;
    if (!sk_str_to_u64(sk_str_of(value), &n) || n == 0 || n > most) return false;
    *out = (uint32_t)n;
    return true;
}

bool sim_cut_read(struct sim_cut *cut, const char *name, const char *value)
{
    if (strcmp(name, "--luck") == 0) return sk_str_to_u64(sk_str_of(value), &cut->luck);
    if (strcmp(name, "--without") == 0) return read_faults(sk_str_of(value), &cut->without);
    if (strcmp(name, "--with") == 0) return read_with(cut, sk_str_of(value));
    if (strcmp(name, "--only") == 0) return read_only(cut, sk_str_of(value));
    if (strcmp(name, "--nodes") == 0) return read_number(value, SIM_NODES_MAX, &cut->nodes);
    if (strcmp(name, "--shards") == 0) return read_number(value, 8, &cut->shards);
    if (strcmp(name, "--define") == 0) return read_definition(cut, sk_str_of(value));
    return false;
}

/* Whichever list is shorter. */
static void print_faults(const struct sim_cut *cut, struct sk_buf *out)
{
    uint32_t count = rows_count(), off = 0;
    for (uint32_t row = 0; row < count; row++) off += (uint32_t)(cut->without >> row & 1u);
    bool names_off = off <= count / 2;
    const char *before = names_off ? " --without " : " --with ";
    if (off == count) sk_buf_append_text(out, " --with none");
    for (uint32_t row = 0; row < count; row++) {
        if (((cut->without >> row & 1u) != 0) != names_off) continue;
        sk_buf_printf(out, "%s%s", before, sim_fault_name(row));
        before = ",";
    }
}

static void print_only(const struct sim_cut *cut, struct sk_buf *out)
{
    const char *before = " --only ";
    for (uint32_t first = 0; first < SIM_ONLY_MAX; first++) {
        if (!sim_cut_has_start(cut, first)) continue;
        uint32_t last = first;
        while (last + 1 < SIM_ONLY_MAX && sim_cut_has_start(cut, last + 1)) last++;
        sk_buf_printf(out, "%s%u", before, first);
        if (last > first) sk_buf_printf(out, "-%u", last);
        before = ",";
        first = last;
    }
}

/* JSON in the quotes of a shell. */
static void print_definitions(const struct sim_cut *cut, struct sk_buf *out)
{
    for (uint32_t i = 0; i < SIM_DEFINITIONS_MAX; i++) {
        struct sk_str text = cut->definitions[i];
        if (text.size == 0) continue;
        sk_buf_printf(out, " --define 'd%u=", i);
        for (size_t k = 0; k < text.size; k++) {
            if (text.data[k] == '\'')
                sk_buf_append_text(out, "'\\''");
            else
                sk_buf_append_char(out, text.data[k]);
        }
        sk_buf_append_text(out, "'");
    }
}

void sim_cut_print(const struct sim_cut *cut, struct sk_buf *out)
{
    if (cut->luck > 0) sk_buf_printf(out, " --luck %" PRIu64, cut->luck);
    if (cut->has_only) print_only(cut, out);
    if (cut->without != 0) print_faults(cut, out);
    if (cut->nodes > 0) sk_buf_printf(out, " --nodes %u", cut->nodes);
    if (cut->shards > 0) sk_buf_printf(out, " --shards %u", cut->shards);
    print_definitions(cut, out);
}
