/*
 * The worker's two links to Redis: one for commands, pipelined, one for
 * subscriptions.  Both connect when first wanted, come back by themselves with
 * back-off, and are closed in exit_process.  hiredis types stop here and in
 * ngx_junkmail_redis_event.c, but for redisReply, which callbacks read.
 */

#ifndef _NGX_JUNKMAIL_REDIS_H_INCLUDED_
#define _NGX_JUNKMAIL_REDIS_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

/*
 * Called exactly once for every command accepted, unless its pool died before.
 * `reply` is NULL when the link was lost or the deadline passed: the outcome
 * is then unknown.  The reply is freed after the callback returns.
 */
typedef void (*ngx_junkmail_redis_pt)(void *data, redisReply *reply);

/*
 * Queues one command; all commands of one event-loop turn leave in one write.
 * Never calls back before it returns.  The arguments are copied.  When `pool`
 * is destroyed first, the reply is read and dropped and `handler` is not
 * called; `pool` may be NULL, then it always is.  NGX_OK; NGX_ERROR at once
 * when there is no link or 1,024 commands are in flight (the caller answers
 * 503 or 451).
 */
ngx_int_t ngx_junkmail_redis_command(ngx_pool_t           *pool,
                                     ngx_junkmail_redis_pt handler, void *data,
                                     ngx_uint_t argc, ngx_str_t *argv);

/*
 * The subscription link.  There is one listener, the hub.  `message` gets the
 * payload; `subscribed` is called when Redis has confirmed a channel, again
 * after every reconnection (all channels are subscribed anew): what happened
 * between may have been missed and must be read from the log.  `lost` when
 * the link breaks.
 */
typedef struct {
    void (*subscribed)(ngx_str_t *channel);
    void (*message)(ngx_str_t *channel, ngx_str_t *payload);
    void (*lost)(void);
} ngx_junkmail_redis_listener_t;

void ngx_junkmail_redis_listen(ngx_junkmail_redis_listener_t *listener);

/* Both remember the channel by themselves across reconnections. */
ngx_int_t ngx_junkmail_redis_subscribe(ngx_str_t *channel);
void      ngx_junkmail_redis_unsubscribe(ngx_str_t *channel);

/* From the HTTP or stream module's init_process and exit_process. */
ngx_int_t ngx_junkmail_redis_init(ngx_cycle_t *cycle);
void      ngx_junkmail_redis_exit(ngx_cycle_t *cycle);

#endif /* _NGX_JUNKMAIL_REDIS_H_INCLUDED_ */
