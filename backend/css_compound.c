/*
 * The compound selectors of css_compound.h.
 */

#include "css_compound.h"

#include "css_write.h"
#include "html_str.h"
#include "html_value.h"

#define JM_CSS_MAX_NTH 32

typedef jm_verdict_t (*jm_pseudo_pt)(jm_css_t *css, jm_compound_t *c);

typedef struct {
    const char  *name;
    const char  *written; /* NULL: it is right, but not kept */
    unsigned     element : 1;
    jm_pseudo_pt read; /* of those with arguments */
} jm_pseudo_t;

static jm_verdict_t jm_pseudo_root(jm_css_t *css, jm_compound_t *c);
static jm_verdict_t jm_pseudo_nth(jm_css_t *css, jm_compound_t *c);
static jm_verdict_t jm_pseudo_not(jm_css_t *css, jm_compound_t *c);
static jm_verdict_t jm_compound_simple(jm_css_t *css, jm_compound_t *c);


static const jm_pseudo_t jm_pseudos[] = {
    { "hover", ":hover", 0, NULL },
    { "link", ":link", 0, NULL },
    { "first-child", ":first-child", 0, NULL },
    { "last-child", ":last-child", 0, NULL },
    { "root", NULL, 0, jm_pseudo_root },
    { "nth-child", ":nth-child(", 0, jm_pseudo_nth },
    { "not", ":not(", 0, jm_pseudo_not },
    { "before", "::before", 1, NULL },
    { "after", "::after", 1, NULL },
    { "first-line", "::first-line", 1, NULL },
    { "first-letter", "::first-letter", 1, NULL },
};

/* What browsers know besides. */
static const char *const jm_pseudo_others[] = { "active",
                                                "any-link",
                                                "autofill",
                                                "checked",
                                                "default",
                                                "defined",
                                                "dir",
                                                "disabled",
                                                "empty",
                                                "enabled",
                                                "first-of-type",
                                                "focus",
                                                "focus-visible",
                                                "focus-within",
                                                "fullscreen",
                                                "has",
                                                "host",
                                                "in-range",
                                                "indeterminate",
                                                "invalid",
                                                "is",
                                                "lang",
                                                "last-of-type",
                                                "nth-last-child",
                                                "nth-last-of-type",
                                                "nth-of-type",
                                                "only-child",
                                                "only-of-type",
                                                "optional",
                                                "out-of-range",
                                                "placeholder-shown",
                                                "read-only",
                                                "read-write",
                                                "required",
                                                "scope",
                                                "target",
                                                "valid",
                                                "visited",
                                                "where",
                                                "marker",
                                                "placeholder",
                                                "selection",
                                                "backdrop",
                                                NULL };

static const char *const jm_attr_names[] = { "class", "id",      "align",
                                             "width", "bgcolor", "dir",
                                             "lang",  NULL };


static int
jm_compound_in(jm_str_t str, const char *const *words)
{
    for (/* void */; *words != NULL; words++) {
        if (jm_css_is(str, *words)) {
            return 1;
        }
    }

    return 0;
}


/* A class or id: in the mail's name space, then as an identifier. */
static jm_verdict_t
jm_compound_name(jm_css_t *css, jm_compound_t *c, u_char sign)
{
    jm_buf_t name;

    jm_buf_init(&name, css->arena, SIZE_MAX);

    if (jm_value_name(&name, css->token.text) != 0) {
        return JM_UNKNOWN;
    }

    c->name = css->token.text;
    jm_buf_addc(&c->rest, sign);
    jm_css_write_ident(&c->rest, jm_buf_str(&name));
    jm_css_next(css);

    return JM_GOOD;
}


