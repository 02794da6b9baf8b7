/*
 * The hand-off behind ngx_junkmail_lmtp.h.
 *
 * What is sent is a row of steps: MAIL, each RCPT, BDAT or DATA, the message.
 * `allowed` says up to which step the server lets us go: junkmaild, which
 * announces PIPELINING, CHUNKING and XDID, gets all of them in one write; a
 * server with PIPELINING MAIL and all RCPT; any other one step after each
 * reply.  Body octets after DATA are never sent before its 354: a server that
 * had refused would read them as commands.
 *
 * A try ends by an answer (any reply of 4xx or 5xx is one, but 421) or fails:
 * refused connection, its end, silence, nonsense, or a message stored for
 * some and put off for others.  A failed try is repeated with the same
 * delivery id, which makes a repeat of a stored message change nothing; see
 * the header for servers that do not know one.  One timer, on the read event,
 * covers a whole try.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "ngx_junkmail_lmtp.h"
#include "ngx_junkmail_stats.h"

#include "jm_data.h"
#include "jm_reply.h"
#include "jm_smtp.h"

#define NGX_JUNKMAIL_LMTP_TRIES   3
#define NGX_JUNKMAIL_LMTP_TIMEOUT 8000  /* ms for one try */
#define NGX_JUNKMAIL_LMTP_TOTAL   25000 /* ms for all */

#define NGX_JUNKMAIL_LMTP_IN     4096
#define NGX_JUNKMAIL_LMTP_OUT    32768
#define NGX_JUNKMAIL_LMTP_PIECE  4096 /* read from the spool at least */
#define NGX_JUNKMAIL_LMTP_WAKEUP (1024 * 1024) /* octets written at once */

/* What the server announced in reply to LHLO. */
#define NGX_JUNKMAIL_LMTP_PIPELINING 0x01
#define NGX_JUNKMAIL_LMTP_CHUNKING   0x02
#define NGX_JUNKMAIL_LMTP_XDID       0x04
#define NGX_JUNKMAIL_LMTP_8BITMIME   0x08
#define NGX_JUNKMAIL_LMTP_SIZE       0x10
#define NGX_JUNKMAIL_LMTP_SMTPUTF8   0x20

/* The first digit of a reply's code. */
#define ngx_junkmail_lmtp_class(lmtp) ((lmtp)->reply.code / 100)

/* With these the whole transaction is one write. */
#define NGX_JUNKMAIL_LMTP_WHOLE                                               \
    (NGX_JUNKMAIL_LMTP_PIPELINING | NGX_JUNKMAIL_LMTP_CHUNKING                \
     | NGX_JUNKMAIL_LMTP_XDID)

typedef enum {
    NGX_JUNKMAIL_LMTP_GREETING = 0, /* waiting for 220 */
    NGX_JUNKMAIL_LMTP_LHLO,         /* for the capabilities */
    NGX_JUNKMAIL_LMTP_MAIL,
    NGX_JUNKMAIL_LMTP_RCPT,   /* for the reply to recipient `replied` */
    NGX_JUNKMAIL_LMTP_DATA,   /* for 354 */
    NGX_JUNKMAIL_LMTP_MESSAGE /* for one reply per accepted recipient */
} ngx_junkmail_lmtp_state_t;

typedef struct {
    ngx_junkmail_lmtp_request_t *request;
    ngx_peer_connection_t        peer;
    ngx_event_t                  pause; /* the timer between two tries */
    ngx_msec_t                   deadline;
    ngx_uint_t                   tries;
    ngx_uint_t  lost;   /* tries that failed after all was written */
    ngx_uint_t *tried;  /* tries of each backend */
    u_char     *stored; /* by recipient: a server without XDID has stored it */

    /* Of the present try: */
    ngx_uint_t                backend; /* its index */
    ngx_junkmail_lmtp_state_t state;
    ngx_uint_t                announced;
    jm_reply_t                reply;
    ngx_uint_t                replied;   /* recipients replied to at RCPT */
    ngx_uint_t                accepted;  /* of them, those with 2xx */
    ngx_uint_t                answered;  /* recipients done with after DATA */
    ngx_uint_t                delivered; /* of them, those with 2xx */
    ngx_uint_t                code;      /* the worst reply so far */

    ngx_uint_t step;    /* the next to be written */
    ngx_uint_t allowed; /* the first that must wait for a reply */
    off_t      offset;  /* of the message, trace included, to be written */
    unsigned   line;    /* for jm_data_stuff() */

    u_char *taken; /* by recipient: RCPT was accepted */
    u_char *in;
    u_char *out; /* written up to `pos`, filled up to `last` */
    u_char *pos;
    u_char *last;

    unsigned written : 1; /* the whole message, to the socket */
} ngx_junkmail_lmtp_t;

