/*
 * The hub: who listens to which account in this worker, with which key.
 * Callers: those who listen (join, leave, resume) and the subscription link
 * (subscribed, message); ngx_junkmail_hub_reader.c does the reading.
 *
 * A key has one record, however many listeners it has.  Whether it is still
 * good is asked when somebody joins, when the channel says `gone` or has been
 * subscribed anew, and each minute: one command for all keys of an account.
 * The answer tells when a key expires, and the watch's timer ends its
 * listeners then, whether Redis can be asked or not.  A key that is no longer
 * good has expired just now.  Its listeners may be thousands: they are told a
 * slice at a time, so that the worker serves others in between.
 *
 * Memory: watches and keys are allocated from the heap and freed here;
 * listeners belong to the caller.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "jm_schema.h"

#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_hub_watch.h"
#include "ngx_junkmail_redis.h"


#define NGX_JUNKMAIL_HUB_LINGER 2000  /* ms from the last listener's leave */
#define NGX_JUNKMAIL_HUB_CHECK  60000 /* ms between looks at the keys */

#define NGX_JUNKMAIL_HUB_CHANNEL (sizeof(JM_KEY_WAKE) + JM_ACCOUNT_LEN)


static void ngx_junkmail_hub_subscribed(ngx_str_t *channel);
static void ngx_junkmail_hub_message(ngx_str_t *channel, ngx_str_t *payload);
static void ngx_junkmail_hub_lost(void);

static ngx_junkmail_watch_t *ngx_junkmail_hub_watch(ngx_str_t *account);
static ngx_junkmail_watch_t *ngx_junkmail_hub_watch_create(ngx_str_t *account,
                                                           uint32_t   hash);
static void      ngx_junkmail_hub_schedule(ngx_junkmail_watch_t *w);
static void      ngx_junkmail_hub_timer(ngx_event_t *ev);
static void      ngx_junkmail_hub_end(ngx_junkmail_watch_t *w);
static ngx_str_t ngx_junkmail_hub_channel(ngx_junkmail_watch_t *w,
                                          u_char               *name);
static ngx_junkmail_watch_t *ngx_junkmail_hub_find(ngx_str_t *channel);

static void ngx_junkmail_hub_recheck(ngx_junkmail_watch_t *w);

static ngx_junkmail_hub_key_t *ngx_junkmail_hub_key(ngx_junkmail_watch_t *w,
                                                    u_char *hash);
static ngx_int_t  ngx_junkmail_hub_key_take(ngx_junkmail_watch_t    *w,
                                            ngx_junkmail_listener_t *l,
                                            u_char                  *hash);
static void       ngx_junkmail_hub_key_leave(ngx_junkmail_hub_key_t *k);
static ngx_uint_t ngx_junkmail_hub_key_gone(ngx_junkmail_watch_t   *w,
                                            ngx_junkmail_hub_key_t *k,
                                            ngx_uint_t              room);


static ngx_junkmail_redis_listener_t ngx_junkmail_hub_listener = {
    ngx_junkmail_hub_subscribed, ngx_junkmail_hub_message,
    ngx_junkmail_hub_lost
};

static struct {
    ngx_rbtree_t      watches;
    ngx_rbtree_node_t sentinel;
    ngx_uint_t        lost; /* no channel can be heard */
} ngx_junkmail_hub;


