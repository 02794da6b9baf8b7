/*
 * The value filter of css_value.h, called by css.c: each token is judged and
 * written by itself, into the caller's buffer.  One that is not known to be
 * harmless ends the value.
 */

#include "css_value.h"

#include "jm_utf8.h"

#define JM_CSS_MAX_IDENT  64
#define JM_CSS_MAX_STRING 128

typedef struct {
    const char *name;
    double      pixels; /* 0: not a length */
} jm_css_unit_t;


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
jm_css_in(jm_str_t str, const char *const *words)
{
    for (/* void */; *words != NULL; words++) {
        if (jm_css_is(str, *words)) {
            return 1;
        }
    }

    return 0;
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


double
jm_css_unit_pixels(jm_str_t unit)
{
    size_t i;

    for (i = 0; i < sizeof(jm_css_units) / sizeof(jm_css_units[0]); i++) {
        if (jm_css_is(unit, jm_css_units[i].name)) {
            return jm_css_units[i].pixels;
        }
    }

    return -1;
}


/* A number, percentage or dimension within its property's limits. */
static int
jm_css_write_dimension(jm_css_t *css, jm_buf_t *out, unsigned rules)
{
    size_t i;
    double low, high, unit;

    low = -10000;
    high = 10000;
    unit = 1;

    if (css->token.kind == JM_CSS_DIMENSION) {
        unit = jm_css_unit_pixels(css->token.text);

        if (unit < 0) {
            return -1;
        }

        if (unit == 0) {
            unit = 1;
        }
    }

    if (rules & JM_CSS_MARGIN) {
        low = (css->token.kind == JM_CSS_PERCENTAGE) ? -20 : -200;
    }

    if (rules & JM_CSS_OFFSET) {
        low = (css->token.kind == JM_CSS_PERCENTAGE) ? -20 : -200;
        high = -low;
    }

    if ((rules & JM_CSS_FONT_SIZE) && css->token.kind != JM_CSS_NUMBER) {
        low = 0;
        high = (css->token.kind == JM_CSS_PERCENTAGE) ? 1000 : 200;
    }

    if (rules & JM_CSS_LINE_HEIGHT) {
        low = 0;
        high = (css->token.kind == JM_CSS_NUMBER)       ? 10
               : (css->token.kind == JM_CSS_PERCENTAGE) ? 1000
                                                        : 2000;
    }

    /* limits are cut to what four decimals can say, or they would move */
    low = (double) (long) (low / unit * 1000) / 1000;
    high = (double) (long) (high / unit * 1000) / 1000;

    jm_css_write_number(out, jm_css_clamp(css->token.number, low, high));

    if (css->token.kind == JM_CSS_PERCENTAGE) {
        jm_buf_addc(out, '%');
    }

    for (i = 0; css->token.kind == JM_CSS_DIMENSION && i < css->token.text.len;
         i++)
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
        || ((rules & JM_CSS_DISPLAY) && !jm_css_in(word, jm_css_displays))
        || ((rules & JM_CSS_POSITION) && !jm_css_in(word, jm_css_positions))
        || ((rules & JM_CSS_OVERFLOW) && !jm_css_in(word, jm_css_overflows)))
    {
        return -1;
    }

    jm_css_write_ident(out, word);

    return 0;
}


static void
jm_css_note_url(jm_css_info_t *info, jm_str_t url)
{
    if (info->nurls < JM_CSS_MAX_URLS) {
        info->urls[info->nurls++] = url;
    }
}


/*
 * url(…) in either form.  Returns 0 if the declaration may stand without it,
 * as a background may; the token behind it is not yet read.
 */
static int
jm_css_drop_url(jm_css_t *css, jm_css_info_t *info, unsigned rules)
{
    info->dropped++;

    if (css->token.kind == JM_CSS_URL) {
        jm_css_note_url(info, css->token.text);
        return (rules & JM_CSS_BACKGROUND) ? 0 : -1;
    }

    /* url("…") */
    do {
        jm_css_next(css);

        if (css->token.kind == JM_CSS_STRING) {
            jm_css_note_url(info, css->token.text);

        } else if (css->token.kind != JM_CSS_SPACE) {
            break;
        }

    } while (1);

    return (jm_css_is_delim(css, ')') && (rules & JM_CSS_BACKGROUND)) ? 0 : -1;
}


static int
jm_css_write_function(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out,
                      unsigned rules)
{
    jm_str_t name;

    name = css->token.text;

    if (!jm_css_in(name, jm_css_functions)) {
        info->dropped++;
        return -1;
    }

    /* arithmetic would get round a limit */
    if (rules != JM_CSS_GENERAL && rules != JM_CSS_BACKGROUND
        && jm_css_in(name, jm_css_math))
    {
        return -1;
    }

    jm_css_write_escaped(out, name, "-");
    jm_buf_addc(out, '(');

    return 0;
}


/* One token of a value; `depth` counts open parentheses. */
static int
jm_css_write_token(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out,
                   unsigned rules, int *depth)
{
    switch (css->token.kind) {

    case JM_CSS_IDENT:
        return jm_css_write_word(css, out,
                                 *depth == 0 ? rules : JM_CSS_GENERAL);

    case JM_CSS_NUMBER:
    case JM_CSS_PERCENTAGE:
    case JM_CSS_DIMENSION:
        return jm_css_write_dimension(css, out, rules);

    case JM_CSS_HASH:
        return jm_css_write_hash(css, out);

    case JM_CSS_STRING:
        if (!(rules & JM_CSS_STRINGS)
            || css->token.text.len > JM_CSS_MAX_STRING) {
            return -1;
        }

        jm_buf_addc(out, '"');
        jm_css_write_escaped(out, css->token.text, " .,-_");
        jm_buf_addc(out, '"');
        return 0;

    case JM_CSS_FUNCTION:
        if (++*depth > JM_CSS_MAX_NESTING) {
            return -1;
        }

        return jm_css_write_function(css, info, out, rules);

    case JM_CSS_DELIM:
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
    } while (css->token.kind == JM_CSS_SPACE);

    if (css->token.kind != JM_CSS_IDENT
        || !jm_css_is(css->token.text, "important"))
    {
        return -1;
    }

    jm_buf_adds(out, " !important");

    do {
        jm_css_next(css);
    } while (css->token.kind == JM_CSS_SPACE);

    return (css->token.kind == JM_CSS_EOF || jm_css_is_delim(css, ';')) ? 0
                                                                        : -1;
}


int
jm_css_value(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out, unsigned rules)
{
    int    depth;
    u_char last;
    size_t start;

    depth = 0;
    start = out->len;

    for (/* void */; css->token.kind != JM_CSS_EOF; jm_css_next(css)) {
        if (css->token.kind == JM_CSS_SPACE) {
            continue;
        }

        if (depth == 0 && jm_css_is_delim(css, ';')) {
            break;
        }

        if (depth == 0 && jm_css_is_delim(css, '!')) {
            return (out->len == start || jm_css_important(css, out) != 0) ? -1
                                                                          : 0;
        }

        if (css->token.kind == JM_CSS_URL
            || (css->token.kind == JM_CSS_FUNCTION
                && jm_css_is(css->token.text, "url")))
        {
            if (jm_css_drop_url(css, info, depth == 0 ? rules : JM_CSS_GENERAL)
                != 0) {
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

        if (jm_css_write_token(css, info, out, rules, &depth) != 0) {
            return -1;
        }
    }

    while (depth-- > 0) {
        jm_buf_addc(out, ')');
    }

    return (out->len == start) ? -1 : 0;
}
