/*
 * A WebSocket that announces an account's events (RFC 6455): the answer to the
 * handshake, the client's frames, of which it needs none, and our own.  What
 * does not depend on frames is ngx_junkmail_peer.c's.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "jm_ws.h"

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_peer.h"
#include "ngx_junkmail_push.h"


#define NGX_JUNKMAIL_WEBSOCKET_MESSAGE 4096 /* bytes a client may say */

/* In a second: messages, pings and pongs; frames that messages are cut into */
#define NGX_JUNKMAIL_WEBSOCKET_RATE      10
#define NGX_JUNKMAIL_WEBSOCKET_FRAGMENTS 1000

/* The one message a client may send, and where white space may stand in it. */
#define NGX_JUNKMAIL_WEBSOCKET_PING     "{\"type\":\"ping\"}"
#define NGX_JUNKMAIL_WEBSOCKET_PING_LEN 15
/* bits: octets 0, 1, 7, 8, 14, 15 */
#define NGX_JUNKMAIL_WEBSOCKET_PING_GAPS 0xc183
#define NGX_JUNKMAIL_WEBSOCKET_PING_NOT  0xff


typedef struct {
    ngx_junkmail_peer_t peer;
    jm_ws_t             parser;
    uint32_t            second; /* of which the next two count */
    uint16_t            said;
    uint16_t            fragments;
    uint8_t             match; /* of the text message so far */
} ngx_junkmail_websocket_t;


static ngx_junkmail_event_t *
ngx_junkmail_websocket_answer(ngx_http_request_t *r, ngx_junkmail_push_t *p);

static void ngx_junkmail_websocket_input(ngx_junkmail_peer_t *p, u_char *data,
                                         size_t len);
static void ngx_junkmail_websocket_control(ngx_junkmail_websocket_t *s,
                                           jm_ws_frame_t            *f);
static void ngx_junkmail_websocket_data(ngx_junkmail_websocket_t *s,
                                        jm_ws_frame_t            *f);
static uint8_t   ngx_junkmail_websocket_match(uint8_t match, jm_str_t text);
static ngx_int_t ngx_junkmail_websocket_rate(ngx_junkmail_websocket_t *s,
                                             uint16_t *count, ngx_uint_t most);

static void      ngx_junkmail_websocket_reply(ngx_junkmail_websocket_t *s,
                                              ngx_uint_t opcode, ngx_str_t *text);
static ngx_int_t ngx_junkmail_websocket_ping(ngx_junkmail_peer_t *p);
static void      ngx_junkmail_websocket_goodbye(ngx_junkmail_peer_t *p,
                                                ngx_uint_t           code,
                                                const char          *reason);
static ngx_int_t ngx_junkmail_websocket_say(ngx_junkmail_peer_t *p,
                                            ngx_uint_t           opcode,
                                            ngx_str_t           *text);


static const ngx_junkmail_peer_ops_t ngx_junkmail_websocket_ops = {
    "websocket", ngx_junkmail_websocket_input, ngx_junkmail_websocket_ping,
    ngx_junkmail_websocket_goodbye
};


/* The beginning. */


ngx_int_t
ngx_junkmail_websocket_start(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    ngx_int_t                 rc;
    ngx_junkmail_event_t     *answer;
    ngx_junkmail_websocket_t *s;

    s = ngx_calloc(sizeof(ngx_junkmail_websocket_t), r->connection->log);
    if (s == NULL) {
        return NGX_ERROR;
    }

    answer = ngx_junkmail_websocket_answer(r, p);
    if (answer == NULL) {
        ngx_free(s);
        return NGX_ERROR;
    }

    s->peer.ops = &ngx_junkmail_websocket_ops;
    jm_ws_init(&s->parser, NGX_JUNKMAIL_WEBSOCKET_MESSAGE);

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;

    rc = ngx_junkmail_peer_start(&s->peer, r, p, answer);

    ngx_junkmail_event_free(answer);

    if (rc != NGX_OK) {
        ngx_free(s);
    }

    return rc;
}


/* RFC 6455, 4.2.2, item 5: what says yes, ready to be sent. */

static ngx_junkmail_event_t *
ngx_junkmail_websocket_answer(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    u_char                  *last;
    u_char                   accept[JM_WS_ACCEPT_LEN];
    ngx_junkmail_rate_t     *rate;
    ngx_junkmail_event_t    *e;
    ngx_http_junkmail_ctx_t *ctx;

    static const char answer[] = "HTTP/1.1 101 Switching Protocols" CRLF
                                 "Upgrade: websocket" CRLF
                                 "Connection: Upgrade" CRLF
                                 "Sec-WebSocket-Accept: %*s" CRLF;
    static const char                                         protocol[] =
        "Sec-WebSocket-Protocol: " NGX_JUNKMAIL_PUSH_PROTOCOL CRLF;
    static const char limits[] = "X-RateLimit-Limit: %ui" CRLF
                                 "X-RateLimit-Remaining: %ui" CRLF
                                 "X-RateLimit-Reset: %T" CRLF;

    e = ngx_junkmail_event_alloc(sizeof(answer) + JM_WS_ACCEPT_LEN
                                     + sizeof(protocol) + sizeof(limits)
                                     + 3 * NGX_INT64_LEN + sizeof(CRLF),
                                 0);
    if (e == NULL) {
        return NULL;
    }

    jm_ws_accept((jm_str_t){ p->key.data, p->key.len }, accept);

    last = ngx_sprintf(e->frame.data, answer, (size_t) JM_WS_ACCEPT_LEN,
                       accept);

    if (p->protocol) {
        last = ngx_cpymem(last, protocol, sizeof(protocol) - 1);
    }

    ctx = ngx_http_junkmail_get_ctx(r);

    if (ctx->rated) {
        rate = &ctx->rate;
        last = ngx_sprintf(last, limits, rate->limit, rate->remaining,
                           rate->reset);
    }

    last = ngx_cpymem(last, CRLF, sizeof(CRLF) - 1);

    e->frame.len = last - e->frame.data;

    return e;
}


