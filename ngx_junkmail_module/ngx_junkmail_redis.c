/*
 * The worker's two links to Redis: one for commands, pipelined, and one for
 * subscriptions.  Callers: everything in the module that asks Redis; see the
 * header for what they are promised.
 *
 * A link goes OFF → CONNECTING → UP → OFF.  It is left in one place only: when
 * hiredis gives its context up (ngx_junkmail_redis_gone), whatever the reason;
 * from there it comes back after a pause of 100 ms, doubled up to 2 s.
 *
 * Every command is an ask: an object of its own in the order of the pipeline,
 * which outlives the one who asked.  The asker's pool clears the way back when
 * it dies; the reply is then read and dropped.  Replies come in the order of
 * the asks, so the first of the queue is always the oldest: when it is older
 * than redis_timeout the link is closed and not used again, and a reply can
 * never meet another's request.
 *
 * Memory: asks and channel nodes are allocated from the heap and freed here;
 * exit_process frees all that is left.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_junkmail_redis.h"
#include "ngx_junkmail_redis_event.h"
#include "ngx_junkmail_redis_link.h"
#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_REDIS_IN_FLIGHT   1024
#define NGX_JUNKMAIL_REDIS_BACKOFF     100  /* ms; doubled */
#define NGX_JUNKMAIL_REDIS_BACKOFF_MAX 2000 /* ms */


typedef struct {
    ngx_queue_t                queue;
    ngx_junkmail_redis_link_t *link;
    ngx_junkmail_redis_pt      handler; /* NULL: the asker is gone */
    void                      *data;
    ngx_pool_cleanup_t        *cleanup; /* the asker's; NULL: it has no pool */
    ngx_msec_t                 started;
    unsigned                   foreign : 1;
} ngx_junkmail_redis_ask_t;


static ngx_int_t ngx_junkmail_redis_connect(ngx_junkmail_redis_link_t *link);
static redisAsyncContext *ngx_junkmail_redis_open(void);
static ngx_int_t ngx_junkmail_redis_greet(ngx_junkmail_redis_link_t *link);
static void      ngx_junkmail_redis_greeted(void *data, redisReply *reply);
static void      ngx_junkmail_redis_gone(void *data);
static void      ngx_junkmail_redis_reconnect(ngx_event_t *ev);
static ngx_int_t ngx_junkmail_redis_ask(ngx_junkmail_redis_link_t *link,
                                        ngx_pool_t                *pool,
                                        ngx_junkmail_redis_pt      handler,
                                        void *data, ngx_uint_t foreign,
                                        ngx_uint_t argc, ngx_str_t *argv);
static ngx_pool_cleanup_t *ngx_junkmail_redis_cleanup_get(ngx_pool_t *pool);
static void                ngx_junkmail_redis_forget(void *data);
static void ngx_junkmail_redis_answer(redisAsyncContext *ac, void *reply,
                                      void *privdata);
static void ngx_junkmail_redis_ask_free(ngx_junkmail_redis_ask_t *ask);
static void ngx_junkmail_redis_deadline(ngx_event_t *ev);
static void ngx_junkmail_redis_link_exit(ngx_junkmail_redis_link_t *link);


static ngx_junkmail_redis_link_t ngx_junkmail_redis_commands = {
    .name = "command"
};


ngx_junkmail_conf_t *ngx_junkmail_redis_conf;

/* Marks a spent cleanup of ours that the next ask of the pool may reuse. */
static u_char ngx_junkmail_redis_spent;


/* Start and end. */


ngx_int_t
ngx_junkmail_redis_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_junkmail_redis_link_t *link;
    ngx_junkmail_redis_link_t *links[] = { &ngx_junkmail_redis_commands,
                                           &ngx_junkmail_redis_pubsub };

    if (ngx_junkmail_redis_conf != NULL) {
        return NGX_OK; /* the other part of the module was here first */
    }

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK; /* cache manager and its like */
    }

    ngx_junkmail_redis_conf = ngx_junkmail_get_conf(cycle);

    if (ngx_junkmail_redis_conf == NULL
        || ngx_junkmail_redis_conf->redis.sockaddr == NULL)
    {
        ngx_junkmail_redis_conf = NULL;
        return NGX_OK; /* no junkmail {} block, so nobody will ask */
    }

    for (i = 0; i < 2; i++) {
        link = links[i];

        ngx_queue_init(&link->asks);
        link->backoff = NGX_JUNKMAIL_REDIS_BACKOFF;

        link->deadline.handler = ngx_junkmail_redis_deadline;
        link->deadline.data = link;
        link->deadline.log = cycle->log;

        link->reconnect.handler = ngx_junkmail_redis_reconnect;
        link->reconnect.data = link;
        link->reconnect.log = cycle->log;
        link->reconnect.cancelable = 1;
    }

    ngx_junkmail_redis_pubsub_init(cycle);

    for (i = 0; i < 2; i++) {
        if (ngx_junkmail_redis_connect(links[i]) != NGX_OK) {
            ngx_junkmail_redis_gone(links[i]);
        }
    }

    return NGX_OK;
}


