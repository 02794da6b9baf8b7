/*
 * The reaper: one process of the backend that does what is due.  It takes the
 * oldest entries of jm:expire:<shard> (one holder per shard, by a lock that
 * expires), expires addresses, purges deleted mail in slices and frees what
 * belonged to it.  Forked and restarted by supervisor.c; ends when Redis is
 * lost.
 */

#ifndef JM_REAPER_H
#define JM_REAPER_H

#include "conf.h"

/* Runs until SIGTERM; returns the process's exit code. */
int jm_reaper_run(const jm_conf_t *conf);

#endif /* JM_REAPER_H */
