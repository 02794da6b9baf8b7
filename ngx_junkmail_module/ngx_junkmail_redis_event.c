/*
 * hiredis on nginx's event loop, nothing more.
 *
 * The descriptor belongs to hiredis, which closes it; the connection around it
 * is nginx's and is given back in the cleanup hook.  Events are added level-
 * triggered: hiredis reads 16 kB a call and does not drain the socket.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_junkmail_redis_event.h"


typedef struct {
    ngx_connection_t *connection;
    void (*gone)(void *data);
    void *data;
} ngx_junkmail_redis_event_t;


static void ngx_junkmail_redis_read_handler(ngx_event_t *rev);
static void ngx_junkmail_redis_write_handler(ngx_event_t *wev);
static void ngx_junkmail_redis_add_read(void *privdata);
static void ngx_junkmail_redis_del_read(void *privdata);
static void ngx_junkmail_redis_add_write(void *privdata);
static void ngx_junkmail_redis_del_write(void *privdata);
static void ngx_junkmail_redis_cleanup(void *privdata);


ngx_int_t
ngx_junkmail_redis_attach(redisAsyncContext *ac, ngx_log_t *log,
                          void (*gone)(void *data), void   *data)
{
    ngx_connection_t           *c;
    ngx_junkmail_redis_event_t *re;

    re = ngx_alloc(sizeof(ngx_junkmail_redis_event_t), log);
    if (re == NULL) {
        return NGX_ERROR;
    }

    c = ngx_get_connection(ac->c.fd, log);
    if (c == NULL) {
        ngx_free(re);
        return NGX_ERROR;
    }

    c->data = ac;
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->read->handler = ngx_junkmail_redis_read_handler;
    c->write->handler = ngx_junkmail_redis_write_handler;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    re->connection = c;
    re->gone = gone;
    re->data = data;

    ac->ev.data = re;
    ac->ev.addRead = ngx_junkmail_redis_add_read;
    ac->ev.delRead = ngx_junkmail_redis_del_read;
    ac->ev.addWrite = ngx_junkmail_redis_add_write;
    ac->ev.delWrite = ngx_junkmail_redis_del_write;
    ac->ev.cleanup = ngx_junkmail_redis_cleanup;

    return NGX_OK;
}


static void
ngx_junkmail_redis_read_handler(ngx_event_t *rev)
{
    ngx_connection_t *c;

    c = rev->data;

    /* worker_shutdown_timeout closes everything by way of read handlers. */

    if (c->close) {
        redisAsyncFree(c->data);
        return;
    }

    /* The context may be gone when this returns. */

    redisAsyncHandleRead(c->data);
}


static void
ngx_junkmail_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t *c;

    c = wev->data;

    redisAsyncHandleWrite(c->data);
}


static void
ngx_junkmail_redis_add_read(void *privdata)
{
    ngx_junkmail_redis_event_t *re = privdata;

    ngx_event_t *rev;

    rev = re->connection->read;

    if (!rev->active) {
        (void) ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_junkmail_redis_del_read(void *privdata)
{
    ngx_junkmail_redis_event_t *re = privdata;

    ngx_event_t *rev;

    rev = re->connection->read;

    if (rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
    }
}


static void
ngx_junkmail_redis_add_write(void *privdata)
{
    ngx_junkmail_redis_event_t *re = privdata;

    ngx_event_t *wev;

    wev = re->connection->write;

    if (!wev->active) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }
}


static void
ngx_junkmail_redis_del_write(void *privdata)
{
    ngx_junkmail_redis_event_t *re = privdata;

    ngx_event_t *wev;

    wev = re->connection->write;

    if (wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }
}


static void
ngx_junkmail_redis_cleanup(void *privdata)
{
    ngx_junkmail_redis_event_t *re = privdata;

    void             *data;
    ngx_connection_t *c;
    void (*gone)(void *data);

    c = re->connection;

    if (ngx_del_conn && (c->read->active || c->write->active)) {
        (void) ngx_del_conn(c, 0);

    } else {
        ngx_junkmail_redis_del_read(re);
        ngx_junkmail_redis_del_write(re);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    gone = re->gone;
    data = re->data;

    ngx_free(re);

    gone(data);
}
