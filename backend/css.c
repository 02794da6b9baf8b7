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
    size_t                   start; /* of its value among all */
    size_t                   len;
} jm_css_declaration_t;

/* Those of a block. */
typedef struct {
    jm_css_declaration_t list[JM_CSS_MAX_DECLARATIONS];
    size_t               n;
    jm_buf_t             values;
} jm_css_list_t;


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
 * Behind a name that is the current token.  The end of the declaration, or of
 * what turned out to be none, is then current.
 */
static void
jm_css_declaration(jm_css_t *css, jm_css_info_t *info, uint32_t rank,
                   jm_css_list_t *list)
{
    int                      custom;
    jm_css_t                 start;
    jm_css_declaration_t    *declaration;
    const jm_css_property_t *property;

    start = *css;
    property = jm_css_property(start.token.text);
    custom = start.token.text.len >= 2
             && memcmp(start.token.text.data, "--", 2) == 0;

    jm_css_next_solid(css);

    if (jm_css_is_delim(css, ':')) {
        jm_css_next_solid(css);
        jm_look_declaration(&info->look, css, start.token.text, rank);

        declaration = &list->list[list->n];
        declaration->property = property;
        declaration->start = list->values.len;

        if (property != NULL
            && jm_css_value(css, info, &list->values, property->rules) == 0)
        {
            declaration->len = list->values.len - declaration->start;
            list->n++;
            return;
        }

        list->values.len = declaration->start;
    }

    *css = start;
    jm_css_skip_bad(css, custom);
}


/* 5.5.4, consume a block's contents; at its first token. */
static void
jm_css_collect(jm_css_t *css, jm_css_info_t *info, uint32_t rank,
               jm_css_list_t *list)
{
    list->n = 0;
    jm_buf_init(&list->values, css->arena, SIZE_MAX);

    while (css->token.kind != JM_CSS_EOF) {

        if (css->token.kind == JM_CSS_SPACE || jm_css_is_delim(css, ';')) {
            jm_css_next(css);

        } else if (jm_css_is_end(css)) {
            break;

        } else if (css->token.kind != JM_CSS_IDENT
                   || list->n == JM_CSS_MAX_DECLARATIONS)
        {
            /* "*zoom: 1", an at-rule, a nested rule, rubbish */
            jm_css_skip_bad(css, 0);

        } else {
            jm_css_declaration(css, info, rank, list);
        }
    }
}


void
jm_css_block(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out, uint32_t rank)
{
    int                         relative;
    size_t                      i, start;
    u_char                     *value;
    jm_css_list_t               list;
    const jm_css_declaration_t *declaration;

    start = out->len;
    jm_css_collect(css, info, rank, &list);
    relative = 0;

    for (i = 0; i < list.n; i++) {
        declaration = &list.list[i];

        if (declaration->property->rules & JM_CSS_POSITION) {
            value = list.values.data + declaration->start;
            relative = declaration->len >= 8
                       && strncasecmp((char *) value, "relative", 8) == 0;
        }
    }

    for (i = 0; i < list.n; i++) {
        declaration = &list.list[i];

        if ((declaration->property->rules & JM_CSS_OFFSET) && !relative) {
            continue;
        }

        if (out->len != start) {
            jm_buf_addc(out, ';');
        }

        jm_buf_adds(out, declaration->property->name);
        jm_buf_addc(out, ':');
        jm_buf_add(out, list.values.data + declaration->start,
                   declaration->len);
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