/* What the client says. */


static void
ngx_junkmail_websocket_input(ngx_junkmail_peer_t *p, u_char *data, size_t len)
{
    ngx_junkmail_websocket_t *s = (ngx_junkmail_websocket_t *) p;

    jm_str_t      in;
    jm_ws_event_t event;
    jm_ws_frame_t f;

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
            ngx_junkmail_websocket_control(s, &f);
            break;

        case JM_WS_CLOSED:
            ngx_junkmail_peer_closed(p, f.code);
            break;

        case JM_WS_FAILED:
            ngx_junkmail_peer_close(p, f.code,
                                    f.code == JM_WS_BAD_TEXT ? "not UTF-8"
                                    : f.code == JM_WS_TOO_BIG
                                        ? "message too big"
                                        : "protocol error");
            break;
        }
    }
}


static void
ngx_junkmail_websocket_control(ngx_junkmail_websocket_t *s, jm_ws_frame_t *f)
{
    ngx_str_t payload;

    if (ngx_junkmail_websocket_rate(s, &s->said, NGX_JUNKMAIL_WEBSOCKET_RATE)
            != NGX_OK
        || f->opcode != JM_WS_PING || s->peer.closing)
    {
        return;
    }

    payload.data = f->payload.data;
    payload.len = f->payload.len;

    ngx_junkmail_websocket_reply(s, JM_WS_PONG, &payload);
}


/* The verdict on a text waits for its end: bad UTF-8 and size come first. */

static void
ngx_junkmail_websocket_data(ngx_junkmail_websocket_t *s, jm_ws_frame_t *f)
{
    uint8_t   match;
    ngx_str_t pong = ngx_string("{\"type\":\"pong\"}");

    if (s->peer.closing) {
        return;
    }

    if (f->opcode == JM_WS_BINARY) {
        ngx_junkmail_peer_close(&s->peer, JM_WS_UNSUPPORTED, "text only");
        return;
    }

    s->match = ngx_junkmail_websocket_match(s->match, f->payload);

    if (f->whole
        && ngx_junkmail_websocket_rate(s, &s->fragments,
                                       NGX_JUNKMAIL_WEBSOCKET_FRAGMENTS)
               != NGX_OK)
    {
        return;
    }

    if (!f->end) {
        return;
    }

    match = s->match;
    s->match = 0;

    if (match != NGX_JUNKMAIL_WEBSOCKET_PING_LEN) {
        ngx_junkmail_peer_close(&s->peer, JM_WS_POLICY, "unknown message");
        return;
    }

    if (ngx_junkmail_websocket_rate(s, &s->said, NGX_JUNKMAIL_WEBSOCKET_RATE)
        != NGX_OK)
    {
        return;
    }

    ngx_junkmail_websocket_reply(s, JM_WS_TEXT, &pong);
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
ngx_junkmail_websocket_rate(ngx_junkmail_websocket_t *s, uint16_t *count,
                            ngx_uint_t most)
{
    uint32_t second;

    second = (uint32_t) (ngx_current_msec / 1000);

    if (s->second != second) {
        s->second = second;
        s->said = 0;
        s->fragments = 0;
    }

    if (*count < most) {
        (*count)++;
        return NGX_OK;
    }

    ngx_junkmail_peer_close(&s->peer, JM_WS_POLICY, "too many frames");

    return NGX_BUSY;
}


/* What we say. */


/*
 * Who asks all the time is there all the time, and would never be cut off for
 * not reading: our answers wait in the same room as the events.
 */

static void
ngx_junkmail_websocket_reply(ngx_junkmail_websocket_t *s, ngx_uint_t opcode,
                             ngx_str_t *text)
{
    ngx_str_t             none = ngx_null_string;
    ngx_junkmail_event_t *e;

    e = ngx_junkmail_event_make(opcode, &none, &none, text);

    if (e == NULL
        || ngx_junkmail_outbox_offer(&s->peer.sub.out, e, 1) == NGX_BUSY) {
        ngx_junkmail_subscriber_over(&s->peer.sub, JM_WS_TRY_LATER);
    }

    if (e != NULL) {
        ngx_junkmail_event_free(e);
    }
}


static ngx_int_t
ngx_junkmail_websocket_ping(ngx_junkmail_peer_t *p)
{
    ngx_str_t none = ngx_null_string;

    return ngx_junkmail_websocket_say(p, JM_WS_PING, &none);
}


/* JM_WS_NO_CODE answers a close frame that had none. */

static void
ngx_junkmail_websocket_goodbye(ngx_junkmail_peer_t *p, ngx_uint_t code,
                               const char *reason)
{
    u_char    payload[JM_WS_CONTROL_MAX];
    ngx_str_t text;

    text.data = payload;
    text.len = jm_ws_close(
        payload, code, (jm_str_t){ (u_char *) reason, ngx_strlen(reason) });

    (void) ngx_junkmail_websocket_say(p, JM_WS_CLOSE, &text);
}


/* A frame of our own. */

static ngx_int_t
ngx_junkmail_websocket_say(ngx_junkmail_peer_t *p, ngx_uint_t opcode,
                           ngx_str_t *text)
{
    ngx_str_t none = ngx_null_string;

    return ngx_junkmail_outbox_give(
        &p->sub.out, ngx_junkmail_event_make(opcode, &none, &none, text));
}
