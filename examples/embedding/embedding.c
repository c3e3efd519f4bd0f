/* An order in two C functions, undone when the card is declined. embedding [card] [store]
 *     cc -std=c17 embedding.c $(pkg-config --cflags --libs skald) -o embedding */
#include <skald/skald.h>
#include <stdio.h>
#include <string.h>

static void reserve(skald_call *call, void *user)
{
    (void)user;
    printf("reserve  %s\n", skald_input_text(call, "item"));
    skald_succeed(call, "{\"reservation\": \"r-17\"}");
}

static void release(skald_call *call, void *user)
{
    (void)user;
    printf("release  %s\n", skald_output_text(call, "reserve", "reservation"));
    skald_succeed(call, NULL);
}

static void charge(skald_call *call, void *user)
{
    const char *card = user;
    printf("charge   %s for %s\n", card, skald_output_text(call, "reserve", "reservation"));
    if (strcmp(card, "declined") == 0)
        skald_fail(call, "declined", "the bank says no");
    else
        skald_succeed(call, "{\"paid\": true}");
}

static const char order[] =
    "saga: {id: order, name: Order, version: '1', order: sequential}\n"
    "steps:\n"
    "  - {id: reserve, name: Reserve, type: function, action: {function: {name: stock}},\n"
    "     compensation: {type: automatic}}\n"
    "  - {id: charge, name: Charge, type: function, action: {function: {name: card}},\n"
    "     compensation: {type: skip}}\n";

int main(int argc, char **argv)
{
    char *card = argc > 1 ? argv[1] : "visa"; /* the user pointer of `charge` */
    skald_error error = { .message = "" };
    skald_engine *engine = NULL;
    skald_reply *saga = NULL;
    skald_options options = SKALD_OPTIONS(skald_options, .store = argc > 2 ? argv[2] : "memory:");
    skald_start_options start = SKALD_OPTIONS(skald_start_options, .id = "order-42");
    bool is_done =
        skald_open(&options, &engine, &error) == SKALD_OK &&
        skald_register(engine, "stock", reserve, release, NULL, &error) == SKALD_OK &&
        skald_register(engine, "card", charge, NULL, card, &error) == SKALD_OK &&
        skald_define_text(engine, order, "order", NULL, &error) == SKALD_OK &&
        skald_start(engine, "order", "{\"item\": \"lamp\"}", &start, NULL, &error) == SKALD_OK &&
        skald_wait(engine, "order-42", 30000, &saga, &error) == SKALD_OK;
    if (is_done) printf("order    %s\n", skald_state_name(skald_reply_state(saga)));
    if (!is_done) fprintf(stderr, "embedding: %s\n", error.message);
    skald_reply_free(saga);
    return skald_close(engine) == SKALD_OK && is_done ? 0 : 1;
}
