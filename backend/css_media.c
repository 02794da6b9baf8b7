/*
 * The conditions of css_media.h.
 */

#include "css_media.h"

#include "css_parse.h"
#include "css_property.h"
#include "css_write.h"

#define JM_MEDIA_MAX_QUERIES  16
#define JM_MEDIA_MAX_FEATURES 8
#define JM_SUPPORTS_MAX_DEPTH 8

/* A fraction of a pixel: less than so much is at most a bit less. */
#define JM_MEDIA_LESS 0.02

/* What a feature is compared with. */
typedef enum { JM_MEDIA_LENGTH, JM_MEDIA_DENSITY, JM_MEDIA_WORD } jm_compare_t;

typedef struct {
    const char  *name;
    jm_compare_t compare;
    unsigned     range : 1; /* has min- and max- forms */
    const char  *words[4];
} jm_feature_t;

/* One query on its way. */
typedef struct {
    jm_css_t *css;
    jm_buf_t *out;
    size_t    nfeatures;
    unsigned  negated : 1;
    unsigned  print : 1;
} jm_query_t;


/* "device-width" is that of a phone, in mails older than the rest. */
static const jm_feature_t jm_features[] = {
    { "width", JM_MEDIA_LENGTH, 1, { NULL } },
    { "height", JM_MEDIA_LENGTH, 1, { NULL } },
    { "device-width", JM_MEDIA_LENGTH, 1, { NULL } },
    { "device-height", JM_MEDIA_LENGTH, 1, { NULL } },
    { "resolution", JM_MEDIA_DENSITY, 1, { NULL } },
    { "orientation", JM_MEDIA_WORD, 0, { "portrait", "landscape", NULL } },
    { "prefers-color-scheme", JM_MEDIA_WORD, 0, { "light", "dark", NULL } },
};

static const char *const jm_densities[] = { "dpi", "dpcm", "dppx", "x", NULL };


static int
jm_media_in(jm_str_t str, const char *const *words)
{
    for (/* void */; *words != NULL; words++) {
        if (jm_css_is(str, *words)) {
            return 1;
        }
    }

    return 0;
}


static void
jm_media_lower(jm_buf_t *out, jm_str_t word)
{
    size_t i;

    for (i = 0; i < word.len; i++) {
        jm_buf_addc(out, (word.data[i] >= 'A' && word.data[i] <= 'Z')
                             ? word.data[i] | 0x20
                             : word.data[i]);
    }
}


/* By name; `prefix` becomes "min-", "max-" or "". */
static const jm_feature_t *
jm_media_feature(jm_str_t name, const char **prefix)
{
    size_t i;

    *prefix = "";

    if (name.len > 4
        && (strncasecmp((char *) name.data, "min-", 4) == 0
            || strncasecmp((char *) name.data, "max-", 4) == 0))
    {
        *prefix = ((name.data[1] | 0x20) == 'i') ? "min-" : "max-";
        name.data += 4;
        name.len -= 4;
    }

    for (i = 0; i < sizeof(jm_features) / sizeof(jm_features[0]); i++) {
        if (jm_css_is(name, jm_features[i].name)) {
            return (**prefix == '\0' || jm_features[i].range) ? &jm_features[i]
                                                              : NULL;
        }
    }

    return NULL;
}


/* "(prefix-name:value)", the value being `token`, shifted by `shift`. */
static int
jm_media_write(jm_buf_t *out, const jm_feature_t *feature, const char *prefix,
               const jm_css_token_t *token, double shift)
{
    double number;

    jm_buf_addc(out, '(');
    jm_buf_adds(out, prefix);
    jm_buf_adds(out, feature->name);
    jm_buf_addc(out, ':');

    if (feature->compare == JM_MEDIA_WORD) {
        if (token->kind != JM_CSS_IDENT
            || !jm_media_in(token->text, feature->words)) {
            return -1;
        }

        jm_media_lower(out, token->text);
        jm_buf_addc(out, ')');
        return 0;
    }

    number = token->number + shift;

    if (number < 0 || number > 100000
        || (token->kind != JM_CSS_DIMENSION
            && (token->kind != JM_CSS_NUMBER || token->number != 0)))
    {
        return -1;
    }

    if (token->kind == JM_CSS_DIMENSION
        && (feature->compare == JM_MEDIA_DENSITY
                ? !jm_media_in(token->text, jm_densities)
                : jm_css_unit_pixels(token->text) <= 0))
    {
        return -1;
    }

    jm_css_write_number(out, number);
    jm_media_lower(out, token->text);
    jm_buf_addc(out, ')');

    return 0;
}


/*
 * "<=" and its like, at its first byte: -1 for less, 1 for greater, 0 for
 * neither; `strict` without the "=".
 */
