/*
 * From the tree to plain text: which element begins a line, a paragraph, a
 * list item or a cell.  The lines themselves are text.c's.
 *
 * Called by html_judge.c at the start and end of each element that is shown.
 */

#ifndef JM_HTML_TEXT_H
#define JM_HTML_TEXT_H

#include "html_write.h"

/* Before an element's content. */
void jm_html_text_start(jm_writer_t *w, const jm_written_t *open,
                        xmlNode *node);

/* Behind it. */
void jm_html_text_end(jm_writer_t *w, const jm_written_t *open);

#endif /* JM_HTML_TEXT_H */
