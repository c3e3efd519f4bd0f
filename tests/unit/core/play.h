/*
 * play.h: what the tests of the core share: a definition compiled from text, one saga of it whose
 * events are kept as stored bytes, and commands in one line.
 */
#ifndef SKT_CORE_PLAY_H
#define SKT_CORE_PLAY_H

#include "core/core_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SKT_EVENTS_MAX = 2048, SKT_NOW_MS = 1767225600000 /* 2026-01-01T00:00:00Z */ };

struct skt_play {
    struct sk_plan *plan;
    struct sk_saga saga;
    int64_t now_ms;
    struct sk_rules rules;
    struct sk_event events[SKT_EVENTS_MAX]; /* spans into data */
    char *data[SKT_EVENTS_MAX];
    uint32_t events_count;
    struct sk_decision decision; /* of the last command */
    skald_error error;
    /* Called before each command is decided; NULL = not. */
    void (*probe)(struct skt_play *play, const struct sk_command *command);
    uint64_t probes_count; /* for its use */
};

/* A plan from whole YAML; the test fails when it does not compile. */
struct sk_plan *skt_plan(const char *yaml);
/* The usual head (id `t`, order sequential, service `shop`) and these steps. */
struct sk_plan *skt_plan_of(const char *saga_keys, const char *steps);

/* Owns the plan. Without `start` the saga is `s`, with input {"n":1}, and is admitted. */
struct skt_play *skt_play_new(struct sk_plan *plan, const struct sk_start *start);
void skt_play_free(struct skt_play *play);

/* Decides, keeps the events. */
enum skald_status skt_do(struct skt_play *play, struct sk_command command);
struct sk_command skt_command(enum sk_command_kind kind);
/* An answer of this class (code `code`, output `output`) to what flies there; it must fly. */
void skt_reply(struct skt_play *play, uint32_t step, int32_t item, enum sk_operation operation,
               enum sk_outcome_class class_, const char *code, const char *output);
/* The action of a step without foreach. */
void skt_answer(struct skt_play *play, uint32_t step, enum sk_outcome_class class_);
void skt_advance(struct skt_play *play, int64_t ms);
/* Folds the stored events into `out`, which must give the live state; the caller releases it. */
void skt_refold(const struct skt_play *play, struct sk_saga *out);
const struct sk_unit *skt_unit(const struct skt_play *play, uint32_t step);

#define SKT_STEP(id, more)                                                               \
    "  - { id: " id ", name: N-" id ", type: service, action: { service: { name: shop, " \
    "path: /" id " } }" more " }\n"
#define SKT_UNDO ", compensation: { type: automatic }"

#endif
