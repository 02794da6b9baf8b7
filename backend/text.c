/*
 * The plain text writer of text.h.
 */

#include "text.h"

#include <stdint.h>
#include <strings.h>

#include "html_token.h"

/* Characters of a table row that may stand side by side, and when each cell
 * has paragraphs of its own. */
#define JM_TEXT_LINE  72
#define JM_TEXT_CELLS 40

/* Bytes of a line's end and the marks of quotations and lists before it. */
#define JM_TEXT_MARKS 400

/* RFC 5321, 4.5.3.1 */
#define JM_TEXT_LOCAL  64
#define JM_TEXT_DOMAIN 255


void
jm_text_init(jm_text_t *text, jm_arena_t *arena, size_t limit)
{
    memset(text, 0, sizeof(jm_text_t));
    jm_buf_init(&text->buf, arena, limit);
    text->row = SIZE_MAX;
}


int
jm_text_class(uint32_t c)
{
    if (c > ' ' && c < 0x7f) {
        return JM_TEXT_SHOWN;
    }

    if (c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x1680
        || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029
        || c == 0x202f || c == 0x205f || c == 0x2800 || c == 0x3000)
    {
        return JM_TEXT_SPACE;
    }

    if (c == 0xad || c == 0x34f || c == 0x115f || c == 0x1160 || c == 0x17b4
        || c == 0x17b5 || c == 0x180e || c == 0x200b
        || (c >= 0x2060 && c <= 0x2064) || c == 0x3164 || c == 0xfeff
        || c == 0xffa0)
    {
        return JM_TEXT_FILLER;
    }

    return JM_TEXT_SHOWN;
}


int
jm_text_turns(const u_char *p, const u_char *end)
{
    return end - p >= 3 && p[0] == 0xE2
           && ((p[1] == 0x80 && p[2] >= 0xAA && p[2] <= 0xAE)
               || (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9));
}


/* Puts out the space or the line ends that are due. */
static void
jm_text_flush(jm_text_t *text)
{
    unsigned i;

    if (text->breaks != 0) {
        for (/* void */; text->buf.len != 0 && text->breaks > 0;
             text->breaks--) {
            jm_buf_addc(&text->buf, '\n');

            if (text->breaks > 1) {
                for (i = 0; i < text->gap; i++) {
                    jm_buf_addc(&text->buf, '>');
                }
            }
        }

        text->breaks = 0;
        text->line = 0;
    }

    if (!text->line) {
        for (i = 0; i < text->quotes; i++) {
            jm_buf_adds(&text->buf, "> ");
        }

        for (i = 1; i < text->lists; i++) {
            jm_buf_adds(&text->buf, "  ");
        }

    } else if (text->tab) {
        jm_buf_addc(&text->buf, '\t');

    } else if (text->space) {
        jm_buf_addc(&text->buf, ' ');
    }

    text->line = 1;
    text->space = 0;
    text->tab = 0;
}


/* Joiners mean something only between letters: does one come next? */
static int
jm_text_joins(const u_char *p, const u_char *end)
{
    uint32_t c;

    return p < end && jm_utf8_decode(p, end, &c) != 0
           && jm_text_class(c) == JM_TEXT_SHOWN && c != 0x200C && c != 0x200D;
}


static int
jm_text_is_plain(u_char c)
{
    return c > ' ' && c < 0x7f;
}


/* ASCII words with one space between them, which most of it is. */
static size_t
jm_text_words(const u_char *p, const u_char *end)
{
    size_t        len;
    const u_char *start;

    start = p;

    while (p < end && jm_text_is_plain(*p)) {
        len = (end - p >= 2 && p[1] == ' ') ? 2 : 1;

        if (len == 2 && (end - p == 2 || !jm_text_is_plain(p[2]))) {
            len = 1;
        }

        p += len;
    }

    return (size_t) (p - start);
}


void
jm_text_add(jm_text_t *text, jm_str_t str)
{
    int class;
    size_t        len;
    uint32_t      c;
    const u_char *p, *end;

    if (str.len == 0) {
        return;
    }

    p = str.data;
    end = p + str.len;

    while (p < end) {

        len = jm_text_words(p, end);

        if (len != 0) {
            jm_text_flush(text);
            jm_buf_add(&text->buf, p, len);
            p += len;
            continue;
        }

        len = jm_utf8_decode(p, end, &c);

        if (len == 0) {
            len = 1;
            c = *p;
        }

        class = jm_text_class(c);

        if ((c == 0x200C || c == 0x200D)
            && (text->space || text->breaks || !text->line
                || !jm_text_joins(p + len, end)))
        {
            class = JM_TEXT_FILLER;
        }

        if (class == JM_TEXT_SPACE) {
            text->space = 1;

        } else if (class == JM_TEXT_SHOWN) {
            jm_text_flush(text);
            jm_buf_add(&text->buf, p, len);
        }

        p += len;
    }
}