void
ngx_junkmail_redis_exit(ngx_cycle_t *cycle)
{
    if (ngx_junkmail_redis_conf == NULL) {
        return;
    }

    ngx_junkmail_redis_pubsub_exit();

    ngx_junkmail_redis_link_exit(&ngx_junkmail_redis_commands);
    ngx_junkmail_redis_link_exit(&ngx_junkmail_redis_pubsub);

    ngx_junkmail_redis_conf = NULL;
}


static void
ngx_junkmail_redis_link_exit(ngx_junkmail_redis_link_t *link)
{
    ngx_queue_t              *q;
    ngx_junkmail_redis_ask_t *ask;

    link->exiting = 1;

    /* The askers' pools may be half gone already: nobody is called. */

    for (q = ngx_queue_head(&link->asks); q != ngx_queue_sentinel(&link->asks);
         q = ngx_queue_next(q))
    {
        ask = ngx_queue_data(q, ngx_junkmail_redis_ask_t, queue);
        ask->handler = NULL;
    }

    if (link->ac != NULL) {
        link->state = NGX_JUNKMAIL_REDIS_CLOSING;
        redisAsyncFree(link->ac);
    }

    if (link->reconnect.timer_set) {
        ngx_del_timer(&link->reconnect);
    }

    if (link->deadline.timer_set) {
        ngx_del_timer(&link->deadline);
    }
}


/* The life of a link. */


static ngx_int_t
ngx_junkmail_redis_connect(ngx_junkmail_redis_link_t *link)
{
    redisAsyncContext *ac;

    ac = ngx_junkmail_redis_open();
    if (ac == NULL) {
        return NGX_ERROR;
    }

    if (ac->err) {
        if (!link->failed) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "the %s link cannot reach Redis: %s", link->name,
                          ac->errstr);
        }

        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    if (ngx_junkmail_redis_attach(ac, ngx_cycle->log, ngx_junkmail_redis_gone,
                                  link)
        != NGX_OK)
    {
        redisAsyncFree(ac);
        return NGX_ERROR;
    }

    ac->data = link;
    link->ac = ac;
    link->state = NGX_JUNKMAIL_REDIS_CONNECTING;

    if (ngx_junkmail_redis_greet(link) != NGX_OK) {
        ngx_junkmail_redis_close(link);
    }

    return NGX_OK;
}


static redisAsyncContext *
ngx_junkmail_redis_open(void)
{
    u_char              text[NGX_SOCKADDR_STRLEN + 1];
    size_t              len;
    struct sockaddr    *sa;
    struct sockaddr_un *sun;

    sa = ngx_junkmail_redis_conf->redis.sockaddr;

    if (sa->sa_family == AF_UNIX) {
        sun = (struct sockaddr_un *) sa;
        return redisAsyncConnectUnix(sun->sun_path);
    }

    /* Numeric, as the directive has made sure: a name would block. */

    len = ngx_sock_ntop(sa, ngx_junkmail_redis_conf->redis.socklen, text,
                        NGX_SOCKADDR_STRLEN, 0);
    text[len] = '\0';

    return redisAsyncConnect((char *) text, ngx_inet_get_port(sa));
}


/*
 * AUTH and PING stand at the head of the pipeline, so that commands may be
 * queued behind them before they are answered.
 */

static ngx_int_t
ngx_junkmail_redis_greet(ngx_junkmail_redis_link_t *link)
{
    ngx_uint_t argc;
    ngx_str_t  argv[3];

    if (ngx_junkmail_redis_conf->redis_password.len) {
        ngx_str_set(&argv[0], "AUTH");
        argc = 1;

        if (ngx_junkmail_redis_conf->redis_user.len) {
            argv[argc++] = ngx_junkmail_redis_conf->redis_user;
        }

        argv[argc++] = ngx_junkmail_redis_conf->redis_password;

        if (ngx_junkmail_redis_ask(link, NULL, ngx_junkmail_redis_greeted,
                                   NULL, 0, argc, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_str_set(&argv[0], "PING");

    return ngx_junkmail_redis_ask(link, NULL, ngx_junkmail_redis_greeted, link,
                                  0, 1, argv);
}


/* `data` is NULL for AUTH, the link for the PING that makes it ready. */

static void
ngx_junkmail_redis_greeted(void *data, redisReply *reply)
{
    ngx_junkmail_redis_link_t *link = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {

        /* An AUTH that fails makes the PING behind it fail as well. */

        if (link == NULL) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis refuses the password: %s", reply->str);
            return;
        }

        if (!link->failed) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "Redis is not ready for the %s link: %s", link->name,
                          reply->str);
        }

        ngx_junkmail_redis_close(link);
        return;
    }

    if (link == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "the %s link to Redis is up", link->name);

    link->state = NGX_JUNKMAIL_REDIS_UP;

    if (link == &ngx_junkmail_redis_commands) {
        ngx_junkmail_count_link(1);
    }

    link->backoff = NGX_JUNKMAIL_REDIS_BACKOFF;
    link->failed = 0;

    if (link->up != NULL) {
        link->up(link);
    }
}


