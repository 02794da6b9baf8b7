/*
 * One MIME part of mime_private.h: its type, its content as bytes and its file
 * name (RFC 2045, 2047, 2183, 2231).  Called by mime_walk.c and mime_body.c.
 *
 * Contents are slices of the raw message, or decoded into its arena; what is
 * GMime's own, parameters and declared names, lasts as long as its tree.
 */

#define _GNU_SOURCE /* memrchr */

#include "mime_private.h"

#include <strings.h>

#include "charset.h"
#include "header.h"
#include "media.h"
#include "text.h"

#define JM_MAX_FILENAME 255


const char *
jm_mime_param(GMimeObject *object, const char *name)
{
    const char *value;

    value = g_mime_object_get_content_type_parameter(object, name);

    return value == NULL ? "" : value;
}


jm_str_t
jm_mime_type(jm_arena_t *arena, GMimeObject *object)
{
    size_t            i;
    jm_str_t          type;
    const char       *media, *subtype;
    GMimeContentType *content_type;

    content_type = g_mime_object_get_content_type(object);
    media = g_mime_content_type_get_media_type(content_type);
    subtype = g_mime_content_type_get_media_subtype(content_type);
    type = jm_arena_printf(arena, "%s/%s", media ? media : "text",
                           subtype ? subtype : "plain");

    for (i = 0; i < type.len; i++) {
        if (type.data[i] <= 0x20 || type.data[i] >= 0x7f
            || strchr("()<>@,;:\\\"[]?=", type.data[i]) != NULL)
        {
            break;
        }

        type.data[i] = g_ascii_tolower(type.data[i]);
    }

    return i < type.len || type.len > 127 ? jm_str("application/octet-stream")
                                          : type;
}


int
jm_mime_is(jm_str_t type, const char *name)
{
    return type.len == strlen(name) && memcmp(type.data, name, type.len) == 0;
}


/* The part's content as it lies in the raw message. */
static jm_str_t
jm_mime_content(jm_mime_t *w, GMimePart *part)
{
    gint64            start, end;
    jm_str_t          content;
    const u_char     *s, *stop;
    GMimeStream      *stream;
    GMimeDataWrapper *wrapper;

    content = jm_str("");
    wrapper = g_mime_part_get_content(part);

    if (wrapper == NULL) {
        return content;
    }

    stream = g_mime_data_wrapper_get_stream(wrapper);
    start = stream->bound_start - (gint64) w->prefix;
    end = stream->bound_end - (gint64) w->prefix;

    if (start < 0 || end < start || (size_t) end > w->body.len) {
        return content;
    }

    content.data = w->body.data + start;
    content.len = end - start;

    /* The line end before a boundary belongs to it (RFC 2046, 5.1.1).  GMime
     * takes it to be as long as the boundary line's own: wrong when they
     * differ, or when the message ends right after the boundary. */

    s = content.data + content.len;
    stop = w->body.data + w->body.len;

    if (stop - s > 1 && s[0] != '\r' && s[0] != '\n' && s[1] == '\n') {
        content.len++;

    } else if (content.len != 0 && stop != s && s[-1] == '\r' && s[0] == '\n')
    {
        content.len--;
    }

    return content;
}


/* What follows the line "begin 644 name"; all of it when there is none. */
static jm_str_t
jm_mime_uu_lines(jm_str_t in)
{
    const u_char *p, *line, *end;

    p = in.data;
    end = p + in.len;

    while (p < end) {
        line = p;
        p = memchr(p, '\n', end - p);
        p = p == NULL ? end : p + 1;

        if (p - line > 6 && memcmp(line, "begin ", 6) == 0) {
            in.data = (u_char *) p;
            in.len = end - p;
            break;
        }
    }

    return in;
}


/* The bytes of a last group that misses its padding: GMime keeps them back. */
static size_t
jm_mime_base64_rest(const GMimeEncoding *state, u_char *out)
{
    switch (state->state) {

    case 2:
        out[0] = (state->save >> 4) & 0xff;
        return 1;

    case 3:
        out[0] = (state->save >> 10) & 0xff;
        out[1] = (state->save >> 2) & 0xff;
        return 2;

    default:
        return 0;
    }
}


jm_str_t
jm_mime_decoded(jm_mime_t *w, GMimePart *part)
{
    jm_str_t             in, out;
    GMimeEncoding        state;
    GMimeContentEncoding encoding;

    in = jm_mime_content(w, part);
    encoding = g_mime_part_get_content_encoding(part);

    if (encoding == GMIME_CONTENT_ENCODING_UUENCODE) {
        in = jm_mime_uu_lines(in);
    }

    if (encoding != GMIME_CONTENT_ENCODING_BASE64
        && encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE
        && encoding != GMIME_CONTENT_ENCODING_UUENCODE)
    {
        return in;
    }

    g_mime_encoding_init_decode(&state, encoding);
    out.data = jm_arena_take(w->m->arena,
                             g_mime_encoding_outlen(&state, in.len) + 3);
    out.len = g_mime_encoding_flush(&state, (char *) in.data, in.len,
                                    (char *) out.data);

    if (encoding == GMIME_CONTENT_ENCODING_BASE64) {
        out.len += jm_mime_base64_rest(&state, out.data + out.len);
    }

    return out;
}