void
jm_text_add_lines(jm_text_t *text, jm_str_t str)
{
    size_t i, start;

    start = 0;

    for (i = 0; i <= str.len; i++) {
        if (i < str.len && str.data[i] != '\n') {
            continue;
        }

        if (i != start) {
            jm_text_flush(text);
            jm_buf_add(&text->buf, str.data + start, i - start);
        }

        if (i < str.len) {
            jm_text_newline(text);
        }

        start = i + 1;
    }
}


void
jm_text_adds(jm_text_t *text, const char *s)
{
    jm_text_flush(text);
    jm_buf_adds(&text->buf, s);
}


/* Empty lines between a quotation and what surrounds it are not quoted. */
static void
jm_text_gap(jm_text_t *text)
{
    if (text->breaks == 0 || text->quotes < text->gap) {
        text->gap = text->quotes;
    }
}


void
jm_text_quote(jm_text_t *text, int depth)
{
    jm_text_break(text, 1);

    if (depth < 0 ? text->quotes != 0 : text->quotes < JM_TEXT_MAX_QUOTES) {
        text->quotes += depth;
    }

    jm_text_gap(text);
}


void
jm_text_list(jm_text_t *text, int depth)
{
    if (depth < 0 ? text->lists != 0 : text->lists < JM_TEXT_MAX_QUOTES) {
        text->lists += depth;
    }
}


void
jm_text_tail(jm_text_t *text, jm_str_t str)
{
    unsigned breaks;

    breaks = text->breaks;
    text->breaks = 0;
    jm_text_add(text, str);
    text->breaks = breaks;
}


void
jm_text_break(jm_text_t *text, unsigned lines)
{
    text->space = 0;
    text->tab = 0;

    jm_text_gap(text);

    if (text->breaks < lines && text->buf.len != 0) {
        text->breaks = lines;
    }
}


void
jm_text_newline(jm_text_t *text)
{
    text->space = 0;
    text->tab = 0;

    jm_text_gap(text);

    if (text->buf.len != 0 && text->breaks < 3) {
        text->breaks++;
    }
}


/* How much of the row stands there, on one line; more than JM_TEXT_LINE if it
 * is longer or has several. */
static size_t
jm_text_cells(const jm_text_t *text)
{
    size_t i;

    /* the line end before it, and its marks */
    for (i = text->row; i < text->buf.len && i - text->row < JM_TEXT_MARKS;
         i++) {
        if (strchr("\n> ", text->buf.data[i]) == NULL) {
            break;
        }
    }

    if (text->buf.len - i <= JM_TEXT_LINE
        && memchr(text->buf.data + i, '\n', text->buf.len - i) != NULL)
    {
        return SIZE_MAX;
    }

    return text->buf.len - i;
}


void
jm_text_row(jm_text_t *text, int begins)
{
    size_t len;

    jm_text_break(text, 1);

    /* rows of cells beside each other need no empty lines between them */
    if (!begins && text->row < text->buf.len) {
        len = jm_text_cells(text);

        if (len <= JM_TEXT_LINE
            && memchr(text->buf.data + text->buf.len - len, '\t', len) != NULL)
        {
            text->breaks = 1;
        }
    }

    text->row = begins ? text->buf.len : SIZE_MAX;
}


void
jm_text_cell(jm_text_t *text)
{
    size_t len;

    if (text->row >= text->buf.len) {
        text->tab |= text->line && text->breaks == 0;
        return;
    }

    len = jm_text_cells(text);

    if (len > (text->breaks == 0 ? JM_TEXT_LINE : JM_TEXT_CELLS)) {
        jm_text_break(text, 1);

    } else if (len != 0) {
        text->breaks = 0;
        text->space = 0;
        text->tab = 1;
    }
}


void
jm_text_link(jm_text_t *text, int begins)
{
    if (!begins) {
        text->link = text->buf.len;

    } else if (text->link == text->buf.len && text->line) {
        text->space = 1;
    }
}


