/*
 * Push: what the handshake (ngx_junkmail_push.c) hands to the connection that
 * comes out of it (ngx_junkmail_websocket.c).
 */

#ifndef _NGX_JUNKMAIL_PUSH_H_INCLUDED_
#define _NGX_JUNKMAIL_PUSH_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_junkmail_event.h"

#define NGX_JUNKMAIL_PUSH_PROTOCOL "junkmail.v1"

/* A request for events, in r->pool. */
typedef struct {
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
    uint32_t place[2];
} ngx_junkmail_push_t;

/*
 * Makes the request's connection a WebSocket: answers 101, releases the
 * request and joins the hub.  From a Redis callback.  NGX_OK: `r` is gone and
 * the places belong to the connection.  NGX_ERROR: nothing has happened.
 */
ngx_int_t ngx_junkmail_websocket_start(ngx_http_request_t  *r,
                                       ngx_junkmail_push_t *p);

/*
 * Takes the two places of a listener, of its key and of its client's address,
 * for ngx_junkmail_place_release() to pay back: NGX_OK.  NGX_BUSY: one has no
 * more, and none is taken.
 */
ngx_int_t ngx_junkmail_push_take_places(ngx_http_request_t *r,
                                        uint32_t           *place);

#define NGX_JUNKMAIL_PUSH_RETRY 30 /* s, when there is no place */

/*
 * Logs and frees the request and the buffers of its header, as after the last
 * request of a keep-alive connection; the connection lives on without them.
 */
void ngx_junkmail_push_release(ngx_http_request_t *r);

#endif /* _NGX_JUNKMAIL_PUSH_H_INCLUDED_ */
