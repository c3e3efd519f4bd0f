/*
 * api.h: what all headers of the library share: what is exported, how option structs carry their
 * size. Include <skald/skald.h>, not this.
 */
#ifndef SKALD_API_H
#define SKALD_API_H

#include <skald/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define SKALD_MUST_CHECK __attribute__((warn_unused_result))
#else
#define SKALD_MUST_CHECK
#endif

/*
 * Options: the first field of every option struct is its size, and zero in any other field means
 * "default"; so a program that was compiled against an older header goes on working. In C:
 *
 *     skald_options options = SKALD_OPTIONS(skald_options, .store = "sqlite:orders.db");
 *     skald_start(engine, "order", input, &SKALD_OPTIONS(skald_start_options, .id = "order-42"),
 *                 &saga, &error);
 *
 * In C++ (and in C where one likes it better) each has an init function:
 *
 *     skald_options options;
 *     skald_options_init(&options);
 *     options.store = "sqlite:orders.db";
 *
 * NULL in place of an option struct: everything by default. A size that is 0 or smaller than the
 * struct ever was is refused with SKALD_E_ARGUMENT, and so is a larger one of which the part that
 * this library does not know is not zero.
 */
#ifndef __cplusplus
#define SKALD_OPTIONS(type, ...) ((type){ .size = sizeof(type), __VA_ARGS__ })
#endif

/* NOLINTBEGIN(bugprone-macro-parentheses): a type in parentheses declares nothing */
#define SKALD_DEFINE_INIT(type)                   \
    static inline void type##_init(type *options) \
    {                                             \
        memset(options, 0, sizeof *options);      \
        options->size = sizeof *options;          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
