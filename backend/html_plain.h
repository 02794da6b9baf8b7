/*
 * From plain text to HTML: escaped, addresses made links, quotation marks made
 * quotes.  Called by html.c for mails that have no HTML.
 */

#ifndef JM_HTML_PLAIN_H
#define JM_HTML_PLAIN_H

#include "html_write.h"

/* Writes our wrapper with the text in it. */
void jm_plain_write(jm_writer_t *w, jm_str_t text);

#endif /* JM_HTML_PLAIN_H */
