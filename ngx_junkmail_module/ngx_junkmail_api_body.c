/*
 * The JSON body of an API request (RFC 8259): read in one piece, checked,
 * parsed once by cJSON, and its members.  Called by
 * ngx_http_junkmail_module.c before the route's handler, then by the
 * resources.
 *
 * The tree hangs on the request's ctx and goes with the request's pool.
 *
 * cJSON takes more than the RFC allows: control characters in strings and as
 * white space, 01 and 1. as numbers, a byte order mark.  Each means what it
 * looks like, and what a field may hold is checked by who reads it.  What
 * cJSON would misread is refused before.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_utf8.h"
#include "ngx_junkmail_api.h"


#define NGX_JUNKMAIL_API_DEPTH  32
#define NGX_JUNKMAIL_API_VALUES 1000 /* of a few dozen bytes each in cJSON */


static ngx_uint_t ngx_junkmail_body_type(ngx_http_request_t *r);
static void       ngx_junkmail_body_handler(ngx_http_request_t *r);
static ngx_int_t  ngx_junkmail_body_gather(ngx_http_request_t *r,
                                           ngx_str_t          *text);
static ngx_int_t  ngx_junkmail_body_check(ngx_str_t *text);
static ngx_int_t  ngx_junkmail_body_parse(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx,
                                          ngx_str_t               *text);
static void       ngx_junkmail_body_cleanup(void *data);


ngx_int_t
ngx_junkmail_api_read_body(ngx_http_request_t *r)
{
    ngx_int_t rc;

    if (!ngx_junkmail_body_type(r)) {
        return ngx_http_junkmail_error(r, "UNSUPPORTED_TYPE");
    }

    rc = ngx_http_read_client_request_body(r, ngx_junkmail_body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_uint_t
ngx_junkmail_body_type(ngx_http_request_t *r)
{
    ngx_str_t        type;
    ngx_table_elt_t *h;

    h = r->headers_in.content_type;

    if (h == NULL) {
        return 0;
    }

    type = h->value;

    return type.len >= 16
           && ngx_strncasecmp(type.data, (u_char *) "application/json", 16)
                  == 0
           && (type.len == 16 || type.data[16] == ';' || type.data[16] == ' ');
}


static void
ngx_junkmail_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    rc = ngx_junkmail_body_gather(r, &text);

    if (rc == NGX_OK) {
        rc = ngx_junkmail_body_check(&text);
    }

    if (rc == NGX_OK) {
        rc = ngx_junkmail_body_parse(r, ctx, &text);
    }

    if (rc == NGX_OK) {
        rc = ctx->route->handler(r, ctx);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_junkmail_error(r, "BAD_JSON");
    }

    ngx_http_finalize_request(r, rc);
}


/* The whole body in one piece, a NUL behind it; no body is an empty object. */

static ngx_int_t
ngx_junkmail_body_gather(ngx_http_request_t *r, ngx_str_t *text)
{
    size_t       len;
    u_char      *p;
    ssize_t      n;
    ngx_buf_t   *b;
    ngx_chain_t *cl;

    len = 0;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    if (len == 0) {
        ngx_str_set(text, "{}");
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text->data = p;
    text->len = len;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        if (!b->in_file) {
            continue; /* the end of a chunked body */
        }

        /* At most 64 KiB, just written: the page cache has them. */

        n = ngx_read_file(b->file, p, ngx_buf_size(b), b->file_pos);
        if (n != (ssize_t) ngx_buf_size(b)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p += n;
    }

    *p = '\0';

    return NGX_OK;
}


/*
 * What has to be known before cJSON may see the text.  It does not look at the
 * encoding, it ends a string at a NUL, however that was written (it reads an
 * escape that is no number as NUL, too), and it recurses.  NGX_DECLINED: not
 * fit.
 */

static ngx_int_t
ngx_junkmail_body_check(ngx_str_t *text)
{
    u_char    *p, *end;
    size_t     n;
    uint32_t   cp;
    ngx_int_t  depth;
    ngx_uint_t quoted, values;

    depth = 0;
    quoted = 0;
    values = 0;
    end = text->data + text->len;

    for (p = text->data; p < end; p += n) {
        n = jm_utf8_decode(p, end, &cp);

        if (n == 0 || cp == '\0') {
            return NGX_DECLINED;
        }

        if (cp == '"') {
            quoted = !quoted;

        } else if (quoted && cp == '\\') {

            if (end - p >= 6 && p[1] == 'u' && ngx_hextoi(p + 2, 4) <= 0) {
                return NGX_DECLINED;
            }

            n = 2; /* what is escaped ends no string */

        } else if (!quoted && (cp == '[' || cp == '{')) {

            if (++depth > NGX_JUNKMAIL_API_DEPTH) {
                return NGX_DECLINED;
            }

        } else if (!quoted && (cp == ']' || cp == '}')) {
            depth--;

        } else if (!quoted && cp == ',') {

            if (++values == NGX_JUNKMAIL_API_VALUES) {
                return NGX_DECLINED;
            }
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: it is not one JSON object. */

static ngx_int_t
ngx_junkmail_body_parse(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                        ngx_str_t *text)
{
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* With the NUL, which cJSON wants to find where the value ends. */

    ctx->body = cJSON_ParseWithLengthOpts((char *) text->data, text->len + 1,
                                          NULL, 1);
    cln->handler = ngx_junkmail_body_cleanup;
    cln->data = ctx->body;

    return cJSON_IsObject(ctx->body) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_junkmail_body_cleanup(void *data)
{
    cJSON_Delete(data);
}


/* Members.  Of several with one name the first counts. */


cJSON *
ngx_junkmail_api_field(ngx_http_request_t *r, const char *name)
{
    cJSON                   *item;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);
    item = cJSON_GetObjectItemCaseSensitive(ctx->body, name);

    return cJSON_IsNull(item) ? NULL : item;
}


ngx_int_t
ngx_junkmail_api_field_string(ngx_http_request_t *r, const char *name,
                              ngx_str_t *out)
{
    cJSON *item;

    item = ngx_junkmail_api_field(r, name);

    if (item == NULL) {
        return NGX_DECLINED;
    }

    if (!cJSON_IsString(item)) {
        return NGX_ERROR;
    }

    out->data = (u_char *) item->valuestring;
    out->len = ngx_strlen(item->valuestring);

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_api_field_integer(ngx_http_request_t *r, const char *name,
                               int64_t min, int64_t max, int64_t *out)
{
    cJSON *item;

    item = ngx_junkmail_api_field(r, name);

    if (item == NULL) {
        return NGX_DECLINED;
    }

    /* Written so that what is not a number in range, infinity and NaN among
     * it, is never converted. */

    if (!cJSON_IsNumber(item)
        || !(item->valuedouble >= min && item->valuedouble <= max)
        || item->valuedouble != (int64_t) item->valuedouble)
    {
        return NGX_ERROR;
    }

    *out = item->valuedouble;

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_api_field_flag(ngx_http_request_t *r, const char *name,
                            ngx_str_t *out)
{
    cJSON                   *item;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);
    item = cJSON_GetObjectItemCaseSensitive(ctx->body, name);

    if (item == NULL) {
        return NGX_DECLINED;
    }

    if (!cJSON_IsBool(item)) {
        return NGX_ERROR;
    }

    out->data = (u_char *) (cJSON_IsTrue(item) ? "1" : "0");
    out->len = 1;

    return NGX_OK;
}
