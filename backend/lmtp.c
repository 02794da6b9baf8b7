/*
 * The LMTP session behind lmtp.h, in the order in which a message meets it:
 * greeting, commands, DATA or BDAT, the delivery, one reply per recipient.
 *
 * Blocking reads with a deadline; replies are gathered and written when the
 * client's input is used up (RFC 2920, 3.2).  What a transaction holds and
 * what is done with it is delivery.c's.
 */

#define _GNU_SOURCE /* ppoll */

#include "lmtp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "delivery.h"
#include "jm_chunk.h"
#include "jm_data.h"
#include "jm_id.h"
#include "jm_smtp.h"
#include "log.h"
#include "sandbox.h"

#define JM_LMTP_IN  (64 * 1024)
#define JM_LMTP_OUT (16 * 1024)

/* Product text: every reply that does not hold a value. */

#define JM_R_STOPPING "421 4.3.2 shutting down, come back in a moment\r\n"
#define JM_R_DOWN     "421 4.3.0 the mail store is away, try again later\r\n"
#define JM_R_IDLE     "421 4.4.2 nothing heard for too long\r\n"
#define JM_R_ONE      "421 4.3.2 one message a connection\r\n"
#define JM_R_OK       "250 2.0.0 OK\r\n"
#define JM_R_MAIL     "250 2.1.0 sender accepted\r\n"
#define JM_R_RCPT     "250 2.1.5 recipient accepted\r\n"
#define JM_R_CHUNK    "250 2.0.0 chunk received\r\n"
#define JM_R_GONE     "250 2.1.5 the address is gone, nothing stored\r\n"
#define JM_R_QUIT     "221 2.0.0 goodbye\r\n"
#define JM_R_VRFY     "252 2.5.2 send some mail and see\r\n"
#define JM_R_GO       "354 end the message with <CRLF>.<CRLF>\r\n"

#define JM_R_FAILED "451 4.3.0 cannot be stored now, try again later\r\n"
#define JM_R_QUOTA  "452 4.2.2 the mailbox is full\r\n"
#define JM_R_FULL   "452 4.3.1 the mail store is full\r\n"
#define JM_R_MEMORY "452 4.3.1 not enough memory for this message\r\n"
#define JM_R_MANY   "452 4.5.3 too many recipients\r\n"

#define JM_R_UNKNOWN_VERB "500 5.5.1 command not known\r\n"
#define JM_R_LHLO_ONLY    "500 5.5.1 this is LMTP, say LHLO\r\n"
#define JM_R_LINE_LONG    "500 5.5.2 line too long\r\n"
#define JM_R_LINE_BAD     "500 5.5.2 control character in a command\r\n"
#define JM_R_LINE_BARE    "500 5.5.2 lines end with CR LF\r\n"
#define JM_R_ARGUMENT     "501 5.5.4 syntax error in the argument\r\n"
#define JM_R_SENDER       "501 5.1.7 syntax error in the sender's address\r\n"
#define JM_R_RECIPIENT    "501 5.1.3 syntax error in the recipient's address\r\n"
#define JM_R_SEQUENCE     "503 5.5.1 not now\r\n"
#define JM_R_NO_RCPT      "503 5.5.1 no recipient was accepted\r\n"
#define JM_R_AFTER_BDAT   "503 5.5.1 the message has begun with BDAT\r\n"
#define JM_R_VALUE        "504 5.5.4 value not known\r\n"
#define JM_R_PARAM        "555 5.5.4 parameter not known\r\n"
#define JM_R_UNKNOWN      "550 5.1.1 no such mailbox here\r\n"
#define JM_R_CLOSED       "550 5.2.1 the mailbox is closed\r\n"
#define JM_R_LINES        "550 5.6.11 bare CR, bare LF or NUL in the message\r\n"
#define JM_R_FOREIGN      "550 5.7.1 not a domain of ours\r\n"
#define JM_R_TOO_BIG      "552 5.3.4 the message is too big\r\n"
#define JM_R_UTF8         "553 5.6.7 address needs SMTPUTF8\r\n"

