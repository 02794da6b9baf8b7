/*
 * Links: the address checked and written, the text behind it compared with
 * it, both reported.
 *
 * Called by html_judge.c for a and area, by html_plain.c for addresses found
 * in plain text.
 */

#ifndef JM_HTML_LINK_H
#define JM_HTML_LINK_H

#include "html_attr.h"

/* ` href="…"` and what keeps the page it opens away from ours. */
void jm_link_address(jm_writer_t *w, jm_str_t href);

/*
 * Writes the checked address of an `href` attribute, which may be NULL, and
 * sets `url`.  Returns -1 if there is none that may be linked to.
 */
int jm_link_href(jm_writer_t *w, jm_prop_t *prop, jm_url_t *url);

/* In the start tag of an a, before its other attributes. */
void jm_link_start(jm_writer_t *w, jm_props_t *props);

/* At its end tag. */
void jm_link_end(jm_writer_t *w);

#endif /* JM_HTML_LINK_H */
