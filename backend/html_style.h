/*
 * How an element looks by the mail's own styles: how large, and whether a
 * reader can see it.  In: an element's attributes, its style judged
 * (jm_attr_style).  Out: what its style attribute, the simple rules of the
 * mail's style blocks (element, class, id) and its size attributes come to,
 * as the sender wrote them and before the filter changed anything.
 *
 * Called by html_judge.c and html_image.c for each element; the time does not
 * depend on how many rules there are.
 */

#ifndef JM_HTML_STYLE_H
#define JM_HTML_STYLE_H

#include "html_attr.h"

/* In place of a number: not given, or not in pixels ("auto", "50%"). */
#define JM_STYLE_UNKNOWN INT_MIN

typedef struct {
    int width, height; /* CSS pixels; of the style, else the attribute */
    int max_width, max_height;
    int font_size, line_height;
    int opacity;                  /* per cent; 100 where nothing is said */
    jm_display_t display;         /* JM_DISPLAY_INLINE where nothing is said */
    unsigned     hidden : 1;      /* for any reason below; its content too */
    unsigned     invisible : 1;   /* visibility: hidden, collapse */
    unsigned     transparent : 1; /* opacity: 0 */
    unsigned     collapsed : 1;   /* a size of 0 that hides what overflows */
    unsigned     clipped : 1;     /* clip, clip-path */
    unsigned     outside : 1;     /* moved off the page */
    unsigned     overflow : 1;    /* what overflows is hidden */
    unsigned may_be_shown : 1;  /* hidden, but not where a media query holds */
    unsigned may_be_larger : 1; /* width or height, the same */
} jm_style_t;

void jm_style_of(jm_style_t *style, jm_writer_t *w, jm_tag_t tag,
                 const jm_props_t *props);

#endif /* JM_HTML_STYLE_H */