void
ngx_junkmail_hub_init(ngx_cycle_t *cycle)
{
    ngx_rbtree_init(&ngx_junkmail_hub.watches, &ngx_junkmail_hub.sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_junkmail_hub_reader_init(cycle);
    ngx_junkmail_redis_listen(&ngx_junkmail_hub_listener);
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

    if (ngx_junkmail_hub_key_take(w, l, keyhash->data) != NGX_OK) {
        ngx_junkmail_hub_schedule(w);
        return NGX_ERROR;
    }

    l->reader.watch = w;
    l->reader.listener = l;

    ngx_queue_insert_tail(&w->replay, &l->queue);

    /* What was said of the key since the handshake was not said to us. */

    w->reader.check = 1;

    /* Before the confirmation an event could fall between page and channel. */

    if (w->subscribed) {
        ngx_junkmail_hub_want(&w->reader);
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
    ngx_junkmail_hub_key_leave(l->key);

    l->reader.watch = NULL;

    if (!ngx_junkmail_hub_nobody_live(w)) {
        return;
    }

    ngx_junkmail_hub_forget(&w->reader);

    if (ngx_queue_empty(&w->keys)) {
        ngx_junkmail_hub_schedule(w);

    } else {
        ngx_junkmail_hub_want(&w->reader);
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

    return w != NULL ? w : ngx_junkmail_hub_watch_create(account, hash);
}


static ngx_junkmail_watch_t *
ngx_junkmail_hub_watch_create(ngx_str_t *account, uint32_t hash)
{
    u_char                name[NGX_JUNKMAIL_HUB_CHANNEL];
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
    ngx_queue_init(&w->behind);
    ngx_queue_init(&w->replay);
    ngx_queue_init(&w->keys);

    w->reader.watch = w;

    w->timer.handler = ngx_junkmail_hub_timer;
    w->timer.data = w;
    w->timer.log = ngx_cycle->log;
    w->timer.cancelable = 1;

    w->tell.handler = ngx_junkmail_hub_tell;
    w->tell.data = w;
    w->tell.log = ngx_cycle->log;

    channel = ngx_junkmail_hub_channel(w, name);

    if (ngx_junkmail_redis_subscribe(&channel) != NGX_OK) {
        ngx_free(w);
        return NULL;
    }

    ngx_rbtree_insert(&ngx_junkmail_hub.watches, &w->node.node);

    return w;
}


/*
 * Sets the timer.  Without listeners a subscription stays a little longer:
 * most of those who go come back at once, and hiredis 0.14 forgets a channel
 * that is subscribed again before its unsubscription has been answered.
 */

static void
ngx_junkmail_hub_schedule(ngx_junkmail_watch_t *w)
{
    ngx_msec_t              next;
    ngx_queue_t            *q;
    ngx_msec_int_t          left;
    ngx_junkmail_hub_key_t *k;

    next = ngx_queue_empty(&w->keys) ? NGX_JUNKMAIL_HUB_LINGER
                                     : NGX_JUNKMAIL_HUB_CHECK;

    for (q = ngx_queue_head(&w->keys); q != ngx_queue_sentinel(&w->keys);
         q = ngx_queue_next(q))
    {
        k = ngx_queue_data(q, ngx_junkmail_hub_key_t, queue);

        if (k->expires != 0) {
            left = (ngx_msec_int_t) (k->expires - ngx_current_msec);

            /* Not 0: nginx would call the timer again in the same turn. */

            next = ngx_min(next, (ngx_msec_t) ngx_max(left, 1));
        }
    }

    ngx_add_timer(&w->timer, next);
}


static void
ngx_junkmail_hub_timer(ngx_event_t *ev)
{
    ngx_junkmail_watch_t *w = ev->data;

    ngx_uint_t              room;
    ngx_queue_t            *q, *next;
    ngx_junkmail_hub_key_t *k;

    /* A page is let go in the next turn. */

    if (ngx_queue_empty(&w->keys) && !w->reader.paused) {
        ngx_junkmail_hub_end(w);
        return;
    }

    room = NGX_JUNKMAIL_HUB_SLICE;

    for (q = ngx_queue_head(&w->keys); q != ngx_queue_sentinel(&w->keys);
         q = next) {
        next = ngx_queue_next(q);
        k = ngx_queue_data(q, ngx_junkmail_hub_key_t, queue);

        if (k->expires != 0
            && (ngx_msec_int_t) (k->expires - ngx_current_msec) <= 0) {
            room = ngx_junkmail_hub_key_gone(w, k, room);
        }
    }

    if (room != 0 && !ngx_queue_empty(&w->keys)) {
        w->reader.check = 1;
        ngx_junkmail_hub_want(&w->reader);
    }

    ngx_junkmail_hub_schedule(w);
}


static void
ngx_junkmail_hub_end(ngx_junkmail_watch_t *w)
{
    u_char    name[NGX_JUNKMAIL_HUB_CHANNEL];
    ngx_str_t channel;

    channel = ngx_junkmail_hub_channel(w, name);
    ngx_junkmail_redis_unsubscribe(&channel);

    ngx_rbtree_delete(&ngx_junkmail_hub.watches, &w->node.node);
    ngx_free(w);
}


static ngx_str_t
ngx_junkmail_hub_channel(ngx_junkmail_watch_t *w, u_char *name)
{
    ngx_str_t channel;

    channel.data = name;
    channel.len = ngx_sprintf(name, JM_KEY_WAKE, w->account) - name;

    return channel;
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
    ngx_junkmail_watch_t *w;

    ngx_junkmail_hub.lost = 0;

    w = ngx_junkmail_hub_find(channel);

    if (w == NULL) {
        return;
    }

    if (w->subscribed) {
        ngx_junkmail_hub_recheck(w);
    }

    w->subscribed = 1;

    /* Who made the watch may have left it already. */

    if (!ngx_queue_empty(&w->keys)) {
        w->reader.check = 1;
        ngx_junkmail_hub_wake(w);
    }
}


static void
ngx_junkmail_hub_message(ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_junkmail_watch_t *w;

    w = ngx_junkmail_hub_find(channel);

    if (w == NULL || ngx_queue_empty(&w->keys)) {
        return;
    }

    if (payload->len == 4 && ngx_memcmp(payload->data, "gone", 4) == 0) {
        w->reader.check = 1;
    }

    ngx_junkmail_hub_wake(w);
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
 * The log may be another one, or have been trimmed meanwhile.  The watch asks
 * for all who have come exactly as far as it has; the others ask for
 * themselves.
 */

static void
ngx_junkmail_hub_recheck(ngx_junkmail_watch_t *w)
{
    ngx_queue_t             *q;
    ngx_junkmail_listener_t *l;

    ngx_junkmail_hub_forget(&w->reader);
    w->reader.doubt = 1;

    ngx_junkmail_hub_stay(w, &w->reader.cursor);

    for (q = ngx_queue_head(&w->replay); q != ngx_queue_sentinel(&w->replay);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);
        l->reader.doubt = 1;
    }
}


void
ngx_junkmail_hub_wake(ngx_junkmail_watch_t *w)
{
    ngx_queue_t             *q;
    ngx_junkmail_listener_t *l;

    ngx_junkmail_hub_want(&w->reader);

    for (q = ngx_queue_head(&w->replay); q != ngx_queue_sentinel(&w->replay);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);
        ngx_junkmail_hub_want(&l->reader);
    }
}


void
ngx_junkmail_hub_go_back(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_watch_t *w;

    w = l->reader.watch;
    l->reader.live = 0;

    ngx_queue_remove(&l->queue);
    ngx_queue_insert_tail(&w->replay, &l->queue);

    if (ngx_junkmail_hub_nobody_live(w)) {
        ngx_junkmail_hub_forget(&w->reader);
    }
}


void
ngx_junkmail_hub_stay(ngx_junkmail_watch_t *w, ngx_junkmail_cursor_t *place)
{
    ngx_queue_t             *q, *next;
    ngx_junkmail_listener_t *l;

    while (!ngx_queue_empty(&w->behind)) {
        q = ngx_queue_head(&w->behind);
        ngx_junkmail_hub_go_back(
            ngx_queue_data(q, ngx_junkmail_listener_t, queue));
    }

    for (q = ngx_queue_head(&w->live); q != ngx_queue_sentinel(&w->live);
         q = next) {
        next = ngx_queue_next(q);
        l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);

        if (ngx_junkmail_cursor_cmp(&l->reader.cursor, place) != 0) {
            ngx_junkmail_hub_go_back(l);
        }
    }
}


/*
 * The answer that ends a replay was given after all that the watch has read so
 * far, so the two cursors meet at the greater one.
 */

void
ngx_junkmail_hub_go_live(ngx_junkmail_listener_t *l)
{
    ngx_junkmail_watch_t *w;

    w = l->reader.watch;

    if (ngx_junkmail_hub_nobody_live(w)) {
        w->reader.cursor = l->reader.cursor;

    } else if (ngx_junkmail_cursor_cmp(&l->reader.cursor, &w->reader.cursor)
               < 0) {
        l->reader.cursor = w->reader.cursor;
    }

    l->reader.live = 1;

    ngx_queue_remove(&l->queue);
    ngx_queue_insert_tail(&w->live, &l->queue);
}


/* Keys. */


/* An account has fifty at most. */

static ngx_junkmail_hub_key_t *
ngx_junkmail_hub_key(ngx_junkmail_watch_t *w, u_char *hash)
{
    ngx_queue_t            *q;
    ngx_junkmail_hub_key_t *k;

    for (q = ngx_queue_head(&w->keys); q != ngx_queue_sentinel(&w->keys);
         q = ngx_queue_next(q))
    {
        k = ngx_queue_data(q, ngx_junkmail_hub_key_t, queue);

        if (ngx_memcmp(k->hash, hash, JM_HASH_LEN) == 0) {
            return k;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_junkmail_hub_key_take(ngx_junkmail_watch_t *w, ngx_junkmail_listener_t *l,
                          u_char *hash)
{
    ngx_uint_t              first;
    ngx_junkmail_hub_key_t *k;

    k = ngx_junkmail_hub_key(w, hash);

    if (k == NULL) {
        k = ngx_calloc(sizeof(ngx_junkmail_hub_key_t), ngx_cycle->log);
        if (k == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(k->hash, hash, JM_HASH_LEN);

        first = ngx_queue_empty(&w->keys);
        ngx_queue_insert_tail(&w->keys, &k->queue);

        if (first) {
            ngx_junkmail_hub_schedule(w);
        }
    }

    k->refs++;
    l->key = k;

    return NGX_OK;
}


static void
ngx_junkmail_hub_key_leave(ngx_junkmail_hub_key_t *k)
{
    if (--k->refs == 0) {
        ngx_queue_remove(&k->queue);
        ngx_free(k);
    }
}


/*
 * The key is no longer good: tells `room` of its listeners at most, and
 * returns how many more could be told.  With the last of them the key is
 * freed.
 */

static ngx_uint_t
ngx_junkmail_hub_key_gone(ngx_junkmail_watch_t *w, ngx_junkmail_hub_key_t *k,
                          ngx_uint_t room)
{
    ngx_uint_t               i;
    ngx_queue_t             *q, *next, *all[3];
    ngx_junkmail_listener_t *l;

    all[0] = &w->live;
    all[1] = &w->behind;
    all[2] = &w->replay;

    for (i = 0; i < 3; i++) {
        for (q = ngx_queue_head(all[i]);
             q != ngx_queue_sentinel(all[i]) && room != 0; q = next)
        {
            next = ngx_queue_next(q);
            l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);

            if (l->key == k) {
                ngx_junkmail_hub_leave(l);
                l->ops->gone(l);
                room--;
            }
        }
    }

    return room;
}


/* A key that has left meanwhile is passed over. */

void
ngx_junkmail_hub_keys_told(ngx_junkmail_watch_t *w, redisReply *reply)
{
    size_t                  i;
    redisReply            **e;
    ngx_junkmail_hub_key_t *k;

    for (i = 3; i + 1 < reply->elements; i += 2) {
        e = &reply->element[i];

        k = e[0]->len == JM_HASH_LEN
                ? ngx_junkmail_hub_key(w, (u_char *) e[0]->str)
                : NULL;

        if (k == NULL) {
            continue;
        }

        k->expires = e[1]->integer == 0 ? 0
                     : e[1]->integer < 0
                         ? ngx_current_msec
                         : ngx_current_msec + (ngx_msec_t) e[1]->integer;
    }

    ngx_junkmail_hub_schedule(w);
}
