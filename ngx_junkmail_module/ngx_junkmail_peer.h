/*
 * A connection on which events are announced and whose HTTP request is gone:
 * a WebSocket (ngx_junkmail_websocket.c) or a response without end over
 * HTTP/1 (ngx_junkmail_sse.c), which say here in what they differ.
 */

#ifndef _NGX_JUNKMAIL_PEER_H_INCLUDED_
#define _NGX_JUNKMAIL_PEER_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_junkmail_subscriber.h"

typedef struct ngx_junkmail_peer_s ngx_junkmail_peer_t;

typedef struct {
    const char *name; /* in the log */

    /* The client says something, which may be changed.  NULL: it has nothing
     * to say, and is there as long as it takes what it is sent. */
    void (*input)(ngx_junkmail_peer_t *p, u_char *data, size_t len);

    /* Says something after a silence.  NGX_OK or NGX_ERROR. */
    ngx_int_t (*knock)(ngx_junkmail_peer_t *p);

    /* Says that nothing more will come.  NULL: the end of the connection says
     * it. */
    void (*goodbye)(ngx_junkmail_peer_t *p, ngx_uint_t code,
                    const char *reason);
} ngx_junkmail_peer_ops_t;

/* At the start of its owner's record; zeroed, but for `ops`. */
struct ngx_junkmail_peer_s {
    ngx_junkmail_subscriber_t      sub;
    const ngx_junkmail_peer_ops_t *ops;
    off_t                          received;
    ngx_msec_t                     started;
    uint16_t                       code;         /* with which it is closed */
    unsigned                       knocked : 1;  /* it owes a sign of life */
    unsigned                       draining : 1; /* the worker leaves */
    unsigned                       closing : 1;  /* our goodbye is queued */
    unsigned                       closed : 1;   /* the peer's has come */
    unsigned                       shut : 1;     /* ours has been written */
};

/*
 * Makes the request's connection a peer: sends `answer` (the response, or its
 * header; the caller keeps its reference), releases the request and joins the
 * hub.  From a Redis callback.  NGX_OK: `r` is gone, and the record, from
 * ngx_alloc(), is the peer's, as are the places.  NGX_ERROR: nothing has
 * happened.
 */
ngx_int_t ngx_junkmail_peer_start(ngx_junkmail_peer_t  *p,
                                  ngx_http_request_t   *r,
                                  ngx_junkmail_push_t  *push,
                                  ngx_junkmail_event_t *answer);

/* Says goodbye, once, and waits for the client to do the same. */
void ngx_junkmail_peer_close(ngx_junkmail_peer_t *p, ngx_uint_t code,
                             const char *reason);

/* The client has said goodbye. */
void ngx_junkmail_peer_closed(ngx_junkmail_peer_t *p, ngx_uint_t code);

#endif /* _NGX_JUNKMAIL_PEER_H_INCLUDED_ */
