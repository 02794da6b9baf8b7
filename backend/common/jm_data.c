/*
 * The message scanner behind jm_data.h.
 */

#include "jm_data.h"

static const u_char *jm_data_text(jm_data_t *data, const u_char *p,
                                  const u_char *last);
static void          jm_data_newline(jm_data_t *data);
static void          jm_data_header(jm_data_t *data, const u_char *p,
                                    const u_char *last);


jm_data_status_t
jm_data_read(jm_data_t *data, const u_char **pos, const u_char *last,
             jm_str_t *run)
{
    const u_char *p, *start;

    p = *pos;

    while (p < last && data->state != JM_DATA_DONE) {

        switch (data->state) {

        case JM_DATA_LINE:
            if (*p == '.') {
                /* RFC 5321, 4.5.2: exactly this one dot is removed. */
                data->state = JM_DATA_DOT;
                p++;
                continue;
            }
            break;

        case JM_DATA_DOT:
            if (*p == '\r') {
                data->state = JM_DATA_DOT_CR;
                p++;
                continue;
            }
            break;

        case JM_DATA_DOT_CR:
            if (*p == '\n') {
                data->state = JM_DATA_DONE;
                p++;
                continue;
            }

            /* ".\r" and no LF: the message is refused, its CR may be lost. */
            data->bare_cr = 1;
            break;

        default:
            break;
        }

        start = p;

        if (data->state != JM_DATA_CR) {
            data->state = JM_DATA_TEXT;
        }

        p = jm_data_text(data, p, last);

        if (!data->body) {
            jm_data_header(data, start, p);
        }

        run->data = (u_char *) start;
        run->len = (size_t) (p - start);
        data->size += run->len;
        *pos = p;

        return JM_DATA_RUN;
    }

    *pos = p;

    return data->state == JM_DATA_DONE ? JM_DATA_END : JM_DATA_AGAIN;
}


/*
 * Text up to a dot at the start of a line, to the end of the header, or to the
 * end of the input.  Nearly every octet is above CR and takes the short way.
 */

static const u_char *
jm_data_text(jm_data_t *data, const u_char *p, const u_char *last)
{
    u_char   c;
    unsigned cr;

    cr = (data->state == JM_DATA_CR);

    while (p < last) {
        c = *p;

        if (c > '\r') {
            if (cr) {
                data->bare_cr = 1;
                cr = 0;
            }

            p++;
            continue;
        }

        if (c == '\n') {
            p++;

            if (!cr) {
                /* Never a line start: what follows cannot end the message. */
                data->bare_lf = 1;
                continue;
            }

            cr = 0;

            if (p == last || *p == '.') {
                data->state = JM_DATA_LINE;
                return p;
            }

            continue;
        }

        if (cr) {
            data->bare_cr = 1;
        }

        if (c == '\0') {
            data->nul = 1;
        }

        cr = (c == '\r');
        p++;
    }

    data->state = cr ? JM_DATA_CR : JM_DATA_TEXT;

    return p;
}


/* Counts Received: lines until the empty line that ends the header. */

static void
jm_data_header(jm_data_t *data, const u_char *p, const u_char *last)
{
    u_char              c;
    static const u_char name[] = "received:";

    for (/* void */; p < last && !data->body; p++) {
        c = *p;

        if (c == '\n') {
            jm_data_newline(data);
            continue;
        }

        if (c == '\r' && data->matched == 0) {
            data->matched = JM_DATA_NO_MATCH - 1;
            continue;
        }

        if (data->matched >= sizeof(name) - 1) {
            data->matched = JM_DATA_NO_MATCH;
            continue;
        }

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (c != name[data->matched]) {
            data->matched = JM_DATA_NO_MATCH;

        } else if (++data->matched == sizeof(name) - 1) {
            data->hops++;
            data->matched = JM_DATA_NO_MATCH;
        }
    }
}


/* A line that held nothing but its CR ends the header. */

static void
jm_data_newline(jm_data_t *data)
{
    if (data->matched == JM_DATA_NO_MATCH - 1) {
        data->body = 1;
    }

    data->matched = 0;
}


void
jm_data_chunk(jm_data_t *data, jm_str_t run)
{
    const u_char *p, *last;

    p = run.data;
    last = p + run.len;

    if (!data->body) {
        jm_data_header(data, p, last);
    }

    while (p < last) {
        p = jm_data_text(data, p, last);
    }

    data->size += run.len;
}


void
jm_data_last(jm_data_t *data)
{
    if (data->state == JM_DATA_CR) {
        data->bare_cr = 1;
    }
}


size_t
jm_data_stuff(unsigned *line, const u_char *in, size_t len, size_t *taken,
              u_char *out, size_t size)
{
    size_t i, n;

    for (i = 0, n = 0; i < len && n < size; i++) {

        if (*line && in[i] == '.') {
            if (size - n < 2) {
                break;
            }

            out[n++] = '.';
        }

        out[n++] = in[i];
        *line = (in[i] == '\n');
    }

    *taken = i;

    return n;
}
