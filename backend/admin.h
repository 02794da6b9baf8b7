/*
 * The operator's command line: `junkmaild domain`, `junkmaild account` and
 * `junkmaild key`.  Called by main.c with what follows the options;
 * speaks to Redis as ACL user admin.
 */

#ifndef JM_ADMIN_H
#define JM_ADMIN_H

#include "conf.h"

/* `argv[0]` is "domain", "account" or "key".  Returns the exit code. */
int jm_admin(const jm_conf_t *conf, int argc, char **argv);

#endif /* JM_ADMIN_H */
