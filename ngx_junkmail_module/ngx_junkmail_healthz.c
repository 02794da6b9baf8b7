/*
 * GET /healthz: 200 when every part is ready to take and show mail, 503 naming
 * the first that is not.  Asks Redis for the version of the function library
 * and each backend for its greeting, all at once, within two seconds.  One
 * backend that serves is enough.
 *
 * All state lies in the request's pool, whose cleanup closes the connections.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#include "jm_schema.h"
#include "ngx_http_junkmail.h"
#include "ngx_junkmail.h"
#include "ngx_junkmail_redis.h"


#define NGX_JUNKMAIL_HEALTHZ_TIMEOUT 2000 /* ms */


typedef struct ngx_junkmail_healthz_s ngx_junkmail_healthz_t;

typedef struct {
    ngx_junkmail_healthz_t *check;
    ngx_peer_connection_t   peer;
    u_char                  greeting[4];
    size_t                  len;
} ngx_junkmail_healthz_peer_t;

struct ngx_junkmail_healthz_s {
    ngx_http_request_t          *request;
    ngx_junkmail_healthz_peer_t *peers;
    ngx_uint_t                   npeers;
    ngx_uint_t                   waiting;
    ngx_event_t                  timer;
    ngx_log_t                    log;         /* silent: the answer says it */
    unsigned                     redis : 1;   /* is well */
    unsigned                     backend : 1; /* one of them is */
    unsigned                     answered : 1;
};


static ngx_int_t ngx_junkmail_healthz_start(ngx_junkmail_healthz_t *check);
static ngx_int_t ngx_junkmail_healthz_connect(ngx_junkmail_healthz_peer_t *hp,
                                              ngx_addr_t *addr);
static void      ngx_junkmail_healthz_redis(void *data, redisReply *reply);
static void      ngx_junkmail_healthz_write(ngx_event_t *wev);
static void      ngx_junkmail_healthz_read(ngx_event_t *rev);
static void ngx_junkmail_healthz_peer_done(ngx_junkmail_healthz_peer_t *hp,
                                           ngx_uint_t                   well);
static void ngx_junkmail_healthz_timeout(ngx_event_t *ev);
static void ngx_junkmail_healthz_done(ngx_junkmail_healthz_t *check);
static ngx_int_t ngx_junkmail_healthz_answer(ngx_junkmail_healthz_t *check);
static void      ngx_junkmail_healthz_cleanup(void *data);


