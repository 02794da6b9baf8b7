/*
 * The charset table, the decision and the conversion behind charset.h.
 *
 * Labels follow the WHATWG Encoding Standard, with those that mail has of its
 * own.  Two of its rules matter most: ISO-8859-1 means windows-1252, and
 * US-ASCII with 8-bit bytes in it means nothing at all, so it is guessed.
 * UTF-7, HZ and ISO-2022-KR/CN are not in the table on purpose: they hide
 * markup from one side (RFC 2152 against HTML), and what is not in the table
 * is guessed.
 */

#include "charset.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

#define JM_CHARSET_UTF8 0

#define JM_CHARSET_UTF16LE 1
#define JM_CHARSET_UTF16BE 2

#define JM_CHARSET_WINDOW (16 * 1024)

/* Sequences that make a text UTF-8 whatever it is said to be. */
#define JM_CHARSET_CERTAIN 8

#define JM_REPLACEMENT "\xef\xbf\xbd"

typedef struct {
    const char *iconv;  /* glibc's name */
    const char *labels; /* each followed by a space */
} jm_charset_t;

/* The first three are known by number. */
static const jm_charset_t jm_charsets[] = {
    { "UTF-8", "utf-8 utf8 unicode-1-1-utf-8 x-unicode20utf8 utf_8 utf-8n "
               "utf8mb4 65001 " },
    { "UTF-16LE", "utf-16le utf-16 ucs-2 unicode csunicode iso-10646-ucs-2 "
                  "unicodefeff " },
    { "UTF-16BE", "utf-16be unicodefffe " },
    { "CP1252",
      "windows-1252 iso-8859-1 iso8859-1 iso_8859-1 iso88591 latin1 l1 "
      "latin-1 iso-ir-100 cp1252 x-cp1252 cp819 ibm819 csisolatin1 "
      "iso_8859-1:1987 8859-1 iso-8859-1-windows-1252 win-1252 " },
    { "CP1250", "windows-1250 cp1250 x-cp1250 win-1250 " },
    { "CP1251", "windows-1251 cp1251 x-cp1251 win-1251 1251 " },
    { "CP1253", "windows-1253 cp1253 x-cp1253 " },
    { "CP1254",
      "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 latin5 l5 "
      "iso_8859-9 iso88599 iso-ir-148 csisolatin5 iso_8859-9:1989 " },
    { "CP1255", "windows-1255 cp1255 x-cp1255 " },
    { "CP1256", "windows-1256 cp1256 x-cp1256 " },
    { "CP1257", "windows-1257 cp1257 x-cp1257 " },
    { "CP1258", "windows-1258 cp1258 x-cp1258 " },
    { "CP874", "windows-874 cp874 tis-620 iso-8859-11 iso8859-11 iso885911 "
               "dos-874 " },
    { "ISO-8859-2", "iso-8859-2 iso8859-2 iso_8859-2 iso88592 latin2 l2 "
                    "csisolatin2 iso-ir-101 iso_8859-2:1987 8859-2 " },
    { "ISO-8859-3", "iso-8859-3 iso8859-3 iso_8859-3 iso88593 latin3 l3 "
                    "csisolatin3 iso-ir-109 iso_8859-3:1988 " },
    { "ISO-8859-4", "iso-8859-4 iso8859-4 iso_8859-4 iso88594 latin4 l4 "
                    "csisolatin4 iso-ir-110 iso_8859-4:1988 " },
    { "ISO-8859-5", "iso-8859-5 iso8859-5 iso_8859-5 iso88595 cyrillic "
                    "csisolatincyrillic iso-ir-144 iso_8859-5:1988 " },
    { "ISO-8859-6", "iso-8859-6 iso8859-6 iso_8859-6 iso88596 arabic "
                    "iso-8859-6-e iso-8859-6-i csisolatinarabic asmo-708 "
                    "ecma-114 iso-ir-127 iso_8859-6:1987 " },
    { "ISO-8859-7", "iso-8859-7 iso8859-7 iso_8859-7 iso88597 greek greek8 "
                    "csisolatingreek ecma-118 elot_928 sun_eu_greek "
                    "iso-ir-126 iso_8859-7:1987 " },
    { "ISO-8859-8", "iso-8859-8 iso8859-8 iso_8859-8 iso88598 hebrew visual "
                    "iso-8859-8-e iso-8859-8-i logical csisolatinhebrew "
                    "iso-ir-138 iso_8859-8:1988 " },
    { "ISO-8859-10", "iso-8859-10 iso8859-10 iso885910 latin6 l6 "
                     "csisolatin6 iso-ir-157 " },
    { "ISO-8859-13", "iso-8859-13 iso8859-13 iso885913 latin7 " },
    { "ISO-8859-14", "iso-8859-14 iso8859-14 iso885914 latin8 " },
    { "ISO-8859-15", "iso-8859-15 iso8859-15 iso_8859-15 iso885915 latin9 l9 "
                     "csisolatin9 latin-9 " },
    { "ISO-8859-16", "iso-8859-16 " },
    { "KOI8-R", "koi8-r koi8 koi koi8_r cskoi8r " },
    { "KOI8-U", "koi8-u koi8-ru " },
    { "MACINTOSH", "macintosh mac x-mac-roman csmacintosh " },
    { "MAC-CYRILLIC", "x-mac-cyrillic x-mac-ukrainian " },
    { "CP866", "ibm866 cp866 866 csibm866 " },
    { "CP850", "ibm850 cp850 850 cspc850multilingual " },
    { "CP437", "ibm437 cp437 437 cspc8codepage437 " },
    { "GB18030", "gb18030 gbk gb2312 x-gbk cp936 ms936 windows-936 chinese "
                 "csgb2312 csiso58gb231280 gb_2312 gb_2312-80 iso-ir-58 "
                 "euc-cn gb2312_charset " },
    { "BIG5-HKSCS", "big5 big5-hkscs big-5 cn-big5 csbig5 x-x-big5 cp950 " },
    { "EUC-JP-MS", "euc-jp x-euc-jp cseucpkdfmtjapanese eucjp iso-2022-jp "
                   "iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-ms cp50220 "
                   "cp50221 csiso2022jp " },
    { "CP932", "shift_jis shift-jis sjis x-sjis ms_kanji windows-31j cp932 "
               "csshiftjis ms932 " },
    { "CP949", "euc-kr ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean "
               "cp949 windows-949 uhc cseuckr csksc56011987 iso-ir-149 " },
};

