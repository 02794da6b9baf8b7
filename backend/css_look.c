/*
 * The reading of declarations of css_look.h, called by css.c.
 */

#include "css_look.h"

#include "css_value.h"
#include "names.h"

/* No value that is looked at has more; a longer one is not. */
#define JM_LOOK_MAX_TOKENS 24

typedef struct {
    jm_css_token_t token[JM_LOOK_MAX_TOKENS];
    size_t         n;
} jm_look_value_t;

typedef int (*jm_look_pt)(const jm_look_value_t *value, int *result);

typedef struct jm_look_property_s jm_look_property_t;

struct jm_look_property_s {
    const char               *name;
    jm_look_field_t           field;
    jm_look_pt                read; /* -1: no value of that property */
    const jm_look_property_t *also; /* another field that it sets */
};

static int jm_look_display(const jm_look_value_t *value, int *result);
static int jm_look_visibility(const jm_look_value_t *value, int *result);
static int jm_look_opacity(const jm_look_value_t *value, int *result);
static int jm_look_overflow(const jm_look_value_t *value, int *result);
static int jm_look_position(const jm_look_value_t *value, int *result);
static int jm_look_clip(const jm_look_value_t *value, int *result);
static int jm_look_clip_path(const jm_look_value_t *value, int *result);
static int jm_look_length(const jm_look_value_t *value, int *result);
static int jm_look_line_height(const jm_look_value_t *value, int *result);
static int jm_look_font(const jm_look_value_t *value, int *result);
static int jm_look_margin_left(const jm_look_value_t *value, int *result);


/* The other half of "margin". */
static const jm_look_property_t jm_look_margin = { "margin",
                                                   JM_LOOK_MARGIN_LEFT,
                                                   jm_look_margin_left, NULL };

static const jm_look_property_t jm_look_properties[] = {
    { "display", JM_LOOK_DISPLAY, jm_look_display, NULL },
    { "visibility", JM_LOOK_VISIBILITY, jm_look_visibility, NULL },
    { "opacity", JM_LOOK_OPACITY, jm_look_opacity, NULL },
    { "overflow", JM_LOOK_OVERFLOW, jm_look_overflow, NULL },
    { "overflow-x", JM_LOOK_OVERFLOW, jm_look_overflow, NULL },
    { "overflow-y", JM_LOOK_OVERFLOW, jm_look_overflow, NULL },
    { "position", JM_LOOK_POSITION, jm_look_position, NULL },
    { "clip", JM_LOOK_CLIP, jm_look_clip, NULL },
    { "clip-path", JM_LOOK_CLIP, jm_look_clip_path, NULL },
    { "width", JM_LOOK_WIDTH, jm_look_length, NULL },
    { "height", JM_LOOK_HEIGHT, jm_look_length, NULL },
    { "max-width", JM_LOOK_MAX_WIDTH, jm_look_length, NULL },
    { "max-height", JM_LOOK_MAX_HEIGHT, jm_look_length, NULL },
    { "font", JM_LOOK_FONT_SIZE, jm_look_font, NULL },
    { "font-size", JM_LOOK_FONT_SIZE, jm_look_length, NULL },
    { "line-height", JM_LOOK_LINE_HEIGHT, jm_look_line_height, NULL },
    { "top", JM_LOOK_TOP, jm_look_length, NULL },
    { "left", JM_LOOK_LEFT, jm_look_length, NULL },
    { "margin", JM_LOOK_MARGIN_TOP, jm_look_length, &jm_look_margin },
    { "margin-top", JM_LOOK_MARGIN_TOP, jm_look_length, NULL },
    { "margin-left", JM_LOOK_MARGIN_LEFT, jm_look_length, NULL },
    { "text-indent", JM_LOOK_TEXT_INDENT, jm_look_length, NULL },
};

static jm_names_t jm_look_names = JM_NAMES(jm_look_properties);


static int
jm_look_is_word(const jm_look_value_t *value, const char *word)
{
    return value->n == 1 && value->token[0].kind == JM_CSS_IDENT
           && jm_css_is(value->token[0].text, word);
}


