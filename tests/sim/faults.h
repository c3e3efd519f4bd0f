/*
 * faults.h: the kinds of fault that the world draws by rates, as one table. What each does stands
 * where it strikes: the store's in sim_store_faults.c, the nodes' in node_faults.c, the
 * participants' in tempers.c.
 *
 *   F1  Each kind has a stream of chance of its own, also for how hard it strikes: to switch one
 *       off leaves the draws of all others as they were.
 *   F2  None strikes in the calm.
 *   F3  Each strike is told to the trace and counted.
 *
 * Not here: the faults of the first hour (passing, not known, crash, lost requests …), which are
 * fields of struct sim_profile.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "rng.h"

struct sim_world;

/* name, group (of --without), text, how many worlds of 1000 have it, the highest rate there. A
 * rate is permille: of the occasions, or of the seconds for what goes on for a while (s). */
#define SIM_FAULTS(X)                                                                              \
    X(READ_SLOW, "read", "read-slow", 200, 30)           /* seconds pass before a read */          \
    X(READ_BROKEN, "read", "read-broken", 120, 4)        /* an I/O error: the handle is broken */  \
    X(READ_DAMAGED, "damage", "read-damaged", 120, 12)   /* a history cannot be read back */       \
    X(LEASE_UNSURE, "lease", "lease-unsure", 200, 60)    /* take, renewal: an error, maybe done */ \
    X(DEFINE_UNSURE, "lease", "define-unsure", 250, 300) /* a definition: the same */              \
    X(COMMIT_LATE, "commit", "commit-late", 200, 30)     /* durable, and told seconds later */     \
    X(COMMIT_LINGERS, "commit", "commit-lingers", 400, 500) /* of a dead node's, by the server */  \
    X(COMMIT_PAUSED, "commit", "commit-paused", 200, 25)    /* the node stands while it is out */  \
    X(DISK_FULL, "disk", "disk-full", 200, 40)              /* s: takes nothing, can be read */    \
    X(DISK_READ_ONLY, "disk", "disk-read-only", 100, 20)    /* s: the same */                      \
    X(STORE_AWAY, "away", "store-away", 200, 30)            /* s: nothing is known of anything */  \
    X(PARTITION, "away", "partition", 300, 40)              /* s: the same for one node */         \
    X(SEIZED, "seized", "seized", 300, 60)                  /* s: somebody else gets a shard */    \
    X(RIVAL, "seized", "rival", 200, 60)                    /* s: two are told to own a shard */   \
    X(SETTINGS, "settings", "settings", 300, 600)           /* a node starts with other limits */  \
    X(CLOCK_JUMP, "clock-jump", "clock-jump", 350, 80)      /* s: its wall clock is set */         \
    X(RESTORE, "restore", "restore", 150, 25)               /* s: a copy, and later back to it */  \
    X(LINK_HELD, "link", "link-held", 250, 60)              /* messages of a way wait */           \
    X(MESSAGE_TWICE, "link", "message-twice", 250, 100)     /* handed over again */                \
    X(BODY_GARBAGE, "bodies", "body-garbage", 250, 40)      /* a 2xx that nobody can use */        \
    X(BODY_HUGE, "bodies", "body-huge", 200, 30)            /* larger than an output may be */     \
    X(CONFLICT, "conflict", "conflict", 200, 40)            /* 409 */                              \
    X(GONE, "gone", "gone", 400, 400)                       /* 410 or 404 to an undo */            \
    X(PROXY, "proxy", "proxy", 200, 30)                     /* something before it answers */      \
    X(RETRY_AFTER, "retry-after", "retry-after", 200, 40)   /* of any size */                      \
    X(REPLY_LATE, "reply-late", "reply-late", 250, 50)      /* past the deadline, or nearly */     \
    X(VERIFY_NULL, "verify-null", "verify-null", 300, 200)  /* many times in a row */              \
    X(LIES, "lies", "lies", 100, 10)        /* has done it, and says no for ever */                \
    X(DOWN, "down", "down", 250, 20)        /* s: a participant is not reached */                  \
    X(AMNESIA, "amnesia", "amnesia", 60, 6) /* s: it has lost its book */                          \
    X(TOKEN_FORGED, "tokens", "token-forged", 400,                                                 \
      300) /* a completion with another token first */                                             \
    X(TOKEN_EARLIER, "tokens", "token-earlier", 400,                                               \
      800) /* … with the token of an earlier attempt */                                          \
    X(TOKEN_AGAIN, "tokens", "token-again", 400, 300) /* … and then the opposite */              \
    X(LETTER_LATE, "letters", "letter-late", 400, 60) /* of siblings, and all behind it */

enum sim_fault {
#define X(name, group, text, worlds, most) SIM_FAULT_##name,
    SIM_FAULTS(X)
#undef X
        SIM_FAULTS_COUNT
};

const char *sim_fault_text(enum sim_fault fault);
/* Fills profile->faults; and the streams of a new world. */
void sim_faults_draw(uint32_t faults[SIM_FAULTS_COUNT], uint64_t seed);
void sim_faults_init(struct sim_world *world);
/* It happens now, or not: F1–F3. Ask only where it can happen. */
bool sim_strikes(struct sim_world *world, enum sim_fault fault);
/* How hard. */
struct sim_rng *sim_dice(struct sim_world *world, enum sim_fault fault);

#endif