void
ngx_junkmail_redis_close(ngx_junkmail_redis_link_t *link)
{
    if (link->ac == NULL || link->state == NGX_JUNKMAIL_REDIS_CLOSING) {
        return;
    }

    link->state = NGX_JUNKMAIL_REDIS_CLOSING;
    redisAsyncFree(link->ac);
}


/* The pending callbacks have had their NULL; hiredis frees the context. */

static void
ngx_junkmail_redis_gone(void *data)
{
    ngx_junkmail_redis_link_t *link = data;

    const char *reason;

    if (link->ac != NULL) {
        reason = link->ac->err ? link->ac->errstr : "closed here";

        if (!link->failed && !link->exiting) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "the %s link to Redis is lost: %s", link->name,
                          reason);
        }
    }

    link->ac = NULL;
    link->state = NGX_JUNKMAIL_REDIS_OFF;
    link->failed = 1;

    if (link == &ngx_junkmail_redis_commands) {
        ngx_junkmail_count_link(0);
    }

    if (link->deadline.timer_set) {
        ngx_del_timer(&link->deadline);
    }

    if (link->down != NULL) {
        link->down(link);
    }

    if (link->exiting || ngx_terminate) {
        return;
    }

    ngx_add_timer(&link->reconnect, link->backoff);

    link->backoff = ngx_min(link->backoff * 2, NGX_JUNKMAIL_REDIS_BACKOFF_MAX);
}


static void
ngx_junkmail_redis_reconnect(ngx_event_t *ev)
{
    ngx_junkmail_redis_link_t *link = ev->data;

    if (link->ac == NULL && ngx_junkmail_redis_connect(link) != NGX_OK) {
        ngx_junkmail_redis_gone(link);
    }
}


/* Commands. */


ngx_int_t
ngx_junkmail_redis_command(ngx_pool_t *pool, ngx_junkmail_redis_pt handler,
                           void *data, ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_junkmail_redis_link_t *link;

    link = &ngx_junkmail_redis_commands;

    if (link->nasks >= NGX_JUNKMAIL_REDIS_IN_FLIGHT) {
        return NGX_ERROR;
    }

    /*
     * A worker just started may queue behind AUTH; once a link has failed
     * everybody is told so at once until it is up again.
     */

    if (link->state != NGX_JUNKMAIL_REDIS_UP
        && (link->state != NGX_JUNKMAIL_REDIS_CONNECTING || link->failed))
    {
        return NGX_ERROR;
    }

    return ngx_junkmail_redis_ask(link, pool, handler, data, 1, argc, argv);
}


static ngx_int_t
ngx_junkmail_redis_ask(ngx_junkmail_redis_link_t *link, ngx_pool_t *pool,
                       ngx_junkmail_redis_pt handler, void *data,
                       ngx_uint_t foreign, ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_pool_cleanup_t       *cln;
    ngx_junkmail_redis_ask_t *ask;

    cln = NULL;

    if (pool != NULL) {
        cln = ngx_junkmail_redis_cleanup_get(pool);
        if (cln == NULL) {
            return NGX_ERROR;
        }
    }

    ask = ngx_alloc(sizeof(ngx_junkmail_redis_ask_t), ngx_cycle->log);
    if (ask == NULL) {
        return NGX_ERROR;
    }

    ask->link = link;
    ask->handler = handler;
    ask->data = data;
    ask->cleanup = cln;
    ask->started = ngx_current_msec;
    ask->foreign = foreign;

    if (ngx_junkmail_redis_send(link, ngx_junkmail_redis_answer, ask, argc,
                                argv)
        != NGX_OK)
    {
        ngx_free(ask);
        return NGX_ERROR;
    }

    if (cln != NULL) {
        cln->handler = ngx_junkmail_redis_forget;
        cln->data = ask;
    }

    ngx_queue_insert_tail(&link->asks, &ask->queue);
    link->nasks++;
    link->foreign += foreign;

    /*
     * A worker that is told to leave waits for what it has asked on behalf of
     * others, since they may have no timer of their own meanwhile.
     */

    link->deadline.cancelable = link->foreign == 0;

    if (!link->deadline.timer_set) {
        ngx_add_timer(&link->deadline, ngx_junkmail_redis_conf->redis_timeout);
    }

    return NGX_OK;
}


