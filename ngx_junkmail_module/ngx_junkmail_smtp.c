/*
 * The SMTP session's octets, steps and end: takes over a connection from
 * nginx's stream core, and gives it back by ngx_junkmail_smtp_finalize(), the
 * one end of all.  The dialogue is jm_session.c's: octets go into it, events
 * come out, and each is somebody's to do.
 *
 * All work is done by ngx_junkmail_smtp_run(): a loop over the step of the
 * present state, until a step must wait (for the client, a look-up, the
 * backend) or has done enough for one turn of the event loop.  Everything that
 * ends a wait makes the loop run again: the read and write events, and
 * ngx_junkmail_smtp_wake() for all others.  Replies gather in the session's
 * `out` meanwhile and leave in one write (RFC 2920, 3.2).
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

#define NGX_JUNKMAIL_SMTP_IN     16384
#define NGX_JUNKMAIL_SMTP_OUT    8192
#define NGX_JUNKMAIL_SMTP_BUDGET 64 /* steps in one turn of the event loop */

#define NGX_JUNKMAIL_SMTP_LINGER_SIZE (1024 * 1024)

/* The field limit_conn_status of a session under limit_conn_dry_run. */
#define NGX_JUNKMAIL_SMTP_REJECTED_DRY_RUN 3

typedef ngx_int_t (*ngx_junkmail_smtp_step_pt)(ngx_junkmail_smtp_t *smtp);

static ngx_junkmail_smtp_t *ngx_junkmail_smtp_create(ngx_stream_session_t *s);
static ngx_int_t ngx_junkmail_smtp_buffers(ngx_junkmail_smtp_t *smtp);
static void      ngx_junkmail_smtp_cleanup(void *data);
static void      ngx_junkmail_smtp_enter(ngx_junkmail_smtp_t *smtp);
static void      ngx_junkmail_smtp_greet(ngx_junkmail_smtp_t *smtp);

static void ngx_junkmail_smtp_shutdown(ngx_junkmail_smtp_t *smtp);
static void ngx_junkmail_smtp_timeout(ngx_junkmail_smtp_t *smtp);
static void ngx_junkmail_smtp_gone(ngx_junkmail_smtp_t *smtp);

