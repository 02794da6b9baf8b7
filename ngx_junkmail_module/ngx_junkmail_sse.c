/*
 * Server-sent events: an account's events as a response that does not end
 * (WHATWG HTML, "Server-sent events").  It begins as a request that
 * ngx_junkmail_push.c has let in and stays one, over HTTP/1.1 and HTTP/2
 * alike: nginx's filters frame it, and its ways notice a client that leaves.
 *
 * The record lives in r->pool, whose cleanup ends it all.  What the hub gives
 * waits in an outbox and is written from the request's write handler, which is
 * also where the stream ends, so that nothing is finalised on the stack of the
 * hub or of Redis.  A few events at a time are with the filters, which refer
 * to the shared text; they leave the outbox when the last byte has been sent.
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

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_outbox.h"
#include "ngx_junkmail_push.h"


#define NGX_JUNKMAIL_SSE_BATCH 8   /* events that are with the filters */
#define NGX_JUNKMAIL_SSE_TICK  500 /* ms */

#define NGX_JUNKMAIL_SSE_RETRY   "retry: 2000\n\n" /* ms */
#define NGX_JUNKMAIL_SSE_COMMENT ":\n\n"


typedef struct {
    ngx_http_request_t     *request;
    ngx_queue_t             queue; /* of the worker's streams */
    ngx_junkmail_listener_t listener;
    ngx_junkmail_outbox_t   out;
    ngx_junkmail_filter_t   filter;
    ngx_event_t             event;
    ngx_msec_t              ping;
    ngx_msec_t              jitter;
    ngx_chain_t            *free;
    ngx_chain_t            *busy;         /* with the filters */
    ngx_uint_t              sending;      /* events of it */
    off_t                   sent;         /* when the timer was last set */
    unsigned                draining : 1; /* the worker leaves */
    unsigned                ending : 1;   /* no more is to be said */
    unsigned                broken : 1;   /* and no end either */
    uint32_t                place[NGX_JUNKMAIL_PUSH_PLACES];
} ngx_junkmail_sse_t;


static ngx_junkmail_sse_t *ngx_junkmail_sse_create(ngx_http_request_t  *r,
                                                   ngx_junkmail_push_t *p);
static ngx_int_t           ngx_junkmail_sse_greet(ngx_junkmail_sse_t  *s,
                                                  ngx_junkmail_push_t *p);
static void                ngx_junkmail_sse_cleanup(void *data);

static void ngx_junkmail_sse_write_handler(ngx_http_request_t *r);
static void ngx_junkmail_sse_timeout(ngx_event_t *ev);
static void ngx_junkmail_sse_drain(ngx_junkmail_sse_t *s);
static void ngx_junkmail_sse_enlist(ngx_junkmail_sse_t *s);
static void ngx_junkmail_sse_tick(ngx_event_t *ev);

static ngx_int_t ngx_junkmail_sse_event(ngx_junkmail_listener_t *l,
                                        ngx_junkmail_event_t    *e);
static void      ngx_junkmail_sse_reset(ngx_junkmail_listener_t *l,
                                        ngx_str_t               *newest);
static void      ngx_junkmail_sse_gone(ngx_junkmail_listener_t *l);

static ngx_int_t ngx_junkmail_sse_say(ngx_junkmail_sse_t *s, const char *text);
static ngx_int_t ngx_junkmail_sse_flush(ngx_junkmail_sse_t *s);
static ngx_int_t ngx_junkmail_sse_batch(ngx_junkmail_sse_t *s,
                                        ngx_chain_t       **out);


static const ngx_junkmail_listener_ops_t ngx_junkmail_sse_ops = {
    ngx_junkmail_sse_event, ngx_junkmail_sse_reset, ngx_junkmail_sse_gone
};

static struct {
    ngx_queue_t      streams;
    ngx_event_t      tick;
    ngx_connection_t dummy; /* what the timer logs with */
} ngx_junkmail_sse;


/* The beginning. */


