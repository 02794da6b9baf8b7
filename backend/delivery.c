/*
 * The transaction behind delivery.h, in the order of its life: recipients,
 * bytes, and then the work: recipients with the same address are found, the
 * message is read and rendered inside the arena's guard, each account gets its
 * share, each recipient its fate.
 */

#include "delivery.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "jm_id.h"
#include "log.h"
#include "message.h"
#include "render.h"

#define JM_DELIVERY_TO 1000 /* octets of an email's `to` */

/* A transaction while it is worked on. */
typedef struct {
    jm_transaction_t *transaction;
    jm_store_t       *store;
    jm_arena_t       *arena;
    jm_rendered_t     shared;

    /* one for each recipient; `same`: see jm_delivery_same() */
    size_t            same[JM_DELIVERY_RECIPIENTS];
    jm_rendered_for_t rendered[JM_DELIVERY_RECIPIENTS];
} jm_delivery_work_t;

static size_t   jm_delivery_same(const jm_transaction_t *t, size_t n);
static int      jm_delivery_open(const jm_delivery_work_t *w, size_t n);
static int      jm_delivery_fit(jm_delivery_work_t *w);
static int      jm_delivery_render(jm_delivery_work_t *w, int unparsed);
static void     jm_delivery_make(jm_delivery_work_t *w, int unparsed);
static jm_str_t jm_delivery_to(const jm_delivery_work_t *w, size_t n);
static void     jm_delivery_store(jm_delivery_work_t *w, size_t first);
static void     jm_delivery_log(const jm_transaction_t *t, int64_t start);


void
jm_transaction_reset(jm_transaction_t *t)
{
    free(t->raw.data);

    t->raw.data = NULL;
    t->raw.len = 0;
    t->room = 0;
    t->nrcpts = 0;
    t->xdid = 0;
    t->xraw = 0;
}


jm_store_status_t
jm_transaction_rcpt(jm_transaction_t *t, jm_store_t *store, jm_str_t key,
                    jm_str_t to)
{
    jm_store_status_t      status;
    jm_transaction_rcpt_t *rcpt;

    rcpt = &t->rcpts[t->nrcpts];
    memset(rcpt, 0, sizeof(jm_transaction_rcpt_t));

    status = t->down ? JM_STORE_DOWN
                     : jm_store_resolve(store, key, !t->xdid, &rcpt->where);

    if ((status == JM_STORE_DOWN || status == JM_STORE_REFUSED) && !t->down) {
        jm_log("store: %s", jm_store_error(store));
    }

    t->down |= status == JM_STORE_DOWN;

    if (status != JM_STORE_OK) {
        if (!t->xdid) {
            return status;
        }

        rcpt->fate = status == JM_STORE_UNKNOWN || status == JM_STORE_CLOSED
                             || status == JM_STORE_FOREIGN
                         ? JM_FATE_GONE
                         : JM_FATE_FAILED;
    }

    memcpy(rcpt->to, to.data, to.len);
    rcpt->to_len = to.len;
    t->nrcpts++;

    return JM_STORE_OK;
}


int
jm_transaction_reserve(jm_transaction_t *t, size_t more, size_t limit)
{
    size_t  room;
    u_char *data;

    if (t->raw.data != NULL && more <= t->room - t->raw.len) {
        return 0;
    }

    room = t->room * 2;

    if (room > limit) {
        room = limit;
    }

    if (room < t->raw.len + more) {
        room = t->raw.len + more;
    }

    data = realloc(t->raw.data, room + 1);
    if (data == NULL) {
        return -1;
    }

    t->raw.data = data;
    t->room = room;

    return 0;
}


