/*
 * The parts of an email that are not JSON: its HTML page, the original, its
 * attachments; and view tickets, by which a browser's frames and images reach
 * the page and its inline images without a key.
 *
 * All of it was written by strangers.  The headers see to it that a browser
 * runs nothing of it, guesses no types and tells nobody where it came from.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "jm_schema.h"
#include "ngx_junkmail_api.h"


/*
 * The page may show its own inline styles and images, and nothing else; asked
 * for with ?images=off not even the images.  It is of our origin so that the
 * inbox can measure it; it cannot use that, as it may run nothing.
 */
#define NGX_JUNKMAIL_API_PAGE_CSP(images)                                     \
    "default-src 'none'; style-src 'unsafe-inline'; " images                  \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "           \
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"

#define NGX_JUNKMAIL_API_FILE_CSP "default-src 'none'; sandbox"

#define NGX_JUNKMAIL_API_OFFSET ((off_t) 1 << 40) /* beyond any attachment */


typedef enum {
    NGX_JUNKMAIL_API_HTML,
    NGX_JUNKMAIL_API_SOURCE,
    NGX_JUNKMAIL_API_ATTACHMENT
} ngx_junkmail_part_e;


typedef struct {
    ngx_junkmail_part_e kind;
    ngx_str_t           id;       /* of the email */
    ngx_str_t           n;        /* of the attachment */
    unsigned            view : 1; /* by ticket */

    /* The range asked for, RFC 7233, 2.1. */
    unsigned ranged : 1;
    unsigned suffix : 1; /* the last `from` bytes */
    off_t    from;
    off_t    to; /* inclusive; -1: to the end */
} ngx_junkmail_wanted_t;


static ngx_int_t ngx_junkmail_part_begin(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         ngx_junkmail_part_e      kind,
                                         ngx_uint_t               view);
static void ngx_junkmail_part_mask(ngx_http_request_t *r, ngx_str_t *ticket);
static ngx_str_t  ngx_junkmail_part_index(ngx_str_t *text);
static ngx_int_t  ngx_junkmail_part_ask(ngx_http_request_t    *r,
                                        ngx_junkmail_wanted_t *w);
static void       ngx_junkmail_part_got(ngx_http_request_t      *r,
                                        ngx_http_junkmail_ctx_t *ctx,
                                        redisReply              *reply);
static ngx_int_t  ngx_junkmail_page_headers(ngx_http_request_t *r);
static ngx_int_t  ngx_junkmail_source_headers(ngx_http_request_t    *r,
                                              ngx_junkmail_wanted_t *w);
static void       ngx_junkmail_attachment(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx,
                                          redisReply              *reply);
static ngx_int_t  ngx_junkmail_attachment_headers(ngx_http_request_t    *r,
                                                  ngx_junkmail_wanted_t *w,
                                                  ngx_str_t              meta);
static ngx_str_t  ngx_junkmail_meta(ngx_str_t *meta);
static void       ngx_junkmail_part_send(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         redisReply *reply, off_t end);
static void       ngx_junkmail_range_read(ngx_http_request_t    *r,
                                          ngx_junkmail_wanted_t *w);
static off_t      ngx_junkmail_range_number(u_char **p, u_char *end);
static ngx_uint_t ngx_junkmail_range_stale(ngx_http_request_t *r,
                                           ngx_str_t          *etag);
static ngx_int_t  ngx_junkmail_range_answer(ngx_http_request_t    *r,
                                            ngx_junkmail_wanted_t *w,
                                            off_t start, off_t total,
                                            off_t *end);
static ngx_int_t  ngx_junkmail_headers(ngx_http_request_t *r, const char *csp,
                                       const char *corp);
static void       ngx_junkmail_view_created(ngx_http_request_t      *r,
                                            ngx_http_junkmail_ctx_t *ctx,
                                            redisReply              *reply);


static const char *ngx_junkmail_part_names[] = { "html", "raw", "att" };


