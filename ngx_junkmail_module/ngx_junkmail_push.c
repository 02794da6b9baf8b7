/*
 * The handshake of GET /api/v1/events: what the client asks for, who it is,
 * whether it may, and where in the log it starts; all of it before the upgrade
 * or the stream, so that a refusal is plain HTTP (RFC 6455, 4.2).  Called by
 * the route table of ngx_http_junkmail_module.c; hands over to
 * ngx_junkmail_websocket.c or ngx_junkmail_sse.c.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "jm_schema.h"
#include "jm_ws.h"

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_event.h"
#include "ngx_junkmail_push.h"
#include "ngx_junkmail_redis.h"
#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_PUSH_ADDRESSES 100

#define NGX_JUNKMAIL_PUSH_BEARER "bearer."
#define NGX_JUNKMAIL_PUSH_STREAM "text/event-stream"


/* The headers of a handshake, as far as nginx does not know them. */
typedef struct {
    ngx_uint_t upgrade;   /* to websocket */
    ngx_uint_t connect;   /* Connection: upgrade */
    ngx_uint_t keys;      /* number of Sec-WebSocket-Key */
    ngx_uint_t versions;  /* number of Sec-WebSocket-Version */
    ngx_uint_t version13; /* and whether it is 13 */
    ngx_uint_t offered;   /* junkmail.v1 */
    ngx_uint_t stream;    /* text/event-stream is accepted */
    ngx_str_t  key;
    ngx_str_t  bearer; /* the API key of a subprotocol */
    ngx_str_t  last;   /* Last-Event-ID */
} ngx_junkmail_push_headers_t;

typedef struct {
    const char *name;
    void (*read)(ngx_junkmail_push_headers_t *h, jm_str_t value);
} ngx_junkmail_push_header_t;


static ngx_uint_t ngx_junkmail_push_has_body(ngx_http_request_t *r);

static void ngx_junkmail_push_read_headers(ngx_http_request_t          *r,
                                           ngx_junkmail_push_headers_t *h);

static void ngx_junkmail_push_upgrade(ngx_junkmail_push_headers_t *h,
                                      jm_str_t                     value);
static void ngx_junkmail_push_connection(ngx_junkmail_push_headers_t *h,
                                         jm_str_t                     value);
static void ngx_junkmail_push_key(ngx_junkmail_push_headers_t *h,
                                  jm_str_t                     value);
static void ngx_junkmail_push_version(ngx_junkmail_push_headers_t *h,
                                      jm_str_t                     value);
static void ngx_junkmail_push_protocol(ngx_junkmail_push_headers_t *h,
                                       jm_str_t                     value);

static void       ngx_junkmail_push_accepts(ngx_junkmail_push_headers_t *h,
                                            jm_str_t                     value);
static ngx_uint_t ngx_junkmail_push_unwanted(u_char *p, u_char *last);
static void       ngx_junkmail_push_last(ngx_junkmail_push_headers_t *h,
                                         jm_str_t                     value);

static ngx_uint_t
                 ngx_junkmail_push_is_handshake(ngx_http_request_t          *r,
                                                ngx_junkmail_push_headers_t *h);
static ngx_int_t ngx_junkmail_push_other_version(ngx_http_request_t *r);

static ngx_int_t ngx_junkmail_push_identify(ngx_http_request_t          *r,
                                            ngx_junkmail_push_headers_t *h);

static ngx_int_t ngx_junkmail_push_query(ngx_http_request_t  *r,
                                         ngx_junkmail_push_t *p,
                                         const char         **field);

static ngx_int_t ngx_junkmail_push_since(ngx_http_request_t  *r,
                                         ngx_junkmail_push_t *p,
                                         ngx_str_t           *value);

static ngx_int_t ngx_junkmail_push_ask(ngx_http_request_t  *r,
                                       ngx_junkmail_push_t *p);

static void ngx_junkmail_push_answer(void *data, redisReply *reply);

static ngx_int_t ngx_junkmail_push_opened(ngx_junkmail_push_t *p,
                                          redisReply          *reply,
                                          const char         **error);


static const ngx_junkmail_push_header_t ngx_junkmail_push_headers[] = {
    { "upgrade", ngx_junkmail_push_upgrade },
    { "connection", ngx_junkmail_push_connection },
    { "sec-websocket-key", ngx_junkmail_push_key },
    { "sec-websocket-version", ngx_junkmail_push_version },
    { "sec-websocket-protocol", ngx_junkmail_push_protocol },
    { "accept", ngx_junkmail_push_accepts },
    { "last-event-id", ngx_junkmail_push_last },
    { NULL, NULL }
};