void
jm_transaction_deliver(jm_transaction_t *t, jm_store_t *store,
                       jm_arena_t *arena)
{
    size_t             i;
    int64_t            start;
    jm_delivery_work_t w;

    start = jm_ticks_ms();
    memset(&w, 0, sizeof(jm_delivery_work_t));

    w.transaction = t;
    w.store = store;
    w.arena = arena;

    for (i = 0; i < t->nrcpts; i++) {
        w.same[i] = jm_delivery_same(t, i);
    }

    if (jm_delivery_fit(&w) != 0) {
        for (i = 0; i < t->nrcpts; i++) {
            t->rcpts[i].fate = JM_FATE_MEMORY;
        }

        return;
    }

    for (i = 0; i < t->nrcpts; i++) {
        if (jm_delivery_open(&w, i)) {
            jm_delivery_store(&w, i);
        }
    }

    for (i = 0; i < t->nrcpts; i++) {
        if (w.same[i] != i) {
            t->rcpts[i].fate = t->rcpts[w.same[i]].fate;
            memcpy(t->rcpts[i].email, t->rcpts[w.same[i]].email,
                   sizeof(t->rcpts[i].email));
        }
    }

    jm_delivery_log(t, start);
}


/* The first recipient with the address of number `n`, or `n` itself. */

static size_t
jm_delivery_same(const jm_transaction_t *t, size_t n)
{
    size_t                i;
    const jm_recipient_t *one, *two;

    two = &t->rcpts[n].where;

    for (i = 0; i < n && t->rcpts[n].fate == JM_FATE_OPEN; i++) {
        one = &t->rcpts[i].where;

        if (t->rcpts[i].fate == JM_FATE_OPEN
            && strcmp(one->account, two->account) == 0
            && strcmp(one->address_id, two->address_id) == 0)
        {
            return i;
        }
    }

    return n;
}


/* Whether there is an email to be made for recipient `n`. */

static int
jm_delivery_open(const jm_delivery_work_t *w, size_t n)
{
    return w->same[n] == n && w->transaction->rcpts[n].fate == JM_FATE_OPEN;
}


/* Renders the message, without looking inside if need be.  0, or -1 when the
   arena is too small even so. */

static int
jm_delivery_fit(jm_delivery_work_t *w)
{
    jm_transaction_t *t;

    t = w->transaction;

    if (jm_delivery_render(w, t->xraw) == 0) {
        return 0;
    }

    /* What the message left behind in the parser's own memory is not ours to
       free: this process ends when it has answered. */

    t->worn = 1;
    jm_log("delivery %s: takes too much memory, stored unparsed", t->did);
    jm_arena_reset(w->arena);

    if (jm_delivery_render(w, 1) == 0) {
        return 0;
    }

    jm_log("delivery %s: takes too much memory even so", t->did);

    return -1;
}


/*
 * Makes of the message all that will be stored.  0, or -1 when the arena was
 * too small.  The guard ends with this function: nothing behind it may
 * allocate in the arena.
 */

static int
jm_delivery_render(jm_delivery_work_t *w, int unparsed)
{
    if (setjmp(*jm_arena_guard(w->arena)) != 0) {
        return -1;
    }

    jm_delivery_make(w, unparsed);

    return 0;
}


/* Not inlined: what setjmp() returns into has no variables of its own. */

static __attribute__((noinline)) void
jm_delivery_make(jm_delivery_work_t *w, int unparsed)
{
    char                   id[JM_UUID_LEN + 1];
    size_t                 i;
    int64_t                now;
    jm_str_t               to;
    jm_message_t           message;
    jm_transaction_t      *t;
    jm_transaction_rcpt_t *rcpt;

    t = w->transaction;

    if (unparsed) {
        jm_message_unparsed(&message, w->arena, t->raw);
    } else {
        jm_message_read(&message, w->arena, t->raw);
    }

    jm_render_shared(&w->shared, &message);

    if (!t->keep_original) {
        memset(&w->shared.raw, 0, sizeof(jm_blob_t));
    }

    now = jm_now_ms();

    for (i = 0; i < t->nrcpts; i++) {
        if (!jm_delivery_open(w, i)) {
            continue;
        }

        rcpt = &t->rcpts[i];

        if (jm_uuid7(now, id) != 0) {
            rcpt->fate = JM_FATE_FAILED;
            continue;
        }

        to = jm_delivery_to(w, i);
        jm_render_for(&w->rendered[i], &message, id, rcpt->where.address_id,
                      to, now);
    }
}


