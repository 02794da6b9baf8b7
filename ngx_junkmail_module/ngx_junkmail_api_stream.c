/*
 * Long responses and their validators.  A response is a list of parts: bytes
 * in memory, and ranges of Redis strings that are fetched in windows of 256
 * KiB.  The next window is asked for when the client has drained the last, so
 * that a slow client costs one window of memory and a large value never holds
 * up what is queued behind it in Redis.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_schema.h"
#include "ngx_junkmail_api.h"


typedef struct {
    ngx_http_request_t      *request;
    ngx_junkmail_api_part_t *part; /* the next to send */
    ngx_junkmail_api_part_t *end;
    u_char                  *window; /* room for JM_WINDOW */
} ngx_junkmail_stream_t;


static void       ngx_junkmail_stream_run(ngx_junkmail_stream_t *s);
static ngx_int_t  ngx_junkmail_stream_output(ngx_junkmail_stream_t *s,
                                             ngx_str_t             *bytes);
static ngx_int_t  ngx_junkmail_stream_ask(ngx_junkmail_stream_t *s);
static void       ngx_junkmail_stream_window(void *data, redisReply *reply);
static void       ngx_junkmail_stream_wait(ngx_junkmail_stream_t *s);
static void       ngx_junkmail_stream_drain(ngx_http_request_t *r);
static ngx_uint_t ngx_junkmail_stream_buffered(ngx_http_request_t *r);
static ngx_uint_t ngx_junkmail_etag_matches(ngx_http_request_t *r,
                                            ngx_str_t          *etag);


void
ngx_junkmail_api_send(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                      ngx_junkmail_api_part_t *parts, ngx_uint_t n)
{
    off_t                  length;
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_junkmail_stream_t *s;

    length = 0;

    for (i = 0; i < n; i++) {
        length += parts[i].key.len ? parts[i].length
                                   : (off_t) parts[i].memory.len;
    }

    s = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_stream_t));
    if (s == NULL) {
        ngx_http_junkmail_finish(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    s->request = r;
    s->part = parts;
    s->end = parts + n;

    ctx->data = s;
    ctx->answered = 1;

    if (r->headers_out.status == 0) {
        r->headers_out.status = NGX_HTTP_OK;
    }

    r->headers_out.content_length_n = length;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_junkmail_finish(r, rc);
        return;
    }

    ngx_junkmail_stream_run(s);
}


/* Sends until a window must be waited for, the client is slow, or the end. */

static void
ngx_junkmail_stream_run(ngx_junkmail_stream_t *s)
{
    ngx_junkmail_api_part_t *part;

    for (;;) {
        part = s->part;

        if (part->key.len) {
            if (part->length == 0) {
                s->part++;
                continue;
            }

            if (ngx_junkmail_stream_ask(s) != NGX_OK) {
                ngx_http_junkmail_finish(s->request, NGX_ERROR);
            }

            return;
        }

        s->part++;

        if (ngx_junkmail_stream_output(s, &part->memory) != NGX_OK) {
            return;
        }
    }
}


/*
 * The last bytes of the response are those sent when no part is left.  NGX_OK:
 * the client has taken them; else the request is finalised or waits for that.
 */

static ngx_int_t
ngx_junkmail_stream_output(ngx_junkmail_stream_t *s, ngx_str_t *bytes)
{
    ngx_buf_t          *b;
    ngx_int_t           rc;
    ngx_chain_t         out;
    ngx_http_request_t *r;

    r = s->request;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        ngx_http_junkmail_finish(r, NGX_ERROR);
        return NGX_ERROR;
    }

    b->pos = bytes->data;
    b->last = bytes->data + bytes->len;
    b->memory = bytes->len != 0;

    if (s->part == s->end) {
        b->last_buf = 1;
        b->last_in_chain = 1;

    } else {
        b->flush = 1;
    }

    out.buf = b;
    out.next = NULL;

    rc = ngx_http_output_filter(r, &out);

    if (rc == NGX_ERROR || s->part == s->end) {
        ngx_http_junkmail_finish(r, rc);
        return NGX_DONE;
    }

    /* A window is used again, so it must have left. */

    if (ngx_junkmail_stream_buffered(r)) {
        ngx_junkmail_stream_wait(s);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_stream_ask(ngx_junkmail_stream_t *s)
{
    u_char              from[NGX_OFF_T_LEN], to[NGX_OFF_T_LEN];
    off_t               last;
    ngx_str_t           argv[4];
    ngx_http_request_t *r;

    r = s->request;

    if (s->window == NULL) {
        s->window = ngx_palloc(r->pool, JM_WINDOW);
        if (s->window == NULL) {
            return NGX_ERROR;
        }
    }

    last = s->part->start + ngx_min(s->part->length, JM_WINDOW) - 1;

    ngx_str_set(&argv[0], "GETRANGE");
    argv[1] = s->part->key;
    argv[2].data = from;
    argv[2].len = ngx_sprintf(from, "%O", s->part->start) - from;
    argv[3].data = to;
    argv[3].len = ngx_sprintf(to, "%O", last) - to;

    return ngx_junkmail_redis_command(r->pool, ngx_junkmail_stream_window, s,
                                      4, argv);
}


static void
ngx_junkmail_stream_window(void *data, redisReply *reply)
{
    ngx_junkmail_stream_t *s = data;

    ngx_str_t           bytes;
    ngx_http_request_t *r;

    r = s->request;
    bytes.len = ngx_min(s->part->length, JM_WINDOW);
    bytes.data = s->window;

    /* Gone meanwhile, or Redis is: cut short, which the client can see. */

    if (reply == NULL || reply->type != REDIS_REPLY_STRING
        || (size_t) reply->len != bytes.len)
    {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "a part of the response is no longer to be had");
        ngx_http_junkmail_finish(r, NGX_ERROR);
        return;
    }

    ngx_memcpy(bytes.data, reply->str, bytes.len);

    s->part->start += bytes.len;
    s->part->length -= bytes.len;

    if (s->part->length == 0) {
        s->part++;
    }

    if (ngx_junkmail_stream_output(s, &bytes) == NGX_OK) {
        ngx_junkmail_stream_run(s);
    }
}


