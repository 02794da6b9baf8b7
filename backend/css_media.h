/*
 * Conditions: media queries (mediaqueries-5) and @supports (css-conditional-3)
 * as they stand before a block.
 *
 * Called by css_sheet.c.  Pure C; everything lives in the arena of the buffer.
 */

#ifndef JM_CSS_MEDIA_H
#define JM_CSS_MEDIA_H

#include "css_token.h"

typedef enum {
    JM_MEDIA_NEVER,     /* nothing is left: the block is dropped */
    JM_MEDIA_ALWAYS,    /* on every screen */
    JM_MEDIA_SOMETIMES, /* on some screens */
    JM_MEDIA_PRINT      /* on paper alone */
} jm_media_t;

/*
 * Appends the media query list that begins at the current token, without the
 * queries that are not known.  The current token is then "{", ";" or the end.
 * An empty list is JM_MEDIA_ALWAYS.
 */
jm_media_t jm_css_media(jm_css_t *css, jm_buf_t *out);

/*
 * Evaluates the condition of an @supports rule: 1 if this filter would keep
 * the declaration it asks for.  Ends as jm_css_media() does.
 */
int jm_css_supports(jm_css_t *css);

#endif /* JM_CSS_MEDIA_H */
