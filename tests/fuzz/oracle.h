/*
 * oracle.h: what an answer of the HTTP API must look like, by the OpenAPI document that the server
 * itself publishes: statuses, media types, and the schema of each body.
 */
#ifndef SKALD_FUZZ_ORACLE_H
#define SKALD_FUZZ_ORACLE_H

#include "world.h"

/* Aborts where the answer is none that the document allows. `may_be_damaged`: a history that no
 * rules have made was let in before, so the store may be called damaged (500). */
void fuzz_check_answer(const struct fuzz_request *request, const struct fuzz_answer *answer,
                       bool may_be_damaged);

#endif
