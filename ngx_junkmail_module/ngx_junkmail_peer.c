/*
 * A connection on which events are announced.  It begins as a request that
 * ngx_junkmail_push.c has let in; from then on the HTTP request and its
 * buffers are gone and only the connection and the owner's record remain.  In
 * comes what the client says, out go what the hub gives, shared with all other
 * listeners, and our own words.
 *
 * The record is from the heap, since it would take a block of its own in the
 * connection's pool.  Output is written from the write handler.  One function
 * ends it all: ngx_junkmail_peer_finish().
 *
 * There is one timer, the read event's, and it is always set: a worker that
 * is told to leave waits for it.  What it means depends on the state: silence
 * (knock), no sign of life (end), the reload's jitter (close 1001), no answer
 * to our goodbye (end).
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "jm_ws.h"

#include "ngx_junkmail_peer.h"


#define NGX_JUNKMAIL_PEER_LIFE_TIMEOUT  10000 /* ms */
#define NGX_JUNKMAIL_PEER_CLOSE_TIMEOUT 5000  /* ms */

#define NGX_JUNKMAIL_PEER_UNSENT (32 * 1024) /* bytes in the kernel */

/* Bytes that are passed over of one who has nothing to say. */
#define NGX_JUNKMAIL_PEER_IDLE_TALK (64 * 1024)

#define NGX_JUNKMAIL_PEER_BUFFER 4096
#define NGX_JUNKMAIL_PEER_READS  16 /* of one wake-up */


static ngx_int_t ngx_junkmail_peer_tune(ngx_http_request_t *r);
static void      ngx_junkmail_peer_release(ngx_http_request_t *r);

static void ngx_junkmail_peer_read_handler(ngx_event_t *rev);
static void ngx_junkmail_peer_write_handler(ngx_event_t *wev);
static void ngx_junkmail_peer_timeout(ngx_junkmail_peer_t *p);
static void ngx_junkmail_peer_drain(ngx_junkmail_peer_t *p);

static void      ngx_junkmail_peer_input(ngx_junkmail_peer_t *p, u_char *data,
                                         size_t len);
static void      ngx_junkmail_peer_alive(ngx_junkmail_peer_t *p);
static ngx_int_t ngx_junkmail_peer_flush(ngx_junkmail_peer_t *p);
static void      ngx_junkmail_peer_finish(ngx_junkmail_peer_t *p);


/* The beginning. */


ngx_int_t
ngx_junkmail_peer_start(ngx_junkmail_peer_t *p, ngx_http_request_t *r,
                        ngx_junkmail_push_t  *push,
                        ngx_junkmail_event_t *answer)
{
    ngx_connection_t *c;

    c = r->connection;

    p->started = ngx_current_msec;
    p->code = JM_WS_ABNORMAL;

    if (ngx_junkmail_peer_tune(r) != NGX_OK
        || ngx_junkmail_subscriber_start(&p->sub, r, push, answer) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* From here on nothing is refused; errors end the connection later. */

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    /* What came with the request. */

    if (r->header_in->pos < r->header_in->last) {
        ngx_junkmail_peer_input(p, r->header_in->pos,
                                r->header_in->last - r->header_in->pos);
        r->header_in->pos = r->header_in->last;
    }

    /* Written now for the access log's $bytes_sent. */

    (void) ngx_junkmail_peer_flush(p);

    ngx_junkmail_peer_release(r);

    c->data = p;
    c->destroyed = 0;
    c->read->handler = ngx_junkmail_peer_read_handler;
    c->write->handler = ngx_junkmail_peer_write_handler;
    c->log->action = "announcing events";

    /* nginx calls the read handler of an idle connection at a reload. */

    c->idle = 1;

    if (ngx_exiting) {
        ngx_junkmail_peer_drain(p);

    } else if (!p->closing) {
        ngx_add_timer(c->read, p->sub.conf->push_ping);
    }

    ngx_post_event(c->write, &ngx_posted_events);
    ngx_post_event(c->read, &ngx_posted_events);

    return NGX_OK;
}


/*
 * What waits for a slow reader waits with us, where it is counted and shared,
 * and not in megabytes of the kernel's, where a ping would stand behind it.
 */

static ngx_int_t
ngx_junkmail_peer_tune(ngx_http_request_t *r)
{
    int                       unsent;
    ngx_connection_t         *c;
    ngx_http_core_loc_conf_t *clcf;

    c = r->connection;

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        ngx_ssl_free_buffer(c);
        c->ssl->buffer = 0;
    }
#endif

    /* So nginx marks a Unix socket; its sockaddr may be realip's by now. */

    if (c->tcp_nodelay == NGX_TCP_NODELAY_DISABLED) {
        return NGX_OK;
    }

    unsent = NGX_JUNKMAIL_PEER_UNSENT;

    if (setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
                   (const void *) &unsent, sizeof(int))
        == -1)
    {
        ngx_connection_error(c, ngx_socket_errno,
                             "setsockopt(TCP_NOTSENT_LOWAT) failed");
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return clcf->tcp_nodelay ? ngx_tcp_nodelay(c) : NGX_OK;
}


