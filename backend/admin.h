/*
 * The operator's command line: `junkmaild domain add|list|remove` and
 * `junkmaild account add`.  Called by main.c with what follows the options;
 * speaks to Redis as ACL user admin.
 */

#ifndef JM_ADMIN_H
#define JM_ADMIN_H

#include "conf.h"

/* `argv[0]` is "domain" or "account".  Returns the exit code. */
int jm_admin(const jm_conf_t *conf, int argc, char **argv);

#endif /* JM_ADMIN_H */
