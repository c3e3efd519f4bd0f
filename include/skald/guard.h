/*
 * guard.h: a participant's guard, over the participant's own SQLite database.
 *
 * Why it is needed. Skald invokes at least once: an answer may be lost, a connection may die
 * after the request, a server may fall over between asking and writing down the answer. So a
 * participant sees
 *
 *   - the same action again, and must not act twice: the guard remembers the first answer of
 *     each key and gives it again;
 *   - a compensation whose action never arrived, and after it perhaps that action, late, out of
 *     some queue or proxy. To act then would be an effect that nobody will ever undo. So a
 *     compensation leaves a tombstone, and an action that finds one is refused with 410. It
 *     carries the key without operation and round, "<saga>/<step>[/<item>]", because that is
 *     where the two meet;
 *   - an action after its Skald-Deadline. Skald may be undoing the step already (it waits for the
 *     deadline and two seconds for clocks that differ), so it is refused with 408.
 *
 * Why inside the participant's own transaction. The effect and the memory of it must stand or fall
 * together: remembered but not done is a lost order, done but not remembered is a second one. Hence
 * both functions work on the connection on which the effect is made, and neither commits.
 *
 *     sqlite3_exec(db, "BEGIN IMMEDIATE", ...);
 *     skald_guard_verdict verdict;
 *     if (skald_guard_begin(db, key, operation, deadline, now_ms, &verdict, &error) != SKALD_OK) {
 *         ... ROLLBACK, answer 503 ...
 *     } else if (verdict.decision != SKALD_GUARD_PROCEED) {
 *         ... COMMIT, answer verdict.status with verdict.body ...
 *     } else {
 *         ... make or undo the effect ...
 *         skald_guard_finish(db, key, operation, 200, body, body_size, now_ms, &error);
 *         ... COMMIT, answer 200 with body ...
 *     }
 *     skald_guard_release(&verdict);
 *
 * key, operation and deadline are the headers Idempotency-Key, Skald-Operation and
 * Skald-Deadline as they came. No state but the database's: any thread, as far as the connection
 * allows. For other languages: examples/guard.sql.
 */
#ifndef SKALD_GUARD_H
#define SKALD_GUARD_H

#include <skald/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

enum skald_guard_decision {
    SKALD_GUARD_PROCEED, /* act (or undo, or look), then skald_guard_finish */
    SKALD_GUARD_REPLAY,  /* answered before: give `status` and `body` again, do nothing */
    SKALD_GUARD_REFUSE /* give `status` and `body`, do nothing: 410 undone already, 408 too late */
};

/* The caller's; skald_guard_release frees the body. */
typedef struct skald_guard_verdict {
    enum skald_guard_decision decision;
    int status;     /* to answer with; 0 when the decision is to proceed */
    bool has_acted; /* an action under this key took effect here (its answer was 2xx) */
    char *body;     /* to answer with. When a compensation or verify proceeds: the action's answer.
                         NULL when empty; otherwise a NUL follows it */
    size_t body_size;
} skald_guard_verdict;

/* Makes the table skald_guard, if it is not there. Once, at the participant's start. */
SKALD_API enum skald_status skald_guard_setup(struct sqlite3 *db, skald_error *error);

/*
 * The first thing in the transaction. `operation` is "action", "compensation" or "verify" (which
 * only looks: has_acted and body say what the answer is); `deadline` may be NULL or empty for
 * none; now_ms is the wall clock in ms since 1970. SKALD_E_STATE: no transaction is open.
 * SKALD_E_ARGUMENT: a key, an operation or a deadline that Skald does not send. SKALD_E_BUSY:
 * another connection writes. SKALD_E_IO, SKALD_E_MEMORY. On failure the verdict says 503: roll
 * back and answer just that, with Retry-After.
 */
SKALD_API enum skald_status skald_guard_begin(struct sqlite3 *db, const char *key,
                                              const char *operation, const char *deadline,
                                              int64_t now_ms, skald_guard_verdict *out_verdict,
                                              skald_error *error);

/*
 * The last thing in the transaction: remembers the answer. Only final answers are remembered,
 * 2xx and a clear no (4xx): for any other (408, 409, 425, 429, 5xx) roll back instead: nothing
 * has happened. A no that undid part of the work must be rolled back and remembered in a
 * transaction of its own. SKALD_E_ARGUMENT as above and for such a status; SKALD_E_CONFLICT: it
 * has been answered already.
 */
SKALD_API enum skald_status skald_guard_finish(struct sqlite3 *db, const char *key,
                                               const char *operation, int status, const void *body,
                                               size_t body_size, int64_t now_ms,
                                               skald_error *error);

SKALD_API void skald_guard_release(skald_guard_verdict *verdict);

#ifdef __cplusplus
}
#endif
#endif
