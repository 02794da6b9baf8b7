/*
 * What a connection has yet to send: references to events, in order.  Used by
 * ngx_junkmail_websocket.c.
 */

#ifndef _NGX_JUNKMAIL_OUTBOX_H_INCLUDED_
#define _NGX_JUNKMAIL_OUTBOX_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail_event.h"

typedef struct ngx_junkmail_outbox_item_s ngx_junkmail_outbox_item_t;

/* Zeroed, but for `connection`, by its owner. */
typedef struct {
    ngx_connection_t           *connection;
    ngx_junkmail_outbox_item_t *first;
    ngx_junkmail_outbox_item_t *last;
    size_t                      sent;  /* bytes of the first */
    size_t                      bytes; /* of all, sent or not */
    ngx_uint_t                  events;
} ngx_junkmail_outbox_t;

/*
 * Adds a reference of its own and has the connection's write handler called
 * soon.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_junkmail_outbox_add(ngx_junkmail_outbox_t *box,
                                  ngx_junkmail_event_t  *e);

/*
 * Writes as much as the connection takes.  NGX_OK: all of it; NGX_AGAIN: the
 * connection is full; NGX_ERROR.
 */
ngx_int_t ngx_junkmail_outbox_flush(ngx_junkmail_outbox_t *box);

/*
 * Drops the events of the log that wait, which a client can have again by its
 * cursor; our own frames stay, and so does one that has been begun.
 */
void ngx_junkmail_outbox_drop(ngx_junkmail_outbox_t *box);

void ngx_junkmail_outbox_clear(ngx_junkmail_outbox_t *box);

#endif /* _NGX_JUNKMAIL_OUTBOX_H_INCLUDED_ */
