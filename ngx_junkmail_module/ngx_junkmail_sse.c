/*
 * Server-sent events: an account's events as a response that does not end
 * (WHATWG HTML, "Server-sent events"), begun by a request that
 * ngx_junkmail_push.c has let in.
 *
 * Over HTTP/1 the header is nginx's; then the request goes and the connection
 * is ngx_junkmail_peer.c's.  The body ends with the connection: chunks would
 * have to be made here, and for HTTP/1.0 unmade, to tell a client that will
 * come back anyway whether it was we who ended.
 *
 * Over HTTP/2 the request stays, since the connection is not its alone: nginx
 * frames the body and notices a client that leaves.  The record lives in
 * r->pool, whose cleanup ends it all.  What waits in the outbox is written
 * from the request's write handler, which is also where the stream ends.  A
 * few events at a time are with the filters, which refer to the shared text;
 * they leave the outbox when the last byte has been sent.
 *
 * Each stream has a timer that is always set: a worker that is told to leave
 * waits for it.  It means silence (a comment is due) or, once the worker
 * leaves, that the stream's turn to end has come.  That the worker is to leave
 * nobody tells a request; one timer of the worker looks.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "jm_ws.h"

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_peer.h"
#include "ngx_junkmail_push.h"


#define NGX_JUNKMAIL_SSE_BATCH 8   /* events that are with the filters */
#define NGX_JUNKMAIL_SSE_TICK  500 /* ms */

#define NGX_JUNKMAIL_SSE_COMMENT ":\n\n"


/* A stream of HTTP/2. */
typedef struct {
    ngx_junkmail_subscriber_t sub;
    ngx_http_request_t       *request;
    ngx_queue_t               queue; /* of the worker's streams */
    ngx_event_t               event;
    ngx_chain_t              *free;
    ngx_chain_t              *busy;         /* with the filters */
    ngx_uint_t                sending;      /* events of it */
    off_t                     sent;         /* when the timer was last set */
    unsigned                  draining : 1; /* the worker leaves */
} ngx_junkmail_sse_t;


static ngx_int_t             ngx_junkmail_sse_connection(ngx_http_request_t  *r,
                                                         ngx_junkmail_push_t *p);
static ngx_junkmail_event_t *ngx_junkmail_sse_unsent(ngx_http_request_t *r);
static ngx_int_t             ngx_junkmail_sse_comment(ngx_junkmail_peer_t *p);

static ngx_int_t ngx_junkmail_sse_stream(ngx_http_request_t  *r,
                                         ngx_junkmail_push_t *p);
static void      ngx_junkmail_sse_cleanup(void *data);

static void ngx_junkmail_sse_write_handler(ngx_http_request_t *r);
static void ngx_junkmail_sse_timeout(ngx_event_t *ev);
static void ngx_junkmail_sse_drain(ngx_junkmail_sse_t *s);
static void ngx_junkmail_sse_enlist(ngx_junkmail_sse_t *s);
static void ngx_junkmail_sse_tick(ngx_event_t *ev);

static ngx_int_t ngx_junkmail_sse_flush(ngx_junkmail_sse_t *s);
static ngx_int_t ngx_junkmail_sse_batch(ngx_junkmail_sse_t *s,
                                        ngx_chain_t       **out);


static const ngx_junkmail_peer_ops_t ngx_junkmail_sse_ops = {
    "event stream", NULL, ngx_junkmail_sse_comment, NULL
};

static struct {
    ngx_queue_t      streams;
    ngx_event_t      tick;
    ngx_connection_t dummy; /* what the timer logs with */
} ngx_junkmail_sse;


ngx_int_t
ngx_junkmail_sse_start(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    return r->stream == NULL ? ngx_junkmail_sse_connection(r, p)
                             : ngx_junkmail_sse_stream(r, p);
}


ngx_int_t
ngx_junkmail_sse_head(ngx_http_request_t *r)
{
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    ctx->answered = 1;

    /* A compressor would hold events back. */

#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_http_junkmail_header_text(r, "Cache-Control", "no-store") != NGX_OK
        || ngx_http_junkmail_header_text(r, "X-Accel-Buffering", "no")
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_send_header(r);
}


/* HTTP/1. */


