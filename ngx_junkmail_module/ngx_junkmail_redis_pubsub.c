/*
 * Subscriptions: the second link of ngx_junkmail_redis.c.  Its only listener
 * is the hub.  The channels wanted are remembered in a tree and subscribed to
 * anew whenever the link comes up; what was published meanwhile is missed, and
 * the listener is told by its `subscribed`.
 *
 * Memory: the tree's nodes are allocated from the heap and freed here.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_junkmail_redis.h"
#include "ngx_junkmail_redis_link.h"


#define NGX_JUNKMAIL_REDIS_ALIVE 10000 /* ms between signs of life */

/* A channel nobody publishes to; see ngx_junkmail_redis_alive(). */
#define NGX_JUNKMAIL_REDIS_GUARD "jm:guard"


static ngx_int_t ngx_junkmail_redis_channel_send(const char *verb,
                                                 ngx_str_t  *channel);
static void      ngx_junkmail_redis_pubsub_up(ngx_junkmail_redis_link_t *link);
static void ngx_junkmail_redis_pubsub_down(ngx_junkmail_redis_link_t *link);
static void ngx_junkmail_redis_alive(ngx_event_t *ev);
static void ngx_junkmail_redis_pushed(redisAsyncContext *ac, void *data,
                                      void *privdata);


ngx_junkmail_redis_link_t ngx_junkmail_redis_pubsub = {
    .name = "subscription",
    .up = ngx_junkmail_redis_pubsub_up,
    .down = ngx_junkmail_redis_pubsub_down
};

static ngx_junkmail_redis_listener_t *ngx_junkmail_redis_listener;

/* ngx_str_node_t: the channels wanted, subscribed or not yet. */
static ngx_rbtree_t      ngx_junkmail_redis_channels;
static ngx_rbtree_node_t ngx_junkmail_redis_sentinel;

static ngx_event_t ngx_junkmail_redis_alive_timer;
static ngx_uint_t  ngx_junkmail_redis_unanswered; /* a sign of life */


void
ngx_junkmail_redis_pubsub_init(ngx_cycle_t *cycle)
{
    ngx_rbtree_init(&ngx_junkmail_redis_channels, &ngx_junkmail_redis_sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_junkmail_redis_alive_timer.handler = ngx_junkmail_redis_alive;
    ngx_junkmail_redis_alive_timer.data = &ngx_junkmail_redis_pubsub;
    ngx_junkmail_redis_alive_timer.log = cycle->log;
    ngx_junkmail_redis_alive_timer.cancelable = 1;
}


void
ngx_junkmail_redis_pubsub_exit(void)
{
    ngx_rbtree_node_t *node;

    ngx_junkmail_redis_listener = NULL;

    while (ngx_junkmail_redis_channels.root != &ngx_junkmail_redis_sentinel) {
        node = ngx_junkmail_redis_channels.root;
        ngx_rbtree_delete(&ngx_junkmail_redis_channels, node);
        ngx_free(node);
    }
}


void
ngx_junkmail_redis_listen(ngx_junkmail_redis_listener_t *listener)
{
    ngx_junkmail_redis_listener = listener;
}


ngx_int_t
ngx_junkmail_redis_subscribe(ngx_str_t *channel)
{
    uint32_t        hash;
    ngx_str_node_t *node;

    if (ngx_junkmail_redis_conf == NULL) {
        return NGX_ERROR;
    }

    hash = ngx_crc32_short(channel->data, channel->len);

    if (ngx_str_rbtree_lookup(&ngx_junkmail_redis_channels, channel, hash)) {
        return NGX_OK;
    }

    node = ngx_alloc(sizeof(ngx_str_node_t) + channel->len, ngx_cycle->log);
    if (node == NULL) {
        return NGX_ERROR;
    }

    node->node.key = hash;
    node->str.len = channel->len;
    node->str.data = (u_char *) node + sizeof(ngx_str_node_t);
    ngx_memcpy(node->str.data, channel->data, channel->len);

    ngx_rbtree_insert(&ngx_junkmail_redis_channels, &node->node);

    (void) ngx_junkmail_redis_channel_send("SUBSCRIBE", channel);

    return NGX_OK;
}


void
ngx_junkmail_redis_unsubscribe(ngx_str_t *channel)
{
    uint32_t        hash;
    ngx_str_node_t *node;

    if (ngx_junkmail_redis_conf == NULL) {
        return;
    }

    hash = ngx_crc32_short(channel->data, channel->len);

    node = ngx_str_rbtree_lookup(&ngx_junkmail_redis_channels, channel, hash);
    if (node == NULL) {
        return;
    }

    ngx_rbtree_delete(&ngx_junkmail_redis_channels, &node->node);

    (void) ngx_junkmail_redis_channel_send("UNSUBSCRIBE", channel);

    /* Last: `channel` may be the node's own string. */

    ngx_free(node);
}


/* While the link is down nothing is sent: its coming up subscribes to all. */

static ngx_int_t
ngx_junkmail_redis_channel_send(const char *verb, ngx_str_t *channel)
{
    ngx_str_t                  argv[2];
    ngx_junkmail_redis_link_t *link;

    link = &ngx_junkmail_redis_pubsub;

    if (link->state != NGX_JUNKMAIL_REDIS_UP) {
        return NGX_DECLINED;
    }

    argv[0].data = (u_char *) verb;
    argv[0].len = ngx_strlen(verb);
    argv[1] = *channel;

    return ngx_junkmail_redis_send(link, ngx_junkmail_redis_pushed, link, 2,
                                   argv);
}


static void
ngx_junkmail_redis_pubsub_up(ngx_junkmail_redis_link_t *link)
{
    ngx_str_t          guard = ngx_string(NGX_JUNKMAIL_REDIS_GUARD);
    ngx_str_node_t    *node;
    ngx_rbtree_node_t *root, *n;

    ngx_junkmail_redis_unanswered = 0;

    /* The guard first: with it the link never leaves subscriber mode. */

    (void) ngx_junkmail_redis_channel_send("SUBSCRIBE", &guard);

    root = ngx_junkmail_redis_channels.root;

    if (root != &ngx_junkmail_redis_sentinel) {
        for (n = ngx_rbtree_min(root, &ngx_junkmail_redis_sentinel); n != NULL;
             n = ngx_rbtree_next(&ngx_junkmail_redis_channels, n))
        {
            node = (ngx_str_node_t *) n;
            (void) ngx_junkmail_redis_channel_send("SUBSCRIBE", &node->str);
        }
    }

    ngx_add_timer(&ngx_junkmail_redis_alive_timer, NGX_JUNKMAIL_REDIS_ALIVE);
}


static void
ngx_junkmail_redis_pubsub_down(ngx_junkmail_redis_link_t *link)
{
    if (ngx_junkmail_redis_alive_timer.timer_set) {
        ngx_del_timer(&ngx_junkmail_redis_alive_timer);
    }

    if (ngx_junkmail_redis_listener != NULL) {
        ngx_junkmail_redis_listener->lost();
    }
}


/*
 * Is Redis still there?  A PING on a subscribed link confuses hiredis 0.14:
 * the answer meets a stale callback and the PING's own is kept until the link
 * breaks.  Subscribing to the guard channel once more is answered like any
 * other subscription, by every version.  Without an answer in redis_timeout
 * the link is closed.
 */

static void
ngx_junkmail_redis_alive(ngx_event_t *ev)
{
    ngx_str_t guard = ngx_string(NGX_JUNKMAIL_REDIS_GUARD);

    if (ngx_junkmail_redis_pubsub.state != NGX_JUNKMAIL_REDIS_UP) {
        return;
    }

    if (ngx_junkmail_redis_unanswered
        || ngx_junkmail_redis_channel_send("SUBSCRIBE", &guard) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, NGX_ETIMEDOUT,
                      "Redis has not answered the subscription link");
        ngx_junkmail_redis_close(&ngx_junkmail_redis_pubsub);
        return;
    }

    ngx_junkmail_redis_unanswered = 1;
    ngx_add_timer(ev, ngx_junkmail_redis_conf->redis_timeout);
}


