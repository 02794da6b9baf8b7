/*
 * GET /emails/wait: the long poll.  What the client asks for may be there
 * already, or is waited for as a listener of the hub; either way the answer is
 * that of GET /emails/:id.
 *
 * The store says in one answer what came after the client's email and where
 * the event log is: the hub goes on from there, so that nothing falls in
 * between.  All of it lives in r->pool, whose cleanup leaves the hub when the
 * client goes.  The hub forbids to leave it from its callbacks: these only
 * note what has come and post the event, whose handler does the rest; so does
 * its timer, which is never far off, because a worker that is told to leave
 * is to send its clients away at once.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jm_fold.h"
#include "jm_id.h"
#include "ngx_junkmail_api.h"
#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_push.h"
#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_API_WAIT     30   /* s, the default */
#define NGX_JUNKMAIL_API_WAIT_MAX 60   /* s */
#define NGX_JUNKMAIL_API_PAGE     100  /* emails in an answer of the store */
#define NGX_JUNKMAIL_API_TICK     500  /* ms */
#define NGX_JUNKMAIL_API_RETRY    20   /* ms until Redis is asked again */
#define NGX_JUNKMAIL_API_FETCHES  128  /* at a time, of the link's 1,024 */
#define NGX_JUNKMAIL_API_FIELD    1000 /* bytes of it that are looked at */


typedef struct {
    ngx_http_request_t     *request;
    ngx_junkmail_listener_t listener;
    ngx_event_t             event;
    ngx_msec_t              deadline;
    ngx_str_t               address; /* an id, or empty */
    ngx_str_t               after;   /* the same */
    ngx_str_t               from;    /* folded */
    ngx_str_t               subject; /* the same */
    ngx_str_t               since;   /* position in the log */
    ngx_str_t               found;   /* the email's id */
    uint32_t                place[NGX_JUNKMAIL_PUSH_PLACES];
    unsigned                placed : 1;
    unsigned                joined : 1;
    unsigned                fetching : 1;
    unsigned                gone : 1; /* the key is no longer good */
} ngx_junkmail_wait_t;


static const char *ngx_junkmail_wait_read(ngx_http_request_t  *r,
                                          ngx_junkmail_wait_t *w);
static ngx_int_t   ngx_junkmail_wait_ask(ngx_http_request_t      *r,
                                         ngx_http_junkmail_ctx_t *ctx);
static void        ngx_junkmail_wait_asked(ngx_http_request_t      *r,
                                           ngx_http_junkmail_ctx_t *ctx,
                                           redisReply              *reply);
static ngx_int_t   ngx_junkmail_wait_fetch(ngx_http_request_t      *r,
                                           ngx_http_junkmail_ctx_t *ctx);
static void        ngx_junkmail_wait_fetched(ngx_http_request_t      *r,
                                             ngx_http_junkmail_ctx_t *ctx,
                                             redisReply              *reply);
static void        ngx_junkmail_wait_join(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx);
static void        ngx_junkmail_wait_stop(ngx_junkmail_wait_t *w);
static void        ngx_junkmail_wait_landed(ngx_junkmail_wait_t *w);
static void        ngx_junkmail_wait_leave(void *data);
static void        ngx_junkmail_wait_handler(ngx_event_t *ev);
static void        ngx_junkmail_wait_in_vain(ngx_http_request_t *r);

static ngx_int_t ngx_junkmail_wait_event(ngx_junkmail_listener_t *l,
                                         ngx_junkmail_event_t    *e);
static void      ngx_junkmail_wait_reset(ngx_junkmail_listener_t *l,
                                         ngx_str_t               *newest);
static void      ngx_junkmail_wait_gone(ngx_junkmail_listener_t *l);

static ngx_int_t  ngx_junkmail_wait_match(ngx_junkmail_wait_t *w, cJSON *email,
                                          ngx_str_t *id);
static ngx_uint_t ngx_junkmail_wait_holds(cJSON *email, const char *field,
                                          ngx_str_t *sought);
static ngx_int_t ngx_junkmail_wait_copy(ngx_junkmail_wait_t *w, ngx_str_t *out,
                                        ngx_str_t *text);


static const ngx_junkmail_listener_ops_t ngx_junkmail_wait_ops = {
    ngx_junkmail_wait_event, ngx_junkmail_wait_reset, ngx_junkmail_wait_gone
};

