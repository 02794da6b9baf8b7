/*
 * The tokenizer of html_token.h.  Every state looks at each byte of the source
 * once, but for the search of an end tag in raw text; all work is linear.
 */

#include "html_token.h"

#include <strings.h>

#include "html_str.h"

typedef struct {
    const char *name;
    const char *utf8;
} jm_entity_t;

static void jm_token_markup(jm_tokenizer_t *t, jm_token_t *token);
static void jm_token_tag(jm_tokenizer_t *t, jm_token_t *token);
static int  jm_token_raw(jm_tokenizer_t *t, jm_token_t *token);


#define JM_ENTITY(name, utf8) { name, utf8 },

static const jm_entity_t jm_entities[] = {
#include "html_entities.def"
};

#define JM_NENTITIES       (sizeof(jm_entities) / sizeof(jm_entities[0]))
#define JM_ENTITY_MAX_NAME 32

/* Numeric references 0x80 to 0x9F mean windows-1252 (13.2.5.80). */
static const uint16_t jm_c1_references[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178
};


static int
jm_is_space(u_char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}


static int
jm_is_alpha(u_char c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}


static int
jm_is_alnum(u_char c)
{
    return jm_is_alpha(c) || (c >= '0' && c <= '9');
}


/* Noncharacters are for a program's own use, never in a text. */
static int
jm_is_noncharacter(uint32_t c)
{
    return (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}


/* The first byte from `p` on that is not plain: not ASCII, NUL or CR. */
static const u_char *
jm_html_skip_plain(const u_char *p, const u_char *end)
{
    uint64_t word, cr;

    static const uint64_t ones = 0x0101010101010101;

    for (/* void */; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        cr = word ^ (ones * '\r');

        /* a high bit, or a byte that borrows one: NUL, CR */
        if ((word | (word - ones) | (cr - ones)) & (ones * 0x80)) {
            break;
        }
    }

    while (p < end && *p != '\0' && *p != '\r' && *p < 0x80) {
        p++;
    }

    return p;
}


jm_str_t
jm_html_preprocess(jm_arena_t *arena, jm_str_t source)
{
    size_t        len;
    uint32_t      c;
    jm_buf_t      buf;
    const u_char *p, *end, *start;

    p = source.data;
    end = p + source.len;
    start = p;
    jm_buf_init(&buf, arena, SIZE_MAX);

    while ((p = jm_html_skip_plain(p, end)) < end) {
        len = (*p < 0x80) ? 0 : jm_utf8_decode(p, end, &c);

        if (len != 0 && !jm_is_noncharacter(c)) {
            p += len;
            continue;
        }

        if (buf.size == 0) {
            /* one allocation for the usual case */
            buf.data = jm_arena_alloc(arena, source.len + 64);
            buf.size = source.len + 64;
        }

        jm_buf_add(&buf, start, (size_t) (p - start));

        if (*p == '\r') {
            jm_buf_addc(&buf, '\n');
            len = (p + 1 < end && p[1] == '\n') ? 2 : 1;

        } else {
            jm_buf_add(&buf, "\xEF\xBF\xBD", 3);
        }

        p += (len == 0) ? 1 : len;
        start = p;
    }

    if (buf.size == 0) {
        return source;
    }

    jm_buf_add(&buf, start, (size_t) (p - start));

    return jm_buf_str(&buf);
}


/* A numeric reference; `p` is behind "&#".  Returns what follows it. */
static const u_char *
jm_reference_number(const u_char *p, const u_char *end, uint32_t *number)
{
    int           hex;
    u_char        c;
    uint32_t      n, digit;
    const u_char *start;

    hex = (p < end && (*p | 0x20) == 'x');
    p += hex;
    start = p;
    n = 0;

    for (/* void */; p < end; p++) {
        c = *p | 0x20;

        if (*p >= '0' && *p <= '9') {
            digit = *p - '0';
        } else if (hex && c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10u;
        } else {
            break;
        }

        if (n <= 0x10FFFF) {
            n = n * (hex ? 16 : 10) + digit;
        }
    }

    if (p == start) {
        return NULL;
    }

    if (p < end && *p == ';') {
        p++;
    }

    if (n >= 0x80 && n <= 0x9F) {
        n = jm_c1_references[n - 0x80];
    }

    if (n == 0 || n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF)
        || jm_is_noncharacter(n))
    {
        n = 0xFFFD;
    }

    *number = n;

    return p;
}


