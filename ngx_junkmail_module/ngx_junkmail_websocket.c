/*
 * A WebSocket that announces an account's events (RFC 6455).
 * It begins as a request that ngx_junkmail_push.c has let in; from then on
 * the HTTP request and its buffers are gone and only the connection and the
 * record below remain.  In come the client's frames, of which it needs none;
 * out go what the hub gives, shared with all other listeners, and our own
 * frames.
 *
 * The record lives in the connection's pool.  Output waits in an outbox; it
 * is written from the write handler, so that nothing is closed on the stack of
 * the hub or of Redis.  One function ends it all:
 * ngx_junkmail_websocket_finish().
 *
 * There is one timer, the read event's, and it is always set: a worker that
 * is told to leave waits for it.  What it means depends on the state:
 * silence (ping), no pong (end), the reload's jitter (close 1001), no answer
 * to our close (end).
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "jm_ws.h"

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_outbox.h"
#include "ngx_junkmail_push.h"
#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_WEBSOCKET_PONG_TIMEOUT  10000 /* ms */
#define NGX_JUNKMAIL_WEBSOCKET_CLOSE_TIMEOUT 5000  /* ms */
#define NGX_JUNKMAIL_WEBSOCKET_MESSAGE       4096  /* bytes a client may say */
#define NGX_JUNKMAIL_WEBSOCKET_RATE          10    /* frames a second */

#define NGX_JUNKMAIL_WEBSOCKET_READS 16 /* of one wake-up */

/* The one message a client may send, and where white space may stand in it. */
#define NGX_JUNKMAIL_WEBSOCKET_PING     "{\"type\":\"ping\"}"
#define NGX_JUNKMAIL_WEBSOCKET_PING_LEN 15
/* bits: octets 0, 1, 7, 8, 14, 15 */
#define NGX_JUNKMAIL_WEBSOCKET_PING_GAPS 0xc183
#define NGX_JUNKMAIL_WEBSOCKET_PING_NOT  0xff


typedef struct {
    ngx_connection_t       *connection;
    ngx_junkmail_listener_t listener;
    jm_ws_t                 parser;
    ngx_junkmail_outbox_t   out;
    ngx_junkmail_filter_t   filter;
    ngx_msec_t              ping;
    ngx_msec_t              jitter;
    off_t                   received;
    time_t                  started;
    time_t                  second; /* of which `frames` counts */
    uint32_t                place[NGX_JUNKMAIL_PUSH_PLACES];
    uint16_t                code; /* with which it is closed */
    uint8_t                 frames;
    uint8_t                 match;        /* of the text message so far */
    unsigned                pinged : 1;   /* a pong is due */
    unsigned                draining : 1; /* the worker leaves */
    unsigned                slow : 1;     /* its queue is full */
    unsigned                closing : 1;  /* our close is queued */
    unsigned                closed : 1;   /* the peer's has come */
    unsigned                shut : 1;     /* ours has been written */
} ngx_junkmail_websocket_t;


static ngx_junkmail_websocket_t *
ngx_junkmail_websocket_create(ngx_http_request_t *r, ngx_junkmail_push_t *p);
static ngx_int_t ngx_junkmail_websocket_greet(ngx_junkmail_websocket_t *s,
                                              ngx_junkmail_push_t      *p);

static void ngx_junkmail_websocket_read_handler(ngx_event_t *rev);
static void ngx_junkmail_websocket_write_handler(ngx_event_t *wev);
static void ngx_junkmail_websocket_timeout(ngx_junkmail_websocket_t *s);
static void ngx_junkmail_websocket_alive(ngx_junkmail_websocket_t *s);
static void ngx_junkmail_websocket_drain(ngx_junkmail_websocket_t *s);

static void      ngx_junkmail_websocket_input(ngx_junkmail_websocket_t *s,
                                              u_char *data, size_t len);
static void      ngx_junkmail_websocket_data(ngx_junkmail_websocket_t *s,
                                             jm_ws_frame_t            *f);
static uint8_t   ngx_junkmail_websocket_match(uint8_t match, jm_str_t text);
static ngx_int_t ngx_junkmail_websocket_rate(ngx_junkmail_websocket_t *s);

