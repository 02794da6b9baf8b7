/*
 * Push: what the handshake (ngx_junkmail_push.c) hands to what comes out of it
 * (ngx_junkmail_websocket.c, ngx_junkmail_sse.c), and what these share.
 */

#ifndef _NGX_JUNKMAIL_PUSH_H_INCLUDED_
#define _NGX_JUNKMAIL_PUSH_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_junkmail_event.h"

#define NGX_JUNKMAIL_PUSH_PROTOCOL "junkmail.v1"

#define NGX_JUNKMAIL_PUSH_PLACES 3  /* of a listener */
#define NGX_JUNKMAIL_PUSH_RETRY  30 /* s, when there is no place */

/* Which addresses' events a listener wants. */
typedef struct {
    u_char    *ids; /* one after another */
    ngx_uint_t n;   /* 0: the whole account */
} ngx_junkmail_filter_t;

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

    ngx_junkmail_event_t *answer; /* 101; stays the caller's */

    /* Places in the shared zone: taken; the connection pays them back. */
    uint32_t place[NGX_JUNKMAIL_PUSH_PLACES];
} ngx_junkmail_push_t;

/*
 * Makes the request's connection a WebSocket: answers 101, releases the
 * request and joins the hub.  From a Redis callback.  NGX_OK: `r` is gone and
 * the places belong to the connection.  NGX_ERROR: nothing has happened.
 */
ngx_int_t ngx_junkmail_websocket_start(ngx_http_request_t  *r,
                                       ngx_junkmail_push_t *p);

/*
 * Makes the request's response a stream of events and joins the hub.  From a
 * Redis callback.  The request and the places are the stream's, which has
 * finished it already when something failed.
 */
void ngx_junkmail_sse_start(ngx_http_request_t *r, ngx_junkmail_push_t *p);

/* The header of such a response, and as ngx_http_send_header() returns. */
ngx_int_t ngx_junkmail_sse_head(ngx_http_request_t *r);

/*
 * Takes the places of a listener, of its key, its client's address and of
 * all: NGX_OK.  NGX_BUSY: one has no more, and none is taken.  To be paid back
 * once.
 */
ngx_int_t ngx_junkmail_push_take_places(ngx_http_request_t *r,
                                        uint32_t           *place);
void      ngx_junkmail_push_leave_places(uint32_t *place);

/* Copies the ids (ngx_str_t) to `pool`: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_junkmail_filter_make(ngx_pool_t *pool, ngx_array_t *addresses,
                                   ngx_junkmail_filter_t *f);

/* 1 when the event is one of these addresses or of the whole account. */
ngx_uint_t ngx_junkmail_filter_match(ngx_junkmail_filter_t *f,
                                     ngx_junkmail_event_t  *e);

/* Has the kernel keep little of what waits for a slow reader. */
ngx_int_t ngx_junkmail_push_tune(ngx_http_request_t *r);

/*
 * Logs and frees the request and the buffers of its header, as after the last
 * request of a keep-alive connection; the connection lives on without them.
 */
void ngx_junkmail_push_release(ngx_http_request_t *r);

#endif /* _NGX_JUNKMAIL_PUSH_H_INCLUDED_ */