ngx_str_t ngx_junkmail_push_kinds[NGX_JUNKMAIL_PUSH_KINDS] = {
    ngx_string("push websocket"), ngx_string("push sse"),
    ngx_string("push wait")
};


/* What jm_log_open may say, and what the client then reads. */

static const struct {
    const char *word;
    const char *error; /* NULL: none */
} ngx_junkmail_push_statuses[] = { { "OK", NULL },
                                   { "INVALID_API_KEY", "INVALID_API_KEY" },
                                   { "MISSING_SCOPE", "MISSING_SCOPE" },
                                   { "NOT_FOUND", "ADDRESS_NOT_FOUND" },
                                   { NULL, "STORE_UNAVAILABLE" } };


ngx_int_t
ngx_junkmail_push_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    const char                   *field;
    ngx_junkmail_push_t          *p;
    ngx_http_junkmail_ctx_t      *ctx;
    ngx_junkmail_push_headers_t   h;
    ngx_http_junkmail_loc_conf_t *jlcf;

    ngx_memzero(&h, sizeof(ngx_junkmail_push_headers_t));

    ngx_junkmail_push_read_headers(r, &h);

    /* HTTP/2 knows no Upgrade; there the header means nothing. */

    if (r->stream != NULL) {
        h.upgrade = 0;
    }

    if (!h.upgrade && !h.stream) {
        return ngx_http_junkmail_error(r, "NOT_ACCEPTABLE");
    }

    if (h.upgrade && h.versions == 1 && !h.version13) {
        return ngx_junkmail_push_other_version(r);
    }

    if (h.upgrade && !ngx_junkmail_push_is_handshake(r, &h)) {
        return ngx_http_junkmail_error(r, "BAD_REQUEST");
    }

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    if (jlcf->push_origin != NULL
        && !ngx_junkmail_origin_allowed(r, jlcf->push_origin))
    {
        return ngx_http_junkmail_error(r, "ORIGIN_NOT_ALLOWED");
    }

    rc = ngx_junkmail_push_identify(r, &h);

    if (rc == NGX_BUSY) {
        ctx = ngx_http_junkmail_get_ctx(r);
        return ngx_http_junkmail_limited(r, &ctx->rate);
    }

    if (rc != NGX_OK) {
        return ngx_http_junkmail_error(r, "INVALID_API_KEY");
    }

    p = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_push_t));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p->sse = !h.upgrade;
    p->key = h.key;
    p->protocol = h.offered;

    rc = ngx_junkmail_push_query(r, p, &field);

    /* The place a reader of SSE has come to is newer than its address. */

    if (rc == NGX_OK && p->sse && h.last.len != 0) {
        field = "Last-Event-ID";
        rc = ngx_junkmail_push_since(r, p, &h.last);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_junkmail_error(r, "ADDRESS_NOT_FOUND");
    }

    if (rc == NGX_ABORT) {
        return ngx_http_junkmail_invalid(r, field);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_junkmail_push_ask(r, p);
}


/*
 * RFC 6455, 4.2.1.  A body is refused as well: its bytes would be read as
 * frames.
 */

static ngx_uint_t
ngx_junkmail_push_is_handshake(ngx_http_request_t          *r,
                               ngx_junkmail_push_headers_t *h)
{
    return r->method == NGX_HTTP_GET && r->http_version >= NGX_HTTP_VERSION_11
           && h->connect && h->keys == 1 && h->versions == 1
           && jm_ws_key_valid((jm_str_t){ h->key.data, h->key.len })
           && !ngx_junkmail_push_has_body(r);
}


/* It has been discarded already, and its length with it. */

static ngx_uint_t
ngx_junkmail_push_has_body(ngx_http_request_t *r)
{
    ngx_table_elt_t *length;

    length = r->headers_in.content_length;

    return r->headers_in.chunked
           || (length != NULL
               && ngx_atoof(length->value.data, length->value.len) != 0);
}


/* Headers. */


