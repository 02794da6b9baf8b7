/*
 * The hand-off: gives one message, spooled, to an LMTP server (RFC 2033) and
 * brings back one answer.  Called by the SMTP session at the end of data.
 * A try may take 8 s; a failed one is repeated with the same delivery id, at
 * another server if there is one, three tries within 25 s.  The third says
 * XRAW (store it unparsed) when the two before it were lost after the whole
 * message was written: it kills parsers.
 *
 * A server that does not announce XDID would store a repeat once more.  It
 * gets a message only after it has taken every recipient, never a second time
 * for a recipient it has stored it for, nor at all once the whole message was
 * written and its fate is unknown; instead it has the rest of the 25 s to
 * answer.
 */

#ifndef _NGX_JUNKMAIL_LMTP_H_INCLUDED_
#define _NGX_JUNKMAIL_LMTP_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail_backend.h"
#include "ngx_junkmail_spool.h"

#define NGX_JUNKMAIL_LMTP_REPLY 512

typedef void (*ngx_junkmail_lmtp_pt)(void *data);

typedef struct {
    ngx_pool_t           *pool; /* destroying it ends the hand-off silently */
    ngx_log_t            *log;
    ngx_array_t          *backends;   /* ngx_junkmail_backend_t */
    ngx_str_t             hostname;   /* said in LHLO */
    ngx_str_t             id;         /* delivery id, 32 hex digits */
    ngx_str_t             from;       /* reverse path without brackets */
    ngx_array_t          *recipients; /* ngx_str_t, paths without brackets */
    ngx_str_t             trace;      /* header lines put before the body */
    ngx_junkmail_spool_t *spool;
    unsigned              utf8 : 1; /* MAIL said SMTPUTF8 (RFC 6531) */

    /* Called once, never before ngx_junkmail_lmtp_send() has returned. */
    ngx_junkmail_lmtp_pt handler;
    void                *data;

    /*
     * The answer: 2xx only when every recipient got 2xx; else the worst 4xx,
     * else the worst 5xx.  `reply` is "451 4.3.0 text", printable ASCII.
     */
    ngx_uint_t code;
    ngx_str_t  reply;
    u_char     reply_data[NGX_JUNKMAIL_LMTP_REPLY];
} ngx_junkmail_lmtp_request_t;

/* NGX_OK when under way; NGX_ERROR without memory. */
ngx_int_t ngx_junkmail_lmtp_send(ngx_junkmail_lmtp_request_t *request);

#endif /* _NGX_JUNKMAIL_LMTP_H_INCLUDED_ */
