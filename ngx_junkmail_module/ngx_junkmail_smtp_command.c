/*
 * The SMTP commands (RFC 5321, 4.1): takes a line from the session and
 * replies, or changes the session's state.  What MAIL, RCPT and DATA build is
 * in ngx_junkmail_smtp_transaction.c.
 *
 * Each verb is a row of a table: what it needs, a check, and a run.  A check
 * changes nothing and returns the reply that refuses the command, or NULL; a
 * run never refuses.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

/* A verb's flags. */
#define NGX_JUNKMAIL_SMTP_CLEAR 0x01 /* allowed where STARTTLS is required */
#define NGX_JUNKMAIL_SMTP_JUNKY 0x02 /* counts as junk between messages */
#define NGX_JUNKMAIL_SMTP_NOARG 0x04 /* takes no argument */
#define NGX_JUNKMAIL_SMTP_FATAL 0x08 /* refused, and the session ends */

/* A command, taken apart. */
typedef struct {
    jm_str_t       arg;
    jm_smtp_path_t path; /* of MAIL and RCPT */
} ngx_junkmail_smtp_args_t;

typedef const ngx_str_t *(*ngx_junkmail_smtp_check_pt)(
    ngx_junkmail_smtp_t *smtp, ngx_junkmail_smtp_args_t *args);
typedef void (*ngx_junkmail_smtp_run_pt)(ngx_junkmail_smtp_t      *smtp,
                                         ngx_junkmail_smtp_args_t *args);

typedef struct {
    const char                *name;
    ngx_uint_t                 flags;
    ngx_junkmail_smtp_check_pt check;
    ngx_junkmail_smtp_run_pt   run;
} ngx_junkmail_smtp_verb_t;

/* A parameter of MAIL: returns the reply that refuses its value, or NULL. */
typedef struct {
    const char *name;
    const ngx_str_t *(*check)(ngx_junkmail_smtp_t   *smtp,
                              const jm_smtp_param_t *param);
} ngx_junkmail_smtp_mail_param_t;

static const ngx_junkmail_smtp_verb_t *ngx_junkmail_smtp_find(jm_str_t name);
static const ngx_str_t *
ngx_junkmail_smtp_allow(ngx_junkmail_smtp_t            *smtp,
                        const ngx_junkmail_smtp_verb_t *verb,
                        ngx_junkmail_smtp_args_t       *args);

