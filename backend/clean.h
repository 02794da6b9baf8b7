/*
 * `junkmaild --clean`: one mail from standard input, through the very path of
 * a delivery, cleaned to standard output.  Called by main.c; needs no Redis.
 */

#ifndef JM_CLEAN_H
#define JM_CLEAN_H

#include "conf.h"

/* Exit codes besides 0; 2 is main.c's, for the usage. */
#define JM_CLEAN_FAILED 1 /* could not begin, read or write */
#define JM_CLEAN_LIMIT  3 /* larger than message_size, or took too much */

/* The Email object of the API, or its page (`html`).  Returns the exit code.
 */
int jm_clean(const jm_conf_t *conf, int html);

#endif /* JM_CLEAN_H */
