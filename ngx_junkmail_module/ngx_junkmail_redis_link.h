/*
 * What ngx_junkmail_redis.c (the life of a link, commands) and
 * ngx_junkmail_redis_pubsub.c (subscriptions) share; nobody else includes it.
 */

#ifndef _NGX_JUNKMAIL_REDIS_LINK_H_INCLUDED_
#define _NGX_JUNKMAIL_REDIS_LINK_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/async.h>

#include "ngx_junkmail.h"

typedef enum {
    NGX_JUNKMAIL_REDIS_OFF = 0,    /* no context; the timer may be running */
    NGX_JUNKMAIL_REDIS_CONNECTING, /* AUTH and PING are on their way */
    NGX_JUNKMAIL_REDIS_UP,         /* PING was answered */
    NGX_JUNKMAIL_REDIS_CLOSING     /* given up; hiredis has yet to let go */
} ngx_junkmail_redis_state_e;

typedef struct ngx_junkmail_redis_link_s ngx_junkmail_redis_link_t;

struct ngx_junkmail_redis_link_s {
    const char                *name;
    ngx_junkmail_redis_state_e state;
    redisAsyncContext         *ac;
    ngx_queue_t                asks; /* oldest first */
    ngx_uint_t                 nasks;
    ngx_uint_t                 foreign; /* asks that are not our own */
    ngx_msec_t                 backoff;
    ngx_event_t                deadline;
    ngx_event_t                reconnect;
    void (*up)(ngx_junkmail_redis_link_t *link);
    void (*down)(ngx_junkmail_redis_link_t *link);
    unsigned failed : 1;  /* since it was last up */
    unsigned exiting : 1; /* the worker ends: no reply, no reconnection */
};

/* NULL until the worker has come up, and without a junkmail {} block. */
extern ngx_junkmail_conf_t *ngx_junkmail_redis_conf;

extern ngx_junkmail_redis_link_t ngx_junkmail_redis_pubsub;

/*
 * Puts one command on a link that has a context, unaccounted for: no deadline,
 * no limit.  NGX_ERROR when hiredis does not take it.
 */
ngx_int_t ngx_junkmail_redis_send(ngx_junkmail_redis_link_t *link,
                                  redisCallbackFn *fn, void *data,
                                  ngx_uint_t argc, ngx_str_t *argv);

/*
 * Gives a link up.  Within a callback of hiredis' the context lives on until
 * that returns; CLOSING keeps commands away from it.
 */
void ngx_junkmail_redis_close(ngx_junkmail_redis_link_t *link);

/* Start and end of the subscriptions' own state. */
void ngx_junkmail_redis_pubsub_init(ngx_cycle_t *cycle);
void ngx_junkmail_redis_pubsub_exit(void);

#endif /* _NGX_JUNKMAIL_REDIS_LINK_H_INCLUDED_ */
