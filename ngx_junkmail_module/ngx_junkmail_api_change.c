/*
 * Changing emails: flags of one, of up to 100 by their ids, of all of one
 * address in slices; and deleting.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "ngx_junkmail_api.h"


#define NGX_JUNKMAIL_API_IDS 100


/* The wish of a PATCH: "0", "1", or empty to leave it. */
typedef struct {
    ngx_str_t flags[3];
    ngx_str_t address; /* all of it */
    int64_t   updated;
} ngx_junkmail_wish_t;


static const char *ngx_junkmail_wish_read(ngx_http_request_t  *r,
                                          ngx_junkmail_wish_t *wish);

static void ngx_junkmail_email_updated(ngx_http_request_t      *r,
                                       ngx_http_junkmail_ctx_t *ctx,
                                       redisReply              *reply);

static ngx_int_t ngx_junkmail_ids_read(ngx_http_request_t *r, ngx_str_t *ids,
                                       ngx_uint_t *n);

static void ngx_junkmail_email_updated_many(ngx_http_request_t      *r,
                                            ngx_http_junkmail_ctx_t *ctx,
                                            redisReply              *reply);

static ngx_int_t ngx_junkmail_email_update_slice(ngx_http_request_t  *r,
                                                 ngx_junkmail_wish_t *wish,
                                                 ngx_str_t           *cursor);

static void ngx_junkmail_email_updated_slice(ngx_http_request_t      *r,
                                             ngx_http_junkmail_ctx_t *ctx,
                                             redisReply              *reply);
static void ngx_junkmail_email_updated_all(ngx_http_request_t  *r,
                                           ngx_junkmail_wish_t *wish);
static void ngx_junkmail_email_deleted(ngx_http_request_t      *r,
                                       ngx_http_junkmail_ctx_t *ctx,
                                       redisReply              *reply);


/* In the order in which the functions take them. */
static const char *ngx_junkmail_flags[] = { "isRead", "isStarred",
                                            "isDeleted" };


ngx_int_t
ngx_junkmail_api_email_update(ngx_http_request_t      *r,
                              ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t           argv[4];
    const char         *wrong;
    ngx_junkmail_wish_t wish;

    wrong = ngx_junkmail_wish_read(r, &wish);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    argv[0] = wish.flags[0];
    argv[1] = wish.flags[1];
    argv[2] = wish.flags[2];
    argv[3] = ngx_junkmail_api_id(&ctx->arg[0]);

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_email_updated,
                                  "jm_email_update", NULL, 4, argv));
}


/* NULL, or the field that is wrong. */

static const char *
ngx_junkmail_wish_read(ngx_http_request_t *r, ngx_junkmail_wish_t *wish)
{
    ngx_uint_t i;

    ngx_memzero(wish, sizeof(ngx_junkmail_wish_t));

    for (i = 0; i < 3; i++) {
        if (ngx_junkmail_api_field_flag(r, ngx_junkmail_flags[i],
                                        &wish->flags[i])
            == NGX_ERROR)
        {
            return ngx_junkmail_flags[i];
        }
    }

    return NULL;
}


static void
ngx_junkmail_email_updated(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                           redisReply *reply)
{
    ngx_str_t head, json;

    if (ngx_junkmail_api_integer(reply, 1) == 0) {
        ngx_http_junkmail_fail(r, "EMAIL_NOT_FOUND");
        return;
    }

    head = ngx_junkmail_api_string(reply, 3);
    json = ngx_junkmail_api_printf(r, head.len + sizeof("{}"), "{%V}", &head);

    ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
}


