/*
 * One message through all that reads it: MIME, HTML, text, preview, codes.
 * Called by delivery.c inside the arena's guard; owns nothing.
 */

#define _GNU_SOURCE /* memrchr */

#include "message.h"

#include <stdio.h>
#include <unigbrk.h>

#include "card.h"
#include "charset.h"
#include "extract.h"
#include "html_report.h"
#include "media.h"
#include "mime.h"
#include "text.h"
#include "trackers.h"

#define JM_PREVIEW_CHARS 140
#define JM_PREVIEW_WORD  24 /* bytes of one left out rather than cut */

/* What a mail without a text of its own shows of the mails it carries: so many
 * bytes read in all, of which each mail costs some even when it is short. */
#define JM_CARRIED_BYTES (1024 * 1024)
#define JM_CARRIED_COST  (64 * 1024)
#define JM_CARRIED_TEXT  (1024 * 1024) /* shown */

#define JM_CARD_BYTES (1024 * 1024) /* read of a calendar or a card */

/* How far into the text the preview looks for them. */
#define JM_PREVIEW_SOURCE (16 * 1024)


static void jm_message_body(jm_message_t *m, jm_arena_t *arena, jm_str_t raw,
                            size_t *left);


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


/* What a preview of one line leaves out besides fillers: joiners that join
 * nothing, and what turns the direction of the text. */
static int
jm_preview_invisible(uint32_t ch)
{
    return jm_text_class(ch) == JM_TEXT_FILLER || ch == 0x61c
           || (ch >= 0x200b && ch <= 0x200f) || (ch >= 0x202a && ch <= 0x202e)
           || (ch >= 0x2060 && ch <= 0x206f);
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


/* "<https://…>" behind a link's words: its length, or 0. */
static size_t
jm_preview_address(const u_char *p, const u_char *end)
{
    size_t        i, len;
    const u_char *s;

    static const char *const schemes[] = { "<https://", "<http://",
                                           "<mailto:" };

    for (i = 0; i < sizeof(schemes) / sizeof(char *); i++) {
        len = strlen(schemes[i]);

        if ((size_t) (end - p) > len && memcmp(p, schemes[i], len) == 0) {
            s = p;

            while (s < end && *s != '>' && *s > ' ') {
                s++;
            }

            return s < end && *s == '>' ? s + 1 - p : 0;
        }
    }

    return 0;
}


/* One character too many: it goes, with those it is one sign with, and the
 * word that it stands in. */
static jm_str_t
jm_preview_cut(jm_str_t text)
{
    size_t i;

    text.len = u8_grapheme_prev(text.data + text.len, text.data) - text.data;

    for (i = text.len; i > 0 && text.len - i < JM_PREVIEW_WORD; i--) {
        if (text.data[i - 1] == ' ') {
            text.len = i - 1;
            break;
        }
    }

    return text;
}


static jm_str_t
jm_message_preview(jm_arena_t *arena, jm_str_t text)
{
    int           space;
    size_t        chars, ruler; /* of what is passed over */
    uint32_t      ch, last;
    jm_buf_t      out;
    const u_char *p, *start, *end;

    if (text.len == 0) {
        return jm_str("");
    }

    text = jm_charset_trim(text, JM_PREVIEW_SOURCE);
    jm_buf_init(&out, arena, (JM_PREVIEW_CHARS + 1) * 5);
    chars = 0;
    last = 0;
    space = 0;
    p = text.data;
    end = p + text.len;

    while (p < end && chars <= JM_PREVIEW_CHARS) {
        ruler = jm_preview_ruler(p, end);

        if (ruler == 0 && *p == '<') {
            ruler = jm_preview_address(p, end);
        }

        if (ruler != 0) {
            p += ruler;
            space = 1;
            continue;
        }

        start = p;
        ch = jm_charset_next(&p, end);

        if (jm_text_class(ch) == JM_TEXT_SPACE) {
            space = 1;
            continue;
        }

        if (jm_preview_invisible(ch) && !jm_preview_joins(ch, last)) {
            continue;
        }

        if (space && out.len != 0) {
            if (chars + 1 >= JM_PREVIEW_CHARS) {
                break;
            }

            jm_buf_addc(&out, ' ');
            chars++;
        }

        space = 0;
        jm_buf_add(&out, start, p - start);
        last = ch;
        chars++;
    }

    return chars > JM_PREVIEW_CHARS ? jm_preview_cut(jm_buf_str(&out))
                                    : jm_buf_str(&out);
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
        if (jm_text_class(jm_charset_next(&p, end)) == JM_TEXT_SHOWN) {
            return 0;
        }
    }

    return 1;
}