ngx_int_t
ngx_junkmail_api_email_html(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_part_begin(r, ctx, NGX_JUNKMAIL_API_HTML, 0);
}


ngx_int_t
ngx_junkmail_api_email_source(ngx_http_request_t      *r,
                              ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_part_begin(r, ctx, NGX_JUNKMAIL_API_SOURCE, 0);
}


ngx_int_t
ngx_junkmail_api_email_attachment(ngx_http_request_t      *r,
                                  ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_part_begin(r, ctx, NGX_JUNKMAIL_API_ATTACHMENT, 0);
}


ngx_int_t
ngx_junkmail_api_view_html(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_part_begin(r, ctx, NGX_JUNKMAIL_API_HTML, 1);
}


ngx_int_t
ngx_junkmail_api_view_attachment(ngx_http_request_t      *r,
                                 ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_part_begin(r, ctx, NGX_JUNKMAIL_API_ATTACHMENT, 1);
}


static ngx_int_t
ngx_junkmail_part_begin(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                        ngx_junkmail_part_e kind, ngx_uint_t view)
{
    int                    rc;
    ngx_junkmail_wanted_t *w;

    w = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_wanted_t));
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = w;

    w->kind = kind;
    w->view = view;
    w->to = -1;

    if (view) {
        rc = jm_ticket_parse((jm_str_t){ ctx->arg[0].data, ctx->arg[0].len },
                             &ctx->key);

        ngx_junkmail_part_mask(r, &ctx->arg[0]);

        if (rc != 0) {
            return ngx_http_junkmail_error(r, "VIEW_NOT_FOUND");
        }

    } else {
        w->id = ngx_junkmail_api_id(&ctx->arg[0]);
    }

    ngx_str_set(&w->n, "0");

    if (kind == NGX_JUNKMAIL_API_ATTACHMENT) {
        w->n = ngx_junkmail_part_index(&ctx->arg[1]);
        ngx_junkmail_range_read(r, w);
    }

    return ngx_junkmail_api_wait_read(r, ngx_junkmail_part_ask(r, w));
}


/*
 * A ticket stands in for the key: it names the account and hides a secret.
 * Once it is read, nothing that a log line may show of the request holds it.
 */

static void
ngx_junkmail_part_mask(ngx_http_request_t *r, ngx_str_t *ticket)
{
    u_char    *p;
    ngx_str_t *line;
    ngx_uint_t i;

    if (ticket->len != JM_TICKET_LEN) {
        return; /* never was one */
    }

    for (i = 0; i < 2; i++) {
        line = i == 0 ? &r->request_line : &r->unparsed_uri;

        p = ngx_strlcasestrn(line->data, line->data + line->len, ticket->data,
                             ticket->len - 1);
        if (p != NULL) {
            ngx_memset(p, '-', ticket->len);
        }
    }

    ngx_memset(ticket->data, '-', ticket->len);
}


/* An attachment's number, or one that none has. */

static ngx_str_t
ngx_junkmail_part_index(ngx_str_t *text)
{
    ngx_str_t none = ngx_string("0");

    return text->len <= 4 && text->data[0] != '0'
                   && ngx_atoi(text->data, text->len) != NGX_ERROR
               ? *text
               : none;
}


static ngx_int_t
ngx_junkmail_part_ask(ngx_http_request_t *r, ngx_junkmail_wanted_t *w)
{
    u_char     from[NGX_OFF_T_LEN], window[NGX_OFF_T_LEN];
    off_t      size;
    ngx_str_t  argv[5];
    ngx_uint_t n;

    size = JM_WINDOW;

    if (w->ranged && !w->suffix && w->to >= 0) {
        size = ngx_min(size, w->to - w->from + 1);
    }

    n = 0;

    if (!w->view) {
        argv[n++] = w->id;
    }

    argv[n].data = (u_char *) ngx_junkmail_part_names[w->kind];
    argv[n].len = ngx_strlen(argv[n].data);
    n++;

    argv[n++] = w->n;

    argv[n].data = from;
    argv[n].len = ngx_sprintf(from, "%O",
                              !w->ranged  ? 0
                              : w->suffix ? -w->from
                                          : w->from)
                  - from;
    n++;

    argv[n].data = window;
    argv[n].len = ngx_sprintf(window, "%O", size) - window;
    n++;

    return ngx_junkmail_api_read(r, ngx_junkmail_part_got,
                                 w->view ? "jm_view_part" : "jm_email_part",
                                 NULL, n, argv);
}


