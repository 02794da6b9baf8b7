/*
 * The value filter of css_value.h, called by css.c: each token is judged and
 * written by itself, into the caller's buffer.  One that is not known to be
 * harmless ends the value.
 */

#include "css_value.h"

#include "css_write.h"

#define JM_CSS_MAX_IDENT   64
#define JM_CSS_MAX_STRING  128
#define JM_CSS_MAX_CONTENT 20

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

/* Those of them that give a number. */
static const char *const jm_css_math[] = { "calc", "min", "max", "clamp",
                                           NULL };

/* Where a number is limited, so are those a calculation begins with. */
#define JM_CSS_LIMITED                                                        \
    (JM_CSS_MARGIN | JM_CSS_FONT_SIZE | JM_CSS_LINE_HEIGHT | JM_CSS_OFFSET    \
     | JM_CSS_NEAR)

/* A value on its way. */
typedef struct {
    jm_css_t      *css;
    jm_css_info_t *info;
    jm_buf_t      *out;
    size_t         start;
    unsigned       rules[JM_CSS_MAX_NESTING + 1]; /* of each open bracket */
    size_t         depth;
} jm_css_output_t;

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

static const char *const jm_css_contents[] = {
    "none",          "normal",         "open-quote", "close-quote",
    "no-open-quote", "no-close-quote", NULL
};

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

    if (rules & (JM_CSS_OFFSET | JM_CSS_NEAR)) {
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
        || ((rules & JM_CSS_OVERFLOW) && !jm_css_in(word, jm_css_overflows))
        || ((rules & JM_CSS_CONTENT) && !jm_css_in(word, jm_css_contents)))
    {
        return -1;
    }

    jm_css_write_ident(out, word);

    return 0;
}


/* Text that CSS puts into a page is no longer than a bullet or a quote. */
static int
jm_css_write_text(jm_css_t *css, jm_buf_t *out, unsigned rules)
{
    size_t   i, n;
    jm_str_t text;

    text = css->token.text;
    n = 0;

    for (i = 0; i < text.len; i++) {
        n += (text.data[i] & 0xC0) != 0x80;
    }

    if (!(rules & JM_CSS_STRINGS) || n > JM_CSS_MAX_STRING
        || ((rules & JM_CSS_CONTENT) && n > JM_CSS_MAX_CONTENT))
    {
        return -1;
    }

    jm_css_write_string(out, text);

    return 0;
}


/*
 * url(…) in either form: what it names goes into the report.  Returns 0 if the
 * declaration may stand without it, as a background may: then the current
 * token is the last one of the URL.
 */
static int
jm_css_drop_url(jm_css_output_t *o)
{
    unsigned  rules;
    jm_css_t *css;
    jm_str_t  url;

    css = o->css;
    rules = o->rules[o->depth];
    url = css->token.text;
    o->info->dropped++;

    if (css->token.kind == JM_CSS_FUNCTION) {
        jm_css_next_solid(css);

        if (css->token.kind != JM_CSS_STRING) {
            return -1;
        }

        url = css->token.text;
        jm_css_next_solid(css);

        if (!jm_css_is_delim(css, ')')) {
            return -1;
        }
    }

    if (o->info->nurls < JM_CSS_MAX_URLS) {
        o->info->urls[o->info->nurls++] = url;
    }

    if (rules & JM_CSS_BACKGROUND) {
        jm_buf_adds(o->out, "none");
    }

    return (rules & (JM_CSS_BACKGROUND | JM_CSS_LIST_IMAGE)) ? 0 : -1;
}


static int
jm_css_open(jm_css_output_t *o, unsigned rules)
{
    if (o->depth == JM_CSS_MAX_NESTING) {
        return -1;
    }

    o->rules[++o->depth] = rules;
    jm_buf_addc(o->out, '(');

    return 0;
}


