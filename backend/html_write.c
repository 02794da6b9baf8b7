/*
 * The writer of html_write.h.
 */

#include "html_write.h"

#define JM_HTML_SLACK     (64 * 1024)
#define JM_HTML_MAX_PLAIN (1024 * 1024)


void
jm_writer_init(jm_writer_t *w, jm_html_t *out, jm_arena_t *arena, size_t size)
{
    memset(w, 0, sizeof(jm_writer_t));
    w->arena = arena;
    w->out = out;
    w->limit = 2 * size + JM_HTML_SLACK;
    jm_buf_init(&w->html, arena, SIZE_MAX);
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


/* What stands for a byte; NULL: itself. */
static const char *
jm_write_escape(u_char c, int attribute)
{
    switch (c) {

    case '&':
        return "&amp;";

    case '<':
        return "&lt;";

    case '>':
        return "&gt;";

    case '"':
        return attribute ? "&quot;" : NULL;

    case '\'':
        return attribute ? "&#39;" : NULL;

    case '`':
        return attribute ? "&#96;" : NULL;

    case '\r':
        return "\n";

    case '\f':
        return " ";

    case '\t':
    case '\n':
        return NULL;

    default:
        return c < ' ' ? "\xEF\xBF\xBD" : NULL;
    }
}


void
jm_write_escaped(jm_writer_t *w, jm_str_t str, int attribute)
{
    size_t      i, start;
    const char *escape;

    if (str.len == 0) {
        return;
    }

    start = 0;

    for (i = 0; i < str.len; i++) {
        escape = jm_write_escape(str.data[i], attribute);

        if (escape != NULL) {
            jm_buf_add(&w->html, str.data + start, i - start);
            jm_buf_adds(&w->html, escape);
            start = i + 1;
        }
    }

    jm_buf_add(&w->html, str.data + start, str.len - start);
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
