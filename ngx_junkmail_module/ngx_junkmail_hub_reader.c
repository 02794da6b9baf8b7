/*
 * The readers of the hub.  Its caller is ngx_junkmail_hub.c, which says when
 * there may be something to read or to check.
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
 * cursor is therefore put to jm_log_check, which answers with a new position
 * for `reset`.  What that said before the page does not count, as the log may
 * have been trimmed since.
 *
 * When the channel has been subscribed anew (Redis restarted, failed over, the
 * link lost) jm_log_check looks at the watch's cursor for all who are live, at
 * those of the others one by one.
 *
 * Memory: asks and events are allocated from the heap and freed here.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "jm_schema.h"

#include "ngx_junkmail_hub.h"
#include "ngx_junkmail_hub_watch.h"
#include "ngx_junkmail_redis.h"


#define NGX_JUNKMAIL_HUB_IN_FLIGHT 128 /* of the link's 1,024 */
#define NGX_JUNKMAIL_HUB_RETRY     200 /* ms after Redis has failed us */
#define NGX_JUNKMAIL_HUB_KEYS      64  /* looked at by one command */


/* A command in flight; it outlives a reader that leaves. */
typedef struct {
    ngx_junkmail_reader_t *reader;
    ngx_junkmail_cursor_t  cursor;    /* from which on it asks */
    unsigned               check : 1; /* jm_log_check, no page: the keys */
    unsigned               doubt : 1; /* the same: the cursor */
} ngx_junkmail_hub_ask_t;


static ngx_uint_t ngx_junkmail_hub_is_idle(ngx_junkmail_reader_t *r);
static void       ngx_junkmail_hub_later(ngx_junkmail_reader_t *r);
static void       ngx_junkmail_hub_kick(void);
static void       ngx_junkmail_hub_retry(ngx_event_t *ev);
static ngx_int_t  ngx_junkmail_hub_send(ngx_junkmail_reader_t *r);
static ngx_int_t  ngx_junkmail_hub_send_check(ngx_junkmail_reader_t  *r,
                                              ngx_junkmail_hub_ask_t *ask);
static ngx_int_t  ngx_junkmail_hub_send_page(ngx_junkmail_reader_t  *r,
                                             ngx_junkmail_hub_ask_t *ask);
static void       ngx_junkmail_hub_answer(void *data, redisReply *reply);
static void       ngx_junkmail_hub_checked(ngx_junkmail_reader_t  *r,
                                           ngx_junkmail_hub_ask_t *ask,
                                           redisReply             *reply);
static void ngx_junkmail_hub_page(ngx_junkmail_reader_t *r, redisReply *reply);
static void ngx_junkmail_hub_part(ngx_junkmail_watch_t *w);
static ngx_int_t ngx_junkmail_hub_replay(ngx_junkmail_listener_t *l,
                                         redisReply *reply, ngx_uint_t i);
static ngx_int_t ngx_junkmail_hub_share(ngx_junkmail_watch_t *w,
                                        redisReply *reply, ngx_uint_t i);
static void      ngx_junkmail_hub_tell_all(ngx_junkmail_watch_t    *w,
                                           ngx_junkmail_hub_page_t *page);
static void      ngx_junkmail_hub_give(ngx_junkmail_watch_t    *w,
                                       ngx_junkmail_listener_t *l);


static struct {
    ngx_queue_t      turns; /* readers that wait for a place in the link */
    ngx_queue_t      later; /* readers that wait for `retry` */
    ngx_uint_t       in_flight;
    ngx_event_t      retry;
    ngx_connection_t dummy;   /* what the timer logs with */
    ngx_uint_t       refused; /* Redis' last answer was an error */
} ngx_junkmail_readers;


