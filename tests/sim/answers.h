/*
 * answers.h: what participants answer, as bytes and statuses; what that means for a saga is read
 * from the product's own table (invoke/http_outcome.h), as for a real answer.
 */
#ifndef SIM_ANSWERS_H
#define SIM_ANSWERS_H

#include "invoke/http_outcome.h"
#include "world.h"

struct sim_request;

struct sim_answer {
    struct sk_http_answer http;
    struct sk_outcome outcome; /* after sim_answer_conclude */
};

/* `body` is borrowed for as long as the world lives. */
void sim_answer(struct sim_answer *out, uint16_t status, struct sk_str body);
/* An error with a code of the participant's own. */
void sim_answer_refusal(struct sim_answer *out);
void sim_answer_busy(struct sim_answer *out, int64_t retry_after_ms); /* 503 with Retry-After */
void sim_answer_pending(struct sim_answer *out);
/* Nothing came back; `is_sent`: but something may have arrived. */
void sim_answer_nothing(struct sim_answer *out, enum sk_http_failure failure, bool is_sent);
/* Fills outcome. */
void sim_answer_conclude(struct sim_world *world, const struct sim_request *request,
                         struct sim_answer *answer);

#endif
