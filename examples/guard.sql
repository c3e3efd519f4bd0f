-- guard.sql: a participant's guard, for any language; include/skald/guard.h says why it is needed and
-- does the same in C. Run everything in ONE transaction with the effect itself (SQLite: BEGIN
-- IMMEDIATE; elsewhere lock the rows of the key). The key is the header Idempotency-Key without its
-- end "/action" or "/compensation" and without a round "/r<n>", so that an action and its compensation
-- meet; the round (1 when there is none) is a column of its own.
CREATE TABLE IF NOT EXISTS skald_guard (
    key       TEXT    NOT NULL,  -- <saga>/<step>[/<item>]
    operation TEXT    NOT NULL,  -- 'action' or 'compensation'
    round     INTEGER NOT NULL,
    status    INTEGER,           -- of the first answer; NULL: a tombstone that is not answered yet
    body      BLOB,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (key, operation, round)
) WITHOUT ROWID;                 -- SQLite only; leave it out elsewhere

-- Action, before it acts:
--  1. A row? Then it was undone, or is to be: answer 410 and do nothing.
--     SELECT 1 FROM skald_guard WHERE key = :key AND operation = 'compensation';
--  2. A row? Then answer just that again and do nothing.
--     SELECT status, body FROM skald_guard
--      WHERE key = :key AND operation = 'action' AND round = :round;
--  3. Skald-Deadline has passed? Answer 408 and do nothing.
--  4. Act, and remember the answer (2xx or a final 4xx; for 408, 409, 425, 429 and 5xx roll back):
--     INSERT INTO skald_guard VALUES (:key, 'action', :round, :status, :body, :now_ms);
--
-- Compensation:
--  1. SELECT status, body FROM skald_guard WHERE key = :key AND operation = 'compensation'
--        AND round = :round AND status IS NOT NULL;      -- a row: answer just that again
--  2. The tombstone:
--     INSERT INTO skald_guard VALUES (:key, 'compensation', :round, NULL, NULL, :now_ms)
--         ON CONFLICT DO NOTHING;
--  3. Was there anything to undo?
--     SELECT body FROM skald_guard
--      WHERE key = :key AND operation = 'action' AND status BETWEEN 200 AND 299;
--  4. Undo it (or nothing), and remember the answer:
--     UPDATE skald_guard SET status = :status, body = :body
--      WHERE key = :key AND operation = 'compensation' AND round = :round;
--
-- Verify (reads only): the query of step 3 above: {"happened": true, "output": …} or {"happened": false}.
--
-- Old rows may go when no saga can ask any more, at the earliest after the retention of the server:
--     DELETE FROM skald_guard WHERE at_ms < :some_weeks_ago_ms;
