/*
 * What a connection has yet to send: references to events, in order.  Filled
 * by ngx_junkmail_subscriber.c and those whose it is; ngx_junkmail_peer.c has
 * it write, ngx_junkmail_sse.c gives the events to nginx's filters itself.
 */

#ifndef _NGX_JUNKMAIL_OUTBOX_H_INCLUDED_
#define _NGX_JUNKMAIL_OUTBOX_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail_event.h"

typedef struct ngx_junkmail_outbox_item_s ngx_junkmail_outbox_item_t;

/* Zeroed, but for `connection` and `sse`, by its owner. */
typedef struct {
    ngx_connection_t           *connection;
    ngx_junkmail_outbox_item_t *first;
    ngx_junkmail_outbox_item_t *last;
    uint32_t                    sent;  /* bytes of the first */
    uint32_t                    bytes; /* of all, sent or not */
    unsigned                    events : 31;
    unsigned                    sse : 1; /* no frames of a WebSocket */
} ngx_junkmail_outbox_t;

/*
 * Adds a reference of its own and has the connection's write handler called
 * soon.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_junkmail_outbox_add(ngx_junkmail_outbox_t *box,
                                  ngx_junkmail_event_t  *e);

/* The same, but the maker's reference goes to the outbox; NULL: NGX_ERROR. */
ngx_int_t ngx_junkmail_outbox_give(ngx_junkmail_outbox_t *box,
                                   ngx_junkmail_event_t  *e);

/* The same with a text that goes out as it is, whatever the way. */
ngx_int_t ngx_junkmail_outbox_text(ngx_junkmail_outbox_t *box,
                                   const char            *text);

/*
 * As the first for what a client causes, of which only so much may wait:
 * NGX_AGAIN when it was taken and half the room is gone, NGX_BUSY when there
 * was none. A replay, which is not `live`, pauses long before; and alone an
 * event of any size may pass.
 */
ngx_int_t ngx_junkmail_outbox_offer(ngx_junkmail_outbox_t *box,
                                    ngx_junkmail_event_t *e, ngx_uint_t live);

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

/*
 * For a caller who writes: up to `n` of the events from the first on, and how
 * many there are; and that the first `n` have been sent.
 */
ngx_uint_t ngx_junkmail_outbox_peek(ngx_junkmail_outbox_t *box,
                                    ngx_junkmail_event_t **e, ngx_uint_t n);
void       ngx_junkmail_outbox_shift(ngx_junkmail_outbox_t *box, ngx_uint_t n);

void ngx_junkmail_outbox_clear(ngx_junkmail_outbox_t *box);

#endif /* _NGX_JUNKMAIL_OUTBOX_H_INCLUDED_ */
