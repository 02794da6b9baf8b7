/*
 * The loader: the one process that holds the Redis user who may load
 * functions.  It keeps the function library there, loads it again within a
 * second if somebody flushes it, and tells the supervisor whether the store
 * can be used.  A process of its own, so that a Redis that hangs never makes
 * the supervisor wait.
 */

#ifndef JM_LOADER_H
#define JM_LOADER_H

#include "supervisor.h"

/* Runs until SIGTERM, whose action is the default one, ends it; returns 1
 * when the library cannot be read. */
int jm_loader_run(const jm_conf_t *conf, jm_board_t *board);

#endif /* JM_LOADER_H */
