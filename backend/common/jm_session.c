/*
 * The SMTP session behind jm_session.h, from the first octet to the last:
 * reads lines and messages, has commands run by jm_session_command.c, and says
 * what is to be said.
 */

#include "jm_session_command.h"

#include <stdio.h>

static jm_session_event_t jm_session_line(jm_session_t *s, const u_char **pos,
                                          const u_char *last);
static jm_session_event_t jm_session_data(jm_session_t *s, const u_char **pos,
                                          const u_char *last);
static jm_session_event_t jm_session_chunk(jm_session_t *s, const u_char **pos,
                                           const u_char *last);
static jm_session_event_t jm_session_chunk_end(jm_session_t *s);
static jm_session_event_t jm_session_message(jm_session_t *s);
static jm_session_reply_t jm_session_verdict(const jm_session_t *s);

#define JM_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* By jm_line_status_t. */
static const jm_session_reply_t jm_bad_lines[] = {
    [JM_LINE_LONG] = JM_SAY_LINE_LONG,
    [JM_LINE_BAD] = JM_SAY_LINE_CONTROL,
    [JM_LINE_BARE] = JM_SAY_LINE_BARE_LF,
    [JM_LINE_FLOOD] = JM_SAY_LINE_FLOOD,
};

#define JM_SESSION_TEXT(name, text) [JM_SAY_##name] = text,

static const char *const jm_session_texts[] = { JM_SESSION_REPLIES(
    JM_SESSION_TEXT) };

#undef JM_SESSION_TEXT


void
jm_session_init(jm_session_t *s, const jm_session_conf_t *conf, u_char *out,
                size_t size)
{
    memset(s, 0, sizeof(jm_session_t));

    s->conf = conf;
    s->out.start = out;
    s->out.pos = out;
    s->out.last = out;
    s->out.end = out + size;
}


void
jm_session_greet(jm_session_t *s)
{
    jm_session_tell(s, JM_SAY_GREETING, s->conf->hostname);
}


jm_session_event_t
jm_session_read(jm_session_t *s, const u_char **pos, const u_char *last)
{
    switch (s->state) {

    case JM_SESSION_COMMAND:
        s->event = jm_session_line(s, pos, last);

        if (s->state == JM_SESSION_CHUNK && s->chunk.left == 0) {
            s->event = jm_session_chunk_end(s);
        }
        break;

    case JM_SESSION_DATA:
        s->event = jm_session_data(s, pos, last);
        break;

    case JM_SESSION_CHUNK:
        s->event = jm_session_chunk(s, pos, last);
        break;

    default: /* JM_SESSION_WAIT, JM_SESSION_OVER */
        break;
    }

    return s->event;
}


/* Command lines. */


static jm_session_event_t
jm_session_line(jm_session_t *s, const u_char **pos, const u_char *last)
{
    jm_str_t           text;
    jm_line_status_t   status;
    jm_session_reply_t stranger;

    if (*pos == last) {
        return JM_SESSION_MORE;
    }

    if (!s->started) {
        s->started = 1;
        text.data = (u_char *) *pos;
        text.len = (size_t) (last - *pos);
        stranger = jm_session_stranger(text);

        if (stranger != JM_SAY_NONE) {
            return jm_session_end(s, stranger);
        }
    }

    status = jm_smtp_line_read(&s->line, pos, last, &text);
    s->behind = (*pos < last);

    switch (status) {

    case JM_LINE_AGAIN:
        return JM_SESSION_MORE;

    case JM_LINE_OK:
        return jm_session_command(s, text);

    case JM_LINE_BARE:
    case JM_LINE_FLOOD:
        return jm_session_end(s, jm_bad_lines[status]);

    default:
        return jm_session_garbled(s, text, jm_bad_lines[status]);
    }
}


/* Who begins so does not speak SMTP. */

jm_session_reply_t
jm_session_stranger(jm_str_t text)
{
    static const u_char proxy[] = "\r\n\r\n\0\r\nQUIT\n"; /* version 2 */

    if (*text.data == 0x16) {
        /* A TLS handshake, without STARTTLS. */
        return JM_SAY_NOT_TLS;
    }

    if (text.len >= sizeof(proxy) - 1
        && memcmp(text.data, proxy, sizeof(proxy) - 1) == 0)
    {
        return JM_SAY_NOT_PROXY;
    }

    return JM_SAY_NONE;
}


