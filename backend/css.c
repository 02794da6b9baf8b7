/*
 * The CSS filter of css.h: tokenizer, then the declaration list, then each
 * value token by token.  A declaration that holds anything not known to be
 * harmless is dropped whole; error recovery is that of css-syntax-3 5.4, so
 * that a browser and we agree where the next one begins.
 */

#include "css.h"

#include <stdlib.h>
#include <strings.h>

#include "html_token.h"

#define JM_CSS_MAX_DECLARATIONS 256
#define JM_CSS_MAX_NESTING      16
#define JM_CSS_MAX_IDENT        64
#define JM_CSS_MAX_STRING       128

typedef enum {
    T_EOF,
    T_IDENT,
    T_FUNCTION,
    T_AT,
    T_HASH,
    T_STRING,
    T_BAD,
    T_URL,
    T_NUMBER,
    T_PERCENTAGE,
    T_DIMENSION,
    T_SPACE,
    T_DELIM /* any other single byte, brackets included */
} jm_css_kind_t;

typedef struct {
    jm_css_kind_t kind;
    jm_str_t      text; /* name, string, URL or unit, escapes decoded */
    double        number;
    u_char        delim;
} jm_css_token_t;

typedef struct {
    jm_arena_t    *arena;
    const u_char  *pos;
    const u_char  *end;
    jm_css_token_t token; /* the current one */
    jm_css_info_t *info;
} jm_css_t;

/* What a property's values are held to beyond the general rules. */
enum jm_css_rule {
    GENERAL = 0,
    MARGIN = 1,      /* not below -200px: text over other text */
    FONT_SIZE = 2,   /* at most 200px */
    LINE_HEIGHT = 4, /* at most 10 */
    STRINGS = 8,     /* strings are values */
    BACKGROUND = 16, /* an image is left out, the rest kept */
    OFFSET = 32,     /* counts only with position: relative, up to 200px */
    POSITION = 64,
    DISPLAY = 128,
    OVERFLOW = 256
};

typedef struct {
    const char *name;
    unsigned    rules;
} jm_css_property_t;

typedef struct {
    const char *name;
    double      pixels; /* 0: not a length */
} jm_css_unit_t;

typedef struct {
    const jm_css_property_t *property;
    jm_str_t                 value;
} jm_css_declaration_t;

static void jm_css_next(jm_css_t *css);


