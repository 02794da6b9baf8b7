/*
 * The SMTP session (RFC 5321) without a socket: the client's octets in;
 * replies and events out.  Called by nginx's stream part, by the unit tests
 * and by the fuzzer alike.
 *
 * jm_session_read() takes input until there is an event.  Some events ask for
 * an answer, which the caller gives by jm_session_answer() when it has it; the
 * input behind waits.  Replies gather in `out`, which the caller empties when
 * nothing more can be done at once: so a pipelined group has its replies in
 * one write (RFC 2920, 3.2), and holding `out` back delays them.
 *
 * Allocates nothing.  Slices point into the session or into the input, and
 * are valid until the next call.
 */

#ifndef JM_SESSION_H
#define JM_SESSION_H

#include <stdint.h>

#include "jm_chunk.h"
#include "jm_data.h"
#include "jm_session_reply.h"
#include "jm_smtp.h"
#include "jm_xclient.h"

#define JM_SESSION_ROOM                                                       \
    1024                    /* octets that the replies of one call may need   \
                             */
#define JM_SESSION_HELO 256 /* octets of a client's name */
#define JM_SESSION_HOPS 100 /* Received: lines; more is a loop */

typedef struct {
    jm_str_t hostname;
    uint64_t message_size;     /* octets, announced by SIZE */
    size_t   recipients;       /* of a message, announced by LIMITS */
    size_t   transactions;     /* of a session, announced by LIMITS */
    size_t   errors;           /* bad commands of a session */
    size_t   unknown;          /* recipients of a session that nobody has */
    size_t   junk;             /* NOOP, RSET, … between two messages */
    unsigned starttls : 1;     /* offered */
    unsigned tls_required : 1; /* before MAIL */
} jm_session_conf_t;

typedef enum {
    JM_SESSION_MORE = 0,  /* the input is used up */
    JM_SESSION_NEXT,      /* a command was replied to; go on */
    JM_SESSION_BEGIN,     /* MAIL: answer whether `from` may begin */
    JM_SESSION_RECIPIENT, /* RCPT: answer whether `path.address` is taken */
    JM_SESSION_BODY,      /* `run` is the next piece of the message */
    JM_SESSION_MESSAGE,   /* all pieces were there: answer what became of it */
    JM_SESSION_RESET,     /* the transaction is over without a message */
    JM_SESSION_XCLIENT,   /* `xclient`: answer with a greeting */
    JM_SESSION_STARTTLS,  /* empty `out`, handshake, jm_session_secured() */
    JM_SESSION_CLOSE      /* empty `out` and close */
} jm_session_event_t;

typedef enum {
    JM_SESSION_COMMAND = 0, /* reads command lines */
    JM_SESSION_DATA,        /* reads a message up to its final dot */
    JM_SESSION_CHUNK,       /* reads the octets of a chunk */
    JM_SESSION_WAIT,        /* wants the answer to its last event */
    JM_SESSION_OVER         /* has said its last reply */
} jm_session_state_t;

typedef struct {
    u_char *pos; /* not yet sent */
    u_char *last;
    u_char *start;
    u_char *end;
} jm_session_out_t;

typedef struct {
    const jm_session_conf_t *conf;
    jm_session_state_t       state;
    jm_session_event_t       event; /* the last one */
    jm_session_out_t         out;
    jm_smtp_line_t           line;

    jm_smtp_path_t path; /* of MAIL and RCPT */
    jm_str_t       run;  /* of JM_SESSION_BODY */
    jm_xclient_t   xclient;

    /* The client. */
    jm_str_t helo; /* made safe by jm_smtp_token(); empty before EHLO */
    u_char   helo_data[JM_SESSION_HELO];
    jm_str_t name; /* its host name, if XCLIENT said it; made safe, too */
    u_char   name_data[JM_SESSION_HELO];
    unsigned esmtp : 1;   /* EHLO, not HELO */
    unsigned tls : 1;     /* set by the caller for implicit TLS */
    unsigned trusted : 1; /* set by the caller: may say XCLIENT */
    unsigned proxied : 1; /* XCLIENT said HELO */
    unsigned started : 1; /* the first octet of the client was looked at */
    unsigned behind : 1;  /* there is input behind the command */
    unsigned named : 1;   /* there was a transaction: `from` is set */

    /* The transaction, from MAIL to the reply to its message. */
    unsigned           mail : 1; /* there is one */
    unsigned           utf8 : 1; /* MAIL said SMTPUTF8 */
    unsigned           bdat : 1; /* a chunk has come */
    size_t             accepted; /* recipients */
    size_t             rejected; /* the same */
    jm_data_t          data;
    jm_chunk_t         chunk;
    jm_session_reply_t refused; /* what the message gets, or NONE; after a
                                   refused chunk all that follow get it */

    /* Counted over the whole session, for limits and the log. */
    size_t             errors;       /* jm_session_deny() is the one place */
    size_t             unknown;      /* recipients that nobody has */
    size_t             junk;         /* commands since the last message */
    size_t             transactions; /* begun */
    size_t             recipients;   /* accepted */
    size_t             messages;     /* accepted */
    size_t             reply;        /* code of the last reply */
    jm_str_t           said;         /* its first line; valid until the next */
    size_t             replies[6]; /* by class; the caller may set them back */
    jm_session_reply_t ended;      /* what the session ended with, or NONE */
    jm_str_t           from;       /* sender of the last transaction */
    u_char             from_data[JM_PATH_MAX];
} jm_session_t;

/* `out` is where replies go: `size` octets, at least JM_SESSION_ROOM. */
void jm_session_init(jm_session_t *s, const jm_session_conf_t *conf,
                     u_char *out, size_t size);

/* Says 220. */
void jm_session_greet(jm_session_t *s);

/* The client has sent `text`, one octet at least, without waiting for 220:
 * says why it has to go; the next event is CLOSE. */
void jm_session_early(jm_session_t *s, jm_str_t text);

/*
 * Takes input from *pos on, moves *pos, returns the first event.  To be called
 * with room for JM_SESSION_ROOM octets in `out`.  While it waits or is over it
 * takes nothing and repeats the last event.
 */
jm_session_event_t jm_session_read(jm_session_t *s, const u_char **pos,
                                   const u_char *last);

/*
 * The caller's answer to BEGIN, RECIPIENT, MESSAGE or XCLIENT, said to the
 * client; the reply's `%` stands for `value`.  A 2xx means yes, MANY_UNKNOWN
 * ends the session.  When MESSAGE is answered the transaction is over.
 */
void jm_session_answer(jm_session_t *s, jm_session_reply_t reply,
                       jm_str_t value);

/* The message cannot be kept: its pieces are no more given out, and this is
 * what it gets at its end. */
void jm_session_refuse(jm_session_t *s, jm_session_reply_t reply);

/* TLS has begun: forgets what the client said before (RFC 3207, 4.2). */
void jm_session_secured(jm_session_t *s);

/* Says a last reply; the next event is CLOSE. */
void jm_session_close(jm_session_t *s, jm_session_reply_t reply);

#endif /* JM_SESSION_H */
