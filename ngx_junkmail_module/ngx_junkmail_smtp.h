/*
 * The SMTP session's side of nginx: what its parts share.  What is said to the
 * client is jm_session.c's; ngx_junkmail_smtp.c moves octets and ends the
 * session, ngx_junkmail_smtp_time.c keeps time,
 * ngx_junkmail_smtp_transaction.c does what a transaction asks for; the
 * directives and variables are in ngx_stream_junkmail_module.c.
 *
 * Memory: the session lives in the connection's pool, each transaction in a
 * pool of its own, so that a client that stays does not make it grow.
 */

#ifndef _NGX_JUNKMAIL_SMTP_H_INCLUDED_
#define _NGX_JUNKMAIL_SMTP_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "ngx_junkmail_limit.h"
#include "ngx_junkmail_lmtp.h"
#include "ngx_junkmail_log.h"
#include "ngx_junkmail_lookup.h"
#include "ngx_junkmail_reverse.h"
#include "ngx_junkmail_spool.h"

#include "jm_log.h"
#include "jm_session.h"

#if !(NGX_STREAM_SSL)
#error "JunkMail needs nginx configured --with-stream_ssl_module"
#endif

#if (nginx_version >= 1025005)
typedef ngx_stream_ssl_srv_conf_t ngx_stream_ssl_conf_t;
#endif

#define NGX_JUNKMAIL_STARTTLS_OFF      0
#define NGX_JUNKMAIL_STARTTLS_ON       1
#define NGX_JUNKMAIL_STARTTLS_REQUIRED 2

/* A directive that takes "off" or a number, and may take a time. */
typedef struct {
    size_t     number; /* 0: off */
    ngx_msec_t time;
} ngx_junkmail_timed_t;

/* A server {} of stream {}; the directives of the same names. */
typedef struct {
    ngx_flag_t   enable;
    ngx_str_t    hostname;
    ngx_array_t *backends; /* ngx_junkmail_backend_t */
    ngx_uint_t   starttls;
    ngx_array_t *xclient; /* ngx_cidr_t: who may say XCLIENT; or NULL */
    ngx_flag_t   reverse_dns;
    off_t        message_size;
    ngx_uint_t   recipients;
    ngx_msec_t   timeout;
    ngx_msec_t   data_timeout;
    ngx_msec_t   session_timeout;
    size_t       spool_memory;
    ngx_path_t  *spool_path;
    ngx_uint_t   errors;
    ngx_uint_t   unknown;
    ngx_uint_t   junk;
    ngx_uint_t   transactions;
    ngx_msec_t   greeting_delay;
    ngx_msec_t   stress_timeout;

    ngx_junkmail_timed_t tarpit;    /* errors before replies wait */
    ngx_junkmail_timed_t data_rate; /* octets a second, after a time */

    ngx_junkmail_log_t *log;           /* NULL: none */
    ngx_uint_t          log_addresses; /* jm_log_addresses_t */

    ngx_junkmail_limit_conf_t limit;

    jm_session_conf_t session; /* of these, what the session asks for */
} ngx_stream_junkmail_srv_conf_t;

extern ngx_module_t ngx_stream_junkmail_module;

typedef enum {
    NGX_JUNKMAIL_SMTP_GREET = 0, /* listens before it greets */
    NGX_JUNKMAIL_SMTP_READ,      /* reads commands and messages */
    NGX_JUNKMAIL_SMTP_TARPIT,    /* holds a reply back */
    NGX_JUNKMAIL_SMTP_LOOKUP,    /* waits until a recipient is looked up */
    NGX_JUNKMAIL_SMTP_HANDOFF,   /* waits for the backend */
    NGX_JUNKMAIL_SMTP_STARTTLS,  /* sends the 220 to STARTTLS */
    NGX_JUNKMAIL_SMTP_HANDSHAKE, /* the TLS handshake goes on */
    NGX_JUNKMAIL_SMTP_CLOSING,   /* sends the last reply */
    NGX_JUNKMAIL_SMTP_LINGER     /* discards input until the client closes */
} ngx_junkmail_smtp_state_t;

/* From MAIL to the reply to the message, RSET, or the end. */
typedef struct {
    ngx_pool_t                 *pool;
    u_char                      id[33];     /* delivery id */
    ngx_str_t                   from;       /* reverse path, no brackets */
    ngx_array_t                 recipients; /* ngx_str_t, paths, no brackets */
    ngx_junkmail_lookup_t      *lookup;     /* of the recipient in question */
    ngx_junkmail_spool_t        spool;
    ngx_junkmail_lmtp_request_t handoff;
    ngx_msec_t                  handed;         /* when the hand-off began */
    unsigned                    handed_off : 1; /* its answer is there */
} ngx_junkmail_transaction_t;

