/*
 * /accounts and /server/domains: opening an account, looking at it, removing
 * it; the domains on which addresses can be made.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "jm_schema.h"
#include "ngx_junkmail_api.h"
#include "ngx_junkmail_stats.h"


/* When the reaper first looks after an account, as daily from then on. */
#define NGX_JUNKMAIL_API_DAY ((int64_t) 24 * 3600 * 1000)

#define NGX_JUNKMAIL_API_SCOPES                                               \
    "[\"emails:read\",\"emails:write\",\"analytics:read\",\"domains:read\","  \
    "\"domains:manage\",\"webhooks:manage\",\"forwarding:manage\","           \
    "\"keys:manage\"]"


static void      ngx_junkmail_account_created(ngx_http_request_t      *r,
                                              ngx_http_junkmail_ctx_t *ctx,
                                              redisReply              *reply);
static void      ngx_junkmail_account_deleted(ngx_http_request_t      *r,
                                              ngx_http_junkmail_ctx_t *ctx,
                                              redisReply              *reply);
static void      ngx_junkmail_account_due(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx,
                                          redisReply              *reply);
static void      ngx_junkmail_domains_got(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx,
                                          redisReply              *reply);
static ngx_str_t ngx_junkmail_account_number(ngx_http_request_t *r, int64_t n);
static ngx_str_t ngx_junkmail_account_member(ngx_http_request_t      *r,
                                             ngx_http_junkmail_ctx_t *ctx);


ngx_int_t
ngx_junkmail_api_account_create(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx)
{
    char                account[JM_ACCOUNT_LEN + 1];
    char                id[JM_UUID_LEN + 1];
    u_char             *text, *last;
    u_char              net[sizeof("account net ") + NGX_JUNKMAIL_CLIENT_ID];
    int64_t             now;
    ngx_int_t           rc;
    ngx_str_t           client, member, argv[6];
    ngx_junkmail_rate_t rate;
    ngx_junkmail_rate_conf_t     *limit;
    ngx_http_junkmail_loc_conf_t *jlcf;

    jlcf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    if (!jlcf->registration) {
        return ngx_http_junkmail_error(r, "REGISTRATION_CLOSED");
    }

    last = ngx_cpymem(net, "account net ", sizeof("account net ") - 1);
    client.data = net;
    client.len = ngx_junkmail_client_id(r->connection->sockaddr, last) - net;

    limit = &jlcf->registration_rate;

    if (limit->limit != 0
        && ngx_junkmail_rate(&client, limit->limit, limit->period, &rate)
               != NGX_OK)
    {
        return ngx_http_junkmail_limited(r, &rate);
    }

    now = ngx_junkmail_api_now();
    text = ngx_pnalloc(r->pool, JM_KEY_LEN + 1);

    if (text == NULL || jm_account_make(account) != 0
        || jm_key_make(account, 1, (char *) text, &ctx->key) != 0
        || jm_uuid7(now, id) != 0)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = text;

    argv[0].data = (u_char *) id;
    argv[0].len = JM_UUID_LEN;
    argv[1] = ngx_junkmail_account_number(r, jlcf->quota_emails);
    argv[2] = ngx_junkmail_account_number(r, jlcf->quota_bytes);
    argv[3] = ngx_junkmail_account_number(r, jlcf->quota_addresses);
    argv[4] = ngx_junkmail_account_number(r, jlcf->quota_address_emails);
    argv[5] = ngx_junkmail_account_number(r, jlcf->quota_address_bytes);

    /* What is due comes first, so that no account is ever forgotten. */

    member = ngx_junkmail_account_member(r, ctx);
    rc = ngx_junkmail_api_due(r, NULL, &member, now + NGX_JUNKMAIL_API_DAY);

    if (rc == NGX_OK) {
        rc = ngx_junkmail_api_write(r, ngx_junkmail_account_created,
                                    "jm_account_create", NULL, 6, argv);
    }

    return ngx_junkmail_api_wait_write(r, rc);
}


static ngx_str_t
ngx_junkmail_account_number(ngx_http_request_t *r, int64_t n)
{
    return ngx_junkmail_api_printf(r, NGX_INT64_LEN, "%L", n);
}


