/*
 * The way of every API request: a call of one Redis function, whose key check
 * is part of the call, and the answer to what it says.  Also the small helpers
 * with which the resources read queries.
 *
 * What is asked lives in the request's pool.  When the request ends first, the
 * pool's cleanup tells the Redis link to drop the reply.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_fold.h"
#include "jm_id.h"
#include "jm_schema.h"
#include "jm_utf8.h"
#include "ngx_junkmail_api.h"


#define NGX_JUNKMAIL_API_ARGS       128
#define NGX_JUNKMAIL_API_LIMIT_MAX  100
#define NGX_JUNKMAIL_API_OFFSET_MAX 1000000
#define NGX_JUNKMAIL_API_SOUGHT     200 /* bytes of what is sought */


typedef struct {
    ngx_http_request_t *request;
    ngx_junkmail_api_pt handler; /* NULL: the next command's answer counts */
    const char         *also;
    unsigned            function : 1;
} ngx_junkmail_call_t;


static ngx_int_t   ngx_junkmail_call(ngx_http_request_t *r,
                                     ngx_junkmail_api_pt handler,
                                     const char *command, const char *function,
                                     const char *also, ngx_str_t *key,
                                     ngx_uint_t argc, ngx_str_t *argv);
static ngx_int_t   ngx_junkmail_ask(ngx_http_request_t *r,
                                    ngx_junkmail_api_pt handler,
                                    const char *also, ngx_uint_t function,
                                    ngx_uint_t argc, ngx_str_t *argv);
static void        ngx_junkmail_answer(void *data, redisReply *reply);
static const char *ngx_junkmail_refusal(ngx_junkmail_call_t     *call,
                                        ngx_http_junkmail_ctx_t *ctx,
                                        redisReply              *reply);
static ngx_int_t   ngx_junkmail_wait(ngx_http_request_t *r, ngx_int_t rc,
                                     ngx_http_event_handler_pt read);


/* What functions say instead of OK that has a word of its own in API.md. */
static const char *ngx_junkmail_statuses[] = {
    "INVALID_API_KEY", "MISSING_SCOPE", "QUOTA_EXCEEDED", "ALIAS_TAKEN",
    "ADDRESS_EXPIRED", "ADDRESS_HELD",  "STORE_FULL",     NULL
};


/* Asking. */


ngx_int_t
ngx_junkmail_api_write(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                       const char *function, const char *also, ngx_uint_t argc,
                       ngx_str_t *argv)
{
    return ngx_junkmail_call(r, handler, "FCALL", function, also, NULL, argc,
                             argv);
}


ngx_int_t
ngx_junkmail_api_read(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                      const char *function, const char *also, ngx_uint_t argc,
                      ngx_str_t *argv)
{
    return ngx_junkmail_call(r, handler, "FCALL_RO", function, also, NULL,
                             argc, argv);
}


ngx_int_t
ngx_junkmail_api_function(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                          const char *function, const char *also,
                          ngx_str_t *key, ngx_uint_t argc, ngx_str_t *argv)
{
    return ngx_junkmail_call(r, handler, "FCALL", function, also, key, argc,
                             argv);
}


/* Without `key` it is the account's, and the function checks the keyhash. */

static ngx_int_t
ngx_junkmail_call(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                  const char *command, const char *function, const char *also,
                  ngx_str_t *key, ngx_uint_t argc, ngx_str_t *argv)
{
    u_char                   account[sizeof(JM_KEY_ACCOUNT) + JM_ACCOUNT_LEN];
    ngx_uint_t               i, n;
    ngx_str_t                args[NGX_JUNKMAIL_API_ARGS];
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    if (argc + 5 > NGX_JUNKMAIL_API_ARGS) {
        return NGX_ERROR;
    }

    args[0].data = (u_char *) command;
    args[0].len = ngx_strlen(command);
    args[1].data = (u_char *) function;
    args[1].len = ngx_strlen(function);
    ngx_str_set(&args[2], "1");
    n = 4;

    if (key != NULL) {
        args[3] = *key;

    } else {
        args[3].data = account;
        args[3].len = ngx_sprintf(account, JM_KEY_ACCOUNT, ctx->key.account)
                      - account;
        args[n++] = ctx->keyhash;
    }

    for (i = 0; i < argc; i++) {
        args[n++] = argv[i];
    }

    return ngx_junkmail_ask(r, handler, also, 1, n, args);
}


ngx_int_t
ngx_junkmail_api_command(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                         ngx_uint_t argc, ngx_str_t *argv)
{
    return ngx_junkmail_ask(r, handler, NULL, 0, argc, argv);
}


ngx_int_t
ngx_junkmail_api_due(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                     ngx_str_t *member, int64_t due)
{
    u_char                   text[sizeof(JM_KEY_EXPIRE) + NGX_INT32_LEN];
    u_char                   when[NGX_INT64_LEN];
    ngx_str_t                key, argv[2];
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    if (member->data == NULL) {
        return NGX_ERROR;
    }

    /* ngx_sprintf() knows %ui where JM_KEY_EXPIRE has %u. */

    key.data = text;
    key.len = snprintf(
        (char *) text, sizeof(text), JM_KEY_EXPIRE,
        jm_shard((jm_str_t){ ctx->account.data, ctx->account.len }));

    argv[0] = *member;
    argv[1].data = when;
    argv[1].len = ngx_sprintf(when, "%L", due) - when;

    return ngx_junkmail_api_function(r, handler, "jm_due_add", NULL, &key, 2,
                                     argv);
}


