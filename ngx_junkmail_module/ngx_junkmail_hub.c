/*
 * The hub: who listens to which account in this worker, and how far each has
 * read its log.  Callers: ngx_junkmail_websocket.c (join, leave, resume) and
 * the subscription link (subscribed, message).
 *
 * A reader is a place in a log: each listener has one, and each watch one for
 * all its live listeners.  A listener begins in replay: once the channel is
 * subscribed its own reader takes page after page, no faster than the client
 * does, and after a page that was not full it is live.  From then on the watch
 * reads, on every wake-up, and each event is made once for all of them.  A
 * change from replay to live can lose nothing, since the commands of the one
 * link are answered in order: what a page that is not full did not hold was
 * written after it, and either woke the reader meanwhile or will wake the
 * watch.  It can double nothing, since ids not above a listener's cursor are
 * dropped.
 *
 * Is anything missing?  A page is read from the cursor's own entry on, which
 * proves the log unbroken when it is there.  When it is not, it may have been
 * deleted with its mail, which is harmless, or trimmed: then at least a
 * thousand newer ones are there and the page is full.  A full page without the
 * cursor is therefore put to jm_log_open, which answers with a new position
 * for `reset` or says that all is well.
 *
 * When the channel has been subscribed anew (Redis restarted, failed over, the
 * link lost) or says `gone`, every listener of the account goes back to replay
 * by way of jm_log_open: so its key and its cursor are checked by the one
 * function that checked them at the handshake.
 *
 * Memory: watches, asks and events are allocated from the heap and freed here;
 * listeners belong to the caller.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "jm_schema.h"
#include "jm_ws.h"

#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_redis.h"


#define NGX_JUNKMAIL_HUB_IN_FLIGHT 128  /* of the link's 1,024 */
#define NGX_JUNKMAIL_HUB_RETRY     200  /* ms after Redis has failed us */
#define NGX_JUNKMAIL_HUB_LINGER    2000 /* ms from the last listener's leave */

#define ngx_junkmail_hub_same(a, literal)                                     \
    ((a)->len == sizeof(literal) - 1                                          \
     && ngx_memcmp((a)->data, literal, sizeof(literal) - 1) == 0)

#define ngx_junkmail_hub_text(reply, text)                                    \
    (text)->data = (u_char *) (reply)->str;                                   \
    (text)->len = (reply)->len


typedef struct {
    ngx_str_node_t        node; /* by account */
    ngx_queue_t           live;
    ngx_queue_t           replay;
    ngx_junkmail_reader_t reader; /* for the live ones */
    ngx_event_t           linger;
    unsigned              subscribed : 1;
    u_char                account[JM_ACCOUNT_LEN + 1];
} ngx_junkmail_watch_t;


/* A command in flight; it outlives a reader that leaves. */
typedef struct {
    ngx_junkmail_reader_t *reader;
    void (*handler)(ngx_junkmail_reader_t *r, redisReply *reply);
} ngx_junkmail_hub_ask_t;


static void ngx_junkmail_hub_subscribed(ngx_str_t *channel);
static void ngx_junkmail_hub_message(ngx_str_t *channel, ngx_str_t *payload);
static void ngx_junkmail_hub_lost(void);

static ngx_junkmail_watch_t *ngx_junkmail_hub_watch(ngx_str_t *account);
static ngx_junkmail_watch_t *ngx_junkmail_hub_watch_create(ngx_str_t *account,
                                                           uint32_t   hash);
static void                  ngx_junkmail_hub_linger(ngx_event_t *ev);
static ngx_junkmail_watch_t *ngx_junkmail_hub_find(ngx_str_t *channel);
static void ngx_junkmail_hub_rejoin(ngx_junkmail_watch_t *w, ngx_uint_t all);
static void ngx_junkmail_hub_go_live(ngx_junkmail_listener_t *l);

static void      ngx_junkmail_hub_want(ngx_junkmail_reader_t *r);
static void      ngx_junkmail_hub_later(ngx_junkmail_reader_t *r);
static void      ngx_junkmail_hub_forget(ngx_junkmail_reader_t *r);
static void      ngx_junkmail_hub_kick(void);
static void      ngx_junkmail_hub_retry(ngx_event_t *ev);
static ngx_int_t ngx_junkmail_hub_send(ngx_junkmail_reader_t *r);
static void      ngx_junkmail_hub_answer(void *data, redisReply *reply);
static void      ngx_junkmail_hub_checked(ngx_junkmail_reader_t *r,
                                          redisReply            *reply);
