/*
 * The API's errors: one table of words, codes, statuses and texts, the form in
 * which they are sent, and the filter that puts nginx's own error pages on the
 * API's paths into the same form.  The filter also adds the X-RateLimit and
 * the cross-origin headers, so that they are on every response.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_junkmail.h"


typedef struct {
    const char *word; /* what the code says to itself */
    const char *code; /* what the client reads */
    ngx_uint_t  status;
    const char *text;
} ngx_junkmail_error_t;


static const ngx_junkmail_error_t *
ngx_http_junkmail_error_find(const char *word);
static const ngx_junkmail_error_t                   *
ngx_http_junkmail_error_status(ngx_uint_t status);
static ngx_int_t  ngx_http_junkmail_error_send(ngx_http_request_t         *r,
                                               const ngx_junkmail_error_t *e,
                                               const char *field);
static ngx_int_t  ngx_http_junkmail_error_body(ngx_http_request_t         *r,
                                               const ngx_junkmail_error_t *e,
                                               const char *field,
                                               ngx_str_t  *body);
static ngx_int_t  ngx_http_junkmail_retry_after(ngx_http_request_t *r,
                                                time_t              seconds);
static ngx_uint_t ngx_http_junkmail_is_api(ngx_http_request_t *r);
static ngx_int_t  ngx_http_junkmail_rate_headers(ngx_http_request_t  *r,
                                                 ngx_junkmail_rate_t *rate);
static ngx_int_t  ngx_http_junkmail_replace(ngx_http_request_t      *r,
                                            ngx_http_junkmail_ctx_t *ctx);
static ngx_int_t  ngx_http_junkmail_header_filter(ngx_http_request_t *r);
static ngx_int_t  ngx_http_junkmail_body_filter(ngx_http_request_t *r,
                                                ngx_chain_t        *in);


/* Seconds after which to try again when the store is away. */
#define NGX_HTTP_JUNKMAIL_RETRY 2


static const ngx_junkmail_error_t ngx_http_junkmail_errors[] = {

    /* 4xx; the first row of a status is what nginx's own errors become */
    { "BAD_JSON", "BAD_JSON", 400, "The request body is not valid JSON" },
    { "BAD_REQUEST", "VALIDATION_FAILED", 400, "The request is malformed" },
    { "INVALID_API_KEY", "INVALID_API_KEY", 401,
      "Invalid or missing API key" },
    { "MISSING_SCOPE", "MISSING_SCOPE", 403,
      "The API key lacks the scope for this request" },
    { "REGISTRATION_CLOSED", "REGISTRATION_CLOSED", 403,
      "Registration is closed on this server" },
    { "ORIGIN_NOT_ALLOWED", "ORIGIN_NOT_ALLOWED", 403,
      "Pages of this origin may not listen here" },
    { "NOT_FOUND", "NOT_FOUND", 404, "Not found" },
    { "EMAIL_NOT_FOUND", "NOT_FOUND", 404, "Email not found" },
    { "ADDRESS_NOT_FOUND", "NOT_FOUND", 404, "Address not found" },
    { "KEY_NOT_FOUND", "NOT_FOUND", 404, "API key not found" },
    { "ATTACHMENT_NOT_FOUND", "NOT_FOUND", 404, "Attachment not found" },
    { "SOURCE_NOT_FOUND", "NOT_FOUND", 404,
      "Email not found, or its original is not kept" },
    { "VIEW_NOT_FOUND", "NOT_FOUND", 404,
      "This view has expired or does not exist" },
    { "METHOD_NOT_ALLOWED", "METHOD_NOT_ALLOWED", 405, "Method not allowed" },
    { "NOT_ACCEPTABLE", "NOT_ACCEPTABLE", 406,
      "Ask for text/event-stream, or upgrade to websocket" },
    { "TIMEOUT", "VALIDATION_FAILED", 408, "The request took too long" },
    { "ALIAS_TAKEN", "ALIAS_TAKEN", 409, "This address is already taken" },
    { "ADDRESS_HELD", "ADDRESS_HELD", 409,
      "A domain's mail comes here: the operator must send it elsewhere "
      "first" },
    { "PRECONDITION_FAILED", "PRECONDITION_FAILED", 412,
      "Precondition failed" },
    { "TOO_LARGE", "TOO_LARGE", 413, "The request body is too large" },
    { "URI_TOO_LARGE", "TOO_LARGE", 414, "The request address is too long" },
    { "UNSUPPORTED_TYPE", "UNSUPPORTED_TYPE", 415,
      "The request body must be application/json" },
    { "BAD_RANGE", "VALIDATION_FAILED", 416,
      "The requested range cannot be satisfied" },
    { "VALIDATION_FAILED", "VALIDATION_FAILED", 422, "Validation failed" },
    { "ADDRESS_EXPIRED", "VALIDATION_FAILED", 422,
      "The address has expired; make it again" },
    { "QUOTA_EXCEEDED", "QUOTA_EXCEEDED", 422,
      "The account has reached its limit" },
    { "UPGRADE_REQUIRED", "NOT_ACCEPTABLE", 426,
      "Only version 13 of WebSocket is spoken here" },
    { "RATE_LIMITED", "RATE_LIMITED", 429, "Too many requests" },

    /* 5xx */
    { "INTERNAL", "INTERNAL", 500, "Internal error" },
    { "STORE_UNAVAILABLE", "STORE_UNAVAILABLE", 503,
      "The mail store is not available" },
    { "STORE_FULL", "STORE_UNAVAILABLE", 503,
      "The server takes no new accounts at present" },

    { NULL, NULL, 0, NULL }
};


