/* embedded.c: a program with the engine in itself and its console open: prints the address, ends
 * when its input ends. For test_console.py. */
#include <skald/skald.h>

#include <stdio.h>

static void greet(skald_call *call, void *user)
{
    (void)user;
    skald_succeed(call, "{\"said\": \"hello\"}");
}

static const char greeting[] =
    "saga: {id: greeting, name: Greeting, version: '1'}\n"
    "steps: [{id: greet, name: Greet, type: function, action: {function: {name: greet}}}]\n";

int main(void)
{
    skald_error error = { .message = "" };
    skald_engine *engine = NULL;
    skald_options options = SKALD_OPTIONS(skald_options, .store = "memory:");
    skald_start_options start = SKALD_OPTIONS(skald_start_options, .id = "embedded-1");
    uint16_t port = 0;
    bool is_up = skald_open(&options, &engine, &error) == SKALD_OK &&
                 skald_register(engine, "greet", greet, NULL, NULL, &error) == SKALD_OK &&
                 skald_define_text(engine, greeting, "greeting", NULL, &error) == SKALD_OK &&
                 skald_serve(engine, "127.0.0.1:0", &port, &error) == SKALD_OK &&
                 skald_start(engine, "greeting", "{}", &start, NULL, &error) == SKALD_OK;
    if (is_up) {
        printf("http://127.0.0.1:%u\n", (unsigned)port);
        (void)fflush(stdout);
        while (getchar() != EOF) continue;
    } else {
        fprintf(stderr, "embedded: %s\n", error.message);
    }
    return skald_close(engine) == SKALD_OK && is_up ? 0 : 1;
}
