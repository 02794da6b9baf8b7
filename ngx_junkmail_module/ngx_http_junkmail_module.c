/*
 * The HTTP part's front: its directives, the table of the API's routes, and
 * what stands before every route: path, method, key, rate limit, request body.
 * What a route does is in ngx_junkmail_api_*.c.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_junkmail.h"
#include "ngx_junkmail.h"
#include "ngx_junkmail_api.h"
#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_redis.h"
#include "ngx_junkmail_stats.h"


#define NGX_HTTP_JUNKMAIL_EXPIRY (30 * 24 * 3600)


static ngx_int_t  ngx_http_junkmail_handler(ngx_http_request_t *r);
static ngx_int_t  ngx_http_junkmail_route(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx,
                                          ngx_uint_t              *allowed);
static ngx_uint_t ngx_http_junkmail_match(const char *pattern, ngx_str_t *path,
                                          ngx_str_t *arg);
static ngx_int_t  ngx_http_junkmail_not_allowed(ngx_http_request_t *r,
                                                ngx_uint_t          allowed);
static ngx_int_t  ngx_http_junkmail_events(ngx_http_request_t      *r,
                                           ngx_http_junkmail_ctx_t *ctx);
static void      *ngx_http_junkmail_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_junkmail_merge_loc_conf(ngx_conf_t *cf, void *parent,
                                              void *child);
static char *ngx_http_junkmail_set_handler(ngx_conf_t *cf, ngx_command_t *cmd,
                                           void *conf);
static ngx_int_t ngx_http_junkmail_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_junkmail_count(ngx_http_request_t *r);
static ngx_int_t ngx_http_junkmail_init_process(ngx_cycle_t *cycle);
static void      ngx_http_junkmail_exit_process(ngx_cycle_t *cycle);


/* The order of the rows is that of API.md; the first that fits counts. */

static const ngx_http_junkmail_route_t ngx_http_junkmail_routes[] = {

    { NGX_HTTP_POST, "accounts", NGX_HTTP_JUNKMAIL_OPEN, NULL,
      ngx_junkmail_api_account_create },
    { NGX_HTTP_GET, "accounts/me", 0, "INVALID_API_KEY",
      ngx_junkmail_api_account_get },
    { NGX_HTTP_DELETE, "accounts/me", 0, "INVALID_API_KEY",
      ngx_junkmail_api_account_delete },

    { NGX_HTTP_GET, "keys", 0, "KEY_NOT_FOUND", ngx_junkmail_api_key_list },
    { NGX_HTTP_POST, "keys", NGX_HTTP_JUNKMAIL_BODY, "KEY_NOT_FOUND",
      ngx_junkmail_api_key_create },
    { NGX_HTTP_DELETE, "keys/:", 0, "KEY_NOT_FOUND",
      ngx_junkmail_api_key_delete },

    { NGX_HTTP_GET, "server/domains", NGX_HTTP_JUNKMAIL_OPEN, NULL,
      ngx_junkmail_api_domains },

    { NGX_HTTP_GET, "addresses", 0, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_address_list },
    { NGX_HTTP_POST, "addresses", NGX_HTTP_JUNKMAIL_BODY, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_address_create },
    { NGX_HTTP_GET, "addresses/:", 0, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_address_get },
    { NGX_HTTP_PATCH, "addresses/:", NGX_HTTP_JUNKMAIL_BODY,
      "ADDRESS_NOT_FOUND", ngx_junkmail_api_address_update },
    { NGX_HTTP_DELETE, "addresses/:", 0, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_address_delete },

    { NGX_HTTP_GET, "emails", 0, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_email_list },
    { NGX_HTTP_PATCH, "emails", NGX_HTTP_JUNKMAIL_BODY, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_email_update_many },
    { NGX_HTTP_GET, "emails/wait", 0, "ADDRESS_NOT_FOUND",
      ngx_junkmail_api_email_wait },
    { NGX_HTTP_GET, "emails/:", 0, "EMAIL_NOT_FOUND",
      ngx_junkmail_api_email_get },
    { NGX_HTTP_PATCH, "emails/:", NGX_HTTP_JUNKMAIL_BODY, "EMAIL_NOT_FOUND",
      ngx_junkmail_api_email_update },
    { NGX_HTTP_DELETE, "emails/:", 0, "EMAIL_NOT_FOUND",
      ngx_junkmail_api_email_delete },
    { NGX_HTTP_GET, "emails/:/html", 0, "EMAIL_NOT_FOUND",
      ngx_junkmail_api_email_html },
    { NGX_HTTP_GET, "emails/:/source", 0, "SOURCE_NOT_FOUND",
      ngx_junkmail_api_email_source },
    { NGX_HTTP_GET, "emails/:/attachments/:", 0, "ATTACHMENT_NOT_FOUND",
      ngx_junkmail_api_email_attachment },
    { NGX_HTTP_POST, "emails/:/view", 0, "EMAIL_NOT_FOUND",
      ngx_junkmail_api_view_create },

    { NGX_HTTP_GET, "view/:/", NGX_HTTP_JUNKMAIL_OPEN, "VIEW_NOT_FOUND",
      ngx_junkmail_api_view_html },
    { NGX_HTTP_GET, "view/:/attachments/:", NGX_HTTP_JUNKMAIL_OPEN,
      "VIEW_NOT_FOUND", ngx_junkmail_api_view_attachment },

    /* Identifies by itself: a browser's key is in the subprotocol. */
    { NGX_HTTP_GET, "events", NGX_HTTP_JUNKMAIL_OPEN, "ADDRESS_NOT_FOUND",
      ngx_http_junkmail_events },

    { 0, NULL, 0, NULL, NULL }
};