void
ngx_junkmail_hub_reader_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_junkmail_readers.turns);
    ngx_queue_init(&ngx_junkmail_readers.later);

    ngx_junkmail_readers.dummy.fd = (ngx_socket_t) -1;

    ngx_junkmail_readers.retry.handler = ngx_junkmail_hub_retry;
    ngx_junkmail_readers.retry.data = &ngx_junkmail_readers.dummy;
    ngx_junkmail_readers.retry.log = cycle->log;
    ngx_junkmail_readers.retry.cancelable = 1;
}


/* Readers wait for their turn, so that they never fill the link. */


void
ngx_junkmail_hub_want(ngx_junkmail_reader_t *r)
{
    if (r->ask != NULL || r->paused) {
        r->again = 1;
        return;
    }

    if (r->waiting || ngx_junkmail_hub_is_idle(r)) {
        return;
    }

    r->waiting = 1;
    ngx_queue_insert_tail(&ngx_junkmail_readers.turns, &r->turn);

    ngx_junkmail_hub_kick();
}


/* A watch reads for those who are live. */

static ngx_uint_t
ngx_junkmail_hub_is_idle(ngx_junkmail_reader_t *r)
{
    ngx_junkmail_watch_t *w = r->watch;

    return r->listener == NULL && !r->check && ngx_junkmail_hub_nobody_live(w);
}


static void
ngx_junkmail_hub_later(ngx_junkmail_reader_t *r)
{
    r->waiting = 1;
    ngx_queue_insert_tail(&ngx_junkmail_readers.later, &r->turn);

    if (!ngx_junkmail_readers.retry.timer_set) {
        ngx_add_timer(&ngx_junkmail_readers.retry, NGX_JUNKMAIL_HUB_RETRY);
    }
}


