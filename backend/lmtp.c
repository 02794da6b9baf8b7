/*
 * The LMTP session behind lmtp.h, in the order in which a message meets it:
 * greeting, commands, DATA or BDAT, the work, one reply per recipient.
 *
 * Blocking reads with a deadline; replies are gathered and written when the
 * client's input is used up (RFC 2920, 3.2).  The message lies in one
 * malloc'ed buffer, all that is made of it in the worker's arena.
 */

#define _GNU_SOURCE /* ppoll */

#include "lmtp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "jm_data.h"
#include "jm_id.h"
#include "jm_smtp.h"
#include "log.h"
#include "message.h"
#include "render.h"
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

/* What has become of a recipient. */
typedef enum {
    JM_FATE_OPEN = 0, /* accepted, nothing decided */
    JM_FATE_STORED,   /* `email` says under which id */
    JM_FATE_GONE,     /* no such address any more: counts as delivered */
    JM_FATE_FULL,
    JM_FATE_FAILED
} jm_fate_t;

typedef struct {
    jm_recipient_t    where;
    u_char            to[JM_PATH_MAX]; /* as the client wrote it */
    size_t            to_len;
    size_t            same; /* the first recipient with this address */
    jm_fate_t         fate;
    char              email[37];
    jm_rendered_for_t rendered;
} jm_lmtp_rcpt_t;

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
    unsigned       down : 1; /* the store is away */
    unsigned       worn : 1;

    /* The transaction; jm_lmtp_rollback() forgets it. */
    unsigned       mail : 1; /* MAIL was accepted */
    unsigned       xdid : 1; /* the client has decided on the recipients */
    unsigned       xraw : 1;
    unsigned       utf8 : 1;
    unsigned       bdat : 1; /* a chunk has come */
    const char    *refusal;  /* of the whole message, or NULL */
    char           did[33];
    jm_lmtp_rcpt_t rcpts[JM_LMTP_RECIPIENTS];
    size_t         nrcpts;
    u_char        *body;
    size_t         body_len;
    size_t         body_size;
    jm_message_t   message;
    jm_rendered_t  shared;
} jm_lmtp_session_t;

typedef struct {
    const char *verb;
    void (*run)(jm_lmtp_session_t *s, jm_str_t arg);
    unsigned after : 1; /* also once the message has been answered */
} jm_lmtp_verb_t;

/* A parameter of MAIL: returns the refusal, or NULL. */
typedef struct {
    const char *name;
    const char *(*set)(jm_lmtp_session_t *s, jm_str_t value);
    unsigned has_value : 1;
} jm_lmtp_param_t;

