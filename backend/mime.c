/*
 * MIME (RFC 2045-2049, 2183, 2231, 2387, 3676): a received message in, the
 * fields of jm_message_t that message.h gives to this file out.  Called by
 * message.c; the only file that includes GMime.
 *
 * GMime splits the body into parts and reads the parts' headers; the
 * message's own header is read by header.c, text becomes UTF-8 in charset.c.
 * GMime is shown only the message's Content-* fields, so it never interprets
 * addresses or dates, and message/rfc822 is registered as an ordinary part:
 * an attached mail stays bytes.  Its recursion over nested multiparts is
 * bounded by jm_mime_bounded(), which ends the input before it can hurt.
 *
 * Memory: what GMime allocates is kept in jm_mime_held and released at the end
 * of the call, or, when the arena's failure has jumped over that end, at the
 * beginning of the next one.  Nothing in the arena points into GMime's
 * memory: contents are slices of the raw message, strings are copied.
 */

#define _GNU_SOURCE /* memmem, memrchr */

#include "mime.h"

#include <strings.h>
#include <time.h>

#include <gmime/gmime.h>

#include "charset.h"
#include "header.h"
#include "media.h"

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* clang does not define it */
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#define JM_LEAKS_BEGIN() __lsan_disable()
#define JM_LEAKS_END()   __lsan_enable()
#else
#define JM_LEAKS_BEGIN()
#define JM_LEAKS_END()
#endif

#define JM_MAX_DEPTH    50   /* nested multiparts */
#define JM_MAX_PARTS    1000 /* looked at */
#define JM_MAX_FILENAME 255
#define JM_MAX_BOUNDARY 200
#define JM_MAX_FIELD    2048 /* bytes of a header field in the API */
#define JM_MAX_CC       8192

/* Text to show.  HTML beyond its own, lower limit is html.c's to report. */
#define JM_MAX_TEXT (2 * 1024 * 1024)
#define JM_MAX_HTML (4 * 1024 * 1024)

/* Where GMime's input ends (jm_mime_bounded). */
#define JM_MAX_DELIMITERS   4000
#define JM_MAX_DASH_LINES   100000
#define JM_MAX_DECLARATIONS 300
#define JM_MAX_PART_HEADER  (64 * 1024)
#define JM_MAX_PART_HEADERS (1024 * 1024)

/* What a part stands in. */
#define JM_IN_ALTERNATIVE 1
#define JM_IN_RELATED     2 /* not as its root */

typedef struct {
    jm_str_t data; /* transfer encoding undone */
    int      charset;
    unsigned html : 1;
    unsigned flowed : 1; /* RFC 3676 */
    unsigned delsp : 1;
    unsigned dropped : 1; /* an alternative that lost */
    unsigned spare : 1;   /* an attachment, shown where nothing else is */
} jm_mime_body_t;

typedef struct {
    jm_message_t   *m;
    jm_mime_body_t *bodies;
    size_t          nbodies;
    size_t          parts;
    size_t          prefix; /* bytes of our own before the body */
    jm_str_t        body;   /* in the raw message */
    uint64_t        related[(JM_MAX_ATTACHMENTS + 63) / 64]; /* by index */
} jm_mime_t;

static struct {
    GMimeParser *parser;
    GMimeStream *stream;
    GMimeObject *root;
} jm_mime_held;

static GMimeParserOptions *jm_mime_options;

/* GMime converts parameters (file names) by itself, by opening a descriptor
 * each time.  These keep the modules it needs in memory besides those of
 * charset.c, whose names differ where WHATWG's reading of a label does. */
static const char *const jm_mime_modules[] = {
    "iso-8859-1", "iso-8859-9", "iso-8859-11", "iso-2022-jp",
    "euc-jp",     "shift_jis",  "gb2312",      "gbk",
    "euc-kr",     "big5",       "utf-16",
};

#define JM_MIME_MODULES (sizeof(jm_mime_modules) / sizeof(char *))

static iconv_t jm_mime_iconv[JM_MIME_MODULES];


static void jm_mime_walk(jm_mime_t *w, GMimeObject *object, unsigned depth,
                         unsigned in);


