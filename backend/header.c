/*
 * The reading of header fields behind header.h.  Parsers here take the raw
 * value (a comma inside an encoded word separates nothing) and decode last.
 */

#include "header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "charset.h"
#include "text.h"

#define JM_MAX_KNOWN   50   /* well-known fields kept past JM_MAX_HEADERS */
#define JM_MAX_WORDS   1000 /* encoded words of a field; later ones stay raw */
#define JM_MAX_WORD    2048 /* bytes of one; RFC 2047 says 75 */
#define JM_MAX_ADDRESS 320  /* RFC 5321: 64 + @ + 255 */
#define JM_MAX_NAME    512

typedef struct {
    jm_str_t charset;
    jm_str_t text;     /* still encoded */
    int      encoding; /* 'b' or 'q' */
} jm_word_t;


/* Names that show a junk line to stand inside a header, not after it. */
static const char *const jm_header_known[] = {
    "from",         "to",           "cc",         "subject",
    "date",         "message-id",   "reply-to",   "sender",
    "mime-version", "content-type", "received",   "return-path",
    "in-reply-to",  "references",   "x-mailer",   "content-transfer-encoding",
    "delivered-to", "list-id",      "user-agent",
};


static int
jm_header_is_known(jm_str_t name)
{
    size_t i;

    for (i = 0; i < sizeof(jm_header_known) / sizeof(char *); i++) {
        if (strlen(jm_header_known[i]) == name.len
            && strncasecmp(jm_header_known[i], (char *) name.data, name.len)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The field's name when the line begins with one, else an empty string. */
static jm_str_t
jm_header_name(const u_char *p, const u_char *end)
{
    jm_str_t name;

    name.data = (u_char *) p;

    while (p<end && * p> 0x20 && *p < 0x7f && *p != ':') {
        p++;
    }

    name.len = p - name.data;

    /* RFC 5322, 4.5: obsolete syntax has space before the colon. */
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == end || *p != ':') {
        name.len = 0;
    }

    return name;
}


static const u_char *
jm_header_line_end(const u_char *p, const u_char *end)
{
    const u_char *lf;

    lf = memchr(p, '\n', end - p);

    return lf == NULL ? end : lf + 1;
}


static int
jm_header_blank(const u_char *p, const u_char *end)
{
    return p == end || *p == '\n'
           || (*p == '\r' && end - p > 1 && p[1] == '\n')
           || (*p == '\r' && end - p == 1);
}


/* Does a well-known field follow before the block ends? */
static int
jm_header_goes_on(const u_char *p, const u_char *end)
{
    int lines;

    for (lines = 0; lines < 50 && !jm_header_blank(p, end); lines++) {
        if (jm_header_is_known(jm_header_name(p, end))) {
            return 1;
        }

        p = jm_header_line_end(p, end);
    }

    return 0;
}


/*
 * A first field that was written with white space before it, " From: a@b".  It
 * reads as one more line of the Received field that we put in front of the
 * mail, and is told from one by its well-known name and colon.
 */
static int
jm_header_indented(const u_char *p, const u_char *end)
{
    jm_str_t name;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    name = jm_header_name(p, end);

    return jm_header_is_known(name) && name.data[name.len] == ':';
}


static void
jm_headers_add(jm_headers_t *headers, jm_str_t name, const u_char *line,
               const u_char *end)
{
    jm_header_t  *field;
    const u_char *colon;

    /* Past the limits only what the mail cannot be read without. */

    if (headers->cut || headers->nfields >= JM_MAX_HEADERS) {
        headers->cut = 1;

        if (headers->nfields == JM_MAX_HEADERS + JM_MAX_KNOWN
            || !jm_header_is_known(name))
        {
            return;
        }
    }

    if (end - line > JM_MAX_HEADER) {
        headers->cut = 1;
        end = line + JM_MAX_HEADER;
    }

    colon = memchr(line + name.len, ':', end - line - name.len);

    if (colon == NULL) {
        return;
    }

    field = &headers->fields[headers->nfields++];
    field->name = name;
    field->line.data = (u_char *) line;
    field->line.len = end - line;
    field->value.data = (u_char *) colon + 1;
    field->value.len = end - colon - 1;
}


void
jm_headers_read(jm_headers_t *headers, jm_arena_t *arena, jm_str_t raw)
{
    int           trace;
    jm_str_t      name;
    const u_char *p, *line, *end;

    memset(headers, 0, sizeof(jm_headers_t));
    headers->fields = jm_arena_alloc(arena, (JM_MAX_HEADERS + JM_MAX_KNOWN)
                                                * sizeof(jm_header_t));

    if (raw.len == 0) {
        return;
    }

    p = raw.data;
    end = p + raw.len;

    while (!jm_header_blank(p, end)) {
        while ((*p == ' ' || *p == '\t') && jm_header_indented(p, end)) {
            p++;
        }

        line = p;
        name = jm_header_name(p, end);
        trace = name.len == 8
                && strncasecmp((char *) name.data, "Received", 8) == 0;
        p = jm_header_line_end(p, end);

        while (p < end && (*p == ' ' || *p == '\t')
               && !(trace && jm_header_indented(p, end)))
        {
            /* A line of white space alone is no end: RFC 5322, 4.2. */
            p = jm_header_line_end(p, end);
        }

        if (name.len == 0) {
            if ((line - raw.data < JM_MAX_HEADER_BLOCK
                 && jm_header_goes_on(p, end))
                || (end - line > 5 && memcmp(line, "From ", 5) == 0)
                || (end - line > 6 && memcmp(line, ">From ", 6) == 0))
            {
                continue;
            }

            headers->body = line - raw.data;
            return;
        }

        headers->cut |= line - raw.data > JM_MAX_HEADER_BLOCK;
        jm_headers_add(headers, name, line, p);
    }

    if (p < end) {
        p = jm_header_line_end(p, end);
    }

    headers->body = p - raw.data;
}


const jm_header_t *
jm_headers_find(const jm_headers_t *headers, const char *name)
{
    size_t       i, len;
    jm_header_t *field;

    len = strlen(name);

    for (i = 0; i < headers->nfields; i++) {
        field = &headers->fields[i];

        if (field->name.len == len
            && strncasecmp((char *) field->name.data, name, len) == 0)
        {
            return field;
        }
    }

    return NULL;
}


static const u_char *
jm_word_find(const u_char *p, const u_char *end, const char *two)
{
    for (/* void */; end - p >= 2; p++) {
        p = memchr(p, two[0], end - p - 1);

        if (p == NULL) {
            return NULL;
        }

        if (p[1] == (u_char) two[1]) {
            return p;
        }
    }

    return NULL;
}


/*
 * An encoded word at `p`: =?charset*language?encoding?text?=.  The text may
 * hold spaces, which RFC 2047 forbids and some programs write.  Returns where
 * it ends, or NULL.
 */
static const u_char *
jm_word_parse(jm_word_t *word, const u_char *p, const u_char *end)
{
    const u_char *s, *star;

    if (end - p > JM_MAX_WORD) {
        end = p + JM_MAX_WORD;
    }

    if (end - p < 8 || p[0] != '=' || p[1] != '?') {
        return NULL;
    }

    p += 2;

    for (s = p; s < end && *s != '?' && *s > 0x20; s++) {
        /* void */
    }

    if (end - s < 5 || s[0] != '?' || s[2] != '?') {
        return NULL;
    }

    star = memchr(p, '*', s - p); /* RFC 2231, 5 */
    word->charset.data = (u_char *) p;
    word->charset.len = (star != NULL ? star : s) - p;
    word->encoding = tolower(s[1]);

    if (word->encoding != 'b' && word->encoding != 'q') {
        return NULL;
    }

    p = s + 3;
    s = jm_word_find(p, end, "?=");

    /* "=?utf-8?q??=" and a text that begins with "=": "=?utf-8?q?=41?=" */
    if (s == NULL) {
        return NULL;
    }

    word->text.data = (u_char *) p;
    word->text.len = s - p;

    return s + 2;
}


static int
jm_hex(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static void
jm_word_decode_q(jm_buf_t *out, jm_str_t in)
{
    int    high, low;
    size_t i;

    for (i = 0; i < in.len; i++) {
        if (in.data[i] == '=' && i + 2 < in.len) {
            high = jm_hex(in.data[i + 1]);
            low = jm_hex(in.data[i + 2]);

            if (high >= 0 && low >= 0) {
                jm_buf_addc(out, (high << 4) | low);
                i += 2;
                continue;
            }
        }

        jm_buf_addc(out, in.data[i] == '_' ? ' ' : in.data[i]);
    }
}


static int
jm_base64_value(int c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}


void
jm_header_base64(jm_buf_t *out, jm_str_t in)
{
    int      value, bits;
    size_t   i;
    uint32_t word;

    word = 0;
    bits = 0;

    for (i = 0; i < in.len; i++) {
        value = jm_base64_value(in.data[i]);

        if (value < 0) {
            if (in.data[i] == '=') {
                bits = 0; /* padding: the next byte begins afresh */
            }

            continue;
        }

        word = (word << 6) | value;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            jm_buf_addc(out, (word >> bits) & 0xff);
        }
    }
}


/* Words of one charset are decoded together: some programs split in the
 * middle of a character. */
static void
jm_word_flush(jm_buf_t *out, jm_buf_t *bytes, int charset)
{
    jm_charset_append(out, jm_buf_str(bytes), charset);
    bytes->len = 0;
}


/*
 * White space as one space, none at the ends; at most `max` bytes.  A name or
 * a subject does not turn round what stands beside it.
 */
static jm_str_t
jm_header_squeeze(jm_str_t in, size_t max)
{
    size_t   i;
    u_char  *q;
    jm_str_t out;

    if (in.len == 0) {
        return jm_str("");
    }

    out.data = in.data;
    q = in.data;

    for (i = 0; i < in.len; i++) {
        if (jm_text_turns(in.data + i, in.data + in.len)) {
            i += 2;

        } else if (strchr(" \t\r\n", in.data[i]) == NULL) {
            *q++ = in.data[i];

        } else if (q != in.data && q[-1] != ' ') {
            *q++ = ' ';
        }
    }

    if (q != in.data && q[-1] == ' ') {
        q--;
    }

    out.len = q - out.data;

    return jm_charset_trim(out, max);
}


jm_str_t
jm_header_text(jm_arena_t *arena, jm_str_t value, int charset, size_t max)
{
    int           pending; /* charset of `bytes` */
    size_t        words;
    jm_buf_t      out, bytes;
    jm_str_t      plain;
    jm_word_t     word;
    const u_char *p, *start, *next, *end;

    if (value.len == 0) {
        return jm_str("");
    }

    if (value.len > JM_MAX_HEADER) {
        value.len = JM_MAX_HEADER;
    }

    jm_buf_init(&out, arena, JM_MAX_HEADER * 4);
    jm_buf_init(&bytes, arena, JM_MAX_HEADER);

    if (jm_charset_valid(value)) {
        charset = JM_CHARSET_GUESS;
    }

    pending = JM_CHARSET_GUESS;
    words = 0;
    start = value.data;
    end = start + value.len;

    for (p = start; p != NULL && words < JM_MAX_WORDS; /* void */) {
        p = jm_word_find(p, end, "=?");

        if (p == NULL) {
            break;
        }

        next = jm_word_parse(&word, p, end);

        if (next == NULL) {
            p += 2;
            continue;
        }

        /* White space between two words is no text (RFC 2047, 6.2). */

        plain.data = (u_char *) start;
        plain.len = p - start;

        while (words != 0 && plain.len != 0
               && strchr(" \t\r\n", plain.data[0]) != NULL)
        {
            plain.data++;
            plain.len--;
        }

        if (plain.len != 0 || pending != jm_charset_find(word.charset)) {
            jm_word_flush(&out, &bytes, pending);
        }

        if (plain.len != 0) {
            jm_charset_append(&out, (jm_str_t){ (u_char *) start, p - start },
                              charset);
        }

        pending = jm_charset_find(word.charset);

        if (word.encoding == 'q') {
            jm_word_decode_q(&bytes, word.text);

        } else {
            jm_header_base64(&bytes, word.text);
        }

        words++;
        start = next;
        p = next;
    }

    jm_word_flush(&out, &bytes, pending);
    jm_charset_append(&out, (jm_str_t){ (u_char *) start, end - start },
                      charset);

    return jm_header_squeeze(jm_buf_str(&out), max);
}


/*
 * One pass over an address list up to the end of its first mailbox, its
 * pieces kept apart by what they stand in.
 */
typedef struct {
    jm_buf_t phrase;  /* outside everything; quotes and escapes undone */
    jm_buf_t comment; /* (…), the old place of the name */
    jm_buf_t angle;   /* <…> */
    unsigned has_angle : 1;
} jm_mailbox_t;


/* Copies a quoted string or comment; returns the byte after its end. */
static const u_char *
jm_mailbox_quoted(jm_buf_t *out, const u_char *p, const u_char *end, int close)
{
    int open, depth;

    open = close == ')' ? '(' : -1;
    depth = 1;

    for (p++; p < end; p++) {
        if (*p == '\\' && end - p > 1) {
            p++;

        } else if (*p == close && --depth == 0) {
            return p + 1;

        } else if (*p == open) {
            depth++;
        }

        jm_buf_addc(out, *p);
    }

    return end;
}


static const u_char *
jm_mailbox_angle(jm_mailbox_t *box, const u_char *p, const u_char *end)
{
    const u_char *close;

    box->has_angle = 1;
    close = memchr(p, '>', end - p);

    if (close == NULL) {
        close = end;
    }

    jm_buf_add(&box->angle, p + 1, close - p - 1);

    return close;
}


static void
jm_mailbox_scan(jm_mailbox_t *box, const u_char *p, const u_char *end)
{
    const u_char *at;

    while (p < end && !box->has_angle) {
        switch (*p) {

        case '"':
            /* A quote that never closes is a character like any other. */
            at = memchr(p + 1, '"', end - p - 1);

            if (at == NULL) {
                p++;
                break;
            }

            p = jm_mailbox_quoted(&box->phrase, p, end, '"');
            break;

        case '(':
            p = jm_mailbox_quoted(&box->comment, p, end, ')');
            break;

        case '<':
            (void) jm_mailbox_angle(box, p, end);
            break;

        case ':':
            /* "group: a@b;" unless an address stands before the colon */
            if (memchr(box->phrase.data ? box->phrase.data : (u_char *) "",
                       '@', box->phrase.len)
                == NULL)
            {
                box->phrase.len = 0;

            } else {
                jm_buf_addc(&box->phrase, ':');
            }

            p++;
            break;

        case ',':
        case ';':
            /* The end of a bare address; else a comma in a careless name. */
            if (memchr(box->phrase.data ? box->phrase.data : (u_char *) "",
                       '@', box->phrase.len)
                != NULL)
            {
                return;
            }

            if (*p == ',') {
                jm_buf_addc(&box->phrase, ',');
            }

            p++;
            break;

        default:
            jm_buf_addc(&box->phrase, *p++);
        }
    }
}


/* RFC 5322, 4.4: "@a,@b:user@c" is a route and an address. */
static jm_str_t
jm_mailbox_address(jm_arena_t *arena, jm_str_t in, int charset)
{
    u_char  *colon;
    jm_str_t out;

    out = jm_header_text(arena, in, charset, JM_MAX_HEADER);

    if (out.len != 0 && out.data[0] == '@') {
        colon = memchr(out.data, ':', out.len);

        if (colon != NULL) {
            out.len -= colon + 1 - out.data;
            out.data = colon + 1;
        }
    }

    if (out.len > 7 && strncasecmp((char *) out.data, "mailto:", 7) == 0) {
        out.data += 7;
        out.len -= 7;
    }

    return jm_charset_trim(out, JM_MAX_ADDRESS);
}


/* One token with an @ and no space in it. */
static int
jm_mailbox_is_address(jm_str_t text)
{
    return text.len != 0 && memchr(text.data, '@', text.len) != NULL
           && memchr(text.data, ' ', text.len) == NULL;
}


/* A bare "user@host" among words: that token is the address. */
static void
jm_mailbox_pick(jm_arena_t *arena, jm_str_t text, jm_str_t *address,
                jm_str_t *name)
{
    size_t   i, start, stop;
    u_char  *at;
    jm_buf_t rest;

    at = text.len != 0 ? memchr(text.data, '@', text.len) : NULL;

    if (at == NULL) {
        *name = jm_charset_trim(text, JM_MAX_NAME);
        return;
    }

    start = at - text.data;
    stop = start;

    while (start != 0 && text.data[start - 1] != ' ') {
        start--;
    }

    while (stop < text.len && text.data[stop] != ' ') {
        stop++;
    }

    address->data = text.data + start;
    address->len = stop - start;
    *address = jm_charset_trim(*address, JM_MAX_ADDRESS);

    jm_buf_init(&rest, arena, text.len);
    jm_buf_add(&rest, text.data, start);

    for (i = stop; i < text.len; i++) {
        jm_buf_addc(&rest, text.data[i]);
    }

    *name = jm_header_squeeze(jm_buf_str(&rest), JM_MAX_NAME);
}


void
jm_header_mailbox(jm_arena_t *arena, jm_str_t value, int charset,
                  jm_str_t *address, jm_str_t *name)
{
    jm_str_t     phrase, comment;
    jm_mailbox_t box;

    memset(address, 0, sizeof(jm_str_t));
    memset(name, 0, sizeof(jm_str_t));
    memset(&box, 0, sizeof(jm_mailbox_t));

    if (value.len == 0) {
        return;
    }

    if (value.len > JM_MAX_HEADER) {
        value.len = JM_MAX_HEADER;
    }

    jm_buf_init(&box.phrase, arena, JM_MAX_HEADER);
    jm_buf_init(&box.comment, arena, JM_MAX_HEADER);
    jm_buf_init(&box.angle, arena, JM_MAX_HEADER);
    jm_mailbox_scan(&box, value.data, value.data + value.len);

    phrase = jm_header_text(arena, jm_buf_str(&box.phrase), charset,
                            JM_MAX_HEADER);
    comment = jm_header_text(arena, jm_buf_str(&box.comment), charset,
                             JM_MAX_NAME);

    if (box.has_angle) {
        *address = jm_mailbox_address(arena, jm_buf_str(&box.angle), charset);
        *name = jm_charset_trim(phrase, JM_MAX_NAME);

        if (address->len == 0 && jm_mailbox_is_address(phrase)) {
            *address = jm_charset_trim(phrase, JM_MAX_ADDRESS);
            name->len = 0;
        }

    } else {
        jm_mailbox_pick(arena, phrase, address, name);
    }

    if (address->len == 0) {
        *address = jm_charset_trim(*name, JM_MAX_ADDRESS);
        name->len = 0;
    }

    if (name->len == 0) {
        *name = comment;
    }
}


static const char jm_months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

/* Named zones of RFC 5322, 4.3, in minutes; any other is taken as UTC. */
static const struct {
    char name[5];
    int  minutes;
} jm_zones[] = {
    { "edt", -240 }, { "est", -300 }, { "cdt", -300 }, { "cst", -360 },
    { "mdt", -360 }, { "mst", -420 }, { "pdt", -420 }, { "pst", -480 },
    { "cet", 60 },   { "cest", 120 }, { "bst", 60 },   { "jst", 540 },
};


static int
jm_date_month(const char *token)
{
    int i;

    for (i = 0; i < 12; i++) {
        if (strncasecmp(token, jm_months + i * 3, 3) == 0) {
            return i;
        }
    }

    return -1;
}


static int
jm_date_zone(const char *token, int *minutes)
{
    int    value;
    size_t i;

    if (token[0] == '+' || token[0] == '-') {
        if (strspn(token + 1, "0123456789") < 4) {
            return -1;
        }

        value = atoi(token + 1) % 10000;
        value = value / 100 * 60 + value % 100;
        *minutes = token[0] == '-' ? -value : value;
        return 0;
    }

    for (i = 0; i < sizeof(jm_zones) / sizeof(jm_zones[0]); i++) {
        if (strcasecmp(token, jm_zones[i].name) == 0) {
            *minutes = jm_zones[i].minutes;
            return 0;
        }
    }

    return -1;
}


/* A number of the date: the day when small and first, else the year. */
static void
jm_date_number(struct tm *tm, const char *token)
{
    int value;

    value = atoi(token);

    if (tm->tm_mday == 0 && value >= 1 && value <= 31) {
        tm->tm_mday = value;

    } else if (tm->tm_year == -1) {
        /* RFC 5322, 4.3: years of two and three digits */
        if (value < 50) {
            value += 2000;

        } else if (value < 1000) {
            value += 1900;
        }

        tm->tm_year = value;
    }
}


static void
jm_date_token(struct tm *tm, int *zone, const char *token)
{
    int month;

    if (strchr(token, ':') != NULL) {
        (void) sscanf(token, "%2d:%2d:%2d", &tm->tm_hour, &tm->tm_min,
                      &tm->tm_sec);
        return;
    }

    if (strlen(token) <= 4 && isdigit((u_char) token[0])) {
        jm_date_number(tm, token);
        return;
    }

    if (tm->tm_hour >= 0 && jm_date_zone(token, zone) == 0) {
        return;
    }

    month = jm_date_month(token);

    if (month >= 0 && tm->tm_mon < 0) {
        tm->tm_mon = month;
    }
}


int64_t
jm_header_date(jm_str_t value)
{
    int       zone;
    char      text[129], *token, *state;
    size_t    i, n, depth;
    struct tm tm;

    /* Comments go, "10-Jun-2024" becomes three tokens, "-0700" stays one. */

    for (i = 0, n = 0, depth = 0; i < value.len && n < 128; i++) {
        if (value.data[i] == '(') {
            depth++;

        } else if (value.data[i] == ')' && depth != 0) {
            depth--;

        } else if (depth == 0) {
            text[n++] = value.data[i] == 0 ? ' ' : value.data[i];

            if (value.data[i] == '-' && n > 1 && text[n - 2] != ' ') {
                text[n - 1] = ' ';
            }
        }
    }

    text[n] = '\0';
    memset(&tm, 0, sizeof(struct tm));
    tm.tm_mon = -1;
    tm.tm_year = -1;
    tm.tm_hour = -1;
    zone = 0;

    for (token = strtok_r(text, " \t\r\n,", &state); token != NULL;
         token = strtok_r(NULL, " \t\r\n,", &state))
    {
        jm_date_token(&tm, &zone, token);
    }

    if (tm.tm_mon < 0 || tm.tm_mday == 0 || tm.tm_year < 1900
        || tm.tm_year > 9999 || tm.tm_hour > 23 || tm.tm_min < 0
        || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
    {
        return -1;
    }

    if (tm.tm_hour < 0) {
        tm.tm_hour = 0;
    }

    tm.tm_year -= 1900;

    return (int64_t) timegm(&tm) - (int64_t) zone * 60;
}