#define JM_CHARSETS (int) (sizeof(jm_charsets) / sizeof(jm_charsets[0]))

static iconv_t jm_charset_cd[JM_CHARSETS];


int
jm_charset_init(void)
{
    int i;

    for (i = JM_CHARSET_UTF8 + 1; i < JM_CHARSETS; i++) {
        if (jm_charset_cd[i] != NULL) {
            continue;
        }

        jm_charset_cd[i] = iconv_open("UTF-8", jm_charsets[i].iconv);

        if (jm_charset_cd[i] == (iconv_t) -1) {
            jm_charset_cd[i] = NULL;
            return -1;
        }
    }

    return 0;
}


int
jm_charset_find(jm_str_t label)
{
    int         i;
    const char *p, *end;

    while (label.len != 0 && strchr(" \t\"'", label.data[0]) != NULL) {
        label.data++;
        label.len--;
    }

    while (label.len != 0
           && strchr(" \t\"'", label.data[label.len - 1]) != NULL) {
        label.len--;
    }

    if (label.len == 0) {
        return JM_CHARSET_GUESS;
    }

    for (i = 0; i < JM_CHARSETS; i++) {
        for (p = jm_charsets[i].labels; *p != '\0'; p = end + 1) {
            end = strchr(p, ' ');

            if ((size_t) (end - p) == label.len
                && strncasecmp(p, (char *) label.data, label.len) == 0)
            {
                return i;
            }
        }
    }

    return JM_CHARSET_GUESS;
}


