/*
 * A client of jm_session.c, and the server's answers that the session asks
 * for, so that test_session.c and fuzz_session.c need no nginx.  What happens
 * is written down: the replies as they are said, the events in brackets, each
 * message in the one that ends it.
 *
 * The answers: a recipient's local part that begins with u, c, f, r or a is
 * unknown, closed, full, relaying, or cannot be looked up; a sender that
 * begins with n finds no space; the backend refuses a message that begins
 * with "refuse".
 */

#ifndef CLIENT_H
#define CLIENT_H

#include <stdlib.h>

#include "jm_session.h"

typedef struct client_s client_t;

/* Grows as it must. */
typedef struct {
    u_char *data;
    size_t  len;
    size_t  size;
} client_text_t;

struct client_s {
    jm_session_t      session;
    jm_session_conf_t conf;
    u_char            out[4096];
    client_text_t     replies;
    client_text_t     events;
    client_text_t     message; /* of the transaction, so far */
    size_t            taken;   /* octets of input */
    unsigned          writes;  /* of replies */
    unsigned          closed : 1;

    /* Called after each step, with the octets that it took. */
    void (*watch)(client_t *c, jm_session_state_t before,
                  jm_session_event_t event, const u_char *data, size_t len);
};


static void
client_add(client_text_t *text, const void *data, size_t len)
{
    if (text->size - text->len < len) {
        text->size = (text->len + len) * 2;
        text->data = realloc(text->data, text->size);

        if (text->data == NULL) {
            abort();
        }
    }

    if (len != 0) {
        memcpy(text->data + text->len, data, len);
        text->len += len;
    }
}


static void
client_note(client_t *c, const char *name, const u_char *data, size_t len)
{
    client_add(&c->events, "[", 1);
    client_add(&c->events, name, strlen(name));
    client_add(&c->events, data, len);
    client_add(&c->events, "]", 1);
}


/* What a server does when nothing more can be done at once. */

static void
client_flush(client_t *c)
{
    jm_session_out_t *out;

    out = &c->session.out;

    if (out->pos != out->last) {
        client_add(&c->replies, out->pos, (size_t) (out->last - out->pos));
        out->pos = out->start;
        out->last = out->start;
        c->writes++;
    }
}


static jm_session_reply_t
client_recipient(jm_str_t path)
{
    switch (path.len != 0 ? path.data[0] : '\0') {

    case 'u':
        return JM_SAY_RCPT_UNKNOWN;

    case 'c':
        return JM_SAY_RCPT_CLOSED;

    case 'f':
        return JM_SAY_RCPT_FULL;

    case 'r':
        return JM_SAY_RCPT_FOREIGN;

    case 'a':
        return JM_SAY_RCPT_AWAY;

    default:
        return JM_SAY_RCPT_OK;
    }
}


static void
client_event(client_t *c, jm_session_event_t event)
{
    jm_session_t *s;

    s = &c->session;

    switch (event) {

    case JM_SESSION_BEGIN:
        client_note(c, s->utf8 ? "utf8 from " : "from ", s->from.data,
                    s->from.len);
        jm_session_answer(s,
                          s->from.len != 0 && s->from.data[0] == 'n'
                              ? JM_SAY_NO_SPACE
                              : JM_SAY_MAIL_OK,
                          jm_str(""));
        break;

    case JM_SESSION_RECIPIENT:
        client_note(c, "to ", s->path.address.path.data,
                    s->path.address.path.len);
        jm_session_answer(s, client_recipient(s->path.address.path),
                          jm_str(""));
        break;

    case JM_SESSION_BODY:
        client_add(&c->message, s->run.data, s->run.len);
        break;

    case JM_SESSION_MESSAGE:
        client_note(c, "message ", c->message.data, c->message.len);

        if (c->message.len >= 6 && memcmp(c->message.data, "refuse", 6) == 0) {
            jm_session_answer(s, JM_SAY_BACKEND, jm_str("554 5.6.0 Refused"));
        } else {
            jm_session_answer(s, JM_SAY_STORED, jm_str("id"));
        }

        c->message.len = 0;
        break;

    case JM_SESSION_RESET:
        client_note(c, "reset", NULL, 0);
        c->message.len = 0;
        break;

    case JM_SESSION_XCLIENT:
        client_note(c, "xclient", NULL, 0);
        jm_session_answer(s, JM_SAY_GREETING, c->conf.hostname);
        break;

    case JM_SESSION_STARTTLS:
        client_flush(c);
        client_note(c, "tls", NULL, 0);
        jm_session_secured(s);
        c->message.len = 0;
        break;

    case JM_SESSION_CLOSE:
        client_flush(c);
        client_note(c, "close", NULL, 0);
        c->closed = 1;
        break;

    default: /* JM_SESSION_MORE, JM_SESSION_NEXT */
        break;
    }

    if (s->out.end - s->out.last < JM_SESSION_ROOM) {
        client_flush(c);
    }
}


/* Sends `len` octets in one piece, in memory of its own so that a sanitizer
 * sees who reads beyond. */

static void
client_send(client_t *c, const void *data, size_t len)
{
    u_char            *copy;
    const u_char      *pos, *start;
    jm_session_event_t event;
    jm_session_state_t before;

    copy = malloc(len + 1);
    if (copy == NULL) {
        abort();
    }

    memcpy(copy, data, len);
    pos = copy;

    do {
        start = pos;
        before = c->session.state;
        event = jm_session_read(&c->session, &pos, copy + len);
        c->taken += (size_t) (pos - start);

        if (c->watch != NULL) {
            c->watch(c, before, event, start, (size_t) (pos - start));
        }

        client_event(c, event);

    } while (!c->closed && event != JM_SESSION_MORE);

    client_flush(c);
    free(copy);
}


static void
client_init(client_t *c)
{
    memset(c, 0, sizeof(client_t));

    c->conf.hostname = jm_str("mx.test");
    c->conf.message_size = 100;
    c->conf.recipients = 3;
    c->conf.transactions = 10;
    c->conf.errors = 20;
    c->conf.unknown = 20;
    c->conf.junk = 100;

    jm_session_init(&c->session, &c->conf, c->out, sizeof(c->out));
}


static void
client_free(client_t *c)
{
    free(c->replies.data);
    free(c->events.data);
    free(c->message.data);
}

#endif /* CLIENT_H */
