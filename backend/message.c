/*
 * One message through all that reads it: MIME, HTML, text, preview, codes.
 * Called by lmtp.c inside the arena's guard; owns nothing.
 */

#include "message.h"

#include "charset.h"
#include "extract.h"
#include "media.h"
#include "mime.h"

#define JM_PREVIEW_CHARS 140

/* How far into the text the preview looks for them. */
#define JM_PREVIEW_SOURCE (16 * 1024)


/* jm_html_cid_pt: RFC 2392, the Content-ID without its brackets. */
static uint32_t
jm_message_cid(void *data, jm_str_t content_id)
{
    size_t           i;
    jm_message_t    *m;
    jm_attachment_t *att;

    m = data;

    for (i = 0; i < m->nattachments; i++) {
        att = &m->attachments[i];

        if (content_id.len != 0 && att->content_id.len == content_id.len
            && memcmp(att->content_id.data, content_id.data, content_id.len)
                   == 0
            && jm_media_inline(att->content_type, att->data) != NULL)
        {
            return i + 1;
        }
    }

    return 0;
}


/*
 * Characters without a glyph of their own.  Newsletters fill the preview line
 * with hundreds of them, so that nothing but the preheader shows.
 */
static int
jm_preview_invisible(uint32_t ch)
{
    return ch == 0xad || ch == 0x34f || ch == 0x61c || ch == 0x115f
           || ch == 0x1160 || ch == 0x17b4 || ch == 0x17b5 || ch == 0x180e
           || (ch >= 0x200b && ch <= 0x200f) || (ch >= 0x202a && ch <= 0x202e)
           || (ch >= 0x2060 && ch <= 0x206f) || ch == 0x3164 || ch == 0xfeff
           || ch == 0xffa0;
}


static int
jm_preview_space(uint32_t ch)
{
    return ch <= 0x20 || (ch >= 0x7f && ch <= 0xa0) || ch == 0x1680
           || (ch >= 0x2000 && ch <= 0x200a) || ch == 0x2028 || ch == 0x2029
           || ch == 0x202f || ch == 0x205f || ch == 0x2800 || ch == 0x3000;
}


/* Joiners mean something inside emoji and in the Arabic and Indic scripts. */
static int
jm_preview_joins(uint32_t ch, uint32_t last)
{
    return (ch == 0x200c || ch == 0x200d)
           && (last >= 0x1f000 || last == 0xfe0f
               || (last >= 0x600 && last <= 0xdff));
}


/* A ruler of dashes, stars and the like says nothing: its length, or 0. */
static size_t
jm_preview_ruler(const u_char *p, const u_char *end)
{
    const u_char *s;

    if (strchr("-=_*~#.+>", *p) == NULL || *p == '\0') {
        return 0;
    }

    for (s = p; s < end && *s == *p; s++) {
        /* void */
    }

    return s - p >= 4 ? s - p : 0;
}


static jm_str_t
jm_message_preview(jm_arena_t *arena, jm_str_t text)
{
    int           space;
    size_t        chars, ruler;
    uint32_t      ch, last;
    jm_buf_t      out;
    const u_char *p, *start, *end;

    if (text.len == 0) {
        return jm_str("");
    }

    text = jm_charset_trim(text, JM_PREVIEW_SOURCE);
    jm_buf_init(&out, arena, JM_PREVIEW_CHARS * 4 + JM_PREVIEW_CHARS);
    chars = 0;
    last = 0;
    space = 0;
    p = text.data;
    end = p + text.len;

    while (p < end && chars < JM_PREVIEW_CHARS) {
        ruler = jm_preview_ruler(p, end);

        if (ruler != 0) {
            p += ruler;
            space = 1;
            continue;
        }

        start = p;
        ch = jm_charset_next(&p, end);

        if (jm_preview_space(ch)) {
            space = 1;
            continue;
        }

        if (jm_preview_invisible(ch) && !jm_preview_joins(ch, last)) {
            continue;
        }

        if (space && out.len != 0) {
            if (++chars == JM_PREVIEW_CHARS) {
                break;
            }

            jm_buf_addc(&out, ' ');
        }

        space = 0;
        jm_buf_add(&out, start, p - start);
        last = ch;
        chars++;
    }

    return jm_buf_str(&out);
}


static int
jm_message_blank(jm_str_t text)
{
    const u_char *p, *end;

    if (text.len == 0) {
        return 1;
    }

    p = text.data;
    end = p + text.len;

    while (p < end) {
        if (!jm_preview_space(jm_charset_next(&p, end))) {
            return 0;
        }
    }

    return 1;
}


void
jm_message_read(jm_message_t *m, jm_arena_t *arena, jm_str_t raw)
{
    memset(m, 0, sizeof(jm_message_t));
    m->arena = arena;
    m->raw = raw;

    jm_mime_read(m);

    if (m->html.data != NULL) {
        jm_html_clean(&m->clean, arena, m->html, jm_message_cid, m);

        /* A part that says "your program cannot show HTML" in no words. */
        if (m->clean.text.len != 0 && jm_message_blank(m->text)) {
            m->text = m->clean.text;
        }
    }

    if (m->clean.html.data == NULL && m->text.data != NULL) {
        jm_html_from_text(&m->clean, arena, m->text);
    }

    m->preview = jm_message_preview(arena, m->text);
    jm_extract_codes(m);
}


void
jm_message_unparsed(jm_message_t *m, jm_arena_t *arena, jm_str_t raw)
{
    memset(m, 0, sizeof(jm_message_t));
    m->arena = arena;
    m->raw = raw;
    m->unparsed = 1;
}