static int
jm_message_type(jm_str_t type, const char *const *names)
{
    for (/* void */; *names != NULL; names++) {
        if (type.len == strlen(*names)
            && memcmp(type.data, *names, type.len) == 0) {
            return 1;
        }
    }

    return 0;
}


/* The mail as a reader of the outer one wants to see it: its sender, date and
 * subject, then its text. */
static void
jm_message_quote(jm_buf_t *out, const jm_message_t *m)
{
    if (m->from_name.len != 0) {
        jm_buf_printf(out, "From: %.*s <%.*s>\n", (int) m->from_name.len,
                      m->from_name.data, (int) m->from.len, m->from.data);

    } else if (m->from.len != 0) {
        jm_buf_printf(out, "From: %.*s\n", (int) m->from.len, m->from.data);
    }

    if (m->date.len != 0) {
        jm_buf_printf(out, "Date: %.*s\n", (int) m->date.len, m->date.data);
    }

    if (m->subject.len != 0) {
        jm_buf_printf(out, "Subject: %.*s\n", (int) m->subject.len,
                      m->subject.data);
    }

    jm_buf_addc(out, '\n');
    jm_buf_add(out, m->text.data, m->text.len);
}


/*
 * A digest, a mail forwarded as an attachment, a bounce that explains itself
 * in its delivery status only: what they carry is their text (RFC 2046, 5.1.5
 * and 5.2.1; RFC 3464).  It stays attached.  Only text comes of it, so the
 * carried HTML cannot get at the outer mail.  `left` bounds the recursion.
 */
static void
jm_message_carried(jm_message_t *m, size_t *left)
{
    int           status;
    size_t        i;
    jm_buf_t      out, raw;
    jm_message_t *inner;

    static const char *const mails[] = { "message/rfc822", "message/rfc2822",
                                         "message/global", "message/news",
                                         NULL };
    static const char *const statuses[] = { "message/delivery-status",
                                            "message/global-delivery-status",
                                            "message/disposition-notification",
                                            "message/feedback-report",
                                            "text/rfc822-headers",
                                            NULL };

    jm_buf_init(&out, m->arena, JM_CARRIED_TEXT);

    for (i = 0; i < m->nattachments; i++) {
        status = jm_message_type(m->attachments[i].content_type, statuses);

        if (!status && !jm_message_type(m->attachments[i].content_type, mails))
        {
            continue;
        }

        if (*left <= JM_CARRIED_COST) {
            m->cut = 1;
            break;
        }

        /* A status is read as the text of a mail whose header is empty. */
        jm_buf_init(&raw, m->arena, *left - JM_CARRIED_COST);
        jm_buf_adds(&raw, status ? "\n" : "");
        jm_buf_add(&raw, m->attachments[i].data.data,
                   m->attachments[i].data.len);
        m->cut |= raw.truncated;
        *left -= JM_CARRIED_COST + raw.len;

        inner = jm_arena_alloc(m->arena, sizeof(jm_message_t));
        jm_message_body(inner, m->arena, jm_buf_str(&raw), left);
        m->cut |= inner->cut;

        if (out.len != 0) {
            jm_buf_adds(&out, "\n\n");
        }

        jm_message_quote(&out, inner);
    }

    if (out.len != 0) {
        m->cut |= out.truncated;
        m->text = jm_charset_trim(jm_buf_str(&out), JM_CARRIED_TEXT - 4);
    }
}