ngx_int_t
ngx_junkmail_healthz_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_pool_cleanup_t     *cln;
    ngx_junkmail_healthz_t *check;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    check = ngx_pcalloc(r->pool, sizeof(ngx_junkmail_healthz_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (check == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    check->request = r;

    check->log = *r->connection->log;
    check->log.log_level = NGX_LOG_ALERT;

    check->timer.handler = ngx_junkmail_healthz_timeout;
    check->timer.data = check;
    check->timer.log = r->connection->log;

    cln->handler = ngx_junkmail_healthz_cleanup;
    cln->data = check;

    rc = ngx_junkmail_healthz_start(check);
    if (rc != NGX_OK) {
        return rc;
    }

    if (check->waiting == 0) {
        return ngx_junkmail_healthz_answer(check);
    }

    ngx_add_timer(&check->timer, NGX_JUNKMAIL_HEALTHZ_TIMEOUT);

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    return NGX_DONE;
}


/* Asks everybody; an answer never comes before this returns. */

static ngx_int_t
ngx_junkmail_healthz_start(ngx_junkmail_healthz_t *check)
{
    ngx_str_t   argv[] = { ngx_string("FCALL_RO"), ngx_string("jm_health"),
                           ngx_string("0") };
    ngx_uint_t  i;
    ngx_addr_t *addrs;
    ngx_pool_t *pool;
    ngx_junkmail_conf_t *jcf;

    pool = check->request->pool;
    jcf = ngx_junkmail_get_conf(ngx_cycle);
    addrs = jcf->backends.elts;

    check->peers = ngx_pcalloc(
        pool, (jcf->backends.nelts + 1) * sizeof(ngx_junkmail_healthz_peer_t));
    if (check->peers == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    check->npeers = jcf->backends.nelts;
    check->backend = (check->npeers == 0);

    if (ngx_junkmail_redis_command(pool, ngx_junkmail_healthz_redis, check, 3,
                                   argv)
        == NGX_OK)
    {
        check->waiting++;
    }

    for (i = 0; i < check->npeers; i++) {
        check->peers[i].check = check;

        if (ngx_junkmail_healthz_connect(&check->peers[i], &addrs[i])
            == NGX_OK) {
            check->waiting++;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_healthz_connect(ngx_junkmail_healthz_peer_t *hp, ngx_addr_t *addr)
{
    ngx_int_t         rc;
    ngx_connection_t *c;

    hp->peer.sockaddr = addr->sockaddr;
    hp->peer.socklen = addr->socklen;
    hp->peer.name = &addr->name;
    hp->peer.get = ngx_event_get_peer;
    hp->peer.log = &hp->check->log;
    hp->peer.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&hp->peer);
    c = hp->peer.connection;

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        if (c != NULL) {
            ngx_close_connection(c);
            hp->peer.connection = NULL;
        }

        return NGX_ERROR;
    }

    c->data = hp;
    c->read->handler = ngx_junkmail_healthz_read;
    c->write->handler = ngx_junkmail_healthz_write;

    return NGX_OK;
}


static void
ngx_junkmail_healthz_redis(void *data, redisReply *reply)
{
    ngx_junkmail_healthz_t *check = data;

    if (check->answered) {
        return; /* too late; the request is still being sent */
    }

    check->waiting--;

    check->redis = reply != NULL && reply->type == REDIS_REPLY_ARRAY
                   && reply->elements == 2
                   && reply->element[1]->type == REDIS_REPLY_STRING
                   && ngx_strcmp(reply->element[1]->str, JM_LIBRARY) == 0;

    ngx_junkmail_healthz_done(check);
}


/* Connected; the greeting comes by itself. */

static void
ngx_junkmail_healthz_write(ngx_event_t *wev)
{
    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_junkmail_healthz_peer_done(((ngx_connection_t *) wev->data)->data,
                                       0);
    }
}


static void
ngx_junkmail_healthz_read(ngx_event_t *rev)
{
    ssize_t                      n;
    ngx_connection_t            *c;
    ngx_junkmail_healthz_peer_t *hp;

    c = rev->data;
    hp = c->data;

    if (c->close) {
        ngx_junkmail_healthz_peer_done(hp, 0);
        return;
    }

    n = c->recv(c, hp->greeting + hp->len, sizeof(hp->greeting) - hp->len);

    if (n == NGX_AGAIN) {
        if (ngx_handle_read_event(rev, 0) != NGX_OK) {
            ngx_junkmail_healthz_peer_done(hp, 0);
        }

        return;
    }

    if (n == NGX_ERROR || n == 0) {
        ngx_junkmail_healthz_peer_done(hp, 0);
        return;
    }

    hp->len += n;

    if (hp->len < sizeof(hp->greeting)) {
        ngx_post_event(rev, &ngx_posted_events);
        return;
    }

    (void) c->send(c, (u_char *) "QUIT\r\n", 6);

    ngx_junkmail_healthz_peer_done(hp,
                                   ngx_memcmp(hp->greeting, "220 ", 4) == 0);
}


static void
ngx_junkmail_healthz_peer_done(ngx_junkmail_healthz_peer_t *hp,
                               ngx_uint_t                   well)
{
    ngx_junkmail_healthz_t *check;

    check = hp->check;

    ngx_close_connection(hp->peer.connection);
    hp->peer.connection = NULL;

    if (well) {
        check->backend = 1;
    }

    check->waiting--;

    ngx_junkmail_healthz_done(check);
}


static void
ngx_junkmail_healthz_timeout(ngx_event_t *ev)
{
    ngx_junkmail_healthz_t *check = ev->data;

    check->waiting = 0;

    ngx_junkmail_healthz_done(check);
}


static void
ngx_junkmail_healthz_done(ngx_junkmail_healthz_t *check)
{
    if (check->waiting == 0 || (check->redis && check->backend)) {
        ngx_http_junkmail_finish(check->request,
                                 ngx_junkmail_healthz_answer(check));
    }
}


static ngx_int_t
ngx_junkmail_healthz_answer(ngx_junkmail_healthz_t *check)
{
    ngx_str_t           body;
    ngx_str_t           cache = ngx_string("no-store");
    ngx_http_request_t *r;

    r = check->request;

    check->answered = 1;

    ngx_junkmail_healthz_cleanup(check);

    if (ngx_http_junkmail_header(r, "Cache-Control", &cache) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (check->redis && check->backend) {
        ngx_str_set(&body, "{\"status\":\"ok\"}");
        return ngx_http_junkmail_json(r, NGX_HTTP_OK, &body);
    }

    if (!check->redis) {
        ngx_str_set(&body,
                    "{\"status\":\"unavailable\",\"failed\":\"redis\"}");

    } else {
        ngx_str_set(&body,
                    "{\"status\":\"unavailable\",\"failed\":\"backend\"}");
    }

    return ngx_http_junkmail_json(r, NGX_HTTP_SERVICE_UNAVAILABLE, &body);
}


static void
ngx_junkmail_healthz_cleanup(void *data)
{
    ngx_uint_t              i;
    ngx_junkmail_healthz_t *check = data;

    if (check->timer.timer_set) {
        ngx_del_timer(&check->timer);
    }

    for (i = 0; i < check->npeers; i++) {
        if (check->peers[i].peer.connection != NULL) {
            ngx_close_connection(check->peers[i].peer.connection);
            check->peers[i].peer.connection = NULL;
        }
    }
}
