/*
 * What an LMTP server says, and what follows from it: the state a try is in,
 * the steps that may be written now, and the one answer for all recipients.
 */

#include "ngx_junkmail_lmtp_try.h"

#include "jm_smtp.h"

/* With these the whole transaction is one write. */
#define NGX_JUNKMAIL_LMTP_WHOLE                                               \
    (NGX_JUNKMAIL_LMTP_PIPELINING | NGX_JUNKMAIL_LMTP_CHUNKING                \
     | NGX_JUNKMAIL_LMTP_XDID)

/* The first digit of a reply's code. */
#define ngx_junkmail_lmtp_class(lmtp) ((lmtp)->reply.code / 100)

static void       ngx_junkmail_lmtp_capability(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_greeting(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_lhlo(ngx_junkmail_lmtp_t *lmtp);
static ngx_uint_t ngx_junkmail_lmtp_ascii(ngx_junkmail_lmtp_t *lmtp);
static ngx_uint_t ngx_junkmail_lmtp_is_ascii(ngx_str_t *path);
static ngx_int_t  ngx_junkmail_lmtp_mail(ngx_junkmail_lmtp_t *lmtp);
static ngx_uint_t ngx_junkmail_lmtp_open(ngx_junkmail_lmtp_t *lmtp,
                                         ngx_uint_t           i);
static ngx_int_t  ngx_junkmail_lmtp_rcpt(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_data(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_message(ngx_junkmail_lmtp_t *lmtp);
static void       ngx_junkmail_lmtp_worst(ngx_junkmail_lmtp_t *lmtp);
static ngx_int_t  ngx_junkmail_lmtp_unfit(ngx_junkmail_lmtp_t *lmtp);

/* By state, what to do with a whole reply. */
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

/* RFC 6531, 3.5. */
static const ngx_str_t ngx_junkmail_lmtp_no_utf8 = ngx_string(
    "550 5.6.7 The mail store does not take non-ASCII addresses");


ngx_int_t
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
        && !ngx_junkmail_lmtp_ascii(lmtp))
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
ngx_junkmail_lmtp_ascii(ngx_junkmail_lmtp_t *lmtp)
{
    ngx_str_t   *path;
    ngx_uint_t   i;
    ngx_array_t *recipients;

    recipients = lmtp->request->recipients;
    path = recipients->elts;

    for (i = 0; i < recipients->nelts; i++) {
        if (!ngx_junkmail_lmtp_is_ascii(&path[i])) {
            return 0;
        }
    }

    return ngx_junkmail_lmtp_is_ascii(&lmtp->request->from);
}


static ngx_uint_t
ngx_junkmail_lmtp_is_ascii(ngx_str_t *path)
{
    size_t i;

    for (i = 0; i < path->len; i++) {
        if (path->data[i] >= 0x80) {
            return 0;
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

    ngx_junkmail_lmtp_away(lmtp);

    return ngx_junkmail_lmtp_fresh(lmtp) ? NGX_DECLINED : NGX_DONE;
}