/* A person's photo becomes a file of the mail. */
static void
jm_message_photo(jm_message_t *m, jm_str_t photo)
{
    const char      *type;
    jm_attachment_t *att;

    if (photo.len == 0 || m->nattachments == JM_MAX_ATTACHMENTS) {
        return;
    }

    type = jm_media_raster(photo);
    att = &m->attachments[m->nattachments++];
    memset(att, 0, sizeof(jm_attachment_t));
    att->content_type = (jm_str_t){ (u_char *) type, strlen(type) };
    att->filename = jm_arena_printf(m->arena, "photo.%s",
                                    jm_media_extension(att->content_type));
    att->data = photo;
}


/* Calendar entries and visiting cards as text: those that stand beside the
 * text, all of them where there is none. */
static void
jm_message_cards(jm_message_t *m)
{
    size_t           i, n;
    unsigned         cut;
    jm_buf_t         out;
    jm_str_t         card, photo;
    jm_attachment_t *att;
    int              blank;

    blank = jm_message_blank(m->text);
    cut = 0;
    jm_buf_init(&out, m->arena, JM_CARRIED_TEXT);

    if (!blank) {
        jm_buf_add(&out, m->text.data, m->text.len);
    }

    n = m->nattachments;

    for (i = 0; i < n; i++) {
        att = &m->attachments[i];

        if (jm_card_type(att->content_type) && (blank || att->card)) {
            card = jm_charset_body(m->arena, att->data, JM_CHARSET_GUESS, 0,
                                   JM_CARD_BYTES, &cut);
            jm_buf_adds(&out, out.len == 0 ? "" : "\n\n");
            jm_card_text(&out, card, &photo);
            jm_message_photo(m, photo);
        }
    }

    m->cut |= out.truncated | cut;

    if (out.len > m->text.len) {
        m->text = jm_charset_trim(jm_buf_str(&out), JM_CARRIED_TEXT - 4);
    }
}


/* A read receipt is a tracker that asks; nobody answers. */
static void
jm_message_receipt(jm_message_t *m)
{
    jm_str_t      host;
    const u_char *at;

    if (!m->receipt_requested) {
        return;
    }

    host = jm_str("");

    if (m->receipt_to.len != 0) {
        at = memrchr(m->receipt_to.data, '@', m->receipt_to.len);

        if (at != NULL) {
            host.len = m->receipt_to.data + m->receipt_to.len - at - 1;
            host.data = (u_char *) at + 1;
        }
    }

    jm_report_tracker(&m->clean, m->arena, "header", "Read receipt", host);
}


/* MIME, and the text wherever it comes from. */
static void
jm_message_body(jm_message_t *m, jm_arena_t *arena, jm_str_t raw, size_t *left)
{
    memset(m, 0, sizeof(jm_message_t));
    m->arena = arena;
    m->raw = (raw.len == 0) ? jm_str("") : raw;

    jm_mime_read(m);
    jm_sender_read(&m->sender, arena, m->raw);

    if (m->html.data != NULL) {
        jm_html_clean(&m->clean, arena, m->html, jm_message_cid, m,
                      &m->sender);

        /* A part that says "your program cannot show HTML" in no words. */
        if (m->clean.text.len != 0 && jm_message_blank(m->text)) {
            m->text = m->clean.text;
        }

        return;
    }

    if (jm_message_blank(m->text)) {
        jm_message_carried(m, left);
    }

    jm_message_cards(m);
}


void
jm_message_read(jm_message_t *m, jm_arena_t *arena, jm_str_t raw)
{
    size_t left;

    left = JM_CARRIED_BYTES;
    jm_message_body(m, arena, raw, &left);

    if (m->clean.html.data == NULL && m->text.data != NULL) {
        jm_html_from_text(&m->clean, arena, m->text, &m->sender);
    }

    jm_message_receipt(m);
    m->preview = jm_message_preview(arena, m->text);
    jm_extract_codes(m);
    jm_extract_links(m);
}


const char *
jm_message_stamp(void)
{
    static char stamp[32];

    snprintf(stamp, sizeof(stamp), "%d.%08x", JM_MESSAGE_VERSION,
             (unsigned) jm_tracker_version());

    return stamp;
}


void
jm_message_unparsed(jm_message_t *m, jm_arena_t *arena, jm_str_t raw)
{
    memset(m, 0, sizeof(jm_message_t));
    m->arena = arena;
    m->raw = raw;
    m->unparsed = 1;
}
