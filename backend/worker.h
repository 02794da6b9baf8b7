/*
 * A prefork worker: prepares itself, then accepts one LMTP connection after
 * the other.  Forked by supervisor.c.
 */

#ifndef JM_WORKER_H
#define JM_WORKER_H

#include "supervisor.h"

/*
 * Accepts from `listener` until SIGTERM, which is blocked on entry.  Returns
 * the process's exit code: 0 when told to end or worn out, JM_EXIT_AGAIN when
 * the store is away, 1 when it could not be prepared.
 */
int jm_worker_run(const jm_conf_t *conf, int listener, jm_slot_t *slot);

#endif /* JM_WORKER_H */
