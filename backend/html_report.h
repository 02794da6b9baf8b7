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
#include "link_clean.h"
#include "pixel.h"
#include "url.h"

/*
 * `kind` as in jm_tracker_t; `vendor` NULL if it is not known.  The same again
 * is counted, no new row.  Returns the row, NULL when the list is full.
 */
jm_tracker_t *jm_report_tracker(jm_html_t *out, jm_arena_t *arena,
                                const char *kind, const char *vendor,
                                jm_str_t host);

/* The same by a verdict, and what only may be one. */
void jm_report_pixel(jm_html_t *out, jm_arena_t *arena, const char *kind,
                     const jm_pixel_t *pixel, jm_str_t host);
void jm_report_possible(jm_html_t *out, jm_arena_t *arena, jm_str_t host);

/* A link that is ready, and what it was: its row, its tracker's, and a word of
 * warning where it is due. */
void jm_report_link(jm_html_t *out, jm_arena_t *arena, const jm_url_t *was,
                    const jm_link_clean_t *link, jm_str_t text);

/* Does the text name another site than the one where the link ends? */
int jm_report_is_lie(jm_arena_t *arena, jm_str_t text, jm_str_t host);

/*
 * A remote image that is held back; its index is set here.  Returns the row,
 * NULL when the list is full.
 */
const jm_remote_image_t *jm_report_image(jm_html_t *out, jm_arena_t *arena,
                                         const jm_remote_image_t *image);

/*
 * An image URL that will not be shown: is it worth a tracker's row?  Returns
 * the URL if it is a remote picture and no tracker, else an empty string.
 */
jm_str_t jm_report_background(jm_html_t *out, jm_arena_t *arena,
                              const char *kind, jm_str_t raw);

/* A warning: so many characters of text cannot be seen. */
void jm_report_hidden(jm_html_t *out, jm_arena_t *arena, size_t characters);

/* When all is read: the vendors of rows that have none, from other rows and
 * the mail's header, else "unknown". */
void jm_report_finish(jm_html_t *out, jm_arena_t *arena);

/*
 * The trackers taken out, for people: "3 trackers removed: Mailchimp, HubSpot
 * and 1 unknown".  Counted by vendor and host.
 */
jm_str_t jm_report_sentence(const jm_html_t *out, jm_arena_t *arena);

#endif /* JM_HTML_REPORT_H */