/*
 * Text that claims to be base64 and is not: spaces between words, among the
 * first bytes.
 */
static int
jm_mime_not_base64(jm_str_t in)
{
    size_t i, spaces;

    spaces = 0;

    for (i = 1; i + 1 < in.len && i < 1024; i++) {
        spaces += in.data[i] == ' ' && in.data[i - 1] > ' '
                  && in.data[i + 1] > ' ';
    }

    return spaces > 3;
}


jm_str_t
jm_mime_decoded_text(jm_mime_t *w, GMimePart *part)
{
    jm_str_t content;

    content = jm_mime_content(w, part);

    return g_mime_part_get_content_encoding(part)
                       == GMIME_CONTENT_ENCODING_BASE64
                   && jm_mime_not_base64(content)
               ? content
               : jm_mime_decoded(w, part);
}


/* Characters that make a name lie about its ending (bidi), that nobody sees,
 * or that no file name should carry. */
static int
jm_mime_name_drops(uint32_t ch)
{
    return ch < 0x20 || ch == 0x7f || (ch >= 0x80 && ch < 0xa0) || ch == 0x200e
           || ch == 0x200f || (ch >= 0x202a && ch <= 0x202e)
           || (ch >= 0x2066 && ch <= 0x2069)
           || jm_text_class(ch) == JM_TEXT_FILLER;
}


/* At most 255 bytes; the ending, which people go by, is kept. */
static jm_str_t
jm_mime_name_fit(jm_arena_t *arena, jm_str_t name)
{
    u_char  *dot;
    jm_str_t stem, ending;

    if (name.len <= JM_MAX_FILENAME) {
        return name;
    }

    dot = memrchr(name.data, '.', name.len);
    ending.data = dot == NULL ? name.data + name.len : dot;
    ending.len = name.data + name.len - ending.data;

    if (ending.len > 16) {
        return jm_charset_trim(name, JM_MAX_FILENAME);
    }

    stem = jm_charset_trim(name, JM_MAX_FILENAME - ending.len);

    return jm_arena_printf(arena, "%.*s%.*s", (int) stem.len, stem.data,
                           (int) ending.len, ending.data);
}


jm_str_t
jm_mime_filename(jm_arena_t *arena, const char *declared)
{
    uint32_t      ch;
    jm_buf_t      out;
    jm_str_t      name;
    const u_char *p, *start, *end;

    if (*declared == '\0') {
        return jm_str("");
    }

    name = jm_header_text(arena,
                          (jm_str_t){ (u_char *) declared, strlen(declared) },
                          JM_CHARSET_GUESS, JM_MAX_HEADER);
    jm_buf_init(&out, arena, JM_MAX_HEADER);
    p = name.data;
    end = p + name.len;

    while (p < end) {
        start = p;

        if (*p == '/' || *p == '\\') {
            out.len = 0;
            p++;
            continue;
        }

        ch = jm_charset_next(&p, end);

        if (jm_mime_name_drops(ch)) {
            continue;
        }

        if (jm_text_class(ch) != JM_TEXT_SPACE) {
            jm_buf_add(&out, start, p - start);

        } else if (out.len != 0 && out.data[out.len - 1] != ' ') {
            /* a row of wide ones would push ".exe" out of sight */
            jm_buf_addc(&out, ' ');
        }
    }

    name = jm_buf_str(&out);

    while (
        name.len != 0
        && (name.data[name.len - 1] == ' ' || name.data[name.len - 1] == '.'))
    {
        name.len--;
    }

    return jm_mime_name_fit(arena, name);
}


/*
 * As the sender wrote it, "" when there is none.  In "C:\TEMP\a.png", which
 * nobody escapes as RFC 5322 asks, GMime loses the backslashes: such a path is
 * taken from the field itself.
 */
const char *
jm_mime_declared_name(jm_mime_t *w, GMimeObject *object)
{
    size_t       i;
    const char  *name, *raw, *p;
    GMimeHeader *field;

    static const char *const fields[] = { "Content-Disposition",
                                          "Content-Type" };

    name = g_mime_part_get_filename(GMIME_PART(object));

    if (name == NULL) {
        return "";
    }

    if (!g_ascii_isalpha(name[0]) || name[1] != ':'
        || strchr(name, '\\') != NULL) {
        return name;
    }

    for (i = 0; i < 2; i++) {
        field = g_mime_header_list_get_header(
            g_mime_object_get_header_list(object), fields[i]);
        raw = field == NULL ? NULL : g_mime_header_get_raw_value(field);
        p = raw == NULL ? NULL : strstr(raw, ":\\");

        if (p != NULL && p - raw >= 2 && p[-1] == name[0] && p[-2] == '"') {
            return jm_arena_cstr(w->m->arena, p - 1, strcspn(p, "\"\r\n") + 1);
        }
    }

    return name;
}


jm_str_t
jm_mime_default_name(jm_mime_t *w, jm_str_t type)
{
    if (jm_mime_is(type, "text/calendar")) {
        return jm_str("invite.ics");
    }

    if (jm_mime_is(type, "application/pgp-signature")) {
        return jm_str("signature.asc");
    }

    return jm_arena_printf(w->m->arena, "attachment-%zu.%s",
                           w->m->nattachments + 1, jm_media_extension(type));
}