static const struct {
    ngx_uint_t  method;
    const char *name;
} ngx_http_junkmail_methods[] = { { NGX_HTTP_GET, "GET, HEAD" },
                                  { NGX_HTTP_POST, "POST" },
                                  { NGX_HTTP_PATCH, "PATCH" },
                                  { NGX_HTTP_DELETE, "DELETE" } };


static ngx_command_t ngx_http_junkmail_commands[] = {

    { ngx_string("junkmail_api"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_junkmail_set_handler, NGX_HTTP_LOC_CONF_OFFSET, 0,
      ngx_http_junkmail_handler },

    { ngx_string("junkmail_metrics"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_junkmail_set_handler, NGX_HTTP_LOC_CONF_OFFSET, 0,
      ngx_junkmail_metrics_handler },

    { ngx_string("junkmail_healthz"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_junkmail_set_handler, NGX_HTTP_LOC_CONF_OFFSET, 0,
      ngx_junkmail_healthz_handler },

    { ngx_string("junkmail_registration"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_FLAG,
      ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, registration), NULL },

    { ngx_string("junkmail_registration_rate"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_junkmail_rate_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, registration_rate), NULL },

    { ngx_string("junkmail_quota_emails"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, quota_emails), NULL },

    { ngx_string("junkmail_quota_bytes"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_off_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, quota_bytes), NULL },

    { ngx_string("junkmail_quota_addresses"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, quota_addresses), NULL },

    { ngx_string("junkmail_quota_address_emails"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, quota_address_emails), NULL },

    { ngx_string("junkmail_quota_address_bytes"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_off_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, quota_address_bytes), NULL },

    { ngx_string("junkmail_account_rate_limit"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_junkmail_rate_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, account_rate), NULL },

    { ngx_string("junkmail_rate_limit"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_junkmail_rate_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, rate), NULL },

    { ngx_string("junkmail_default_expiry"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, default_expiry), NULL },

    { ngx_string("junkmail_max_expiry"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, max_expiry), NULL },

    { ngx_string("junkmail_cors"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_1MORE,
      ngx_junkmail_origins_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, cors), NULL },

    { ngx_string("junkmail_push_ping"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, push_ping), NULL },

    { ngx_string("junkmail_push_jitter"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, push_jitter), NULL },

    { ngx_string("junkmail_push_origin"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_1MORE,
      ngx_junkmail_origins_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, push_origin), NULL },

    { ngx_string("junkmail_push_connections"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, push_all), NULL },

    { ngx_string("junkmail_push_connections_per_address"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, push_address), NULL },

    { ngx_string("junkmail_push_connections_per_key"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_junkmail_loc_conf_t, push_key), NULL },

    ngx_null_command
};


static ngx_http_module_t ngx_http_junkmail_module_ctx = {
    NULL,                                /* preconfiguration */
    ngx_http_junkmail_postconfiguration, /* postconfiguration */
    NULL,                                /* create main configuration */
    NULL,                                /* init main configuration */
    NULL,                                /* create server configuration */
    NULL,                                /* merge server configuration */
    ngx_http_junkmail_create_loc_conf,   /* create location configuration */
    ngx_http_junkmail_merge_loc_conf     /* merge location configuration */
};


ngx_module_t ngx_http_junkmail_module = {
    NGX_MODULE_V1,
    &ngx_http_junkmail_module_ctx,
    ngx_http_junkmail_commands,
    NGX_HTTP_MODULE,
    NULL,                           /* init master */
    NULL,                           /* init module */
    ngx_http_junkmail_init_process, /* init process */
    NULL,                           /* init thread */
    NULL,                           /* exit thread */
    ngx_http_junkmail_exit_process, /* exit process */
    NULL,                           /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_junkmail_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               allowed;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_junkmail_route(r, ctx, &allowed) != NGX_OK) {

        if (allowed) {
            return ngx_http_junkmail_not_allowed(r, allowed);
        }

        return ngx_http_junkmail_error(r, "NOT_FOUND");
    }

    if (!(ctx->route->flags & NGX_HTTP_JUNKMAIL_OPEN)) {
        rc = ngx_http_junkmail_authorize(r);

        if (rc == NGX_BUSY) {
            return ngx_http_junkmail_limited(r, &ctx->rate);
        }

        if (rc != NGX_OK) {
            return ngx_http_junkmail_error(r, "INVALID_API_KEY");
        }

        ngx_junkmail_api_seen(r);
    }

    if (ctx->route->flags & NGX_HTTP_JUNKMAIL_BODY) {
        return ngx_junkmail_api_read_body(r);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ctx->route->handler(r, ctx);
}


/* NGX_DECLINED: no route; `allowed` are the methods the path knows. */

static ngx_int_t
ngx_http_junkmail_route(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                        ngx_uint_t *allowed)
{
    ngx_str_t                        path;
    ngx_uint_t                       method;
    const ngx_http_junkmail_route_t *route;

    *allowed = 0;
    path = r->uri;

    if (path.len < sizeof(NGX_HTTP_JUNKMAIL_PREFIX) - 1
        || ngx_memcmp(path.data, NGX_HTTP_JUNKMAIL_PREFIX,
                      sizeof(NGX_HTTP_JUNKMAIL_PREFIX) - 1)
               != 0)
    {
        return NGX_DECLINED;
    }

    path.data += sizeof(NGX_HTTP_JUNKMAIL_PREFIX) - 1;
    path.len -= sizeof(NGX_HTTP_JUNKMAIL_PREFIX) - 1;

    method = r->method == NGX_HTTP_HEAD ? NGX_HTTP_GET : r->method;

    for (route = ngx_http_junkmail_routes; route->path != NULL; route++) {

        if (!ngx_http_junkmail_match(route->path, &path, ctx->arg)) {
            continue;
        }

        if (route->method == method) {
            ctx->route = route;
            return NGX_OK;
        }

        *allowed |= route->method;
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_junkmail_match(const char *pattern, ngx_str_t *path, ngx_str_t *arg)
{
    u_char *p, *last, *start;

    p = path->data;
    last = p + path->len;

    for (/* void */; *pattern != '\0'; pattern++) {

        if (*pattern == ':') {
            start = p;

            while (p < last && *p != '/') {
                p++;
            }

            if (p == start) {
                return 0;
            }

            arg->data = start;
            arg->len = p - start;
            arg++;
            continue;
        }

        if (p == last || *p != (u_char) *pattern) {
            return 0;
        }

        p++;
    }

    return p == last;
}


/* A preflight of another origin's page, or a method that is not there. */

static ngx_int_t
ngx_http_junkmail_not_allowed(ngx_http_request_t *r, ngx_uint_t allowed)
{
    u_char    *p;
    ngx_int_t  rc;
    ngx_str_t  value;
    ngx_uint_t i;

    p = ngx_pnalloc(r->pool, sizeof("GET, HEAD, POST, PATCH, DELETE"));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.data = p;

    for (i = 0; i < sizeof(ngx_http_junkmail_methods)
                        / sizeof(ngx_http_junkmail_methods[0]);
         i++)
    {
        if (allowed & ngx_http_junkmail_methods[i].method) {
            p = ngx_sprintf(p, "%s%s", p == value.data ? "" : ", ",
                            ngx_http_junkmail_methods[i].name);
        }
    }

    value.len = p - value.data;

    rc = ngx_junkmail_cors_preflight(r, &value);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_junkmail_header(r, "Allow", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_junkmail_error(r, "METHOD_NOT_ALLOWED");
}


/* Who asks. */


ngx_int_t
ngx_http_junkmail_authorize(ngx_http_request_t *r)
{
    ngx_str_t text;

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    text = r->headers_in.authorization->value;

    /* RFC 7235, 2.1: the scheme is case-insensitive, then one space or more */

    if (text.len < 7
        || ngx_strncasecmp(text.data, (u_char *) "Bearer ", 7) != 0) {
        return NGX_DECLINED;
    }

    text.data += 7;
    text.len -= 7;

    while (text.len && *text.data == ' ') {
        text.data++;
        text.len--;
    }

    return ngx_http_junkmail_identify(r, &text);
}


ngx_int_t
ngx_http_junkmail_identify(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_int_t                     rc;
    ngx_http_junkmail_ctx_t      *ctx;
    ngx_junkmail_rate_conf_t     *limit;
    ngx_http_junkmail_loc_conf_t *jlcf;

    ctx = ngx_http_junkmail_get_ctx(r);
    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    if (jm_key_parse((jm_str_t){ text->data, text->len }, &ctx->key) != 0) {
        return NGX_DECLINED;
    }

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    limit = ctx->key.first ? &jlcf->account_rate : &jlcf->rate;

    if (limit->limit == 0) {
        return NGX_OK;
    }

    rc = ngx_junkmail_rate(&ctx->keyhash, limit->limit, limit->period,
                           &ctx->rate);
    ctx->rated = 1;

    return rc;
}


ngx_http_junkmail_ctx_t *
ngx_http_junkmail_get_ctx(ngx_http_request_t *r)
{
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    if (ctx != NULL) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_junkmail_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->account.data = (u_char *) ctx->key.account;
    ctx->account.len = JM_ACCOUNT_LEN;
    ctx->keyhash.data = (u_char *) ctx->key.hash;
    ctx->keyhash.len = JM_HASH_LEN;

    ngx_http_set_ctx(r, ctx, ngx_http_junkmail_module);

    return ctx;
}


static ngx_int_t
ngx_http_junkmail_events(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_push_handler(r);
}


/* Answers. */


ngx_int_t
ngx_http_junkmail_header(ngx_http_request_t *r, const char *name,
                         ngx_str_t *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_junkmail_header_text(ngx_http_request_t *r, const char *name,
                              const char *value)
{
    ngx_str_t text;

    text.data = (u_char *) value;
    text.len = ngx_strlen(value);

    return ngx_http_junkmail_header(r, name, &text);
}


ngx_int_t
ngx_http_junkmail_json(ngx_http_request_t *r, ngx_uint_t status,
                       ngx_str_t *body)
{
    ngx_int_t                rc;
    ngx_buf_t               *b;
    ngx_chain_t              out;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->answered = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* Configuration. */


static void *
ngx_http_junkmail_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_junkmail_loc_conf_t));
    if (jlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     jlcf->api = 0;
     */

    jlcf->registration = NGX_CONF_UNSET;
    jlcf->registration_rate.period = NGX_CONF_UNSET;
    jlcf->quota_emails = NGX_CONF_UNSET;
    jlcf->quota_bytes = NGX_CONF_UNSET;
    jlcf->quota_addresses = NGX_CONF_UNSET;
    jlcf->quota_address_emails = NGX_CONF_UNSET;
    jlcf->quota_address_bytes = NGX_CONF_UNSET;
    jlcf->account_rate.period = NGX_CONF_UNSET;
    jlcf->rate.period = NGX_CONF_UNSET;
    jlcf->default_expiry = NGX_CONF_UNSET;
    jlcf->max_expiry = NGX_CONF_UNSET;
    jlcf->cors = NGX_CONF_UNSET_PTR;
    jlcf->push_ping = NGX_CONF_UNSET_MSEC;
    jlcf->push_jitter = NGX_CONF_UNSET_MSEC;
    jlcf->push_origin = NGX_CONF_UNSET_PTR;
    jlcf->push_all = NGX_CONF_UNSET_UINT;
    jlcf->push_address = NGX_CONF_UNSET_UINT;
    jlcf->push_key = NGX_CONF_UNSET_UINT;

    return jlcf;
}


static char *
ngx_http_junkmail_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_junkmail_loc_conf_t *prev = parent;
    ngx_http_junkmail_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t *clcf;

    ngx_conf_merge_value(conf->registration, prev->registration, 1);
    ngx_junkmail_merge_rate_value(conf->registration_rate,
                                  prev->registration_rate, 10, 3600);
    ngx_conf_merge_value(conf->quota_emails, prev->quota_emails, 1000);
    ngx_conf_merge_off_value(conf->quota_bytes, prev->quota_bytes,
                             250 * 1024 * 1024);
    ngx_conf_merge_value(conf->quota_addresses, prev->quota_addresses, 100);
    ngx_conf_merge_value(conf->quota_address_emails,
                         prev->quota_address_emails, 0);
    ngx_conf_merge_off_value(conf->quota_address_bytes,
                             prev->quota_address_bytes, 0);
    ngx_junkmail_merge_rate_value(conf->account_rate, prev->account_rate, 600,
                                  60);
    ngx_junkmail_merge_rate_value(conf->rate, prev->rate, 100, 60);
    ngx_conf_merge_sec_value(conf->max_expiry, prev->max_expiry,
                             NGX_HTTP_JUNKMAIL_EXPIRY);
    ngx_conf_merge_sec_value(
        conf->default_expiry, prev->default_expiry,
        ngx_min(conf->max_expiry, NGX_HTTP_JUNKMAIL_EXPIRY));

    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);
    ngx_conf_merge_msec_value(conf->push_ping, prev->push_ping, 30000);
    ngx_conf_merge_msec_value(conf->push_jitter, prev->push_jitter, 10000);
    ngx_conf_merge_ptr_value(conf->push_origin, prev->push_origin, NULL);
    ngx_conf_merge_uint_value(conf->push_all, prev->push_all, 10000);
    ngx_conf_merge_uint_value(conf->push_address, prev->push_address, 50);
    ngx_conf_merge_uint_value(conf->push_key, prev->push_key, 10);

    if (conf->push_ping == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"junkmail_push_ping\" must not be zero");
        return NGX_CONF_ERROR;
    }

    if (conf->max_expiry < NGX_HTTP_JUNKMAIL_EXPIRY_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"junkmail_max_expiry\" is less than a minute");
        return NGX_CONF_ERROR;
    }

    if (conf->default_expiry < NGX_HTTP_JUNKMAIL_EXPIRY_MIN
        || conf->default_expiry > conf->max_expiry)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"junkmail_default_expiry\" is less than a minute "
                           "or more than \"junkmail_max_expiry\"");
        return NGX_CONF_ERROR;
    }

    if (!conf->api) {
        return NGX_CONF_OK;
    }

    /*
     * A request is small JSON: nginx itself refuses more with 413, whether
     * the length is announced or chunked, and keeps the whole in memory.
     */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->client_max_body_size = NGX_HTTP_JUNKMAIL_BODY_MAX;
    clcf->client_body_buffer_size = NGX_HTTP_JUNKMAIL_BODY_MAX;

    return NGX_CONF_OK;
}


