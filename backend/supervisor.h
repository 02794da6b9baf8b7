/*
 * The daemon's first process: listens for LMTP, starts and watches the
 * others, and answers 421 when none of them can.  Called by main.c.
 *
 *   supervisor ─┬─ loader       holds the Redis connection of user loader
 *               ├─ reaper       reaper.c: does what is due
 *               └─ workers …    worker.c: one message after the other
 *
 * It parses nothing, talks to Redis never and waits for nothing: what the
 * others know it reads from a board of atomics in shared memory.
 *
 * SIGTERM, SIGINT, SIGQUIT: stop accepting, let workers finish the message
 * they have (30 s), end with 0.  SIGHUP: read the configuration again, start
 * new children, let the old ones finish.
 */

#ifndef JM_SUPERVISOR_H
#define JM_SUPERVISOR_H

#include <stdatomic.h>
#include <stdint.h>

#include "conf.h"

/* Old and new children of a reload, with room for two reloads in a hurry. */
#define JM_SLOTS 200

/* A child's exit code: the store is away, nothing is wrong with the child. */
#define JM_EXIT_AGAIN 75

typedef enum {
    JM_STORE_STATE_UNKNOWN = 0, /* the loader has not been there yet */
    JM_STORE_STATE_UP,          /* Redis answers and has our functions */
    JM_STORE_STATE_AWAY
} jm_store_state_t;

/* What one worker tells; written by it, cleared by the supervisor. */
typedef struct {
    atomic_int           ready; /* prepared to accept */
    atomic_int_least64_t busy;  /* ticks at which its message was complete */
} jm_slot_t;

typedef struct {
    atomic_int store; /* jm_store_state_t; written by the loader */
    jm_slot_t  slots[JM_SLOTS];
} jm_board_t;

/*
 * Runs the daemon until it is told to stop.  `path` is read again on SIGHUP.
 * Returns the process's exit code.
 */
int jm_supervisor_run(jm_conf_t *conf, const char *path);

#endif /* JM_SUPERVISOR_H */