static void ngx_junkmail_hub_page(ngx_junkmail_reader_t *r, redisReply *reply);
static ngx_int_t ngx_junkmail_hub_replay(ngx_junkmail_listener_t *l,
                                         redisReply *reply, ngx_uint_t i);
static ngx_int_t ngx_junkmail_hub_share(ngx_junkmail_watch_t *w,
                                        redisReply *reply, ngx_uint_t i);


static ngx_junkmail_redis_listener_t ngx_junkmail_hub_listener = {
    ngx_junkmail_hub_subscribed, ngx_junkmail_hub_message,
    ngx_junkmail_hub_lost
};

static struct {
    ngx_rbtree_t      watches;
    ngx_rbtree_node_t sentinel;
    ngx_queue_t       turns; /* readers that wait for a place in the link */
    ngx_queue_t       later; /* readers that wait for `retry` */
    ngx_uint_t        in_flight;
    ngx_event_t       retry;
    ngx_connection_t  dummy;       /* what timers log with */
    unsigned          refused : 1; /* Redis' last answer was an error */
    unsigned          lost : 1;    /* no channel can be heard */
} ngx_junkmail_hub;


ngx_int_t
ngx_junkmail_hub_init(ngx_cycle_t *cycle)
{
    ngx_rbtree_init(&ngx_junkmail_hub.watches, &ngx_junkmail_hub.sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_queue_init(&ngx_junkmail_hub.turns);
    ngx_queue_init(&ngx_junkmail_hub.later);

    ngx_junkmail_hub.dummy.fd = (ngx_socket_t) -1;

    ngx_junkmail_hub.retry.handler = ngx_junkmail_hub_retry;
    ngx_junkmail_hub.retry.data = &ngx_junkmail_hub.dummy;
    ngx_junkmail_hub.retry.log = cycle->log;
    ngx_junkmail_hub.retry.cancelable = 1;

    ngx_junkmail_redis_listen(&ngx_junkmail_hub_listener);

    return NGX_OK;
}


/* Listeners come and go. */


ngx_int_t
ngx_junkmail_hub_join(ngx_junkmail_listener_t *l, ngx_str_t *account,
                      ngx_str_t *keyhash, ngx_str_t *since)
{
    ngx_junkmail_watch_t *w;

    if (account->len != JM_ACCOUNT_LEN || keyhash->len != JM_HASH_LEN
        || ngx_junkmail_cursor_parse(since, &l->reader.cursor) != NGX_OK)
    {
        return NGX_ERROR;
    }

    w = ngx_junkmail_hub_watch(account);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(l->keyhash, keyhash->data, JM_HASH_LEN);

    l->reader.watch = w;
    l->reader.listener = l;

    /* What was said of the key since the handshake was not said to us. */

    l->reader.check = 1;

    ngx_queue_insert_tail(&w->replay, &l->queue);

    /* Before the confirmation an event could fall between page and channel. */

    if (w->subscribed) {
        ngx_junkmail_hub_want(&l->reader);
    }

    return NGX_OK;
}


void
ngx_junkmail_hub_leave(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_watch_t *w;

    w = l->reader.watch;

    if (w == NULL) {
        return;
    }

    ngx_junkmail_hub_forget(&l->reader);
    ngx_queue_remove(&l->queue);

    l->reader.watch = NULL;

    if (!ngx_queue_empty(&w->live)) {
        return;
    }

    ngx_junkmail_hub_forget(&w->reader);

    if (ngx_queue_empty(&w->replay)) {
        ngx_add_timer(&w->linger, NGX_JUNKMAIL_HUB_LINGER);
    }
}


void
ngx_junkmail_hub_resume(ngx_junkmail_listener_t *l)
{
    if (!l->reader.paused) {
        return;
    }

    l->reader.paused = 0;

    if (l->reader.watch != NULL && !l->reader.live) {
        ngx_junkmail_hub_want(&l->reader);
    }
}


static ngx_junkmail_watch_t *
ngx_junkmail_hub_watch(ngx_str_t *account)
{
    uint32_t              hash;
    ngx_junkmail_watch_t *w;

    hash = ngx_crc32_short(account->data, account->len);

    w = (ngx_junkmail_watch_t *) ngx_str_rbtree_lookup(
        &ngx_junkmail_hub.watches, account, hash);

    if (w == NULL) {
        return ngx_junkmail_hub_watch_create(account, hash);
    }

    if (w->linger.timer_set) {
        ngx_del_timer(&w->linger);
    }

    return w;
}


static ngx_junkmail_watch_t *
ngx_junkmail_hub_watch_create(ngx_str_t *account, uint32_t hash)
{
    u_char                name[sizeof(JM_KEY_WAKE) + JM_ACCOUNT_LEN];
    ngx_str_t             channel;
    ngx_junkmail_watch_t *w;

    w = ngx_calloc(sizeof(ngx_junkmail_watch_t), ngx_cycle->log);
    if (w == NULL) {
        return NULL;
    }

    ngx_memcpy(w->account, account->data, JM_ACCOUNT_LEN);

    w->node.str.data = w->account;
    w->node.str.len = JM_ACCOUNT_LEN;
    w->node.node.key = hash;

    ngx_queue_init(&w->live);
    ngx_queue_init(&w->replay);

    w->reader.watch = w;

    w->linger.handler = ngx_junkmail_hub_linger;
    w->linger.data = w;
    w->linger.log = ngx_cycle->log;
    w->linger.cancelable = 1;

    channel.data = name;
    channel.len = ngx_sprintf(name, JM_KEY_WAKE, w->account) - name;

    if (ngx_junkmail_redis_subscribe(&channel) != NGX_OK) {
        ngx_free(w);
        return NULL;
    }

    ngx_rbtree_insert(&ngx_junkmail_hub.watches, &w->node.node);

    return w;
}


/*
 * A subscription stays a little longer than its last listener: most of those
 * who go come back at once, and hiredis 0.14 forgets a channel that is
 * subscribed again before its unsubscription has been answered.
 */

static void
ngx_junkmail_hub_linger(ngx_event_t *ev)
{
    ngx_junkmail_watch_t *w = ev->data;

    u_char    name[sizeof(JM_KEY_WAKE) + JM_ACCOUNT_LEN];
    ngx_str_t channel;

    channel.data = name;
    channel.len = ngx_sprintf(name, JM_KEY_WAKE, w->account) - name;

    ngx_junkmail_redis_unsubscribe(&channel);

    ngx_rbtree_delete(&ngx_junkmail_hub.watches, &w->node.node);
    ngx_free(w);
}


/* The account stands between the braces, wherever the name keeps them. */

static ngx_junkmail_watch_t *
ngx_junkmail_hub_find(ngx_str_t *channel)
{
    uint32_t  hash;
    ngx_str_t account;

    static const size_t before = sizeof("jm:{") - 1;

    if (channel->len != sizeof(JM_KEY_WAKE) - 3 + JM_ACCOUNT_LEN) {
        return NULL;
    }

    account.data = channel->data + before;
    account.len = JM_ACCOUNT_LEN;

    hash = ngx_crc32_short(account.data, account.len);

    return (ngx_junkmail_watch_t *) ngx_str_rbtree_lookup(
        &ngx_junkmail_hub.watches, &account, hash);
}


/* What the channels say. */


static void
ngx_junkmail_hub_subscribed(ngx_str_t *channel)
{
    ngx_uint_t            anew;
    ngx_junkmail_watch_t *w;

    ngx_junkmail_hub.lost = 0;

    w = ngx_junkmail_hub_find(channel);

    if (w == NULL) {
        return;
    }

    anew = w->subscribed;
    w->subscribed = 1;

    ngx_junkmail_hub_rejoin(w, anew);
}


static void
ngx_junkmail_hub_message(ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_queue_t             *q;
    ngx_junkmail_watch_t    *w;
    ngx_junkmail_listener_t *l;

    w = ngx_junkmail_hub_find(channel);

    if (w == NULL) {
        return;
    }

    if (ngx_junkmail_hub_same(payload, "gone")) {
        ngx_junkmail_hub_rejoin(w, 1);
        return;
    }

    if (!ngx_queue_empty(&w->live)) {
        ngx_junkmail_hub_want(&w->reader);
    }

    for (q = ngx_queue_head(&w->replay); q != ngx_queue_sentinel(&w->replay);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);
        ngx_junkmail_hub_want(&l->reader);
    }
}