static ngx_int_t ngx_junkmail_websocket_event(ngx_junkmail_listener_t *l,
                                              ngx_junkmail_event_t    *e);
static void      ngx_junkmail_websocket_reset(ngx_junkmail_listener_t *l,
                                              ngx_str_t               *newest);
static void      ngx_junkmail_websocket_gone(ngx_junkmail_listener_t *l);

static ngx_int_t ngx_junkmail_websocket_say(ngx_junkmail_websocket_t *s,
                                            ngx_uint_t                opcode,
                                            ngx_str_t                *text);
static ngx_int_t ngx_junkmail_websocket_flush(ngx_junkmail_websocket_t *s);

static void ngx_junkmail_websocket_close(ngx_junkmail_websocket_t *s,
                                         ngx_uint_t code, const char *reason);
static void ngx_junkmail_websocket_finish(ngx_junkmail_websocket_t *s);


static const ngx_junkmail_listener_ops_t ngx_junkmail_websocket_ops = {
    ngx_junkmail_websocket_event, ngx_junkmail_websocket_reset,
    ngx_junkmail_websocket_gone
};


/* The beginning. */


ngx_int_t
ngx_junkmail_websocket_start(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_connection_t         *c;
    ngx_http_junkmail_ctx_t  *ctx;
    ngx_junkmail_websocket_t *s;

    c = r->connection;
    ctx = ngx_http_junkmail_get_ctx(r);

    s = ngx_junkmail_websocket_create(r, p);
    if (s == NULL) {
        return NGX_ERROR;
    }

    if (ngx_junkmail_websocket_greet(s, p) != NGX_OK
        || ngx_junkmail_push_tune(r) != NGX_OK
        || ngx_junkmail_hub_join(&s->listener, &ctx->account, &ctx->keyhash,
                                 p->reset ? &p->newest : &p->start)
               != NGX_OK)
    {
        ngx_junkmail_outbox_clear(&s->out);
        return NGX_ERROR;
    }

    /* From here on nothing is refused; errors end the connection later. */

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    /* Frames that came with the request. */

    if (r->header_in->pos < r->header_in->last) {
        ngx_junkmail_websocket_input(s, r->header_in->pos,
                                     r->header_in->last - r->header_in->pos);
        r->header_in->pos = r->header_in->last;
    }

    /* Written now for the access log's $bytes_sent. */

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    (void) ngx_junkmail_websocket_flush(s);

    ngx_junkmail_push_release(r);

    c->data = s;
    c->destroyed = 0;
    c->read->handler = ngx_junkmail_websocket_read_handler;
    c->write->handler = ngx_junkmail_websocket_write_handler;
    c->log->action = "announcing events";

    /* nginx calls the read handler of an idle connection at a reload. */

    c->idle = 1;

    if (ngx_exiting) {
        ngx_junkmail_websocket_drain(s);

    } else if (!s->closing) {
        ngx_add_timer(c->read, s->ping);
    }

    ngx_post_event(c->write, &ngx_posted_events);
    ngx_post_event(c->read, &ngx_posted_events);

    return NGX_OK;
}


static ngx_junkmail_websocket_t *
ngx_junkmail_websocket_create(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_connection_t         *c;
    ngx_junkmail_websocket_t *s;

    c = r->connection;

    s = ngx_pcalloc(c->pool, sizeof(ngx_junkmail_websocket_t));
    if (s == NULL) {
        return NULL;
    }

    s->connection = c;
    s->out.connection = c;
    s->listener.ops = &ngx_junkmail_websocket_ops;
    s->listener.data = s;

    jm_ws_init(&s->parser, NGX_JUNKMAIL_WEBSOCKET_MESSAGE);

    s->ping = ngx_http_junkmail_push_ping(r);
    s->jitter = ngx_http_junkmail_push_jitter(r);
    s->started = ngx_time();
    ngx_memcpy(s->place, p->place, sizeof(p->place));
    s->code = JM_WS_ABNORMAL;

    if (ngx_junkmail_filter_make(c->pool, &p->addresses, &s->filter) != NGX_OK)
    {
        return NULL;
    }

    return s;
}


