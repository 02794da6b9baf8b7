/*
 * The rich text of rtf.h: one pass over the bytes, a stack of at most
 * JM_RTF_DEPTH groups, output no longer than a small multiple of the input.
 */

#include "rtf.h"

#include <stdio.h>

#include "charset.h"
#include "jm_utf8.h"

#define JM_RTF_DEPTH  256
#define JM_RTF_WINDOW 4096

/* What the window holds before the first byte (MS-OXRTFCP, 2.1.2.1). */
#define JM_RTF_PRESET                                                         \
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}"                        \
    "{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans "     \
    "SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0"  \
    "\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

/* One group: what of it is text. */
typedef struct {
    unsigned skip : 1; /* a table of fonts, a picture */
    unsigned rtf : 1;  /* \htmlrtf … \htmlrtf0: only for programs of RTF */
    unsigned unicode;  /* bytes that stand for a \u besides, \uc */
} jm_rtf_group_t;

typedef struct {
    const u_char  *p;
    const u_char  *end;
    jm_buf_t       out;
    int            charset;
    int            html;
    int            star;    /* after \* */
    unsigned       ignored; /* characters to come that repeat a \u */
    unsigned       over;    /* groups beyond the stack */
    size_t         depth;
    jm_rtf_group_t groups[JM_RTF_DEPTH];
} jm_rtf_t;


static uint32_t
jm_rtf_u32(const u_char *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t) p[3] << 24;
}


jm_str_t
jm_rtf_unpack(jm_arena_t *arena, jm_str_t in)
{
    u_char        window[JM_RTF_WINDOW];
    size_t        at, from, n, length;
    unsigned      flags, bit;
    jm_buf_t      out;
    const u_char *p, *end;

    if (in.len < 16) {
        return jm_str("");
    }

    p = in.data + 16;
    end = in.data + in.len;
    length = jm_rtf_u32(in.data + 4);
    length = length > JM_RTF_MAX ? JM_RTF_MAX : length;

    if (memcmp(in.data + 8, "MELA", 4) == 0) {
        n = end - p < (ssize_t) length ? (size_t) (end - p) : length;
        return (jm_str_t){ (u_char *) p, n };
    }

    if (memcmp(in.data + 8, "LZFu", 4) != 0) {
        return jm_str("");
    }

    memset(window, 0, sizeof(window));
    at = sizeof(JM_RTF_PRESET) - 1;
    memcpy(window, JM_RTF_PRESET, at);
    jm_buf_init(&out, arena, length);

    while (p < end && !out.truncated) {
        flags = *p++;

        for (bit = 0; bit < 8 && p < end && !out.truncated; bit++) {
            if ((flags & (1u << bit)) == 0) {
                window[at] = *p;
                at = (at + 1) % JM_RTF_WINDOW;
                jm_buf_addc(&out, *p++);
                continue;
            }

            if (end - p < 2) {
                return jm_buf_str(&out);
            }

            from = p[0] << 4 | p[1] >> 4;
            n = (p[1] & 15) + 2;
            p += 2;

            if (from == at) { /* the end */
                return jm_buf_str(&out);
            }

            for (/* void */; n > 0; n--) {
                window[at] = window[from];
                jm_buf_addc(&out, window[at]);
                at = (at + 1) % JM_RTF_WINDOW;
                from = (from + 1) % JM_RTF_WINDOW;
            }
        }
    }

    return jm_buf_str(&out);
}


/* Is what comes now part of the text? */
static int
jm_rtf_shown(jm_rtf_t *r)
{
    const jm_rtf_group_t *g;

    g = &r->groups[r->depth];

    return !g->skip && !g->rtf && r->over == 0;
}


static void
jm_rtf_bytes(jm_rtf_t *r, const void *data, size_t len)
{
    while (len != 0 && r->ignored != 0) {
        r->ignored--;
        len--;
        data = (const u_char *) data + 1;
    }

    if (len != 0 && jm_rtf_shown(r)) {
        jm_charset_append(&r->out, (jm_str_t){ (u_char *) data, len },
                          r->charset);
    }
}


static void
jm_rtf_char(jm_rtf_t *r, int32_t value)
{
    u_char   utf8[4];
    uint32_t c;

    c = value < 0 ? (uint32_t) (value + 65536) : (uint32_t) value;

    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c < ' ') {
        c = 0xfffd;
    }

    if (jm_rtf_shown(r)) {
        jm_buf_add(&r->out, utf8, jm_utf8_encode(c, utf8));
    }
}


