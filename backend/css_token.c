/*
 * The tokenizer of css_token.h, called by css.c and css_value.c.  Decoded text
 * goes to the arena.  Numbers are sections of css-syntax-3.
 */

#include "css_token.h"

#include "jm_utf8.h"


static int
jm_css_space(u_char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}


static int
jm_css_name_start(u_char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c >= 0x80;
}


static int
jm_css_name_char(u_char c)
{
    return jm_css_name_start(c) || jm_css_digit(c) || c == '-';
}


/* The byte `n` ahead, 0 behind the end. */
static u_char
jm_css_peek(jm_css_t *css, size_t n)
{
    return ((size_t) (css->end - css->pos) > n) ? css->pos[n] : 0;
}


/* 4.3.8: a backslash that is not before a newline. */
static int
jm_css_escape_at(jm_css_t *css, size_t n)
{
    u_char c;

    c = jm_css_peek(css, n + 1);

    return jm_css_peek(css, n) == '\\' && c != '\n' && c != '\r' && c != '\f';
}


/* 4.3.9: would an identifier start `n` bytes ahead? */
static int
jm_css_ident_at(jm_css_t *css, size_t n)
{
    u_char c;

    c = jm_css_peek(css, n);

    if (c == '-') {
        return jm_css_peek(css, n + 1) == '-'
               || jm_css_name_start(jm_css_peek(css, n + 1))
               || jm_css_escape_at(css, n + 1);
    }

    return jm_css_name_start(c) || jm_css_escape_at(css, n);
}


/* 4.3.10 */
static int
jm_css_number_at(jm_css_t *css)
{
    size_t n;

    n = (jm_css_peek(css, 0) == '+' || jm_css_peek(css, 0) == '-');

    return jm_css_digit(jm_css_peek(css, n))
           || (jm_css_peek(css, n) == '.'
               && jm_css_digit(jm_css_peek(css, n + 1)));
}


/* 4.3.7: behind the backslash. */
static void
jm_css_escape(jm_css_t *css, jm_buf_t *buf)
{
    int      n;
    u_char   utf8[4], c;
    uint32_t code;

    if (css->pos == css->end) {
        jm_buf_adds(buf, "\xEF\xBF\xBD");
        return;
    }

    if (!jm_css_hex(*css->pos)) {
        jm_buf_addc(buf, *css->pos++);
        return;
    }

    code = 0;

    for (n = 0; n < 6 && css->pos < css->end && jm_css_hex(*css->pos); n++) {
        c = *css->pos++;
        code = code * 16 + (jm_css_digit(c) ? c - 48u : (c | 0x20) - 87u);
    }

    if (css->pos < css->end && jm_css_space(*css->pos)) {
        if (*css->pos == '\r' && jm_css_peek(css, 1) == '\n') {
            css->pos++;
        }

        css->pos++;
    }

    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        code = 0xFFFD;
    }

    jm_buf_add(buf, utf8, jm_utf8_encode(code, utf8));
}


/* 4.3.11; points into the source unless it holds escapes. */
static jm_str_t
jm_css_name(jm_css_t *css)
{
    jm_buf_t      buf;
    jm_str_t      name;
    const u_char *start;

    start = css->pos;

    while (css->pos < css->end && jm_css_name_char(*css->pos)) {
        css->pos++;
    }

    name.data = (u_char *) start;
    name.len = (size_t) (css->pos - start);

    if (!jm_css_escape_at(css, 0)) {
        return name;
    }

    jm_buf_init(&buf, css->arena, SIZE_MAX);
    jm_buf_add(&buf, name.data, name.len);

    while (css->pos < css->end) {
        if (jm_css_name_char(*css->pos)) {
            jm_buf_addc(&buf, *css->pos++);

        } else if (jm_css_escape_at(css, 0)) {
            css->pos++;
            jm_css_escape(css, &buf);

        } else {
            break;
        }
    }

    return jm_buf_str(&buf);
}


