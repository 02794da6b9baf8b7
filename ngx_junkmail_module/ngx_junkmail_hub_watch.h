/*
 * What ngx_junkmail_hub.c (listeners, keys, channels) and
 * ngx_junkmail_hub_reader.c (the reading) share; nobody else includes it.
 */

#ifndef _NGX_JUNKMAIL_HUB_WATCH_H_INCLUDED_
#define _NGX_JUNKMAIL_HUB_WATCH_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <hiredis/hiredis.h>

#include "jm_key.h"
#include "ngx_junkmail_hub.h"

/* Events given, or listeners told that their key is gone, in a turn of the
 * loop. */
#define NGX_JUNKMAIL_HUB_SLICE 256

/* A page of the log, on its way to those who are live. */
typedef struct {
    ngx_uint_t            n;
    ngx_junkmail_event_t *event[];
} ngx_junkmail_hub_page_t;

/* An account that has listeners, or has had some just now. */
typedef struct {
    ngx_str_node_t           node;   /* by account */
    ngx_queue_t              live;   /* the watch reads for them */
    ngx_queue_t              behind; /* the same, with `page` to come */
    ngx_queue_t              replay;
    ngx_junkmail_hub_page_t *page; /* NULL: they are to begin anew */
    ngx_event_t              tell; /* the next of them */
    ngx_queue_t           keys;   /* of its listeners; empty: there are none */
    ngx_junkmail_reader_t reader; /* for the live ones */
    ngx_event_t           timer;  /* the next look at the keys, or the end */
    unsigned              subscribed : 1;
    u_char                account[JM_ACCOUNT_LEN + 1];
} ngx_junkmail_watch_t;

/* A key; the last of its listeners frees it. */
typedef struct {
    ngx_queue_t queue; /* in the watch */
    ngx_uint_t  refs;
    ngx_msec_t  expires; /* 0: never, as far as we know */
    u_char      hash[JM_HASH_LEN];
} ngx_junkmail_hub_key_t;

#define ngx_junkmail_hub_nobody_live(w)                                       \
    (ngx_queue_empty(&(w)->live) && ngx_queue_empty(&(w)->behind))

/* A listener's own reader has nothing more to read, or has to read again. */
void ngx_junkmail_hub_go_live(ngx_junkmail_listener_t *l);
void ngx_junkmail_hub_go_back(ngx_junkmail_listener_t *l);

/* Of those who are live only they stay it who are exactly at `place`. */
void ngx_junkmail_hub_stay(ngx_junkmail_watch_t  *w,
                           ngx_junkmail_cursor_t *place);

/* There is something to read, or to check. */
void ngx_junkmail_hub_wake(ngx_junkmail_watch_t *w);

/* What jm_log_check says of keys, from its fourth element on. */
void ngx_junkmail_hub_keys_told(ngx_junkmail_watch_t *w, redisReply *reply);

void ngx_junkmail_hub_reader_init(ngx_cycle_t *cycle);

/* Gives those who are behind what the watch has read, a slice of them. */
void ngx_junkmail_hub_tell(ngx_event_t *ev);

/* The reader is to read on or, with `check` or `doubt` set, to ask first. */
void ngx_junkmail_hub_want(ngx_junkmail_reader_t *r);

/* Whatever it waits for is not for it any more. */
void ngx_junkmail_hub_forget(ngx_junkmail_reader_t *r);

#endif /* _NGX_JUNKMAIL_HUB_WATCH_H_INCLUDED_ */
