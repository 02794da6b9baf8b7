/*
 * The writer of html_write.h.
 */

#include "html_write.h"

#include "html_str.h"

#define JM_HTML_SLACK     (64 * 1024)
#define JM_HTML_MAX_PLAIN (1024 * 1024)
#define JM_HTML_PIECE     4096


void
jm_writer_init(jm_writer_t *w, jm_html_t *out, jm_arena_t *arena, size_t size)
{
    memset(w, 0, sizeof(jm_writer_t));
    w->arena = arena;
    w->out = out;
    w->limit = 2 * size + JM_HTML_SLACK;
    jm_buf_init(&w->html, arena, SIZE_MAX);
    jm_buf_init(&w->value, arena, SIZE_MAX);
    jm_text_init(&w->text, arena, JM_HTML_MAX_PLAIN);
}


int
jm_write_room(jm_writer_t *w)
{
    if (w->html.len >= w->limit) {
        w->full = 1;
        w->out->cut = 1;
    }

    return !w->full;
}


/* Bytes that are not written as they are: 1 in attributes, 2 in text, too. */
static const u_char jm_write_special[256] = {
    [0 ... 8] = 2, [11 ... 31] = 2, ['&'] = 2,  ['<'] = 2,
    ['>'] = 2,     ['"'] = 1,       ['\''] = 1, ['`'] = 1,
};


/* What stands for such a byte. */
static const char *
jm_write_escape(u_char c)
{
    switch (c) {

    case '&':
        return "&amp;";

    case '<':
        return "&lt;";

    case '>':
        return "&gt;";

    case '"':
        return "&quot;";

    case '\'':
        return "&#39;";

    case '`':
        return "&#96;";

    case '\r':
        return "\n";

    case '\f':
        return " ";

    default:
        return "\xEF\xBF\xBD";
    }
}


void
jm_write_escaped(jm_writer_t *w, jm_str_t str, int attribute)
{
    u_char special;
    size_t i, start;

    if (str.len == 0) {
        return;
    }

    special = attribute ? 1 : 2;
    start = 0;

    for (i = 0; i < str.len; i++) {
        if (jm_write_special[str.data[i]] >= special) {
            jm_buf_add(&w->html, str.data + start, i - start);
            jm_buf_adds(&w->html, jm_write_escape(str.data[i]));
            start = i + 1;
        }
    }

    jm_buf_add(&w->html, str.data + start, str.len - start);
}


void
jm_write_shown(jm_buf_t *buf, jm_str_t text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' && jm_write_special[text.data[i]]) {
            jm_buf_adds(buf, jm_write_escape(text.data[i]));
        } else {
            jm_buf_addc(buf, text.data[i]);
        }
    }
}


void
jm_write_text(jm_writer_t *w, jm_str_t text)
{
    jm_str_t part;

    /* in pieces: escapes may take five times the room */
    while (text.len != 0 && jm_write_room(w)) {
        part = jm_html_cut(text, JM_HTML_PIECE);
        jm_write_escaped(w, part, 0);
        text.data += part.len;
        text.len -= part.len;
    }
}


void
jm_write_attr(jm_writer_t *w, const char *name, jm_str_t value)
{
    jm_buf_addc(&w->html, ' ');
    jm_buf_adds(&w->html, name);
    jm_buf_adds(&w->html, "=\"");
    jm_write_escaped(w, value, 1);
    jm_buf_addc(&w->html, '"');
}