/* Nobody else is told: every log is read on when its channel is back. */

static void
ngx_junkmail_hub_lost(void)
{
    if (!ngx_junkmail_hub.lost) {
        ngx_junkmail_hub.lost = 1;
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "push waits for Redis to come back");
    }
}


/*
 * Sets the listeners in replay going; with `check`, all of them, live or not,
 * by way of jm_log_open.
 */

static void
ngx_junkmail_hub_rejoin(ngx_junkmail_watch_t *w, ngx_uint_t check)
{
    ngx_queue_t             *q;
    ngx_junkmail_listener_t *l;

    if (check) {
        ngx_junkmail_hub_forget(&w->reader);

        while (!ngx_queue_empty(&w->live)) {
            q = ngx_queue_head(&w->live);
            l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);

            ngx_queue_remove(q);
            ngx_queue_insert_tail(&w->replay, q);
            l->reader.live = 0;
        }
    }

    for (q = ngx_queue_head(&w->replay); q != ngx_queue_sentinel(&w->replay);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);

        if (check) {
            l->reader.check = 1;
            l->reader.recheck = 1;
            l->reader.sound = 0;
        }

        ngx_junkmail_hub_want(&l->reader);
    }
}


/*
 * The answer that ends a replay was given after all that the watch has read so
 * far, so the two cursors meet at the greater one.
 */