uint32_t
jm_charset_next(const u_char **p, const u_char *end)
{
    u_char        c, low, high;
    uint32_t      ch;
    unsigned      need;
    const u_char *s;

    s = *p;
    c = *s++;
    *p = s;

    if (c < 0x80) {
        return c;
    }

    /* Unicode 15, table 3-7: the second byte's range excludes overlong
     * forms, surrogates and what lies beyond U+10FFFF. */

    low = 0x80;
    high = 0xbf;

    if (c >= 0xc2 && c <= 0xdf) {
        need = 1;
        ch = c & 0x1f;

    } else if ((c & 0xf0) == 0xe0) {
        need = 2;
        ch = c & 0x0f;
        low = c == 0xe0 ? 0xa0 : 0x80;
        high = c == 0xed ? 0x9f : 0xbf;

    } else if (c >= 0xf0 && c <= 0xf4) {
        need = 3;
        ch = c & 0x07;
        low = c == 0xf0 ? 0x90 : 0x80;
        high = c == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0xfffd;
    }

    while (need-- != 0) {
        if (s == end || *s < low || *s > high) {
            *p = s;
            return 0xfffd;
        }

        ch = (ch << 6) | (*s++ & 0x3f);
        low = 0x80;
        high = 0xbf;
    }

    *p = s;
    return ch;
}


/* The first byte from `p` on that is not printable ASCII. */
static const u_char *
jm_charset_skip_ascii(const u_char *p, const u_char *end)
{
    uint64_t word;

    static const uint64_t ones = 0x0101010101010101;

    for (/* void */; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);

        /* a high bit, or a byte below the space, which borrows one */
        if ((word | (word - ones * ' ')) & (ones * 0x80)) {
            break;
        }
    }

    while (p < end && *p >= ' ' && *p < 0x80) {
        p++;
    }

    return p;
}


static int
jm_charset_is_replacement(const u_char *p, const u_char *end)
{
    return end - p == 3 && memcmp(p, JM_REPLACEMENT, 3) == 0;
}


int
jm_charset_valid(jm_str_t in)
{
    const u_char *p, *start, *end;

    if (in.len == 0) {
        return 1;
    }

    p = in.data;
    end = p + in.len;

    while ((p = jm_charset_skip_ascii(p, end)) < end) {
        start = p;

        if (jm_charset_next(&p, end) == 0xfffd
            && !jm_charset_is_replacement(start, p)) {
            return 0;
        }
    }

    return 1;
}


jm_str_t
jm_charset_trim(jm_str_t in, size_t max)
{
    if (in.len > max) {
        in.len = max;

        while (in.len != 0 && (in.data[in.len] & 0xc0) == 0x80) {
            in.len--;
        }
    }

    return in;
}


/* What the character becomes: 0 nothing, 0xfffd the replacement. */
static uint32_t
jm_charset_allowed(uint32_t ch)
{
    if (ch < 0x20) {
        if (ch == '\f') {
            return ' '; /* white space to HTML, and a page break in text */
        }

        return ch == '\t' || ch == '\n' || ch == '\r' || ch == 0 ? ch : 0xfffd;
    }

    if ((ch & 0xfffe) == 0xfffe || (ch >= 0xfdd0 && ch <= 0xfdef)) {
        return 0xfffd;
    }

    return ch;
}


