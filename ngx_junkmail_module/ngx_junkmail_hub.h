/*
 * Fan-out: one watch per account that has listeners in this worker.  The event
 * log in Redis is the truth; a publish only wakes the watch, which reads the
 * log on from its last id and gives each event, serialised once, to its
 * listeners.  Those are ngx_junkmail_subscriber.c's, which a peer or a stream
 * of HTTP/2 resumes and takes out, and ngx_junkmail_api_wait.c's.
 */

#ifndef _NGX_JUNKMAIL_HUB_H_INCLUDED_
#define _NGX_JUNKMAIL_HUB_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "jm_key.h"
#include "ngx_junkmail_event.h"

typedef struct ngx_junkmail_listener_s ngx_junkmail_listener_t;

typedef struct {

    /* A new event, in log order, each once.  The callee takes its own
     * reference if it keeps it.  NGX_AGAIN: taken, but a replay should pause
     * until ngx_junkmail_hub_resume().  Must not leave. */
    ngx_int_t (*event)(ngx_junkmail_listener_t *l, ngx_junkmail_event_t *e);

    /* The log no longer holds all that came after the last event; it goes on
     * after `newest`.  Must not leave. */
    void (*reset)(ngx_junkmail_listener_t *l, ngx_str_t *newest);

    /* The key is no longer good: revoked, expired, its account gone.  The
     * listener has left. */
    void (*gone)(ngx_junkmail_listener_t *l);
} ngx_junkmail_listener_ops_t;

/* One who reads the log; the hub's own business. */
typedef struct {
    ngx_queue_t              turn; /* among those who wait for Redis */
    void                    *ask;  /* the command in flight */
    void                    *watch;
    ngx_junkmail_listener_t *listener;    /* NULL: the watch's own reader */
    ngx_junkmail_cursor_t    cursor;      /* of the last event delivered */
    unsigned                 waiting : 1; /* in one of the hub's queues */
    unsigned                 check : 1;   /* of a watch: look at the keys */
    unsigned                 doubt : 1;  /* look whether the cursor is known */
    unsigned                 sound : 1;  /* it has just been found so */
    unsigned                 again : 1;  /* woken with a command in flight */
    unsigned                 paused : 1; /* who reads has enough for now */
    unsigned                 live : 1;   /* the watch reads for it */
} ngx_junkmail_reader_t;

/* Owned by the caller, who sets `ops` and `data`; zeroed otherwise. */
struct ngx_junkmail_listener_s {
    const ngx_junkmail_listener_ops_t *ops;
    void                              *data;
    ngx_queue_t                        queue; /* in the watch */
    ngx_junkmail_reader_t              reader;
    void                              *key; /* the hub's record of it */
};

/* Sets the worker's hub up; from init_process, before the first join. */
void ngx_junkmail_hub_init(ngx_cycle_t *cycle);

/*
 * Joins the watch of `account` (22 characters) so that the listener sees every
 * event after `since` (an id that jm_log_open called valid): replay from the
 * log first, then live, without gap or double.  `keyhash` (64 hex digits) is
 * asked about again whenever the store may have changed its mind, and each
 * minute.  Never calls back before it returns.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_junkmail_hub_join(ngx_junkmail_listener_t *l, ngx_str_t *account,
                                ngx_str_t *keyhash, ngx_str_t *since);
void      ngx_junkmail_hub_leave(ngx_junkmail_listener_t *l);

/* The listener has room again after NGX_AGAIN.  Never calls back before it
 * returns. */
void ngx_junkmail_hub_resume(ngx_junkmail_listener_t *l);

#endif /* _NGX_JUNKMAIL_HUB_H_INCLUDED_ */
