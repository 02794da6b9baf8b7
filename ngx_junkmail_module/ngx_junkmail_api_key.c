/*
 * /keys: list, create, revoke.  A key gives no more than it has itself; that,
 * and everything else about keys that are there, is for the store to say.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "ngx_junkmail_api.h"


#define NGX_JUNKMAIL_API_KEY_NAME   100 /* characters */
#define NGX_JUNKMAIL_API_KEY_EXPIRY ((int64_t) 10 * 365 * 24 * 3600)
#define NGX_JUNKMAIL_API_KEY_SCOPES 8


static const char *ngx_junkmail_key_read(ngx_http_request_t *r,
                                         ngx_str_t          *argv);
static ngx_int_t ngx_junkmail_key_name(ngx_http_request_t *r, ngx_str_t *name);
static ngx_int_t ngx_junkmail_key_scopes(ngx_http_request_t *r,
                                         ngx_str_t          *scopes);
static ngx_int_t ngx_junkmail_key_scope(cJSON *item);

static void ngx_junkmail_key_created(ngx_http_request_t      *r,
                                     ngx_http_junkmail_ctx_t *ctx,
                                     redisReply              *reply);
static void ngx_junkmail_key_deleted(ngx_http_request_t      *r,
                                     ngx_http_junkmail_ctx_t *ctx,
                                     redisReply              *reply);


/* API.md, "Scopes"; SCOPES in backend/store/model.lua. */

static const char *ngx_junkmail_scopes[NGX_JUNKMAIL_API_KEY_SCOPES] = {
    "emails:read",    "emails:write",    "analytics:read",    "domains:read",
    "domains:manage", "webhooks:manage", "forwarding:manage", "keys:manage",
};


ngx_int_t
ngx_junkmail_api_key_list(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_read(r, ngx_junkmail_api_got, "jm_key_list", NULL,
                                 0, NULL));
}


ngx_int_t
ngx_junkmail_api_key_create(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx)
{
    char       *id;
    u_char     *text;
    jm_key_t   *key;
    ngx_str_t   argv[5];
    const char *wrong;

    wrong = ngx_junkmail_key_read(r, argv);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    id = ngx_pnalloc(r->pool, JM_UUID_LEN + 1);
    key = ngx_palloc(r->pool, sizeof(jm_key_t));
    text = ngx_pnalloc(r->pool, JM_KEY_LEN + 1);

    if (id == NULL || key == NULL || text == NULL
        || jm_uuid7(ngx_junkmail_api_now(), id) != 0
        || jm_key_make(ctx->key.account, 0, (char *) text, key) != 0)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = text;

    argv[0].data = (u_char *) key->hash;
    argv[0].len = JM_HASH_LEN;
    argv[1].data = (u_char *) id;
    argv[1].len = JM_UUID_LEN;

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_key_created, "jm_key_create",
                                  NULL, 5, argv));
}


/* Name, scopes and life into argv[2] to argv[4].  NULL, or what is wrong. */

static const char *
ngx_junkmail_key_read(ngx_http_request_t *r, ngx_str_t *argv)
{
    int64_t seconds;

    seconds = 0;

    if (ngx_junkmail_key_name(r, &argv[2]) != NGX_OK) {
        return "name";
    }

    if (ngx_junkmail_key_scopes(r, &argv[3]) != NGX_OK) {
        return "scopes";
    }

    if (ngx_junkmail_api_field_integer(r, "expiresIn", 60,
                                       NGX_JUNKMAIL_API_KEY_EXPIRY, &seconds)
        == NGX_ERROR)
    {
        return "expiresIn";
    }

    argv[4] = ngx_junkmail_api_printf(r, NGX_INT64_LEN, "%L", seconds);

    return NULL;
}


/* The body is UTF-8 and holds no NUL: ngx_junkmail_api_body.c. */

static ngx_int_t
ngx_junkmail_key_name(ngx_http_request_t *r, ngx_str_t *name)
{
    size_t length;

    if (ngx_junkmail_api_field_string(r, "name", name) != NGX_OK) {
        return NGX_ERROR;
    }

    length = ngx_utf8_length(name->data, name->len);

    return length >= 1 && length <= NGX_JUNKMAIL_API_KEY_NAME ? NGX_OK
                                                              : NGX_ERROR;
}


/* ["a","b"] as the store keeps them, in the order of the table: "a b". */

static ngx_int_t
ngx_junkmail_key_scopes(ngx_http_request_t *r, ngx_str_t *scopes)
{
    u_char    *p;
    cJSON     *list, *item;
    ngx_int_t  scope;
    ngx_uint_t i, wanted;

    list = ngx_junkmail_api_field(r, "scopes");

    if (!cJSON_IsArray(list)) {
        return NGX_ERROR;
    }

    wanted = 0;

    cJSON_ArrayForEach(item, list)
    {
        scope = ngx_junkmail_key_scope(item);
        if (scope == NGX_ERROR) {
            return NGX_ERROR;
        }

        wanted |= 1 << scope;
    }

    p = ngx_pnalloc(r->pool, NGX_JUNKMAIL_API_KEY_SCOPES * 20);
    if (p == NULL || wanted == 0) {
        return NGX_ERROR;
    }

    scopes->data = p;

    for (i = 0; i < NGX_JUNKMAIL_API_KEY_SCOPES; i++) {
        if (wanted & (1 << i)) {
            p = ngx_sprintf(p, "%s%s", p == scopes->data ? "" : " ",
                            ngx_junkmail_scopes[i]);
        }
    }

    scopes->len = p - scopes->data;

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_key_scope(cJSON *item)
{
    ngx_int_t i;

    if (cJSON_IsString(item)) {
        for (i = 0; i < NGX_JUNKMAIL_API_KEY_SCOPES; i++) {
            if (ngx_strcmp(item->valuestring, ngx_junkmail_scopes[i]) == 0) {
                return i;
            }
        }
    }

    return NGX_ERROR;
}


/* The store's JSON with the secret, shown this once, put in front. */

static void
ngx_junkmail_key_created(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                         redisReply *reply)
{
    ngx_str_t json, location;

    json = ngx_junkmail_api_string(reply, 1);

    location = ngx_junkmail_api_printf(
        r, sizeof(NGX_HTTP_JUNKMAIL_PREFIX "keys/") + JM_UUID_LEN,
        NGX_HTTP_JUNKMAIL_PREFIX "keys/%*s", (size_t) JM_UUID_LEN,
        json.data + sizeof("{\"id\":\"") - 1);

    json.data++;
    json.len--;
    json = ngx_junkmail_api_printf(
        r, sizeof("{\"key\":\"\",") + JM_KEY_LEN + json.len,
        "{\"key\":\"%s\",%V", ctx->data, &json);

    if (location.data == NULL
        || ngx_http_junkmail_header(r, "Location", &location) != NGX_OK
        || ngx_http_junkmail_header_text(r, "Cache-Control", "no-store")
               != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_api_data(r, NGX_HTTP_CREATED, &json);
}


ngx_int_t
ngx_junkmail_api_key_delete(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t argv[1];

    argv[0] = ngx_junkmail_api_id(&ctx->arg[0]);

    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_key_deleted, "jm_key_delete",
                                  NULL, 1, argv));
}


static void
ngx_junkmail_key_deleted(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                         redisReply *reply)
{
    ngx_junkmail_api_message(r, "API key deleted successfully");
}