/* Appends UTF-8 that may be invalid, good stretches as they are. */
static void
jm_charset_filter(jm_buf_t *out, const u_char *p, const u_char *end)
{
    uint32_t      ch;
    const u_char *good, *start;

    good = p;

    while ((p = jm_charset_skip_ascii(p, end)) < end) {
        start = p;
        ch = jm_charset_next(&p, end);

        if (ch != 0xfffd && ch != 0 && jm_charset_allowed(ch) == ch) {
            continue;
        }

        if (jm_charset_is_replacement(start, p)) {
            continue;
        }

        jm_buf_add(out, good, start - good);
        good = p;
        ch = jm_charset_allowed(ch);

        if (ch == 0xfffd) {
            jm_buf_add(out, JM_REPLACEMENT, 3);

        } else if (ch != 0) {
            jm_buf_addc(out, ch);
        }
    }

    jm_buf_add(out, good, end - good);
}


/* 1 when jm_charset_filter() would copy `in` as it is. */
static int
jm_charset_clean(jm_str_t in)
{
    uint32_t      ch;
    const u_char *p, *start, *end;

    p = in.data;
    end = p + in.len;

    while ((p = jm_charset_skip_ascii(p, end)) < end) {
        start = p;
        ch = jm_charset_next(&p, end);

        if (ch == 0 || jm_charset_allowed(ch) != ch
            || (ch == 0xfffd && !jm_charset_is_replacement(start, p)))
        {
            return 0;
        }
    }

    return 1;
}


/*
 * ISO-2022-JP (RFC 1468) and what mail adds to it, as EUC-JP: the escape
 * sequences become the eighth bit.  Ours, because glibc's converter stops at
 * the NEC characters that every Japanese mail program writes.
 */
static jm_str_t
jm_charset_from_2022(jm_arena_t *arena, jm_str_t in)
{
    int      set; /* 'B' two bytes, 'D' JIS X 0212, 'I' katakana, 0 ASCII */
    size_t   i;
    u_char   c, *q;
    jm_str_t out;

    /* A JIS X 0212 character grows from two to three bytes. */
    out.data = jm_arena_alloc(arena, in.len * 2 + 1);
    q = out.data;
    set = 0;

    for (i = 0; i < in.len; i++) {
        c = in.data[i];

        if (c == 0x1b && i + 2 < in.len) {
            if (in.data[i + 1] == '$' && strchr("@B", in.data[i + 2])) {
                set = 'B';
                i += 2;
                continue;
            }

            if (in.data[i + 1] == '$' && in.data[i + 2] == '('
                && i + 3 < in.len) {
                set = in.data[i + 3] == 'D' ? 'D' : 'B';
                i += 3;
                continue;
            }

            if (in.data[i + 1] == '(') {
                set = in.data[i + 2] == 'I' ? 'I' : 0;
                i += 2;
                continue;
            }
        }

        if (c == '\n' || c == '\r') {
            set = 0; /* RFC 1468: a line ends in ASCII */
        }

        if (set == 0 || c <= 0x20 || c >= 0x7f) {
            *q++ = c;

        } else if (set == 'I') {
            *q++ = 0x8e;
            *q++ = c | 0x80;

        } else {
            if (set == 'D') {
                *q++ = 0x8f;
            }

            *q++ = c | 0x80;

            if (i + 1 < in.len && in.data[i + 1] > 0x20
                && in.data[i + 1] < 0x7f) {
                *q++ = in.data[++i] | 0x80;
            }
        }
    }

    out.len = q - out.data;

    return out;
}


