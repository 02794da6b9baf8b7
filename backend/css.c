/*
 * The CSS filter of css.h, called by html_attr.c: the declaration list and the
 * properties it may hold, into the caller's buffer.  A declaration that holds
 * anything not known to be harmless (css_value.c) is dropped whole; error
 * recovery is that of css-syntax-3 5.4, so that a browser and we agree where
 * the next one begins.
 */

#include "css.h"

#include <stdlib.h>
#include <strings.h>

#include "css_token.h"
#include "css_value.h"

#define JM_CSS_MAX_DECLARATIONS 256

typedef struct {
    const char *name;
    unsigned    rules;
} jm_css_property_t;

typedef struct {
    const jm_css_property_t *property;
    jm_str_t                 value;
} jm_css_declaration_t;


/* Sorted by name. */
static const jm_css_property_t jm_css_properties[] = {
    { "align-content", JM_CSS_GENERAL },
    { "align-items", JM_CSS_GENERAL },
    { "align-self", JM_CSS_GENERAL },
    { "aspect-ratio", JM_CSS_GENERAL },
    { "background", JM_CSS_BACKGROUND },
    { "background-clip", JM_CSS_GENERAL },
    { "background-color", JM_CSS_GENERAL },
    { "background-image", JM_CSS_GENERAL },
    { "background-origin", JM_CSS_GENERAL },
    { "background-position", JM_CSS_GENERAL },
    { "background-repeat", JM_CSS_GENERAL },
    { "background-size", JM_CSS_GENERAL },
    { "border", JM_CSS_GENERAL },
    { "border-bottom", JM_CSS_GENERAL },
    { "border-bottom-color", JM_CSS_GENERAL },
    { "border-bottom-left-radius", JM_CSS_GENERAL },
    { "border-bottom-right-radius", JM_CSS_GENERAL },
    { "border-bottom-style", JM_CSS_GENERAL },
    { "border-bottom-width", JM_CSS_GENERAL },
    { "border-collapse", JM_CSS_GENERAL },
    { "border-color", JM_CSS_GENERAL },
    { "border-left", JM_CSS_GENERAL },
    { "border-left-color", JM_CSS_GENERAL },
    { "border-left-style", JM_CSS_GENERAL },
    { "border-left-width", JM_CSS_GENERAL },
    { "border-radius", JM_CSS_GENERAL },
    { "border-right", JM_CSS_GENERAL },
    { "border-right-color", JM_CSS_GENERAL },
    { "border-right-style", JM_CSS_GENERAL },
    { "border-right-width", JM_CSS_GENERAL },
    { "border-spacing", JM_CSS_GENERAL },
    { "border-style", JM_CSS_GENERAL },
    { "border-top", JM_CSS_GENERAL },
    { "border-top-color", JM_CSS_GENERAL },
    { "border-top-left-radius", JM_CSS_GENERAL },
    { "border-top-right-radius", JM_CSS_GENERAL },
    { "border-top-style", JM_CSS_GENERAL },
    { "border-top-width", JM_CSS_GENERAL },
    { "border-width", JM_CSS_GENERAL },
    { "bottom", JM_CSS_OFFSET },
    { "box-shadow", JM_CSS_GENERAL },
    { "box-sizing", JM_CSS_GENERAL },
    { "break-after", JM_CSS_GENERAL },
    { "break-before", JM_CSS_GENERAL },
    { "break-inside", JM_CSS_GENERAL },
    { "caption-side", JM_CSS_GENERAL },
    { "clear", JM_CSS_GENERAL },
    { "color", JM_CSS_GENERAL },
    { "color-scheme", JM_CSS_GENERAL },
    { "column-count", JM_CSS_GENERAL },
    { "column-gap", JM_CSS_GENERAL },
    { "column-width", JM_CSS_GENERAL },
    { "columns", JM_CSS_GENERAL },
    { "direction", JM_CSS_GENERAL },
    { "display", JM_CSS_DISPLAY },
    { "empty-cells", JM_CSS_GENERAL },
    { "flex", JM_CSS_GENERAL },
    { "flex-basis", JM_CSS_GENERAL },
    { "flex-direction", JM_CSS_GENERAL },
    { "flex-flow", JM_CSS_GENERAL },
    { "flex-grow", JM_CSS_GENERAL },
    { "flex-shrink", JM_CSS_GENERAL },
    { "flex-wrap", JM_CSS_GENERAL },
    { "float", JM_CSS_GENERAL },
    { "font", JM_CSS_FONT_SIZE | JM_CSS_STRINGS },
    { "font-family", JM_CSS_STRINGS },
    { "font-size", JM_CSS_FONT_SIZE },
    { "font-stretch", JM_CSS_GENERAL },
    { "font-style", JM_CSS_GENERAL },
    { "font-variant", JM_CSS_GENERAL },
    { "font-weight", JM_CSS_GENERAL },
    { "gap", JM_CSS_GENERAL },
    { "grid-area", JM_CSS_GENERAL },
    { "grid-auto-columns", JM_CSS_GENERAL },
    { "grid-auto-flow", JM_CSS_GENERAL },
    { "grid-auto-rows", JM_CSS_GENERAL },
    { "grid-column", JM_CSS_GENERAL },
    { "grid-column-end", JM_CSS_GENERAL },
    { "grid-column-start", JM_CSS_GENERAL },
    { "grid-row", JM_CSS_GENERAL },
    { "grid-row-end", JM_CSS_GENERAL },
    { "grid-row-start", JM_CSS_GENERAL },
    { "grid-template-areas", JM_CSS_STRINGS },
    { "grid-template-columns", JM_CSS_GENERAL },
    { "grid-template-rows", JM_CSS_GENERAL },
    { "height", JM_CSS_GENERAL },
    { "hyphens", JM_CSS_GENERAL },
    { "justify-content", JM_CSS_GENERAL },
    { "justify-items", JM_CSS_GENERAL },
    { "justify-self", JM_CSS_GENERAL },
    { "left", JM_CSS_OFFSET },
    { "letter-spacing", JM_CSS_GENERAL },
    { "line-height", JM_CSS_LINE_HEIGHT },
    { "list-style", JM_CSS_BACKGROUND },
    { "list-style-image", JM_CSS_GENERAL },
    { "list-style-position", JM_CSS_GENERAL },
    { "list-style-type", JM_CSS_GENERAL },
    { "margin", JM_CSS_MARGIN },
    { "margin-bottom", JM_CSS_MARGIN },
    { "margin-left", JM_CSS_MARGIN },
    { "margin-right", JM_CSS_MARGIN },
    { "margin-top", JM_CSS_MARGIN },
    { "max-height", JM_CSS_GENERAL },
    { "max-width", JM_CSS_GENERAL },
    { "min-height", JM_CSS_GENERAL },
    { "min-width", JM_CSS_GENERAL },
    { "object-fit", JM_CSS_GENERAL },
    { "object-position", JM_CSS_GENERAL },
    { "opacity", JM_CSS_GENERAL },
    { "order", JM_CSS_GENERAL },
    { "orphans", JM_CSS_GENERAL },
    { "outline", JM_CSS_GENERAL },
    { "outline-color", JM_CSS_GENERAL },
    { "outline-offset", JM_CSS_GENERAL },
    { "outline-style", JM_CSS_GENERAL },
    { "outline-width", JM_CSS_GENERAL },
    { "overflow", JM_CSS_OVERFLOW },
    { "overflow-wrap", JM_CSS_GENERAL },
    { "overflow-x", JM_CSS_OVERFLOW },
    { "overflow-y", JM_CSS_OVERFLOW },
    { "padding", JM_CSS_GENERAL },
    { "padding-bottom", JM_CSS_GENERAL },
    { "padding-left", JM_CSS_GENERAL },
    { "padding-right", JM_CSS_GENERAL },
    { "padding-top", JM_CSS_GENERAL },
    { "page-break-after", JM_CSS_GENERAL },
    { "page-break-before", JM_CSS_GENERAL },
    { "page-break-inside", JM_CSS_GENERAL },
    { "position", JM_CSS_POSITION },
    { "right", JM_CSS_OFFSET },
    { "row-gap", JM_CSS_GENERAL },
    { "tab-size", JM_CSS_GENERAL },
    { "table-layout", JM_CSS_GENERAL },
    { "text-align", JM_CSS_GENERAL },
    { "text-align-last", JM_CSS_GENERAL },
    { "text-decoration", JM_CSS_GENERAL },
    { "text-decoration-color", JM_CSS_GENERAL },
    { "text-decoration-line", JM_CSS_GENERAL },
    { "text-decoration-style", JM_CSS_GENERAL },
    { "text-decoration-thickness", JM_CSS_GENERAL },
    { "text-indent", JM_CSS_GENERAL },
    { "text-overflow", JM_CSS_GENERAL },
    { "text-shadow", JM_CSS_GENERAL },
    { "text-transform", JM_CSS_GENERAL },
    { "text-underline-offset", JM_CSS_GENERAL },
    { "top", JM_CSS_OFFSET },
    { "unicode-bidi", JM_CSS_GENERAL },
    { "vertical-align", JM_CSS_GENERAL },
    { "visibility", JM_CSS_GENERAL },
    { "white-space", JM_CSS_GENERAL },
    { "widows", JM_CSS_GENERAL },
    { "width", JM_CSS_GENERAL },
    { "word-break", JM_CSS_GENERAL },
    { "word-spacing", JM_CSS_GENERAL },
    { "word-wrap", JM_CSS_GENERAL },
    { "writing-mode", JM_CSS_GENERAL },
    { "z-index", JM_CSS_OFFSET },
};

