/*
 * Cross-origin requests (fetch.spec.whatwg.org, "CORS protocol"): which web
 * pages of other origins may read the API's answers.  None, unless the
 * directive junkmail_cors names them.  The key is in a header that a page must
 * set itself: there is no ambient authority, and credentials are not allowed.
 *
 * Called by the HTTP part's front (preflight), by its header filter, and by
 * push, which a page can ask without all this and so has a list of its own.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_junkmail.h"


/* What a page may send beyond the simple, and read of the answer. */
#define NGX_JUNKMAIL_CORS_ALLOWED                                             \
    "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, "   \
    "Range"
#define NGX_JUNKMAIL_CORS_EXPOSED                                             \
    "Content-Disposition, Content-Range, ETag, Location, Retry-After, "       \
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
#define NGX_JUNKMAIL_CORS_AGE                                                 \
    "7200" /* seconds: no browser keeps it longer                             \
            */


static ngx_str_t *ngx_junkmail_cors_header(ngx_http_request_t *r,
                                           const char *name, size_t len);
static ngx_uint_t ngx_junkmail_cors_listed(ngx_array_t *list,
                                           ngx_str_t   *origin);
static ngx_str_t *ngx_junkmail_cors_origin(ngx_http_request_t *r);


char *
ngx_junkmail_origins_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t    *value, *origin;
    ngx_uint_t    i;
    ngx_array_t **list;

    list = (ngx_array_t **) ((char *) conf + cmd->offset);

    if (*list != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        *list = NULL;
        return NGX_CONF_OK;
    }

    *list = ngx_array_create(cf->pool, cf->args->nelts - 1, sizeof(ngx_str_t));
    if (*list == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        /* A browser sends scheme, host and port, nothing behind them. */

        if (ngx_strncmp(value[i].data, "http", 4) != 0
            || ngx_strstr(value[i].data, "://") == NULL
            || value[i].data[value[i].len - 1] == '/')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" takes \"off\" or origins, "
                               "as in \"https://mail.example\", not \"%V\"",
                               &cmd->name, &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(*list);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


static ngx_str_t *
ngx_junkmail_cors_header(ngx_http_request_t *r, const char *name, size_t len)
{
    ngx_uint_t       i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i == part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncmp(h[i].lowcase_key, name, len) == 0) {
            return &h[i].value;
        }
    }
}


ngx_uint_t
ngx_junkmail_origin_allowed(ngx_http_request_t *r, ngx_array_t *list)
{
    ngx_str_t *origin;

    origin = ngx_junkmail_cors_header(r, "origin", 6);

    return origin == NULL || ngx_junkmail_cors_listed(list, origin);
}


/* Byte by byte. */

static ngx_uint_t
ngx_junkmail_cors_listed(ngx_array_t *list, ngx_str_t *origin)
{
    ngx_str_t *allowed;
    ngx_uint_t i;

    allowed = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (origin->len == allowed[i].len
            && ngx_memcmp(origin->data, allowed[i].data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The request's origin if its pages may read the answer. */

static ngx_str_t *
ngx_junkmail_cors_origin(ngx_http_request_t *r)
{
    ngx_str_t                    *origin;
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);
    origin = ngx_junkmail_cors_header(r, "origin", 6);

    return jlcf->cors != NULL && origin != NULL
                   && ngx_junkmail_cors_listed(jlcf->cors, origin)
               ? origin
               : NULL;
}


ngx_int_t
ngx_junkmail_cors_headers(ngx_http_request_t *r)
{
    ngx_str_t                    *origin;
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    if (jlcf->cors == NULL) {
        return NGX_OK;
    }

    /* Also when the origin is not of the list: a cache must not give one
     * origin what another was answered. */

    if (ngx_http_junkmail_header_text(r, "Vary", "Origin") != NGX_OK) {
        return NGX_ERROR;
    }

    origin = ngx_junkmail_cors_origin(r);
    if (origin == NULL) {
        return NGX_OK;
    }

    if (ngx_http_junkmail_header(r, "Access-Control-Allow-Origin", origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_junkmail_header_text(r, "Access-Control-Expose-Headers",
                                         NGX_JUNKMAIL_CORS_EXPOSED);
}


ngx_int_t
ngx_junkmail_cors_preflight(ngx_http_request_t *r, ngx_str_t *methods)
{
    ngx_int_t rc;

    if (r->method != NGX_HTTP_OPTIONS || ngx_junkmail_cors_origin(r) == NULL
        || ngx_junkmail_cors_header(r, "access-control-request-method", 29)
               == NULL)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_junkmail_header(r, "Access-Control-Allow-Methods", methods)
            != NGX_OK
        || ngx_http_junkmail_header_text(r, "Access-Control-Allow-Headers",
                                         NGX_JUNKMAIL_CORS_ALLOWED)
               != NGX_OK
        || ngx_http_junkmail_header_text(r, "Access-Control-Max-Age",
                                         NGX_JUNKMAIL_CORS_AGE)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}