int
jm_mime_init(void)
{
    size_t             i;
    const char        *fallback[] = { "utf-8", "windows-1252", NULL };
    static const char *messages[] = { "rfc822", "rfc2822", "global",
                                      "news",   "partial", "external-body" };

    if (jm_charset_init() != 0) {
        return -1;
    }

    if (jm_mime_options != NULL) {
        return 0;
    }

    /* GMime loses the entries of its type table that we replace: a few bytes,
     * once. */
    JM_LEAKS_BEGIN();
    g_mime_init();

    for (i = 0; i < sizeof(messages) / sizeof(char *); i++) {
        g_mime_object_register_type("message", messages[i], GMIME_TYPE_PART);
    }

    JM_LEAKS_END();

    for (i = 0; i < JM_MIME_MODULES; i++) {
        jm_mime_iconv[i] = g_mime_iconv_open("UTF-8", jm_mime_modules[i]);

        if (jm_mime_iconv[i] == (iconv_t) -1) {
            return -1;
        }
    }

    tzset(); /* timegm() reads the time zone, of all things */

    jm_mime_options = g_mime_parser_options_new();
    g_mime_parser_options_set_fallback_charsets(jm_mime_options, fallback);

    return 0;
}


static void
jm_mime_release(void)
{
    g_clear_object(&jm_mime_held.root);
    g_clear_object(&jm_mime_held.parser);
    g_clear_object(&jm_mime_held.stream);
}