static void
ngx_junkmail_hub_go_live(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_watch_t *w;

    w = l->reader.watch;

    if (ngx_queue_empty(&w->live)) {
        w->reader.cursor = l->reader.cursor;

    } else if (ngx_junkmail_cursor_cmp(&l->reader.cursor, &w->reader.cursor)
               < 0) {
        l->reader.cursor = w->reader.cursor;
    }

    l->reader.live = 1;

    ngx_queue_remove(&l->queue);
    ngx_queue_insert_tail(&w->live, &l->queue);
}


/* Readers wait for their turn, so that they never fill the link. */


static void
ngx_junkmail_hub_want(ngx_junkmail_reader_t *r)
{
    if (r->ask != NULL) {
        r->again = 1;
        return;
    }

    /* A paused one may still have its key checked. */

    if (r->waiting || (r->paused && !r->check)) {
        return;
    }

    r->waiting = 1;
    ngx_queue_insert_tail(&ngx_junkmail_hub.turns, &r->turn);

    ngx_junkmail_hub_kick();
}


static void
ngx_junkmail_hub_later(ngx_junkmail_reader_t *r)
{
    r->waiting = 1;
    ngx_queue_insert_tail(&ngx_junkmail_hub.later, &r->turn);

    if (!ngx_junkmail_hub.retry.timer_set) {
        ngx_add_timer(&ngx_junkmail_hub.retry, NGX_JUNKMAIL_HUB_RETRY);
    }
}


static void
ngx_junkmail_hub_forget(ngx_junkmail_reader_t *r)
{
    ngx_junkmail_hub_ask_t *ask = r->ask;

    if (r->waiting) {
        r->waiting = 0;
        ngx_queue_remove(&r->turn);
    }

    if (ask != NULL) {
        ask->reader = NULL;
        r->ask = NULL;
    }

    r->again = 0;
}


static void
ngx_junkmail_hub_kick(void)
{
    ngx_queue_t           *q;
    ngx_junkmail_reader_t *r;

    while (ngx_junkmail_hub.in_flight < NGX_JUNKMAIL_HUB_IN_FLIGHT
           && !ngx_queue_empty(&ngx_junkmail_hub.turns))
    {
        q = ngx_queue_head(&ngx_junkmail_hub.turns);
        r = ngx_queue_data(q, ngx_junkmail_reader_t, turn);

        if (ngx_junkmail_hub_send(r) != NGX_OK) {

            if (!ngx_junkmail_hub.retry.timer_set) {
                ngx_add_timer(&ngx_junkmail_hub.retry, NGX_JUNKMAIL_HUB_RETRY);
            }

            return;
        }

        ngx_queue_remove(q);
        r->waiting = 0;
    }
}