static ngx_int_t ngx_junkmail_smtp_step_greet(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_step_read(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_step_tarpit(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_step_lookup(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_step_handoff(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_step_closing(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_step_linger(ngx_junkmail_smtp_t *smtp);

static ngx_uint_t ngx_junkmail_smtp_over(ngx_junkmail_smtp_t *smtp);
static void       ngx_junkmail_smtp_event(ngx_junkmail_smtp_t *smtp,
                                          jm_session_event_t   event);
static ngx_int_t  ngx_junkmail_smtp_fill(ngx_junkmail_smtp_t *smtp);
static ngx_uint_t ngx_junkmail_smtp_idle(ngx_junkmail_smtp_t *smtp);
static ngx_uint_t ngx_junkmail_smtp_sticky(ngx_junkmail_smtp_t *smtp);
static void       ngx_junkmail_smtp_count(ngx_junkmail_smtp_t *smtp);
static void       ngx_junkmail_smtp_count_end(ngx_junkmail_smtp_t *smtp);

/*
 * What the loop does in each state, and what an error is logged to have
 * happened in.  A step returns NGX_OK to be followed by the next, NGX_AGAIN
 * when it waits for something, NGX_DONE or NGX_ERROR to end the session.
 */
static const struct {
    ngx_junkmail_smtp_step_pt step;
    ngx_uint_t                held; /* replies are not sent meanwhile */
    char                     *action;
} ngx_junkmail_smtp_states[] = {
    { ngx_junkmail_smtp_step_greet, 0, "waiting before the greeting" },
    { ngx_junkmail_smtp_step_read, 0, "reading from the client" },
    { ngx_junkmail_smtp_step_tarpit, 1, "holding a reply back" },
    { ngx_junkmail_smtp_step_lookup, 1, "looking up a recipient" },
    { ngx_junkmail_smtp_step_handoff, 0, "handing the message off" },
    { ngx_junkmail_smtp_step_starttls, 0, "replying to STARTTLS" },
    { ngx_junkmail_smtp_step_handshake, 1, "SSL handshaking" },
    { ngx_junkmail_smtp_step_closing, 0, "sending the last reply" },
    { ngx_junkmail_smtp_step_linger, 0, "closing the connection" },
};

/* What a connection that may not enter hears. */
static const jm_session_reply_t ngx_junkmail_smtp_refusals[] = {
    [NGX_JUNKMAIL_COUNT_REFUSED_RATE] = JM_SAY_RAPID_CONNECTIONS,
    [NGX_JUNKMAIL_COUNT_REFUSED_ADDRESS] = JM_SAY_MANY_CONNECTIONS,
    [NGX_JUNKMAIL_COUNT_REFUSED_TOTAL] = JM_SAY_FULL,
};

/* What a session that ended with a reply is counted as. */
static const struct {
    jm_session_reply_t     reply;
    ngx_junkmail_counter_t counter;
} ngx_junkmail_smtp_ends[] = {
    { JM_SAY_MANY_ERRORS, NGX_JUNKMAIL_COUNT_ENDED_ERRORS },
    { JM_SAY_MANY_UNKNOWN, NGX_JUNKMAIL_COUNT_ENDED_UNKNOWN },
    { JM_SAY_MUCH_JUNK, NGX_JUNKMAIL_COUNT_ENDED_JUNK },
    { JM_SAY_TIMED_OUT, NGX_JUNKMAIL_COUNT_ENDED_TIMEOUT },
    { JM_SAY_SESSION_OVER, NGX_JUNKMAIL_COUNT_ENDED_TIMEOUT },
    { JM_SAY_TOO_SLOW, NGX_JUNKMAIL_COUNT_ENDED_SLOW },
    { JM_SAY_STOPPING, NGX_JUNKMAIL_COUNT_ENDED_SHUTDOWN },
    { JM_SAY_EARLY, NGX_JUNKMAIL_COUNT_ENDED_STRANGER },
    { JM_SAY_NOT_TLS, NGX_JUNKMAIL_COUNT_ENDED_STRANGER },
    { JM_SAY_NOT_HTTP, NGX_JUNKMAIL_COUNT_ENDED_STRANGER },
    { JM_SAY_NOT_PROXY, NGX_JUNKMAIL_COUNT_ENDED_STRANGER },
};


/* The connection's beginning. */


void
ngx_junkmail_smtp_handler(ngx_stream_session_t *s)
{
    ngx_connection_t           *c;
    ngx_junkmail_smtp_t        *smtp;
    ngx_stream_core_srv_conf_t *cscf;

    c = s->connection;
    cscf = ngx_stream_get_module_srv_conf(s, ngx_stream_core_module);

    if (cscf->tcp_nodelay && ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    smtp = ngx_junkmail_smtp_create(s);
    if (smtp == NULL) {
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    c->read->handler = ngx_junkmail_smtp_read;
    c->write->handler = ngx_junkmail_smtp_write;

    smtp->reverse.pool = c->pool;
    smtp->reverse.resolver = cscf->resolver;
    smtp->reverse.timeout = cscf->resolver_timeout;

    if (smtp->conf->reverse_dns) {
        ngx_junkmail_reverse_start(&smtp->reverse, c->sockaddr, c->socklen);
    }

    ngx_junkmail_smtp_enter(smtp);
    ngx_junkmail_smtp_run(smtp);
}


static ngx_junkmail_smtp_t *
ngx_junkmail_smtp_create(ngx_stream_session_t *s)
{
    ngx_connection_t    *c;
    ngx_pool_cleanup_t  *cln;
    ngx_junkmail_smtp_t *smtp;

    /*
     * set by ngx_pcalloc():
     *
     *     smtp->state = NGX_JUNKMAIL_SMTP_GREET;
     *     smtp->transaction = NULL;
     *     smtp->data_since = 0;
     *     smtp->size = 0;
     *     smtp->lingered = 0;
     */

    c = s->connection;

    smtp = ngx_pcalloc(c->pool, sizeof(ngx_junkmail_smtp_t));
    cln = ngx_pool_cleanup_add(c->pool, 0);

    if (smtp == NULL || cln == NULL) {
        return NULL;
    }

    smtp->stream = s;
    smtp->connection = c;
    smtp->conf = ngx_stream_get_module_srv_conf(s, ngx_stream_junkmail_module);
    smtp->deadline = ngx_current_msec + smtp->conf->session_timeout;
    smtp->handoff = NGX_CONF_UNSET_MSEC;

    ngx_junkmail_limit_init(&smtp->limit, &smtp->conf->limit);

    cln->handler = ngx_junkmail_smtp_cleanup;
    cln->data = smtp;

    if (ngx_junkmail_smtp_buffers(smtp) != NGX_OK) {
        return NULL;
    }

    ngx_stream_set_ctx(s, smtp, ngx_stream_junkmail_module);

    return smtp;
}


static ngx_int_t
ngx_junkmail_smtp_buffers(ngx_junkmail_smtp_t *smtp)
{
    size_t            size, preread;
    u_char           *out;
    ngx_connection_t *c;

    c = smtp->connection;

    /* What a preread phase has already taken from the socket. */
    preread = c->buffer ? (size_t) (c->buffer->last - c->buffer->pos) : 0;
    size = ngx_max(preread, NGX_JUNKMAIL_SMTP_IN);

    smtp->in.start = ngx_pnalloc(c->pool, size);
    out = ngx_pnalloc(c->pool, NGX_JUNKMAIL_SMTP_OUT);

    if (smtp->in.start == NULL || out == NULL) {
        return NGX_ERROR;
    }

    smtp->in.pos = smtp->in.start;
    smtp->in.last = smtp->in.start;
    smtp->in.end = smtp->in.start + size;

    jm_session_init(&smtp->session, &smtp->conf->session, out,
                    NGX_JUNKMAIL_SMTP_OUT);
    smtp->session.tls = (c->ssl != NULL);
    smtp->session.trusted = ngx_junkmail_smtp_trusted(smtp);

    if (preread != 0) {
        smtp->in.last = ngx_cpymem(smtp->in.last, c->buffer->pos, preread);
        c->buffer->pos = c->buffer->last;
    }

    return NGX_OK;
}


static void
ngx_junkmail_smtp_cleanup(void *data)
{
    ngx_junkmail_smtp_t *smtp = data;

    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_limit_leave(&smtp->limit);
}


static void
ngx_junkmail_smtp_enter(ngx_junkmail_smtp_t *smtp)
{
    ngx_event_t *rev;

    ngx_junkmail_count(NGX_JUNKMAIL_COUNT_CONNECTIONS);

    if (smtp->stream->limit_conn_status == NGX_JUNKMAIL_SMTP_REJECTED_DRY_RUN)
    {
        ngx_junkmail_count(NGX_JUNKMAIL_COUNT_REFUSED_LIMIT_CONN);
        ngx_junkmail_smtp_quit(smtp, JM_SAY_MANY_CONNECTIONS);
        return;
    }

    if (ngx_junkmail_smtp_admit(smtp) != NGX_OK) {
        return;
    }

    /* Have the socket looked at once, whether there was an event or not. */
    rev = smtp->connection->read;
    rev->ready = 1;
#if (NGX_HAVE_EPOLLRDHUP)
    rev->available = 1;
#endif

    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_GREET);
}


/* A proxy's connections are as many as its clients have. */

ngx_int_t
ngx_junkmail_smtp_admit(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t        rc;
    struct sockaddr *sa;

    sa = smtp->connection->sockaddr;

    rc = ngx_junkmail_limit_enter(&smtp->limit,
                                  ngx_junkmail_smtp_trusted(smtp) ? NULL : sa);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    ngx_junkmail_smtp_quit(smtp, ngx_junkmail_smtp_refusals[rc]);

    return NGX_BUSY;
}


/* What wakes the session. */


void
ngx_junkmail_smtp_read(ngx_event_t *rev)
{
    ngx_connection_t     *c;
    ngx_junkmail_smtp_t  *smtp;
    ngx_stream_session_t *s;

    c = rev->data;
    s = c->data;
    smtp = ngx_stream_get_module_ctx(s, ngx_stream_junkmail_module);

    if (c->close) {
        ngx_junkmail_smtp_shutdown(smtp);
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_junkmail_smtp_timeout(smtp);
        return;
    }

    ngx_junkmail_smtp_run(smtp);
}


void
ngx_junkmail_smtp_write(ngx_event_t *wev)
{
    ngx_connection_t     *c;
    ngx_junkmail_smtp_t  *smtp;
    ngx_stream_session_t *s;

    c = wev->data;
    s = c->data;
    smtp = ngx_stream_get_module_ctx(s, ngx_stream_junkmail_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client does not read");
        wev->timedout = 0;
        ngx_junkmail_smtp_gone(smtp);
        return;
    }

    ngx_junkmail_smtp_run(smtp);
}


void
ngx_junkmail_smtp_wake(void *data)
{
    ngx_junkmail_smtp_t *smtp;

    smtp = data;
    ngx_post_event(smtp->connection->read, &ngx_posted_events);
}


/*
 * nginx calls the read handler with c->close set when the worker is to quit,
 * on connections marked idle, and with c->error set too, on all, when
 * worker_shutdown_timeout has passed: that ends every session but those whose
 * message is being handed off.
 */

static void
ngx_junkmail_smtp_shutdown(ngx_junkmail_smtp_t *smtp)
{
    ngx_connection_t *c;

    c = smtp->connection;

    if (!c->error) {
        c->close = 0;

        if (smtp->state == NGX_JUNKMAIL_SMTP_TARPIT) {
            ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_READ);
        }

        ngx_junkmail_smtp_run(smtp);
        return;
    }

    if (smtp->state == NGX_JUNKMAIL_SMTP_HANDOFF) {
        /* Its answer comes, and 421 behind it. */
        c->close = 0;
        c->error = 0;
        return;
    }

    if (smtp->state < NGX_JUNKMAIL_SMTP_HANDOFF) {
        jm_session_close(&smtp->session, JM_SAY_STOPPING);
        (void) ngx_junkmail_smtp_flush(smtp);
    }

    ngx_junkmail_smtp_finalize(smtp);
}


static void
ngx_junkmail_smtp_timeout(ngx_junkmail_smtp_t *smtp)
{
    if (!ngx_junkmail_smtp_expired(smtp)) {

        if (smtp->state == NGX_JUNKMAIL_SMTP_READ
            && ngx_junkmail_smtp_slow(smtp)) {
            ngx_junkmail_smtp_quit(smtp, JM_SAY_TOO_SLOW);
            ngx_junkmail_smtp_run(smtp);
            return;
        }

        ngx_junkmail_smtp_timer(smtp);
        return;
    }

    if (smtp->state == NGX_JUNKMAIL_SMTP_GREET) {
        ngx_junkmail_smtp_greet(smtp);
        ngx_junkmail_smtp_run(smtp);
        return;
    }

    if (smtp->state == NGX_JUNKMAIL_SMTP_TARPIT) {
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_READ);
        ngx_junkmail_smtp_run(smtp);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, smtp->connection->log, NGX_ETIMEDOUT,
                  "client timed out");

    if (smtp->state <= NGX_JUNKMAIL_SMTP_LOOKUP) {
        /* RFC 5321, 3.8: 421 before a connection is closed unasked. */
        ngx_junkmail_smtp_quit(smtp, JM_SAY_TIMED_OUT);
        ngx_junkmail_smtp_run(smtp);
        return;
    }

    smtp->connection->timedout = 1;
    ngx_junkmail_smtp_finalize(smtp);
}


/*
 * The client is gone or does not read.  A message that it has sent whole is
 * not its any more: the hand-off goes on, only the replies are dropped.
 */

static void
ngx_junkmail_smtp_gone(ngx_junkmail_smtp_t *smtp)
{
    if (smtp->state == NGX_JUNKMAIL_SMTP_HANDOFF) {
        smtp->session.out.pos = smtp->session.out.start;
        smtp->session.out.last = smtp->session.out.start;
        return;
    }

    smtp->connection->timedout = 1;
    ngx_junkmail_smtp_finalize(smtp);
}


void
ngx_junkmail_smtp_run(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t         rc;
    ngx_uint_t        budget;
    jm_session_out_t *out;

    rc = NGX_OK;
    out = &smtp->session.out;

    for (budget = NGX_JUNKMAIL_SMTP_BUDGET; budget != 0; budget--) {

        if (out->end - out->last < JM_SESSION_ROOM) {
            /* A client that sends without reading waits here. */
            rc = ngx_junkmail_smtp_flush(smtp);
            if (rc != NGX_OK) {
                break;
            }
        }

        rc = ngx_junkmail_smtp_states[smtp->state].step(smtp);
        if (rc != NGX_OK) {
            break;
        }
    }

    if (rc == NGX_OK) {
        ngx_post_event(smtp->connection->read, &ngx_posted_next_events);
    }

    /* During a look-up replies wait for the rest of the client's pipeline. */
    if (rc == NGX_DONE
        || ((rc == NGX_OK || rc == NGX_AGAIN)
            && !ngx_junkmail_smtp_states[smtp->state].held))
    {
        if (ngx_junkmail_smtp_flush(smtp) == NGX_ERROR) {
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_DONE) {
        ngx_junkmail_smtp_finalize(smtp);
        return;
    }

    if (rc == NGX_ERROR
        || ngx_handle_read_event(smtp->connection->read, 0) != NGX_OK)
    {
        ngx_junkmail_smtp_gone(smtp);
    }
}


/* The steps. */


/*
 * RFC 5321, 3.1: the client waits for the greeting.  Who cannot wait is no
 * mail server, and what it has sent is not gone through for commands.
 */

static ngx_int_t
ngx_junkmail_smtp_step_greet(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t rc;
    jm_str_t  text;

    if (ngx_exiting) {
        ngx_junkmail_smtp_quit(smtp, JM_SAY_STOPPING);
        return NGX_OK;
    }

    rc = ngx_junkmail_smtp_fill(smtp);

    if (rc == NGX_OK) {
        text.data = smtp->in.pos;
        text.len = (size_t) (smtp->in.last - smtp->in.pos);

        jm_session_early(&smtp->session, text);
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_CLOSING);
        return NGX_OK;
    }

    if (rc == NGX_AGAIN && smtp->conf->greeting_delay == 0) {
        ngx_junkmail_smtp_greet(smtp);
        return NGX_OK;
    }

    return rc;
}


static void
ngx_junkmail_smtp_greet(ngx_junkmail_smtp_t *smtp)
{
    jm_session_greet(&smtp->session);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_READ);
}


static ngx_int_t
ngx_junkmail_smtp_step_tarpit(ngx_junkmail_smtp_t *smtp)
{
    return NGX_AGAIN; /* ngx_junkmail_smtp_timeout() goes on */
}


static ngx_int_t
ngx_junkmail_smtp_step_read(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t          rc;
    const u_char      *pos;
    jm_session_event_t event;

    if (ngx_junkmail_smtp_over(smtp)) {
        return NGX_OK;
    }

    rc = ngx_junkmail_smtp_fill(smtp);
    if (rc != NGX_OK) {
        return rc;
    }

    pos = smtp->in.pos;

    do {
        event = jm_session_read(&smtp->session, &pos, smtp->in.last);

        if (event == JM_SESSION_BODY) {
            ngx_junkmail_smtp_body(smtp);
        }

    } while (event == JM_SESSION_BODY);

    smtp->in.pos = (u_char *) pos;

    if (ngx_junkmail_smtp_slow(smtp)) {
        ngx_junkmail_smtp_quit(smtp, JM_SAY_TOO_SLOW);
        return NGX_OK;
    }

    ngx_junkmail_smtp_event(smtp, event);

    return NGX_OK;
}


/* The session has ended, or may have to between transactions: returns 1. */

static ngx_uint_t
ngx_junkmail_smtp_over(ngx_junkmail_smtp_t *smtp)
{
    if (smtp->session.state == JM_SESSION_OVER) {
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_CLOSING);
        return 1;
    }

    if (!ngx_junkmail_smtp_idle(smtp)) {
        return 0;
    }

    if (ngx_exiting) {
        ngx_junkmail_smtp_quit(smtp, JM_SAY_STOPPING);
        return 1;
    }

    if ((ngx_msec_int_t) (smtp->deadline - ngx_current_msec) <= 0) {
        ngx_junkmail_smtp_quit(smtp, JM_SAY_SESSION_OVER);
        return 1;
    }

    return 0;
}


static void
ngx_junkmail_smtp_event(ngx_junkmail_smtp_t *smtp, jm_session_event_t event)
{
    switch (event) {

    case JM_SESSION_BEGIN:
        ngx_junkmail_smtp_begin(smtp);
        break;

    case JM_SESSION_RECIPIENT:
        ngx_junkmail_smtp_resolve(smtp);
        return;

    case JM_SESSION_MESSAGE:
        ngx_junkmail_smtp_commit(smtp);
        return;

    case JM_SESSION_RESET:
        ngx_junkmail_smtp_rollback(smtp);
        break;

    case JM_SESSION_XCLIENT:
        ngx_junkmail_smtp_xclient(smtp);
        break;

    case JM_SESSION_STARTTLS:
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_STARTTLS);
        return;

    case JM_SESSION_CLOSE:
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_CLOSING);
        return;

    case JM_SESSION_MORE:
        if (smtp->session.state == JM_SESSION_COMMAND) {
            /* A line that trickles in gets no more time for it. */
            return;
        }
        break;

    default: /* JM_SESSION_NEXT */
        break;
    }

    ngx_junkmail_smtp_next(smtp);
}


/* A command is replied to, or a piece taken: the time for the next begins. */

void
ngx_junkmail_smtp_next(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_smtp_state(smtp, ngx_junkmail_smtp_sticky(smtp)
                                      ? NGX_JUNKMAIL_SMTP_TARPIT
                                      : NGX_JUNKMAIL_SMTP_READ);
}


/* Who has made many errors waits for each reply. */

static ngx_uint_t
ngx_junkmail_smtp_sticky(ngx_junkmail_smtp_t *smtp)
{
    jm_session_t *session;

    session = &smtp->session;

    return smtp->conf->tarpit.number != 0
           && session->state == JM_SESSION_COMMAND
           && ngx_max(session->errors, session->unknown)
                  >= smtp->conf->tarpit.number;
}


static ngx_int_t
ngx_junkmail_smtp_step_lookup(ngx_junkmail_smtp_t *smtp)
{
    if (smtp->transaction->lookup->status == NGX_JUNKMAIL_LOOKUP_PENDING) {
        return NGX_AGAIN;
    }

    ngx_junkmail_smtp_recipient(smtp);
    ngx_junkmail_smtp_next(smtp);

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_smtp_step_handoff(ngx_junkmail_smtp_t *smtp)
{
    if (!smtp->transaction->handed_off) {
        return NGX_AGAIN;
    }

    ngx_junkmail_smtp_answer(smtp);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_READ);

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_smtp_step_closing(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t         rc;
    ngx_connection_t *c;

    rc = ngx_junkmail_smtp_flush(smtp);
    if (rc != NGX_OK) {
        return rc;
    }

    c = smtp->connection;

    if (c->ssl) {
        /* Our half of the TLS end; the other half is not waited for. */
        (void) SSL_shutdown(c->ssl->connection);
        ERR_clear_error();
    }

    /*
     * A close with unread input sends a reset, which may take the last reply
     * away from the client.  So we close our half and read on for a little.
     */
    if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
        return NGX_DONE;
    }

    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_LINGER);

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_smtp_step_linger(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t rc;

    smtp->in.pos = smtp->in.last;

    rc = ngx_junkmail_smtp_fill(smtp);
    if (rc != NGX_OK) {
        return rc;
    }

    smtp->lingered += (size_t) (smtp->in.last - smtp->in.pos);

    return smtp->lingered > NGX_JUNKMAIL_SMTP_LINGER_SIZE ? NGX_DONE : NGX_OK;
}


/* Octets in and out. */


/* NGX_OK when there is input; NGX_DONE when the client has closed. */

static ngx_int_t
ngx_junkmail_smtp_fill(ngx_junkmail_smtp_t *smtp)
{
    ssize_t           n;
    ngx_buf_t        *in;
    ngx_connection_t *c;

    in = &smtp->in;

    if (in->pos < in->last) {
        return NGX_OK;
    }

    c = smtp->connection;

    if (!c->read->ready) {
        return NGX_AGAIN;
    }

    in->pos = in->start;
    in->last = in->start;

    n = c->recv(c, in->start, (size_t) (in->end - in->start));

    if (n == NGX_AGAIN || n == NGX_ERROR) {
        return n;
    }

    if (n == 0) {
        return NGX_DONE;
    }

    in->last += n;
    smtp->stream->received += n;

    return NGX_OK;
}


/* NGX_OK when all is sent; on NGX_AGAIN the write event is armed. */

ngx_int_t
ngx_junkmail_smtp_flush(ngx_junkmail_smtp_t *smtp)
{
    ssize_t           n;
    ngx_connection_t *c;
    jm_session_out_t *out;

    c = smtp->connection;
    out = &smtp->session.out;

    ngx_junkmail_smtp_count(smtp);

    while (out->pos < out->last) {
        n = c->send(c, out->pos, (size_t) (out->last - out->pos));

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN || n == 0) {
            if (!c->write->timer_set) {
                ngx_add_timer(c->write, smtp->conf->timeout);
            }

            return ngx_handle_write_event(c->write, 0) == NGX_OK ? NGX_AGAIN
                                                                 : NGX_ERROR;
        }

        out->pos += n;
    }

    out->pos = out->start;
    out->last = out->start;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    return NGX_OK;
}


