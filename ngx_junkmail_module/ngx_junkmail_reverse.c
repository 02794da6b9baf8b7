/*
 * The two questions behind ngx_junkmail_reverse.h.  A record may hold any
 * octets: what is not a plain host name is forgotten on arrival.
 *
 * nginx's resolver may answer from its cache before a question has returned,
 * so `ctx` is set before it is asked.
 */

#include "ngx_junkmail_reverse.h"

#include <ngx_event.h>

#include "jm_address.h"

static void ngx_junkmail_reverse_named(ngx_resolver_ctx_t *ctx);
static void ngx_junkmail_reverse_forward(ngx_junkmail_reverse_t *reverse);
static void ngx_junkmail_reverse_found(ngx_resolver_ctx_t *ctx);
static void ngx_junkmail_reverse_cleanup(void *data);


void
ngx_junkmail_reverse_start(ngx_junkmail_reverse_t *reverse,
                           struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_pool_cleanup_t *cln;
    ngx_resolver_ctx_t *ctx;

    ngx_junkmail_reverse_cleanup(reverse);

    ngx_str_null(&reverse->asked);
    ngx_str_null(&reverse->name);

    if (sockaddr->sa_family == AF_UNIX) {
        return;
    }

    if (!reverse->registered) {
        cln = ngx_pool_cleanup_add(reverse->pool, 0);
        if (cln == NULL) {
            return;
        }

        cln->handler = ngx_junkmail_reverse_cleanup;
        cln->data = reverse;
        reverse->registered = 1;
    }

    ngx_memcpy(&reverse->sockaddr, sockaddr, socklen);
    reverse->socklen = socklen;

    ctx = ngx_resolve_start(reverse->resolver, NULL);
    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        return;
    }

    ctx->addr.sockaddr = &reverse->sockaddr.sockaddr;
    ctx->addr.socklen = reverse->socklen;
    ctx->handler = ngx_junkmail_reverse_named;
    ctx->data = reverse;
    ctx->timeout = reverse->timeout;

    reverse->ctx = ctx;

    if (ngx_resolve_addr(ctx) != NGX_OK) {
        reverse->ctx = NULL;
    }
}


static void
ngx_junkmail_reverse_named(ngx_resolver_ctx_t *ctx)
{
    jm_str_t                text;
    ngx_junkmail_reverse_t *reverse;

    reverse = ctx->data;

    if (ctx->state == NGX_OK) {
        text.data = ctx->name.data;
        text.len = ctx->name.len;

        if (jm_domain_valid(text)) {
            reverse->asked.data = ngx_pstrdup(reverse->pool, &ctx->name);
            reverse->asked.len = reverse->asked.data ? ctx->name.len : 0;
        }
    }

    reverse->ctx = NULL;
    ngx_resolve_addr_done(ctx);

    if (reverse->asked.len != 0) {
        ngx_junkmail_reverse_forward(reverse);
    }
}


static void
ngx_junkmail_reverse_forward(ngx_junkmail_reverse_t *reverse)
{
    ngx_resolver_ctx_t *ctx;

    ctx = ngx_resolve_start(reverse->resolver, NULL);
    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        return;
    }

    ctx->name = reverse->asked;
    ctx->handler = ngx_junkmail_reverse_found;
    ctx->data = reverse;
    ctx->timeout = reverse->timeout;

    reverse->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        reverse->ctx = NULL;
    }
}


static void
ngx_junkmail_reverse_found(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t              i;
    ngx_junkmail_reverse_t *reverse;

    reverse = ctx->data;

    for (i = 0; ctx->state == NGX_OK && i < ctx->naddrs; i++) {
        if (ngx_cmp_sockaddr(ctx->addrs[i].sockaddr, ctx->addrs[i].socklen,
                             &reverse->sockaddr.sockaddr, reverse->socklen, 0)
            == NGX_OK)
        {
            reverse->name = reverse->asked;
            break;
        }
    }

    reverse->ctx = NULL;
    ngx_resolve_name_done(ctx);
}


static void
ngx_junkmail_reverse_cleanup(void *data)
{
    ngx_junkmail_reverse_t *reverse;

    reverse = data;

    if (reverse->ctx == NULL) {
        return;
    }

    if (reverse->asked.len == 0) {
        ngx_resolve_addr_done(reverse->ctx);

    } else {
        ngx_resolve_name_done(reverse->ctx);
    }

    reverse->ctx = NULL;
}