/* What the email of recipient `n` was sent to: a catch-all's, or an address
   with several tags, may be more than one; each once, while there is room. */

static jm_str_t
jm_delivery_to(const jm_delivery_work_t *w, size_t n)
{
    size_t                       i, j, len;
    u_char                       text[JM_DELIVERY_TO];
    const jm_transaction_rcpt_t *one, *rcpts;

    rcpts = w->transaction->rcpts;
    len = 0;

    for (i = n; i < w->transaction->nrcpts; i++) {
        one = &rcpts[i];

        if (w->same[i] != n || len + 2 + one->to_len > sizeof(text)) {
            continue;
        }

        for (j = n; j < i; j++) {
            if (w->same[j] == n && rcpts[j].to_len == one->to_len
                && memcmp(rcpts[j].to, one->to, one->to_len) == 0)
            {
                break;
            }
        }

        if (j < i) {
            continue;
        }

        if (len != 0) {
            memcpy(text + len, ", ", 2);
            len += 2;
        }

        memcpy(text + len, one->to, one->to_len);
        len += one->to_len;
    }

    return jm_arena_str(w->arena, text, len);
}


/* Stores for the account of recipient `first`, all its addresses at once. */

static void
jm_delivery_store(jm_delivery_work_t *w, size_t first)
{
    size_t                 i, n, who[JM_DELIVERY_RECIPIENTS];
    jm_fate_t              fate;
    jm_delivery_t          delivery;
    jm_delivered_t         results[JM_DELIVERY_RECIPIENTS];
    jm_transaction_t      *t;
    jm_store_status_t      status;
    jm_delivery_mail_t     mails[JM_DELIVERY_RECIPIENTS];
    jm_transaction_rcpt_t *rcpt;

    t = w->transaction;
    delivery.account = t->rcpts[first].where.account;

    for (i = first, n = 0; i < t->nrcpts; i++) {
        if (jm_delivery_open(w, i)
            && strcmp(t->rcpts[i].where.account, delivery.account) == 0)
        {
            mails[n].address_id = t->rcpts[i].where.address_id;
            mails[n].rendered = &w->rendered[i];
            who[n++] = i;
        }
    }

    delivery.delivery_id = t->did;
    delivery.stamp = jm_message_stamp();
    delivery.replaces = NULL;
    delivery.shared = &w->shared;
    delivery.mails = mails;
    delivery.nmails = n;

    status = t->down ? JM_STORE_DOWN
                     : jm_store_deliver(w->store, &delivery, results);

    if (status != JM_STORE_OK && !t->down) {
        jm_log("delivery %s: %s", t->did, jm_store_error(w->store));
    }

    t->down |= status == JM_STORE_DOWN;
    fate = status == JM_STORE_FULL ? JM_FATE_FULL : JM_FATE_FAILED;

    for (i = 0; i < n; i++) {
        rcpt = &t->rcpts[who[i]];

        if (status == JM_STORE_OK) {
            fate = results[i].gone ? JM_FATE_GONE : JM_FATE_STORED;
            memcpy(rcpt->email, results[i].id, sizeof(results[i].id));
        }

        rcpt->fate = fate;
    }
}


static void
jm_delivery_log(const jm_transaction_t *t, int64_t start)
{
    size_t i, stored, gone;

    for (i = 0, stored = 0, gone = 0; i < t->nrcpts; i++) {
        stored += t->rcpts[i].fate == JM_FATE_STORED;
        gone += t->rcpts[i].fate == JM_FATE_GONE;
    }

    jm_log("delivery %s: %zu recipients, %zu stored, %zu gone, %zu failed, "
           "%zu bytes, %d ms%s",
           t->did, t->nrcpts, stored, gone, t->nrcpts - stored - gone,
           t->raw.len, (int) (jm_ticks_ms() - start),
           t->xraw ? ", unparsed" : "");
}
