/*
 * XCLIENT: a proxy that we trust says whose connection it passes on.  As
 * nginx's realip modules do, the connection itself takes the address, so that
 * limits, logs and Received: need not know.  Called by the session; what was
 * said has been parsed by jm_xclient.c.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

static void ngx_junkmail_smtp_readdress(ngx_junkmail_smtp_t *smtp);


ngx_uint_t
ngx_junkmail_smtp_trusted(ngx_junkmail_smtp_t *smtp)
{
    return smtp->conf->xclient != NULL
           && ngx_cidr_match(smtp->connection->sockaddr, smtp->conf->xclient)
                  == NGX_OK;
}


void
ngx_junkmail_smtp_xclient(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_smtp_readdress(smtp);

    if (ngx_junkmail_smtp_admit(smtp) != NGX_OK) {
        return;
    }

    jm_session_answer(&smtp->session, JM_SAY_GREETING,
                      smtp->conf->session.hostname);
}


/* Changes what was said; an address that was not stays as it is. */

static void
ngx_junkmail_smtp_readdress(ngx_junkmail_smtp_t *smtp)
{
    socklen_t           len;
    ngx_connection_t   *c;
    const jm_xclient_t *xclient;

    c = smtp->connection;
    xclient = &smtp->session.xclient;

    switch (xclient->family) {

    case AF_INET:
        len = sizeof(struct sockaddr_in);
        ngx_memzero(&smtp->sockaddr, len);
        smtp->sockaddr.sockaddr_in.sin_family = AF_INET;
        ngx_memcpy(&smtp->sockaddr.sockaddr_in.sin_addr, xclient->addr,
                   sizeof(struct in_addr));
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        len = sizeof(struct sockaddr_in6);
        ngx_memzero(&smtp->sockaddr, len);
        smtp->sockaddr.sockaddr_in6.sin6_family = AF_INET6;
        ngx_memcpy(&smtp->sockaddr.sockaddr_in6.sin6_addr, xclient->addr,
                   sizeof(struct in6_addr));
        break;
#endif

    default:
        if (c->sockaddr != &smtp->sockaddr.sockaddr) {
            return;
        }

        len = c->socklen;
        break;
    }

    if (xclient->port != 0) {
        ngx_inet_set_port(&smtp->sockaddr.sockaddr, (in_port_t) xclient->port);
    }

    c->sockaddr = &smtp->sockaddr.sockaddr;
    c->socklen = len;
    c->addr_text.data = smtp->addr_text;
    c->addr_text.len = ngx_sock_ntop(c->sockaddr, len, smtp->addr_text,
                                     sizeof(smtp->addr_text), 0);

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "XCLIENT: the client is %V",
                  &c->addr_text);

    if (smtp->conf->reverse_dns) {
        ngx_junkmail_reverse_start(&smtp->reverse, c->sockaddr, len);
    }
}