static void jm_lmtp_command(jm_lmtp_session_t *s, jm_str_t line);
static void jm_lmtp_lhlo(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_smtp(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_mail(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_rcpt(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_data(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_bdat(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_rset(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_noop(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_vrfy(jm_lmtp_session_t *s, jm_str_t arg);
static void jm_lmtp_quit(jm_lmtp_session_t *s, jm_str_t arg);

static const char *jm_lmtp_set_size(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_body(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_utf8(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_xdid(jm_lmtp_session_t *s, jm_str_t value);
static const char *jm_lmtp_set_xraw(jm_lmtp_session_t *s, jm_str_t value);

static void jm_lmtp_finish(jm_lmtp_session_t *s);
static void jm_lmtp_work(jm_lmtp_session_t *s);
static int  jm_lmtp_render(jm_lmtp_session_t *s, int unparsed);
static void jm_lmtp_make(jm_lmtp_session_t *s, int unparsed);
static void jm_lmtp_deliver(jm_lmtp_session_t *s, size_t first);
static void jm_lmtp_rollback(jm_lmtp_session_t *s);

static int  jm_lmtp_fill(jm_lmtp_session_t *s);
static int  jm_lmtp_wait(jm_lmtp_session_t *s, short events);
static int  jm_lmtp_take(jm_lmtp_session_t *s, uint64_t size, int keep);
static int  jm_lmtp_reserve(jm_lmtp_session_t *s, size_t more);
static void jm_lmtp_append(jm_lmtp_session_t *s, jm_str_t run);
static void jm_lmtp_reply(jm_lmtp_session_t *s, const char *text);
static void jm_lmtp_flush(jm_lmtp_session_t *s);

static const jm_lmtp_verb_t jm_lmtp_verbs[] = {
    { "LHLO", jm_lmtp_lhlo, 0 }, { "HELO", jm_lmtp_smtp, 1 },
    { "EHLO", jm_lmtp_smtp, 1 }, { "MAIL", jm_lmtp_mail, 0 },
    { "RCPT", jm_lmtp_rcpt, 0 }, { "DATA", jm_lmtp_data, 0 },
    { "BDAT", jm_lmtp_bdat, 0 }, { "RSET", jm_lmtp_rset, 1 },
    { "NOOP", jm_lmtp_noop, 1 }, { "VRFY", jm_lmtp_vrfy, 1 },
    { "QUIT", jm_lmtp_quit, 1 },
};

static const jm_lmtp_param_t jm_lmtp_params[] = {
    { "SIZE", jm_lmtp_set_size, 1 },     { "BODY", jm_lmtp_set_body, 1 },
    { "SMTPUTF8", jm_lmtp_set_utf8, 0 }, { "XDID", jm_lmtp_set_xdid, 1 },
    { "XRAW", jm_lmtp_set_xraw, 0 },
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

        case JM_LINE_LONG:
            jm_lmtp_reply(s, JM_R_LINE_LONG);
            break;

        case JM_LINE_BAD:
            jm_lmtp_reply(s, JM_R_LINE_BAD);
            break;

        default: /* JM_LINE_BARE, JM_LINE_FLOOD */
            jm_lmtp_reply(s, status == JM_LINE_BARE ? JM_R_LINE_BARE
                                                    : JM_R_LINE_LONG);
            s->closing = 1;
        }
    }

    jm_lmtp_flush(s);
    jm_lmtp_rollback(s);
    close(fd);

    return s->down ? JM_LMTP_STORE_DOWN : s->worn ? JM_LMTP_WORN : JM_LMTP_OK;
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

        jm_lmtp_verbs[i].run(s, arg);
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


/* RFC 2033, 4.1: HELO and EHLO must not be accepted, lest somebody use the
   protocol over the wrong port without noticing. */

static void
jm_lmtp_smtp(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_lmtp_reply(s, JM_R_LHLO_ONLY);
}


static void
jm_lmtp_rset(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_lmtp_rollback(s);
    jm_lmtp_reply(s, JM_R_OK);
}


static void
jm_lmtp_noop(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_lmtp_reply(s, JM_R_OK);
}


static void
jm_lmtp_vrfy(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_lmtp_reply(s, JM_R_VRFY);
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

    if (refusal == NULL && !s->xdid && jm_delivery_id(s->did) != 0) {
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

    if (value.len != sizeof(s->did) - 1) {
        return JM_R_ARGUMENT;
    }

    for (i = 0; i < value.len; i++) {
        if (value.data[i] == '\0'
            || strchr("0123456789abcdef", value.data[i]) == NULL) {
            return JM_R_ARGUMENT;
        }
    }

    memcpy(s->did, value.data, value.len);
    s->did[value.len] = '\0';
    s->xdid = 1;

    return NULL;
}


static const char *
jm_lmtp_set_xraw(jm_lmtp_session_t *s, jm_str_t value)
{
    s->xraw = 1;

    return NULL;
}


/*
 * What the store says of a recipient as a refusal, or NULL when it is
 * accepted.  A client with a delivery id has asked the store itself before it
 * took the message: an address gone since then counts as delivered, and a
 * store that has gone away since then is answered after the message.
 */

static const char *
jm_lmtp_resolve(jm_lmtp_session_t *s, jm_str_t key, jm_lmtp_rcpt_t *rcpt)
{
    jm_store_status_t status;

    status = s->down ? JM_STORE_DOWN
                     : jm_store_resolve(s->server->store, key, !s->xdid,
                                        &rcpt->where);

    if ((status == JM_STORE_DOWN || status == JM_STORE_REFUSED) && !s->down) {
        jm_log("store: %s", jm_store_error(s->server->store));
    }

    s->down |= status == JM_STORE_DOWN;

    if (status == JM_STORE_OK) {
        return NULL;
    }

    if (s->xdid) {
        rcpt->fate = status == JM_STORE_UNKNOWN || status == JM_STORE_CLOSED
                             || status == JM_STORE_FOREIGN
                         ? JM_FATE_GONE
                         : JM_FATE_FAILED;
        return NULL;
    }

    switch (status) {
    case JM_STORE_UNKNOWN:
        return JM_R_UNKNOWN;
    case JM_STORE_FOREIGN:
        return JM_R_FOREIGN;
    case JM_STORE_CLOSED:
        return JM_R_CLOSED;
    case JM_STORE_QUOTA:
        return JM_R_QUOTA;
    case JM_STORE_FULL:
        return JM_R_FULL;
    default:
        return JM_R_FAILED;
    }
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

    if (s->nrcpts == JM_LMTP_RECIPIENTS) {
        return JM_R_MANY;
    }

    /* What has no key form was never found by anybody, a delivery id or not:
       <postmaster>, an address literal, `+tag@`. */

    *len = jm_address_key(&path->address, key);

    return *len < 0 ? JM_R_UNKNOWN : NULL;
}


/* The first recipient with the address of number `n`, or `n` itself. */

static size_t
jm_lmtp_same(const jm_lmtp_session_t *s, size_t n)
{
    size_t                i;
    const jm_recipient_t *one, *two;

    two = &s->rcpts[n].where;

    for (i = 0; i < n && s->rcpts[n].fate == JM_FATE_OPEN; i++) {
        one = &s->rcpts[i].where;

        if (s->rcpts[i].fate == JM_FATE_OPEN
            && strcmp(one->account, two->account) == 0
            && strcmp(one->address_id, two->address_id) == 0)
        {
            return i;
        }
    }

    return n;
}


static void
jm_lmtp_rcpt(jm_lmtp_session_t *s, jm_str_t arg)
{
    u_char          key[JM_KEY_ADDRESS_MAX];
    ssize_t         len;
    const char     *refusal;
    jm_lmtp_rcpt_t *rcpt;
    jm_smtp_path_t  path;

    refusal = jm_lmtp_rcpt_check(s, arg, &path, key, &len);

    if (refusal != NULL) {
        jm_lmtp_reply(s, refusal);
        return;
    }

    rcpt = &s->rcpts[s->nrcpts];
    memset(rcpt, 0, sizeof(jm_lmtp_rcpt_t));

    refusal = jm_lmtp_resolve(s, (jm_str_t){ key, (size_t) len }, rcpt);

    if (refusal != NULL) {
        jm_lmtp_reply(s, refusal);
        return;
    }

    memcpy(rcpt->to, path.address.path.data, path.address.path.len);
    rcpt->to_len = path.address.path.len;
    rcpt->same = jm_lmtp_same(s, s->nrcpts);
    s->nrcpts++;

    jm_lmtp_reply(s, JM_R_RCPT);
}


/* Keeps the first reason why the message is refused. */

static void
jm_lmtp_refuse_message(jm_lmtp_session_t *s, const char *refusal)
{
    if (s->refusal == NULL) {
        s->refusal = refusal;
    }
}


static void
jm_lmtp_data(jm_lmtp_session_t *s, jm_str_t arg)
{
    jm_str_t         run;
    jm_data_t        data;
    jm_data_status_t status;

    if (arg.len != 0) {
        jm_lmtp_reply(s, JM_R_ARGUMENT);
        return;
    }

    if (s->bdat) {
        jm_lmtp_reply(s, JM_R_AFTER_BDAT);
        return;
    }

    if (s->nrcpts == 0) {
        jm_lmtp_reply(s, s->mail ? JM_R_NO_RCPT : JM_R_SEQUENCE);
        return;
    }

    memset(&data, 0, sizeof(jm_data_t));
    jm_lmtp_reply(s, JM_R_GO);

    do {
        status = jm_data_read(&data, &s->pos, s->last, &run);

        if (status == JM_DATA_RUN) {
            jm_lmtp_append(s, run);

        } else if (status == JM_DATA_AGAIN && jm_lmtp_fill(s) != 0) {
            s->closing = 1;
            return;
        }
    } while (status != JM_DATA_END);

    /* RFC 5321, 2.3.8, and the smuggling of 2023: what one server takes for a
       line end and another does not never gets further than here. */

    if (data.bare_cr || data.bare_lf || data.nul) {
        s->refusal = JM_R_LINES;
    }

    jm_lmtp_finish(s);
}


/*
 * RFC 3030, 2: the octets of a chunk follow its command at once, so they are
 * read in any case, to be dropped when the chunk is refused.  A chunk has one
 * reply, the last one of a message one per recipient (RFC 2033, 4.2).
 */

static void
jm_lmtp_bdat(jm_lmtp_session_t *s, jm_str_t arg)
{
    int      last;
    jm_str_t number, word;
    uint64_t size;

    jm_smtp_split(arg, &number, &word);
    last = word.len != 0;

    if (jm_smtp_number(number, &size) != 0
        || (last && !jm_smtp_is(word, "LAST"))) {
        /* Nobody can tell where the next command begins. */

        jm_lmtp_reply(s, JM_R_ARGUMENT);
        s->closing = 1;
        return;
    }

    if (s->nrcpts == 0) {
        if (jm_lmtp_take(s, size, 0) == 0) {
            jm_lmtp_reply(s, s->mail ? JM_R_NO_RCPT : JM_R_SEQUENCE);
        }

        return;
    }

    s->bdat = 1;

    if (size > s->server->conf->message_size - s->body_len) {
        jm_lmtp_refuse_message(s, JM_R_TOO_BIG);

    } else if (s->refusal == NULL && jm_lmtp_reserve(s, (size_t) size) != 0) {
        jm_lmtp_refuse_message(s, JM_R_MEMORY);
    }

    if (jm_lmtp_take(s, size, s->refusal == NULL) != 0) {
        return;
    }

    if (last) {
        jm_lmtp_finish(s);
        return;
    }

    jm_lmtp_reply(s, s->refusal != NULL ? s->refusal : JM_R_CHUNK);
}


/* The message is complete: from here it is stored even if the client goes. */

static void
jm_lmtp_finish(jm_lmtp_session_t *s)
{
    char            text[128];
    size_t          i;
    jm_lmtp_rcpt_t *rcpt;

    /* indexed by jm_fate_t */
    static const char *const replies[] = { JM_R_FAILED, NULL, JM_R_GONE,
                                           JM_R_FULL, JM_R_FAILED };

    /* An empty message is one, too, and has an address in memory. */

    if (s->refusal == NULL && jm_lmtp_reserve(s, 0) != 0) {
        s->refusal = JM_R_MEMORY;
    }

    if (s->refusal == NULL) {
        s->server->busy(s->server->data, 1);
        jm_sandbox_work();

        jm_lmtp_work(s);

        jm_sandbox_rest();
        s->server->busy(s->server->data, 0);
    }

    for (i = 0; i < s->nrcpts; i++) {
        rcpt = &s->rcpts[i];

        if (s->refusal != NULL) {
            jm_lmtp_reply(s, s->refusal);

        } else if (rcpt->fate == JM_FATE_STORED) {
            snprintf(text, sizeof(text), "250 2.0.0 %s stored\r\n",
                     rcpt->email);
            jm_lmtp_reply(s, text);

        } else {
            jm_lmtp_reply(s, replies[rcpt->fate]);
        }
    }

    jm_lmtp_rollback(s);
    s->served = 1;
}


static void
jm_lmtp_work(jm_lmtp_session_t *s)
{
    size_t          i, stored, gone;
    int64_t         start;
    jm_lmtp_rcpt_t *rcpt;

    start = jm_ticks_ms();

    if (jm_lmtp_render(s, s->xraw) != 0) {

        /* What the message left behind in the parser's own memory is not
           ours to free: this process ends when it has answered. */

        s->worn = 1;
        jm_log("delivery %s: takes too much memory, stored unparsed", s->did);
        jm_arena_reset(s->server->arena);

        if (jm_lmtp_render(s, 1) != 0) {
            jm_log("delivery %s: takes too much memory even so", s->did);
            s->refusal = JM_R_MEMORY;
            return;
        }
    }

    for (i = 0; i < s->nrcpts; i++) {
        if (s->rcpts[i].same == i && s->rcpts[i].fate == JM_FATE_OPEN) {
            jm_lmtp_deliver(s, i);
        }
    }

    for (i = 0, stored = 0, gone = 0; i < s->nrcpts; i++) {
        rcpt = &s->rcpts[i];

        if (rcpt->same != i) {
            rcpt->fate = s->rcpts[rcpt->same].fate;
            memcpy(rcpt->email, s->rcpts[rcpt->same].email,
                   sizeof(rcpt->email));
        }

        stored += rcpt->fate == JM_FATE_STORED;
        gone += rcpt->fate == JM_FATE_GONE;
    }

    jm_log("delivery %s: %zu recipients, %zu stored, %zu gone, %zu failed, "
           "%zu bytes, %d ms%s",
           s->did, s->nrcpts, stored, gone, s->nrcpts - stored - gone,
           s->body_len, (int) (jm_ticks_ms() - start),
           s->xraw ? ", unparsed" : "");
}


/*
 * Makes of the message all that will be stored.  0, or -1 when the arena was
 * too small.  The guard ends with this function: nothing behind it may
 * allocate in the arena.
 */

static int
jm_lmtp_render(jm_lmtp_session_t *s, int unparsed)
{
    if (setjmp(*jm_arena_guard(s->server->arena)) != 0) {
        return -1;
    }

    jm_lmtp_make(s, unparsed);

    return 0;
}


/* Not inlined: what setjmp() returns into has no variables of its own. */

static __attribute__((noinline)) void
jm_lmtp_make(jm_lmtp_session_t *s, int unparsed)
{
    char            id[JM_UUID_LEN + 1];
    size_t          i;
    int64_t         now;
    jm_str_t        raw, to;
    jm_arena_t     *arena;
    jm_lmtp_rcpt_t *rcpt;

    arena = s->server->arena;
    raw.data = s->body;
    raw.len = s->body_len;

    if (unparsed) {
        jm_message_unparsed(&s->message, arena, raw);
    } else {
        jm_message_read(&s->message, arena, raw);
    }

    jm_render_shared(&s->shared, &s->message);

    if (!s->server->conf->keep_originals) {
        memset(&s->shared.raw, 0, sizeof(jm_blob_t));
    }

    now = jm_now_ms();

    for (i = 0; i < s->nrcpts; i++) {
        rcpt = &s->rcpts[i];

        if (rcpt->same != i || rcpt->fate != JM_FATE_OPEN) {
            continue;
        }

        if (jm_uuid7(now, id) != 0) {
            rcpt->fate = JM_FATE_FAILED;
            continue;
        }

        to.data = rcpt->to;
        to.len = rcpt->to_len;

        jm_render_for(&rcpt->rendered, &s->message, &s->shared, id,
                      rcpt->where.address_id, to, now);
    }
}


/* Stores for the account of recipient `first`, all its addresses at once. */

static void
jm_lmtp_deliver(jm_lmtp_session_t *s, size_t first)
{
    size_t             i, n, who[JM_LMTP_RECIPIENTS];
    jm_fate_t          fate;
    jm_delivery_t      delivery;
    jm_delivered_t     results[JM_LMTP_RECIPIENTS];
    jm_store_status_t  status;
    jm_delivery_mail_t mails[JM_LMTP_RECIPIENTS];

    for (i = first, n = 0; i < s->nrcpts; i++) {
        if (s->rcpts[i].same == i && s->rcpts[i].fate == JM_FATE_OPEN
            && strcmp(s->rcpts[i].where.account, s->rcpts[first].where.account)
                   == 0)
        {
            mails[n].address_id = s->rcpts[i].where.address_id;
            mails[n].rendered = &s->rcpts[i].rendered;
            who[n++] = i;
        }
    }

    delivery.account = s->rcpts[first].where.account;
    delivery.delivery_id = s->did;
    delivery.shared = &s->shared;
    delivery.mails = mails;
    delivery.nmails = n;

    status = s->down ? JM_STORE_DOWN
                     : jm_store_deliver(s->server->store, &delivery, results);

    if (status != JM_STORE_OK && !s->down) {
        jm_log("delivery %s: %s", s->did, jm_store_error(s->server->store));
    }

    s->down |= status == JM_STORE_DOWN;
    fate = status == JM_STORE_FULL ? JM_FATE_FULL : JM_FATE_FAILED;

    for (i = 0; i < n; i++) {
        if (status == JM_STORE_OK) {
            fate = results[i].gone ? JM_FATE_GONE : JM_FATE_STORED;
            memcpy(s->rcpts[who[i]].email, results[i].id,
                   sizeof(results[i].id));
        }

        s->rcpts[who[i]].fate = fate;
    }
}


static void
jm_lmtp_rollback(jm_lmtp_session_t *s)
{
    free(s->body);

    s->body = NULL;
    s->body_len = 0;
    s->body_size = 0;
    s->nrcpts = 0;
    s->refusal = NULL;
    s->mail = 0;
    s->xdid = 0;
    s->xraw = 0;
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


/* Reads `size` octets of a chunk, to the body or to nowhere.  0, or -1 when
   the client is gone. */

static int
jm_lmtp_take(jm_lmtp_session_t *s, uint64_t size, int keep)
{
    size_t n;

    while (size != 0) {
        if (s->pos == s->last && jm_lmtp_fill(s) != 0) {
            s->closing = 1;
            return -1;
        }

        n = (size_t) (s->last - s->pos);
        n = n > size ? (size_t) size : n;

        if (keep) {
            memcpy(s->body + s->body_len, s->pos, n);
            s->body_len += n;
        }

        s->pos += n;
        size -= n;
    }

    return 0;
}


/* Makes room for `more` octets and at least one.  0 or -1. */

static int
jm_lmtp_reserve(jm_lmtp_session_t *s, size_t more)
{
    size_t  size;
    u_char *body;

    if (s->body != NULL && more <= s->body_size - s->body_len) {
        return 0;
    }

    size = s->body_size * 2;

    if (size > s->server->conf->message_size) {
        size = s->server->conf->message_size;
    }

    if (size < s->body_len + more) {
        size = s->body_len + more;
    }

    body = realloc(s->body, size + 1);
    if (body == NULL) {
        return -1;
    }

    s->body = body;
    s->body_size = size;

    return 0;
}


static void
jm_lmtp_append(jm_lmtp_session_t *s, jm_str_t run)
{
    if (s->refusal != NULL) {
        return;
    }

    if (run.len > s->server->conf->message_size - s->body_len) {
        s->refusal = JM_R_TOO_BIG;
        return;
    }

    if (jm_lmtp_reserve(s, run.len) != 0) {
        s->refusal = JM_R_MEMORY;
        return;
    }

    memcpy(s->body + s->body_len, run.data, run.len);
    s->body_len += run.len;
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