static ngx_int_t
ngx_junkmail_ask(ngx_http_request_t *r, ngx_junkmail_api_pt handler,
                 const char *also, ngx_uint_t function, ngx_uint_t argc,
                 ngx_str_t *argv)
{
    ngx_junkmail_call_t *call;

    call = ngx_palloc(r->pool, sizeof(ngx_junkmail_call_t));
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->request = r;
    call->handler = handler;
    call->also = also;
    call->function = function;

    return ngx_junkmail_redis_command(r->pool, ngx_junkmail_answer, call, argc,
                                      argv);
}


static void
ngx_junkmail_answer(void *data, redisReply *reply)
{
    ngx_junkmail_call_t *call = data;

    const char              *error;
    ngx_http_request_t      *r;
    ngx_http_junkmail_ctx_t *ctx;

    r = call->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_junkmail_module);

    /* The first of two commands failed and the request lives on to send it. */

    if (ctx->answered) {
        return;
    }

    error = ngx_junkmail_refusal(call, ctx, reply);

    if (error != NULL) {
        ngx_http_junkmail_fail(r, error);
        return;
    }

    if (call->handler != NULL) {
        call->handler(r, ctx, reply);
    }
}


/* NULL, or the error word for what came back. */

static const char *
ngx_junkmail_refusal(ngx_junkmail_call_t *call, ngx_http_junkmail_ctx_t *ctx,
                     redisReply *reply)
{
    const char *status, **known;

    if (reply == NULL) {
        return "STORE_UNAVAILABLE";
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "Redis answered \"%s\"", reply->str);

        /* What the function library finds wrong is a fault of ours. */

        return ngx_strncmp(reply->str, "ERR junkmail:", 13) == 0
                   ? "INTERNAL"
                   : "STORE_UNAVAILABLE";
    }

    if (!call->function) {
        return NULL;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_STRING)
    {
        return "INTERNAL";
    }

    status = reply->element[0]->str;

    if (ngx_strcmp(status, "OK") == 0
        || (call->also != NULL && ngx_strcmp(status, call->also) == 0))
    {
        return NULL;
    }

    if (ngx_strcmp(status, "NOT_FOUND") == 0 && ctx->route->missing != NULL) {
        return ctx->route->missing;
    }

    for (known = ngx_junkmail_statuses; *known != NULL; known++) {
        if (ngx_strcmp(status, *known) == 0) {
            return *known;
        }
    }

    return "INTERNAL";
}


ngx_int_t
ngx_junkmail_api_wait_read(ngx_http_request_t *r, ngx_int_t rc)
{
    return ngx_junkmail_wait(r, rc, ngx_http_test_reading);
}


ngx_int_t
ngx_junkmail_api_wait_write(ngx_http_request_t *r, ngx_int_t rc)
{
    return ngx_junkmail_wait(r, rc, ngx_http_block_reading);
}


static ngx_int_t
ngx_junkmail_wait(ngx_http_request_t *r, ngx_int_t rc,
                  ngx_http_event_handler_pt read)
{
    if (rc != NGX_OK) {
        return ngx_http_junkmail_error(r, "STORE_UNAVAILABLE");
    }

    if (!r->discard_body) {
        r->read_event_handler = read;
    }

    r->write_event_handler = ngx_http_request_empty_handler;
    r->main->count++;

    return NGX_DONE;
}


void
ngx_junkmail_api_again(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc != NGX_OK) {
        ngx_http_junkmail_fail(r, "STORE_UNAVAILABLE");
    }
}


/* Answering. */


