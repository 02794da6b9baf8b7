/*
 * junkmaild's configuration: a file of `name value;` lines as in nginx, read
 * once at start by main.c.  Options, defaults and limits stand in one table in
 * conf.c; an error names file and line.
 */

#ifndef JM_CONF_H
#define JM_CONF_H

#include <stddef.h>

typedef struct {
    char  *redis;     /* path of Redis's Unix socket, or host:port */
    char  *passwords; /* directory of backend, loader and admin .password */
    char  *lmtp;      /* path of the Unix socket to listen on, mode 0660 */
    char  *library;   /* path of junkmail.lua */
    char  *user;      /* workers run as this user when started as root */
    char  *group;     /* owner group of the LMTP socket (nginx's); optional */
    char  *trackers;  /* file of the operator's own tracker rows; optional */
    char  *pid;       /* file for the supervisor's pid; optional */
    int    workers;   /* prefork workers: 1 to 64 */
    size_t message_size;   /* bytes a message may have, trace included */
    int    keep_originals; /* on | off: GET /emails/:id/source */
    int    bin_days;       /* until the bin is emptied; 0: never */
    int    idle_days; /* until an account without addresses and requests is
                         removed; 0: never */
} jm_conf_t;

/*
 * Reads `path`.  0; -1 after printing what is wrong to stderr as
 * "junkmaild: conf/junkmail.conf:12: …".
 */
int jm_conf_read(jm_conf_t *conf, const char *path);

/* What holds where there is no file.  0, or -1 when memory is short. */
int jm_conf_defaults(jm_conf_t *conf);

#endif /* JM_CONF_H */