/* OK, version, attachment's field, length of the whole, start, bytes, the key
 * of what follows them; of a view the email's id. */

static void
ngx_junkmail_part_got(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                      redisReply *reply)
{
    ngx_int_t              rc;
    ngx_str_t              id;
    ngx_junkmail_wanted_t *w;

    w = ctx->data;

    if (w->view) {
        id = ngx_junkmail_api_string(reply, 7);
        w->id = ngx_junkmail_api_copy(r, &id);
    }

    if (w->kind == NGX_JUNKMAIL_API_ATTACHMENT) {
        ngx_junkmail_attachment(r, ctx, reply);
        return;
    }

    /* The page and the original lie as gzip and are sent so. */

    if (ngx_junkmail_api_validate(r, &w->id,
                                  ngx_junkmail_api_integer(reply, 1), 1)
        != NGX_OK)
    {
        return;
    }

    rc = w->kind == NGX_JUNKMAIL_API_HTML ? ngx_junkmail_page_headers(r)
                                          : ngx_junkmail_source_headers(r, w);

    if (rc != NGX_OK) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_part_send(r, ctx, reply, ngx_junkmail_api_integer(reply, 3));
}


static ngx_int_t
ngx_junkmail_page_headers(ngx_http_request_t *r)
{
    ngx_str_t   images;
    const char *csp;

    csp = NGX_JUNKMAIL_API_PAGE_CSP("img-src 'self'; ");

    if (ngx_http_arg(r, (u_char *) "images", 6, &images) == NGX_OK
        && images.len == 3 && ngx_strncmp(images.data, "off", 3) == 0)
    {
        csp = NGX_JUNKMAIL_API_PAGE_CSP("");
    }

    ngx_str_set(&r->headers_out.content_type, "text/html; charset=utf-8");
    r->headers_out.content_type_len = sizeof("text/html") - 1;

    if (ngx_http_junkmail_header_text(r, "Referrer-Policy", "no-referrer")
            != NGX_OK
        || ngx_http_junkmail_header_text(r, "X-DNS-Prefetch-Control", "off")
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_junkmail_headers(r, csp, "same-origin");
}


static ngx_int_t
ngx_junkmail_source_headers(ngx_http_request_t *r, ngx_junkmail_wanted_t *w)
{
    ngx_str_t name;

    ngx_str_set(&r->headers_out.content_type, "message/rfc822");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    name = ngx_junkmail_api_printf(r, 96, "attachment; filename=\"%V.eml\"",
                                   &w->id);

    if (name.data == NULL
        || ngx_http_junkmail_header(r, "Content-Disposition", &name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_junkmail_headers(r, NGX_JUNKMAIL_API_FILE_CSP, "same-origin");
}


static void
ngx_junkmail_attachment(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                        redisReply *reply)
{
    off_t                  end;
    ngx_str_t              etag;
    ngx_junkmail_wanted_t *w;

    w = ctx->data;

    etag = ngx_junkmail_api_etag(r, &w->id, ngx_junkmail_api_integer(reply, 1),
                                 0);

    /* RFC 7233, 3.2: the client's piece is of another version: all of it. */

    if (w->ranged && ngx_junkmail_range_stale(r, &etag)) {
        w->ranged = 0;
        ngx_junkmail_api_again(r, ngx_junkmail_part_ask(r, w));
        return;
    }

    if (ngx_junkmail_api_validate(r, &w->id,
                                  ngx_junkmail_api_integer(reply, 1), 0)
        != NGX_OK)
    {
        return;
    }

    if (ngx_junkmail_range_answer(r, w, ngx_junkmail_api_integer(reply, 4),
                                  ngx_junkmail_api_integer(reply, 3), &end)
        != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "BAD_RANGE");
        return;
    }

    if (ngx_junkmail_attachment_headers(r, w,
                                        ngx_junkmail_api_string(reply, 2))
        != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_part_send(r, ctx, reply, end);
}


/* `meta`: length, content type, content disposition, inline, a line each. */

static ngx_int_t
ngx_junkmail_attachment_headers(ngx_http_request_t    *r,
                                ngx_junkmail_wanted_t *w, ngx_str_t meta)
{
    ngx_str_t type, disposition;

    (void) ngx_junkmail_meta(&meta);
    type = ngx_junkmail_meta(&meta);
    disposition = ngx_junkmail_meta(&meta);

    if (type.len == 0) {
        ngx_str_set(&type, "application/octet-stream");
    }

    if (disposition.len == 0) {
        ngx_str_set(&disposition, "attachment");
    }

    type = ngx_junkmail_api_copy(r, &type);
    disposition = ngx_junkmail_api_copy(r, &disposition);

    if (type.data == NULL || disposition.data == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;

    if (ngx_http_junkmail_header(r, "Content-Disposition", &disposition)
            != NGX_OK
        || ngx_http_junkmail_header_text(r, "Accept-Ranges", "bytes")
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * A frame may take the page's origin from it (its own sandbox adds to
     * ours), and "same-origin" would then keep its own images from it; behind
     * a ticket the ticket guards.
     */

    return ngx_junkmail_headers(r, NGX_JUNKMAIL_API_FILE_CSP,
                                w->view ? "cross-origin" : "same-origin");
}


/* Takes a line off; empty if it holds what must not stand in a header. */

static ngx_str_t
ngx_junkmail_meta(ngx_str_t *meta)
{
    u_char   *p, *end;
    ngx_str_t line;

    p = meta->data;
    end = p + meta->len;
    line = *meta;

    while (p < end && *p != LF) {
        if (*p < 0x20 || *p == 0x7f) {
            line.data = NULL;
        }

        p++;
    }

    line.len = line.data == NULL ? 0 : (size_t) (p - line.data);

    if (p < end) {
        p++;
    }

    meta->len = end - p;
    meta->data = p;

    return line;
}


/* What came with the reply, and the rest up to `end` from where it lies. */

static void
ngx_junkmail_part_send(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                       redisReply *reply, off_t end)
{
    off_t                    start;
    ngx_str_t                bytes, key;
    ngx_junkmail_api_part_t *parts;

    start = ngx_junkmail_api_integer(reply, 4);
    bytes = ngx_junkmail_api_string(reply, 5);
    key = ngx_junkmail_api_string(reply, 6);

    if ((off_t) bytes.len > end - start) {
        bytes.len = end - start;
    }

    parts = ngx_pcalloc(r->pool, 2 * sizeof(ngx_junkmail_api_part_t));
    if (parts == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    parts[0].memory = ngx_junkmail_api_copy(r, &bytes);
    parts[1].start = start + bytes.len;
    parts[1].length = end - parts[1].start;

    parts[1].key = ngx_junkmail_api_copy(r, &key);

    if (parts[0].memory.data == NULL || parts[1].key.data == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_api_send(r, ctx, parts, parts[1].length == 0 ? 1 : 2);
}


/* Ranges: one of bytes, RFC 7233; several, or nonsense, are ignored. */


static void
ngx_junkmail_range_read(ngx_http_request_t *r, ngx_junkmail_wanted_t *w)
{
    off_t            from, to;
    u_char          *p, *end;
    ngx_table_elt_t *h;

    h = r->headers_in.range;

    if (h == NULL || r->method != NGX_HTTP_GET || h->value.len < 7
        || ngx_strncasecmp(h->value.data, (u_char *) "bytes=", 6) != 0)
    {
        return;
    }

    p = h->value.data + 6;
    end = h->value.data + h->value.len;

    from = ngx_junkmail_range_number(&p, end);

    if (p == end || *p++ != '-') {
        return;
    }

    to = ngx_junkmail_range_number(&p, end);

    if (p != end || (from < 0 && to < 0) || (to >= 0 && from > to)) {
        return;
    }

    w->ranged = 1;
    w->suffix = from < 0;
    w->from = w->suffix ? to : from;
    w->to = w->suffix ? -1 : to;
}


/* -1 when there is none; no attachment reaches the number it stops at. */

static off_t
ngx_junkmail_range_number(u_char **p, u_char *end)
{
    off_t n;

    if (*p == end || **p < '0' || **p > '9') {
        return -1;
    }

    for (n = 0; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        n = ngx_min(n * 10 + (**p - '0'), NGX_JUNKMAIL_API_OFFSET);
    }

    return n;
}


static ngx_uint_t
ngx_junkmail_range_stale(ngx_http_request_t *r, ngx_str_t *etag)
{
    ngx_table_elt_t *h;

    h = r->headers_in.if_range;

    return h != NULL
           && (h->value.len != etag->len
               || ngx_memcmp(h->value.data, etag->data, etag->len) != 0);
}


/* Sets `end` (exclusive) and, for a range, 206; NGX_DECLINED: 416. */

static ngx_int_t
ngx_junkmail_range_answer(ngx_http_request_t *r, ngx_junkmail_wanted_t *w,
                          off_t start, off_t total, off_t *end)
{
    ngx_str_t value;

    *end = total;

    if (!w->ranged) {
        return NGX_OK;
    }

    if (start >= total || (w->suffix && w->from == 0)) {
        value = ngx_junkmail_api_printf(r, sizeof("bytes */") + NGX_OFF_T_LEN,
                                        "bytes */%O", total);
        (void) ngx_http_junkmail_header(r, "Content-Range", &value);
        return NGX_DECLINED;
    }

    if (w->to >= 0) {
        *end = ngx_min(w->to + 1, total);
    }

    r->headers_out.status = NGX_HTTP_PARTIAL_CONTENT;

    value = ngx_junkmail_api_printf(r, sizeof("bytes -/") + 3 * NGX_OFF_T_LEN,
                                    "bytes %O-%O/%O", start, *end - 1, total);

    return ngx_http_junkmail_header(r, "Content-Range", &value);
}


static ngx_int_t
ngx_junkmail_headers(ngx_http_request_t *r, const char *csp, const char *corp)
{
    if (ngx_http_junkmail_header_text(r, "Content-Security-Policy", csp)
            != NGX_OK
        || ngx_http_junkmail_header_text(r, "X-Content-Type-Options",
                                         "nosniff")
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_junkmail_header_text(r, "Cross-Origin-Resource-Policy",
                                         corp);
}


/* View tickets. */


ngx_int_t
ngx_junkmail_api_view_create(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx)
{
    char     *text;
    jm_key_t  ticket;
    ngx_str_t argv[2];

    text = ngx_pnalloc(r->pool, JM_TICKET_LEN + 1);

    if (text == NULL || jm_ticket_make(ctx->key.account, text, &ticket) != 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = text;

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);
    argv[1].data = (u_char *) ticket.hash;
    argv[1].len = JM_HASH_LEN;

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_view_created,
                                  "jm_view_create", NULL, 2, argv));
}


static void
ngx_junkmail_view_created(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                          redisReply *reply)
{
    char      expires[25];
    ngx_str_t json;

    jm_iso_time(ngx_junkmail_api_integer(reply, 1), expires);

    json = ngx_junkmail_api_printf(r, 256,
                                   "{\"url\":\"" NGX_HTTP_JUNKMAIL_PREFIX
                                   "view/%s/\","
                                   "\"expiresAt\":\"%s\"}",
                                   ctx->data, expires);

    if (ngx_http_junkmail_header_text(r, "Cache-Control", "no-store")
        != NGX_OK) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
}