/*
 * The request is logged and freed, and the buffers of its header as well, as
 * after the last request of a keep-alive connection.
 */

static void
ngx_junkmail_peer_release(ngx_http_request_t *r)
{
    ngx_buf_t             *b;
    ngx_uint_t             i;
    ngx_chain_t           *cl, *next, **lists[2];
    ngx_connection_t      *c;
    ngx_http_connection_t *hc;

    c = r->connection;
    hc = r->http_connection;

    ngx_http_free_request(r, 0);

    b = c->buffer;

    if (ngx_pfree(c->pool, b->start) == NGX_OK) {
        b->pos = NULL;
    }

    lists[0] = &hc->free;
    lists[1] = &hc->busy;

    for (i = 0; i < 2; i++) {
        for (cl = *lists[i]; cl != NULL; cl = next) {
            next = cl->next;

            ngx_pfree(c->pool, cl->buf->start);
            ngx_free_chain(c->pool, cl);
        }

        *lists[i] = NULL;
    }

    hc->nbusy = 0;
}


/* Events of nginx. */


static void
ngx_junkmail_peer_read_handler(ngx_event_t *rev)
{
    u_char               buf[NGX_JUNKMAIL_PEER_BUFFER];
    ssize_t              n;
    ngx_uint_t           i;
    ngx_connection_t    *c;
    ngx_junkmail_peer_t *p;

    c = rev->data;
    p = c->data;

    if (c->close) {

        /* worker_shutdown_timeout has passed: what still gets out, gets out */

        if (c->error) {
            ngx_junkmail_peer_close(p, JM_WS_GOING_AWAY, "restarting");
            (void) ngx_junkmail_peer_flush(p);
            ngx_junkmail_peer_finish(p);
            return;
        }

        if (!p->draining) {
            ngx_junkmail_peer_drain(p);
        }
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_junkmail_peer_timeout(p);
        return;
    }

    for (i = 0; rev->ready && i < NGX_JUNKMAIL_PEER_READS; i++) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            (void) ngx_junkmail_peer_flush(p);
            ngx_junkmail_peer_finish(p);
            return;
        }

        ngx_junkmail_peer_input(p, buf, n);

        if (p->ops->input == NULL && p->received > NGX_JUNKMAIL_PEER_IDLE_TALK)
        {
            p->code = JM_WS_POLICY;
            ngx_junkmail_peer_finish(p);
            return;
        }
    }

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_junkmail_peer_finish(p);
    }
}