/* The handshake's answer, hello, and reset when it is due. */

static ngx_int_t
ngx_junkmail_websocket_greet(ngx_junkmail_websocket_t *s,
                             ngx_junkmail_push_t      *p)
{
    if (ngx_junkmail_outbox_add(&s->out, p->answer) != NGX_OK
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


/* Events of nginx. */


static void
ngx_junkmail_websocket_read_handler(ngx_event_t *rev)
{
    u_char                    buf[NGX_JUNKMAIL_WEBSOCKET_MESSAGE];
    ssize_t                   n;
    ngx_uint_t                i;
    ngx_connection_t         *c;
    ngx_junkmail_websocket_t *s;

    c = rev->data;
    s = c->data;

    if (c->close) {

        /* worker_shutdown_timeout has passed: what still gets out, gets out */

        if (c->error) {
            ngx_junkmail_websocket_close(s, JM_WS_GOING_AWAY, "restarting");
            (void) ngx_junkmail_websocket_flush(s);
            ngx_junkmail_websocket_finish(s);
            return;
        }

        if (!s->draining) {
            ngx_junkmail_websocket_drain(s);
        }
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_junkmail_websocket_timeout(s);
        return;
    }

    for (i = 0; rev->ready && i < NGX_JUNKMAIL_WEBSOCKET_READS; i++) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            (void) ngx_junkmail_websocket_flush(s);
            ngx_junkmail_websocket_finish(s);
            return;
        }

        ngx_junkmail_websocket_alive(s);
        ngx_junkmail_websocket_input(s, buf, n);
    }

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_junkmail_websocket_finish(s);
    }
}


