/*
 * What an LMTP server is told: the steps that it allows, from the envelope,
 * the trace header and the spool, through one buffer.
 */

#include "ngx_junkmail_lmtp_try.h"

#include "jm_data.h"
#include "jm_smtp.h"

#define NGX_JUNKMAIL_LMTP_PIECE  4096 /* read from the spool at least */
#define NGX_JUNKMAIL_LMTP_WAKEUP (1024 * 1024) /* octets written at once */

static void      ngx_junkmail_lmtp_written(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_fill(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_command(ngx_junkmail_lmtp_t *lmtp);
static u_char   *ngx_junkmail_lmtp_sender(ngx_junkmail_lmtp_t *lmtp, u_char *p,
                                          u_char *end);
static off_t     ngx_junkmail_lmtp_size(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t ngx_junkmail_lmtp_body(ngx_junkmail_lmtp_t *lmtp);
static ssize_t ngx_junkmail_lmtp_source(ngx_junkmail_lmtp_t *lmtp, u_char *buf,
                                        size_t size);


ngx_int_t
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