static int
jm_mime_line_has(const u_char *p, const u_char *end, const char *word)
{
    size_t len;

    len = strlen(word);

    for (/* void */; (size_t) (end - p) >= len; p++) {
        if ((*p | 0x20) == word[0] && strncasecmp((char *) p, word, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Does a part begin here, after a line of dashes: a field or an empty line? */
static int
jm_mime_part_begins(const u_char *p, const u_char *end)
{
    if (p == end || *p == '\n' || *p == '\r') {
        return 1;
    }

    while (p<end && * p> 0x20 && *p != ':') {
        p++;
    }

    return p < end && *p == ':';
}


/*
 * How much of the body GMime may see.  It costs one object a part, one frame
 * of recursion a declared boundary, a comparison with every open boundary for
 * each line that begins with two dashes, and an object a header line; each of
 * these is counted here without knowing which lines are real, generously,
 * since no honest mail comes near.
 */
static size_t
jm_mime_bounded(jm_str_t body)
{
    size_t        delimiters, dashes, declarations, header, headers;
    const u_char *p, *line, *end;

    delimiters = 0;
    dashes = 0;
    declarations = 0;
    headers = 0;
    header = 0; /* where the part header began, + 1; 0: not in one */
    p = body.data;
    end = p + body.len;

    while (p < end) {
        line = p;
        p = memchr(p, '\n', end - p);
        p = p == NULL ? end : p + 1;

        if (p - line >= 2 && line[0] == '-' && line[1] == '-') {
            if (++dashes > JM_MAX_DASH_LINES) {
                return line - body.data;
            }

            if (jm_mime_part_begins(p, end)) {
                if (++delimiters > JM_MAX_DELIMITERS) {
                    return line - body.data;
                }

                header = p - body.data + 1;
            }

            continue;
        }

        if (header == 0) {
            continue;
        }

        if (*line == '\n' || *line == '\r') {
            header = 0;
            continue;
        }

        headers += p - line;

        if (headers > JM_MAX_PART_HEADERS
            || (size_t) (p - body.data) - header > JM_MAX_PART_HEADER
            || (jm_mime_line_has(line, p, "boundary")
                && ++declarations > JM_MAX_DECLARATIONS))
        {
            return line - body.data;
        }
    }

    return body.len;
}


/* What GMime reads: our choice of header lines, then the body. */
static void
jm_mime_parse(jm_mime_t *w, jm_str_t head)
{
    size_t      len;
    GByteArray *bytes;

    jm_mime_release();

    len = jm_mime_bounded(w->body);

    if (len < w->body.len) {
        w->m->cut = 1;
    }

    bytes = g_byte_array_sized_new(head.len + len + 1);
    g_byte_array_append(bytes, head.data, head.len);
    g_byte_array_append(bytes, w->body.data, len);
    w->prefix = head.len;

    jm_mime_held.stream = g_mime_stream_mem_new_with_byte_array(bytes);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(jm_mime_held.stream), TRUE);
    jm_mime_held.parser = g_mime_parser_new_with_stream(jm_mime_held.stream);
    g_mime_parser_set_persist_stream(jm_mime_held.parser, TRUE);

    jm_mime_held.root = g_mime_parser_construct_part(jm_mime_held.parser,
                                                     jm_mime_options);
}


/* The first of each Content-* field. */
static jm_str_t
jm_mime_head(const jm_headers_t *headers, jm_arena_t *arena)
{
    size_t             i;
    jm_buf_t           head;
    const jm_header_t *field;

    jm_buf_init(&head, arena, JM_MAX_HEADER_BLOCK + 64);
    jm_buf_adds(&head, "MIME-Version: 1.0\r\n");

    for (i = 0; i < headers->nfields; i++) {
        field = &headers->fields[i];

        if (field->name.len > 8 && field->name.len <= 64
            && strncasecmp((char *) field->name.data, "Content-", 8) == 0
            && jm_headers_find(headers, jm_arena_cstr(arena, field->name.data,
                                                      field->name.len))
                   == field)
        {
            jm_buf_add(&head, field->line.data, field->line.len);

            if (head.data[head.len - 1] != '\n') {
                jm_buf_adds(&head, "\r\n");
            }
        }
    }

    jm_buf_adds(&head, "\r\n");

    return jm_buf_str(&head);
}


/*
 * A multipart whose boundary never comes: take for one the first line of two
 * dashes that a Content- field follows.  Returns what GMime shall read, empty
 * when there is no such line.
 */
static jm_str_t
jm_mime_repaired(jm_mime_t *w, const char *subtype)
{
    jm_str_t      head;
    const u_char *p, *line, *end, *stop;

    p = w->body.data;
    end = p + w->body.len;
    memset(&head, 0, sizeof(jm_str_t));

    while (p < end) {
        line = p;
        p = memchr(p, '\n', end - p);
        p = p == NULL ? end : p + 1;

        if (p - line < 4 || p - line > JM_MAX_BOUNDARY + 4 || line[0] != '-'
            || line[1] != '-' || end - p < 8
            || strncasecmp((char *) p, "Content-", 8) != 0)
        {
            continue;
        }

        for (stop = p; stop > line + 2 && stop[-1] <= 0x20; stop--) {
            /* void */
        }

        if (stop == line + 2 || memchr(line, '"', stop - line) != NULL
            || memchr(line, '\\', stop - line) != NULL)
        {
            continue;
        }

        return jm_arena_printf(w->m->arena,
                               "Content-Type: multipart/%s; "
                               "boundary=\"%.*s\"\r\n\r\n",
                               subtype, (int) (stop - line - 2), line + 2);
    }

    return head;
}


static const char *
jm_mime_param(GMimeObject *object, const char *name)
{
    const char *value;

    value = g_mime_object_get_content_type_parameter(object, name);

    return value == NULL ? "" : value;
}


/* "type/subtype", lower case; octet-stream when it holds anything odd. */
static jm_str_t
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


static int
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


static jm_str_t
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
    out.data = jm_arena_alloc(w->m->arena,
                              g_mime_encoding_outlen(&state, in.len) + 3);
    out.len = g_mime_encoding_flush(&state, (char *) in.data, in.len,
                                    (char *) out.data);

    if (encoding == GMIME_CONTENT_ENCODING_BASE64) {
        out.len += jm_mime_base64_rest(&state, out.data + out.len);
    }

    return out;
}


/* Characters that make a name lie about its ending (bidi), or that no file
 * name should carry. */
static int
jm_mime_name_drops(uint32_t ch)
{
    return ch < 0x20 || ch == 0x7f || (ch >= 0x80 && ch < 0xa0) || ch == 0x200e
           || ch == 0x200f || (ch >= 0x202a && ch <= 0x202e)
           || (ch >= 0x2066 && ch <= 0x2069) || ch == 0xfeff;
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


/* The declared name without any path; empty when nothing is left. */
static jm_str_t
jm_mime_filename(jm_arena_t *arena, const char *declared)
{
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

        } else if (!jm_mime_name_drops(jm_charset_next(&p, end))) {
            jm_buf_add(&out, start, p - start);
        }
    }

    name = jm_buf_str(&out);

    while (
        name.len != 0
        && (name.data[name.len - 1] == ' ' || name.data[name.len - 1] == '.'))
    {
        name.len--;
    }

    while (name.len != 0 && name.data[0] == ' ') {
        name.data++;
        name.len--;
    }

    return jm_mime_name_fit(arena, name);
}


/*
 * As the sender wrote it, "" when there is none.  In "C:\TEMP\a.png", which
 * nobody escapes as RFC 5322 asks, GMime loses the backslashes: such a path is
 * taken from the field itself.
 */
static const char *
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


static jm_str_t
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


/* The new attachment, or NULL when there are too many. */
static jm_attachment_t *
jm_mime_attach(jm_mime_t *w, GMimeObject *object, jm_str_t type, jm_str_t name,
               unsigned in)
{
    size_t           i;
    const char      *id, *disposition;
    jm_attachment_t *att;

    if (w->m->nattachments == JM_MAX_ATTACHMENTS) {
        w->m->cut = 1;
        return NULL;
    }

    i = w->m->nattachments;
    att = &w->m->attachments[i];
    att->content_type = type;
    att->filename = name.len != 0 ? name : jm_mime_default_name(w, type);
    att->data = jm_mime_decoded(w, GMIME_PART(object));
    w->m->nattachments++;

    id = g_mime_object_get_content_id(object);

    if (id != NULL) {
        att->content_id = jm_header_text(
            w->m->arena, (jm_str_t){ (u_char *) id, strlen(id) },
            JM_CHARSET_GUESS, JM_MAX_FIELD);
    }

    disposition = g_mime_object_get_disposition(object);

    if ((in & JM_IN_RELATED)
        && (disposition == NULL || strcasecmp(disposition, "attachment") != 0))
    {
        w->related[i / 64] |= 1ULL << (i % 64);
    }

    return att;
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


static jm_str_t
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


static jm_mime_body_t *
jm_mime_body(jm_mime_t *w, GMimeObject *object, jm_str_t data, int html)
{
    const char     *charset;
    jm_mime_body_t *body;

    body = &w->bodies[w->nbodies++];
    body->data = data;
    body->html = html;
    charset = jm_mime_param(object, "charset");
    body->charset = jm_charset_find(
        (jm_str_t){ (u_char *) charset, strlen(charset) });
    body->flowed = !html
                   && strcasecmp(jm_mime_param(object, "format"), "flowed")
                          == 0;
    body->delsp = strcasecmp(jm_mime_param(object, "delsp"), "yes") == 0;

    return body;
}


/* Is there a body of this kind already, in this or an outer multipart? */
static int
jm_mime_has_body(jm_mime_t *w, int html)
{
    size_t i;

    for (i = 0; i < w->nbodies; i++) {
        if (w->bodies[i].html == (unsigned) html && !w->bodies[i].dropped) {
            return 1;
        }
    }

    return 0;
}


/*
 * Is a text part meant to be read in place?  Not when the sender calls it an
 * attachment; one with a file name only where nothing else can be the body.
 */
static int
jm_mime_is_body(jm_mime_t *w, GMimeObject *object, int html, jm_str_t name,
                unsigned depth, unsigned in)
{
    const char *disposition;

    disposition = g_mime_object_get_disposition(object);

    if (disposition != NULL && strcasecmp(disposition, "attachment") == 0) {
        return 0;
    }

    if (in & JM_IN_RELATED) {
        return name.len == 0 && g_mime_object_get_content_id(object) == NULL
               && !jm_mime_has_body(w, html);
    }

    if (name.len == 0 || depth == 0 || (in & JM_IN_ALTERNATIVE)) {
        return 1;
    }

    return disposition == NULL && w->nbodies == 0 && w->m->nattachments == 0;
}


static void
jm_mime_leaf(jm_mime_t *w, GMimeObject *object, unsigned depth, unsigned in)
{
    int              html, plain;
    jm_str_t         type, name;
    const char      *disposition;
    jm_mime_body_t  *body;
    jm_attachment_t *att;

    type = jm_mime_type(w->m->arena, object);
    name = jm_mime_filename(w->m->arena, jm_mime_declared_name(w, object));
    html = jm_mime_is(type, "text/html")
           || jm_mime_is(type, "application/xhtml+xml");
    plain = jm_mime_is(type, "text/plain") || jm_mime_is(type, "text/text")
            || jm_mime_is(type, "text/markdown");

    if ((html || plain) && jm_mime_is_body(w, object, html, name, depth, in)) {
        (void) jm_mime_body(w, object,
                            jm_mime_decoded_text(w, GMIME_PART(object)), html);
        return;
    }

    if ((in & JM_IN_ALTERNATIVE) && name.len == 0
        && (jm_mime_is(type, "text/x-amp-html")
            || jm_mime_is(type, "text/watch-html")
            || jm_mime_is(type, "text/enriched")
            || jm_mime_is(type, "text/richtext")))
    {
        return; /* the same content again, in a form nobody here reads */
    }

    att = jm_mime_attach(w, object, type, name, in);
    disposition = g_mime_object_get_disposition(object);

    if (att != NULL && plain
        && (disposition == NULL || strcasecmp(disposition, "attachment") != 0))
    {
        body = jm_mime_body(w, object, att->data, 0);
        body->dropped = 1;
        body->spare = 1;
    }
}


/*
 * Each child of an alternative says the same (RFC 2046, 5.1.4): of several
 * HTML versions the last counts, of several texts the first.
 */
static void
jm_mime_alternative(jm_mime_t *w, size_t first, size_t child)
{
    int    html, text;
    size_t i;

    html = 0;
    text = 0;

    for (i = child; i < w->nbodies; i++) {
        html |= w->bodies[i].html && !w->bodies[i].dropped;
    }

    for (i = first; i < child; i++) {
        text |= !w->bodies[i].html && !w->bodies[i].dropped;

        if (w->bodies[i].html && html) {
            w->bodies[i].dropped = 1;
        }
    }

    for (i = child; i < w->nbodies && text; i++) {
        w->bodies[i].dropped |= !w->bodies[i].html;
    }
}


/* RFC 2387: the root is named by the start parameter, or is the first. */
static int
jm_mime_related_root(GMimeMultipart *multipart)
{
    int         i, count;
    size_t      len;
    const char *start, *id;

    start = jm_mime_param(GMIME_OBJECT(multipart), "start");
    start += *start == '<';
    len = strcspn(start, ">");
    count = g_mime_multipart_get_count(multipart);

    for (i = 0; len != 0 && i < count; i++) {
        id = g_mime_object_get_content_id(
            g_mime_multipart_get_part(multipart, i));

        if (id != NULL && strlen(id) == len && memcmp(id, start, len) == 0) {
            return i;
        }
    }

    return 0;
}


/* A multipart in which no boundary was found: all of it is its preamble. */
static void
jm_mime_preamble(jm_mime_t *w, GMimeMultipart *multipart)
{
    const char *preamble;

    preamble = g_mime_multipart_get_prologue(multipart);

    if (preamble != NULL && *preamble != '\0') {
        (void) jm_mime_body(
            w, GMIME_OBJECT(multipart),
            jm_arena_str(w->m->arena, preamble, strlen(preamble)), 0);
    }
}


static void
jm_mime_multipart(jm_mime_t *w, GMimeMultipart *multipart, unsigned depth,
                  unsigned in)
{
    int      i, count, alternative, related;
    size_t   first, child;
    jm_str_t type;

    type = jm_mime_type(w->m->arena, GMIME_OBJECT(multipart));
    alternative = jm_mime_is(type, "multipart/alternative");
    related = jm_mime_is(type, "multipart/related")
                  ? jm_mime_related_root(multipart)
                  : -1;
    first = w->nbodies;
    count = g_mime_multipart_get_count(multipart);

    if (count == 0) {
        jm_mime_preamble(w, multipart);
    }

    if (alternative) {
        in = JM_IN_ALTERNATIVE;

    } else if (related < 0) {
        in = 0;
    }

    for (i = 0; i < count && w->parts < JM_MAX_PARTS; i++) {
        child = w->nbodies;
        jm_mime_walk(w, g_mime_multipart_get_part(multipart, i), depth + 1,
                     related >= 0 && i != related ? JM_IN_RELATED : in);

        if (alternative) {
            jm_mime_alternative(w, first, child);
        }
    }

    if (i < count) {
        w->m->cut = 1;
    }
}


/* Recursion ends at JM_MAX_DEPTH. */
static void
jm_mime_walk(jm_mime_t *w, GMimeObject *object, unsigned depth, unsigned in)
{
    w->parts++;

    if (!GMIME_IS_MULTIPART(object)) {
        jm_mime_leaf(w, object, depth, in);

    } else if (depth < JM_MAX_DEPTH) {
        jm_mime_multipart(w, GMIME_MULTIPART(object), depth, in);

    } else {
        w->m->cut = 1;
    }
}


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

    out.data = jm_arena_alloc(arena, in.len + 1);
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


static void
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
static void
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


/* What raw 8-bit header bytes that are no UTF-8 most likely are: what the text
 * is said to be. */
static int
jm_mime_charset(jm_mime_t *w)
{
    int    utf8;
    size_t i;

    utf8 = jm_charset_find(jm_str("utf-8"));

    for (i = 0; i < w->nbodies; i++) {
        if (w->bodies[i].charset != JM_CHARSET_GUESS
            && w->bodies[i].charset != utf8) {
            return w->bodies[i].charset;
        }
    }

    return JM_CHARSET_GUESS;
}


static jm_str_t
jm_mime_date(jm_arena_t *arena, jm_str_t value)
{
    time_t    seconds;
    jm_str_t  date;
    struct tm tm;

    memset(&date, 0, sizeof(jm_str_t));
    seconds = jm_header_date(value);

    if (seconds != -1 && gmtime_r(&seconds, &tm) != NULL) {
        date = jm_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ",
                               tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                               tm.tm_hour, tm.tm_min, tm.tm_sec);
    }

    return date;
}


static void
jm_mime_fields(jm_message_t *m, const jm_headers_t *headers, int charset)
{
    size_t             i;
    const jm_header_t *field;

    const struct {
        const char *name;
        size_t      max;
        jm_str_t   *value;
    } texts[] = {
        { "Subject", JM_MAX_FIELD, &m->subject },
        { "Message-ID", JM_MAX_FIELD, &m->message_id },
        { "In-Reply-To", JM_MAX_FIELD, &m->in_reply_to },
        { "Reply-To", JM_MAX_FIELD, &m->reply_to },
        { "Cc", JM_MAX_CC, &m->cc },
        { "List-Unsubscribe", JM_MAX_FIELD, &m->list_unsubscribe },
    };

    static const char *senders[] = { "From", "Sender" };
    static const char *receipts[] = { "Disposition-Notification-To",
                                      "Return-Receipt-To",
                                      "X-Confirm-Reading-To" };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        field = jm_headers_find(headers, texts[i].name);

        if (field != NULL) {
            *texts[i].value = jm_header_text(m->arena, field->value, charset,
                                             texts[i].max);
        }
    }

    for (i = 0; i < 2 && m->from.len == 0 && m->from_name.len == 0; i++) {
        field = jm_headers_find(headers, senders[i]);

        if (field != NULL) {
            jm_header_mailbox(m->arena, field->value, charset, &m->from,
                              &m->from_name);
        }
    }

    for (i = 0; i < 3; i++) {
        m->receipt_requested |= jm_headers_find(headers, receipts[i]) != NULL;
    }

    field = jm_headers_find(headers, "Date");

    if (field != NULL) {
        m->date = jm_mime_date(m->arena, field->value);
    }
}


