/*
 * skald.h: the whole library: sagas inside a C or C++ program. docs/embedding.md is the guide.
 *
 *     skald_engine *engine;
 *     skald_error error;
 *     skald_options options = SKALD_OPTIONS(skald_options, .store = "sqlite:orders.db");
 *     if (skald_open(&options, &engine, &error) != SKALD_OK) …
 *     skald_register(engine, "reserve-stock", reserve, release, inventory, &error);
 *     skald_define_file(engine, "order.saga.yaml", NULL, &error);
 *     skald_start(engine, "order", "{\"sku\": \"A-1\"}",
 *                 &SKALD_OPTIONS(skald_start_options, .id = "order-42"), NULL, &error);
 *     skald_wait(engine, "order-42", 30000, &saga, &error);
 *     puts(skald_state_name(skald_reply_state(saga)));
 *     skald_reply_free(saga);
 *     skald_close(engine);
 *
 * <skald/guard.h>, for participants over SQLite, is included by itself.
 */
#ifndef SKALD_SKALD_H
#define SKALD_SKALD_H

#include <skald/definition.h>
#include <skald/engine.h>
#include <skald/function.h>
#include <skald/operate.h>
#include <skald/reply.h>
#include <skald/saga.h>
#include <skald/schedule.h>
#include <skald/serve.h>
#include <skald/status.h>
#include <skald/subscribe.h>
#include <skald/task.h>

#endif
