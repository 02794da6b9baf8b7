/*
 * A hand-off as its three files see it: ngx_junkmail_lmtp.c (tries and their
 * connections), ngx_junkmail_lmtp_reply.c (what the server says) and
 * ngx_junkmail_lmtp_write.c (what it is told); nobody else includes this.
 *
 * What is told is a row of steps: MAIL, each RCPT, BDAT or DATA, the message.
 * `allowed` says up to which step the server lets us go: junkmaild, which
 * announces PIPELINING, CHUNKING and XDID, gets all of them in one write; a
 * server with PIPELINING MAIL and all RCPT; any other one step after each
 * reply.  Body octets after DATA are never sent before its 354: a server that
 * had refused would read them as commands.
 */

#ifndef _NGX_JUNKMAIL_LMTP_TRY_H_INCLUDED_
#define _NGX_JUNKMAIL_LMTP_TRY_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "ngx_junkmail_lmtp.h"

#include "jm_reply.h"

#define NGX_JUNKMAIL_LMTP_TRIES 3

#define NGX_JUNKMAIL_LMTP_IN  4096
#define NGX_JUNKMAIL_LMTP_OUT 32768

/* What the server announced in reply to LHLO. */
#define NGX_JUNKMAIL_LMTP_PIPELINING 0x01
#define NGX_JUNKMAIL_LMTP_CHUNKING   0x02
#define NGX_JUNKMAIL_LMTP_XDID       0x04
#define NGX_JUNKMAIL_LMTP_8BITMIME   0x08
#define NGX_JUNKMAIL_LMTP_SIZE       0x10
#define NGX_JUNKMAIL_LMTP_SMTPUTF8   0x20

typedef enum {
    NGX_JUNKMAIL_LMTP_GREETING = 0, /* waiting for 220 */
    NGX_JUNKMAIL_LMTP_LHLO,         /* for the capabilities */
    NGX_JUNKMAIL_LMTP_MAIL,
    NGX_JUNKMAIL_LMTP_RCPT,   /* for the reply to recipient `replied` */
    NGX_JUNKMAIL_LMTP_DATA,   /* for 354 */
    NGX_JUNKMAIL_LMTP_MESSAGE /* for one reply per accepted recipient */
} ngx_junkmail_lmtp_state_t;

typedef struct {
    ngx_junkmail_lmtp_request_t *request;
    ngx_peer_connection_t        peer;
    ngx_event_t                  pause; /* the timer between two tries */
    ngx_msec_t                   deadline;
    ngx_uint_t                   tries;
    ngx_uint_t  lost;   /* tries that failed after all was written */
    ngx_uint_t *tried;  /* tries of each backend */
    u_char     *stored; /* by recipient: a server without XDID has stored it */

    /* Of the present try: */
    ngx_uint_t                backend; /* its index */
    ngx_junkmail_lmtp_state_t state;
    ngx_uint_t                announced;
    jm_reply_t                reply;
    ngx_uint_t                replied;   /* recipients replied to at RCPT */
    ngx_uint_t                accepted;  /* of them, those with 2xx */
    ngx_uint_t                answered;  /* recipients done with after DATA */
    ngx_uint_t                delivered; /* of them, those with 2xx */
    ngx_uint_t                code;      /* the worst reply so far */

    ngx_uint_t step;    /* the next to be written */
    ngx_uint_t allowed; /* the first that must wait for a reply */
    off_t      offset;  /* of the message, trace included, to be written */
    unsigned   line;    /* for jm_data_stuff() */

    u_char *taken; /* by recipient: RCPT was accepted */
    u_char *in;
    u_char *out; /* written up to `pos`, filled up to `last` */
    u_char *pos;
    u_char *last;

    unsigned written : 1; /* the whole message, to the socket */
} ngx_junkmail_lmtp_t;

/*
 * Acts on the `n` octets in `in`.  NGX_OK: go on; NGX_DONE: the answer is
 * there; NGX_DECLINED: one is there, but another try may get a better one;
 * NGX_ERROR: a reply makes no sense, or is none.
 */
ngx_int_t ngx_junkmail_lmtp_replies(ngx_junkmail_lmtp_t *lmtp, size_t n);

/* Writes what may be written.  NGX_OK, NGX_AGAIN or NGX_ERROR. */
ngx_int_t ngx_junkmail_lmtp_flush(ngx_junkmail_lmtp_t *lmtp);

/* This server does not serve: 451 is the answer unless another try has one. */
void ngx_junkmail_lmtp_away(ngx_junkmail_lmtp_t *lmtp);

/* Whether there is a server that this hand-off has not tried. */
ngx_uint_t ngx_junkmail_lmtp_fresh(ngx_junkmail_lmtp_t *lmtp);

#endif /* _NGX_JUNKMAIL_LMTP_TRY_H_INCLUDED_ */
