/*
 * Reading emails as JSON: GET /emails and GET /emails/:id.
 *
 * The JSON was made at delivery and lies in Redis as deflate fragments; only
 * the flags and the summary are plain.  A response is put together as one gzip
 * member from both (jm_gzip.h), so that nothing is compressed here.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_gzip.h"
#include "jm_id.h"
#include "jm_schema.h"
#include "ngx_junkmail_api.h"


#define NGX_JUNKMAIL_API_EMAILS 50 /* the default limit */

/* After the head of an item whose bodies did not come along. */
#define NGX_JUNKMAIL_API_OMITTED                                              \
    ",\"bodyText\":null,\"bodyHtml\":null,\"bodiesOmitted\":true"

#define NGX_JUNKMAIL_API_LIST_TAIL "],\"total\":%L,\"limit\":%i,\"offset\":%i}"
#define NGX_JUNKMAIL_API_LIST_TAIL_MAX                                        \
    (sizeof(NGX_JUNKMAIL_API_LIST_TAIL) + 3 * NGX_INT64_LEN)


typedef struct {
    ngx_str_t  address;
    ngx_str_t  after;
    ngx_str_t  words;
    ngx_int_t  limit;
    ngx_int_t  offset;
    ngx_flag_t deleted;
    ngx_flag_t unread;
    ngx_flag_t starred;
    ngx_flag_t summary; /* no bodies */
    ngx_flag_t sent;    /* of which there are none */
} ngx_junkmail_query_t;


static const char *ngx_junkmail_query_read(ngx_http_request_t   *r,
                                           ngx_junkmail_query_t *q);

static ngx_int_t ngx_junkmail_query_choice(ngx_http_request_t *r,
                                           const char *name, const char *no,
                                           const char *yes, ngx_flag_t *out);

static void ngx_junkmail_email_listed(ngx_http_request_t      *r,
                                      ngx_http_junkmail_ctx_t *ctx,
                                      redisReply              *reply);
static void ngx_junkmail_email_list_plain(ngx_http_request_t   *r,
                                          ngx_junkmail_query_t *q,
                                          redisReply *reply, size_t n);
static void ngx_junkmail_email_list_gzip(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx,
                                         ngx_junkmail_query_t    *q,
                                         redisReply *reply, size_t n);

static ngx_int_t ngx_junkmail_email_fragment(ngx_http_request_t      *r,
                                             ngx_http_junkmail_ctx_t *ctx,
                                             const char *field, ngx_str_t *id,
                                             ngx_str_t                blob,
                                             jm_gzip_piece_t         *piece,
                                             ngx_junkmail_api_part_t *part);

static ngx_uint_t ngx_junkmail_email_inline(ngx_str_t       *blob,
                                            jm_gzip_piece_t *piece);


/* The list. */


ngx_int_t
ngx_junkmail_api_email_list(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t             argv[7];
    const char           *wrong;
    ngx_junkmail_query_t *q;

    q = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_query_t));
    if (q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = q;

    wrong = ngx_junkmail_query_read(r, q);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    argv[0] = q->address;

    if (q->deleted) {
        ngx_str_set(&argv[1], "bin");

    } else if (q->unread) {
        ngx_str_set(&argv[1], "unread");

    } else if (q->starred) {
        ngx_str_set(&argv[1], "starred");

    } else {
        ngx_str_set(&argv[1], "inbox");
    }

    /* Who asks for sent mail is checked like everybody, but gets none. */

    argv[2] = ngx_junkmail_api_printf(r, NGX_INT_T_LEN, "%i",
                                      q->sent ? 0 : q->limit);
    argv[3] = ngx_junkmail_api_printf(r, NGX_INT_T_LEN, "%i", q->offset);
    argv[4] = q->after;
    argv[5].data = (u_char *) (q->summary ? "0" : "1");
    argv[5].len = 1;
    argv[6] = q->words;

    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_read(r, ngx_junkmail_email_listed, "jm_email_list",
                                 NULL, 7, argv));
}


/* NULL, or the argument that is wrong. */

static const char *
ngx_junkmail_query_read(ngx_http_request_t *r, ngx_junkmail_query_t *q)
{
    const char *wrong;

    q->limit = NGX_JUNKMAIL_API_EMAILS;

    wrong = ngx_junkmail_api_page(r, &q->limit, &q->offset);
    if (wrong != NULL) {
        return wrong;
    }

    if (ngx_junkmail_api_arg(r, "address_id", &q->address) == NGX_OK
        || ngx_junkmail_api_arg(r, "addressId", &q->address) == NGX_OK)
    {
        if (q->address.len) {
            q->address = ngx_junkmail_api_id(&q->address);
        }
    }

    if (ngx_junkmail_api_arg(r, "after", &q->after) == NGX_OK && q->after.len
        && !jm_uuid_valid((jm_str_t){ q->after.data, q->after.len }))
    {
        return "after";
    }

    if (ngx_junkmail_api_arg_flag(r, "is_deleted", &q->deleted) == NGX_ERROR) {
        return "is_deleted";
    }

    if (ngx_junkmail_api_arg_flag(r, "unread", &q->unread) == NGX_ERROR) {
        return "unread";
    }

    if (ngx_junkmail_api_arg_flag(r, "starred", &q->starred) == NGX_ERROR) {
        return "starred";
    }

    /* One view at a time: each is an index. */

    if (q->unread && (q->deleted || q->starred)) {
        return "unread";
    }

    if (q->starred && q->deleted) {
        return "starred";
    }

    if (ngx_junkmail_query_choice(r, "type", "received", "sent", &q->sent)
        != NGX_OK)
    {
        return "type";
    }

    if (ngx_junkmail_query_choice(r, "fields", "all", "summary", &q->summary)
        != NGX_OK)
    {
        return "fields";
    }

    return ngx_junkmail_api_arg_folded(r, "q", &q->words) == NGX_ERROR ? "q"
                                                                       : NULL;
}