/* State and end. */


void
ngx_junkmail_smtp_state(ngx_junkmail_smtp_t      *smtp,
                        ngx_junkmail_smtp_state_t state)
{
    ngx_connection_t *c;

    c = smtp->connection;

    if (state != smtp->state) {
        ngx_log_debug2(NGX_LOG_DEBUG_STREAM, c->log, 0,
                       "junkmail smtp state: %d -> %d", (int) smtp->state,
                       (int) state);
    }

    smtp->state = state;
    c->log->action = ngx_junkmail_smtp_states[state].action;

    /* A worker that is to quit closes idle connections at once. */
    c->idle = (state <= NGX_JUNKMAIL_SMTP_TARPIT
               && ngx_junkmail_smtp_idle(smtp));

    ngx_junkmail_smtp_wait(smtp);
}


/* Between two transactions. */

static ngx_uint_t
ngx_junkmail_smtp_idle(ngx_junkmail_smtp_t *smtp)
{
    return smtp->session.state == JM_SESSION_COMMAND && !smtp->session.mail;
}


/* Moves what the session counted to the counters of all. */

static void
ngx_junkmail_smtp_count(ngx_junkmail_smtp_t *smtp)
{
    size_t *replies;
    ngx_uint_t class;

    replies = smtp->session.replies;

    for (class = 2; class <= 5; class ++) {
        for (/* void */; replies[class] != 0; replies[class]--) {
            ngx_junkmail_count(NGX_JUNKMAIL_COUNT_REPLIES_2 + class - 2);
        }
    }
}