jm_str_t
jm_text_str(jm_text_t *text)
{
    jm_str_t str;

    str = jm_buf_str(&text->buf);

    /* the limit may have cut a character */
    while (str.len != 0 && text->buf.truncated
           && (str.data[str.len - 1] & 0xC0) == 0x80)
    {
        str.len--;
    }

    if (str.len != 0 && str.data[str.len - 1] >= 0xC0) {
        str.len--;
    }

    return str;
}


jm_str_t
jm_text_line(jm_str_t *rest)
{
    jm_str_t      line;
    const u_char *lf;

    lf = memchr(rest->data, '\n', rest->len);
    line.data = rest->data;
    line.len = lf == NULL ? rest->len : (size_t) (lf - rest->data);
    rest->data += line.len + (lf != NULL);
    rest->len -= line.len + (lf != NULL);
    line.len -= line.len != 0 && line.data[line.len - 1] == '\r';

    return line;
}


static int
jm_text_starts(jm_str_t text, size_t at, const char *word)
{
    return text.len - at > strlen(word)
           && strncasecmp((char *) text.data + at, word, strlen(word)) == 0;
}


/* What may stand in a mail address as people have them; RFC 5322's atext is
 * wider. */
static int
jm_text_is_local(u_char c)
{
    return (u_char) ((c | 0x20) - 'a') < 26 || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("._%+-", c) != NULL);
}


/* The length of a domain at `p`: labels with a dot, the last of letters. */
static size_t
jm_text_domain(const u_char *p, const u_char *end)
{
    size_t        letters, last, dots;
    const u_char *start;

    start = p;
    letters = 0;
    last = 0;
    dots = 0;

    for (/* void */; p < end && p - start <= JM_TEXT_DOMAIN; p++) {
        if ((u_char) ((*p | 0x20) - 'a') < 26) {
            letters++;

        } else if (*p == '.' && p > start && p[-1] != '.') {
            dots++;
            last = letters;
            letters = 0;

        } else if ((*p >= '0' && *p <= '9') || (*p == '-' && p > start)) {
            letters = 0;

        } else {
            break;
        }
    }

    if (p > start && p[-1] == '.') { /* of the sentence */
        p--;
        dots--;
        letters = last;
    }

    return dots != 0 && letters >= 2 && p - start <= JM_TEXT_DOMAIN ? p - start
                                                                    : 0;
}


size_t
jm_text_find_mail(jm_str_t text, size_t from, size_t *start)
{
    size_t        len;
    const u_char *at, *p, *first, *end;

    if (from >= text.len) {
        return 0;
    }

    first = text.data + from;
    end = text.data + text.len;

    for (at = first; (at = memchr(at, '@', end - at)) != NULL; at++) {
        for (p = at;
             p > first && at - p <= JM_TEXT_LOCAL && jm_text_is_local(p[-1]);
             p--)
        {
            /* void */
        }

        len = jm_text_domain(at + 1, end);

        if (p == at || at - p > JM_TEXT_LOCAL || *p == '.' || at[-1] == '.'
            || len == 0 || (p > text.data && strchr("/@=?&#", p[-1]) != NULL))
        {
            continue;
        }

        *start = p - text.data;

        return at + 1 + len - p;
    }

    return 0;
}


size_t
jm_text_find_url(jm_str_t text, size_t from, size_t *start)
{
    size_t i, end, open;
    u_char c;

    for (i = from; i < text.len; i++) {
        c = text.data[i] | 0x20;

        if (c != 'h' && c != 'w') {
            continue;
        }

        /* not in the middle of a word */
        if (i != 0
            && ((u_char) ((text.data[i - 1] | 0x20) - 'a') < 26
                || (text.data[i - 1] >= '0' && text.data[i - 1] <= '9')))
        {
            continue;
        }

        if (jm_text_starts(text, i, "http://")
            || jm_text_starts(text, i, "https://")
            || jm_text_starts(text, i, "www."))
        {
            break;
        }
    }

    if (i >= text.len) {
        return 0;
    }

    open = 0;

    for (end = i; end < text.len; end++) {
        c = text.data[end];

        if (c <= ' ' || c == 0x7F || strchr("<>\"`{}|\\^", c) != NULL) {
            break;
        }

        /* a bracket ends the address it stands around */
        if (c == '(') {
            open++;
        } else if (c == ')' && open-- == 0) {
            break;
        }
    }

    while (end > i && strchr(".,;:!?'*", text.data[end - 1]) != NULL) {
        end--;
    }

    *start = i;

    return end - i;
}
