/*
 * What CSS makes of an element as far as a reader can see it at all: its size,
 * and every usual way of hiding it.  Declarations in, the winning value of
 * each property that matters out, before anything is dropped or clamped: it is
 * the sender's intention that tells a tracker.
 *
 * Called by css.c for each declaration, read by html_style.c.  Pure C.
 */

#ifndef JM_CSS_LOOK_H
#define JM_CSS_LOOK_H

#include <limits.h>
#include <stdint.h>

#include "css_token.h"

/* A value that is not in pixels: a percentage, "auto", a calculation. */
#define JM_LOOK_OTHER INT_MIN

/* The values of `display`, as far as they make a difference to a text. */
typedef enum {
    JM_DISPLAY_NONE,
    JM_DISPLAY_INLINE,
    JM_DISPLAY_BLOCK, /* on lines of its own */
    JM_DISPLAY_CELL
} jm_display_t;

/* Values are CSS pixels, and 0 or 1 for what hides and what does not. */
typedef enum {
    JM_LOOK_DISPLAY,    /* jm_display_t */
    JM_LOOK_VISIBILITY, /* 0: hidden, collapse */
    JM_LOOK_OPACITY,    /* per cent */
    JM_LOOK_OVERFLOW,   /* 0: hidden, clip */
    JM_LOOK_POSITION,   /* 0: absolute, fixed */
    JM_LOOK_CLIP,       /* 0: nothing is left */
    JM_LOOK_WIDTH,
    JM_LOOK_HEIGHT,
    JM_LOOK_MAX_WIDTH,
    JM_LOOK_MAX_HEIGHT,
    JM_LOOK_FONT_SIZE,
    JM_LOOK_LINE_HEIGHT, /* a number without unit is a tenth */
    JM_LOOK_TOP,
    JM_LOOK_LEFT,
    JM_LOOK_MARGIN_TOP,
    JM_LOOK_MARGIN_LEFT,
    JM_LOOK_TEXT_INDENT,
    JM_LOOK_NFIELDS
} jm_look_field_t;

/*
 * Rank 0: not set.  Else the place in the cascade: the higher one wins, of
 * equal ones the later.
 */
typedef struct {
    int      value[JM_LOOK_NFIELDS];
    uint32_t rank[JM_LOOK_NFIELDS];
} jm_look_t;

#define JM_LOOK_IMPORTANT 0x80000000u
#define JM_LOOK_INLINE    0x40000000u

/*
 * Takes one declaration in.  `css` stands on the first token of the value, and
 * stays there; `rank` is the rule's.
 */
void jm_look_declaration(jm_look_t *look, const jm_css_t *css, jm_str_t name,
                         uint32_t rank);

/* Into `look`, where `other` ranks higher or as high. */
void jm_look_merge(jm_look_t *look, const jm_look_t *other);

#endif /* JM_CSS_LOOK_H */
