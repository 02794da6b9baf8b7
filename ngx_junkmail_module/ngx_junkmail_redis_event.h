/*
 * hiredis on nginx's event loop, nothing more.  Called by
 * ngx_junkmail_redis.c.
 */

#ifndef _NGX_JUNKMAIL_REDIS_EVENT_H_INCLUDED_
#define _NGX_JUNKMAIL_REDIS_EVENT_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/async.h>

/*
 * Gives `ac` a connection of nginx's.  `gone` is called with `data` exactly
 * once, from within hiredis, when the context is about to be freed: after its
 * pending callbacks have got their NULL.  NGX_ERROR when nginx has no
 * connection left; `ac` is then unchanged.
 */
ngx_int_t ngx_junkmail_redis_attach(redisAsyncContext *ac, ngx_log_t *log,
                                    void (*gone)(void *data), void   *data);

#endif /* _NGX_JUNKMAIL_REDIS_EVENT_H_INCLUDED_ */