static void
ngx_junkmail_push_read_headers(ngx_http_request_t          *r,
                               ngx_junkmail_push_headers_t *h)
{
    size_t                            len;
    ngx_uint_t                        i;
    ngx_list_part_t                  *part;
    ngx_table_elt_t                  *header;
    const ngx_junkmail_push_header_t *known;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {

        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (known = ngx_junkmail_push_headers; known->name != NULL;
                 known++) {
                len = ngx_strlen(known->name);

                if (header[i].key.len == len
                    && ngx_strncmp(header[i].lowcase_key, known->name, len)
                           == 0)
                {
                    known->read(h, (jm_str_t){ header[i].value.data,
                                               header[i].value.len });
                }
            }
        }
    }
}


static void
ngx_junkmail_push_upgrade(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    h->upgrade |= jm_ws_token_find(value, jm_str("websocket"));
}


static void
ngx_junkmail_push_connection(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    h->connect |= jm_ws_token_find(value, jm_str("upgrade"));
}


static void
ngx_junkmail_push_key(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    h->keys++;
    h->key.data = value.data;
    h->key.len = value.len;
}


static void
ngx_junkmail_push_version(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    h->versions++;
    h->version13 = value.len == 2 && ngx_memcmp(value.data, "13", 2) == 0;
}


static void
ngx_junkmail_push_protocol(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    jm_str_t token;

    static const size_t bearer = sizeof(NGX_JUNKMAIL_PUSH_BEARER) - 1;
    static const size_t protocol = sizeof(NGX_JUNKMAIL_PUSH_PROTOCOL) - 1;

    while (jm_ws_token_next(&value, &token)) {

        if (token.len == protocol
            && ngx_memcmp(token.data, NGX_JUNKMAIL_PUSH_PROTOCOL, protocol)
                   == 0)
        {
            h->offered = 1;

        } else if (token.len > bearer
                   && ngx_memcmp(token.data, NGX_JUNKMAIL_PUSH_BEARER, bearer)
                          == 0)
        {
            h->bearer.data = token.data + bearer;
            h->bearer.len = token.len - bearer;
        }
    }
}


/*
 * RFC 9110, 12.5.1.  Only the type itself counts: a client that takes anything
 * has not asked for a response without end.
 */

static void
ngx_junkmail_push_accepts(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    u_char  *p, *last;
    jm_str_t range;

    static const size_t len = sizeof(NGX_JUNKMAIL_PUSH_STREAM) - 1;

    while (jm_ws_token_next(&value, &range)) {

        if (range.len < len
            || ngx_strncasecmp(range.data, (u_char *) NGX_JUNKMAIL_PUSH_STREAM,
                               len)
                   != 0)
        {
            continue;
        }

        p = range.data + len;
        last = range.data + range.len;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (p == last || (*p == ';' && !ngx_junkmail_push_unwanted(p, last))) {
            h->stream = 1;
        }
    }
}


/* Among the parameters is a weight of zero. */

static ngx_uint_t
ngx_junkmail_push_unwanted(u_char *p, u_char *last)
{
    while (p < last) {

        do {
            p++;
        } while (p < last && (*p == ' ' || *p == '\t'));

        if (last - p >= 3 && (*p | 0x20) == 'q' && p[1] == '=') {

            for (p += 2; p < last && (*p == '0' || *p == '.'); p++) {
                /* void */
            }

            return p == last || *p < '1' || *p > '9';
        }

        while (p < last && *p != ';') {
            p++;
        }
    }

    return 0;
}


static void
ngx_junkmail_push_last(ngx_junkmail_push_headers_t *h, jm_str_t value)
{
    h->last.data = value.data;
    h->last.len = value.len;
}


/* RFC 6455, 4.2.2 and 4.4: say which version is understood. */