typedef struct {
    jm_lmtp_t     *server;
    int            fd;
    int64_t        deadline; /* of the whole session, ticks */
    jm_smtp_line_t line;
    const u_char  *pos; /* what of `in` has not been used */
    const u_char  *last;
    u_char         in[JM_LMTP_IN];
    size_t         out_len;
    char           out[JM_LMTP_OUT];
    unsigned       greeted : 1; /* LHLO was said */
    unsigned       served : 1;  /* a message was answered */
    unsigned       closing : 1;
    unsigned       lost : 1; /* the client does not read any more */

    /* The transaction; jm_lmtp_rollback() forgets it. */
    unsigned         mail : 1; /* MAIL was accepted */
    unsigned         utf8 : 1;
    unsigned         bdat : 1; /* a chunk has come */
    jm_data_t        data;     /* the watch over its message */
    const char      *refusal;  /* of the whole message, or NULL */
    jm_transaction_t transaction;
} jm_lmtp_session_t;

/* A verb is run, or has but one reply. */
typedef struct {
    const char *verb;
    void (*run)(jm_lmtp_session_t *s, jm_str_t arg);
    const char *reply;
    unsigned    after : 1; /* also once the message has been answered */
} jm_lmtp_verb_t;

/* A parameter of MAIL: returns the refusal, or NULL. */
typedef struct {
    const char *name;
    const char *(*set)(jm_lmtp_session_t *s, jm_str_t value);
    unsigned has_value : 1;
} jm_lmtp_param_t;

static void jm_lmtp_command(jm_lmtp_session_t *s, jm_str_t line);
static void jm_lmtp_garbled(jm_lmtp_session_t *s, jm_line_status_t status,
                            jm_str_t line);
