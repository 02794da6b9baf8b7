/*
 * The outbox of a push connection: a list of references to events, from which
 * as many as fit are written at once.
 *
 * TLS wants a write that was not done repeated with the same bytes at the same
 * place: they are, since the first of the list stays until it is sent.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_junkmail_outbox.h"
#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_OUTBOX_CHAIN 64

/* What may wait for a slow reader. */
#define NGX_JUNKMAIL_OUTBOX_EVENTS 256
#define NGX_JUNKMAIL_OUTBOX_BYTES  (256 * 1024)


struct ngx_junkmail_outbox_item_s {
    ngx_junkmail_outbox_item_t *next;
    ngx_junkmail_event_t       *event;
};


static ngx_uint_t ngx_junkmail_outbox_pieces(ngx_junkmail_outbox_t *box,
                                             ngx_junkmail_event_t  *e,
                                             ngx_str_t            **piece);
static void ngx_junkmail_outbox_sent(ngx_junkmail_outbox_t *box, size_t n);
static void ngx_junkmail_outbox_remove(ngx_junkmail_outbox_t       *box,
                                       ngx_junkmail_outbox_item_t **item);


ngx_int_t
ngx_junkmail_outbox_add(ngx_junkmail_outbox_t *box, ngx_junkmail_event_t *e)
{
    ngx_junkmail_outbox_item_t *item;

    item = ngx_alloc(sizeof(ngx_junkmail_outbox_item_t), ngx_cycle->log);
    if (item == NULL) {
        return NGX_ERROR;
    }

    e->refs++;

    item->event = e;
    item->next = NULL;

    if (box->first == NULL) {
        box->first = item;

    } else {
        box->last->next = item;
    }

    box->last = item;
    box->events++;
    box->bytes += (uint32_t) e->frame.len;

    if (e->id.len != 0) {
        ngx_junkmail_count(NGX_JUNKMAIL_COUNT_PUSH_EVENTS);
    }

    /* When it is not ready, epoll will say when it is. */

    if (box->connection->write->ready) {
        ngx_post_event(box->connection->write, &ngx_posted_events);
    }

    return NGX_OK;
}