static void ngx_junkmail_lmtp_try(ngx_junkmail_lmtp_t *lmtp);
static void ngx_junkmail_lmtp_read(ngx_event_t *rev);
static void ngx_junkmail_lmtp_write(ngx_event_t *wev);
static void ngx_junkmail_lmtp_resume(ngx_event_t *ev);

static ngx_int_t ngx_junkmail_lmtp_replies(ngx_junkmail_lmtp_t *lmtp,
                                           size_t               n);
static void      ngx_junkmail_lmtp_capability(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_greeting(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_lhlo(ngx_junkmail_lmtp_t *lmtp);
static ngx_uint_t
                 ngx_junkmail_lmtp_ascii(ngx_junkmail_lmtp_request_t *request);
static ngx_int_t ngx_junkmail_lmtp_mail(ngx_junkmail_lmtp_t *lmtp);
static ngx_uint_t ngx_junkmail_lmtp_open(ngx_junkmail_lmtp_t *lmtp,
                                         ngx_uint_t           i);
static ngx_int_t  ngx_junkmail_lmtp_rcpt(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_data(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_message(ngx_junkmail_lmtp_t *lmtp);
static void       ngx_junkmail_lmtp_worst(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_unfit(ngx_junkmail_lmtp_t *lmtp);
static ngx_uint_t ngx_junkmail_lmtp_fresh(ngx_junkmail_lmtp_t *lmtp);

static ngx_int_t ngx_junkmail_lmtp_flush(ngx_junkmail_lmtp_t *lmtp);
static void      ngx_junkmail_lmtp_written(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_fill(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_command(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_body(ngx_junkmail_lmtp_t *lmtp);
static ssize_t ngx_junkmail_lmtp_source(ngx_junkmail_lmtp_t *lmtp, u_char *buf,
                                        size_t size);
static u_char *ngx_junkmail_lmtp_sender(ngx_junkmail_lmtp_t *lmtp, u_char *p,
                                        u_char *end);
static off_t   ngx_junkmail_lmtp_size(ngx_junkmail_lmtp_t *lmtp);

static void ngx_junkmail_lmtp_failed(ngx_junkmail_lmtp_t *lmtp,
                                     const char          *why);
static void ngx_junkmail_lmtp_again(ngx_junkmail_lmtp_t *lmtp,
                                    const char          *why);
static void ngx_junkmail_lmtp_done(ngx_junkmail_lmtp_t *lmtp);
static void ngx_junkmail_lmtp_close(void *data);

/*
 * What to do with a whole reply, by state.  NGX_OK: go on; NGX_DONE: the
 * answer is there; NGX_DECLINED: one is there, but another try may get a
 * better one; NGX_ERROR: that reply makes no sense here.
 */
static ngx_int_t (*ngx_junkmail_lmtp_states[])(ngx_junkmail_lmtp_t *lmtp) = {
    ngx_junkmail_lmtp_greeting, ngx_junkmail_lmtp_lhlo,
    ngx_junkmail_lmtp_mail,     ngx_junkmail_lmtp_rcpt,
    ngx_junkmail_lmtp_data,     ngx_junkmail_lmtp_message,
};

static const struct {
    const char *name;
    ngx_uint_t  flag;
} ngx_junkmail_lmtp_capabilities[] = {
    { "PIPELINING", NGX_JUNKMAIL_LMTP_PIPELINING },
    { "CHUNKING", NGX_JUNKMAIL_LMTP_CHUNKING },
    { "XDID", NGX_JUNKMAIL_LMTP_XDID },
    { "8BITMIME", NGX_JUNKMAIL_LMTP_8BITMIME },
    { "SIZE", NGX_JUNKMAIL_LMTP_SIZE },
    { "SMTPUTF8", NGX_JUNKMAIL_LMTP_SMTPUTF8 },
};

/* Milliseconds before the second and the third try.  A listener that is being
 * restarted is back within seconds, a worker that died at once. */
static const ngx_msec_t ngx_junkmail_lmtp_refused[] = { 1000, 3000 };
static const ngx_msec_t ngx_junkmail_lmtp_broken[] = { 100, 500 };

static const ngx_str_t ngx_junkmail_lmtp_away = ngx_string(
    "451 4.3.0 Mail store not available, try again later");

/* RFC 6531, 3.5. */
static const ngx_str_t ngx_junkmail_lmtp_no_utf8 = ngx_string(
    "550 5.6.7 The mail store does not take non-ASCII addresses");


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
        /* worker_shutdown_timeout: no time is left for another try. */
        lmtp->tries = NGX_JUNKMAIL_LMTP_TRIES;
        ngx_junkmail_lmtp_failed(lmtp, "worker shutting down");
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


/* NGX_OK when all input is used up, or what a state's function said. */

static ngx_int_t
ngx_junkmail_lmtp_replies(ngx_junkmail_lmtp_t *lmtp, size_t n)
{
    ngx_int_t         rc;
    const u_char     *pos, *last;
    jm_reply_status_t status;

    pos = lmtp->in;
    last = lmtp->in + n;

    for (;;) {
        status = jm_reply_read(&lmtp->reply, &pos, last);

        if (status == JM_REPLY_AGAIN) {
            return NGX_OK;
        }

        if (status == JM_REPLY_ERROR) {
            return NGX_ERROR;
        }

        if (lmtp->state == NGX_JUNKMAIL_LMTP_LHLO) {
            ngx_junkmail_lmtp_capability(lmtp);
        }

        if (status == JM_REPLY_MORE) {
            continue;
        }

        ngx_log_debug4(NGX_LOG_DEBUG_STREAM, lmtp->request->log, 0,
                       "junkmail lmtp reply in state %d: %ud %*s",
                       (int) lmtp->state, lmtp->reply.code,
                       lmtp->reply.text.len, lmtp->reply.text.data);

        if (ngx_junkmail_lmtp_class(lmtp) == 3
            && lmtp->state != NGX_JUNKMAIL_LMTP_DATA)
        {
            return NGX_ERROR;
        }

        if (lmtp->reply.code == 421 && lmtp->state > NGX_JUNKMAIL_LMTP_LHLO) {
            /* RFC 5321, 3.8: no answer to what was asked, it closes. */
            return NGX_ERROR;
        }

        rc = ngx_junkmail_lmtp_states[lmtp->state](lmtp);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static void
ngx_junkmail_lmtp_capability(ngx_junkmail_lmtp_t *lmtp)
{
    size_t   i, n;
    jm_str_t name, rest;

    jm_smtp_split(lmtp->reply.text, &name, &rest);

    n = sizeof(ngx_junkmail_lmtp_capabilities)
        / sizeof(ngx_junkmail_lmtp_capabilities[0]);

    for (i = 0; i < n; i++) {
        if (jm_smtp_is(name, ngx_junkmail_lmtp_capabilities[i].name)) {
            lmtp->announced |= ngx_junkmail_lmtp_capabilities[i].flag;
        }
    }
}


static ngx_int_t
ngx_junkmail_lmtp_greeting(ngx_junkmail_lmtp_t *lmtp)
{
    if (ngx_junkmail_lmtp_class(lmtp) != 2) {
        return ngx_junkmail_lmtp_unfit(lmtp);
    }

    lmtp->last = ngx_slprintf(lmtp->last, lmtp->out + NGX_JUNKMAIL_LMTP_OUT,
                              "LHLO %V" CRLF, &lmtp->request->hostname);
    lmtp->state = NGX_JUNKMAIL_LMTP_LHLO;

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_lmtp_lhlo(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_uint_t n;

    if (ngx_junkmail_lmtp_class(lmtp) != 2) {
        return ngx_junkmail_lmtp_unfit(lmtp);
    }

    if (!(lmtp->announced & NGX_JUNKMAIL_LMTP_SMTPUTF8)
        && !ngx_junkmail_lmtp_ascii(lmtp->request))
    {
        lmtp->code = 550;
        lmtp->request->reply = ngx_junkmail_lmtp_no_utf8;
        return ngx_junkmail_lmtp_fresh(lmtp) ? NGX_DECLINED : NGX_DONE;
    }

    n = lmtp->request->recipients->nelts;

    if ((lmtp->announced & NGX_JUNKMAIL_LMTP_WHOLE) == NGX_JUNKMAIL_LMTP_WHOLE)
    {
        lmtp->allowed = n + 3;

    } else {
        /* BDAT is for those who take everything at once. */
        lmtp->announced &= ~NGX_JUNKMAIL_LMTP_CHUNKING;
        lmtp->allowed = (lmtp->announced & NGX_JUNKMAIL_LMTP_PIPELINING)
                            ? n + 1
                            : 1;
    }

    lmtp->state = NGX_JUNKMAIL_LMTP_MAIL;

    return NGX_OK;
}


/* Whether all paths can be said to any server. */

static ngx_uint_t
ngx_junkmail_lmtp_ascii(ngx_junkmail_lmtp_request_t *request)
{
    size_t     n;
    ngx_str_t *path;
    ngx_uint_t i;

    path = request->recipients->elts;

    for (n = 0; n < request->from.len; n++) {
        if (request->from.data[n] >= 0x80) {
            return 0;
        }
    }

    for (i = 0; i < request->recipients->nelts; i++) {
        for (n = 0; n < path[i].len; n++) {
            if (path[i].data[n] >= 0x80) {
                return 0;
            }
        }
    }

    return 1;
}


static ngx_int_t
ngx_junkmail_lmtp_mail(ngx_junkmail_lmtp_t *lmtp)
{
    if (ngx_junkmail_lmtp_class(lmtp) != 2) {
        ngx_junkmail_lmtp_worst(lmtp);
        return NGX_DONE;
    }

    lmtp->replied = ngx_junkmail_lmtp_open(lmtp, 0);
    lmtp->allowed = ngx_max(lmtp->allowed, lmtp->replied + 2);
    lmtp->state = NGX_JUNKMAIL_LMTP_RCPT;

    return NGX_OK;
}


/* The first recipient from `i` on that this server is to hear of. */

static ngx_uint_t
ngx_junkmail_lmtp_open(ngx_junkmail_lmtp_t *lmtp, ngx_uint_t i)
{
    while (i < lmtp->request->recipients->nelts && lmtp->stored[i]) {
        lmtp->taken[i++] = 0;
    }

    return i;
}


static ngx_int_t
ngx_junkmail_lmtp_rcpt(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_uint_t n;

    n = lmtp->request->recipients->nelts;

    lmtp->taken[lmtp->replied] = (ngx_junkmail_lmtp_class(lmtp) == 2);

    if (lmtp->taken[lmtp->replied]) {
        lmtp->accepted++;

    } else {
        ngx_junkmail_lmtp_worst(lmtp);
    }

    lmtp->replied = ngx_junkmail_lmtp_open(lmtp, lmtp->replied + 1);

    if (lmtp->replied < n) {
        lmtp->allowed = ngx_max(lmtp->allowed, lmtp->replied + 2);
        return NGX_OK;
    }

    if (lmtp->accepted == 0) {
        return NGX_DONE;
    }

    if (lmtp->announced & NGX_JUNKMAIL_LMTP_CHUNKING) {
        lmtp->state = NGX_JUNKMAIL_LMTP_MESSAGE;
        return NGX_OK;
    }

    if (lmtp->code != 0 && !(lmtp->announced & NGX_JUNKMAIL_LMTP_XDID)) {
        /* The sender hears one reply for all: nobody has it, and nobody will
         * have it twice. */
        return NGX_DONE;
    }

    lmtp->allowed = n + 2;
    lmtp->state = NGX_JUNKMAIL_LMTP_DATA;

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_lmtp_data(ngx_junkmail_lmtp_t *lmtp)
{
    if (lmtp->reply.code == 354) {
        lmtp->allowed = lmtp->request->recipients->nelts + 3;
        lmtp->state = NGX_JUNKMAIL_LMTP_MESSAGE;
        return NGX_OK;
    }

    if (ngx_junkmail_lmtp_class(lmtp) < 4) {
        return NGX_ERROR;
    }

    ngx_junkmail_lmtp_worst(lmtp);

    return NGX_DONE;
}


/*
 * RFC 2033, 4.2: one reply for each accepted recipient, in order.  When the
 * message is stored for some and put off for others, a repeat of ours costs
 * those nothing; the sender's own, with another delivery id, would.
 */

static ngx_int_t
ngx_junkmail_lmtp_message(ngx_junkmail_lmtp_t *lmtp)
{
    while (!lmtp->taken[lmtp->answered]) {
        lmtp->answered++;
    }

    if (ngx_junkmail_lmtp_class(lmtp) == 2) {

        if (!lmtp->written) {
            /* It cannot have stored what it has not been sent. */
            return NGX_ERROR;
        }

        lmtp->delivered++;

        if (!(lmtp->announced & NGX_JUNKMAIL_LMTP_XDID)) {
            lmtp->stored[lmtp->answered] = 1;
        }
    }

    ngx_junkmail_lmtp_worst(lmtp);
    lmtp->answered++;

    if (--lmtp->accepted != 0) {
        return NGX_OK;
    }

    if (lmtp->delivered != 0 && lmtp->code / 100 == 4) {
        return NGX_DECLINED;
    }

    return NGX_DONE;
}


/*
 * Keeps the worse of the answer so far and this reply: the sender's one reply
 * must make it try again as long as that can help anybody, so 4xx is worse
 * than 5xx, and that worse than 2xx.
 */

static void
ngx_junkmail_lmtp_worst(ngx_junkmail_lmtp_t *lmtp)
{
    u_char                      *p, *end;
    size_t                       i;
    ngx_uint_t                   code;
    ngx_junkmail_lmtp_request_t *request;

    static const ngx_uint_t rank[] = { 0, 0, 1, 0, 3, 2 };

    code = lmtp->reply.code;

    if (lmtp->code != 0
        && (rank[code / 100] < rank[lmtp->code / 100]
            || (rank[code / 100] == rank[lmtp->code / 100]
                && code <= lmtp->code)))
    {
        return;
    }

    lmtp->code = code;
    request = lmtp->request;

    p = request->reply_data;
    end = p + NGX_JUNKMAIL_LMTP_REPLY;

    p = ngx_slprintf(p, end, "%ui ", code);

    if (lmtp->reply.enhanced.len != 0) {
        p = ngx_slprintf(p, end, "%*s ", lmtp->reply.enhanced.len,
                         lmtp->reply.enhanced.data);
    } else {
        p = ngx_slprintf(p, end, "%ui.0.0 ", code / 100);
    }

    for (i = 0; i < lmtp->reply.text.len && p < end - 2; i++) {
        *p = lmtp->reply.text.data[i];

        if (*p < ' ' || *p >= 0x7f) {
            *p = '?';
        }

        p++;
    }

    request->reply.data = request->reply_data;
    request->reply.len = (size_t) (p - request->reply_data);
}


/*
 * The server speaks, but cannot serve now (421), or no LMTP at all.  That is
 * an answer, unless there is another server who might give a better one.
 */

static ngx_int_t
ngx_junkmail_lmtp_unfit(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_log_error(NGX_LOG_ERR, lmtp->request->log, 0,
                  "LMTP server %V does not serve: %ud %*s", lmtp->peer.name,
                  lmtp->reply.code, lmtp->reply.text.len,
                  lmtp->reply.text.data);

    ngx_junkmail_backend_failed(lmtp->request->backends, lmtp->backend);

    lmtp->code = 451;
    lmtp->request->reply = ngx_junkmail_lmtp_away;

    return ngx_junkmail_lmtp_fresh(lmtp) ? NGX_DECLINED : NGX_DONE;
}


/* Whether there is a server that this hand-off has not tried. */

static ngx_uint_t
ngx_junkmail_lmtp_fresh(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_uint_t next;

    next = ngx_junkmail_backend_next(lmtp->request->backends, lmtp->tried);

    return lmtp->tried[next] == 0;
}


/* Writes what may be written.  NGX_OK, NGX_AGAIN or NGX_ERROR. */

static ngx_int_t
ngx_junkmail_lmtp_flush(ngx_junkmail_lmtp_t *lmtp)
{
    size_t            sent;
    ssize_t           n;
    ngx_connection_t *c;

    c = lmtp->peer.connection;

    for (sent = 0; /* void */; sent += (size_t) n) {
        if (ngx_junkmail_lmtp_fill(lmtp) != NGX_OK) {
            return NGX_ERROR;
        }

        if (lmtp->pos == lmtp->last) {
            ngx_junkmail_lmtp_written(lmtp);
            return NGX_OK;
        }

        if (sent >= NGX_JUNKMAIL_LMTP_WAKEUP) {
            ngx_post_event(c->write, &ngx_posted_next_events);
            return NGX_AGAIN;
        }

        n = c->send(c, lmtp->pos, (size_t) (lmtp->last - lmtp->pos));

        if (n == NGX_AGAIN || n == 0) {
            return ngx_handle_write_event(c->write, 0) == NGX_OK ? NGX_AGAIN
                                                                 : NGX_ERROR;
        }

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        lmtp->pos += n;
    }
}


/* All that may be written is: is that the whole message? */

static void
ngx_junkmail_lmtp_written(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_msec_t left;

    if (lmtp->written || lmtp->step != lmtp->request->recipients->nelts + 3) {
        return;
    }

    lmtp->written = 1;

    if (!(lmtp->announced & NGX_JUNKMAIL_LMTP_XDID)) {
        /* There will be no other try. */
        left = lmtp->deadline - ngx_current_msec;
        ngx_add_timer(lmtp->peer.connection->read, left);
    }
}


/* Fills the output buffer with the steps that are allowed. */

static ngx_int_t
ngx_junkmail_lmtp_fill(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_int_t rc;

    if (lmtp->pos == lmtp->last) {
        lmtp->pos = lmtp->out;
        lmtp->last = lmtp->out;
    }

    while (lmtp->step < lmtp->allowed) {

        rc = (lmtp->step == lmtp->request->recipients->nelts + 2)
                 ? ngx_junkmail_lmtp_body(lmtp)
                 : ngx_junkmail_lmtp_command(lmtp);

        if (rc != NGX_OK) {
            return rc == NGX_AGAIN ? NGX_OK : NGX_ERROR;
        }

        lmtp->step++;
    }

    return NGX_OK;
}


/* One command: MAIL, a RCPT, BDAT or DATA.  NGX_AGAIN when it does not fit. */

static ngx_int_t
ngx_junkmail_lmtp_command(ngx_junkmail_lmtp_t *lmtp)
{
    u_char                      *p, *end;
    ngx_str_t                   *rcpt;
    ngx_junkmail_lmtp_request_t *request;

    request = lmtp->request;
    p = lmtp->last;
    end = lmtp->out + NGX_JUNKMAIL_LMTP_OUT;

    if (end - p < JM_PATH_MAX + 256) {
        return NGX_AGAIN;
    }

    if (lmtp->step == 0) {
        p = ngx_junkmail_lmtp_sender(lmtp, p, end);

    } else if (lmtp->step <= request->recipients->nelts) {
        rcpt = request->recipients->elts;
        rcpt += lmtp->step - 1;

        if (!lmtp->stored[lmtp->step - 1]) {
            p = ngx_slprintf(p, end, "RCPT TO:<%V>" CRLF, rcpt);
        }

    } else if (lmtp->announced & NGX_JUNKMAIL_LMTP_CHUNKING) {
        p = ngx_slprintf(p, end, "BDAT %O LAST" CRLF,
                         ngx_junkmail_lmtp_size(lmtp));

    } else {
        p = ngx_slprintf(p, end, "DATA" CRLF);
    }

    lmtp->last = p;

    return NGX_OK;
}


static u_char *
ngx_junkmail_lmtp_sender(ngx_junkmail_lmtp_t *lmtp, u_char *p, u_char *end)
{
    ngx_junkmail_lmtp_request_t *request;

    request = lmtp->request;

    p = ngx_slprintf(p, end, "MAIL FROM:<%V>", &request->from);

    if (lmtp->announced & NGX_JUNKMAIL_LMTP_8BITMIME) {
        p = ngx_slprintf(p, end, " BODY=8BITMIME");
    }

    if (lmtp->announced & NGX_JUNKMAIL_LMTP_SIZE) {
        p = ngx_slprintf(p, end, " SIZE=%O", ngx_junkmail_lmtp_size(lmtp));
    }

    if (lmtp->request->utf8 && (lmtp->announced & NGX_JUNKMAIL_LMTP_SMTPUTF8))
    {
        p = ngx_slprintf(p, end, " SMTPUTF8");
    }

    if (lmtp->announced & NGX_JUNKMAIL_LMTP_XDID) {
        p = ngx_slprintf(p, end, " XDID=%V", &request->id);

        /* Two workers died of it or hung: have it stored unparsed. */
        if (lmtp->tries == NGX_JUNKMAIL_LMTP_TRIES
            && lmtp->lost == NGX_JUNKMAIL_LMTP_TRIES - 1)
        {
            p = ngx_slprintf(p, end, " XRAW");
        }
    }

    return ngx_slprintf(p, end, CRLF);
}


static off_t
ngx_junkmail_lmtp_size(ngx_junkmail_lmtp_t *lmtp)
{
    return (off_t) lmtp->request->trace.len
           + ngx_junkmail_spool_size(lmtp->request->spool);
}


/*
 * The next pieces of trace header and body; after DATA with its dots doubled
 * and a final dot.  NGX_OK when all of it is in the buffer.
 */

static ngx_int_t
ngx_junkmail_lmtp_body(ngx_junkmail_lmtp_t *lmtp)
{
    u_char *end, piece[NGX_JUNKMAIL_LMTP_PIECE];
    size_t  taken, room;
    ssize_t n;

    end = lmtp->out + NGX_JUNKMAIL_LMTP_OUT;

    while (lmtp->offset < ngx_junkmail_lmtp_size(lmtp)) {
        room = (size_t) (end - lmtp->last);

        if (room < NGX_JUNKMAIL_LMTP_PIECE) {
            return NGX_AGAIN;
        }

        if (lmtp->announced & NGX_JUNKMAIL_LMTP_CHUNKING) {
            n = ngx_junkmail_lmtp_source(lmtp, lmtp->last, room);

            if (n <= 0) {
                return NGX_ERROR;
            }

            taken = (size_t) n;
            lmtp->last += n;

        } else {
            n = ngx_junkmail_lmtp_source(lmtp, piece, sizeof(piece));

            if (n <= 0) {
                return NGX_ERROR;
            }

            lmtp->last += jm_data_stuff(&lmtp->line, piece, (size_t) n, &taken,
                                        lmtp->last, room);
        }

        lmtp->offset += (off_t) taken;
    }

    if (lmtp->announced & NGX_JUNKMAIL_LMTP_CHUNKING) {
        return NGX_OK;
    }

    if ((size_t) (end - lmtp->last) < sizeof(CRLF "." CRLF) - 1) {
        return NGX_AGAIN;
    }

    if (!lmtp->line) {
        /* Sent in chunks, a message need not end in CRLF. */
        *lmtp->last++ = CR;
        *lmtp->last++ = LF;
    }

    lmtp->last = ngx_cpymem(lmtp->last, "." CRLF, sizeof("." CRLF) - 1);

    return NGX_OK;
}


/* Copies what is at `offset` of trace header and body. */

static ssize_t
ngx_junkmail_lmtp_source(ngx_junkmail_lmtp_t *lmtp, u_char *buf, size_t size)
{
    off_t      at;
    ngx_str_t *trace;

    trace = &lmtp->request->trace;
    at = lmtp->offset - (off_t) trace->len;

    if (at >= 0) {
        return ngx_junkmail_spool_read(lmtp->request->spool, at, buf, size);
    }

    size = ngx_min(size, (size_t) -at);
    ngx_memcpy(buf, trace->data + lmtp->offset, size);

    return (ssize_t) size;
}


/* Ends a try without answer. */

static void
ngx_junkmail_lmtp_failed(ngx_junkmail_lmtp_t *lmtp, const char *why)
{
    ngx_junkmail_backend_failed(lmtp->request->backends, lmtp->backend);

    if (lmtp->written) {
        lmtp->lost++;
    }

    if (lmtp->written && !(lmtp->announced & NGX_JUNKMAIL_LMTP_XDID)) {
        /* Stored or not: a repeat could store it twice. */
        lmtp->tries = NGX_JUNKMAIL_LMTP_TRIES;
    }

    lmtp->code = 451;
    lmtp->request->reply = ngx_junkmail_lmtp_away;

    ngx_junkmail_lmtp_again(lmtp, why);
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