static const ngx_str_t *
ngx_junkmail_smtp_check_helo(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_starttls(ngx_junkmail_smtp_t      *smtp,
                                 ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_mail(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_rcpt(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_data(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_vrfy(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_never(ngx_junkmail_smtp_t      *smtp,
                              ngx_junkmail_smtp_args_t *args);
static const ngx_str_t *
ngx_junkmail_smtp_check_http(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args);

static const ngx_str_t *
ngx_junkmail_smtp_check_params(ngx_junkmail_smtp_t  *smtp,
                               const jm_smtp_path_t *path);
static const ngx_str_t *
ngx_junkmail_smtp_check_size(ngx_junkmail_smtp_t   *smtp,
                             const jm_smtp_param_t *param);
static const ngx_str_t *
ngx_junkmail_smtp_check_body(ngx_junkmail_smtp_t   *smtp,
                             const jm_smtp_param_t *param);

static void ngx_junkmail_smtp_run_helo(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_ehlo(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_starttls(ngx_junkmail_smtp_t      *smtp,
                                           ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_mail(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_rcpt(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_data(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_rset(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_noop(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_vrfy(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_help(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);
static void ngx_junkmail_smtp_run_quit(ngx_junkmail_smtp_t      *smtp,
                                       ngx_junkmail_smtp_args_t *args);

static void ngx_junkmail_smtp_remember_helo(ngx_junkmail_smtp_t *smtp,
                                            jm_str_t             name);

static const ngx_junkmail_smtp_verb_t ngx_junkmail_smtp_verbs[] = {
    { "EHLO", NGX_JUNKMAIL_SMTP_CLEAR | NGX_JUNKMAIL_SMTP_JUNKY,
      ngx_junkmail_smtp_check_helo, ngx_junkmail_smtp_run_ehlo },
    { "HELO", NGX_JUNKMAIL_SMTP_CLEAR | NGX_JUNKMAIL_SMTP_JUNKY,
      ngx_junkmail_smtp_check_helo, ngx_junkmail_smtp_run_helo },
    { "STARTTLS", NGX_JUNKMAIL_SMTP_CLEAR | NGX_JUNKMAIL_SMTP_NOARG,
      ngx_junkmail_smtp_check_starttls, ngx_junkmail_smtp_run_starttls },
    { "MAIL", 0, ngx_junkmail_smtp_check_mail, ngx_junkmail_smtp_run_mail },
    { "RCPT", 0, ngx_junkmail_smtp_check_rcpt, ngx_junkmail_smtp_run_rcpt },
    { "DATA", NGX_JUNKMAIL_SMTP_NOARG, ngx_junkmail_smtp_check_data,
      ngx_junkmail_smtp_run_data },
    { "RSET", NGX_JUNKMAIL_SMTP_JUNKY | NGX_JUNKMAIL_SMTP_NOARG, NULL,
      ngx_junkmail_smtp_run_rset },
    { "NOOP", NGX_JUNKMAIL_SMTP_CLEAR | NGX_JUNKMAIL_SMTP_JUNKY, NULL,
      ngx_junkmail_smtp_run_noop },
    { "VRFY", NGX_JUNKMAIL_SMTP_JUNKY, ngx_junkmail_smtp_check_vrfy,
      ngx_junkmail_smtp_run_vrfy },
    { "HELP", NGX_JUNKMAIL_SMTP_JUNKY, NULL, ngx_junkmail_smtp_run_help },
    { "QUIT", NGX_JUNKMAIL_SMTP_CLEAR | NGX_JUNKMAIL_SMTP_NOARG, NULL,
      ngx_junkmail_smtp_run_quit },

    /* Commands of others' SMTP that we know and do not have. */
    { "EXPN", 0, ngx_junkmail_smtp_check_never, NULL },
    { "ETRN", 0, ngx_junkmail_smtp_check_never, NULL },
    { "TURN", 0, ngx_junkmail_smtp_check_never, NULL },
    { "SEND", 0, ngx_junkmail_smtp_check_never, NULL },
    { "SOML", 0, ngx_junkmail_smtp_check_never, NULL },
    { "SAML", 0, ngx_junkmail_smtp_check_never, NULL },
    { "AUTH", 0, ngx_junkmail_smtp_check_never, NULL },

    /* Octets follow it that must not be read as commands. */
    { "BDAT", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_never, NULL },

    /* A browser made to talk to us: its request is not to be gone through
     * line by line for something that looks like SMTP. */
    { "GET", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
    { "HEAD", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
    { "POST", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
    { "PUT", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
    { "OPTIONS", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
    { "CONNECT", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
    { "PRI", NGX_JUNKMAIL_SMTP_FATAL, ngx_junkmail_smtp_check_http, NULL },
};

static const ngx_junkmail_smtp_mail_param_t ngx_junkmail_smtp_mail_params[] = {
    { "SIZE", ngx_junkmail_smtp_check_size },
    { "BODY", ngx_junkmail_smtp_check_body },
};

/* Every reply that does not change, in the order of the verbs. */

#define REPLY(name, text)                                                     \
    static const ngx_str_t ngx_junkmail_smtp_##name = ngx_string(text CRLF)

REPLY(unknown_command, "500 5.5.1 Command unrecognized");
REPLY(not_implemented, "502 5.5.1 Command not implemented");
REPLY(no_argument, "501 5.5.4 No argument allowed");
REPLY(no_http, "554 5.5.1 This is an SMTP server");
REPLY(too_much_junk, "421 4.7.0 Too many commands without a message");
REPLY(tls_first, "530 5.7.0 Must issue a STARTTLS command first");

REPLY(helo_syntax, "501 5.5.4 Name yourself: EHLO host.example");
REPLY(tls_ready, "220 2.0.0 Ready to start TLS");
REPLY(tls_off, "502 5.5.1 STARTTLS not offered");
REPLY(tls_active, "503 5.5.1 TLS already active");
REPLY(tls_pipelined, "554 5.5.1 Nothing may follow STARTTLS");

REPLY(helo_first, "503 5.5.1 Send EHLO first");
REPLY(mail_nested, "503 5.5.1 Sender already given");
REPLY(mail_enough, "421 4.7.0 Too many transactions, connect again");
REPLY(mail_syntax, "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]");
REPLY(mail_address, "501 5.1.7 Bad sender address syntax");
REPLY(bad_parameter, "501 5.5.4 Bad parameter syntax");
REPLY(unknown_parameter, "555 5.5.4 Parameter not recognized");
REPLY(no_utf8, "553 5.6.7 SMTPUTF8 addresses not supported");
REPLY(mail_too_big, "552 5.3.4 Message size exceeds the limit");
REPLY(bad_body, "501 5.5.4 BODY is 7BIT or 8BITMIME");
REPLY(no_binary, "504 5.5.4 BODY=BINARYMIME not supported");
REPLY(sender_ok, "250 2.1.0 Sender OK");

REPLY(mail_first, "503 5.5.1 Send MAIL first");
REPLY(rcpt_syntax, "501 5.5.4 Syntax: RCPT TO:<address>");
REPLY(rcpt_address, "501 5.1.3 Bad recipient address syntax");
REPLY(rcpt_literal, "550 5.7.1 Relaying denied");
REPLY(rcpt_too_many, "452 4.5.3 Too many recipients, send the rest later");

REPLY(rcpt_first, "503 5.5.1 Send RCPT first");
REPLY(no_recipients, "554 5.5.1 No valid recipients");
REPLY(no_space, "452 4.3.1 Insufficient system storage, try later");
REPLY(data_go, "354 End data with <CR><LF>.<CR><LF>");

REPLY(reset, "250 2.0.0 Reset OK");
REPLY(noop, "250 2.0.0 OK");
REPLY(vrfy_syntax, "501 5.5.4 Syntax: VRFY address");
REPLY(vrfy, "252 2.5.0 Cannot verify, send some mail and see");
REPLY(help, "214 2.0.0 RFC 5321; commands: EHLO HELO STARTTLS MAIL RCPT DATA "
            "RSET NOOP VRFY HELP QUIT");
REPLY(bye, "221 2.0.0 Bye");
REPLY(internal, "451 4.3.0 Internal error, try later");

#undef REPLY


void
ngx_junkmail_smtp_command(ngx_junkmail_smtp_t *smtp, jm_str_t line)
{
    jm_str_t                        name;
    const ngx_str_t                *refusal;
    ngx_junkmail_smtp_args_t        args;
    const ngx_junkmail_smtp_verb_t *verb;

    jm_smtp_split(line, &name, &args.arg);

    verb = ngx_junkmail_smtp_find(name);
    if (verb == NULL) {
        ngx_junkmail_smtp_error(smtp, &ngx_junkmail_smtp_unknown_command);
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_STREAM, smtp->connection->log, 0,
                   "junkmail smtp command %s", verb->name);

    if ((verb->flags & NGX_JUNKMAIL_SMTP_JUNKY)
        && ++smtp->junk > NGX_JUNKMAIL_SMTP_JUNK)
    {
        ngx_junkmail_smtp_quit(smtp, &ngx_junkmail_smtp_too_much_junk);
        return;
    }

    refusal = ngx_junkmail_smtp_allow(smtp, verb, &args);

    if (refusal == NULL) {
        verb->run(smtp, &args);

    } else if ((verb->flags & NGX_JUNKMAIL_SMTP_FATAL)
               || ngx_strncmp(refusal->data, "421", 3) == 0)
    {
        ngx_junkmail_smtp_quit(smtp, refusal);

    } else if (refusal->data[0] == '5') {
        ngx_junkmail_smtp_error(smtp, refusal);

    } else {
        ngx_junkmail_smtp_reply(smtp, refusal);
    }
}


static const ngx_junkmail_smtp_verb_t *
ngx_junkmail_smtp_find(jm_str_t name)
{
    size_t i, n;

    n = sizeof(ngx_junkmail_smtp_verbs) / sizeof(ngx_junkmail_smtp_verbs[0]);

    for (i = 0; i < n; i++) {
        if (jm_smtp_is(name, ngx_junkmail_smtp_verbs[i].name)) {
            return &ngx_junkmail_smtp_verbs[i];
        }
    }

    return NULL;
}


static const ngx_str_t *
ngx_junkmail_smtp_allow(ngx_junkmail_smtp_t            *smtp,
                        const ngx_junkmail_smtp_verb_t *verb,
                        ngx_junkmail_smtp_args_t       *args)
{
    if (smtp->conf->starttls == NGX_JUNKMAIL_STARTTLS_REQUIRED
        && smtp->connection->ssl == NULL
        && !(verb->flags
             & (NGX_JUNKMAIL_SMTP_CLEAR | NGX_JUNKMAIL_SMTP_FATAL)))
    {
        return &ngx_junkmail_smtp_tls_first;
    }

    if ((verb->flags & NGX_JUNKMAIL_SMTP_NOARG) && args->arg.len != 0) {
        return &ngx_junkmail_smtp_no_argument;
    }

    return verb->check ? verb->check(smtp, args) : NULL;
}


/* EHLO, HELO. */


static const ngx_str_t *
ngx_junkmail_smtp_check_helo(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args)
{
    if (args->arg.len == 0 || args->arg.len > sizeof(smtp->helo_data)) {
        return &ngx_junkmail_smtp_helo_syntax;
    }

    return NULL;
}


static void
ngx_junkmail_smtp_run_helo(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    u_char    text[NGX_JUNKMAIL_SMTP_REPLY];
    ngx_str_t reply;

    ngx_junkmail_smtp_remember_helo(smtp, args->arg);
    smtp->esmtp = 0;

    reply.data = text;
    reply.len = (size_t) (ngx_slprintf(text, text + sizeof(text),
                                       "250 %V" CRLF, &smtp->conf->hostname)
                          - text);

    ngx_junkmail_smtp_reply(smtp, &reply);
}


static void
ngx_junkmail_smtp_run_ehlo(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    u_char   *p, *end, text[NGX_JUNKMAIL_SMTP_REPLY];
    ngx_str_t reply;

    ngx_junkmail_smtp_remember_helo(smtp, args->arg);
    smtp->esmtp = 1;

    p = text;
    end = text + sizeof(text);

    p = ngx_slprintf(p, end,
                     "250-%V" CRLF "250-PIPELINING" CRLF "250-SIZE %O" CRLF,
                     &smtp->conf->hostname, smtp->conf->message_size);

    if (smtp->conf->starttls != NGX_JUNKMAIL_STARTTLS_OFF
        && smtp->connection->ssl == NULL)
    {
        p = ngx_slprintf(p, end, "250-STARTTLS" CRLF);
    }

    p = ngx_slprintf(p, end,
                     "250-ENHANCEDSTATUSCODES" CRLF "250 8BITMIME" CRLF);

    reply.data = text;
    reply.len = (size_t) (p - text);

    ngx_junkmail_smtp_reply(smtp, &reply);
}


/* RFC 5321, 4.1.4: EHLO at any time also is RSET. */

static void
ngx_junkmail_smtp_remember_helo(ngx_junkmail_smtp_t *smtp, jm_str_t name)
{
    ngx_junkmail_smtp_rollback(smtp);

    smtp->helo.data = smtp->helo_data;
    smtp->helo.len = jm_smtp_token(name, smtp->helo_data,
                                   sizeof(smtp->helo_data));
}


/* STARTTLS (RFC 3207). */


static const ngx_str_t *
ngx_junkmail_smtp_check_starttls(ngx_junkmail_smtp_t      *smtp,
                                 ngx_junkmail_smtp_args_t *args)
{
    if (smtp->conf->starttls == NGX_JUNKMAIL_STARTTLS_OFF) {
        return &ngx_junkmail_smtp_tls_off;
    }

    if (smtp->connection->ssl) {
        return &ngx_junkmail_smtp_tls_active;
    }

    return NULL;
}


static void
ngx_junkmail_smtp_run_starttls(ngx_junkmail_smtp_t      *smtp,
                               ngx_junkmail_smtp_args_t *args)
{
    if (smtp->in.pos != smtp->in.last) {
        /*
         * RFC 3207, 4: STARTTLS must be the last command in a pipeline.  What
         * lies behind it may be another's, put there to be taken for what the
         * client says under TLS.
         */
        ngx_junkmail_smtp_quit(smtp, &ngx_junkmail_smtp_tls_pipelined);
        return;
    }

    ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_tls_ready);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_STARTTLS);
}


/* MAIL. */


static const ngx_str_t *
ngx_junkmail_smtp_check_mail(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args)
{
    if (smtp->helo.len == 0) {
        return &ngx_junkmail_smtp_helo_first;
    }

    if (smtp->transaction != NULL) {
        return &ngx_junkmail_smtp_mail_nested;
    }

    if (smtp->transactions == smtp->conf->transactions) {
        return &ngx_junkmail_smtp_mail_enough;
    }

    switch (jm_smtp_path(args->arg, "FROM", &args->path)) {

    case JM_PATH_SYNTAX:
        return &ngx_junkmail_smtp_mail_syntax;

    case JM_PATH_ADDRESS:
        return &ngx_junkmail_smtp_mail_address;

    case JM_PATH_PARAM:
        return &ngx_junkmail_smtp_bad_parameter;

    default:
        break;
    }

    /* Only a forward path may be <postmaster> without domain. */
    if (args->path.address.postmaster) {
        return &ngx_junkmail_smtp_mail_address;
    }

    if (args->path.address.utf8) {
        return &ngx_junkmail_smtp_no_utf8;
    }

    return ngx_junkmail_smtp_check_params(smtp, &args->path);
}


static const ngx_str_t *
ngx_junkmail_smtp_check_params(ngx_junkmail_smtp_t  *smtp,
                               const jm_smtp_path_t *path)
{
    size_t                 i, j, n;
    const ngx_str_t       *refusal;
    const jm_smtp_param_t *param;

    n = sizeof(ngx_junkmail_smtp_mail_params)
        / sizeof(ngx_junkmail_smtp_mail_params[0]);

    for (i = 0; i < path->nparams; i++) {
        param = &path->params[i];

        for (j = 0; j < n; j++) {
            if (jm_smtp_is(param->name, ngx_junkmail_smtp_mail_params[j].name))
            {
                break;
            }
        }

        if (j == n) {
            return &ngx_junkmail_smtp_unknown_parameter;
        }

        if (jm_smtp_param(path, ngx_junkmail_smtp_mail_params[j].name)
            != param) {
            /* Given twice. */
            return &ngx_junkmail_smtp_bad_parameter;
        }

        refusal = ngx_junkmail_smtp_mail_params[j].check(smtp, param);
        if (refusal != NULL) {
            return refusal;
        }
    }

    return NULL;
}


static const ngx_str_t *
ngx_junkmail_smtp_check_size(ngx_junkmail_smtp_t   *smtp,
                             const jm_smtp_param_t *param)
{
    uint64_t size;

    if (jm_smtp_number(param->value, &size) == -1) {
        return &ngx_junkmail_smtp_bad_parameter;
    }

    if (size > (uint64_t) smtp->conf->message_size) {
        return &ngx_junkmail_smtp_mail_too_big;
    }

    return NULL;
}


static const ngx_str_t *
ngx_junkmail_smtp_check_body(ngx_junkmail_smtp_t   *smtp,
                             const jm_smtp_param_t *param)
{
    if (jm_smtp_is(param->value, "7BIT")
        || jm_smtp_is(param->value, "8BITMIME")) {
        return NULL;
    }

    return jm_smtp_is(param->value, "BINARYMIME")
               ? &ngx_junkmail_smtp_no_binary
               : &ngx_junkmail_smtp_bad_body;
}


static void
ngx_junkmail_smtp_run_mail(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_reply(
        smtp, ngx_junkmail_smtp_begin(smtp, args->path.address.path) == NGX_OK
                  ? &ngx_junkmail_smtp_sender_ok
                  : &ngx_junkmail_smtp_internal);
}


/* RCPT. */


static const ngx_str_t *
ngx_junkmail_smtp_check_rcpt(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args)
{
    if (smtp->transaction == NULL) {
        return &ngx_junkmail_smtp_mail_first;
    }

    switch (jm_smtp_path(args->arg, "TO", &args->path)) {

    case JM_PATH_SYNTAX:
        return &ngx_junkmail_smtp_rcpt_syntax;

    case JM_PATH_ADDRESS:
        return &ngx_junkmail_smtp_rcpt_address;

    case JM_PATH_PARAM:
        return &ngx_junkmail_smtp_bad_parameter;

    default:
        break;
    }

    if (args->path.address.null) {
        return &ngx_junkmail_smtp_rcpt_address;
    }

    if (args->path.address.utf8) {
        return &ngx_junkmail_smtp_no_utf8;
    }

    if (args->path.nparams != 0) {
        return &ngx_junkmail_smtp_unknown_parameter;
    }

    if (args->path.address.literal) {
        return &ngx_junkmail_smtp_rcpt_literal;
    }

    /* RFC 5321, 4.5.3.1.10: 452, and those already accepted are kept. */
    if (smtp->transaction->recipients.nelts == smtp->conf->recipients) {
        return &ngx_junkmail_smtp_rcpt_too_many;
    }

    return NULL;
}


static void
ngx_junkmail_smtp_run_rcpt(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_resolve(smtp, &args->path.address);
}


/* DATA. */


static const ngx_str_t *
ngx_junkmail_smtp_check_data(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args)
{
    if (smtp->transaction == NULL) {
        return &ngx_junkmail_smtp_mail_first;
    }

    if (smtp->transaction->recipients.nelts == 0) {
        return smtp->transaction->rcpt_refused
                   ? &ngx_junkmail_smtp_no_recipients
                   : &ngx_junkmail_smtp_rcpt_first;
    }

    if (!ngx_junkmail_spool_room(smtp->conf->spool_path,
                                 smtp->conf->message_size)) {
        return &ngx_junkmail_smtp_no_space;
    }

    return NULL;
}


static void
ngx_junkmail_smtp_run_data(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_data_go);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_DATA);
}


/* RSET, NOOP, VRFY, HELP, QUIT, and what we do not have. */


static void
ngx_junkmail_smtp_run_rset(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_reset);
}


static void
ngx_junkmail_smtp_run_noop(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_noop);
}


static const ngx_str_t *
ngx_junkmail_smtp_check_vrfy(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args)
{
    return args->arg.len == 0 ? &ngx_junkmail_smtp_vrfy_syntax : NULL;
}


static void
ngx_junkmail_smtp_run_vrfy(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_vrfy);
}


static void
ngx_junkmail_smtp_run_help(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_help);
}


static void
ngx_junkmail_smtp_run_quit(ngx_junkmail_smtp_t      *smtp,
                           ngx_junkmail_smtp_args_t *args)
{
    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_quit(smtp, &ngx_junkmail_smtp_bye);
}


static const ngx_str_t *
ngx_junkmail_smtp_check_never(ngx_junkmail_smtp_t      *smtp,
                              ngx_junkmail_smtp_args_t *args)
{
    return &ngx_junkmail_smtp_not_implemented;
}


static const ngx_str_t *
ngx_junkmail_smtp_check_http(ngx_junkmail_smtp_t      *smtp,
                             ngx_junkmail_smtp_args_t *args)
{
    return &ngx_junkmail_smtp_no_http;
}