/* 4.3.5: at the opening quote. */
static void
jm_css_string(jm_css_t *css)
{
    u_char   quote, c;
    jm_buf_t buf;

    quote = *css->pos++;
    jm_buf_init(&buf, css->arena, SIZE_MAX);
    css->token.kind = JM_CSS_STRING;

    while (css->pos < css->end) {
        c = *css->pos;

        if (c == quote) {
            css->pos++;
            break;
        }

        if (c == '\n' || c == '\r' || c == '\f') {
            css->token.kind = JM_CSS_BAD_STRING;
            return;
        }

        css->pos++;

        if (c != '\\') {
            jm_buf_addc(&buf, c);
            continue;
        }

        c = jm_css_peek(css, 0);

        if (css->pos == css->end) {
            break;
        }

        if (c == '\n' || c == '\r' || c == '\f') {
            css->pos += (c == '\r' && jm_css_peek(css, 1) == '\n') ? 2 : 1;
        } else {
            jm_css_escape(css, &buf);
        }
    }

    css->token.text = jm_buf_str(&buf);
}


/* 4.3.14 */
static void
jm_css_bad_url(jm_css_t *css)
{
    css->token.kind = JM_CSS_BAD_URL;

    while (css->pos < css->end && *css->pos++ != ')') {
        if (css->pos[-1] == '\\' && css->pos < css->end) {
            css->pos++;
        }
    }
}


/* 4.3.6: behind "url(" and its spaces, no quote there. */
static void
jm_css_url(jm_css_t *css)
{
    u_char   c;
    jm_buf_t buf;

    jm_buf_init(&buf, css->arena, SIZE_MAX);
    css->token.kind = JM_CSS_URL;

    while (css->pos < css->end) {
        c = *css->pos;

        if (c == ')') {
            css->pos++;
            break;
        }

        if (jm_css_space(c)) {
            while (css->pos < css->end && jm_css_space(*css->pos)) {
                css->pos++;
            }

            if (css->pos < css->end && *css->pos != ')') {
                jm_css_bad_url(css);
                return;
            }

            continue;
        }

        if (c == '"' || c == '\'' || c == '(' || c < ' ' || c == 0x7F
            || (c == '\\' && !jm_css_escape_at(css, 0)))
        {
            jm_css_bad_url(css);
            return;
        }

        css->pos++;

        if (c == '\\') {
            jm_css_escape(css, &buf);
        } else {
            jm_buf_addc(&buf, c);
        }
    }

    css->token.text = jm_buf_str(&buf);
}


/* 4.3.4 */
static void
jm_css_ident(jm_css_t *css)
{
    size_t n;

    css->token.text = jm_css_name(css);

    if (jm_css_peek(css, 0) != '(') {
        css->token.kind = JM_CSS_IDENT;
        return;
    }

    css->pos++;
    css->token.kind = JM_CSS_FUNCTION;

    if (!jm_css_is(css->token.text, "url")) {
        return;
    }

    for (n = 0; jm_css_space(jm_css_peek(css, n)); n++) {
        /* void */
    }

    if (jm_css_peek(css, n) != '"' && jm_css_peek(css, n) != '\'') {
        css->pos += n;
        jm_css_url(css);
    }
}