static ngx_http_output_header_filter_pt ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt   ngx_http_next_body_filter;


ngx_int_t
ngx_http_junkmail_error(ngx_http_request_t *r, const char *code)
{
    return ngx_http_junkmail_error_send(r, ngx_http_junkmail_error_find(code),
                                        NULL);
}


ngx_int_t
ngx_http_junkmail_invalid(ngx_http_request_t *r, const char *field)
{
    return ngx_http_junkmail_error_send(
        r, ngx_http_junkmail_error_find("VALIDATION_FAILED"), field);
}


ngx_int_t
ngx_http_junkmail_limited(ngx_http_request_t *r, ngx_junkmail_rate_t *rate)
{
    if (ngx_http_junkmail_retry_after(r, rate->reset - ngx_time()) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_junkmail_error(r, "RATE_LIMITED");
}


void
ngx_http_junkmail_fail(ngx_http_request_t *r, const char *code)
{
    ngx_http_junkmail_finish(r, ngx_http_junkmail_error(r, code));
}


void
ngx_http_junkmail_finish(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static const ngx_junkmail_error_t *
ngx_http_junkmail_error_find(const char *word)
{
    const ngx_junkmail_error_t *e;

    for (e = ngx_http_junkmail_errors; e->word != NULL; e++) {
        if (ngx_strcmp(e->word, word) == 0) {
            return e;
        }
    }

    return ngx_http_junkmail_error_find("INTERNAL");
}


static const ngx_junkmail_error_t *
ngx_http_junkmail_error_status(ngx_uint_t status)
{
    const ngx_junkmail_error_t *e;

    if (status == NGX_HTTP_BAD_REQUEST) {
        return ngx_http_junkmail_error_find("BAD_REQUEST");
    }

    for (e = ngx_http_junkmail_errors; e->word != NULL; e++) {
        if (e->status == status) {
            return e;
        }
    }

    return ngx_http_junkmail_error_find(status < 500 ? "BAD_REQUEST"
                                                     : "INTERNAL");
}


static ngx_int_t
ngx_http_junkmail_error_send(ngx_http_request_t         *r,
                             const ngx_junkmail_error_t *e, const char *field)
{
    ngx_int_t rc;
    ngx_str_t body;

    /* A body left unread would be taken for the next request. */

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    /* The response that was begun may have been a compressed one. */

    if (r->headers_out.content_encoding != NULL) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = NULL;
    }

    if (ngx_http_junkmail_error_body(r, e, field, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    if (e->status == NGX_HTTP_UNAUTHORIZED
        && ngx_http_junkmail_header_text(r, "WWW-Authenticate", "Bearer")
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (e->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_junkmail_retry_after(r, NGX_HTTP_JUNKMAIL_RETRY) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_junkmail_json(r, e->status, &body);
}


static ngx_int_t
ngx_http_junkmail_error_body(ngx_http_request_t         *r,
                             const ngx_junkmail_error_t *e, const char *field,
                             ngx_str_t *body)
{
    u_char *p;
    size_t  size;

    size = sizeof("{\"error\":\"\",\"code\":\"\",\"field\":\"\"}: ")
           + ngx_strlen(e->text) + ngx_strlen(e->code);

    if (field != NULL) {
        size += 2 * ngx_strlen(field);
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    if (field != NULL) {
        p = ngx_sprintf(p,
                        "{\"error\":\"%s: %s\",\"code\":\"%s\",\"field\":"
                        "\"%s\"}",
                        e->text, field, e->code, field);
    } else {
        p = ngx_sprintf(p, "{\"error\":\"%s\",\"code\":\"%s\"}", e->text,
                        e->code);
    }

    body->len = p - body->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_junkmail_retry_after(ngx_http_request_t *r, time_t seconds)
{
    u_char   *p;
    ngx_str_t value;

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%T", ngx_max(seconds, 1)) - p;

    return ngx_http_junkmail_header(r, "Retry-After", &value);
}


/* The filter. */


void
ngx_http_junkmail_error_filter(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_junkmail_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_junkmail_body_filter;
}


/*
 * A request that nginx refuses before it looks for a location counts by its
 * path, which is not complete when that is what was wrong.
 */

static ngx_uint_t
ngx_http_junkmail_is_api(ngx_http_request_t *r)
{
    ngx_str_t                     path;
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    if (jlcf->api) {
        return 1;
    }

    /* ngx_http_handler() sets it. */

    if (r->write_event_handler != NULL) {
        return 0;
    }

    path = r->uri;

    if (path.len == 0 && r->uri_start != NULL) {
        path.data = r->uri_start;
        path.len = (r->uri_end != NULL ? r->uri_end : r->header_in->last)
                   - r->uri_start;
    }

    return path.len >= sizeof(NGX_HTTP_JUNKMAIL_PREFIX) - 1
           && ngx_memcmp(path.data, NGX_HTTP_JUNKMAIL_PREFIX,
                         sizeof(NGX_HTTP_JUNKMAIL_PREFIX) - 1)
                  == 0;
}


static ngx_int_t
ngx_http_junkmail_header_filter(ngx_http_request_t *r)
{
    ngx_http_junkmail_ctx_t *ctx;

    if (r != r->main || !ngx_http_junkmail_is_api(r)) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_junkmail_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->rated && r->headers_out.status != NGX_HTTP_UNAUTHORIZED
        && ngx_http_junkmail_rate_headers(r, &ctx->rate) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_junkmail_cors_headers(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ctx->answered && r->headers_out.status >= NGX_HTTP_BAD_REQUEST
        && ngx_http_junkmail_replace(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_junkmail_rate_headers(ngx_http_request_t  *r,
                               ngx_junkmail_rate_t *rate)
{
    u_char     *p;
    ngx_str_t   value;
    ngx_uint_t  i;
    const char *names[] = { "X-RateLimit-Limit", "X-RateLimit-Remaining",
                            "X-RateLimit-Reset" };
    ngx_uint_t  values[] = { rate->limit, rate->remaining,
                             (ngx_uint_t) rate->reset };

    for (i = 0; i < 3; i++) {
        p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "%ui", values[i]) - p;

        if (ngx_http_junkmail_header(r, names[i], &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_junkmail_replace(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_buf_t                  *b;
    ngx_str_t                   body;
    ngx_chain_t                *cl;
    const ngx_junkmail_error_t *e;

    e = ngx_http_junkmail_error_status(r->headers_out.status);

    if (ngx_http_junkmail_error_body(r, e, NULL, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->pos = body.data;
    b->last = body.data + body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    cl->buf = b;
    cl->next = NULL;

    ctx->replacement = cl;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    r->headers_out.content_length_n = body.len;
    r->headers_out.charset.len = 0;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_junkmail_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t             *cl;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    if (ctx == NULL || ctx->replacement == NULL || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    /* nginx sends an error page as one chain. */

    for (cl = in; cl != NULL; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    cl = ctx->replacement;
    ctx->replacement = NULL;

    return ngx_http_next_body_filter(r, cl);
}