/* Sorted by name. */
static const jm_css_property_t jm_css_properties[] = {
    { "align-content", GENERAL },
    { "align-items", GENERAL },
    { "align-self", GENERAL },
    { "aspect-ratio", GENERAL },
    { "background", BACKGROUND },
    { "background-clip", GENERAL },
    { "background-color", GENERAL },
    { "background-image", GENERAL },
    { "background-origin", GENERAL },
    { "background-position", GENERAL },
    { "background-repeat", GENERAL },
    { "background-size", GENERAL },
    { "border", GENERAL },
    { "border-bottom", GENERAL },
    { "border-bottom-color", GENERAL },
    { "border-bottom-left-radius", GENERAL },
    { "border-bottom-right-radius", GENERAL },
    { "border-bottom-style", GENERAL },
    { "border-bottom-width", GENERAL },
    { "border-collapse", GENERAL },
    { "border-color", GENERAL },
    { "border-left", GENERAL },
    { "border-left-color", GENERAL },
    { "border-left-style", GENERAL },
    { "border-left-width", GENERAL },
    { "border-radius", GENERAL },
    { "border-right", GENERAL },
    { "border-right-color", GENERAL },
    { "border-right-style", GENERAL },
    { "border-right-width", GENERAL },
    { "border-spacing", GENERAL },
    { "border-style", GENERAL },
    { "border-top", GENERAL },
    { "border-top-color", GENERAL },
    { "border-top-left-radius", GENERAL },
    { "border-top-right-radius", GENERAL },
    { "border-top-style", GENERAL },
    { "border-top-width", GENERAL },
    { "border-width", GENERAL },
    { "bottom", OFFSET },
    { "box-shadow", GENERAL },
    { "box-sizing", GENERAL },
    { "break-after", GENERAL },
    { "break-before", GENERAL },
    { "break-inside", GENERAL },
    { "caption-side", GENERAL },
    { "clear", GENERAL },
    { "color", GENERAL },
    { "color-scheme", GENERAL },
    { "column-count", GENERAL },
    { "column-gap", GENERAL },
    { "column-width", GENERAL },
    { "columns", GENERAL },
    { "direction", GENERAL },
    { "display", DISPLAY },
    { "empty-cells", GENERAL },
    { "flex", GENERAL },
    { "flex-basis", GENERAL },
    { "flex-direction", GENERAL },
    { "flex-flow", GENERAL },
    { "flex-grow", GENERAL },
    { "flex-shrink", GENERAL },
    { "flex-wrap", GENERAL },
    { "float", GENERAL },
    { "font", FONT_SIZE | STRINGS },
    { "font-family", STRINGS },
    { "font-size", FONT_SIZE },
    { "font-stretch", GENERAL },
    { "font-style", GENERAL },
    { "font-variant", GENERAL },
    { "font-weight", GENERAL },
    { "gap", GENERAL },
    { "grid-area", GENERAL },
    { "grid-auto-columns", GENERAL },
    { "grid-auto-flow", GENERAL },
    { "grid-auto-rows", GENERAL },
    { "grid-column", GENERAL },
    { "grid-column-end", GENERAL },
    { "grid-column-start", GENERAL },
    { "grid-row", GENERAL },
    { "grid-row-end", GENERAL },
    { "grid-row-start", GENERAL },
    { "grid-template-areas", STRINGS },
    { "grid-template-columns", GENERAL },
    { "grid-template-rows", GENERAL },
    { "height", GENERAL },
    { "hyphens", GENERAL },
    { "justify-content", GENERAL },
    { "justify-items", GENERAL },
    { "justify-self", GENERAL },
    { "left", OFFSET },
    { "letter-spacing", GENERAL },
    { "line-height", LINE_HEIGHT },
    { "list-style", BACKGROUND },
    { "list-style-image", GENERAL },
    { "list-style-position", GENERAL },
    { "list-style-type", GENERAL },
    { "margin", MARGIN },
    { "margin-bottom", MARGIN },
    { "margin-left", MARGIN },
    { "margin-right", MARGIN },
    { "margin-top", MARGIN },
    { "max-height", GENERAL },
    { "max-width", GENERAL },
    { "min-height", GENERAL },
    { "min-width", GENERAL },
    { "object-fit", GENERAL },
    { "object-position", GENERAL },
    { "opacity", GENERAL },
    { "order", GENERAL },
    { "orphans", GENERAL },
    { "outline", GENERAL },
    { "outline-color", GENERAL },
    { "outline-offset", GENERAL },
    { "outline-style", GENERAL },
    { "outline-width", GENERAL },
    { "overflow", OVERFLOW },
    { "overflow-wrap", GENERAL },
    { "overflow-x", OVERFLOW },
    { "overflow-y", OVERFLOW },
    { "padding", GENERAL },
    { "padding-bottom", GENERAL },
    { "padding-left", GENERAL },
    { "padding-right", GENERAL },
    { "padding-top", GENERAL },
    { "page-break-after", GENERAL },
    { "page-break-before", GENERAL },
    { "page-break-inside", GENERAL },
    { "position", POSITION },
    { "right", OFFSET },
    { "row-gap", GENERAL },
    { "tab-size", GENERAL },
    { "table-layout", GENERAL },
    { "text-align", GENERAL },
    { "text-align-last", GENERAL },
    { "text-decoration", GENERAL },
    { "text-decoration-color", GENERAL },
    { "text-decoration-line", GENERAL },
    { "text-decoration-style", GENERAL },
    { "text-decoration-thickness", GENERAL },
    { "text-indent", GENERAL },
    { "text-overflow", GENERAL },
    { "text-shadow", GENERAL },
    { "text-transform", GENERAL },
    { "text-underline-offset", GENERAL },
    { "top", OFFSET },
    { "unicode-bidi", GENERAL },
    { "vertical-align", GENERAL },
    { "visibility", GENERAL },
    { "white-space", GENERAL },
    { "widows", GENERAL },
    { "width", GENERAL },
    { "word-break", GENERAL },
    { "word-spacing", GENERAL },
    { "word-wrap", GENERAL },
    { "writing-mode", GENERAL },
    { "z-index", OFFSET },
};

