/*
 * Feeds the command reader, cut into pieces whose sizes the input's first
 * octet sets.  What it must hold: how the input is cut changes nothing; every
 * line it gives out stands in the input whole, ended by CRLF, without control
 * characters; and what is parsed lies inside the line.
 */

#include <stdint.h>
#include <stdlib.h>

#include "jm_reply.h"
#include "jm_smtp.h"

#define CHECK(condition)                                                      \
    if (!(condition)) {                                                       \
        abort();                                                              \
    }

typedef struct {
    uint64_t hash; /* of statuses and lines, in order */
    int      over; /* the session would have ended */
} outcome_t;


static void
mix(outcome_t *o, const u_char *data, size_t len, unsigned status)
{
    size_t i;

    o->hash = o->hash * 1099511628211u + status + 1;

    for (i = 0; i < len; i++) {
        o->hash = (o->hash ^ data[i]) * 1099511628211u;
    }
}


static void
check_inside(jm_str_t part, jm_str_t text)
{
    if (part.len != 0) {
        CHECK(part.data >= text.data);
        CHECK(part.data + part.len <= text.data + text.len);
    }
}


static void
check_line(jm_str_t line)
{
    size_t         i;
    uint64_t       n;
    u_char         token[64];
    jm_str_t       verb, arg;
    jm_smtp_path_t path;

    for (i = 0; i < line.len; i++) {
        CHECK(line.data[i] >= ' ' || line.data[i] == '\t');
        CHECK(line.data[i] != 0x7f);
    }

    jm_smtp_split(line, &verb, &arg);
    check_inside(verb, line);
    check_inside(arg, line);
    CHECK(jm_smtp_token(arg, token, sizeof(token)) <= sizeof(token));
    (void) jm_smtp_number(arg, &n);

    if (jm_smtp_path(arg, verb.len == 4 ? "TO" : "FROM", &path) == JM_PATH_OK)
    {
        check_inside(path.address.path, line);
        CHECK(path.nparams <= JM_SMTP_PARAMS);

        for (i = 0; i < path.nparams; i++) {
            CHECK(path.params[i].name.len != 0);
            check_inside(path.params[i].name, line);
            check_inside(path.params[i].value, line);
        }
    }
}


/* `whole` is the input so far, up to and with the line's end. */

static void
check_wire(jm_str_t line, const u_char *start, const u_char *end)
{
    CHECK((size_t) (end - start) >= line.len + 2);
    CHECK(end[-2] == '\r' && end[-1] == '\n');
    CHECK(memcmp(end - 2 - line.len, line.data, line.len) == 0);
}


static outcome_t
read_lines(const u_char *data, size_t size, size_t step)
{
    size_t           at, n;
    jm_str_t         text;
    outcome_t        o;
    const u_char    *pos;
    jm_smtp_line_t   line;
    jm_line_status_t status;

    memset(&o, 0, sizeof(o));
    memset(&line, 0, sizeof(line));

    for (at = 0; at < size && !o.over; at += n) {
        n = size - at < step ? size - at : step;
        pos = data + at;

        while (!o.over) {
            status = jm_smtp_line_read(&line, &pos, data + at + n, &text);

            if (status == JM_LINE_AGAIN) {
                CHECK(pos == data + at + n);
                break;
            }

            if (status == JM_LINE_OK) {
                check_wire(text, data, pos);
                check_line(text);
                mix(&o, text.data, text.len, status);

            } else {
                mix(&o, NULL, 0, status);
            }

            o.over = (status == JM_LINE_BARE || status == JM_LINE_FLOOD);
        }
    }

    return o;
}


static uint64_t
read_replies(const u_char *data, size_t size, size_t step)
{
    size_t            at, n;
    outcome_t         o;
    jm_reply_t        reply;
    const u_char     *pos;
    jm_reply_status_t status;

    memset(&o, 0, sizeof(o));
    memset(&reply, 0, sizeof(reply));

    for (at = 0; at < size; at += n) {
        n = size - at < step ? size - at : step;
        pos = data + at;

        do {
            status = jm_reply_read(&reply, &pos, data + at + n);

            if (status == JM_REPLY_LAST || status == JM_REPLY_MORE) {
                CHECK(reply.code >= 200 && reply.code <= 599);
                mix(&o, reply.text.data, reply.text.len, reply.code);
                mix(&o, reply.enhanced.data, reply.enhanced.len, status);
            }

        } while (status == JM_REPLY_LAST || status == JM_REPLY_MORE);

        if (status == JM_REPLY_ERROR) {
            break;
        }
    }

    return o.hash;
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    step;
    outcome_t whole, cut;

    if (size == 0) {
        return 0;
    }

    step = data[0] % 16 + 1;
    data++;
    size--;

    whole = read_lines(data, size, size + 1);
    cut = read_lines(data, size, step);

    CHECK(whole.hash == cut.hash && whole.over == cut.over);
    CHECK(read_replies(data, size, size + 1)
          == read_replies(data, size, step));

    return 0;
}