static void
jm_charset_iconv(jm_buf_t *out, jm_str_t in, int charset)
{
    int     err;
    char   *src, *dst, chunk[4096];
    size_t  left, window, rest, room, unit;
    iconv_t cd;

    cd = jm_charset_cd[charset];
    unit = charset == JM_CHARSET_UTF16LE || charset == JM_CHARSET_UTF16BE ? 2
                                                                          : 1;
    src = (char *) in.data;
    left = in.len;

    iconv(cd, NULL, NULL, NULL, NULL);

    while (left != 0 && !out->truncated) {
        dst = chunk;
        room = sizeof(chunk);

        /* A window, since a sanitizer looks at the whole input each time. */
        window = left < JM_CHARSET_WINDOW ? left : JM_CHARSET_WINDOW;
        rest = window;
        err = iconv(cd, &src, &rest, &dst, &room) == (size_t) -1 ? errno : 0;
        left -= window - rest;

        jm_charset_filter(out, (u_char *) chunk, (u_char *) dst);

        if (err == EINVAL && rest < window && rest < left) {
            continue; /* only the window cut the character */
        }

        if (err == EILSEQ || err == EINVAL) {
            jm_buf_add(out, JM_REPLACEMENT, 3);

            if (left <= unit) {
                break;
            }

            src += unit;
            left -= unit;
            iconv(cd, NULL, NULL, NULL, NULL);
        }
    }

    /* Some converters keep a last character back (a base letter that a
     * combining mark might follow, as in CP1258). */
    dst = chunk;
    room = sizeof(chunk);
    iconv(cd, NULL, NULL, &dst, &room);
    jm_charset_filter(out, (u_char *) chunk, (u_char *) dst);
}


/* How many sequences of UTF-8, and how many bytes that are none. */
static void
jm_charset_count(jm_str_t in, size_t *valid, size_t *invalid)
{
    const u_char *p, *start, *end;

    *valid = 0;
    *invalid = 0;
    p = in.data;
    end = p + in.len;

    while ((p = jm_charset_skip_ascii(p, end)) < end) {
        start = p;

        if (jm_charset_next(&p, end) == 0xfffd
            && !jm_charset_is_replacement(start, p)) {
            (*invalid)++;

        } else if (p - start > 1) {
            (*valid)++;
        }
    }
}


/*
 * UTF-8 if that explains the 8-bit bytes: a sequence that happens to be valid
 * is unlikely in any other charset, so a few broken ones (a cut text, a stray
 * byte of a mailing list's footer) do not outweigh the valid ones.
 */
static int
jm_charset_guess(jm_str_t in)
{
    size_t valid, invalid;

    jm_charset_count(in, &valid, &invalid);

    return valid >= invalid * 8 ? JM_CHARSET_UTF8
                                : jm_charset_find(jm_str("windows-1252"));
}


/* 8-bit bytes, none of which even begins a sequence of UTF-8. */
static int
jm_charset_single_bytes(jm_str_t in)
{
    int    found;
    size_t i;

    found = 0;

    for (i = 0; i < in.len; i++) {
        found |= in.data[i] >= 0x80;

        if (in.data[i] >= 0xc0 && in.data[i] <= 0xf4 && i + 1 < in.len
            && (in.data[i + 1] & 0xc0) == 0x80)
        {
            return 0;
        }
    }

    return found;
}


/*
 * A body's charset where the declared one cannot be true: UTF-8 without any
 * sequence of it, or another one for bytes that are UTF-8 throughout (a few
 * characters may be so by accident).  UTF-16 is not told by its bytes.
 */
static int
jm_charset_corrected(jm_str_t in, int charset)
{
    size_t valid, invalid;

    if (charset == JM_CHARSET_GUESS || charset == JM_CHARSET_UTF16LE
        || charset == JM_CHARSET_UTF16BE)
    {
        return charset;
    }

    if (charset == JM_CHARSET_UTF8) {
        return jm_charset_single_bytes(in) ? JM_CHARSET_GUESS : charset;
    }

    jm_charset_count(in, &valid, &invalid);

    return valid >= JM_CHARSET_CERTAIN && invalid == 0 ? JM_CHARSET_UTF8
                                                       : charset;
}