/* junkmail_api, junkmail_healthz, junkmail_metrics; `post` is the content
 * handler. */

static char *
ngx_http_junkmail_set_handler(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_junkmail_loc_conf_t *jlcf = conf;

    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "is duplicate, or the location has another handler";
    }

    clcf->handler = (ngx_http_handler_pt) cmd->post;
    ngx_junkmail_get_conf(cf->cycle)->wanted_by = cmd->name;

    if (clcf->handler == ngx_http_junkmail_handler) {
        jlcf->api = 1;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_junkmail_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt       *h;
    ngx_http_core_main_conf_t *cmcf;

    ngx_http_junkmail_error_filter();

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_junkmail_count;

    return NGX_OK;
}


/* The log phase: counts the API's answers, those of nginx's own included. */

static ngx_int_t
ngx_http_junkmail_count(ngx_http_request_t *r)
{
    ngx_uint_t                    route;
    ngx_http_junkmail_ctx_t      *ctx;
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    if (!jlcf->api) {
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);
    route = ctx != NULL && ctx->route != NULL
                ? (ngx_uint_t) (ctx->route - ngx_http_junkmail_routes)
                : NGX_JUNKMAIL_METRICS_ROUTES - 1;

    ngx_junkmail_count_request(route, r->err_status ? r->err_status
                                                    : r->headers_out.status);

    return NGX_OK;
}


void
ngx_http_junkmail_route_name(ngx_uint_t route, char *out, size_t size)
{
    ngx_uint_t                       i, n;
    const ngx_http_junkmail_route_t *row;

    n = sizeof(ngx_http_junkmail_routes) / sizeof(ngx_http_junkmail_routes[0]);

    if (route >= n - 1) {
        (void) ngx_slprintf((u_char *) out, (u_char *) out + size, "none%Z");
        return;
    }

    row = &ngx_http_junkmail_routes[route];

    for (i = 0; ngx_http_junkmail_methods[i].method != row->method; i++) {
        /* void */
    }

    (void) ngx_slprintf((u_char *) out, (u_char *) out + size, "%*s /%s%Z",
                        strcspn(ngx_http_junkmail_methods[i].name, ","),
                        ngx_http_junkmail_methods[i].name, row->path);
}


static ngx_int_t
ngx_http_junkmail_init_process(ngx_cycle_t *cycle)
{
    if (ngx_junkmail_redis_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_junkmail_hub_init(cycle);

    return NGX_OK;
}


static void
ngx_http_junkmail_exit_process(ngx_cycle_t *cycle)
{
    ngx_junkmail_redis_exit(cycle);
}
