/*
 * The commands of the SMTP session (RFC 5321, 4.1): takes a line, says its
 * reply, returns the session's event.  Called by jm_session.c.
 *
 * Each verb is a row of a table: what it needs, a check, and a run.  A check
 * changes nothing and returns the reply that refuses the command, or
 * JM_SAY_NONE; a run never refuses.
 */

#include "jm_session_command.h"

#include <stdio.h>

#include "jm_utf8.h"

/* A verb's flags. */
#define JM_VERB_CLEAR 0x01 /* allowed where STARTTLS is required */
#define JM_VERB_JUNK  0x02 /* counts as junk between messages */
#define JM_VERB_NOARG 0x04 /* takes no argument */
#define JM_VERB_FATAL 0x08 /* when it is refused the session ends */

/* A command being run.  A check may fill what is below `arg`. */
typedef struct {
    jm_str_t       arg;
    jm_smtp_path_t path;
    jm_chunk_t     chunk;
    jm_xclient_t   xclient;
    unsigned       utf8 : 1; /* MAIL with SMTPUTF8 */
} jm_command_t;

typedef jm_session_reply_t jm_check_t(const jm_session_t *s,
                                      jm_command_t       *command);
typedef jm_session_event_t jm_run_t(jm_session_t       *s,
                                    const jm_command_t *command);
typedef jm_session_reply_t jm_param_t(const jm_session_t    *s,
                                      jm_command_t          *command,
                                      const jm_smtp_param_t *param);

typedef struct {
    const char *name;
    unsigned    flags;
    jm_check_t *check;
    jm_run_t   *run;
} jm_verb_t;

/* A parameter of MAIL, and what refuses its value. */
typedef struct {
    const char *name;
    jm_param_t *check;
} jm_mail_param_t;

static const jm_verb_t   *jm_command_verb(jm_str_t name);
static jm_session_reply_t jm_command_allow(const jm_session_t *s,
                                           const jm_verb_t    *verb,
                                           jm_command_t       *command);
static unsigned           jm_command_junk(const jm_verb_t    *verb,
                                          const jm_command_t *command);
static jm_session_event_t jm_command_refuse(jm_session_t      *s,
                                            const jm_verb_t   *verb,
                                            jm_session_reply_t reply);
static jm_session_event_t jm_command_hello(jm_session_t *s, jm_str_t name,
                                           unsigned esmtp);

static jm_check_t jm_check_helo, jm_check_starttls, jm_check_xclient,
    jm_check_mail, jm_check_rcpt, jm_check_data, jm_check_bdat, jm_check_vrfy,
    jm_check_never, jm_check_http, jm_check_proxy;
static jm_param_t jm_check_size, jm_check_body, jm_check_utf8;
static jm_run_t   jm_run_ehlo, jm_run_helo, jm_run_starttls, jm_run_xclient,
    jm_run_mail, jm_run_rcpt, jm_run_data, jm_run_bdat, jm_run_rset,
    jm_run_noop, jm_run_vrfy, jm_run_help, jm_run_quit;

