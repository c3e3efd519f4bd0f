/* scope.c: see scope.h. */
#include "scope.h"

#include "fuzz.h"

static const char usual_world[] =
    "{\"input\":{\"amount\":1500,\"small\":99.5,\"name\":\"Ada \\\"L\\\"\",\"zero\":0,"
    "\"empty\":\"\",\"no\":false,\"nil\":null,\"list\":[1,2,{\"a\":[]}],\"none\":[],"
    "\"a b\":\"blank\",\"big\":9007199254740993,\"uni\":\"\xc3\xa4\xe2\x82\xac\","
    "\"evil\":\"a\\r\\nX: 1\\u0000$\",\"brace\":\"{secret:TOKEN}\",\"day\":\"2026-03-04\","
    "\"when\":\"2026-01-02T03:04:05.678+01:00\",\"ms\":86400000},"
    "\"output\":[{\"id\":\"o-1\",\"total\":42.50,\"ok\":true},{\"in_stock\":[\"sku-1\"]},null],"
    "\"context\":{\"depth\":1},\"variables\":{\"limit\":1000},\"error\":{\"step\":\"check-stock\","
    "\"code\":\"out_of_stock\",\"message\":\"none left\"},"
    "\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"saga_id\":\"s-1\",\"step_id\":\"check-stock\","
    "\"step_name\":\"Check\",\"attempt\":2,\"item\":{\"id\":\"sup-7\",\"n\":3},"
    "\"response\":{\"state\":\"done\",\"n\":[0]}}";

static struct sk_str get(const void *context, enum sk_root root, uint32_t step_index)
{
    static const char *const names[SK_ROOTS_COUNT] = { "input",     "output",  "context",
                                                       "variables", "error",   "timestamp",
                                                       "saga_id",   "step_id", "step_name",
                                                       "attempt",   "item",    "response" };
    const struct fuzz_scope *scope = context;
    FUZZ_CHECK((scope->refs->roots & SK_ROOT_BIT(root)) != 0, "%s is in no refs", names[root]);
    struct sk_str value = sk_json_member(scope->world, sk_str_of(names[root]));
    if (root != SK_ROOT_OUTPUT) return value;
    FUZZ_CHECK(step_index < fuzz_names.steps_count, "step %u", step_index);
    FUZZ_CHECK(sk_bitset_has(&scope->refs->steps, step_index), "step %u is in no refs", step_index);
    return sk_json_type(value) == SK_JSON_ARRAY ? sk_json_element(value, step_index)
                                                : (struct sk_str){ NULL, 0 };
}

static const struct sk_str steps[] = {
    { "create-order", 12 },
    { "check-stock", 11 },
    { "3ds_auth", 8 },
};

const struct sk_names fuzz_names = {
    .steps = steps,
    .steps_count = 3,
    .item_name = { "supplier", 8 },
    .roots_allowed = ~UINT32_C(0),
};

void fuzz_scope_init(struct fuzz_scope *scope, struct sk_str world)
{
    bool is_sound = sk_json_check(world, NULL) == SKALD_OK && sk_json_type(world) == SK_JSON_OBJECT;
    *scope = (struct fuzz_scope){ .world = is_sound ? world : SK_STR(usual_world) };
    scope->port = (struct sk_scope){ .context = scope, .get = get };
}

void fuzz_check_expr_error(enum skald_status status, const struct sk_expr_error *error,
                           size_t text_size)
{
    fuzz_check_error(status, &error->error, "compile");
    FUZZ_CHECK(error->offset <= text_size, "%zu of %zu: %s", error->offset, text_size,
               error->error.message);
}
