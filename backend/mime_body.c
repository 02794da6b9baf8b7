/*
 * The last step of mime_private.h, called by mime.c: of the bodies that the
 * walk found, the message's text and its HTML, as UTF-8 with LF line ends
 * (RFC 3676 for flowed text), and the images that belong to the HTML (RFC
 * 2392, 2387).  All in the message's arena.
 */

#define _GNU_SOURCE /* memmem */

#include "mime_private.h"

#include "charset.h"

/* Text to show.  HTML beyond its own, lower limit is html.c's to report. */
#define JM_MAX_TEXT (2 * 1024 * 1024)
#define JM_MAX_HTML (4 * 1024 * 1024)


/* CRLF and CR become LF; the text itself when there is nothing to do. */
static jm_str_t
jm_mime_unix_lines(jm_arena_t *arena, jm_str_t in)
{
    size_t   i;
    u_char  *q;
    jm_str_t out;

    if (in.len == 0 || memchr(in.data, '\r', in.len) == NULL) {
        return in;
    }

    out.data = jm_arena_take(arena, in.len + 1);
    q = out.data;

    for (i = 0; i < in.len; i++) {
        if (in.data[i] != '\r') {
            *q++ = in.data[i];

        } else if (i + 1 == in.len || in.data[i + 1] != '\n') {
            *q++ = '\n';
        }
    }

    out.len = q - out.data;

    return out;
}


/*
 * RFC 3676: a line that ends in a space goes on in the next one of the same
 * quote depth; a space after the quote marks was stuffed in.  "-- " ends a
 * paragraph all the same.
 */
static jm_str_t
jm_mime_unflow(jm_arena_t *arena, jm_str_t in, int delsp)
{
    int           flows, signature;
    size_t        i, depth, open; /* `open`: depth + 1 of a line to go on */
    jm_buf_t      out;
    const u_char *p, *line, *stop, *end;

    jm_buf_init(&out, arena, in.len * 2 + 1);
    p = in.data;
    end = p + in.len;
    open = 0;

    while (p < end) {
        line = p;
        stop = memchr(p, '\n', end - p);
        p = stop == NULL ? end : stop + 1;
        stop = stop == NULL ? end : stop;

        for (depth = 0; line < stop && *line == '>'; line++) {
            depth++;
        }

        line += line < stop && *line == ' ';
        signature = stop - line == 3 && memcmp(line, "-- ", 3) == 0;
        flows = line < stop && stop[-1] == ' ' && !signature;

        if (open != 0 && (signature || open != depth + 1)) {
            jm_buf_addc(&out, '\n');
            open = 0;
        }

        if (open == 0 && depth != 0) {
            for (i = 0; i < depth; i++) {
                jm_buf_addc(&out, '>');
            }

            jm_buf_addc(&out, ' ');
        }

        jm_buf_add(&out, line, stop - line - (flows && delsp));
        open = flows ? depth + 1 : 0;

        if (!flows && stop < end) {
            jm_buf_addc(&out, '\n');
        }
    }

    return out.len == 0 ? jm_str("") : jm_buf_str(&out);
}


static jm_str_t
jm_mime_text(jm_mime_t *w, jm_mime_body_t *body)
{
    unsigned cut;
    jm_str_t text;

    cut = 0;
    text = jm_charset_body(w->m->arena, body->data, body->charset, body->html,
                           body->html ? JM_MAX_HTML : JM_MAX_TEXT, &cut);
    text = jm_mime_unix_lines(w->m->arena, text);
    w->m->cut |= cut;

    return body->flowed ? jm_mime_unflow(w->m->arena, text, body->delsp)
                        : text;
}


static int
jm_mime_blank(jm_str_t text)
{
    size_t i;

    for (i = 0; i < text.len && text.data[i] <= ' '; i++) {
        /* void */
    }

    return i == text.len;
}


/*
 * A mail of nothing but text files that are not called attachments, as some
 * programs send a text that was dropped into an empty mail: they stay files,
 * and are shown (RFC 2183, 2.1).
 */
static void
jm_mime_use_spares(jm_mime_t *w)
{
    size_t i;

    for (i = 0; i < w->nbodies; i++) {
        if (!w->bodies[i].dropped && !jm_mime_blank(w->bodies[i].data)) {
            return;
        }
    }

    for (i = 0; i < w->nbodies; i++) {
        w->bodies[i].dropped &= !w->bodies[i].spare;
    }
}


/* HTML after the first is not joined to it: two documents put together can
 * mean what neither does.  It becomes a file. */
static void
jm_mime_further_html(jm_mime_t *w, jm_mime_body_t *body)
{
    jm_message_t    *m;
    jm_attachment_t *att;

    m = w->m;

    if (jm_mime_blank(body->data)) {
        return;
    }

    if (m->nattachments == JM_MAX_ATTACHMENTS) {
        m->cut = 1;
        return;
    }

    att = &m->attachments[m->nattachments];
    att->content_type = jm_str("text/html");
    att->filename = jm_mime_default_name(w, att->content_type);
    att->data = body->data;
    m->nattachments++;
}


void
jm_mime_bodies(jm_mime_t *w)
{
    size_t          i;
    jm_buf_t        text;
    jm_str_t        piece;
    jm_message_t   *m;
    jm_mime_body_t *body;

    m = w->m;
    jm_mime_use_spares(w);
    jm_buf_init(&text, m->arena, JM_MAX_TEXT);

    for (i = 0; i < w->nbodies; i++) {
        body = &w->bodies[i];

        if (body->dropped) {
            continue;
        }

        if (body->html) {
            if (m->html.data == NULL) {
                m->html = jm_mime_text(w, body);

            } else {
                jm_mime_further_html(w, body);
            }

            continue;
        }

        body->data = jm_mime_uu(w, body->data);
        piece = jm_mime_text(w, body);

        if (m->text.data == NULL) {
            m->text = piece;
            continue;
        }

        if (text.len == 0) {
            jm_buf_add(&text, m->text.data, m->text.len);
        }

        if (text.len != 0 && text.data[text.len - 1] != '\n') {
            jm_buf_addc(&text, '\n');
        }

        jm_buf_add(&text, piece.data, piece.len);
        m->text = jm_charset_trim(jm_buf_str(&text), JM_MAX_TEXT - 4);
        m->cut |= text.truncated;
    }
}


/*
 * Images that belong to the HTML: those of its multipart/related, and those it
 * names by Content-ID wherever they stand.
 */
void
jm_mime_mark_inline(jm_mime_t *w)
{
    size_t           i;
    char            *cid;
    jm_attachment_t *att;

    for (i = 0; i < w->m->nattachments && w->m->html.len != 0; i++) {
        att = &w->m->attachments[i];

        if (strncmp((char *) att->content_type.data, "image/", 6) != 0) {
            continue;
        }

        if (w->related[i / 64] & (1ULL << (i % 64))) {
            att->is_inline = 1;

        } else if (att->content_id.len != 0) {
            cid = (char *) jm_arena_printf(w->m->arena, "cid:%.*s",
                                           (int) att->content_id.len,
                                           att->content_id.data)
                      .data;
            att->is_inline = memmem(w->m->html.data, w->m->html.len, cid,
                                    strlen(cid))
                             != NULL;
        }
    }
}
