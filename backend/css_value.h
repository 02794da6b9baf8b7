/*
 * The values of CSS properties: the tokens behind a declaration's colon in,
 * the value written anew out, held to the property's limits.  Functions, units
 * and words by allow-list; css-values-4 and css-color-4 name them.
 *
 * Called by css.c.  Pure C; everything lives in the arena of the buffer.
 */

#ifndef JM_CSS_VALUE_H
#define JM_CSS_VALUE_H

#include "css.h"
#include "css_token.h"

#define JM_CSS_MAX_NESTING 16 /* of brackets; what is deeper is dropped */

/* What a property's values are held to beyond the general rules. */
enum jm_css_rule {
    JM_CSS_GENERAL = 0,
    JM_CSS_MARGIN = 1,      /* not below -200px: text over other text */
    JM_CSS_FONT_SIZE = 2,   /* at most 200px */
    JM_CSS_LINE_HEIGHT = 4, /* at most 10 */
    JM_CSS_STRINGS = 8,     /* strings are values */
    JM_CSS_BACKGROUND = 16, /* an image becomes "none", the rest is kept */
    JM_CSS_OFFSET = 32, /* counts only with position: relative, up to 200px */
    JM_CSS_POSITION = 64,
    JM_CSS_DISPLAY = 128,
    JM_CSS_OVERFLOW = 256,
    JM_CSS_LIST_IMAGE = 512, /* an image is left out, the rest kept */
    JM_CSS_CONTENT = 1024,   /* short strings, and words by list */
    JM_CSS_NEAR = 2048       /* within 200px of its element */
};

/*
 * Appends the value that begins at the current token, up to its `;`, the
 * `}` of its block or the end; tokens parted by one space, but for commas and
 * the inside of parentheses.  `rules` are bits of jm_css_rule.  Returns 0, or
 * -1 if the declaration is to be dropped: then the buffer and the place in the
 * source mean nothing.  What would have been fetched is added to `info`.
 */
int jm_css_value(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out,
                 unsigned rules);

/*
 * What one of a unit is in pixels, roughly; 0 if it is no length, -1 if there
 * is no such unit.
 */
double jm_css_unit_pixels(jm_str_t unit);

#endif /* JM_CSS_VALUE_H */