static jm_verdict_t
jm_compound_class(jm_css_t *css, jm_compound_t *c)
{
    jm_css_next(css);

    if (css->token.kind != JM_CSS_IDENT) {
        return JM_BAD;
    }

    if (jm_str_is(css->token.text, &JM_CSS_WRAPPER[1])) {
        c->wrapper = 1;
        jm_css_next(css);
        return JM_GOOD;
    }

    c->nclasses++;

    /* our own, on images that are held back */
    if (jm_str_is(css->token.text, "jm-img")) {
        jm_buf_adds(&c->rest, ".jm-img");
        jm_css_next(css);
        return JM_GOOD;
    }

    return jm_compound_name(css, c, '.');
}


static jm_verdict_t
jm_compound_tag(jm_css_t *css, jm_compound_t *c)
{
    size_t   i;
    u_char   name[16];
    jm_str_t text;

    text = css->token.text;

    for (i = 0; i < text.len && i < sizeof(name); i++) {
        name[i] = (text.data[i] >= 'A' && text.data[i] <= 'Z')
                      ? text.data[i] | 0x20
                      : text.data[i];
    }

    text.data = name;
    c->tag = (i == text.len && i != 0) ? jm_tag_find(text) : JM_TAG_none;
    jm_css_next(css);

    if (jm_css_is_delim(css, '|')) {
        return JM_BAD;
    }

    if (jm_tags[c->tag].action == BODY) {
        c->tag = JM_TAG_none;
        c->wrapper = 1;
        return JM_GOOD;
    }

    return (jm_tags[c->tag].action == KEEP) ? JM_GOOD : JM_UNKNOWN;
}


/*
 * The value of an attribute selector as it compares with what html_attr.c
 * writes.  One class among others: held images have one more.
 */
static jm_verdict_t
jm_compound_value(jm_css_t *css, jm_compound_t *c, jm_str_t name, u_char match)
{
    jm_buf_t value;
    jm_str_t raw;

    raw = jm_html_trim(css->token.text);
    jm_buf_init(&value, css->arena, SIZE_MAX);

    if (raw.len == 0 || raw.len > JM_HTML_MAX_TEXT) {
        return JM_UNKNOWN;
    }

    if (match == '*' || (!jm_css_is(name, "class") && !jm_css_is(name, "id")))
    {
        value.data = raw.data;
        value.len = raw.len;

    } else if (jm_css_is(name, "class") && match == '=') {
        if (jm_value_class(&value, raw) != 0) {
            return JM_UNKNOWN;
        }

        if (memchr(value.data, ' ', value.len) == NULL) {
            match = '~';
            c->name = raw;
        }

    } else if (jm_value_name(&value, raw) != 0) {
        return JM_UNKNOWN;
    }

    if (match != '=') {
        jm_buf_addc(&c->rest, match);
    }

    jm_buf_addc(&c->rest, '=');
    jm_css_write_string(&c->rest, jm_buf_str(&value));

    return JM_GOOD;
}


/*
 * At "[": [name], [name="value"]; for class and id also "~=", which we write
 * ourselves, and "*=".  That one goes beyond the specification: newsletters
 * lay out their phone view by it, and no selector can fetch anything here.
 */
static jm_verdict_t
jm_compound_attr(jm_css_t *css, jm_compound_t *c)
{
    u_char       match;
    jm_str_t     name;
    jm_verdict_t verdict;

    jm_css_next_solid(css);
    name = css->token.text;

    if (css->token.kind != JM_CSS_IDENT) {
        return JM_BAD;
    }

    c->nclasses++;
    jm_css_next_solid(css);

    if (!jm_compound_in(name, jm_attr_names)) {
        return JM_UNKNOWN;
    }

    jm_buf_addc(&c->rest, '[');
    jm_css_write_escaped(&c->rest, name, "");
    match = css->token.delim;

    if (css->token.kind == JM_CSS_DELIM && match != '='
        && strchr("~*^$|", match) != NULL)
    {
        jm_css_next(css);

        if ((match != '~' && match != '*')
            || (!jm_css_is(name, "class") && !jm_css_is(name, "id")))
        {
            return JM_UNKNOWN;
        }
    }

    if (jm_css_is_delim(css, '=')) {
        jm_css_next_solid(css);

        if (css->token.kind != JM_CSS_IDENT
            && css->token.kind != JM_CSS_STRING) {
            return JM_BAD;
        }

        verdict = jm_compound_value(css, c, name, match);

        if (verdict != JM_GOOD) {
            return verdict;
        }

        jm_css_next_solid(css);
    }

    if (!jm_css_is_delim(css, ']')) {
        return JM_BAD;
    }

    jm_buf_addc(&c->rest, ']');
    jm_css_next(css);

    return JM_GOOD;
}


