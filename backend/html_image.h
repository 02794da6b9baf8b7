/*
 * Images: the mail's own (cid: and data:) are shown, remote ones held back
 * behind a number or, when they are trackers, taken out and reported.
 *
 * Called by html_judge.c for each img.
 */

#ifndef JM_HTML_IMAGE_H
#define JM_HTML_IMAGE_H

#include "html_attr.h"

/* Its address as the mail wrote it; the first candidate of srcset stands in
 * for a missing src. */
jm_str_t jm_img_raw(const jm_props_t *props);

/* Writes the whole element, and its alternative text to the plain text. */
void jm_img_write(jm_writer_t *w, xmlNode *node);

#endif /* JM_HTML_IMAGE_H */
