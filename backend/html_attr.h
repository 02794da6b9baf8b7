/*
 * The attributes of one element: read from its node, its style judged (css.c),
 * all of them written with checked values.
 *
 * Called by html_judge.c and html_image.c for each element.
 */

#ifndef JM_HTML_ATTR_H
#define JM_HTML_ATTR_H

#include "html_write.h"

/* By number; NULL: the element has none of the kind, or it goes. */
typedef struct {
    jm_prop_t *prop[JM_NATTRS];
} jm_props_t;

void jm_attr_read(jm_props_t *props, const xmlNode *node);

/*
 * Makes the style that hidden and style come to, and what `tag` alone says
 * (body's colours, nobr); sets props->prop[JM_ATTR_style] to it, or to NULL,
 * and returns it.
 */
jm_prop_t *jm_attr_style(jm_writer_t *w, jm_props_t *props, jm_tag_t tag);

/* A background image goes; one that is no tracker is held back. */
/*
 * A background image goes into the report as one that is held back.  Returns
 * its index, an empty string if it is none, or a tracker.
 */
jm_str_t jm_attr_hold(jm_writer_t *w, const char *kind, jm_str_t raw);

void jm_attr_background(jm_writer_t *w, jm_props_t *props);

/* Writes all that are left, in the order of the table. */
void jm_attr_write(jm_writer_t *w, jm_props_t *props);

#endif /* JM_HTML_ATTR_H */