/*
 * A pool's cleanups cannot be taken back, but a spent one can serve again, so
 * that a long-lived pool does not grow with every command.
 */

static ngx_pool_cleanup_t *
ngx_junkmail_redis_cleanup_get(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t *cln;

    for (cln = pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == NULL && cln->data == &ngx_junkmail_redis_spent) {
            return cln;
        }
    }

    cln = ngx_pool_cleanup_add(pool, 0);

    if (cln != NULL) {
        cln->data = &ngx_junkmail_redis_spent;
    }

    return cln;
}


static void
ngx_junkmail_redis_forget(void *data)
{
    ngx_junkmail_redis_ask_t *ask = data;

    ask->handler = NULL;
    ask->cleanup = NULL;
}


static void
ngx_junkmail_redis_answer(redisAsyncContext *ac, void *reply, void *privdata)
{
    ngx_junkmail_redis_ask_t *ask = privdata;

    void                      *data;
    ngx_junkmail_redis_pt      handler;
    ngx_junkmail_redis_link_t *link;

    link = ask->link;
    handler = ask->handler;
    data = ask->data;

    if (reply == NULL) {

        /* hiredis is tearing down; it must not be given anything now. */

        link->state = NGX_JUNKMAIL_REDIS_CLOSING;

    } else if (ask->foreign) {
        ngx_junkmail_count_time(NGX_JUNKMAIL_TIME_STORE,
                                ngx_current_msec - ask->started);
    }

    ngx_junkmail_redis_ask_free(ask);

    if (handler != NULL) {
        handler(data, reply);
    }
}


static void
ngx_junkmail_redis_ask_free(ngx_junkmail_redis_ask_t *ask)
{
    ngx_junkmail_redis_link_t *link;

    link = ask->link;

    if (ask->cleanup != NULL) {
        ask->cleanup->handler = NULL;
        ask->cleanup->data = &ngx_junkmail_redis_spent;
    }

    ngx_queue_remove(&ask->queue);
    link->nasks--;
    link->foreign -= ask->foreign;

    link->deadline.cancelable = link->foreign == 0;

    if (link->nasks == 0 && link->deadline.timer_set) {
        ngx_del_timer(&link->deadline);
    }

    ngx_free(ask);
}


static void
ngx_junkmail_redis_deadline(ngx_event_t *ev)
{
    ngx_junkmail_redis_link_t *link = ev->data;

    ngx_msec_int_t            left;
    ngx_queue_t              *q;
    ngx_junkmail_redis_ask_t *ask;

    if (ngx_queue_empty(&link->asks)) {
        return;
    }

    q = ngx_queue_head(&link->asks);
    ask = ngx_queue_data(q, ngx_junkmail_redis_ask_t, queue);

    left = (ngx_msec_int_t) (ask->started
                             + ngx_junkmail_redis_conf->redis_timeout
                             - ngx_current_msec);

    if (left > 0) {
        ngx_add_timer(ev, (ngx_msec_t) left);
        return;
    }

    if (!link->failed) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, NGX_ETIMEDOUT,
                      "Redis has not answered the %s link", link->name);
    }

    ngx_junkmail_redis_close(link);
}


ngx_int_t
ngx_junkmail_redis_send(ngx_junkmail_redis_link_t *link, redisCallbackFn *fn,
                        void *data, ngx_uint_t argc, ngx_str_t *argv)
{
    int         rc;
    size_t      fixed_len[32], *len;
    ngx_uint_t  i;
    const char *fixed[32], **arg;

    arg = fixed;
    len = fixed_len;

    if (argc == 0) {
        return NGX_ERROR;
    }

    if (argc > 32) {
        arg = ngx_alloc(argc * (sizeof(char *) + sizeof(size_t)),
                        ngx_cycle->log);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        len = (size_t *) (arg + argc);
    }

    for (i = 0; i < argc; i++) {
        arg[i] = argv[i].len ? (const char *) argv[i].data : "";
        len[i] = argv[i].len;
    }

    rc = redisAsyncCommandArgv(link->ac, fn, data, (int) argc, arg, len);

    if (arg != fixed) {
        ngx_free(arg);
    }

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}
