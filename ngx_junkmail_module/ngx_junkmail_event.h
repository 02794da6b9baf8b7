/*
 * Cursors and events: positions in an account's log, and what is sent about
 * it.  The hub makes events of the log's entries, for listeners; those who
 * talk to a client make more of their own words, and all wait in its
 * ngx_junkmail_outbox.h.
 */

#ifndef _NGX_JUNKMAIL_EVENT_H_INCLUDED_
#define _NGX_JUNKMAIL_EVENT_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#define NGX_JUNKMAIL_CURSOR_LEN (NGX_INT64_LEN + 1 + NGX_INT64_LEN)

/* A position in the log: the id of the entry after which one reads on. */
typedef struct {
    uint64_t ms;
    uint64_t seq;
} ngx_junkmail_cursor_t;

/*
 * What is sent, shared by all who send it: reference-counted, never changed.
 * It begins with one reference, its maker's.
 */
typedef struct {
    ngx_uint_t            refs;
    ngx_junkmail_cursor_t place;   /* in the log, if it was read from there */
    ngx_str_t             id;      /* the same; empty: no event of the log */
    ngx_str_t             address; /* address id it belongs to; empty: the
                                      account */
    ngx_str_t json;                /* the text `{"id":"…",…}` */
    ngx_str_t frame;  /* the same as a WebSocket frame: json is its end */
    ngx_str_t sse[2]; /* the same as a server-sent event: json is the
                         beginning of the second piece */
    cJSON *parsed;    /* json, once somebody has looked into it */
} ngx_junkmail_event_t;

/* `<ms>-<seq>`, or `0`: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_junkmail_cursor_parse(ngx_str_t *text, ngx_junkmail_cursor_t *c);

/* Back again; `out` has room for NGX_JUNKMAIL_CURSOR_LEN.  Its end. */
u_char *ngx_junkmail_cursor_print(ngx_junkmail_cursor_t *c, u_char *out);

/* Less than, equal to, greater than 0, as `a` is to `b`. */
ngx_int_t ngx_junkmail_cursor_cmp(ngx_junkmail_cursor_t *a,
                                  ngx_junkmail_cursor_t *b);

/*
 * Makes something to send; everything is copied.  With an `id` that is not
 * empty, `json` lacks its beginning `{"id":"…",`.  `opcode` is the WebSocket
 * frame's.  NULL without memory.
 */
ngx_junkmail_event_t *ngx_junkmail_event_make(ngx_uint_t opcode, ngx_str_t *id,
                                              ngx_str_t *address,
                                              ngx_str_t *json);

/*
 * What a connection begins with, and what tells it to begin anew: texts of our
 * own, which a client of SSE nevertheless remembers as the place to come back
 * to.  `heartbeat` in ms.  NULL without memory.
 */
ngx_junkmail_event_t *ngx_junkmail_event_hello(ngx_str_t *start,
                                               ngx_msec_t heartbeat);
ngx_junkmail_event_t *ngx_junkmail_event_reset(ngx_str_t *newest);

/*
 * The same with nothing in it: `frame` bytes for the caller to write, all that
 * is sent (by SSE, too), with room for `more` behind them.
 */
ngx_junkmail_event_t *ngx_junkmail_event_alloc(size_t frame, size_t more);

/*
 * An entry of the log as XRANGE gives it, [id, [name, value, …]], with the
 * fields `a` and `j`.  NULL without memory or when it is none.
 */
ngx_junkmail_event_t *ngx_junkmail_event_read(redisReply *entry);

/* Its id alone: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_junkmail_event_place(redisReply            *entry,
                                   ngx_junkmail_cursor_t *c);

/* Its text, parsed for the first who asks and kept; NULL: it cannot be. */
cJSON *ngx_junkmail_event_parsed(ngx_junkmail_event_t *e);

void ngx_junkmail_event_free(ngx_junkmail_event_t *e); /* drops a reference */

#endif /* _NGX_JUNKMAIL_EVENT_H_INCLUDED_ */