void
jm_mime_read(jm_message_t *m)
{
    jm_str_t        head;
    jm_mime_t       w;
    jm_headers_t    headers;
    GMimeMultipart *multipart;

    memset(&w, 0, sizeof(jm_mime_t));
    w.m = m;
    w.bodies = jm_arena_alloc(m->arena,
                              (JM_MAX_PARTS + 1) * sizeof(jm_mime_body_t));
    m->attachments = jm_arena_alloc(m->arena, JM_MAX_ATTACHMENTS
                                                  * sizeof(jm_attachment_t));

    jm_headers_read(&headers, m->arena, m->raw);
    m->cut |= headers.cut;
    w.body.data = m->raw.data + headers.body;
    w.body.len = m->raw.len - headers.body;

    jm_mime_parse(&w, jm_mime_head(&headers, m->arena));

    if (GMIME_IS_MULTIPART(jm_mime_held.root)) {
        multipart = GMIME_MULTIPART(jm_mime_held.root);
        head = g_mime_multipart_get_count(multipart) != 0
                   ? jm_str("")
                   : jm_mime_repaired(
                       &w,
                       g_mime_content_type_get_media_subtype(
                           g_mime_object_get_content_type(jm_mime_held.root)));

        if (head.len != 0) {
            jm_mime_parse(&w, head);
        }
    }

    if (jm_mime_held.root != NULL) {
        jm_mime_walk(&w, jm_mime_held.root, 0, 0);
    }

    jm_mime_fields(m, &headers, jm_mime_charset(&w));
    jm_mime_bodies(&w);
    jm_mime_mark_inline(&w);
    jm_mime_release();
}