static ngx_uint_t ngx_junkmail_wait_fetches; /* under way in this worker */


ngx_int_t
ngx_junkmail_api_email_wait(ngx_http_request_t      *r,
                            ngx_http_junkmail_ctx_t *ctx)
{
    const char          *wrong;
    ngx_pool_cleanup_t  *cln;
    ngx_junkmail_wait_t *w;

    w = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_wait_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (w == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w->request = r;
    w->listener.ops = &ngx_junkmail_wait_ops;
    w->listener.data = w;
    w->event.handler = ngx_junkmail_wait_handler;
    w->event.data = w;
    w->event.log = r->connection->log;

    cln->handler = ngx_junkmail_wait_leave;
    cln->data = w;
    ctx->data = w;

    wrong = ngx_junkmail_wait_read(r, w);
    if (wrong != NULL) {
        return ngx_http_junkmail_invalid(r, wrong);
    }

    return ngx_junkmail_api_wait_read(r, ngx_junkmail_wait_ask(r, ctx));
}


/* The query.  NULL, or what is wrong. */

static const char *
ngx_junkmail_wait_read(ngx_http_request_t *r, ngx_junkmail_wait_t *w)
{
    ngx_int_t seconds;

    if (ngx_junkmail_api_arg(r, "address_id", &w->address) == NGX_OK
        && w->address.len)
    {
        w->address = ngx_junkmail_api_id(&w->address);
    }

    if (ngx_junkmail_api_arg(r, "after", &w->after) == NGX_OK
        && !jm_uuid_valid((jm_str_t){ w->after.data, w->after.len }))
    {
        return "after";
    }

    if (ngx_junkmail_api_arg_folded(r, "from", &w->from) == NGX_ERROR) {
        return "from";
    }

    if (ngx_junkmail_api_arg_folded(r, "subject", &w->subject) == NGX_ERROR) {
        return "subject";
    }

    seconds = NGX_JUNKMAIL_API_WAIT;

    if (ngx_junkmail_api_arg_number(r, "timeout", NGX_JUNKMAIL_API_WAIT_MAX,
                                    &seconds)
            == NGX_ERROR
        || seconds == 0)
    {
        return "timeout";
    }

    w->deadline = ngx_current_msec + (ngx_msec_t) seconds * 1000;

    return NULL;
}


static ngx_int_t
ngx_junkmail_wait_ask(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_str_t            argv[2];
    ngx_junkmail_wait_t *w;

    w = ctx->data;
    argv[0] = w->address;
    argv[1] = w->after;

    return ngx_junkmail_api_read(r, ngx_junkmail_wait_asked, "jm_email_after",
                                 NULL, 2, argv);
}


/* The first answer's position in the log counts; more pages are older news. */

static void
ngx_junkmail_wait_asked(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                        redisReply *reply)
{
    cJSON               *email;
    size_t               i;
    ngx_int_t            rc;
    ngx_str_t            newest, id;
    ngx_junkmail_wait_t *w;

    w = ctx->data;
    newest = ngx_junkmail_api_string(reply, 1);

    if (w->since.len == 0
        && ngx_junkmail_wait_copy(w, &w->since, &newest) != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    for (i = 2; i < reply->elements; i++) {
        email = cJSON_Parse(reply->element[i]->str);
        rc = ngx_junkmail_wait_match(w, email, &id);

        if (rc == NGX_OK) {
            rc = ngx_junkmail_wait_copy(w, &w->found, &id);

        } else if (id.len != 0) {
            rc = ngx_junkmail_wait_copy(w, &w->after, &id) == NGX_OK
                     ? NGX_DECLINED
                     : NGX_ERROR;
        }

        cJSON_Delete(email);

        if (rc == NGX_ERROR) {
            ngx_http_junkmail_fail(r, "INTERNAL");
            return;
        }

        if (rc == NGX_OK) {
            ngx_post_event(&w->event, &ngx_posted_events);
            return;
        }
    }

    if (i - 2 >= NGX_JUNKMAIL_API_PAGE) {
        ngx_junkmail_api_again(r, ngx_junkmail_wait_ask(r, ctx));
        return;
    }

    ngx_junkmail_wait_join(r, ctx);
}


static ngx_int_t
ngx_junkmail_wait_fetch(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_junkmail_wait_t *w;

    w = ctx->data;

    if (ngx_junkmail_wait_fetches >= NGX_JUNKMAIL_API_FETCHES) {
        return NGX_ERROR;
    }

    ctx->arg[0] = w->found;

    if (ngx_junkmail_api_read(r, ngx_junkmail_wait_fetched, "jm_email_get",
                              "NOT_FOUND", 1, &w->found)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->fetching = 1;
    ngx_junkmail_wait_fetches++;

    return NGX_OK;
}


/*
 * What has been removed meanwhile is as if it had never come: the wait goes on
 * behind it, in the store's list or in the log, wherever it was found.
 */

static void
ngx_junkmail_wait_fetched(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                          redisReply *reply)
{
    ngx_junkmail_wait_t *w;

    w = ctx->data;
    ngx_junkmail_wait_landed(w);

    if (ngx_strcmp(reply->element[0]->str, "OK") == 0) {
        ngx_junkmail_wait_leave(w);
        ngx_junkmail_api_email_got(r, ctx, reply);
        return;
    }

    if (w->placed) {
        ngx_str_null(&w->found);
        ngx_junkmail_wait_join(r, ctx);
        return;
    }

    w->after = w->found;
    ngx_str_null(&w->found);
    ngx_junkmail_api_again(r, ngx_junkmail_wait_ask(r, ctx));
}


static void
ngx_junkmail_wait_join(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx)
{
    ngx_junkmail_rate_t  rate;
    ngx_junkmail_wait_t *w;

    w = ctx->data;

    if (!w->placed
        && ngx_junkmail_push_take_places(r, NGX_JUNKMAIL_PUSH_WAIT, w->place)
               != NGX_OK)
    {
        ngx_memzero(&rate, sizeof(ngx_junkmail_rate_t));
        rate.reset = ngx_time() + NGX_JUNKMAIL_PUSH_RETRY;

        ngx_http_junkmail_finish(r, ngx_http_junkmail_limited(r, &rate));
        return;
    }

    w->placed = 1;

    if (ngx_junkmail_hub_join(&w->listener, &ctx->account, &ctx->keyhash,
                              &w->since)
        != NGX_OK)
    {
        ngx_http_junkmail_fail(r, "INTERNAL");
        return;
    }

    w->joined = 1;

    ngx_post_event(&w->event, &ngx_posted_events);
}


static void
ngx_junkmail_wait_stop(ngx_junkmail_wait_t *w)
{
    if (w->event.timer_set) {
        ngx_del_timer(&w->event);
    }

    if (w->event.posted) {
        ngx_delete_posted_event(&w->event);
    }

    if (w->joined) {
        w->joined = 0;
        ngx_junkmail_hub_leave(&w->listener);
    }
}


static void
ngx_junkmail_wait_landed(ngx_junkmail_wait_t *w)
{
    if (w->fetching) {
        w->fetching = 0;
        ngx_junkmail_wait_fetches--;
    }
}


/* The wait is over, in whichever way; also the pool's cleanup. */

static void
ngx_junkmail_wait_leave(void *data)
{
    ngx_junkmail_wait_t *w = data;

    ngx_junkmail_wait_stop(w);
    ngx_junkmail_wait_landed(w);

    if (w->placed) {
        w->placed = 0;
        ngx_junkmail_push_leave_places(w->place);
    }
}


/* Something has come, or it is time to look whether the wait is over. */

static void
ngx_junkmail_wait_handler(ngx_event_t *ev)
{
    ngx_int_t            rc;
    ngx_msec_int_t       left;
    ngx_http_request_t  *r;
    ngx_junkmail_wait_t *w;

    w = ev->data;
    r = w->request;
    left = (ngx_msec_int_t) (w->deadline - ngx_current_msec);

    ngx_http_set_log_request(r->connection->log, r);

    if (w->gone) {
        ngx_junkmail_wait_leave(w);
        ngx_http_junkmail_fail(r, "INVALID_API_KEY");
        return;
    }

    if (w->found.len != 0) {
        rc = ngx_junkmail_wait_fetch(r, ngx_http_junkmail_get_ctx(r));

        /* Thousands may have found the same; others use the link, too. */

        if (rc != NGX_OK && left > 0 && !ngx_exiting) {
            ngx_add_timer(ev, NGX_JUNKMAIL_API_RETRY);
            return;
        }

        ngx_junkmail_wait_stop(w);
        ngx_junkmail_api_again(r, rc);
        return;
    }

    if (ngx_exiting || left <= 0) {
        ngx_junkmail_wait_leave(w);
        ngx_junkmail_wait_in_vain(r);
        return;
    }

    ngx_add_timer(ev, ngx_min((ngx_msec_t) left, NGX_JUNKMAIL_API_TICK));
}


static void
ngx_junkmail_wait_in_vain(ngx_http_request_t *r)
{
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);
    ctx->answered = 1;

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    ngx_http_junkmail_finish(r, ngx_http_send_header(r));
}


/* The hub. */


static ngx_int_t
ngx_junkmail_wait_event(ngx_junkmail_listener_t *l, ngx_junkmail_event_t *e)
{
    cJSON               *json, *type;
    ngx_str_t            id;
    ngx_junkmail_wait_t *w;

    w = l->data;

    if (w->found.len != 0
        || (w->address.len != 0
            && (w->address.len != e->address.len
                || ngx_memcmp(w->address.data, e->address.data, e->address.len)
                       != 0)))
    {
        return NGX_OK;
    }

    json = ngx_junkmail_event_parsed(e);
    type = cJSON_GetObjectItemCaseSensitive(json, "type");

    if (cJSON_IsString(type)
        && ngx_strcmp(type->valuestring, "email.received") == 0
        && ngx_junkmail_wait_match(
               w, cJSON_GetObjectItemCaseSensitive(json, "data"), &id)
               == NGX_OK
        && ngx_junkmail_wait_copy(w, &w->since, &e->id) == NGX_OK
        && ngx_junkmail_wait_copy(w, &w->found, &id) == NGX_OK)
    {
        ngx_post_event(&w->event, &ngx_posted_events);
    }

    return NGX_OK;
}


/* What the log has lost cannot be asked for; what comes now is waited for. */

static void
ngx_junkmail_wait_reset(ngx_junkmail_listener_t *l, ngx_str_t *newest)
{
}


static void
ngx_junkmail_wait_gone(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_wait_t *w;

    w = l->data;
    w->gone = 1;

    ngx_post_event(&w->event, &ngx_posted_events);
}


/*
 * NGX_OK: the email is what the client waits for.  `id` is its id in either
 * case, empty if it has none, and lives as long as the JSON.
 */

static ngx_int_t
ngx_junkmail_wait_match(ngx_junkmail_wait_t *w, cJSON *email, ngx_str_t *id)
{
    cJSON *item;

    ngx_str_null(id);
    item = cJSON_GetObjectItemCaseSensitive(email, "id");

    if (!cJSON_IsString(item)) {
        return NGX_DECLINED;
    }

    id->data = (u_char *) item->valuestring;
    id->len = ngx_strlen(item->valuestring);

    return (ngx_junkmail_wait_holds(email, "from", &w->from)
            || ngx_junkmail_wait_holds(email, "fromName", &w->from))
                   && ngx_junkmail_wait_holds(email, "subject", &w->subject)
               ? NGX_OK
               : NGX_DECLINED;
}


static ngx_uint_t
ngx_junkmail_wait_holds(cJSON *email, const char *field, ngx_str_t *sought)
{
    u_char   folded[NGX_JUNKMAIL_API_FIELD];
    cJSON   *item;
    size_t   len;
    jm_str_t text;

    if (sought->len == 0) {
        return 1;
    }

    item = cJSON_GetObjectItemCaseSensitive(email, field);

    if (!cJSON_IsString(item)) {
        return 0;
    }

    text.data = (u_char *) item->valuestring;
    text.len = ngx_strlen(item->valuestring);
    len = jm_fold(text, folded, sizeof(folded));

    return memmem(folded, len, sought->data, sought->len) != NULL;
}


static ngx_int_t
ngx_junkmail_wait_copy(ngx_junkmail_wait_t *w, ngx_str_t *out, ngx_str_t *text)
{
    *out = ngx_junkmail_api_copy(w->request, text);

    return out->data != NULL ? NGX_OK : NGX_ERROR;
}