static ngx_int_t
ngx_junkmail_query_choice(ngx_http_request_t *r, const char *name,
                          const char *no, const char *yes, ngx_flag_t *out)
{
    ngx_str_t text;

    if (ngx_junkmail_api_arg(r, name, &text) != NGX_OK) {
        return NGX_OK;
    }

    *out = text.len == ngx_strlen(yes)
           && ngx_memcmp(text.data, yes, text.len) == 0;

    return *out
                   || (text.len == ngx_strlen(no)
                       && ngx_memcmp(text.data, no, text.len) == 0)
               ? NGX_OK
               : NGX_ERROR;
}


static void
ngx_junkmail_email_listed(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                          redisReply *reply)
{
    size_t                n;
    ngx_junkmail_query_t *q;

    q = ctx->data;
    n = q->sent ? 2 : reply->elements;

    if (ngx_junkmail_api_cache(r) != NGX_OK) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    if (q->summary || n <= 2) {
        ngx_junkmail_email_list_plain(r, q, reply, n);
        return;
    }

    ngx_junkmail_email_list_gzip(r, ctx, q, reply, n);
}


/* Without bodies there is nothing compressed to gain from. */

static void
ngx_junkmail_email_list_plain(ngx_http_request_t *r, ngx_junkmail_query_t *q,
                              redisReply *reply, size_t n)
{
    u_char   *p;
    size_t    i, size;
    ngx_str_t json, head;

    size = sizeof("{\"data\":[") + NGX_JUNKMAIL_API_LIST_TAIL_MAX;

    for (i = 2; i < n; i += 2) {
        size += ngx_junkmail_api_string(reply, i).len + sizeof(",{}");
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    json.data = p;
    p = ngx_cpymem(p, "{\"data\":[", sizeof("{\"data\":[") - 1);

    for (i = 2; i < n; i += 2) {
        head = ngx_junkmail_api_string(reply, i);
        p = ngx_sprintf(p, "%s{%V}", i > 2 ? "," : "", &head);
    }

    p = ngx_sprintf(p, NGX_JUNKMAIL_API_LIST_TAIL,
                    q->sent ? 0 : ngx_junkmail_api_integer(reply, 1), q->limit,
                    q->offset);
    json.len = p - json.data;

    ngx_http_junkmail_finish(r, ngx_http_junkmail_json(r, NGX_HTTP_OK, &json));
}


/* Text is gathered until a fragment comes, then stored before it. */

static void
ngx_junkmail_email_list_gzip(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx,
                             ngx_junkmail_query_t *q, redisReply *reply,
                             size_t n)
{
    u_char                  *p, *t;
    size_t                   i, text, size;
    jm_str_t                 run;
    ngx_str_t                head, blob;
    jm_gzip_t                gzip;
    jm_gzip_piece_t          piece;
    ngx_junkmail_api_part_t *part;

    text = sizeof("{\"data\":[") + NGX_JUNKMAIL_API_LIST_TAIL_MAX;
    size = JM_GZIP_HEAD + JM_GZIP_TAIL;

    for (i = 2; i + 1 < n; i += 2) {
        head = ngx_junkmail_api_string(reply, i);
        blob = ngx_junkmail_api_string(reply, i + 1);

        text += head.len + sizeof(",{}" NGX_JUNKMAIL_API_OMITTED);
        size += blob.len + jm_gzip_stored_size(1);
    }

    size += jm_gzip_stored_size(text);

    part = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_api_part_t));
    p = ngx_palloc(r->pool, size);
    t = ngx_palloc(r->pool, text);

    if (part == NULL || p == NULL || t == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    part->memory.data = p;
    run.data = t;

    p = jm_gzip_begin(&gzip, p);
    t = ngx_cpymem(t, "{\"data\":[", sizeof("{\"data\":[") - 1);

    for (i = 2; i + 1 < n; i += 2) {
        head = ngx_junkmail_api_string(reply, i);
        blob = ngx_junkmail_api_string(reply, i + 1);

        t = ngx_sprintf(t, "%s{%V", i > 2 ? "," : "", &head);

        if (ngx_junkmail_email_inline(&blob, &piece)) {
            run.len = t - run.data;
            p = jm_gzip_store(&gzip, p, run);
            t = run.data;

            jm_gzip_fragment(&gzip, &piece);
            p = ngx_cpymem(p, blob.data + JM_BLOB_HEADER, piece.packed);

        } else {
            t = ngx_cpymem(t, NGX_JUNKMAIL_API_OMITTED,
                           sizeof(NGX_JUNKMAIL_API_OMITTED) - 1);
        }

        *t++ = '}';
    }

    t = ngx_sprintf(t, NGX_JUNKMAIL_API_LIST_TAIL,
                    ngx_junkmail_api_integer(reply, 1), q->limit, q->offset);

    run.len = t - run.data;
    p = jm_gzip_store(&gzip, p, run);
    p = jm_gzip_end(&gzip, p);

    part->memory.len = p - part->memory.data;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_junkmail_api_gzip(r) != NGX_OK) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_api_send(r, ctx, part, 1);
}