/* A word that is not here leaves the element in its line. */
static int
jm_look_display(const jm_look_value_t *value, int *result)
{
    size_t i, j;

    static const struct {
        const char  *word;
        jm_display_t display;
    } words[] = { { "none", JM_DISPLAY_NONE },
                  { "block", JM_DISPLAY_BLOCK },
                  { "flex", JM_DISPLAY_BLOCK },
                  { "grid", JM_DISPLAY_BLOCK },
                  { "flow-root", JM_DISPLAY_BLOCK },
                  { "list-item", JM_DISPLAY_BLOCK },
                  { "table", JM_DISPLAY_BLOCK },
                  { "table-row", JM_DISPLAY_BLOCK },
                  { "table-cell", JM_DISPLAY_CELL },
                  { "inline", JM_DISPLAY_INLINE },
                  { "table-caption", JM_DISPLAY_BLOCK } };

    *result = JM_DISPLAY_INLINE;

    /* the first word that is known: "inline flex" is in the line */
    for (i = 0; i < value->n; i++) {
        for (j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
            if (value->token[i].kind == JM_CSS_IDENT
                && jm_css_is(value->token[i].text, words[j].word))
            {
                *result = words[j].display;
                return 0;
            }
        }
    }

    return value->token[0].kind == JM_CSS_IDENT ? 0 : -1;
}


static int
jm_look_visibility(const jm_look_value_t *value, int *result)
{
    *result = !jm_look_is_word(value, "hidden")
              && !jm_look_is_word(value, "collapse");

    return value->token[0].kind == JM_CSS_IDENT ? 0 : -1;
}


static int
jm_look_opacity(const jm_look_value_t *value, int *result)
{
    double number;

    number = value->token[0].number;

    if (value->token[0].kind == JM_CSS_NUMBER) {
        number *= 100;

    } else if (value->token[0].kind != JM_CSS_PERCENTAGE) {
        return -1;
    }

    *result = (number < 0) ? 0 : (number > 100) ? 100 : (int) number;

    return 0;
}


static int
jm_look_overflow(const jm_look_value_t *value, int *result)
{
    *result = !jm_look_is_word(value, "hidden")
              && !jm_look_is_word(value, "clip");

    return value->token[0].kind == JM_CSS_IDENT ? 0 : -1;
}


static int
jm_look_position(const jm_look_value_t *value, int *result)
{
    *result = !jm_look_is_word(value, "absolute")
              && !jm_look_is_word(value, "fixed");

    return value->token[0].kind == JM_CSS_IDENT ? 0 : -1;
}


/* Words that stand for a size; a wrong one makes no declaration. */
static int
jm_look_is_size(jm_str_t word)
{
    size_t i;

    static const char *const words[] = {
        "auto",        "none",        "normal",   "inherit",    "initial",
        "unset",       "revert",      "smaller",  "larger",     "xx-small",
        "x-small",     "small",       "medium",   "large",      "x-large",
        "min-content", "max-content", "xx-large", "fit-content"
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (jm_css_is(word, words[i])) {
            return 1;
        }
    }

    return 0;
}


/* One length; `auto` and what cannot be told here is JM_LOOK_OTHER. */
static int
jm_look_token(const jm_css_token_t *token, int *result)
{
    double pixels;

    *result = JM_LOOK_OTHER;

    switch (token->kind) {

    case JM_CSS_IDENT:
        return jm_look_is_size(token->text) ? 0 : -1;

    case JM_CSS_FUNCTION:
        return 0;

    case JM_CSS_PERCENTAGE:
        if (token->number == 0) {
            *result = 0;
        }

        return 0;

    case JM_CSS_NUMBER:
        /* only 0 is a length without a unit, but quirks mode takes others */
        pixels = 1;
        break;

    case JM_CSS_DIMENSION:
        pixels = jm_css_unit_pixels(token->text);
        if (pixels > 0) {
            break;
        }

        /* fall through */

    default:
        return -1;
    }

    pixels *= token->number;
    *result = (pixels < -99999)  ? -99999
              : (pixels > 99999) ? 99999
                                 : (int) pixels;

    return 0;
}


static int
jm_look_length(const jm_look_value_t *value, int *result)
{
    return jm_look_token(&value->token[0], result);
}


/* The fourth of four, the second of two or three, the only one. */
static int
jm_look_margin_left(const jm_look_value_t *value, int *result)
{
    size_t i;

    i = (value->n == 4) ? 3 : (value->n == 1) ? 0 : 1;

    return jm_look_token(&value->token[i], result);
}