#define JM_COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const jm_verb_t jm_command_verbs[] = {
    { "EHLO", JM_VERB_CLEAR | JM_VERB_JUNK, jm_check_helo, jm_run_ehlo },
    { "HELO", JM_VERB_CLEAR | JM_VERB_JUNK, jm_check_helo, jm_run_helo },
    { "STARTTLS", JM_VERB_CLEAR | JM_VERB_NOARG, jm_check_starttls,
      jm_run_starttls },
    { "XCLIENT", JM_VERB_CLEAR, jm_check_xclient, jm_run_xclient },
    { "MAIL", 0, jm_check_mail, jm_run_mail },
    { "RCPT", 0, jm_check_rcpt, jm_run_rcpt },
    { "DATA", JM_VERB_NOARG, jm_check_data, jm_run_data },
    { "RSET", JM_VERB_JUNK | JM_VERB_NOARG, NULL, jm_run_rset },
    { "NOOP", JM_VERB_CLEAR | JM_VERB_JUNK, NULL, jm_run_noop },
    { "VRFY", JM_VERB_JUNK, jm_check_vrfy, jm_run_vrfy },
    { "HELP", JM_VERB_JUNK, NULL, jm_run_help },
    { "QUIT", JM_VERB_CLEAR | JM_VERB_NOARG, NULL, jm_run_quit },

    /* Octets follow it that must not be read as commands: where it cannot be
     * told how many, or they are not wanted in clear, the session ends. */
    { "BDAT", JM_VERB_FATAL, jm_check_bdat, jm_run_bdat },

    /* Commands of others' SMTP that we know and do not have. */
    { "EXPN", 0, jm_check_never, NULL },
    { "ETRN", 0, jm_check_never, NULL },
    { "TURN", 0, jm_check_never, NULL },
    { "SEND", 0, jm_check_never, NULL },
    { "SOML", 0, jm_check_never, NULL },
    { "SAML", 0, jm_check_never, NULL },
    { "AUTH", 0, jm_check_never, NULL },

    /* A browser made to talk to us: its request is not to be gone through
     * line by line for something that looks like SMTP. */
    { "GET", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },
    { "HEAD", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },
    { "POST", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },
    { "PUT", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },
    { "OPTIONS", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },
    { "CONNECT", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },
    { "PRI", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_http, NULL },

    /* A balancer in front that we were not told of. */
    { "PROXY", JM_VERB_CLEAR | JM_VERB_FATAL, jm_check_proxy, NULL },
};

static const jm_mail_param_t jm_mail_params[] = {
    { "SIZE", jm_check_size },
    { "BODY", jm_check_body },
    { "SMTPUTF8", jm_check_utf8 },
};


jm_session_event_t
jm_session_command(jm_session_t *s, jm_str_t line)
{
    jm_str_t           name;
    jm_command_t       command;
    const jm_verb_t   *verb;
    jm_session_reply_t refusal;

    memset(&command, 0, sizeof(jm_command_t));
    jm_smtp_split(line, &name, &command.arg);

    verb = jm_command_verb(name);
    if (verb == NULL) {
        return jm_session_deny(s, JM_SAY_UNKNOWN_VERB);
    }

    refusal = jm_command_allow(s, verb, &command);

    if (jm_command_junk(verb, &command) && ++s->junk > s->conf->junk) {
        return jm_session_end(s, JM_SAY_MUCH_JUNK);
    }

    if (refusal == JM_SAY_NONE) {
        return verb->run(s, &command);
    }

    return jm_command_refuse(s, verb, refusal);
}


/* What brings a message no further: that may be said for ever.  So may a chunk
 * of nothing. */

static unsigned
jm_command_junk(const jm_verb_t *verb, const jm_command_t *command)
{
    return (verb->flags & JM_VERB_JUNK)
           || (verb->run == jm_run_bdat && command->chunk.left == 0
               && !command->chunk.last);
}


/* What follows BDAT or GET is no more SMTP when the line is too long. */

jm_session_event_t
jm_session_garbled(jm_session_t *s, jm_str_t line, jm_session_reply_t reply)
{
    jm_str_t name, arg;

    jm_smtp_split(line, &name, &arg);

    return jm_command_refuse(s, jm_command_verb(name), reply);
}


static jm_session_event_t
jm_command_refuse(jm_session_t *s, const jm_verb_t *verb,
                  jm_session_reply_t reply)
{
    return verb != NULL && (verb->flags & JM_VERB_FATAL)
               ? jm_session_end(s, reply)
               : jm_session_deny(s, reply);
}


static const jm_verb_t *
jm_command_verb(jm_str_t name)
{
    size_t i;

    for (i = 0; i < JM_COUNT(jm_command_verbs); i++) {
        if (jm_smtp_is(name, jm_command_verbs[i].name)) {
            return &jm_command_verbs[i];
        }
    }

    return NULL;
}