void
ngx_junkmail_sse_start(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_int_t                rc;
    ngx_junkmail_sse_t      *s;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);

    s = ngx_junkmail_sse_create(r, p);
    if (s == NULL) {
        ngx_junkmail_push_leave_places(p->place);
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ctx->data = s;

    /* On HTTP/2 the connection is not the stream's alone. */

    if (r->stream == NULL) {
        r->keepalive = 0;

        if (ngx_junkmail_push_tune(r) != NGX_OK) {
            ngx_http_junkmail_fail(r, "INTERNAL");
            return;
        }
    }

    rc = ngx_junkmail_sse_head(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_junkmail_finish(r, rc);
        return;
    }

    if (ngx_junkmail_sse_greet(s, p) != NGX_OK
        || ngx_junkmail_hub_join(&s->listener, &ctx->account, &ctx->keyhash,
                                 p->reset ? &p->newest : &p->start)
               != NGX_OK)
    {
        ngx_http_junkmail_finish(r, NGX_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_junkmail_sse_write_handler;

    ngx_add_timer(&s->event, s->ping);

    if (ngx_exiting) {
        ngx_junkmail_sse_drain(s);
    }
}


static ngx_junkmail_sse_t *
ngx_junkmail_sse_create(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_junkmail_sse_t *s;
    ngx_pool_cleanup_t *cln;

    s = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_sse_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (s == NULL || cln == NULL
        || ngx_junkmail_filter_make(r->pool, &p->addresses, &s->filter)
               != NGX_OK)
    {
        return NULL;
    }

    s->request = r;
    s->out.connection = r->connection;
    s->listener.ops = &ngx_junkmail_sse_ops;
    s->listener.data = s;
    s->ping = ngx_http_junkmail_push_ping(r);
    s->jitter = ngx_http_junkmail_push_jitter(r);
    s->event.handler = ngx_junkmail_sse_timeout;
    s->event.data = s;
    s->event.log = r->connection->log;

    ngx_memcpy(s->place, p->place, sizeof(p->place));

    ngx_junkmail_sse_enlist(s);

    cln->handler = ngx_junkmail_sse_cleanup;
    cln->data = s;

    return s;
}


static ngx_int_t
ngx_junkmail_sse_greet(ngx_junkmail_sse_t *s, ngx_junkmail_push_t *p)
{
    if (ngx_junkmail_sse_say(s, NGX_JUNKMAIL_SSE_RETRY) != NGX_OK
        || ngx_junkmail_outbox_give(
               &s->out, ngx_junkmail_event_hello(&p->start, s->ping))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (p->reset) {
        return ngx_junkmail_outbox_give(&s->out,
                                        ngx_junkmail_event_reset(&p->newest));
    }

    return NGX_OK;
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


/* The stream is over, in whichever way. */

static void
ngx_junkmail_sse_cleanup(void *data)
{
    ngx_junkmail_sse_t *s = data;

    if (s->event.timer_set) {
        ngx_del_timer(&s->event);
    }

    ngx_queue_remove(&s->queue);

    ngx_junkmail_hub_leave(&s->listener);
    ngx_junkmail_outbox_clear(&s->out);
    ngx_junkmail_push_leave_places(s->place);
}


/* Events of nginx. */


static void
ngx_junkmail_sse_write_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_junkmail_sse_t      *s;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    s = ctx->data;

    if (s->broken) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    /* What is with the filters still goes out; nginx waits for it. */

    if (s->ending) {
        ngx_del_timer(&s->event);
        ngx_junkmail_hub_leave(&s->listener);
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
        ngx_junkmail_hub_resume(&s->listener);
    }
}


static void
ngx_junkmail_sse_timeout(ngx_event_t *ev)
{
    ngx_junkmail_sse_t *s = ev->data;

    ngx_connection_t *c;

    c = s->request->connection;

    if (s->draining) {
        s->ending = 1;

    } else if (s->busy == NULL) {
        s->broken = ngx_junkmail_sse_say(s, NGX_JUNKMAIL_SSE_COMMENT)
                    != NGX_OK;

    } else if (s->sent == c->sent) {
        s->broken = 1; /* nothing has gone out all the time */
    }

    s->sent = c->sent;

    ngx_add_timer(ev, s->ping);
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
        ngx_add_timer(&s->event, (ngx_msec_t) ngx_random() % (s->jitter + 1));
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


/* What the hub says. */


static ngx_int_t
ngx_junkmail_sse_event(ngx_junkmail_listener_t *l, ngx_junkmail_event_t *e)
{
    ngx_junkmail_sse_t *s = l->data;

    ngx_int_t rc;

    if (s->ending || s->broken || !ngx_junkmail_filter_match(&s->filter, e)) {
        return NGX_OK;
    }

    rc = ngx_junkmail_outbox_offer(&s->out, e, l->reader.live);

    if (rc != NGX_BUSY) {
        return rc;
    }

    s->broken = 1;
    ngx_post_event(s->request->connection->write, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_junkmail_sse_reset(ngx_junkmail_listener_t *l, ngx_str_t *newest)
{
    ngx_junkmail_sse_t *s = l->data;

    if (ngx_junkmail_outbox_give(&s->out, ngx_junkmail_event_reset(newest))
        != NGX_OK)
    {
        s->broken = 1;
        ngx_post_event(s->request->connection->write, &ngx_posted_events);
    }
}


static void
ngx_junkmail_sse_gone(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_sse_t *s = l->data;

    s->ending = 1;
    ngx_post_event(s->request->connection->write, &ngx_posted_events);
}


/* Output. */


/* A line of our own. */

static ngx_int_t
ngx_junkmail_sse_say(ngx_junkmail_sse_t *s, const char *text)
{
    size_t                len;
    ngx_junkmail_event_t *e;

    len = ngx_strlen(text);
    e = ngx_junkmail_event_alloc(len, 0);

    if (e != NULL) {
        ngx_memcpy(e->frame.data, text, len);
    }

    return ngx_junkmail_outbox_give(&s->out, e);
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

    while (s->busy != NULL || s->out.first != NULL) {

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

        ngx_junkmail_outbox_shift(&s->out, s->sending);
        s->sending = 0;

        if (!s->draining) {
            ngx_add_timer(&s->event, s->ping);
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

    s->sending = ngx_junkmail_outbox_peek(&s->out, events,
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