/* The message behind DATA and BDAT. */


static jm_session_event_t
jm_session_data(jm_session_t *s, const u_char **pos, const u_char *last)
{
    jm_data_status_t status;

    for (;;) {
        status = jm_data_read(&s->data, pos, last, &s->run);

        if (status == JM_DATA_AGAIN) {
            return JM_SESSION_MORE;
        }

        if (status == JM_DATA_END) {
            return jm_session_message(s);
        }

        if (jm_session_verdict(s) == JM_SAY_NONE) {
            return JM_SESSION_BODY;
        }
    }
}


static jm_session_event_t
jm_session_chunk(jm_session_t *s, const u_char **pos, const u_char *last)
{
    while (s->chunk.left != 0) {

        if (*pos == last) {
            return JM_SESSION_MORE;
        }

        s->run = jm_chunk_take(&s->chunk, pos, last);

        if (!s->bdat || s->refused != JM_SAY_NONE) {
            continue;
        }

        jm_data_chunk(&s->data, s->run);

        if (jm_session_verdict(s) == JM_SAY_NONE) {
            return JM_SESSION_BODY;
        }
    }

    return jm_session_chunk_end(s);
}


/*
 * A refused chunk ends the transaction as a refused message does.  The client
 * may have sent the next ones already: they get the same reply, because who
 * looks at the last one only must not take a 4xx for a 5xx.
 */

static jm_session_event_t
jm_session_chunk_end(jm_session_t *s)
{
    jm_session_event_t event;
    jm_session_reply_t refusal;

    s->state = JM_SESSION_COMMAND;

    if (s->refused == JM_SAY_NONE && !s->bdat) {
        return jm_session_deny(s, jm_session_ready(s));
    }

    if (s->chunk.last) {
        jm_data_last(&s->data);
    }

    refusal = jm_session_verdict(s);

    if (refusal == JM_SAY_NONE) {
        return s->chunk.last ? jm_session_message(s)
                             : jm_session_say(s, JM_SAY_CHUNK_OK);
    }

    jm_session_say(s, refusal);
    event = jm_session_reset(s);
    s->refused = refusal;

    return event;
}


/* The message is complete: refused here, or the caller's. */

static jm_session_event_t
jm_session_message(jm_session_t *s)
{
    jm_session_reply_t refusal;

    refusal = jm_session_verdict(s);

    if (refusal == JM_SAY_NONE) {
        return jm_session_ask(s, JM_SESSION_MESSAGE);
    }

    s->state = JM_SESSION_COMMAND;
    jm_session_say(s, refusal);

    return jm_session_reset(s);
}


/*
 * The reply that refuses the message for what it holds so far.  What we cannot
 * keep is read to its end all the same: the client hears it only there.
 */

static jm_session_reply_t
jm_session_verdict(const jm_session_t *s)
{
    if (s->refused != JM_SAY_NONE) {
        return s->refused;
    }

    if (s->data.bare_cr || s->data.bare_lf || s->data.nul) {
        return JM_SAY_LINE_ENDS;
    }

    if (s->data.size > s->conf->message_size) {
        return JM_SAY_TOO_BIG;
    }

    return s->data.hops > JM_SESSION_HOPS ? JM_SAY_LOOP : JM_SAY_NONE;
}


void
jm_session_refuse(jm_session_t *s, jm_session_reply_t reply)
{
    s->refused = reply;
}


/* What the caller says. */