static int
jm_rtf_hex(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* What a control word stands for in the text. */
static const struct {
    const char *word;
    const char *text;
} jm_rtf_texts[] = {
    { "par", "\n" },
    { "line", "\n" },
    { "tab", "\t" },
    { "row", "\n" },
    { "cell", "\t" },
    { "emdash", "\xe2\x80\x94" },
    { "endash", "\xe2\x80\x93" },
    { "bullet", "\xe2\x80\xa2" },
    { "lquote", "\xe2\x80\x98" },
    { "rquote", "\xe2\x80\x99" },
    { "ldblquote", "\xe2\x80\x9c" },
    { "rdblquote", "\xe2\x80\x9d" },
};

/* Groups that hold no text of the mail. */
static const char *const jm_rtf_skipped[] = {
    "fonttbl", "colortbl", "stylesheet", "info",     "pict",
    "object",  "header",   "footer",     "footnote",
};


static void
jm_rtf_codepage(jm_rtf_t *r, int32_t page)
{
    char name[32];

    snprintf(name, sizeof(name), page == 65001 ? "utf-8" : "windows-%d",
             (int) page);
    r->charset = jm_charset_find((jm_str_t){ (u_char *) name, strlen(name) });
}


static void
jm_rtf_word(jm_rtf_t *r, const char *word, int given, int32_t value)
{
    size_t          i;
    jm_rtf_group_t *g;

    g = &r->groups[r->depth];

    if (strcmp(word, "u") == 0) {
        jm_rtf_char(r, value);
        r->ignored = g->unicode;

    } else if (strcmp(word, "uc") == 0) {
        g->unicode = value < 0 || value > 16 ? 1 : value;

    } else if (strcmp(word, "ansicpg") == 0) {
        jm_rtf_codepage(r, value);

    } else if (strcmp(word, "fromhtml") == 0) {
        r->html = 1;

    } else if (strcmp(word, "htmlrtf") == 0) {
        g->rtf = !given || value != 0;

    } else if (r->star && strcmp(word, "htmltag") != 0) {
        g->skip = 1; /* what only programs of RTF understand */
    }

    for (i = 0; i < sizeof(jm_rtf_skipped) / sizeof(char *); i++) {
        g->skip |= strcmp(word, jm_rtf_skipped[i]) == 0;
    }

    for (i = 0; i < sizeof(jm_rtf_texts) / sizeof(jm_rtf_texts[0]); i++) {
        if (strcmp(word, jm_rtf_texts[i].word) == 0 && jm_rtf_shown(r)) {
            jm_buf_adds(&r->out, jm_rtf_texts[i].text);
        }
    }

    r->star = 0;
}


/* After a backslash. */
static void
jm_rtf_control(jm_rtf_t *r)
{
    char    word[33];
    u_char  c;
    size_t  len;
    int     sign, given;
    int32_t value;

    c = *r->p;

    if (c == '\'' && r->end - r->p > 2 && jm_rtf_hex(r->p[1]) >= 0
        && jm_rtf_hex(r->p[2]) >= 0)
    {
        c = jm_rtf_hex(r->p[1]) * 16 + jm_rtf_hex(r->p[2]);
        r->p += 3;
        jm_rtf_bytes(r, &c, 1);
        return;
    }

    if ((c | 0x20) < 'a' || (c | 0x20) > 'z') {
        r->p++;

        if (c == '*') {
            r->star = 1;

        } else if (c == '\\' || c == '{' || c == '}') {
            jm_rtf_bytes(r, &c, 1);

        } else if (c == '~') {
            jm_rtf_bytes(r, " ", 1);

        } else if (c == '\n' || c == '\r') {
            jm_rtf_word(r, "par", 0, 0);
        }

        return;
    }

    for (len = 0;
         r->p < r->end && (*r->p | 0x20) >= 'a' && (*r->p | 0x20) <= 'z';
         r->p++)
    {
        if (len < sizeof(word) - 1) {
            word[len++] = *r->p;
        }
    }

    word[len] = '\0';
    sign = r->p < r->end && *r->p == '-';
    r->p += sign;
    given = 0;
    value = 0;

    for (/* void */; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
        value = value > 1000000 ? value : value * 10 + *r->p - '0';
        given = 1;
    }

    r->p += r->p < r->end && *r->p == ' ';
    jm_rtf_word(r, word, given, sign ? -value : value);
}


static void
jm_rtf_open(jm_rtf_t *r)
{
    if (r->depth + 1 == JM_RTF_DEPTH) {
        r->over++;
        return;
    }

    r->groups[r->depth + 1] = r->groups[r->depth];
    r->depth++;
    r->ignored = 0;
}


static void
jm_rtf_close(jm_rtf_t *r)
{
    if (r->over != 0) {
        r->over--;

    } else if (r->depth != 0) {
        r->depth--;
    }

    r->ignored = 0;
}


jm_str_t
jm_rtf_read(jm_arena_t *arena, jm_str_t in, int *html)
{
    jm_rtf_t     *r;
    const u_char *start;

    *html = 0;

    if (in.len < 6 || memcmp(in.data, "{\\rtf", 5) != 0) {
        return jm_str("");
    }

    r = jm_arena_alloc(arena, sizeof(jm_rtf_t));
    r->p = in.data;
    r->end = in.data + in.len;
    r->charset = jm_charset_find(jm_str("windows-1252"));
    r->groups[0].unicode = 1;
    jm_buf_init(&r->out, arena, JM_RTF_MAX);

    while (r->p < r->end && !r->out.truncated) {
        switch (*r->p) {

        case '{':
            r->p++;
            jm_rtf_open(r);
            break;

        case '}':
            r->p++;
            jm_rtf_close(r);
            break;

        case '\\':
            if (++r->p < r->end) {
                jm_rtf_control(r);
            }

            break;

        case '\r':
        case '\n':
            r->p++;
            break;

        default:
            for (start = r->p;
                 r->p < r->end && strchr("{}\\\r\n", *r->p) == NULL; r->p++) {
                /* void */
            }

            jm_rtf_bytes(r, start, r->p - start);
            r->p += r->p == start; /* a NUL */
        }
    }

    *html = r->html;

    return r->out.len == 0
               ? jm_str("")
               : jm_charset_trim(jm_buf_str(&r->out), JM_RTF_MAX - 4);
}
