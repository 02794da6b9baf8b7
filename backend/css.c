/*
 * The CSS filter of css.h, called by html_attr.c and css_sheet.c: a list of
 * declarations, each of a known property, into the caller's buffer.  One that
 * holds anything not known to be harmless (css_value.c) is dropped whole.
 */

#include "css.h"

#include "css_parse.h"
#include "css_property.h"
#include "css_value.h"

#define JM_CSS_MAX_DECLARATIONS 256

typedef struct {
    const jm_css_property_t *property;
    jm_str_t                 value;
} jm_css_declaration_t;


/*
 * 5.5.4: what is no declaration may be a nested rule, and ends as one; but in
 * a style attribute, where browsers know no rules.
 */
static void
jm_css_skip_bad(jm_css_t *css, int custom)
{
    if (css->token.kind == JM_CSS_AT || (css->nested && !custom)) {
        jm_css_skip_rule(css);
    } else {
        jm_css_skip_declaration(css);
    }
}


/*
 * Behind a name that is the current token.  Returns 0 if the declaration is
 * kept.  Its end, or that of what turned out to be none, is then current.
 */
static int
jm_css_declaration(jm_css_t *css, jm_css_info_t *info, uint32_t rank,
                   jm_css_declaration_t *declaration)
{
    int                      custom;
    jm_css_t                 start;
    jm_buf_t                 value;
    const jm_css_property_t *property;

    start = *css;
    property = jm_css_property(start.token.text);
    custom = start.token.text.len >= 2
             && memcmp(start.token.text.data, "--", 2) == 0;

    jm_css_next_solid(css);

    if (jm_css_is_delim(css, ':')) {
        jm_css_next_solid(css);
        jm_look_declaration(&info->look, *css, start.token.text, rank);
        jm_buf_init(&value, css->arena, SIZE_MAX);

        if (property != NULL
            && jm_css_value(css, info, &value, property->rules) == 0) {
            declaration->property = property;
            declaration->value = jm_buf_str(&value);
            return 0;
        }
    }

    *css = start;
    jm_css_skip_bad(css, custom);

    return -1;
}


/* 5.5.4, consume a block's contents; at its first token. */
static size_t
jm_css_collect(jm_css_t *css, jm_css_info_t *info, uint32_t rank,
               jm_css_declaration_t *list)
{
    size_t n;

    n = 0;

    while (css->token.kind != JM_CSS_EOF) {

        if (css->token.kind == JM_CSS_SPACE || jm_css_is_delim(css, ';')) {
            jm_css_next(css);

        } else if (jm_css_is_end(css)) {
            break;

        } else if (css->token.kind != JM_CSS_IDENT
                   || n == JM_CSS_MAX_DECLARATIONS) {
            /* "*zoom: 1", an at-rule, a nested rule, rubbish */
            jm_css_skip_bad(css, 0);

        } else if (jm_css_declaration(css, info, rank, &list[n]) == 0) {
            n++;
        }
    }

    return n;
}


void
jm_css_block(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out, uint32_t rank)
{
    int                  relative;
    size_t               i, n, start;
    jm_css_declaration_t list[JM_CSS_MAX_DECLARATIONS];

    start = out->len;
    n = jm_css_collect(css, info, rank, list);
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

        if (out->len != start) {
            jm_buf_addc(out, ';');
        }

        jm_buf_adds(out, list[i].property->name);
        jm_buf_addc(out, ':');
        jm_buf_add(out, list[i].value.data, list[i].value.len);
    }
}


void
jm_css_declarations(jm_buf_t *out, jm_css_info_t *info, jm_str_t source)
{
    jm_css_t css;

    memset(info, 0, sizeof(jm_css_info_t));
    jm_css_init(&css, out->arena, source);
    jm_css_next(&css);
    jm_css_block(&css, info, out, JM_LOOK_INLINE);
}