typedef struct {
    ngx_stream_session_t           *stream;
    ngx_connection_t               *connection;
    ngx_stream_junkmail_srv_conf_t *conf;
    ngx_junkmail_smtp_state_t       state;
    ngx_msec_t                      deadline; /* of the whole session */
    ngx_msec_t                      since;    /* the client is waited for */
    ngx_msec_t                      patience; /* for so long */

    jm_session_t session; /* what was said, counted and is to be said */
    ngx_buf_t    in;      /* read, not yet looked at */

    ngx_junkmail_reverse_t reverse; /* the name of the client's address */

    ngx_junkmail_transaction_t *transaction; /* NULL outside of one */
    ngx_msec_t                  data_since;  /* its message comes, or 0 */
    off_t                       data_from;   /* octets received before it */

    ngx_sockaddr_t sockaddr; /* the client's, if XCLIENT said it */
    u_char         addr_text[NGX_SOCKADDR_STRLEN];

    /* Of the last transaction, for the log. */
    u_char     id[32];
    size_t     size;    /* of its message */
    ngx_msec_t handoff; /* time it took; NGX_CONF_UNSET_MSEC without one */

    ngx_junkmail_limit_t limit;
    size_t               lingered;
} ngx_junkmail_smtp_t;


/* ngx_junkmail_smtp.c */

/* The content handler: takes the session over. */
void ngx_junkmail_smtp_handler(ngx_stream_session_t *s);

/* The one place where the state changes; sets timer, idle flag and action. */
void ngx_junkmail_smtp_state(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_state_t state);

/* A command is replied to: goes on with the next, held back if need be. */
void ngx_junkmail_smtp_next(ngx_junkmail_smtp_t *smtp);

/* Says a last reply, forgets the transaction, and ends the session once it is
 * sent. */
void ngx_junkmail_smtp_quit(ngx_junkmail_smtp_t *smtp,
                            jm_session_reply_t   reply);

/* Takes the places of the client; NGX_BUSY when there are none and the session
 * ends. */
ngx_int_t ngx_junkmail_smtp_admit(ngx_junkmail_smtp_t *smtp);

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


/* ngx_junkmail_smtp_time.c */

/* The time of the state begins. */
void ngx_junkmail_smtp_wait(ngx_junkmail_smtp_t *smtp);

/* Starts the timer for what is left of it. */
void ngx_junkmail_smtp_timer(ngx_junkmail_smtp_t *smtp);

/* Whether it is over. */
ngx_uint_t ngx_junkmail_smtp_expired(ngx_junkmail_smtp_t *smtp);

/* Whether a message comes too slowly. */
ngx_uint_t ngx_junkmail_smtp_slow(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_tls.c; steps as in ngx_junkmail_smtp.c */

ngx_int_t ngx_junkmail_smtp_step_starttls(ngx_junkmail_smtp_t *smtp);
ngx_int_t ngx_junkmail_smtp_step_handshake(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_xclient.c */

/* Whether the client is one that may say XCLIENT. */
ngx_uint_t ngx_junkmail_smtp_trusted(ngx_junkmail_smtp_t *smtp);

/* XCLIENT: the connection takes the address that was said; answers. */
void ngx_junkmail_smtp_xclient(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_transaction.c: what the session's events ask for. */

/* MAIL: begins a transaction, answers. */
void ngx_junkmail_smtp_begin(ngx_junkmail_smtp_t *smtp);

/* RCPT: starts to look the recipient up; answers when that is impossible. */
void ngx_junkmail_smtp_resolve(ngx_junkmail_smtp_t *smtp);

/* The look-up of a recipient is over: answers. */
void ngx_junkmail_smtp_recipient(ngx_junkmail_smtp_t *smtp);

/* Keeps a piece of the message. */
void ngx_junkmail_smtp_body(ngx_junkmail_smtp_t *smtp);

/* The message is complete: hands it off. */
void ngx_junkmail_smtp_commit(ngx_junkmail_smtp_t *smtp);

/* The backend has answered: answers. */
void ngx_junkmail_smtp_answer(ngx_junkmail_smtp_t *smtp);

/* Forgets the transaction, if there is one, whatever it waits for. */
void ngx_junkmail_smtp_rollback(ngx_junkmail_smtp_t *smtp);


/* ngx_junkmail_smtp_trace.c */

/* Makes the trace header of the transaction, in its pool. */
ngx_int_t ngx_junkmail_smtp_trace(ngx_junkmail_smtp_t *smtp, ngx_str_t *out);

#endif /* _NGX_JUNKMAIL_SMTP_H_INCLUDED_ */
