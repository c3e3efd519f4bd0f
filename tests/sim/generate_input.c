/* generate_input.c: what sagas are started with: usual, of many scripts and sizes, and odd. */
#include "generate.h"

enum { HUGE_LIST = 10001 /* one more than a foreach takes */ };

static void put_list(struct sim_rng *rng, enum sim_input_kind kind, uint32_t long_lists,
                     struct sk_buf *out)
{
    static const char *const lists[] = {
        "[]", "[1]", "[1,\"two\"]", "[1,2,3]", "[{\"a\":1},2,3,4]", "[null,[],{}]"
    };
    static const char *const others[] = { "null", "\"a text\"", "{\"a\":1}", "7", "true" };
    uint32_t count = kind == SIM_INPUT_HUGE_LIST   ? HUGE_LIST
                     : sim_chance(rng, long_lists) ? 100 + sim_below(rng, 100)
                                                   : 0;
    if (kind == SIM_INPUT_NO_LIST) {
        sk_buf_append_text(out, others[sim_below(rng, 5)]);
    } else if (count == 0) {
        sk_buf_append_text(out, lists[sim_below(rng, 6)]);
    } else {
        for (uint32_t i = 0; i < count; i++) sk_buf_printf(out, "%c%u", i == 0 ? '[' : ',', i);
        sk_buf_append_text(out, "]");
    }
}

static void put_odds(struct sim_rng *rng, struct sk_buf *out)
{
    static const char *const pauses[] = { "\"1s\"", "\"2s500ms\"", "\"0\"", "\"no duration\"",
                                          "null",   "\"300ms\"",   "3" };
    static const char *const instants[] = { "\"2026-01-01T00:00:20Z\"",
                                            "\"2026-01-01T01:00:45.5+01:00\"", "\"yesterday\"",
                                            "\"2025-12-31T23:59:59Z\"" };
    if (sim_chance(rng, 800)) sk_buf_printf(out, ",\"pause\":%s", pauses[sim_below(rng, 7)]);
    if (sim_chance(rng, 800)) sk_buf_printf(out, ",\"when\":%s", instants[sim_below(rng, 4)]);
    if (sim_chance(rng, 500)) {
        sk_buf_append_text(out, ",\"text\":");
        sim_generate_text(rng, true, out);
    }
    if (sim_chance(rng, 300)) {
        sk_buf_append_text(out, ",\"any\":");
        sim_generate_json(rng, 1 + sim_below(rng, 5), true, out);
    }
    if (sim_chance(rng, 30)) { /* as deep as it may be; what holds it may be too deep to be sent */
        uint32_t depth = sim_chance(rng, 300) ? 20 + sim_below(rng, 80) : 116 + sim_below(rng, 12);
        sk_buf_append_text(out, ",\"deep\":");
        for (uint32_t i = 0; i < depth; i++) sk_buf_append_text(out, "[");
        for (uint32_t i = 0; i < depth; i++) sk_buf_append_text(out, "]");
    }
    if (sim_chance(rng, 20)) {
        sk_buf_append_text(out, ",\"long\":\"");
        for (uint32_t i = 0, size = sim_below(rng, 2000); i < size; i++)
            sk_buf_append_text(out, "ä€");
        sk_buf_append_text(out, "\"");
    }
}

enum sim_input_kind sim_generate_input(struct sim_rng *rng, uint32_t long_lists, struct sk_buf *out)
{
    uint32_t dice = sim_below(rng, 4000);
    enum sim_input_kind kind = dice < 40   ? SIM_INPUT_NO_LIST
                               : dice < 42 ? SIM_INPUT_HUGE_LIST
                               : dice < 80 ? SIM_INPUT_MISFIT
                                           : SIM_INPUT_USUAL;
    uint32_t n = kind == SIM_INPUT_MISFIT ? 5000 : sim_below(rng, 10);
    sk_buf_printf(
        out,
        "{\"n\":%u,\"few\":[1,2],\"none\":[],\"odd\":\"one\",\"user\":\"u%u\","
        "\"lock\":%u,\"amount\":%u.5,\"flag\":%s,\"again\":%s,\"card\":\"4111\",\"list\":",
        n, sim_below(rng, 100), sim_below(rng, 4), sim_below(rng, 20),
        sim_chance(rng, 500) ? "true" : "false", sim_chance(rng, 500) ? "true" : "false");
    put_list(rng, kind, long_lists, out);
    put_odds(rng, out);
    sk_buf_append_text(out, "}");
    return kind;
}