/* Whether the blob holds its own bytes. */

static ngx_uint_t
ngx_junkmail_email_inline(ngx_str_t *blob, jm_gzip_piece_t *piece)
{
    return jm_gzip_piece((jm_str_t){ blob->data, blob->len }, piece) == 0
           && blob->len - JM_BLOB_HEADER == piece->packed;
}


/* One email. */


ngx_int_t
ngx_junkmail_api_email_get(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t argv[1];

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);

    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_read(r, ngx_junkmail_api_email_got, "jm_email_get",
                                 NULL, 1, argv));
}


void
ngx_junkmail_api_email_got(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                           redisReply *reply)
{
    u_char                  *p;
    ngx_str_t                head, id, text;
    jm_gzip_t                gzip;
    jm_gzip_piece_t          bodies, detail;
    ngx_junkmail_api_part_t *parts;

    if (ngx_junkmail_api_validate(r, &ctx->arg[0],
                                  ngx_junkmail_api_integer(reply, 1), 1)
        != NGX_OK)
    {
        return;
    }

    head = ngx_junkmail_api_string(reply, 2);
    id = ngx_junkmail_api_string(reply, 5);
    text = ngx_junkmail_api_printf(r, sizeof("{\"data\":{") + head.len,
                                   "{\"data\":{%V", &head);

    parts = ngx_pcalloc(r->pool, 4 * sizeof(ngx_junkmail_api_part_t));
    p = ngx_palloc(r->pool, JM_GZIP_HEAD + jm_gzip_stored_size(text.len)
                                + jm_gzip_stored_size(2) + JM_GZIP_TAIL);

    if (text.data == NULL || parts == NULL || p == NULL
        || ngx_junkmail_email_fragment(r, ctx, "bodies", &id,
                                       ngx_junkmail_api_string(reply, 3),
                                       &bodies, &parts[1])
               != NGX_OK
        || ngx_junkmail_email_fragment(r, ctx, "detail", &id,
                                       ngx_junkmail_api_string(reply, 4),
                                       &detail, &parts[2])
               != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    parts[0].memory.data = p;
    p = jm_gzip_begin(&gzip, p);
    p = jm_gzip_store(&gzip, p, (jm_str_t){ text.data, text.len });
    parts[0].memory.len = p - parts[0].memory.data;

    jm_gzip_fragment(&gzip, &bodies);
    jm_gzip_fragment(&gzip, &detail);

    parts[3].memory.data = p;
    p = jm_gzip_store(&gzip, p, jm_str("}}"));
    p = jm_gzip_end(&gzip, p);
    parts[3].memory.len = p - parts[3].memory.data;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    ngx_junkmail_api_send(r, ctx, parts, 4);
}


/* The fragment of a blob: copied, or where it lies in Redis when it is large.
 */

static ngx_int_t
ngx_junkmail_email_fragment(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx, const char *field,
                            ngx_str_t *id, ngx_str_t blob,
                            jm_gzip_piece_t         *piece,
                            ngx_junkmail_api_part_t *part)
{
    if (jm_gzip_piece((jm_str_t){ blob.data, blob.len }, piece) != 0) {
        return NGX_ERROR;
    }

    if (piece->packed > JM_WINDOW) {
        part->length = piece->packed;
        part->key = ngx_junkmail_api_printf(
            r, sizeof("jm:{}::") + JM_ACCOUNT_LEN + JM_UUID_LEN + 16,
            "jm:{%s}:%s:%V", ctx->key.account, field, id);

        return part->key.data == NULL ? NGX_ERROR : NGX_OK;
    }

    if (blob.len - JM_BLOB_HEADER != piece->packed) {
        return NGX_ERROR;
    }

    blob.data += JM_BLOB_HEADER;
    blob.len -= JM_BLOB_HEADER;
    part->memory = ngx_junkmail_api_copy(r, &blob);

    return part->memory.data == NULL ? NGX_ERROR : NGX_OK;
}
