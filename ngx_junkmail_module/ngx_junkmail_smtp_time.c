/*
 * The SMTP session's time: how long it waits in each state, and when that is
 * over.  One timer, on the read event, serves all of it; what follows when it
 * fires is ngx_junkmail_smtp.c's, which calls this.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

#define NGX_JUNKMAIL_SMTP_HANDOFF_TIMEOUT 60000 /* a net: see lmtp.c */
#define NGX_JUNKMAIL_SMTP_CLOSE_TIMEOUT   10000
#define NGX_JUNKMAIL_SMTP_LINGER_TIMEOUT  2000

static ngx_msec_t ngx_junkmail_smtp_patience(ngx_junkmail_smtp_t *smtp);
static ngx_uint_t ngx_junkmail_smtp_in_message(ngx_junkmail_smtp_t *smtp);


void
ngx_junkmail_smtp_wait(ngx_junkmail_smtp_t *smtp)
{
    smtp->since = ngx_current_msec;
    smtp->patience = ngx_junkmail_smtp_patience(smtp);

    ngx_junkmail_smtp_timer(smtp);
}


/* How long the state may take. */

static ngx_msec_t
ngx_junkmail_smtp_patience(ngx_junkmail_smtp_t *smtp)
{
    switch (smtp->state) {

    case NGX_JUNKMAIL_SMTP_GREET:
        return smtp->conf->greeting_delay;

    case NGX_JUNKMAIL_SMTP_TARPIT:
        return smtp->conf->tarpit.time;

    case NGX_JUNKMAIL_SMTP_HANDOFF:
        return NGX_JUNKMAIL_SMTP_HANDOFF_TIMEOUT;

    case NGX_JUNKMAIL_SMTP_CLOSING:
        return NGX_JUNKMAIL_SMTP_CLOSE_TIMEOUT;

    case NGX_JUNKMAIL_SMTP_LINGER:
        return NGX_JUNKMAIL_SMTP_LINGER_TIMEOUT;

    default:
        return ngx_junkmail_smtp_in_message(smtp) ? smtp->conf->data_timeout
                                                  : smtp->conf->timeout;
    }
}


static ngx_uint_t
ngx_junkmail_smtp_in_message(ngx_junkmail_smtp_t *smtp)
{
    return smtp->session.state == JM_SESSION_DATA
           || smtp->session.state == JM_SESSION_CHUNK;
}


/*
 * Starts the timer for what is left of the state's time.  It comes earlier
 * while the client is waited for: by then there may be stress, which shortens
 * that time for those, too, who came before.  No session is ever without a
 * timer: a worker that is to quit would leave without it.
 */

void
ngx_junkmail_smtp_timer(ngx_junkmail_smtp_t *smtp)
{
    ngx_msec_int_t left, total;

    left = (ngx_msec_int_t) (smtp->since + smtp->patience - ngx_current_msec);

    if (smtp->state == NGX_JUNKMAIL_SMTP_READ) {
        total = (ngx_msec_int_t) (smtp->deadline - ngx_current_msec);

        left = ngx_min(left, total);

        if (smtp->conf->stress_timeout != 0) {
            left = ngx_min(left, (ngx_msec_int_t) smtp->conf->stress_timeout);
        }
    }

    ngx_add_timer(smtp->connection->read, (ngx_msec_t) ngx_max(left, 1));
}


/* Whether the time of the state is really over. */

ngx_uint_t
ngx_junkmail_smtp_expired(ngx_junkmail_smtp_t *smtp)
{
    ngx_msec_t waited;

    waited = ngx_current_msec - smtp->since;

    if (waited >= smtp->patience) {
        return 1;
    }

    if (smtp->state != NGX_JUNKMAIL_SMTP_READ) {
        return 0;
    }

    return (ngx_msec_int_t) (smtp->deadline - ngx_current_msec) <= 0
           || (smtp->conf->stress_timeout != 0
               && waited >= smtp->conf->stress_timeout
               && ngx_junkmail_limit_stressed(&smtp->limit));
}


/*
 * Whether a message comes so slowly that it is only to keep us busy: each of
 * its octets would be in time.
 */

ngx_uint_t
ngx_junkmail_smtp_slow(ngx_junkmail_smtp_t *smtp)
{
    ngx_msec_t taken;

    if (smtp->conf->data_rate.number == 0
        || !ngx_junkmail_smtp_in_message(smtp)) {
        return 0;
    }

    if (smtp->data_since == 0) {
        smtp->data_since = ngx_current_msec;
        smtp->data_from = smtp->stream->received;
    }

    taken = ngx_current_msec - smtp->data_since;

    return taken > smtp->conf->data_rate.time
           && (uint64_t) (smtp->stream->received - smtp->data_from) * 1000
                  < (uint64_t) smtp->conf->data_rate.number * taken;
}