static jm_session_reply_t
jm_command_allow(const jm_session_t *s, const jm_verb_t *verb,
                 jm_command_t *command)
{
    if (s->conf->tls_required && !s->tls && !(verb->flags & JM_VERB_CLEAR)) {
        return JM_SAY_TLS_FIRST;
    }

    if ((verb->flags & JM_VERB_NOARG) && command->arg.len != 0) {
        return JM_SAY_NO_ARGUMENT;
    }

    return verb->check != NULL ? verb->check(s, command) : JM_SAY_NONE;
}


/* EHLO, HELO. */


static jm_session_reply_t
jm_check_helo(const jm_session_t *s, jm_command_t *command)
{
    return command->arg.len == 0 || command->arg.len > JM_SESSION_HELO
               ? JM_SAY_HELO_SYNTAX
               : JM_SAY_NONE;
}


/* RFC 5321, 4.1.4: EHLO at any time also is RSET. */

static jm_session_event_t
jm_command_hello(jm_session_t *s, jm_str_t name, unsigned esmtp)
{
    s->helo.data = s->helo_data;
    s->helo.len = jm_smtp_token(name, s->helo_data, sizeof(s->helo_data));
    s->esmtp = esmtp;
    s->proxied = 0;

    return jm_session_reset(s);
}


static jm_session_event_t
jm_run_helo(jm_session_t *s, const jm_command_t *command)
{
    jm_session_tell(s, JM_SAY_HELO, s->conf->hostname);

    return jm_command_hello(s, command->arg, 0);
}


static jm_session_event_t
jm_run_ehlo(jm_session_t *s, const jm_command_t *command)
{
    int                      n;
    char                     text[JM_SESSION_ROOM];
    const jm_session_conf_t *conf;

    conf = s->conf;

    n = snprintf(text, sizeof(text),
                 "250-%.*s\r\n"
                 "250-PIPELINING\r\n"
                 "250-SIZE %llu\r\n"
                 "%s%s"
                 "250-ENHANCEDSTATUSCODES\r\n"
                 "250-8BITMIME\r\n"
                 "250-SMTPUTF8\r\n"
                 "250-CHUNKING\r\n"
                 "250 LIMITS RCPTMAX=%zu MAILMAX=%zu\r\n",
                 (int) conf->hostname.len, (char *) conf->hostname.data,
                 (unsigned long long) conf->message_size,
                 conf->starttls && !s->tls ? "250-STARTTLS\r\n" : "",
                 s->trusted ? "250-XCLIENT " JM_XCLIENT_ATTRIBUTES "\r\n" : "",
                 conf->recipients, conf->transactions);

    jm_session_write(s, text, (size_t) n);

    return jm_command_hello(s, command->arg, 1);
}


/* STARTTLS (RFC 3207). */


static jm_session_reply_t
jm_check_starttls(const jm_session_t *s, jm_command_t *command)
{
    if (!s->conf->starttls) {
        return JM_SAY_TLS_OFF;
    }

    return s->tls ? JM_SAY_TLS_ACTIVE : JM_SAY_NONE;
}


static jm_session_event_t
jm_run_starttls(jm_session_t *s, const jm_command_t *command)
{
    if (s->behind) {
        /*
         * RFC 3207, 4: STARTTLS must be the last command in a pipeline.  What
         * lies behind it may be another's, put there to be taken for what the
         * client says under TLS.
         */
        return jm_session_end(s, JM_SAY_TLS_PIPELINED);
    }

    jm_session_say(s, JM_SAY_TLS_READY);

    return jm_session_ask(s, JM_SESSION_STARTTLS);
}


/* XCLIENT: begins anew, for the client of a proxy. */