void
ngx_junkmail_hub_forget(ngx_junkmail_reader_t *r)
{
    ngx_junkmail_hub_ask_t *ask = r->ask;

    if (r->waiting) {
        r->waiting = 0;
        ngx_queue_remove(&r->turn);
    }

    if (ask != NULL) {
        r->check |= ask->check;
        r->doubt |= ask->doubt;
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

    while (ngx_junkmail_readers.in_flight < NGX_JUNKMAIL_HUB_IN_FLIGHT
           && !ngx_queue_empty(&ngx_junkmail_readers.turns))
    {
        q = ngx_queue_head(&ngx_junkmail_readers.turns);
        r = ngx_queue_data(q, ngx_junkmail_reader_t, turn);

        if (ngx_junkmail_hub_send(r) != NGX_OK) {

            if (!ngx_junkmail_readers.retry.timer_set) {
                ngx_add_timer(&ngx_junkmail_readers.retry,
                              NGX_JUNKMAIL_HUB_RETRY);
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
    if (!ngx_queue_empty(&ngx_junkmail_readers.later)) {
        ngx_queue_add(&ngx_junkmail_readers.turns,
                      &ngx_junkmail_readers.later);
        ngx_queue_init(&ngx_junkmail_readers.later);
    }

    ngx_junkmail_hub_kick();
}


static ngx_int_t
ngx_junkmail_hub_send(ngx_junkmail_reader_t *r)
{
    ngx_int_t               rc;
    ngx_junkmail_hub_ask_t *ask;

    ask = ngx_alloc(sizeof(ngx_junkmail_hub_ask_t), ngx_cycle->log);
    if (ask == NULL) {
        return NGX_ERROR;
    }

    ask->reader = r;
    ask->cursor = r->cursor;
    ask->check = r->check;
    ask->doubt = r->doubt;

    rc = r->check || r->doubt ? ngx_junkmail_hub_send_check(r, ask)
                              : ngx_junkmail_hub_send_page(r, ask);

    if (rc != NGX_OK) {
        ngx_free(ask);
        return NGX_ERROR;
    }

    r->ask = ask;
    r->again = 0;
    ngx_junkmail_readers.in_flight++;

    return NGX_OK;
}


/*
 * Whether the cursor is still in the log, if that is in doubt (it need not be:
 * a mail that is removed takes its event along), and, of a watch, the keys are
 * still good: a slice of them, when they are so many that some must have been
 * revoked.
 */

static ngx_int_t
ngx_junkmail_hub_send_check(ngx_junkmail_reader_t  *r,
                            ngx_junkmail_hub_ask_t *ask)
{
    u_char                  key[sizeof(JM_KEY_ACCOUNT) + JM_ACCOUNT_LEN];
    u_char                  cursor[NGX_JUNKMAIL_CURSOR_LEN];
    ngx_str_t               argv[5 + NGX_JUNKMAIL_HUB_KEYS];
    ngx_uint_t              n;
    ngx_queue_t            *q, *end;
    ngx_junkmail_watch_t   *w;
    ngx_junkmail_hub_key_t *k;

    w = r->watch;

    ngx_str_set(&argv[0], "FCALL_RO");
    ngx_str_set(&argv[1], "jm_log_check");
    ngx_str_set(&argv[2], "1");
    argv[3].data = key;
    argv[3].len = ngx_sprintf(key, JM_KEY_ACCOUNT, w->account) - key;
    argv[4].data = cursor;
    argv[4].len = 0;
    n = 5;

    if (r->doubt) {
        argv[4].len = ngx_junkmail_cursor_print(&r->cursor, cursor) - cursor;
    }

    end = ngx_queue_sentinel(&w->keys);
    q = r->listener == NULL ? ngx_queue_head(&w->keys) : end;

    while (q != end && n < 5 + NGX_JUNKMAIL_HUB_KEYS) {
        k = ngx_queue_data(q, ngx_junkmail_hub_key_t, queue);
        argv[n].data = k->hash;
        argv[n++].len = JM_HASH_LEN;
        q = ngx_queue_next(q);
    }

    if (ngx_junkmail_redis_command(NULL, ngx_junkmail_hub_answer, ask, n, argv)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->doubt = 0;
    r->check = q != end;

    if (r->check) {
        ngx_queue_remove(end);
        ngx_queue_insert_tail(q, end); /* the next slice begins there */
    }

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_hub_send_page(ngx_junkmail_reader_t  *r,
                           ngx_junkmail_hub_ask_t *ask)
{
    u_char                key[sizeof(JM_KEY_LOG) + JM_ACCOUNT_LEN];
    u_char                from[NGX_JUNKMAIL_CURSOR_LEN];
    u_char                count[NGX_INT_T_LEN];
    ngx_str_t             argv[6];
    ngx_junkmail_watch_t *w;

    w = r->watch;

    ngx_str_set(&argv[0], "XRANGE");
    argv[1].data = key;
    argv[1].len = ngx_sprintf(key, JM_KEY_LOG, w->account) - key;
    argv[2].data = from;
    argv[2].len = ngx_junkmail_cursor_print(&r->cursor, from) - from;
    ngx_str_set(&argv[3], "+");
    ngx_str_set(&argv[4], "COUNT");
    argv[5].data = count;
    argv[5].len = ngx_sprintf(count, "%d", JM_LOG_PAGE + 1) - count;

    return ngx_junkmail_redis_command(NULL, ngx_junkmail_hub_answer, ask, 6,
                                      argv);
}


static void
ngx_junkmail_hub_answer(void *data, redisReply *reply)
{
    ngx_junkmail_hub_ask_t *ask = data;

    ngx_junkmail_reader_t *r;

    ngx_junkmail_readers.in_flight--;

    r = ask->reader;

    if (reply != NULL && reply->type == REDIS_REPLY_ERROR
        && !ngx_junkmail_readers.refused)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "push cannot read an account's log: %s", reply->str);
    }

    ngx_junkmail_readers.refused = reply != NULL
                                   && reply->type == REDIS_REPLY_ERROR;

    if (r != NULL) {
        r->ask = NULL;

        if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
            r->check |= ask->check;
            r->doubt |= ask->doubt;
            ngx_junkmail_hub_later(r);

        } else if (ask->check || ask->doubt) {
            ngx_junkmail_hub_checked(r, ask, reply);

        } else {
            ngx_junkmail_hub_page(r, reply);
        }
    }

    ngx_free(ask);

    ngx_junkmail_hub_kick();
}


/* jm_log_check: OK, newest, reset; of each key its hash and ms left. */

static void
ngx_junkmail_hub_checked(ngx_junkmail_reader_t *r, ngx_junkmail_hub_ask_t *ask,
                         redisReply *reply)
{
    redisReply          **e;
    ngx_str_t             newest;
    ngx_junkmail_cursor_t last;

    e = reply->element;

    ngx_str_null(&newest);

    if (reply->elements >= 3 && e[1]->str != NULL) {
        newest.data = (u_char *) e[1]->str;
        newest.len = e[1]->len;
    }

    if (ngx_junkmail_cursor_parse(&newest, &last) != NGX_OK) {
        r->check |= ask->check;
        r->doubt |= ask->doubt;
        ngx_junkmail_hub_later(r);
        return;
    }

    if (r->listener == NULL) {
        ngx_junkmail_hub_keys_told(r->watch, reply);
    }

    if (ask->doubt && e[2]->integer == 1) {
        r->cursor = last;

        if (r->listener != NULL) {
            r->listener->ops->reset(r->listener, &newest);

        } else {

            /* Who has been live since has had an answer of its own. */

            ngx_junkmail_hub_stay(r->watch, &ask->cursor);
            ngx_junkmail_hub_tell_all(r->watch, NULL);
            ngx_junkmail_hub_wake(r->watch);
        }
    }

    r->sound = ask->doubt && ngx_junkmail_cursor_cmp(&r->cursor, &last) < 0;

    /* A watch may have been about to read on when it had to ask. */

    if (r->sound || r->check || r->doubt || r->again || r->listener == NULL) {
        ngx_junkmail_hub_want(r);

    } else {
        ngx_junkmail_hub_go_live(r->listener);
    }
}


/* A page of the log, from the cursor's own entry on. */

static void
ngx_junkmail_hub_page(ngx_junkmail_reader_t *r, redisReply *reply)
{
    ngx_int_t             rc;
    ngx_uint_t            full, present;
    ngx_junkmail_cursor_t first;

    full = reply->elements > JM_LOG_PAGE;
    present = reply->elements != 0
              && ngx_junkmail_event_place(reply->element[0], &first) == NGX_OK
              && ngx_junkmail_cursor_cmp(&first, &r->cursor) == 0;

    if (full && !present && (r->cursor.ms != 0 || r->cursor.seq != 0)) {
        r->doubt = 1;
        ngx_junkmail_hub_want(r);
        return;
    }

    if (full && r->sound && r->listener == NULL) {
        r->sound = 0;
        ngx_junkmail_hub_part(r->watch);
        return;
    }

    r->sound = 0;

    if (r->listener == NULL) {
        rc = ngx_junkmail_hub_share(r->watch, reply, present);

    } else {
        rc = ngx_junkmail_hub_replay(r->listener, reply, present);
    }

    if (rc == NGX_ERROR) {
        ngx_junkmail_hub_later(r);
        return;
    }

    if (rc == NGX_AGAIN || full || r->again || r->check || r->doubt) {
        ngx_junkmail_hub_want(r);
        return;
    }

    if (r->listener != NULL) {
        ngx_junkmail_hub_go_live(r->listener);
    }
}


/* So much was missed that each reads it at its own pace. */

static void
ngx_junkmail_hub_part(ngx_junkmail_watch_t *w)
{
    ngx_queue_t             *q;
    ngx_junkmail_listener_t *l;

    while (!ngx_queue_empty(&w->live)) {
        q = ngx_queue_head(&w->live);
        l = ngx_queue_data(q, ngx_junkmail_listener_t, queue);
        ngx_junkmail_hub_go_back(l);
        ngx_junkmail_hub_want(&l->reader);
    }

    /* A key may have been revoked while the page was on its way. */

    ngx_junkmail_hub_want(&w->reader);
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

        l->reader.cursor = e->place;

        rc = l->ops->event(l, e);
        ngx_junkmail_event_free(e);

        l->reader.paused = rc == NGX_AGAIN;
    }

    return NGX_OK;
}


/* The same to all who are live. */

static ngx_int_t
ngx_junkmail_hub_share(ngx_junkmail_watch_t *w, redisReply *reply,
                       ngx_uint_t i)
{
    ngx_junkmail_event_t    *e;
    ngx_junkmail_hub_page_t *page;

    if (i == reply->elements) {
        return NGX_OK;
    }

    page = ngx_alloc(sizeof(ngx_junkmail_hub_page_t)
                         + (reply->elements - i)
                               * sizeof(ngx_junkmail_event_t *),
                     ngx_cycle->log);
    if (page == NULL) {
        return NGX_ERROR;
    }

    page->n = 0;

    for (/* void */; i < reply->elements; i++) {

        e = ngx_junkmail_event_read(reply->element[i]);
        if (e == NULL) {
            break;
        }

        page->event[page->n++] = e;
    }

    if (page->n == 0) {
        ngx_free(page);
        return NGX_ERROR;
    }

    w->reader.cursor = page->event[page->n - 1]->place;

    ngx_junkmail_hub_tell_all(w, page);

    return i < reply->elements ? NGX_AGAIN : NGX_OK;
}


/*
 * To thousands of listeners it goes a slice in each turn of the loop, so that
 * the worker serves others in between.  The watch reads on when all have it.
 */

static void
ngx_junkmail_hub_tell_all(ngx_junkmail_watch_t    *w,
                          ngx_junkmail_hub_page_t *page)
{
    w->page = page;
    w->reader.paused = 1;

    if (!ngx_queue_empty(&w->live)) {
        ngx_queue_add(&w->behind, &w->live);
        ngx_queue_init(&w->live);
    }

    ngx_junkmail_hub_tell(&w->tell);
}


void
ngx_junkmail_hub_tell(ngx_event_t *ev)
{
    ngx_junkmail_watch_t *w = ev->data;

    ngx_uint_t   given, each;
    ngx_queue_t *q;

    each = w->page != NULL ? w->page->n : 1;

    for (given = 0; given < NGX_JUNKMAIL_HUB_SLICE; given += each) {

        if (ngx_queue_empty(&w->behind)) {
            break;
        }

        q = ngx_queue_head(&w->behind);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&w->live, q);

        ngx_junkmail_hub_give(
            w, ngx_queue_data(q, ngx_junkmail_listener_t, queue));
    }

    if (!ngx_queue_empty(&w->behind)) {
        ngx_post_event(ev, &ngx_posted_next_events);
        return;
    }

    if (w->page != NULL) {
        while (w->page->n != 0) {
            ngx_junkmail_event_free(w->page->event[--w->page->n]);
        }

        ngx_free(w->page);
        w->page = NULL;
    }

    w->reader.paused = 0;

    if (w->reader.again) {
        ngx_junkmail_hub_want(&w->reader);
    }
}


static void
ngx_junkmail_hub_give(ngx_junkmail_watch_t *w, ngx_junkmail_listener_t *l)
{
    u_char                text[NGX_JUNKMAIL_CURSOR_LEN];
    ngx_str_t             newest;
    ngx_uint_t            i;
    ngx_junkmail_event_t *e;

    if (w->page == NULL) {
        newest.data = text;
        newest.len = ngx_junkmail_cursor_print(&w->reader.cursor, text) - text;

        l->reader.cursor = w->reader.cursor;
        l->ops->reset(l, &newest);

        return;
    }

    for (i = 0; i < w->page->n; i++) {
        e = w->page->event[i];

        if (ngx_junkmail_cursor_cmp(&e->place, &l->reader.cursor) > 0) {
            l->reader.cursor = e->place;
            (void) l->ops->event(l, e);
        }
    }
}