static int
jm_media_operator(jm_css_t *css, int *strict)
{
    int sign;

    sign = jm_css_is_delim(css, '<') ? -1 : jm_css_is_delim(css, '>') ? 1 : 0;

    if (sign == 0) {
        return 0;
    }

    jm_css_next(css);
    *strict = !jm_css_is_delim(css, '=');

    if (!*strict) {
        jm_css_next(css);
    }

    while (css->token.kind == JM_CSS_SPACE) {
        jm_css_next(css);
    }

    return sign;
}


static int
jm_media_bound(jm_query_t *q, const jm_feature_t *feature, int sign,
               int strict, const jm_css_token_t *token)
{
    /* written with min- and max-: "<" is not to be in a style block */
    return jm_media_write(q->out, feature, sign < 0 ? "max-" : "min-", token,
                          strict ? sign * JM_MEDIA_LESS : 0);
}


/* "400px <= width <= 800px", behind its first value. */
static int
jm_media_range(jm_query_t *q, const jm_css_token_t *low)
{
    int                 sign, strict;
    jm_css_t           *css;
    const char         *prefix;
    jm_css_token_t      high;
    const jm_feature_t *feature;

    css = q->css;
    sign = jm_media_operator(css, &strict);
    feature = jm_media_feature(css->token.text, &prefix);

    if (sign == 0 || feature == NULL || *prefix != '\0' || !feature->range
        || jm_media_bound(q, feature, -sign, strict, low) != 0)
    {
        return -1;
    }

    jm_css_next_solid(css);

    if (jm_css_is_delim(css, ')')) {
        return 0;
    }

    sign = jm_media_operator(css, &strict);
    high = css->token;
    jm_css_next_solid(css);
    jm_buf_adds(q->out, " and ");

    return (sign == 0) ? -1 : jm_media_bound(q, feature, sign, strict, &high);
}


/* Behind "(", to ")". */
static int
jm_media_parens(jm_query_t *q)
{
    int                 sign, strict;
    jm_css_t           *css;
    const char         *prefix;
    jm_css_token_t      token;
    const jm_feature_t *feature;

    css = q->css;
    token = css->token;
    jm_css_next_solid(css);

    if (token.kind != JM_CSS_IDENT) {
        return jm_media_range(q, &token);
    }

    feature = jm_media_feature(token.text, &prefix);

    if (feature == NULL) {
        return -1;
    }

    if (jm_css_is_delim(css, ':')) {
        jm_css_next_solid(css);
        token = css->token;
        jm_css_next_solid(css);
        return jm_media_write(q->out, feature, prefix, &token, 0);
    }

    sign = jm_media_operator(css, &strict);

    if (sign == 0 || *prefix != '\0' || !feature->range) {
        return -1;
    }

    token = css->token;
    jm_css_next_solid(css);

    return jm_media_bound(q, feature, sign, strict, &token);
}


/* "only", "not" and the type.  Returns -1 if it is not kept. */
static int
jm_media_type(jm_query_t *q)
{
    jm_css_t *css;

    css = q->css;

    if (jm_css_is(css->token.text, "not")
        || jm_css_is(css->token.text, "only")) {
        q->negated = ((css->token.text.data[0] | 0x20) == 'n');
        jm_media_lower(q->out, css->token.text);
        jm_buf_addc(q->out, ' ');
        jm_css_next_solid(css);
    }

    if (css->token.kind != JM_CSS_IDENT
        || (!jm_css_is(css->token.text, "all")
            && !jm_css_is(css->token.text, "screen")
            && !jm_css_is(css->token.text, "print")))
    {
        return -1;
    }

    q->print = ((css->token.text.data[0] | 0x20) == 'p');
    jm_media_lower(q->out, css->token.text);
    jm_css_next_solid(css);

    return 0;
}


static int
jm_media_is_end(jm_css_t *css)
{
    return css->token.kind == JM_CSS_EOF
           || (css->token.kind == JM_CSS_DELIM
               && strchr(",{;", css->token.delim) != NULL);
}


/* One query; -1 if it is not kept. */
static int
jm_media_query(jm_query_t *q)
{
    jm_css_t *css;

    css = q->css;

    if (css->token.kind == JM_CSS_IDENT) {
        if (jm_media_type(q) != 0) {
            return -1;
        }

        if (jm_media_is_end(css)) {
            return 0;
        }

        if (css->token.kind != JM_CSS_IDENT
            || !jm_css_is(css->token.text, "and")) {
            return -1;
        }

        jm_buf_adds(q->out, " and ");
        jm_css_next_solid(css);
    }

    for (;;) {
        if (!jm_css_is_delim(css, '(')
            || q->nfeatures++ == JM_MEDIA_MAX_FEATURES) {
            return -1;
        }

        jm_css_next_solid(css);

        if (jm_media_parens(q) != 0 || !jm_css_is_delim(css, ')')) {
            return -1;
        }

        jm_css_next_solid(css);

        if (jm_media_is_end(css)) {
            return 0;
        }

        if (css->token.kind != JM_CSS_IDENT
            || !jm_css_is(css->token.text, "and")) {
            return -1;
        }

        jm_buf_adds(q->out, " and ");
        jm_css_next_solid(css);
    }
}


