/*
 * fuzz.h: what the fuzzing targets share. A target is one file fuzz_<name>.c; it says in its head
 * what must hold for every input, and FUZZ_CHECK ends the process where it does not.
 *
 *   fuzz.c         inputs taken apart, checks that many targets make
 *   text_mutate.c  mutators that know lines and JSON; the rest is libFuzzer's own
 *   world.c        an engine on virtual time and the memory store, asked as the HTTP API is
 *
 *   F1  A run depends on its input alone: no clock, no chance, nothing kept from the run before.
 *   F2  A run frees what it took, so that a leak is a finding.
 */
#ifndef SKALD_FUZZ_H
#define SKALD_FUZZ_H

#include "base/error.h"
#include "base/json.h"

/* libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Says what is broken and aborts. The message is a format and its arguments. */
#define FUZZ_CHECK(condition, ...)                                                \
    do {                                                                          \
        if (!(condition)) fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__); \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
    SK_PRINTF(4, 5);

/* ---- inputs ---------------------------------------------------------------------------------- */

/* An input read as numbers. At its end everything is 0. */
struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
};
uint8_t fuzz_u8(struct fuzz_bytes *bytes);
uint32_t fuzz_u16(struct fuzz_bytes *bytes);
int64_t fuzz_i64(struct fuzz_bytes *bytes);
uint32_t fuzz_below(struct fuzz_bytes *bytes, uint32_t count);  /* 0 for count 0 */
struct sk_str fuzz_take(struct fuzz_bytes *bytes, size_t size); /* what is left at most */

/* A copy that ends with a NUL, for free(). */
char *fuzz_text(struct sk_str text);
/* The next line without its end; false at the end. */
bool fuzz_line(struct sk_str *rest, struct sk_str *out_line);
/* Splits at the first line that is exactly `mark`; without one `after` is empty. */
void fuzz_split(struct sk_str text, const char *mark, struct sk_str *before, struct sk_str *after);

/* ---- checks ---------------------------------------------------------------------------------- */

/* One JSON value, and no byte too many. */
void fuzz_check_json(struct sk_str text, const char *what);
/* It failed with a status of these, and said why in words that are text. */
void fuzz_check_error(enum skald_status status, const skald_error *error, const char *what);

/* ---- mutators -------------------------------------------------------------------------------- */

struct fuzz_chance {
    uint64_t state;
};
uint32_t fuzz_draw(struct fuzz_chance *chance, uint32_t below);

/* For inputs of lines: moves, doubles, drops, indents lines, puts in one of `fragments` (ends with
 * NULL), exchanges the value behind a colon; every third time libFuzzer's own. */
size_t fuzz_mutate_lines(uint8_t *data, size_t size, size_t max_size, unsigned int seed,
                         const char *const *fragments);
/* For JSON: exchanges a value, drops, doubles or renames a member, wraps one, by `words` (JSON
 * values; ends with NULL). An input that is no JSON gets libFuzzer's own. */
size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned int seed,
                        const char *const *words);

#endif