void
jm_charset_append(jm_buf_t *out, jm_str_t in, int charset)
{
    size_t limit;

    if (in.len == 0) {
        return;
    }

    if (charset == JM_CHARSET_GUESS) {
        charset = jm_charset_guess(in);
    }

    if (charset == JM_CHARSET_UTF8) {
        jm_charset_filter(out, in.data, in.data + in.len);
        return;
    }

    if (strcmp(jm_charsets[charset].iconv, "EUC-JP-MS") == 0
        && memchr(in.data, 0x1b, in.len) != NULL)
    {
        in = jm_charset_from_2022(out->arena, in);
    }

    limit = out->limit;

    if (limit > out->len + in.len * 4) {
        out->limit = out->len + in.len * 4;
    }

    jm_charset_iconv(out, in, charset);
    out->limit = limit;
}


/* RFC 3629 and 2781: the mark's length, with the charset it names. */
static size_t
jm_charset_bom(jm_str_t in, int *charset)
{
    if (in.len >= 3 && memcmp(in.data, "\xef\xbb\xbf", 3) == 0) {
        *charset = JM_CHARSET_UTF8;
        return 3;
    }

    if (in.len >= 2 && in.data[0] == 0xff && in.data[1] == 0xfe) {
        *charset = JM_CHARSET_UTF16LE;
        return 2;
    }

    if (in.len >= 2 && in.data[0] == 0xfe && in.data[1] == 0xff) {
        *charset = JM_CHARSET_UTF16BE;
        return 2;
    }

    return 0;
}


/*
 * `<meta charset=x>` or `<meta http-equiv… content="…; charset=x">` among the
 * first 1024 bytes, as the HTML standard's prescan finds it, roughly.  A mail
 * that could be read far enough to find it is no UTF-16, whatever it claims.
 */
static int
jm_charset_meta(jm_str_t in)
{
    int           charset;
    jm_str_t      label;
    const u_char *p, *end;

    p = in.data;
    end = p + (in.len > 1024 ? 1024 : in.len);

    for (/* void */; end - p >= 5; p++) {
        if (*p == '<' && strncasecmp((char *) p, "<meta", 5) == 0) {
            break;
        }
    }

    for (/* void */; end - p >= 8; p++) {
        if ((*p | 0x20) != 'c' || strncasecmp((char *) p, "charset", 7) != 0) {
            continue;
        }

        p += 7;

        while (p < end && strchr(" \t\r\n", *p) != NULL) {
            p++;
        }

        if (p == end || *p != '=') {
            continue;
        }

        p++;

        while (p < end && strchr(" \t\r\n\"'", *p) != NULL) {
            p++;
        }

        label.data = (u_char *) p;

        while (p < end && strchr(" \t\r\n\"';/>", *p) == NULL) {
            p++;
        }

        label.len = p - label.data;
        charset = jm_charset_find(label);

        return charset == JM_CHARSET_UTF16LE || charset == JM_CHARSET_UTF16BE
                   ? JM_CHARSET_UTF8
                   : charset;
    }

    return JM_CHARSET_GUESS;
}


jm_str_t
jm_charset_body(jm_arena_t *arena, jm_str_t in, int charset, int html,
                size_t limit, unsigned *cut)
{
    size_t   bom;
    jm_buf_t out;
    jm_str_t text;

    if (in.len == 0) {
        return jm_str("");
    }

    bom = jm_charset_bom(in, &charset);
    in.data += bom;
    in.len -= bom;

    if (charset == JM_CHARSET_GUESS && html) {
        charset = jm_charset_meta(in);
    }

    charset = jm_charset_corrected(in, charset);

    if ((charset == JM_CHARSET_GUESS || charset == JM_CHARSET_UTF8)
        && in.len <= limit && jm_charset_clean(in))
    {
        return in;
    }

    jm_buf_init(&out, arena, limit);
    jm_charset_append(&out, in, charset);

    if (out.truncated) {
        *cut = 1;
    }

    text = jm_buf_str(&out);

    if (text.data == NULL) {
        text.data = (u_char *) "";
    }

    /* The limit may have split the last character. */
    if (out.truncated && !jm_charset_valid(text)) {
        while (text.len != 0 && (text.data[--text.len] & 0xc0) == 0x80) {
            /* void */
        }
    }

    return text;
}