void
jm_session_answer(jm_session_t *s, jm_session_reply_t reply, jm_str_t value)
{
    s->state = JM_SESSION_COMMAND;

    if (reply == JM_SAY_RCPT_UNKNOWN || reply == JM_SAY_RCPT_FOREIGN) {
        s->unknown++;

        if (s->unknown >= s->conf->unknown) {
            reply = JM_SAY_MANY_UNKNOWN;
        }
    }

    if (reply == JM_SAY_MANY_UNKNOWN) {
        s->rejected++;
        jm_session_close(s, reply);
        return;
    }

    jm_session_tell(s, reply, value);

    switch (s->event) {

    case JM_SESSION_BEGIN:
        if (s->reply == 250) {
            s->mail = 1;
            s->transactions++;
        }
        break;

    case JM_SESSION_RECIPIENT:
        if (s->reply == 250) {
            s->accepted++;
            s->recipients++;

        } else {
            s->rejected++;
        }
        break;

    case JM_SESSION_XCLIENT:
        break;

    default: /* JM_SESSION_MESSAGE */
        if (s->reply == 250) {
            s->messages++;
            s->junk = 0;
        }

        (void) jm_session_reset(s);
        break;
    }
}


void
jm_session_secured(jm_session_t *s)
{
    jm_session_reset(s);

    s->tls = 1;
    s->esmtp = 0;
    s->helo.len = 0;
    s->state = JM_SESSION_COMMAND;

    memset(&s->line, 0, sizeof(jm_smtp_line_t));
}


void
jm_session_close(jm_session_t *s, jm_session_reply_t reply)
{
    s->event = jm_session_end(s, reply);
}


/* Where every command ends. */


/* Forgets the transaction. */

jm_session_event_t
jm_session_reset(jm_session_t *s)
{
    jm_session_event_t event;

    event = s->mail ? JM_SESSION_RESET : JM_SESSION_NEXT;

    s->mail = 0;
    s->bdat = 0;
    s->refused = JM_SAY_NONE;

    return event;
}


jm_session_event_t
jm_session_ask(jm_session_t *s, jm_session_event_t event)
{
    s->state = JM_SESSION_WAIT;

    return event;
}


jm_session_event_t
jm_session_end(jm_session_t *s, jm_session_reply_t reply)
{
    jm_session_say(s, reply);
    s->state = JM_SESSION_OVER;
    s->ended = reply;

    return JM_SESSION_CLOSE;
}


jm_session_event_t
jm_session_deny(jm_session_t *s, jm_session_reply_t reply)
{
    if (memcmp(jm_session_texts[reply], "421", 3) == 0) {
        return jm_session_end(s, reply);
    }

    if (jm_session_texts[reply][0] != '5') {
        /* Our limit, not the client's fault: who has more recipients than one
         * message may have is told so for each (RFC 5321, 4.5.3.1.10). */
        return jm_session_say(s, reply);
    }

    s->errors++;

    if (s->errors >= s->conf->errors) {
        return jm_session_end(s, JM_SAY_MANY_ERRORS);
    }

    return jm_session_say(s, reply);
}


jm_session_event_t
jm_session_say(jm_session_t *s, jm_session_reply_t reply)
{
    jm_session_tell(s, reply, (jm_str_t){ NULL, 0 });

    return JM_SESSION_NEXT;
}


void
jm_session_tell(jm_session_t *s, jm_session_reply_t reply, jm_str_t value)
{
    int         n;
    char        text[JM_SESSION_ROOM];
    const char *row, *mark;

    row = jm_session_texts[reply];
    mark = strchr(row, '%');

    if (mark == NULL) {
        n = snprintf(text, sizeof(text), "%s\r\n", row);

    } else {
        n = snprintf(text, sizeof(text), "%.*s%.*s%s\r\n", (int) (mark - row),
                     row, (int) value.len, (char *) value.data, mark + 1);
    }

    jm_session_write(s, text, (size_t) n);
}


/* A caller that left no room closes anyway: dropped. */

void
jm_session_write(jm_session_t *s, const char *text, size_t len)
{
    if ((size_t) (s->out.end - s->out.last) < len || len >= JM_SESSION_ROOM) {
        return;
    }

    memcpy(s->out.last, text, len);

    s->reply = (size_t) ((text[0] - '0') * 100 + (text[1] - '0') * 10
                         + (text[2] - '0'));
    s->replies[s->reply / 100 % JM_COUNT(s->replies)]++;

    s->said.data = s->out.last;
    s->said.len = (size_t) ((char *) memchr(text, '\r', len) - text);

    s->out.last += len;
}