static int
jm_look_line_height(const jm_look_value_t *value, int *result)
{
    if (value->token[0].kind == JM_CSS_NUMBER) {
        *result = (int) (value->token[0].number * 10);
        return value->token[0].number > 9999 ? -1 : 0;
    }

    return jm_look_token(&value->token[0], result);
}


/* "font: italic 12px/1.5 Arial": the first length there is. */
static int
jm_look_font(const jm_look_value_t *value, int *result)
{
    size_t                i;
    const jm_css_token_t *token;

    for (i = 0; i < value->n; i++) {
        token = &value->token[i];

        /* a number is a weight */
        if (token->kind == JM_CSS_DIMENSION || token->kind == JM_CSS_PERCENTAGE
            || (token->kind == JM_CSS_NUMBER && token->number < 1))
        {
            return jm_look_token(token, result);
        }
    }

    *result = JM_LOOK_OTHER;

    return 0;
}


/* "rect(0, 0, 0, 0)", "rect(1px 1px 1px 1px)" leave nothing to see. */
static int
jm_look_clip(const jm_look_value_t *value, int *result)
{
    int    pixels;
    size_t i;

    *result = 1;

    if (value->token[0].kind != JM_CSS_FUNCTION) {
        return value->token[0].kind == JM_CSS_IDENT ? 0 : -1;
    }

    for (i = 1; i < value->n; i++) {
        if (value->token[i].kind == JM_CSS_DELIM) {
            continue;
        }

        if (jm_look_token(&value->token[i], &pixels) != 0 || pixels > 1
            || pixels < 0) {
            return 0;
        }
    }

    *result = 0;

    return 0;
}


/* "inset(50%)" and more, "circle(0)". */
static int
jm_look_clip_path(const jm_look_value_t *value, int *result)
{
    const jm_css_token_t *name, *first;

    *result = 1;
    name = &value->token[0];
    first = &value->token[1];

    if (name->kind == JM_CSS_FUNCTION && value->n > 1) {
        if (jm_css_is(name->text, "inset")) {
            *result = (first->kind != JM_CSS_PERCENTAGE || first->number < 50);

        } else if (jm_css_is(name->text, "circle")) {
            *result = (first->number != 0);
        }
    }

    return 0;
}


/*
 * Reads up to the `;` or `}`.  Returns the rank: higher for what is important;
 * 0 for what is no value at all, or too long a one.
 */
static uint32_t
jm_look_value(jm_look_value_t *value, jm_css_t *css, uint32_t rank)
{
    value->n = 0;

    for (/* void */; css->token.kind != JM_CSS_EOF; jm_css_next(css)) {
        if (css->token.kind == JM_CSS_SPACE) {
            continue;
        }

        if (jm_css_is_end(css)) {
            break;
        }

        if (jm_css_is_delim(css, '!')) {
            return (value->n == 0) ? 0 : rank | JM_LOOK_IMPORTANT;
        }

        if (value->n == JM_LOOK_MAX_TOKENS
            || css->token.kind == JM_CSS_BAD_STRING
            || css->token.kind == JM_CSS_BAD_URL || jm_css_is_delim(css, '{'))
        {
            return 0;
        }

        value->token[value->n++] = css->token;
    }

    return (value->n == 0) ? 0 : rank;
}


static void
jm_look_set(jm_look_t *look, const jm_look_property_t *property,
            const jm_look_value_t *value, uint32_t rank)
{
    int result;

    if (rank >= look->rank[property->field]
        && property->read(value, &result) == 0) {
        look->value[property->field] = result;
        look->rank[property->field] = rank;
    }
}


void
jm_look_declaration(jm_look_t *look, const jm_css_t *css, jm_str_t name,
                    uint32_t rank)
{
    jm_css_t                  copy;
    jm_look_value_t           value;
    const jm_look_property_t *property;

    property = jm_names_find(&jm_look_names, name);

    if (property == NULL) {
        return;
    }

    copy = *css;
    rank = jm_look_value(&value, &copy, rank);

    for (/* void */; property != NULL && rank != 0; property = property->also)
    {
        jm_look_set(look, property, &value, rank);
    }
}


void
jm_look_merge(jm_look_t *look, const jm_look_t *other)
{
    size_t i;

    for (i = 0; i < JM_LOOK_NFIELDS; i++) {
        if (other->rank[i] != 0 && other->rank[i] >= look->rank[i]) {
            look->value[i] = other->value[i];
            look->rank[i] = other->rank[i];
        }
    }
}