static jm_session_reply_t
jm_check_xclient(const jm_session_t *s, jm_command_t *command)
{
    if (!s->trusted) {
        return JM_SAY_XCLIENT_DENIED;
    }

    if (s->mail) {
        return JM_SAY_MAIL_NESTED;
    }

    return jm_xclient_parse(command->arg, &command->xclient) == -1
               ? JM_SAY_XCLIENT_SYNTAX
               : JM_SAY_NONE;
}


static jm_session_event_t
jm_run_xclient(jm_session_t *s, const jm_command_t *command)
{
    const jm_xclient_t *xclient;

    s->xclient = command->xclient;
    xclient = &s->xclient;

    s->errors = 0;
    s->unknown = 0;
    s->junk = 0;
    s->transactions = 0;

    /* What an earlier XCLIENT said stays: a proxy may need several.  But
     * another address has another name. */

    if (xclient->renamed || xclient->family != 0) {
        s->name.data = s->name_data;
        s->name.len = jm_smtp_token(xclient->name, s->name_data,
                                    sizeof(s->name_data));
    }

    if (xclient->helo.len != 0) {
        (void) jm_command_hello(s, xclient->helo, s->esmtp);
        s->proxied = 1;

    } else if (!s->proxied) {
        s->helo.len = 0;
    }

    if (xclient->proto) {
        s->esmtp = xclient->esmtp;
    }

    return jm_session_ask(s, JM_SESSION_XCLIENT);
}


/* MAIL. */


static jm_session_reply_t
jm_check_mail(const jm_session_t *s, jm_command_t *command)
{
    size_t                 i, j;
    jm_session_reply_t     refusal;
    const jm_smtp_path_t  *path;
    const jm_smtp_param_t *param;

    if (s->helo.len == 0) {
        return JM_SAY_HELO_FIRST;
    }

    if (s->mail) {
        return JM_SAY_MAIL_NESTED;
    }

    if (s->transactions == s->conf->transactions) {
        return JM_SAY_MAIL_ENOUGH;
    }

    path = &command->path;

    switch (jm_smtp_path(command->arg, "FROM", &command->path)) {

    case JM_PATH_SYNTAX:
        return JM_SAY_MAIL_SYNTAX;

    case JM_PATH_ADDRESS:
        return JM_SAY_MAIL_ADDRESS;

    case JM_PATH_PARAM:
        return JM_SAY_PARAM_SYNTAX;

    default:
        break;
    }

    /* Only a forward path may be <postmaster> without domain. */
    if (path->address.postmaster) {
        return JM_SAY_MAIL_ADDRESS;
    }

    for (i = 0; i < path->nparams; i++) {
        param = &path->params[i];

        for (j = 0; j < JM_COUNT(jm_mail_params); j++) {
            if (jm_smtp_is(param->name, jm_mail_params[j].name)) {
                break;
            }
        }

        if (j == JM_COUNT(jm_mail_params)) {
            return JM_SAY_PARAM_UNKNOWN;
        }

        if (jm_smtp_param(path, jm_mail_params[j].name) != param) {
            /* Given twice. */
            return JM_SAY_PARAM_SYNTAX;
        }

        refusal = jm_mail_params[j].check(s, command, param);
        if (refusal != JM_SAY_NONE) {
            return refusal;
        }
    }

    return path->address.utf8 && !command->utf8 ? JM_SAY_NEEDS_UTF8
                                                : JM_SAY_NONE;
}


static jm_session_reply_t
jm_check_size(const jm_session_t *s, jm_command_t *command,
              const jm_smtp_param_t *param)
{
    uint64_t size;

    if (jm_smtp_number(param->value, &size) == -1) {
        return JM_SAY_PARAM_SYNTAX;
    }

    return size > s->conf->message_size ? JM_SAY_TOO_BIG : JM_SAY_NONE;
}