static void
ngx_junkmail_hub_retry(ngx_event_t *ev)
{
    if (!ngx_queue_empty(&ngx_junkmail_hub.later)) {
        ngx_queue_add(&ngx_junkmail_hub.turns, &ngx_junkmail_hub.later);
        ngx_queue_init(&ngx_junkmail_hub.later);
    }

    ngx_junkmail_hub_kick();
}


static ngx_int_t
ngx_junkmail_hub_send(ngx_junkmail_reader_t *r)
{
    u_char                  key[sizeof(JM_KEY_LOG) + JM_ACCOUNT_LEN];
    u_char                  from[NGX_JUNKMAIL_CURSOR_LEN];
    u_char                  count[NGX_INT_T_LEN];
    ngx_str_t               argv[6];
    ngx_str_t              *key_arg, *from_arg;
    ngx_junkmail_watch_t   *w;
    ngx_junkmail_hub_ask_t *ask;

    w = r->watch;

    ask = ngx_alloc(sizeof(ngx_junkmail_hub_ask_t), ngx_cycle->log);
    if (ask == NULL) {
        return NGX_ERROR;
    }

    ask->reader = r;

    if (r->check) {
        ask->handler = ngx_junkmail_hub_checked;
        r->recheck = 0;

        ngx_str_set(&argv[0], "FCALL_RO");
        ngx_str_set(&argv[1], "jm_log_open");
        ngx_str_set(&argv[2], "1");
        key_arg = &argv[3];
        key_arg->len = ngx_sprintf(key, JM_KEY_ACCOUNT, w->account) - key;
        argv[4].data = r->listener->keyhash;
        argv[4].len = JM_HASH_LEN;
        from_arg = &argv[5];

    } else {
        ask->handler = ngx_junkmail_hub_page;

        ngx_str_set(&argv[0], "XRANGE");
        key_arg = &argv[1];
        key_arg->len = ngx_sprintf(key, JM_KEY_LOG, w->account) - key;
        from_arg = &argv[2];
        ngx_str_set(&argv[3], "+");
        ngx_str_set(&argv[4], "COUNT");
        argv[5].data = count;
        argv[5].len = ngx_sprintf(count, "%d", JM_LOG_PAGE + 1) - count;
    }

    key_arg->data = key;
    from_arg->data = from;
    from_arg->len = ngx_junkmail_cursor_print(&r->cursor, from) - from;

    if (ngx_junkmail_redis_command(NULL, ngx_junkmail_hub_answer, ask, 6, argv)
        != NGX_OK)
    {
        ngx_free(ask);
        return NGX_ERROR;
    }

    r->ask = ask;
    r->again = 0;
    ngx_junkmail_hub.in_flight++;

    return NGX_OK;
}


static void
ngx_junkmail_hub_answer(void *data, redisReply *reply)
{
    ngx_junkmail_hub_ask_t *ask = data;

    ngx_junkmail_reader_t *r;

    ngx_junkmail_hub.in_flight--;

    r = ask->reader;

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR
        && !ngx_junkmail_hub.refused)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "push cannot read an account's log: %s", reply->str);
    }

    ngx_junkmail_hub.refused = reply != NULL
                               && reply->type == REDIS_REPLY_ERROR;

    if (r != NULL) {
        r->ask = NULL;

        if (reply != NULL && reply->type == REDIS_REPLY_ARRAY) {
            ask->handler(r, reply);

        } else {
            ngx_junkmail_hub_later(r);
        }
    }

    ngx_free(ask);

    ngx_junkmail_hub_kick();
}


/* jm_log_open: OK, start, newest, reset; or why not. */

