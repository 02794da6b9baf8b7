/*
 * What a process of the backend gives up before it touches a stranger's mail.
 * Called by supervisor.c in each child, after everything has been opened that
 * will ever be needed (Redis, character sets, time zone) and before the first
 * byte is read.
 */

#ifndef JM_SANDBOX_H
#define JM_SANDBOX_H

#include "conf.h"

#define JM_CPU_SECONDS 5 /* of processor time for one message */

/*
 * Drops root for conf->user, forbids gaining privileges, sets the limits on
 * memory, files and core dumps.  0, or -1 after logging why not: the process
 * must then end.
 */
int jm_sandbox_enter(const jm_conf_t *conf);

/*
 * From here the process may use JM_CPU_SECONDS of processor time until
 * jm_sandbox_rest(), or it is killed by SIGPROF.
 */
void jm_sandbox_work(void);
void jm_sandbox_rest(void);

#endif /* JM_SANDBOX_H */
