/* fault.c: see fault.h. Nothing here allocates. */
#include "fault.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static struct {
    atomic_bool is_armed;
    enum fault_kind kind;
    enum fault_code code;
    uint64_t first, last; /* calls that fail */
    atomic_uint_fast64_t calls, hits;
    _Atomic(const char *) where;
} fault;

/* Not by the dynamic way, which may allocate when a thread comes here first. */
static _Thread_local int held __attribute__((tls_model("initial-exec")));

static const char *const kind_names[FAULT_KINDS_COUNT] = { "allocation", "file", "sqlite" };

static const struct code_row {
    const char *name;
    enum fault_kind kind;
} codes[FAULT_CODES_COUNT] = {
    [FAULT_NULL] = { "null", FAULT_ALLOCATION },     [FAULT_EIO] = { "EIO", FAULT_FILE },
    [FAULT_ENOSPC] = { "ENOSPC", FAULT_FILE },       [FAULT_EMFILE] = { "EMFILE", FAULT_FILE },
    [FAULT_SHORT] = { "short", FAULT_FILE },         [FAULT_BUSY] = { "BUSY", FAULT_SQLITE },
    [FAULT_FULL] = { "FULL", FAULT_SQLITE },         [FAULT_IOERR] = { "IOERR", FAULT_SQLITE },
    [FAULT_NOMEM] = { "NOMEM", FAULT_SQLITE },       [FAULT_CORRUPT] = { "CORRUPT", FAULT_SQLITE },
    [FAULT_READONLY] = { "READONLY", FAULT_SQLITE },
};

const char *fault_kind_name(enum fault_kind kind)
{
    return kind_names[kind];
}

const char *fault_code_name(enum fault_code code)
{
    return codes[code].name;
}

int fault_kind_of(const char *name)
{
    for (int i = 0; i < FAULT_KINDS_COUNT; i++)
        if (strcmp(kind_names[i], name) == 0) return i;
    return -1;
}

int fault_code_of(const char *name)
{
    for (int i = 0; i < FAULT_CODES_COUNT; i++)
        if (strcmp(codes[i].name, name) == 0) return i;
    return -1;
}

enum fault_kind fault_code_kind(enum fault_code code)
{
    return codes[code].kind;
}

void fault_arm(enum fault_kind kind, enum fault_code code, uint64_t at, uint64_t length)
{
    fault_disarm();
    fault.kind = kind;
    fault.code = code;
    fault.first = at;
    fault.last = at == 0 ? 0 : at + length - 1;
    atomic_store(&fault.calls, 0);
    atomic_store(&fault.hits, 0);
    atomic_store(&fault.where, "");
    atomic_store(&fault.is_armed, true);
}

void fault_disarm(void)
{
    atomic_store(&fault.is_armed, false);
}

enum fault_code fault_code(void)
{
    return fault.code;
}

uint64_t fault_calls(void)
{
    return atomic_load(&fault.calls);
}

uint64_t fault_hits(void)
{
    return atomic_load(&fault.hits);
}

const char *fault_where(void)
{
    const char *where = atomic_load(&fault.where);
    return where == NULL ? "" : where;
}

void fault_hold(void)
{
    held += 1;
}

void fault_release(void)
{
    held -= 1;
}

bool fault_strikes(enum fault_kind kind, const char *what, enum fault_code *out_code)
{
    if (!atomic_load_explicit(&fault.is_armed, memory_order_acquire)) return false;
    if (held > 0 || kind != fault.kind) return false;
    uint64_t call = atomic_fetch_add(&fault.calls, 1) + 1;
    if (call < fault.first || call > fault.last) return false;
    if (atomic_fetch_add(&fault.hits, 1) == 0) atomic_store(&fault.where, what);
    *out_code = fault.code;
    return true;
}
