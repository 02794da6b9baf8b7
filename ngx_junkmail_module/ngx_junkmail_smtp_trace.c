/*
 * The trace header that goes in front of a message (RFC 5321, 4.4): who gave
 * it to us, when and how.  Called once for each message by
 * ngx_junkmail_smtp_transaction.c.
 *
 * Nothing in it is unescaped: HELO has passed jm_smtp_token(), paths the
 * address grammar, which knows no control characters, the reverse name is a
 * plain host name; the rest is ours.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

#define NGX_JUNKMAIL_TRACE_SIZE 2048 /* HELO, a name, two paths fit twice */

static u_char *ngx_junkmail_smtp_trace_client(ngx_junkmail_smtp_t *smtp,
                                              u_char *p, u_char *end);
static u_char *ngx_junkmail_smtp_trace_protocol(ngx_junkmail_smtp_t *smtp,
                                                u_char *p, u_char *end);
static u_char *ngx_junkmail_smtp_trace_date(u_char *p, u_char *end);

static const char *ngx_junkmail_smtp_days[] = { "Sun", "Mon", "Tue", "Wed",
                                                "Thu", "Fri", "Sat" };
static const char *ngx_junkmail_smtp_months[] = { "Jan", "Feb", "Mar", "Apr",
                                                  "May", "Jun", "Jul", "Aug",
                                                  "Sep", "Oct", "Nov", "Dec" };


ngx_int_t
ngx_junkmail_smtp_trace(ngx_junkmail_smtp_t *smtp, ngx_str_t *out)
{
    u_char                     *p, *end;
    ngx_str_t                  *recipient;
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;

    out->data = ngx_pnalloc(transaction->pool, NGX_JUNKMAIL_TRACE_SIZE);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    p = out->data;
    end = p + NGX_JUNKMAIL_TRACE_SIZE;

    p = ngx_slprintf(p, end, "Return-Path: <%V>" CRLF "Received: from %*s",
                     &transaction->from, smtp->session.helo.len,
                     smtp->session.helo.data);
    p = ngx_junkmail_smtp_trace_client(smtp, p, end);
    p = ngx_slprintf(p, end, CRLF "\tby %V", &smtp->conf->hostname);
    p = ngx_junkmail_smtp_trace_protocol(smtp, p, end);
    p = ngx_slprintf(p, end, CRLF "\tid %s", transaction->id);

    if (transaction->recipients.nelts == 1) {
        /* With more than one it would tell each of the others. */
        recipient = transaction->recipients.elts;
        p = ngx_slprintf(p, end, CRLF "\tfor <%V>", recipient);
    }

    p = ngx_slprintf(p, end, ";" CRLF "\t");
    p = ngx_junkmail_smtp_trace_date(p, end);
    p = ngx_slprintf(p, end, CRLF);

    out->len = (size_t) (p - out->data);

    return NGX_OK;
}


/*
 * The address as a literal of RFC 5321, 4.1.3, in a comment; its name before
 * it if that was asked for.
 */

static u_char *
ngx_junkmail_smtp_trace_client(ngx_junkmail_smtp_t *smtp, u_char *p,
                               u_char *end)
{
    ngx_connection_t *c;

    c = smtp->connection;

    p = ngx_slprintf(p, end, " (");

    if (smtp->session.name.len != 0) {
        p = ngx_slprintf(p, end, "%*s ", smtp->session.name.len,
                         smtp->session.name.data);

    } else if (smtp->reverse.name.len != 0) {
        p = ngx_slprintf(p, end, "%V ", &smtp->reverse.name);

    } else if (smtp->conf->reverse_dns && c->sockaddr->sa_family != AF_UNIX) {
        p = ngx_slprintf(p, end, "unknown ");
    }

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        return ngx_slprintf(p, end, "[IPv6:%V])", &c->addr_text);
#endif

    case AF_INET:
        return ngx_slprintf(p, end, "[%V])", &c->addr_text);

    default:
        return ngx_slprintf(p, end, "local socket)");
    }
}


/* The protocol by its name in RFC 3848 and RFC 6531, 4.3. */

static u_char *
ngx_junkmail_smtp_trace_protocol(ngx_junkmail_smtp_t *smtp, u_char *p,
                                 u_char *end)
{
    SSL *ssl;

    p = ngx_slprintf(p, end, " with %s",
                     smtp->session.utf8    ? "UTF8SMTP"
                     : smtp->session.esmtp ? "ESMTP"
                                           : "SMTP");

    if (smtp->connection->ssl == NULL) {
        return p;
    }

    ssl = smtp->connection->ssl->connection;

    /* There is no "SMTPS" for HELO in TLS. */
    return ngx_slprintf(p, end, "%s (%s %s)", smtp->session.esmtp ? "S" : "",
                        SSL_get_version(ssl), SSL_get_cipher_name(ssl));
}


/* RFC 5322, 3.3, in UTC. */

static u_char *
ngx_junkmail_smtp_trace_date(u_char *p, u_char *end)
{
    ngx_tm_t tm;

    ngx_gmtime(ngx_time(), &tm);

    return ngx_slprintf(p, end, "%s, %d %s %4d %02d:%02d:%02d +0000",
                        ngx_junkmail_smtp_days[tm.ngx_tm_wday], tm.ngx_tm_mday,
                        ngx_junkmail_smtp_months[tm.ngx_tm_mon - 1],
                        tm.ngx_tm_year, tm.ngx_tm_hour, tm.ngx_tm_min,
                        tm.ngx_tm_sec);
}
