/*
 * One who is announced an account's events, in whichever way: a listener of
 * the hub, what it wants, what it has yet to be sent, and the places it takes.
 * Used by ngx_junkmail_peer.c and, over HTTP/2, ngx_junkmail_sse.c.
 */

#ifndef _NGX_JUNKMAIL_SUBSCRIBER_H_INCLUDED_
#define _NGX_JUNKMAIL_SUBSCRIBER_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_outbox.h"
#include "ngx_junkmail_push.h"

typedef struct {
    ngx_junkmail_listener_t       listener;
    ngx_junkmail_outbox_t         out;
    ngx_http_junkmail_loc_conf_t *conf;
    u_char                       *ids; /* of addresses, one after another */
    uint32_t                      addresses; /* how many; 0: all */
    uint32_t                      place[NGX_JUNKMAIL_PUSH_PLACES];
    uint16_t over; /* the close code with which it is to end; 0: not yet */
} ngx_junkmail_subscriber_t;

/*
 * Greets (`answer`, hello, and reset when it is due) and joins the hub; `s` is
 * zeroed.  What it is sent waits in its outbox, and the write handler of the
 * request's connection is posted.  NGX_OK: the places are the subscriber's;
 * NGX_ERROR: nothing has happened.
 */
ngx_int_t ngx_junkmail_subscriber_start(ngx_junkmail_subscriber_t *s,
                                        ngx_http_request_t        *r,
                                        ngx_junkmail_push_t       *p,
                                        ngx_junkmail_event_t      *answer);

/* It is to end with this close code: JM_WS_POLICY (its key), or
 * JM_WS_TRY_LATER.  The owner's write handler does it. */
void ngx_junkmail_subscriber_over(ngx_junkmail_subscriber_t *s, uint16_t code);

/* Leaves the hub and pays everything back. */
void ngx_junkmail_subscriber_end(ngx_junkmail_subscriber_t *s);

#endif /* _NGX_JUNKMAIL_SUBSCRIBER_H_INCLUDED_ */