static void
ngx_junkmail_redis_pushed(redisAsyncContext *ac, void *data, void *privdata)
{
    redisReply *reply = data;

    ngx_str_t  kind, channel, payload;
    ngx_uint_t guard;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements < 3 || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    kind.data = (u_char *) reply->element[0]->str;
    kind.len = reply->element[0]->len;
    channel.data = (u_char *) reply->element[1]->str;
    channel.len = reply->element[1]->len;

    guard = channel.len == sizeof(NGX_JUNKMAIL_REDIS_GUARD) - 1
            && ngx_memcmp(channel.data, NGX_JUNKMAIL_REDIS_GUARD, channel.len)
                   == 0;

    if (guard) {
        if (ngx_junkmail_redis_unanswered) {
            ngx_junkmail_redis_unanswered = 0;
            ngx_add_timer(&ngx_junkmail_redis_alive_timer,
                          NGX_JUNKMAIL_REDIS_ALIVE);
        }

        return;
    }

    if (ngx_junkmail_redis_listener == NULL) {
        return;
    }

    if (kind.len == 9 && ngx_memcmp(kind.data, "subscribe", 9) == 0) {
        ngx_junkmail_redis_listener->subscribed(&channel);
        return;
    }

    if (kind.len == 7 && ngx_memcmp(kind.data, "message", 7) == 0
        && reply->element[2]->type == REDIS_REPLY_STRING)
    {
        payload.data = (u_char *) reply->element[2]->str;
        payload.len = reply->element[2]->len;

        ngx_junkmail_redis_listener->message(&channel, &payload);
        return;
    }

    /*
     * Wanted again before this was answered: hiredis has forgotten the channel
     * with this reply, and would drop the answer to the new subscription.
     */

    if (kind.len == 11 && ngx_memcmp(kind.data, "unsubscribe", 11) == 0
        && ngx_str_rbtree_lookup(&ngx_junkmail_redis_channels, &channel,
                                 ngx_crc32_short(channel.data, channel.len)))
    {
        (void) ngx_junkmail_redis_channel_send("SUBSCRIBE", &channel);
    }
}