static jm_session_reply_t
jm_check_body(const jm_session_t *s, jm_command_t *command,
              const jm_smtp_param_t *param)
{
    if (jm_smtp_is(param->value, "7BIT")
        || jm_smtp_is(param->value, "8BITMIME")) {
        return JM_SAY_NONE;
    }

    return jm_smtp_is(param->value, "BINARYMIME") ? JM_SAY_NO_BINARY
                                                  : JM_SAY_BAD_BODY;
}


static jm_session_reply_t
jm_check_utf8(const jm_session_t *s, jm_command_t *command,
              const jm_smtp_param_t *param)
{
    /* RFC 6531, 3.4: it has no value. */
    if (param->has_value) {
        return JM_SAY_PARAM_SYNTAX;
    }

    command->utf8 = 1;

    return JM_SAY_NONE;
}


static jm_session_event_t
jm_run_mail(jm_session_t *s, const jm_command_t *command)
{
    jm_str_t from;

    from = command->path.address.path;

    s->path = command->path;
    s->utf8 = command->utf8;
    s->accepted = 0;
    s->rejected = 0;
    s->refused = JM_SAY_NONE;
    memset(&s->data, 0, sizeof(jm_data_t));

    s->named = 1;
    s->from.data = s->from_data;
    s->from.len = from.len;
    memcpy(s->from_data, from.data, from.len);

    return jm_session_ask(s, JM_SESSION_BEGIN);
}


/* RCPT. */


static jm_session_reply_t
jm_check_rcpt(const jm_session_t *s, jm_command_t *command)
{
    const jm_smtp_path_t *path;

    if (!s->mail) {
        return JM_SAY_MAIL_FIRST;
    }

    if (s->bdat) {
        return JM_SAY_BDAT_BEGUN;
    }

    path = &command->path;

    switch (jm_smtp_path(command->arg, "TO", &command->path)) {

    case JM_PATH_SYNTAX:
        return JM_SAY_RCPT_SYNTAX;

    case JM_PATH_ADDRESS:
        return JM_SAY_RCPT_ADDRESS;

    case JM_PATH_PARAM:
        return JM_SAY_PARAM_SYNTAX;

    default:
        break;
    }

    if (path->address.null) {
        return JM_SAY_RCPT_ADDRESS;
    }

    if (path->address.utf8 && !s->utf8) {
        return JM_SAY_NEEDS_UTF8;
    }

    if (path->nparams != 0) {
        return JM_SAY_PARAM_UNKNOWN;
    }

    if (path->address.literal) {
        return JM_SAY_RCPT_FOREIGN;
    }

    /* RFC 5321, 4.5.3.1.10: 452, and those already accepted are kept. */
    return s->accepted == s->conf->recipients ? JM_SAY_RCPT_MANY : JM_SAY_NONE;
}


static jm_session_event_t
jm_run_rcpt(jm_session_t *s, const jm_command_t *command)
{
    s->path = command->path;

    return jm_session_ask(s, JM_SESSION_RECIPIENT);
}


/* DATA, BDAT. */


jm_session_reply_t
jm_session_ready(const jm_session_t *s)
{
    if (!s->mail) {
        return JM_SAY_MAIL_FIRST;
    }

    if (s->accepted == 0) {
        return s->rejected ? JM_SAY_NO_RCPT : JM_SAY_RCPT_FIRST;
    }

    return JM_SAY_NONE;
}


static jm_session_reply_t
jm_check_data(const jm_session_t *s, jm_command_t *command)
{
    return s->bdat ? JM_SAY_BDAT_BEGUN : jm_session_ready(s);
}


static jm_session_event_t
jm_run_data(jm_session_t *s, const jm_command_t *command)
{
    s->state = JM_SESSION_DATA;

    return jm_session_say(s, JM_SAY_DATA_GO);
}


static jm_session_reply_t
jm_check_bdat(const jm_session_t *s, jm_command_t *command)
{
    return jm_chunk_parse(&command->chunk, command->arg) == -1
               ? JM_SAY_BDAT_SYNTAX
               : JM_SAY_NONE;
}