static void
ngx_junkmail_websocket_write_handler(ngx_event_t *wev)
{
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_junkmail_websocket_t *s;

    c = wev->data;
    s = c->data;

    if (s->slow) {
        ngx_junkmail_websocket_close(s, JM_WS_TRY_LATER, "too slow");
    }

    rc = ngx_junkmail_websocket_flush(s);

    if (rc == NGX_ERROR) {
        ngx_junkmail_websocket_finish(s);
        return;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_junkmail_websocket_finish(s);
        return;
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    if (!s->closing) {
        ngx_junkmail_hub_resume(&s->listener);
        return;
    }

    /*
     * RFC 6455, 7.1.1: the server closes first.  Our end of the connection is
     * closed and what the client still sends is read, so that no reset
     * overtakes the close frame.  TLS has no such half.
     */

    if (c->ssl == NULL) {
        if (!s->shut && ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
            ngx_junkmail_websocket_finish(s);
            return;
        }

        s->shut = 1;

    } else if (s->closed) {
        ngx_junkmail_websocket_finish(s);
    }
}


static void
ngx_junkmail_websocket_timeout(ngx_junkmail_websocket_t *s)
{
    ngx_str_t empty = ngx_null_string;

    if (s->closing || s->pinged) {
        s->connection->timedout = 1;
        ngx_junkmail_websocket_finish(s);
        return;
    }

    if (s->draining) {
        ngx_junkmail_websocket_close(s, JM_WS_GOING_AWAY, "restarting");
        return;
    }

    if (ngx_junkmail_websocket_say(s, JM_WS_PING, &empty) != NGX_OK) {
        ngx_junkmail_websocket_finish(s);
        return;
    }

    s->pinged = 1;
    ngx_add_timer(s->connection->read, NGX_JUNKMAIL_WEBSOCKET_PONG_TIMEOUT);
}


/* Whatever comes from the client shows that it is there. */

static void
ngx_junkmail_websocket_alive(ngx_junkmail_websocket_t *s)
{
    s->pinged = 0;

    if (!s->draining && !s->closing) {
        ngx_add_timer(s->connection->read, s->ping);
    }
}


/*
 * The worker leaves.  Its clients are told to come back, but not all at once.
 */

static void
ngx_junkmail_websocket_drain(ngx_junkmail_websocket_t *s)
{
    s->draining = 1;
    s->pinged = 0;

    if (!s->closing) {
        ngx_add_timer(s->connection->read,
                      (ngx_msec_t) ngx_random() % (s->jitter + 1));
    }
}


/* What the client says. */


static void
ngx_junkmail_websocket_input(ngx_junkmail_websocket_t *s, u_char *data,
                             size_t len)
{
    jm_str_t      in;
    ngx_str_t     payload;
    jm_ws_event_t event;
    jm_ws_frame_t f;

    s->received += len;

    in.data = data;
    in.len = len;

    for (;;) {

        event = jm_ws_read(&s->parser, &in, &f);

        switch (event) {

        case JM_WS_MORE:
            return;

        case JM_WS_DATA:
            ngx_junkmail_websocket_data(s, &f);
            break;

        case JM_WS_CONTROL:

            if (ngx_junkmail_websocket_rate(s) != NGX_OK
                || f.opcode != JM_WS_PING || s->closing)
            {
                break;
            }

            payload.data = f.payload.data;
            payload.len = f.payload.len;

            if (ngx_junkmail_websocket_say(s, JM_WS_PONG, &payload) != NGX_OK)
            {
                ngx_junkmail_websocket_close(s, JM_WS_TRY_LATER, "");
            }

            break;

        case JM_WS_CLOSED:
            s->closed = 1;
            ngx_junkmail_websocket_close(s, f.code, "");

            /* Should ours be out already, its handler ends the connection. */

            ngx_post_event(s->connection->write, &ngx_posted_events);
            break;

        case JM_WS_FAILED:
            ngx_junkmail_websocket_close(s, f.code,
                                         f.code == JM_WS_BAD_TEXT ? "not UTF-8"
                                         : f.code == JM_WS_TOO_BIG
                                             ? "message too big"
                                             : "protocol error");
            break;
        }
    }
}


/* The verdict on a text waits for its end: bad UTF-8 and size come first. */

static void
ngx_junkmail_websocket_data(ngx_junkmail_websocket_t *s, jm_ws_frame_t *f)
{
    uint8_t   match;
    ngx_str_t pong = ngx_string("{\"type\":\"pong\"}");

    if (s->closing) {
        return;
    }

    if (f->opcode == JM_WS_BINARY) {
        ngx_junkmail_websocket_close(s, JM_WS_UNSUPPORTED, "text only");
        return;
    }

    s->match = ngx_junkmail_websocket_match(s->match, f->payload);

    if (!f->end) {
        return;
    }

    match = s->match;
    s->match = 0;

    if (match != NGX_JUNKMAIL_WEBSOCKET_PING_LEN) {
        ngx_junkmail_websocket_close(s, JM_WS_POLICY, "unknown message");
        return;
    }

    if (ngx_junkmail_websocket_rate(s) != NGX_OK) {
        return;
    }

    if (ngx_junkmail_websocket_say(s, JM_WS_TEXT, &pong) != NGX_OK) {
        ngx_junkmail_websocket_close(s, JM_WS_TRY_LATER, "");
    }
}


/*
 * How much of {"type":"ping"} has been said, or that it is something else.
 * JSON allows white space around each of its five tokens.
 */

static uint8_t
ngx_junkmail_websocket_match(uint8_t match, jm_str_t text)
{
    u_char *p, *last;

    static const char ping[] = NGX_JUNKMAIL_WEBSOCKET_PING;

    for (p = text.data, last = p + text.len; p < last; p++) {

        if (match == NGX_JUNKMAIL_WEBSOCKET_PING_NOT) {
            break;
        }

        if ((*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
            && (NGX_JUNKMAIL_WEBSOCKET_PING_GAPS >> match & 1))
        {
            continue;
        }

        if (match < NGX_JUNKMAIL_WEBSOCKET_PING_LEN
            && *p == (u_char) ping[match]) {
            match++;

        } else {
            match = NGX_JUNKMAIL_WEBSOCKET_PING_NOT;
        }
    }

    return match;
}


static ngx_int_t
ngx_junkmail_websocket_rate(ngx_junkmail_websocket_t *s)
{
    if (s->second != ngx_time()) {
        s->second = ngx_time();
        s->frames = 0;
    }

    if (s->frames < NGX_JUNKMAIL_WEBSOCKET_RATE) {
        s->frames++;
        return NGX_OK;
    }

    ngx_junkmail_websocket_close(s, JM_WS_POLICY, "too many frames");

    return NGX_BUSY;
}


/* What the hub says. */


static ngx_int_t
ngx_junkmail_websocket_event(ngx_junkmail_listener_t *l,
                             ngx_junkmail_event_t    *e)
{
    ngx_junkmail_websocket_t *s = l->data;

    ngx_int_t rc;

    if (s->closing || s->slow || !ngx_junkmail_filter_match(&s->filter, e)) {
        return NGX_OK;
    }

    rc = ngx_junkmail_outbox_offer(&s->out, e, l->reader.live);

    if (rc != NGX_BUSY) {
        return rc;
    }

    s->slow = 1;
    ngx_post_event(s->connection->write, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_junkmail_websocket_reset(ngx_junkmail_listener_t *l, ngx_str_t *newest)
{
    ngx_junkmail_websocket_t *s = l->data;

    if (!s->closing
        && ngx_junkmail_outbox_give(&s->out, ngx_junkmail_event_reset(newest))
               != NGX_OK)
    {
        s->slow = 1;
        ngx_post_event(s->connection->write, &ngx_posted_events);
    }
}


static void
ngx_junkmail_websocket_gone(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_websocket_t *s = l->data;

    ngx_junkmail_websocket_close(s, JM_WS_POLICY, "key no longer valid");
}


/* Output. */


/* A frame of our own. */

static ngx_int_t
ngx_junkmail_websocket_say(ngx_junkmail_websocket_t *s, ngx_uint_t opcode,
                           ngx_str_t *text)
{
    ngx_str_t none = ngx_null_string;

    return ngx_junkmail_outbox_give(
        &s->out, ngx_junkmail_event_make(opcode, &none, &none, text));
}


static ngx_int_t
ngx_junkmail_websocket_flush(ngx_junkmail_websocket_t *s)
{
    off_t             sent;
    ngx_int_t         rc;
    ngx_connection_t *c;

    c = s->connection;
    sent = c->sent;

    rc = ngx_junkmail_outbox_flush(&s->out);

    /*
     * A slow reader is there as long as it takes something: our ping, or our
     * close, gets its time from when it is on its way.
     */

    if (rc == NGX_AGAIN && c->sent != sent) {

        if (s->closing) {
            ngx_add_timer(c->read, NGX_JUNKMAIL_WEBSOCKET_CLOSE_TIMEOUT);

        } else if (s->pinged) {
            ngx_add_timer(c->read, NGX_JUNKMAIL_WEBSOCKET_PONG_TIMEOUT);
        }
    }

    return rc;
}


/* The end. */


/*
 * Says goodbye and waits for the client to do the same.  JM_WS_NO_CODE answers
 * a close frame that had none.
 */

static void
ngx_junkmail_websocket_close(ngx_junkmail_websocket_t *s, ngx_uint_t code,
                             const char *reason)
{
    u_char    payload[JM_WS_CONTROL_MAX];
    ngx_str_t text;

    if (s->closing) {
        return;
    }

    s->closing = 1;
    s->code = (uint16_t) code;

    ngx_junkmail_hub_leave(&s->listener);
    ngx_junkmail_outbox_drop(&s->out);

    text.data = payload;
    text.len = jm_ws_close(
        payload, code, (jm_str_t){ (u_char *) reason, ngx_strlen(reason) });

    (void) ngx_junkmail_websocket_say(s, JM_WS_CLOSE, &text);

    ngx_add_timer(s->connection->read, NGX_JUNKMAIL_WEBSOCKET_CLOSE_TIMEOUT);
}


static void
ngx_junkmail_websocket_finish(ngx_junkmail_websocket_t *s)
{
    ngx_connection_t *c;

    c = s->connection;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "websocket closed with %ui after %T s, "
                  "%O bytes received, %O sent",
                  (ngx_uint_t) s->code, ngx_time() - s->started, s->received,
                  c->sent);

    ngx_junkmail_hub_leave(&s->listener);
    ngx_junkmail_outbox_clear(&s->out);

    ngx_junkmail_push_leave_places(s->place);

    c->idle = 0;

    ngx_http_close_connection(c);
}