static ngx_str_t
ngx_junkmail_account_member(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_api_printf(r, sizeof("account:") + JM_ACCOUNT_LEN,
                                   "account:%s", ctx->key.account);
}


static void
ngx_junkmail_account_created(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    char      created[25];
    ngx_str_t json;

    jm_iso_time(ngx_junkmail_api_integer(reply, 1), created);

    json = ngx_junkmail_api_printf(
        r, 512,
        "{\"id\":\"%s\",\"key\":\"%s\",\"scopes\":" NGX_JUNKMAIL_API_SCOPES
        ",\"createdAt\":\"%s\"}",
        ctx->key.account, ctx->data, created);

    if (ngx_http_junkmail_header_text(r, "Cache-Control", "no-store") != NGX_OK
        || ngx_http_junkmail_header_text(
               r, "Location", NGX_HTTP_JUNKMAIL_PREFIX "accounts/me")
               != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    ngx_junkmail_api_data(r, NGX_HTTP_CREATED, &json);
}


ngx_int_t
ngx_junkmail_api_account_get(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_read(r, ngx_junkmail_api_got, "jm_account_get",
                                 NULL, 0, NULL));
}


void
ngx_junkmail_api_seen(ngx_http_request_t *r)
{
    u_char                   key[sizeof(JM_KEY_ACCOUNT) + JM_ACCOUNT_LEN];
    u_char                   text[sizeof("seen ") + JM_HASH_LEN];
    ngx_str_t                id, argv[5];
    ngx_junkmail_rate_t      rate;
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);

    id.data = text;
    id.len = ngx_sprintf(text, "seen %V", &ctx->keyhash) - text;

    if (ngx_junkmail_rate(&id, 1, NGX_JUNKMAIL_API_DAY / 1000, &rate)
        != NGX_OK) {
        return;
    }

    ngx_str_set(&argv[0], "FCALL");
    ngx_str_set(&argv[1], "jm_account_seen");
    ngx_str_set(&argv[2], "1");
    argv[3].data = key;
    argv[3].len = ngx_sprintf(key, JM_KEY_ACCOUNT, ctx->key.account) - key;
    argv[4] = ctx->keyhash;

    (void) ngx_junkmail_redis_command(NULL, NULL, NULL, 5, argv);
}


ngx_int_t
ngx_junkmail_api_account_delete(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx)
{
    return ngx_junkmail_api_wait_write(
        r, ngx_junkmail_api_write(r, ngx_junkmail_account_deleted,
                                  "jm_account_delete", NULL, 0, NULL));
}


/* Invisible from now on; the reaper removes the rest. */

static void
ngx_junkmail_account_deleted(ngx_http_request_t      *r,
                             ngx_http_junkmail_ctx_t *ctx, redisReply *reply)
{
    ngx_str_t member;

    member = ngx_junkmail_account_member(r, ctx);

    ngx_junkmail_api_again(
        r, ngx_junkmail_api_due(r, ngx_junkmail_account_due, &member, 0));
}


static void
ngx_junkmail_account_due(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                         redisReply *reply)
{
    ngx_junkmail_api_message(r, "Account deleted successfully");
}


ngx_int_t
ngx_junkmail_api_domains(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t argv[] = { ngx_string("ZRANGE"), ngx_string("jm:domains"),
                         ngx_string("0"), ngx_string("-1") };

    return ngx_junkmail_api_wait_read(
        r, ngx_junkmail_api_command(r, ngx_junkmail_domains_got, 4, argv));
}


/* Domains are host names: nothing in them has to be escaped. */

static void
ngx_junkmail_domains_got(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                         redisReply *reply)
{
    u_char   *p;
    size_t    i, size;
    ngx_str_t json, domain;

    size = sizeof("[]");

    for (i = 0; i < reply->elements; i++) {
        size += ngx_junkmail_api_string(reply, i).len + sizeof(",\"\"");
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    json.data = p;
    *p++ = '[';

    for (i = 0; i < reply->elements; i++) {
        domain = ngx_junkmail_api_string(reply, i);
        p = ngx_sprintf(p, "%s\"%V\"", i ? "," : "", &domain);
    }

    *p++ = ']';
    json.len = p - json.data;

    ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
}