/*
 * RFC 3030, 2: the octets of a chunk follow at once, so they are read in any
 * case, to be dropped when the chunk is refused.
 */

static jm_session_event_t
jm_run_bdat(jm_session_t *s, const jm_command_t *command)
{
    s->chunk = command->chunk;
    s->state = JM_SESSION_CHUNK;

    if (jm_session_ready(s) == JM_SAY_NONE) {
        s->bdat = 1;

        if (s->chunk.left > s->conf->message_size - s->data.size) {
            jm_session_refuse(s, JM_SAY_TOO_BIG);
        }
    }

    return JM_SESSION_NEXT;
}


/* RSET, NOOP, VRFY, HELP, QUIT, and what we do not have. */


static jm_session_event_t
jm_run_rset(jm_session_t *s, const jm_command_t *command)
{
    jm_session_say(s, JM_SAY_RSET);

    return jm_session_reset(s);
}


static jm_session_event_t
jm_run_noop(jm_session_t *s, const jm_command_t *command)
{
    return jm_session_say(s, JM_SAY_NOOP);
}


/* RFC 6531, 3.7.4.2: SMTPUTF8 stands behind an address that needs it. */

static jm_session_reply_t
jm_check_vrfy(const jm_session_t *s, jm_command_t *command)
{
    size_t   i, n, word;
    unsigned ascii;
    uint32_t cp;
    jm_str_t arg, last;

    arg = command->arg;

    if (arg.len == 0) {
        return JM_SAY_VRFY_SYNTAX;
    }

    for (i = 0, word = 0, ascii = 1; i < arg.len; i += n) {
        n = jm_utf8_decode(arg.data + i, arg.data + arg.len, &cp);
        if (n == 0) {
            return JM_SAY_VRFY_ADDRESS;
        }

        if (n > 1) {
            ascii = 0;
        }

        if (cp == ' ') {
            word = i + 1;
        }
    }

    last.data = arg.data + word;
    last.len = arg.len - word;

    return ascii || jm_smtp_is(last, "SMTPUTF8") ? JM_SAY_NONE
                                                 : JM_SAY_NEEDS_UTF8;
}


static jm_session_event_t
jm_run_vrfy(jm_session_t *s, const jm_command_t *command)
{
    return jm_session_say(s, JM_SAY_VRFY);
}


static jm_session_event_t
jm_run_help(jm_session_t *s, const jm_command_t *command)
{
    return jm_session_say(s, JM_SAY_HELP);
}


static jm_session_event_t
jm_run_quit(jm_session_t *s, const jm_command_t *command)
{
    return jm_session_end(s, JM_SAY_BYE);
}


static jm_session_reply_t
jm_check_never(const jm_session_t *s, jm_command_t *command)
{
    return JM_SAY_NEVER;
}


static jm_session_reply_t
jm_check_http(const jm_session_t *s, jm_command_t *command)
{
    return JM_SAY_NOT_HTTP;
}


static jm_session_reply_t
jm_check_proxy(const jm_session_t *s, jm_command_t *command)
{
    return JM_SAY_NOT_PROXY;
}


void
jm_session_early(jm_session_t *s, jm_str_t text)
{
    const u_char      *space;
    const jm_verb_t   *verb;
    jm_session_reply_t reply;

    reply = jm_session_stranger(text);
    space = memchr(text.data, ' ', text.len);

    if (reply == JM_SAY_NONE && space != NULL) {
        text.len = (size_t) (space - text.data);
        verb = jm_command_verb(text);

        if (verb != NULL && verb->run == NULL && (verb->flags & JM_VERB_FATAL))
        {
            reply = verb->check(s, NULL);
        }
    }

    jm_session_close(s, reply == JM_SAY_NONE ? JM_SAY_EARLY : reply);
}