ngx_int_t
ngx_junkmail_outbox_give(ngx_junkmail_outbox_t *box, ngx_junkmail_event_t *e)
{
    ngx_int_t rc;

    if (e == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_junkmail_outbox_add(box, e);

    ngx_junkmail_event_free(e);

    return rc;
}


ngx_int_t
ngx_junkmail_outbox_text(ngx_junkmail_outbox_t *box, const char *text)
{
    size_t                len;
    ngx_junkmail_event_t *e;

    len = ngx_strlen(text);
    e = ngx_junkmail_event_alloc(len, 0);

    if (e != NULL) {
        ngx_memcpy(e->frame.data, text, len);
    }

    return ngx_junkmail_outbox_give(box, e);
}


ngx_int_t
ngx_junkmail_outbox_offer(ngx_junkmail_outbox_t *box, ngx_junkmail_event_t *e,
                          ngx_uint_t live)
{
    if (live && box->events != 0
        && (box->events >= NGX_JUNKMAIL_OUTBOX_EVENTS
            || box->bytes + e->frame.len > NGX_JUNKMAIL_OUTBOX_BYTES))
    {
        return NGX_BUSY;
    }

    if (ngx_junkmail_outbox_add(box, e) != NGX_OK) {
        return NGX_BUSY;
    }

    return box->events >= NGX_JUNKMAIL_OUTBOX_EVENTS / 2
                   || box->bytes >= NGX_JUNKMAIL_OUTBOX_BYTES / 2
               ? NGX_AGAIN
               : NGX_OK;
}


ngx_int_t
ngx_junkmail_outbox_flush(ngx_junkmail_outbox_t *box)
{
    off_t                       sent;
    size_t                      skip;
    ngx_buf_t                   bufs[NGX_JUNKMAIL_OUTBOX_CHAIN], *b;
    ngx_str_t                  *piece;
    ngx_uint_t                  n, left;
    ngx_chain_t                 chain[NGX_JUNKMAIL_OUTBOX_CHAIN];
    ngx_connection_t           *c;
    ngx_junkmail_outbox_item_t *item;

    c = box->connection;

    while (box->first != NULL) {

        if (!c->write->ready) {
            return NGX_AGAIN;
        }

        n = 0;
        skip = box->sent;

        for (item = box->first;
             item != NULL && n + 1 < NGX_JUNKMAIL_OUTBOX_CHAIN;
             item = item->next)
        {
            left = ngx_junkmail_outbox_pieces(box, item->event, &piece);

            for (/* void */; left != 0; left--, piece++) {

                if (skip >= piece->len) {
                    skip -= piece->len;
                    continue;
                }

                b = &bufs[n];

                ngx_memzero(b, sizeof(ngx_buf_t));

                b->pos = piece->data + skip;
                b->last = piece->data + piece->len;
                b->memory = 1;

                chain[n].buf = b;
                chain[n].next = &chain[n + 1];

                skip = 0;
                n++;
            }
        }

        chain[n - 1].next = NULL;

        sent = c->sent;

        if (c->send_chain(c, chain, 0) == NGX_CHAIN_ERROR) {
            return NGX_ERROR;
        }

        if (c->sent == sent) {
            return NGX_AGAIN;
        }

        ngx_junkmail_outbox_sent(box, (size_t) (c->sent - sent));
    }

    return NGX_OK;
}


/* What is sent of an event, one or two pieces of its memory. */

static ngx_uint_t
ngx_junkmail_outbox_pieces(ngx_junkmail_outbox_t *box, ngx_junkmail_event_t *e,
                           ngx_str_t **piece)
{
    if (box->sse) {
        *piece = e->sse;
        return 2;
    }

    *piece = &e->frame;
    return 1;
}


static void
ngx_junkmail_outbox_sent(ngx_junkmail_outbox_t *box, size_t n)
{
    size_t     len;
    ngx_str_t *piece;
    ngx_uint_t left;

    n += box->sent;

    while (box->first != NULL) {

        len = 0;
        left = ngx_junkmail_outbox_pieces(box, box->first->event, &piece);

        while (left-- != 0) {
            len += piece++->len;
        }

        if (n < len) {
            break;
        }

        n -= len;

        ngx_junkmail_outbox_remove(box, &box->first);
    }

    box->sent = (uint32_t) n;
}


void
ngx_junkmail_outbox_drop(ngx_junkmail_outbox_t *box)
{
    ngx_junkmail_outbox_item_t **item;

    if (box->first == NULL) {
        return;
    }

    box->last = box->first;
    item = &box->first->next;

    while (*item != NULL) {

        if ((*item)->event->id.len != 0) {
            ngx_junkmail_outbox_remove(box, item);
            continue;
        }

        box->last = *item;
        item = &(*item)->next;
    }
}


ngx_uint_t
ngx_junkmail_outbox_peek(ngx_junkmail_outbox_t *box, ngx_junkmail_event_t **e,
                         ngx_uint_t n)
{
    ngx_uint_t                  i;
    ngx_junkmail_outbox_item_t *item;

    item = box->first;

    for (i = 0; i < n && item != NULL; i++) {
        e[i] = item->event;
        item = item->next;
    }

    return i;
}


void
ngx_junkmail_outbox_shift(ngx_junkmail_outbox_t *box, ngx_uint_t n)
{
    while (n-- != 0) {
        ngx_junkmail_outbox_remove(box, &box->first);
    }
}


void
ngx_junkmail_outbox_clear(ngx_junkmail_outbox_t *box)
{
    while (box->first != NULL) {
        ngx_junkmail_outbox_remove(box, &box->first);
    }

    box->sent = 0;
}


/* `item` is the pointer that leads to it; `last` is the caller's matter. */

static void
ngx_junkmail_outbox_remove(ngx_junkmail_outbox_t       *box,
                           ngx_junkmail_outbox_item_t **item)
{
    ngx_junkmail_outbox_item_t *gone;

    gone = *item;
    *item = gone->next;

    box->events--;
    box->bytes -= (uint32_t) gone->event->frame.len;

    ngx_junkmail_event_free(gone->event);
    ngx_free(gone);
}