void
ngx_junkmail_api_data(ngx_http_request_t *r, ngx_uint_t status,
                      ngx_str_t *json)
{
    ngx_int_t rc;
    ngx_str_t body;

    if (json->data == NULL) {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    body = ngx_junkmail_api_printf(r, sizeof("{\"data\":}") + json->len,
                                   "{\"data\":%V}", json);

    rc = body.data == NULL ? NGX_ERROR
                           : ngx_http_junkmail_json(r, status, &body);

    ngx_http_junkmail_finish(r, rc);
}


void
ngx_junkmail_api_message(ngx_http_request_t *r, const char *text)
{
    ngx_int_t rc;
    ngx_str_t body;

    body = ngx_junkmail_api_printf(
        r, sizeof("{\"message\":\"\"}") + ngx_strlen(text),
        "{\"message\":\"%s\"}", text);

    rc = body.data == NULL ? NGX_ERROR
                           : ngx_http_junkmail_json(r, NGX_HTTP_OK, &body);

    ngx_http_junkmail_finish(r, rc);
}


void
ngx_junkmail_api_got(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                     redisReply *reply)
{
    ngx_str_t json;

    json = ngx_junkmail_api_string(reply, 1);

    ngx_junkmail_api_data(r, NGX_HTTP_OK, &json);
}


ngx_str_t
ngx_junkmail_api_string(redisReply *reply, size_t element)
{
    redisReply *e;
    ngx_str_t   text = ngx_null_string;

    if (reply->type == REDIS_REPLY_ARRAY && element < reply->elements) {
        e = reply->element[element];

        if (e->type == REDIS_REPLY_STRING) {
            text.data = (u_char *) e->str;
            text.len = e->len;
        }
    }

    return text;
}


int64_t
ngx_junkmail_api_integer(redisReply *reply, size_t element)
{
    redisReply *e;

    if (reply->type == REDIS_REPLY_ARRAY && element < reply->elements) {
        e = reply->element[element];

        if (e->type == REDIS_REPLY_INTEGER) {
            return e->integer;
        }
    }

    return 0;
}


ngx_str_t
ngx_junkmail_api_printf(ngx_http_request_t *r, size_t size, const char *format,
                        ...)
{
    va_list   args;
    ngx_str_t text = ngx_null_string;

    text.data = ngx_pnalloc(r->pool, size);

    if (text.data != NULL) {
        va_start(args, format);
        text.len = ngx_vslprintf(text.data, text.data + size, format, args)
                   - text.data;
        va_end(args);
    }

    return text;
}


ngx_str_t
ngx_junkmail_api_copy(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_str_t copy = ngx_null_string;

    copy.data = ngx_pnalloc(r->pool, text->len + 1);

    if (copy.data != NULL) {
        ngx_memcpy(copy.data, text->data, text->len);
        copy.len = text->len;
    }

    return copy;
}


/* Reading the request. */


ngx_str_t
ngx_junkmail_api_id(ngx_str_t *text)
{
    ngx_str_t none = ngx_string("00000000-0000-7000-8000-000000000000");

    return jm_uuid_valid((jm_str_t){ text->data, text->len }) ? *text : none;
}


int64_t
ngx_junkmail_api_now(void)
{
    ngx_time_t *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


ngx_int_t
ngx_junkmail_api_arg(ngx_http_request_t *r, const char *name, ngx_str_t *out)
{
    u_char   *src, *dst;
    size_t    i;
    ngx_str_t raw;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK) {
        return NGX_DECLINED;
    }

    raw = ngx_junkmail_api_copy(r, &raw);
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < raw.len; i++) {
        if (raw.data[i] == '+') {
            raw.data[i] = ' ';
        }
    }

    src = raw.data;
    dst = raw.data;
    ngx_unescape_uri(&dst, &src, raw.len, 0);

    out->data = raw.data;
    out->len = dst - raw.data;

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_api_arg_folded(ngx_http_request_t *r, const char *name,
                            ngx_str_t *out)
{
    u_char   *folded, *p, *end;
    size_t    n;
    uint32_t  cp;
    ngx_str_t text;

    if (ngx_junkmail_api_arg(r, name, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (text.len > NGX_JUNKMAIL_API_SOUGHT) {
        return NGX_ERROR;
    }

    end = text.data + text.len;

    for (p = text.data; p < end; p += n) {
        n = jm_utf8_decode(p, end, &cp);
        if (n == 0 || cp == 0) {
            return NGX_ERROR;
        }
    }

    folded = ngx_pnalloc(r->pool, text.len + 1);
    if (folded == NULL) {
        return NGX_ERROR;
    }

    out->data = folded;
    out->len = jm_fold((jm_str_t){ text.data, text.len }, folded, text.len);

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_api_arg_number(ngx_http_request_t *r, const char *name,
                            ngx_int_t max, ngx_int_t *out)
{
    size_t    i;
    ngx_int_t n;
    ngx_str_t text;

    if (ngx_junkmail_api_arg(r, name, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return NGX_ERROR;
        }
    }

    if (text.len == 0) {
        return NGX_ERROR;
    }

    n = text.len > 9 ? max : ngx_atoi(text.data, text.len);

    *out = ngx_min(n, max);

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_api_arg_flag(ngx_http_request_t *r, const char *name,
                          ngx_flag_t *out)
{
    ngx_str_t text;

    if (ngx_junkmail_api_arg(r, name, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (text.len == 4 && ngx_memcmp(text.data, "true", 4) == 0) {
        *out = 1;
        return NGX_OK;
    }

    if (text.len == 5 && ngx_memcmp(text.data, "false", 5) == 0) {
        *out = 0;
        return NGX_OK;
    }

    return NGX_ERROR;
}


const char *
ngx_junkmail_api_page(ngx_http_request_t *r, ngx_int_t *limit,
                      ngx_int_t *offset)
{
    if (ngx_junkmail_api_arg_number(r, "limit", NGX_JUNKMAIL_API_LIMIT_MAX,
                                    limit)
        == NGX_ERROR)
    {
        return "limit";
    }

    if (ngx_junkmail_api_arg_number(r, "offset", NGX_JUNKMAIL_API_OFFSET_MAX,
                                    offset)
        == NGX_ERROR)
    {
        return "offset";
    }

    return NULL;
}
