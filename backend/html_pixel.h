/*
 * A first look over a mail's tree, before it is judged: where each remote
 * image stands, how large it is and whether it can be seen, what stands
 * before and behind it; and what pixel.c makes of that.
 *
 * Called by html_judge.c once for each mail; asked by html_image.c.  The time
 * grows with the number of nodes, not faster.
 */

#ifndef JM_HTML_PIXEL_H
#define JM_HTML_PIXEL_H

#include "html_style.h"
#include "pixel.h"

/* A remote image and the verdict on it. */
typedef struct {
    const xmlNode  *node;
    jm_url_t        url;  /* as the mail has it */
    jm_str_t        host; /* the one that would be told */
    jm_pixel_look_t look;
    jm_pixel_t      verdict;
    uint32_t        before; /* what can be seen before it, counted */
    unsigned        seen : 1;
    unsigned        loose : 1; /* behind a table, and in none */
} jm_pixel_image_t;

struct jm_pixels_s {
    jm_pixel_image_t *images;
    size_t            n;
    size_t            next; /* the last one asked for */
};

void jm_pixel_scan(jm_writer_t *w, xmlNode *body);

/* Asked in the order of the tree; NULL if it is no remote image. */
const jm_pixel_image_t *jm_pixel_of(jm_writer_t *w, const xmlNode *node);

/* The same for one that is still to come. */
const jm_pixel_image_t *jm_pixel_peek(jm_writer_t *w, const xmlNode *node);

#endif /* JM_HTML_PIXEL_H */