static void jm_lmtp_lhlo(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_mail(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_rcpt(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_data(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_bdat(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_rset(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_quit(jm_lmtp_session_t *s, jm_str_t arg);

static const char *jm_lmtp_set_size(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_body(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_utf8(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_xdid(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_xraw(jm_lmtp_session_t *s, jm_str_t value);

static void jm_lmtp_lines(jm_lmtp_session_t *s);
static void jm_lmtp_finish(jm_lmtp_session_t *s);
static void jm_lmtp_rollback(jm_lmtp_session_t *s);

static int  jm_lmtp_fill(jm_lmtp_session_t *s);
static int  jm_lmtp_wait(jm_lmtp_session_t *s, short events);
static int  jm_lmtp_take(jm_lmtp_session_t *s, jm_chunk_t *chunk, int keep);
static void jm_lmtp_reserve(jm_lmtp_session_t *s, uint64_t more);
static void jm_lmtp_append(jm_lmtp_session_t *s, jm_str_t run);
static void jm_lmtp_reply(jm_lmtp_session_t *s, const char *text);
static void jm_lmtp_flush(jm_lmtp_session_t *s);

/* RFC 2033, 4.1: HELO and EHLO must not be accepted, lest somebody use the
   protocol over the wrong port without noticing. */

static const jm_lmtp_verb_t jm_lmtp_verbs[] = {
    { "LHLO", jm_lmtp_lhlo, NULL, 0 },   { "HELO", NULL, JM_R_LHLO_ONLY, 1 },
    { "EHLO", NULL, JM_R_LHLO_ONLY, 1 }, { "MAIL", jm_lmtp_mail, NULL, 0 },
    { "RCPT", jm_lmtp_rcpt, NULL, 0 },   { "DATA", jm_lmtp_data, NULL, 0 },
    { "BDAT", jm_lmtp_bdat, NULL, 0 },   { "RSET", jm_lmtp_rset, NULL, 1 },
    { "NOOP", NULL, JM_R_OK, 1 },        { "VRFY", NULL, JM_R_VRFY, 1 },
    { "QUIT", jm_lmtp_quit, NULL, 1 },
};

static const jm_lmtp_param_t jm_lmtp_params[] = {
    { "SIZE", jm_lmtp_set_size, 1 },     { "BODY", jm_lmtp_set_body, 1 },
    { "SMTPUTF8", jm_lmtp_set_utf8, 0 }, { "XDID", jm_lmtp_set_xdid, 1 },
    { "XRAW", jm_lmtp_set_xraw, 0 },
};

/* What the store says of a recipient at RCPT. */
static const char *const jm_lmtp_refusals[] = {
    [JM_STORE_OK] = NULL,
    [JM_STORE_UNKNOWN] = JM_R_UNKNOWN,
    [JM_STORE_FOREIGN] = JM_R_FOREIGN,
    [JM_STORE_CLOSED] = JM_R_CLOSED,
    [JM_STORE_QUOTA] = JM_R_QUOTA,
    [JM_STORE_FULL] = JM_R_FULL,
    [JM_STORE_REFUSED] = JM_R_FAILED,
    [JM_STORE_DOWN] = JM_R_FAILED,
};

/* What a recipient is told of its fate, but for an id under which it is
   stored. */
static const char *const jm_lmtp_fates[] = {
    [JM_FATE_OPEN] = JM_R_FAILED,   [JM_FATE_GONE] = JM_R_GONE,
    [JM_FATE_FULL] = JM_R_FULL,     [JM_FATE_MEMORY] = JM_R_MEMORY,
    [JM_FATE_FAILED] = JM_R_FAILED,
};

#define JM_COUNT(table) (sizeof(table) / sizeof((table)[0]))


jm_lmtp_status_t
jm_lmtp_serve(jm_lmtp_t *server, int fd)
{
    char                     greeting[300];
    jm_str_t                 line;
    jm_line_status_t         status;
    jm_lmtp_session_t       *s;
    static jm_lmtp_session_t session;

    s = &session;
    memset(s, 0, sizeof(jm_lmtp_session_t));

    s->server = server;
    s->fd = fd;
    s->deadline = jm_ticks_ms() + JM_LMTP_SESSION;

    snprintf(greeting, sizeof(greeting), "220 %s LMTP junkmaild\r\n",
             server->name);
    jm_lmtp_reply(s, greeting);

    while (!s->closing) {
        status = jm_smtp_line_read(&s->line, &s->pos, s->last, &line);

        switch (status) {

        case JM_LINE_AGAIN:
            if (jm_lmtp_fill(s) != 0) {
                s->closing = 1;
            }
            break;

        case JM_LINE_OK:
            jm_lmtp_command(s, line);
            break;

        default:
            jm_lmtp_garbled(s, status, line);
        }
    }

    jm_lmtp_flush(s);
    jm_lmtp_rollback(s);
    close(fd);

    return s->transaction.down   ? JM_LMTP_STORE_DOWN
           : s->transaction.worn ? JM_LMTP_WORN
                                 : JM_LMTP_OK;
}


/* The octets behind a BDAT that cannot be read are no commands. */

static void
jm_lmtp_garbled(jm_lmtp_session_t *s, jm_line_status_t status, jm_str_t line)
{
    jm_str_t verb, arg;

    static const char *const replies[] = {
        [JM_LINE_LONG] = JM_R_LINE_LONG,
        [JM_LINE_BAD] = JM_R_LINE_BAD,
        [JM_LINE_BARE] = JM_R_LINE_BARE,
        [JM_LINE_FLOOD] = JM_R_LINE_LONG,
    };

    jm_smtp_split(line, &verb, &arg);

    jm_lmtp_reply(s, replies[status]);
    s->closing = status == JM_LINE_BARE || status == JM_LINE_FLOOD
                 || jm_smtp_is(verb, "BDAT");
}


void
jm_lmtp_refuse(int fd, int stopping)
{
    const char *text;

    text = stopping ? JM_R_STOPPING : JM_R_DOWN;

    /* A fresh socket's buffer has room for a line; who closed it already
       misses nothing. */

    send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}


static void
jm_lmtp_command(jm_lmtp_session_t *s, jm_str_t line)
{
    size_t   i;
    jm_str_t verb, arg;

    jm_smtp_split(line, &verb, &arg);

    for (i = 0; i < JM_COUNT(jm_lmtp_verbs); i++) {
        if (!jm_smtp_is(verb, jm_lmtp_verbs[i].verb)) {
            continue;
        }

        if (s->served && !jm_lmtp_verbs[i].after) {
            jm_lmtp_reply(s, JM_R_ONE);
            s->closing = 1;
            return;
        }

        if (jm_lmtp_verbs[i].run != NULL) {
            jm_lmtp_verbs[i].run(s, arg);
        } else {
            jm_lmtp_reply(s, jm_lmtp_verbs[i].reply);
        }

        return;
    }

    jm_lmtp_reply(s, JM_R_UNKNOWN_VERB);
}


static void
jm_lmtp_lhlo(jm_lmtp_session_t *s, jm_str_t arg)
{
    char text[512];

    if (arg.len == 0) {
        jm_lmtp_reply(s, JM_R_ARGUMENT);
        return;
    }

    jm_lmtp_rollback(s);
    s->greeted = 1;

    snprintf(text, sizeof(text),
             "250-%s\r\n"
             "250-PIPELINING\r\n"
             "250-ENHANCEDSTATUSCODES\r\n"
             "250-8BITMIME\r\n"
             "250-SMTPUTF8\r\n"
             "250-SIZE %zu\r\n"
             "250-CHUNKING\r\n"
             "250 XDID\r\n",
             s->server->name, s->server->conf->message_size);
    jm_lmtp_reply(s, text);
}


static void
jm_lmtp_rset(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_lmtp_rollback(s);
    jm_lmtp_reply(s, JM_R_OK);
}


static void
jm_lmtp_quit(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_lmtp_reply(s, JM_R_QUIT);
    s->closing = 1;
}


/* The refusal of one parameter of MAIL, or NULL when it has been set. */

static const char *
jm_lmtp_param(jm_lmtp_session_t *s, const jm_smtp_param_t *param)
{
    size_t i;

    for (i = 0; i < JM_COUNT(jm_lmtp_params); i++) {
        if (!jm_smtp_is(param->name, jm_lmtp_params[i].name)) {
            continue;
        }

        if (param->has_value != jm_lmtp_params[i].has_value) {
            return JM_R_ARGUMENT;
        }

        return jm_lmtp_params[i].set(s, param->value);
    }

    return JM_R_PARAM;
}


static void
jm_lmtp_mail(jm_lmtp_session_t *s, jm_str_t arg)
{
    size_t           i;
    const char      *refusal;
    jm_smtp_path_t   path;
    jm_path_status_t status;

    if (!s->greeted || s->mail) {
        jm_lmtp_reply(s, JM_R_SEQUENCE);
        return;
    }

    status = jm_smtp_path(arg, "FROM", &path);

    /* Only a forward path may be <postmaster> without domain. */

    if (status == JM_PATH_OK && path.address.postmaster) {
        status = JM_PATH_ADDRESS;
    }

    if (status != JM_PATH_OK) {
        jm_lmtp_reply(s,
                      status == JM_PATH_ADDRESS ? JM_R_SENDER : JM_R_ARGUMENT);
        return;
    }

    jm_lmtp_rollback(s);
    refusal = NULL;

    for (i = 0; i < path.nparams && refusal == NULL; i++) {
        refusal = jm_lmtp_param(s, &path.params[i]);
    }

    if (refusal == NULL && path.address.utf8 && !s->utf8) {
        refusal = JM_R_UTF8;
    }

    if (refusal == NULL && !s->transaction.xdid
        && jm_delivery_id(s->transaction.did) != 0)
    {
        refusal = JM_R_FAILED;
    }

    if (refusal != NULL) {
        jm_lmtp_rollback(s);
        jm_lmtp_reply(s, refusal);
        return;
    }

    s->mail = 1;
    jm_lmtp_reply(s, JM_R_MAIL);
}


static const char *
jm_lmtp_set_size(jm_lmtp_session_t *s, jm_str_t value)
{
    uint64_t size;

    if (jm_smtp_number(value, &size) != 0) {
        return JM_R_ARGUMENT;
    }

    return size > s->server->conf->message_size ? JM_R_TOO_BIG : NULL;
}


static const char *
jm_lmtp_set_body(jm_lmtp_session_t *s, jm_str_t value)
{
    if (jm_smtp_is(value, "7BIT") || jm_smtp_is(value, "8BITMIME")) {
        return NULL;
    }

    return JM_R_VALUE;
}


static const char *
jm_lmtp_set_utf8(jm_lmtp_session_t *s, jm_str_t value)
{
    s->utf8 = 1;

    return NULL;
}


static const char *
jm_lmtp_set_xdid(jm_lmtp_session_t *s, jm_str_t value)
{
    size_t i;

    if (value.len != sizeof(s->transaction.did) - 1) {
        return JM_R_ARGUMENT;
    }

    for (i = 0; i < value.len; i++) {
        if (value.data[i] == '\0'
            || strchr("0123456789abcdef", value.data[i]) == NULL) {
            return JM_R_ARGUMENT;
        }
    }

    memcpy(s->transaction.did, value.data, value.len);
    s->transaction.did[value.len] = '\0';
    s->transaction.xdid = 1;

    return NULL;
}


static const char *
jm_lmtp_set_xraw(jm_lmtp_session_t *s, jm_str_t value)
{
    s->transaction.xraw = 1;

    return NULL;
}


/* Why a RCPT cannot be looked up, or NULL with its key form. */

static const char *
jm_lmtp_rcpt_check(const jm_lmtp_session_t *s, jm_str_t arg,
                   jm_smtp_path_t *path, u_char *key, ssize_t *len)
{
    jm_path_status_t status;

    if (!s->mail || s->bdat) {
        return JM_R_SEQUENCE;
    }

    status = jm_smtp_path(arg, "TO", path);

    if (status == JM_PATH_ADDRESS || path->address.null) {
        return JM_R_RECIPIENT;
    }

    if (status != JM_PATH_OK) {
        return JM_R_ARGUMENT;
    }

    if (path->nparams != 0) {
        return JM_R_PARAM;
    }

    if (path->address.utf8 && !s->utf8) {
        return JM_R_UTF8;
    }

    if (path->address.literal) {
        return JM_R_FOREIGN;
    }

    if (s->transaction.nrcpts == JM_DELIVERY_RECIPIENTS) {
        return JM_R_MANY;
    }

    /* What has no key form was never found by anybody, a delivery id or not:
       `+tag@`. */

    *len = jm_address_key(&path->address, key);

    return *len < 0 ? JM_R_UNKNOWN : NULL;
}


static void
jm_lmtp_rcpt(jm_lmtp_session_t *s, jm_str_t arg)
{
    u_char            key[JM_KEY_ADDRESS_MAX];
    ssize_t           len;
    const char       *refusal;
    jm_smtp_path_t    path;
    jm_store_status_t status;

    refusal = jm_lmtp_rcpt_check(s, arg, &path, key, &len);

    if (refusal == NULL) {
        status = jm_transaction_rcpt(&s->transaction, s->server->store,
                                     (jm_str_t){ key, (size_t) len },
                                     path.address.path);
        refusal = jm_lmtp_refusals[status];
    }

    jm_lmtp_reply(s, refusal != NULL ? refusal : JM_R_RCPT);
}


static void
jm_lmtp_data(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_str_t         run;
    jm_data_status_t status;

    if (arg.len != 0) {
        jm_lmtp_reply(s, JM_R_ARGUMENT);
        return;
    }

    if (s->bdat) {
        jm_lmtp_reply(s, JM_R_AFTER_BDAT);
        return;
    }

    if (s->transaction.nrcpts == 0) {
        jm_lmtp_reply(s, s->mail ? JM_R_NO_RCPT : JM_R_SEQUENCE);
        return;
    }

    jm_lmtp_reply(s, JM_R_GO);

    do {
        status = jm_data_read(&s->data, &s->pos, s->last, &run);

        if (status == JM_DATA_RUN) {
            jm_lmtp_append(s, run);

        } else if (status == JM_DATA_AGAIN && jm_lmtp_fill(s) != 0) {
            s->closing = 1;
            return;
        }
    } while (status != JM_DATA_END);

    jm_lmtp_lines(s);
    jm_lmtp_finish(s);
}


/* RFC 5321, 2.3.8, and the smuggling of 2023: what one server takes for a line
   end and another does not never gets further than here, by DATA or BDAT. */

static void
jm_lmtp_lines(jm_lmtp_session_t *s)
{
    if (s->data.bare_cr || s->data.bare_lf || s->data.nul) {
        s->refusal = JM_R_LINES;
    }
}


/*
 * RFC 3030, 2: the octets of a chunk follow its command at once, so they are
 * read in any case, to be dropped when the chunk is refused.  A chunk has one
 * reply, the last one of a message one per recipient (RFC 2033, 4.2).
 */

static void
jm_lmtp_bdat(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_chunk_t chunk;

    if (jm_chunk_parse(&chunk, arg) != 0) {
        /* Nobody can tell where the next command begins. */

        jm_lmtp_reply(s, JM_R_ARGUMENT);
        s->closing = 1;
        return;
    }

    if (s->transaction.nrcpts == 0) {
        if (jm_lmtp_take(s, &chunk, 0) == 0) {
            jm_lmtp_reply(s, s->mail ? JM_R_NO_RCPT : JM_R_SEQUENCE);
        }

        return;
    }

    s->bdat = 1;

    jm_lmtp_reserve(s, chunk.left);

    if (jm_lmtp_take(s, &chunk, 1) != 0) {
        return;
    }

    if (chunk.last) {
        jm_data_last(&s->data);
    }

    jm_lmtp_lines(s);

    if (chunk.last) {
        jm_lmtp_finish(s);
        return;
    }

    jm_lmtp_reply(s, s->refusal != NULL ? s->refusal : JM_R_CHUNK);
}


/* The message is complete: from here it is stored even if the client goes. */

static void
jm_lmtp_finish(jm_lmtp_session_t *s)
{
    char              text[128];
    size_t            i;
    jm_transaction_t *t;

    t = &s->transaction;

    /* An empty message is one, too, and has an address in memory. */

    jm_lmtp_reserve(s, 0);

    if (s->refusal == NULL) {
        t->keep_original = s->server->conf->keep_originals != 0;

        s->server->busy(s->server->data, 1);
        jm_sandbox_work();

        jm_transaction_deliver(t, s->server->store, s->server->arena);

        jm_sandbox_rest();
        s->server->busy(s->server->data, 0);
    }

    for (i = 0; i < t->nrcpts; i++) {
        if (s->refusal != NULL) {
            jm_lmtp_reply(s, s->refusal);

        } else if (t->rcpts[i].fate == JM_FATE_STORED) {
            snprintf(text, sizeof(text), "250 2.0.0 %s stored\r\n",
                     t->rcpts[i].email);
            jm_lmtp_reply(s, text);

        } else {
            jm_lmtp_reply(s, jm_lmtp_fates[t->rcpts[i].fate]);
        }
    }

    jm_lmtp_rollback(s);
    s->served = 1;
}


static void
jm_lmtp_rollback(jm_lmtp_session_t *s)
{
    jm_transaction_reset(&s->transaction);

    memset(&s->data, 0, sizeof(jm_data_t));
    s->refusal = NULL;
    s->mail = 0;
    s->utf8 = 0;
    s->bdat = 0;

    jm_arena_reset(s->server->arena);
}


/*
 * Reads what has come; waits for it after everything has been said.  -1 when
 * nothing more will come: the client left or has been told to.
 */

static int
jm_lmtp_fill(jm_lmtp_session_t *s)
{
    ssize_t n;

    jm_lmtp_flush(s);

    do {
        if (jm_lmtp_wait(s, POLLIN) != 0) {
            return -1;
        }

        n = recv(s->fd, s->in, sizeof(s->in), MSG_DONTWAIT);
    } while (n < 0 && (errno == EAGAIN || errno == EINTR));

    if (n <= 0) {
        return -1;
    }

    s->pos = s->in;
    s->last = s->in + n;

    return 0;
}


/*
 * Waits until the socket is ready.  -1, with the reply given, when the client
 * was silent too long, has used up the session's time, or has nothing under
 * way while we are to stop.
 */

static int
jm_lmtp_wait(jm_lmtp_session_t *s, short events)
{
    int             rc;
    int64_t         now, end;
    struct pollfd   pfd;
    struct timespec ts;

    now = jm_ticks_ms();
    end = now + JM_LMTP_IDLE < s->deadline ? now + JM_LMTP_IDLE : s->deadline;

    for (;;) {
        if (*s->server->stopping && !s->mail && !s->served) {
            jm_lmtp_reply(s, JM_R_STOPPING);
            return -1;
        }

        if (now >= end) {
            jm_lmtp_reply(s, JM_R_IDLE);
            return -1;
        }

        pfd.fd = s->fd;
        pfd.events = events;
        ts.tv_sec = (time_t) ((end - now) / 1000);
        ts.tv_nsec = (long) ((end - now) % 1000) * 1000000;

        rc = ppoll(&pfd, 1, &ts, s->server->waiting);

        if (rc > 0) {
            return 0;
        }

        if (rc < 0 && errno != EINTR) {
            return -1;
        }

        now = jm_ticks_ms();
    }
}


/* Reads the octets of a chunk, to the message or to nowhere.  0, or -1 when
   the client is gone. */

static int
jm_lmtp_take(jm_lmtp_session_t *s, jm_chunk_t *chunk, int keep)
{
    jm_str_t run;

    while (chunk->left != 0) {
        if (s->pos == s->last && jm_lmtp_fill(s) != 0) {
            s->closing = 1;
            return -1;
        }

        run = jm_chunk_take(chunk, &s->pos, s->last);

        if (keep) {
            jm_data_chunk(&s->data, run);
            jm_lmtp_append(s, run);
        }
    }

    return 0;
}


/* Makes room for `more` octets, or refuses the message if that has not been
   done. */

static void
jm_lmtp_reserve(jm_lmtp_session_t *s, uint64_t more)
{
    size_t limit;

    limit = s->server->conf->message_size;

    if (s->refusal != NULL) {
        return;
    }

    if (more > limit - s->transaction.raw.len) {
        s->refusal = JM_R_TOO_BIG;

    } else if (jm_transaction_reserve(&s->transaction, (size_t) more, limit)
               != 0) {
        s->refusal = JM_R_MEMORY;
    }
}


static void
jm_lmtp_append(jm_lmtp_session_t *s, jm_str_t run)
{
    jm_str_t *raw;

    jm_lmtp_reserve(s, run.len);

    if (s->refusal == NULL) {
        raw = &s->transaction.raw;
        memcpy(raw->data + raw->len, run.data, run.len);
        raw->len += run.len;
    }
}


static void
jm_lmtp_reply(jm_lmtp_session_t *s, const char *text)
{
    size_t len;

    len = strlen(text);

    if (len > sizeof(s->out) - s->out_len) {
        jm_lmtp_flush(s);
    }

    if (!s->lost) {
        memcpy(s->out + s->out_len, text, len);
        s->out_len += len;
    }
}


/* Writes the replies.  Whoever does not take them in time is lost, which
   changes nothing for the message. */

static void
jm_lmtp_flush(jm_lmtp_session_t *s)
{
    size_t        sent;
    ssize_t       n;
    struct pollfd pfd;

    for (sent = 0; sent < s->out_len && !s->lost; /* void */) {
        n = send(s->fd, s->out + sent, s->out_len - sent,
                 MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            sent += (size_t) n;
            continue;
        }

        pfd.fd = s->fd;
        pfd.events = POLLOUT;

        if ((errno != EAGAIN && errno != EINTR)
            || poll(&pfd, 1, JM_LMTP_IDLE) == 0) {
            s->lost = 1;
        }
    }

    s->out_len = 0;
}
