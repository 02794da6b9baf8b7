/*
 * What the API's resources and push share inside the HTTP part: the location's
 * configuration, the request's identity, and the ways to answer.
 */

#ifndef _NGX_HTTP_JUNKMAIL_H_INCLUDED_
#define _NGX_HTTP_JUNKMAIL_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <cjson/cJSON.h>

#include "jm_key.h"
#include "ngx_junkmail_stats.h"

#define NGX_HTTP_JUNKMAIL_PREFIX   "/api/v1/"
#define NGX_HTTP_JUNKMAIL_BODY_MAX (64 * 1024) /* a JSON request */

#define NGX_HTTP_JUNKMAIL_EXPIRY_MIN 60 /* of an address, seconds */

typedef struct {
    ngx_flag_t api;          /* junkmail_api */
    ngx_flag_t registration; /* junkmail_registration, on */
    ngx_junkmail_rate_conf_t
              registration_rate; /* …_registration_rate, 10r/h */
    ngx_int_t quota_emails;      /* junkmail_quota_*, of new accounts: 1000 */
    off_t     quota_bytes;       /* 250m */
    ngx_int_t quota_addresses;   /* 100 */
    ngx_int_t quota_address_emails;          /* 0: no limit of its own */
    off_t     quota_address_bytes;           /* 0: no limit of its own */
    ngx_junkmail_rate_conf_t account_rate;   /* junkmail_account_rate_limit,
                                                600r/m; limit 0: off */
    ngx_junkmail_rate_conf_t rate;           /* junkmail_rate_limit, 100r/m */
    time_t                   default_expiry; /* junkmail_default_expiry, 30d */
    time_t                   max_expiry;     /* junkmail_max_expiry, 30d */
    ngx_array_t             *cors; /* junkmail_cors, ngx_str_t; NULL: off */
    ngx_msec_t               push_ping;   /* junkmail_push_ping, 30s */
    ngx_msec_t               push_jitter; /* junkmail_push_jitter, 10s */
    ngx_array_t             *push_origin; /* junkmail_push_origin, as cors */

    /* junkmail_push_connections and …_per_*: 10000, 50, 10; 0: no limit */
    ngx_uint_t push_all;
    ngx_uint_t push_address;
    ngx_uint_t push_key;
} ngx_http_junkmail_loc_conf_t;

typedef struct ngx_http_junkmail_ctx_s ngx_http_junkmail_ctx_t;

/*
 * One row of the route table: `path` below the prefix, a segment `:` being a
 * variable.  The handler returns as a content handler does; with a body it is
 * called when that has been read.
 */
typedef struct {
    ngx_uint_t  method; /* NGX_HTTP_GET serves HEAD as well */
    const char *path;
    ngx_uint_t  flags;   /* NGX_HTTP_JUNKMAIL_* */
    const char *missing; /* what to say to NOT_FOUND: an error word */
    ngx_int_t (*handler)(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx);
} ngx_http_junkmail_route_t;

#define NGX_HTTP_JUNKMAIL_OPEN 1 /* asks for no key */
#define NGX_HTTP_JUNKMAIL_BODY 2 /* takes a JSON object */

/* Who asks: from the Authorization header or the WebSocket subprotocol. */
struct ngx_http_junkmail_ctx_s {
    jm_key_t  key;     /* jm_key.h: account, keyhash as hex */
    ngx_str_t account; /* 22 characters, into key */
    ngx_str_t keyhash; /* 64 hex digits, into key */

    ngx_junkmail_rate_t              rate; /* when `rated` */
    const ngx_http_junkmail_route_t *route;
    ngx_str_t                        arg[2]; /* the route's variables */
    cJSON                           *body;   /* of a route that takes one */
    ngx_chain_t *replacement; /* in place of nginx's own error page */
    void        *data;        /* the resource's own */

    unsigned rated : 1;
    unsigned answered : 1; /* the response is ours, not nginx's error page */
};

/*
 * Answers with {"error": text, "code": code} and finalises nothing: returns
 * what the handler returns.  `code` is one of the API's words, or one of the
 * table's finer ones (EMAIL_NOT_FOUND).
 */
ngx_int_t ngx_http_junkmail_error(ngx_http_request_t *r, const char *code);

/* The same for VALIDATION_FAILED, naming the field. */
ngx_int_t ngx_http_junkmail_invalid(ngx_http_request_t *r, const char *field);

/* 429; `rate` says when to come back. */
ngx_int_t ngx_http_junkmail_limited(ngx_http_request_t  *r,
                                    ngx_junkmail_rate_t *rate);

/* The same from a Redis callback: answers and finalises the request. */
void ngx_http_junkmail_fail(ngx_http_request_t *r, const char *code);

/* Finalises from a Redis callback; `r` is not to be touched after it. */
void ngx_http_junkmail_finish(ngx_http_request_t *r, ngx_int_t rc);

/*
 * Reads the key of `text` ("jm_live_…").  NGX_OK fills the request's ctx;
 * NGX_DECLINED when it is malformed or its checksum is wrong.  Counts it
 * against the key's rate limit: NGX_BUSY when over (429).
 */
ngx_int_t ngx_http_junkmail_identify(ngx_http_request_t *r, ngx_str_t *text);

/*
 * The same for the Authorization header; NGX_DECLINED also when there is none,
 * or another scheme than Bearer.
 */
ngx_int_t ngx_http_junkmail_authorize(ngx_http_request_t *r);

/* The request's ctx, made when it has none; NULL without memory. */
ngx_http_junkmail_ctx_t *ngx_http_junkmail_get_ctx(ngx_http_request_t *r);

/* Adds a header; `name` is a literal, `value` lives as long as `r`. */
ngx_int_t ngx_http_junkmail_header(ngx_http_request_t *r, const char *name,
                                   ngx_str_t *value);
ngx_int_t ngx_http_junkmail_header_text(ngx_http_request_t *r,
                                        const char *name, const char *value);

/*
 * Sends `body` (which lives as long as `r`) as a whole response of
 * application/json.
 */
ngx_int_t ngx_http_junkmail_json(ngx_http_request_t *r, ngx_uint_t status,
                                 ngx_str_t *body);

/* Turns nginx's own error pages on these paths into JSON; postconfiguration.
 */
void ngx_http_junkmail_error_filter(void);

extern ngx_module_t ngx_http_junkmail_module;

/*
 * ngx_junkmail_cors.c: a directive that takes "off" or origins; whether a list
 * holds the request's origin, or it has none; the headers of every answer,
 * NGX_OK or NGX_ERROR; and the answer to a preflight for a path that knows
 * `methods`, or NGX_DECLINED when the request is none of a page that may ask.
 */
char      *ngx_junkmail_origins_slot(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
ngx_uint_t ngx_junkmail_origin_allowed(ngx_http_request_t *r,
                                       ngx_array_t        *list);
ngx_int_t  ngx_junkmail_cors_headers(ngx_http_request_t *r);
ngx_int_t  ngx_junkmail_cors_preflight(ngx_http_request_t *r,
                                       ngx_str_t          *methods);

/* What the metrics call a row of the route table, "GET /emails/:"; "none" for
 * one that is not there.  `out` has room for `size`, its NUL included. */
void ngx_http_junkmail_route_name(ngx_uint_t route, char *out, size_t size);

/* Content handlers of their own files. */
ngx_int_t ngx_junkmail_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_junkmail_push_handler(ngx_http_request_t *r);
ngx_int_t ngx_junkmail_healthz_handler(ngx_http_request_t *r);

#endif /* _NGX_HTTP_JUNKMAIL_H_INCLUDED_ */