static int
jm_css_write_function(jm_css_output_t *o)
{
    int      math;
    jm_str_t name;
    unsigned rules;

    name = o->css->token.text;
    rules = o->rules[o->depth];
    math = jm_css_in(name, jm_css_math);

    if (!jm_css_in(name, jm_css_functions)) {
        o->info->dropped++;
        return -1;
    }

    /* a sum of what is within a limit may be beyond it */
    if ((rules & JM_CSS_LIMITED) && jm_css_is(name, "calc")) {
        return -1;
    }

    jm_css_write_escaped(o->out, name, "-");

    return jm_css_open(o, math ? rules & JM_CSS_LIMITED : JM_CSS_GENERAL);
}


static int
jm_css_write_delim(jm_css_output_t *o)
{
    unsigned rules;

    rules = o->rules[o->depth];

    switch (o->css->token.delim) {

    case ',':
        jm_buf_addc(o->out, ',');
        return 0;

    case '/':
    case '+':
    case '-':
    case '*':
        if (o->depth == 0 ? o->css->token.delim != '/'
                          : (rules & JM_CSS_LIMITED) != 0) {
            return -1;
        }

        jm_buf_addc(o->out, o->css->token.delim);
        return 0;

    case '(':
        return (o->depth == 0) ? -1 : jm_css_open(o, rules);

    case ')':
        if (o->depth == 0) {
            return -1;
        }

        jm_buf_addc(o->out, ')');
        o->depth--;
        return 0;

    default:
        return -1;
    }
}


static int
jm_css_write_token(jm_css_output_t *o)
{
    unsigned  rules;
    jm_css_t *css;

    css = o->css;
    rules = o->rules[o->depth];

    switch (css->token.kind) {

    case JM_CSS_IDENT:
        return jm_css_write_word(css, o->out, rules);

    case JM_CSS_NUMBER:
    case JM_CSS_PERCENTAGE:
    case JM_CSS_DIMENSION:
        return jm_css_write_dimension(css, o->out, rules);

    case JM_CSS_HASH:
        return jm_css_write_hash(css, o->out);

    case JM_CSS_STRING:
        return jm_css_write_text(css, o->out, rules);

    case JM_CSS_URL:
        return jm_css_drop_url(o);

    case JM_CSS_FUNCTION:
        return jm_css_is(css->token.text, "url") ? jm_css_drop_url(o)
                                                 : jm_css_write_function(o);

    case JM_CSS_DELIM:
        return jm_css_write_delim(o);

    default:
        return -1;
    }
}


/* A space between two tokens, where one of them is no bracket or comma. */
static void
jm_css_write_gap(jm_css_output_t *o)
{
    u_char last;

    if (o->out->len == o->start) {
        return;
    }

    last = o->out->data[o->out->len - 1];

    if (last != ',' && last != '(' && !jm_css_is_delim(o->css, ',')
        && !jm_css_is_delim(o->css, ')'))
    {
        jm_buf_addc(o->out, ' ');
    }
}


/* "!important", the end of a value. */
static int
jm_css_important(jm_css_t *css, jm_buf_t *out)
{
    jm_css_next_solid(css);

    if (css->token.kind != JM_CSS_IDENT
        || !jm_css_is(css->token.text, "important"))
    {
        return -1;
    }

    jm_buf_adds(out, " !important");
    jm_css_next_solid(css);

    return jm_css_is_end(css) ? 0 : -1;
}


int
jm_css_value(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out, unsigned rules)
{
    size_t          before, behind;
    jm_css_output_t o;

    o.css = css;
    o.info = info;
    o.out = out;
    o.start = out->len;
    o.rules[0] = rules;
    o.depth = 0;

    for (/* void */; css->token.kind != JM_CSS_EOF; jm_css_next(css)) {
        if (css->token.kind == JM_CSS_SPACE) {
            continue;
        }

        if (o.depth == 0 && jm_css_is_end(css)) {
            break;
        }

        if (o.depth == 0 && jm_css_is_delim(css, '!')) {
            return (out->len == o.start) ? -1 : jm_css_important(css, out);
        }

        before = out->len;
        jm_css_write_gap(&o);
        behind = out->len;

        if (jm_css_write_token(&o) != 0) {
            return -1;
        }

        if (out->len == behind) {
            out->len = before;
        }
    }

    while (o.depth-- > 0) {
        jm_buf_addc(out, ')');
    }

    return (out->len == o.start) ? -1 : 0;
}
