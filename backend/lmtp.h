/*
 * The server side of LMTP (RFC 2033) over one accepted Unix socket: takes a
 * message, has it delivered and answers for each recipient.
 *
 * Called by worker.c, one connection after the other.  Besides PIPELINING,
 * 8BITMIME, SMTPUTF8, SIZE and CHUNKING it knows two private parameters of
 * MAIL: XDID=<32 hex digits>, the delivery id under which results are kept so
 * that a repeat changes nothing, and XRAW, store without looking inside.
 */

#ifndef JM_LMTP_H
#define JM_LMTP_H

#include <signal.h>

#include "arena.h"
#include "conf.h"
#include "store.h"

#define JM_LMTP_IDLE    5000  /* ms a client may be silent */
#define JM_LMTP_SESSION 30000 /* ms it may take to send its message */

/* What a worker lends to its sessions. */
typedef struct {
    const jm_conf_t *conf;
    jm_store_t      *store;
    jm_arena_t      *arena;
    char             name[256]; /* of this host, for the greeting */

    /* Told 1 when a message is complete and the work on it begins, 0 when it
       has been answered. */
    void (*busy)(void *data, int busy);
    void *data;

    const volatile sig_atomic_t *stopping; /* finish the message, then end */
    const sigset_t              *waiting;  /* signal mask while waiting */
} jm_lmtp_t;

typedef enum {
    JM_LMTP_OK = 0,
    JM_LMTP_STORE_DOWN, /* the process must end: its store is gone */
    JM_LMTP_WORN        /* it should end: a message was too much for it */
} jm_lmtp_status_t;

/* Serves the connection `fd` to its end and closes it. */
jm_lmtp_status_t jm_lmtp_serve(jm_lmtp_t *server, int fd);

/*
 * Answers a connection nobody can serve, `421` and the reason, without ever
 * waiting, and closes it.
 */
void jm_lmtp_refuse(int fd, int stopping);

#endif /* JM_LMTP_H */