/* 4.3.3 and 4.3.13 */
static void
jm_css_number(jm_css_t *css)
{
    int    sign, exponent, exponent_sign;
    size_t n;
    double value, scale;

    sign = (*css->pos == '-') ? -1 : 1;

    if (*css->pos == '-' || *css->pos == '+') {
        css->pos++;
    }

    value = 0;
    css->token.integer = 1;

    while (jm_css_digit(jm_css_peek(css, 0))) {
        value = value * 10 + (*css->pos++ - '0');
    }

    if (jm_css_peek(css, 0) == '.' && jm_css_digit(jm_css_peek(css, 1))) {
        css->pos++;
        css->token.integer = 0;

        for (scale = 0.1; jm_css_digit(jm_css_peek(css, 0)); scale /= 10) {
            value += scale * (*css->pos++ - '0');
        }
    }

    n = (jm_css_peek(css, 1) == '+' || jm_css_peek(css, 1) == '-') ? 2 : 1;

    if ((jm_css_peek(css, 0) | 0x20) == 'e'
        && jm_css_digit(jm_css_peek(css, n))) {
        exponent_sign = (jm_css_peek(css, 1) == '-');
        css->pos += n;
        css->token.integer = 0;

        for (exponent = 0; jm_css_digit(jm_css_peek(css, 0)); css->pos++) {
            if (exponent < 100) {
                exponent = exponent * 10 + (*css->pos - '0');
            }
        }

        for (/* void */; exponent > 0; exponent--) {
            value = exponent_sign ? value / 10 : value * 10;
        }
    }

    css->token.number = sign * value;
    css->token.kind = JM_CSS_NUMBER;

    if (jm_css_ident_at(css, 0)) {
        css->token.text = jm_css_name(css);
        css->token.kind = JM_CSS_DIMENSION;

    } else if (jm_css_peek(css, 0) == '%') {
        css->pos++;
        css->token.kind = JM_CSS_PERCENTAGE;
    }
}


/* 4.3.2 */
static void
jm_css_skip_comments(jm_css_t *css)
{
    while (jm_css_peek(css, 0) == '/' && jm_css_peek(css, 1) == '*') {

        for (css->pos += 2; css->pos < css->end; css->pos++) {
            if (jm_css_peek(css, 0) == '*' && jm_css_peek(css, 1) == '/') {
                css->pos += 2;
                break;
            }
        }
    }
}


static int
jm_css_ahead(jm_css_t *css, const char *word)
{
    return (size_t) (css->end - css->pos) >= strlen(word)
           && memcmp(css->pos, word, strlen(word)) == 0;
}


void
jm_css_init(jm_css_t *css, jm_arena_t *arena, jm_str_t source)
{
    memset(css, 0, sizeof(jm_css_t));
    css->arena = arena;

    if (source.len != 0) {
        css->pos = source.data;
        css->end = source.data + source.len;
    }
}


/* 4.3.1 */
void
jm_css_next(jm_css_t *css)
{
    u_char c;

    memset(&css->token, 0, sizeof(jm_css_token_t));

    jm_css_skip_comments(css);

    if (css->pos == css->end) {
        css->token.kind = JM_CSS_EOF;
        return;
    }

    c = *css->pos;

    if (jm_css_space(c)) {
        while (css->pos < css->end && jm_css_space(*css->pos)) {
            css->pos++;
        }

        css->token.kind = JM_CSS_SPACE;
        return;
    }

    if (c == '"' || c == '\'') {
        jm_css_string(css);
        return;
    }

    if (jm_css_number_at(css)) {
        jm_css_number(css);
        return;
    }

    if (jm_css_ahead(css, "-->")) {
        css->pos += 3;
        css->token.kind = JM_CSS_CDC;
        return;
    }

    if (jm_css_ident_at(css, 0)) {
        jm_css_ident(css);
        return;
    }

    if (jm_css_ahead(css, "<!--")) {
        css->pos += 4;
        css->token.kind = JM_CSS_CDO;
        return;
    }

    if (c == '#'
        && (jm_css_name_char(jm_css_peek(css, 1)) || jm_css_escape_at(css, 1)))
    {
        css->pos++;
        css->token.kind = JM_CSS_HASH;
        css->token.id = jm_css_ident_at(css, 0) != 0;
        css->token.text = jm_css_name(css);
        return;
    }

    if (c == '@' && jm_css_ident_at(css, 1)) {
        css->pos++;
        css->token.kind = JM_CSS_AT;
        css->token.text = jm_css_name(css);
        return;
    }

    css->pos++;
    css->token.kind = JM_CSS_DELIM;
    css->token.delim = c;
}


void
jm_css_next_solid(jm_css_t *css)
{
    do {
        jm_css_next(css);
    } while (css->token.kind == JM_CSS_SPACE);
}
