/*
 * MIME (RFC 2045-2049, 2183, 2231, 2387, 3676): a received message in, the
 * fields of jm_message_t that message.h gives to this file out.  Called by
 * message.c; only mime*.c include GMime.
 *
 * GMime splits the body into parts and reads the parts' headers; the
 * message's own header is read by header.c, text becomes UTF-8 in charset.c.
 * GMime is shown only the message's Content-* fields, so it never interprets
 * addresses or dates, and message/rfc822 is registered as an ordinary part:
 * an attached mail stays bytes.  Its recursion over nested multiparts is
 * bounded by jm_mime_bounded(), which ends the input before it can hurt.
 * mime_walk.c then decides what each part is, mime_part.c decodes it, and
 * mime_body.c puts together what is shown.
 *
 * Memory: what GMime allocates is kept in jm_mime_held and released at the end
 * of the call, or, when the arena's failure has jumped over that end, at the
 * beginning of the next one.  Nothing in the arena points into GMime's
 * memory: contents are slices of the raw message, strings are copied.
 */

#include "mime.h"

#include <strings.h>
#include <time.h>

#include "charset.h"
#include "header.h"
#include "mime_private.h"

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

#define JM_MAX_BOUNDARY 200
#define JM_MAX_CC       8192

/* Where GMime's input ends (jm_mime_bounded). */
#define JM_MAX_DELIMITERS   4000
#define JM_MAX_DASH_LINES   100000
#define JM_MAX_DECLARATIONS 300
#define JM_MAX_PART_HEADER  (64 * 1024)
#define JM_MAX_PART_HEADERS (1024 * 1024)

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


/*
 * Whoever asks for a receipt wants to know when the mail is read; nobody here
 * answers (RFC 8098, 2.1 asks for the user's consent, and we do not ask).
 * Some fields say to whom; for the others it is the sender.
 */
static void
jm_mime_receipt(jm_message_t *m, const jm_headers_t *headers, int charset)
{
    size_t             i;
    jm_str_t           name;
    const jm_header_t *field;

    static const struct {
        const char *name;
        int         named;
    } fields[] = {
        { "Disposition-Notification-To", 1 },
        { "Return-Receipt-To", 1 },
        { "X-Confirm-Reading-To", 1 },
        { "Generate-Delivery-Report", 1 },
        { "Return-Receipt-Requested", 0 },
        { "X-PMRQC", 0 },
        { "Original-Recipient", 0 },
    };

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        field = jm_headers_find(headers, fields[i].name);

        if (field == NULL) {
            continue;
        }

        m->receipt_requested = 1;

        if (fields[i].named) {
            jm_header_mailbox(m->arena, field->value, charset, &m->receipt_to,
                              &name);
        }

        if (m->receipt_to.len != 0
            && memchr(m->receipt_to.data, '@', m->receipt_to.len) != NULL)
        {
            return;
        }

        m->receipt_to = m->from;
    }
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

    jm_mime_receipt(m, headers, charset);

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
                              JM_MAX_BODIES * sizeof(jm_mime_body_t));
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
