/*
 * The hand-off behind ngx_junkmail_lmtp.h: its tries, and their connections.
 *
 * A try ends by an answer (any reply of 4xx or 5xx is one, but 421) or fails:
 * refused connection, its end, silence, nonsense, or a message stored for
 * some and put off for others.  A failed try is repeated with the same
 * delivery id, which makes a repeat of a stored message change nothing; see
 * the header for servers that do not know one.  One timer, on the read event,
 * covers a whole try.
 */

#include "ngx_junkmail_lmtp_try.h"

#include "ngx_junkmail_stats.h"

#define NGX_JUNKMAIL_LMTP_TIMEOUT 8000  /* ms for one try */
#define NGX_JUNKMAIL_LMTP_TOTAL   25000 /* ms for all */

static void ngx_junkmail_lmtp_try(ngx_junkmail_lmtp_t *lmtp);
static void ngx_junkmail_lmtp_read(ngx_event_t *rev);
static void ngx_junkmail_lmtp_write(ngx_event_t *wev);
static void ngx_junkmail_lmtp_resume(ngx_event_t *ev);
static void ngx_junkmail_lmtp_failed(ngx_junkmail_lmtp_t *lmtp,
                                     const char          *why);
static void ngx_junkmail_lmtp_again(ngx_junkmail_lmtp_t *lmtp,
                                    const char          *why);
static void ngx_junkmail_lmtp_done(ngx_junkmail_lmtp_t *lmtp);
static void ngx_junkmail_lmtp_close(void *data);

/* Milliseconds before the second and the third try.  A listener that is being
 * restarted is back within seconds, a worker that died at once. */
static const ngx_msec_t ngx_junkmail_lmtp_refused[] = { 1000, 3000 };
static const ngx_msec_t ngx_junkmail_lmtp_broken[] = { 100, 500 };

static const ngx_str_t ngx_junkmail_lmtp_451 = ngx_string(
    "451 4.3.0 Mail store not available, try again later");


ngx_int_t
ngx_junkmail_lmtp_send(ngx_junkmail_lmtp_request_t *request)
{
    ngx_uint_t           n;
    ngx_junkmail_lmtp_t *lmtp;
    ngx_pool_cleanup_t  *cln;

    n = request->recipients->nelts;

    lmtp = ngx_pcalloc(request->pool, sizeof(ngx_junkmail_lmtp_t));
    if (lmtp == NULL) {
        return NGX_ERROR;
    }

    lmtp->in = ngx_pnalloc(request->pool, NGX_JUNKMAIL_LMTP_IN);
    lmtp->out = ngx_pnalloc(request->pool, NGX_JUNKMAIL_LMTP_OUT);
    lmtp->taken = ngx_pnalloc(request->pool, n);
    lmtp->stored = ngx_pcalloc(request->pool, n);
    lmtp->tried = ngx_pcalloc(request->pool,
                              request->backends->nelts * sizeof(ngx_uint_t));
    cln = ngx_pool_cleanup_add(request->pool, 0);

    if (lmtp->in == NULL || lmtp->out == NULL || lmtp->taken == NULL
        || lmtp->stored == NULL || lmtp->tried == NULL || cln == NULL)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_junkmail_lmtp_close;
    cln->data = lmtp;

    lmtp->request = request;
    lmtp->deadline = ngx_current_msec + NGX_JUNKMAIL_LMTP_TOTAL;

    lmtp->pause.handler = ngx_junkmail_lmtp_resume;
    lmtp->pause.data = lmtp;
    lmtp->pause.log = request->log;

    ngx_junkmail_lmtp_try(lmtp);

    return NGX_OK;
}


static void
ngx_junkmail_lmtp_try(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_int_t                    rc;
    ngx_addr_t                  *addr;
    ngx_msec_t                   left;
    ngx_connection_t            *c;
    ngx_junkmail_backend_t      *backend;
    ngx_junkmail_lmtp_request_t *request;

    request = lmtp->request;

    lmtp->backend = ngx_junkmail_backend_next(request->backends, lmtp->tried);
    backend = request->backends->elts;
    addr = &backend[lmtp->backend].addr;

    lmtp->tries++;
    lmtp->tried[lmtp->backend]++;

    lmtp->state = NGX_JUNKMAIL_LMTP_GREETING;
    lmtp->announced = 0;
    lmtp->replied = 0;
    lmtp->accepted = 0;
    lmtp->answered = 0;
    lmtp->delivered = 0;
    lmtp->code = 0;
    lmtp->step = 0;
    lmtp->allowed = 0;
    lmtp->offset = 0;
    lmtp->line = 1;
    lmtp->pos = lmtp->out;
    lmtp->last = lmtp->out;
    lmtp->written = 0;
    ngx_memzero(&lmtp->reply, sizeof(jm_reply_t));

    ngx_memzero(&lmtp->peer, sizeof(ngx_peer_connection_t));
    lmtp->peer.sockaddr = addr->sockaddr;
    lmtp->peer.socklen = addr->socklen;
    lmtp->peer.name = &addr->name;
    lmtp->peer.get = ngx_event_get_peer;
    lmtp->peer.log = request->log;
    lmtp->peer.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&lmtp->peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_junkmail_lmtp_failed(lmtp, "no connection");
        return;
    }

    c = lmtp->peer.connection;
    c->data = lmtp;
    c->pool = request->pool;
    c->read->handler = ngx_junkmail_lmtp_read;
    c->write->handler = ngx_junkmail_lmtp_write;

    left = lmtp->deadline - ngx_current_msec;
    ngx_add_timer(c->read, ngx_min(left, NGX_JUNKMAIL_LMTP_TIMEOUT));

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_junkmail_lmtp_failed(lmtp, "no event");
    }
}