static jm_verdict_t
jm_pseudo_root(jm_css_t *css, jm_compound_t *c)
{
    c->wrapper = 1;

    return JM_GOOD;
}


/* Digits, as they are written: no more than four. */
static const u_char *
jm_nth_digits(const u_char *p, size_t *n)
{
    for (*n = 0; jm_css_digit(p[*n]) && *n < 5; (*n)++) {
        /* void */
    }

    return (*n < 5) ? p : NULL;
}


/*
 * "an+b" without its spaces, NUL-terminated (css-syntax-3, 6.2): is it one?
 */
static int
jm_nth_is_good(const u_char *p)
{
    size_t digits;

    if (strcmp((char *) p, "odd") == 0 || strcmp((char *) p, "even") == 0) {
        return 1;
    }

    p += (*p == '+' || *p == '-');

    if (jm_nth_digits(p, &digits) == NULL) {
        return 0;
    }

    p += digits;

    if (*p != 'n') {
        return digits != 0 && *p == '\0';
    }

    if (*++p == '\0') {
        return 1;
    }

    return (*p == '+' || *p == '-') && jm_nth_digits(p + 1, &digits) != NULL
           && digits != 0 && p[1 + digits] == '\0';
}


/*
 * Behind "nth-child(".  Read from the source: as tokens, "2n-1" is a number
 * with the unit "n-1".
 */
static jm_verdict_t
jm_pseudo_nth(jm_css_t *css, jm_compound_t *c)
{
    size_t n;
    u_char text[JM_CSS_MAX_NTH];

    n = 0;

    while (css->pos < css->end && *css->pos != ')') {
        if (n == JM_CSS_MAX_NTH - 1) {
            return JM_UNKNOWN;
        }

        if (!jm_html_space(*css->pos)) {
            text[n++] = (*css->pos >= 'A' && *css->pos <= 'Z')
                            ? *css->pos | 0x20
                            : *css->pos;
        }

        css->pos++;
    }

    text[n] = '\0';

    if (css->pos == css->end || !jm_nth_is_good(text)) {
        return JM_UNKNOWN;
    }

    jm_buf_add(&c->rest, text, n);
    jm_buf_addc(&c->rest, ')');
    css->pos++;
    jm_css_next(css);

    return JM_GOOD;
}


/* Behind "not(": one simple selector. */
static jm_verdict_t
jm_pseudo_not(jm_css_t *css, jm_compound_t *c)
{
    jm_verdict_t  verdict;
    jm_compound_t inner;

    memset(&inner, 0, sizeof(jm_compound_t));
    jm_buf_init(&inner.rest, css->arena, SIZE_MAX);
    jm_css_next_solid(css);

    /* no :not() in it */
    if (css->token.kind == JM_CSS_FUNCTION || jm_css_is_delim(css, ':')) {
        return JM_UNKNOWN;
    }

    verdict = jm_compound_simple(css, &inner);

    while (css->token.kind == JM_CSS_SPACE) {
        jm_css_next(css);
    }

    if (verdict != JM_GOOD) {
        return verdict;
    }

    if (!jm_css_is_delim(css, ')') || inner.star) {
        return JM_UNKNOWN;
    }

    if (inner.wrapper) {
        jm_buf_adds(&c->rest, JM_CSS_WRAPPER);
    }

    if (inner.tag != JM_TAG_none) {
        jm_buf_adds(&c->rest, jm_tags[inner.tag].name);
    }

    jm_buf_add(&c->rest, inner.rest.data, inner.rest.len);
    jm_buf_addc(&c->rest, ')');
    jm_css_next(css);

    return JM_GOOD;
}


