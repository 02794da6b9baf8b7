/*
 * The open report: rows for trackers, warnings, links and images that are held
 * back, each once, in lists of limited length.
 *
 * Called by the files that judge; rows live in the arena and in `out`.
 * Strings that are passed must live as long.
 */

#ifndef JM_HTML_REPORT_H
#define JM_HTML_REPORT_H

#include "html.h"
#include "trackers.h"
#include "url.h"

/* `kind` as in jm_tracker_t.  Vendor and host again: counted, no new row. */
void jm_report_tracker(jm_html_t *out, jm_arena_t *arena, const char *kind,
                       const char *vendor, jm_str_t host);

/* A link that is ready: its row, and a word of warning where it is due. */
void jm_report_link(jm_html_t *out, jm_arena_t *arena, const jm_url_t *url,
                    jm_str_t text);

/*
 * A remote image that is held back; its index is set here.  Returns the row,
 * NULL when the list is full.
 */
const jm_remote_image_t *jm_report_image(jm_html_t *out, jm_arena_t *arena,
                                         const jm_remote_image_t *image);

/*
 * The rule that names this URL a tracker, or NULL.  Google's and Yahoo's image
 * proxies carry the true URL behind "#": `url` becomes that one.
 */
const jm_tracker_rule_t *jm_report_rule(jm_arena_t *arena, jm_url_t *url);

/* An image URL that will not be shown: is it worth a tracker's row? */
void jm_report_background(jm_html_t *out, jm_arena_t *arena, const char *kind,
                          jm_str_t raw);

#endif /* JM_HTML_REPORT_H */