#define JM_NPROPERTIES                                                        \
    (sizeof(jm_css_properties) / sizeof(jm_css_properties[0]))

/* Units, and what one is in pixels for the limits, roughly. */
static const jm_css_unit_t jm_css_units[] = {
    { "px", 1 },    { "em", 16 },   { "rem", 16 },  { "pt", 1.333 },
    { "ex", 8 },    { "ch", 8 },    { "vw", 16 },   { "vh", 16 },
    { "vmin", 16 }, { "vmax", 16 }, { "in", 96 },   { "cm", 37.8 },
    { "mm", 3.78 }, { "pc", 16 },   { "q", 0.945 }, { "fr", 0 },
    { "deg", 0 },   { "rad", 0 },   { "grad", 0 },  { "turn", 0 },
};

/* Functions whose arguments are numbers, colours and words. */
static const char *const jm_css_functions[] = { "rgb",
                                                "rgba",
                                                "hsl",
                                                "hsla",
                                                "hwb",
                                                "lab",
                                                "lch",
                                                "oklab",
                                                "oklch",
                                                "color-mix",
                                                "linear-gradient",
                                                "radial-gradient",
                                                "conic-gradient",
                                                "repeating-linear-gradient",
                                                "repeating-radial-gradient",
                                                "repeating-conic-gradient",
                                                "calc",
                                                "min",
                                                "max",
                                                "clamp",
                                                "minmax",
                                                "repeat",
                                                "fit-content",
                                                NULL };

static const char *const jm_css_math[] = { "calc", "min", "max", "clamp",
                                           NULL };

static const char *const jm_css_displays[] = { "block",
                                               "inline",
                                               "inline-block",
                                               "none",
                                               "flex",
                                               "inline-flex",
                                               "grid",
                                               "inline-grid",
                                               "table",
                                               "inline-table",
                                               "table-row",
                                               "table-cell",
                                               "table-row-group",
                                               "table-header-group",
                                               "table-footer-group",
                                               "table-column",
                                               "table-column-group",
                                               "table-caption",
                                               "list-item",
                                               "contents",
                                               "flow-root",
                                               "inherit",
                                               "initial",
                                               "unset",
                                               NULL };

/* "absolute", "fixed" and "sticky" could cover what is not of the mail. */
static const char *const jm_css_positions[] = { "static", "relative", NULL };

static const char *const jm_css_overflows[] = { "hidden",  "auto",    "scroll",
                                                "visible", "inherit", NULL };


static int
jm_css_is(jm_str_t str, const char *word)
{
    return strlen(word) == str.len
           && strncasecmp((char *) str.data, word, str.len) == 0;
}


static int
jm_css_in(jm_str_t str, const char *const *words)
{
    for (/* void */; *words != NULL; words++) {
        if (jm_css_is(str, *words)) {
            return 1;
        }
    }

    return 0;
}


static int
jm_css_space(u_char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}


static int
jm_css_digit(u_char c)
{
    return c >= '0' && c <= '9';
}