static const jm_pseudo_t *
jm_pseudo_find(jm_str_t name)
{
    size_t i;

    for (i = 0; i < sizeof(jm_pseudos) / sizeof(jm_pseudos[0]); i++) {
        if (jm_css_is(name, jm_pseudos[i].name)) {
            return &jm_pseudos[i];
        }
    }

    return NULL;
}


/* At ":". */
static jm_verdict_t
jm_compound_pseudo(jm_css_t *css, jm_compound_t *c)
{
    int                function, colons;
    jm_str_t           name;
    const jm_pseudo_t *pseudo;

    jm_css_next(css);
    colons = jm_css_is_delim(css, ':');

    if (colons) {
        jm_css_next(css);
    }

    function = (css->token.kind == JM_CSS_FUNCTION);
    name = css->token.text;

    if (!function && css->token.kind != JM_CSS_IDENT) {
        return JM_BAD;
    }

    c->npseudo++;
    pseudo = jm_pseudo_find(name);

    if (pseudo == NULL) {
        return (jm_compound_in(name, jm_pseudo_others)
                || (colons && name.len > 8
                    && strncasecmp((char *) name.data, "-webkit-", 8) == 0))
                   ? JM_UNKNOWN
                   : JM_BAD;
    }

    if (function != (pseudo->read != NULL && pseudo->written != NULL)
        || (colons && !pseudo->element))
    {
        return JM_BAD;
    }

    if (pseudo->written != NULL) {
        jm_buf_adds(&c->rest, pseudo->written);
    }

    c->element = pseudo->element;

    if (!function) {
        jm_css_next(css);
    }

    return (pseudo->read == NULL) ? JM_GOOD : pseudo->read(css, c);
}


static jm_verdict_t
jm_compound_simple(jm_css_t *css, jm_compound_t *c)
{

    switch (css->token.kind) {

    case JM_CSS_IDENT:
        return jm_compound_tag(css, c);

    case JM_CSS_HASH:
        c->nids++;
        return css->token.id ? jm_compound_name(css, c, '#') : JM_BAD;

    case JM_CSS_DELIM:
        break;

    default:
        return JM_BAD;
    }

    switch (css->token.delim) {

    case '*':
        c->star = 1;
        jm_css_next(css);
        return jm_css_is_delim(css, '|') ? JM_BAD : JM_GOOD;

    case '.':
        return jm_compound_class(css, c);

    case '[':
        return jm_compound_attr(css, c);

    case ':':
        return jm_compound_pseudo(css, c);

    case '&':
        return JM_UNKNOWN;

    default:
        return JM_BAD;
    }
}


/* Does a compound selector end here? */
static int
jm_compound_is_end(jm_css_t *css)
{
    return css->token.kind == JM_CSS_EOF || css->token.kind == JM_CSS_SPACE
           || (css->token.kind == JM_CSS_DELIM
               && strchr(",{>+~", css->token.delim) != NULL);
}


jm_verdict_t
jm_compound_read(jm_css_t *css, jm_compound_t *c)
{
    jm_verdict_t verdict;

    memset(c, 0, sizeof(jm_compound_t));
    jm_buf_init(&c->rest, css->arena, SIZE_MAX);

    do {
        /* an element's name comes first, a pseudo-element last */
        if (c->element
            || (css->token.kind == JM_CSS_IDENT
                && (c->rest.len != 0 || c->wrapper || c->star
                    || c->tag != JM_TAG_none)))
        {
            return JM_BAD;
        }

        verdict = jm_compound_simple(css, c);

        if (verdict != JM_GOOD) {
            return verdict;
        }

    } while (!jm_compound_is_end(css));

    return JM_GOOD;
}