static ngx_int_t
ngx_junkmail_sse_connection(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_int_t             rc;
    ngx_junkmail_peer_t  *peer;
    ngx_junkmail_event_t *header;

    peer = ngx_calloc(sizeof(ngx_junkmail_peer_t), r->connection->log);
    if (peer == NULL) {
        return NGX_ERROR;
    }

    peer->ops = &ngx_junkmail_sse_ops;

    /* To HTTP/1.0 nginx sends no chunks. */

    r->keepalive = 0;
    r->http_version = NGX_HTTP_VERSION_10;

    /* What TLS kept back of a long header would go with its buffer. */

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        r->connection->ssl->buffer = 0;
    }
#endif

    header = NULL;
    rc = ngx_junkmail_sse_head(r);

    if (rc == NGX_OK || rc == NGX_AGAIN) {
        header = ngx_junkmail_sse_unsent(r);
    }

    rc = header == NULL ? NGX_ERROR
                        : ngx_junkmail_peer_start(peer, r, p, header);

    if (header != NULL) {
        ngx_junkmail_event_free(header);
    }

    if (rc != NGX_OK) {
        ngx_free(peer);
    }

    return rc;
}


/* The header, as far as nginx keeps it back, is for us to send. */

static ngx_junkmail_event_t *
ngx_junkmail_sse_unsent(ngx_http_request_t *r)
{
    size_t                len;
    u_char               *last;
    ngx_chain_t          *cl;
    ngx_junkmail_event_t *e;

    len = 0;

    for (cl = r->out; cl != NULL; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    e = ngx_junkmail_event_alloc(len, 0);
    if (e == NULL) {
        return NULL;
    }

    last = e->frame.data;

    for (cl = r->out; cl != NULL; cl = cl->next) {
        last = ngx_cpymem(last, cl->buf->pos, ngx_buf_size(cl->buf));
    }

    r->out = NULL;

    return e;
}


static ngx_int_t
ngx_junkmail_sse_comment(ngx_junkmail_peer_t *p)
{
    return ngx_junkmail_outbox_text(&p->sub.out, NGX_JUNKMAIL_SSE_COMMENT);
}


/* HTTP/2. */


static ngx_int_t
ngx_junkmail_sse_stream(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_int_t                rc;
    ngx_junkmail_sse_t      *s;
    ngx_pool_cleanup_t      *cln;
    ngx_http_junkmail_ctx_t *ctx;

    s = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_sse_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (s == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_junkmail_sse_head(r);

    if (rc == NGX_ERROR || rc > NGX_OK
        || ngx_junkmail_subscriber_start(&s->sub, r, p, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx = ngx_http_junkmail_get_ctx(r);
    ctx->data = s;

    s->request = r;
    s->event.handler = ngx_junkmail_sse_timeout;
    s->event.data = s;
    s->event.log = r->connection->log;

    ngx_junkmail_sse_enlist(s);

    cln->handler = ngx_junkmail_sse_cleanup;
    cln->data = s;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_junkmail_sse_write_handler;

    ngx_add_timer(&s->event, s->sub.conf->push_ping);

    if (ngx_exiting) {
        ngx_junkmail_sse_drain(s);
    }

    return NGX_OK;
}


/* The stream is over, in whichever way. */

static void
ngx_junkmail_sse_cleanup(void *data)
{
    ngx_junkmail_sse_t *s = data;

    if (s->event.timer_set) {
        ngx_del_timer(&s->event);
    }

    ngx_queue_remove(&s->queue);

    ngx_junkmail_subscriber_end(&s->sub);
}


static void
ngx_junkmail_sse_write_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_junkmail_sse_t      *s;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    s = ctx->data;

    if (s->sub.over == JM_WS_TRY_LATER) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    /* What is with the filters still goes out; nginx waits for it. */

    if (s->sub.over) {
        ngx_del_timer(&s->event);
        ngx_junkmail_hub_leave(&s->sub.listener);
        ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
        return;
    }

    rc = ngx_junkmail_sse_flush(s);

    if (rc == NGX_ERROR
        || ngx_handle_write_event(r->connection->write, 0) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (rc == NGX_OK) {
        ngx_junkmail_hub_resume(&s->sub.listener);
    }
}


static void
ngx_junkmail_sse_timeout(ngx_event_t *ev)
{
    ngx_junkmail_sse_t *s = ev->data;

    ngx_connection_t *c;

    c = s->request->connection;

    if (s->draining) {
        s->sub.over = JM_WS_GOING_AWAY;

    } else if (s->busy == NULL) {
        if (ngx_junkmail_outbox_text(&s->sub.out, NGX_JUNKMAIL_SSE_COMMENT)
            != NGX_OK) {
            s->sub.over = JM_WS_TRY_LATER;
        }

    } else if (s->sent == c->sent) {
        s->sub.over = JM_WS_TRY_LATER; /* nothing has gone out all the time */
    }

    s->sent = c->sent;

    ngx_add_timer(ev, s->sub.conf->push_ping);
    ngx_post_event(c->write, &ngx_posted_events);
}


/*
 * The worker leaves.  Its clients are told to come back, but not all at once.
 */

static void
ngx_junkmail_sse_drain(ngx_junkmail_sse_t *s)
{
    if (!s->draining) {
        s->draining = 1;
        ngx_add_timer(&s->event, (ngx_msec_t) ngx_random()
                                     % (s->sub.conf->push_jitter + 1));
    }
}


static void
ngx_junkmail_sse_enlist(ngx_junkmail_sse_t *s)
{
    ngx_event_t *tick;

    tick = &ngx_junkmail_sse.tick;

    if (tick->handler == NULL) {
        ngx_queue_init(&ngx_junkmail_sse.streams);

        ngx_junkmail_sse.dummy.fd = (ngx_socket_t) -1;

        tick->handler = ngx_junkmail_sse_tick;
        tick->data = &ngx_junkmail_sse.dummy;
        tick->log = ngx_cycle->log;
        tick->cancelable = 1;
    }

    ngx_queue_insert_tail(&ngx_junkmail_sse.streams, &s->queue);

    if (!tick->timer_set) {
        ngx_add_timer(tick, NGX_JUNKMAIL_SSE_TICK);
    }
}


static void
ngx_junkmail_sse_tick(ngx_event_t *ev)
{
    ngx_queue_t        *q;
    ngx_junkmail_sse_t *s;

    if (ngx_queue_empty(&ngx_junkmail_sse.streams)) {
        return;
    }

    ngx_add_timer(ev, NGX_JUNKMAIL_SSE_TICK);

    if (!ngx_exiting) {
        return;
    }

    for (q = ngx_queue_head(&ngx_junkmail_sse.streams);
         q != ngx_queue_sentinel(&ngx_junkmail_sse.streams);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_junkmail_sse_t, queue);

        if (s->event.timer_set) {
            ngx_junkmail_sse_drain(s);
        }
    }
}


/* NGX_AGAIN: the client takes no more for now. */

static ngx_int_t
ngx_junkmail_sse_flush(ngx_junkmail_sse_t *s)
{
    ngx_int_t           rc;
    ngx_chain_t        *out;
    ngx_http_request_t *r;

    r = s->request;
    out = NULL;

    while (s->busy != NULL || s->sub.out.first != NULL) {

        if (s->busy == NULL && ngx_junkmail_sse_batch(s, &out) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_output_filter(r, out);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        ngx_chain_update_chains(r->pool, &s->free, &s->busy, &out,
                                (ngx_buf_tag_t) &ngx_http_junkmail_module);

        if (s->busy != NULL) {
            return NGX_AGAIN;
        }

        ngx_junkmail_outbox_shift(&s->sub.out, s->sending);
        s->sending = 0;

        if (!s->draining) {
            ngx_add_timer(&s->event, s->sub.conf->push_ping);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_sse_batch(ngx_junkmail_sse_t *s, ngx_chain_t **out)
{
    ngx_str_t            *piece;
    ngx_uint_t            i, k;
    ngx_chain_t          *cl, **last;
    ngx_junkmail_event_t *events[NGX_JUNKMAIL_SSE_BATCH];

    last = out;
    cl = NULL;

    s->sending = ngx_junkmail_outbox_peek(&s->sub.out, events,
                                          NGX_JUNKMAIL_SSE_BATCH);

    for (i = 0; i < s->sending; i++) {

        for (k = 0; k < 2; k++) {
            piece = &events[i]->sse[k];

            if (piece->len == 0) {
                continue;
            }

            cl = ngx_chain_get_free_buf(s->request->pool, &s->free);
            if (cl == NULL) {
                return NGX_ERROR;
            }

            ngx_memzero(cl->buf, sizeof(ngx_buf_t));

            cl->buf->tag = (ngx_buf_tag_t) &ngx_http_junkmail_module;
            cl->buf->start = piece->data;
            cl->buf->pos = piece->data;
            cl->buf->last = piece->data + piece->len;
            cl->buf->end = cl->buf->last;
            cl->buf->memory = 1;

            *last = cl;
            last = &cl->next;
        }
    }

    cl->buf->flush = 1;
    *last = NULL;

    return NGX_OK;
}
