/*
 * The reply parser behind jm_reply.h.
 */

#include "jm_reply.h"

static jm_reply_status_t jm_reply_parse(jm_reply_t *reply);
static void              jm_reply_enhanced(jm_reply_t *reply);


jm_reply_status_t
jm_reply_read(jm_reply_t *reply, const u_char **pos, const u_char *last)
{
    u_char        c;
    const u_char *p;

    if (reply->done) {
        memset(reply, 0, sizeof(jm_reply_t));
    }

    for (p = *pos; p < last; p++) {
        c = *p;

        if (reply->len == JM_REPLY_LINE || c == '\0') {
            *pos = p;
            return JM_REPLY_ERROR;
        }

        reply->line[reply->len++] = c;

        if (c == '\n') {
            *pos = p + 1;
            return jm_reply_parse(reply);
        }
    }

    *pos = p;

    return JM_REPLY_AGAIN;
}


/* A whole line: three digits, then space, hyphen or the end. */

static jm_reply_status_t
jm_reply_parse(jm_reply_t *reply)
{
    size_t   len;
    u_char  *p;
    unsigned code;

    p = reply->line;
    len = reply->len;
    reply->len = 0;

    if (len < 5 || p[len - 2] != '\r') {
        return JM_REPLY_ERROR;
    }

    len -= 2;

    if (p[0] < '2' || p[0] > '5' || p[1] < '0' || p[1] > '9' || p[2] < '0'
        || p[2] > '9')
    {
        return JM_REPLY_ERROR;
    }

    code = (unsigned) ((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));

    if (len > 3 && p[3] != ' ' && p[3] != '-') {
        return JM_REPLY_ERROR;
    }

    /* RFC 5321, 4.2.1: every line of a reply carries the same code. */
    if (reply->lines != 0 && reply->code != code) {
        return JM_REPLY_ERROR;
    }

    if (++reply->lines > JM_REPLY_LINES) {
        return JM_REPLY_ERROR;
    }

    reply->code = code;
    reply->done = (len == 3 || p[3] == ' ');
    reply->text.data = p + (len > 3 ? 4 : 3);
    reply->text.len = len - (len > 3 ? 4 : 3);

    jm_reply_enhanced(reply);

    return reply->done ? JM_REPLY_LAST : JM_REPLY_MORE;
}


/*
 * RFC 2034, 4: class "." subject "." detail and a space before the text; the
 * class is the reply's own, subject and detail have one to three digits.
 */

static void
jm_reply_enhanced(jm_reply_t *reply)
{
    u_char *p, *end, *start;
    size_t  digits, part;

    p = reply->text.data;
    end = p + reply->text.len;

    reply->enhanced.data = p;
    reply->enhanced.len = 0;

    if (p == end || *p++ != reply->line[0]) {
        return;
    }

    for (part = 0; part < 2; part++) {
        if (p == end || *p++ != '.') {
            return;
        }

        start = p;

        while (p < end && *p >= '0' && *p <= '9') {
            p++;
        }

        digits = (size_t) (p - start);

        if (digits < 1 || digits > 3) {
            return;
        }
    }

    if (p < end && *p != ' ') {
        return;
    }

    reply->enhanced.len = (size_t) (p - reply->enhanced.data);

    if (p < end) {
        p++;
    }

    reply->text.data = p;
    reply->text.len = (size_t) (end - p);
}