static ngx_int_t
ngx_junkmail_push_other_version(ngx_http_request_t *r)
{
    ngx_str_t version = ngx_string("13");
    ngx_str_t upgrade = ngx_string("websocket");

    if (ngx_http_junkmail_header(r, "Sec-WebSocket-Version", &version)
            != NGX_OK
        || ngx_http_junkmail_header(r, "Upgrade", &upgrade) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_junkmail_error(r, "UPGRADE_REQUIRED");
}


/* A header that is there counts, even when it is wrong. */

static ngx_int_t
ngx_junkmail_push_identify(ngx_http_request_t          *r,
                           ngx_junkmail_push_headers_t *h)
{
    return r->headers_in.authorization != NULL
               ? ngx_http_junkmail_authorize(r)
               : ngx_http_junkmail_identify(r, &h->bearer);
}


/* The query. */


/*
 * NGX_DECLINED: an address that cannot exist; NGX_ABORT: `field` is malformed.
 */

static ngx_int_t
ngx_junkmail_push_query(ngx_http_request_t *r, ngx_junkmail_push_t *p,
                        const char **field)
{
    u_char   *pos, *last, *end, *to, *from;
    ngx_int_t rc;
    ngx_str_t name, value, *id;

    if (ngx_array_init(&p->addresses, r->pool, 1, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    last = r->args.data + r->args.len;

    for (pos = r->args.data; pos < last; pos = end + 1) {

        end = ngx_strlchr(pos, last, '&');
        if (end == NULL) {
            end = last;
        }

        from = ngx_strlchr(pos, end, '=');
        if (from == NULL) {
            continue;
        }

        name.data = pos;
        name.len = from - pos;
        from++;

        value.data = ngx_pnalloc(r->pool, end - from + 1);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        to = value.data;
        ngx_unescape_uri(&to, &from, end - from, 0);
        value.len = to - value.data;

        if (name.len == 5 && ngx_memcmp(name.data, "since", 5) == 0) {
            *field = "since";

            rc = ngx_junkmail_push_since(r, p, &value);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        if (name.len == 10 && ngx_memcmp(name.data, "address_id", 10) == 0) {
            *field = "address_id";

            if (!jm_uuid_valid((jm_str_t){ value.data, value.len })) {
                return NGX_DECLINED;
            }

            if (p->addresses.nelts == NGX_JUNKMAIL_PUSH_ADDRESSES) {
                return NGX_ABORT;
            }

            id = ngx_array_push(&p->addresses);
            if (id == NULL) {
                return NGX_ERROR;
            }

            *id = value;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_push_since(ngx_http_request_t *r, ngx_junkmail_push_t *p,
                        ngx_str_t *value)
{
    u_char               *last;
    ngx_junkmail_cursor_t cursor;

    if (ngx_junkmail_cursor_parse(value, &cursor) != NGX_OK) {
        return NGX_ABORT;
    }

    p->since.data = ngx_pnalloc(r->pool, NGX_JUNKMAIL_CURSOR_LEN);
    if (p->since.data == NULL) {
        return NGX_ERROR;
    }

    last = ngx_junkmail_cursor_print(&cursor, p->since.data);
    p->since.len = last - p->since.data;

    return NGX_OK;
}


/* The store. */


static ngx_int_t
ngx_junkmail_push_ask(ngx_http_request_t *r, ngx_junkmail_push_t *p)
{
    u_char                   key[sizeof(JM_KEY_ACCOUNT) + JM_ACCOUNT_LEN];
    ngx_str_t               *argv;
    ngx_uint_t               n;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    n = p->addresses.nelts;

    argv = ngx_palloc(r->pool, (6 + n) * sizeof(ngx_str_t));
    if (argv == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&argv[0], "FCALL_RO");
    ngx_str_set(&argv[1], "jm_log_open");
    ngx_str_set(&argv[2], "1");
    argv[3].data = key;
    argv[3].len = ngx_sprintf(key, JM_KEY_ACCOUNT, ctx->key.account) - key;
    argv[4] = ctx->keyhash;
    argv[5] = p->since;
    ngx_memcpy(&argv[6], p->addresses.elts, n * sizeof(ngx_str_t));

    ctx->data = p;

    if (ngx_junkmail_redis_command(r->pool, ngx_junkmail_push_answer, r, 6 + n,
                                   argv)
        != NGX_OK)
    {
        return ngx_http_junkmail_error(r, "STORE_UNAVAILABLE");
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_junkmail_push_answer(void *data, redisReply *reply)
{
    ngx_http_request_t *r = data;

    ngx_int_t                rc;
    const char              *error;
    ngx_junkmail_push_t     *p;
    ngx_junkmail_rate_t      rate;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    p = ctx->data;

    ngx_http_set_log_request(r->connection->log, r);

    rc = ngx_junkmail_push_opened(p, reply, &error);

    if (rc != NGX_OK) {
        ngx_http_junkmail_fail(r, error);
        return;
    }

    if (r->method == NGX_HTTP_HEAD) {
        ngx_http_junkmail_finish(r, ngx_junkmail_sse_head(r));
        return;
    }

    if (ngx_junkmail_push_take_places(
            r, p->sse ? NGX_JUNKMAIL_PUSH_SSE : NGX_JUNKMAIL_PUSH_WEBSOCKET,
            p->place)
        != NGX_OK)
    {
        ngx_memzero(&rate, sizeof(ngx_junkmail_rate_t));
        rate.reset = ngx_time() + NGX_JUNKMAIL_PUSH_RETRY;

        ngx_http_junkmail_finish(r, ngx_http_junkmail_limited(r, &rate));
        return;
    }

    rc = p->sse ? ngx_junkmail_sse_start(r, p)
                : ngx_junkmail_websocket_start(r, p);

    if (rc == NGX_OK) {
        return;
    }

    ngx_junkmail_push_leave_places(p->place);

    if (r->header_sent) {
        ngx_http_junkmail_finish(r, NGX_ERROR);

    } else {
        ngx_http_junkmail_fail(r, "INTERNAL");
    }
}


/* NGX_OK, start, newest, reset; or NGX_DECLINED and the error. */

static ngx_int_t
ngx_junkmail_push_opened(ngx_junkmail_push_t *p, redisReply *reply,
                         const char **error)
{
    ngx_uint_t   i;
    redisReply **e;

    *error = "STORE_UNAVAILABLE";

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0 || reply->element[0]->str == NULL)
    {
        return NGX_DECLINED;
    }

    e = reply->element;

    for (i = 0; ngx_junkmail_push_statuses[i].word != NULL; i++) {
        if (ngx_strcmp(e[0]->str, ngx_junkmail_push_statuses[i].word) == 0) {
            break;
        }
    }

    if (ngx_junkmail_push_statuses[i].error != NULL) {
        *error = ngx_junkmail_push_statuses[i].error;
        return NGX_DECLINED;
    }

    if (reply->elements < 4 || e[1]->str == NULL || e[2]->str == NULL) {
        return NGX_DECLINED;
    }

    /* The reply outlives the start, which is called within its callback. */

    p->start.data = (u_char *) e[1]->str;
    p->start.len = e[1]->len;
    p->newest.data = (u_char *) e[2]->str;
    p->newest.len = e[2]->len;
    p->reset = e[3]->integer == 1;

    return NGX_OK;
}


/* Without a limit a place is taken all the same: a reload may set one. */

ngx_int_t
ngx_junkmail_push_take_places(ngx_http_request_t      *r,
                              ngx_junkmail_push_kind_t kind, uint32_t *place)
{
    u_char     key[sizeof("push key ") + JM_HASH_LEN];
    u_char     net[sizeof("push net ") + NGX_JUNKMAIL_CLIENT_ID], *last;
    ngx_str_t  id[NGX_JUNKMAIL_PUSH_PLACES];
    ngx_uint_t i, limit[NGX_JUNKMAIL_PUSH_PLACES];
    ngx_http_junkmail_ctx_t      *ctx;
    ngx_http_junkmail_loc_conf_t *jlcf;

    ctx = ngx_http_junkmail_get_ctx(r);
    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    id[0].data = key;
    id[0].len = ngx_sprintf(key, "push key %V", &ctx->keyhash) - key;
    limit[0] = jlcf->push_key;

    last = ngx_cpymem(net, "push net ", sizeof("push net ") - 1);
    last = ngx_junkmail_client_id(r->connection->sockaddr, last);

    id[1].data = net;
    id[1].len = last - net;
    limit[1] = jlcf->push_address;

    ngx_str_set(&id[2], "push all");
    limit[2] = jlcf->push_all;

    id[3] = ngx_junkmail_push_kinds[kind];
    limit[3] = 0;

    for (i = 0; i < NGX_JUNKMAIL_PUSH_PLACES; i++) {
        place[i] = NGX_JUNKMAIL_PLACE_NONE;
    }

    for (i = 0; i < NGX_JUNKMAIL_PUSH_PLACES; i++) {

        if (limit[i] == 0) {
            limit[i] = NGX_MAX_UINT32_VALUE;
        }

        if (ngx_junkmail_place_take(&id[i], limit[i], &place[i]) != NGX_OK) {
            ngx_junkmail_push_leave_places(place);
            return NGX_BUSY;
        }
    }

    return NGX_OK;
}


void
ngx_junkmail_push_leave_places(uint32_t *place)
{
    ngx_uint_t i;

    for (i = 0; i < NGX_JUNKMAIL_PUSH_PLACES; i++) {
        ngx_junkmail_place_release(place[i]);
    }
}
