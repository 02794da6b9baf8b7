/*
 * The SMTP session: what its parts share.  ngx_junkmail_smtp.c moves octets,
 * keeps time and ends the session; ngx_junkmail_smtp_command.c knows the
 * verbs, ngx_junkmail_smtp_transaction.c what they build; the directives and
 * variables are in ngx_stream_junkmail_module.c.
 *
 * Memory: the session lives in the connection's pool, each transaction in a
 * pool of its own, so that a client that stays does not make it grow.
 */

#ifndef _NGX_JUNKMAIL_SMTP_H_INCLUDED_
#define _NGX_JUNKMAIL_SMTP_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "ngx_junkmail_lmtp.h"
#include "ngx_junkmail_lookup.h"
#include "ngx_junkmail_spool.h"

#include "jm_data.h"
#include "jm_smtp.h"

#if !(NGX_STREAM_SSL)
#error "JunkMail needs nginx configured --with-stream_ssl_module"
#endif

#if (nginx_version >= 1025005)
typedef ngx_stream_ssl_srv_conf_t ngx_stream_ssl_conf_t;
#endif

#define NGX_JUNKMAIL_STARTTLS_OFF      0
#define NGX_JUNKMAIL_STARTTLS_ON       1
#define NGX_JUNKMAIL_STARTTLS_REQUIRED 2

#define NGX_JUNKMAIL_SMTP_REPLY 1024 /* the longest reply that we make */
#define NGX_JUNKMAIL_SMTP_JUNK  100  /* NOOP, RSET, … between two messages */
#define NGX_JUNKMAIL_SMTP_HOPS  100  /* Received: lines; more is a loop */

/* A server {} of stream {}; the directives of the same names. */
typedef struct {
    ngx_flag_t   enable;
    ngx_str_t    hostname;
    ngx_array_t *backends; /* ngx_junkmail_backend_t */
    ngx_uint_t   starttls;
    off_t        message_size;
    ngx_uint_t   recipients;
    ngx_msec_t   timeout;
    ngx_msec_t   data_timeout;
    ngx_msec_t   session_timeout;
    size_t       spool_memory;
    ngx_path_t  *spool_path;
    ngx_uint_t   errors;
    ngx_uint_t   transactions;
} ngx_stream_junkmail_srv_conf_t;

extern ngx_module_t ngx_stream_junkmail_module;

typedef enum {
    NGX_JUNKMAIL_SMTP_COMMAND = 0, /* reads command lines */
    NGX_JUNKMAIL_SMTP_LOOKUP,      /* waits until a recipient is looked up */
    NGX_JUNKMAIL_SMTP_DATA,        /* reads the message */
    NGX_JUNKMAIL_SMTP_HANDOFF,     /* waits for the backend */
    NGX_JUNKMAIL_SMTP_STARTTLS,    /* sends the 220 to STARTTLS */
    NGX_JUNKMAIL_SMTP_HANDSHAKE,   /* the TLS handshake goes on */
    NGX_JUNKMAIL_SMTP_CLOSING,     /* sends the last reply */
    NGX_JUNKMAIL_SMTP_LINGER       /* discards input until the client closes */
} ngx_junkmail_smtp_state_t;

/* From MAIL to the reply to the message, RSET, or the end. */
typedef struct {
    ngx_pool_t                 *pool;
    u_char                      id[33];     /* delivery id */
    ngx_str_t                   from;       /* reverse path, no brackets */
    ngx_array_t                 recipients; /* ngx_str_t, paths, no brackets */
    ngx_str_t                   recipient;  /* the one being looked up */
    ngx_junkmail_lookup_t      *lookup;
    jm_data_t                   data;
    ngx_junkmail_spool_t        spool;
    const ngx_str_t            *refused; /* the reply that the message gets */
    ngx_junkmail_lmtp_request_t handoff;
    unsigned                    handed_off : 1;   /* its answer is there */
    unsigned                    rcpt_refused : 1; /* some recipient was */
} ngx_junkmail_transaction_t;