/* The longest name of the table at `p`, behind "&"; NULL if there is none. */
static const jm_entity_t *
jm_reference_name(const u_char *p, const u_char *end)
{
    int    cmp;
    size_t len, n, low, high, middle;

    for (n = 0; n < JM_ENTITY_MAX_NAME && p + n < end && jm_is_alnum(p[n]);
         n++) {
        /* void */
    }

    if (n < JM_ENTITY_MAX_NAME && p + n < end && p[n] == ';') {
        n++;
    }

    for (len = n; len >= 2; len--) {
        low = 0;
        high = JM_NENTITIES;

        while (low < high) {
            middle = (low + high) / 2;
            cmp = strncmp(jm_entities[middle].name, (const char *) p, len);

            if (cmp == 0 && jm_entities[middle].name[len] != '\0') {
                cmp = 1;
            }

            if (cmp == 0) {
                return &jm_entities[middle];
            }

            if (cmp < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
    }

    return NULL;
}


/* Decodes references; returns the string itself if it holds none. */
static jm_str_t
jm_token_decode(jm_tokenizer_t *t, jm_str_t str, int attribute)
{
    size_t             len;
    u_char             utf8[4];
    uint32_t           c;
    jm_buf_t           buf;
    const u_char      *p, *end, *amp, *next;
    const jm_entity_t *entity;

    p = str.data;
    end = p + str.len;
    amp = (str.len != 0) ? memchr(p, '&', str.len) : NULL;

    if (amp == NULL) {
        return str;
    }

    jm_buf_init(&buf, t->arena, SIZE_MAX);
    buf.data = jm_arena_alloc(t->arena, str.len + 8);
    buf.size = str.len + 8;

    while (amp != NULL) {
        jm_buf_add(&buf, p, (size_t) (amp - p));
        p = amp++;

        if (amp < end && *amp == '#') {
            next = jm_reference_number(amp + 1, end, &c);

            if (next != NULL) {
                jm_buf_add(&buf, utf8, jm_utf8_encode(c, utf8));
                p = next;
            }

        } else if ((entity = jm_reference_name(amp, end)) != NULL) {
            len = strlen(entity->name);
            next = amp + len;

            /* "&copy=1" in a link is a parameter, not a sign (13.2.5.73) */
            if (!attribute || next[-1] == ';' || next == end
                || (*next != '=' && !jm_is_alnum(*next)))
            {
                jm_buf_adds(&buf, entity->utf8);
                p = next;
            }
        }

        if (p != amp - 1) {
            amp = p;
        }

        amp = (amp < end) ? memchr(amp, '&', (size_t) (end - amp)) : NULL;
    }

    jm_buf_add(&buf, p, (size_t) (end - p));

    return jm_buf_str(&buf);
}


/* ASCII letters to lower case, copied only if there are capitals. */
static jm_str_t
jm_token_lower(jm_tokenizer_t *t, jm_str_t str)
{
    size_t   i;
    jm_str_t lower;

    for (i = 0; i < str.len; i++) {
        if (str.data[i] >= 'A' && str.data[i] <= 'Z') {
            break;
        }
    }

    if (i == str.len) {
        return str;
    }

    lower = jm_arena_str(t->arena, str.data, str.len);

    for (/* void */; i < lower.len; i++) {
        if (lower.data[i] >= 'A' && lower.data[i] <= 'Z') {
            lower.data[i] |= 0x20;
        }
    }

    return lower;
}


void
jm_tokenizer_init(jm_tokenizer_t *t, jm_arena_t *arena, jm_str_t source)
{
    t->arena = arena;
    t->pos = source.data;
    t->end = source.data + source.len;
    t->content = JM_CONTENT_DATA;
    t->doctype.data = NULL;
    t->doctype.len = 0;
}


void
jm_tokenizer_content(jm_tokenizer_t *t, jm_content_t content, jm_str_t name)
{
    t->content = content;
    t->raw_name = name;
}


void
jm_tokenizer_next(jm_tokenizer_t *t, jm_token_t *token)
{
    const u_char *p, *lt;

    memset(token, 0, sizeof(jm_token_t));
    token->attrs = t->attrs;

    if (t->content != JM_CONTENT_DATA && jm_token_raw(t, token)) {
        return;
    }

    for (;;) {
        p = t->pos;

        if (p == t->end) {
            token->kind = JM_TOKEN_EOF;
            return;
        }

        lt = p;

        /* a "<" that opens nothing is text (13.2.5.6) */
        while ((lt = memchr(lt, '<', (size_t) (t->end - lt))) != NULL) {
            if (lt + 1 < t->end
                && (jm_is_alpha(lt[1]) || lt[1] == '/' || lt[1] == '!'
                    || lt[1] == '?'))
            {
                /* "</" at the very end is text too */
                if (lt[1] != '/' || lt + 2 < t->end) {
                    break;
                }
            }

            if (++lt == t->end) {
                lt = NULL;
                break;
            }
        }

        if (lt == NULL) {
            lt = t->end;
        }

        if (lt != p) {
            token->kind = JM_TOKEN_TEXT;
            token->text.data = (u_char *) p;
            token->text.len = (size_t) (lt - p);
            token->text = jm_token_decode(t, token->text, 0);
            t->pos = lt;
            return;
        }

        jm_token_markup(t, token);

        if (token->kind != JM_TOKEN_EOF) {
            return;
        }
    }
}


/* Behind "<!--"; returns what follows the comment (13.2.5.43 to 52). */
static const u_char *
jm_token_comment(const u_char *p, const u_char *end)
{
    /* "<!-->" and "<!--->" are whole comments */
    if (p < end && *p == '>') {
        return p + 1;
    }

    if (p + 1 < end && p[0] == '-' && p[1] == '>') {
        return p + 2;
    }

    while (p < end && (p = memchr(p, '-', (size_t) (end - p))) != NULL) {
        if (p + 2 < end && p[1] == '-') {
            if (p[2] == '>') {
                return p + 3;
            }

            if (p[2] == '!' && p + 3 < end && p[3] == '>') {
                return p + 4;
            }
        }

        p++;
    }

    return end;
}


/* At a "<" that opens something.  Leaves kind EOF if that was a comment. */
static void
jm_token_markup(jm_tokenizer_t *t, jm_token_t *token)
{
    const u_char *p, *end, *name;

    p = t->pos + 1;
    end = t->end;

    if (*p == '!' && end - p >= 3 && p[1] == '-' && p[2] == '-') {
        t->pos = jm_token_comment(p + 3, end);
        return;
    }

    if (*p == '/') {
        p++;

        if (jm_is_alpha(*p)) {
            token->kind = JM_TOKEN_END;
            t->pos = p;
            jm_token_tag(t, token);
            return;
        }

    } else if (jm_is_alpha(*p)) {
        token->kind = JM_TOKEN_START;
        t->pos = p;
        jm_token_tag(t, token);
        return;
    }

    /*
     * "<!x", "<![if …]>", "<?x", "</ x", "</>": bogus comments and doctypes,
     * to the next ">", whatever quotes are in them.
     */
    name = p;
    p = memchr(p, '>', (size_t) (end - p));
    t->pos = (p == NULL) ? end : p + 1;

    if (t->doctype.data == NULL && t->pos - name > 9
        && strncasecmp((const char *) name, "!doctype", 8) == 0)
    {
        t->doctype.data = (u_char *) name + 8;
        t->doctype.len = (size_t) (t->pos - name) - 9;
    }
}


static const u_char *
jm_token_skip_space(const u_char *p, const u_char *end)
{
    while (p < end && jm_is_space(*p)) {
        p++;
    }

    return p;
}


/* At the value's first byte; NULL if its quote is never closed. */
static const u_char *
jm_token_value(const u_char *p, const u_char *end, jm_str_t *value)
{
    u_char        quote;
    const u_char *start;

    if (*p == '"' || *p == '\'') {
        quote = *p;
        start = ++p;
        p = (p < end) ? memchr(p, quote, (size_t) (end - p)) : NULL;

        if (p == NULL) {
            return NULL;
        }

        value->data = (u_char *) start;
        value->len = (size_t) (p - start);

        return p + 1;
    }

    start = p;

    while (p < end && !jm_is_space(*p) && *p != '>') {
        p++;
    }

    value->data = (u_char *) start;
    value->len = (size_t) (p - start);

    return p;
}


/* Keeps an attribute within the caps; cuts what is beyond. */
static void
jm_token_attr(jm_tokenizer_t *t, jm_token_t *token, jm_str_t name,
              jm_str_t value)
{
    size_t           limit;
    jm_token_attr_t *attr;

    if (token->nattrs == JM_TOKEN_MAX_ATTRS) {
        token->cut = 1;
        return;
    }

    limit = JM_TOKEN_MAX_VALUE;

    if (value.len > limit && strncasecmp((char *) value.data, "data:", 5) == 0)
    {
        limit = JM_TOKEN_MAX_DATA;
    }

    if (value.len > limit) {
        token->cut = 1;
        value.len = 0;
    }

    attr = &token->attrs[token->nattrs++];
    attr->name = jm_token_lower(t, name);
    attr->value = jm_token_decode(t, value, 1);
}


/*
 * At the first letter of a tag's name (13.2.5.8 and 13.2.5.32 to 40).  A tag
 * that the source does not finish is not a tag: kind becomes EOF.
 */
static void
jm_token_tag(jm_tokenizer_t *t, jm_token_t *token)
{
    jm_str_t      name, value;
    const u_char *p, *end, *start;

    p = t->pos;
    end = t->end;
    start = p;

    while (p < end && !jm_is_space(*p) && *p != '/' && *p != '>') {
        p++;
    }

    name.data = (u_char *) start;
    name.len = (size_t) (p - start);
    token->name = jm_token_lower(t, name);

    for (;;) {
        p = jm_token_skip_space(p, end);

        if (p == end) {
            break;
        }

        if (*p == '>') {
            t->pos = p + 1;
            return;
        }

        if (*p == '/') {
            p++;

            if (p < end && *p == '>') {
                token->self_closing = 1;
            }

            continue;
        }

        /* a "=" where a name should begin is its first character */
        start = p++;

        while (p < end && !jm_is_space(*p) && *p != '/' && *p != '>'
               && *p != '=') {
            p++;
        }

        name.data = (u_char *) start;
        name.len = (size_t) (p - start);
        value.data = (u_char *) start;
        value.len = 0;

        p = jm_token_skip_space(p, end);

        if (p < end && *p == '=') {
            p = jm_token_skip_space(p + 1, end);

            if (p == end) {
                break;
            }

            if (*p != '>') {
                p = jm_token_value(p, end, &value);

                if (p == NULL) {
                    break;
                }
            }
        }

        jm_token_attr(t, token, name, value);
    }

    token->kind = JM_TOKEN_EOF;
    t->pos = end;
}


/* Is there "</name" at `p`, and does the name end there? */
static int
jm_token_is_end(const u_char *p, const u_char *end, jm_str_t name)
{
    if ((size_t) (end - p) < name.len + 3 || p[0] != '<' || p[1] != '/') {
        return 0;
    }

    if (strncasecmp((char *) p + 2, (char *) name.data, name.len) != 0) {
        return 0;
    }

    p += 2 + name.len;

    return jm_is_space(*p) || *p == '/' || *p == '>';
}


static int
jm_token_is_script(const u_char *p, const u_char *end)
{
    static const jm_str_t script = { (u_char *) "script", 6 };

    if (end - p >= 2 && p[1] != '/') {
        return (size_t) (end - p) >= script.len + 2 && p[0] == '<'
               && strncasecmp((char *) p + 1, (char *) script.data, script.len)
                      == 0
               && (jm_is_space(p[7]) || p[7] == '/' || p[7] == '>');
    }

    return 0;
}


/*
 * The end of raw text.  In a script, "<!--" then "<script" hides the next
 * "</script" (13.2.5.18 to 31).
 */
static const u_char *
jm_token_raw_end(jm_tokenizer_t *t)
{
    int           escaped, twice;
    const u_char *p, *end;

    p = t->pos;
    end = t->end;
    escaped = 0;
    twice = 0;

    if (t->content == JM_CONTENT_PLAIN) {
        return end;
    }

    for (/* void */; p < end; p++) {
        if (t->content == JM_CONTENT_SCRIPT) {
            if (escaped && end - p >= 3 && memcmp(p, "-->", 3) == 0) {
                escaped = 0;
                twice = 0;
                continue;
            }

            if (!escaped && end - p >= 4 && memcmp(p, "<!--", 4) == 0) {
                escaped = 1;
                p += 1;
                continue;
            }

            if (escaped && !twice && jm_token_is_script(p, end)) {
                twice = 1;
                continue;
            }
        }

        if (*p == '<' && jm_token_is_end(p, end, t->raw_name)) {
            if (!twice) {
                return p;
            }

            twice = 0;
        }
    }

    return end;
}


/* Text up to the end tag; 0 if there is none of it. */
static int
jm_token_raw(jm_tokenizer_t *t, jm_token_t *token)
{
    jm_content_t  content;
    const u_char *p;

    p = jm_token_raw_end(t);
    content = t->content;
    t->content = JM_CONTENT_DATA;

    if (p == t->pos) {
        return 0;
    }

    token->kind = JM_TOKEN_TEXT;
    token->text.data = (u_char *) t->pos;
    token->text.len = (size_t) (p - t->pos);
    t->pos = p;

    if (content == JM_CONTENT_RCDATA) {
        token->text = jm_token_decode(t, token->text, 0);
    }

    return 1;
}


const jm_str_t *
jm_token_find(const jm_token_t *token, const char *name)
{
    size_t i;

    for (i = 0; i < token->nattrs; i++) {
        if (jm_str_is(token->attrs[i].name, name)) {
            return &token->attrs[i].value;
        }
    }

    return NULL;
}
