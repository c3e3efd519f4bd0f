/*
 * scope.c: the values; see scope.h.
 */
#include "scope.h"

#include "base/json.h"

static const char world[] =
    "{\"input\":{\"amount\":1500,\"small\":99.5,\"name\":\"Ada \\\"L\\\"\",\"email\":\"ada@x.org\","
    "\"zero\":0,\"empty\":\"\",\"no\":false,\"yes\":true,\"nil\":null,\"list\":[1,2,{\"a\":[]}],"
    "\"none\":[],\"nothing\":{},\"tags\":[\"new\",\"\\u0076ip\"],\"3d\":\"digit\","
    "\"a b\":\"blank\","
    "\"big\":9007199254740993,\"big2\":9007199254740992,\"spaced\":\"  x  \","
    "\"uni\":\"\xc3\xa4\xe2\x82\xac\","
    "\"travelers\":[{\"email\":\"one@x.org\"},{\"email\":\"two@x.org\"}],\"day\":\"2026-03-04\","
    "\"when\":\"2026-01-02T03:04:05.678+01:00\",\"ms\":86400000,\"bad\":\"2026-13-01T00:00:00Z\","
    "\"user\":{\"first-name\":\"Ada\",\"role\":\"admin\"},\"inner\":\"{{ .input.amount }}\"},"
    "\"output\":[{\"id\":\"o-1\",\"total\":42.50,\"ok\":true},{\"in_stock\":[\"sku-1\"]},null],"
    "\"context\":{\"3ds_return_url\":\"https://x.org/r\",\"depth\":1},"
    "\"variables\":{\"limit\":1000},\"error\":{\"step\":\"check-stock\",\"code\":\"out_of_stock\","
    "\"message\":\"none left\"},\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"saga_id\":\"s-1\","
    "\"step_id\":\"check-stock\",\"step_name\":\"Check \\u0022stock\\u0022\",\"attempt\":2,"
    "\"item\":{\"id\":\"sup-7\",\"n\":3}}";

static struct sk_str get(const void *context, enum sk_root root, uint32_t step_index)
{
    static const char *const names[SK_ROOTS_COUNT] = { "input",     "output",  "context",
                                                       "variables", "error",   "timestamp",
                                                       "saga_id",   "step_id", "step_name",
                                                       "attempt",   "item",    "response" };
    struct sk_str value = sk_json_member(SK_STR(world), sk_str_of(names[root]));
    (void)context;
    return root == SK_ROOT_OUTPUT ? sk_json_element(value, step_index) : value;
}

static const struct sk_str steps[] = {
    { "create-order", 12 },
    { "check-stock", 11 },
    { "3ds_auth", 8 },
};

const struct sk_names skt_names = {
    .steps = steps,
    .steps_count = 3,
    .item_name = { "supplier", 8 },
    .roots_allowed = ~SK_ROOT_BIT(SK_ROOT_RESPONSE),
};
const struct sk_names skt_no_names = { 0 };
const struct sk_scope skt_scope = { .get = get };
