/*
 * The text of a header field behind header.h: encoded words (RFC 2047) and raw
 * octets as UTF-8.
 */

#include "header.h"

#include <ctype.h>

#include "base64.h"
#include "charset.h"
#include "text.h"

#define JM_MAX_WORDS 1000 /* encoded words of a field; later ones stay raw */
#define JM_MAX_WORD  2048 /* bytes of one; RFC 2047 says 75 */

typedef struct {
    jm_str_t charset;
    jm_str_t text;     /* still encoded */
    int      encoding; /* 'b' or 'q' */
} jm_word_t;


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


/* Words of one charset are decoded together: some programs split in the
 * middle of a character. */
static void
jm_word_flush(jm_buf_t *out, jm_buf_t *bytes, int charset)
{
    jm_charset_append(out, jm_buf_str(bytes), charset);
    bytes->len = 0;
}


jm_str_t
jm_header_squeeze(jm_str_t in, size_t max)
{
    u_char       *q;
    uint32_t      c;
    jm_str_t      out;
    const u_char *p, *start, *end;

    if (in.len == 0) {
        return jm_str("");
    }

    p = in.data;
    q = in.data;
    end = p + in.len;

    while (p < end) {
        start = p;
        c = jm_charset_next(&p, end);

        if (jm_text_turns(start, end) || jm_text_class(c) == JM_TEXT_FILLER) {
            continue;
        }

        if (c > 0x20 || strchr(" \t\r\n", (int) c) == NULL) {
            memmove(q, start, p - start);
            q += p - start;

        } else if (q != in.data && q[-1] != ' ') {
            *q++ = ' ';
        }
    }

    if (q != in.data && q[-1] == ' ') {
        q--;
    }

    out.data = in.data;
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
            jm_base64_decode(&bytes, word.text);
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
