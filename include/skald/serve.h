/*
 * serve.h: the HTTP API of an engine that lives in this program, so that operators, the command
 * line (`skald --server URL …`), participants with pending answers and other languages reach it.
 */
#ifndef SKALD_SERVE_H
#define SKALD_SERVE_H

#include <skald/api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

/*
 * Listens, until skald_close: the HTTP API, and at / the console if it was built in. What is asked
 * is answered on the engine's own thread. `listen` is "127.0.0.1:8080", "[::1]:8080" or ":0" (any
 * free port of 127.0.0.1); NULL = the setting `listen`. *out_port (may be NULL) is the port. Other
 * bounds are the settings `server.*`. Takes up the sagas as skald_run does. Whoever reaches the
 * address may start and cancel sagas: bind it to the loopback address, or put something in front of
 * it that asks who it is.
 *
 * SKALD_E_ARGUMENT: no such address here. SKALD_E_BUSY: the port is taken. SKALD_E_CONFLICT: it is
 * served already. Otherwise as skald_run.
 */
SKALD_API enum skald_status skald_serve(skald_engine *engine, const char *listen,
                                        uint16_t *out_port, skald_error *error);

#ifdef __cplusplus
}
#endif
#endif