static void
ngx_junkmail_stream_wait(ngx_junkmail_stream_t *s)
{
    ngx_event_t              *wev;
    ngx_http_request_t       *r;
    ngx_http_core_loc_conf_t *clcf;

    r = s->request;
    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_junkmail_stream_drain;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_junkmail_finish(r, NGX_ERROR);
    }
}


static void
ngx_junkmail_stream_drain(ngx_http_request_t *r)
{
    ngx_event_t             *wev;
    ngx_connection_t        *c;
    ngx_http_junkmail_ctx_t *ctx;

    c = r->connection;
    wev = c->write;
    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;
        ngx_http_junkmail_finish(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed) {
        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            ngx_http_junkmail_finish(r, NGX_ERROR);
            return;
        }
    }

    if (wev->delayed || ngx_junkmail_stream_buffered(r)) {
        ngx_junkmail_stream_wait(ctx->data);
        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_junkmail_stream_run(ctx->data);
}


static ngx_uint_t
ngx_junkmail_stream_buffered(ngx_http_request_t *r)
{
    return r->buffered || r->postponed || r->connection->buffered;
}


/* Validators. */


ngx_int_t
ngx_junkmail_api_gzip(ngx_http_request_t *r)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Content-Encoding");
    ngx_str_set(&h->value, "gzip");
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    r->headers_out.content_encoding = h;

    return NGX_OK;
}


ngx_str_t
ngx_junkmail_api_etag(ngx_http_request_t *r, ngx_str_t *id, int64_t version,
                      ngx_uint_t gzip)
{
    return ngx_junkmail_api_printf(r, id->len + NGX_INT64_LEN + 8,
                                   "\"%V-%L%s\"", id, version,
                                   gzip ? "-gz" : "");
}


ngx_int_t
ngx_junkmail_api_validate(ngx_http_request_t *r, ngx_str_t *id,
                          int64_t version, ngx_uint_t gzip)
{
    ngx_str_t                etag;
    ngx_http_junkmail_ctx_t *ctx;

    /* The gunzip filter asks the same question and gets the same answer. */

    etag = ngx_junkmail_api_etag(r, id, version,
                                 gzip && ngx_http_gzip_ok(r) == NGX_OK);

    /*
     * headers_out.etag stays NULL: nginx would weaken the tag when it unpacks,
     * though ours names the unpacked form already.
     */

    if (etag.data == NULL
        || ngx_http_junkmail_header(r, "ETag", &etag) != NGX_OK
        || ngx_junkmail_api_cache(r) != NGX_OK)
    {
        ngx_http_junkmail_finish(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (ngx_junkmail_etag_matches(r, &etag)) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);
        ctx->answered = 1;

        r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        r->headers_out.content_length_n = -1;

        ngx_http_junkmail_finish(r, ngx_http_send_header(r));
        return NGX_DONE;
    }

    if (gzip && ngx_junkmail_api_gzip(r) != NGX_OK) {
        ngx_http_junkmail_finish(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_api_cache(ngx_http_request_t *r)
{
    if (ngx_http_junkmail_header_text(r, "Vary", "Accept-Encoding") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_junkmail_header_text(r, "Cache-Control",
                                         "private, no-cache");
}


/* RFC 7232, 3.2: a list, or `*`; compared weakly, so `W/` does not matter. */

static ngx_uint_t
ngx_junkmail_etag_matches(ngx_http_request_t *r, ngx_str_t *etag)
{
    u_char          *p, *end;
    ngx_table_elt_t *h;

    h = r->headers_in.if_none_match;

    if (h == NULL) {
        return 0;
    }

    p = h->value.data;
    end = p + h->value.len;

    if (h->value.len == 1 && *p == '*') {
        return 1;
    }

    while (p < end) {
        if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        if ((size_t) (end - p) >= etag->len
            && ngx_memcmp(p, etag->data, etag->len) == 0)
        {
            return 1;
        }

        while (p < end && *p != ',') {
            p++;
        }

        while (p < end && (*p == ',' || *p == ' ' || *p == '\t')) {
            p++;
        }
    }

    return 0;
}
