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
 * Cleans and writes the address of an `href` attribute, which may be NULL;
 * `text` is what stands for the link.  Sets what it was and what it is.
 * Returns -1 if there is none that may be linked to.
 */
int jm_link_href(jm_writer_t *w, jm_prop_t *prop, jm_str_t text, jm_url_t *was,
                 jm_link_clean_t *link);

/*
 * Is the host where a link ends to be its title?  If its text says something
 * else, or if the name's letters may be taken for others.
 */
int jm_link_is_told(jm_writer_t *w, jm_str_t text, jm_str_t host);

/* In the start tag of an a, before its other attributes. */
void jm_link_start(jm_writer_t *w, const xmlNode *node, jm_props_t *props);

/* At its end tag. */
void jm_link_end(jm_writer_t *w);

#endif /* JM_HTML_LINK_H */