static int
jm_css_hex(u_char c)
{
    return jm_css_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
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
    css->token.kind = T_STRING;

    while (css->pos < css->end) {
        c = *css->pos;

        if (c == quote) {
            css->pos++;
            break;
        }

        if (c == '\n' || c == '\r' || c == '\f') {
            css->token.kind = T_BAD;
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
    css->token.kind = T_BAD;

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
    css->token.kind = T_URL;

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
        css->token.kind = T_IDENT;
        return;
    }

    css->pos++;
    css->token.kind = T_FUNCTION;

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

    while (jm_css_digit(jm_css_peek(css, 0))) {
        value = value * 10 + (*css->pos++ - '0');
    }

    if (jm_css_peek(css, 0) == '.' && jm_css_digit(jm_css_peek(css, 1))) {
        css->pos++;

        for (scale = 0.1; jm_css_digit(jm_css_peek(css, 0)); scale /= 10) {
            value += scale * (*css->pos++ - '0');
        }
    }

    n = (jm_css_peek(css, 1) == '+' || jm_css_peek(css, 1) == '-') ? 2 : 1;

    if ((jm_css_peek(css, 0) | 0x20) == 'e'
        && jm_css_digit(jm_css_peek(css, n))) {
        exponent_sign = (jm_css_peek(css, 1) == '-');
        css->pos += n;

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
    css->token.kind = T_NUMBER;

    if (jm_css_ident_at(css, 0)) {
        css->token.text = jm_css_name(css);
        css->token.kind = T_DIMENSION;

    } else if (jm_css_peek(css, 0) == '%') {
        css->pos++;
        css->token.kind = T_PERCENTAGE;
    }
}


/* Space and comments: one token, for a comment may part two others. */
static int
jm_css_skip_space(jm_css_t *css)
{
    const u_char *start;

    start = css->pos;

    for (;;) {
        if (css->pos < css->end && jm_css_space(*css->pos)) {
            css->pos++;
            continue;
        }

        if (jm_css_peek(css, 0) != '/' || jm_css_peek(css, 1) != '*') {
            return css->pos != start;
        }

        for (css->pos += 2; css->pos < css->end; css->pos++) {
            if (jm_css_peek(css, 0) == '*' && jm_css_peek(css, 1) == '/') {
                css->pos += 2;
                break;
            }
        }
    }
}


/* 4.3.1 */
static void
jm_css_next(jm_css_t *css)
{
    u_char c;

    memset(&css->token, 0, sizeof(jm_css_token_t));

    if (jm_css_skip_space(css)) {
        css->token.kind = T_SPACE;
        return;
    }

    if (css->pos == css->end) {
        css->token.kind = T_EOF;
        return;
    }

    c = *css->pos;

    if (c == '"' || c == '\'') {
        jm_css_string(css);
        return;
    }

    if (jm_css_number_at(css)) {
        jm_css_number(css);
        return;
    }

    if (jm_css_ident_at(css, 0)) {
        jm_css_ident(css);
        return;
    }

    if (c == '#'
        && (jm_css_name_char(jm_css_peek(css, 1)) || jm_css_escape_at(css, 1)))
    {
        css->pos++;
        css->token.kind = T_HASH;
        css->token.text = jm_css_name(css);
        return;
    }

    if (c == '@' && jm_css_ident_at(css, 1)) {
        css->pos++;
        css->token.kind = T_AT;
        css->token.text = jm_css_name(css);
        return;
    }

    css->pos++;
    css->token.kind = T_DELIM;
    css->token.delim = c;
}


static int
jm_css_is_delim(jm_css_t *css, u_char c)
{
    return css->token.kind == T_DELIM && css->token.delim == c;
}


/*
 * From the current token to the `;` of the same level or the end (5.4.4 with
 * 5.4.7).  Beyond the nesting that is counted, everything is eaten.
 */
static void
jm_css_skip_declaration(jm_css_t *css)
{
    u_char closer[JM_CSS_MAX_NESTING];
    size_t depth;

    depth = 0;

    for (/* void */; css->token.kind != T_EOF; jm_css_next(css)) {
        if (depth == JM_CSS_MAX_NESTING) {
            continue;
        }

        if (css->token.kind == T_FUNCTION || jm_css_is_delim(css, '(')) {
            closer[depth++] = ')';

        } else if (jm_css_is_delim(css, '[')) {
            closer[depth++] = ']';

        } else if (jm_css_is_delim(css, '{')) {
            closer[depth++] = '}';

        } else if (depth != 0 && jm_css_is_delim(css, closer[depth - 1])) {
            depth--;

        } else if (depth == 0 && jm_css_is_delim(css, ';')) {
            return;
        }
    }
}


/* Names and strings: everything but letters and digits as `\hex `. */
static void
jm_css_write_escaped(jm_buf_t *out, jm_str_t str, const char *plain)
{
    size_t        len;
    uint32_t      c;
    const u_char *p, *end;

    if (str.len == 0) {
        return;
    }

    p = str.data;
    end = p + str.len;

    while (p < end) {
        len = jm_utf8_decode(p, end, &c);

        if (len == 0) {
            len = 1;
            c = 0xFFFD;
        }

        if (c < 0x80
            && (jm_css_digit((u_char) c) || (c | 0x20) - 'a' < 26u
                || (c != 0 && strchr(plain, (int) c) != NULL)))
        {
            jm_buf_addc(out, (int) c);
        } else {
            jm_buf_printf(out, "\\%x ", c);
        }

        p += len;
    }
}


/* An identifier so written reads as the same identifier. */
static void
jm_css_write_ident(jm_buf_t *out, jm_str_t name)
{
    jm_str_t rest;

    rest = name;

    /* a digit in front, or behind one "-", would begin a number */
    if (rest.len >= 2 && rest.data[0] == '-' && jm_css_digit(rest.data[1])) {
        jm_buf_addc(out, '-');
        rest.data++;
        rest.len--;
    }

    if (rest.len == 1 && rest.data == name.data && rest.data[0] == '-') {
        jm_buf_adds(out, "\\2d ");
        return;
    }

    if (rest.len != 0 && jm_css_digit(rest.data[0])) {
        jm_buf_printf(out, "\\%x ", rest.data[0]);
        rest.data++;
        rest.len--;
    }

    jm_css_write_escaped(out, rest, "-_");
}


/* Up to four decimals, no exponent. */
static void
jm_css_write_number(jm_buf_t *out, double number)
{
    int  digits;
    long n;

    n = (long) (number * 10000 + (number < 0 ? -0.5 : 0.5));

    if (n < 0) {
        jm_buf_addc(out, '-');
        n = -n;
    }

    jm_buf_printf(out, "%ld", n / 10000);
    n %= 10000;

    if (n == 0) {
        return;
    }

    for (digits = 4; n % 10 == 0; digits--) {
        n /= 10;
    }

    jm_buf_printf(out, ".%0*ld", digits, n);
}


static double
jm_css_clamp(double number, double low, double high)
{
    return (number < low) ? low : (number > high) ? high : number;
}


/* A number, percentage or dimension within its property's limits. */
static int
jm_css_write_dimension(jm_css_t *css, jm_buf_t *out, unsigned rules)
{
    size_t i, n;
    double low, high, unit;

    low = -10000;
    high = 10000;
    unit = 1;

    if (css->token.kind == T_DIMENSION) {
        n = sizeof(jm_css_units) / sizeof(jm_css_units[0]);

        for (i = 0; i < n; i++) {
            if (jm_css_is(css->token.text, jm_css_units[i].name)) {
                break;
            }
        }

        if (i == n) {
            return -1;
        }

        unit = jm_css_units[i].pixels == 0 ? 1 : jm_css_units[i].pixels;
    }

    if (rules & MARGIN) {
        low = (css->token.kind == T_PERCENTAGE) ? -20 : -200;
    }

    if (rules & OFFSET) {
        low = (css->token.kind == T_PERCENTAGE) ? -20 : -200;
        high = -low;
    }

    if ((rules & FONT_SIZE) && css->token.kind != T_NUMBER) {
        low = 0;
        high = (css->token.kind == T_PERCENTAGE) ? 1000 : 200;
    }

    if (rules & LINE_HEIGHT) {
        low = 0;
        high = (css->token.kind == T_NUMBER)       ? 10
               : (css->token.kind == T_PERCENTAGE) ? 1000
                                                   : 2000;
    }

    /* limits are cut to what four decimals can say, or they would move */
    low = (double) (long) (low / unit * 1000) / 1000;
    high = (double) (long) (high / unit * 1000) / 1000;

    jm_css_write_number(out, jm_css_clamp(css->token.number, low, high));

    if (css->token.kind == T_PERCENTAGE) {
        jm_buf_addc(out, '%');
    }

    for (i = 0; css->token.kind == T_DIMENSION && i < css->token.text.len; i++)
    {
        jm_buf_addc(out, css->token.text.data[i] | 0x20);
    }

    return 0;
}


static int
jm_css_write_hash(jm_css_t *css, jm_buf_t *out)
{
    size_t   i;
    jm_str_t text;

    text = css->token.text;

    if (text.len != 3 && text.len != 4 && text.len != 6 && text.len != 8) {
        return -1;
    }

    jm_buf_addc(out, '#');

    for (i = 0; i < text.len; i++) {
        if (!jm_css_hex(text.data[i])) {
            return -1;
        }

        jm_buf_addc(out, text.data[i] | 0x20);
    }

    return 0;
}


static int
jm_css_write_word(jm_css_t *css, jm_buf_t *out, unsigned rules)
{
    jm_str_t word;

    word = css->token.text;

    if (word.len > JM_CSS_MAX_IDENT
        || (word.len >= 2 && word.data[0] == '-' && word.data[1] == '-')
        || ((rules & DISPLAY) && !jm_css_in(word, jm_css_displays))
        || ((rules & POSITION) && !jm_css_in(word, jm_css_positions))
        || ((rules & OVERFLOW) && !jm_css_in(word, jm_css_overflows)))
    {
        return -1;
    }

    jm_css_write_ident(out, word);

    return 0;
}


static void
jm_css_note_url(jm_css_t *css, jm_str_t url)
{
    if (css->info->nurls < JM_CSS_MAX_URLS) {
        css->info->urls[css->info->nurls++] = url;
    }
}


/*
 * url(…) in either form.  Returns 0 if the declaration may stand without it,
 * as a background may; the token behind it is not yet read.
 */
static int
jm_css_drop_url(jm_css_t *css, unsigned rules)
{
    css->info->dropped++;

    if (css->token.kind == T_URL) {
        jm_css_note_url(css, css->token.text);
        return (rules & BACKGROUND) ? 0 : -1;
    }

    /* url("…") */
    do {
        jm_css_next(css);

        if (css->token.kind == T_STRING) {
            jm_css_note_url(css, css->token.text);

        } else if (css->token.kind != T_SPACE) {
            break;
        }

    } while (1);

    return (jm_css_is_delim(css, ')') && (rules & BACKGROUND)) ? 0 : -1;
}


static int
jm_css_write_function(jm_css_t *css, jm_buf_t *out, unsigned rules)
{
    jm_str_t name;

    name = css->token.text;

    if (!jm_css_in(name, jm_css_functions)) {
        css->info->dropped++;
        return -1;
    }

    /* arithmetic would get round a limit */
    if (rules != GENERAL && rules != BACKGROUND
        && jm_css_in(name, jm_css_math)) {
        return -1;
    }

    jm_css_write_escaped(out, name, "-");
    jm_buf_addc(out, '(');

    return 0;
}


/* One token of a value; `depth` counts open parentheses. */
static int
jm_css_write_token(jm_css_t *css, jm_buf_t *out, unsigned rules, int *depth)
{
    switch (css->token.kind) {

    case T_IDENT:
        return jm_css_write_word(css, out, *depth == 0 ? rules : GENERAL);

    case T_NUMBER:
    case T_PERCENTAGE:
    case T_DIMENSION:
        return jm_css_write_dimension(css, out, rules);

    case T_HASH:
        return jm_css_write_hash(css, out);

    case T_STRING:
        if (!(rules & STRINGS) || css->token.text.len > JM_CSS_MAX_STRING) {
            return -1;
        }

        jm_buf_addc(out, '"');
        jm_css_write_escaped(out, css->token.text, " .,-_");
        jm_buf_addc(out, '"');
        return 0;

    case T_FUNCTION:
        if (++*depth > JM_CSS_MAX_NESTING) {
            return -1;
        }

        return jm_css_write_function(css, out, rules);

    case T_DELIM:
        break;

    default:
        return -1;
    }

    switch (css->token.delim) {

    case ',':
    case '/':
        jm_buf_addc(out, css->token.delim);
        return 0;

    case '+':
    case '-':
    case '*':
        if (*depth == 0) {
            return -1;
        }

        jm_buf_addc(out, css->token.delim);
        return 0;

    case '(':
        if (*depth == 0 || ++*depth > JM_CSS_MAX_NESTING) {
            return -1;
        }

        jm_buf_addc(out, '(');
        return 0;

    case ')':
        jm_buf_addc(out, ')');
        return (--*depth < 0) ? -1 : 0;
    }

    return -1;
}


/* "!important", the end of a value. */
static int
jm_css_important(jm_css_t *css, jm_buf_t *out)
{
    do {
        jm_css_next(css);
    } while (css->token.kind == T_SPACE);

    if (css->token.kind != T_IDENT || !jm_css_is(css->token.text, "important"))
    {
        return -1;
    }

    jm_buf_adds(out, " !important");

    do {
        jm_css_next(css);
    } while (css->token.kind == T_SPACE);

    return (css->token.kind == T_EOF || jm_css_is_delim(css, ';')) ? 0 : -1;
}


/*
 * A value up to its `;`, tokens parted by one space, but for commas and the
 * inside of parentheses.  Returns -1 if it is to be dropped.
 */
static int
jm_css_value(jm_css_t *css, jm_buf_t *out, unsigned rules)
{
    int    depth;
    u_char last;
    size_t start;

    depth = 0;
    start = out->len;

    for (/* void */; css->token.kind != T_EOF; jm_css_next(css)) {
        if (css->token.kind == T_SPACE) {
            continue;
        }

        if (depth == 0 && jm_css_is_delim(css, ';')) {
            break;
        }

        if (depth == 0 && jm_css_is_delim(css, '!')) {
            return (out->len == start || jm_css_important(css, out) != 0) ? -1
                                                                          : 0;
        }

        if (css->token.kind == T_URL
            || (css->token.kind == T_FUNCTION
                && jm_css_is(css->token.text, "url")))
        {
            if (jm_css_drop_url(css, depth == 0 ? rules : GENERAL) != 0) {
                return -1;
            }

            continue;
        }

        last = (out->len == start) ? ',' : out->data[out->len - 1];

        if (last != ',' && last != '(' && !jm_css_is_delim(css, ',')
            && !jm_css_is_delim(css, ')'))
        {
            jm_buf_addc(out, ' ');
        }

        if (jm_css_write_token(css, out, rules, &depth) != 0) {
            return -1;
        }
    }

    while (depth-- > 0) {
        jm_buf_addc(out, ')');
    }

    return (out->len == start) ? -1 : 0;
}


static const jm_css_property_t *
jm_css_property(jm_str_t name)
{
    int    cmp;
    size_t low, high, middle;

    low = 0;
    high = JM_NPROPERTIES;

    while (low < high) {
        middle = (low + high) / 2;
        cmp = strncasecmp(jm_css_properties[middle].name, (char *) name.data,
                          name.len);

        if (cmp == 0 && jm_css_properties[middle].name[name.len] != '\0') {
            cmp = 1;
        }

        if (cmp == 0) {
            return &jm_css_properties[middle];
        }

        if (cmp < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return NULL;
}


/* What the caller wants to know, read from the value as written. */
static void
jm_css_inspect(jm_css_info_t *info, const char *name, jm_str_t value)
{
    char  *end, text[32];
    size_t len;
    double number;

    len = value.len < sizeof(text) - 1 ? value.len : sizeof(text) - 1;
    memcpy(text, value.data, len);
    text[len] = '\0';

    if (strcmp(name, "display") == 0) {
        info->hidden |= (strncasecmp(text, "none", 4) == 0);
        return;
    }

    if (strcmp(name, "visibility") == 0) {
        info->hidden |= (strncasecmp(text, "hidden", 6) == 0
                         || strncasecmp(text, "collapse", 8) == 0);
        return;
    }

    number = strtod(text, &end);

    if (end == text) {
        return;
    }

    if (strcmp(name, "opacity") == 0 || strcmp(name, "max-height") == 0) {
        info->hidden |= (number == 0);
        return;
    }

    if (number == 0 || strncmp(end, "px", 2) == 0) {
        if (strcmp(name, "width") == 0) {
            info->width = (int) number;

        } else if (strcmp(name, "height") == 0) {
            info->height = (int) number;
        }
    }
}


/* Behind a name: the value, its space trimmed.  Returns 0 if it is kept. */
static int
jm_css_declaration(jm_css_t *css, jm_css_declaration_t *declaration)
{
    jm_buf_t                 value;
    const u_char            *start;
    const jm_css_property_t *property;

    property = jm_css_property(css->token.text);

    do {
        jm_css_next(css);
    } while (css->token.kind == T_SPACE);

    if (property == NULL || !jm_css_is_delim(css, ':')) {
        jm_css_skip_declaration(css);
        return -1;
    }

    start = css->pos;
    jm_buf_init(&value, css->arena, SIZE_MAX);
    jm_css_next(css);

    if (jm_css_value(css, &value, property->rules) != 0) {
        /* again from the colon, to find the end as a browser does */
        css->pos = start;
        jm_css_next(css);
        jm_css_skip_declaration(css);
        return -1;
    }

    declaration->property = property;
    declaration->value = jm_buf_str(&value);

    return 0;
}


static size_t
jm_css_collect(jm_css_t *css, jm_css_declaration_t *list)
{
    size_t n;

    n = 0;

    for (jm_css_next(css); css->token.kind != T_EOF; jm_css_next(css)) {

        if (css->token.kind == T_SPACE || jm_css_is_delim(css, ';')) {
            continue;
        }

        if (css->token.kind != T_IDENT) {
            /* "*zoom: 1", an at-rule, rubbish */
            jm_css_skip_declaration(css);

        } else if (n == JM_CSS_MAX_DECLARATIONS) {
            break;

        } else if (jm_css_declaration(css, &list[n]) == 0) {
            n++;
        }

        if (css->token.kind == T_EOF) {
            break;
        }
    }

    return n;
}


void
jm_css_declarations(jm_buf_t *out, jm_css_info_t *info, jm_str_t source)
{
    int                  relative;
    size_t               i, n;
    jm_css_t             css;
    jm_css_declaration_t list[JM_CSS_MAX_DECLARATIONS];

    memset(info, 0, sizeof(jm_css_info_t));
    info->width = -1;
    info->height = -1;

    if (source.len == 0) {
        return;
    }

    css.arena = out->arena;
    css.pos = source.data;
    css.end = source.data + source.len;
    css.info = info;

    n = jm_css_collect(&css, list);
    relative = 0;

    for (i = 0; i < n; i++) {
        if (list[i].property->rules & POSITION) {
            relative = list[i].value.len >= 8
                       && strncasecmp((char *) list[i].value.data, "relative",
                                      8)
                              == 0;
        }
    }

    for (i = 0; i < n; i++) {
        if ((list[i].property->rules & OFFSET) && !relative) {
            continue;
        }

        if (out->len != 0) {
            jm_buf_addc(out, ';');
        }

        jm_buf_adds(out, list[i].property->name);
        jm_buf_addc(out, ':');
        jm_buf_add(out, list[i].value.data, list[i].value.len);
        jm_css_inspect(info, list[i].property->name, list[i].value);
    }
}