static void
ngx_junkmail_lmtp_read(ngx_event_t *rev)
{
    ssize_t              n;
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_junkmail_lmtp_t *lmtp;

    c = rev->data;
    lmtp = c->data;

    if (c->close) {
        /* worker_shutdown_timeout: what is cut off now may be stored all the
         * same, and the sender's repeat of it, too.  We have 25 s at most. */
        c->close = 0;
        c->error = 0;
        return;
    }

    if (rev->timedout) {
        ngx_junkmail_lmtp_failed(lmtp, "no answer in time");
        return;
    }

    for (;;) {
        n = c->recv(c, lmtp->in, NGX_JUNKMAIL_LMTP_IN);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_junkmail_lmtp_failed(lmtp, "connection ended");
            return;
        }

        rc = ngx_junkmail_lmtp_replies(lmtp, (size_t) n);

        if (rc == NGX_DONE) {
            ngx_junkmail_lmtp_done(lmtp);
            return;
        }

        if (rc == NGX_DECLINED) {
            ngx_junkmail_lmtp_again(lmtp, "could be better");
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_junkmail_lmtp_failed(lmtp, lmtp->reply.code == 421
                                               ? "it closes"
                                               : "unexpected reply");
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_junkmail_lmtp_failed(lmtp, "no event");
        return;
    }

    if (ngx_junkmail_lmtp_flush(lmtp) == NGX_ERROR) {
        ngx_junkmail_lmtp_failed(lmtp, "connection ended");
    }
}


static void
ngx_junkmail_lmtp_write(ngx_event_t *wev)
{
    ngx_connection_t    *c;
    ngx_junkmail_lmtp_t *lmtp;

    c = wev->data;
    lmtp = c->data;

    /*
     * A server may refuse, say why, and close while we still write: what it
     * said is read first, the error comes by the read event.
     */
    if (ngx_junkmail_lmtp_flush(lmtp) == NGX_ERROR) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_junkmail_lmtp_resume(ngx_event_t *ev)
{
    ngx_junkmail_lmtp_try(ev->data);
}


/* Ends a try without answer. */

static void
ngx_junkmail_lmtp_failed(ngx_junkmail_lmtp_t *lmtp, const char *why)
{
    ngx_junkmail_lmtp_away(lmtp);

    if (lmtp->written) {
        lmtp->lost++;
    }

    if (lmtp->written && !(lmtp->announced & NGX_JUNKMAIL_LMTP_XDID)) {
        /* Stored or not: a repeat could store it twice. */
        lmtp->tries = NGX_JUNKMAIL_LMTP_TRIES;
    }

    ngx_junkmail_lmtp_again(lmtp, why);
}


void
ngx_junkmail_lmtp_away(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_junkmail_backend_failed(lmtp->request->backends, lmtp->backend);

    lmtp->code = 451;
    lmtp->request->reply = ngx_junkmail_lmtp_451;
}


/* The next try, if there is one left; else what we have is the answer. */

static void
ngx_junkmail_lmtp_again(ngx_junkmail_lmtp_t *lmtp, const char *why)
{
    ngx_msec_t        pause;
    const ngx_msec_t *pauses;

    ngx_log_error(NGX_LOG_WARN, lmtp->request->log, 0,
                  "hand-off of %V to %V, try %ui of %d failed: %s%s",
                  &lmtp->request->id, lmtp->peer.name, lmtp->tries,
                  NGX_JUNKMAIL_LMTP_TRIES, why,
                  lmtp->written ? ", the message was written" : "");

    ngx_junkmail_lmtp_close(lmtp);

    if (lmtp->tries < NGX_JUNKMAIL_LMTP_TRIES) {
        pauses = lmtp->state == NGX_JUNKMAIL_LMTP_GREETING
                     ? ngx_junkmail_lmtp_refused
                     : ngx_junkmail_lmtp_broken;
        pause = ngx_junkmail_lmtp_fresh(lmtp) ? 1 : pauses[lmtp->tries - 1];

        if ((ngx_msec_int_t) (lmtp->deadline - ngx_current_msec - pause) > 0) {
            ngx_add_timer(&lmtp->pause, pause);
            return;
        }
    }

    ngx_junkmail_lmtp_done(lmtp);
}


static void
ngx_junkmail_lmtp_done(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_connection_t            *c;
    ngx_junkmail_lmtp_request_t *request;

    c = lmtp->peer.connection;
    request = lmtp->request;

    if (c != NULL && lmtp->state > NGX_JUNKMAIL_LMTP_LHLO) {
        ngx_junkmail_backend_served(request->backends, lmtp->backend);
    }

    if (c != NULL && lmtp->pos == lmtp->last) {
        /* A courtesy; whether it arrives changes nothing. */
        (void) c->send(c, (u_char *) "QUIT" CRLF, sizeof("QUIT" CRLF) - 1);
    }

    ngx_junkmail_lmtp_close(lmtp);

    ngx_junkmail_count(NGX_JUNKMAIL_COUNT_HANDOFFS_2 + lmtp->code / 100 - 2);

    request->code = lmtp->code;
    request->handler(request->data);
}


ngx_uint_t
ngx_junkmail_lmtp_fresh(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_uint_t next;

    next = ngx_junkmail_backend_next(lmtp->request->backends, lmtp->tried);

    return lmtp->tried[next] == 0;
}


static void
ngx_junkmail_lmtp_close(void *data)
{
    ngx_junkmail_lmtp_t *lmtp;

    lmtp = data;

    if (lmtp->peer.connection != NULL) {
        ngx_close_connection(lmtp->peer.connection);
        lmtp->peer.connection = NULL;
    }

    if (lmtp->pause.timer_set) {
        ngx_del_timer(&lmtp->pause);
    }
}