static void
ngx_junkmail_hub_checked(ngx_junkmail_reader_t *r, redisReply *reply)
{
    redisReply             **e;
    ngx_str_t                status, newest;
    ngx_junkmail_listener_t *l;

    e = reply->element;
    l = r->listener;

    if (reply->elements == 0 || e[0]->str == NULL) {
        ngx_junkmail_hub_later(r);
        return;
    }

    ngx_junkmail_hub_text(e[0], &status);

    if (ngx_junkmail_hub_same(&status, "INVALID_API_KEY")
        || ngx_junkmail_hub_same(&status, "MISSING_SCOPE"))
    {
        l->ops->gone(l);
        return;
    }

    if (!ngx_junkmail_hub_same(&status, "OK") || reply->elements < 4
        || e[2]->str == NULL)
    {
        ngx_junkmail_hub_later(r);
        return;
    }

    ngx_junkmail_hub_text(e[2], &newest);

    r->check = r->recheck;
    r->sound = 1;

    if (e[3]->integer == 1
        && ngx_junkmail_cursor_parse(&newest, &r->cursor) == NGX_OK)
    {
        l->ops->reset(l, &newest);
    }

    ngx_junkmail_hub_want(r);
}


/* A page of the log, from the cursor's own entry on. */

static void
ngx_junkmail_hub_page(ngx_junkmail_reader_t *r, redisReply *reply)
{
    ngx_int_t             rc;
    ngx_uint_t            full, present;
    ngx_junkmail_watch_t *w;
    ngx_junkmail_cursor_t first;

    w = r->watch;

    full = reply->elements > JM_LOG_PAGE;
    present = reply->elements != 0
              && ngx_junkmail_event_place(reply->element[0], &first) == NGX_OK
              && ngx_junkmail_cursor_cmp(&first, &r->cursor) == 0;

    if (full && !present && !r->sound
        && (r->cursor.ms != 0 || r->cursor.seq != 0)) {
        if (r->listener == NULL) {
            ngx_junkmail_hub_rejoin(w, 1);

        } else {
            r->check = 1;
            ngx_junkmail_hub_want(r);
        }

        return;
    }

    r->sound = 0;

    if (r->listener == NULL) {
        rc = ngx_junkmail_hub_share(w, reply, present);

    } else {
        rc = ngx_junkmail_hub_replay(r->listener, reply, present);
    }

    if (rc == NGX_ERROR) {
        ngx_junkmail_hub_later(r);
        return;
    }

    if (rc == NGX_AGAIN || full || r->again || r->check) {
        ngx_junkmail_hub_want(r);
        return;
    }

    if (r->listener != NULL) {
        ngx_junkmail_hub_go_live(r->listener);
    }
}


/*
 * The entries from the i-th on, to one listener, until it has enough: the
 * others are read again when it resumes.
 */

static ngx_int_t
ngx_junkmail_hub_replay(ngx_junkmail_listener_t *l, redisReply *reply,
                        ngx_uint_t i)
{
    ngx_int_t             rc;
    ngx_junkmail_event_t *e;

    for (/* void */; i < reply->elements; i++) {

        if (l->reader.paused) {
            return NGX_AGAIN;
        }

        e = ngx_junkmail_event_read(reply->element[i]);
        if (e == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_junkmail_event_place(reply->element[i], &l->reader.cursor);

        rc = l->ops->event(l, e);
        ngx_junkmail_event_free(e);

        l->reader.paused = rc == NGX_AGAIN;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_hub_share(ngx_junkmail_watch_t *w, redisReply *reply,
                       ngx_uint_t i)
{
    ngx_queue_t             *q;
    ngx_junkmail_event_t    *e;
    ngx_junkmail_cursor_t   *cursor;
    ngx_junkmail_listener_t *l;

    cursor = &w->reader.cursor;

    for (/* void */; i < reply->elements; i++) {

        e = ngx_junkmail_event_read(reply->element[i]);
        if (e == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_junkmail_event_place(reply->element[i], cursor);

        for (q = ngx_queue_head(&w->live); q != ngx_queue_sentinel(&w->live);
             q = ngx_queue_next(q))
        {
            l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);

            if (ngx_junkmail_cursor_cmp(cursor, &l->reader.cursor) > 0) {
                l->reader.cursor = *cursor;
                (void) l->ops->event(l, e);
            }
        }

        ngx_junkmail_event_free(e);
    }

    return NGX_OK;
}