ngx_int_t
ngx_junkmail_api_email_update_many(ngx_http_request_t      *r,
                                   ngx_http_junkmail_ctx_t *ctx)
{
    ngx_int_t            rc, by_ids;
    ngx_str_t            argv[3 + NGX_JUNKMAIL_API_IDS];
    ngx_str_t            start = ngx_string("");
    ngx_uint_t           n;
    const char          *wrong;
    ngx_junkmail_wish_t *wish;

    wish = ngx_palloc(r->pool, sizeof(ngx_junkmail_wish_t));
    if (wish == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = wish;

    wrong = ngx_junkmail_wish_read(r, wish);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    by_ids = ngx_junkmail_ids_read(r, argv + 3, &n);
    if (by_ids == NGX_ERROR) {
        return ngx_http_junkmail_invalid(r, "ids");
    }

    rc = ngx_junkmail_api_field_string(r, "addressId", &wish->address);

    /* One of the two, and only one. */

    if (rc == NGX_ERROR || (rc == NGX_OK && by_ids == NGX_OK)) {
        return ngx_http_junkmail_invalid(r, "addressId");
    }

    if (rc == NGX_DECLINED && by_ids == NGX_DECLINED) {
        return ngx_http_junkmail_invalid(r, "ids");
    }

    if (rc == NGX_OK) {
        wish->address = ngx_junkmail_api_id(&wish->address);
        rc = ngx_junkmail_email_update_slice(r, wish, &start);

        return ngx_junkmail_api_wait_write(r, rc);
    }

    argv[0] = wish->flags[0];
    argv[1] = wish->flags[1];
    argv[2] = wish->flags[2];

    rc = ngx_junkmail_api_write(r, ngx_junkmail_email_updated_many,
                                "jm_email_update", NULL, 3 + n, argv);

    return ngx_junkmail_api_wait_write(r, rc);
}


/* NGX_DECLINED: the field is absent. */

static ngx_int_t
ngx_junkmail_ids_read(ngx_http_request_t *r, ngx_str_t *ids, ngx_uint_t *n)
{
    cJSON    *array, *item;
    ngx_str_t id;

    *n = 0;
    array = ngx_junkmail_api_field(r, "ids");

    if (array == NULL) {
        return NGX_DECLINED;
    }

    if (!cJSON_IsArray(array)) {
        return NGX_ERROR;
    }

    cJSON_ArrayForEach(item, array)
    {
        if (*n == NGX_JUNKMAIL_API_IDS || !cJSON_IsString(item)) {
            return NGX_ERROR;
        }

        id.data = (u_char *) item->valuestring;
        id.len = ngx_strlen(id.data);

        if (!jm_uuid_valid((jm_str_t){ id.data, id.len })) {
            return NGX_ERROR;
        }

        ids[(*n)++] = id;
    }

    return NGX_OK;
}


static void
ngx_junkmail_email_updated_many(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx,
                                redisReply              *reply)
{
    ngx_junkmail_wish_t *wish;

    wish = ctx->data;
    wish->updated = ngx_junkmail_api_integer(reply, 1);

    ngx_junkmail_email_updated_all(r, wish);
}


static ngx_int_t
ngx_junkmail_email_update_slice(ngx_http_request_t  *r,
                                ngx_junkmail_wish_t *wish, ngx_str_t *cursor)
{
    ngx_str_t argv[5];

    argv[0] = wish->flags[0];
    argv[1] = wish->flags[1];
    argv[2] = wish->flags[2];
    argv[3] = wish->address;
    argv[4] = *cursor;

    return ngx_junkmail_api_write(r, ngx_junkmail_email_updated_slice,
                                  "jm_email_update_all", NULL, 5, argv);
}


static void
ngx_junkmail_email_updated_slice(ngx_http_request_t      *r,
                                 ngx_http_junkmail_ctx_t *ctx,
                                 redisReply              *reply)
{
    ngx_str_t            cursor;
    ngx_junkmail_wish_t *wish;

    wish = ctx->data;
    wish->updated += ngx_junkmail_api_integer(reply, 1);
    cursor = ngx_junkmail_api_string(reply, 2);

    if (cursor.len == 0) {
        ngx_junkmail_email_updated_all(r, wish);
        return;
    }

    ngx_junkmail_api_again(r,
                           ngx_junkmail_email_update_slice(r, wish, &cursor));
}


static void
ngx_junkmail_email_updated_all(ngx_http_request_t  *r,
                               ngx_junkmail_wish_t *wish)
{
    ngx_str_t json;

    json = ngx_junkmail_api_printf(r, sizeof("{\"updated\":}") + NGX_INT64_LEN,
                                   "{\"updated\":%L}", wish->updated);

    ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
}


ngx_int_t
ngx_junkmail_api_email_delete(ngx_http_request_t      *r,
                              ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t  argv[2];
    ngx_flag_t permanent;

    permanent = 0;

    if (ngx_junkmail_api_arg_flag(r, "permanent", &permanent) == NGX_ERROR) {
        return ngx_http_junkmail_invalid(r, "permanent");
    }

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);
    argv[1].data = (u_char *) (permanent ? "1" : "0");
    argv[1].len = 1;

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_email_deleted,
                                  "jm_email_delete", NULL, 2, argv));
}


static void
ngx_junkmail_email_deleted(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                           redisReply *reply)
{
    ngx_junkmail_api_message(r, "Email deleted successfully");
}
