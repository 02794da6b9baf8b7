/*
 * What a WebSocket and a stream of events have in common: from the hub come
 * events, which wait in the outbox when they are wanted.  Nothing ends on the
 * stack of the hub or of Redis: what must end is noted, and its owner's write
 * handler does the rest.
 *
 * The record is part of its owner's.  The list of addresses lives in the
 * connection's pool, or the request's where that stays (HTTP/2).
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "jm_id.h"
#include "jm_ws.h"

#include "ngx_junkmail_stats.h"
#include "ngx_junkmail_subscriber.h"


#define NGX_JUNKMAIL_SUBSCRIBER_RETRY "retry: 2000\n\n" /* ms */


static ngx_int_t  ngx_junkmail_subscriber_filter(ngx_junkmail_subscriber_t *s,
                                                 ngx_http_request_t        *r,
                                                 ngx_array_t *addresses);
static ngx_uint_t ngx_junkmail_subscriber_wants(ngx_junkmail_subscriber_t *s,
                                                ngx_junkmail_event_t      *e);
static ngx_int_t  ngx_junkmail_subscriber_greet(ngx_junkmail_subscriber_t *s,
                                                ngx_junkmail_push_t       *p,
                                                ngx_junkmail_event_t *answer);

static ngx_int_t
ngx_junkmail_subscriber_begin_anew(ngx_junkmail_subscriber_t *s,
                                   ngx_str_t                 *newest);

static ngx_int_t ngx_junkmail_subscriber_event(ngx_junkmail_listener_t *l,
                                               ngx_junkmail_event_t    *e);
static void      ngx_junkmail_subscriber_reset(ngx_junkmail_listener_t *l,
                                               ngx_str_t               *newest);
static void      ngx_junkmail_subscriber_gone(ngx_junkmail_listener_t *l);


static const ngx_junkmail_listener_ops_t ngx_junkmail_subscriber_ops = {
    ngx_junkmail_subscriber_event, ngx_junkmail_subscriber_reset,
    ngx_junkmail_subscriber_gone
};


ngx_int_t
ngx_junkmail_subscriber_start(ngx_junkmail_subscriber_t *s,
                              ngx_http_request_t *r, ngx_junkmail_push_t *p,
                              ngx_junkmail_event_t *answer)
{
    ngx_http_junkmail_ctx_t *ctx;

    ctx = ngx_http_junkmail_get_ctx(r);

    s->listener.ops = &ngx_junkmail_subscriber_ops;
    s->listener.data = s;
    s->out.connection = r->connection;
    s->out.sse = p->sse;
    s->conf = ngx_http_get_module_loc_conf(r, ngx_http_junkmail_module);

    if (ngx_junkmail_subscriber_filter(s, r, &p->addresses) != NGX_OK
        || ngx_junkmail_subscriber_greet(s, p, answer) != NGX_OK
        || ngx_junkmail_hub_join(&s->listener, &ctx->account, &ctx->keyhash,
                                 p->reset ? &p->newest : &p->start)
               != NGX_OK)
    {
        ngx_junkmail_outbox_clear(&s->out);
        return NGX_ERROR;
    }

    ngx_memcpy(s->place, p->place, sizeof(p->place));

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_subscriber_filter(ngx_junkmail_subscriber_t *s,
                               ngx_http_request_t *r, ngx_array_t *addresses)
{
    ngx_str_t  *id;
    ngx_uint_t  i;
    ngx_pool_t *pool;

    if (addresses->nelts == 0) {
        return NGX_OK;
    }

    pool = r->stream == NULL ? r->connection->pool : r->pool;

    s->ids = ngx_pnalloc(pool, addresses->nelts * JM_UUID_LEN);
    if (s->ids == NULL) {
        return NGX_ERROR;
    }

    id = addresses->elts;
    s->addresses = (uint32_t) addresses->nelts;

    for (i = 0; i < addresses->nelts; i++) {
        ngx_memcpy(s->ids + i * JM_UUID_LEN, id[i].data, JM_UUID_LEN);
    }

    return NGX_OK;
}


/* An event of one of these addresses, or of the whole account. */

static ngx_uint_t
ngx_junkmail_subscriber_wants(ngx_junkmail_subscriber_t *s,
                              ngx_junkmail_event_t      *e)
{
    ngx_uint_t i;

    if (s->addresses == 0 || e->address.len != JM_UUID_LEN) {
        return 1;
    }

    for (i = 0; i < s->addresses; i++) {
        if (ngx_memcmp(s->ids + i * JM_UUID_LEN, e->address.data, JM_UUID_LEN)
            == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_junkmail_subscriber_greet(ngx_junkmail_subscriber_t *s,
                              ngx_junkmail_push_t       *p,
                              ngx_junkmail_event_t      *answer)
{
    if ((answer != NULL && answer->frame.len != 0
         && ngx_junkmail_outbox_add(&s->out, answer) != NGX_OK)
        || (p->sse
            && ngx_junkmail_outbox_text(&s->out, NGX_JUNKMAIL_SUBSCRIBER_RETRY)
                   != NGX_OK)
        || ngx_junkmail_outbox_give(
               &s->out,
               ngx_junkmail_event_hello(&p->start, s->conf->push_ping))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return p->reset ? ngx_junkmail_subscriber_begin_anew(s, &p->newest)
                    : NGX_OK;
}


static ngx_int_t
ngx_junkmail_subscriber_begin_anew(ngx_junkmail_subscriber_t *s,
                                   ngx_str_t                 *newest)
{
    ngx_junkmail_count(NGX_JUNKMAIL_COUNT_PUSH_RESETS);

    return ngx_junkmail_outbox_give(&s->out, ngx_junkmail_event_reset(newest));
}


void
ngx_junkmail_subscriber_end(ngx_junkmail_subscriber_t *s)
{
    ngx_junkmail_hub_leave(&s->listener);
    ngx_junkmail_outbox_clear(&s->out);
    ngx_junkmail_push_leave_places(s->place);
}


/* What the hub says. */


static ngx_int_t
ngx_junkmail_subscriber_event(ngx_junkmail_listener_t *l,
                              ngx_junkmail_event_t    *e)
{
    ngx_junkmail_subscriber_t *s = l->data;

    ngx_int_t rc;

    if (s->over || !ngx_junkmail_subscriber_wants(s, e)) {
        return NGX_OK;
    }

    rc = ngx_junkmail_outbox_offer(&s->out, e, l->reader.live);

    if (rc == NGX_BUSY) {
        ngx_junkmail_subscriber_over(s, JM_WS_TRY_LATER);
        return NGX_OK;
    }

    return rc;
}


static void
ngx_junkmail_subscriber_reset(ngx_junkmail_listener_t *l, ngx_str_t *newest)
{
    ngx_junkmail_subscriber_t *s = l->data;

    if (!s->over && ngx_junkmail_subscriber_begin_anew(s, newest) != NGX_OK) {
        ngx_junkmail_subscriber_over(s, JM_WS_TRY_LATER);
    }
}


static void
ngx_junkmail_subscriber_gone(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_subscriber_over(l->data, JM_WS_POLICY);
}


void
ngx_junkmail_subscriber_over(ngx_junkmail_subscriber_t *s, uint16_t code)
{
    if (s->over) {
        return;
    }

    ngx_junkmail_count(code == JM_WS_POLICY ? NGX_JUNKMAIL_COUNT_PUSH_KEY
                                            : NGX_JUNKMAIL_COUNT_PUSH_SLOW);
    s->over = code;
    ngx_post_event(s->out.connection->write, &ngx_posted_events);
}