#define JM_NPROPERTIES                                                        \
    (sizeof(jm_css_properties) / sizeof(jm_css_properties[0]))


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

    for (/* void */; css->token.kind != JM_CSS_EOF; jm_css_next(css)) {
        if (depth == JM_CSS_MAX_NESTING) {
            continue;
        }

        if (css->token.kind == JM_CSS_FUNCTION || jm_css_is_delim(css, '(')) {
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


/* Behind a name: the value, its space trimmed.  Returns 0 if it is kept. */
static int
jm_css_declaration(jm_css_t *css, jm_css_info_t *info,
                   jm_css_declaration_t *declaration)
{
    jm_buf_t                 value;
    jm_str_t                 name;
    const u_char            *start;
    const jm_css_property_t *property;

    name = css->token.text;
    property = jm_css_property(name);

    do {
        jm_css_next(css);
    } while (css->token.kind == JM_CSS_SPACE);

    if (!jm_css_is_delim(css, ':')) {
        jm_css_skip_declaration(css);
        return -1;
    }

    start = css->pos;
    jm_css_next(css);
    jm_look_declaration(&info->look, *css, name, JM_LOOK_INLINE);

    if (property == NULL) {
        jm_css_skip_declaration(css);
        return -1;
    }

    jm_buf_init(&value, css->arena, SIZE_MAX);

    if (jm_css_value(css, info, &value, property->rules) != 0) {
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
jm_css_collect(jm_css_t *css, jm_css_info_t *info, jm_css_declaration_t *list)
{
    size_t n;

    n = 0;

    for (jm_css_next(css); css->token.kind != JM_CSS_EOF; jm_css_next(css)) {

        if (css->token.kind == JM_CSS_SPACE || jm_css_is_delim(css, ';')) {
            continue;
        }

        if (css->token.kind != JM_CSS_IDENT) {
            /* "*zoom: 1", an at-rule, rubbish */
            jm_css_skip_declaration(css);

        } else if (n == JM_CSS_MAX_DECLARATIONS) {
            break;

        } else if (jm_css_declaration(css, info, &list[n]) == 0) {
            n++;
        }

        if (css->token.kind == JM_CSS_EOF) {
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

    if (source.len == 0) {
        return;
    }

    css.arena = out->arena;
    css.pos = source.data;
    css.end = source.data + source.len;

    n = jm_css_collect(&css, info, list);
    relative = 0;

    for (i = 0; i < n; i++) {
        if (list[i].property->rules & JM_CSS_POSITION) {
            relative = list[i].value.len >= 8
                       && strncasecmp((char *) list[i].value.data, "relative",
                                      8)
                              == 0;
        }
    }

    for (i = 0; i < n; i++) {
        if ((list[i].property->rules & JM_CSS_OFFSET) && !relative) {
            continue;
        }

        if (out->len != 0) {
            jm_buf_addc(out, ';');
        }

        jm_buf_adds(out, list[i].property->name);
        jm_buf_addc(out, ':');
        jm_buf_add(out, list[i].value.data, list[i].value.len);
    }
}