typedef struct {
    ngx_stream_session_t           *session;
    ngx_connection_t               *connection;
    ngx_stream_junkmail_srv_conf_t *conf;
    ngx_junkmail_smtp_state_t       state;
    ngx_msec_t                      deadline; /* of the whole session */

    ngx_buf_t      in;  /* read, not yet looked at */
    ngx_buf_t      out; /* replies not yet sent */
    jm_smtp_line_t line;

    ngx_junkmail_transaction_t *transaction; /* NULL outside of one */

    u_char    helo_data[256];
    ngx_str_t helo; /* made safe by jm_smtp_token(); empty before EHLO */

    ngx_uint_t errors;
    ngx_uint_t junk;
    ngx_uint_t transactions;
    size_t     lingered;

    /* For the log: */
    ngx_uint_t messages;   /* accepted */
    ngx_uint_t recipients; /* accepted */
    ngx_uint_t reply;      /* last code */
    u_char     id[32];     /* of the last transaction */
    u_char     from_data[JM_PATH_MAX];
    ngx_str_t  from; /* of the last transaction */

    unsigned esmtp : 1;   /* EHLO, not HELO */
    unsigned mail : 1;    /* there was a transaction: from and id are set */
    unsigned greeted : 1; /* the first octet of the client was looked at */
} ngx_junkmail_smtp_t;


/* ngx_junkmail_smtp.c */

/* The content handler: takes the session over. */
void ngx_junkmail_smtp_handler(ngx_stream_session_t *s);

/*
 * Queues a reply, CRLF included.  When there is no room, which can only be
 * before the session ends, it is dropped.
 */
void ngx_junkmail_smtp_reply(ngx_junkmail_smtp_t *smtp,
                             const ngx_str_t     *reply);

/* The one place where the state changes; sets timer, idle flag and action. */
void ngx_junkmail_smtp_state(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_state_t state);

/* Queues a last reply and ends the session once it is sent. */
void ngx_junkmail_smtp_quit(ngx_junkmail_smtp_t *smtp, const ngx_str_t *reply);

/* Queues an error's reply and counts it; over the limit says 421 instead and
 * ends the session. */
void ngx_junkmail_smtp_error(ngx_junkmail_smtp_t *smtp,
                             const ngx_str_t     *reply);

/* Wakes the session from another's callback, never at once. */
void ngx_junkmail_smtp_wake(void *data);

/* The handlers of the client's connection. */
void ngx_junkmail_smtp_read(ngx_event_t *rev);
void ngx_junkmail_smtp_write(ngx_event_t *wev);

/* Does what can be done now.  The session may be gone on return. */
void ngx_junkmail_smtp_run(ngx_junkmail_smtp_t *smtp);

/* Sends the replies: NGX_OK, NGX_ERROR, or NGX_AGAIN with the event armed. */
ngx_int_t ngx_junkmail_smtp_flush(ngx_junkmail_smtp_t *smtp);

/* The end of every session, which is gone on return. */
void ngx_junkmail_smtp_finalize(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_tls.c; steps as in ngx_junkmail_smtp.c */

ngx_int_t ngx_junkmail_smtp_step_starttls(ngx_junkmail_smtp_t *smtp);
ngx_int_t ngx_junkmail_smtp_step_handshake(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_command.c */

/* Runs one command line. */
void ngx_junkmail_smtp_command(ngx_junkmail_smtp_t *smtp, jm_str_t line);


/* ngx_junkmail_smtp_transaction.c */

/* Begins a transaction with `from`, a reverse path without brackets. */
ngx_int_t ngx_junkmail_smtp_begin(ngx_junkmail_smtp_t *smtp, jm_str_t from);

/* Starts to look a recipient up; replies at once when that is not possible. */
void ngx_junkmail_smtp_resolve(ngx_junkmail_smtp_t *smtp,
                               jm_address_t        *address);

/* The look-up of a recipient is over: replies. */
void ngx_junkmail_smtp_recipient(ngx_junkmail_smtp_t *smtp);

/* A piece of the message. */
void ngx_junkmail_smtp_body(ngx_junkmail_smtp_t *smtp, jm_str_t run);

/* The final dot has come: refuses, or hands the message off. */
void ngx_junkmail_smtp_commit(ngx_junkmail_smtp_t *smtp);

/* The backend has answered: replies. */
void ngx_junkmail_smtp_answer(ngx_junkmail_smtp_t *smtp);

/* Forgets the transaction, if there is one, whatever it waits for. */
void ngx_junkmail_smtp_rollback(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_trace.c */

/* Makes the trace header of the transaction, in its pool. */
ngx_int_t ngx_junkmail_smtp_trace(ngx_junkmail_smtp_t *smtp, ngx_str_t *out);

#endif /* _NGX_JUNKMAIL_SMTP_H_INCLUDED_ */
