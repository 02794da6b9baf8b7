/*
 * Push: what the handshake (ngx_junkmail_push.c) hands to what comes out of it
 * (ngx_junkmail_websocket.c, ngx_junkmail_sse.c).
 */

#ifndef _NGX_JUNKMAIL_PUSH_H_INCLUDED_
#define _NGX_JUNKMAIL_PUSH_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define NGX_JUNKMAIL_PUSH_PROTOCOL "junkmail.v1"

#define NGX_JUNKMAIL_PUSH_PLACES 4  /* of a listener */
#define NGX_JUNKMAIL_PUSH_RETRY  30 /* s, when there is no place */

typedef enum {
    NGX_JUNKMAIL_PUSH_WEBSOCKET = 0,
    NGX_JUNKMAIL_PUSH_SSE,
    NGX_JUNKMAIL_PUSH_WAIT,
    NGX_JUNKMAIL_PUSH_KINDS
} ngx_junkmail_push_kind_t;

/* The place that each listener of a kind takes. */
extern ngx_str_t ngx_junkmail_push_kinds[NGX_JUNKMAIL_PUSH_KINDS];

/* A request for events, in r->pool. */
typedef struct {
    ngx_uint_t  sse;       /* no WebSocket */
    ngx_str_t   key;       /* Sec-WebSocket-Key */
    ngx_uint_t  protocol;  /* the client offers NGX_JUNKMAIL_PUSH_PROTOCOL */
    ngx_str_t   since;     /* a cursor in canonical form, or empty */
    ngx_array_t addresses; /* ngx_str_t: ids; none: the whole account */

    /* From jm_log_open. */
    ngx_str_t  start;
    ngx_str_t  newest;
    ngx_uint_t reset;

    /* Places in the shared zone: taken; the connection pays them back. */
    uint32_t place[NGX_JUNKMAIL_PUSH_PLACES];
} ngx_junkmail_push_t;

/*
 * Make the request's connection a WebSocket, or its response a stream of
 * events, and join the hub.  From a Redis callback.  NGX_OK: over HTTP/1 `r`
 * is gone, and the places are paid back by them.  NGX_ERROR: nothing has
 * happened, but that the header of a stream may be sent.
 */
ngx_int_t ngx_junkmail_websocket_start(ngx_http_request_t  *r,
                                       ngx_junkmail_push_t *p);
ngx_int_t ngx_junkmail_sse_start(ngx_http_request_t  *r,
                                 ngx_junkmail_push_t *p);

/* The header of a stream of events, and as ngx_http_send_header() returns. */
ngx_int_t ngx_junkmail_sse_head(ngx_http_request_t *r);

/*
 * Takes the places of a listener, of its key, its client's address, of all and
 * of its kind: NGX_OK.  NGX_BUSY: one has no more, and none is taken.  To be
 * paid back once.
 */
ngx_int_t ngx_junkmail_push_take_places(ngx_http_request_t      *r,
                                        ngx_junkmail_push_kind_t kind,
                                        uint32_t                *place);
void      ngx_junkmail_push_leave_places(uint32_t *place);

#endif /* _NGX_JUNKMAIL_PUSH_H_INCLUDED_ */
