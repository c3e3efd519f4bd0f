/*
 * drive.h: one saga driven by the rules themselves, with chance in place of participants, clock and
 * operators. What must hold on the way is checked here:
 *
 *   1  No command ends in anything but a decision or a refusal with words.
 *   2  Every event that is decided decodes, is readable as JSON, and folds in a second saga to the
 *      same state, byte for byte (law 3); that state is read back from its bytes.
 *   3  A due effect has a request that can be sent; what is waited for can be explained, and a
 *      cancel previewed.
 */
#ifndef SKALD_FUZZ_DRIVE_H
#define SKALD_FUZZ_DRIVE_H

#include "core/decide.h"
#include "fuzz.h"

#define FUZZ_NOW_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

struct fuzz_drive {
    struct sk_saga *saga;  /* the caller's */
    struct sk_saga mirror; /* folds what the decisions say */
    struct sk_decision decision;
    struct sk_rules rules;
    struct fuzz_chance chance;
    int64_t now_ms;
    bool is_corrupt; /* the restored history was none that can go on: nothing more is done */
    /* Told of every event that is decided, with its stored bytes; may be NULL. */
    void (*on_event)(void *context, const struct sk_event *event, struct sk_str data);
    void *context;
};

/* From the state in which the saga is. */
void fuzz_drive_init(struct fuzz_drive *drive, struct sk_saga *saga, uint64_t chance);
void fuzz_drive_release(struct fuzz_drive *drive);
/* SKALD_OK, or why the command was refused. */
enum skald_status fuzz_drive_do(struct fuzz_drive *drive, const struct sk_command *command);
/* Starts the saga (seq 0) with this input. */
enum skald_status fuzz_drive_start(struct fuzz_drive *drive, struct sk_str input);
/* So many answers, moments and commands as chance has it. */
void fuzz_drive_run(struct fuzz_drive *drive, uint32_t turns);
/* Everything that is asked of a saga without a command. */
void fuzz_look_at(const struct sk_saga *saga, int64_t now_ms);

#endif
