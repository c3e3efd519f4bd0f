/*
 * bench_saga.h: the saga of `skald bench`, and of those who write its history without it
 * (bench/fill.c): both must be one definition.
 */
#ifndef SK_CLI_BENCH_SAGA_H
#define SK_CLI_BENCH_SAGA_H

#define BENCH_STEP(id, source)                                                               \
    "{\"id\":\"" id "\",\"name\":\"" id "\",\"type\":\"function\",\"action\":{\"function\":" \
    "{\"name\":\"bench\",\"parameters\":{\"order\":\"{{ " source ".order }}\"}}},"           \
    "\"compensation\":{\"type\":\"skip\"}}"

static const char bench_definition[] =
    "{\"saga\":{\"id\":\"bench\",\"name\":\"Bench\",\"version\":\"1\",\"order\":\"sequential\"},"
    "\"steps\":[" BENCH_STEP("one", ".input") "," BENCH_STEP("two", ".output.one") "," BENCH_STEP(
        "three", ".output.two") "]}";
static const char bench_input[] = "{\"order\":\"4711\",\"customer\":\"Ada\",\"amount\":299.99,"
                                  "\"items\":[{\"item_id\":\"item1\",\"quantity\":2}]}";

#endif