void
ngx_junkmail_smtp_quit(ngx_junkmail_smtp_t *smtp, jm_session_reply_t reply)
{
    jm_session_close(&smtp->session, reply);
    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_CLOSING);
}


/*
 * The end of every session.  A TLS shutdown may keep the connection for a
 * while longer: what is ours is released before.  The session may be freed on
 * return.
 */

void
ngx_junkmail_smtp_finalize(ngx_junkmail_smtp_t *smtp)
{
    ngx_connection_t *c;

    c = smtp->connection;

    ngx_log_debug1(NGX_LOG_DEBUG_STREAM, c->log, 0,
                   "junkmail smtp finalize in state %d", (int) smtp->state);

    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_count_end(smtp);

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->ssl) {
        /* Our last reply is sent; the client's part of a TLS shutdown is not
         * worth waiting for. */
        c->ssl->no_wait_shutdown = 1;
    }

    c->idle = 0;

    ngx_stream_finalize_session(smtp->stream, NGX_STREAM_OK);
}


static void
ngx_junkmail_smtp_count_end(ngx_junkmail_smtp_t *smtp)
{
    size_t i, n;

    ngx_junkmail_smtp_count(smtp);

    n = sizeof(ngx_junkmail_smtp_ends) / sizeof(ngx_junkmail_smtp_ends[0]);

    for (i = 0; i < n; i++) {
        if (ngx_junkmail_smtp_ends[i].reply == smtp->session.ended) {
            ngx_junkmail_count(ngx_junkmail_smtp_ends[i].counter);
            return;
        }
    }
}