/* Where a query holds, of those that came before it. */
static jm_media_t
jm_media_join(jm_media_t media, const jm_query_t *q)
{
    if (q->nfeatures == 0 && !q->negated && !q->print) {
        return JM_MEDIA_ALWAYS;
    }

    if (media == JM_MEDIA_ALWAYS) {
        return media;
    }

    if (q->print && !q->negated) {
        return (media == JM_MEDIA_NEVER) ? JM_MEDIA_PRINT : media;
    }

    return JM_MEDIA_SOMETIMES;
}


jm_media_t
jm_css_media(jm_css_t *css, jm_buf_t *out)
{
    size_t     i, len, start;
    jm_css_t   begin;
    jm_media_t media;
    jm_query_t q;

    while (css->token.kind == JM_CSS_SPACE) {
        jm_css_next(css);
    }

    if (jm_media_is_end(css) && !jm_css_is_delim(css, ',')) {
        jm_buf_adds(out, "all");
        return JM_MEDIA_ALWAYS;
    }

    media = JM_MEDIA_NEVER;
    start = out->len;

    for (i = 0; i < JM_MEDIA_MAX_QUERIES; i++) {
        begin = *css;
        len = out->len;

        if (len != start) {
            jm_buf_adds(out, ", ");
        }

        memset(&q, 0, sizeof(jm_query_t));
        q.css = css;
        q.out = out;

        if (jm_media_query(&q) == 0) {
            media = jm_media_join(media, &q);

        } else {
            out->len = len;
            *css = begin;
            jm_css_skip_to(css, ",{;");
        }

        if (!jm_css_is_delim(css, ',')) {
            return media;
        }

        jm_css_next_solid(css);
    }

    jm_css_skip_to(css, "{;");

    return media;
}


static int jm_supports_condition(jm_css_t *css, size_t depth);


/* Behind "(": a declaration, or a condition in brackets; to ")". */
static int
jm_supports_parens(jm_css_t *css, size_t depth)
{
    int                      result;
    jm_css_t                 begin;
    jm_buf_t                 value;
    jm_css_info_t            info;
    const jm_css_property_t *property;

    begin = *css;
    result = 0;

    if (css->token.kind == JM_CSS_IDENT && !jm_css_is(css->token.text, "not"))
    {
        property = jm_css_property(css->token.text);
        jm_css_next_solid(css);

        if (property != NULL && jm_css_is_delim(css, ':')) {
            jm_css_next_solid(css);
            memset(&info, 0, sizeof(jm_css_info_t));
            jm_buf_init(&value, css->arena, SIZE_MAX);
            css->in_parens = 1;
            result = jm_css_value(css, &info, &value, property->rules) == 0
                     && info.dropped == 0;
            css->in_parens = 0;
        }

    } else if (depth < JM_SUPPORTS_MAX_DEPTH) {
        result = jm_supports_condition(css, depth + 1);
    }

    /* from "(" once more, whatever was read */
    *css = begin;
    jm_css_skip_to(css, ")");
    jm_css_next_solid(css);

    return result;
}


/* "not (…)", "(…) and (…)", "(…) or (…)"; anything else does not hold. */
static int
jm_supports_condition(jm_css_t *css, size_t depth)
{
    int result, negated, next;

    negated = (css->token.kind == JM_CSS_IDENT
               && jm_css_is(css->token.text, "not"));

    if (negated) {
        jm_css_next_solid(css);
    }

    if (!jm_css_is_delim(css, '(')) {
        return 0;
    }

    jm_css_next_solid(css);
    result = jm_supports_parens(css, depth) != negated;

    while (css->token.kind == JM_CSS_IDENT && !negated) {
        next = jm_css_is(css->token.text, "and")  ? 1
               : jm_css_is(css->token.text, "or") ? 2
                                                  : 0;
        jm_css_next_solid(css);

        if (next == 0 || !jm_css_is_delim(css, '(')) {
            return 0;
        }

        jm_css_next_solid(css);

        if (next == 1) {
            result &= jm_supports_parens(css, depth);
        } else {
            result |= jm_supports_parens(css, depth);
        }
    }

    return result;
}


int
jm_css_supports(jm_css_t *css)
{
    int result;

    while (css->token.kind == JM_CSS_SPACE) {
        jm_css_next(css);
    }

    result = jm_supports_condition(css, 0) && jm_css_is_delim(css, '{');
    jm_css_skip_to(css, "{;");

    return result;
}
