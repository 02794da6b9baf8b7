/*
 * `junkmaild reclean`: passes the kept originals of stored mail through the
 * sanitiser and the lists of today, where others have made what is stored.
 * Called by main.c; the service may run meanwhile.
 */

#ifndef JM_RECLEAN_H
#define JM_RECLEAN_H

#include "conf.h"

/*
 * `argv[0]` is "reclean".  Returns the exit code: 0; 1 when it could not be
 * done; 2 for a wrong argument; 3 when some mails could not be read and are
 * as they were.
 */
int jm_reclean(const jm_conf_t *conf, int argc, char **argv);

#endif /* JM_RECLEAN_H */
