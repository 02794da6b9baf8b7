/*
 * STARTTLS in the middle of a session (RFC 3207): the two states between the
 * command and the first EHLO under TLS.  The TLS context is the server's own,
 * made from nginx's ssl_* directives.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

static void ngx_junkmail_smtp_handshaken(ngx_connection_t *c);
static void ngx_junkmail_smtp_secured(ngx_junkmail_smtp_t *smtp);


/*
 * RFC 3207, 4: TLS begins right behind the 220.  No octet may be waiting in
 * either direction: what the client sent in clear before is not part of what
 * it sends under TLS (the session has refused it).
 */

ngx_int_t
ngx_junkmail_smtp_step_starttls(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t              rc;
    ngx_connection_t      *c;
    ngx_stream_ssl_conf_t *sslcf;

    rc = ngx_junkmail_smtp_flush(smtp);
    if (rc != NGX_OK) {
        return rc;
    }

    c = smtp->connection;
    sslcf = ngx_stream_get_module_srv_conf(smtp->stream,
                                           ngx_stream_ssl_module);

    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_HANDSHAKE);

    if (ngx_ssl_create_connection(&sslcf->ssl, c, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(c->read, sslcf->handshake_timeout);
        c->ssl->handler = ngx_junkmail_smtp_handshaken;
        return NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        ngx_junkmail_smtp_secured(smtp);
    }

    return rc;
}


ngx_int_t
ngx_junkmail_smtp_step_handshake(ngx_junkmail_smtp_t *smtp)
{
    return NGX_AGAIN;
}


static void
ngx_junkmail_smtp_handshaken(ngx_connection_t *c)
{
    ngx_junkmail_smtp_t  *smtp;
    ngx_stream_session_t *s;

    s = c->data;
    smtp = ngx_stream_get_module_ctx(s, ngx_stream_junkmail_module);

    if (!c->ssl->handshaked) {
        ngx_junkmail_smtp_finalize(smtp);
        return;
    }

    ngx_junkmail_smtp_secured(smtp);
    ngx_junkmail_smtp_run(smtp);
}


/*
 * RFC 3207, 4.2: "the server MUST discard any knowledge obtained from the
 * client" before TLS.
 */

static void
ngx_junkmail_smtp_secured(ngx_junkmail_smtp_t *smtp)
{
    ngx_connection_t *c;

    c = smtp->connection;

    /* The handshake has put its own handlers there. */
    c->read->handler = ngx_junkmail_smtp_read;
    c->write->handler = ngx_junkmail_smtp_write;

    ngx_junkmail_smtp_rollback(smtp);
    jm_session_secured(&smtp->session);

    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_READ);
}