static void
ngx_junkmail_peer_write_handler(ngx_event_t *wev)
{
    ngx_int_t            rc;
    ngx_uint_t           over;
    ngx_connection_t    *c;
    ngx_junkmail_peer_t *p;

    c = wev->data;
    p = c->data;
    over = p->sub.over;

    if (over) {
        ngx_junkmail_peer_close(
            p, over,
            over == JM_WS_TRY_LATER ? "too slow" : "key no longer valid");
    }

    rc = ngx_junkmail_peer_flush(p);

    if (rc == NGX_ERROR || ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_junkmail_peer_finish(p);
        return;
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    if (!p->closing) {
        ngx_junkmail_hub_resume(&p->sub.listener);
        return;
    }

    /*
     * RFC 6455, 7.1.1: the server closes first.  Our end of the connection is
     * closed and what the client still sends is read, so that no reset
     * overtakes our last words.  TLS has no such half.
     */

    if (c->ssl == NULL) {
        if (!p->shut && ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
            ngx_junkmail_peer_finish(p);
            return;
        }

        p->shut = 1;

    } else if (p->closed) {
        ngx_junkmail_peer_finish(p);
    }
}


static void
ngx_junkmail_peer_timeout(ngx_junkmail_peer_t *p)
{
    ngx_connection_t *c;

    c = p->sub.out.connection;

    if (p->closing || p->knocked) {
        c->timedout = 1;
        ngx_junkmail_peer_finish(p);
        return;
    }

    if (p->draining) {
        ngx_junkmail_peer_close(p, JM_WS_GOING_AWAY, "restarting");
        return;
    }

    if (p->ops->knock(p) != NGX_OK) {
        ngx_junkmail_peer_finish(p);
        return;
    }

    p->knocked = 1;
    ngx_add_timer(c->read, NGX_JUNKMAIL_PEER_LIFE_TIMEOUT);
}


/*
 * The worker leaves.  Its clients are told to come back, but not all at once.
 */

static void
ngx_junkmail_peer_drain(ngx_junkmail_peer_t *p)
{
    p->draining = 1;
    p->knocked = 0;

    if (!p->closing) {
        ngx_add_timer(p->sub.out.connection->read,
                      (ngx_msec_t) ngx_random()
                          % (p->sub.conf->push_jitter + 1));
    }
}


/* What the client says, and whether it is there. */


static void
ngx_junkmail_peer_input(ngx_junkmail_peer_t *p, u_char *data, size_t len)
{
    p->received += len;

    if (p->ops->input != NULL) {
        ngx_junkmail_peer_alive(p);
        p->ops->input(p, data, len);
    }
}


static void
ngx_junkmail_peer_alive(ngx_junkmail_peer_t *p)
{
    p->knocked = 0;

    if (!p->draining && !p->closing) {
        ngx_add_timer(p->sub.out.connection->read, p->sub.conf->push_ping);
    }
}


/* Output. */


static ngx_int_t
ngx_junkmail_peer_flush(ngx_junkmail_peer_t *p)
{
    off_t             sent;
    ngx_int_t         rc;
    ngx_connection_t *c;

    c = p->sub.out.connection;
    sent = c->sent;

    rc = ngx_junkmail_outbox_flush(&p->sub.out);

    if (c->sent == sent) {
        return rc;
    }

    if (rc == NGX_OK && p->ops->input == NULL) {
        ngx_junkmail_peer_alive(p);
    }

    /*
     * A slow reader is there as long as it takes something: our knock, or our
     * goodbye, gets its time from when it is on its way.
     */

    if (rc == NGX_AGAIN) {

        if (p->closing) {
            ngx_add_timer(c->read, NGX_JUNKMAIL_PEER_CLOSE_TIMEOUT);

        } else if (p->knocked) {
            ngx_add_timer(c->read, NGX_JUNKMAIL_PEER_LIFE_TIMEOUT);
        }
    }

    return rc;
}


/* The end. */


void
ngx_junkmail_peer_close(ngx_junkmail_peer_t *p, ngx_uint_t code,
                        const char *reason)
{
    ngx_connection_t *c;

    if (p->closing) {
        return;
    }

    c = p->sub.out.connection;

    p->closing = 1;
    p->code = (uint16_t) code;

    ngx_junkmail_hub_leave(&p->sub.listener);
    ngx_junkmail_outbox_drop(&p->sub.out);

    if (p->ops->goodbye != NULL) {
        p->ops->goodbye(p, code, reason);

    } else {
        p->closed = 1;
    }

    ngx_add_timer(c->read, NGX_JUNKMAIL_PEER_CLOSE_TIMEOUT);

    ngx_post_event(c->write, &ngx_posted_events);
}


void
ngx_junkmail_peer_closed(ngx_junkmail_peer_t *p, ngx_uint_t code)
{
    p->closed = 1;
    ngx_junkmail_peer_close(p, code, "");

    /* Should ours be out already, its handler ends the connection. */

    ngx_post_event(p->sub.out.connection->write, &ngx_posted_events);
}


static void
ngx_junkmail_peer_finish(ngx_junkmail_peer_t *p)
{
    ngx_connection_t *c;

    c = p->sub.out.connection;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "%s closed with %ui after %M s, "
                  "%O bytes received, %O sent",
                  p->ops->name, (ngx_uint_t) p->code,
                  (ngx_current_msec - p->started) / 1000, p->received,
                  c->sent);

    ngx_junkmail_subscriber_end(&p->sub);
    ngx_free(p);

    c->idle = 0;

    ngx_http_close_connection(c);
}
